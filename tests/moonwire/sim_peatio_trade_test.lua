-- The simulated Peatio's trading: REST and its errors, the order of messages, money, and the calls
-- that were recorded from a real server, made again.

local fixture = require "tests.moonwire.sim_peatio_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local json    = require "moonwire.json"
local Random  = require "moonwire.random"
local wire    = require "moonwire.sim.wire"


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
