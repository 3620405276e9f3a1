--- Reload: code changes, state stays. What changed is loaded aside and checked; then all of it
--- takes the place of the old code, between two events, or nothing does. Pieces of code are
--- strategies, venues' files and modules of the library (moonwire.ReloadUnit); the configuration
--- changes with them. One change is made after the other.

local code = require "moonwire.code"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local limit_names = require "moonwire.limit_names"
local log = require "moonwire.log"
local probation = require "moonwire.probation"
local reading = require "moonwire.reading"
local reload_change = require "moonwire.reload_change"
local reload_config = require "moonwire.reload_config"
local reload_library = require "moonwire.reload_library"
local reload_strategy = require "moonwire.reload_strategy"
local reload_venue = require "moonwire.reload_venue"
local sorted = require "moonwire.sorted"
local task = require "moonwire.task"
local versions = require "moonwire.versions"

local M = {}

---@class moonwire.ReloadUnit
---@field name string
---@field kind "strategy"|"venue"|"library"
---@field log table
---@field versions moonwire.Versions
---@field tried table<string, string|false>  the files of the last attempt
---@field is_behind boolean|nil            good, and not in place because of others
---@field files fun(self): table<string, string|false>  of what runs
---@field load fun(self, plan: moonwire.ReloadPlan): table|nil, string|nil
---@field fit fun(self, plan: moonwire.ReloadPlan): table|nil, string|nil
---@field present fun(self): table
---@field swap fun(self, version: table, by: string): integer
---@field go_back fun(self, version: table): integer|nil, string|nil
---@field is_running fun(self): boolean
---@field witnesses fun(self, desk: moonwire.Desk): table[]

local Reload = { __name = "moonwire.Reload" }
Reload.__index = Reload

