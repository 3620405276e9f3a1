/* Sessions that open and close, and the client's own side. */
#include "recorded.h"
#include "ws_client.h"

#include <semaphore.h>
#include <threads.h>

/* Open ----------------------------------------------------------------------------------------- */

static void opens(void)
{
    static const struct mw_header headers[] = {{"Authorization", "Bearer a.b"}, {"X-Two", "2"}};
    open_all(true);
    (void)OPENED(.headers = headers, .header_count = 2, .origin = "https://example.test");
    CHECK(strstr(heard[MW_EVENT_ws_open].text, "Sec-WebSocket-Accept: "));
    const char *request = heard[MW_EVENT_server_upgrade].text;
    CHECK(strstr(request, "GET /feed?x=%31\nhost: 127.0.0.1:") == request);
    CHECK(strstr(request, "\nupgrade: websocket\n"));
    CHECK(strstr(request, "\nsec-websocket-version: 13\n"));
    CHECK(strstr(request, "\nauthorization: Bearer a.b\nx-two: 2\n"));
    CHECK(strstr(request, "\norigin: https://example.test\n"));
    close_all();
    open_all(false);
    (void)OPENED(.origin = NULL); /* loopback may do without TLS */
    CHECK(!strstr(heard[MW_EVENT_server_upgrade].text, "origin"));
    close_all();
}

static void messages(void)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 4095, 4096, 65535, 65536, 1 << 20};
    for (int tls = 0; tls < 2; tls++) {
        open_all(tls);
        hook = echo;
        uint64_t id = OPENED(.limit_bytes = 1 << 20);
        for (size_t i = 0; i < COUNT(lengths); i++) {
            char *text = malloc(lengths[i] + 1);
            for (size_t j = 0; j < lengths[i]; j++)
                text[j] = (char)('!' + j * 31 % 90);
            CHECK_INT(mw_ws_send(pool, id, text, lengths[i], &err), 0);
            const struct heard *h = wait_for(MW_EVENT_ws_message, i + 1);
            CHECK_INT(h->num, MW_WS_TEXT);
            CHECK_INT(h->len, lengths[i]);
            CHECK(h->len == lengths[i] && memcmp(h->data, text, h->len) == 0);
            free(text);
        }
        CHECK_INT(mw_server_send(server, server_id(), MW_WS_BINARY, "\xff\x00\x01", 3, &err), 0);
        const struct heard *h = wait_for(MW_EVENT_ws_message, COUNT(lengths) + 1);
        CHECK_INT(h->num, MW_WS_BINARY);
        CHECK(h->len == 3 && memcmp(h->data, "\xff\x00\x01", 3) == 0);
        close_all();
    }
}

static size_t in_order, in_turn, most_in_turn;
static unsigned turn;

static void count_in_order(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_ws_open) { /* they come along with the handshake's answer */
        for (int i = 0; i < 1000; i++) {
            char text[12];
            int len = snprintf(text, sizeof text, "%d", i);
            CHECK_INT(mw_server_send(server, event->id, MW_WS_TEXT, text, (size_t)len, &err), 0);
        }
    } else if (event->kind == MW_EVENT_ws_message) {
        CHECK_INT(heard[MW_EVENT_ws_open].count, 1);
        in_order += strtoul(heard[MW_EVENT_ws_message].data, NULL, 10) == in_order;
        in_turn = ev_iteration(mw_host_loop(host)) == turn ? in_turn + 1 : 1;
        turn = ev_iteration(mw_host_loop(host));
        if (in_turn > most_in_turn)
            most_in_turn = in_turn;
    }
}

static void many_messages(void)
{
    for (int tls = 0; tls < 2; tls++) {
        open_all(tls);
        in_order = most_in_turn = 0;
        hook = count_in_order;
        (void)OPENED(.url = NULL);
        (void)wait_for(MW_EVENT_ws_message, 1000);
        CHECK_INT(in_order, 1000);
        CHECK(most_in_turn <= 600); /* timers and signals have their turn in between */
        close_all();
    }
}

static void pings(void)
{
    open_all(true);
    uint64_t id = OPENED(.url = NULL);
    CHECK_INT(mw_ws_ping(pool, id, "are you there", 13, &err), 0);
    CHECK_TEXT(wait_for(MW_EVENT_ws_pong, 1)->data, "are you there");
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_PING, "and you", 7, &err), 0);
    CHECK_TEXT(wait_for(MW_EVENT_server_ws_pong, 1)->data, "and you"); /* answered by itself */
    CHECK_TEXT(wait_for(MW_EVENT_ws_ping, 1)->data, "and you");
    char large[126] = "";
    CHECK_INT(mw_ws_ping(pool, id, large, 126, &err), -1);
    CHECK_TEXT(err.text, "a ping of 126 bytes: 125 are the limit");
    CHECK_INT(mw_ws_ping(pool, id, large, 125, &err), 0);
    CHECK_INT(wait_for(MW_EVENT_ws_pong, 2)->len, 125);
    close_all();
}

