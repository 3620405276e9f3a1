local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local risk = require "moonwire.risk"

local function D(values)
  local out = {}
  for name, value in pairs(values) do out[name] = decimal(value) end
  return out
end

local function limit_order(side, qty, price)
  return { symbol = "BTC/IDR", side = side, type = "limit", qty = decimal(qty),
           price = decimal(price) }
end

local function market_order(side, qty)
  return { symbol = "BTC/IDR", side = side, type = "market", qty = decimal(qty) }
end

local function by_amount(side, amount)
  return { symbol = "BTC/IDR", side = side, type = "market", amount = decimal(amount) }
end

local function context(fields)
  local all = { open_orders = 0, now = 1790000000, sent_times = {} }
  for name, value in pairs(fields or {}) do all[name] = value end
  return all
end

local function at(reference) return context { reference_price = decimal(reference) } end

local function refused(limits, order, ctx, pattern)
  local ok, reason = risk.check(limits, order, ctx)
  t.equal(ok, nil, "refused")
  t.ok(reason:find(pattern, 1, true), ("expected %q, got %q"):format(pattern, reason))
end

local function passes(limits, order, ctx)
  local ok, reason = risk.check(limits, order, ctx)
  t.ok(ok == true, tostring(reason))
end

t.test("without limits everything passes", function()
  passes(nil, limit_order("buy", "1000", "1e9"), context())
  passes({}, market_order("sell", "1000"), context())
end)

t.test("when trading is halted nothing passes, and the reason says why", function()
  refused({}, limit_order("buy", "1", "1"), context { halted = "clock is off" },
          "trading is halted: clock is off")
  refused(nil, limit_order("buy", "1", "1"), context { halted = true }, "trading is halted")
end)

t.test("a notional above the limit of its quote currency is refused, one at it passes", function()
  local limits = { max_order_notional = D { IDR = "50000000" } }
  refused(limits, limit_order("buy", "0.06", "1000000000"), context(),
          "notional 60000000 IDR is above max_order_notional 50000000")
  passes(limits, limit_order("buy", "0.05", "1000000000"), context())
  passes(limits, { symbol = "BTC/USDT", side = "buy", type = "limit", qty = decimal "1",
                   price = decimal "90000000" }, context())
end)

t.test("a sale far below the market counts as what the market pays", function()
  local limits = { max_order_notional = D { IDR = "50000000" } }
  refused(limits, limit_order("sell", "1", "1"), at "1000000000", "notional 1000000000 IDR")
  passes(limits, limit_order("sell", "1", "1"), context())
end)

t.test("a market order is valued at the reference price and the collar", function()
  local limits = { max_order_notional = D { IDR = "1050" }, price_collar = decimal "0.05" }
  passes(limits, market_order("buy", "1"), at "1000")
  refused(limits, market_order("buy", "1.001"), at "1000", "notional 1051.05 IDR")
  refused({ max_order_notional = D { IDR = "999" } }, market_order("sell", "1"), at "1000",
          "notional 1000 IDR")
end)

t.test("a market order without a reference price is refused under a notional limit", function()
  local limits = { max_order_notional = D { IDR = "50" }, price_collar = decimal "0.05" }
  refused(limits, market_order("buy", "1"), context(),
          "market order: no reference price for BTC/IDR, so max_order_notional cannot be checked")
  passes({ price_collar = decimal "0.05" }, market_order("buy", "1"), context())
  passes(limits, limit_order("buy", "1", "50"), context())
end)

t.test("an order by amount has that notional, and a quantity that the price bounds", function()
  passes({ max_order_notional = D { IDR = "100" } }, by_amount("buy", "100"), context())
  refused({ max_order_notional = D { IDR = "100" } }, by_amount("buy", "101"), context(),
          "notional 101 IDR")
  local limits = { max_order_qty = D { BTC = "1" }, price_collar = decimal "0.1" }
  passes(limits, by_amount("buy", "900"), at "1000")
  refused(limits, by_amount("buy", "901"), at "1000", "qty 1.001111111112 BTC")
  refused(limits, by_amount("buy", "1"), context(), "max_order_qty cannot be checked")
  refused({ max_position = D { BTC = "1" } }, by_amount("buy", "1"), context(),
          "max_position cannot be checked")
end)

