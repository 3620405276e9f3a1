--- Peatio end to end: moonwire run against the simulated venue.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
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
  local fee = fill.fees[1]
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " "
    .. tostring(fill.liquidity) .. " fee=" .. (fee and tostring(fee.amount) .. fee.asset or "none")
    .. " cum=" .. tostring(order.cum_qty))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:send(side, price, qty)
  local order, err = self:submit { side = side, price = price, qty = qty }
  print(order and "sent " .. order.client_order_id or "refused " .. err)
  return order
end
%s
return S
]]
local function strategy(body) return (TELL:gsub("%%s", function() return body end)) end

local BUY_LOW = strategy [[
function S:on_start() self.state.order = self:send("buy", "6000", "0.5") end
]]

local function new_sim(arguments) return e2e.sim("peatio", arguments) end

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

local function take(sim, side, price, qty)
  sim:control("trade", { pair = "btcusd", side = side, price = price, qty = qty })
end

local function quote(sim, side, price, qty)
  sim:control("quote", { pair = "btcusd", side = side, price = price, qty = qty })
end

-- Life cycles: with events at once, and with a server that sleeps until it hears something --------

for _, mode in ipairs { {}, { "--lazy-flush" } } do
  local how = mode[1] and " (lazy)" or ""

  test("an order rests, and a clean stop cancels it" .. how, function()
    local sim = new_sim(mode)
    local run = sim:run(BUY_LOW)
    run:wait_for "order buy pending_new>new cum=0"
    equal(wait_order(sim, "open").price, "6000")
    equal(run:stop(), 0, "exit status")
    equal(sim:orders()[1].status, "canceled")
    equal(#sim:requests "trade", 1, "trade requests")
    check_ledger(sim)
  end)

  test("a resting order fills in parts, each fill once and with its fee" .. how, function()
    local sim = new_sim(mode)
    local run = sim:run(strategy [[
      function S:on_start() self:send("sell", "7000", "1") end
    ]])
    run:wait_for "order sell pending_new>new"
    take(sim, "buy", "7000", "0.4")
    run:wait_for "fill 0.4@7000 maker fee=4.2USD cum=0.4"
    run:wait_for "order sell new>partially_filled cum=0.4"
    take(sim, "buy", "7000", "0.6")
    run:wait_for "fill 0.6@7000 maker fee=6.3USD cum=1"
    run:wait_for "order sell partially_filled>filled cum=1"
    equal(run:stop(), 0)
    check_ledger(sim)
  end)

  test("a taker is filled at the resting orders' prices" .. how, function()
    local sim = new_sim(mode)
    quote(sim, "sell", "6990", "0.5")
    quote(sim, "sell", "6995", "0.5")
    local run = sim:run(strategy [[
      function S:on_start() self:send("buy", "7000", "2") end
    ]])
    run:wait_for "fill 0.5@6990 %S+ fee=0.00075BTC cum=0.5"
    run:wait_for "fill 0.5@6995 %S+ fee=0.00075BTC cum=1"
    run:wait_for "order buy new>partially_filled"
    equal(run:stop(), 0)
    equal(sim:orders()[1].status, "canceled")
    equal(sim:orders()[1].cum_qty, "1")
    check_ledger(sim)
  end)

  test("a cancel is confirmed when the venue has done it" .. how, function()
    local sim = new_sim(mode)
    local run = sim:run(strategy [[
      function S:on_start()
        self.order = self:send("buy", "6000", "0.5")
        self:after(0.3, "drop")
      end
      function S:drop() self:cancel(self.order) end
    ]])
    run:wait_for "order buy new>pending_cancel"
    run:wait_for "order buy pending_cancel>canceled cum=0"
    equal(run:stop(), 0)
    check_ledger(sim)
  end)
end

test("a market order fills against the book", function()
  local sim = new_sim()
  quote(sim, "sell", "7000", "2")
  local run = sim:run(strategy [[ function S:on_start() self:send("buy", nil, "1.5") end ]])
  run:wait_for "fill 1.5@7000 taker fee=0.00225BTC cum=1.5"
  run:wait_for "order buy .->filled cum=1.5"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a market order that runs out of money ends canceled, though nobody tells", function()
  local sim = new_sim { "--set", "market_lock=0.5" }
  quote(sim, "sell", "7000", "2")
  local run = sim:run(strategy [[ function S:on_start() self:send("buy", nil, "1") end ]])
  run:wait_for "fill 0.5@7000 taker"
  run:wait_for "order buy .->canceled cum=0.5 reason=funds"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a trade with ourselves is two fills", function()
  local sim = new_sim()
  local run = sim:run(strategy [[
    function S:on_start()
      self:send("sell", "6900", "1")
      self:after(0.2, "meet")
    end
    function S:meet() self:send("buy", "6900", "1") end
  ]])
  run:wait_for "order sell .->filled cum=1"
  run:wait_for "order buy .->filled cum=1"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("what the venue refuses is rejected with its reason", function()
  local sim = new_sim { "--set", "funds_code=on" }
  local run = sim:run(strategy [[
    function S:on_start() self:send("sell", "7000", "5000") end
  ]])
  run:wait_for "order sell pending_new>rejected cum=0 reason=not enough funds"
  equal(run:stop(), 0)
end)

-- Faults ------------------------------------------------------------------------------------------

test("duplicated events count once", function()
  local sim = new_sim { "--fault", "duplicate:trade", "--fault", "duplicate:orderbook" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "0.4")
  take(sim, "buy", "7000", "0.6")
  run:wait_for "order sell partially_filled>filled cum=1"
  equal(run:stop(), 0)
  equal(select(2, run:out():gsub("\nfill ", "")), 2, "fills")
end)

test("reordered events lead to the same end", function()
  local sim = new_sim { "--fault", "reorder:trade" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "0.25")
  take(sim, "buy", "7000", "0.25")
  take(sim, "buy", "7000", "0.5")
  run:wait_for "order sell partially_filled>filled cum=1"
  equal(run:stop(), 0)
end)

test("events that are lost are found by asking", function()
  local sim = new_sim { "--fault", "lose:trade" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "1")
  run:wait_for "order sell .->filled cum=1"
  equal(run:stop(), 0)
end)

test("a venue that delivers nothing is traded on by asking", function()
  local sim = new_sim { "--set", "never_deliver=on" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]],
                      { venue = "reconcile_every = 1," })
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "0.4")
  run:wait_for "fill 0.4@7000"
  take(sim, "buy", "7000", "0.6")
  run:wait_for "order sell partially_filled>filled cum=1"
  equal(run:stop(), 0)
