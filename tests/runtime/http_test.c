#include "http.h"
#include "loopback.h"
#include "recorded.h"

/* A client of the server, and what both were told ---------------------------------------------- */

struct answer {
    uint64_t id;
    int64_t status, may_have_arrived;
    char *body, *text;
    size_t len;
};

static struct mw_http *http;
static char url[64]; /* of the server */

static struct answer answers[64];
static size_t answer_count, request_count;
static uint64_t request_ids[64];
static char request_text[64][512], request_body[64][64];
static struct mw_reply reply;
static void (*on_request)(const struct mw_event *event);
static void (*on_answer)(const struct answer *answer);

static void take_event(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_request) {
        size_t i = request_count++ % COUNT(request_ids);
        request_ids[i] = event->id;
        (void)snprintf(request_text[i], sizeof request_text[i], "%.*s", (int)event->text_len,
                       event->text);
        (void)snprintf(request_body[i], sizeof request_body[i], "%.*s", (int)event->len,
                       event->data ? event->data : "");
        if (on_request)
            on_request(event);
        else
            CHECK_INT(mw_server_reply(server, event->id, &reply, &err), 0);
    } else if (event->kind == MW_EVENT_http_done) {
        struct answer *answer = &answers[answer_count++ % COUNT(answers)];
        free(answer->body);
        free(answer->text);
        *answer = (struct answer){event->id,
                                  event->num,
                                  event->num2,
                                  strndup(event->data ? event->data : "", event->len),
                                  strndup(event->text ? event->text : "", event->text_len),
                                  event->len};
        if (on_answer)
            on_answer(answer);
    }
}

static void open_all(bool is_tls)
{
    int port = 0;
    (void)open_server(is_tls, &port);
    hook = take_event;
    http = mw_http_new(host, &err);
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%d", is_tls ? "https" : "http", port);
    answer_count = request_count = 0;
    on_request = NULL;
    on_answer = NULL;
    reply = (struct mw_reply){200, "X-Test: yes\r\n", "fine", 4};
}

static void close_all(void)
{
    mw_http_free(http);
    http = NULL;
    close_server();
    for (size_t i = 0; i < COUNT(answers); i++) {
        free(answers[i].body);
        free(answers[i].text);
        answers[i] = (struct answer){0};
    }
}

/* Begins a request to `base` + "/path"; returns its id. */
static uint64_t ask(const char *base, const char *method, const char *body)
{
    char target[96];
    struct mw_http_request request = {.method = method,
                                      .url = target,
                                      .body = body,
                                      .body_len = body ? strlen(body) : 0,
                                      .ca_file = ca_file};
    (void)snprintf(target, sizeof target, "%s/path?a=%%41&b=1", base);
    uint64_t id = mw_http_request(http, &request, &err);
    CHECK(id != 0);
    return id;
}

/* The same, and waits for the answer. */
static const struct answer *asked(const char *base, const char *method, const char *body)
{
    uint64_t id = ask(base, method, body);
    size_t count = answer_count;
    WAIT_UNTIL(answer_count >= count + 1);
    const struct answer *answer = &answers[count % COUNT(answers)];
    CHECK_INT(answer_count, count + 1);
    CHECK_INT(answer->id, id);
    return answer;
}

/* Answers -------------------------------------------------------------------------------------- */

static void answered(void)
{
    open_all(true);
    const struct answer *answer = asked(url, "GET", NULL);
    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->may_have_arrived, 1);
    CHECK_TEXT(answer->body, "fine");
    CHECK(strstr(answer->text, "HTTP/1.1 200 OK\r\n") == answer->text);
    CHECK(strstr(answer->text, "\r\nX-Test: yes\r\n"));
    CHECK_INT(request_count, 1);
    CHECK(strstr(request_text[0], "GET /path?a=%41&b=1\nhost: 127.0.0.1:") == request_text[0]);
    CHECK_TEXT(request_body[0], "");
    close_all();
}

