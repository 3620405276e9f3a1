#include "tally.h"
#include "decimal_bits.h"
#include "digits.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Sums ----------------------------------------------------------------------------------------- */

static int add(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b)
{
    return add_alike(out, a, b) ? 0 : mw_decimal_add(out, a, b);
}

static int add_to(struct mw_decimal *sum, const struct mw_decimal *a, int sign)
{
    struct mw_decimal term = *a;
    if (sign < 0)
        term.w[1] ^= SIGN_BIT;
    return add_alike(sum, sum, &term) ? 0 : mw_decimal_add_to(sum, a, sign);
}

/* mw_decimal_cmp, quickly where neither is below 0 and both have digits of one word. Not inlined:
 * with its callers it would not fit the processor's cache of instructions. */
static __attribute__((noinline)) int compare_shifted(const struct mw_decimal *a,
                                                     const struct mw_decimal *b)
{
    int shift = exponent_of(a) - exponent_of(b);
    if (((a->w[1] | b->w[1]) & (SIGN_BIT | HIGH_MASK)) || abs(shift) > SMALL_SHIFT)
        return mw_decimal_cmp(a, b);
    uint128 x = a->w[0], y = b->w[0];
    if (shift > 0)
        x *= powers[shift];
    else
        y *= powers[-shift];
    return (x > y) - (x < y);
}

static int compare(const struct mw_decimal *a, const struct mw_decimal *b)
{
    if (a->w[1] == b->w[1] && !(a->w[1] & (SIGN_BIT | HIGH_MASK)))
        return (a->w[0] > b->w[0]) - (a->w[0] < b->w[0]);
    return compare_shifted(a, b);
}

/* Assets --------------------------------------------------------------------------------------- */

enum { ASSETS_MAX = 4096 };
struct asset {
    char name[MW_ASSET_NAME_MAX + 1];
    uint8_t len;
};
static struct asset assets[ASSETS_MAX]; /* by number - 1; names are for ever */
static unsigned asset_count;

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static bool is_named(const struct asset *asset, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (asset->name[i] != upper(name[i]))
            return false;
    return true;
}

/* Of a short name in upper case, as almost all are; 0: look closer. */
static unsigned find_short(const char *name, size_t len)
{
    uint64_t wanted = mw_read_bytes(name, len);
    for (unsigned i = 0; i < asset_count; i++)
        if (assets[i].len == len && mw_read_bytes(assets[i].name, 8) == wanted)
            return i + 1;
    return 0;
}

/* Of any other name, which may be a new one. Not inlined: see compare_shifted. */
static __attribute__((noinline)) unsigned find_or_add(const char *name, size_t len)
{
    struct asset wanted = {.len = 0};
    if (len > MW_ASSET_NAME_MAX)
        return 0;
    for (unsigned i = 0; i < asset_count; i++)
        if (assets[i].len == len && is_named(&assets[i], name, len))
            return i + 1;
    if (memchr(name, '\0', len))
        return 0;
    for (size_t i = 0; i < len; i++)
        wanted.name[i] = upper(name[i]);
    if (asset_count == ASSETS_MAX)
        return 0;
    wanted.len = (uint8_t)len;
    assets[asset_count++] = wanted;
    return asset_count;
}

unsigned mw_asset_number(const char *name, size_t len)
{
    if (len == 0)
        return 0;
    unsigned found = len <= 8 ? find_short(name, len) : 0;
    return found ? found : find_or_add(name, len);
}

const char *mw_asset_name(unsigned number)
{
    return number >= 1 && number <= asset_count ? assets[number - 1].name : "";
}

size_t mw_asset_name_len(unsigned number)
{
    return number >= 1 && number <= asset_count ? assets[number - 1].len : 0;
}

/* Executions ----------------------------------------------------------------------------------- */

int mw_execution_add_fee(struct mw_execution *x, const struct mw_decimal *amount, unsigned asset)
{
    if (sign_of(amount) == 0)
        return 0;
    if (x->fee_count >= MW_FEES_MAX || asset == 0 || asset > UINT16_MAX)
        return -1;
    x->fees[x->fee_count] = *amount;
    x->assets[x->fee_count++] = (uint16_t)asset;
    return 0;
}

