#include "ws_frame.h"
#include "buffer.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

enum { CONTROL_MAX = 125, PROTOCOL_ERROR = 1002, BAD_DATA = 1007, TOO_BIG = 1009 };
enum {
    READ_SIZE = 16 * 1024,
    WHOLE_MAX = READ_SIZE / 2, /* frames up to that are read in one piece */
};

struct frame {
    bool is_last; /* FIN */
    bool has_reserved, is_masked;
    int opcode; /* 0: a continuation */
    uint8_t mask[4];
    uint64_t len, got; /* of its payload; so much of that was taken */
};

struct mw_ws_reader {
    mw_ws_read_fn *read;
    void *arg;
    size_t limit;
    bool has_ended, from_client;
    uint8_t *bytes; /* READ_SIZE; what was read and not taken yet: from `at` to `len` */
    size_t at, len;
    bool is_in_frame; /* its header was taken */
    struct frame frame;
    int opcode;               /* of the message that is being put together; 0: none */
    struct mw_buffer message; /* its bytes so far */
};

struct mw_ws_reader *mw_ws_reader_new(mw_ws_read_fn *read, void *arg, size_t limit,
                                      bool from_client, struct mw_err *err)
{
    struct mw_ws_reader *reader = calloc(1, sizeof *reader);
    uint8_t *bytes = reader ? malloc(READ_SIZE) : NULL;
    if (!bytes) {
        mw_err_set(err, "out of memory");
        free(reader);
        return NULL;
    }
    reader->bytes = bytes;
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
    mw_buffer_fini(&reader->message);
    free(reader->bytes);
    free(reader);
}

