#include "guardian.h"
#include "budget.h"
#include "drain.h"
#include "host.h"
#include "lock.h"
#include "log.h"
#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

enum {
    RING_BYTES = 64 * 1024 * 1024,
    BUSY_MS = 10, /* how often it looks while anything happens, */
    IDLE_MS = 50, /* and while nothing does */
    MEMORY_LOOK_MS = 100,
    LARGE_SECONDS = 10, /* until it has to give back its memory */
    SWEEP_SECONDS = 10, /* without a turn; a sweep that is slow is better than none */
    SWEEPS_MAX = 5,
    DEATHS_MAX = 5, /* restarts within DEATHS_SECONDS */
    DEATHS_SECONDS = 600,
    LAST_WRITES_MS = 5000, /* at the end a failing journal is tried again for so long */
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
};

/* PLANNING the configuration is being read; STOPPING the runtime was asked to stop; SWEEPING it is
 * dead and its orders are being canceled; WAITING before it starts again. */
enum state { PLANNING, RUNNING, STOPPING, SWEEPING, WAITING, DONE, STATES };

enum event {
    NOTHING,
    PLANNED, /* the planner is done and left a plan */
    REFUSED, /* no plan, a lock is held, no journal, no memory */
    LEFT,    /* the runtime ended because it wanted to */
    DIED,    /* the child ended in any other way */
    HUNG,    /* it does nothing any more, or does not give back its memory */
    BLOATED, /* too much memory for too long */
    CHOKED,  /* the journal fails and the ring is nearly full */
    STOP,    /* SIGINT, SIGTERM */
    TIME,    /* the back-off is over */
    SWEPT,   /* nothing of ours is left open; or that is not wanted */
    UNSWEPT, /* orders are left that could not be canceled */
    EVENTS
};

struct guardian {
    const struct mw_guardian_options *options;
    struct mw_shared *shared;
    struct mw_ring *ring;
    struct mw_log *log;
    struct mw_drain drain;
    struct mw_watchdog dog;
    enum state state;
    int status, least_status; /* of the guardian, when it is DONE */
    struct mw_child child;
    pid_t pid; /* of the child; 0: none */
    int wait_status;
    int locks[MW_LOCKS_MAX];
    uint32_t lock_count;
    int64_t now_ns, due_ns; /* due_ns: when TIME comes; 0: never */
    int64_t weighed_ns;
    int64_t deaths_ns[DEATHS_MAX + 1];
    uint32_t sweeps;
    bool was_killed; /* by us: it hung */
    bool is_to_stop; /* asked to: there will be no restart */
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void nap(int64_t ns)
{
    struct timespec time = {.tv_nsec = ns};
    (void)nanosleep(&time, NULL); /* woken earlier by a signal: no harm */
}

static int64_t seconds_ns(const struct guardian *g, double seconds)
{
    double second = g->options->second > 0 ? g->options->second : 1;
    return (int64_t)(seconds * second * (double)SECOND);
}

/* Children ------------------------------------------------------------------------------------- */

static void watched_signals(sigset_t *set)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(set, watched[i]);
}

bool mw_guardian_is_gone(const struct mw_child *child)
{
    return getppid() != child->guardian;
}

/* In the child. What a terminal sends goes to the guardian alone, and printing never stops us. The
 * signals that the loop will watch stay blocked until it does: none is lost. */
static void become_child(const struct guardian *g)
{
    sigset_t set;
    (void)setpgid(0, 0);
    (void)signal(SIGTTOU, SIG_IGN);
    (void)signal(SIGTTIN, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)prctl(PR_SET_PDEATHSIG, g->child.role == MW_ROLE_PLANNER ? SIGKILL : SIGUSR1);
    if (mw_guardian_is_gone(&g->child))
        _exit(STATUS_FAILED); /* before anything began */
    _exit(g->options->run(g->options->arg, &g->child));
}

