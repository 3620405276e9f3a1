--- HTTP requests one after the other, each finished when its turn comes: for venues that want a
--- number in every request which never falls, because two requests on their way may overtake each
--- other. `request.sign(request)`, when there is one, fills in what depends on the moment.
---
--- An order that had to wait for long is not sent any more: its price is from a while ago, and it
--- may have been given up meanwhile.

local dispatch = require "moonwire.dispatch"
local http = require "moonwire.http"
local task = require "moonwire.task"

local Lane = { __name = "moonwire.Lane" }
Lane.__index = Lane

local M = {}

-- Seconds that a request may wait for its turn, by the method that takes its answer; others: any.
local MAY_WAIT = { on_submit_answer = 5 }

function M.new() return setmetatable({ queue = {}, is_busy = false }, Lane) end

local function begin(self, entry)
  local request, waits = entry.request, MAY_WAIT[entry.method]
  if waits and dispatch.now() - entry.since > waits then
    return nil, ("it waited for more than %d s behind other requests"):format(waits)
  end
  if request.sign then
    local ok, err = pcall(request.sign, request)
    if not ok then return nil, "sign: " .. tostring(err) end
  end
  return http.send(request, self, "on_answer", entry)
end

-- What could not begin has its answer at once, and the next one its turn.
local function run_next(self)
  while not self.is_busy and self.queue[1] do
    local entry = table.remove(self.queue, 1)
    local id, err = begin(self, entry)
    if id then self.is_busy = true
    else entry.object[entry.method](entry.object, entry.context, 0, nil, err, false) end
  end
end

function Lane:on_answer(entry, status, body, text, maybe_sent)
  self.is_busy = false
  run_next(self)
  entry.object[entry.method](entry.object, entry.context, status, body, text, maybe_sent)
end

--- As http.send, when it is this request's turn. Returns true: what goes wrong is in the answer.
function Lane:send(request, object, method, context)
  self.queue[#self.queue + 1] = { request = request, object = object, method = method,
                                  context = context, since = dispatch.now() }
  if self.is_busy then return true end
  -- Not from inside the call: an answer never is.
  local entry = table.remove(self.queue)
  local id, err = begin(self, entry)
  if not id then return nil, err end
  self.is_busy = true
  return true
end

--- As http.call, when it is this request's turn; in a task only.
function Lane:call(request)
  local ok, err = self:send(request, http.waiting(), "on_http_done")
  if not ok then return nil, err, false end
  return task.wait()
end

return M
