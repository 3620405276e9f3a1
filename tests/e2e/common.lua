--- The tests that every venue with orders that rest has in common: life cycles, disorder, doubt,
--- outages, junk, deaths, stops. What a venue has alone stands in its own file.

local e2e = require "tests.e2e.lib"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local wait_order, wait_open, check_books = venue.wait_order, venue.wait_open, venue.check_books
local count, wait_written = venue.count, venue.wait_written

local M = {}
local SIGKILL = 9

local function life_cycles(kind, how)
  test("an order rests, and a clean stop cancels it" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_low())
    run:wait_for "order buy pending_new>new cum=0"
    equal(wait_order(sim, "open").price, kind.low)
    equal(run:stop(), 0, "exit status")
    equal(sim:orders()[1].status, "canceled")
    equal(#sim:requests(kind.sent), 1, "orders sent")
    check_books(sim)
  end)

  test("a resting order fills in parts, each fill once and with its fees" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_high())
    run:wait_for "order sell pending_new>new"
    kind:take(sim, "buy", kind.high, "0.004")
    run:wait_for(("fill 0.004@%s maker fees=%s cum=0.004"):format(kind.high, kind.fees))
    run:wait_for "order sell new>partially_filled cum=0.004"
    kind:take(sim, "buy", kind.high, "0.006")
    run:wait_for("fill 0.006@" .. kind.high .. " .- cum=0.01")
    run:wait_for "order sell partially_filled>filled cum=0.01"
    equal(count(run:out(), "\nfill "), 2, "fills")
    equal(run:stop(), 0)
    check_books(sim)
  end)

  test("a cancel ends an order when the venue has done it" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:strategy(([[
      function S:on_start()
        self.order = self:send("buy", %q, "0.01")
        self:after(0.3, "drop")
      end
      function S:drop() self:cancel(self.order) end]]):format(kind.low)))
    run:wait_for "order buy new>pending_cancel"
    run:wait_for "order buy pending_cancel>canceled cum=0"
    equal(sim:orders()[1].status, "canceled")
    equal(run:stop(), 0)
    check_books(sim)
  end)
end

local function disorder(kind, how)
  test("every report twice, and fills are counted once" .. how, function()
    local sim = kind:sim(kind:faults("duplicate", ":1.0"))
    local run = sim:run(kind:rests_high())
    run:wait_for "pending_new>new"
    kind:take(sim, "buy", kind.high, "0.004")
    kind:take(sim, "buy", kind.high, "0.006")
    run:wait_for ">filled cum=0.01"
    equal(count(run:out(), "\nfill "), 2, "fills")
    equal(run:stop(), 0)
  end)

  test("reports in the wrong order end right" .. how, function()
    local words = kind:faults("reorder", ":0.5")
    words[#words + 1], words[#words + 2] = "--seed", "7"
    local sim = kind:sim(words)
    local run = sim:run(kind:rests_high())
    wait_order(sim, "open")
    for _ = 1, 5 do kind:take(sim, "buy", kind.high, "0.002") end
    run:wait_for ">filled cum=0.01"
    equal(count(run:out(), "\nfill "), 5, "fills")
    equal(run:stop(), 0)
  end)

  test("what reports are lost of is found by asking" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_high(), { venue = "reconcile_every = 2," })
    run:wait_for "pending_new>new"
    kind:lose_events(sim)
    kind:take(sim, "buy", kind.high, "0.01")
    run:wait_for("fill 0.01@" .. kind.high .. ".->filled cum=0.01", 20)
    equal(run:out():find "session idx down", nil)
    equal(run:stop(), 0)
  end)

  test("junk, huge and deeply nested frames change nothing" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_high())
    run:wait_for "pending_new>new"
    for _, text in ipairs { "}{ this is no JSON", ("["):rep(5000),
                            '{"x":"' .. ("y"):rep(1000000) .. '"}' } do
      sim:control("push", { text = text })
    end
    run:wait_for "message not understood"
    kind:take(sim, "buy", kind.high, "0.01")
    run:wait_for ">filled cum=0.01"
    equal(run:out():find "session idx down", nil)
    equal(run:stop(), 0)
  end)
end

