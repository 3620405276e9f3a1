/* The guardian's table, with children that do what they are told: each test is a guardian of its
 * own in a process of its own. */
#include "guardian.h"
#include "record.h"
#include "test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum act {
    LEAVE_WELL,  /* exit status 0, wanted */
    LEAVE_BADLY, /* exit status 1, wanted */
    CRASH,       /* killed amid a callback, with 3 orders open */
    EXIT,        /* exit status 3, not wanted */
    STAND,       /* turns once and no more */
    OBEY,        /* turns until it is asked to stop, then leaves with 0 */
    DEFY,        /* turns, and does not stop when asked */
    OUTLIVE,     /* turns until the guardian is dead */
    RECORD,      /* records 1000 lines, and is killed */
    GROW,        /* takes 64 MB and keeps it, until it is asked to stop */
    ACTS_MAX = 16,
};
enum { NEVER = -2 };

struct stage { /* in memory that all of them share */
    enum act runtime[ACTS_MAX], sweeper[ACTS_MAX];
    int plan_status;
    struct mw_plan plan;
    _Atomic int plans, runs, sweeps, asked, outlived;
    _Atomic unsigned open_told;
    _Atomic pid_t child;
    _Atomic int is_own_group;
};

static struct stage *stage;
static char dir[] = "/tmp/moonwire-guardian-XXXXXX";
static char said[65536]; /* the guardian's standard error */

