/* watchdog.h: looks at what a runtime says of itself (shared.h) and tells what is to be done about
 * it. Pure: time and memory are given. */
#ifndef MW_WATCHDOG_H
#define MW_WATCHDOG_H

#include "shared.h"

#include <stdbool.h>

enum mw_watch {
    MW_WATCH_FINE,
    MW_WATCH_LATE,    /* a callback runs for too long: interrupt it (again each 50 ms) */
    MW_WATCH_LARGE,   /* too much memory: interrupt, let it collect (again each 50 ms) */
    MW_WATCH_BLOATED, /* still too much after large_limit_ns: ask it to stop; once */
    MW_WATCH_HUNG,    /* no turn of the loop, or bloated and no end: kill */
};

struct mw_watchdog {
    int64_t hang_limit_ns, callback_limit_ns, memory_limit_bytes; /* 0: no limit */
    int64_t large_limit_ns; /* how long it may be above memory_limit_bytes */
    /* Its own: zero at first. */
    uint64_t turns, waits, callbacks;
    int64_t looked_ns, still_ns, callback_ns, large_ns, interrupted_ns;
    bool was_told;
};

enum { MW_WATCH_START_SECONDS = 60 }; /* until the first turn: loading */

/* While the runtime waits for room in the ring no time passes for it, unless the journal fails:
 * then its wait has no end. `rss_bytes` < 0: not looked at this time. */
enum mw_watch mw_watchdog_look(struct mw_watchdog *dog, const struct mw_shared *shared,
                               int64_t now_ns, int64_t rss_bytes);

/* Whether the callback that was seen running is slow; it may go on. */
bool mw_watchdog_sees_slow(const struct mw_watchdog *dog);

#endif
