--- Orders at Finery Markets that are replaced, end to end: moonwire run as a maker against the
--- simulated venue, with answers and lines that are lost, and with deaths.

local e2e = require "tests.e2e.lib"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local SIGKILL = 9
local maker = venue.finery_maker
local OPEN_LATER = "dead_man = false,"

-- An order that rests, and is replaced 0.3 s after it began to.
local function replaces(change, first)
  return maker:strategy(([[
    function S:on_start()
      self.state.order = self:send("sell", "70000", "0.01", %s)
      self:after(0.3, "change")
    end
    function S:change()
      local order, err = self:replace(self.state.order, %s)
      print(order and "asked " .. order.client_order_id or "refused " .. err)
    end
  ]]):format(first or '"gtc"', change))
end
local CHANGE = replaces '{ price = "71000", qty = "0.02" }'

local function open_order(sim) return sim:orders(true)[1] end

-- What the journal has is what the venue has.
local function agrees(run, sim)
  local audit = e2e.moonwire({ "audit", "--config", run.config }, sim:environment())
  equal(audit:wait_exit(20), 0, audit:out() .. audit:err())
end

test("an order is replaced, and its fills before and after are its own", function()
  local sim = maker:sim()
  local path = e2e.directory() .. "/a.db"
  local run = sim:run(CHANGE, { rest = ("journal = { path = %q },"):format(path) })
  local id = run:wait_for "sent (%d+)"
  run:wait_for "pending_new>new"
  maker:take(sim, "buy", "70000", "0.004")
  run:wait_for "order sell new>partially_filled cum=0.004"
  run:wait_for "order sell partially_filled>partially_filled cum=0.004 reason=replaced"
  equal(open_order(sim).price, "71000")
  maker:take(sim, "buy", "71000", "0.006")
  run:wait_for "fill 0.006@71000 maker fees= cum=0.01"
  equal(#sim:requests "mod", 1)
  agrees(run, sim)
  maker:take(sim, "buy", "71000", "0.01")
  run:wait_for "order sell partially_filled>filled cum=0.02"
  equal(venue.count(run:out(), "\nfill "), 3, "fills")
  equal(run:stop(), 0)
  agrees(run, sim)
  venue.check_books(sim)
  -- The record knows the order by the id that the venue gave what replaced it.
  local why = e2e.moonwire { "journal", path, "why", sim:orders()[2].client_order_id }
  equal(why:wait_exit(20), 0, why:err())
  why:wait_for("order     " .. id)
  why:wait_for '"method":"mod"'
  why:wait_for "partially_filled cum_qty 0.004.-replaced"
  why:wait_for "filled cum_qty 0.02"
end)

test("a clean stop cancels what replaced an order", function()
  local sim = maker:sim()
  local run = sim:run(CHANGE)
  run:wait_for "new>new cum=0 reason=replaced"
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

test("a refusal leaves the order, an error behind the removal ends it", function()
  local sim = maker:sim()
  sim:control("fail", { method = "mod", code = 84 })
  local run = sim:run(CHANGE)
  run:wait_for "new>new cum=0 reason=replace_rejected: trading is not allowed %(error 84%)"
  equal(open_order(sim).price, "70000")
  equal(run:stop(), 0)
  sim = maker:sim()
  maker:quote(sim, "buy", "65000", "1")
  run = sim:run(replaces('{ price = "64000" }', '"post_only"'))
  run:wait_for "new>canceled cum=0 reason=replace_failed: would take: post_only %(error 75%)"
  equal(#sim:orders(true), 0)
  equal(run:stop(), 0)
  agrees(run, sim)
end)

test("rows before the reply, twice and in the wrong order end right", function()
  local sim = maker:sim { "--set", "events_first=on", "--fault", "duplicate:push:1.0",
                          "--fault", "reorder:push:0.5", "--seed", "7" }
  local run = sim:run(CHANGE)
  run:wait_for "pending_new>new"
  maker:take(sim, "buy", "70000", "0.004")
  run:wait_for "reason=replaced"
  for _ = 1, 4 do maker:take(sim, "buy", "71000", "0.004") end
  run:wait_for ">filled cum=0.02"
  equal(venue.count(run:out(), "\nfill "), 5, "fills")
  equal(venue.count(run:out(), "reason=replaced"), 1)
  equal(run:stop(), 0)
end)

-- Doubt -------------------------------------------------------------------------------------------

test("the answer is swallowed: what lives is found by asking, and nothing is sent twice", function()
  local sim = maker:sim { "--fault", "swallow:mod:1" }
  local run = sim:run(CHANGE, { venue = "request_timeout = 2," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "lose:push" })
  run:wait_for("new>unknown cum=0 reason=replace: no answer", 20)
  run:wait_for("unknown>new cum=0 reason=replaced", 20)
  equal(#sim:requests "mod", 1)
  equal(#sim:orders(true), 1)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

long_test("the request is swallowed: the order stays as it was", function()
  local sim = maker:sim { "--fault", "swallow:mod:before:1" }
  local run = sim:run(CHANGE, { venue = "request_timeout = 2," })
  run:wait_for("new>unknown cum=0 reason=replace: no answer", 20)
  run:wait_for("unknown>new cum=0 reason=replace_rejected: the venue did not take it", 30)
  equal(#sim:requests "mod", 1)
  equal(open_order(sim).price, "70000")
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

test("the line breaks behind the request: the old one is protected, the new one lives", function()
  local sim = maker:sim { "--fault", "cut:mod:1" }
  local run = sim:run(CHANGE)
  run:wait_for "session idx down"
  run:wait_for("unknown>new cum=0 reason=replaced.*session idx up", 30)
  equal(open_order(sim).price, "71000")
  maker:take(sim, "buy", "71000", "0.02")
  run:wait_for ">filled cum=0.02"
  equal(#sim:requests "mod", 1)
  equal(run:stop(), 0)
end)

test("a cancel behind a request without an answer ends whichever lives", function()
  for _, fault in ipairs { "swallow:mod:1", "swallow:mod:before:1" } do
    local sim = maker:sim { "--fault", fault }
    local run = sim:run(maker:strategy [[
      function S:on_start()
        self.state.order = self:send("sell", "70000", "0.01")
        self:after(0.3, "change")
      end
      function S:change()
        assert(self:replace(self.state.order, { price = "71000" }))
        assert(self:cancel(self.state.order))
      end
    ]])
    run:wait_for "pending_new>new"
    run:wait_for(">canceled", 20)
    equal(#sim:orders(true), 0, fault)
    equal(run:stop(), 0)
  end
end)

-- Deaths ------------------------------------------------------------------------------------------

-- Waits until the venue has heard of the request.
local function await_request(sim)
  e2e.await("a request to replace", function() return #sim:requests "mod" == 1 end)
end

long_test("the runtime is killed in the middle: the guardian cancels whichever lives", function()
  for _, fault in ipairs { "swallow:mod:1", "swallow:mod:before:1" } do
    local sim = maker:sim { "--fault", fault, "--fault", "lose:push" }
    local run = sim:run(CHANGE, { venue = OPEN_LATER })
    await_request(sim)
    run:signal_runtime(SIGKILL)
    venue.wait_open(sim, 0)
    equal(run:wait_exit(30), 1, "exit status")
    agrees(run, sim)
  end
end)

test("a killed runtime: the guardian cancels what the venue does not protect", function()
  local sim = maker:sim()
  local run = sim:run(CHANGE)
  run:wait_for "reason=replaced"
  run:signal_runtime(SIGKILL)
  venue.wait_open(sim, 0, 20)
  equal(sim:orders()[2].reason, 1, "by a cancel")
  equal(run:wait_exit(30), 1, "exit status")
  run:wait_for "ended what the dead runtime had left open: %d+ canceled"
end)

local GOES_ON = maker:strategy [[
  function S:on_start()
    for _, order in ipairs(self.orders) do
      print("mine " .. order.client_order_id .. " " .. tostring(order.price) .. " "
        .. tostring(order.qty))
    end
  end
]]

long_test("a run that died in the middle: the next one has the order as it is by then", function()
  for fault, words in pairs {
    ["swallow:mod:1"] = { "replaced", "71000 0.02", "71000" },
    ["swallow:mod:before:1"] = { "replace_rejected: the venue did not take it", "70000 0.01",
                                 "70000" },
  } do
    local sim = maker:sim { "--fault", fault }
    local more = { venue = OPEN_LATER,
                   rest = ('journal = { path = "%s/a.db" }, on_crash = "leave",'):format(
                     e2e.directory()) }
    local first = sim:run(CHANGE, more)
    local id = first:wait_for "sent (%d+)"
    first:wait_for "pending_new>new"
    sim:control("fault", { fault = "lose:push" })
    await_request(sim)
    first:signal_runtime(SIGKILL)
    first:wait_exit(30)
    sim:control "clear"
    local second = sim:run(GOES_ON, more)
    second:wait_for("order sell unknown>new cum=0 reason=" .. words[1], 30)
    second:wait_for("mine " .. id)
    maker:take(sim, "buy", words[3], "0.004")
    second:wait_for("fill 0.004@" .. words[3])
    equal(second:stop(), 0)
    equal(#sim:orders(true), 0)
    agrees(second, sim)
  end
end)

test("what replaced an order in an earlier run is that order, with its fills", function()
  local sim = maker:sim()
  local more = { venue = OPEN_LATER,
                 rest = ('journal = { path = "%s/a.db" }, on_stop = "leave",'):format(
                   e2e.directory()) }
  local first = sim:run(CHANGE, more)
  local id = first:wait_for "sent (%d+)"
  first:wait_for "pending_new>new"
  maker:take(sim, "buy", "70000", "0.004")
  first:wait_for "reason=replaced"
  equal(first:stop(), 0)
  maker:take(sim, "buy", "71000", "0.006")
  more.rest = more.rest:gsub('"leave"', '"cancel"')
  local second = sim:run(GOES_ON, more)
  second:wait_for("mine " .. id .. " 71000 0.02")
  second:wait_for "fill 0.006@71000 maker fees= cum=0.01"
  equal(second:out():find("fill 0.004", 1, true), nil, "told twice")
  equal(second:stop(), 0)
  equal(#sim:orders(true), 0)
  agrees(second, sim)
end)

e2e.run_all()
