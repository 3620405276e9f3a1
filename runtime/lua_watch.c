/* Watched files, as Lua sees them. */
#include "lua_api.h"
#include "watch.h"

/* host.watch(path) -> true | nil, err: changes of that file are events from now on; see watch.h */
static int l_watch(lua_State *L)
{
    struct mw_err err;
    struct mw_api *api = mw_api_of(L);
    const char *path = luaL_checkstring(L, 1);
    if (!api->watch && !(api->watch = mw_watch_new(api->host, &err)))
        return mw_api_fail(L, &err);
    if (mw_watch_add(api->watch, path, &err) < 0)
        return mw_api_fail(L, &err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.unwatch(path) */
static int l_unwatch(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct mw_watch *watch = mw_api_of(L)->watch;
    if (watch)
        mw_watch_remove(watch, path);
    return 0;
}

const luaL_Reg mw_lua_watch[] = {
    {"watch", l_watch},
    {"unwatch", l_unwatch},
    {NULL, NULL},
};
