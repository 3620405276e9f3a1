/* Locks of a machine: one holder, who is named; what is left over locks nothing. */
#include "lock.h"
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/moonwire-lock-XXXXXX";
static char path[64];

static void test_one_holder(void)
{
    struct mw_err err = {""};
    char other[128];
    int first = mw_lock_take(path, "first", other, sizeof other, &err);
    CHECK(first >= 0);
    CHECK_INT(mw_lock_take(path, "second", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "first");
    mw_lock_release(first);
    int second = mw_lock_take(path, "second", other, sizeof other, &err);
    CHECK(second >= 0);
    CHECK_INT(mw_lock_take(path, "third", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "second");
    mw_lock_release(second);
    mw_lock_release(-1);
}

/* A child that lives on holds what its parent took. */
static void test_inherited(void)
{
    struct mw_err err = {""};
    char other[128];
    int gate[2];
    CHECK(pipe(gate) == 0);
    int fd = mw_lock_take(path, "parent", other, sizeof other, &err);
    pid_t child = fork();
    if (child == 0) {
        char end;
        (void)close(gate[1]);
        _exit(read(gate[0], &end, 1) == 0 ? 0 : 1);
    }
    (void)close(gate[0]);
    mw_lock_release(fd);
    CHECK_INT(mw_lock_take(path, "other", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "parent");
    (void)close(gate[1]);
    CHECK(waitpid(child, NULL, 0) == child);
    fd = mw_lock_take(path, "other", other, sizeof other, &err);
    CHECK(fd >= 0);
    mw_lock_release(fd);
}

/* Whoever cleans up the directory does not let in a second one behind a third. */
static void test_removed(void)
{
    struct mw_err err = {""};
    char other[128];
    int first = mw_lock_take(path, "first", other, sizeof other, &err);
    CHECK(unlink(path) == 0);
    int second = mw_lock_take(path, "second", other, sizeof other, &err);
    CHECK(second >= 0);
    CHECK_INT(mw_lock_take(path, "third", other, sizeof other, &err), MW_LOCK_HELD);
    mw_lock_release(first);
    CHECK_INT(mw_lock_take(path, "third", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "second");
    mw_lock_release(second);
}

/* Whoever has a lock has it on the file that is there: between opening and locking it the holder
 * may have removed it. Returns how often that was not so. */
static int take_and_remove(int times)
{
    int strange = 0;
    for (int i = 0; i < times; i++) {
        struct mw_err err = {""};
        struct stat held, there;
        char other[64];
        int fd = mw_lock_take(path, "one of two", other, sizeof other, &err);
        if (fd < 0)
            continue;
        strange += fstat(fd, &held) != 0 || stat(path, &there) != 0 || held.st_ino != there.st_ino;
        mw_lock_remove(fd);
    }
    return strange;
}

static void test_removed_meanwhile(void)
{
    enum { TIMES = 10000 };
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(take_and_remove(TIMES) != 0);
    CHECK_INT(take_and_remove(TIMES), 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

static void test_remove(void)
{
    struct mw_err err = {""};
    char other[128];
    int fd = mw_lock_take(path, "first", other, sizeof other, &err);
    CHECK(access(path, F_OK) == 0);
    mw_lock_remove(fd);
    CHECK(access(path, F_OK) < 0);
    fd = mw_lock_take(path, "first", other, sizeof other, &err);
    CHECK(unlink(path) == 0);
    int second = mw_lock_take(path, "second", other, sizeof other, &err);
    mw_lock_remove(fd); /* the file there is not its own */
    CHECK(access(path, F_OK) == 0);
    mw_lock_remove(second);
}

static void test_what_is_shown(void)
{
    struct mw_err err = {""};
    char other[16];
    int fd = mw_lock_take(path, "a\033[2Jb\nsecond line", other, sizeof other, &err);
    CHECK_INT(mw_lock_take(path, "x", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "a?[2Jb");
    CHECK(ftruncate(fd, 0) == 0);
    CHECK_INT(mw_lock_take(path, "x", other, sizeof other, &err), MW_LOCK_HELD);
    CHECK_TEXT(other, "another program");
    mw_lock_release(fd);
}

static void test_refused(void)
{
    struct mw_err err = {""};
    char other[16], link_path[80];
    CHECK_INT(mw_lock_take("/nowhere/at/all.lock", "x", other, sizeof other, &err), -1);
    CHECK(strstr(err.text, "/nowhere/at/all.lock: No such file") != NULL);
    (void)snprintf(link_path, sizeof link_path, "%s.link", path);
    CHECK(symlink(path, link_path) == 0);
    CHECK_INT(mw_lock_take(link_path, "x", other, sizeof other, &err), -1);
    CHECK(unlink(link_path) == 0);
}

static void test_directory(void)
{
    struct mw_err err = {""};
    char found[64];
    struct stat about;
    CHECK_INT(mw_lock_directory(found, sizeof found, &err), 0);
    CHECK(stat(found, &about) == 0);
    CHECK_INT(about.st_mode & 0777, 0700);
    CHECK(about.st_uid == geteuid());
}

/* As a user who has none yet, in a process of its own: the directory's name has the user in it. */
static int open_directory_is_refused(void)
{
    struct mw_err err = {""};
    char found[64], own[64];
    if (seteuid(54321) < 0)
        return 1;
    (void)snprintf(own, sizeof own, "%s/moonwire-54321", P_tmpdir);
    int failed = mkdir(own, 0700) < 0 || chmod(own, 0770) < 0 ||
                 mw_lock_directory(found, sizeof found, &err) != -1 ||
                 !strstr(err.text, "with mode 0700") || chmod(own, 0700) < 0 ||
                 mw_lock_directory(found, sizeof found, &err) != 0 || strcmp(found, own) != 0;
    return rmdir(own) < 0 || failed;
}

static void test_open_directory(void)
{
    int status = -1;
    if (geteuid() != 0) {
        printf("skipped: to be somebody else needs root\n");
        return;
    }
    pid_t child = fork();
    if (child == 0)
        _exit(open_directory_is_refused());
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"a lock has one holder, who is named", test_one_holder},
        {"a lock lasts as long as a child of its holder", test_inherited},
        {"a lock whose file was removed is taken anew, once", test_removed},
        {"a lock whose file is removed while it is taken is taken anew", test_removed_meanwhile},
        {"a lock's file goes with it, and no other's", test_remove},
        {"what a holder wrote is shown as one harmless line", test_what_is_shown},
        {"a lock that cannot be opened says why; links are not followed", test_refused},
        {"the directory of locks is ours alone", test_directory},
        {"a directory of locks that others can write to is refused", test_open_directory},
    };
    if (!mkdtemp(dir))
        return 1;
    (void)snprintf(path, sizeof path, "%s/a.lock", dir);
    int status = test_main(cases, sizeof cases / sizeof *cases);
    (void)unlink(path);
    (void)rmdir(dir);
    return status;
}
