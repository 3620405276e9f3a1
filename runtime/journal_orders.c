/* Rows of orders and fills. */
#include "journal_bind.h"
#include "journal_rows_state.h"

#include <string.h>

/* Orders --------------------------------------------------------------------------------------- */

static int64_t key_of(const struct mw_journal_rows *rows, uint64_t number)
{
    uint64_t usual = (uint64_t)rows->run << KEY_SHIFT | number;
    const uint64_t *known = mw_map64_find(&rows->known, usual);
    return (int64_t)(known ? *known : usual);
}

int mw_rows_write_state(struct mw_journal_rows *rows, const struct mw_record *r)
{
    char cum[MW_DECIMAL_TEXT_MAX], value[MW_DECIMAL_TEXT_MAX];
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_status];
    mw_bind_number(s, 1, key_of(rows, r->id));
    mw_bind_words(s, 2, &words, 0, 2);
    mw_bind_decimal(s, 5, r, 0, cum);
    mw_bind_decimal(s, 6, r, 1, value);
    mw_bind_number(s, 7, r->time_ns);
    return mw_run(s);
}

/* The row of an order that was known before, by its ids: 1 and *key, 0, or -1. */
static int find_order(struct mw_journal_rows *rows, const struct mw_words *words, int64_t *key)
{
    bool has_client_id = words->len[0] > 0;
    sqlite3_stmt *s = rows->statements[has_client_id ? S_find_client_id : S_find_order_id];
    mw_bind_words(s, 1, words, 2, 2);
    mw_bind_words(s, 2, words, has_client_id ? 0 : 1, has_client_id ? 0 : 1);
    if (!has_client_id)
        mw_bind_words(s, 3, words, 3, 3);
    return mw_run_for_number(s, key);
}

/* Writes all of an order by one of two statements, which have the same parameters. As mw_run_new.
 */
static int put_order(struct mw_journal_rows *rows, enum statement which, const struct mw_record *r,
                     const struct mw_words *words, int64_t key)
{
    static const unsigned flags[] = {MW_ORDER_FLAG_price, MW_ORDER_FLAG_qty, MW_ORDER_FLAG_amount};
    char texts[3][MW_DECIMAL_TEXT_MAX];
    sqlite3_stmt *s = rows->statements[which];
    mw_bind_number(s, 1, key);
    mw_bind_number(s, 2, rows->run);
    mw_bind_number(s, 3, (int64_t)r->id);
    mw_bind_words(s, 4, words, 0, 9);
    for (size_t i = 0; i < 3; i++)
        if (r->flags & flags[i])
            mw_bind_decimal(s, 14 + (int)i, r, i, texts[i]);
        else
            (void)sqlite3_bind_null(s, 14 + (int)i);
    mw_bind_number(s, 17, (r->flags & MW_ORDER_FLAG_estimate) != 0);
    mw_bind_number(s, 18, (r->flags & MW_ORDER_FLAG_external) != 0);
    mw_bind_number(s, 19, (int64_t)r->event);
    mw_bind_number(s, 20, r->time_ns);
    return mw_run_new(s);
}

/* Most orders are new, so that is tried first unless the record says otherwise. *key: the usual
 * one, and then the one that the row has. */
static int write_order(struct mw_journal_rows *rows, const struct mw_record *r, int64_t *key)
{
    struct mw_words words = mw_words_of(r);
    bool has_id = words.len[0] > 0 || words.len[1] > 0;
    bool may_be_known = r->flags & MW_ORDER_FLAG_known || words.len[0] == 0;
    int found = has_id && may_be_known ? find_order(rows, &words, key) : 0;
    if (found == 0) {
        int result = put_order(rows, S_order, r, &words, *key);
        if (result <= 0)
            return result;
        found = has_id ? find_order(rows, &words, key) : 0;
    }
    return found < 0 || put_order(rows, S_order_again, r, &words, *key) != 0 ? -1 : 0;
}

int mw_rows_add_order(struct mw_journal_rows *rows, const struct mw_record *r)
{
    uint64_t *state = mw_map64_find(&rows->states, r->id);
    if (state && *state) { /* it was before what this record says */
        if (mw_rows_write_state(rows, (const struct mw_record *)(uintptr_t)*state) < 0)
            return -1;
        *state = 0;
    }
    int64_t before = key_of(rows, r->id), key = before;
    if (write_order(rows, r, &key) < 0)
        return -1;
    uint64_t usual = (uint64_t)rows->run << KEY_SHIFT | r->id;
    return key == before ? 0 : mw_map64_put(&rows->known, usual, (uint64_t)key);
}

/* Fills ---------------------------------------------------------------------------------------- */

enum { FEES_TEXT_MAX = MW_FEES_MAX * (MW_DECIMAL_TEXT_MAX + MW_ASSET_NAME_MAX + 4) };

