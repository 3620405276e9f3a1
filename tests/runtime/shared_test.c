/* What one process writes into the shared memory, the other reads. */
#include "shared.h"
#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mw_shared *new_shared(void)
{
    struct mw_err err;
    struct mw_shared *shared = mw_shared_new(&err);
    if (!shared)
        abort();
    return shared;
}

static void begins_as_zeros(void)
{
    struct mw_shared *shared = new_shared();
    const unsigned char *bytes = (const unsigned char *)shared;
    size_t others = 0;
    for (size_t i = 0; i < sizeof *shared; i++)
        others += bytes[i] != 0;
    CHECK_INT(others, 0);
    mw_shared_free(shared);
    mw_shared_free(NULL);
}

static void a_fork_shares_it(void)
{
    struct mw_shared *shared = new_shared();
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&shared->turns, 7);
        memcpy(shared->plan.journal_path, "j.db", sizeof "j.db");
        _exit(0);
    }
    CHECK(child > 0);
    (void)waitpid(child, NULL, 0); /* of no use: what it wrote is what counts */
    CHECK_INT(atomic_load(&shared->turns), 7);
    CHECK_TEXT(shared->plan.journal_path, "j.db");
    mw_shared_free(shared);
}

static void it_outlives_a_killed_child(void)
{
    struct mw_shared *shared = new_shared();
    int status = 0;
    atomic_store(&shared->interrupt, MW_INTERRUPT_TIME);
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&shared->callbacks, 3);
        if (atomic_load(&shared->interrupt) == MW_INTERRUPT_TIME)
            atomic_store(&shared->callback, 5);
        abort();
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(atomic_load(&shared->callbacks), 3);
    CHECK_INT(atomic_load(&shared->callback), 5);
    mw_shared_free(shared);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"it begins as zeros", begins_as_zeros},
        {"a fork shares it", a_fork_shares_it},
        {"what a child wrote is there when the child was killed", it_outlives_a_killed_child},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