static void nap(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

/* Children ------------------------------------------------------------------------------------- */

static int leave(struct mw_shared *shared, int status)
{
    shared->is_leaving = 1;
    return status;
}

/* Turns until this signal comes (NEVER: none does); the guardian has blocked them. */
static void turn_until(struct mw_shared *shared, int number)
{
    sigset_t set;
    struct timespec limit = {.tv_nsec = 5000000};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    for (int got = 0; got != number;) {
        shared->turns++;
        got = sigtimedwait(&set, NULL, &limit);
        if (got == SIGTERM)
            stage->asked++;
    }
}

static void record_lines(struct mw_ring *ring)
{
    struct mw_err err;
    struct mw_recorder_options options = {.ring = ring};
    struct mw_recorder *recorder = mw_recorder_new(&options, &err);
    struct mw_record line = {.kind = MW_RECORD_log, .num = 2, .text_len = 5};
    for (int i = 0; recorder && i < 1000; i++)
        mw_record_put(recorder, &line, NULL, "hello");
    mw_recorder_free(recorder);
}

static int act(const struct mw_child *child, enum act what)
{
    struct mw_shared *shared = child->shared;
    static char *block;
    switch (what) {
    case LEAVE_WELL:
        return leave(shared, 0);
    case LEAVE_BADLY:
        return leave(shared, 1);
    case RECORD:
        record_lines(child->ring);
        (void)kill(getpid(), SIGKILL);
        break;
    case CRASH:
        (void)snprintf(shared->names[1], sizeof shared->names[1], "strategy s, on_fill (s.lua:3)");
        shared->name_count = 2;
        shared->callback = 1;
        shared->event = 1234;
        shared->open_orders = 3;
        shared->callbacks = 1;
        (void)kill(getpid(), SIGKILL);
        break;
    case EXIT:
        return 3;
    case STAND:
        shared->turns = 1;
        for (;;)
            nap(100);
    case GROW:
        (void)signal(SIGUSR2, SIG_IGN);
        block = malloc(64 << 20);
        if (block)
            memset(block, 1, 64 << 20);
        turn_until(shared, SIGTERM);
        return leave(shared, 0);
    case OBEY:
        turn_until(shared, SIGTERM);
        return leave(shared, 0);
    case DEFY:
        turn_until(shared, NEVER);
        break;
    case OUTLIVE:
        turn_until(shared, SIGUSR1);
        stage->outlived = 1;
        return leave(shared, 1);
    case ACTS_MAX:
        break;
    }
    return 99;
}

static int run_child(void *arg, const struct mw_child *child)
{
    (void)arg;
    stage->child = getpid();
    stage->is_own_group = getpgrp() == getpid();
    switch (child->role) {
    case MW_ROLE_PLANNER:
        stage->plans++;
        if (stage->plan_status == 0) {
            child->shared->plan = stage->plan;
            child->shared->plan.is_complete = 1;
        }
        return leave(child->shared, stage->plan_status);
    case MW_ROLE_RUNTIME:
        return act(child, stage->runtime[stage->runs++]);
    case MW_ROLE_SWEEPER:
        break;
    }
    stage->open_told = child->open_orders;
    return act(child, stage->sweeper[stage->sweeps++]);
}

/* Guardians ------------------------------------------------------------------------------------ */

static void set_stage(void)
{
    memset(stage, 0, sizeof *stage);
    stage->plan.hang_limit_ns = 300000000 * test_slowness();
    stage->plan.cancel_on_crash = 1;
    stage->plan.log_level = 2;
    (void)snprintf(stage->plan.name, sizeof stage->plan.name, "test");
    (void)snprintf(stage->plan.config, sizeof stage->plan.config, "test.lua");
}

static pid_t start_guardian(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/err", dir);
    pid_t pid = fork();
    if (pid == 0) {
        struct mw_err err = {""};
        struct mw_guardian_options options = {.run = run_child, .second = 0.001};
        if (!freopen(path, "w", stderr))
            _exit(98);
        _exit(mw_guardian_run(&options, &err));
    }
    return pid;
}

/* Its exit status, or minus the signal that ended it. */
static int end_guardian(pid_t pid)
{
    char path[64];
    int status = 0;
    (void)waitpid(pid, &status, 0);
    (void)snprintf(path, sizeof path, "%s/err", dir);
    FILE *file = fopen(path, "r");
    said[file ? fread(said, 1, sizeof said - 1, file) : 0] = '\0';
    if (file)
        (void)fclose(file);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int guard(void)
{
    return end_guardian(start_guardian());
}

static void await_runs(int runs)
{
    while (stage->runs < runs)
        nap(2);
}

static bool has_said(const char *text)
{
    bool found = strstr(said, text) != NULL;
    if (!found)
        printf("no \"%s\" in:\n%s", text, said);
    return found;
}

/* The table ------------------------------------------------------------------------------------ */

static void test_refused(void)
{
    set_stage();
    stage->plan_status = 2;
    CHECK_INT(guard(), 2);
    CHECK_INT(stage->runs, 0);
    CHECK_TEXT(said, ""); /* the planner has said it */
}

static void test_left(void)
{
    set_stage();
    CHECK_INT(guard(), 0);
    CHECK_INT(stage->runs, 1);
    CHECK_INT(stage->sweeps, 0);
    CHECK(stage->is_own_group);
    set_stage();
    stage->runtime[0] = LEAVE_BADLY;
    stage->plan.restart = 1;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->runs, 1);
    CHECK_INT(stage->sweeps, 0);
}

static void test_died(void)
{
    set_stage();
    stage->runtime[0] = CRASH;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK_INT(stage->open_told, 3);
    CHECK(has_said("the runtime died (signal 9, Killed) in strategy s, on_fill (s.lua:3) at event "
                   "1234; 3 orders are open: canceling"));
    set_stage();
    stage->runtime[0] = EXIT;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK_INT(stage->open_told, 0);
    CHECK(has_said("the runtime died (exit status 3) at event 0; no order is known as open: "
                   "asking the venues"));
}

static void test_left_alone(void)
{
    set_stage();
    stage->runtime[0] = CRASH;
    stage->plan.cancel_on_crash = 0;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 0);
    CHECK(has_said("3 orders are open: left alone (on_crash)"));
}

