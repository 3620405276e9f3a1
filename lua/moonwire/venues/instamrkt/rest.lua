--- Instamrkt: REST: signing in with an anti-forgery token, and bets. Sections 2 and 3 of the
--- venue's page. Cookies are secrets as the session key is.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"
local sorted = require "moonwire.sorted"
local wire = require "moonwire.venues.instamrkt.wire"

local M = { KEY_SECONDS = 24 * 3600 }
local JSON = { "Content-Type", "application/json" }

-- Cookies -----------------------------------------------------------------------------------------

-- A secret that there is room for, or an error.
local function secret(text)
  local handle, err = host.secret_text(text)
  return handle or error(err, 0)
end

local function keep_cookies(jar, headers)
  for line in tostring(headers):gmatch "[^\r\n]+" do
    local name, value = line:match "^[Ss][Ee][Tt]%-[Cc][Oo][Oo][Kk][Ii][Ee]:%s*([^=;%s]+)=([^;]*)"
    if name then
      value = value:gsub('^"(.*)"%s*$', "%1")
      jar[name] = value ~= "" and secret(value) or nil
    end
  end
end

local function headers_with(jar)
  local names, pieces = sorted.keys(jar), {}
  for i, name in ipairs(names) do
    pieces[#pieces + 1] = (i > 1 and "; " or "") .. name .. "="
    pieces[#pieces + 1] = jar[name]
  end
  local headers = { JSON }
  if #names > 0 then headers[2] = { "Cookie", pieces } end
  if jar._xsrf then headers[3] = { "X-XSRFToken", jar._xsrf } end
  return headers
end

-- Answers -----------------------------------------------------------------------------------------

-- The venue's words: a text, or a list of them.
local function words_of(answer)
  local msg = type(answer) == "table" and answer.msg
  if type(msg) == "table" then msg = table.concat(msg, "; ") end
  return type(msg) == "string" and msg ~= "" and msg or nil
end

--- Reads an answer: a table, or nil, reason, class. Class "unknown": it says nothing of what the
--- venue did; "login": who we are was not taken; "reject": it was refused.
function M.read_answer(status, body)
  if status == nil then return nil, body, "unknown" end
  local answer = json.decode(body)
  if status == 200 and type(answer) == "table" then return answer end
  local words = words_of(answer)
  if status == 401 or status == 403 then
    return nil, words or ("HTTP %d"):format(status), "login"
  end
  if words then return nil, words, "reject" end
  return nil, ("HTTP %d without the venue's own words"):format(status), "unknown"
end

-- Signing in --------------------------------------------------------------------------------------

-- A wrong password does not mend itself; what worked before may work again.
local function login_class(s, class)
  if class ~= "login" then return "retry" end
  return s.is_settled and "refused" or "permanent"
end

--- Logs in: from then on memory.user_id, .key and .cookies are good for a day. Waits.
function M.login(s)
  local c, jar = s.config, {}
  local status, page, headers = s:call { method = "GET", url = c.rest_url .. "/",
                                          has_secret_answer = true }
  if not status then return nil, "login: " .. page, "retry" end
  keep_cookies(jar, headers)
  if not jar._xsrf then
    return nil, "login: the venue's page sets no cookie _xsrf: check rest_url", "retry"
  end
  local password, err = c.password:quoted()
  if not password then return nil, "login: " .. err, "permanent" end
  local body
  status, body, headers = s:call {
    method = "POST", url = c.rest_url .. "/r/login/", headers = headers_with(jar),
    has_secret_answer = true,
    body = { '{"username":' .. json.encode(c.login) .. ',"password":', password, "}" },
  }
  local answer, reason, class = M.read_answer(status, body)
  if not answer then
    if class == "login" then reason = reason .. ": check `login` and `password`" end
    return nil, "login: " .. reason, login_class(s, class)
  end
  local id, key = wire.id(answer.id), wire.id(answer.user_session_key)
  if not (id and key) then
    return nil, "login: the answer has no id or no user_session_key", "retry"
  end
  keep_cookies(jar, headers)
  local memory = s.memory
  memory.user_id, memory.key, memory.cookies = id, secret(key), jar
  memory.key_ends_at = dispatch.now() + M.KEY_SECONDS
  return true
end

--- Makes sure that there is a session key; waits where it logs in.
function M.sign_in(s)
  local memory, c = s.memory, s.config
  if c.login then
    if memory.key then return true end
    return M.login(s)
  end
  memory.user_id, memory.key = c.user_id, c.session_key
  return true
end

--- The session key was not taken: the next connection logs in again, where it can. err and class.
function M.on_refused(s, why)
  if s.config.login then
    s.memory.key, s.memory.cookies = nil, nil
    return why .. ": logging in again", "once"
  end
  local ok = s.config.session_key:reload()             -- a file may hold another one by now
  return why .. ": `session_key` lives for 24 hours and ends with each login: put a new one, or "
    .. "configure `login` and `password`", ok and "once" or "permanent"
end

--- Where the WebSocket is, signed: SHA-256 over id, nonce and key (3). Whoever sees it can repeat
--- it.
function M.socket_url(s)
  local memory = s.memory
  memory.nonce = math.max((memory.nonce or 0) + 1, dispatch.now_ms() * 1000)
  local nonce = ("%.0f"):format(memory.nonce)
  local digest = host.digest("sha256", { memory.user_id, nonce, memory.key }, "hex")
  host.redact(digest)
  local url = s.config.private_url
  if not url:find "^%a+://[^/]+/" then url = url .. "/" end
  return ("%s?id=%s&n=%s&h=%s"):format(url, wire.escape(memory.user_id), nonce, digest)
end

-- Games -------------------------------------------------------------------------------------------

--- The ids of games that are over and in which we bet, as a set; nil, err. Waits.
function M.game_history(s)
  local status, body = s:call {
    method = "GET", headers = headers_with(s.memory.cookies or {}),
    url = ("%s/r/games/history/%s"):format(s.config.rest_url, wire.escape(s.memory.user_id)) }
  local answer, reason = M.read_answer(status, body)
  if not answer then return nil, "history: " .. reason end
  local games = {}
  for _, row in ipairs(type(answer.game_history) == "table" and answer.game_history or {}) do
    local id = wire.id(row.id)
    if id then games[id] = true end
  end
  return games
end

-- Bets --------------------------------------------------------------------------------------------

--- The request that places a bet in an active game.
function M.bet(s, market, qty)
  local path = ("%s/r/sources/%s/games/active/%s/pools/open/%s/predictions/"):format(
    s.config.rest_url, wire.escape(s.config.source_id), wire.escape(market.game_id),
    wire.escape(market.pool_id))
  return { method = "POST", url = path, headers = headers_with(s.memory.cookies),
           body = '{"target_id":' .. json.encode(market.target) .. ',"amount":' .. tostring(qty)
             .. "}" }
end

return M
