/* record.h: what goes through the ring and, as it is, into the journal's chunks: one record for
 * each event that came in, each command that goes out, each change of an order. The runtime writes
 * it before it acts. A record is a fixed head, then `data`, then `text`, then zeros up to a
 * multiple of 8. A journal is read on the machine that wrote it: numbers are in the machine's
 * order. */
#ifndef MW_RECORD_H
#define MW_RECORD_H

#include "event.h"
#include "ring.h"
#include "tally.h"

#include <stdbool.h>

/* The kinds of event.h keep their numbers; these follow. X(kind, what it carries). A list of texts
 * is each text ended by NUL. */
#define MW_RECORD_KINDS(X)                                                                         \
    X(run, "a runtime starts: num: pid, num2: epoch of its client order ids; text: list: name,"    \
           " version, configuration's path")                                                       \
    X(ws_opening, "id: connection; text: url")                                                     \
    X(ws_send, "id: connection; data: the message; num: opcode")                                   \
    X(ws_closing, "id: connection; num: code; text: reason")                                       \
    X(http_request, "id: request; data: body; text: METHOD SP url")                                \
    X(order, "id: the order's number in this run; data: price, qty, amount as mw_decimal; text:"   \
             " list: client_order_id, order_id, venue, symbol, side, type, time_in_force, status," \
             " strategy, callback; flags: MW_ORDER_FLAG_")                                         \
    X(order_status, "id: order; data: mw_order_totals' cum, value; text: list: status, order_id,"  \
                    " reason")                                                                     \
    X(fill, "id: order; data: mw_execution; text: list: trade_id, name of each fee's asset;"       \
            " flags: MW_FILL_FLAG_; num: when at the venue, ns; num2: its number in this run")     \
    X(session, "text: list: venue, state, why")                                                    \
    X(log, "num: level; text: the line's message and fields")                                      \
    X(dropped, "text: list: strategy, callback, command, why")                                     \
    X(persist, "num: as told's id, of the fill that was told with it, 0: none; text: strategy,"    \
               " NUL, its self.state.persist as text")                                             \
    X(reload, "num: number of a version, 0: none; data: the text of its file; text: list: what,"   \
              " why, file, outcome")                                                               \
    X(console, "text: list: who, line")                                                            \
    X(alarm, "text: what")                                                                         \
    X(secret, "text: never stored: is masked in all that follows; flags: MW_SECRET_FLAG_")         \
    X(stop, "num: exit status; text: reason")                                                      \
    X(told, "a strategy has heard of its fills up to this one: id: its number in this run, or"     \
            " as `fills` of the journal has it, of an earlier run; text: strategy")                \
    X(ws_handshake, "id: connection; text: the head of our request, values of its own headers"     \
                    " hidden; or of the answer, values of cookies hidden; num: HTTP status of the" \
                    " answer, -1 for one without, 0 of our request")                               \
    X(http_cancel, "id: request, of which no http_done follows")                                   \
    X(seed, "num: a random number that Lua was given")                                             \
    X(file, "code or configuration was read, and is not as it was when it was read last: text: its"\
            " path; data: its text, or with num 0 why it could not be read")                       \
    X(lag, "the journal's tables did not have all of this run yet, when they were asked for")      \
    X(ws_lost, "id: connection, on which nothing is sent any more; the ws_send before this one"    \
               " failed; text: why")

#define MW_RECORD_ENUM(kind, carries) MW_RECORD_##kind,
enum mw_record_kind { MW_RECORD_first = 63, MW_RECORD_KINDS(MW_RECORD_ENUM) MW_RECORD_end };

enum {
    MW_ORDER_FLAG_price = 1, /* data has one */
    MW_ORDER_FLAG_qty = 2,
    MW_ORDER_FLAG_amount = 4,
    MW_ORDER_FLAG_external = 8,
    MW_ORDER_FLAG_estimate = 16, /* qty is an upper bound */
    MW_ORDER_FLAG_known = 32,    /* of an earlier run: found by its ids */
    MW_SECRET_FLAG_key = 1,      /* of the configuration: no session token pushes it out */
    MW_FILL_FLAG_amends = 1,     /* the price or the fees of a trade that was recorded before */
    MW_FILL_FLAG_estimate = 2,
    MW_FILL_FLAG_provisional = 4,
    MW_RECORD_FIRST = 0x4000, /* in a journal: the first one of a process; its numbers begin anew */
    MW_RECORD_CUT = 0x8000, /* of any kind: it was too large, the end of data or text is missing */
};

