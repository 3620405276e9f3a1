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

static const struct test_case cases[] = {
    {"a limit of size holds, and keeps the newest and all orders", limited_by_size},
    {"a limit of age keeps open orders and those with fills", limited_by_age},
};

int main(void)
{
    return journal_main(cases, sizeof cases / sizeof *cases);
}
