#include "host.h"
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

static struct mw_host *host;
static struct mw_err err;
static struct mw_event last;
static size_t count;

static void on_event(void *arg, const struct mw_event *event)
{
    CHECK(arg == &last);
    last = *event;
    count++;
}

static void open_host(void)
{
    host = mw_host_new(&err);
    CHECK(host);
    mw_host_listen(host, on_event, &last);
    count = 0;
}

static void ids(void)
{
    open_host();
    for (uint64_t i = 1; i <= 1000; i++)
        CHECK_INT(mw_host_next_id(host), i);
    mw_host_free(host);
    mw_host_free(NULL);
}

static void stamps(void)
{
    int64_t before_ns = mw_host_clock_ns(), last_ns = 0;
    CHECK(before_ns > INT64_C(1700000000) * 1000000000); /* ns since 1970, after 2023 */
    CHECK(llabs(before_ns / 1000000000 - (int64_t)time(NULL)) <= 1);
    open_host();
    for (uint64_t i = 1; i <= 1000; i++) {
        struct mw_event event = {.kind = MW_EVENT_timer, .id = 77, .num = (int64_t)i, .data = "x"};
        mw_host_emit(host, &event);
        CHECK_INT(count, i);
        CHECK_INT(last.seq, i);
        CHECK_INT(last.id, 77);
        CHECK_INT(last.num, i);
        CHECK(last.data == event.data);
        CHECK(last.time_ns >= before_ns && last.time_ns >= last_ns);
        CHECK(last.time_ns <= mw_host_clock_ns());
        last_ns = last.time_ns;
    }
    CHECK(mw_host_event_age_ns(host) >= 0);
    while (mw_host_clock_ns() - last_ns < 2000000)
        continue;
    CHECK(mw_host_event_age_ns(host) >= 2000000);
    CHECK(mw_host_event_age_ns(host) < INT64_C(60) * 1000000000);
    CHECK_INT(mw_host_next_id(host), 1); /* events have numbers of their own */
    mw_host_free(host);
}

static void nobody_listens(void)
{
    struct mw_event event = {.kind = MW_EVENT_start};
    host = mw_host_new(&err);
    mw_host_emit(host, &event);
    CHECK_INT(event.seq, 1);
    mw_host_free(host);
}

static void event_names(void)
{
    CHECK_TEXT(mw_event_name(MW_EVENT_start), "start");
    CHECK_TEXT(mw_event_name(MW_EVENT_ws_message), "ws_message");
    CHECK_TEXT(mw_event_name(MW_EVENT_server_ws_close), "server_ws_close");
    CHECK_TEXT(mw_event_name(MW_EVENT_COUNT), "?");
    CHECK_TEXT(mw_event_name(UINT32_MAX), "?");
}

static void stop_on_signal(void *arg, const struct mw_event *event)
{
    on_event(arg, event);
    mw_host_stop(host, 40 + (int)event->num);
}

static void signals(void)
{
    open_host();
    mw_host_listen(host, stop_on_signal, &last);
    CHECK_INT(mw_host_watch_signal(host, SIGUSR1, &err), 0);
    CHECK_INT(mw_host_watch_signal(host, SIGUSR2, &err), 0);
    CHECK_INT(raise(SIGUSR2), 0);
    CHECK_INT(mw_host_run(host, NULL, NULL), 40 + SIGUSR2);
    CHECK_INT(count, 1);
    CHECK_INT(last.kind, MW_EVENT_signal);
    CHECK_INT(last.num, SIGUSR2);
    CHECK_INT(mw_host_run(host, NULL, NULL), 40 + SIGUSR2); /* it is stopped */
    mw_host_free(host);
    CHECK(signal(SIGUSR1, SIG_DFL) == SIG_DFL); /* nothing of it is left */
}

