/* record_state.h: a recorder, and the steps of writing a record: room, head, commit. They are
 * compiled into what writes records (record.c, record_order.c), for an event makes four of them.
 * Others use record.h. */
#ifndef MW_RECORD_STATE_H
#define MW_RECORD_STATE_H

#include "host.h"
#include "record.h"
#include "ring_state.h"

#include <string.h>

enum { MW_RECORD_ALIGN = 8 };

/* Of the last fill. */
struct mw_fee_names {
    uint16_t assets[MW_FEES_MAX];
    unsigned count;
    size_t len;
    char text[MW_FEES_MAX * (MW_ASSET_NAME_MAX + 1)];
};

struct mw_recorder {
    struct mw_ring *ring;
    bool (*on_full)(void *arg, bool is_first);
    void *arg;
    size_t limit; /* of one record */
    uint64_t number, event;
    int64_t event_time_ns, waited_ns; /* waited: not told yet */
    bool is_waiting, is_lost;
    struct mw_fee_names names;
};

static inline uint64_t mw_record_size(uint64_t data_len, uint64_t text_len)
{
    return (sizeof(struct mw_record) + data_len + text_len + MW_RECORD_ALIGN - 1) /
           MW_RECORD_ALIGN * MW_RECORD_ALIGN;
}

/* Asks until there is room; NULL: there will be none. */
void *mw_record_wait(struct mw_recorder *recorder, size_t size);
/* An alarm for the time that was lost by waiting. */
void mw_record_tell_waiting(struct mw_recorder *recorder);

/* Records of what an event did are of its time; what leaves the process has its own. */
static inline bool mw_record_has_events_time(unsigned kind)
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

/* Room for so many bytes of records; NULL: they are lost. */
static inline void *mw_record_reserve(struct mw_recorder *recorder, size_t size)
{
    void *room = mw_ring_claim(recorder->ring, size);
    return room ? room : mw_record_wait(recorder, size);
}

/* The head of a record of these lengths; flags, id and numbers are 0 and for the caller to set. It
 * is made where it stands: to copy what was just written in pieces costs more than to write it. */
static inline struct mw_record *mw_record_put_head(struct mw_recorder *recorder, void *room,
                                                   unsigned kind, size_t data_len, size_t text_len)
{
    struct mw_record *r = room;
    uint64_t size = mw_record_size(data_len, text_len);
    /* What data and text do not reach stays 0. */
    memset((char *)room + size - MW_RECORD_ALIGN, 0, MW_RECORD_ALIGN);
    r->size = (uint32_t)size;
    r->kind = (uint16_t)kind;
    r->flags = 0;
    r->number = ++recorder->number;
    r->event = recorder->event;
    r->time_ns = recorder->event && (kind < MW_EVENT_COUNT || mw_record_has_events_time(kind))
                     ? recorder->event_time_ns
                     : mw_host_clock_ns();
    r->id = 0;
    r->num = r->num2 = 0;
    r->data_len = (uint32_t)data_len;
    r->text_len = (uint32_t)text_len;
    return r;
}

/* So many bytes of records are whole. */
static inline void mw_record_commit(struct mw_recorder *recorder, size_t size)
{
    mw_ring_publish(recorder->ring, size);
    if (recorder->waited_ns)
        mw_record_tell_waiting(recorder);
}

#endif
