-- The simulated ranger and rango: handshakes, streams, what each version says of an order and a
-- trade, and the REST of 2.x and 3.x.

local fixture = require "tests.moonwire.sim_peatio_fixture"
local t       = require "tests.tap"
local json    = require "moonwire.json"

local PRIVATE, PUBLIC = "/api/v2/ranger/private/", "/api/v2/ranger/public/"
local STREAMS = "?stream=order&stream=trade"

local function new(...)
  return fixture.new { settings = { "dialect=ranger", ... } }
end

local function bearer_of(member)
  return fixture.bearer { email = member .. "@example.test", exp = false, iat = false,
                          uid = member == "alice" and "ID1" or "ID2" }
end

local function open(sim, member, path)
  return sim:open(path or PRIVATE .. STREAMS, { Authorization = member and bearer_of(member) })
end

-- Status and decoded body.
local function call(sim, member, text, body)
  local method, path = text:match "^(%u+) (.*)$"
  local answer = sim:request(method, "/api/v2/peatio" .. path,
    { Authorization = member and bearer_of(member), ["Content-Type"] = "application/json" },
    body and json.encode(body))
  return answer.status, json.decode(answer.body)
end

local SELL = { market = "btcusd", side = "sell", volume = "2", price = "7000" }
local BUY = { market = "btcusd", side = "buy", volume = "0.5", price = "7000" }

-- Handshakes --------------------------------------------------------------------------------------

t.test("a good token subscribes to private streams, at once", function()
  local sim = new()
  t.equal(sim:heard(open(sim, "alice")),
          '{"success":{"message":"subscribed","streams":["order","trade"]}}')
end)

t.test("a bad token: ranger drops the line without an answer, rango says 401", function()
  local sim = new()
  local id = sim:open(PRIVATE .. STREAMS, { Authorization = "Bearer x" })
  t.equal(sim.dropped[id], "drop")
  sim = new "rango=on"
  id = sim:open(PRIVATE .. STREAMS, { Authorization = "Bearer x" })
  t.equal(sim.refused[id].status, 401)
  id = sim:open(PUBLIC .. "?stream=btcusd.trades", { Authorization = "Bearer x" })
  t.equal(sim:heard(id), '{"success":{"message":"subscribed","streams":["btcusd.trades"]}}')
end)

t.test("who is anonymous: ranger lists private streams and never sends, rango leaves them out",
       function()
  local sim = new()
  local id = open(sim, nil)
  t.ok(sim:heard(id):find '"streams":%["order","trade"%]')
  call(sim, "alice", "POST /market/orders", SELL)
  sim:pass(100)
  t.equal(sim:heard(id), "")
  sim = new "rango=on"
  t.equal(sim:heard(open(sim, nil)), '{"success":{"message":"subscribed","streams":[]}}')
end)

t.test("an API key of the gateway is a member", function()
  local sim = new()
  local nonce = ("%.0f"):format(sim.now)
  local headers = { ["X-Auth-Apikey"] = "AKalice", ["X-Auth-Nonce"] = nonce,
                    ["X-Auth-Signature"] = fixture.hmac("SKalice", nonce .. "AKalice") }
  t.ok(sim:heard(sim:open(PRIVATE .. STREAMS, headers)):find "subscribed")
  local function key_of(change)
    local other = {}
    for name, value in pairs(headers) do other[name] = change[name] or value end
    local answer = sim:request("GET", "/api/v2/peatio/account/balances", other)
    return answer.status == 200 and "ok" or json.decode(answer.body).errors[1]
  end
  t.equal(key_of {}, "ok")
  t.equal(key_of { ["X-Auth-Apikey"] = "none" }, "authz.unexistent_apikey")
  t.equal(key_of { ["X-Auth-Signature"] = "00" }, "authz.invalid_signature")
  t.equal(key_of { ["X-Auth-Nonce"] = "soon" }, "authz.nonce_not_valid_timestamp")
  sim:pass(6000)
  t.equal(key_of {}, "authz.nonce_expired")
end)

-- Commands ----------------------------------------------------------------------------------------

local function says(sim, id, text)
  sim:heard(id)
  sim:say(id, text)
  return sim:heard(id)
end

