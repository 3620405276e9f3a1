-- How long the venue is asked about an order, and what begins anew.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local fixture = require "tests.moonwire.session_fixture"
local indodax = require "moonwire.venues.indodax"
local order_module = require "moonwire.order"

local GONE = '{"success":0,"error":"Order not found"}'
local NO_TRADES = '{"data":[]}'

-- The answer to a question about the stage's order, of 0.001 at 950000000.
local function told(order, status, left)
  return ('{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"%s",'
          .. '"price":"950000000","type":"buy","submit_time":"1790000000","order_type":"limit",'
          .. '"order_idr":"951000","remain_idr":"%s","status":"%s"}}}')
    :format(order.client_order_id, left, status)
end

local function trade(qty, price)
  return ('{"data":[{"tradeId":"t1","orderId":"btcidr-limit-310130","price":"%s","qty":"%s",'
          .. '"commission":"1","commissionAsset":"idr","isMaker":true,"time":1790000000200}]}')
    :format(price, qty)
end

t.test("a sign of life begins the count of not found anew", function()
  local forgetful = setmetatable({ not_found_means = function() return "canceled" end },
                                 { __index = indodax })
  local s, order = fixture.with_order { protocol = forgetful }
  s:close(s:private())
  s:advance(2)
  t.ok(#s:asked "getOrderByClientOrderId" >= 2, "not found, twice")
  s.answers.getOrderByClientOrderId = told(order, "open", "951000")
  s:advance(20)
  t.equal(s.session.reconciler:has_doubts(), false)
  s.answers.getOrderByClientOrderId = GONE
  s:close(s:private())
  s:advance(1)
  t.equal(order.status, "new", "not found once since then")
  s:advance(20)
  t.equal(order.status, "canceled")
end)

t.test("an order that is about to end is asked about as long as its cancel is on its way",
       function()
  local s, order = fixture.with_order { answers = { cancelByClientOrderId = false } }
  s:drop(order)
  s.answers.getOrderByClientOrderId = told(order, "open", "951000")
  s:run(s.session, "apply", order, { needs_asking = "to_the_end" })
  s:advance(50)
  t.equal(order.status, "pending_cancel")
  local asked = #s:asked "getOrderByClientOrderId"
  t.ok(asked > 8, asked .. " questions")
  s.answers.getOrderByClientOrderId = told(order, "cancelled", "951000")
  s:advance(5)
  t.equal(order.status, "canceled")
end)

t.test("a price that is a bound is asked for until the venue shows the trade", function()
  local s, order = fixture.with_order { answers = { ["/api/v2/myTrades"] = NO_TRADES } }
  s:push(s:fill(order, "0.001", "0.001", { tradeId = "t1", fillInformation = {
    participant = "TAKER", qty = "0.001", filledQty = "0.001", feeAsset = "idr", fee = "10",
    taxAsset = "idr", tax = "0", clearingAsset = "idr", clearing = "1" } }))
  s:advance(3)
  t.ok(#s:asked "/api/v2/myTrades" >= 1)
  t.equal(tostring(order.avg_price), "950000000")
  s.answers["/api/v2/myTrades"] = trade("0.001", "940000000")
  s:advance(10)
  t.equal(tostring(order.avg_price), "940000000")
  local asked = #s:asked "/api/v2/myTrades"
  s:advance(60)
  t.equal(#s:asked "/api/v2/myTrades", asked, "it is known now")
end)

t.test("what a cancel's order executed while the line was down is asked for", function()
  local s, order = fixture.with_order()
  s.keep_closed = true
  s:close(s:private(), 1006)
  s:drop(order)
  s:settle()
  t.equal(order.status, "pending_cancel")
  t.ok(order_module.is_canceled(order))
  s.trader.said()
  s.answers.getOrderByClientOrderId = told(order, "cancelled", "571000")
  s.answers["/api/v2/myTrades"] = trade("0.0004", "950000000")
  s.keep_closed = nil
  s:advance(60)
  t.equal(s.session.state, "up")
  t.equal(tostring(order.cum_qty), "0.0004")
  t.equal(order.status, "canceled")
  t.ok(s.trader.said():find("fill 0.0004 pending_cancel>canceled", 1, true), "the fill first")
end)

t.test("while the venue wants a pause nothing new is sent", function()
  local s = fixture.up()
  s:run(s.session, "pause", 5)
  s:advance(4.9)
  local ok, err = s.session:may_submit "BTC/IDR"
  t.equal(ok, nil)
  t.equal(err, "the venue asked for a pause")
  s:advance(0.2)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

t.test("a pause is not longer because the clock was set back", function()
  local s = fixture.up()
  s:run(s.session, "pause", 5)
  s:shift_clock(-3600)
  s:advance(5)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

t.test("a clock that was set back makes no doubt longer than it is", function()
  local s = fixture.up { answers = { trade = false } }
  local order = s:send()
  s:lose(s:find "trade", true)
  s:advance(9)
  t.equal(order.status, "unknown")
  s:shift_clock(-3600)
  s:advance(9)
  t.equal(order.status, "unknown", "it begins anew")
  s:advance(30)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not_found")
end)

t.test("fills that are missing for long are said, once", function()
  local s, order = fixture.with_order()
  s.answers.getOrderByClientOrderId = told(order, "open", "951000")
  s:push(s:update(order, { status = "FILL", executedQty = "0.0004", price = "0" }))
  s:advance(10)
  t.equal(#s:logged "the position lacks it", 0)
  s:advance(120)
  t.equal(#s:logged "has executed 0.0004 at least, and the venue shows trades of 0 so far", 1)
end)

-- Trades that show late ---------------------------------------------------------------------------

-- A canceled order of which the stream told nothing, and half of its money is gone.
local function canceled_untold(answers)
  answers = answers or {}
  local s, order = fixture.with_order { answers = answers }
  s.is_end_untold = true
  s.answers.getOrderByClientOrderId = told(order, "cancelled", "475500")
  s:drop(order)
  s:settle()
  return s, order
end

t.test("a market order by amount is filled when its trades show, not before", function()
  local s = fixture.up { answers = { trade = false } }
  local order = s:send { type = "market", amount = "951000" }
  s:lose(s:find "trade", true)
  s.answers.getOrderByClientOrderId = told(order, "filled", "0"):gsub("limit", "market")
  s:advance(3)
  t.equal(order.status, "new")
  t.ok(order:is_missing_fills())
  s.trader.said()
  s.answers["/api/v2/myTrades"] = trade("0.001", "950000000"):gsub("limit", "market")
  s:advance(12)
  t.equal(s.trader.said(), "fill 0.001 new>filled")
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("a canceled order ends when trades show what the venue counts in money", function()
  local s, order = canceled_untold()
  s:advance(2)
  t.equal(order.status, "pending_cancel")
  s.trader.said()
  s.answers["/api/v2/myTrades"] = trade("0.0005", "950000000")
  s:advance(3)
  t.equal(s.trader.said(), "fill 0.0005 pending_cancel>canceled")
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("a canceled order whose trades cannot be had stays a doubt until they can", function()
  local s, order = canceled_untold { ["/api/v2/myTrades"] = { 503, "busy" } }
  s:advance(120)
  t.equal(order.status, "pending_cancel")
  t.ok(s.session.reconciler:has_doubts())
  s.answers["/api/v2/myTrades"] = trade("0.0005", "950000000")
  s:advance(12)
  t.equal(tostring(order.cum_qty), "0.0005")
  t.equal(order.status, "canceled")
end)

t.test("trades that never show are given up, aloud", function()
  local s, order = canceled_untold()
  s:advance(60)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0")
  t.equal(#s:logged "shows trades of 0 of it where it counts 0.000495 at least: look there", 1)
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("an order that works has executed what the list counts in money", function()
  local s, order = fixture.with_order()
  s.answers.getOrderByClientOrderId = told(order, "open", "475500")
  local row = s.answers.getOrderByClientOrderId:match '"order":(.*)}}$'
  s.answers.openOrders = '{"success":1,"return":{"orders":{"btc_idr":[' .. row .. "]}}}"
  s:advance(61)
  t.ok(order:is_missing_fills())
  t.equal(tostring(order.cum_qty), "0", "how much it is, trades tell")
  s.answers["/api/v2/myTrades"] = trade("0.0005", "950000000")
  s:advance(12)
  t.equal(tostring(order.cum_qty), "0.0005")
  t.equal(order:is_missing_fills(), false)
end)

stage.done()
