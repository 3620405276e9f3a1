#include "journal_bind.h"
#include "journal_rows_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 1 << 20 };

struct mw_journal_rows *mw_journal_rows_new(struct mw_err *err)
{
    struct mw_journal_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        mw_err_set(err, "journal: out of memory");
    return rows;
}

void mw_journal_rows_free(struct mw_journal_rows *rows)
{
    if (!rows)
        return;
    mw_journal_rows_detach(rows);
    mw_map64_free(&rows->known);
    mw_map64_free(&rows->states);
    free(rows->packed);
    free(rows->kept);
    free(rows);
}

int mw_journal_rows_attach(struct mw_journal_rows *rows, sqlite3 *db)
{
#define STATEMENT_SQL(name, sql) sql,
    static const char *const texts[] = {STATEMENTS(STATEMENT_SQL)};
    rows->db = db;
    for (size_t i = 0; i < S_COUNT; i++)
        if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &rows->statements[i],
                               NULL) != SQLITE_OK)
            return -1;
    return 0;
}

void mw_journal_rows_detach(struct mw_journal_rows *rows)
{
    for (size_t i = 0; i < S_COUNT; i++) {
        (void)sqlite3_finalize(rows->statements[i]); /* was reset */
        rows->statements[i] = NULL;
    }
    rows->db = NULL;
}

/* Runs ----------------------------------------------------------------------------------------- */

/* Every process that records is a run: what it numbers is its own. A sweeper's has no name. */
int mw_journal_rows_begin_run(struct mw_journal_rows *rows, int64_t time_ns, int64_t *run)
{
    sqlite3_stmt *s = rows->statements[S_run];
    mw_bind_number(s, 1, time_ns);
    if (mw_run(s) < 0)
        return -1;
    *run = sqlite3_last_insert_rowid(rows->db);
    return 0;
}

int mw_journal_rows_recall(struct mw_journal_rows *rows, int64_t chunk)
{
    sqlite3_stmt *s = rows->statements[S_recall];
    int failed = 0;
    mw_bind_number(s, 1, KEY_SHIFT);
    mw_bind_number(s, 2, chunk);
    while (!failed && sqlite3_step(s) == SQLITE_ROW) {
        uint64_t run = (uint64_t)sqlite3_column_int64(s, 0);
        uint64_t number = (uint64_t)sqlite3_column_int64(s, 1);
        failed = mw_map64_put(&rows->known, run << KEY_SHIFT | number,
                              (uint64_t)sqlite3_column_int64(s, 2));
    }
    return sqlite3_reset(s) == SQLITE_OK && !failed ? 0 : -1;
}

static int name_run(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_name_run];
    mw_bind_words(s, 1, &words, 0, 2);
    mw_bind_number(s, 4, r->num);
    mw_bind_number(s, 5, r->num2);
    mw_bind_number(s, 6, rows->run);
    return mw_run(s);
}

int mw_journal_rows_end_run(struct mw_journal_rows *rows, int64_t run, int64_t time_ns,
                            const char *how)
{
    sqlite3_stmt *s = rows->statements[S_end_run];
    mw_bind_number(s, 1, run);
    mw_bind_number(s, 2, time_ns);
    mw_bind_text(s, 3, how, (int)strlen(how));
    return mw_run(s);
}

/* All others ----------------------------------------------------------------------------------- */

static int add_log(struct mw_journal_rows *rows, const struct mw_record *r)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *level = r->kind == MW_RECORD_alarm ? "alarm" : levels[(uint64_t)r->num & 3];
    sqlite3_stmt *s = rows->statements[S_log];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_text(s, 3, level, (int)strlen(level));
    mw_bind_text(s, 4, mw_record_text(r), (int)r->text_len);
    return mw_run(s);
}

static int add_session(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_session];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_words(s, 3, &words, 0, 2);
    return mw_run(s);
}

static int add_dropped(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_dropped];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_number(s, 3, (int64_t)r->event);
    mw_bind_words(s, 4, &words, 0, 3);
    return mw_run(s);
}

