#include "test.h"
#include "timer.h"

#include <stdbool.h>

enum { TIMERS = 3000 }; /* more than there are buckets */

static struct mw_host *host;
static struct mw_timers *timers;
static struct mw_err err;
static uint64_t fired[TIMERS + 10];
static size_t fired_count, wanted;
static void (*hook)(uint64_t id);

static void on_event(void *arg, const struct mw_event *event)
{
    (void)arg;
    CHECK_INT(event->kind, MW_EVENT_timer);
    if (fired_count < sizeof fired / sizeof fired[0])
        fired[fired_count++] = event->id;
    if (hook)
        hook(event->id);
    if (fired_count == wanted)
        mw_host_stop(host, 0);
}

static void open_all(void)
{
    host = mw_host_new(&err);
    timers = mw_timers_new(host, &err);
    mw_host_listen(host, on_event, NULL);
    fired_count = 0;
    hook = NULL;
}

static void close_all(void)
{
    mw_timers_free(timers);
    mw_host_free(host);
}

static uint64_t start(double seconds)
{
    uint64_t id = mw_timer_start(timers, seconds, &err);
    CHECK(id != 0);
    return id;
}

/* Waits for exactly `count` of them. */
static void wait_for(size_t count)
{
    wanted = count;
    CHECK_INT(mw_host_run(host, NULL, NULL), 0);
    ev_run(mw_host_loop(host), EVRUN_NOWAIT);
    CHECK_INT(fired_count, count);
}

/* Until all timers of the next `ms` are due in one turn of the loop. */
static void be_late(int ms)
{
    int64_t until_ns = mw_host_clock_ns() + ms * INT64_C(1000000);
    while (mw_host_clock_ns() < until_ns)
        continue;
}

static void order(void)
{
    static const int delays_ms[] = {5, 1, 9, 3, 7, 2, 8, 4, 6};
    for (int late = 0; late < 2; late++) {
        uint64_t ids[10] = {0};
        open_all();
        for (int i = 0; i < 9; i++)
            ids[delays_ms[i]] = start(delays_ms[i] * .02); /* far apart, also on a slow machine */
        if (late)
            be_late(250);
        wait_for(9);
        for (int ms = 1; ms <= 9; ms++)
            CHECK_INT(fired[ms - 1], ids[ms]);
        close_all();
    }
}

static void at_once(void)
{
    uint64_t ids[100];
    open_all();
    for (int i = 0; i < 100; i++)
        ids[i] = start(0);
    CHECK_INT(fired_count, 0); /* never from inside the call */
    wait_for(100);
    for (int i = 0; i < 100; i++)
        CHECK_INT(fired[i], ids[i]);
    close_all();
}

static void not_early(void)
{
    open_all();
    be_late(20); /* the loop's own idea of now is old */
    int64_t begun_ns = mw_host_clock_ns();
    (void)start(0.03);
    wait_for(1);
    CHECK(mw_host_clock_ns() - begun_ns >= 29900000);
    close_all();
}

static void stopped(void)
{
    open_all();
    uint64_t first = start(0.002), second = start(0.001), third = start(0.003);
    mw_timer_stop(timers, second);
    mw_timer_stop(timers, second); /* twice, and one that never was */
    mw_timer_stop(timers, 123456);
    wait_for(2);
    CHECK_INT(fired[0], first);
    CHECK_INT(fired[1], third);
    mw_timer_stop(timers, first); /* it has fired */
    uint64_t fourth = start(0);
    CHECK(fourth > third);
    mw_timer_stop(timers, first); /* and does not stop who has its place now */
    mw_timer_stop(timers, second);
    wanted = 3;
    while (fired_count < 3)
        ev_run(mw_host_loop(host), EVRUN_ONCE);
    CHECK_INT(fired[2], fourth);
    close_all();
}

static uint64_t victim;

static void stop_victim(uint64_t id)
{
    if (id != victim)
        mw_timer_stop(timers, victim);
    mw_timer_stop(timers, id); /* its own: it is gone already */
}

static void stopped_by_another(void)
{
    open_all();
    hook = stop_victim;
    (void)start(0.001);
    victim = start(0.002);
    (void)start(0.003);
    be_late(5); /* all of them are due: the victim must not fire all the same */
    wait_for(2);
    CHECK(fired[0] != victim && fired[1] != victim);
    close_all();
}

static void start_another(uint64_t id)
{
    if (fired_count < 50)
        CHECK(start(0) > id);
}

static void started_by_another(void)
{
    open_all();
    hook = start_another;
    (void)start(0);
    wait_for(50);
    for (int i = 1; i < 50; i++)
        CHECK(fired[i] > fired[i - 1]);
    close_all();
}

static void many(void)
{
    static bool seen[2 * TIMERS + 2];
    uint64_t ids[TIMERS];
    open_all();
    for (int i = 0; i < TIMERS; i++)
        ids[i] = start((i * 7919 % 1000) / 100000.);
    for (int i = 0; i < TIMERS; i += 3)
        mw_timer_stop(timers, ids[i]);
    wait_for(TIMERS - TIMERS / 3);
    for (size_t i = 0; i < fired_count; i++) {
        CHECK(fired[i] < sizeof seen && !seen[fired[i]]);
        seen[fired[i] % sizeof seen] = true;
    }
    for (int i = 0; i < TIMERS; i++)
        CHECK_INT(seen[ids[i]], i % 3 != 0);
    close_all();
}

static void freed(void)
{
    open_all();
    for (int i = 0; i < 2000; i++)
        (void)start(i);
    mw_timer_stop(timers, 5);
    mw_timers_free(timers);
    mw_timers_free(NULL);
    be_late(1);
    ev_run(mw_host_loop(host), EVRUN_NOWAIT);
    CHECK_INT(fired_count, 0);
    timers = NULL;
    close_all();
}

static const struct test_case cases[] = {
    {"timers fire in the order of their times, also when all are late", order},
    {"timers without a delay fire in the order of their start, and later", at_once},
    {"a timer that is started late in a long turn does not fire early", not_early},
    {"a stopped timer does not fire, and a fired one is not stopped", stopped},
    {"a timer that is due can still be stopped", stopped_by_another},
    {"a timer may start the next one", started_by_another},
    {"thousands of timers fire once each, or not at all", many},
    {"timers that are freed do not fire", freed},
};
TEST_MAIN(cases)
