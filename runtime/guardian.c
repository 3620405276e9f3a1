#include "guardian.h"
#include "budget.h"
#include "guardian_state.h"
#include "host.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BUSY_MS = 10, /* how often it looks while anything happens, */
    IDLE_MS = 50, /* and while nothing does, */
    POUR_MS = 1,  /* and while very much does */
    MEMORY_LOOK_MS = 100,
    LAST_WRITES_MS = 5000, /* at the end a failing journal is tried again for so long */
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * MW_SECOND + now.tv_nsec;
}

static void nap(int64_t ns)
{
    struct timespec time = {.tv_nsec = ns};
    (void)nanosleep(&time, NULL); /* woken earlier by a signal: no harm */
}

static void watched_signals(sigset_t *set)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(set, watched[i]);
}

/* The table ------------------------------------------------------------------------------------ */

struct step {
    enum state next;
    enum event (*act)(struct guardian *g); /* what follows from it at once */
};

/* What is not in it changes nothing. */
static const struct step steps[STATES][EVENTS] = {
    [PLANNING] = {[PLANNED] = {RUNNING, mw_act_start},
                  [REFUSED] = {DONE, mw_act_end},
                  [DIED] = {DONE, mw_act_end_plan},
                  [STOP] = {DONE, mw_act_drop_plan}},
    [RUNNING] = {[REFUSED] = {DONE, mw_act_end},
                 [LEFT] = {DONE, mw_act_end_run},
                 [DIED] = {SWEEPING, mw_act_take_over},
                 [HUNG] = {RUNNING, mw_act_kill_child},
                 [BLOATED] = {STOPPING, mw_act_stop_bloated},
                 [CHOKED] = {STOPPING, mw_act_stop_choked},
                 [STOP] = {STOPPING, mw_act_ask_to_stop}},
    [STOPPING] = {[LEFT] = {DONE, mw_act_end_run},
                  [DIED] = {SWEEPING, mw_act_take_over},
                  [HUNG] = {STOPPING, mw_act_kill_child},
                  [STOP] = {STOPPING, mw_act_ask_again}},
    [SWEEPING] = {[SWEPT] = {WAITING, mw_act_back_off},
                  [UNSWEPT] = {DONE, mw_act_say_unswept},
                  [DIED] = {SWEEPING, mw_act_sweep_again},
                  [HUNG] = {SWEEPING, mw_act_kill_child},
                  [STOP] = {SWEEPING, mw_act_note_stop},
                  [TIME] = {SWEEPING, mw_act_start_sweeper}},
    [WAITING] = {[REFUSED] = {DONE, mw_act_end},
                 [STOP] = {DONE, mw_act_end},
                 [TIME] = {PLANNING, mw_act_plan}},
};

static void fire(struct guardian *g, enum event event)
{
    while (event != NOTHING && g->state != DONE) {
        const struct step *step = &steps[g->state][event];
        if (!step->act)
            return;
        g->state = step->next;
        event = step->act(g);
    }
}

/* Where events come from ----------------------------------------------------------------------- */

static enum event event_of_exit(struct guardian *g)
{
    int status = g->wait_status;
    bool has_left = WIFEXITED(status) && g->shared->is_leaving;
    switch (g->child.role) {
    case MW_ROLE_PLANNER:
        if (has_left && WEXITSTATUS(status) == 0 && g->shared->plan.is_complete)
            return PLANNED;
        if (WIFEXITED(status))
            g->status = WEXITSTATUS(status);
        return WIFEXITED(status) ? REFUSED : DIED;
    case MW_ROLE_RUNTIME:
        return has_left ? LEFT : DIED;
    case MW_ROLE_SWEEPER:
        break;
    }
    if (!has_left)
        return DIED;
    mw_drain_all(&g->drain, g->now_ns);
    mw_drain_end_run(&g->drain, "swept");
    return WEXITSTATUS(status) == 0 ? SWEPT : UNSWEPT;
}

static void reap(struct guardian *g)
{
    if (g->pid <= 0 || waitpid(g->pid, &g->wait_status, WNOHANG) != g->pid)
        return;
    g->pid = 0;
    fire(g, event_of_exit(g));
}

static void interrupt(struct guardian *g, enum mw_interrupt why)
{
    g->shared->interrupt_of = g->dog.callbacks;
    g->shared->interrupt = why;
    if (g->dog.turns != 0)
        mw_guardian_tell(g, SIGUSR2);
}

