/* budget.h: the end of strategies' code that runs too long or takes too much memory. One a process:
 * signals bring no argument.
 *
 * Lua counts the callbacks (struct mw_shared). SIGUSR2, from the guardian or from a timer of this
 * process, says that one of them has to end. The handler sets a debug hook that raises as soon as
 * the strategy's own code is running, and again until the callback is left, because a pcall may
 * have caught it. The library's code is never interrupted, so that nothing is half changed. A debug
 * hook is not called in compiled code: LuaJIT's profiler, which is started in line mode and never
 * ticks by itself, makes compiled code leave for the interpreter when SIGPROF is raised. */
#ifndef MW_BUDGET_H
#define MW_BUDGET_H

#include "host.h"
#include "shared.h"

#include <lua.h>
#include <stdbool.h>
#include <sys/types.h>

struct mw_budget;

struct mw_budget_options {
    struct mw_host *host;
    struct mw_shared *shared; /* the guardian's, which looks at it and sends SIGUSR2; NULL: none */
    const char *lua_dir;      /* the library: Lua code of files below it is never interrupted */
    void (*on_slow)(void *arg, const char *text);
    void *arg;
    int64_t slow_again_ns; /* the same callback is told again after this long; 0: a second */
};

struct mw_budget_limits {
    int64_t callback_ns;  /* of one callback */
    int64_t memory_bytes; /* of the process; 0: none */
};

/* From here on SIGUSR2 ends no process. Nothing is limited yet. */
MW_MUST_USE struct mw_budget *mw_budget_new(const struct mw_budget_options *options,
                                            struct mw_err *err);
/* Before the Lua state; takes NULL. A SIGUSR2 that still comes is ignored. */
void mw_budget_free(struct mw_budget *budget);

/* Where the runtime says what it is doing: the guardian's, or one of its own. */
struct mw_shared *mw_budget_shared(struct mw_budget *budget);

/* Before strategies are loaded; again with other limits. `L` is the state's main thread. Too much
 * memory that no callback can be ended for becomes an event: `signal` with number SIGUSR2. */
MW_MUST_USE int mw_budget_start(struct mw_budget *budget, lua_State *L,
                                const struct mw_budget_limits *limits, struct mw_err *err);

/* Whether this process looks after itself: while strategies are loaded, and always where no
 * guardian does. Before the start it does nothing. */
void mw_budget_watch(struct mw_budget *budget, bool on);

/* What was raised first in the callback that was ended, with its traceback; "" when none was. */
const char *mw_budget_report(const struct mw_budget *budget);

/* Whether memory was refused to code that is no strategy's since the last call. */
bool mw_budget_was_refused(struct mw_budget *budget);

/* After each entry into Lua: a callback that took more than a tenth of its limit is told by
 * on_slow, each at most once in slow_again_ns. Takes NULL. */
void mw_budget_tell_slow(struct mw_budget *budget);

/* Memory of a process that is its own, bytes: what is resident without what it shares. -1 when
 * there is no such process. Async-signal-safe. */
int64_t mw_budget_memory(pid_t pid);

#endif
