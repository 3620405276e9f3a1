-- Code changes at an awkward moment: with an order on its way, in doubt, being cancelled or waited
-- for, and while the venue is not there. No order is doubled, lost or left.

local f = require "tests.moonwire.reload_fixture"
local t = require "tests.tap"
local stage = require "tests.moonwire.stage"

local file, play, saved = f.file, f.play, f.saved

-- One order in self.state.order; on_order notes what it hears, by the code's word.
local function buyer(word, more)
  return ([[
function S:on_start() self:after(1, "open") end
function S:open() self.state.order = assert(self:buy { qty = "0.001", price = "950000000" }) end
function S:close() assert(self:cancel(self.state.order)) end
function S:on_order(order)
  self.state.heard = (self.state.heard or "") .. "%s:" .. order.status .. " "
end
%s]]):format(word, more or "")
end

local function has(text, part)
  t.ok(tostring(text):find(part, 1, true), ("expected %q in: %s"):format(part, tostring(text)))
end

-- Plays until the order has been asked for; the venue leaves `answers` open.
local function ordered(answers, options)
  file("a.lua", buyer "o")
  options = options or {}
  options.answers = answers
  local s, runner = play({ a = {} }, options)
  s:advance(1)
  return s, runner, runner.instance.state
end

local function change(s, text)
  file("a.lua", text)
  saved(s, "a.lua")
  t.equal(#s:logged "reloaded (saved)", 1, table.concat(s.lines, "\n"))
end

-- A change begins, and is not finished yet: its text is being compiled.
local function begin(s, text)
  file("a.lua", text)
  s:run(s.reloader, "on_file_changed", f.path "a.lua" .. "\0")
  t.ok(s.reloader.is_working, "the change has not begun")
end

local function ticking(word, more)
  return ([[
function S:on_start() self:every(1, "tick") end
function S:tick() self.state.said = (self.state.said or "") .. "%s" end
%s]]):format(word, more or "")
end

t.test("events that come while a change is made are the old code's, and migrate knows of them",
function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  s:advance(1)
  begin(s, ticking("n", "function S.migrate(state) state.copied = state.said return state end"))
  s:advance(2)
  f.finish(s)
  s:advance(1)
  t.equal(runner.instance.state.said, "ooon")
  t.equal(runner.instance.state.copied, "ooo")
end)

t.test("a save while a change is made is the next change: the last text runs", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  begin(s, ticking "n")
  begin(s, ticking "m")
  begin(s, ticking "l")
  f.finish(s)
  s:advance(1)
  t.equal(runner.instance.state.said, "l")
  t.equal(#s:logged "error ", 0)
  local versions = f.ask(s, "versions", "a")
  t.equal(versions[#versions].is_running, true)
end)

t.test("what the old code keeps while a change is made is the new code's", function()
  local keeps = 'function S:tick() mw.keep("n", {}).count = 1 end'
  file("a.lua", ticking "o" .. keeps)
  local s, runner = play { a = {} }
  begin(s, 'local kept = mw.keep("n", {})\n' .. ticking("n",
        "function S:tick() self.state.count = kept.count end"))
  local swap = f.before_swap(s)
  s:run(runner, "call_method", "tick", 0, {})
  swap()
  t.equal(runner.kept.n.count, 1)
  s:advance(1)
  t.equal(runner.instance.state.count, 1)
end)

t.test("a stop while a change is made has the last word", function()
  file("a.lua", ticking "o")
  local s, runner = play { a = {} }
  begin(s, ticking("n", "function S:on_reload() self.state.is_new = true end"))
  s:run(s.desk, "stop", 0, "SIGTERM")
  f.finish(s)
  t.equal(runner.instance.state.is_new, nil)
  t.equal(#s:logged "info reloaded", 0)
end)

t.test("an order whose answer is awaited stays one order, and the answer comes to the new code",
function()
  local s, _, state = ordered { trade = false }
  t.equal(state.order.status, "pending_new")
  change(s, buyer "n")
  t.equal(state.order.status, "pending_new")
  s:answer(s:find "trade", 200, '{"success":1,"return":{"order_id":310131}}')
  t.equal(state.order.status, "new")
  t.equal(state.heard, "n:new ")
  t.equal(#s:asked "trade", 1)
end)

t.test("an order that is refused after the reload is told to the new code", function()
  local s, _, state = ordered { trade = false }
  change(s, buyer "n")
  s:answer(s:find "trade", 200, '{"success":0,"error":"Insufficient balance."}')
  t.equal(state.heard, "n:rejected ")
  t.equal(#s.desk.orders.open, 0)
end)

t.test("an order in doubt is asked about after the reload, and not sent again", function()
  local s, _, state = ordered { trade = false, getOrderByClientOrderId = false }
  s:lose(s:find "trade", true)
  t.equal(state.order.status, "unknown")
  change(s, buyer("n", "function S:on_reload() self.state.open = #self.orders end"))
  t.equal(state.open, 1)
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  s:push(s:update(state.order, { status = "NEW" }))
  t.equal(state.heard, "o:unknown n:new ")
  t.equal(#s:asked "trade", 1)
end)

t.test("a cancel that is under way goes on, and is not asked for twice", function()
  local s, runner, state = ordered { cancelByClientOrderId = false }
  s:run(runner, "call_method", "close", 0, {})
  t.equal(state.order.status, "pending_cancel")
  change(s, buyer "n")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(state.order.status, "canceled")
  has(state.heard, "n:canceled")
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("a task that waits for an order goes on when it is filled, with new methods", function()
  local waits = [[
function S:sells()
  local ok = self.state.order:wait("filled", 30)
  self:note(ok)
end]]
  file("a.lua", buyer("o", waits .. "\nfunction S:note() error 'old' end\n"
                      .. "function S:begin() self:task 'sells' end"))
  local s, runner = play { a = {} }
  local state = runner.instance.state
  s:advance(1)
  s:run(runner, "call_method", "begin", 0, {})
  change(s, buyer("n", "function S:note(ok) self.state.noted = ok and 'filled' or 'not' end"))
  has(table.concat(s:logged "warn old code stays in use"), "task sells waits at")
  s:push(s:fill(state.order, "0.001", "0.001"))
  t.equal(state.noted, "filled")
  t.equal(runner.state, "running")
end)

t.test("a rollback with an order on its way keeps the order, and the old code hears of it",
function()
  file("a.lua", buyer("o", "function S:tick() end"))
  local s, runner = play({ a = {} }, { answers = { trade = false } })
  local state = runner.instance.state
  change(s, buyer("n", [[
function S:on_reload()
  self.state.order = assert(self:buy { qty = "0.001", price = "940000000" })
  self:every(0.1, "tick")
end
function S:tick() self:buy { qty = "0.001", price = "1000" } error "no" end]]))
  t.equal(#s:asked "trade", 1)
  s:advance(0.35)
  has(table.concat(s:logged "error rolled back to version 1"), "3 errors, the last one in tick")
  t.equal(state.order.status, "pending_new")
  s:answer(s:find "trade", 200, '{"success":1,"return":{"order_id":310131}}')
  t.equal(state.heard, "o:new ")
  t.equal(#s:asked "trade", 1)
  t.equal(#s.desk.orders.open, 1)
end)

t.test("orders wait for nothing, and none is sent, while the line is down", function()
  local s, runner, state = ordered {}
  s.keep_closed = true                            -- the venue does not take the connection
  s:close(s:private(), 1006)
  t.equal(s.session.state, "down")
  change(s, buyer("n", [[
function S:on_reload()
  self.state.told = select(2, self:buy { qty = "0.001", price = "940000000" })
end
function S:on_session(_, is) self.state.session = is end]]))
  has(state.told, "down")
  t.equal(runner.state, "running")
  s.keep_closed = false
  s:advance(5)
  t.equal(state.session, "up")
  t.equal(#s:asked "trade", 1)
  t.equal(state.order.status, "new")
end)

t.test("a strategy that changes before its first session is started once, by the new code",
function()
  file("a.lua", buyer "o")
  local s, runner = play({ a = {} }, { answers = { ["/api/pairs"] = false } })
  t.equal(runner.state, "loaded")
  change(s, (buyer "n":gsub("function S:on_start%(%)",
                            "%0 self.state.began = (self.state.began or 0) + 1")))
  t.equal(runner.instance.state.began, nil)
  s:answer(s:find "/api/pairs", 200, stage.vector "pairs")
  s:settle()
  s:advance(1)
  t.equal(runner.instance.state.began, 1)
  t.equal(runner.instance.state.heard, "n:new ")
end)

t.test("a strategy that is stopped changes without a word to the venue", function()
  local s, runner = ordered {}
  s:run(runner, "stop", "enough")
  s:settle()
  local count = #s.requests
  file("a.lua", buyer "n")
  saved(s, "a.lua")
  t.equal(#s.requests, count)
  t.equal(runner.state, "stopped")
end)

f.done()