/* Close ---------------------------------------------------------------------------------------- */

static void closed_by_them(void)
{
    static const struct {
        int code;
        const char *reason;
    } cases[] = {{1000, ""}, {1001, "maintenance"}, {4001, "token expired \xe2\x82\xac"}, {0, ""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        open_all(true);
        uint64_t id = OPENED(.url = NULL);
        mw_server_close(server, server_id(), cases[i].code, cases[i].reason);
        CHECK_CLOSED(id, cases[i].code, cases[i].reason);
        CHECK_INT(heard[MW_EVENT_ws_close].num2, 0);
        CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->id, server_id());
        CHECK_INT(heard[MW_EVENT_server_ws_close].num, cases[i].code); /* we have answered it */
        CHECK_INT(mw_ws_send(pool, id, "late", 4, &err), -1);
        CHECK_TEXT(err.text, "websocket session is closed");
        close_all();
    }
}

static void closed_by_us(void)
{
    open_all(true);
    uint64_t id = OPENED(.url = NULL);
    mw_ws_close(pool, id, 4321, "had enough");
    mw_ws_close(pool, id, 4322, "twice");
    CHECK_INT(mw_ws_send(pool, id, "late", 4, &err), -1);
    CHECK_TEXT(err.text, "websocket session is not open");
    CHECK_INT(heard[MW_EVENT_ws_close].count, 0); /* never from inside the call */
    CHECK_CLOSED(id, 4321, "had enough");
    CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->num, 4321);
    CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, "had enough");
    mw_ws_close(pool, id, 1000, "gone already");
    close_all();
    open_all(true);
    id = OPENED(.url = NULL);
    mw_ws_close(pool, id, 0, NULL);
    CHECK_CLOSED(id, 1000, "closed by us");
    CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->num, 1000);
    close_all();
}

/* What was on its way when we closed is nobody's any more. */
static void silent_after_close(void)
{
    open_all(false);
    uint64_t id = OPENED(.url = NULL);
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_TEXT, "late", 4, &err), 0);
    mw_ws_close(pool, id, 4000, "enough");
    CHECK_CLOSED(id, 4000, "enough");
    CHECK_INT(heard[MW_EVENT_ws_message].count, 0);
    close_all();
}

static void closed_without_a_word(void)
{
    for (int tls = 0; tls < 2; tls++) {
        open_all(tls);
        uint64_t id = OPENED(.url = NULL);
        mw_server_drop(server, server_id(), false);
        const struct heard *h = wait_for(MW_EVENT_ws_close, 1);
        CHECK_INT(h->id, id);
        CHECK_INT(h->num, 0);
        CHECK(*h->text);
        close_all();
    }
}

static void close_on_open(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_ws_open || event->kind == MW_EVENT_ws_message)
        mw_ws_close(pool, event->id, 4000, "in the handler");
}

static void closed_in_handlers(void)
{
    open_all(true);
    hook = close_on_open;
    uint64_t id = BEGIN(.url = NULL);
    CHECK_CLOSED(id, 4000, "in the handler");
    CHECK_INT(heard[MW_EVENT_ws_open].count, 1);
    close_all();
}

static void closed_before_open(void)
{
    open_all(true);
    uint64_t id = BEGIN(.url = NULL);
    mw_ws_close(pool, id, 4000, "changed our mind");
    CHECK_INT(heard[MW_EVENT_ws_close].count, 0);
    CHECK_CLOSED(id, 4000, "changed our mind");
    CHECK_INT(heard[MW_EVENT_ws_open].count, 0);
    close_all();
}

/* The thread of a look-up ends when its answer waits for the loop: then this is posted. */
static sem_t lookups_over;
static tss_t in_lookup;

static void on_lookup_over(void *value)
{
    (void)value;
    (void)sem_post(&lookups_over);
}

static void mark_lookup(void)
{
    (void)tss_set(in_lookup, &lookups_over); /* any value: its end is what is waited for */
}

static void open_with_lookups(bool is_tls)
{
    open_all(is_tls);
    on_lookup = mark_lookup;
}

static void await_lookup(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)patience;
    CHECK_INT(sem_timedwait(&lookups_over, &until), 0);
}

