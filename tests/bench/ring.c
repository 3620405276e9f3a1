/* How fast the runtime records: events of 600 bytes into the ring, while another process walks the
 * records and consumes them, against memcpy of the same bytes into as much memory. Both take turns;
 * prints the medians as one line of JSON. */
#include "record.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RING = 64 << 20,
    RECORD = 600,
    MESSAGE = RECORD - sizeof(struct mw_record),
    SOURCES = 64, /* messages come from memory that was just written */
    RECORDS = 300000,
    TURNS = 7,
};

static char sources[SOURCES][RECORD];
static unsigned long waits;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As the guardian: every record's head is read. Until it is killed. */
static void consume_all(struct mw_ring *ring)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to Linux: cannot fail */
    for (;;) {
        size_t len, at = 0;
        const char *bytes = mw_ring_peek(ring, &len);
        for (const struct mw_record *r; (r = mw_record_at(bytes + at, len - at)); at += r->size)
            continue;
        mw_ring_consume(ring, at);
    }
}

static bool wait_for_reader(void *arg, bool is_first)
{
    (void)arg;
    waits += is_first;
    return true;
}

static double record_all(struct mw_recorder *recorder)
{
    double began = now();
    for (uint64_t i = 1; i <= RECORDS; i++) {
        struct mw_event event = {
            .kind = MW_EVENT_ws_message,
            .seq = i,
            .time_ns = (int64_t)i,
            .id = 1,
            .num = 1,
            .data = sources[i % SOURCES],
            .len = MESSAGE,
        };
        mw_record_event(recorder, &event);
    }
    return now() - began;
}

static double copy_all(char *to)
{
    double began = now();
    for (size_t i = 0, at = 0; i < RECORDS; i++, at += RECORD) {
        if (at > RING - RECORD)
            at = 0;
        memcpy(to + at, sources[i % SOURCES], RECORD);
        __asm__ volatile("" : : "r"(to) : "memory"); /* every copy is made */
    }
    return now() - began;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, TURNS, sizeof *values, by_size);
    return values[TURNS / 2];
}

static void measure(struct mw_recorder *recorder, char *to)
{
    double recorded[TURNS], copied[TURNS];
    (void)record_all(recorder); /* the first turn of each meets memory that nobody has touched */
    (void)copy_all(to);
    for (int turn = 0; turn < TURNS; turn++) {
        recorded[turn] = record_all(recorder);
        copied[turn] = copy_all(to);
    }
    double record = median(recorded), copy = median(copied), bytes = (double)RECORDS * RECORD;
    printf("{\"records_per_second\": %.0f, \"ns_per_record\": %.1f, \"gb_per_second\": %.2f, "
           "\"memcpy_gb_per_second\": %.2f, \"waits\": %lu}\n",
           RECORDS / record, record / RECORDS * 1e9, bytes / record / 1e9, bytes / copy / 1e9,
           waits);
}

int main(void)
{
    struct mw_err err;
    struct mw_ring *ring = mw_ring_new(RING, &err);
    struct mw_recorder_options options = {.ring = ring, .on_full = wait_for_reader};
    struct mw_recorder *recorder = ring ? mw_recorder_new(&options, &err) : NULL;
    char *to = malloc(RING);
    pid_t reader = recorder && to ? fork() : -1;
    if (reader == 0)
        consume_all(ring);
    if (reader > 0) {
        memset(sources, 'm', sizeof sources);
        measure(recorder, to);
        (void)kill(reader, SIGKILL); /* our own child */
        (void)waitpid(reader, NULL, 0);
    }
    free(to);
    mw_recorder_free(recorder);
    mw_ring_free(ring);
    return reader > 0 ? 0 : 1;
}
