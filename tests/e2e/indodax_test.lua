--- Indodax end to end: moonwire run against the simulated venue. What all venues have in common is
--- in common.lua.

local e2e = require "tests.e2e.lib"
local common = require "tests.e2e.common"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local idx = venue.indodax

common.add(idx)

-- Orders ------------------------------------------------------------------------------------------

test("a taker's fill is corrected to the price that was really paid", function()
  local sim = idx:sim()
  idx:quote(sim, "sell", "1549000000", "0.01")
  local run = sim:run(idx:strategy [[
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

-- The sockets of the process that trades.
local function sockets(run)
  local list = {}
  local pipe = io.popen(("readlink /proc/%d/fd/*"):format(run:runtime_pid()))
  for line in pipe:lines() do
    if line:find "^socket:" then list[#list + 1] = line end
  end
  pipe:close()
  table.sort(list)
  return table.concat(list, " ")
end

test("orders leave on connections that are open: four at first, then as many as were sent at once",
     function()
  local sim = idx:sim()
  local run = sim:run(idx:strategy [[
    function S:on_start() self:subscribe("book", self.params.symbol) end
    local bursts = { ["1500000000"] = 4, ["1500001000"] = 7, ["1500002000"] = 7 }
    function S:on_book(book)
      local bid = tostring(book:best_bid())
      local count = bursts[bid] or 0
      bursts[bid] = nil
      for i = 1, count do self:send("buy", tostring(1400000000 + i * 1000), "0.001") end
    end
  ]], { venue = idx.unprotected, rest = "risk = { max_orders_per_second = 20 }," })
  run:wait_for "session up.*market connection live"
  e2e.await("the first connections", function() return #sim:requests "public" >= 4 + 3 end)
  local before = sockets(run)
  local open = 0
  for i, burst in ipairs { { "1500000000", 4 }, { "1500001000", 7 }, { "1500002000", 7 } } do
    idx:quote(sim, "buy", burst[1], "0.01")
    open = open + burst[2]
    run:wait_for(("pending_new>new.*"):rep(open))
    local now = sockets(run)
    if i == 2 then assert(#now > #before, "seven at once, of five that were open")
    else equal(now, before, "the sockets behind " .. open .. " orders") end
    before = now
  end
  equal(run:stop(), 0)
end)

test("fill, done and cancel in one frame", function()
  local sim = idx:sim()
  local run = sim:run(idx:strategy [[
    function S:on_start()
      self:send("sell", "1600000000", "0.001")
      self:send("sell", "1700000000", "0.001")
    end
  ]])
  run:wait_for "new>?.-new"
  e2e.await("two open orders", function() return #sim:orders(true) == 2 end)
  sim:control("set", { set = "batch=data" })
  idx:take(sim, "buy", "1600000000", "0.001")
  sim:control("cancel_orders", {})
  run:wait_for "order sell new>filled cum=0.001"
  run:wait_for "order sell new>canceled cum=0"
  equal(run:stop(), 0)
end)

test("a post-only order that would take is rejected with a reason", function()
  local sim = idx:sim()
  idx:quote(sim, "sell", "1549000000", "0.01")
  local run = sim:run(idx:sends("buy", "1560000000", "0.001", "post_only"))
  run:wait_for "order buy pending_new>rejected cum=0 reason=would take: post_only"
  equal(run:stop(), 0)
end)

test("what the venue would refuse for its form is refused before it is sent", function()
  local sim = idx:sim()
  local run = sim:run(idx:strategy [[
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
  local sim = idx:sim()
  local run = sim:run(idx:strategy [[
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
  -- The first ten were taken back while they waited for the countdown. Ten more leave whenever a
  -- second is over: once, or more often where the program is slow, and there not all at once.
  if #trades < 10 then error("only " .. #trades .. " orders left") end
  if e2e.slower == 1 then equal(#trades % 10, 0, #trades .. " orders sent; beyond tens") end
  for _, request in ipairs(trades) do equal(request.status, 200, "trade") end
  for _, request in ipairs(cancels) do equal(request.status, 200, "cancel") end
  for _, order in ipairs(sim:orders()) do equal(order.status, "canceled") end
end)

test("a market order buys by amount and fills", function()
  local sim = idx:sim()
  idx:quote(sim, "sell", "1550000000", "1")
  local run = sim:run(idx:strategy [[
    function S:on_start() assert(self:buy { amount = "1550000" }) end
  ]])
  run:wait_for "fill 0.%d+@1550000000 taker"
  run:wait_for "order buy .->filled"
  equal(run:stop(), 0)
end)

test("a cancel that meets a 503 on the way down is sent again", function()
  local sim = idx:sim()
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
  local sim = idx:sim()
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
  idx:take(sim, "sell", "1500000000", "0.001")
  run:wait_for "hand%-1 is filled"
  equal(run:stop(), 0)
end)

-- Sessions ----------------------------------------------------------------------------------------

test("the token is renewed before it expires", function()
  local sim = idx:sim { "--token-life", "4" }
  local run = sim:run(idx:rests_low())
  run:wait_for "pending_new>new"
  run:wait_for("renewing the session's credentials.*renewing the session's credentials", 30)
  local _, downs = run:out():gsub("session idx down", "")
  equal(downs, 0, "outages")
  equal(run:stop(), 0)
end)

test("a token that expires under way is replaced, and the session comes back", function()
  local sim = idx:sim()
  local run = sim:run(idx:rests_low())
  run:wait_for "pending_new>new"
  sim:control("expire", { now = 1 })
  run:wait_for "session idx down"
  run:wait_for "session idx down.*session idx up"
  equal(run:stop(), 0)
end)

test("a close that says not to come back is obeyed", function()
  local sim = idx:sim()
  local run = sim:run(idx:rests_low())
  run:wait_for "pending_new>new"
  sim:control("close", { socket = "private", code = 3503 })
  run:wait_for "private connection stopped: .*3503"
  run:stop()
end)

long_test("a quiet session stays up, on pings alone", function()
  local sim = idx:sim()
  local run = sim:run(idx:strategy [[
    function S:on_start() self:after(30, "say") end
    function S:say() print "half a minute" end
  ]])
  run:wait_for("half a minute", 30 + 10)
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

-- Strategies and market data ----------------------------------------------------------------------

test("an error in a callback drops its commands, stops that strategy, and others go on", function()
  local sim = idx:sim()
  local run = sim:run {
    idx:strategy [[
      function S:on_start()
        self:send("buy", "1500000000", "0.001")
        self:after(0.2, "fail")
      end
      function S:fail()
        self:send("buy", "1400000000", "0.001")
        local nothing
        print(nothing.field)
      end]],
    idx:strategy [[function S:on_start() self:every(0.1, "tick") end
      function S:tick() self.state.n = (self.state.n or 0) + 1 print("tick " .. self.state.n) end]],
  }
  run:wait_for "fail failed: .*strategy1.lua:%d+: attempt to index"
  run:wait_for "canceled buy"
  run:wait_for "dropped with the failed callback"
  run:wait_for "tick 10"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
end)

test("the book feeds on_book, trades feed on_trade", function()
  local sim = idx:sim()
  idx:quote(sim, "sell", "1550000000", "0.5")
  idx:quote(sim, "buy", "1540000000", "0.5")
  local run = sim:run(idx:strategy [[
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

e2e.run_all()
