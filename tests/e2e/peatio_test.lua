--- Peatio end to end: moonwire run against the simulated daemon, which takes tokens or access keys.
--- What all venues have in common is in common.lua, the ranger in peatio_ranger_test.lua.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local common = require "tests.e2e.common"
local json = require "moonwire.json"
local venue = require "tests.e2e.venue"
local test, equal = e2e.test, e2e.equal
local daemon = venue.daemon

common.add(daemon)
common.add_life_cycles(venue.lazy_daemon)
common.add_life_cycles(venue.hmac)

-- Orders ------------------------------------------------------------------------------------------

for _, kind in ipairs { daemon, venue.lazy_daemon } do
  test(("a taker is filled at the resting orders' prices (%s)"):format(kind.name), function()
    local sim = kind:sim()
    kind:quote(sim, "sell", "6990", "0.5")
    kind:quote(sim, "sell", "6995", "0.5")
    local run = sim:run(kind:sends("buy", "7000", "2"))
    run:wait_for "fill 0.5@6990 %S+ fees=0.00075BTC cum=0.5"
    run:wait_for "fill 0.5@6995 %S+ fees=0.00075BTC cum=1"
    run:wait_for "order buy new>partially_filled"
    equal(run:stop(), 0)
    equal(sim:orders()[1].status, "canceled")
    equal(sim:orders()[1].cum_qty, "1")
    venue.check_books(sim)
  end)
end

