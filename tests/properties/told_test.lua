--- Property: a fill is told exactly once, whatever dies when. Two strategies trade on a venue that
--- goes on while they are dead, and cancel some of their orders; what the stream says of executions
--- and ends is lost at times, and of some executions it has a bound in place of the price. Each run
--- ends at a random record: what was recorded after it never was. In some histories all is recorded
--- at once, and finished orders are forgotten as soon as others finish. In the end each of the two
--- has heard of each of its executions once:
---   1. who counts in self.state.persist has counted what the venue has executed for it, and so has
---      its position, at its prices;
---   2. who keeps nothing was told once in all by callbacks whose end was recorded;
---   3. the journal has each execution once, with its price, and no order that is in doubt.
---
--- MW_PROPERTY_RUNS (default 100000) / 2000 histories; MW_PROPERTY_SEED repeats a run that failed.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local fixture = require "tests.moonwire.journal_fixture"
local files = require "tests.files"
local C = ffi.C

local HISTORIES = math.ceil(tonumber(os.getenv "MW_PROPERTY_RUNS" or 100000) / 2000)
local SEED = tonumber(os.getenv "MW_PROPERTY_SEED" or 20261121)
local KEPT = 3                        -- finished orders, by who forgets soon

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
local position = require "moonwire.position"
local record = require "moonwire.record"
local recovery = require "moonwire.recovery"

local fake_record = host.record
local function put(kind, text, num, num2)
  writer:put(kind, { num = num or 0, num2 = num2 or 0 }, nil, text)
end

local random = math.random
local function chance(p) return random() < p end

-- What was recorded -------------------------------------------------------------------------------

local event = ffi.cast("struct mw_event *", host.event())
local length = ffi.new "size_t[1]"
local journal                         -- of this run: { handle =, err =, first =, stored = bytes }

local function peek()
  local at = ffi.cast("char *", C.mw_ring_peek(writer.ring, length))
  return at, tonumber(length[0])
end

-- Since the run began.
local function recorded_bytes()
  local _, count = peek()
  return journal.stored + count
end

-- As the guardian does: it finds out how the last run ended.
local function open_journal(path)
  local err = ffi.new "struct mw_err"
  local handle = C.mw_journal_open(ffi.new("struct mw_journal_options", { path = path }), err)
  assert(handle ~= nil, ffi.string(err.text))
  journal = { handle = handle, err = err, first = false, stored = 0 }
end

local function check_journal(result) assert(result == 0, ffi.string(journal.err.text)) end

-- Writes the first `count` bytes of what was recorded, as records of one process.
local function store(count)
  local at = peek()
  local offset = 0
  while offset < count do
    local one = ffi.cast("struct mw_record *", at + offset)
    journal.first = journal.first or one.number
    one.number, one.time_ns = one.number - journal.first + 1, event.time_ns    -- the stage's time
    offset = offset + one.size
  end
  check_journal(C.mw_journal_write(journal.handle, at, count, journal.err))
  check_journal(C.mw_journal_commit(journal.handle, journal.err))
  check_journal(C.mw_journal_draw(journal.handle, journal.err))
  C.mw_ring_consume(writer.ring, count)
  journal.stored = journal.stored + count
end

local function store_all() store(select(2, peek())) end

