/* shapes.h: the events of each venue as the bench's server writes them and the floor reads them.
 * They are the messages of the venue's own document, with other ids and numbers in them. */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ID_MAX = 64, PIECES_MAX = 24, FIELDS_MAX = 8, EVENT_MAX = 2048 };

/* What stands for what changes from event to event, in the text of a shape. */
#define ORDER "\1"    /* the order's id */
#define NUMBER "\2"   /* of the event, nine digits */
#define EXECUTED "\3" /* of an order for ORDER_QTY so far, in thousandths: 12.345 */
#define LEFT "\4"     /* of it */
#define LEFT_1E8 "\5" /* of it, in 10^-8 as a whole number */

#define ORDER_QTY 1000000
#define POOL "6b0e8f5c-2c1d-4c57-9c38-0f6d1b7a3e21"
#define FILL_QTY "0.001" /* of every event: EXECUTED counts one thousandth for each */

/* A field as the floor looks for it: behind the `times`th `mark` after the one before. */
struct field {
    const char *mark;
    int times; /* 0: there are no more fields */
    enum { SKIPPED, WORD, PRICE, QTY, ORDER_ID, TRADE_ID } kind;
};

struct shape {
    const char *name;
    const char *event;  /* what a flood is made of */
    const char *answer; /* to each order, where the venue has to answer; NULL: it need not */
    const char *word;   /* what WORD begins with */
    bool counts_units;  /* PRICE and QTY are whole numbers of 10^-8 */
    struct field fields[FIELDS_MAX];
};

static const struct shape shapes[] = {
    {"indodax",
     "{\"push\":{\"channel\":\"pws:#CH1NAVM-99A8ISQ\",\"pub\":{\"data\":[{\"eventType\":"
     "\"order_update\",\"order\":{\"orderId\":\"btcidr-limit-60917\",\"symbol\":\"btcidr\","
     "\"side\":\"BUY\",\"origQty\":\"1000000\",\"unfilledQty\":\"999999\",\"executedQty\":\"0\","
     "\"price\":\"1500000000\",\"description\":\"\",\"status\":\"FILL\",\"clientOrderId\":"
     "\"" ORDER "\",\"tradeId\":\"" NUMBER "\",\"transactionTime\":1705635783603,"
     "\"fillInformation\":{\"participant\":\"MAKER\",\"feeRate\":\"0.001\",\"qty\":\"" FILL_QTY
     "\",\"fee\":\"0.000001\",\"feeAsset\":\"BTC\",\"taxRate\":\"0.0011\",\"tax\":\"0.0000011\","
     "\"taxAsset\":\"IDR\",\"clearing\":\"0.0000002\",\"clearingAsset\":\"IDR\"}}}]},"
     "\"offset\":" NUMBER "}}",
     NULL,
     "FILL",
     false,
     {{"\"price\":\"", 1, PRICE},
      {"\"status\":\"", 1, WORD},
      {"\"clientOrderId\":\"", 1, ORDER_ID},
      {"\"tradeId\":\"", 1, TRADE_ID},
      {"\"qty\":\"", 1, QTY}}},
    {"peatio", /* a member's trade, 1.8 (4.2) */
     "{\"trade\":{\"id\":" NUMBER ",\"price\":\"7000.0\",\"volume\":\"" FILL_QTY
     "\",\"funds\":\"7.0\",\"market\":\"btcusd\",\"created_at\":\"2018-07-01T10:33:53+02:00\","
     "\"side\":\"bid\",\"bid\":{\"id\":" ORDER ",\"side\":\"buy\",\"ord_type\":\"limit\","
     "\"price\":\"7000.0\",\"avg_price\":\"7000.0\",\"state\":\"wait\",\"market\":\"btcusd\","
     "\"created_at\":\"2018-07-01T10:33:21+02:00\",\"volume\":\"1000000.0\","
     "\"remaining_volume\":\"" LEFT "\",\"executed_volume\":\"" EXECUTED "\","
     "\"trades_count\":1}}}",
     NULL,
     "wait",
     false,
     {{"\"id\":", 1, TRADE_ID},
      {"\"price\":\"", 1, PRICE},
      {"\"volume\":\"", 1, QTY},
      {"\"id\":", 1, ORDER_ID},
      {"\"state\":\"", 1, WORD}}},
    {"peatio ranger", /* 2.3 to 3.x (11) */
     "{\"trade\":{\"id\":" NUMBER ",\"price\":\"7000.0\",\"amount\":\"" FILL_QTY
     "\",\"total\":\"7.0\",\"market\":\"btcusd\",\"side\":\"buy\",\"taker_type\":\"sell\","
     "\"created_at\":1530434033,\"order_id\":" ORDER "}}",
     NULL,
     "buy",
     false,
     {{"\"id\":", 1, TRADE_ID},
      {"\"price\":\"", 1, PRICE},
      {"\"amount\":\"", 1, QTY},
      {"\"side\":\"", 1, WORD},
      {"\"order_id\":", 1, ORDER_ID}}},
    {"finery", /* a deal on feed O (5.2) */
     "[\"O\",\"BTC-USD\",\"D\",[\"BTC-USD\",0,0,0,7" ORDER "," ORDER
     ",6512345000000,100000000000000," LEFT_1E8 ",1763683200150,1763683200250," NUMBER
     ",1,6512300000000,100000,6512300000,0,42,0,17,0,0,42,0]]",
     NULL,
     "D\"",
     true,
     {{"\"BTC-USD\",\"", 1, WORD},
      {",", 6, ORDER_ID},
      {",", 6, TRADE_ID},
      {",", 2, PRICE},
      {",", 1, QTY}}},
    {"instamrkt", /* what backs the targets of a pool after a bet (361) */
     "{\"response_header\":{\"t\":1763683201041},\"res\":361,\"pool_id\":\"" POOL "\","
     "\"target_level\":1,\"distribution\":[{\"target_id\":\"harbour\",\"display_name\":"
     "\"Harbour\",\"backing_people\":12,\"backing_money\":" EXECUTED
     ",\"to_win_if_backed\":1.52},{\"target_id\":\"none\",\"display_name\":\"None\","
     "\"backing_people\":7,\"backing_money\":6.0,\"to_win_if_backed\":2.9}],\"new_bets\":"
     "[{\"bet_id\":\"5f0c" NUMBER "\",\"placed_at\":1763683201,\"amount\":2.5,\"user_id\":18}]}",
     "{\"response_header\":{\"t\":1763683201040},\"res\":356,\"pool_id\":\"" POOL "\",\"bet_id\":"
     "\"5f0b" ORDER "\",\"amount\":\"1000000\"}",
     "harbour",
     false,
     {{"\"target_id\":\"", 1, WORD},
      {"\"backing_money\":", 1, PRICE},
      {"\"target_id\":\"", 1, SKIPPED},
      {"\"backing_money\":", 1, QTY},
      {"\"bet_id\":\"5f0c", 1, TRADE_ID}}},
};

/* NULL when there is none of this name. */
static inline const struct shape *find_shape(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!strcmp(shapes[i].name, name))
            return &shapes[i];
    return NULL;
}

#endif
