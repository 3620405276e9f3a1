-- Code changes, state stays: strategies, their modules, venues' files and parameters are loaded
-- again while orders are open.

local f = require "tests.moonwire.reload_fixture"
local t = require "tests.tap"
local record = require "moonwire.record"

local file, write, play, saved, ask = f.file, f.write, f.play, f.saved, f.ask

-- A strategy that notes in its state what its code says, each second.
local function ticking(word, more)
  return ([[
function S:on_start() self:every(1, "tick") end
function S:tick()
  self.state.said = (self.state.said or "") .. "%s"
  self.state.count = (self.state.count or 0) + 1
end
%s]]):format(word, more or "")
end

local function errors(s) return table.concat(s:logged "error ", "\n") end

local function has(text, part)
  t.ok(tostring(text):find(part, 1, true), ("expected %q in: %s"):format(part, tostring(text)))
end

-- What stays --------------------------------------------------------------------------------------

t.test("a timer that holds a name runs the new code, with the state of the old", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(2)
  file("a.lua", ticking "n")
  saved(s, "a.lua")
  s:advance(2)
  t.equal(runner.instance.state.said, "oonn")
  t.equal(runner.instance.state.count, 4)
  has(table.concat(s:logged "reloaded (saved)"), "version 2")
end)

t.test("open orders stay, and their reports come to the new code", function()
  file("a.lua", [[
function S:on_start() self.order = self:buy { qty = "0.001", price = "950000000" } end
function S:on_order(order) self.state.old = order.status end]])
  local s, runner = play { a = {} }
  local order = runner.instance.order
  t.equal(order.status, "new")
  file("a.lua", [[
function S:on_start() error "it has started" end
function S:on_order(order) self.state.new = order.status end]])
  saved(s, "a.lua")
  s:push(s:fill(order, "0.001", "0.001"))
  t.equal(runner.instance.state.old, "new")
  t.equal(runner.instance.state.new, "filled")
  t.equal(#s:asked "trade", 1)
  t.equal(#s:asked "cancelByClientOrderId", 0)
end)

t.test("subscriptions stay, and a callback that is new hears them", function()
  file("a.lua", [[
function S:on_start() self:subscribe "book" end]])
  local s, runner = play { a = {} }
  file("a.lua", [[
function S:on_start() end
function S:on_book(book) self.state.bid = tostring(book:best_bid()) end]])
  saved(s, "a.lua")
  s:book({ { "100" } }, { { "101" } })
  t.equal(runner.instance.state.bid, "100")
end)

t.test("who begins to listen for fills has heard of those before: no later run tells them",
function()
  file("a.lua", "function S:on_start() end")
  local s = play { a = {} }
  local told, told_all = {}, record.told_all
  function record.told_all(name) told[#told + 1] = name end
  file("a.lua", "function S:on_start() end\nfunction S:on_fill() end")
  saved(s, "a.lua")
  file("a.lua", "function S:on_start() end\nfunction S:on_fill() self.state.n = 1 end")
  saved(s, "a.lua")                                 -- it listened already
  record.told_all = told_all
  t.equal(table.concat(told, " "), "a")
end)

t.test("on_reload is called after the change, with the parameters of before, and may ask",
function()
  file("a.lua", "function S:on_start() end")
  local s, runner = play { a = { qty = "0.002" } }
  file("a.lua", [[
function S:on_start() end
function S:on_reload(old)
  self.state.was = old.qty
  self.order = assert(self:buy { qty = self.params.qty, price = "950000000" })
end]])
  saved(s, "a.lua")
  t.equal(runner.instance.state.was, "0.002")
  t.equal(runner.instance.order.status, "new")
end)

t.test("a file whose text is the same is not loaded again; reload() does it all the same",
function()
  file("a.lua", ticking "o")
  local s = play { a = {} }
  saved(s, "a.lua")
  t.equal(#s:logged "reloaded", 0)
  has(ask(s, "reload", "a"), "a: version 1")
  t.equal(#s:logged "reloaded (reload)", 1)
end)

-- What fails --------------------------------------------------------------------------------------

local failures = {
  { "a syntax error", "function S:on_start( end", "a.lua:3:", "(line 3: function S:on_start( end" },
  { "an error while it is loaded", "\nlocal x = nil + 1", "a.lua:4:",
    "(line 4: local x = nil + 1" },
  { "an unknown global that is called", "nowhere()", "a.lua:3:", "(line 3: nowhere()" },
  { "a module that is not there", 'require "nothing"', "nothing", "(line 3: require" },
  { "a method that is gone", "function S:on_start() end", "tick is gone, which a timer of 1 s",
    'S.removed = { tick = "the reason" }' },
  { "a migrate that raises", ticking("n", "function S.migrate()\n  error 'bad'\nend"),
    "a.lua:9: bad", "(line 9: error 'bad'" },
  { "a migrate without a result", ticking("n", "function S.migrate() end"),
    "migrate returned nil, expected the state", "" },
  { "what is no strategy", "S = 1", "returns the table that mw.strategy{...} made", "" },
}

for _, case in ipairs(failures) do
  t.test(case[1] .. " leaves the old code running", function()
    file("a.lua", ticking "o")
    local s, runner = play { a = {} }
    local state = runner.instance.state
    file("a.lua", case[2])
    saved(s, "a.lua")
    s:advance(3)
    t.equal(runner.instance.state, state)
    t.equal(state.said, "ooo")
    t.equal(runner.state, "running")
    local lines = s:logged "error not reloaded (saved), version 1 goes on"
    t.equal(#lines, 1)
    has(lines[1], case[3])
    has(lines[1], case[4])
    file("a.lua", ticking "n")
    saved(s, "a.lua")
    s:advance(1)
    t.equal(runner.instance.state.said, "ooon")
  end)
end

t.test("a callback may go when the code says why; a timer of it ends", function()
  file("a.lua", ticking("o", "function S:on_trade() end"))
  local s, runner = play { a = {} }
  file("a.lua", ticking "n")
  saved(s, "a.lua")
  has(errors(s), "on_trade is gone, which the code before had")
  has(errors(s), "a.lua:8)")
  file("a.lua", 'S.removed = { on_trade = "no trades any more", tick = "nor ticks" }\n'
    .. 'function S:on_start() end')
  saved(s, "a.lua")
  s:advance(2)
  t.equal(runner.instance.state.said, nil)
  has(table.concat(s:logged "the timer of 1 s for tick ends"), "no such method")
  t.equal(next(runner.timers), nil)
end)

t.test("callbacks of a new version that nobody can or will call are told", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  file("a.lua", ticking "n" .. "\nS.on_fill = true")
  saved(s, "a.lua")
  has(errors(s), "on_fill is a callback: a function expected, got boolean")
  s:advance(1)
  t.equal(runner.instance.state.said, "o")
  file("a.lua", ticking "n" .. "\nfunction S:on_filled() end")
  saved(s, "a.lua")
  has(table.concat(s:logged "no callback"), "on_filled is no callback")
  s:advance(1)
  t.equal(runner.instance.state.said, "on")
end)

t.test("a file that is removed changes nothing, and its return is noticed", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  f.remove "a.lua"
  saved(s, "a.lua")
  has(errors(s), "a.lua: No such file")
  s:advance(1)
  t.equal(runner.instance.state.said, "o")
  file("a.lua", ticking "n")
  saved(s, "a.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "on")
end)

t.test("half a file changes nothing", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  local whole = f.HEAD .. ticking "n" .. "\nreturn S\n"
  for length = 0, #whole - 12, 7 do
    write("a.lua", whole:sub(1, length))
    saved(s, "a.lua")
  end
  s:advance(1)
  t.equal(runner.instance.state.said, "o")
  write("a.lua", whole)
  saved(s, "a.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "on")
end)

-- Modules -----------------------------------------------------------------------------------------

t.test("a module that changes takes the strategies along that require it, and no others", function()
  write("lib.lua", 'return { word = "o" }')
  local body = [[
local lib = require "lib"
function S:on_start() self:every(1, "tick") end
function S:tick() self.state.said = (self.state.said or "") .. lib.word end]]
  file("a.lua", body)
  file("b.lua", body)
  file("c.lua", ticking "c")
  local s = play { a = {}, b = {}, c = {} }
  s:advance(1)
  write("lib.lua", 'return { word = "n" }')
  saved(s, "lib.lua")
  s:advance(1)
  t.equal(s.runners.a.instance.state.said, "on")
  t.equal(s.runners.b.instance.state.said, "on")
  t.equal(#s:logged "reloaded (saved)", 2)
end)

t.test("modules that require each other in a circle are loaded again", function()
  write("one.lua", 'local M = {}\nfunction M.word() return require("two").word end\n'
    .. 'require "two"\nreturn M')
  write("two.lua", 'local M = { word = "o" }\nM.one = require "one"\nreturn M')
  file("a.lua", [[
local one = require "one"
function S:on_start() self:every(1, "tick") end
function S:tick() self.state.said = (self.state.said or "") .. one.word() end]])
  local s, runner = play { a = {} }
  s:advance(1)
  write("two.lua", 'local M = { word = "n" }\nM.one = require "one"\nreturn M')
  saved(s, "two.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "on")
end)

t.test("files that change together go in together, or none does", function()
  write("lib.lua", "return { both = 1 }")
  file("a.lua", "local lib = require 'lib'\nassert(lib.both == 1)\n" .. ticking "o")
  file("b.lua", ticking "o")
  local s = play { a = {}, b = {} }
  local a, b = s.runners.a.instance.state, s.runners.b.instance.state
  file("a.lua", "local lib = require 'lib'\nassert(lib.both == 2)\n" .. ticking "n")
  file("b.lua", ticking "n")
  saved(s, "a.lua", "b.lua")
  s:advance(1)
  t.equal(a.said .. b.said, "oo")
  has(table.concat(s:logged "it changed together with a"), "warn not reloaded")
  write("lib.lua", "return { both = 2 }")
  saved(s, "lib.lua")
  s:advance(1)
  t.equal(a.said .. b.said, "onon")
end)

t.test("a module that was missing is loaded as soon as it is there", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  f.remove "late.lua"
  file("a.lua", 'require "late"\n' .. ticking "n")
  saved(s, "a.lua")
  has(errors(s), "module 'late' not found")
  write("late.lua", "return {}")
  saved(s, "late.lua")
  s:advance(1)
  t.equal(runner.instance.state.said, "n")
end)

t.test("what a module keeps with mw.keep survives; its locals begin anew", function()
  local module = [[
local mw = require "moonwire"
local M, lost = {}, 0
local kept = mw.keep("counts", function() return { n = 0 } end)
function M.count()
  lost, kept.n = lost + 1, kept.n + 1
  return "%s" .. lost .. kept.n
end
return M]]
  write("lib.lua", module:format "o")
  file("a.lua", [[
local lib = require "lib"
function S:on_start() self:every(1, "tick") end
function S:tick() self.state.said = (self.state.said or "") .. lib.count() .. " " end]])
  for _, trusted in ipairs { false, true } do
    write("lib.lua", module:format "o")
    local s, runner = play({ a = {} }, { trusted = trusted })
    s:advance(2)
    write("lib.lua", module:format "n")
    saved(s, "lib.lua")
    s:advance(1)
    t.equal(runner.instance.state.said, "o11 o22 n13 ")
  end
end)

t.test("what is kept by code that could not be loaded is not kept", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  file("a.lua", 'mw.keep("x", 1)\nerror "no"')
  saved(s, "a.lua")
  t.equal(next(runner.kept), nil)
  file("a.lua", 'mw.keep("x", 2)\n' .. ticking "n")
  saved(s, "a.lua")
  t.equal(runner.kept.x, 2)
end)

-- migrate -----------------------------------------------------------------------------------------

t.test("migrate works on a copy: the objects of the runtime are the same ones in it", function()
  file("a.lua", [[
function S:on_start()
  self.state.mine = { order = assert(self:buy { qty = "0.001", price = "950000000" }) }
  self.state.again = self.state.mine
  self.state.persist.n = 1
end]])
  local s, runner = play { a = { qty = "0.005" } }
  local before = runner.instance.state
  file("a.lua", [[
function S:on_start() end
function S.migrate(state, old)
  assert(state.mine == state.again)
  state.mine.qty, state.persist.n = old.qty, 2
  return state
end]])
  saved(s, "a.lua")
  local after = runner.instance.state
  t.equal(before.mine.qty, nil)
  t.equal(after.mine.qty, "0.005")
  t.equal(after.mine.order, before.mine.order)
  t.equal(before.persist.n .. after.persist.n, "12")
  local records = s:recorded "persist"
  has(records[#records].text, '["n"]=2')
end)

-- Old code ----------------------------------------------------------------------------------------

t.test("functions of the old code that something still holds are told with their lines", function()
  file("a.lua", [[
function S:on_start()
  self:every(5, function() self.state.old = (self.state.old or 0) + 1 end)
  self.state.deep = { hook = function() end }
  self.hook = function() end
  self:task("waits")
end
function S:waits()
  mw.sleep(60)
  self.state.task = self:word()
end
function S:word() return "old" end]])
  local s, runner = play { a = {} }
  file("a.lua", [[
function S:on_start() end
function S:waits() end
function S:word() return "new" end]])
  saved(s, "a.lua")
  local told = table.concat(s:logged "old code stays in use", "\n")
  has(told, "a.lua:4 in a timer of 5 s")
  has(told, "a.lua:5 in self.state.deep.hook")
  has(told, "a.lua:6 in self.hook")
  has(told, "task waits waits at")
  has(told, "a.lua:10 and goes on from there")
  s:advance(60)
  t.equal(runner.instance.state.old, 12)
  t.equal(runner.instance.state.task, "new")
end)

t.test("objects whose class is of the old code are told; new code alone is not", function()
  local body = [[
local Level = {}
Level.__index = Level
function Level:size() return 1 end
function S:on_start() self.state.level = setmetatable({}, Level) end
]]
  file("a.lua", body)
  local s = play { a = {} }
  file("a.lua", body .. "function S.migrate(state) state.level = setmetatable({}, Level) "
    .. "return state end")
  saved(s, "a.lua")
  t.equal(#s:logged "old code stays", 0)
  file("a.lua", body)
  saved(s, "a.lua")
  has(table.concat(s:logged "old code stays"), "self.state.level (its metatable).")
end)

f.done()
