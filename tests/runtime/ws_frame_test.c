#include "test.h"
#include "ws_frame.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A stream that hands out its bytes in pieces, with "none now" after each of them ------------- */

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

static ssize_t read_piece(void *arg, uint8_t *buf, size_t len)
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

static void begin(size_t limit, bool from_client)
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
static void rewind_to(size_t limit, bool from_client)
{
    size_t count = byte_count;
    begin(limit, from_client);
    byte_count = count;
}

/* The next result when all bytes have come. */
static enum mw_ws_read_result next(void)
{
    for (;;) {
        bool is_all = byte_at == byte_count;
        enum mw_ws_read_result result = mw_ws_reader_next(reader, &message, &err);
        if (result != MW_WS_AGAIN || is_all)
            return result;
    }
}

/* A frame by the RFC's drawing (5.2): `first` is FIN, RSV and opcode; `form` 0 is the shortest. */
static void put_header(int first, int form, uint64_t len, bool masked)
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

static void put_payload(const char *data, size_t len, bool masked)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    if (masked) {
        memcpy(bytes + byte_count, mask, 4);
        byte_count += 4;
    }
    for (size_t i = 0; i < len; i++)
        bytes[byte_count++] = (uint8_t)(data[i] ^ (masked ? mask[i % 4] : 0));
}

static void put_frame(int first, const char *data, size_t len, bool masked)
{
    put_header(first, 0, len, masked);
    put_payload(data, len, masked);
}

static void put_text(int first, const char *text)
{
    put_frame(first, text, strlen(text), false);
}

static void check_message(int line, int opcode, const char *data, size_t len)
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

static void check_violation(int line, int code, const char *why)
{
    enum mw_ws_read_result result = next();
    if (result == MW_WS_VIOLATION && message.close_code == code && strcmp(err.text, why) == 0)
        return;
    printf("%s:%d: expected violation %d \"%s\", got result %d, code %d \"%s\"\n", __FILE__, line,
           code, why, result, message.close_code, err.text);
    test_failures++;
}
#define CHECK_VIOLATION(code, why) check_violation(__LINE__, code, why)

static char *filled(size_t len)
{
    char *data = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)('!' + i * 7 % 90);
    return data;
}

/* Writing ----------------------------------------------------------------------------------------
 */

static void written(void)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t out[32];
    CHECK_INT(mw_ws_frame_write(out, MW_WS_TEXT, NULL, "Hello", 5), 7);
    CHECK(memcmp(out, "\x81\x05Hello", 7) == 0); /* RFC 6455, 5.7 */
    CHECK_INT(mw_ws_frame_write(out, MW_WS_TEXT, mask, "Hello", 5), 11);
    CHECK(memcmp(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11) == 0);
    CHECK_INT(mw_ws_frame_write(out, MW_WS_PING, NULL, "Hello", 5), 7);
    CHECK(memcmp(out, "\x89\x05Hello", 7) == 0);
    CHECK_INT(mw_ws_frame_write(out, MW_WS_PONG, mask, "Hello", 5), 11);
    CHECK(memcmp(out, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11) == 0);
    CHECK_INT(mw_ws_frame_write(out, MW_WS_CLOSE, mask, "", 0), 6);
    CHECK(memcmp(out, "\x88\x80\x37\xfa\x21\x3d", 6) == 0);
}

static const size_t lengths[] = {0, 1, 124, 125, 126, 127, 128, 256, 65535, 65536, 65537, 200000};

static void written_lengths(void)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t len = lengths[i], header = len < 126 ? 2 : len < 65536 ? 4 : 10;
        char *data = filled(len);
        for (int masked = 0; masked < 2; masked++) {
            begin(len, masked);
            size_t size = len + header + (masked ? 4 : 0);
            uint8_t *out = malloc(size); /* not a byte more than needed */
            CHECK_INT(mw_ws_frame_write(out, MW_WS_BINARY, masked ? mask : NULL, data, len), size);
            put_header(0x82, 0, len, masked);
            CHECK_INT(byte_count, header);
            CHECK(memcmp(out, bytes, header) == 0);
            memcpy(bytes, out, byte_count = size);
            CHECK_MESSAGE(MW_WS_BINARY, data, len);
            free(out);
        }
        free(data);
    }
}

