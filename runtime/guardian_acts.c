#include "guardian_state.h"
#include "lock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_BYTES = 64 * 1024 * 1024,
    LARGE_SECONDS = 10, /* until it has to give back its memory */
    SWEEP_SECONDS = 10, /* without a turn; a sweep that is slow is better than none */
    SWEEPS_MAX = 5,
    DEATHS_SECONDS = 600,
};

static int64_t seconds_ns(const struct guardian *g, double seconds)
{
    double second = g->options->second > 0 ? g->options->second : 1;
    return (int64_t)(seconds * second * (double)MW_SECOND);
}

/* Children ------------------------------------------------------------------------------------- */

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
    shared->turns = shared->waits = shared->event = shared->callbacks = shared->interrupt_of = 0;
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

void mw_guardian_tell(const struct guardian *g, int number)
{
    if (g->pid > 0)
        (void)kill(g->pid, number); /* it is not reaped yet: the id is its own */
}

/* Locks ---------------------------------------------------------------------------------------- */

void mw_guardian_unlock(struct guardian *g)
{
    for (uint32_t i = 0; i < g->lock_count; i++)
        mw_lock_remove(g->locks[i]); /* there is no child now */
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

enum event mw_act_plan(struct guardian *g)
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

enum event mw_act_start(struct guardian *g)
{
    const struct mw_plan *plan_now = &g->shared->plan;
    struct mw_err err = {""};
    mw_log_setup(g->log, (enum mw_log_level)plan_now->log_level, plan_now->is_log_json != 0);
    g->child.open_orders = 0;
    g->sweeps = 0;
    mw_guardian_unlock(g); /* of an earlier plan */
    if (take_locks(g, &err) < 0 || open_journal(g, &err) < 0)
        return refuse(g, STATUS_USAGE, &err);
    if (start_child(g, MW_ROLE_RUNTIME, &err) < 0)
        return refuse(g, STATUS_FAILED, &err);
    mw_logf(g->log, MW_LOG_INFO, "runtime started pid=%d", (int)g->pid);
    return NOTHING;
}

enum event mw_act_end_run(struct guardian *g)
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
                       (double)g->dog.hang_limit_ns / (double)MW_SECOND);
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

enum event mw_act_start_sweeper(struct guardian *g)
{
    struct mw_err err = {""};
    g->due_ns = 0;
    g->sweeps++;
    if (start_child(g, MW_ROLE_SWEEPER, &err) == 0)
        return NOTHING;
    mw_logf(g->log, MW_LOG_ERROR, "%s", err.text);
    return DIED;
}

enum event mw_act_take_over(struct guardian *g)
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
    return is_left ? SWEPT : mw_act_start_sweeper(g);
}

enum event mw_act_sweep_again(struct guardian *g)
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

enum event mw_act_say_unswept(struct guardian *g)
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
        if (g->deaths_ns[i] && g->now_ns - g->deaths_ns[i] < DEATHS_SECONDS * MW_SECOND)
            count++;
    }
    g->deaths_ns[0] = g->now_ns;
    return count;
}

enum event mw_act_back_off(struct guardian *g)
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

enum event mw_act_kill_child(struct guardian *g)
{
    g->was_killed = true;
    mw_guardian_tell(g, SIGKILL);
    return NOTHING;
}

enum event mw_act_ask_to_stop(struct guardian *g)
{
    g->is_to_stop = true;
    mw_guardian_tell(g, g->stop_signal);
    return NOTHING;
}

enum event mw_act_ask_again(struct guardian *g)
{
    mw_guardian_tell(g, SIGTERM);
    return NOTHING;
}

enum event mw_act_stop_bloated(struct guardian *g)
{
    mw_logf(g->log, MW_LOG_ERROR, "memory above %lld MB (memory_limit_mb) for %d s: stopping",
            (long long)(g->dog.memory_limit_bytes >> 20), LARGE_SECONDS);
    g->least_status = STATUS_FAILED;
    return mw_act_ask_again(g);
}

enum event mw_act_stop_choked(struct guardian *g)
{
    mw_logf(g->log, MW_LOG_ERROR,
            "the journal still cannot be written, and there is little room for more: stopping");
    g->least_status = STATUS_FAILED;
    return mw_act_ask_again(g);
}

enum event mw_act_note_stop(struct guardian *g)
{
    if (g->is_to_stop)
        mw_guardian_tell(g, SIGTERM); /* asked for a second time: it says what is left */
    else
        mw_logf(g->log, MW_LOG_WARN, "open orders are being canceled first");
    g->is_to_stop = true;
    return NOTHING;
}

enum event mw_act_end_plan(struct guardian *g)
{
    int number = WTERMSIG(g->wait_status);
    mw_logf(g->log, MW_LOG_ERROR, "reading the configuration ended by signal %d (%s)", number,
            strsignal(number));
    g->status = STATUS_FAILED;
    return NOTHING;
}

enum event mw_act_drop_plan(struct guardian *g)
{
    (void)mw_act_kill_child(g);
    (void)waitpid(g->pid, &g->wait_status, 0); /* it was killed */
    g->pid = 0;
    g->status = 0;
    return NOTHING;
}

enum event mw_act_end(struct guardian *g)
{
    (void)g;
    return NOTHING;
}
