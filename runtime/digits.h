/* digits.h: reading decimal digits, and other short texts, eight bytes at a time. */
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

/* Eight digits, the first one lowest: their number, or false. */
static inline bool mw_eight_digits(uint64_t bytes, uint64_t *number)
{
    uint64_t word = bytes - UINT64_C(0x3030303030303030);
    /* each byte is 0 to 9: neither it nor it + 118 has the top bit */
    if ((word | (word + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080))
        return false;
    word = word * 10 + (word >> 8); /* pairs, then fours, then all eight */
    *number = ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
               ((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
              32;
    return true;
}

/* Continues `value` with the digits from p on; leaves in *behind the first byte that is none, or
 * `end`. The caller sees to it that no more than 19 come. */
uint64_t mw_read_digits(uint64_t value, const char *p, const char *end, const char **behind);

#endif
