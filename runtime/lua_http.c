/* The HTTP client, as Lua sees it. */
#include "http.h"
#include "lua_api.h"

/* host.http_request{ method=, url=text, headers={{name, text}}, body=text, ca_file=, timeout=s,
 * has_secret_answer= } -> id | nil, err */
static int l_http_request(lua_State *L)
{
    struct mw_header headers[MW_API_HEADERS_MAX];
    struct mw_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct mw_http_request request = {
        .method = mw_api_opt_string(L, 1, "method", "GET"),
        .ca_file = mw_api_opt_string(L, 1, "ca_file", NULL),
        .timeout_ns = mw_api_opt_seconds(L, 1, "timeout"),
        .headers = headers,
        .has_secret_answer = mw_api_opt_boolean(L, 1, "has_secret_answer", 0),
    };
    request.url = mw_api_check_url(L, 1);
    lua_getfield(L, 1, "body"); /* .. body */
    if (!lua_isnil(L, -1))
        request.body = mw_api_check_text(L, lua_gettop(L), &request.body_len);
    request.header_count = mw_api_check_headers(L, 1, headers);
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