/* The key of the fill that a record of this run names. */
static int64_t told_of(const struct mw_journal_rows *rows, uint64_t fill)
{
    return (int64_t)(fill >> FILL_SHIFT ? fill : (uint64_t)rows->run << FILL_SHIFT | fill);
}

static int write_told(struct mw_journal_rows *rows)
{
    const struct mw_record *r = rows->told;
    sqlite3_stmt *s = rows->statements[S_told];
    rows->told = NULL;
    if (!r)
        return 0;
    mw_bind_text(s, 1, mw_record_text(r), (int)r->text_len);
    mw_bind_number(s, 2, told_of(rows, r->id));
    return mw_run(s);
}

/* Of one strategy's in a row the last one counts. */
static int add_told(struct mw_journal_rows *rows, const struct mw_record *r)
{
    const struct mw_record *last = rows->told;
    bool is_same = last && last->text_len == r->text_len &&
                   memcmp(mw_record_text(last), mw_record_text(r), r->text_len) == 0;
    if (!is_same && write_told(rows) < 0)
        return -1;
    rows->told = r;
    return 0;
}

/* The text is all that follows the strategy's name: it may have a NUL of its own. */
static int add_persist(struct mw_journal_rows *rows, const struct mw_record *r)
{
    const char *text = mw_record_text(r);
    size_t name = strnlen(text, r->text_len), after = name < r->text_len ? name + 1 : name;
    size_t len = r->text_len - after;
    sqlite3_stmt *s = rows->statements[S_persist];
    if (write_told(rows) < 0) /* was before this one */
        return -1;
    mw_bind_text(s, 1, text, (int)name);
    (void)sqlite3_bind_text(s, 2, text + after, (int)len, SQLITE_STATIC); /* "" as well */
    mw_bind_number(s, 3, r->time_ns);
    if (r->num)
        mw_bind_number(s, 4, told_of(rows, (uint64_t)r->num));
    else
        (void)sqlite3_bind_null(s, 4);
    return mw_run(s);
}

/* A version of code; what else is recorded of a reload stands in its chunk. */
static int add_version(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_version];
    if (r->num <= 0)
        return 0;
    mw_bind_words(s, 1, &words, 0, 2);
    mw_bind_number(s, 4, r->num);
    mw_bind_number(s, 5, r->time_ns);
    (void)sqlite3_bind_text(s, 6, mw_record_data(r), (int)r->data_len, SQLITE_STATIC); /* "" too */
    if (mw_run(s) < 0)
        return -1;
    s = rows->statements[S_trim_versions];
    mw_bind_words(s, 1, &words, 0, 0);
    mw_bind_number(s, 2, r->num);
    return mw_run(s);
}

static int add_stop(struct mw_journal_rows *rows, const struct mw_record *r)
{
    char how[512];
    (void)snprintf(how, sizeof how, "exit %d: %.*s", (int)r->num, (int)r->text_len,
                   mw_record_text(r)); /* cut off when too long */
    return mw_journal_rows_end_run(rows, rows->run, r->time_ns, how);
}

int mw_journal_rows_add(struct mw_journal_rows *rows, int64_t run, const struct mw_record *r)
{
    if (run != rows->run && mw_journal_rows_flush(rows) < 0) /* states are told by number */
        return -1;
    rows->run = run;
    switch (r->kind) {
    case MW_RECORD_run:
        return name_run(rows, r);
    case MW_RECORD_order:
        return mw_rows_add_order(rows, r);
    case MW_RECORD_order_status:
        return mw_map64_put(&rows->states, r->id, (uint64_t)(uintptr_t)r);
    case MW_RECORD_fill:
        return mw_rows_add_fill(rows, r);
    case MW_RECORD_log:
    case MW_RECORD_alarm:
        return add_log(rows, r);
    case MW_RECORD_session:
        return add_session(rows, r);
    case MW_RECORD_dropped:
        return add_dropped(rows, r);
    case MW_RECORD_persist:
        return add_persist(rows, r);
    case MW_RECORD_told:
        return add_told(rows, r);
    case MW_RECORD_reload:
        return add_version(rows, r);
    case MW_RECORD_stop:
        return add_stop(rows, r);
    default:
        return 0; /* is in its chunk */
    }
}