static void too_many_signals(void)
{
    static const int numbers[] = {SIGHUP,  SIGUSR1,  SIGUSR2, SIGALRM,
                                  SIGCHLD, SIGWINCH, SIGURG,  SIGCONT};
    open_host();
    for (size_t i = 0; i < 8; i++)
        CHECK_INT(mw_host_watch_signal(host, numbers[i], &err), 0);
    CHECK_INT(mw_host_watch_signal(host, SIGPIPE, &err), -1);
    CHECK(strstr(err.text, "8 signals are watched already"));
    mw_host_free(host);
}

static void emit_once(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mw_event event = {.kind = MW_EVENT_timer};
    (void)loop;
    (void)revents;
    (void)timer;
    mw_host_emit(host, &event);
}

static int chores, chores_after_last;
static ev_timer soon;

static bool do_chore(void *arg)
{
    CHECK(arg == &chores);
    chores++;
    if (++chores_after_last < 3)
        return true;
    if (count == 2)
        mw_host_stop(host, 7);
    ev_timer_init(&soon, emit_once, 0.01, 0.);
    ev_timer_start(mw_host_loop(host), &soon);
    return false; /* there is no more to do until the next event */
}

static void count_chores(void *arg, const struct mw_event *event)
{
    on_event(arg, event);
    CHECK_INT(chores_after_last, 3); /* so many, and then it slept */
    chores_after_last = 0;
}

static void idle(void)
{
    open_host();
    chores = chores_after_last = 0;
    mw_host_listen(host, count_chores, &last);
    CHECK_INT(mw_host_run(host, do_chore, &chores), 7);
    CHECK_INT(chores, 9); /* three at the start and three after each event */
    ev_timer_stop(mw_host_loop(host), &soon);
    mw_host_free(host);
}

static int turns;

static void count_turns(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
    (void)loop;
    (void)prepare;
    (void)revents;
    turns++;
}

static void stop_now(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)timer;
    (void)revents;
    mw_host_stop(host, 0);
}

static void spinning(void)
{
    int of[2];
    for (int spin = 0; spin < 2; spin++) {
        ev_prepare prepare;
        ev_timer timer;
        open_host();
        turns = 0;
        mw_host_set_spin(host, spin);
        ev_prepare_init(&prepare, count_turns);
        ev_prepare_start(mw_host_loop(host), &prepare);
        ev_timer_init(&timer, stop_now, 0.02, 0.);
        ev_timer_start(mw_host_loop(host), &timer);
        CHECK_INT(mw_host_run(host, NULL, NULL), 0);
        of[spin] = turns;
        ev_prepare_stop(mw_host_loop(host), &prepare);
        mw_host_free(host);
    }
    CHECK(of[0] < 20);
    CHECK(of[1] > 100);
}

/* Nothing happens on this loop: it turns all the same, and each poll of a spinning one counts. */
static void turns_are_counted(void)
{
    for (int spin = 0; spin < 2; spin++) {
        _Atomic uint64_t counted = 0;
        ev_timer timer;
        open_host();
        mw_host_set_spin(host, spin);
        mw_host_count_turns(host, &counted);
        ev_timer_init(&timer, stop_now, 0.9, 0.);
        ev_timer_start(mw_host_loop(host), &timer);
        CHECK_INT(mw_host_run(host, NULL, NULL), 0);
        CHECK(counted >= (spin ? 1000 : 4));
        CHECK(spin || counted <= 6);
        mw_host_free(host);
    }
}

static const struct test_case cases[] = {
    {"ids are 1, 2, 3 and so on", ids},
    {"events are numbered and stamped with the time of day", stamps},
    {"an event that nobody listens to is only counted", nobody_listens},
    {"events have names", event_names},
    {"a signal is an event, and a stopped host says its status", signals},
    {"eight signals can be watched", too_many_signals},
    {"idle work is done after events until there is none", idle},
    {"a spinning host polls and another one sleeps", spinning},
    {"finished turns are counted, also of a loop that has nothing to do", turns_are_counted},
};
TEST_MAIN(cases)
