/* The loop, the clock and the process itself, as Lua sees them. */
#include "lua_api.h"
#include "record.h"
#include "shared.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* host.stop(status): ends the loop after this event; the process exits with that status, and the
 * guardian takes it for no crash. */
static int l_stop(lua_State *L)
{
    lua_Integer status = luaL_checkinteger(L, 1);
    luaL_argcheck(L, status >= 0 && status <= 125, 1, "an exit status is 0 to 125");
    struct mw_api *api = mw_api_of(L);
    if (api->shared)
        atomic_store_explicit(&api->shared->is_leaving, 1, memory_order_release);
    mw_host_stop(api->host, (int)status);
    return 0;
}

#ifndef MW_CDEF_SHA256
#define MW_CDEF_SHA256 "" /* for what reads the code and builds nothing */
#endif

/* host.built_with() -> SHA-256 of the lua/moonwire/cdef.lua that this program was built with */
static int l_built_with(lua_State *L)
{
    lua_pushliteral(L, MW_CDEF_SHA256);
    return 1;
}

/* host.spin(boolean): the loop polls without sleeping */
static int l_spin(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    mw_host_set_spin(mw_api_of(L)->host, lua_toboolean(L, 1));
    return 0;
}

/* host.seed() -> a random whole number below 2^53, for the runtime's generator; it is recorded */
static int l_seed(lua_State *L)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return luaL_error(L, "no random numbers from the kernel");
    struct mw_record fields = {.kind = MW_RECORD_seed, .num = (int64_t)(seed >> 11)};
    mw_record_put(mw_api_of(L)->recorder, &fields, NULL, NULL);
    lua_pushnumber(L, (lua_Number)fields.num); /* seed */
    return 1;
}

/* host.cpu() -> seconds of processor time used so far, for benchmarks and reports */
static int l_cpu(lua_State *L)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* cannot fail for this clock */
    lua_pushnumber(L, (lua_Number)used.tv_sec + (lua_Number)used.tv_nsec / 1e9);
    return 1;
}

/* host.monotonic() -> seconds of a clock that is never set, read now (not the event's time) */
static int l_monotonic(lua_State *L)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

/* host.event_age() -> seconds since the event that is being handled was stamped, for reports */
static int l_event_age(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)mw_host_event_age_ns(mw_api_of(L)->host) / 1e9);
    return 1;
}

/* host.is_terminal() -> whether standard input and output are a terminal, and whether it can move
 * its cursor */
static int l_is_terminal(lua_State *L)
{
    const char *name = getenv("TERM");
    lua_pushboolean(L, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));        /* is_terminal */
    lua_pushboolean(L, name && name[0] != '\0' && strcmp(name, "dumb") != 0); /* .. can_move */
    return 2;
}

/* host.event_kinds() -> the names of the kinds of events, [kind + 1] = name */
static int l_event_kinds(lua_State *L)
{
    lua_createtable(L, MW_EVENT_COUNT, 0); /* names */
    for (uint32_t kind = 0; kind < MW_EVENT_COUNT; kind++) {
        lua_pushstring(L, mw_event_name(kind)); /* names name */
        lua_rawseti(L, -2, (int)kind + 1);      /* names */
    }
    return 1;
}

const luaL_Reg mw_lua_host[] = {
    {"stop", l_stop},
    {"built_with", l_built_with},
    {"spin", l_spin},
    {"seed", l_seed},
    {"cpu", l_cpu},
    {"monotonic", l_monotonic},
    {"event_kinds", l_event_kinds},
    {"is_terminal", l_is_terminal},
    {"event_age", l_event_age},
    {NULL, NULL},
};
