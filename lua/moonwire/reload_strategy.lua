--- The reload of one strategy: its next version is loaded aside and checked, and put in the place
--- of the one that runs when nothing is against it.

local callbacks = require "moonwire.callbacks"
local code = require "moonwire.code"
local dispatch = require "moonwire.dispatch"
local old_code = require "moonwire.old_code"
local state_copy = require "moonwire.state_copy"
local strategy = require "moonwire.strategy"
local versions = require "moonwire.versions"

local M = {}

---@class moonwire.StrategyUnit : moonwire.ReloadUnit
local Unit = { __name = "moonwire.StrategyUnit", kind = "strategy" }
Unit.__index = Unit

--- @param runner moonwire.Runner
--- @param spec table     its section of the configuration
--- @param past moonwire.Version[]|nil  of earlier runs
function M.new(runner, spec, past)
  local self = setmetatable({
    runner = runner, name = runner.name, spec = spec, log = runner.log,
    began = dispatch.now(), versions = versions.new(runner.name, past),
  }, Unit)
  self.versions:add(runner.code.files, "start")
  self.tried = runner.code.files
  self:look_after(runner.code)
  return self
end

-- What callbacks require is of this version, and changes with it.
function Unit:look_after(loaded)
  function loaded.on_late()
    if loaded ~= self.runner.code then return end
    self.versions:complete(loaded.files)
    if self.on_files then self.on_files() end
  end
end

--- What is loaded, and was looked for: path -> text, or false.
function Unit:files() return self.runner.code.files end

-- Checks ------------------------------------------------------------------------------------------

local function line_of(f)
  if type(f) ~= "function" then return "" end
  local info = debug.getinfo(f, "S")
  return (" (%s:%d)"):format(info.short_src, info.linedefined)
end

-- A reason that the new code gives for what it does not have any more.
local function reason_of(class, name)
  local removed = class.removed
  local reason = type(removed) == "table" and removed[name]
  return type(reason) == "string" and reason ~= ""
end

local function missing(name, what)
  return ("%s is gone, %s; give it back, or say why: "
          .. 'S.removed = { %s = "the reason" }'):format(name, what, name)
end

-- What the old code gave and somebody still calls. Nil, or what is against the new one.
local function lost(runner, class)
  for _, name in ipairs(callbacks.NAMES) do
    local old = rawget(runner.class, name)
    if old and type(class[name]) ~= "function" and not reason_of(class, name) then
      return missing(name, "which the code before had" .. line_of(old))
    end
  end
  for timer in pairs(runner.timers) do
    local name = timer.method
    if type(name) == "string" and type(class[name]) ~= "function" and not reason_of(class, name)
    then
      return missing(name, ("which a timer of %g s calls"):format(timer.seconds))
    end
  end
end

-- Preparing ---------------------------------------------------------------------------------------

-- What migrate makes of a copy of the state; nil when there is none. false, err.
local function migrated(runner, class, files)
  if type(class.migrate) ~= "function" then return nil end
  local ok, result = runner:evaluate("migrate", class.migrate,
                                     state_copy.copy(runner.instance.state),
                                     runner.instance.params)
  if not ok then return false, "migrate: " .. code.explain(tostring(result), files) end
  if type(result) ~= "table" then
    return false, ("migrate returned %s, expected the state"):format(type(result))
  end
  if result.persist == nil then result.persist = {} end
  return result
end

--- Loads the next version aside. Nothing that runs is touched, so events may come between this and
--- Unit:fit.
---@param plan moonwire.ReloadPlan
---@return moonwire.Code|nil loaded
---@return string|nil err
function Unit:load(plan)
  local loaded, err, files = code.load(self.spec, {
    read = plan.read, compile = plan.compile, kept = self.runner.kept, began = self.began,
    late = self.runner.code.late,
  })
  self.tried = files
  return loaded, err
end

--- What was loaded, checked against what runs now, and the state that it will have: what Unit:swap
--- takes, or nil and why not. Nothing that runs is touched.
---@param plan moonwire.ReloadPlan
---@return table|nil version
---@return string|nil err
function Unit:fit(plan)
  local runner, loaded, err = self.runner, plan.loaded, nil
  if plan.keeps_code then loaded = runner.code
  elseif loaded.keeper:is_late() then loaded, err = self:load(plan) end
  if not loaded then return nil, err end
  local class, given = loaded.class, plan.params or self.spec.params
  local ok, params
  ok, err = callbacks.check(class)
  if not ok then return nil, err end
  params, err = strategy.merge_params(class.default_params, given, self.name)
  local problem = err or not plan.is_forced and lost(runner, class)
  if problem then return nil, problem end
  local state
  state, err = migrated(runner, class, loaded.files)
  if state == false then return nil, err end
  return { class = class, code = loaded, params = params, given = given, state = state }
end

-- Changing ----------------------------------------------------------------------------------------

--- What runs, as Unit:swap takes it.
function Unit:present()
  local runner = self.runner
  return { class = runner.class, code = runner.code, params = runner.instance.params,
           given = self.spec.params, state = runner.instance.state }
end

--- Whether its code is called at all.
function Unit:is_running() return self.runner.state == "running" end

--- Who tells of errors of this code.
function Unit:witnesses() return { self.runner } end

--- Puts a version that was prepared in place, between two events.
---@param version table
---@param by string  "saved", "SIGHUP", "reload", ...
---@return integer number  of the version
function Unit:swap(version, by)
  version.code.keeper:settle()
  if version.code ~= self.runner.code then
    callbacks.warn_of_near_ones(version.class, self.log)
  end
  self.spec.params = version.given
  local number = self.versions:add(version.code.files, by).number
  self:look_after(version.code)
  self.runner:swap(version)
  return number
end

--- The version before goes on, with its own state where migrate had made another one of it.
---@param version table  as Unit:present gave it
---@return integer number
function Unit:go_back(version)
  self.spec.params = version.given
  local number = self.versions:add(version.code.files, "rolled back").number
  self.runner:swap(version)
  return number
end

--- What still holds code of before; moonwire.OldCodeSearch.
function Unit:search_old_code() return old_code.search(self.runner) end

return M
