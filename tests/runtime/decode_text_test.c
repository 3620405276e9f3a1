/* What is a JSON text, what is refused, and how reading goes on. */
#include "decoder.h"

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

static void rows_twice(void)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"{\"r\":[{\"q\":1},{\"q\":2}],\"r\":[{\"q\":3}]}",
         "offset 28: the rows only once expected, found '{'"},
        {"{\"r\":[1],\"x\":0,\"\\u0072\":[ 2]}",
         "offset 26: the rows only once expected, found '2'"},
        {"{\"r\":[7],\"r\":[],\"r\":[8]}", "offset 21: the rows only once expected, found '8'"},
    };
    OPEN("r[].q", "r", "x");
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_INT(read_text(bad[i].text), -1);
        CHECK_TEXT(view->error, bad[i].error);
        CHECK_INT(view->row_count, 0);
        CHECK_FIELD(view->head[0], ABSENT, "");
    }
    CHECK_INT(read_text("{\"r\":[],\"r\":5,\"r\":[{\"q\":3}],\"r\":[]}"), 1);
    CHECK_INT(view->row_count, 1); /* none, and then one: that is once */
    CHECK_FIELD(*row(0, 0), NUMBER, "3");
    CHECK_FIELD(view->head[0], ARRAY, "[]");               /* and the last one counts */
    CHECK_INT(read_text("{\"r\":[1]}\n{\"r\":[2,3]}"), 1); /* once a text */
    CHECK_INT(view->row_count, 1);
    CHECK_INT(mw_decoder_next(decoder), 1);
    CHECK_INT(view->row_count, 2);
    OPEN("o.r[].q");
    CHECK_INT(read_text("{\"o\":{\"r\":[1]},\"o\":{\"r\":[2]}}"), -1);
    OPEN("[].q");
    CHECK_INT(read_text("[[1],[2]]"), 1); /* an array in a row is none of them */
    CHECK_INT(view->row_count, 2);
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

/* A text that fails on its third line is read again from its second: what its escapes have taken
 * is given back, or the room, which is that of the message, would not do. */
static void recovery_within_texts(void)
{
    static const char *const lines[] = {"[\"\\n a text with an escape\",\n",
                                        "{\"a\\tb\":\"\\u20ac\",\"c\":\n",
                                        "[[\"\\\"\\\"\\\"\\\"\",\n"};
    static char text[8000];
    OPEN("[0]", "[1]");
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (int count = 1; count <= 120; count++) {
            size_t len = 0;
            for (int j = 0; j < count; j++)
                len += (size_t)snprintf(text + len, sizeof text - len, "%s", lines[i]);
            start(text, len);
            for (int j = 0; j < count; j++)
                CHECK_INT(mw_decoder_next(decoder), -1);
            CHECK_INT(mw_decoder_next(decoder), 0);
        }
    }
}

static void fields_beside_failures(void)
{
    enum { TEXTS = 30 };
    static char text[TEXTS * 80];
    struct mw_field fields[TEXTS];
    size_t len = 0;
    int good = 0, bad = 0, result;
    OPEN("[0]");
    for (int i = 0; i < TEXTS; i++)
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "[\"\\u00e9 %d\"]\n[\"\\t\\t\",\n"
                                "\"\\t\\t\" x\n\"\\t\\t\" y\n",
                                i);
    start(text, len);
    while ((result = mw_decoder_next(decoder)) != 0) {
        if (result == 1)
            fields[good++] = view->head[0];
        else
            bad++;
    }
    CHECK_INT(good, TEXTS);
    CHECK_INT(bad, 3 * TEXTS);
    for (int i = 0; i < good; i++) { /* what is given back is not another text's */
        char expected[16];
        (void)snprintf(expected, sizeof expected, "\xc3\xa9 %d", i);
        CHECK_FIELD(fields[i], STRING, expected);
    }
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

static const struct test_case cases[] = {
    {"escapes become the characters they stand for", escapes},
    {"a name is the same with and without escapes", escaped_names},
    {"a refusal says the offset, what was expected and what was found", refusals},
    {"only shortest UTF-8 without surrogates is taken, wherever it stands", utf8},
    {"strings of every length with an escape in every place are read whole", string_lengths},
    {"of members with the same name the last one counts", last_one_counts},
    {"rows that come a second time are refused", rows_twice},
    {"members are found in whatever order they come", order_of_members},
    {"what the schema does not know is checked and left out", unknown_members},
    {"a message of another shape leaves its paths absent", other_shapes},
    {"64 levels are read and 65 are refused", depth},
    {"a message may be several texts, one a line", several_texts},
    {"behind a malformed text reading goes on at the next line", recovery},
    {"texts that fail over several lines with escapes have room enough", recovery_within_texts},
    {"a text that fails leaves the fields of those before alone", fields_beside_failures},
    {"fields of all texts stay good until the next message", fields_of_all_texts},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
