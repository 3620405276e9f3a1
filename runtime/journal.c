#include "journal.h"
#include "host.h"
#include "journal_draw.h"
#include "journal_file.h"
#include "redact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 256 << 10,    /* what a reader has to take in for one record of it */
    KEPT_BYTES = 1 << 20,       /* of memory, when there was more to write */
    AT_ONCE_BYTES = 64 << 10,   /* of more than that rows are drawn later */
    TIDY_WAL_BYTES = 8 << 20,   /* so much waits in the WAL until it is quiet, */
    MOST_WAL_BYTES = 512 << 20, /* and so much in a flood, */
    WAL_PART = 4,               /* or this part of the limit of size */
    MOST_LEFT = 1500000, /* records without rows: what is drawn in some seconds when a run ends */
};
static const int64_t RARELY_NS = INT64_C(10000000000), SECOND_NS = 1000000000;
/* A slice of drawing; and one when much waits: a page that many rows share is written once a slice.
 */
static const int64_t SLICE_NS = 4000000, LONG_SLICE_NS = 40000000;

struct mw_journal {
    struct mw_journal_options options;
    char *path;
    sqlite3 *db; /* NULL: paused */
    struct mw_redactor *redactor;
    struct mw_journal_rows *rows;
    struct mw_draw draw;
    int64_t run, run_before; /* 0: none yet; run_before: when the transaction began */
    int64_t wal_bytes;       /* of committed pages in the WAL, */
    int64_t wal_done;        /* and how many of them the last checkpoint has seen */
    char *taken;             /* records since the last commit; secrets are masked */
    size_t len, room;
    uint64_t number; /* of the last record; 0: none yet */
    bool is_first;   /* what is stored next is the first of its process */
    int64_t rare_ns; /* when old orders were looked for */
};

/* Opening and closing -------------------------------------------------------------------------- */

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct mw_journal *journal = arg;
    (void)db;
    (void)name;
    journal->wal_bytes = (int64_t)pages * MW_JOURNAL_PAGE;
    if (journal->wal_bytes < journal->wal_done)
        journal->wal_done = 0; /* it began anew */
    return SQLITE_OK;
}

static int open_file(struct mw_journal *journal, bool is_again, struct mw_err *err)
{
    journal->db = mw_journal_file_open(journal->path, is_again, err);
    if (!journal->db)
        return -1;
    (void)sqlite3_wal_hook(journal->db, note_wal, journal); /* instead of SQLite's own */
    if (mw_journal_rows_attach(journal->rows, journal->db) == 0 &&
        mw_draw_attach(&journal->draw, journal->db) == 0)
        return 0;
    mw_journal_suspect(journal->path, sqlite3_errcode(journal->db));
    (void)mw_journal_failed(journal->db, journal->path, err);
    mw_journal_pause(journal);
    return -1;
}

/* For the first time: damage that shows only when rows are drawn is looked at at once. */
static int open_whole(struct mw_journal *journal, struct mw_err *err)
{
    struct mw_err why;
    if (open_file(journal, false, err) < 0)
        return -1;
    if (mw_journal_draw(journal, &why) == 0 || !mw_journal_is_damaged(journal->db))
        return 0;
    mw_journal_pause(journal);
    return open_file(journal, false, err);
}

/* Runs of which nobody noted the end: the power went, or guardian and runtime were killed. */
static int close_runs(struct mw_journal *journal, struct mw_err *err)
{
    return mw_journal_exec(journal->db, journal->path,
                           "UPDATE runs SET how = 'cut off', ended_ns = coalesce((SELECT"
                           " max(to_ns) FROM chunks WHERE chunks.run = runs.run), started_ns)"
                           " WHERE ended_ns IS NULL",
                           err);
}

