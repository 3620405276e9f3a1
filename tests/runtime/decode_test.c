#include "decode.h"
#include "test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* What the cases share ------------------------------------------------------------------------- */

static struct mw_decoder *decoder;
static struct mw_decoder_view *view;
static char *message; /* a copy without a byte behind it: the sanitizer sees a read too far */

static void forget_message(void)
{
    free(message);
    message = NULL;
}

static void close_decoder(void)
{
    mw_decoder_free(decoder);
    forget_message();
    decoder = NULL;
}

static void open_decoder(const char *const *paths, size_t count)
{
    struct mw_err err = {""};
    close_decoder();
    decoder = mw_decoder_new(paths, count, &err);
    CHECK_TEXT(err.text, "");
    view = decoder ? mw_decoder_view(decoder) : NULL;
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OPEN(...)                                                                                  \
    do {                                                                                           \
        static const char *const paths_[] = {__VA_ARGS__};                                         \
        open_decoder(paths_, COUNT(paths_));                                                       \
    } while (0)

static void start(const char *text, size_t len)
{
    forget_message();
    message = malloc(len ? len : 1);
    if (len)
        memcpy(message, text, len);
    mw_decoder_start(decoder, message, len);
}

/* Reads a message of one text: the first result, which must be the last when it is 1. */
static int read_bytes(const char *text, size_t len)
{
    start(text, len);
    return mw_decoder_next(decoder);
}

static int read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void start_text(const char *text)
{
    start(text, strlen(text));
}

static void check_field(int line, const struct mw_field *field, int type, const char *text)
{
    size_t len = strlen(text);
    if (field->type == type && field->len == len && (!len || memcmp(field->text, text, len) == 0))
        return;
    printf("%s:%d: expected type %d \"%s\", got type %d \"%.*s\"\n", __FILE__, line, type, text,
           field->type, (int)field->len, field->text ? field->text : "");
    test_failures++;
}
#define CHECK_FIELD(field, type, text) check_field(__LINE__, &(field), MW_FIELD_##type, text)

static struct mw_field *row(uint32_t number, uint32_t slot)
{
    return &view->rows[(size_t)number * view->row_width + slot];
}

/* Paths ---------------------------------------------------------------------------------------- */

static void names(void)
{
    OPEN("id", "push.channel", "error.code", "error");
    CHECK_INT(read_text("{\"id\":7,\"push\":{\"channel\":\"orders\"}}"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "7");
    CHECK_FIELD(view->head[1], STRING, "orders");
    CHECK_FIELD(view->head[2], ABSENT, "");
    CHECK_FIELD(view->head[3], ABSENT, "");
    CHECK_INT(mw_decoder_next(decoder), 0);
    CHECK_INT(read_text(" { \"error\" : { \"code\" : -1.50e+3 } , \"id\" : null } "), 1);
    CHECK_FIELD(view->head[0], NULL, "null");
    CHECK_FIELD(view->head[1], ABSENT, "");
    CHECK_FIELD(view->head[2], NUMBER, "-1.50e+3");
    CHECK_FIELD(view->head[3], OBJECT, "{ \"code\" : -1.50e+3 }");
}

static void all_types(void)
{
    OPEN("a", "b", "c", "d", "e", "f", "g", "h");
    CHECK_INT(read_text("{\"a\":\"\",\"b\":0,\"c\":true,\"d\":false,\"e\":null,\"f\":{},\"g\":[],"
                        "\"h\":[1,{\"a\":2}]}"),
              1);
    CHECK_FIELD(view->head[0], STRING, "");
    CHECK_FIELD(view->head[1], NUMBER, "0");
    CHECK_FIELD(view->head[2], TRUE, "true");
    CHECK_FIELD(view->head[3], FALSE, "false");
    CHECK_FIELD(view->head[4], NULL, "null");
    CHECK_FIELD(view->head[5], OBJECT, "{}");
    CHECK_FIELD(view->head[6], ARRAY, "[]");
    CHECK_FIELD(view->head[7], ARRAY, "[1,{\"a\":2}]");
}

static void positions(void)
{
    OPEN("[0]", "[3][1]", "[2].x", "[2]");
    CHECK_INT(read_text("[ \"order\" , 5, {\"x\":true}, [0,[9],2], 8 ]"), 1);
    CHECK_FIELD(view->head[0], STRING, "order");
    CHECK_FIELD(view->head[1], ARRAY, "[9]");
    CHECK_FIELD(view->head[2], TRUE, "true");
    CHECK_FIELD(view->head[3], OBJECT, "{\"x\":true}");
    CHECK_INT(read_text("[1,2,3,[4]]"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "1");
    CHECK_FIELD(view->head[1], ABSENT, "");
    CHECK_FIELD(view->head[2], ABSENT, "");
    CHECK_FIELD(view->head[3], NUMBER, "3");
    CHECK_INT(read_text("{\"0\":1}"), 1);
    CHECK_FIELD(view->head[0], ABSENT, "");
}

static void rows(void)
{
    OPEN("id", "push.data[].order.id", "push.data[].qty", "push.data");
    CHECK_INT(view->row_width, 2);
    CHECK_INT(read_text("{\"push\":{\"data\":[{\"order\":{\"id\":\"a\"},\"qty\":1},{\"qty\":2},7,"
                        "{\"order\":{\"id\":\"\\u0064\"}}]},\"id\":4}"),
              1);
    CHECK_INT(view->row_count, 4);
    CHECK_FIELD(*row(0, 0), STRING, "a");
    CHECK_FIELD(*row(0, 1), NUMBER, "1");
    CHECK_FIELD(*row(1, 0), ABSENT, "");
    CHECK_FIELD(*row(1, 1), NUMBER, "2");
    CHECK_FIELD(*row(2, 0), ABSENT, "");
    CHECK_FIELD(*row(2, 1), ABSENT, "");
    CHECK_FIELD(*row(3, 0), STRING, "d");
    CHECK_FIELD(*row(3, 1), ABSENT, "");
    CHECK_FIELD(view->head[0], NUMBER, "4");
    CHECK_INT(view->head[1].type, MW_FIELD_ARRAY);
    CHECK_INT(read_text("{\"push\":{\"data\":[]}}"), 1);
    CHECK_INT(view->row_count, 0);
    CHECK_INT(read_text("{\"push\":{\"data\":[{}]}}"), 1); /* nothing of the last message is left */
    CHECK_INT(view->row_count, 1);
    CHECK_FIELD(*row(0, 0), ABSENT, "");
    CHECK_INT(read_text("{\"push\":{\"data\":{\"qty\":3}}}"), 1);
    CHECK_INT(view->row_count, 0);
}

static void rows_of_the_root(void)
{
    OPEN("[]", "[].a", "[].b[1]");
    CHECK_INT(read_text("[{\"a\":1},[2],{\"b\":[3,4]},\"five\"]"), 1);
    CHECK_INT(view->row_count, 4);
    CHECK_FIELD(*row(0, 0), OBJECT, "{\"a\":1}");
    CHECK_FIELD(*row(0, 1), NUMBER, "1");
    CHECK_FIELD(*row(1, 0), ARRAY, "[2]");
    CHECK_FIELD(*row(2, 2), NUMBER, "4");
    CHECK_FIELD(*row(3, 0), STRING, "five");
}

static void many_rows(void)
{
    static char text[40000];
    size_t len = 0;
    OPEN("d[].v", "d[].w", "id");
    len += (size_t)snprintf(text, sizeof text, "{\"d\":[");
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s{\"w\":\"w%d\",\"v\":%d}",
                                i ? "," : "", i, i);
    len += (size_t)snprintf(text + len, sizeof text - len, "],\"id\":1}");
    CHECK_INT(read_bytes(text, len), 1);
    CHECK_INT(view->row_count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        char word[16];
        (void)snprintf(word, sizeof word, "w%u", i);
        CHECK_FIELD(*row(i, 0), NUMBER, word + 1);
        CHECK_FIELD(*row(i, 1), STRING, word);
    }
}

static void row_limit(void)
{
    size_t len = 2 * (size_t)MW_DECODE_ROWS_MAX + 1; /* [0,0,...,0] */
    char *text = malloc(len + 3), *end = text + len - 1;
    OPEN("[]");
    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 ? '0' : ',';
    text[0] = '[';
    *end = ']';
    CHECK_INT(read_bytes(text, len), 1);
    CHECK_INT(view->row_count, MW_DECODE_ROWS_MAX);
    memcpy(end, ",0]", 3);
    CHECK_INT(read_bytes(text, len + 2), -1);
    CHECK(strstr(view->error, "no more rows"));
    CHECK_INT(view->row_count, 0);
    CHECK_INT(read_text("[1,2]"), 1);
    CHECK_INT(view->row_count, 2);
    free(text);
}

static void bad_paths(void)
{
    static const struct {
        const char *paths[2], *error;
    } cases[] = {
        {{"id", ""}, "decoder: path \"\": is empty"},
        {{"id", "id"}, "decoder: path \"id\": stands twice"},
        {{"a[].b", "c[].d"}, "decoder: path \"c[].d\": a schema has one array of rows"},
        {{"a[].b", "a[].b[].c"}, "decoder: path \"a[].b[].c\": a schema has one array of rows"},
        {{"a.b", "a[1]"}, "decoder: path \"a[1]\": two of an object, an array and rows at one place"},
        {{"[1]", "a"}, "decoder: path \"a\": two of an object, an array and rows at one place"},
        {{"id", "a."}, "decoder: path \"a.\": names, [position] and one [] expected"},
        {{"id", ".a"}, "decoder: path \".a\": names, [position] and one [] expected"},
        {{"id", "a..b"}, "decoder: path \"a..b\": names, [position] and one [] expected"},
        {{"id", "a[x]"}, "decoder: path \"a[x]\": names, [position] and one [] expected"},
        {{"id", "a[1"}, "decoder: path \"a[1\": names, [position] and one [] expected"},
        {{"id", "a["}, "decoder: path \"a[\": names, [position] and one [] expected"},
        {{"id", "a[-1]"}, "decoder: path \"a[-1]\": names, [position] and one [] expected"},
        {{"id", "a[1001]"}, "decoder: path \"a[1001]\": names, [position] and one [] expected"},
        {{"id", "a[0]b"}, "decoder: path \"a[0]b\": names, [position] and one [] expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mw_err err = {""};
        struct mw_decoder *none = mw_decoder_new(cases[i].paths, 2, &err);
        CHECK(!none);
        CHECK_TEXT(err.text, cases[i].error);
        mw_decoder_free(none);
    }
    OPEN("a[1000]", "a[0][0][0].b", "c.d", "c");
    mw_decoder_free(NULL);
}

/* Texts ---------------------------------------------------------------------------------------- */

static void escapes(void)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u007f\"", "A\x7f"},
        {"\"\\u0080\\u07ff\"", "\xc2\x80\xdf\xbf"},
        {"\"\\u0800\\uFFFF\\uffff\"", "\xe0\xa0\x80\xef\xbf\xbf\xef\xbf\xbf"},
        {"\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80"},
        {"\"\\ud800\\udc00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\"\\ud83d\\ude00 \xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80"},
        {"\"before a long run of letters \\n and after it\"",
         "before a long run of letters \n and after it"},
        {"\"\xc3\xa9t\xc3\xa9 \\\" \xe2\x82\xac\"", "\xc3\xa9t\xc3\xa9 \" \xe2\x82\xac"},
    };
    OPEN("[0]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[%s]", cases[i].json);
        CHECK_INT(read_text(text), 1);
        CHECK_FIELD(view->head[0], STRING, cases[i].text);
    }
    CHECK_INT(read_text("[\"a\\u0000b\"]"), 1);
    CHECK_INT(view->head[0].len, 3);
    CHECK(memcmp(view->head[0].text, "a\0b", 3) == 0);
}

