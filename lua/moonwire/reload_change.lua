--- One change of code: what changed together is loaded aside, in pieces between which events are
--- handled; then, between two events, all of it is checked and put in place, or nothing is. In a
--- task.

local code = require "moonwire.code"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local jit = require "jit"
local reload_library = require "moonwire.reload_library"
local sorted = require "moonwire.sorted"
local task = require "moonwire.task"

local M = {}
-- Compiled code holds the functions that it was made of, and a trace has room for so many ways out
-- into new ones: now and then it is made anew.
local FLUSH_EVERY = 64
-- How many files are read, or loaded when they are compiled, before events go on.
local READ_AT_ONCE, LOAD_AT_ONCE = 20, 2
local LIBRARY_WAITS = "the library waits for the next start"

---@class moonwire.ReloadPlan
---@field unit moonwire.ReloadUnit
---@field read (fun(path: string): string|nil, string|nil)|nil  of files, default from the disk
---@field compile (fun(text: string, source: string): function|nil, string|nil)|nil
---@field params table|nil         of the configuration, default as they are
---@field keeps_code boolean|nil   only the parameters change
---@field is_forced boolean|nil    by a person who goes back, so callbacks may be missing
---@field loaded table|nil         by unit:load
---@field version table|nil        by unit:fit
---@field err string|nil           why there is no version
---@field waits boolean|nil        for the next start, as a module of the library may have to

-- Notes how long events had to wait, before they come.
local function note_wait(reload)
  reload.longest, reload.done = math.max(reload.longest, host.event_age()), 0
end

--- Lets events come.
---@param reload moonwire.Reload
function M.pause(reload)
  note_wait(reload)
  task.sleep(0)
end

local pause = M.pause

-- Something is about to be done of which `most` may be done at once.
local function take(reload, count, most)
  if reload.done > 0 and reload.done + count / most > 1 then pause(reload) end
  reload.done = reload.done + count / most
end

--- Some files are about to be read: lets events come when many have been.
---@param reload moonwire.Reload
---@param count integer
function M.may_read(reload, count) take(reload, count, READ_AT_ONCE) end

-- Loading aside -----------------------------------------------------------------------------------

-- Who waits for a text's bytecode.
local Compiling = { __name = "moonwire.Compiling" }
Compiling.__index = Compiling
function Compiling:on_compiled(_, bytecode, err) self.task:wake(bytecode or false, err) end

-- Events go on meanwhile: bytecode, or false, err.
local function compiled(reload, text, source)
  local id, err = host.compile(text, source)
  if not id then return nil, err end
  dispatch.bind(id, setmetatable({ task = task.current() }, Compiling))
  note_wait(reload)
  return task.wait()
end

-- Compiles each file that the unit has, so that its load need not. What was compiled counts for the
-- same text alone.
local function compile_ahead(reload, plan)
  local ready = {}
  for _, path in ipairs(sorted.keys(plan.unit:files())) do
    take(reload, 1, READ_AT_ONCE)
    local text, source = (plan.read or code.read_file)(path), "@" .. path
    if text then
      local bytecode, err = compiled(reload, text, source)
      ready[source] = { text = text, bytecode = bytecode, err = err }
    end
  end
  function plan.compile(text, source)
    local found = ready[source]
    if not found or found.text ~= text or found.bytecode == nil then
      return loadstring(text, source)
    end
    if not found.bytecode then return nil, found.err end
    return load(found.bytecode, source, "b")
  end
end

local function load_all(reload, plans)
  for _, plan in ipairs(plans) do
    if not plan.keeps_code then
      compile_ahead(reload, plan)
      take(reload, 1, LOAD_AT_ONCE)
      plan.loaded, plan.err = plan.unit:load(plan)
    end
  end
  pause(reload)
  local search = reload_library.search(plans)
  while search and not search:step() do pause(reload) end
  pause(reload)
end

-- Checks every plan; whether all are good.
local function fit_all(plans)
  local all_good = true
  for _, plan in ipairs(plans) do
    if plan.loaded or plan.keeps_code then plan.version, plan.err = plan.unit:fit(plan) end
    all_good = all_good and plan.version ~= nil
  end
  return all_good
