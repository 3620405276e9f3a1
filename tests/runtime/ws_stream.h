/* ws_stream.h: what the tests of frames share: a stream that hands out its bytes in pieces, with
 * "none now" after each of them, and frames by the RFC's drawing. */
#ifndef MW_TEST_WS_STREAM_H
#define MW_TEST_WS_STREAM_H

#include "test.h"
#include "ws_frame.h"

#include <stdbool.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint8_t bytes[1 << 20];
static size_t byte_count, byte_at;
static size_t chunk;   /* at most so many at a time; 0: what is asked for */
static size_t cuts[2]; /* and never beyond these places; 0: none */
static bool ends;      /* there will be no more behind the last one */
static bool pauses;    /* the next read finds nothing */
static bool is_steady; /* no read finds nothing before the last one */

static struct mw_ws_reader *reader;
static struct mw_ws_message message;
static struct mw_err err;

static inline ssize_t read_piece(void *arg, uint8_t *buf, size_t len)
{
    size_t left = byte_count - byte_at;
    CHECK(arg == bytes);
    if (left == 0)
        return ends ? -1 : 0;
    if (pauses) {
        pauses = false;
        return 0;
    }
    if (chunk && len > chunk)
        len = chunk;
    if (len > left)
        len = left;
    for (size_t i = 0; i < COUNT(cuts); i++)
        if (byte_at < cuts[i] && byte_at + len > cuts[i])
            len = cuts[i] - byte_at;
    memcpy(buf, bytes + byte_at, len);
    byte_at += len;
    pauses = !is_steady && (chunk || cuts[0]);
    return (ssize_t)len;
}

static inline void begin(size_t limit, bool from_client)
{
    mw_ws_reader_free(reader);
    reader = mw_ws_reader_new(read_piece, bytes, limit, from_client, &err);
    CHECK(reader);
    byte_count = byte_at = 0;
    chunk = cuts[0] = cuts[1] = 0;
    ends = pauses = is_steady = false;
    err.text[0] = '\0';
}

/* The same bytes again, for a new reader. */
static inline void rewind_to(size_t limit, bool from_client)
{
    size_t count = byte_count;
    begin(limit, from_client);
    byte_count = count;
}

/* The next result when all bytes have come. */
static inline enum mw_ws_read_result next(void)
{
    for (;;) {
        bool is_all = byte_at == byte_count;
        enum mw_ws_read_result result = mw_ws_reader_next(reader, &message, &err);
        if (result != MW_WS_AGAIN || is_all)
            return result;
    }
}

/* A frame by the RFC's drawing (5.2): `first` is FIN, RSV and opcode; `form` 0 is the shortest. */
static inline void put_header(int first, int form, uint64_t len, bool masked)
{
    if (form == 0)
        form = len < 126 ? 1 : len < 65536 ? 2 : 8;
    bytes[byte_count++] = (uint8_t)first;
    bytes[byte_count++] = (uint8_t)((masked ? 0x80 : 0) | (form == 1   ? (int)len
                                                           : form == 2 ? 126
                                                                       : 127));
    for (int i = form == 1 ? 0 : form; i > 0; i--)
        bytes[byte_count++] = (uint8_t)(len >> (8 * (i - 1)));
}

static inline void put_payload(const char *data, size_t len, bool masked)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    if (masked) {
        memcpy(bytes + byte_count, mask, 4);
        byte_count += 4;
    }
    for (size_t i = 0; i < len; i++)
        bytes[byte_count++] = (uint8_t)(data[i] ^ (masked ? mask[i % 4] : 0));
}

static inline void put_frame(int first, const char *data, size_t len, bool masked)
{
    put_header(first, 0, len, masked);
    put_payload(data, len, masked);
}

static inline void put_text(int first, const char *text)
{
    put_frame(first, text, strlen(text), false);
}

static inline void check_message(int line, int opcode, const char *data, size_t len)
{
    enum mw_ws_read_result result = next();
    if (result == MW_WS_MESSAGE && message.opcode == opcode && message.len == len &&
        memcmp(message.data, data, len) == 0)
        return;
    printf("%s:%d: expected a message %d of %zu bytes, got result %d, message %d of %zu, %s\n",
           __FILE__, line, opcode, len, result, message.opcode, message.len, err.text);
    test_failures++;
}
#define CHECK_MESSAGE(opcode, data, len) check_message(__LINE__, opcode, data, len)
#define CHECK_TEXT_MESSAGE(text) check_message(__LINE__, MW_WS_TEXT, text, strlen(text))

static inline void check_violation(int line, int code, const char *why)
{
    enum mw_ws_read_result result = next();
    if (result == MW_WS_VIOLATION && message.close_code == code && strcmp(err.text, why) == 0)
        return;
    printf("%s:%d: expected violation %d \"%s\", got result %d, code %d \"%s\"\n", __FILE__, line,
           code, why, result, message.close_code, err.text);
    test_failures++;
}
#define CHECK_VIOLATION(code, why) check_violation(__LINE__, code, why)

static inline char *filled(size_t len)
{
    char *data = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)('!' + i * 7 % 90);
    return data;
}

#endif