static void forget_last_child(struct mw_shared *shared)
{
    shared->turns = shared->event = shared->callbacks = shared->interrupt_of = 0;
    shared->callback = shared->name_count = shared->open_orders = shared->is_leaving = 0;
    shared->ended = shared->interrupt = shared->slow_callback = 0;
    shared->slow_of = 0;
}

static int start_child(struct guardian *g, enum mw_role role, struct mw_err *err)
{
    const struct mw_plan *plan = &g->shared->plan;
    mw_drain_pause(&g->drain);
    forget_last_child(g->shared);
    g->child.role = role;
    g->child.ring = g->drain.journal ? g->ring : NULL;
    g->was_killed = false;
    int64_t hang_limit_ns = plan->hang_limit_ns;
    if (role == MW_ROLE_SWEEPER && hang_limit_ns < seconds_ns(g, SWEEP_SECONDS))
        hang_limit_ns = seconds_ns(g, SWEEP_SECONDS);
    g->dog = (struct mw_watchdog){.hang_limit_ns = hang_limit_ns,
                                  .callback_limit_ns = plan->callback_limit_ns,
                                  .memory_limit_bytes = plan->memory_limit_bytes,
                                  .large_limit_ns = seconds_ns(g, LARGE_SECONDS)};
    g->pid = fork();
    if (g->pid == 0)
        become_child(g);
    if (g->pid < 0) {
        g->pid = 0;
        mw_err_set(err, "start a process: %s", strerror(errno));
        return -1;
    }
    (void)setpgid(g->pid, g->pid); /* whoever comes first, the child or we */
    return 0;
}

static void tell_child(const struct guardian *g, int number)
{
    if (g->pid > 0)
        (void)kill(g->pid, number); /* it is not reaped yet: the id is its own */
}

/* Locks ---------------------------------------------------------------------------------------- */

static void release_locks(struct guardian *g)
{
    for (uint32_t i = 0; i < g->lock_count; i++)
        mw_lock_release(g->locks[i]);
    g->lock_count = 0;
}

static void describe_self(const struct mw_plan *plan, char *text, size_t size)
{
    char since[32];
    time_t now = time(NULL);
    struct tm tm;
    (void)gmtime_r(&now, &tm); /* cannot fail before the year 2^31 */
    (void)strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &tm);
    (void)snprintf(text, size, "moonwire \"%s\" (pid %d, since %s, %s)", plan->name, (int)getpid(),
                   since, plan->config);
}

static int take_locks(struct guardian *g, struct mw_err *err)
{
    const struct mw_plan *plan = &g->shared->plan;
    char self[8192], other[8192], dir[64], path[8192];
    describe_self(plan, self, sizeof self);
    if (mw_lock_directory(dir, sizeof dir, err) < 0)
        return -1;
    for (uint32_t i = 0; i < plan->lock_count && i < MW_LOCKS_MAX; i++) {
        const char *name = plan->locks[i].path;
        (void)snprintf(path, sizeof path, "%s%s%s", strchr(name, '/') ? "" : dir,
                       strchr(name, '/') ? "" : "/", name);
        int fd = mw_lock_take(path, self, other, sizeof other, err);
        if (fd == MW_LOCK_HELD)
            mw_err_set(err, "%s: %s by %s", plan->config, plan->locks[i].what, other);
        if (fd < 0)
            return -1;
        g->locks[g->lock_count++] = fd;
    }
    return 0;
}

/* What is done in the table -------------------------------------------------------------------- */

static enum event refuse(struct guardian *g, int status, const struct mw_err *err)
{
    mw_logf(g->log, MW_LOG_ERROR, "%s", err->text);
    g->status = status;
    return REFUSED;
}

static enum event plan(struct guardian *g)
{
    struct mw_err err = {""};
    g->due_ns = 0;
    memset(&g->shared->plan, 0, sizeof g->shared->plan);
    return start_child(g, MW_ROLE_PLANNER, &err) < 0 ? refuse(g, STATUS_FAILED, &err) : NOTHING;
}

