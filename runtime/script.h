/* script.h: the Lua state and the one door into it. The only file that calls lua_pcall. */
#ifndef MW_SCRIPT_H
#define MW_SCRIPT_H

#include "lua_api.h"

#include <stdbool.h>

struct mw_script;

struct mw_script_options {
    struct mw_api *api;
    const char *lua_dir; /* absolute; holds moonwire/init.lua */
    /* One failed entry into Lua, with its traceback. Nothing is printed by this module. */
    void (*report)(void *arg, const struct mw_event *event, const char *text);
    void *report_arg;
};

/* A state with the library on its path and `moonwire.host` preloaded. `api` stays the caller's. */
MW_MUST_USE struct mw_script *mw_script_new(const struct mw_script_options *options,
                                            struct mw_err *err);
void mw_script_free(struct mw_script *script); /* takes NULL */

/* Runs a file with `argv` as its arguments. The error carries the traceback, cut to fit. */
MW_MUST_USE int mw_script_run_file(struct mw_script *script, const char *path, int argc,
                                   char *const *argv, struct mw_err *err);

/* Loads module `name`, which returns a function: from now on each event enters through it, as
 * door(kind, id, num, data, text, num2); of a ws_message only kind and id are passed, the rest
 * stands in the shared event (mw_script_event). */
MW_MUST_USE int mw_script_open_door(struct mw_script *script, const char *name, struct mw_err *err);

/* The one door. Returns -1 when Lua raised; that was reported with its traceback. */
int mw_script_dispatch(struct mw_script *script, const struct mw_event *event);

/* The event being handled (a copy that stays at one address: Lua reads it by FFI). */
const struct mw_event *mw_script_event(const struct mw_script *script);

/* A small step of the collector; false when a cycle is finished and nothing is left to do. */
bool mw_script_collect(struct mw_script *script);

#endif
