-- One session with its venue: log-on, answers that come, come late or never, and lines that break.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local mw = require "moonwire"

local BUY = { qty = "0.001", price = "950000000" }

-- A trader who does what the test says, through a strategy's own API.
local function trader()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  S.calls = {}
  local function note(text) S.calls[#S.calls + 1] = text end
  function S.on_order(_, order, event) note(event.previous .. ">" .. order.status) end
  function S.on_fill(_, fill) note("fill " .. tostring(fill.qty)) end
  function S.on_session(_, _, state) note(state) end
  function S:send(request, key) self[key or "order"] = assert(self:buy(request)) end
  function S:drop(order) assert(self:cancel(order)) end
  function S.said()
    local text = table.concat(S.calls, " ")
    S.calls = {}
    return text
  end
  return S
end

local function play(options)
  options = options or {}
  local S = trader()
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options)
  s.trader = S
  s.instance = s.runners.one.instance
  function s:send(request, key)
    self:run(self.runners.one, "call_method", "send", 2, { request or BUY, key })
    return self.instance[key or "order"]
  end
  function s:drop(order) self:run(self.runners.one, "call_method", "drop", 1, { order }) end
  return s
end

local function up(options)
  local s = play(options):start()
  t.equal(s.session.state, "up")
  s.trader.said()
  return s
end

-- The log-on --------------------------------------------------------------------------------------

