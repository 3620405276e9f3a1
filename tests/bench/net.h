/* net.h: what the bench's server and its C client (the floor) share: frames, clocks, one message.
 * */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUFFER_SIZE = 256 * 1024, ORDERS = 100 };

/* One TLS connection and what was read from it. */
struct line {
    SSL *ssl;
    int fd;
    bool spins; /* polls without sleeping */
    unsigned char in[BUFFER_SIZE];
    size_t at, len;
};

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* Reads what there is; waits for it unless the line spins. False at the end. The socket does not
 * block. */
static bool read_more(struct line *line)
{
    if (line->at == line->len)
        line->at = line->len = 0;
    if (line->len == BUFFER_SIZE) {
        memmove(line->in, line->in + line->at, line->len - line->at);
        line->len -= line->at;
        line->at = 0;
    }
    for (;;) {
        int n = SSL_read(line->ssl, line->in + line->len, (int)(BUFFER_SIZE - line->len));
        if (n > 0) {
            line->len += (size_t)n;
            return true;
        }
        if (SSL_get_error(line->ssl, n) != SSL_ERROR_WANT_READ)
            return false;
        struct pollfd ready = {.fd = line->fd, .events = POLLIN};
        if (!line->spins)
            poll(&ready, 1, -1);
    }
}

static void write_all(struct line *line, const void *bytes, size_t len)
{
    const char *from = bytes;
    while (len > 0) {
        int n = SSL_write(line->ssl, from, (int)len);
        if (n > 0) {
            from += n;
            len -= (size_t)n;
        } else if (SSL_get_error(line->ssl, n) == SSL_ERROR_WANT_WRITE) {
            struct pollfd ready = {.fd = line->fd, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else {
            die("write");
        }
    }
}

/* The next whole frame in the buffer: payload (unmasked) and length; NULL: more bytes are needed.
 * */
static char *next_frame(struct line *line, size_t *len, int *opcode)
{
    unsigned char *p = line->in + line->at;
    size_t have = line->len - line->at, head = 2;
    if (have < 2)
        return NULL;
    bool masked = p[1] & 0x80;
    size_t size = p[1] & 0x7f;
    if (size == 126) {
        if (have < 4)
            return NULL;
        size = (size_t)p[2] << 8 | p[3];
        head = 4;
    }
    if (have < head + (masked ? 4 : 0) + size)
        return NULL;
    *opcode = p[0] & 15;
    unsigned char *key = p + head, *payload = key + (masked ? 4 : 0);
    for (size_t i = 0; masked && i < size; i++)
        payload[i] ^= key[i & 3];
    line->at += head + (masked ? 4 : 0) + size;
    *len = size;
    return (char *)payload;
}

/* Waits for the next text message, answers pings; NULL at the end. */
static char *read_message(struct line *line, size_t *len)
{
    for (;;) {
        int opcode;
        char *payload = next_frame(line, len, &opcode);
        if (payload && opcode == 1)
            return payload;
        if (payload && opcode == 8)
            return NULL;
        if (!payload && !read_more(line))
            return NULL;
    }
}

/* Reads up to the end of an HTTP head and returns it ended by NUL. */
static char *read_head(struct line *line)
{
    for (;;) {
        char *end = memmem(line->in + line->at, line->len - line->at, "\r\n\r\n", 4);
        if (end) {
            char *head = (char *)line->in + line->at;
            *end = 0;
            line->at = (size_t)(end + 4 - (char *)line->in);
            return head;
        }
        if (!read_more(line))
            die("handshake");
    }
}

#endif