static void escaped_names(void)
{
    OPEN("status", "q\"x");
    CHECK_INT(read_text("{\"s\\u0074atus\":1,\"q\\\"x\":2}"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "1");
    CHECK_FIELD(view->head[1], NUMBER, "2");
    CHECK_INT(read_text("{\"status\\u0000\":1,\"statu\":2,\"statuss\":3,\"\":4}"), 1);
    CHECK_FIELD(view->head[0], ABSENT, "");
}

/* Every refusal: what the message says, with the offset and the byte that stood there. */
static void refusals(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{", "offset 1: a member's name expected, found the end"},
        {"{\"a\":1,}", "offset 7: a member's name expected, found '}'"},
        {"{1:2}", "offset 1: a member's name expected, found '1'"},
        {"{\"a\" 1}", "offset 5: ':' expected, found '1'"},
        {"{\"a\":1 \"b\":2}", "offset 7: ',' or '}' expected, found '\"'"},
        {"{\"a\":1", "offset 6: ',' or '}' expected, found the end"},
        {"{\"a\":}", "offset 5: a number expected, found '}'"},
        {"{\"a\":", "offset 5: a value expected, found the end"},
        {"[1 2]", "offset 3: ',' or ']' expected, found '2'"},
        {"[1,]", "offset 3: a number expected, found ']'"},
        {"[", "offset 1: a value expected, found the end"},
        {"[1}", "offset 2: ',' or ']' expected, found '}'"},
        {"tru", "offset 0: a value expected, found 't'"},
        {"[trux]", "offset 1: a value expected, found 't'"},
        {"nul", "offset 0: a value expected, found 'n'"},
        {"fals", "offset 0: a value expected, found 'f'"},
        {"truee", "offset 4: the end of the line expected, found 'e'"},
        {"{} {}", "offset 3: the end of the line expected, found '{'"},
        {"\"abc", "offset 4: end of the string expected, found the end"},
        {"\"a\tb\"", "offset 2: end of the string expected, found byte 0x09"},
        {"\"a\\\n\"", "offset 3: an escape expected, found byte 0x0a"},
        {"\"\\x41\"", "offset 2: an escape expected, found 'x'"},
        {"\"\\", "offset 2: an escape expected, found the end"},
        {"\"\\u12g4\"", "offset 3: four hex digits expected, found '1'"},
        {"\"\\u12", "offset 3: four hex digits expected, found '1'"},
        {"\"\\ud800\"", "offset 7: the other half of a surrogate pair expected, found '\"'"},
        {"\"\\ud800\\u0041\"", "offset 7: the other half of a surrogate pair expected, found '\\'"},
        {"\"\\udc00\\ud800\"", "offset 7: the other half of a surrogate pair expected, found '\\'"},
        {"\"\\udc00\\udc00\"", "offset 7: the other half of a surrogate pair expected, found '\\'"},
        {"\"\xff\"", "offset 1: valid UTF-8 expected, found byte 0xff"},
        {"\"\\n\xff\"", "offset 1: valid UTF-8 expected, found '\\'"},
        {"01", "offset 0: a number expected, found '0'"},
        {"-", "offset 1: a number expected, found the end"},
        {"-01", "offset 1: a number expected, found '0'"},
        {"+1", "offset 0: a number expected, found '+'"},
        {".5", "offset 0: a number expected, found '.'"},
        {"1.", "offset 2: a digit expected, found the end"},
        {"1.e5", "offset 2: a digit expected, found 'e'"},
        {"1e", "offset 2: a digit expected, found the end"},
        {"1e+x", "offset 3: a digit expected, found 'x'"},
        {"0x10", "offset 1: the end of the line expected, found 'x'"},
        {"NaN", "offset 0: a number expected, found 'N'"},
        {"'a'", "offset 0: a number expected, found '''"},
        {"\xef\xbb\xbf{}", "offset 0: a number expected, found byte 0xef"},
        {"[\x01]", "offset 1: a number expected, found byte 0x01"},
        {"[\x7f]", "offset 1: a number expected, found byte 0x7f"},
    };
    OPEN("a", "b");
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_INT(read_text(cases[i].text), -1);
        CHECK_TEXT(view->error, cases[i].error);
        CHECK_FIELD(view->head[0], ABSENT, ""); /* nothing of a text that was refused */
        CHECK_INT(mw_decoder_next(decoder) == 1, 0);
    }
    CHECK_INT(read_bytes("\"a\0b\"", 5), -1);
    CHECK_TEXT(view->error, "offset 2: end of the string expected, found byte 0x00");
}

