#include "history.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_MAX = 1024 * 1024 };

struct mw_history {
    History *list;
    char *path; /* or NULL */
};

static void enter(struct mw_history *kept, const char *line)
{
    HistEvent event;
    (void)history(kept->list, &event, H_ENTER, line); /* without memory it is not remembered */
}

/* What is beyond the limit is left out for good. */
static void trim(const struct mw_history *kept, const char *text)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s.new", kept->path);
    if (len < 0 || (size_t)len >= sizeof path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* it is trimmed another time */
    size_t size = strlen(text);
    bool is_whole = write(fd, text, size) == (ssize_t)size;
    if (close(fd) < 0 || !is_whole || rename(path, kept->path) < 0)
        (void)unlink(path); /* the old one stays */
}

/* The last lines of the file, which others may have written. */
static void load(struct mw_history *kept)
{
    char *text = malloc(BYTES_MAX + 1);
    int fd = open(kept->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (!text || fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        goto out;
    off_t from = status.st_size > BYTES_MAX ? status.st_size - BYTES_MAX : 0;
    ssize_t len = pread(fd, text, BYTES_MAX, from);
    if (len <= 0)
        goto out;
    text[len] = '\0';
    char *line = text + len;
    int lines = 0;
    while (line > text && lines <= MW_HISTORY_LINES)
        lines += *--line == '\n';
    if (lines > MW_HISTORY_LINES)
        trim(kept, ++line);
    for (char *lf; (lf = strchr(line, '\n')); line = lf + 1) {
        *lf = '\0';
        enter(kept, line);
    }
out:
    free(text);
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
}

void mw_history_add(struct mw_history *kept, const char *line)
{
    size_t len = strlen(line);
    if (!len || strchr(line, '\n'))
        return;
    enter(kept, line);
    int fd = kept->path
                 ? open(kept->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    char *text = fd < 0 ? NULL : malloc(len + 1);
    if (text) {
        memcpy(text, line, len);
        text[len] = '\n';
        /* One write a line: several prompts may share the file. What fails is not remembered. */
        (void)!write(fd, text, len + 1);
    }
    free(text);
    if (fd >= 0)
        (void)close(fd); /* as above */
}

struct mw_history *mw_history_open(const char *path, struct mw_err *err)
{
    HistEvent event;
    struct mw_history *kept = calloc(1, sizeof *kept);
    if (!kept || !(kept->list = history_init()) || (path && !(kept->path = strdup(path)))) {
        mw_err_set(err, "out of memory");
        mw_history_close(kept);
        return NULL;
    }
    (void)history(kept->list, &event, H_SETSIZE, (int)MW_HISTORY_LINES);
    (void)history(kept->list, &event, H_SETUNIQUE, 1); /* these fail for no such number */
    if (kept->path)
        load(kept);
    return kept;
}

void mw_history_close(struct mw_history *kept)
{
    if (!kept)
        return;
    if (kept->list)
        history_end(kept->list);
    free(kept->path);
    free(kept);
}

History *mw_history_list(struct mw_history *kept)
{
    return kept->list;
}
