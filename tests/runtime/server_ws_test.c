/* The server's side of WebSocket. */
#include "bare_client.h"
#include "ws_frame.h"

static const char upgrade[] = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n"; /* RFC 6455, 1.3 */
static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void say_frame(int opcode, const char *data, size_t len)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t frame[256];
    say_bytes((char *)frame, mw_ws_frame_write(frame, opcode, mask, data, len));
}

static uint64_t open_websocket(void)
{
    open_all();
    say(upgrade);
    CHECK_GOT(accepted);
    CHECK_INT(heard[MW_EVENT_server_upgrade].count, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_open].count, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_open].id, heard[MW_EVENT_server_upgrade].id);
    CHECK_INT(heard[MW_EVENT_server_ws_open].num2, listener);
    return heard[MW_EVENT_server_ws_open].id;
}

static void websocket(void)
{
    uint64_t id = open_websocket();
    say_frame(MW_WS_TEXT, "hello", 5);
    (void)wait_for(MW_EVENT_server_ws_message, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_message].id, id);
    CHECK_INT(heard[MW_EVENT_server_ws_message].num, MW_WS_TEXT);
    CHECK_TEXT(heard[MW_EVENT_server_ws_message].data, "hello");
    CHECK_INT(mw_server_send(server, id, MW_WS_TEXT, "you too", 7, &err), 0);
    CHECK_GOT("\x81\x07you too");
    say_frame(MW_WS_PING, "p", 1);
    CHECK_GOT("\x8a\x01p");
    CHECK_INT(heard[MW_EVENT_server_ws_ping].count, 1);
    CHECK_TEXT(heard[MW_EVENT_server_ws_ping].data, "p");
    say_frame(MW_WS_PONG, "q", 1);
    (void)wait_for(MW_EVENT_server_ws_pong, 1);
    CHECK_TEXT(heard[MW_EVENT_server_ws_pong].data, "q");
    CHECK_INT(mw_server_send_raw(server, id, "\x8f", 1, &err), 0);
    CHECK_GOT("\x8f");
    say_frame(MW_WS_CLOSE, "\x0f\xa1why", 5);
    CHECK_GOT_BYTES("\x88\x05\x0f\xa1why");
    CHECK_END();
    CHECK_INT(heard[MW_EVENT_server_ws_close].count, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_close].num, 4001);
    CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, "why");
    CHECK_INT(mw_server_send(server, id, MW_WS_TEXT, "x", 1, &err), -1);
    CHECK(strstr(err.text, "is gone"));
    close_all();
}

static void along_with_the_upgrade(void)
{
    uint8_t all[sizeof upgrade + 32];
    static const uint8_t mask[4] = {9, 8, 7, 6};
    open_all();
    memcpy(all, upgrade, sizeof upgrade - 1);
    size_t len = sizeof upgrade - 1;
    len += mw_ws_frame_write(all + len, MW_WS_TEXT, mask, "early", 5);
    say_bytes((char *)all, len);
    (void)wait_for(MW_EVENT_server_ws_message, 1);
    CHECK_TEXT(heard[MW_EVENT_server_ws_message].data, "early");
    close_all();
}

static void violation(void)
{
    static const char why[] = "a client's frame without a mask";
    (void)open_websocket();
    say("\x81\x01x");
    (void)wait_for(MW_EVENT_server_ws_close, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_close].num, 1002);
    CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, why);
    CHECK_INT(heard[MW_EVENT_server_ws_message].count, 0);
    CHECK_GOT("\x88\x21\x03\xea"
              "a client's frame without a mask");
    CHECK_END();
    CHECK_INT(heard[MW_EVENT_server_ws_close].count, 1);
    close_all();
}

static void closed(void)
{
    uint64_t id = open_websocket();
    mw_server_close(server, id, 1001, "going");
    mw_server_close(server, id, 1002, "twice");
    CHECK_INT(mw_server_send(server, id, MW_WS_TEXT, "x", 1, &err), -1);
    CHECK_GOT_BYTES("\x88\x07\x03\xe9going");
    say_frame(MW_WS_CLOSE, "\x03\xe9", 2);
    (void)wait_for(MW_EVENT_server_ws_close, 1);
    CHECK_END();
    CHECK_INT(heard[MW_EVENT_server_ws_close].count, 1);
    close_all();
}

