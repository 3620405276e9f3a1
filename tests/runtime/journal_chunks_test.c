/* Chunks of records, and rows that are drawn from them later. */
#include "journal_schema.h"
#include "journal_writer.h"

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
    CHECK_TEXT(ask("SELECT instr(unpacked(bytes), x'"
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

/* An order that changes in many chunks, in one slice of drawing: with the last state, behind the
 * rows of those that fill what is kept of states. */
static void one_state_of_many(void)
{
    begin();
    put_run();
    put_order(1, 0, "mw-long", "v-1");
    for (uint64_t n = 2; n <= 12001; n++) { /* 1.6 MB of states */
        char id[32];
        (void)snprintf(id, sizeof id, "mw-%" PRIu64, n);
        put_order(n, 0, id, NULL);
        put_status(n, "canceled", NULL, "0");
        put_status(1, "partially_filled", NULL, n % 2 ? "0.1" : "0.2");
        mw_record_told(recorder, "ladder", 6, (double)n);
        if (n == 300)
            CHECK_INT(drain(), 0); /* a chunk that is not the largest */
        if (n % 2000 == 0)
            CHECK_INT(store(), 0);
    }
    put_status(1, "filled", NULL, "0.5");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT status, count(*), max(cum_qty) FROM orders GROUP BY status"),
               "canceled|12000|0\nfilled|1|0.5");
    CHECK_TEXT(ask("SELECT told & 0xffffffff FROM persist"), "12001");
    CHECK_TEXT(ask("SELECT count(*) > 10 FROM chunks"), "1");
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
    fill_noise(message, sizeof message);
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
    CHECK_TEXT(ask("PRAGMA user_version"), "3");
    CHECK_TEXT(ask("SELECT * FROM drawn"), "1|31");
    CHECK_TEXT(ask(tables), "10|10|10");
    CHECK_TEXT(ask("SELECT how FROM runs"), "cut off");
    new_recorder();
    put_run();
    put_filled(11, 21);
    CHECK_INT(drain(), 0);
    mw_record_told(recorder, "ladder", 6, 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT told >> 32 FROM persist"), "2");
    CHECK_TEXT(ask(tables), "20|20|20");
}

/* In version 2 chunks were not packed: rows are drawn from those as well. */
static void plain_chunks(void)
{
    begin();
    put_run();
    put_filled(1, 2001);
    CHECK_INT(store(), 0);
    CHECK_TEXT(ask("SELECT sum(length(bytes)) < sum(length(unpacked(bytes))) / 4 FROM chunks"),
               "1");
    mw_journal_close(journal);
    journal = NULL;
    exec_sql("UPDATE chunks SET bytes = unpacked(bytes); PRAGMA user_version = 2");
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(ask("PRAGMA user_version"), "3");
    CHECK_TEXT(ask(tables), "2000|2000|2000");
}

/* Of a chunk that cannot be unpacked no rows are drawn; those behind it are. */
static void damaged_chunk(void)
{
    begin();
    put_run();
    put_filled(1, 2001);
    CHECK_INT(store(), 0);
    CHECK_TEXT(ask("SELECT count(*) > 3 FROM chunks"), "1");
    mw_journal_close(journal);
    journal = NULL;
    exec_sql("UPDATE chunks SET bytes = substr(bytes, 1, 1000) WHERE chunk = 2");
    reopen();
    CHECK(journal != NULL);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(ask("SELECT count(*) BETWEEN 1000 AND 1999 FROM fills"), "1");
    CHECK_TEXT(ask("SELECT client_order_id FROM orders ORDER BY key DESC LIMIT 1"), "mw-2000");
    CHECK_TEXT(ask("SELECT d.chunk = max(c.chunk) FROM chunks c, drawn d"), "1");
    CHECK_INT(mw_journal_tidy(journal, &err), 0);
}

static bool is_in_memory(const char *text, const char *memory, size_t len)
{
    return memmem(memory, len, text, strlen(text)) != NULL;
}

/* Records that could not be committed are taken once more, by another journal. */
static void masked_before(void)
{
    size_t len;
    begin();
    put_run();
    put((struct mw_record){.kind = MW_RECORD_secret}, NULL, "hunter2hunter2", 14);
    put_message("{\"key\":\"hunter2hunter2\"}");
    void *records = mw_ring_peek(ring, &len);
    CHECK_INT(mw_journal_write(journal, records, len, &err), 0);
    reopen();
    put((struct mw_record){.kind = MW_RECORD_log, .num = 2}, NULL, "a\0\0\0\0\0\0\0\0\0\0\0\0\0\0b",
        16); /* no zeros were learned */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT hex(text) FROM log"), "61000000000000000000000000000062");
    CHECK_TEXT(ask("SELECT count(*), instr(unpacked(bytes), CAST('{\"key\":\"[secret......]\"}' AS "
                   "BLOB)) > 0"
                   " FROM chunks"),
               "1|1");
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
    put_message("sign=5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddeeff00112233445566");
    put_order(1, 0, "mw-a-1", NULL);
    size_t len;
    const char *memory = mw_ring_peek(ring, &len);
    CHECK(is_in_memory("hunter2", memory, len) && is_in_memory("token-0", memory, len));
    CHECK_INT(drain(), 0);
    CHECK(!is_in_memory("hunter2", memory, len)); /* nor there, where it was consumed */
    CHECK(!is_in_memory("token-0", memory, len));
    CHECK(!is_in_memory("5f2d9c0e", memory, len));
    CHECK_TEXT(ask("SELECT text FROM log"), "key=[secret......]");
    CHECK_TEXT(ask("SELECT count(*), sum(instr(unpacked(bytes), CAST('hunter2' AS BLOB))),"
                   " sum(instr(unpacked(bytes), CAST('token-099' AS BLOB))) FROM chunks"),
               "1|0|0");
    CHECK_TEXT(ask("SELECT instr(unpacked(bytes), "
                   "CAST('{\"key\":\"[secret......]\",\"token\":\"[secret.]\","
                   "\"id\":\"mw-a-1\"}' AS BLOB)) > 0 FROM chunks"),
               "1");
    CHECK_TEXT(ask("SELECT client_order_id FROM orders"), "mw-a-1");
}

/* Data and text stand side by side; a signature at the end of one takes nothing of the other. */
static void a_mask_ends_with_its_text(void)
{
    static const char body[] =
        "sign=5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddeeff00112233445566";
    struct mw_record request = {.kind = MW_RECORD_http_request, .data_len = sizeof body - 1};
    begin();
    put_run();
    put(request, body, "POST https://127.0.0.1/", 23);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT instr(unpacked(bytes), CAST('5f2d9c0e' AS BLOB)),"
                   " instr(unpacked(bytes), CAST(']POST https://127.0.0.1/' AS BLOB)) > 0"
                   " FROM chunks"),
               "0|1");
}

