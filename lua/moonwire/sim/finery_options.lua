--- Makes a simulated Finery Markets from the command line's options, with the host's signing.

local decimal     = require "moonwire.decimal"
local Finery      = require "moonwire.sim.finery"
local host        = require "moonwire.host"
local instruments = require "moonwire.sim.finery_instruments"

local M = { subjects = Finery.subjects }

-- The page's test key: a pair that no venue will ever give out.
local KEY = "mwDemoKey7Qx2Vd0RkP4sT9uYbLcN1aHfEjZ6oWgUi"
local SECRET = "mwDemoSecret3Jt8BzXq5LrVn0KdPyGmCwAe7HsUf"
local CREDIT = "usd=5000000,eur=5000000,usdt=5000000,btc=100,eth=1000"

function M.describe_settings() return Finery.new_settings():describe() end

local handles = {}

-- The secret's characters are the key (section 3); each secret becomes a handle once.
local function hmac(secret, message)
  local handle = handles[secret]
  if not handle then
    handle = host.secret_text(secret)
    handles[secret] = handle
  end
  return handle:hmac("sha384", message, "base64")
end

-- "a=1,b=2" as a table; nil and what is wrong.
local function read_list(text, what)
  local fields = {}
  for item in text:gmatch("[^,]+") do
    local name, value = item:match("^([%w_]+)=(.+)$")
    if not name then return nil, string.format('%s "%s": expected name=value', what, item) end
    fields[name] = value
  end
  return fields
end

local function take(fields, name)
  local value = fields[name]
  fields[name] = nil
  return value
end

local function check_credit(fields, what)
  for currency, amount in pairs(fields) do
    local value = decimal.parse(amount)
    if not value or value < decimal "0" then
      return nil, string.format('%s "%s=%s": expected an amount', what, currency, amount)
    end
    if not instruments.currency(currency:upper()) then
      return nil, string.format('%s "%s": there is no such currency', what, currency)
    end
  end
  return true
end

local function add_member(sim, fields, what)
  local name, key, secret = take(fields, "name"), take(fields, "key"), take(fields, "secret")
  local role = take(fields, "role") or "taker"
  if role ~= "taker" and role ~= "maker" then
    return nil, string.format('%s "role=%s": expected taker or maker', what, role)
  end
  local ok, err = check_credit(fields, what)
  if not ok then return nil, err end
  if not name or (key or "") == "" or (secret or "") == "" then
    return nil, what .. ": wants name=, key= and secret="
  end
  if sim.desk.members[name] or sim.auth.keys[key] then
    return nil, what .. " " .. name .. ": name or key is taken"
  end
  return sim:add_member(name, key, secret, fields, role)
end

local function read_settings(options)
  local settings = Finery.new_settings()
  for _, text in ipairs(options.set or {}) do
    local ok, err = settings:set(text)
    if not ok then return nil, err end
  end
  return settings
end

local function read_instruments(text)
  if not text then return instruments.list() end
  local names = {}
  for name in text:gmatch("[^,]+") do names[#names + 1] = name end
  return instruments.list(names)
end

local function add_members(sim, options)
  local fields, err = read_list(options.balance or CREDIT, "--balance")
  if not fields then return nil, err end
  fields.name, fields.key, fields.secret = "demo", options.key or KEY, options.secret or SECRET
  fields.role = sim.settings.role
  local member
  member, err = add_member(sim, fields, "--balance")
  if not member then return nil, err end
  for _, text in ipairs(options.member or {}) do
    fields, err = read_list(text, "--member")
    if not fields then return nil, err end
    local added
    added, err = add_member(sim, fields, "--member")
    if not added then return nil, err end
  end
  return true
end

--- Makes the simulator. `read`: schedule, seed. Then what a client needs to know: credentials and
--- further fields of the configuration, as { name, value } pairs in order; or nil and the error.
function M.open(options, read)
  local settings, err = read_settings(options)
  if not settings then return nil, err end
  local list
  list, err = read_instruments(options.pairs)
  if not list then return nil, err end
  local sim = Finery.new { instruments = list, settings = settings, schedule = read.schedule,
                           seed = read.seed, hmac = hmac }
  local ok
  ok, err = add_members(sim, options)
  if not ok then return nil, err end
  return sim, { { "key", options.key or KEY }, { "secret", options.secret or SECRET } },
         { { "role", settings.role } }
end

--- The line that tries it: instruments, signed with openssl.
function M.curl(ca_file, rest_url)
  return "body=\"{\\\"nonce\\\":$(date +%s%6N),\\\"timestamp\\\":$(date +%s%3N)}\"; curl --cacert "
         .. ca_file .. " -d \"$body\" -H \"EFX-Key: $SIM_KEY\" -H \"EFX-Sign: "
         .. "$(printf %s \"instruments$body\" | openssl dgst -sha384 -hmac \"$SIM_SECRET\" -binary"
         .. " | openssl base64 -A)\" " .. rest_url .. "/api/instruments"
end

return M
