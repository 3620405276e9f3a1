--- Indodax end to end: moonwire run against the simulated venue.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

-- A strategy that sends what it is told at the start and prints all that it hears.
local TELL = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_order(order, event)
  print("order " .. order.side .. " " .. event.previous .. ">" .. order.status
    .. " cum=" .. tostring(order.cum_qty) .. (event.reason and " reason=" .. event.reason or ""))
end
function S:on_fill(fill, order)
  local fees = {}
  for i, fee in ipairs(fill.fees) do fees[i] = tostring(fee.amount) .. fee.asset end
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " " .. fill.liquidity
    .. " fees=" .. table.concat(fees, ",") .. " cum=" .. tostring(order.cum_qty))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:send(side, price, qty, tif)
  local order, err = self:submit { side = side, price = price, qty = qty, time_in_force = tif }
  print(order and "sent " .. order.client_order_id or "refused " .. err)
  return order
end
%s
return S
]]
local function strategy(body) return (TELL:gsub("%%s", function() return body end)) end

local BUY_LOW = strategy [[
function S:on_start() self.state.order = self:send("buy", "1500000000", "0.001") end
]]

local function first_order(sim) return sim:orders()[1] end

local function wait_order(sim, status)
  return e2e.await("an order that is " .. status .. " at the venue", function()
    for _, order in ipairs(sim:orders()) do if order.status == status then return order end end
  end)
end

local function check_ledger(sim)
  local result = sim:control "check"
  if not result.ok then
    error("the venue's books do not add up: " .. tostring(result.problem), 2)
  end
end

-- Life cycles -------------------------------------------------------------------------------------

test("an order rests, and a clean stop cancels it", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW)
  run:wait_for "order buy pending_new>new cum=0"
  equal(wait_order(sim, "open").price, "1500000000")
  equal(run:stop(), 0, "exit status")
  equal(first_order(sim).status, "canceled")
  equal(#sim:requests "trade", 1, "trade requests")
  check_ledger(sim)
end)

test("a resting order fills in parts, each fill once and with its fees", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]])
  run:wait_for "order sell pending_new>new"
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0004", price = "1600000000" })
  run:wait_for "fill 0.0004@1600000000 maker fees=%d+IDR,.- cum=0.0004"
  run:wait_for "order sell new>partially_filled cum=0.0004"
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0006", price = "1600000000" })
  run:wait_for "fill 0.0006@1600000000 maker fees=.- cum=0.001"
  run:wait_for "order sell partially_filled>filled cum=0.001"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a taker's fill is corrected to the price that was really paid", function()
  local sim = e2e.sim "indodax"
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1549000000", qty = "0.01" })
  local run = sim:run(strategy [[
    function S:on_start() self:send("buy", "1560000000", "0.001") self:every(0.05, "look") end
    function S:look()
      local price = self:position().avg_price
      if price then print("average " .. tostring(price)) end
    end
  ]])
  run:wait_for "order buy .->filled cum=0.001"
  run:wait_for "average 1549000000"
  equal(run:stop(), 0)
end)

test("fill, done and cancel in one frame", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start()
      self:send("sell", "1600000000", "0.001")
      self:send("sell", "1700000000", "0.001")
    end
  ]])
  run:wait_for "new>?.-new"
  e2e.await("two open orders", function() return #sim:orders(true) == 2 end)
  sim:control("set", { set = "batch=data" })
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.001", price = "1600000000" })
  sim:control("cancel_orders", {})
  run:wait_for "order sell new>filled cum=0.001"
  run:wait_for "order sell new>canceled cum=0"
  equal(run:stop(), 0)
end)

test("a post-only order that would take is rejected with a reason", function()
  local sim = e2e.sim "indodax"
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1549000000", qty = "0.01" })
  local run = sim:run(strategy [[
    function S:on_start() self:send("buy", "1560000000", "0.001", "post_only") end
  ]])
  run:wait_for "order buy pending_new>rejected cum=0 reason=would take: post_only"
  equal(run:stop(), 0)
end)

test("what the venue would refuse for its form is refused before it is sent", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start()
      self:send("buy", "1500000500", "0.001")
      self:send("buy", "1500000000", "0.000000001")
      self:send("buy", "1500000000", "0.000001")
      self:send("buy", "1500000000", "0.001", "ioc")
      print "done"
    end
  ]])
  run:wait_for "refused price 1500000500 is not a multiple of 1000"
  run:wait_for "refused qty 0.000000001 is not a multiple"
  run:wait_for "refused .- below the venue's minimum"
  run:wait_for "refused indodax knows gtc and post_only, not ioc"
  run:wait_for "done"
  equal(#sim:requests "trade", 0, "trade requests")
  equal(run:stop(), 0)
end)

