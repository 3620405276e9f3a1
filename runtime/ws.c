#include "ws.h"
#include "resolve.h"
#include "tls.h"
#include "url.h"
#include "ws_frame.h"
#include "ws_handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUCKETS = 1024,
    MESSAGES_PER_TURN = 256, /* then others have their turn */
    QUEUE_MAX = 16 * 1024 * 1024,
    CONTROL_MAX = 125,
    MASKS = 1024,
    POLLED_MAX = 4, /* a spinning loop reads up to so many sessions directly */
    NORMAL_CLOSE = 1000,
};
static const ev_tstamp close_seconds = 3., default_handshake_seconds = 10.;

enum phase { RESOLVING, CONNECTING, SECURING, UPGRADING, OPEN, CLOSING, DEAD };

struct session {
    struct mw_ws_pool *pool;
    struct session *next; /* in its bucket */
    uint64_t id;
    enum phase phase;
    struct mw_url url;
    char *ca_file;
    char key[MW_WS_KEY_SIZE];
    struct mw_lookup *lookup;
    struct addrinfo *addresses, *address; /* all of the name; the one being tried */
    int fd;
    SSL *ssl; /* NULL on loopback without TLS */
    ev_io io;
    ev_timer timer; /* handshake, silence, close: one at a time */
    ev_tstamp silence, last_read;
    size_t limit;
    struct mw_ws_reader *reader;
    char *in; /* the answer to the handshake, and what came with it */
    size_t in_len, in_cap, in_at;
    uint8_t *out; /* what the socket has not taken yet: out_at to out_len */
    size_t out_at, out_len, out_cap;
    bool wants_write_to_read; /* TLS must write before it can go on reading */
    int close_code;           /* what ws_close will say */
    int http_status;
    struct mw_err why;
};

struct mw_ws_pool {
    struct mw_host *host;
    struct mw_tls *tls;
    struct mw_resolver *resolver;
    struct session *buckets[BUCKETS];
    uint8_t masks[MASKS][4]; /* RFC 6455 10.3: not to be foreseen by whoever chooses the payload */
    unsigned masks_used;
    struct session *polled[POLLED_MAX]; /* open sessions, the first of them */
};

static void on_io(struct ev_loop *loop, ev_io *io, int revents);
static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents);
static void advance(struct session *session);
static void poll_sessions(void *arg);

static struct ev_loop *loop_of(struct session *session)
{
    return mw_host_loop(session->pool->host);
}

static struct session *find(struct mw_ws_pool *pool, uint64_t id)
{
    struct session *session = pool->buckets[id % BUCKETS];
    while (session && session->id != id)
        session = session->next;
    return session;
}

/* Life -------------------------------------------------------------------------------------------
 * */

struct mw_ws_pool *mw_ws_pool_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_ws_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        mw_err_set(err, "websocket: out of memory");
        return NULL;
    }
    pool->host = host;
    pool->masks_used = MASKS;
    mw_host_on_spin(host, poll_sessions, pool);
    pool->tls = mw_tls_new(err);
    pool->resolver = mw_resolver_new(host, err);
    if (!pool->tls || !pool->resolver) {
        mw_ws_pool_free(pool);
        return NULL;
    }
    return pool;
}

static void disconnect(struct session *session)
{
    ev_io_stop(loop_of(session), &session->io);
    SSL_free(session->ssl);
    session->ssl = NULL;
    if (session->fd >= 0)
        (void)close(session->fd); /* nothing left to do about a failure */
    session->fd = -1;
}

