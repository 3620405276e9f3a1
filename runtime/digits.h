/* digits.h: reading decimal digits, and other short texts, eight bytes at a time. Inlined: what
 * calls these reads some ten numbers an event. */
#ifndef MW_DIGITS_H
#define MW_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The 1 to 8 bytes at p as a number: the first one lowest, 0 for those that are not there. */
static inline uint64_t mw_read_bytes(const char *p, size_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (len >= 4) { /* two halves, which may overlap */
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + len - 4, 4);
        return low | (uint64_t)high << (8 * (len - 4));
    }
    size_t middle = len / 2, last = len - 1; /* of 1 to 3; some may be the same */
    const unsigned char *bytes = (const unsigned char *)p;
    return bytes[0] | (uint64_t)bytes[middle] << (8 * middle) | (uint64_t)bytes[last] << (8 * last);
#else
    uint64_t bytes = 0;
    for (size_t i = 0; i < len; i++)
        bytes |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return bytes;
#endif
}

/* The number of `count` digits, 1 to 8, the first one lowest in `bytes`, where nothing counts that
 * is above them; false: they are none. */
static inline bool mw_few_digits(uint64_t bytes, size_t count, uint64_t *number)
{
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    uint64_t word = (bytes - zeros) << (8 * (8 - count)); /* zeros in front */
    /* each byte is 0 to 9: neither it nor it + 118 has the top bit */
    if ((word | (word + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080))
        return false;
    word = word * 10 + (word >> 8); /* pairs, then fours, then all eight */
    *number = ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
               ((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
              32;
    return true;
}

enum { MW_DIGITS_MAX = 16 };

/* The number of 1 to MW_DIGITS_MAX digits at p; false: there are more or none, or something else.
 * */
static inline bool mw_read_digits(const char *p, size_t len, uint64_t *number)
{
    uint64_t high = 0, low;
    if (len == 0 || len > MW_DIGITS_MAX)
        return false;
    if (len > 8) {
        if (!mw_few_digits(mw_read_bytes(p, len - 8), len - 8, &high))
            return false;
        p += len - 8;
        len = 8;
    }
    if (!mw_few_digits(mw_read_bytes(p, len), len, &low))
        return false;
    *number = high * 100000000 + low;
    return true;
}

#endif
