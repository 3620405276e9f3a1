/* The log: one line an event, whatever its bytes, and never a secret in it. */
#include "log_lines.h"
#include "recorded.h"
#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* Levels and lines ------------------------------------------------------------------------------
 */

static void levels(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int wanted = MW_LOG_ERROR; wanted <= MW_LOG_DEBUG; wanted++) {
        struct mw_log *log = open_log((enum mw_log_level)wanted, false, NULL);
        CHECK_INT(mw_log_level_of(names[wanted]), wanted);
        for (int level = MW_LOG_ERROR; level <= MW_LOG_DEBUG; level++) {
            char expected[80] = "";
            mw_log_write(log, (enum mw_log_level)level, 0, "x", 1, NULL, 0);
            if (level <= wanted)
                (void)snprintf(expected, sizeof expected,
                               "1970-01-01T00:00:00.000000Z level=%s msg=x\n", names[level]);
            CHECK_TEXT(written(), expected);
        }
        close_log(log);
    }
    CHECK_INT(mw_log_level_of("warning"), -1);
    CHECK_INT(mw_log_level_of("ERROR"), -1);
    CHECK_INT(mw_log_level_of(""), -1);
}

static void as_it_begins(void)
{
    file = memfd_create("log", MFD_CLOEXEC);
    struct mw_log *log = log_to(file, NULL); /* no setup */
    mw_log_write(log, MW_LOG_DEBUG, 0, "x", 1, NULL, 0);
    write_text(log, "y");
    CHECK_TEXT(written(), START " msg=y\n");
    close_log(log);
    mw_log_free(NULL);
}

static void times(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {999, "1970-01-01T00:00:00.000000Z"},
        {1000, "1970-01-01T00:00:00.000001Z"},
        {INT64_C(1763683200123456789), "2025-11-21T00:00:00.123456Z"},
        {INT64_C(1709164800000000000), "2024-02-29T00:00:00.000000Z"}, /* a leap day */
        {INT64_C(4102444799999999999), "2099-12-31T23:59:59.999999Z"},
    };
    struct mw_log *log = open_log(MW_LOG_INFO, false, NULL);
    (void)setenv("TZ", "WIB-7", 1); /* UTC is logged, wherever we are */
    tzset();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[80];
        (void)snprintf(expected, sizeof expected, "%s level=info msg=x\n", rows[i].text); /* fits */
        mw_log_write(log, MW_LOG_INFO, rows[i].ns, "x", 1, NULL, 0);
        CHECK_TEXT(written(), expected);
    }
    close_log(log);
}

static void quoting(void)
{
    static const struct {
        const char *value, *text;
    } rows[] = {
        {"plain", "plain"},
        {"BTC/IDR", "BTC/IDR"},
        {"0.00001500", "0.00001500"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"=", "\"=\""},
        {"\"", "\"\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nlevel=error msg=forged", "\"line\\nlevel=error msg=forged\""},
        {"\r", "\"\\u000d\""},
        {"\t", "\"\\u0009\""},
        {"\x1b[31m", "\"\\u001b[31m\""}, /* no colours from a venue */
        {"\x7f", "\"\\u007f\""},
        {"\x01", "\"\\u0001\""},
    };
    struct mw_log *log = open_log(MW_LOG_INFO, false, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[128];
        struct mw_log_field field = {"key", rows[i].value, strlen(rows[i].value)};
        mw_log_write(log, MW_LOG_INFO, 0, rows[i].value, strlen(rows[i].value), &field, 1);
        (void)snprintf(expected, sizeof expected, START " key=%s msg=%s\n", rows[i].text,
                       rows[i].text); /* fits */
        CHECK_TEXT(written(), expected);
    }
    struct mw_log_field forged = {"a b\nlevel", "x", 1}; /* a key is quoted like a value */
    mw_log_write(log, MW_LOG_INFO, 0, "x", 1, &forged, 1);
    CHECK_TEXT(written(), START " \"a b\\nlevel\"=x msg=x\n");
    mw_log_write(log, MW_LOG_INFO, 0, "a\0b", 3, NULL, 0);
    CHECK_TEXT(written(), START " msg=\"a\\u0000b\"\n");
    close_log(log);
}

