-- What the venue knows against what we know: differences become reports, doubts end by evidence.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local mw = require "moonwire"

local NOT_FOUND = '{"success":0,"error":"Order not found"}'

-- A stage with one order that was sent; its session is up.
local function play(options)
  options = options or {}
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  S.fills = {}
  function S:on_start() self.order = assert(self:buy { qty = "0.001", price = "950000000" }) end
  function S:on_fill(fill) table.insert(self.fills, tostring(fill.qty)) end
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options):start()
  return s, stage.own(s.runners.one.instance.order), S
end

local function one_trade(id, qty, price)
  return ('{"tradeId":"%s","orderId":"btcidr-limit-310130","price":"%s","qty":"%s",'
          .. '"commission":"1","commissionAsset":"idr","isMaker":true,"time":1790000000200}')
    :format(id, price, qty)
end

local function trades(...) return '{"data":[' .. table.concat({ ... }, ",") .. "]}" end

-- A row of openOrders or getOrder for a buy of 0.001 at 950000000.
local function row(order, left, more)
  return ('{"order_id":"310130","client_order_id":"%s","price":"950000000","type":"buy",'
          .. '"submit_time":"1790000000","order_type":"limit","order_idr":"951000",'
          .. '"remain_idr":"%s"%s}'):format(order.client_order_id, left, more or "")
end

local function listed(...)
  return '{"success":1,"return":{"orders":{"btc_idr":[' .. table.concat({ ... }, ",") .. "]}}}"
end

local function single(order, left, status)
  return '{"success":1,"return":{"order":' .. row(order, left, ',"status":"' .. status .. '"')
    .. "}}"
end

-- Doubts ------------------------------------------------------------------------------------------

local function in_doubt(options)
  options = options or {}
  options.answers = options.answers or {}
  options.answers.trade = false
  local s, order, S = play(options)
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  return s, order, S
end

t.test("an order in doubt that works at the venue is new", function()
  local s, order = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "951000", "open")
  s:advance(1)
  t.equal(order.status, "new")
  t.equal(order.order_id, "btcidr-limit-310130")
  s:advance(40)
  t.equal(#s:asked "getOrderByClientOrderId", 1, "the doubt is over")
end)

t.test("an order in doubt that was filled has its fills fetched before it is filled", function()
  local s, order, S = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "0", "filled")
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.0004", "950000000"),
                                         one_trade("2", "0.0006", "949000000"))
  s:advance(1)
  t.equal(order.status, "filled")
  t.equal(table.concat(S.fills, " "), "0.0004 0.0006")
  t.equal(tostring(order.avg_price), "949400000")
end)

t.test("a fill that names another order is not booked on this one, and said", function()
  local s, order, S = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "570600", "cancelled")
  s.answers["/api/v2/myTrades"] = trades(
    one_trade("1", "0.0004", "950000000"),
    (one_trade("2", "0.0006", "950000000"):gsub("310130", "99")))
  s:advance(1)
  t.equal(order.status, "canceled")
  t.equal(table.concat(S.fills, " "), "0.0004")
  t.ok(s:logged("trade 2 of order btcidr-limit-99 when it is asked for those of")[1])
end)

-- An order that the venue shows by our id alone, and whose fills are of these orders.
local function nameless(...)
  local rows = {}
  for i, number in ipairs { ... } do
    rows[i] = one_trade(i, "0.0004", "950000000"):gsub("310130", number)
  end
  local answers = { ["/api/v2/myTrades"] = trades(unpack(rows)) }
  local protocol = setmetatable({ fetch_order = function()
    return { status = "working", may_have_fills = true }
  end }, { __index = require "moonwire.venues.indodax" })
  return in_doubt { protocol = protocol, answers = answers }
end

