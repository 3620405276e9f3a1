#include "console_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 16 * 1024 };
static const ev_tstamp last_words_seconds = 5.;

/* Clients ------------------------------------------------------------------------------------- */

static struct ev_loop *loop_of(const struct client *client)
{
    return mw_host_loop(client->console->host);
}

/* Nothing of it is heard any more; its memory goes with the next sweep of the list. */
static void end(struct client *client)
{
    if (client->has_ended)
        return;
    client->has_ended = client->is_ending = true;
    ev_io_stop(loop_of(client), &client->readable);
    ev_io_stop(loop_of(client), &client->writable);
    ev_timer_stop(loop_of(client), &client->timer);
    (void)fcntl(client->fd, F_SETFL, client->flags);
    (void)close(client->fd); /* nothing is lost that was not lost before */
    if (client->listener)
        client->console->count--;
}

static void sweep(struct mw_console *console)
{
    for (struct client **link = &console->clients; *link;) {
        struct client *client = *link;
        if (!client->has_ended) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        mw_buffer_fini(&client->in);
        mw_buffer_fini(&client->out);
        free(client);
    }
}

struct client *mw_client_find(struct mw_console *console, uint64_t id)
{
    struct client *client = console->clients;
    while (client && (client->id != id || client->is_ending))
        client = client->next;
    return client;
}

void mw_client_emit(struct client *client, struct mw_event *event)
{
    event->id = client->id;
    event->num2 = (int64_t)client->listener;
    mw_host_emit(client->console->host, event);
}

/* It is gone, or sent away: whoever listens hears it once. */
static void emit_close(struct client *client, const char *why)
{
    struct mw_event event = {.kind = MW_EVENT_console_close, .text = why, .text_len = strlen(why)};
    mw_client_emit(client, &event);
}

static void flush(struct client *client)
{
    struct mw_buffer *out = &client->out;
    while (out->at < out->len) {
        ssize_t sent =
            send(client->fd, out->bytes + out->at, out->len - out->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            out->at += (size_t)sent;
        else if (sent == 0 || errno != EINTR)
            break;
    }
    if (out->at < out->len && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        ev_io_start(loop_of(client), &client->writable);
        return;
    }
    out->at = out->len = 0;
    ev_io_stop(loop_of(client), &client->writable);
    if (client->is_ending)
        end(client); /* its reader sees what was sent, and then the end */
}

/* Not heard any more; what waits for it may still leave. */
static void begin_to_end(struct client *client)
{
    client->is_ending = true;
    ev_io_stop(loop_of(client), &client->readable);
    ev_timer_stop(loop_of(client), &client->timer);
    ev_timer_set(&client->timer, last_words_seconds, 0.);
    ev_timer_start(loop_of(client), &client->timer);
    ev_io_start(loop_of(client), &client->writable);
}

void mw_client_send_away(struct client *client, const char *why)
{
    char bye[256];
    struct mw_buffer *out = &client->out;
    char *lf = out->bytes ? memchr(out->bytes + out->at, '\n', out->len - out->at) : NULL;
    int len = snprintf(bye, sizeof bye, "{\"kind\":\"bye\",\"text\":\"%s\"}\n", why); /* fits */
    if (lf)
        out->len = (size_t)(lf - out->bytes) + 1;
    char *room = mw_buffer_reserve(out, (size_t)len, MW_CONSOLE_QUEUE_MAX + sizeof bye);
    if (room) { /* without memory it goes without a word */
        memcpy(room, bye, (size_t)len);
        out->len += (size_t)len;
    }
    begin_to_end(client);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    (void)revents;
    struct client *client = io->data;
    struct mw_console *console = client->console;
    flush(client);
    sweep(console);
}

/* The bytes of the next line without its LF; -1: there is none yet. */
static ssize_t next_line(struct client *client)
{
    const struct mw_buffer *in = &client->in;
    size_t used = in->len - in->at;
    const char *line = in->bytes + in->at, *lf = NULL;
    if (client->scanned < used)
        lf = memchr(line + client->scanned, '\n', used - client->scanned);
    client->scanned = lf ? 0 : used;
    return lf ? lf - line : -1;
}

static void schedule(struct client *client)
{
    ev_timer_set(&client->timer, 0., 0.);
    ev_timer_start(loop_of(client), &client->timer);
}

/* One line a turn. True when one was emitted. */
static bool emit_line(struct client *client)
{
    ssize_t len = next_line(client);
    if (len < 0)
        return false;
    struct mw_buffer *in = &client->in;
    struct mw_event event = {
        .kind = MW_EVENT_console_line, .data = in->bytes + in->at, .len = (size_t)len};
    mw_client_emit(client, &event);
    in->at += (size_t)len + 1;
    if (!client->is_ending)
        schedule(client); /* the next one, or more bytes */
    return true;
}

/* A file or another process may end without LF; a client of ours that does was cut off. */
static void emit_rest(struct client *client)
{
    struct mw_buffer *in = &client->in;
    struct mw_event event = {
        .kind = MW_EVENT_console_line, .data = in->bytes + in->at, .len = in->len - in->at};
    if (!client->listener && event.len)
        mw_client_emit(client, &event);
    in->at = in->len;
}

static void refuse(struct client *client, const char *why)
{
    mw_client_send_away(client, why);
    emit_close(client, why);
}

static void take_bytes(struct client *client)
{
    char data[READ_SIZE];
    ssize_t got = read(client->fd, data, sizeof data);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        const char *why = got < 0 ? strerror(errno) : "";
        emit_rest(client);
        end(client);
        emit_close(client, why);
        return;
    }
    size_t limit = client->listener ? MW_CONSOLE_LINE_MAX : MW_CONSOLE_QUEUE_MAX + READ_SIZE;
    if (mw_buffer_append(&client->in, data, (size_t)got, SIZE_MAX) < 0) {
        refuse(client, "out of memory");
    } else if (emit_line(client)) {
        ev_io_stop(loop_of(client), &client->readable); /* until its lines are handled */
    } else if (client->in.len - client->in.at > limit) {
        refuse(client, "a line of more than 64 KiB");
    }
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    (void)revents;
    struct client *client = io->data;
    struct mw_console *console = client->console;
    take_bytes(client);
    sweep(console);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)revents;
    struct client *client = timer->data;
    struct mw_console *console = client->console;
    if (client->is_ending)
        end(client);
    else if (!emit_line(client))
        ev_io_start(loop, &client->readable);
    sweep(console);
}

