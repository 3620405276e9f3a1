-- What `moonwire run --events` prints: a line an event, and a summary that adds up.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local host = require "moonwire.host"
local mw = require "moonwire"
local watch = require "moonwire.watch"

local real_age = host.event_age
local age = 0
function host.event_age() return age end

-- A strategy whose orders the test sends; everything is watched.
local function play(options)
  options = options or {}
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:send(request, key)
    local order, err = self:submit(request)
    self[key or "order"] = order or error(err)
  end
  function S:drop(order) self:cancel(order) end
  function S:listen() self:subscribe "book" end
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options)
  s.watch = watch.attach(s.desk)
  s:start()
  function s:act(name, ...)
    self:run(self.runners.one, "call_method", name, select("#", ...), { ... })
    self:settle()
  end
  function s:send(request, key)
    local all = { side = "buy", qty = "0.001", price = "950000000" }
    for name, value in pairs(request or {}) do all[name] = value or nil end
    self:act("send", all, key)
    return self.runners.one.instance[key or "order"]
  end
  -- The lines since the last call, without their times and with single blanks.
  function s:said()
    local lines = {}
    for i, line in ipairs(self.printed) do
      lines[i] = line:gsub("^%d%d:%d%d:%d%d%.%d%d%d  ", ""):gsub(" +", " "):gsub("mw%-%S+", "ID")
    end
    self.printed = {}
    return table.concat(lines, "|")
  end
  return s
end

