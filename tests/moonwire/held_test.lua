-- Orders that wait for the venue's countdown: how long, and what is left of that behind them.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local held = require "moonwire.held"

-- Held orders of a countdown that notes what becomes of them; `wait` is the venue's rate.
local function new(wait)
  local s, told = stage.new(), {}
  local session = { name = "idx", orders = { open = {} } }
  function session:apply(order, report) told[#told + 1] = order.name .. " " .. report.reason end
  function session:send_order(order) told[#told + 1] = order.name .. " sent" end
  function session:take_place() return not wait, "rate", wait end
  local countdown = { session = session }
  function countdown:on_released(symbol) told[#told + 1] = symbol .. " released" end
  local list = held.new(countdown, "BTC/IDR")
  return s, list, function() return table.concat(told, "|") end
end

t.test("the time of one that left is not that of one that comes later", function()
  local s, list, told = new()
  s:run(list, "add", { name = "a" })
  s:advance(1)
  s:run(list, "add", { name = "b" })
  s:run(list, "release")
  t.equal(told(), "a sent|b sent")
  s:advance(1)
  s:run(list, "add", { name = "c" })
  s:advance(4.9)
  t.equal(told(), "a sent|b sent")
  s:advance(0.2)
  t.equal(told(), "a sent|b sent|c not sent: the venue's countdown for BTC/IDR did not run "
          .. "within 5 s")
end)

t.test("what was refused while it waited for the rate is not told as released", function()
  local s, list, told = new(1)
  s:run(list, "add", { name = "a" })
  s:run(list, "release")
  s:run(list, "refuse", "the end")
  s:advance(10)
  t.equal(told(), "a not sent: the end")
end)

stage.done()
