/* digits.h: reading decimal digits, eight at a time. */
#ifndef MW_DIGITS_H
#define MW_DIGITS_H

#include <stdint.h>
#include <string.h>

/* Continues `value` with the digits from p on; leaves in *behind the first byte that is none, or
 * `end`. The caller sees to it that no more than 19 come. */
static inline uint64_t mw_read_digits(uint64_t value, const char *p, const char *end,
                                      const char **behind)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word -= UINT64_C(0x3030303030303030);
        /* each byte is 0 to 9: neither it nor it + 118 has the top bit */
        if ((word | (word + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080))
            break;
        word = word * 10 + (word >> 8); /* pairs, then fours, then all eight */
        word = ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
                ((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
               32;
        value = value * 100000000 + word;
        p += 8;
    }
#endif
    for (; p < end; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (digit > 9)
            break;
        value = value * 10 + digit;
    }
    *behind = p;
    return value;
}

#endif
