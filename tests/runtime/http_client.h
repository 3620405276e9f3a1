/* http_client.h: what the tests of the HTTP client share: the client, and what both sides were
 * told. */
#ifndef MW_TEST_HTTP_CLIENT_H
#define MW_TEST_HTTP_CLIENT_H

#include "http.h"
#include "loopback.h"

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

static inline void take_event(const struct mw_event *event)
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

static inline void open_all(bool is_tls)
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

static inline void close_all(void)
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
static inline uint64_t ask(const char *base, const char *method, const char *body)
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
static inline const struct answer *asked(const char *base, const char *method, const char *body)
{
    uint64_t id = ask(base, method, body);
    size_t count = answer_count;
    WAIT_UNTIL(answer_count >= count + 1);
    const struct answer *answer = &answers[count % COUNT(answers)];
    CHECK_INT(answer_count, count + 1);
    CHECK_INT(answer->id, id);
    return answer;
}

static inline void hold(const struct mw_event *event)
{
    (void)event;
}

#endif
