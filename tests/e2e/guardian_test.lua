--- The guardian: whatever dies, nothing is left open, and it is said what happened. Each row of the
--- README's safety chapter is a test here.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local test, equal = e2e.test, e2e.equal

local SIGKILL = 9

-- Two orders that rest; what else it does, a test adds.
local REST = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  for i = 1, 2 do self:buy { qty = "0.001", price = tostring(1500000000 - i * 1000) } end
end
function S:on_order(order)
  if order.status ~= "new" then return end
  self.state.resting = (self.state.resting or 0) + 1
  if self.state.resting == 2 then print "resting" end
end
%s
return S
]]
local function resting(more) return (REST:gsub("%%s", function() return more or "" end)) end

local function is_empty(sim) return #sim:orders(true) == 0 end

-- Seconds until the venue has no open order any more.
local function until_empty(sim, seconds)
  local began = host.monotonic()
  e2e.await("no open order at the venue", function() return is_empty(sim) end, seconds)
  return host.monotonic() - began
end

local function run_resting(sim, more, options)
  local run = sim:run(resting(more), options)
  run:wait_for "resting"
  equal(#sim:orders(true), 2, "open orders")
  return run
end

local function has(text, part)
  if not text:find(part) then error(("no %q in:\n%s"):format(part, text), 2) end
end

test("a killed runtime: its orders are gone within 2 s, and it is said what happened", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  run:signal_runtime(SIGKILL)
  local seconds = until_empty(sim)
  if seconds > 2 then error("the orders were open for " .. seconds .. " s") end
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime died %(signal 9, Killed%) .-at event %d+")
  has(run:err(), "ended what the dead runtime had left open: mw%-%S+ canceled, mw%-%S+ canceled")
end)

e2e.run_all()
