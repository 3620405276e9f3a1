#include "resolve.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mw_lookup {
    struct mw_resolver *resolver;
    struct mw_lookup *next;
    char *name, *port;
    mw_resolved_fn *done; /* NULL: canceled */
    void *arg;
    pthread_t thread;
    bool has_ended; /* written by the thread under the lock */
    struct addrinfo *addresses;
    int code;
};

struct mw_resolver {
    struct mw_host *host;
    ev_async wake;
    pthread_mutex_t lock;
    struct mw_lookup *lookups;
    bool is_closed; /* what follows is the threads' own, under the lock like all above */
    size_t left;    /* of them: the last one takes the rest away */
};

static void free_lookup(struct mw_lookup *lookup)
{
    if (!lookup)
        return;
    free(lookup->name);
    free(lookup->port);
    free(lookup);
}

static void free_resolver(struct mw_resolver *resolver)
{
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* Hands the result over; false when there is nobody to take it any more. `is_last`: of those whose
 * resolver is closed. */
static bool hand_over(struct mw_lookup *lookup, struct addrinfo *addresses, int code, bool *is_last)
{
    struct mw_resolver *resolver = lookup->resolver;
    pthread_mutex_lock(&resolver->lock);
    bool is_wanted = !resolver->is_closed;
    if (is_wanted) {
        lookup->addresses = addresses;
        lookup->code = code;
        lookup->has_ended = true;
        ev_async_send(mw_host_loop(resolver->host), &resolver->wake);
    } else {
        *is_last = --resolver->left == 0;
    }
    pthread_mutex_unlock(&resolver->lock);
    return is_wanted;
}

static void *look_up(void *arg)
{
    struct mw_lookup *lookup = arg;
    struct mw_resolver *resolver = lookup->resolver;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    /* RFC 6761: localhost is this machine, whatever files and name servers say. */
    const char *name = strcasecmp(lookup->name, "localhost") == 0 ? NULL : lookup->name;
    int code = getaddrinfo(name, lookup->port, &hints, &addresses);
    bool is_last = false;
    if (hand_over(lookup, code ? NULL : addresses, code, &is_last))
        return NULL; /* is the loop's now */
    if (!code)
        freeaddrinfo(addresses);
    free_lookup(lookup);
    if (is_last)
        free_resolver(resolver);
    return NULL;
}

/* Takes one look-up that has ended out of the list; NULL when there is none. */
static struct mw_lookup *take_ended(struct mw_resolver *resolver)
{
    struct mw_lookup *found = NULL;
    pthread_mutex_lock(&resolver->lock);
    for (struct mw_lookup **link = &resolver->lookups; *link; link = &(*link)->next) {
        if ((*link)->has_ended) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&resolver->lock);
    return found;
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct mw_lookup *lookup;
    while ((lookup = take_ended(watcher->data))) {
        pthread_join(lookup->thread, NULL);
        if (lookup->done)
            lookup->done(lookup->arg, lookup->addresses,
                         lookup->addresses ? NULL : gai_strerror(lookup->code));
        else if (lookup->addresses)
            freeaddrinfo(lookup->addresses);
        free_lookup(lookup);
    }
}

struct mw_resolver *mw_resolver_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver) {
        mw_err_set(err, "resolver: out of memory");
        return NULL;
    }
    resolver->host = host;
    pthread_mutex_init(&resolver->lock, NULL);
    ev_async_init(&resolver->wake, on_wake);
    resolver->wake.data = resolver;
    ev_async_start(mw_host_loop(host), &resolver->wake);
    ev_unref(mw_host_loop(host)); /* no reason by itself for the loop to go on */
    return resolver;
}

void mw_resolver_free(struct mw_resolver *resolver)
{
    if (!resolver)
        return;
    ev_ref(mw_host_loop(resolver->host));
    ev_async_stop(mw_host_loop(resolver->host), &resolver->wake);
    pthread_mutex_lock(&resolver->lock);
    struct mw_lookup *ended = NULL, *next;
    for (struct mw_lookup *lookup = resolver->lookups; lookup; lookup = next) {
        next = lookup->next;
        if (!lookup->has_ended) {
            resolver->left++;
            (void)pthread_detach(lookup->thread); /* was not joined: cannot fail */
            continue;
        }
        lookup->next = ended;
        ended = lookup;
    }
    resolver->is_closed = true;
    bool is_last = resolver->left == 0;
    pthread_mutex_unlock(&resolver->lock);
    for (; ended; ended = next) {
        next = ended->next;
        pthread_join(ended->thread, NULL); /* it is about to end */
        if (ended->addresses)
            freeaddrinfo(ended->addresses);
        free_lookup(ended);
    }
    if (is_last)
        free_resolver(resolver);
}

struct mw_lookup *mw_resolve(struct mw_resolver *resolver, const char *name, const char *port,
                             mw_resolved_fn *done, void *arg, struct mw_err *err)
{
    struct mw_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        goto fail;
    lookup->resolver = resolver;
    lookup->name = strdup(name);
    lookup->port = strdup(port);
    lookup->done = done;
    lookup->arg = arg;
    if (!lookup->name || !lookup->port)
        goto fail;
    pthread_mutex_lock(&resolver->lock);
    int code = pthread_create(&lookup->thread, NULL, look_up, lookup);
    if (code == 0) {
        lookup->next = resolver->lookups;
        resolver->lookups = lookup;
    }
    pthread_mutex_unlock(&resolver->lock);
    if (code != 0)
        goto fail;
    return lookup;
fail:
    mw_err_set(err, "look up %s: out of memory or threads", name);
    free_lookup(lookup);
    return NULL;
}

void mw_resolve_cancel(struct mw_lookup *lookup)
{
    lookup->done = NULL; /* the thread never looks at it */
}
