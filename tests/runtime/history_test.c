#include "history.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mw_err err;
static char directory[64], path[96];

static void begin(void)
{
    (void)snprintf(directory, sizeof directory, "%s/moonwire-history-XXXXXX", P_tmpdir);
    CHECK(mkdtemp(directory) != NULL);
    (void)snprintf(path, sizeof path, "%s/history", directory);
}

static void finish(void)
{
    (void)unlink(path);
    CHECK_INT(rmdir(directory), 0); /* nothing else was left there */
}

static void write_file(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_INT(write(fd, text, len), len);
    CHECK_INT(close(fd), 0);
}

/* How many lines are known, and the newest one. */
static int count_of(struct mw_history *kept, char *newest, size_t size)
{
    HistEvent event;
    int count = 0;
    newest[0] = '\0';
    for (int rc = history(mw_history_list(kept), &event, H_FIRST); rc >= 0;
         rc = history(mw_history_list(kept), &event, H_NEXT))
        if (count++ == 0)
            (void)snprintf(newest, size, "%s", event.str);
    return count;
}

static struct mw_history *open_it(const char *at)
{
    struct mw_history *kept = mw_history_open(at, &err);
    CHECK(kept != NULL);
    return kept;
}

static void lines_come_back(void)
{
    char newest[64];
    struct stat status;
    begin();
    struct mw_history *kept = open_it(path);
    mw_history_add(kept, "orders()");
    mw_history_add(kept, "fills()");
    mw_history_add(kept, "");
    mw_history_add(kept, "two\nlines");
    mw_history_close(kept);
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0600);
    CHECK_INT(status.st_size, strlen("orders()\nfills()\n"));
    kept = open_it(path);
    CHECK_INT(count_of(kept, newest, sizeof newest), 2);
    CHECK_TEXT(newest, "fills()");
    mw_history_close(kept);
    finish();
}

static void without_a_file_they_are_kept_for_now(void)
{
    char newest[64];
    struct mw_history *kept = open_it(NULL);
    mw_history_add(kept, "orders()");
    CHECK_INT(count_of(kept, newest, sizeof newest), 1);
    mw_history_close(kept);
    mw_history_close(NULL);
}

static void the_oldest_go_from_the_file(void)
{
    static char text[(MW_HISTORY_LINES + 500) * 8];
    char newest[64];
    struct stat status;
    size_t len = 0;
    begin();
    for (int i = 0; i < MW_HISTORY_LINES + 500; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "x%04d\n", i);
    write_file(text, len);
    struct mw_history *kept = open_it(path);
    CHECK_INT(count_of(kept, newest, sizeof newest), MW_HISTORY_LINES);
    CHECK_TEXT(newest, "x1499");
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_size, MW_HISTORY_LINES * 6);
    CHECK_INT(status.st_mode & 0777, 0600);
    mw_history_close(kept);
    finish();
}

static void what_is_no_history_does_no_harm(void)
{
    static const char garbage[] = "\xff\xfe\0\n\x1b[2J\nhalf a line";
    char newest[64];
    begin();
    write_file(garbage, sizeof garbage - 1);
    struct mw_history *kept = open_it(path);
    (void)count_of(kept, newest, sizeof newest);
    mw_history_close(kept);
    write_file("", 0);
    kept = open_it(path);
    CHECK_INT(count_of(kept, newest, sizeof newest), 0);
    mw_history_close(kept);
    finish();
}

static void a_link_to_another_file_is_not_followed(void)
{
    char newest[64], other[96];
    struct stat status;
    begin();
    (void)snprintf(other, sizeof other, "%s/other", directory);
    CHECK_INT(symlink(other, path), 0);
    struct mw_history *kept = open_it(path);
    mw_history_add(kept, "orders()");
    CHECK_INT(count_of(kept, newest, sizeof newest), 1);
    mw_history_close(kept);
    CHECK_INT(stat(other, &status), -1);
    finish();
}

static const struct test_case cases[] = {
    {"lines come back, and are their user's alone", lines_come_back},
    {"without a file they are kept for now", without_a_file_they_are_kept_for_now},
    {"the oldest go from the file", the_oldest_go_from_the_file},
    {"what is no history does no harm", what_is_no_history_does_no_harm},
    {"a link to another file is not followed", a_link_to_another_file_is_not_followed},
};
TEST_MAIN(cases)
