-- Cancels of a session: sent, refused, lost, and sent again.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local dispatch = require "moonwire.dispatch"
local fixture = require "tests.moonwire.session_fixture"
local order_module = require "moonwire.order"

local up, with_order = fixture.up, fixture.with_order

t.test("a cancel is pending until the venue says that it is done", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false } }
  s:drop(order)
  t.equal(order.status, "pending_cancel")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(order.status, "canceled")
  t.equal(s.trader.said(), "new>pending_cancel pending_cancel>canceled")
end)

t.test("a cancel that is under way is not sent twice", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false } }
  s:drop(order)
  s:drop(order)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("a cancel whose answer is lost is asked about: it works, so it did not arrive", function()
  local s, order = with_order { answers = {
    cancelByClientOrderId = false,
    getOrderByClientOrderId = function(request)
      return '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"'
        .. stage.parameter(request, "client_order_id") .. '","price":"950000000","type":"buy",'
        .. '"status":"open","order_rp":"951000","remain_rp":"951000"}}}'
    end } }
  s:drop(order)
  s:lose(s:find "cancelByClientOrderId", true)
  t.equal(order.status, "pending_cancel")
  s:advance(1)
  t.equal(order.status, "new")
  s:drop(order)
  t.equal(#s:asked "cancelByClientOrderId", 2, "now it may be asked for again")
end)

t.test("a cancel that could not leave leaves the order as it was", function()
  local s, order = with_order()
  s.refuse_requests = "no network"
  s:drop(order)
  t.equal(order.status, "new")
end)

t.test("a cancel refused for an order that is gone is no statement: the venue is asked", function()
  local s, order = with_order { answers = {
    cancelByClientOrderId = '{"success":0,"error":"invalid order."}',
    getOrderByClientOrderId = false } }
  s:drop(order)
  s:settle()
  t.equal(order.status, "pending_cancel")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.status, "canceled")
end)

