-- The simulated Peatio: signing in to the letter, REST and its errors, the order of messages,
-- faults on request, and the calls that were recorded from a real server, made again.

local fixture = require "tests.moonwire.sim_peatio_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local json    = require "moonwire.json"
local jwt     = require "moonwire.sim.jwt"
local Random  = require "moonwire.random"
local wire    = require "moonwire.sim.wire"

local ASK = { market = "btcusd", side = "sell", volume = "1", price = "7000" }
local OK = '{"success":{"message":"Authenticated."}}'
local FAILED = '{"error":{"message":"Authentication failed."}}'

-- Signing in (3) ----------------------------------------------------------------------------------

local function try(sim, text, is_binary)
  local id = sim:open "/any/path?x=1"
  sim:heard(id)
  sim:say(id, text, is_binary)
  return sim:heard(id)
end

local function attempt(sim, fields, secret)
  return try(sim, json.encode { jwt = fixture.bearer(fields, secret) })
end

t.test("a connection begins with a fresh challenge of 54 characters", function()
  local sim = fixture.new()
  local seen = {}
  for i = 1, 3 do
    seen[i] = sim:heard(sim:open "/"):match '^{"challenge":"([%w_-]+)"}$'
    t.equal(#seen[i], 54)
  end
  t.ok(seen[1] ~= seen[2] and seen[2] ~= seen[3], "fresh each time")
end)

t.test("the page's token verifies, and no other signature does", function()
  local verifier = assert(jwt.new("HS256", "sim-secret-1"))
  local head, claims = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJpYXQiOjE1MzAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMCwianRpIjoidC0wMDAxIiwic3ViIjoic2Vzc2lvbiIsIml"
    .. "zcyI6ImJhcm9uZyIsImF1ZCI6WyJwZWF0aW8iXSwiZW1haWwiOiJtYWtlckBleGFtcGxlLnRlc3QiLCJ1aWQiOiJJ"
    .. "RFRFU1QwMDAxIiwibGV2ZWwiOjMsInN0YXRlIjoiYWN0aXZlIn0"
  local signature = "HprZNI2w9u_RRHwByGtYrvGpB6y6nC9RZhmDvvYsVgs"
  t.equal(verifier:read(head .. "." .. claims .. "." .. signature).email, "maker@example.test")
  t.equal(verifier:read(head .. "." .. claims .. "." .. signature:gsub("H", "I", 1)), nil)
  t.equal(verifier:read(head .. "." .. claims .. "."), nil)
  t.equal(verifier:read(wire.base64url '{"alg":"none"}' .. "." .. claims .. "." .. signature), nil)
  t.equal(verifier:read "a.b", nil)
end)

t.test("each rule of the token's table holds", function()
  local now = math.floor(fixture.NOW / 1000)
  local rows = {
    { {}, true }, { { exp = false }, true }, { { exp = now }, false }, { { exp = now + 1 }, true },
    { { exp = tostring(now + 60) }, true }, { { nbf = now }, true }, { { nbf = now + 1 }, false },
    { { iat = false }, true }, { { iat = now + 180 }, true }, { { iat = now + 181 }, false },
    { { iat = "soon" }, false }, { { jti = false }, false }, { { jti = " " }, false },
    { { sub = "other" }, false }, { { sub = false }, false }, { { aud = "peatio" }, true },
    { { aud = json.array { "x", "peatio" } }, true }, { { aud = json.array { "x" } }, false },
    { { aud = false }, false }, { { email = false }, false }, { { email = "alice" }, false },
    { { iss = "else" }, true }, { { iss = "else", email = "new@example.test" }, false },
    { { email = "new@example.test", uid = "ID9" }, true },
    { { uid = "ID2" }, false }, { { uid = " " }, false }, { { level = false }, false },
    { { level = "2" }, true }, { { state = false }, false }, { { state = "blocked" }, true },
  }
  for i, row in ipairs(rows) do
    t.equal(attempt(fixture.new(), row[1]), row[2] and OK or FAILED, "row " .. i)
  end
  t.equal(attempt(fixture.new(), {}, "another secret"), FAILED)
end)

t.test("a token writes level and state into the member, each time", function()
  local sim = fixture.new()
  t.equal(attempt(sim, { level = 1 }), OK)
  t.equal(sim.venue.desk.members.alice.level, 1)
  t.equal(sim:call("bob", "GET /orders?market=btcusd"), 200)
end)

t.test("every object is an attempt, and everything else gets no answer", function()
  local sim = fixture.new()
  for _, text in ipairs { '{"foo":1}', '{"jwt":1}', '{"jwt":"bearer x"}', '{"jwt":"Bearer"}' } do
    t.equal(try(sim, text), FAILED, text)
  end
  for _, text in ipairs { "ping", "hello", ("x"):rep(200000), "{}", "[1]", '"x"', "null", "" } do
    t.equal(try(sim, text), "", text:sub(1, 20))
  end
  t.equal(try(sim, json.encode { jwt = fixture.bearer() }, true), "", "a binary frame")
  local words = fixture.bearer():gsub("Bearer ", "  Bearer   ") .. " and more"
  t.equal(try(sim, json.encode { jwt = words }), OK)
end)

t.test("each success adds subscriptions, and a failure leaves them alone", function()
  local sim = fixture.new()
  local id = sim:socket "alice"
  sim:say(id, json.encode { jwt = fixture.bearer() })
  sim:say(id, json.encode { jwt = "Bearer no" })
  sim:heard(id)
  sim:call("bob", "POST /orders", ASK)
  local _, count = sim:heard(id):gsub('"action":"add"', "")
  t.equal(count, 2)
end)

t.test("a token that ends during the connection changes nothing", function()
  local sim = fixture.new()
  local id = sim:open "/"
  sim:say(id, json.encode { jwt = fixture.bearer() })
  sim:pass(700000)
  sim:heard(id)
  sim:call("bob", "POST /orders", ASK)
  t.ok(sim:heard(id):find '"action":"add"')
end)

t.test("the venue pings each 10 s with the client's address, and never closes", function()
  local sim = fixture.new()
  local id = sim:open "/"
  sim:pass(35000)
  t.equal(#sim.pings[id], 3)
  t.ok(sim.pings[id][1]:find "^127%.0%.0%.1:%d+$", sim.pings[id][1])
  sim:pass(3600000)
  t.equal(sim.closed[id], nil)
end)

t.test("RS256 verifies by the public key of RFC 7515, A.2", function()
  -- The key of the RFC, as PEM, and its token.
  local verifier = assert(jwt.new("RS256", [[
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj
NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz
P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo
9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB
EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX
FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp
oQIDAQAB
-----END PUBLIC KEY-----
]]))
  local claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc1"
    .. "9yb290Ijp0cnVlfQ"
  local token = "eyJhbGciOiJSUzI1NiJ9." .. claims .. ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2V"
    .. "tQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAyn"
    .. "RFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi"
    .. "12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWk"
    .. "WywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
  t.equal(verifier:read(token).iss, "joe")
  t.equal(verifier:read(token:gsub("w$", "A")), nil)
  t.equal(select(2, jwt.new("ES256", "nonsense")), "this is no public key in PEM")
end)

-- The original's keys (10) ------------------------------------------------------------------------

local function signed(sim, verb, path, parameters, key, secret)
  local list = { "access_key=" .. (key or "AKalice"),
                 ("tonce=%.0f"):format(sim.now + (sim.tonces or 0)) }
  sim.tonces = (sim.tonces or 0) + 1
  for _, pair in ipairs(parameters) do list[#list + 1] = pair end
  local sorted = { unpack(list) }
  table.sort(sorted)
  local payload = verb .. "|/api/v2" .. path .. "|" .. table.concat(sorted, "&")
  list[#list + 1] = "signature=" .. fixture.hmac(secret or "SKalice", payload)
  local text = table.concat(list, "&")
  if verb == "GET" then return sim:call(nil, "GET " .. path .. "?" .. text) end
  local status, body = sim:call(nil, verb .. " " .. path, text)
  return status, body, text
end

t.test("the page's signatures come out", function()
  t.equal(fixture.hmac("SKTEST1", "AKTEST1ch_all-enge9"),
          "8d1aace9b9979f956b095a8496bfc7b1719ea6758ba362626ae19050cc1289bf")
  t.equal(fixture.hmac("SKTEST1", "POST|/api/v2/orders|access_key=AKTEST1&market=btcusd"
    .. "&price=7000.5&side=buy&tonce=1530000000123&volume=0.25"),
    "7d9cfa1abc741160c554269c9e733134903a3a112e3343f583cc534542c210c1")
  -- The page gives these two in each other's place.
  t.equal(fixture.hmac("SKTEST1", "POST|/api/v2/orders/multi|access_key=AKTEST1&market=btcusd"
    .. "&orders[][price]=10&orders[][side]=buy&orders[][volume]=1&tonce=1530000000123"),
    "3f4599207bb0cf2086d5018149ca94a9a1caf488b3c8539426521946a58ca3d4")
  t.equal(fixture.hmac("apisecret1", "1530000000123kid0001"),
          "dbc6118ede6ae1c9477f7cc9f7d6d5e8f79525fdee309143faf7f09ff721f959")
end)

t.test("a challenge is answered by a key; who is unknown hears nothing", function()
  local sim = fixture.new { settings = { "dialect=hmac" } }
  local function answer(key, secret, name)
    local id = sim:open "/"
    local challenge = sim:heard(id):match '"challenge":"(.-)"'
    sim:say(id, json.encode { [name or "auth"] = {
      access_key = key, answer = fixture.hmac(secret, key .. challenge) } })
    return sim:heard(id)
  end
  t.equal(answer("AKalice", "SKalice"), OK)
  t.equal(answer("AKalice", "SKalice", "AUTH"), OK)
  t.equal(answer("AKalice", "SKbob"), FAILED)
  t.equal(answer("AKnone", "SKalice"), "")
  t.equal(answer("AKalice", "SKalice", "hello"), "")
end)

t.test("signed parameters are a member's call, once", function()
  local sim = fixture.new { settings = { "dialect=hmac" } }
  t.equal(signed(sim, "GET", "/members/me", {}), 200)
  t.equal(signed(sim, "GET", "/orders", { "market=btcusd" }, "AKalice", "SKbob"), 401)
  t.equal(signed(sim, "GET", "/orders", { "market=btcusd" }, "AKnone"), 401)
  local status, body, text = signed(sim, "POST", "/orders", { "market=btcusd", "side=sell",
                                                              "volume=1", "price=7000" })
  t.equal(status, 201, body)
  status, body = sim:call(nil, "POST /orders", text)
  t.equal(status, 401)
  t.ok(body:find '"code":2006', body)
  sim:pass(40000)
  sim.tonces = -40000
  status, body = signed(sim, "GET", "/members/me", {})
  t.equal(status, 401)
  t.ok(body:find '"code":2007', body)
end)

t.test("a list of orders is signed in the sequence in which it was sent", function()
  local sim = fixture.new { settings = { "dialect=hmac" } }
  t.equal(signed(sim, "POST", "/orders/multi", { "market=btcusd", "orders[][price]=10",
                 "orders[][side]=buy", "orders[][volume]=1" }), 201)
end)

-- REST (6) ----------------------------------------------------------------------------------------

local SELL = { market = "btcusd", side = "sell", volume = "2", price = "7000" }
local BUY = { market = "btcusd", side = "buy", volume = "0.5", price = "7000.5" }

t.test("an answer says nothing of matching; a moment later the row does", function()
  local sim = fixture.new()
  sim:call("alice", "POST /orders", SELL)
  local status, body = sim:call("bob", "POST /orders", BUY)
  t.equal(status, 201)
  t.equal(json.decode(body).state, "wait")
  t.equal(json.decode(body).executed_volume, "0.0")
  sim:pass(60)
  local _, row = sim:call("bob", "GET /order?id=2")
  row = json.decode(row)
  t.equal(row.state, "done")
  t.equal(row.trades[1].side, "buy")
  t.equal(row.avg_price, "7000.0")
end)

t.test("each error of the table", function()
  local sim = fixture.new()
  sim:call("alice", "POST /orders", SELL)
  local rows = {
    { "alice", "POST /orders", { market = "btcusd", side = "hold", volume = "1" }, 422,
      "side does not have a valid value" },
    { "alice", "POST /orders", { side = "sell", volume = "1", price = "x" }, 422,
      "market is missing" },
    { "alice", "POST /orders", { market = "nope", side = "sell", volume = "1", price = "1" }, 422,
      '"code":2002' },
    { "alice", "POST /orders", { market = "btcusd", side = "buy", volume = "1",
                                 ord_type = "market" }, 201, '"price":null' },
    { "alice", "POST /orders", { market = "btcusd", side = "sell", volume = "1",
                                 ord_type = "market" }, 422, '"code":2002' },
    { "alice", "POST /order/delete", { id = 99 }, 422, '"code":2003' },
    { "bob", "POST /order/delete", { id = 1 }, 422, '"code":2003' },
    { "alice", "POST /order/delete", { id = "x" }, 422, "id is invalid" },
    { "alice", "GET /order?id=7", nil, 404, "Order#7 doesn't exist." },
    { "alice", "GET /orders", nil, 422, "market is missing" },
    { "alice", "GET /orders?market=btcusd&limit=1001", nil, 422,
      "limit must be in range: 1..1000." },
    { "alice", "GET /orders?market=btcusd&state=open", nil, 422, "state does not have" },
    { nil, "GET /orders?market=btcusd", nil, 401, '"code":2001' },
    { nil, "GET /nothing", nil, 404, "404 Not Found" },
    { nil, "POST /markets", "", 405, "405 Not Allowed" },
  }
  for i, row in ipairs(rows) do
    local status, body = sim:call(row[1], row[2], row[3])
    t.equal(status, row[4], "row " .. i .. ": " .. body)
    t.ok(body:find(row[5], 1, true), body)
  end
end)

t.test("a bad header fails public calls too, and a bad body all of them", function()
  local sim = fixture.new()
  local answer = sim:request("GET", "/api/v2/markets", { Authorization = "Bearer x" })
  t.equal(answer.status, 401)
  answer = sim:request("POST", "/api/v2/orders", { ["Content-Type"] = "application/json" }, "{")
  t.equal(answer.status, 400)
end)

t.test("a level below that of trading may look at balances and no further", function()
  local sim = fixture.new { settings = { "required_level=4" } }
  t.equal(sim:call("alice", "GET /members/me"), 200)
  for _, call in ipairs { "GET /orders?market=btcusd", "GET /order?id=1", "POST /orders",
                          "GET /trades/my?market=btcusd" } do
    local status, body = sim:call("alice", call)
    t.equal(status, 401, call)
    t.ok(body:find '"code":2000', body)
  end
end)

t.test("prices and volumes are cut without a word", function()
  local sim = fixture.new()
  local _, body = sim:call("bob", "POST /orders", { market = "btcusd", side = "buy",
                                                    volume = "0.123456789012",
                                                    price = "1.123456789" })
  t.equal(json.decode(body).volume, "0.12345678")
  t.equal(json.decode(body).price, "1.12345678")
end)

t.test("orders of a list are written all or none", function()
  local sim = fixture.new()
  local orders = { { side = "buy", volume = "1", price = "10" },
                   { side = "sell", volume = "5000", price = "90000" } }
  local status = sim:call("bob", "POST /orders/multi", { market = "btcusd",
                                                         orders = json.array(orders) })
  t.equal(status, 422)
  t.equal(select(2, sim:call("bob", "GET /orders?market=btcusd")), "[]")
  t.equal(tostring(sim.venue.desk.ledger:held("bob", "usd")), "0")
  orders[2].volume = "1"
  status = sim:call("bob", "POST /orders/multi", { market = "btcusd",
                                                   orders = json.array(orders) })
  t.equal(status, 201)
end)

t.test("lists have pages, and `from` and `to` exclude their ids", function()
  local sim = fixture.new()
  sim:call("alice", "POST /orders", { market = "btcusd", side = "sell", volume = "5",
                                      price = "7000" })
  for _ = 1, 5 do
    sim:call("bob", "POST /orders", { market = "btcusd", side = "buy", volume = "1",
                                      price = "7000" })
    sim:pass(60)
  end
  local function ids(call)
    local list = {}
    for i, row in ipairs(json.decode((select(2, sim:call("bob", call))))) do list[i] = row.id end
    return table.concat(list, " ")
  end
  t.equal(ids "GET /orders?market=btcusd&state=done&limit=2&page=2", "4 5")
  t.equal(ids "GET /orders?market=btcusd&state=done&limit=2&order_by=desc", "6 5")
  t.equal(ids "GET /trades/my?market=btcusd&from=1&to=5&order_by=asc", "2 3 4")
  t.equal(ids "GET /trades/my?market=btcusd&limit=2", "5 4")
  t.equal(ids "GET /trades?market=btcusd&limit=1&order_by=asc", "1")
end)

t.test("a trade with oneself is one row, on the ask's side", function()
  local sim = fixture.new()
  local id = sim:socket "alice"
  sim:call("alice", "POST /orders", { market = "btcusd", side = "sell", volume = "1",
                                      price = "6900" })
  sim:call("alice", "POST /orders", { market = "btcusd", side = "buy", volume = "1",
                                      price = "6900" })
  sim:pass(60)
  local rows = json.decode((select(2, sim:call("alice", "GET /trades/my?market=btcusd"))))
  t.equal(#rows, 1)
  t.equal(rows[1].side, "ask")
  t.equal(rows[1].order_id, 1)
  t.ok(sim:heard(id):find '"side":"both","ask":{"id":1,.-"bid":{"id":2,')
  t.equal(select(2, (select(2, sim:call("alice", "GET /order?id=2"))):gsub('"funds"', "")), 1)
end)

t.test("6000 calls in 5 minutes, then: Retry later", function()
  local sim = fixture.new()
  local member = sim.venue.desk.members.alice
  sim.venue.limits[member] = wire.window(2, 300000)
  t.equal(sim:call("alice", "GET /members/me"), 200)
  t.equal(sim:call("alice", "GET /members/me"), 200)
  local status, body = sim:call("alice", "GET /members/me")
  t.equal(status, 429)
  t.equal(body, "Retry later\n")
end)

-- Messages (4) ------------------------------------------------------------------------------------

local function actions(sim, id)
  local list = {}
  for frame in sim:heard(id):gmatch "[^|]+" do
    local message = json.decode(frame)
    if message.trade then list[#list + 1] = "trade " .. message.trade.volume
    elseif message.orderbook.order then
      list[#list + 1] = ("%s %d %s"):format(message.orderbook.action, message.orderbook.order.id,
                                            message.orderbook.order.volume)
    else
      list[#list + 1] = message.orderbook.action .. " " .. message.orderbook.side
    end
  end
  return table.concat(list, ", ")
end

t.test("the book's changes of a match come before its trades", function()
  local sim = fixture.new()
  for _ = 1, 3 do
    sim:call("alice", "POST /orders", { market = "btcusd", side = "sell", volume = "1",
                                        price = "7000" })
  end
  local id = sim:socket "bob"
  sim:call("bob", "POST /orders", { market = "btcusd", side = "buy", volume = "3.5",
                                    price = "7000" })
  t.equal(actions(sim, id), "remove 1 0.0, remove 2 0.0, remove 3 0.0, add 4 0.5")
  sim:pass(200)
  t.equal(actions(sim, id), "trade 1.0, trade 1.0, trade 1.0")
end)

t.test("a cancel removes at once, and is done a moment later", function()
  local sim = fixture.new()
  sim:call("alice", "POST /orders", SELL)
  local id = sim:socket "alice"
  local status, body = sim:call("alice", "POST /order/delete", { id = 1 })
  t.equal(status, 201)
  t.equal(json.decode(body).state, "wait")
  t.equal(actions(sim, id), "remove 1 2.0")
  t.equal(json.decode((select(2, sim:call("alice", "GET /order?id=1")))).state, "wait")
  sim:pass(60)
  t.equal(json.decode((select(2, sim:call("alice", "GET /order?id=1")))).state, "cancel")
end)

t.test("orders in a trade's message are read when it is built", function()
  local sim = fixture.new { settings = { "trade_delay=500" } }
  sim:call("alice", "POST /orders", { market = "btcusd", side = "sell", volume = "3",
                                      price = "7000" })
  local id = sim:socket "alice"
  for _ = 1, 3 do
    sim:call("bob", "POST /orders", { market = "btcusd", side = "buy", volume = "1",
                                      price = "7000" })
  end
  sim:heard(id)
  sim:pass(1000)
  local first = json.decode(sim:heard(id):match "^(.-) | ")
  t.equal(first.trade.volume, "1.0")
  t.equal(first.trade.ask.executed_volume, "3.0")
end)

t.test("with a lazy flush events wait for bytes of any client, or for the ping", function()
  local sim = fixture.new { settings = { "lazy_flush=on" } }
  local id, other = sim:socket "alice", sim:socket "bob"
  sim:call("alice", "POST /orders", SELL)
  sim:pass(5000)
  t.equal(sim:heard(id), "")
  sim:ping(other)
  t.equal(actions(sim, id), "add 1 2.0")
  sim:call("bob", "POST /orders", BUY)
  sim:pass(10000)
  t.equal(actions(sim, id), "update 1 1.5, trade 0.5")
end)

t.test("a cancel between match and executor undoes the match", function()
  local sim = fixture.new { settings = { "undo_matches=on" } }
  local id = sim:socket "alice"
  sim:call("alice", "POST /orders", { market = "btcusd", side = "sell", volume = "1",
                                      price = "7000" })
  sim:call("bob", "POST /orders", { market = "btcusd", side = "buy", volume = "1",
                                    price = "7000" })
  sim:call("alice", "POST /order/delete", { id = 1 })
  sim:pass(200)
  t.equal(actions(sim, id), "add 1 1.0, remove 1 0.0, add 2 1.0")
  local row = json.decode((select(2, sim:call("alice", "GET /order?id=1"))))
  t.equal(row.state, "cancel")
  t.equal(row.executed_volume, "0.0")
  t.equal(sim:control("check").ok, true)
end)

t.test("an engine that starts anew tells its books again", function()
  local sim = fixture.new()
  sim:call("alice", "POST /orders", SELL)
  local id = sim:socket "alice"
  sim:control "restart_engine"
  t.equal(actions(sim, id), "new ask, new bid, add 1 2.0, new ask, new bid")
end)

-- Money -------------------------------------------------------------------------------------------

t.test("the books add up under random orders and cancels", function()
  local sim = fixture.new { settings = { "undo_matches=on" } }
  local random = Random.new(11)
  for i = 1, 300 do
    local who = random:number() < 0.5 and "alice" or "bob"
    if random:number() < 0.7 then
      sim:call(who, "POST /orders", {
        market = "btcusd", side = random:number() < 0.5 and "sell" or "buy",
        volume = ("%.4f"):format(random:number() + 0.001),
        price = ("%.2f"):format(7000 + random:integer(-20, 20)) })
    else
      sim:call(who, "POST /order/delete", { id = random:integer(1, i) })
    end
    if random:number() < 0.5 then sim:pass(random:integer(1, 80)) end
  end
  sim:call("alice", "POST /orders/clear", {})
  sim:call("bob", "POST /orders/clear", {})
  sim:pass(60000)
  local check = sim:control "check"
  t.equal(check.ok, true, check.problem)
  for _, member in ipairs(sim.venue.desk.member_list) do
    for _, asset in ipairs { "btc", "usd" } do
      t.equal(sim.venue.desk.ledger:held(member.name, asset), decimal "0", member.name)
    end
    for _, order in ipairs(member.orders) do
      local sum = decimal "0"
      for _, trade in ipairs(order.trades) do sum = sum + trade.volume end
      t.equal(sum, order.executed)
    end
  end
end)

-- The recorded session (1.8.40) -------------------------------------------------------------------

-- What differs from run to run is made the same.
local function plain(text)
  return (text:gsub('"created_at":"[^"]*"', '"created_at":"T"'):gsub('"timestamp":%d+',
                                                                     '"timestamp":0'))
end

local unlike = { ["GET /tickers"] = true,      -- cached there
                 ["GET /members/me"] = true }  -- a balance that went through a float there

t.test("the calls of the recorded session get the recorded answers and messages", function()
  local sim = fixture.new { settings = { "zone_minutes=60" } }
  local sockets = { alice = sim:socket "alice", bob = sim:socket "bob" }
  local recorded, heard, last_ms = { alice = {}, bob = {} }, { alice = {}, bob = {} }, nil
  local calls = 0
  for line in io.lines "tests/vectors/peatio/transcript-1.8.40.txt" do
    local ms, kind, member, rest = line:match "^%+(%d+) (%u+) (%w+) (.*)$"
    if kind then
      sim:pass(tonumber(ms) - (last_ms or tonumber(ms)))
      last_ms = tonumber(ms)
    end
    if kind == "WS" and (rest:find '^{"orderbook"' or rest:find '^{"trade"') then
      table.insert(recorded[member], plain(rest))
    elseif kind == "REST" then
      local call, body, status, answer = rest:match "^(%u+ %S+) (.-) ?=> (%d+) (.*)$"
      local got_status, got = sim:call(member, call, body ~= "" and json.decode(body) or nil)
      t.equal(got_status, tonumber(status), call)
      if not unlike[call] then t.equal(plain(got), plain(answer), call) end
      calls = calls + 1
    end
  end
  sim:pass(1000)
  t.equal(calls, 38)
  for member, id in pairs(sockets) do
    for _, frame in ipairs(sim.frames[id]) do table.insert(heard[member], plain(frame)) end
    t.equal(table.concat(heard[member], "\n"), table.concat(recorded[member], "\n"), member)
  end
  t.equal(json.decode((select(2, sim:call("alice", "GET /members/me")))).accounts[3].balance,
          "1021058.0")
end)

t.done()
