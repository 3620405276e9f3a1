/* What is read is what was committed: in order, whole, and also when the writer is killed. */
#include "ring.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PIECE_MAX = 3000 };

static struct mw_ring *new_ring(size_t bytes)
{
    struct mw_err err;
    struct mw_ring *ring = mw_ring_new(bytes, &err);
    if (!ring)
        abort();
    return ring;
}

static uint64_t mixed(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* Pieces: number n of them is as long as n says, and each byte of it as n says. */
static size_t piece_len(uint64_t n)
{
    return 1 + mixed(n) % PIECE_MAX;
}

/* Writes piece n if there is room; 0 or 1 */
static int write_piece(struct mw_ring *ring, uint64_t n)
{
    size_t len = piece_len(n);
    char *out = mw_ring_reserve(ring, len);
    if (!out)
        return 0;
    for (size_t i = 0; i < len; i++) /* by hand: ThreadSanitizer sees no memset of gcc's own */
        out[i] = (char)(n & 0xff);
    mw_ring_commit(ring, len);
    return 1;
}

/* Reads one more piece if it is there, and it must be whole; 0 or 1. */
static int read_piece(struct mw_ring *ring, uint64_t n)
{
    size_t got, len = piece_len(n), wrong = 0;
    const unsigned char *in = mw_ring_peek(ring, &got);
    if (got < len) {
        CHECK_INT(got, 0); /* a part of a piece is never there */
        return 0;
    }
    for (size_t i = 0; i < len; i++)
        wrong += in[i] != (n & 0xff);
    CHECK_INT(wrong, 0);
    mw_ring_consume(ring, len);
    return 1;
}

static void empty_and_full(void)
{
    size_t len = 1;
    struct mw_ring *ring = new_ring(1);
    CHECK_INT(mw_ring_size(ring), PAGE);
    (void)mw_ring_peek(ring, &len); /* the length is what is asked for */
    CHECK_INT(len, 0);
    CHECK(mw_ring_reserve(ring, PAGE + 1) == NULL);
    CHECK(mw_ring_reserve(ring, SIZE_MAX) == NULL);
    CHECK(mw_ring_reserve(ring, PAGE) != NULL);
    mw_ring_commit(ring, PAGE); /* to the last byte */
    CHECK(mw_ring_reserve(ring, 1) == NULL);
    (void)mw_ring_peek(ring, &len); /* likewise */
    CHECK_INT(len, PAGE);
    mw_ring_consume(ring, 1);
    CHECK(mw_ring_reserve(ring, 2) == NULL);
    CHECK(mw_ring_reserve(ring, 1) != NULL);
    mw_ring_consume(ring, PAGE - 1);
    CHECK(mw_ring_reserve(ring, PAGE) != NULL);
    mw_ring_free(ring);
    mw_ring_free(NULL);
}

/* Requests stand in it: a core dump of whoever maps it must not have them. */
static void not_dumped(void)
{
    struct mw_ring *ring = new_ring(1 << 20);
    uintptr_t memory = (uintptr_t)mw_ring_reserve(ring, 1), from = 0, to = 0;
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    int seen = 0, left_out = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        char *dash, *blank = NULL;
        uintptr_t begin = strtoull(line, &dash, 16);
        uintptr_t end = *dash == '-' ? strtoull(dash + 1, &blank, 16) : 0;
        if (blank && *blank == ' ') { /* "BEGIN-END ...": a mapping begins */
            from = begin;
            to = end;
        }
        bool is_ring = memory < to && from < memory + (2 << 20); /* it is there twice */
        if (is_ring && strncmp(line, "VmFlags:", 8) == 0) {
            seen++;
            left_out += strstr(line, " dd") != NULL;
        }
    }
    CHECK(maps && seen >= 2);
    CHECK_INT(left_out, seen);
    if (maps)
        (void)fclose(maps); /* was only read */
    mw_ring_free(ring);
}

static void sizes(void)
{
    struct mw_ring *ring = new_ring(PAGE + 1);
    CHECK_INT(mw_ring_size(ring), (size_t)PAGE * 2);
    mw_ring_free(ring);
    struct mw_err err = {""};
    CHECK(mw_ring_new(SIZE_MAX / 4, &err) == NULL);
    CHECK(strncmp(err.text, "ring of ", 8) == 0);
}

static void only_what_is_committed(void)
{
    size_t len;
    struct mw_ring *ring = new_ring(PAGE);
    char *out = mw_ring_reserve(ring, 100);
    memcpy(out, "half of it", 10);
    (void)mw_ring_peek(ring, &len); /* the length is what is asked for */
    CHECK_INT(len, 0);
    CHECK(mw_ring_reserve(ring, 100) == out); /* nothing was taken */
    mw_ring_commit(ring, 10);                 /* less than was reserved */
    const char *in = mw_ring_peek(ring, &len);
    CHECK_INT(len, 10);
    CHECK(memcmp(in, "half of it", 10) == 0);
    mw_ring_free(ring);
}

