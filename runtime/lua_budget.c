/* What runs now, and its limits, as Lua sees them. */
#include "budget.h"
#include "lua_api.h"

#include <unistd.h>

/* host.shared() -> struct mw_shared of shared.h, as light userdata for ffi.cast */
static int l_shared(lua_State *L)
{
    lua_pushlightuserdata(L, mw_budget_shared(mw_api_of(L)->budget)); /* shared */
    return 1;
}

/* host.budget_start{ max_callback = seconds, memory_limit_mb = } -> true | nil, err: what runs
 * longer is ended from now on, and what takes more memory */
static int l_budget_start(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    double seconds = mw_api_opt_number(L, 1, "max_callback", 1);
    double megabytes = mw_api_opt_number(L, 1, "memory_limit_mb", 0);
    luaL_argcheck(L, seconds > 0 && seconds <= 1e6, 1, "max_callback is a number of seconds");
    luaL_argcheck(L, megabytes >= 0 && megabytes <= 1e9, 1, "memory_limit_mb is a number of MB");
    struct mw_budget_limits limits = {.callback_ns = (int64_t)(seconds * 1e9),
                                      .memory_bytes = (int64_t)megabytes << 20};
    struct mw_err err;
    luaL_argcheck(L, lua_pushthread(L), 1, "budgets are started from the main thread");
    if (mw_budget_start(mw_api_of(L)->budget, L, &limits, &err) < 0)
        return mw_api_fail(L, &err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.budget_watch(boolean): whether the process looks after itself; see budget.h */
static int l_budget_watch(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    mw_budget_watch(mw_api_of(L)->budget, lua_toboolean(L, 1));
    return 0;
}

/* host.budget_report() -> what was raised in the callback that was ended last, with traceback */
static int l_budget_report(lua_State *L)
{
    lua_pushstring(L, mw_budget_report(mw_api_of(L)->budget)); /* text */
    return 1;
}

/* host.memory() -> bytes that the process has for itself, and whether memory was refused to the
 * library since the last call */
static int l_memory(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)mw_budget_memory(getpid()));       /* bytes */
    lua_pushboolean(L, mw_budget_was_refused(mw_api_of(L)->budget)); /* bytes refused */
    return 2;
}

const luaL_Reg mw_lua_budget[] = {
    {"shared", l_shared},
    {"budget_start", l_budget_start},
    {"budget_watch", l_budget_watch},
    {"budget_report", l_budget_report},
    {"memory", l_memory},
    {NULL, NULL},
};