static void sent_as_asked(void)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH"};
    static const struct mw_http_header headers[] = {{"X-Key", "a key: with a colon"},
                                                    {"Content-Type", "application/json"}};
    open_all(true);
    for (size_t i = 0; i < COUNT(methods); i++) {
        char expected[32];
        struct mw_http_request request = {.method = methods[i],
                                          .url = url,
                                          .headers = headers,
                                          .header_count = 2,
                                          .body = "{\"a\": 1}\r\n&x=%20",
                                          .body_len = 15,
                                          .ca_file = ca_file};
        CHECK(mw_http_request(http, &request, &err) != 0);
        WAIT_UNTIL(answer_count >= i + 1);
        (void)snprintf(expected, sizeof expected, "%s /\n", methods[i]);
        CHECK(strstr(request_text[i], expected) == request_text[i]);
        CHECK(strstr(request_text[i], "\nx-key: a key: with a colon\n"));
        CHECK(strstr(request_text[i], "\ncontent-type: application/json\n"));
        CHECK(strstr(request_text[i], "\ncontent-length: 15\n"));
        CHECK(!strstr(request_text[i], "expect:"));
        CHECK_TEXT(request_body[i], "{\"a\": 1}\r\n&x=%2");
    }
    (void)asked(url, "DELETE", NULL);
    CHECK(strstr(request_text[4], "DELETE /path") == request_text[4]);
    (void)asked(url, "POST", "");
    CHECK(strstr(request_text[5], "\ncontent-length: 0\n"));
    close_all();
}

static void other_statuses(void)
{
    static const int statuses[] = {201, 302, 400, 401, 404, 429, 500, 503};
    open_all(true);
    for (size_t i = 0; i < COUNT(statuses); i++) {
        reply = (struct mw_reply){statuses[i], "Location: https://127.0.0.1:1/\r\n", "why", 3};
        const struct answer *answer = asked(url, "POST", "x");
        CHECK_INT(answer->status, statuses[i]);
        CHECK_TEXT(answer->body, "why");
    }
    CHECK_INT(request_count, COUNT(statuses)); /* no redirection was followed */
    reply.body_len = 0;
    CHECK_INT(asked(url, "GET", NULL)->len, 0);
    close_all();
}

static void hold(const struct mw_event *event)
{
    (void)event;
}

static void many_at_once(void)
{
    enum { REQUESTS = 12 };
    uint64_t ids[REQUESTS];
    open_all(true);
    on_request = hold;
    for (int i = 0; i < REQUESTS; i++) {
        char body[8];
        (void)snprintf(body, sizeof body, "%d", i);
        ids[i] = ask(url, "POST", body);
        CHECK(i == 0 || ids[i] > ids[i - 1]);
    }
    CHECK_INT(answer_count, 0); /* never from inside the call */
    WAIT_UNTIL(request_count >= REQUESTS);
    for (int i = REQUESTS - 1; i >= 0; i--) {
        struct mw_reply echo = {200, "", request_body[i], strlen(request_body[i])};
        CHECK_INT(mw_server_reply(server, request_ids[i], &echo, &err), 0);
    }
    WAIT_UNTIL(answer_count >= REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        long number = strtol(answers[i].body, NULL, 10);
        CHECK_INT(answers[i].id, ids[number]);
        ids[number] = 0; /* each once */
    }
    close_all();
}

static void ask_again(const struct answer *answer)
{
    if (answer_count < 5)
        (void)ask(url, "POST", answer->body);
}

static void asks_from_the_answer(void)
{
    open_all(true);
    on_answer = ask_again;
    (void)ask(url, "GET", NULL);
    WAIT_UNTIL(answer_count >= 5);
    CHECK_INT(request_count, 5);
    CHECK_TEXT(request_body[4], "fine");
    close_all();
}

