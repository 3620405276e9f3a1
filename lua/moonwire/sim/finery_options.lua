--- Makes a simulated Finery Markets from the command line's options, with the host's signing.

local command_line = require "moonwire.sim.command_line"
local Finery       = require "moonwire.sim.finery"
local instruments  = require "moonwire.sim.finery_instruments"

local M = { subjects = Finery.subjects }

-- The page's test key: a pair that no venue will ever give out.
local KEY = "mwDemoKey7Qx2Vd0RkP4sT9uYbLcN1aHfEjZ6oWgUi"
local SECRET = "mwDemoSecret3Jt8BzXq5LrVn0KdPyGmCwAe7HsUf"
local CREDIT = "usd=5000000,eur=5000000,usdt=5000000,btc=100,eth=1000"

function M.describe_settings() return Finery.new_settings():describe() end

local function hmac(secret, message)
  return command_line.hmac(secret, "sha384", message, "base64")
end

local function check_credit(fields, what)
  local ok, err = command_line.check_amounts(fields, what)
  if not ok then return nil, err end
  for currency in pairs(fields) do
    if not instruments.currency(currency:upper()) then
      return nil, string.format('%s "%s": there is no such currency', what, currency)
    end
  end
  return true
end

local function add_member(sim, fields, what)
  local own = command_line.take(fields, { "name", "key", "secret", "role" })
  local role = own.role or "taker"
  if role ~= "taker" and role ~= "maker" then
    return nil, string.format('%s "role=%s": expected taker or maker', what, role)
  end
  local ok, err = check_credit(fields, what)
  if ok then ok, err = command_line.check_keyed(sim, own, what) end
  if not ok then return nil, err end
  return sim:add_member(own.name, own.key, own.secret, fields, role)
end

--- Makes the simulator. `read`: schedule, seed. Then what a client needs to know: credentials and
--- further fields of the configuration, as { name, value } pairs in order; or nil and the error.
function M.open(options, read)
  local settings, err = command_line.set(Finery.new_settings(), options.set or {})
  if not settings then return nil, err end
  local list
  list, err = command_line.pick(instruments.list(), options.pairs)
  if not list then return nil, err end
  local sim = Finery.new { instruments = list, settings = settings, schedule = read.schedule,
                           seed = read.seed, hmac = hmac }
  local first = { name = "demo", key = options.key or KEY, secret = options.secret or SECRET,
                  role = settings.role }
  local ok
  ok, err = command_line.add_members(options, first, CREDIT, function(fields, what)
    return add_member(sim, fields, what)
  end)
  if not ok then return nil, err end
  return sim, { { "key", first.key }, { "secret", first.secret } }, { { "role", first.role } }
end

--- The line that tries it: instruments, signed with openssl.
function M.curl(ca_file, rest_url)
  return "body=\"{\\\"nonce\\\":$(date +%s%6N),\\\"timestamp\\\":$(date +%s%3N)}\"; curl --cacert "
         .. ca_file .. " -d \"$body\" -H \"EFX-Key: $SIM_KEY\" -H \"EFX-Sign: "
         .. "$(printf %s \"instruments$body\" | openssl dgst -sha384 -hmac \"$SIM_SECRET\" -binary"
         .. " | openssl base64 -A)\" " .. rest_url .. "/api/instruments"
end

return M
