--- Finery Markets end to end: moonwire run against the simulated venue, as a taker and as a maker.

local e2e = require "tests.e2e.lib"
local json = require "moonwire.json"
local test, equal = e2e.test, e2e.equal

-- A strategy that sends what it is told at the start and prints all that it hears.
local TELL = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
function S:on_order(order, event)
  print("order " .. order.side .. " " .. event.previous .. ">" .. order.status
    .. " cum=" .. tostring(order.cum_qty) .. (event.reason and " reason=" .. event.reason or ""))
end
function S:on_fill(fill, order)
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " " .. fill.liquidity
    .. " fees=" .. #fill.fees .. " cum=" .. tostring(order.cum_qty))
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

local REST_LOW = strategy [[
function S:on_start() self.state.order = self:send("buy", "60000", "0.01") end
]]
local REST_HIGH = strategy [[
function S:on_start() self:send("sell", "70000", "0.01", "post_only") end
]]
local TAKE = strategy [[
function S:on_start() self:send("buy", "65200", "0.01", "ioc") end
]]

local function taker(arguments) return e2e.sim("finery", arguments) end

local function maker(arguments)
  local words = { "--set", "role=maker" }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  return e2e.sim("finery", words)
end

local function quote(sim, side, price, qty)
  sim:control("quote", { pair = "BTC-USD", side = side, price = price, qty = qty })
end
local function trade(sim, side, price, qty)
  sim:control("trade", { pair = "BTC-USD", side = side, price = price, qty = qty })
end

local function wait_order(sim, status)
  return e2e.await("an order that is " .. status .. " at the venue", function()
    for _, order in ipairs(sim:orders()) do if order.status == status then return order end end
  end)
end

local function check_books(sim)
  local result = sim:control "check"
  if not result.ok then
    error("the venue's books do not add up: " .. tostring(result.problem), 2)
  end
end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

-- Life cycles -------------------------------------------------------------------------------------