test("a strategy that floods meets its own limit, never the venue's", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start()
      self.state.left = 5                                    -- times of 40 orders, all canceled
      self:flood()
    end
    function S:flood()
      local refused
      for i = 1, 40 do
        local _, err = self:buy { price = "1500000000", qty = "0.0001" }
        refused = err or refused
      end
      self:cancel_all()
      self.state.left = self.state.left - 1
      if self.state.left > 0 then return self:after(0.3, "flood") end
      print("refused: " .. tostring(refused))
      self:every(0.2, "sweep")                     -- a cancel may overtake its order
    end
    function S:sweep() self:cancel_all() end
  ]], { rest = "risk = { max_open_orders = 1000 }," })
  run:wait_for "refused: one strategy may send 10 orders in 1 s to idx, two thirds of the venue's"
  e2e.await("no open order", function() return #sim:orders(true) == 0 end)
  equal(run:stop(), 0)
  local trades, cancels = sim:requests "trade", sim:requests "cancel"
  if #trades < 10 then error("only " .. #trades .. " orders left") end
  for _, request in ipairs(trades) do equal(request.status, 200, "trade") end
  for _, request in ipairs(cancels) do equal(request.status, 200, "cancel") end
  for _, order in ipairs(sim:orders()) do equal(order.status, "canceled") end
end)

test("a market order buys by amount and fills", function()
  local sim = e2e.sim "indodax"
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1550000000", qty = "1" })
  local run = sim:run(strategy [[
    function S:on_start() assert(self:buy { amount = "1550000" }) end
  ]])
  run:wait_for "fill 0.%d+@1550000000 taker"
  run:wait_for "order buy .->filled"
  equal(run:stop(), 0)
end)

-- Reports in disorder -----------------------------------------------------------------------------

test("every report twice, and fills are counted once", function()
  local sim = e2e.sim("indodax", { "--fault", "duplicate:push:1.0" })
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]])
  run:wait_for "new"
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0004", price = "1600000000" })
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0006", price = "1600000000" })
  run:wait_for ">filled cum=0.001"
  local _, fills = run:out():gsub("\nfill ", "")
  equal(fills, 2, "fills")
  equal(run:stop(), 0)
end)

test("reports in the wrong order end right", function()
  local sim = e2e.sim("indodax", { "--fault", "reorder:push:0.5", "--seed", "7" })
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]])
  wait_order(sim, "open")
  for _ = 1, 5 do
    sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0002", price = "1600000000" })
  end
  run:wait_for ">filled cum=0.001"
  equal(run:stop(), 0)
end)

test("a lost report is found by asking", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]], { venue = "reconcile_every = 2," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "lose:push:1" })
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.001", price = "1600000000" })
  run:wait_for "fill 0.001@1600000000"
  run:wait_for ">filled cum=0.001"
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

-- Doubt -------------------------------------------------------------------------------------------

