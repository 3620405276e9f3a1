#include "ring_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NEAR_PART = 32 }; /* of the size: the part that is used while the reader keeps up */

static size_t round_up(size_t bytes, size_t page)
{
    size_t size = page;
    while (size < bytes && size <= SIZE_MAX / 8)
        size *= 2;
    return size;
}

/* `size` bytes of the file, mapped at `at` twice in a row. 0 or -1. */
static int map_twice(char *at, int fd, size_t from, size_t size)
{
    const int access = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED;
    return size > 0 && (mmap(at, size, access, flags, fd, (off_t)from) == MAP_FAILED ||
                        mmap(at + size, size, access, flags, fd, (off_t)from) == MAP_FAILED)
               ? -1
               : 0;
}

/* One page of ends, the near bytes twice, the far bytes twice. 0 or -1. */
static int map_all(struct mw_ring *ring, int fd, size_t page)
{
    const int access = PROT_READ | PROT_WRITE;
    size_t near = ring->near.size, far = ring->far.size;
    ring->mapped = page + 2 * near + 2 * far;
    char *base = mmap(NULL, ring->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    ring->base = base;
    ring->near.ends = (struct mw_ring_ends *)base;
    ring->far.ends = ring->near.ends + 1;
    ring->near.bytes = base + page;
    ring->far.bytes = ring->near.bytes + 2 * near;
    return mmap(base, page, access, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
                   map_twice(ring->near.bytes, fd, page, near) < 0 ||
                   map_twice(ring->far.bytes, fd, page + near, far) < 0 ||
                   madvise(base, ring->mapped, MADV_DONTDUMP) < 0
               ? -1
               : 0;
}

struct mw_ring *mw_ring_new(size_t bytes, struct mw_err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = round_up(bytes, page);
    size_t near = size / NEAR_PART >= page ? size / NEAR_PART : 0;
    struct mw_ring *ring = calloc(1, sizeof *ring);
    int fd = memfd_create("moonwire-ring", MFD_CLOEXEC);
    if (ring) {
        ring->near.size = near;
        ring->far.size = size;
        ring->reading = &ring->far;
    }
    if (!ring || fd < 0 || ftruncate(fd, (off_t)(page + near + size)) < 0 ||
        map_all(ring, fd, page) < 0) {
        mw_err_set(err, "ring of %zu bytes: %s", size, strerror(errno));
        mw_ring_free(ring);
        ring = NULL;
    }
    if (fd >= 0)
        (void)close(fd); /* the mappings keep the memory */
    return ring;
}

void mw_ring_free(struct mw_ring *ring)
{
    if (!ring)
        return;
    if (ring->base)
        (void)munmap(ring->base, ring->mapped); /* our own mapping: cannot fail */
    free(ring);
}

size_t mw_ring_size(const struct mw_ring *ring)
{
    return ring->far.size;
}

/* The writer ----------------------------------------------------------------------------------- */

static bool is_empty(struct mw_ring_part *part)
{
    uint64_t head = atomic_load_explicit(&part->ends->head, memory_order_relaxed);
    if (head == part->seen_tail)
        return true;
    /* Acquire: the reader is done with the bytes. */
    part->seen_tail = atomic_load_explicit(&part->ends->tail, memory_order_acquire);
    return head == part->seen_tail;
}

/* An empty part begins anew where its memory was used before: the rest takes none. The move is seen
 * with the next head, which comes after it. */
static void begin_anew(struct mw_ring_part *part)
{
    uint64_t head = atomic_load_explicit(&part->ends->head, memory_order_relaxed);
    atomic_store_explicit(&part->ends->origin, head, memory_order_relaxed);
    part->fetched = head;
}

void *mw_ring_reserve_elsewhere(struct mw_ring *ring, size_t len)
{
    if (!ring->is_near && ring->near.size && is_empty(&ring->near)) {
        /* Is seen with the next head of the near part. */
        uint64_t head = atomic_load_explicit(&ring->far.ends->head, memory_order_relaxed);
        atomic_store_explicit(&ring->far.ends->turn, head, memory_order_relaxed);
        ring->is_near = true;
    }
    char *room = ring->is_near ? mw_ring_room_in(&ring->near, len) : NULL;
    if (room)
        return room;
    ring->is_near = false;
    if (is_empty(&ring->far))
        begin_anew(&ring->far);
    return mw_ring_room_in(&ring->far, len);
}

void *mw_ring_reserve(struct mw_ring *ring, size_t len)
{
    return mw_ring_claim(ring, len);
}

void mw_ring_commit(struct mw_ring *ring, size_t len)
{
    mw_ring_publish(ring, len);
}

/* The reader ----------------------------------------------------------------------------------- */

/* How much is in it. More than there can be: a dying writer has written over the ends. */
static size_t used_of(const struct mw_ring_part *part, uint64_t tail)
{
    uint64_t used = atomic_load_explicit(&part->ends->head, memory_order_acquire) - tail;
    return used <= part->size ? (size_t)used : part->size;
}

size_t mw_ring_used(const struct mw_ring *ring)
{
    size_t used = 0;
    const struct mw_ring_part *const parts[] = {&ring->far, &ring->near};
    for (size_t i = 0; i < 2; i++)
        used +=
            used_of(parts[i], atomic_load_explicit(&parts[i]->ends->tail, memory_order_relaxed));
    return used;
}

/* First what is in the far part: with it all is seen that was written to the near one before; and
 * with that the turn that came before it. */
void *mw_ring_peek(struct mw_ring *ring, size_t *len)
{
    uint64_t far_tail = atomic_load_explicit(&ring->far.ends->tail, memory_order_relaxed);
    uint64_t near_tail = atomic_load_explicit(&ring->near.ends->tail, memory_order_relaxed);
    size_t far = used_of(&ring->far, far_tail), near = used_of(&ring->near, near_tail);
    uint64_t turn = atomic_load_explicit(&ring->far.ends->turn, memory_order_relaxed);
    bool is_near = near > 0 && turn <= far_tail;
    if (turn > far_tail && far > turn - far_tail)
        far = (size_t)(turn - far_tail);
    ring->reading = is_near ? &ring->near : &ring->far;
    *len = is_near ? near : far;
    return mw_ring_place(ring->reading, is_near ? near_tail : far_tail);
}

void mw_ring_consume(struct mw_ring *ring, size_t len)
{
    struct mw_ring_ends *ends = ring->reading->ends;
    uint64_t tail = atomic_load_explicit(&ends->tail, memory_order_relaxed);
    atomic_store_explicit(&ends->tail, tail + len, memory_order_release);
}