static void test_hung(void)
{
    set_stage();
    stage->runtime[0] = STAND;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK(has_said(test_slowness() == 1
                       ? "the runtime hung (nothing moved for 0.3 s) and was killed at event 0"
                       : "the runtime hung (nothing moved for 6 s) and was killed at event 0"));
    set_stage();
    stage->runtime[0] = OBEY;
    pid_t guardian = start_guardian();
    await_runs(1);
    (void)kill(stage->child, SIGSTOP);
    CHECK_INT(end_guardian(guardian), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK(has_said("the runtime hung"));
}

static void test_bloated(void)
{
    set_stage();
    stage->runtime[0] = GROW;
    stage->plan.memory_limit_bytes = 1 << 20;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->asked, 1);
    CHECK_INT(stage->sweeps, 0);
    CHECK(has_said("memory above 1 MB (memory_limit_mb) for 10 s: stopping"));
}

static void test_stop(void)
{
    set_stage();
    stage->runtime[0] = OBEY;
    pid_t guardian = start_guardian();
    await_runs(1);
    (void)kill(guardian, SIGINT);
    CHECK_INT(end_guardian(guardian), 0);
    CHECK_INT(stage->asked, 1);
    CHECK_INT(stage->sweeps, 0);
}

static void test_stop_again(void)
{
    set_stage();
    stage->runtime[0] = DEFY;
    stage->plan.restart = 1;
    pid_t guardian = start_guardian();
    await_runs(1);
    for (int i = 1; i <= 2; i++) {
        (void)kill(guardian, SIGTERM);
        while (stage->asked < i)
            nap(2);
    }
    (void)kill(stage->child, SIGSTOP); /* now it stands still as well */
    CHECK_INT(end_guardian(guardian), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK_INT(stage->runs, 1); /* who asked it to stop wants no restart */
}

static void test_restart(void)
{
    set_stage();
    stage->plan.restart = 1;
    stage->runtime[0] = stage->runtime[1] = CRASH;
    CHECK_INT(guard(), 0);
    CHECK_INT(stage->plans, 3); /* the configuration is read again */
    CHECK_INT(stage->runs, 3);
    CHECK_INT(stage->sweeps, 2);
    CHECK(has_said("the runtime starts again in 1 s"));
    CHECK(has_said("the runtime starts again in 2 s"));
}

static void test_no_end_of_crashes(void)
{
    set_stage();
    stage->plan.restart = 1;
    for (int i = 0; i < ACTS_MAX; i++)
        stage->runtime[i] = CRASH;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->runs, 6);
    CHECK_INT(stage->sweeps, 6);
    CHECK(has_said("6 deaths within 10 minutes: not started again"));
}

static void test_unswept(void)
{
    set_stage();
    stage->plan.restart = 1;
    stage->runtime[0] = CRASH;
    stage->sweeper[0] = LEAVE_BADLY;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK_INT(stage->runs, 1); /* a person has to look first */
    CHECK(has_said("orders may be open at the venues: look there and cancel them by hand"));
}

static void test_sweeper_dies(void)
{
    set_stage();
    stage->runtime[0] = stage->sweeper[0] = stage->sweeper[1] = CRASH;
    stage->sweeper[2] = STAND;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 4);
    CHECK_INT(stage->open_told, 3); /* the runtime's, not those of a sweep */
    CHECK(has_said("the sweep died (signal 9, Killed)"));
    CHECK(has_said("the sweep hung"));
    set_stage();
    stage->runtime[0] = CRASH;
    for (int i = 0; i < ACTS_MAX; i++)
        stage->sweeper[i] = CRASH;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 5);
    CHECK(has_said("orders may be open at the venues"));
}

