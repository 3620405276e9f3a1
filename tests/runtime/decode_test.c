/* Which values of a message the paths of a schema find. */
#include "decoder.h"

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
        {{"a[0]", "a[].x"}, "decoder: path \"a[].x\": rows and positions in one array"},
        {{"a[].x", "a[0]"}, "decoder: path \"a[0]\": rows and positions in one array"},
        {{"[]", "[0]"}, "decoder: path \"[0]\": rows and positions in one array"},
        {{"a[].x[1]", "a[0].x"}, "decoder: path \"a[0].x\": rows and positions in one array"},
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
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
