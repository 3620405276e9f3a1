/* Records that a recorder wrote, in the file that the journal makes of them. */
#include "journal.h"
#include "journal_schema.h"
#include "record.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/moonwire-journal-XXXXXX";
static char path[128];
static struct mw_err err;
static struct mw_ring *ring;
static struct mw_recorder *recorder;
static uint32_t fill_count;
static struct mw_journal *journal;
static struct mw_journal_options options = {path, 0, 0};

static bool never_room(void *arg, bool is_first)
{
    (void)arg;
    (void)is_first;
    abort(); /* the tests drain the ring in time */
}

static void remove_files(void)
{
    char command[256];
    (void)snprintf(command, sizeof command, "rm -f %s*", path);
    if (system(command) != 0) /* NOLINT(cert-env33-c): names of our own */
        abort();
}

static void new_recorder(void)
{
    const struct mw_recorder_options recording = {.ring = ring, .on_full = never_room};
    mw_recorder_free(recorder);
    if (!(recorder = mw_recorder_new(&recording, &err)))
        abort();
    fill_count = 0;
}

/* A file without anything in it, and a recorder that counts from 1. */
static void begin(void)
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

static void put(struct mw_record record, const char *data, const char *text, size_t text_len)
{
    record.data_len = (uint32_t)(data ? strlen(data) : 0);
    record.text_len = (uint32_t)text_len;
    mw_record_put(recorder, &record, data, text);
}

static void put_run(void)
{
    struct mw_record run = {.kind = MW_RECORD_run, .num = 77, .num2 = 5};
    put(run, NULL,
        "desk\0"
        "0.1.0\0"
        "moonwire.lua",
        24);
}

/* What the ring has, into the journal; -1 as soon as that fails. */
static int store(void)
{
    size_t len;
    const void *records = mw_ring_peek(ring, &len);
    int result = mw_journal_write(journal, records, len, &err);
    mw_ring_consume(ring, len);
    return result < 0 ? -1 : mw_journal_commit(journal, &err);
}

/* And all rows of it. */
static int drain(void)
{
    struct mw_err problem;
    if (store() < 0)
        return -1;
    if (mw_journal_draw(journal, &problem) == 0)
        return 0;
    err = problem;
    return -1;
}

/* What a query gives, values with "|" and rows with "\n" between; NULL is "-". */
static const char *ask(const char *sql)
{
    static char text[4096];
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t used = 0;
    text[0] = '\0';
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
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

static void reopen(void)
{
    mw_journal_close(journal);
    journal = mw_journal_open(&options, &err);
}

static void exec_sql(const char *sql)
{
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK || sqlite3_close(db) != SQLITE_OK)
        abort();
}

/* Records of orders ---------------------------------------------------------------------------- */

static struct mw_decimal decimal(const char *text)
{
    struct mw_decimal d;
    if (mw_decimal_parse(&d, text, strlen(text)) < 0)
        abort();
    return d;
}

static struct mw_order_words words_of(const char *client_order_id, const char *order_id)
{
    return (struct mw_order_words){
        client_order_id, order_id, "idx",         "BTC/IDR", "buy",
        "limit",         "gtc",    "pending_new", "ladder",  "on_start (strategies/ladder.lua:34)"};
}

static void put_order(uint64_t number, unsigned flags, const char *client_order_id,
                      const char *order_id)
{
    struct mw_decimal price = decimal("950000000"), qty = decimal("0.5");
    struct mw_order_words words = words_of(client_order_id, order_id);
    mw_record_order(recorder, number, flags, &price, &qty, NULL, &words);
}

static void put_status(uint64_t number, const char *status, const char *order_id, const char *cum)
{
    struct mw_order_totals totals = {.cum = decimal(cum)};
    struct mw_decimal price = decimal("950000000");
    if (mw_decimal_mul(&totals.value, &totals.cum, &price) < 0)
        abort();
    mw_record_order_status(recorder, number, &totals, status, order_id, NULL);
}

static void put_fill(uint64_t number, unsigned flags, const char *trade_id, const char *qty,
                     const char *price)
{
    struct mw_execution x = {
        .qty = decimal(qty), .price = decimal(price), .liquidity = 1, .time = 1700000000.25};
    struct mw_decimal fee = decimal("0.25");
    if (mw_execution_add_fee(&x, &fee, mw_asset_number("IDR", 3)) < 0)
        abort();
    mw_record_fill(recorder, number, flags, &x, trade_id, 0, ++fill_count);
}

/* Rows ----------------------------------------------------------------------------------------- */

