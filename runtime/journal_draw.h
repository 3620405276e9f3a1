/* journal_draw.h: rows drawn from chunks: at once as they are stored, or later, a slice at a time,
 * from what is in the file. How far that is stands in the file. For journal.c alone; functions
 * return as those of journal_rows.h. */
#ifndef MW_JOURNAL_DRAW_H
#define MW_JOURNAL_DRAW_H

#include "journal_rows.h"

/* Rows stand for all chunks before `chunk`, and for those records of it that have no higher number.
 */
struct mw_drawn {
    int64_t chunk;
    uint64_t number;
    /* Of chunks, not drawn yet; of one that was begun, all of it. bytes: as the file has them. */
    int64_t left_bytes, left_records;
};

/* Zeroed, it is fresh. */
struct mw_draw {
    struct mw_journal_rows *rows;
    struct mw_drawn drawn, before; /* before: when the transaction began */
    /* Its own: the chunk that is being drawn, as long as it takes more than one slice. */
    sqlite3_stmt *next, *note;
    char *bytes;
    size_t len, at, room;
    int64_t chunk, run; /* chunk 0: none */
    int64_t stored, records;
    bool is_damaged;
};

/* The connection to use, until it is detached; finds out how far it was drawn before. */
MW_MUST_USE int mw_draw_attach(struct mw_draw *draw, sqlite3 *db);
void mw_draw_detach(struct mw_draw *draw);
void mw_draw_fini(struct mw_draw *draw);

/* In a transaction: a chunk was stored. Its rows are drawn now when `at_once`, which only may be
 * while all before it is drawn. The bytes stay where they are until the transaction ends. */
MW_MUST_USE int mw_draw_stored(struct mw_draw *draw, const struct mw_chunk *chunk, bool at_once);
/* In a transaction of its own: draws for about so long; 0: no limit. */
MW_MUST_USE int mw_draw_slice(struct mw_draw *draw, int64_t limit_ns);
/* The last call of a transaction: what is remembered of orders, and how far it is drawn. */
MW_MUST_USE int mw_draw_flush(struct mw_draw *draw);
/* The transaction is over. */
void mw_draw_end(struct mw_draw *draw, bool is_kept);

#endif
