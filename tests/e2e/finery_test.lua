--- Finery Markets end to end: moonwire run against the simulated venue, as a taker and as a maker.
--- What all venues have in common is in common.lua.

local e2e = require "tests.e2e.lib"
local common = require "tests.e2e.common"
local json = require "moonwire.json"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local SIGKILL = 9
local taker, maker = venue.finery_taker, venue.finery_maker

-- An order of a taker's.
local function take() return taker:sends("buy", "65200", "0.01", "ioc") end

common.add(maker)

-- Takers ------------------------------------------------------------------------------------------

test("a taker's order trades at once, and its deals are fills without fees", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "0.004")
  taker:quote(sim, "sell", "65200", "1")
  local run = sim:run(take())
  run:wait_for "fill 0.004@65100 taker fees= cum=0.004"
  run:wait_for "fill 0.006@65200 taker fees= cum=0.01"
  run:wait_for ">filled cum=0.01"
  equal(run:stop(), 0, "exit status")
  equal(#sim:requests "add", 1, "add requests")
  venue.check_books(sim)
end)

test("what a taker's order does not get is dropped, and none at all is a rejection", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "0.004")
  local run = sim:run(taker:strategy [[
    function S:on_start()
      self:send("buy", "65200", "0.01", "ioc")
      self:send("buy", "50000", "0.01", "ioc")
      self:send("buy", "65200", "0.01", "fok")
    end
  ]])
  run:wait_for "order buy pending_new>canceled cum=0.004 reason=ioc_remainder"
  run:wait_for "order buy pending_new>rejected cum=0 reason=nothing to match at this price"
  run:wait_for "order buy pending_new>rejected cum=0 reason=not enough liquidity"
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

test("market orders buy and sell by quantity and by amount", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65000", "1")
  taker:quote(sim, "buy", "64000", "1")
  local run = sim:run(taker:strategy [[
    function S:on_start()
      assert(self:buy { amount = "650" })
      assert(self:sell { qty = "0.25" })
    end
  ]])
  run:wait_for "fill 0.01@65000 taker"
  run:wait_for "fill 0.25@64000 taker"
  run:wait_for "order sell .->filled cum=0.25"
  equal(run:stop(), 0)
end)

