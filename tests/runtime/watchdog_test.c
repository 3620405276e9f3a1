/* What the watchdog makes of what a runtime says of itself; hours pass at once. */
#include "watchdog.h"
#include "test.h"

#include <stdlib.h>

#define MS INT64_C(1000000)
#define MB INT64_C(1048576)

static struct mw_shared *shared;
static struct mw_watchdog dog;
static int64_t now;

static void begin(void)
{
    free(shared);
    shared = calloc(1, sizeof *shared);
    dog = (struct mw_watchdog){.hang_limit_ns = 10000 * MS,
                               .callback_limit_ns = 1000 * MS,
                               .memory_limit_bytes = 1024 * MB,
                               .large_limit_ns = 10000 * MS};
    now = 1000 * MS;
    shared->turns = 1;
}

/* Looks each 50 ms for so long, until something is to be done; the loop turns meanwhile, or not. */
static enum mw_watch pass(int64_t ms, bool turns, int64_t memory)
{
    for (int64_t left = ms; left > 0; left -= 50) {
        now += 50 * MS;
        if (turns)
            shared->turns++;
        enum mw_watch what = mw_watchdog_look(&dog, shared, now, memory);
        if (what != MW_WATCH_FINE)
            return what;
    }
    return MW_WATCH_FINE;
}

static void test_hang(void)
{
    begin();
    CHECK_INT(pass(3600000, true, -1), MW_WATCH_FINE);
    CHECK_INT(pass(9900, false, -1), MW_WATCH_FINE);
    CHECK_INT(pass(300, true, -1), MW_WATCH_FINE); /* it was slow, no more */
    int64_t began = now;
    CHECK_INT(pass(20000, false, -1), MW_WATCH_HUNG);
    CHECK(now - began > 10000 * MS && now - began < 10200 * MS);
}

/* Looks each 50 ms; the runtime asks for room in the ring all the time. */
static enum mw_watch wait_for_room(int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 50) {
        shared->waits += 500;
        enum mw_watch what = pass(50, false, -1);
        if (what != MW_WATCH_FINE)
            return what;
    }
    return MW_WATCH_FINE;
}

static void test_full_ring(void)
{
    begin();
    shared->callbacks = 1;
    CHECK_INT(wait_for_room(3600000), MW_WATCH_FINE);
    CHECK(!mw_watchdog_sees_slow(&dog));
    CHECK_INT(pass(2000, false, -1), MW_WATCH_LATE); /* there is room, and it goes on for long */
    shared->callbacks = 2;
    shared->journal_state = MW_JOURNAL_FAILING;
    int64_t began = now;
    CHECK_INT(wait_for_room(20000), MW_WATCH_HUNG);
    CHECK(now - began <= 10100 * MS);
}

static void test_start(void)
{
    begin();
    shared->turns = 0;
    int64_t began = now;
    CHECK_INT(pass(100000, false, -1), MW_WATCH_HUNG);
    CHECK(now - began > 59000 * MS && now - began < 61000 * MS);
}

/* A machine that slept, or a guardian that was stopped: nobody saw the runtime stand still. */
static void test_own_absence(void)
{
    begin();
    CHECK_INT(pass(1000, false, -1), MW_WATCH_FINE);
    now += 3600000 * MS;
    CHECK_INT(pass(8000, false, -1), MW_WATCH_FINE);
    CHECK_INT(pass(2000, false, -1), MW_WATCH_HUNG);
}

static void test_callback(void)
{
    begin();
    shared->callbacks = 7;
    CHECK_INT(pass(1000, true, -1), MW_WATCH_FINE);
    CHECK_INT(pass(100, true, -1), MW_WATCH_LATE);
    CHECK_INT(mw_watchdog_look(&dog, shared, now + 10 * MS, -1), MW_WATCH_FINE);
    CHECK_INT(mw_watchdog_look(&dog, shared, now + 60 * MS, -1), MW_WATCH_LATE); /* again */
    shared->callbacks = 8;
    CHECK_INT(pass(5000, true, -1), MW_WATCH_FINE);
    for (int i = 0; i < 100; i++) { /* many, none of them long */
        shared->callbacks += 2;
        CHECK_INT(pass(500, true, -1), MW_WATCH_FINE);
    }
    dog.callback_limit_ns = 0;
    shared->callbacks = 9;
    CHECK_INT(pass(60000, true, -1), MW_WATCH_FINE);
}

static void test_memory(void)
{
    begin();
    CHECK_INT(pass(60000, true, 1024 * MB), MW_WATCH_FINE);
    CHECK_INT(pass(100, true, 1025 * MB), MW_WATCH_LARGE);
    CHECK_INT(pass(100, true, 1000 * MB), MW_WATCH_FINE); /* it collected */
    int told = 0, asked = 0;
    int64_t began = now;
    for (int i = 0; i < 240; i++) {
        enum mw_watch what = pass(50, true, i % 2 ? -1 : 2000 * MB);
        told += what == MW_WATCH_BLOATED;
        asked += what == MW_WATCH_LARGE;
        if (what == MW_WATCH_BLOATED)
            CHECK(now - began > 10000 * MS && now - began < 10200 * MS);
    }
    CHECK_INT(told, 1);
    CHECK(asked > 100);
    CHECK_INT(pass(60000, true, 2000 * MB), MW_WATCH_HUNG); /* it was asked, and did not go */
    CHECK(now - began < 21000 * MS);
    dog.memory_limit_bytes = 0;
    CHECK_INT(pass(60000, true, 100000 * MB), MW_WATCH_FINE);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"a loop that stands still for hang_limit hangs", test_hang},
        {"a runtime that waits for room in the ring does not hang, unless the journal fails",
         test_full_ring},
        {"until its first turn it has a minute", test_start},
        {"what happened while nobody looked does not count", test_own_absence},
        {"a callback beyond its limit is interrupted, again and again", test_callback},
        {"memory beyond the limit: collect, then stop, then end", test_memory},
    };
    int status = test_main(cases, sizeof cases / sizeof *cases);
    free(shared);
    return status;
}
