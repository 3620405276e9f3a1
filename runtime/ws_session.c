#include "ws_session.h"
#include "record.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_MAX = 16 * 1024 * 1024 };
static const ev_tstamp mute_seconds = 1.;

/* Its end -------------------------------------------------------------------------------------- */

void mw_session_disconnect(struct session *session)
{
    ev_io_stop(loop_of(session), &session->io);
    ev_timer_stop(loop_of(session), &session->again);
    SSL_free(session->ssl);
    session->ssl = NULL;
    if (session->fd >= 0)
        (void)close(session->fd); /* nothing left to do about a failure */
    session->fd = -1;
}

void mw_session_free(struct session *session)
{
    if (!session)
        return;
    if (session->lookup)
        mw_resolve_cancel(session->lookup);
    mw_session_disconnect(session);
    ev_timer_stop(loop_of(session), &session->timer);
    if (session->addresses)
        freeaddrinfo(session->addresses);
    mw_ws_reader_free(session->reader);
    free(session->ca_file);
    free(session->in);
    mw_buffer_fini(&session->out);
    free(session);
}

static void unlink_session(struct session *session)
{
    for (int i = 0; i < POLLED_MAX; i++)
        if (session->pool->polled[i] == session)
            session->pool->polled[i] = NULL;
    struct session **link = &session->pool->buckets[session->id % BUCKETS];
    while (*link && *link != session)
        link = &(*link)->next;
    if (*link)
        *link = session->next;
}

void mw_session_finish(struct session *session)
{
    struct mw_event event = {
        .kind = MW_EVENT_ws_close,
        .id = session->id,
        .num = session->close_code,
        .num2 = session->http_status,
        .text = session->why.text,
        .text_len = strlen(session->why.text),
    };
    if (session->http_status) {
        event.data = session->in + session->in_at;
        event.len = session->in_len - session->in_at;
    }
    session->phase = DEAD;
    unlink_session(session);
    mw_host_emit(session->pool->host, &event);
    mw_session_free(session);
}

void mw_session_finish_soon(struct session *session)
{
    session->phase = DEAD;
    if (session->lookup)
        mw_resolve_cancel(session->lookup); /* or its answer would bring the session back */
    session->lookup = NULL;
    ev_io_stop(loop_of(session), &session->io);
    ev_timer_stop(loop_of(session), &session->again);
    ev_timer_stop(loop_of(session), &session->timer);
    ev_timer_set(&session->timer, 0., 0.);
    ev_timer_start(loop_of(session), &session->timer);
}

void mw_session_fail(struct session *session, const char *doing)
{
    if (doing)
        mw_err_context(&session->why, "%s", doing);
    session->close_code = 0;
    mw_session_finish(session);
}

void mw_session_set_deadline(struct session *session, ev_tstamp seconds)
{
    ev_timer_stop(loop_of(session), &session->timer);
    if (seconds <= 0)
        return;
    ev_now_update(loop_of(session));
    ev_timer_set(&session->timer, seconds, 0.);
    ev_timer_start(loop_of(session), &session->timer);
}

/* Bytes ---------------------------------------------------------------------------------------- */

