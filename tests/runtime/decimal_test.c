/* Exact decimals: arithmetic and rounding, against integers of 128 bits. */
#include "decimal_numbers.h"

/* Arithmetic ----------------------------------------------------------------------------------- */

/* Two numbers whose digits, brought to one exponent, stay below 10^37. */
static void random_pair(struct number *a, struct number *b)
{
    int apart = (int)below(20), room = apart > 3 ? 37 - apart : 34;
    b->exponent = (int)below(61) - 30;
    a->exponent = b->exponent + apart;
    a->digits = random_digits(below(2) ? room : room / 2);
    b->digits = random_digits(below(2) ? 34 : 18);
    if (below(2)) {
        struct number swapped = *a;
        *a = *b;
        *b = swapped;
    }
}

static void sums(void)
{
    for (int i = 0; i < CASES; i++) {
        struct number a, b, sum, difference;
        struct mw_decimal x, y, result;
        next_case();
        random_pair(&a, &b);
        if (!make(&x, a) || !make(&y, b)) {
            report("(parsed) and", a, b, 0, &x, a);
            continue;
        }
        sum.exponent = difference.exponent = a.exponent < b.exponent ? a.exponent : b.exponent;
        wide p = a.digits * power(a.exponent - sum.exponent);
        wide q = b.digits * power(b.exponent - sum.exponent);
        sum.digits = p + q;
        difference.digits = p - q;
        int code = mw_decimal_add(&result, &x, &y);
        if (!is_right(code, &result, sum))
            report("+", a, b, code, &result, sum);
        code = mw_decimal_sub(&result, &x, &y);
        if (!is_right(code, &result, difference))
            report("-", a, b, code, &result, difference);
        if (mw_decimal_cmp(&x, &y) != (p > q) - (p < q))
            report("compared with", a, b, mw_decimal_cmp(&x, &y), &x, difference);
        if (mw_decimal_cmp(&y, &x) != (p < q) - (p > q) || mw_decimal_cmp(&x, &x) != 0)
            report("compared the other way with", a, b, 0, &x, difference);
    }
}

static void products(void)
{
    for (int i = 0; i < CASES; i++) {
        struct mw_decimal x, y, result;
        next_case();
        int digits = (int)below(35);
        struct number a = {random_digits(digits), (int)below(51) - 25};
        struct number b = {random_digits(37 - digits > 34 ? 34 : 37 - digits), (int)below(51) - 25};
        struct number product = {a.digits * b.digits, a.exponent + b.exponent};
        if (!make(&x, a) || !make(&y, b)) {
            report("(parsed) and", a, b, 0, &x, a);
            continue;
        }
        int code = mw_decimal_mul(&result, &x, &y);
        if (!is_right(code, &result, product))
            report("*", a, b, code, &result, product);
    }
}

/* A sum in place, and a product that is added to one; what does not fit leaves the sum as it was.
 */
static void running_sums(void)
{
    for (int i = 0; i < CASES; i++) {
        next_case();
        struct number a = {random_digits(17), (int)below(21) - 10};
        struct number b = {random_digits(17), (int)below(21) - 10};
        struct number start = {random_digits(34), a.exponent + b.exponent}, exact = start;
        int sign = below(2) ? 1 : -1;
        struct mw_decimal x, y, sum, before, product;
        if (!make(&x, a) || !make(&y, b) || !make(&sum, start)) {
            report("(parsed) and", a, b, 0, &x, a);
            continue;
        }
        before = sum;
        exact.digits += sign * a.digits * b.digits;
        int code = mw_decimal_add_product(&sum, &x, &y, sign);
        if (!is_right(code, &sum, exact))
            report(sign < 0 ? "subtracted as product with" : "added as product with", a, b, code,
                   &sum, exact);
        CHECK(code == 0 || memcmp(&sum, &before, sizeof sum) == 0);
        mw_decimal_copy(&sum, &before);
        CHECK_INT(mw_decimal_mul(&product, &x, &y), 0);
        code = mw_decimal_add_to(&sum, &product, sign);
        if (!is_right(code, &sum, exact))
            report("(their product) in place with", a, b, code, &sum, exact);
        CHECK(code == 0 || memcmp(&sum, &before, sizeof sum) == 0);
    }
}