/* Reads behind what is there, which is less than WHOLE_MAX. False: nothing comes now, or never. */
static bool read_more(struct mw_ws_reader *reader)
{
    size_t left = reader->len - reader->at;
    if (left && reader->at)
        memmove(reader->bytes, reader->bytes + reader->at, left);
    reader->at = 0;
    reader->len = left;
    ssize_t got = reader->read(reader->arg, reader->bytes + left, READ_SIZE - left);
    if (got < 0)
        reader->has_ended = true;
    reader->len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static enum mw_ws_read_result violation(struct mw_ws_message *message, int code, struct mw_err *err,
                                        const char *why)
{
    message->close_code = code;
    mw_err_set(err, "%s", why);
    return MW_WS_VIOLATION;
}

/* Takes a header (5.2): 1; 0 when it has not all come; -1 when its length is written wrongly. */
static int take_header(struct mw_ws_reader *reader)
{
    const uint8_t *p = reader->bytes + reader->at;
    size_t there = reader->len - reader->at;
    if (there < 2)
        return 0;
    struct frame *frame = &reader->frame;
    unsigned form = p[1] & 0x7f;
    size_t more = form == 127 ? 8 : form == 126 ? 2 : 0, size = 2 + more + (p[1] & 0x80 ? 4 : 0);
    if (there < size)
        return 0;
    frame->is_last = p[0] & 0x80;
    frame->has_reserved = p[0] & 0x70;
    frame->opcode = p[0] & 0x0f;
    frame->is_masked = p[1] & 0x80;
    frame->got = 0;
    frame->len = more ? 0 : form;
    for (size_t i = 0; i < more; i++)
        frame->len = frame->len << 8 | p[2 + i];
    if (frame->is_masked)
        memcpy(frame->mask, p + 2 + more, sizeof frame->mask);
    reader->at += size;
    if (more == 2)
        return frame->len < 126 ? -1 : 1;
    return more == 8 && (frame->len < 65536 || frame->len >> 63) ? -1 : 1;
}

/* What is wrong with a frame's header, or NULL (RFC 6455, 5.2 to 5.5). */
static const char *check_header(const struct mw_ws_reader *reader)
{
    const struct frame *frame = &reader->frame;
    bool is_control = frame->opcode >= MW_WS_CLOSE;
    if (frame->is_masked != reader->from_client)
        return reader->from_client ? "a client's frame without a mask"
                                   : "a server's frame with a mask";
    if (frame->has_reserved)
        return "reserved bits are set";
    if (is_control && (!frame->is_last || frame->len > CONTROL_MAX))
        return "a control frame is fragmented or longer than 125 bytes";
    if (is_control ? frame->opcode > MW_WS_PONG : frame->opcode > MW_WS_BINARY)
        return "unknown opcode";
    if (!is_control && frame->opcode == 0 && !reader->opcode)
        return "a continuation of nothing";
    if (!is_control && frame->opcode != 0 && reader->opcode)
        return "a new message inside a fragmented one";
    return NULL;
}

static bool is_too_long(const struct mw_ws_reader *reader)
{
    const struct frame *frame = &reader->frame;
    size_t before = frame->opcode ? 0 : reader->message.len;
    return frame->opcode < MW_WS_CLOSE && frame->len > reader->limit - before;
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

enum progress { NEEDS_MORE, GOES_ON, IS_COMPLETE, NO_MEMORY };

/* A message that comes in pieces. Few do, so the code is kept out of the way of the others. */
static __attribute__((cold)) enum progress put_together(struct mw_ws_reader *reader,
                                                        const uint8_t *piece, size_t len,
                                                        bool is_first,
                                                        struct mw_ws_message *message)
{
    const struct frame *frame = &reader->frame;
    if (frame->opcode && is_first) {
        reader->opcode = frame->opcode;
        reader->message.len = 0;
    }
    if (mw_buffer_append(&reader->message, piece, len, reader->limit) < 0)
        return NO_MEMORY;
    if (!frame->is_last || frame->got < frame->len)
        return GOES_ON;
    message->opcode = reader->opcode;
    message->data = reader->message.bytes;
    message->len = reader->message.len;
    reader->opcode = 0;
    return IS_COMPLETE;
}

static __attribute__((cold)) void unmask(const struct frame *frame, uint8_t *piece, size_t len)
{
    for (size_t i = 0; i < len; i++)
        piece[i] ^= frame->mask[(frame->got + i) & 3];
}

/* Of a frame's payload: all of it; what there is of a longer one than is waited for. */
static enum progress take_payload(struct mw_ws_reader *reader, struct mw_ws_message *message)
{
    struct frame *frame = &reader->frame;
    uint8_t *piece = reader->bytes + reader->at;
    size_t there = reader->len - reader->at;
    bool is_all = frame->len - frame->got <= there, is_first = frame->got == 0;
    if (!is_all && (there == 0 || frame->len <= WHOLE_MAX))
        return NEEDS_MORE;
    size_t len = is_all ? (size_t)(frame->len - frame->got) : there;
    if (frame->is_masked)
        unmask(frame, piece, len);
    reader->at += len;
    frame->got += len;
    reader->is_in_frame = !is_all;
    if (frame->opcode < MW_WS_CLOSE && !(is_all && is_first && frame->opcode && frame->is_last))
        return put_together(reader, piece, len, is_first, message);
    message->opcode = frame->opcode;
    message->data = (const char *)piece;
    message->len = len;
    return IS_COMPLETE;
}

enum mw_ws_read_result mw_ws_reader_next(struct mw_ws_reader *reader, struct mw_ws_message *message,
                                         struct mw_err *err)
{
    for (;;) {
        if (!reader->is_in_frame) {
            int header = take_header(reader);
            const char *why = header > 0   ? check_header(reader)
                              : header < 0 ? "a malformed frame"
                                           : NULL;
            if (why)
                return violation(message, PROTOCOL_ERROR, err, why);
            reader->is_in_frame = header > 0;
            if (header > 0 && is_too_long(reader))
                return violation(message, TOO_BIG, err, "a message larger than the limit");
        }
        enum progress progress = reader->is_in_frame ? take_payload(reader, message) : NEEDS_MORE;
        if (progress == IS_COMPLETE)
            return finish(message, err);
        if (progress == NO_MEMORY)
            return violation(message, TOO_BIG, err, "no memory for a message");
        /* (A short read is no reason to stop: TLS may hold more, unseen by epoll.) */
        if (progress == NEEDS_MORE && !read_more(reader))
            return reader->has_ended ? MW_WS_ENDED : MW_WS_AGAIN;
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
