/* Secrets, as Lua sees them: handles that sign and cannot be read. */
#include "lua_api.h"
#include "vault.h"

#include <stdarg.h>
#include <stdbool.h>

#define HANDLE "moonwire.Secret"

struct handle {
    uint32_t id;
};

static struct mw_vault *vault_of(lua_State *L)
{
    return mw_api_of(L)->vault;
}

/* The handle at `index`, or NULL: the metatable itself is hidden from Lua by __metatable. */
static struct handle *to_handle(lua_State *L, int index)
{
    struct handle *handle = lua_touserdata(L, index);
    if (!handle || !lua_getmetatable(L, index)) /* [metatable] */
        return NULL;
    luaL_getmetatable(L, HANDLE); /* metatable expected */
    bool is_handle = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is_handle ? handle : NULL;
}

static struct handle *check_handle(lua_State *L, int arg)
{
    struct handle *handle = to_handle(L, arg);
    if (!handle)
        luaL_typerror(L, arg, "secret");
    return handle;
}

/* Joins one piece. */
static void join_piece(lua_State *L, int index)
{
    struct mw_vault *vault = vault_of(L);
    struct handle *handle = to_handle(L, index);
    size_t len = 0;
    int result;
    if (handle) {
        result = mw_vault_join_secret(vault, handle->id);
    } else {
        const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
        if (!text)
            mw_api_refuse(L, "text expected: a string, a secret, or a list of both; got %s",
                          luaL_typename(L, index));
        result = mw_vault_join_text(vault, text, len);
    }
    if (result < 0)
        mw_api_refuse(L, "a text with secrets in it is too long, or its secret is gone");
}

const char *mw_api_check_text(lua_State *L, int arg, size_t *len)
{
    if (lua_type(L, arg) == LUA_TSTRING)
        return lua_tolstring(L, arg, len);
    struct mw_vault *vault = vault_of(L);
    char *joined = mw_vault_join_begin(vault);
    if (!joined)
        mw_api_refuse(L, "too many texts with secrets in one call");
    if (lua_type(L, arg) == LUA_TTABLE) {
        int count = (int)lua_objlen(L, arg);
        for (int i = 1; i <= count; i++) {
            lua_rawgeti(L, arg, i); /* .. piece */
            join_piece(L, lua_gettop(L));
            lua_pop(L, 1);
        }
    } else {
        join_piece(L, arg);
    }
    *len = mw_vault_join_end(vault);
    return joined;
}

void mw_api_vault_wipe(lua_State *L)
{
    mw_vault_wipe(vault_of(L));
}

void mw_api_refuse(lua_State *L, const char *format, ...)
{
    va_list args;
    mw_api_vault_wipe(L);
    va_start(args, format);
    lua_pushvfstring(L, format, args); /* why */
    va_end(args);
    lua_error(L);
}

static int new_handle(lua_State *L, uint32_t id, const struct mw_err *err)
{
    if (!id)
        return mw_api_fail(L, err);
    struct handle *handle = lua_newuserdata(L, sizeof *handle); /* handle */
    handle->id = id;
    luaL_getmetatable(L, HANDLE); /* handle metatable */
    lua_setmetatable(L, -2);      /* handle */
    return 1;
}

static enum mw_digest check_digest(lua_State *L, int arg)
{
    int digest = mw_digest_of(luaL_checkstring(L, arg));
    luaL_argcheck(L, digest >= 0, arg, "sha256, sha384 or sha512 expected");
    return (enum mw_digest)digest;
}

static enum mw_encoding check_encoding(lua_State *L, int arg)
{
    int encoding = mw_encoding_of(luaL_checkstring(L, arg));
    luaL_argcheck(L, encoding >= 0, arg, "hex or base64 expected");
    return (enum mw_encoding)encoding;
}

/* handle:hmac("sha512", text, "hex") -> signature */
static int l_hmac(lua_State *L)
{
    struct mw_err err;
    char out[MW_SIGNATURE_MAX];
    size_t len;
    struct handle *handle = check_handle(L, 1);
    enum mw_digest digest = check_digest(L, 2);
    enum mw_encoding encoding = check_encoding(L, 4);
    const char *message = mw_api_check_text(L, 3, &len);
    len = mw_vault_hmac(vault_of(L), handle->id, digest, message, len, encoding, out, &err);
    mw_api_vault_wipe(L);
    if (!len)
        return luaL_error(L, "%s", err.text);
    lua_pushlstring(L, out, len); /* signature */
    return 1;
}