/* num / den (den > 0) by the rule, from the two whole numbers that enclose it. */
static wide rounded(wide num, wide den, enum mw_rounding rounding)
{
    wide lower = num / den;
    if (num % den < 0)
        lower--;
    wide rest = num - lower * den, upper = lower + (rest != 0);
    bool is_upper_nearer = rest > den - rest, is_tie = rest && rest == den - rest;
    switch (rounding) {
    case MW_ROUND_FLOOR:
        return lower;
    case MW_ROUND_CEILING:
        return upper;
    case MW_ROUND_DOWN:
        return num < 0 ? upper : lower;
    case MW_ROUND_UP:
        return num < 0 ? lower : upper;
    case MW_ROUND_HALF_EVEN:
        return is_tie ? (lower % 2 == 0 ? lower : upper) : is_upper_nearer ? upper : lower;
    case MW_ROUND_HALF_UP:
        return is_tie ? (num < 0 ? lower : upper) : is_upper_nearer ? upper : lower;
    }
    abort();
}

/* a and b (not zero) such that a / b * 10^decimals needs no more than 10^37 on either side. The
 * quotient is small now and then, so that ties happen. */
static void random_division(struct number *a, struct number *b, int decimals)
{
    do {
        a->exponent = (int)below(17) - 8;
        b->exponent = (int)below(17) - 8;
        int shift = a->exponent - b->exponent + decimals;
        int a_room = 37 - (shift > 0 ? shift : 0), b_room = 37 + (shift < 0 ? shift : 0);
        bool is_small = below(3) == 0;
        a->digits = random_digits(is_small ? 4 : a_room < DIGITS_MAX ? a_room : DIGITS_MAX);
        b->digits = random_digits(is_small ? 2 : b_room < DIGITS_MAX ? b_room : DIGITS_MAX);
        if (below(4) == 0) { /* halves: ties */
            b->digits = below(2) ? 2 : -20;
            b->exponent = a->exponent + decimals;
        }
    } while (!b->digits || (!a->digits && b->exponent != decimals)); /* a zero keeps no exponent */
}

static void quotients(void)
{
    static const char *const names[] = {"/ (down)",    "/ (up)",        "/ (floor)",
                                        "/ (ceiling)", "/ (half even)", "/ (half up)"};
    int ties = 0;
    for (int i = 0; i < CASES; i++) {
        struct number a, b;
        struct mw_decimal x, y, result;
        next_case();
        int decimals = (int)below(13);
        random_division(&a, &b, decimals);
        if (!make(&x, a) || !make(&y, b)) {
            report("(parsed) and", a, b, 0, &x, a);
            continue;
        }
        int shift = a.exponent - b.exponent + decimals;
        wide num = a.digits * power(shift), den = b.digits * power(-shift);
        if (den < 0) {
            num = -num;
            den = -den;
        }
        ties += magnitude(num % den) * 2 == den;
        for (int rounding = MW_ROUND_DOWN; rounding <= MW_ROUND_HALF_UP; rounding++) {
            struct number exact = {rounded(num, den, (enum mw_rounding)rounding), -decimals};
            int code = mw_decimal_div(&result, &x, &y, decimals, rounding);
            if (magnitude(exact.digits) >= power(DIGITS_MAX) && fits(exact))
                continue; /* more than 34 digits to those decimals: either answer */
            if (!is_right(code, &result, exact))
                report(names[rounding], a, b, code, &result, exact);
        }
    }
    CHECK(ties > CASES / 100);
}

