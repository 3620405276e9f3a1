/* The WebSocket client, as Lua sees it. */
#include "lua_api.h"
#include "ws.h"

/* host.ws_open{ url=text, headers={{name, text}}, ca_file=, origin=, silence=s,
 * handshake_timeout=s, max_message=bytes } -> id | nil, err */
static int l_ws_open(lua_State *L)
{
    struct mw_header headers[MW_API_HEADERS_MAX];
    struct mw_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct mw_ws_options options = {
        .headers = headers,
        .origin = mw_api_opt_string(L, 1, "origin", NULL),
        .ca_file = mw_api_opt_string(L, 1, "ca_file", NULL),
        .silence_ns = mw_api_opt_seconds(L, 1, "silence"),
        .handshake_ns = mw_api_opt_seconds(L, 1, "handshake_timeout"),
    };
    double limit = mw_api_opt_number(L, 1, "max_message", 0);
    luaL_argcheck(L, limit >= 0 && limit <= MW_WS_MESSAGE_MAX, 1, "max_message: up to 16 MiB");
    options.limit_bytes = (size_t)limit;
    options.url = mw_api_check_url(L, 1);
    options.header_count = mw_api_check_headers(L, 1, headers);
    uint64_t id = mw_ws_open(mw_api_of(L)->ws, &options, &err);
    mw_api_vault_wipe(L);
    if (!id)
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    return 1;
}

typedef int send_fn(struct mw_ws_pool *pool, uint64_t id, const char *text, size_t len,
                    struct mw_err *err);

static int send_text(lua_State *L, send_fn *send)
{
    struct mw_err err;
    size_t len;
    uint64_t id = mw_api_check_id(L, 1);
    const char *text = mw_api_check_text(L, 2, &len);
    int result = send(mw_api_of(L)->ws, id, text, len, &err);
    mw_api_vault_wipe(L);
    if (result < 0)
        return mw_api_fail(L, &err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.ws_send(id, text) -> true | nil, err */
static int l_ws_send(lua_State *L)
{
    return send_text(L, mw_ws_send);
}

/* host.ws_ping(id, payload) -> true | nil, err */
static int l_ws_ping(lua_State *L)
{
    return send_text(L, mw_ws_ping);
}

/* host.ws_close(id [, code, reason]): a ws_close event follows */
static int l_ws_close(lua_State *L)
{
    uint64_t id = mw_api_check_id(L, 1);
    lua_Integer code = luaL_optinteger(L, 2, 1000);
    const char *reason = luaL_optstring(L, 3, "");
    luaL_argcheck(L, code >= 1000 && code <= 4999, 2, "a close code is 1000 to 4999");
    mw_ws_close(mw_api_of(L)->ws, id, (int)code, reason);
    return 0;
}

/* host.ws_pool() -> what mw_ws_send takes by FFI, as light userdata */
static int l_ws_pool(lua_State *L)
{
    lua_pushlightuserdata(L, mw_api_of(L)->ws); /* pool */
    return 1;
}

const luaL_Reg mw_lua_ws[] = {
    {"ws_open", l_ws_open}, {"ws_send", l_ws_send}, {"ws_ping", l_ws_ping},
    {"ws_close", l_ws_close}, {"ws_pool", l_ws_pool}, {NULL, NULL},
};
