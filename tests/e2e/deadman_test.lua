--- The dead-man switch end to end: the real program, the venue's countdown, and what it cancels.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

local SIGKILL = 9
-- The shortest countdown, longer where all is slow: a restart must fit into it.
local SECONDS = e2e.slower > 1 and 60 or 10
local PROTECTED = { venue = ("dead_man = %d,"):format(SECONDS) }

-- Sends one order at the start, and says what becomes of it.
local ONE = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_order(order, event)
  print("order " .. order.symbol .. " " .. order.status .. " " .. tostring(event.reason))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:send(symbol, price)
  return self:buy { symbol = symbol, price = price or "1500000000", qty = "0.001" }
end
%s
return S
]]
local function strategy(body) return (ONE:gsub("%%s", function() return body end)) end
local REST = strategy 'function S:on_start() assert(self:send()) end'

local function is_armed(sim) return next(sim:control("countdowns").armed) ~= nil end

local function wait_canceled(sim, seconds)
  e2e.await("the venue to cancel", function() return #sim:orders(true) == 0 end, seconds)
end

-- The subjects of the venue's requests, in order: "countdown trade".
local function order_of_requests(sim)
  local list = {}
  for _, request in ipairs(sim:control("requests").requests) do
    if request.target:find "countdownCancelAll" then list[#list + 1] = "countdown"
    elseif request.body:find "method=trade" then list[#list + 1] = "trade" end
  end
  return table.concat(list, " ")
end

test("the countdown is armed before the first order, and off after a clean stop", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(REST, PROTECTED)
  run:wait_for "order BTC/IDR new"
  equal(order_of_requests(sim), "countdown trade")
  equal(is_armed(sim), true, "armed")
  equal(run:stop(), 0)
  equal(is_armed(sim), false, "armed after the stop")
  equal(#sim:orders(true), 0, "open orders")
end)

test("everything is killed: the venue cancels when the countdown has run out", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(REST, PROTECTED)
  run:wait_for "order BTC/IDR new"
  run:kill_all()
  equal(#sim:orders(true), 1, "open orders")
  wait_canceled(sim, SECONDS + 10)
  equal(sim:orders()[1].status, "canceled")
  equal(sim:control("countdowns").expired, 1)
end)

test("a strategy that hangs holds the beats up: the venue cancels", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() assert(self:send()) end
    function S:on_order() print "hanging" while true do end end
  ]], { venue = PROTECTED.venue, rest = "hang_limit = 60, max_callback = 60," })
  run:wait_for "hanging"
  equal(#sim:orders(true), 1, "open orders")
  wait_canceled(sim, SECONDS + 10)
  equal(sim:control("countdowns").expired, 1)
  run:kill_all()
end)

test("a process that slept through the countdown says why its orders are gone", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(REST, { venue = PROTECTED.venue, rest = "hang_limit = 60," })
  run:wait_for "order BTC/IDR new"
  run:suspend()
  wait_canceled(sim, SECONDS + 10)
  run:resume()
  run:wait_for "order BTC/IDR canceled dead_man"
  equal(run:stop(), 0)
end)

test("while the program runs the countdown never ends; after a restart it goes on", function()
  local sim = e2e.sim "indodax"
  local first = sim:run(REST, PROTECTED)
  first:wait_for "order BTC/IDR new"
  first:kill_all()
  local armed_before = sim:control("countdowns").beats
  local second = sim:run(strategy "", PROTECTED)
  e2e.await("six beats", function()
    return sim:control("countdowns").beats >= armed_before + 6
  end, 2 * SECONDS + 10)
  equal(#sim:orders(true), 1, "open orders")
  equal(sim:control("countdowns").expired, 0)
  second:kill_all()
end)

test("behind a runtime that died orders are canceled and the countdown is turned off", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(REST, PROTECTED)
  run:wait_for "order BTC/IDR new"
  run:signal_runtime(SIGKILL)
  run:wait_exit()
  equal(#sim:orders(true), 0, "open orders")
  equal(is_armed(sim), false, "armed")
  equal(sim:control("countdowns").expired, 0)
end)

test("when no order is left the countdown is turned off", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start()
      assert(self:send())
      self:after(0.5, "cancel_all")
    end
  ]], PROTECTED)
  run:wait_for "order BTC/IDR canceled"
  equal(is_armed(sim), true, "armed")
  e2e.await("off", function() return not is_armed(sim) end, SECONDS + 10)
  local beats = sim:control("countdowns").beats
  run:wait_for "the countdown is off in BTC/IDR"
  equal(sim:control("countdowns").expired, 0)
  equal(run:stop(), 0)
  equal(sim:control("countdowns").beats, beats)
end)

test("a beat that fails is an alarm, three are degraded, and it heals", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(REST, PROTECTED)
  run:wait_for "order BTC/IDR new"
  sim:control("fault", { fault = "http:503:countdown" })
  run:wait_for "error .-the countdown was not renewed %(HTTP 503"
  run:wait_for "session idx degraded"
  sim:control "clear"
  run:wait_for "renewed again after %d+ failures"
  run:wait_for "session idx degraded\nsession idx up"
  equal(#sim:orders(true), 1, "open orders")
  equal(run:stop(), 0)
end)

test("an account without the countdown does not trade unprotected", function()
  local sim = e2e.sim("indodax", { "--set", "whitelisted=off" })
  local run = sim:run(REST, PROTECTED)
  run:wait_for "order BTC/IDR rejected not sent: the venue gives this account no countdown"
  equal(#sim:requests "trade", 0)
  equal(run:stop(), 0)
  local unprotected = sim:run(REST, { venue = "dead_man = false," })
  unprotected:wait_for "order BTC/IDR new"
  equal(unprotected:stop(), 0)
end)

test("orders in one pair after the other stay inside the venue's limit", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    local next_pairs = { "BTC/IDR", "ETH/IDR", "AAVE/IDR", "IDRX/IDR", "PEPE/IDR" }
    local prices = { ["BTC/IDR"] = "1500000000", ["ETH/IDR"] = "50000000", ["AAVE/IDR"] = "4000000",
                     ["IDRX/IDR"] = "900", ["PEPE/IDR"] = "0.1" }
    local qtys = { ["BTC/IDR"] = "0.0001", ["ETH/IDR"] = "0.001", ["AAVE/IDR"] = "0.01",
                   ["IDRX/IDR"] = "20", ["PEPE/IDR"] = "200000" }
    function S:on_start() self.at = 0 self:every(0.25, "more") self:more() end
    function S:more()
      self.at = self.at + 1
      local symbol = next_pairs[self.at % #next_pairs + 1]
      assert(self:buy { symbol = symbol, price = prices[symbol], qty = qtys[symbol] })
      if self.at % 8 == 0 then self:cancel_all() end
      if self.at == 48 then print "enough" end
    end
  ]], PROTECTED)
  run:wait_for("enough", 15 + 10)
  equal(run:stop(), 0)
  local requests = sim:requests "countdown"
  -- A beat or two fewer under valgrind, where the countdown is longer.
  if #requests < (e2e.slower > 1 and 5 or 8) then error("only " .. #requests .. " requests") end
  for _, request in ipairs(requests) do equal(request.status, 200, "countdown") end
  equal(sim:control("countdowns").expired, 0)
  equal(is_armed(sim), false, "armed after the stop")
end)

e2e.run_all()
