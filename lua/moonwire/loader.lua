--- Puts a runtime together from its configuration: protocols, sessions, strategies. Connects to
--- nothing by itself, so that `moonwire check` and `moonwire run` load the very same things.

local code = require "moonwire.code"
local config = require "moonwire.config"
local desk_module = require "moonwire.desk"
local host = require "moonwire.host"
local reading = require "moonwire.reading"
local session = require "moonwire.session"
local sorted = require "moonwire.sorted"
local strategy = require "moonwire.strategy"

local M = {}

-- A variable is gone once it was read, and the same words give the same handle as long as the
-- process runs: so a configuration can be read again.
local handles = {}

local function once(kind, make)
  return function(argument)
    local words = kind .. "\0" .. argument
    if handles[words] then return handles[words] end
    local handle, err = make(argument)
    handles[words] = handle
    return handle, err
  end
end

local secrets = { env = once("env", host.secret_env), file = once("file", host.secret_file) }

local PROTOCOLS = { "finery", "indodax", "instamrkt", "peatio" }    -- for messages

--- A venue's module: a name of lua/moonwire/venues, or the path of a Lua file.
local function load_protocol(name)
  if name:find("/", 1, true) or name:find("%.lua$") then
    local text, err = reading.text(name)
    local chunk
    if text then chunk, err = loadstring(text, "@" .. name) end
    if not chunk then return nil, err end
    local ok, module = pcall(chunk)
    if not ok then return nil, module end
    return module
  end
  local ok, module = pcall(require, "moonwire.venues." .. name)
  if not ok then
    if tostring(module):find("module 'moonwire.venues." .. name .. "' not found", 1, true) then
      return nil, ("no protocol %s: there is %s; a file of yours is named by its path, %q"):format(
        name, table.concat(PROTOCOLS, ", "), name .. ".lua")
    end
    return nil, module
  end
  return module
end

M.load_protocol = load_protocol

--- Reads a configuration file; nil, err when there is anything wrong with it. The guardian's
--- children see it as it was when the guardian had it read, whatever was changed since, unless they
--- want it as it is now.
---@param path string
---@param is_now boolean|nil
---@return moonwire.Configuration|nil
---@return string|nil err
function M.load_config(path, is_now)
  return config.load(path, secrets, load_protocol, not is_now and host.planned_config() or nil)
end

-- A file's default names a venue, and so may the configuration: often they are not the same.
local function warn_of_no_venue(desk, runner, names)
  local venue = runner.instance.params.venue
  if type(venue) == "string" and #names > 0 and not desk.sessions[venue] then
    runner.log.warn("its parameter venue is %q, which is not in the configuration: there is %s",
                    venue, table.concat(names, ", "))
  end
end

--- Everything of a configuration, loaded and ready to start: a desk, or nil and a list of errors.
function M.load(settings)
  local desk, problems = desk_module.new(settings), {}
  local names = sorted.keys(settings.venues)
  for _, name in ipairs(names) do
    local venue = settings.venues[name]
    local protocol, err = load_protocol(venue.protocol)
    if protocol then desk:add_session(session.new(desk, name, venue, protocol))
    else problems[#problems + 1] = ("venues.%s: %s"):format(name, err) end
  end
  for _, spec in ipairs(settings.strategies) do
    local kept, runner = {}, nil
    local loaded, err = code.load(spec, { kept = kept })
    if loaded then runner, err = strategy.new(desk, spec, loaded.class) end
    local is_added = false
    if runner then
      loaded.keeper:settle()
      runner.code, runner.kept, runner.environments[loaded.environment] = loaded, kept, true
      is_added, err = desk:add_runner(runner)
      warn_of_no_venue(desk, runner, names)
    end
    if not is_added then problems[#problems + 1] = err end
  end
  if #problems > 0 then return nil, problems end
  return desk
end

--- The same without the strategies (for a sweep, an audit); orders that carry their ids are still
--- theirs.
function M.load_sessions(settings)
  local specs = settings.strategies
  settings.strategies = {}
  local desk, problems = M.load(settings)
  for _, spec in ipairs(desk and specs or {}) do
    local ok, err = desk.orders:claim(spec.name)
    if not ok then return nil, { err } end
  end
  return desk, problems
end

return M
