/* guardian.h: starts a runtime, keeps its record, and takes over when it dies. Knows no Lua and no
 * venue: what the children do is given. Its table of states and events is the README's. */
#ifndef MW_GUARDIAN_H
#define MW_GUARDIAN_H

#include "ring.h"
#include "shared.h"

#include <stdbool.h>
#include <sys/types.h>

enum mw_role {
    MW_ROLE_PLANNER, /* reads the configuration, fills in shared->plan */
    MW_ROLE_RUNTIME, /* trades */
    MW_ROLE_SWEEPER, /* cancels what a dead runtime left open; exit status 0: nothing is left */
};

struct mw_child {
    enum mw_role role;
    struct mw_shared *shared;
    struct mw_ring *ring; /* NULL: there is no journal */
    pid_t guardian;
    uint32_t open_orders; /* the sweeper's: so many were known as open or in doubt */
};

struct mw_guardian_options {
    /* In a process of its own; returns the exit status, or ends the process itself. */
    int (*run)(void *arg, const struct mw_child *child);
    void *arg;
    double second; /* of its back-off, in seconds; 0 is 1: shorter in tests */
};

/* Returns the exit status of the whole; 1 with `err` when it cannot begin. The process becomes
 * undumpable and its SIGINT, SIGTERM, SIGHUP and SIGCHLD are blocked from then on. */
MW_MUST_USE int mw_guardian_run(const struct mw_guardian_options *options, struct mw_err *err);

/* The guardian of this child is dead. */
bool mw_guardian_is_gone(const struct mw_child *child);

#endif
