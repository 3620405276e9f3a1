/* buffer.h: bytes that are added at one end and taken at the other, and the memory for them, which
 * may hold secrets: what is given back, also when it grows, is wiped. */
#ifndef MW_BUFFER_H
#define MW_BUFFER_H

#include "err.h"

#include <stddef.h>

/* All zero is an empty one. Whoever takes bytes moves `at`; whoever drops the last ones, `len`. */
struct mw_buffer {
    char *bytes;
    size_t at, len, cap; /* in use: at to len */
};

/* Room for `len` more bytes, which is bytes + buffer->len; `at` and the place of all bytes change.
 * NULL when more than `limit` would be in use, or there is no memory: nothing has changed. */
MW_MUST_USE char *mw_buffer_grow(struct mw_buffer *buffer, size_t len, size_t limit);

/* The same, without a call where there is room already. The limit is to be the same each time: the
 * memory never exceeds it, so it is looked at only where memory is short. */
MW_MUST_USE static inline char *mw_buffer_reserve(struct mw_buffer *buffer, size_t len,
                                                  size_t limit)
{
    if (len < buffer->cap - buffer->len)
        return buffer->bytes + buffer->len;
    return mw_buffer_grow(buffer, len, limit);
}

/* A copy of `bytes`, which are none of its own, behind what it holds. -1: nothing was added. */
MW_MUST_USE int mw_buffer_append(struct mw_buffer *buffer, const void *bytes, size_t len,
                                 size_t limit);

/* Wipes and frees its memory; it is empty then. */
void mw_buffer_fini(struct mw_buffer *buffer);

#endif