static void closed_during_lookup(void)
{
    for (int tls = 0; tls < 2; tls++) {
        open_with_lookups(tls);
        uint64_t id = BEGIN(.url = NULL);
        await_lookup();
        mw_ws_close(pool, id, 4000, "changed our mind");
        mw_ws_close(pool, id, 4001, "twice");
        CHECK_INT(heard[MW_EVENT_ws_close].count, 0);
        CHECK_CLOSED(id, 4000, "changed our mind");
        run_turns(20);
        CHECK_INT(heard[MW_EVENT_ws_close].count, 1);
        CHECK_INT(heard[MW_EVENT_ws_open].count + heard[MW_EVENT_server_upgrade].count, 0);
        close_all();
    }
}

static uint64_t paired;

static void close_other(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_ws_close && event->id != paired)
        mw_ws_close(pool, paired, 4000, "the other one failed");
}

/* Both look-ups have ended when the loop learns of them; the handler of one closes the other. */
static void closed_by_the_other(void)
{
    for (int first = 0; first < 2; first++) {
        open_with_lookups(true);
        hook = close_other;
        if (first)
            paired = BEGIN(.url = NULL);
        uint64_t failed = BEGIN(.url = "wss://nowhere.test/");
        if (!first)
            paired = BEGIN(.url = NULL);
        CHECK(failed != paired);
        await_lookup();
        await_lookup();
        const struct heard *h = wait_for(MW_EVENT_ws_close, 2);
        run_turns(20);
        CHECK_INT(h->count, 2);
        CHECK_INT(h->id, paired);
        CHECK_INT(h->num, 4000);
        CHECK_TEXT(h->text, "the other one failed");
        CHECK_INT(heard[MW_EVENT_ws_open].count, 0);
        close_all();
    }
}

/* A reason has 123 bytes at most: what is longer is cut, and never within a character. */
static void long_reasons(void)
{
    static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < COUNT(characters); i++) {
        for (int before = 0; before < 4; before++) {
            char reason[256], expected[256];
            int len = snprintf(reason, sizeof reason, "%.*s", before, "abc"), cut = 0;
            while (len < 140) {
                len += snprintf(reason + len, sizeof reason - (size_t)len, "%s", characters[i]);
                cut = len <= 123 ? len : cut;
            }
            (void)snprintf(expected, sizeof expected, "%.*s", cut, reason);
            open_all(false);
            mw_ws_close(pool, OPENED(.url = NULL), 4000, reason);
            CHECK_INT(wait_for(MW_EVENT_server_ws_close, 1)->num, 4000);
            CHECK_TEXT(heard[MW_EVENT_server_ws_close].data, expected);
            close_all();
            open_all(false);
            uint64_t id = OPENED(.url = NULL);
            mw_server_close(server, server_id(), 4001, reason);
            CHECK_CLOSED(id, 4001, expected); /* the server cuts likewise */
            close_all();
        }
    }
}

/* The client's own side ------------------------------------------------------------------------ */

static void refused_at_once(void)
{
    static const struct mw_header bad[] = {
        {"X", "a\r\nY: b"}, {"X: Y", "a"}, {"", "a"}, {"X\n", "a"}};
    static const struct {
        const char *url, *why;
    } urls[] = {
        {"https://127.0.0.1/", "open https://127.0.0.1/: wss:// or ws:// expected"},
        {"ws://192.0.2.1/", "open ws://192.0.2.1/: without TLS only loopback addresses are allowed:"
                            " use wss://"},
        {"127.0.0.1", "open 127.0.0.1: https://, http://, wss:// or ws:// expected"},
    };
    open_all(true);
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mw_ws_options options = {.url = urls[i].url};
        CHECK_INT(mw_ws_open(pool, &options, &err), 0);
        CHECK_TEXT(err.text, urls[i].why);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct mw_ws_options options = {.url = url, .headers = &bad[i], .header_count = 1};
        CHECK_INT(mw_ws_open(pool, &options, &err), 0);
        CHECK(strstr(err.text, "a line break, or a name with a colon or a blank"));
    }
    CHECK_INT(mw_ws_send(pool, 77, "x", 1, &err), -1);
    CHECK_TEXT(err.text, "websocket session is closed");
    mw_ws_close(pool, 77, 1000, "");
    uint64_t id = BEGIN(.url = NULL);
    CHECK_INT(mw_ws_send(pool, id, "x", 1, &err), -1);
    CHECK_TEXT(err.text, "websocket session is not open");
    close_all();
}