void mw_session_watch(struct session *session)
{
    int wanted = EV_READ;
    /* The upgrade's request is queued from the beginning, and cannot leave before TLS stands. */
    bool has_more =
        session->phase >= UPGRADING && session->out.at < session->out.len && !session->is_mute;
    if (session->phase == CONNECTING || has_more || session->wants_write_to_read)
        wanted |= EV_WRITE;
    if (ev_is_active(&session->io) && (session->io.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(loop_of(session), &session->io);
    ev_io_set(&session->io, session->fd, wanted);
    ev_io_start(loop_of(session), &session->io);
}

ssize_t mw_session_read(void *arg, uint8_t *buf, size_t len)
{
    struct session *session = arg;
    if (session->in_at < session->in_len) { /* what came with the handshake's answer */
        size_t left = session->in_len - session->in_at, taken = left < len ? left : len;
        memcpy(buf, session->in + session->in_at, taken);
        session->in_at += taken;
        return (ssize_t)taken;
    }
    if (!session->ssl) {
        ssize_t got = recv(session->fd, buf, len, 0);
        if (got > 0)
            return got;
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        mw_err_set(&session->why, "%s",
                   got == 0 ? "the peer closed the connection" : strerror(errno));
        return -1;
    }
    errno = 0;
    int got = SSL_read(session->ssl, buf, (int)len);
    if (got > 0)
        return got;
    int kind = SSL_get_error(session->ssl, got);
    session->wants_write_to_read = kind == SSL_ERROR_WANT_WRITE;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return 0;
    mw_tls_explain(session->ssl, got, session->url.host, &session->why);
    return -1;
}

static ssize_t write_some(struct session *session, const char *bytes, size_t len)
{
    if (!session->ssl) {
        ssize_t sent = send(session->fd, bytes, len, MSG_NOSIGNAL);
        if (sent >= 0)
            return sent;
        if (errno == EAGAIN || errno == EINTR)
            return 0;
        mw_err_set(&session->why, "%s", strerror(errno));
        return -1;
    }
    errno = 0;
    int sent = SSL_write(session->ssl, bytes, (int)len);
    if (sent > 0)
        return sent;
    int kind = SSL_get_error(session->ssl, sent);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return 0;
    mw_tls_explain(session->ssl, sent, session->url.host, &session->why);
    return -1;
}

int mw_session_flush(struct session *session)
{
    struct mw_buffer *out = &session->out;
    while (out->at < out->len) {
        ssize_t sent = write_some(session, out->bytes + out->at, out->len - out->at);
        if (sent < 0)
            return -1;
        if (sent == 0)
            return 0;
        out->at += (size_t)sent;
    }
    out->at = out->len = 0;
    return 0;
}

static const uint8_t *next_mask(struct mw_ws_pool *pool)
{
    if (pool->masks_used == MASKS) {
        (void)RAND_bytes(pool->masks[0], sizeof pool->masks); /* fails only before it ever worked */
        pool->masks_used = 0;
    }
    return pool->masks[pool->masks_used++];
}

/* Whoever asked to send was told that it failed, and may do it anew elsewhere: what the socket has
 * refused must never leave, not even when there is room again. What has come is still read. */
static void mute(struct session *session)
{
    struct mw_record fields = {
        .kind = MW_RECORD_ws_lost,
        .id = session->id,
        .text_len = (uint32_t)strlen(session->why.text),
    };
    mw_record_put(mw_host_recorder(session->pool->host), &fields, NULL, session->why.text);
    session->is_mute = true;
    session->out.at = session->out.len = 0;
    mw_session_set_deadline(session, mute_seconds);
}

int mw_session_send(struct session *session, int opcode, const char *data, size_t len,
                    struct mw_err *err)
{
    if (session->is_mute) {
        mw_err_set(err, "websocket session is lost: %s", session->why.text);
        return -1;
    }
    if (len > QUEUE_MAX) {
        mw_err_set(err, "a message of %zu bytes: the limit is 16 MiB", len);
        return -1;
    }
    uint8_t *room = (uint8_t *)mw_buffer_reserve(&session->out, len + 14, QUEUE_MAX);
    if (!room) {
        bool is_full = session->out.len - session->out.at + len + 14 > QUEUE_MAX;
        mw_err_set(err, is_full ? "more than 16 MiB wait to be sent: the peer does not read"
                                : "out of memory");
        return -1;
    }
    struct mw_record fields = {
        .kind = MW_RECORD_ws_send,
        .id = session->id,
        .num = opcode,
        .data_len = (uint32_t)len,
    };
    mw_record_put(mw_host_recorder(session->pool->host), &fields, data, NULL);
    session->out.len += mw_ws_frame_write(room, opcode, next_mask(session->pool), data, len);
    if (mw_session_flush(session) < 0) {
        *err = session->why;
        mute(session);
        return -1;
    }
    if (session->out.at < session->out.len)
        mw_session_watch(session);
    return 0;
}
