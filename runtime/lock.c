#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int mw_lock_directory(char *dir, size_t size, struct mw_err *err)
{
    struct stat found;
    (void)snprintf(dir, size, "%s/moonwire-%u", P_tmpdir, (unsigned)geteuid());
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        mw_err_set(err, "directory of locks %s: %s", dir, strerror(errno));
        return -1;
    }
    if (lstat(dir, &found) < 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid() ||
        (found.st_mode & 077) != 0) {
        mw_err_set(err, "directory of locks %s: it must be a directory of yours with mode 0700",
                   dir);
        return -1;
    }
    return 0;
}

/* What the holder wrote, without what would disturb a terminal. */
static void read_holder(int fd, char *text, size_t size)
{
    ssize_t len = pread(fd, text, size - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    if (!text[0])
        (void)snprintf(text, size, "another program");
}

/* Whether the file at `path` is still the one that was opened: somebody may have cleaned up. */
static bool is_at(const char *path, int fd)
{
    struct stat opened, found;
    return fstat(fd, &opened) == 0 && stat(path, &found) == 0 && opened.st_ino == found.st_ino &&
           opened.st_dev == found.st_dev;
}

static int write_holder(int fd, const char *path, const char *holder, struct mw_err *err)
{
    char line[8192];
    int len = snprintf(line, sizeof line, "%s\n", holder);
    if (len < 0 || (size_t)len >= sizeof line)
        len = (int)sizeof line - 1;
    if (ftruncate(fd, 0) == 0 && pwrite(fd, line, (size_t)len, 0) == len)
        return 0;
    mw_err_set(err, "lock %s: %s", path, strerror(errno));
    return -1;
}

int mw_lock_take(const char *path, const char *holder, char *holder_of, size_t size,
                 struct mw_err *err)
{
    int fd;
    for (bool is_locked = false; !is_locked;) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            mw_err_set(err, "lock %s: %s", path, strerror(errno));
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            read_holder(fd, holder_of, size);
            (void)close(fd);
            return MW_LOCK_HELD;
        }
        is_locked = is_at(path, fd);
        if (!is_locked)
            (void)close(fd); /* a file that has no name any more: the next one counts */
    }
    if (write_holder(fd, path, holder, err) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

void mw_lock_release(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* nothing was left to write */
}

void mw_lock_remove(int fd)
{
    char link[64], name[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    if (is_at(name, fd))
        (void)unlink(name); /* one that stays locks nothing */
    mw_lock_release(fd);
}
