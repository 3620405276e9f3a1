-- The simulated Peatio's doors: signing in to the letter, by token and by the original's keys.

local fixture = require "tests.moonwire.sim_peatio_fixture"
local t       = require "tests.tap"
local json    = require "moonwire.json"
local jwt     = require "moonwire.sim.jwt"
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

t.done()
