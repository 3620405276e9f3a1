--- Makes a simulated Peatio from the command line's options.

local command_line = require "moonwire.sim.command_line"
local jwt      = require "moonwire.sim.jwt"
local pairs_of = require "moonwire.sim.peatio_pairs"
local Peatio   = require "moonwire.sim.peatio"

local ALGORITHMS = { HS256 = true, RS256 = true, ES256 = true, EdDSA = true }

local M = { subjects = Peatio.subjects }

local KEY, SECRET = "AKTEST1", "sim-secret-1"      -- the page's, for members and for tokens
local BALANCE = "usd=1000000,btc=100,eth=1000"
local EMAIL, UID, LEVEL = "maker@example.test", "IDTEST0001", 3

function M.describe_settings() return Peatio.new_settings():describe() end

local function hmac(secret, message) return command_line.hmac(secret, "sha256", message, "hex") end

local function read_settings(options)
  local texts = {}
  for _, text in ipairs(options.set or {}) do texts[#texts + 1] = text end
  if options.dialect then texts[#texts + 1] = "dialect=" .. options.dialect end
  if options["lazy-flush"] then texts[#texts + 1] = "lazy_flush=on" end
  if options.version then texts[#texts + 1] = "version=" .. options.version end
  if options.rango then texts[#texts + 1] = "rango=on" end
  return command_line.set(Peatio.new_settings(), texts)
end

-- Who checks tokens: by a public key in a file, or by the secret that the configuration shows.
local function read_tokens(options)
  local algorithm = options.algorithm or (options["public-key"] and "RS256" or "HS256")
  if not ALGORITHMS[algorithm] then
    return nil, "--algorithm " .. algorithm .. ": expected RS256, ES256, EdDSA or HS256"
  end
  if algorithm == "HS256" then return jwt.new(algorithm, options.secret or SECRET) end
  local path = options["public-key"]
  if not path then return nil, "--algorithm " .. algorithm .. " wants --public-key FILE" end
  local file, err = io.open(path, "r")
  if not file then return nil, "--public-key: " .. err end
  local pem = file:read("*a")
  file:close()
  local tokens
  tokens, err = jwt.new(algorithm, pem)
  if not tokens then return nil, ("--public-key %s: %s"):format(path, err) end
  return tokens
end

local function add_member(sim, fields, what)
  local own = command_line.take(fields, { "name", "email", "uid", "key", "secret", "level" })
  local ok, err = command_line.check_amounts(fields, what)
  if ok then ok, err = command_line.check_free(sim, own, what) end
  if not ok then return nil, err end
  own.email, own.level = own.email or own.name .. "@example.test", tonumber(own.level or LEVEL)
  local member = sim.desk:add_member({ name = own.name, email = own.email, uid = own.uid,
                                       level = own.level }, fields)
  if own.key then sim.auth:add_key(own.key, own.secret or own.key, member) end
  return member
end

-- What a client needs: how it signs in, and who it says that it is.
local function shown(options, settings, tokens)
  if settings.dialect == "hmac" then
    return { { "key", options.key or KEY }, { "secret", options.secret or SECRET } },
           { { "dialect", settings.dialect } }
  end
  local fields = { { "dialect", settings.dialect }, { "algorithm", tokens.algorithm },
                   { "email", EMAIL }, { "uid", UID }, { "level", LEVEL }, { "state", "active" } }
  if tokens.algorithm ~= "HS256" then return {}, fields end
  return { { "private_key", options.secret or SECRET } }, fields
end

--- Makes the simulator. `read`: schedule, seed. Then what a client needs to know, secrets and other
--- fields, as { name, value } in order; or nil and the error.
function M.open(options, read)
  local settings, err = read_settings(options)
  if not settings then return nil, err end
  local list, tokens
  list, err = command_line.pick(pairs_of.list(), options.pairs)
  if list then tokens, err = read_tokens(options) end
  if not tokens then return nil, err end
  local sim = Peatio.new { pairs = list, settings = settings, schedule = read.schedule,
                           seed = read.seed, tokens = tokens, hmac = hmac }
  local first = { name = "maker", email = EMAIL, uid = UID, key = options.key or KEY,
                  secret = options.secret or SECRET }
  local ok
  ok, err = command_line.add_members(options, first, BALANCE, function(fields, what)
    return add_member(sim, fields, what)
  end)
  if not ok then return nil, err end
  return sim, shown(options, settings, tokens)
end

--- The line that tries it.
function M.curl(ca_file, rest_url)
  return "curl --cacert " .. ca_file .. " " .. rest_url .. "/api/v2/markets   "
         .. "# ranger: /api/v2/peatio/public/markets"
end

return M
