/* Exact decimals, against integers of 128 bits. MW_PROPERTY_SEED repeats a run that failed. */
#include "decimal.h"
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

static uint64_t seed, random_state;

static unsigned below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % limit;
}

/* The next case has a seed of its own; a failure prints it. */
static void next_case(void)
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

static wide power(int exponent)
{
    wide result = 1;
    for (; exponent > 0; exponent--)
        result *= 10;
    return result;
}

static wide magnitude(wide value)
{
    return value < 0 ? -value : value;
}

/* Of up to that many digits; often with zeros at its end, often with few digits. */
static wide random_digits(int count_max)
{
    wide value = 0;
    int count = (int)below((unsigned)count_max + 1), zeros = below(3) ? 0 : (int)below(12);
    for (int i = 0; i < count; i++)
        value = value * 10 + (i + zeros < count ? below(10) : 0);
    return below(2) ? -value : value;
}

/* "-12345e-3", made by hand. */
static void put_number(struct number n, char *out)
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

static bool make(struct mw_decimal *out, struct number n)
{
    char text[64];
    put_number(n, text);
    return mw_decimal_parse(out, text, strlen(text)) == 0;
}

/* Without zeros at the end: two equal numbers look the same. */
static struct number normal(struct number n)
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
static struct number number_of(const struct mw_decimal *d)
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

static bool fits(struct number n)
{
    n = normal(n);
    return magnitude(n.digits) < power(DIGITS_MAX);
}

/* Compares an outcome with the exact result: there when it fits, refused when it does not. */
static bool is_right(int result, const struct mw_decimal *actual, struct number exact)
{
    if (!fits(exact))
        return result == -1;
    struct number found = number_of(actual);
    exact = normal(exact);
    return result == 0 && found.digits == exact.digits && found.exponent == exact.exponent;
}

