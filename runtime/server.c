#include "server_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_MAX = 64 * 1024 * 1024, CHUNK = 64 * 1024 };

/* Connections by id ---------------------------------------------------------------------------- */

struct connection *mw_connection_find(struct mw_server *server, uint64_t id)
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

void mw_connection_name(struct connection *connection)
{
    if (connection->id)
        unname(connection);
    connection->id = mw_host_next_id(connection->server->host);
    struct connection **bucket = &connection->server->buckets[connection->id % BUCKETS];
    connection->next = *bucket;
    *bucket = connection;
}

/* Bytes and events ----------------------------------------------------------------------------- */

void mw_connection_end(struct connection *connection)
{
    /* The library's own timer may sleep until something happens on a socket, when this is called
     * from a timer of ours: being writable ends it too. */
    connection->is_ended = true;
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    lws_callback_on_writable(connection->wsi);
}

int mw_connection_queue(struct connection *connection, const char *bytes, size_t len,
                        struct mw_err *err)
{
    if (connection->is_ended || mw_buffer_append(&connection->out, bytes, len, QUEUE_MAX) < 0) {
        mw_err_set(err, connection->is_ended ? "the client is gone" : "too much waits to be sent");
        return -1;
    }
    lws_callback_on_writable(connection->wsi);
    return 0;
}

void mw_connection_emit(struct connection *connection, struct mw_event *event)
{
    event->id = connection->id;
    event->num2 = (int64_t)connection->listener;
    if (!connection->server->is_ending)
        mw_host_emit(connection->server->host, event);
}

int mw_server_send_raw(struct mw_server *server, uint64_t id, const char *data, size_t len,
                       struct mw_err *err)
{
    struct connection *connection = mw_connection_find(server, id);
    if (!connection) {
        mw_err_set(err, "connection %llu is gone", (unsigned long long)id);
        return -1;
    }
    return mw_connection_queue(connection, data, len, err);
}

void mw_server_drop(struct mw_server *server, uint64_t id, bool half_open)
{
    struct connection *connection = mw_connection_find(server, id);
    if (!connection)
        return;
    if (!half_open) {
        mw_connection_end(connection);
        return;
    }
    connection->is_half_open = true;
    lws_rx_flow_control(connection->wsi, 0);
}

/* libwebsockets -------------------------------------------------------------------------------- */

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
    if (mw_buffer_append(&connection->in, bytes, len, QUEUE_MAX) < 0) {
        mw_connection_end(connection);
        return;
    }
    if (!connection->frames)
        mw_connection_read_requests(connection);
    if (connection->frames)
        mw_connection_read_messages(connection);
}

/* Sends some of what is queued; -1 ends the connection. */
static int on_writable(struct connection *connection)
{
    struct mw_buffer *out = &connection->out;
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
    mw_connection_read_requests(connection); /* the next may have been waiting for this answer */
    if (connection->frames)
        mw_connection_read_messages(connection);
    return 0;
}

static void on_end(struct connection *connection)
{
    connection->is_ended = true;
    mw_connection_end_websocket(connection, 0, "", 0);
    if (connection->id)
        unname(connection);
    mw_ws_reader_free(connection->frames);
    mw_buffer_fini(&connection->in);
    mw_buffer_fini(&connection->out);
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
        if (!*slot)
            return 0;
        return (*slot)->is_ended ? -1 : on_writable(*slot);
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

/* Why nobody can listen there: libwebsockets does not say it. */
static const char *why_no_listener(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), reuse = 1;
    if (fd < 0)
        return strerror(errno);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse); /* as it does */
    int why = bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 ? errno : 0;
    (void)close(fd);
    return why ? strerror(why) : "the certificate or its key cannot be read";
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
        mw_err_set(err, "listen on 127.0.0.1 port %d: %s", options->port,
                   why_no_listener(options->port));
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
