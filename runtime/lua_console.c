/* The console's lines, as Lua sees them. */
#include "console.h"
#include "lua_api.h"

static struct mw_console *console_of(lua_State *L, struct mw_err *err)
{
    struct mw_api *api = mw_api_of(L);
    if (!api->console)
        api->console = mw_console_new(api->host, err);
    return api->console;
}

static int push_id(lua_State *L, uint64_t id, const struct mw_err *err)
{
    if (!id)
        return mw_api_fail(L, err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    return 1;
}

/* host.console_listen(path) -> id | nil, err: from now on clients are events console_open(pid),
 * console_line(line), console_close(why) of whoever is bound to that id; see console.h */
static int l_console_listen(lua_State *L)
{
    struct mw_err err;
    const char *path = luaL_checkstring(L, 1);
    struct mw_console *console = console_of(L, &err);
    return push_id(L, console ? mw_console_listen(console, path, &err) : 0, &err);
}

/* host.console_connect(path) -> id | nil, err: the other side */
static int l_console_connect(lua_State *L)
{
    struct mw_err err;
    const char *path = luaL_checkstring(L, 1);
    struct mw_console *console = console_of(L, &err);
    return push_id(L, console ? mw_console_connect(console, path, &err) : 0, &err);
}

/* host.console_adopt(fd) -> id | nil, err: the lines of a descriptor that is open for reading */
static int l_console_adopt(lua_State *L)
{
    struct mw_err err;
    lua_Integer fd = luaL_checkinteger(L, 1);
    luaL_argcheck(L, fd >= 0 && fd < 1 << 20, 1, "a descriptor expected");
    struct mw_console *console = console_of(L, &err);
    return push_id(L, console ? mw_console_adopt(console, (int)fd, &err) : 0, &err);
}

/* host.console_send(id, line) -> true | nil, err */
static int l_console_send(lua_State *L)
{
    struct mw_err err;
    size_t len;
    uint64_t id = mw_api_check_id(L, 1);
    const char *line = luaL_checklstring(L, 2, &len);
    struct mw_console *console = console_of(L, &err);
    if (!console || mw_console_send(console, id, line, len, &err) < 0)
        return mw_api_fail(L, &err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.console_close(id): as soon as what was sent has left */
static int l_console_close(lua_State *L)
{
    uint64_t id = mw_api_check_id(L, 1);
    struct mw_console *console = mw_api_of(L)->console;
    if (console)
        mw_console_close(console, id);
    return 0;
}

const luaL_Reg mw_lua_console[] = {
    {"console_listen", l_console_listen}, {"console_connect", l_console_connect},
    {"console_adopt", l_console_adopt},   {"console_send", l_console_send},
    {"console_close", l_console_close},   {NULL, NULL},
};
