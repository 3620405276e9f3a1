--- Puts a runtime together from its configuration: protocols, sessions, strategies. Connects to
--- nothing by itself, so that `moonwire check` and `moonwire run` load the very same things.

local budget = require "moonwire.budget"
local config = require "moonwire.config"
local desk_module = require "moonwire.desk"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local sandbox = require "moonwire.sandbox"
local session = require "moonwire.session"
local strategy = require "moonwire.strategy"

local M = {}

local secrets = { env = host.secret_env, file = host.secret_file }

--- A venue's module: a name of lua/moonwire/venues, or the path of a Lua file.
local function load_protocol(name)
  if name:find("/", 1, true) or name:find("%.lua$") then
    local chunk, err = loadfile(name)
    if not chunk then return nil, err end
    local ok, module = pcall(chunk)
    if not ok then return nil, module end
    return module
  end
  local ok, module = pcall(require, "moonwire.venues." .. name)
  if not ok then
    if tostring(module):find("module 'moonwire.venues." .. name .. "' not found", 1, true) then
      return nil, "no protocol " .. name .. " in moonwire.venues"
    end
    return nil, module
  end
  return module
end

--- Reads a configuration file; nil, err when there is anything wrong with it. The guardian's
--- children see it as it was when the guardian had it read, whatever was changed since.
function M.load_config(path)
  return config.load(path, secrets, load_protocol, host.planned_config())
end

local function directory_of(path) return path:match("^(.*)/[^/]*$") or "." end

-- Runs a strategy's file in its own sandbox and returns what it returned.
local function load_class(spec)
  local file, err = io.open(spec.file, "r")
  if not file then return nil, err end
  local text = file:read("*a")
  file:close()
  local environment = sandbox.environment {
    trusted = spec.trusted, print = host.print_line, clock = dispatch.now,
    root = directory_of(spec.file), seed = tonumber(host.seed()),
  }
  if text:sub(1, 1) == "\27" then return nil, spec.file .. ": bytecode is not loaded" end
  local chunk
  chunk, err = loadstring(text, "@" .. spec.file)
  if not chunk then return nil, err end
  local class
  class, err = budget.load(spec, setfenv(chunk, environment))
  if not err then return class end
  local hint = sandbox.hint(err)
  return nil, hint and err .. "\n" .. hint or err
end

--- Everything of a configuration, loaded and ready to start: a desk, or nil and a list of errors.
function M.load(settings)
  local desk, problems = desk_module.new(settings), {}
  local names = {}
  for name in pairs(settings.venues) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local venue = settings.venues[name]
    local protocol, err = load_protocol(venue.protocol)
    if protocol then desk:add_session(session.new(desk, name, venue, protocol))
    else problems[#problems + 1] = ("venues.%s: %s"):format(name, err) end
  end
  for _, spec in ipairs(settings.strategies) do
    local class, runner, err
    class, err = load_class(spec)
    if class then runner, err = strategy.new(desk, spec, class) end
    local is_added = false
    if runner then is_added, err = desk:add_runner(runner) end
    if not is_added then problems[#problems + 1] = err end
  end
  if #problems > 0 then return nil, problems end
  return desk
end

return M
