/* guardian_stage.h: what the tests of the guardian share: children that do what they are told, and
 * guardians, each in a process of its own. */
#ifndef MW_TEST_GUARDIAN_STAGE_H
#define MW_TEST_GUARDIAN_STAGE_H

#include "guardian.h"
#include "record.h"
#include "test.h"

#include <signal.h>
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
    PAUSE,       /* stands still for twice hang_limit, then leaves with 0 */
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
    double second; /* how long the guardian's seconds are */
    int plan_status;
    struct mw_plan plan;
    _Atomic int plans, runs, sweeps, asked, asked_by, outlived;
    _Atomic unsigned open_told;
    _Atomic pid_t child;
    _Atomic int is_own_group;
};

static struct stage *stage;
static char dir[] = "/tmp/moonwire-guardian-XXXXXX";
static char said[65536]; /* the guardian's standard error */

static inline void nap(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* Children ------------------------------------------------------------------------------------- */

static inline int leave(struct mw_shared *shared, int status)
{
    shared->is_leaving = 1;
    return status;
}

/* Turns until this signal comes (NEVER: none does); the guardian has blocked them. */
static inline void turn_until(struct mw_shared *shared, int number)
{
    sigset_t set;
    struct timespec limit = {.tv_nsec = 5000000};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    for (int got = 0; got != number;) {
        shared->turns++;
        got = sigtimedwait(&set, NULL, &limit);
        if (got == SIGTERM || got == SIGINT) {
            stage->asked_by = got;
            stage->asked++;
            got = SIGTERM;
        }
    }
}

static inline void record_lines(struct mw_ring *ring)
{
    struct mw_err err;
    struct mw_recorder_options options = {.ring = ring};
    struct mw_recorder *recorder = mw_recorder_new(&options, &err);
    struct mw_record line = {.kind = MW_RECORD_log, .num = 2, .text_len = 5};
    for (int i = 0; recorder && i < 1000; i++)
        mw_record_put(recorder, &line, NULL, "hello");
    mw_recorder_free(recorder);
}

static inline int act(const struct mw_child *child, enum act what)
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
    case PAUSE:
        shared->turns = 1;
        nap(2 * (long)(stage->plan.hang_limit_ns / 1000000));
        return leave(shared, 0);
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

static inline int run_child(void *arg, const struct mw_child *child)
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

static inline void set_stage(void)
{
    memset(stage, 0, sizeof *stage);
    stage->second = 0.001;
    stage->plan.hang_limit_ns = 300000000 * test_slowness();
    stage->plan.cancel_on_crash = 1;
    stage->plan.log_level = 2;
    (void)snprintf(stage->plan.name, sizeof stage->plan.name, "test");
    (void)snprintf(stage->plan.config, sizeof stage->plan.config, "test.lua");
}

static inline pid_t start_guardian(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/err", dir);
    pid_t pid = fork();
    if (pid == 0) {
        struct mw_err err = {""};
        struct mw_guardian_options options = {.run = run_child, .second = stage->second};
        if (!freopen(path, "w", stderr))
            _exit(98);
        _exit(mw_guardian_run(&options, &err));
    }
    return pid;
}

/* Its exit status, or minus the signal that ended it. */
static inline int end_guardian(pid_t pid)
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

static inline int guard(void)
{
    return end_guardian(start_guardian());
}

static inline void await_runs(int runs)
{
    while (stage->runs < runs)
        nap(2);
}

static inline bool has_said(const char *text)
{
    bool found = strstr(said, text) != NULL;
    if (!found)
        printf("no \"%s\" in:\n%s", text, said);
    return found;
}

/* Runs the cases in a directory of their own. */
static inline int guardian_main(const struct test_case *cases, size_t count)
{
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED || !mkdtemp(dir))
        return 1;
    int status = test_main(cases, count);
    static const char *const left[] = {"err", "l.lock", "j.db", "j.db-wal", "j.db-shm"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", dir, left[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return status;
}

#endif