t.test("cancels beyond the rate wait for their turn, and all leave", function()
  local s = up { risk = { max_orders_per_second = 1000 } }
  s:advance(2)
  for i = 1, 30 do
    s:send(fixture.BUY, "o" .. i)
    s:settle()
    if i % 15 == 0 then s:advance(1.01) end
  end
  s:run(s.runners.one, "call_method", "cancel_all", 0, {})
  s:settle()
  local first = #s:asked "cancelByClientOrderId"
  t.equal(first, 20, "the limit of the address")
  s:advance(3)
  t.equal(#s:asked "cancelByClientOrderId", 30)
  t.equal(#s.instance.orders, 0)
end)

t.test("a cancel leaves over HTTP while the line is down", function()
  local s, order = with_order()
  s.keep_closed = true
  s:close(s:private(), 1006)
  s:drop(order)
  s:settle()
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.ok(order_module.is_canceled(order))
  s:drop(order)
  s:advance(0.5)
  t.equal(order.status, "pending_cancel")
end)

-- The order of the fixture, canceled at the venue, as it is asked about.
local function told_canceled(order, left)
  return ('{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"%s",'
          .. '"price":"950000000","type":"buy","status":"cancelled","order_rp":"951000",'
          .. '"remain_rp":"%s"}}}'):format(order.client_order_id, left)
end

local TRADE = '{"data":[{"tradeId":"t1","orderId":"btcidr-limit-310130","price":"950000000",'
  .. '"qty":"0.0004","isMaker":true,"time":1790000000000,"commissionAsset":"idr",'
  .. '"commission":"10"}]}'

t.test("a canceled order has ended when it is known what it executed", function()
  local s, order = with_order { answers = { ["/api/v2/myTrades"] = TRADE } }
  s.is_end_untold = true
  s.answers.getOrderByClientOrderId = told_canceled(order, "571000")
  s:drop(order)
  s:settle()
  t.equal(order.status, "pending_cancel")
  t.ok(s.session.reconciler:has_doubts())
  s:advance(1.1)
  t.equal(s.trader.said(), "new>pending_cancel fill 0.0004 pending_cancel>canceled")
  t.equal(tostring(order.cum_qty), "0.0004")
  t.ok(not s.session.reconciler:has_doubts())
end)

t.test("a canceled order of which the stream tells is not asked about", function()
  local s, order = with_order()
  s:drop(order)
  s:settle()
  t.equal(order.status, "canceled")
  t.ok(not s.session.reconciler:has_doubts())
  s:advance(10)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("an order that works though its cancel was confirmed is canceled again", function()
  local s, order = with_order()
  s.is_end_untold = true
  s.answers.getOrderByClientOrderId =
    told_canceled(order, "951000"):gsub('"cancelled"', '"open"')
  s:run(s.desk, "end_order", order)
  s:settle()
  t.ok(order_module.is_canceled(order))
  s:advance(1.1)
  t.equal(order.status, "new")
  t.ok(not order_module.is_canceled(order))
  s.is_end_untold = nil
  s:advance(1)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
end)

t.test("a cancel of an order in doubt that was confirmed leaves it in doubt what it did", function()
  local s = up { answers = { trade = false } }
  s.is_end_untold = true
  local order = s:send()
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  s:drop(order)
  s:settle()
  t.equal(order.status, "unknown")
  t.ok(order_module.is_canceled(order))
  s.answers["/api/v2/myTrades"] = TRADE
  s.answers.getOrderByClientOrderId = told_canceled(order, "571000")
  s:advance(2)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.0004")
end)

-- The order must end (its strategy was stopped), and its first cancel is refused.
local function refused_once(options)
  local s, order = with_order(options)
  s.answers.cancelByClientOrderId = { 429, '{"success":0,"error":"Your User ID sent too many '
    .. 'cancel order requests","error_code":"too_many_requests"}' }
  s.answers.getOrderByClientOrderId = false
  s:run(s.desk, "end_order", order)
  s:settle()
  t.equal(order.status, "new")
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s.answers.cancelByClientOrderId = nil
  return s, order
end

t.test("a cancel refused while the order must end is sent again after a second", function()
  local s, order = refused_once()
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(0.9)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s:advance(0.2)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 2)
end)

t.test("a cancel is sent again as often as it is refused", function()
  local refusal = { 429, '{"success":0,"error":"too many","error_code":"too_many_requests"}' }
  local s, order = with_order { answers = { cancelByClientOrderId = refusal,
                                            getOrderByClientOrderId = false } }
  s:run(s.desk, "end_order", order)
  s:settle()
  s:advance(5.5)
  local asked = #s:asked "cancelByClientOrderId"
  t.ok(asked >= 3 and asked <= 6, asked .. " cancels in 5.5 s")
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(3)
  t.equal(order.status, "canceled")
end)

t.test("a cancel is not sent again when the order has ended meanwhile", function()
  for status, reported in pairs { canceled = "CANCELLED", filled = "FILL" } do
    local s, order = refused_once()
    s:advance(0.5)
    if reported == "FILL" then s:push(s:fill(order, "0.001", "0.001"))
    else s:push(s:update(order, { status = reported })) end
    t.equal(order.status, status)
    s:advance(10)
    t.equal(#s:asked "cancelByClientOrderId", 1, status)
  end
end)

t.test("a cancel that its strategy asked for is not sent again by itself", function()
  local s, order = with_order { answers = { getOrderByClientOrderId = false,
    cancelByClientOrderId = { 429, '{"success":0,"error":"too many","error_code":"x"}' } } }
  s:drop(order)
  s:settle()
  t.equal(order.status, "new")
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("a cancel in doubt is not sent again before there is evidence", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false,
                                            getOrderByClientOrderId = false } }
  s:run(s.desk, "end_order", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "pending_cancel")
end)

t.test("a cancel is sent again in its time, though the clock was set back", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false } }
  s.answers.getOrderByClientOrderId = '{"success":1,"return":{"order":{"order_id":"310130",'
    .. '"client_order_id":"' .. order.client_order_id .. '","price":"950000000","type":"buy",'
    .. '"status":"open","order_rp":"951000","remain_rp":"951000"}}}'
  s:run(s.desk, "end_order", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s:shift_clock(-3600)
  s:advance(4)
  t.equal(#s:asked "cancelByClientOrderId", 2)
end)

t.test("a cancel that waits for its turn waits once, however often it is asked for", function()
  local s, order = with_order()
  s.session.limiter:block("cancel", nil, 2, dispatch.now())
  local function waiting()
    local count = 0
    for _ in pairs(s.timers) do count = count + 1 end
    return count
  end
  local before = waiting()
  for _ = 1, 3 do s:drop(order) end
  t.equal(waiting(), before + 1)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  s:advance(2.1)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "canceled")
end)

t.test("an order that must end and works again after a doubt is canceled again", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false,
    getOrderByClientOrderId = function(request)
      return '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"'
        .. stage.parameter(request, "client_order_id") .. '","price":"950000000","type":"buy",'
        .. '"status":"open","order_rp":"951000","remain_rp":"951000"}}}'
    end } }
  s:run(s.desk, "end_order", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(2.5)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
end)

