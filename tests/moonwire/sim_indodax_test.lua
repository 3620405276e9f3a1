-- The simulated Indodax over HTTP: signatures, freshness, TAPI with each error row of the page, the
-- dead-man switch, Trade API 2, public REST, and money under random orders.

local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local json    = require "moonwire.json"
local Auth    = require "moonwire.sim.indodax_auth"
local Desk    = require "moonwire.sim.indodax_desk"
local pairs_of = require "moonwire.sim.indodax_pairs"
local Random  = require "moonwire.random"
local wire    = require "moonwire.sim.wire"

local TRADE = "method=trade&pair=btc_idr&"
local BUY  = TRADE .. "type=buy&price=1500000000&btc=0.0002&order_type=limit"
local SELL = TRADE .. "type=sell&price=1600000000&btc=0.0002&order_type=limit"

-- error, error_code of a TAPI call.
local function problem(sim, parameters)
  local answer = json.decode((sim:tapi(parameters)))
  return answer.error or "", answer.error_code or "", answer
end

-- Expects an error text (a part of it) and, where given, its code.
local function expect(sim, parameters, text, code)
  local err, got = problem(sim, parameters)
  t.ok(err:find(text, 1, true), parameters .. ": " .. err)
  if code then t.equal(got, code, parameters) end
end

local function quote(sim, side, price, qty, pair)
  sim:control(string.format("quote?pair=%s&side=%s&price=%s&qty=%s", pair or "btc_idr", side, price,
                            qty))
end

-- Signing (section 2) -----------------------------------------------------------------------------

t.test("the page's signatures come out", function()
  local a = "da78a39e9dda31c399bcc293d997a347dc7fd0408cb5151931243a302b273ec3238510ea61e11f7c"
  local b = "f60617a68fcce028f0a90bc9eb765d17379eb548cc935c01a7ee3186eecf870e9b68f27a31bcfe8d"
  t.equal(fixture.hmac(a, "sha512",
    "pair=btc_idr%2Ceth_idr&countdownTime=10000&timestamp=1578304294001&recvWindow=1578303937000"),
    "29ff89378b9f33954b0f5319488190078f091c7723d886c5c2a4a0b06ef793d7d3b99155d63410203a2135"
    .. "5e5e2757cb4e566adbd67ec37b8257a68d8c72877c")
  t.equal(fixture.hmac(b, "sha256",
    "symbol=btcidr&limit=100&timestamp=1578304294000&recvWindow=1578303937000"),
    "eeb688c782ef4cad36908b54ab4ff8fa259a44c40f7e573529f9d88c1070ae66")
end)

t.test("the token's vector comes out, and reads back", function()
  local auth = Auth.new { hmac = fixture.hmac, settings = {}, jwt_secret = "sim-jwt-secret" }
  local token = auth:make_token("9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4", 1790086400)
  t.equal(token,
          "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5YjFjMGQyZTNmNDA1MTYyNzM4NDk1YTZiN2M4Z"
    .. "DllMGYxYTJiM2M0IiwiZXhwIjoxNzkwMDg2NDAwfQ.yf7XqeyYRdYg6bGpIHixVAYSFJSf7pUvvUcgS-6dB14")
  t.equal(auth:read_token(token).exp, 1790086400)
  t.equal(auth:read_token(token .. "x"), nil)
  t.equal(auth:read_token("a.b"), nil)
  t.equal(auth:read_token(token:gsub("^eyJ0", "eyJ1")), nil)
end)

t.test("headers in any case, the signature in any hex case", function()
  local sim = fixture.new()
  local body = string.format("method=getInfo&timestamp=%.0f", sim.now)
  local sign = fixture.hmac(fixture.SECRET, "sha512", body)
  for _, names in ipairs { { "Key", "Sign" }, { "KEY", "SIGN" }, { "key", "sign" } } do
    local answer = sim:request("POST", "/tapi", { [names[1]] = fixture.KEY,
                                                  [names[2]] = sign:upper() }, body)
    t.ok(answer.body:find('"success":1'), answer.body)
  end
end)