static void utf8(void)
{
    static const char *const good[] = {
        "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
    };
    OPEN("[0]");
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        bool is_good = i < COUNT(good);
        const char *bytes = is_good ? good[i] : bad[i - COUNT(good)];
        for (int at = 0; at <= 34; at++) { /* around the width of a vector */
            char text[128], padding[64];
            memset(padding, 'x', sizeof padding);
            for (int escaped = 0; escaped < 2; escaped++) {
                (void)snprintf(text, sizeof text, "[\"%s%.*s%s%.*s\"]", escaped ? "\\t" : "", at,
                               padding, bytes, 34 - at, padding);
                CHECK_INT(read_text(text), is_good ? 1 : -1);
                if (is_good)
                    CHECK_INT(view->head[0].len, 34 + strlen(bytes) + (size_t)escaped);
            }
        }
    }
}

static void string_lengths(void)
{
    OPEN("a[0]", "z");
    for (size_t len = 0; len <= 70; len++) {
        for (size_t at = 0; at <= len; at++) {
            char text[160], expected[80];
            size_t n = (size_t)snprintf(text, sizeof text, "{\"a\":[\"");
            memset(expected, 'k', len);
            expected[len] = '\0';
            memcpy(text + n, expected, at);
            n += at;
            if (at < len) {
                n += (size_t)snprintf(text + n, sizeof text - n, "\\/%s", expected + at + 1);
                expected[at] = '/';
            }
            (void)snprintf(text + n, sizeof text - n, "\"],\"z\":%zu}", len);
            CHECK_INT(read_text(text), 1);
            CHECK_FIELD(view->head[0], STRING, expected);
            CHECK_INT(view->head[1].type, MW_FIELD_NUMBER);
        }
    }
}