static void report(const char *what, struct number a, struct number b, int result,
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

/* Texts ---------------------------------------------------------------------------------------- */

/* A decimal of a text in memory without a byte to spare, and without a NUL. */
static int parse(struct mw_decimal *out, const char *text)
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

static struct mw_decimal decimal(const char *text)
{
    struct mw_decimal d = {{0, 0}};
    if (parse(&d, text) < 0) {
        printf("%s\n", text);
        CHECK(!"a decimal");
    }
    return d;
}

static void check_text(const struct mw_decimal *d, const char *expected)
{
    char text[MW_DECIMAL_TEXT_MAX];
    CHECK_INT(mw_decimal_format(d, text, sizeof text), strlen(expected));
    CHECK_TEXT(text, expected);
}

#define NINES_33 "999999999999999999999999999999999"
#define ZEROS_10 "0000000000"
#define ZEROS_50 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10

static void texts(void)
{
    static const char *const rows[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.000e5", "0"},
        {"0e9999", "0"}, /* a zero has no size */
        {"00012.3400", "12.34"},
        {"+1.50", "1.5"},
        {"-1.50", "-1.5"},
        {"2.22E-4", "0.000222"}, /* Indodax prints small numbers so */
        {"-2.22e-04", "-0.000222"},
        {"1.5e3", "1500"},
        {"1.5E+3", "1500"},
        {"15e-1", "1.5"},
        {"1e0", "1"},
        {"0.00001500", "0.000015"},
        {"1550000000", "1550000000"},
        {"100", "100"},
        {"0.1", "0.1"},
        {"9007199254740993", "9007199254740993"},
        {"18446744073709551615", "18446744073709551615"}, /* around 2^64 */
        {"18446744073709551616", "18446744073709551616"},
        {"9999999999999999999.5", "9999999999999999999.5"},
        {"1234567890123456789", "1234567890123456789"}, /* 19, 20 digits: two ways meet */
        {"12345678901234567890", "12345678901234567890"},
        {"0.12345678901234567890", "0.1234567890123456789"},
        {NINES_33 "9", NINES_33 "9"},
        {"-0." NINES_33 "9", "-0." NINES_33 "9"},
        {NINES_33 "90000", NINES_33 "90000"}, /* zeros are no digits too many */
        {NINES_33 "9.0000", NINES_33 "9"},
        {"1." ZEROS_50 ZEROS_50, "1"},
        {"1e60", "1" ZEROS_50 ZEROS_10},
        {"-" NINES_33 "9e60", "-" NINES_33 "9" ZEROS_50 ZEROS_10},
        {"1e-60", "0." ZEROS_50 "0000000001"},
        {NINES_33 "9e-60", "0." ZEROS_10 ZEROS_10 "000000" NINES_33 "9"},
        {"1" ZEROS_50 ZEROS_10, "1" ZEROS_50 ZEROS_10}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mw_decimal d = decimal(rows[i][0]), again;
        check_text(&d, rows[i][1]);
        again = decimal(rows[i][1]); /* what is printed reads back as the same number */
        CHECK_INT(mw_decimal_cmp(&d, &again), 0);
        check_text(&again, rows[i][1]);
    }
}

static void no_decimals(void)
{
    /* clang-format off */
    static const char *const rows[] = {
        "", " ", "+", "-", ".", "e", "e5", ".5", "5.", "-.5", "5.e3", "1e", "1e+", "1e-", "1e+-1",
        "--1", "+-1", "1-", "1+", "1 ", " 1", "1,5", "1_000", "1.2.3", "1..2", "1e5.0", "1e1e1",
        "0x10", "1f", "inf", "nan", "Infinity", "NaN", "-inf", "1e99999", "1e00001", "\xd9\xa1",
        "1e61", "1e-61", "-1e61", "1.5e-60", "1e999", "1e-999", /* beyond the exponent's range */
        (NINES_33 "91"), (NINES_33 "9.1"), ("0." NINES_33 "91"), ("1" NINES_33 "9") /* 35 digits */
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mw_decimal d;
        if (parse(&d, rows[i]) == 0) {
            printf("\"%s\"\n", rows[i]);
            CHECK(!"refused");
        }
    }
    struct mw_decimal d;
    CHECK_INT(mw_decimal_parse(&d, "1\0", 2), -1);
    CHECK_INT(mw_decimal_parse(&d, "12", 1), 0); /* the length counts */
    check_text(&d, "1");
}

/* [+-]digits[.digits][e[+-]digits], as a state for each place in it. */
static bool is_decimal(const char *text, struct number *n)
{
    enum { START, SIGN, WHOLE, POINT, FRACTION, E, E_SIGN, EXPONENT } state = START;
    bool is_negative = false, is_e_negative = false;
    int written = 0;
    *n = (struct number){0, 0};
    for (; *text; text++) {
        bool is_digit = *text >= '0' && *text <= '9', is_sign = *text == '+' || *text == '-';
        if (is_sign && (state == START || state == E)) {
            *(state == START ? &is_negative : &is_e_negative) = *text == '-';
            state = state == START ? SIGN : E_SIGN;
        } else if (is_digit && state <= WHOLE) {
            state = WHOLE;
            n->digits = n->digits * 10 + (*text - '0');
        } else if (is_digit && state <= FRACTION) {
            state = FRACTION;
            n->digits = n->digits * 10 + (*text - '0');
            n->exponent--;
        } else if (is_digit) {
            state = EXPONENT;
            written = written * 10 + (*text - '0');
        } else if (*text == '.' && state == WHOLE) {
            state = POINT;
        } else if ((*text == 'e' || *text == 'E') && (state == WHOLE || state == FRACTION)) {
            state = E;
        } else {
            return false;
        }
    }
    n->digits = is_negative ? -n->digits : n->digits;
    n->exponent += is_e_negative ? -written : written;
    return state == WHOLE || state == FRACTION || state == EXPONENT;
}

static void every_short_text(void)
{
    static const char alphabet[] = "01.-+eE7";
    char text[8] = "";
    for (int len = 1; len <= 6; len++) {
        int count = 1 << (3 * len);
        for (int code = 0; code < count; code++) {
            for (int i = 0; i < len; i++)
                text[i] = alphabet[code >> (3 * i) & 7];
            text[len] = '\0';
            struct number expected;
            struct mw_decimal d;
            bool is_good = is_decimal(text, &expected) &&
                           (expected.digits == 0 || abs(expected.exponent) <= EXPONENT_MAX);
            int result = mw_decimal_parse(&d, text, (size_t)len);
            if ((result == 0) != is_good || (is_good && !is_right(result, &d, expected))) {
                printf("\"%s\"\n", text);
                CHECK(!"read as the grammar says");
            }
        }
    }
}

/* Any way to write a number gives the number, and its plain text gives the very same one. */
static void round_trips(void)
{
    for (int i = 0; i < CASES; i++) {
        char text[128], plain[MW_DECIMAL_TEXT_MAX];
        struct mw_decimal d, again;
        next_case();
        struct number n = {random_digits(DIGITS_MAX), (int)below(121) - 60};
        struct number moved = n;
        int zeros = (int)below(4); /* in front; then digits with a point somewhere */
        char digits[64];
        put_number((struct number){magnitude(n.digits), 0}, digits);
        *strchr(digits, 'e') = '\0';
        int count = (int)strlen(digits), point = 1 + (int)below((unsigned)count);
        moved.exponent += count - point;
        const char *sign = n.digits < 0 ? "-" : below(4) == 0 ? "+" : "";
        (void)snprintf(text, sizeof text, "%s%.*s%.*s%s%s%s%d", sign, zeros, "000", point, digits,
                       point < count ? "." : "", digits + point, below(2) ? "e" : "E",
                       moved.exponent); /* fits */
        int result = parse(&d, text);
        if (!is_right(result, &d, n)) {
            printf("seed %" PRIu64 ": \"%s\"\n", seed, text);
            CHECK(!"read as it was written");
            continue;
        }
        size_t len = mw_decimal_format(&d, plain, sizeof plain);
        CHECK(len > 0 && !strpbrk(plain, "eE+") && plain[len - 1] != '.');
        CHECK(!strchr(plain, '.') || plain[len - 1] != '0');
        CHECK(strcmp(plain, "-0") != 0);
        if (parse(&again, plain) < 0 || mw_decimal_cmp(&d, &again) != 0) {
            printf("seed %" PRIu64 ": \"%s\" printed as \"%s\"\n", seed, text, plain);
            CHECK(!"the text reads back");
        }
    }
}

/* Limits --------------------------------------------------------------------------------------- */

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

static void room_for_text(void)
{
    struct mw_decimal d = decimal("1.5");
    char text[MW_DECIMAL_TEXT_MAX + 1];
    memset(text, '#', sizeof text);
    for (size_t cap = 0; cap < MW_DECIMAL_TEXT_MAX; cap++)
        CHECK_INT(mw_decimal_format(&d, text, cap), 0);
    CHECK(text[0] == '#');
    CHECK_INT(mw_decimal_format(&d, text, MW_DECIMAL_TEXT_MAX), 3);
    CHECK(text[3] == '\0' && text[4] == '#');
}

/* Doubles and integers --------------------------------------------------------------------------
 */

static void doubles(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.0, "0"},
                {-0.0, "0"},
                {0.1, "0.1"},
                {-0.1, "-0.1"},
                {1.0 / 3.0, "0.3333333333333333"},
                {0.1 + 0.2, "0.30000000000000004"},
                {950e6, "950000000"},
                {1e22, "10000000000000000000000"},
                {2.22e-4, "0.000222"},
                {9007199254740993.0, "9007199254740992"},
                {123456789.123, "123456789.123"},
                {5e-1, "0.5"},
                {1e60, "1" ZEROS_50 ZEROS_10}};
    struct mw_decimal d;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_INT(mw_decimal_from_double(&d, rows[i].value), 0);
        check_text(&d, rows[i].text);
        CHECK(mw_decimal_to_double(&d) == rows[i].value);
    }
    CHECK_INT(mw_decimal_from_double(&d, (double)NAN), -1);
    CHECK_INT(mw_decimal_from_double(&d, (double)INFINITY), -1);
    CHECK_INT(mw_decimal_from_double(&d, -(double)INFINITY), -1);
    CHECK_INT(mw_decimal_from_double(&d, 1e300), -1);
    CHECK_INT(mw_decimal_from_double(&d, 5e-324), -1);
    d = decimal("0.1000000000000000055511151231257827"); /* the nearest double is asked for */
    CHECK(mw_decimal_to_double(&d) == 0.1);
    for (int i = 0; i < CASES; i++) {
        char text[48];
        next_case();
        double value = (double)random_digits(18) * pow(10, (int)below(31) - 20);
        if (mw_decimal_from_double(&d, value) < 0 || mw_decimal_to_double(&d) != value) {
            printf("seed %" PRIu64 ": %.17g\n", seed, value);
            CHECK(!"the same double");
        }
        int digits = 0; /* none shorter reads back */
        for (wide rest = magnitude(number_of(&d).digits); rest; rest /= 10)
            digits++;
        if (digits < 2)
            continue;
        (void)snprintf(text, sizeof text, "%.*e", digits - 2, value); /* fits */
        if (strtod(text, NULL) == value) {
            printf("seed %" PRIu64 ": %.17g, %s\n", seed, value, text);
            CHECK(!"the shortest text");
        }
    }
}

