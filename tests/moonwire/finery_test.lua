-- The Finery connector on a stage: frames and signatures as the venue's pages print them, and a
-- venue that answers as they say.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local finery = require "moonwire.venues.finery"
local host = require "moonwire.host"
local json = require "moonwire.json"
local mw = require "moonwire"
local wire = require "moonwire.venues.finery.wire"

local VECTORS = "tests/vectors/finery/"

local function read_file(name)
  local file = assert(io.open(VECTORS .. name))
  local text = file:read "*a"
  file:close()
  return text
end

local signatures = assert(json.decode(read_file "signatures.json"))
local frames = {}
for name, text in read_file("frames.txt"):gmatch "(%S+) ([^\n]+)" do frames[name] = text end

local KEY = assert(host.secret_text(signatures.key))
local SECRET = assert(host.secret_text(signatures.secret))

-- Signatures --------------------------------------------------------------------------------------

-- What make(session) gives when the next nonce and the time are the vector's.
local function with_nonce(vector, make)
  local next_nonce = wire.next_nonce
  wire.next_nonce = function() return tonumber(vector.nonce) end
  local made = make {
    memory = {}, config = { key = KEY, secret = SECRET, rest_url = "https://rest.test" },
    venue_ms = function() return tonumber(vector.timestamp) end,
  }
  wire.next_nonce = next_nonce
  return made
end

local function header(list, name)
  for _, pair in ipairs(list) do
    if pair[1] == name then return pair[2] end
  end
end

t.test("a handshake is signed as the venue's vector is", function()
  local headers = with_nonce(signatures.handshake, wire.handshake)
  t.equal(header(headers, "EFX-Key"), KEY)
  t.equal(header(headers, "EFX-Content"), signatures.handshake.content)
  t.equal(header(headers, "EFX-Sign"), signatures.handshake.signature)
end)

t.test("requests are signed over the method and the very bytes that are sent", function()
  for _, vector in ipairs(signatures.rest) do
    local request = with_nonce(vector, function(s)
      local request = wire.rest(s, vector.method, vector.content)
      request.sign(request)
      return request
    end)
    t.equal(request.url, "https://rest.test/api/" .. vector.method)
    t.equal(request.method, "POST")
    t.equal(request.body, vector.body)
    t.equal(header(request.headers, "EFX-Sign"), vector.signature)
    t.equal(header(request.headers, "Content-Type"), "application/json")
  end
end)

t.test("a rounded nonce, or a missing method, would sign something else", function()
  local wrong = signatures.wrong
  local function begins(text) return SECRET:hmac("sha384", text, "base64"):sub(1, 8) end
  t.equal(begins(wrong.rounded_nonce.content), wrong.rounded_nonce.begins)
  t.equal(begins(signatures.rest[1].body), wrong.add_without_method.begins)
end)

t.test("the example is a configuration", function()
  local secrets = { env = function() return KEY end, file = function() return KEY end }
  local loaded, err = require("moonwire.config").load("examples/finery.lua", secrets,
                                                      function() return finery end)
  t.ok(loaded, err)
  t.equal(loaded.venues.fin.role, "taker")
  t.equal(loaded.venues.fin.private_url, "wss://test.finerymarkets.com/ws")
end)

