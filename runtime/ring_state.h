/* ring_state.h: how a ring lies in memory, and its writer's two calls as they can be compiled into
 * their caller: the recorder makes them four times an event. Others use ring.h. */
#ifndef MW_RING_STATE_H
#define MW_RING_STATE_H

#include "ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MW_RING_LINE = 128,   /* two cache lines: the processor fetches them in pairs */
    MW_RING_AHEAD = 1536, /* fetched before they are written to; below the least size, a page */
};

/* All count bytes since the beginning and never go back. */
struct mw_ring_ends {
    alignas(MW_RING_LINE) _Atomic uint64_t head; /* the writer's: committed up to here */
    _Atomic uint64_t origin; /* the writer's: what stands at the memory's beginning */
    _Atomic uint64_t turn;   /* the writer's, of the far part: where that ended when it went back */
    alignas(MW_RING_LINE) _Atomic uint64_t tail; /* the reader's: consumed up to here */
};

/* A ring by itself. What both sides know of it stands in the shared memory. */
struct mw_ring_part {
    struct mw_ring_ends *ends;
    char *bytes; /* `size` of them, and the same once more behind; a size of 0: no such part */
    size_t size;
    uint64_t seen_tail; /* the writer's: spares it the reader's cache line while there is room */
    uint64_t fetched;   /* the writer's */
};

/* All goes through the near part, which is small and stays in the caches, as long as there is room
 * in it; then through the far one, until the reader has emptied the near one. So what is in the
 * near part is newer than what stands before `turn` in the far one, and older than the rest. */
struct mw_ring {
    struct mw_ring_part near, far;
    bool is_near; /* the writer's: where it is; at first in the far part, as any heir */
    struct mw_ring_part *reading; /* of which the last peek spoke */
    void *base;
    size_t mapped;
};

/* The origin is that of all that is not consumed: it only moves while there is nothing. */
static inline char *mw_ring_place(const struct mw_ring_part *part, uint64_t at)
{
    uint64_t origin = atomic_load_explicit(&part->ends->origin, memory_order_relaxed);
    return part->bytes + ((at - origin) & (part->size - 1));
}

/* The head is read from the shared memory, not kept: the writer may be the successor of one that
 * died, forked from a parent that never wrote. What a parent has seen of the tail is only old. */
static inline char *mw_ring_room_in(struct mw_ring_part *part, size_t len)
{
    uint64_t head = atomic_load_explicit(&part->ends->head, memory_order_relaxed);
    if (len > part->size)
        return NULL;
    if (head - part->seen_tail > part->size - len) {
        /* Acquire: the reader is done with the bytes that will be written over. */
        part->seen_tail = atomic_load_explicit(&part->ends->tail, memory_order_acquire);
        if (head - part->seen_tail > part->size - len)
            return NULL;
    }
    return mw_ring_place(part, head);
}

/* mw_ring_reserve where the near part is not in use, or has no room. */
void *mw_ring_reserve_elsewhere(struct mw_ring *ring, size_t len);

/* mw_ring_reserve. */
static inline void *mw_ring_claim(struct mw_ring *ring, size_t len)
{
    char *room = ring->is_near ? mw_ring_room_in(&ring->near, len) : NULL;
    return room ? room : mw_ring_reserve_elsewhere(ring, len);
}

/* The reader's processor has these lines: they are asked for while the next event is awaited. */
static inline void mw_ring_fetch_ahead(struct mw_ring_part *part, uint64_t head)
{
    uint64_t end = head + MW_RING_AHEAD;
    uint64_t at = part->fetched - head <= MW_RING_AHEAD ? part->fetched : head;
    const char *line = mw_ring_place(part, at); /* and what follows it: the memory is there twice */
    for (; at < end; at += MW_RING_LINE / 2, line += MW_RING_LINE / 2) {
#if defined __x86_64__
        __asm__ volatile("prefetchw %0" : : "m"(*line));
#else
        __builtin_prefetch(line, 1);
#endif
    }
    part->fetched = at;
}

/* mw_ring_commit. */
static inline void mw_ring_publish(struct mw_ring *ring, size_t len)
{
    struct mw_ring_part *part = ring->is_near ? &ring->near : &ring->far;
    uint64_t head = atomic_load_explicit(&part->ends->head, memory_order_relaxed);
    atomic_store_explicit(&part->ends->head, head + len, memory_order_release);
    mw_ring_fetch_ahead(part, head + len);
}

#endif
