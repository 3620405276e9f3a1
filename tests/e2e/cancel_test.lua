--- A cancel goes over a connection of its own and may be at the venue before its order: the real
--- program, and a venue that takes its time with the order.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

local AT_ONCE = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:cancel(assert(self:buy { qty = "0.001", price = "1500000000" }))
end
function S:on_order(order, event)
  print("order " .. event.previous .. ">" .. order.status .. " " .. (event.reason or ""))
end
return S
]]

local function late_order()
  local sim = e2e.sim "indodax"
  sim:control("fault", { fault = "delay:trade:1500ms:before" })
  -- (With a countdown the order waits for that, and a cancel takes it back unsent.)
  local run = sim:run(AT_ONCE, { venue = "dead_man = false," })
  run:wait_for "Order not found"                 -- what the venue says of the cancel
  run:wait_for "order pending_new>pending_cancel"
  equal(#sim:orders(), 0, "orders at the venue")
  return sim, run
end

local function is_canceled_once(sim)
  equal(#sim:requests "trade", 1, "orders sent")
  local orders = sim:orders()
  equal(#orders, 1, "orders at the venue")
  equal(orders[1].status, "canceled")
end

test("a cancel that overtakes its order is sent again when the venue has it", function()
  local sim, run = late_order()
  run:wait_for "order %S+>canceled"
  is_canceled_once(sim)
  equal(#sim:requests "cancel", 2, "cancels")
  if run:out():find("rejected", 1, true) then error(run:out()) end
  equal(run:stop(), 0)
end)

test("a stop meanwhile waits for the order and leaves nothing", function()
  local sim, run = late_order()
  equal(run:stop(), 0)
  is_canceled_once(sim)
end)

e2e.run_all()
