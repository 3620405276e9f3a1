--- Indodax: the countdown after which the venue cancels all open orders of a pair, everybody's.
--- Source: the venue's Deadman-switch document. (Its "use your Key" as the key of the signature is
--- wrong: its own examples are made with the secret.)

local rest = require "moonwire.venues.indodax.rest"

---@type moonwire.CountdownSpec
local M = {
  -- The venue takes 10 requests in 10 s from one address, those of other programs included. Beats,
  -- at most 5 in that time, must always find room: arming and turning off share what is left.
  limits = {
    { name = "countdown", count = 9, per = 10, kinds = { "beat", "arm", "off" } },
    { name = "spare", count = 4, per = 10, kinds = { "arm", "off" } },
    { name = "off", count = 2, per = 10 },
  },
}

--- One request for all of `markets`; 0 seconds turn the countdown off.
function M.request(s, markets, seconds)
  local names = {}
  for i, market in ipairs(markets) do names[i] = market.pair end
  local body = ("pair=%s&countdownTime=%.0f&timestamp=%.0f&recvWindow=%d"):format(
    table.concat(names, ","), seconds * 1000, s:venue_ms(), rest.RECV_WINDOW_MS)
  return {
    method = "POST", url = s.config.rest_url .. "/tapi/countdownCancelAll", body = body,
    headers = { { "Content-Type", "text/plain" }, { "Key", s.config.key },
                { "Sign", s.config.secret:hmac("sha512", body, "hex") } },
  }
end

local classes = { permanent = "refused", limit = "limit", limit_ip = "limit" }

--- True, or nil, why, class.
function M.answer(s, status, body)
  local answer, reason, class, code = rest.read_answer(status, body)
  if answer then return true end
  if class == "clock" then s:refresh_clock() end
  if code == "not_authorized" then
    return nil, "the venue gives this account no countdown: " .. reason, "refused"
  end
  -- Of a list with one bad pair none is armed.
  if code == "bad_request" and not reason:lower():find("countdown time", 1, true) then
    return nil, reason, "pair"
  end
  return nil, reason, classes[class] or "retry"
end

return M
