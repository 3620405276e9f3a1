#include "server.h"
#include "http_request.h"
#include "ws_frame.h"

#include <libwebsockets.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, LISTENERS_MAX = 8, QUEUE_MAX = 64 * 1024 * 1024, CHUNK = 64 * 1024 };

struct buffer {
    char *bytes;
    size_t at, len, cap; /* what is not used yet: at to len */
};

/* One client. It has one id at a time: of the request that is being answered, or of its WebSocket.
 * */
struct connection {
    struct mw_server *server;
    struct connection *next; /* in its bucket */
    struct lws *wsi;
    uint64_t id, listener;
    struct buffer in, out;
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

/* Connections by id -----------------------------------------------------------------------------
 * */

static struct connection *find(struct mw_server *server, uint64_t id)
{
    struct connection *connection = server->buckets[id % BUCKETS];
    while (connection && connection->id != id)
        connection = connection->next;
    return connection;
}

static void unname(struct connection *connection)
{
    struct connection **link = &connection->server->buckets[connection->id % BUCKETS];
    while (*link && *link != connection)
        link = &(*link)->next;
    if (*link)
        *link = connection->next;
    connection->id = 0;
}

static void name(struct connection *connection)
{
    if (connection->id)
        unname(connection);
    connection->id = mw_host_next_id(connection->server->host);
    struct connection **bucket = &connection->server->buckets[connection->id % BUCKETS];
    connection->next = *bucket;
    *bucket = connection;
}

/* Bytes -----------------------------------------------------------------------------------------
 * */

static int append(struct buffer *buffer, const char *bytes, size_t len)
{
    if (buffer->at == buffer->len)
        buffer->at = buffer->len = 0;
    if (buffer->len + len > buffer->cap) {
        if (buffer->at) {
            memmove(buffer->bytes, buffer->bytes + buffer->at, buffer->len - buffer->at);
            buffer->len -= buffer->at;
            buffer->at = 0;
        }
        size_t cap = (buffer->len + len) * 2;
        char *grown = buffer->len + len > QUEUE_MAX ? NULL : realloc(buffer->bytes, cap);
        if (!grown)
            return -1;
        buffer->bytes = grown;
        buffer->cap = cap;
    }
    if (len)
        memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    return 0;
}

static void end(struct connection *connection)
{
    connection->is_ended = true;
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static int queue(struct connection *connection, const char *bytes, size_t len, struct mw_err *err)
{
    if (connection->is_ended || append(&connection->out, bytes, len) < 0) {
        mw_err_set(err, connection->is_ended ? "the client is gone" : "too much waits to be sent");
        return -1;
    }
    lws_callback_on_writable(connection->wsi);
    return 0;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {426, "Upgrade Required"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other"; /* clients must not rely on it: RFC 9112 4 */
}

static int queue_reply(struct connection *connection, const struct mw_reply *reply,
                       struct mw_err *err)
{
    char head[512];
    int len = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s",
                       reply->status, reason_of(reply->status), reply->body_len,
                       connection->keeps_alive ? "" : "Connection: close\r\n");
    if (queue(connection, head, (size_t)len, err) < 0 ||
        queue(connection, reply->headers, strlen(reply->headers), err) < 0 ||
        queue(connection, "\r\n", 2, err) < 0 ||
        queue(connection, reply->body, reply->body_len, err) < 0)
        return -1;
    connection->closes_when_sent = !connection->keeps_alive;
    return 0;
}

static int queue_frame(struct connection *connection, int opcode, const char *data, size_t len,
                       struct mw_err *err)
{
    char *frame = malloc(len + 14);
    if (!frame) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    size_t frame_len = mw_ws_frame_write((uint8_t *)frame, opcode, NULL, data, len);
    int result = queue(connection, frame, frame_len, err);
    free(frame);
    return result;
}

/* HTTP ------------------------------------------------------------------------------------------
 * */

static void emit(struct connection *connection, struct mw_event *event)
{
    event->id = connection->id;
    event->num2 = (int64_t)connection->listener;
    if (!connection->server->is_ending)
        mw_host_emit(connection->server->host, event);
}

static ssize_t read_frames(void *arg, uint8_t *buf, size_t len)
{
    struct connection *connection = arg;
    size_t left = connection->in.len - connection->in.at, taken = left < len ? left : len;
    if (taken)
        memcpy(buf, connection->in.bytes + connection->in.at, taken);
    connection->in.at += taken;
    return (ssize_t)taken;
}

static void accept_upgrade(struct connection *connection,
                           const struct mw_http_request_text *request)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char joined[128], answer[256], accepted[32];
    unsigned char hash[20];
    struct mw_err err;
    size_t len;
    const char *key = mw_http_request_header(request, "sec-websocket-key", &len);
    if (!key || len > 64) {
        end(connection);
        return;
    }
    int joined_len = snprintf(joined, sizeof joined, "%.*s%s", (int)len, key, guid); /* fits */
    if (!EVP_Q_digest(NULL, "SHA1", NULL, joined, (size_t)joined_len, hash, NULL))
        return;
    EVP_EncodeBlock((unsigned char *)accepted, hash, sizeof hash);
    int answer_len = snprintf(answer, sizeof answer,
                              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                              accepted); /* fits */
    connection->frames = mw_ws_reader_new(read_frames, connection, MW_REQUEST_BODY_MAX, true, &err);
    if (!connection->frames || queue(connection, answer, (size_t)answer_len, &err) < 0) {
        end(connection);
        return;
    }
    struct mw_event event = {.kind = MW_EVENT_server_ws_open};
    connection->was_opened = true;
    emit(connection, &event);
}

/* Tells of one request; its answer comes by mw_server_reply, maybe during this call. */
static void take_request(struct connection *connection, struct mw_http_request_text *request)
{
    struct mw_event event = {
        .kind = request->is_upgrade ? MW_EVENT_server_upgrade : MW_EVENT_server_request,
        .text = request->text,
        .text_len = request->text_len,
        .data = request->body,
        .len = request->body_len,
    };
    name(connection);
    connection->keeps_alive = request->keeps_alive;
    connection->waits_for_reply = !request->is_upgrade;
    connection->in_upgrade = request->is_upgrade;
    emit(connection, &event);
    if (request->is_upgrade && !connection->was_refused && !connection->is_ended)
        accept_upgrade(connection, request);
    connection->in_upgrade = false;
    free(request->text);
    free(request->body);
}

static void read_requests(struct connection *connection)
{
    while (!connection->waits_for_reply && !connection->closes_when_sent && !connection->frames &&
           !connection->is_ended && connection->in.at < connection->in.len) {
        struct mw_http_request_text request;
        bool asks_continue;
        int status;
        struct mw_err err;
        int result = mw_http_request_parse(connection->in.bytes + connection->in.at,
                                           connection->in.len - connection->in.at, &request,
                                           &asks_continue, &status);
        if (result < 0) {
            struct mw_reply refusal = {.status = status, .headers = "", .body = ""};
            connection->keeps_alive = false;
            if (queue_reply(connection, &refusal, &err) < 0)
                end(connection);
            return;
        }
        if (result == 0) {
            if (asks_continue && !connection->was_continued) {
                connection->was_continued = true;
                if (queue(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25, &err) < 0)
                    end(connection);
            }
            return;
        }
        connection->was_continued = false;
        connection->in.at += request.consumed;
        take_request(connection, &request);
    }
}

int mw_server_reply(struct mw_server *server, uint64_t id, const struct mw_reply *reply,
                    struct mw_err *err)
{
    struct connection *connection = find(server, id);
    if (!connection || !connection->waits_for_reply) {
        mw_err_set(err, "request %llu is gone or was answered", (unsigned long long)id);
        return -1;
    }
    connection->waits_for_reply = false;
    return queue_reply(connection, reply, err);
}

int mw_server_refuse(struct mw_server *server, uint64_t id, const struct mw_reply *reply,
                     struct mw_err *err)
{
    struct connection *connection = find(server, id);
    if (!connection || !connection->in_upgrade || connection->was_refused) {
        mw_err_set(err, "only an upgrade that is being decided can be refused");
        return -1;
    }
    connection->was_refused = true;
    connection->keeps_alive = false;
    return queue_reply(connection, reply, err);
}

/* WebSocket -------------------------------------------------------------------------------------
 * */

static void end_websocket(struct connection *connection, int code, const char *reason, size_t len)
{
    struct mw_event event = {
        .kind = MW_EVENT_server_ws_close, .num = code, .data = reason, .len = len};
    if (!connection->was_opened)
        return;
    connection->was_opened = false;
    emit(connection, &event);
}

static void send_close(struct connection *connection, int code, const char *reason, size_t len)
{
    char payload[125], frame[160];
    struct mw_err err;
    if (len > sizeof payload - 2) {
        len = sizeof payload - 2;
        while (len && ((unsigned char)reason[len] & 0xc0) == 0x80)
            len--; /* not in the middle of a character */
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (len)
        memcpy(payload + 2, reason, len);
    size_t frame_len = mw_ws_frame_write((uint8_t *)frame, MW_WS_CLOSE, NULL, payload,
                                         code ? len + 2 : 0);
    connection->closes_when_sent = !connection->is_closing;
    if (queue(connection, frame, frame_len, &err) < 0)
        end(connection);
}

static void take_message(struct connection *connection, const struct mw_ws_message *message)
{
    struct mw_event event = {.data = message->data, .len = message->len};
    struct mw_err err;
    switch (message->opcode) {
    case MW_WS_PING:
        if (connection->is_closing)
            return; /* nothing is sent behind a close frame */
        (void)queue_frame(connection, MW_WS_PONG, message->data, message->len, &err); /* or gone */
        return;
    case MW_WS_PONG:
        event.kind = MW_EVENT_server_ws_pong;
        break;
    case MW_WS_CLOSE:
        if (connection->is_closing)
            connection->closes_when_sent = true;
        else if (!connection->closes_when_sent)
            send_close(connection, message->close_code, message->data, message->len);
        end_websocket(connection, message->close_code, message->data, message->len);
        lws_callback_on_writable(connection->wsi);
        return;
    default:
        event.kind = MW_EVENT_server_ws_message;
        event.num = message->opcode;
    }
    if (!connection->is_closing)
        emit(connection, &event);
}

static void read_messages(struct connection *connection)
{
    while (!connection->is_ended && !connection->is_half_open) {
        struct mw_ws_message message;
        struct mw_err err;
        switch (mw_ws_reader_next(connection->frames, &message, &err)) {
        case MW_WS_MESSAGE:
            if (connection->was_opened)
                take_message(connection, &message);
            break;
        case MW_WS_VIOLATION:
            if (connection->is_closing) { /* our close frame is on its way: there is no other */
                end_websocket(connection, message.close_code, err.text, strlen(err.text));
                end(connection);
                return;
            }
            send_close(connection, message.close_code, err.text, strlen(err.text));
            end_websocket(connection, message.close_code, err.text, strlen(err.text));
            return;
        case MW_WS_AGAIN:
        case MW_WS_ENDED:
            return;
        }
    }
}

int mw_server_send(struct mw_server *server, uint64_t id, int opcode, const char *data, size_t len,
                   struct mw_err *err)
{
    struct connection *connection = find(server, id);
    if (!connection || !connection->frames || connection->closes_when_sent ||
        connection->is_closing) {
        mw_err_set(err, "WebSocket client %llu is gone", (unsigned long long)id);
        return -1;
    }
    return queue_frame(connection, opcode, data, len, err);
}

int mw_server_send_raw(struct mw_server *server, uint64_t id, const char *data, size_t len,
                       struct mw_err *err)
{
    struct connection *connection = find(server, id);
    if (!connection) {
        mw_err_set(err, "connection %llu is gone", (unsigned long long)id);
        return -1;
    }
    return queue(connection, data, len, err);
}

void mw_server_close(struct mw_server *server, uint64_t id, int code, const char *reason)
{
    struct connection *connection = find(server, id);
    if (!connection || !connection->frames || connection->closes_when_sent ||
        connection->is_closing)
        return;
    connection->is_closing = true;
    send_close(connection, code, reason, strlen(reason));
}

void mw_server_drop(struct mw_server *server, uint64_t id, bool half_open)
{
    struct connection *connection = find(server, id);
    if (!connection)
        return;
    if (!half_open) {
        end(connection);
        return;
    }
    connection->is_half_open = true;
    lws_rx_flow_control(connection->wsi, 0);
}

/* libwebsockets ---------------------------------------------------------------------------------
 * */

static struct connection *on_accept(struct mw_server *server, struct lws *wsi)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->server = server;
    connection->wsi = wsi;
    for (int i = 0; i < server->listener_count; i++)
        if (server->vhosts[i] == lws_get_vhost(wsi))
            connection->listener = server->listeners[i];
    return connection;
}

static void on_bytes(struct connection *connection, const char *bytes, size_t len)
{
    if (!connection->has_spoken) /* the library allows 20 s from TLS to here, and then for all */
        lws_set_timeout(connection->wsi, NO_PENDING_TIMEOUT, 0);
    connection->has_spoken = true;
    if (append(&connection->in, bytes, len) < 0) {
        end(connection);
        return;
    }
    if (!connection->frames)
        read_requests(connection);
    if (connection->frames)
        read_messages(connection);
}

/* Sends some of what is queued; -1 ends the connection. */
static int on_writable(struct connection *connection)
{
    struct buffer *out = &connection->out;
    unsigned char chunk[LWS_PRE + CHUNK];
    if (connection->is_half_open)
        return 0;
    size_t len = out->len - out->at < CHUNK ? out->len - out->at : CHUNK;
    if (len) {
        memcpy(chunk + LWS_PRE, out->bytes + out->at, len);
        int sent = lws_write(connection->wsi, chunk + LWS_PRE, len, LWS_WRITE_RAW);
        if (sent < 0)
            return -1;
        out->at += len; /* libwebsockets keeps what the socket did not take */
        lws_callback_on_writable(connection->wsi);
        return 0;
    }
    if (connection->closes_when_sent)
        return -1;
    read_requests(connection); /* the next one may have been waiting for this answer */
    if (connection->frames)
        read_messages(connection);
    return 0;
}

static void on_end(struct connection *connection)
{
    connection->is_ended = true;
    end_websocket(connection, 0, "", 0);
    if (connection->id)
        unname(connection);
    mw_ws_reader_free(connection->frames);
    free(connection->in.bytes);
    free(connection->out.bytes);
    free(connection);
}

static int on_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len)
{
    struct connection **slot = user;
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        *slot = on_accept(lws_context_user(lws_get_context(wsi)), wsi);
        return *slot ? 0 : -1;
    case LWS_CALLBACK_RAW_RX:
        if (*slot && !(*slot)->is_ended)
            on_bytes(*slot, in, len);
        return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        return *slot && !(*slot)->is_ended ? on_writable(*slot) : 0;
    case LWS_CALLBACK_RAW_CLOSE:
        if (slot && *slot)
            on_end(*slot);
        if (slot)
            *slot = NULL;
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "moonwire",
     .callback = on_callback,
     .per_session_data_size = sizeof(struct connection *),
     .rx_buffer_size = CHUNK},
    {0},
};

