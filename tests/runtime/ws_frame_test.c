/* Frames that are written and read. */
#include "ws_stream.h"

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

/* Around every change of the length's form, and of what the reader takes in one piece. */
static const size_t lengths[] = {0,    1,    124,   125,   126,   127,   128,   256,   8190,  8191,
                                 8192, 8193, 16383, 16384, 16385, 65535, 65536, 65537, 200000};

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
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    mw_ws_reader_free(reader);
    return result;
}
