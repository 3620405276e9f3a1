#include "loopback.h"
#include "ws_frame.h"

#include <errno.h>

/* A client of the server that is a bare socket: every byte is the test's own ------------------- */

static uint64_t listener;
static int port, client = -1;
static ev_io client_io;
static char got[100000]; /* what the client has read */
static size_t got_len;
static bool got_end;

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)revents;
    ssize_t len = recv(client, got + got_len, sizeof got - 1 - got_len, MSG_DONTWAIT);
    if (len > 0)
        got_len += (size_t)len;
    else if (len == 0 || errno != EAGAIN)
        got_end = true;
    got[got_len] = '\0';
    if (got_end)
        ev_io_stop(loop, io);
}

static void connect_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ev_io_stop(mw_host_loop(host), &client_io); /* of the client before */
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    got_len = 0;
    got[0] = '\0';
    got_end = false;
    ev_io_init(&client_io, on_readable, client, EV_READ);
    ev_io_start(mw_host_loop(host), &client_io);
}

static void close_client(void)
{
    ev_io_stop(mw_host_loop(host), &client_io);
    if (client >= 0)
        (void)close(client);
    client = -1;
}

static void open_all(void)
{
    listener = open_server(false, &port);
    connect_client();
}

static void close_all(void)
{
    close_client();
    close_server();
}

static void say_bytes(const char *bytes, size_t len)
{
    CHECK_INT(send(client, bytes, len, MSG_NOSIGNAL), len);
}

static void say(const char *text)
{
    say_bytes(text, strlen(text));
}

static void wait_for_bytes(size_t count)
{
    WAIT_UNTIL(got_len >= count || got_end);
}

static void check_end(int line)
{
    WAIT_UNTIL(got_end);
    if (got_len == 0)
        return;
    printf("%s:%d: expected the end, got \"%s\"\n", __FILE__, line, got);
    test_failures++;
}
#define CHECK_END() check_end(__LINE__)

static void check_got(int line, const char *bytes, size_t len)
{
    wait_for_bytes(len);
    if (got_len == len && memcmp(got, bytes, len) == 0) {
        got_len = 0;
        return;
    }
    printf("%s:%d: expected \"%s\", got \"%s\"\n", __FILE__, line, bytes, got);
    test_failures++;
}
#define CHECK_GOT(text) check_got(__LINE__, text, strlen(text))
#define CHECK_GOT_BYTES(bytes) check_got(__LINE__, bytes, sizeof(bytes) - 1)

static void reply(int status, const char *headers, const char *body)
{
    struct mw_reply answer = {status, headers, body, strlen(body)};
    CHECK_INT(mw_server_reply(server, heard[MW_EVENT_server_request].id, &answer, &err), 0);
}

static void answer_fine(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_request)
        reply(200, "", heard[MW_EVENT_server_request].data);
}

/* HTTP ----------------------------------------------------------------------------------------- */