local function add(self, unit)
  self.units[#self.units + 1] = unit
  function unit.on_files() self:watch_all() end
  self.by_name[unit.name] = self.by_name[unit.name] or unit
end

local function add_venues(self, past)
  local sessions_of, protocols = {}, {}
  for _, session in ipairs(self.desk.session_list) do
    local protocol = session.config.protocol
    if not sessions_of[protocol] then
      sessions_of[protocol] = {}
      protocols[#protocols + 1] = protocol
    end
    table.insert(sessions_of[protocol], session)
  end
  for _, protocol in ipairs(protocols) do
    local name = protocol:match("([^/]+)%.lua$") or protocol
    local unit = reload_venue.new(protocol, sessions_of[protocol], past[name])
    add(self, unit)
    for _, session in ipairs(unit.sessions) do
      self.by_name[session.name] = self.by_name[session.name] or unit
    end
  end
end

--- From here on the desk's code can be reloaded.
---@param desk moonwire.Desk
---@param options { watch: boolean|nil, reread: (fun(): table|nil, string|nil)|nil,
---                 past: table<string, moonwire.Version[]>|nil }
---        watch: files that are saved; reread: the configuration, as it is now; past: the versions
---        of earlier runs, by name
---@return moonwire.Reload
function M.begin(desk, options)
  local past = options.past or {}
  local self = setmetatable({ desk = desk, units = {}, by_name = {}, is_watching = options.watch,
                              reread = options.reread, watched = {}, count = 0, longest = 0,
                              done = 0, jobs = {}, log = log.new(), past = past,
                              library = reload_library.modules(),     -- path -> { name, text }
                              probation = probation.new(desk, desk.config.probation) }, Reload)
  for _, runner in ipairs(desk.runner_list) do
    local spec = { name = runner.name, file = runner.file, params = {} }
    for _, each in ipairs(desk.config.strategies) do
      if each.name == runner.name then spec = each end
    end
    if runner.code then add(self, reload_strategy.new(runner, spec, past[runner.name])) end
  end
  add_venues(self, past)
  desk.reloader = self
  self:watch_all()
  if options.watch then dispatch.listen("file_changed", self) end
  dispatch.listen("raised", self.probation)
  return self
end

-- Watching ----------------------------------------------------------------------------------------

-- Files of what runs, and of what was tried and could not be loaded.
function Reload:watch_all()
  if not self.is_watching then return end
  local wanted = { [self.desk.config.path or false] = true }
  for _, unit in ipairs(self.units) do
    for path in pairs(unit:files()) do wanted[path] = true end
    for path in pairs(unit.tried) do wanted[path] = true end
  end
  for path in pairs(self.library) do wanted[path] = true end
  wanted[false] = nil
  for path in pairs(self.watched) do
    if not wanted[path] then
      host.unwatch(path)
      self.watched[path] = nil
    end
  end
  for path in pairs(wanted) do
    if not self.watched[path] then
      local ok, err = host.watch(path)
      if ok then self.watched[path] = true
      else self.log.warn("changes of %s are not noticed: %s", path, err) end
    end
  end
end

-- The unit of a library module: made when one is first wanted.
local function library_unit(self, path)
  local module = self.library[path]
  if not self.by_name[module.name] then
    add(self, reload_library.new(module.name, path, module.text, self.past[module.name]))
  end
  return self.by_name[module.name]
end

-- What changed ------------------------------------------------------------------------------------

local function differs(files, read)
  for path, text in pairs(files) do
    if (read(path) or false) ~= text then return true end
  end
  return false
end

-- The configuration's part of a change: plans by unit, and what else to do. nil, err.
local function change_of_config(self, plans)
  local settings, err = self.reread()
  if not settings then return nil, err end
  local change = reload_config.compare(self.desk.config, settings)
  for name, params in pairs(change.params) do
    local unit = self.by_name[name]
    if plans[unit] then plans[unit].params = params
    else plans[unit] = { unit = unit, params = params, keeps_code = true } end
  end
  change.settings = settings
  return change
end

-- A file with the same text says the same: it reads nothing else but secrets, which stay.
local function has_new_config(self)
  local config = self.desk.config
  return self.reread ~= nil and config.path ~= nil and code.read_file(config.path) ~= config.text
end

local function take_live(self, change)
  local names = {}
  for name, value in pairs(change.live) do
    self.desk.config[name], names[#names + 1] = value, name
  end
  table.sort(names)
  local level = change.live.log
  if level then assert(host.log_setup(level.level, level.format)) end
  self.desk.config.text = change.settings.text
  if #names > 0 then
    self.log.info("configuration: %s changed and counts from now on", table.concat(names, ", "))
    limit_names.look(self.desk)
  end
  if #change.later > 0 then
    self.log.warn("configuration: what cannot change under way waits for the next start: %s",
                  table.concat(change.later, ", "))
  end
end

-- In the order of the units, so that it does not depend on a table's.
local function listed(self, plans)
  local list = {}
  for _, unit in ipairs(self.units) do list[#list + 1] = plans[unit] end
  return list
end

local function apply_all(self, plans, with_config, by, is_all)
  local change, err
  if with_config then
    reload_change.pause(self)
    change, err = change_of_config(self, plans)
    reload_change.pause(self)
    if not change then
      self.log.error("configuration not reloaded (%s), the one before counts: %s", by, err)
      return nil, err
    end
  end
  local list, told = listed(self, plans), "nothing changed"
  if #list > 0 then told, err = reload_change.apply(self, list, by, is_all) end
  if not told then return nil, err end
  if change then take_live(self, change) end
  reload_change.tell_of_old_code(self, list)
  return told
end

-- Whether a file of this unit is another one than that which runs, or was tried last.
local function is_touched(unit, changed)
  for path in pairs(changed) do
    local known = unit.tried[path]
    if known == nil then known = unit:files()[path] end
    if known ~= nil and known ~= (code.read_file(path) or false) then return true end
  end
end

-- Those of the library are units from their first change on.
local function note_library(self, paths)
  for path in pairs(paths) do
    local module = self.library[path]
    if module and reading.from_disk(path) ~= module.text then library_unit(self, path) end
  end
end

-- Files were saved, written, renamed or removed.
function Reload:load_saved(changed)
  local plans, any = {}, false
  note_library(self, changed)
  for _, unit in ipairs(self.units) do
    if is_touched(unit, changed) then plans[unit], any = { unit = unit }, true end
  end
  local path = self.desk.config.path
  local with_config = path ~= nil and changed[path] and has_new_config(self)
  if not any and not with_config then return "nothing changed" end
  for _, unit in ipairs(self.units) do
    if unit.is_behind then plans[unit] = plans[unit] or { unit = unit } end
  end
  return apply_all(self, plans, with_config, "saved")
end

-- Everything whose files are not what runs, and the configuration.
function Reload:load_all(by)
  local plans = {}
  for _, path in ipairs(sorted.keys(self.library)) do
    reload_change.may_read(self, 1)
    note_library(self, { [path] = true })
  end
  for _, unit in ipairs(self.units) do
    local files = unit:files()
    reload_change.may_read(self, #sorted.keys(files))
    if unit.is_behind or differs(files, code.read_file) then plans[unit] = { unit = unit } end
  end
  return apply_all(self, plans, has_new_config(self), by, true)
end

-- One unit, whatever its files say.
local function apply_one(self, plan, by)
  local told, err = reload_change.apply(self, { plan }, by)
  if told then reload_change.tell_of_old_code(self, { plan }) end
  return told, err
end

function Reload:load_one(unit, by) return apply_one(self, { unit = unit }, by) end

function Reload:load_version(unit, version)
  local tried = unit.tried
  local function read(path)
    if version.files[path] then return version.files[path] end
    return nil, ("%s: not in version %d"):format(path, version.number)
  end
  local told, err = apply_one(self, { unit = unit, read = read, is_forced = true }, "rollback")
  unit.tried = tried                            -- what stands in the files is known and not wanted
  return told, err
end

-- One after the other -----------------------------------------------------------------------------

local function run_job(self, job)
  self.longest, self.done = 0, 0
  return self[job.method](self, job.a, job.b)
end

-- Each change is a task of its own, outside of any callback.
function Reload:next_job()
  if self.is_working or not self.jobs[1] then return end
  self.is_working, self.job = true, table.remove(self.jobs, 1)
  task.start(self, "reload", run_job, self.job)
end

function Reload:on_task_done(_, ok, told, err)
  local job = self.job
  self.is_working, self.job = false, nil
  if not ok then
    self.log.error("internal error, what runs goes on: %s", told)
    told, err = nil, told
  end
  dispatch.defer(self, "next_job")
  if job.task then job.task:wake(told, err) end
  if job.when_same and told == "nothing changed" then self.log.info("%s", job.when_same) end
end

-- A task waits for the outcome (as at the prompt), a callback is told where it will be.
local function ask(self, method, a, b, when_same)
  local job = { method = method, a = a, b = b, task = task.current(), when_same = when_same }
  table.insert(self.jobs, job)
  dispatch.defer(self, "next_job")
  if job.task then return task.wait() end
  return "it begins when this event is done; the log tells the outcome"
end

--- The host tells of files that were saved, written, renamed or removed.
---@param paths string  each ended by NUL
function Reload:on_file_changed(paths)
  local changed = {}
  for path in paths:gmatch("(%Z+)%z") do changed[path] = true end
  ask(self, "load_saved", changed)
end

-- By hand -----------------------------------------------------------------------------------------

--- Loads everything again whose files are not what runs, and the configuration.
---@param by string
---@param when_same string|nil  what the log says when nothing has changed
---@return string|nil told  "ladder: version 4"
---@return string|nil err
function Reload:reload_all(by, when_same) return ask(self, "load_all", by, nil, when_same) end

local function unit_of(self, name)
  for path, module in pairs(self.library) do
    if module.name == name then return library_unit(self, path) end
  end
  local unit = self.by_name[name]
  if unit then return unit end
  return nil, ("nothing here is called %s; there are %s"):format(tostring(name),
    table.concat(sorted.keys(self.by_name), ", "))
end

--- Loads one again, whether its files changed or not: a strategy by its name, a venue's file by the
--- name of the venue or of the protocol, a library module by that which require takes.
---@param name string|nil  nil: as reload_all
---@param by string|nil    who wants it, for the record
---@return string|nil told
---@return string|nil err
function Reload:reload(name, by)
  by = by or "reload"
  if not name then return self:reload_all(by) end
  local unit, err = unit_of(self, name)
  if not unit then return nil, err end
  return ask(self, "load_one", unit, by)
end

--- Goes back to a version that is kept, by default the one before that which runs. Callbacks may be
--- missing in it.
---@param name string
---@param number integer|nil
---@return string|nil told
---@return string|nil err
function Reload:rollback(name, number)
  local unit, err = unit_of(self, name)
  if not unit then return nil, err end
  local version
  version, err = unit.versions:find(number)
  if not version then return nil, err end
  return ask(self, "load_version", unit, version)
end

--- The versions that are kept: { number =, time =, by =, is_running =, files = }, oldest first.
---@param name string
---@return table[]|nil
---@return string|nil err
function Reload:versions(name)
  local unit, err = unit_of(self, name)
  if not unit then return nil, err end
  return unit.versions:describe()
end

--- What differs between two versions, as text; by default between the one before and that which
--- runs. With `a` alone: between it and that which runs.
---@param name string
---@param a integer|nil
---@param b integer|nil
---@return string|nil
---@return string|nil err
function Reload:diff(name, a, b)
  local unit, err = unit_of(self, name)
  if not unit then return nil, err end
  local old, new
  old, err = unit.versions:find(a)
  if not old then return nil, err end
  new, err = unit.versions:find(b or unit.versions.running)
  if not new then return nil, err end
  return versions.difference(old, new)
end

return M
