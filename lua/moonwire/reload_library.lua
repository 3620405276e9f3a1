--- The reload of a library module: patch.lua puts its new functions in place. Modules that C holds
--- on to, or that do something when they are loaded, wait for the next start.

local code = require "moonwire.code"
local holders = require "moonwire.holders"
local log = require "moonwire.log"
local patch = require "moonwire.patch"
local reading = require "moonwire.reading"
local versions = require "moonwire.versions"

local M = {}
local VENUES = "moonwire.venues."
local FIXED = { ["moonwire.cdef"] = true, ["moonwire.decimal"] = true, ["moonwire.door"] = true,
                ["moonwire.dispatch"] = true, ["moonwire.cli"] = true, ["moonwire.file"] = true,
                ["moonwire.sandbox"] = true, ["moonwire.patch"] = true,
                ["moonwire.holders"] = true,
                ["moonwire.reload_command"] = true }

---@class moonwire.LibraryUnit : moonwire.ReloadUnit
local Unit = { __name = "moonwire.LibraryUnit", kind = "library" }
Unit.__index = Unit

--- The modules of the library that are loaded, those of venues left out: path -> its name, and its
--- text, so that one can come back to it.
---@return table<string, { name: string, text: string }>
function M.modules()
  local modules = {}
  for name in pairs(package.loaded) do
    local is_ours = name:find("^moonwire%.") and name:sub(1, #VENUES) ~= VENUES
    local path = is_ours and package.searchpath(name, package.path)
    local text = path and reading.from_disk(path)
    if text then modules[path] = { name = name, text = text } end
  end
  return modules
end

--- @param name string  as require takes it
--- @param path string
--- @param text string    that runs
--- @param past moonwire.Version[]|nil  of earlier runs
function M.new(name, path, text, past)
  local self = setmetatable({ name = name, path = path, log = log.new { module = name },
                              tried = { [path] = text }, loaded = { [path] = text },
                              versions = versions.new(name, past) }, Unit)
  self.versions:add(self.loaded, "start")
  return self
end

function Unit:files() return self.loaded end

-- The module that a text makes, aside; nil, err.
local function run(self, text, compile)
  local files = { [self.path] = text }
  local chunk, problem = compile(text, "@" .. self.path)
  if not chunk then return nil, code.explain(problem, files) end
  local ok, module = pcall(chunk, self.name)
  if not ok then return nil, code.explain(tostring(module), files) end
  return module
end

-- What patch.lua does to bring this module in; nil, err.
local function change_to(self, module)
  local change, err = patch.plan(package.loaded[self.name], module, "@" .. self.path)
  if not change then return nil, err .. ": it waits for the next start" end
  return change
end

--- As StrategyUnit:load; plan.waits: the text is good, and cannot come in under way.
function Unit:load(plan)
  local text, err = (plan.read or reading.from_disk)(self.path)
  self.tried = { [self.path] = text or false }
  if not text then return nil, err end
  plan.waits = FIXED[self.name]
  if plan.waits then return nil, self.name .. " waits for the next start" end
  local module, change
  module, err = run(self, text, plan.compile or loadstring)
  if module ~= nil then
    change, err = change_to(self, module)
    plan.waits = change == nil
  end
  if not change then return nil, err end
  return { change = change, files = self.tried, from = self.loaded }
end

--- Looks for who holds what these plans replace, in steps; nil: they replace nothing.
---@param plans moonwire.ReloadPlan[]  that are loaded
---@return moonwire.Holders|nil
function M.search(plans)
  local changes = {}
  for _, plan in ipairs(plans) do changes[#changes + 1] = plan.loaded and plan.loaded.change end
  return changes[1] and holders.search(changes) or nil
end

--- As StrategyUnit:fit.
function Unit:fit(plan)
  local loaded = plan.loaded
  if loaded.from == self.loaded then return loaded end
  -- What runs has gone back meanwhile to what ran before.
  local change, err = change_to(self, loaded.change.module)
  if not change then return nil, err end
  return { change = change, files = loaded.files }
end

--- What runs, as Unit:go_back takes it.
function Unit:present() return { files = self.loaded } end

function Unit:is_running() return true end -- luacheck: no self

--- Who tells of errors of this code: all that run it.
function Unit:witnesses(desk) -- luacheck: no self
  local all = {}
  for _, runner in ipairs(desk.runner_list) do all[#all + 1] = runner end
  for _, session in ipairs(desk.session_list) do all[#all + 1] = session end
  return all
end

--- As StrategyUnit:swap.
function Unit:swap(version, by)
  patch.apply(version.change)
  self.loaded, self.change = version.files, version.change
  return self.versions:add(version.files, by).number
end

-- What took an old function while events were handled gets the new one as well.
local Late = { __name = "moonwire.LateHolders" }
Late.__index = Late
function Late:step() return self.search:step() end
function Late:result()
  patch.replace(self.change)
  return {}
end

--- As StrategyUnit:search_old_code; nil: nothing came in.
function Unit:search_old_code()
  local change = self.change
  if not change then return nil end
  self.change = nil
  return setmetatable({ change = change, search = holders.search { change } }, Late)
end

--- As StrategyUnit:go_back: the functions of the text before take the place of those that run. nil,
--- err when they cannot.
function Unit:go_back(version)
  local module, err = run(self, version.files[self.path], loadstring)
  local change
  if module ~= nil then change, err = change_to(self, module) end
  if not change then return nil, err end
  return self:swap({ change = change, files = version.files }, "rolled back")
end

return M