static void test_stop_while_sweeping(void)
{
    set_stage();
    stage->plan.restart = 1;
    stage->runtime[0] = CRASH;
    stage->sweeper[0] = OBEY;
    pid_t guardian = start_guardian();
    while (stage->sweeps < 1)
        nap(2);
    (void)kill(guardian, SIGTERM); /* the sweep goes on */
    nap(100);
    CHECK_INT(stage->asked, 0);
    (void)kill(guardian, SIGTERM); /* now it is told to end */
    CHECK_INT(end_guardian(guardian), 1);
    CHECK_INT(stage->asked, 1);
    CHECK_INT(stage->runs, 1);
}

static void test_guardian_dies(void)
{
    set_stage();
    stage->runtime[0] = OUTLIVE;
    pid_t guardian = start_guardian();
    await_runs(1);
    (void)kill(guardian, SIGKILL);
    CHECK_INT(end_guardian(guardian), -SIGKILL);
    for (int i = 0; i < 1000 && !stage->outlived; i++)
        nap(5);
    CHECK_INT(stage->outlived, 1);
}

static void test_lock(void)
{
    set_stage();
    stage->runtime[0] = OBEY;
    stage->plan.lock_count = 1;
    (void)snprintf(stage->plan.locks[0].path, sizeof stage->plan.locks[0].path, "%s/l.lock", dir);
    (void)snprintf(stage->plan.locks[0].what, sizeof stage->plan.locks[0].what, "it is taken");
    pid_t first = start_guardian();
    await_runs(1);
    CHECK_INT(guard(), 2);
    CHECK_INT(stage->runs, 1);
    CHECK(has_said("test.lua: it is taken by moonwire \\\"test\\\" (pid "));
    (void)kill(first, SIGTERM);
    CHECK_INT(end_guardian(first), 0);
}

static int count(const char *sql)
{
    char path[64];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    (void)snprintf(path, sizeof path, "%s/j.db", dir);
    int result = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK &&
        sqlite3_step(rows) == SQLITE_ROW)
        result = sqlite3_column_int(rows, 0);
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
    return result;
}

static void test_journal(void)
{
    set_stage();
    stage->runtime[0] = RECORD;
    (void)snprintf(stage->plan.journal_path, sizeof stage->plan.journal_path, "%s/j.db", dir);
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK_INT(count("SELECT count(*) FROM log WHERE text = 'hello'"), 1000);
    set_stage();
    (void)snprintf(stage->plan.journal_path, sizeof stage->plan.journal_path, "%s/no/j.db", dir);
    CHECK_INT(guard(), 2);
    CHECK_INT(stage->runs, 0);
    CHECK(has_said("no/j.db"));
}

int main(void)
{
    static const struct test_case cases[] = {
        {"without a plan nothing starts", test_refused},
        {"a runtime that leaves ends it all, with its exit status", test_left},
        {"behind a runtime that died is swept, and it is said", test_died},
        {"on_crash = leave sweeps nothing", test_left_alone},
        {"a runtime that stands still, or is stopped, is killed and swept behind", test_hung},
        {"one that keeps too much memory is asked to stop", test_bloated},
        {"asked to stop it asks the runtime, once", test_stop},
        {"asked again it asks again; one that hangs then is swept behind", test_stop_again},
        {"restart starts again, with more patience each time", test_restart},
        {"more than five deaths in ten minutes end it", test_no_end_of_crashes},
        {"orders that cannot be canceled end it, and it is said", test_unswept},
        {"a sweep that dies or hangs is made again, five times", test_sweeper_dies},
        {"a stop while sweeping waits for it, a second one does not", test_stop_while_sweeping},
        {"the runtime hears that the guardian is dead", test_guardian_dies},
        {"a lock that is held refuses, and names the holder", test_lock},
        {"what a killed runtime told is in the journal; without a journal nothing starts",
         test_journal},
    };
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED || !mkdtemp(dir))
        return 1;
    int status = test_main(cases, sizeof cases / sizeof *cases);
    static const char *const left[] = {"err", "l.lock", "j.db", "j.db-wal", "j.db-shm"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", dir, left[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return status;
}
