/* The floor: the least that a C client can do with the same events. One blocking or spinning
 * thread, OpenSSL, a frame scan, memmem for the fields, and for the round trip one order sent back.
 *
 *   floor PORT CA flood|trip EVENTS spin|block SHAPE
 * */
#include "net.h"
#include "shapes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct order {
    int64_t cum_qty, fills; /* in 10^-8 */
    uint64_t last_trade;
};

static struct order orders[ORDERS];

static void connect_websocket(struct line *line, int port, const char *ca)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(tls, ca, NULL) != 1)
        die("ca");
    line->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(line->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    line->ssl = SSL_new(tls);
    SSL_CTX_free(tls);
    SSL_set_read_ahead(line->ssl, 1);
    SSL_set_fd(line->ssl, line->fd);
    if (SSL_connect(line->ssl) != 1)
        die("tls");
    fcntl(line->fd, F_SETFL, O_NONBLOCK);
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    write_all(line, request, sizeof request - 1);
    if (!strstr(read_head(line), " 101 "))
        die("handshake");
}

static void send_order(struct line *line, int64_t number)
{
    unsigned char frame[512] = {0x81};
    int len = snprintf((char *)frame + 8, sizeof frame - 8,
                       "{\"id\":%lld,\"method\":\"order.new\",\"params\":{\"client_order_id\":"
                       "\"%lld\",\"symbol\":\"btcidr\",\"side\":\"buy\",\"type\":\"limit\","
                       "\"price\":\"1500000000\",\"qty\":\"0.001\"}}",
                       (long long)number, 10000000 + (long long)number);
    static const unsigned char key[4] = {0x12, 0x34, 0x56, 0x78};
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(len >> 8);
    frame[3] = (unsigned char)len;
    memcpy(frame + 4, key, 4);
    for (int i = 0; i < len; i++)
        frame[8 + i] ^= key[i & 3];
    write_all(line, frame, (size_t)len + 8);
}

/* In 10^-8; `is_unit`: it counts these already. */
static int64_t fixed(const char *p, bool is_unit)
{
    int64_t value = 0;
    int decimals = is_unit ? 8 : -1;
    for (; *p == '.' || (*p >= '0' && *p <= '9'); p++) {
        if (*p == '.') {
            decimals = 0;
        } else {
            value = value * 10 + (*p - '0');
            decimals += decimals >= 0;
        }
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 8; decimals++)
        value *= 10;
    return value;
}

/* Behind the `times`th mark that comes at or after `from`. */
static const char *find(const char *from, const char *end, const struct field *field)
{
    size_t len = strlen(field->mark);
    for (int i = 0; i < field->times; i++) {
        from = memmem(from, (size_t)(end - from), field->mark, len);
        if (!from)
            die(field->mark);
        from += len;
    }
    return from;
}

static void on_event(const struct shape *shape, const char *message, size_t len)
{
    const char *at = message, *end = message + len;
    struct order *order = orders;
    int64_t price = 0, qty = 0;
    uint64_t trade_id = 0;
    for (const struct field *field = shape->fields; field->times; field++) {
        at = find(at, end, field);
        if (field->kind == ORDER_ID)
            order = &orders[strtoull(at, NULL, 10) % ORDERS];
        else if (field->kind == TRADE_ID)
            trade_id = strtoull(at, NULL, 10);
        else if (field->kind == PRICE)
            price = fixed(at, shape->counts_units);
        else if (field->kind == QTY)
            qty = fixed(at, shape->counts_units);
        else if (field->kind == WORD && strncmp(at, shape->word, strlen(shape->word)) != 0)
            die("event");
    }
    if (trade_id <= order->last_trade || price <= 0 || qty <= 0)
        die("event");
    order->last_trade = trade_id;
    order->cum_qty += qty;
    order->fills++;
}

int main(int argc, char **argv)
{
    static struct line line;
    const struct shape *shape = argc == 7 ? find_shape(argv[6]) : NULL;
    if (!shape) {
        (void)fprintf(stderr, "usage: floor PORT CA flood|trip EVENTS spin|block SHAPE\n");
        return 2; /* which says it where standard error is closed */
    }
    bool is_trip = !strcmp(argv[3], "trip");
    int64_t events = strtoll(argv[4], NULL, 10), number = 0, n = 0;
    connect_websocket(&line, (int)strtol(argv[1], NULL, 10), argv[2]);
    line.spins = !strcmp(argv[5], "spin");
    int64_t began = 0, began_cpu = 0;
    size_t len;
    for (; number < (is_trip ? 1 : ORDERS); number++) {
        send_order(&line, number);
        if (shape->answer && !read_message(&line, &len))
            die("no answer");
    }
    for (char *message; (is_trip || n < events) && (message = read_message(&line, &len)); n++) {
        if (n == 0) {
            began = clock_ns(CLOCK_MONOTONIC);
            began_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
        on_event(shape, message, len);
        if (is_trip)
            send_order(&line, number++);
    }
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9;
    double cpu = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_cpu) / 1e9;
    printf("{\"events\":%lld,\"seconds\":%.6f,\"cpu\":%.6f}\n", (long long)n, seconds, cpu);
    SSL_free(line.ssl);
    close(line.fd);
    return 0;
}