static void answers(void)
{
    open_all();
    say("POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    (void)wait_for(MW_EVENT_server_request, 1);
    CHECK_TEXT(heard[MW_EVENT_server_request].text, "POST /a?b\nhost: h\ncontent-length: 4\n");
    CHECK_TEXT(heard[MW_EVENT_server_request].data, "body");
    CHECK_INT(heard[MW_EVENT_server_request].num2, listener);
    uint64_t first = heard[MW_EVENT_server_request].id;
    reply(200, "X-A: 1\r\n", "fine");
    CHECK_GOT("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: 1\r\n\r\nfine");
    say("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"); /* on the same connection */
    (void)wait_for(MW_EVENT_server_request, 2);
    CHECK(heard[MW_EVENT_server_request].id > first);
    struct mw_reply late = {200, "", "", 0};
    CHECK_INT(mw_server_reply(server, first, &late, &err), -1);
    CHECK(strstr(err.text, "is gone or was answered"));
    reply(404, "", "");
    CHECK_INT(mw_server_reply(server, heard[MW_EVENT_server_request].id, &late, &err), -1);
    CHECK_GOT("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK_END();
    close_all();
}

static void one_after_the_other(void)
{
    open_all();
    say("POST /1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n1POST /2 HTTP/1.1\r\nContent-Length: "
        "1\r\n\r\n"
        "2POST /3 HTTP/1.1\r\nContent-Le");
    (void)wait_for(MW_EVENT_server_request, 1);
    run_turns(10);
    CHECK_INT(heard[MW_EVENT_server_request].count, 1); /* the next waits for this one's answer */
    reply(200, "", "a");
    (void)wait_for(MW_EVENT_server_request, 2);
    CHECK_TEXT(heard[MW_EVENT_server_request].data, "2");
    reply(200, "", "b");
    say("ngth: 1\r\n\r\n3");
    (void)wait_for(MW_EVENT_server_request, 3);
    CHECK_TEXT(heard[MW_EVENT_server_request].data, "3");
    reply(200, "", "c");
    CHECK_GOT(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc");
    close_all();
}

static void answers_from_the_handler(void)
{
    open_all();
    hook = answer_fine;
    for (int i = 0; i < 5; i++)
        say("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    (void)wait_for(MW_EVENT_server_request, 5);
    wait_for_bytes(5 * strlen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    CHECK_INT(heard[MW_EVENT_server_request].count, 5);
    close_all();
}

static void refusals(void)
{
    static const struct {
        const char *request, *answer;
    } bad[] = {
        {"nonsense\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
         "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        open_all();
        say(bad[i].request);
        CHECK_GOT(bad[i].answer);
        CHECK_END();
        CHECK_INT(heard[MW_EVENT_server_request].count, 0);
        close_all();
    }
}

static void continues(void)
{
    open_all();
    hook = answer_fine;
    say("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    CHECK_GOT("HTTP/1.1 100 Continue\r\n\r\n");
    say("ab");
    say("cd");
    CHECK_GOT("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd");
    close_all();
}

static void client_gone(void)
{
    open_all();
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 1);
    uint64_t id = heard[MW_EVENT_server_request].id;
    close_client();
    connect_client(); /* and another one, which is served after the first has been noticed */
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 2);
    run_turns(10);
    struct mw_reply late = {200, "", "", 0};
    CHECK_INT(mw_server_reply(server, id, &late, &err), -1);
    reply(200, "", "ok");
    CHECK_GOT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    close_all();
}

static void faults(void)
{
    open_all();
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 1);
    uint64_t id = heard[MW_EVENT_server_request].id;
    CHECK_INT(mw_server_send_raw(server, id, "HTTP/1.1 2", 10, &err), 0);
    CHECK_GOT("HTTP/1.1 2");
    mw_server_drop(server, id, false);
    mw_server_drop(server, 999, false);
    CHECK_END();
    CHECK_INT(mw_server_send_raw(server, id, "x", 1, &err), -1);
    close_all();
    open_all();
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 1);
    mw_server_drop(server, heard[MW_EVENT_server_request].id, true);
    reply(200, "", "never sent");
    int first = client;
    connect_client(); /* others are served as ever */
    hook = answer_fine;
    say("GET / HTTP/1.1\r\n\r\n");
    CHECK_GOT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(recv(first, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN); /* open, and silent */
    (void)close(first);
    close_all();
}

/* WebSocket ------------------------------------------------------------------------------------ */

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
    CHECK_GOT("\x88\x21\x03\xea" "a client's frame without a mask");
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

/* Listening ------------------------------------------------------------------------------------ */

static void listeners(void)
{
    struct mw_listen_options options = {0};
    int second_port = 0, other;
    open_all();
    uint64_t second = mw_server_listen(server, &options, &second_port, &err);
    CHECK(second != 0 && second != listener && second_port != port);
    close_client();
    port = second_port;
    connect_client();
    say("GET / HTTP/1.1\r\n\r\n");
    (void)wait_for(MW_EVENT_server_request, 1);
    CHECK_INT(heard[MW_EVENT_server_request].num2, second);
    int taken = bound_socket(&options.port);
    CHECK_INT(listen(taken, 1), 0);
    CHECK_INT(mw_server_listen(server, &options, &other, &err), 0);
    CHECK(strstr(err.text, "in use, or the certificate cannot be read"));
    (void)close(taken);
    options = (struct mw_listen_options){.cert_file = "/nonexistent", .key_file = "/nonexistent"};
    CHECK_INT(mw_server_listen(server, &options, &other, &err), 0);
    options = (struct mw_listen_options){0};
    for (int i = 2; i < 8; i++)
        CHECK(mw_server_listen(server, &options, &other, &err) != 0);
    CHECK_INT(mw_server_listen(server, &options, &other, &err), 0);
    CHECK_TEXT(err.text, "listen: 8 listeners are open already");
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
    {"requests are told and answered, each once", answers},
    {"requests that come together are answered one after the other", one_after_the_other},
    {"an answer may be given by the handler itself", answers_from_the_handler},
    {"a malformed request is refused without an event", refusals},
    {"a client that waits for 100 gets it", continues},
    {"an answer to a client that is gone fails", client_gone},
    {"raw bytes, a dropped connection and a half open one are faults for others to find", faults},
    {"a WebSocket speaks as the RFC has it", websocket},
    {"frames that come along with the upgrade are read", along_with_the_upgrade},
    {"a client's violation ends its session and is told why", violation},
    {"the server's close is sent once", closed},
    {"the server's close waits for the client's answer and tells its code", closed_and_answered},
    {"a client that leaves instead of answering is a close with code 0", closed_and_left},
    {"a reason that is too long is cut behind a character", long_reason},
    {"a client that is lost is one close with code 0", lost},
    {"an upgrade can be refused while it is decided", refused},
    {"eight listeners have each their own id and port", listeners},
    {"connections end with the server, and nothing stays open", freed},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
