/* What happens to orders, as records: most of what an event leaves behind. */
#include "record_state.h"

enum { WORDS_MAX = 10, WORD_MAX = 4096 };

struct word {
    const char *at;
    size_t len;
};

/* NULL is an empty one. */
static struct word word_of(const char *text)
{
    return (struct word){text, text ? strnlen(text, WORD_MAX) : 0};
}

/* Copies eight bytes; not 0 when one of them is NUL. */
static inline uint64_t copy_piece(char *out, const char *from)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t piece;
    memcpy(&piece, from, sizeof piece);
    memcpy(out, &piece, sizeof piece);
    return (piece - ones) & ~piece & tops;
}

/* Writes a word; a NUL in it, which would end it, becomes a "?". Returns the end. Most are short:
 * to call functions that look for NULs and copy takes longer than both. */
static inline char *put_word(char *out, const char *from, size_t len)
{
    uint64_t nuls = len < sizeof nuls;
    if (len >= sizeof nuls) {
        size_t last = len - sizeof nuls;
        for (size_t i = 0; i < last; i += sizeof nuls)
            nuls |= copy_piece(out + i, from + i);
        nuls |= copy_piece(out + last, from + last);
    }
    for (size_t i = 0; nuls && i < len; i++)
        out[i] = (char)(from[i] ? from[i] : '?');
    return out + len;
}

/* One whose length is known; cut as the others are. */
static struct word word_with(const char *text, size_t len)
{
    return (struct word){text, len < WORD_MAX ? len : WORD_MAX};
}

static size_t list_len(const struct word *words, size_t count)
{
    size_t len = count;
    for (size_t i = 0; i < count; i++)
        len += words[i].len;
    return len;
}

/* A record whose text is a list of words and whose data is the caller's to write. */
static inline struct mw_record *put_list(struct mw_recorder *recorder, void *room, unsigned kind,
                                         size_t data_len, const struct word *words, size_t count)
{
    struct mw_record *r =
        mw_record_put_head(recorder, room, kind, data_len, list_len(words, count));
    char *out = (char *)(r + 1) + data_len;
    for (size_t i = 0; i < count; i++) {
        if (words[i].len == WORD_MAX)
            r->flags = MW_RECORD_CUT;
        out = put_word(out, words[i].at, words[i].len);
        *out++ = '\0';
    }
    return r;
}

static struct mw_decimal *decimals_of(struct mw_record *r)
{
    return (struct mw_decimal *)(void *)(r + 1);
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
    void *room =
        mw_record_reserve(recorder, mw_record_size(3 * sizeof none, list_len(list, WORDS_MAX)));
    if (!room)
        return;
    struct mw_record *r =
        put_list(recorder, room, MW_RECORD_order, 3 * sizeof none, list, WORDS_MAX);
    r->id = order;
    r->flags |= (uint16_t)(flags | (price ? MW_ORDER_FLAG_price : 0) |
                           (qty ? MW_ORDER_FLAG_qty : 0) | (amount ? MW_ORDER_FLAG_amount : 0));
    decimals_of(r)[0] = price ? *price : none;
    decimals_of(r)[1] = qty ? *qty : none;
    decimals_of(r)[2] = amount ? *amount : none;
    mw_record_commit(recorder, r->size);
}

/* The words of a status: itself, order_id, reason. */
enum { STATUS_WORDS = 3, STATUS_DATA = 2 * sizeof(struct mw_decimal) };

static size_t status_size(const struct word *list)
{
    return mw_record_size(STATUS_DATA, list_len(list, STATUS_WORDS));
}

static void put_status(struct mw_recorder *recorder, void *room, uint64_t order,
                       const struct mw_order_totals *totals, const struct word *list)
{
    struct mw_record *r =
        put_list(recorder, room, MW_RECORD_order_status, STATUS_DATA, list, STATUS_WORDS);
    r->id = order;
    decimals_of(r)[0] = totals->cum;
    decimals_of(r)[1] = totals->value;
}

void mw_record_order_status(struct mw_recorder *recorder, uint64_t order,
                            const struct mw_order_totals *totals, const char *status,
                            const char *order_id, const char *reason)
{
    if (!recorder)
        return;
    const struct word list[] = {word_of(status), word_of(order_id), word_of(reason)};
    size_t size = status_size(list);
    void *room = mw_record_reserve(recorder, size);
    if (!room)
        return;
    put_status(recorder, room, order, totals, list);
    mw_record_commit(recorder, size);
}

/* Venues tell ms or us; a double of today's seconds has no more. 0: not told. */
static int64_t execution_time_ns(const struct mw_execution *x)
{
    return x->time > 0 && x->time < 9e9 ? (int64_t)(x->time * 1e6 + 0.5) * 1000 : 0;
}

static size_t count_digits(uint64_t number)
{
    size_t count = 1;
    for (; number >= 10000; number /= 10000)
        count += 4;
    return count + (number >= 10) + (number >= 100) + (number >= 1000);
}