static void numbers(void)
{
    static const char *const cases[] = {
        "0",   "-0",   "10",      "0.10", "-12.3400",
        "1e5", "1E-5", "1.5e+10", "0e0",  "123456789012345678901234567890.000000000000000000001",
    };
    OPEN("[1]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[0,%s\t]", cases[i]);
        CHECK_INT(read_text(text), 1);
        CHECK_FIELD(view->head[0], NUMBER, cases[i]);
    }
}

static void integers(void)
{
    static const struct {
        const char *json;
        double value;
    } cases[] = {
        {"0", 0},
        {"\"17\"", 17},
        {"-42", -42},
        {"1605255450000", 1605255450000.},
        {"9007199254740992", 9007199254740992.},
        {"-9007199254740992", -9007199254740992.},
        {"9007199254740993", NAN},
        {"-9007199254740993", NAN},
        {"99999999999999999999999999", NAN},
        {"1.0", NAN},
        {"1e3", NAN},
        {"\"\"", NAN},
        {"\"-\"", NAN},
        {"\"12x\"", NAN},
        {"\" 1\"", NAN},
        {"true", NAN},
        {"null", NAN},
        {"[1]", NAN},
        {"{}", NAN},
    };
    OPEN("[0]", "[9]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "[%s]", cases[i].json);
        CHECK_INT(read_text(text), 1);
        double value = mw_field_integer(&view->head[0]);
        CHECK(isnan(cases[i].value) ? isnan(value) : value == cases[i].value);
    }
    CHECK(isnan(mw_field_integer(&view->head[1]))); /* absent */
}

static void words(void)
{
    static const char *const statuses[] = {"new", "filled", "canceled", "", "new"};
    static const char *const sides[] = {"buy", "sell"};
    struct mw_err err;
    OPEN("status", "rows[].side", "other");
    CHECK_INT(mw_decoder_set_words(decoder, 0, statuses, COUNT(statuses), &err), 0);
    CHECK_INT(mw_decoder_set_words(decoder, 1, sides, COUNT(sides), &err), 0);
    static const struct {
        const char *value;
        int word;
    } cases[] = {
        {"\"new\"", 1},        {"\"filled\"", 2},
        {"\"canceled\"", 3},   {"\"\"", 4},
        {"\"ne\"", 0},         {"\"news\"", 0},
        {"\"New\"", 0},        {"\"fi\\u006c\\u006ced\"", 2},
        {"\"new\\u0000\"", 0}, {"true", 0},
        {"[\"new\"]", 0},      {"1", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"status\":%s,\"other\":\"new\"}", cases[i].value);
        CHECK_INT(read_text(text), 1);
        CHECK_INT(view->head[0].word, cases[i].word);
        CHECK_INT(view->head[1].word, 0);
    }
    CHECK_INT(read_text("{\"rows\":[{\"side\":\"sell\"},{\"side\":\"new\"},"
                        "{\"side\":\"buy\"}]}"),
              1);
    CHECK_INT(row(0, 0)->word, 2);
    CHECK_INT(row(1, 0)->word, 0);
    CHECK_INT(row(2, 0)->word, 1);
    CHECK_INT(read_text("{\"status\":\"new\",\"status\":7}"), 1); /* no word of the one before */
    CHECK_INT(view->head[0].word, 0);
}

static void word_limits(void)
{
    static const char *many[256];
    static char texts[256][12];
    struct mw_err err = {""};
    for (int i = 0; i < 256; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%d", i);
        many[i] = texts[i];
    }
    OPEN("a", "b");
    CHECK_INT(mw_decoder_set_words(decoder, 2, many, 1, &err), -1);
    CHECK(strstr(err.text, "words of path 2: no such path"));
    CHECK_INT(mw_decoder_set_words(decoder, 0, many, 256, &err), -1);
    CHECK_INT(mw_decoder_set_words(decoder, 0, many, 255, &err), 0);
    CHECK_INT(mw_decoder_set_words(decoder, 0, many, 1, &err), -1);
    CHECK_INT(mw_decoder_set_words(decoder, 1, many, 0, &err), 0);
    CHECK_INT(read_text("{\"a\":\"254\",\"b\":\"0\"}"), 1);
    CHECK_INT(view->head[0].word, 255);
    CHECK_INT(view->head[1].word, 0);
    CHECK_INT(read_text("{\"a\":\"255\"}"), 1);
    CHECK_INT(view->head[0].word, 0);
}

static void last_one_counts(void)
{
    OPEN("a", "b", "rows[].q");
    CHECK_INT(read_text("{\"a\":1,\"b\":true,\"a\":\"two\",\"\\u0061\":[3],\"rows\":"
                        "[{\"q\":1,\"q\":2},{\"q\":3}]}"),
              1);
    CHECK_FIELD(view->head[0], ARRAY, "[3]");
    CHECK_FIELD(view->head[1], TRUE, "true");
    CHECK_FIELD(*row(0, 0), NUMBER, "2");
    CHECK_FIELD(*row(1, 0), NUMBER, "3");
}

static void order_of_members(void)
{
    static const char *const members[] = {"\"a\":1", "\"b\":\"two\"", "\"c\":[3]",
                                          "\"x\":{\"a\":9}"};
    OPEN("a", "b", "c");
    for (int order = 0; order < 256; order++) { /* all four in every order, one message each */
        int pick[] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        char text[128];
        if (((1 << pick[0]) | (1 << pick[1]) | (1 << pick[2]) | (1 << pick[3])) != 15)
            continue;
        (void)snprintf(text, sizeof text, "{%s,%s,%s,%s}", members[pick[0]], members[pick[1]],
                       members[pick[2]], members[pick[3]]);
        CHECK_INT(read_text(text), 1);
        CHECK_FIELD(view->head[0], NUMBER, "1");
        CHECK_FIELD(view->head[1], STRING, "two");
        CHECK_FIELD(view->head[2], ARRAY, "[3]");
    }
}

