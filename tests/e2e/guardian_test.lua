--- The guardian: whatever dies, nothing is left open, and it is said what happened. Each row of the
--- README's safety chapter is a test here.

local e2e = require "tests.e2e.lib"
local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal

local SIGINT, SIGKILL, SIGTERM, SIGCONT, SIGSTOP = 2, 9, 15, 18, 19

local GONE_SECONDS = 2 * e2e.slower

-- (Valgrind would tell of a wild write: there it is the signal alone.)
local CRASH = e2e.wrapper[1] and "ffi.C.raise(11)" or 'ffi.cast("int *", 8)[0] = 1'

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
  if seconds > GONE_SECONDS then error("the orders were open for " .. seconds .. " s") end
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "the runtime died %(signal 9, Killed%) .-at event %d+")
  has(run:err(), "ended what the dead runtime had left open: mw%-%S+ canceled, mw%-%S+ canceled")
end)


test("a library that was changed meanwhile keeps no sweep from canceling", function()
  local sim, root, program = e2e.sim "indodax", e2e.directory(), e2e.program
  local copy = root .. "/build/release/moonwire"
  equal(os.execute(("mkdir -p %s/build/release && cp -r lua %s/"):format(root, root)), 0)
  equal(os.execute(("cp %s %s"):format(program, copy)), 0)
  e2e.program = copy
  local run = run_resting(sim)
  e2e.program = program
  equal(os.execute(("echo '-- changed' >> %s/lua/moonwire/cdef.lua"):format(root)), 0)
  run:signal_runtime(SIGKILL)
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "not of this program's build.-; the sweep goes on all the same")
end)

-- A strategy that may call C; `body` is put into a method that runs once the orders rest.
local function run_trusted(sim, body, rest)
  local directory = e2e.directory()
  local file = e2e.write(directory .. "/wild.lua", resting(([[
local ffi = require "ffi"
ffi.cdef "int usleep(unsigned int us); int raise(int signal);"
function S:on_session() self:after(0.5, "wild") end
function S:wild()
  print "going wild"
  %s
end
]]):format(body)))
  local run = sim:run({}, { rest = ([[
    hang_limit = %d, max_callback = 60,
    strategies = { { file = %q, name = "wild", trusted = true } }, %s]]):format(e2e.slower, file,
                                                                              rest or "") })
  run:wait_for "going wild"
  return run
end

