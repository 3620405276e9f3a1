--- moonwire replay: what a journal has of a run is enough to run it again, without the venue, its
--- keys or the files, and the outcome is the same, byte for byte.

local e2e = require "tests.e2e.lib"
local venue = require "tests.e2e.venue"
local files = require "tests.files"
local test, equal = e2e.test, e2e.equal

local SIGKILL = 9
local SAME = "all %d+ commands, orders and fills are as recorded\n$"

-- Trades by what time, chance and its own tables say, on what the market does, and keeps count.
local TRADER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "SYMBOL", low = "LOW", high = "HIGH" }
function S:on_start()
  local keep = self.state.persist
  keep.starts = (keep.starts or 0) + 1
  self.count = 0
  print("start " .. keep.starts .. ", position " .. tostring(self:position().qty))
  self:every(0.01, "trade")
end
function S:trade()
  self.count = self.count + 1
  if self.count > 60 then return end
  local names = {}
  for name in pairs { one = 1, two = 2, three = 3, [math.random(9)] = 4 } do
    names[#names + 1] = tostring(name)
  end
  if self.count % 20 == 0 then print(table.concat(names, " ") .. " " .. mw.now()) end
  if #self.orders > 3 then self:cancel(self.orders[math.random(#self.orders)]) end
  local is_buy = math.random() < 0.5
  local price = mw.decimal(is_buy and self.params.low or self.params.high)
  local qty = ("0.0%d"):format(math.random(1, 9))
  self:submit { side = is_buy and "buy" or "sell", price = price, qty = qty }
end
function S:on_fill(fill, order)
  local keep = self.state.persist
  keep.filled = (keep.filled or mw.decimal "0") + fill.qty
  print("fill " .. tostring(fill.qty) .. " of " .. order.client_order_id)
end
return S
]]

local function trader(kind)
  return (TRADER:gsub("%u%u+", { SYMBOL = kind.symbol, LOW = kind.low, HIGH = kind.high }))
end

-- Has sent half of it when all of that has arrived, and goes on when it has been down. What is on
-- its way when a line is cut or a run is killed can be in doubt for as long as a venue may be late.
local RESTS = [[
  if self.count == 30 and not self.was_down then
    for _, order in ipairs(self.orders) do
      if order.status ~= "new" and order.status ~= "partially_filled" then return end
    end
    if not self.is_resting then print "rests" end
    self.is_resting = true
    return
  end
  self.count = self.count + 1]]

local function resting_trader(kind)
  local text = trader(kind):gsub("\n  self%.count = self%.count %+ 1", "\n" .. RESTS)
  return (text:gsub("return S%s*$", [[
function S:on_session(_, state) self.was_down = self.was_down or state == "down" end
%0]]))
end

-- What is printed of a run that is run again, and its exit status.
local function replay(journal, ...)
  local process = e2e.moonwire { "replay", journal, ... }
  local status = process:wait_exit(60)
  return process:out(), status, process:err()
end

local function check_same(journal, ...)
  local out, status, err = replay(journal, ...)
  if status ~= 0 or not out:find(SAME) then error(out .. err, 2) end
  return out
end

-- A copy of a run's journal, in a directory where nothing else is.
local function journal_of(run)
  local from, to = run.config:gsub("[^/]+$", "moonwire.db"), e2e.directory() .. "/copy.db"
  for _, ending in ipairs { "", "-wal" } do
    local file = io.open(from .. ending, "r")
    if file then
      files.write(to .. ending, file:read "*a")
      file:close()
    end
  end
  return to
end

local function without_times(text)
  return (text:gsub("\n%d%d:%d%d:%d%d%.%d+ ", "\n"):gsub("event to order:[^\n]*\n", "")
              :gsub("^%d%d:%d%d:%d%d%.%d+ ", ""))
end

-- Lets the market trade with what rests.
local function stir(kind, sim)
  kind:quote(sim, "sell", kind.low, "0.05")
  kind:quote(sim, "buy", kind.high, "0.05")
end

