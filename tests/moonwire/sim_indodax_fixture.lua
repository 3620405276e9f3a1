--- A simulated Indodax behind its gateway, without sockets: time is a number, frames and answers
--- are tables, signatures are OpenSSL's.

local ffi      = require "ffi"
local json     = require "moonwire.json"
local Faults   = require "moonwire.sim.faults"
local Gateway  = require "moonwire.sim.gateway"
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

local Sim = {}
Sim.__index = Sim

local function new_out(sim)
  local out = {}
  function out:reply(id, status, _, body) sim.answers[id] = { status = status, body = body } end
  function out:refuse(id, status, _, body) sim.refused[id] = { status = status, body = body } end
  function out:send(id, text) table.insert(sim.frames[id], text) end
  function out:ping(id, payload) table.insert(sim.pings[id], payload) end
  function out:close(id, code, reason) sim.closed[id] = { code = code, reason = reason } end
  function out:send_raw(id, bytes) table.insert(sim.frames[id], bytes) end
  function out:drop(id, how) sim.dropped[id] = how or "drop" end
  return out
end

--- `options`: settings { "name=value" }, market (boolean), fault (text), balances.
function M.new(options)
  options = options or {}
  local sim = setmetatable({ now = M.NOW, next_id = 0, answers = {}, refused = {}, frames = {},
                             pings = {},
                             closed = {}, dropped = {}, schedule = Schedule.new() }, Sim)
  local settings = Indodax.new_settings()
  for _, text in ipairs(options.settings or {}) do assert(settings:set(text)) end
  sim.venue = Indodax.new { pairs = assert(pairs_of.list(options.pairs)), settings = settings,
                            schedule = sim.schedule, seed = 1, hmac = M.hmac,
                              jwt_secret = "sim-jwt-secret" }
  sim.member = sim.venue:add_member("alice", M.KEY, M.SECRET,
                                    options.balances
                                    or { idr = "90000000", btc = "1.5", eth = "10" },
                                    "9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4")
  sim.faults = Faults.new(Indodax.subjects, 7)
  if options.fault then assert(sim.faults:add(options.fault, sim.now)) end
  sim.gateway = Gateway.new { venue = sim.venue, faults = sim.faults, schedule = sim.schedule,
                              out = new_out(sim) }
  sim.venue:start(sim.now, options.market)
  return sim
end

--- Lets `ms` pass, deadline by deadline.
function Sim:pass(ms)
  local stop = self.now + ms
  local at = self.schedule:next()
  while at and at <= stop do
    self.now = math.max(self.now, at)
    self.gateway:run(self.now)
    at = self.schedule:next()
  end
  self.now = stop
end

--- A request; its answer (nil when there is none yet) and the request's id.
function Sim:request(method, target, headers, body)
  self.next_id = self.next_id + 1
  local lines = { method .. " " .. target }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:request(self.next_id, table.concat(lines, "\n") .. "\n", body or "", self.now)
  return self.answers[self.next_id], self.next_id
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

--- A control command; decoded.
function Sim:control(command)
  local answer = self:request("POST", "/sim/" .. command, {}, "")
  if answer.status ~= 200 then error(command .. ": " .. answer.body, 2) end
  return json.decode(answer.body)
end

--- Opens a WebSocket; its id, also when it was refused.
function Sim:open(target, headers)
  self.next_id = self.next_id + 1
  local id = self.next_id
  self.frames[id], self.pings[id] = {}, {}
  local lines = { "GET " .. target }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:upgrade(id, table.concat(lines, "\n") .. "\n", self.now)
  if not self.refused[id] and not self.dropped[id] then self.gateway:opened(id, self.now) end
  return id
end

function Sim:say(id, text) self.gateway:message(id, text, self.now) end
function Sim:pong(id) self.gateway:ponged(id, self.now) end

--- What came on a connection since the last call, frames joined by " | ".
function Sim:heard(id)
  local text = table.concat(self.frames[id], " | ")
  self.frames[id] = {}
  return text
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

return M
