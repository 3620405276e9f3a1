/* What can be done with a field: numbers, whole numbers, words. */
#include "decoder.h"

#include <math.h>

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

static const struct test_case cases[] = {
    {"numbers are handed on as they stand", numbers},
    {"whole numbers are exact or not a number", integers},
    {"a string that is a word of its path's list has that word's place", words},
    {"up to 255 words are taken, once, for a path that exists", word_limits},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
