-- Orders at Peatio's daemon: no client order ids, executions, cancels that come later, doubts.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local json = require "moonwire.json"

local BUY = { side = "buy", qty = "2", price = "7000" }

local function reject(status, code, message)
  return { status, json.encode { error = { code = code, message = message } } }
end

local function with(answer)
  return { answers = { ["/api/v2/orders"] = function(request)
    return request.method == "GET" and "[]" or answer
  end } }
end

-- Orders ------------------------------------------------------------------------------------------

t.test("an order is sent as the venue wants it and is new by the answer", function()
  local s = p.up()
  local order = p.open(s)
  local request = s.requests[#s.requests]
  t.equal(request.method, "POST")
  t.equal(request.body, "market=btcusd&side=buy&volume=2&ord_type=limit&price=7000")
  t.equal(request.headers[1][1], "Authorization")
  t.equal(request.headers[1][2][1], "Bearer ")
  t.equal(order.order_id, "41")
  t.equal(order.client_order_id:sub(1, 3), "mw-")
end)

t.test("a market order has no price, and is asked about until it has ended", function()
  local s = p.up()
  local order = assert(s:send { side = "sell", qty = "1.5" })
  s.orders_by_id["41"] = p.row { ord_type = "market", side = "sell", price = json.null,
                                 volume = "1.5", remaining_volume = "1.5" }
  s:settle()
  t.equal(stage.parameter(s.requests[#s.requests], "price"), nil)
  t.equal(stage.parameter(s.requests[#s.requests], "ord_type"), "market")
  s:advance(0.2)
  t.equal(order.status, "new")
  s.orders_by_id["41"] = p.row { ord_type = "market", side = "sell", price = json.null,
    volume = "1.5", remaining_volume = "0.5", executed_volume = "1.0", state = "cancel",
    trades = { { id = 5, price = "7000.0", volume = "1.0", side = "sell", market = "btcusd",
                 created_at = p.created_at } } }
  s:advance(0.5)
  t.equal(order.status, "canceled")
  t.equal(order.reason, "funds")
  t.equal(tostring(order.cum_qty), "1")
  t.equal(s:said(), "pending_new>new, 1@7000 ? -10.5USD, new>canceled, "
          .. "partially_filled>canceled:funds")                -- told when the task is over
end)

t.test("what the venue has not is refused before anything is recorded", function()
  local s = p.up()
  local refused = {
    { { side = "buy", qty = "1", price = "1", time_in_force = "post_only" }, "gtc alone" },
    { { side = "buy", qty = "1", price = "1", time_in_force = "ioc" }, "gtc alone" },
    { { side = "buy", qty = "1", price = "1", type = "stop_limit" }, "limit and market" },
    { { side = "buy", amount = "100" }, "qty" },
    { { side = "buy", qty = "1", price = "1.123456789" }, "multiple" },
    { { side = "buy", qty = "12345678.12345678", price = "1" }, "more than 15 digits" },
  }
  for _, row in ipairs(refused) do
    local order, err = s:send(row[1])
    t.equal(order, nil)
    t.ok(err:find(row[2], 1, true), err)
  end
  t.equal(#s:asked "/api/v2/orders", 2)          -- the lists of the log-on
end)

t.test("precisions come from the configuration", function()
  local s = p.up { config = { precision = { ["BTC/USD"] = { price = 2, qty = 4 } } } }
  local market = s.session:market_of "BTC/USD"
  t.equal(tostring(market.price_step), "0.01")
  t.equal(tostring(market.qty_step), "0.0001")
  t.equal(select(2, s:send { side = "buy", qty = "0.00001", price = "1" }):find "multiple" ~= nil,
          true)
end)

t.test("each refusal of the venue is a rejection with its reason", function()
  local rows = {
    { reject(422, 2002, "Failed to create order."), "does not say why" },
    { reject(422, 2005, "Not enough funds to create order."), "not enough funds" },
    { reject(422, 1001, "price is invalid"), "price is invalid" },
    { reject(401, 2000, "Please, pass the corresponding verification steps to enable trading."),
      "verification level" },
    { reject(401, 2001, "Authorization failed"), "the token was not taken" },
    { { 404, "404 Not Found" }, "no such path" },
    { { 405, '{"error":"405 Not Allowed"}' }, "405 Not Allowed" },
    { { 429, "Retry later\n" }, "too many requests" },
  }
  for _, row in ipairs(rows) do
    local s = p.up(with(row[1]))
    local order = assert(s:send(BUY))
    s:settle()
    t.equal(order.status, "rejected", row[2])
    t.ok(order.reason:find(row[2], 1, true), order.reason)
  end
end)

t.test("too many requests stop orders for as long as the venue says", function()
  local s = p.up(with(false))
  assert(s:send(BUY))
  s:answer(s:find "/api/v2/orders", 429, "Retry later\n", "Retry-After: 7\r\n")
  local _, err = s:send(BUY)
  t.ok(err:find "rate limit", err)
  s:advance(7.1)
  t.ok(s:send(BUY), "sent again")
end)

t.test("an answer that is finer or coarser than what was asked is an alarm, and counts", function()
  local s = p.up(with { 201, json.encode(p.row { volume = "1.99", remaining_volume = "1.99",
                                                 price = "6999.9" }) })
  local order = assert(s:send(BUY))
  s:settle()
  t.equal(order.status, "new")
  t.equal(tostring(order.qty), "1.99")
  t.equal(tostring(order.price), "6999.9")
  t.equal(#s:logged "put the decimals of BTC/USD into `precision`", 1)
end)

-- Executions --------------------------------------------------------------------------------------

t.test("a trade is a fill of the own side, with the fee that follows from the rate", function()
  local s = p.up()
  local order = p.open(s)
  s:frame(p.orderbook("update", 41, "1.5"))
  s:frame(p.trade({}, nil, { executed_volume = "0.5", remaining_volume = "1.5" }))
  s:settle()
  t.equal(s:said(), "0.5@7000 taker -0.0005BTC, new>partially_filled")
  t.equal(tostring(order.cum_qty), "0.5")
end)

t.test("an order that was seen entering the book whole makes; in part, nobody knows", function()
  local s = p.up()
  local order = p.open(s)
  s:frame(p.orderbook("add", 41, "2.0"))
  s:frame(p.trade({}, nil, { executed_volume = "0.5" }))
  s:settle()
  t.equal(s:said(), "0.5@7000 maker -0.0005BTC, new>partially_filled")
  t.equal(order.status, "partially_filled")
  local second = assert(s:send { side = "buy", qty = "3", price = "7000" })
  s:frame(p.orderbook("add", 42, "1.0"))         -- before the answer tells the id
  s:settle()
  s:frame(p.trade({ volume = "2.0" }, nil, { id = 42, volume = "3.0", executed_volume = "2.0" }))
  s:settle()
  t.equal(second.status, "partially_filled")
  t.equal(s:said(), "pending_new>new, 2@7000 ? -0.002BTC, new>partially_filled")
end)

t.test("a later server says itself who made", function()
  local s = p.up()
  p.open(s)
  s:frame(p.trade({ maker_type = "buy", type = "buy" }, nil, { executed_volume = "0.5" }))
  s:frame(p.trade({ maker_type = "sell", type = "sell" }, nil, { executed_volume = "1.0" }))
  s:settle()
  t.equal(s:said(), "0.5@7000 maker -0.0005BTC, new>partially_filled, 0.5@7000 taker -0.0005BTC")
end)

t.test("a trade with ourselves is two fills under one id", function()
  local s = p.up()
  local sell = p.open(s, { side = "sell", qty = "1", price = "6900" })
  local buy = p.open(s, { side = "buy", qty = "1", price = "6900" })
  local frame = p.trade({ price = "6900.0", volume = "1.0" },
    { id = 41, side = "sell", price = "6900.0", volume = "1.0", executed_volume = "1.0",
      state = "done" },
    { id = 42, price = "6900.0", volume = "1.0", executed_volume = "1.0", state = "done" })
  s:frame(frame)
  s:frame(frame)
  s:settle()
  t.equal(sell.status, "filled")
  t.equal(buy.status, "filled")
  t.equal(tostring(sell.cum_qty) .. tostring(buy.cum_qty), "11")
  t.equal(s:said(), "1@6900 taker -10.35USD, new>filled, 1@6900 taker -0.001BTC, new>filled")
end)

t.test("done with the first of three trades does not finish the order", function()
  local s = p.up()
  local order = p.open(s, { side = "buy", qty = "3", price = "7000" })
  local own = { volume = "3.0", executed_volume = "3.0", remaining_volume = "0.0", state = "done" }
  s:frame(p.trade({ volume = "1.0" }, nil, own))
  s:settle()
  t.equal(order.status, "partially_filled")
  s:frame(p.trade({ volume = "1.0" }, nil, own))
  s:frame(p.trade({ volume = "1.0" }, nil, own))
  s:settle()
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "3")
end)

t.test("trades that do not come are asked for", function()
  local s = p.up()
  local order = p.open(s)
  local own = { executed_volume = "2.0", remaining_volume = "0.0", state = "done" }
  s:frame(p.trade({ id = 100, volume = "0.5" }, nil, own))
  local function trade(id, volume)
    return { id = id, price = "7000.0", volume = volume, created_at = p.created_at, side = "buy" }
  end
  own.trades = { trade(100, "0.5"), trade(101, "1.5") }
  s.orders_by_id["41"] = p.row(own)
  s:advance(2)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "2")
end)

t.test("an execution that comes before the answer waits for it", function()
  local s = p.up(with(false))
  local order = assert(s:send(BUY))
  s:frame(p.trade({}, nil, { executed_volume = "0.5" }))
  s:settle()
  t.equal(s:said(), "")
  s:answer(s:find "/api/v2/orders", 201, json.encode(p.row()))
  s:settle()
  t.equal(order.status, "partially_filled")
  t.equal(tostring(order.cum_qty), "0.5")
  t.equal(#s:logged "somebody else", 0)
end)

t.test("an execution of an order that nobody sent is somebody else's, once none of ours waits",
       function()
  local s = p.up(with(false))
  assert(s:send(BUY))
  s:frame(p.trade({}, nil, { id = 77, executed_volume = "0.5" }))
  s:settle()
  t.equal(s.desk.orders:find("idx", nil, "77"), nil)
  s:answer(s:find "/api/v2/orders", 201, json.encode(p.row()))
  s:settle()
  local other = s.desk.orders:find("idx", nil, "77")
  t.equal(other.external, true)
  t.equal(tostring(other.cum_qty), "0.5")
end)

t.test("orders of strangers are nobody's here, whatever they look like", function()
  local s = p.up()
  p.open(s)
  s:frame(p.orderbook("add", 500, "2.0"))
  s:frame(p.orderbook("remove", 500, "2.0"))
  s:frame '{"orderbook":{"action":"new","market":"btcusd","side":"ask","locale":"en"}}'
  s:frame '{"orderbook":{"action":"paint","order":{"id":500}}}'
  s:frame '{"news":{"text":"hello"}}'
  s:settle()
  t.equal(s:said(), "")
  t.equal(s.desk.orders:find("idx", nil, "500"), nil)
  t.equal(#s:logged "not understood", 0)
end)

t.test("frames that are broken are counted and change nothing", function()
  local s = p.up()
  local order = p.open(s)
  for _, text in ipairs { "ping", '{"trade":{"id":1}}', '{"trade":{"id":1,"market":"btcusd"}}',
                          p.trade({ volume = "-1" }, nil, {}), p.trade({ price = "x" }, nil, {}),
                          '{"trade":{"id":1,"market":"nope","ask":{"id":41}}}' } do
    s:frame(text)
  end
  s:settle()
  t.equal(order.status, "new")
  t.equal(s.session.private.bad_frames, 6)
end)

-- The end of an order -----------------------------------------------------------------------------

t.test("a cancel that is taken is pending until the venue shows that it is done", function()
  local s = p.up()
  local order = p.open(s)
  s.answers["/api/v2/order/delete"] = { 201, json.encode(p.row()) }
  s.orders_by_id["41"] = p.row()
  s:drop(order)
  t.equal(stage.parameter(s:asked("/api/v2/order/delete")[1], "id"), "41")
  t.equal(order.status, "pending_cancel")
  s:advance(0.15)
  t.equal(order.status, "pending_cancel")
  s.orders_by_id["41"] = p.row { state = "cancel" }
  s:advance(0.3)
  t.equal(s:said(), "new>pending_cancel, pending_cancel>canceled")
  local asked = #s:asked "/api/v2/order"
  s:advance(20)
  t.equal(#s:asked "/api/v2/order", asked)
end)

t.test("a cancel may lose to a fill", function()
  local s = p.up()
  local order = p.open(s)
  s.answers["/api/v2/order/delete"] = { 201, json.encode(p.row()) }
  s:drop(order)
  s.orders_by_id["41"] = p.row { state = "done", executed_volume = "2.0",
    trades = { { id = 9, price = "7000.0", volume = "2.0", created_at = p.created_at } } }
  s:advance(0.5)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "2")
end)

t.test("a cancel of what is over gets the end as its answer", function()
  local s = p.up()
  local order = p.open(s)
  s.answers["/api/v2/order/delete"] = { 201, json.encode(p.row { state = "cancel" }) }
  s:drop(order)
  t.equal(order.status, "canceled")
end)

t.test("a cancel that is refused has the venue asked", function()
  local s = p.up()
  local order = p.open(s)
  s.answers["/api/v2/order/delete"] = reject(422, 2003, "Failed to cancel order.")
  s.orders_by_id["41"] = p.row()
  s:drop(order)
  s:advance(1.1)
  t.equal(order.status, "new")                   -- it works: the strategy may cancel again
end)

t.test("a cancel waits for the id that the answer brings", function()
  local s = p.up(with(false))
  local order = assert(s:send(BUY))
  s.answers["/api/v2/order/delete"] = { 201, json.encode(p.row { state = "cancel" }) }
  s:drop(order)
  t.equal(#s:asked "/api/v2/order/delete", 0)
  s:answer(s:find "/api/v2/orders", 201, json.encode(p.row()))
  s:settle()
  t.equal(#s:asked "/api/v2/order/delete", 1)
  t.equal(order.status, "canceled")
end)

t.test("a removal is a hint: the venue is asked, and a match that was undone ends as canceled",
       function()
  local s = p.up()
  local order = p.open(s)
  s.orders_by_id["41"] = p.row()
  s:frame(p.orderbook("remove", 41, "0.0"))
  s:settle()
  t.equal(order.status, "new")
  s.orders_by_id["41"] = p.row { state = "cancel" }
  s:advance(0.2)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0")
end)

t.test("a removal whose trade comes costs no question", function()
  local s = p.up()
  local order = p.open(s)
  s:frame(p.orderbook("remove", 41, "0.0"))
  s:frame(p.trade({ volume = "2.0" }, nil, { executed_volume = "2.0", state = "done" }))
  s:settle()
  t.equal(order.status, "filled")
  s:advance(10)
  t.equal(#s:asked "/api/v2/order", 0)
end)

t.test("an order that stays after its removal is asked about for a while only", function()
  local s = p.up()
  p.open(s)
  s.orders_by_id["41"] = p.row()
  s.lists.wait = { p.row() }
  s:frame(p.orderbook("remove", 41, "0.0"))
  s:advance(60)
  t.equal(#s:asked "/api/v2/order", 5)
end)

-- A submit without an answer (8) ------------------------------------------------------------------

-- `options.before`: what happens until it is sent.
local function lost(options)
  local s = p.up(options)
  if options and options.before then options.before(s) end
  local answer = s.answers["/api/v2/orders"]
  s.answers["/api/v2/orders"] = function(request)
    if request.method == "POST" then return false end
    return answer(request)
  end
  local order = assert(s:send(BUY))
  s:settle()
  s:lose(s:find "/api/v2/orders", true)
  s:settle()
  t.equal(order.status, "unknown")
  s:said()
  return s, order
end

t.test("a lost order is found by content, and is never sent twice", function()
  local s, order = lost()
  s.lists.wait = { p.row { id = 50, price = "6999.0" }, p.row { id = 48 } }
  s:advance(1.1)
  t.equal(order.status, "new")
  t.equal(order.order_id, "48")
  t.equal(s:said(), "unknown>new")
  local posts = 0
  for _, request in ipairs(s:asked "/api/v2/orders") do
    if request.method == "POST" then posts = posts + 1 end
  end
  t.equal(posts, 1)
end)

t.test("a lost order is found whenever our clock was set", function()
  local function row_of_now(s)
    return p.row { id = 48, created_at = os.date("!%Y-%m-%dT%H:%M:%SZ",
                                                 math.floor(1790000000 + s.elapsed)) }
  end
  local ahead, order = lost { before = function(s)
    s:shift_clock(30)
    s:advance(1)
  end }
  ahead.lists.wait = { row_of_now(ahead) }
  ahead:advance(1.1)
  t.equal(order.order_id, "48")
  local back
  back, order = lost()
  back:shift_clock(-30)
  back:advance(0.1)
  back.lists.wait = { row_of_now(back) }
  back:advance(2)
  t.equal(order.order_id, "48")
end)

t.test("a lost order that has ended meanwhile is found with its fills", function()
  local s, order = lost()
  local row = p.row { id = 48, state = "done", executed_volume = "2.0", remaining_volume = "0.0" }
  s.lists.done = { row }
  s.orders_by_id["48"] = p.row { id = 48, state = "done", executed_volume = "2.0",
    trades = { { id = 9, price = "7000.0", volume = "2.0", created_at = p.created_at } } }
  s:advance(1.1)
  t.equal(order.status, "filled")
  t.equal(s:said(), "2@7000 ? -0.002BTC, unknown>filled")
end)

t.test("old orders of the same content are no candidates", function()
  local s, order = lost()
  s.lists.wait = { p.row { id = 39, created_at = "2026-09-21T10:00:00+02:00" } }
  s:advance(1.1)
  t.equal(order.status, "unknown")
end)

t.test("several candidates are a doubt that a person has to end", function()
  local s, order = lost()
  s.lists.wait = { p.row { id = 48 }, p.row { id = 49 } }
  s:advance(5)
  t.equal(order.status, "unknown")
  t.equal(s.session.state, "degraded")
  t.equal(#s:logged "may be this one (48, 49)", 2)           -- the doubt, and the session's state
  s.lists.wait = { p.row { id = 49 } }                       -- somebody canceled the other
  s.lists.cancel = {}
  s:advance(20)
  t.equal(order.status, "new")
  t.equal(order.order_id, "49")
  t.equal(s.session.state, "up")
end)

t.test("what never arrived is rejected, and canceled should it come late", function()
  local s, order = lost()
  s:advance(45)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not_found")
  t.equal(s.desk.orders.open_count, 0)
  s.lists.wait = { p.row { id = 48 } }
  s.answers["/api/v2/order/delete"] = { 201, json.encode(p.row { id = 48, state = "cancel" }) }
  s:advance(30)
  t.equal(#s:logged "arrived late", 1)
  t.equal(#s:asked "/api/v2/order/delete", 1)
  t.equal(order.status, "canceled")
end)

t.test("two orders of the same content never travel together", function()
  local s = lost()
  local order, err = s:send(BUY)
  t.equal(order, nil)
  t.ok(err:find "no client order ids", err)
  t.ok(s:send { side = "buy", qty = "2", price = "7001" }, "another price may go")
end)

t.test("a listed order that may be the lost one is not somebody else's", function()
  local s, order = lost()
  s.lists.wait = { p.row { id = 48, price = "6000.0" } }
  s:advance(31)                                              -- the periodic comparison
  t.equal(s.desk.orders:find("idx", nil, "48"), nil)
  t.equal(order.status, "rejected")
  s:advance(1)
end)

stage.done()
