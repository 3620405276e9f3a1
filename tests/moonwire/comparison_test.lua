-- What the venue lists against what we know, after a log-on and from time to time.

local fixture = require "tests.moonwire.reconcile_fixture"
local stage = require "tests.moonwire.stage"
local t = require "tests.tap"

local play, one_trade, trades = fixture.play, fixture.one_trade, fixture.trades
local row, listed, single = fixture.row, fixture.listed, fixture.single

-- After a log-on ----------------------------------------------------------------------------------

local function again(s)
  s:close(s:private(), 1006)
  s:advance(1)
end

t.test("an order that is still listed goes on as it was", function()
  local s, order, S = play()
  s.answers.openOrders = listed(row(order, "951000"))
  again(s)
  t.equal(s.session.state, "up")
  t.equal(order.status, "new")
  t.equal(#S.fills, 0)
  t.equal(#s:asked "getOrderByClientOrderId", 0, "the list says enough")
end)

t.test("executions that were missed are booked before the session is up", function()
  local s, order, S = play()
  s.answers.openOrders = listed(row(order, "571000"))
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.0004", "950000000"))
  again(s)
  t.equal(s.session.state, "up")
  t.equal(order.status, "partially_filled")
  t.equal(table.concat(S.fills, " "), "0.0004")
end)

t.test("an order that is not listed any more is asked about, and its fills with it", function()
  local s, order, S = play()
  s.answers.getOrderByClientOrderId = single(order, "0", "filled")
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.001", "949000000"))
  again(s)
  t.equal(s.session.state, "up")
  t.equal(order.status, "filled")
  t.equal(table.concat(S.fills, " "), "0.001")
end)

t.test("an order seen alive, not listed and not found, is kept and asked about on", function()
  local s, order = play()
  again(s)
  t.equal(order:is_open(), true)
  local asked = #s:asked "getOrderByClientOrderId"
  s:advance(30)
  t.ok(#s:asked "getOrderByClientOrderId" > asked)
  t.equal(order:is_open(), true)
end)

t.test("orders that nobody here sent are taken in, external and once", function()
  local s = stage.new { answers = { openOrders = stage.vector "open_orders" } }:start()
  local open = s.desk.orders:list_open()
  t.equal(#open, 4)
  local ids = {}
  for i, order in ipairs(open) do
    t.equal(order.external, true)
    ids[i] = order.order_id .. " " .. order.type
  end
  table.sort(ids)
  t.equal(table.concat(ids, "|"), "btcidr-limit-310130 limit|btcidr-limit-310131 limit"
          .. "|btcidr-stoplimit-310132 stop_limit|btcusdt-limit-9 limit")
  again(s)
  t.equal(#s.desk.orders:list_open(), 4)
end)

t.test("an external order that is gone is asked about by its own id", function()
  local s = stage.new { answers = { openOrders = stage.vector "open_orders" } }:start()
  s.answers.openOrders = listed()
  s.answers.getOrder = function(request)
    return ('{"success":1,"return":{"order":{"order_id":"%s","price":"1","type":"sell",'
            .. '"status":"cancelled","order_btc":"1","remain_btc":"1"}}}')
      :format(stage.parameter(request, "order_id"))
  end
  again(s)
  s:advance(5)
  t.equal(#s.desk.orders:list_open(), 0)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
  t.ok(#s:asked "getOrder" >= 4)
end)

t.test("a list that cannot be had keeps the session down", function()
  local s, order = play()
  s.answers.openOrders = { 502, "<html>" }
  again(s)
  t.equal(s.session.state, "down")
  t.equal(order:is_open(), true)
  s.answers.openOrders = listed(row(order, "951000"))
  s:advance(60)
  t.equal(s.session.state, "up")
end)

-- From time to time -------------------------------------------------------------------------------

t.test("while orders are open the venue is compared each minute", function()
  local s, order = play()
  s.answers.openOrders = listed(row(order, "951000"))
  local asked = #s:asked "openOrders"
  s:advance(59)
  t.equal(#s:asked "openOrders", asked)
  s:advance(2)
  t.equal(#s:asked "openOrders", asked + 1)
  s:advance(60)
  t.equal(#s:asked "openOrders", asked + 2)
end)

t.test("without open orders nobody asks", function()
  local s, order = play()
  s:push(s:update(order, { status = "CANCELLED" }))
  local asked = #s:asked "openOrders"
  s:advance(200)
  t.equal(#s:asked "openOrders", asked)
end)

t.test("a CANCELLED that the stream lost is found by the comparison", function()
  local s, order = play()
  s.answers.getOrderByClientOrderId = single(order, "951000", "cancelled")
  s:advance(61)
  t.equal(order.status, "canceled")
end)

t.test("an order that is sent while the list is on its way is not missed in it", function()
  local s, order = play { answers = { openOrders = listed() } }
  s.answers.openOrders = false
  s:advance(60)
  t.ok(s:find "openOrders")
  local runner = s.runners.one
  runner.class.more = function(self)
    self.second = assert(self:buy { qty = "0.001", price = "940000000" })
  end
  s:advance(1)
  s:run(runner, "call_method", "more", 0, {})
  s:settle()
  local second = runner.instance.second
  s:answer(s:find "openOrders", 200, listed(row(order, "951000")))
  s:settle()
  t.equal(second.status, "new")
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("a comparison that fails is said, and tried again in its time", function()
  local s, order = play()
  s.answers.openOrders = { 502, "<html>" }
  s:advance(61)
  t.equal(order.status, "new")
  t.equal(s.session.state, "up")
  t.ok(#s:logged "periodic reconcile" > 0)
  local asked = #s:asked "openOrders"
  s:advance(60)
  t.equal(#s:asked "openOrders", asked + 1)
end)

t.test("a clock that was set back hides nothing from the comparison after a log-on", function()
  local s, order = play()
  t.equal(order.status, "new")
  s:shift_clock(-3600)
  s.answers.getOrderByClientOrderId = single(order, "951000", "cancelled")
  s:close(s:private())
  s:advance(3)
  t.equal(s.session.state, "up")
  t.equal(order.status, "canceled")
end)

-- As sweep.lua, which looks again while answers are due.
t.test("behind a dead runtime an order is not asked about by two at once", function()
  local s, order = play { answers = { getOrderByClientOrderId = false } }
  s:run(s.session.private, "stop")
  s:run(s.desk, "cancel", order)
  s:settle()
  s:advance(0.2)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  s:run(s.session, "in_task", "looking", function(session) session.reconciler:run() end)
  s:settle()
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  s:answer(s:find "getOrderByClientOrderId", 200, single(order, "951000", "cancelled"))
  s:settle()
  t.equal(order.status, "canceled")
end)

stage.done()
