/* Totals of random executions, against integers of 128 bits. MW_PROPERTY_SEED repeats a run that
 * failed. */
#include "random.h"
#include "tally_totals.h"

typedef __int128 wide;

static uint64_t seed;

static wide random_digits(int count_max)
{
    wide value = 0;
    for (int count = 1 + (int)below((unsigned)count_max); count > 0; count--)
        value = value * 10 + below(10);
    return value;
}

/* The decimal value * 10^exponent, made by hand. */
static bool make(struct mw_decimal *out, wide value, int exponent)
{
    char reversed[48], text[64], *end = text;
    int count = 0;
    wide digits = value < 0 ? -value : value;
    do
        reversed[count++] = (char)('0' + (int)(digits % 10));
    while (digits /= 10);
    if (value < 0)
        *end++ = '-';
    while (count)
        *end++ = reversed[--count];
    (void)snprintf(end, 8, "e%d", exponent); /* fits: -99 to 99 */
    return mw_decimal_parse(out, text, strlen(text)) == 0;
}

/* Whether it has at most 34 digits when its zeros at the end are not counted. */
static bool fits(wide value)
{
    int count = 0;
    if (value < 0)
        value = -value;
    while (value && value % 10 == 0)
        value /= 10;
    for (; value; value /= 10)
        count++;
    return count <= 34;
}

static void check_wide(const char *what, const struct mw_decimal *got, wide value, int exponent)
{
    struct mw_decimal expected;
    char text[MW_DECIMAL_TEXT_MAX];
    if (make(&expected, value, exponent) && mw_decimal_cmp(got, &expected) == 0)
        return;
    (void)mw_decimal_format(got, text, sizeof text);
    if (test_failures++ < 5)
        printf("seed %" PRIu64 ": %s differs, got %s\n", seed, what, text);
}

enum { QTY = -8, PRICE = -2, VALUE = QTY + PRICE, SEQUENCES = 300, STEPS = 40 };

/* In units of 10^-8, 10^-2 and 10^-10: all that is counted stays below 10^37. */
static void random_order(void)
{
    struct mw_order_totals totals, before;
    wide cum = 0, value = 0, told = 0, qty = random_digits(18);
    int digits = below(3) ? 16 : 18; /* in the long run beyond 34 digits, or never */
    struct mw_decimal decimal;
    CHECK(make(&decimal, qty, QTY));
    mw_order_totals_init(&totals, &decimal);
    for (int step = 0; step < STEPS; step++) {
        struct mw_execution x = {0};
        wide x_qty = random_digits(digits), x_price = random_digits(digits);
        if (below(4) == 0) {
            wide word = random_digits(18);
            CHECK(make(&decimal, word, QTY));
            mw_order_told(&totals, &decimal);
            word = word > qty ? qty : word;
            told = word > told ? word : told;
        }
        CHECK(make(&x.qty, x_qty, QTY) && make(&x.price, x_price, PRICE));
        before = totals;
        bool is_possible = x_qty > 0 && x_price > 0;
        bool is_good = is_possible && fits(cum + x_qty) && fits(x_price * x_qty) &&
                       fits(value + x_price * x_qty);
        int result = mw_order_count(&totals, &x);
        if (is_good && cum + x_qty > qty)
            is_possible = false;
        CHECK_INT(result < 0 ? result : 0, !is_possible ? MW_ORDER_IMPOSSIBLE : is_good ? 0 : -1);
        if (result < 0) {
            CHECK(same_order(&totals, &before));
            continue;
        }
        cum += x_qty;
        value += x_price * x_qty;
        told = cum > told ? cum : told;
        check_wide("cum", &totals.cum, cum, QTY);
        check_wide("value", &totals.value, value, VALUE);
        check_wide("told", &totals.told, told, QTY);
        CHECK_INT(result, mw_order_state(&totals));
        CHECK_INT(mw_order_state(&totals), (cum > 0 ? MW_ORDER_BEGUN : 0) |
                                               (told > cum ? MW_ORDER_MISSING : 0) |
                                               (cum >= qty ? MW_ORDER_COMPLETE : 0));
    }
}