t.test("streams come and go, and each answer lists them all", function()
  local sim = new()
  local id = open(sim, "alice")
  t.equal(says(sim, id, '{"event":"subscribe","streams":["btcusd.trades"]}'),
          '{"success":{"message":"subscribed","streams":["order","trade","btcusd.trades"]}}')
  t.equal(says(sim, id, '{"event":"unsubscribe","streams":["order"]}'),
          '{"success":{"message":"unsubscribed","streams":["trade","btcusd.trades"]}}')
  t.equal(says(sim, id, "ping"), "pong")
end)

t.test("ranger passes over what it does not understand, rango says so", function()
  local sim = new()
  local id = open(sim, "alice")
  t.equal(says(sim, id, "no json"), "")
  t.equal(says(sim, id, '{"event":"dance","streams":[]}'), "")
  says(sim, id, '{"event":"subscribe","streams":"order"}')
  t.equal(sim.closed[id].code, 3000)
  sim = new "rango=on"
  id = open(sim, "alice")
  t.ok(says(sim, id, "no json"):find '{"error":"Could not parse message: ')
  t.equal(says(sim, id, '{"event":"dance"}'), '{"error":"Could not parse Type: Invalid event"}')
  t.equal(says(sim, id, '{"event":"subscribe"}'), '{"error":"No streams provided"}')
  says(sim, id, ("x"):rep(513))
  t.equal(sim.closed[id].code, 1009)
end)