static void an_order_and_its_fills(void)
{
    begin();
    put_run();
    put_order(7, 0, "mw-a-1", NULL);
    put_status(7, "new", "btcidr-limit-1", "0");
    put_fill(7, 0, "t1", "0.2", "950000000");
    put_status(7, "partially_filled", "btcidr-limit-1", "0.2");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT client_order_id, order_id, venue, symbol, side, type, time_in_force,"
                   " price, qty, amount, status, cum_qty, value, strategy, callback, external"
                   " FROM orders"),
               "mw-a-1|btcidr-limit-1|idx|BTC/IDR|buy|limit|gtc|950000000|0.5|-|partially_filled"
               "|0.2|190000000|ladder|on_start (strategies/ladder.lua:34)|0");
    CHECK_TEXT(ask("SELECT trade_id, f.qty, f.price, liquidity, fees, time_ns, o.client_order_id"
                   " FROM fills f JOIN orders o ON o.key = f.order_key"),
               "t1|0.2|950000000|maker|0.25 IDR|1700000000250000000|mw-a-1");
    put_fill(7, 0, "t2", "0.3", "950000000");
    put_status(7, "filled", NULL, "0.5");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT status, order_id, cum_qty, number, run FROM orders"),
               "filled|btcidr-limit-1|0.5|7|1");
    CHECK_TEXT(ask("SELECT count(*) FROM fills"), "2");
}

static void one_order_is_one_row(void)
{
    begin();
    put_run();
    put_order(1, 0, "mw-a-1", NULL);
    put_order(2, MW_ORDER_FLAG_external, NULL, "ext-9");
    put_status(1, "new", "v-1", "0");
    CHECK_INT(drain(), 0);
    new_recorder();
    put_run(); /* the next run: other numbers, the same orders */
    put_order(5, MW_ORDER_FLAG_known, "mw-a-1", "v-1");
    put_order(6, MW_ORDER_FLAG_known | MW_ORDER_FLAG_external, NULL, "ext-9");
    put_order(1, 0, "mw-b-1", NULL);
    put_status(5, "canceled", NULL, "0.1");
    put_fill(5, 0, "t1", "0.1", "950000000");
    put_status(6, "filled", NULL, "0.5");
    put_status(1, "rejected", NULL, "0");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(
        ask("SELECT client_order_id, order_id, run, number, status, cum_qty, external FROM"
            " orders ORDER BY key"),
        "mw-a-1|v-1|2|5|canceled|0.1|0\n-|ext-9|2|6|filled|0.5|1\nmw-b-1|-|2|1|rejected|0|0");
    CHECK_TEXT(ask("SELECT client_order_id FROM fills JOIN orders ON key = order_key"), "mw-a-1");
    put_status(5, "canceled", NULL, "0.2"); /* in a later transaction too */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT cum_qty FROM orders WHERE client_order_id = 'mw-a-1'"), "0.2");
}

/* As a sweeper does: it numbers its orders anew and has no name. */
static void numbers_begin_anew(void)
{
    begin();
    put_run();
    put_order(1, 0, "mw-a-1", NULL);
    put_order(2, 0, "mw-a-2", NULL);
    CHECK_INT(drain(), 0);
    new_recorder();
    struct mw_record secret = {.kind = MW_RECORD_secret};
    for (int i = 0; i < 9; i++) /* the first that is stored has a higher number than any before */
        put(secret, NULL, "a secret", 8);
    put_order(1, MW_ORDER_FLAG_external, NULL, "ext-1");
    put_order(2, MW_ORDER_FLAG_known, "mw-a-1", "v-1");
    put_status(2, "canceled", NULL, "0");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT client_order_id, order_id, run, status FROM orders ORDER BY key"),
               "mw-a-1|v-1|2|canceled\nmw-a-2|-|1|pending_new\n-|ext-1|2|pending_new");
    CHECK_TEXT(ask("SELECT run, name FROM runs"), "1|desk\n2|-");
    CHECK_INT(mw_journal_end_run(journal, "swept", &err), 0);
    CHECK_TEXT(ask("SELECT run, how FROM runs"), "1|-\n2|swept");
}

static void a_word_in_between(void)
{
    begin();
    put_run();
    put_order(1, 0, "mw-a-1", NULL);
    put_status(1, "unknown", NULL, "0.1");
    put_order(1, 0, "mw-a-1", "v-1"); /* says pending_new, and is the later word */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT status, cum_qty, order_id FROM orders"), "pending_new|0.1|v-1");
}

