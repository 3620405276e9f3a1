-- Orders of a session: what leaves, and the answers that come, come late or never.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local fixture = require "tests.moonwire.session_fixture"

local up = fixture.up

t.test("an order that could not even leave is rejected, not in doubt", function()
  local s = up()
  s.refuse_requests = "no network"
  local order = s:send()
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: no network")
  s.refuse_requests = nil
  s.answers.trade = false
  order = s:send()
  s:lose(s:find "trade", false)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: timed out")
  s:advance(30)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("an order without an answer is unknown, asked about, and never sent again", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  t.equal(order:is_open(), true)
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  t.equal(stage.parameter(s:asked("getOrderByClientOrderId")[1], "client_order_id"),
          order.client_order_id)
  t.equal(#s:asked "trade", 1)
end)

t.test("an answer that says nothing leaves the order in doubt as well", function()
  for _, answer in ipairs { { 502, "<html>" }, { 200, "<html>" }, { 503, "{}" } } do
    local s = up { answers = { trade = answer, getOrderByClientOrderId = false } }
    local order = s:send()
    s:settle()
    t.equal(order.status, "unknown")
    s:advance(1)
    t.equal(#s:asked "getOrderByClientOrderId", 1)
    t.equal(#s:asked "trade", 1)
  end
end)

t.test("an answer that the venue's file stumbles over leaves the order in doubt", function()
  local s = up { answers = { getOrderByClientOrderId = false } }
  local protocol = s.session.protocol
  s.session.protocol = setmetatable({
    submit_answer = function() error "stumbled" end, cancel_answer = function() error "fell" end,
  }, { __index = protocol })
  local order = s:send()
  s:settle()
  t.equal(order.status, "unknown")
  t.equal(#s:logged "error submit_answer " .. #s:logged "stumbled", "11")
  s:push(s:update(order, {}))
  t.equal(order.status, "new")
  s.is_end_untold = true
  s:run(s.desk, "cancel", order)
  s:settle()
  t.equal(order:is_open(), true)
  t.equal(#s:logged "error cancel_answer ", 1)
  s:advance(1)
  t.ok(#s:asked "getOrderByClientOrderId" > 0, "it is asked about")
end)

t.test("an answer without an error is no refusal: the order is in doubt", function()
  local s = up { answers = { trade = '{"success":0,"error":null}',
                             getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "unknown")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("a market that is blocked for a while costs an order, not the session", function()
  local s = up { answers = { trade = '{"success":0,"error":"Pair blocked for 5 seconds"}' } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "rejected")
  s:advance(5)
  t.equal(s.session.state, "up")
  t.equal(s.stopped, nil)
end)

t.test("an order whose id is taken already is asked about, not rejected", function()
  local s = up { answers = { trade = '{"success":0,"error":"client order id x already exists"}',
                             getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "unknown")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("the stream may be faster than the answer", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:push(s:update(order, { orderId = "btcidr-limit-7" }), s:fill(order, "0.001", "0.001",
                                                               { orderId = "btcidr-limit-7" }))
  t.equal(s.trader.said(), "pending_new>new fill 0.001 new>filled")
  s:answer(s:find "trade", 200, '{"success":1,"return":{"order_id":7}}')
  t.equal(order.status, "filled")
  t.equal(order.order_id, "btcidr-limit-7")
  t.equal(s.trader.said(), "")
end)

t.test("a report without a client order id waits for the answer that tells whose it is", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  local fill = s:fill({ order_id = "btcidr-limit-310130", side = "buy" }, "0.0004", "0.0004")
  fill.order.clientOrderId = nil
  s:push(fill)
  t.equal(order.status, "pending_new")
  t.equal(#s:logged "somebody else", 0)
  s:answer(s:find "trade", 200, stage.vector "trade_buy")
  s:settle()
  t.equal(order.order_id, "btcidr-limit-310130")
  t.equal(tostring(order.cum_qty), "0.0004")
  t.equal(#s.desk.orders:list_open(), 1)
end)

t.test("an answer that is lost after the stream has shown the order is no doubt", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:push(s:update(order, {}))
  s:lose(s:find "trade", true)
  t.equal(order.status, "new")
end)

t.test("a second FILL of the same trade is one fill", function()
  local s = up()
  local order = s:send()
  s:settle()
  s.trader.said()
  local fill = s:fill(order, "0.0004", "0.0004")
  s:push(fill, fill)
  s:push(fill)
  t.equal(s.trader.said(), "fill 0.0004 new>partially_filled")
  t.equal(tostring(order.cum_qty), "0.0004")
end)

t.test("a taker's price is asked for and amended in the position", function()
  local s = up()
  local order = s:send()
  s:settle()
  local fill = s:fill(order, "0.001", "0.001", {
    tradeId = "7205", fillInformation = { participant = "TAKER", qty = "0.001", fee = "100",
                                          feeAsset = "idr" } })
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"7205","orderId":"btcidr-limit-310130",'
    .. '"price":"940000000",'
    .. '"qty":"0.001","quoteQty":"940000","commission":"100","commissionAsset":"idr",'
    .. '"isMaker":false,"time":1790000000200}]}'
  s:push(fill)
  t.equal(order.status, "filled")
  t.equal(tostring(order.avg_price), "950000000")
  s:advance(0.5)
  t.equal(#s:asked "/api/v2/myTrades", 1)
  t.equal(tostring(order.avg_price), "940000000")
  local position = s.instance:position()
  t.equal(tostring(position.qty) .. "@" .. tostring(position.avg_price), "0.001@940000000")
  t.equal(tostring(position.fees.IDR), "100")
end)

t.test("fills that the stream did not show are fetched by their total", function()
  local s = up()
  local order = s:send()
  s:settle()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"950000000",'
    .. '"qty":"0.001","quoteQty":"950000","commission":"1","commissionAsset":"idr",'
    .. '"isMaker":true,"time":1790000000200}]}'
  s:push(s:update(order, { status = "DONE", executedQty = "0.001" }))
  t.equal(order.status, "new", "not filled before it is counted")
  s:advance(0.5)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "0.001")
end)

t.test("an unknown status has the order asked about", function()
  local s = up { answers = { getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  s:push(s:update(order, { status = "HALTED" }))
  t.equal(order.status, "new")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("orders that nobody here sent are external and counted", function()
  local s = up()
  s:push(s:update({ order_id = "btcidr-limit-99", client_order_id = "web-1", side = "sell" }, {}))
  local open = s.desk.orders:list_open()
  t.equal(#open, 1)
  t.equal(open[1].external, true)
  t.equal(open[1].side, "sell")
  t.equal(#s.instance.orders, 0)
  t.equal(s.trader.said(), "")
end)

-- openOrders counts a buy in quote currency, its fee reserve included: 0.00001503 is too much.
local function bounded()
  local s = stage.new { answers = { openOrders = stage.vector "open_orders" } }:start()
  local order = s.desk.orders:find("idx", nil, "btcidr-limit-310130")
  t.equal(order.is_qty_estimate, true)
  t.equal(tostring(order.qty), "0.00001503")
  s.answers.openOrders = nil
  return s, order
end

t.test("an open order of which a bound is known is filled when the venue says so", function()
  local s, order = bounded()
  local known = { orderId = "btcidr-limit-310130", origQty = "0.000015", price = "1550000000" }
  local fill = s:fill(order, "0.000015", "0.000015", known)
  s:push(fill)
  t.equal(order.status, "filled")
  t.equal(tostring(order.qty) .. " " .. tostring(order.cum_qty), "0.000015 0.000015")
end)

t.test("an open order of which a bound is known is filled by DONE and its executions", function()
  local s, order = bounded()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"1550000000",'
    .. '"qty":"0.000015","commission":"1","commissionAsset":"idr","isMaker":true,'
    .. '"time":1790000000200}]}'
  s:push(s:update(order, { orderId = "btcidr-limit-310130", status = "DONE",
                           origQty = "0.000015", executedQty = "0.000015" }))
  t.equal(order.status, "new", "not before it is counted")
  s:advance(1)
  t.equal(order.status, "filled")
end)

t.test("an open order of which a bound is known is canceled when the venue says so", function()
  local s, order = bounded()
  s:push(s:update(order, { orderId = "btcidr-limit-310130", status = "CANCELLED",
                           origQty = "0.000015" }))
  t.equal(order.status, "canceled")
end)

t.test("an open order of which a bound is known is filled when an answer says so", function()
  local s, order = bounded()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"1550000000",'
    .. '"qty":"0.000015","commission":"1","commissionAsset":"idr","isMaker":true,'
    .. '"time":1790000000200}]}'
  s.answers.getOrder = '{"success":1,"return":{"order":{"order_id":"310130","price":"1550000000",'
    .. '"type":"buy","status":"filled","order_idr":"23300","remain_idr":"0"}}}'
  s.session.reconciler:ask(order)
  s:advance(1)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "0.000015")
  t.equal(s.session.reconciler.doubts[order], nil, "the doubt is over")
end)

t.test("an order refused for the rate has its market wait, others not", function()
  local s = up()
  s.answers.trade = { 429, '{"success":0,"error":"Your User ID sent too many trade request for '
    .. 'pair BTCIDR, please try again in 5 seconds","error_code":"too_many_requests"}' }
  local order = s:send()
  s:settle()
  t.equal(order.status, "rejected")
  t.equal(order.reason, "the venue's rate limit")
  local ok, err = s.session:may_submit "BTC/IDR"
  t.equal(ok, nil)
  t.ok(err:find "rate limit of the venue for BTC/IDR: try again in 5", err)
  t.equal(s.session:may_submit "AAVE/IDR", true)
  s:advance(5.1)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

t.test("while the line is down nothing may be sent", function()
  local s = up()
  s.keep_closed = true
  s:close(s:private(), 1006)
  local ok, err = s.session:may_submit "BTC/IDR"
  t.equal(ok, nil)
  t.equal(err, "session idx is down")
end)

t.test("no more than 15 orders a second leave for one market", function()
  local s = up()
  s:advance(2)
  for _ = 1, 15 do t.equal(s.session:may_submit "BTC/IDR", true) end
  t.equal(s.session:may_submit "BTC/IDR", nil)
  s:advance(1.01)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

stage.done()
