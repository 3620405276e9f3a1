/* The guardian's table: what follows from what happens. */
#include "guardian_stage.h"

#include <sqlite3.h>

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
    CHECK_INT(stage->asked_by, SIGINT);
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
        {"asked to stop it asks the runtime, once and by the same signal", test_stop},
        {"asked again it asks again; one that hangs then is swept behind", test_stop_again},
        {"restart starts again, with more patience each time", test_restart},
        {"more than five deaths in ten minutes end it", test_no_end_of_crashes},
        {"the runtime hears that the guardian is dead", test_guardian_dies},
        {"a lock that is held refuses, and names the holder", test_lock},
        {"what a killed runtime told is in the journal; without a journal nothing starts",
         test_journal},
    };
    return guardian_main(cases, sizeof cases / sizeof *cases);
}
