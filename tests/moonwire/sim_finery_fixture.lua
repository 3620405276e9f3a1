--- A simulated Finery Markets behind its gateway, without sockets: time is a number, frames and
--- answers are tables, signatures are OpenSSL's.

local ffi         = require "ffi"
local fixture     = require "tests.moonwire.sim_fixture"
local Finery      = require "moonwire.sim.finery"
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

local Sim = fixture.class()

--- `options`: settings { "name=value" }, role, market (boolean), fault, credit, pairs (texts).
function M.new(options)
  options = options or {}
  local schedule = Schedule.new()
  local venue = Finery.new {
    instruments = fixture.pick(instruments, options.pairs or "BTC-USD"),
    settings = fixture.settings(Finery, options.settings), schedule = schedule, seed = 1,
    hmac = M.hmac }
  local member = venue:add_member("alice", M.KEY, M.SECRET, options.credit
                                  or { usd = "1000000", btc = "10" }, options.role or "taker")
  local sim = fixture.serve(Sim, venue, schedule, options, M.NOW)
  sim.member, sim.nonce = member, 1763683200123456
  return sim
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

--- Opens a WebSocket with these headers; its id, also when it was refused.
function Sim:open(headers) return fixture.open(self, "/ws", headers) end

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

--- Says this; what came on the connection since the last call, joined by " | ".
function Sim:ask(id, text, ms)
  self:say(id, text)
  self:pass(ms or 0)
  return self:heard(id)
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

--- One with a market of two levels a side: 65000 x 1, 64900 x 2 | 65100 x 1, 65200 x 2.
function M.with_book(options)
  local sim = M.new(options)
  for _, quote in ipairs { { "buy", 65000, 1 }, { "buy", 64900, 2 }, { "sell", 65100, 1 },
                           { "sell", 65200, 2 } } do
    sim:control(("quote?pair=BTC-USD&side=%s&price=%d&qty=%d"):format(unpack(quote)))
  end
  return sim
end

local BUY = '"instrument":"BTC-USD","side":"bid","type":"%s","price":%s,"size":%s'

--- The content of a bid.
function M.limit(kind, price, size, more)
  return BUY:format(kind, price, size) .. (more and "," .. more or "")
end

M.checked = fixture.checked

return M
