--- Keys, signatures, freshness and tokens of the simulated Indodax (page sections 2, 3).

local json = require "moonwire.json"
local wire = require "moonwire.sim.wire"

---@class moonwire.sim.IndodaxAuth
local Auth = { __name = "moonwire.sim.IndodaxAuth" }
Auth.__index = Auth

--- `options`: hmac(secret, algorithm, message) -> hex; settings; jwt_secret.
function Auth.new(options)
  return setmetatable({ hmac = options.hmac, settings = options.settings,
                        jwt_secret = options.jwt_secret, keys = {}, min_exp = 0 }, Auth)
end

--- Adds a key. `kind`: "tapi" (also signs the January histories) or "v2".
function Auth:add_key(key, secret, member, kind)
  self.keys[key] = { key = key, secret = secret, member = member, kind = kind or "tapi" }
end

--- What a client signs: the query and the body as they came; for a multipart body the form text
--- that its fields mean (the venue's PHP sample signs that, section 2).
function Auth.signed_text(query, headers, body)
  local form = wire.form_of_multipart(headers["content-type"] or "", body) or body
  return query .. form, wire.parse_form(form, wire.parse_form(query))
end

--- True when `signature` (any hex case) is that of `message`.
function Auth:verify(entry, algorithm, message, signature)
  return self.hmac(entry.secret, algorithm, message) == signature:lower()
end

--- Compares two runs of digits as numbers of any length.
local function is_greater(a, b)
  a, b = a:gsub("^0+", ""), b:gsub("^0+", "")
  if #a ~= #b then return #a > #b end
  return a > b
end

local function check_timestamp(fields, now)
  local timestamp = tonumber(fields.timestamp:match("^%d+$"))
  local window = tonumber((fields.recvWindow or "5000"):match("^%d+$"))
  if not timestamp then return "Invalid timestamp.", "invalid_timestamp" end
  if not window then return "Invalid recvWindow.", "invalid_timestamp" end
  if timestamp >= now + 1000 then
    return "Timestamp for this request was 1000ms ahead of the server's time.", "invalid_timestamp"
  end
  if now - timestamp > window then
    return "Timestamp for this request is outside of the recvWindow.", "invalid_timestamp"
  end
end

--- Section 2, freshness: nil when the request is fresh, else error and code. `now`: the venue's ms.
function Auth.stale(entry, fields, now)
  if (fields.timestamp or "") ~= "" then return check_timestamp(fields, now) end
  local nonce = fields.nonce or ""
  if not nonce:find("^%d+$") then
    return "Invalid nonce. Send nonce, or timestamp and recvWindow.", "invalid_nonce"
  end
  local last = entry.last_nonce or "0"
  if not is_greater(nonce, last) then
    return string.format("Nonce must be greater than %s. You provided %s.", last, nonce),
           "invalid_nonce"
  end
  entry.last_nonce = nonce
end

--- TAPI and dead-man, in the order of section 12: key header, sign header, key known, sign,
--- freshness.
---@return table|nil entry  of the key
---@return table|string fields_or_error
---@return string|nil error_code
function Auth:check(headers, query, body, now)
  if (headers.key or "") == "" then return nil, "API key not found in header.", "key_not_found" end
  if (headers.sign or "") == "" then return nil, "Sign not found in header.", "sign_not_found" end
  local entry = self.keys[headers.key]
  if not entry or entry.kind ~= "tapi" then
    return nil, "Invalid credentials. API not found or session has expired.", "invalid_credentials"
  end
  local message, fields = Auth.signed_text(query, headers, body)
  if not self:verify(entry, "sha512", message, headers.sign) then
    return nil, "Invalid credentials. Bad sign.", "bad_sign"
  end
  local problem, code = Auth.stale(entry, fields, now)
  if problem then return nil, problem, code end
  return entry, fields
end

local JWT_HEADER = wire.base64url('{"typ":"JWT","alg":"HS256"}')

function Auth:_jwt_signature(text)
  return wire.base64url(wire.from_hex(self.hmac(self.jwt_secret, "sha256", text)))
end

--- HS256 over {"sub":user,"exp":seconds}.
function Auth:make_token(user, exp)
  local claims = string.format('{"sub":"%s","exp":%.0f}', user, exp)
  local text = JWT_HEADER .. "." .. wire.base64url(claims)
  return text .. "." .. self:_jwt_signature(text)
end

--- The claims of a token, nil when it is malformed or not ours. Says nothing about `exp`.
function Auth:read_token(token)
  local text, claims, signature = token:match("^([%w_-]+%.([%w_-]+))%.([%w_-]+)$")
  if not text or self:_jwt_signature(text) ~= signature then return nil end
  local decoded = json.decode(wire.from_base64url(claims) or "")
  if type(decoded) ~= "table" or type(decoded.sub) ~= "string" then return nil end
  return { sub = decoded.sub, exp = tonumber(decoded.exp) }
end

--- 109 when the token's second has passed, 110 in that very second (4.3); nil while it is good.
function Auth:token_error(claims, now)
  local second, exp = math.floor(now / 1000), claims.exp
  if exp and (second > exp or exp <= self.min_exp) then return 109 end
  if exp and second == exp then return 110 end
end

--- Ends all tokens made so far.
function Auth:expire_tokens(now)
  self.min_exp = math.floor(now / 1000) + self.settings.token_life
end

--- POST /api/private_ws/v1/generate_token (section 3).
function Auth:answer_token(headers, query, body, now)
  local message, fields = Auth.signed_text(query, headers, body)
  local key = fields.tapi_key or ""
  local entry = self.keys[key]
  local problem, code
  if not key:find("^[%w_-]+$") or #key > 64 then
    problem, code = "Invalid TAPI key", "invalid_tapi_key"
  elseif not entry or entry.kind ~= "tapi" then
    problem, code = "Invalid credentials. API not found or session has expired.",
      "invalid_credentials"
  elseif not self:verify(entry, "sha512", message, headers.sign or "") then
    problem, code = "Invalid credentials. Bad sign.", "bad_sign"
  end
  if problem then
    return wire.object("success", 0, "error", wire.text(problem), "error_code", wire.text(code))
  end
  local user = entry.member.channel_user
  local exp = math.max(math.floor(now / 1000) + self.settings.token_life, self.min_exp + 1)
  return wire.object("success", 1, "return", wire.object(
    "connToken", wire.text(self:make_token(user, exp)), "channel", wire.text("pws:#" .. user)))
end

return Auth
