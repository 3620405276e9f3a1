/* A wire between OpenSSL and a socket: what comes in pieces of any size comes out the same. */
#include "wire.h"
#include "test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 200000 };

static BIO_METHOD *method;
static BIO *wire;
static int ours, theirs;

static void open_wire(void)
{
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    ours = ends[0];
    theirs = ends[1];
    method = mw_wire_method();
    CHECK(method);
    wire = mw_wire_new(method, ours);
    CHECK(wire);
}

static void close_wire(void)
{
    BIO_free(wire);
    BIO_meth_free(method);
    (void)close(ours); /* only a test's */
    if (theirs >= 0)
        (void)close(theirs);
}

static void check_none(void)
{
    char byte;
    CHECK(!mw_wire_has_more(wire));
    CHECK_INT(BIO_read(wire, &byte, 1), -1);
    CHECK(BIO_should_read(wire));
}

static void in_pieces(void)
{
    char text[8] = "";
    open_wire();
    check_none();
    CHECK_INT(send(theirs, "abcde", 5, 0), 5);
    CHECK(mw_wire_has_more(wire));
    CHECK_INT(BIO_read(wire, text, 2), 2);
    CHECK_TEXT(text, "ab");
    CHECK_INT(send(theirs, "fg", 2, 0), 2);
    CHECK_INT(BIO_read(wire, text, sizeof text), 3); /* no call for more while there is some */
    CHECK_INT(strncmp(text, "cde", 3), 0);
    CHECK(mw_wire_has_more(wire));
    CHECK_INT(BIO_read(wire, text, sizeof text), 2);
    CHECK_INT(strncmp(text, "fg", 2), 0);
    CHECK(!BIO_should_retry(wire));
    check_none();
    close_wire();
}

static char byte_at(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* More than any buffer: both sides wait for the other one in between. */
static void many_bytes(void)
{
    static char bytes[MANY], got[MANY];
    size_t sent = 0, taken = 0;
    for (size_t i = 0; i < MANY; i++)
        bytes[i] = byte_at(i);
    open_wire();
    for (size_t piece = 1; taken < MANY && !test_failures; piece = piece * 5 % 9973 + 1) {
        size_t left = MANY - sent;
        ssize_t out = send(theirs, bytes + sent, left < 4 * piece ? left : 4 * piece, 0);
        sent += out > 0 ? (size_t)out : 0;
        size_t room = MANY - taken;
        int in = BIO_read(wire, got + taken, (int)(room < piece ? room : piece));
        CHECK(in > 0);
        taken += in > 0 ? (size_t)in : 0;
    }
    CHECK_INT(memcmp(got, bytes, MANY), 0);
    check_none();
    close_wire();
}

static void the_end(void)
{
    char text[8];
    open_wire();
    CHECK_INT(send(theirs, "last", 4, 0), 4);
    CHECK(mw_wire_has_more(wire));
    (void)close(theirs);
    theirs = -1;
    CHECK(!BIO_eof(wire));
    CHECK_INT(BIO_read(wire, text, sizeof text), 4);
    for (int i = 0; i < 2; i++) { /* it stays the end */
        CHECK(mw_wire_has_more(wire));
        CHECK_INT(BIO_read(wire, text, sizeof text), 0);
        CHECK(BIO_eof(wire) && !BIO_should_retry(wire));
    }
    close_wire();
}

/* Stands before libc's: the socket tells of a failure once. */
static int failure;
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    if (!failure)
        return recvfrom(fd, bytes, len, flags, NULL, NULL);
    errno = failure;
    failure = 0;
    return -1;
}

static void a_failure(void)
{
    char byte;
    open_wire();
    failure = EINTR;
    check_none();
    failure = ECONNRESET;
    CHECK(mw_wire_has_more(wire));
    for (int i = 0; i < 2; i++) {
        errno = 0;
        CHECK_INT(BIO_read(wire, &byte, 1), -1);
        CHECK_INT(errno, ECONNRESET);
        CHECK(!BIO_eof(wire) && !BIO_should_retry(wire));
    }
    close_wire();
}

static void written(void)
{
    static char bytes[MANY];
    char got[4];
    open_wire();
    CHECK_INT(BIO_write(wire, "abc", 3), 3);
    CHECK_INT(BIO_flush(wire), 1);
    CHECK_INT(read(theirs, got, sizeof got), 3);
    CHECK_INT(strncmp(got, "abc", 3), 0);
    while (BIO_write(wire, bytes, MANY) > 0)
        continue;
    CHECK(BIO_should_write(wire)); /* the socket is full */
    (void)close(theirs);
    theirs = -1;
    CHECK_INT(BIO_write(wire, "d", 1), -1); /* and no signal */
    CHECK_INT(errno, EPIPE);
    CHECK(!BIO_should_retry(wire));
    close_wire();
}

static const struct test_case cases[] = {
    {"what came is read in pieces, and more is asked for when it is used up", in_pieces},
    {"more than the buffer holds comes in order", many_bytes},
    {"the end is told after the last bytes, and stays", the_end},
    {"a failure is told again and again, an interruption is none", a_failure},
    {"what the socket takes is written, and the rest is to be tried again", written},
};
TEST_MAIN(cases)