struct client *mw_client_add(struct mw_console *console, int fd, struct mw_err *err)
{
    struct client *client = calloc(1, sizeof *client);
    int flags = fcntl(fd, F_GETFL);
    if (!client || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        mw_err_set(err, "%s", client ? strerror(errno) : "out of memory");
        free(client);
        (void)close(fd); /* nothing was written */
        return NULL;
    }
    client->console = console;
    client->fd = fd;
    client->flags = flags;
    client->id = mw_host_next_id(console->host);
    client->next = console->clients;
    console->clients = client;
    ev_io_init(&client->readable, on_readable, fd, EV_READ);
    ev_io_init(&client->writable, on_writable, fd, EV_WRITE);
    ev_init(&client->timer, on_timer);
    client->readable.data = client->writable.data = client->timer.data = client;
    ev_io_start(loop_of(client), &client->readable);
    return client;
}

int mw_console_send(struct mw_console *console, uint64_t id, const char *text, size_t len,
                    struct mw_err *err)
{
    struct client *client = mw_client_find(console, id);
    if (!client) {
        mw_err_set(err, "console %llu is gone", (unsigned long long)id);
        return -1;
    }
    char *line = mw_buffer_reserve(&client->out, len + 1, MW_CONSOLE_QUEUE_MAX);
    if (!line) {
        mw_err_set(err, "it does not read what it is sent: sent away");
        mw_client_send_away(client, "too much waits to be read: sent away");
        return -1;
    }
    memcpy(line, text, len);
    line[len] = '\n';
    client->out.len += len + 1;
    /* Begun at once: what is printed in a row leaves while it is printed. */
    flush(client);
    return 0;
}

void mw_console_close(struct mw_console *console, uint64_t id)
{
    struct client *client = mw_client_find(console, id);
    if (client)
        begin_to_end(client);
}

void mw_client_end_all(struct mw_console *console)
{
    for (struct client *client = console->clients; client; client = client->next) {
        flush(client); /* what fits */
        end(client);
    }
    sweep(console);
}
