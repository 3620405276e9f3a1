-- A venue's file changes under a session that stands.

local f = require "tests.moonwire.reload_fixture"
local t = require "tests.tap"

local saved, ask = f.saved, f.ask

package.path = f.path "?.lua" .. ";" .. package.path

-- A venue of its own: Indodax's, with `more` in its file, and a file below its name.
local function venue(more)
  f.write("moonwire/venues/copied.lua", ([[
local M = {}
for name, value in pairs(require "moonwire.venues.indodax") do M[name] = value end
local names = require "moonwire.venues.copied.names"
local plain = require "moonwire.venues.indodax"
function M.submit(s, order)
  local request = plain.submit(s, order)
  request.mark = names.mark
  return request
end
%s
return M]]):format(more or ""))
end

local function mark(text)
  f.write("moonwire/venues/copied/names.lua", ("return { mark = %q }"):format(text))
end

os.execute("mkdir -p " .. f.path "moonwire/venues/copied")

local BUYING = [[
function S:on_start() self:every(1, "again") end
function S:again()
  self.state.order = self:buy { qty = "0.001", price = "950000000" } or self.state.order
end]]

local function play(options)
  venue(options and options.more)
  mark "o"
  package.loaded["moonwire.venues.copied"] = nil
  package.loaded["moonwire.venues.copied.names"] = nil
  f.file("a.lua", BUYING)
  options = options or {}
  options.protocol = require "moonwire.venues.copied"
  options.config = { protocol = "copied" }
  return f.play({ a = {} }, options)
end

local function marks(s)
  local all = {}
  for i, request in ipairs(s:asked "trade") do all[i] = request.mark end
  return table.concat(all)
end

local function has(text, part)
  t.ok(tostring(text):find(part, 1, true), ("expected %q in: %s"):format(part, tostring(text)))
end

t.test("orders go out by the new code, on the connection that stands", function()
  local s = play()
  local socket = s:private()
  s:advance(1)
  mark "n"
  saved(s, "moonwire/venues/copied/names.lua")
  s:advance(1)
  t.equal(marks(s), "on")
  t.equal(s:private(), socket)
  t.equal(s.session.state, "up")
  t.equal(package.loaded["moonwire.venues.copied.names"].mark, "n")
  has(table.concat(s:logged "reloaded (saved)"), "copied: version 2")
end)

t.test("reports are read by the new code, and answers that are awaited come to it", function()
  local s, runner = play()
  s:advance(1)
  local order = runner.instance.state.order
  s.answers.trade = false
  s:run(runner, "call_method", "again", 0, {})
  local request = s:find "trade"
  venue [[
local private = {}
for name, value in pairs(plain.private) do private[name] = value end
function private.read(link, decoder)
  link.session.memory.read = (link.session.memory.read or 0) + 1
  return plain.private.read(link, decoder)
end
M.private = private
function M.submit_answer(s, order, ...)
  s.memory.answered = true
  return plain.submit_answer(s, order, ...)
end]]
  saved(s, "moonwire/venues/copied.lua")
  s:push(s:fill(order, "0.001", "0.001"))
  t.equal(order.status, "filled")
  t.equal(s.session.memory.read, 1)
  s:answer(request, 200, '{"success":1,"return":{"order_id":77}}')
  t.ok(s.session.memory.answered)
  t.equal(runner.instance.state.order.status, "new")
end)

local failures = {
  { "a syntax error", "local x = = 1", "copied.lua:10:", "(line 10: local x = = 1" },
  { "an error while it is loaded", "nothing.at = 1", "copied.lua:10:", "(line 10: nothing.at = 1" },
  { "a function that is gone", "M.cancel = nil", "copied.cancel is gone", "" },
  { "a function of a line that is gone", "M.private = { logon = function() end }",
    "copied.private.", "is gone, and a session needs it" },
  { "a path that is malformed", "M.private = setmetatable({ paths = { 'a..b' } }, "
    .. "{ __index = plain.private }) for k, v in pairs(plain.private) do "
    .. "M.private[k] = M.private[k] or v end", 'path "a..b"', "" },
}

for _, case in ipairs(failures) do
  t.test(case[1] .. " leaves the old code in all sessions", function()
    local s = play()
    local protocol, names = s.session.protocol, package.loaded["moonwire.venues.copied.names"]
    mark "n"
    venue(case[2])
    saved(s, "moonwire/venues/copied.lua", "moonwire/venues/copied/names.lua")
    s:advance(1)
    t.equal(s.session.protocol, protocol)
    t.equal(package.loaded["moonwire.venues.copied"], protocol)
    t.equal(package.loaded["moonwire.venues.copied.names"], names)
    t.equal(marks(s), "o")
    local line = s:logged "error not reloaded (saved), version 1 goes on"[1]
    has(line, case[3])
    has(line, case[4])
  end)
end

