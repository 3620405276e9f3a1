--- Probation of new code: for some seconds the versions before it are at hand, and when it fails
--- too often the change is undone by itself: all the pieces of code that changed together.

local dispatch = require "moonwire.dispatch"

local M = {}

-- One change on trial -----------------------------------------------------------------------------

---@class moonwire.Trial
---@field court moonwire.Probation
---@field units moonwire.ReloadUnit[]  in the order in which they changed
---@field before table<moonwire.ReloadUnit, table>  the version before, as unit:swap takes it; none:
---        that unit has changed again since
---@field errors integer
---@field is_over boolean
local Trial = { __name = "moonwire.Trial" }
Trial.__index = Trial

local function is_empty(trial) return next(trial.before) == nil end

-- The names of those that are still in it.
local function names_of(trial)
  local names = {}
  for _, unit in ipairs(trial.units) do
    if trial.before[unit] then names[#names + 1] = unit.name end
  end
  return names
end

local function stop(trial)
  trial.is_over = true
  trial.timer:stop()
end

function Trial:pass()
  if self.is_over then return end
  self.is_over = true
  self.court:on_passed(self)
end

--- The new code failed once more; it is tolerated until there is one too many.
---@param where string   the callback, ...
---@param whose string   of the strategy or the venue
function Trial:on_error(where, whose)
  if self.is_over then return end
  self.errors = self.errors + 1
  local names = names_of(self)
  if #names ~= 1 or names[1] ~= whose then where = ("%s of %s"):format(where, whose) end
  if self.errors >= self.court.limits.errors then
    return self:fail(("%d errors, the last one in %s"):format(self.errors, where))
  end
  self.units[1].log.warn("on probation%s: %d of %d errors", #names == 1 and "" or
    (" (%s)"):format(table.concat(names, ", ")), self.errors, self.court.limits.errors)
end

--- The versions before go on, as soon as the event is done.
function Trial:fail(why)
  if self.is_over then return end
  stop(self)
  dispatch.defer(self.court, "roll_back", self, why)
end

-- Who tells of errors -----------------------------------------------------------------------------

-- What a strategy's runner or a venue's session has as its `probation`.
local Witness = { __name = "moonwire.ProbationWitness" }
Witness.__index = Witness

function Witness:on_error(where)
  for _, trial in ipairs(self.trials) do trial:on_error(where, self.name) end
end

function Witness:fail(why)
  for _, trial in ipairs(self.trials) do trial:fail(why) end
end

-- All of them -------------------------------------------------------------------------------------

---@class moonwire.Probation
---@field limits { errors: integer, seconds: number }|false
---@field trials moonwire.Trial[]
local Probation = { __name = "moonwire.Probation" }
Probation.__index = Probation

--- @param desk moonwire.Desk  whose strategies and sessions tell of errors
--- @param limits { errors: integer, seconds: number }|false
function M.new(desk, limits)
  return setmetatable({ desk = desk, limits = limits, trials = {} }, Probation)
end

-- Runners and sessions tell those trials in which their own code is, or code that all run.
local function assign(self)
  local heard_by = {}
  local function witness(object, name)
    local trials = heard_by[object]
    object.probation = trials and setmetatable({ name = name, trials = trials }, Witness) or false
  end
  for _, trial in ipairs(self.trials) do
    local is_told = {}
    for unit in pairs(trial.before) do
      for _, object in ipairs(unit:witnesses(self.desk)) do is_told[object] = true end
    end
    for object in pairs(is_told) do
      heard_by[object] = heard_by[object] or {}
      table.insert(heard_by[object], trial)
    end
  end
  for _, runner in ipairs(self.desk.runner_list) do
    if not runner.is_console then witness(runner, runner.name) end
  end
  for _, session in ipairs(self.desk.session_list) do witness(session, session.name) end
end

local function keep_open(self)
  local open = {}
  for _, trial in ipairs(self.trials) do
    if not trial.is_over and is_empty(trial) then stop(trial) end
    if not trial.is_over then open[#open + 1] = trial end
  end
  self.trials = open
end

-- What a reload of this unit would fall back to: what runs now, or, when that has failed already,
-- what it would fall back to itself. One that has not proven itself yet goes on with its own
-- probation then (before.before); a longer chain is not kept.
local function fallback(self, unit)
  local present = unit:present()
  for _, trial in ipairs(self.trials) do
    local before = trial.before[unit]
    if before and trial.errors > 0 then return before end
    if before then present.before = before.before or before end
  end
  return present
end

local function release(self, unit)
  for _, trial in ipairs(self.trials) do trial.before[unit] = nil end
end

local function begin(self, units, before)
  for _, unit in ipairs(units) do release(self, unit) end
  keep_open(self)
  if self.limits and next(before) ~= nil then
    local trial = setmetatable({ court = self, units = {}, before = before, errors = 0,
                                 is_over = false }, Trial)
    for _, unit in ipairs(units) do
      if before[unit] then trial.units[#trial.units + 1] = unit end
    end
    trial.timer = dispatch.after(self.limits.seconds, trial, "pass")
    table.insert(self.trials, trial)
  end
  assign(self)
end

--- The code of these units is about to change, as one change.
---@param units moonwire.ReloadUnit[]
function Probation:begin(units)
  local before = {}
  for _, unit in ipairs(units) do
    if unit:is_running() then before[unit] = fallback(self, unit) end
  end
  begin(self, units, before)
end

--- A trial was failed: the versions before go on, with a probation of their own where they had not
--- passed it.
function Probation:roll_back(trial, why)
  local units, before = {}, {}
  for _, unit in ipairs(trial.units) do
    local version = trial.before[unit]
    if version and unit:is_running() then
      units[#units + 1], before[unit] = unit, version.before
    end
  end
  local versions = trial.before
  trial.before = {}
  begin(self, units, before)
  for _, unit in ipairs(units) do
    unit.versions:blame()
    local number, err = unit:go_back(versions[unit])
    if number then
      unit.log.error("rolled back to version %d: %s; mend the file and save it", number, why)
    else
      unit.log.error("version %d goes on, although it failed (%s): %s", unit.versions.running, why,
                     err)
    end
    unit.versions:note("rolled back", err or why)
  end
end

--- A trial is over, and nothing was against its code.
function Probation:on_passed(trial)
  keep_open(self)
  assign(self)
  for _, unit in ipairs(trial.units) do
    if trial.before[unit] then
      unit.log.info("version %d has passed its probation", unit.versions.running)
    end
  end
end

--- An event could not be handled at all: not a strategy's own code, which is called protected.
function Probation:on_raised()
  for _, trial in ipairs(self.trials) do
    for _, unit in ipairs(trial.units) do
      if trial.before[unit] and unit.kind ~= "strategy" then
        trial:on_error("the handling of an event", "the runtime")
        break
      end
    end
  end
end

return M