static void several_sessions(void)
{
    enum { SESSIONS = 10 };
    uint64_t ids[SESSIONS];
    open_all(true);
    hook = echo;
    for (int i = 0; i < SESSIONS; i++)
        ids[i] = BEGIN(.url = NULL);
    (void)wait_for(MW_EVENT_ws_open, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        char text[8];
        int len = snprintf(text, sizeof text, "no %d", i);
        CHECK(i == 0 || ids[i] > ids[i - 1]);
        CHECK_INT(mw_ws_send(pool, ids[i], text, (size_t)len, &err), 0);
        const struct heard *h = wait_for(MW_EVENT_ws_message, (size_t)i + 1);
        CHECK_INT(h->id, ids[i]);
        CHECK_TEXT(h->data, text);
    }
    mw_ws_close(pool, ids[4], 1000, "one of them");
    CHECK_CLOSED(ids[4], 1000, "one of them");
    CHECK_INT(mw_ws_send(pool, ids[5], "x", 1, &err), 0);
    CHECK_INT(wait_for(MW_EVENT_ws_message, SESSIONS + 1)->id, ids[5]);
    close_all();
}

static void freed_in_every_phase(void)
{
    for (int turns = 0; turns < 40; turns++) {
        open_all(true);
        (void)BEGIN(.url = NULL);
        run_turns(turns);
        size_t closed = heard[MW_EVENT_ws_close].count;
        mw_ws_pool_free(pool);
        pool = NULL;
        CHECK_INT(heard[MW_EVENT_ws_close].count, closed);
        close_all();
    }
    mw_ws_pool_free(NULL);
}

/* Every byte that leaves, and the commands that had no byte yet. */
static void recorded(void)
{
    host_recorder = open_recorder();
    open_all(true);
    static const struct mw_header headers[] = {{"X-Key", "hunter2"}};
    uint64_t id = OPENED(.headers = headers, .header_count = 1);
    CHECK_RECORDED(MW_RECORD_ws_opening, id, 0, "", url);
    CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, 0,
                        "GET /feed?x=%31 HTTP/1.1\r\nHost: ", "X-Key: *******\r\n\r\n");
    CHECK_RECORDED_LIKE(MW_RECORD_ws_handshake, id, 101, "HTTP/1.1 101 Switching Protocols\r\n",
                        "Sec-WebSocket-Accept: ");
    CHECK_INT(mw_ws_send(pool, id, "an order", 8, &err), 0);
    CHECK_RECORDED(MW_RECORD_ws_send, id, MW_WS_TEXT, "an order", "");
    CHECK_INT(mw_ws_ping(pool, id, "p", 1, &err), 0);
    CHECK_RECORDED(MW_RECORD_ws_send, id, MW_WS_PING, "p", "");
    CHECK_INT(mw_server_send(server, server_id(), MW_WS_PING, "q", 1, &err), 0);
    (void)wait_for(MW_EVENT_ws_ping, 1);
    CHECK_RECORDED(MW_RECORD_ws_send, id, MW_WS_PONG, "q", "");
    mw_ws_close(pool, id, 4000, "bye");
    CHECK_RECORDED(MW_RECORD_ws_closing, id, 4000, "", "bye");
    CHECK_RECORDED(MW_RECORD_ws_send, id, MW_WS_CLOSE,
                   "\x0f\xa0"
                   "bye",
                   "");
    mw_ws_close(pool, id, 4000, "bye"); /* it is closing */
    check_no_more_recorded();
    close_all();
    close_recorder(host_recorder);
    host_recorder = NULL;
}

static void nothing_open(void)
{
    int before = open_files();
    closed_by_them();
    closed_by_us();
    CHECK_INT(open_files(), before);
}

static const struct test_case cases[] = {
    {"a session opens, over TLS and on loopback without", opens},
    {"messages of every length go there and come back", messages},
    {"a thousand messages that come with the handshake arrive in order", many_messages},
    {"pings are answered on both sides", pings},
    {"a server's close tells its code and reason", closed_by_them},
    {"our close tells our code and reason, and happens once", closed_by_us},
    {"messages that come behind our close are not told", silent_after_close},
    {"a connection that dies ends the session with code 0", closed_without_a_word},
    {"a handler may close the session that it is called for", closed_in_handlers},
    {"a session that is closed before it is open never opens", closed_before_open},
    {"a session that is closed while its name is looked up ends once, with our reason",
     closed_during_lookup},
    {"and so it does when another's end closes it", closed_by_the_other},
    {"a reason that is too long is cut behind a character", long_reasons},
    {"what cannot be begun is refused at once", refused_at_once},
    {"sessions do not mix", several_sessions},
    {"sessions may be freed in every phase", freed_in_every_phase},
    {"what is sent is recorded before, pongs of the host as well", recorded},
    {"no file stays open", nothing_open},
};

int main(void)
{
    if (sem_init(&lookups_over, 0, 0) != 0 ||
        tss_create(&in_lookup, on_lookup_over) != thrd_success) {
        printf("no semaphore or no key\n0 passed, 1 failed\n");
        return 1;
    }
    int result = loopback_main(cases, COUNT(cases));
    tss_delete(in_lookup);
    (void)sem_destroy(&lookups_over);
    return result;
}