static int open_journal(struct guardian *g, struct mw_err *err)
{
    const struct mw_plan *plan = &g->shared->plan;
    struct mw_journal_options options = {.path = plan->journal_path,
                                         .max_bytes = plan->journal_max_bytes,
                                         .max_age_ns = plan->journal_max_age_ns};
    mw_drain_close(&g->drain); /* of an earlier plan */
    if (!plan->journal_path[0])
        return 0;
    if (!g->ring && !(g->ring = mw_ring_new(RING_BYTES, err)))
        return -1;
    g->drain.ring = g->ring;
    return mw_drain_open(&g->drain, &options, err);
}

static enum event start(struct guardian *g)
{
    const struct mw_plan *plan_now = &g->shared->plan;
    struct mw_err err = {""};
    mw_log_setup(g->log, (enum mw_log_level)plan_now->log_level, plan_now->is_log_json != 0);
    g->child.open_orders = 0;
    g->sweeps = 0;
    release_locks(g); /* of an earlier plan */
    if (take_locks(g, &err) < 0 || open_journal(g, &err) < 0)
        return refuse(g, STATUS_USAGE, &err);
    if (start_child(g, MW_ROLE_RUNTIME, &err) < 0)
        return refuse(g, STATUS_FAILED, &err);
    mw_logf(g->log, MW_LOG_INFO, "runtime started pid=%d", (int)g->pid);
    return NOTHING;
}

static enum event end_run(struct guardian *g)
{
    char how[64];
    (void)snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(g->wait_status));
    mw_drain_all(&g->drain, g->now_ns);
    mw_drain_end_run(&g->drain, how);
    g->status = WEXITSTATUS(g->wait_status);
    if (g->status == 0)
        g->status = g->least_status;
    return NOTHING;
}

/* "died (signal 11, Segmentation fault)" */
static void describe_end(const struct guardian *g, char *text, size_t size)
{
    int status = g->wait_status;
    if (g->was_killed && g->dog.was_told)
        (void)snprintf(text, size, "did not stop, with too much memory, and was killed");
    else if (g->was_killed)
        (void)snprintf(text, size, "hung (nothing moved for %.3g s) and was killed",
                       (double)g->dog.hang_limit_ns / (double)SECOND);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, size, "died (signal %d, %s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(text, size, "died (exit status %d)", WEXITSTATUS(status));
}

/* "the runtime died (...) in strategy ladder, on_fill (ladder.lua:34) at event 1234" */
static void describe_death(const struct guardian *g, char *text, size_t size)
{
    const struct mw_shared *shared = g->shared;
    char end[128], where[MW_NAME_MAX + 8] = "";
    uint32_t name = shared->callback;
    describe_end(g, end, sizeof end);
    if (shared->callbacks % 2 == 1 && name < shared->name_count && name < MW_NAMES_MAX)
        (void)snprintf(where, sizeof where, " in %.*s", MW_NAME_MAX - 1, shared->names[name]);
    (void)snprintf(text, size, "the %s %s%s at event %llu",
                   g->child.role == MW_ROLE_RUNTIME ? "runtime" : "sweep", end, where,
                   (unsigned long long)shared->event);
}

static enum event start_sweeper(struct guardian *g)
{
    struct mw_err err = {""};
    g->due_ns = 0;
    g->sweeps++;
    if (start_child(g, MW_ROLE_SWEEPER, &err) == 0)
        return NOTHING;
    mw_logf(g->log, MW_LOG_ERROR, "%s", err.text);
    return DIED;
}

