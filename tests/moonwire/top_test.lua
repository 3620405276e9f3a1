-- What the live screen shows, and that it costs nothing when nobody looks.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local host = require "moonwire.host"
local mw = require "moonwire"
local top = require "moonwire.top"
local watch = require "moonwire.watch"

local real_age = host.event_age
function host.event_age() return 0.000025 end

local function play()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:send(price) self:buy { qty = "0.001", price = price } end
  local s = stage.new { strategies = { { name = "lad", class = S } } }
  s:start()
  function s:send(count)
    for i = 1, count or 1 do
      self:run(self.runners.lad, "call_method", "send", 1, { ("9%02d000000"):format(i % 100) })
      self:settle()
      if i % 10 == 0 then self:advance(1) end   -- the venue's limit
    end
  end
  return s
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

t.test("nothing is counted before somebody looks, nor after the last one has left", function()
  local s = play()
  t.equal(s.desk.watch, false)
  local one, two = top.begin(s.desk), top.begin(s.desk)
  t.ok(s.desk.watch)
  one:stop()
  one:stop()
  t.ok(s.desk.watch, "the other one still looks")
  two:stop()
  t.equal(s.desk.watch, false)
end)

t.test("run --events goes on as before, during a look and after it", function()
  local s = play()
  local events = watch.attach(s.desk)
  local look = top.begin(s.desk)
  s:send()
  s:push(s:fill(s.desk.orders:list_open()[1], "0.001", "0.001", { price = "901000000" }))
  local said = table.concat(s.printed, "\n")
  t.ok(said:find "new " and said:find "fill " and said:find "filled ", said)
  t.equal(#events.latencies, 1)
  look:stop()
  t.equal(s.desk.watch, events)
end)

t.test("rates and latencies are those of the time that was looked at", function()
  local s = play()
  s:send(3)
  local look = top.begin(s.desk)
  t.equal(look:take().event_to_order, nil)
  s:send(2)
  s:push(s:fill(s.desk.orders:list_open()[1], "0.001", "0.001", { price = "901000000" }))
  s:advance(2)
  local seen = look:take()
  t.equal(seen.rates.orders, 1)
  t.equal(seen.rates.fills, 0.5)
  t.ok(seen.rates.events > 0)
  t.equal(seen.event_to_order.count, 2)
  t.equal(seen.event_to_order.p99, 0.000025)
  t.equal(seen.order_to_answer.count, 2)
  t.equal(look:take().rates.orders, 1, "what was counted just now is not counted anew")
  s:advance(1)
  t.equal(look:take().rates.orders, 0)
  t.ok(top.text(seen, 100):find("event to order: p50 25 us, p99 25 us, max 25 us (2)", 1, true))
end)

t.test("all of it is text where there is no screen", function()
  local s = play()
  s:send(40)
  local look = top.begin(s.desk)
  local text = top.text(look:take(), 80)
  t.ok(text:find "open orders 40\n")
  t.ok(text:find "venue  session", text)
  t.ok(text:find "lad   running           40       0", text)
  t.equal(select(2, text:gsub(" new     buy ", "")), 40)
  look:stop()
end)

t.test("positions are shown without the decimals that only a sum needs", function()
  local s = play()
  s:send(2)
  local orders = s.desk.orders:list_open()
  s:push(s:fill(orders[1], "0.001", "0.001", { price = "901000000" }))
  s:push(s:fill(orders[2], "0.0007", "0.0007", { price = "902000000" }))
  local look = top.begin(s.desk)
  local seen = look:take()
  look:stop()
  local function row(height)
    for _, line in ipairs(lines_of(top.text(seen, 200, height))) do
      if line:find "^lad +idx +BTC/IDR" and not line:find "mw-" then return line end
    end
  end
  t.equal(tostring(seen.positions[1].avg_price), "901411764.705882352941")
  for _, height in ipairs { 40, 1000 } do
    t.ok(row(height):find("901411764.71 ", 1, true), row(height))
  end
  t.ok(row():find("0.0017 ", 1, true), row())
end)

t.test("a screen of any size is filled and never overflows", function()
  local s = play()
  s:send(40)
  local seen = top.begin(s.desk):take()
  for height = 2, 70 do
    for _, width in ipairs { 20, 57, 80, 200 } do
      local lines = lines_of(top.text(seen, width, height))
      t.ok(#lines <= height, ("%d lines for %d"):format(#lines, height))
      for _, line in ipairs(lines) do t.ok(#line <= width, line) end
      if height >= 15 and height <= 50 then t.equal(#lines, height, "none is left empty") end
    end
  end
  local lines = lines_of(top.text(seen, 100, 20))
  t.equal(lines[#lines], "... 33 more orders")
  t.ok(lines[#lines - 1]:find " new     buy ")
  t.ok(top.text(seen, 100, 9):find "no room: sessions, strategies", "what is missing is told")
end)

stage.done()
host.event_age = real_age
