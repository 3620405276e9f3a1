-- strategies/ladder.lua on a still stage: what stands in the market after each book.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local archive = require "moonwire.archive"
local archive_fixture = require "tests.moonwire.archive_fixture"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local json = require "moonwire.json"
local recovery = require "moonwire.recovery"

local EPOCH = client_id.base36(1789999990000, 8) .. "abc"

-- Mid 950000000: edge 475000, spacing 475000, skew 190000 for each 0.0005 held, slack 285000.
local BID, ASK = { { "949999000" } }, { { "950001000" } }

local function play(params, options)
  options = options or {}
  options.strategies = { { name = "ladder", class = dofile "strategies/ladder.lua",
                           params = params } }
  local s = stage.new(options):start()
  return s, s.runners.ladder.instance, s.runners.ladder
end

-- "buy 1 2 3 sell 4 5": sides and prices of what is open, cheapest first.
local function standing(instance)
  local sides = { buy = {}, sell = {} }
  for _, order in ipairs(instance.orders) do
    if order.status ~= "pending_cancel" then table.insert(sides[order.side], order.price) end
  end
  local words = {}
  for _, side in ipairs { "buy", "sell" } do
    table.sort(sides[side])
    words[#words + 1] = side
    for _, price in ipairs(sides[side]) do words[#words + 1] = tostring(price) end
  end
  return table.concat(words, " ")
end

local function mid(s, price)
  local p = decimal(price)
  s:book({ { tostring(p - 1000) } }, { { tostring(p + 1000) } })
end

local function order_at(instance, side, price)
  for _, order in ipairs(instance.orders) do
    if order.side == side and order.price == price then return order end
  end
  error(("no %s at %s: %s"):format(side, price, standing(instance)), 2)
end

local THREE = "buy 948575000 949050000 949525000 sell 950475000 950950000 951425000"

t.test("before there is a book nothing is quoted", function()
  local s, instance = play(nil, { answers = { ["/api/depth/btcidr"] = false } })
  s:advance(5)
  t.equal(#instance.orders, 0)
  t.equal(#s:asked "trade", 0)
end)

t.test("the first book brings levels on both sides around the mid, maker-only", function()
  local s, instance = play(nil, { answers = { ["/api/depth/btcidr"] = false } })
  s:advance(1)
  s:book(BID, ASK)
  t.equal(standing(instance), THREE)
  for _, request in ipairs(s:asked "trade") do
    t.equal(stage.parameter(request, "time_in_force"), "MOC")
    t.equal(stage.parameter(request, "btc"), "0.0005")
  end
  t.equal(#s:asked "trade", 6)
end)

t.test("levels, edge, spacing and quantity are the parameters'", function()
  local s, instance = play({ levels = 2, edge = "0.001", spacing = "0.01", qty = "0.002" },
                           { answers = { ["/api/depth/btcidr"] = false } })
  s:advance(1)
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 939550000 949050000 sell 950950000 960450000")
  t.equal(tostring(instance.orders[1].qty), "0.002")
end)

local function quoting(params, options)
  options = options or {}
  options.answers = { ["/api/depth/btcidr"] = false }
  local s, instance, runner = play(params, options)
  s:advance(1)
  s:book(BID, ASK)
  s:advance(1)
  return s, instance, runner
end

t.test("prices are whole steps, bids rounded down and asks up", function()
  local s, instance = quoting()
  mid(s, "1000000500")
  t.equal(standing(instance),
          "buy 998500000 999000000 999500000 sell 1000501000 1001001000 1001501000")
end)

t.test("a book that hardly moved replaces nothing", function()
  local s, instance = quoting()
  mid(s, "950100000")
  t.equal(standing(instance), THREE)
  t.equal(#s:asked "trade", 6)
  t.equal(#s:asked "cancelByClientOrderId", 0)
end)

t.test("a book that moved has every order follow it", function()
  local s, instance = quoting({ levels = 1 })
  t.equal(standing(instance), "buy 949525000 sell 950475000")
  mid(s, "960000000")
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(standing(instance), "buy 959520000 sell 960480000")
end)

t.test("a move by one level keeps the orders that stand where others should", function()
  local s, instance = quoting()
  mid(s, "950475000")
  t.equal(#s:asked "cancelByClientOrderId", 2, "the two ends")
  t.equal(#instance.orders, 6)
  t.equal(order_at(instance, "buy", "949525000").status, "new")
end)

-- Levels stand 475000 apart and the slack is 285000, so after a move by 200000 two of them are near
-- enough to one target: it must be served by the nearer one, or the other has to be placed anew.
t.test("of two orders that would serve a target the nearest is kept", function()
  for _, move in ipairs { "950200000", "949800000", "950220000", "949780000" } do
    local s, instance = play(nil, { answers = { ["/api/depth/btcidr"] = false } })
    s:advance(1)
    s:book(BID, ASK)
    s:advance(1)
    mid(s, move)
    t.equal(standing(instance), THREE, move)
    t.equal(#s:asked "cancelByClientOrderId", 0, move)
    t.equal(#s:asked "trade", 6, move)
  end
end)

t.test("after the clock was set back every order follows the book all the same", function()
  local s, instance = quoting({ levels = 1 })
  s:shift_clock(-3600)
  s:advance(1)
  mid(s, "960000000")
  t.equal(standing(instance), "buy 959520000 sell 960480000")
end)

t.test("books that come too fast are looked at once", function()
  local s, instance = quoting({ levels = 1 })
  mid(s, "960000000")
  mid(s, "970000000")
  t.equal(standing(instance), "buy 959520000 sell 960480000")
  s:advance(0.2)
  mid(s, "970000000")
  t.equal(standing(instance), "buy 969515000 sell 970485000")
end)

t.test("a one-sided book is no reason to quote or to move", function()
  local s, instance = quoting()
  s:book(BID, {})
  s:book({}, { { "990000000" } })
  t.equal(standing(instance), THREE)
end)

t.test("what was filled is quoted again", function()
  local s, instance = quoting({ skew = "0" })
  local order = order_at(instance, "buy", "949525000")
  s:push(s:fill(order, "0.0005", "0.0005"))
  t.equal(#instance.orders, 5)
  s:book(BID, ASK)
  t.equal(standing(instance), THREE)
end)

t.test("inventory moves the whole ladder: long goes down, short goes up", function()
  local s, instance = quoting({ skew = "0.001" })
  s:push(s:fill(order_at(instance, "buy", "949525000"), "0.0005", "0.0005"))
  t.equal(tostring(instance:position().qty), "0.0005")
  s:book(BID, ASK)
  t.equal(standing(instance),
          "buy 947625000 948100000 948575000 sell 950000000 950475000 950950000")
  s, instance = quoting({ skew = "0.001" })
  s:push(s:fill(order_at(instance, "sell", "950475000"), "0.0005", "0.0005"))
  s:book(BID, ASK)
  t.equal(standing(instance),
          "buy 949050000 949525000 950000000 sell 951425000 951900000 952375000")
end)

t.test("a partial fill counts for the skew as far as it goes", function()
  local s, instance = quoting({ skew = "0.001", levels = 1 })
  s:push(s:fill(order_at(instance, "buy", "949525000"), "0.00025", "0.00025"))
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 949050000 sell 950000000")
end)

t.test("at max_position one side stops, the other goes on", function()
  local s, instance = quoting({ skew = "0", max_position = "0.0005" })
  s:push(s:fill(order_at(instance, "buy", "949525000"), "0.0005", "0.0005"))
  s:book(BID, ASK)
  t.equal(standing(instance), "buy sell 950475000 950950000 951425000")
  s:push(s:fill(order_at(instance, "sell", "950475000"), "0.0005", "0.0005"))
  s:advance(1)
  s:book(BID, ASK)
  t.equal(standing(instance), THREE)
end)

t.test("at max_position short the asks stop", function()
  local s, instance = quoting({ skew = "0", max_position = "0.0005" })
  s:push(s:fill(order_at(instance, "sell", "950475000"), "0.0005", "0.0005"))
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 948575000 949050000 949525000 sell")
end)

t.test("a bid does not serve where an ask should stand", function()
  local s, instance = quoting({ levels = 2 })
  t.equal(standing(instance), "buy 949050000 949525000 sell 950475000 950950000")
  mid(s, "948600000")
  t.equal(standing(instance), "buy 947651000 948125000 sell 949075000 949549000")
end)

t.test("the skew moves nothing across the market, where it would take", function()
  local s, instance = quoting({ skew = "0.002", levels = 1 })
  s:push(s:fill(order_at(instance, "buy", "949525000"), "0.0005", "0.0005"))
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 947625000 sell 950000000")
  s, instance = quoting({ skew = "0.002", levels = 1 })
  s:push(s:fill(order_at(instance, "sell", "950475000"), "0.0005", "0.0005"))
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 950000000 sell 952375000")
end)

t.test("a rejected order is tried again with the next book", function()
  local is_full = true
  local options = { answers = { ["/api/depth/btcidr"] = false } }
  local s, instance = play({ levels = 1 }, options)
  local accept = s.answers.trade
  s.answers.trade = function(request)
    if is_full then return '{"success":0,"error":"Insufficient balance."}' end
    return accept(request)
  end
  s:advance(1)
  s:book(BID, ASK)
  t.equal(#instance.orders, 0)
  t.ok(#s:logged "insufficient balance" > 0)
  is_full = false
  s:advance(1)
  s:book(BID, ASK)
  t.equal(standing(instance), "buy 949525000 sell 950475000")
end)

t.test("when the session is not up its prices are taken away", function()
  local s, instance = quoting()
  t.equal(#instance.orders, 6)
  s:close(s:market(), 1006)
  s:settle()
  t.equal(#s:asked "cancelByClientOrderId", 6)
  t.equal(#instance.orders, 0)
end)

t.test("on stop every quote is canceled", function()
  local s, instance, runner = quoting()
  s:run(runner, "stop", "test")
  s:settle()
  t.equal(#instance.orders, 0)
  t.equal(#s:asked "cancelByClientOrderId", 6)
  t.equal(runner.state, "stopped")
  s:advance(1)
  t.equal(s.stopped, 0)
end)

t.test("without market data, or a market, it stops and says so", function()
  local s, _, runner = play(nil, { market = false })
  s:advance(1)
  t.equal(runner.state, "stopped")
  t.ok(#s:logged "no market data" > 0)
  s, _, runner = play({ symbol = "X/Y" })
  s:advance(1)
  t.equal(runner.state, "stopped")
  t.ok(#s:logged "X/Y" > 0)
end)

-- It keeps nothing of its own: its orders and its position are the runtime's.
t.test("after a restart what stands in its place stays, what was held moves it", function()
  local journal = archive_fixture.new()
  local rows = {}
  local function sold(number, price, status, fills)
    local id = client_id.maker("moonwire", "ladder", EPOCH, number):next()
    journal:order({ client_order_id = id, order_id = "btcidr-limit-" .. number, side = "sell",
                    strategy = "ladder", price = price, qty = "0.0005", status = status }, fills)
    if status == "new" then
      rows[#rows + 1] = { order_id = tostring(number), client_order_id = id, price = price,
                          submit_time = "1789999990", type = "sell", order_type = "limit",
                          order_btc = "0.0005", remain_btc = "0.0005" }
    end
  end
  sold(1, "950475000", "filled", { { trade_id = "1", qty = "0.0005", price = "950475000" } })
  sold(2, "950665000", "new")
  sold(3, "951140000", "new")
  local class = dofile "strategies/ladder.lua"
  local listed = { success = 1, ["return"] = { orders = { btc_idr = json.array(rows) } } }
  local s = stage.new { strategies = { { name = "ladder", class = class } },
                        answers = { ["/api/depth/btcidr"] = false,
                                    openOrders = json.encode(listed) } }
  recovery.begin(s.desk, archive.open(journal.path, s.desk.log), "0.1.0")
  s:start()
  local instance = s.runners.ladder.instance
  t.equal(standing(instance), "buy sell 950665000 951140000")
  s:advance(1)
  s:book(BID, ASK)
  t.equal(standing(instance),
          "buy 948765000 949240000 949715000 sell 950665000 951140000 951615000")
  t.equal(#s:asked "trade", 4)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  journal:remove()
end)

stage.done()
