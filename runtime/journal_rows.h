/* journal_rows.h: the rows that are drawn from records. For journal.c alone. Every function returns
 * 0, or -1 with SQLite's error left in the connection: then the transaction is to be rolled back,
 * and all of it may be done again. */
#ifndef MW_JOURNAL_ROWS_H
#define MW_JOURNAL_ROWS_H

#include "record.h"

#include <sqlite3.h>
#include <stdbool.h>

struct mw_journal_rows;

/* Whole records of one run, one after the other. */
struct mw_chunk {
    int64_t id, run; /* id: when it is stored */
    const char *bytes;
    size_t len, stored;   /* stored: bytes in the file, when it is */
    uint64_t first, last; /* their numbers */
    int64_t from_ns, to_ns;
};

MW_MUST_USE struct mw_journal_rows *mw_journal_rows_new(struct mw_err *err);
void mw_journal_rows_free(struct mw_journal_rows *rows); /* takes NULL */

/* The connection to write to, until it is detached (before it is closed). */
MW_MUST_USE int mw_journal_rows_attach(struct mw_journal_rows *rows, sqlite3 *db);
void mw_journal_rows_detach(struct mw_journal_rows *rows);

/* Stores: a run begins, *run is its number; a chunk, which gets its id. */
MW_MUST_USE int mw_journal_rows_begin_run(struct mw_journal_rows *rows, int64_t time_ns,
                                          int64_t *run);
MW_MUST_USE int mw_journal_rows_add_chunk(struct mw_journal_rows *rows, struct mw_chunk *chunk);

/* Draws rows from one record of that run, which stays where it is until the next keep or flush. */
MW_MUST_USE int mw_journal_rows_add(struct mw_journal_rows *rows, int64_t run,
                                    const struct mw_record *r);
/* Copies what it still needs of those records: an order that changes with each of many chunks is
 * written once for all. */
MW_MUST_USE int mw_journal_rows_keep(struct mw_journal_rows *rows);
/* Before a transaction ends: states of orders, each written once. */
MW_MUST_USE int mw_journal_rows_flush(struct mw_journal_rows *rows);
/* The transaction is over: nothing of its records is remembered. */
void mw_journal_rows_end(struct mw_journal_rows *rows);

/* Learns from the file what drawing must know of the runs that have chunks from `chunk` on, and of
 * which some is drawn already. */
MW_MUST_USE int mw_journal_rows_recall(struct mw_journal_rows *rows, int64_t chunk);

/* Notes that the run ended; without effect when there is none with that number. */
MW_MUST_USE int mw_journal_rows_end_run(struct mw_journal_rows *rows, int64_t run, int64_t time_ns,
                                        const char *how);

#endif