struct mw_record {
    uint32_t size; /* of all of it: head, data, text, zeros */
    uint16_t kind, flags;
    uint64_t number; /* 1, 2, 3, ... in one run */
    int64_t time_ns; /* UTC since 1970 */
    uint64_t event;  /* the event that was being handled: its cause; of an event itself, its seq */
    uint64_t id;
    int64_t num, num2;
    uint32_t data_len, text_len;
};

const char *mw_record_name(unsigned kind);             /* "ws_send"; also of events; "?" */
const char *mw_record_data(const struct mw_record *r); /* of a record in memory */
const char *mw_record_text(const struct mw_record *r);
/* The record at `bytes`, or NULL when what stands there is none or does not fit into `len`. Aligned
 * to 8 bytes, as in the ring; a list's last text may have lost its NUL when it was cut. */
const struct mw_record *mw_record_at(const void *bytes, size_t len);

/* The writer's side --------------------------------------------------------------------------- */

struct mw_recorder;

struct mw_recorder_options {
    struct mw_ring *ring; /* stays the caller's */
    /* The ring is full: called once, and then again and again until there is room. Returns false
     * when there will never be any (the reader is dead): what is recorded from then on is lost.
     * It must not log: a line may be what waits. */
    bool (*on_full)(void *arg, bool is_first);
    void *arg;
};

MW_MUST_USE struct mw_recorder *mw_recorder_new(const struct mw_recorder_options *options,
                                                struct mw_err *err);
void mw_recorder_free(struct mw_recorder *recorder); /* takes NULL */

/* Every writer takes NULL for the recorder: then nothing is recorded. Larger ones than a quarter of
 * the ring are cut (MW_RECORD_CUT), the data first. */
void mw_record_event(struct mw_recorder *recorder, const struct mw_event *event);
/* The event was handled: what is recorded until the next one has no event. */
void mw_record_event_end(struct mw_recorder *recorder);

/* Any other record; `fields` is copied but for size, number, time and event, which are set here:
 * what an event did to an order or a session is of the event's time, all else of its own. */
void mw_record_put(struct mw_recorder *recorder, const struct mw_record *fields, const void *data,
                   const void *text);

/* By FFI from order.lua, orders.lua: see the kinds. Texts end in NUL, are NULL for none, and are
 * cut at 4096 bytes. A price, qty or amount of NULL is none; the flags that say so are set here. */
struct mw_order_words {
    const char *client_order_id, *order_id, *venue, *symbol, *side, *type, *time_in_force, *status,
        *strategy, *callback;
};
void mw_record_order(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                     const struct mw_decimal *price, const struct mw_decimal *qty,
                     const struct mw_decimal *amount, const struct mw_order_words *words);
void mw_record_order_status(struct mw_recorder *recorder, uint64_t order,
                            const struct mw_order_totals *totals, const char *status,
                            const char *order_id, const char *reason);
/* The trade's id as text or, with trade_id NULL, as a whole number below 2^63; 0: it has none.
 * `number`: 1, 2, 3, ... in one run. */
void mw_record_fill(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                    const struct mw_execution *x, const char *trade_id, double trade_number,
                    uint32_t number);
/* Both at once, the fill first: what most executions are. The order's number is that of `totals`.
 * Lengths come along, for to count them takes longer than to copy the words. */
struct mw_execution_words {
    const char *trade_id, *status, *order_id, *reason;
    uint32_t trade_id_len, status_len, order_id_len, reason_len;
};
void mw_record_executed(struct mw_recorder *recorder, unsigned flags, const struct mw_execution *x,
                        double trade_number, uint32_t number, const struct mw_order_totals *totals,
                        const struct mw_execution_words *words);
/* `fill`: a whole number below 2^53. */
void mw_record_told(struct mw_recorder *recorder, const char *strategy, size_t len, double fill);

#endif
