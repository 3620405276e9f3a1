/* recorded.h: a recorder whose records the test takes out one by one. */
#ifndef MW_RECORDED_H
#define MW_RECORDED_H

#include "record.h"
#include "test.h"

#include <stdlib.h>

static struct mw_ring *recorded_ring;

static bool never_full(void *arg, bool is_first)
{
    (void)arg;
    (void)is_first;
    return false;
}

static inline struct mw_recorder *open_recorder(void)
{
    struct mw_err failure;
    struct mw_recorder_options options = {.on_full = never_full};
    struct mw_recorder *recorder = NULL;
    recorded_ring = options.ring = mw_ring_new(1 << 20, &failure);
    if (!options.ring || !(recorder = mw_recorder_new(&options, &failure)))
        abort();
    return recorder;
}

static inline void close_recorder(struct mw_recorder *recorder)
{
    mw_recorder_free(recorder);
    mw_ring_free(recorded_ring);
}

/* The next record must be of this kind and have these texts in data and text. */
static inline void check_recorded(int line, unsigned kind, uint64_t id, int64_t num,
                                  const char *data, const char *text)
{
    size_t len;
    const void *bytes = mw_ring_peek(recorded_ring, &len);
    const struct mw_record *r = mw_record_at(bytes, len);
    if (r && r->kind == kind && r->id == id && r->num == num && r->data_len == strlen(data) &&
        r->text_len == strlen(text) && memcmp(mw_record_data(r), data, r->data_len) == 0 &&
        memcmp(mw_record_text(r), text, r->text_len) == 0) {
        mw_ring_consume(recorded_ring, r->size);
        return;
    }
    printf("%s:%d: expected a record %s %d %d \"%s\" \"%s\", got ", __FILE__, line,
           mw_record_name(kind), (int)id, (int)num, data, text);
    if (r)
        printf("%s %d %d \"%.*s\" \"%.*s\"\n", mw_record_name(r->kind), (int)r->id, (int)r->num,
               (int)r->data_len, mw_record_data(r), (int)r->text_len, mw_record_text(r));
    else
        printf("none\n");
    if (r)
        mw_ring_consume(recorded_ring, r->size);
    test_failures++;
}
#define CHECK_RECORDED(kind, id, num, data, text)                                                  \
    check_recorded(__LINE__, kind, id, num, data, text)

/* The next record must be of this kind, its text begins so and has that in it; the text may have a
 * random key. */
static inline void check_recorded_like(int line, unsigned kind, uint64_t id, int64_t num,
                                       const char *begins, const char *part)
{
    size_t len;
    const void *bytes = mw_ring_peek(recorded_ring, &len);
    const struct mw_record *r = mw_record_at(bytes, len);
    const char *text = r ? mw_record_text(r) : "";
    size_t text_len = r ? r->text_len : 0;
    if (!r || r->kind != kind || r->id != id || r->num != num || text_len < strlen(begins) ||
        memcmp(text, begins, strlen(begins)) != 0 || !memmem(text, text_len, part, strlen(part))) {
        printf("%s:%d: expected a record %s %d %d \"%s...%s...\", got %s %d %d \"%.*s\"\n",
               __FILE__, line, mw_record_name(kind), (int)id, (int)num, begins, part,
               r ? mw_record_name(r->kind) : "none", r ? (int)r->id : 0, r ? (int)r->num : 0,
               (int)text_len, text);
        test_failures++;
    }
    if (r)
        mw_ring_consume(recorded_ring, r->size);
}
#define CHECK_RECORDED_LIKE(kind, id, num, begins, part)                                           \
    check_recorded_like(__LINE__, kind, id, num, begins, part)

static inline void check_no_more_recorded(void)
{
    size_t len;
    (void)mw_ring_peek(recorded_ring, &len); /* the length is what is asked for */
    CHECK_INT(len, 0);
}

#endif