-- Without a journal nobody knows of it but the venue, which does not have it yet.
test("an order that arrives behind its runtime's death is canceled as well", function()
  local sim = e2e.sim "indodax"
  sim:control("fault", { fault = "delay:trade:3s:before" })
  -- (With a countdown the order would wait for that before it leaves.)
  local run = sim:run(resting(), { venue = "dead_man = false,", rest = "journal = false," })
  e2e.await("requests on their way", function() return #sim:requests "trade" == 2 end)
  equal(#sim:orders(), 0, "orders at the venue")
  run:signal_runtime(SIGKILL)
  equal(run:wait_exit(30), 1, "exit status")
  local orders = sim:orders()
  equal(#orders, 2, "orders at the venue")
  for _, order in ipairs(orders) do equal(order.status, "canceled") end
end)

test("a crash inside a callback names the strategy, the callback and the event", function()
  local sim = e2e.sim "indodax"
  -- A process that sanitizers watch takes its time to die: it is not to count as hung.
  local run = run_trusted(sim, CRASH, "hang_limit = 30,")
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
  has(run:err(), "the runtime hung %(nothing moved for %d+ s%) .-in strategy wild, wild %(")
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
  local run = run_resting(sim, "", { rest = "hang_limit = " .. e2e.slower .. "," })
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
  if seconds > GONE_SECONDS then error("the orders were open for " .. seconds .. " s") end
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

-- (It takes the pauses that the guardian makes, half a minute in all.)
long_test("one that dies again and again starts after longer pauses each time, not for ever",
  function()
  local sim = e2e.sim "indodax"
  local directory = e2e.directory()
  local file = e2e.write(directory .. "/wild.lua", ([[
local ffi, mw = require "ffi", require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
ffi.cdef "int raise(int signal);"
function S:on_start() CRASH end
return S
]]):gsub("CRASH", CRASH))
  local run = sim:run({}, { rest = ([[restart = true,
    strategies = { { file = %q, name = "wild", trusted = true } },]]):format(file) })
  run:wait_for("6 deaths within 10 minutes: not started again", 31 + 60)
  equal(run:wait_exit(), 1, "exit status")
  local pauses = {}
  for seconds in run:err():gmatch "the runtime starts again in (%d+) s" do
    pauses[#pauses + 1] = seconds
  end
  equal(table.concat(pauses, " "), "1 2 4 8 16")
  equal(select(2, run:err():gsub("runtime started pid=", "")), 6, "runtimes")
  equal(select(2, run:err():gsub("the runtime died", "")), 6, "deaths that were told")
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

test("a venue that takes no log-on is swept by plain calls", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  sim:control("fault", { fault = "http:503:token,http:503:upgrade" })
  run:signal_runtime(SIGKILL)
  local seconds = until_empty(sim)
  if seconds > GONE_SECONDS then error("the orders were open for " .. seconds .. " s") end
  equal(run:wait_exit(20), 1, "exit status")
end)

test("a half-edited configuration keeps no sweep from canceling", function()
  local sim = e2e.sim "indodax"
  local run = run_resting(sim)
  e2e.write(run.config, "return { venues = { idx = {")
  run:signal_runtime(SIGKILL)
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
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
  has(run:err(), "stopping: SIGINT")
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


-- The journal -------------------------------------------------------------------------------------

-- Bytes of records that a journal holds.
local function recorded_bytes(path)
  local db = assert(host.journal_open(path))
  local sum = 0
  for _, row in ipairs(assert(db:query "SELECT bytes FROM chunks")) do
    sum = sum + tonumber(ffi.C.mw_chunk_len(row.bytes, #row.bytes))
  end
  db:close()
  return sum
end

test("a full ring: the runtime waits, says so, and nothing is lost", function()
  local sim = e2e.sim "indodax"
  local journal = e2e.directory() .. "/full.db"
  local run = run_trusted(sim, [[
    self:after(0.5, "pour")
  end
  function S:pour()
    for i = 1, 80 do require("moonwire.record").alarm(("{'a': 1}, "):rep(1e5)) end
    print "poured"
  ]], ("journal = { path = %q },"):format(journal))
  run:signal(SIGSTOP)
  run:wait_for "the journal does not keep up %(pid %d+%): waiting for it"
  equal(run:out():find("poured", 1, true), nil)
  run:signal(SIGCONT)
  run:wait_for "poured"
  equal(run:stop(), 0, "exit status")
  local bytes = recorded_bytes(journal)
  if bytes < 80e6 then error("the journal has only " .. bytes .. " bytes") end
end)

-- A file system that is full as soon as fill() was called; nil where none can be made.
local function small_disk()
  local path = e2e.directory()
  if os.execute("mount -t tmpfs -o size=4m tmpfs '" .. path .. "' 2>/dev/null") ~= 0 then return end
  return {
    path = path,
    fill = function() os.execute("cat /dev/zero >'" .. path .. "/filler' 2>/dev/null") end,
    free = function() os.remove(path .. "/filler") end,
    remove = function() os.execute("umount -l '" .. path .. "'") end,
  }
end

-- With a journal on such a disk; without the right to make one there is nothing to test.
local function test_full_disk(sentence, policy, body)
  test(sentence, function()
    local disk = small_disk()
    if not disk then return end
    local sim = e2e.sim "indodax"
    local run = sim:run(resting [[
      function S:on_start()
        for i = 1, 2 do self:buy { qty = "0.001", price = tostring(1500000000 - i * 1000) } end
        self:every(0.2, "try")
      end
      function S:try()
        local order, err = self:buy { qty = "0.0001", price = "1400000000" }
        if order then self:cancel(order)
        elseif not self.state.refused and err:find "journal" then
          self.state.refused = true
          print("refused: " .. err)
        end
        if order and self.state.refused then print "sent again" end
      end
    ]], { rest = ("journal = { path = %q }, on_journal_failure = %q, "
      .. "risk = { max_orders_per_second = 100 },"):format(
      disk.path .. "/j.db", policy) })
    run:wait_for "resting"                       -- and others come and go
    disk.fill()
    local ok, err = pcall(body, sim, run, disk)
    run:signal(SIGKILL)
    pcall(run.wait_exit, run)
    disk.remove()
    if not ok then error(err, 0) end
  end)
end

test_full_disk("a full disk under the journal: orders are canceled, and it stops with status 1",
               "cancel", function(sim, run)
  run:wait_for "level=error msg=\"the journal cannot be written: .-\""
  until_empty(sim)
  equal(run:wait_exit(20), 1, "exit status")
  has(run:err(), "stopping: the journal cannot be written: ")
  has(run:err(), "the end of this run is not in the journal")
end)

test_full_disk("with halt nothing new is sent until there is room again",
               "halt", function(sim, run, disk)
  run:wait_for "no new orders while the journal cannot be written: .-open orders stay"
  run:wait_for "refused: no new orders while the journal cannot be written"
  equal(#sim:orders(true) >= 2, true, "the two orders stay")
  disk.free()
  run:wait_for "the journal can be written again; nothing was lost"
  run:wait_for "the journal is written again: new orders may be sent"
  run:wait_for "sent again"
  equal(run:stop(), 0, "exit status")
  equal(is_empty(sim), true)
end)

e2e.run_all()