static void proxies(void)
{
    (void)setenv("https_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    open_all(true);
    CHECK_INT(asked(url, "GET", NULL)->status, 200);
    close_all();
    (void)unsetenv("https_proxy");
    (void)unsetenv("ALL_PROXY");
}

/* No answer ------------------------------------------------------------------------------------ */

static void unknown_authority(void)
{
    open_all(true);
    struct mw_http_request request = {
        .method = "POST", .url = url, .body = "secret", .body_len = 6};
    CHECK(mw_http_request(http, &request, &err) != 0); /* by the system's store */
    WAIT_UNTIL(answer_count >= 1);
    CHECK_INT(answers[0].status, 0);
    CHECK_INT(answers[0].may_have_arrived, 0);
    CHECK(strstr(answers[0].text, "certificate"));
    CHECK_INT(request_count, 0);
    request.ca_file = "/nonexistent.pem";
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 2);
    CHECK_INT(answers[1].status, 0);
    CHECK_INT(answers[1].may_have_arrived, 0);
    CHECK_INT(asked(url, "GET", NULL)->status, 200); /* a good one is not harmed by it */
    CHECK_INT(request_count, 1);
    close_all();
}

static void another_name(void)
{
    char other[64];
    open_all(true);
    (void)snprintf(other, sizeof other, "https://other.test%s", strrchr(url, ':'));
    const struct answer *answer = asked(other, "POST", "secret");
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 0);
    CHECK(strstr(answer->text, "other.test"));
    CHECK_INT(request_count, 0);
    (void)snprintf(other, sizeof other, "https://localhost%s", strrchr(url, ':'));
    CHECK_INT(asked(other, "POST", "x")->status, 200);
    close_all();
}

static void no_tls_there(void)
{
    char tls_url[64];
    open_all(false);
    CHECK_INT(asked(url, "POST", "x")->status, 200); /* loopback may do without */
    (void)snprintf(tls_url, sizeof tls_url, "https%s", strchr(url, ':'));
    struct mw_http_request request = {.method = "POST",
                                      .url = tls_url,
                                      .body = "x",
                                      .body_len = 1,
                                      .ca_file = ca_file,
                                      .timeout_ns = 150000000};
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 2);
    CHECK_INT(answers[1].status, 0);
    CHECK_INT(answers[1].may_have_arrived, 0);
    CHECK_INT(request_count, 1);
    close_all();
}

static void nobody_there(void)
{
    char nowhere[64];
    int port;
    (void)close(bound_socket(&port));
    open_all(true);
    CHECK_INT(asked(url, "POST", "x")->status, 200);
    (void)snprintf(nowhere, sizeof nowhere, "https://127.0.0.1:%d", port);
    for (int i = 0; i < 2; i++) { /* on a handle that has sent something before */
        const struct answer *answer = asked(nowhere, "POST", "x");
        CHECK_INT(answer->status, 0);
        CHECK_INT(answer->may_have_arrived, 0);
        CHECK(*answer->text);
    }
    const struct answer *answer = asked("https://nowhere.test", "POST", "x");
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 0);
    CHECK(strstr(answer->text, "nowhere.test"));
    CHECK_INT(request_count, 1);
    close_all();
}

static void too_slow(void)
{
    open_all(true);
    struct mw_http_request request = {.method = "POST",
                                      .url = url,
                                      .body = "x",
                                      .body_len = 1,
                                      .ca_file = ca_file,
                                      .timeout_ns = 150000000};
    on_request = hold;
    int64_t begun_ns = mw_host_clock_ns();
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 1);
    CHECK(mw_host_clock_ns() - begun_ns >= 149000000);
    CHECK_INT(answers[0].status, 0);
    CHECK_INT(answers[0].may_have_arrived, 1);
    CHECK(strstr(answers[0].text, "timed out") || strstr(answers[0].text, "Timeout"));
    CHECK_INT(request_count, 1);
    on_request = NULL;
    CHECK_INT(asked(url, "POST", "y")->status, 200); /* not what was meant for the first */
    CHECK_TEXT(request_body[1], "y");
    CHECK_INT(request_count, 2);
    close_all();
}

static void short_timeouts(void)
{
    static const int64_t timeouts_ns[] = {1, 999999};
    open_all(true);
    on_request = hold;
    for (size_t i = 0; i < COUNT(timeouts_ns) && answer_count == i; i++) {
        struct mw_http_request request = {
            .method = "GET", .url = url, .ca_file = ca_file, .timeout_ns = timeouts_ns[i]};
        CHECK(mw_http_request(http, &request, &err) != 0);
        WAIT_UNTIL(answer_count >= i + 1);
        CHECK_INT(answers[i].status, 0);
    }
    close_all();
}

