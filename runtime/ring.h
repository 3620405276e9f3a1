/* ring.h: bytes from one process to another through shared memory: one writer, one reader, no lock,
 * no system call. Made before the fork, it outlives whoever dies. What was committed is whole: a
 * writer that dies in the middle of a record leaves none. The memory is mapped twice in a row, so
 * that no record is ever split. */
#ifndef MW_RING_H
#define MW_RING_H

#include "err.h"

#include <stddef.h>

struct mw_ring;

/* `bytes` is rounded up to a power of two of pages; there is a 32nd part more, which is all that is
 * used while the reader keeps up. Not dumped. NULL and `err` without memory. */
MW_MUST_USE struct mw_ring *mw_ring_new(size_t bytes, struct mw_err *err);
void mw_ring_free(struct mw_ring *ring); /* takes NULL; unmaps it for this process */
size_t mw_ring_size(const struct mw_ring *ring);

/* The writer: room for `len` bytes in one piece, or NULL while there is none. What is written there
 * is seen by the reader when it is committed, before the next reserve; `len` bytes at most. */
void *mw_ring_reserve(struct mw_ring *ring, size_t len);
void mw_ring_commit(struct mw_ring *ring, size_t len);

/* The reader: what was committed and not consumed, in one piece, perhaps not all of it; *len 0 when
 * there is none. It may write there. What is consumed, of the piece that was seen last, stays in
 * the memory until the writer comes round to it. */
void *mw_ring_peek(struct mw_ring *ring, size_t *len);
void mw_ring_consume(struct mw_ring *ring, size_t len);
size_t mw_ring_used(const struct mw_ring *ring); /* bytes that were committed and not consumed */

#endif