t.test("a venue's file that wants it connects anew", function()
  local s = play()
  local socket = s:private()
  venue "M.reconnect_on_reload = true"
  saved(s, "moonwire/venues/copied.lua")
  s:settle()
  s:advance(5)
  t.ok(s:private() ~= socket, "the old connection stands")
  t.equal(s.session.state, "up")
end)

t.test("messages that new code cannot read bring the old code back", function()
  local s, runner = play()
  s:advance(1)
  venue [[
M.private = setmetatable({}, { __index = plain.private })
for name, value in pairs(plain.private) do M.private[name] = value end
function M.private.read() error "cannot" end]]
  saved(s, "moonwire/venues/copied.lua")
  local order, asked = runner.instance.state.order, #s:asked "openOrders"
  for i = 1, 4 do s:push(s:fill(order, "0.0002", ("0.000%d"):format(2 * i))) end
  has(table.concat(s:logged "rolled back to version 1"), "3 errors, the last one in a message")
  t.equal(tostring(order.cum_qty), "0.0002")       -- the one that could be read
  t.ok(#s:asked "openOrders" > asked, "the venue was not asked for what was not understood")
end)

-- The line's functions, with some of them changed.
local function private(more)
  return [[
M.private = setmetatable({}, { __index = plain.private })
for name, value in pairs(plain.private) do M.private[name] = value end
]] .. more
end

t.test("a log-on that new code cannot do brings the old code back, and the session up", function()
  local s = play()
  s:advance(1)
  venue(private "function M.private.logon() error 'cannot' end")
  saved(s, "moonwire/venues/copied.lua")
  t.equal(s.session.state, "up")
  s:close(s:private(), 1006)
  s:advance(10)
  has(table.concat(s:logged "error rolled back to version 1"), "3 errors, the last one in a log-on")
  t.equal(s.session.state, "up")
end)

t.test("a venue that new code loses for good is taken up again by the old code", function()
  local s, runner = play()
  s:advance(1)
  venue(private "function M.private.logon() return nil, 'bad signature', 'permanent' end")
  saved(s, "moonwire/venues/copied.lua")
  s:close(s:private(), 1006)
  s:advance(5)
  has(table.concat(s:logged "error rolled back to version 1"),
      "the venue was lost for good: bad signature")
  t.equal(s.session.state, "up")
  t.equal(runner.state, "running")
end)

t.test("a close that new code cannot read does not leave the line down", function()
  local s = play()
  s:advance(1)
  venue(private "function M.private.close_class() error 'cannot' end")
  saved(s, "moonwire/venues/copied.lua")
  s:close(s:private(), 1006)
  t.equal(s.session.state, "down")
  has(table.concat(s:logged "error private: close_class"), "cannot")
  s:advance(5)
  t.equal(s.session.state, "up")
end)

t.test("a file that wants its own connection has it also when one is being made", function()
  local s = play()
  s.keep_closed = true
  s:close(s:private(), 1006)
  s:advance(1)
  local socket = s:private()
  venue "M.reconnect_on_reload = true"
  saved(s, "moonwire/venues/copied.lua")
  s.keep_closed = false
  s:advance(5)
  t.ok(s:private() ~= socket, "the connection of the old code is taken")
  t.equal(s.session.state, "up")
end)

t.test("a rollback from a file that wanted its own connection connects anew as well", function()
  local s = play()
  venue "M.reconnect_on_reload = true"
  saved(s, "moonwire/venues/copied.lua")
  s:advance(5)
  local socket = s:private()
  t.equal(ask(s, "rollback", "copied"), "copied: version 1")
  s:advance(5)
  t.ok(s:private() ~= socket, "the connection of the new code stands")
  t.equal(s.session.state, "up")
end)

t.test("answers that new code cannot read bring the old code back", function()
  local s = play { probation = { errors = 2, seconds = 300 } }
  s:advance(1)
  venue [[
function M.fetch_open_orders() error "cannot" end
require "moonwire.understood" (M)]]
  saved(s, "moonwire/venues/copied.lua")
  s:advance(121)
  has(table.concat(s:logged "error rolled back to version 1"),
      "2 errors, the last one in an answer")
end)

t.test("what counts against the venue's limits goes on counting", function()
  local s = play { more = 'M.limits = { { name = "submit", count = 3, per = 60 } }',
                   risk = { max_orders_per_second = 100 } }
  s:advance(2)
  venue 'M.limits = { { name = "submit", count = 2, per = 60 } }'
  saved(s, "moonwire/venues/copied.lua")
  s:advance(1)
  t.equal(#s:asked "trade", 2)
  venue 'M.limits = { { name = "submit", count = 4, per = 60 } }'
  saved(s, "moonwire/venues/copied.lua")
  s:advance(3)
  t.equal(#s:asked "trade", 4)
end)

t.test("rollback takes a venue's files back, under the name of the venue as well", function()
  local s = play()
  mark "n"
  saved(s, "moonwire/venues/copied/names.lua")
  t.equal(ask(s, "rollback", "idx"), "copied: version 1")
  s:advance(1)
  t.equal(marks(s), "o")
end)

f.done()