-- The run ends at a random record, not before byte `from`; what was recorded behind it is gone.
-- Returns where it ended.
local function cut(from, is_all)
  local at, total = peek()
  local offset, ends = 0, { }
  while offset < total do
    offset = offset + ffi.cast("struct mw_record *", at + offset).size
    if journal.stored + offset >= from then ends[#ends + 1] = offset end
  end
  local count = is_all and total or ends[#ends > 0 and random(#ends) or 0] or total
  store(count)
  C.mw_ring_consume(writer.ring, total - count)
  C.mw_journal_close(journal.handle)
  return journal.stored
end

-- The venue --------------------------------------------------------------------------------------

local trade_count = 7000

local function is_open(order) return order.cum < 6 and not order.is_canceled end

local function row_of(order)
  return { order_id = tostring(order.number), client_order_id = order.id, type = "sell",
           submit_time = "1790000000", price = "950000000", order_type = "limit",
           order_btc = "0.006", remain_btc = ("%.3f"):format(0.006 - order.cum / 1000),
           status = order.cum == 6 and "filled" or order.is_canceled and "cancelled" or "open" }
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
        if is_open(order) then rows[#rows + 1] = row_of(order) end
      end
      return json.encode { success = 1, ["return"] = { orders = { btc_idr = json.array(rows) } } }
    end,
    cancelByClientOrderId = function(request)
      local order = venue[stage.parameter(request, "client_order_id")]
      if not (order and is_open(order)) then return '{"success":0,"error":"Order not found"}' end
      order.is_canceled = true
      venue.untold[#venue.untold + 1] = order
      if chance(0.1) then return { 502, "bad gateway" } end
      return ('{"success":1,"return":{"order_id":%d,"client_order_id":"%s"}}'):format(order.number,
                                                                                     order.id)
    end,
    getOrderByClientOrderId = function(request)
      local order = venue[stage.parameter(request, "client_order_id")]
      if not order then return '{"success":0,"error":"Order not found"}' end
      return json.encode { success = 1, ["return"] = { order = row_of(order) } }
    end,
    ["/api/v2/order/histories"] = function()
      local rows = {}
      for _, order in ipairs(venue) do
        if not is_open(order) then
          rows[#rows + 1] = { orderId = "btcidr-limit-" .. order.number, clientOrderId = order.id,
                              symbol = "btcidr", side = "SELL", type = "LIMIT",
                              status = order.is_canceled and "CANCELLED" or "FILLED",
                              price = "950000000", oriQty = "0.006",
                              executedQty = ("%.3f"):format(order.cum / 1000),
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

-- What the venue calls an order, for Stage:update.
local function named(order)
  return { order_id = "btcidr-limit-" .. order.number, client_order_id = order.id, side = "sell",
           qty = "0.006" }
end

-- Executes a thousandth or more of an order; the frame for it, when its owner is to hear.
local function execute(s, order)
  local qty, is_maker = random(1, math.min(3, 6 - order.cum)), chance(0.7)
  order.cum, trade_count = order.cum + qty, trade_count + 1
  order.trades[#order.trades + 1] = {
    tradeId = tostring(trade_count), orderId = "btcidr-limit-" .. order.number,
    qty = ("%.3f"):format(qty / 1000), price = is_maker and "950000000" or "951000000",
    isMaker = is_maker, time = 1790000000000 + trade_count, commissionAsset = "idr",
    commission = "11" }
  if not s or chance(0.2) then return nil end
  local frame = s:fill(named(order), ("%.3f"):format(qty / 1000), ("%.3f"):format(order.cum / 1000),
                       { tradeId = tostring(trade_count) })
  frame.order.fillInformation.participant = is_maker and "MAKER" or "TAKER"
  return frame
end

local function open_orders(venue)
  local list = {}
  for _, order in ipairs(venue) do
    if is_open(order) then list[#list + 1] = order end
  end
  return list
end

-- The strategies ---------------------------------------------------------------------------------

local is_quiet = false                -- nothing is canceled any more

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
  function class:look()
    local order = not is_quiet and chance(0.4) and self.orders[random(#self.orders)]
    if order then self:cancel(order) end
    sell_some(self)
  end
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

-- Who forgets soon needs the journal to find it again: it is written as soon as anything happens.
local function forget_soon(s)
  local class = getmetatable(s)
  s.desk.orders.keep_finished = KEPT
  for _, name in ipairs { "answer", "frame", "advance" } do
    s[name] = function(self, ...)
      class[name](self, ...)
      store_all()
    end
  end
end

local function begin(venue, path, elapsed, is_forgetful)
  local s = stage.new { answers = answers_of(venue), on_error = "continue", strategies = {
    { name = "one", class = counting }, { name = "two", class = plain } } }
  host.record = put
  s.is_end_untold = true                         -- the venue tells it as it is
  s:advance(elapsed)
  open_journal(path)
  if is_forgetful then forget_soon(s) end
  local past = archive.open(path, s.desk.log)
  recovery.begin(s.desk, past, "0.1.0")
  local known = recorded_bytes()
  s:start()
  return s, past, known
end

-- What the stream says of orders that were canceled; some of it is lost.
local function tell_ends(s, venue)
  local frames = {}
  for _, order in ipairs(venue.untold) do
    if chance(0.7) then
      frames[#frames + 1] = s:update(named(order), {
        status = "CANCELLED", executedQty = ("%.3f"):format(order.cum / 1000) })
    end
  end
  venue.untold = {}
  if #frames > 0 then s:push(unpack(frames)) end
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
    venue.is_silent = chance(0.2)
    if chance(0.5) then s:advance(seconds) end
    tell_ends(s, venue)
  end
  venue.is_silent = false
end

-- What the venue has executed for a strategy, and what it brought.
local function executed(venue, name)
  local qty, cash, tag = 0, mw.decimal "0", client_id.tag(name)
  for _, order in ipairs(venue) do
    if client_id.parse(order.id).strategy == tag then
      qty = qty + order.cum
      for _, trade in ipairs(order.trades) do cash = cash + mw.decimal(trade.qty) * trade.price end
    end
  end
  return mw.decimal(("%.3f"):format(qty / 1000)), cash
end

local function check_position(s, name, qty, cash)
  local totals = position.totals(s.desk:position(name, "idx", "BTC/IDR"))
  t.equal(tostring(-totals.qty), tostring(qty))
  t.equal(tostring(totals.cash), tostring(cash))
end

local ended = { filled = true, canceled = true }

local function check_journal_of(venue, past)
  for _, order in ipairs(venue) do
    local archived = past:order("idx", order.id, nil)
    t.equal(ended[archived.status] or false, not is_open(order), order.id .. " " .. archived.status)
    local rows, told = {}, {}
    for _, trade in ipairs(order.trades) do
      told[#told + 1] = ("%s %s %s"):format(trade.tradeId, trade.qty, trade.price)
    end
    for _, fill in ipairs(archived.fills) do
      rows[#rows + 1] = ("%s %s %s"):format(fill.trade_id, fill.qty, fill.price)
    end
    table.sort(rows)
    table.sort(told)
    t.equal(table.concat(rows, "|"), table.concat(told, "|"), order.id)
  end
end

local function check(s, venue)
  local qty, cash = executed(venue, "one")
  local one = s.runners.one.instance
  t.equal(tostring(one.state.persist.qty or mw.decimal "0"), tostring(qty))
  check_position(s, "one", qty, cash)
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
  qty, cash = executed(venue, "two")
  t.equal(tostring(sum), tostring(qty))
  check_position(s, "two", qty, cash)
end

local function play(path)
  local venue, elapsed, is_forgetful = { untold = {} }, 0, chance(0.5)
  heard = {}
  for _ = 1, random(1, 4) do
    local before = #heard
    local s, past, from = begin(venue, path, elapsed, is_forgetful)
    live(s, venue, random(1, 60))
    past:close()
    local stop = cut(from)
    -- A callback of which the journal does not say that it ended never was.
    for i = #heard, before + 1, -1 do
      if heard[i].ended_at > stop then table.remove(heard, i) end
    end
    for _, order in ipairs(open_orders(venue)) do
      if chance(0.3) then execute(nil, order) end
    end
    elapsed = elapsed + s.elapsed + 1
  end
  local s, past = begin(venue, path, elapsed, is_forgetful)
  live(s, venue, random(1, 20))
  is_quiet = true
  tell_ends(s, venue)
  s:advance(100)
  is_quiet = false
  check(s, venue)
  store_all()
  check_journal_of(venue, past)
  past:close()
  cut(0, true)
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
