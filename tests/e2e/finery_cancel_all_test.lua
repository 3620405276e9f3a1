--- All orders canceled by one request, end to end: moonwire run as a maker at the simulated Finery
--- Markets, on an account where nothing else trades.

local e2e = require "tests.e2e.lib"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local SIGKILL = 9
local maker = venue.finery_maker
local EXCLUSIVE = "exclusive = true,"
local UNPROTECTED = EXCLUSIVE .. "dead_man = false,"
local RATE = "risk = { max_orders_per_second = 6 },"

-- Five orders that rest.
local function rests(more)
  return maker:strategy(([[
    function S:on_start()
      for i = 1, 5 do self:send("sell", tostring(70000 + i), "0.01") end
      %s
    end
    function S:drop() print("canceling " .. self:cancel_all()) end
    function S:again()
      self:drop()
      self:send("sell", "75000", "0.01")
    end
  ]]):format(more or ""))
end

local function agrees(run, sim)
  local audit = e2e.moonwire({ "audit", "--config", run.config }, sim:environment())
  equal(audit:wait_exit(20), 0, audit:out() .. audit:err())
end

test("a stop cancels all that is open by one request", function()
  local sim = maker:sim()
  local run = sim:run(rests(), { venue = EXCLUSIVE, rest = RATE })
  venue.wait_open(sim, 5)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
  equal(#sim:requests "delAll", 1)
  equal(#sim:requests "del", 0)
  agrees(run, sim)
end)

test("without the option each is canceled by itself", function()
  local sim = maker:sim()
  local run = sim:run(rests(), { rest = RATE })
  venue.wait_open(sim, 5)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
  equal(#sim:requests "delAll", 0)
  equal(#sim:requests "del", 5)
end)

test("an order that is sent behind it lives, also when its answer is lost", function()
  for _, fault in ipairs { "delay:delAll:1:100ms", "swallow:delAll:1" } do
    local sim = maker:sim { "--fault", fault }
    local run = sim:run(rests 'self:after(1.5, "again")', { venue = EXCLUSIVE, rest = RATE })
    run:wait_for "canceling 5"
    e2e.await("five orders to end", function()
      return venue.count(run:out(), "order sell pending_cancel>canceled") == 5
    end, 20)
    local open = sim:orders(true)
    equal(#open, 1, fault)
    equal(open[1].price, "75000")
    equal(#sim:requests "delAll", 1)
    equal(run:stop(), 0)
    agrees(run, sim)
  end
end)

test("a request that is lost is not sent again: the orders go one by one", function()
  local sim = maker:sim { "--fault", "swallow:delAll:before:1" }
  local run = sim:run(rests 'self:after(0.5, "drop")', { venue = EXCLUSIVE, rest = RATE })
  run:wait_for "canceling 5"
  venue.wait_open(sim, 0, 20)
  equal(#sim:requests "delAll", 1)
  equal(#sim:requests "del", 5)
  equal(run:stop(), 0)
end)

test("a line that breaks in the middle: what is open is canceled", function()
  local sim = maker:sim { "--fault", "cut:delAll:before:1" }
  local run = sim:run(rests 'self:after(0.5, "drop")', { venue = UNPROTECTED, rest = RATE })
  run:wait_for "canceling 5"
  venue.wait_open(sim, 0, 30)
  run:wait_for("session idx up.*session idx down.*session idx up", 30)
  equal(run:stop(), 0)
  agrees(run, sim)
end)

long_test("a killed runtime: the guardian cancels by one request, and has what was executed",
  function()
    for _, fault in ipairs { "lose:push:after=1000", "swallow:delAll:1",
                             "swallow:delAll:before:1" } do
      local sim = maker:sim { "--fault", fault }
      local run = sim:run(rests(), { venue = UNPROTECTED, rest = RATE })
      venue.wait_open(sim, 5)
      maker:take(sim, "buy", "70001", "0.004")
      run:signal_runtime(SIGKILL)
      venue.wait_open(sim, 0, 20)
      equal(run:wait_exit(30), 1, "exit status")
      equal(#sim:requests "delAll", 1, fault)
      equal(#sim:requests "del", fault:find "before" and 5 or 0, fault)
      agrees(run, sim)
    end
  end)

test("a taker has no use for the option, and is told so", function()
  local sim = venue.finery_taker:sim()
  local run = sim:run(venue.finery_taker:looks(), { venue = EXCLUSIVE })
  equal(run:wait_exit(), 2, "exit status")
  run:wait_for 'exclusive: for role = "maker": a taker has nothing open'
end)

e2e.run_all()
