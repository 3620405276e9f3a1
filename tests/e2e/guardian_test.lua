--- The guardian: whatever dies, nothing is left open, and it is said what happened. Each row of the
--- README's safety chapter is a test here.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local test, equal = e2e.test, e2e.equal

local SIGINT, SIGKILL, SIGTERM, SIGSTOP = 2, 9, 15, 19

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


-- A strategy that may call C; `body` is put into a method that runs once the orders rest.
local function run_trusted(sim, body, rest)
  local directory = e2e.directory()
  local file = e2e.write(directory .. "/wild.lua", resting(([[
local ffi = require "ffi"
ffi.cdef "int usleep(unsigned int us);"
function S:on_session() self:after(0.5, "wild") end
function S:wild()
  print "going wild"
  %s
end
]]):format(body)))
  local run = sim:run({}, { rest = ([[
    hang_limit = 1, max_callback = 60,
    strategies = { { file = %q, name = "wild", trusted = true } }, %s]]):format(file, rest or "") })
  run:wait_for "going wild"
  return run
end

test("a crash inside a callback names the strategy, the callback and the event", function()
  local sim = e2e.sim "indodax"
  local run = run_trusted(sim, 'ffi.cast("int *", 8)[0] = 1')
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime died %([^)]+%) in strategy wild, wild %(%S+wild.lua:%d+%) at event "
      .. "%d+; 2 orders are open: canceling")
end)

test("a callback that hangs in C is ended after hang_limit, its orders are canceled", function()
  local sim = e2e.sim "indodax"
  local run = run_trusted(sim, "for i = 1, 1000 do ffi.C.usleep(1000000) end")
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime hung %(nothing moved for 1 s%) .-in strategy wild, wild %(")
end)

test("a pattern that never ends is ended likewise", function()
  local sim = e2e.sim "indodax"
  local run = run_trusted(sim, [[return ("a"):rep(200):find(("a*"):rep(12) .. "b")]])
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime hung .-in strategy wild, wild %(")
end)

test("a stopped runtime counts as hung", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim, "", { rest = "hang_limit = 1," })
  run:signal_runtime(SIGSTOP)
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime hung")
end)

test("a killed guardian: the runtime cancels and ends", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  local runtime = run:runtime_pid()
  run:signal(SIGKILL)
  local seconds = until_empty(sim)
  if seconds > 2 then error("the orders were open for " .. seconds .. " s") end
  e2e.await("the runtime's end", function() return not e2e.is_alive(runtime) end)
  equal(run:wait_exit(), -SIGKILL)
  has(run:err(), "the guardian died")
end)

test("on_crash = leave cancels nothing, and says so", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim, "", { rest = 'on_crash = "leave",' })
  run:signal_runtime(SIGKILL)
  equal(run:wait_exit(), 1, "exit status")
  has(run:err(), "left alone %(on_crash%)")
  equal(#sim:orders(true), 2, "open orders")
end)

test("restart = true: it trades again after the sweep, and a stop is a stop", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim, "", { rest = "restart = true," })
  local first = run:runtime_pid()
  run:signal_runtime(SIGKILL)
  e2e.await("two resting orders again", function()
    return run:runtime_pid() ~= first and select(2, run:out():gsub("resting", "")) == 2
  end, 30)
  equal(#sim:orders(true), 2, "open orders")
  equal(run:stop(), 0, "exit status")
  equal(is_empty(sim), true)
  equal(#sim:requests "trade", 4, "orders sent")
end)

test("a venue that fails at first is asked until it answers", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  sim:control("fault", { fault = "http:503:query:2:before,http:503:public:2:before" })
  run:signal_runtime(SIGKILL)
  until_empty(sim, 20)
  equal(run:wait_exit(30), 1, "exit status")
  has(run:err(), "ended what the dead runtime had left open: mw%-%S+ canceled, mw%-%S+ canceled")
end)

test("what cannot be canceled is named, with what to do", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  sim:control("fault", { fault = "http:503:cancel:before" })
  run:signal_runtime(SIGKILL)
  run:wait_for "canceling"
  run:wait_for "cancel mw%-.-503"
  run:signal(SIGTERM)
  run:wait_for "open orders are being canceled first"
  run:signal(SIGTERM)                            -- no patience: what is left is said now
  equal(run:wait_exit(30), 1, "exit status")
  has(run:err(), "left open, the venue did not confirm its cancel: .-mw%-.-; cancel it by hand")
  has(run:err(), "orders may be open at the venues")
end)

test("Ctrl-C at a terminal reaches the guardian alone, and all ends cleanly", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  run:signal_group(SIGINT)
  equal(run:wait_exit(), 0, "exit status")
  equal(is_empty(sim), true)
  equal(run:err():find("level=error", 1, true), nil)
end)

test("a second run on the same account is refused, and told who has it", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  local second = sim:run(resting())
  equal(second:wait_exit(), 2, "exit status")
  has(second:err(), 'venues.idx: this account is traded already by moonwire %\\"moonwire%\\" %(pid '
      .. run.pid .. ", since %S+, %S+moonwire.lua%)")
  equal(run:stop(), 0)
  second = sim:run(resting())
  second:wait_for "resting"                      -- what is left over of a lock locks nothing
  equal(second:stop(), 0)
end)

test("a second run on the same journal is refused", function()
  local one, other = e2e.sim "indodax", e2e.sim "indodax"
  local path = e2e.directory() .. "/shared.db"
  local rest = ("journal = { path = %q },"):format(path)
  local run = run_resting(one, "", { rest = rest })
  local second = other:run(resting(), { rest = rest })
  equal(second:wait_exit(), 2, "exit status")
  has(second:err(), "shared.db is written already by moonwire .-pid " .. run.pid)
  equal(run:stop(), 0)
end)

test("a stop before any session is up ends at once", function()
  local sim = e2e.sim "indodax"
  sim:control("fault", { fault = "swallow:public" })
  local run = sim:run(resting())
  run:runtime_pid()
  equal(run:stop(), 0, "exit status")
end)

e2e.run_all()
