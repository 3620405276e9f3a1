/* How fast the guardian stores what a flood leaves in the ring: a frame of 680 bytes, a fill and an
 * order's status for each event, by mw_journal_write and mw_journal_commit on one core, then its
 * rows; and as many bytes by plain write to the same disk. Prints one line of JSON. */
#include "journal.h"
#include "record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 100000,
    STEP = 1 << 20, /* what drain.c hands over at once */
    FRAME = 680,
    ORDERS = 100,
};

static char path[256], frame[FRAME];
static struct mw_ring *ring;
static struct mw_recorder *recorder;

static double now(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); /* cannot fail for these clocks */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "journal: %s\n", what);
    exit(1);
}

static bool never_room(void *arg, bool is_first)
{
    (void)arg;
    (void)is_first;
    fail("the ring is full");
    return false;
}

static void make_frame(void)
{
    static const char words[] =
        "{\"eventType\":\"order_update\",\"order\":{\"orderId\":\"btcidr-limit-8231\",\"symbol\":"
        "\"btcidr\",\"side\":\"BUY\",\"origQty\":\"1000000\",\"executedQty\":\"0.001\",\"price\":"
        "\"1500000000\",\"status\":\"FILL\",\"transactionTime\":1700000000000,\"tradeId\":\"91\"}}"
        ",";
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = words[i % (sizeof words - 1)];
}

/* What one event leaves behind. */
static void record_event(uint64_t n)
{
    struct mw_execution x = {.liquidity = 1, .time = 1700000000.25};
    struct mw_order_totals totals = {0};
    struct mw_event event = {.kind = MW_EVENT_ws_message,
                             .seq = n,
                             .id = 1,
                             .num = 1,
                             .time_ns = 1700000000000000000 + (int64_t)n,
                             .data = frame,
                             .len = sizeof frame};
    (void)mw_decimal_parse(&x.qty, "0.001", 5); /* are decimals, all of them */
    (void)mw_decimal_parse(&x.price, "1500000000", 10);
    totals.cum = x.qty;
    totals.value = x.price;
    mw_record_event(recorder, &event);
    mw_record_fill(recorder, 1 + n % ORDERS, 0, &x, NULL, (double)n, (uint32_t)n + 1);
    mw_record_order_status(recorder, 1 + n % ORDERS, &totals, "partially_filled",
                           "btcidr-limit-8231", NULL);
    mw_record_event_end(recorder);
}

static void store(struct mw_journal *journal)
{
    struct mw_err err;
    size_t len;
    void *records = mw_ring_peek(ring, &len);
    if (mw_journal_write(journal, records, len, &err) < 0 || mw_journal_commit(journal, &err) < 0)
        fail(err.text);
    mw_ring_consume(ring, len);
}

struct figures {
    double store_cpu, store_seconds, draw_cpu, bytes, plain_seconds;
};

/* As many bytes as one file, until the disk has them. */
static double write_plainly(double bytes)
{
    static char block[STEP], name[300];
    (void)snprintf(name, sizeof name, "%s-plain", path); /* path is shorter */
    memset(block, 'm', sizeof block);
    double began = now(CLOCK_MONOTONIC);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t left = (size_t)(bytes / sizeof block); fd >= 0 && left > 0; left--)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            fail("a plain write failed");
    if (fd < 0 || fdatasync(fd) < 0 || close(fd) < 0)
        fail("a plain write failed");
    double took = now(CLOCK_MONOTONIC) - began;
    (void)unlink(name);
    return took;
}

static void remove_file(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[300];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]); /* path is shorter */
        (void)unlink(name);                                           /* there may be none */
    }
}

static void store_flood(struct mw_journal *journal, struct figures *f)
{
    size_t len;
    for (uint64_t n = 1; n <= EVENTS; n++) {
        record_event(n);
        (void)mw_ring_peek(ring, &len);
        if (len < STEP && n < EVENTS)
            continue;
        double cpu = now(CLOCK_PROCESS_CPUTIME_ID), began = now(CLOCK_MONOTONIC);
        store(journal);
        f->store_cpu += now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        f->store_seconds += now(CLOCK_MONOTONIC) - began;
        f->bytes += (double)len;
    }
}

static struct figures measure(void)
{
    struct figures f = {0};
    struct mw_err err;
    struct mw_journal_options options = {.path = path};
    remove_file();
    struct mw_journal *journal = mw_journal_open(&options, &err);
    if (!journal)
        fail(err.text);
    store_flood(journal, &f);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    if (mw_journal_draw(journal, &err) < 0)
        fail(err.text);
    f.draw_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    mw_journal_close(journal);
    f.plain_seconds = write_plainly(f.bytes);
    remove_file();
    return f;
}

int main(int argc, char **argv)
{
    struct mw_err err;
    ring = mw_ring_new(64 << 20, &err);
    struct mw_recorder_options options = {.ring = ring, .on_full = never_room};
    recorder = ring ? mw_recorder_new(&options, &err) : NULL;
    if (!recorder || argc != 2)
        fail(argc != 2 ? "usage: journal DIRECTORY" : err.text);
    (void)snprintf(path, sizeof path, "%.200s/journal.db", argv[1]); /* what is cut is not there */
    make_frame();
    struct figures f = measure();
    printf("{\"events_per_second\": %.0f, \"store_us\": %.2f, \"draw_us\": %.2f, "
           "\"mb_per_second\": %.0f, \"plain_mb_per_second\": %.0f}\n",
           EVENTS / f.store_cpu, f.store_cpu / EVENTS * 1e6, f.draw_cpu / EVENTS * 1e6,
           f.bytes / f.store_seconds / 1e6, f.bytes / f.plain_seconds / 1e6);
    mw_recorder_free(recorder);
    mw_ring_free(ring);
    return 0;
}
