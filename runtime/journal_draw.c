#include "journal_draw.h"
#include "host.h"
#include "journal_bind.h"
#include "journal_chunk.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS_A_LOOK = 16 /* at the clock */ };

/* Attached ------------------------------------------------------------------------------------- */

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK
               ? 0
               : -1;
}

/* 0, or -1. */
static int read_place(sqlite3 *db, struct mw_drawn *drawn)
{
    sqlite3_stmt *s = NULL;
    bool is_read = false;
    if (prepare(db,
                "SELECT d.chunk, number, coalesce(sum(length(bytes)), 0),"
                " coalesce(sum(last - first + 1), 0) FROM drawn d LEFT JOIN chunks c"
                " ON c.chunk >= d.chunk AND (c.chunk > d.chunk OR last > number)",
                &s) == 0 &&
        sqlite3_step(s) == SQLITE_ROW) {
        drawn->chunk = sqlite3_column_int64(s, 0);
        drawn->number = (uint64_t)sqlite3_column_int64(s, 1);
        drawn->left_bytes = sqlite3_column_int64(s, 2);
        drawn->left_records = sqlite3_column_int64(s, 3);
        is_read = true;
    }
    return sqlite3_finalize(s) == SQLITE_OK && is_read ? 0 : -1;
}

int mw_draw_attach(struct mw_draw *draw, sqlite3 *db)
{
    draw->chunk = 0;
    if (prepare(
            db,
            "SELECT chunk, run, bytes, last - first + 1 FROM chunks WHERE chunk > ?1 OR (chunk = ?1"
            " AND last > ?2) ORDER BY chunk LIMIT 1",
            &draw->next) < 0 ||
        prepare(db, "UPDATE drawn SET chunk = ?, number = ?", &draw->note) < 0 ||
        read_place(db, &draw->drawn) < 0)
        return -1;
    draw->before = draw->drawn;
    return draw->drawn.left_bytes ? mw_journal_rows_recall(draw->rows, draw->drawn.chunk) : 0;
}

void mw_draw_detach(struct mw_draw *draw)
{
    (void)sqlite3_finalize(draw->next); /* was reset */
    (void)sqlite3_finalize(draw->note);
    draw->next = draw->note = NULL;
}

void mw_draw_fini(struct mw_draw *draw)
{
    mw_draw_detach(draw);
    free(draw->bytes);
    draw->bytes = NULL;
}

/* Drawing -------------------------------------------------------------------------------------- */

int mw_draw_stored(struct mw_draw *draw, const struct mw_chunk *chunk, bool at_once)
{
    const struct mw_record *r;
    if (!at_once) {
        draw->drawn.left_bytes += (int64_t)chunk->stored;
        draw->drawn.left_records += (int64_t)(chunk->last - chunk->first + 1);
        return 0;
    }
    for (size_t at = 0; at < chunk->len; at += r->size) {
        r = (const struct mw_record *)(const void *)(chunk->bytes + at); /* was checked */
        if (mw_journal_rows_add(draw->rows, chunk->run, r) < 0)
            return -1;
    }
    draw->drawn.chunk = chunk->id;
    draw->drawn.number = chunk->last;
    return 0;
}

/* 0, or -1 without memory. Of a damaged chunk there is nothing to keep. */
static int keep_bytes(struct mw_draw *draw, const void *bytes, size_t stored)
{
    int64_t len = mw_chunk_len(bytes, stored);
    if (len > 0 && (size_t)len > draw->room) {
        free(draw->bytes);
        draw->bytes = malloc((size_t)len);
        draw->room = draw->bytes ? (size_t)len : 0;
        if (!draw->bytes)
            return -1;
    }
    bool is_whole = len > 0 && mw_chunk_unpack(bytes, stored, draw->bytes, (size_t)len) == 0;
    draw->len = is_whole ? (size_t)len : 0;
    draw->is_damaged = !is_whole;
    draw->stored = (int64_t)stored;
    draw->at = 0;
    return 0;
}

/* The next chunk into memory: 1, 0: there is none, or -1. */
static int load(struct mw_draw *draw)
{
    sqlite3_stmt *s = draw->next;
    mw_bind_number(s, 1, draw->drawn.chunk);
    mw_bind_number(s, 2, (int64_t)draw->drawn.number);
    int found = 0;
    if (sqlite3_step(s) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(s, 2);
        size_t len = (size_t)sqlite3_column_bytes(s, 2);
        found = bytes && keep_bytes(draw, bytes, len) == 0 ? 1 : -1;
        draw->records = sqlite3_column_int64(s, 3);
        draw->chunk = found > 0 ? sqlite3_column_int64(s, 0) : 0;
        draw->run = sqlite3_column_int64(s, 1);
    }
    return sqlite3_reset(s) == SQLITE_OK ? found : -1;
}

static void end_chunk(struct mw_draw *draw)
{
    draw->drawn.left_bytes -= draw->stored;
    draw->drawn.left_records -= draw->records;
    draw->chunk = 0;
}

/* Of the chunk in memory: 1: it is all drawn, 0: the time is over, or -1. What stands there and is
 * no record is damage: no rows can be drawn from it. */
static int draw_loaded(struct mw_draw *draw, int64_t until_ns)
{
    bool was_begun = draw->chunk == draw->drawn.chunk;
    uint64_t begun = was_begun ? draw->drawn.number : 0;
    draw->drawn.chunk = draw->chunk;
    draw->drawn.number = begun;
    const struct mw_record *r;
    for (unsigned count = 1; (r = mw_record_at(draw->bytes + draw->at, draw->len - draw->at));
         count++) {
        draw->at += r->size;
        if (r->number <= begun)
            continue;
        if (mw_journal_rows_add(draw->rows, draw->run, r) < 0)
            return -1;
        draw->drawn.number = r->number;
        if (until_ns && count % RECORDS_A_LOOK == 0 && mw_host_clock_ns() >= until_ns)
            return 0;
    }
    if (draw->at < draw->len || draw->is_damaged)
        draw->drawn.number = INT64_MAX;
    return 1;
}

int mw_draw_slice(struct mw_draw *draw, int64_t limit_ns)
{
    int64_t until_ns = limit_ns ? mw_host_clock_ns() + limit_ns : 0;
    for (;;) {
        int result = draw->chunk ? 1 : load(draw);
        if (result == 0)
            draw->drawn.left_bytes = draw->drawn.left_records = 0;
        if (result <= 0)
            return result;
        result = draw_loaded(draw, until_ns);
        if (result <= 0)
            return result;
        /* States of orders stand in its bytes. */
        if (mw_journal_rows_keep(draw->rows) < 0)
            return -1;
        end_chunk(draw);
    }
}

int mw_draw_flush(struct mw_draw *draw)
{
    if (mw_journal_rows_flush(draw->rows) < 0)
        return -1;
    if (draw->drawn.chunk == draw->before.chunk && draw->drawn.number == draw->before.number)
        return 0;
    mw_bind_number(draw->note, 1, draw->drawn.chunk);
    mw_bind_number(draw->note, 2, (int64_t)draw->drawn.number);
    return mw_run(draw->note);
}

void mw_draw_end(struct mw_draw *draw, bool is_kept)
{
    mw_journal_rows_end(draw->rows);
    if (is_kept) {
        draw->before = draw->drawn;
    } else {
        draw->drawn = draw->before;
        draw->chunk = 0; /* is loaded anew, and what is drawn of it passed over */
    }
}