end)

test("an order whose answer is swallowed is found, and never sent twice", function()
  local sim = new_sim { "--fault", "swallow:trade:1:after" }
  local run = sim:run(BUY_LOW, { venue = "request_timeout = 0.5," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for "order buy unknown>new"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
  equal(#sim:orders(), 1)
  equal(sim:orders()[1].status, "canceled")
end)

test("a swallowed order that fills meanwhile is booked to its strategy", function()
  local sim = new_sim { "--fault", "swallow:trade:1:after" }
  quote(sim, "sell", "6000", "0.5")
  local run = sim:run(BUY_LOW, { venue = "request_timeout = 0.5," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for "fill 0.5@6000"
  run:wait_for "order buy unknown>filled cum=0.5"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a match that a cancel undoes ends as canceled with nothing executed", function()
  local sim = new_sim { "--set", "undo_matches=on", "--set", "executor_min=400",
                        "--set", "executor_max=500" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "1")
  sim:control("cancel_orders")
  run:wait_for "order sell .->canceled cum=0"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("an embedded order that runs ahead of its trades finishes nothing early", function()
  local sim = new_sim { "--set", "trade_delay=300" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "3") end ]])
  run:wait_for "pending_new>new"
  for _ = 1, 3 do take(sim, "buy", "7000", "1") end
  run:wait_for "fill 1@7000 .- cum=3"
  run:wait_for "order sell partially_filled>filled cum=3"
  equal(run:stop(), 0)
  equal(select(2, run:out():gsub("\nfill ", "")), 3, "fills")
end)

test("an engine that starts anew changes nothing", function()
  local sim = new_sim()
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control "restart_engine"
  take(sim, "sell", "6000", "0.5")
  run:wait_for "order buy new>filled cum=0.5"
  equal(run:stop(), 0)
end)

test("strangers' orders of the same price and size are not ours", function()
  local sim = new_sim()
  quote(sim, "buy", "6000", "0.5")
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  take(sim, "sell", "6000", "0.5")               -- the stranger's, which came first
  take(sim, "sell", "6000", "0.2")
  run:wait_for "fill 0.2@6000 maker .- cum=0.2"
  equal(run:stop(), 0)
  equal(run:err():find "somebody else", nil)
  check_ledger(sim)
end)

test("an outage heals: what was missed is told before the session is up", function()
  local sim = new_sim()
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade:for=1s" })
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down"
  take(sim, "sell", "6000", "0.5")
  run:wait_for "order buy new>filled cum=0.5.*session idx up"
  equal(run:stop(), 0)
end)

test("a line that is only half there is noticed by its silence", function()
  local sim = new_sim()
  local run = sim:run(BUY_LOW, { venue = "silence = 1," })
  run:wait_for "pending_new>new"
  sim:control("drop", { socket = "private", how = "half_open" })
  run:wait_for("session idx down.*session idx up", 20)
  equal(run:stop(), 0)
end)

test("junk between frames is counted and changes nothing", function()
  local sim = new_sim { "--fault", "junk:trade:text", "--fault", "junk:orderbook:nested",
                        "--set", "extra_fields=on" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "1")
  run:wait_for "order sell .->filled cum=1"
  run:wait_for "message not understood"
  equal(run:stop(), 0)
end)

test("an event before the answer to the sign-in does no harm", function()
  local sim = new_sim { "--set", "early_events=on" }
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  equal(run:stop(), 0)
end)

-- Signing in --------------------------------------------------------------------------------------

test("a wrong key ends the run with status 1 and the reason", function()
  local sim = new_sim()
  local run = sim:run(BUY_LOW, { environment = { MW_PRIVATE_KEY = "another-secret" } })
  run:wait_for "credentials refused: Authentication failed."
  equal(run:wait_exit(), 1)
end)

test("a level that is too low to trade ends the run with status 1 and the reason", function()
  local sim = new_sim { "--set", "required_level=4" }
  local run = sim:run(BUY_LOW)
  run:wait_for "verification level"
  equal(run:wait_exit(), 1)
end)

test("tokens are made with a private key and verified by its public half", function()
  for _, kind in ipairs { { "RS256", "genrsa -out %s 2048" },
                          { "ES256", "ecparam -name prime256v1 -genkey -noout -out %s" } } do
    local directory = e2e.directory()
    local key, public = directory .. "/key.pem", directory .. "/public.pem"
    local made = os.execute(("openssl %s 2>/dev/null && chmod 600 %s && openssl pkey -in %s "
                             .. "-pubout -out %s"):format(kind[2]:format(key), key, key, public))
    equal(made, 0, "openssl")
    local sim = new_sim { "--algorithm", kind[1], "--public-key", public }
    local run = sim:run(BUY_LOW, { venue = ("private_key = file %q,"):format(key) })
    run:wait_for "pending_new>new"
    equal(run:stop(), 0, kind[1])
  end
end)

-- A ready token of the simulator's first member that lives for so many seconds.
local function token_for(sim, seconds)
  local now = os.time()
  return assert(host.secret_text(sim.info.private_key)):jwt("HS256", json.encode {
    iat = now, exp = now + seconds, jti = "t-" .. seconds, sub = "session", iss = "barong",
    aud = json.array { "peatio" }, email = sim.info.email, uid = sim.info.uid, level = 3,
    state = "active" })
end

test("a token in a file is read again before it ends", function()
  local sim = new_sim()
  local path = e2e.directory() .. "/token"
  local function write(token)
    e2e.write(path, token)
    equal(os.execute("chmod 600 " .. path), 0)
  end
  write(token_for(sim, 4))
  local run = sim:run(strategy [[
    function S:on_start()
      self:send("buy", "6000", "0.1")
      self:after(5, "later")
    end
    function S:later() self:send("buy", "6001", "0.1") end
  ]], { venue = ("private_key = nil, jwt = file %q,"):format(path) })
  run:wait_for "order buy pending_new>new"
  write(token_for(sim, 600))
  e2e.await("the second order", function() return #sim:orders(true) == 2 end)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

test("an access key answers the challenge and signs parameters (hmac)", function()
  local sim = new_sim { "--dialect", "hmac" }
  local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
  run:wait_for "pending_new>new"
  take(sim, "buy", "7000", "0.4")
  run:wait_for "fill 0.4@7000 maker fee=4.2USD cum=0.4"
  equal(run:stop(), 0)
  equal(sim:orders()[1].status, "canceled")
  check_ledger(sim)
end)

test("no secret, token or signature is ever printed", function()
  for _, dialect in ipairs { "daemon", "hmac" } do
    local sim = new_sim { "--dialect", dialect }
    local run = sim:run(BUY_LOW, { arguments = { "--log-level", "debug" } })
    run:wait_for "pending_new>new"
    sim:control("drop", { socket = "private" })
    run:wait_for "session idx down.*session idx up"
    equal(run:stop(), 0)
    local text = run:out() .. run:err()
    equal(text:find(sim.info.private_key or sim.info.secret, 1, true), nil)
    equal(text:find "eyJ", nil)
    equal(text:find(("%x"):rep(40)), nil)
  end
end)

-- The ranger --------------------------------------------------------------------------------------

for _, version in ipairs { "1.9", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0" } do
  test("a ranger of " .. version .. ": an order rests, fills in parts and is canceled", function()
    local sim = new_sim { "--dialect", "ranger", "--version", version }
    local run = sim:run(strategy [[ function S:on_start() self:send("sell", "7000", "1") end ]])
    run:wait_for "order sell pending_new>new cum=0"
    take(sim, "buy", "7000", "0.4")
    run:wait_for "fill 0.4@7000"
    run:wait_for "order sell new>partially_filled cum=0.4"
    equal(run:stop(), 0)
    equal(sim:orders()[1].status, "canceled")
    equal(select(2, run:out():gsub("\nfill ", "")), 1, "fills")
    check_ledger(sim)
  end)
end

test("a ranger's taker is filled, and its fees come by REST", function()
  local sim = new_sim { "--dialect", "ranger" }
  quote(sim, "sell", "6990", "0.5")
  quote(sim, "sell", "6995", "0.5")
  local run = sim:run(strategy [[
    function S:on_start() self:send("buy", "7000", "1") self:every(0.05, "look") end
    function S:look() print("fees " .. self:position():fees_text()) end
  ]])
  run:wait_for "fill 0.5@6990 taker"
  run:wait_for "fill 0.5@6995 taker"
  run:wait_for "order buy .->filled cum=1"
  run:wait_for "fees 0.0015 BTC"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a ranger's order that is refused after it was taken is rejected", function()
  local sim = new_sim { "--dialect", "ranger", "--set", "reject_orders=on" }
  local run = sim:run(BUY_LOW)
  run:wait_for "order buy pending_new>rejected cum=0 reason=refused after it was taken"
  equal(run:stop(), 0)
end)

test("a ranger's trade with ourselves is two fills", function()
  local sim = new_sim { "--dialect", "ranger" }
  local run = sim:run(strategy [[
    function S:on_start()
      self:send("sell", "6900", "1")
      self:after(0.3, "meet")
    end
    function S:meet() self:send("buy", "6900", "1") end
  ]])
  run:wait_for "order sell .->filled cum=1"
  run:wait_for "order buy .->filled cum=1"
  equal(run:stop(), 0)
  check_ledger(sim)
end)

test("a ranger's swallowed order is found, and never sent twice", function()
  local sim = new_sim { "--dialect", "ranger", "--fault", "swallow:trade:1:after" }
  local run = sim:run(BUY_LOW, { venue = "request_timeout = 0.5," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for "order buy unknown>new"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
  equal(sim:orders()[1].status, "canceled")
end)

test("an API key in place of tokens, at a rango", function()
  local sim = new_sim { "--dialect", "ranger", "--rango", "--version", "3.0", "--key", "kid0001",
                        "--secret", "apisecret1" }
  local run = sim:run(BUY_LOW, { venue = 'key = env "MW_KEY", secret = env "MW_SECRET",',
                                 environment = { MW_KEY = "kid0001", MW_SECRET = "apisecret1" } })
  run:wait_for "pending_new>new"
  equal(run:stop(), 0)
  equal(sim:requests("trade")[1].headers["x-auth-apikey"], "kid0001")
  equal(sim:requests("trade")[1].headers.authorization, nil)
end)

test("wrong credentials at a rango end the run, at a ranger they show as a dropped line", function()
  local sim = new_sim { "--dialect", "ranger", "--rango" }
  local run = sim:run(BUY_LOW, { environment = { MW_PRIVATE_KEY = "another-secret" } })
  run:wait_for "handshake refused: HTTP 401"
  equal(run:wait_exit(), 1)
  sim = new_sim { "--dialect", "ranger" }
  run = sim:run(BUY_LOW, { environment = { MW_PRIVATE_KEY = "another-secret" } })
  run:wait_for "private connection lost"
end)

test("a ranger's books and trades come by stream", function()
  local sim = new_sim { "--dialect", "ranger" }
  quote(sim, "sell", "7100", "0.5")
  quote(sim, "buy", "6900", "0.5")
  local run = sim:run(strategy [[
    function S:on_start() assert(self:subscribe "book") assert(self:subscribe "trades") end
    function S:on_book(book) print("book " .. tostring(book) .. " mid " .. tostring(book:mid())) end
    function S:on_trade(trade) print("trade " .. trade.side .. " " .. tostring(trade.price)) end
  ]])
  run:wait_for "book BTC/USD 6900 / 7100 mid 7000"
  quote(sim, "sell", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7050"
  take(sim, "buy", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7100.-book BTC/USD 6900 / 7100"
  run:wait_for "trade buy 7050"
  equal(run:stop(), 0)
end)

test("a ranger's outage heals", function()
  local sim = new_sim { "--dialect", "ranger" }
  local run = sim:run(BUY_LOW)
  run:wait_for "pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade:for=1s" })
  sim:control("drop", { socket = "private" })
  run:wait_for "session idx down"
  take(sim, "sell", "6000", "0.5")
  run:wait_for "order buy new>filled cum=0.5.*session idx up"
  equal(run:stop(), 0)
end)

-- The rest ----------------------------------------------------------------------------------------

test("SIGTERM with open orders cancels them all", function()
  local sim = new_sim()
  local run = sim:run(strategy [[
    function S:on_start()
      for i = 1, 6 do self:send("buy", tostring(6000 - i), "0.1") end
    end
  ]])
  e2e.await("six open orders", function() return #sim:orders(true) == 6 end)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0, "open orders")
  check_ledger(sim)
end)

test("book and public trades come by asking", function()
  local sim = new_sim { "--set", "maker_type=on" }
  quote(sim, "sell", "7100", "0.5")
  quote(sim, "buy", "6900", "0.5")
  local run = sim:run(strategy [[
    function S:on_start() assert(self:subscribe "book") assert(self:subscribe "trades") end
    function S:on_book(book) print("book " .. tostring(book) .. " mid " .. tostring(book:mid())) end
    function S:on_trade(trade)
      print("trade " .. tostring(trade.side) .. " " .. tostring(trade.price))
    end
  ]])
  run:wait_for "book BTC/USD 6900 / 7100 mid 7000"
  take(sim, "buy", "7100", "0.1")
  run:wait_for "trade buy 7100"
  quote(sim, "sell", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7050"
  equal(run:stop(), 0)
end)

test("without --json the simulator prints a configuration that runs", function()
  local directory = e2e.directory()
  local process = e2e.moonwire({ "sim", "peatio", "--port", "0", "--market", "off" },
                               { XDG_RUNTIME_DIR = directory })
  process:wait_for "\n}\n"
  local text = process:out()
  local path = e2e.write(directory .. "/moonwire.lua", text)
  local strategy_path = e2e.write(directory .. "/s.lua", [[
local mw = require "moonwire"
local S = mw.strategy { venue = "pea" }
function S:on_start() print "started" self:stop() end
return S]])
  local run = e2e.moonwire({ "run", "--config", path, strategy_path },
                           { SIM_PRIVATE_KEY = text:match "private_key%s+= env%b(),%s+%-%- (%S+)" })
  run:wait_for "started"
  equal(run:wait_exit(), 0)
end)

e2e.run_all()