test("the answer to trade is swallowed: asked about by client order id, sent once", function()
  local sim = e2e.sim("indodax", { "--fault", "swallow:trade:1", "--fault", "lose:push:1" })
  local run = sim:run(BUY_LOW, { venue = "request_timeout = 1," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for "order buy unknown>new"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(#sim:orders(), 1, "orders at the venue")
  equal(run:stop(), 0)
  equal(first_order(sim).status, "canceled")
end)

test("a request that never arrived ends as rejected, and only on evidence", function()
  local sim = e2e.sim("indodax", { "--fault", "swallow:trade:before:1" })
  local run = sim:run(BUY_LOW, { venue = "request_timeout = 1," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for("order buy unknown>rejected cum=0 reason=not_found", 60)
  equal(#sim:requests "trade", 1, "trade requests")
  equal(#sim:orders(), 0, "orders at the venue")
  equal(run:stop(), 0)
end)

test("fills during an outage are found once, before the session is up again", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]])
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:token:3" })
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down"
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.0004", price = "1600000000" })
  run:wait_for("fill 0.0004@1600000000", 60)
  run:wait_for("session idx down.*fill 0.0004.*session idx up", 60)
  local _, fills = run:out():gsub("\nfill ", "")
  equal(fills, 1, "fills")
  equal(run:stop(), 0)
end)

test("an order canceled during an outage is seen as canceled", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:token:2" })
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down"
  sim:control("cancel_orders", {})
  run:wait_for("order buy new>canceled", 60)
  run:wait_for("session idx up", 60)
  equal(run:stop(), 0)
end)

-- Sessions ----------------------------------------------------------------------------------------

test("the token is renewed before it expires", function()
  local sim = e2e.sim("indodax", { "--token-life", "4" })
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  run:wait_for("renewing the session's credentials.*renewing the session's credentials", 30)
  local _, downs = run:out():gsub("session idx down", "")
  equal(downs, 0, "outages")
  equal(run:stop(), 0)
end)

test("a token that expires under way is replaced, and the session comes back", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control("expire", { now = 1 })
  run:wait_for "session idx down"
  run:wait_for "session idx down.*session idx up"
  equal(run:stop(), 0)
end)

test("a bad signature stops the venue with a clear message, and does not hammer", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW, { environment = { MW_SECRET = "wrong-wrong-wrong-wrong" } })
  run:wait_for "bad signature: `secret` does not belong to `key`"
  equal(run:wait_exit(), 1, "exit status")
  equal(#sim:requests "token", 1, "token requests")
end)

test("an unverified certificate is refused", function()
  local sim = e2e.sim "indodax"
  local other = e2e.sim "indodax"
  sim.info.ca_file = other.info.ca_file
  local run = sim:run(BUY_LOW)
  run:wait_for "certificate"
  equal(run:stop(), 0)
  equal(run:out():find "session idx up", nil)
end)

test("a close that says not to come back is obeyed", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control("close", { socket = "private", code = 3503 })
  run:wait_for "private connection stopped: .*3503"
  run:stop()
end)

test("a silent venue is noticed", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW, { venue = "silence = 1," })
  run:wait_for "pending_new>new"
  sim:control("drop", { socket = "private", how = "half_open" })
  run:wait_for "nothing arrived for 1 s"
  run:wait_for "session idx down.*session idx up"
  equal(run:stop(), 0)
end)

test("a quiet session stays up, on pings alone", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() self:after(30, "say") end
    function S:say() print "half a minute" end
  ]])
  run:wait_for("half a minute", 30 + e2e.patience)
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

test("junk, huge and deeply nested frames change nothing", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "1600000000", "0.001") end
  ]])
  run:wait_for "pending_new>new"
  sim:control("push", { text = "}{ this is no JSON" })
  sim:control("push", { text = ("["):rep(5000) })
  sim:control("push", { text = '{"push":{"x":"' .. ("y"):rep(1000000) .. '"}}' })
  sim:control("publish", { data = '[{"eventType":"order_update","order":{"orderId":1}}]' })
  run:wait_for "message not understood"
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.001", price = "1600000000" })
  run:wait_for ">filled cum=0.001"
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

-- Strategies --------------------------------------------------------------------------------------

