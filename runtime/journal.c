#include "journal.h"
#include "host.h"
#include "journal_file.h"
#include "journal_rows.h"
#include "redact.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 256 << 10, /* what a reader has to take in for one record of it */
    KEPT_BYTES = 1 << 20,    /* of memory, when there was more to write */
};
static const int64_t RARELY_NS = INT64_C(10000000000);

struct mw_journal {
    struct mw_journal_options options;
    char *path;
    sqlite3 *db; /* NULL: paused */
    struct mw_redactor *redactor;
    struct mw_journal_rows *rows;
    char *taken; /* records since the last commit; secrets are masked */
    size_t len, room;
    uint64_t number; /* of the last record; 0: none yet */
    bool is_first;   /* what is stored next is the first of its process */
    int64_t rare_ns; /* when old orders were looked for */
};

/* Opening and closing -------------------------------------------------------------------------- */

static int open_file(struct mw_journal *journal, bool is_again, struct mw_err *err)
{
    journal->db = mw_journal_file_open(journal->path, is_again, err);
    if (!journal->db)
        return -1;
    if (mw_journal_rows_attach(journal->rows, journal->db) == 0)
        return 0;
    if (is_again)
        mw_journal_suspect(journal->path, sqlite3_errcode(journal->db));
    (void)mw_journal_failed(journal->db, journal->path, err);
    mw_journal_pause(journal);
    return -1;
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
    struct mw_err notice = {""};
    if (!journal->rows || open_file(journal, false, &notice) < 0) {
        if (err)
            *err = failure.text[0] ? failure : notice;
        mw_journal_close(journal);
        return NULL;
    }
    if (close_runs(journal, &failure) < 0)
        notice = failure; /* a full disk, say: the first commit will be told as well */
    if (err)
        *err = notice;
    return journal;
}

void mw_journal_pause(struct mw_journal *journal)
{
    if (!journal->db)
        return;
    mw_journal_rows_detach(journal->rows);
    (void)sqlite3_close(journal->db); /* has no statement: cannot be busy */
    journal->db = NULL;
}

void mw_journal_close(struct mw_journal *journal)
{
    if (!journal)
        return;
    if (journal->rows)
        mw_journal_pause(journal);
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

/* Copies one record without its secrets. */
static void take(struct mw_journal *journal, const struct mw_record *r)
{
    char *to = journal->taken + journal->len;
    const char *from = (const char *)r;
    size_t begin = sizeof *r, end = sizeof *r + r->data_len + r->text_len;
    journal->is_first = journal->is_first || r->number <= journal->number;
    journal->number = r->number;
    if (r->kind == MW_RECORD_secret) {
        void (*add)(struct mw_redactor *, const char *, size_t) =
            r->flags & MW_SECRET_FLAG_key ? mw_redactor_add_key : mw_redactor_add;
        add(journal->redactor, mw_record_text(r), r->text_len);
        return;
    }
    if (has_numbers(r->kind))
        begin += r->data_len;
    memcpy(to, from, begin);
    mw_redact_copy(journal->redactor, to + begin, from + begin, end - begin);
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

int mw_journal_write(struct mw_journal *journal, const void *records, size_t len,
                     struct mw_err *err)
{
    const char *at = records, *end = at + len;
    for (const struct mw_record *r; at < end; at += r->size)
        if (!(r = mw_record_at(at, (size_t)(end - at)))) {
            mw_err_set(err, "journal %s: no record at byte %zu of %zu", journal->path,
                       (size_t)(at - (const char *)records), len);
            return -1;
        }
    if (make_room(journal, len, err) < 0)
        return -1;
    for (at = records; at < end; at += ((const struct mw_record *)(const void *)at)->size)
        take(journal, (const struct mw_record *)(const void *)at);
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

static int add_chunk(struct mw_journal *journal, struct mw_chunk *chunk)
{
    int result = chunk->len ? mw_journal_rows_add_chunk(journal->rows, chunk) : 0;
    chunk->len = 0;
    return result;
}

/* Rows and chunks of all that was taken. A chunk ends where a run does. */
static int add_all(struct mw_journal *journal)
{
    struct mw_chunk chunk = {.len = 0};
    const struct mw_record *r;
    for (size_t at = 0; at < journal->len; at += r->size) {
        r = (const struct mw_record *)(const void *)(journal->taken + at); /* was checked */
        if ((r->flags & MW_RECORD_FIRST || chunk.len + r->size > CHUNK_BYTES) &&
            add_chunk(journal, &chunk) < 0)
            return -1;
        if (mw_journal_rows_add(journal->rows, r) < 0)
            return -1;
        extend(&chunk, r);
    }
    return add_chunk(journal, &chunk) < 0 ? -1 : mw_journal_rows_flush(journal->rows);
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

/* All of one transaction: what was taken, and (`how`) the end of the run. */
static int transact(struct mw_journal *journal, const char *how, struct mw_err *err)
{
    if (!journal->db && open_file(journal, true, err) < 0)
        return -1;
    int failed = run_sql(journal, "BEGIN IMMEDIATE");
    failed = failed || add_all(journal);
    if (!failed && how)
        failed = mw_journal_rows_end_run(journal->rows, mw_host_clock_ns(), how);
    failed = failed || run_sql(journal, "COMMIT");
    if (failed) {
        mw_journal_suspect(journal->path, sqlite3_errcode(journal->db));
        (void)mw_journal_failed(journal->db, journal->path, err);
        if (!sqlite3_get_autocommit(journal->db))
            (void)run_sql(journal, "ROLLBACK"); /* the cause is told already */
    }
    mw_journal_rows_end(journal->rows, !failed);
    return failed ? -1 : 0;
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

static int commit(struct mw_journal *journal, const char *how, struct mw_err *err)
{
    size_t written = journal->len;
    if (transact(journal, how, err) < 0)
        return -1;
    forget_taken(journal);
    struct mw_err problem = {""};
    if (trim(journal, written, &problem) < 0)
        mw_err_context(&problem, "old records were not deleted");
    if (err)
        *err = problem;
    return 0;
}

int mw_journal_commit(struct mw_journal *journal, struct mw_err *err)
{
    if (journal->len)
        return commit(journal, NULL, err);
    mw_err_set(err, "%s", "");
    return 0;
}

int mw_journal_end_run(struct mw_journal *journal, const char *how, struct mw_err *err)
{
    return commit(journal, how, err);
}
