--- The reload of a library module: patch.lua puts its new functions in place. Modules that C holds
--- on to, or that do something when they are loaded, wait for the next start.

local code = require "moonwire.code"
local log = require "moonwire.log"
local patch = require "moonwire.patch"
local versions = require "moonwire.versions"

local M = {}
local VENUES = "moonwire.venues."
local FIXED = { ["moonwire.cdef"] = true, ["moonwire.decimal"] = true, ["moonwire.door"] = true,
                ["moonwire.dispatch"] = true, ["moonwire.cli"] = true, ["moonwire.file"] = true,
                ["moonwire.sandbox"] = true, ["moonwire.patch"] = true,
                ["moonwire.reload_command"] = true }

---@class moonwire.LibraryUnit : moonwire.ReloadUnit
local Unit = { __name = "moonwire.LibraryUnit", kind = "library" }
Unit.__index = Unit

--- The modules of the library that are loaded, those of venues left out: path -> name.
---@return table<string, string>
function M.paths()
  local paths = {}
  for name in pairs(package.loaded) do
    local is_ours = name:find("^moonwire%.") and name:sub(1, #VENUES) ~= VENUES
    local path = is_ours and package.searchpath(name, package.path)
    if path then paths[path] = name end
  end
  return paths
end

--- @param name string  as require takes it
--- @param path string
--- @param past moonwire.Version[]|nil  of earlier runs
function M.new(name, path, past)
  return setmetatable({ name = name, path = path, log = log.new { module = name }, tried = {},
                        loaded = { [path] = false },     -- what runs was read by require
                        versions = versions.new(name, past) }, Unit)
end

function Unit:files() return self.loaded end

--- As StrategyUnit:prepare.
function Unit:prepare(plan)
  local text, err = (plan.read or code.read_file)(self.path)
  local files = { [self.path] = text or false }
  self.tried = files
  if not text then return nil, err, files end
  if FIXED[self.name] then return nil, self.name .. " waits for the next start", files end
  local source = "@" .. self.path
  local chunk, problem = loadstring(text, source)
  if not chunk then return nil, code.explain(problem, files), files end
  local ok, module = pcall(chunk, self.name)
  if not ok then return nil, code.explain(tostring(module), files), files end
  local change
  change, err = patch.plan(package.loaded[self.name], module, source)
  if not change then return nil, err .. ": it waits for the next start", files end
  return { change = change, files = files }, nil, files
end

--- As StrategyUnit:swap; without probation.
function Unit:swap(version, by)
  patch.apply(version.change)
  self.loaded = version.files
  return self.versions:add(version.files, by).number
end

return M