t.test("a session asks for all it needs, subscribes, reconciles, and then is up", function()
  local s = play():start()
  local asked = {}
  for i, request in ipairs(s.requests) do asked[i] = stage.name_of(request) end
  t.equal(table.concat(asked, " "), "/api/server_time /api/pairs /api/price_increments "
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

-- Orders out --------------------------------------------------------------------------------------

t.test("an order that could not even leave is rejected, not in doubt", function()
  local s = up()
  s.refuse_requests = "no network"
  local order = s:send()
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: no network")
  s.refuse_requests = nil
  s.answers.trade = false
  order = s:send()
  s:lose(s:find "trade", false)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: timed out")
  s:advance(30)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("an order without an answer is unknown, asked about, and never sent again", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  t.equal(order:is_open(), true)
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  t.equal(stage.parameter(s:asked("getOrderByClientOrderId")[1], "client_order_id"),
          order.client_order_id)
  t.equal(#s:asked "trade", 1)
end)

t.test("an answer that says nothing leaves the order in doubt as well", function()
  for _, answer in ipairs { { 502, "<html>" }, { 200, "<html>" }, { 503, "{}" } } do
    local s = up { answers = { trade = answer, getOrderByClientOrderId = false } }
    local order = s:send()
    s:settle()
    t.equal(order.status, "unknown")
    s:advance(1)
    t.equal(#s:asked "getOrderByClientOrderId", 1)
    t.equal(#s:asked "trade", 1)
  end
end)

t.test("an answer without an error is no refusal: the order is in doubt", function()
  local s = up { answers = { trade = '{"success":0,"error":null}',
                             getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "unknown")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("a market that is blocked for a while costs an order, not the session", function()
  local s = up { answers = { trade = '{"success":0,"error":"Pair blocked for 5 seconds"}' } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "rejected")
  s:advance(5)
  t.equal(s.session.state, "up")
  t.equal(s.stopped, nil)
end)

t.test("an order whose id is taken already is asked about, not rejected", function()
  local s = up { answers = { trade = '{"success":0,"error":"client order id x already exists"}',
                             getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  t.equal(order.status, "unknown")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("the stream may be faster than the answer", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:push(s:update(order, { orderId = "btcidr-limit-7" }), s:fill(order, "0.001", "0.001",
                                                               { orderId = "btcidr-limit-7" }))
  t.equal(s.trader.said(), "pending_new>new fill 0.001 new>filled")
  s:answer(s:find "trade", 200, '{"success":1,"return":{"order_id":7}}')
  t.equal(order.status, "filled")
  t.equal(order.order_id, "btcidr-limit-7")
  t.equal(s.trader.said(), "")
end)

t.test("an answer that is lost after the stream has shown the order is no doubt", function()
  local s = up { answers = { trade = false } }
  local order = s:send()
  s:push(s:update(order, {}))
  s:lose(s:find "trade", true)
  t.equal(order.status, "new")
end)

t.test("a second FILL of the same trade is one fill", function()
  local s = up()
  local order = s:send()
  s:settle()
  s.trader.said()
  local fill = s:fill(order, "0.0004", "0.0004")
  s:push(fill, fill)
  s:push(fill)
  t.equal(s.trader.said(), "fill 0.0004 new>partially_filled")
  t.equal(tostring(order.cum_qty), "0.0004")
end)

t.test("a taker's price is asked for and amended in the position", function()
  local s = up()
  local order = s:send()
  s:settle()
  local fill = s:fill(order, "0.001", "0.001", {
    tradeId = "7205", fillInformation = { participant = "TAKER", qty = "0.001", fee = "100",
                                          feeAsset = "idr" } })
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"7205","orderId":"btcidr-limit-310130",'
    .. '"price":"940000000",'
    .. '"qty":"0.001","quoteQty":"940000","commission":"100","commissionAsset":"idr",'
    .. '"isMaker":false,"time":1790000000200}]}'
  s:push(fill)
  t.equal(order.status, "filled")
  t.equal(tostring(order.avg_price), "950000000")
  s:advance(0.5)
  t.equal(#s:asked "/api/v2/myTrades", 1)
  t.equal(tostring(order.avg_price), "940000000")
  local position = s.instance:position()
  t.equal(tostring(position.qty) .. "@" .. tostring(position.avg_price), "0.001@940000000")
  t.equal(tostring(position.fees.IDR), "100")
end)

t.test("fills that the stream did not show are fetched by their total", function()
  local s = up()
  local order = s:send()
  s:settle()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"950000000",'
    .. '"qty":"0.001","quoteQty":"950000","commission":"1","commissionAsset":"idr",'
    .. '"isMaker":true,"time":1790000000200}]}'
  s:push(s:update(order, { status = "DONE", executedQty = "0.001" }))
  t.equal(order.status, "new", "not filled before it is counted")
  s:advance(0.5)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "0.001")
end)

t.test("an unknown status has the order asked about", function()
  local s = up { answers = { getOrderByClientOrderId = false } }
  local order = s:send()
  s:settle()
  s:push(s:update(order, { status = "HALTED" }))
  t.equal(order.status, "new")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
end)

t.test("orders that nobody here sent are external and counted", function()
  local s = up()
  s:push(s:update({ order_id = "btcidr-limit-99", client_order_id = "web-1", side = "sell" }, {}))
  local open = s.desk.orders:list_open()
  t.equal(#open, 1)
  t.equal(open[1].external, true)
  t.equal(open[1].side, "sell")
  t.equal(#s.instance.orders, 0)
  t.equal(s.trader.said(), "")
end)

-- openOrders counts a buy in quote currency, its fee reserve included: 0.00001503 is too much.
local function bounded()
  local s = stage.new { answers = { openOrders = stage.vector "open_orders" } }:start()
  local order = s.desk.orders:find("idx", nil, "btcidr-limit-310130")
  t.equal(order.is_qty_estimate, true)
  t.equal(tostring(order.qty), "0.00001503")
  s.answers.openOrders = nil
  return s, order
end

t.test("an open order of which a bound is known is filled when the venue says so", function()
  local s, order = bounded()
  local known = { orderId = "btcidr-limit-310130", origQty = "0.000015", price = "1550000000" }
  local fill = s:fill(order, "0.000015", "0.000015", known)
  s:push(fill)
  t.equal(order.status, "filled")
  t.equal(tostring(order.qty) .. " " .. tostring(order.cum_qty), "0.000015 0.000015")
end)

t.test("an open order of which a bound is known is filled by DONE and its executions", function()
  local s, order = bounded()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"1550000000",'
    .. '"qty":"0.000015","commission":"1","commissionAsset":"idr","isMaker":true,'
    .. '"time":1790000000200}]}'
  s:push(s:update(order, { orderId = "btcidr-limit-310130", status = "DONE",
                           origQty = "0.000015", executedQty = "0.000015" }))
  t.equal(order.status, "new", "not before it is counted")
  s:advance(1)
  t.equal(order.status, "filled")
end)

t.test("an open order of which a bound is known is canceled when the venue says so", function()
  local s, order = bounded()
  s:push(s:update(order, { orderId = "btcidr-limit-310130", status = "CANCELLED",
                           origQty = "0.000015" }))
  t.equal(order.status, "canceled")
end)

t.test("an open order of which a bound is known is filled when an answer says so", function()
  local s, order = bounded()
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"btcidr-limit-310130",'
    .. '"price":"1550000000",'
    .. '"qty":"0.000015","commission":"1","commissionAsset":"idr","isMaker":true,'
    .. '"time":1790000000200}]}'
  s.answers.getOrder = '{"success":1,"return":{"order":{"order_id":"310130","price":"1550000000",'
    .. '"type":"buy","status":"filled","order_idr":"23300","remain_idr":"0"}}}'
  s.session.reconciler:ask(order)
  s:advance(1)
  t.equal(order.status, "filled")
  t.equal(tostring(order.cum_qty), "0.000015")
  t.equal(s.session.reconciler.doubts[order], nil, "the doubt is over")
end)

t.test("an order refused for the rate has its market wait, others not", function()
  local s = up()
  s.answers.trade = { 429, '{"success":0,"error":"Your User ID sent too many trade request for '
    .. 'pair BTCIDR, please try again in 5 seconds","error_code":"too_many_requests"}' }
  local order = s:send()
  s:settle()
  t.equal(order.status, "rejected")
  t.equal(order.reason, "the venue's rate limit")
  local ok, err = s.session:may_submit "BTC/IDR"
  t.equal(ok, nil)
  t.ok(err:find "rate limit of the venue for BTC/IDR: try again in 5", err)
  t.equal(s.session:may_submit "AAVE/IDR", true)
  s:advance(5.1)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

t.test("while the line is down nothing may be sent", function()
  local s = up()
  s.keep_closed = true
  s:close(s:private(), 1006)
  local ok, err = s.session:may_submit "BTC/IDR"
  t.equal(ok, nil)
  t.equal(err, "session idx is down")
end)

t.test("no more than 15 orders a second leave for one market", function()
  local s = up()
  s:advance(2)
  for _ = 1, 15 do t.equal(s.session:may_submit "BTC/IDR", true) end
  t.equal(s.session:may_submit "BTC/IDR", nil)
  s:advance(1.01)
  t.equal(s.session:may_submit "BTC/IDR", true)
end)

-- Cancels -----------------------------------------------------------------------------------------

local function with_order(options)
  local s = up(options)
  local order = s:send()
  s:settle()
  t.equal(order.status, "new")
  s.trader.said()
  return s, order
end

t.test("a cancel is pending until the venue says that it is done", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false } }
  s:drop(order)
  t.equal(order.status, "pending_cancel")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(order.status, "canceled")
  t.equal(s.trader.said(), "new>pending_cancel pending_cancel>canceled")
end)

t.test("a cancel that is under way is not sent twice", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false } }
  s:drop(order)
  s:drop(order)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("a cancel whose answer is lost is asked about: it works, so it did not arrive", function()
  local s, order = with_order { answers = {
    cancelByClientOrderId = false,
    getOrderByClientOrderId = function(request)
      return '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"'
        .. stage.parameter(request, "client_order_id") .. '","price":"950000000","type":"buy",'
        .. '"status":"open","order_rp":"951000","remain_rp":"951000"}}}'
    end } }
  s:drop(order)
  s:lose(s:find "cancelByClientOrderId", true)
  t.equal(order.status, "pending_cancel")
  s:advance(1)
  t.equal(order.status, "new")
  s:drop(order)
  t.equal(#s:asked "cancelByClientOrderId", 2, "now it may be asked for again")
end)

t.test("a cancel that could not leave leaves the order as it was", function()
  local s, order = with_order()
  s.refuse_requests = "no network"
  s:drop(order)
  t.equal(order.status, "new")
end)

t.test("a cancel refused for an order that is gone is no statement: the venue is asked", function()
  local s, order = with_order { answers = {
    cancelByClientOrderId = '{"success":0,"error":"invalid order."}',
    getOrderByClientOrderId = false } }
  s:drop(order)
  s:settle()
  t.equal(order.status, "pending_cancel")
  s:advance(1)
  t.equal(#s:asked "getOrderByClientOrderId", 1)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.status, "canceled")
end)

t.test("cancels beyond the rate wait for their turn, and all leave", function()
  local s = up { risk = { max_orders_per_second = 1000 } }
  s:advance(2)
  for i = 1, 30 do
    s:send(BUY, "o" .. i)
    s:settle()
    if i % 15 == 0 then s:advance(1.01) end
  end
  s:run(s.runners.one, "call_method", "cancel_all", 0, {})
  s:settle()
  local first = #s:asked "cancelByClientOrderId"
  t.equal(first, 20, "the limit of the address")
  s:advance(3)
  t.equal(#s:asked "cancelByClientOrderId", 30)
  t.equal(#s.instance.orders, 0)
end)

t.test("a cancel leaves over HTTP while the line is down", function()
  local s, order = with_order()
  s.keep_closed = true
  s:close(s:private(), 1006)
  s:drop(order)
  s:settle()
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "canceled")
end)

-- The order must end (its strategy was stopped), and its first cancel is refused.
local function refused_once(options)
  local s, order = with_order(options)
  s.answers.cancelByClientOrderId = { 429, '{"success":0,"error":"Your User ID sent too many '
    .. 'cancel order requests","error_code":"too_many_requests"}' }
  s.answers.getOrderByClientOrderId = false
  s:run(s.desk, "end_order", order)
  s:settle()
  t.equal(order.status, "new")
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s.answers.cancelByClientOrderId = nil
  return s, order
end

t.test("a cancel refused while the order must end is sent again after a second", function()
  local s, order = refused_once()
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(0.9)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s:advance(0.2)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 2)
end)

t.test("a cancel is sent again as often as it is refused", function()
  local refusal = { 429, '{"success":0,"error":"too many","error_code":"too_many_requests"}' }
  local s, order = with_order { answers = { cancelByClientOrderId = refusal,
                                            getOrderByClientOrderId = false } }
  s:run(s.desk, "end_order", order)
  s:settle()
  s:advance(5.5)
  local asked = #s:asked "cancelByClientOrderId"
  t.ok(asked >= 3 and asked <= 6, asked .. " cancels in 5.5 s")
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(3)
  t.equal(order.status, "canceled")
end)

t.test("a cancel is not sent again when the order has ended meanwhile", function()
  for status, reported in pairs { canceled = "CANCELLED", filled = "FILL" } do
    local s, order = refused_once()
    s:advance(0.5)
    if reported == "FILL" then s:push(s:fill(order, "0.001", "0.001"))
    else s:push(s:update(order, { status = reported })) end
    t.equal(order.status, status)
    s:advance(10)
    t.equal(#s:asked "cancelByClientOrderId", 1, status)
  end
end)

t.test("a cancel that its strategy asked for is not sent again by itself", function()
  local s, order = with_order { answers = { getOrderByClientOrderId = false,
    cancelByClientOrderId = { 429, '{"success":0,"error":"too many","error_code":"x"}' } } }
  s:drop(order)
  s:settle()
  t.equal(order.status, "new")
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("a cancel in doubt is not sent again before there is evidence", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false,
                                            getOrderByClientOrderId = false } }
  s:run(s.desk, "end_order", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s:advance(10)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "pending_cancel")
end)

t.test("a cancel that waits for its turn waits once, however often it is asked for", function()
  local s, order = with_order()
  s.session.limiter:block("cancel", nil, 2, dispatch.now())
  local function waiting()
    local count = 0
    for _ in pairs(s.timers) do count = count + 1 end
    return count
  end
  local before = waiting()
  for _ = 1, 3 do s:drop(order) end
  t.equal(waiting(), before + 1)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  s:advance(2.1)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "canceled")
end)

t.test("an order that must end and works again after a doubt is canceled again", function()
  local s, order = with_order { answers = { cancelByClientOrderId = false,
    getOrderByClientOrderId = function(request)
      return '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"'
        .. stage.parameter(request, "client_order_id") .. '","price":"950000000","type":"buy",'
        .. '"status":"open","order_rp":"951000","remain_rp":"951000"}}}'
    end } }
  s:run(s.desk, "end_order", order)
  s:lose(s:find "cancelByClientOrderId", true)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(2.5)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(order.status, "canceled")
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

t.test("a connection that is in use needs no warming", function()
  local s = up()
  local before = #s:asked "/api/server_time"
  s:advance(15)
  s:send()
  s:advance(6)
  t.equal(#s:asked "/api/server_time", before)
end)

t.test("an idle connection is used every 20 s, so that the next order finds it warm", function()
  local s = up()
  local before = #s:asked "/api/server_time"
  s:advance(61)
  t.equal(#s:asked "/api/server_time", before + 3)
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
