#include "digits.h"

uint64_t mw_read_digits(uint64_t value, const char *p, const char *end, const char **behind)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t word, number;
        memcpy(&word, p, 8);
        if (!mw_eight_digits(word, &number))
            break;
        value = value * 100000000 + number;
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
