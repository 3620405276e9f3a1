#include "digits.h"
#include "random.h"
#include "test.h"

#include <stdlib.h>

enum { LONGEST = 20 };

/* Reads a copy without a byte behind it: the sanitizer sees a read too far. */
static void check_digits(int line, const char *text, size_t len)
{
    uint64_t expected = 0, got = 0;
    bool are_digits = len > 0 && len <= MW_DIGITS_MAX;
    for (size_t i = 0; i < len; i++) {
        expected = expected * 10 + (uint64_t)(text[i] - '0');
        are_digits = are_digits && text[i] >= '0' && text[i] <= '9';
    }
    char *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, text, len);
    bool read = mw_read_digits(copy, len, &got);
    if (read != are_digits || (read && got != expected)) {
        printf("%s:%d: \"%.*s\": expected %s, got %s, %" PRIu64 "\n", __FILE__, line, (int)len,
               text, are_digits ? "a number" : "none", read ? "one" : "none", got);
        test_failures++;
    }
    free(copy);
}
#define CHECK_DIGITS(text, len) check_digits(__LINE__, text, len)

static void lengths(void)
{
    static const char *const texts[] = {"12345678901234567890", "99999999999999999999",
                                        "00000000000000000000", "98765432109876543210",
                                        "00000001000000001000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t len = 0; len <= LONGEST; len++)
            CHECK_DIGITS(texts[i], len);
}

static void one_other_byte(void)
{
    for (size_t len = 1; len <= MW_DIGITS_MAX; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[] = "1234567890123456";
                text[place] = (char)byte;
                CHECK_DIGITS(text, len);
            }
        }
    }
}

static void each_digit_in_each_place(void)
{
    for (size_t place = 0; place < 16; place++) {
        for (int digit = 0; digit <= 9; digit++) {
            char zeros[] = "0000000000000000", nines[] = "9999999999999999";
            zeros[place] = nines[place] = (char)('0' + digit);
            CHECK_DIGITS(zeros, 16);
            CHECK_DIGITS(nines, 16);
            CHECK_DIGITS(zeros + place / 8 * 8, 8);
        }
    }
}

static void random_digits(void)
{
    random_state = 20261121;
    for (int i = 0; i < 20000; i++) {
        char text[LONGEST];
        for (size_t j = 0; j < sizeof text; j++)
            text[j] = (char)('0' + below(j % 20 == 13 ? 256 : 10));
        CHECK_DIGITS(text, below(LONGEST + 1));
    }
}

static void what_is_above(void)
{
    uint64_t number, bytes = UINT64_C(0x3837367834333231); /* "1234x678" */
    CHECK(mw_few_digits(bytes, 4, &number) && number == 1234);
    CHECK(!mw_few_digits(bytes, 5, &number));
}

static void few_bytes(void)
{
    static const char text[] = "\x81\x02\xf3\x04\x05\xa6\x07\x98";
    for (size_t len = 1; len <= 8; len++) {
        char *copy = malloc(len);
        uint64_t expected = 0;
        memcpy(copy, text, len);
        for (size_t i = len; i-- > 0;)
            expected = expected << 8 | (unsigned char)text[i];
        CHECK(mw_read_bytes(copy, len) == expected);
        free(copy);
    }
}

static const struct test_case cases[] = {
    {"one to eight bytes are read as a number, and none behind them", few_bytes},
    {"up to 16 digits of every number are read", lengths},
    {"no other byte is taken for a digit, in any place", one_other_byte},
    {"each digit has its worth in each place", each_digit_in_each_place},
    {"what stands above the digits does not count", what_is_above},
    {"random digits are read as one by one", random_digits},
};
TEST_MAIN(cases)