/* Ends at `end`; not by printf, which is slow. */
static void write_digits(char *end, uint64_t number)
{
    for (; number >= 10; number /= 10)
        *--end = (char)('0' + number % 10);
    *--end = (char)('0' + number);
}

/* The names of an execution's fees, each ended by NUL. The same ones come again and again. */
static const struct mw_fee_names *names_of(struct mw_recorder *recorder,
                                           const struct mw_execution *x)
{
    struct mw_fee_names *names = &recorder->names;
    unsigned count = x->fee_count < MW_FEES_MAX ? x->fee_count : MW_FEES_MAX;
    if (names->count == count && memcmp(names->assets, x->assets, sizeof x->assets) == 0)
        return names;
    names->count = count;
    names->len = 0;
    memcpy(names->assets, x->assets, sizeof x->assets);
    for (unsigned i = 0; i < count; i++) {
        size_t len = mw_asset_name_len(x->assets[i]) + 1;
        memcpy(names->text + names->len, mw_asset_name(x->assets[i]), len); /* with its NUL */
        names->len += len;
    }
    return names;
}

/* What the text of a fill is made of. */
struct fill {
    const struct mw_execution *x;
    struct word trade_id; /* of a number: its length alone */
    uint64_t trade_number;
    const struct mw_fee_names *names;
};

static struct fill fill_of(struct mw_recorder *recorder, const struct mw_execution *x,
                           struct word trade_id, double trade_number)
{
    struct fill fill = {.x = x, .trade_id = trade_id, .names = names_of(recorder, x)};
    if (!trade_id.at && trade_number > 0 && trade_number < 9.2e18) {
        fill.trade_number = (uint64_t)trade_number;
        fill.trade_id.len = count_digits(fill.trade_number);
    }
    return fill;
}

static size_t fill_size(const struct fill *fill)
{
    return mw_record_size(sizeof *fill->x, fill->trade_id.len + 1 + fill->names->len);
}

static void put_fill(struct mw_recorder *recorder, void *room, uint64_t order, unsigned flags,
                     const struct fill *fill, uint32_t number)
{
    size_t id_len = fill->trade_id.len, text_len = id_len + 1 + fill->names->len;
    struct mw_record *r =
        mw_record_put_head(recorder, room, MW_RECORD_fill, sizeof *fill->x, text_len);
    r->flags = (uint16_t)(flags | (id_len == WORD_MAX ? MW_RECORD_CUT : 0));
    r->id = order;
    r->num = execution_time_ns(fill->x);
    r->num2 = number;
    memcpy(r + 1, fill->x, sizeof *fill->x);
    char *text = (char *)(r + 1) + sizeof *fill->x;
    if (fill->trade_number)
        write_digits(text + id_len, fill->trade_number);
    else
        (void)put_word(text, fill->trade_id.at, id_len);
    text[id_len] = '\0';
    memcpy(text + id_len + 1, fill->names->text, fill->names->len);
}

void mw_record_fill(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                    const struct mw_execution *x, const char *trade_id, double trade_number,
                    uint32_t number)
{
    if (!recorder)
        return;
    struct fill fill = fill_of(recorder, x, word_of(trade_id), trade_number);
    size_t size = fill_size(&fill);
    void *room = mw_record_reserve(recorder, size);
    if (!room)
        return;
    put_fill(recorder, room, order, flags, &fill, number);
    mw_record_commit(recorder, size);
}

void mw_record_executed(struct mw_recorder *recorder, unsigned flags, const struct mw_execution *x,
                        double trade_number, uint32_t number, const struct mw_order_totals *totals,
                        const struct mw_execution_words *words)
{
    if (!recorder)
        return;
    struct word trade_id = word_with(words->trade_id, words->trade_id_len);
    struct fill fill = fill_of(recorder, x, trade_id, trade_number);
    const struct word list[] = {word_with(words->status, words->status_len),
                                word_with(words->order_id, words->order_id_len),
                                word_with(words->reason, words->reason_len)};
    size_t size = fill_size(&fill), both = size + status_size(list);
    char *room = mw_record_reserve(recorder, both);
    if (!room)
        return;
    put_fill(recorder, room, totals->number, flags, &fill, number);
    put_status(recorder, room + size, totals->number, totals, list);
    mw_record_commit(recorder, both);
}

void mw_record_told(struct mw_recorder *recorder, const char *strategy, size_t len, double fill)
{
    if (!recorder)
        return;
    struct word name = word_with(strategy, len);
    void *room = mw_record_reserve(recorder, mw_record_size(0, name.len));
    if (!room)
        return;
    struct mw_record *r = mw_record_put_head(recorder, room, MW_RECORD_told, 0, name.len);
    r->id = fill > 0 && fill < 9007199254740992.0 ? (uint64_t)fill : 0;
    (void)put_word((char *)(r + 1), name.at, name.len);
    mw_record_commit(recorder, r->size);
}
