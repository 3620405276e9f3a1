-- The door from inside: events find their objects, timers fire in order, what is deferred comes
-- after the event, and an error costs one event.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local dispatch = require "moonwire.dispatch"
local ffi = require "moonwire.cdef"
local host = require "moonwire.host"

local KIND = {}
for i, name in ipairs(host.event_kinds()) do KIND[name] = i - 1 end

local function door(kind, id, num, data, text, num2)
  if dispatch.door(KIND[kind], id, num or 0, data, text, num2 or 0) then
    while dispatch.door() do end
  end
end

-- An object that notes how it was called.
local function notes(...)
  local object = { calls = {} }
  for _, method in ipairs { ... } do
    object[method] = function(self, ...)
      local words = { method }
      for i = 1, select("#", ...) do words[i + 1] = tostring((select(i, ...))) end
      table.insert(self.calls, table.concat(words, " "))
    end
  end
  function object:said()
    local text = table.concat(self.calls, "|")
    self.calls = {}
    return text
  end
  return object
end

-- Binding -----------------------------------------------------------------------------------------

t.test("an event comes to the object that is bound to its id, with its arguments", function()
  stage.new()
  local object = notes("on_ws_open", "on_ws_ping", "on_ws_pong", "on_ws_close", "on_http_done",
                       "on_server_request", "on_server_upgrade", "on_server_ws_message",
                       "on_server_ws_close", "on_ws_message")
  dispatch.bind(5, object)
  door("ws_open", 5, 0, nil, "headers")
  t.equal(object:said(), "on_ws_open 5 headers")
  door("ws_ping", 5, 0, "p")
  door("ws_pong", 5, 0, "q")
  t.equal(object:said(), "on_ws_ping 5 p|on_ws_pong 5 q")
  door("ws_message", 5)
  t.equal(object:said(), "on_ws_message 5")
  door("server_request", 5, 0, "body", "head")
  t.equal(object:said(), "on_server_request 5 head body")
  door("server_upgrade", 5, 0, nil, "head")
  t.equal(object:said(), "on_server_upgrade 5 head")
  door("server_ws_message", 5, 1, "text")
  t.equal(object:said(), "on_server_ws_message 5 text 1")
  door("server_ws_close", 5, 1000, "why")
  t.equal(object:said(), "on_server_ws_close 5 1000 why")
  door("ws_close", 5, 1006, "body", "reason", 403)
  t.equal(object:said(), "on_ws_close 5 1006 reason 403 body")
  dispatch.bind(6, object)
  door("http_done", 6, 200, "body", "headers", 1)
  t.equal(object:said(), "on_http_done 6 200 body headers true")
end)

t.test("each message comes to who is bound to its id at that moment", function()
  stage.new()
  local a, b = notes("on_ws_message", "on_ws_close"), notes "on_ws_message"
  dispatch.bind(5, a)
  dispatch.bind(6, b)
  for _ = 1, 2 do
    door("ws_message", 5)
    door("ws_message", 6)
    door("ws_message", 6)
    t.equal(a:said(), "on_ws_message 5")
    t.equal(b:said(), "on_ws_message 6|on_ws_message 6")
  end
  dispatch.bind(6, a)
  door("ws_message", 6)
  t.equal(a:said(), "on_ws_message 6")
  dispatch.unbind(6)
  door("ws_message", 6)
  door("ws_message", 5)
  t.equal(a:said(), "on_ws_message 5")
  door("ws_close", 5, 1000, nil, "")
  a:said()
  door("ws_message", 5)
  t.equal(a:said() .. b:said(), "")
end)

t.test("an id ends with its close or its answer, and with unbind", function()
  stage.new()
  local object = notes("on_ws_open", "on_ws_close", "on_http_done", "on_ws_message")
  local before = dispatch.count_open()
  dispatch.bind(5, object)
  dispatch.bind(6, object)
  dispatch.bind(7, object)
  t.equal(dispatch.count_open(), before + 3)
  door("ws_close", 5, 1000, nil, "")
  door("http_done", 6, 200, "", "")
  dispatch.unbind(7)
  t.equal(dispatch.count_open(), before)
  object:said()
  door("ws_open", 5)
  door("http_done", 6, 200, "", "")
  door("ws_message", 7)
  t.equal(object:said(), "")
end)

t.test("an event for nobody is nothing", function()
  stage.new()
  for kind in pairs(KIND) do
    if kind ~= "start" and kind ~= "signal" then door(kind, 999999, 1, "x", "y", 0) end
  end
end)