static void unknown_members(void)
{
    OPEN("a", "o.a", "o.list[1]", "rows[].a");
    CHECK_INT(read_text("{\"x\":{\"a\":1,\"o\":{\"a\":2},\"rows\":[{\"a\":3}]},\"y\":[[{\"a\":4}]],"
                        "\"o\":{\"b\":{\"a\":5,\"list\":[6,7]},\"z\":[{\"a\":8}]},"
                        "\"rows\":[{\"b\":{\"a\":9},\"c\":[{\"a\":10}]}]}"),
              1);
    CHECK_FIELD(view->head[0], ABSENT, "");
    CHECK_FIELD(view->head[1], ABSENT, "");
    CHECK_FIELD(view->head[2], ABSENT, "");
    CHECK_INT(view->row_count, 1);
    CHECK_FIELD(*row(0, 0), ABSENT, "");
    CHECK_INT(read_text("{\"x\":{\"a\":tru}}"), -1); /* what nobody wants is checked all the same */
    CHECK_INT(read_text("{\"x\":[1,{\"\\ud800\":0}]}"), -1);
    CHECK_INT(read_text("{\"x\":\"\xff\"}"), -1);
}

static void other_shapes(void)
{
    static const char *const texts[] = {"1",
                                        "\"a\"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"o\":1}",
                                        "{\"o\":[1]}",
                                        "{\"o\":\"a\"}",
                                        "{\"o\":{\"l\":{}}}",
                                        "{\"o\":{\"l\":7}}"};
    OPEN("o.a", "o.l[0].b", "r[].a");
    for (size_t i = 0; i < COUNT(texts); i++) {
        CHECK_INT(read_text(texts[i]), 1);
        CHECK_FIELD(view->head[0], ABSENT, "");
        CHECK_FIELD(view->head[1], ABSENT, "");
        CHECK_INT(view->row_count, 0);
        CHECK_INT(view->text_len, strlen(texts[i]));
        CHECK(view->text == message);
    }
}

static void depth(void)
{
    char text[4 * MW_DECODE_DEPTH_MAX + 8];
    OPEN("[0]", "[0][0]");
    for (int levels = MW_DECODE_DEPTH_MAX - 1; levels <= MW_DECODE_DEPTH_MAX + 1; levels++) {
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        CHECK_INT(read_bytes(text, 2 * (size_t)levels), levels <= MW_DECODE_DEPTH_MAX ? 1 : -1);
    }
    CHECK_TEXT(view->error, "offset 64: nesting of at most 64 expected, found '['");
    size_t len = 0;
    for (int i = 0; i < MW_DECODE_DEPTH_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"\":");
    CHECK_INT(read_bytes(text, len), -1);
    CHECK(strstr(view->error, "a value expected, found the end"));
    memcpy(text + len, "{", 1);
    CHECK_INT(read_bytes(text, len + 1), -1);
    CHECK_TEXT(view->error, "offset 256: nesting of at most 64 expected, found '{'");
}

static void several_texts(void)
{
    OPEN("n", "s");
    start_text("\n{\"n\":1,\"s\":\"\\u0061\"}\r\n\n \t{\"n\":\n2} \t\r\n3\n");
    CHECK_INT(mw_decoder_next(decoder), 1);
    struct mw_field first = view->head[1];
    CHECK_FIELD(view->head[0], NUMBER, "1");
    CHECK_INT(view->text_len, 20);
    CHECK_INT(mw_decoder_next(decoder), 1);
    CHECK_FIELD(view->head[0], NUMBER, "2");
    CHECK_FIELD(view->head[1], ABSENT, "");
    CHECK_FIELD(first, STRING, "a"); /* good until the next message */
    CHECK_INT(mw_decoder_next(decoder), 1);
    CHECK_FIELD(view->head[0], ABSENT, "");
    CHECK_INT(mw_decoder_next(decoder), 0);
    CHECK_INT(mw_decoder_next(decoder), 0);
    CHECK_INT(read_text(""), 0);
    CHECK_INT(read_text(" \r\n\t"), 0);
    CHECK_INT(read_text("{\"n\":5}"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "5");
}

static void recovery(void)
{
    OPEN("n", "r[].v");
    start_text("{\"n\":1}\n{\"n\":2,\"r\":[{\"v\":9},}\n{\"n\":3} x\n{\"n\":4}\n{\"n\":");
    CHECK_INT(mw_decoder_next(decoder), 1);
    CHECK_FIELD(view->head[0], NUMBER, "1");
    CHECK_INT(mw_decoder_next(decoder), -1);
    CHECK_TEXT(view->error, "offset 28: a number expected, found '}'");
    CHECK_FIELD(view->head[0], ABSENT, "");
    CHECK_INT(view->row_count, 0);
    CHECK_INT(mw_decoder_next(decoder), -1);
    CHECK_TEXT(view->error, "offset 38: the end of the line expected, found 'x'");
    CHECK_INT(mw_decoder_next(decoder), 1);
    CHECK_FIELD(view->head[0], NUMBER, "4");
    CHECK_INT(mw_decoder_next(decoder), -1);
    CHECK_INT(mw_decoder_next(decoder), 0);
}

static void fields_of_all_texts(void)
{
    enum { TEXTS = 200 };
    static char text[TEXTS * 40];
    static struct mw_field fields[TEXTS];
    size_t len = 0;
    OPEN("s");
    for (int i = 0; i < TEXTS; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"s\":\"\\u%04x value %d\"}\n",
                                0x100 + i, i);
    start(text, len);
    for (int i = 0; i < TEXTS; i++) {
        CHECK_INT(mw_decoder_next(decoder), 1);
        fields[i] = view->head[0];
    }
    for (int i = 0; i < TEXTS; i++) {
        char expected[40];
        int code = 0x100 + i;
        (void)snprintf(expected, sizeof expected, "%c%c value %d", 0xc0 | code >> 6,
                       0x80 | (code & 0x3f), i);
        CHECK_FIELD(fields[i], STRING, expected);
    }
}

/* A second reader: it makes a tree of the whole text, one byte after the other, and walks it --- */

struct node {
    int type;
    const char *text, *name;
    size_t len, name_len;
    struct node *first, *last, *next; /* members or elements */
};

static struct node nodes[20000];
static char letters[200000];
static size_t node_count, letter_count;
static const char *at, *limit;

static struct node *slow_value(int level);

static void slow_blanks(void)
{
    while (at < limit && strchr(" \t\r\n", *at) && *at)
        at++;
}

static bool slow_take(const char *word)
{
    const char *p = at;
    for (; *word; word++, p++)
        if (p >= limit || *p != *word)
            return false;
    at = p;
    return true;
}

static bool slow_hex(uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, at++) {
        static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
        const char *digit = at < limit && *at ? strchr(digits, *at) : NULL;
        if (!digit)
            return false;
        *value = *value * 16 + (uint32_t)(digit - digits) / 2;
    }
    return true;
}

