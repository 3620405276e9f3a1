#include "log.h"
#include "host.h"
#include "record.h"
#include "redact.h"
#include "utf8.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 * 1024, STUCK_MS = 100 };
enum { CONTENT_MAX = LINE_MAX_BYTES - 8 }; /* a line that is cut still ends its quotes and braces */

struct mw_log {
    int fd;
    struct mw_redactor *redactor;
    struct mw_recorder *recorder;
    enum mw_log_level level;
    bool is_json;
    size_t len;
    char line[LINE_MAX_BYTES + 8];
    char text[LINE_MAX_BYTES]; /* what is about to be put, without its secrets */
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct mw_log *mw_log_new(int fd, struct mw_redactor *redactor, struct mw_err *err)
{
    struct mw_log *log = calloc(1, sizeof *log);
    if (!log) {
        mw_err_set(err, "log: out of memory");
        return NULL;
    }
    log->fd = fd;
    log->redactor = redactor;
    log->level = MW_LOG_INFO;
    return log;
}

void mw_log_free(struct mw_log *log)
{
    free(log);
}

void mw_log_setup(struct mw_log *log, enum mw_log_level level, bool is_json)
{
    log->level = level;
    log->is_json = is_json;
}

void mw_log_set_recorder(struct mw_log *log, struct mw_recorder *recorder)
{
    log->recorder = recorder;
}

int mw_log_level_of(const char *name)
{
    for (int i = 0; i < (int)(sizeof level_names / sizeof *level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

static size_t room(const struct mw_log *log)
{
    return log->len < CONTENT_MAX ? CONTENT_MAX - log->len : 0;
}

/* All of it or nothing: an escape is never cut. */
static void put(struct mw_log *log, const char *bytes, size_t len)
{
    if (len > room(log))
        return;
    memcpy(log->line + log->len, bytes, len);
    log->len += len;
}

/* The closing quote or brace, for which there is always room. */
static void close_with(struct mw_log *log, char c)
{
    log->line[log->len++] = c;
}

static void put_text(struct mw_log *log, const char *text)
{
    put(log, text, strlen(text));
}

/* The length of the character at `bytes` when it is valid UTF-8 beyond ASCII; 0 when not. */
static size_t character(const char *bytes, size_t len)
{
    for (size_t i = 2; i <= 4 && i <= len; i++)
        if (mw_utf8_valid(bytes, i))
            return i;
    return 0;
}

/* Quoted, with everything escaped that could begin a line or end the quotes. */
static void put_quoted(struct mw_log *log, const char *bytes, size_t len)
{
    put(log, "\"", 1);
    for (size_t i = 0; i < len && room(log) >= 8; i++) {
        unsigned char c = (unsigned char)bytes[i];
        char escaped[8];
        if (c == '"' || c == '\\') {
            (void)snprintf(escaped, sizeof escaped, "\\%c", c);
            put_text(log, escaped);
        } else if (c == '\n') {
            put(log, "\\n", 2);
        } else if (c < ' ' || c == 127) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
            put_text(log, escaped);
        } else if (c < 128) {
            put(log, bytes + i, 1);
        } else {
            size_t step = character(bytes + i, len - i);
            put(log, step ? bytes + i : "\\ufffd", step ? step : 6);
            i += step ? step - 1 : 0;
        }
    }
    close_with(log, '"');
}

static bool is_plain(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 127)
            return false;
    }
    return len > 0;
}

static void put_value(struct mw_log *log, const char *bytes, size_t len)
{
    if (!log->is_json && is_plain(bytes, len))
        put(log, bytes, len < room(log) ? len : room(log));
    else
        put_quoted(log, bytes, len);
}

/* The value loses its secrets before it is escaped: afterwards they would not look the same. */
static void put_field(struct mw_log *log, const char *key, const char *value, size_t len)
{
    if (room(log) < 6 * strlen(key) + 16)
        return; /* not even the key has room */
    if (len > sizeof log->text)
        len = sizeof log->text;
    if (log->redactor) {
        memcpy(log->text, value, len);
        len = mw_redact(log->redactor, log->text, len);
        value = log->text;
    }
    put(log, log->is_json ? "," : " ", 1);
    put_value(log, key, strlen(key));
    put(log, log->is_json ? ":" : "=", 1);
    put_value(log, value, len);
}

static void put_time(struct mw_log *log, int64_t time_ns)
{
    char text[48];
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm); /* cannot fail before the year 2^31 */
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, sizeof text - len, ".%06dZ", (int)(time_ns % 1000000000 / 1000));
    if (log->is_json) {
        put_text(log, "{\"time\":");
        put_quoted(log, text, strlen(text));
    } else {
        put_text(log, text);
    }
}

/* A reader that does not read loses lines, but never stops the runtime for longer than STUCK_MS. */
static void write_out(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (errno != EAGAIN || poll(&wait, 1, STUCK_MS) <= 0)
                return;
            continue;
        }
        bytes += written;
        len -= (size_t)written;
    }
}

/* What follows time and level, which the record has as numbers. */
static void record(struct mw_log *log, enum mw_log_level level, size_t head_len)
{
    size_t len = log->len > head_len ? log->len - head_len : 0;
    struct mw_record line = {.kind = MW_RECORD_log, .num = level, .text_len = (uint32_t)len};
    mw_record_put(log->recorder, &line, NULL, log->line + head_len);
}

void mw_log_write(struct mw_log *log, enum mw_log_level level, int64_t time_ns, const char *message,
                  size_t len, const struct mw_log_field *fields, size_t field_count)
{
    if (level > log->level)
        return;
    log->len = 0;
    put_time(log, time_ns);
    put_field(log, "level", level_names[level], strlen(level_names[level]));
    size_t head_len = log->len + 1; /* and the blank or comma that follows */
    for (size_t i = 0; i < field_count; i++)
        put_field(log, fields[i].key, fields[i].value, fields[i].value_len);
    put_field(log, "msg", message, len);
    record(log, level, head_len);
    if (log->is_json)
        close_with(log, '}');
    log->line[log->len] = '\n';
    write_out(log->fd, log->line, log->len + 1);
}

void mw_logf(struct mw_log *log, enum mw_log_level level, const char *format, ...)
{
    char text[8192];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        return;
    size_t used = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    mw_log_write(log, level, mw_host_clock_ns(), text, used, NULL, 0);
}
