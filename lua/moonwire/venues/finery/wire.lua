--- Finery Markets: how the venue counts, signs, asks and says no. Section numbers are those of the
--- venue's API reference as far as it has any: Data Types, REST API, List of Error Codes.

local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local http = require "moonwire.http"
local json = require "moonwire.json"

local M = {}

-- Numbers -----------------------------------------------------------------------------------------

-- Prices, sizes and volumes are whole numbers of 1e-8 (Data Types).
M.DECIMALS = 8
local SCALE, UNIT = decimal "100000000", decimal "0.00000001"
local UNITS_MAX = decimal "9223372036854775807"

--- The whole number of 1e-8 that an amount is, as text; the amount was checked by `fits`.
function M.units(amount) return decimal.text(amount * SCALE) end

--- Whether an amount above 0 is a whole number of 1e-8 within 63 bits.
function M.fits(amount)
  return amount:sign() > 0 and amount:is_multiple(UNIT) and amount * SCALE <= UNITS_MAX
end

--- The amount of a whole number of 1e-8 in an answer (json.lua: a number or its digits). Raises
--- when it is none.
function M.amount(value)
  local digits = M.digits(value) or error("a whole number expected, got " .. tostring(value), 0)
  return decimal(digits) * UNIT
end

--- The digits of a whole number in an answer, as text; nil for anything else.
function M.digits(value)
  if type(value) == "number" then value = ("%.0f"):format(value) end
  return type(value) == "string" and value:match "^%-?%d+$" or nil
end

--- An id in an answer, as text; nil for none, which is 0.
function M.id(value)
  local digits = M.digits(value)
  return digits ~= "0" and digits or nil
end

--- The same of a field of the decoder.
function M.field_id(field)
  local digits = decode.text(field)
  return digits ~= "0" and digits or nil
end

-- Errors ------------------------------------------------------------------------------------------

-- code -> what it means, and its class: reject (nothing happened), unknown (something may have),
-- permanent (no request will work), nonce, clock, exists, gone, ok. (List of Error Codes.)
local errors = {
  [0] = { "ok", "ok" },
  [1] = { "the venue does not implement this method: update moonwire", "permanent" },
  [2] = { "the venue's backend is not connected", "unknown" },
  [3] = { "not authorised: check `key` and the rights that it has", "permanent" },
  [4] = { "already authorised", "ok" },
  [5] = { "bad password", "permanent" },
  [6] = { "the nonce was not accepted: does another program use this key?", "nonce" },
  [7] = { "the timestamp was not accepted: is this machine's clock right?", "clock" },
  [8] = { "the method is no longer available: update moonwire", "permanent" },
  [9] = { "a parameter is missing or wrong", "reject" },
  [10] = { "internal error of the venue", "unknown" },
  [13] = { "an agreement is not signed: sign it on the venue's site", "permanent" },
  [14] = { "bad signature: `secret` does not belong to `key`", "permanent" },
  [26] = { "no such currency", "reject" },
  [34] = { "no such instrument", "reject" },
  [36] = { "the instrument is not whitelisted by a counterparty", "reject" },
  [45] = { "no such client", "reject" },
  [70] = { "bad size", "reject" },
  [71] = { "bad price", "reject" },
  [72] = { "bad flags", "reject" },
  [73] = { "order type not allowed for this account: check `role`", "reject" },
  [74] = { "the client order id is in use", "exists" },
  [75] = { "would take: post_only", "reject" },
  [76] = { "nothing to match at this price", "reject" },
  [77] = { "not enough liquidity to fill all of it", "reject" },
  [78] = { "self-trade prevention", "reject" },
  [79] = { "the limits of the counterparties are exhausted", "reject" },
  [80] = { "the venue does not find the order", "gone" },
  [81] = { "either size or volume is wanted", "reject" },
  [82] = { "makers give a size, not a volume", "reject" },
  [83] = { "bad volume", "reject" },
  [84] = { "trading is not allowed", "reject" },
  [85] = { "no open position in these currencies", "reject" },
  [90] = { "nothing is left of the order", "reject" },
  [91] = { "the other side is expected", "reject" },
  [100] = { "bound already", "feed" },
  [101] = { "not bound", "feed" },
  [102] = { "no such feed", "feed" },
  [103] = { "bad id of a feed", "feed" },
  [104] = { "the venue's database is out of sync", "feed" },
}
-- Ranges of the list, for codes without a line of their own.
local ranges = {
  { 11, 15, "the venue's site wants a log-in" }, { 20, 28, "currency error" },
  { 30, 36, "instrument error" }, { 40, 46, "client error" }, { 50, 55, "limit settings" },
  { 60, 65, "settlement" }, { 110, 121, "form, user name or key" },
  { 130, 144, "settlement request" }, { 160, 167, "limits breached by settlement" },
}

