--- A simulated Indodax behind its gateway, without sockets: time is a number, frames and answers
--- are tables, signatures are OpenSSL's.

local ffi      = require "ffi"
local fixture  = require "tests.moonwire.sim_fixture"
local json     = require "moonwire.json"
local Indodax  = require "moonwire.sim.indodax"
local pairs_of = require "moonwire.sim.indodax_pairs"
local Schedule = require "moonwire.sim.schedule"

ffi.cdef [[
const void *EVP_sha256(void);
const void *EVP_sha512(void);
unsigned char *HMAC(const void *evp_md, const void *key, int key_len, const char *d, size_t n,
                    unsigned char *md, unsigned int *md_len);
]]
local crypto = ffi.load("crypto")

local M = { KEY = "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4",
            SECRET = "5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddeeff00112233445566"
                     .. "778899aabbccddee",
            NOW = 1790000000123 }

--- HMAC as lower-case hex.
function M.hmac(secret, algorithm, message)
  local md, len = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")
  local kind = algorithm == "sha256" and crypto.EVP_sha256() or crypto.EVP_sha512()
  crypto.HMAC(kind, secret, #secret, message, #message, md, len)
  local hex = {}
  for i = 0, len[0] - 1 do hex[i + 1] = string.format("%02x", md[i]) end
  return table.concat(hex)
end

local Sim = fixture.class()

--- `options`: settings { "name=value" }, market (boolean), fault (text), balances, pairs (text).
function M.new(options)
  options = options or {}
  local schedule = Schedule.new()
  local venue = Indodax.new { pairs = fixture.pick(pairs_of, options.pairs),
                              settings = fixture.settings(Indodax, options.settings),
                              schedule = schedule, seed = 1, hmac = M.hmac,
                              jwt_secret = "sim-jwt-secret" }
  local member = venue:add_member("alice", M.KEY, M.SECRET,
                                  options.balances
                                  or { idr = "90000000", btc = "1.5", eth = "10" },
                                  "9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4")
  local sim = fixture.serve(Sim, venue, schedule, options)
  sim.member = member
  return sim
end

--- A signed call with the body as given. Answer body as text, status, id.
function Sim:signed(target, body, key, secret)
  local query = target:match("%?(.*)$") or ""
  local answer, id = self:request("POST", target, {
    Key = key or M.KEY, Sign = M.hmac(secret or M.SECRET, "sha512", query .. body),
    ["Content-Type"] = "application/x-www-form-urlencoded" }, body)
  return answer and answer.body, answer and answer.status, id
end

--- A TAPI call with a good timestamp: "method=getInfo".
function Sim:tapi(parameters, key, secret)
  return self:signed("/tapi", string.format("%s&timestamp=%.0f&recvWindow=5000", parameters,
                                            self.now),
                     key, secret)
end

--- The same, decoded; fails when the call does.
function Sim:ok(parameters)
  local body = self:tapi(parameters)
  local answer = json.decode(body)
  if not answer or tostring(answer.success) ~= "1" then
    error(parameters .. ": " .. tostring(body), 2)
  end
  return answer["return"]
end

--- The order events that came on a connection since the last call, decoded, over all frames and
--- lines.
function Sim:events(id)
  local events = {}
  for _, frame in ipairs(self.frames[id]) do
    for line in frame:gmatch("[^\n]+") do
      local message = json.decode(line)
      for _, event in ipairs(message.push and message.push.pub and message.push.pub.data or {}) do
        events[#events + 1] = event
      end
    end
  end
  self.frames[id] = {}
  return events
end

--- "NEW FILL DONE" of a list of events.
function Sim.statuses(events)
  local words = {}
  for i, event in ipairs(events) do
    words[i] = event.order and event.order.status or event.eventType
  end
  return table.concat(words, " ")
end

--- A token and its channel.
function Sim:token(key, secret)
  local body = self:signed("/api/private_ws/v1/generate_token",
                           "client=tapi&tapi_key=" .. (key or M.KEY),
                           key, secret)
  local answer = json.decode(body)["return"]
  return answer.connToken, answer.channel
end

--- A private connection that is connected and subscribed.
function Sim:subscribed(key, secret)
  local token, channel = self:token(key, secret)
  local id = self:open("/ws/?cf_ws_frame_ping_pong=true")
  self:say(id, '{"id":1,"connect":{"token":"' .. token .. '"}}\n{"id":2,"subscribe":{"channel":"'
               .. channel .. '"}}')
  self.frames[id] = {}
  return id
end

M.TRADE = "method=trade&pair=btc_idr&"
M.BUY  = M.TRADE .. "type=buy&price=1500000000&btc=0.0002&order_type=limit"
M.SELL = M.TRADE .. "type=sell&price=1600000000&btc=0.0002&order_type=limit"

--- error, error_code of a TAPI call, and its answer.
function M.problem(sim, parameters)
  local answer = json.decode((sim:tapi(parameters)))
  return answer.error or "", answer.error_code or "", answer
end

--- Expects an error text (a part of it) and, where given, its code.
function M.expect(sim, parameters, text, code)
  local err, got = M.problem(sim, parameters)
  if not err:find(text, 1, true) then error(parameters .. ": " .. err, 2) end
  if code and got ~= code then error(("%s: code %s, not %s"):format(parameters, got, code), 2) end
end

--- The market rests an order.
function M.quote(sim, side, price, qty, pair)
  sim:control(string.format("quote?pair=%s&side=%s&price=%s&qty=%s", pair or "btc_idr", side, price,
                            qty))
end

--- "3501 bad request" when a connection was closed, "drop" when it was dropped, else "open".
function M.fate(sim, id)
  local close = sim.closed[id]
  return close and close.code .. " " .. close.reason or sim.dropped[id] or "open"
end

--- Passes time in seconds while each ping frame is answered.
function M.stay_alive(sim, id, seconds)
  local answered = #sim.pings[id]
  for _ = 1, seconds do
    sim:pass(1000)
    if #sim.pings[id] > answered then
      answered = #sim.pings[id]
      sim:pong(id)
    end
  end
end

return M