static void steps(void)
{
    static const char *const names[] = {"to the step, down,",      "to the step, up,",
                                        "to the step, floor,",     "to the step, ceiling,",
                                        "to the step, half even,", "to the step, half up,"};
    for (int i = 0; i < CASES; i++) {
        struct number a, step;
        struct mw_decimal x, y, result;
        next_case();
        random_division(&a, &step, 0);
        a.digits = magnitude(a.digits) < power(30) ? a.digits : a.digits / 10000;
        step.digits = magnitude(step.digits);
        if (!make(&x, a) || !make(&y, step)) {
            report("(parsed) and", a, step, 0, &x, a);
            continue;
        }
        int shift = a.exponent - step.exponent;
        wide num = a.digits * power(shift), den = step.digits * power(-shift);
        if (magnitude(num) / den > power(18) || step.digits > power(18))
            continue; /* the multiple would not fit into the oracle */
        for (int rounding = MW_ROUND_DOWN; rounding <= MW_ROUND_HALF_UP; rounding++) {
            struct number exact = {rounded(num, den, (enum mw_rounding)rounding) * step.digits,
                                   step.exponent};
            int code = mw_decimal_round(&result, &x, &y, rounding);
            if (!is_right(code, &result, exact))
                report(names[rounding], a, step, code, &result, exact);
        }
        if (mw_decimal_is_multiple(&x, &y) != (num % den == 0))
            report("multiple of", a, step, 0, &x, (struct number){num % den == 0, 0});
    }
}

static void rounding_table(void)
{
    /* value, then the whole number by each rule in the order of the enum */
    /* clang-format off */
    static const char *const rows[][7] = {
        {"2.5", "2", "3", "2", "3", "2", "3"}, {"-2.5", "-2", "-3", "-3", "-2", "-2", "-3"},
        {"3.5", "3", "4", "3", "4", "4", "4"}, {"-3.5", "-3", "-4", "-4", "-3", "-4", "-4"},
        {"0.5", "0", "1", "0", "1", "0", "1"}, {"-0.5", "0", "-1", "-1", "0", "0", "-1"},
        {"2.4999", "2", "3", "2", "3", "2", "2"}, {"-2.4999", "-2", "-3", "-3", "-2", "-2", "-2"},
        {"2.5001", "2", "3", "2", "3", "3", "3"}, {"-2.5001", "-2", "-3", "-3", "-2", "-3", "-3"},
        {"7", "7", "7", "7", "7", "7", "7"}, {"0", "0", "0", "0", "0", "0", "0"},
        {"0.0001", "0", "1", "0", "1", "0", "0"}, {"-0.0001", "0", "-1", "-1", "0", "0", "0"},
        {"99.5", "99", "100", "99", "100", "100", "100"}
    };
    /* clang-format on */
    struct mw_decimal value, one, ten, tenth, result;
    char text[MW_DECIMAL_TEXT_MAX];
    CHECK(mw_decimal_parse(&one, "1", 1) == 0 && mw_decimal_parse(&ten, "10", 2) == 0);
    CHECK_INT(mw_decimal_div(&tenth, &one, &ten, 1, MW_ROUND_DOWN), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int rule = MW_ROUND_DOWN; rule <= MW_ROUND_HALF_UP; rule++) {
            CHECK_INT(mw_decimal_parse(&value, rows[i][0], strlen(rows[i][0])), 0);
            CHECK_INT(mw_decimal_div(&result, &value, &one, 0, rule), 0);
            CHECK(mw_decimal_format(&result, text, sizeof text) > 0);
            CHECK_TEXT(text, rows[i][1 + rule]);
            CHECK_INT(mw_decimal_round(&result, &value, &one, rule), 0);
            CHECK(mw_decimal_format(&result, text, sizeof text) > 0);
            CHECK_TEXT(text, rows[i][1 + rule]);
            CHECK_INT(mw_decimal_mul(&value, &value, &tenth), 0); /* the same one place lower */
            CHECK_INT(mw_decimal_div(&result, &value, &one, 1, rule), 0);
            CHECK_INT(mw_decimal_mul(&result, &result, &ten), 0);
            CHECK(mw_decimal_format(&result, text, sizeof text) > 0);
            CHECK_TEXT(text, rows[i][1 + rule]);
        }
}

static const struct test_case cases[] = {
    {"sums, differences and comparisons are exact or refused", sums},
    {"products are exact or refused", products},
    {"sums in place are as exact, and stay when the new one does not fit", running_sums},
    {"quotients are rounded by each rule as the exact ones", quotients},
    {"multiples of a step are the ones that each rule picks", steps},
    {"each rounding rule has its table", rounding_table},
};

TEST_MAIN(cases)
