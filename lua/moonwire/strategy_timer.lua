--- The timers of a strategy: each calls a method, by name, of the code that runs then.

local dispatch = require "moonwire.dispatch"

local M = {}

-- What the strategy holds of a timer: stop() and nothing that leads further.
local timer_methods = {}              -- apart from the class: handle.__index leads nowhere
local TimerHandle = { __name = "moonwire.TimerHandle", __index = timer_methods }
local timer_of = setmetatable({}, { __mode = "k" })
function timer_methods:stop() timer_of[self]:stop() end

local Timer = { __name = "moonwire.StrategyTimer" }
Timer.__index = Timer

function Timer:stop()
  if self.timer then self.timer:stop() end
  self.timer, self.is_stopped = nil, true
  self.runner.timers[self] = nil
end

function Timer:begin()
  if self.is_stopped then return end
  local start = self.is_repeating and dispatch.every or dispatch.after
  self.timer = start(self.seconds, self, "fire")
end

function Timer:fire()
  if not self.is_repeating then self.runner.timers[self] = nil end
  self.runner:call_method(self.method, self.n, self)
end

--- A timer of a runner (not begun yet), and its handle for the strategy.
---@param runner moonwire.Runner
---@param seconds number
---@param is_repeating boolean
---@param method string|function
---@return table timer
---@return table handle
function M.new(runner, seconds, is_repeating, method, ...)
  local timer = setmetatable({ runner = runner, seconds = seconds, is_repeating = is_repeating,
                               method = method, n = select("#", ...), ... }, Timer)
  local handle = setmetatable({}, TimerHandle)
  timer_of[handle] = timer
  return timer, handle
end

return M
