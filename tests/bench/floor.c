/* The floor: the least that a C client can do with the same events. One blocking or spinning
 * thread, OpenSSL, a frame scan, memmem for the fields, and for the round trip one order sent back.
 *
 *   floor PORT CA flood|trip EVENTS spin|block
 * */
#include "net.h"

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
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
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
                       "\"floor-%08lld\",\"symbol\":\"btcidr\",\"side\":\"buy\",\"type\":\"limit\","
                       "\"price\":\"1500000000\",\"qty\":\"0.001\"}}",
                       (long long)number, (long long)number);
    static const unsigned char key[4] = {0x12, 0x34, 0x56, 0x78};
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(len >> 8);
    frame[3] = (unsigned char)len;
    memcpy(frame + 4, key, 4);
    for (int i = 0; i < len; i++)
        frame[8 + i] ^= key[i & 3];
    write_all(line, frame, (size_t)len + 8);
}

/* The value of a field that comes at or after `*from`; moves on behind it. */
static const char *field(const char **from, const char *end, const char *name, size_t name_len)
{
    const char *found = memmem(*from, (size_t)(end - *from), name, name_len);
    if (!found)
        die(name);
    *from = found + name_len;
    return *from;
}
#define FIELD(from, end, name) field(from, end, "\"" name "\":\"", sizeof(name) + 3)

static int64_t fixed(const char *p)
{
    int64_t value = 0;
    int decimals = -1;
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

static void on_event(const char *message, size_t len)
{
    const char *at = message, *end = message + len;
    (void)FIELD(&at, end, "side");
    const char *price = FIELD(&at, end, "price");
    const char *status = FIELD(&at, end, "status");
    const char *id = FIELD(&at, end, "clientOrderId");
    const char *trade = FIELD(&at, end, "tradeId");
    const char *qty = FIELD(&at, end, "qty");
    struct order *order = &orders[strtoull(id + strlen("floor-"), NULL, 10) % ORDERS];
    uint64_t trade_id = strtoull(trade, NULL, 10);
    if (*status != 'F' || trade_id <= order->last_trade || fixed(price) <= 0)
        die("event");
    order->last_trade = trade_id;
    order->cum_qty += fixed(qty);
    order->fills++;
}

int main(int argc, char **argv)
{
    static struct line line;
    if (argc != 6) {
        (void)fprintf(stderr, "usage: floor PORT CA flood|trip EVENTS spin|block\n");
        return 2; /* which says it where standard error is closed */
    }
    bool is_trip = !strcmp(argv[3], "trip");
    int64_t events = strtoll(argv[4], NULL, 10), number = 0, n = 0;
    connect_websocket(&line, (int)strtol(argv[1], NULL, 10), argv[2]);
    line.spins = !strcmp(argv[5], "spin");
    for (; number < (is_trip ? 1 : ORDERS); number++)
        send_order(&line, number);
    int64_t began = 0, began_cpu = 0;
    size_t len;
    for (char *message; (is_trip || n < events) && (message = read_message(&line, &len)); n++) {
        if (n == 0) {
            began = clock_ns(CLOCK_MONOTONIC);
            began_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
        on_event(message, len);
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
