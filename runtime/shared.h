/* shared.h: what guardian and runtime know of each other, in memory that both map. The runtime says
 * what it is doing; the guardian reads it when the runtime cannot speak any more. Written with
 * plain stores: each field has one writer. */
#ifndef MW_SHARED_H
#define MW_SHARED_H

#include "err.h"

#include <stdatomic.h>
#include <stdint.h>

enum { MW_NAMES_MAX = 1024, MW_NAME_MAX = 96, MW_LOCKS_MAX = 32, MW_SHARED_TEXT_MAX = 256 };
enum { MW_SLOW_PART = 10 }; /* a callback is slow from this part of its limit on */

enum mw_interrupt { MW_INTERRUPT_NONE, MW_INTERRUPT_TIME, MW_INTERRUPT_MEMORY };
enum mw_journal_state { MW_JOURNAL_OK, MW_JOURNAL_FAILING };

/* What the configuration wants of the guardian; written by the child that reads it first. */
struct mw_plan {
    char journal_path[4096];   /* "": none */
    char config[4096];         /* the configuration's path, */
    char config_text[1 << 20]; /* and what stood in it */
    char name[64];             /* of the runtime */
    int64_t hang_limit_ns, callback_limit_ns, memory_limit_bytes, journal_max_bytes,
        journal_max_age_ns;
    int32_t restart, cancel_on_crash;
    int32_t log_level, is_log_json; /* as in log.h */
    uint32_t lock_count;
    struct {
        char path[4096]; /* a file to lock; without a slash: in the directory of lock.h */
        char what[160];  /* "venues.idx: this account is traded already": for the message */
    } locks[MW_LOCKS_MAX];
    int32_t is_complete;
};

struct mw_shared {
    /* Written by the runtime. */
    _Atomic uint64_t turns;     /* finished turns of the loop */
    _Atomic uint64_t waits;     /* looks at a full ring: it waits for the guardian */
    _Atomic uint64_t event;     /* sequence number of the event that is being handled */
    _Atomic uint64_t callbacks; /* odd: a callback of a strategy is running */
    _Atomic uint32_t callback;  /* which: its place in names */
    _Atomic uint32_t name_count;
    _Atomic uint32_t open_orders; /* ours: open, pending or unknown */
    _Atomic uint32_t is_leaving;  /* the end is wanted: an exit is no crash */
    _Atomic uint32_t ended;       /* enum mw_interrupt: why the callback that runs was ended */
    char names[MW_NAMES_MAX]
              [MW_NAME_MAX]; /* "strategy ladder, on_fill (strategies/ladder.lua:34)" */

    /* Written by the guardian, and then SIGUSR2 (once `turns` is not 0, and again every 50 ms while
     * it lasts). A callback that is not the one that was meant any more is left alone. */
    _Atomic uint64_t interrupt_of;  /* the value of `callbacks` that was seen: written first */
    _Atomic uint32_t interrupt;     /* enum mw_interrupt */
    _Atomic uint32_t slow_callback; /* a callback that was at it for long, as in `callback`, */
    _Atomic uint64_t slow_of;       /* and the value of `callbacks`: written after it */
    _Atomic uint32_t journal_state; /* enum mw_journal_state */
    char journal_problem[MW_SHARED_TEXT_MAX];

    struct mw_plan plan;
};

/* Zeroed memory that a fork shares. NULL and `err` without memory. */
MW_MUST_USE struct mw_shared *mw_shared_new(struct mw_err *err);
void mw_shared_free(struct mw_shared *shared); /* takes NULL */

/* By whoever watches: the callback with that number has been running for long. */
void mw_shared_mark_slow(struct mw_shared *shared, uint64_t number);

#endif
