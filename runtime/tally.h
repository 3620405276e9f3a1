/* tally.h: what is counted when an order executes: the execution itself, the totals of its order
 * and of a position. Kept in place and counted in one call each, so that a fill costs the event
 * path neither an allocation nor a dozen calls. Exact, or refused with nothing changed. Pure
 * functions; order.lua, position.lua and execution.lua call them by FFI. A strategy can reach and
 * change these structs: that spoils its own figures, and no count in them is trusted as an index.
 * */
#ifndef MW_TALLY_H
#define MW_TALLY_H

#include "decimal.h"
#include "decode.h"

enum { MW_FEES_MAX = 4, MW_FEE_ASSETS_MAX = 8, MW_ASSET_NAME_MAX = 31, MW_TRADES_MAX = 8 };

/* What became of the id of a trade. */
enum mw_trade { MW_TRADE_KNOWN, MW_TRADE_NEW, MW_TRADE_FULL, MW_TRADE_LOWER };

/* What an execution was to the market. MW_POOL: a stake in a pool that was paid out. It leaves no
 * position: its price is what came back for each unit, the stake included, and 0 when it was lost.
 * */
enum mw_liquidity { MW_LIQUIDITY_UNTOLD, MW_MAKER, MW_TAKER, MW_POOL, MW_LIQUIDITIES };

/* One execution. A fee below 0 is a rebate. */
struct mw_execution {
    struct mw_decimal qty, price, fees[MW_FEES_MAX];
    double time;                  /* seconds since 1970; 0: not told */
    uint16_t assets[MW_FEES_MAX]; /* of each fee: mw_asset_number */
    uint8_t fee_count, liquidity; /* liquidity: of enum mw_liquidity */
};

/* Where a venue's messages have fees: the fields of each. */
struct mw_fee_slots {
    uint32_t count;
    struct {
        uint16_t amount, asset;
    } of[MW_FEES_MAX];
};

/* An order's: its quantity, what was counted of it, its value (price x quantity of that), and the
 * largest total that the venue has told. */
struct mw_order_totals {
    struct mw_decimal qty, cum, value, told;
    uint32_t has_qty;             /* 0: a market order by amount */
    uint32_t number;              /* the order's in the journal, in this run; 0: not recorded */
    double trades[MW_TRADES_MAX]; /* ids that were counted, ascending: the greatest of all */
    uint32_t trade_count;
};

/* A position's: quantity held (below 0: short), what it stands for, and what all fills paid and
 * brought; fees by asset. See position.lua. */
struct mw_position_totals {
    struct mw_decimal qty, cost, cash, fees[MW_FEE_ASSETS_MAX];
    uint16_t assets[MW_FEE_ASSETS_MAX];
    uint32_t fee_count;
};

enum { MW_ORDER_IMPOSSIBLE = -2 };
enum { MW_ORDER_BEGUN = 1, MW_ORDER_MISSING = 2, MW_ORDER_COMPLETE = 4 };

/* The number of an asset, from 1, the same for one name ("IDR", "idr") as long as the process
 * lives. 0: the name is empty or too long, or there are 4096. */
unsigned mw_asset_number(const char *name, size_t len);
const char *mw_asset_name(unsigned number); /* in upper case; "" for a number that is none */
size_t mw_asset_name_len(unsigned number);

/* Adds the fees of a message, whose fields are these; none, null and 0 are none. -1: of one, which
 * is left out, there are too many, or it is no number, or it has no asset. */
int mw_execution_read_fees(struct mw_execution *x, const struct mw_field *fields,
                           const struct mw_fee_slots *slots);
int mw_execution_add_fee(struct mw_execution *x, const struct mw_decimal *amount, unsigned asset);

/* Fee number i (from 0) into *amount; returns the number of its asset, 0 when there is no such fee.
 * */
unsigned mw_execution_fee(const struct mw_execution *x, unsigned i, struct mw_decimal *amount);

void mw_order_totals_init(struct mw_order_totals *totals,
                          const struct mw_decimal *qty /* or NULL */);
/* The venue told this total; of one beyond the quantity, the quantity is believed. */
void mw_order_told(struct mw_order_totals *totals, const struct mw_decimal *cum_qty);
/* Counts an execution; told is never below what was counted. Returns what mw_order_state says then.
 * -1: beyond 34 digits; MW_ORDER_IMPOSSIBLE: not above 0 (the price of a stake that was lost is),
 * or more than is left of the order. */
int mw_order_count(struct mw_order_totals *totals, const struct mw_execution *x);
/* Counts the id of a trade that is a number (trades.lua has the rest). MW_TRADE_FULL: nothing was
 * done, room is to be made first; MW_TRADE_LOWER: nothing was done, it is none of these and lower
 * than the greatest. */
int mw_trades_add(struct mw_order_totals *totals, double id);
/* Moves all but the greatest to `out`, which has room for MW_TRADES_MAX - 1; how many. */
uint32_t mw_trades_move(struct mw_order_totals *totals, double *out);
/* Takes the id back if it is the greatest: 1; 0: it is not. */
int mw_trades_take_back(struct mw_order_totals *totals, double id);
/* Bits of MW_ORDER_: something was counted; less than told; all of the quantity. */
int mw_order_state(const struct mw_order_totals *totals);

void mw_position_totals_init(struct mw_position_totals *totals);
/* Counts an execution; sign is 1 for a buy, -1 for a sell. 1: it closes (some of) what is held, and
 * quantity, cost and cash wait for position.lua. -1: beyond 34 digits, or fees in too many assets.
 * Of a stake only cash changes: by what came back, less the stake. */
int mw_position_count(struct mw_position_totals *totals, const struct mw_execution *x, int sign);
int mw_position_add_fees(struct mw_position_totals *totals, const struct mw_execution *x);
unsigned mw_position_fee(const struct mw_position_totals *totals, unsigned i,
                         struct mw_decimal *amount); /* as mw_execution_fee */

#endif
