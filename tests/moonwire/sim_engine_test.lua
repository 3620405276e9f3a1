-- The matching engine: price-time priority, what each kind of order does, and a random run in which
-- the book stays whole.

local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local Engine  = require "moonwire.sim.engine"
local Random  = require "moonwire.random"

local function new_engine()
  local engine = Engine.new()
  engine:open_market("x", { qty_step = decimal "0.01" })
  return engine
end

-- "buy 5 @ 100" in short; further fields in `more`.
local function order(owner, side, qty, price, more)
  local o = { symbol = "x", owner = owner, side = side, type = price and "limit" or "market",
              qty = qty and decimal(qty), price = price and decimal(price), time_in_force = "gtc" }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

-- The events as one line: "accepted fill(taker 2@100) done".
local function told(events)
  local words = {}
  for i, e in ipairs(events) do
    words[i] = e.kind == "fill"
      and string.format("fill(%s %s@%s)", e.liquidity, tostring(e.qty), tostring(e.price))
      or e.reason and e.kind .. "(" .. e.reason .. ")" or e.kind
  end
  return table.concat(words, " ")
end

t.test("an order that meets nobody rests", function()
  local e = new_engine()
  t.equal(told(e:submit(order("a", "buy", "2", "100"), 1)), "accepted")
  local price, qty = e:best("x", "buy")
  t.equal(tostring(price) .. " " .. tostring(qty), "100 2")
end)

t.test("fills happen at the resting price, taker told first, then maker, then who is done",
       function()
  local e = new_engine()
  local maker = order("a", "sell", "2", "100")
  e:submit(maker, 1)
  local events = e:submit(order("b", "buy", "3", "105"), 2)
  t.equal(told(events), "accepted fill(taker 2@100) fill(maker 2@100) done")
  t.equal(events[2].trade_id, events[3].trade_id)
  t.equal(events[2].other, maker)
  t.equal(tostring(events[2].leaves_qty), "1")
  t.equal(events[4].order, maker)
  t.equal(tostring((e:best("x", "buy"))), "105")
  t.equal(e:best("x", "sell"), nil)
end)

