/* The limits of a journal: by size and by age. */
#include "journal_writer.h"

#include <sys/stat.h>

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
    fill_noise(message, sizeof message);
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

static int64_t wal_bytes(void)
{
    char name[sizeof path + 8];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s-wal", path); /* fits */
    return stat(name, &st) == 0 ? st.st_size : 0;
}

/* So many MB, a message at a time; returns the largest that file and WAL were together. The first
 * text that a commit leaves stays in `told`. */
static int64_t flood(int megabytes, char *told, size_t size)
{
    static char message[100000];
    int64_t largest = 0;
    fill_noise(message, sizeof message);
    told[0] = '\0';
    for (int i = 0; i < 10 * megabytes; i++) {
        struct stat st = {.st_size = 0};
        put_message(message);
        CHECK_INT(store(), 0);
        if (!told[0])
            (void)snprintf(told, size, "%s", err.text); /* cut, if need be */
        while (mw_journal_is_behind(journal))           /* as drain.c does */
            CHECK(mw_journal_tidy(journal, &err) >= 0);
        int64_t both = (stat(path, &st) == 0 ? st.st_size : 0) + wal_bytes();
        largest = both > largest ? both : largest;
    }
    return largest;
}

/* With what waits in the WAL: a quarter of the limit, or 8 MB. */
static void limited_with_its_wal(void)
{
    char told[MW_ERR_MAX];
    options.max_bytes = 16 << 20;
    begin();
    put_run();
    CHECK(flood(60, told, sizeof told) < 26 << 20);
    CHECK_TEXT(told, "");
    CHECK_TEXT(ask("PRAGMA integrity_check"), "ok");
    options.max_bytes = 0;
}

/* Who reads in one transaction sees one state, and the WAL must keep all that came after it. */
static void held_by_a_reader(void)
{
    char told[MW_ERR_MAX], expected[sizeof path + 64];
    sqlite3 *reader = NULL;
    options.max_bytes = 16 << 20;
    begin();
    put_run();
    CHECK_INT(store(), 0);
    CHECK_INT(sqlite3_open(path, &reader), SQLITE_OK);
    CHECK_INT(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM chunks", NULL, NULL, NULL),
              SQLITE_OK);
    (void)flood(40, told, sizeof told);
    (void)snprintf(expected, sizeof expected, "journal %s: somebody has been reading it for long",
                   path);
    CHECK(strncmp(told, expected, strlen(expected)) == 0);
    CHECK(wal_bytes() > 32 << 20); /* nothing is lost for it */
    CHECK_INT(sqlite3_close(reader), SQLITE_OK);
    (void)flood(20, told, sizeof told);
    CHECK(wal_bytes() < 10 << 20);
    CHECK_TEXT(ask("SELECT max(last) FROM chunks"), "601");
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

static void put_text(const char *name)
{
    struct mw_record persist = {.kind = MW_RECORD_persist};
    persist.text_len = (uint32_t)strlen(name);
    mw_record_put(recorder, &persist, NULL, name);
}

static void limited_with_replaced_orders(void)
{
    options.max_age_ns = 1;
    begin();
    put_run();
    put_order(1, 0, "mw-open", NULL);
    put_order(2, 0, "mw-filled", NULL);
    put_fill(2, 0, "t1", "0.5", "950000000");
    put_status(2, "filled", NULL, "0.5");
    put_text("replace:idx:mw-open");
    put_text("replaced:idx:mw-open-2");
    put_text("replace:idx:mw-filled");
    put_text("replace:other:mw-open");
    put_text("a strategy");
    CHECK_INT(drain(), 0);
    put_message("the newest");
    CHECK_INT(drain(), 0);
    CHECK_TEXT(ask("SELECT strategy FROM persist ORDER BY strategy"),
               "a strategy\nreplace:idx:mw-open");
    options.max_age_ns = 0;
}

static const struct test_case cases[] = {
    {"a limit of size holds, and keeps the newest and all orders", limited_by_size},
    {"what waits in the WAL is bounded by the limit too", limited_with_its_wal},
    {"a reader that holds the WAL is told, and holds nothing else", held_by_a_reader},
    {"a limit of age keeps open orders and those with fills", limited_by_age},
    {"a limit of age keeps what open orders were before", limited_with_replaced_orders},
};

int main(void)
{
    return journal_main(cases, sizeof cases / sizeof *cases);
}