/* Reading ----------------------------------------------------------------------------------------
 */

static void examples(void)
{
    begin(1000, false);
    put_text(0x81, "Hello");
    put_text(0x01, "Hel"); /* 5.7: fragmented */
    put_text(0x80, "lo");
    put_text(0x89, "Hello");
    CHECK_TEXT_MESSAGE("Hello");
    CHECK_TEXT_MESSAGE("Hello");
    CHECK_MESSAGE(MW_WS_PING, "Hello", 5);
    CHECK_INT(next(), MW_WS_AGAIN);
    CHECK_INT(next(), MW_WS_AGAIN);
    put_text(0x82, "\xff");
    CHECK_MESSAGE(MW_WS_BINARY, "\xff", 1);
    ends = true;
    CHECK_INT(next(), MW_WS_ENDED);
    CHECK_INT(next(), MW_WS_ENDED);
    mw_ws_reader_free(NULL);
}

static void read_lengths(void)
{
    static const size_t chunks[] = {1, 2, 3, 7, 125, 4095, 4096, 4097, 65536, 0};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        char *data = filled(lengths[i]);
        for (int masked = 0; masked < 2; masked++) {
            begin(lengths[i], masked);
            put_frame(0x81, data, lengths[i], masked);
            put_frame(0x82, data, lengths[i], masked);
            for (size_t j = lengths[i] > 1000 ? 3 : 0; j < COUNT(chunks); j++) {
                rewind_to(lengths[i], masked);
                chunk = chunks[j];
                CHECK_MESSAGE(MW_WS_TEXT, data, lengths[i]);
                CHECK_MESSAGE(MW_WS_BINARY, data, lengths[i]);
                CHECK_INT(next(), MW_WS_AGAIN);
            }
        }
        free(data);
    }
}

/* Two messages in fragments, with control frames between and empty fragments among them. */
static void put_conversation(bool masked)
{
    put_frame(0x01, "a", 1, masked);
    put_frame(0x89, "ping", 4, masked);
    put_frame(0x00, "", 0, masked);
    put_frame(0x00, "\xe2\x82", 2, masked); /* a character goes on in the next fragment */
    put_frame(0x8a, "", 0, masked);
    put_frame(0x80, "\xac!", 2, masked);
    put_frame(0x02, "", 0, masked);
    put_frame(0x80, "", 0, masked);
    put_frame(0x81, "last", 4, masked);
    put_frame(0x88,
              "\x03\xe8"
              "bye",
              5, masked);
}

static void check_conversation(void)
{
    CHECK_MESSAGE(MW_WS_PING, "ping", 4);
    CHECK_MESSAGE(MW_WS_PONG, "", 0);
    CHECK_TEXT_MESSAGE("a\xe2\x82\xac!");
    CHECK_MESSAGE(MW_WS_BINARY, "", 0);
    CHECK_TEXT_MESSAGE("last");
    CHECK_MESSAGE(MW_WS_CLOSE, "bye", 3);
    CHECK_INT(message.close_code, 1000);
    CHECK_INT(next(), MW_WS_AGAIN);
}

static void every_chunking(void)
{
    for (int masked = 0; masked < 2; masked++) {
        begin(5, masked);
        put_conversation(masked);
        size_t count = byte_count;
        for (size_t size = 0; size <= count; size++) {
            rewind_to(5, masked);
            chunk = size;
            check_conversation();
        }
        for (size_t first = 1; first < count; first++) {
            for (size_t second = first; second < count; second++) {
                rewind_to(5, masked);
                cuts[0] = first;
                cuts[1] = second;
                check_conversation();
            }
        }
    }
}

