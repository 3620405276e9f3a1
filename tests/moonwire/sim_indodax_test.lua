-- The simulated Indodax over HTTP: signatures, freshness, tokens, and TAPI with each error row of
-- the page.

local t       = require "tests.tap"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local json    = require "moonwire.json"
local Auth    = require "moonwire.sim.indodax_auth"

local TRADE, BUY, SELL = fixture.TRADE, fixture.BUY, fixture.SELL
local problem, expect, quote = fixture.problem, fixture.expect, fixture.quote

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

t.test("an address has a limit over all keys and methods, by option", function()
  local sim = fixture.new { settings = { "ip_limit=3" } }
  for _ = 1, 3 do sim:ok "method=getInfo" end
  local body, status = sim:tapi(BUY)
  t.equal(status, 429)
  t.equal(body, '{"success":0,"error":"Too many requests from your IP",'
                .. '"error_code":"too_many_requests_from_your_ip"}')
  sim:pass(1000)
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

t.done()
