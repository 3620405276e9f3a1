#include "lua_api.h"

#include <math.h>
#include <string.h>

/* The address is the registry key of the state's struct mw_api. */
static const char api_key;

void mw_api_install(lua_State *L, struct mw_api *api)
{
    lua_pushlightuserdata(L, (void *)&api_key); /* key */
    lua_pushlightuserdata(L, api);              /* key api */
    lua_rawset(L, LUA_REGISTRYINDEX);           /* - */
}

struct mw_api *mw_api_of(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&api_key); /* key */
    lua_rawget(L, LUA_REGISTRYINDEX);           /* api */
    struct mw_api *api = lua_touserdata(L, -1);
    lua_pop(L, 1); /* - */
    return api;
}

uint64_t mw_api_check_id(lua_State *L, int arg)
{
    lua_Number id = luaL_checknumber(L, arg);
    luaL_argcheck(L, id >= 1 && id < 9007199254740992.0 && id == (lua_Number)(uint64_t)id, arg,
                  "an id is a positive whole number");
    return (uint64_t)id;
}

int mw_api_fail(lua_State *L, const struct mw_err *err)
{
    lua_pushnil(L);               /* nil */
    lua_pushstring(L, err->text); /* nil text */
    return 2;
}

/* Leaves the field on the stack, so that a string stays alive: the caller's frame drops it. */
static int push_option(lua_State *L, int arg, const char *name, int type)
{
    lua_getfield(L, arg, name); /* value */
    int found = lua_type(L, -1);
    if (found != LUA_TNIL && found != type)
        luaL_error(L, "bad option %s: %s expected, got %s", name, lua_typename(L, type),
                   lua_typename(L, found));
    return found != LUA_TNIL;
}

const char *mw_api_opt_string(lua_State *L, int arg, const char *name, const char *otherwise)
{
    return push_option(L, arg, name, LUA_TSTRING) ? lua_tostring(L, -1) : otherwise;
}

double mw_api_opt_number(lua_State *L, int arg, const char *name, double otherwise)
{
    return push_option(L, arg, name, LUA_TNUMBER) ? lua_tonumber(L, -1) : otherwise;
}

int mw_api_opt_boolean(lua_State *L, int arg, const char *name, int otherwise)
{
    return push_option(L, arg, name, LUA_TBOOLEAN) ? lua_toboolean(L, -1) : otherwise;
}

int64_t mw_api_opt_seconds(lua_State *L, int arg, const char *name)
{
    double seconds = mw_api_opt_number(L, arg, name, 0);
    if (!(seconds >= 0 && seconds < 1e6))
        luaL_error(L, "bad option %s: seconds, 0 or more, expected", name);
    return (int64_t)llround(seconds * 1e9);
}

/* The text on top of the stack, where it stays. */
static const char *check_line(lua_State *L, const char *why_not)
{
    size_t len;
    const char *text = mw_api_check_text(L, lua_gettop(L), &len);
    if (strlen(text) != len)
        mw_api_refuse(L, "%s", why_not);
    return text;
}

const char *mw_api_check_url(lua_State *L, int arg)
{
    lua_getfield(L, arg, "url"); /* .. url */
    if (lua_isnil(L, -1))
        mw_api_refuse(L, "url is missing");
    return check_line(L, "a url has a NUL in it");
}

size_t mw_api_check_headers(lua_State *L, int arg, struct mw_header headers[MW_API_HEADERS_MAX])
{
    lua_getfield(L, arg, "headers"); /* .. list */
    if (lua_isnil(L, -1))
        return 0;
    int list = lua_gettop(L);
    size_t count = lua_istable(L, list) ? lua_objlen(L, list) : SIZE_MAX;
    if (count > MW_API_HEADERS_MAX || !lua_checkstack(L, 3 * MW_API_HEADERS_MAX + 10))
        mw_api_refuse(L, "headers: a list of at most %d expected", MW_API_HEADERS_MAX);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, list, (int)i + 1); /* .. pair */
        if (!lua_istable(L, -1))
            mw_api_refuse(L, "headers: { name, value } expected");
        lua_rawgeti(L, -1, 1); /* .. pair name */
        headers[i].name = lua_tostring(L, -1);
        if (!headers[i].name)
            mw_api_refuse(L, "headers: a name is a text");
        lua_rawgeti(L, -2, 2); /* .. pair name value */
        headers[i].value = check_line(L, "a header's value has a NUL in it");
    }
    return count;
}