static void slow_put(uint32_t code)
{
    static const uint32_t from[] = {0x80, 0x800, 0x10000, 0x200000};
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    int more = 0;
    while (code >= from[more])
        more++;
    letters[letter_count++] = (char)(lead[more] | code >> (6 * more));
    while (more-- > 0)
        letters[letter_count++] = (char)(0x80 | (code >> (6 * more) & 0x3f));
}

/* The character at `at` by its bit pattern; its shortest form is what must stand there. */
static bool slow_character(uint32_t *code)
{
    uint8_t first = (uint8_t)*at;
    int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
    if (more == 3 && first >> 3 != 30)
        return false;
    if (limit - at <= more)
        return false;
    *code = more ? first & (0x3fu >> more) : first;
    for (int i = 1; i <= more; i++) {
        if ((uint8_t)at[i] >> 6 != 2)
            return false;
        *code = *code << 6 | ((uint8_t)at[i] & 0x3f);
    }
    size_t before = letter_count;
    slow_put(*code);
    bool is_shortest = letter_count - before == (size_t)more + 1;
    letter_count = before;
    at += more + 1;
    return is_shortest && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
}

static bool slow_escape(uint32_t *code)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (at >= limit)
        return false;
    const char *known = *at ? strchr(from, *at) : NULL;
    if (known) {
        *code = (uint8_t)to[known - from];
        at++;
        return true;
    }
    uint32_t low;
    if (!slow_take("u") || !slow_hex(code))
        return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    if (*code > 0xdbff || !slow_take("\\u") || !slow_hex(&low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *code = 0x10000 + (*code - 0xd800) * 0x400 + (low - 0xdc00);
    return true;
}

static bool slow_string(const char **text, size_t *len)
{
    *text = letters + letter_count;
    if (!slow_take("\""))
        return false;
    for (;;) {
        uint32_t code;
        if (at >= limit || (uint8_t)*at < 0x20)
            return false;
        if (slow_take("\""))
            break;
        if (slow_take("\\") ? !slow_escape(&code) : !slow_character(&code))
            return false;
        slow_put(code);
    }
    *len = (size_t)(letters + letter_count - *text);
    return true;
}

static bool slow_digits(void)
{
    const char *from = at;
    while (at < limit && *at >= '0' && *at <= '9')
        at++;
    return at > from;
}

static bool slow_number(void)
{
    (void)slow_take("-");
    if (!slow_take("0") && !slow_digits())
        return false;
    if (slow_take(".") && !slow_digits())
        return false;
    if (!slow_take("e") && !slow_take("E"))
        return true;
    if (!slow_take("+"))
        (void)slow_take("-");
    return slow_digits();
}

static bool slow_children(struct node *parent, const char *closing, int level)
{
    at++;
    slow_blanks();
    if (slow_take(closing))
        return true;
    do {
        const char *name = NULL;
        size_t name_len = 0;
        slow_blanks();
        if (parent->type == MW_FIELD_OBJECT) {
            if (!slow_string(&name, &name_len))
                return false;
            slow_blanks();
            if (!slow_take(":"))
                return false;
            slow_blanks();
        }
        struct node *child = slow_value(level + 1);
        if (!child)
            return false;
        child->name = name;
        child->name_len = name_len;
        if (parent->last)
            parent->last->next = child;
        else
            parent->first = child;
        parent->last = child;
        slow_blanks();
    } while (slow_take(","));
    return slow_take(closing);
}

static struct node *slow_value(int level)
{
    struct node *node = &nodes[node_count++];
    const char *from = at;
    bool is_good = at < limit;
    memset(node, 0, sizeof *node);
    if (!is_good)
        return NULL;
    if (*at == '"') {
        node->type = MW_FIELD_STRING;
        return slow_string(&node->text, &node->len) ? node : NULL;
    }
    if (*at == '{' || *at == '[') {
        node->type = *at == '{' ? MW_FIELD_OBJECT : MW_FIELD_ARRAY;
        is_good = level < MW_DECODE_DEPTH_MAX && slow_children(node, *at == '{' ? "}" : "]", level);
    } else if (slow_take("true")) {
        node->type = MW_FIELD_TRUE;
    } else if (slow_take("false")) {
        node->type = MW_FIELD_FALSE;
    } else if (slow_take("null")) {
        node->type = MW_FIELD_NULL;
    } else {
        node->type = MW_FIELD_NUMBER;
        is_good = slow_number();
    }
    node->text = from;
    node->len = (size_t)(at - from);
    return is_good ? node : NULL;
}

/* What stands at `path` below `node`; NULL: nothing. Stops in front of "[]" (*rest says where). */
static const struct node *slow_walk(const struct node *node, const char *path, const char **rest)
{
    while (node && *path && strncmp(path, "[]", 2) != 0) {
        const struct node *found = NULL;
        size_t len = strcspn(path + (*path == '.' || *path == '['), ".[]");
        if (*path == '[') {
            int position = atoi(path + 1);
            found = node->type == MW_FIELD_ARRAY ? node->first : NULL;
            while (found && position-- > 0)
                found = found->next;
            path += len + 2;
        } else {
            path += *path == '.';
            for (const struct node *child = node->first; child; child = child->next)
                if (child->name && child->name_len == len && memcmp(child->name, path, len) == 0)
                    found = child; /* the last one counts */
            path += len;
        }
        node = found;
    }
    *rest = path;
    return node;
}

static uint64_t seed, random_state;

static uint32_t pick(uint32_t count)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % count;
}