t.test("a fill that names a known order is not booked on one without an id", function()
  local s, order, S = nameless("77")
  s:push(s:update({ order_id = "btcidr-limit-77", client_order_id = "web-1" }, {}))
  s:advance(1)
  t.equal(order.status, "new")
  t.equal(order.order_id, nil)
  t.equal(#S.fills, 0)
end)

t.test("fills of two orders under one id of ours are booked on neither", function()
  local s, order, S = nameless("77", "78")
  s:advance(1)
  t.equal(order.order_id, nil)
  t.equal(#S.fills, 0)
  t.ok(s:logged("orders btcidr-limit-77 and btcidr-limit-78 for one id of ours")[1])
end)

t.test("a fill gives an order the id that it did not have", function()
  local s, order, S = nameless("77", "77")
  s:advance(1)
  t.equal(order.order_id, "btcidr-limit-77")
  t.equal(table.concat(S.fills, " "), "0.0004 0.0004")
end)

t.test("an order in doubt that was canceled is so, with what it had executed", function()
  local s, order, S = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "570600", "cancelled")
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.0004", "950000000"))
  s:advance(1)
  t.equal(order.status, "canceled")
  t.equal(table.concat(S.fills, " "), "0.0004")
end)

-- A venue that keeps no finished orders.
local function forgetful()
  local protocol = setmetatable({ not_found_means = function(_, order)
    return order._was_seen and "canceled" or "rejected"
  end }, { __index = require "moonwire.venues.indodax" })
  return protocol
end

t.test("one that was seen and is not found has ended where finished ones are not kept", function()
  local s, order = play { protocol = forgetful() }
  t.equal(order.status, "new")
  s:close(s:private())
  s:advance(5)
  t.equal(order.status, "new")
  s:advance(6)
  t.equal(order.status, "canceled")
  t.equal(order.reason, "not_found")
end)

t.test("one that was never seen has not arrived there either", function()
  local s, order = in_doubt { protocol = forgetful() }
  s:advance(60)
  t.equal(order.status, "rejected")
end)

t.test("a sign of life undoes what was concluded there", function()
  local s, order = play { protocol = forgetful() }
  s:close(s:private())
  s:advance(40)
  t.equal(order.status, "canceled")
  s:push(s:update(order, {}))
  t.equal(order.status, "new")
end)

t.test("not found counts after the request could still arrive, three times over 10 s", function()
  local s, order = in_doubt()
  s:advance(15)
  t.equal(order.status, "unknown")
  t.equal(order:is_open(), true)
  s:advance(30)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not_found")
  local asked = #s:asked "getOrderByClientOrderId"
  t.ok(asked >= 5, asked .. " questions")
  s:advance(60)
  t.equal(#s:asked "getOrderByClientOrderId", asked, "the doubt is over")
  t.equal(#s:asked "trade", 1, "never sent again")
end)

t.test("questions come after 1, 2, 5 and then each 10 s", function()
  local s = in_doubt { answers = { getOrderByClientOrderId = { 502, "<html>" } } }
  local at = {}
  local seen = 0
  for second = 1, 40 do
    s:advance(1)
    local asked = #s:asked "getOrderByClientOrderId"
    if asked > seen then at[#at + 1] = second end
    seen = asked
  end
  t.equal(table.concat(at, " "), "1 3 8 18 28 38")
end)

t.test("a question without an answer is no evidence, however often", function()
  for _, answer in ipairs { { 502, "<html>" }, { 500, NOT_FOUND }, { 200, "" } } do
    local s, order = in_doubt { answers = { getOrderByClientOrderId = answer } }
    s:advance(600)
    t.equal(order.status, "unknown", answer[2])
  end
end)

t.test("an order that was seen alive and is not found stays unknown or as it was", function()
  local s, order = play { answers = { cancelByClientOrderId = false } }
  t.equal(order.status, "new")
  s:run(s.desk, "cancel", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s:advance(300)
  t.equal(order.status, "pending_cancel")
  t.equal(order:is_open(), true)
end)

t.test("an order that was given up is taken back when it shows up", function()
  local s, order, S = in_doubt()
  s:advance(60)
  t.equal(order.status, "rejected")
  s:push(s:fill(order, "0.0004", "0.0004"))
  t.equal(order.status, "partially_filled")
  t.equal(table.concat(S.fills, " "), "0.0004")
end)

t.test("the stream ends a doubt as well as an answer does", function()
  local s, order = in_doubt()
  s:push(s:update(order, {}))
  t.equal(order.status, "new")
end)

t.test("while the line is down nobody is asked, and the log-on asks", function()
  local s, order = in_doubt { answers = { getOrderByClientOrderId = { 502, "" } } }
  s.keep_closed = true
  s:close(s:private(), 1006)
  local asked = #s:asked "getOrderByClientOrderId"
  s:advance(3)
  t.equal(#s:asked "getOrderByClientOrderId", asked)
  s.keep_closed = nil
  s.answers.openOrders = listed(row(order, "951000"))
  s:advance(30)
  t.equal(order.status, "new")
end)

t.test("fills that cannot be had are booked at the order's price, and put right later", function()
  local s, order, S = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "0", "filled")
  s.answers["/api/v2/myTrades"] = { 403, '{"code":-2015,"msg":"Invalid TAPI version key"}' }
  s:advance(1)
  t.equal(order.status, "filled")
  t.equal(table.concat(S.fills, " "), "0.001")
  t.equal(tostring(order.avg_price), "950000000")
  s:push(s:fill(order, "0.001", "0.001", { price = "940000000" }))
  t.equal(table.concat(S.fills, " "), "0.001", "no second fill")
  t.equal(tostring(order.avg_price), "940000000")
  t.equal(tostring(s.runners.one.instance:position().qty), "0.001")
  t.equal(tostring(s.runners.one.instance:position().avg_price), "940000000")
end)

t.test("a price that is only a bound is asked for until it can be had, over a lost line", function()
  local s, order, S = play { answers = { ["/api/v2/myTrades"] = { 503, "<html>" } } }
  s:push(s:fill(order, "0.001", "0.001", { tradeId = "t1", fillInformation = {
    participant = "TAKER", qty = "0.001", filledQty = "0.001", feeAsset = "idr", fee = "10",
    taxAsset = "idr", tax = "0", clearingAsset = "idr", clearing = "1" } }))
  s:push(s:update(order, { status = "DONE", executedQty = "0.001" }))
  t.equal(order.status, "filled")
  s:advance(2)
  s.keep_closed = true
  s:close(s:private(), 1006)
  s.answers["/api/v2/myTrades"] = trades(one_trade("t1", "0.001", "940000000"))
  s:advance(20)
  t.equal(tostring(order.avg_price), "950000000")
  s.keep_closed = nil
  s:advance(60)
  t.equal(tostring(order.avg_price), "940000000")
  t.equal(table.concat(S.fills, " "), "0.001", "told once")
  local asked = #s:asked "/api/v2/myTrades"
  s:advance(60)
  t.equal(#s:asked "/api/v2/myTrades", asked, "it is known now")
end)

t.test("a doubt that the log-on ended leaves no doubt behind", function()
  local s = in_doubt()
  s:advance(4)
  t.equal(s.desk.sessions.idx.reconciler:has_doubts(), true)
  s:close(s:private())
  s.answers.getOrderByClientOrderId = single(s.runners.one.instance.order, "951000", "open")
  s:advance(1)
  t.equal(s.runners.one.instance.order.status, "new")
  t.equal(s.desk.sessions.idx.reconciler:has_doubts(), false)
end)

t.test("a filled order whose fills do not show yet is asked about until they do", function()
  local s, order, S = in_doubt()
  s.answers.getOrderByClientOrderId = single(order, "0", "filled")
  s:advance(10)
  t.equal(order:is_open(), true, "filled only when it is counted")
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.001", "950000000"))
  s:advance(20)
  t.equal(order.status, "filled")
  t.equal(table.concat(S.fills, " "), "0.001")
end)

t.test("a total of the stream whose fills do not show yet is asked about until they do", function()
  local s, order, S = play()
  s.answers.getOrderByClientOrderId = single(order, "0", "filled")
  s:push(s:update(order, { status = "DONE", executedQty = "0.001" }))
  s:advance(1)
  t.equal(order:is_open(), true)
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.001", "950000000"))
  s:advance(20)
  t.equal(order.status, "filled")
  t.equal(table.concat(S.fills, " "), "0.001")
end)

t.test("fills that an ended order lacks are asked for when the connection is back", function()
  local s, order, S = play()
  s.answers["/api/v2/myTrades"] = trades(one_trade("1", "0.0004", "950000000"))
  s:push(s:update(order, { status = "CANCELLED", executedQty = "0.0004" }))
  s.keep_closed = true
  s:close(s:private())
  s:advance(600)
  t.equal(order.status, "canceled")
  t.equal(#S.fills, 0)
  s.keep_closed = false
  s:advance(60)
  t.equal(table.concat(S.fills, " "), "0.0004")
end)

t.test("two reasons to ask about an order are one question", function()
  local s, order = play { answers = { getOrderByClientOrderId = { 502, "" } } }
  s:push(s:update(order, { status = "HALTED" }))
  s:push(s:update(order, { status = "HALTED" }))
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

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
