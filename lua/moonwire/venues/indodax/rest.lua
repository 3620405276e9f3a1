--- Indodax: requests, and what their answers mean. TAPI is signed over its form, Trade API 2 over
--- its query; both tell errors as texts.
--- Source: the venue's Private-RestAPI, INDODAX-TradeAPI-2 and Public-RestAPI documents.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local http = require "moonwire.http"

local M = { RECV_WINDOW_MS = 5000 }
local time_calls = 0

-- Errors ------------------------------------------------------------------------------------------

-- Texts are the key: matched in lower case and by part. { part, reason, class }
local errors = {
  { "internal_server_error", nil, "unknown" },         -- with HTTP 200 as well: what was done?
  { "internal server error", nil, "unknown" },
  { "failed to process request", nil, "unknown" },
  { "invalid tapi key", "the API key is malformed: check `key`", "permanent" },
  { "api not found or session has expired", "the API key is unknown, deleted or expired",
    "permanent" },
  { "bad sign", "bad signature: `secret` does not belong to `key`", "permanent" },
  { "key not found", "no API key arrived", "permanent" },
  { "sign not found", "no signature arrived", "permanent" },
  { "no permission", "the API key has no permission for this: enable trade for it", "permanent" },
  { "account is locked", "the account is locked", "permanent" },
  { "account locked", "the account is locked", "permanent" },
  { "account is disabled", "the account is disabled", "permanent" },
  { "nonce", "the nonce was not accepted", "retry" },
  { "timestamp", "the timestamp was not accepted: is this machine's clock right?", "clock" },
  { "recvwindow", "the timestamp was not accepted: is this machine's clock right?", "clock" },
  { "insufficient balance", "insufficient balance", "reject" },
  { "minimum order", nil, "reject" },
  { "minimum price", nil, "reject" },
  { "in decimal", "the amount must be whole", "reject" },
  { "invalid_pair", "no such market", "reject" },
  { "invalid pair", "no such market", "reject" },
  { "suspend", "the market is suspended", "reject" },
  { "maintenance", "the market is in maintenance", "reject" },
  { "disabled", "the market is disabled", "reject" },
  { "already exists", nil, "exists" },
  { "not maker", "would take: post_only", "reject" },
  { "too_many_requests_from_your_ip", "the venue's limit per IP", "limit_ip" },
  { "too many", "the venue's rate limit", "limit" },
  { "invalid order", nil, "not_found" },
  { "not found", nil, "not_found" },
  { "not exist", nil, "not_found" },
}

local function classify(text, code)
  local both = (tostring(text) .. " " .. tostring(code or "")):lower()
  for _, row in ipairs(errors) do
    if both:find(row[1], 1, true) then return row[2] or text, row[3] end
  end
  return text, "reject"
end

--- Reads an answer of TAPI. A table, or nil, reason, class, the venue's own code; class "unknown":
--- it says nothing about what the venue did.
function M.read_answer(status, body)
  local answer, why, nothing = http.read_table(status, body)
  if not answer then return nil, why, nothing end
  if tostring(answer.success) == "1" then
    return type(answer["return"]) == "table" and answer["return"] or {}
  end
  if type(answer.error) ~= "string" then
    return nil, ("HTTP %d without an error"):format(status), "unknown"
  end
  local reason, class = classify(answer.error, answer.error_code)
  if status >= 500 then class = "unknown" end
  return nil, reason, class, answer.error_code
end

-- Requests ----------------------------------------------------------------------------------------

local FORM = { "Content-Type", "application/x-www-form-urlencoded" }

--- A request of TAPI; `parameters` is a list of names and values, all of A-Z a-z 0-9 _ - . The text
--- is built once, signed, and sent: the very same bytes.
function M.tapi(s, method, parameters)
  local parts = { "method=" .. method }
  for i = 1, #parameters, 2 do parts[#parts + 1] = parameters[i] .. "=" .. parameters[i + 1] end
  parts[#parts + 1] = ("timestamp=%.0f&recvWindow=%d"):format(s:venue_ms(), M.RECV_WINDOW_MS)
  local body = table.concat(parts, "&")
  return {
    method = "POST", url = s.config.rest_url .. "/tapi", body = body,
    headers = { FORM, { "Key", s.config.key },
                { "Sign", s.config.secret:hmac("sha512", body, "hex") } },
  }
end

--- Asks by TAPI: the answer, or nil, reason, class. Waits for its turn before it signs: what is
--- signed is valid for RECV_WINDOW_MS.
function M.query(s, method, parameters)
  s:await_turn "query"
  local answer, err, class = M.read_answer(s:call(M.tapi(s, method, parameters)))
  if class == "clock" then s:refresh_clock() end
  return answer, err, class
end

--- Asks without a signature: the answer, or nil, err. Waits.
function M.public(s, path)
  local status, body = s:call { method = "GET", url = s.config.rest_url .. path, limit = "public" }
  local answer, err = http.read_table(status, body)
  if not answer then return nil, status and path .. ": " .. err or err end
  if answer.error then
    return nil, path .. ": " .. tostring(answer.error_description or answer.error)
  end
  return answer
end

--- Where the venue's time is asked for. The cache in front keeps plain calls for 30 s: a query that
--- never comes again goes past it.
function M.time_path()
  time_calls = time_calls + 1
  return ("/api/server_time?n=%.0f%d"):format(dispatch.now_ms(), time_calls)
end

--- Asks Trade API 2: the rows, or nil, err. Waits.
function M.history(s, path, parameters)
  s:await_turn "history"
  local c = s.config
  local text = ("%s&timestamp=%.0f&recvWindow=%d"):format(parameters, s:venue_ms(),
                                                          M.RECV_WINDOW_MS)
  local secret = c.history_secret or c.secret
  local status, body = s:call {
    method = "GET", url = (c.history_url or c.rest_url) .. path .. "?" .. text,
    headers = { { "Accept", "application/json" }, { "Content-Type", "application/json" },
                { "X-APIKEY", c.history_key or c.key },
                { "Sign", secret:hmac(c.history_sign or "sha512", text, "hex") } },
  }
  local answer, err = http.read_table(status, body)
  if not answer then return nil, err end
  if answer.code then
    return nil, ("%s (%s)"):format(tostring(answer.error or answer.msg), tostring(answer.code))
  end
  return answer.data
end

--- The token and the channel of a private connection: { connToken =, channel = }, or nil, err,
--- class.
--- Whoever sees the request can repeat it: nothing of it is logged. Waits.
function M.fetch_token(s)
  local body = { "client=tapi&tapi_key=", s.config.key }
  local status, answer_body = s:call {
    method = "POST", url = s.config.rest_url .. "/api/private_ws/v1/generate_token", body = body,
    headers = { FORM, { "Sign", s.config.secret:hmac("sha512", body, "hex") } },
  }
  local answer, err, class = M.read_answer(status, answer_body)
  if not answer then return nil, "token: " .. err, class == "permanent" and class or "retry" end
  if type(answer.connToken) ~= "string" or type(answer.channel) ~= "string" then
    return nil, "token: the answer has no connToken or no channel", "retry"
  end
  host.redact(answer.connToken)
  return answer
end

return M
