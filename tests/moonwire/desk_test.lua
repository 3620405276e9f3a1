-- The desk: what an order has to pass before it is sent, to whom reports go, and when all begins.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local order_module = require "moonwire.order"
local position = require "moonwire.position"
local mw = require "moonwire"

local D = decimal

-- A stage with strategies that do nothing by themselves, "one" unless others are named.
local function play(options, names)
  options = options or {}
  options.strategies = {}
  for i, name in ipairs(names or { "one" }) do
    local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
    function S:send(request, key)
      self[key or "order"], self.err = self:submit(request)
    end
    function S:listen() assert(self:subscribe "book") end
    options.strategies[i] = { name = name, class = S }
  end
  local s = stage.new(options):start()
  --- An order by strategy `name`; nil and why it was refused.
  function s:send(request, name)
    local runner = self.runners[name or "one"]
    local all = { side = "buy", qty = "0.001", price = "950000000" }
    for key, value in pairs(request or {}) do all[key] = value or nil end
    self:run(runner, "call_method", "send", 1, { all })
    self:settle()
    return runner.instance.order, runner.instance.err
  end
  function s:quote(bid, ask)
    if not self.last_socket.market then
      self:run(self.runners.one, "call_method", "listen", 0, {})
      self:settle()
    end
    self:book({ { bid } }, { { ask } })
  end
  return s
end