for _, name in ipairs { "indodax", "finery_maker", "daemon", "hmac", "ranger" } do
  local kind = venue[name]
  test(kind.name .. ": a run is the same again, without its venue, its keys and its files",
       function()
    local sim = kind:sim()
    local run = sim:run(resting_trader(kind))
    run:wait_for " new "
    stir(kind, sim)
    run:wait_for "fill "
    run:wait_for "rests"
    kind:break_line(sim)
    run:wait_for "session up.*session up"
    run:wait_for "one three two"
    equal(run:stop(), 0)
    local journal = journal_of(run)
    sim.process:stop()
    files.remove((run.config:gsub("/[^/]+$", "")))
    local out = check_same(journal)
    local said = without_times(run:out())
    equal(without_times(out):sub(1, #said), said, "what it prints")
  end)
end

test("code that is saved, also with an error in it, comes in at the same events", function()
  local kind = venue.indodax
  local sim = kind:sim()
  local text = trader(kind):gsub("self.count > 60", "self.count > 6000")
  local run = sim:run(text)
  local path = run.config:gsub("[^/]+$", "strategy1.lua")
  run:wait_for "one"
  e2e.write(path, (text:gsub('"0.0%%d"', '"0.01%%d"')))
  run:wait_for "reloaded %(saved%): strategy1: version 2"
  e2e.write(path, text .. "and this is no Lua")
  run:wait_for "not reloaded %(saved%), version 2 goes on"
  e2e.write(path, text)
  run:wait_for "version 1, events"
  local said = venue.count(run:out(), "one three two")
  e2e.await("what it says next", function()
    return venue.count(run:out(), "one three two") > said
  end)
  equal(run:stop(), 0)
  check_same(journal_of(run))
end)

test("a run behind one that was killed finds what that left", function()
  local kind = venue.indodax
  local sim = kind:sim()
  local run = sim:run(resting_trader(kind), { rest = "restart = true," })
  run:wait_for " new "
  stir(kind, sim)
  run:wait_for "fill "
  run:wait_for "rests"
  run:signal_runtime(SIGKILL)
  run:wait_for "start 2, position.* new "
  equal(run:stop(), 0)
  local journal = journal_of(run)
  check_same(journal, "--run", "1")
  local out, status, err = replay(journal, "--run", "2")
  equal(status, 1)
  assert(err:find("run 2 is of `moonwire sweep`: only what `moonwire run` does", 1, true),
         out .. err)
  local third = check_same(journal)
  assert(third:find("start 2, position", 1, true), third)
  assert(third:find("run 3 of", 1, true), third)
end)

test("other code: the same as long as it does the same, and else what it does first", function()
  local kind = venue.indodax
  local sim = kind:sim()
  local run = sim:run(trader(kind))
  run:wait_for "one three two"
  equal(run:stop(), 0)
  local journal, other = journal_of(run), e2e.directory() .. "/strategy1.lua"
  e2e.write(other, "-- in another line\n" .. trader(kind))
  check_same(journal, other, "--quiet")
  e2e.write(other, (trader(kind):gsub('"0.0%%d"', '"0.1%%d"')))
  local out, status = replay(journal, other, "--quiet")
  equal(status, 1)
  local recorded, now = out:match("then it is not the same: event %d+ %(timer, [^\n]*%) differs\n"
    .. "  recorded  order 1 (%S+ %S+) BTC/IDR [^\n]*\n  now       order 1 (%S+ %S+) BTC/IDR ")
  assert(recorded, out)
  equal(now, (recorded:gsub("0%.0", "0.1")))
  local config = e2e.write(e2e.directory() .. "/other.lua", files.read(run.config))
  check_same(journal, "--config", config)
  e2e.write(config, (files.read(run.config):gsub("return {", "%0 risk = { max_open_orders = 2 },")))
  out, status = replay(journal, "--config", config, "--quiet")
  equal(status, 1)
  assert(out:find "\n  recorded  order 3 .*\n  now  ", out)
  for _, name in ipairs { "nobody.lua", "indodax.lua", "moonwire.lua" } do
    local _, refused, err = replay(journal, name)
    equal(refused, 1, name)
    assert(err:find(name .. ": the run had no strategy of that name", 1, true), err)
  end
end)

test("a strategy is replaced by its name in the configuration as well", function()
  local sim = venue.indodax:sim()
  local file = e2e.write(e2e.directory() .. "/trader.lua", trader(venue.indodax))
  local run = sim:run({}, {
    rest = ("strategies = { { file = %q, name = 'mine' } },"):format(file) })
  run:wait_for "one three two"
  equal(run:stop(), 0)
  local journal, directory = journal_of(run), e2e.directory()
  files.remove((file:gsub("/[^/]+$", "")))
  for _, name in ipairs { "mine.lua", "trader.lua" } do
    local other = e2e.write(directory .. "/" .. name,
                            (trader(venue.indodax):gsub('"0.0%%d"', '"0.1%%d"')))
    local out, status = replay(journal, other, "--quiet")
    equal(status, 1, name)
    assert(out:find("then it is not the same", 1, true), out)
  end
  check_same(journal)
end)

test("a replay that is interrupted ends, and leaves no file", function()
  local kind = venue.indodax
  local sim = kind:sim()
  local run = sim:run(trader(kind))
  run:wait_for "one three two"
  equal(run:stop(), 0)
  local directory = e2e.directory()
  local other = e2e.write(directory .. "/strategy1.lua", (trader(kind):gsub('print%("start ',
    'print "spins" for _ = 1, 5e8 do end %0')))
  for _, signal in ipairs { 2, 15 } do
    local own = e2e.directory()
    local process = e2e.moonwire({ "replay", journal_of(run), other }, { TMPDIR = own })
    process:wait_for "spins"
    process:signal(signal)
    equal(process:wait_exit(60), 1)
    assert(process:err():find "moonwire: interrupted behind %d+ events", process:err())
    equal(os.execute("rmdir '" .. own .. "' && mkdir '" .. own .. "'"), 0, "nothing is left there")
  end
end)

test("files that a strategy writes in a replay are not touched", function()
  local sim = venue.indodax:sim()
  local run = sim:run [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  print(tostring(mw.file.append("build/replayed.txt", "a line\n")))
  print("has " .. #assert(mw.file.read "build/replayed.txt"))
  print("outside: " .. select(2, mw.file.write("../x", "x")))
end
return S]]
  local said = run:wait_for "has %d+\noutside: [^\n]+"
  equal(run:stop(), 0)
  local file = assert(io.open "build/replayed.txt")
  local text = file:read "*a"
  file:close()
  os.remove "build/replayed.txt"
  local out = check_same(journal_of(run))
  assert(out:find(said, 1, true), out)
  equal(io.open "build/replayed.txt", nil)
  equal(text, "a line\n")
end)

test("where a callback was ended for its time, a replay says that it ends there", function()
  local sim = venue.indodax:sim()
  local run = sim:run([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:after(0.01, "spin") end
function S:spin() while true do end end
return S]], { rest = e2e.limits() .. "max_callback = 0.2," })
  run:wait_exit(30)
  local out, status = replay(journal_of(run), "--quiet")
  equal(status, 1)
  assert(out:find("are as recorded; event %d+ cannot be had again: a callback was ended"), out)
end)

test("what is no recorded run is refused by name", function()
  local directory = e2e.directory()
  e2e.write(directory .. "/text", "no journal")
  for _, case in ipairs {
    { { directory .. "/none.db" }, "none.db: No such file or directory", 1 },
    { { directory .. "/text" }, "text: file is not a database", 1 },
    { {}, "replay: which journal%?", 2 },
    { { "x", "--run", "last" }, "%-%-run wants the number of a run", 2 },
    { { "x", "--runs", "1" }, "unknown option %-%-runs: did you mean %-%-run%?", 2 },
  } do
    local process = e2e.moonwire { "replay", unpack(case[1]) }
    equal(process:wait_exit(), case[3], case[2])
    assert(process:err():find(case[2]), process:err())
  end
end)

e2e.run_all()
