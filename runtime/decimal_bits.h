/* decimal_bits.h: how a decimal is encoded; private to decimal.c and decimal_text.c. */
#ifndef MW_DECIMAL_BITS_H
#define MW_DECIMAL_BITS_H

#include "decimal.h"

#include <stdbool.h>

/* The encoding: sign in the top bit, then 14 bits of exponent + BIAS, then 113 bits of digits. */
enum { BIAS = 6176, EXPONENT_SHIFT = 49, DIGITS_MAX = 34, EXPONENT_MAX = 60 };
#define SIGN_BIT (UINT64_C(1) << 63)
#define HIGH_MASK ((UINT64_C(1) << EXPONENT_SHIFT) - 1)

typedef unsigned __int128 uint128;

static inline uint128 digits_of(const struct mw_decimal *d)
{
    return (uint128)(d->w[1] & HIGH_MASK) << 64 | d->w[0];
}

static inline int exponent_of(const struct mw_decimal *d)
{
    return (int)((d->w[1] & ~SIGN_BIT) >> EXPONENT_SHIFT) - BIAS;
}

static inline bool is_negative(const struct mw_decimal *d)
{
    return (d->w[1] & SIGN_BIT) != 0;
}

static inline void encode(struct mw_decimal *out, bool negative, uint128 digits, int exponent)
{
    /* Digits that were 64 bits wide before the call are 128 here, which the analyser forgets. */
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    uint64_t high_digits = (uint64_t)(digits >> 64);
    out->w[0] = (uint64_t)digits;
    out->w[1] = (digits && negative ? SIGN_BIT : 0) |
                (uint64_t)(exponent + BIAS) << EXPONENT_SHIFT | high_digits;
}

static inline int sign_of(const struct mw_decimal *d)
{
    if (!digits_of(d))
        return 0;
    return is_negative(d) ? -1 : 1;
}

/* By how many places two numbers with up to 64 bits of digits may differ, so that they can be
 * brought to one exponent in 127 bits: 10^these fits into a word. */
enum { SMALL_SHIFT = 18 };
static const uint64_t powers[SMALL_SHIFT + 1] = {1u,
                                                 10u,
                                                 100u,
                                                 1000u,
                                                 10000u,
                                                 100000u,
                                                 1000000u,
                                                 10000000u,
                                                 100000000u,
                                                 1000000000u,
                                                 10000000000u,
                                                 100000000000u,
                                                 1000000000000u,
                                                 10000000000000u,
                                                 100000000000000u,
                                                 1000000000000000u,
                                                 10000000000000000u,
                                                 100000000000000000u,
                                                 1000000000000000000u};

/* Adds two of the same exponent and sign whose digits fit one word: so it is with almost every
 * total that grows. False: it is not so. */
static inline bool add_alike(struct mw_decimal *out, const struct mw_decimal *a,
                             const struct mw_decimal *b)
{
    uint64_t word;
    if (a->w[1] != b->w[1] || (a->w[1] & HIGH_MASK) ||
        __builtin_add_overflow(a->w[0], b->w[0], &word))
        return false;
    out->w[0] = word;
    out->w[1] = a->w[1];
    return true;
}

#endif
