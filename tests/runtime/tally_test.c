/* Totals of executions: assets, fees, orders, positions, and what does not fit. */
#include "tally_totals.h"

/* Assets --------------------------------------------------------------------------------------- */

static void assets(void)
{
    char longest[MW_ASSET_NAME_MAX + 2] = "";
    memset(longest, 'l', MW_ASSET_NAME_MAX + 1);
    unsigned idr = asset("IDR"), btc = asset("btc");
    CHECK(idr > 0 && btc > 0 && idr != btc);
    CHECK_INT(asset("idr"), idr);
    CHECK_INT(asset("Idr"), idr);
    CHECK_INT(asset("BTC"), btc);
    CHECK_TEXT(mw_asset_name(idr), "IDR");
    CHECK_TEXT(mw_asset_name(btc), "BTC");
    CHECK(asset("IDRT") != idr && asset("ID") != idr && asset("ID") != asset("IDRT"));
    CHECK_INT(mw_asset_number("IDRX", 3), idr); /* the length counts, there is no NUL */
    CHECK_TEXT(mw_asset_name(asset("1inch-x_\xc3\xa9")), "1INCH-X_\xc3\xa9");
    CHECK_INT(mw_asset_number("", 0), 0);
    CHECK_INT(mw_asset_number("ID\0R", 4), 0);
    CHECK_INT(mw_asset_number("IDR\0", 4), 0);
    CHECK_INT(mw_asset_number(longest, MW_ASSET_NAME_MAX + 1), 0);
    unsigned number = mw_asset_number(longest, MW_ASSET_NAME_MAX);
    CHECK(number > 0);
    CHECK_INT(strlen(mw_asset_name(number)), MW_ASSET_NAME_MAX);
    CHECK(mw_asset_number(longest, MW_ASSET_NAME_MAX - 1) != number);
    CHECK_TEXT(mw_asset_name(0), "");
    CHECK_TEXT(mw_asset_name(100000), "");
    CHECK_INT(asset("idr"), idr); /* for ever */
}

/* The ids of trades --------------------------------------------------------------------------- */

static void trade_ids(void)
{
    struct mw_order_totals totals;
    double moved[MW_TRADES_MAX - 1] = {0};
    mw_order_totals_init(&totals, NULL);
    CHECK_INT(mw_trades_take_back(&totals, 0), 0);
    CHECK_INT(mw_trades_move(&totals, moved), 0);
    CHECK_INT(mw_trades_add(&totals, 0), MW_TRADE_NEW); /* 0 is an id */
    CHECK_INT(mw_trades_add(&totals, 0), MW_TRADE_KNOWN);
    CHECK_INT(mw_trades_move(&totals, moved), 0); /* the greatest stays */
    for (int i = 1; i < MW_TRADES_MAX; i++)
        CHECK_INT(mw_trades_add(&totals, 10 * i), MW_TRADE_NEW);
    CHECK_INT(mw_trades_add(&totals, 1000), MW_TRADE_FULL);
    CHECK_INT(mw_trades_add(&totals, 75), MW_TRADE_FULL);
    CHECK_INT(mw_trades_add(&totals, 65), MW_TRADE_LOWER);
    for (int i = 0; i < MW_TRADES_MAX; i++)
        CHECK_INT(mw_trades_add(&totals, 10 * i), MW_TRADE_KNOWN);
    CHECK_INT(mw_trades_take_back(&totals, 60), 0); /* not the greatest */
    CHECK_INT(mw_trades_take_back(&totals, 70), 1);
    CHECK_INT(mw_trades_add(&totals, 70), MW_TRADE_NEW);
    CHECK_INT(mw_trades_move(&totals, moved), MW_TRADES_MAX - 1);
    for (int i = 0; i < MW_TRADES_MAX - 1; i++)
        CHECK(moved[i] == 10 * i);
    CHECK_INT(mw_trades_add(&totals, 70), MW_TRADE_KNOWN);
    CHECK_INT(mw_trades_add(&totals, 60), MW_TRADE_LOWER);
    CHECK_INT(mw_trades_add(&totals, 80), MW_TRADE_NEW);
    totals.trade_count = UINT32_MAX; /* whoever writes that spoils what is counted, and no more */
    CHECK_INT(mw_trades_add(&totals, 1e15), MW_TRADE_FULL);
    CHECK_INT(mw_trades_move(&totals, moved), MW_TRADES_MAX - 1);
    CHECK_INT(mw_trades_add(&totals, 1e15), MW_TRADE_NEW);
}

