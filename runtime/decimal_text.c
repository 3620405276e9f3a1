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

/* The number of `count` digits, 1 to 8, the first one lowest in `bytes`; false: they are none. */
static bool read_number(uint64_t bytes, size_t count, uint64_t *digits)
{
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    if (count < 8) /* zeros in front */
        bytes = bytes << (8 * (8 - count)) | zeros >> (8 * count);
    return mw_eight_digits(bytes, digits);
}

/* Eight bytes or fewer, digits and at most one point between them; false: look closer. */
static bool parse_short(struct mw_decimal *out, const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t bytes = mw_read_bytes(text, len), differs = bytes ^ ('.' * ones), digits;
    uint64_t points = (differs - ones) & ~differs & (0x80 * ones); /* the lowest bit is right */
    size_t count = len, decimals = 0;
    if (points) {
        size_t point = (size_t)__builtin_ctzll(points) / 8;
        uint64_t before = ((points & -points) >> 7) - 1; /* all bits below the point's */
        count--;
        decimals = count - point;
        if (point == 0 || decimals == 0)
            return false;
        bytes = (bytes & before) | ((bytes >> 8) & ~before);
    }
    if (!read_number(bytes, count, &digits))
        return false;
    encode(out, false, digits, digits ? -(int)decimals : 0);
    return true;
}

/* "0." and up to eight digits, as most quantities and fees are; false: look closer. */
static bool parse_fraction(struct mw_decimal *out, const char *text, size_t len)
{
    uint64_t digits;
    if (len < 3 || len > 10 || text[0] != '0' || text[1] != '.' ||
        !read_number(mw_read_bytes(text + 2, len - 2), len - 2, &digits))
        return false;
    encode(out, false, digits, digits ? -(int)(len - 2) : 0);
    return true;
}

/* Digits and one point, few enough for a word, as prices and quantities are; false: look closer. */
static bool parse_plain(struct mw_decimal *out, const char *text, size_t len)
{
    const char *end = text + len, *point, *behind;
    if (len > 19)
        return false;
    uint64_t digits = mw_read_digits(0, text, end, &point);
    int exponent = 0;
    if (point == text)
        return false;
    if (point < end) {
        digits = mw_read_digits(digits, point + 1, end, &behind);
        exponent = (int)(point + 1 - end);
        if (*point != '.' || behind < end || exponent == 0)
            return false;
    }
    encode(out, false, digits, digits ? exponent : 0);
    return true;
}

int mw_decimal_parse(struct mw_decimal *out, const char *text, size_t len)
{
    if (parse_fraction(out, text, len) ||
        (len - 1 < 8 ? parse_short(out, text, len) : parse_plain(out, text, len)))
        return 0;
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
