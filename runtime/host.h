/* host.h: the event loop, the clock, the ids, and the one place where events leave the host.
 * Knows no socket and no Lua: ws*.c, http.c, server*.c and timer.c emit, script.c listens. */
#ifndef MW_HOST_H
#define MW_HOST_H

#include "err.h"
#include "event.h"

#include <ev.h>
#include <stdbool.h>

struct mw_host;
struct mw_recorder;

MW_MUST_USE struct mw_host *mw_host_new(struct mw_err *err);
void mw_host_free(struct mw_host *host); /* takes NULL; frees what is attached to the loop last */

struct ev_loop *mw_host_loop(struct mw_host *host);
uint64_t mw_host_next_id(struct mw_host *host); /* 1, 2, 3, ...: one series for everything */

/* Counts the finished turns of the loop there (one writer), and turns it five times a second at
 * least: one that stands still is then one that hangs, not one that has nothing to do. */
void mw_host_count_turns(struct mw_host *host, _Atomic uint64_t *turns);

/* Where the mechanisms on this host record what they do before they do it. NULL: nowhere. */
void mw_host_set_recorder(struct mw_host *host, struct mw_recorder *recorder);
struct mw_recorder *mw_host_recorder(const struct mw_host *host);

/* UTC now, ns since 1970. */
int64_t mw_host_clock_ns(void);

/* How long ago the event that is being handled was stamped, ns. */
int64_t mw_host_event_age_ns(const struct mw_host *host);

/* Who hears of events. One listener; set before the first event. */
void mw_host_listen(struct mw_host *host, void (*on_event)(void *arg, const struct mw_event *event),
                    void *arg);

/* Stamps the event with number and time and hands it to the listener. Only from a callback of the
 * loop, never from inside a call that Lua made: the door does not nest. `event` and what it points
 * to stay the caller's. */
void mw_host_emit(struct mw_host *host, struct mw_event *event);

/* Runs until mw_host_stop and returns the status given there. `idle` is called when a look found
 * nothing to do after one that did, until it returns false (it has no more to do); may be NULL. */
int mw_host_run(struct mw_host *host, bool (*idle)(void *arg), void *arg);
void mw_host_stop(struct mw_host *host, int status);
bool mw_host_is_stopped(const struct mw_host *host);

/* Spinning: the loop polls without sleeping, which saves the wake-up and costs a core. */
void mw_host_set_spin(struct mw_host *host, bool spin);
/* What a spinning loop asks more often than the kernel's list of ready sockets, which costs as much
 * as a read of one: reads what there is and emits it. One poller a host. */
void mw_host_on_spin(struct mw_host *host, void (*poll)(void *arg), void *arg);
/* A signal becomes an event of kind `signal`. Fails for more than 8 of them. */
MW_MUST_USE int mw_host_watch_signal(struct mw_host *host, int signal_number, struct mw_err *err);

#endif
