--- HTTP requests, with the answer sent to a method or waited for in a task.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"
local task = require "moonwire.task"

local M = {}

local Call = { __name = "moonwire.HttpCall" }
Call.__index = Call

function Call:on_http_done(_, status, body, text, maybe_sent)
  local object = self.object
  object[self.method](object, self.context, status, body, text, maybe_sent)
end

--- Sends a request; the answer is object[method](object, context, status, body, headers_or_error,
--- maybe_sent) in a later event: status 0 when there is no answer, and maybe_sent tells whether the
--- server may have seen the request.
---@param request table  { method=, url=, headers={{name, text}}, body=, ca_file=, timeout=,
---                      has_secret_answer= }
---@return number|nil id
---@return string|nil err  it could not even begin: nothing was sent
function M.send(request, object, method, context)
  local id, err = host.http_request(request)
  if not id then return nil, err end
  dispatch.bind(id, setmetatable({ object = object, method = method, context = context }, Call))
  return id
end

local Waiting = { __name = "moonwire.HttpWaiting" }
Waiting.__index = Waiting

function Waiting:on_http_done(_, status, body, text, maybe_sent)
  if status == 0 then return self.task:wake(nil, text, maybe_sent) end
  self.task:wake(status, body, text)
end

--- What an answer is sent to, by its on_http_done, so that it wakes the task that runs now; raises
--- when there is none.
function M.waiting()
  local running = task.current() or error("this waits: it is for tasks", 3)
  return setmetatable({ task = running }, Waiting)
end

--- Sends a request and waits for its answer; in a task only.
---@return number|nil status
---@return string body    or the error when status is nil
---@return string|boolean headers  the header lines, or whether the server may have seen the request
function M.call(request)
  local waiting = M.waiting()
  local id, err = host.http_request(request)
  if not id then return nil, err, false end
  dispatch.bind(id, waiting)
  return task.wait()
end

--- What a venue answered in JSON: a table; or nil, reason, "unknown" when there was no answer
--- (`status` nil, `body` why) or it says nothing.
---@return table|nil answer
---@return string|nil reason
---@return string|nil class
function M.read_table(status, body)
  if status == nil then return nil, body, "unknown" end
  local answer = json.decode(body)
  if type(answer) == "table" then return answer end
  return nil, ("HTTP %d with a body that is no JSON"):format(status), "unknown"
end

return M