struct mw_server *mw_server_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_server *server = calloc(1, sizeof *server);
    if (!server) {
        mw_err_set(err, "server: out of memory");
        return NULL;
    }
    server->host = host;
    return server;
}

/* The library's context costs time and memory: it is made for the first listener. */
static int make_context(struct mw_server *server, struct mw_err *err)
{
    void *loops[1] = {mw_host_loop(server->host)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .foreign_loops = loops,
        .user = server,
    };
    if (server->context)
        return 0;
    lws_set_log_level(0, NULL);
    server->context = lws_create_context(&info);
    if (server->context)
        return 0;
    mw_err_set(err, "libwebsockets cannot start (is its libev plugin installed?)");
    return -1;
}

uint64_t mw_server_listen(struct mw_server *server, const struct mw_listen_options *options,
                          int *port, struct mw_err *err)
{
    struct lws_context_creation_info info = {
        .port = options->port,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .alpn = "http/1.1", /* it would promise h2, which nobody here speaks */
        .listen_accept_role = "raw-skt",
        .listen_accept_protocol = "moonwire",
        .options = LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG,
        .ssl_cert_filepath = options->cert_file,
        .ssl_private_key_filepath = options->key_file,
    };
    if (server->listener_count == LISTENERS_MAX) {
        mw_err_set(err, "listen: %d listeners are open already", LISTENERS_MAX);
        return 0;
    }
    if (make_context(server, err) < 0)
        return 0;
    char *name = server->names[server->listener_count];
    (void)snprintf(name, sizeof server->names[0], "listener-%d", server->listener_count); /* fits */
    info.vhost_name = name;
    if (options->cert_file)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    struct lws_vhost *vhost = lws_create_vhost(server->context, &info);
    if (!vhost || lws_get_vhost_listen_port(vhost) <= 0) {
        mw_err_set(err, "listen on 127.0.0.1 port %d: in use, or the certificate cannot be read",
                   options->port);
        return 0;
    }
    uint64_t id = mw_host_next_id(server->host);
    server->vhosts[server->listener_count] = vhost;
    server->listeners[server->listener_count++] = id;
    *port = lws_get_vhost_listen_port(vhost);
    return id;
}

void mw_server_free(struct mw_server *server)
{
    if (!server)
        return;
    server->is_ending = true;
    if (server->context)
        lws_context_destroy(server->context);
    free(server);
}
