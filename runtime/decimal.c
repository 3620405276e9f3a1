#include "decimal_bits.h"

#define DECIMAL_CALL_BY_REFERENCE 0
#define DECIMAL_GLOBAL_ROUNDING 0
#define DECIMAL_GLOBAL_EXCEPTION_FLAGS 0
#include <bid_conf.h>
#include <bid_functions.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BID_UINT128 to_bid(const struct mw_decimal *d)
{
    BID_UINT128 bid = {{d->w[0], d->w[1]}};
    return bid;
}

/* Takes a library result: -1 unless it is exact, finite and in our range. */
static int from_bid(struct mw_decimal *out, BID_UINT128 bid, _IDEC_flags flags)
{
    struct mw_decimal result = {{bid.w[0], bid.w[1]}};
    if (flags & (BID_INEXACT_EXCEPTION | BID_INVALID_EXCEPTION | BID_OVERFLOW_EXCEPTION |
                 BID_UNDERFLOW_EXCEPTION | BID_ZERO_DIVIDE_EXCEPTION))
        return -1;
    if ((result.w[1] & UINT64_C(0x6000000000000000)) == UINT64_C(0x6000000000000000))
        return -1; /* infinity, NaN, or digits beyond 34 */
    uint128 digits = digits_of(&result);
    int exponent = exponent_of(&result);
    if (!digits) {
        encode(out, false, 0, 0);
        return 0;
    }
    while (exponent < -EXPONENT_MAX && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX)
        return -1;
    encode(out, is_negative(&result), digits, exponent);
    return 0;
}

/* Brings two numbers with up to 64 bits of digits to one exponent, each below 2^126: almost every
 * pair of prices and quantities. False: the library must do it. */
static bool align(const struct mw_decimal *a, const struct mw_decimal *b, __int128 *x, __int128 *y,
                  int *exponent)
{
    int ea = exponent_of(a), eb = exponent_of(b);
    if ((a->w[1] & HIGH_MASK) | (b->w[1] & HIGH_MASK) || abs(ea - eb) > SMALL_SHIFT)
        return false;
    uint128 da = a->w[0], db = b->w[0];
    if (ea > eb)
        da *= powers[ea - eb];
    else
        db *= powers[eb - ea];
    *exponent = ea < eb ? ea : eb;
    *x = is_negative(a) ? -(__int128)da : (__int128)da;
    *y = is_negative(b) ? -(__int128)db : (__int128)db;
    return true;
}

/* 10^34 - 1, the largest number of digits that the encoding holds. */
static bool fits(uint128 digits)
{
    return digits < (uint128)10000000000000000000u * 1000000000000000u;
}

int mw_decimal_add(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b)
{
    __int128 x, y;
    int exponent;
    if (add_alike(out, a, b))
        return 0;
    if (align(a, b, &x, &y, &exponent)) {
        __int128 sum = x + y;
        uint128 digits = sum < 0 ? -(uint128)sum : (uint128)sum;
        if (fits(digits)) {
            encode(out, sum < 0, digits, digits ? exponent : 0);
            return 0;
        }
    }
    _IDEC_flags flags = 0;
    BID_UINT128 result = bid128_add(to_bid(a), to_bid(b), BID_ROUNDING_TO_NEAREST, &flags);
    return from_bid(out, result, flags); /* not in one call: the flags could be read too early */
}

int mw_decimal_sub(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b)
{
    struct mw_decimal minus;
    mw_decimal_neg(&minus, b);
    return mw_decimal_add(out, a, &minus);
}

int mw_decimal_mul(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b)
{
    int exponent = exponent_of(a) + exponent_of(b);
    if (!((a->w[1] & HIGH_MASK) | (b->w[1] & HIGH_MASK)) && abs(exponent) <= EXPONENT_MAX) {
        uint128 digits = (uint128)a->w[0] * b->w[0];
        if (fits(digits)) {
            encode(out, is_negative(a) != is_negative(b), digits, digits ? exponent : 0);
            return 0;
        }
    }
    _IDEC_flags flags = 0;
    BID_UINT128 result = bid128_mul(to_bid(a), to_bid(b), BID_ROUNDING_TO_NEAREST, &flags);
    return from_bid(out, result, flags); /* not in one call: the flags could be read too early */
}

int mw_decimal_add_to(struct mw_decimal *sum, const struct mw_decimal *a, int sign)
{
    struct mw_decimal term = *a, result;
    if (sign < 0)
        mw_decimal_neg(&term, a);
    if (mw_decimal_add(&result, sum, &term) < 0)
        return -1;
    *sum = result;
    return 0;
}

int mw_decimal_add_product(struct mw_decimal *sum, const struct mw_decimal *a,
                           const struct mw_decimal *b, int sign)
{
    struct mw_decimal product;
    if (mw_decimal_mul(&product, a, b) < 0)
        return -1;
    return mw_decimal_add_to(sum, &product, sign);
}

/* quotient + rest / den (0 <= rest < den), rounded; `negative` is the sign that the result will
 * have. */
static uint128 round_off(uint128 quotient, uint128 rest, uint128 den, bool negative, int rounding)
{
    if (!rest)
        return quotient;
    bool away;
    switch (rounding) {
    case MW_ROUND_DOWN:
        away = false;
        break;
    case MW_ROUND_UP:
        away = true;
        break;
    case MW_ROUND_FLOOR:
        away = negative;
        break;
    case MW_ROUND_CEILING:
        away = !negative;
        break;
    default: /* half: rest against den - rest, which cannot overflow */
        away = rest > den - rest ||
               (rest == den - rest && (rounding == MW_ROUND_HALF_UP || quotient % 2 == 1));
    }
    return quotient + (away ? 1 : 0);
}

