/* Exact decimals: what does not fit is refused. */
#include "decimal_numbers.h"

static void limits_of_sums(void)
{
    struct mw_decimal most = decimal(NINES_33 "9"), one = decimal("1"), zero = decimal("0");
    struct mw_decimal big = decimal("1e60"), tiny = decimal("1e-60"), d, e;
    CHECK_INT(mw_decimal_add(&d, &most, &one), 0); /* 10^34 is one digit */
    check_text(&d, "10000000000000000000000000000000000");
    CHECK_INT(mw_decimal_add(&d, &d, &one), -1);
    CHECK_INT(mw_decimal_add(&d, &most, &most), -1);
    CHECK_INT(mw_decimal_sub(&d, &most, &most), 0);
    check_text(&d, "0");
    CHECK_INT(mw_decimal_add(&d, &big, &tiny), -1);
    CHECK_INT(mw_decimal_sub(&d, &big, &one), -1);
    CHECK_INT(mw_decimal_add(&d, &big, &zero), 0);
    CHECK_INT(mw_decimal_cmp(&d, &big), 0);
    CHECK_INT(mw_decimal_sub(&d, &zero, &tiny), 0);
    mw_decimal_neg(&e, &tiny);
    CHECK_INT(mw_decimal_cmp(&d, &e), 0);
    CHECK_INT(mw_decimal_add(&d, &tiny, &tiny), 0);
    check_text(&d, "0." ZEROS_50 "0000000002");
    d = decimal("1e33"), e = decimal("1e-1"); /* 35 digits */
    CHECK_INT(mw_decimal_add(&d, &d, &e), -1);
    d = decimal("1e32"), e = decimal("1e-1"); /* 34 */
    CHECK_INT(mw_decimal_add(&d, &d, &e), 0);
    check_text(&d, "100000000000000000000000000000000.1");
}

