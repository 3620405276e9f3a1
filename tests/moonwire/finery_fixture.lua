--- The Finery connector on a stage: frames and signatures as the venue's pages print them, and a
--- venue that answers as they say.

local stage = require "tests.moonwire.stage"
local files = require "tests.files"
local t = require "tests.tap"
local finery = require "moonwire.venues.finery"
local host = require "moonwire.host"
local json = require "moonwire.json"
local mw = require "moonwire"

local VECTORS = "tests/vectors/finery/"

local signatures = assert(json.decode(files.read(VECTORS .. "signatures.json")))
local frames = {}
for name, text in files.read(VECTORS .. "frames.txt"):gmatch "(%S+) ([^\n]+)" do
  frames[name] = text
end

local KEY = assert(host.secret_text(signatures.key))
local SECRET = assert(host.secret_text(signatures.secret))

local INSTRUMENTS = '[[["BTC",1,1,6500000000000,"crypto"],["USD",2,1000000,100000000,"fiat"],'
  .. '["ETH",3,1,300000000000,"crypto"],["USDT",4,100,100000000,"crypto"]],'
  .. '[["BTC-USD",4955410050,"BTC","USD"],["ETH-USDT",4955410051,"ETH","USDT"],'
  .. '["ETH-USD:USDT-USD",7,"ETH","USDT"]],[]]'

local function reply(id, text)
  return ('{"event":"request","reqId":%d,"reply":%s}'):format(id, text)
end
local function refuse(id, code)
  return ('{"event":"request","reqId":%d,"error":%d}'):format(id, code)
end

-- A venue that knows nothing: `methods` answers requests, by method: a JSON text, a number (the
-- error), a function(content, id) that gives either, or false for no answer.
local function venue(methods)
  return function(text)
    local m = json.decode(text)
    if m.event == "ping" then return '{"event":"pong"}' end
    if m.event == "bind" then
      local payload = (m.feed == "F" or m.feed == "B") and "[[],[]]" or "[]"
      return ('["%s",%s,"S",%s]'):format(m.feed, m.feedId and json.encode(m.feedId) or "0", payload)
    end
    if m.event == "unbind" then
      return ('["%s",%s,"U",0]'):format(m.feed, m.feedId and json.encode(m.feedId) or "0")
    end
    local answer = methods[m.method]
    if type(answer) == "function" then answer = answer(m.content, m.reqId) end
    if type(answer) == "number" then return refuse(m.reqId, answer) end
    return answer and reply(m.reqId, answer)
  end
end

local function trader()
  local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
  local note = stage.notebook(S, ", ")
  function S.on_order(_, order, event)
    note(event.previous .. ">" .. order.status .. (event.reason and " " .. event.reason or ""))
  end
  function S.on_fill(_, fill)
    note(("%s@%s %s"):format(tostring(fill.qty), tostring(fill.price), fill.liquidity))
    t.equal(#fill.fees, 0)
  end
  function S.on_book(_, book) S.book = book end
  function S:send(request) self.order, self.err = self:submit(request) end
  function S:drop(order) assert(self:cancel(order)) end
  function S:change(order, change) self.changed, self.err = self:replace(order, change) end
  function S:watch() assert(self:subscribe "book") end
  return S
end

-- Plays with `methods` over those of a venue where nothing is open; `role` taker unless told.
local function play(methods, role, answers)
  local all = { instruments = INSTRUMENTS, positions = "[1,[],[],[]]", dealHistory = "[]" }
  for name, answer in pairs(methods or {}) do all[name] = answer end
  local S = trader()
  local s = stage.new {
    protocol = finery, greeting = frames.linked, reply = venue(all), answers = answers,
    config = { protocol = "finery", role = role or "taker", key = KEY, secret = SECRET,
               dead_man = 30 },
    strategies = { { name = "one", class = S } },
  }
  s.trader, s.methods = S, all
  s:start()
  s.instance = s.runners.one.instance
  function s:send(request)
    self:run(self.runners.one, "call_method", "send", 1, { request })
    self:settle()
    return stage.own(self.instance.order), self.instance.err
  end
  function s:drop(order)
    self:run(self.runners.one, "call_method", "drop", 1, { order._view })
    self:settle()
  end
  function s:change(order, change)
    self:run(self.runners.one, "call_method", "change", 2, { order._view, change })
    self:settle()
    return stage.own(self.instance.changed), self.instance.err
  end
  S.said()
  return s
end

local function sent(s, method)
  local last, count = nil, 0
  for _, text in ipairs(s:private().sent) do
    if text:find('"method":"' .. method .. '"', 1, true) then last, count = text, count + 1 end
  end
  return last, count
end

local IOC = { side = "buy", qty = "0.25", price = "65123.45", time_in_force = "ioc" }
local REST = { side = "buy", qty = "0.1", price = "65000" }

local DEAL_ROW = '["BTC-USD",2,0,0,48221600011,%s,6512345000000,25000000,%d,1763683200150,'
  .. '1763683200250,%d,0,6512300000000,%d,1628075000000,0,42,0,17,0,0,42,0]'

local function resting(methods, answers)
  methods = methods or {}
  methods.add = methods.add or '{"id":5,"remainingSize":10000000,"deals":[]}'
  local s = play(methods, "maker", answers)
  local order = s:send(REST)
  s.trader.said()
  return s, order
end

return {
  signatures = signatures, frames = frames, KEY = KEY, SECRET = SECRET, INSTRUMENTS = INSTRUMENTS,
  refuse = refuse, venue = venue, play = play, sent = sent, IOC = IOC, REST = REST,
  DEAL_ROW = DEAL_ROW, resting = resting
}