static void fields_in_order(void)
{
    static const struct mw_log_field fields[] = {{"venue", "idx", 3},
                                                 {"order", "m1-42", 5},
                                                 {"reason", "too late", 8},
                                                 {"cut", "abcdef", 3}};
    struct mw_log *log = open_log(MW_LOG_INFO, false, NULL);
    mw_log_write(log, MW_LOG_WARN, 0, "order rejected", 14, fields, 4);
    CHECK_TEXT(written(), "1970-01-01T00:00:00.000000Z level=warn venue=idx order=m1-42 "
                          "reason=\"too late\" cut=abc msg=\"order rejected\"\n");
    mw_log_setup(log, MW_LOG_INFO, true);
    mw_log_write(log, MW_LOG_WARN, 0, "order rejected", 14, fields, 4);
    CHECK_TEXT(written(),
               "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"warn\",\"venue\":\"idx\","
               "\"order\":\"m1-42\",\"reason\":\"too late\",\"cut\":\"abc\","
               "\"msg\":\"order rejected\"}\n");
    close_log(log);
}

static void formatted(void)
{
    static char text[20000];
    struct mw_log *log = open_log(MW_LOG_INFO, false, NULL);
    mw_logf(log, MW_LOG_DEBUG, "%s", "not wanted");
    CHECK_TEXT(written(), "");
    mw_logf(log, MW_LOG_ERROR, "open %s: %d of 100%%", "wss://h", 7);
    const char *line = written();
    CHECK(strstr(line, " level=error msg=\"open wss://h: 7 of 100%\"\n"));
    CHECK(strncmp(line, "20", 2) == 0 && line[26] == 'Z'); /* the time is now's */
    memset(text, 'x', sizeof text - 1);
    mw_logf(log, MW_LOG_INFO, "%s", text); /* longer than there is room: cut, and still a line */
    line = written();
    CHECK(strlen(line) > 8000 && strchr(line, '\n') == line + strlen(line) - 1);
    close_log(log);
}

/* Secrets and readers ----------------------------------------------------------------------------
 */

static void no_secrets(void)
{
    static const char key[] = "LSCE7NJG-JACRNTBX-D834R4UG-KMMTV8OP-PS1NHRBA";
    static const char sign[] = "163e05c7b86e4f234f2e8c9b9c8a9e23f866dd2153e02437ff28628fb6fdcc87";
    struct mw_redactor *redactor = mw_redactor_new(&err);
    if (!redactor)
        abort();
    static const char odd[] = "abc\"def\\ghi-secret";
    static const char jwt[] =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMTIifQ.D4YxclnNWCRH6w4"
        "7MNV9XcbpKT4aLrMboLg6DzCwm1M";
    mw_redactor_add(redactor, key, sizeof key - 1);
    mw_redactor_add(redactor, odd, sizeof odd - 1);
    for (int is_json = 0; is_json <= 1; is_json++) {
        struct mw_log *log = open_log(MW_LOG_INFO, is_json, redactor);
        struct mw_log_field fields[] = {{"key", key, sizeof key - 1},
                                        {"url", "https://h/?h=", 13},
                                        {"sign", sign, sizeof sign - 1}};
        mw_log_write(log, MW_LOG_INFO, 0, key, sizeof key - 1, fields, 3);
        const char *line = written();
        CHECK(!strstr(line, key) && !strstr(line, sign) && strstr(line, "[secret]"));
        if (is_json)
            check_json(line, "redacted");
        mw_logf(log, MW_LOG_ERROR, "sent Key: %s, Sign: %s", key, sign);
        line = written();
        CHECK(!strstr(line, key) && !strstr(line, sign));
        CHECK(strstr(line, "sent Key: [secret], Sign: [secret]\""));
        if (is_json)
            check_json(line, "redacted");
        /* right after an escape, and with characters in it that are escaped */
        mw_logf(log, MW_LOG_ERROR, "h:\n%s\t%s", sign, odd);
        line = written();
        CHECK(!strstr(line, sign) && !strstr(line, "def") && !strstr(line, "ghi-secret"));
        CHECK(strstr(line, is_json ? "h:\\n[secret]\\u0009[secret]\"}"
                                   : "h:\\n[secret]\\u0009[secret]\""));
        if (is_json)
            check_json(line, "redacted after an escape");
        struct mw_log_field token = {"token", jwt, strlen(jwt)};
        mw_log_write(log, MW_LOG_INFO, 0, "x", 1, &token, 1);
        CHECK(strstr(written(), is_json ? "\"token\":\"[secret]\"" : " token=[secret] "));
        close_log(log);
    }
    mw_redactor_free(redactor);
}

