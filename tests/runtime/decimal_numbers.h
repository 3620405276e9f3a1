/* decimal_numbers.h: what the tests of decimals share: numbers as integers of 128 bits, texts by
 * hand. MW_PROPERTY_SEED repeats a run that failed. */
#ifndef MW_TEST_DECIMAL_NUMBERS_H
#define MW_TEST_DECIMAL_NUMBERS_H

#include "decimal.h"
#include "random.h"
#include "test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { CASES = 40000, DIGITS_MAX = 34, EXPONENT_MAX = 60 };
typedef __int128 wide;

/* The oracle's numbers: digits * 10^exponent. */
struct number {
    wide digits;
    int exponent;
};

static uint64_t seed;

/* The next case has a seed of its own; a failure prints it. */
static inline void next_case(void)
{
    static uint64_t first;
    if (!first) {
        const char *given = getenv("MW_PROPERTY_SEED");
        first = given ? strtoull(given, NULL, 10) : 20261121;
        seed = first;
    } else {
        seed++;
    }
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
}

static inline wide power(int exponent)
{
    wide result = 1;
    for (; exponent > 0; exponent--)
        result *= 10;
    return result;
}

static inline wide magnitude(wide value)
{
    return value < 0 ? -value : value;
}

/* Of up to that many digits; often with zeros at its end, often with few digits. */
static inline wide random_digits(int count_max)
{
    wide value = 0;
    int count = (int)below((unsigned)count_max + 1), zeros = below(3) ? 0 : (int)below(12);
    for (int i = 0; i < count; i++)
        value = value * 10 + (i + zeros < count ? below(10) : 0);
    return below(2) ? -value : value;
}

/* "-12345e-3", made by hand. */
static inline void put_number(struct number n, char *out)
{
    char reversed[48];
    int count = 0;
    wide digits = magnitude(n.digits);
    do
        reversed[count++] = (char)('0' + (int)(digits % 10));
    while (digits /= 10);
    if (n.digits < 0)
        *out++ = '-';
    while (count)
        *out++ = reversed[--count];
    (void)snprintf(out, 8, "e%d", n.exponent); /* fits: -99 to 99 */
}

static inline bool make(struct mw_decimal *out, struct number n)
{
    char text[64];
    put_number(n, text);
    return mw_decimal_parse(out, text, strlen(text)) == 0;
}

/* Without zeros at the end: two equal numbers look the same. */
static inline struct number normal(struct number n)
{
    while (n.digits && n.digits % 10 == 0) {
        n.digits /= 10;
        n.exponent++;
    }
    if (!n.digits)
        n.exponent = 0;
    return n;
}

/* What a decimal prints, read back by hand. */
static inline struct number number_of(const struct mw_decimal *d)
{
    char text[MW_DECIMAL_TEXT_MAX];
    size_t len = mw_decimal_format(d, text, sizeof text);
    struct number n = {0, 0};
    int after_last = 0; /* digits since the last one that is not zero */
    bool in_fraction = false, is_negative = text[0] == '-';
    CHECK(len > 0 && len == strlen(text));
    for (size_t i = is_negative; i < len; i++) {
        if (text[i] == '.') {
            in_fraction = true;
            continue;
        }
        n.exponent -= in_fraction;
        after_last++;
        if (text[i] != '0') {
            n.digits = n.digits * power(after_last) + (text[i] - '0');
            after_last = 0;
        } else if (!n.digits) {
            after_last = 0;
        }
    }
    n.exponent += after_last;
    n.digits = is_negative ? -n.digits : n.digits;
    return normal(n);
}

static inline bool fits(struct number n)
{
    n = normal(n);
    return magnitude(n.digits) < power(DIGITS_MAX);
}

/* Compares an outcome with the exact result: there when it fits, refused when it does not. */
static inline bool is_right(int result, const struct mw_decimal *actual, struct number exact)
{
    if (!fits(exact))
        return result == -1;
    struct number found = number_of(actual);
    exact = normal(exact);
    return result == 0 && found.digits == exact.digits && found.exponent == exact.exponent;
}

static inline void report(const char *what, struct number a, struct number b, int result,
                          const struct mw_decimal *actual, struct number exact)
{
    char text_a[64], text_b[64], text[64], found[MW_DECIMAL_TEXT_MAX] = "refused";
    put_number(a, text_a);
    put_number(b, text_b);
    put_number(normal(exact), text);
    if (result == 0)
        (void)mw_decimal_format(actual, found, sizeof found);
    printf("seed %" PRIu64 ": %s %s %s: expected %s%s, got %s\n", seed, text_a, what, text_b, text,
           fits(exact) ? "" : " (refused)", found);
    CHECK(!"the exact result");
}

/* A decimal of a text in memory without a byte to spare, and without a NUL. */
static inline int parse(struct mw_decimal *out, const char *text)
{
    size_t len = strlen(text);
    char *tight = malloc(len ? len : 1);
    if (!tight)
        abort();
    memcpy(tight, text, len);
    int result = mw_decimal_parse(out, tight, len);
    free(tight);
    return result;
}

static inline struct mw_decimal decimal(const char *text)
{
    struct mw_decimal d = {{0, 0}};
    if (parse(&d, text) < 0) {
        printf("%s\n", text);
        CHECK(!"a decimal");
    }
    return d;
}

static inline void check_text(const struct mw_decimal *d, const char *expected)
{
    char text[MW_DECIMAL_TEXT_MAX];
    CHECK_INT(mw_decimal_format(d, text, sizeof text), strlen(expected));
    CHECK_TEXT(text, expected);
}

#define NINES_33 "999999999999999999999999999999999"
#define ZEROS_10 "0000000000"
#define ZEROS_50 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10

#endif
