--- Probation of new code: for some seconds the version before it is at hand, and when it fails too
--- often the reload is undone, by itself.

local dispatch = require "moonwire.dispatch"

---@class moonwire.Probation
---@field unit table          what was reloaded: unit:roll_back(why), unit:on_proven(), unit.log
---@field before table        the version before, as unit:swap takes it
---@field errors integer
---@field is_over boolean
local Probation = { __name = "moonwire.Probation" }
Probation.__index = Probation

local M = {}

--- @param unit table
--- @param before table
--- @param limits { errors: integer, seconds: number }
function M.begin(unit, before, limits)
  local self = setmetatable({ unit = unit, before = before, limits = limits, errors = 0,
                              is_over = false }, Probation)
  self.timer = dispatch.after(limits.seconds, self, "pass")
  return self
end

--- What a reload would fall back to: what runs now, or, when that has failed already, what it would
--- fall back to itself. One that has not proven itself yet goes on with its own probation then
--- (before.before); a longer chain is not kept.
---@param current moonwire.Probation|false  of what runs now
---@param present table  what runs now, as unit:swap takes it
---@return table before
function M.fallback(current, present)
  if not current then return present end
  if current.errors > 0 then return current.before end
  present.before = current.before.before or current.before
  return present
end

--- It is over, without a word.
function Probation:stop()
  self.is_over = true
  self.timer:stop()
end

function Probation:pass()
  if self.is_over then return end
  self.is_over = true
  self.unit:on_proven()
end

--- The new code failed once more; it is tolerated until there is one too many.
---@param where string
function Probation:on_error(where)
  if self.is_over then return end
  self.errors = self.errors + 1
  if self.errors >= self.limits.errors then
    return self:fail(("%d errors, the last one in %s"):format(self.errors, where))
  end
  self.unit.log.warn("on probation: %d of %d errors", self.errors, self.limits.errors)
end

--- The version before goes on, as soon as the event is done.
function Probation:fail(why)
  if self.is_over then return end
  self:stop()
  dispatch.defer(self.unit, "roll_back", self.before, why)
end

return M
