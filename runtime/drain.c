#include "drain.h"
#include "record.h"

#include <stdio.h>

#define SECOND INT64_C(1000000000)

enum {
    STEP_BYTES = 1024 * 1024, /* so that the guardian looks up in between; fits into the caches */
    LITTLE_BYTES = 256 * 1024,
    LINE = 64, /* of the caches */
    AHEAD = 2048,
    FLOOD_BYTES = 8 * 1024,  /* in a ms: the processors have other things to do than to draw rows */
    POUR_BYTES = 128 * 1024, /* in a ms: would soon fill what of the ring is in the caches */
};
static const int64_t MS = 1000000, FLOOD_ENDS_NS = 20000000;

static void set_state(struct mw_drain *drain, enum mw_journal_state state, const char *problem)
{
    struct mw_shared *shared = drain->shared;
    /* A long text is cut, by design. */
    (void)snprintf(shared->journal_problem, sizeof shared->journal_problem, "%.*s",
                   (int)sizeof shared->journal_problem - 1, problem);
    atomic_store_explicit(&shared->journal_state, state, memory_order_release);
}

static void fail(struct mw_drain *drain, int64_t now_ns, const struct mw_err *err)
{
    bool is_new = !drain->is_failing;
    drain->is_failing = true;
    drain->retry_ns = now_ns + SECOND;
    set_state(drain, MW_JOURNAL_FAILING, err->text);
    if (!is_new && now_ns - drain->said_ns < 60 * SECOND)
        return;
    drain->said_ns = now_ns;
    mw_logf(drain->log, MW_LOG_ERROR, "the journal cannot be written: %s", err->text);
}

static void recover(struct mw_drain *drain)
{
    if (!drain->is_failing)
        return;
    drain->is_failing = false;
    set_state(drain, MW_JOURNAL_OK, "");
    mw_logf(drain->log, MW_LOG_WARN, "the journal can be written again; nothing was lost");
}

int mw_drain_open(struct mw_drain *drain, const struct mw_journal_options *options,
                  struct mw_err *err)
{
    drain->journal = mw_journal_open(options, err);
    if (drain->journal && err->text[0])
        mw_logf(drain->log, MW_LOG_ERROR, "%s", err->text); /* it is a new one: why */
    return drain->journal ? 0 : -1;
}

void mw_drain_close(struct mw_drain *drain)
{
    mw_journal_close(drain->journal);
    drain->journal = NULL;
    drain->written = 0; /* what was not committed is still in the ring */
}

void mw_drain_pause(struct mw_drain *drain)
{
    if (drain->journal)
        mw_journal_pause(drain->journal);
}

/* Of `len` bytes so many that are whole records and not more than a step; 0 when they are none. */
static size_t cut(const char *bytes, size_t len)
{
    size_t used = 0, fetched = 0;
    while (used < len && used < STEP_BYTES) {
        const struct mw_record *record = mw_record_at(bytes + used, len - used);
        if (!record)
            break;
        used += record->size;
        /* The writer's processor has these lines: all are needed, and one look does not wait. */
        for (; fetched < used + AHEAD && fetched < len; fetched += LINE)
            __builtin_prefetch(bytes + fetched);
    }
    return used;
}

static void consume(struct mw_drain *drain, size_t len)
{
    mw_ring_consume(drain->ring, len);
    drain->consumed += len;
}

/* The next records into the transaction. -1: they could not be written. */
static int write_some(struct mw_drain *drain, struct mw_err *err)
{
    size_t len;
    char *bytes = mw_ring_peek(drain->ring, &len);
    size_t used = cut(bytes, len);
    if (len && !used) {
        mw_logf(drain->log, MW_LOG_ERROR, "%zu bytes in the ring are no records: dropped", len);
        consume(drain, len);
        return 0;
    }
    if (!used)
        return 0;
    if (mw_journal_write(drain->journal, bytes, used, err) < 0)
        return -1;
    drain->written = used;
    return 0;
}

/* How much has come since the last step. */
static void gauge(struct mw_drain *drain, int64_t now_ns)
{
    uint64_t sum = drain->consumed + mw_ring_used(drain->ring);
    int64_t ms = (now_ns - drain->looked_ns) / MS;
    uint64_t in_a_ms = (sum - drain->seen) / (uint64_t)(ms > 1 ? ms : 1);
    if (in_a_ms > FLOOD_BYTES)
        drain->flooded_ns = now_ns;
    drain->is_pouring = in_a_ms > POUR_BYTES;
    drain->is_flooded = drain->flooded_ns && now_ns - drain->flooded_ns < FLOOD_ENDS_NS;
    drain->looked_ns = now_ns;
    drain->seen = sum;
}

/* What the journal put off, when there is time for it. -1: it failed. */
static int tidy(struct mw_drain *drain, struct mw_err *err)
{
    int result = 0;
    do {
        drain->has_more = mw_ring_used(drain->ring) > LITTLE_BYTES;
        bool is_quiet = !drain->has_more && !drain->is_flooded;
        if (is_quiet || mw_journal_is_behind(drain->journal))
            result = mw_journal_tidy(drain->journal, err);
    } while (result > 0 && mw_journal_is_behind(drain->journal));
    drain->has_more = drain->has_more || result > 0;
    return result < 0 ? -1 : 0;
}

static int step(struct mw_drain *drain, struct mw_err *err)
{
    if ((!drain->written && write_some(drain, err) < 0) ||
        (drain->written && mw_journal_commit(drain->journal, err) < 0))
        return -1;
    consume(drain, drain->written);
    return 0;
}

bool mw_drain_step(struct mw_drain *drain, int64_t now_ns)
{
    struct mw_err err = {""}, later = {""};
    drain->has_more = drain->is_flooded = drain->is_pouring = false;
    if (!drain->journal || (drain->is_failing && now_ns < drain->retry_ns))
        return false;
    gauge(drain, now_ns);
    if (step(drain, &err) < 0) {
        fail(drain, now_ns, &err);
        return false;
    }
    bool any = drain->written > 0;
    drain->written = 0;
    if (err.text[0] && now_ns - drain->said_ns >= 60 * SECOND) {
        drain->said_ns = now_ns;
        mw_logf(drain->log, MW_LOG_WARN, "%s", err.text); /* written, but beyond its limits */
    }
    if (tidy(drain, &later) < 0)
        fail(drain, now_ns, &later);
    else
        recover(drain);
    return any;
}

void mw_drain_all(struct mw_drain *drain, int64_t now_ns)
{
    struct mw_err err;
    while (mw_drain_step(drain, now_ns))
        continue;
    if (drain->journal && !drain->is_failing && mw_journal_draw(drain->journal, &err) < 0)
        fail(drain, now_ns, &err);
}

void mw_drain_end_run(struct mw_drain *drain, const char *how)
{
    struct mw_err err;
    if (drain->journal && !drain->is_failing && mw_journal_end_run(drain->journal, how, &err) < 0)
        mw_logf(drain->log, MW_LOG_ERROR, "the journal cannot be written: %s", err.text);
}

double mw_drain_level(const struct mw_drain *drain)
{
    if (!drain->journal)
        return 0;
    return (double)mw_ring_used(drain->ring) / (double)mw_ring_size(drain->ring);
}
