--- Who a token, an access key or an answer belongs to at the simulated Peatio. Sections 3, 10, 12.

local json = require "moonwire.json"

---@class moonwire.sim.PeatioAuth
local Auth = { __name = "moonwire.sim.PeatioAuth" }
Auth.__index = Auth

local LEEWAY_IAT, TONCE_MS, TONCE_KEPT_MS, NONCE_MS = 180, 30000, 61000, 5000

--- `options`: floor, settings, tokens (jwt.lua), hmac(secret, message) -> hex, clock.
function Auth.new(options)
  local auth = setmetatable({ keys = {}, used = {} }, Auth)
  for name, value in pairs(options) do auth[name] = value end
  return auth
end

--- Lets a member sign with a key.
function Auth:add_key(key, secret, member)
  self.keys[key] = { member = member, secret = secret, used = {} }
end

-- Tokens ------------------------------------------------------------------------------------------

local function is_blank(value)
  return value == nil or value == json.null or type(value) == "string" and not value:find("%S")
end

local function has_audience(aud, wanted)
  for _, one in ipairs(type(aud) == "table" and aud or { aud }) do
    if one == wanted then return true end
  end
  return false
end

-- The table of section 3, down to the issuer.
local function are_claims_good(claims, second)
  local exp, nbf = tonumber(claims.exp), tonumber(claims.nbf)
  if claims.exp ~= nil and not (exp and exp > second) then return false end
  if claims.nbf ~= nil and not (nbf and nbf <= second) then return false end
  if claims.iat ~= nil
    and not (type(claims.iat) == "number" and claims.iat <= second + LEEWAY_IAT) then
    return false
  end
  return not is_blank(claims.jti) and claims.sub == "session"
    and has_audience(claims.aud, "peatio")
    and type(claims.email) == "string" and claims.email:find("^[^@%s]+@[^@%s]+%.[^@%s]+$") ~= nil
end

local function find_by(self, field, value)
  for _, member in ipairs(self.floor.member_list) do
    if member[field] == value then return member end
  end
end

-- 3: an issuer `barong` finds or makes the member, and writes level and state into it.
local function member_of(self, claims)
  local member = find_by(self, "email", claims.email)
  if claims.iss ~= "barong" then return member end
  if is_blank(claims.uid) or is_blank(claims.state) or not tonumber(claims.level) then
    return nil
  end
  local holder = find_by(self, "uid", claims.uid)
  if holder and holder ~= member or member and member.uid and member.uid ~= claims.uid then
    return nil
  end
  member = member or self.floor:add_member({ name = claims.email, email = claims.email }, {})
  member.uid, member.level, member.state = claims.uid, tonumber(claims.level), claims.state
  return member
end

--- The member of "Bearer <token>"; nil when it is not taken, whatever the reason.
function Auth:by_bearer(text, now)
  local token = text:match("^%s*Bearer%s+(%S+)")
  local claims = token and self.tokens:read(token)
  if not claims or not are_claims_good(claims, math.floor(now / 1000)) then return nil end
  return member_of(self, claims)
end

-- Keys --------------------------------------------------------------------------------------------

--- The original's answer to a challenge: the member; or nil, and whether the venue says so (it does
--- not for a key that it does not know).
function Auth:by_answer(access_key, answer, challenge)
  local key = self.keys[access_key]
  if not key then return nil, false end
  if answer == self.hmac(key.secret, access_key .. challenge) then return key.member end
  return nil, true
end

local function use_once(key, tonce, now)
  for used, at in pairs(key.used) do
    if now - at > TONCE_KEPT_MS then key.used[used] = nil end
  end
  if key.used[tonce] then return false end
  key.used[tonce] = now
  return true
end

-- Sorted by name; what belongs to one list stays in its sequence.
local function canonical(list)
  local rows, texts = {}, {}
  for i, pair in ipairs(list) do
    if not pair:find("^signature=") then
      rows[#rows + 1] = { name = pair:match("^[^=%[]*"), place = i, text = pair }
    end
  end
  table.sort(rows, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.place < b.place
  end)
  for i, row in ipairs(rows) do texts[i] = row.text end
  return table.concat(texts, "&")
end

--- The original's signed parameters: the member; or nil, code, text. `list`: "name=value", decoded.
function Auth:by_signature(verb, path, fields, list, now)
  local key = self.keys[fields.access_key or ""]
  if not key then
    return nil, 2008, ("The access key %s does not exist."):format(fields.access_key or "")
  end
  local payload = verb .. "|" .. path .. "|" .. canonical(list)
  if fields.signature ~= self.hmac(key.secret, payload) then
    return nil, 2005, ("Signature %s is incorrect."):format(fields.signature or "")
  end
  local tonce = tonumber(fields.tonce)
  if not tonce or math.abs(tonce - now) > TONCE_MS then
    return nil, 2007, ("The tonce %s is invalid, current timestamp is %.0f."):format(
      fields.tonce or "", now)
  end
  if not use_once(key, tonce, now) then
    return nil, 2006, ("The tonce %s has already been used by access key %s."):format(
      fields.tonce, fields.access_key)
  end
  return key.member
end

--- The gateway's headers: the member; or nil and the key of the error.
function Auth:by_headers(headers, now)
  local apikey, nonce = headers["x-auth-apikey"], headers["x-auth-nonce"]
  local key = self.keys[apikey]
  if not key then return nil, "authz.unexistent_apikey" end
  local ms = tonumber(nonce)
  if not ms then return nil, "authz.nonce_not_valid_timestamp" end
  if math.abs(ms - now) > NONCE_MS then return nil, "authz.nonce_expired" end
  if headers["x-auth-signature"] ~= self.hmac(key.secret, nonce .. apikey) then
    return nil, "authz.invalid_signature"
  end
  return key.member
end

return Auth
