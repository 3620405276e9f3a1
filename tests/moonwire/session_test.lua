-- One session with its venue: log-on, lines that break, market data, the end.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local fixture = require "tests.moonwire.session_fixture"
local json = require "moonwire.json"

local play, up = fixture.play, fixture.up

-- The log-on --------------------------------------------------------------------------------------

t.test("a session asks for all it needs, subscribes, reconciles, and then is up", function()
  local s = play():start()
  local asked = {}
  for i, request in ipairs(s.requests) do asked[i] = stage.name_of(request) end
  local warmed = ("/api/server_time "):rep(4)
  t.equal(table.concat(asked, " "), warmed .. "/api/pairs /api/price_increments /api/server_time "
          .. "/api/private_ws/v1/generate_token openOrders")
  local sent = {}
  for i, text in ipairs(s:private().sent) do
    sent[i] = json.decode(text).connect and "connect" or "subscribe"
  end
  t.equal(table.concat(sent, " "), "connect subscribe")
  t.equal(s.session.state, "up")
end)

t.test("up is not said before the venue's orders are known", function()
  local s = play { answers = { openOrders = false } }
  s:start()
  t.equal(s.session.state, "down")
  t.equal(s.trader.said(), "")
  s:answer(s:find "openOrders", 200, '{"success":1,"return":{"orders":[]}}')
  t.equal(s.session.state, "up")
end)

local function is_near(actual, expected)
  t.ok(math.abs(actual - expected) <= 1, ("expected %.0f, got %.0f"):format(expected, actual))
end