static void in_one_piece_over_the_end(void)
{
    size_t len;
    struct mw_ring *ring = new_ring(PAGE);
    mw_ring_commit(ring, PAGE - 3);
    mw_ring_consume(ring, PAGE - 3);
    char *out = mw_ring_reserve(ring, PAGE);
    memcpy(out, "begin", 5);
    memset(out + 5, 'x', PAGE - 5);
    mw_ring_commit(ring, PAGE);
    const char *in = mw_ring_peek(ring, &len);
    CHECK_INT(len, PAGE);
    CHECK(memcmp(in, "beginx", 6) == 0);
    mw_ring_consume(ring, 3);
    in = mw_ring_peek(ring, &len);
    CHECK_INT(len, PAGE - 3);
    CHECK(memcmp(in, "inx", 3) == 0);
    mw_ring_free(ring);
}

enum { MB = 1024 * 1024, NEAR = 8 * MB / 32 };

/* While the reader keeps up, the ring needs a small part of its memory only. */
static void in_a_small_part_of_the_memory(void)
{
    struct mw_ring *ring = new_ring((size_t)8 * MB);
    char *first = mw_ring_reserve(ring, 1);
    uint64_t written = 0, read = 0;
    while (written < 3000) { /* 4 MB */
        char *room = mw_ring_reserve(ring, 1);
        CHECK(room >= first && room < first + NEAR);
        written += (uint64_t)write_piece(ring, written);
        read += (uint64_t)read_piece(ring, read);
    }
    CHECK_INT(read, written);
    CHECK_INT(mw_ring_used(ring), 0);
    while (write_piece(ring, written)) /* all of it is there when it is needed */
        written++;
    CHECK(mw_ring_used(ring) > 8 * MB + NEAR - 2 * PIECE_MAX);
    while (read_piece(ring, read))
        read++;
    CHECK_INT(read, written);
    char *room = mw_ring_reserve(ring, 1); /* back */
    CHECK(room >= first && room < first + NEAR);
    mw_ring_free(ring);
}

/* So many bytes of this value. */
static char *fill(struct mw_ring *ring, size_t len, char value)
{
    char *room = mw_ring_reserve(ring, len);
    CHECK(room != NULL);
    if (!room)
        abort();
    memset(room, value, len);
    mw_ring_commit(ring, len);
    return room;
}

static void check_next(struct mw_ring *ring, size_t len, char value)
{
    size_t got;
    const char *in = mw_ring_peek(ring, &got);
    CHECK(got >= len);
    if (got >= len)
        CHECK(in[0] == value && in[len - 1] == value);
    mw_ring_consume(ring, len);
}

/* What has no room in the small part goes to the large one, and so does what follows, until the
 * small one was read: nothing overtakes anything. */
static void nothing_overtakes(void)
{
    struct mw_ring *ring = new_ring((size_t)8 * MB);
    (void)fill(ring, 100, 'a'); /* near */
    char *far = fill(ring, NEAR + 1, 'b');
    (void)fill(ring, 10, 'c'); /* would fit near */
    CHECK_INT(mw_ring_used(ring), 100 + NEAR + 1 + 10);
    check_next(ring, 100, 'a');
    (void)fill(ring, 10, 'd'); /* near was read: there again, though far was not */
    check_next(ring, NEAR + 1, 'b');
    (void)fill(ring, 10, 'e');
    check_next(ring, 10, 'c');
    check_next(ring, 10, 'd');
    check_next(ring, 10, 'e');
    (void)fill(ring, NEAR, 'f');      /* near again, to its last byte */
    CHECK(fill(ring, 1, 'g') == far); /* begins anew where its memory was used before */
    check_next(ring, NEAR, 'f');
    check_next(ring, 1, 'g');
    CHECK_INT(mw_ring_used(ring), 0);
    mw_ring_free(ring);
}

/* The reader may look and consume at any time: it consumes of what it saw last. */
static void consumed_is_what_was_seen(void)
{
    size_t len;
    struct mw_ring *ring = new_ring((size_t)8 * MB);
    (void)fill(ring, NEAR, 'a');
    (void)mw_ring_peek(ring, &len); /* the length is what is asked for */
    CHECK_INT(len, NEAR);
    (void)fill(ring, 5, 'b');
    CHECK_INT(mw_ring_used(ring), NEAR + 5);
    mw_ring_consume(ring, len);
    CHECK_INT(mw_ring_used(ring), 5);
    check_next(ring, 5, 'b');
    mw_ring_free(ring);
}

