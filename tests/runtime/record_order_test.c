/* What happens to orders is what a reader finds in their records. */
#include "recorder.h"

#include <inttypes.h>
#include <math.h>

static void parse(struct mw_decimal *out, const char *text)
{
    if (mw_decimal_parse(out, text, strlen(text)) < 0)
        abort();
}

static const char *decimal_at(const struct mw_record *r, size_t n)
{
    static char text[MW_DECIMAL_TEXT_MAX];
    struct mw_decimal d;
    memcpy(&d, mw_record_data(r) + n * sizeof d, sizeof d);
    (void)mw_decimal_format(&d, text, sizeof text); /* fits */
    return text;
}

static void an_order(void)
{
    begin_test();
    struct mw_decimal price, qty;
    struct mw_order_words words = {"m1-42", NULL,  "idx",         "BTC/IDR", "buy",
                                   "limit", "gtc", "pending_new", "ladder",  "on_fill"};
    static const char *const list[] = {"m1-42",  "",        "idx",   "BTC/IDR",
                                       "buy",    "limit",   "gtc",   "pending_new",
                                       "ladder", "on_fill", "(none)"};
    parse(&price, "950000000.5");
    parse(&qty, "0.001");
    mw_record_order(recorder, 7, MW_ORDER_FLAG_external, &price, &qty, NULL, &words);
    const struct mw_record *r = take();
    CHECK_INT(r->kind, MW_RECORD_order);
    CHECK_INT(r->id, 7);
    CHECK_INT(r->flags, MW_ORDER_FLAG_external | MW_ORDER_FLAG_price | MW_ORDER_FLAG_qty);
    CHECK_INT(r->data_len, 3 * sizeof price);
    CHECK_TEXT(decimal_at(r, 0), "950000000.5");
    CHECK_TEXT(decimal_at(r, 1), "0.001");
    for (int i = 0; i < 11; i++)
        CHECK_TEXT(item(r, i), list[i]);
    mw_record_order(recorder, 8, 0, NULL, NULL, &qty, &words);
    r = take();
    CHECK_INT(r->flags, MW_ORDER_FLAG_amount);
    CHECK_TEXT(decimal_at(r, 2), "0.001");
    end_test();
}

static void a_status(void)
{
    begin_test();
    struct mw_order_totals totals;
    mw_order_totals_init(&totals, NULL);
    parse(&totals.cum, "0.5");
    parse(&totals.value, "1.25");
    mw_record_order_status(recorder, 7, &totals, "canceled", "1234", NULL);
    const struct mw_record *r = take();
    CHECK_INT(r->kind, MW_RECORD_order_status);
    CHECK_INT(r->id, 7);
    CHECK_INT(r->data_len, 2 * sizeof totals.cum);
    CHECK_TEXT(decimal_at(r, 0), "0.5");
    CHECK_TEXT(decimal_at(r, 1), "1.25");
    CHECK_TEXT(item(r, 0), "canceled");
    CHECK_TEXT(item(r, 1), "1234");
    CHECK_TEXT(item(r, 2), "");
    CHECK_TEXT(item(r, 3), "(none)");
    end_test();
}

static void a_fill(void)
{
    begin_test();
    struct mw_execution x = {.time = 1705635775.203, .liquidity = 2}, found;
    parse(&x.qty, "0.001");
    parse(&x.price, "950000000");
    CHECK_INT(mw_execution_add_fee(&x, &x.qty, mw_asset_number("BTC", 3)), 0);
    CHECK_INT(mw_execution_add_fee(&x, &x.price, mw_asset_number("IDR", 3)), 0);
    mw_record_fill(recorder, 7, MW_FILL_FLAG_estimate, &x, "t-1", 0, 5);
    const struct mw_record *r = take();
    CHECK_INT(r->kind, MW_RECORD_fill);
    CHECK_INT(r->id, 7);
    CHECK_INT(r->flags, MW_FILL_FLAG_estimate);
    CHECK_INT(r->num, 1705635775203000000);
    CHECK_INT(r->num2, 5);
    CHECK_INT(r->data_len, sizeof x);
    memcpy(&found, mw_record_data(r), sizeof found);
    CHECK_INT(mw_decimal_cmp(&found.price, &x.price), 0);
    CHECK_INT(found.liquidity, 2);
    CHECK_TEXT(item(r, 0), "t-1");
    CHECK_TEXT(item(r, 1), "BTC");
    CHECK_TEXT(item(r, 2), "IDR");
    CHECK_TEXT(item(r, 3), "(none)");
    end_test();
}