/* digits * 10^shift, or false when it does not fit into 127 bits. */
static bool scale(uint128 *digits, int shift)
{
    const uint128 limit = (uint128)1 << 126;
    for (; shift > 0; shift--) {
        if (*digits > limit / 10)
            return false;
        *digits *= 10;
    }
    return true;
}

/* num / den * 10^shift where the scaled numbers have more than 126 bits: digit by digit, or not at
 * all. *shift is left at what the digits still want. */
static uint128 divide_long(uint128 num, uint128 den, int *shift, bool negative, int rounding)
{
    if (*shift < 0) { /* the scaled den is above 2^126: num, of 34 digits, is far below its half */
        *shift = 0;
        return round_off(0, num ? 1 : 0, 4, negative, rounding);
    }
    uint128 quotient = num / den, rest = num % den;
    for (; *shift > 0 && rest && fits(quotient); --*shift) {
        rest *= 10; /* rest < den < 10^34 */
        quotient = quotient * 10 + rest / den;
        rest %= den;
    }
    return round_off(quotient, rest, den, negative, rounding);
}

int mw_decimal_div(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b,
                   int decimals, int rounding)
{
    uint128 num = digits_of(a), den = digits_of(b);
    if (!den || decimals < 0 || decimals > 30)
        return -1;
    int shift = exponent_of(a) - exponent_of(b) + decimals;
    while (num && num % 10 == 0 && shift < 0) {
        num /= 10;
        shift++;
    }
    while (den % 10 == 0 && shift > 0) {
        den /= 10;
        shift--;
    }
    bool negative = is_negative(a) != is_negative(b);
    uint128 scaled_num = num, scaled_den = den, digits;
    bool is_scaled = scale(shift > 0 ? &scaled_num : &scaled_den, abs(shift));
    if (is_scaled)
        digits = round_off(scaled_num / scaled_den, scaled_num % scaled_den, scaled_den, negative,
                           rounding);
    if (is_scaled && fits(digits))
        shift = 0;
    else
        digits = divide_long(num, den, &shift, negative, rounding);
    if (!fits(digits) || shift - decimals > EXPONENT_MAX)
        return -1;
    encode(out, negative, digits, digits ? shift - decimals : 0);
    return 0;
}

int mw_decimal_round(struct mw_decimal *out, const struct mw_decimal *a,
                     const struct mw_decimal *step, int rounding)
{
    struct mw_decimal count;
    if (mw_decimal_sign(step) <= 0 || mw_decimal_div(&count, a, step, 0, rounding) < 0)
        return -1;
    return mw_decimal_mul(out, &count, step);
}

int mw_decimal_is_multiple(const struct mw_decimal *a, const struct mw_decimal *step)
{
    struct mw_decimal rounded;
    int shift = exponent_of(a) - exponent_of(step);
    if (sign_of(step) > 0 && !((a->w[1] | step->w[1]) & HIGH_MASK) && abs(shift) <= SMALL_SHIFT) {
        uint64_t value = a->w[0], unit = step->w[0], *finer = shift > 0 ? &value : &unit;
        if (!__builtin_mul_overflow(*finer, powers[abs(shift)], finer)) /* it is almost always so */
            return value % unit == 0;
    }
    return mw_decimal_round(&rounded, a, step, MW_ROUND_DOWN) == 0 &&
           mw_decimal_cmp(&rounded, a) == 0;
}

int mw_decimal_cmp(const struct mw_decimal *a, const struct mw_decimal *b)
{
    __int128 x, y;
    int exponent;
    if (align(a, b, &x, &y, &exponent))
        return x < y ? -1 : x > y;
    _IDEC_flags flags = 0;
    if (bid128_quiet_less(to_bid(a), to_bid(b), &flags))
        return -1;
    return bid128_quiet_equal(to_bid(a), to_bid(b), &flags) ? 0 : 1;
}

int mw_decimal_sign(const struct mw_decimal *d)
{
    return sign_of(d);
}

void mw_decimal_copy(struct mw_decimal *out, const struct mw_decimal *d)
{
    *out = *d;
}

void mw_decimal_neg(struct mw_decimal *out, const struct mw_decimal *d)
{
    *out = *d;
    if (digits_of(d))
        out->w[1] ^= SIGN_BIT;
}

int mw_decimal_from_double(struct mw_decimal *out, double value)
{
    char text[40];
    if (!isfinite(value))
        return -1;
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return mw_decimal_parse(out, text, strlen(text));
}

double mw_decimal_to_double(const struct mw_decimal *d)
{
    char text[MW_DECIMAL_TEXT_MAX];
    (void)mw_decimal_format(d, text, sizeof text);
    return strtod(text, NULL);
}

int mw_decimal_to_int64(int64_t *out, const struct mw_decimal *d)
{
    uint128 digits = digits_of(d);
    int exponent = exponent_of(d);
    for (; exponent < 0; exponent++) {
        if (digits % 10 != 0)
            return -1;
        digits /= 10;
    }
    if (!scale(&digits, exponent) || digits > (uint128)INT64_MAX + is_negative(d))
        return -1;
    *out = is_negative(d) ? (int64_t)-(uint64_t)digits : (int64_t)digits;
    return 0;
}

int mw_decimal_to_units(struct mw_decimal *d, int decimals)
{
    if (exponent_of(d) != 0 || decimals < 0 || decimals > 30)
        return -1;
    uint128 digits = digits_of(d);
    encode(d, is_negative(d), digits, digits ? -decimals : 0);
    return 0;
}