static void limits_of_products(void)
{
    static const struct {
        const char *a, *b, *product; /* NULL: refused */
    } rows[] = {{"1e30", "1e30", "1" ZEROS_50 ZEROS_10},
                {"1e31", "1e30", NULL},
                {"1e60", "1e60", NULL},
                {"1e-30", "1e-30", "0." ZEROS_50 "0000000001"},
                {"1e-30", "1e-31", NULL},
                {"1e-60", "1e-60", NULL},
                {"1e60", "1e-60", "1"},
                {"20e-31", "5e-31", "0." ZEROS_50 "0000000001"}, /* a zero too many is no loss */
                {"0", "1e60", "0"},
                {"-0", "1e60", "0"},
                {NINES_33 "9", "1", NINES_33 "9"},
                {NINES_33 "9", "-10", "-" NINES_33 "90"},
                {NINES_33 "9", "2", NULL},
                {"100000000000000001", "100000000000000001", NULL}, /* 35 digits */
                {"99999999999999999", "99999999999999999", "9999999999999999800000000000000001"},
                {"18446744073709551615", "18446744073709551615", NULL},
                {"18446744073709551616", "0.5", "9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mw_decimal a = decimal(rows[i].a), b = decimal(rows[i].b), d;
        CHECK_INT(mw_decimal_mul(&d, &a, &b), rows[i].product ? 0 : -1);
        if (rows[i].product)
            check_text(&d, rows[i].product);
        CHECK_INT(mw_decimal_mul(&d, &b, &a), rows[i].product ? 0 : -1);
    }
}

static void limits_of_quotients(void)
{
    struct mw_decimal one = decimal("1"), three = decimal("3"), zero = decimal("0"), d;
    struct mw_decimal most = decimal(NINES_33 "9"), minus = decimal("-1"), part = decimal("0.7");
    for (int rounding = MW_ROUND_DOWN; rounding <= MW_ROUND_HALF_UP; rounding++) {
        CHECK_INT(mw_decimal_div(&d, &one, &zero, 2, rounding), -1);
        CHECK_INT(mw_decimal_div(&d, &zero, &zero, 2, rounding), -1);
        CHECK_INT(mw_decimal_div(&d, &zero, &three, 2, rounding), 0);
        check_text(&d, "0");
        CHECK_INT(mw_decimal_round(&d, &one, &zero, rounding), -1);
        CHECK_INT(mw_decimal_round(&d, &one, &minus, rounding), -1);
    }
    CHECK_INT(mw_decimal_div(&d, &one, &three, -1, MW_ROUND_DOWN), -1);
    CHECK_INT(mw_decimal_div(&d, &one, &three, 31, MW_ROUND_DOWN), -1);
    CHECK_INT(mw_decimal_div(&d, &one, &three, 30, MW_ROUND_DOWN), 0);
    check_text(&d, "0.333333333333333333333333333333");
    CHECK_INT(mw_decimal_div(&d, &one, &three, 30, MW_ROUND_UP), 0);
    check_text(&d, "0.333333333333333333333333333334");
    CHECK_INT(mw_decimal_div(&d, &most, &one, 0, MW_ROUND_DOWN), 0);
    check_text(&d, NINES_33 "9");
    CHECK_INT(mw_decimal_div(&d, &most, &three, 0, MW_ROUND_DOWN), 0);
    check_text(&d, "3333333333333333333333333333333333");
    CHECK_INT(mw_decimal_div(&d, &most, &part, 0, MW_ROUND_DOWN), -1); /* 35 digits */
    /* What is exact or rounds is there, however many digits lie between the two. */
    static const struct {
        const char *a, *b;
        int decimals, rounding;
        const char *quotient;
    } rows[] = {
        {NINES_33 "9", NINES_33 "9", 5, MW_ROUND_DOWN, "1"},
        {NINES_33 "9", NINES_33 "7", 4, MW_ROUND_UP, "1.0001"},
        {"1", "3000000000000000000000000000000001", 30, MW_ROUND_DOWN, "0"},
        {"1", NINES_33 "7", 30, MW_ROUND_UP, "0.000000000000000000000000000001"},
        {"-" NINES_33 "9", "1000000000000000000000000000000003", 8, MW_ROUND_HALF_EVEN, "-10"},
        {"1e-40", "1", 0, MW_ROUND_DOWN, "0"},
        {"1e-40", "1", 0, MW_ROUND_UP, "1"},
        {"-1e-40", "1", 0, MW_ROUND_FLOOR, "-1"},
        {"1e-40", "1", 0, MW_ROUND_HALF_UP, "0"},
        {"1", "1e60", 8, MW_ROUND_HALF_EVEN, "0"},
        {"1e34", "1", 0, MW_ROUND_DOWN, "10000000000000000000000000000000000"},
        {"5e40", "1", 2, MW_ROUND_DOWN, "50000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mw_decimal a = decimal(rows[i].a), b = decimal(rows[i].b);
        CHECK_INT(mw_decimal_div(&d, &a, &b, rows[i].decimals, rows[i].rounding), 0);
        check_text(&d, rows[i].quotient);
    }
    struct mw_decimal many = decimal("1e27"), satoshi = decimal("0.00000001");
    CHECK_INT(mw_decimal_is_multiple(&many, &satoshi), 1);
    CHECK_INT(mw_decimal_is_multiple(&one, &zero), 0);
    CHECK_INT(mw_decimal_is_multiple(&one, &minus), 0);
    CHECK_INT(mw_decimal_is_multiple(&zero, &three), 1);
}

static void far_apart(void)
{
    /* clang-format off */
    static const char *const ascending[] = {
        ("-" NINES_33 "9e60"), "-1e60", "-1e20", "-10", "-1.0000000000000000000000000000001", "-1",
        "-0.1", "-1e-60", "0", "1e-60", "2e-60", "1e-20", "0.1", "0.10000000000000000000000001",
        "1", "1.0000000000000000000000000000001", "9.99", "10", "1e20", "1e60", (NINES_33 "9e60")
    };
    /* clang-format on */
    enum { COUNT = sizeof ascending / sizeof *ascending, ZERO = 8 };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            struct mw_decimal a = decimal(ascending[i]), b = decimal(ascending[j]);
            CHECK_INT(mw_decimal_cmp(&a, &b), (i > j) - (i < j));
        }
    for (int i = 0; i < COUNT; i++) {
        struct mw_decimal a = decimal(ascending[i]), negated, back;
        CHECK_INT(mw_decimal_sign(&a), (i > ZERO) - (i < ZERO));
        mw_decimal_neg(&negated, &a);
        CHECK_INT(mw_decimal_sign(&negated), (i < ZERO) - (i > ZERO));
        mw_decimal_neg(&back, &negated);
        CHECK(memcmp(&back, &a, sizeof a) == 0);
    }
    /* Zero has one form; and 10^34, made of two short numbers, is no zero either. */
    struct mw_decimal zero = decimal("0"), minus_zero = decimal("-0"), minus = decimal("-1");
    CHECK(memcmp(&zero, &minus_zero, sizeof zero) == 0);
    CHECK(mw_decimal_mul(&minus_zero, &minus, &zero) == 0 &&
          memcmp(&zero, &minus_zero, sizeof zero) == 0);
    mw_decimal_neg(&minus_zero, &zero);
    CHECK(memcmp(&zero, &minus_zero, sizeof zero) == 0);
    struct mw_decimal x = decimal("9999999999999999e18"), y = decimal("1000000000000000000");
    struct mw_decimal sum, tiny = decimal("1e-60");
    CHECK_INT(mw_decimal_add(&sum, &x, &y), 0);
    check_text(&sum, "10000000000000000000000000000000000");
    CHECK_INT(mw_decimal_cmp(&sum, &tiny), 1);
    struct mw_decimal a = decimal("1e3"), b = decimal("1000.000");
    CHECK_INT(mw_decimal_cmp(&a, &b), 0);
    a = decimal("1e60"), b = decimal("1000000000000000000000000000000000e27");
    CHECK_INT(mw_decimal_cmp(&a, &b), 0);
}

static void in_place(void)
{
    struct mw_decimal d = decimal("1.5");
    CHECK_INT(mw_decimal_add(&d, &d, &d), 0);
    check_text(&d, "3");
    CHECK_INT(mw_decimal_mul(&d, &d, &d), 0);
    check_text(&d, "9");
    CHECK_INT(mw_decimal_div(&d, &d, &d, 3, MW_ROUND_DOWN), 0);
    check_text(&d, "1");
    mw_decimal_neg(&d, &d);
    check_text(&d, "-1");
    CHECK_INT(mw_decimal_sub(&d, &d, &d), 0);
    check_text(&d, "0");
    d = decimal("950000500");
    struct mw_decimal step = decimal("1000");
    CHECK_INT(mw_decimal_is_multiple(&d, &step), 0);
    CHECK_INT(mw_decimal_round(&d, &d, &step, MW_ROUND_DOWN), 0);
    check_text(&d, "950000000");
    CHECK_INT(mw_decimal_round(&step, &d, &step, MW_ROUND_UP), 0);
    check_text(&step, "950000000");
}

static const struct test_case cases[] = {
    {"sums beyond 34 digits are refused", limits_of_sums},
    {"products beyond 34 digits or the exponent's range are refused", limits_of_products},
    {"division by zero and quotients that do not fit are refused", limits_of_quotients},
    {"numbers far apart compare, and negation is its own inverse", far_apart},
    {"a result may replace its operands", in_place},
};

TEST_MAIN(cases)
