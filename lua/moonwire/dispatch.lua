--- The door's other side: every event of the host arrives here and goes to the object that is bound
--- to its id. An object is bound, never a function, so that a reload runs the new code. Time is the
--- time of the event that is being handled.

local ffi = require "ffi"
local host = require "moonwire.host"
require "moonwire.cdef"

local M = {}

local event = ffi.cast("const struct mw_event *", host.event())
local kinds = host.event_kinds()
local methods, kind_of = {}, {}       -- kind -> name of the method that hears it; its name -> kind
for i, name in ipairs(kinds) do methods[i - 1], kind_of[name] = "on_" .. name, i - 1 end
local WS_MESSAGE = kind_of.ws_message

local bound = {}                      -- id -> object
local last_id, last_object = 0, false -- of the last message: as a rule the next is for it as well
local timers = {}                     -- id of a timer -> timer
local listeners = { start = {}, signal = {}, file_changed = {}, raised = {} }
local RAISED = -1                     -- in place of a kind: what handled an event raised
local later, later_first, later_last = {}, 1, 0
local chores, chore_count = {}, 0     -- object and method, in turn

--- Sends all events of `id` to `object`, as object:on_KIND(id, ...).
function M.bind(id, object)
  bound[id], last_id = object, 0
end
function M.unbind(id)
  bound[id], last_id = nil, 0
end

--- Adds an object that hears `start` (on_start(text)), `signal` (on_signal(number)), `file_changed`
--- (on_file_changed(paths), each ended by NUL) or that an event could not be handled (on_raised()).
function M.listen(kind, object) table.insert(listeners[kind], object) end

--- The event's time in seconds since 1970, as a Lua number (good to 0.3 us).
function M.now() return tonumber(event.time_ns) * 1e-9 end
--- The event's time in ns since 1970 (int64).
function M.now_ns() return event.time_ns end
--- The event's time in whole milliseconds since 1970.
function M.now_ms() return tonumber(event.time_ns / 1000000) end
--- The event's sequence number.
function M.seq() return tonumber(event.seq) end

--- The message of the ws_message event that is being handled: pointer and length.
function M.message() return event.data, tonumber(event.len) end
function M.message_text() return ffi.string(event.data, event.len) end

--- Calls object[method](object, a, b, c) when the event that is being handled is done, in the order
--- in which it was asked for.
function M.defer(object, method, a, b, c)
  local last = later_last + 1
  local job = later[last]
  if not job then
    job = { object = false, method = false, a = false, b = false, c = false }
    later[last] = job
  end
  later_last = last
  job.object, job.method, job.a, job.b, job.c = object, method, a, b, c
end

--- Calls object[method](object) when all that is deferred is done: what nobody waits for.
function M.afterwards(object, method)
  chores[2 * chore_count + 1], chores[2 * chore_count + 2] = object, method
  chore_count = chore_count + 1
end

local Timer = { __name = "moonwire.Timer" }
Timer.__index = Timer

--- Takes the timer back; a timer that has fired or was stopped is left alone.
function Timer:stop()
  if not self.id then return end
  host.timer_stop(self.id)
  timers[self.id] = nil
  self.id = nil
end

local function start_timer(seconds, period, object, method, ...)
  assert(type(object[method]) == "function", "no method " .. tostring(method))
  local timer = setmetatable({ period = period, object = object, method = method,
                               n = select("#", ...), ... }, Timer)
  timer.id = assert(host.timer_start(seconds))
  timers[timer.id] = timer
  return timer
end

--- Calls object[method](object, ...) once, `seconds` from now.
function M.after(seconds, object, method, ...)
  return start_timer(seconds, nil, object, method, ...)
end

--- Calls object[method](object, ...) every `seconds`, first in `seconds` from now.
function M.every(seconds, object, method, ...)
  return start_timer(seconds, seconds, object, method, ...)
end

