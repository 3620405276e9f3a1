/* The drain: what a journal that fails has not taken is neither lost nor stored twice. */
#include "drain.h"
#include "journal_writer.h"

#include <fcntl.h>

#define SECOND INT64_C(1000000000)

static struct mw_shared *shared;
static struct mw_log *quiet;
static struct mw_drain hand;
static sqlite3 *other; /* somebody who keeps the file to himself */

static void open_hand(void)
{
    CHECK_INT(mw_drain_open(&hand, &options, &err), 0);
}

static void begin_draining(void)
{
    begin();
    mw_journal_close(journal);
    journal = NULL;
    hand = (struct mw_drain){.ring = ring, .shared = shared, .log = quiet};
    open_hand();
}

static void keep_file(void)
{
    if (sqlite3_open(path, &other) != SQLITE_OK ||
        sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        abort();
}

static void give_file(void)
{
    if (sqlite3_close(other) != SQLITE_OK)
        abort();
}

static const char *stored(void)
{
    return ask("SELECT sum(last - first + 1), max(last), (SELECT count(*) FROM runs) FROM chunks");
}

static void fails_and_goes_on(void)
{
    begin_draining();
    put_run();
    put_message("one");
    keep_file();
    CHECK(!mw_drain_step(&hand, SECOND));
    CHECK(hand.is_failing);
    CHECK_INT(shared->journal_state, MW_JOURNAL_FAILING);
    CHECK(mw_drain_level(&hand) > 0);
    give_file();
    put_message("two");
    CHECK(!mw_drain_step(&hand, SECOND + 1)); /* not so soon again */
    CHECK(mw_drain_step(&hand, 3 * SECOND));
    CHECK_INT(shared->journal_state, MW_JOURNAL_OK);
    mw_drain_all(&hand, 3 * SECOND);
    CHECK(mw_drain_level(&hand) == 0);
    mw_drain_close(&hand);
    CHECK_TEXT(stored(), "3|3|1");
}

/* As when the configuration is read again while the journal fails. */
static void opened_anew(void)
{
    struct mw_record secret = {.kind = MW_RECORD_secret};
    begin_draining();
    put_run();
    put(secret, NULL, "a-key-of-ours", 13);
    put_message("signed with a-key-of-ours");
    keep_file();
    CHECK(!mw_drain_step(&hand, SECOND));
    mw_drain_close(&hand);
    give_file();
    open_hand();
    mw_drain_all(&hand, 3 * SECOND);
    mw_drain_close(&hand);
    CHECK_TEXT(stored(), "3|3|1");
    CHECK_TEXT(ask("SELECT max(instr(unpacked(bytes), 'signed with ')) > 0,"
                   " max(instr(unpacked(bytes), 'a-key-of-ours')) FROM chunks"),
               "1|0");
}

static void a_step_at_a_time(void)
{
    static char message[100000];
    begin_draining();
    memset(message, 'm', sizeof message - 1);
    for (int i = 0; i < 30; i++)
        put_message(message);
    double before = mw_drain_level(&hand);
    CHECK(mw_drain_step(&hand, SECOND));
    CHECK(hand.has_more);
    CHECK(mw_drain_level(&hand) < before && mw_drain_level(&hand) > before / 2);
    mw_drain_all(&hand, SECOND);
    mw_drain_close(&hand);
    CHECK_TEXT(stored(), "30|30|1");
}

static void put_much(void)
{
    static char message[100000];
    memset(message, 'm', sizeof message - 1);
    for (int i = 0; i < 15; i++)
        put_message(message);
}

/* Rows are drawn when it is quiet; while much comes the next look is soon. */
static void a_flood_is_not_the_time_for_rows(void)
{
    static const char rows[] = "SELECT count(*) FROM orders";
    int64_t now_ns = SECOND;
    begin_draining();
    CHECK(!mw_drain_step(&hand, now_ns - SECOND / 1000));
    for (uint64_t n = 1; n <= 3000; n++) {
        char id[32];
        (void)snprintf(id, sizeof id, "mw-%" PRIu64, n);
        put_order(n, 0, id, NULL);
        if (n % 500)
            continue;
        CHECK(mw_drain_step(&hand, now_ns)); /* 100 kB */
        CHECK(hand.is_flooded && !hand.is_pouring && !hand.has_more);
        now_ns += SECOND / 1000;
    }
    CHECK_TEXT(ask(rows), "0");
    put_much();
    CHECK(mw_drain_step(&hand, now_ns));
    CHECK(hand.has_more && hand.is_pouring);
    put_much(); /* while that was written */
    now_ns += SECOND / 50;
    while (mw_drain_step(&hand, now_ns))
        CHECK(hand.is_flooded);
    CHECK_TEXT(ask(rows), "0");
    CHECK(!mw_drain_step(&hand, now_ns + SECOND / 100));
    CHECK(hand.is_flooded);
    for (int i = 0; i < 1000 && (i == 0 || hand.has_more); i++)
        CHECK(!mw_drain_step(&hand, now_ns + SECOND / 10));
    CHECK(!hand.is_flooded);
    CHECK_TEXT(ask(rows), "3000");
    put_order(3001, 0, "mw-3001", NULL);
    CHECK(mw_drain_step(&hand, now_ns + SECOND / 5));
    CHECK(!hand.is_flooded);
    CHECK_TEXT(ask(rows), "3001");
    mw_drain_close(&hand);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"what could not be committed is, once, when the journal can be written",
         fails_and_goes_on},
        {"what a closed journal did not commit goes to the next one, its secrets masked",
         opened_anew},
        {"a step is about a megabyte", a_step_at_a_time},
        {"rows wait until a flood is over", a_flood_is_not_the_time_for_rows},
    };
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    shared = mw_shared_new(&err);
    quiet = nowhere >= 0 ? mw_log_new(nowhere, NULL, &err) : NULL;
    if (!shared || !quiet)
        return 1;
    int status = journal_main(cases, sizeof cases / sizeof *cases);
    mw_log_free(quiet);
    mw_shared_free(shared);
    (void)close(nowhere);
    return status;
}