/* A short read is no reason to stop: what TLS holds back no event of the loop will tell of. */
static void not_drained(void)
{
    static const size_t payloads[] = {0, 5, 125, 126, 128, 4096, 65536};
    for (int masked = 0; masked < 2; masked++) {
        for (size_t size = 1; size <= 20; size++) {
            begin(200000, masked);
            for (size_t i = 0; i < COUNT(payloads); i++) {
                char *data = filled(payloads[i]);
                put_frame(0x82, data, payloads[i], masked);
                put_frame(0x02, data, payloads[i], masked); /* and the same in two fragments */
                put_frame(0x80, data, payloads[i], masked);
                free(data);
            }
            chunk = size;
            is_steady = true;
            for (size_t i = 0; i < 2 * COUNT(payloads); i++) {
                CHECK_INT(mw_ws_reader_next(reader, &message, &err), MW_WS_MESSAGE);
                CHECK_INT(message.len, payloads[i / 2] * (i % 2 + 1));
            }
            CHECK_INT(byte_at, byte_count);
            CHECK_INT(mw_ws_reader_next(reader, &message, &err), MW_WS_AGAIN);
        }
    }
}

static void early_end(void)
{
    begin(100, false);
    put_conversation(false);
    size_t count = byte_count;
    for (size_t len = 0; len < count; len++) {
        byte_count = len;
        rewind_to(100, false);
        ends = true;
        enum mw_ws_read_result result;
        while ((result = next()) == MW_WS_MESSAGE)
            CHECK(message.opcode != MW_WS_CLOSE);
        CHECK_INT(result, MW_WS_ENDED);
        byte_count = len;
        put_conversation(false);
        memmove(bytes, bytes + len, count);
    }
}

static void many_fragments(void)
{
    char *data = filled(30000);
    begin(30000, true);
    for (size_t at = 0; at < 30000; at += 30)
        put_frame(at == 0 ? 0x02 : at == 29970 ? 0x80 : 0x00, data + at, 30, true);
    CHECK_MESSAGE(MW_WS_BINARY, data, 30000);
    rewind_to(29999, true);
    CHECK_VIOLATION(1009, "a message larger than the limit");
    free(data);
}

/* Refusing ---------------------------------------------------------------------------------------
 */

static void wrong_mask(void)
{
    begin(100, true);
    put_text(0x81, "x");
    CHECK_VIOLATION(1002, "a client's frame without a mask");
    begin(100, false);
    put_frame(0x81, "x", 1, true);
    CHECK_VIOLATION(1002, "a server's frame with a mask");
    begin(100, true);
    put_frame(0x01, "x", 1, true); /* each frame of a message counts */
    put_frame(0x80, "y", 1, false);
    CHECK_VIOLATION(1002, "a client's frame without a mask");
}

static void reserved_bits(void)
{
    for (int bits = 1; bits < 8; bits++) {
        begin(100, false);
        put_text(0x81 | bits << 4, "x");
        CHECK_VIOLATION(1002, "reserved bits are set");
    }
}

static void opcodes(void)
{
    for (int opcode = 0; opcode < 16; opcode++) {
        begin(100, false);
        put_text(0x80 | opcode, "");
        if (opcode == 0)
            CHECK_VIOLATION(1002, "a continuation of nothing");
        else if (opcode == 1 || opcode == 2 || (opcode >= 8 && opcode <= 10))
            CHECK_MESSAGE(opcode, "", 0);
        else
            CHECK_VIOLATION(1002, "unknown opcode");
    }
}

static void order_of_frames(void)
{
    begin(100, false);
    put_text(0x01, "a");
    put_text(0x81, "b");
    CHECK_VIOLATION(1002, "a new message inside a fragmented one");
    begin(100, false);
    put_text(0x01, "a");
    put_text(0x02, "b");
    CHECK_VIOLATION(1002, "a new message inside a fragmented one");
    begin(100, false);
    put_text(0x01, "a");
    put_text(0x80, "b");
    put_text(0x80, "c");
    CHECK_TEXT_MESSAGE("ab");
    CHECK_VIOLATION(1002, "a continuation of nothing");
    begin(100, false);
    put_text(0x00, "a");
    CHECK_VIOLATION(1002, "a continuation of nothing");
}

