/* Frames that are refused. */
#include "random.h"
#include "ws_stream.h"

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
    int messages = 0, violations = 0;
    random_state = 1;
    for (int round = 0; round < 20000; round++) {
        begin(64, round & 1);
        for (int i = 0; i < 3; i++) {
            char data[80];
            unsigned dice = below(1U << 31);
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
