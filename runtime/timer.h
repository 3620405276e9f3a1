/* timer.h: one-shot timers by id. A timer that fires becomes an event of kind `timer`. */
#ifndef MW_TIMER_H
#define MW_TIMER_H

#include "host.h"

struct mw_timers;

MW_MUST_USE struct mw_timers *mw_timers_new(struct mw_host *host, struct mw_err *err);
void mw_timers_free(struct mw_timers *timers); /* takes NULL; before the host */

/* Fires once, `seconds` (0 or more) from now. Returns its id; 0 and `err` on failure. */
MW_MUST_USE uint64_t mw_timer_start(struct mw_timers *timers, double seconds, struct mw_err *err);

/* A timer that has fired or never was is left alone. */
void mw_timer_stop(struct mw_timers *timers, uint64_t id);

#endif
