--- Property: a fill is told exactly once, whatever dies when. Two strategies trade on a venue that
--- goes on while they are dead; each of their runs ends at a random record: what was recorded after
--- it never was. In the end each of them has heard of each of its executions once:
---   1. who counts in self.state.persist has counted what the venue has executed for it, and so has
---      its position;
---   2. who keeps nothing was told once in all by callbacks whose end was recorded.
---
--- MW_PROPERTY_RUNS (default 100000) / 2000 histories; MW_PROPERTY_SEED repeats a run that failed.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local fixture = require "tests.moonwire.journal_fixture"
local files = require "tests.files"
local C = ffi.C

local HISTORIES = math.ceil(tonumber(os.getenv "MW_PROPERTY_RUNS" or 100000) / 2000)
local SEED = tonumber(os.getenv "MW_PROPERTY_SEED" or 20261121)

-- One recorder for all runs, in place of the host's; what it wrote goes to a journal later.
local directory = files.directory "told"
local writer = fixture.new(directory .. "/unused.db", 0)
local real_recorder = host.recorder
host.recorder = function() return writer.recorder end

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local archive = require "moonwire.archive"
local client_id = require "moonwire.client_id"
local json = require "moonwire.json"
local mw = require "moonwire"
local record = require "moonwire.record"
local recovery = require "moonwire.recovery"

local fake_record = host.record
local function put(kind, text, num, num2)
  writer:put(kind, { num = num or 0, num2 = num2 or 0 }, nil, text)
end

local random = math.random
local function chance(p) return random() < p end

-- What was recorded since the last time -----------------------------------------------------------

local event = ffi.cast("struct mw_event *", host.event())
local length = ffi.new "size_t[1]"
local function recorded_bytes()
  C.mw_ring_peek(writer.ring, length)
  return tonumber(length[0])
end

local function open_journal(path)
  local err = ffi.new "struct mw_err"
  local journal = C.mw_journal_open(ffi.new("struct mw_journal_options", { path = path }), err)
  assert(journal ~= nil, ffi.string(err.text))
  return journal, err
end

