-- What the WebSocket connections of all simulated venues share, and the venues' clock.

local Clock      = require "moonwire.sim.clock"
local Connection = require "moonwire.sim.connection"
local Schedule   = require "moonwire.sim.schedule"
local t = require "tests.tap"

-- A hub with connections of a class; what they say is in hub.said.
local function new_hub()
  return { connections = {}, schedule = Schedule.new(), said = {} }
end

local function open(hub, class)
  local connection = class:new { hub = hub }
  local function say(...) hub.said[#hub.said + 1] = table.concat({ ... }, " ") end
  connection.link = {
    send = function(_, text, subject) say(subject, text) end,
    close = function(_, code, reason) say("close", code, reason) end,
    drop = function() say "drop" end,
  }
  connection:enter()
  return connection
end

local function said(hub)
  local text = table.concat(hub.said, " | ")
  hub.said = {}
  return text
end

t.test("a text has a frame of its own unless the venue joins lines", function()
  local hub = new_hub()
  local plain = open(hub, Connection.class {})
  plain:write("push", "a")
  plain:write("push", "b")
  t.equal(said(hub), "")
  plain:flush()
  t.equal(said(hub), "push a | push b")
  local lines = open(hub, Connection.class { lines_max = 2, frame_end = "." })
  for _, text in ipairs { "a", "b", "c" } do lines:write("push", text) end
  lines:write("reply", "d")
  lines:write("reply", "e", true)
  lines:flush()
  t.equal(said(hub), "push a\nb. | push c. | reply d. | reply e.")
  lines:flush()
  t.equal(said(hub), "")
end)

t.test("a connection ends once, and what it wrote goes before its close", function()
  local hub, ended = new_hub(), 0
  local class = Connection.class { on_end = function() ended = ended + 1 end,
                                   reason_of = function(code) return "r" .. code end }
  local a, b = open(hub, class), open(hub, class)
  a:write("push", "last")
  a:close(3001)
  t.equal(said(hub), "push last | close 3001 r3001")
  a:close(3002)
  a:on_close()
  a:drop()
  t.equal(said(hub) .. ended, "1")
  t.equal(#hub.connections, 1)
  b:write("push", "lost")
  b:drop()
  t.equal(said(hub), "drop")
  t.equal(#hub.connections + ended, 2)
end)

t.test("a flush goes on for the others when it ends one of them", function()
  local hub = new_hub()
  local class = Connection.class {}
  local a, b = open(hub, class), open(hub, class)
  function a.link.send() a:on_close() end            -- a fault on the way
  for _, connection in ipairs { a, b } do
    connection:write("push", "1")
    connection:write("push", "2")
  end
  Connection.flush_all(hub)
  t.equal(said(hub), "push 1 | push 2")
end)

t.test("a deadline may move or be taken back, and ends with its connection", function()
  local hub = new_hub()
  local c = open(hub, Connection.class {})
  local passed = {}
  c.first_at, c.second_at, c.third_at = 100, 100, 1000
  c:watch("first_at", function() passed[#passed + 1] = "first" end)
  c:watch("second_at", function() passed[#passed + 1] = "second" end)
  c:watch("third_at", function() passed[#passed + 1] = "third" end)
  c:every(30, 0, function(now) passed[#passed + 1] = now end)
  c.first_at, c.second_at = 150, nil
  for now = 0, 160, 10 do hub.schedule:run(now) end
  t.equal(table.concat(passed, " "), "30 60 90 120 first 150")
  c:close(1000)
  hub.schedule:run(5000)
  t.equal(#passed, 6)
end)

t.test("a venue's clock has an offset, or stands", function()
  local clock = Clock.new { frozen = 0 }
  clock.offset = -500
  t.equal(clock:venue(10000), 9500)
  t.equal(clock:now(), 9500)
  t.equal(clock:real(9600), 10100)
  t.equal(Clock.new({ frozen = 7000 }):venue(10000), 7000)
end)

t.done()
