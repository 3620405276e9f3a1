#include "ws_session.h"
#include "record.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_PER_TURN = 256, /* then others have their turn */
    CONTROL_MAX = 125,
    NORMAL_CLOSE = 1000,
};
static const ev_tstamp close_seconds = 3., default_handshake_seconds = 10.;

static void poll_sessions(void *arg);

static struct session *find(struct mw_ws_pool *pool, uint64_t id)
{
    struct session *session = pool->buckets[id % BUCKETS];
    while (session && session->id != id)
        session = session->next;
    return session;
}

/* The pool ------------------------------------------------------------------------------------- */

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

void mw_ws_pool_free(struct mw_ws_pool *pool)
{
    if (!pool)
        return;
    for (int i = 0; i < BUCKETS; i++) {
        while (pool->buckets[i]) {
            struct session *session = pool->buckets[i];
            pool->buckets[i] = session->next;
            mw_session_free(session);
        }
    }
    mw_host_on_spin(pool->host, NULL, NULL);
    mw_resolver_free(pool->resolver);
    mw_tls_free(pool->tls);
    free(pool);
}

/* Open ----------------------------------------------------------------------------------------- */

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
    /* It ends in either case. */
    (void)mw_session_send(session, MW_WS_CLOSE, payload, len + 2, &err);
    session->phase = CLOSING;
    mw_session_set_deadline(session, close_seconds);
}

static void on_close_frame(struct session *session, const struct mw_ws_message *message)
{
    struct mw_err err;
    char code[2] = {(char)(message->close_code >> 8), (char)message->close_code};
    if (session->phase == OPEN) { /* theirs: answer it, and say what they said */
        /* Only polite: it is over, sent or not. */
        (void)mw_session_send(session, MW_WS_CLOSE, code, message->close_code ? 2 : 0, &err);
        session->close_code = message->close_code;
        mw_err_set(&session->why, "%.*s", (int)message->len, message->data);
    }
    mw_session_finish(session);
}

/* Hands a message on. The session may be closing when this returns, but it is still there. */
static void deliver(struct session *session, const struct mw_ws_message *message)
{
    struct mw_err err;
    struct mw_event event = {.id = session->id, .data = message->data, .len = message->len};
    switch (message->opcode) {
    case MW_WS_PING: /* answered here, whatever Lua does; a failure shows when we read */
        (void)mw_session_send(session, MW_WS_PONG, message->data, message->len, &err);
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
            mw_session_watch(session);
            return;
        case MW_WS_ENDED:
            mw_session_fail(session, session->phase == CLOSING ? "closing" : NULL);
            return;
        case MW_WS_VIOLATION:
            begin_close(session, message.close_code, err.text);
            mw_err_set(&session->why, "protocol violation: %s", err.text);
            session->close_code = message.close_code;
            mw_session_finish(session);
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
    /* TLS may hold more than epoll knows. An event that is fed here would come before all others,
     * again and again as long as the peer keeps sending. */
    ev_timer_start(loop_of(session), &session->again);
}

/* One step in whatever phase the session is. */
static void advance(struct session *session)
{
    switch (session->phase) {
    case CONNECTING:
    case SECURING:
    case UPGRADING:
        mw_session_go_on(session);
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

/* Before TLS is asked, which takes longer; but it may hold more than its wire knows. */
static bool may_have_more(struct session *session)
{
    return !session->ssl || ev_is_active(&session->again) ||
           mw_wire_has_more(SSL_get_rbio(session->ssl));
}

static void poll_sessions(void *arg)
{
    struct mw_ws_pool *pool = arg;
    for (int i = 0; i < POLLED_MAX; i++)
        if (pool->polled[i] && pool->polled[i]->phase == OPEN && may_have_more(pool->polled[i]))
            read_messages(pool->polled[i]);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct session *session = io->data;
    if ((revents & EV_WRITE) && session->phase >= OPEN && mw_session_flush(session) < 0) {
        mw_session_fail(session, NULL);
        return;
    }
    advance(session);
}

static void on_again(struct ev_loop *loop, ev_timer *again, int revents)
{
    (void)loop;
    (void)revents;
    advance(again->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)revents;
    struct session *session = timer->data;
    if (session->phase == OPEN && !session->is_mute) {
        ev_tstamp left = session->last_read + session->silence - ev_now(loop);
        if (left > 0) {
            mw_session_set_deadline(session, left);
            return;
        }
        mw_err_set(&session->why, "nothing arrived for %.0f s", session->silence);
    } else if (session->phase < OPEN) {
        static const char *const doing[] = {"looking up the name", "connecting", "tls", "upgrade"};
        mw_err_set(&session->why, "no end of the handshake in time (%s)", doing[session->phase]);
    }
    mw_session_finish(session);
}

/* What others call ----------------------------------------------------------------------------- */

/* A command to open or close; the frames of each stand in the record by themselves. */
static void record(struct session *session, enum mw_record_kind kind, int64_t num, const char *text)
{
    struct mw_record fields = {
        .kind = (uint16_t)kind,
        .id = session->id,
        .num = num,
        .text_len = (uint32_t)strlen(text),
    };
    mw_record_put(mw_host_recorder(session->pool->host), &fields, NULL, text);
}

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
    ev_timer_init(&session->again, on_again, 0., 0.);
    session->io.data = session->timer.data = session->again.data = session;
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
        !(session->out.bytes = mw_ws_request(&session->url, options, session->key, &len, err)))
        goto fail;
    session->out.len = session->out.cap = len;
    if (mw_session_connect(session, err) < 0)
        goto fail;
    session->id = mw_host_next_id(pool->host);
    record(session, MW_RECORD_ws_opening, 0, options->url); /* its thread only looks a name up */
    session->next = pool->buckets[session->id % BUCKETS];
    pool->buckets[session->id % BUCKETS] = session;
    mw_session_set_deadline(session, options->handshake_ns ? (ev_tstamp)options->handshake_ns / 1e9
                                                           : default_handshake_seconds);
    return session->id;
fail:
    mw_url_show(options->url, shown);
    mw_err_context(err, "open %s", shown);
    mw_session_free(session);
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
    return session ? mw_session_send(session, MW_WS_TEXT, text, len, err) : -1;
}

int mw_ws_ping(struct mw_ws_pool *pool, uint64_t id, const char *payload, size_t len,
               struct mw_err *err)
{
    struct session *session = find_open(pool, id, err);
    if (session && len > CONTROL_MAX) {
        mw_err_set(err, "a ping of %zu bytes: 125 are the limit", len);
        return -1;
    }
    return session ? mw_session_send(session, MW_WS_PING, payload, len, err) : -1;
}

void mw_ws_close(struct mw_ws_pool *pool, uint64_t id, int code, const char *reason)
{
    struct session *session = find(pool, id);
    if (!session || session->phase >= CLOSING)
        return;
    mw_err_set(&session->why, "%s", reason && *reason ? reason : "closed by us");
    session->close_code = code ? code : NORMAL_CLOSE;
    record(session, MW_RECORD_ws_closing, session->close_code, reason ? reason : "");
    if (session->phase == OPEN)
        begin_close(session, session->close_code, reason);
    else
        mw_session_finish_soon(session);
}
