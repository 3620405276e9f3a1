#include "record.h"
#include "host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGN = 8,
    WORDS_MAX = 10,
    WORD_MAX = 4096,
    SIZE_LIMIT = 1 << 30,
    RING_MIN = 1 << 18,
    DIGITS_MAX = 20
};

_Static_assert(sizeof(struct mw_record) == 64, "part of the journal's format");

struct mw_recorder {
    struct mw_ring *ring;
    bool (*on_full)(void *arg, bool is_first);
    void *arg;
    size_t limit; /* of one record */
    uint64_t number, event;
    int64_t event_time_ns, waited_ns; /* waited: not told yet */
    bool is_waiting, is_lost;
};

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

static uint64_t size_of(uint64_t data_len, uint64_t text_len)
{
    return (sizeof(struct mw_record) + data_len + text_len + ALIGN - 1) / ALIGN * ALIGN;
}

const struct mw_record *mw_record_at(const void *bytes, size_t len)
{
    const struct mw_record *r = bytes;
    if (len < sizeof *r || (uintptr_t)bytes % ALIGN != 0)
        return NULL;
    return r->size <= len && r->number && r->size == size_of(r->data_len, r->text_len) ? r : NULL;
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

/* Asks until there is room. What is recorded on the way would ask again: it is not recorded. */
static void *wait_for_room(struct mw_recorder *recorder, size_t size)
{
    void *room = NULL;
    bool is_first = true;
    if (recorder->is_lost || recorder->is_waiting)
        return NULL;
    int64_t began_ns = mw_host_clock_ns();
    recorder->is_waiting = true;
    while (!recorder->is_lost && !(room = mw_ring_reserve(recorder->ring, size))) {
        recorder->is_lost = !recorder->on_full(recorder->arg, is_first);
        is_first = false;
    }
    recorder->is_waiting = false;
    recorder->waited_ns += mw_host_clock_ns() - began_ns;
    return room;
}

/* Records of what an event did are of its time; what leaves the process has its own. */
static bool has_events_time(unsigned kind)
{
    switch (kind) {
    case MW_RECORD_order:
    case MW_RECORD_order_status:
    case MW_RECORD_fill:
    case MW_RECORD_session:
    case MW_RECORD_dropped:
    case MW_RECORD_persist:
    case MW_RECORD_told:
        return true;
    default:
        return false;
    }
}

/* Room for a record whose lengths are set (text_len last), its head written and zeros at its end;
 * returns where its data begins. NULL: it is lost. */
static char *begin(struct mw_recorder *recorder, struct mw_record *head)
{
    head->size = (uint32_t)size_of(head->data_len, head->text_len);
    struct mw_record *room = mw_ring_reserve(recorder->ring, head->size);
    if (!room && !(room = wait_for_room(recorder, head->size)))
        return NULL;
    head->number = ++recorder->number;
    head->event = recorder->event;
    head->time_ns = recorder->event_time_ns;
    if (!recorder->event || (head->kind >= MW_EVENT_COUNT && !has_events_time(head->kind)))
        head->time_ns = mw_host_clock_ns();
    memset((char *)room + head->size - ALIGN, 0, ALIGN); /* what data does not reach stays 0 */
    *room = *head;
    return (char *)(room + 1);
}

/* Sets the lengths, of what fits: the text has half of the room, or what the data leaves. */
static void set_lengths(const struct mw_recorder *recorder, struct mw_record *head, size_t data_len,
                        size_t text_len)
{
    size_t room = recorder->limit - sizeof *head, half = room / 2;
    if (data_len > room || text_len > room - data_len) {
        size_t for_text = data_len < half ? room - data_len : half;
        text_len = text_len < for_text ? text_len : for_text;
        data_len = data_len < room - text_len ? data_len : room - text_len;
        head->flags |= MW_RECORD_CUT;
    }
    head->data_len = (uint32_t)data_len;
    head->text_len = (uint32_t)text_len;
}

/* An alarm for the time that was lost. Not when that would wait again: then at the next record. */
static void tell_waiting(struct mw_recorder *recorder)
{
    char text[128];
    int len = snprintf(text, sizeof text, "ring full: waited %" PRId64 " ms for the journal",
                       recorder->waited_ns / 1000000);
    struct mw_record alarm = {.kind = MW_RECORD_alarm, .text_len = (uint32_t)len};
    if (!mw_ring_reserve(recorder->ring, size_of(0, alarm.text_len)))
        return;
    recorder->waited_ns = 0;
    mw_record_put(recorder, &alarm, NULL, text);
}

static void commit(struct mw_recorder *recorder, const struct mw_record *head)
{
    mw_ring_commit(recorder->ring, head->size);
    if (recorder->waited_ns)
        tell_waiting(recorder);
}

static void write_one(struct mw_recorder *recorder, struct mw_record *head, const void *data,
                      const void *text)
{
    char *out = begin(recorder, head);
    if (!out)
        return;
    if (data)
        memcpy(out, data, head->data_len);
    if (text)
        memcpy(out + head->data_len, text, head->text_len);
    commit(recorder, head);
}

void mw_record_event(struct mw_recorder *recorder, const struct mw_event *event)
{
    if (!recorder)
        return;
    struct mw_record head = {
        .kind = (uint16_t)event->kind,
        .id = event->id,
        .num = event->num,
        .num2 = event->num2,
    };
    recorder->event = event->seq;
    recorder->event_time_ns = event->time_ns;
    const char *data = event->is_secret ? NULL : event->data;
    const char *text = event->is_secret ? NULL : event->text;
    set_lengths(recorder, &head, data ? event->len : 0, text ? event->text_len : 0);
    write_one(recorder, &head, data, text);
}

void mw_record_event_end(struct mw_recorder *recorder)
{
    if (recorder)
        recorder->event = 0;
}

void mw_record_put(struct mw_recorder *recorder, const struct mw_record *fields, const void *data,
                   const void *text)
{
    if (!recorder)
        return;
    struct mw_record head = *fields;
    set_lengths(recorder, &head, data ? fields->data_len : 0, text ? fields->text_len : 0);
    write_one(recorder, &head, data, text);
}

/* Orders --------------------------------------------------------------------------------------- */

/* Copies a piece of data; returns the end. */
static char *put(char *out, const void *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

struct word {
    const char *at;
    size_t len;
};

/* NULL is an empty one. */
static struct word word_of(const char *text)
{
    return (struct word){text, text ? strnlen(text, WORD_MAX) : 0};
}

/* A record with `data_len` bytes of data, for the caller to write, and a list of words, which is
 * written here. Returns as begin does. */
static char *begin_list(struct mw_recorder *recorder, struct mw_record *head, size_t data_len,
                        const struct word *words, size_t count)
{
    size_t text_len = 0;
    for (size_t i = 0; i < count; i++) {
        if (words[i].len == WORD_MAX)
            head->flags |= MW_RECORD_CUT;
        text_len += words[i].len + 1;
    }
    head->data_len = (uint32_t)data_len;
    head->text_len = (uint32_t)text_len;
    char *data = begin(recorder, head);
    char *out = data ? data + data_len : NULL;
    for (size_t i = 0; out && i < count; i++) {
        if (words[i].len)
            out = put(out, words[i].at, words[i].len);
        *out++ = '\0';
    }
    return data;
}

void mw_record_order(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                     const struct mw_decimal *price, const struct mw_decimal *qty,
                     const struct mw_decimal *amount, const struct mw_order_words *words)
{
    static const struct mw_decimal none;
    if (!recorder)
        return;
    const struct word list[WORDS_MAX] = {
        word_of(words->client_order_id), word_of(words->order_id), word_of(words->venue),
        word_of(words->symbol),          word_of(words->side),     word_of(words->type),
        word_of(words->time_in_force),   word_of(words->status),   word_of(words->strategy),
        word_of(words->callback),
    };
    struct mw_record head = {.kind = MW_RECORD_order, .flags = (uint16_t)flags, .id = order};
    head.flags |= price ? MW_ORDER_FLAG_price : 0;
    head.flags |= qty ? MW_ORDER_FLAG_qty : 0;
    head.flags |= amount ? MW_ORDER_FLAG_amount : 0;
    char *data = begin_list(recorder, &head, 3 * sizeof none, list, WORDS_MAX);
    if (!data)
        return;
    data = put(data, price ? price : &none, sizeof none);
    data = put(data, qty ? qty : &none, sizeof none);
    (void)put(data, amount ? amount : &none, sizeof none); /* the last: its end is of no use */
    commit(recorder, &head);
}

void mw_record_order_status(struct mw_recorder *recorder, uint64_t order,
                            const struct mw_order_totals *totals, const char *status,
                            const char *order_id, const char *reason)
{
    if (!recorder)
        return;
    const struct word list[] = {word_of(status), word_of(order_id), word_of(reason)};
    struct mw_record head = {.kind = MW_RECORD_order_status, .id = order};
    char *data = begin_list(recorder, &head, sizeof totals->cum + sizeof totals->value, list, 3);
    if (!data)
        return;
    data = put(data, &totals->cum, sizeof totals->cum);
    (void)put(data, &totals->value, sizeof totals->value); /* the last */
    commit(recorder, &head);
}

/* Venues tell ms or us; a double of today's seconds has no more. 0: not told. */
static int64_t execution_time_ns(const struct mw_execution *x)
{
    return x->time > 0 && x->time < 9e9 ? (int64_t)(x->time * 1e6 + 0.5) * 1000 : 0;
}

/* A whole number at the end of the buffer; not by printf, which is slow. */
static struct word write_whole(char buf[static DIGITS_MAX], double number)
{
    char *at = buf + DIGITS_MAX;
    uint64_t left = number >= 0 && number < 9.2e18 ? (uint64_t)number : 0;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    return (struct word){at, (size_t)(buf + DIGITS_MAX - at)};
}

void mw_record_fill(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                    const struct mw_execution *x, const char *trade_id, double trade_number,
                    uint32_t number)
{
    char digits[DIGITS_MAX];
    if (!recorder)
        return;
    struct word list[1 + MW_FEES_MAX] = {word_of(trade_id)};
    if (!trade_id && trade_number > 0)
        list[0] = write_whole(digits, trade_number);
    size_t count = 1;
    for (unsigned i = 0; i < x->fee_count && i < MW_FEES_MAX; i++) {
        const char *name = mw_asset_name(x->assets[i]);
        list[count++] = (struct word){name, mw_asset_name_len(x->assets[i])};
    }
    struct mw_record head = {
        .kind = MW_RECORD_fill,
        .flags = (uint16_t)flags,
        .id = order,
        .num = execution_time_ns(x),
        .num2 = number,
    };
    char *data = begin_list(recorder, &head, sizeof *x, list, count);
    if (!data)
        return;
    (void)put(data, x, sizeof *x); /* the only piece */
    commit(recorder, &head);
}

void mw_record_told(struct mw_recorder *recorder, const char *strategy, double fill)
{
    if (!recorder)
        return;
    struct mw_record head = {
        .kind = MW_RECORD_told,
        .id = fill > 0 && fill < 9007199254740992.0 ? (uint64_t)fill : 0,
        .text_len = (uint32_t)strnlen(strategy, WORD_MAX),
    };
    write_one(recorder, &head, NULL, strategy);
}
