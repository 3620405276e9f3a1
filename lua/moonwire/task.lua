--- Coroutines that wait for events: an HTTP answer, a message, a timer. A task belongs to an owner
--- object, which hears how it ended: owner:on_task_done(task, ok, ...). An owner with
--- before_step(task) and after_step(task, ok) is asked before each step from one wait to the next,
--- and told after it. What
--- is waited for is held by the task alone; a cancelled task never runs again.

local dispatch = require "moonwire.dispatch"

local Task = { __name = "moonwire.Task" }
Task.__index = Task

local M = {}
local by_thread = setmetatable({}, { __mode = "k" })
local depth = 0                       -- of tasks that woke tasks

local function finish(self, ok, ...)
  if self.is_done then return end
  self.is_done = true
  by_thread[self.thread] = nil
  self.owner:on_task_done(self, ok, ...)
end

-- What was raised may run code of its own to become a text: within the step, like all of it.
local function explain(self, err)
  local ok, text = pcall(tostring, err)
  return debug.traceback(self.thread, ok and text or "(an error that cannot be shown)")
end

local function stepped(self, ok, ...)
  depth = depth - 1
  local problem = not ok and explain(self, (...))
  if self.owner.after_step then self.owner:after_step(self, ok) end
  if not ok then return finish(self, false, problem) end
  if coroutine.status(self.thread) == "dead" then return finish(self, true, ...) end
end

local function step(self, a, b, c, d)
  if self.is_done then return end
  if self.owner.before_step and not self.owner:before_step(self) then
    self.held = { a, b, c, d }
    return dispatch.defer(self, "wake_held")
  end
  depth = depth + 1
  return stepped(self, coroutine.resume(self.thread, a, b, c, d))
end

function Task:wake_held() return step(self, unpack(self.held, 1, 4)) end

--- Starts body(owner, a, b) as a task of `owner`; it runs until its first wait before this returns.
---@param owner table  has on_task_done(task, ok, ...)
---@param name string  for reports
function M.start(owner, name, body, a, b)
  local self = setmetatable({ owner = owner, name = name }, Task)
  self.thread = coroutine.create(body)
  by_thread[self.thread] = self
  step(self, owner, a, b)
  return self
end

--- The running task, or nil outside of one.
function M.current()
  local thread = coroutine.running()
  return thread and by_thread[thread]
end

--- Whether a task is running: M.current() ~= nil, for code that LuaJIT compiles.
function M.is_inside() return depth > 0 end

--- Waits, at most `seconds` when given. Returns what task:wake() is given (up to four values), or
--- nil, "timeout".
function M.wait(seconds)
  local self = M.current() or error("waiting is possible in a task only", 3)
  if seconds then self.timer = dispatch.after(seconds, self, "on_timeout") end
  return coroutine.yield()
end

--- Waits for so many seconds.
function M.sleep(seconds)
  if type(seconds) ~= "number" or seconds < 0 then error("sleep takes seconds, 0 or more", 2) end
  M.wait(seconds)
end

function Task:on_timeout()
  self.timer = nil
  step(self, nil, "timeout")
end

--- Resumes a waiting task with these results.
function Task:wake(a, b, c, d)
  if self.timer then self.timer:stop() end
  self.timer = nil
  step(self, a, b, c, d)
end

--- Ends the task where it waits, without a word to its owner.
function Task:cancel()
  if self.timer then self.timer:stop() end
  self.timer, self.is_done = nil, true
  by_thread[self.thread] = nil
end

return M
