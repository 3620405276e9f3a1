-- The simulated Indodax's other calls: the dead-man switch, Trade API 2, public REST.

local t       = require "tests.tap"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local json    = require "moonwire.json"

local TRADE, BUY, SELL = fixture.TRADE, fixture.BUY, fixture.SELL
local expect, quote = fixture.expect, fixture.quote

-- Dead-man switch (section 6) ---------------------------------------------------------------------

local CC = "/tapi/countdownCancelAll"

local function beat(sim, parameters)
  return (sim:signed(CC, string.format("%s&timestamp=%.0f", parameters, sim.now)))
end

t.test("the countdown cancels all of the pair, with events, and is then gone", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:ok(BUY .. "&client_order_id=a")
  sim:ok(SELL .. "&client_order_id=b")
  sim:ok("method=trade&pair=eth_idr&type=buy&price=60000000&eth=0.001&order_type=limit")
  sim:heard(id)
  t.equal(beat(sim, "pair=btc_idr&countdownTime=10000"), '{"success":1}')
  sim:pass(9990)
  t.equal(sim:heard(id), "")
  sim:pass(20)
  local events = sim:events(id)
  t.equal(sim.statuses(events), "CANCELLED CANCELLED")
  t.equal(events[1].order.cancelReason, nil)
  t.equal(sim:ok("method=openOrders").orders.btc_idr, nil)
  t.equal(#sim:ok("method=openOrders").orders.eth_idr, 1)
  sim:ok(BUY .. "&client_order_id=c")
  sim:pass(60000)
  t.equal(#sim:ok("method=openOrders").orders.btc_idr, 1)
end)

t.test("a call replaces the countdown, 0 stops it, none arms 5 s", function()
  local sim = fixture.new()
  sim:ok(BUY)
  beat(sim, "pair=btc_idr&countdownTime=3000")
  sim:pass(2000)
  beat(sim, "pair=btc_idr&countdownTime=3000")
  sim:pass(2000)
  t.equal(#sim:ok("method=openOrders&pair=btc_idr").orders, 1)
  beat(sim, "pair=btc_idr&countdownTime=0")
  sim:pass(10000)
  t.equal(#sim:ok("method=openOrders&pair=btc_idr").orders, 1)
  beat(sim, "pair=btc_idr")
  sim:pass(4990)
  t.equal(#sim:ok("method=openOrders&pair=btc_idr").orders, 1)
  sim:pass(20)
  t.equal(sim:ok("method=openOrders&pair=btc_idr").orders, json.null)
end)

t.test("the countdown's list: comma either way, query or body, one bad pair arms none", function()
  local sim = fixture.new()
  local stamp = string.format("&timestamp=%.0f", sim.now)
  t.equal(sim:signed(CC .. "?pair=btc_idr%2Ceth_idr&countdownTime=10000" .. stamp, ""),
          '{"success":1}')
  t.equal(sim:signed(CC, "pair=btc_idr,eth_idr&countdownTime=10000" .. stamp), '{"success":1}')
  local count = 0
  for _ in pairs(sim:control("countdowns").armed) do count = count + 1 end
  t.equal(count, 2)
  beat(sim, "pair=btc_idr,eth_idr&countdownTime=0")
  t.ok(beat(sim, "pair=btc_idr,xxx_idr&countdownTime=10000"):find("Invalid pair"))
  t.equal(next(sim:control("countdowns").armed), nil)
end)

t.test("the countdown's errors, all with HTTP 200", function()
  local sim = fixture.new()
  sim:control("pair?pair=eth_idr&state=disabled")
  local function code(parameters)
    local answer = json.decode(beat(sim, parameters))
    return answer.error_code .. ": " .. answer.error
  end
  t.equal(code("countdownTime=1000"), "bad_request: Pair is empty")
  t.equal(code("pair=nope"), "bad_request: Invalid pair")
  t.equal(code("pair=eth_idr"), "bad_request: Pair `eth_idr` disabled")
  t.equal(code("pair=btc_idr&countdownTime=soon"), "bad_request: Invalid countdown time")
  t.equal(code("pair=btc_idr&countdownTime=-1"), "bad_request: Invalid countdown time")
  sim:pass(10000)
  local answer = sim:request("POST", CC, {}, "pair=btc_idr")
  t.equal(answer.status, 200)
  t.ok(answer.body:find("key_not_found"))
  t.ok(sim:request("POST", CC, { Key = fixture.KEY }, "").body:find("sign_not_found"))
  t.ok(sim:signed(CC, "pair=btc_idr", fixture.KEY, "wrong"):find("bad_sign"))
  sim:control("set?set=whitelisted%3Doff")
  t.ok(code("pair=btc_idr"):find("^not_authorized"))
end)

t.test("ten countdown calls in ten seconds", function()
  local sim = fixture.new()
  for _ = 1, 10 do t.equal(beat(sim, "pair=btc_idr&countdownTime=0"), '{"success":1}') end
  t.ok(beat(sim, "pair=btc_idr"):find("too_many_requests"))
  sim:pass(10000)
  t.equal(beat(sim, "pair=btc_idr&countdownTime=0"), '{"success":1}')
end)

-- Trade API 2 (section 7) -------------------------------------------------------------------------

local function v2(sim, path, parameters, key, secret, algorithm)
  local query = string.format("%s&timestamp=%.0f", parameters, sim.now)
  local answer = sim:request("GET", path .. "?" .. query, {
    ["X-APIKEY"] = key or fixture.KEY, Sign = fixture.hmac(secret or fixture.SECRET,
                                                           algorithm or "sha512", query) })
  return json.decode(answer.body), answer.status, answer.body
end

local HISTORIES, MY_TRADES = "/api/v2/order/histories", "/api/v2/myTrades"

t.test("histories and trades: rows as the page shows them", function()
  local sim = fixture.new()
  sim:ok(TRADE .. "type=sell&price=1560000000&btc=0.0002&order_type=limit&client_order_id=mw-2")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00005")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00015")
  local _, _, body = v2(sim, HISTORIES, "symbol=btcidr")
  t.equal(body,
          '{"data":[{"orderId":"btcidr-limit-310130","clientOrderId":"mw-2","symbol":"btcidr",'
    .. '"side":"SELL","type":"LIMIT","status":"FILLED","price":"1560000000","oriQty":"0.0002",'
    .. '"executedQty":"0.0002","submitTime":1790000000123,"finishTime":1790000000123}]}')
  _, _, body = v2(sim, MY_TRADES, "symbol=BTCIDR&orderId=btcidr-limit-310130&limit=10")
  t.ok(body:find('{"data":[{"tradeId":"72057594037927938","orderId":"btcidr-limit-310130",'
    .. '"clientOrderId":"mw-2",'
    .. '"symbol":"btcidr","price":"1560000000","qty":"0.00015","quoteQty":"234000",'
    .. '"commission":"750",'
    .. '"commissionAsset":"idr","isBuyer":false,"isMaker":true,"time":1790000000123},', 1, true),
      body)
  t.equal(#v2(sim, MY_TRADES, "symbol=btcidr&clientOrderId=mw-2&sort=asc").data, 2)
  t.equal(#v2(sim, MY_TRADES, "symbol=btcidr&clientOrderId=other").data, 0)
  sim:pass(25 * 3600 * 1000)
  t.equal(#v2(sim, HISTORIES, "symbol=btcidr").data, 0, "the default range is a day")
  t.equal(#v2(sim, HISTORIES, "symbol=btcidr&startTime=1789999999000").data, 1)
end)

t.test("a page has its limit, newest first or oldest first", function()
  local sim = fixture.new { settings = { "rate_limits=off" } }
  for i = 1, 15 do
    sim:ok(BUY .. "&client_order_id=" .. i)
    sim:ok("method=cancelByClientOrderId&client_order_id=" .. i)
    sim:pass(1)
  end
  local rows = v2(sim, HISTORIES, "symbol=btcidr&limit=10").data
  t.equal(#rows .. rows[1].clientOrderId, "1015")
  rows = v2(sim, HISTORIES, "symbol=btcidr&limit=10&sort=asc").data
  t.equal(#rows .. rows[1].clientOrderId .. rows[1].status, "101CANCELLED")
end)

t.test("the errors of both generations", function()
  local expected = {
    jan = { symbol = { 400, 1110 }, missing = { 400, 1108 }, limit = { 400, 1109 },
            range = { 400, 1109 },
            key = { 400, 1102 }, sign = { 401, 1001 }, path = { 404, 1113 }, time = { 400, 1002 } },
    mid = { symbol = { 400, -1121 }, missing = { 400, -1102 }, limit = { 400, -1130 },
            range = { 400, -1130 },
            key = { 400, -2014 }, sign = { 400, -1022 }, path = { 404, -1099 },
            time = { 400, -1021 } },
  }
  for generation, rows in pairs(expected) do
    local sim = fixture.new { settings = { "history_api=" .. generation } }
    sim.venue.auth:add_key("V2KEY", "v2secret", sim.member, "v2")
    local is_mid = generation == "mid"
    local function ask(path, parameters, key, secret)
      return v2(sim, path, parameters, key or is_mid and "V2KEY" or nil,
                secret or is_mid and "v2secret" or nil,
                is_mid and "sha256" or "sha512")
    end
    local function check(name, answer, status)
      t.equal(status .. " " .. answer.code, rows[name][1] .. " " .. rows[name][2],
              generation .. " " .. name)
      t.ok(answer[is_mid and "msg" or "error"], generation)
    end
    check("symbol", ask(HISTORIES, "symbol=nopeidr"))
    check("missing", ask(HISTORIES, "limit=10"))
    check("limit", ask(HISTORIES, "symbol=btcidr&limit=9"))
    check("limit", ask(HISTORIES, "symbol=btcidr&limit=1001"))
    check("range", ask(HISTORIES, "symbol=btcidr&startTime=1&endTime=604800002"))
    check("key", ask(HISTORIES, "symbol=btcidr", ""))
    check("sign", ask(HISTORIES, "symbol=btcidr", nil, "wrong"))
    check("path", ask("/api/v2/nothing", "symbol=btcidr"))
    check("time", ask(HISTORIES, "symbol=btcidr&recvWindow=soon"))
    t.equal(#ask(HISTORIES, "symbol=btcidr").data, 0)
  end
end)

t.test("a legacy key at the new generation is refused", function()
  local sim = fixture.new { settings = { "history_api=mid" } }
  local answer, status = v2(sim, HISTORIES, "symbol=btcidr")
  t.equal(status .. " " .. answer.code .. answer.msg, "403 -2015Invalid TAPI version key")
end)

-- Public REST (section 9) -------------------------------------------------------------------------

local function get(sim, target)
  local answer = sim:request("GET", target)
  return json.decode(answer.body), answer.status, answer.body
end

t.test("public REST has the page's shapes", function()
  local sim = fixture.new()
  quote(sim, "buy", 1549999000, "1.08567915")
  quote(sim, "sell", 1550000000, "0.8719255")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00009637")
  local _, _, body = get(sim, "/api/depth/btcidr")
  t.equal(body, '{"buy":[["1549999000","1.08567915"]],"sell":[["1550000000","0.87182913"]]}')
  _, _, body = get(sim, "/api/trades/btcidr")
  t.equal(body,
          '[{"date":"1790000000","price":"1550000000","amount":"0.00009637","tid":"44768501",'
            .. '"type":"buy"}]')
  _, _, body = get(sim, "/api/server_time?n=1")
  t.equal(body, '{"timezone":"UTC","server_time":1790000000123}')
  local pair = get(sim, "/api/pairs")[1]
  t.equal(pair.id .. pair.symbol .. pair.base_currency .. pair.traded_currency .. pair.ticker_id,
          "btcidrBTCIDRidrbtcbtc_idr")
  t.equal(pair.quantity_increment .. " " .. pair.trade_min_base_currency, "0.00000001 10000")
  t.equal(get(sim, "/api/price_increments").increments.pepe_idr, "0.000001")
  t.equal(get(sim, "/api/ticker/btcidr").ticker.last, "1550000000")
  t.ok(get(sim, "/api/summaries").tickers.btc_idr)
  t.ok(get(sim, "/api/ticker_all").tickers.btc_idr)
end)

t.test("unknown pairs are 200, unknown paths 404, wrong verbs 405", function()
  local sim = fixture.new()
  for _, target in ipairs { "/api/depth/nopeidr", "/api/depth/btc_idr", "/api/depth/",
                            "/api/ticker/BTCIDR" } do
    local _, status, body = get(sim, target)
    t.equal(status .. body, '200{"error":"invalid_pair","error_description":"Invalid Pair"}',
            target)
  end
  t.equal(select(2, get(sim, "/api/nothing")), 404)
  t.equal(select(2, get(sim, "/else")), 404)
  t.equal(sim:request("POST", "/api/pairs").status, 405)
  t.equal(sim:request("GET", "/tapi").status, 405)
end)

t.test("charts are made of the trades", function()
  local sim = fixture.new()
  quote(sim, "sell", 1550000000, 1)
  quote(sim, "sell", 1551000000, 1)
  sim:control("trade?pair=btc_idr&side=buy&qty=1")
  sim:pass(1000)
  sim:control("trade?pair=btc_idr&side=buy&qty=0.5")
  local _, _, body = get(sim, "/tradingview/history_v2?symbol=BTCIDR&tf=15&from=1789990000"
                              .. "&to=1790000100")
  t.equal(body, '[{"Time":1789999200,"Open":1550000000,"High":1551000000,"Low":1550000000,'
                .. '"Close":1551000000,"Volume":"1.50000000"}]')
  t.ok(get(sim, "/tradingview/history_v2?symbol=BTCIDR&tf=15&from=1&to=1790000000").error)
end)

t.test("old orders are forgotten, open ones never", function()
  local sim = fixture.new { settings = { "history_kept=5", "rate_limits=off" } }
  sim:ok(BUY .. "&client_order_id=open")
  for i = 1, 10 do
    sim:ok(BUY .. "&client_order_id=" .. i)
    sim:ok("method=cancelByClientOrderId&client_order_id=" .. i)
  end
  expect(sim, "method=getOrderByClientOrderId&client_order_id=5", "not found")
  t.ok(sim:ok("method=getOrderByClientOrderId&client_order_id=6"))
  t.ok(sim:ok("method=getOrderByClientOrderId&client_order_id=open"))
end)

t.test("180 public requests a minute", function()
  local sim = fixture.new()
  for _ = 1, 180 do t.equal(select(2, get(sim, "/api/server_time")), 200) end
  t.equal(select(2, get(sim, "/api/server_time")), 429)
  sim:pass(60000)
  t.equal(select(2, get(sim, "/api/server_time")), 200)
end)

t.test("a plain server_time may be half a minute old; a unique query is not", function()
  local sim = fixture.new { settings = { "stale_server_time=30" } }
  local first = get(sim, "/api/server_time").server_time
  sim:pass(29000)
  t.equal(get(sim, "/api/server_time").server_time, first)
  t.equal(get(sim, "/api/server_time?n=7").server_time, first + 29000)
  sim:pass(1000)
  t.equal(get(sim, "/api/server_time").server_time, first + 30000)
end)

t.done()
