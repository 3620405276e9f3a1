/* Garbage between events: who never rests for long does not fill the memory. */
#include "runtime.h"
#include "test.h"

#include <limits.h>
#include <stdlib.h>

static struct mw_err err;

static void busy(struct mw_script *script)
{
    static char file[] = "tests/runtime/garbage.lua";
    char *const arguments[] = {file};
    if (mw_script_run_file(script, file, 1, arguments, &err) < 0) {
        printf("%s\n", err.text);
        test_failures++;
    }
}

static void collected(void)
{
    char lua_dir[PATH_MAX];
    struct mw_runtime_options options = {lua_dir, NULL, NULL};
    if (!realpath("lua", lua_dir))
        abort(); /* tests are run from the project's root */
    struct mw_runtime *runtime = mw_runtime_new(&options, &err);
    if (!runtime)
        abort();
    struct mw_script *script = mw_runtime_script(runtime);
    for (int moment = 0; moment < 300 && !test_failures; moment++) {
        busy(script);
        for (int step = 0; step < 3; step++)
            (void)mw_script_collect(script); /* there is no time for more */
    }
    int at_rest = 0; /* steps in a row that had nothing to do */
    for (int step = 0; step < 1000000 && at_rest < 2; step++)
        at_rest = mw_script_collect(script) ? 0 : at_rest + 1;
    CHECK_INT(at_rest, 2);
    mw_runtime_free(runtime);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"garbage that comes faster than the steps between events is collected", collected},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