static void amended_fills(void)
{
    begin();
    put_run();
    put_order(1, 0, "mw-a-1", NULL);
    put_fill(1, MW_FILL_FLAG_provisional, "t1", "0.1", "950000000");
    put_fill(1, MW_FILL_FLAG_amends, "t1", "0.1", "940000000"); /* its true price */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT trade_id, qty, price, flags FROM fills"), "t1|0.1|940000000|1");
    /* Counted by total, and then told in trades, the second of which has something new. */
    put_fill(1, MW_FILL_FLAG_estimate, NULL, "0.3", "950000000");
    put_fill(1, MW_FILL_FLAG_amends, "t2", "0.2", "940000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT trade_id, qty, flags FROM fills ORDER BY fill"),
               "t1|0.1|1\n-|0.1|2\nt2|0.2|1");
    put_fill(1, 0, "t3", "0.05", "940000000");
    put_fill(1, MW_FILL_FLAG_amends, "t3", "0.1", "940000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT trade_id, qty FROM fills WHERE qty <> '0' ORDER BY fill"),
               "t1|0.1\nt2|0.2\nt3|0.15");
    /* What on_fill hears stays. */
    CHECK_TEXT(ask("SELECT fill & 255, trade_id, coalesce(new_qty, qty) FROM fills"
                   " WHERE coalesce(new_qty, qty) <> '0' ORDER BY fill"),
               "1|t1|0.1\n3|-|0.3\n5|t3|0.05");
    /* The same with a price that is a bound in both parts, and then known. */
    put_fill(1, MW_FILL_FLAG_estimate, NULL, "0.1", "950000000");
    put_fill(1, MW_FILL_FLAG_provisional, "t4", "0.05", "950000000");
    put_fill(1, MW_FILL_FLAG_provisional | MW_FILL_FLAG_amends, "t4", "0.1", "950000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT trade_id, qty, flags FROM fills"
                   " WHERE trade_id IS 't4' OR flags = 2 AND qty <> '0'"),
               "t4|0.15|5");
    put_fill(1, MW_FILL_FLAG_amends, "t4", "0.15", "940000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT qty, price, flags FROM fills WHERE trade_id = 't4'"),
               "0.15|940000000|1");
}

static void put_persist(const char *text, size_t len, int64_t fill)
{
    struct mw_record persist = {.kind = MW_RECORD_persist, .num = fill};
    put(persist, NULL, text, len);
}

static void what_was_told(void)
{
    const char *question = "SELECT strategy, text, told >> 32, told & 255 FROM persist";
    begin();
    put_run();
    mw_record_told(recorder, "a", 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|-|1|0");
    put_order(1, 0, "mw-a-1", NULL);
    put_fill(1, 0, "t1", "0.1", "950000000");
    put_fill(1, 0, "t2", "0.1", "950000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT fill >> 32, fill & 255 FROM fills"), "1|1\n1|2");
    for (int i = 1; i <= 3; i++) {
        mw_record_told(recorder, "a", i);
        mw_record_told(recorder, "bc", i + 10);
    }
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|-|1|3\nbc|-|1|13");
    mw_record_told(recorder, "a", 4);
    put_persist("a\0{}", 4, 5); /* with one record: what is kept, and what was told */
    mw_record_told(recorder, "bc", 14);
    put_persist("bc\0{}", 5, 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|{}|1|5\nbc|{}|1|14");
    new_recorder();
    put_run();
    mw_record_told(recorder, "a", 4294967302.0); /* of the run before */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|{}|1|6\nbc|{}|1|14");
    mw_record_told(recorder, "a", 1);
    put_persist("bc\0{1}", 6, 2);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|{}|2|1\nbc|{1}|2|2");
}

static void put_version(int64_t number, const char *text)
{
    struct mw_record reload = {.kind = MW_RECORD_reload, .num = number};
    put(reload, text, "ladder\0saved\0ladder.lua\0loaded\0", 31);
}

static void ten_versions(void)
{
    begin();
    put_run();
    for (int64_t number = 1; number <= 12; number++)
        put_version(number, number == 12 ? "return 12" : "return");
    put_version(0, NULL); /* one that failed: no version */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT count(*), min(number), max(number) FROM versions"), "10|3|12");
    CHECK_TEXT(ask("SELECT name, file, why, text FROM versions WHERE number = 12"),
               "ladder|ladder.lua|saved|return 12");
}

static void versions_of_an_old_journal(void)
{
    begin();
    put_run();
    CHECK_INT(drain(), 0);
    mw_journal_close(journal);
    exec_sql("DROP TABLE versions"); /* as journals were before there was a reload */
    journal = mw_journal_open(&options, &err);
    CHECK(journal != NULL);
    new_recorder();
    put_run();
    put_version(1, "return");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT name, number FROM versions"), "ladder|1");
}

static void all_other_rows(void)
{
    begin();
    put_run();
    struct mw_record session = {.kind = MW_RECORD_session}, log = {.kind = MW_RECORD_log, .num = 1};
    struct mw_record dropped = {.kind = MW_RECORD_dropped}, persist = {.kind = MW_RECORD_persist};
    struct mw_record alarm = {.kind = MW_RECORD_alarm};
    put(session, NULL, "idx\0up\0", 8);
    put(log, NULL, "late answer id=4", 16);
    put(alarm, NULL, "ring full", 9);
    put(dropped, NULL, "ladder\0on_fill\0submit\0raised\0", 29);
    put(persist, NULL, "ladder\0first", 12);
    put(persist, NULL, "ladder\0second", 13);
    put(persist, NULL, "empty\0", 6);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT name, version, config, pid, epoch, ended_ns FROM runs"),
               "desk|0.1.0|moonwire.lua|77|5|-");
    CHECK_TEXT(ask("SELECT run, venue, state, why FROM sessions"), "1|idx|up|-");
    CHECK_TEXT(ask("SELECT level, text FROM log"), "warn|late answer id=4\nalarm|ring full");
    CHECK_TEXT(ask("SELECT strategy, callback, command, why FROM dropped"),
               "ladder|on_fill|submit|raised");
    CHECK_TEXT(ask("SELECT strategy, text FROM persist ORDER BY 1"), "empty|\nladder|second");
    CHECK_INT(mw_journal_end_run(journal, "killed by signal 9", &err), 0);
    CHECK_TEXT(ask("SELECT how, ended_ns >= started_ns FROM runs"), "killed by signal 9|1");
}

