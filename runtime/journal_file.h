/* journal_file.h: the file of a journal: made, checked, opened again, kept within its limits. For
 * journal.c alone. */
#ifndef MW_JOURNAL_FILE_H
#define MW_JOURNAL_FILE_H

#include "journal.h"

#include <sqlite3.h>
#include <stdbool.h>

/* SQLite's words for what just failed, with the system's where it has some; returns -1. */
int mw_journal_failed(sqlite3 *db, const char *path, struct mw_err *err);

enum { MW_JOURNAL_PAGE = 8192 }; /* bytes */

/* What failed last failed because of damage. */
bool mw_journal_is_damaged(sqlite3 *db);

/* SQLite's `code` for a failure of an open journal: when it is damage, that is noted beside the
 * file, and the next start looks at all of it. */
void mw_journal_suspect(const char *path, int code);

/* Runs statements that give no rows. */
MW_MUST_USE int mw_journal_exec(sqlite3 *db, const char *path, const char *sql, struct mw_err *err);
/* The number that a statement gives; -1 and `err`. */
MW_MUST_USE int64_t mw_journal_number(sqlite3 *db, const char *path, const char *sql,
                                      struct mw_err *err);

/* As mw_journal_open says. `is_again`: the file was open before in this process, and is neither
 * checked nor moved aside. */
MW_MUST_USE sqlite3 *mw_journal_file_open(const char *path, bool is_again, struct mw_err *err);

/* Deletes some of what is beyond the limits: about as many bytes as were `written` since the last
 * time, and some more. `is_rare`: old orders as well, which takes a look at each of them. */
MW_MUST_USE int mw_journal_file_trim(sqlite3 *db, const struct mw_journal_options *options,
                                     int64_t now_ns, size_t written, bool is_rare,
                                     struct mw_err *err);

#endif
