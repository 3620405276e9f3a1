/* The record, as Lua writes it. What is hot (orders, fills) goes by FFI instead. */
#include "lua_api.h"
#include "record.h"

#include <string.h>

static int kind_of(const char *name)
{
    for (int kind = MW_RECORD_first + 1; kind < MW_RECORD_end; kind++)
        if (strcmp(name, mw_record_name((unsigned)kind)) == 0)
            return kind;
    return -1;
}

/* Leaves the texts of the list at `arg`, each ended by NUL, as one string on the stack. */
static void join(lua_State *L, int arg)
{
    luaL_Buffer buffer;
    size_t count = lua_objlen(L, arg);
    luaL_buffinit(L, &buffer);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, arg, (int)i); /* .. text */
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "a list of strings expected");
        luaL_addvalue(&buffer); /* .. */
        luaL_addlstring(&buffer, "", 1);
    }
    luaL_pushresult(&buffer); /* .. joined */
}

static int64_t check_whole(lua_State *L, int arg)
{
    lua_Number number = luaL_optnumber(L, arg, 0);
    luaL_argcheck(L, number > -9007199254740992.0 && number < 9007199254740992.0, arg,
                  "a whole number below 2^53 expected");
    return (int64_t)number;
}

/* host.record(kind, text [, num [, num2 [, data]]]): a record of what is not hot, "session",
 * "console", ...; text: a string, or a list of strings where the kind has a list. Nothing without a
 * journal. */
static int l_record(lua_State *L)
{
    size_t len, data_len;
    const char *name = luaL_checkstring(L, 1);
    int kind = kind_of(name);
    luaL_argcheck(L, kind >= 0, 1, "no kind of record");
    struct mw_record fields = {
        .kind = (uint16_t)kind, .num = check_whole(L, 3), .num2 = check_whole(L, 4)};
    const char *data = luaL_optlstring(L, 5, "", &data_len);
    fields.data_len = (uint32_t)data_len;
    if (lua_istable(L, 2)) {
        join(L, 2);
        lua_replace(L, 2);
    }
    const char *text = luaL_checklstring(L, 2, &len);
    fields.text_len = (uint32_t)len;
    mw_record_put(mw_api_of(L)->recorder, &fields, data, text);
    return 0;
}

/* host.recorder() -> what mw_record_order and its like take by FFI, as light userdata; nil when
 * nothing is recorded */
static int l_recorder(lua_State *L)
{
    struct mw_recorder *recorder = mw_api_of(L)->recorder;
    if (recorder)
        lua_pushlightuserdata(L, recorder); /* recorder */
    else
        lua_pushnil(L); /* nil */
    return 1;
}

const luaL_Reg mw_lua_record[] = {
    {"record", l_record},
    {"recorder", l_recorder},
    {NULL, NULL},
};