struct mw_journal *mw_journal_open(const struct mw_journal_options *options, struct mw_err *err)
{
    struct mw_err failure = {""};
    /* One thread writes: locks and counts in every allocation take a sixth of its time. Both say
     * SQLITE_MISUSE once SQLite is in use, and then it is as it was. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct mw_journal *journal = calloc(1, sizeof *journal);
    if (!journal || !(journal->path = strdup(options->path))) {
        mw_err_set(err, "journal: out of memory");
        free(journal);
        return NULL;
    }
    journal->is_first = true;
    journal->options = *options;
    journal->options.path = journal->path;
    journal->redactor = mw_redactor_new(&failure);
    journal->rows = journal->redactor ? mw_journal_rows_new(&failure) : NULL;
    journal->draw.rows = journal->rows;
    struct mw_err notice = {""};
    if (!journal->rows || open_whole(journal, &notice) < 0) {
        if (err)
            *err = failure.text[0] ? failure : notice;
        mw_journal_close(journal);
        return NULL;
    }
    /* A full disk, say: the first commit will be told as well. */
    if (mw_journal_draw(journal, &failure) < 0 || close_runs(journal, &failure) < 0)
        notice = failure;
    if (err)
        *err = notice;
    return journal;
}

void mw_journal_pause(struct mw_journal *journal)
{
    if (!journal->db)
        return;
    mw_draw_detach(&journal->draw);
    mw_journal_rows_detach(journal->rows);
    (void)sqlite3_close(journal->db); /* has no statement: cannot be busy */
    journal->db = NULL;
    journal->wal_bytes = journal->wal_done = 0;
}

void mw_journal_close(struct mw_journal *journal)
{
    if (!journal)
        return;
    if (journal->rows)
        mw_journal_pause(journal);
    mw_draw_fini(&journal->draw);
    mw_journal_rows_free(journal->rows);
    mw_redactor_free(journal->redactor);
    free(journal->taken);
    free(journal->path);
    free(journal);
}

/* Taking --------------------------------------------------------------------------------------- */

/* Data of these are numbers, not text. */
static bool has_numbers(unsigned kind)
{
    return kind == MW_RECORD_order || kind == MW_RECORD_order_status || kind == MW_RECORD_fill;
}

/* A text that is zeros was learned before. */
static void learn(struct mw_journal *journal, struct mw_record *r)
{
    void (*add)(struct mw_redactor *, const char *, size_t) =
        r->flags & MW_SECRET_FLAG_key ? mw_redactor_add_key : mw_redactor_add;
    char *text = (char *)(r + 1) + r->data_len;
    if (!r->text_len || !*text)
        return;
    add(journal->redactor, text, r->text_len);
    memset(text, 0, r->text_len);
}

static void copy_masked(const struct mw_journal *journal, char *to, char *from, size_t len)
{
    if (mw_redact_copy(journal->redactor, to, from, len))
        memcpy(from, to, len);
}

/* Copies one record without its secrets, and leaves it so. */
static void take(struct mw_journal *journal, struct mw_record *r)
{
    char *to = journal->taken + journal->len, *from = (char *)r;
    size_t text = sizeof *r + r->data_len, end = text + r->text_len;
    journal->is_first = journal->is_first || r->number <= journal->number;
    journal->number = r->number;
    if (r->kind == MW_RECORD_secret) {
        learn(journal, r);
        return;
    }
    memcpy(to, from, has_numbers(r->kind) ? text : sizeof *r);
    if (!has_numbers(r->kind))
        copy_masked(journal, to + sizeof *r, from + sizeof *r, r->data_len);
    copy_masked(journal, to + text, from + text, r->text_len); /* what is masked ends with each */
    memset(to + end, 0, r->size - end);
    if (journal->is_first)
        ((struct mw_record *)(void *)to)->flags |= MW_RECORD_FIRST;
    journal->is_first = false;
    journal->len += r->size;
}

static int make_room(struct mw_journal *journal, size_t len, struct mw_err *err)
{
    size_t wanted = journal->len + len, room = journal->room ? journal->room : KEPT_BYTES;
    while (room < wanted)
        room *= 2;
    if (room == journal->room)
        return 0;
    char *taken = realloc(journal->taken, room);
    if (!taken) {
        mw_err_set(err, "journal %s: out of memory", journal->path);
        return -1;
    }
    journal->taken = taken;
    journal->room = room;
    return 0;
}

int mw_journal_write(struct mw_journal *journal, void *records, size_t len, struct mw_err *err)
{
    char *at = records, *end = at + len;
    for (const struct mw_record *r; at < end; at += r->size)
        if (!(r = mw_record_at(at, (size_t)(end - at)))) {
            mw_err_set(err, "journal %s: no record at byte %zu of %zu", journal->path,
                       (size_t)(at - (char *)records), len);
            return -1;
        }
    if (make_room(journal, len, err) < 0)
        return -1;
    for (at = records; at < end; at += ((struct mw_record *)(void *)at)->size)
        take(journal, (struct mw_record *)(void *)at); /* was checked */
    return 0;
}

