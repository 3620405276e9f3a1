--- Peatio end to end: the ranger and the rango of 1.9 to 3.x. What all venues have in common is in
--- common.lua.

local e2e = require "tests.e2e.lib"
local common = require "tests.e2e.common"
local venue = require "tests.e2e.venue"
local test, equal = e2e.test, e2e.equal
local ranger = venue.ranger

common.add(ranger, { is_dialect = true })

-- Orders ------------------------------------------------------------------------------------------

for _, version in ipairs { "1.9", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0" } do
  test("a ranger of " .. version .. ": an order rests, fills in parts and is canceled", function()
    local sim = ranger:sim { "--version", version }
    local run = sim:run(ranger:sends("sell", "7000", "1"))
    run:wait_for "order sell pending_new>new cum=0"
    ranger:take(sim, "buy", "7000", "0.4")
    run:wait_for "fill 0.4@7000"
    run:wait_for "order sell new>partially_filled cum=0.4"
    equal(run:stop(), 0)
    equal(sim:orders()[1].status, "canceled")
    equal(select(2, run:out():gsub("\nfill ", "")), 1, "fills")
    venue.check_books(sim)
  end)
end

test("a ranger's taker is filled, and its fees come by REST", function()
  local sim = ranger:sim()
  ranger:quote(sim, "sell", "6990", "0.5")
  ranger:quote(sim, "sell", "6995", "0.5")
  local run = sim:run(ranger:strategy [[
    function S:on_start() self:send("buy", "7000", "1") self:every(0.05, "look") end
    function S:look() print("fees " .. self:position():fees_text()) end
  ]])
  run:wait_for "fill 0.5@6990 taker"
  run:wait_for "fill 0.5@6995 taker"
  run:wait_for "order buy .->filled cum=1"
  run:wait_for "fees 0.0015 BTC"
  equal(run:stop(), 0)
  venue.check_books(sim)
end)

test("a ranger's order that is refused after it was taken is rejected", function()
  local sim = ranger:sim { "--set", "reject_orders=on" }
  local run = sim:run(ranger:rests_low())
  run:wait_for "order buy pending_new>rejected cum=0 reason=refused after it was taken"
  equal(run:stop(), 0)
end)

-- Sessions and market data ------------------------------------------------------------------------

test("an API key in place of tokens, at a rango", function()
  local sim = ranger:sim { "--rango", "--version", "3.0", "--key", "kid0001",
                        "--secret", "apisecret1" }
  local run = sim:run(ranger:rests_low(), { venue = 'key = env "MW_KEY", secret = env "MW_SECRET",',
                                 environment = { MW_KEY = "kid0001", MW_SECRET = "apisecret1" } })
  run:wait_for "pending_new>new"
  equal(run:stop(), 0)
  equal(sim:requests("trade")[1].headers["x-auth-apikey"], "kid0001")
  equal(sim:requests("trade")[1].headers.authorization, nil)
end)

test("wrong credentials at a rango end the run, at a ranger they show as a dropped line", function()
  local sim = ranger:sim { "--rango" }
  local run = sim:run(ranger:rests_low(), { environment = { MW_PRIVATE_KEY = "another-secret" } })
  run:wait_for "handshake refused: HTTP 401"
  equal(run:wait_exit(), 1)
  sim = ranger:sim()
  run = sim:run(ranger:rests_low(), { environment = { MW_PRIVATE_KEY = "another-secret" } })
  run:wait_for "private connection lost"
end)

test("a ranger's books and trades come by stream", function()
  local sim = ranger:sim()
  ranger:quote(sim, "sell", "7100", "0.5")
  ranger:quote(sim, "buy", "6900", "0.5")
  local run = sim:run(ranger:strategy [[
    function S:on_start() assert(self:subscribe "book") assert(self:subscribe "trades") end
    function S:on_book(book) print("book " .. tostring(book) .. " mid " .. tostring(book:mid())) end
    function S:on_trade(trade) print("trade " .. trade.side .. " " .. tostring(trade.price)) end
  ]])
  run:wait_for "book BTC/USD 6900 / 7100 mid 7000"
  ranger:quote(sim, "sell", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7050"
  ranger:take(sim, "buy", "7050", "0.5")
  run:wait_for "book BTC/USD 6900 / 7100.-book BTC/USD 6900 / 7100"
  run:wait_for "trade buy 7050"
  equal(run:stop(), 0)
end)

e2e.run_all()
