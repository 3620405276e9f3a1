/* pack.h: bytes become fewer bytes and the same bytes again, at memory's speed: what a venue sends
 * is much the same from message to message. Packed bytes are a block of LZ4 (its
 * doc/lz4_Block_format.md), which other programs can read. Pure functions. */
#ifndef MW_PACK_H
#define MW_PACK_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum { MW_PACK_BITS = 12, MW_PACK_MAX = 1 << 30 };

/* What packing remembers while it works; 16 KiB, nothing in between. */
struct mw_pack_table {
    uint32_t places[1 << MW_PACK_BITS];
};

/* Packs `len` bytes, at most MW_PACK_MAX, into at most `room` bytes. How many; 0 when they do not
 * fit. */
size_t mw_pack(struct mw_pack_table *table, const void *bytes, size_t len, void *packed,
               size_t room);

/* The opposite, of any bytes: 0, or -1 when they are not `len` bytes that were packed. */
MW_MUST_USE int mw_unpack(const void *packed, size_t packed_len, void *bytes, size_t len);

#endif
