--- Who a client of the simulated Finery Markets is: keys, signatures, nonces, timestamps (page
--- section 3). One high-water mark of nonces a key, over REST and WebSocket.

local decimal = require "moonwire.decimal"

local SKEW_MS, WINDOW_MS = 60000, 120000
local UNKNOWN_KEY, BAD_NONCE, BAD_TIMESTAMP, BAD_PARAMETER, BAD_SIGNATURE = 3, 6, 7, 9, 14

---@class moonwire.sim.FineryAuth
local Auth = { __name = "moonwire.sim.FineryAuth" }
Auth.__index = Auth

--- `options`: settings, hmac(secret, message) -> base64.
function Auth.new(options)
  return setmetatable({ settings = options.settings, hmac = options.hmac, keys = {} }, Auth)
end

function Auth:add_key(key, secret, member)
  self.keys[key] = { secret = secret, member = member, seen = {} }
end

-- A whole number as it stands in the signed text: 1.7e15 is none.
local function number_in(text, name)
  return text:match('"' .. name .. '"%s*:%s*(%d+)%s*[,}]')
end

local function is_fresh(self, key, nonce, now)
  if self.settings.nonce == "window" then
    for seen, at in pairs(key.seen) do
      if now - at > WINDOW_MS then key.seen[seen] = nil end
    end
    if key.seen[nonce] then return false end
    key.seen[nonce] = now
    return true
  end
  local value = decimal(nonce)
  if key.last and value <= key.last then return false end
  key.last = value
  return true
end

--- The member of a signed text, or nil and the error's number. `signed` is what was signed,
--- `content` the part of it with nonce and timestamp; now: the venue's ms.
function Auth:check(headers, signed, content, now)
  local key = self.keys[headers["efx-key"] or ""]
  if not key then return nil, UNKNOWN_KEY end
  if self.hmac(key.secret, signed) ~= headers["efx-sign"] then return nil, BAD_SIGNATURE end
  local nonce, timestamp = number_in(content, "nonce"), number_in(content, "timestamp")
  if not nonce or not timestamp then return nil, BAD_PARAMETER, nonce and "timestamp" or "nonce" end
  if self.settings.frozen == 0 and math.abs(tonumber(timestamp) - now) > SKEW_MS then
    return nil, BAD_TIMESTAMP
  end
  if not is_fresh(self, key, nonce, now) then return nil, BAD_NONCE end
  return key.member
end

return Auth