/* Committing ----------------------------------------------------------------------------------- */

static void extend(struct mw_chunk *chunk, const struct mw_record *r)
{
    if (!chunk->len) {
        *chunk = (struct mw_chunk){.bytes = (const char *)r,
                                   .first = r->number,
                                   .from_ns = r->time_ns,
                                   .to_ns = r->time_ns};
    }
    chunk->len += r->size;
    chunk->last = r->number;
    chunk->from_ns = r->time_ns < chunk->from_ns ? r->time_ns : chunk->from_ns;
    chunk->to_ns = r->time_ns > chunk->to_ns ? r->time_ns : chunk->to_ns;
}

/* A run begins with it, or it continues the one that was stored last. */
static int store_chunk(struct mw_journal *journal, struct mw_chunk *chunk, bool at_once)
{
    const struct mw_record *first = (const struct mw_record *)(const void *)chunk->bytes;
    if (!chunk->len)
        return 0;
    if (first->flags & MW_RECORD_FIRST &&
        mw_journal_rows_begin_run(journal->rows, first->time_ns, &journal->run) < 0)
        return -1;
    chunk->run = journal->run;
    if (mw_journal_rows_add_chunk(journal->rows, chunk) < 0)
        return -1;
    return mw_draw_stored(&journal->draw, chunk, at_once);
}

/* All that was taken. A chunk ends where a run does. */
static int store_all(struct mw_journal *journal)
{
    bool at_once = !journal->draw.drawn.left_bytes && journal->len <= AT_ONCE_BYTES;
    struct mw_chunk chunk = {.len = 0};
    const struct mw_record *r;
    for (size_t at = 0; at < journal->len; at += r->size) {
        r = (const struct mw_record *)(const void *)(journal->taken + at); /* was checked */
        if (r->flags & MW_RECORD_FIRST || chunk.len + r->size > CHUNK_BYTES) {
            if (store_chunk(journal, &chunk, at_once) < 0)
                return -1;
            chunk.len = 0;
        }
        extend(&chunk, r);
    }
    return store_chunk(journal, &chunk, at_once);
}

static void forget_taken(struct mw_journal *journal)
{
    journal->len = 0;
    if (journal->room > KEPT_BYTES) {
        free(journal->taken);
        journal->taken = NULL;
        journal->room = 0;
    }
}