/* Chunks --------------------------------------------------------------------------------------- */

static void put_message(const char *text)
{
    struct mw_record send = {.kind = MW_RECORD_ws_send, .id = 3, .num = 1};
    put(send, text, NULL, 0);
}

static void chunks_have_every_record(void)
{
    static char large[300000];
    begin();
    put_run();
    memset(large, ' ', sizeof large - 1);
    for (int i = 0; i < 20; i++)
        put_message(i == 10 ? large : "{\"method\":10}");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT chunk, run, first, last FROM chunks"), "1|1|1|11\n2|1|12|12\n3|1|13|21");
    put_message("later");
    CHECK_INT(drain(), 0);
    new_recorder();
    put_message("before it has a name");
    put_run();
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT chunk, run, first, last FROM chunks WHERE chunk > 3"),
               "4|1|22|22\n5|2|1|2");
    CHECK_TEXT(ask("SELECT run, name FROM runs"), "1|desk\n2|desk");
    CHECK_TEXT(ask("SELECT min(to_ns >= from_ns AND from_ns > 1600000000000000000) FROM chunks"),
               "1");
    CHECK_TEXT(ask("SELECT instr(bytes, x'"
                   "7b226d6574686f64223a31307d"
                   "') > 0 FROM chunks"
                   " WHERE chunk = 1"),
               "1"); /* the message */
}

/* Drawing rows later ----------------------------------------------------------------------------
 */

/* So many orders, each filled, into the ring; the first 20,000 of a run fit into it. */
static void put_filled(uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++) {
        char id[32];
        (void)snprintf(id, sizeof id, "mw-%" PRIu64, n);
        put_order(n, 0, id, NULL);
        put_fill(n, 0, id, "0.5", "950000000");
        put_status(n, "filled", NULL, "0.5");
    }
}

static const char tables[] = "SELECT (SELECT count(*) FROM orders WHERE status = 'filled'),"
                             " (SELECT count(*) FROM orders), (SELECT count(*) FROM fills)";

static void rows_come_later(void)
{
    begin();
    put_run();
    put_filled(1, 2001);
    CHECK_INT(store(), 0);
    CHECK_TEXT(ask("SELECT sum(last - first + 1) FROM chunks"), "6001");
    CHECK_TEXT(ask(tables), "0|0|0");
    put_filled(2001, 2011); /* little, but not before what was much */
    CHECK_INT(store(), 0);
    CHECK_TEXT(ask(tables), "0|0|0");
    CHECK(!mw_journal_is_behind(journal));
    unsigned slices = 0;
    for (int more = 1; more && slices < 10000; slices++) {
        more = mw_journal_tidy(journal, &err);
        CHECK(more >= 0);
    }
    CHECK(slices > 2 && slices < 10000);
    CHECK_TEXT(ask(tables), "2010|2010|2010");
    CHECK_TEXT(ask("SELECT d.chunk = c.chunk AND number = last FROM drawn d, chunks c"
                   " ORDER BY c.chunk DESC LIMIT 1"),
               "1");
    put_filled(2011, 2012);
    CHECK_INT(store(), 0);
    CHECK_TEXT(ask(tables), "2011|2011|2011"); /* little is drawn at once again */
}

/* Killed amid the drawing: the next one to open the file draws the rest, each row once. */
static void drawn_at_the_next_start(void)
{
    for (unsigned slices = 0; slices < 12 && !test_failures; slices += 3) {
        begin();
        put_run();
        put_order(1, 0, "mw-a-1", "v-1");
        put_status(1, "new", NULL, "0");
        CHECK_INT(drain(), 0);
        new_recorder();
        put_run();
        put_order(3001, MW_ORDER_FLAG_known, "mw-a-1", "v-1");
        put_filled(1, 2001);
        put_fill(3001, 0, "t1", "0.1", "950000000");
        put_status(3001, "canceled", NULL, "0.1");
        CHECK_INT(store(), 0);
        for (unsigned i = 0; i < slices; i++)
            CHECK(mw_journal_tidy(journal, &err) >= 0);
        CHECK_TEXT(ask("SELECT count(*) < 2000 FROM fills"), "1");
        reopen();
        CHECK(journal != NULL);
        CHECK_TEXT(err.text, "");
        CHECK_TEXT(ask(tables), "2000|2001|2001");
        CHECK_TEXT(ask("SELECT status, cum_qty, run, number FROM orders WHERE order_id = 'v-1'"),
                   "canceled|0.1|2|3001");
        CHECK_TEXT(ask("SELECT trade_id FROM fills f JOIN orders ON key = order_key"
                       " WHERE order_id = 'v-1'"),
                   "t1");
        CHECK_TEXT(ask("SELECT run, how FROM runs"), "1|cut off\n2|cut off");
    }
}

