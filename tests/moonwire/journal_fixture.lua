--- Writes journal files for tests, with the runtime's own recorder, ring and writer.

local ffi = require "moonwire.cdef"
local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"
local C = ffi.C

ffi.cdef [[
struct mw_ring;
struct mw_ring *mw_ring_new(size_t bytes, struct mw_err *err);
void mw_ring_free(struct mw_ring *ring);
const void *mw_ring_peek(struct mw_ring *ring, size_t *len);
void mw_ring_consume(struct mw_ring *ring, size_t len);
struct mw_recorder_options { struct mw_ring *ring; bool (*on_full)(void *, bool); void *arg; };
struct mw_recorder *mw_recorder_new(const struct mw_recorder_options *options, struct mw_err *err);
void mw_recorder_free(struct mw_recorder *recorder);
void mw_record_event(struct mw_recorder *recorder, const struct mw_event *event);
void mw_record_event_end(struct mw_recorder *recorder);
void mw_record_put(struct mw_recorder *recorder, const struct mw_record *fields, const void *data,
                   const void *text);
struct mw_journal;
struct mw_journal_options { const char *path; int64_t max_bytes, max_age_ns; };
struct mw_journal *mw_journal_open(const struct mw_journal_options *options, struct mw_err *err);
int mw_journal_write(struct mw_journal *journal, const void *records, size_t len,
                     struct mw_err *err);
int mw_journal_commit(struct mw_journal *journal, struct mw_err *err);
int mw_journal_draw(struct mw_journal *journal, struct mw_err *err);
void mw_journal_close(struct mw_journal *journal);
]]

local M = {}
local Writer = {}
Writer.__index = Writer

-- Numbers of kinds, by name.
local kinds = {}
for number = 0, 127 do kinds[ffi.string(C.mw_record_name(number))] = number end

--- A journal that is written to. Its events begin at `ns` (int64) and are 1 ms apart.
function M.new(path, ns)
  local self = setmetatable({ path = path, err = ffi.new "struct mw_err", ns = ns, seq = 0 },
                            Writer)
  self.ring = C.mw_ring_new(4194304, self.err)
  self.recorder = C.mw_recorder_new(ffi.new("struct mw_recorder_options", { ring = self.ring }),
                                    self.err)
  self.journal = C.mw_journal_open(ffi.new("struct mw_journal_options", { path = path }), self.err)
  assert(self.recorder ~= nil and self.journal ~= nil, ffi.string(self.err.text))
  return self
end

function Writer:check(result)
  assert(result == 0, ffi.string(self.err.text))
end

--- What was recorded is in the file then; rows of much are not drawn yet.
function Writer:store()
  local len = ffi.new "size_t[1]"
  local records = C.mw_ring_peek(self.ring, len)
  self:check(C.mw_journal_write(self.journal, records, len[0], self.err))
  self:check(C.mw_journal_commit(self.journal, self.err))
  C.mw_ring_consume(self.ring, len[0])
end

--- The same, with all rows.
function Writer:commit()
  self:store()
  self:check(C.mw_journal_draw(self.journal, self.err))
end

function Writer:close()
  C.mw_journal_close(self.journal)
  C.mw_recorder_free(self.recorder)
  C.mw_ring_free(self.ring)
end

--- An event begins; what is recorded up to the next one is caused by it.
function Writer:event(kind, id, data, text, num)
  self.seq, self.ns = self.seq + 1, self.ns + 1000000
  local event = ffi.new("struct mw_event", { kind = kinds[kind], seq = self.seq, id = id,
    time_ns = self.ns, data = data, len = #(data or ""), text = text, text_len = #(text or ""),
    num = num or 0 })
  C.mw_record_event(self.recorder, event)
end

--- Any other record. `text` may be a list of texts.
function Writer:put(kind, fields, data, text)
  if type(text) == "table" then text = table.concat(text, "\0") .. "\0" end
  local record = ffi.new("struct mw_record", fields or {})
  record.kind, record.data_len, record.text_len = kinds[kind], #(data or ""), #(text or "")
  C.mw_record_put(self.recorder, record, data, text)
end

function Writer:run(name)
  self:put("run", { num = 77, num2 = 5 }, nil, { name, "0.1.0", "m.lua" })
end

--- order: number, client_order_id, order_id, venue, symbol, side, price, qty, strategy, callback.
function Writer:order(order)
  local words = ffi.new("struct mw_order_words", {
    client_order_id = order.client_order_id, order_id = order.order_id,
    venue = order.venue or "idx", symbol = order.symbol or "BTC/IDR", side = order.side or "buy",
    type = "limit", time_in_force = "gtc", status = "pending_new",
    strategy = order.strategy or "ladder",
    callback = order.callback or "" })
  C.mw_record_order(self.recorder, order.number, 0, decimal(order.price or "950000000"),
                    decimal(order.qty or "0.5"), nil, words)
end

function Writer:status(number, status, order_id, cum, reason)
  local totals = ffi.new "struct mw_order_totals"
  decimal.set(totals.cum, decimal(cum or "0"))
  decimal.set(totals.value, decimal(cum or "0") * decimal "950000000")
  C.mw_record_order_status(self.recorder, number, totals, status, order_id, reason)
end

function Writer:fill(number, trade_id, qty)
  local x = execution.of { last_qty = decimal(qty), last_price = decimal "950000000",
    fees = { { asset = "IDR", amount = decimal "12.5" } }, liquidity = "maker", time = 1700000000 }
  self.fills = (self.fills or 0) + 1
  C.mw_record_fill(self.recorder, number, 0, x, trade_id, 0, self.fills)
end

return M
