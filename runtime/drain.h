/* drain.h: the guardian's hand between ring and journal. A journal that fails is an alarm, said at
 * once and each minute, and tried again each second: meanwhile the ring keeps what it holds. */
#ifndef MW_DRAIN_H
#define MW_DRAIN_H

#include "journal.h"
#include "log.h"
#include "ring.h"
#include "shared.h"

#include <stdbool.h>

struct mw_drain {
    struct mw_ring *ring;
    struct mw_shared *shared; /* is told whether the journal fails */
    struct mw_log *log;
    /* Its own: zero at first. */
    struct mw_journal *journal;
    bool is_failing;
    bool has_more;           /* the next step is not to wait for anything, */
    bool is_pouring;         /* or not for long */
    bool is_flooded;         /* so much comes that what can wait does */
    size_t written;          /* of the ring, in the transaction that could not be committed yet */
    uint64_t consumed, seen; /* bytes since the beginning; seen: in the ring, by the last step */
    int64_t retry_ns, said_ns, looked_ns, flooded_ns;
};

/* Opens the journal. -1 and `err` when it cannot be. */
int mw_drain_open(struct mw_drain *drain, const struct mw_journal_options *options,
                  struct mw_err *err);
void mw_drain_close(struct mw_drain *drain);
/* Before a fork: what a child inherits of an open SQLite file would confuse both. */
void mw_drain_pause(struct mw_drain *drain);

/* Without a journal the rest does nothing.
 *
 * Writes some of what is in the ring. Returns whether there was any and it is written. */
bool mw_drain_step(struct mw_drain *drain, int64_t now_ns);
/* All of it with all rows, as long as the journal takes it. */
void mw_drain_all(struct mw_drain *drain, int64_t now_ns);
/* The run is over: `how` it ended. */
void mw_drain_end_run(struct mw_drain *drain, const char *how);

/* How much of the ring is taken, 0 to 1. */
double mw_drain_level(const struct mw_drain *drain);

#endif