/* Nobody reads, and the pipe is full: lines are lost, the runtime goes on. */
static void a_reader_that_sleeps(void)
{
    static char text[4096], heard[1 << 20];
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct mw_log *log = log_to(ends[1], NULL);
    memset(text, 'x', sizeof text);
    while (write(ends[1], text, sizeof text) > 0)
        ;
    CHECK_INT(errno, EAGAIN);
    write_text(log, "lost");
    ssize_t len = read(ends[0], heard, sizeof heard);
    CHECK(len > 0 && !memmem(heard, (size_t)len, "lost", 4));
    write_text(log, "heard again");
    len = read(ends[0], heard, sizeof heard - 1);
    heard[len > 0 ? len : 0] = '\0';
    CHECK_TEXT(heard, START " msg=\"heard again\"\n");
    mw_log_free(log);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void a_reader_that_goes(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    (void)sigaction(SIGPIPE, &ignore, &before); /* as the host does */
    int ends[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    CHECK_INT(close(ends[0]), 0);
    const int fds[] = {ends[1], full, -1};
    for (int i = 0; i < 3; i++) {
        struct mw_log *log = log_to(fds[i], NULL);
        write_text(log, "to nobody");
        write_text(log, "to nobody");
        mw_log_free(log);
    }
    CHECK(close(ends[1]) == 0 && close(full) == 0);
    (void)sigaction(SIGPIPE, &before, NULL);
}

/* A pipe takes a long line in parts: all of them arrive, in order. */
static void a_slow_reader(void)
{
    static char text[60000], heard[1 << 17];
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, 4096); /* a page, where the system lets us */
    pid_t writer = fork();
    if (writer == 0) {
        struct mw_log *log = log_to(ends[1], NULL);
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (char)('a' + i % 26);
        mw_log_write(log, MW_LOG_INFO, 0, text, sizeof text, NULL, 0);
        mw_log_free(log);
        _exit(0);
    }
    CHECK_INT(close(ends[1]), 0);
    size_t used = 0;
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    while (poll(&wait, 1, 10000) > 0) {
        ssize_t len = read(ends[0], heard + used, sizeof heard - used);
        if (len <= 0)
            break;
        used += (size_t)len;
    }
    size_t head = strlen(START " msg=");
    CHECK_INT(used, head + sizeof text + 1);
    for (size_t i = 0; i < sizeof text && used == head + sizeof text + 1; i++)
        if (heard[head + i] != (char)('a' + i % 26)) {
            CHECK_INT(i, -1); /* the first byte that is out of order */
            break;
        }
    CHECK_INT(waitpid(writer, NULL, 0), writer);
    CHECK_INT(close(ends[0]), 0);
}

/* The record has what the line has, and no more: time and level are numbers of their own. */
static void lines_are_recorded(void)
{
    static const struct mw_log_field field = {"venue", "idx", 3};
    for (int is_json = 0; is_json < 2; is_json++) {
        struct mw_redactor *redactor = mw_redactor_new(&err);
        struct mw_recorder *recorder = open_recorder();
        struct mw_log *log = open_log(MW_LOG_INFO, is_json, redactor);
        mw_redactor_add(redactor, "the-secret", 10);
        mw_log_set_recorder(log, recorder);
        mw_log_write(log, MW_LOG_WARN, 0, "not the-secret", 14, &field, 1);
        mw_log_write(log, MW_LOG_DEBUG, 0, "not wanted", 10, NULL, 0);
        mw_log_write(log, MW_LOG_ERROR, 0, "", 0, NULL, 0);
        CHECK_RECORDED(MW_RECORD_log, 0, MW_LOG_WARN, "",
                       is_json ? "\"venue\":\"idx\",\"msg\":\"not [secret]\""
                               : "venue=idx msg=\"not [secret]\"");
        CHECK_RECORDED(MW_RECORD_log, 0, MW_LOG_ERROR, "", is_json ? "\"msg\":\"\"" : "msg=\"\"");
        check_no_more_recorded();
        close_log(log);
        mw_redactor_free(redactor);
        close_recorder(recorder);
    }
}

static const struct test_case cases[] = {
    {"a level shows itself and what is more urgent", levels},
    {"a new log is text and shows info", as_it_begins},
    {"times are UTC with microseconds", times},
    {"values are quoted when they could be misread, and no byte makes a second line", quoting},
    {"fields stand in their order before the message", fields_in_order},
    {"a formatted message is cut, never torn", formatted},
    {"keys and signatures never reach the line", no_secrets},
    {"a reader that does not read costs lines, not the process", a_reader_that_sleeps},
    {"a slow reader gets a long line in parts, all of it", a_slow_reader},
    {"a line that is written is recorded, without its secrets", lines_are_recorded},
    {"a reader that is gone and a full disk are survived", a_reader_that_goes},
};

TEST_MAIN(cases)
