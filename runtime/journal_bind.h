/* journal_bind.h: what records have, as parameters of statements; what statements give. */
#ifndef MW_JOURNAL_BIND_H
#define MW_JOURNAL_BIND_H

#include "record.h"

#include <sqlite3.h>

/* A list of texts, each ended by NUL. A missing one is empty, with `at` NULL. */
enum { MW_WORDS_MAX = 10 };
struct mw_words {
    const char *at[MW_WORDS_MAX];
    int len[MW_WORDS_MAX];
};
struct mw_words mw_words_of(const struct mw_record *r);

/* Places of parameters begin with 1. Texts stay the caller's until the statement has run; an empty
 * one is NULL. A bind fails only without memory: then running the statement fails. */
void mw_bind_number(sqlite3_stmt *s, int place, int64_t value);
void mw_bind_text(sqlite3_stmt *s, int place, const char *text, int len);
void mw_bind_words(sqlite3_stmt *s, int place, const struct mw_words *words, int from, int to);
/* Decimal i (from 0) of the record's data, by way of `text`; NULL when there is none. */
void mw_bind_decimal(sqlite3_stmt *s, int place, const struct mw_record *r, size_t i,
                     char text[MW_DECIMAL_TEXT_MAX]);

/* Runs a statement that gives no rows; 0 or -1. */
MW_MUST_USE int mw_run(sqlite3_stmt *s);
/* The same; 1 when there is such a row already. */
MW_MUST_USE int mw_run_new(sqlite3_stmt *s);
/* One that gives a row or none: 1 and its first column in *value, 0, or -1. */
MW_MUST_USE int mw_run_for_number(sqlite3_stmt *s, int64_t *value);
/* The decimal in a column of the row that the statement stands on; 0 for what is none. */
struct mw_decimal mw_column_decimal(sqlite3_stmt *s, int column);

#endif
