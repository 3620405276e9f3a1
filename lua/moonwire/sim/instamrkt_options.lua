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
  if ok then ok, err = command_line.check_free(sim, own, what) end
  if not ok then return nil, err end
  return sim:add_member(own.name, fields, own.secret or own.name, own.key, own.admin == "1")
end

--- Makes the simulator. `read`: schedule, seed. Then what a client needs to know: credentials and
--- further fields of the configuration, as { name, value } pairs in order; or nil and the error.
function M.open(options, read)
  local settings, err = command_line.set(Instamrkt.new_settings(), options.set or {})
  if not settings then return nil, err end
  local sim = Instamrkt.new { settings = settings, schedule = read.schedule, seed = read.seed,
                              now = dispatch.now_ms(), sha256 = sha256 }
  local first
  first, err = command_line.add_members(options, { name = NAME, key = options.key or KEY,
                                                   secret = options.secret or PASSWORD }, BALANCE,
                                        function(fields, what)
    return add_member(sim, fields, what)
  end)
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
