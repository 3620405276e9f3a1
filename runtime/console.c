#include "console_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

struct listener {
    struct mw_console *console;
    struct listener *next;
    ev_io io;
    uint64_t id;
    dev_t device; /* of its file, */
    ino_t inode;  /* to leave another one's alone */
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

struct mw_console *mw_console_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_console *console = calloc(1, sizeof *console);
    if (!console) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    console->host = host;
    return console;
}

/* Listening ----------------------------------------------------------------------------------- */

/* Who it is: 0 when it is another user's, or nobody can say. */
static pid_t peer_of(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
        return 0;
    return peer.pid;
}

static void on_connection(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    (void)revents;
    struct listener *listener = io->data;
    struct mw_err err;
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid = fd < 0 ? 0 : peer_of(fd);
    if (fd < 0)
        return; /* it has gone again, or there is no descriptor: it is told by its own side */
    if (!pid || listener->console->count >= 2 * MW_CONSOLE_CLIENTS_MAX) {
        (void)close(fd); /* another user's, or a flood: not a word */
        return;
    }
    struct client *client = mw_client_add(listener->console, fd, &err);
    if (!client)
        return;
    client->listener = listener->id;
    if (++listener->console->count > MW_CONSOLE_CLIENTS_MAX) {
        mw_client_send_away(client, "16 clients are attached, and there is no room for more");
        return;
    }
    struct mw_event event = {.kind = MW_EVENT_console_open, .num = pid};
    mw_client_emit(client, &event);
}

static int set_address(struct sockaddr_un *address, const char *path, struct mw_err *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof address->sun_path) {
        mw_err_set(err, "%s: a socket's path has 1 to %zu bytes: choose a shorter one", path,
                   sizeof address->sun_path - 1);
        return -1;
    }
    memcpy(address->sun_path, path, len + 1);
    return 0;
}

static int connect_to(const struct sockaddr_un *address, struct mw_err *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    int why = errno;
    struct stat status;
    bool is_other = lstat(address->sun_path, &status) == 0 && !S_ISSOCK(status.st_mode);
    mw_err_set(err, "%s: %s", address->sun_path,
               why != ECONNREFUSED ? strerror(why)
               : is_other          ? "there is a file that is no socket"
                                   : "nobody listens there any more");
    if (fd >= 0)
        (void)close(fd); /* it was never used */
    errno = why;
    return -1;
}

/* Makes room at the path: what a runtime left that is gone. */
static int make_room(const struct sockaddr_un *address, struct mw_err *err)
{
    struct stat status;
    struct mw_err ignored;
    if (lstat(address->sun_path, &status) < 0)
        return 0; /* what is wrong, bind says */
    if (!S_ISSOCK(status.st_mode)) {
        mw_err_set(err, "%s: there is a file that is no socket", address->sun_path);
        return -1;
    }
    int fd = connect_to(address, &ignored);
    if (fd >= 0 || errno == EAGAIN) {
        if (fd >= 0)
            (void)close(fd); /* it was never used */
        mw_err_set(err, "%s: another runtime listens there: give this one another console.path",
                   address->sun_path);
        return -1;
    }
    if (errno == ECONNREFUSED && unlink(address->sun_path) == 0)
        return 0;
    mw_err_set(err, "%s: %s", address->sun_path, strerror(errno));
    return -1;
}

/* Nobody can connect before its mode is set: it does not listen until then. */
static int open_socket(struct listener *listener, const struct sockaddr_un *address,
                       struct mw_err *err)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        goto fail;
    if (chmod(listener->path, 0600) < 0 || lstat(listener->path, &status) < 0 ||
        listen(fd, BACKLOG) < 0) {
        (void)unlink(listener->path); /* nobody has seen it */
        goto fail;
    }
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return fd;
fail:
    mw_err_set(err, "%s: %s", listener->path, strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* it was never used */
    return -1;
}

uint64_t mw_console_listen(struct mw_console *console, const char *path, struct mw_err *err)
{
    struct sockaddr_un address;
    struct listener *listener = calloc(1, sizeof *listener);
    int fd = -1;
    if (!listener) {
        mw_err_set(err, "out of memory");
        return 0;
    }
    if (set_address(&address, path, err) == 0 && make_room(&address, err) == 0) {
        memcpy(listener->path, address.sun_path, sizeof listener->path);
        fd = open_socket(listener, &address, err);
    }
    if (fd < 0) {
        free(listener);
        return 0;
    }
    listener->console = console;
    listener->id = mw_host_next_id(console->host);
    listener->next = console->listeners;
    console->listeners = listener;
    ev_io_init(&listener->io, on_connection, fd, EV_READ);
    listener->io.data = listener;
    ev_io_start(mw_host_loop(console->host), &listener->io);
    return listener->id;
}

uint64_t mw_console_connect(struct mw_console *console, const char *path, struct mw_err *err)
{
    struct sockaddr_un address;
    int fd = set_address(&address, path, err) < 0 ? -1 : connect_to(&address, err);
    const struct client *client = fd < 0 ? NULL : mw_client_add(console, fd, err);
    return client ? client->id : 0;
}

uint64_t mw_console_adopt(struct mw_console *console, int fd, struct mw_err *err)
{
    const struct client *client = mw_client_add(console, fd, err);
    return client ? client->id : 0;
}

void mw_console_free(struct mw_console *console)
{
    if (!console)
        return;
    mw_client_end_all(console);
    while (console->listeners) {
        struct listener *listener = console->listeners;
        struct stat status;
        console->listeners = listener->next;
        ev_io_stop(mw_host_loop(console->host), &listener->io);
        (void)close(listener->io.fd); /* nothing was written */
        if (lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
            status.st_ino == listener->inode)
            (void)unlink(listener->path); /* who tries it finds that nobody listens */
        free(listener);
    }
    free(console);
}
