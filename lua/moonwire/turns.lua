--- Requests over a WebSocket whose answers do not say what they answer: one is under way at a time,
--- and the next leaves when its answer has come. Without an answer in time the connection is made
--- anew, because a late one would be taken for the next request's.
---
--- A request is { text =, timeout = seconds, urgent = true: before those that are not } and what
--- the venue's file wants to know of it when an answer comes (turns:request()).

local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local task = require "moonwire.task"

local Turns = { __name = "moonwire.Turns" }
Turns.__index = Turns

local M = {}
local TIMEOUT = 5

function M.new(link) return setmetatable({ link = link, queue = {}, current = false }, Turns) end

local function begin(self, entry)
  local request = entry.request
  local ok, err = self.link:send(request.text)
  if not ok then return nil, err end
  self.current = entry
  entry.timer = dispatch.after(request.timeout or TIMEOUT, self, "on_timeout", entry)
  return true
end

local function enqueue(self, entry)
  local at, queue = #self.queue + 1, self.queue
  while entry.request.urgent and at > 1 and not queue[at - 1].request.urgent do at = at - 1 end
  table.insert(queue, at, entry)
  return true
end

--- Sends a request when its turn comes; its answer is object[method](object, context, 200, answer),
--- or (object, context, 0, nil, why, maybe_sent). nil, err when there is no connection.
function Turns:send(request, object, method, context)
  if not self.link.id then return nil, "not connected" end
  local entry = { request = request, object = object, method = method, context = context }
  if self.current or self.queue[1] then return enqueue(self, entry) end
  return begin(self, entry)
end

local Asking = { __name = "moonwire.Asking" }
Asking.__index = Asking

function Asking:on_answer(_, status, answer, why)
  if status == 0 then return self.task:wake(nil, why) end
  self.task:wake(answer)
end

--- The same in a task, which waits for the answer: that, or nil, err.
function Turns:ask(request)
  local running = task.current() or error("it waits: for tasks", 2)
  local ok, err = self:send(request, setmetatable({ task = running }, Asking), "on_answer")
  if not ok then return nil, err end
  return task.wait()
end

--- The request that is on its way; nil when there is none.
function Turns:request() return self.current and self.current.request or nil end

local function fail(entry, why, maybe_sent)
  entry.object[entry.method](entry.object, entry.context, 0, nil, why, maybe_sent)
end

-- What cannot leave has that as its answer, and the next one its turn.
local function run_next(self)
  while not self.current and self.queue[1] do
    local entry = table.remove(self.queue, 1)
    local ok, err = begin(self, entry)
    if not ok then
      each.in_turn({ entry }, self.link.log, "give up", function(e) fail(e, err, false) end)
    end
  end
end

--- The answer to the request that is on its way has come.
function Turns:answer(answer)
  local entry = self.current
  entry.timer:stop()
  self.current = false
  run_next(self)
  entry.object[entry.method](entry.object, entry.context, 200, answer)
end

function Turns:on_timeout(entry)
  if self.current ~= entry then return end
  self.link:restart(("no answer within %g s"):format(entry.request.timeout or TIMEOUT))
end

--- The connection is gone: what was on its way may have arrived, what waited never left.
function Turns:fail(why)
  local current, queue = self.current, self.queue
  self.current, self.queue = false, {}
  if current then
    current.timer:stop()
    each.in_turn({ current }, self.link.log, "give up", function(entry) fail(entry, why, true) end)
  end
  each.in_turn(queue, self.link.log, "give up", function(entry) fail(entry, why, false) end)
end

return M
