#include "decoder.h"

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

static void two_kinds(void)
{
    OPEN("id", "[0]", "data[1].x", "data.x", "[3]", "[3][0]");
    CHECK_INT(read_text("{\"id\":7,\"\":1,\"data\":{\"x\":2,\"\":3}}"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "7");
    CHECK_FIELD(view->head[1], ABSENT, "");
    CHECK_FIELD(view->head[2], ABSENT, "");
    CHECK_FIELD(view->head[3], NUMBER, "2");
    CHECK_INT(read_text("[\"id\",{\"id\":8},0,[5]]"), 1);
    CHECK_FIELD(view->head[0], ABSENT, "");
    CHECK_FIELD(view->head[1], STRING, "id");
    CHECK_FIELD(view->head[4], ARRAY, "[5]");
    CHECK_FIELD(view->head[5], NUMBER, "5");
    CHECK_INT(read_text("{\"data\":[0,{\"x\":4}]}"), 1);
    CHECK_FIELD(view->head[2], NUMBER, "4");
    CHECK_FIELD(view->head[3], ABSENT, "");
}

static void rows_or_an_object(void)
{
    OPEN("a[].b", "a.b");
    CHECK_INT(read_text("{\"a\":[{\"b\":1},{\"b\":2}]}"), 1);
    CHECK_INT(view->row_count, 2);
    CHECK_FIELD(view->rows[1], NUMBER, "2");
    CHECK_FIELD(view->head[0], ABSENT, "");
    CHECK_INT(read_text("{\"a\":{\"b\":3}}"), 1);
    CHECK_INT(view->row_count, 0);
    CHECK_FIELD(view->head[0], NUMBER, "3");
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
        {{"id", "a."}, "decoder: path \"a.\": names, [position] and one [] expected"},
        {{"id", ".a"}, "decoder: path \".a\": names, [position] and one [] expected"},
        {{"id", "a..b"}, "decoder: path \"a..b\": names, [position] and one [] expected"},
        {{"id", "a[x]"}, "decoder: path \"a[x]\": names, [position] and one [] expected"},
        {{"id", "a[1"}, "decoder: path \"a[1\": names, [position] and one [] expected"},
        {{"id", "a["}, "decoder: path \"a[\": names, [position] and one [] expected"},
        {{"id", "a[-1]"}, "decoder: path \"a[-1]\": names, [position] and one [] expected"},
        {{"id", "a[1001]"}, "decoder: path \"a[1001]\": names, [position] and one [] expected"},
        {{"id", "a[4294967297]"},
         "decoder: path \"a[4294967297]\": names, [position] and one [] expected"},
        {{"id", "a[18446744073709551617]"},
         "decoder: path \"a[18446744073709551617]\": names, [position] and one [] expected"},
        {{"id", "a[ 1]"}, "decoder: path \"a[ 1]\": names, [position] and one [] expected"},
        {{"id", "a[+1]"}, "decoder: path \"a[+1]\": names, [position] and one [] expected"},
        {{"id", "a[00001]"}, "decoder: path \"a[00001]\": names, [position] and one [] expected"},
        {{"id", "a[1 ]"}, "decoder: path \"a[1 ]\": names, [position] and one [] expected"},
        {{"a[0]", "a[].x"},
         "decoder: path \"a[].x\": rows and positions in one array"},
        {{"a[].x", "a[0]"},
         "decoder: path \"a[0]\": rows and positions in one array"},
        {{"[]", "[0]"},
         "decoder: path \"[0]\": rows and positions in one array"},
        {{"a[].x[1]", "a[0].x"},
         "decoder: path \"a[0].x\": rows and positions in one array"},
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
    CHECK_FIELD(view->head[0], ARRAY, "[]"); /* and the last one counts */
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
    {"a path of names finds its member, and what is not there is absent", names},
    {"every type of value has its type and its text", all_types},
    {"a path of positions finds its element", positions},
    {"at one place an object and an array may be wanted", two_kinds},
    {"an object may stand where rows are wanted", rows_or_an_object},
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