-- Writes the records up to a random one, not before byte `from`, into the journal, as those of one
-- process; the others are gone. Returns where it ended.
local function cut(path, from, is_all)
  local at = ffi.cast("char *", C.mw_ring_peek(writer.ring, length))
  local total, ends, base = tonumber(length[0]), {}, nil
  local offset = 0
  while offset < total do
    local one = ffi.cast("struct mw_record *", at + offset)
    base = base or one.number - 1
    one.number, one.time_ns = one.number - base, event.time_ns         -- the stage's time
    offset = offset + one.size
    if offset >= from then ends[#ends + 1] = offset end
  end
  local stop = is_all and total or ends[random(#ends)]
  local journal, err = open_journal(path)
  assert(C.mw_journal_write(journal, at, stop, err) == 0, ffi.string(err.text))
  assert(C.mw_journal_commit(journal, err) == 0, ffi.string(err.text))
  C.mw_journal_close(journal)
  C.mw_ring_consume(writer.ring, total)
  return stop
end

-- The venue --------------------------------------------------------------------------------------

local trade_count = 7000

local function row_of(order)
  return { order_id = tostring(order.number), client_order_id = order.id, type = "sell",
           submit_time = "1790000000", price = "950000000", order_type = "limit",
           order_btc = "0.006", remain_btc = ("%.3f"):format(0.006 - order.cum / 1000),
           status = order.cum == 6 and "filled" or "open" }
end

local function answers_of(venue)
  return {
    trade = function(request)
      local order = { id = stage.parameter(request, "client_order_id"), cum = 0, trades = {},
                      number = 310130 + #venue }
      venue[#venue + 1], venue[order.id] = order, order
      return ('{"success":1,"return":{"order_id":%d}}'):format(order.number)
    end,
    openOrders = function()
      local rows = {}
      for _, order in ipairs(venue) do
        if order.cum < 6 then rows[#rows + 1] = row_of(order) end
      end
      return json.encode { success = 1, ["return"] = { orders = { btc_idr = json.array(rows) } } }
    end,
    getOrderByClientOrderId = function(request)
      local order = venue[stage.parameter(request, "client_order_id")]
      if not order then return '{"success":0,"error":"Order not found"}' end
      return json.encode { success = 1, ["return"] = { order = row_of(order) } }
    end,
    ["/api/v2/order/histories"] = function()
      local rows = {}
      for _, order in ipairs(venue) do
        if order.cum == 6 then
          rows[#rows + 1] = { orderId = "btcidr-limit-" .. order.number, clientOrderId = order.id,
                              symbol = "btcidr", side = "SELL", type = "LIMIT", status = "FILLED",
                              price = "950000000", oriQty = "0.006", executedQty = "0.006",
                              submitTime = 1790000000000, finishTime = 1790000000500 }
        end
      end
      return json.encode { data = json.array(rows) }
    end,
    ["/api/v2/myTrades"] = function(request)
      if venue.is_silent then return { 503, "busy" } end
      local number, rows = stage.parameter(request, "orderId"), {}
      local id = stage.parameter(request, "clientOrderId")
      for _, order in ipairs(venue) do
        local is_meant = order.id == id or number and order.number == tonumber(number:match "%d+$")
        for _, trade in ipairs(is_meant and order.trades or {}) do rows[#rows + 1] = trade end
      end
      return json.encode { data = json.array(rows) }
    end,
  }
end

-- Executes a thousandth or more of an order; the frame for it, when its owner is to hear.
local function execute(s, order)
  local qty = random(1, math.min(3, 6 - order.cum))
  order.cum, trade_count = order.cum + qty, trade_count + 1
  order.trades[#order.trades + 1] = {
    tradeId = tostring(trade_count), orderId = "btcidr-limit-" .. order.number,
    qty = ("%.3f"):format(qty / 1000), price = "950000000", isMaker = true,
    time = 1790000000000 + trade_count, commissionAsset = "idr", commission = "11" }
  local known = s and s.desk.orders.by_client_id[order.id]
  if not known or chance(0.2) then return nil end
  return s:fill(known, ("%.3f"):format(qty / 1000), ("%.3f"):format(order.cum / 1000),
                { tradeId = tostring(trade_count) })
end

local function open_orders(venue)
  local list = {}
  for _, order in ipairs(venue) do
    if order.cum < 6 then list[#list + 1] = order end
  end
  return list
end

-- The strategies ---------------------------------------------------------------------------------

local function sell_some(self)
  while #self.orders < 2 do
    if not self:sell { qty = "0.006", price = "950000000" } then return end
  end
end

local function new_class(on_fill)
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function class:on_start()
    sell_some(self)
    self:every(5, "look")
  end
  class.look = sell_some
  function class:on_fill(fill, order)
    on_fill(self, fill)
    if order.leaves_qty:is_zero() then sell_some(self) end
    if chance(0.1) then error "oops" end
  end
  return class
end

local counting = new_class(function(self, fill)
  local keep = self.state.persist
  keep.qty = (keep.qty or mw.decimal "0") + fill.qty
  keep.trades = keep.trades or {}
  local key = "t" .. (fill.trade_id or "")
  if fill.trade_id then keep.trades[key] = (keep.trades[key] or 0) + 1 end
end)

-- { trade_id =, qty =, ended_at = bytes recorded when the record of its end was }
local heard
local plain = new_class(function(_, fill)
  heard[#heard + 1] = { trade_id = fill.trade_id, qty = fill.qty, ended_at = math.huge }
end)

local real_told = record.told
function record.told(strategy, fill)
  real_told(strategy, fill)
  if strategy == "two" and #heard > 0 and heard[#heard].ended_at == math.huge then
    heard[#heard].ended_at = recorded_bytes()
  end
end

-- Histories --------------------------------------------------------------------------------------

local function begin(venue, path, elapsed)
  local s = stage.new { answers = answers_of(venue), on_error = "continue", strategies = {
    { name = "one", class = counting }, { name = "two", class = plain } } }
  host.record = put
  s:advance(elapsed)
  C.mw_journal_close((open_journal(path)))       -- as the guardian does: how the last run ended
  local past = archive.open(path, s.desk.log)
  recovery.begin(s.desk, past, "0.1.0")
  local known = recorded_bytes()
  s:start()
  return s, past, known
end

local function live(s, venue, seconds)
  for _ = 1, random(0, 8) do
    local open = open_orders(venue)
    local frames = {}
    for _ = 1, #open > 0 and random(1, 3) or 0 do
      local order = open[random(#open)]
      if order.cum < 6 then frames[#frames + 1] = execute(s, order) end
    end
    if #frames > 0 then s:push(unpack(frames)) end
    venue.is_silent = chance(0.1)
    if chance(0.5) then s:advance(seconds) end
  end
  venue.is_silent = false
end

-- What the venue has executed for a strategy.
local function executed(venue, name)
  local qty, tag = 0, client_id.tag(name)
  for _, order in ipairs(venue) do
    if client_id.parse(order.id).strategy == tag then qty = qty + order.cum end
  end
  return mw.decimal(("%.3f"):format(qty / 1000))
end

local function check(s, venue)
  local qty = executed(venue, "one")
  local one = s.runners.one.instance
  t.equal(tostring(one.state.persist.qty or mw.decimal "0"), tostring(qty))
  t.equal(tostring(-one:position().qty), tostring(qty))
  for trade, times in pairs(one.state.persist.trades or {}) do
    t.equal(times, 1, "times that " .. trade .. " was counted")
  end
  local sum, times = mw.decimal "0", {}
  for _, entry in ipairs(heard) do
    local trade = entry.trade_id
    sum = sum + entry.qty
    if trade then
      t.equal(times[trade], nil, "times that " .. trade .. " was told before")
      times[trade] = true
    end
  end
  qty = executed(venue, "two")
  t.equal(tostring(sum), tostring(qty))
  t.equal(tostring(-s.runners.two.instance:position().qty), tostring(qty))
end

local function play(path)
  local venue, elapsed = {}, 0
  heard = {}
  for _ = 1, random(1, 4) do
    local before = #heard
    local s, past, from = begin(venue, path, elapsed)
    live(s, venue, random(1, 60))
    past:close()
    local stop = cut(path, from)
    -- A callback of which the journal does not say that it ended never was.
    for i = #heard, before + 1, -1 do
      if heard[i].ended_at > stop then table.remove(heard, i) end
    end
    for _, order in ipairs(open_orders(venue)) do
      if chance(0.3) then execute(nil, order) end
    end
    elapsed = elapsed + s.elapsed + 1
  end
  local s, past = begin(venue, path, elapsed)
  s:advance(200)
  check(s, venue)
  past:close()
  cut(path, 0, true)
end

t.test("each fill is told once, whatever dies when", function()
  for i = 1, HISTORIES do
    math.randomseed(SEED + i)
    local path = ("%s/%d.db"):format(directory, i)
    local ok, err = xpcall(play, debug.traceback, path)
    for _, suffix in ipairs { "", "-wal", "-shm", "-suspect" } do os.remove(path .. suffix) end
    if not ok then error(("seed %d: %s"):format(SEED + i, err), 0) end
  end
end)

host.record, host.recorder = fake_record, real_recorder
writer:close()
files.remove(directory)
stage.done()