/* The amount is read where it belongs: a copy would have to wait for both of its words. */
static inline int read_fee(struct mw_execution *x, const struct mw_field *amount,
                           const struct mw_field *asset)
{
    struct mw_decimal unused = {{0}};
    bool has_room = x->fee_count < MW_FEES_MAX;
    struct mw_decimal *value = has_room ? &x->fees[x->fee_count] : &unused;
    if (amount->type == MW_FIELD_ABSENT || amount->type == MW_FIELD_NULL ||
        (amount->type == MW_FIELD_STRING && amount->len == 0))
        return 0;
    if (mw_field_decimal(value, amount) < 0)
        return -1;
    if (sign_of(value) == 0)
        return 0;
    unsigned number = asset->type == MW_FIELD_STRING ? mw_asset_number(asset->text, asset->len) : 0;
    if (!has_room || number == 0 || number > UINT16_MAX)
        return -1;
    x->assets[x->fee_count++] = (uint16_t)number;
    return 0;
}

int mw_execution_read_fees(struct mw_execution *x, const struct mw_field *fields,
                           const struct mw_fee_slots *slots)
{
    int result = 0;
    for (uint32_t i = 0; i < slots->count && i < MW_FEES_MAX; i++)
        result |= read_fee(x, fields + slots->of[i].amount, fields + slots->of[i].asset);
    return result;
}

unsigned mw_execution_fee(const struct mw_execution *x, unsigned i, struct mw_decimal *amount)
{
    if (i >= x->fee_count || i >= MW_FEES_MAX)
        return 0;
    *amount = x->fees[i];
    return x->assets[i];
}

/* Orders --------------------------------------------------------------------------------------- */

static const struct mw_decimal *zero(void)
{
    static struct mw_decimal value;
    if (!value.w[1])
        (void)mw_decimal_parse(&value, "0", 1);
    return &value;
}

void mw_order_totals_init(struct mw_order_totals *totals, const struct mw_decimal *qty)
{
    memset(totals, 0, sizeof *totals);
    totals->cum = totals->value = totals->told = *zero();
    totals->has_qty = qty != NULL;
    totals->qty = qty ? *qty : *zero();
}

void mw_order_told(struct mw_order_totals *totals, const struct mw_decimal *cum_qty)
{
    if (totals->has_qty && compare(cum_qty, &totals->qty) > 0)
        cum_qty = &totals->qty; /* fills of more will never come, and be waited for in vain */
    if (compare(cum_qty, &totals->told) > 0)
        totals->told = *cum_qty;
}

int mw_order_count(struct mw_order_totals *totals, const struct mw_execution *x)
{
    struct mw_decimal cum, product, value;
    int state = MW_ORDER_BEGUN, lowest_price_sign = x->liquidity == MW_POOL ? 0 : 1;
    if (sign_of(&x->qty) <= 0 || sign_of(&x->price) < lowest_price_sign)
        return MW_ORDER_IMPOSSIBLE;
    if (add(&cum, &totals->cum, &x->qty) < 0 || mw_decimal_mul(&product, &x->price, &x->qty) < 0 ||
        add(&value, &totals->value, &product) < 0)
        return -1;
    if (totals->has_qty) {
        int beyond = compare(&cum, &totals->qty);
        if (beyond > 0)
            return MW_ORDER_IMPOSSIBLE;
        state |= beyond == 0 ? MW_ORDER_COMPLETE : 0;
    }
    totals->cum = cum;
    totals->value = value;
    int untold = compare(&cum, &totals->told);
    if (untold > 0)
        totals->told = cum;
    return state | (untold < 0 ? MW_ORDER_MISSING : 0);
}

int mw_order_state(const struct mw_order_totals *totals)
{
    int state = sign_of(&totals->cum) > 0 ? MW_ORDER_BEGUN : 0;
    if (compare(&totals->told, &totals->cum) > 0)
        state |= MW_ORDER_MISSING;
    if (totals->has_qty && compare(&totals->cum, &totals->qty) >= 0)
        state |= MW_ORDER_COMPLETE;
    return state;
}

/* Trade ids ------------------------------------------------------------------------------------ */

static uint32_t trade_count_of(const struct mw_order_totals *totals)
{
    return totals->trade_count < MW_TRADES_MAX ? totals->trade_count : MW_TRADES_MAX;
}

