--- Strategies that run too long, take too much memory or raise: each is ended with its orders, and
--- nobody else notices.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

-- Enough for all that a callback does here, also where everything is slow (valgrind).
local SECONDS = 0.3 * e2e.slower
local QUICK = ("max_callback = %g,"):format(SECONDS)
local TOO_LONG = ("it ran longer than %g s"):format(SECONDS)

-- Buys, and buys again with each timer: what goes on while another strategy is ended.
local NEIGHBOUR = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1400000000" }
  self:every(0.2, "tick")
end
function S:tick() print "neighbour ticks" end
return S
]]

local function ticks(run) return select(2, run:out():gsub("neighbour ticks", "")) end

local function goes_on(run)
  local before = ticks(run)
  e2e.await("the neighbour to go on", function() return ticks(run) > before + 1 end)
end

local function has(text, wanted)
  if not text:find(wanted, 1, true) then
    error(("not found: %s\nin: %s"):format(wanted, text), 2)
  end
end

local function count_at(sim, price)
  local count = 0
  for _, order in ipairs(sim:orders()) do
    if tonumber(order.price) == price then count = count + 1 end
  end
  return count
end

-- A strategy that has an order open, then asks for another one and does not come back.
local function runaway(body, rest)
  return ([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1500000000" }
  self:after(0.5, "runs_away")
end
function S:runs_away()
  self:buy { qty = "0.001", price = "1450000000" }
%s
end
%s
return S
]]):format(body, rest or "")
end

-- The strategy is ended, its order gone, the one of its last callback never sent.
local function check_ended(body, rest, config)
  local sim = e2e.sim "indodax"
  local run = sim:run({ runaway(body, rest), NEIGHBOUR }, { rest = config or QUICK })
  local log = run:wait_for("([^\n]*was ended[^\n]*\n[^\n]*\n[^\n]*)")
  has(log, "strategy1.lua:")
  e2e.await("the neighbour's order to be the only one", function()
    local open = sim:orders(true)
    return #open == 1 and tonumber(open[1].price) == 1400000000
  end)
  goes_on(run)
  equal(count_at(sim, 1450000000), 0, "orders of the callback that was ended")
  has(run:err(), "dropped with the failed callback: send")
  equal(run:stop(), 0)
  return log, run
end

test("a callback that loops for ever is ended, and the report names its line", function()
  local log = check_ended "  while true do end"
  has(log, "runs_away was ended: ")
  has(log, "strategy1.lua:9: " .. TOO_LONG .. " (max_callback)")
end)

test("on_error = continue keeps no callback that ran too long", function()
  check_ended("  local n = 0 while true do n = n + 1 end", nil,
              QUICK .. ' on_error = "continue",')
end)

test("a pcall, an error handler and a coroutine keep nobody alive", function()
  check_ended [[
  local function spin() while true do end end
  while true do
    pcall(spin)
    xpcall(spin, spin)
    coroutine.wrap(function() while true do pcall(spin) end end)()
  end]]
end)

test("an error whose text never ends is ended as well", function()
  check_ended [[
  error(setmetatable({}, { __tostring = function() while true do end end }))]]
end)

test("a callback that asks the library again and again is ended", function()
  check_ended [[
  while true do
    local position = self:position()
    if position.qty:sign() > 1 then break end
  end]]
end)

test("a task that never waits is ended, and what it asked for is dropped", function()
  local sim = e2e.sim "indodax"
  local run = sim:run({ [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1500000000" }
  self:task "works"
end
function S:works()
  mw.sleep(0.5)
  pcall(function()
    self:buy { qty = "0.001", price = "1450000000" }
    while true do end
  end)
end
return S
]], NEIGHBOUR }, { rest = QUICK })
  has(run:wait_for("(works was ended:[^\n]*)"), "strategy1.lua:11: " .. TOO_LONG)
  e2e.await("its order to be canceled", function() return #sim:orders(true) == 1 end)
  goes_on(run)
  equal(count_at(sim, 1450000000), 0, "orders of the step that was ended")
  equal(run:stop(), 0)
end)

