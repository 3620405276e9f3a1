/* The server, as Lua sees it. */
#include "certificate.h"
#include "lua_api.h"
#include "server.h"
#include "ws_frame.h"

#include <stdbool.h>
#include <string.h>

static struct mw_server *server_of(lua_State *L)
{
    return mw_api_of(L)->server;
}

static int result_of(lua_State *L, int result, const struct mw_err *err)
{
    if (result < 0)
        return mw_api_fail(L, err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* host.serve{ port=0, cert_file=, key_file= } -> id, port | nil, err; on 127.0.0.1 */
static int l_serve(lua_State *L)
{
    struct mw_err err;
    int port = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    double wanted = mw_api_opt_number(L, 1, "port", 0);
    luaL_argcheck(L, wanted >= 0 && wanted <= 65535, 1, "port: 0 to 65535");
    struct mw_listen_options options = {
        .port = (int)wanted,
        .cert_file = mw_api_opt_string(L, 1, "cert_file", NULL),
        .key_file = mw_api_opt_string(L, 1, "key_file", NULL),
    };
    uint64_t id = mw_server_listen(server_of(L), &options, &port, &err);
    if (!id)
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    lua_pushinteger(L, port);          /* id port */
    return 2;
}

/* Reads status, headers = {{name, value}, ...} and body from `arg` on. The header lines are left on
 * the stack as one string. */
static void check_reply(lua_State *L, int arg, struct mw_reply *reply)
{
    luaL_Buffer lines;
    reply->status = (int)luaL_checkinteger(L, arg);
    luaL_argcheck(L, reply->status >= 200 && reply->status <= 599, arg, "a status is 200 to 599");
    reply->body = luaL_optlstring(L, arg + 2, "", &reply->body_len);
    int count = lua_istable(L, arg + 1) ? (int)lua_objlen(L, arg + 1) : 0;
    luaL_buffinit(L, &lines);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, arg + 1, i);  /* .. pair */
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_rawgeti(L, -1, 1);       /* .. pair name */
        lua_rawgeti(L, -2, 2);       /* .. pair name value */
        lua_remove(L, -3);           /* .. name value */
        luaL_checkstring(L, -1);
        lua_pushfstring(L, "%s: %s\r\n", luaL_checkstring(L, -2), lua_tostring(L, -1));
        lua_replace(L, -3); /* .. line value */
        lua_pop(L, 1);      /* .. line */
        luaL_addvalue(&lines);
    }
    luaL_pushresult(&lines); /* .. headers */
    reply->headers = lua_tostring(L, -1);
}

/* host.server_reply(id, status, {{name, value}, ...}, body) -> true | nil, err */
static int l_server_reply(lua_State *L)
{
    struct mw_reply reply;
    struct mw_err err;
    uint64_t id = mw_api_check_id(L, 1);
    check_reply(L, 2, &reply);
    return result_of(L, mw_server_reply(server_of(L), id, &reply, &err), &err);
}

/* host.server_refuse(id, status, headers, body) -> true | nil, err; during server_upgrade only */
static int l_server_refuse(lua_State *L)
{
    struct mw_reply reply;
    struct mw_err err;
    uint64_t id = mw_api_check_id(L, 1);
    check_reply(L, 2, &reply);
    return result_of(L, mw_server_refuse(server_of(L), id, &reply, &err), &err);
}

static int send_frame(lua_State *L, int opcode)
{
    struct mw_err err;
    size_t len;
    uint64_t id = mw_api_check_id(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    return result_of(L, mw_server_send(server_of(L), id, opcode, data, len, &err), &err);
}

/* host.server_ws_send(id, text) -> true | nil, err */
static int l_server_ws_send(lua_State *L)
{
    return send_frame(L, MW_WS_TEXT);
}

/* host.server_ws_ping(id, payload) -> true | nil, err */
static int l_server_ws_ping(lua_State *L)
{
    return send_frame(L, MW_WS_PING);
}

/* host.server_ws_send_raw(id, bytes) -> true | nil, err: no frame around them, for faults */
static int l_server_ws_send_raw(lua_State *L)
{
    struct mw_err err;
    size_t len;
    uint64_t id = mw_api_check_id(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    return result_of(L, mw_server_send_raw(server_of(L), id, data, len, &err), &err);
}

/* host.server_ws_close(id, code, reason) */
static int l_server_ws_close(lua_State *L)
{
    uint64_t id = mw_api_check_id(L, 1);
    int code = (int)luaL_optinteger(L, 2, 1000);
    mw_server_close(server_of(L), id, code, luaL_optstring(L, 3, ""));
    return 0;
}

/* host.server_drop(id [, "half_open"]) */
static int l_server_drop(lua_State *L)
{
    uint64_t id = mw_api_check_id(L, 1);
    const char *how = luaL_optstring(L, 2, "");
    mw_server_drop(server_of(L), id, strcmp(how, "half_open") == 0);
    return 0;
}

/* host.make_certificate(dir) -> { ca_file=, cert_file=, key_file= } | nil, err */
static int l_make_certificate(lua_State *L)
{
    struct mw_err err;
    const char *dir = luaL_checkstring(L, 1);
    if (mw_certificate_make(dir, &err) < 0)
        return mw_api_fail(L, &err);
    lua_createtable(L, 0, 3); /* files */
    lua_pushfstring(L, "%s/ca.pem", dir);
    lua_setfield(L, -2, "ca_file");
    lua_pushfstring(L, "%s/server.pem", dir);
    lua_setfield(L, -2, "cert_file");
    lua_pushfstring(L, "%s/server.key", dir);
    lua_setfield(L, -2, "key_file");
    return 1;
}

const luaL_Reg mw_lua_server[] = {
    {"serve", l_serve},
    {"server_reply", l_server_reply},
    {"server_refuse", l_server_refuse},
    {"server_ws_send", l_server_ws_send},
    {"server_ws_ping", l_server_ws_ping},
    {"server_ws_send_raw", l_server_ws_send_raw},
    {"server_ws_close", l_server_ws_close},
    {"server_drop", l_server_drop},
    {"make_certificate", l_make_certificate},
    {NULL, NULL},
};
