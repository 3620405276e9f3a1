/* bare_client.h: a server of the runtime, and a client of it that is a bare socket: every byte is
 * the test's own. */
#ifndef MW_TEST_BARE_CLIENT_H
#define MW_TEST_BARE_CLIENT_H

#include "loopback.h"

#include <errno.h>

static uint64_t listener;
static int port, client = -1;
static ev_io client_io;
static char got[100000]; /* what the client has read */
static size_t got_len;
static bool got_end;

static inline void on_readable(struct ev_loop *loop, ev_io *io, int revents)
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

static inline void connect_client(void)
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

static inline void close_client(void)
{
    ev_io_stop(mw_host_loop(host), &client_io);
    if (client >= 0)
        (void)close(client);
    client = -1;
}

static inline void open_all(void)
{
    listener = open_server(false, &port);
    connect_client();
}

static inline void close_all(void)
{
    close_client();
    close_server();
}

static inline void say_bytes(const char *bytes, size_t len)
{
    CHECK_INT(send(client, bytes, len, MSG_NOSIGNAL), len);
}

static inline void say(const char *text)
{
    say_bytes(text, strlen(text));
}

static inline void wait_for_bytes(size_t count)
{
    WAIT_UNTIL(got_len >= count || got_end);
}

static inline void check_end(int line)
{
    WAIT_UNTIL(got_end);
    if (got_len == 0)
        return;
    printf("%s:%d: expected the end, got \"%s\"\n", __FILE__, line, got);
    test_failures++;
}
#define CHECK_END() check_end(__LINE__)

static inline void check_got(int line, const char *bytes, size_t len)
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

static inline void reply(int status, const char *headers, const char *body)
{
    struct mw_reply answer = {status, headers, body, strlen(body)};
    CHECK_INT(mw_server_reply(server, heard[MW_EVENT_server_request].id, &answer, &err), 0);
}

static inline void answer_fine(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_request)
        reply(200, "", heard[MW_EVENT_server_request].data);
}

#endif
