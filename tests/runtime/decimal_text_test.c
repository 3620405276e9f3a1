/* Exact decimals: from and to texts, doubles and integers. */
#include "decimal_numbers.h"

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
        {"0.00000000", "0"},
        {"0.00000001", "0.00000001"}, /* 8, 9 digits: two ways meet here as well */
        {"0.99999999", "0.99999999"},
        {"0.000000001", "0.000000001"},
        {"0.999999999", "0.999999999"},
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

/* Fractions of each length, as they stand and behind a zero more, which is read another way. */
static void fractions(void)
{
    for (int digits = 1; digits <= 10; digits++) {
        for (int64_t n = 1; n < 10000000000; n = n * 3 + 7) {
            char text[40], longer[48];
            (void)snprintf(text, sizeof text, "0.%0*" PRId64, digits, n);
            (void)snprintf(longer, sizeof longer, "0%s", text);
            struct mw_decimal d = decimal(text), other = decimal(longer);
            CHECK_INT(mw_decimal_cmp(&d, &other), 0);
            CHECK_INT(memcmp(&d, &other, sizeof d), 0);
        }
    }
}

/* A point in each place of numbers of each length, against an exponent in its place, which is read
 * byte by byte. A second point is one too many. */
static void points(void)
{
    static const char *const texts[] = {"1234567890123456789", "9999999999999999999",
                                        "0000000000000000000", "0010000000000000100"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (int len = 2; len <= 19; len++) {
            for (int point = 1; point < len; point++) {
                char text[32], plain[32];
                (void)snprintf(text, sizeof text, "%.*s.%.*s", point, texts[i], len - point,
                               texts[i] + point);
                (void)snprintf(plain, sizeof plain, "%.*se-%d", len, texts[i], len - point);
                struct mw_decimal d = decimal(text), other = decimal(plain), none;
                CHECK_INT(memcmp(&d, &other, sizeof d), 0);
                for (int second = 0; second <= len; second++) {
                    char wrong[32];
                    memcpy(wrong, text, sizeof wrong);
                    wrong[second] = '.';
                    if (second != point)
                        CHECK_INT(mw_decimal_parse(&none, wrong, strlen(wrong)), -1);
                }
            }
        }
    }
}

static void no_decimals(void)
{
    /* clang-format off */
    static const char *const rows[] = {
        "", " ", "+", "-", ".", "e", "e5", ".5", "5.", "-.5", "5.e3", "1e", "1e+", "1e-", "1e+-1",
        "--1", "+-1", "1-", "1+", "1 ", " 1", "1,5", "1_000", "1.2.3", "1..2", "1e5.0", "1e1e1",
        "0.", "0..1", "0.1.2", "0.x", "0.-1", "0.+1", "0.1e", "0.1234567x", "0.1234.678", "0. 1",
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

/* Reads a copy without a byte behind it: the sanitizer sees a read too far. */
static void check_grammar(const char *text)
{
    struct number expected;
    struct mw_decimal d;
    size_t len = strlen(text);
    char *copy = malloc(len);
    memcpy(copy, text, len);
    bool is_good = is_decimal(text, &expected) &&
                   (expected.digits == 0 || abs(expected.exponent) <= EXPONENT_MAX);
    int result = mw_decimal_parse(&d, copy, len);
    if ((result == 0) != is_good || (is_good && !is_right(result, &d, expected))) {
        printf("\"%s\"\n", text);
        CHECK(!"read as the grammar says");
    }
    free(copy);
}

/* All texts of so many bytes of an alphabet of 2^bits. */
static void every_text(const char *alphabet, int bits, int len)
{
    char text[16] = "";
    for (int code = 0; code < 1 << (bits * len); code++) {
        for (int i = 0; i < len; i++)
            text[i] = alphabet[code >> (bits * i) & ((1 << bits) - 1)];
        check_grammar(text);
    }
}

static void every_short_text(void)
{
    for (int len = 1; len <= 6; len++)
        every_text("01.-+eE7", 3, len);
    for (int len = 7; len <= 9; len++) /* those of eight bytes and fewer are read at once */
        every_text("097.", 2, len);
}

static void one_other_byte(void)
{
    for (size_t len = 1; len <= 9; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 1; byte < 256; byte++) {
                char whole[] = "123456789", broken[] = "123456789";
                whole[place] = broken[place] = (char)byte;
                whole[len] = broken[len] = '\0';
                if (len >= 3)
                    broken[len / 2] = '.';
                check_grammar(whole);
                check_grammar(broken);
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
    {"plain and e notation read as the number that they write", texts},
    {"a fraction reads the same whichever way it is read", fractions},
    {"a point may stand anywhere between digits, once", points},
    {"what is no decimal, or too long or far, is refused", no_decimals},
    {"every text of six characters reads as the grammar says", every_short_text},
    {"a byte that is no digit is seen in every place", one_other_byte},
    {"what is printed reads back as the same number", round_trips},
    {"no text is written where it has too little room", room_for_text},
    {"a double becomes the shortest decimal that reads back", doubles},
    {"only whole numbers of 64 bits become integers", integers},
};

TEST_MAIN(cases)