static void free_session(struct session *session)
{
    if (!session)
        return;
    if (session->lookup)
        mw_resolve_cancel(session->lookup);
    disconnect(session);
    ev_timer_stop(loop_of(session), &session->timer);
    if (session->addresses)
        freeaddrinfo(session->addresses);
    mw_ws_reader_free(session->reader);
    free(session->ca_file);
    free(session->in);
    if (session->out)
        OPENSSL_cleanse(session->out, session->out_cap); /* the handshake had secrets in it */
    free(session->out);
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

void mw_ws_pool_free(struct mw_ws_pool *pool)
{
    if (!pool)
        return;
    for (int i = 0; i < BUCKETS; i++) {
        while (pool->buckets[i]) {
            struct session *session = pool->buckets[i];
            pool->buckets[i] = session->next;
            free_session(session);
        }
    }
    mw_host_on_spin(pool->host, NULL, NULL);
    mw_resolver_free(pool->resolver);
    mw_tls_free(pool->tls);
    free(pool);
}

/* Ends the session: its last event, then nothing of it is left. */
static void finish(struct session *session)
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
    free_session(session);
}

/* The session is over, but not in this call: from the loop. */
static void finish_soon(struct session *session)
{
    session->phase = DEAD;
    if (session->lookup)
        mw_resolve_cancel(session->lookup); /* or its answer would bring the session back */
    session->lookup = NULL;
    ev_io_stop(loop_of(session), &session->io);
    ev_timer_stop(loop_of(session), &session->timer);
    ev_timer_set(&session->timer, 0., 0.);
    ev_timer_start(loop_of(session), &session->timer);
}

static void set_deadline(struct session *session, ev_tstamp seconds)
{
    ev_timer_stop(loop_of(session), &session->timer);
    if (seconds <= 0)
        return;
    ev_now_update(loop_of(session));
    ev_timer_set(&session->timer, seconds, 0.);
    ev_timer_start(loop_of(session), &session->timer);
}

/* Bytes ------------------------------------------------------------------------------------------
 * */

static void watch(struct session *session)
{
    int wanted = EV_READ;
    if (session->phase == CONNECTING || session->out_at < session->out_len ||
        session->wants_write_to_read)
        wanted |= EV_WRITE;
    if (ev_is_active(&session->io) && (session->io.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(loop_of(session), &session->io);
    ev_io_set(&session->io, session->fd, wanted);
    ev_io_start(loop_of(session), &session->io);
}

/* How many bytes, 0 when none now, -1 at the end with `why` filled. */
static ssize_t read_some(void *arg, uint8_t *buf, size_t len)
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

static ssize_t write_some(struct session *session, const uint8_t *bytes, size_t len)
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

/* Sends what is queued; -1 when the connection is gone. */
static int flush(struct session *session)
{
    while (session->out_at < session->out_len) {
        ssize_t sent = write_some(session, session->out + session->out_at,
                                  session->out_len - session->out_at);
        if (sent < 0)
            return -1;
        if (sent == 0)
            return 0;
        session->out_at += (size_t)sent;
    }
    session->out_at = session->out_len = 0;
    return 0;
}

static uint8_t *reserve(struct session *session, size_t len, struct mw_err *err)
{
    if (session->out_at && session->out_len + len > session->out_cap) {
        memmove(session->out, session->out + session->out_at, session->out_len - session->out_at);
        session->out_len -= session->out_at;
        session->out_at = 0;
    }
    if (session->out_len + len > QUEUE_MAX) {
        mw_err_set(err, "more than 16 MiB wait to be sent: the peer does not read");
        return NULL;
    }
    if (session->out_len + len > session->out_cap) {
        size_t cap = (session->out_len + len) * 2;
        uint8_t *grown = realloc(session->out, cap);
        if (!grown) {
            mw_err_set(err, "out of memory");
            return NULL;
        }
        session->out = grown;
        session->out_cap = cap;
    }
    return session->out + session->out_len;
}

static const uint8_t *next_mask(struct mw_ws_pool *pool)
{
    if (pool->masks_used == MASKS) {
        (void)RAND_bytes(pool->masks[0], sizeof pool->masks); /* fails only before it ever worked */
        pool->masks_used = 0;
    }
    return pool->masks[pool->masks_used++];
}

/* One frame into the queue, and the queue to the socket. A dead socket shows at the next read. */
static int send_frame(struct session *session, int opcode, const char *data, size_t len,
                      struct mw_err *err)
{
    if (len > QUEUE_MAX) {
        mw_err_set(err, "a message of %zu bytes: the limit is 16 MiB", len);
        return -1;
    }
    uint8_t *room = reserve(session, len + 14, err);
    if (!room)
        return -1;
    session->out_len += mw_ws_frame_write(room, opcode, next_mask(session->pool), data, len);
    if (flush(session) < 0) {
        *err = session->why;
        return -1;
    }
    if (session->out_at < session->out_len)
        watch(session);
    return 0;
}

/* Connecting -------------------------------------------------------------------------------------
 * */

/* The attempt has failed, or the connection is lost. */
static void fail(struct session *session, const char *doing)
{
    if (doing)
        mw_err_context(&session->why, "%s", doing);
    session->close_code = 0;
    finish(session);
}

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
            watch(session);
            return;
        }
        mw_err_set(&session->why, "%s", strerror(errno));
        disconnect(session);
    }
    char where[MW_URL_HOST_MAX + 32];
    (void)snprintf(where, sizeof where, "connect to %s port %s", session->url.host,
                   session->url.port);
    fail(session, where);
}

