#include "ring.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LINE = 128,         /* two cache lines: the processor fetches them in pairs */
    AHEAD = 768,        /* fetched before they are written to */
    WARM = 1024 * 1024, /* beyond this an empty ring begins anew, where it is in the caches */
};

/* The first page of the memory. Both count bytes since the beginning and never go back. */
struct ends {
    alignas(LINE) _Atomic uint64_t head; /* the writer's: committed up to here */
    _Atomic uint64_t origin;             /* the writer's: what stands at the memory's beginning */
    alignas(LINE) _Atomic uint64_t tail; /* the reader's: consumed up to here */
};

struct mw_ring {
    struct ends *ends;
    char *bytes; /* `size` of them, and the same once more behind */
    size_t size, page;
    uint64_t seen_tail; /* the writer's: spares it the reader's cache line while there is room */
};

static size_t round_up(size_t bytes, size_t page)
{
    size_t size = page;
    while (size < bytes && size <= SIZE_MAX / 8)
        size *= 2;
    return size;
}

/* One page of ends, the bytes, the bytes again. */
static void *map_twice(int fd, size_t page, size_t size)
{
    const int access = PROT_READ | PROT_WRITE;
    char *base = mmap(NULL, page + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (mmap(base, page + size, access, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
        mmap(base + page + size, size, access, MAP_SHARED | MAP_FIXED, fd, (off_t)page) ==
            MAP_FAILED ||
        madvise(base, page + 2 * size, MADV_DONTDUMP) < 0) {
        int failure = errno;
        (void)munmap(base, page + 2 * size); /* the first failure is the one to tell */
        errno = failure;
        return NULL;
    }
    return base;
}

struct mw_ring *mw_ring_new(size_t bytes, struct mw_err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = round_up(bytes, page);
    struct mw_ring *ring = calloc(1, sizeof *ring);
    int fd = memfd_create("moonwire-ring", MFD_CLOEXEC);
    char *base = NULL;
    if (ring && fd >= 0 && ftruncate(fd, (off_t)(page + size)) == 0)
        base = map_twice(fd, page, size);
    if (!base) {
        mw_err_set(err, "ring of %zu bytes: %s", size, strerror(errno));
        free(ring);
        ring = NULL;
    } else {
        ring->ends = (struct ends *)base;
        ring->bytes = base + page;
        ring->size = size;
        ring->page = page;
    }
    if (fd >= 0)
        (void)close(fd); /* the mappings keep the memory */
    return ring;
}

void mw_ring_free(struct mw_ring *ring)
{
    if (!ring)
        return;
    (void)munmap(ring->ends, ring->page + 2 * ring->size); /* our own mapping: cannot fail */
    free(ring);
}

size_t mw_ring_size(const struct mw_ring *ring)
{
    return ring->size;
}

/* The origin is that of all that is not consumed: it only moves while there is nothing. */
static char *place(const struct mw_ring *ring, uint64_t at)
{
    uint64_t origin = atomic_load_explicit(&ring->ends->origin, memory_order_relaxed);
    return ring->bytes + ((at - origin) & (ring->size - 1));
}

/* The writer ----------------------------------------------------------------------------------- */

/* As long as the reader keeps up only the first of the memory is in use: it stays in the caches,
 * and the rest takes no memory. The move is seen with the next head, which comes after it. */
static void begin_anew(struct mw_ring *ring, uint64_t head)
{
    /* Acquire: as below. */
    ring->seen_tail = atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
    if (ring->seen_tail == head)
        atomic_store_explicit(&ring->ends->origin, head, memory_order_relaxed);
}

/* The head is read from the shared memory, not kept: the writer may be the successor of one that
 * died, forked from a parent that never wrote. What a parent has seen of the tail is only old. */
void *mw_ring_reserve(struct mw_ring *ring, size_t len)
{
    uint64_t head = atomic_load_explicit(&ring->ends->head, memory_order_relaxed);
    if (len > ring->size)
        return NULL;
    if (head - ring->seen_tail > ring->size - len) {
        /* Acquire: the reader is done with the bytes that will be written over. */
        ring->seen_tail = atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
        if (head - ring->seen_tail > ring->size - len)
            return NULL;
    }
    char *room = place(ring, head);
    if (room < ring->bytes + WARM)
        return room;
    begin_anew(ring, head);
    return place(ring, head);
}

/* The reader's processor has these lines: they are asked for while the next event is awaited. */
static void fetch_ahead(const char *place)
{
    for (int i = 0; i < AHEAD; i += LINE / 2)
#if defined __x86_64__
        __asm__ volatile("prefetchw %0" : : "m"(place[i]));
#else
        __builtin_prefetch(place + i, 1);
#endif
}

void mw_ring_commit(struct mw_ring *ring, size_t len)
{
    uint64_t head = atomic_load_explicit(&ring->ends->head, memory_order_relaxed);
    atomic_store_explicit(&ring->ends->head, head + len, memory_order_release);
    fetch_ahead(place(ring, head + len));
}

/* The reader ----------------------------------------------------------------------------------- */

void *mw_ring_peek(struct mw_ring *ring, size_t *len)
{
    uint64_t tail = atomic_load_explicit(&ring->ends->tail, memory_order_relaxed);
    uint64_t used = atomic_load_explicit(&ring->ends->head, memory_order_acquire) - tail;
    /* More than there can be: a dying writer has written over the ends. Never read beyond. */
    *len = used <= ring->size ? (size_t)used : ring->size;
    return place(ring, tail);
}

void mw_ring_consume(struct mw_ring *ring, size_t len)
{
    uint64_t tail = atomic_load_explicit(&ring->ends->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->ends->tail, tail + len, memory_order_release);
}
