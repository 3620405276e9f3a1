-- Sessions of Finery: signatures, the log-on, what the account owes, the backend.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local finery = require "moonwire.venues.finery"
local json = require "moonwire.json"
local wire = require "moonwire.venues.finery.wire"
local fixture = require "tests.moonwire.finery_fixture"

local signatures, frames, KEY = fixture.signatures, fixture.frames, fixture.KEY
local SECRET, INSTRUMENTS, venue = fixture.SECRET, fixture.INSTRUMENTS, fixture.venue
local play, REST, DEAL_ROW, resting = fixture.play, fixture.REST, fixture.DEAL_ROW, fixture.resting

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

stage.done()
