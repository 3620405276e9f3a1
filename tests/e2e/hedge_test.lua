--- strategies/hedge.lua end to end: quotes on a simulated Indodax, hedges on a simulated Finery
--- Markets, while both fail in their ways and the runtime is killed. In the end both together are
--- flat, by what the venues themselves say.

local e2e = require "tests.e2e.lib"
local decimal = require "moonwire.decimal"
local test, equal = e2e.test, e2e.equal

local STRATEGY = os.getenv "PWD" .. "/strategies/hedge.lua"
local SHORT = "request_timeout = 2, reconcile_every = 2, dead_man = false,"

local function quote_hedge(fin)
  fin:control("quote", { pair = "BTC-USDT", side = "buy", price = "65000", qty = "10" })
  fin:control("quote", { pair = "BTC-USDT", side = "sell", price = "65010", qty = "10" })
end

-- Two venues and a run on them, in a directory of its own; run.again() starts it once more there.
local function start(rest)
  local idx, fin = e2e.sim "indodax", e2e.sim "finery"
  quote_hedge(fin)
  local text, environment = e2e.several({
    { name = "idx", sim = idx, more = SHORT }, { name = "fin", sim = fin, more = SHORT },
  }, ("strategies = { { file = %q } }, %s"):format(STRATEGY, rest or ""))
  local path = e2e.write(e2e.directory() .. "/moonwire.lua", text)
  local function again()
    local run = e2e.moonwire({ "run", "--config", path, "--events" }, environment)
    run.again = again
    function run.audit()
      return e2e.tool({ "audit", "--config", path }, environment):wait_exit(20)
    end
    return run
  end
  return again(), idx, fin
end

-- What a venue has executed for us, bought less sold, and how much in all.
local function executed(sim)
  local net, all = decimal "0", decimal "0"
  for _, order in ipairs(sim:orders()) do
    local qty = decimal(order.cum_qty)
    all = all + qty
    net = order.side == "buy" and net + qty or net - qty
  end
  return net, all
end

local function is_flat(idx, fin) return (executed(idx) + executed(fin)):is_zero() end

local function await_flat(run, idx, fin, seconds)
  local ok = pcall(e2e.await, "flat", function() return is_flat(idx, fin) end, seconds)
  if ok then return end
  error(("not flat: %s here, %s there\n%s\n%s"):format(tostring(executed(idx)),
    tostring(executed(fin)), run:out(), run:err()), 2)
end

local function await_open(run, idx, what, is_enough, seconds)
  local ok = pcall(e2e.await, what, function() return is_enough(idx:orders(true)) end, seconds)
  if not ok then error("no " .. what .. "\n" .. run:out() .. "\n" .. run:err(), 3) end
end

local function await_quotes(run, idx, how_many, seconds)
  await_open(run, idx, "quotes", function(open) return #open >= (how_many or 2) end, seconds)
end

-- One that a trade of the market's other side will meet.
local function await_quote(run, idx, side)
  await_open(run, idx, "quote to " .. side, function(open)
    for _, order in ipairs(open) do if order.side == side then return true end end
  end, 20)
end

-- The market meets one of our quotes.
local function trade(idx, side, qty)
  idx:control("trade", { pair = "btc_usdt", side = side, qty = qty or "0.0007",
                         price = side == "sell" and "60000" or "70000" })
end

local function end_well(run, idx, fin)
  await_flat(run, idx, fin, 20)
  e2e.await("nothing that differs", function() return run.audit() == 0 end, 20)
  equal(run:stop(), 0, "exit status")
  await_flat(run, idx, fin)
  equal(#idx:orders(true), 0, "open orders")
  if run:err():find "not hedged at the stop" then error(run:err(), 2) end
end

test("each fill on one venue is hedged on the other, within the bound", function()
  local run, idx, fin = start()
  await_quotes(run, idx)
  trade(idx, "sell", "0.0004")
  run:wait_for "filled +sell +BTC/USDT +0.0004 @ 64874.99"
  trade(idx, "buy", "0.001")
  run:wait_for "filled +buy +BTC/USDT +0.001 @ 65135.01"
  end_well(run, idx, fin)
  equal(#fin:requests "add", 2, "hedges")
end)

test("with faults on both sides it ends flat, nothing is hedged twice", function()
  local run, idx, fin = start()
  await_quotes(run, idx)
  for _, fault in ipairs { "swallow:trade:0.1:after", "lose:push:0.1", "duplicate:push:0.2",
                           "reorder:push:0.1", "drop:private:every=40" } do
    idx:control("fault", { fault = fault })
  end
  for _, fault in ipairs { "swallow:add:0.15:after", "lose:push:0.2", "duplicate:push:0.2",
                           "drop:private:every=25" } do
    fin:control("fault", { fault = fault })
  end
  for i = 1, 25 do
    await_quotes(run, idx, 1, 20)
    trade(idx, i % 3 == 0 and "buy" or "sell")
  end
  idx:control "clear"
  fin:control "clear"
  local _, all = executed(idx)
  if all < decimal "0.006" then error("only " .. tostring(all) .. " was executed", 0) end
  end_well(run, idx, fin)
  local _, hedged = executed(fin)
  _, all = executed(idx)
  if hedged > all then error(("%s hedged of %s"):format(hedged, all), 0) end
end)

test("killed between a fill and its hedge, however often, it ends flat", function()
  local run, idx, fin = start 'on_crash = "cancel",'
  for round = 1, 4 do
    await_quote(run, idx, round % 2 == 0 and "sell" or "buy")
    if round == 2 then fin:control("fault", { fault = "delay:add:300ms:before:1" }) end
    if round == 3 then fin:control("fault", { fault = "delay:add:300ms:after:1" }) end
    trade(idx, round % 2 == 0 and "buy" or "sell", "0.0006")
    if round == 3 then
      e2e.await("a hedge on its way", function() return not executed(fin):is_zero() end)
    end
    if round == 4 then
      run:signal_runtime(9)
      run:wait_exit(30)
    else run:kill_all() end
    run = run.again()
    run:wait_for("venue=fin msg=\"market connection live", 30)      -- it quotes and hedges
    await_flat(run, idx, fin, 45)
  end
  end_well(run, idx, fin)
end)

test("a fill while the hedge's venue is away is hedged when it is back", function()
  local run, idx, fin = start()
  await_quotes(run, idx)
  fin:control("fault", { fault = "http:503:upgrade" })
  run:suspend()                             -- or it takes its quotes back before they are hit
  fin:control("drop", { socket = "private" })
  trade(idx, "sell", "0.0007")
  run:resume()
  run:wait_for "fill +buy"
  e2e.await("no quotes", function() return #idx:orders(true) == 0 end)
  equal(#fin:requests "add", 0)
  fin:control "clear"
  await_flat(run, idx, fin, 60)             -- one that left on the broken line is asked about first
  end_well(run, idx, fin)
  equal(#fin:requests "add", 1, "hedges")
end)

e2e.run_all()
