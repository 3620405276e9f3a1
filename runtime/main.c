/* The program: finds its Lua library, makes a runtime and hands it the command line. */
#include "runtime.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MW_LUA_SUBDIR
#define MW_LUA_SUBDIR "share/moonwire/lua"
#endif

enum { STATUS_FAILED = 1 };

/* The library stands in ../share/moonwire/lua of an installed program, in lua/ of a source tree. */
static int find_lua_dir(char *dir, size_t size)
{
    static const char *const places[] = {("../" MW_LUA_SUBDIR), "../../lua", "../lua"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return -1;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX + 64], full[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s/moonwire/init.lua", self, places[i]);
        if (!realpath(path, full))
            continue;
        full[strlen(full) - strlen("/moonwire/init.lua")] = '\0';
        return (size_t)snprintf(dir, size, "%s", full) < size ? 0 : -1;
    }
    return -1;
}

int main(int argc, char **argv)
{
    char lua_dir[PATH_MAX];
    struct mw_err err = {""};
    if (find_lua_dir(lua_dir, sizeof lua_dir) < 0) {
        (void)fprintf(stderr, "moonwire: its Lua library was not found beside the program\n");
        return STATUS_FAILED; /* which says it where standard error is closed */
    }
    struct mw_runtime_options options = {.lua_dir = lua_dir};
    struct mw_runtime *runtime = mw_runtime_new(&options, &err);
    int status = STATUS_FAILED;
    if (runtime)
        status = mw_runtime_run(runtime, argc - 1, argv + 1, &err);
    if (err.text[0])
        (void)fprintf(stderr, "moonwire: %s\n", err.text); /* the status says it as well */
    mw_runtime_free(runtime);
    return status;
}
