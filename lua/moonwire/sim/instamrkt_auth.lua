--- Who a client of the simulated Instamrkt is: passwords, session keys and their life, cookies, the
--- anti-forgery token, digests (page sections 2 and 3).

local AUTO_LOGON_MS = 15 * 60 * 1000

---@class moonwire.sim.InstamrktAuth
local Auth = { __name = "moonwire.sim.InstamrktAuth" }
Auth.__index = Auth

--- `options`: settings, random, sha256(text) -> hex.
function Auth.new(options)
  local auth = setmetatable({ users = {}, by_id = {}, tokens = {} }, Auth)
  for name, value in pairs(options) do auth[name] = value end
  return auth
end

--- Lets a member sign in; `key`: a session key that is good at once.
function Auth:add_user(member, password, key, now)
  local user = { member = member, name = member.name, id = tostring(member.id),
                 password = password, key = key, nonces = {}, closed_at = nil, cookie = nil,
                 key_ends_at = key and now + self.settings.key_life * 1000 }
  self.users[member.name], self.by_id[user.id] = user, user
  return user
end

--- A token of a page.
function Auth:new_token()
  local token = self.random:hex(32)
  self.tokens[token] = true
  return token
end

--- "a=1; b=2" as a table.
function Auth.cookies(header)
  local jar = {}
  for name, value in (header or ""):gmatch "([^=;%s]+)=([^;]*)" do jar[name] = value end
  return jar
end

--- Whether a request shows the token of its cookie in its header.
function Auth:is_genuine(headers)
  local token = Auth.cookies(headers.cookie)._xsrf
  return token ~= nil and self.tokens[token] and headers["x-xsrftoken"] == token or false
end

--- A new session key, which ends the one before; nil when name or password are wrong.
function Auth:login(name, password, now)
  local user = self.users[name or ""]
  if not user or user.password ~= password then return nil end
  user.key, user.cookie = self.random:uuid(), self.random:hex(40)
  user.key_ends_at = now + self.settings.key_life * 1000
  return user
end

function Auth.logout(user) user.cookie = nil end

--- Who a request is of, by its cookie.
function Auth:user_of(headers)
  local cookie = Auth.cookies(headers.cookie).im_user
  if not cookie or cookie == "" then return nil end
  for _, user in pairs(self.users) do
    if user.cookie == cookie then return user end
  end
end

--- Ends a session key before its time.
function Auth.expire(user, now) user.key_ends_at = now end

--- Who connects with this id, nonce and digest; nil when they do not fit, or the nonce was used.
function Auth:check_digest(id, nonce, digest, now)
  local user = self.by_id[id or ""]
  if not (user and user.key and nonce and now < user.key_ends_at) then return nil end
  if user.nonces[nonce] or self.sha256(id .. nonce .. user.key) ~= digest then return nil end
  user.nonces[nonce] = true
  return user
end

--- Whether a user who connects is logged on by himself: he was here a moment ago.
function Auth.returns_soon(user, now)
  return user.closed_at ~= nil and now - user.closed_at < AUTO_LOGON_MS
end

return Auth
