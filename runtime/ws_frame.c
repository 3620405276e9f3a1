#include "ws_frame.h"
#include "buffer.h"
#include "utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum { CONTROL_MAX = 125, PROTOCOL_ERROR = 1002, BAD_DATA = 1007, TOO_BIG = 1009 };

struct mw_ws_reader {
    wslay_frame_context_ptr frames;
    mw_ws_read_fn *read;
    void *arg;
    size_t limit;
    bool has_ended, from_client;
    bool is_drained;           /* the source has nothing at present */
    uint64_t frame_got;        /* bytes so far of the frame that is being read */
    int opcode;                /* of the message that is being put together; 0: none */
    struct mw_buffer message;  /* its bytes so far */
    char control[CONTROL_MAX]; /* a control frame may come between fragments */
    size_t control_len;
};

static ssize_t on_read(uint8_t *buf, size_t len, int flags, void *arg)
{
    (void)flags;
    struct mw_ws_reader *reader = arg;
    ssize_t got = reader->read(reader->arg, buf, len);
    reader->is_drained = got <= 0;
    if (got < 0)
        reader->has_ended = true;
    return got > 0 ? got : -1;
}

struct mw_ws_reader *mw_ws_reader_new(mw_ws_read_fn *read, void *arg, size_t limit,
                                      bool from_client, struct mw_err *err)
{
    struct wslay_frame_callbacks callbacks = {.recv_callback = on_read};
    struct mw_ws_reader *reader = calloc(1, sizeof *reader);
    if (!reader || wslay_frame_context_init(&reader->frames, &callbacks, reader) != 0) {
        mw_err_set(err, "out of memory");
        free(reader);
        return NULL;
    }
    reader->read = read;
    reader->arg = arg;
    reader->limit = limit;
    reader->from_client = from_client;
    return reader;
}

void mw_ws_reader_free(struct mw_ws_reader *reader)
{
    if (!reader)
        return;
    wslay_frame_context_free(reader->frames);
    mw_buffer_fini(&reader->message);
    free(reader);
}

static enum mw_ws_read_result violation(struct mw_ws_message *message, int code, struct mw_err *err,
                                        const char *why)
{
    message->close_code = code;
    mw_err_set(err, "%s", why);
    return MW_WS_VIOLATION;
}

/* What is wrong with a frame's header, or NULL (RFC 6455, 5.2 to 5.5). */
static const char *check_header(const struct mw_ws_reader *reader,
                                const struct wslay_frame_iocb *frame)
{
    bool is_control = frame->opcode >= 8;
    if (frame->mask != reader->from_client)
        return reader->from_client ? "a client's frame without a mask"
                                   : "a server's frame with a mask";
    if (frame->rsv)
        return "reserved bits are set";
    if (is_control && (!frame->fin || frame->payload_length > CONTROL_MAX))
        return "a control frame is fragmented or longer than 125 bytes";
    if (is_control && frame->opcode > MW_WS_PONG)
        return "unknown opcode";
    if (!is_control && frame->opcode > MW_WS_BINARY)
        return "unknown opcode";
    if (!is_control && frame->opcode == 0 && !reader->opcode)
        return "a continuation of nothing";
    if (!is_control && frame->opcode != 0 && reader->opcode)
        return "a new message inside a fragmented one";
    return NULL;
}

/* 7.4: codes that may stand in a close frame. */
static bool is_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999) || code >= 5000;
}

static enum mw_ws_read_result finish_close(struct mw_ws_message *message, struct mw_err *err)
{
    message->close_code = 0;
    if (message->len == 0)
        return MW_WS_MESSAGE;
    if (message->len == 1)
        return violation(message, PROTOCOL_ERROR, err, "a close frame with half a code");
    int code = (unsigned char)message->data[0] << 8 | (unsigned char)message->data[1];
    message->data += 2;
    message->len -= 2;
    if (!is_close_code(code))
        return violation(message, PROTOCOL_ERROR, err,
                         "a close frame with a code that must not be sent");
    if (!mw_utf8_valid(message->data, message->len))
        return violation(message, BAD_DATA, err, "a close reason that is no UTF-8");
    message->close_code = code;
    return MW_WS_MESSAGE;
}

static enum mw_ws_read_result finish(struct mw_ws_message *message, struct mw_err *err)
{
    if (message->opcode == MW_WS_CLOSE)
        return finish_close(message, err);
    if (message->opcode == MW_WS_TEXT && !mw_utf8_valid(message->data, message->len))
        return violation(message, BAD_DATA, err, "a text message that is no UTF-8");
    return MW_WS_MESSAGE;
}

