--- Peatio: JSON web tokens, ready ones from a file or made with a private key (section 3). A token
--- is checked when it is shown, not later: the WebSocket gets a fresh one for each connection, REST
--- one that is renewed at half of its life.

local host = require "moonwire.host"
local json = require "moonwire.json"
local random = require "moonwire.random"

local M = {}
local LIFE, EARLY = 600, 30           -- seconds
local REREAD_SECONDS = 5              -- between two looks at a file whose token has ended

local function jti_of(s)
  local memory = s.memory
  memory.random = memory.random or random.new(tonumber(host.seed()), "jti " .. s.name)
  return memory.random:hex(16)
end

local function make(s, now)
  local c = s.config
  local token, err = c.private_key:jwt(c.algorithm, json.encode {
    iat = now, exp = now + LIFE, jti = jti_of(s), sub = "session", iss = c.issuer,
    aud = json.array { c.audience }, email = c.email, uid = c.uid, level = c.level,
    state = c.state,
  })
  if not token then return nil, "token: " .. err end
  host.redact(token)
  return token, now + LIFE
end

-- A file may hold another token by now; what is no file is as it was.
local function reread(s, now)
  local handle, memory = s.config.jwt, s.memory
  if now >= (memory.reread_at or 0) then
    memory.reread_at = now + REREAD_SECONDS
    local ok, err = handle:reload()
    if not ok and not err:find("comes from no file", 1, true) then s.log.warn("jwt: %s", err) end
  end
  local expiry = handle:jwt_expiry()
  if expiry and expiry <= now then
    return nil, ("the token in %s has ended: put a new one there"):format(
      tostring(handle):gsub("^secret from ", ""))
  end
  return handle, expiry
end

local function venue_seconds(s) return math.floor(s:venue_ms() / 1000) end

--- A fresh token: the pieces of `Bearer ...`, and the second in which it ends, if it says so.
---@return table|nil pieces
---@return string|number|nil err_or_expiry
function M.fresh(s)
  local now = venue_seconds(s)
  local token, expiry = (s.config.jwt and reread or make)(s, now)
  if not token then return nil, expiry end
  return { "Bearer ", token }, expiry
end

--- The token for REST: the same one until half of its life is over or it was refused.
---@return table|nil pieces
---@return string|nil err
function M.current(s)
  local now, kept = venue_seconds(s), s.memory.token
  if kept and (not kept.renew_at or now < kept.renew_at) then return kept.pieces end
  local pieces, expiry = M.fresh(s)
  if not pieces then return nil, expiry end
  local renew_at = expiry and (s.config.jwt and expiry - EARLY or now + LIFE / 2)
  s.memory.token = { pieces = pieces, renew_at = renew_at }
  return pieces
end

--- The venue did not take it: the next request shows another one.
function M.refused(s) s.memory.token = nil end

return M