end

-- All of it or nothing ----------------------------------------------------------------------------

-- Whether a module of the library waits for the next start: then the others of the change wait with
-- it, as a library that is half of one version and half of another fits nothing.
local function library_waits(plans)
  for _, plan in ipairs(plans) do if plan.waits then return true end end
  return false
end

-- A runtime whose library was replaced under it: what else has changed goes in without it. Whether
-- some was left out comes second.
local function without_library(plans, by)
  if not library_waits(plans) then return plans, false end
  local rest = {}
  for _, plan in ipairs(plans) do
    if plan.unit.kind ~= "library" then rest[#rest + 1] = plan
    else
      plan.unit.log.warn("not reloaded (%s): %s", by, plan.err
                         or "it waits for the next start with others of the library")
    end
  end
  return rest, true
end

-- Nothing that is prepared goes in: says why, for each.
local function refuse(reload, plans, by)
  local broken, reasons = {}, {}
  for _, plan in ipairs(plans) do
    if not plan.version then
      broken[#broken + 1], reasons[#reasons + 1] = plan.unit.name, plan.err
    end
  end
  for _, plan in ipairs(plans) do
    local unit = plan.unit
    if plan.version and unit.kind == "library" and library_waits(plans) then
      unit.log.warn("not reloaded (%s): it waits for the next start with %s", by,
                    table.concat(broken, ", "))
    elseif plan.version then
      unit.is_behind = true
      unit.log.warn("not reloaded: it changed together with %s; it is reloaded with the next "
                    .. "change", table.concat(broken, ", "))
    else
      unit.log.error("not reloaded (%s), version %d goes on: %s", by, unit.versions.running,
                     plan.err)
      unit.versions:note(by, plan.err)
    end
  end
  reload:watch_all()
  return nil, table.concat(reasons, "\n")
end

local function put_in(reload, plans, by)
  local units, told = {}, {}
  for i, plan in ipairs(plans) do units[i] = plan.unit end
  reload.probation:begin(units)
  for i, plan in ipairs(plans) do
    local unit = plan.unit
    unit.is_behind = false
    local number = unit:swap(plan.version, by)
    told[i] = ("%s: version %d"):format(unit.name, number)
  end
  reload.count = reload.count + #plans
  if reload.count >= FLUSH_EVERY then
    reload.count = 0
    jit.flush()
  end
  return told
end

--- Says what still holds code of before, once the new one runs.
---@param reload moonwire.Reload
---@param plans moonwire.ReloadPlan[]
function M.tell_of_old_code(reload, plans)
  for _, plan in ipairs(plans) do
    local unit = plan.unit
    pause(reload)
    local search = not plan.keeps_code and unit.search_old_code and unit:search_old_code()
    while search and not search:step() do pause(reload) end
    local found = search and search:result() or {}
    if #found > 0 then
      unit.log.warn("old code stays in use: %s; names of methods in their place run the new code",
                    table.concat(found, "; "))
    end
  end
end

--- Does what is planned. What became of it, as a text; or nil, err, which the log has as well.
---@param reload moonwire.Reload
---@param plans moonwire.ReloadPlan[]
---@param by string
---@param is_all boolean|nil  they are all that has changed since the start, not one change
---@return string|nil told
---@return string|nil err
function M.apply(reload, plans, by, is_all)
  load_all(reload, plans)
  local is_left
  if is_all then plans, is_left = without_library(plans, by) end
  if #plans == 0 then return LIBRARY_WAITS end
  if reload.desk.stopping then return nil, "the runtime is stopping" end
  if not fit_all(plans) then return refuse(reload, plans, by) end
  local told = put_in(reload, plans, by)
  reload:watch_all()
  note_wait(reload)
  for i, plan in ipairs(plans) do
    plan.unit.log.info("reloaded (%s): %s, events waited %.2f ms at most", by, told[i],
                       reload.longest * 1000)
  end
  if is_left then told[#told + 1] = LIBRARY_WAITS end
  return table.concat(told, ", ")
end

return M
