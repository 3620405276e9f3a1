/* Requests with an answer, and the client's own side. */
#include "http_client.h"
#include "recorded.h"

#include <arpa/inet.h>
#include <sys/socket.h>

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
    static const struct mw_header headers[] = {{"X-Key", "a key: with a colon"},
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

enum { BURST = 12 };

/* Requests that are on their way at the same time, each on a connection of its own; the client's
 * ports. */
static void burst(in_port_t ports[BURST])
{
    size_t requests = request_count + BURST, wanted = answer_count + BURST, found = 0;
    struct sockaddr_in peer, own;
    for (int i = 0; i < BURST; i++)
        (void)ask(url, "GET", NULL);
    WAIT_UNTIL(request_count >= requests);
    for (int fd = 0; fd < 256; fd++) {
        socklen_t len = sizeof peer, own_len = sizeof own;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == strtol(strrchr(url, ':') + 1, NULL, 10) &&
            getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && found < BURST)
            ports[found++] = own.sin_port;
    }
    CHECK_INT(found, BURST);
    for (size_t i = requests - BURST; i < requests; i++)
        CHECK_INT(mw_server_reply(server, request_ids[i % COUNT(request_ids)], &reply, &err), 0);
    WAIT_UNTIL(answer_count >= wanted);
}

static void all_are_kept(void)
{
    in_port_t first[BURST] = {0}, then[BURST] = {0};
    open_all(true);
    on_request = hold;
    burst(first);
    for (int i = 0; i < 3; i++) { /* one by one, on one of them */
        on_request = NULL;
        (void)asked(url, "GET", NULL);
        on_request = hold;
    }
    burst(then);
    for (size_t i = 0; i < BURST; i++) {
        bool is_known = false;
        for (size_t k = 0; k < BURST; k++)
            is_known = is_known || then[i] == first[k];
        CHECK(is_known);
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

static void refused_at_once(void)
{
    static const struct mw_header bad[] = {
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

/* Before it is sent: nothing has turned the loop when the record is read. */
static void recorded(void)
{
    static const struct mw_header header = {"Sign", "a-signature"};
    char expected[128], expected_delete[128];
    host_recorder = open_recorder();
    open_all(true);
    uint64_t first = ask(url, "POST", "a=1&b=2"), second = ask(url, "DELETE", NULL);
    (void)snprintf(expected, sizeof expected, "POST %s/path?a=%%41&b=1", url); /* fits */
    CHECK_RECORDED(MW_RECORD_http_request, first, 0, "a=1&b=2", expected);
    (void)snprintf(expected_delete, sizeof expected_delete, "DELETE %s/path?a=%%41&b=1", url);
    CHECK_RECORDED(MW_RECORD_http_request, second, 0, "", expected_delete);
    struct mw_http_request signed_one = {
        .method = "GET", .url = url, .headers = &header, .header_count = 1, .ca_file = ca_file};
    uint64_t third = mw_http_request(http, &signed_one, &err);
    (void)snprintf(expected, sizeof expected, "GET %s", url); /* fits */
    CHECK_RECORDED(MW_RECORD_http_request, third, 0, "", expected);
    WAIT_UNTIL(answer_count >= 3);
    check_no_more_recorded();
    mw_http_cancel(http, third); /* has its answer */
    check_no_more_recorded();
    uint64_t fourth = ask(url, "DELETE", NULL);
    CHECK_RECORDED(MW_RECORD_http_request, fourth, 0, "", expected_delete);
    mw_http_cancel(http, fourth);
    CHECK_RECORDED(MW_RECORD_http_cancel, fourth, 0, "", "");
    close_all();
    close_recorder(host_recorder);
    host_recorder = NULL;
}

static const struct test_case cases[] = {
    {"a request over TLS is answered", answered},
    {"a request arrives byte for byte as it was asked", sent_as_asked},
    {"every status is an answer, and no redirection is followed", other_statuses},
    {"many requests at once have each their own answer", many_at_once},
    {"as many connections as were in use at once stay open", all_are_kept},
    {"the next request may begin while an answer is handled", asks_from_the_answer},
    {"proxies of the environment are not used", proxies},
    {"what cannot be sent is refused at once", refused_at_once},
    {"a request is recorded before it is sent, without its headers, and its cancel", recorded},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