static void on_resolved(void *arg, struct addrinfo *addresses, const char *error)
{
    struct session *session = arg;
    session->lookup = NULL;
    if (!addresses) {
        mw_err_set(&session->why, "look up %s: %s", session->url.host, error);
        fail(session, NULL);
        return;
    }
    session->addresses = session->address = addresses;
    try_addresses(session);
}

static void on_connected(struct session *session)
{
    int error = 0;
    socklen_t len = sizeof error;
    (void)getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* then error says why */
    if (error) {
        mw_err_set(&session->why, "%s", strerror(error));
        disconnect(session);
        session->address = session->address->ai_next;
        try_addresses(session);
        return;
    }
    if (session->url.is_tls) {
        session->ssl = mw_tls_open(session->pool->tls, session->ca_file, session->url.host,
                                   session->fd, &session->why);
        if (!session->ssl) {
            fail(session, NULL);
            return;
        }
    }
    session->phase = session->ssl ? SECURING : UPGRADING;
    advance(session);
}

static void secure(struct session *session)
{
    errno = 0;
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->wants_write_to_read = false;
        session->phase = UPGRADING;
        advance(session);
        return;
    }
    int kind = SSL_get_error(session->ssl, result);
    session->wants_write_to_read = kind == SSL_ERROR_WANT_WRITE;
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        watch(session);
        return;
    }
    mw_tls_explain(session->ssl, result, session->url.host, &session->why);
    fail(session, NULL);
}

/* The upgrade was accepted: from here on there are frames. */
static void begin_frames(struct session *session, const struct mw_ws_response *response)
{
    struct mw_event event = {.kind = MW_EVENT_ws_open, .id = session->id};
    OPENSSL_cleanse(session->out, session->out_cap);
    session->in_at = response->body_at;
    session->reader = mw_ws_reader_new(read_some, session, session->limit, false,
                                       &session->why);
    if (!session->reader) {
        fail(session, NULL);
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
    set_deadline(session, session->silence);
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
    session->http_status = response->status;
    session->in_at = response->body_at;
    mw_err_set(&session->why, "handshake refused: HTTP %d", response->status);
    fail(session, NULL);
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
        ssize_t got = read_some(session, (uint8_t *)session->in + session->in_len,
                                session->in_cap - session->in_len);
        if (got <= 0)
            return got == 0;
        session->in_len += (size_t)got;
    }
}

static void upgrade(struct session *session)
{
    struct mw_ws_response response;
    struct mw_err err;
    if (flush(session) < 0) {
        fail(session, "handshake");
        return;
    }
    bool has_ended = !read_answer(session);
    int result = 0;
    if (session->in_len)
        result = mw_ws_response_parse(session->in, session->in_len, &response, &err);
    if (result < 0 || (result == 1 && response.status == 101 &&
                       mw_ws_response_check(&response, session->key, &err) < 0)) {
        session->why = err;
        fail(session, "handshake");
    } else if (result == 1 && response.status == 101) {
        begin_frames(session, &response);
    } else if (has_ended && result == 0) {
        fail(session, "handshake");
    } else {
        watch(session);
        if (result == 1)
            refuse(session, &response, has_ended);
    }
}

