--- A simulated Peatio behind its gateway, without sockets: alice and bob are its members.

local fixture  = require "tests.moonwire.sim_fixture"
local command_line = require "moonwire.sim.command_line"
local host     = require "moonwire.host"
local json     = require "moonwire.json"
local jwt      = require "moonwire.sim.jwt"
local Peatio   = require "moonwire.sim.peatio"
local pairs_of = require "moonwire.sim.peatio_pairs"
local Schedule = require "moonwire.sim.schedule"

local M = { SECRET = "sim-secret-1", NOW = fixture.NOW }
local signer = assert(host.secret_text(M.SECRET))
local verifier = assert(jwt.new("HS256", M.SECRET))

function M.hmac(secret, message) return command_line.hmac(secret, "sha256", message, "hex") end

--- A token's claims, for alice unless `fields` say otherwise; `false` leaves one out.
function M.claims(fields)
  local second = math.floor(M.NOW / 1000)
  local claims = { iat = second, exp = second + 600, jti = "t-0001", sub = "session",
                   iss = "barong", aud = json.array { "peatio" }, email = "alice@example.test",
                   uid = "ID1", level = 3, state = "active" }
  for name, value in pairs(fields or {}) do
    if value == false then claims[name] = nil else claims[name] = value end
  end
  return claims
end

--- "Bearer <token>" of claims; signed by another secret when one is given.
function M.bearer(fields, secret)
  local key = secret and host.secret_text(secret) or signer
  return "Bearer " .. assert(key:jwt("HS256", json.encode(M.claims(fields))))
end

local Sim = fixture.class()

local MEMBERS = { alice = { email = "alice@example.test", uid = "ID1" },
                  bob = { email = "bob@example.test", uid = "ID2" } }

--- `options`: settings { "name=value" }, market (boolean), fault (text), tokens (jwt.lua).
function M.new(options)
  options = options or {}
  local schedule = Schedule.new()
  local venue = Peatio.new { pairs = fixture.pick(pairs_of, "btcusd,ethusd"),
                             settings = fixture.settings(Peatio, options.settings),
                             schedule = schedule, seed = 1, hmac = M.hmac,
                             tokens = options.tokens or verifier }
  for _, name in ipairs { "alice", "bob" } do
    local member = venue.desk:add_member({ name = name, email = MEMBERS[name].email,
                                           uid = MEMBERS[name].uid },
                                         { btc = "100", usd = "1000000", eth = "0" })
    venue.auth:add_key("AK" .. name, "SK" .. name, member)
  end
  return fixture.serve(Sim, venue, schedule, options)
end

--- A call of REST as a member (nil: as nobody): "GET /orders?market=btcusd" and its body, a table
--- for JSON or a text for a form. Status, body as text.
function Sim:call(member, call, body)
  local method, path = call:match "^(%u+) (.*)$"
  local headers = {}
  if member then
    local fields = MEMBERS[member]
    headers.Authorization = M.bearer { email = fields.email, uid = fields.uid, exp = false,
                                       iat = false }
  end
  if type(body) == "table" then
    headers["Content-Type"], body = "application/json", json.encode(body)
  end
  local answer = self:request(method, "/api/v2" .. path, headers, body)
  if answer then return answer.status, answer.body end
end

--- A WebSocket on which a member has signed in; what came until then is gone.
function Sim:socket(member)
  local id = self:open "/"
  local fields = MEMBERS[member]
  self:say(id, json.encode { jwt = M.bearer { email = fields.email, uid = fields.uid,
                                              exp = false } })
  self.frames[id] = {}
  return id
end

return M
