#include "record.h"
#include "record_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE_LIMIT = 1 << 30, RING_MIN = 1 << 18 };

_Static_assert(sizeof(struct mw_record) == 64, "part of the journal's format");

/* Reading -------------------------------------------------------------------------------------- */

const char *mw_record_name(unsigned kind)
{
#define MW_RECORD_NAME(kind, carries) #kind,
    static const char *const names[] = {MW_RECORD_KINDS(MW_RECORD_NAME)};
    if (kind > MW_RECORD_first && kind < MW_RECORD_end)
        return names[kind - MW_RECORD_first - 1];
    return mw_event_name(kind);
}

const char *mw_record_data(const struct mw_record *r)
{
    return (const char *)(r + 1);
}

const char *mw_record_text(const struct mw_record *r)
{
    return mw_record_data(r) + r->data_len;
}

const struct mw_record *mw_record_at(const void *bytes, size_t len)
{
    const struct mw_record *r = bytes;
    if (len < sizeof *r || (uintptr_t)bytes % MW_RECORD_ALIGN != 0)
        return NULL;
    return r->size <= len && r->number && r->size == mw_record_size(r->data_len, r->text_len)
               ? r
               : NULL;
}

/* The recorder --------------------------------------------------------------------------------- */

struct mw_recorder *mw_recorder_new(const struct mw_recorder_options *options, struct mw_err *err)
{
    struct mw_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder) {
        mw_err_set(err, "recorder: out of memory");
        return NULL;
    }
    size_t quarter = mw_ring_size(options->ring) / 4;
    if (quarter < RING_MIN / 4) {
        mw_err_set(err, "recorder: a ring of %zu bytes: %d at least", 4 * quarter, RING_MIN);
        free(recorder);
        return NULL;
    }
    recorder->ring = options->ring;
    recorder->on_full = options->on_full;
    recorder->arg = options->arg;
    recorder->limit = quarter < SIZE_LIMIT ? quarter : SIZE_LIMIT;
    return recorder;
}

void mw_recorder_free(struct mw_recorder *recorder)
{
    free(recorder);
}

/* What is recorded on the way would ask again: it is not recorded. */
void *mw_record_wait(struct mw_recorder *recorder, size_t size)
{
    void *room = NULL;
    bool is_first = true;
    if (recorder->is_lost || recorder->is_waiting)
        return NULL;
    int64_t began_ns = mw_host_clock_ns();
    recorder->is_waiting = true;
    while (!recorder->is_lost && !(room = mw_ring_claim(recorder->ring, size))) {
        recorder->is_lost = !recorder->on_full(recorder->arg, is_first);
        is_first = false;
    }
    recorder->is_waiting = false;
    recorder->waited_ns += mw_host_clock_ns() - began_ns;
    return room;
}

/* Cuts the lengths to what fits: the text has half of the room, or what the data leaves. Returns
 * what flags say of it. */
static unsigned cut(const struct mw_recorder *recorder, size_t *data_len, size_t *text_len)
{
    size_t room = recorder->limit - sizeof(struct mw_record), half = room / 2;
    if (*data_len <= room && *text_len <= room - *data_len)
        return 0;
    size_t for_text = *data_len < half ? room - *data_len : half;
    *text_len = *text_len < for_text ? *text_len : for_text;
    *data_len = *data_len < room - *text_len ? *data_len : room - *text_len;
    return MW_RECORD_CUT;
}

/* Not when that would wait again: then at the next record. */
void mw_record_tell_waiting(struct mw_recorder *recorder)
{
    char text[128];
    int len = snprintf(text, sizeof text, "ring full: waited %" PRId64 " ms for the journal",
                       recorder->waited_ns / 1000000);
    struct mw_record alarm = {.kind = MW_RECORD_alarm, .text_len = (uint32_t)len};
    if (!mw_ring_claim(recorder->ring, mw_record_size(0, alarm.text_len)))
        return;
    recorder->waited_ns = 0;
    mw_record_put(recorder, &alarm, NULL, text);
}

/* `fields`: kind, flags, id, num and num2 of it count. */
static void write_one(struct mw_recorder *recorder, const struct mw_record *fields,
                      const void *data, size_t data_len, const void *text, size_t text_len)
{
    unsigned flags = fields->flags | cut(recorder, &data_len, &text_len);
    void *room = mw_record_reserve(recorder, mw_record_size(data_len, text_len));
    if (!room)
        return;
    struct mw_record *r = mw_record_put_head(recorder, room, fields->kind, data_len, text_len);
    r->flags = (uint16_t)flags;
    r->id = fields->id;
    r->num = fields->num;
    r->num2 = fields->num2;
    char *out = (char *)(r + 1);
    if (data_len)
        memcpy(out, data, data_len);
    if (text_len)
        memcpy(out + data_len, text, text_len);
    mw_record_commit(recorder, r->size);
}

void mw_record_event(struct mw_recorder *recorder, const struct mw_event *event)
{
    if (!recorder)
        return;
    struct mw_record fields = {
        .kind = (uint16_t)event->kind,
        .id = event->id,
        .num = event->num,
        .num2 = event->num2,
    };
    recorder->event = event->seq;
    recorder->event_time_ns = event->time_ns;
    bool has_data = event->data && !event->is_secret, has_text = event->text && !event->is_secret;
    write_one(recorder, &fields, event->data, has_data ? event->len : 0, event->text,
              has_text ? event->text_len : 0);
}

void mw_record_event_end(struct mw_recorder *recorder)
{
    if (recorder)
        recorder->event = 0;
}

void mw_record_put(struct mw_recorder *recorder, const struct mw_record *fields, const void *data,
                   const void *text)
{
    if (recorder)
        write_one(recorder, fields, data, data ? fields->data_len : 0, text,
                  text ? fields->text_len : 0);
}
