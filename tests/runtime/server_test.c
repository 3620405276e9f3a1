/* The server: HTTP, and listeners. */
#include "bare_client.h"

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
    CHECK(strstr(err.text, "listen on 127.0.0.1 port"));
    CHECK(strstr(err.text, ": Address already in use"));
    (void)close(taken);
    options = (struct mw_listen_options){.cert_file = "/nonexistent", .key_file = "/nonexistent"};
    CHECK_INT(mw_server_listen(server, &options, &other, &err), 0);
    CHECK_TEXT(err.text, "listen on 127.0.0.1 port 0: the certificate or its key cannot be read");
    options = (struct mw_listen_options){0};
    for (int i = 2; i < 8; i++)
        CHECK(mw_server_listen(server, &options, &other, &err) != 0);
    CHECK_INT(mw_server_listen(server, &options, &other, &err), 0);
    CHECK_TEXT(err.text, "listen: 8 listeners are open already");
    close_all();
}

static const struct test_case cases[] = {
    {"requests are told and answered, each once", answers},
    {"requests that come together are answered one after the other", one_after_the_other},
    {"an answer may be given by the handler itself", answers_from_the_handler},
    {"a malformed request is refused without an event", refusals},
    {"a client that waits for 100 gets it", continues},
    {"an answer to a client that is gone fails", client_gone},
    {"raw bytes, a dropped connection and a half open one are faults for others to find", faults},
    {"eight listeners have each their own id and port", listeners},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
