#include "journal_chunk.h"

#include <stdbool.h>
#include <string.h>

enum {
    HEAD = sizeof(uint32_t),
    LEN_MAX = 1 << 30,
    RATIO_MAX = 255, /* LZ4 has no more */
    FASTEST = 1,     /* LZ4's acceleration: its default */
};

size_t mw_chunk_pack(LZ4_stream_t *memory, const void *records, size_t len, void *to)
{
    size_t room = len - len / 8;
    uint32_t head = (uint32_t)len + 1;
    if (room <= HEAD || len % 2 != 0 || len > LEN_MAX)
        return 0;
    int packed = LZ4_compress_fast_extState(memory, records, (char *)to + HEAD, (int)len,
                                            (int)(room - HEAD), FASTEST);
    memcpy(to, &head, HEAD);
    return packed > 0 ? HEAD + (size_t)packed : 0;
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
    return head - 1 <= LEN_MAX && head / RATIO_MAX <= stored ? (int64_t)head - 1 : -1;
}

int mw_chunk_unpack(const void *chunk, size_t stored, void *to, size_t len)
{
    uint32_t head;
    if (is_packed(chunk, stored, &head)) {
        bool is_sane = stored <= LEN_MAX && len <= LEN_MAX;
        int got = is_sane ? LZ4_decompress_safe((const char *)chunk + HEAD, to,
                                                (int)(stored - HEAD), (int)len)
                          : -1;
        return got >= 0 && (size_t)got == len ? 0 : -1;
    }
    if (stored != len)
        return -1;
    memcpy(to, chunk, len);
    return 0;
}
