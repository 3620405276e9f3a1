#include "http_request.h"
#include "server_connection.h"

#include <libwebsockets.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ssize_t read_frames(void *arg, uint8_t *buf, size_t len)
{
    struct connection *connection = arg;
    size_t left = connection->in.len - connection->in.at, taken = left < len ? left : len;
    if (taken)
        memcpy(buf, connection->in.bytes + connection->in.at, taken);
    connection->in.at += taken;
    return (ssize_t)taken;
}

void mw_connection_upgrade(struct connection *connection,
                           const struct mw_http_request_text *request)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char joined[128], answer[256], accepted[32];
    unsigned char hash[20];
    struct mw_err err;
    size_t len;
    const char *key = mw_http_request_header(request, "sec-websocket-key", &len);
    if (!key || len > 64) {
        mw_connection_end(connection);
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
    if (!connection->frames ||
        mw_connection_queue(connection, answer, (size_t)answer_len, &err) < 0) {
        mw_connection_end(connection);
        return;
    }
    struct mw_event event = {.kind = MW_EVENT_server_ws_open};
    connection->was_opened = true;
    mw_connection_emit(connection, &event);
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
    int result = mw_connection_queue(connection, frame, frame_len, err);
    free(frame);
    return result;
}

void mw_connection_end_websocket(struct connection *connection, int code, const char *reason,
                                 size_t len)
{
    struct mw_event event = {
        .kind = MW_EVENT_server_ws_close, .num = code, .data = reason, .len = len};
    if (!connection->was_opened)
        return;
    connection->was_opened = false;
    mw_connection_emit(connection, &event);
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
    if (mw_connection_queue(connection, frame, frame_len, &err) < 0)
        mw_connection_end(connection);
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
        event.kind = MW_EVENT_server_ws_ping;
        break;
    case MW_WS_PONG:
        event.kind = MW_EVENT_server_ws_pong;
        break;
    case MW_WS_CLOSE:
        if (connection->is_closing)
            connection->closes_when_sent = true;
        else if (!connection->closes_when_sent)
            send_close(connection, message->close_code, message->data, message->len);
        mw_connection_end_websocket(connection, message->close_code, message->data, message->len);
        lws_callback_on_writable(connection->wsi);
        return;
    default:
        event.kind = MW_EVENT_server_ws_message;
        event.num = message->opcode;
    }
    if (!connection->is_closing)
        mw_connection_emit(connection, &event);
}

void mw_connection_read_messages(struct connection *connection)
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
                mw_connection_end_websocket(connection, message.close_code, err.text,
                                            strlen(err.text));
                mw_connection_end(connection);
                return;
            }
            send_close(connection, message.close_code, err.text, strlen(err.text));
            mw_connection_end_websocket(connection, message.close_code, err.text, strlen(err.text));
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
    struct connection *connection = mw_connection_find(server, id);
    if (!connection || !connection->frames || connection->closes_when_sent ||
        connection->is_closing) {
        mw_err_set(err, "WebSocket client %llu is gone", (unsigned long long)id);
        return -1;
    }
    return queue_frame(connection, opcode, data, len, err);
}

void mw_server_close(struct mw_server *server, uint64_t id, int code, const char *reason)
{
    struct connection *connection = mw_connection_find(server, id);
    if (!connection || !connection->frames || connection->closes_when_sent ||
        connection->is_closing)
        return;
    connection->is_closing = true;
    send_close(connection, code, reason, strlen(reason));
}
