/* ws_client.h: what the tests of WebSocket sessions share: a client of the server of loopback.h. */
#ifndef MW_TEST_WS_CLIENT_H
#define MW_TEST_WS_CLIENT_H

#include "loopback.h"
#include "ws.h"
#include "ws_frame.h"

static struct mw_ws_pool *pool;
static char url[64];

static inline void open_all(bool is_tls)
{
    int port = 0;
    (void)open_server(is_tls, &port);
    pool = mw_ws_pool_new(host, &err);
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%d/feed?x=%%31", is_tls ? "wss" : "ws", port);
}

static inline void close_all(void)
{
    mw_ws_pool_free(pool);
    close_server();
}

/* Begins a session; everything that is not given is the default. */
static inline uint64_t begin(struct mw_ws_options options)
{
    if (!options.url)
        options.url = url;
    if (!options.ca_file)
        options.ca_file = ca_file;
    uint64_t id = mw_ws_open(pool, &options, &err);
    CHECK(id != 0);
    CHECK_INT(heard[MW_EVENT_ws_open].count + heard[MW_EVENT_ws_close].count, 0);
    return id;
}

/* A session that is open on both sides. */
static inline uint64_t opened(struct mw_ws_options options)
{
    uint64_t id = begin(options);
    CHECK_INT(wait_for(MW_EVENT_ws_open, 1)->id, id);
    (void)wait_for(MW_EVENT_server_ws_open, 1);
    return id;
}
#define OPENED(...) opened((struct mw_ws_options){__VA_ARGS__})
#define BEGIN(...) begin((struct mw_ws_options){__VA_ARGS__})

static inline uint64_t server_id(void)
{
    return heard[MW_EVENT_server_ws_open].id;
}

/* The one ws_close that ends every session. */
static inline void check_closed(int line, uint64_t id, int code, const char *why)
{
    const struct heard *h = wait_for(MW_EVENT_ws_close, 1);
    run_turns(5);
    if (h->count == 1 && h->id == id && h->num == code && strcmp(h->text, why) == 0)
        return;
    printf("%s:%d: expected ws_close %d \"%s\", got %zu of them, %d \"%s\"\n", __FILE__, line, code,
           why, h->count, (int)h->num, h->text ? h->text : "");
    test_failures++;
}
#define CHECK_CLOSED(id, code, why) check_closed(__LINE__, id, code, why)

static inline void echo(const struct mw_event *event)
{
    if (event->kind == MW_EVENT_server_ws_message)
        CHECK_INT(mw_server_send(server, event->id, (int)event->num, event->data, event->len, &err),
                  0);
}

#endif
