/* resolve.h: host names to addresses without blocking the loop: each look-up runs in a short-lived
 * thread and its result is handed over on the loop. */
#ifndef MW_RESOLVE_H
#define MW_RESOLVE_H

#include "host.h"

#include <netdb.h>

struct mw_resolver;
struct mw_lookup;

/* `addresses` (NULL with `error` in words) is the callee's to free by freeaddrinfo. */
typedef void mw_resolved_fn(void *arg, struct addrinfo *addresses, const char *error);

MW_MUST_USE struct mw_resolver *mw_resolver_new(struct mw_host *host, struct mw_err *err);
void mw_resolver_free(struct mw_resolver *resolver); /* takes NULL; look-ups under way end alone */

/* Calls `done` from the loop, later. NULL and `err` when it cannot begin. */
MW_MUST_USE struct mw_lookup *mw_resolve(struct mw_resolver *resolver, const char *name,
                                         const char *port, mw_resolved_fn *done, void *arg,
                                         struct mw_err *err);

/* `done` will not be called. */
void mw_resolve_cancel(struct mw_lookup *lookup);

#endif