static void half_an_answer(const struct mw_event *event)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!";
    CHECK_INT(mw_server_send_raw(server, event->id, half, sizeof half - 1, &err), 0);
}

static void incomplete(void)
{
    open_all(true);
    struct mw_http_request request = {
        .method = "GET", .url = url, .ca_file = ca_file, .timeout_ns = 150000000};
    on_request = half_an_answer;
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 1);
    CHECK_INT(answers[0].status, 0); /* half an answer is none */
    CHECK_INT(answers[0].may_have_arrived, 1);
    close_all();
}

static void nonsense_answer(const struct mw_event *event)
{
    CHECK_INT(mw_server_send_raw(server, event->id, "SSH-2.0-nonsense\r\n\r\n", 20, &err), 0);
}

static void nonsense(void)
{
    open_all(true);
    on_request = nonsense_answer;
    const struct answer *answer = asked(url, "POST", "x");
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 1);
    CHECK_INT(request_count, 1);
    close_all();
}

static void body_limit(void)
{
    char *large = malloc(MW_HTTP_BODY_MAX + 1);
    memset(large, 'x', MW_HTTP_BODY_MAX + 1);
    open_all(true);
    reply = (struct mw_reply){200, "", large, MW_HTTP_BODY_MAX};
    const struct answer *answer = asked(url, "GET", NULL);
    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->len, MW_HTTP_BODY_MAX);
    reply.body_len++;
    answer = asked(url, "GET", NULL);
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 1);
    CHECK_TEXT(answer->text, "the answer is larger than 16 MiB");
    struct mw_http_request request = {.method = "POST",
                                      .url = url,
                                      .body = large,
                                      .body_len = MW_HTTP_BODY_MAX + 1,
                                      .ca_file = ca_file};
    CHECK_INT(mw_http_request(http, &request, &err), 0);
    CHECK(strstr(err.text, "larger than 16 MiB"));
    CHECK_INT(request_count, 2);
    request.body_len = MW_HTTP_BODY_MAX;
    reply.body_len = 1;
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 3);
    CHECK_INT(answers[2].status, 200);
    CHECK(strstr(request_text[2], "\ncontent-length: 16777216\n"));
    CHECK(!strstr(request_text[2], "\nexpect:")); /* no round trip before the body */
    close_all();
    free(large);
}

/* Sent once ------------------------------------------------------------------------------------ */

static void hang_up(const struct mw_event *event)
{
    mw_server_drop(server, event->id, false);
}

/* Asks for something else, so that whatever was to arrive has arrived. */
static void check_requests(size_t count)
{
    on_request = NULL;
    CHECK_INT(asked(url, "GET", NULL)->status, 200);
    CHECK_INT(request_count, count + 1);
    CHECK(strstr(request_text[count], "GET ") == request_text[count]);
}

static void lost_on_a_fresh_connection(void)
{
    open_all(true);
    on_request = hang_up;
    const struct answer *answer = asked(url, "POST", "order");
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 1);
    CHECK(*answer->text);
    check_requests(1);
    close_all();
}

static void lost_on_a_kept_connection(void)
{
    open_all(true);
    for (size_t i = 0; i < 3; i++) {
        on_request = NULL;
        CHECK_INT(asked(url, "POST", "first")->status, 200);
        on_request = hang_up;
        const struct answer *answer = asked(url, i == 1 ? "DELETE" : "POST", "order");
        CHECK_INT(answer->status, 0);
        CHECK_INT(answer->may_have_arrived, 1);
        CHECK_TEXT(answer->text,
                   "the connection was lost after the request had been sent; not sent again");
        check_requests(3 * i + 2);
    }
    close_all();
}

