#include "journal_chunk.h"

#include <stdbool.h>
#include <string.h>

enum { HEAD = sizeof(uint32_t), RATIO_MAX = 255 /* LZ4 has no more */ };

size_t mw_chunk_pack(struct mw_pack_table *table, const void *records, size_t len, void *to)
{
    size_t room = len - len / 8;
    uint32_t head = (uint32_t)len + 1;
    if (room <= HEAD || len % 2 != 0 || len > MW_PACK_MAX)
        return 0;
    size_t packed = mw_pack(table, records, len, (char *)to + HEAD, room - HEAD);
    memcpy(to, &head, HEAD);
    return packed ? HEAD + packed : 0;
}

static bool is_packed(const void *chunk, size_t stored, uint32_t *head)
{
    if (stored < HEAD)
        return false;
    memcpy(head, chunk, HEAD);
    return *head % 2 != 0;
}

int64_t mw_chunk_len(const void *chunk, size_t stored)
{
    uint32_t head;
    if (!is_packed(chunk, stored, &head))
        return (int64_t)stored;
    return head - 1 <= MW_PACK_MAX && head / RATIO_MAX <= stored ? (int64_t)head - 1 : -1;
}

int mw_chunk_unpack(const void *chunk, size_t stored, void *to, size_t len)
{
    uint32_t head;
    if (is_packed(chunk, stored, &head))
        return mw_unpack((const char *)chunk + HEAD, stored - HEAD, to, len);
    if (stored != len)
        return -1;
    memcpy(to, chunk, len);
    return 0;
}
