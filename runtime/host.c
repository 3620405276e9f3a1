#include "host.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { SIGNALS_MAX = 8, POLLS_PER_TURN = 31 };
static const ev_tstamp pulse_seconds = 0.2;

struct mw_host {
    struct ev_loop *loop;
    uint64_t last_id, last_seq;
    int64_t last_time_ns;
    void (*on_event)(void *arg, const struct mw_event *event);
    void *on_event_arg;
    ev_signal signals[SIGNALS_MAX];
    int signal_count;
    void (*poll)(void *arg);
    void *poll_arg;
    struct mw_recorder *recorder;
    _Atomic uint64_t *turns, own_turns; /* turns: own_turns while nobody else counts */
    ev_timer pulse;
    bool is_stopped, is_spinning;
    int status;
};

/* The turn is what it is for. */
static void on_pulse(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)timer;
    (void)revents;
}

struct mw_host *mw_host_new(struct mw_err *err)
{
    struct mw_host *host = calloc(1, sizeof *host);
    if (!host) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    host->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!host->loop) {
        mw_err_set(err, "no event loop: the kernel offers none that libev can use");
        free(host);
        return NULL;
    }
    host->turns = &host->own_turns;
    ev_init(&host->pulse, on_pulse);
    return host;
}

void mw_host_free(struct mw_host *host)
{
    if (!host)
        return;
    for (int i = 0; i < host->signal_count; i++)
        ev_signal_stop(host->loop, &host->signals[i]);
    ev_timer_stop(host->loop, &host->pulse);
    ev_loop_destroy(host->loop);
    free(host);
}

struct ev_loop *mw_host_loop(struct mw_host *host)
{
    return host->loop;
}

void mw_host_count_turns(struct mw_host *host, _Atomic uint64_t *turns)
{
    host->turns = turns;
    ev_timer_set(&host->pulse, pulse_seconds, pulse_seconds);
    ev_timer_start(host->loop, &host->pulse);
}

void mw_host_set_recorder(struct mw_host *host, struct mw_recorder *recorder)
{
    host->recorder = recorder;
}

struct mw_recorder *mw_host_recorder(const struct mw_host *host)
{
    return host->recorder;
}

uint64_t mw_host_next_id(struct mw_host *host)
{
    return ++host->last_id;
}

int64_t mw_host_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t mw_host_event_age_ns(const struct mw_host *host)
{
    return mw_host_clock_ns() - host->last_time_ns;
}

void mw_host_listen(struct mw_host *host, void (*on_event)(void *arg, const struct mw_event *event),
                    void *arg)
{
    host->on_event = on_event;
    host->on_event_arg = arg;
}

void mw_host_emit(struct mw_host *host, struct mw_event *event)
{
    event->seq = ++host->last_seq;
    event->time_ns = host->last_time_ns = mw_host_clock_ns();
    if (host->on_event)
        host->on_event(host->on_event_arg, event);
}

/* What is done while nothing happens. */
struct chores {
    bool (*idle)(void *arg);
    void *arg;
    uint64_t seq; /* of the last event that was seen */
    bool any;     /* something is left to do */
};

/* A piece of it, if nothing came since the last one. */
static void do_chores(const struct mw_host *host, struct chores *chores)
{
    if (host->last_seq != chores->seq)
        chores->any = chores->idle != NULL;
    else if (chores->any)
        chores->any = chores->idle(chores->arg);
    chores->seq = host->last_seq;
}

/* One writer: no locked addition. */
static void end_turn(struct mw_host *host)
{
    uint64_t turns = atomic_load_explicit(host->turns, memory_order_relaxed);
    atomic_store_explicit(host->turns, turns + 1, memory_order_relaxed);
}

int mw_host_run(struct mw_host *host, bool (*idle)(void *arg), void *arg)
{
    struct chores chores = {.idle = idle, .arg = arg, .any = idle != NULL};
    while (!host->is_stopped) {
        for (int i = 0; host->is_spinning && host->poll && i < POLLS_PER_TURN; i++) {
            host->poll(host->poll_arg);
            do_chores(host, &chores);
            end_turn(host);
        }
        ev_run(host->loop, host->is_spinning || chores.any ? EVRUN_NOWAIT : EVRUN_ONCE);
        do_chores(host, &chores);
        end_turn(host);
    }
    return host->status;
}

void mw_host_stop(struct mw_host *host, int status)
{
    host->is_stopped = true;
    host->status = status;
    ev_break(host->loop, EVBREAK_ALL);
}

bool mw_host_is_stopped(const struct mw_host *host)
{
    return host->is_stopped;
}

void mw_host_set_spin(struct mw_host *host, bool spin)
{
    host->is_spinning = spin;
}

void mw_host_on_spin(struct mw_host *host, void (*poll)(void *arg), void *arg)
{
    host->poll = poll;
    host->poll_arg = arg;
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct mw_event event = {.kind = MW_EVENT_signal, .num = watcher->signum};
    mw_host_emit(watcher->data, &event);
}

int mw_host_watch_signal(struct mw_host *host, int signal_number, struct mw_err *err)
{
    if (host->signal_count == SIGNALS_MAX) {
        mw_err_set(err, "watch signal %d: %d signals are watched already", signal_number,
                   SIGNALS_MAX);
        return -1;
    }
    ev_signal *watcher = &host->signals[host->signal_count++];
    ev_signal_init(watcher, on_signal, signal_number);
    watcher->data = host;
    ev_signal_start(host->loop, watcher);
    sigset_t unblocked; /* who started us may have held it back until somebody listens */
    sigemptyset(&unblocked);
    sigaddset(&unblocked, signal_number);
    (void)sigprocmask(SIG_UNBLOCK, &unblocked, NULL); /* cannot fail */
    return 0;
}