static void trade_numbers(void)
{
    begin_test();
    struct mw_execution x = {.time = 1};
    for (uint64_t ten = 1; ten < UINT64_C(9000000000000000); ten *= 10)
        for (uint64_t n = ten > 1 ? ten - 1 : ten; n <= ten + 1; n++) {
            char text[32];
            (void)snprintf(text, sizeof text, "%" PRIu64, n); /* fits */
            mw_record_fill(recorder, 1, 0, &x, NULL, (double)n, 1);
            CHECK_TEXT(item(take(), 0), text);
        }
    end_test();
}

/* Of a fill with fees in these assets. */
static void check_names(const char *first, const char *second)
{
    const char *const names[] = {first, second};
    struct mw_execution x = {.time = 1};
    parse(&x.qty, "1");
    for (size_t i = 0; i < 2 && names[i]; i++)
        CHECK_INT(mw_execution_add_fee(&x, &x.qty, mw_asset_number(names[i], strlen(names[i]))), 0);
    mw_record_fill(recorder, 1, 0, &x, NULL, 1000, 1);
    const struct mw_record *r = take();
    CHECK_TEXT(item(r, 0), "1000");
    CHECK_TEXT(item(r, 1), first ? first : "(none)");
    CHECK_TEXT(item(r, 2), second ? second : "(none)");
    CHECK_TEXT(item(r, 3), "(none)");
}

static void fees_of_others(void)
{
    begin_test();
    check_names("IDR", "BTC");
    check_names("IDR", "BTC");
    check_names("IDR", "USDT");
    check_names("IDR", NULL);
    check_names(NULL, NULL);
    check_names("BTC", "IDR");
    end_test();
}

static struct mw_execution_words words_with(const char *trade_id, const char *order_id,
                                            const char *reason)
{
    static const char status[] = "partially_filled";
    return (struct mw_execution_words){trade_id,
                                       status,
                                       order_id,
                                       reason,
                                       trade_id ? (uint32_t)strlen(trade_id) : 0,
                                       sizeof status - 1,
                                       order_id ? (uint32_t)strlen(order_id) : 0,
                                       reason ? (uint32_t)strlen(reason) : 0};
}

/* A fill and a status in one call are the records that two calls would write, seen at once. */
static void fill_and_status(void)
{
    static const char *const texts[] = {NULL,
                                        "",
                                        "1",
                                        "1234567",
                                        "12345678",
                                        "a-long-1",
                                        "btcidr-limit-60917",
                                        "6b0e8f5c-2c1d-4c57-9c38-0f6d1b7a3e21"};
    begin_test();
    struct mw_execution x = {.time = 1705635775.203, .liquidity = 1};
    struct mw_order_totals totals;
    parse(&x.qty, "0.001");
    parse(&x.price, "950000000");
    CHECK_INT(mw_execution_add_fee(&x, &x.qty, mw_asset_number("BTC", 3)), 0);
    mw_order_totals_init(&totals, NULL);
    totals.cum = x.qty;
    totals.value = x.price;
    totals.number = 7;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *id = texts[i], *other = texts[sizeof texts / sizeof *texts - 1 - i];
        struct mw_execution_words words = words_with(id, other, id);
        mw_record_fill(recorder, 7, MW_FILL_FLAG_estimate, &x, id, 91, 5);
        mw_record_order_status(recorder, 7, &totals, "partially_filled", other, id);
        size_t size = mw_ring_used(ring), len;
        mw_record_executed(recorder, MW_FILL_FLAG_estimate, &x, 91, 5, &totals, &words);
        char *bytes = mw_ring_peek(ring, &len);
        CHECK_INT(len, 2 * size);
        for (size_t at = 0; at < size; at += ((struct mw_record *)(void *)(bytes + at))->size) {
            struct mw_record *one = (struct mw_record *)(void *)(bytes + at);
            struct mw_record *both = (struct mw_record *)(void *)(bytes + size + at);
            CHECK_INT(both->number, one->number + 2);
            both->number = one->number;
            both->time_ns = one->time_ns; /* of no event: each has its own */
        }
        CHECK(memcmp(bytes, bytes + size, size) == 0);
        mw_ring_consume(ring, len);
    }
    end_test();
}