/* Any mixture of pieces read and written. */
static void many_pieces(void)
{
    struct mw_ring *ring = new_ring((size_t)PAGE * 2);
    uint64_t written = 0, read = 0, refused = 0;
    for (uint64_t step = 0; step < 30000; step++) {
        if (mixed(step ^ 0x5eed) % 2) {
            int done = write_piece(ring, written);
            written += (uint64_t)done;
            refused += !done;
        } else {
            read += (uint64_t)read_piece(ring, read);
        }
    }
    while (read_piece(ring, read))
        read++;
    CHECK_INT(read, written);
    CHECK(refused > 100); /* it was full, and it was empty */
    mw_ring_free(ring);
}

/* Two threads: also run under ThreadSanitizer (`make tsan`). */
enum { THREAD_PIECES = 10000 };

static void *write_all(void *arg)
{
    for (uint64_t n = 0; n < THREAD_PIECES;)
        if (write_piece(arg, n))
            n++;
        else
            (void)sched_yield(); /* cannot fail on Linux */
    return NULL;
}

static void two_threads(void)
{
    pthread_t writer;
    struct mw_ring *ring = new_ring((size_t)PAGE * 512); /* 2 MB, and 64 kB while it is read */
    if (pthread_create(&writer, NULL, write_all, ring) != 0)
        abort();
    for (uint64_t n = 0; n < THREAD_PIECES;)
        if (read_piece(ring, n))
            n++;
        else
            (void)sched_yield();      /* cannot fail on Linux */
    (void)pthread_join(writer, NULL); /* fails only for a thread that is none */
    CHECK_INT(read_piece(ring, THREAD_PIECES), 0);
    mw_ring_free(ring);
}

/* Writes pieces from number n on, for ever. */
static pid_t fork_writer(struct mw_ring *ring, uint64_t n)
{
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to Linux: cannot fail */
        for (;;)
            n += (uint64_t)write_piece(ring, n);
    }
    if (child < 0)
        abort();
    return child;
}

/* A writer is killed wherever it is; the next one goes on behind what was committed. */
static void killed_writers(void)
{
    struct mw_ring *ring = new_ring((size_t)PAGE * 512);
    uint64_t read = 0;
    for (uint64_t kill_number = 0; kill_number < 100; kill_number++) {
        uint64_t until = read + 1 + mixed(kill_number) % 100;
        pid_t writer = fork_writer(ring, read);
        while (read < until)
            read += (uint64_t)read_piece(ring, read);
        CHECK_INT(kill(writer, SIGKILL), 0);
        CHECK_INT(waitpid(writer, NULL, 0), writer);
        while (read_piece(ring, read))
            read++;
    }
    CHECK(read >= 100);
    mw_ring_free(ring);
}

/* A reader that is another process: the guardian's place, seen from the runtime. */
static void a_reader_in_another_process(void)
{
    enum { PIECES = 3000 };
    struct mw_ring *ring = new_ring((size_t)PAGE * 4);
    int status = -1;
    pid_t reader = fork();
    if (reader == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to Linux: cannot fail */
        for (uint64_t n = 0; n < PIECES;)
            n += (uint64_t)read_piece(ring, n);
        _exit(test_failures ? 1 : 0);
    }
    CHECK(reader > 0);
    for (uint64_t n = 0; n < PIECES;)
        n += (uint64_t)write_piece(ring, n);
    CHECK_INT(waitpid(reader, &status, 0), reader);
    CHECK_INT(status, 0);
    mw_ring_free(ring);
}

/* A writer that dies wildly may write over the ends: the reader stays inside of its memory. */
static void spoiled_ends(void)
{
    size_t len, sum = 0;
    struct mw_ring *ring = new_ring(PAGE);
    mw_ring_commit(ring, (size_t)PAGE * 1000 + 5);
    const unsigned char *in = mw_ring_peek(ring, &len);
    CHECK_INT(len, PAGE);
    for (size_t i = 0; i < len; i++)
        sum += in[i];
    CHECK_INT(sum, 0);
    mw_ring_free(ring);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"a ring is empty, and full to the last byte", empty_and_full},
        {"a size is rounded up, and one that cannot be is an error", sizes},
        {"its memory is left out of core dumps", not_dumped},
        {"only what was committed is seen", only_what_is_committed},
        {"a piece over the ring's end is in one piece", in_one_piece_over_the_end},
        {"a reader that keeps up lets the ring stay small", in_a_small_part_of_the_memory},
        {"nothing overtakes what had no room in the small part", nothing_overtakes},
        {"what is consumed is of the piece that was seen", consumed_is_what_was_seen},
        {"pieces come out as they went in, full or empty", many_pieces},
        {"pieces of another thread come whole and in order", two_threads},
        {"a killed writer leaves whole pieces, and its successor goes on", killed_writers},
        {"pieces for another process come whole and in order", a_reader_in_another_process},
        {"ends that are spoiled lead nobody out of the memory", spoiled_ends},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
