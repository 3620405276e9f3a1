/* Sessions that are refused, broken or lost. */
#include "recorded.h"
#include "ws_client.h"

#include <errno.h>
#include <unistd.h>

static void refuse(const struct mw_event *event)
{
    static const char body[] = "{\"code\":\"authz.invalid_session\"}";
    struct mw_reply reply = {401, "Content-Type: application/json\r\n", body, sizeof body - 1};
    if (event->kind == MW_EVENT_server_upgrade)
        CHECK_INT(mw_server_refuse(server, event->id, &reply, &err), 0);
}

static void refused(void)
{
    host_recorder = open_recorder();
    open_all(true);
    hook = refuse;
    uint64_t id = BEGIN(.url = NULL);
    CHECK_CLOSED(id, 0, "handshake refused: HTTP 401");
    CHECK_INT(heard[MW_EVENT_ws_close].num2, 401);
    CHECK_TEXT(heard[MW_EVENT_ws_close].data, "{\"code\":\"authz.invalid_session\"}");
    CHECK_INT(heard[MW_EVENT_ws_open].count + heard[MW_EVENT_server_ws_open].count, 0);
    CHECK_RECORDED(MW_RECORD_ws_opening, id, 0, "", url);
    CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, 0, "GET /feed?x=%31 HTTP/1.1\r\n", "\r\n\r\n");
    CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, 401, "HTTP/1.1 401 ", "\r\n\r\n");
    check_no_more_recorded();
    close_all();
    close_recorder(host_recorder);
    host_recorder = NULL;
}

static const char *raw_answer;

static void answer_raw(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_upgrade)
        CHECK_INT(mw_server_send_raw(server, event->id, raw_answer, strlen(raw_answer), &err), 0);
}

static void bad_handshakes(void)
{
    static const struct {
        const char *answer, *why;
        int status;
    } cases[] = {
        {"SSH-2.0-x\r\n\r\n", "handshake: the answer is no HTTP", -1},
        {"HTTP/1.1 abc\r\n\r\n", "handshake: the answer has no HTTP status", -1},
        {"HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\n\r\n",
         "handshake: the answer 101 has no Upgrade: websocket", 101},
        {"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         "handshake: Sec-WebSocket-Accept does not belong to our key", 101},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        host_recorder = open_recorder();
        open_all(true);
        raw_answer = cases[i].answer;
        hook = answer_raw;
        uint64_t id = BEGIN(.url = NULL);
        CHECK_CLOSED(id, 0, cases[i].why);
        CHECK_INT(heard[MW_EVENT_ws_close].num2, 0);
        CHECK_INT(heard[MW_EVENT_ws_open].count, 0);
        CHECK_RECORDED(MW_RECORD_ws_opening, id, 0, "", url);
        CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, 0, "GET /feed?x=%31 HTTP/1.1\r\n",
                            "\r\n\r\n");
        CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, cases[i].status, cases[i].answer, "");
        close_all();
        close_recorder(host_recorder);
        host_recorder = NULL;
    }
}

static void over_the_limit(void)
{
    char text[1001];
    memset(text, 'x', sizeof text);
    open_all(true);
    uint64_t id = OPENED(.limit_bytes = 1000);
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_TEXT, text, 1000, &err), 0);
    CHECK_INT(wait_for(MW_EVENT_ws_message, 1)->len, 1000);
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_TEXT, text, 1001, &err), 0);
    CHECK_CLOSED(id, 1009, "protocol violation: a message larger than the limit");
    CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->num, 1009);
    CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, "a message larger than the limit");
    CHECK_INT(heard[MW_EVENT_ws_message].count, 1);
    close_all();
}

static void violations(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        int code;
        const char *why;
    } cases[] = {
        {"\x83\x01x", 3, 1002, "protocol violation: unknown opcode"},
        {"\xc1\x01x", 3, 1002, "protocol violation: reserved bits are set"},
        {"\x81\x81\1\2\3\4x", 7, 1002, "protocol violation: a server's frame with a mask"},
        {"\x81\x01\xff", 3, 1007, "protocol violation: a text message that is no UTF-8"},
        {"\x88\x02\x03\xed", 4, 1002,
         "protocol violation: a close frame with a code that must not be sent"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        open_all(true);
        uint64_t id = OPENED(.url = NULL);
        CHECK_INT(mw_server_send_raw(server, server_id(), cases[i].bytes, cases[i].len, &err), 0);
        CHECK_CLOSED(id, cases[i].code, cases[i].why);
        CHECK_INT(heard[MW_EVENT_ws_message].count, 0);
        close_all();
    }
}

