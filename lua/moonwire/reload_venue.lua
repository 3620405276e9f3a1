--- The reload of a venue's file, and of the files below its name, under sessions that stand: the
--- new module takes the place of the old one in all sessions of the protocol. Such a module is
--- tables and pure functions; what it notes between calls is in session.memory.

local code = require "moonwire.code"
local decode = require "moonwire.decode"
local log = require "moonwire.log"
local versions = require "moonwire.versions"

local M = {}
local PREFIX = "moonwire.venues."
local LINES = { "private", "market" }

---@class moonwire.VenueUnit : moonwire.ReloadUnit
local Unit = { __name = "moonwire.VenueUnit", kind = "venue" }
Unit.__index = Unit

-- Which files -------------------------------------------------------------------------------------

local function is_path(protocol) return protocol:find("/", 1, true) or protocol:find("%.lua$") end

-- The modules of a protocol that are loaded: name -> path. Of a file by its path, that one.
local function family(protocol)
  if is_path(protocol) then return { [protocol] = protocol } end
  local root, found = PREFIX .. protocol, {}
  for name in pairs(package.loaded) do
    if name == root or name:sub(1, #root + 1) == root .. "." then
      found[name] = package.searchpath(name, package.path)
    end
  end
  return found
end

local function read_all(modules, read)
  local texts, files = {}, {}
  for name, path in pairs(modules) do
    local text, err = read(path)
    files[path] = text or false
    if not text then return nil, err, files end
    texts[name] = text
  end
  return texts, nil, files
end

--- @param protocol string   as in the configuration
--- @param sessions moonwire.Session[]  that speak it
function M.new(protocol, sessions, past)
  local name = protocol:match("([^/]+)%.lua$") or protocol
  local self = setmetatable({ protocol = protocol, sessions = sessions, name = name,
                              log = log.new { protocol = name },
                              versions = versions.new(name, past) }, Unit)
  local _, _, files = read_all(family(protocol), code.read_file)
  self.loaded, self.tried = files, files
  self.versions:add(files, "start")
  return self
end

function Unit:files() return self.loaded end

-- Loading aside -----------------------------------------------------------------------------------

local function chunks_of(modules, texts, compile)
  local chunks = {}
  for name, path in pairs(modules) do
    local chunk, err = compile(texts[name], "@" .. path)
    if not chunk then return nil, err end
    chunks[name] = chunk
  end
  return chunks
end

-- Runs the chunks as require would, and leaves package.loaded as it was. The root's value and what
-- belongs into package.loaded; or nil, err.
local function run(root, modules, chunks)
  local before = {}
  for name in pairs(modules) do
    before[name] = package.loaded[name]
    package.loaded[name], package.preload[name] = nil, chunks[name]
  end
  local ok, result = pcall(require, root)
  local after = {}
  for name in pairs(modules) do
    after[name] = package.loaded[name]
    package.loaded[name], package.preload[name] = before[name], nil
  end
  if ok then return result, after end
  return nil, result
end

local function load_aside(self, modules, texts, compile)
  local chunks, err = chunks_of(modules, texts, compile)
  if not chunks then return nil, err end
  if not is_path(self.protocol) then return run(PREFIX .. self.protocol, modules, chunks) end
  local ok, result = pcall(chunks[self.protocol])
  if ok then return result, {} end
  return nil, result
end

-- Checks ------------------------------------------------------------------------------------------

-- Every function that there was is there; nil, or what is against it.
local function lost(old, new, name)
  for key, value in pairs(old) do
    local place = name .. "." .. tostring(key)
    if type(value) == "function" and type(new[key]) ~= "function" then
      return place .. " is gone, and a session needs it"
    end
  end
  for _, key in ipairs { "private", "market", "countdown" } do
    if type(old[key]) == "table" and name:find("%.") == nil then
      if type(new[key]) ~= "table" then return ("%s.%s is gone"):format(name, key) end
      local problem = lost(old[key], new[key], name .. "." .. key)
      if problem then return problem end
    end
  end
end

-- The protocol of one session, and a decoder for each of its lines. nil, err.
local function fitted(session, module, name)
  local protocol = module.for_config and module.for_config(session.config) or module
  local problem = lost(session.protocol, protocol, name)
  if problem then return nil, problem end
  local found = protocol.check_config and protocol.check_config(session.config)[1]
  if found then return nil, ("venues.%s.%s: %s"):format(session.name, found[1], found[2]) end
  local decoders = {}
  for _, line in ipairs(LINES) do
    local spec, before = protocol[line], session.protocol[line]
    if spec and before and spec.one_at_a_time ~= before.one_at_a_time then
      return nil, ("%s.%s.one_at_a_time is another one, which waits for the next start"):format(
        name, line)
    end
    if spec and spec.paths then decoders[line] = decode.new(spec.paths) end
  end
  return { protocol = protocol, decoders = decoders }
end

local function fit_all(self, module)
  if type(module) ~= "table" then return nil, "a venue's file returns a table" end
  local fits = {}
  for _, session in ipairs(self.sessions) do
    local ok, fit, err = pcall(fitted, session, module, self.name)
    if not ok then fit, err = nil, fit end
    if not fit then return nil, err end
    fits[session] = fit
  end
  return fits
end

--- As StrategyUnit:load.
function Unit:load(plan)
  local modules = family(self.protocol)
  local texts, err, files = read_all(modules, plan.read or code.read_file)
  self.tried = files
  if not texts then return nil, err end
  local module, loaded = load_aside(self, modules, texts, plan.compile or loadstring)
  if not module then return nil, code.explain(tostring(loaded), files) end
  return { module = module, loaded = loaded, files = files }
end

--- As StrategyUnit:fit.
function Unit:fit(plan)
  local found = plan.loaded
  local fits, err = fit_all(self, found.module)
  if not fits then return nil, code.explain(tostring(err), found.files) end
  return { fits = fits, loaded = found.loaded, files = found.files }
end

-- Changing ----------------------------------------------------------------------------------------

--- What runs, as Unit:swap takes it.
function Unit:present()
  local fits, loaded = {}, {}
  for _, session in ipairs(self.sessions) do fits[session] = session:protocol_now() end
  for name in pairs(family(self.protocol)) do loaded[name] = package.loaded[name] end
  return { fits = fits, loaded = loaded, files = self.loaded }
end

function Unit:is_running() return true end -- luacheck: no self

--- Who tells of errors of this code.
function Unit:witnesses() return self.sessions end

local function put(self, version)
  for name, value in pairs(version.loaded) do package.loaded[name] = value end
  self.loaded = version.files
  for session, fit in pairs(version.fits) do session:swap_protocol(fit.protocol, fit.decoders) end
end

--- As StrategyUnit:swap.
function Unit:swap(version, by)
  put(self, version)
  return self.versions:add(version.files, by).number
end

--- As StrategyUnit:go_back. What was not understood meanwhile is asked for.
function Unit:go_back(version)
  put(self, version)
  for _, session in ipairs(self.sessions) do session.reconciler:on_period() end
  return self.versions:add(version.files, "rolled back").number
end

return M