static void drawn_when_a_run_ends(void)
{
    begin();
    put_run();
    put_filled(1, 2001);
    struct mw_record stop = {.kind = MW_RECORD_stop};
    put(stop, NULL, "signal", 6);
    CHECK_INT(store(), 0);
    CHECK_INT(mw_journal_end_run(journal, "exit status 0", &err), 0);
    CHECK_TEXT(ask(tables), "2000|2000|2000");
    CHECK_TEXT(ask("SELECT how FROM runs"), "exit status 0");
}

/* What has no rows yet is not deleted, whatever the limit is. */
static void undrawn_is_kept(void)
{
    static char message[100000];
    options.max_bytes = 4 << 20;
    begin();
    put_run();
    memset(message, ' ', sizeof message - 1);
    for (int i = 0; i < 100; i++) {
        put_message(message);
        CHECK_INT(store(), 0);
    }
    CHECK_TEXT(ask("SELECT min(first), max(last) FROM chunks"), "1|101");
    CHECK(mw_journal_is_behind(journal));
    for (int more = 1; more > 0;)
        more = mw_journal_tidy(journal, &err);
    CHECK(!mw_journal_is_behind(journal));
    for (int i = 0; i < 3; i++) {
        put_message("small");
        CHECK_INT(store(), 0);
    }
    CHECK_TEXT(ask("SELECT count(*) < 60, max(last) FROM chunks"), "1|104");
    options.max_bytes = 0;
}

/* Before version 2 there was no table `drawn`: rows never came later. */
static void upgraded(void)
{
    begin();
    put_run();
    put_filled(1, 11);
    CHECK_INT(drain(), 0);
    mw_journal_close(journal);
    journal = NULL;
    exec_sql("DROP TABLE drawn; ALTER TABLE fills DROP COLUMN new_qty;"
             "ALTER TABLE persist DROP COLUMN told; PRAGMA user_version = 1");
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(ask("PRAGMA user_version"), "2");
    CHECK_TEXT(ask("SELECT * FROM drawn"), "1|31");
    CHECK_TEXT(ask(tables), "10|10|10");
    CHECK_TEXT(ask("SELECT how FROM runs"), "cut off");
    new_recorder();
    put_run();
    put_filled(11, 21);
    CHECK_INT(drain(), 0);
    mw_record_told(recorder, "ladder", 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT told >> 32 FROM persist"), "2");
    CHECK_TEXT(ask(tables), "20|20|20");
}

static void secrets_are_nowhere(void)
{
    begin();
    put_run();
    struct mw_record secret = {.kind = MW_RECORD_secret, .flags = MW_SECRET_FLAG_key};
    struct mw_record log = {.kind = MW_RECORD_log, .num = 2};
    put(secret, NULL, "hunter2hunter2", 14);
    for (int i = 0; i < 100; i++) { /* session tokens: none of them pushes the key out */
        char token[32];
        struct mw_record other = {.kind = MW_RECORD_secret};
        put(other, NULL, token, (size_t)snprintf(token, sizeof token, "token-%03d", i));
    }
    put_message("{\"key\":\"hunter2hunter2\",\"token\":\"token-099\",\"id\":\"mw-a-1\"}");
    put(log, NULL, "key=hunter2hunter2", 18);
    put_order(1, 0, "mw-a-1", NULL);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT text FROM log"), "key=[secret......]");
    CHECK_TEXT(ask("SELECT count(*), sum(instr(bytes, CAST('hunter2' AS BLOB))),"
                   " sum(instr(bytes, CAST('token-099' AS BLOB))) FROM chunks"),
               "1|0|0");
    CHECK_TEXT(ask("SELECT instr(bytes, CAST('{\"key\":\"[secret......]\",\"token\":\"[secret.]\","
                   "\"id\":\"mw-a-1\"}' AS BLOB)) > 0 FROM chunks"),
               "1");
    CHECK_TEXT(ask("SELECT client_order_id FROM orders"), "mw-a-1");
}

static void no_record(void)
{
    begin();
    put_run();
    size_t len;
    const char *records = mw_ring_peek(ring, &len);
    CHECK_INT(mw_journal_write(journal, records, len - 8, &err), -1);
    CHECK(strstr(err.text, "no record at byte 0 of "));
    CHECK_INT(mw_journal_commit(journal, &err), 0);
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "0");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "1");
}

