--- order:wait(): methods of moonwire.Order, of a task that waits for what becomes of its order.

local dispatch = require "moonwire.dispatch"
local task = require "moonwire.task"

local M = {}
-- A strategy holds its orders; a task, which leads to the runtime, must not hang on one.
local waiters_of = setmetatable({}, { __mode = "k" })
local last_turn = 0                   -- who came first is woken first

--- Waits, in a task, until the order has this status or is finished, at most `seconds` when given.
--- Returns the status that it has then.
function M.wait(self, status, seconds)
  local give_up = seconds and dispatch.now() + seconds
  while self.status ~= status and self:is_open() do
    local left = give_up and give_up - dispatch.now()
    if left and left <= 0 then break end
    local waiter = task.current() or error("order:wait() is for tasks", 2)
    local waiters = waiters_of[self] or {}
    last_turn = last_turn + 1
    waiters_of[self], self._is_awaited, waiters[waiter] = waiters, true, last_turn
    waiter.awaits = self                               -- for who abandons the wait
    local is_woken = task.wait(left)
    waiters[waiter], waiter.awaits = nil, nil
    if not is_woken then break end             -- though the clock, when it was set back, has time
  end
  return self.status
end

--- Wakes those who wait for the order, at the end of the event.
function M.wake(self)
  local waiters = waiters_of[self]                     -- each is woken once a wait
  waiters_of[self], self._is_awaited = nil, false
  local list = {}
  for waiter in pairs(waiters or {}) do list[#list + 1] = waiter end
  table.sort(list, function(a, b) return waiters[a] < waiters[b] end)
  for _, waiter in ipairs(list) do dispatch.defer(waiter, "wake", true) end
end

return M