/* Last of all cases: no asset can be made behind it. */
static void too_many_assets(void)
{
    char name[16];
    unsigned number = 1, last = 0;
    unsigned idr = asset("IDR");
    for (int i = 0; i < 70000 && number; i++) {
        (void)snprintf(name, sizeof name, "many%d", i);
        number = mw_asset_number(name, strlen(name));
        CHECK(number == 0 || number > last);
        last = number ? number : last;
    }
    CHECK_INT(number, 0);
    CHECK(last <= UINT16_MAX);
    CHECK(*mw_asset_name(last));
    CHECK_TEXT(mw_asset_name(last + 1), "");
    CHECK_INT(asset("idr"), idr);
    CHECK(asset("MANY0") > 0); /* the known ones are known */
}

/* Executions ----------------------------------------------------------------------------------- */

static void fees_of_an_execution(void)
{
    struct mw_execution x = {0}, before;
    struct mw_decimal one = dec("1.5"), none = dec("0.000"), rebate = dec("-0.25");
    CHECK_INT(mw_execution_add_fee(&x, &none, asset("IDR")), 0); /* nothing is no fee */
    CHECK_INT(mw_execution_add_fee(&x, &none, 0), 0);
    CHECK_INT(x.fee_count, 0);
    CHECK_INT(mw_execution_add_fee(&x, &one, 0), -1);
    CHECK_INT(mw_execution_add_fee(&x, &one, UINT16_MAX + 1), -1);
    CHECK_INT(mw_execution_add_fee(&x, &one, UINT16_MAX + 2), -1); /* not the first one's */
    CHECK_INT(x.fee_count, 0);
    CHECK_INT(mw_execution_add_fee(&x, &one, asset("IDR")), 0);
    CHECK_INT(mw_execution_add_fee(&x, &rebate, asset("BTC")), 0);
    CHECK_INT(mw_execution_add_fee(&x, &one, asset("IDR")), 0); /* fee and tax in one asset */
    CHECK_INT(mw_execution_add_fee(&x, &rebate, asset("XRP")), 0);
    CHECK_INT(x.fee_count, MW_FEES_MAX);
    CHECK_DECIMAL(x.fees[0], "1.5");
    CHECK_DECIMAL(x.fees[1], "-0.25");
    CHECK_INT(x.assets[1], asset("BTC"));
    before = x;
    CHECK_INT(mw_execution_add_fee(&x, &one, asset("ETH")), -1); /* a fifth */
    CHECK_INT(mw_execution_add_fee(&x, &none, asset("ETH")), 0);
    CHECK(same_decimals(x.fees, before.fees, MW_FEES_MAX));
    CHECK(memcmp(x.assets, before.assets, sizeof x.assets) == 0);
    CHECK_INT(x.fee_count, MW_FEES_MAX);
}

static void fees_of_a_message(void)
{
    static const struct {
        const char *amount, *asset; /* as they stand in the message */
        int result, count;
        const char *text;
    } cases[] = {
        {"\"1.50\"", "\"idr\"", 0, 1, "1.5"},
        {"2.22E-4", "\"BTC\"", 0, 1, "0.000222"},
        {"\"-0.1\"", "\"idr\"", 0, 1, "-0.1"},
        {"0", "\"idr\"", 0, 0, NULL},
        {"\"0.00\"", "null", 0, 0, NULL},
        {"null", "\"idr\"", 0, 0, NULL},
        {"null", "null", 0, 0, NULL},
        {"1", "null", -1, 0, NULL},
        {"1", "7", -1, 0, NULL},
        {"1", "\"\"", -1, 0, NULL},
        {"1", "\"a name that is too long for an asset\"", -1, 0, NULL},
    };
    static const char *const paths[] = {"[0]", "[1]", "[2]"};
    static const struct mw_fee_slots one = {1, {{0, 1}}}, absent = {1, {{2, 1}}}, none;
    struct mw_err err;
    struct mw_decoder *decoder = mw_decoder_new(paths, COUNT(paths), &err);
    struct mw_decoder_view *view = mw_decoder_view(decoder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mw_execution x = {0};
        char text[128];
        (void)snprintf(text, sizeof text, "[%s,%s]", cases[i].amount, cases[i].asset);
        CHECK_INT(mw_decoder_read(decoder, text, strlen(text)), 1);
        CHECK_INT(mw_execution_read_fees(&x, view->head, &one), cases[i].result);
        CHECK_INT(x.fee_count, cases[i].count);
        if (cases[i].text)
            CHECK_DECIMAL(x.fees[0], cases[i].text);
        CHECK_INT(mw_execution_read_fees(&x, view->head, &absent), 0);
        CHECK_INT(mw_execution_read_fees(&x, view->head, &none), 0);
        CHECK_INT(x.fee_count, cases[i].count);
    }
    struct mw_execution full = {.fee_count = MW_FEES_MAX, .assets = {1, 2, 3, 4}}, before = full;
    CHECK_INT(mw_decoder_read(decoder, "[1,\"IDR\"]", 9), 1);
    CHECK_INT(mw_execution_read_fees(&full, view->head, &one), -1); /* a fifth */
    CHECK_INT(full.fee_count, MW_FEES_MAX);
    CHECK(same_decimals(full.fees, before.fees, MW_FEES_MAX));
    CHECK(memcmp(full.assets, before.assets, sizeof full.assets) == 0);
    CHECK_INT(mw_decoder_read(decoder, "[0,\"IDR\"]", 9), 1);
    CHECK_INT(mw_execution_read_fees(&full, view->head, &one), 0); /* is none */
    mw_decoder_free(decoder);
}

