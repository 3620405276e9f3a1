/* tally_totals.h: what the tests of totals share: executions, and comparisons bit for bit. */
#ifndef MW_TEST_TALLY_TOTALS_H
#define MW_TEST_TALLY_TOTALS_H

#include "tally.h"
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static inline struct mw_decimal dec(const char *text)
{
    struct mw_decimal value;
    CHECK_INT(mw_decimal_parse(&value, text, strlen(text)), 0);
    return value;
}

static inline void check_decimal(int line, const struct mw_decimal *value, const char *expected)
{
    char text[MW_DECIMAL_TEXT_MAX];
    (void)mw_decimal_format(value, text, sizeof text);
    if (strcmp(text, expected) == 0)
        return;
    printf("%s:%d: expected %s, got %s\n", __FILE__, line, expected, text);
    test_failures++;
}
#define CHECK_DECIMAL(value, expected) check_decimal(__LINE__, &(value), expected)

/* Bit for bit: what was refused has changed nothing. */
static inline bool same_decimals(const struct mw_decimal *a, const struct mw_decimal *b,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].w[0] != b[i].w[0] || a[i].w[1] != b[i].w[1])
            return false;
    return true;
}

static inline bool same_order(const struct mw_order_totals *a, const struct mw_order_totals *b)
{
    return same_decimals(&a->qty, &b->qty, 1) && same_decimals(&a->cum, &b->cum, 1) &&
           same_decimals(&a->value, &b->value, 1) && same_decimals(&a->told, &b->told, 1) &&
           a->has_qty == b->has_qty;
}

static inline bool same_held(const struct mw_position_totals *a, const struct mw_position_totals *b)
{
    return same_decimals(&a->qty, &b->qty, 1) && same_decimals(&a->cost, &b->cost, 1) &&
           same_decimals(&a->cash, &b->cash, 1);
}

static inline bool same_position(const struct mw_position_totals *a,
                                 const struct mw_position_totals *b)
{
    return same_held(a, b) && same_decimals(a->fees, b->fees, MW_FEE_ASSETS_MAX) &&
           memcmp(a->assets, b->assets, sizeof a->assets) == 0 && a->fee_count == b->fee_count;
}

static inline unsigned asset(const char *name)
{
    return mw_asset_number(name, strlen(name));
}

/* An execution with up to two fees; a fee of NULL is none. */
static inline struct mw_execution execution(const char *qty, const char *price, const char *fee,
                                            const char *fee_asset)
{
    struct mw_execution x = {0};
    x.qty = dec(qty);
    x.price = dec(price);
    if (fee) {
        struct mw_decimal amount = dec(fee);
        CHECK_INT(mw_execution_add_fee(&x, &amount, asset(fee_asset)), 0);
    }
    return x;
}

/* What a position has paid in an asset; "" when the asset is not in its list. */
static inline const char *fee_of(const struct mw_position_totals *totals, const char *name)
{
    static char text[MW_DECIMAL_TEXT_MAX];
    int found = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < totals->fee_count; i++) {
        if (totals->assets[i] != asset(name))
            continue;
        (void)mw_decimal_format(&totals->fees[i], text, sizeof text);
        found++;
    }
    CHECK(found <= 1); /* an asset stands there once */
    return text;
}

#endif
