/* ws_session.h: one session of a pool; private to ws.c, ws_session.c and ws_connect.c. */
#ifndef MW_WS_SESSION_H
#define MW_WS_SESSION_H

#include "buffer.h"
#include "resolve.h"
#include "tls.h"
#include "url.h"
#include "ws.h"
#include "ws_frame.h"
#include "ws_handshake.h"

#include <stdbool.h>

enum {
    BUCKETS = 1024,
    MASKS = 1024,
    POLLED_MAX = 4, /* a spinning loop reads up to so many sessions directly */
};

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
    ev_timer again; /* to read on in the next turn */
    ev_tstamp silence, last_read;
    size_t limit;
    struct mw_ws_reader *reader;
    char *in; /* the answer to the handshake, and what came with it */
    size_t in_len, in_cap, in_at;
    struct mw_buffer out;     /* what the socket has not taken yet */
    bool wants_write_to_read; /* TLS must write before it can go on reading */
    bool is_mute;             /* the socket has refused bytes: nothing leaves any more */
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

static inline struct ev_loop *loop_of(struct session *session)
{
    return mw_host_loop(session->pool->host);
}

/* ws_session.c. Ends the session: its last event, then nothing of it is left. */
void mw_session_finish(struct session *session);
/* The same: the attempt has failed, or the connection is lost. */
void mw_session_fail(struct session *session, const char *doing);
/* The session is over, but not in this call: from the loop. */
void mw_session_finish_soon(struct session *session);
void mw_session_free(struct session *session); /* takes NULL; no event */
void mw_session_disconnect(struct session *session);

/* From now on; 0: none. */
void mw_session_set_deadline(struct session *session, ev_tstamp seconds);
void mw_session_watch(struct session *session); /* for what it waits for now */

/* How many bytes, 0 when none now, -1 at the end with `why` filled. `arg` is the session. */
ssize_t mw_session_read(void *arg, uint8_t *buf, size_t len);
/* Sends what is queued; -1 when the connection is gone. */
MW_MUST_USE int mw_session_flush(struct session *session);
/* One frame into the queue, and the queue to the socket. -1: it will never be sent. When that is
 * because the socket refused, the session can still read, and soon ends. */
int mw_session_send(struct session *session, int opcode, const char *data, size_t len,
                    struct mw_err *err);

/* ws_connect.c: begins to look the name up; -1 when it cannot. */
MW_MUST_USE int mw_session_connect(struct session *session, struct mw_err *err);
/* One step of a session that is CONNECTING, SECURING or UPGRADING; then it is OPEN. */
void mw_session_go_on(struct session *session);

#endif