/* What a venue sends cannot begin another word. */
static void nuls_in_words(void)
{
    static const char *const found[] = {"partially_filled", "12?canceled", "", "(none)"};
    begin_test();
    struct mw_execution x = {.time = 1};
    struct mw_order_totals totals;
    struct mw_execution_words words = words_with("", "", NULL);
    mw_order_totals_init(&totals, NULL);
    words.order_id = "12\0canceled";
    words.order_id_len = 11;
    words.trade_id = "7\0IDR";
    words.trade_id_len = 5;
    mw_record_executed(recorder, 0, &x, 0, 1, &totals, &words);
    CHECK_TEXT(item(take(), 0), "7?IDR");
    const struct mw_record *r = take();
    for (int i = 0; i < 4; i++)
        CHECK_TEXT(item(r, i), found[i]);
    end_test();
}

static void told(void)
{
    static const double fills[] = {0, 7, 4294967297.0, -1, NAN, 1e300};
    static const uint64_t found[] = {0, 7, 4294967297, 0, 0, 0};
    begin_test();
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        mw_record_told(recorder, "ladder", 6, fills[i]);
        const struct mw_record *r = take();
        CHECK_INT(r->kind, MW_RECORD_told);
        CHECK_INT(r->id, found[i]);
        CHECK_INT(r->size, 72);
        CHECK_INT(r->text_len, 6);
        CHECK(memcmp(mw_record_text(r), "ladder", 6) == 0);
    }
    end_test();
}

/* A strategy can reach the struct: no figure of it is trusted. */
static void a_spoiled_fill(void)
{
    static const double times[] = {0, -1, 1e300, NAN, INFINITY};
    begin_test();
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct mw_execution x = {.time = times[i], .fee_count = 255, .assets = {60000}};
        mw_record_fill(recorder, 1, 0, &x, NULL, 9007199254740991, 1);
        const struct mw_record *r = take();
        CHECK_INT(r->num, 0);
        CHECK_TEXT(item(r, 0), "9007199254740991");
        CHECK_INT(r->text_len, 17 + MW_FEES_MAX);
    }
    end_test();
}

static void long_words(void)
{
    begin_test();
    struct mw_order_totals totals;
    char *reason = malloc(100001);
    if (!reason)
        abort();
    memset(reason, 'r', 100000);
    reason[100000] = '\0';
    mw_order_totals_init(&totals, NULL);
    mw_record_order_status(recorder, 7, &totals, "rejected", "", reason);
    const struct mw_record *r = take();
    CHECK_INT(r->flags, MW_RECORD_CUT);
    CHECK_INT(strlen(item(r, 2)), 4096);
    CHECK_TEXT(item(r, 3), "(none)");
    struct mw_execution x = {.time = 1};
    struct mw_execution_words words = words_with(reason, NULL, NULL);
    mw_record_executed(recorder, 0, &x, 0, 1, &totals, &words);
    r = take();
    CHECK_INT(r->flags, MW_RECORD_CUT);
    CHECK_INT(strlen(item(r, 0)), 4096);
    CHECK_INT(take()->flags, 0);
    free(reason);
    end_test();
}

int main(void)
{
    static const struct test_case cases[] = {
        {"an order has its decimals and its words", an_order},
        {"a status has what was executed", a_status},
        {"a fill has its execution, its time and the names of its fees", a_fill},
        {"a trade's number is written with all its digits", trade_numbers},
        {"the names of a fill's fees are its own, whatever the one before had", fees_of_others},
        {"a fill and a status in one call are what two calls write", fill_and_status},
        {"a NUL in a word begins no other one", nuls_in_words},
        {"which fill was told is small", told},
        {"a fill of nonsense is recorded without harm", a_spoiled_fill},
        {"a word of 100 kB is cut, and that can be seen", long_words},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