t.test("each change of an order is a line with the event's time", function()
  local s = play()
  s:send()
  t.equal(#s.printed, 1)
  local order = s.runners.one.instance.order
  t.equal(s.printed[1], ("14:13:20.123  new      buy  BTC/IDR            0.001 @ 950000000    %s")
          :format(order.client_order_id))
  s:advance(60.5)
  s:push(s:update(order, { status = "CANCELLED", cancelReason = "BY_VENUE" }))
  t.equal(s.printed[2]:sub(1, 24), "14:14:20.623  canceled b")
  t.equal(s:said(), "new buy BTC/IDR 0.001 @ 950000000 ID|canceled buy BTC/IDR 0.001 @ 950000000 "
          .. "ID by_venue")
end)

t.test("a fill is a line before the status that it causes", function()
  local s = play()
  local order = s:send { side = "sell" }
  s:said()
  s:push(s:fill(order, "0.0004", "0.0004"))
  t.equal(s:said(), "fill sell BTC/IDR 0.001 @ 950000000 0.0004 @ 950000000 maker"
          .. "|partial sell BTC/IDR 0.001 @ 950000000 ID")
  s:push(s:fill(order, "0.0006", "0.001"))
  t.equal(s:said(), "fill sell BTC/IDR 0.001 @ 950000000 0.0006 @ 950000000 maker"
          .. "|filled sell BTC/IDR 0.001 @ 950000000 ID")
end)

t.test("a cancel shows when it is asked for and when it is done, a rejection shows why", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  local order = s:send()
  s:said()
  s:act("drop", order)
  t.equal(s:said(), "cancel? buy BTC/IDR 0.001 @ 950000000 ID")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(s:said(), "canceled buy BTC/IDR 0.001 @ 950000000 ID")
  s.answers.trade = '{"success":0,"error":"Insufficient balance."}'
  s:send()
  t.equal(s:said(), "rejected buy BTC/IDR 0.001 @ 950000000 ID insufficient balance")
end)

t.test("a market order shows what it has: an amount, and market for a price", function()
  local s = play()
  s:send { qty = false, price = false, amount = "50000" }
  t.equal(s:said(), "new buy BTC/IDR 50000 @ market ID")
end)

t.test("orders of others are shown as well", function()
  local s = play()
  s:push(s:update({ order_id = "btcidr-limit-9", client_order_id = "web-1", side = "sell" }, {}))
  s:push(s:update({ order_id = "btcidr-limit-9", client_order_id = "web-1", side = "sell" },
                  { status = "CANCELLED" }))
  t.equal(s:said(), "canceled sell BTC/IDR 0.001 @ 950000000 web-1")
end)

local function summary(s)
  s.printed = {}
  s.watch:summary()
  return table.concat(s.printed, "|")
end

t.test("the summary counts orders by their end, and fills", function()
  local s = play()
  local filled = s:send()
  s:push(s:fill(filled, "0.0004", "0.0004"), s:fill(filled, "0.0006", "0.001"))
  s:act("drop", s:send())
  local taken = s.answers.trade
  s.answers.trade = '{"success":0,"error":"Insufficient balance."}'
  s:send()
  s:send()
  t.equal(summary(s):match "^[^|]*", "\n4 orders: 1 filled, 1 canceled, 2 rejected; 2 fills")
  s.answers.trade = taken
  s:send()
  t.equal(summary(s):match "^[^|]*",
          "\n5 orders: 1 filled, 1 canceled, 2 rejected, 1 open; 2 fills")
end)

t.test("the summary of a run without an order has zeros and no latency", function()
  t.equal(summary(play()), "\n0 orders: 0 filled, 0 canceled, 0 rejected; 0 fills")
end)

t.test("the summary has each position with profit, fees and its worth at the mid", function()
  local s = play()
  local bought = s:send()
  s:push(s:fill(bought, "0.001", "0.001"))
  local sold = s:send { side = "sell", qty = "0.0004", price = "960000000" }
  s:push(s:fill(sold, "0.0004", "0.0004"))
  local line = summary(s):match "|(one[^|]*)"
  t.equal(line, "one          BTC/IDR   position 0.0006, realized 3978, fees 22 IDR")
  s:act "listen"
  s:book({ { "969000000" } }, { { "971000000" } })
  t.equal(summary(s):match "|(one[^|]*)", line .. ", profit at the mid 15978")
  s:book({ { "969000000" } }, {})
  t.equal(summary(s):match "|(one[^|]*)", line, "no mid, no worth")
end)

t.test("names and symbols that are long keep the columns", function()
  local s = play()
  s.desk:position("one", "idx", "BTC/IDR")
  s.desk:position("exit_after_fill", "idx", "6b0e-7f3a#harbour/DON")
  local places = {}
  for line in summary(s):gmatch "|([^|]*position[^|]*)" do
    places[#places + 1] = line:find("position", 1, true)
  end
  t.equal(table.concat(places, " "), "39 39")
end)

t.test("positions come in the order of their strategies and symbols", function()
  local s = play()
  for _, symbol in ipairs { "ETH/IDR", "AAVE/IDR", "BTC/IDR" } do
    for _, name in ipairs { "two", "one" } do s.desk:position(name, "idx", symbol) end
  end
  local words = {}
  for name, symbol in summary(s):gmatch "|(%w+) +(%S+) +position" do
    words[#words + 1] = name .. ":" .. symbol
  end
  t.equal(table.concat(words, " "), "one:AAVE/IDR one:BTC/IDR one:ETH/IDR two:AAVE/IDR "
          .. "two:BTC/IDR two:ETH/IDR")
end)

t.test("the time from an event to its order is measured for each order that leaves", function()
  local s = play()
  for i = 1, 100 do
    age = i * 37 % 101 * 1e-6
    s:send()
    if i % 10 == 0 then s:advance(1.01) end
  end
  t.equal(#s.watch.latencies, 100)
  t.equal(summary(s):match "[^|]*$", "event to order: p50 50 us, p99 99 us (100 measured)")
end)

t.test("one order that left is both its percentiles", function()
  local s = play()
  age = 7e-6
  s:send()
  t.equal(summary(s):match "[^|]*$", "event to order: p50 7 us, p99 7 us (1 measured)")
  for _, other in ipairs { 3e-6, 5e-6 } do
    age = other
    s:send()
  end
  t.equal(summary(s):match "[^|]*$", "event to order: p50 5 us, p99 7 us (3 measured)")
end)

t.test("the summary is printed once, at the end", function()
  local s = play()
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:advance(1)
  t.equal(s.stopped, 0)
  local count = 0
  for _, line in ipairs(s.printed) do
    if line:find "orders: " then count = count + 1 end
  end
  t.equal(count, 1)
end)

t.test("without --events nothing is printed", function()
  local s = stage.new { strategies = { { name = "one", class = mw.strategy {} } } }:start()
  s:push(s:update({ order_id = "btcidr-limit-9", client_order_id = "web-1" }, {}))
  s:run(s.desk, "stop", 0, "SIGTERM")
  t.equal(#s.printed, 0)
end)

host.event_age = real_age
stage.done()
