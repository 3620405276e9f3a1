/* server_connection.h: one client; private to server.c, server_http.c and server_ws.c. */
#ifndef MW_SERVER_CONNECTION_H
#define MW_SERVER_CONNECTION_H

#include "buffer.h"
#include "server.h"
#include "ws_frame.h"

#include <stdbool.h>

enum { BUCKETS = 1024, LISTENERS_MAX = 8 };

struct lws;
struct lws_context;
struct lws_vhost;
struct mw_http_request_text;

/* One client. It has one id at a time: of the request that is being answered, or of its WebSocket.
 * */
struct connection {
    struct mw_server *server;
    struct connection *next; /* in its bucket */
    struct lws *wsi;
    uint64_t id, listener;
    struct mw_buffer in, out;
    struct mw_ws_reader *frames; /* NULL: HTTP */
    bool waits_for_reply, in_upgrade, was_refused, keeps_alive, closes_when_sent;
    bool is_closing; /* our close frame went out first: the peer answers it */
    bool has_spoken, is_half_open, was_opened, is_ended, was_continued;
};

struct mw_server {
    struct mw_host *host;
    struct lws_context *context;
    struct lws_vhost *vhosts[LISTENERS_MAX];
    uint64_t listeners[LISTENERS_MAX];
    char names[LISTENERS_MAX][16]; /* libwebsockets keeps pointers to them */
    int listener_count;
    struct connection *buckets[BUCKETS];
    bool is_ending;
};

/* server.c: by id, bytes and events. NULL when it is gone. */
struct connection *mw_connection_find(struct mw_server *server, uint64_t id);
void mw_connection_name(struct connection *connection); /* a new id */
MW_MUST_USE int mw_connection_queue(struct connection *connection, const char *bytes, size_t len,
                                    struct mw_err *err);
void mw_connection_emit(struct connection *connection, struct mw_event *event);
void mw_connection_end(struct connection *connection);

/* server_http.c: takes the requests that have come, as far as each is answered. */
void mw_connection_read_requests(struct connection *connection);

/* server_ws.c: from the answer to an upgrade on. */
void mw_connection_upgrade(struct connection *connection,
                           const struct mw_http_request_text *request);
void mw_connection_read_messages(struct connection *connection);
/* The event of its end, once. */
void mw_connection_end_websocket(struct connection *connection, int code, const char *reason,
                                 size_t len);

#endif
