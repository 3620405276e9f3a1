/* Quotes around numbers that a double cannot hold. */
#include "json_text.h"
#include "random.h"
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

/* Runs it in memory without a byte to spare. NULL when it says that `cap` is too small. */
static char *quoted_in(const char *text, size_t len, size_t cap, size_t *out_len)
{
    char *copy = malloc(len ? len : 1), *out = malloc(cap ? cap : 1), *result = out;
    if (!copy || !out)
        abort();
    memcpy(copy, text, len);
    memset(out, '#', cap ? cap : 1);
    *out_len = mw_json_quote_long_numbers(copy, len, out, cap);
    if (*out_len == (size_t)-1) {
        result = NULL;
    } else if (*out_len == len) {
        for (size_t i = 0; i < cap; i++)
            CHECK(out[i] == '#'); /* nothing to do, and nothing was written */
        result = copy;
    }
    free(result == copy ? out : copy);
    if (!result)
        free(out);
    return result;
}

static void check_quoted(const char *text, const char *expected)
{
    size_t len, expected_len = strlen(expected);
    char *out = quoted_in(text, strlen(text), 2 * strlen(text), &len);
    if (!out || len != expected_len || memcmp(out, expected, len) != 0) {
        printf("%s\n  expected %s\n  got %.*s\n", text, expected, out ? (int)len : 2,
               out ? out : "-1");
        CHECK(!"quoted as expected");
    }
    free(out);
}

static void long_numbers(void)
{
    check_quoted("1234567890123456", "\"1234567890123456\"");
    check_quoted("-1234567890123456", "\"-1234567890123456\"");
    check_quoted("[9007199254740993]", "[\"9007199254740993\"]");
    check_quoted("{\"clientOrderId\":9007199254740993,\"price\":6512345000000}",
                 "{\"clientOrderId\":\"9007199254740993\",\"price\":6512345000000}");
    check_quoted("[1705635775203123,1705635775203124]",
                 "[\"1705635775203123\",\"1705635775203124\"]");
    check_quoted("0.1234567890123456", "\"0.1234567890123456\"");
    check_quoted("123456789.12345678", "\"123456789.12345678\"");
    check_quoted("[1.234567890123456e-7 , 2]", "[\"1.234567890123456e-7\" , 2]");
    check_quoted("1234567890123456E+22", "\"1234567890123456E+22\"");
    check_quoted("1000000000000001", "\"1000000000000001\"");
}

static void short_numbers(void)
{
    static const char *const same[] = {
        "",
        "0",
        "123456789012345",
        "-123456789012345",
        "0.00000000000000000123456789012345", /* leading zeros are no digits of it */
        "100000000000000000000",              /* nor trailing ones: one digit */
        "1.500000000000000000000",
        "12345.0000000000000000",
        "1e100",
        "1.5e123456789012345678", /* nor the exponent's */
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]",
        "true",
        "null",
        "{}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        check_quoted(same[i], same[i]);
}