t.test("better prices go first, then earlier orders", function()
  local e = new_engine()
  local far, first, second = order("a", "sell", "1", "102"), order("b", "sell", "1", "101"),
                             order("c", "sell", "1", "101")
  for _, o in ipairs { far, first, second } do e:submit(o, 1) end
  local events = e:submit(order("d", "buy", "2.5", "102"), 2)
  local makers = {}
  for _, event in ipairs(events) do
    if event.liquidity == "maker" then makers[#makers + 1] = event.order.owner end
  end
  t.equal(table.concat(makers), "bca")
  t.equal(tostring(far.leaves_qty), "0.5")
  t.equal(events[#events].kind, "done")
end)

t.test("events keep the quantities of their moment", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  e:submit(order("b", "sell", "1", "101"), 1)
  local events = e:submit(order("c", "buy", "2", "101"), 2)
  t.equal(tostring(events[2].cum_qty), "1")
  t.equal(tostring(events[2].leaves_qty), "1")
  t.equal(tostring(events[5].cum_qty), "2")
end)

t.test("a post-only order that would take is rejected and touches nothing", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  t.equal(told(e:submit(order("b", "buy", "1", "100", { time_in_force = "post_only" }), 2)),
          "rejected(would_take)")
  t.equal(told(e:submit(order("b", "buy", "1", "99", { time_in_force = "post_only" }), 2)),
          "accepted")
end)

t.test("fill-or-kill fills all or nothing", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  t.equal(told(e:submit(order("b", "buy", "2", nil, { time_in_force = "fok" }), 2)),
          "rejected(no_depth)")
  t.equal(told(e:submit(order("b", "buy", "1", nil, { time_in_force = "fok" }), 2)),
          "accepted fill(taker 1@100) fill(maker 1@100) done done")
end)

t.test("a market order never rests", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  t.equal(told(e:submit(order("b", "buy", "2"), 2)),
          "accepted fill(taker 1@100) fill(maker 1@100) done canceled(no_depth)")
  t.equal(told(e:submit(order("b", "sell", "1"), 2)), "accepted canceled(no_depth)")
end)

t.test("an amount buys what it can pay for, in steps of the quantity", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  e:submit(order("a", "sell", "9", "300"), 1)
  local buy = order("b", "buy", nil, nil, { amount = decimal "405", time_in_force = "fok" })
  local events = e:submit(buy, 2)
  t.equal(events[1].kind, "accepted")
  t.equal(tostring(buy.qty), "2.01")                -- 1 at 100, then 305 / 300 = 1.0166
  t.equal(tostring(buy.cum_amount), "403")
  t.equal(buy.status, "filled")
end)

t.test("an amount beyond the book is rejected when it must fill whole", function()
  local e = new_engine()
  e:submit(order("a", "sell", "1", "100"), 1)
  local buy = order("b", "buy", nil, nil, { amount = decimal "100.5", time_in_force = "fok" })
  t.equal(told(e:submit(buy, 2)), "accepted fill(taker 1@100) fill(maker 1@100) done done")
  e:submit(order("a", "sell", "1", "100"), 3)
  buy = order("b", "buy", nil, nil, { amount = decimal "101", time_in_force = "fok" })
  t.equal(told(e:submit(buy, 4)), "rejected(no_depth)")
end)

t.test("self-trade prevention: maker goes, taker goes, both go, or they trade", function()
  local expected = {
    maker = "accepted canceled(self_trade) fill(taker 1@101) fill(maker 1@101) done done",
    taker = "accepted canceled(self_trade)",
    both  = "accepted canceled(self_trade) canceled(self_trade)",
    none  = "accepted fill(taker 1@100) fill(maker 1@100) done done",
  }
  for mode, events in pairs(expected) do
    local e = new_engine()
    local own = order("a", "sell", "1", "100")
    e:submit(own, 1)
    e:submit(order("b", "sell", "1", "101"), 1)
    local incoming = order("a", "buy", "1", "101", { self_trade = mode ~= "none" and mode or nil })
    t.equal(told(e:submit(incoming, 2)), events, mode)
    t.equal(own.status, mode == "taker" and "open" or mode == "none" and "filled" or "canceled",
            mode)
    t.ok(e:check("x"))
  end
end)

t.test("own orders do not count as depth for fill-or-kill", function()
  local e = new_engine()
  local own = order("a", "sell", "1", "100")
  e:submit(own, 1)
  t.equal(told(e:submit(order("a", "buy", "1", nil,
                              { time_in_force = "fok", self_trade = "maker" }), 2)),
          "rejected(no_depth)")
  t.equal(own.status, "open")
end)

t.test("a cancel takes the order out; a second one says so", function()
  local e = new_engine()
  local o = order("a", "buy", "1", "100")
  e:submit(o, 1)
  t.equal(told(e:cancel(o, 2)), "canceled")
  t.equal(select(2, e:cancel(o, 3)), "not open")
  t.equal(e:best("x", "buy"), nil)
end)

t.test("cancel_all takes one owner's orders in the order of their numbers", function()
  local e = new_engine()
  for i = 1, 20 do e:submit(order(i % 2 == 0 and "a" or "b", "buy", "1", 100 + i % 7), 1) end
  local events, last = e:cancel_all("x", "a", 2), 0
  t.equal(#events, 10)
  for _, event in ipairs(events) do
    t.ok(event.order.number > last)
    last = event.order.number
  end
  t.equal(#e:open_orders("x", "a"), 0)
  t.equal(#e:open_orders("x", "b"), 10)
  t.ok(e:check("x"))
end)

t.test("numbers count per market", function()
  local e = new_engine()
  e:open_market("y", { qty_step = decimal "1", first_number = 500 })
  e:submit(order("a", "buy", "1", "1"), 1)
  local o = order("a", "buy", "1", "1", { symbol = "y" })
  e:submit(o, 1)
  t.equal(o.number, 500)
  t.equal(e:next_number("x"), 2)
end)

-- Invariants: after each command the book is sorted, not crossed, adds up, and holds just the open
-- orders; what was taken equals what was made; an order's fills add up to cum_qty.
local function random_run(seed)
  local random, e, orders = Random.new(seed), new_engine(), {}
  local kinds = { "gtc", "gtc", "gtc", "ioc", "fok", "post_only" }
  local modes = { "maker", "taker", "both" }
  local balance = decimal "0"
  for now = 1, 600 do
    local events
    if random:number() < 0.25 and #orders > 0 then
      events = e:cancel(orders[random:integer(1, #orders)], now) or {}
    else
      local is_market = random:number() < 0.1
      local o = order("o" .. random:integer(1, 4), random:number() < 0.5 and "buy" or "sell",
                      tostring(random:integer(1, 500) / 100),
                      not is_market and tostring(random:integer(95, 105)) or nil,
                      { time_in_force = is_market and "fok" or kinds[random:integer(1, 6)],
                        self_trade = modes[random:integer(0, 3)] })
      o.filled = decimal "0"
      orders[#orders + 1] = o
      events = e:submit(o, now)
    end
    for _, event in ipairs(events) do
      if event.kind == "fill" then
        event.order.filled = event.order.filled + event.qty
        balance = event.liquidity == "taker" and balance + event.qty or balance - event.qty
      end
    end
    local ok, problem = e:check("x")
    t.ok(ok, "seed " .. seed .. " step " .. now .. ": " .. tostring(problem))
    t.equal(tostring(balance), "0", "seed " .. seed)
  end
  local open = 0
  for _, o in ipairs(orders) do
    t.ok(o.filled == o.cum_qty, "seed " .. seed .. ": fills of " .. o.number)
    if o.status == "filled" then t.ok(o.cum_qty == o.qty) end
    if o.status == "open" then open = open + 1 end
  end
  local listed = 0
  for i = 1, 4 do listed = listed + #e:open_orders("x", "o" .. i) end
  t.equal(listed, open)
end

t.test("a random run keeps the book sorted, uncrossed and complete", function()
  for seed = 1, 25 do random_run(seed) end
end)

t.done()