local function doubt(kind, how)
  test("the answer to an order is swallowed: it is found, and sent once" .. how, function()
    local sim = kind:sim { "--fault", ("swallow:%s:1"):format(kind.sent), "--fault",
                           ("lose:%s:1"):format(kind.events[1]) }
    local run = sim:run(kind:rests_low(), { venue = kind.patience })
    run:wait_for("order buy pending_new>unknown", 20)
    run:wait_for("order buy unknown>new", 20)
    equal(#sim:requests(kind.sent), 1, "orders sent")
    equal(#sim:orders(), 1, "orders at the venue")
    equal(run:stop(), 0)
    equal(sim:orders()[1].status, "canceled")
  end)

  test("fills during an outage are found once, before the session is up again" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_high(), { venue = kind.unprotected })
    run:wait_for "pending_new>new"
    kind:break_line(sim)
    run:wait_for "session idx down"
    kind:take(sim, "buy", kind.high, "0.004")
    run:wait_for("session idx down.*fill 0.004@.*session idx up", 60)
    equal(count(run:out(), "\nfill "), 1, "fills")
    equal(sim:orders()[1].status, "open")
    equal(run:stop(), 0)
  end)

  long_test("an order that ends during an outage is seen to have ended" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_low(), { venue = kind.unprotected })
    run:wait_for "pending_new>new"
    kind:break_line(sim)
    run:wait_for "session idx down"
    sim:control "cancel_orders"
    run:wait_for("order buy new>canceled cum=0", 60)
    run:wait_for("session idx up", 60)
    equal(run:stop(), 0)
  end)

  test("a silent venue is noticed" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_low(), { venue = "silence = 1," })
    run:wait_for "pending_new>new"
    sim:control("drop", { socket = "private", how = "half_open" })
    run:wait_for "nothing arrived for 1 s"
    run:wait_for("session idx down.*session idx up", 20)
    equal(run:stop(), 0)
  end)
end

