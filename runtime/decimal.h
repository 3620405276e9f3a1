/* decimal.h: exact decimals: 34 digits, exponent -60..60, no infinities, no NaN. Every result is
 * exact or refused; only division and rounding to a step round, by a named rule. Pure functions
 * without allocation; LuaJIT calls them by FFI. */
#ifndef MW_DECIMAL_H
#define MW_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* IEEE 754 decimal128 in the binary encoding, low word first. */
struct mw_decimal {
    uint64_t w[2];
};

enum { MW_DECIMAL_TEXT_MAX = 128 }; /* enough for mw_decimal_format, with its NUL */

/* Rounding rules; the numbers are shared with decimal.lua. */
enum mw_rounding {
    MW_ROUND_DOWN,      /* toward zero */
    MW_ROUND_UP,        /* away from zero */
    MW_ROUND_FLOOR,     /* toward minus infinity */
    MW_ROUND_CEILING,   /* toward plus infinity */
    MW_ROUND_HALF_EVEN, /* to the nearest, ties to the even digit */
    MW_ROUND_HALF_UP,   /* to the nearest, ties away from zero */
};

/* [+-]digits[.digits][e[+-]digits], nothing else. 0; -1 when it is not that, has more than 34
 * significant digits, or an exponent out of range. */
int mw_decimal_parse(struct mw_decimal *out, const char *text, size_t len);

/* Plain notation: no exponent, no trailing zeros after the point, "0" for every zero. Returns the
 * length without the NUL; 0 when `cap` is below MW_DECIMAL_TEXT_MAX. */
size_t mw_decimal_format(const struct mw_decimal *d, char *buf, size_t cap);

/* 0; -1 when the exact result has more than 34 digits. */
int mw_decimal_add(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_sub(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_mul(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);

/* In place: sum = sum + a, or + a * b; minus when `sign` is below 0. -1, and the sum as it was,
 * when the exact result has more than 34 digits. */
int mw_decimal_add_to(struct mw_decimal *sum, const struct mw_decimal *a, int sign);
int mw_decimal_add_product(struct mw_decimal *sum, const struct mw_decimal *a,
                           const struct mw_decimal *b, int sign);

/* a / b to so many decimals (0..30). -1 when b is zero or the result does not fit. */
int mw_decimal_div(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b,
                   int decimals, int rounding);

/* The multiple of step (> 0) that the rule picks. -1 when step is not above 0 or it does not fit.
 * */
int mw_decimal_round(struct mw_decimal *out, const struct mw_decimal *a,
                     const struct mw_decimal *step, int rounding);
int mw_decimal_is_multiple(const struct mw_decimal *a, const struct mw_decimal *step); /* 1 or 0 */

int mw_decimal_cmp(const struct mw_decimal *a, const struct mw_decimal *b); /* -1, 0, 1 */
int mw_decimal_sign(const struct mw_decimal *d);                            /* -1, 0, 1 */
void mw_decimal_neg(struct mw_decimal *out, const struct mw_decimal *d);
void mw_decimal_copy(struct mw_decimal *out, const struct mw_decimal *d);

/* The shortest decimal that reads back as the same double. -1 for NaN and infinities. */
int mw_decimal_from_double(struct mw_decimal *out, double value);
double mw_decimal_to_double(const struct mw_decimal *d);
/* -1 when it is no whole number of 64 bits. */
int mw_decimal_to_int64(int64_t *out, const struct mw_decimal *d);

/* In place: a number that was written as plain digits becomes so many units of 10^-decimals
 * (0..30). -1, and unchanged, when it was written with a point or an exponent. */
int mw_decimal_to_units(struct mw_decimal *d, int decimals);

#endif