static enum event take_over(struct guardian *g)
{
    char death[512], orders[64];
    uint32_t open = g->shared->open_orders;
    bool is_left = !g->shared->plan.cancel_on_crash;
    describe_death(g, death, sizeof death);
    (void)snprintf(orders, sizeof orders, open == 1 ? "%u order is open" : "%u orders are open",
                   open);
    mw_logf(g->log, MW_LOG_ERROR, "%s; %s: %s", death, open ? orders : "no order is known as open",
            is_left ? "left alone (on_crash)"
            : open  ? "canceling"
                    : "asking the venues");
    g->status = STATUS_FAILED;
    g->child.open_orders = open;
    mw_drain_all(&g->drain, g->now_ns);
    mw_drain_end_run(&g->drain, death);
    return is_left ? SWEPT : start_sweeper(g);
}

static enum event sweep_again(struct guardian *g)
{
    char death[512];
    describe_death(g, death, sizeof death);
    mw_drain_all(&g->drain, g->now_ns);
    mw_drain_end_run(&g->drain, death);
    if (g->sweeps >= SWEEPS_MAX) {
        mw_logf(g->log, MW_LOG_ERROR, "%s", death);
        return UNSWEPT;
    }
    int delay = 1 << (g->sweeps - 1);
    mw_logf(g->log, MW_LOG_ERROR, "%s; canceling goes on in %d s", death, delay);
    g->due_ns = g->now_ns + seconds_ns(g, delay);
    return NOTHING;
}

static enum event say_unswept(struct guardian *g)
{
    mw_logf(g->log, MW_LOG_ERROR,
            "orders may be open at the venues: look there and cancel them by hand");
    g->status = STATUS_FAILED;
    return NOTHING;
}

/* How many deaths there were lately, this one included. */
static int count_deaths(struct guardian *g)
{
    int count = 1;
    for (int i = DEATHS_MAX; i > 0; i--) {
        g->deaths_ns[i] = g->deaths_ns[i - 1];
        if (g->deaths_ns[i] && g->now_ns - g->deaths_ns[i] < DEATHS_SECONDS * SECOND)
            count++;
    }
    g->deaths_ns[0] = g->now_ns;
    return count;
}

static enum event back_off(struct guardian *g)
{
    int deaths = count_deaths(g);
    if (!g->shared->plan.restart || g->is_to_stop)
        return REFUSED;
    if (deaths > DEATHS_MAX) {
        mw_logf(g->log, MW_LOG_ERROR, "%d deaths within %d minutes: not started again", deaths,
                DEATHS_SECONDS / 60);
        return REFUSED;
    }
    int delay = 1 << (deaths - 1);
    mw_logf(g->log, MW_LOG_WARN, "the runtime starts again in %d s", delay);
    g->due_ns = g->now_ns + seconds_ns(g, delay);
    return NOTHING;
}

static enum event kill_child(struct guardian *g)
{
    g->was_killed = true;
    tell_child(g, SIGKILL);
    return NOTHING;
}

static enum event ask_to_stop(struct guardian *g)
{
    g->is_to_stop = true;
    tell_child(g, SIGTERM);
    return NOTHING;
}

static enum event ask_again(struct guardian *g)
{
    tell_child(g, SIGTERM);
    return NOTHING;
}

static enum event stop_bloated(struct guardian *g)
{
    mw_logf(g->log, MW_LOG_ERROR, "memory above %lld MB (memory_limit_mb) for %d s: stopping",
            (long long)(g->dog.memory_limit_bytes >> 20), LARGE_SECONDS);
    g->least_status = STATUS_FAILED;
    return ask_again(g);
}

static enum event stop_choked(struct guardian *g)
{
    mw_logf(g->log, MW_LOG_ERROR,
            "the journal still cannot be written, and there is little room for more: stopping");
    g->least_status = STATUS_FAILED;
    return ask_again(g);
}

static enum event note_stop(struct guardian *g)
{
    if (g->is_to_stop)
        tell_child(g, SIGTERM); /* asked for a second time: it says what is left */
    else
        mw_logf(g->log, MW_LOG_WARN, "open orders are being canceled first");
    g->is_to_stop = true;
    return NOTHING;
}