t.test("a quantity above the limit of its base currency is refused", function()
  local limits = { max_order_qty = D { BTC = "2" } }
  passes(limits, limit_order("buy", "2", "1"), context())
  refused(limits, limit_order("sell", "2.00000001", "1"), context(),
          "qty 2.00000001 BTC is above max_order_qty 2")
end)

t.test("the collar bounds buys from above, sales from below, and nothing else", function()
  local limits = { price_collar = decimal "0.05" }
  passes(limits, limit_order("buy", "1", "1050"), at "1000")
  refused(limits, limit_order("buy", "1", "1051"), at "1000",
          "price 1051 is above 1050, price_collar 5% from 1000")
  passes(limits, limit_order("buy", "1", "1"), at "1000")
  passes(limits, limit_order("sell", "1", "950"), at "1000")
  refused(limits, limit_order("sell", "1", "949"), at "1000",
          "price 949 is below 950, price_collar 5% from 1000")
  passes(limits, limit_order("sell", "1", "99999"), at "1000")
  passes(limits, limit_order("sell", "1", "1"), context())
end)

t.test("a stop order's collar is measured from its stop price", function()
  local limits = { price_collar = decimal "0.05" }
  local order = limit_order("buy", "1", "1210")
  order.type, order.stop_price = "stop_limit", decimal "1200"
  passes(limits, order, at "1000")
  order.price = decimal "1300"
  refused(limits, order, at "1000", "above 1260")
end)

t.test("as many open orders as allowed, and no more", function()
  local limits = { max_open_orders = 3 }
  passes(limits, limit_order("buy", "1", "1"), context { open_orders = 2 })
  refused(limits, limit_order("buy", "1", "1"), context { open_orders = 3 },
          "3 orders are open, max_open_orders is 3")
end)

t.test("a position counts with the open orders of its side", function()
  local limits = { max_position = D { BTC = "10" } }
  local function with(position, open) return context { position = decimal(position),
                                                       open_qty = decimal(open) } end
  passes(limits, limit_order("buy", "3", "1"), with("5", "2"))
  refused(limits, limit_order("buy", "3", "1"), with("5", "2.1"),
          "position 10.1 BTC is above max_position 10")
  passes(limits, limit_order("sell", "15", "1"), with("5", "0"))
  refused(limits, limit_order("sell", "15.1", "1"), with("5", "0"),
          "short position 10.1 BTC is above max_position 10")
  passes(limits, limit_order("sell", "1", "1"), with("12", "0"))
end)

t.test("so many orders a second of one strategy, counted only when they pass the rest", function()
  local limits = { max_orders_per_second = 2, max_order_qty = D { BTC = "1" } }
  local ctx = context()
  for _ = 1, 5 do refused(limits, limit_order("buy", "2", "1"), ctx, "qty 2 BTC") end
  passes(limits, limit_order("buy", "1", "1"), ctx)
  passes(limits, limit_order("buy", "1", "1"), ctx)
  refused(limits, limit_order("buy", "1", "1"), ctx, "max_orders_per_second is 2: try again in 1.0")
  passes(limits, limit_order("buy", "1", "1"), context())
  ctx.now = ctx.now + 1
  passes(limits, limit_order("buy", "1", "1"), ctx)
end)

t.test("base and quote come from the market when it is known", function()
  local order = limit_order("buy", "3", "1")
  order.symbol = "no pair"
  refused({ max_order_qty = D { XBT = "2" } }, order,
          context { market = { base = "XBT", quote = "IDR" } }, "qty 3 XBT")
end)

t.done()
