/* lua_api.h: what the bindings share. Lua reaches C through one table, `require "moonwire.host"`,
 * made of one luaL_Reg array a binding; a binding knows no socket, a mechanism knows no Lua. */
#ifndef MW_LUA_API_H
#define MW_LUA_API_H

#include "err.h"
#include "header.h"
#include "host.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

struct mw_ws_pool;
struct mw_http;
struct mw_server;
struct mw_timers;
struct mw_vault;
struct mw_log;
struct mw_redactor;
struct mw_recorder;
struct mw_shared;
struct mw_budget;
struct mw_compiler;
struct mw_watch;
struct mw_console;
struct mw_term;

/* The mechanisms that a Lua state may use. Kept in the registry; owned by runtime.c. */
struct mw_api {
    struct mw_host *host;
    struct mw_ws_pool *ws;
    struct mw_http *http;
    struct mw_server *server;
    struct mw_timers *timers;
    struct mw_vault *vault;
    struct mw_log *log;
    struct mw_redactor *redactor;
    struct mw_recorder *recorder; /* or NULL; not owned, and neither is the next */
    struct mw_shared *shared;
    struct mw_budget *budget;
    struct mw_watch *watch; /* made by who watches first, as */
    struct mw_console *console;
    struct mw_term *term;
    struct mw_compiler *compiler;
};

/* Once a state, before the bindings are used. `api` stays the caller's and outlives the state. */
void mw_api_install(lua_State *L, struct mw_api *api);
struct mw_api *mw_api_of(lua_State *L);

/* Argument `arg` as an id; raises when it is not a positive whole number. */
uint64_t mw_api_check_id(lua_State *L, int arg);

/* Pushes nil and the error's text; returns 2, so that a binding may `return mw_api_fail(L, &err)`.
 * */
int mw_api_fail(lua_State *L, const struct mw_err *err);

/* Argument `arg` (or, `arg` < 0 included, any stack slot) as text: a string, a secret handle, or an
 * array of both, joined. The result is Lua's (a string was pushed or stands there already) unless
 * secrets are in it: then it stands in the vault's locked scratch memory, good until the next call
 * of mw_api_vault_wipe, which the binding owes before it returns. Raises when it is none of these.
 * Up to 4 such texts may be alive at once. */
const char *mw_api_check_text(lua_State *L, int arg, size_t *len);
void mw_api_vault_wipe(lua_State *L);
/* Wipes and raises: with such texts alive luaL_error would leave them in the way of the next call.
 */
void mw_api_refuse(lua_State *L, const char *format, ...) MW_PRINTF(2, 3);

/* Field `name` of the options table at `arg` (left on the stack); each raises "bad option ..." when
 * the type is wrong. */
const char *mw_api_opt_string(lua_State *L, int arg, const char *name, const char *otherwise);
double mw_api_opt_number(lua_State *L, int arg, const char *name, double otherwise);
int mw_api_opt_boolean(lua_State *L, int arg, const char *name, int otherwise);
int64_t mw_api_opt_seconds(lua_State *L, int arg, const char *name); /* in ns; without one: 0 */

enum { MW_API_HEADERS_MAX = 32 };

/* The fields `url` (required) and `headers` = { { "Name", text }, ... } of the options table at
 * `arg`: texts as of mw_api_check_text that hold no NUL. At most four with secrets, of url and body
 * and headers together. The second returns how many there are. */
const char *mw_api_check_url(lua_State *L, int arg);
size_t mw_api_check_headers(lua_State *L, int arg, struct mw_header headers[MW_API_HEADERS_MAX]);

extern const luaL_Reg mw_lua_ws[];
extern const luaL_Reg mw_lua_http[];
extern const luaL_Reg mw_lua_server[];
extern const luaL_Reg mw_lua_timer[];
extern const luaL_Reg mw_lua_vault[];
extern const luaL_Reg mw_lua_log[];
extern const luaL_Reg mw_lua_journal[];
extern const luaL_Reg mw_lua_record[];
extern const luaL_Reg mw_lua_budget[];
extern const luaL_Reg mw_lua_watch[];
extern const luaL_Reg mw_lua_compile[];
extern const luaL_Reg mw_lua_console[];
extern const luaL_Reg mw_lua_term[];
extern const luaL_Reg mw_lua_host[];
extern const luaL_Reg mw_lua_guardian[];
extern const luaL_Reg mw_lua_replay[];

#endif
