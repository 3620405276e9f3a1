/* compile.h: Lua texts to bytecode while the loop goes on: each is compiled in a short-lived
 * thread, in a Lua state of its own. The outcome is an event of kind `compiled`. */
#ifndef MW_COMPILE_H
#define MW_COMPILE_H

#include "host.h"

struct mw_compiler;

MW_MUST_USE struct mw_compiler *mw_compiler_new(struct mw_host *host, struct mw_err *err);
void mw_compiler_free(struct mw_compiler *compiler); /* takes NULL; waits for what is under way */

/* `name` is that of the chunk ("@ladder.lua"); both texts are copied. The event's id is returned. 0
 * and `err` when it cannot begin. */
MW_MUST_USE uint64_t mw_compile(struct mw_compiler *compiler, const char *text, size_t len,
                                const char *name, struct mw_err *err);

#endif