test("what the role cannot do is refused before it is sent", function()
  local sim = taker:sim()
  local run = sim:run(taker:strategy [[
    function S:on_start()
      self:send("buy", "60000", "0.01")
      self:send("buy", "60000.001", "0.01", "ioc")
      self:send("buy", "60000", "0.000000001", "ioc")
    end
  ]])
  run:wait_for "refused a taker on finery sends limit and market orders that are ioc or fok"
  run:wait_for "refused price 60000.001 is not a multiple of 0.01"
  run:wait_for "refused qty 0.000000001 is not a multiple of 0.00000001"
  equal(run:stop(), 0)
  equal(#sim:requests "add", 0)
end)

test("reports in the wrong order, and before the reply, end right", function()
  local sim = taker:sim { "--set", "events_first=on", "--fault", "reorder:push:0.5", "--seed", "7" }
  for i = 1, 5 do taker:quote(sim, "sell", tostring(65100 + i), "0.002") end
  local run = sim:run(take())
  run:wait_for ">filled cum=0.01"
  equal(venue.count(run:out(), "\nfill "), 5, "fills")
  equal(run:stop(), 0)
end)

-- Protection --------------------------------------------------------------------------------------

long_test("the venue cancels what was protected when the line breaks, and we learn of it",
  function()
    local sim = maker:sim()
    local run = sim:run(maker:rests_low())
    run:wait_for "pending_new>new"
    sim:control("drop", { socket = "private" })
    equal(venue.wait_order(sim, "canceled").reason, 4, "disconnect")
    run:wait_for("session idx down.*session idx up", 30)
    run:wait_for("order buy new>canceled cum=0 reason=not_found", 40)
    equal(run:stop(), 0)
  end)

test("a cancel while the line is down goes over REST", function()
  local sim = maker:sim()
  local run = sim:run(maker:strategy [[
    function S:on_start() self.state.order = self:send("buy", "60000", "0.01") end
    function S:on_session(_, state)
      print("session idx " .. state)
      if state == "down" then self:cancel(self.state.order) end
    end
  ]], { venue = "dead_man = false," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade:3" })
  sim:control("drop", { socket = "private" })
  run:wait_for("order buy pending_cancel>canceled", 20)
  local requests = sim:requests "del"
  equal(requests[1].method, "POST")
  run:wait_for("session idx up", 60)
  equal(run:stop(), 0)
end)

-- Doubt -------------------------------------------------------------------------------------------

test("the answer to an order is swallowed: found by its deals, sent once", function()
  local sim = taker:sim { "--fault", "swallow:add:1" }
  taker:quote(sim, "sell", "65100", "1")
  sim:control("fault", { fault = "lose:push:20" })
  local run = sim:run(take(), { venue = "request_timeout = 2," })
  run:wait_for("order buy pending_new>unknown", 20)
  run:wait_for("fill 0.01@65100 taker", 20)
  run:wait_for "order buy unknown>filled cum=0.01"
  equal(#sim:requests "add", 1, "add requests")
  equal(run:stop(), 0)
end)

test("an internal error after the deal is a doubt, and ends with the deal", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "1")
  sim:control("fault", { fault = "lose:push:20" })
  sim:control("fail", { method = "add", code = 10, executed = 1 })
  local run = sim:run(take())
  run:wait_for "order buy pending_new>unknown"
  run:wait_for("order buy unknown>filled cum=0.01", 20)
  equal(run:stop(), 0)
end)

test("a line that breaks in the middle of the reply leaves nothing lost", function()
  local sim = taker:sim { "--fault", "mid_frame:add:1" }
  taker:quote(sim, "sell", "65100", "1")
  local run = sim:run(take())
  run:wait_for("session idx down.*order buy unknown>filled cum=0.01.*session idx up", 30)
  equal(#sim:requests "add", 1, "add requests")
  equal(run:stop(), 0)
end)

-- Sessions ----------------------------------------------------------------------------------------

test("an unknown key is explained as well", function()
  local sim = taker:sim()
  local run = sim:run(take(), { environment = { MW_KEY = "nobody-nobody-nobody" } })
  run:wait_for "not authorised: check `key` and the rights that it has"
  equal(run:wait_exit(), 1, "exit status")
end)

test("a clock that is off is told, and tried again", function()
  local sim = taker:sim()
  sim:control("clock", { offset_ms = 120000 })
  local run = sim:run(take())
  run:wait_for "the timestamp was not accepted: is this machine's clock right?"
  sim:control("clock", { offset_ms = 0 })
  run:wait_for("session idx up", 30)
  equal(run:stop(), 0)
end)

test("a nonce that another program has passed is overtaken", function()
  local sim = taker:sim()
  local client = sim:start_client("/bin/sh", "finery.sh", { "positions", "{}" },
                                  { NONCE_AHEAD = "30000000" })
  equal(client:wait_exit(), 0)
  local run = sim:run(take())
  run:wait_for "the nonce was not accepted"
  run:wait_for("session idx up", 60)
  equal(run:stop(), 0)
end)

test("a backend that is lost suspends the session, and what happened is known before it is up",
  function()
    local sim = maker:sim()
    local run = sim:run(maker:rests_high())
    run:wait_for "pending_new>new"
    sim:control("backend", { code = 2 })
    run:wait_for "session idx degraded"
    sim:control("fault", { fault = "lose:push:20" })
    maker:take(sim, "buy", "70000", "0.01")
    sim:control "clear"
    sim:control("backend", { code = 0 })
    run:wait_for("session idx degraded.*fill 0.01@70000.*session idx up", 30)
    equal(run:stop(), 0)
  end)

test("junk, huge and deeply nested frames change nothing", function()
  local sim = maker:sim()
  local run = sim:run(maker:rests_high())
  run:wait_for "pending_new>new"
  for _, text in ipairs { "}{ this is no JSON", ("["):rep(5000), '["O",0,"+",["BTC-USD"]]',
                          '["O",0,"D",[1,2,3]]', '["Q",0,"S",[]]', '{"event":"request"}',
                          '{"x":"' .. ("y"):rep(1000000) .. '"}' } do
    sim:control("push", { text = text })
  end
  run:wait_for "message not understood"
  maker:take(sim, "buy", "70000", "0.01")
  run:wait_for ">filled cum=0.01"
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

test("an order of ours from an earlier run is known by its number alone", function()
  local sim = maker:sim()
  local directory = e2e.directory()
  local more = { venue = "dead_man = false,",
                 rest = ('journal = { path = "%s/a.db" }, on_stop = "leave",'):format(directory) }
  local first = sim:run(maker:rests_low(), more)
  local id = first:wait_for "sent (%d+)"
  first:wait_for "pending_new>new"
  equal(first:stop(), 0)
  equal(sim:orders()[1].status, "open")
  more.rest = ('journal = { path = "%s/b.db" },'):format(directory)
  local second = sim:run(maker:strategy [[
    function S:on_start() for _, order in ipairs(self.orders) do
      print("mine " .. order.client_order_id) end end
  ]], more)
  second:wait_for("mine " .. id)
  equal(second:stop(), 0)
  equal(sim:orders()[1].status, "canceled")
end)

-- Deaths ------------------------------------------------------------------------------------------

long_test("a killed runtime: where the venue has canceled already, that is seen and said",
  function()
    local sim = maker:sim()
    local run = sim:run(maker:rests_low())
    run:wait_for "pending_new>new"
    run:signal_runtime(SIGKILL)
    venue.wait_open(sim, 0)
    equal(sim:orders()[1].reason, 4, "by the disconnect")
    equal(run:wait_exit(30), 1, "exit status")
    run:wait_for "ended what the dead runtime had left open: %d+ canceled"
  end)

long_test("a killed runtime, and a venue that takes no log-on: canceled over REST", function()
  local sim = maker:sim()
  local run = sim:run(maker:rests_low(), { venue = "dead_man = false," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade" })
  run:signal_runtime(SIGKILL)
  venue.wait_open(sim, 0)
  local requests = sim:requests "del"
  equal(requests[1].method, "POST")
  equal(run:wait_exit(20), 1, "exit status")
end)

test("guardian and runtime killed: the venue cancels what is protected", function()
  local sim = maker:sim()
  local run = sim:run(maker:rests_low())
  run:wait_for "pending_new>new"
  run:kill_all()
  venue.wait_open(sim, 0)
  equal(sim:orders()[1].reason, 4, "by the disconnect")
end)

-- Market data and clients -------------------------------------------------------------------------

test("the book follows the venue's, change by change", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "0.5")
  taker:quote(sim, "buy", "64900", "0.5")
  local run = sim:run(taker:strategy [[
    function S:on_start()
      assert(self:subscribe "book")
      print(select(2, self:subscribe "trades"))
    end
    function S:on_book(book) print("book " .. tostring(book) .. " " .. #book.bids) end
  ]])
  run:wait_for "finery has no feed of trades"
  run:wait_for "book BTC/USD 64900 / 65100 1"
  taker:quote(sim, "buy", "65000", "0.5")
  run:wait_for "book BTC/USD 65000 / 65100 2"
  taker:take(sim, "sell", "65000", "0.5")
  run:wait_for "book BTC/USD 65000 / 65100 2.*book BTC/USD 64900 / 65100 1"
  equal(run:stop(), 0)
end)

test("the sample client of the venue's document signs in, reads the book and trades", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "1")
  local out = sim:run_client("node", "finery.js")
  equal(out:match "status: (%d+)", "0")
  equal(out:match "asks: (%S+)", "[[6510000000000,100000000]]")
  local reply = json.decode(out:match "reply: (%S+)")
  equal(reply.remainingSize, 0)
  equal(reply.deals[1].price, 6510000000000)
  venue.check_books(sim)
end)

test("Python's websocket client does the same", function()
  local sim = taker:sim()
  taker:quote(sim, "sell", "65100", "1")
  local out = sim:run_client("/usr/bin/python3", "finery.py")
  equal(out:match "status: (%d+)", "0")
  equal(json.decode(out:match "reply: (%S+)").remainingSize, 0)
end)

test("a shell signs REST calls with openssl", function()
  local sim = maker:sim()
  local out = sim:run_client("/bin/sh", "finery.sh", { "add",
    '{"instrument":"BTC-USD","clientOrderId":9007199254740993,"price":6512345000000,'
    .. '"size":25000000,"side":"bid","type":"limit","cod":false}' })
  equal(json.decode(out).clientOrderId, "9007199254740993")
  equal(sim:orders()[1].status, "open")
  equal(json.decode(sim:run_client("/bin/sh", "finery.sh", { "delAll", "{}" })).removed, 1)
end)

e2e.run_all()
