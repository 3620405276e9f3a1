/* The terminal of the prompt, as Lua sees it. */
#include "lua_api.h"
#include "term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The directory of a file, with those above it; what cannot be made shows when the file is. */
static void make_directories(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* most of them are there */
        *slash = '/';
    }
}

/* $XDG_STATE_HOME/moonwire/history or ~/.local/state/moonwire/history; NULL: no place for it. */
static const char *find_history(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len = -1;
    if (state && state[0] == '/')
        len = snprintf(path, size, "%s/moonwire/history", state);
    else if (home && home[0] == '/')
        len = snprintf(path, size, "%s/.local/state/moonwire/history", home);
    if (len < 0 || (size_t)len >= size)
        return NULL;
    make_directories(path);
    return path;
}

static struct mw_term *term_of(lua_State *L)
{
    struct mw_term *term = mw_api_of(L)->term;
    if (!term)
        luaL_error(L, "no terminal is open");
    return term;
}

/* host.term_open() -> id | nil, err: standard input and output as a terminal; see term.h for its
 * events, term(what, text) of whoever is bound to that id */
static int l_term_open(lua_State *L)
{
    struct mw_err err;
    struct mw_api *api = mw_api_of(L);
    char path[4096];
    if (!api->term && !(api->term = mw_term_open(api->host, find_history(path, sizeof path), &err)))
        return mw_api_fail(L, &err);
    lua_pushnumber(L, (lua_Number)mw_term_id(api->term)); /* id */
    return 1;
}

/* host.term_prompt(text): begins a line */
static int l_term_prompt(lua_State *L)
{
    mw_term_prompt(term_of(L), luaL_checkstring(L, 1));
    return 0;
}

/* host.term_drop() -> boolean: gives up the line that is being typed; whether there was any */
static int l_term_drop(lua_State *L)
{
    lua_pushboolean(L, mw_term_drop(term_of(L))); /* was_typed */
    return 1;
}

/* host.term_print(text): above the line that is being typed */
static int l_term_print(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    mw_term_print(term_of(L), text, len);
    return 0;
}

/* host.term_insert(text): what completion found, unless another key came first */
static int l_term_insert(lua_State *L)
{
    mw_term_insert(term_of(L), luaL_checkstring(L, 1));
    return 0;
}

/* host.term_remember(line): for the history */
static int l_term_remember(lua_State *L)
{
    mw_term_remember(term_of(L), luaL_checkstring(L, 1));
    return 0;
}

/* host.term_width() -> columns */
static int l_term_width(lua_State *L)
{
    lua_pushinteger(L, mw_term_width(term_of(L))); /* columns */
    return 1;
}

/* host.term_height() -> rows */
static int l_term_height(lua_State *L)
{
    lua_pushinteger(L, mw_term_height(term_of(L))); /* rows */
    return 1;
}

/* host.term_screen(text): to a screen in place of the lines, until term_lines */
static int l_term_screen(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    mw_term_screen(term_of(L), text, len);
    return 0;
}

/* host.term_hold(): no lines are typed until term_lines; a key is told of */
static int l_term_hold(lua_State *L)
{
    mw_term_hold(term_of(L));
    return 0;
}

/* host.term_lines(): the lines come back */
static int l_term_lines(lua_State *L)
{
    mw_term_lines(term_of(L));
    return 0;
}

const luaL_Reg mw_lua_term[] = {
    {"term_open", l_term_open},     {"term_prompt", l_term_prompt},
    {"term_drop", l_term_drop},     {"term_print", l_term_print},
    {"term_insert", l_term_insert}, {"term_remember", l_term_remember},
    {"term_width", l_term_width},   {"term_height", l_term_height},
    {"term_screen", l_term_screen}, {"term_hold", l_term_hold},
    {"term_lines", l_term_lines},   {NULL, NULL},
};