static void integers(void)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } rows[] = {{"0", 0, 0},
                {"-0.0", 0, 0},
                {"1", 0, 1},
                {"-1", 0, -1},
                {"1.000", 0, 1},
                {"1e18", 0, INT64_C(1000000000000000000)},
                {"123000e-3", 0, 123},
                {"9223372036854775807", 0, INT64_MAX},
                {"-9223372036854775807", 0, -INT64_MAX},
                {"-9223372036854775808", 0, INT64_MIN},
                {"9223372036854775807.000", 0, INT64_MAX},
                {"9223372036854775808", -1, 0},
                {"-9223372036854775809", -1, 0},
                {"18446744073709551616", -1, 0}, /* 2^64 is no zero */
                {"18446744073709551617", -1, 0},
                {"1e19", -1, 0},
                {"1e60", -1, 0},
                {"0.5", -1, 0},
                {"1.5", -1, 0},
                {"1e-60", -1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = 0;
        struct mw_decimal d = decimal(rows[i].text);
        CHECK_INT(mw_decimal_to_int64(&value, &d), rows[i].result);
        if (rows[i].result == 0)
            CHECK_INT(value, rows[i].value);
    }
}

static void units(void)
{
    static const struct {
        const char *text;
        int decimals, result;
        const char *value;
    } rows[] = {
        {"6512345000000", 8, 0, "65123.45"},
        {"-25000000", 8, 0, "-0.25"},
        {"9223372036854775807", 8, 0, "92233720368.54775807"},
        {"18446744073709551615", 8, 0, "184467440737.09551615"},
        {"0", 8, 0, "0"},
        {"7", 0, 0, "7"},
        {"7", 30, 0, "0.000000000000000000000000000007"},
        {"1.5", 8, -1, "1.5"},
        {"1e3", 8, -1, "1000"},
        {"7", 31, -1, "7"},
        {"7", -1, -1, "7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mw_decimal d, expected;
        CHECK_INT(mw_decimal_parse(&d, rows[i].text, strlen(rows[i].text)), 0);
        CHECK_INT(mw_decimal_parse(&expected, rows[i].value, strlen(rows[i].value)), 0);
        CHECK_INT(mw_decimal_to_units(&d, rows[i].decimals), rows[i].result);
        CHECK_INT(mw_decimal_cmp(&d, &expected), 0);
    }
}

static const struct test_case cases[] = {
    {"plain digits are units of a power of ten, anything else is refused", units},
    {"sums, differences and comparisons are exact or refused", sums},
    {"products are exact or refused", products},
    {"sums in place are as exact, and stay when the new one does not fit", running_sums},
    {"quotients are rounded by each rule as the exact ones", quotients},
    {"multiples of a step are the ones that each rule picks", steps},
    {"each rounding rule has its table", rounding_table},
    {"plain and e notation read as the number that they write", texts},
    {"what is no decimal, or too long or far, is refused", no_decimals},
    {"every text of six characters reads as the grammar says", every_short_text},
    {"what is printed reads back as the same number", round_trips},
    {"sums beyond 34 digits are refused", limits_of_sums},
    {"products beyond 34 digits or the exponent's range are refused", limits_of_products},
    {"division by zero and quotients that do not fit are refused", limits_of_quotients},
    {"numbers far apart compare, and negation is its own inverse", far_apart},
    {"a result may replace its operands", in_place},
    {"no text is written where it has too little room", room_for_text},
    {"a double becomes the shortest decimal that reads back", doubles},
    {"only whole numbers of 64 bits become integers", integers}};
TEST_MAIN(cases)
