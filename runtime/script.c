#include "script.h"
#include "budget.h"
#include "host.h"

#include <assert.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* What stands on the stack from mw_script_open_door on, where an event finds it at once. */
enum { TRACEBACK = 1, DOOR, RESIDENT = DOOR };

enum {
    KIND_RAISED = -1,     /* told in place of a kind: what handled an event raised */
    GC_PIECE_NS = 5000,   /* what arrives during a piece waits for it: it takes that and a step, */
    GC_STEP_PERCENT = 20, /* which is short: a tenth of LuaJIT's */
    GC_THRESHOLD_KB = 1024, /* do not begin a cycle for less growth than this, */
    GC_GROWTH_PERCENT = 60, /* nor for less than this: LuaJIT begins one by itself at 100 */
    GC_HELP_PERCENT = 25,   /* within a cycle, from this growth on LuaJIT helps amid events, */
    GC_HELP_LATER_KB = 4,   /* and with each piece later: more may be in use for good */
};

struct mw_script {
    lua_State *L;
    struct mw_budget *budget;
    struct mw_event event; /* at a fixed address: Lua holds a pointer to it */
    int enter_ref;
    bool is_running, is_collecting;
    int kb_after_cycle, kb_at_most; /* within a cycle: from there on LuaJIT helps */
    void (*report)(void *arg, const struct mw_event *event, const char *text);
    void *report_arg;
};

static int traceback(lua_State *L)
{
    const char *text = lua_tostring(L, 1); /* value */
    if (!text && !luaL_callmeta(L, 1, "__tostring"))
        lua_pushfstring(L, "(an error of type %s)", luaL_typename(L, 1)); /* value text */
    luaL_traceback(L, L, lua_tostring(L, -1), 1);                         /* .. trace */
    return 1;
}

static void push_text(lua_State *L, const char *text, size_t len)
{
    if (text)
        lua_pushlstring(L, text, len);
    else
        lua_pushnil(L);
}

/* Runs inside the pcall of the door, so that building the arguments may throw as well. */
static int enter(lua_State *L)
{
    const struct mw_event *event = lua_touserdata(L, 1);
    lua_settop(L, 0);                             /* - */
    lua_pushvalue(L, lua_upvalueindex(1));        /* door */
    lua_pushinteger(L, (lua_Integer)event->kind); /* door kind */
    lua_pushnumber(L, (lua_Number)event->id);     /* door kind id */
    lua_pushnumber(L, (lua_Number)event->num);    /* door kind id num */
    push_text(L, event->data, event->len);        /* door kind id num data */
    push_text(L, event->text, event->text_len);   /* door kind id num data text */
    lua_pushnumber(L, (lua_Number)event->num2);   /* door kind id num data text num2 */
    lua_call(L, 6, 1);                            /* more */
    return 1;
}

/* What handlers asked for until the end of the event, also when the event's own handler raised:
 * then Lua is told of that first. Of what is raised there it is not told. */
static void run_promised(struct mw_script *script, bool failed)
{
    lua_State *L = script->L;
    bool is_told = false;
    for (bool more = true; more;) {
        is_told = failed && !is_told;
        lua_settop(L, RESIDENT); /* - */
        lua_pushvalue(L, DOOR);  /* door */
        if (is_told)
            lua_pushinteger(L, KIND_RAISED);                       /* door kind */
        failed = lua_pcall(L, is_told ? 1 : 0, 1, TRACEBACK) != 0; /* more|text */
        mw_budget_tell_slow(script->budget);
        if (failed)
            script->report(script->report_arg, &script->event, lua_tostring(L, -1));
        more = failed || lua_toboolean(L, -1);
    }
}

int mw_script_dispatch(struct mw_script *script, const struct mw_event *event)
{
    lua_State *L = script->L;
    assert(!script->is_running && lua_gettop(L) == RESIDENT); /* the door does not nest */
    script->is_running = true;
    script->event = *event;
    int failed;
    if (event->kind == MW_EVENT_ws_message) { /* its arguments need no memory: no detour */
        lua_pushvalue(L, DOOR);                       /* door */
        lua_pushinteger(L, (lua_Integer)event->kind); /* door kind */
        lua_pushnumber(L, (lua_Number)event->id);     /* door kind id */
        failed = lua_pcall(L, 2, 1, TRACEBACK);       /* more|text */
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, script->enter_ref); /* enter */
        lua_pushlightuserdata(L, &script->event);             /* enter event */
        failed = lua_pcall(L, 1, 1, TRACEBACK);               /* more|text */
    }
    mw_budget_tell_slow(script->budget);
    if (failed)
        script->report(script->report_arg, event, lua_tostring(L, -1));
    if (failed || lua_toboolean(L, -1))
        run_promised(script, failed != 0);
    script->is_running = false;
    lua_settop(L, RESIDENT); /* - */
    return failed ? -1 : 0;
}