static enum event end_plan(struct guardian *g)
{
    int number = WTERMSIG(g->wait_status);
    mw_logf(g->log, MW_LOG_ERROR, "reading the configuration ended by signal %d (%s)", number,
            strsignal(number));
    g->status = STATUS_FAILED;
    return NOTHING;
}

static enum event drop_plan(struct guardian *g)
{
    (void)kill_child(g);
    (void)waitpid(g->pid, &g->wait_status, 0); /* it was killed */
    g->pid = 0;
    g->status = 0;
    return NOTHING;
}

static enum event end(struct guardian *g)
{
    (void)g;
    return NOTHING;
}

/* The table ------------------------------------------------------------------------------------ */

struct step {
    enum state next;
    enum event (*act)(struct guardian *g); /* what follows from it at once */
};

/* What is not in it changes nothing. */
static const struct step steps[STATES][EVENTS] = {
    [PLANNING] = {[PLANNED] = {RUNNING, start},
                  [REFUSED] = {DONE, end},
                  [DIED] = {DONE, end_plan},
                  [STOP] = {DONE, drop_plan}},
    [RUNNING] = {[REFUSED] = {DONE, end},
                 [LEFT] = {DONE, end_run},
                 [DIED] = {SWEEPING, take_over},
                 [HUNG] = {RUNNING, kill_child},
                 [BLOATED] = {STOPPING, stop_bloated},
                 [CHOKED] = {STOPPING, stop_choked},
                 [STOP] = {STOPPING, ask_to_stop}},
    [STOPPING] = {[LEFT] = {DONE, end_run},
                  [DIED] = {SWEEPING, take_over},
                  [HUNG] = {STOPPING, kill_child},
                  [STOP] = {STOPPING, ask_again}},
    [SWEEPING] = {[SWEPT] = {WAITING, back_off},
                  [UNSWEPT] = {DONE, say_unswept},
                  [DIED] = {SWEEPING, sweep_again},
                  [HUNG] = {SWEEPING, kill_child},
                  [STOP] = {SWEEPING, note_stop},
                  [TIME] = {SWEEPING, start_sweeper}},
    [WAITING] = {[REFUSED] = {DONE, end}, [STOP] = {DONE, end}, [TIME] = {PLANNING, plan}},
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
        tell_child(g, SIGUSR2);
}

static void watch(struct guardian *g)
{
    int64_t memory = -1;
    if (g->pid <= 0 || g->child.role == MW_ROLE_PLANNER || g->was_killed)
        return;
    if (g->dog.memory_limit_bytes && g->now_ns - g->weighed_ns >= MEMORY_LOOK_MS * MS) {
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

/* Waits for a signal, at most until the next look. */
static void wait_and_hear(struct guardian *g, bool is_busy)
{
    sigset_t set;
    struct timespec limit = {.tv_nsec = (is_busy ? BUSY_MS : IDLE_MS) * MS};
    watched_signals(&set);
    int number = sigtimedwait(&set, NULL, &limit);
    g->now_ns = monotonic_ns();
    if (number == SIGINT || number == SIGTERM)
        fire(g, STOP);
    else if (number == SIGHUP && g->child.role == MW_ROLE_RUNTIME)
        tell_child(g, SIGHUP);
}

static void live(struct guardian *g)
{
    bool is_busy = true;
    g->now_ns = monotonic_ns();
    fire(g, plan(g));
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
    int64_t give_up = monotonic_ns() + LAST_WRITES_MS * MS;
    mw_drain_all(&g->drain, monotonic_ns());
    while (mw_drain_level(&g->drain) > 0 && monotonic_ns() < give_up) {
        nap(BUSY_MS * MS);
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
    release_locks(&g);
    mw_ring_free(g.ring);
    mw_log_free(g.log);
    mw_shared_free(g.shared);
    return g.status;
}
