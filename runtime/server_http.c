#include "http_request.h"
#include "server_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (mw_connection_queue(connection, head, (size_t)len, err) < 0 ||
        mw_connection_queue(connection, reply->headers, strlen(reply->headers), err) < 0 ||
        mw_connection_queue(connection, "\r\n", 2, err) < 0 ||
        mw_connection_queue(connection, reply->body, reply->body_len, err) < 0)
        return -1;
    connection->closes_when_sent = !connection->keeps_alive;
    return 0;
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
    mw_connection_name(connection);
    connection->keeps_alive = request->keeps_alive;
    connection->waits_for_reply = !request->is_upgrade;
    connection->in_upgrade = request->is_upgrade;
    mw_connection_emit(connection, &event);
    if (request->is_upgrade && !connection->was_refused && !connection->is_ended)
        mw_connection_upgrade(connection, request);
    connection->in_upgrade = false;
    free(request->text);
    free(request->body);
}

void mw_connection_read_requests(struct connection *connection)
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
                mw_connection_end(connection);
            return;
        }
        if (result == 0) {
            if (asks_continue && !connection->was_continued) {
                connection->was_continued = true;
                if (mw_connection_queue(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25,
                                        &err) < 0)
                    mw_connection_end(connection);
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
    struct connection *connection = mw_connection_find(server, id);
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
    struct connection *connection = mw_connection_find(server, id);
    if (!connection || !connection->in_upgrade || connection->was_refused) {
        mw_err_set(err, "only an upgrade that is being decided can be refused");
        return -1;
    }
    connection->was_refused = true;
    connection->keeps_alive = false;
    return queue_reply(connection, reply, err);
}