/* One piece of a control frame. */
static bool take_control(struct mw_ws_reader *reader, const struct wslay_frame_iocb *frame,
                         struct mw_ws_message *message)
{
    if (reader->frame_got == 0)
        reader->control_len = 0;
    if (frame->data_length) /* never more than CONTROL_MAX: the header was checked */
        memcpy(reader->control + reader->control_len, frame->data, frame->data_length);
    reader->control_len += frame->data_length;
    if (reader->control_len < frame->payload_length)
        return false;
    message->opcode = frame->opcode;
    message->data = reader->control;
    message->len = reader->control_len;
    return true;
}

/* One piece of a text or binary message: 1 when that completed it, 0 when not, -1 without memory.
 * */
static int take_data(struct mw_ws_reader *reader, const struct wslay_frame_iocb *frame,
                     struct mw_ws_message *message)
{
    bool is_whole = reader->frame_got + frame->data_length == frame->payload_length;
    if (frame->opcode && frame->fin && is_whole && reader->frame_got == 0) {
        message->opcode = frame->opcode; /* all of it in one piece: no copy */
        message->data = frame->data_length ? (const char *)frame->data : "";
        message->len = frame->data_length;
        return 1;
    }
    if (frame->opcode && reader->frame_got == 0) {
        reader->opcode = frame->opcode;
        reader->message.len = 0;
    }
    if (mw_buffer_append(&reader->message, frame->data, frame->data_length, reader->limit) < 0)
        return -1;
    if (!frame->fin || !is_whole)
        return 0;
    message->opcode = reader->opcode;
    message->data = reader->message.bytes;
    message->len = reader->message.len;
    reader->opcode = 0;
    return 1;
}

enum mw_ws_read_result mw_ws_reader_next(struct mw_ws_reader *reader, struct mw_ws_message *message,
                                         struct mw_err *err)
{
    for (;;) {
        struct wslay_frame_iocb frame;
        memset(&frame, 0, sizeof frame);
        ssize_t got = wslay_frame_recv(reader->frames, &frame);
        if (got == WSLAY_ERR_WANT_READ && !reader->is_drained)
            continue; /* libwslay stops at a short read; TLS may hold more, unseen by epoll */
        if (got == WSLAY_ERR_WANT_READ || got == WSLAY_ERR_INVALID_CALLBACK)
            return reader->has_ended ? MW_WS_ENDED : MW_WS_AGAIN;
        if (got < 0)
            return violation(message, PROTOCOL_ERROR, err, "a malformed frame");
        if (reader->frame_got == 0) {
            const char *why = check_header(reader, &frame);
            if (why)
                return violation(message, PROTOCOL_ERROR, err, why);
            uint64_t before = frame.opcode ? 0 : reader->message.len;
            if (frame.opcode < 8 && frame.payload_length > reader->limit - before)
                return violation(message, TOO_BIG, err, "a message larger than the limit");
        }
        int is_complete;
        if (frame.opcode >= 8)
            is_complete = take_control(reader, &frame, message);
        else
            is_complete = take_data(reader, &frame, message);
        reader->frame_got += frame.data_length;
        if (reader->frame_got == frame.payload_length)
            reader->frame_got = 0;
        if (is_complete < 0)
            return violation(message, TOO_BIG, err, "no memory for a message");
        if (is_complete)
            return finish(message, err);
    }
}

size_t mw_ws_frame_write(uint8_t *out, int opcode, const uint8_t *mask, const char *data,
                         size_t len)
{
    size_t at = 2;
    uint8_t masked = mask ? 0x80 : 0;
    out[0] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        out[1] = (uint8_t)(masked | len);
    } else if (len < 65536) {
        out[1] = masked | 126;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        at = 4;
    } else {
        out[1] = masked | 127;
        for (int i = 0; i < 8; i++)
            out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
        at = 10;
    }
    if (!mask) {
        memcpy(out + at, data, len);
        return at + len;
    }
    memcpy(out + at, mask, 4);
    at += 4;
    size_t i = 0;
    uint64_t key, word;
    memcpy(&key, mask, 4);
    memcpy((uint8_t *)&key + 4, mask, 4);
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, data + i, 8);
        word ^= key;
        memcpy(out + at + i, &word, 8);
    }
    for (; i < len; i++)
        out[at + i] = (uint8_t)data[i] ^ mask[i & 3];
    return at + len;
}
