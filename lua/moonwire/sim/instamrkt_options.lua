--- Makes a simulated Instamrkt from the command line's options.

local command_line = require "moonwire.sim.command_line"
local dispatch     = require "moonwire.dispatch"
local host         = require "moonwire.host"
local Instamrkt    = require "moonwire.sim.instamrkt"

local M = { subjects = Instamrkt.subjects }

-- The page's test key, and a password that JSON has to quote.
local NAME, PASSWORD = "mara", 'play "money" \\ 17'
local KEY = "9f1c0a52-6d3e-4b7a-8e25-c1d4f7a90b36"
local BALANCE = "don=100"

function M.describe_settings() return Instamrkt.new_settings():describe() end

local function sha256(text) return host.digest("sha256", text, "hex") end

local function add_member(sim, fields, what)
  local own = command_line.take(fields, { "name", "key", "secret", "admin" })
  local ok, err = command_line.check_amounts(fields, what)
  if not ok then return nil, err end
  if not own.name then return nil, what .. ": wants name=" end
  if sim.desk.members[own.name] then return nil, what .. " " .. own.name .. ": name is taken" end
  return sim:add_member(own.name, fields, own.secret or own.name, own.key, own.admin == "1")
end

local function add_members(sim, options)
  local fields, err = command_line.read_list(options.balance or BALANCE, "--balance")
  if not fields then return nil, err end
  fields.name, fields.key = NAME, options.key or KEY
  fields.secret = options.secret or PASSWORD
  local first
  first, err = add_member(sim, fields, "--balance")
  if not first then return nil, err end
  for _, text in ipairs(options.member or {}) do
    local added
    fields, err = command_line.read_list(text, "--member")
    if fields then added, err = add_member(sim, fields, "--member") end
    if not added then return nil, err end
  end
  return first
end

--- Makes the simulator. `read`: schedule, seed. Then what a client needs to know: credentials and
--- further fields of the configuration, as { name, value } pairs in order; or nil and the error.
function M.open(options, read)
  local settings, err = command_line.set(Instamrkt.new_settings(), options.set or {})
  if not settings then return nil, err end
  local sim = Instamrkt.new { settings = settings, schedule = read.schedule, seed = read.seed,
                              now = dispatch.now_ms(), sha256 = sha256 }
  local first
  first, err = add_members(sim, options)
  if not first then return nil, err end
  if settings.sign_in == "login" then
    return sim, { { "password", first.password } },
           { { "login", first.name }, { "source_id", sim.source_id } }
  end
  return sim, { { "session_key", first.key } },
         { { "user_id", first.id }, { "source_id", sim.source_id } }
end

--- The line that tries it: the games.
function M.curl(ca_file, rest_url)
  return ("curl --cacert %s %s/r/sources/%s/games/active/"):format(ca_file, rest_url,
                                                                   Instamrkt.source_id)
end

return M
