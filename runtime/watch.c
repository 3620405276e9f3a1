#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOKS_MAX = 32 }; /* files that are looked at in one turn of the loop */
static const ev_tstamp look_seconds = 1, quiet_seconds = 0.1, open_seconds_max = 2;

/* What tells one state of a file from another. All zero: it is not there. */
struct state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct file {
    struct file *next;
    char *path;
    const char *name; /* in path: its last part */
    int directory;    /* inotify's number; -1: its directory is not there */
    struct state state;
    bool is_changed; /* not told yet */
    bool is_open;    /* somebody writes and has not closed it */
};

struct mw_watch {
    struct mw_host *host;
    struct file *files;
    int fd;
    ev_io hints;
    ev_timer look, quiet;
    size_t looked_at;     /* where the next look begins */
    ev_tstamp changed_at; /* the first of the changes that are not told yet */
};

static struct state state_of(const char *path)
{
    struct state state;
    struct stat st;
    memset(&state, 0, sizeof state);
    if (stat(path, &st) < 0)
        return state;
    state.device = st.st_dev;
    state.inode = st.st_ino;
    state.size = st.st_size;
    state.modified = st.st_mtim;
    state.changed = st.st_ctim;
    return state;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct state *a, const struct state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           is_same_time(&a->modified, &b->modified) && is_same_time(&a->changed, &b->changed);
}

/* -1 when the directory is not there; each look tries it again. */
static int watch_directory(const struct mw_watch *watch, const struct file *file)
{
    const uint32_t mask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                          IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
    size_t len = (size_t)(file->name - file->path);
    char *directory = len > 0 ? strndup(file->path, len) : strdup(".");
    int number = directory ? inotify_add_watch(watch->fd, directory, mask) : -1;
    free(directory);
    return number;
}

/* Changes ---------------------------------------------------------------------------------------
 */

static void wait_until_quiet(struct mw_watch *watch)
{
    struct ev_loop *loop = mw_host_loop(watch->host);
    if (!ev_is_active(&watch->quiet))
        watch->changed_at = ev_now(loop);
    else if (ev_now(loop) - watch->changed_at >= open_seconds_max)
        return; /* one that changes all the time is told all the same */
    ev_timer_stop(loop, &watch->quiet);
    ev_timer_set(&watch->quiet, quiet_seconds, 0.);
    ev_timer_start(loop, &watch->quiet);
}

static void look_at(struct mw_watch *watch, struct file *file)
{
    struct state state = state_of(file->path);
    if (is_same(&state, &file->state))
        return;
    file->state = state;
    file->is_changed = true;
    wait_until_quiet(watch);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mw_watch *watch = timer->data;
    size_t count = 0, i = 0;
    (void)loop;
    (void)revents;
    for (const struct file *file = watch->files; file; file = file->next)
        count++;
    for (struct file *file = watch->files; file; file = file->next, i++) {
        if (file->directory < 0)
            file->directory = watch_directory(watch, file);
        else if ((i + count - watch->looked_at % count) % count >= LOOKS_MAX)
            continue;
        look_at(watch, file);
    }
    watch->looked_at += LOOKS_MAX;
}

static void take_hint(struct mw_watch *watch, const struct inotify_event *hint)
{
    for (struct file *file = watch->files; file; file = file->next) {
        if (hint->mask & IN_Q_OVERFLOW) {
            look_at(watch, file);
            continue;
        }
        if (file->directory != hint->wd)
            continue;
        if (hint->mask & IN_IGNORED) /* the directory is gone */
            file->directory = -1;
        else if (hint->len == 0 || strcmp(hint->name, file->name) != 0)
            continue;
        file->is_open = hint->mask & IN_MODIFY;
        look_at(watch, file);
    }
}

static void on_hints(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mw_watch *watch = io->data;
    _Alignas(struct inotify_event) char bytes[8192];
    (void)loop;
    (void)revents;
    ssize_t len = read(watch->fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < len;) { /* nothing there: the next look will see it */
        const struct inotify_event *hint = (const struct inotify_event *)(bytes + at);
        take_hint(watch, hint);
        at += (ssize_t)(sizeof *hint + hint->len);
    }
}

