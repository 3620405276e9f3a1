#include "record.h"
#include "ws_session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SHOWN_MAX = 4096 /* of what is no answer */ };

/* What is recorded ----------------------------------------------------------------------------- */

/* Before the first byte of the request leaves. */
static void record_request(struct session *session)
{
    struct mw_recorder *recorder = mw_host_recorder(session->pool->host);
    size_t len = session->out.len;
    char *shown = recorder ? malloc(len) : NULL;
    if (!shown)
        return; /* nobody records, or there is no memory: it stays without the head */
    memcpy(shown, session->out.bytes, len);
    mw_ws_request_hide(shown, len);
    struct mw_record fields = {
        .kind = MW_RECORD_ws_handshake, .id = session->id, .text_len = (uint32_t)len};
    mw_record_put(recorder, &fields, NULL, shown);
    free(shown);
}

/* `status` -1: what came is no answer. */
static void record_answer(struct session *session, int status, size_t len)
{
    struct mw_record fields = {.kind = MW_RECORD_ws_handshake,
                               .id = session->id,
                               .num = status,
                               .text_len = (uint32_t)len};
    mw_record_put(mw_host_recorder(session->pool->host), &fields, NULL, session->in);
}

/* Steps ---------------------------------------------------------------------------------------- */

static int open_socket(struct session *session)
{
    const struct addrinfo *address = session->address;
    int one = 1;
    session->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (session->fd < 0)
        return -1;
    (void)setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* speed only */
    if (connect(session->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
        return -1;
    return 0;
}

/* Tries the addresses of the name from session->address on. */
static void try_addresses(struct session *session)
{
    for (; session->address; session->address = session->address->ai_next) {
        if (open_socket(session) == 0) {
            session->phase = CONNECTING;
            mw_session_watch(session);
            return;
        }
        mw_err_set(&session->why, "%s", strerror(errno));
        mw_session_disconnect(session);
    }
    char where[MW_URL_HOST_MAX + 32];
    (void)snprintf(where, sizeof where, "connect to %s port %s", session->url.host,
                   session->url.port);
    mw_session_fail(session, where);
}

static void on_resolved(void *arg, struct addrinfo *addresses, const char *error)
{
    struct session *session = arg;
    session->lookup = NULL;
    if (!addresses) {
        mw_err_set(&session->why, "look up %s: %s", session->url.host, error);
        mw_session_fail(session, NULL);
        return;
    }
    session->addresses = session->address = addresses;
    try_addresses(session);
}

int mw_session_connect(struct session *session, struct mw_err *err)
{
    session->lookup = mw_resolve(session->pool->resolver, session->url.host, session->url.port,
                                 on_resolved, session, err);
    return session->lookup ? 0 : -1;
}

static void begin_upgrade(struct session *session)
{
    session->phase = UPGRADING;
    record_request(session);
    mw_session_go_on(session);
}

static void on_connected(struct session *session)
{
    int error = 0;
    socklen_t len = sizeof error;
    (void)getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* then error says why */
    if (error) {
        mw_err_set(&session->why, "%s", strerror(error));
        mw_session_disconnect(session);
        session->address = session->address->ai_next;
        try_addresses(session);
        return;
    }
    if (session->url.is_tls) {
        session->ssl = mw_tls_open(session->pool->tls, session->ca_file, session->url.host,
                                   session->fd, &session->why);
        if (!session->ssl) {
            mw_session_fail(session, NULL);
            return;
        }
    }
    if (session->ssl) {
        session->phase = SECURING;
        mw_session_go_on(session);
    } else {
        begin_upgrade(session);
    }
}

static void secure(struct session *session)
{
    errno = 0;
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->wants_write_to_read = false;
        begin_upgrade(session);
        return;
    }
    int kind = SSL_get_error(session->ssl, result);
    session->wants_write_to_read = kind == SSL_ERROR_WANT_WRITE;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        mw_session_watch(session);
        return;
    }
    mw_tls_explain(session->ssl, result, session->url.host, &session->why);
    mw_session_fail(session, NULL);
}

