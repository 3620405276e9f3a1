/* companion.h: the runtime that `moonwire repl --config FILE` starts for itself: a guardian with
 * all that belongs to it, in a process group of its own, so that Ctrl-C at the prompt is the
 * prompt's. Its output comes through a pipe, its prompt through a socket in a directory that goes
 * with it. */
#ifndef MW_COMPANION_H
#define MW_COMPANION_H

#include "err.h"

#include <sys/types.h>

struct mw_companion {
    pid_t pid;
    int output; /* what it prints and logs */
    char directory[64], socket[96];
};

/* Runs `run(arg, socket)` in a child; it returns the exit status. -1 and `err` when it cannot. When
 * this process dies the child gets SIGTERM. */
MW_MUST_USE int mw_companion_start(struct mw_companion *companion,
                                   int (*run)(void *arg, const char *socket), void *arg,
                                   struct mw_err *err);

/* Asks it to stop, copies what it still says to standard error, waits for its end: its exit
 * status. `output` was closed by whoever read it, or is read here: -1 or the descriptor. */
MW_MUST_USE int mw_companion_end(struct mw_companion *companion);

#endif