static void no_record(void)
{
    begin();
    put_run();
    size_t len;
    char *records = mw_ring_peek(ring, &len);
    CHECK_INT(mw_journal_write(journal, records, len - 8, &err), -1);
    CHECK(strstr(err.text, "no record at byte 0 of "));
    CHECK_INT(mw_journal_commit(journal, &err), 0);
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "0");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT count(*) FROM runs"), "1");
}

static const struct test_case cases[] = {
    {"chunks have every record, in the order of writing, one run each", chunks_have_every_record},
    {"a journal of before chunks were packed goes on", plain_chunks},
    {"a chunk that is damaged costs its own rows", damaged_chunk},
    {"an order has its last state, in however many chunks it changed", one_state_of_many},
    {"rows of much come later, a slice at a time, in the order of writing", rows_come_later},
    {"rows that were not drawn are drawn at the next start, each once", drawn_at_the_next_start},
    {"all rows are drawn when a run ends", drawn_when_a_run_ends},
    {"a limit of size does not take what has no rows yet", undrawn_is_kept},
    {"a file of version 1 becomes one of version 2", upgraded},
    {"no secret is anywhere, and ids stay as they are", secrets_are_nowhere},
    {"what is masked at the end of data leaves the text as it is", a_mask_ends_with_its_text},
    {"what was masked and could not be stored is taken again", masked_before},
    {"what is no record is refused, and nothing of it is taken", no_record},
};

int main(void)
{
    return journal_main(cases, sizeof cases / sizeof *cases);
}