-- Before the order itself -------------------------------------------------------------------------

local GONE = '{"success":0,"error":"Order not found"}'

-- An order whose request is on its way, and a cancel that the venue has answered before it.
local function overtaken(options)
  options = options or {}
  options.answers = { trade = false, cancelByClientOrderId = GONE }
  local s = up(options)
  local order = s:send()
  s:drop(order)
  s:settle()
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "pending_cancel")
  return s, order
end

local function accept(s) s:answer(s:find "trade", 200, '{"success":1,"return":{"order_id":77}}') end

t.test("a cancel that overtook its order ends nothing, and is sent again behind it", function()
  local s, order = overtaken()
  s:advance(0.1)
  accept(s)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(1)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
  t.equal(#s:asked "trade", 1)
end)

t.test("one that overtook an order that the stream shows first is sent again as well", function()
  local s, order = overtaken()
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:push(s:update(order, {}))
  s:advance(1)
  t.equal(order.status, "canceled")
end)

t.test("one whose answer comes after the order's, which it overtook, is sent again when that works",
  function()
  local s = up { answers = { trade = false, cancelByClientOrderId = false } }
  local order = s:send()
  s:drop(order)
  accept(s)
  s:answer(s:find "cancelByClientOrderId", 200, GONE)
  s.answers.getOrderByClientOrderId = ('{"success":1,"return":{"order":{"order_id":"77",'
    .. '"client_order_id":"%s","price":"950000000","type":"buy","submit_time":"1790000000",'
    .. '"order_type":"limit","order_idr":"951000","remain_idr":"951000","status":"open"}}}')
    :format(order.client_order_id)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(1.1)
  s:settle()
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
end)

t.test("one that overtook an order that is refused then is not sent again", function()
  local s, order = overtaken()
  s:answer(s:find "trade", 200, '{"success":0,"error":"Insufficient balance."}')
  t.equal(order.status, "rejected")
  s:advance(5)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("an order is not given up while its own answer is due, however often it is not found",
  function()
  local s, order = overtaken { config = { request_timeout = 60 } }
  s:advance(50)
  t.equal(order.status, "pending_cancel")
  accept(s)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:settle()
  t.equal(order.status, "canceled")
  t.equal(s.trader.said(), "pending_new>pending_cancel pending_cancel>canceled")
end)

t.test("an order whose answer is lost as well is given up as any other", function()
  local s, order = overtaken()
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  s:advance(40)
  t.equal(order.status, "rejected")
end)

t.test("a cancel refused before the order's own answer leaves it as it was", function()
  local s = up { answers = { trade = false, cancelByClientOrderId = {
    429, '{"success":0,"error":"too many","error_code":"too_many_requests"}' } } }
  local order = s:send()
  s:drop(order)
  s:settle()
  t.equal(order.status, "pending_new", "nobody has seen it")
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
end)

stage.done()
