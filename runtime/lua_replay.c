/* A recorded run that is run again, as Lua sees it: what it records goes into memory, to be
 * compared; and a journal of its own stands in for what was in the file before it. */
#include "journal.h"
#include "log.h"
#include "lua_api.h"
#include "record.h"
#include "ring.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TAPE "moonwire.Tape"
#define COPY "moonwire.JournalCopy"

enum { TAPE_BYTES = 64 * 1024 * 1024 }; /* as the guardian's ring: records are cut alike */

struct tape {
    struct mw_api *api;
    struct mw_ring *ring;
    struct mw_recorder *recorder;
};

struct copy {
    struct mw_journal *journal;
};

/* Leaves the metatable of that name on the stack: `methods`, and what frees. */
static void push_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                           lua_CFunction collect)
{
    if (!luaL_newmetatable(L, name)) /* metatable */
        return;
    lua_newtable(L); /* metatable methods */
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc"); /* metatable */
}

/* The tape --------------------------------------------------------------------------------------
 */

static bool on_full(void *arg, bool is_first)
{
    (void)arg;
    (void)is_first;
    return false; /* one event made more than fits: what follows is lost, and differs */
}

static int l_tape_gc(lua_State *L)
{
    struct tape *tape = luaL_checkudata(L, 1, TAPE);
    if (tape->recorder) {
        mw_log_set_recorder(tape->api->log, NULL);
        tape->api->recorder = NULL;
    }
    mw_recorder_free(tape->recorder);
    mw_ring_free(tape->ring);
    memset(tape, 0, sizeof *tape);
    return 0;
}

static volatile sig_atomic_t was_interrupted;

static void on_signal(int number)
{
    (void)number;
    was_interrupted = 1;
}

/* tape:is_interrupted() -> whether somebody wants an end of it: SIGINT or SIGTERM has come */
static int l_tape_is_interrupted(lua_State *L)
{
    (void)luaL_checkudata(L, 1, TAPE);
    lua_pushboolean(L, was_interrupted != 0);
    return 1;
}

/* tape:take() -> all records since the last call, as in a journal's unpacked chunk */
static int l_tape_take(lua_State *L)
{
    size_t len;
    luaL_Buffer records;
    const struct tape *tape = luaL_checkudata(L, 1, TAPE);
    luaL_buffinit(L, &records);
    for (const char *bytes; (bytes = mw_ring_peek(tape->ring, &len)) && len;) {
        luaL_addlstring(&records, bytes, len);
        mw_ring_consume(tape->ring, len);
    }
    luaL_pushresult(&records); /* records */
    return 1;
}

/* host.tape() -> tape | nil, err: from now on what is recorded goes there. Once in a process that
 * has no journal. All of a replay is one event: signals that ask for an end are asked for. */
static int l_tape(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"take", l_tape_take}, {"is_interrupted", l_tape_is_interrupted}, {NULL, NULL}};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct mw_err err;
    struct mw_api *api = mw_api_of(L);
    if (api->recorder)
        return luaL_error(L, "this process records already");
    struct tape *tape = lua_newuserdata(L, sizeof *tape); /* tape */
    memset(tape, 0, sizeof *tape);
    push_metatable(L, TAPE, methods, l_tape_gc);
    lua_setmetatable(L, -2);
    struct mw_recorder_options options = {.on_full = on_full};
    tape->api = api;
    if (!(tape->ring = options.ring = mw_ring_new(TAPE_BYTES, &err)) ||
        !(tape->recorder = mw_recorder_new(&options, &err)))
        return mw_api_fail(L, &err);
    api->recorder = tape->recorder;
    mw_log_set_recorder(api->log, tape->recorder);
    (void)sigaction(SIGINT, &action, NULL); /* cannot fail for these two */
    (void)sigaction(SIGTERM, &action, NULL);
    return 1;
}

/* The copy of a journal -------------------------------------------------------------------------
 */

static struct copy *check_copy(lua_State *L)
{
    struct copy *copy = luaL_checkudata(L, 1, COPY);
    luaL_argcheck(L, copy->journal, 1, "this journal is closed");
    return copy;
}

static int l_copy_close(lua_State *L)
{
    struct copy *copy = luaL_checkudata(L, 1, COPY);
    mw_journal_close(copy->journal);
    copy->journal = NULL;
    return 0;
}

static int push_result(lua_State *L, int result, const struct mw_err *err)
{
    if (result < 0)
        return mw_api_fail(L, err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* copy:write(records) -> true | nil, err: whole records, as tape:take gives them; readers of the
 * file see them */
static int l_copy_write(lua_State *L)
{
    struct mw_err err;
    size_t len;
    struct copy *copy = check_copy(L);
    const char *records = luaL_checklstring(L, 2, &len);
    char *own = malloc(len ? len : 1);
    if (!own)
        return luaL_error(L, "out of memory");
    memcpy(own, records, len);
    int result = mw_journal_write(copy->journal, own, len, &err);
    free(own);
    if (result == 0)
        result = mw_journal_commit(copy->journal, &err);
    if (result == 0)
        result = mw_journal_draw(copy->journal, &err);
    return push_result(L, result, &err);
}

/* copy:end_run(how) -> true | nil, err */
static int l_copy_end_run(lua_State *L)
{
    struct mw_err err;
    return push_result(L, mw_journal_end_run(check_copy(L)->journal, luaL_checkstring(L, 2), &err),
                       &err);
}

/* host.journal_copy(path) -> copy | nil, err: a new journal of this process */
static int l_journal_copy(lua_State *L)
{
    static const luaL_Reg methods[] = {{"write", l_copy_write},
                                       {"end_run", l_copy_end_run},
                                       {"close", l_copy_close},
                                       {NULL, NULL}};
    struct mw_err err;
    struct mw_journal_options options = {.path = luaL_checkstring(L, 1)};
    struct copy *copy = lua_newuserdata(L, sizeof *copy); /* copy */
    copy->journal = NULL;
    push_metatable(L, COPY, methods, l_copy_close);
    lua_setmetatable(L, -2);
    copy->journal = mw_journal_open(&options, &err);
    return copy->journal ? 1 : mw_api_fail(L, &err);
}

const luaL_Reg mw_lua_replay[] = {
    {"tape", l_tape},
    {"journal_copy", l_journal_copy},
    {NULL, NULL},
};