static void strings(void)
{
    static const char *const same[] = {
        "\"1234567890123456789\"",
        "{\"1234567890123456789\":1}",
        "[\"a\\\"1234567890123456789\"]",
        "[\"a\\\\\",\"\\\\\\\"1234567890123456789\"]",
        "\"1234567890123456789", /* never closed */
        "\"\\",
        "\"",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        check_quoted(same[i], same[i]);
    check_quoted("[\"\\\\\",1234567890123456789]", "[\"\\\\\",\"1234567890123456789\"]");
    check_quoted("{\"\":1234567890123456789,\"\\\"\":2}",
                 "{\"\":\"1234567890123456789\",\"\\\"\":2}");
}

static void room(void)
{
    static const char text[] = "{\"a\":1234567890123456789,\"b\":[9876543210987654321]} ";
    size_t len = sizeof text - 1, needed = len + 4;
    for (size_t cap = 0; cap <= needed + 2; cap++) {
        size_t out_len;
        char *out = quoted_in(text, len, cap, &out_len);
        CHECK((out != NULL) == (cap >= needed));
        if (out)
            CHECK_INT(out_len, needed);
        free(out);
    }
}

/* Random texts ----------------------------------------------------------------------------------
 */

enum { TEXT_MAX = 512 };
struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void put(struct text *text, char c)
{
    if (text->len < TEXT_MAX)
        text->bytes[text->len++] = c;
}

static void put_string(struct text *in)
{
    static const char inside[] = "\\\"\\\\1234567890[]{}:,.-eE x";
    put(in, '"');
    for (unsigned i = below(24); i > 0; i--) {
        size_t at = below(sizeof inside - 1);
        bool is_escaped = inside[at] == '\\' || inside[at] == '"';
        if (is_escaped)
            put(in, '\\');
        put(in, inside[at]);
    }
    put(in, '"');
}

/* A number, with its significant digits counted while it is made. */
static bool put_number(struct text *in)
{
    int significant = 0, zeros = 0;
    unsigned whole = 1 + below(20), fraction = below(2) ? below(20) : 0;
    if (below(2))
        put(in, '-');
    for (unsigned i = 0; i < whole + fraction; i++) {
        char digit = (char)('0' + (below(3) ? below(10) : 0));
        if (i == whole)
            put(in, '.');
        put(in, digit);
        significant += significant > 0 || digit != '0';
        zeros = digit == '0' ? zeros + (significant > 0) : 0; /* the trailing ones */
    }
    if (below(4) == 0) {
        put(in, below(2) ? 'e' : 'E');
        if (below(2))
            put(in, below(2) ? '-' : '+');
        for (unsigned i = 1 + below(18); i > 0; i--)
            put(in, (char)('0' + below(10)));
    }
    return significant - zeros > 15;
}

static void random_json(void)
{
    static struct text in, expected, piece;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        random_state = seed;
        in.len = expected.len = 0;
        for (unsigned pieces = 1 + below(6); pieces > 0; pieces--) {
            bool is_long = false;
            piece.len = 0;
            if (below(3) == 0)
                put_string(&piece);
            else
                is_long = put_number(&piece);
            if (is_long)
                put(&expected, '"');
            for (size_t i = 0; i < piece.len; i++) {
                put(&in, piece.bytes[i]);
                put(&expected, piece.bytes[i]);
            }
            if (is_long)
                put(&expected, '"');
            put(&in, ",:[{ ]}"[below(7)]);
            put(&expected, in.bytes[in.len - 1]);
        }
        size_t len;
        char *out = quoted_in(in.bytes, in.len, 2 * in.len, &len);
        if (!out || len != expected.len || memcmp(out, expected.bytes, len) != 0) {
            printf("seed %" PRIu64 ": %.*s\n  expected %.*s\n", seed, (int)in.len, in.bytes,
                   (int)expected.len, expected.bytes);
            CHECK(!"random text quoted as expected");
        }
        free(out);
    }
}

static void random_bytes(void)
{
    static const char alphabet[] = "0123456789.-+eE\"\\,x";
    char text[96];
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        random_state = seed;
        size_t len = below(sizeof text), out_len;
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(below(8) ? alphabet[below(sizeof alphabet - 1)] : (int)below(256));
        char *out = quoted_in(text, len, 2 * len, &out_len);
        if (!out || out_len < len)
            printf("seed %" PRIu64 "\n", seed);
        CHECK(out && out_len >= len); /* twice the length is always enough */
        free(out);
    }
}

static const struct test_case cases[] = {
    {"a number of more than 15 digits becomes a string with all of them", long_numbers},
    {"a number that a double holds stays as it is", short_numbers},
    {"digits inside strings are nobody's business", strings},
    {"too little room is said, and just enough is enough", room},
    {"random JSON is quoted exactly where it must be", random_json},
    {"any bytes fit into twice their length", random_bytes},
};
TEST_MAIN(cases)
