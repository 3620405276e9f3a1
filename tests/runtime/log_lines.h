/* log_lines.h: what the tests of the log share: a log into memory, and what was written there. */
#ifndef MW_TEST_LOG_LINES_H
#define MW_TEST_LOG_LINES_H

#include "log.h"
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../fuzz/json_oracle.h"

enum { OUTPUT_MAX = 1 << 20 };
static struct mw_err err;
static char output[OUTPUT_MAX + 1];
static int file = -1; /* in memory: stands for standard error */

static inline struct mw_log *log_to(int fd, struct mw_redactor *redactor)
{
    struct mw_log *log = mw_log_new(fd, redactor, &err);
    if (!log)
        abort();
    return log;
}

static inline struct mw_log *open_log(enum mw_log_level level, bool is_json,
                                      struct mw_redactor *redactor)
{
    file = memfd_create("log", MFD_CLOEXEC);
    struct mw_log *log = log_to(file, redactor);
    mw_log_setup(log, level, is_json);
    return log;
}

static inline void close_log(struct mw_log *log)
{
    mw_log_free(log);
    CHECK_INT(close(file), 0);
}

/* Everything that was written since the last time. */
static inline const char *written(void)
{
    ssize_t len = pread(file, output, OUTPUT_MAX, 0);
    CHECK(len >= 0 && len < OUTPUT_MAX);
    output[len > 0 ? len : 0] = '\0';
    CHECK_INT(strlen(output), len); /* no NUL reaches a terminal */
    CHECK(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
    return output;
}

static inline void write_text(struct mw_log *log, const char *text)
{
    mw_log_write(log, MW_LOG_INFO, 0, text, strlen(text), NULL, 0);
}

#define START "1970-01-01T00:00:00.000000Z level=info"

/* One object a line, and nothing else. */
static inline bool is_json_line(const char *line)
{
    size_t len = strlen(line);
    if (len < 2 || line[len - 1] != '\n' || memchr(line, '\n', len - 1))
        return false;
    return oracle_value(line, line + len - 1, 0) == line + len - 1 && *line == '{';
}

static inline void check_json(const char *line, const char *what)
{
    if (is_json_line(line))
        return;
    printf("%s: %s", what, line);
    CHECK(!"one line of JSON");
}

#endif
