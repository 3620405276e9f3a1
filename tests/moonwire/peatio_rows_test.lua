-- What rows and trades of Peatio's daemon say, and what they leave out.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local json = require "moonwire.json"
local orders = require "moonwire.venues.peatio.orders"

local BUY = { side = "buy", qty = "2", price = "7000" }

t.test("what was executed follows from what remains where the venue does not tell it", function()
  local s = p.up()
  local report = orders.read_order(
    s.session, p.row { executed_volume = json.null, remaining_volume = "1.5" })
  t.equal(tostring(report.cum_qty), "0.5")
end)

t.test("a trade that comes with the end of its order ends it", function()
  local s = p.up()
  local order = p.open(s)
  s:frame(p.trade({}, nil, { state = "cancel", executed_volume = "0.5" }))
  s:settle()
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.5")
end)

t.test("whether the rest of an order that took rests and makes, nobody knows", function()
  local s = p.up()
  p.open(s)
  s:frame(p.orderbook("add", 41, "1.0"))         -- behind the answer: half of it has taken
  s:frame(p.trade({}, nil, { executed_volume = "0.5" }))
  s:settle()
  t.equal(s:said(), "0.5@7000 ? -0.0005BTC, new>partially_filled")
end)

t.test("open orders are read page by page", function()
  local s = p.up()
  local pages = { {}, { p.row { id = 2001 } } }
  for i = 1, 1000 do pages[1][i] = p.row { id = 1000 + i } end
  s.answers["/api/v2/orders"] = function(request)
    local is_btc = stage.parameter(request, "market") == "btcusd"
    local page = is_btc and pages[tonumber(stage.parameter(request, "page"))]
    return json.encode(json.array(page or {}))
  end
  local reports
  s.session:in_task("ask", function(session)
    reports = assert(session.protocol.fetch_open_orders(session))
  end)
  s:settle()
  t.equal(#reports, 1001)
  t.equal(reports[1001].order_id, "2001")
end)

t.test("an order that was there before a lost one was sent is not taken for it", function()
  local s = p.up()
  p.open(s, { side = "sell", qty = "1", price = "7100" })    -- 41, the highest id that is known
  local answer = s.answers["/api/v2/orders"]
  s.answers["/api/v2/orders"] = function(request)
    return request.method ~= "POST" and answer(request)
  end
  local order = assert(s:send(BUY))
  s:settle()
  s:lose(s:find "/api/v2/orders", true)
  s.lists.wait = { p.row { id = 40 } }           -- of the same second and content
  s:advance(1.1)
  t.equal(order.status, "unknown")
  t.equal(order.order_id, nil)
end)

stage.done()
