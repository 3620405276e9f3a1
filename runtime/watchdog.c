#include "watchdog.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* A watchdog that was itself stopped for longer has not seen the runtime stand still. */
static const int64_t STEP_MAX = 250 * MS;
static const int64_t AGAIN = 50 * MS;

static int64_t limit_of_turns(const struct mw_watchdog *dog)
{
    int64_t start = MW_WATCH_START_SECONDS * SECOND;
    return dog->turns == 0 && dog->hang_limit_ns < start ? start : dog->hang_limit_ns;
}

/* It stands where it is because the guardian has not made room yet. */
static bool is_held_up(struct mw_watchdog *dog, const struct mw_shared *shared)
{
    uint64_t waits = atomic_load_explicit(&shared->waits, memory_order_relaxed);
    bool has_waited = waits != dog->waits;
    dog->waits = waits;
    return has_waited &&
           atomic_load_explicit(&shared->journal_state, memory_order_relaxed) == MW_JOURNAL_OK;
}

static void observe(struct mw_watchdog *dog, const struct mw_shared *shared, int64_t step)
{
    uint64_t turns = atomic_load_explicit(&shared->turns, memory_order_relaxed);
    uint64_t callbacks = atomic_load_explicit(&shared->callbacks, memory_order_relaxed);
    bool is_free = !is_held_up(dog, shared);
    dog->still_ns = is_free && turns == dog->turns ? dog->still_ns + step : 0;
    if (callbacks != dog->callbacks || callbacks % 2 == 0)
        dog->callback_ns = 0;
    else if (is_free)
        dog->callback_ns += step;
    dog->turns = turns;
    dog->callbacks = callbacks;
}

/* How long it has been too large, or 0; what was not looked at is as it was. */
static void weigh(struct mw_watchdog *dog, int64_t rss_bytes, int64_t step)
{
    bool is_large = rss_bytes < 0 ? dog->large_ns > 0 : rss_bytes > dog->memory_limit_bytes;
    if (!dog->memory_limit_bytes || !is_large) {
        dog->large_ns = 0;
        dog->was_told = false;
        return;
    }
    dog->large_ns += step > 0 ? step : 1;
}

/* An interruption: not more often than the runtime can act on it. */
static enum mw_watch interrupt(struct mw_watchdog *dog, enum mw_watch what, int64_t now_ns)
{
    if (dog->interrupted_ns && now_ns - dog->interrupted_ns < AGAIN)
        return MW_WATCH_FINE;
    dog->interrupted_ns = now_ns;
    return what;
}

enum mw_watch mw_watchdog_look(struct mw_watchdog *dog, const struct mw_shared *shared,
                               int64_t now_ns, int64_t rss_bytes)
{
    int64_t step = dog->looked_ns ? now_ns - dog->looked_ns : 0;
    if (step > STEP_MAX)
        step = STEP_MAX;
    dog->looked_ns = now_ns;
    observe(dog, shared, step);
    weigh(dog, rss_bytes, step);
    if (dog->hang_limit_ns && (dog->still_ns > limit_of_turns(dog) ||
                               dog->large_ns > dog->large_limit_ns + dog->hang_limit_ns))
        return MW_WATCH_HUNG;
    if (dog->callback_limit_ns && dog->callback_ns > dog->callback_limit_ns)
        return interrupt(dog, MW_WATCH_LATE, now_ns);
    if (dog->large_ns > dog->large_limit_ns && !dog->was_told) {
        dog->was_told = true;
        return MW_WATCH_BLOATED;
    }
    if (dog->large_ns > 0 && dog->large_ns <= dog->large_limit_ns)
        return interrupt(dog, MW_WATCH_LARGE, now_ns);
    return MW_WATCH_FINE;
}

bool mw_watchdog_sees_slow(const struct mw_watchdog *dog)
{
    return dog->callback_limit_ns && dog->callback_ns > dog->callback_limit_ns / MW_SLOW_PART;
}
