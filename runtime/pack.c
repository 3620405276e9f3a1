/* A block is a row of sequences: a byte with two lengths, of a piece that stands there (literals)
 * and of a piece that is found some bytes before (a match, of 4 bytes at least); each of them goes
 * on in further bytes when it is 15 or more; the literals; the distance in two bytes. The last one
 * ends with its literals. Section names are those of LZ4's description. */
#include "pack.h"

#include <stdbool.h>
#include <string.h>

enum {
    MATCH_MIN = 4,
    DISTANCE_MAX = 65535,
    LAST_LITERALS = 5, /* "End of block conditions": the last bytes are literals, */
    MATCH_LIMIT = 12,  /* and no match begins in the last 12 */
    LONG = 15,         /* of four bits: the length goes on */
    SHORT = 8,         /* literals that are copied at once */
    PATIENCE = 6,      /* after 1 << PATIENCE bytes without a match fewer places are tried */
};

static uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Packing -------------------------------------------------------------------------------------- */

struct out {
    uint8_t *at, *end; /* at NULL: it did not fit */
};

/* What of a length four bits do not hold. */
static uint8_t *put_rest(uint8_t *at, size_t len)
{
    for (len -= LONG; len >= 255; len -= 255)
        *at++ = 255;
    *at++ = (uint8_t)len;
    return at;
}

/* match 0: the last sequence, without one. */
static inline void put_sequence(struct out *out, const uint8_t *literals, size_t count,
                                size_t distance, size_t match)
{
    size_t more = match - MATCH_MIN;
    if (!out->at || (size_t)(out->end - out->at) < count + (count + match) / 128 + SHORT + 4) {
        out->at = NULL;
        return;
    }
    uint8_t *token = out->at++;
    *token = (uint8_t)((count < LONG ? count : LONG) << 4);
    if (count <= SHORT && match) {
        memcpy(out->at, literals, SHORT); /* some more: MATCH_LIMIT says that they are there */
    } else {
        out->at = count >= LONG ? put_rest(out->at, count) : out->at;
        memcpy(out->at, literals, count);
    }
    out->at += count;
    if (!match)
        return;
    *out->at++ = (uint8_t)distance;
    *out->at++ = (uint8_t)(distance >> 8);
    *token |= (uint8_t)(more < LONG ? more : LONG);
    if (more >= LONG)
        out->at = put_rest(out->at, more);
}

/* How many bytes are the same from both places on, the later one before `end`. */
static size_t count_same(const uint8_t *later, const uint8_t *earlier, const uint8_t *end)
{
    const uint8_t *from = later;
    while (end - later >= 8) {
        uint64_t differ = load64(later) ^ load64(earlier);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (differ)
            return (size_t)(later - from) + ((size_t)__builtin_ctzll(differ) >> 3);
#else
        if (differ)
            break;
#endif
        later += 8;
        earlier += 8;
    }
    while (later < end && *later == *earlier) {
        later++;
        earlier++;
    }
    return (size_t)(later - from);
}

static uint32_t *slot(struct mw_pack_table *table, const uint8_t *at)
{
    return &table->places[(load32(at) * 2654435761u) >> (32 - MW_PACK_BITS)]; /* golden ratio */
}

/* How far back stands what stands at `at`, 4 bytes at least; 0: not known. What is `distance` back
 * is tried first: where one message is like the one before, all of it is. */
static inline size_t find(struct mw_pack_table *table, const uint8_t *bytes, size_t at,
                          size_t distance)
{
    uint32_t here = load32(bytes + at);
    if (distance && load32(bytes + at - distance) == here)
        return distance;
    uint32_t *place = slot(table, bytes + at);
    size_t before = *place;
    *place = (uint32_t)at;
    bool is_same = before < at && at - before <= DISTANCE_MAX && load32(bytes + before) == here;
    return is_same ? at - before : 0;
}

size_t mw_pack(struct mw_pack_table *table, const void *bytes, size_t len, void *packed,
               size_t room)
{
    const uint8_t *in = bytes, *end = in + len;
    struct out out = {packed, (uint8_t *)packed + room};
    size_t at = 0, literals = 0, distance = 0; /* literals: where they begin */
    if (len > MW_PACK_MAX)
        return 0;
    memset(table, 0, sizeof *table);
    while (out.at && at + MATCH_LIMIT < len) {
        size_t back = find(table, in, at, distance);
        if (!back) {
            at += 1 + ((at - literals) >> PATIENCE);
            continue;
        }
        distance = back;
        while (at > literals && at > distance && in[at - 1] == in[at - 1 - distance])
            at--;
        size_t same = count_same(in + at, in + at - distance, end - LAST_LITERALS);
        put_sequence(&out, in + literals, at - literals, distance, same);
        at += same;
        literals = at;
        *slot(table, in + at - 2) = (uint32_t)(at - 2);
    }
    put_sequence(&out, in + literals, len - literals, 0, 0);
    return out.at ? (size_t)(out.at - (uint8_t *)packed) : 0;
}

/* Unpacking ------------------------------------------------------------------------------------ */

struct in {
    const uint8_t *at, *end;
};

/* A length whose four bits are these. -1: it has no end, or is above `most`. */
static int64_t get_length(struct in *in, unsigned bits, size_t most)
{
    size_t len = bits;
    if (bits == LONG) {
        unsigned more = 255;
        while (more == 255 && len <= most && in->at < in->end)
            len += more = *in->at++;
        if (more == 255)
            return -1;
    }
    return len <= most ? (int64_t)len : -1;
}

/* What may overlap with what it is copied from repeats. */
static void copy_match(uint8_t *to, size_t distance, size_t len)
{
    while (len > distance) {
        memcpy(to, to - distance, distance);
        to += distance;
        len -= distance;
        distance *= 2;
    }
    memcpy(to, to - distance, len);
}

int mw_unpack(const void *packed, size_t packed_len, void *bytes, size_t len)
{
    struct in in = {packed, (const uint8_t *)packed + packed_len};
    uint8_t *out = bytes, *end = out + len;
    while (in.at < in.end) {
        unsigned token = *in.at++;
        int64_t count = get_length(&in, token >> 4, (size_t)(end - out));
        if (count < 0 || count > in.end - in.at)
            return -1;
        memcpy(out, in.at, (size_t)count);
        out += count;
        in.at += count;
        if (in.at == in.end)
            return out == end ? 0 : -1;
        if (in.end - in.at < 2)
            return -1;
        size_t distance = in.at[0] | (size_t)in.at[1] << 8;
        in.at += 2;
        count = get_length(&in, token & LONG, (size_t)(end - out));
        if (count < 0 || count + MATCH_MIN > end - out || distance == 0 ||
            distance > (size_t)(out - (uint8_t *)bytes))
            return -1;
        copy_match(out, distance, (size_t)count + MATCH_MIN);
        out += count + MATCH_MIN;
    }
    return -1; /* not even one sequence, or the last one is not there */
}
