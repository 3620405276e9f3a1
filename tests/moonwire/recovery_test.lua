-- A run takes over from those before it: orders, owners, positions, what strategies kept, ids.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local archive_module = require "moonwire.archive"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local archive_fixture = require "tests.moonwire.archive_fixture"
local json = require "moonwire.json"
local mw = require "moonwire"
local persist = require "moonwire.persist"
local recovery = require "moonwire.recovery"

local D = decimal
local EPOCH = client_id.base36(1789999990000, 8) .. "abc"

-- The n-th id of a strategy of the run before.
local function id_of(strategy, n)
  return client_id.maker("moonwire", strategy, EPOCH, (n or 1) - 1):next()
end

-- A strategy that tells, in self.told, what it hears.
local function teller(more)
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  local function say(self, ...)
    self.told = self.told or {}
    table.insert(self.told, table.concat({ ... }, " "))
  end
  function class:on_start()
    say(self, "start", #self.orders)
    if more then more(self) end
  end
  function class:on_order(order, event) say(self, "order", event.previous, order.status) end
  function class:on_fill(fill) say(self, "fill", fill.trade_id or "", tostring(fill.qty)) end
  return class
end

local function told(s, name) return table.concat(s.runners[name].instance.told or {}, "|") end

-- A sell as the venue lists it: 0.003 BTC, of which `left` is open.
local function listed(id, left, number)
  return { order_id = number or "310131", client_order_id = id, submit_time = "1789999990",
           price = "950000000", type = "sell", order_type = "limit", order_btc = "0.003",
           remain_btc = left }
end

local function open_orders(...)
  return json.encode { success = 1, ["return"] = { orders = { btc_idr = json.array { ... } } } }
end

-- The venue's trades 1, 2, ... of 0.001 BTC each.
local function trades(...)
  local rows = {}
  for i, number in ipairs { ... } do
    rows[i] = { tradeId = tostring(number), orderId = "btcidr-limit-310131", qty = "0.001",
                price = "950000000", isMaker = true, time = 1789999990000 + number,
                commissionAsset = "idr", commission = "11" }
  end
  return json.encode { data = json.array(rows) }
end

-- A stage with these strategies that takes over from `journal` (nil: it is lost). All have begun
-- before, unless options.is_first.
local function take_over(journal, options)
  if journal and not options.is_first then
    journal:run "INSERT OR IGNORE INTO persist (strategy) SELECT DISTINCT strategy FROM orders"
  end
  options.strategies = options.strategies or { { name = "one", class = teller() } }
  local s = stage.new(options)
  s.desk.config.on_orphan = options.on_orphan
  recovery.begin(s.desk, archive_module.open(journal and journal.path, s.desk.log), "0.1.0")
  return s
end

local function with_journal(body)
  local journal = archive_fixture.new()
  local ok, err = pcall(body, journal)
  journal:remove()
  if not ok then error(err, 0) end
end

local function sell(journal, row, fills)
  local all = { client_order_id = id_of "one", order_id = "btcidr-limit-310131", side = "sell" }
  for name, value in pairs(row or {}) do all[name] = value end
  return journal:order(all, fills)
end

-- Orders ------------------------------------------------------------------------------------------

t.test("an open order is again its strategy's before that starts", function()
  with_journal(function(journal)
    sell(journal, { status = "partially_filled" }, { { trade_id = "1" } })
    local s = take_over(journal, { answers = { openOrders = open_orders(listed(id_of "one",
                                                                              "0.002")) } })
    local order = s.desk.orders:list_open({ strategy = "one" })[1]
    t.equal(order.status, "unknown")
    s:start()
    t.equal(order.status, "partially_filled")
    t.equal(tostring(order.cum_qty), "0.001")
    t.equal(told(s, "one"), "start 1|order unknown partially_filled")
    t.equal(#s:asked "/api/v2/myTrades", 0)
    s:push(s:fill(order, "0.002", "0.003"))
    t.equal(order.status, "filled")
  end)
end)

-- The same order and its fill, as the stream shows them again: an order of this run that is no
-- longer in memory, and not in the tables yet either.
t.test("a report waits while the tables of the journal lag, and counts nothing twice", function()
  with_journal(function(journal)
    local s = take_over(journal, {})
    s:start()
    journal:run "INSERT INTO chunks (chunk, run, first, last) VALUES (1, 2, 1, 3)"
    local order = { client_order_id = id_of "one", order_id = "btcidr-limit-310131", qty = "0.002",
                    side = "SELL" }
    s:push(s:fill(order, "0.002", "0.002", { tradeId = "1" }))
    t.equal(s.desk.orders:find("idx", id_of "one"), nil)
    s:advance(5)
    t.equal(s.desk.orders:find("idx", id_of "one"), nil)
    sell(journal, { status = "filled", qty = "0.002" }, { { trade_id = "1", qty = "0.002" } })
    journal:run "UPDATE drawn SET chunk = 1, number = 3"
    s:advance(1)
    order = s.desk.orders:find("idx", id_of "one")
    t.equal(order.status, "filled")
    t.equal(tostring(order.cum_qty), "0.002")
    t.equal(told(s, "one"), "start 0")
  end)
end)

t.test("what was executed in between is told once, after on_start", function()
  with_journal(function(journal)
    sell(journal, { status = "partially_filled" }, { { trade_id = "1" } })
    local s = take_over(journal, { answers = {
      openOrders = open_orders(listed(id_of "one", "0.001")),
      ["/api/v2/myTrades"] = trades(1, 2),
    } })
    s:start()
    t.equal(told(s, "one"), "start 1|fill 2 0.001|order unknown partially_filled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    s:advance(120)
    t.equal(told(s, "one"), "start 1|fill 2 0.001|order unknown partially_filled")
  end)
end)

t.test("an order that finished in between is finished, with its fills", function()
  with_journal(function(journal)
    sell(journal)
    local s = take_over(journal, { answers = {
      getOrderByClientOrderId = function()
        local row = listed(id_of "one", "0")
        row.status = "filled"
        return json.encode { success = 1, ["return"] = { order = row } }
      end,
      ["/api/v2/myTrades"] = trades(1, 2, 3),
    } })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 1 0.001|order unknown filled"
      .. "|fill 2 0.001|fill 3 0.001|order partially_filled filled")
    t.equal(#s.desk.orders:list_open(), 0)
  end)
end)

t.test("an order of which nobody knows whether it was sent is asked about until that is clear",
  function()
  with_journal(function(journal)
    sell(journal, { status = "pending_new", order_id = false })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 1")
    s:advance(60)
    t.equal(told(s, "one"), "start 1|order unknown rejected")
    t.equal(#s:asked "trade", 0)
  end)
end)

t.test("a cancel that was under way is sent again when the order still works", function()
  with_journal(function(journal)
    sell(journal, { status = "pending_cancel" })
    local s = take_over(journal, { answers = { openOrders = open_orders(listed(id_of "one",
                                                                              "0.003")) } })
    s:start()
    t.equal(#s:asked "cancelByClientOrderId", 1)
    t.equal(#s.desk.orders:list_open(), 0)
  end)
end)

t.test("what shows up after a stop began is canceled, too", function()
  with_journal(function(journal)
    sell(journal)
    local lost = id_of("one", 2)
    local s = take_over(journal, { answers = {
      openOrders = open_orders(listed(id_of "one", "0.003"), listed(lost, "0.003", "310132")),
      cancelByClientOrderId = false } })
    s.keep_closed = true
    s:start()
    s:run(s.desk, "stop", 0, "the guardian died")
    s:settle()
    s.keep_closed = nil
    s:advance(5)
    local canceled = {}
    for _, request in ipairs(s:asked "cancelByClientOrderId") do
      canceled[stage.parameter(request, "client_order_id")] = true
    end
    t.equal(canceled[lost], true, "a cancel of the order that nobody knew")
  end)
end)

t.test("a stop before the venue was up cancels what was taken over", function()
  with_journal(function(journal)
    sell(journal)
    local s = take_over(journal, { answers = { openOrders = false } })
    s:start()
    s:run(s.desk, "stop", 0, "asked to")
    s:settle()
    t.equal(#s:asked "cancelByClientOrderId", 1)
    t.equal(#s.desk.orders:list_open(), 0)
    s:advance(11)                          -- what was executed before cannot be asked for any more
    t.equal(s.stopped, 0)
    t.equal(told(s, "one"), "")
  end)
end)

t.test("an order on a venue that is not configured any more is named", function()
  with_journal(function(journal)
    sell(journal, { venue = "old" })
    local s = take_over(journal, {})
    t.equal(#s.desk.orders:list_open(), 0)
    t.equal(#s:logged "is open on venue old, which the configuration does not have any more", 1)
    s:start()
  end)
end)

t.test("fills that make no sense leave the order to the venue", function()
  with_journal(function(journal)
    sell(journal, {}, { { trade_id = "1", qty = "7" } })
    local s = take_over(journal, {})
    t.equal(#s.desk.orders:list_open(), 0)
    t.equal(#s:logged "cannot be restored", 1)
  end)
end)

-- Puts what the run recorded under names into the journal.
local function copy_persist(s, journal)
  local last = {}
  for _, record in ipairs(s:recorded "persist") do
    local name, text = record.text:match "^(%Z*)%z(.*)$"
    last[name] = text
  end
  for name, text in pairs(last) do journal:insert("persist", { strategy = name, text = text }) end
end

t.test("what was booked and not told before the process died again is told by the next run",
  function()
  with_journal(function(journal)
    sell(journal, { status = "partially_filled" }, { { trade_id = "1" } })
    local answers = { openOrders = open_orders(listed(id_of "one", "0.001")),
                      ["/api/v2/myTrades"] = trades(1, 2) }
    local dying = take_over(journal, { answers = answers })
    dying.desk.are_started = true                      -- it dies before it starts strategies
    dying:start()
    t.equal(told(dying, "one"), "")
    copy_persist(dying, journal)
    journal:run "UPDATE persist SET told = 1 WHERE strategy = 'one'"
    journal:insert("fills", { order_key = 1, trade_id = "2", qty = "0.001", price = "950000000",
                              flags = 0, liquidity = "maker", fees = "11 IDR" })
    local s = take_over(journal, { answers = answers })
    s:start()
    t.equal(told(s, "one"), "start 1|fill 2 0.001|order unknown partially_filled"
      .. "|order unknown partially_filled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    -- All of it is told now: a third run has nothing to tell.
    journal:run "DELETE FROM persist"
    copy_persist(s, journal)
    journal:run "UPDATE persist SET told = 2 WHERE strategy = 'one'"
    s = take_over(journal, { answers = answers })
    s:start()
    t.equal(told(s, "one"), "start 1|order unknown partially_filled")
  end)
end)

t.test("a fill that was not told has all that a fill has", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, { { trade_id = "7", liquidity = "taker", flags = 2,
                                               fees = "11 IDR" } })
    journal:insert("persist", { strategy = "one", told = 0 })
    journal:insert("persist", { strategy = "untold:one:000005", text = "{broken" })
    local fill
    local class = mw.strategy { venue = "idx" }
    function class:on_fill(heard) fill = heard end
    local s = take_over(journal, { strategies = { { name = "one", class = class } } })
    s:start()
    t.equal(fill.trade_id .. fill.liquidity .. fill.client_order_id, "7taker" .. id_of "one")
    t.ok(fill.qty == D "0.001" and fill.price == D "950000000")
    t.ok(fill.fees[1].asset == "IDR" and fill.fees[1].amount == D "11")
    t.equal(fill.time, 1789999990.5)
    t.equal(fill.is_estimate, true)
    t.equal(fill.order.status, "canceled")
    t.equal(#s:logged "what the run before did not come to tell is lost", 1)
  end)
end)

-- Two orders, the first with two fills, in the order in which they were counted: 1, 2, 1.
local function three_fills(journal, status)
  sell(journal, { status = status, client_order_id = id_of("one", 1) }, { { trade_id = "1" } })
  sell(journal, { status = "filled", client_order_id = id_of("one", 2), qty = "0.001",
                  order_id = "btcidr-limit-2" }, { { trade_id = "2" } })
  journal:insert("fills", { order_key = 1, trade_id = "3", qty = "0.002", price = "950000000",
                            flags = 0 })
end

t.test("what a strategy has not heard of is told in its order, and that an order is filled by it",
  function()
  local all = "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
  for from, heard in pairs { [0] = all .. "|order partially_filled filled",
                             [1] = "start 0|fill 2 0.001|order new filled|fill 3 0.002"
                               .. "|order partially_filled filled",
                             [2] = "start 0|fill 3 0.002|order partially_filled filled",
                             [3] = "start 0" } do
    with_journal(function(journal)
      three_fills(journal, "filled")
      journal:insert("persist", { strategy = "one", text = "{}", told = from })
      local s = take_over(journal, {})
      s:start()
      t.equal(told(s, "one"), heard)
    end)
  end
  with_journal(function(journal)                       -- how it ended is not told twice
    three_fills(journal, "canceled")
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), all)
  end)
end)

t.test("how an order ended is told after its fills, once", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    journal:insert("persist", { strategy = "one", told = 0 })
    journal:insert("persist", { strategy = "untold:one:000003", text = persist.encode {
      venue = "idx", client_order_id = id_of("one", 1), previous = "pending_cancel" } })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
      .. "|order pending_cancel filled")
    local records = s:recorded "persist"
    t.equal(records[#records].text, "untold:one:000003\0")
  end)
end)

t.test("a fill counted by total is told as it was counted, what names it is not", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, {
      { trade_id = false, qty = "0", new_qty = "0.002", flags = 2 },
      { trade_id = "5", qty = "0.0015", new_qty = "0", flags = 1 },
      { trade_id = "6", qty = "0.001", new_qty = "0.0005", flags = 1 },
    })
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.0025")
    s:start()
    t.equal(told(s, "one"), "start 0|fill  0.002|fill 6 0.0005")
  end)
end)

t.test("of whom nobody knows how far it has heard, it hears nothing old", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0")
  end)
end)

t.test("who never began with this journal has heard nothing, and hears all", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    local s = take_over(journal, { is_first = true })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
            .. "|order partially_filled filled")
  end)
end)

t.test("a fill on a venue that is not configured any more is not told, and said", function()
  with_journal(function(journal)
    sell(journal, { venue = "old", status = "filled" }, { { trade_id = "1" } })
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0")
    t.equal(#s:logged "on_fill is not called for trade 1 of order", 1)
  end)
end)

t.test("a strategy that does not start leaves what it was to hear to the next run", function()
  with_journal(function(journal)
    sell(journal)
    local s = take_over(journal, {
      strategies = { { name = "one", class = teller(function() error "oops" end) } },
      answers = { openOrders = open_orders(listed(id_of "one", "0.002")),
                  ["/api/v2/myTrades"] = trades(1) } })
    s:start()
    t.equal(told(s, "one"), "start 1")
    journal:run "DELETE FROM persist"
    copy_persist(s, journal)
    local archive = archive_module.open(journal.path, s.desk.log)
    t.equal(#archive:untold "untold:one", 1)
    archive:close()
  end)
end)

-- Without the journal -----------------------------------------------------------------------------

t.test("with the journal lost, the id says whose an order is, and its fills are told", function()
  local s = take_over(nil, {
    strategies = { { name = "one", class = teller() }, { name = "two", class = teller() } },
    answers = { openOrders = open_orders(listed(id_of "two", "0.002")),
                ["/api/v2/myTrades"] = trades(1) },
  })
  s:start()
  t.equal(told(s, "one"), "start 0")
  t.equal(told(s, "two"), "start 1|fill 1 0.001|order new partially_filled")
  t.equal(s.desk.orders:list_open()[1].external, false)
  t.equal(tostring(s.desk:position("two", "idx", "BTC/IDR").qty), "-0.001")
end)

-- The last moments -------------------------------------------------------------------------------

local function history(...)
  local rows = {}
  for i, of in ipairs { ... } do
    rows[i] = { orderId = "btcidr-limit-" .. of[2], clientOrderId = of[1], symbol = "btcidr",
                side = "SELL", type = "LIMIT", status = of[3], price = "950000000",
                oriQty = "0.003", executedQty = of[4], submitTime = 1789999999000,
                finishTime = 1789999999500 }
  end
  return json.encode { data = json.array(rows) }
end

-- A run before that knew order 1 and of whose end nothing is written.
local function died_at(journal, fields)
  local run = { run = 1, epoch = 1789999990000, ended_ns = "1789999998000000000",
                how = "cut off" }
  for name, value in pairs(fields or {}) do run[name] = value end
  journal:insert("runs", run)
  journal:insert("runs", { run = 2, started_ns = "1790000000000000000" })     -- this one
  sell(journal, { status = "filled", order_id = "btcidr-limit-1" }, { { trade_id = "7" } })
end

t.test("an order of the last moments, which nobody could write down, is found and told", function()
  with_journal(function(journal)
    died_at(journal)
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history({ id_of("one", 1), "1", "FILLED", "0.003" },
        { id_of("one", 2), "2", "CANCELLED", "0.001" }, { "web-1", "3", "FILLED", "0.003" }),
      ["/api/v2/myTrades"] = function(request)
        if not request.url:find("limit-2", 1, true) then return trades(8) end
        return (trades(9):gsub("limit%-310131", "limit-2"))
      end } })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 9 0.001|order new canceled"
      .. "|order partially_filled canceled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    local asked = s:asked "/api/v2/order/histories"
    t.equal(#asked, 1)
    t.equal(stage.parameter(asked[1], "symbol"), "btcidr")
    local start = tonumber(stage.parameter(asked[1], "startTime"))
    t.ok(math.abs(start - 1789999938000) < 10, start)
    local kept
    for _, record in ipairs(s:recorded "persist") do
      kept = record.text:match "^looked back:idx%z(.*)$" or kept
    end
    t.equal(kept, "1")
    s:close(s:private())                         -- once: it is known from then on
    s:advance(5)
    t.equal(#s:asked "/api/v2/order/histories", 1)
  end)
end)

t.test("fills that a venue does not show yet are asked for, though the order ended", function()
  with_journal(function(journal)
    died_at(journal)
    local late = '{"data":[]}'
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history { id_of("one", 2), "2", "CANCELLED", "0.001" },
      ["/api/v2/myTrades"] = function() return late end } })
    s:start()
    t.equal(told(s, "one"), "start 0|order new canceled")
    late = trades(9):gsub("limit%-310131", "limit-2")
    s:advance(2)
    t.equal(told(s, "one"), "start 0|order new canceled|fill 9 0.001")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
  end)
end)

t.test("one that died before it had looked leaves that to the next run", function()
  with_journal(function(journal)
    died_at(journal)
    journal:run "UPDATE runs SET how = 'signal 9', ended_ns = 1790000000000000001 WHERE run = 2"
    journal:insert("runs", { run = 3, started_ns = "1790000001000000000" })
    local function asked()
      local s = take_over(journal, { answers = { ["/api/v2/order/histories"] = history() } })
      s:start()
      return #s:asked "/api/v2/order/histories"
    end
    t.equal(asked(), 1)
    journal:insert("persist", { strategy = "looked back:idx", text = "1" })
    t.equal(asked(), 0)
  end)
end)

t.test("after an end that was written nothing is looked for", function()
  with_journal(function(journal)
    died_at(journal, { how = "exit status 0" })
    local s = take_over(journal, {})
    s:start()
    t.equal(#s:asked "/api/v2/order/histories", 0)
  end)
end)

t.test("a history that cannot be had is said, and asked for at the next log-on", function()
  with_journal(function(journal)
    died_at(journal)
    local s = take_over(journal, { answers = { ["/api/v2/order/histories"] = { 503, "busy" } } })
    s:start()
    t.equal(told(s, "one"), "start 0")
    t.equal(#s:logged "orders that finished while nothing was written cannot be asked for", 1)
    s.answers["/api/v2/order/histories"] = history()
    s:close(s:private())
    s:advance(5)
    t.equal(#s:asked "/api/v2/order/histories", 2)
  end)
end)

-- Orphans and others ------------------------------------------------------------------------------

t.test("an order of ours that no strategy claims is left, and said", function()
  with_journal(function(journal)
    sell(journal, { strategy = "gone", client_order_id = id_of "gone" })
    local s = take_over(journal, { answers = { openOrders = open_orders(listed(id_of "gone",
                                                                              "0.003")) } })
    s:start()
    s:advance(120)
    t.equal(#s:logged "belongs to strategy gone, which is not configured: left as it is", 1)
    t.equal(#s:asked "cancelByClientOrderId", 0)
    t.equal(told(s, "one"), "start 0")
    s:run(s.desk, "stop", 0, "asked to")               -- not waited for either
    t.equal(s.stopped, 0)
  end)
end)

t.test("an order of ours that no strategy claims is canceled where that is wanted", function()
  local list = open_orders(listed(id_of "gone", "0.003"))
  local s = take_over(nil, { on_orphan = "cancel", answers = { openOrders = list } })
  s:start()
  t.equal(#s:logged "belongs to no strategy of the configuration: is canceled", 1)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(#s.desk.orders:list_open(), 0)
end)

t.test("an order of ours that shows up later without an owner is settled then", function()
  local s = take_over(nil, { on_orphan = "ask" })
  s:start()
  s:push(s:update({ client_order_id = id_of "gone", order_id = "btcidr-limit-7" }, {}))
  t.equal(#s:logged 'left as it is (on_orphan = "ask")', 1)
  s:push(s:update({ client_order_id = id_of "gone", order_id = "btcidr-limit-7" }, {}))
  t.equal(#s:logged 'left as it is (on_orphan = "ask")', 1)
end)

t.test("an order of somebody else is shown and never touched", function()
  local list = open_orders(listed("web-1", "0.003"))
  local s = take_over(nil, { on_orphan = "cancel", answers = { openOrders = list } })
  s:start()
  local order = s.desk.orders:list_open()[1]
  t.equal(order.external, true)
  s:run(s.desk, "stop", 0, "asked to")
  t.equal(s.stopped, 0)
  t.equal(#s:asked "cancelByClientOrderId" + #s:asked "cancelOrder", 0)
end)

-- Finished orders ---------------------------------------------------------------------------------

t.test("a fill long after the end is booked to its order, strategy and position, once", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, { { trade_id = "1" } })
    local s = take_over(journal, {})
    s:start()
    t.equal(#s.desk.orders:list_open(), 0)
    local order = { client_order_id = id_of "one", order_id = "btcidr-limit-310131",
                    side = "sell", qty = "0.003" }
    s:push(s:fill(order, "0.001", "0.001", { tradeId = "1" }))
    t.equal(told(s, "one"), "start 0")
    s:push(s:fill(order, "0.001", "0.002", { tradeId = "2" }))
    s:push(s:fill(order, "0.001", "0.002", { tradeId = "2" }))
    t.equal(told(s, "one"), "start 0|fill 2 0.001")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    t.equal(s.desk.orders:find("idx", id_of "one").status, "canceled")
  end)
end)

t.test("an order of an earlier run can be asked for by its id", function()
  with_journal(function(journal)
    sell(journal, { status = "filled" })
    local answer
    local class = teller(function(self) self:task "ask" end)
    function class:ask() answer = assert(mw.venue "idx":order(id_of "one")) end
    local s = take_over(journal, { strategies = { { name = "one", class = class } }, answers = {
      getOrderByClientOrderId = function()
        local row = listed(id_of "one", "0")
        row.status = "filled"
        return json.encode { success = 1, ["return"] = { order = row } }
      end } })
    s:start()
    t.equal(answer.status, "filled")
    t.equal(answer.client_order_id, id_of "one")
  end)
end)

-- Positions, persist, ids -------------------------------------------------------------------------

t.test("positions go on where they were", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of("one", 1), status = "filled" },
                  { { trade_id = "1" }, { trade_id = "2" } })
    sell(journal, { client_order_id = id_of("one", 2), status = "filled" }, { { trade_id = "3" } })
    journal:order({ client_order_id = id_of("gone", 1), status = "filled", strategy = "gone" },
                  { { trade_id = "4" } })
    local s = take_over(journal, {})
    local position = s.desk:position("one", "idx", "BTC/IDR")
    t.equal(tostring(position.qty), "0.001")
    t.equal(position:fees_text(), "33 IDR")
    t.equal(s.desk:position("gone", "idx", "BTC/IDR").qty:is_zero(), true)
  end)
end)

-- What the position is after a start from this journal, and what that start kept of it.
local function position_after(journal)
  local s = take_over(journal, {})
  local position = s.desk:position("one", "idx", "BTC/IDR")
  local kept
  for _, record in ipairs(s:recorded "persist") do
    kept = record.text:match "^positions:all%z(.*)$" or kept
  end
  return ("%s @ %s, %s"):format(position.qty, position.avg_price, position:fees_text()), kept, s
end

t.test("what all fills came to is kept: the next start counts only those since", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of("one", 1), qty = "1", status = "canceled" },
                  { { trade_id = "1" }, { trade_id = "2", price = "960000000" } })
    journal:order({ client_order_id = id_of("gone", 1), status = "filled", strategy = "gone" },
                  { { trade_id = "3" } })
    local text, kept = position_after(journal)
    t.equal(text, "0.002 @ 955000000, 22 IDR")
    t.equal(persist.decode(kept).fill, 3)
    journal:insert("persist", { strategy = "positions:all", text = kept })
    journal:run "UPDATE fills SET qty = '7'"                -- is not looked at any more
    text, kept = position_after(journal)
    t.equal(text, "0.002 @ 955000000, 22 IDR")
    t.equal(kept, nil)
    journal:insert("fills", { order_key = 1, trade_id = "9", qty = "0.002", price = "965000000",
                              flags = 0, fees = "1 BTC" })
    text, kept = position_after(journal)
    t.equal(text, "0.004 @ 960000000, 1 BTC, 22 IDR")
    t.equal(persist.decode(kept).fill, 4)
    t.equal(#persist.decode(kept).positions, 2)
  end)
end)

t.test("a fill that may still change is counted anew by each start", function()
  for _, flags in ipairs { 2, 4 } do
    with_journal(function(journal)
      journal:order({ client_order_id = id_of "one", qty = "1" },
                    { { trade_id = "1" }, { trade_id = "2", flags = flags }, { trade_id = "3" } })
      local text, kept = position_after(journal)
      t.equal(text, "0.003 @ 950000000, 33 IDR")
      t.equal(persist.decode(kept).fill, 1)
      journal:insert("persist", { strategy = "positions:all", text = kept })
      journal:run "UPDATE fills SET price = '980000000', flags = 1 WHERE fill = 2"
      text, kept = position_after(journal)
      t.equal(text, "0.003 @ 960000000, 33 IDR")
      t.equal(persist.decode(kept).fill, 3)
    end)
  end
end)

t.test("what an earlier run booked at a bound is asked for, of finished orders too", function()
  with_journal(function(journal)
    sell(journal, { status = "filled", qty = "0.001", cum_qty = "0.001" },
         { { trade_id = "1", qty = "0.001", price = "940000000", flags = 4 } })
    local s = take_over(journal, { answers = { ["/api/v2/myTrades"] = trades(1) } })
    s:start()
    s:advance(2)
    t.equal(#s:asked "/api/v2/myTrades", 1)
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").avg_price), "950000000")
    t.equal(told(s, "one"), "start 0")
  end)
end)

t.test("one that nobody will tell more about does not hold the others up", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of "one", qty = "1" },
                  { { trade_id = "1", flags = 4, booked_ns = "1780000000000000000" } })
    local _, kept = position_after(journal)
    t.equal(persist.decode(kept).fill, 1)
  end)
end)

t.test("positions that were kept and are not understood are counted again", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of "one", qty = "1" }, { { trade_id = "1" } })
    for _, text in ipairs { "{broken", '{["fill"]=1,["positions"]={[1]={["symbol"]="BTC"}}}' } do
      journal:run "DELETE FROM persist"
      journal:insert("persist", { strategy = "positions:all", text = text })
      local found, _, s = position_after(journal)
      t.equal(found, "0.001 @ 950000000, 11 IDR")
      t.equal(#s:logged "all fills are counted again", 1)
    end
  end)
end)

t.test("what a strategy kept is there before on_start", function()
  with_journal(function(journal)
    journal:insert("persist", { strategy = "one", text = '{["price"]=dec"1.50",["n"]=7}' })
    journal:insert("persist", { strategy = "two", text = "{broken" })
    local found = {}
    local function note(self) found[self.name] = self.state.persist end
    local s = take_over(journal, { strategies = { { name = "one", class = teller(note) },
                                                  { name = "two", class = teller(note) },
                                                  { name = "three", class = teller(note) } } })
    s:start()
    t.equal(tostring(found.one.price), "1.5")
    t.equal(found.one.n, 7)
    t.equal(next(found.two), nil)
    t.equal(next(found.three), nil)
    t.equal(#s:logged "state.persist of the run before cannot be read and begins empty", 1)
  end)
end)

-- What was recorded of state.persist, and how many requests had left before.
local function kept(s, name)
  local texts = {}
  for _, record in ipairs(s:recorded "persist") do
    local of, text = record.text:match "^(%Z*)%z(.*)$"
    if of == name then texts[#texts + 1] = text end
  end
  return table.concat(texts, "|")
end

-- A strategy that does f(self) each second.
local function ticker(f)
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function class:on_start() self:every(1, "tick") end
  class.tick = f
  return class
end

local function play(class, more)
  local options = more or {}
  options.strategies = { { name = "one", class = class } }
  return take_over(nil, options):start()
end

t.test("what a strategy keeps is recorded when it changes, before commands leave", function()
  local s = play(ticker(function(self)
    local keep = self.state.persist
    keep.n = math.min((keep.n or 0) + 1, 2)
    self:buy { qty = "0.001", price = "950000000" }
  end))
  s:advance(5)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=2}')
  t.equal(stage.name_of(s.requests[s:recorded "persist"[1].requests + 1]), "trade")
end)

t.test("a strategy that keeps nothing records nothing", function()
  local s = play(ticker(function(self) self.state.n = 1 end))
  s:advance(5)
  t.equal(#s:recorded "persist", 0)
end)

t.test("what is taken back is recorded too, what a failed callback did with the next", function()
  local n = 0
  local s = play(ticker(function(self)
    n = n + 1
    self.state.persist.n = n
    if n == 2 then error "oops" end
    if n == 4 then self.state.persist.n = nil end
    if n == 5 then self.state = nil end
  end), { on_error = "continue" })
  s:advance(6)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=3}|{}')
end)

t.test("what cannot be kept is said once, and what was kept before stays", function()
  local n = 0
  local s = play(ticker(function(self)
    n = n + 1
    local keep = self.state.persist
    keep.n = n
    keep.f = n > 1 and n < 5 and print or nil
  end))
  s:advance(5)
  t.equal(#s:logged "what was kept before stays: state.persist.f: a function", 1)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=5}')
  t.equal(s.runners.one.state, "running")
end)

t.test("a task keeps what stands at each of its waits", function()
  local class = mw.strategy { venue = "idx" }
  function class:on_start() self:task "work" end
  function class:work()
    for i = 1, 3 do
      self.state.persist.i = i
      mw.sleep(1)
    end
  end
  local s = play(class)
  s:advance(10)
  t.equal(kept(s, "one"), '{["i"]=1}|{["i"]=2}|{["i"]=3}')
end)

t.test("what came back is not recorded again", function()
  with_journal(function(journal)
    journal:insert("persist", { strategy = "one", text = '{["n"]=1}' })
    local s = take_over(journal, {})
    s:start()
    t.equal(kept(s, "one"), "")
  end)
end)

local function epoch_of(s)
  local maker = client_id.maker("moonwire", "one", s.desk.epoch)
  return client_id.parse(maker:next()).started_ms
end

t.test("a run is recorded with the epoch of its ids", function()
  with_journal(function(journal)
    journal:insert("runs", { run = 1, epoch = 1890000000000 })
    local s = take_over(journal, {})
    local ran = s:recorded "run"[1]
    t.equal(table.concat(ran.text, " "), "moonwire 0.1.0 ")
    t.ok(ran.num > 0)
    t.equal(ran.num2, 1890000000001)
  end)
end)

t.test("ids go on above the journal's, though the clock was set back", function()
  with_journal(function(journal)
    t.equal(epoch_of(take_over(journal, {})), 1790000000124)
    journal:insert("runs", { run = 1, epoch = 1890000000000 })
    t.equal(epoch_of(take_over(journal, {})), 1890000000001)
  end)
end)

t.test("ids go on above those that the venue shows, before anything is sent", function()
  local later = client_id.maker("moonwire", "one", client_id.base36(1890000000000, 8) .. "zzz")
  local sent
  local class = teller(function(self) sent = self:buy { qty = "0.001", price = "950000000" } end)
  local s = take_over(nil, { strategies = { { name = "one", class = class } },
                             answers = { openOrders = open_orders(listed(later:next(),
                                                                         "0.003")) } })
  s:start()
  t.equal(client_id.parse(sent.client_order_id).started_ms, 1890000000001)
end)

t.test("an id from the end of time does not make ours too long", function()
  local last = client_id.maker("moonwire", "one", ("z"):rep(11))
  local s = take_over(nil, { answers = { openOrders = open_orders(listed(last:next(), "0.003")) } })
  s:start()
  local id = client_id.maker("moonwire", "one", s.desk.epoch, 36 ^ 8):next()
  t.ok(#id <= 36, id)
end)

t.test("two strategies whose orders could not be told apart are refused", function()
  local s = stage.new {}
  t.equal(s.desk.orders:claim "a", true)
  local ok, err = s.desk.orders:claim "a"
  t.equal(ok, nil)
  t.ok(err:find "would have the same code in order ids", err)
end)

stage.done()
