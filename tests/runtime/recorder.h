/* recorder.h: a recorder with its ring, and what it has written. */
#ifndef MW_TEST_RECORDER_H
#define MW_TEST_RECORDER_H

#include "record.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { RING = 1 << 18 };

static struct mw_err err;
static struct mw_ring *ring;
static struct mw_recorder *recorder;
static int full_calls, full_firsts, full_limit; /* of on_full; the limit: then the reader is dead */

/* The reader is a call away: it takes everything. */
static inline bool on_full(void *arg, bool is_first)
{
    size_t len;
    struct mw_record line = {.kind = MW_RECORD_log, .text_len = 4};
    full_calls++;
    full_firsts += is_first;
    mw_record_put(arg ? *(struct mw_recorder **)arg : NULL, &line, NULL, "full");
    if (full_calls == full_limit)
        return false;
    while (full_calls % 3 == 0 && mw_ring_used(ring)) { /* only when it is asked again and again */
        (void)mw_ring_peek(ring, &len);                 /* the length is what is asked for */
        mw_ring_consume(ring, len);
    }
    return true;
}

static inline void begin_test(void)
{
    struct mw_recorder_options options = {.on_full = on_full, .arg = &recorder};
    full_calls = full_firsts = full_limit = 0;
    ring = mw_ring_new(RING, &err);
    if (!ring)
        abort();
    options.ring = ring;
    recorder = mw_recorder_new(&options, &err);
    if (!recorder)
        abort();
}

static inline void end_test(void)
{
    mw_recorder_free(recorder);
    mw_ring_free(ring);
}

/* The oldest record that was not taken, or one that is nothing like any. */
static inline const struct mw_record *take(void)
{
    static const struct mw_record none;
    size_t len;
    const void *bytes = mw_ring_peek(ring, &len);
    const struct mw_record *r = mw_record_at(bytes, len);
    CHECK(r != NULL);
    if (!r)
        return &none;
    mw_ring_consume(ring, r->size); /* its bytes stay until something is written over them */
    return r;
}

/* Item `n` of a list of texts; "(none)" behind its end. */
static inline const char *item(const struct mw_record *r, int n)
{
    const char *at = mw_record_text(r), *end = at + r->text_len;
    for (; at < end; n--, at += strlen(at) + 1)
        if (n == 0)
            return at;
    return "(none)";
}

#endif