-- Half a minute: the way of finding out is the same in all dialects of a venue.
local function never_arrived(kind, how)
  long_test("an order that never arrived ends on evidence, and is sent once" .. how, function()
    local sim = kind:sim { "--fault", ("swallow:%s:before:1"):format(kind.sent) }
    local run = sim:run(kind:rests_low(), { venue = kind.patience })
    run:wait_for("order buy pending_new>unknown", 20)
    run:wait_for("order buy unknown>%a+ cum=0 reason=not_found", 60)
    equal(#sim:requests(kind.sent), 1, "orders sent")
    equal(#sim:orders(), 0, "orders at the venue")
    equal(run:stop(), 0)
  end)
end

local function sessions(kind, how)
  local refused = kind.refused
  if refused then
    test("wrong credentials stop the venue with a clear message, without hammering" .. how,
      function()
        local sim = kind:sim()
        local run = sim:run(kind:rests_low(), { environment = refused.environment })
        run:wait_for(refused.why)
        equal(run:wait_exit(), 1, "exit status")
        local asked = #sim:requests(refused.subject)
        if asked > 2 then error(asked .. " requests of " .. refused.subject) end
      end)
  end

  test("an unverified certificate is refused" .. how, function()
    local sim, other = kind:sim(), kind:sim()
    local own = sim.info.ca_file
    sim.info.ca_file = other.info.ca_file
    local run = sim:run(kind:rests_low())
    sim.info.ca_file = own
    run:wait_for "certificate"
    equal(run:stop(), 0)
    equal(run:out():find "session idx up", nil)
    equal(#sim:requests(kind.sent), 0, "orders sent")
  end)
end

local function secrets(kind, how)
  test("no secret, token or signature is ever printed" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_low(), { arguments = { "--log-level", "debug" } })
    run:wait_for "pending_new>new"
    sim:control("drop", { socket = "private" })
    run:wait_for("session idx down.*session idx up", 30)
    equal(run:stop(), 0)
    local text = run:out() .. run:err()
    for name, secret in pairs(sim:environment()) do
      equal(text:find(secret, 1, true), nil, name)
    end
    for _, pattern in ipairs { "eyJ", ("%x"):rep(40), ("[%w+/]"):rep(64) } do
      equal(text:match(pattern), nil, "something like a token or a signature")
    end
  end)
end

local function strategies(kind, how)
  test("two strategies on one account hear of their own orders only" .. how, function()
    local sim = kind:sim()
    local function names_itself(text, name)
      return (text:gsub("return S\n$", ([[
        function S:on_order(order) print("%s " .. order.side .. " " .. order.status) end
        %%0]]):format(name)))
    end
    local run = sim:run { names_itself(kind:rests_low(), "ONE"),
                          names_itself(kind:rests_high(), "TWO") }
    run:wait_for "ONE buy new"
    run:wait_for "TWO sell new"
    equal(run:stop(), 0)
    equal(run:out():find "ONE sell", nil)
    equal(run:out():find "TWO buy", nil)
    equal(#sim:orders(true), 0, "open orders")
  end)

  test("SIGTERM with open orders cancels them all" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:strategy(([[
      function S:on_start()
        for i = 1, 4 do self:send("buy", tostring(%s - i * %s), "0.01") end
      end]]):format(kind.low, kind.step)))
    wait_open(sim, 4)
    equal(run:stop(), 0)
    equal(#sim:orders(true), 0, "open orders")
    check_books(sim)
  end)
end

local function deaths(kind, how)
  long_test("a killed runtime: the guardian cancels what it left" .. how, function()
    local sim = kind:sim()
    local run = sim:run(kind:rests_low(), { venue = kind.unprotected })
    run:wait_for "pending_new>new"
    run:signal_runtime(SIGKILL)
    wait_open(sim, 0)
    equal(run:wait_exit(40), 1, "exit status")
    run:wait_for "ended what the dead runtime had left open: %S+ canceled"
  end)

  long_test("a runtime that is killed before the answer: the order is found and canceled" .. how,
    function()
      local sim = kind:sim { "--fault", ("swallow:%s:after"):format(kind.sent) }
      kind:lose_events(sim)
      local run = sim:run(kind:rests_low(), { venue = kind.unprotected })
      wait_open(sim, 1)
      run:signal_runtime(SIGKILL)
      wait_open(sim, 0, 30)
      equal(run:wait_exit(40), 1, "exit status")
      equal(#sim:requests(kind.sent), 1, "orders sent")
    end)

  test("a kill of everything: the next run knows the order, its owner and its fills" .. how,
    function()
      local sim = kind:sim()
      local options = { venue = kind.unprotected,
                        rest = ('on_crash = "leave", journal = { path = "%s/a.db" },'):format(
                          e2e.directory()) }
      local first = sim:run(kind:rests_high(), options)
      local id = first:wait_for "sent (%S+)"
      first:wait_for "pending_new>new"
      wait_written(first, sim)
      first:kill_all()
      equal(#sim:orders(true), 1, "open orders")
      kind:take(sim, "buy", kind.high, "0.004")
      local second = sim:run(kind:looks(), options)
      second:wait_for(("mine %s 0.004"):format((id:gsub("%-", "%%-"))))
      second:wait_for("fill 0.004@" .. kind.high)
      equal(second:stop(), 0)
      equal(#sim:orders(true), 0, "open orders at the end")
      equal(#sim:requests(kind.sent), 1, "orders sent")
      check_books(sim)
    end)
end

--- That what the simulator prints is a configuration.
---@param kind table  protocol and ready, as of a tests.e2e.Kind
function M.add_printed(kind)
  test("without --json the simulator prints a configuration that runs", function()
    local directory = e2e.directory()
    local process = e2e.moonwire({ "sim", kind.protocol, "--port", "0", "--market", "off" },
                                 { XDG_RUNTIME_DIR = directory })
    process:wait_for "\n}\n"
    local text, environment = process:out(), {}
    for i = 2, #kind.ready do
      local field = kind.ready[i]
      environment["SIM_" .. field:upper()] = text:match(field .. "%s+= env%b(),%s+%-%- (%S+)")
    end
    local config = e2e.write(directory .. "/moonwire.lua", text)
    local strategy = e2e.write(directory .. "/s.lua", ([[
local mw = require "moonwire"
local S = mw.strategy { venue = %q }
function S:on_start() print "started" self:stop() end
return S]]):format(kind.ready[1]))
    local run = e2e.moonwire({ "run", "--config", config, strategy }, environment)
    run:wait_for "started"
    equal(run:wait_exit(), 0)
  end)
end

--- Adds the common tests for one kind of account.
---@param kind tests.e2e.Kind
---@param options table|nil  { is_dialect = true }: the venue was tested in another way of speaking;
---                          what cannot differ is left out
function M.add(kind, options)
  local how = (" (%s)"):format(kind.name)
  life_cycles(kind, how)
  disorder(kind, how)
  doubt(kind, how)
  sessions(kind, how)
  secrets(kind, how)
  strategies(kind, how)
  deaths(kind, how)
  if options and options.is_dialect then return end
  never_arrived(kind, how)
  M.add_printed(kind)
end

--- Those of the life cycles alone, for one more way to sign in or to be told.
---@param kind tests.e2e.Kind
function M.add_life_cycles(kind)
  local how = (" (%s)"):format(kind.name)
  life_cycles(kind, how)
  secrets(kind, how)
end

return M