t.test("connections of a server come to whoever is bound to the server", function()
  stage.new()
  local server, own = notes "on_server_request", notes "on_server_request"
  dispatch.bind(50, server)
  door("server_request", 51, 0, "body", "head", 50)
  t.equal(server:said(), "on_server_request 51 head body")
  dispatch.bind(51, own)
  door("server_request", 51, 0, "body", "head", 50)
  t.equal(own:said(), "on_server_request 51 head body")
  t.equal(server:said(), "")
  dispatch.unbind(50)
  dispatch.unbind(51)
end)

t.test("start and signals come to everybody who listens", function()
  stage.new()
  local one, two = notes("on_start", "on_signal"), notes "on_signal"
  dispatch.listen("start", one)
  dispatch.listen("signal", one)
  dispatch.listen("signal", two)
  door("start", 0, 0, "text")
  door("signal", 0, 15)
  t.equal(one:said(), "on_start text|on_signal 15")
  t.equal(two:said(), "on_signal 15")
end)

-- Time --------------------------------------------------------------------------------------------

t.test("time is the event's, in seconds, milliseconds and nanoseconds", function()
  local s = stage.new()
  t.ok(math.abs(dispatch.now() - 1790000000.123) < 1e-6)
  t.equal(dispatch.now_ms(), 1790000000123)
  t.ok(dispatch.now_ns() == 1790000000123000000LL)
  s:advance(1.5)
  t.equal(dispatch.now_ms(), 1790000001623)
end)

t.test("after comes once, every again and again, in order of time", function()
  local s = stage.new()
  local object = notes("a", "b", "c")
  dispatch.after(2, object, "a", "x", nil, 3)
  dispatch.every(1, object, "b")
  dispatch.after(0, object, "c")
  s:advance(3.5)
  t.equal(object:said(), "c|b|a x nil 3|b|b")
end)