--- What an error code means, in words, and its class. A code that nobody listed is a refusal.
---@param code integer
---@param param string|nil  the field that it is about
function M.explain(code, param)
  local row = errors[code]
  local text, class = row and row[1], row and row[2] or "reject"
  for _, range in ipairs(row and {} or ranges) do
    if code >= range[1] and code <= range[2] then text = range[3] end
  end
  local about = param and (" (%s)"):format(param) or ""
  return ("%s%s (error %d)"):format(text or "refused", about, code), class
end

-- Signing -----------------------------------------------------------------------------------------

-- A nonce below the last one is refused for good when the clock was set back over a restart: nobody
-- tells the last one, so the second refusal in a row tries ever farther ahead (seconds).
local LEAPS = { 60, 3600, 86400, 30 * 86400, 366 * 86400, 3660 * 86400 }

--- The next nonce of this key: microseconds since 1970, and always above all before.
---@param s table  the session
function M.next_nonce(s)
  local us = tonumber(dispatch.now_ns() / 1000) + (s.memory.nonce_leap or 0) * 1e6
  s.memory.nonce = math.max((s.memory.nonce or 0) + 1, us)
  return s.memory.nonce
end

--- A nonce was refused; nil when no leap is left.
function M.on_bad_nonce(s)
  local count = (s.memory.nonce_refusals or 0) + 1
  s.memory.nonce_refusals = count
  s.memory.nonce_leap = count > 1 and LEAPS[count - 1] or s.memory.nonce_leap
  return count - 1 <= #LEAPS
end

function M.on_good_nonce(s) s.memory.nonce_refusals = 0 end

-- The members that every signed text ends with.
local function stamp(s)
  return ('"nonce":%.0f,"timestamp":%.0f}'):format(M.next_nonce(s), s:venue_ms())
end

--- The headers of a WebSocket handshake (Websocket API).
function M.handshake(s)
  local content = "{" .. stamp(s)
  return { { "EFX-Key", s.config.key },
           { "EFX-Sign", s.config.secret:hmac("sha384", content, "base64") },
           { "EFX-Content", content } }
end

--- A request over REST. `content` is a JSON object; what is signed is made when it leaves.
function M.rest(s, method, content)
  return {
    method = "POST", url = s.config.rest_url .. "/api/" .. method,
    sign = function(request)
      local body = content:sub(1, -2) .. (content == "{}" and "" or ",") .. stamp(s)
      request.body = body
      request.headers = { { "Content-Type", "application/json" }, { "EFX-Key", s.config.key },
                          { "EFX-Sign", s.config.secret:hmac("sha384", method .. body, "base64") } }
    end,
  }
end

--- A request over the private connection. The secret of the line is the handshake: nothing of it is
--- signed.
---@param id integer  of link:request_id()
function M.text(id, method, content)
  return '{"event":"request","reqId":' .. id .. ',"method":"' .. method .. '","content":'
    .. content .. "}"
end

-- Answers -----------------------------------------------------------------------------------------

--- The number and the field of an error in an object that came; nil when it is none.
function M.error_in(answer)
  local code = type(answer) == "table" and tonumber(answer.error)
  if not code or code == 0 then return nil end
  return code, type(answer.param) == "string" and answer.param or nil
end

--- An answer over REST: its value, or nil, reason, class ("unknown": it says nothing).
function M.read_rest(s, status, body)
  local answer, why, nothing = http.read_table(status, body)
  if not answer then return nil, why, nothing end
  local code, param = M.error_in(answer)
  if code then
    local reason, class = M.explain(code, param)
    if class == "nonce" then M.on_bad_nonce(s) end
    return nil, reason, status >= 500 and "unknown" or class
  end
  if status ~= 200 then return nil, ("HTTP %d without an error"):format(status), "unknown" end
  M.on_good_nonce(s)
  return answer
end

--- Asks: over the private connection when it stands, else over REST. The answer, or nil, reason,
--- class. Waits.
---@param content string  a JSON object
function M.ask(s, method, content)
  s:await_turn "query"
  local link = s.private
  if not (link.is_linked and link.id) then
    return M.read_rest(s, s:call(M.rest(s, method, content)))
  end
  local id = link:request_id()
  local ok, err = link:send(M.text(id, method, content))
  local reply
  if ok then reply, err = link:await(id, math.max(2, s.config.request_timeout)) end
  if not reply then return nil, method .. ": " .. err, "retry" end
  if reply.code then
    local reason, class = M.explain(reply.code, reply.param)
    return nil, method .. ": " .. reason, class == "permanent" and class or "retry"
  end
  local answer
  answer, err = json.decode(reply.text or "")
  if answer == nil then return nil, ("%s: %s"):format(method, err), "retry" end
  return answer
end

--- What a refused handshake says: its class and why. (Websocket API: "check what has been sent in
--- response body".)
function M.refusal(http_status, body)
  local answer = json.decode(body)
  local code, param = M.error_in(answer)
  if not code then return "retry" end
  local reason, class = M.explain(code, param)
  return class == "permanent" and class or class == "nonce" and class or "retry",
         ("handshake refused: HTTP %d: %s"):format(http_status, reason)
end

return M