const struct mw_event *mw_script_event(const struct mw_script *script)
{
    return &script->event;
}

/* A step leaves LuaJIT at the next one's threshold: it would go on amid the next event. It shall
 * only when so much is in use, because garbage comes faster than the steps take it away. */
static void put_off(lua_State *L, int kb_at_most)
{
    int kb = lua_gc(L, LUA_GCCOUNT, 0);
    int percent = (int)((int64_t)kb_at_most * 100 / (kb > 0 ? kb : 1));
    int pause = lua_gc(L, LUA_GCSETPAUSE, percent > 100 ? percent : 100);
    lua_gc(L, LUA_GCRESTART, -1); /* at this percentage of what is in use */
    lua_gc(L, LUA_GCSETPAUSE, pause);
}

/* A cycle leaves what became garbage during it. So one that leaves much more than the last is
 * believed bit by bit: the next begins early, and shows what is in use for good. */
static int believed(int kb, int kb_before)
{
    int most = kb_before + kb_before / 100 * GC_HELP_PERCENT + GC_THRESHOLD_KB;
    return kb < most ? kb : most;
}

/* A step of LuaJIT's own size takes up to 300 us where much is swept. Whether the cycle is over. */
static bool collect_piece(lua_State *L)
{
    int64_t end = mw_host_clock_ns() + GC_PIECE_NS;
    int stepmul = lua_gc(L, LUA_GCSETSTEPMUL, GC_STEP_PERCENT);
    bool is_over;
    do
        is_over = lua_gc(L, LUA_GCSTEP, 0) != 0;
    while (!is_over && mw_host_clock_ns() < end);
    lua_gc(L, LUA_GCSETSTEPMUL, stepmul);
    return is_over;
}

bool mw_script_collect(struct mw_script *script)
{
    int kb = lua_gc(script->L, LUA_GCCOUNT, 0);
    int growth = script->kb_after_cycle / 100 * GC_GROWTH_PERCENT;
    if (script->is_collecting) {
        if (kb > script->kb_at_most)
            script->kb_at_most += GC_HELP_LATER_KB;
    } else {
        if (kb < script->kb_after_cycle + (growth > GC_THRESHOLD_KB ? growth : GC_THRESHOLD_KB))
            return false;
        script->kb_at_most = kb + kb / 100 * GC_HELP_PERCENT;
    }
    script->is_collecting = !collect_piece(script->L);
    if (!script->is_collecting) {
        kb = lua_gc(script->L, LUA_GCCOUNT, 0);
        script->kb_after_cycle = believed(kb, script->kb_after_cycle);
        script->kb_at_most = 2 * kb;
    }
    put_off(script->L, script->kb_at_most);
    return script->is_collecting;
}

/* host.event() -> the shared event, as light userdata for ffi.cast */
static int l_event(lua_State *L)
{
    lua_pushlightuserdata(L, lua_touserdata(L, lua_upvalueindex(1))); /* event */
    return 1;
}

static void register_host(lua_State *L, struct mw_script *script)
{
    static const luaL_Reg *const bindings[] = {
        mw_lua_host,   mw_lua_ws,    mw_lua_http,    mw_lua_server, mw_lua_timer,
        mw_lua_vault,  mw_lua_log,   mw_lua_journal, mw_lua_record, mw_lua_guardian,
        mw_lua_budget, mw_lua_watch, mw_lua_console, mw_lua_term,   mw_lua_compile,
        mw_lua_replay,
    };
    lua_newtable(L); /* host */
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++)
        luaL_setfuncs(L, bindings[i], 0);
    lua_pushlightuserdata(L, &script->event); /* host event */
    lua_pushcclosure(L, l_event, 1);          /* host l_event */
    lua_setfield(L, -2, "event");             /* host */
    lua_getglobal(L, "package");              /* host package */
    lua_getfield(L, -1, "loaded");            /* host package loaded */
    lua_pushvalue(L, -3);                     /* host package loaded host */
    lua_setfield(L, -2, "moonwire.host");     /* host package loaded */
    lua_pop(L, 3);                            /* - */
}

