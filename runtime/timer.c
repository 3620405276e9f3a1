#include "timer.h"

#include <stdlib.h>

enum { BUCKETS = 1024 }; /* ids rise by one: they spread evenly */

struct timer {
    ev_timer watcher;
    struct mw_timers *owner;
    struct timer *next; /* in its bucket, or in the list of free ones */
    uint64_t id;
};

struct mw_timers {
    struct mw_host *host;
    struct timer *buckets[BUCKETS], *free;
};

struct mw_timers *mw_timers_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_timers *timers = calloc(1, sizeof *timers);
    if (!timers) {
        mw_err_set(err, "timers: out of memory");
        return NULL;
    }
    timers->host = host;
    return timers;
}

static void free_list(struct mw_timers *timers, struct timer *timer)
{
    while (timer) {
        struct timer *next = timer->next;
        ev_timer_stop(mw_host_loop(timers->host), &timer->watcher);
        free(timer);
        timer = next;
    }
}

void mw_timers_free(struct mw_timers *timers)
{
    if (!timers)
        return;
    for (int i = 0; i < BUCKETS; i++)
        free_list(timers, timers->buckets[i]);
    free_list(timers, timers->free);
    free(timers);
}

/* Takes a timer out of its bucket and puts it among the free ones; NULL when it is not there. */
static struct timer *release(struct mw_timers *timers, uint64_t id)
{
    struct timer **link = &timers->buckets[id % BUCKETS];
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    struct timer *timer = *link;
    if (!timer)
        return NULL;
    *link = timer->next;
    timer->next = timers->free;
    timers->free = timer;
    return timer;
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct timer *timer = watcher->data;
    struct mw_timers *timers = timer->owner;
    struct mw_event event = {.kind = MW_EVENT_timer, .id = timer->id};
    release(timers, timer->id); /* first: the handler may start timers */
    mw_host_emit(timers->host, &event);
}

uint64_t mw_timer_start(struct mw_timers *timers, double seconds, struct mw_err *err)
{
    struct timer *timer = timers->free;
    if (timer)
        timers->free = timer->next;
    else
        timer = malloc(sizeof *timer);
    if (!timer) {
        mw_err_set(err, "start timer: out of memory");
        return 0;
    }
    timer->owner = timers;
    timer->id = mw_host_next_id(timers->host);
    struct timer **bucket = &timers->buckets[timer->id % BUCKETS];
    timer->next = *bucket;
    *bucket = timer;
    /* The loop's own idea of now is that of its last turn: without this a timer that is started
     * late in a long turn would fire early. */
    ev_now_update(mw_host_loop(timers->host));
    ev_timer_init(&timer->watcher, on_timer, seconds, 0.);
    timer->watcher.data = timer;
    ev_timer_start(mw_host_loop(timers->host), &timer->watcher);
    return timer->id;
}

void mw_timer_stop(struct mw_timers *timers, uint64_t id)
{
    struct timer *timer = release(timers, id);
    if (timer)
        ev_timer_stop(mw_host_loop(timers->host), &timer->watcher);
}