static int run_sql(struct mw_journal *journal, const char *sql)
{
    return sqlite3_exec(journal->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int store_taken(struct mw_journal *journal, const void *how)
{
    (void)how;
    return store_all(journal);
}

static int draw_slice(struct mw_journal *journal, const void *limit_ns)
{
    return mw_draw_slice(&journal->draw, *(const int64_t *)limit_ns);
}

static int note_end(struct mw_journal *journal, const void *how)
{
    return mw_journal_rows_end_run(journal->rows, journal->run, mw_host_clock_ns(), how);
}

/* Does `work` in one transaction. -1 and `err`, or what it returned. */
static int transact(struct mw_journal *journal,
                    int (*work)(struct mw_journal *journal, const void *arg), const void *arg,
                    struct mw_err *err)
{
    if (!journal->db && open_file(journal, true, err) < 0)
        return -1;
    int result = run_sql(journal, "BEGIN IMMEDIATE");
    if (result == 0)
        result = work(journal, arg);
    if (result >= 0 && (mw_draw_flush(&journal->draw) < 0 || run_sql(journal, "COMMIT") < 0))
        result = -1;
    if (result < 0) {
        mw_journal_suspect(journal->path, sqlite3_errcode(journal->db));
        (void)mw_journal_failed(journal->db, journal->path, err);
        if (!sqlite3_get_autocommit(journal->db))
            (void)run_sql(journal, "ROLLBACK"); /* the cause is told already */
        journal->run = journal->run_before;
    }
    journal->run_before = journal->run;
    mw_draw_end(&journal->draw, result >= 0);
    return result;
}

static int trim(struct mw_journal *journal, size_t written, struct mw_err *err)
{
    if (!journal->options.max_bytes && !journal->options.max_age_ns)
        return 0;
    int64_t now_ns = mw_host_clock_ns();
    bool is_rare = now_ns - journal->rare_ns >= RARELY_NS || now_ns < journal->rare_ns;
    if (is_rare)
        journal->rare_ns = now_ns;
    return mw_journal_file_trim(journal->db, &journal->options, now_ns, written, is_rare, err);
}

/* What the WAL has, into the file: waits for the disk. What a reader still needs stays there: then
 * it goes with the next one, and the WAL grows meanwhile. */
static int checkpoint(struct mw_journal *journal, struct mw_err *err)
{
    int result =
        sqlite3_wal_checkpoint_v2(journal->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    journal->wal_done = journal->wal_bytes;
    if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED)
        return 0;
    mw_journal_suspect(journal->path, result);
    return mw_journal_failed(journal->db, journal->path, err);
}

static int64_t most_wal_bytes(const struct mw_journal *journal)
{
    int64_t part = journal->options.max_bytes / WAL_PART;
    if (!part || part > MOST_WAL_BYTES)
        return MOST_WAL_BYTES;
    return part > TIDY_WAL_BYTES ? part : TIDY_WAL_BYTES;
}

/* After a transaction: bounds what a flood leaves in the WAL. 0 with a text in `err`: somebody
 * reads for so long that it cannot. */
static int bound_wal(struct mw_journal *journal, struct mw_err *err)
{
    int64_t most = most_wal_bytes(journal);
    if (journal->wal_bytes - journal->wal_done <= most)
        return 0;
    if (checkpoint(journal, err) < 0)
        return -1;
    if (journal->wal_bytes > 2 * most)
        mw_err_set(err,
                   "journal %s: somebody has been reading it for long, so that %s-wal cannot be"
                   " emptied and has %" PRId64 " MB: end what reads it",
                   journal->path, journal->path, journal->wal_bytes >> 20);
    return 0;
}

int mw_journal_commit(struct mw_journal *journal, struct mw_err *err)
{
    struct mw_err problem = {""};
    size_t written = journal->len;
    if (written) {
        if (transact(journal, store_taken, NULL, err) < 0)
            return -1;
        forget_taken(journal);
        if (trim(journal, written, &problem) < 0)
            mw_err_context(&problem, "old records were not deleted");
        (void)bound_wal(journal, &problem); /* all was written: that this failed is a warning */
    }
    if (err)
        *err = problem;
    return 0;
}

bool mw_journal_is_behind(const struct mw_journal *journal)
{
    const struct mw_drawn *drawn = &journal->draw.drawn;
    int64_t limit = journal->options.max_bytes / 2; /* what has no rows cannot be deleted */
    return drawn->left_records > MOST_LEFT || (limit && drawn->left_bytes > limit);
}

static int draw(struct mw_journal *journal, const int64_t *limit_ns, struct mw_err *err)
{
    return transact(journal, draw_slice, limit_ns, err) < 0 ? -1 : bound_wal(journal, err);
}

int mw_journal_tidy(struct mw_journal *journal, struct mw_err *err)
{
    mw_err_set(err, "%s", "");
    if (journal->draw.drawn.left_bytes) {
        bool is_behind = mw_journal_is_behind(journal);
        return draw(journal, is_behind ? &LONG_SLICE_NS : &SLICE_NS, err) < 0 ? -1 : 1;
    }
    if (!journal->db || journal->wal_bytes - journal->wal_done < TIDY_WAL_BYTES)
        return 0;
    return checkpoint(journal, err);
}

int mw_journal_draw(struct mw_journal *journal, struct mw_err *err)
{
    mw_err_set(err, "%s", "");
    while (journal->draw.drawn.left_bytes)
        if (draw(journal, &SECOND_NS, err) < 0)
            return -1;
    return 0;
}

int mw_journal_end_run(struct mw_journal *journal, const char *how, struct mw_err *err)
{
    if (mw_journal_commit(journal, err) < 0 || mw_journal_draw(journal, err) < 0)
        return -1;
    return transact(journal, note_end, how, err) < 0 ? -1 : 0;
}
