/* guardian_state.h: what the guardian's table (guardian.c) and what is done in it (guardian_acts.c)
 * share; nobody else includes it. */
#ifndef MW_GUARDIAN_STATE_H
#define MW_GUARDIAN_STATE_H

#include "drain.h"
#include "guardian.h"
#include "watchdog.h"

#define MW_MS INT64_C(1000000)
#define MW_SECOND (1000 * MW_MS)

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };
enum { DEATHS_MAX = 5 }; /* in ten minutes; one more and there is no restart */

/* PLANNING the configuration is being read; STOPPING the runtime was asked to stop; SWEEPING it is
 * dead and its orders are being canceled; WAITING before it starts again. */
enum state { PLANNING, RUNNING, STOPPING, SWEEPING, WAITING, DONE, STATES };

enum event {
    NOTHING,
    PLANNED, /* the planner is done and left a plan */
    REFUSED, /* no plan, a lock is held, no journal, no memory */
    LEFT,    /* the runtime ended because it wanted to */
    DIED,    /* the child ended in any other way */
    HUNG,    /* it does nothing any more, or does not give back its memory */
    BLOATED, /* too much memory for too long */
    CHOKED,  /* the journal fails and the ring is nearly full */
    STOP,    /* SIGINT, SIGTERM */
    TIME,    /* the back-off is over */
    SWEPT,   /* nothing of ours is left open; or that is not wanted */
    UNSWEPT, /* orders are left that could not be canceled */
    EVENTS
};

struct guardian {
    const struct mw_guardian_options *options;
    struct mw_shared *shared;
    struct mw_ring *ring;
    struct mw_log *log;
    struct mw_drain drain;
    struct mw_watchdog dog;
    enum state state;
    int status, least_status; /* of the guardian, when it is DONE */
    struct mw_child child;
    pid_t pid; /* of the child; 0: none */
    int wait_status;
    int locks[MW_LOCKS_MAX];
    uint32_t lock_count;
    int64_t now_ns, due_ns; /* due_ns: when TIME comes; 0: never */
    int64_t weighed_ns;
    int64_t deaths_ns[DEATHS_MAX + 1];
    uint32_t sweeps;
    bool was_killed; /* by us: it hung */
    bool is_to_stop; /* asked to: there will be no restart */
    int stop_signal; /* by which one; the runtime says it */
};

/* What is done in the table; each returns what follows from it at once. */
enum event mw_act_plan(struct guardian *g); /* has the configuration read */
enum event
mw_act_start(struct guardian *g);          /* takes locks, opens the journal, starts the runtime */
enum event mw_act_end(struct guardian *g); /* its status is set already */
enum event mw_act_end_plan(struct guardian *g);  /* the planner died */
enum event mw_act_drop_plan(struct guardian *g); /* kills the planner */
enum event mw_act_end_run(struct guardian *g);   /* takes the runtime's status */
enum event mw_act_take_over(struct guardian *g); /* says how it died, and sweeps */
enum event mw_act_kill_child(struct guardian *g);
enum event mw_act_stop_bloated(struct guardian *g); /* too much memory */
enum event mw_act_stop_choked(struct guardian *g);  /* the ring is nearly full */
enum event mw_act_ask_to_stop(struct guardian *g);
enum event mw_act_ask_again(struct guardian *g);
enum event mw_act_back_off(struct guardian *g); /* a restart later, or none */
enum event mw_act_say_unswept(struct guardian *g);
enum event mw_act_sweep_again(struct guardian *g); /* later, or gives up */
enum event mw_act_note_stop(struct guardian *g);   /* the second time: the sweep is to end */
enum event mw_act_start_sweeper(struct guardian *g);

void mw_guardian_tell(const struct guardian *g, int signal_number); /* the child */
void mw_guardian_unlock(struct guardian *g);

#endif