/* Open -------------------------------------------------------------------------------------------
 * */

static void begin_close(struct session *session, int code, const char *reason)
{
    char payload[CONTROL_MAX];
    struct mw_err err;
    size_t len = reason ? strnlen(reason, sizeof payload - 2) : 0;
    while (len && reason[len] && ((unsigned char)reason[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character: the peer would refuse the reason */
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (len)
        memcpy(payload + 2, reason, len);
    (void)send_frame(session, MW_WS_CLOSE, payload, len + 2, &err); /* it ends in either case */
    session->phase = CLOSING;
    set_deadline(session, close_seconds);
}

static void on_close_frame(struct session *session, const struct mw_ws_message *message)
{
    struct mw_err err;
    char code[2] = {(char)(message->close_code >> 8), (char)message->close_code};
    if (session->phase == OPEN) { /* theirs: answer it, and say what they said */
        /* Only polite: it is over, sent or not. */
        (void)send_frame(session, MW_WS_CLOSE, code, message->close_code ? 2 : 0, &err);
        session->close_code = message->close_code;
        mw_err_set(&session->why, "%.*s", (int)message->len, message->data);
    }
    finish(session);
}

/* Hands a message on. The session may be closing when this returns, but it is still there. */
static void deliver(struct session *session, const struct mw_ws_message *message)
{
    struct mw_err err;
    struct mw_event event = {.id = session->id, .data = message->data, .len = message->len};
    switch (message->opcode) {
    case MW_WS_PING: /* answered here, whatever Lua does; a failure shows when we read */
        (void)send_frame(session, MW_WS_PONG, message->data, message->len, &err);
        event.kind = MW_EVENT_ws_ping;
        break;
    case MW_WS_PONG:
        event.kind = MW_EVENT_ws_pong;
        break;
    default:
        event.kind = MW_EVENT_ws_message;
        event.num = message->opcode;
    }
    mw_host_emit(session->pool->host, &event);
}

static void read_messages(struct session *session)
{
    session->last_read = ev_now(loop_of(session));
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        struct mw_ws_message message;
        struct mw_err err;
        switch (mw_ws_reader_next(session->reader, &message, &err)) {
        case MW_WS_AGAIN:
            watch(session);
            return;
        case MW_WS_ENDED:
            fail(session, session->phase == CLOSING ? "closing" : NULL);
            return;
        case MW_WS_VIOLATION:
            begin_close(session, message.close_code, err.text);
            mw_err_set(&session->why, "protocol violation: %s", err.text);
            session->close_code = message.close_code;
            finish(session);
            return;
        case MW_WS_MESSAGE:
            if (message.opcode == MW_WS_CLOSE) {
                on_close_frame(session, &message);
                return;
            }
            if (session->phase == OPEN)
                deliver(session, &message);
        }
    }
    ev_feed_event(loop_of(session), &session->io, EV_READ); /* TLS may hold more than epoll knows */
}

/* One step in whatever phase the session is. */
static void advance(struct session *session)
{
    switch (session->phase) {
    case CONNECTING:
        on_connected(session);
        break;
    case SECURING:
        secure(session);
        break;
    case UPGRADING:
        upgrade(session);
        break;
    case OPEN:
    case CLOSING:
        read_messages(session);
        break;
    case RESOLVING:
    case DEAD:
        break;
    }
}

static void poll_sessions(void *arg)
{
    struct mw_ws_pool *pool = arg;
    for (int i = 0; i < POLLED_MAX; i++)
        if (pool->polled[i] && pool->polled[i]->phase == OPEN)
            read_messages(pool->polled[i]);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct session *session = io->data;
    if ((revents & EV_WRITE) && session->phase >= OPEN && flush(session) < 0) {
        fail(session, NULL);
        return;
    }
    advance(session);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)revents;
    struct session *session = timer->data;
    if (session->phase == OPEN) {
        ev_tstamp left = session->last_read + session->silence - ev_now(loop);
        if (left > 0) {
            set_deadline(session, left);
            return;
        }
        mw_err_set(&session->why, "nothing arrived for %.0f s", session->silence);
    } else if (session->phase != CLOSING && session->phase != DEAD) {
        static const char *const doing[] = {"looking up the name", "connecting", "tls", "upgrade"};
        mw_err_set(&session->why, "no end of the handshake in time (%s)", doing[session->phase]);
    }
    finish(session);
}

/* What others call -------------------------------------------------------------------------------
 * */

uint64_t mw_ws_open(struct mw_ws_pool *pool, const struct mw_ws_options *options,
                    struct mw_err *err)
{
    char shown[MW_URL_SHOWN_MAX];
    size_t len = 0;
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        mw_err_set(err, "out of memory");
        goto fail;
    }
    session->pool = pool;
    session->fd = -1;
    session->silence = (ev_tstamp)options->silence_ns / 1e9;
    session->limit = options->limit_bytes ? options->limit_bytes : MW_WS_MESSAGE_MAX;
    ev_init(&session->io, on_io);
    ev_init(&session->timer, on_timer);
    session->io.data = session->timer.data = session;
    if (mw_url_parse(&session->url, options->url, err) < 0)
        goto fail;
    if (!session->url.is_websocket) {
        mw_err_set(err, "wss:// or ws:// expected");
        goto fail;
    }
    if (options->ca_file && !(session->ca_file = strdup(options->ca_file))) {
        mw_err_set(err, "out of memory");
        goto fail;
    }
    if (mw_ws_make_key(session->key, err) < 0 ||
        !(session->out = (uint8_t *)mw_ws_request(&session->url, options, session->key, &len, err)))
        goto fail;
    session->out_len = session->out_cap = len;
    session->lookup = mw_resolve(pool->resolver, session->url.host, session->url.port, on_resolved,
                                 session, err);
    if (!session->lookup)
        goto fail;
    session->id = mw_host_next_id(pool->host);
    session->next = pool->buckets[session->id % BUCKETS];
    pool->buckets[session->id % BUCKETS] = session;
    set_deadline(session, options->handshake_ns ? (ev_tstamp)options->handshake_ns / 1e9
                                                : default_handshake_seconds);
    return session->id;
fail:
    mw_url_show(options->url, shown);
    mw_err_context(err, "open %s", shown);
    free_session(session);
    return 0;
}

