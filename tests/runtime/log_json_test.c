/* The log in JSON: valid whatever its bytes. */
#include "log_lines.h"
#include "random.h"

static void every_ascii_byte(void)
{
    struct mw_log *log = open_log(MW_LOG_INFO, true, NULL);
    for (int byte = 0; byte < 128; byte++) {
        char text[3] = {'a', (char)byte, 'b'}, what[32];
        struct mw_log_field field = {"value", text, 3};
        (void)snprintf(what, sizeof what, "byte %d", byte); /* fits */
        mw_log_write(log, MW_LOG_INFO, 0, text, 3, &field, 1);
        check_json(written(), what);
    }
    char key[] = "a\"b\\c\nd"; /* a key comes from Lua: any text */
    struct mw_log_field field = {key, "", 0};
    mw_log_write(log, MW_LOG_INFO, 0, "", 0, &field, 1);
    check_json(written(), "key");
    close_log(log);
}

/* What is logged comes back, character for character. */
static void reads_back(void)
{
    struct mw_log *log = open_log(MW_LOG_INFO, true, NULL);
    write_text(log, "a\"b\\c\nd\te/\xe2\x82\xac\xf0\x9f\x9a\x80\x7f");
    CHECK_TEXT(written(), "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"info\","
                          "\"msg\":\"a\\\"b\\\\c\\nd\\u0009e/\xe2\x82\xac\xf0\x9f\x9a\x80"
                          "\\u007f\"}\n");
    close_log(log);
}

static void check_length(const char *line)
{
    CHECK(strlen(line) > 65536 - 64 && strlen(line) <= 65536 + 1);
    CHECK(strchr(line, '\n') == line + strlen(line) - 1);
}

static void any_bytes(void)
{
    struct mw_log *log = open_log(MW_LOG_INFO, true, NULL);
    for (uint64_t round = 1; round <= 3000; round++) {
        char text[64], what[32];
        random_state = round;
        size_t len = below(sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(below(2) ? 128 + below(128) : below(256));
        struct mw_log_field field = {"value", text, len};
        (void)snprintf(what, sizeof what, "seed %" PRIu64, round); /* fits */
        mw_log_write(log, MW_LOG_INFO, 0, text, len, &field, 1);
        check_json(written(), what);
    }
    mw_log_write(log, MW_LOG_INFO, 0,
                 "a\xff\xe2\x82"
                 "b\xe2\x82\xac",
                 8, NULL, 0);
    CHECK(strstr(written(), "\"msg\":\"a\\ufffd\\ufffd\\ufffd"
                            "b\xe2\x82\xac\"}\n"));
    close_log(log);
}

/* Whatever is too long, and whatever stands at the cut: the line is JSON. */
static void long_json(void)
{
    static const char *const pieces[] = {"x", "\1", "\"", "\n", "\xe2\x82\xac", "\xff"};
    static char text[70000];
    struct mw_log *log = open_log(MW_LOG_INFO, true, NULL);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        for (size_t shift = 0; shift < 3; shift++) {
            size_t step = strlen(pieces[i]);
            memset(text, 'y', sizeof text);
            for (size_t at = shift; at + step <= sizeof text; at += step)
                memcpy(text + at, pieces[i], step);
            struct mw_log_field fields[] = {{"short", "v", 1}, {"long", text, sizeof text}};
            mw_log_write(log, MW_LOG_INFO, 0, text, sizeof text, NULL, 0);
            check_length(written());
            mw_log_write(log, MW_LOG_INFO, 0, text, sizeof text, fields, 2);
            const char *line = written();
            CHECK(strstr(line, "\"short\":\"v\",\"long\":\""));
            check_json(line, "a long line");
            for (size_t len = 65400; len < 65540; len += 31) {
                mw_log_write(log, MW_LOG_INFO, 0, text, len / step, fields, 1);
                check_json(written(), "a long line");
            }
        }
    close_log(log);
}

static void random_texts(void)
{
    static const char *const pieces[] = {"\"",   "\\",           "\n", "\r", "\t", "a", " ",
                                         "=",    "\xc3\xa9",     "{",  "}",  ":",  ",", "\x1b",
                                         "\x7f", "\xe2\x82\xac", "/"};
    struct mw_log *log = open_log(MW_LOG_INFO, true, NULL);
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        char text[3][128] = {"", "", ""}, what[32];
        random_state = seed;
        for (int i = 0; i < 3; i++)
            for (unsigned count = below(30), len = 0; count > 0; count--)
                len += (unsigned)snprintf(text[i] + len, sizeof text[i] - len, "%s",
                                          pieces[below(sizeof pieces / sizeof *pieces)]);
        struct mw_log_field fields[] = {{"one", text[0], strlen(text[0])},
                                        {text[1], text[2], strlen(text[2])}};
        (void)snprintf(what, sizeof what, "seed %" PRIu64, seed); /* fits */
        mw_log_setup(log, MW_LOG_INFO, true);
        mw_log_write(log, MW_LOG_INFO, 0, text[2], strlen(text[2]), fields, 2);
        check_json(written(), what);
        mw_log_setup(log, MW_LOG_INFO, false);
        mw_log_write(log, MW_LOG_INFO, 0, text[2], strlen(text[2]), fields, 1);
        const char *line = written();
        CHECK(strcspn(line, "\n") == strlen(line) - 1); /* always one line */
        CHECK(!strpbrk(line, "\r\t\x1b\x7f"));
    }
    close_log(log);
}

/* Long lines are cut at 64 KiB, and end. */
static void long_lines(void)
{
    static char text[200000];
    struct mw_log *log = open_log(MW_LOG_INFO, false, NULL);
    memset(text, 'x', sizeof text);
    for (size_t len = 65536 - 64; len <= 65536 + 64; len++) {
        mw_log_write(log, MW_LOG_INFO, 0, text, len, NULL, 0);
        check_length(written());
    }
    memset(text, '\1', sizeof text); /* each is six bytes in the line */
    mw_log_write(log, MW_LOG_INFO, 0, text, sizeof text, NULL, 0);
    check_length(written());
    struct mw_log_field field = {"long", text, sizeof text};
    mw_log_write(log, MW_LOG_INFO, 0, text, sizeof text, &field, 1);
    check_length(written());
    write_text(log, "the next one is whole");
    CHECK_TEXT(written(), START " msg=\"the next one is whole\"\n");
    mw_log_setup(log, MW_LOG_INFO, true);
    memset(text, 'x', sizeof text);
    mw_log_write(log, MW_LOG_INFO, 0, text, 65000, NULL, 0);
    check_json(written(), "long, but not too long");
    close_log(log);
}

static const struct test_case cases[] = {
    {"JSON stays valid for every ASCII byte in message, value and key", every_ascii_byte},
    {"JSON holds the very characters that were logged", reads_back},
    {"JSON stays valid for any bytes, and shows the mark for what is no text", any_bytes},
    {"a JSON line that is cut is still valid", long_json},
    {"random texts make one line, and valid JSON", random_texts},
    {"a line that is too long is cut and ends", long_lines},
};

TEST_MAIN(cases)