static void lost_without_a_body(void)
{
    static const struct {
        const char *method, *body;
    } kinds[] = {{"DELETE", NULL}, {"POST", NULL}, {"PUT", NULL},
                 {"POST", ""},     {"DELETE", ""}, {"GET", ""}};
    open_all(true);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        on_request = NULL;
        CHECK_INT(asked(url, "GET", NULL)->status, 200); /* from now on there is a connection */
        on_request = hang_up;
        const struct answer *answer = asked(url, kinds[i].method, kinds[i].body);
        CHECK_INT(answer->status, 0);
        CHECK_INT(answer->may_have_arrived, 1);
        CHECK_TEXT(answer->text,
                   "the connection was lost after the request had been sent; not sent again");
        check_requests(3 * i + 2);
    }
    close_all();
}

/* What only asks may be asked again: once, and then its end is the end. */
static void lost_get(void)
{
    open_all(true);
    CHECK_INT(asked(url, "GET", NULL)->status, 200);
    on_request = hang_up;
    const struct answer *answer = asked(url, "GET", NULL);
    CHECK_INT(answer->status, 0);
    CHECK_INT(answer->may_have_arrived, 1);
    CHECK(request_count <= 3);
    check_requests(request_count);
    close_all();
}

static void closed_while_idle(void)
{
    open_all(true);
    for (size_t i = 0; i < 5; i++) {
        const struct answer *answer = asked(url, "POST", "order");
        /* Either it saw that the connection is closed, and took another one, or it says maybe. */
        CHECK(answer->status == 200 || answer->may_have_arrived == 1);
        CHECK(request_count <= i + 1);
        mw_server_drop(server, request_ids[i], false);
        run_turns(3);
    }
    close_all();
}

/* The client's own side ------------------------------------------------------------------------ */

static void refused_at_once(void)
{
    static const struct mw_http_header bad[] = {
        {"X-Key", "a\r\nX-Other: b"}, {"X\nY", "a"}, {"X:Y", "a"}, {"X-Key", "a\n"}};
    static const struct {
        const char *url, *error;
    } urls[] = {
        {"wss://127.0.0.1/", "GET wss://127.0.0.1/: http:// or https:// expected"},
        {"ftp://127.0.0.1/", "GET ftp://127.0.0.1/: https://, http://, wss:// or ws:// expected"},
        {"http://192.0.2.1/", "GET http://192.0.2.1/: without TLS only loopback addresses are"
                              " allowed: use https://"},
        {"https://user@127.0.0.1/",
         "GET https://127.0.0.1/: a user name or password in it is not allowed"},
    };
    open_all(true);
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mw_http_request request = {.method = "GET", .url = urls[i].url};
        CHECK_INT(mw_http_request(http, &request, &err), 0);
        CHECK_TEXT(err.text, urls[i].error);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct mw_http_request request = {
            .method = "GET", .url = url, .headers = &bad[i], .header_count = 1, .ca_file = ca_file};
        CHECK_INT(mw_http_request(http, &request, &err), 0);
        CHECK(strstr(err.text, "header 1 has a line break or a colon in its name"));
    }
    CHECK_INT(asked(url, "GET", NULL)->status, 200);
    CHECK_INT(request_count, 1);
    close_all();
}

static void canceled(void)
{
    open_all(true);
    on_request = hold;
    uint64_t first = ask(url, "POST", "a");
    WAIT_UNTIL(request_count >= 1);
    mw_http_cancel(http, first);
    mw_http_cancel(http, first); /* and once more, and one that never was */
    mw_http_cancel(http, 12345);
    mw_http_cancel(http, ask(url, "POST", "b")); /* before anything was sent */
    on_request = NULL;
    (void)asked(url, "POST", "c");
    CHECK_INT(answer_count, 1);
    CHECK_TEXT(request_body[request_count - 1], "c");
    close_all();
}

static void cancel_itself(const struct answer *answer)
{
    mw_http_cancel(http, answer->id);
}

