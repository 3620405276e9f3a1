/* Timers, as Lua sees them. */
#include "lua_api.h"
#include "timer.h"

/* host.timer_start(seconds) -> id | nil, err */
static int l_timer_start(lua_State *L)
{
    struct mw_err err;
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds: 0 or more");
    uint64_t id = mw_timer_start(mw_api_of(L)->timers, seconds, &err);
    if (!id)
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    return 1;
}

/* host.timer_stop(id) */
static int l_timer_stop(lua_State *L)
{
    mw_timer_stop(mw_api_of(L)->timers, mw_api_check_id(L, 1));
    return 0;
}

const luaL_Reg mw_lua_timer[] = {
    {"timer_start", l_timer_start}, {"timer_stop", l_timer_stop}, {NULL, NULL},
};