static char *append(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

/* Without snprintf, which would take a tenth of the time that a fill takes. */
static int format_fees(char *text, const struct mw_execution *x, const struct mw_words *words)
{
    char *out = text;
    for (int i = 0; i < x->fee_count && i < MW_FEES_MAX; i++) {
        char amount[MW_DECIMAL_TEXT_MAX];
        size_t amount_len = mw_decimal_format(&x->fees[i], amount, sizeof amount);
        const char *name = words->len[i + 1] ? words->at[i + 1] : "?";
        int len = words->len[i + 1] ? words->len[i + 1] : 1;
        if (i)
            out = append(out, ", ", 2);
        out = append(out, amount, amount_len);
        out = append(out, " ", 1);
        out = append(out, name, (size_t)(len < MW_ASSET_NAME_MAX ? len : MW_ASSET_NAME_MAX));
    }
    return (int)(out - text);
}

static int write_fill(struct mw_journal_rows *rows, const struct mw_record *r,
                      const struct mw_execution *x, const struct mw_decimal *qty)
{
    static const char *const liquidity[MW_LIQUIDITIES] = {"", "maker", "taker", "pool"};
    char texts[2][MW_DECIMAL_TEXT_MAX], fees[FEES_TEXT_MAX];
    struct mw_words words = mw_words_of(r);
    const char *side =
        liquidity[x->liquidity < MW_LIQUIDITIES ? x->liquidity : MW_LIQUIDITY_UNTOLD];
    sqlite3_stmt *s = rows->statements[S_fill];
    mw_bind_number(s, 1, key_of(rows, r->id));
    mw_bind_number(s, 2, rows->run);
    mw_bind_words(s, 3, &words, 0, 0);
    mw_bind_text(s, 4, texts[0], (int)mw_decimal_format(qty, texts[0], sizeof texts[0]));
    mw_bind_text(s, 5, texts[1], (int)mw_decimal_format(&x->price, texts[1], sizeof texts[1]));
    mw_bind_text(s, 6, side, (int)strlen(side));
    mw_bind_text(s, 7, fees, format_fees(fees, x, &words));
    mw_bind_number(s, 8, r->flags & ~MW_RECORD_FIRST);
    if (r->num)
        mw_bind_number(s, 9, r->num);
    else
        (void)sqlite3_bind_null(s, 9);
    mw_bind_number(s, 10, r->time_ns);
    bool is_new = !(r->flags & MW_FILL_FLAG_amends);
    mw_bind_text(s, 11, "0", is_new ? 0 : 1);
    if (r->num2)
        mw_bind_number(s, 12, rows->run << FILL_SHIFT | r->num2);
    else
        (void)sqlite3_bind_null(s, 12); /* of a time when they had no numbers */
    return mw_run(s);
}

/* Takes up to `left` from what was counted on the venue's total alone; *taken: how much that was.
 */
static int take_from_estimates(struct mw_journal_rows *rows, int64_t order_key,
                               struct mw_decimal left, struct mw_decimal *taken)
{
    (void)mw_decimal_parse(taken, "0", 1); /* is one */
    while (mw_decimal_sign(&left) > 0) {
        sqlite3_stmt *s = rows->statements[S_estimate];
        mw_bind_number(s, 1, order_key);
        if (sqlite3_step(s) != SQLITE_ROW)
            return sqlite3_reset(s) == SQLITE_OK ? 0 : -1; /* nothing to take from */
        int64_t fill = sqlite3_column_int64(s, 0);
        struct mw_decimal qty = mw_column_decimal(s, 1), rest, sum;
        if (sqlite3_reset(s) != SQLITE_OK)
            return -1;
        bool is_all = mw_decimal_cmp(&qty, &left) <= 0;
        if (mw_decimal_sub(&rest, is_all ? &left : &qty, is_all ? &qty : &left) < 0 ||
            mw_decimal_add(&sum, taken, is_all ? &qty : &left) < 0)
            return 0; /* beyond 34 digits: the row stays as it is */
        char text[MW_DECIMAL_TEXT_MAX] = "0";
        size_t len = is_all ? 1 : mw_decimal_format(&rest, text, sizeof text);
        s = rows->statements[S_set_qty];
        mw_bind_number(s, 1, fill);
        mw_bind_text(s, 2, text, (int)len);
        if (mw_run(s) < 0)
            return -1;
        *taken = sum;
        if (!is_all)
            break;
        left = rest;
    }
    return 0;
}

/* A trade whose price was a bound gets its true one; else it names some of what was counted by
 * total, perhaps in addition to what was new of it. Amended once more, it names nothing more. */
static int amend_fill(struct mw_journal_rows *rows, const struct mw_record *r,
                      const struct mw_execution *x)
{
    int64_t key = key_of(rows, r->id);
    struct mw_words words = mw_words_of(r);
    struct mw_decimal qty = x->qty, taken;
    sqlite3_stmt *s = rows->statements[S_find_fill];
    mw_bind_number(s, 1, key);
    mw_bind_words(s, 2, &words, 0, 0);
    bool exists = sqlite3_step(s) == SQLITE_ROW;
    /* Another bound does not amend a bound: then it names some of an estimate. */
    bool is_provisional = exists && !(r->flags & MW_FILL_FLAG_provisional) &&
                          sqlite3_column_int64(s, 1) & MW_FILL_FLAG_provisional;
    struct mw_decimal before = mw_column_decimal(s, 0);
    if (sqlite3_reset(s) != SQLITE_OK)
        return -1;
    if (!is_provisional && take_from_estimates(rows, key, x->qty, &taken) < 0)
        return -1;
    if (exists && !is_provisional && mw_decimal_add(&qty, &before, &taken) < 0)
        qty = before; /* beyond 34 digits */
    return write_fill(rows, r, x, &qty);
}

int mw_rows_add_fill(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_execution x;
    if (r->data_len < sizeof x)
        return 0; /* not what mw_record_fill writes; the chunk has it */
    memcpy(&x, mw_record_data(r), sizeof x);
    return r->flags & MW_FILL_FLAG_amends ? amend_fill(rows, r, &x)
                                          : write_fill(rows, r, &x, &x.qty);
}
