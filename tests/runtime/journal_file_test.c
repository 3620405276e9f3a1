/* The journal's file: opened again, foreign, damaged, without room. */
#include "journal_schema.h"
#include "journal_writer.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
    exec_sql("PRAGMA application_id = 1836019566; PRAGMA user_version = 4");
    check_refused("of version 4, this moonwire writes version 3");
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
    const unsigned seeds = 1000 / (unsigned)test_slowness();
    begin();
    put_run();
    fill_with_orders(0, 300);
    mw_journal_pause(journal); /* all of that is in the file */
    fill_with_orders(300, 600);
    struct bytes db = read_file(""), wal = read_file("-wal");
    mw_journal_close(journal);
    journal = NULL;
    for (unsigned seed = 1; seed <= seeds && !test_failures; seed++) {
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
    fill_noise(message, sizeof message);
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
    {"a file is closed and opened again, and a run that was cut off is ended", opened_again},
    {"a file that is no journal of this version is left alone", other_files_are_left_alone},
    {"a file that was cut anywhere opens, or is moved aside and that is told", cut_files},
    {"a file that goes bad while it is written is moved aside at the next start",
     damage_while_writing},
    {"a limit on the size of files is an error that loses nothing", files_that_may_not_grow},
    {"a full disk is an error that loses nothing", full_disk},
    {"a writer that is killed leaves what it committed", killed_writers},
};

int main(void)
{
    return journal_main(cases, sizeof cases / sizeof *cases);
}