/* Files ---------------------------------------------------------------------------------------- */

static void opened_again(void)
{
    struct stat st;
    begin();
    put_run();
    put_order(1, 0, "mw-a-1", NULL);
    CHECK_INT(drain(), 0);
    mw_journal_pause(journal);
    mw_journal_pause(journal);
    CHECK(access(path, F_OK) == 0);
    put_status(1, "new", "v-1", "0"); /* opens it again */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT status, order_id FROM orders"), "new|v-1");
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(ask("SELECT run, how, ended_ns IS NULL FROM runs"), "1|cut off|0");
    new_recorder();
    put_run();
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT run, how FROM runs"), "1|cut off\n2|-");
    mw_journal_close(NULL);
}

static void write_file(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) < 0)
        abort();
}

static void check_refused(const char *words)
{
    char suspicion[160];
    reopen();
    CHECK(journal == NULL);
    (void)snprintf(suspicion, sizeof suspicion, "%s-suspect", path);
    CHECK(access(suspicion, F_OK) < 0); /* nothing is put beside it */
    if (!strstr(err.text, words) || !strstr(err.text, path))
        CHECK_TEXT(err.text, words);
}

static void other_files_are_left_alone(void)
{
    static const char text[] = "dear diary, today I bought at the top. dear diary, it fell again.";
    begin();
    mw_journal_close(journal);
    journal = NULL;
    remove_files();
    write_file(text, sizeof text);
    check_refused("file is not a database");
    remove_files();
    exec_sql("CREATE TABLE mine (a)");
    check_refused("this is no journal of moonwire: name another file in journal.path");
    remove_files();
    exec_sql("PRAGMA application_id = 1836019566; PRAGMA user_version = 3");
    check_refused("of version 3, this moonwire writes version 2");
    CHECK(access(path, F_OK) == 0);
    remove_files();
    if (mkdir(path, 0700) < 0)
        abort();
    check_refused("unable to open database file");
    (void)rmdir(path);
    exec_sql("PRAGMA journal_mode = WAL"); /* its maker died before the tables stood */
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(ask("SELECT count(*) FROM orders"), "0");
}

/* Copies of a live journal, cut at a random place as a loss of power might leave them, open: as
 * they are, or aside and anew, and then it is said. */

static unsigned random_state;

static unsigned below(unsigned limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 8) % limit;
}

struct bytes {
    char *at;
    size_t len;
};

static struct bytes read_file(const char *suffix)
{
    char name[160];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    struct bytes bytes = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
    if (!bytes.at || read(fd, bytes.at, bytes.len) != st.st_size || close(fd) < 0)
        abort();
    return bytes;
}

static void write_copy(const char *suffix, const struct bytes *bytes, size_t len)
{
    size_t end = strlen(path);
    (void)snprintf(path + end, sizeof path - end, "%s", suffix);
    write_file(bytes->at, len);
    path[end] = '\0';
}

static void check_cut(struct bytes db, size_t db_len, struct bytes wal, size_t wal_len)
{
    remove_files();
    write_copy("", &db, db_len);
    write_copy("-wal", &wal, wal_len);
    reopen();
    if (!journal) {
        CHECK_TEXT(err.text, "(a journal)");
        return;
    }
    bool is_told = strstr(err.text, " is damaged (") && strstr(err.text, ".damaged-");
    CHECK(is_told || !err.text[0]);
    new_recorder();
    put_run();
    put_order(1, 0, "mw-after", NULL);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT status FROM orders WHERE client_order_id = 'mw-after'"), "pending_new");
    CHECK_TEXT(ask("PRAGMA integrity_check"), "ok");
    if (is_told)
        CHECK_TEXT(ask("SELECT count(*) FROM orders"), "1");
    if (db_len == db.len && !is_told) /* what stood in the file itself is there */
        CHECK_TEXT(ask("SELECT count(*) > 200 FROM orders"), "1");
}

static void fill_with_orders(int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[32], trade[32];
        (void)snprintf(id, sizeof id, "mw-a-%d", i);
        (void)snprintf(trade, sizeof trade, "t-%d", i);
        put_order((uint64_t)i + 1, 0, id, NULL);
        put_fill((uint64_t)i + 1, 0, trade, "0.5", "950000000");
        put_status((uint64_t)i + 1, "filled", id, "0.5");
        if (i % 20 == 19)
            CHECK_INT(drain(), 0);
    }
}

