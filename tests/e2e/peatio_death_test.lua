--- Peatio: what is left when the runtime dies, or all of it, at a venue that keeps no id of ours.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

local SIGKILL = 9

local REST = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
function S:on_start()
  print(("start: %d open, position %s"):format(#self.orders, self:position().qty))
  for i = 1, 2 - #self.orders do
    local order, err = self:buy { qty = "0.5", price = tostring(6000 - i) }
    if not order then print("refused " .. err) end
  end
end
function S:on_order(order, event)
  print("order " .. order.client_order_id .. " " .. event.previous .. ">" .. order.status)
end
function S:on_fill(fill) print("fill " .. tostring(fill.qty) .. " @" .. tostring(fill.price)) end
return S
]]

-- A run in a directory of its own; run.again() starts it once more there.
local function start_in(sim, venue, rest)
  local directory = e2e.directory()
  e2e.write(directory .. "/rest.lua", REST)
  local config = e2e.write(directory .. "/moonwire.lua", sim:config(venue or "",
    'strategies = { { file = "rest.lua" } }, ' .. (rest or "")))
  local function start()
    local run = e2e.moonwire({ "run", "--config", config }, sim:environment())
    run.again, run.config = start, config
    return run
  end
  return start()
end

local function open_orders(sim, count)
  e2e.await(count .. " open orders", function() return #sim:orders(true) == count end)
end

for _, dialect in ipairs { "daemon", "ranger" } do
  test("a killed runtime: the guardian cancels what it left (" .. dialect .. ")", function()
    local sim = e2e.sim("peatio", { "--dialect", dialect })
    local run = start_in(sim)
    open_orders(sim, 2)
    run:wait_for ">new.->new"
    run:signal_runtime(SIGKILL)
    open_orders(sim, 0)
    equal(run:wait_exit(30), 1, "exit status")
    run:wait_for "ended what the dead runtime had left open: mw%-%S+ canceled, mw%-%S+ canceled"
  end)
end

test("a runtime that is killed before the answer: the order is found and canceled", function()
  local sim = e2e.sim("peatio", { "--fault", "swallow:trade:after" })
  local run = start_in(sim)
  open_orders(sim, 2)
  run:signal_runtime(SIGKILL)
  open_orders(sim, 0)
  equal(run:wait_exit(40), 1, "exit status")
  equal(#sim:requests "trade", 2, "trade requests")
end)

test("a kill of everything: the next run knows its orders, and what was executed", function()
  local sim = e2e.sim "peatio"
  local run = start_in(sim, nil, 'on_crash = "leave",')
  open_orders(sim, 2)
  run:wait_for ">new.->new"
  e2e.await("a record without a difference", function()
    return e2e.moonwire({ "audit", "--config", run.config }, sim:environment()):wait_exit(20) == 0
  end)
  run:kill_all()
  sim:control("trade", { pair = "btcusd", side = "sell", price = "5999", qty = "0.5" })
  local second = run.again()
  second:wait_for "start: 1 open, position 0.5"
  second:wait_for "fill 0.5 @5999"
  open_orders(sim, 2)                            -- it has replaced what was filled
  equal(second:stop(), 0)
  equal(#sim:orders(true), 0, "open orders at the end")
  equal(sim:control("check").ok, true)
end)

e2e.run_all()