static int refused, closing;

static void random_position(void)
{
    struct mw_position_totals totals, before;
    wide qty = 0, cost = 0, cash = 0, fees[12] = {0};
    bool has_paid[12] = {false};
    int digits = below(3) ? 12 : 18, asset_count = below(3) ? 6 : 12, kinds = 0;
    mw_position_totals_init(&totals);
    for (int step = 0; step < STEPS; step++) {
        struct mw_execution x = {0};
        wide x_qty = random_digits(digits), x_price = random_digits(digits), x_fees[12] = {0};
        bool is_new[12] = {false};
        int sign = below(5) ? (qty < 0 ? -1 : 1) : (qty < 0 ? 1 : -1), new_kinds = 0;
        CHECK(make(&x.qty, x_qty, QTY) && make(&x.price, x_price, PRICE));
        for (unsigned count = below(MW_FEES_MAX + 1); count > 0; count--) {
            struct mw_decimal amount;
            char name[8];
            unsigned which = below((unsigned)asset_count);
            wide fee = below(2) ? random_digits(10) : -random_digits(10);
            (void)snprintf(name, sizeof name, "F%u", which);
            CHECK(make(&amount, fee, QTY));
            CHECK_INT(mw_execution_add_fee(&x, &amount, asset(name)), 0);
            x_fees[which] += fee;
            new_kinds += fee && !has_paid[which] && !is_new[which];
            is_new[which] |= fee != 0;
        }
        bool closes = (sign > 0 && qty < 0) || (sign < 0 && qty > 0);
        wide value = x_price * x_qty;
        bool is_good = kinds + new_kinds <= MW_FEE_ASSETS_MAX;
        if (!closes)
            is_good = is_good && fits(value) && fits(qty + sign * x_qty) &&
                      fits(cost + sign * value) && fits(cash - sign * value);
        before = totals;
        int result = mw_position_count(&totals, &x, sign);
        CHECK_INT(result, is_good ? closes : -1);
        if (result < 0) {
            CHECK(same_position(&totals, &before));
            refused++;
            continue;
        }
        kinds += new_kinds;
        closing += closes;
        if (!closes) {
            qty += sign * x_qty;
            cost += sign * value;
            cash -= sign * value;
        }
        for (int i = 0; i < asset_count; i++) {
            fees[i] += x_fees[i];
            has_paid[i] |= is_new[i];
        }
        check_wide("qty", &totals.qty, qty, QTY);
        check_wide("cost", &totals.cost, cost, VALUE);
        check_wide("cash", &totals.cash, cash, VALUE);
        CHECK_INT(totals.fee_count, kinds);
        for (uint32_t i = 0; i < totals.fee_count; i++) {
            const char *number = mw_asset_name(totals.assets[i]) + 1; /* "F7" */
            check_wide("fee", &totals.fees[i], fees[strtol(number, NULL, 10)], QTY);
        }
    }
}

static void random_sequences(void (*sequence)(void))
{
    const char *given = getenv("MW_PROPERTY_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 20261121;
    for (seed = first; seed < first + SEQUENCES; seed++) {
        int failures = test_failures;
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        sequence();
        if (test_failures != failures) {
            printf("seed %" PRIu64 "\n", seed);
            return;
        }
    }
}

static void random_orders(void)
{
    random_sequences(random_order);
}

static void random_positions(void)
{
    refused = closing = 0;
    random_sequences(random_position);
    CHECK(refused > SEQUENCES); /* it is no test of refusals, or of closing, without them */
    CHECK(closing > SEQUENCES);
}

static const struct test_case cases[] = {
    {"an order counts random executions as integers do", random_orders},
    {"a position counts random executions as integers do", random_positions},
};

TEST_MAIN(cases)