static void cut_files(void)
{
    begin();
    put_run();
    fill_with_orders(0, 300);
    mw_journal_pause(journal); /* all of that is in the file */
    fill_with_orders(300, 600);
    struct bytes db = read_file(""), wal = read_file("-wal");
    mw_journal_close(journal);
    journal = NULL;
    for (unsigned seed = 1; seed <= 1000 && !test_failures; seed++) {
        random_state = seed;
        unsigned what = below(3);
        size_t db_len = what == 0 ? db.len : below((unsigned)db.len + 1);
        size_t wal_len = what == 1 ? wal.len : below((unsigned)wal.len + 1);
        check_cut(db, db_len, wal, wal_len);
        mw_journal_close(journal);
        journal = NULL;
        if (test_failures)
            printf("seed %u: db %zu of %zu, wal %zu of %zu\n", seed, db_len, db.len, wal_len,
                   wal.len);
    }
    free(db.at);
    free(wal.at);
}

/* A sector goes bad while the journal is written: the next start has a new file. */
static void damage_while_writing(void)
{
    static char garbage[8192];
    begin();
    put_run();
    fill_with_orders(0, 300);
    mw_journal_pause(journal); /* all of that is in the file */
    struct bytes db = read_file("");
    memset(garbage, 0x5a, sizeof garbage);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (size_t at = sizeof garbage; fd >= 0 && at + sizeof garbage <= db.len; at += sizeof garbage)
        if (pwrite(fd, garbage, sizeof garbage, (off_t)at) != (ssize_t)sizeof garbage)
            abort();
    (void)close(fd);
    free(db.at);
    put_order(1000, 0, "mw-b", NULL);
    CHECK_INT(drain(), -1);
    CHECK(strstr(err.text, "malformed") && strstr(err.text, path));
    CHECK_INT(mw_journal_commit(journal, &err), -1);
    reopen();
    CHECK(journal != NULL && strstr(err.text, " is damaged ("));
    new_recorder();
    put_run();
    CHECK_INT(drain(), 0);
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(err.text, "");
}

/* No room -------------------------------------------------------------------------------------- */

/* Bytes that do not go away, until the journal fails; then room is made, and it goes on. */
static void check_full(const char *words, void (*make_room)(void))
{
    static char message[4000];
    int sent = 0, failed = 0;
    memset(message, 'm', sizeof message - 1);
    for (; sent < 2000 && !failed; sent++) {
        put_message(message);
        failed = drain();
    }
    CHECK_INT(failed, -1);
    if (!strstr(err.text, words) || !strstr(err.text, path))
        CHECK_TEXT(err.text, words);
    CHECK_INT(mw_journal_commit(journal, &err), -1);
    put_message("one more");
    CHECK_INT(drain(), -1);
    make_room();
    CHECK_INT(mw_journal_commit(journal, &err), 0);
    char expected[32];
    (void)snprintf(expected, sizeof expected, "%d", sent + 1 + 1); /* and `run` */
    CHECK_TEXT(ask("SELECT sum(last - first + 1) FROM chunks"), expected);
    CHECK_TEXT(ask("SELECT max(last) FROM chunks"), expected);
    CHECK_TEXT(ask("PRAGMA integrity_check"), "ok");
}

static void lift_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
}

static void files_that_may_not_grow(void)
{
    struct rlimit limit;
    begin();
    put_run();
    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
    limit.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
    check_full("disk", lift_limit);
}

static void enlarge_mount(void)
{
    if (mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=64m") < 0)
        abort();
}

static void full_disk(void)
{
    if (geteuid() != 0 || mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0) {
        printf("skipped: a full disk needs root\n");
        return;
    }
    begin();
    put_run();
    check_full("database or disk is full", enlarge_mount);
    mw_journal_close(journal);
    journal = NULL;
    if (umount(dir) < 0)
        abort();
}

/* Retention ------------------------------------------------------------------------------------ */

static int64_t file_bytes(void)
{
    struct stat st;
    mw_journal_pause(journal);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void limited_by_size(void)
{
    static char message[100000];
    struct mw_record log = {.kind = MW_RECORD_log, .num = 2};
    options.max_bytes = 4 << 20;
    begin();
    put_run();
    put_order(1, 0, "mw-open", NULL);
    put_order(2, 0, "mw-gone", NULL);
    put_status(2, "canceled", NULL, "0");
    memset(message, ' ', sizeof message - 1);
    for (int i = 0; i < 200; i++) { /* 20 MB */
        put_message(message);
        put(log, NULL, "sent", 4);
        CHECK_INT(drain(), 0);
        CHECK_TEXT(err.text, "");
    }
    CHECK(file_bytes() < 5 << 20);
    CHECK_TEXT(ask("SELECT max(last) FROM chunks"), "404");
    CHECK_TEXT(ask("SELECT count(*) BETWEEN 20 AND 60 FROM chunks"), "1");
    CHECK_TEXT(ask("SELECT count(*) BETWEEN 20 AND 70 FROM log"), "1");
    CHECK_TEXT(ask("SELECT client_order_id FROM orders ORDER BY key"), "mw-open\nmw-gone");
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "1");
    CHECK_TEXT(ask("PRAGMA integrity_check"), "ok");
    options.max_bytes = 1 << 20; /* a smaller limit: the file shrinks */
    reopen();
    for (int i = 0; i < 20; i++) {
        put_message("small");
        CHECK_INT(drain(), 0);
    }
    CHECK(file_bytes() < 2 << 20);
    options.max_bytes = 0;
}

static void limited_by_age(void)
{
    options.max_age_ns = 1;
    begin();
    put_run();
    put_order(1, 0, "mw-open", NULL);
    put_order(2, 0, "mw-filled", NULL);
    put_fill(2, 0, "t1", "0.5", "950000000");
    put_status(2, "filled", NULL, "0.5");
    put_order(3, 0, "mw-canceled", NULL);
    put_status(3, "canceled", NULL, "0");
    CHECK_INT(drain(), 0);
    put_message("the newest");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT count(*) FROM chunks"), "1");
    CHECK_TEXT(ask("SELECT client_order_id FROM orders ORDER BY key"), "mw-open\nmw-filled");
    CHECK_TEXT(ask("SELECT count(*) FROM fills"), "1");
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "1");
    options.max_age_ns = 0;
}

