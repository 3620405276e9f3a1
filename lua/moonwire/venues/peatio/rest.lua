--- Peatio: REST requests in the way of each dialect, and what the answers mean.
--- Sections 6, 10 and 12 of the venue's page.

local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local token = require "moonwire.venues.peatio.token"

local M = {}
local FORM = { "Content-Type", "application/x-www-form-urlencoded" }

-- Signing in --------------------------------------------------------------------------------------

-- The list { name, value, name, value } as { "name=value" }, sorted where the venue signs them so.
local function pairs_of(parameters)
  local list = {}
  for i = 1, #parameters, 2 do
    list[#list + 1] = parameters[i] .. "=" .. tostring(parameters[i + 1])
  end
  return list
end

-- The original's way (10): parameters sorted, not percent-encoded, signed with verb and path.
-- Values here are of A-Z a-z 0-9 . - alone. "access_key" sorts before all other names.
local function sign_parameters(s, verb, path, parameters)
  local memory = s.memory
  memory.tonce = math.max((memory.tonce or 0) + 1, s:venue_ms())   -- used once by a key
  local list = pairs_of(parameters)
  list[#list + 1] = ("tonce=%.0f"):format(memory.tonce)
  table.sort(list)
  local text = "&" .. table.concat(list, "&")
  local key, secret = s.config.key, s.config.secret
  local signature = secret:hmac("sha256", { verb .. "|" .. path .. "|access_key=", key, text },
                                "hex")
  return { "access_key=", key, text .. "&signature=" .. signature }
end

--- The API key's headers of the gateway (12): neither path nor body is signed.
function M.key_headers(s)
  local nonce = ("%.0f"):format(s:venue_ms())
  local key = s.config.key
  return { { "X-Auth-Apikey", key }, { "X-Auth-Nonce", nonce },
           { "X-Auth-Signature", s.config.secret:hmac("sha256", { nonce, key }, "hex") } }
end

local function bearer_headers(s)
  local pieces, err = token.current(s)
  if not pieces then return nil, err end
  return { { "Authorization", pieces } }
end

-- The text of the parameters and the headers; nil, err when there is no token to show.
local function authenticate(s, verb, path, parameters)
  if s.config.dialect == "hmac" then return sign_parameters(s, verb, path, parameters), {} end
  local headers, err
  if s.config.dialect == "ranger" and s.config.key then headers = M.key_headers(s)
  else headers, err = bearer_headers(s) end
  if not headers then return nil, err end
  return table.concat(pairs_of(parameters), "&"), headers
end

--- A request as the member, to be made at once; `parameters` is a list of names and values. nil,
--- err when there is no token to show.
function M.request(s, verb, path, parameters)
  local full_path = s.protocol.base_path .. path
  local text, headers = authenticate(s, verb, full_path, parameters)
  if not text then return nil, headers end
  local request = { method = verb, headers = headers }
  local url = s.config.rest_url .. full_path
  if verb == "POST" then
    request.url, request.body = url, text
    table.insert(request.headers, FORM)
  elseif type(text) == "table" then
    table.insert(text, 1, url .. "?")
    request.url = text
  else
    request.url = text == "" and url or url .. "?" .. text
  end
  return request
end

-- Answers -----------------------------------------------------------------------------------------

-- What a code of the venue says to a person, where its own words do not; and the class of what
-- follows. By HTTP status, because the original uses some numbers twice.
local refused_order = "the venue does not say why; it may be funds, qty, price, or too thin a book"
local codes = {
  [401] = {
    [2000] = { "the member's verification level does not allow trading", "permission" },
    [2001] = { "the token was not taken", "token" },
    [2005] = { "bad signature: `secret` does not belong to `key`", "key" },
    [2006] = { "the tonce was used already: another program with this key?", "reject" },
    [2007] = { "the tonce is out of range: is this machine's clock right?", "clock" },
    [2008] = { "no such access key", "key" },
    [2009] = { "the access key is disabled", "key" },
    [2010] = { "the access key has expired", "key" },
    [2011] = { "the access key has no permission for this", "permission" },
  },
  [404] = { [2004] = { nil, "not_found" } },
  [422] = { [2002] = { refused_order, "reject" }, [2005] = { "not enough funds", "reject" },
            [2003] = { "no open order of this member has the id", "not_found" } },
  [400] = { [2002] = { refused_order, "reject" },
            [2003] = { "no open order of this member has the id", "not_found" } },
}

-- The keys of 2.x and 3.x (12), and of the gateway before it.
local keys = {
  ["market.account.insufficient_balance"] = { "not enough funds", "reject" },
  ["market.order.insufficient_market_liquidity"] = { "too thin a book for a market order",
                                                     "reject" },
  ["market.trade.not_permitted"] = { "the member may not trade: its verification level is too low",
                                     "permission" },
  ["market.order.cancel_error"] = { nil, "not_found" },
  ["record.not_found"] = { nil, "not_found" },
  ["jwt.decode_and_verify"] = { "the token was not taken", "token" },
  ["server.internal_error"] = { nil, "unknown" },
  ["authz.invalid_signature"] = { "bad signature: `secret` does not belong to `key`", "key" },
  ["authz.nonce_expired"] = { "the nonce is too old: is this machine's clock right?", "clock" },
  ["authz.nonce_not_valid_timestamp"] = { "the nonce is no time", "clock" },
  ["authz.unexistent_apikey"] = { "no such API key", "key" },
  ["authz.apikey_not_active"] = { "the API key is not active", "key" },
  ["authz.disabled_2fa"] = { "the API key's owner has switched off two-factor authentication",
                             "key" },
  ["authz.invalid_permission"] = { "the API key has no permission for this", "permission" },
}

local function reason_of(text, entry)
  return entry[1] and ("%s (%s)"):format(entry[1], text) or text
end

-- Reason and class of a refusal in the venue's own words; nil when the body is none.
local function refusal(status, answer)
  local e, list = answer.error, answer.errors
  if type(e) == "table" and e.message then
    local entry = (codes[status] or {})[tonumber(e.code)]
    local text = ("%s, code %s"):format(tostring(e.message), tostring(e.code))
    if entry then return reason_of(text, entry), entry[2] end
    return text, status == 401 and "key" or "reject"
  elseif type(e) == "string" then return e, "reject" end
  local key = type(list) == "table" and list[1] or list
  if key == nil then return nil end
  local entry = keys[key] or {}
  return reason_of(tostring(key), entry), entry[2] or "reject"
end

--- Reads an answer: what it says, or nil, reason, class. Class "unknown": it says nothing about
--- what the venue did; "limit": too many; else it was refused: "token", "key", "permission",
--- "clock", "not_found", "reject".
function M.read_answer(status, body)
  if status == nil then return nil, body, "unknown" end
  if status == 429 then return nil, "too many requests (HTTP 429)", "limit" end
  local answer = status < 500 and json.decode(body) or nil
  if status >= 200 and status < 300 then
    if answer ~= nil then return answer end
    return nil, ("HTTP %d with a body that is no JSON"):format(status), "unknown"
  end
  if status < 500 and type(answer) == "table" then
    local reason, class = refusal(status, answer)
    if reason then return nil, reason, class end
  end
  if status == 404 and body:find("^%s*404 Not Found%s*$") then
    return nil, "the venue has no such path: check rest_url", "reject"
  end
  return nil, ("HTTP %d without the venue's own words"):format(status), "unknown"
end

local KINDS = { "submit", "cancel", "query" }
local LIMIT_SECONDS = 30              -- when the venue does not say how long

--- What a refusal means for all that follows.
function M.on_refusal(s, class, headers)
  if class == "token" then token.refused(s) end
  -- A token is made by the clock as well. A tonce that was out of range was taken nowhere, and the
  -- next ones need not be above it.
  if class == "clock" or class == "token" then s:refresh_clock() end
  if class == "clock" then s.memory.tonce = nil end
  if class ~= "limit" then return end
  local seconds = tonumber((headers or ""):lower():match("retry%-after:%s*(%d+)"))
  for _, kind in ipairs(KINDS) do
    s.limiter:block(kind, nil, seconds or LIMIT_SECONDS, dispatch.now())
  end
end

-- A refusal of the member ends the session while it never was up: something is wrong with the
-- configuration. Later it is the venue's matter, and may be mended there.
local function session_class(s, class)
  if class == "token" or class == "key" or class == "permission" then
    return s.is_settled and "refused" or "permanent"
  end
  return class
end
M.session_class = session_class

--- Asks as the member: the answer, or nil, reason, class. A token that was not taken is replaced
--- once. Waits for its turn before it signs: what is signed ages.
function M.query(s, path, parameters, verb)
  local answer, reason, class, headers
  for attempt = 1, 2 do
    s:await_turn "query"
    local request, err = M.request(s, verb or "GET", path, parameters)
    if not request then return nil, err, session_class(s, "token") end
    local status, body
    status, body, headers = s:call(request)
    answer, reason, class = M.read_answer(status, body)
    if answer ~= nil then return answer end
    M.on_refusal(s, class, headers)
    if class ~= "token" or attempt == 2 then break end
  end
  return nil, reason, session_class(s, class)
end

--- Asks without signing in: the answer, or nil, err. Waits.
function M.public(s, path)
  local status, body = s:call { method = "GET", limit = "public",
                                url = s.config.rest_url .. s.protocol.base_path .. path }
  local answer, reason, class = M.read_answer(status, body)
  if answer == nil then return nil, path .. ": " .. reason, class end
  return answer
end

return M