/* Orders --------------------------------------------------------------------------------------- */

static void order_totals(void)
{
    struct mw_order_totals totals;
    struct mw_decimal qty = dec("1"), half = dec("0.5"), much = dec("3");
    static const char *const senseless[] = {"-1", "-0.5", "-2.000000000000000000000000000000001"};
    struct mw_execution x = execution("0.3", "100", NULL, NULL);
    mw_order_totals_init(&totals, &qty);
    CHECK_INT(mw_order_state(&totals), 0);
    CHECK_DECIMAL(totals.cum, "0");
    CHECK_DECIMAL(totals.value, "0");
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN);
    CHECK_DECIMAL(totals.cum, "0.3");
    CHECK_DECIMAL(totals.value, "30");
    CHECK_DECIMAL(totals.told, "0.3"); /* never below what was counted */
    mw_order_told(&totals, &half);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN | MW_ORDER_MISSING);
    mw_order_told(&totals, &x.qty); /* an older word changes nothing */
    CHECK_DECIMAL(totals.told, "0.5");
    x = execution("0.2", "101.5", NULL, NULL);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN);
    x = execution("0.5", "99", NULL, NULL);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN | MW_ORDER_COMPLETE);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN | MW_ORDER_COMPLETE);
    CHECK_DECIMAL(totals.cum, "1");
    CHECK_DECIMAL(totals.value, "99.8");
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE); /* nothing is left of it */
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN | MW_ORDER_COMPLETE);
    CHECK_DECIMAL(totals.cum, "1");
    x = execution("-0.5", "99", NULL, NULL);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE);
    x = execution("0", "99", NULL, NULL);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE);
    x = execution("0.5", "-99", NULL, NULL);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE);
    x = execution("0.5", "99", NULL, NULL);
    mw_order_totals_init(&totals, &qty); /* told, and nothing counted yet */
    mw_order_told(&totals, &qty);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_MISSING);
    mw_order_told(&totals, &much); /* more than there is: all of it */
    CHECK_DECIMAL(totals.told, "1");
    mw_order_totals_init(&totals, &qty);
    for (size_t i = 0; i < COUNT(senseless); i++) {
        struct mw_decimal told = dec(senseless[i]);
        mw_order_told(&totals, &told);
        CHECK_DECIMAL(totals.told, "0");
        CHECK_INT(mw_order_state(&totals), 0);
    }
    struct mw_decimal wide = dec("18446744073709551616");
    mw_order_told(&totals, &wide); /* more than there is: 0 in the low word */
    CHECK_DECIMAL(totals.told, "1");
    mw_order_totals_init(&totals, NULL); /* by amount: it is never known to be complete */
    mw_order_told(&totals, &much);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN | MW_ORDER_MISSING);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN | MW_ORDER_MISSING);
}

