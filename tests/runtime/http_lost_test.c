/* Requests without an answer, or canceled: what may have arrived, and nothing is sent twice. */
#include "http_client.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

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
    CHECK(strstr(answers[0].text, "; if this is your own certificate authority, name it by"));
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
    CHECK(!strstr(answer->text, "ca_file"));
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
                                      .timeout_ns = 150000000 * test_slowness()};
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
                                      .timeout_ns = 150000000 * test_slowness()};
    on_request = hold;
    int64_t begun_ns = mw_host_clock_ns();
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 1);
    CHECK(mw_host_clock_ns() - begun_ns >= 149000000 * test_slowness());
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
        .method = "GET", .url = url, .ca_file = ca_file, .timeout_ns = 150000000 * test_slowness()};
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

/* A look-up that waits for the test; not for ever, so that whoever waits for it is found out. */
static sem_t looked_up;
static void hang(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until); /* cannot fail for this clock */
    until.tv_sec += 5 * test_slowness();
    while (sem_timedwait(&looked_up, &until) != 0 && errno == EINTR)
        continue;
}

/* A name server that does not answer, as in an outage: what has an end ends in its time. */
static void slow_names(void)
{
    struct mw_http_request request = {
        .method = "POST", .url = "https://other.test", .timeout_ns = 100000000};
    int before = open_files();
    CHECK_INT(sem_init(&looked_up, 0, 0), 0);
    open_all(true);
    on_lookup = hang;
    int64_t begun_ns = mw_host_clock_ns();
    CHECK(mw_http_request(http, &request, &err) != 0);
    WAIT_UNTIL(answer_count >= 1);
    CHECK_INT(answers[0].status, 0);
    CHECK_INT(answers[0].may_have_arrived, 0);
    CHECK(mw_host_clock_ns() - begun_ns < 3000000000 * test_slowness());
    uint64_t second = mw_http_request(http, &request, &err);
    run_turns(3);
    mw_http_cancel(http, second);
    CHECK(mw_http_request(http, &request, &err) != 0);
    run_turns(3);
    mw_http_free(http); /* with one under way */
    http = NULL;
    CHECK(mw_host_clock_ns() - begun_ns < 3000000000 * test_slowness());
    close_all();
    for (int i = 0; i < 3; i++)
        (void)sem_post(&looked_up);
    int64_t give_up_ns = mw_host_clock_ns() + 10000000000;
    while (open_files() > before && mw_host_clock_ns() < give_up_ns) /* libcurl's threads end */
        (void)sched_yield();
    CHECK_INT(open_files(), before);
}

static void nothing_open(void)
{
    int before = open_files();
    lost_on_a_kept_connection();
    freed_under_way();
    CHECK_INT(open_files(), before);
}

static const struct test_case cases[] = {
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
    {"a canceled request has no event", canceled},
    {"a request may be canceled while its answer is handled", canceled_in_its_answer},
    {"requests under way end with the client", freed_under_way},
    {"a name that is looked up for long holds nobody up", slow_names},
    {"no file stays open", nothing_open},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