-- The stage ---------------------------------------------------------------------------------------

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
  S.calls = {}
  local function note(text) S.calls[#S.calls + 1] = text end
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
  function S:watch() assert(self:subscribe "book") end
  function S.said()
    local text = table.concat(S.calls, ", ")
    S.calls = {}
    return text
  end
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
    return self.instance.order, self.instance.err
  end
  function s:drop(order)
    self:run(self.runners.one, "call_method", "drop", 1, { order })
    self:settle()
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

-- Log-on ------------------------------------------------------------------------------------------

t.test("the log-on signs in, waits for the backend, asks for the instruments and binds", function()
  local s = play()
  t.equal(s.session.state, "up")
  local socket = s:private()
  t.ok(header(socket.options.headers, "EFX-Content"):find '^{"nonce":%d+,"timestamp":%d+}$')
  local asked = {}
  for i, text in ipairs(socket.sent) do
    local m = json.decode(text)
    asked[i] = m.method or m.event .. " " .. m.feed
  end
  t.equal(table.concat(asked, ", "), "instruments, bind I, bind O, bind K, bind L, positions")
end)

t.test("markets have the steps of their currencies; synthetic instruments are left out", function()
  local s = play()
  local market = s.session.markets["BTC/USD"]
  t.equal(tostring(market.price_step), "0.01")
  t.equal(tostring(market.qty_step), "0.00000001")
  t.equal(tostring(s.session.markets["ETH/USDT"].price_step), "0.000001")
  t.equal(#s.session.markets, 2)
  t.equal(s.session.by_venue_symbol["4955410050"], market)
end)

t.test("a backend that is not linked is waited for, and then given up", function()
  local s = stage.new { protocol = finery, greeting = frames.not_linked, reply = venue {},
                        config = { role = "taker", key = KEY, secret = SECRET } }
  s:start()
  t.equal(s.session.state, "down")
  s:advance(10.5)
  t.equal(#s:logged "the venue's backend is not connected", 1)
  s.greeting = frames.linked
  s.reply = venue { instruments = INSTRUMENTS, positions = "[1,[],[],[]]" }
  s:advance(40)
  t.equal(s.session.state, "up")
end)

local function refuse_handshake(s, body)
  s.keep_closed = true
  s:close(s:private())
  s:advance(1)
  s:close(s:private(), 1006, "", 400, body)
end

t.test("a refused handshake is explained by its body, and what no retry cures is not retried",
  function()
    for code, words in pairs { [14] = "bad signature: `secret` does not belong to `key`",
                               [3] = "not authorised", [13] = "an agreement is not signed" } do
      local s = play()
      refuse_handshake(s, ('{"error":%d}'):format(code))
      t.ok(s.session.private.is_stopped, code)
      t.equal(#s:logged("private connection stopped: handshake refused: HTTP 400: " .. words), 1)
    end
  end)

t.test("a clock that is off, a busy venue and a page of a proxy are tried again", function()
  for _, body in ipairs { '{"error":7}', '{"error":2}', "<html>502</html>", "" } do
    local s = play()
    refuse_handshake(s, body)
    t.equal(s.session.private.is_stopped, nil, body)
    s.keep_closed = nil
    s:advance(31)
    t.equal(s.session.state, "up", body)
  end
end)

local function nonce_of(socket)
  return tonumber(header(socket.options.headers, "EFX-Content"):match '"nonce":(%d+)')
end

t.test("nonces rise over both connections, and over a clock that goes back", function()
  local s = play()
  s:run(s.runners.one, "call_method", "watch", 0, {})
  s:settle()
  local seen = { nonce_of(s:private()), nonce_of(s:market()) }
  for _ = 1, 3 do
    s:shift_clock(-3600)
    s:close(s:private())
    s:advance(31)
    seen[#seen + 1] = nonce_of(s:private())
  end
  for i = 2, #seen do t.ok(seen[i] > seen[i - 1], i .. ": " .. seen[i]) end
end)

t.test("a nonce that is refused twice leaps ahead, until it is taken", function()
  local s = play()
  local first = nonce_of(s:private())
  refuse_handshake(s, '{"error":6}')
  t.equal(s.session.private.is_stopped, nil)
  s:advance(0.1)
  local second = nonce_of(s:private())
  t.ok(second - first < 60e6, second - first)
  s:close(s:private(), 1006, "", 400, '{"error":6}')
  s:advance(31)
  t.ok(nonce_of(s:private()) - first >= 60e6)
  s.keep_closed = nil
  s:settle()
  t.equal(s.session.state, "up")
  t.equal(s.session.memory.nonce_refusals, 0)
end)

t.test("both kinds of ping say that we are alive", function()
  local s = play()
  s:advance(20.5)
  t.equal(#s:private().pings, 1)
  t.equal(s:private().sent[#s:private().sent], '{"event":"ping"}')
end)

-- Orders out --------------------------------------------------------------------------------------

t.test("an order is written in whole numbers, digit for digit", function()
  local s = play { add = false }
  local order = s:send(IOC)
  t.equal(order.status, "pending_new")
  local id = s:private().sent[#s:private().sent]:match '"reqId":(%d+)'
  t.equal(sent(s, "add"), ('{"event":"request","reqId":%s,"method":"add","content":'
    .. '{"instrument":"BTC-USD","clientOrderId":%s,"price":6512345000000,"size":25000000,'
    .. '"side":"bid","type":"limitIOC","cod":false,"qsEnabled":false,"firmBookEnabled":true}}')
    :format(id, order.client_order_id))
end)

t.test("each kind of order is the venue's type, and the others are refused unsent", function()
  local function type_of(role, request)
    local s = play({ add = false }, role)
    local order, err = s:send(request)
    if not order then return nil, err end
    return sent(s, "add"):match '"type":"(%w+)"', sent(s, "add")
  end
  t.equal(type_of("taker", IOC), "limitIOC")
  t.equal(type_of("taker", { side = "sell", qty = "1", price = "1", time_in_force = "fok" }),
          "limitFOK")
  local kind, text = type_of("taker", { side = "sell", qty = "1" })
  t.equal(kind, "marketIOC")
  t.ok(not text:find '"price"')
  kind, text = type_of("taker", { side = "buy", amount = "1000.5", time_in_force = "fok" })
  t.equal(kind, "marketFOK")
  t.ok(text:find('"volume":100050000000,', 1, true), text)
  t.equal(type_of("maker", REST), "limit")
  t.equal(type_of("maker", { side = "sell", qty = "1", price = "1", time_in_force = "post_only" }),
          "postOnly")
  for _, case in ipairs {
    { "taker", REST, "ioc or fok, not limit gtc" }, { "maker", IOC, "not limit ioc" },
    { "maker", { side = "buy", qty = "1" }, "not market gtc" },
    { "taker", { side = "buy", qty = "92233720369", price = "1", time_in_force = "ioc" },
      "qty 92233720369 is not above 0 or beyond what finery can count" },
  } do
    local none, err = type_of(case[1], case[2])
    t.equal(none, nil)
    t.ok(err:find(case[3], 1, true), err)
  end
end)

t.test("what may rest ends with the connection, unless dead_man is off", function()
  local s = play({ add = false }, "maker")
  s:send(REST)
  t.ok(sent(s, "add"):find('"cod":true', 1, true))
  s.session.config.dead_man = false
  s:send(REST)
  t.ok(sent(s, "add"):find('"cod":false', 1, true))
end)

-- Answers -----------------------------------------------------------------------------------------

local function answer_of(text) return (text:match '"reply":(.*)}$') end

t.test("a taker that is filled is so with its deals, in one answer", function()
  local s = play { add = answer_of(frames.reply_filled) }
  local order = s:send(IOC)
  t.equal(s.trader.said(), "0.25@65123 taker, pending_new>filled")
  t.equal(order.order_id, "48221600011")
  t.equal(tostring(order.cum_qty), "0.25")
end)

local TWO_DEALS = '{"id":48221600012,"clientOrderId":1,"remainingSize":5000000,"cancelReason":2,'
  .. '"deals":[{"id":1,"price":6512300000000,"size":15000000,"volume":1,"delta":0},'
  .. '{"id":2,"price":6512400000000,"size":5000000,"volume":1,"delta":0}]}'

t.test("a taker that is filled in part has the rest dropped", function()
  local s = play { add = TWO_DEALS }
  local order = s:send(IOC)
  t.equal(s.trader.said(), "0.15@65123 taker, pending_new>partially_filled, 0.05@65124 taker, "
          .. "partially_filled>canceled ioc_remainder")
  t.equal(tostring(order.cum_qty), "0.2")
end)

t.test("a maker's order rests, with or without deals of its own", function()
  local s = play({ add = '{"id":5,"remainingSize":10000000,"deals":[]}' }, "maker")
  s:send(REST)
  t.equal(s.trader.said(), "pending_new>new")
  s.methods.add = '{"id":6,"remainingSize":6000000,"deals":[{"id":9,"price":6500000000000,'
    .. '"size":4000000,"volume":1,"delta":0}]}'
  s:send(REST)
  t.equal(s.trader.said(), "0.04@65000 taker, pending_new>partially_filled")
end)

t.test("an order by volume is filled, or stays with what it could not spend", function()
  local deals = '"deals":[{"id":1,"price":6500000000000,"size":1500000,"volume":97500000000}]'
  local s = play { add = '{"id":5,"remainingVolume":0,' .. deals .. "}" }
  s:send { side = "buy", amount = "975" }
  t.equal(s.trader.said(), "0.015@65000 taker, pending_new>filled")
  s.methods.add = '{"id":6,"remainingVolume":2500000000,"cancelReason":2,'
    .. deals:gsub('"id":1', '"id":2') .. "}"
  s:send { side = "buy", amount = "1000" }
  t.equal(s.trader.said(), "0.015@65000 taker, pending_new>canceled ioc_remainder")
end)

t.test("self-trade prevention and disconnect are told as reasons", function()
  for why, reason in ipairs(finery.private.cancel_reasons) do
    local s = play({ add = ('{"id":5,"remainingSize":10000000,"cancelReason":%d,"deals":[]}')
      :format(why) }, "maker")
    s:send(REST)
    t.equal(s.trader.said(), "pending_new>canceled " .. reason)
  end
end)

t.test("each refusal of an order has a reason that a person understands", function()
  for code, words in pairs {
    [76] = "nothing to match at this price (error 76)", [79] = "limits of the counterparties",
    [77] = "not enough liquidity", [75] = "would take: post_only", [73] = "check `role`",
    [34] = "no such instrument", [71] = "bad price", [84] = "trading is not allowed",
    [999] = "refused (error 999)", [31] = "instrument error (error 31)", [85] = "no open position",
    [165] = "limits breached by settlement",
  } do
    local s = play { add = code }
    local order = s:send(IOC)
    t.equal(order.status, "rejected", code)
    t.ok(order.reason:find(words, 1, true), order.reason)
    t.equal(s.session.state, "up")
  end
end)

t.test("a refusal says which field it means", function()
  local s = play { add = false }
  local order = s:send(IOC)
  local id = sent(s, "add"):match '"reqId":(%d+)'
  s:frame((frames.reply_bad_price:gsub("41", id)))
  s:settle()
  t.equal(order.reason, "a parameter is missing or wrong (price) (error 9)")
end)

t.test("a key without the right stops the venue", function()
  local s = play { add = 3 }
  t.equal(s:send(IOC).status, "rejected")
  t.ok(s.session.private.is_stopped)
end)

-- Doubt -------------------------------------------------------------------------------------------

local DEAL_ROW = '["BTC-USD",2,0,0,48221600011,%s,6512345000000,25000000,%d,1763683200150,'
  .. '1763683200250,%d,0,6512300000000,%d,1628075000000,0,42,0,17,0,0,42,0]'

t.test("an answer that does not come, says nothing or blames the venue leaves a doubt", function()
  for _, answer in ipairs { false, 2, 10, "{}" } do
    local s = play { add = answer }
    local order = s:send(IOC)
    s:advance(11)
    t.equal(order.status, "unknown", tostring(answer))
    local _, count = sent(s, "add")
    t.equal(count, 1)
  end
end)

t.test("a doubt that has deals ends with them", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s.methods.dealHistory = function()
    return "[" .. DEAL_ROW:format(order.client_order_id, 0, 1900311, 25000000) .. "]"
  end
  s:advance(13)
  t.equal(s.trader.said(), "pending_new>unknown, 0.25@65123 taker, unknown>filled")
  local content = sent(s, "dealHistory")
  t.ok(content:find '"instrument":"BTC%-USD","from":%d+,"limit":250', content)
end)

t.test("orders that have traded are told with the rest of what deals say of them", function()
  local row = DEAL_ROW:format("77", 5000000, 9, 20000000)
  local s = play { dealHistory = "[" .. row .. "," .. DEAL_ROW:format("77", 10000000, 8, 5000000)
    .. "," .. DEAL_ROW:format("null", 0, 7, 1):gsub("48221600011", "6") .. "]" }
  local reports
  s:run({ ask = function()
    s.session:in_task("asking", function()
      reports = s.session.protocol.fetch_finished_orders(s.session, "BTC/USD", 1763683200)
    end)
  end }, "ask")
  s:settle()
  t.equal(#reports, 1)
  local report = reports[1]
  t.equal(table.concat({ report.status, report.order_id, report.client_order_id, report.side,
                         tostring(report.qty), tostring(report.cum_qty), report.time_in_force,
                         report.symbol }, " "),
          "canceled 48221600011 77 buy 0.25 0.2 ioc BTC/USD")
  t.ok(sent(s, "dealHistory"):find('"from":1763683200000,', 1, true))
end)

t.test("deals are looked for page by page", function()
  local s = play { add = false }
  local order = s:send(IOC)
  local tills = {}
  s.methods.dealHistory = function(content)
    tills[#tills + 1] = content.till
    local rows = {}
    for i = 1, content.till and 2 or 250 do
      local is_own = content.till and i == 2
      rows[i] = DEAL_ROW:format(is_own and order.client_order_id or "5", 5000000,
                                (content.till or 9000) - i, 20000000)
      if not is_own then rows[i] = rows[i]:gsub("48221600011", "6") end
    end
    return "[" .. table.concat(rows, ",") .. "]"
  end
  s:advance(13)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.2")
  t.equal(tills[1], 8750)
end)

t.test("a maker's order in doubt that is listed works", function()
  local s = play({ add = false }, "maker")
  local order = s:send(REST)
  s.methods.positions = function()
    return ('[1,[],[["BTC-USD",0,0,0,77,%s,6500000000000,10000000,10000000,1763683100000,0]],[]]')
      :format(order.client_order_id)
  end
  s:advance(13)
  t.equal(s.trader.said(), "pending_new>unknown, unknown>new")
  t.equal(order.order_id, "77")
end)

t.test("a doubt without a trace ends as rejected for a taker, canceled for a maker", function()
  for role, status in pairs { taker = "rejected", maker = "canceled" } do
    local s = play({ add = false }, role)
    local order = s:send(role == "maker" and REST or IOC)
    s:advance(20)
    t.equal(order.status, "unknown")
    s:advance(40)
    t.equal(order.status, status)
    t.equal(order.reason, "not_found")
    local _, count = sent(s, "add")
    t.equal(count, 1, "sent")
  end
end)

t.test("an id that is in use is asked about before it is believed", function()
  local s = play({ add = 74 }, "maker")
  local order = s:send(REST)
  t.equal(order.status, "unknown")
end)

-- Feed O ------------------------------------------------------------------------------------------

-- The frame with this order's ids in it.
local function frame_of(name, order, id)
  return (frames[name]:gsub("4822160001%d,700%d", (id or "5") .. "," .. order.client_order_id))
end

t.test("the life of an order comes on its feed, whichever comes first", function()
  for _, sequence in ipairs { { "order_added", "order_deal" }, { "order_deal", "order_added" },
                              { "order_deal", "order_deal", "order_added", "order_added" } } do
    local s = play { add = false }
    local order = s:send(IOC)
    for _, name in ipairs(sequence) do s:frame(frame_of(name, order)) end
    s:settle()
    t.equal(order.status, "filled")
    t.equal(tostring(order.cum_qty), "0.25")
    t.equal(select(2, s.trader.said():gsub("@", "")), 1)
    t.equal(order.order_id, "5")
  end
end)

t.test("a deal is counted once, in the answer and on the feed, in either order", function()
  for first = 1, 2 do
    local s = play { add = false }
    local order = s:send(IOC)
    local answer = (frames.reply_filled:gsub("41", sent(s, "add"):match '"reqId":(%d+)'))
    local both = { answer, frame_of("order_deal", order, "48221600011") }
    s:frame(both[first])
    s:frame(both[3 - first])
    s:settle()
    t.equal(order.status, "filled")
    t.equal(select(2, s.trader.said():gsub("@", "")), 1)
  end
end)

t.test("rows of 19 elements are read as those of 24, shorter ones are not", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame((frame_of("order_deal", order):gsub(",17,0,0,42,0%]%]$", "]]")))
  s:settle()
  t.equal(order.status, "filled")
  s = play { add = false }
  order = s:send(IOC)
  s:frame((frame_of("order_deal", order):gsub(",0,6512300000000,.*$", "]]")))
  t.equal(order.status, "pending_new")
  t.equal(#s:logged "deal without price or size", 1)
end)

t.test("a removed order is canceled, and with nothing left it is filled", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame(frame_of("order_removed", order))
  s:settle()
  t.equal(order.status, "canceled")
  t.equal(order.reason, "ioc_remainder")
  t.ok(order:is_missing_fills(), "it traded 0.2 that are not told yet")
end)

t.test("ids and volumes beyond 2^53 keep every digit", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame((frame_of("order_deal", order, "9007199254740993")
    :gsub("1900311", "9223372036854775807")))
  s:settle()
  t.equal(order.order_id, "9007199254740993")
  t.ok(#order.client_order_id >= 18, order.client_order_id)
end)

t.test("an order of somebody else is shown as such, with all that its row says", function()
  local s = play(nil, "maker")
  s:frame(frames.order_added)
  s:settle()
  local order = s.desk.orders:find("idx", "7001")
  t.equal(order.external, true)
  t.equal(order.time_in_force, "ioc")
  t.equal(tostring(order.price), "65123.45")
  t.equal(tostring(order.qty), "0.25")
  t.equal(order.created_at, 1763683200.15)
end)

t.test("frames that make no sense change nothing", function()
  local s = play { add = false }
  local order = s:send(IOC)
  for _, frame in ipairs { "[]", "{}", "17", '"x"', '["O"]', '["O",0,"+",[]]', '["O",0,"D",{}]',
      '["O","X-Y","+",["X-Y",2,0,0,1,1,1,1,1,1,0]]', '["O",0,"D",["BTC-USD",2,0,0,0,0,1,1,1,1,1]]',
      '["O",0,"+",["BTC-USD",2,7,0,5,7,1,1,1,1,0]]', '["Q",0,"S",[]]', '["K",0,"+",17]',
      '["L",0,"+",{"x":1}]', '{"event":"pong"}', '{"event":"request","reqId":9999,"reply":{}}',
      '{"event":"request","reply":{}}', '["X",0,"Z",0]' } do
    s:frame(frame)
    s:settle()
  end
  t.equal(order.status, "pending_new")
  t.equal(s.session.state, "up")
end)

-- Cancels -----------------------------------------------------------------------------------------

local function resting(methods, answers)
  methods = methods or {}
  methods.add = methods.add or '{"id":5,"remainingSize":10000000,"deals":[]}'
  local s = play(methods, "maker", answers)
  local order = s:send(REST)
  s.trader.said()
  return s, order
end

t.test("a cancel names the venue's id, and its answer ends the order", function()
  local s, order = resting { del = '{"id":5,"remainingSize":10000000}' }
  s:drop(order)
  t.equal(s.trader.said(), "new>pending_cancel, pending_cancel>canceled client")
  t.ok(sent(s, "del"):find('"content":{"orderId":5}}', 1, true), sent(s, "del"))
end)

t.test("a cancel that tells of a trade has its deals fetched", function()
  local s, order = resting { del = '{"id":5,"remainingSize":4000000}' }
  s.methods.dealHistory = "[" .. DEAL_ROW:format(order.client_order_id, 4000000, 3, 6000000)
    :gsub("48221600011", "5") .. "]"
  s:drop(order)
  s:advance(1)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.06")
end)

t.test("a cancel of an order that the venue does not find is no end: it is asked about", function()
  local s, order = resting { del = 80 }
  s.methods.dealHistory = "[" .. DEAL_ROW:format(order.client_order_id, 0, 3, 10000000)
    :gsub("48221600011", "5") .. "]"
  s:drop(order)
  t.equal(order.status, "pending_cancel")
  s:advance(2)
  t.equal(order.status, "filled")
end)

t.test("a cancel that finds nothing, and no open order: what was seen has ended", function()
  local s, order = resting { del = 80 }
  s:drop(order)
  s:advance(2)
  t.equal(order.status, "canceled")
  t.equal(order.reason, "not_found")
end)

t.test("a cancel that was answered with nothing is repeated once a second at most", function()
  local s = play { add = false, del = 80 }
  local order = s:send(IOC)
  for _ = 1, 20 do
    s:drop(order)
    s:advance(0.1)
  end
  local _, count = sent(s, "del")
  t.ok(count >= 2 and count <= 3, count)
end)

t.test("an order that ended while it was asked about is asked about no more", function()
  local s = play { add = false, del = 80 }
  local order = s:send(IOC)
  s:drop(order)
  s:frame(refuse(tonumber((sent(s, "add"):match '"reqId":(%d+)')), 76))
  s:settle()
  t.equal(order.status, "rejected")
  s:advance(2)
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("while the line is down a cancel goes over REST, signed", function()
  local s, order = resting(nil, { ["/api/del"] = '{"id":5,"remainingSize":10000000}' })
  s.keep_closed = true
  s:close(s:private())
  s:drop(order)
  t.equal(order.status, "canceled")
  t.equal(s.session.reconciler:has_doubts(), false)
  local request = s:asked("/api/del")[1]
  t.ok(request.body:find '^{"orderId":5,"nonce":%d+,"timestamp":%d+}$', request.body)
end)

t.test("a REST cancel whose nonce was refused had no effect, and one without words says nothing",
  function()
    for _, case in ipairs { { '{"error":6}', "new" }, { "<html>", "pending_cancel" },
                            { '{"error":80}', "pending_cancel" } } do
      local s, order = resting(nil, { ["/api/del"] = { 400, case[1] },
                                      ["/api/positions"] = "[1,[],[],[]]",
                                      ["/api/dealHistory"] = "[]" })
      s.keep_closed = true
      s:close(s:private())
      s:drop(order)
      t.equal(order.status, case[2], case[1])
    end
  end)

-- Open orders, balances, limits -------------------------------------------------------------------

t.test("open orders are listed with their totals, those by volume without", function()
  local rows = '[["BTC-USD",1,1,0,6,7002,6600000000000,10000000,8000000,1763683100000,0],'
    .. '["BTC-USD",0,0,0,7,0,6600000000000,100000000,80000000,1763683100000,1],'
    .. '["XX-YY",0,0,0,8,0,1,1,1,1,0]]'
  local s = play({ positions = "[1,[]," .. rows .. ",[]]" }, "maker")
  local first, second = s.desk.orders:find("idx", nil, "6"), s.desk.orders:find("idx", nil, "7")
  t.equal(first.side .. " " .. first.time_in_force, "sell post_only")
  t.equal(tostring(first.qty), "0.1")
  t.ok(first:is_missing_fills())
  t.equal(second.client_order_id, nil)
  t.equal(second.qty, nil)
  t.equal(s.desk.orders:find("idx", nil, "8"), nil)
end)

t.test("answers that make no sense are told, and asked for again", function()
  for _, answer in ipairs { '[1,[],[["BTC-USD"]],[]]', "{}", "17", '"x"',
                            '[1,[],[["BTC-USD",0,0,0,6,7,"x",1,1,1,0]],[]]' } do
    local s = play({ positions = answer }, "maker")
    if s.session.state == "down" then
      t.ok(#s:logged "private connection lost: reconcile: " > 0, answer)
    end
    s.methods.positions = "[1,[],[],[]]"
    s:advance(61)
    t.equal(s.session.state, "up", answer)
  end
end)

local function balances(s)
  local found
  local asker = { on_task_done = function(_, _, ok, result) found = ok and result end }
  s:run({ ask = function()
    require("moonwire.task").start(asker, "balances", function()
      return s.session:query_balances()
    end)
  end }, "ask")
  s:settle()
  return found
end

t.test("balances are positions, summed over the counterparties, below zero for debts", function()
  local s = play()
  s:frame '["K",0,"S",[["USD",-1628075000000,42,0,0],["USD",100000000,43,0,0],["BTC",25000000,42]]]'
  local held = balances(s)
  t.equal(tostring(held.USD.free), "-16279.75")
  t.equal(tostring(held.BTC.free), "0.25")
  s:frame '["K",0,"M",["BTC",50000000,42,0,0]]'
  s:frame '["K",0,"-",["USD",100000000,43,0,0]]'
  held = balances(s)
  t.equal(tostring(held.BTC.free), "0.5")
  t.equal(tostring(held.USD.free), "-16280.75")
  s:frame '["K",0,"S",[7,[["ETH",100000000,42]]]]'
  t.equal(tostring(balances(s).ETH.free), "1")
end)

t.test("a limit that is nearly used up is told once, in each of its forms", function()
  local s = play()
  s:frame(frames.limit)
  t.equal(#s:logged "counterparty 42", 0)
  s:frame((frames.limit:gsub("120000000000", "45000000000000")))
  s:frame((frames.limit:gsub("120000000000", "46000000000000")))
  t.equal(#s:logged "counterparty 42: 450000 of the limit of 500000 USD is used", 1)
  s:frame '["L",0,"+",[43,"USD",1000000000,null,null,950000000,0,0,0,0,0,0]]'
  s:frame '["L",0,"+",["USD",0,1000000000,0,960000000,0,44,0]]'
  t.equal(#s:logged "of the limit of 10 USD is used", 2)
  s:frame((frames.limit:gsub('"ownTradingEnabled":true', '"ownTradingEnabled":false')))
  t.equal(#s:logged "counterparty 42 does not trade with us", 1)
end)

t.test("a changed instrument has the markets read again", function()
  local s = play()
  s.methods.instruments = INSTRUMENTS:gsub('"USD",2,1000000', '"USD",2,10000')
  s:frame '["C",0,"M",["USD",2,10000,100000000,"fiat"]]'
  s:settle()
  t.equal(tostring(s.session.markets["BTC/USD"].price_step), "0.0001")
end)

-- X -----------------------------------------------------------------------------------------------

t.test("a backend that is lost suspends orders; when it is back each feed begins anew", function()
  local s, order = resting()
  s:advance(1)
  s:frame(frames.not_linked)
  t.equal(s.session.state, "degraded")
  local none, err = s:send(REST)
  t.equal(none, nil)
  t.ok(err:find "the venue's backend is not connected", err)
  local before = #s:private().sent
  s.methods.dealHistory = "[" .. DEAL_ROW:format(order.client_order_id, 0, 3, 10000000)
    :gsub("48221600011", "5") .. "]"
  s:frame(frames.linked)
  s:settle()
  t.equal(s.session.state, "up")
  t.equal(order.status, "filled")
  local text = table.concat(s:private().sent, "\n", before + 1)
  t.ok(text:find '"unbind","feed":"O".-"bind","feed":"O"', text)
end)

-- Books -------------------------------------------------------------------------------------------

local function watching(role)
  local s = play(nil, role)
  s:run(s.runners.one, "call_method", "watch", 0, {})
  s:settle()
  return s
end

local function shown(s)
  local book = s.trader.book
  local function side(levels)
    local list = {}
    for i, level in ipairs(levels) do
      list[i] = tostring(level.price) .. "x" .. tostring(level.qty)
    end
    return table.concat(list, " ")
  end
  return side(book.bids) .. " | " .. side(book.asks)
end

local function book_frame(s, frame)
  s:frame(frame, s:market())
  s:settle()
end

t.test("a taker's book is feed F, a maker's is feed B", function()
  for role, feed in pairs { taker = "F", maker = "B" } do
    local s = watching(role)
    t.equal(s:market().sent[1], ('{"event":"bind","feed":"%s","feedId":"BTC-USD"}'):format(feed))
  end
end)

t.test("a book is its snapshot and all changes since", function()
  local s = watching()
  book_frame(s, frames.book_snapshot)
  t.equal(shown(s), "65123x0.4 65122x1.5 | 65124x0.3")
  book_frame(s, frames.book_change)
  t.equal(shown(s), "65123.5x0.1 65123x0.4 65122x1.5 | 65124x0.2")
  book_frame(s, frames.book_new_best)
  t.equal(shown(s), "65122x1.5 | ")
  book_frame(s, '["F","BTC-USD","M",[[["M",6512200000000,0],["+",6512100000000,100]],'
             .. '[["M",6512900000000,5],["+",6512800000000,6],["-",6512900000000,0]]]]')
  t.equal(shown(s), "65121x0.000001 | 65128x0.00000006")
  book_frame(s, frames.book_snapshot)
  t.equal(shown(s), "65123x0.4 65122x1.5 | 65124x0.3")
end)

t.test("a book has 25 levels a side at most", function()
  local s = watching()
  local rows = {}
  for i = 1, 40 do rows[i] = ("[%d,100]"):format(6500000000000 - i * 1000000) end
  book_frame(s, '["F","BTC-USD","S",[[' .. table.concat(rows, ",") .. "],[]]]")
  t.equal(#s.trader.book.bids, 25)
end)

local function binds(s) return #s:market().sent end

t.test("a crossed book is asked for anew once, and then believed", function()
  local s = watching()
  local crossed = '["F","BTC-USD","S",[[[6512500000000,1]],[[6512400000000,1]]]]'
  local before = binds(s)
  book_frame(s, crossed)
  t.equal(binds(s), before + 2)
  book_frame(s, crossed)
  t.equal(binds(s), before + 2)
  t.equal(shown(s), "65125x0.00000001 | 65124x0.00000001")
end)

t.test("an update that cannot be applied has the book asked for anew", function()
  local s = watching()
  book_frame(s, frames.book_snapshot)
  local before = binds(s)
  book_frame(s, '["F","BTC-USD","M",[[["?",1,1]],[]]]')
  t.equal(binds(s), before + 2)
  t.equal(#s:logged "unknown operation ?", 1)
end)

t.test("a bind that failed is explained, with its code alone or in an array", function()
  local s = watching()
  book_frame(s, frames.bind_failed)
  book_frame(s, frames.bind_failed_in_array)
  t.equal(#s:logged "book of BTC-USD: bad id of a feed (error 103)", 2)
end)

t.test("without its backend the market connection begins anew", function()
  local s = watching()
  local socket = s:market()
  book_frame(s, frames.not_linked)
  s:advance(2)
  t.ok(s:market() ~= socket)
  t.equal(s.session.state, "up")
end)

t.test("the venue has no tape of trades, and says so", function()
  local s = play()
  local ok, err = s.session:can_subscribe("trades", "BTC/USD")
  t.equal(ok, nil)
  t.equal(err, "finery has no feed of trades")
end)

t.test("every error code of the list has words of its own or of its range", function()
  for code = 0, 167 do
    local text, class = wire.explain(code)
    t.ok(#text > 10 and class, code)
  end
  t.equal(wire.explain(166), "limits breached by settlement (error 166)")
  t.equal(tostring(wire.amount "9223372036854775807"), "92233720368.54775807")
  t.equal(wire.units(decimal "92233720368.54775807"), "9223372036854775807")
end)

stage.done()