static bool is_inside(const struct mw_field *field, const char *text, size_t len)
{
    return field->text >= text && field->text + field->len <= text + len;
}

static void complain(const char *what, const char *path, const char *text, size_t len)
{
    if (test_failures++ < 5)
        printf("seed %" PRIu64 ": %s %s differs in %.*s\n", seed, what, path, (int)len, text);
}

static void compare_field(const struct mw_field *field, const struct node *node, const char *path,
                          const char *text, size_t len)
{
    int type = node ? node->type : MW_FIELD_ABSENT;
    if (field->type != type)
        complain("the type of", path, text, len);
    else if (node && (field->len != node->len || memcmp(field->text, node->text, node->len) != 0))
        complain("the text of", path, text, len);
    else if (node && type != MW_FIELD_STRING && !is_inside(field, text, len))
        complain("the place of", path, text, len);
}

static void compare_fields(const struct node *root, const char *const *paths, size_t count,
                           const char *text, size_t len)
{
    uint32_t head = 0, slot = 0;
    for (size_t i = 0; i < count; i++) {
        const char *rest, *none;
        const struct node *node = slow_walk(root, paths[i], &rest);
        if (!strstr(paths[i], "[]")) {
            compare_field(&view->head[head++], node, paths[i], text, len);
            continue;
        }
        uint32_t number = 0;
        if (node && node->type == MW_FIELD_ARRAY)
            for (const struct node *element = node->first; element; element = element->next)
                if (number++ < view->row_count)
                    compare_field(row(number - 1, slot), slow_walk(element, rest + 2, &none),
                                  paths[i], text, len);
        if (number != view->row_count)
            complain("the number of rows", paths[i], text, len);
        slot++;
    }
}

/* Both read the message, all of its texts; returns how many were good. */
static int compare_readers(const char *const *paths, size_t count, const char *text, size_t len)
{
    int good = 0;
    start(text, len);
    at = message;
    limit = message + len;
    for (;;) {
        node_count = letter_count = 0;
        slow_blanks();
        const char *from = at;
        const struct node *root = at < limit ? slow_value(0) : NULL;
        while (root && at < limit && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        if (root && at < limit && *at != '\n')
            root = NULL;
        int expected = root ? 1 : from == limit ? 0 : -1;
        int result = mw_decoder_next(decoder);
        if (result != expected) {
            complain("the verdict", result < 0 ? view->error : "", text, len);
            return good;
        }
        if (expected == 0)
            return good;
        if (root) {
            compare_fields(root, paths, count, message, len);
            good++;
        } else {
            const char *line_break = memchr(from, '\n', (size_t)(limit - from));
            at = line_break ? line_break + 1 : limit;
        }
    }
}

/* No name is one byte away from another, so that no change of a byte makes two of one. */
static const char *const push_paths[] = {
    "id",
    "push.channel",
    "push.pub.data[].order.orderId",
    "push.pub.offset",
    "error",
    "error.code",
    "push.pub.data[].order.side",
    "push.pub.data[].qty",
    "list[0]",
    "list[2].deep",
    "push.pub.data",
    "push.pub.data[].fees[1]",
};
static const char *const array_paths[] = {"[0]", "[3][1]", "[2].id", "[2]", "[4].order.side"};
static const char *const row_paths[] = {"[].id", "[].order.orderId", "[].list[0]", "[]"};
static const struct {
    const char *const *paths;
    size_t count;
} schemas[] = {
    {push_paths, COUNT(push_paths)},
    {array_paths, COUNT(array_paths)},
    {row_paths, COUNT(row_paths)},
};

static const char *const samples[] = {
    "{\"push\":{\"channel\":\"pws:#u\",\"pub\":{\"data\":[{\"order\":{\"orderId\":\"btc-1\","
    "\"side\":\"BUY\"},\"qty\":\"0.00100\",\"fees\":[1,\"2\"]},{\"qty\":-1.5e3}],\"offset\":67}}}",
    "{\"error\":{\"code\":100,\"m\":\"\\u00e9"
    "\\ud83d\\ude00 \xe2\x82\xac\\\"\"},\"id\":[true,null]}",
    " [ 0 , \"a\\tb\" , {\"id\":1} , "
    "[false,\"x\"] , {\"order\":{\"side\":\"long enough a text\"}}]\r\n",
    "{\"id\":1,\"list\":[7,8,{\"deep\":\"\"}]}\n{\"id\":2}\n[{\"id\":\"\\n\"},{\"list\":[{}]}]\n",
};

static void cut(void)
{
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (size_t i = 0; i < COUNT(samples); i++)
            for (size_t len = 0; len <= strlen(samples[i]); len++) {
                int good = compare_readers(schemas[s].paths, schemas[s].count, samples[i], len);
                if (i < 2 && len < strlen(samples[i]))
                    CHECK_INT(good, 0);
            }
    }
}