static void canceled_in_its_answer(void)
{
    open_all(true);
    for (size_t i = 0; i < 3; i++) {
        on_answer = cancel_itself;
        on_request = i == 1 ? hang_up : NULL; /* an answer or none: it is over either way */
        CHECK_INT(asked(url, "POST", "a")->status, i == 1 ? 0 : 200);
        on_answer = NULL;
        on_request = hold;
        uint64_t first = ask(url, "POST", "b"), second = ask(url, "POST", "c");
        WAIT_UNTIL(request_count >= 3 * i + 3);
        CHECK(first != second);
        for (size_t j = 3 * i + 1; j < 3 * i + 3; j++) /* none of them took another's place */
            CHECK_INT(mw_server_reply(server, request_ids[j], &reply, &err), 0);
        WAIT_UNTIL(answer_count >= 3 * i + 3);
        CHECK_INT(answers[3 * i + 1].id + answers[3 * i + 2].id, first + second);
        CHECK_INT(answer_count, 3 * i + 3);
    }
    close_all();
}

static void freed_under_way(void)
{
    open_all(true);
    on_request = hold;
    (void)ask(url, "POST", "a");
    WAIT_UNTIL(request_count >= 1);
    (void)ask(url, "POST", "b");
    mw_http_free(http);
    http = NULL;
    CHECK_INT(answer_count, 0);
    mw_http_free(NULL);
    close_all();
}

/* Before it is sent: nothing has turned the loop when the record is read. */
static void recorded(void)
{
    static const struct mw_http_header header = {"Sign", "a-signature"};
    char expected[128];
    host_recorder = open_recorder();
    open_all(true);
    uint64_t first = ask(url, "POST", "a=1&b=2"), second = ask(url, "DELETE", NULL);
    (void)snprintf(expected, sizeof expected, "POST %s/path?a=%%41&b=1", url); /* fits */
    CHECK_RECORDED(MW_RECORD_http_request, first, 0, "a=1&b=2", expected);
    (void)snprintf(expected, sizeof expected, "DELETE %s/path?a=%%41&b=1", url); /* fits */
    CHECK_RECORDED(MW_RECORD_http_request, second, 0, "", expected);
    struct mw_http_request signed_one = {
        .method = "GET", .url = url, .headers = &header, .header_count = 1, .ca_file = ca_file};
    uint64_t third = mw_http_request(http, &signed_one, &err);
    (void)snprintf(expected, sizeof expected, "GET %s", url); /* fits */
    CHECK_RECORDED(MW_RECORD_http_request, third, 0, "", expected);
    WAIT_UNTIL(answer_count >= 3);
    check_no_more_recorded();
    close_all();
    close_recorder(host_recorder);
    host_recorder = NULL;
}

static void nothing_open(void)
{
    int before = open_files();
    lost_on_a_kept_connection();
    freed_under_way();
    CHECK_INT(open_files(), before);
}

static const struct test_case cases[] = {
    {"a request over TLS is answered", answered},
    {"a request arrives byte for byte as it was asked", sent_as_asked},
    {"every status is an answer, and no redirection is followed", other_statuses},
    {"many requests at once have each their own answer", many_at_once},
    {"the next request may begin while an answer is handled", asks_from_the_answer},
    {"proxies of the environment are not used", proxies},
    {"a certificate of an unknown authority is refused before anything is sent", unknown_authority},
    {"a certificate for another name is refused before anything is sent", another_name},
    {"a server without TLS is no https server", no_tls_there},
    {"when nobody is there nothing has arrived", nobody_there},
    {"a request without an answer in time may have arrived", too_slow},
    {"a time of less than a millisecond is one and not for ever", short_timeouts},
    {"half an answer is none", incomplete},
    {"an answer that is no HTTP is an error", nonsense},
    {"an answer of 16 MiB is taken and a larger one is an error that says so", body_limit},
    {"a connection that dies before the answer means maybe", lost_on_a_fresh_connection},
    {"a request that a kept connection has lost is not sent again", lost_on_a_kept_connection},
    {"nor is one without a body, or with an empty one", lost_without_a_body},
    {"a plain GET that is lost ends all the same", lost_get},
    {"a connection that the server closed while idle costs no request", closed_while_idle},
    {"what cannot be sent is refused at once", refused_at_once},
    {"a canceled request has no event", canceled},
    {"a request may be canceled while its answer is handled", canceled_in_its_answer},
    {"requests under way end with the client", freed_under_way},
    {"a request is recorded before it is sent, without its headers", recorded},
    {"no file stays open", nothing_open},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