static void watch(struct guardian *g)
{
    int64_t memory = -1;
    if (g->pid <= 0 || g->child.role == MW_ROLE_PLANNER || g->was_killed)
        return;
    if (g->dog.memory_limit_bytes && g->now_ns - g->weighed_ns >= MEMORY_LOOK_MS * MW_MS) {
        g->weighed_ns = g->now_ns;
        memory = mw_budget_memory(g->pid);
    }
    enum mw_watch seen = mw_watchdog_look(&g->dog, g->shared, g->now_ns, memory);
    if (mw_watchdog_sees_slow(&g->dog))
        mw_shared_mark_slow(g->shared, g->dog.callbacks);
    switch (seen) {
    case MW_WATCH_FINE:
        break;
    case MW_WATCH_LATE:
        interrupt(g, MW_INTERRUPT_TIME);
        break;
    case MW_WATCH_LARGE:
        interrupt(g, MW_INTERRUPT_MEMORY);
        break;
    case MW_WATCH_BLOATED:
        fire(g, BLOATED);
        break;
    case MW_WATCH_HUNG:
        fire(g, HUNG);
        break;
    }
}

static int64_t until_next_look_ns(const struct guardian *g, bool is_busy)
{
    if (g->drain.has_more)
        return 0;
    return (g->drain.is_pouring ? POUR_MS : is_busy ? BUSY_MS : IDLE_MS) * MW_MS;
}

/* Waits for a signal, at most until the next look. */
static void wait_and_hear(struct guardian *g, bool is_busy)
{
    sigset_t set;
    struct timespec limit = {.tv_nsec = until_next_look_ns(g, is_busy)};
    watched_signals(&set);
    int number = sigtimedwait(&set, NULL, &limit);
    g->now_ns = monotonic_ns();
    if (number == SIGINT || number == SIGTERM) {
        g->stop_signal = number;
        fire(g, STOP);
    }
    if (number == SIGHUP && g->child.role == MW_ROLE_RUNTIME)
        mw_guardian_tell(g, SIGHUP);
}

static void live(struct guardian *g)
{
    bool is_busy = true;
    g->now_ns = monotonic_ns();
    fire(g, mw_act_plan(g));
    while (g->state != DONE) {
        wait_and_hear(g, is_busy);
        is_busy = mw_drain_step(&g->drain, g->now_ns) || g->shared->callbacks % 2 == 1 ||
                  g->pid <= 0 || g->child.role != MW_ROLE_RUNTIME;
        reap(g);
        watch(g);
        if (g->drain.is_failing && mw_drain_level(&g->drain) > 0.75)
            fire(g, CHOKED);
        if (g->due_ns && g->now_ns >= g->due_ns)
            fire(g, TIME);
    }
}

/* What is still in the ring, as long as there is hope. */
static void finish_journal(struct guardian *g)
{
    int64_t give_up = monotonic_ns() + LAST_WRITES_MS * MW_MS;
    mw_drain_all(&g->drain, monotonic_ns());
    while (mw_drain_level(&g->drain) > 0 && monotonic_ns() < give_up) {
        nap(BUSY_MS * MW_MS);
        mw_drain_all(&g->drain, monotonic_ns());
    }
    if (mw_drain_level(&g->drain) > 0)
        mw_logf(g->log, MW_LOG_ERROR, "the end of this run is not in the journal");
    mw_drain_close(&g->drain);
}

int mw_guardian_run(const struct mw_guardian_options *options, struct mw_err *err)
{
    struct guardian g = {.options = options, .status = STATUS_FAILED};
    sigset_t set;
    watched_signals(&set);
    sigaddset(&set, SIGUSR1); /* children: none is lost before their loop watches it */
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTSTP, SIG_IGN);  /* ctrl-z would leave a runtime that nobody watches */
    (void)prctl(PR_SET_DUMPABLE, 0); /* the secrets are in its environment */
    g.child.guardian = getpid();
    g.shared = mw_shared_new(err);
    g.log = g.shared ? mw_log_new(STDERR_FILENO, NULL, err) : NULL;
    if (g.log) {
        g.child.shared = g.drain.shared = g.shared;
        g.drain.log = g.log;
        live(&g);
        finish_journal(&g);
    }
    mw_guardian_unlock(&g);
    mw_ring_free(g.ring);
    mw_log_free(g.log);
    mw_shared_free(g.shared);
    return g.status;
}