static void flipped(void)
{
    static const char bytes[] = "{}[]\",:\\/ \n\r\t019.eE+-tfnu\0\x1f\x7f\x80\xc2\xe2\xed\xf0\xff";
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (size_t i = 0; i < COUNT(samples); i++) {
            char text[256];
            size_t len = strlen(samples[i]);
            memcpy(text, samples[i], len);
            for (size_t place = 0; place < len; place++) {
                for (size_t j = 0; j < sizeof bytes - 1 + 8; j++) {
                    text[place] = j < 8 ? (char)(samples[i][place] ^ 1 << j) : bytes[j - 8];
                    (void)compare_readers(schemas[s].paths, schemas[s].count, text, len);
                }
                text[place] = samples[i][place];
            }
        }
    }
}

static char made[100000];
static size_t made_len;

static void put(const char *text)
{
    size_t len = strlen(text);
    memcpy(made + made_len, text, len);
    made_len += len;
}

static void put_blanks(void)
{
    static const char *const blanks[] = {"", "", "", "", " ", "\t", " \r ", "  "};
    put(blanks[pick(COUNT(blanks))]);
}

static void put_string(void)
{
    static const char *const pieces[] = {
        "a",
        "order",
        "0.0010",
        "a longer run of plain letters",
        "\\\"",
        "\\\\",
        "\\n",
        "\\u0000",
        "\\u00E9",
        "\\ud83d\\ude00",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "{",
        "],",
        ":",
    };
    put("\"");
    for (uint32_t i = pick(6); i > 0; i--)
        put(pieces[pick(COUNT(pieces))]);
    put("\"");
}

static void put_value(int level);

static void put_object(int level)
{
    static const char *const inner[] = {"push", "pub", "data", "error", "order", "list", "fees"};
    static const char *const leaves[] = {"id",  "channel", "orderId", "side",
                                         "qty", "offset",  "code",    "deep",
                                         "x",   "unknown", "",        "s\\u0069de"};
    uint32_t from = pick(COUNT(inner)), inner_count = made_len > 2000 ? 0 : pick(COUNT(inner) + 1);
    bool is_first = true;
    put("{");
    for (uint32_t i = 0; i < inner_count; i++) { /* each at most once, anywhere among the others */
        for (uint32_t j = pick(3); j > 0; j--) {
            put(is_first ? "" : ",");
            is_first = false;
            put_blanks();
            put("\"");
            put(leaves[pick(COUNT(leaves))]);
            put("\"");
            put_blanks();
            put(":");
            put_blanks();
            if (pick(3))
                put_string();
            else
                put_value(level + 4);
            put_blanks();
        }
        put(is_first ? "\"" : ",\"");
        is_first = false;
        put(inner[(from + i * 3) % COUNT(inner)]);
        put("\":");
        put_value(level + 1);
    }
    put("}");
}

static void put_value(int level)
{
    static const char *const plain[] = {"0",    "-1.50", "1e9", "true", "false",
                                        "null", "12345", "{}",  "[]"};
    uint32_t kind = level > 6 || made_len > 2000 ? pick(2) : pick(8);
    if (kind == 0) {
        put(plain[pick(COUNT(plain))]);
    } else if (kind == 1) {
        put_string();
    } else if (kind < 6) {
        put_object(level);
    } else {
        uint32_t count = pick(level ? 4 : 20);
        put("[");
        for (uint32_t i = 0; i < count; i++) {
            put(i ? "," : "");
            put_blanks();
            put_value(level + 1);
            put_blanks();
        }
        put("]");
    }
}

/* The two agree on every message, whole or with a byte changed. */
static void random_messages(void)
{
    enum { MESSAGES = 1500 };
    int good = 0, bad = 0;
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (seed = 1; seed <= MESSAGES; seed++) {
            random_state = seed * 977 + s;
            made_len = 0;
            for (uint32_t texts = 1 + pick(3); texts > 0; texts--) {
                if (pick(4) && s == 0)
                    put_object(0);
                else
                    put_value(0);
                put("\n");
            }
            good += compare_readers(schemas[s].paths, schemas[s].count, made, made_len);
            made[pick((uint32_t)made_len)] ^= (char)(1 + pick(255));
            bad += !compare_readers(schemas[s].paths, schemas[s].count, made, made_len);
        }
    }
    CHECK(good > 3 * MESSAGES); /* the test is no test when nothing is ever good, or bad */
    CHECK(bad > MESSAGES / 4);
    seed = 0;
}

static const struct test_case cases[] = {
    {"a path of names finds its member, and what is not there is absent", names},
    {"every type of value has its type and its text", all_types},
    {"a path of positions finds its element", positions},
    {"every element of the array with [] is a row of its own", rows},
    {"the message itself may be the array of rows", rows_of_the_root},
    {"rows keep their fields while their number grows", many_rows},
    {"rows beyond the limit are an error and not a crash", row_limit},
    {"a path that makes no sense is refused by name", bad_paths},
    {"escapes become the characters they stand for", escapes},
    {"a name is the same with and without escapes", escaped_names},
    {"a refusal says the offset, what was expected and what was found", refusals},
    {"only shortest UTF-8 without surrogates is taken, wherever it stands", utf8},
    {"strings of every length with an escape in every place are read whole", string_lengths},
    {"numbers are handed on as they stand", numbers},
    {"whole numbers are exact or not a number", integers},
    {"a string that is a word of its path's list has that word's place", words},
    {"up to 255 words are taken, once, for a path that exists", word_limits},
    {"of members with the same name the last one counts", last_one_counts},
    {"members are found in whatever order they come", order_of_members},
    {"what the schema does not know is checked and left out", unknown_members},
    {"a message of another shape leaves its paths absent", other_shapes},
    {"64 levels are read and 65 are refused", depth},
    {"a message may be several texts, one a line", several_texts},
    {"behind a malformed text reading goes on at the next line", recovery},
    {"fields of all texts stay good until the next message", fields_of_all_texts},
    {"a message that is cut anywhere is refused or read as a slow reader reads it", cut},
    {"a message with any byte changed is read as a slow reader reads it", flipped},
    {"random messages are read as a slow reader reads them", random_messages},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
