/* Logging and standard output, as Lua sees them. */
#include "log.h"
#include "lua_api.h"
#include "redact.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS_MAX = 16 };

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct mw_log_field *)a)->key, ((const struct mw_log_field *)b)->key);
}

/* The table at `arg` as fields, sorted; keys and values that are no strings are passed over. The
 * strings stay alive: they are the table's. */
static size_t read_fields(lua_State *L, int arg, struct mw_log_field *fields)
{
    size_t count = 0;
    if (!lua_istable(L, arg))
        return 0;
    for (lua_pushnil(L); lua_next(L, arg) && count < FIELDS_MAX; lua_pop(L, 1)) { /* key value */
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            continue;
        fields[count].key = lua_tostring(L, -2);
        fields[count].value = lua_tolstring(L, -1, &fields[count].value_len);
        count++;
    }
    qsort(fields, count, sizeof *fields, by_key);
    return count;
}

/* host.log(level, message [, fields [, time]]); time: seconds since 1970, now without it */
static int l_log(lua_State *L)
{
    struct mw_log_field fields[FIELDS_MAX];
    size_t len;
    int level = mw_log_level_of(luaL_checkstring(L, 1));
    const char *message = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, level >= 0, 1, "error, warn, info or debug expected");
    size_t count = read_fields(L, 3, fields);
    int64_t time_ns = lua_isnoneornil(L, 4) ? mw_host_clock_ns()
                                            : (int64_t)llround(luaL_checknumber(L, 4) * 1e9);
    mw_log_write(mw_api_of(L)->log, (enum mw_log_level)level, time_ns, message, len, fields, count);
    return 0;
}

/* host.log_setup(level, format) -> true | nil, err; format is "text" or "json" */
static int l_log_setup(lua_State *L)
{
    struct mw_err err;
    const char *name = luaL_checkstring(L, 1), *format = luaL_checkstring(L, 2);
    int level = mw_log_level_of(name);
    bool is_json = strcmp(format, "json") == 0;
    if (level < 0) {
        mw_err_set(&err, "log level \"%s\": error, warn, info or debug expected", name);
        return mw_api_fail(L, &err);
    }
    if (!is_json && strcmp(format, "text") != 0) {
        mw_err_set(&err, "log format \"%s\": text or json expected", format);
        return mw_api_fail(L, &err);
    }
    mw_log_setup(mw_api_of(L)->log, (enum mw_log_level)level, is_json);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.redact(text): from now on the log shows a mask in its place */
static int l_redact(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    mw_redactor_add(mw_api_of(L)->redactor, text, len);
    return 0;
}

/* host.masked(text) -> the text as a log would show it: without secrets */
static int l_masked(lua_State *L)
{
    size_t len;
    (void)luaL_checklstring(L, 1, &len);
    char *copy = lua_newuserdata(L, len + 1); /* text copy */
    memcpy(copy, lua_tostring(L, 1), len);
    lua_pushlstring(L, copy, mw_redact(mw_api_of(L)->redactor, copy, len)); /* .. masked */
    return 1;
}

/* host.print_line(text) -> true | nil, err: one line to standard output, at once and untouched. A
 * reader that does not read makes the line wait, as any print does; one that has gone is no error
 * to most. */
static int l_print_line(lua_State *L)
{
    size_t len;
    struct mw_err err;
    (void)luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushliteral(L, "\n");
    lua_concat(L, 2); /* line */
    const char *line = lua_tolstring(L, 1, &len);
    while (len) {
        ssize_t written = write(STDOUT_FILENO, line, len);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&wait, 1, -1); /* what went wrong shows at the next write */
        } else if (written < 0 && errno != EINTR) {
            mw_err_set(&err, "standard output: %s", strerror(errno));
            return mw_api_fail(L, &err);
        } else if (written > 0) {
            line += written;
            len -= (size_t)written;
        }
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* host.is_output_gone() -> whether nobody will read what is printed any more */
static int l_is_output_gone(lua_State *L)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    lua_pushboolean(L, poll(&output, 1, 0) > 0); /* only what went wrong is told unasked */
    return 1;
}

const luaL_Reg mw_lua_log[] = {
    {"log", l_log},       {"log_setup", l_log_setup},
    {"redact", l_redact}, {"print_line", l_print_line},
    {"masked", l_masked}, {"is_output_gone", l_is_output_gone},
    {NULL, NULL},
};
