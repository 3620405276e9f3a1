/* The guardian's sweeps, behind a runtime that died. */
#include "guardian_stage.h"

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

/* A sweep waits for venues, and has more time than a runtime. */
static void test_slow_sweep(void)
{
    set_stage();
    stage->second = 0.1 * (double)test_slowness();
    stage->runtime[0] = CRASH;
    stage->sweeper[0] = PAUSE;
    CHECK_INT(guard(), 1);
    CHECK_INT(stage->sweeps, 1);
    CHECK(!strstr(said, "the sweep hung"));
}

static void test_sweeps_anew(void)
{
    set_stage();
    stage->plan.restart = 1;
    stage->runtime[0] = stage->runtime[1] = CRASH;
    for (int i = 0; i < 8; i++)
        stage->sweeper[i] = i == 3 || i == 7 ? LEAVE_WELL : CRASH;
    CHECK_INT(guard(), 0);
    CHECK_INT(stage->sweeps, 8);
    CHECK_INT(stage->runs, 3);
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

int main(void)
{
    static const struct test_case cases[] = {
        {"orders that cannot be canceled end it, and it is said", test_unswept},
        {"a sweep that dies or hangs is made again, five times", test_sweeper_dies},
        {"a sweep has ten seconds for a turn", test_slow_sweep},
        {"behind the next runtime the sweeps are counted anew", test_sweeps_anew},
        {"a stop while sweeping waits for it, a second one does not", test_stop_while_sweeping},
    };
    return guardian_main(cases, sizeof cases / sizeof *cases);
}
