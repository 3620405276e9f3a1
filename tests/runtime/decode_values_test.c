/* What can be asked of a message and of its fields: numbers, words, texts, and what is left. */
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

/* Digits are looked at 16 at a time as long as so many bytes are left. */
static void lengths_of_numbers(void)
{
    OPEN("[0]", "[1]");
    for (int digits = 1; digits <= 40; digits++) {
        for (int behind = 0; behind <= 20; behind++) {
            char number[48], text[160];
            for (int i = 0; i < digits; i++)
                number[i] = (char)('1' + i % 9);
            number[digits] = '\0';
            (void)snprintf(text, sizeof text, "[%s,%s%*s]", number, number, behind, "");
            CHECK_INT(read_text(text), 1);
            CHECK_FIELD(view->head[0], NUMBER, number);
            CHECK_FIELD(view->head[1], NUMBER, number);
        }
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
        {"\"00000001643516409\"", 1643516409},
        {"\"-00000000000000000000017\"", -17},
        {"\"000000000000000000000\"", 0},
        {"\"00000000000000000000x\"", NAN},
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

/* The one usual way to write a number, from a buffer of exactly its length. */
static double text_integer(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, text, len);
    double value = mw_text_integer(copy, len);
    free(copy);
    return value;
}

static void integers_of_texts(void)
{
    static const char digits[] = "123456789012345678901";
    static const char *const others[] = {
        "",   "0",  "00",  "01",   "-1",    "+1",       "1.0",       " 1",
        "1 ", "1x", "x",   "1e3",  "0x1",   "12345678x", "123456789012x", "\xb1",
        "-0", "1-", "1\n", "1234567:", "1234567/",
    };
    double expected = 0;
    for (size_t len = 1; len <= 21; len++) {
        double value = text_integer(digits, len);
        expected = expected * 10 + (digits[len - 1] - '0');
        CHECK(len <= 15 ? value == expected : isnan(value));
    }
    CHECK(text_integer("999999999999999", 15) == 999999999999999.);
    CHECK(text_integer("100000000000000", 15) == 1e14);
    for (size_t i = 0; i < COUNT(others); i++)
        CHECK(isnan(text_integer(others[i], strlen(others[i]))));
    CHECK(isnan(text_integer("1\0", 2)));
    for (int value = 1; value < 20000; value += value < 1100 ? 1 : 37) {
        char text[16];
        int len = snprintf(text, sizeof text, "%d", value);
        CHECK(text_integer(text, (size_t)len) == value);
    }
}

static void equal_strings(void)
{
    static const struct {
        const char *json, *text;
        int is_equal;
    } cases[] = {
        {"\"new\"", "new", 1},     {"\"new\"", "ne", 0},        {"\"new\"", "news", 0},
        {"\"new\"", "neW", 0},     {"\"n\\u0065w\"", "new", 1}, {"\"\"", "", 1},
        {"\"\"", "x", 0},          {"\"x\"", "", 0},            {"17", "17", 0},
        {"true", "true", 0},       {"null", "null", 0},         {"{}", "{}", 0},
        {"[]", "[]", 0},           {"\"\\u0000\"", "", 0},      {"\"\xc3\xa9\"", "\xc3\xa9", 1},
    };
    OPEN("[0]", "[9]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "[%s]", cases[i].json);
        CHECK_INT(read_text(text), 1);
        CHECK_INT(mw_field_is(&view->head[0], cases[i].text, strlen(cases[i].text)),
                  cases[i].is_equal);
    }
    CHECK_INT(mw_field_is(&view->head[1], "", 0), 0); /* absent is not empty */
    CHECK_INT(read_text("[\"a\\u0000b\"]"), 1);
    CHECK_INT(mw_field_is(&view->head[0], "a\0b", 3), 1);
    CHECK_INT(mw_field_is(&view->head[0], "a\0c", 3), 0);
}

static void decimals(void)
{
    static const struct {
        const char *json, *text; /* NULL: none */
    } cases[] = {
        {"0", "0"},
        {"-1.50", "-1.5"},
        {"2.22E-4", "0.000222"},
        {"\"2.22E-4\"", "0.000222"},
        {"\"0.00100000\"", "0.001"},
        {"\"\\u0031.5\"", "1.5"},
        {"1234567890123456789012345678901234", "1234567890123456789012345678901234"},
        {"12345678901234567890123456789012345", NULL},
        {"1e61", NULL},
        {"\"\"", NULL},
        {"\" 1\"", NULL},
        {"\"1 \"", NULL},
        {"\"abc\"", NULL},
        {"\"NaN\"", NULL},
        {"\"1\\u00002\"", NULL},
        {"true", NULL},
        {"null", NULL},
        {"[1]", NULL},
        {"{}", NULL},
    };
    OPEN("[0]", "[9]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64], printed[MW_DECIMAL_TEXT_MAX];
        struct mw_decimal value;
        (void)snprintf(text, sizeof text, "[%s]", cases[i].json);
        CHECK_INT(read_text(text), 1);
        CHECK_INT(mw_field_decimal(&value, &view->head[0]), cases[i].text ? 0 : -1);
        if (cases[i].text) {
            (void)mw_decimal_format(&value, printed, sizeof printed);
            CHECK_TEXT(printed, cases[i].text);
        }
        CHECK_INT(mw_field_decimal(&value, &view->head[1]), -1); /* absent */
    }
}

/* mw_decoder_read: begin and read in one. */
static int read_at_once(const char *text)
{
    size_t len = strlen(text);
    forget_message();
    message = malloc(len ? len : 1);
    if (len)
        memcpy(message, text, len);
    return mw_decoder_read(decoder, message, len);
}

static void more(void)
{
    static const struct {
        const char *text;
        int results[5]; /* 2: the end of the list */
        int has_more[4];
    } cases[] = {
        {"", {0, 2}, {0}},
        {" \r\n\t", {0, 2}, {0}},
        {"[1]", {1, 0, 2}, {0, 0}},
        {" [1] \r\n\n\t ", {1, 0, 2}, {0, 0}},
        {"[1]\n[2]", {1, 1, 0, 2}, {1, 0, 0}},
        {"[1]\n\n [2]\n", {1, 1, 0, 2}, {1, 0, 0}},
        {"[1\n[2]\n", {-1, 1, 0, 2}, {1, 0, 0}},
        {"[1] x\n \n", {-1, 0, 2}, {0, 0}},
        {"[1] x", {-1, 0, 2}, {0, 0}},
        {"[1]\nx\n[3]", {1, -1, 1, 0, 2}, {1, 1, 0, 0}},
        {"[1] [2]\n[3]", {-1, 1, 0, 2}, {1, 0, 0}},
    };
    OPEN("[0]");
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int j = 0; cases[i].results[j] != 2; j++) {
            CHECK_INT(j ? mw_decoder_next(decoder) : read_at_once(cases[i].text),
                      cases[i].results[j]);
            CHECK_INT(view->has_more, cases[i].has_more[j]);
        }
        CHECK_INT(mw_decoder_next(decoder), 0);
        CHECK_INT(view->has_more, 0);
    }
    CHECK_INT(read_at_once("[1]\n[2]"), 1);
    CHECK_INT(read_at_once(""), 0); /* nothing of the message before is left */
    CHECK_INT(view->has_more, 0);
    CHECK_INT(read_at_once("[1]\n[2]"), 1);
    CHECK_INT(read_at_once("[3]"), 1);
    CHECK_FIELD(view->head[0], NUMBER, "3");
    CHECK_INT(mw_decoder_next(decoder), 0);
    CHECK_INT(read_at_once("[\"\\n\"]"), 1);
    CHECK_INT(read_at_once("[\"\\t a longer one than before\"]"), 1);
    CHECK_FIELD(view->head[0], STRING, "\t a longer one than before");
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
    OPEN("a", "b");
    char word[34] = "", text[80];
    const char *const list[] = {word};
    memset(word, 'w', 33);
    CHECK_INT(mw_decoder_set_words(decoder, 0, list, 1, &err), -1);
    CHECK(strstr(err.text, "of path 0: at most 32 bytes"));
    word[32] = '\0';
    CHECK_INT(mw_decoder_set_words(decoder, 1, list, 1, &err), 0);
    for (int len = 31; len <= 33; len++) {
        (void)snprintf(text, sizeof text, "{\"b\":\"%.*sw\"}", len - 1, word);
        CHECK_INT(read_text(text), 1);
        CHECK_INT(view->head[1].word, len == 32);
    }
}

static const struct test_case cases[] = {
    {"numbers are handed on as they stand", numbers},
    {"a number may be of any length, anywhere in a message", lengths_of_numbers},
    {"whole numbers are exact or not a number", integers},
    {"a text is a number when it is written in the usual way", integers_of_texts},
    {"a field is a text when it is a string of its bytes", equal_strings},
    {"a field is a decimal when its number or its string is one", decimals},
    {"reading a message at once says whether there is more of it", more},
    {"a string that is a word of its path's list has that word's place", words},
    {"up to 255 words are taken, once, for a path that exists", word_limits},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