/* Absolute paths only: what is loaded must not depend on where the program was started. */
static void set_paths(lua_State *L, const char *lua_dir)
{
    lua_getglobal(L, "package");                                          /* package */
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", lua_dir, lua_dir);       /* package path */
    lua_setfield(L, -2, "path");                                          /* package */
    lua_getfield(L, -1, "cpath");                                         /* package cpath */
    const char *cpath = luaL_gsub(L, lua_tostring(L, -1), "./?.so;", ""); /* package cpath cpath */
    lua_pushstring(L, cpath);                                             /* .. cpath */
    lua_setfield(L, 1, "cpath");                                          /* .. */
    lua_settop(L, 0);                                                     /* - */
}

/* Everything of mw_script_new that may throw. */
static int prepare(lua_State *L)
{
    struct mw_script *script = lua_touserdata(L, 1);
    const struct mw_script_options *options = lua_touserdata(L, 2);
    lua_settop(L, 0);
    luaL_openlibs(L);
    mw_api_install(L, options->api);
    set_paths(L, options->lua_dir);
    register_host(L, script);
    return 0;
}

static int call_protected(lua_State *L, int args, struct mw_err *err)
{
    int base = lua_gettop(L) - args;
    lua_pushcfunction(L, traceback); /* function args.. traceback */
    lua_insert(L, base);             /* traceback function args.. */
    int failed = lua_pcall(L, args, 0, base);
    if (failed)
        mw_err_set(err, "%s", lua_tostring(L, -1));
    lua_settop(L, base - 1);
    return failed ? -1 : 0;
}

struct mw_script *mw_script_new(const struct mw_script_options *options, struct mw_err *err)
{
    struct mw_script *script = calloc(1, sizeof *script);
    if (!script) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    script->report = options->report;
    script->report_arg = options->report_arg;
    script->budget = options->api->budget;
    script->L = luaL_newstate();
    if (!script->L) {
        mw_err_set(err, "no Lua state: out of memory");
        goto fail;
    }
    lua_pushcfunction(script->L, prepare);             /* prepare */
    lua_pushlightuserdata(script->L, script);          /* prepare script */
    lua_pushlightuserdata(script->L, (void *)options); /* prepare script options */
    if (call_protected(script->L, 2, err) < 0)
        goto fail;
    return script;
fail:
    mw_script_free(script);
    return NULL;
}

void mw_script_free(struct mw_script *script)
{
    if (!script)
        return;
    if (script->L)
        lua_close(script->L);
    free(script);
}

/* path, argc, argv -> the file run with its arguments */
static int run_file(lua_State *L)
{
    const char *path = lua_touserdata(L, 1);
    int argc = (int)lua_tointeger(L, 2);
    char *const *argv = lua_touserdata(L, 3);
    luaL_checkstack(L, argc + 1, "too many arguments");
    if (luaL_loadfile(L, path)) /* .. chunk */
        return lua_error(L);
    for (int i = 0; i < argc; i++)
        lua_pushstring(L, argv[i]); /* .. chunk args.. */
    lua_call(L, argc, 0);
    return 0;
}

int mw_script_run_file(struct mw_script *script, const char *path, int argc, char *const *argv,
                       struct mw_err *err)
{
    lua_State *L = script->L;
    lua_pushcfunction(L, run_file);         /* run_file */
    lua_pushlightuserdata(L, (void *)path); /* run_file path */
    lua_pushinteger(L, argc);               /* run_file path argc */
    lua_pushlightuserdata(L, (void *)argv); /* run_file path argc argv */
    return call_protected(L, 3, err);
}

static int open_door(lua_State *L)
{
    struct mw_script *script = lua_touserdata(L, 2);
    lua_getglobal(L, "require");             /* name script require */
    lua_pushstring(L, lua_touserdata(L, 1)); /* .. require name */
    lua_call(L, 1, 1);                       /* .. door */
    luaL_checktype(L, -1, LUA_TFUNCTION);
    lua_pushvalue(L, -1);                               /* .. door door */
    lua_pushcclosure(L, enter, 1);                      /* .. door enter */
    script->enter_ref = luaL_ref(L, LUA_REGISTRYINDEX); /* .. door */
    return 1;
}

int mw_script_open_door(struct mw_script *script, const char *name, struct mw_err *err)
{
    lua_State *L = script->L;
    assert(lua_gettop(L) == 0);             /* it opens once */
    lua_pushcfunction(L, traceback);        /* traceback */
    lua_pushcfunction(L, open_door);        /* traceback open_door */
    lua_pushlightuserdata(L, (void *)name); /* traceback open_door name */
    lua_pushlightuserdata(L, script);       /* traceback open_door name script */
    if (lua_pcall(L, 2, 1, TRACEBACK) == 0) /* traceback door|text */
        return 0;
    mw_err_set(err, "%s", lua_tostring(L, -1));
    lua_settop(L, 0); /* - */
    return -1;
}
