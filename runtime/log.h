/* log.h: one line an event to standard error, `time level=... msg=... key=value`, or JSON. Every
 * line passes the redactor. Never raises, never blocks for long, never kills the process. */
#ifndef MW_LOG_H
#define MW_LOG_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mw_log_level { MW_LOG_ERROR, MW_LOG_WARN, MW_LOG_INFO, MW_LOG_DEBUG };

struct mw_log;
struct mw_redactor;
struct mw_recorder;

struct mw_log_field {
    const char *key, *value;
    size_t value_len;
};

/* `redactor` may be NULL; it stays the caller's. */
MW_MUST_USE struct mw_log *mw_log_new(int fd, struct mw_redactor *redactor, struct mw_err *err);
void mw_log_free(struct mw_log *log); /* takes NULL */
void mw_log_setup(struct mw_log *log, enum mw_log_level level, bool is_json);

/* Each line that is written is also recorded there; NULL: nowhere. */
void mw_log_set_recorder(struct mw_log *log, struct mw_recorder *recorder);

/* -1 for a name that is no level. */
int mw_log_level_of(const char *name);

/* Writes one line if `level` is wanted. `message` may hold any bytes: they are escaped. */
void mw_log_write(struct mw_log *log, enum mw_log_level level, int64_t time_ns, const char *message,
                  size_t len, const struct mw_log_field *fields, size_t field_count);
void mw_logf(struct mw_log *log, enum mw_log_level level, const char *format, ...) MW_PRINTF(3, 4);

#endif
