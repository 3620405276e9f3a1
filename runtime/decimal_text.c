#include "decimal_bits.h"
#include "digits.h"

#include <string.h>

/* [e[+-]digits] at `text`; leaves the exponent in *exponent. -1 when something else stands there.
 * */
static int parse_exponent(const char *text, const char *end, int *exponent)
{
    *exponent = 0;
    if (text == end)
        return 0;
    if (*text != 'e' && *text != 'E')
        return -1;
    text++;
    bool negative = text < end && *text == '-';
    if (text < end && (*text == '-' || *text == '+'))
        text++;
    if (text == end || end - text > 4)
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        *exponent = *exponent * 10 + (*text - '0');
    }
    if (negative)
        *exponent = -*exponent;
    return 0;
}

/* The points among eight bytes, as the top bit of each: of these the lowest is right. */
static inline uint64_t points_in(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differs = bytes ^ ('.' * ones);
    return (differs - ones) & ~differs & (0x80 * ones);
}

static inline size_t place_of(uint64_t points)
{
    return (size_t)__builtin_ctzll(points) / 8;
}

/* All bits below the lowest point. */
static inline uint64_t before_point(uint64_t points)
{
    return ((points & -points) >> 7) - 1;
}

/* Takes the lowest point out: what is above it moves down. */
static inline uint64_t without_point(uint64_t bytes, uint64_t points)
{
    uint64_t before = before_point(points);
    return (bytes & before) | ((bytes >> 8) & ~before);
}

static inline void set(struct mw_decimal *out, uint64_t digits, size_t decimals)
{
    encode(out, false, digits, digits ? -(int)decimals : 0);
}

/* "0." and up to eight digits, as most quantities and fees are; false: look closer. */
static inline bool parse_fraction(struct mw_decimal *out, const char *text, size_t len)
{
    uint64_t digits;
    if (len < 3 || len > 10 || text[0] != '0' || text[1] != '.' ||
        !mw_few_digits(mw_read_bytes(text + 2, len - 2), len - 2, &digits))
        return false;
    set(out, digits, len - 2);
    return true;
}

/* Eight bytes or fewer, digits and at most one point between them; false: look closer. */
static inline bool parse_short(struct mw_decimal *out, const char *text, size_t len)
{
    uint64_t bytes = mw_read_bytes(text, len), points = points_in(bytes), digits;
    size_t count = len, decimals = 0;
    if (points) {
        size_t point = place_of(points);
        decimals = --count - point;
        if (point == 0 || decimals == 0)
            return false;
        bytes = without_point(bytes, points);
    }
    if (!mw_few_digits(bytes, count, &digits))
        return false;
    set(out, digits, decimals);
    return true;
}

/* The same of 9 to 16 bytes, in two words: the last eight bytes and those before them. */
static inline bool parse_long(struct mw_decimal *out, const char *text, size_t len)
{
    size_t count = len - 8, decimals = 0;
    uint64_t head = mw_read_bytes(text, count), tail = mw_read_bytes(text + count, 8);
    uint64_t in_head = points_in(head), in_tail = points_in(tail), high = 0, low;
    if (in_head | in_tail) {
        size_t point = in_head ? place_of(in_head) : count + place_of(in_tail);
        decimals = len - 1 - point;
        if (point == 0 || decimals == 0)
            return false;
        count--;
        if (in_head) {
            head = without_point(head, in_head);
        } else { /* the head's last digit comes first in the tail, and what follows moves up */
            uint64_t before = before_point(in_tail);
            tail = (tail & ~(before << 8 | 0xff)) | (tail & before) << 8 | head >> (8 * count);
        }
    }
    if (!mw_few_digits(tail, 8, &low) || (count && !mw_few_digits(head, count, &high)))
        return false;
    set(out, high * 100000000 + low, decimals);
    return true;
}

/* Whatever else there is, byte by byte. Not inlined: who needs it not saves no registers for it. */
static __attribute__((noinline)) int parse_any(struct mw_decimal *out, const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    uint64_t low = 0; /* the first 19 digits fit; the rest goes into `wide` */
    uint128 wide = 0;
    int significant = 0, exponent = 0, seen = 0;
    bool in_fraction = false;
    for (; p < end; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (digit > 9) {
            if (*p != '.' || in_fraction || !seen)
                break;
            in_fraction = true;
            seen = 0; /* at least one digit must follow the point */
            continue;
        }
        seen++;
        if (in_fraction)
            exponent--;
        if (significant == 0 && digit == 0)
            continue; /* leading zeros are no significant digits */
        if (significant < 19)
            low = low * 10 + digit;
        else if (significant < DIGITS_MAX)
            wide = (significant == 19 ? (uint128)low : wide) * 10 + digit;
        else if (digit != 0)
            return -1;
        else
            exponent++; /* a zero beyond the 34th digit only moves the point */
        significant += significant < DIGITS_MAX;
    }
    int written;
    if (!seen || parse_exponent(p, end, &written) < 0)
        return -1;
    exponent += written;
    uint128 digits = significant > 19 ? wide : low;
    if (!digits)
        exponent = 0;
    if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX)
        return -1;
    encode(out, negative, digits, exponent);
    return 0;
}

/* Likewise. */
static __attribute__((noinline)) int parse_others(struct mw_decimal *out, const char *text,
                                                  size_t len)
{
    bool is_long = len > 8 && len <= MW_DIGITS_MAX;
    return is_long && parse_long(out, text, len) ? 0 : parse_any(out, text, len);
}

int mw_decimal_parse(struct mw_decimal *out, const char *text, size_t len)
{
    if (parse_fraction(out, text, len) || (len > 0 && len <= 8 && parse_short(out, text, len)))
        return 0;
    return parse_others(out, text, len);
}

size_t mw_decimal_format(const struct mw_decimal *d, char *buf, size_t cap)
{
    if (cap < MW_DECIMAL_TEXT_MAX)
        return 0;
    char reversed[48];
    size_t count = 0, len = 0;
    int exponent = exponent_of(d);
    uint128 digits = digits_of(d);
    while (digits > UINT64_MAX) {
        reversed[count++] = (char)('0' + (int)(digits % 10));
        digits /= 10;
    }
    for (uint64_t low = (uint64_t)digits; low; low /= 10)
        reversed[count++] = (char)('0' + (int)(low % 10));
    if (!count) {
        memcpy(buf, "0", 2);
        return 1;
    }
    size_t first = 0; /* trailing zeros of the fraction stand first in `reversed` */
    while (exponent < 0 && first < count && reversed[first] == '0') {
        first++;
        exponent++;
    }
    if (is_negative(d))
        buf[len++] = '-';
    int point = (int)(count - first) + exponent; /* digits before the point */
    if (point <= 0) {
        buf[len++] = '0';
        buf[len++] = '.';
        for (int i = point; i < 0; i++)
            buf[len++] = '0';
    }
    for (size_t i = count; i > first; i--) {
        buf[len++] = reversed[i - 1];
        if (--point == 0 && i - 1 > first)
            buf[len++] = '.';
    }
    for (int i = 0; i < exponent; i++)
        buf[len++] = '0';
    buf[len] = '\0';
    return len;
}