static void control_frames(void)
{
    static const int kinds[] = {MW_WS_CLOSE, MW_WS_PING, MW_WS_PONG};
    char *data = filled(126);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        begin(10, false); /* the limit is for messages */
        put_frame(0x80 | kinds[i], i ? data : "\x03\xe8", i ? 125 : 2, false);
        CHECK_INT(next(), MW_WS_MESSAGE);
        begin(1000, false);
        put_frame(0x80 | kinds[i], data, 126, false);
        CHECK_INT(next(), MW_WS_VIOLATION);
        CHECK_INT(message.close_code, 1002);
        begin(1000, false);
        put_text(kinds[i], "x");
        CHECK_INT(next(), MW_WS_VIOLATION);
        CHECK_INT(message.close_code, 1002);
    }
    free(data);
}

static void long_forms(void)
{
    static const struct {
        int form;
        uint64_t len;
    } cases[] = {{2, 0}, {2, 125}, {8, 0}, {8, 126}, {8, 65535}, {8, UINT64_C(1) << 63}};
    static const char zeros[65535];
    for (size_t i = 0; i < COUNT(cases); i++) { /* 5.2: the minimal number of bytes must be used */
        begin(1 << 20, false);
        put_header(0x82, cases[i].form, cases[i].len, false);
        put_payload(zeros, cases[i].len > 65535 ? 100 : (size_t)cases[i].len, false);
        CHECK_VIOLATION(1002, "a malformed frame");
    }
}

static void limits(void)
{
    char *data = filled(1001);
    begin(1000, false);
    put_frame(0x81, data, 1000, false);
    put_frame(0x89, data, 125, false);
    put_frame(0x81, data, 1001, false);
    CHECK_MESSAGE(MW_WS_TEXT, data, 1000);
    CHECK_MESSAGE(MW_WS_PING, data, 125);
    CHECK_VIOLATION(1009, "a message larger than the limit");
    begin(1000, false);
    put_frame(0x01, data, 600, false);
    put_frame(0x89, data, 100, false);
    put_frame(0x00, data + 600, 400, false);
    put_frame(0x80, data, 1, false);
    CHECK_MESSAGE(MW_WS_PING, data, 100);
    CHECK_VIOLATION(1009, "a message larger than the limit");
    begin(1000, false); /* a new message begins at nothing again */
    for (int i = 0; i < 3; i++) {
        put_frame(0x01, data, 999, false);
        put_frame(0x80, data + 999, 1, false);
    }
    for (int i = 0; i < 3; i++)
        CHECK_MESSAGE(MW_WS_TEXT, data, 1000);
    static const uint64_t huge[] = {UINT64_C(1) << 32, UINT64_C(1) << 62, INT64_MAX};
    for (size_t i = 0; i < COUNT(huge);
         i++) { /* refused by its header: nothing is reserved for it */
        begin(1000, false);
        put_header(0x82, 8, huge[i], false);
        put_payload("x", 1, false);
        CHECK_VIOLATION(1009, "a message larger than the limit");
        begin(1000, false);
        put_frame(0x02, data, 1000, false);
        put_header(0x80, 8, huge[i], false);
        put_payload("x", 1, false);
        CHECK_VIOLATION(1009, "a message larger than the limit");
    }
    free(data);
}

static void bad_text(void)
{
    static const char *const bad[] = {
        "\xff", "a\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        begin(100, false);
        put_text(0x82, bad[i]);
        put_text(0x81, bad[i]);
        CHECK_MESSAGE(MW_WS_BINARY, bad[i], strlen(bad[i]));
        CHECK_VIOLATION(1007, "a text message that is no UTF-8");
        begin(100, false);
        put_text(0x01, "fine ");
        put_text(0x80, bad[i]);
        CHECK_VIOLATION(1007, "a text message that is no UTF-8");
    }
}