/* Deaths --------------------------------------------------------------------------------------- */

/* A writer that is killed in the middle: what it had committed is there, and no damage. */
static void killed_writers(void)
{
    for (unsigned i = 0; i < 20; i++) {
        begin();
        mw_journal_pause(journal);
        int fds[2];
        if (pipe(fds) < 0)
            abort();
        pid_t child = fork();
        if (child == 0) {
            put_run();
            for (uint64_t n = 1;; n++) {
                char id[32];
                (void)snprintf(id, sizeof id, "mw-%" PRIu64, n);
                put_order(n, 0, id, NULL);
                if (drain() < 0 || write(fds[1], &n, sizeof n) != sizeof n)
                    _exit(1);
            }
        }
        (void)close(fds[1]);
        uint64_t committed = 0;
        for (unsigned reads = 0; reads < 20 + 3 * i; reads++)
            if (read(fds[0], &committed, sizeof committed) != sizeof committed)
                break;
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        (void)close(fds[0]);
        reopen();
        CHECK(journal != NULL);
        CHECK_TEXT(err.text, "");
        char sql[80];
        (void)snprintf(sql, sizeof sql, "SELECT count(*) >= %" PRIu64 " FROM orders", committed);
        CHECK_TEXT(ask(sql), "1");
        CHECK_TEXT(ask("PRAGMA integrity_check"), "ok");
    }
}

static const struct test_case cases[] = {
    {"an order and its fills become rows, and follow what happens", an_order_and_its_fills},
    {"an order of an earlier run stays one row", one_order_is_one_row},
    {"a process that numbers anew is a run of its own", numbers_begin_anew},
    {"the last word about an order counts", a_word_in_between},
    {"an amended fill changes its row, and names what was counted by total", amended_fills},
    {"the last ten versions of code are kept", ten_versions},
    {"a journal without versions gets their table", versions_of_an_old_journal},
    {"how far a strategy has heard of its fills is kept, with what it keeps", what_was_told},
    {"sessions, log, dropped commands and persisted state have rows", all_other_rows},
    {"chunks have every record, in the order of writing, one run each", chunks_have_every_record},
    {"rows of much come later, a slice at a time, in the order of writing", rows_come_later},
    {"rows that were not drawn are drawn at the next start, each once", drawn_at_the_next_start},
    {"all rows are drawn when a run ends", drawn_when_a_run_ends},
    {"a limit of size does not take what has no rows yet", undrawn_is_kept},
    {"a file of version 1 becomes one of version 2", upgraded},
    {"no secret is anywhere, and ids stay as they are", secrets_are_nowhere},
    {"what is no record is refused, and nothing of it is taken", no_record},
    {"a file is closed and opened again, and a run that was cut off is ended", opened_again},
    {"a file that is no journal of this version is left alone", other_files_are_left_alone},
    {"a file that was cut anywhere opens, or is moved aside and that is told", cut_files},
    {"a file that goes bad while it is written is moved aside at the next start",
     damage_while_writing},
    {"a limit on the size of files is an error that loses nothing", files_that_may_not_grow},
    {"a full disk is an error that loses nothing", full_disk},
    {"a limit of size holds, and keeps the newest and all orders", limited_by_size},
    {"a limit of age keeps open orders and those with fills", limited_by_age},
    {"a writer that is killed leaves what it committed", killed_writers},
};

int main(void)
{
    if (!mkdtemp(dir) || !(ring = mw_ring_new(1 << 22, &err)))
        abort();
    (void)snprintf(path, sizeof path, "%s/journal.db", dir);
    int status = test_main(cases, sizeof cases / sizeof *cases);
    mw_journal_close(journal);
    mw_recorder_free(recorder);
    mw_ring_free(ring);
    remove_files();
    (void)rmdir(dir);
    return status;
}