test("two strategies on one account hear of their own orders only", function()
  local sim = e2e.sim "indodax"
  local run = sim:run {
    strategy [[function S:on_start() self:send("buy", "1500000000", "0.001") end
      function S:on_order(order) print("ONE " .. order.side .. " " .. order.status) end]],
    strategy [[function S:on_start() self:send("sell", "1600000000", "0.001") end
      function S:on_order(order) print("TWO " .. order.side .. " " .. order.status) end]],
  }
  run:wait_for "ONE buy new"
  run:wait_for "TWO sell new"
  equal(run:stop(), 0)
  equal(run:out():find "ONE sell", nil)
  equal(run:out():find "TWO buy", nil)
  equal(#sim:orders(true), 0, "open orders")
end)

test("an error in a callback drops its commands, stops that strategy, and others go on", function()
  local sim = e2e.sim "indodax"
  local run = sim:run {
    strategy [[
      function S:on_start()
        self:send("buy", "1500000000", "0.001")
        self:after(0.2, "fail")
      end
      function S:fail()
        self:send("buy", "1400000000", "0.001")
        local nothing
        print(nothing.field)
      end]],
    strategy [[function S:on_start() self:every(0.1, "tick") end
      function S:tick() self.state.n = (self.state.n or 0) + 1 print("tick " .. self.state.n) end]],
  }
  run:wait_for "fail failed: .*strategy1.lua:%d+: attempt to index"
  run:wait_for "canceled buy"
  run:wait_for "dropped with the failed callback"
  run:wait_for "tick 10"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
end)

test("SIGTERM with open orders cancels them all", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(strategy [[
    function S:on_start()
      for i = 1, 10 do self:send("buy", tostring(1500000000 - i * 1000), "0.001") end
    end
  ]])
  e2e.await("ten open orders", function() return #sim:orders(true) == 10 end)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0, "open orders")
  check_ledger(sim)
end)

test("a cancel that meets a 503 on the way down is sent again", function()
  local sim = e2e.sim "indodax"
  local run = sim:run([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.001", price = "1500000000" } end
function S:on_order(order, event) print("order " .. event.previous .. ">" .. order.status) end
return S]])
  run:wait_for "order pending_new>new"
  sim:control("fault", { fault = "http:503:cancel:1:before" })
  equal(run:stop(), 0, "exit status")
  equal(sim:orders()[1].status, "canceled")
end)

test("an open order of somebody else that fills is over here too", function()
  local sim = e2e.sim "indodax"
  local client = e2e.spawn({ "/bin/sh", os.getenv("PWD") .. "/tests/e2e/clients/tapi.sh", "trade",
    "pair=btc_idr&type=buy&price=1500000000&btc=0.001&order_type=limit&time_in_force=GTC"
    .. "&client_order_id=hand-1" },
    { REST_URL = sim.info.rest_url, KEY = sim.info.key, SECRET = sim.info.secret,
      CURL_CA_BUNDLE = sim.info.ca_file })
  equal(client:wait_exit(), 0)
  local run = sim:run([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx" }
function S:on_start() self:every(0.1, "look") end
function S:look() self:task "ask" end
function S:ask()
  local order = mw.venue("idx"):order "hand-1"
  print("hand-1 is " .. (order and order.status or "unknown"))
end
return S]], { venue = "reconcile_every = 1," })
  run:wait_for "order of somebody else shows up"
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1500000000", qty = "0.001" })
  run:wait_for "hand%-1 is filled"
  equal(run:stop(), 0)
end)

test("without --json the simulator prints a configuration that runs", function()
  local directory = e2e.directory()
  local process = e2e.moonwire({ "sim", "indodax", "--port", "0", "--market", "off" },
                               { XDG_RUNTIME_DIR = directory })
  process:wait_for "\n}\n"
  local text = process:out()
  local path = directory .. "/moonwire.lua"
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local key, secret = text:match "key%s+= env%(%b\"\"%),%s+%-%- (%S+)",
                      text:match "secret%s+= env%(%b\"\"%),%s+%-%- (%S+)"
  local strategy_path = directory .. "/s.lua"
  file = assert(io.open(strategy_path, "w"))
  file:write [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx" }
function S:on_start() print "started" self:stop() end
return S]]
  file:close()
  local run = e2e.moonwire({ "run", "--config", path, strategy_path },
                           { SIM_KEY = key, SIM_SECRET = secret })
  run:wait_for "started"
  equal(run:wait_exit(), 0)
end)

test("the book feeds on_book, trades feed on_trade", function()
  local sim = e2e.sim "indodax"
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1550000000", qty = "0.5" })
  sim:control("quote", { pair = "btc_idr", side = "buy", price = "1540000000", qty = "0.5" })
  local run = sim:run(strategy [[
    function S:on_start() assert(self:subscribe "book") assert(self:subscribe "trades") end
    function S:on_book(book) print("book " .. tostring(book) .. " mid " .. tostring(book:mid())) end
    function S:on_trade(trade) print("trade " .. trade.side .. " " .. tostring(trade.price)) end
  ]])
  run:wait_for "book BTC/IDR 1540000000 / 1550000000 mid 1545000000"
  e2e.await("the market connection's subscriptions", function()
    for _, connection in ipairs(sim:control "connections") do
      if connection.socket == "market" and #connection.channels == 2 then return true end
    end
  end)
  sim:control("trade", { pair = "btc_idr", side = "buy", qty = "0.01" })
  run:wait_for "trade buy 1550000000"
  equal(run:stop(), 0)
end)

test("no secret, token or signature is ever printed", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(BUY_LOW, { arguments = { "--log-level", "debug" } })
  run:wait_for "pending_new>new"
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down.*session idx up"
  equal(run:stop(), 0)
  local text = run:out() .. run:err()
  equal(text:find(sim.info.secret, 1, true), nil)
  equal(text:find(sim.info.key, 1, true), nil)
  equal(text:find "eyJ", nil)
  equal(text:find(("%x"):rep(40)), nil)
end)

e2e.run_all()