int mw_trades_add(struct mw_order_totals *totals, double id)
{
    uint32_t count = trade_count_of(totals);
    if (count == 0 || id > totals->trades[count - 1]) {
        if (count == MW_TRADES_MAX)
            return MW_TRADE_FULL;
        totals->trades[count] = id;
        totals->trade_count = count + 1;
        return MW_TRADE_NEW;
    }
    while (count-- > 0)
        if (totals->trades[count] == id)
            return MW_TRADE_KNOWN;
    return MW_TRADE_LOWER;
}

uint32_t mw_trades_move(struct mw_order_totals *totals, double *out)
{
    uint32_t count = trade_count_of(totals);
    if (count < 2)
        return 0;
    memcpy(out, totals->trades, (count - 1) * sizeof *out);
    totals->trades[0] = totals->trades[count - 1];
    totals->trade_count = 1;
    return count - 1;
}

int mw_trades_take_back(struct mw_order_totals *totals, double id)
{
    uint32_t count = trade_count_of(totals);
    if (count == 0 || totals->trades[count - 1] != id)
        return 0;
    totals->trade_count = count - 1;
    return 1;
}

/* Positions ------------------------------------------------------------------------------------ */

void mw_position_totals_init(struct mw_position_totals *totals)
{
    memset(totals, 0, sizeof *totals);
    totals->qty = totals->cost = totals->cash = *zero();
}

static uint32_t fee_count_of(const struct mw_position_totals *totals)
{
    return totals->fee_count < MW_FEE_ASSETS_MAX ? totals->fee_count : MW_FEE_ASSETS_MAX;
}

static int add_fee(struct mw_position_totals *totals, const struct mw_decimal *amount,
                   uint16_t asset)
{
    uint32_t i = 0, count = fee_count_of(totals);
    while (i < count && totals->assets[i] != asset)
        i++;
    if (i < count)
        return add_to(&totals->fees[i], amount, 1);
    if (i == MW_FEE_ASSETS_MAX)
        return -1;
    totals->fees[i] = *amount;
    totals->assets[i] = asset;
    totals->fee_count = count + 1;
    return 0;
}

unsigned mw_position_fee(const struct mw_position_totals *totals, unsigned i,
                         struct mw_decimal *amount)
{
    if (i >= fee_count_of(totals))
        return 0;
    *amount = totals->fees[i];
    return totals->assets[i];
}

/* After a failure some are added. */
static int add_fees(struct mw_position_totals *totals, const struct mw_execution *x)
{
    int count = x->fee_count < MW_FEES_MAX ? x->fee_count : MW_FEES_MAX;
    for (int i = 0; i < count; i++)
        if (add_fee(totals, &x->fees[i], x->assets[i]) < 0)
            return -1;
    return 0;
}

int mw_position_add_fees(struct mw_position_totals *totals, const struct mw_execution *x)
{
    struct mw_position_totals before = *totals;
    if (add_fees(totals, x) == 0)
        return 0;
    *totals = before;
    return -1;
}

/* After a failure some of it is counted. */
static int count_trade(struct mw_position_totals *totals, const struct mw_execution *x, int sign)
{
    struct mw_decimal value;
    if (mw_decimal_mul(&value, &x->price, &x->qty) < 0 || add_to(&totals->cost, &value, sign) < 0 ||
        add_to(&totals->cash, &value, -sign) < 0)
        return -1;
    return add_to(&totals->qty, &x->qty, sign);
}

static int count_stake(struct mw_position_totals *totals, const struct mw_execution *x)
{
    if (mw_decimal_add_product(&totals->cash, &x->price, &x->qty, 1) < 0)
        return -1;
    return add_to(&totals->cash, &x->qty, -1);
}

int mw_position_count(struct mw_position_totals *totals, const struct mw_execution *x, int sign)
{
    struct mw_position_totals before = *totals;
    bool is_stake = x->liquidity == MW_POOL;
    bool closes = !is_stake && sign_of(&totals->qty) == -sign;
    int counted = is_stake ? count_stake(totals, x) : closes ? 0 : count_trade(totals, x, sign);
    if (counted == 0 && add_fees(totals, x) == 0)
        return closes;
    *totals = before;
    return -1;
}
