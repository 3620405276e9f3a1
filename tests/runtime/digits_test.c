#include "digits.h"
#include "random.h"
#include "test.h"

#include <stdlib.h>

/* Reads a copy without a byte behind it: the sanitizer sees a read too far. Checks the value, and
 * the place of the first byte that is no digit. */
static void check_digits(int line, uint64_t value, const char *text, size_t len)
{
    uint64_t expected = value;
    size_t count = 0;
    for (; count < len && text[count] >= '0' && text[count] <= '9'; count++)
        expected = expected * 10 + (uint64_t)(text[count] - '0');
    char *copy = malloc(len ? len : 1);
    const char *behind = NULL;
    if (len)
        memcpy(copy, text, len);
    uint64_t got = mw_read_digits(value, copy, copy + len, &behind);
    if (got != expected || behind != copy + count) {
        printf("%s:%d: %" PRIu64 " and \"%.*s\": expected %" PRIu64 " and %zu bytes, got %" PRIu64
               " and %td\n",
               __FILE__, line, value, (int)len, text, expected, count, got, behind - copy);
        test_failures++;
    }
    free(copy);
}
#define CHECK_DIGITS(value, text, len) check_digits(__LINE__, value, text, len)

static void lengths(void)
{
    static const char *const texts[] = {"1234567890123456789", "9999999999999999999",
                                        "0000000000000000000", "9876543210987654321",
                                        "0000000100000000100"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t len = 0; len <= 19; len++)
            CHECK_DIGITS(0, texts[i], len);
}

static void one_other_byte(void)
{
    for (size_t len = 1; len <= 19; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[] = "1234567890123456789";
                text[place] = (char)byte;
                CHECK_DIGITS(0, text, len);
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
            CHECK_DIGITS(0, zeros, 16);
            CHECK_DIGITS(0, nines, 16);
            CHECK_DIGITS(0, zeros + place / 8 * 8, 8);
        }
    }
}

static void continued(void)
{
    static const char text[] = "123456789.123456789";
    for (size_t before = 0; before <= 9; before++) { /* what stands before the point goes first */
        const char *behind = NULL;
        uint64_t value = mw_read_digits(0, text, text + before, &behind);
        CHECK(behind == text + before);
        for (size_t len = 0; len <= 9; len++)
            CHECK_DIGITS(value, text + 10, len);
        CHECK_DIGITS(value, text + before, 10);
    }
    CHECK_DIGITS(UINT64_C(99999999999), "99999999", 8);
    CHECK_DIGITS(7, "", 0);
    CHECK_DIGITS(7, "x", 1);
}

static void random_digits(void)
{
    random_state = 20261121;
    for (int i = 0; i < 20000; i++) {
        char text[24];
        for (size_t j = 0; j < sizeof text; j++)
            text[j] = (char)('0' + below(j % 20 == 19 ? 256 : 10));
        CHECK_DIGITS(0, text, below(20));
    }
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
    {"up to 19 digits of every number are read", lengths},
    {"reading stops at every byte that is no digit, in every place", one_other_byte},
    {"each digit has its worth in each place", each_digit_in_each_place},
    {"digits go on where others ended", continued},
    {"random digits are read as one by one", random_digits},
};
TEST_MAIN(cases)