t.test("rango pings each 54 s and goes when no pong comes for 60", function()
  local sim = new "rango=on"
  local id = open(sim, "alice")
  sim:pass(54000)
  t.equal(#sim.pings[id], 1)
  sim:pong(id)
  sim:pass(59000)
  t.equal(sim.closed[id], nil)
  sim:pass(2000)
  t.ok(sim.closed[id], "it is gone")
end)

-- Events ------------------------------------------------------------------------------------------

-- The names of a message's members, sorted.
local function members(frame)
  local message = json.decode(frame)
  local kind, body = next(message)
  local names = {}
  for name in pairs(body) do names[#names + 1] = name end
  table.sort(names)
  return kind .. ": " .. table.concat(names, " ")
end

local ORDER_19 = "order: at id kind market origin_volume price state volume"
local ORDER_20 = "order: at id kind market origin_volume price remaining_volume state"
local ORDER_22 = "order: at avg_price created_at executed_volume id kind market ord_type "
  .. "origin_volume price remaining_volume side state trades_count updated_at"
local TRADE_19 = "trade: ask_id at bid_id id kind market price volume"
local TRADE_22 = "trade: ask_id at created_at id kind market price side volume"
local TRADE_23 = "trade: amount created_at id market order_id price side taker_type total"

local versions = {
  { "1.9", ORDER_19, TRADE_19, "order trade" }, { "2.0", ORDER_20, TRADE_19, "order trade" },
  { "2.1", ORDER_20, TRADE_19, "order trade" }, { "2.2", ORDER_22, TRADE_22, "order trade" },
  { "2.3", ORDER_22, TRADE_23, "order trade" }, { "2.4", ORDER_22, TRADE_23, "trade order" },
  { "3.0", ORDER_22, TRADE_23, "trade order" },
}

t.test("each version has its own members, and its order of events", function()
  for _, row in ipairs(versions) do
    local sim = new("version=" .. row[1])
    call(sim, "alice", "POST /market/orders", SELL)
    sim:pass(100)
    local id = open(sim, "alice")
    sim:heard(id)
    call(sim, "bob", "POST /market/orders", BUY)
    sim:pass(200)
    local frames = sim.frames[id]
    t.equal(#frames, 2, row[1])
    local kinds = {}
    for i, frame in ipairs(frames) do
      kinds[i] = frame:match '^{"(%a+)"'
      t.equal(members(frame), kinds[i] == "order" and row[2] or row[3], row[1])
    end
    t.equal(table.concat(kinds, " "), row[4], row[1])
  end
end)

t.test("from 2.1 on an order is pending first, then waits or is rejected", function()
  local sim = new "version=2.1"
  local id = open(sim, "alice")
  local status, row = call(sim, "alice", "POST /market/orders", SELL)
  t.equal(status, 201)
  t.equal(row.state, "pending")
  sim:heard(id)
  sim:pass(100)
  t.ok(sim:heard(id):find '"state":"wait"')
  sim:control "set?set=reject_orders=on"
  call(sim, "alice", "POST /market/orders", SELL)
  sim:pass(100)
  t.ok(sim:heard(id):find '"state":"reject"')
  t.equal(tostring(sim.venue.desk.ledger:held("alice", "btc")), "2")
end)

t.test("a trade with oneself is told twice in the maker's words from 2.3 on", function()
  local sim = new "version=2.3"
  local id = open(sim, "alice")
  call(sim, "alice", "POST /market/orders", SELL)
  sim:pass(100)
  call(sim, "alice", "POST /market/orders", BUY)
  sim:pass(300)
  local trades = {}
  for _, frame in ipairs(sim.frames[id]) do
    if frame:find '^{"trade"' then trades[#trades + 1] = frame end
  end
  t.equal(#trades, 2)
  t.equal(trades[1], trades[2])
  t.ok(trades[1]:find '"side":"sell".-"order_id":1}')
end)

t.test("a book is a snapshot and then its levels, numbered", function()
  local sim = new "version=2.0"
  call(sim, "alice", "POST /market/orders", SELL)
  local id = sim:open(PUBLIC)
  sim:heard(id)
  local text = says(sim, id, '{"event":"subscribe","streams":["btcusd.ob-inc"]}')
  t.ok(text:find('{"btcusd.ob-snap":{"asks":[["7000.0","2.0"]],"bids":[],"sequence":1}}', 1, true),
       text)
  call(sim, "bob", "POST /market/orders", BUY)
  t.equal(sim:heard(id), '{"btcusd.ob-inc":{"asks":["7000.0","1.5"],"sequence":2}}')
  call(sim, "alice", "POST /market/orders/1/cancel")
  t.equal(sim:heard(id), '{"btcusd.ob-inc":{"asks":["7000.0","0.0"],"sequence":3}}')
end)

-- REST --------------------------------------------------------------------------------------------

t.test("refusals are keys", function()
  local sim = new()
  local rows = {
    { { market = "btcusd", side = "sell", volume = "5000", price = "7000" },
      "market.account.insufficient_balance" },
    { { market = "btcusd", side = "sell", volume = "1", ord_type = "market" },
      "market.order.insufficient_market_liquidity" },
    { { market = "btcusd", side = "sell", volume = "0", price = "7000" },
      "market.order.invalid_volume_or_price" },
    { { market = "btcusd", side = "sell", volume = "1.000000001", price = "7000" },
      "market.order.invalid_volume_or_price" },
    { { market = "btcusd", side = "sell", volume = "1", ord_type = "market", price = "1" },
      "market.order.market_order_price" },
  }
  for _, row in ipairs(rows) do
    local status, body = call(sim, "alice", "POST /market/orders", row[1])
    t.equal(status, 422, row[2])
    t.equal(body.errors[1], row[2])
  end
  t.equal(select(2, call(sim, nil, "GET /market/orders")).errors[1], "jwt.decode_and_verify")
  t.equal(select(2, call(sim, "alice", "GET /market/orders/9")).errors[1], "record.not_found")
  sim:control "set?set=required_level=4"
  local status, body = call(sim, "alice", "GET /market/orders")
  t.equal(status, 403)
  t.equal(body.errors[1], "market.trade.not_permitted")
end)

t.test("lists say their pages, and trades their fees", function()
  local sim = new "version=2.3"
  for _ = 1, 3 do call(sim, "alice", "POST /market/orders", BUY) end
  sim:pass(300)
  local answer = sim:request("GET", "/api/v2/peatio/market/orders?limit=2&page=2",
                             { Authorization = bearer_of "alice" })
  t.equal(#json.decode(answer.body), 1)
  call(sim, "bob", "POST /market/orders", SELL)
  sim:pass(500)
  local _, trades = call(sim, "alice", "GET /market/trades?market=btcusd&limit=1")
  t.equal(trades[1].fee_currency, "btc")
  t.equal(trades[1].fee_amount, "0.00075")
  t.equal(trades[1].amount, "0.5")
  local _, order = call(sim, "bob", "GET /market/orders/4")
  t.equal(order.origin_volume, "2.0")
  t.equal(#order.trades, 3)
  t.equal(order.trades[1].fee_currency, "usd")
end)

t.done()
