#include "journal_bind.h"

#include <string.h>

struct mw_words mw_words_of(const struct mw_record *r)
{
    struct mw_words words = {{NULL}, {0}};
    const char *at = mw_record_text(r), *end = at + r->text_len;
    for (size_t i = 0; i < MW_WORDS_MAX && at < end; i++) {
        size_t len = strnlen(at, (size_t)(end - at));
        words.at[i] = at;
        words.len[i] = (int)len;
        at += len + 1;
    }
    return words;
}

void mw_bind_number(sqlite3_stmt *s, int place, int64_t value)
{
    (void)sqlite3_bind_int64(s, place, value);
}

void mw_bind_text(sqlite3_stmt *s, int place, const char *text, int len)
{
    (void)(len > 0 ? sqlite3_bind_text(s, place, text, len, SQLITE_STATIC)
                   : sqlite3_bind_null(s, place));
}

void mw_bind_words(sqlite3_stmt *s, int place, const struct mw_words *words, int from, int to)
{
    for (int i = from; i <= to; i++)
        mw_bind_text(s, place + i - from, words->at[i], words->len[i]);
}

void mw_bind_decimal(sqlite3_stmt *s, int place, const struct mw_record *r, size_t i,
                     char text[MW_DECIMAL_TEXT_MAX])
{
    struct mw_decimal d;
    if (r->data_len < (i + 1) * sizeof d) {
        (void)sqlite3_bind_null(s, place);
        return;
    }
    memcpy(&d, mw_record_data(r) + i * sizeof d, sizeof d);
    mw_bind_text(s, place, text, (int)mw_decimal_format(&d, text, MW_DECIMAL_TEXT_MAX));
}

int mw_run(sqlite3_stmt *s)
{
    (void)sqlite3_step(s);
    return sqlite3_reset(s) == SQLITE_OK ? 0 : -1; /* which repeats the step's error */
}

int mw_run_new(sqlite3_stmt *s)
{
    (void)sqlite3_step(s);
    int code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : (code & 0xff) == SQLITE_CONSTRAINT ? 1 : -1;
}

int mw_run_for_number(sqlite3_stmt *s, int64_t *value)
{
    int rows = 0;
    while (sqlite3_step(s) == SQLITE_ROW)
        if (rows++ == 0)
            *value = sqlite3_column_int64(s, 0);
    return sqlite3_reset(s) == SQLITE_OK ? rows > 0 : -1;
}

struct mw_decimal mw_column_decimal(sqlite3_stmt *s, int column)
{
    struct mw_decimal d = {{0, 0}};
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t len = (size_t)sqlite3_column_bytes(s, column);
    if (!text || mw_decimal_parse(&d, text, len) < 0)
        (void)mw_decimal_parse(&d, "0", 1); /* is one */
    return d;
}
