#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { WIRE_SIZE = 48 * 1024 }; /* three records and more */

struct wire {
    int fd;
    int error; /* what ended it; 0: the peer did */
    bool is_over;
    size_t at, len;
    char bytes[WIRE_SIZE];
};

/* A failure is kept: the socket tells of it once. */
bool mw_wire_has_more(BIO *bio)
{
    struct wire *wire = BIO_get_data(bio);
    if (wire->at < wire->len || wire->is_over)
        return true;
    ssize_t got = recv(wire->fd, wire->bytes, sizeof wire->bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    wire->is_over = got <= 0;
    wire->error = got < 0 ? errno : 0;
    wire->at = 0;
    wire->len = got > 0 ? (size_t)got : 0;
    return true;
}

static int on_read(BIO *bio, char *out, int size)
{
    struct wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!mw_wire_has_more(bio)) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (wire->is_over) {
        errno = wire->error;
        return wire->error ? -1 : 0;
    }
    size_t left = wire->len - wire->at, taken = left < (size_t)size ? left : (size_t)size;
    memcpy(out, wire->bytes + wire->at, taken);
    wire->at += taken;
    return (int)taken;
}

static int on_write(BIO *bio, const char *bytes, int size)
{
    const struct wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(wire->fd, bytes, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

/* OpenSSL asks for a flush after each record, and whether an end was one. */
static long on_control(BIO *bio, int command, long number, void *arg)
{
    const struct wire *wire = BIO_get_data(bio);
    (void)number;
    (void)arg;
    if (command == BIO_CTRL_EOF)
        return wire->is_over && !wire->error;
    return command == BIO_CTRL_FLUSH;
}

static int on_free(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

BIO_METHOD *mw_wire_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");
    if (method && BIO_meth_set_read(method, on_read) && BIO_meth_set_write(method, on_write) &&
        BIO_meth_set_ctrl(method, on_control) && BIO_meth_set_destroy(method, on_free))
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *mw_wire_new(const BIO_METHOD *method, int fd)
{
    struct wire *wire = malloc(sizeof *wire);
    BIO *bio = wire ? BIO_new(method) : NULL;
    if (!bio) {
        free(wire);
        return NULL;
    }
    wire->fd = fd;
    wire->error = 0;
    wire->is_over = false;
    wire->at = wire->len = 0;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}