static void bad_certificates(void)
{
    char other[64];
    open_all(true);
    struct mw_ws_options options = {.url = url}; /* by the system's store */
    uint64_t id = mw_ws_open(pool, &options, &err);
    const struct heard *h = wait_for(MW_EVENT_ws_close, 1);
    CHECK_INT(h->id, id);
    CHECK_INT(h->num, 0);
    CHECK(strstr(h->text, "tls: the certificate of 127.0.0.1 is not accepted: ") == h->text);
    CHECK(strstr(h->text, "name it by ca_file"));
    (void)snprintf(other, sizeof other, "wss://other.test%s", strrchr(url, ':'));
    options = (struct mw_ws_options){.url = other, .ca_file = ca_file};
    CHECK(mw_ws_open(pool, &options, &err) != 0);
    CHECK_TEXT(wait_for(MW_EVENT_ws_close, 2)->text,
               "tls: the certificate of other.test is not accepted: hostname mismatch");
    options.ca_file = "/nonexistent.pem";
    CHECK(mw_ws_open(pool, &options, &err) != 0);
    CHECK(strstr(wait_for(MW_EVENT_ws_close, 3)->text, "/nonexistent.pem"));
    CHECK_INT(heard[MW_EVENT_server_upgrade].count, 0);
    (void)snprintf(other, sizeof other, "wss://localhost%s", strrchr(url, ':'));
    options.ca_file = ca_file;
    id = mw_ws_open(pool, &options, &err);
    CHECK_INT(wait_for(MW_EVENT_ws_open, 1)->id, id);
    close_all();
}

static void nobody_there(void)
{
    char where[64], why[128];
    int port, fd = bound_socket(&port);
    (void)close(fd);
    open_all(true);
    (void)snprintf(where, sizeof where, "wss://127.0.0.1:%d/", port);
    (void)snprintf(why, sizeof why, "connect to 127.0.0.1 port %d: Connection refused", port);
    CHECK_CLOSED(BEGIN(.url = where), 0, why);
    close_all();
    open_all(true);
    uint64_t id = BEGIN(.url = "wss://nowhere.test/");
    CHECK_CLOSED(id, 0, "look up nowhere.test: Name or service not known");
    close_all();
}

static void slow_handshake(void)
{
    for (int tls = 0; tls < 2; tls++) {
        char where[64];
        int port, fd = bound_socket(&port);
        CHECK(listen(fd, 5) == 0); /* the kernel connects, and nobody ever answers */
        open_all(true);
        (void)snprintf(where, sizeof where, "%s://127.0.0.1:%d/", tls ? "wss" : "ws", port);
        int64_t begun_ns = mw_host_clock_ns();
        unsigned turns = ev_iteration(mw_host_loop(host));
        uint64_t id = BEGIN(.url = where, .handshake_ns = 100000000);
        CHECK_CLOSED(id, 0,
                     tls ? "no end of the handshake in time (tls)"
                         : "no end of the handshake in time (upgrade)");
        CHECK(mw_host_clock_ns() - begun_ns >= 99000000);
        CHECK(ev_iteration(mw_host_loop(host)) - turns < 100); /* it slept */
        close_all();
        (void)close(fd);
    }
}

static int64_t heard_until_ns;

static void ping_for_a_while(const struct mw_event *event)
{
    if ((event->kind == MW_EVENT_ws_open || event->kind == MW_EVENT_ws_pong) &&
        event->time_ns < heard_until_ns)
        CHECK_INT(mw_ws_ping(pool, event->id, "", 0, &err), 0);
}

static void silence(void)
{
    open_all(true);
    heard_until_ns = mw_host_clock_ns() + 500000000;
    hook = ping_for_a_while;
    uint64_t id = OPENED(.silence_ns = 200000000);
    const struct heard *h = wait_for(MW_EVENT_ws_close, 1);
    CHECK_INT(h->id, id);
    CHECK_INT(h->num, 0);
    CHECK(strstr(h->text, "nothing arrived for ") == h->text);
    CHECK(mw_host_clock_ns() >= heard_until_ns + 150000000); /* not before it was silent */
    CHECK(mw_host_clock_ns() < heard_until_ns + 5000000000);
    close_all();
}