/* The upgrade was accepted: from here on there are frames. */
static void begin_frames(struct session *session, const struct mw_ws_response *response)
{
    struct mw_event event = {.kind = MW_EVENT_ws_open, .id = session->id};
    OPENSSL_cleanse(session->out.bytes, session->out.cap);
    record_answer(session, response->status, response->body_at);
    session->in_at = response->body_at;
    session->reader =
        mw_ws_reader_new(mw_session_read, session, session->limit, false, &session->why);
    if (!session->reader) {
        mw_session_fail(session, NULL);
        return;
    }
    session->phase = OPEN;
    for (int i = 0; i < POLLED_MAX; i++) {
        if (!session->pool->polled[i]) {
            session->pool->polled[i] = session;
            break;
        }
    }
    session->last_read = ev_now(loop_of(session));
    mw_session_set_deadline(session, session->silence);
    event.text = response->headers;
    event.text_len = response->headers_len;
    mw_host_emit(session->pool->host, &event);
    ev_feed_event(loop_of(session), &session->io, EV_READ); /* frames may have come along */
}

/* Not 101: the body tells why, so it is waited for as far as it comes. */
static void refuse(struct session *session, const struct mw_ws_response *response, bool has_ended)
{
    if (!has_ended && !response->is_complete && session->in_len < MW_WS_RESPONSE_MAX)
        return;
    record_answer(session, response->status, response->body_at);
    session->http_status = response->status;
    session->in_at = response->body_at;
    mw_err_set(&session->why, "handshake refused: HTTP %d", response->status);
    mw_session_fail(session, NULL);
}

/* Reads what is there of the answer; false at the end of the stream. */
static bool read_answer(struct session *session)
{
    for (;;) {
        if (session->in_len == session->in_cap) {
            if (session->in_cap >= MW_WS_RESPONSE_MAX)
                return true;
            size_t cap = session->in_cap ? session->in_cap * 2 : 4096;
            char *grown = realloc(session->in, cap);
            if (!grown) {
                mw_err_set(&session->why, "out of memory");
                return false;
            }
            session->in = grown;
            session->in_cap = cap;
        }
        session->in_at = session->in_len; /* nothing of it is for the frames yet */
        ssize_t got = mw_session_read(session, (uint8_t *)session->in + session->in_len,
                                      session->in_cap - session->in_len);
        if (got <= 0)
            return got == 0;
        session->in_len += (size_t)got;
    }
}

/* What came is no answer, or none to our key. */
static void fail_upgrade(struct session *session, int status, size_t len)
{
    if (len)
        record_answer(session, status, len < SHOWN_MAX ? len : SHOWN_MAX);
    mw_session_fail(session, "handshake");
}

static void upgrade(struct session *session)
{
    struct mw_ws_response response;
    struct mw_err err;
    if (mw_session_flush(session) < 0) {
        mw_session_fail(session, "handshake");
        return;
    }
    bool has_ended = !read_answer(session);
    int result = 0;
    if (session->in_len)
        result = mw_ws_response_parse(session->in, session->in_len, &response, &err);
    if (result == 1)
        mw_ws_response_hide(session->in, &response);
    if (result < 0 || (result == 1 && response.status == 101 &&
                       mw_ws_response_check(&response, session->key, &err) < 0)) {
        session->why = err;
        fail_upgrade(session, result < 0 ? -1 : 101,
                     result < 0 ? session->in_len : response.body_at);
    } else if (result == 1 && response.status == 101) {
        begin_frames(session, &response);
    } else if (has_ended && result == 0) {
        fail_upgrade(session, -1, session->in_len);
    } else {
        mw_session_watch(session);
        if (result == 1)
            refuse(session, &response, has_ended);
    }
}

void mw_session_go_on(struct session *session)
{
    if (session->phase == CONNECTING)
        on_connected(session);
    else if (session->phase == SECURING)
        secure(session);
    else
        upgrade(session);
}