/* The peer's answer ends it and has the last word; until then nothing is told and nothing sent. */
static void closed_and_answered(void)
{
    static const struct {
        const char *answer;
        size_t len;
        int code;
        const char *reason;
    } answers_to_it[] = {
        {"\x03\xe9going", 7, 1001, "going"}, {"\x0f\xa1no", 4, 4001, "no"}, {"", 0, 0, ""}};
    for (size_t i = 0; i < COUNT(answers_to_it); i++) {
        uint64_t id = open_websocket();
        mw_server_close(server, id, 1001, "going");
        CHECK_GOT_BYTES("\x88\x07\x03\xe9going");
        say_frame(MW_WS_TEXT, "late", 4);
        say_frame(MW_WS_PONG, "late", 4);
        run_turns(10);
        CHECK(!got_end); /* it waits */
        CHECK_INT(heard[MW_EVENT_server_ws_close].count, 0);
        say_frame(MW_WS_CLOSE, answers_to_it[i].answer, answers_to_it[i].len);
        (void)wait_for(MW_EVENT_server_ws_close, 1);
        CHECK_INT(heard[MW_EVENT_server_ws_close].id, id);
        CHECK_INT(heard[MW_EVENT_server_ws_close].num, answers_to_it[i].code);
        CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, answers_to_it[i].reason);
        CHECK_END(); /* and no answer to the answer */
        CHECK_INT(heard[MW_EVENT_server_ws_close].count, 1);
        CHECK_INT(heard[MW_EVENT_server_ws_message].count, 0);
        CHECK_INT(heard[MW_EVENT_server_ws_pong].count, 0);
        close_all();
    }
}

static void closed_and_left(void)
{
    uint64_t id = open_websocket();
    mw_server_close(server, id, 1001, "going");
    CHECK_GOT_BYTES("\x88\x07\x03\xe9going");
    close_client(); /* without an answer */
    CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->num, 0);
    CHECK_INT(heard[MW_EVENT_server_ws_close].id, id);
    close_all();
}

static void long_reason(void)
{
    char reason[256] = "x";
    for (size_t i = 0; i < 50; i++)
        memcpy(reason + 1 + 3 * i, "\xe2\x82\xac", 4);
    uint64_t id = open_websocket();
    mw_server_close(server, id, 4000, reason);
    wait_for_bytes(4 + 121); /* 1 + 3 * 40: the next character ends at 124 */
    CHECK_INT(got_len, 4 + 121);
    CHECK(memcmp(got, "\x88\x7b\x0f\xa0", 4) == 0);
    CHECK(memcmp(got + 4, reason, 121) == 0);
    close_all();
}

static void lost(void)
{
    for (int drop = 0; drop < 2; drop++) {
        uint64_t id = open_websocket();
        if (drop)
            mw_server_drop(server, id, false);
        else
            close_client();
        (void)wait_for(MW_EVENT_server_ws_close, 1);
        CHECK_INT(heard[MW_EVENT_server_ws_close].id, id);
        CHECK_INT(heard[MW_EVENT_server_ws_close].num, 0);
        CHECK_INT(mw_server_send(server, id, MW_WS_TEXT, "x", 1, &err), -1);
        close_all();
        CHECK_INT(heard[MW_EVENT_server_ws_close].count, 1);
    }
}

static void refuse(const struct mw_event *event)
{
    struct mw_reply no = {503, "X-Why: full\r\n", "later", 5};
    if (event->kind != MW_EVENT_server_upgrade)
        return;
    CHECK_INT(mw_server_reply(server, event->id, &no, &err), -1); /* it is no request */
    CHECK_INT(mw_server_refuse(server, event->id, &no, &err), 0);
    CHECK_INT(mw_server_refuse(server, event->id, &no, &err), -1); /* once */
}

static void refused(void)
{
    struct mw_reply no = {503, "", "", 0};
    open_all();
    hook = refuse;
    say(upgrade);
    CHECK_GOT("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nConnection: close\r\n"
              "X-Why: full\r\n\r\nlater");
    CHECK_END();
    CHECK_INT(heard[MW_EVENT_server_ws_open].count + heard[MW_EVENT_server_ws_close].count, 0);
    close_all();
    uint64_t id = open_websocket();
    CHECK_INT(mw_server_refuse(server, id, &no, &err), -1); /* too late */
    CHECK_TEXT(err.text, "only an upgrade that is being decided can be refused");
    close_all();
}

static void freed(void)
{
    int before = open_files();
    (void)open_websocket();
    say("\x81"); /* half a frame */
    mw_server_free(server);
    CHECK_INT(heard[MW_EVENT_server_ws_close].count, 0); /* without an event */
    server = NULL;
    close_all();
    open_all();
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 1); /* never answered */
    close_all();
    mw_server_free(NULL);
    CHECK_INT(open_files(), before);
}

static const struct test_case cases[] = {
    {"a WebSocket speaks as the RFC has it", websocket},
    {"frames that come along with the upgrade are read", along_with_the_upgrade},
    {"a client's violation ends its session and is told why", violation},
    {"the server's close is sent once", closed},
    {"the server's close waits for the client's answer and tells its code", closed_and_answered},
    {"a client that leaves instead of answering is a close with code 0", closed_and_left},
    {"a reason that is too long is cut behind a character", long_reason},
    {"a client that is lost is one close with code 0", lost},
    {"an upgrade can be refused while it is decided", refused},
    {"connections end with the server, and nothing stays open", freed},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
