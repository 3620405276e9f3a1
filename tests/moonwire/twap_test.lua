-- strategies/twap.lua on a still stage: what leaves slice by slice, and that it is never too much.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local persist = require "moonwire.persist"

local function play(params, options)
  options = options or {}
  options.answers = options.answers or { ["/api/depth/btcidr"] = false }
  local all = { qty = "0.01", duration = 100, slices = 10 }
  for name, value in pairs(params or {}) do all[name] = value end
  options.strategies = { { name = "twap", class = dofile "strategies/twap.lua", params = all } }
  local s = stage.new(options):start()
  s:advance(1)
  return s, s.runners.twap.instance, s.runners.twap
end

local function book(s, bid, ask) s:book({ { bid } }, { { ask } }) end

local function last_trade(s)
  local sent = s:asked "trade"
  local request = sent[#sent]
  return request and ("%s %s@%s"):format(stage.parameter(request, "type"),
    stage.parameter(request, "btc"), stage.parameter(request, "price"))
end

-- The rest of what is open is filled.
local function fill_all(s, instance)
  for _, order in ipairs(instance.orders) do
    s:push(s:fill(order, tostring(order.leaves_qty), tostring(order.qty)))
  end
end

local function bought(instance) return tostring(instance:position().qty) end

t.test("nothing leaves before its time, nor without a book", function()
  local s = play()
  s:advance(25)
  t.equal(#s:asked "trade", 0)
  book(s, "949000000", "951000000")
  t.equal(#s:asked "trade", 0)
  s:advance(10)
  t.equal(#s:asked "trade", 1)
end)

t.test("each slice is a tenth of the parent, at the near side of the book", function()
  local s, instance = play()
  book(s, "949000000", "951000000")
  for slice = 1, 3 do
    s:advance(10)
    t.equal(#s:asked "trade", slice)
    t.equal(last_trade(s), "buy 0.001@949000000")
    fill_all(s, instance)
  end
  t.equal(bought(instance), "0.003")
  book(s, "940000000", "941000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.001@940000000")
end)

t.test("a sale rests at the ask", function()
  local s = play { side = "sell" }
  book(s, "949000000", "951000000")
  s:advance(10)
  t.equal(last_trade(s), "sell 0.001@951000000")
end)

t.test("what a slice did not get is added to the next one, its order canceled first", function()
  local s, instance = play()
  book(s, "949000000", "951000000")
  s:advance(10)
  local order = instance.orders[1]
  s:push(s:fill(order, "0.0004", "0.0004"))
  s:advance(10)
  t.equal(order.status, "canceled")
  t.equal(last_trade(s), "buy 0.0016@949000000")
  t.equal(#instance.orders, 1)
end)

t.test("a parent that is filled slice by slice ends after its time, exactly full", function()
  local s, instance, runner = play()
  book(s, "949000000", "951000000")
  for _ = 1, 10 do
    s:advance(10)
    fill_all(s, instance)
  end
  t.equal(bought(instance), "0.01")
  s:advance(10)
  t.equal(runner.state, "stopped")
  t.equal(#s:asked "trade", 10)
  s:advance(5)
  t.equal(s.stopped, 0)
end)

t.test("slices that do not divide evenly are whole steps and add up", function()
  local s, instance = play { qty = "0.001", slices = 3, duration = 30 }
  book(s, "949000000", "951000000")
  local sizes = {}
  for i = 1, 3 do
    s:advance(10)
    sizes[i] = stage.parameter(s:asked("trade")[i], "btc")
    fill_all(s, instance)
  end
  t.equal(table.concat(sizes, " "), "0.00033333 0.00033333 0.00033334")
  t.equal(bought(instance), "0.001")
end)

t.test("with finish the last slice crosses the spread with all that is left", function()
  local s, instance = play()
  book(s, "949000000", "951000000")
  for _ = 1, 9 do s:advance(10) end
  t.equal(bought(instance), "0")
  t.equal(last_trade(s), "buy 0.009@949000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.01@951000000")
  t.equal(#instance.orders, 1)
end)

t.test("without finish the last slice rests as the others do", function()
  local s = play { finish = false, slices = 2, duration = 20 }
  book(s, "949000000", "951000000")
  s:advance(20)
  t.equal(last_trade(s), "buy 0.01@949000000")
end)

t.test("no price is beyond the limit, on either side, at the end neither", function()
  local s = play { limit = "945000000", slices = 2, duration = 20 }
  book(s, "949000000", "951000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.005@945000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.01@945000000")
  s = play { limit = "955000000", slices = 2, duration = 20, side = "sell" }
  book(s, "949000000", "951000000")
  s:advance(10)
  t.equal(last_trade(s), "sell 0.005@955000000")
  s:advance(10)
  t.equal(last_trade(s), "sell 0.01@955000000")
end)

t.test("a limit that is not reached changes nothing", function()
  local s = play { limit = "960000000" }
  book(s, "949000000", "951000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.001@949000000")
end)

-- What may still trade and what has traded are never more than the parent, whatever happens.
t.test("open and done together never exceed the parent", function()
  local s, instance = play { slices = 5, duration = 50 }
  book(s, "949000000", "951000000")
  local parts = { "0.0003", "0.0007", "0.0011", "0.0002", "0.0005" }
  for slice = 1, 8 do
    s:advance(10)
    local order = instance.orders[1]
    if order and order.leaves_qty > parts[(slice - 1) % 5 + 1] then
      local part = decimal(parts[(slice - 1) % 5 + 1])
      s:push(s:fill(order, tostring(part), tostring(order.cum_qty + part)))
    end
    local total = instance:position().qty
    for _, open in ipairs(instance.orders) do total = total + open.leaves_qty end
    t.ok(total <= decimal "0.01", ("after slice %d: %s"):format(slice, tostring(total)))
  end
end)

t.test("a fill that comes while the slice is canceled is not bought again", function()
  local s, instance = play()
  book(s, "949000000", "951000000")
  s:advance(10)
  local order = instance.orders[1]
  s.answers.cancelByClientOrderId = false
  s:advance(10)
  t.equal(order.status, "pending_cancel")
  t.equal(#s:asked "trade", 1, "nothing new while the cancel is under way")
  s:push(s:fill(order, "0.001", "0.001"))
  s:advance(0)
  t.equal(order.status, "filled")
  t.equal(last_trade(s), "buy 0.001@949000000")
  t.equal(#s:asked "trade", 2)
  local total = instance:position().qty + instance.orders[1].leaves_qty
  t.equal(tostring(total), "0.002", "as much as two slices")
end)

t.test("what may still trade counts while its cancel has no answer: never more than the parent",
       function()
  for _, qty in ipairs { "0.01", "0.001" } do
    local s, instance = play { qty = qty, slices = 2, duration = 40 }
    book(s, "949000000", "951000000")
    s:advance(20)
    t.equal(#instance.orders, 1)
    s.answers.cancelByClientOrderId, s.answers.openOrders = false, false
    s:advance(26)                                            -- the wait for the cancel has ended
    t.equal(instance.orders[1].status, "pending_cancel")
    local total = instance:position().qty
    for _, order in ipairs(instance.orders) do total = total + order.leaves_qty end
    t.equal(tostring(total), qty, "open and done")
    t.equal(#s:asked "trade", 2)
    local first = instance.orders[1]
    s:push(s:fill(first, tostring(first.qty), tostring(first.qty)))
    fill_all(s, instance)
    t.equal(bought(instance), qty)
  end
end)

t.test("a slice that is rejected, or refused, is made up for by the next", function()
  local s, instance = play({}, { risk = { max_order_qty = { BTC = decimal "0.0025" } } })
  local accept = s.answers.trade
  s.answers.trade = '{"success":0,"error":"Insufficient balance."}'
  book(s, "949000000", "951000000")
  s:advance(10)
  t.equal(#instance.orders, 0)
  s.answers.trade = accept
  s:advance(10)
  t.equal(last_trade(s), "buy 0.002@949000000")
  s:advance(10)
  t.equal(#instance.orders, 0, "0.003 is above the limit")
  t.ok(#s:logged "its part goes to the next one" > 0)
end)

t.test("a slice of less than a step is no order, and no error", function()
  local s, _, runner = play { qty = "0.00000005" }
  book(s, "949000000", "951000000")
  s:advance(15)
  t.equal(#s:asked "trade", 0)
  t.equal(runner.state, "running")
end)

t.test("on stop what rests is canceled", function()
  local s, instance, runner = play()
  book(s, "949000000", "951000000")
  s:advance(10)
  s:run(runner, "stop", "test")
  s:settle()
  t.equal(#instance.orders, 0)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("after its time what the last slice did not get is canceled, and it stops", function()
  local s, instance, runner = play { slices = 2, duration = 20 }
  book(s, "949000000", "951000000")
  s:advance(20)
  t.equal(#instance.orders, 1)
  s:advance(10)
  t.equal(#instance.orders, 0)
  s:advance(10)
  t.equal(runner.state, "stopped")
  t.equal(#s:asked "trade", 2)
end)

-- A run that goes on where another one was: 0.003 done in three of ten slices, begun `ago` seconds
-- before.
local function play_on(ago, options)
  options = options or {}
  options.answers = { ["/api/depth/btcidr"] = false }
  options.strategies = { { name = "twap", class = dofile "strategies/twap.lua", params = {
    qty = "0.01", duration = 100, slices = 10 } } }
  local s = stage.new(options)
  s.runners.twap:restore_persist(persist.encode {
    slice = options.slice or 3, done = options.done or "0.003", began = 1790000000.123 - ago })
  s:start()
  book(s, "949000000", "951000000")
  return s, s.runners.twap.instance, s.runners.twap
end

t.test("what is kept is exact after each fill", function()
  local s, instance = play()
  book(s, "949000000", "951000000")
  s:advance(10)
  s:push(s:fill(instance.orders[1], "0.0004", "0.0004"))
  local keep = instance.state.persist
  t.equal(keep.done .. " " .. keep.slice, "0.0004 1")
  t.ok(math.abs(keep.began - 1790000000.123) < 1e-3, keep.began)
end)

t.test("after a restart it goes on with the slice that is due, by the same clock", function()
  local s = play_on(34)
  s:advance(5.9)
  t.equal(#s:asked "trade", 0)
  s:advance(0.2)
  t.equal(last_trade(s), "buy 0.001@949000000")
  s:advance(10)
  t.equal(last_trade(s), "buy 0.002@949000000")
end)

t.test("what was not traded while it was down is part of the next slice", function()
  local s = play_on(65)
  s:advance(5.1)
  t.equal(last_trade(s), "buy 0.004@949000000")
  s:advance(30)
  t.equal(last_trade(s), "buy 0.007@951000000")
end)

t.test("down until after its end, it does what is left and ends", function()
  local s, instance, runner = play_on(5000)
  s:advance(9)
  t.equal(#s:asked "trade", 0)
  s:advance(2)
  t.equal(last_trade(s), "buy 0.007@951000000")
  fill_all(s, instance)
  t.equal(instance.state.persist.done, "0.01")
  s:advance(10)
  t.equal(runner.state, "stopped")
end)

t.test("a parent that is done is not begun again", function()
  local s, _, runner = play_on(5000, { slice = 10, done = "0.01" })
  s:advance(30)
  t.equal(#s:asked "trade", 0)
  t.equal(runner.state, "stopped")
end)

t.test("a clock that is set neither hurries nor stops it", function()
  for _, by in ipairs { 3600, -3600 } do
    local s = play()
    book(s, "949000000", "951000000")
    s:advance(10)
    s:shift_clock(by)
    s:advance(30)
    t.equal(#s:asked "trade", 4)
  end
end)

t.test("nonsense in the parameters stops it before anything is sent", function()
  for _, params in ipairs { { side = "long" }, { slices = 0 }, { slices = -1 }, { duration = 0 },
                            { duration = -5 }, { symbol = "X/Y" } } do
    local s, _, runner = play(params)
    s:advance(5)
    t.equal(runner.state, "stopped")
    t.equal(runner.errors, 0)
    t.equal(#s:asked "trade", 0)
  end
  local s, _, runner = play({}, { market = false })
  s:advance(1)
  t.equal(runner.state, "stopped")
  t.ok(#s:logged "no market data" > 0)
end)

stage.done()
