-- Orders in doubt: what the venue says of one ends the doubt, by evidence.

local fixture = require "tests.moonwire.reconcile_fixture"
local stage = require "tests.moonwire.stage"
local t = require "tests.tap"

local play, one_trade, trades = fixture.play, fixture.one_trade, fixture.trades
local row, listed, single = fixture.row, fixture.listed, fixture.single
local NOT_FOUND = '{"success":0,"error":"Order not found"}'

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

stage.done()