test("a market order fills against the book", function()
  local sim = daemon:sim()
  daemon:quote(sim, "sell", "7000", "2")
  local run = sim:run(daemon:sends("buy", nil, "1.5"))
  run:wait_for "fill 1.5@7000 taker fees=0.00225BTC cum=1.5"
  run:wait_for "order buy .->filled cum=1.5"
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

test("a market order that runs out of money ends canceled, though nobody tells", function()
  local sim = daemon:sim { "--set", "market_lock=0.5" }
  daemon:quote(sim, "sell", "7000", "2")
  local run = sim:run(daemon:sends("buy", nil, "1"))
  run:wait_for "fill 0.5@7000 taker"
  run:wait_for "order buy .->canceled cum=0.5 reason=funds"
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

for _, kind in ipairs { daemon, venue.ranger } do
  test(("a trade with ourselves is two fills (%s)"):format(kind.name), function()
    local sim = kind:sim()
    local run = sim:run(kind:strategy [[
      function S:on_start()
        self:send("sell", "6900", "1")
        self:after(0.3, "meet")
      end
      function S:meet() self:send("buy", "6900", "1") end
    ]])
    run:wait_for "order sell .->filled cum=1"
    run:wait_for "order buy .->filled cum=1"
    equal(run:stop(), 0)
    venue.check_books(sim)
  end)
end

test("what the venue refuses is rejected with its reason", function()
  local sim = daemon:sim { "--set", "funds_code=on" }
  local run = sim:run(daemon:sends("sell", "7000", "5000"))
  run:wait_for "order sell pending_new>rejected cum=0 reason=not enough funds"
  equal(run:stop(), 0)
end)

test("strangers' orders of the same price and size are not ours", function()
  local sim = daemon:sim()
  daemon:quote(sim, "buy", "6000", "0.5")
  local run = sim:run(daemon:sends("buy", "6000", "0.5"))
  run:wait_for "pending_new>new"
  daemon:take(sim, "sell", "6000", "0.5")               -- the stranger's, which came first
  daemon:take(sim, "sell", "6000", "0.2")
  run:wait_for "fill 0.2@6000 maker .- cum=0.2"
  equal(run:stop(), 0)
  equal(run:err():find "somebody else", nil)
  venue.check_books(sim)
end)

-- Faults ------------------------------------------------------------------------------------------

test("a venue that delivers nothing is traded on by asking", function()
  local sim = daemon:sim { "--set", "never_deliver=on" }
  local run = sim:run(daemon:sends("sell", "7000", "1"), { venue = "reconcile_every = 1," })
  run:wait_for "pending_new>new"
  daemon:take(sim, "buy", "7000", "0.4")
  run:wait_for "fill 0.4@7000"
  daemon:take(sim, "buy", "7000", "0.6")
  run:wait_for "order sell partially_filled>filled cum=1"
  equal(run:stop(), 0)
end)

test("a swallowed order that fills meanwhile is booked to its strategy", function()
  local sim = daemon:sim { "--fault", "swallow:trade:1:after" }
  daemon:quote(sim, "sell", "6000", "0.5")
  local run = sim:run(daemon:sends("buy", "6000", "0.5"), { venue = "request_timeout = 0.5," })
  run:wait_for "order buy pending_new>unknown"
  run:wait_for "fill 0.5@6000"
  run:wait_for "order buy unknown>filled cum=0.5"
  equal(#sim:requests "trade", 1, "trade requests")
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

test("a match that a cancel undoes ends as canceled with nothing executed", function()
  local sim = daemon:sim { "--set", "undo_matches=on", "--set", "executor_min=400",
                        "--set", "executor_max=500" }
  local run = sim:run(daemon:sends("sell", "7000", "1"))
  run:wait_for "pending_new>new"
  daemon:take(sim, "buy", "7000", "1")
  sim:control("cancel_orders")
  run:wait_for "order sell .->canceled cum=0"
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

test("an embedded order that runs ahead of its trades finishes nothing early", function()
  local sim = daemon:sim { "--set", "trade_delay=300" }
  local run = sim:run(daemon:sends("sell", "7000", "3"))
  run:wait_for "pending_new>new"
  for _ = 1, 3 do daemon:take(sim, "buy", "7000", "1") end
  run:wait_for "fill 1@7000 .- cum=3"
  run:wait_for "order sell partially_filled>filled cum=3"
  equal(run:stop(), 0)
  equal(select(2, run:out():gsub("\nfill ", "")), 3, "fills")
end)

test("an engine that starts anew changes nothing", function()
  local sim = daemon:sim()
  local run = sim:run(daemon:sends("buy", "6000", "0.5"))
  run:wait_for "pending_new>new"
  sim:control "restart_engine"
  daemon:take(sim, "sell", "6000", "0.5")
  run:wait_for "order buy new>filled cum=0.5"
  equal(run:stop(), 0)
end)

test("a bare WebSocket is enough on loopback, beside REST over TLS", function()
  local sim = daemon:sim { "--socket-port", "0" }
  equal(sim.info.private_url:match "^%a+://", "ws://")
  equal(sim.info.rest_url:match "^%a+://", "https://")
  local run = sim:run(daemon:sends("sell", "7000", "1"))
  run:wait_for "pending_new>new"
  daemon:take(sim, "buy", "7000", "1")
  run:wait_for "order sell .->filled cum=1"
  equal(run:stop(), 0)
end)

test("junk between frames is counted and changes nothing", function()
  local sim = daemon:sim { "--fault", "junk:trade:text", "--fault", "junk:orderbook:nested",
                        "--set", "extra_fields=on" }
  local run = sim:run(daemon:sends("sell", "7000", "1"))
  run:wait_for "pending_new>new"
  daemon:take(sim, "buy", "7000", "1")
  run:wait_for "order sell .->filled cum=1"
  run:wait_for "message not understood"
  equal(run:stop(), 0)
end)

test("an event before the answer to the sign-in does no harm", function()
  local sim = daemon:sim { "--set", "early_events=on" }
  local run = sim:run(daemon:rests_low())
  run:wait_for "pending_new>new"
  equal(run:stop(), 0)
end)

-- Signing in --------------------------------------------------------------------------------------

test("a level that is too low to trade ends the run with status 1 and the reason", function()
  local sim = daemon:sim { "--set", "required_level=4" }
  local run = sim:run(daemon:rests_low())
  run:wait_for "verification level"
  equal(run:wait_exit(), 1)
end)

test("tokens are made with a private key and verified by its public half", function()
  for _, kind in ipairs { { "RS256", "genrsa -out %s 2048" },
                          { "EdDSA", "genpkey -algorithm ed25519 -out %s" },
                          { "ES256", "ecparam -name prime256v1 -genkey -noout -out %s" } } do
    local directory = e2e.directory()
    local key, public = directory .. "/key.pem", directory .. "/public.pem"
    local made = os.execute(("openssl %s 2>/dev/null && chmod 600 %s && openssl pkey -in %s "
                             .. "-pubout -out %s"):format(kind[2]:format(key), key, key, public))
    equal(made, 0, "openssl")
    local sim = daemon:sim { "--algorithm", kind[1], "--public-key", public }
    local run = sim:run(daemon:rests_low(), { venue = ("private_key = file %q,"):format(key) })
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
  local sim = daemon:sim()
  local path = e2e.directory() .. "/token"
  local function write(token)
    e2e.write(path, token)
    equal(os.execute("chmod 600 " .. path), 0)
  end
  local lasts = 4 * e2e.slower
  write(token_for(sim, lasts))
  local run = sim:run(daemon:strategy(([[
    function S:on_start()
      self:send("buy", "6000", "0.1")
      self:after(%d, "later")
    end
    function S:later() self:send("buy", "6001", "0.1") end
  ]]):format(lasts + 1)), { venue = ("private_key = nil, jwt = file %q,"):format(path) })
  run:wait_for "order buy pending_new>new"
  write(token_for(sim, 600))
  e2e.await("the second order", function() return #sim:orders(true) == 2 end)
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

-- Market data -------------------------------------------------------------------------------------

test("book and public trades come by asking", function()
  local sim = daemon:sim { "--set", "maker_type=on" }
  daemon:quote(sim, "sell", "7100", "0.5")
  daemon:quote(sim, "buy", "6900", "0.5")
  local run = sim:run(daemon:strategy [[
    function S:on_start() assert(self:subscribe "book") assert(self:subscribe "trades") end
    function S:on_book(book) print("book " .. tostring(book) .. " mid " .. tostring(book:mid())) end
    function S:on_trade(trade)
      print("trade " .. tostring(trade.side) .. " " .. tostring(trade.price))
    end
  ]])
  run:wait_for "book BTC/USD 6900 / 7100 mid 7000"
  daemon:take(sim, "buy", "7100", "0.1")
  run:wait_for "trade buy 7100"
  daemon:quote(sim, "sell", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7050"
  equal(run:stop(), 0)
end)

e2e.run_all()