local function refused(s, request, text)
  local sent, known = #s:asked "trade", s.desk.orders.open_count
  local order, err = s:send(request)
  t.equal(order, nil, text)
  t.equal(err, text)
  t.equal(#s:asked "trade", sent, "nothing leaves")
  t.equal(s.desk.orders.open_count, known, "nothing is recorded")
end

local function passes(s, request, name)
  local order, err = s:send(request, name)
  t.ok(order, err)
  return order
end

-- Precision ---------------------------------------------------------------------------------------

t.test("a price or a quantity between two steps is refused by name", function()
  local s = play()
  refused(s, { price = "950000500" }, "price 950000500 is not a multiple of 1000")
  refused(s, { price = "950000000.01" }, "price 950000000.01 is not a multiple of 1000")
  refused(s, { qty = "0.000100001" }, "qty 0.000100001 is not a multiple of 0.00000001")
  passes(s, { price = "950001000" })
  passes(s, { qty = "0.00100001" })
end)

t.test("what is below the venue's minimum is refused, what is at it passes", function()
  local s = play()
  refused(s, { qty = "0.00000644" }, "qty 0.00000644 is below the venue's minimum 0.00000645")
  refused(s, { qty = "0.00001052" }, "notional 9994 is below the venue's minimum 10000")
  passes(s, { qty = "0.00001", price = "1000000000" })
  passes(s, { qty = "0.00000645", price = "2000000000" })
end)

t.test("an order by amount has the minimum of the notional", function()
  local s = play()
  local by_amount = { qty = false, price = false, amount = "9999" }
  refused(s, by_amount, "notional 9999 is below the venue's minimum 10000")
  by_amount.amount = "10000"
  passes(s, by_amount)
end)

t.test("a market order by quantity has no price to be checked", function()
  passes(play(), { side = "sell", price = false })
end)

t.test("an unknown venue or symbol is refused", function()
  local s = play()
  refused(s, { venue = "other" }, "no venue other in the configuration")
  refused(s, { symbol = "X/Y" }, "no market X/Y on idx")
  refused(s, { symbol = "btc_idr" }, "no market btc_idr on idx; did you mean BTC/IDR?")
end)

t.test("what the protocol does not know is refused before risk and rate count it", function()
  local s = play { risk = { max_orders_per_second = 1 } }
  for _ = 1, 3 do
    refused(s, { time_in_force = "ioc" }, "indodax knows gtc and post_only, not ioc")
  end
  passes(s)
end)

-- Risk --------------------------------------------------------------------------------------------

t.test("open orders of all strategies count, and no longer when they have ended", function()
  local s = play({ risk = { max_open_orders = 2 } }, { "one", "two" })
  local first = passes(s, nil, "one")
  passes(s, nil, "two")
  refused(s, nil, "2 orders are open, max_open_orders is 2")
  s:push(s:update(first, { status = "CANCELLED" }))
  s.runners.one.instance.order = nil
  passes(s)
end)

t.test("orders of somebody else take no place of ours", function()
  local s = play { risk = { max_open_orders = 1 },
                   answers = { openOrders = stage.vector "open_orders" } }
  t.equal(#s.desk.orders:list_open(), 4)
  t.equal(s.desk.orders.own_count, 0)
  passes(s)
  t.equal(s.desk.orders.own_count, 1)
end)

t.test("an order in doubt counts as open", function()
  local s = play { risk = { max_open_orders = 1 },
                   answers = { trade = false, getOrderByClientOrderId = false } }
  local order = passes(s)
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  s.runners.one.instance.order = nil
  refused(s, nil, "1 orders are open, max_open_orders is 1")
end)

t.test("the collar is measured from the middle of the last book", function()
  local s = play { risk = { price_collar = D "0.05" } }
  passes(s, { price = "2000000000" })
  s.runners.one.instance.order = nil
  s:quote("949000000", "951000000")
  local text = "price 997501000 is above 997500000, price_collar 5% from 950000000"
  refused(s, { price = "997501000" }, text)
  passes(s, { price = "997500000" })
  s.runners.one.instance.order = nil
  s:quote("959000000", "961000000")
  passes(s, { price = "997501000" })
end)

t.test("a book that is not fresh any more is no reference", function()
  local s = play { risk = { max_order_notional = { IDR = D "10000000" } } }
  s:quote("949000000", "951000000")
  passes(s, { side = "sell", price = false })
  s.runners.one.instance.order = nil
  s.keep_closed = true
  s:close(s:market(), 1006)
  refused(s, { side = "sell", price = false }, "market order: no reference price for BTC/IDR, so "
          .. "max_order_notional cannot be checked")
end)

t.test("a book with one side is no reference", function()
  local s = play { risk = { max_order_notional = { IDR = D "10000000" } } }
  s:quote("949000000", "951000000")
  s:book({ { "949000000" } }, {})
  refused(s, { side = "sell", price = false }, "market order: no reference price for BTC/IDR, so "
          .. "max_order_notional cannot be checked")
end)

local MAX_POSITION = { max_position = { BTC = D "0.0025" } }

t.test("a position counts what is held and what is open on the same side", function()
  local s = play { risk = MAX_POSITION }
  local first = passes(s)
  passes(s)
  s.runners.one.instance.order = nil
  refused(s, nil, "position 0.003 BTC is above max_position 0.0025")
  s:push(s:fill(first, "0.001", "0.001"))
  refused(s, nil, "position 0.003 BTC is above max_position 0.0025")
  passes(s, { qty = "0.0005" })
end)

t.test("open orders of the other side do not make a position smaller", function()
  local s = play { risk = MAX_POSITION }
  passes(s, { side = "sell", qty = "0.002" })
  s.runners.one.instance.order = nil
  refused(s, { qty = "0.0026" }, "position 0.0026 BTC is above max_position 0.0025")
  passes(s, { qty = "0.0025" })
end)

t.test("a partial execution counts once: held, and no longer open", function()
  local s = play { risk = MAX_POSITION }
  local first = passes(s, { qty = "0.002" })
  s:push(s:fill(first, "0.0015", "0.0015"))
  s.runners.one.instance.order = nil
  refused(s, { qty = "0.0006" }, "position 0.0026 BTC is above max_position 0.0025")
  passes(s, { qty = "0.0005" })
end)

t.test("an open order by amount counts as what its amount may come to", function()
  local s = play { risk = { max_position = { BTC = D "0.0025" }, price_collar = D "0.05" } }
  local by_amount = { type = "market", qty = false, price = false, amount = "950000" }
  s:quote("999000000", "1001000000")
  local first = passes(s, by_amount)
  passes(s, by_amount)
  s.runners.one.instance.order = nil
  refused(s, by_amount, "position 0.003 BTC is above max_position 0.0025")
  passes(s, { qty = "0.0005" })
  s:push(s:update(first, { status = "DONE", executedQty = "0.001", price = "0" }))
  t.ok(first:is_open(), "its trades are asked for")
  s.runners.one.instance.order = nil
  refused(s, by_amount, "position 0.0035 BTC is above max_position 0.0025")
end)

t.test("while nobody knows what an open amount may come to nothing more is sent", function()
  local s = play { risk = MAX_POSITION }
  s:quote("999000000", "1001000000")
  passes(s, { type = "market", qty = false, price = false, amount = "950000" })
  s:book({ { "949000000" } }, {})
  s.runners.one.instance.order = nil
  refused(s, nil, "an order by amount is open in BTC/IDR, and there is no reference price: "
          .. "max_position cannot be checked")
  passes(s, { side = "sell" })
end)

t.test("a position is one strategy's, not another's", function()
  local s = play({ risk = MAX_POSITION }, { "one", "two" })
  local order = passes(s, { qty = "0.0025" }, "two")
  s:push(s:fill(order, "0.0025", "0.0025"))
  passes(s, { qty = "0.0025" }, "one")
  s = play({ risk = MAX_POSITION }, { "one", "two" })
  passes(s, { qty = "0.0025" }, "two")
  passes(s, { qty = "0.0025" }, "one")
end)

-- Rates -------------------------------------------------------------------------------------------

t.test("max_orders_per_second is each strategy's own, in any second", function()
  local s = play({ risk = { max_orders_per_second = 2 } }, { "one", "two" })
  passes(s)
  passes(s)
  s.runners.one.instance.order = nil
  local order, err = s:send()
  t.equal(order, nil)
  t.ok(err:find "^max_orders_per_second is 2: try again in [01]%.%d+ s$", err)
  passes(s, nil, "two")
  s:advance(1.01)
  passes(s)
end)

t.test("an order that another limit refuses takes no place in the rate", function()
  local s = play { risk = { max_orders_per_second = 1, max_order_qty = { BTC = D "0.002" } } }
  for _ = 1, 3 do
    refused(s, { qty = "0.003" }, "qty 0.003 BTC is above max_order_qty 0.002")
    refused(s, { qty = "0.000000001" }, "qty 0.000000001 is not a multiple of 0.00000001")
  end
  passes(s)
end)

t.test("a strategy that floods has two thirds of the venue's rate, others have the rest", function()
  local s = play(nil, { "one", "two" })
  s:advance(2)
  for _ = 1, 10 do passes(s) end
  s.runners.one.instance.order = nil
  for _ = 1, 100 do
    local order, err = s:send()
    t.equal(order, nil)
    t.ok(err:find("one strategy may send 10 orders in 1 s to idx, two thirds of the venue's limit "
                  .. "(risk.max_orders_per_second sets another): try again in ", 1, true), err)
  end
  for _ = 1, 5 do passes(s, nil, "two") end
  s:advance(1.01)
  passes(s)
end)

t.test("the venue's own rate refuses what is too fast", function()
  local s = play { risk = { max_orders_per_second = 1000 } }
  s:advance(2)
  for _ = 1, 15 do passes(s) end
  s.runners.one.instance.order = nil
  local order, err = s:send()
  t.equal(order, nil)
  t.ok(err:find "^rate limit of the venue for BTC/IDR: try again in ", err)
  s:advance(1.01)
  passes(s)
end)

-- Sent --------------------------------------------------------------------------------------------

t.test("each order has an id of its own that tells its strategy", function()
  local s = play(nil, { "one", "two" })
  local seen = {}
  for i = 1, 10 do
    local order = passes(s, nil, i % 2 == 0 and "one" or "two")
    t.equal(order.strategy, i % 2 == 0 and "one" or "two")
    t.equal(seen[order.client_order_id], nil)
    t.equal(s.desk.orders:is_ours(order.client_order_id), true)
    seen[order.client_order_id] = true
  end
  t.equal(s.desk.order_count, 10)
end)

t.test("an order and its fill go to the strategy that sent it", function()
  local s = play(nil, { "one", "two" })
  local order = passes(s, nil, "two")
  s:push(s:fill(order, "0.0004", "0.0004"))
  t.equal(tostring(s.desk:position("two", "idx", "BTC/IDR").qty), "0.0004")
  t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "0")
  t.equal(s.desk.fill_count, 1)
end)

-- An order that was executed, of that strategy, venue and symbol.
local function execute(s, strategy, venue, symbol, qty)
  local order = order_module.new({
    client_order_id = strategy .. venue .. symbol .. qty, venue = venue, symbol = symbol,
    side = "buy", type = "limit", time_in_force = "gtc", price = D "100", qty = D(qty),
    strategy = strategy }, 0)
  s.desk.orders:add(order)
  s.desk.orders:apply(order, { status = "filled", trade_id = 1, last_qty = D(qty),
                               last_price = D "100" })
  s:settle()
end

t.test("fills in turn go to the position of their own strategy, venue and symbol", function()
  local s = play(nil, { "one", "two" })
  local held = {}
  for turn = 1, 3 do
    for i, of in ipairs { { "one", "idx", "BTC/IDR" }, { "one", "idx", "ETH/IDR" },
                          { "two", "idx", "ETH/IDR" }, { "two", "fin", "ETH/IDR" } } do
      execute(s, of[1], of[2], of[3], tostring(i * 10 ^ turn))
      held[i] = (held[i] or 0) + i * 10 ^ turn
      t.equal(tostring(s.desk:position(unpack(of)).qty), tostring(held[i]))
    end
  end
end)

t.test("fills behind the return of an earlier run's position are in that one", function()
  local s = play()
  execute(s, "one", "idx", "BTC/IDR", "1")
  local earlier = position.new { strategy = "one", venue = "idx", symbol = "BTC/IDR" }
  s.desk:take_position(earlier)
  execute(s, "one", "idx", "BTC/IDR", "2")
  t.equal(tostring(earlier.qty), "2")
end)

t.test("each feed, venue and symbol is asked for by itself", function()
  local s = play()
  local asked = {}
  for _, name in ipairs { "second", "third" } do
    s.desk:add_session { name = name, subscribe = function(_, feed, symbol)
      asked[#asked + 1] = name .. " " .. feed .. " " .. symbol
    end }
  end
  local runner = s.runners.one
  local wanted = { { "second", "book", "A/B" }, { "second", "book", "C/D" },
                   { "third", "book", "A/B" }, { "second", "trades", "A/B" } }
  for i, of in ipairs(wanted) do
    t.ok(not runner:hears(unpack(of)), "not yet")
    runner:begin_feed(of[2], { venue = of[1], symbol = of[3] })
    for j = 1, i do t.ok(runner:hears(unpack(wanted[j])), table.concat(wanted[j], " ")) end
  end
  t.equal(#asked, 4)
  t.ok(not runner:hears("third", "trades", "A/B"))
  t.ok(not runner:hears("third", "book", "C/D"))
end)

t.test("an execution of somebody else's order is in nobody's position", function()
  local s = play { answers = { openOrders = stage.vector "open_orders" } }
  local order = s.desk.orders:find("idx", nil, "btcidr-limit-310131")
  s:push(s:fill(order, "0.00005", "0.0001", { orderId = "btcidr-limit-310131" }))
  t.equal(tostring(order.cum_qty), "0.00005")
  t.equal(next(s.desk.positions), nil)
end)

-- Life --------------------------------------------------------------------------------------------

-- A second venue that says nothing by itself.
local function with_second_venue()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  S.calls = {}
  function S.on_start() table.insert(S.calls, "start") end
  function S.on_session(_, venue, state) table.insert(S.calls, venue .. ":" .. state) end
  local s = stage.new { strategies = { { name = "one", class = S } } }
  local second = { name = "second", start = function() end, stop = function() end,
                   reconciler = { has_doubts = function() return false end } }
  s.desk:add_session(second)
  s:start()
  local function said()
    local text = table.concat(S.calls, " ")
    for i = #S.calls, 1, -1 do S.calls[i] = nil end
    return text
  end
  t.equal(s.session.state, "up")
  t.equal(s.runners.one.state .. said(), "loaded", "one venue is missing")
  return s, second, said
end

t.test("strategies start when all sessions were up, and once", function()
  local s, second, said = with_second_venue()
  s:run(s.desk, "on_session_state", second, "down")
  t.equal(said(), "", "down is not up")
  s:run(s.desk, "on_session_state", second, "up")
  t.equal(said(), "start second:up")
  s:run(s.desk, "on_session_state", second, "down")
  s:run(s.desk, "on_session_state", second, "up")
  t.equal(said(), "second:down second:up")
end)

t.test("a venue that has stopped for good is not waited for, and the other one goes on", function()
  local s, second, said = with_second_venue()
  s:run(s.desk, "on_session_stopped", second, "bad signature")
  t.equal(said(), "start")
  t.equal(s.stopped, nil)
end)

-- One of two venues stops for good while an order of ours rests there.
local function lose_for_good(options)
  local s = play(options)
  local order = s:send()
  t.equal(order.status, "new")
  s.desk:add_session { name = "second", stop = function() end }
  s:run(s.session.private, "lost", "too many connections", "permanent")
  s:settle()
  return s, order
end

t.test("what is open at a venue that has stopped for good is canceled, and told", function()
  local s, order = lose_for_good { answers = { getOrderByClientOrderId = function(request)
    return '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"'
      .. stage.parameter(request, "client_order_id") .. '","price":"950000000","type":"buy",'
      .. '"status":"cancelled","order_rp":"951000","remain_rp":"951000"}}}'
  end } }
  s:advance(1)
  t.equal(order.status, "canceled")
  t.equal(#s:logged "error 1 of our orders open there, which nobody follows any more: canceling", 1)
  t.equal(s.stopped, nil)
end)

t.test("... unless orders are to stay", function()
  local s, order = lose_for_good { on_stop = "leave" }
  t.equal(order.status, "new")
  t.equal(#s:logged "which nobody follows any more: look after them at the venue", 1)
end)

t.test("a venue that refuses such a cancel is not asked without end", function()
  local s, order = lose_for_good { answers = { cancelByClientOrderId =
    '{"success":0,"error":"Invalid credentials. API not found."}' } }
  s:advance(60)
  t.equal(order:is_open(), true)
  local count = #s:asked "cancelByClientOrderId"
  t.ok(count <= 12, count .. " cancels in a minute")
end)

t.test("without any venue that works the runtime stops, with status 1", function()
  local s = play { answers = { ["/api/private_ws/v1/generate_token"] =
    '{"success":0,"error":"Invalid credentials. Bad sign."}' } }
  t.equal(s.stopped, 1)
  t.ok(s:logged("stopping: no venue is left: ")[1]:find "bad signature")
  t.equal(s.runners.one.state ~= "running", true)
end)

stage.done()
