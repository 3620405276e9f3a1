/* The guardian, as a child of it sees it. */
#include "log.h"
#include "lua_api.h"
#include "shared.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static int64_t ns_option(lua_State *L, const char *name)
{
    double seconds = mw_api_opt_number(L, 1, name, 0);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 1, "seconds: 0 to 1e9");
    return (int64_t)llround(seconds * 1e9);
}

static int64_t bytes_option(lua_State *L, const char *name)
{
    double mb = mw_api_opt_number(L, 1, name, 0);
    luaL_argcheck(L, mb >= 0 && mb <= 1e9, 1, "megabytes: 0 to 1e9");
    return (int64_t)(mb * 1048576);
}

/* Text that does not fit names another file: it is refused, never cut. */
static void copy_text(lua_State *L, char *out, size_t size, const char *text, const char *name)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= size)
        luaL_error(L, "%s: longer than %d bytes", name, (int)size - 1);
    memcpy(out, text ? text : "", len + 1);
}

static void read_locks(lua_State *L, struct mw_plan *plan)
{
    lua_getfield(L, 1, "locks"); /* locks */
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t count = lua_objlen(L, -1);
    if (count > MW_LOCKS_MAX)
        luaL_error(L,
                   "venues: one runtime trades %d accounts at most: give the others a runtime of "
                   "their own",
                   MW_LOCKS_MAX - 1); /* one is the journal's */
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (int)i + 1); /* locks lock */
        luaL_checktype(L, -1, LUA_TTABLE);
        int lock = lua_gettop(L);
        copy_text(L, plan->locks[i].path, sizeof plan->locks[i].path,
                  mw_api_opt_string(L, lock, "path", NULL), "a lock's path");
        copy_text(L, plan->locks[i].what, sizeof plan->locks[i].what,
                  mw_api_opt_string(L, lock, "what", NULL), "a lock's purpose");
        lua_settop(L, lock - 1); /* locks */
    }
    plan->lock_count = (uint32_t)count;
}

/* host.plan { config=, config_text=, name=, journal=PATH|nil, journal_mb=, journal_seconds=,
 * hang_limit=, max_callback=, memory_mb=, restart=, cancel_on_crash=, log_level=, log_json=,
 * locks={ { path=, what= }, ... } }: what the guardian is to do; times in seconds, 0 or nil for
 * none. Raises without a guardian. */
static int l_plan(lua_State *L)
{
    struct mw_shared *shared = mw_api_of(L)->shared;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!shared)
        return luaL_error(L, "there is no guardian to plan for");
    struct mw_plan *plan = &shared->plan;
    copy_text(L, plan->journal_path, sizeof plan->journal_path,
              mw_api_opt_string(L, 1, "journal", NULL), "journal.path");
    copy_text(L, plan->config, sizeof plan->config, mw_api_opt_string(L, 1, "config", NULL),
              "the configuration's path");
    copy_text(L, plan->config_text, sizeof plan->config_text,
              mw_api_opt_string(L, 1, "config_text", NULL), "the configuration");
    copy_text(L, plan->name, sizeof plan->name, mw_api_opt_string(L, 1, "name", NULL), "name");
    plan->hang_limit_ns = ns_option(L, "hang_limit");
    plan->callback_limit_ns = ns_option(L, "max_callback");
    plan->memory_limit_bytes = bytes_option(L, "memory_mb");
    plan->journal_max_bytes = bytes_option(L, "journal_mb");
    plan->journal_max_age_ns = ns_option(L, "journal_seconds");
    plan->restart = mw_api_opt_boolean(L, 1, "restart", 0);
    plan->cancel_on_crash = mw_api_opt_boolean(L, 1, "cancel_on_crash", 1);
    plan->log_level = mw_log_level_of(mw_api_opt_string(L, 1, "log_level", "info"));
    plan->is_log_json = mw_api_opt_boolean(L, 1, "log_json", 0);
    read_locks(L, plan);
    plan->is_complete = 1;
    return 0;
}

/* host.planned_config() -> the text of the configuration that the guardian's plan was made from, or
 * nil: it is to be read */
static int l_planned_config(lua_State *L)
{
    const struct mw_shared *shared = mw_api_of(L)->shared;
    if (!shared || !shared->plan.is_complete)
        return 0;
    lua_pushstring(L, shared->plan.config_text); /* text */
    return 1;
}

/* host.guardian() -> nil without one, true while its journal is written; false, why when not */
static int l_guardian(lua_State *L)
{
    const struct mw_shared *shared = mw_api_of(L)->shared;
    if (!shared)
        return 0;
    bool is_fine =
        atomic_load_explicit(&shared->journal_state, memory_order_acquire) == MW_JOURNAL_OK;
    lua_pushboolean(L, is_fine); /* is_fine */
    if (is_fine)
        return 1;
    char problem[MW_SHARED_TEXT_MAX];
    memcpy(problem, shared->journal_problem, sizeof problem);
    problem[sizeof problem - 1] = '\0'; /* it may be written right now */
    lua_pushstring(L, problem);         /* is_fine why */
    return 2;
}

const luaL_Reg mw_lua_guardian[] = {
    {"plan", l_plan},
    {"planned_config", l_planned_config},
    {"guardian", l_guardian},
    {NULL, NULL},
};