static void close_frames(void)
{
    static const int good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                               1010, 1011, 3000, 3999, 4000, 4999};
    static const int bad[] = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999};
    char payload[8] = "..gone";
    begin(100, false);
    put_text(0x88, "");
    CHECK_MESSAGE(MW_WS_CLOSE, "", 0);
    CHECK_INT(message.close_code, 0);
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        int code = i < COUNT(good) ? good[i] : bad[i - COUNT(good)];
        payload[0] = (char)(code >> 8);
        payload[1] = (char)code;
        for (size_t len = 2; len <= 6; len += 4) { /* without a reason and with one */
            begin(100, false);
            put_frame(0x88, payload, len, false);
            if (i < COUNT(good)) {
                CHECK_MESSAGE(MW_WS_CLOSE, "gone", len - 2);
                CHECK_INT(message.close_code, code);
            } else {
                CHECK_VIOLATION(1002, "a close frame with a code that must not be sent");
            }
        }
    }
    begin(100, false);
    put_text(0x88, "\x03");
    CHECK_VIOLATION(1002, "a close frame with half a code");
    begin(100, false);
    put_text(0x88, "\x03\xe8\xff");
    CHECK_VIOLATION(1007, "a close reason that is no UTF-8");
}

/* Whatever arrives, the reader ends with a verdict and never hands out more than it was given. */
static void noise(void)
{
    uint64_t state = 1;
    int messages = 0, violations = 0;
    for (int round = 0; round < 20000; round++) {
        begin(64, round & 1);
        for (int i = 0; i < 3; i++) {
            char data[80];
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint32_t dice = (uint32_t)(state >> 32);
            memset(data, (int)(dice >> 20 & 0xff), sizeof data);
            put_frame((int)(dice & 0x80) | (int)(dice & 0x300 ? dice & 3 : dice & 0xff), data,
                      dice >> 10 & 63, dice >> 17 & 7 ? round & 1 : !(round & 1));
            if ((dice & 0x1c00) == 0)
                bytes[dice >> 12 & 31] ^= (uint8_t)(dice >> 3);
        }
        chunk = (size_t)round % 9;
        ends = true;
        enum mw_ws_read_result result;
        while ((result = next()) == MW_WS_MESSAGE) {
            CHECK(message.len <= 125);
            messages++;
        }
        CHECK(result == MW_WS_ENDED || (result == MW_WS_VIOLATION && message.close_code >= 1002));
        violations += result == MW_WS_VIOLATION;
    }
    CHECK(messages > 2000);
    CHECK(violations > 2000);
}

static const struct test_case cases[] = {
    {"frames are written as the examples of the RFC", written},
    {"frames of every form of length are written and read back", written_lengths},
    {"the examples of the RFC are read", examples},
    {"messages around every change of the length's form are read in pieces of any size",
     read_lengths},
    {"a conversation is the same however its bytes are cut", every_chunking},
    {"the reader goes on until its source has nothing more", not_drained},
    {"a stream that ends too early is an end and never a message", early_end},
    {"a thousand fragments are one message", many_fragments},
    {"a client must mask and a server must not", wrong_mask},
    {"reserved bits are refused", reserved_bits},
    {"opcodes that nobody has defined are refused", opcodes},
    {"fragments of two messages do not mix", order_of_frames},
    {"a control frame is whole and has up to 125 bytes", control_frames},
    {"a length that is written longer than needed is refused", long_forms},
    {"a message beyond the limit is refused, in one frame and in many", limits},
    {"text must be UTF-8 and binary need not be", bad_text},
    {"a close frame has a code that may be sent, and a reason in UTF-8", close_frames},
    {"noise ends with a verdict", noise},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    mw_ws_reader_free(reader);
    return result;
}