test("on_start and on_stop are ended too, and the orders are canceled", function()
  local sim = e2e.sim "indodax"
  local run = sim:run({ [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() while true do end end
return S
]], [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.001", price = "1500000000" } end
function S:on_stop() while true do end end
return S
]] }, { rest = QUICK })
  has(run:wait_for("(on_start was ended:[^\n]*)"), "strategy1.lua:3: " .. TOO_LONG)
  e2e.await("the other one's order", function() return #sim:orders(true) == 1 end)
  equal(run:stop(), 0)
  has(run:err():match "on_stop was ended:[^\n]*" or "", "strategy2.lua:4: " .. TOO_LONG)
  equal(#sim:orders(true), 0)
end)

test("a file that never ends loading is told by check and by run, with status 2", function()
  local directory = e2e.directory()
  local file = e2e.write(directory .. "/endless.lua",
                         "local n = 0\nwhile true do\n  n = n + 1\nend\n")
  local config = e2e.write(directory .. "/moonwire.lua",
                           "return { venues = {}, max_callback = 0.2 }")
  for _, command in ipairs { "check", "run" } do
    local process = e2e.moonwire { command, "--config", config, file }
    equal(process:wait_exit(), 2)
    has(process:err(), "it ran longer than 0.2 s (max_callback)")
    if not process:err():find "endless.lua:[23]: it ran" then error(process:err()) end
  end
end)

test("a slow callback is told, with its name and where it stands", function()
  local sim = e2e.sim "indodax"
  local directory = e2e.directory()
  e2e.write(directory .. "/thinker.lua", [[
local ffi = require "ffi"
local mw = require "moonwire"
ffi.cdef "long clock(void);"                  -- us of processor time
local S = mw.strategy {}
function S:on_start() self:after(0.1, "thinks") end
function S:thinks()
  local began = ffi.C.clock()
  while ffi.C.clock() - began < 1200000 do end
  print "thought"
end
return S
]])
  local config = e2e.write(directory .. "/moonwire.lua", sim:config("",
    'strategies = { { file = "thinker.lua", trusted = true } }, max_callback = 10,'))
  local run = e2e.moonwire({ "run", "--config", config },
                           { MW_KEY = sim.info.key, MW_SECRET = sim.info.secret })
  run:wait_for "thought"
  local line = run:wait_for("(slow: [^\n]*)")
  has(line, "slow: strategy thinker, thinks (")
  has(line, "thinker.lua:6) took more than 1 s")
  equal(run:stop(), 0)
  equal(select(2, run:err():gsub("slow:", "")), 1, "lines about slow callbacks")
end)

-- Memory ------------------------------------------------------------------------------------------

-- (To collect more takes valgrind so long that the guardian ends the run for it.)
local MEGABYTES = e2e.slower > 1 and 250 or 400
local LIMIT = ("max_callback = %d, memory_limit_mb = %d,"):format(20 * e2e.slower, MEGABYTES)
local TOO_LARGE = ("memory limit %d MB (memory_limit_mb)"):format(MEGABYTES)

test("a callback that takes too much memory is ended, and others go on", function()
  local log, run = check_ended([[
  local kept = {}
  self.state.kept = kept
  for i = 1, 1e9 do kept[i % 3e6 + 1] = { i, { i } } end]], nil, LIMIT)
  has(log, TOO_LARGE)
  equal(run.status, 0)
end)

test("one block that is larger than the limit is refused at once", function()
  local log = check_ended([[
  local ok = pcall(string.rep, "x", 1.5e9)
  self.state.text = ok and "kept"]], nil, LIMIT)
  has(log, TOO_LARGE)
end)

test("memory that grows from callback to callback ends the run, its orders canceled", function()
  local sim = e2e.sim "indodax"
  local run = sim:run({ [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1500000000" }
  self.state.kept = {}
  self:every(0.01, "keeps")
end
function S:keeps()
  for i = 1, 20 do table.insert(self.state.kept, ("x"):rep(60000) .. #self.state.kept) end
end
return S
]] }, { rest = "memory_limit_mb = 200," })
  equal(run:wait_exit(30), 1)
  -- Found while a callback runs it is that one's, found between two of them it is the runtime's.
  if not run:err():find "memory_limit_mb is 200; orders are canceled and the runtime stops"
    and not run:err():find "keeps was ended: [^\n]*memory limit 200 MB" then
    error(run:err())
  end
  equal(#sim:orders(true), 0)
end)

e2e.run_all()