static struct session *find_open(struct mw_ws_pool *pool, uint64_t id, struct mw_err *err)
{
    struct session *session = find(pool, id);
    if (session && session->phase == OPEN)
        return session;
    mw_err_set(err, "websocket session is %s", session ? "not open" : "closed");
    return NULL;
}

int mw_ws_send(struct mw_ws_pool *pool, uint64_t id, const char *text, size_t len,
               struct mw_err *err)
{
    struct session *session = find_open(pool, id, err);
    return session ? send_frame(session, MW_WS_TEXT, text, len, err) : -1;
}

int mw_ws_ping(struct mw_ws_pool *pool, uint64_t id, const char *payload, size_t len,
               struct mw_err *err)
{
    struct session *session = find_open(pool, id, err);
    if (session && len > CONTROL_MAX) {
        mw_err_set(err, "a ping of %zu bytes: 125 are the limit", len);
        return -1;
    }
    return session ? send_frame(session, MW_WS_PING, payload, len, err) : -1;
}

void mw_ws_close(struct mw_ws_pool *pool, uint64_t id, int code, const char *reason)
{
    struct session *session = find(pool, id);
    if (!session || session->phase >= CLOSING)
        return;
    mw_err_set(&session->why, "%s", reason && *reason ? reason : "closed by us");
    session->close_code = code ? code : NORMAL_CLOSE;
    if (session->phase == OPEN)
        begin_close(session, session->close_code, reason);
    else
        finish_soon(session);
}