test("a taker's order trades at once, and its deals are fills without fees", function()
  local sim = taker()
  quote(sim, "sell", "65100", "0.004")
  quote(sim, "sell", "65200", "1")
  local run = sim:run(TAKE)
  run:wait_for "fill 0.004@65100 taker fees=0 cum=0.004"
  run:wait_for "fill 0.006@65200 taker fees=0 cum=0.01"
  run:wait_for ">filled cum=0.01"
  equal(run:stop(), 0, "exit status")
  equal(#sim:requests "add", 1, "add requests")
  check_books(sim)
end)

test("what a taker's order does not get is dropped, and none at all is a rejection", function()
  local sim = taker()
  quote(sim, "sell", "65100", "0.004")
  local run = sim:run(strategy [[
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
  check_books(sim)
end)

test("market orders buy and sell by quantity and by amount", function()
  local sim = taker()
  quote(sim, "sell", "65000", "1")
  quote(sim, "buy", "64000", "1")
  local run = sim:run(strategy [[
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

test("a maker's order rests, is protected, and a clean stop cancels it", function()
  local sim = maker()
  local run = sim:run(REST_LOW)
  run:wait_for "order buy pending_new>new cum=0"
  local order = wait_order(sim, "open")
  equal(order.price, "60000")
  equal(order.cod, true, "cancel on disconnect")
  equal(run:stop(), 0, "exit status")
  equal(sim:orders()[1].status, "canceled")
  equal(#sim:requests "add", 1, "add requests")
  equal(#sim:requests "del", 1, "del requests")
end)

test("a resting order fills in parts, each fill once", function()
  local sim = maker()
  local run = sim:run(REST_HIGH)
  run:wait_for "order sell pending_new>new"
  trade(sim, "buy", "70000", "0.004")
  run:wait_for "fill 0.004@70000 maker fees=0 cum=0.004"
  run:wait_for "order sell new>partially_filled cum=0.004"
  trade(sim, "buy", "70000", "0.006")
  run:wait_for "fill 0.006@70000 maker fees=0 cum=0.01"
  run:wait_for "order sell partially_filled>filled cum=0.01"
  equal(run:stop(), 0)
  check_books(sim)
end)

test("a post_only order that would take is rejected", function()
  local sim = maker()
  quote(sim, "buy", "70000", "1")
  local run = sim:run(REST_HIGH)
  run:wait_for "order sell pending_new>rejected cum=0 reason=would take: post_only"
  equal(run:stop(), 0)
end)

test("what the role cannot do is refused before it is sent", function()
  local sim = taker()
  local run = sim:run(strategy [[
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

-- Reports in disorder -----------------------------------------------------------------------------

test("every report twice, and fills are counted once", function()
  local sim = maker { "--fault", "duplicate:push:1.0" }
  local run = sim:run(REST_HIGH)
  run:wait_for "pending_new>new"
  trade(sim, "buy", "70000", "0.004")
  trade(sim, "buy", "70000", "0.006")
  run:wait_for ">filled cum=0.01"
  equal(count(run:out(), "\nfill "), 2, "fills")
  equal(run:stop(), 0)
end)

test("reports in the wrong order, and before the reply, end right", function()
  local sim = taker { "--set", "events_first=on", "--fault", "reorder:push:0.5", "--seed", "7" }
  for i = 1, 5 do quote(sim, "sell", tostring(65100 + i), "0.002") end
  local run = sim:run(TAKE)
  run:wait_for ">filled cum=0.01"
  equal(count(run:out(), "\nfill "), 5, "fills")
  equal(run:stop(), 0)
end)

test("deals whose reports are lost are found by asking", function()
  local sim = maker()
  local run = sim:run(REST_HIGH, { venue = "reconcile_every = 2," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "lose:push:20" })
  trade(sim, "buy", "70000", "0.01")
  run:wait_for("fill 0.01@70000 maker", 20)
  run:wait_for ">filled cum=0.01"
  equal(run:stop(), 0)
end)

-- Doubt -------------------------------------------------------------------------------------------

test("the answer to an order is swallowed: found by its deals, sent once", function()
  local sim = taker { "--fault", "swallow:add:1" }
  quote(sim, "sell", "65100", "1")
  sim:control("fault", { fault = "lose:push:20" })
  local run = sim:run(TAKE, { venue = "request_timeout = 2," })
  run:wait_for("order buy pending_new>unknown", 20)
  run:wait_for("fill 0.01@65100 taker", 20)
  run:wait_for "order buy unknown>filled cum=0.01"
  equal(#sim:requests "add", 1, "add requests")
  equal(run:stop(), 0)
end)

test("an order that never arrived ends as rejected, and only on evidence", function()
  local sim = taker { "--fault", "swallow:add:before:1" }
  local run = sim:run(TAKE, { venue = "request_timeout = 2," })
  run:wait_for("order buy pending_new>unknown", 20)
  run:wait_for("order buy unknown>rejected cum=0 reason=not_found", 60)
  equal(#sim:requests "add", 1, "add requests")
  equal(run:stop(), 0)
end)

test("an internal error after the deal is a doubt, and ends with the deal", function()
  local sim = taker()
  quote(sim, "sell", "65100", "1")
  sim:control("fault", { fault = "lose:push:20" })
  sim:control("fail", { method = "add", code = 10, executed = 1 })
  local run = sim:run(TAKE)
  run:wait_for "order buy pending_new>unknown"
  run:wait_for("order buy unknown>filled cum=0.01", 20)
  equal(run:stop(), 0)
end)

test("a line that breaks in the middle of the reply leaves nothing lost", function()
  local sim = taker { "--fault", "mid_frame:add:1" }
  quote(sim, "sell", "65100", "1")
  local run = sim:run(TAKE)
  run:wait_for("session idx down.*order buy unknown>filled cum=0.01.*session idx up", 30)
  equal(#sim:requests "add", 1, "add requests")
  equal(run:stop(), 0)
end)

test("a resting order whose answer is lost is found among the open ones", function()
  local sim = maker { "--fault", "swallow:add:1", "--fault", "lose:push:1" }
  local run = sim:run(REST_LOW, { venue = "request_timeout = 2," })
  run:wait_for("order buy pending_new>unknown", 20)
  run:wait_for("order buy unknown>new", 20)
  equal(run:stop(), 0)
  equal(sim:orders()[1].status, "canceled")
end)

test("fills during an outage are found once, before the session is up again", function()
  local sim = maker()
  local run = sim:run(REST_HIGH, { venue = "dead_man = false," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade:2" })
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down"
  trade(sim, "buy", "70000", "0.004")
  run:wait_for("session idx down.*fill 0.004@70000.*session idx up", 60)
  equal(count(run:out(), "\nfill "), 1, "fills")
  equal(sim:orders()[1].status, "open", "without cod it lives on")
  equal(run:stop(), 0)
end)

test("the venue cancels what was protected when the line breaks, and we learn of it", function()
  local sim = maker()
  local run = sim:run(REST_LOW)
  run:wait_for "pending_new>new"
  sim:control("drop", { socket = "private" })
  equal(wait_order(sim, "canceled").reason, 4, "disconnect")
  run:wait_for("session idx down.*session idx up", 30)
  run:wait_for("order buy new>canceled cum=0 reason=not_found", 40)
  equal(run:stop(), 0)
end)

test("a cancel while the line is down goes over REST", function()
  local sim = maker()
  local run = sim:run(strategy [[
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

-- Sessions ----------------------------------------------------------------------------------------

test("a bad signature stops the venue with a clear message, and does not hammer", function()
  local sim = taker()
  local run = sim:run(TAKE, { environment = { MW_SECRET = "wrong-wrong-wrong-wrong" } })
  run:wait_for "handshake refused: HTTP 400: bad signature: `secret` does not belong to `key`"
  equal(run:wait_exit(), 1, "exit status")
end)

test("an unknown key is explained as well", function()
  local sim = taker()
  local run = sim:run(TAKE, { environment = { MW_KEY = "nobody-nobody-nobody" } })
  run:wait_for "not authorised: check `key` and the rights that it has"
  equal(run:wait_exit(), 1, "exit status")
end)

test("a clock that is off is told, and tried again", function()
  local sim = taker()
  sim:control("clock", { offset_ms = 120000 })
  local run = sim:run(TAKE)
  run:wait_for "the timestamp was not accepted: is this machine's clock right?"
  sim:control("clock", { offset_ms = 0 })
  run:wait_for("session idx up", 30)
  equal(run:stop(), 0)
end)

test("a nonce that another program has passed is overtaken", function()
  local sim = taker()
  local client = sim:start_client("/bin/sh", "finery.sh", { "positions", "{}" },
                                  { NONCE_AHEAD = "30000000" })
  equal(client:wait_exit(), 0)
  local run = sim:run(TAKE)
  run:wait_for "the nonce was not accepted"
  run:wait_for("session idx up", 60)
  equal(run:stop(), 0)
end)

test("a backend that is lost suspends the session, and what happened is known before it is up",
  function()
    local sim = maker()
    local run = sim:run(REST_HIGH)
    run:wait_for "pending_new>new"
    sim:control("backend", { code = 2 })
    run:wait_for "session idx degraded"
    sim:control("fault", { fault = "lose:push:20" })
    trade(sim, "buy", "70000", "0.01")
    sim:control "clear"
    sim:control("backend", { code = 0 })
    run:wait_for("session idx degraded.*fill 0.01@70000.*session idx up", 30)
    equal(run:stop(), 0)
  end)

test("a silent venue is noticed", function()
  local sim = taker()
  local run = sim:run(TAKE, { venue = "silence = 1," })
  run:wait_for "pending_new"
  sim:control("drop", { socket = "private", how = "half_open" })
  run:wait_for "nothing arrived for 1 s"
  run:wait_for("session idx down.*session idx up", 30)
  equal(run:stop(), 0)
end)

test("junk, huge and deeply nested frames change nothing", function()
  local sim = maker()
  local run = sim:run(REST_HIGH)
  run:wait_for "pending_new>new"
  for _, text in ipairs { "}{ this is no JSON", ("["):rep(5000), '["O",0,"+",["BTC-USD"]]',
                          '["O",0,"D",[1,2,3]]', '["Q",0,"S",[]]', '{"event":"request"}',
                          '{"x":"' .. ("y"):rep(1000000) .. '"}' } do
    sim:control("push", { text = text })
  end
  run:wait_for "message not understood"
  trade(sim, "buy", "70000", "0.01")
  run:wait_for ">filled cum=0.01"
  equal(run:out():find "session idx down", nil)
  equal(run:stop(), 0)
end)

test("no secret and no signature is ever printed", function()
  local sim = maker()
  local run = sim:run(REST_LOW, { arguments = { "--log-level", "debug" } })
  run:wait_for "pending_new>new"
  sim:control("drop", { socket = "private" })
  run:wait_for("session idx down.*session idx up", 30)
  equal(run:stop(), 0)
  local text = run:out() .. run:err()
  equal(text:find(sim.info.secret, 1, true), nil)
  equal(text:find(sim.info.key, 1, true), nil)
  equal(text:find(("[%w+/]"):rep(64)), nil)
end)

test("an order of ours from an earlier run is known by its number alone", function()
  local sim = maker()
  local directory = e2e.directory()
  local more = { venue = "dead_man = false,",
                 rest = ('journal = { path = "%s/a.db" }, on_stop = "leave",'):format(directory) }
  local first = sim:run(REST_LOW, more)
  local id = first:wait_for "sent (%d+)"
  first:wait_for "pending_new>new"
  equal(first:stop(), 0)
  equal(sim:orders()[1].status, "open")
  more.rest = ('journal = { path = "%s/b.db" },'):format(directory)
  local second = sim:run(strategy [[
    function S:on_start() for _, order in ipairs(self.orders) do
      print("mine " .. order.client_order_id) end end
  ]], more)
  second:wait_for("mine " .. id)
  equal(second:stop(), 0)
  equal(sim:orders()[1].status, "canceled")
end)

-- Deaths ------------------------------------------------------------------------------------------

local SIGKILL = 9

local function is_empty(sim) return #sim:orders(true) == 0 end

test("a killed runtime: the guardian cancels what the venue does not protect", function()
  local sim = maker()
  local run = sim:run(REST_LOW, { venue = "dead_man = false," })
  run:wait_for "pending_new>new"
  run:signal_runtime(SIGKILL)
  e2e.await("no open order at the venue", function() return is_empty(sim) end)
  equal(run:wait_exit(20), 1, "exit status")
  equal(sim:orders()[1].reason, 1, "canceled by a client")
  run:wait_for "ended what the dead runtime had left open: %d+ canceled"
end)

test("a killed runtime: where the venue has canceled already, that is seen and said", function()
  local sim = maker()
  local run = sim:run(REST_LOW)
  run:wait_for "pending_new>new"
  run:signal_runtime(SIGKILL)
  e2e.await("no open order at the venue", function() return is_empty(sim) end)
  equal(sim:orders()[1].reason, 4, "by the disconnect")
  equal(run:wait_exit(30), 1, "exit status")
  run:wait_for "ended what the dead runtime had left open: %d+ canceled"
end)

test("a killed runtime, and a venue that takes no log-on: canceled over REST", function()
  local sim = maker()
  local run = sim:run(REST_LOW, { venue = "dead_man = false," })
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade" })
  run:signal_runtime(SIGKILL)
  e2e.await("no open order at the venue", function() return is_empty(sim) end)
  local requests = sim:requests "del"
  equal(requests[1].method, "POST")
  equal(run:wait_exit(20), 1, "exit status")
end)

test("guardian and runtime killed: the venue cancels what is protected", function()
  local sim = maker()
  local run = sim:run(REST_LOW)
  run:wait_for "pending_new>new"
  run:kill_all()
  e2e.await("no open order at the venue", function() return is_empty(sim) end)
  equal(sim:orders()[1].reason, 4, "by the disconnect")
end)

test("a restart after a death knows the order, its owner and its fills", function()
  local sim = maker()
  local directory = e2e.directory()
  local more = { venue = "dead_man = false,",
                 rest = ('journal = { path = "%s/a.db" }, on_crash = "leave",'):format(directory) }
  local first = sim:run(REST_HIGH, more)
  local id = first:wait_for "sent (%d+)"
  first:wait_for "pending_new>new"
  first:signal_runtime(SIGKILL)
  first:wait_exit(20)
  equal(#sim:orders(true), 1, "open orders")
  trade(sim, "buy", "70000", "0.004")
  local second = sim:run(strategy [[
    function S:on_start() for _, order in ipairs(self.orders) do
      print("mine " .. order.client_order_id .. " " .. tostring(order.cum_qty)) end end
  ]], more)
  second:wait_for("mine " .. id .. " 0.004")
  equal(second:stop(), 0)
  equal(is_empty(sim), true)
end)

-- Market data and clients -------------------------------------------------------------------------

test("the book follows the venue's, change by change", function()
  local sim = taker()
  quote(sim, "sell", "65100", "0.5")
  quote(sim, "buy", "64900", "0.5")
  local run = sim:run(strategy [[
    function S:on_start()
      assert(self:subscribe "book")
      print(select(2, self:subscribe "trades"))
    end
    function S:on_book(book) print("book " .. tostring(book) .. " " .. #book.bids) end
  ]])
  run:wait_for "finery has no feed of trades"
  run:wait_for "book BTC/USD 64900 / 65100 1"
  quote(sim, "buy", "65000", "0.5")
  run:wait_for "book BTC/USD 65000 / 65100 2"
  trade(sim, "sell", "65000", "0.5")
  run:wait_for "book BTC/USD 65000 / 65100 2.*book BTC/USD 64900 / 65100 1"
  equal(run:stop(), 0)
end)

test("the sample client of the venue's document signs in, reads the book and trades", function()
  local sim = taker()
  quote(sim, "sell", "65100", "1")
  local out = sim:run_client("node", "finery.js")
  equal(out:match "status: (%d+)", "0")
  equal(out:match "asks: (%S+)", "[[6510000000000,100000000]]")
  local reply = json.decode(out:match "reply: (%S+)")
  equal(reply.remainingSize, 0)
  equal(reply.deals[1].price, 6510000000000)
  check_books(sim)
end)

test("Python's websocket client does the same", function()
  local sim = taker()
  quote(sim, "sell", "65100", "1")
  local out = sim:run_client("/usr/bin/python3", "finery.py")
  equal(out:match "status: (%d+)", "0")
  equal(json.decode(out:match "reply: (%S+)").remainingSize, 0)
end)

test("a shell signs REST calls with openssl", function()
  local sim = maker()
  local out = sim:run_client("/bin/sh", "finery.sh", { "add",
    '{"instrument":"BTC-USD","clientOrderId":9007199254740993,"price":6512345000000,'
    .. '"size":25000000,"side":"bid","type":"limit","cod":false}' })
  equal(json.decode(out).clientOrderId, "9007199254740993")
  equal(sim:orders()[1].status, "open")
  equal(json.decode(sim:run_client("/bin/sh", "finery.sh", { "delAll", "{}" })).removed, 1)
end)

e2e.run_all()
