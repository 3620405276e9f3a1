/* The rows that a journal draws from records. */
#include "journal_writer.h"

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
    put_order(9, MW_ORDER_FLAG_external, NULL, "ext-9"); /* shown again, after it was forgotten */
    put_status(5, "canceled", NULL, "0.2");              /* in a later transaction too */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT cum_qty FROM orders WHERE client_order_id = 'mw-a-1'"), "0.2");
    CHECK_TEXT(ask("SELECT number FROM orders WHERE order_id = 'ext-9'"), "9");
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

/* One that dies behind its first record leaves that number to the next one, too. */
static void runs_of_one_record(void)
{
    begin();
    for (int i = 0; i < 3; i++) {
        new_recorder();
        put_run();
        CHECK_INT(drain(), 0);
    }
    CHECK_TEXT(ask("SELECT run, first, last FROM chunks"), "1|1|1\n2|1|1\n3|1|1");
}

/* What was taken of two runs and could not be stored is of these two all the same. */
static void fails_between_runs(void)
{
    begin();
    put_run();
    CHECK_INT(drain(), 0);
    put_message("the last of the first");
    new_recorder();
    put_run();
    exec_sql("CREATE TRIGGER never BEFORE INSERT ON chunks WHEN NEW.run > 1"
             " BEGIN SELECT RAISE(FAIL, 'never'); END");
    CHECK_INT(store(), -1);
    exec_sql("DROP TRIGGER never");
    CHECK_INT(mw_journal_commit(journal, &err), 0);
    CHECK_TEXT(ask("SELECT run, sum(last - first + 1) FROM chunks GROUP BY run"), "1|2\n2|1");
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
    /* Told once more, it is no more than it was. */
    put_fill(1, MW_FILL_FLAG_amends, "t4", "0.15", "940000000");
    put_fill(1, MW_FILL_FLAG_amends, "t2", "0.2", "940000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT trade_id, qty FROM fills WHERE qty <> '0' ORDER BY fill"),
               "t1|0.1\nt2|0.2\nt3|0.15\nt4|0.15");
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
    mw_record_told(recorder, "a", 1, 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|-|1|0");
    put_order(1, 0, "mw-a-1", NULL);
    put_fill(1, 0, "t1", "0.1", "950000000");
    put_fill(1, 0, "t2", "0.1", "950000000");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT fill >> 32, fill & 255 FROM fills"), "1|1\n1|2");
    for (int i = 1; i <= 3; i++) {
        mw_record_told(recorder, "a", 1, i);
        mw_record_told(recorder, "bc", 2, i + 10);
    }
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|-|1|3\nbc|-|1|13");
    mw_record_told(recorder, "a", 1, 4);
    put_persist("a\0{}", 4, 5); /* with one record: what is kept, and what was told */
    mw_record_told(recorder, "bc", 2, 14);
    put_persist("bc\0{}", 5, 0);
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|{}|1|5\nbc|{}|1|14");
    new_recorder();
    put_run();
    mw_record_told(recorder, "a", 1, 4294967302.0); /* of the run before */
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask(question), "a|{}|1|6\nbc|{}|1|14");
    mw_record_told(recorder, "a", 1, 1);
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

static const struct test_case cases[] = {
    {"an order and its fills become rows, and follow what happens", an_order_and_its_fills},
    {"an order of an earlier run stays one row", one_order_is_one_row},
    {"a process that numbers anew is a run of its own", numbers_begin_anew},
    {"a process that recorded once is a run, and so is the next one", runs_of_one_record},
    {"records of two runs that fail together stay apart", fails_between_runs},
    {"the last word about an order counts", a_word_in_between},
    {"an amended fill changes its row, and names what was counted by total", amended_fills},
    {"the last ten versions of code are kept", ten_versions},
    {"a journal without versions gets their table", versions_of_an_old_journal},
    {"how far a strategy has heard of its fills is kept, with what it keeps", what_was_told},
    {"sessions, log, dropped commands and persisted state have rows", all_other_rows},
};

int main(void)
{
    return journal_main(cases, sizeof cases / sizeof *cases);
}
