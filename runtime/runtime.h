/* runtime.h: one runtime: the host, its mechanisms and the Lua state, put together. */
#ifndef MW_RUNTIME_H
#define MW_RUNTIME_H

#include "script.h"

struct mw_runtime;
struct mw_recorder;
struct mw_shared;

struct mw_runtime_options {
    const char *lua_dir;          /* absolute path of the library */
    struct mw_recorder *recorder; /* what happens is written there first; NULL: nowhere */
    struct mw_shared *shared;     /* with a guardian; NULL: there is none */
};

/* NULL and `err` when a part cannot be made. What the options point to stays the caller's. */
MW_MUST_USE struct mw_runtime *mw_runtime_new(const struct mw_runtime_options *options,
                                              struct mw_err *err);
void mw_runtime_free(struct mw_runtime *runtime); /* takes NULL */

struct mw_script *mw_runtime_script(struct mw_runtime *runtime);

/* Runs the loop until host.stop; returns the status given there. */
MW_MUST_USE int mw_runtime_loop(struct mw_runtime *runtime);

/* Opens the door, hands Lua the arguments in the `start` event, and runs until Lua stops the host.
 * Returns the exit status; 1 with `err` when the library cannot be loaded. */
MW_MUST_USE int mw_runtime_run(struct mw_runtime *runtime, int argc, char *const *argv,
                               struct mw_err *err);

#endif
