/* The compiler of texts, as Lua sees it. */
#include "compile.h"
#include "lua_api.h"

/* host.compile(text, name) -> id | nil, err: the bytecode is an event `compiled` of that id; see
 * compile.h */
static int l_compile(lua_State *L)
{
    struct mw_err err;
    struct mw_api *api = mw_api_of(L);
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len), *name = luaL_checkstring(L, 2);
    uint64_t id = 0;
    if (api->compiler || (api->compiler = mw_compiler_new(api->host, &err)))
        id = mw_compile(api->compiler, text, len, name, &err);
    if (!id)
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)id); /* id */
    return 1;
}

const luaL_Reg mw_lua_compile[] = {
    {"compile", l_compile},
    {NULL, NULL},
};
