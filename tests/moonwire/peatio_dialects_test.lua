-- The other dialects of Peatio: the original's keys, and the streams of ranger and rango in the
-- words of each version.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"

-- hmac (10) ---------------------------------------------------------------------------------------

local HMAC = { dialect = "hmac", key = assert(host.secret_text "AKTEST1"),
               secret = assert(host.secret_text "SKTEST1") }

local function hmac_stage(options)
  options = options or {}
  options.config = HMAC
  local s = p.new(options)
  s.answered = {}
  s.reply = function(text)
    if type(text) == "table" then
      s.answered[#s.answered + 1] = text
      return options.login or '{"success":{"message":"Authenticated."}}'
    end
  end
  s:run(s.desk, "start")
  s:settle()
  return s
end

t.test("the challenge is answered as the page says", function()
  local s = hmac_stage()
  t.equal(#s.answered, 0)                        -- not before the challenge
  s:frame '{"challenge":"ch_all-enge9"}'
  s:settle()
  local answer = s.answered[1]
  t.equal(answer[1], '{"auth":{"access_key":"')
  t.equal(tostring(answer[2]), "secret from text")
  t.equal(answer[3], '","answer":"'
          .. '8d1aace9b9979f956b095a8496bfc7b1719ea6758ba362626ae19050cc1289bf"}}')
  t.equal(s.session.state, "up")
end)

t.test("an unknown access key, which gets no answer, is tried again", function()
  local s = hmac_stage()
  s.reply = function() end
  s:frame '{"challenge":"x"}'
  s:advance(10.5)
  t.equal(#s:logged "sign-in: no reply within 10 s", 1)
  t.equal(s.stopped, nil)
end)

local function text_of(pieces)
  local words = {}
  for i, piece in ipairs(pieces) do
    words[i] = type(piece) == "string" and piece or "AKTEST1"
  end
  return table.concat(words)
end

t.test("parameters are sorted and signed with verb and path, each time with a higher tonce",
       function()
  local s = hmac_stage()
  s:frame '{"challenge":"ch"}'
  s:settle()
  assert(s:send { side = "buy", qty = "0.25", price = "7000.5" })
  s:settle()
  local last = 0
  for _, request in ipairs(s.requests) do
    local text = type(request.url) == "table" and text_of(request.url):match "%?(.*)$"
      or request.body and text_of(request.body)
    if text then
      local signed, signature = text:match "^(.*)&signature=(%x+)$"
      local path = text_of(type(request.url) == "table" and request.url or { request.url })
        :match "^https://[^/]+([^?]*)"
      t.equal(signature, HMAC.secret:hmac("sha256", request.method .. "|" .. path .. "|" .. signed,
                                          "hex"))
      local names = {}
      for name in signed:gmatch "([%w_]+)=" do names[#names + 1] = name end
      local sorted = { unpack(names) }
      table.sort(sorted)
      t.equal(table.concat(names, " "), table.concat(sorted, " "))
      local tonce = tonumber(signed:match "tonce=(%d+)")
      t.ok(tonce > last, "a higher tonce")
      last = tonce
    end
  end
  t.equal(text_of(s.requests[#s.requests].body):match "^(.-)&tonce",
          "access_key=AKTEST1&market=btcusd&ord_type=limit&price=7000.5&side=buy")
  t.ok(last > 0, "signed requests")
end)

t.test("the original's errors have reasons, whatever their numbers mean elsewhere", function()
  local rows = {
    [2005] = "bad signature", [2006] = "the tonce was used already",
    [2007] = "is this machine's clock right", [2008] = "no such access key",
    [2009] = "disabled", [2010] = "expired", [2011] = "no permission",
  }
  for code, part in pairs(rows) do
    local s = hmac_stage()
    s:frame '{"challenge":"ch"}'
    s:settle()
    s.answers["/api/v2/orders"] = { 401, json.encode { error = { code = code, message = "x" } } }
    local order = assert(s:send { side = "buy", qty = "1", price = "7000" })
    s:settle()
    t.equal(order.status, "rejected")
    t.ok(order.reason:find(part, 1, true), order.reason)
  end
end)

-- ranger (11, 12) ---------------------------------------------------------------------------------

local SUBSCRIBED = '{"success":{"message":"subscribed","streams":["order","trade"]}}'
local BASE = "/api/v2/peatio"

local function v2_row(fields)
  local row = p.row(fields)
  row.origin_volume, row.volume = row.volume, nil
  return row
end

local function ranger(options)
  options = options or {}
  local config = { dialect = "ranger", key = false }
  for name, value in pairs(options.config or {}) do config[name] = value end
  options.config = config
  local s = p.new(options)
  s.answers[BASE .. "/public/markets"] = options.markets or '[{"id":"btcusd","name":"BTC/USD",'
    .. '"base_unit":"btc","quote_unit":"usd","min_amount":"0.001","amount_precision":4,'
    .. '"price_precision":2,"state":"enabled"}]'
  s.answers[BASE .. "/public/timestamp"] = function()
    return os.date("!\"%Y-%m-%dT%H:%M:%SZ\"", math.floor(1790000000 + s.elapsed))
  end
  s.answers[BASE .. "/market/orders"] = function(request)
    if request.method == "GET" then
      return json.encode(json.array(s.lists[request.url:match "state=(%w+)"] or {}))
    end
    s.next_id = s.next_id + 1
    local function asked(name) return stage.parameter(request, name) end
    return { 201, json.encode(v2_row {
      id = s.next_id, state = options.state or "pending", side = asked "side",
      price = asked "price", volume = asked "volume", remaining_volume = asked "volume" }) }
  end
  s.answers[BASE .. "/market/orders/41"] = function()
    local row = s.orders_by_id["41"]
    return row and json.encode(row) or { 404, '{"errors":["record.not_found"]}' }
  end
  s.first_frame, s.keep_closed = options.first_frame or SUBSCRIBED, options.is_silent
  if options.before then options.before(s) end
  s:run(s.desk, "start")
  s:settle()
  if s.last_socket.private and not options.is_silent then
    s:frame(s.first_frame)
    s:settle()
  end
  return s
end

local function ranger_with_order(options)
  local s = ranger(options)
  t.equal(s.session.state, "up", table.concat(s.lines, "\n"))
  local order = assert(s:send { side = "buy", qty = "2", price = "7000" })
  s:settle()
  s:said()
  return s, order
end

t.test("the streams are asked for by the url, the token is in the handshake", function()
  local s = ranger()
  local socket = s:private()
  t.equal(socket.url, "wss://private.test/ws/?stream=order&stream=trade")
  t.equal(socket.options.headers[1][1], "Authorization")
  t.equal(socket.options.headers[1][2][1], "Bearer ")
  t.equal(#socket.sent, 0)
  t.equal(s.session.state, "up")
end)

t.test("an API key signs nonce and key", function()
  local s = ranger { config = { key = assert(host.secret_text "kid0001"),
                                secret = assert(host.secret_text "apisecret1") } }
  local headers = s:private().options.headers
  t.equal(headers[1][1], "X-Auth-Apikey")
  local nonce = "1790000000499"                  -- by the venue's clock, which tells whole seconds
  t.equal(headers[2][2], nonce)
  t.equal(headers[3][2], assert(host.secret_text "apisecret1"):hmac(
    "sha256", nonce .. "kid0001", "hex"))
  -- The page's vector, which it gives under another name.
  t.equal(assert(host.secret_text "apisecret1"):hmac("sha256", "1530000000123kid0001", "hex"),
          "dbc6118ede6ae1c9477f7cc9f7d6d5e8f79525fdee309143faf7f09ff721f959")
end)

t.test("a question that has waited for its turn has the nonce of when it leaves", function()
  local s = ranger { config = { key = assert(host.secret_text "kid0001"),
                                secret = assert(host.secret_text "apisecret1") } }
  local before = #s:asked(BASE .. "/market/orders")
  s.session.limiter:block("query", nil, 20, dispatch.now())
  s.session:in_task("ask", function(session) session.protocol.fetch_open_orders(session) end)
  s:advance(19)
  t.equal(#s:asked(BASE .. "/market/orders"), before)
  s:advance(2)
  local asked = s:asked(BASE .. "/market/orders")
  t.ok(#asked > before)
  t.equal(asked[before + 1].headers[2][1], "X-Auth-Nonce")
  t.ok(tonumber(asked[before + 1].headers[2][2]) >= 1790000020123, asked[before + 1].headers[2][2])
end)

t.test("a server that gives public streams only has not taken the token", function()
  local s = ranger { first_frame = '{"success":{"message":"subscribed","streams":[]}}' }
  t.equal(s.stopped, 1)
  t.ok(#s:logged "public streams only" > 0)
end)

t.test("a handshake that is answered 401 ends a session that never was up", function()
  local s = ranger { is_silent = true }
  s:close(s:private(), 1006, "", 401, "")
  s:settle()
  t.equal(s.stopped, 1)
end)

t.test("markets and their decimals are read in the words of both versions", function()
  local s = ranger()
  local market = s.session:market_of "BTC/USD"
  t.equal(tostring(market.price_step), "0.01")
  t.equal(tostring(market.qty_step), "0.0001")
  t.equal(tostring(market.min_qty), "0.001")
  s = ranger { markets = '[{"id":"btcusd","name":"BTC/USD","ask_unit":"btc","bid_unit":"usd",'
    .. '"ask_fee":"0.0015","bid_fee":"0.001","ask_precision":6,"bid_precision":3}]' }
  market = s.session:market_of "BTC/USD"
  t.equal(tostring(market.price_step), "0.001")
  t.equal(tostring(market.qty_step), "0.000001")
  t.equal(tostring(market.sell_fee), "0.0015")
end)

t.test("an order that is pending is pending_new with an id, until its event", function()
  local s, order = ranger_with_order()
  t.equal(order.status, "pending_new")
  t.equal(order.order_id, "41")
  s:frame '{"order":{"id":41,"market":"btcusd","kind":"bid","side":"buy","state":"wait",'
  s:settle()
  t.equal(order.status, "pending_new")           -- broken: nothing happened
  s:frame('{"order":{"id":41,"market":"btcusd","kind":"bid","side":"buy","ord_type":"limit",'
    .. '"price":"7000.0","state":"wait","origin_volume":"2.0","remaining_volume":"2.0",'
    .. '"executed_volume":"0.0","at":1790000000}}')
  s:settle()
  t.equal(order.status, "new")
end)

t.test("a lost order is found by the venue's clock, however wrong ours is", function()
  local answer
  local s = ranger { before = function(s)
    s:shift_clock(60)
    s:advance(0.1)
  end }
  t.equal(s.session.clock_offset_ms, -59724)
  answer, s.answers[BASE .. "/market/orders"] = s.answers[BASE .. "/market/orders"], false
  local order = assert(s:send { side = "buy", qty = "2", price = "7000" })
  s:lose(s:find(BASE .. "/market/orders"), true)
  s.answers[BASE .. "/market/orders"] = answer
  s.lists.wait = { v2_row { id = 48 } }
  s:advance(1.1)
  t.equal(order.status, "new", table.concat(s.lines, "\n"))
  t.equal(order.order_id, "48")
end)

t.test("a pending order whose event is lost is asked about", function()
  local s, order = ranger_with_order()
  s.orders_by_id["41"] = v2_row { state = "wait" }
  s:advance(0.2)
  t.equal(order.status, "new")
end)

-- One match of 0.5 in the words of each version: the order's event, the trade's.
local versions = {
  ["1.9"] = {
    '{"order":{"id":41,"at":1790000000,"market":"btcusd","kind":"bid","price":"7000.0",'
      .. '"state":"wait","volume":"1.5","origin_volume":"2.0"}}',
    '{"trade":{"id":7,"kind":"bid","at":1790000001,"price":"7000.0","volume":"0.5",'
      .. '"ask_id":40,"bid_id":41,"market":"btcusd"}}', "?" },
  ["2.0"] = {
    '{"order":{"id":41,"at":1790000000,"market":"btcusd","kind":"bid","price":"7000.0",'
      .. '"state":"wait","remaining_volume":"1.5","origin_volume":"2.0"}}',
    '{"trade":{"id":7,"kind":"ask","at":1790000001,"price":"7000.0","volume":"0.5",'
      .. '"ask_id":40,"bid_id":41,"market":"btcusd"}}', "?" },
  ["2.2"] = {
    '{"order":{"id":41,"at":1790000000,"market":"btcusd","kind":"bid","side":"buy",'
      .. '"ord_type":"limit","price":"7000.0","state":"wait","remaining_volume":"1.5",'
      .. '"origin_volume":"2.0","executed_volume":"0.5","created_at":1790000000}}',
    '{"trade":{"id":7,"side":"bid","kind":"bid","price":"7000.0","volume":"0.5",'
      .. '"market":"btcusd","at":1790000001,"created_at":1790000001,"bid_id":41}}', "?" },
  ["2.3"] = {
    '{"order":{"id":41,"at":1790000000,"market":"btcusd","kind":"bid","side":"buy",'
      .. '"ord_type":"limit","price":"7000.0","state":"wait","remaining_volume":"1.5",'
      .. '"origin_volume":"2.0","executed_volume":"0.5","created_at":1790000000}}',
    '{"trade":{"id":7,"price":"7000.0","amount":"0.5","total":"3500.0","market":"btcusd",'
      .. '"side":"buy","taker_type":"sell","created_at":1790000001,"order_id":41}}', "maker" },
}

t.test("a match is one fill in the words of each version, whatever comes first", function()
  for version, frames in pairs(versions) do
    for _, order_first in ipairs { true, false } do
      local s, order = ranger_with_order { state = "wait" }
      local first, second = frames[1], frames[2]
      if not order_first then first, second = second, first end
      for _, frame in ipairs { first, second, first, second } do
        s:frame(frame)
        s:settle()
      end
      t.equal(order.status, "partially_filled", version)
      t.equal(tostring(order.cum_qty), "0.5", version)
      t.equal(s:said(), "0.5@7000 " .. frames[3] .. ", new>partially_filled", version)
    end
  end
end)

t.test("the fee of a fill comes by REST, and the position has it", function()
  local s = ranger_with_order { state = "wait" }
  s:frame(versions["2.3"][2])
  s:settle()
  s.orders_by_id["41"] = v2_row { executed_volume = "0.5", trades = {
    { id = 7, price = "7000.0", amount = "0.5", side = "buy", taker_type = "sell",
      created_at = p.created_at, fee_currency = "btc", fee_amount = "0.0005" } } }
  s:advance(1)
  t.equal(s.runners.one.instance:position():fees_text(), "0.0005 BTC")
end)

t.test("a trade with ourselves is told twice in the maker's words; REST has the taker's", function()
  local s = ranger()
  local sell = assert(s:send { side = "sell", qty = "1", price = "6900" })
  s:settle()
  local buy = assert(s:send { side = "buy", qty = "1", price = "6900" })
  s:settle()
  local maker = '{"trade":{"id":7,"price":"6900.0","amount":"1.0","total":"6900.0",'
    .. '"market":"btcusd","side":"sell","taker_type":"buy","created_at":1790000001,"order_id":41}}'
  s:frame(maker)
  s:frame(maker)
  s:settle()
  for id, side in pairs { [41] = "sell", [42] = "buy" } do
    s:frame(('{"order":{"id":%d,"market":"btcusd","side":"%s","state":"done",'
      .. '"price":"6900.0","origin_volume":"1.0","remaining_volume":"0.0",'
      .. '"executed_volume":"1.0"}}'):format(id, side))
  end
  s:settle()
  local trade = { id = 7, price = "6900.0", amount = "1.0", created_at = p.created_at }
  s.answers[BASE .. "/market/orders/42"] = json.encode(v2_row {
    id = 42, price = "6900.0", volume = "1.0", executed_volume = "1.0", state = "done",
    trades = { trade } })
  s.orders_by_id["41"] = v2_row { side = "sell", price = "6900.0", volume = "1.0",
                                  executed_volume = "1.0", state = "done", trades = { trade } }
  s:advance(1)
  t.equal(sell.status, "filled")
  t.equal(buy.status, "filled")
  t.equal(tostring(sell.cum_qty) .. tostring(buy.cum_qty), "11")
end)

t.test("an order that is refused after it was taken is rejected", function()
  local s, order = ranger_with_order()
  s:frame('{"order":{"id":41,"market":"btcusd","side":"buy","state":"reject",'
    .. '"origin_volume":"2.0","remaining_volume":"2.0"}}')
  s:settle()
  t.equal(order.status, "rejected")
end)

t.test("each refusal in keys has its reason", function()
  local rows = {
    { 422, "market.account.insufficient_balance", "not enough funds" },
    { 422, "market.order.insufficient_market_liquidity", "too thin a book" },
    { 422, "market.order.invalid_volume_or_price", "invalid_volume_or_price" },
    { 403, "market.trade.not_permitted", "verification level" },
    { 401, "jwt.decode_and_verify", "the token was not taken" },
    { 401, "authz.nonce_expired", "is this machine's clock right" },
    { 401, "authz.unexistent_apikey", "no such API key" },
  }
  for _, row in ipairs(rows) do
    local s = ranger()
    local answer = s.answers[BASE .. "/market/orders"]
    s.answers[BASE .. "/market/orders"] = function(request)
      if request.method == "GET" then return answer(request) end
      return { row[1], json.encode { errors = json.array { row[2] } } }
    end
    local order = assert(s:send { side = "buy", qty = "2", price = "7000" })
    s:settle()
    t.equal(order.status, "rejected", row[2])
    t.ok(order.reason:find(row[3], 1, true), order.reason)
  end
end)

t.test("an internal error says nothing of the order", function()
  local s = ranger()
  local answer = s.answers[BASE .. "/market/orders"]
  s.answers[BASE .. "/market/orders"] = function(request)
    if request.method == "GET" then return answer(request) end
    return { 500, '{"errors":["server.internal_error"]}' }
  end
  local order = assert(s:send { side = "buy", qty = "2", price = "7000" })
  s:settle()
  t.equal(order.status, "unknown")
end)

t.test("a cancel has the order in its path", function()
  local s, order = ranger_with_order { state = "wait" }
  s.answers[BASE .. "/market/orders/41/cancel"] = { 201, json.encode(v2_row { state = "wait" }) }
  s.orders_by_id["41"] = v2_row { state = "cancel" }
  s:drop(order)
  t.equal(order.status, "pending_cancel")
  s:advance(0.2)
  t.equal(order.status, "canceled")
end)

-- Books -------------------------------------------------------------------------------------------

local function market_stage()
  local s = ranger()
  s:said()
  s:follow "book"
  return s, function(text)
    s:frame(text, s:market())
    s:settle()
    return s:said()
  end
end

t.test("a book is a snapshot and its changes, one level or several", function()
  local s, hear = market_stage()
  t.equal(s:market().sent[1], '{"event":"subscribe","streams":["btcusd.ob-inc"]}')
  t.equal(hear('{"btcusd.ob-snap":{"asks":[["7100.0","1.0"],["7200.0","2.0"]],'
    .. '"bids":[["7000.0","1.0"]],"sequence":5}}'), "book BTC/USD 7000 / 7100")
  t.equal(hear '{"btcusd.ob-inc":{"asks":["7050.0","1.0"],"sequence":6}}',
          "book BTC/USD 7000 / 7050")
  t.equal(hear '{"btcusd.ob-inc":{"asks":[["7050.0","0"],["7100.0",""]],"sequence":7}}',
          "book BTC/USD 7000 / 7200")
  t.equal(hear '{"btcusd.ob-inc":{"bids":["7010.0","0.5"]}}', "book BTC/USD 7010 / 7200")
end)

t.test("a gap in the numbers has the book asked for anew", function()
  local s, hear = market_stage()
  hear '{"btcusd.ob-snap":{"asks":[["7100.0","1.0"]],"bids":[],"sequence":5}}'
  t.equal(hear '{"btcusd.ob-inc":{"asks":["7050.0","1.0"],"sequence":7}}', "")
  t.equal(s:market().sent[2], '{"event":"unsubscribe","streams":["btcusd.ob-inc"]}')
  t.equal(s:market().sent[3], '{"event":"subscribe","streams":["btcusd.ob-inc"]}')
  t.equal(hear '{"btcusd.ob-inc":{"asks":["7050.0","1.0"],"sequence":8}}', "")
end)

t.test("public trades are told, and broken ones are counted", function()
  local s = ranger()
  s:said()
  s:follow "trades"
  s:frame('{"btcusd.trades":{"trades":[{"tid":9,"taker_type":"buy","date":1790000000,'
    .. '"price":"7000.0","amount":"0.5"}]}}', s:market())
  s:settle()
  t.equal(s:said(), "trade buy 0.5@7000")
  s:frame('{"btcusd.trades":{"trades":[{"tid":9,"price":"x"}]}}', s:market())
  s:settle()
  t.equal(s.session.market.bad_frames, 1)
end)

stage.done()