t.test("multipart is verified over the form that it means", function()
  local sim = fixture.new()
  local form = string.format("method=getInfo&timestamp=%.0f&recvWindow=5000", sim.now)
  local parts = {}
  for name, value in form:gmatch("(%w+)=(%w+)") do
    parts[#parts + 1] = '--XX\r\nContent-Disposition: form-data; name="' .. name .. '"\r\n\r\n'
      .. value .. "\r\n"
  end
  local answer = sim:request("POST", "/tapi", {
    Key = fixture.KEY, Sign = fixture.hmac(fixture.SECRET, "sha512", form),
    ["Content-Type"] = "multipart/form-data; boundary=XX" }, table.concat(parts) .. "--XX--\r\n")
  t.ok(answer.body:find('"success":1'), answer.body)
end)

t.test("checks come in their order: key, sign, known, sign right, freshness, method", function()
  local sim = fixture.new()
  local function ask(headers, body) return sim:request("POST", "/tapi", headers, body).body end
  t.ok(ask({}, ""):find('"API key not found in header.","error_code":"key_not_found"', 1, true))
  t.ok(ask({ Key = "x" }, ""):find('"Sign not found in header.","error_code":"sign_not_found"', 1,
                                   true))
  t.ok(ask({ Key = "x", Sign = "y" }, ""):find(
    '"Invalid credentials. API not found or session has expired.",'
      .. '"error_code":"invalid_credentials"', 1, true))
  t.ok(ask({ Key = fixture.KEY, Sign = "y" }, ""):find(
    '"Invalid credentials. Bad sign.","error_code":"bad_sign"', 1, true))
  t.ok(sim:signed("/tapi", "method=nothing&timestamp=1"):find("recvWindow"))
  expect(sim, "method=nothing", "Invalid method")
end)

t.test("a timestamp is good to the millisecond", function()
  local sim = fixture.new()
  local function ask(offset, window)
    local body = string.format("method=getInfo&timestamp=%.0f%s", sim.now + offset,
                               window and "&recvWindow=" .. window or "")
    return (sim:signed("/tapi", body))
  end
  t.ok(ask(999):find('"success":1'))
  t.ok(ask(1000):find("ahead"))
  t.ok(ask(-5000):find('"success":1'))
  t.ok(ask(-5001):find("recvWindow"))
  t.ok(ask(-5001, 5001):find('"success":1'))
  t.ok(ask(-10, 9):find("recvWindow"))
  t.ok(ask(0, "soon"):find("recvWindow"))
  sim:control("clock?offset_ms=-1000")
  t.ok(ask(0):find("ahead"), "the venue's clock is behind")
end)

t.test("a nonce is greater than the last of its key, however long", function()
  local sim = fixture.new()
  local function ask(nonce) return (sim:signed("/tapi", "method=getInfo&nonce=" .. nonce)) end
  t.ok(ask("1790000000500"):find('"success":1'))
  t.ok(ask("1790000000499"):find('"Nonce must be greater than 1790000000500. You provided '
    .. '1790000000499."'
                                 .. ',"error_code":"invalid_nonce"', 1, true))
  t.ok(ask("1790000000500"):find("invalid_nonce"))
  t.ok(ask("1790000000500000001"):find('"success":1'))
  t.ok(ask("1790000000500000000"):find("invalid_nonce"), "beyond 2^53 too")
  t.ok(ask("1790000000501"):find("invalid_nonce"), "microseconds once, milliseconds never again")
  t.ok(ask("x"):find("invalid_nonce"))
  t.ok(sim:signed("/tapi", "method=getInfo"):find("invalid_nonce"))
end)

-- Token (section 3) -------------------------------------------------------------------------------

t.test("the token's error rows", function()
  local sim = fixture.new()
  local target = "/api/private_ws/v1/generate_token"
  local function ask(key, secret)
    return (sim:signed(target, "client=tapi&tapi_key=" .. key, key, secret))
  end
  t.equal(ask(""), '{"success":0,"error":"Invalid TAPI key","error_code":"invalid_tapi_key"}')
  t.ok(ask("%20%20"):find("invalid_tapi_key"))
  t.ok(ask("UNKNOWN1"):find('"Invalid credentials. API not found or session has expired.",'
    .. '"error_code":"inv'))
  t.equal(ask(fixture.KEY, "wrong"),
          '{"success":0,"error":"Invalid credentials. Bad sign.","error_code":"bad_sign"}')
  local token, channel = sim:token()
  t.equal(channel, "pws:#9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4")
  t.equal(sim.venue.auth:read_token(token).exp, 1790000000 + 86400)
  t.equal(sim:request("GET", target).status, 405)
end)

-- TAPI answers (section 5) ------------------------------------------------------------------------

t.test("buy and sell answers report nothing executed, in the venue's mix of types", function()
  local sim = fixture.new()
  t.equal(sim:tapi("method=trade&pair=btc_idr&type=buy&price=1550000000&btc=0.00001500&"
    .. "order_type=limit"
                   .. "&client_order_id=mw-7f3a-000001"),
    '{"success":1,"return":{"receive_btc":"0.00000000","spend_rp":0,"fee":0,"remain_rp":23300,'
    .. '"order_id":310130,"remain":23300,"client_order_id":"mw-7f3a-000001"}}')
  t.equal(sim:tapi(SELL .. "&client_order_id=mw-7f3a-000002"),
    '{"success":1,"return":{"sold_btc":0,"receive_rp":0,"fee":0,"remain_btc":"0.00020000",'
    .. '"order_id":310131,"remain":"0.00020000","client_order_id":"mw-7f3a-000002"}}')
  t.equal(sim:tapi("method=openOrders&pair=btc_idr"),
    '{"success":1,"return":{"orders":[{"order_id":"310130","client_order_id":"mw-7f3a-000001",'
    .. '"submit_time":"1790000000","price":"1550000000","type":"buy","order_type":"limit",'
    .. '"order_idr":"23300","remain_idr":"23300"},{"order_id":"310131",'
    .. '"client_order_id":"mw-7f3a-000002",'
    .. '"submit_time":"1790000000","price":"1600000000","type":"sell","order_type":"limit",'
    .. '"order_btc":"0.00020000","remain_btc":"0.00020000"}]}}')
  t.equal(sim:tapi("method=getOrder&pair=btc_idr&order_id=310130"),
    '{"success":1,"return":{"order":{"order_id":"310130","client_order_id":"mw-7f3a-000001",'
    .. '"price":"1550000000","type":"buy","submit_time":"1790000000","finish_time":"0",'
    .. '"status":"open",'
    .. '"fee":0,"order_rp":"23300","remain_rp":"23300","receive_btc":0}}}')
  local info = sim:ok("method=getInfo")
  t.equal(info.balance.idr, 90000000 - 23300)
  t.equal(info.balance_hold.idr, 23300)
  t.equal(info.balance.btc, "1.49980000")
  t.equal(info.balance_hold.btc, "0.00020000")
  t.equal(info.server_time, 1790000000)
  t.equal(sim:tapi("method=cancelOrder&pair=btc_idr&order_id=310131&type=sell"),
    '{"success":1,"return":{"order_id":310131,"client_order_id":"mw-7f3a-000002","type":"sell",'
    .. '"pair":"btc_idr","balance":{"idr":"89976700","btc":"1.50000000","frozen_idr":"23300",'
    .. '"frozen_btc":"0.00000000"}}}')
end)

t.test("the hold of a buy adds taker fee and clearing, rounded up", function()
  local sim = fixture.new()
  sim:ok("method=trade&pair=aave_idr&type=buy&price=1050000&aave=0.01001040&order_type=limit")
  t.equal(sim:ok("method=getInfo").balance_hold.idr, 10534)      -- 10,510.92 -> 10,534
end)

t.test("openOrders has three shapes of nothing, and a map without a pair", function()
  for shape, text in pairs { null = "null", list = "[]", object = "{}" } do
    local sim = fixture.new { settings = { "no_orders=" .. shape } }
    t.equal(sim:tapi("method=openOrders"), '{"success":1,"return":{"orders":' .. text .. "}}")
    t.equal(sim:tapi("method=openOrders&pair=btc_idr"),
            '{"success":1,"return":{"orders":' .. text .. "}}")
  end
  local sim = fixture.new()
  sim:ok(BUY)
  t.equal(#sim:ok("method=openOrders").orders.btc_idr, 1)
end)

t.test("a filled sell shows what was received, a filled buy shows zeros and the refund", function()
  local sim = fixture.new()
  quote(sim, "buy", 1600000000, 1)
  sim:ok(SELL .. "&client_order_id=s")
  local order = sim:ok("method=getOrderByClientOrderId&client_order_id=s").order
  t.equal(order.status, "filled")
  t.equal(order.receive_rp, "318653")         -- 320000 - fee 640 - tax 672 - clearing 35
  t.equal(order.remain_btc, "0.00000000")
  quote(sim, "sell", 1610000000, 1)
  sim:ok(TRADE .. "type=buy&price=1620000000&btc=0.0002&order_type=limit&client_order_id=b")
  order = sim:ok("method=getOrderByClientOrderId&client_order_id=b").order
  t.equal(order.receive_btc, 0)
  t.equal(order.order_rp, "324684")
  t.equal(order.remain_rp, "0")
  t.equal(order.refund_idr, "2005")           -- 324684 - 322000 - 644 - 35
  t.equal(sim:ok("method=getInfo").balance.btc, "1.50000000")
  t.ok(sim.venue.desk:check())
end)

t.test("a market buy spends an amount, a market sell a quantity; both show an absurd price",
       function()
  local sim = fixture.new()
  quote(sim, "sell", 1550000000, 1)
  quote(sim, "buy", 1549000000, 1)
  sim:ok(TRADE .. "type=buy&idr=100000&order_type=market&client_order_id=a")
  sim:ok(TRADE .. "type=sell&btc=0.01&order_type=market&client_order_id=b")
  for _, id in ipairs { "a", "b" } do
    local order = sim:ok("method=getOrderByClientOrderId&client_order_id=" .. id).order
    t.equal(order.price .. order.status, "1000000000filled")
  end
  t.ok(sim.venue.desk:check())
end)

t.test("loose_types gives text where numbers were", function()
  local sim = fixture.new { settings = { "loose_types=on" } }
  local answer = json.decode((sim:tapi(BUY)))
  t.equal(answer.success, "1")
  t.equal(type(answer["return"].order_id), "string")
end)

t.test("legacy histories, while they are on", function()
  local sim = fixture.new()
  quote(sim, "buy", 1600000000, 1)
  sim:ok(SELL .. "&client_order_id=s")
  sim:ok(BUY .. "&client_order_id=b")
  sim:ok("method=cancelByClientOrderId&client_order_id=b")
  local orders = sim:ok("method=orderHistory&pair=btc_idr").orders
  t.equal(#orders .. orders[1].status .. orders[2].status, "2cancelledfilled")
  local trades = sim:ok("method=tradeHistory&pair=btc_idr&count=10").trades
  t.equal(#trades, 1)
  t.equal(trades[1].trade_id, "72057594037927937")
  t.equal(#sim:ok("method=tradeHistory&pair=btc_idr&order_id=1").trades, 0)
  t.ok(sim:ok("method=transHistory&start=2026-09-01&end=2026-09-08"))
  expect(sim, "method=transHistory&start=2026-09-01&end=2026-09-09", "date", "invalid_date")
  sim:control("set?set=legacy_histories%3Doff")
  expect(sim, "method=tradeHistory&pair=btc_idr", "Invalid method")
end)

-- TAPI errors (5.1, 5.3) --------------------------------------------------------------------------

t.test("the errors of trade", function()
  local sim = fixture.new { settings = { "rate_limits=off" } }
  quote(sim, "sell", 1700000000, 1)
  local L = TRADE .. "order_type=limit&"
  expect(sim, "method=trade&pair=btcidr&type=buy", "Invalid pair", "invalid_pair")
  expect(sim, "method=trade&type=buy", "Invalid pair", "invalid_pair")
  expect(sim, L .. "type=hold&price=1500000000&btc=0.0002", "Invalid type", "")
  expect(sim, TRADE .. "type=buy&order_type=stoplimit&price=1500000000&btc=0.0002",
         "Invalid order_type")
  expect(sim, L .. "type=buy&price=1500000000&btc=1", "Insufficient balance.", "")
  expect(sim, L .. "type=sell&price=1500000000&btc=2", "Insufficient balance.", "")
  expect(sim, L .. "type=buy&price=1000000000&btc=0.0000099", "Minimum order 10,000 IDR")
  expect(sim, L .. "type=sell&price=9000000000&btc=0.00000644", "Minimum order is 0.00000645 BTC")
  expect(sim, L .. "type=buy&price=0&btc=1", "Minimum price 1 IDR")
  expect(sim, L .. "type=buy&btc=1", "Minimum price 1 IDR")
  expect(sim, L .. "type=buy&price=1500000500&btc=0.0002", "Price increment is 1000 IDR")
  expect(sim, L .. "type=buy&price=1500000000&btc=0.000200001", "Quantity increment")
  expect(sim, "method=trade&pair=btc_usdt&order_type=limit&type=buy&price=7e-05&btc=1",
         "Minimum price 0.00000001 USDT")
  expect(sim, L .. "type=buy&price=1500000000&idr=50000", "Invalid parameter idr")
  expect(sim, TRADE .. "type=buy&price=1500000000&btc=0.0002", "Minimum order 10,000 IDR")
  expect(sim, TRADE .. "type=buy&order_type=market&idr=50000.5", "amount can't be in decimal.")
  expect(sim, TRADE .. "type=buy&order_type=market&btc=0.001", "Minimum order 10,000 IDR")
  expect(sim, BUY .. "&time_in_force=IOC", "Invalid time_in_force")
  expect(sim, BUY .. "&smp_cancel=NONE", "Invalid smp_cancel")
  expect(sim, BUY .. "&client_order_id=a%20b", "Invalid client_order_id")
  expect(sim, BUY .. "&client_order_id=", "Invalid client_order_id")
  expect(sim, BUY .. "&client_order_id=" .. string.rep("x", 37), "Invalid client_order_id")
  expect(sim, TRADE .. "order_type=limit&time_in_force=MOC&type=buy&price=1700000000&btc=0.0002",
         "Order cancelled because it\226\128\153s not maker.", "")
  t.ok(sim:ok(TRADE .. "order_type=limit&time_in_force=MOC&type=buy&price=1699999000&btc=0.0002"))
  t.ok(sim:ok(BUY .. "&client_order_id=" .. string.rep("x", 36)))
  t.ok(sim.venue.desk:check())
end)

t.test("suspended, maintained and disabled pairs refuse", function()
  local sim = fixture.new()
  for state, text in pairs { suspended = "suspended", maintenance = "maintenance",
                             disabled = "disabled" } do
    sim:control("pair?pair=btc_idr&state=" .. state)
    expect(sim, BUY, text)
  end
  sim:control("pair?pair=btc_idr&state=open")
  t.ok(sim:ok(BUY))
end)

t.test("locked accounts and keys without permission are told so", function()
  local sim = fixture.new()
  sim:control("member?state=locked")
  expect(sim, "method=getInfo", "locked")
  sim:control("member?state=open&permission=view")
  expect(sim, BUY, "No permission")
  expect(sim, "method=cancelOrder", "No permission")
  t.ok(sim:ok("method=getInfo"))
  sim:control("member?permission=none")
  expect(sim, "method=getInfo", "No permission")
end)

t.test("the old limit buy by amount still works, and comes out within it", function()
  local sim = fixture.new()
  sim:ok(TRADE .. "type=buy&price=1500000000&idr=100000&btc=5&client_order_id=old")
  local order = sim:ok("method=getOrderByClientOrderId&client_order_id=old").order
  t.equal(order.order_rp, "100000")
  t.equal(tostring(sim.member.by_client_id.old.qty), "0.00006652")
end)

t.test("a client order id is taken for ever, or while its order is open", function()
  local sim = fixture.new()
  sim:ok(BUY .. "&client_order_id=mw-1")
  expect(sim, BUY .. "&client_order_id=mw-1", "client order id mw-1 already exists")
  sim:ok("method=cancelByClientOrderId&client_order_id=mw-1")
  expect(sim, BUY .. "&client_order_id=mw-1", "already exists")
  sim:control("set?set=duplicate_ids%3Dopen")
  t.ok(sim:ok(BUY .. "&client_order_id=mw-1"))
end)

t.test("the errors of cancels and questions are no statement about the order", function()
  local sim = fixture.new()
  sim:ok(BUY .. "&client_order_id=a")
  local C = "method=cancelOrder&pair=btc_idr&"
  expect(sim, C .. "order_id=1&type=buy", "invalid order.")
  expect(sim, C .. "order_id=310130&type=sell", "invalid order.")
  expect(sim, C .. "order_id=310130&type=buy&order_type=stoplimit", "invalid order.")
  expect(sim, C .. "type=buy", "invalid order.")
  expect(sim, "method=cancelOrder&order_id=310130&type=buy", "Invalid pair", "invalid_pair")
  expect(sim, "method=cancelByClientOrderId&client_order_id=b", "not found")
  expect(sim, "method=getOrder&pair=btc_idr&order_id=1", "invalid order.")
  expect(sim, "method=getOrderByClientOrderId&client_order_id=b", "not found")
  sim:ok("method=cancelByClientOrderId&client_order_id=a")
  expect(sim, "method=cancelByClientOrderId&client_order_id=a", "invalid order.")
  expect(sim, C .. "order_id=310130&type=buy", "invalid order.")
end)

t.test("a new order may hide for a while", function()
  local sim = fixture.new { settings = { "visible_after=300" } }
  sim:ok(BUY .. "&client_order_id=a")
  expect(sim, "method=getOrderByClientOrderId&client_order_id=a", "not found")
  t.equal(sim:ok("method=openOrders").orders, json.null)
  sim:pass(300)
  t.ok(sim:ok("method=getOrderByClientOrderId&client_order_id=a"))
end)

t.test("20 trades a second and pair, then the pair is blocked for 5 s; cancels go on", function()
  local sim = fixture.new()
  for i = 1, 20 do sim:ok(BUY .. "&client_order_id=" .. i) end
  local body, status = sim:tapi(BUY)
  t.equal(status, 429)
  local text = "Your User ID sent too many trade request for pair BTCIDR, please try again in 5 "
    .. "seconds"
  t.equal(body, '{"success":0,"error":"' .. text .. '","message":"' .. text
                .. '","error_code":"too_many_requests"}')
  t.ok(sim:ok("method=trade&pair=eth_idr&type=buy&price=60000000&eth=0.001&order_type=limit"))
  for i = 1, 20 do sim:ok("method=cancelByClientOrderId&client_order_id=" .. i) end
  sim:pass(4999)
  t.equal(select(2, sim:tapi(BUY)), 429)
  sim:pass(1)
  t.ok(sim:ok(BUY))
end)

t.test("30 cancels a second", function()
  local sim = fixture.new()
  for _ = 1, 30 do problem(sim, "method=cancelByClientOrderId&client_order_id=x") end
  local body, status = sim:tapi("method=cancelByClientOrderId&client_order_id=x")
  t.equal(status, 429)
  t.equal(body, '{"success":0,"error":"Your User ID sent too many cancel order requests",'
                .. '"error_code":"too_many_requests"}')
  sim:pass(1000)
  t.equal(select(2, sim:tapi("method=cancelByClientOrderId&client_order_id=x")), 200)
end)

-- Events (4.5) ------------------------------------------------------------------------------------

t.test("NEW, FILLs, DONE of a maker, letter by letter as the page shows them", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:ok(TRADE
         .. "type=sell&price=1560000000&btc=0.0002&order_type=limit&client_order_id=mw-7f3a-000002")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00005")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00015")
  local head = '{"push":{"channel":"pws:#9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4","pub":{"data":['
  local start = '{"eventType":"order_update","order":{"orderId":"btcidr-limit-310130",'
  local rest = '"price":"1560000000","description":"BTC/IDR","status":"'
  local last = '"clientOrderId":"mw-7f3a-000002"}}'
  t.equal(sim.frames[id][1], head .. start .. '"symbol":"btcidr","side":"SELL","origQty":"0.0002",'
    .. '"unfilledQty":"0.0002","executedQty":"0",' .. rest
      .. 'NEW","transactionTime":1790000000123,'
    .. last .. "]}}}")
  t.equal(sim.frames[id][2], head .. start .. '"tradeId":"72057594037927937","symbol":"btcidr",'
    .. '"side":"SELL","origQty":"0.0002","unfilledQty":"0.00015","executedQty":"0.00005",' .. rest
    .. 'FILL","transactionTime":1790000000123,"fillInformation":{"participant":"MAKER",'
    .. '"filledQty":"0.00005","qty":"0.00005","feeAsset":"idr","feeRate":0.001,"fee":"78",'
    .. '"taxAsset":"idr",'
    .. '"taxRate":0.0021,"tax":"163","clearingAsset":"idr","clearingRate":1.11E-4,"clearing":"8"},'
    .. last .. "]}}}")
  t.equal(sim.frames[id][3], head .. start .. '"tradeId":"72057594037927938","symbol":"btcidr",'
    .. '"side":"SELL","origQty":"0.0002","unfilledQty":"0","executedQty":"0.0002",' .. rest
    .. 'FILL","transactionTime":1790000000123,"fillInformation":{"participant":"MAKER",'
    .. '"filledQty":"0.0002","qty":"0.00015","feeAsset":"idr","feeRate":0.001,"fee":"234",'
    .. '"taxAsset":"idr",'
    .. '"taxRate":0.0021,"tax":"491","clearingAsset":"idr","clearingRate":1.11E-4,"clearing":"25"},'
    .. last .. "," .. start
      .. '"symbol":"btcidr","side":"SELL","origQty":"0.0002","unfilledQty":"0",'
    .. '"executedQty":"0.0002",' .. rest .. 'DONE","transactionTime":1790000000123,' .. last
      .. "]}}}")
end)

t.test("a taker fills at the better price and is told its own", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  quote(sim, "sell", 1500000000, 1)
  sim:ok(TRADE .. "type=buy&price=1550000000&btc=0.0002&order_type=limit")
  local events = sim:events(id)
  t.equal(sim.statuses(events), "NEW FILL DONE")
  local fill = events[2].order
  t.equal(fill.price .. fill.fillInformation.participant .. fill.fillInformation.fee,
          "1550000000TAKER600")
  t.equal(fill.fillInformation.tax, "0")
  t.equal(events[3].order.transactionTime, fill.transactionTime)
end)

t.test("a market order without depth is REJECTED and books nothing", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  local before = sim:ok("method=getInfo").balance
  sim:ok(TRADE .. "type=sell&btc=0.0002&order_type=market")
  local order = sim:events(id)[1].order
  t.equal(order.status .. order.executedQty .. order.unfilledQty .. order.price, "REJECTED00.00020")
  t.equal(order.tradeId, nil)
  sim:ok(TRADE .. "type=buy&idr=100000&order_type=market")
  order = sim:events(id)[1].order
  t.equal(order.status .. order.executedQty, "REJECTED0")
  t.equal(order.origQty, order.unfilledQty)
  local after = sim:ok("method=getInfo").balance
  t.equal(after.idr .. after.btc, before.idr .. before.btc)
end)

t.test("CANCELLED keeps what was executed and shows what was taken away", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:ok(SELL .. "&client_order_id=a")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00005")
  sim:ok("method=cancelByClientOrderId&client_order_id=a")
  local events = sim:events(id)
  t.equal(sim.statuses(events), "NEW FILL CANCELLED")
  t.equal(events[3].order.unfilledQty .. events[3].order.executedQty, "0.000150.00005")
  t.equal(events[3].order.cancelReason, nil)
end)

t.test("own orders that meet: who goes by smp_cancel, silent in the answer, told in the event",
       function()
  local expected = { MAKER = "NEW CANCELLED", TAKER = "NEW CANCELLED",
                     BOTH = "NEW CANCELLED CANCELLED" }
  for mode, statuses in pairs(expected) do
    local sim = fixture.new()
    sim:ok(TRADE .. "type=sell&price=1500000000&btc=0.0002&order_type=limit&client_order_id=old")
    local id = sim:subscribed()
    sim:ok(BUY .. "&client_order_id=new&smp_cancel=" .. mode)
    local events = sim:events(id)
    t.equal(sim.statuses(events), statuses, mode)
    t.equal(events[2].order.clientOrderId, mode == "TAKER" and "new" or "old", mode)
    t.equal(events[2].order.cancelReason, "SELF_TRADE_PREVENTION")
    t.ok(sim.venue.desk:check())
  end
end)

t.test("the optional fields are switches", function()
  local sim = fixture.new { settings = { "client_order_ids=off", "clearing=off",
                                         "old_fill_field=on",
                                         "extra_events=on", "extra_fields=on",
                                           "new_for_taker=off" } }
  local id = sim:subscribed()
  quote(sim, "sell", 1500000000, 1)
  sim:ok(BUY)
  local events = sim:events(id)
  t.equal(sim.statuses(events), "balance_update FILL balance_update DONE")
  local order = events[2].order
  t.equal(order.clientOrderId, nil)
  t.equal(order.fillInformation.fillQty, "0.0002")
  t.equal(order.fillInformation.qty, nil)
  t.equal(order.fillInformation.clearing, nil)
  t.ok(order.futureField)
end)

t.test("default client ids may carry a coin's old name; ids count per pair", function()
  local sim = fixture.new { balances = { idr = "1000000000" } }
  local A = "method=trade&pair=aave_idr&type=buy&price=2000000&aave=0.02&order_type=limit"
  local id = sim:subscribed()
  sim:ok(A)
  local order = sim:events(id)[1].order
  t.equal(order.orderId .. " " .. order.clientOrderId, "aaveidr-limit-3396 lendidr-limit-3396")
  sim:control("set?set=rebrand%3Doff")
  sim:ok(A)
  t.equal(sim:events(id)[1].order.clientOrderId, "aaveidr-limit-3397")
  sim:ok(BUY)
  sim:ok(BUY)
  t.equal(sim:ok("method=trade&pair=eth_idr&type=buy&price=60000000&eth=0.001&"
    .. "order_type=limit").order_id, 310131)
  t.equal(sim.member.orders.btcidr["310131"].symbol, "btcidr")
end)

t.test("rates are written Java's way", function()
  t.equal(pairs_of.rate_text("0.002"), "0.002")
  t.equal(pairs_of.rate_text("0.000222"), "2.22E-4")
  t.equal(pairs_of.rate_text("0.0003"), "3.0E-4")
  t.equal(pairs_of.rate_text("0"), "0")
  t.equal(Desk.trade_id(30367), "72057594037958303")
end)

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

-- Control, the made market, money -----------------------------------------------------------------

t.test("the control path says what there is and what is wrong", function()
  local sim = fixture.new()
  t.equal(sim:request("POST", "/sim/nothing").status, 404)
  t.raises(function() sim:control("fault?fault=explode:trade") end, "no action")
  t.raises(function() sim:control("set?set=nothing%3D1") end,
           "no such setting; there is token_life")
  t.raises(function() sim:control("set?set=batch%3Dx") end, "expected data or lines or frames")
  t.raises(function() sim:control("trade?pair=nope") end, "there is none")
  t.raises(function() sim:control("trade?pair=btc_idr&side=buy&qty=1") end, "no best one")
  t.raises(function() sim:control("close?socket=private") end, "wants code")
  sim:ok(BUY .. "&client_order_id=a")
  t.equal(sim:control("orders?open=1")[1].client_order_id, "a")
  t.equal(sim:control("ledger").alice.idr.held, "300634")
  t.equal(sim:control("check").ok, true)
  t.equal(sim:control("requests").requests[1].method, "POST")
  t.equal(sim:control("settings").batch, "data")
  sim:control("deposit?asset=btc&amount=1")
  t.equal(sim:ok("method=getInfo").balance.btc, "2.50000000")
end)

t.test("the control path tells what was traded, and the frames that came", function()
  local sim = fixture.new()
  sim:subscribed()
  sim:ok(BUY .. "&client_order_id=a")
  sim:control("trade?pair=btc_idr&side=sell&qty=0.0001&price=1500000000")
  local fills = sim:control "fills"
  t.equal(#fills, 1)
  t.equal(fills[1].client_order_id .. " " .. fills[1].qty .. " " .. fills[1].liquidity,
          "a 0.0001 maker")
  t.equal(fills[1].commission, "166")
  local frames = sim:control "frames"
  t.equal(frames.count, #frames.frames)
  t.ok(frames.frames[1].text:find('"connect"', 1, true))
  t.equal(#sim:control("frames?since=1").frames, frames.count - 1)
end)

t.test("the made market fills clients now and then, moves, and leaves when told", function()
  local sim = fixture.new { market = true, pairs = "btc_idr" }
  local id = sim:subscribed()
  local best = decimal(sim:control("book?pair=btc_idr").buy[1][1]) + "1000"
  sim:ok(TRADE .. "type=buy&order_type=limit&btc=0.001&price=" .. tostring(best))
  for _ = 1, 60 do
    sim:pass(1000)
    sim:pong(id)
  end
  t.ok(sim.statuses(sim:events(id)):find("FILL"))
  sim:ok(TRADE .. "type=sell&order_type=limit&btc=0.001&price=1600000000")
  sim:control("move?pair=btc_idr&price=1610000000")
  t.ok(sim.statuses(sim:events(id)):find("DONE"))
  sim:control("market?on=0&withdraw=1")
  t.equal(#sim:control("book?pair=btc_idr").sell, 0)
  t.ok(sim.venue.desk:check())
end)

t.test("the same seed makes the same market", function()
  local function books()
    local sim = fixture.new { market = true }
    sim:pass(30000)
    return sim:request("GET", "/api/depth/btcidr").body
           .. sim:request("GET", "/api/trades/ethidr").body
  end
  t.equal(books(), books())
end)

-- Invariants: money is conserved, held money is what open orders hold, books are whole, and an
-- order's events tell one story: fills add up, and nothing follows the end.
local function story(stories, event)
  local o = event.order
  local s = stories[o.orderId] or { cum = decimal "0" }
  stories[o.orderId] = s
  t.ok(not s.ended, o.orderId .. " goes on after its end")
  if o.status == "FILL" then
    s.cum = s.cum + o.fillInformation.qty
    t.equal(tostring(s.cum), o.fillInformation.filledQty)
  end
  t.equal(tostring(s.cum), o.executedQty, o.orderId)
  s.ended = o.status == "DONE" or o.status == "CANCELLED" or o.status == "REJECTED"
  if o.status == "DONE" then t.equal(o.executedQty, o.origQty) end
end

local function held_by_orders(sim, asset)
  local sum = decimal "0"
  for _, pair in ipairs(sim.venue.desk.pairs) do
    for _, order in pairs(sim.member.orders[pair.id]) do
      if order.hold_asset == asset then sum = sum + order.hold_left end
    end
  end
  return sum
end

local function random_run(seed)
  local random = Random.new(seed)
  local sim = fixture.new { settings = { "rate_limits=off" }, market = true,
                            pairs = "btc_idr,eth_idr" }
  local id, stories = sim:subscribed(), {}
  local names = { "btc", "eth" }
  for step = 1, 150 do
    local name = names[random:integer(1, 2)]
    local price = random:integer(985, 1015) * (name == "btc" and 1550000 or 62000)
    local side, kind = random:number() < 0.5 and "buy" or "sell", random:integer(1, 6)
    local qty = string.format("%.8f", random:integer(1, 400) / (name == "btc" and 100000 or 10000))
    if kind == 1 then
      sim:control("cancel_orders?pair=" .. name .. "_idr")
    elseif kind == 2 then
      sim:tapi(string.format("method=trade&pair=%s_idr&type=%s&order_type=market&%s", name, side,
        side == "buy" and "idr=" .. random:integer(10000, 5000000) or name .. "=" .. qty))
    else
      sim:tapi(string.format("method=trade&pair=%s_idr&type=%s&order_type=limit&price=%d&%s=%s&"
        .. "smp_cancel=%s%s",
        name, side, price, name, qty, ({ "MAKER", "TAKER", "BOTH" })[random:integer(1, 3)],
        kind == 3 and "&time_in_force=MOC" or ""))
    end
    if step % 10 == 0 then sim:pass(500); sim:pong(id) end
    local ok, err = sim.venue.desk:check()
    t.ok(ok, string.format("seed %d step %d: %s", seed, step, tostring(err)))
    for _, event in ipairs(sim:events(id)) do story(stories, event) end
    for _, asset in ipairs { "idr", "btc", "eth" } do
      t.equal(tostring(sim.venue.desk.ledger:held("alice", asset)),
              tostring(held_by_orders(sim, asset)),
              string.format("seed %d step %d %s", seed, step, asset))
    end
  end
  t.ok(next(stories), "nothing happened")
end

t.test("random orders conserve money, keep books whole and tell straight stories", function()
  for seed = 1, 6 do random_run(seed) end
end)

t.test("forms and base64url go round", function()
  t.equal(wire.unescape("a%2Cb+c%zz"), "a,b c%zz")
  t.equal(wire.escape("a,b c-_.~"), "a%2Cb+c-_.%7E")
  for _, text in ipairs { "", "a", "ab", "abc", "\0\255~" } do
    t.equal(wire.from_base64url(wire.base64url(text)), text)
  end
  t.equal(wire.from_base64url("a*"), nil)
end)

t.done()
