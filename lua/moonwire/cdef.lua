--- What Lua calls or reads by FFI: one declaration for each public struct and function of the
--- runtime that is leaf arithmetic or shared memory. tests/moonwire/cdef_test.lua compares the
--- sizes with C's.

local ffi = require "ffi"

ffi.cdef [[
struct mw_event {
  uint32_t kind;
  uint64_t seq;
  int64_t time_ns;
  uint64_t id;
  const char *data;
  size_t len;
  const char *text;
  size_t text_len;
  int64_t num, num2;
  bool is_secret;
};
]]

-- Lua code never changes a decimal once it is made: the words are const (decimal.lua's sums change
-- in C). What a strategy can reach has no arrays, because FFI checks no index.
ffi.cdef [[
struct mw_decimal { const uint64_t low, high; };
int mw_decimal_parse(struct mw_decimal *out, const char *text, size_t len);
size_t mw_decimal_format(const struct mw_decimal *d, char *buf, size_t cap);
int mw_decimal_add(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_sub(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_mul(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_div(struct mw_decimal *out, const struct mw_decimal *a, const struct mw_decimal *b,
                   int decimals, int rounding);
int mw_decimal_round(struct mw_decimal *out, const struct mw_decimal *a,
                     const struct mw_decimal *step, int rounding);
int mw_decimal_is_multiple(const struct mw_decimal *a, const struct mw_decimal *step);
int mw_decimal_cmp(const struct mw_decimal *a, const struct mw_decimal *b);
int mw_decimal_sign(const struct mw_decimal *d);
void mw_decimal_neg(struct mw_decimal *out, const struct mw_decimal *d);
void mw_decimal_copy(struct mw_decimal *out, const struct mw_decimal *d);
int mw_decimal_add_to(struct mw_decimal *sum, const struct mw_decimal *a, int sign);
int mw_decimal_add_product(struct mw_decimal *sum, const struct mw_decimal *a,
                           const struct mw_decimal *b, int sign);
int mw_decimal_from_double(struct mw_decimal *out, double value);
double mw_decimal_to_double(const struct mw_decimal *d);
int mw_decimal_to_int64(int64_t *out, const struct mw_decimal *d);
]]

ffi.cdef [[
struct mw_field { const char *text; uint32_t len; uint8_t type; uint8_t word; };
struct mw_decoder_view {
  struct mw_field *head, *rows;
  uint32_t row_count, row_width;
  const char *text;
  size_t text_len;
  uint32_t has_more;
  char error[160];
};
struct mw_err { char text[1024]; };
struct mw_ws_pool;
int mw_ws_send(struct mw_ws_pool *pool, uint64_t id, const char *text, size_t len,
               struct mw_err *err);
struct mw_decoder;
struct mw_decoder *mw_decoder_new(const char *const *paths, size_t count, struct mw_err *err);
void mw_decoder_free(struct mw_decoder *decoder);
struct mw_decoder_view *mw_decoder_view(struct mw_decoder *decoder);
int mw_decoder_set_words(struct mw_decoder *decoder, size_t path, const char *const *words,
                         size_t count, struct mw_err *err);
void mw_decoder_start(struct mw_decoder *decoder, const char *text, size_t len);
int mw_decoder_next(struct mw_decoder *decoder);
int mw_decoder_read(struct mw_decoder *decoder, const char *text, size_t len);
double mw_field_integer(const struct mw_field *field);
double mw_text_integer(const char *text, size_t len);
int mw_field_is(const struct mw_field *field, const char *text, size_t len);
int mw_field_decimal(struct mw_decimal *out, const struct mw_field *field);
int mw_field_units(struct mw_decimal *out, const struct mw_field *field, int decimals);
]]

ffi.cdef [[
struct mw_execution {
  struct mw_decimal qty, price, fee_1, fee_2, fee_3, fee_4;
  double time;
  uint16_t asset_1, asset_2, asset_3, asset_4;
  uint8_t fee_count, liquidity;
};
struct mw_fee_slots { uint32_t count; struct { uint16_t amount, asset; } of[4]; };
struct mw_order_totals {
  struct mw_decimal qty, cum, value, told;
  uint32_t has_qty, number;
  double trade_1, trade_2, trade_3, trade_4, trade_5, trade_6, trade_7, trade_8;
  uint32_t trade_count;
};
struct mw_position_totals {
  struct mw_decimal qty, cost, cash, fee_1, fee_2, fee_3, fee_4, fee_5, fee_6, fee_7, fee_8;
  uint16_t asset_1, asset_2, asset_3, asset_4, asset_5, asset_6, asset_7, asset_8;
  uint32_t fee_count;
};
unsigned mw_asset_number(const char *name, size_t len);
const char *mw_asset_name(unsigned number);
int mw_execution_read_fees(struct mw_execution *x, const struct mw_field *fields,
                           const struct mw_fee_slots *slots);
int mw_execution_add_fee(struct mw_execution *x, const struct mw_decimal *amount, unsigned asset);
unsigned mw_execution_fee(const struct mw_execution *x, unsigned i, struct mw_decimal *amount);
void mw_order_totals_init(struct mw_order_totals *totals, const struct mw_decimal *qty);
void mw_order_told(struct mw_order_totals *totals, const struct mw_decimal *cum_qty);
int mw_order_count(struct mw_order_totals *totals, const struct mw_execution *x);
int mw_order_state(const struct mw_order_totals *totals);
int mw_trades_add(struct mw_order_totals *totals, double id);
uint32_t mw_trades_move(struct mw_order_totals *totals, double *out);
int mw_trades_take_back(struct mw_order_totals *totals, double id);
void mw_position_totals_init(struct mw_position_totals *totals);
int mw_position_count(struct mw_position_totals *totals, const struct mw_execution *x, int sign);
unsigned mw_position_fee(const struct mw_position_totals *totals, unsigned i,
                         struct mw_decimal *amount);
int mw_position_add_fees(struct mw_position_totals *totals, const struct mw_execution *x);
]]

ffi.cdef [[
int getpid(void);
struct mw_record {
  uint32_t size;
  uint16_t kind, flags;
  uint64_t number;
  int64_t time_ns;
  uint64_t event, id;
  int64_t num, num2;
  uint32_t data_len, text_len;
};
const char *mw_record_name(unsigned kind);
bool mw_utf8_valid(const char *text, size_t len);

int64_t mw_chunk_len(const void *chunk, size_t stored);
int mw_chunk_unpack(const void *chunk, size_t stored, void *to, size_t len);
struct mw_recorder;
void mw_record_event(struct mw_recorder *recorder, const struct mw_event *event);
void mw_record_event_end(struct mw_recorder *recorder);
void mw_record_put(struct mw_recorder *recorder, const struct mw_record *fields, const void *data,
                   const void *text);
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
void mw_record_fill(struct mw_recorder *recorder, uint64_t order, unsigned flags,
                    const struct mw_execution *x, const char *trade_id, double trade_number,
                    uint32_t number);
struct mw_execution_words {
  const char *trade_id, *status, *order_id, *reason;
  uint32_t trade_id_len, status_len, order_id_len, reason_len;
};
void mw_record_executed(struct mw_recorder *recorder, unsigned flags, const struct mw_execution *x,
                        double trade_number, uint32_t number, const struct mw_order_totals *totals,
                        const struct mw_execution_words *words);
void mw_record_told(struct mw_recorder *recorder, const char *strategy, size_t len, double fill);
]]

ffi.cdef [[
struct mw_places;
struct mw_places *mw_places_new(void);
void mw_places_free(struct mw_places *places);
uint32_t mw_places_find(const struct mw_places *places, const char *text, size_t len);
uint32_t mw_places_take(struct mw_places *places, const char *text, size_t len);
uint32_t mw_places_leave(struct mw_places *places, const char *text, size_t len);
]]

ffi.cdef [[
struct mw_counter { char text[64]; uint32_t len, digits_at, base; };
void mw_counter_next(struct mw_counter *counter);
]]

ffi.cdef [[
size_t mw_json_quote_long_numbers(const char *text, size_t len, char *out, size_t cap);
]]

-- Without the plan that follows: the guardian's.
ffi.cdef [[
struct mw_shared {
  uint64_t turns, waits, event, callbacks;
  uint32_t callback, name_count, open_orders, is_leaving, ended;
  char names[1024][96];
  uint64_t interrupt_of;
  uint32_t interrupt, slow_callback;
  uint64_t slow_of;
  uint32_t journal_state;
  char journal_problem[256];
};
]]

return ffi