local function on_timer(id)
  local timer = timers[id]
  if not timer then return end
  timers[id], timer.id = nil, nil
  if timer.period then
    timer.id = assert(host.timer_start(timer.period))
    timers[timer.id] = timer
  end
  timer.object[timer.method](timer.object, unpack(timer, 1, timer.n))
end

local function run_chore()
  if chore_count == 0 then return end
  chore_count = chore_count - 1
  local object, method = chores[2 * chore_count + 1], chores[2 * chore_count + 2]
  chores[2 * chore_count + 1] = false
  object[method](object)
end

local function run_next()
  if later_last == 0 then return run_chore() end
  local job = later[later_first]
  if later_first == later_last then later_first, later_last = 1, 0
  else later_first = later_first + 1 end
  local object, a, b, c = job.object, job.a, job.b, job.c
  job.object, job.a, job.b, job.c = false, false, false, false
  object[job.method](object, a, b, c)
end

local function tell_raised()
  for _, object in ipairs(listeners.raised) do object:on_raised() end
end

--- Does now what was asked for until the end of the event, before more of the event is looked at.
function M.catch_up()
  while later_last > 0 do
    local ok, err = xpcall(run_next, debug.traceback)
    if not ok then
      host.log("error", err)
      tell_raised()
    end
  end
end

--- How much is open, for tests that look for leaks.
function M.count_open()
  local n = 0
  for _ in pairs(bound) do n = n + 1 end
  local t = 0
  for _ in pairs(timers) do t = t + 1 end
  return n, t
end

-- What the host passes beside the kind: number, data, text, second number. Each kind's own order of
-- arguments stands here once.
local arguments = {
  ws_open           = function(_, _, text) return text end,
  ws_ping           = function(_, data) return data end,
  ws_pong           = function(_, data) return data end,
  ws_close          = function(num, data, text, num2) return num, text, num2, data end,
  http_done         = function(num, data, text, num2) return num, data, text, num2 == 1 end,
  server_request    = function(_, data, text) return text, data end,
  server_upgrade    = function(_, _, text) return text end,
  server_ws_open    = function() end,
  server_ws_message = function(num, data) return data, num end,
  server_ws_ping    = function(_, data) return data end,
  server_ws_pong    = function(_, data) return data end,
  server_ws_close   = function(num, data) return num, data end,
  console_open      = function(num) return num end,
  console_line      = function(_, data) return data end,
  term              = function(num, data) return num, data end,
  console_close     = function(_, _, text) return text end,
  compiled          = function(_, data, text) return data, text end,
}

local function handle(kind, id, num, data, text, num2)
  if kind == RAISED then return tell_raised() end
  local name = kinds[kind + 1]
  if name == "timer" then return on_timer(id) end
  local all = listeners[name]
  if all then
    for _, object in ipairs(all) do
      object[methods[kind]](object, name == "signal" and num or data or "")
    end
    return
  end
  -- Events of a server's connections go to whoever is bound to the server; so with the console's.
  local is_served = name:find "^server_" or name:find "^console_"
  local object = bound[id] or is_served and bound[num2]
  if object then object[methods[kind]](object, id, arguments[name](num, data, text, num2)) end
  if name == "ws_close" or name == "http_done" or name == "compiled" then M.unbind(id) end
end

-- What was asked for until the end of the event is done in calls of its own, without a kind: the
-- host makes them as long as the last one returned true or raised. So an error keeps nothing back;
-- and what LuaJIT compiles as one piece is the way in, a callback or the way out, not all of it at
-- once, which would be more than it can handle. After an error the next call has RAISED for a kind.
local function door(kind, id, num, data, text, num2)
  if kind == WS_MESSAGE then
    if id ~= last_id then last_id, last_object = id, bound[id] end
    if last_object then last_object:on_ws_message(id) end
  elseif kind then
    handle(kind, id, num, data, text, num2)
  else
    run_next()
  end
  return later_last > 0 or chore_count > 0
end

--- Whether anything that was deferred waits for the end of the event.
function M.has_more() return later_last > 0 end

M.door = door
return M