static bool is_being_written(const struct mw_watch *watch)
{
    for (const struct file *file = watch->files; file; file = file->next)
        if (file->is_changed && file->is_open)
            return true;
    return false;
}

/* The paths that changed, each ended by NUL, and what is told is forgotten. NULL: no memory. */
static char *take_changed(struct mw_watch *watch, size_t *len)
{
    *len = 0;
    for (const struct file *file = watch->files; file; file = file->next)
        *len += file->is_changed ? strlen(file->path) + 1 : 0;
    char *text = malloc(*len + 1), *out = text;
    for (struct file *file = watch->files; text && file; file = file->next) {
        if (!file->is_changed)
            continue;
        size_t size = strlen(file->path) + 1;
        memcpy(out, file->path, size);
        out += size;
        file->is_changed = file->is_open = false;
    }
    return text;
}

static void on_quiet(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mw_watch *watch = timer->data;
    struct mw_event event = {.kind = MW_EVENT_file_changed};
    (void)revents;
    if (is_being_written(watch) && ev_now(loop) - watch->changed_at < open_seconds_max) {
        ev_timer_set(&watch->quiet, quiet_seconds, 0.);
        ev_timer_start(loop, &watch->quiet);
        return;
    }
    char *paths = take_changed(watch, &event.len);
    if (!paths) { /* later there may be memory */
        wait_until_quiet(watch);
        return;
    }
    event.data = paths;
    if (event.len > 0) /* 0: it is not watched any more */
        mw_host_emit(watch->host, &event);
    free(paths);
}

/* The list of files -----------------------------------------------------------------------------
 */

static struct file **find(struct mw_watch *watch, const char *path)
{
    struct file **link = &watch->files;
    while (*link && strcmp((*link)->path, path) != 0)
        link = &(*link)->next;
    return link;
}

int mw_watch_add(struct mw_watch *watch, const char *path, struct mw_err *err)
{
    if (*find(watch, path))
        return 0;
    struct file *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        mw_err_set(err, "watch %s: out of memory", path);
        return -1;
    }
    const char *slash = strrchr(file->path, '/');
    file->name = slash ? slash + 1 : file->path;
    file->directory = watch_directory(watch, file); /* first: what changes from here on is seen */
    file->state = state_of(path);
    file->next = watch->files;
    watch->files = file;
    return 0;
}

static void free_file(struct file *file)
{
    free(file->path);
    free(file);
}

void mw_watch_remove(struct mw_watch *watch, const char *path)
{
    struct file **link = find(watch, path), *file = *link;
    if (!file)
        return;
    *link = file->next;
    bool is_shared = false;
    for (const struct file *other = watch->files; other; other = other->next)
        is_shared = is_shared || other->directory == file->directory;
    if (file->directory >= 0 && !is_shared)
        (void)inotify_rm_watch(watch->fd, file->directory); /* it may have gone by itself */
    free_file(file);
}

struct mw_watch *mw_watch_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        mw_err_set(err, "watch: out of memory");
        return NULL;
    }
    watch->host = host;
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    ev_io_init(&watch->hints, on_hints, watch->fd, EV_READ);
    ev_timer_init(&watch->look, on_look, look_seconds, look_seconds);
    ev_timer_init(&watch->quiet, on_quiet, quiet_seconds, 0.);
    watch->hints.data = watch->look.data = watch->quiet.data = watch;
    if (watch->fd >= 0) /* else (too many users of it) a change is seen within a second */
        ev_io_start(mw_host_loop(host), &watch->hints);
    ev_timer_start(mw_host_loop(host), &watch->look);
    return watch;
}

void mw_watch_free(struct mw_watch *watch)
{
    if (!watch)
        return;
    struct ev_loop *loop = mw_host_loop(watch->host);
    ev_io_stop(loop, &watch->hints);
    ev_timer_stop(loop, &watch->look);
    ev_timer_stop(loop, &watch->quiet);
    if (watch->fd >= 0)
        (void)close(watch->fd); /* was only read */
    while (watch->files) {
        struct file *file = watch->files;
        watch->files = file->next;
        free_file(file);
    }
    free(watch);
}
