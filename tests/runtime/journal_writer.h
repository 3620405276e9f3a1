/* journal_writer.h: what the tests of the journal share: records that a recorder wrote, and the
 * file that the journal makes of them. */
#ifndef MW_TEST_JOURNAL_WRITER_H
#define MW_TEST_JOURNAL_WRITER_H

#include "journal.h"
#include "journal_chunk.h"
#include "record.h"
#include "test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/moonwire-journal-XXXXXX";
static char path[128];
static struct mw_err err;
static struct mw_ring *ring;
static struct mw_recorder *recorder;
static uint32_t fill_count;
static struct mw_journal *journal;
static struct mw_journal_options options = {path, 0, 0};

static inline bool never_room(void *arg, bool is_first)
{
    (void)arg;
    (void)is_first;
    abort(); /* the tests drain the ring in time */
}

static inline void remove_files(void)
{
    char command[256];
    (void)snprintf(command, sizeof command, "rm -f %s*", path);
    if (system(command) != 0) /* NOLINT(cert-env33-c): names of our own */
        abort();
}

static inline void new_recorder(void)
{
    const struct mw_recorder_options recording = {.ring = ring, .on_full = never_room};
    mw_recorder_free(recorder);
    if (!(recorder = mw_recorder_new(&recording, &err)))
        abort();
    fill_count = 0;
}

/* A file without anything in it, and a recorder that counts from 1. */
static inline void begin(void)
{
    mw_journal_close(journal);
    remove_files();
    new_recorder();
    journal = mw_journal_open(&options, &err);
    if (!journal) {
        printf("%s\n", err.text);
        abort();
    }
    CHECK_TEXT(err.text, "");
}

static inline void put(struct mw_record record, const char *data, const char *text, size_t text_len)
{
    record.data_len = (uint32_t)(data ? strlen(data) : 0);
    record.text_len = (uint32_t)text_len;
    mw_record_put(recorder, &record, data, text);
}

static inline void put_run(void)
{
    struct mw_record run = {.kind = MW_RECORD_run, .num = 77, .num2 = 5};
    put(run, NULL,
        "desk\0"
        "0.1.0\0"
        "moonwire.lua",
        24);
}

/* What the ring has, into the journal; -1 as soon as that fails. */
static inline int store(void)
{
    int result = 0;
    while (mw_ring_used(ring) > 0) {
        size_t len;
        void *records = mw_ring_peek(ring, &len);
        if (mw_journal_write(journal, records, len, &err) < 0)
            result = -1;
        mw_ring_consume(ring, len);
    }
    return result < 0 ? -1 : mw_journal_commit(journal, &err);
}

/* And all rows of it. */
static inline int drain(void)
{
    struct mw_err problem;
    if (store() < 0)
        return -1;
    if (mw_journal_draw(journal, &problem) == 0)
        return 0;
    err = problem;
    return -1;
}

/* unpacked(bytes) in SQL: the records of a chunk. */
static inline void unpacked(sqlite3_context *context, int count, sqlite3_value **values)
{
    const void *chunk = sqlite3_value_blob(values[0]);
    size_t stored = (size_t)sqlite3_value_bytes(values[0]);
    int64_t len = count == 1 ? mw_chunk_len(chunk, stored) : -1;
    char *records = len > 0 ? malloc((size_t)len) : NULL;
    if (records && mw_chunk_unpack(chunk, stored, records, (size_t)len) == 0)
        sqlite3_result_blob64(context, records, (sqlite3_uint64)len, SQLITE_TRANSIENT);
    else
        sqlite3_result_error(context, "a damaged chunk", -1);
    free(records);
}

static inline int open_sql(sqlite3 **db, int flags)
{
    int code = sqlite3_open_v2(path, db, flags, NULL);
    return code ? code
                : sqlite3_create_function(*db, "unpacked", 1, SQLITE_UTF8, NULL, unpacked, NULL,
                                          NULL);
}