static void full_queue(void)
{
    char *text = calloc(1, 1 << 20);
    int sent = 0, result = 0;
    open_all(true);
    uint64_t id = OPENED(.url = NULL);
    mw_server_drop(server, server_id(), true); /* it reads nothing any more */
    memset(text, 'x', 1 << 20);
    while (sent < 64 && (result = mw_ws_send(pool, id, text, 1 << 20, &err)) == 0)
        sent++;
    CHECK_INT(result, -1);
    CHECK_TEXT(err.text, "more than 16 MiB wait to be sent: the peer does not read");
    CHECK(sent >= 15 && sent < 64);
    CHECK_INT(heard[MW_EVENT_ws_close].count, 0);
    close_all();
    free(text);
}

static void queued(void)
{
    enum { SIZE = 1 << 20, MESSAGES = 12 };
    char *text = malloc(SIZE);
    open_all(true);
    uint64_t id = OPENED(.url = NULL);
    for (int i = 0; i < MESSAGES; i++) { /* more than a socket takes at once */
        memset(text, 'a' + i, SIZE);
        CHECK_INT(mw_ws_send(pool, id, text, SIZE, &err), 0);
    }
    const struct heard *h = wait_for(MW_EVENT_server_ws_message, MESSAGES);
    CHECK_INT(h->len, SIZE);
    CHECK(memcmp(h->data, text, SIZE) == 0);
    close_all();
    free(text);
}

/* Stands before libc's: what a kernel without memory says. */
static bool no_buffers;
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (!no_buffers)
        return sendto(fd, bytes, len, flags, NULL, 0);
    errno = ENOBUFS;
    return -1;
}

/* Whoever was told that an order was not sent may send it anew: it must not leave later. */
static void refused_by_the_socket(void)
{
    open_all(false);
    uint64_t id = OPENED(.silence_ns = 0);
    no_buffers = true;
    CHECK_INT(mw_ws_send(pool, id, "an order", 8, &err), -1);
    CHECK_TEXT(err.text, "No buffer space available");
    no_buffers = false;
    CHECK_INT(mw_ws_send(pool, id, "another", 7, &err), -1);
    CHECK_TEXT(err.text, "websocket session is lost: No buffer space available");
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_TEXT, "a fill", 6, &err), 0);
    (void)wait_for(MW_EVENT_ws_message, 1); /* is still heard, and then it is over */
    CHECK_CLOSED(id, 0, "No buffer space available");
    (void)wait_for(MW_EVENT_server_ws_close, 1);
    CHECK_INT(heard[MW_EVENT_server_ws_message].count, 0);
    close_all();
}

/* Likewise: nothing is there to be read yet, says the kernel. */
static bool no_reads;
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    if (!no_reads)
        return recvfrom(fd, bytes, len, flags, NULL, NULL);
    errno = EAGAIN;
    return -1;
}

/* What a peer sent before the line broke is heard, and then how it broke. */
static void before_the_end(void)
{
    enum { MESSAGES = 20 };
    open_all(true);
    uint64_t id = OPENED(.silence_ns = 0);
    no_reads = true;
    for (int i = 0; i < MESSAGES; i++)
        CHECK_INT(mw_server_send(server, server_id(), MW_WS_TEXT, "a fill", 6, &err), 0);
    run_turns(5 * MESSAGES);
    mw_server_drop(server, server_id(), false);
    run_turns(5);
    CHECK_INT(heard[MW_EVENT_ws_message].count, 0);
    no_reads = false;
    CHECK_CLOSED(id, 0, "tls: unexpected eof while reading");
    CHECK_INT(heard[MW_EVENT_ws_message].count, MESSAGES);
    close_all();
}

static void nothing_open(void)
{
    int before = open_files();
    nobody_there();
    bad_certificates();
    CHECK_INT(open_files(), before);
}

static const struct test_case cases[] = {
    {"the body of a refused handshake can be read", refused},
    {"an answer that is no acceptance of our key is refused", bad_handshakes},
    {"a message over the limit is an error that says so, to both sides", over_the_limit},
    {"a violation of the protocol ends the session and says which", violations},
    {"a bad certificate is refused and the error says why", bad_certificates},
    {"nobody there, and no such name, are errors that say where", nobody_there},
    {"a handshake has its time, and the error says how far it came", slow_handshake},
    {"silence is noticed, and only silence", silence},
    {"a peer that does not read makes sending fail and not memory grow", full_queue},
    {"what a socket does not take at once is sent later, in order", queued},
    {"what was refused by the socket is not sent later", refused_by_the_socket},
    {"what came before the line broke is heard, and then why it did", before_the_end},
    {"no file stays open", nothing_open},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
