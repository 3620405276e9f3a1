--- How long to wait before the next attempt: doubling from `first` to `cap` seconds, with full
--- jitter, and back to `first` only after a connection has stayed up for `stable` seconds.

local Backoff = { __name = "moonwire.Backoff" }
Backoff.__index = Backoff

local M = {}

---@param options table|nil  { first = 0.5, cap = 20, stable = 30 }, seconds
function M.new(options)
  options = options or {}
  return setmetatable({ first = options.first or 0.5, cap = options.cap or 20,
                        stable = options.stable or 30, attempts = 0 }, Backoff)
end

--- The seconds to wait now; `random` is a number in [0, 1).
function Backoff:next(random)
  local ceiling = math.min(self.cap, self.first * 2 ^ math.min(self.attempts, 30))
  self.attempts = self.attempts + 1
  return ceiling * (0.1 + 0.9 * random)        -- never zero: a refusal must not become a busy loop
end

--- A connection came up at `up_at` and was lost `now` (seconds).
function Backoff:on_lost(up_at, now)
  if up_at and now - up_at >= self.stable then self.attempts = 0 end
end

return M
