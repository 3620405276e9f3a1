/* journal_chunk.h: records of a journal as its chunks hold them: as they are, or packed where that
 * saves an eighth. A record's size is even; a packed chunk begins with an odd number of 32 bits,
 * its length as it was + 1, and the rest is a block of LZ4. */
#ifndef MW_JOURNAL_CHUNK_H
#define MW_JOURNAL_CHUNK_H

#include "err.h"

#include <lz4.h>
#include <stddef.h>
#include <stdint.h>

/* Packs `len` bytes of records into `to`, which has room for as many; `memory` is for this call.
 * How many bytes these are now; 0: they are to be stored as they are. */
size_t mw_chunk_pack(LZ4_stream_t *memory, const void *records, size_t len, void *to);

/* How many bytes of records a chunk holds, packed or not; -1: it is damaged. */
int64_t mw_chunk_len(const void *chunk, size_t stored);
/* These, into `to`. -1: it is damaged. */
MW_MUST_USE int mw_chunk_unpack(const void *chunk, size_t stored, void *to, size_t len);

#endif
