/* The HTTP client, as Lua sees it. */
#include "http.h"
#include "lua_api.h"

#include <math.h>
#include <string.h>

enum { HEADERS_MAX = 32 };

/* Reads headers = { { "Name", text }, ... } of the options at 1. The strings stay on the stack; at
 * most two of the values hold secrets, for the url and the body may hold some as well. */
static size_t check_headers(lua_State *L, struct mw_http_header *headers)
{
    lua_getfield(L, 1, "headers"); /* .. list */
    if (lua_isnil(L, -1))
        return 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L);
    size_t count = lua_objlen(L, list);
    luaL_argcheck(L, count <= HEADERS_MAX, 1, "too many headers");
    luaL_checkstack(L, 3 * HEADERS_MAX + 10, "headers");
    for (size_t i = 0; i < count; i++) {
        size_t len;
        lua_rawgeti(L, list, (int)i + 1); /* .. pair */
        luaL_checktype(L, -1, LUA_TTABLE);
        int pair = lua_gettop(L);
        lua_rawgeti(L, pair, 1); /* .. pair name */
        headers[i].name = luaL_checkstring(L, -1);
        lua_rawgeti(L, pair, 2); /* .. pair name value */
        headers[i].value = mw_api_check_text(L, lua_gettop(L), &len);
        luaL_argcheck(L, strlen(headers[i].value) == len, 1, "a header value has a NUL in it");
    }
    return count;
}

static bool is_true(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name); /* .. value */
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* host.http_request{ method=, url=text, headers={{name, text}}, body=text, ca_file=, timeout=s,
 * has_secret_answer= } -> id | nil, err */
static int l_http_request(lua_State *L)
{
    struct mw_http_header headers[HEADERS_MAX];
    struct mw_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    double seconds = mw_api_opt_number(L, 1, "timeout", 0);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e6, 1, "timeout: seconds, 0 or more");
    struct mw_http_request request = {
        .method = mw_api_opt_string(L, 1, "method", "GET"),
        .ca_file = mw_api_opt_string(L, 1, "ca_file", NULL),
        .timeout_ns = (int64_t)llround(seconds * 1e9),
        .headers = headers,
        .has_secret_answer = is_true(L, "has_secret_answer"),
    };
    size_t url_len;
    lua_getfield(L, 1, "url"); /* .. url */
    luaL_argcheck(L, !lua_isnil(L, -1), 1, "url is missing");
    request.url = mw_api_check_text(L, lua_gettop(L), &url_len);
    luaL_argcheck(L, strlen(request.url) == url_len, 1, "a url has a NUL in it");
    lua_getfield(L, 1, "body"); /* .. url body */
    if (!lua_isnil(L, -1))
        request.body = mw_api_check_text(L, lua_gettop(L), &request.body_len);
    request.header_count = check_headers(L, headers);
    uint64_t id = mw_http_request(mw_api_of(L)->http, &request, &err);
    mw_api_vault_wipe(L);
    if (!id)
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    return 1;
}

/* host.http_cancel(id) */
static int l_http_cancel(lua_State *L)
{
    mw_http_cancel(mw_api_of(L)->http, mw_api_check_id(L, 1));
    return 0;
}

const luaL_Reg mw_lua_http[] = {
    {"http_request", l_http_request},
    {"http_cancel", l_http_cancel},
    {NULL, NULL},
};