/* host.digest("sha256", text, "hex") -> digest; the text may have secrets in it */
static int l_digest(lua_State *L)
{
    struct mw_err err;
    char out[MW_SIGNATURE_MAX];
    size_t len;
    enum mw_digest digest = check_digest(L, 1);
    enum mw_encoding encoding = check_encoding(L, 3);
    const char *message = mw_api_check_text(L, 2, &len);
    len = mw_vault_digest(digest, message, len, encoding, out, &err);
    mw_api_vault_wipe(L);
    if (!len)
        return luaL_error(L, "%s", err.text);
    lua_pushlstring(L, out, len); /* digest */
    return 1;
}

/* handle:jwt("ES256", payload_json [, header_json]) -> token | nil, err */
static int l_jwt(lua_State *L)
{
    struct mw_err err;
    char out[MW_JWT_MAX];
    struct handle *handle = check_handle(L, 1);
    const char *algorithm = luaL_checkstring(L, 2);
    const char *payload = luaL_checkstring(L, 3);
    const char *header = luaL_optstring(L, 4, NULL);
    size_t len = mw_vault_jwt(vault_of(L), handle->id, algorithm, header, payload, out, &err);
    if (!len)
        return mw_api_fail(L, &err);
    lua_pushlstring(L, out, len); /* token */
    return 1;
}

/* handle:jwt_expiry() -> seconds since 1970 | nil: when the secret, a JWT, ends */
static int l_jwt_expiry(lua_State *L)
{
    int64_t expiry = mw_vault_jwt_expiry(vault_of(L), check_handle(L, 1)->id);
    if (!expiry)
        return 0;
    lua_pushnumber(L, (lua_Number)expiry); /* seconds */
    return 1;
}

/* handle:reload() -> true | nil, err: reads the secret's file again */
static int l_reload(lua_State *L)
{
    struct mw_err err;
    if (mw_vault_reload(vault_of(L), check_handle(L, 1)->id, &err) < 0)
        return mw_api_fail(L, &err);
    lua_pushboolean(L, 1); /* true */
    return 1;
}

/* handle:quoted() -> handle | nil, err: the secret as a JSON string, quotes included */
static int l_quoted(lua_State *L)
{
    struct mw_err err;
    struct handle *handle = check_handle(L, 1);
    return new_handle(L, mw_vault_quoted(vault_of(L), handle->id, &err), &err);
}

static int l_tostring(lua_State *L)
{
    struct handle *handle = check_handle(L, 1);
    lua_pushfstring(L, "secret from %s", mw_vault_source(vault_of(L), handle->id));
    return 1;
}

static int l_gc(lua_State *L)
{
    struct handle *handle = lua_touserdata(L, 1);
    mw_vault_forget(vault_of(L), handle->id);
    handle->id = 0;
    return 0;
}

static void make_metatable(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"hmac", l_hmac},     {"jwt", l_jwt},       {"jwt_expiry", l_jwt_expiry},
        {"reload", l_reload}, {"quoted", l_quoted}, {NULL, NULL}};
    if (!luaL_newmetatable(L, HANDLE)) { /* metatable */
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L); /* metatable methods */
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable"); /* metatable: getmetatable(handle) is false */
    lua_pop(L, 1);
}

/* host.secret_env(name) -> handle | nil, err */
static int l_secret_env(lua_State *L)
{
    struct mw_err err;
    const char *name = luaL_checkstring(L, 1);
    make_metatable(L);
    return new_handle(L, mw_vault_from_env(vault_of(L), name, &err), &err);
}

/* host.secret_file(path) -> handle | nil, err */
static int l_secret_file(lua_State *L)
{
    struct mw_err err;
    const char *path = luaL_checkstring(L, 1);
    make_metatable(L);
    return new_handle(L, mw_vault_from_file(vault_of(L), path, &err), &err);
}

/* host.secret_text(text) -> handle | nil, err: for a simulator's keys and for session tokens */
static int l_secret_text(lua_State *L)
{
    struct mw_err err;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    make_metatable(L);
    return new_handle(L, mw_vault_from_text(vault_of(L), text, len, &err), &err);
}

const luaL_Reg mw_lua_vault[] = {
    {"secret_env", l_secret_env},
    {"secret_file", l_secret_file},
    {"secret_text", l_secret_text},
    {"digest", l_digest},
    {NULL, NULL},
};
