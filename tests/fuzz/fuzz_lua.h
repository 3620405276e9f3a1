/* fuzz_lua.h: a target that is written in Lua: the real library behind the real door, without the
 * loop. An input is one ws_message event; what Lua raises is a finding, with its traceback. Lines
 * of Lua count as coverage, for which nothing is compiled. To be included by one file a program. */
#ifndef MW_FUZZ_LUA_H
#define MW_FUZZ_LUA_H

#include "budget.h"
#include "fuzz.h"
#include "log.h"
#include "redact.h"
#include "script.h"
#include "timer.h"
#include "vault.h"
#include "ws.h"

#include <fcntl.h>
#include <limits.h>

enum { FUZZ_LUA_BYTES_MAX = 256 << 20, FUZZ_LINES = 1 << 16, FUZZ_FULL_COLLECTION_EVERY = 1 << 10 };

/* Lua frees when it likes to: a search for leaks after each input would find none, and takes most
 * of the time. What C allocates for Lua has targets and tests of its own. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

/* libFuzzer takes these for counters of its own. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t fuzz_lines[FUZZ_LINES];

static lua_State *fuzz_state;
static struct mw_script *fuzz_script;
static size_t fuzz_line_before;

/* A state that cannot use up the machine: then Lua says "not enough memory", and the library must
 * take that as well. */
static void *fuzz_allocate(void *arg, void *block, size_t old_size, size_t size)
{
    static size_t used;
    (void)arg;
    if (size > old_size && used + size - old_size > FUZZ_LUA_BYTES_MAX)
        return NULL;
    used += size - old_size;
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

/* Stands in for the library's function, which script.c calls: the state is wanted for its hook. */
lua_State *luaL_newstate(void)
{
    fuzz_state = lua_newstate(fuzz_allocate, NULL);
    return fuzz_state;
}

/* A line is told from that of the same number in another file by the one before it: asking for the
 * file's name takes longer than the line. */
static void fuzz_count_line(lua_State *L, lua_Debug *where)
{
    (void)L;
    fuzz_lines[(fuzz_line_before * 499 + (size_t)where->currentline) % FUZZ_LINES]++;
    fuzz_line_before = (size_t)where->currentline;
}

/* For Lua, by FFI: lines count from now on, or no longer (those of the target itself do not). */
void fuzz_count_lines(int is_on);
void fuzz_count_lines(int is_on)
{
    fuzz_line_before = 0;
    if (is_on)
        lua_sethook(fuzz_state, fuzz_count_line, LUA_MASKLINE, 0);
    else
        lua_sethook(fuzz_state, NULL, 0, 0);
}

static void fuzz_report(void *arg, const struct mw_event *event, const char *text)
{
    (void)arg;
    (void)event;
    MUST(false, "%s", text);
}

static void fuzz_on_slow(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

/* Runs the target's Lua file, which binds an object to the events of id 1. Once. */
static void fuzz_lua_open(const char *file)
{
    static struct mw_api api;
    struct mw_err err = {""};
    char lua_dir[PATH_MAX];
    struct mw_script_options options = {.api = &api, .lua_dir = lua_dir, .report = fuzz_report};
    MUST(realpath("lua", lua_dir), "run me from the project's root");
    api.host = mw_host_new(&err);
    api.redactor = mw_redactor_new(&err);
    api.log = mw_log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), api.redactor, &err);
    api.vault = mw_vault_new(api.redactor, &err);
    api.timers = mw_timers_new(api.host, &err);
    api.ws = mw_ws_pool_new(api.host, &err);
    MUST(api.host && api.redactor && api.log && api.vault && api.timers && api.ws, "%s", err.text);
    struct mw_budget_options budget = {
        .host = api.host, .lua_dir = lua_dir, .on_slow = fuzz_on_slow};
    api.budget = mw_budget_new(&budget, &err);
    MUST(api.budget, "%s", err.text);
    fuzz_script = mw_script_new(&options, &err);
    MUST(fuzz_script, "%s", err.text);
    MUST(mw_script_run_file(fuzz_script, file, 0, NULL, &err) == 0, "%s", err.text);
    MUST(mw_script_open_door(fuzz_script, "moonwire.door", &err) == 0, "%s", err.text);
}

/* Hands one input to Lua. */
static void fuzz_lua_message(const uint8_t *data, size_t size)
{
    static unsigned runs;
    struct mw_event event = {.kind = MW_EVENT_ws_message, .seq = 1, .id = 1,
                             .time_ns = INT64_C(1700000000000000000), .num = 1,
                             .data = fuzz_guarded(data, size), .len = size};
    MUST(mw_script_dispatch(fuzz_script, &event) == 0, "an event failed");
    if (++runs % FUZZ_FULL_COLLECTION_EVERY == 0)
        (void)lua_gc(fuzz_state, LUA_GCCOLLECT, 0);
}

#endif
