/* ws.h: WebSocket client sessions on the host's loop: OpenSSL below, frames (ws_frame.h) on top.
 * Knows no venue and no Lua. Each session ends with exactly one event ws_close. */
#ifndef MW_WS_H
#define MW_WS_H

#include "header.h"
#include "host.h"

struct mw_ws_pool;

enum { MW_WS_MESSAGE_MAX = 16 * 1024 * 1024 };

struct mw_ws_options {
    const char *url; /* wss://host[:port]/path; ws:// on loopback only */
    const struct mw_header *headers;
    size_t header_count;
    const char *origin;   /* NULL: no Origin header is sent */
    const char *ca_file;  /* NULL: the system's store */
    int64_t silence_ns;   /* give up when nothing arrives for this long; 0: never */
    int64_t handshake_ns; /* for name, TCP, TLS and upgrade together; 0: 10 s */
    size_t limit_bytes;   /* of a message; 0: MW_WS_MESSAGE_MAX */
};

MW_MUST_USE struct mw_ws_pool *mw_ws_pool_new(struct mw_host *host, struct mw_err *err);
void mw_ws_pool_free(struct mw_ws_pool *pool); /* takes NULL; open sessions end without an event */

/* Begins to connect and returns at once. The outcome is an event (ws_open or ws_close). `options`
 * is copied; headers are wiped when the handshake is over. Returns the session's id; 0 and `err`
 * when it cannot begin. */
MW_MUST_USE uint64_t mw_ws_open(struct mw_ws_pool *pool, const struct mw_ws_options *options,
                                struct mw_err *err);

/* Sends a text message, now as far as the socket takes it. -1 when the session is not open or too
 * much is queued (16 MiB). */
MW_MUST_USE int mw_ws_send(struct mw_ws_pool *pool, uint64_t id, const char *text, size_t len,
                           struct mw_err *err);

/* Sends a ping with up to 125 bytes; the answer is an event ws_pong. */
MW_MUST_USE int mw_ws_ping(struct mw_ws_pool *pool, uint64_t id, const char *payload, size_t len,
                           struct mw_err *err);

/* Begins to close, in any phase; ws_close follows. A session that is gone is left alone. */
void mw_ws_close(struct mw_ws_pool *pool, uint64_t id, int code, const char *reason);

#endif