/* What a query gives, values with "|" and rows with "\n" between; NULL is "-". */
static inline const char *ask(const char *sql)
{
    static char text[4096];
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t used = 0;
    text[0] = '\0';
    if (open_sql(&db, SQLITE_OPEN_READONLY) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        (void)snprintf(text, sizeof text, "%s", sqlite3_errmsg(db));
        (void)sqlite3_close(db);
        return text;
    }
    for (int rows = 0; sqlite3_step(statement) == SQLITE_ROW && used < sizeof text; rows++)
        for (int i = 0; i < sqlite3_column_count(statement) && used < sizeof text; i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                     i      ? "|"
                                     : rows ? "\n"
                                            : "",
                                     value ? value : "-");
        }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return text;
}

static inline void reopen(void)
{
    mw_journal_close(journal);
    journal = mw_journal_open(&options, &err);
}

static inline void exec_sql(const char *sql)
{
    sqlite3 *db;
    if (open_sql(&db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK || sqlite3_close(db) != SQLITE_OK)
        abort();
}

/* Records of orders ---------------------------------------------------------------------------- */

static inline struct mw_decimal decimal(const char *text)
{
    struct mw_decimal d;
    if (mw_decimal_parse(&d, text, strlen(text)) < 0)
        abort();
    return d;
}

static inline struct mw_order_words words_of(const char *client_order_id, const char *order_id)
{
    return (struct mw_order_words){
        client_order_id, order_id, "idx",         "BTC/IDR", "buy",
        "limit",         "gtc",    "pending_new", "ladder",  "on_start (strategies/ladder.lua:34)"};
}

static inline void put_order(uint64_t number, unsigned flags, const char *client_order_id,
                             const char *order_id)
{
    struct mw_decimal price = decimal("950000000"), qty = decimal("0.5");
    struct mw_order_words words = words_of(client_order_id, order_id);
    mw_record_order(recorder, number, flags, &price, &qty, NULL, &words);
}

static inline void put_status(uint64_t number, const char *status, const char *order_id,
                              const char *cum)
{
    struct mw_order_totals totals = {.cum = decimal(cum)};
    struct mw_decimal price = decimal("950000000");
    if (mw_decimal_mul(&totals.value, &totals.cum, &price) < 0)
        abort();
    mw_record_order_status(recorder, number, &totals, status, order_id, NULL);
}

static inline void put_fill(uint64_t number, unsigned flags, const char *trade_id, const char *qty,
                            const char *price)
{
    struct mw_execution x = {
        .qty = decimal(qty), .price = decimal(price), .liquidity = 1, .time = 1700000000.25};
    struct mw_decimal fee = decimal("0.25");
    if (mw_execution_add_fee(&x, &fee, mw_asset_number("IDR", 3)) < 0)
        abort();
    mw_record_fill(recorder, number, flags, &x, trade_id, 0, ++fill_count);
}

static inline void put_message(const char *text)
{
    struct mw_record send = {.kind = MW_RECORD_ws_send, .id = 3, .num = 1};
    put(send, text, NULL, 0);
}

/* Text without any order, which cannot be packed and looks like no secret. */
static inline void fill_noise(char *text, size_t size)
{
    static uint64_t state = 1;
    for (size_t i = 0; i + 1 < size; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        text[i] = (char)(' ' + (state >> 33) % 95);
    }
    text[size - 1] = '\0';
}

/* Runs the cases in a directory of their own. */
static inline int journal_main(const struct test_case *cases, size_t count)
{
    if (!mkdtemp(dir) || !(ring = mw_ring_new(1 << 22, &err)))
        abort();
    (void)snprintf(path, sizeof path, "%s/journal.db", dir);
    int status = test_main(cases, count);
    mw_journal_close(journal);
    mw_recorder_free(recorder);
    mw_ring_free(ring);
    remove_files();
    (void)rmdir(dir);
    return status;
}

#endif