t.test("the venue's clock is measured and used, a large difference is said", function()
  local s = up { answers = { ["/api/server_time"] = '{"server_time":1790000002123}' } }
  is_near(s.session:venue_ms(), 1790000002123)
  t.equal(#s:logged "ms off the venue's", 1)
  s:send()
  is_near(tonumber(stage.parameter(s:asked("trade")[1], "timestamp")), 1790000002123)
end)

t.test("half of the time that the answer took is taken off", function()
  local s = play { answers = { ["/api/server_time"] = false } }
  s:start()
  s:advance(1)
  s:answer(s:find "/api/server_time", 200, '{"server_time":1790000000623}')
  is_near(s.session:venue_ms() - dispatch.now_ms(), 0)
  t.equal(#s:logged "ms off the venue's", 0)
end)

t.test("a venue without time is logged on to all the same", function()
  local s = up { answers = { ["/api/server_time"] = { 502, "<html>" } } }
  t.equal(s.session:venue_ms(), dispatch.now_ms())
end)

t.test("markets that cannot be had are asked for again, until they come", function()
  local s = play { answers = { ["/api/pairs"] = { 502, "<html>" } } }
  s:start()
  t.equal(s.session.state, "down")
  t.equal(s.last_socket.private, nil)
  s:advance(10)
  t.ok(#s:asked "/api/pairs" > 1)
  s.answers["/api/pairs"] = stage.vector "pairs"
  s:advance(20)
  t.equal(s.session.state, "up")
end)

t.test("an attempt at a venue that is not there is one line", function()
  local s = play { answers = { ["/api/pairs"] = false, ["/api/server_time"] = false } }
  s:start()
  for _, name in ipairs { "/api/pairs", "/api/server_time" } do
    local request = s:find(name)
    if request then s:lose(request, false) end
  end
  t.equal(#s:logged "warn ", 1, table.concat(s.lines, "\n"))
  t.ok(s:logged("private connection lost: markets: timed out; connecting again in")[1])
end)

t.test("a bad key stops the session and, with the last one, the runtime", function()
  local s = play { answers = { ["/api/private_ws/v1/generate_token"] =
    '{"success":0,"error":"Invalid credentials. Bad sign.","error_code":"bad_sign"}' } }
  s:start()
  s:advance(60)
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 1, "no second try with a bad key")
  t.equal(s.stopped, 1)
  t.ok(#s:logged "bad signature" > 0)
end)

t.test("reports that come during the log-on are held, and are not lost", function()
  local s = up()
  local order = s:send()
  s:settle()
  s:close(s:private(), 3001, "shutdown")
  s.answers.openOrders, s.answers.getOrderByClientOrderId = false, false
  s:advance(1)
  t.equal(s.session.state, "down")
  s:frame(json.encode { push = { pub = { data = json.array {
    s:fill(order, "0.0004", "0.0004"), s:fill(order, "0.0006", "0.001") } } } })
  t.equal(order.status, "new", "held")
  s:answer(s:find "openOrders", 200, '{"success":1,"return":{"orders":{"btc_idr":[{"order_id":'
    .. '"310130","client_order_id":"' .. order.client_order_id .. '","price":"950000000",'
    .. '"type":"buy","order_type":"limit","order_idr":"951000","remain_idr":"951000"}]}}}')
  t.equal(order.status, "filled")
  t.equal(s.session.state, "up")
end)

t.test("callbacks of what was held back cannot wait, as no callback can", function()
  local s = up()
  local order = s:send()
  s:settle()
  local why
  function s.trader:on_fill(_, filled)
    why = why or select(2, pcall(filled.wait, filled, "never", 5))
  end
  s:close(s:private(), 3001, "shutdown")
  s.answers.openOrders = false
  s:advance(1)
  s:frame(json.encode { push = { pub = { data = json.array {
    s:fill(order, "0.0004", "0.0004"), s:fill(order, "0.0003", "0.0007") } } } })
  s:answer(s:find "openOrders", 200, '{"success":1,"return":{"orders":null}}')
  s:settle()
  t.equal(order.status, "partially_filled")
  t.ok(tostring(why):find("is for tasks", 1, true), tostring(why))
end)

t.test("a token that has expired is replaced at once, the first time", function()
  local refused = 1
  local s = play()
  s.reply = function(text)
    local command = json.decode(text)
    if command.connect and refused > 0 then
      refused = refused - 1
      return ('{"id":%d,"error":{"code":109,"message":"token expired"}}'):format(command.id)
    end
    return ('{"id":%d,"%s":{}}'):format(command.id, command.connect and "connect" or "subscribe")
  end
  s:start()
  t.equal(s.session.state, "down")
  s:advance(0)
  t.equal(s.session.state, "up")
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 2)
  refused = 2
  s:close(s:private(), 3005, "expired")
  s:advance(0)
  t.equal(s.session.state, "down", "at once the first time only")
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 3)
  s:advance(5)
  t.equal(s.session.state, "up")
end)

t.test("permission denied is tried once more with a new token, then it is final", function()
  local s = play()
  s.reply = function(text)
    local command = json.decode(text)
    if command.subscribe then
      return ('{"id":%d,"error":{"code":103,"message":"permission denied"}}'):format(command.id)
    end
    return ('{"id":%d,"connect":{}}'):format(command.id)
  end
  s:start()
  s:advance(60)
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 2)
  t.equal(s.stopped, 1)
  t.ok(#s:logged "permission denied" > 0)
end)

t.test("a command without a reply is given up after five seconds", function()
  local s = play()
  s.reply = function() return nil end
  s:start()
  local first = s:private()
  s:advance(4.9)
  t.equal(s:private(), first)
  s:advance(1)
  t.ok(s:private() ~= first, "connected anew")
  t.ok(#s:logged "no reply within 5 s" > 0)
end)

-- Lines that break --------------------------------------------------------------------------------

t.test("a broken line is down, comes back by itself, with a new token", function()
  local s = up()
  s:close(s:private(), 1006)
  t.equal(s.session.state, "down")
  t.equal(s.trader.said(), "down")
  s:advance(0.5)
  t.equal(s.session.state, "up")
  t.equal(s.trader.said(), "up")
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 2)
  t.equal(#s:asked "/api/pairs", 1, "the markets are known")
end)

t.test("attempts that fail come slower and slower, at most 20 s apart", function()
  local s = up()
  s.answers["/api/private_ws/v1/generate_token"] = { 502, "<html>" }
  s:close(s:private(), 1006)
  s:advance(600)
  local count = #s:asked "/api/private_ws/v1/generate_token"
  t.ok(count >= 600 / 20 and count < 200, tostring(count))
  s.answers["/api/private_ws/v1/generate_token"] = stage.vector "token"
  s:advance(20)
  t.equal(s.session.state, "up")
end)

t.test("3005 comes back at once, 3503 never", function()
  local s = up()
  for _ = 1, 3 do
    s:close(s:private(), 3005, "expired")
    s:advance(0)
    t.equal(s.session.state, "up")
  end
  s:close(s:private(), 3503, "force disconnect")
  s:advance(300)
  t.equal(s.session.state, "down")
  t.equal(s.stopped, 1)
  t.ok(#s:logged "force disconnect" > 0)
end)

t.test("a line on which nothing is heard has a limit, told to the host", function()
  t.equal(up():private().options.silence, 35)
end)

t.test("a frame that cannot be read is said and counted, and the line stays", function()
  local s = up()
  s:frame "no JSON"
  t.equal(s.session.state, "up")
  t.equal(s.session.private.bad_frames, 1)
  t.equal(#s:logged "message not understood", 1)
end)

t.test("the token is renewed ten minutes before its end, on the same line", function()
  local s = up()
  local line = s:private()
  s:advance(86133 - 601)
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 1)
  s:advance(2)
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 2)
  t.ok(line.sent[3]:find '"refresh"', line.sent[3])
  t.equal(s:private(), line)
  t.equal(s.session.state, "up")
  s:advance(86399 - 600)
  t.equal(#s:asked "/api/private_ws/v1/generate_token", 3, "and again")
end)

t.test("where refresh is refused the session connects anew", function()
  local s = up()
  local line = s:private()
  s.reply = function(text)
    local id = json.decode(text).id
    if text:find '"refresh"' then
      return ('{"id":%d,"error":{"code":108,"message":"not available"}}'):format(id)
    end
    return ('{"id":%d,"%s":{"ttl":86133}}'):format(id, text:find '"connect"' and "connect"
                                                   or "subscribe")
  end
  s:advance(86133 - 599)
  s:advance(1)
  t.ok(s:private() ~= line)
  t.equal(s.session.state, "up")
end)

-- Market data -------------------------------------------------------------------------------------

t.test("market data that breaks is degraded, its books are gone, and it comes back", function()
  local s = up()
  s:run(s.runners.one, "call_method", "subscribe", 1, { "book" })
  s:settle()
  s:book({ { "949000000" } }, { { "951000000" } })
  t.equal(tostring(s.desk:book("idx", "BTC/IDR").mid), "950000000")
  s.keep_closed = true
  s:close(s:market(), 1006)
  t.equal(s.session.state, "degraded")
  t.equal(s.desk:book("idx", "BTC/IDR"), nil, "a price that is not fresh is no price")
  t.equal(s.session:may_submit "BTC/IDR", true)
  s.keep_closed = nil
  s:advance(1)
  t.equal(s.session.state, "up")
  t.ok(s:market().sent[2]:find "market:order%-book%-btcidr", "subscribed again")
end)

t.test("market data nobody asked for is not connected", function()
  local s = up()
  s:advance(5)
  t.equal(s.last_socket.market, nil)
end)

t.test("asking twice for a feed subscribes it once", function()
  local s = up()
  for _ = 1, 3 do
    s:run(s.runners.one, "call_method", "subscribe", 1, { "trades" })
    s:settle()
  end
  t.equal(#s:market().sent, 2, "connect and one subscribe")
  t.equal(s.trader.said(), "", "up is said once")
end)

-- The end -----------------------------------------------------------------------------------------

t.test("a session that is stopped leaves nothing open and does not come back", function()
  local s = up()
  s:run(s.runners.one, "call_method", "subscribe", 1, { "book" })
  s:settle()
  s.session:stop()
  local asked = #s.requests
  t.equal(next(s.sockets), nil)
  t.equal(next(s.timers), nil)
  s:advance(600)
  t.equal(#s.requests, asked)
end)

t.test("a session that is stopped between two attempts does not try again", function()
  local s = up()
  s.keep_closed = true
  s:close(s:private(), 1006)
  s.session:stop()
  t.equal(next(s.timers), nil)
end)

t.test("connections are opened at the start and used every 20 s, so that orders find them warm",
       function()
  local s = up()
  t.equal(#s:asked "/api/server_time", 4 + 1)                -- and the clock
  s.session.warm_count = 6
  s:advance(20)
  t.equal(#s:asked "/api/server_time", 5 + 6)
  s:advance(40)
  t.equal(#s:asked "/api/server_time", 5 + 18)
end)

t.test("connections need no warming when all were in use just now", function()
  local s = up()
  s.session.warm_count = 4
  s:advance(15)
  local before = #s:asked "/api/server_time"
  for _ = 1, 3 do s:send() end
  s:advance(6)
  t.equal(#s:asked "/api/server_time", before + 4)
  s:advance(12)
  for _ = 1, 4 do s:send() end
  s:advance(8)
  t.equal(#s:asked "/api/server_time", before + 4)
end)

t.test("as many connections are kept as one event has sent requests, up to 16", function()
  local s = up()
  s.session.warm_count = 4
  for _, case in ipairs { { 3, 4 }, { 9, 9 }, { 2, 9 }, { 18, 16 } } do
    s:advance(1)
    for _ = 1, case[1] do s:send() end
    t.equal(s.session.warm_count, case[2], tostring(case[1]))
  end
end)

t.test("markets and capabilities that are shown can be scribbled on without harm", function()
  local s = up()
  local shown = s.session:market_table()
  t.equal(tostring(shown["BTC/IDR"].price_step), "1000")
  shown["BTC/IDR"].price_step = decimal "1"
  s.session:capabilities().client_order_id = false
  t.equal(tostring(s.session:market_table()["BTC/IDR"].price_step), "1000")
  t.equal(s.session:capabilities().client_order_id, true)
  local market, err = s.session:market_of "X/Y"
  t.equal(market, nil)
  t.equal(err, "no market X/Y on idx")
end)

stage.done()
