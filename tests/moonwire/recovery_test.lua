-- A run takes over from those before it: orders, owners, orphans, finished orders.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local json = require "moonwire.json"
local mw = require "moonwire"
local fixture = require "tests.moonwire.recovery_fixture"

local id_of, teller, told = fixture.id_of, fixture.teller, fixture.told
local listed, open_orders, trades = fixture.listed, fixture.open_orders, fixture.trades
local take_over, with_journal, sell = fixture.take_over, fixture.with_journal, fixture.sell

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

t.test("one that had executed something is not given up, though nobody knows its id", function()
  with_journal(function(journal)
    sell(journal, { status = "unknown", order_id = false }, { { trade_id = "1" } })
    local s = take_over(journal, {})
    s:start()
    s:advance(60)
    local order = s.desk.orders:list_open({ strategy = "one" })[1]
    t.equal(order.status, "unknown")
    t.equal(tostring(order.cum_qty), "0.001")
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
    t.equal(s.desk.orders:list_open()[1].status, "unknown")
    s:advance(11)                          -- what was executed before is for the next run to ask
    t.equal(s.stopped, 0)
    t.equal(#s:logged "not all that it executed could be had: the next run asks again", 1)
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

t.test("a fill that makes no sense is not counted again as a new one", function()
  with_journal(function(journal)
    sell(journal, {}, { { trade_id = "1", qty = "0.004" } })
    local s = take_over(journal, { answers = {
      openOrders = open_orders(listed(id_of "one", "0.001")),
      ["/api/v2/myTrades"] = trades(1, 2) } })
    t.equal(#s:logged "impossible execution of 0.004 at 950000000: not counted again", 1)
    s:start()
    t.equal(told(s, "one"), "start 1|fill 2 0.001|order unknown partially_filled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.005")
    t.equal(#s.desk.orders:list_open(), 1)
  end)
end)

t.test("an order that makes no sense is left to the venue", function()
  with_journal(function(journal)
    sell(journal, {}, { { trade_id = "1", fees = "1 IDR, 1 BTC, 1 ETH, 1 USDT, 1 AAVE" } })
    local s = take_over(journal, {})
    t.equal(#s.desk.orders:list_open(), 0)
    t.equal(#s:logged "cannot be restored, and is left to the venue", 1)
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

t.test("the end waits for the cancel of one that no strategy claims", function()
  local list = open_orders(listed(id_of "gone", "0.003"))
  local s = take_over(nil, { on_orphan = "cancel", answers = {
    openOrders = list, cancelByClientOrderId = false } })
  s:start()
  s:run(s.desk, "stop", 0, "asked to")
  s:settle()
  t.equal(s.stopped, nil)
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  s:settle()
  t.equal(s.stopped, 0)
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

t.test("one that an earlier run gave up is open again when the venue shows it", function()
  with_journal(function(journal)
    sell(journal, { status = "rejected", reason = "not_found", order_id = false })
    local s = take_over(journal, {})
    s:start()
    local order = { client_order_id = id_of "one", order_id = "btcidr-limit-310131",
                    side = "sell", qty = "0.003" }
    s:push(s:fill(order, "0.001", "0.001", { tradeId = "1" }))
    t.equal(told(s, "one"), "start 0|fill 1 0.001|order rejected partially_filled")
    local open = s.desk.orders:list_open { strategy = "one" }
    t.equal(#open, 1)
    t.equal(open[1].client_order_id, id_of "one")
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

stage.done()