/* A stake that was lost brings nothing back, and is counted all the same. */
static void stakes(void)
{
    struct mw_order_totals totals;
    struct mw_position_totals held;
    struct mw_decimal qty = dec("10");
    struct mw_execution x = execution("4", "0", NULL, NULL);
    mw_order_totals_init(&totals, &qty);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE);
    x.liquidity = MW_POOL;
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN);
    CHECK_DECIMAL(totals.cum, "4");
    CHECK_DECIMAL(totals.value, "0");
    mw_position_totals_init(&held);
    CHECK_INT(mw_position_count(&held, &x, 1), 0);
    CHECK_DECIMAL(held.cash, "-4");
    x = execution("6", "2.5", NULL, NULL);
    x.liquidity = MW_POOL;
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN | MW_ORDER_COMPLETE);
    CHECK_INT(mw_order_state(&totals), MW_ORDER_BEGUN | MW_ORDER_COMPLETE);
    CHECK_INT(mw_position_count(&held, &x, 1), 0);
    CHECK_DECIMAL(held.cash, "5"); /* 15 came back of 6, and 4 are lost */
    CHECK_DECIMAL(held.qty, "0");
    CHECK_DECIMAL(held.cost, "0");
    x = execution("0.5", "-1", NULL, NULL);
    x.liquidity = MW_POOL;
    mw_order_totals_init(&totals, &qty);
    CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_IMPOSSIBLE);
}

/* Half of the greatest decimal and a little: two of them are beyond it. */
#define HALF "5000000000000000000000000000000000e60"
#define LARGE "1234567890123456789012345678901234" /* 34 digits */

static void order_limits(void)
{
    static const struct {
        const char *first_qty, *first_price, *qty, *price;
    } cases[] = {
        {HALF, "1e-60", HALF, "1e-60"}, /* quantity */
        {"1", HALF, "1", HALF},         /* value, when the quantity has been added */
        {"1", "1", "1e40", "1e40"},     /* the product itself */
        {LARGE, "1", "0.1", "1"},       /* 35 digits: the same again */
        {"1", LARGE, "1", "0.1"},       {"1", "1", "12345678901234567891", "12345678901234567891"},
        {"1e60", "1", "1e-60", "1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mw_order_totals totals, before;
        struct mw_execution x = execution(cases[i].first_qty, cases[i].first_price, NULL, NULL);
        mw_order_totals_init(&totals, NULL);
        CHECK_INT(mw_order_count(&totals, &x), MW_ORDER_BEGUN);
        before = totals;
        x = execution(cases[i].qty, cases[i].price, NULL, NULL);
        CHECK_INT(mw_order_count(&totals, &x), -1);
        CHECK(same_order(&totals, &before));
    }
}

/* Positions ------------------------------------------------------------------------------------ */

static void position_totals(void)
{
    for (int sign = 1; sign >= -1; sign -= 2) {
        struct mw_position_totals totals, before;
        struct mw_execution x = execution("0.3", "100", "0.6", "IDR");
        mw_position_totals_init(&totals);
        CHECK_INT(mw_position_count(&totals, &x, sign), 0);
        CHECK_DECIMAL(totals.qty, sign > 0 ? "0.3" : "-0.3");
        CHECK_DECIMAL(totals.cost, sign > 0 ? "30" : "-30");
        CHECK_DECIMAL(totals.cash, sign > 0 ? "-30" : "30"); /* paid, or brought */
        x = execution("0.2", "110", "0.0001", "BTC");
        CHECK_INT(mw_position_count(&totals, &x, sign), 0);
        CHECK_DECIMAL(totals.qty, sign > 0 ? "0.5" : "-0.5");
        CHECK_DECIMAL(totals.cost, sign > 0 ? "52" : "-52");
        CHECK_DECIMAL(totals.cash, sign > 0 ? "-52" : "52");
        before = totals;
        x = execution("0.1", "120", "-0.2", "idr"); /* it closes: only its fee is counted here */
        CHECK_INT(mw_position_count(&totals, &x, -sign), 1);
        CHECK_TEXT(fee_of(&totals, "IDR"), "0.4");
        CHECK_TEXT(fee_of(&totals, "BTC"), "0.0001");
        CHECK_INT(totals.fee_count, 2);
        CHECK(same_held(&totals, &before));
        x = execution("0", "120", NULL, NULL);
        CHECK_INT(mw_position_count(&totals, &x, sign), 0);
        CHECK_DECIMAL(totals.qty, sign > 0 ? "0.5" : "-0.5");
    }
}

static void fees_by_asset(void)
{
    static const char *const names[] = {"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"};
    struct mw_position_totals totals, before;
    struct mw_execution x;
    char expected[16];
    mw_position_totals_init(&totals);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < MW_FEE_ASSETS_MAX; i++) {
            char fee[16];
            (void)snprintf(fee, sizeof fee, "%d.5", i);
            x = execution("1", "1", fee, names[i]);
            CHECK_INT(mw_position_count(&totals, &x, 1), 0);
        }
        CHECK_INT(totals.fee_count, MW_FEE_ASSETS_MAX);
        for (int i = 0; i < MW_FEE_ASSETS_MAX; i++) {
            int tenths = round * (10 * i + 5);
            (void)snprintf(expected, sizeof expected, tenths % 10 ? "%d.%d" : "%d", tenths / 10,
                           tenths % 10);
            CHECK_TEXT(fee_of(&totals, names[i]), expected);
        }
    }
    before = totals;
    for (int sign = 1; sign >= -1; sign -= 2) { /* a ninth, when it opens and when it closes */
        struct mw_decimal fee = dec("7");
        x = execution("1", "1", "1", "A1");
        CHECK_INT(mw_execution_add_fee(&x, &fee, asset("A2")), 0);
        CHECK_INT(mw_execution_add_fee(&x, &fee, asset("A9")), 0);
        CHECK_INT(mw_position_count(&totals, &x, sign), -1);
        CHECK(same_position(&totals, &before)); /* not even what came before it */
        CHECK_INT(mw_position_add_fees(&totals, &x), -1);
        CHECK(same_position(&totals, &before));
    }
    x = execution("1", "1", NULL, NULL);
    struct mw_decimal parts[] = {dec("1"), dec("2"), dec("-4"), dec("8")};
    for (size_t i = 0; i < COUNT(parts); i++) /* four fees, one asset */
        CHECK_INT(mw_execution_add_fee(&x, &parts[i], asset("a1")), 0);
    CHECK_INT(mw_position_add_fees(&totals, &x), 0);
    CHECK_TEXT(fee_of(&totals, "A1"), "8.5");
    CHECK(same_held(&totals, &before)); /* fees alone */
}

