/* The bench's venue: events of one shape (shapes.h) over TLS, as fast as they are taken (flood),
 * one for each order that comes back (trip), or none at all (idle). One line of JSON on standard
 * output says the port, a second one what was measured.
 *
 *   server CERT KEY flood|trip|churn|idle EVENTS spin|block SHAPE
 * */
#include "net.h"
#include "put.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH_BYTES = 16000, IDLE_MAX = 1100 };

struct server {
    SSL_CTX *tls;
    int listener;
    bool spins;
    int64_t events;
    struct form event, answer; /* the answer may be empty */
    char ids[ORDERS][ID_MAX];
};

static void accept_websocket(struct server *server, struct line *line)
{
    int on = 1;
    memset(line, 0, sizeof *line);
    line->fd = accept(server->listener, NULL, NULL);
    if (line->fd < 0)
        die("accept");
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    line->ssl = SSL_new(server->tls);
    SSL_set_fd(line->ssl, line->fd);
    if (SSL_accept(line->ssl) != 1)
        die("tls");
    fcntl(line->fd, F_SETFL, O_NONBLOCK);
    char *head = read_head(line), *key = strcasestr(head, "sec-websocket-key:");
    if (!key)
        die("no key");
    key += strlen("sec-websocket-key:");
    while (*key == ' ')
        key++;
    char text[128], answer[256];
    unsigned char digest[SHA_DIGEST_LENGTH], accepted[32];
    (void)snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key); /* fits */
    SHA1((unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock(accepted, digest, sizeof digest);
    (void)snprintf(answer, sizeof answer,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accepted); /* fits */
    write_all(line, answer, strlen(answer));
}

static void read_id(const char *message, size_t len, char id[ID_MAX])
{
    static const char name[] = "\"client_order_id\":";
    const char *from = memmem(message, len, name, sizeof name - 1);
    if (!from)
        die("an order without client_order_id");
    from += sizeof name - 1;
    from += *from == ' '; /* Python writes one */
    if (*from++ != '"')
        die("a client_order_id that is no text");
    const char *to = memchr(from, '"', len - (size_t)(from - message));
    if (!to || to - from >= ID_MAX)
        die("a client_order_id without end");
    memcpy(id, from, (size_t)(to - from));
    id[to - from] = 0;
}

static void answer(struct server *server, struct line *line, const char *id)
{
    char frame[EVENT_MAX];
    if (server->answer.count > 0)
        write_all(line, frame, put_frame(frame, &server->answer, &(struct event){.id = id}));
}

static void flood(struct server *server, struct line *line)
{
    static char batch[BATCH_BYTES + EVENT_MAX];
    size_t len;
    for (int i = 0; i < ORDERS; i++) {
        const char *message = read_message(line, &len);
        if (!message)
            die("the client left");
        read_id(message, len, server->ids[i]);
        answer(server, line, server->ids[i]);
    }
    int64_t began = clock_ns(CLOCK_MONOTONIC), began_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    size_t bytes = 0, filled = 0;
    for (int64_t n = 0; n < server->events; n++) {
        struct event event = {server->ids[n % ORDERS], (uint64_t)n, (uint64_t)n / ORDERS + 1};
        size_t size = put_frame(batch + filled, &server->event, &event);
        filled += size;
        bytes += size;
        if (filled >= BATCH_BYTES || n + 1 == server->events) {
            write_all(line, batch, filled);
            filled = 0;
        }
    }
    double cpu = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_cpu) / 1e9;
    (void)read_message(line, &len); /* the client closes when it has all */
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9;
    printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"bytes_per_event\":%.0f}\n", seconds, cpu,
           (double)bytes / (double)server->events);
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void trip(struct server *server, struct line *line)
{
    int64_t *times = calloc((size_t)server->events, sizeof *times), warm_up = server->events / 10;
    size_t len;
    char frame[EVENT_MAX], id[ID_MAX];
    const char *message = read_message(line, &len);
    for (int64_t n = -warm_up; times && message && n < server->events; n++) {
        read_id(message, len, id);
        struct event event = {id, (uint64_t)(n + warm_up), 1};
        size_t size = put_frame(frame, &server->event, &event);
        int64_t sent = clock_ns(CLOCK_MONOTONIC);
        write_all(line, frame, size);
        message = read_message(line, &len);
        if (n >= 0)
            times[n] = clock_ns(CLOCK_MONOTONIC) - sent;
    }
    if (!message || !times)
        die("the client left");
    size_t count = (size_t)server->events;
    qsort(times, count, sizeof *times, by_size);
    size_t half = count / 2, of_100 = count * 99 / 100, of_1000 = count * 999 / 1000;
    printf("{\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f}\n", (double)times[half] / 1e3,
           (double)times[of_100] / 1e3, (double)times[of_1000] / 1e3);
    free(times);
}

/* Fills each order whole as it comes, many at once on their way. */
static void churn(struct server *server, struct line *line)
{
    static char batch[BATCH_BYTES + EVENT_MAX];
    char id[ID_MAX];
    size_t len, filled = 0;
    for (int64_t n = 0; n < server->events;) {
        int opcode;
        const char *message = next_frame(line, &len, &opcode);
        if (message && opcode == 1) {
            read_id(message, len, id);
            struct event event = {id, (uint64_t)n++, 1};
            filled += put_frame(batch + filled, &server->event, &event);
        }
        if (filled >= BATCH_BYTES || n == server->events || !message) {
            write_all(line, batch, filled);
            filled = 0;
        }
        if (!message && !read_more(line))
            die("the client left");
    }
    (void)read_message(line, &len); /* the client closes when it has all */
}

/* Holds `events` connections until standard input ends. */
static void idle(struct server *server)
{
    static struct line line;
    static SSL *all[IDLE_MAX];
    for (int64_t n = 0; n < server->events && n < IDLE_MAX; n++) {
        accept_websocket(server, &line);
        all[n] = line.ssl;
    }
    printf("{\"connections\":%lld}\n", (long long)server->events);
    (void)fflush(stdout); /* who does not read the line gives up on us */
    while (getchar() != EOF)
        ;
    for (int64_t n = 0; n < server->events && n < IDLE_MAX; n++)
        SSL_free(all[n]);
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, IDLE_MAX) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    *port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    static struct server server;
    static struct line line;
    int port;
    const struct shape *shape = argc == 7 ? find_shape(argv[6]) : NULL;
    if (!shape || !cut(&server.event, shape->event) ||
        (shape->answer && !cut(&server.answer, shape->answer))) {
        (void)fprintf(stderr, "usage: server CERT KEY flood|trip|churn|idle EVENTS spin|block "
                              "SHAPE\n");
        return 2; /* which says it where standard error is closed */
    }
    server.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(server.tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(server.tls, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server.tls, argv[2], SSL_FILETYPE_PEM) != 1)
        die("certificate");
    server.events = strtoll(argv[4], NULL, 10);
    server.spins = !strcmp(argv[5], "spin");
    server.listener = listen_anywhere(&port);
    printf("{\"port\":%d}\n", port);
    (void)fflush(stdout); /* who does not read the line gives up on us */
    if (!strcmp(argv[3], "idle")) {
        idle(&server);
        return 0;
    }
    accept_websocket(&server, &line);
    line.spins = server.spins;
    if (!strcmp(argv[3], "flood"))
        flood(&server, &line);
    else if (!strcmp(argv[3], "churn"))
        churn(&server, &line);
    else
        trip(&server, &line);
    SSL_free(line.ssl);
    SSL_CTX_free(server.tls);
    return 0;
}
