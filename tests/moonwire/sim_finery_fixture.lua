--- A simulated Finery Markets behind its gateway, without sockets: time is a number, frames and
--- answers are tables, signatures are OpenSSL's.

local ffi         = require "ffi"
local json        = require "moonwire.json"
local Faults      = require "moonwire.sim.faults"
local Finery      = require "moonwire.sim.finery"
local Gateway     = require "moonwire.sim.gateway"
local instruments = require "moonwire.sim.finery_instruments"
local Schedule    = require "moonwire.sim.schedule"

ffi.cdef [[
const void *EVP_sha384(void);
unsigned char *HMAC(const void *evp_md, const void *key, int key_len, const char *d, size_t n,
                    unsigned char *md, unsigned int *md_len);
int EVP_EncodeBlock(unsigned char *t, const unsigned char *f, int n);
]]
local crypto = ffi.load("crypto")

local M = { KEY = "mwDemoKey7Qx2Vd0RkP4sT9uYbLcN1aHfEjZ6oWgUi",
            SECRET = "mwDemoSecret3Jt8BzXq5LrVn0KdPyGmCwAe7HsUf", NOW = 1763683200123 }

--- HMAC-SHA384 as base64.
function M.hmac(secret, message)
  local md, len = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")
  crypto.HMAC(crypto.EVP_sha384(), secret, #secret, message, #message, md, len)
  local text = ffi.new("unsigned char[128]")
  return ffi.string(text, crypto.EVP_EncodeBlock(text, md, len[0]))
end

local Sim = {}
Sim.__index = Sim

local function new_out(sim)
  local out = {}
  function out:reply(id, status, _, body) sim.answers[id] = { status = status, body = body } end
  function out:refuse(id, status, _, body) sim.refused[id] = { status = status, body = body } end
  function out:send(id, text) table.insert(sim.frames[id], text) end
  function out:ping() end
  function out:close(id, code, reason) sim.closed[id] = { code = code, reason = reason } end
  function out:send_raw(id, bytes) table.insert(sim.frames[id], bytes) end
  function out:drop(id, how) sim.dropped[id] = how or "drop" end
  return out
end

--- `options`: settings { "name=value" }, role, market (boolean), fault (text), credit, pairs.
function M.new(options)
  options = options or {}
  local sim = setmetatable({ now = M.NOW, next_id = 0, nonce = 1763683200123456, answers = {},
                             refused = {}, frames = {}, closed = {}, dropped = {},
                             schedule = Schedule.new() }, Sim)
  local settings = Finery.new_settings()
  for _, text in ipairs(options.settings or {}) do assert(settings:set(text)) end
  sim.venue = Finery.new { instruments = assert(instruments.list(options.pairs or { "BTC-USD" })),
                           settings = settings, schedule = sim.schedule, seed = 1, hmac = M.hmac }
  sim.member = sim.venue:add_member("alice", M.KEY, M.SECRET, options.credit
                                    or { usd = "1000000", btc = "10" }, options.role or "taker")
  sim.faults = Faults.new(Finery.subjects, 7)
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

--- A request with headers as given; its answer (nil when there is none yet) and its id.
function Sim:request(method, target, headers, body)
  self.next_id = self.next_id + 1
  local lines = { method .. " " .. target }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:request(self.next_id, table.concat(lines, "\n") .. "\n", body or "", self.now)
  return self.answers[self.next_id], self.next_id
end

--- "nonce":N,"timestamp":T with the next nonce.
function Sim:stamp()
  self.nonce = self.nonce + 1
  return ('"nonce":%.0f,"timestamp":%.0f'):format(self.nonce, self.now)
end

--- A signed REST call: the parameters without braces. Body and status of the answer, which may be
--- late: so, first `ms` pass.
function Sim:rest(method, parameters, ms)
  local body = "{" .. (parameters and parameters ~= "" and parameters .. "," or "") .. self:stamp()
    .. "}"
  local _, id = self:request("POST", "/api/" .. method, {
    ["EFX-Key"] = M.KEY, ["EFX-Sign"] = M.hmac(M.SECRET, method .. body) }, body)
  self:pass(ms or 0)
  local answer = self.answers[id]
  return answer and answer.body, answer and answer.status
end

--- A control command; decoded.
function Sim:control(command)
  local answer = self:request("POST", "/sim/" .. command, {}, "")
  if answer.status ~= 200 then error(command .. ": " .. answer.body, 2) end
  return json.decode(answer.body)
end

--- Opens a WebSocket with these headers; its id, also when it was refused.
function Sim:open(headers)
  self.next_id = self.next_id + 1
  local id = self.next_id
  self.frames[id] = {}
  local lines = { "GET /ws" }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:upgrade(id, table.concat(lines, "\n") .. "\n", self.now)
  if not self.refused[id] and not self.dropped[id] then self.gateway:opened(id, self.now) end
  return id
end

--- The headers of a good handshake.
function Sim:headers(content, secret)
  content = content or "{" .. self:stamp() .. "}"
  return { ["EFX-Key"] = M.KEY, ["EFX-Content"] = content,
           ["EFX-Sign"] = M.hmac(secret or M.SECRET, content) }
end

--- A signed-in connection of which the first frame was read.
function Sim:connected()
  local id = self:open(self:headers())
  self.frames[id] = {}
  return id
end

function Sim:say(id, text) self.gateway:message(id, text, self.now) end

--- Says this; what came on the connection since the last call, joined by " | ".
function Sim:ask(id, text, ms)
  self:say(id, text)
  self:pass(ms or 0)
  return self:heard(id)
end

function Sim:heard(id)
  local text = table.concat(self.frames[id], " | ")
  self.frames[id] = {}
  return text
end

--- A request over the connection; the reply's text without its envelope, or "error N [param]".
function Sim:call(id, method, content, ms)
  local text = self:ask(id, ('{"event":"request","reqId":7,"method":"%s","content":{%s}}')
    :format(method, content or ""), ms or 200)
  self.last_heard = text
  local reply = text:match '{"event":"request","reqId":7,"reply":(.-)}$'
    or text:match '{"event":"request","reqId":7,"reply":(.-)} |'
  local code, rest = text:match '{"event":"request","reqId":7,"error":(%d+)(.-)}'
  if code then return "error " .. code .. (rest:match '"param":"(%w+)"' and " "
                                           .. rest:match '"param":"(%w+)"' or "") end
  return reply
end

return M
