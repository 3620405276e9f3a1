-- New code is on probation; versions are kept, told apart, and come back.

local f = require "tests.moonwire.reload_fixture"
local t = require "tests.tap"
local diff = require "moonwire.diff"

local file, play, saved, ask = f.file, f.play, f.saved, f.ask

local function ticking(word, more)
  return ([[
function S:on_start() self:every(1, "tick") end
function S:tick() self.state.said = (self.state.said or "") .. "%s" end
%s]]):format(word, more or "")
end

-- Each tick fails after it has noted itself and asked for an order.
local FAILING = [[
function S:on_start() end
function S:tick()
  self.state.said = self.state.said .. "x"
  self:buy { qty = "0.001", price = "950000000" }
  error "oops"
end
]]

local function has(text, part)
  t.ok(tostring(text):find(part, 1, true), ("expected %q in: %s"):format(part, tostring(text)))
end

-- Probation ---------------------------------------------------------------------------------------

t.test("at the third error the version before goes on by itself", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(1)
  file("a.lua", FAILING)
  saved(s, "a.lua")
  s:advance(2)
  t.equal(runner.instance.state.said, "oxx")
  t.equal(runner.state, "running")
  t.equal(#s:logged "on probation: ", 2)
  s:advance(3)
  t.equal(runner.instance.state.said, "oxxxoo")
  t.equal(#s:asked "trade", 0)
  has(table.concat(s:logged "rolled back to version 1"), "3 errors, the last one in tick")
  t.equal(ask(s, "versions", "a")[1].is_running, true)
end)

t.test("after a rollback the same bad file is not loaded again, a mended one is", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(1)
  file("a.lua", FAILING)
  saved(s, "a.lua")
  s:advance(3)
  saved(s, "a.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "oxxxo")
  file("a.lua", ticking "n")
  saved(s, "a.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "oxxxon")
end)

t.test("rollback by hand passes over a version that has failed, but by number", function()
  file("a.lua", ticking "1")
  local s, runner = play { a = {} }
  file("a.lua", ticking "2")
  saved(s, "a.lua")
  s:advance(1)
  file("a.lua", FAILING)
  saved(s, "a.lua")
  s:advance(3)
  file("a.lua", ticking "4")
  saved(s, "a.lua")
  s:advance(1)
  t.equal(ask(s, "rollback", "a"), "a: version 2")
  s:advance(1)
  t.equal(runner.instance.state.said, "2xxx42")
  t.equal(ask(s, "rollback", "a", 3), "a: version 3", "a person may want it")
end)

t.test("an error after the probation stops the strategy, as ever", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(1)
  file("a.lua", FAILING:gsub("error", "if f then error"):gsub('"oops"', '"oops" end')
       :gsub("function S:tick%(%)", "function S:tick() local f = mw.now() > 1790000035"))
  saved(s, "a.lua")
  s:advance(32)
  t.equal(#s:logged "has passed its probation", 1)
  t.equal(runner.state, "running")
  s:advance(10)
  t.equal(runner.state, "stopped")
end)

t.test("without probation the first error stops the strategy", function()
  file("a.lua", ticking "o")
  local s, runner = play({ a = {} }, { probation = false })
  s:advance(1)
  file("a.lua", FAILING)
  saved(s, "a.lua")
  s:advance(1)
  t.equal(runner.state, "stopped")
end)

t.test("the state that migrate changed is taken back with the code", function()
  file("a.lua", "function S:on_start() self.state.list = { 1 } self:every(1, 'tick') end\n"
       .. "function S:tick() self.state.list[1] = self.state.list[1] + 1 end")
  local s, runner = play { a = {} }
  local state = runner.instance.state
  file("a.lua", "function S:on_start() end\nfunction S:tick() error 'x' end\n"
       .. "function S.migrate(state) state.list = 'no list' return state end")
  saved(s, "a.lua")
  t.equal(runner.instance.state.list, "no list")
  s:advance(4)
  t.equal(runner.instance.state, state)
  t.equal(state.list[1], 2)
end)

t.test("a version that comes while another is on probation falls back to it, and then further",
function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  file("a.lua", FAILING)
  saved(s, "a.lua")
  file("a.lua", FAILING .. "-- no better")
  saved(s, "a.lua")
  runner.instance.state.said = ""
  s:advance(7)
  t.equal(runner.instance.state.said, "xxxxxxo")
  t.equal(#s:logged "rolled back to version 2", 1)
  t.equal(#s:logged "rolled back to version 1", 1)
end)

t.test("a version that comes after an error falls back past the one that failed", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(1)
  file("a.lua", FAILING)
  saved(s, "a.lua")
  s:advance(1)
  file("a.lua", FAILING .. "-- no better")
  saved(s, "a.lua")
  s:advance(4)
  t.equal(runner.instance.state.said, "oxxxxo")
end)

t.test("on_reload that fails counts as well", function()
  file("a.lua", ticking "o")
  local s = play({ a = {} }, { probation = { errors = 1, seconds = 30 } })
  file("a.lua", ticking("n", "function S:on_reload() error 'bad' end"))
  saved(s, "a.lua")
  has(table.concat(s:logged "rolled back to version 1"), "1 errors, the last one in on_reload")
end)

-- Versions ----------------------------------------------------------------------------------------

t.test("each text that was loaded is a version, the last ten are kept and recorded", function()
  file("a.lua", ticking "v1")
  local s = play { a = {} }
  for i = 2, 12 do
    file("a.lua", ticking("v" .. i))
    saved(s, "a.lua")
  end
  local versions = ask(s, "versions", "a")
  t.equal(#versions, 10)
  t.equal(versions[1].number .. " " .. versions[10].number, "3 12")
  t.equal(versions[10].by, "saved")
  t.equal(versions[10].files[1], f.path "a.lua")
  t.ok(versions[10].is_running and not versions[9].is_running)
  local records = s:recorded "reload"
  t.equal(records[#records].num, 12)
  t.equal(table.concat(records[#records].text, " "), "a saved " .. f.path "a.lua" .. " loaded")
end)

t.test("versions of earlier runs are known, and numbers go on from theirs", function()
  file("a.lua", ticking "n")
  local old = { [f.path "a.lua"] = f.HEAD .. ticking "o" .. "\nreturn S\n" }
  local past = { a = { { number = 7, time = 1, by = "saved", files = old } } }
  local s, runner = play({ a = {} }, { reload = { watch = false, past = past } })
  t.equal(ask(s, "versions", "a")[2].number, 8)
  t.equal(ask(s, "rollback", "a"), "a: version 7")
  s:advance(1)
  t.equal(runner.instance.state.said, "o")
end)

t.test("rollback goes to the version before, or to one by number, also where callbacks are gone",
function()
  file("a.lua", ticking "1")
  local s, runner = play { a = {} }
  file("a.lua", ticking("2", "function S:on_trade() end"))
  saved(s, "a.lua")
  file("a.lua", ticking("3", "function S:on_trade() end"))
  saved(s, "a.lua")
  t.equal(ask(s, "rollback", "a"), "a: version 2")
  s:advance(1)
  t.equal(ask(s, "rollback", "a"), "a: version 1")
  s:advance(1)
  local told, err = ask(s, "rollback", "a")
  t.equal(told, nil)
  has(err, "there is no version before the one that runs")
  t.equal(ask(s, "rollback", "a", 3), "a: version 3")
  s:advance(1)
  t.equal(runner.instance.state.said, "213")
  has(select(2, ask(s, "rollback", "a", 9)), "no version 9 is kept")
end)

t.test("a version has its modules: they come back with it", function()
  for _, is_late in ipairs { false, true } do
    f.write("lib.lua", 'return "o"')
    file("a.lua", (is_late and "" or 'require "lib"\n') .. ticking('" .. require "lib" .. "'))
    local s, runner = play { a = {} }
    s:advance(1)
    t.ok(s.reloader.watched[f.path "lib.lua"])
    f.write("lib.lua", 'return "n"')
    saved(s, "lib.lua")
    s:advance(1)
    t.equal(ask(s, "rollback", "a"), "a: version 1")
    s:advance(1)
    t.equal(runner.instance.state.said, "ono")
    saved(s, "lib.lua")                          -- nothing was written
    s:advance(1)
    t.equal(runner.instance.state.said, "onoo")
  end
end)

t.test("diff shows what changed, with line numbers", function()
  file("a.lua", ticking "o")
  local s = play { a = {} }
  file("a.lua", ticking "n")
  saved(s, "a.lua")
  local text = ask(s, "diff", "a")
  has(text, f.path "a.lua")
  has(text, '-   4 | function S:tick() self.state.said = (self.state.said or "") .. "o" end')
  has(text, '+   4 | function S:tick() self.state.said = (self.state.said or "") .. "n" end')
  t.equal(ask(s, "diff", "a", 2, 2), "no difference")
  t.equal(ask(s, "diff", "a", 1), text)
end)

t.test("the difference of texts is small where they are alike", function()
  t.equal(diff.texts("a\nb\nc\n", "a\nb\nc\n"), "")
  t.equal(diff.texts("", "a\n"), "+   1 | a")
  t.equal(diff.texts("a\n", ""), "-   1 | a")
  t.equal(diff.texts("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\nx\n3\n4\n5\n6\n7\n9\n"),
          "    1 | 1\n-   2 | 2\n+   2 | x\n    3 | 3\n    4 | 4\n  ...\n    6 | 6\n    7 | 7\n"
          .. "-   8 | 8\n    9 | 9")
end)

t.test("a name that is not known is answered with those that are", function()
  file("a.lua", ticking "o")
  local s = play { a = {} }
  for _, method in ipairs { "reload", "rollback", "versions", "diff" } do
    local told, err = ask(s, method, "b")
    t.equal(told, nil)
    has(err, "nothing here is called b; there are a, idx, indodax")
  end
end)

t.test("from inside a callback it begins when the event is done", function()
  file("a.lua", ticking("o", "function S:on_order() self.act() end"))
  local s, runner = play { a = {} }
  local told
  runner.instance.act = function() told = s.desk:reload "a" end
  s:run(runner, "call", "on_order")
  has(told, "it begins when this event is done")
  f.finish(s)
  t.equal(#s:logged "reloaded (reload): a: version 1", 1)
end)

t.test("a task waits for the outcome", function()
  file("a.lua", ticking("o", "function S:ask() self.told, self.err = self.act() end"))
  local s, runner = play { a = {} }
  local outcomes = {}
  for _, name in ipairs { "a", "b" } do
    runner.instance.act = function() return s.desk:reload(name) end
    s:run(runner, "start_task", "ask")
    f.finish(s)
    outcomes[name] = runner.instance.told or runner.instance.err
  end
  t.equal(outcomes.a, "a: version 1")
  has(outcomes.b, "nothing here is called b")
end)

-- The configuration -------------------------------------------------------------------------------

local function config(s, change)
  local copied = {}
  for name, value in pairs(s.desk.config) do copied[name] = value end
  for name, value in pairs(change) do copied[name] = value end
  return copied
end

t.test("parameters that change are the strategy's at once, with the code as it is", function()
  file("a.lua", ticking("o", "function S:on_reload(old) self.state.was = old.qty end"))
  local s, runner = play { a = { qty = "0.002" } }
  s.desk.config.path = f.path "moonwire.lua"
  local changed
  s.reloader.reread = function() return changed end
  file("a.lua", "this is not loaded")
  local spec = s.desk.config.strategies[1]
  changed = config(s, { strategies = { { name = "a", file = spec.file,
                                         params = { qty = "0.003" } } } })
  f.write("moonwire.lua", "changed")
  saved(s, "moonwire.lua")
  t.equal(runner.instance.params.qty, "0.003")
  t.equal(runner.instance.state.was, "0.002")
  changed = config(s, { strategies = { { name = "a", file = spec.file, params = { step = 1 } } } })
  f.write("moonwire.lua", "again")
  saved(s, "moonwire.lua")
  has(table.concat(s:logged "not reloaded"), "a: unknown parameter step")
  t.equal(runner.instance.params.qty, "0.003")
end)

t.test("limits count at once; what cannot change under way is said", function()
  file("a.lua", ticking "o")
  local s = play { a = {} }
  s.desk.config.path, s.desk.config.venues = f.path "moonwire.lua", { idx = { rest_url = "a" } }
  s.reloader.reread = function()
    return config(s, { risk = { max_open_orders = 1, max_position = { BCT = "1" } },
                       venues = { idx = { rest_url = "b" } },
                       strategies = { { name = "b", file = "b.lua" } } })
  end
  ask(s, "reload_all", "SIGHUP")
  t.equal(s.desk.config.risk.max_open_orders, 1)
  has(table.concat(s:logged "warn"), "risk.max_position.BCT limits nothing")
  t.equal(s.desk.config.venues.idx.rest_url, "a")
  has(table.concat(s:logged "waits for the next start"),
      "strategy a is gone, strategy b is new, venues.idx.rest_url")
end)

t.test("a configuration that is wrong changes nothing, nor does what changed with it", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s.reloader.reread = function() return nil, "moonwire.lua:3: risk: expected a table, got 5" end
  s.desk.config.path = f.path "moonwire.lua"
  file("a.lua", ticking "n")
  f.write("moonwire.lua", "wrong")
  saved(s, "a.lua", "moonwire.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "o")
  has(table.concat(s:logged "configuration not reloaded (saved)"), "moonwire.lua:3: risk")
end)

-- Memory ------------------------------------------------------------------------------------------

local function used()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

t.test("memory does not grow over 10,000 reloads", function()
  file("a.lua", ticking("o", "function S:on_book() end\nfunction S.migrate(s) return s end"))
  local s, runner = play { a = {} }
  local caller = { again = function() s.reloader:reload "a" end }
  local function turn(count)
    for _ = 1, count do
      s:run(caller, "again")
      f.finish(s)
      s:advance(1)
      runner.instance.state.said, s.lines, s.records, s.requests = nil, {}, {}, {}
    end
  end
  turn(500)
  local before = used()
  turn(10000)
  local grown = used() - before
  t.ok(grown < 256, ("grown by %d KB"):format(grown))
  t.equal(runner.state, "running")
end)

f.done()