t.test("a timer fires at the time that it was set for", function()
  local s = stage.new()
  local at = {}
  local object = { tick = function() at[#at + 1] = dispatch.now_ms() - 1790000000123 end }
  dispatch.every(0.5, object, "tick")
  s:advance(1.7)
  t.equal(table.concat(at, " "), "500 1000 1500")
end)

t.test("a timer that is stopped does not fire, stopping it again is nothing", function()
  local s = stage.new()
  local object = notes("a", "b")
  local _, before = dispatch.count_open()
  local host_timers = {}
  for id in pairs(s.timers) do host_timers[id] = true end
  local one = dispatch.after(1, object, "a")
  local one_id
  for id in pairs(s.timers) do one_id = not host_timers[id] and id or one_id end
  local two = dispatch.every(1, object, "b")
  t.ok(one_id)
  one:stop()
  t.equal(s.timers[one_id], nil, "the host has it no more")
  one:stop()
  s:advance(1)
  two:stop()
  s:advance(5)
  two:stop()
  t.equal(object:said(), "b")
  local _, after = dispatch.count_open()
  t.equal(after, before)
end)

t.test("a timer may be stopped in its own call and by another of the same moment", function()
  local s = stage.new()
  local calls, one, two = {}, nil, nil
  local object = {
    first = function() calls[#calls + 1] = "first" one:stop() two:stop() end,
    second = function() calls[#calls + 1] = "second" end,
  }
  one = dispatch.every(1, object, "first")
  two = dispatch.every(1, object, "second")
  s:advance(3)
  t.equal(table.concat(calls, " "), "first")
end)

t.test("a timer that was stopped too late for the host is ignored", function()
  stage.new()
  local object = notes "a"
  local timer = dispatch.after(1, object, "a")
  local id = timer.id
  timer:stop()
  door("timer", id)
  t.equal(object:said(), "")
end)

t.test("a repeating timer whose call fails comes again", function()
  local s = stage.new()
  local count = 0
  dispatch.every(1, { tick = function() count = count + 1 error "oops" end }, "tick")
  t.equal(pcall(s.advance, s, 1), false)
  t.equal(pcall(s.advance, s, 1), false)
  t.equal(count, 2)
end)

t.test("a timer for a method that is not there is refused at once", function()
  stage.new()
  t.raises(dispatch.after, "no method nothing", 1, {}, "nothing")
  t.raises(dispatch.every, "no method nil", 1, {}, nil)
end)

t.test("a timer calls the method that the object has when it fires", function()
  local s = stage.new()
  local said
  local object = { act = function() said = "old" end }
  dispatch.after(1, object, "act")
  object.act = function() said = "new" end
  s:advance(1)
  t.equal(said, "new")
end)

-- Deferring ---------------------------------------------------------------------------------------

t.test("what is deferred comes after the event, in the order in which it was asked for", function()
  local s = stage.new()
  local later = notes("x", "y")
  local object = { act = function(self)
    dispatch.defer(later, "x", 1, nil, 3)
    dispatch.defer(later, "y")
    self.seen = #later.calls
  end }
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(object.seen, 0)
  t.equal(later:said(), "x 1 nil 3|y nil nil nil")
end)

t.test("what a deferred call defers comes in the same event, behind the others", function()
  local s = stage.new()
  local calls = {}
  local object = {}
  function object:act()
    dispatch.defer(self, "one")
    dispatch.defer(self, "two")
  end
  function object:one()
    calls[#calls + 1] = "one"
    dispatch.defer(self, "three")
  end
  function object:two() calls[#calls + 1] = "two" end
  function object:three() calls[#calls + 1] = "three" end
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(table.concat(calls, " "), "one two three")
end)

t.test("what is for afterwards comes behind all that is deferred, and holds up nobody", function()
  local s = stage.new()
  local later = notes("x", "y", "chore")
  local object = { act = function()
    dispatch.afterwards(later, "chore")
    dispatch.defer({ x = function()
      later:x(dispatch.has_more())
      dispatch.defer(later, "y", 1)
    end }, "x")
  end }
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(later:said(), "x false|y 1 nil nil|chore")
  s:advance(1)
  t.equal(later:said(), "")
end)

t.test("a chore may leave another one, and what it raises costs none of the others", function()
  local s = stage.new()
  local later = notes("chore")
  local object = {
    act = function(self)
      dispatch.afterwards(later, "chore")
      dispatch.afterwards(self, "go_on")
      dispatch.afterwards(self, "fail")
    end,
    go_on = function() dispatch.afterwards(later, "chore") end,
    fail = function() error "broken" end,
  }
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(later:said(), "chore|chore")
  t.equal(#s:logged "broken", 1)
end)

t.test("an error in an event keeps nothing back that was deferred, and reaches the host", function()
  stage.new()
  local later = notes "x"
  dispatch.bind(5, { on_ws_open = function()
    dispatch.defer(later, "x")
    error "oops"
  end })
  local ok, err = pcall(door, "ws_open", 5)
  t.equal(ok, false)
  t.ok(err:find "oops", err)
  dispatch.door()                                            -- as the host does after an error
  t.equal(later:said(), "x nil nil nil")
  dispatch.unbind(5)
end)

t.test("an error in a deferred call is logged, and the next one comes", function()
  local s = stage.new()
  local later = notes "x"
  local object = { act = function(self)
    dispatch.defer(self, "fail")
    dispatch.defer(later, "x")
  end, fail = function() error "oops" end }
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(later:said(), "x nil nil nil")
  t.equal(#s:logged "error deferred: ", 1)
  t.ok(s:logged("oops")[1]:find "stack traceback")
end)

t.test("an event that goes on can have done what was deferred so far, errors and all", function()
  local s = stage.new()
  local calls = {}
  local object = {}
  function object:act()
    calls[#calls + 1] = tostring(dispatch.has_more())
    dispatch.defer(self, "one")
    dispatch.defer(self, "fail")
    dispatch.defer(self, "two")
    calls[#calls + 1] = tostring(dispatch.has_more())
    dispatch.catch_up()
    calls[#calls + 1] = tostring(dispatch.has_more())
    dispatch.defer(self, "two")
  end
  function object:one()
    calls[#calls + 1] = "one"
    dispatch.defer(self, "two")
  end
  function object.two() calls[#calls + 1] = "two" end
  function object.fail() error "oops" end
  dispatch.after(1, object, "act")
  s:advance(1)
  t.equal(table.concat(calls, " "), "false true one two two false two")
  t.ok(s:logged("oops")[1]:find "stack traceback")
  t.equal(#s:logged "error deferred: ", 0, "it was logged where it was caught")
end)

-- Messages ----------------------------------------------------------------------------------------

t.test("a message is read where it lies, as bytes or as a text", function()
  stage.new()
  local event = ffi.cast("struct mw_event *", host.event())
  local text = "a\0b"
  local seen = {}
  dispatch.bind(5, { on_ws_message = function(_, id)
    local data, len = dispatch.message()
    seen = { id, ffi.string(data, len), dispatch.message_text(), len }
  end })
  event.data, event.len = text, #text
  door("ws_message", 5)
  t.equal(seen[1], 5)
  t.equal(seen[2], text)
  t.equal(seen[3], text)
  t.equal(seen[4], 3)
  dispatch.unbind(5)
end)

stage.done()