/* As the file is to have it; without memory for that, as it is. */
static const char *pack(struct mw_journal_rows *rows, struct mw_chunk *chunk)
{
    if (rows->packed_room < chunk->len) {
        free(rows->packed);
        rows->packed = malloc(chunk->len);
        rows->packed_room = rows->packed ? chunk->len : 0;
    }
    size_t packed = 0;
    if (rows->packed)
        packed = mw_chunk_pack(&rows->packing, chunk->bytes, chunk->len, rows->packed);
    chunk->stored = packed ? packed : chunk->len;
    return packed ? rows->packed : chunk->bytes;
}

int mw_journal_rows_add_chunk(struct mw_journal_rows *rows, struct mw_chunk *chunk)
{
    sqlite3_stmt *s = rows->statements[S_chunk];
    const char *bytes = pack(rows, chunk);
    mw_bind_number(s, 1, chunk->run);
    mw_bind_number(s, 2, (int64_t)chunk->first);
    mw_bind_number(s, 3, (int64_t)chunk->last);
    mw_bind_number(s, 4, chunk->from_ns);
    mw_bind_number(s, 5, chunk->to_ns);
    (void)sqlite3_bind_blob64(s, 6, bytes, chunk->stored, SQLITE_STATIC);
    if (mw_run(s) < 0)
        return -1;
    chunk->id = sqlite3_last_insert_rowid(rows->db);
    return 0;
}

int mw_journal_rows_flush(struct mw_journal_rows *rows)
{
    for (size_t i = 0; rows->states.count && i <= rows->states.mask; i++) {
        const struct mw_map64_entry *entry = &rows->states.entries[i];
        if (entry->key && entry->value &&
            mw_rows_write_state(rows, (const struct mw_record *)(uintptr_t)entry->value) < 0)
            return -1;
    }
    mw_map64_clear(&rows->states);
    rows->kept_len = 0;
    return write_told(rows);
}

/* A copy of the record, or what it is a copy of already; NULL: there is no room. */
static const struct mw_record *keep(struct mw_journal_rows *rows, const struct mw_record *r)
{
    uintptr_t at = (uintptr_t)r, begin = (uintptr_t)rows->kept;
    if (at >= begin && at - begin < KEPT_BYTES)
        return r;
    if (r->size > KEPT_BYTES - rows->kept_len)
        return NULL;
    char *copy = rows->kept + rows->kept_len;
    memcpy(copy, r, r->size);
    rows->kept_len += r->size;
    return (const struct mw_record *)(const void *)copy;
}

int mw_journal_rows_keep(struct mw_journal_rows *rows)
{
    if (!rows->kept && !(rows->kept = malloc(KEPT_BYTES)))
        return mw_journal_rows_flush(rows);
    for (size_t i = 0; rows->states.count && i <= rows->states.mask; i++) {
        struct mw_map64_entry *entry = &rows->states.entries[i];
        const struct mw_record *r = (const struct mw_record *)(uintptr_t)entry->value;
        if (!entry->key || !r)
            continue;
        if (!(r = keep(rows, r)))
            return mw_journal_rows_flush(rows);
        entry->value = (uint64_t)(uintptr_t)r;
    }
    const struct mw_record *told = rows->told ? keep(rows, rows->told) : NULL;
    if (rows->told && !told)
        return mw_journal_rows_flush(rows);
    rows->told = told;
    return 0;
}

void mw_journal_rows_end(struct mw_journal_rows *rows)
{
    rows->kept_len = 0;
    mw_map64_clear(&rows->states);
    rows->told = NULL;
}
