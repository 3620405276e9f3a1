/* Runs one Lua test file in a real runtime: moonwire-test FILE [argument ...]. The host module is
 * there; the loop runs only for files that start something and leave the end to host.stop. */
#include "runtime.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char lua_dir[PATH_MAX];
    struct mw_err err = {""};
    if (argc < 2 || !realpath("lua", lua_dir)) {
        (void)fprintf(stderr,
                      "usage, from the project's root: moonwire-test FILE [argument ...]\n");
        return 2; /* which says it where standard error is closed */
    }
    struct mw_runtime_options options = {.lua_dir = lua_dir};
    struct mw_runtime *runtime = mw_runtime_new(&options, &err);
    int status = 1;
    if (runtime && mw_script_run_file(mw_runtime_script(runtime), "tests/prelude.lua", argc - 1,
                                      argv + 1, &err) == 0 &&
        mw_script_open_door(mw_runtime_script(runtime), "moonwire.door", &err) == 0)
        status = mw_runtime_loop(runtime);
    if (err.text[0])
        printf("not ok: %s\n%s\n", argc > 1 ? argv[1] : "?", err.text);
    mw_runtime_free(runtime);
    return status;
}