static void position_limits(void)
{
    static const struct {
        const char *first_qty, *first_price, *first_fee, *qty, *price, *fee;
        int sign;
    } cases[] = {
        {HALF, "0", "1", HALF, "0", NULL, 1},     /* quantity, when the rest has been added */
        {"1", HALF, "1", "1", HALF, NULL, 1},     /* cost and cash */
        {"1", "1", "1", "1e40", "1e40", NULL, 1}, /* the product itself */
        {"1", "1", HALF, "1", "1", HALF, 1},      /* fee, when it opens */
        {"1", "1", HALF, "1", "1", HALF, -1},     /* and when it closes */
        {LARGE, "1", "1", "0.1", "0", NULL, 1},   /* 35 digits: the same again */
        {LARGE, "1", "1", "1", "0.1", NULL, 1},
        {LARGE, "1", "1", "12345678901234567891", "12345678901234567891", NULL, 1},
        {"1", "1", LARGE, "1", "1", "0.1", 1},
        {"1", "1", LARGE, "1", "1", "0.1", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mw_position_totals totals, before;
        struct mw_execution x =
            execution(cases[i].first_qty, cases[i].first_price, cases[i].first_fee, "IDR");
        mw_position_totals_init(&totals);
        CHECK_INT(mw_position_count(&totals, &x, 1), 0);
        before = totals;
        x = execution(cases[i].qty, cases[i].price, "3", "BTC"); /* fits, and comes first */
        if (cases[i].fee) {
            struct mw_decimal fee = dec(cases[i].fee);
            CHECK_INT(mw_execution_add_fee(&x, &fee, asset("IDR")), 0);
        }
        CHECK_INT(mw_position_count(&totals, &x, cases[i].sign), -1);
        CHECK(same_position(&totals, &before));
    }
}

static const struct test_case cases[] = {
    {"an asset has one number, however its name is written", assets},
    {"an execution has up to four fees, and none of nothing", fees_of_an_execution},
    {"a fee is read as a message has it, and needs its asset", fees_of_a_message},
    {"an order's totals and its state follow what is counted and told", order_totals},
    {"the greatest ids of its trades are at hand, and make room when there is none", trade_ids},
    {"a stake leaves its profit or its loss, and no position", stakes},
    {"an order's totals that do not fit are refused and nothing changes", order_limits},
    {"a position adds what opens it and leaves what closes it", position_totals},
    {"fees are added by asset; a ninth asset is refused and nothing changes", fees_by_asset},
    {"a position's totals that do not fit are refused and nothing changes", position_limits},
    {"assets have an end, and the known ones stay", too_many_assets},
};

TEST_MAIN(cases)
