--- Makes a simulated Indodax from the command line's options, with the host's signing.

local command_line = require "moonwire.sim.command_line"
local Indodax  = require "moonwire.sim.indodax"
local pairs_of = require "moonwire.sim.indodax_pairs"

local M = { subjects = Indodax.subjects }

-- The page's key C: a pair of names that no venue will ever give out.
local KEY = "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4"
local HISTORY_KEY = "MWDEMO01-TAPIV2"
local SECRET = "5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddeeff00112233445566778899aabbccddee"
local BALANCE = "idr=1000000000,usdt=50000,btc=2,eth=30,aave=100,idrx=1000000,pepe=100000000"

function M.describe_settings() return Indodax.new_settings():describe() end

-- The secret's characters are the key (section 2).
local function hmac(secret, algorithm, message)
  return command_line.hmac(secret, algorithm, message, "hex")
end

local function add_member(sim, fields, what)
  local own = command_line.take(fields, { "name", "key", "secret" })
  local ok, err = command_line.check_amounts(fields, what)
  if ok then ok, err = command_line.check_keyed(sim, own, what) end
  if not ok then return nil, err end
  return sim:add_member(own.name, own.key, own.secret, fields)
end

local function read_settings(options)
  local settings = Indodax.new_settings()
  local texts = {}
  for _, text in ipairs(options.set or {}) do texts[#texts + 1] = text end
  if options["token-life"] then texts[#texts + 1] = "token_life=" .. options["token-life"] end
  if options["history-api"] then texts[#texts + 1] = "history_api=" .. options["history-api"] end
  return command_line.set(settings, texts)
end

--- Makes the simulator. `read`: schedule, seed. The second result: what a client needs to know, as
--- { name, value } pairs in order; or the error.
function M.open(options, read)
  local settings, err = read_settings(options)
  if not settings then return nil, err end
  local list
  list, err = command_line.pick(pairs_of.list(), options.pairs)
  if not list then return nil, err end
  local sim = Indodax.new { pairs = list, settings = settings, schedule = read.schedule,
                            seed = read.seed, hmac = hmac, jwt_secret = "sim-jwt-secret" }
  local key, secret = options.key or KEY, options.secret or SECRET
  local member
  member, err = command_line.add_members(options, { name = "demo", key = key, secret = secret },
                                         BALANCE, function(fields, what)
    return add_member(sim, fields, what)
  end)
  if not member then return nil, err end
  local history_key = options["history-key"] or HISTORY_KEY
  local history_secret = options["history-secret"] or secret
  if sim.auth.keys[history_key] then return nil, "--history-key " .. history_key .. ": is taken" end
  sim.auth:add_key(history_key, history_secret, member, "v2")
  local credentials = { { "key", key }, { "secret", secret } }
  if settings.history_api == "mid" then
    table.insert(credentials, { "history_key", history_key })
    table.insert(credentials, { "history_secret", history_secret })
  end
  return sim, credentials
end

--- The line that tries it: getInfo, signed with openssl.
function M.curl(ca_file, rest_url)
  return "body=method=getInfo\\&timestamp=$(date +%s%3N); curl --cacert " .. ca_file
         .. " -d \"$body\" -H \"Key: $SIM_KEY\" -H \"Sign: $(printf %s \"$body\""
         .. " | openssl dgst -sha512 -hmac \"$SIM_SECRET\" | sed 's/.* //')\" "
         .. rest_url .. "/tapi"
end

return M
