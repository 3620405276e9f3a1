--- Matching engine: price-time priority, fills at the resting order's price. It knows no venue, no
--- money and no clock; prices and quantities are moonwire.decimal. Each call returns what happened
--- as a list of events in the order in which it happened:
---
---   { kind = "accepted" | "fill" | "done" | "canceled" | "rejected", order =, time =,
---     cum_qty =, leaves_qty =, reason =,                    -- as they were at that moment
---     qty =, price =, liquidity =, trade_id =, other = }    -- fill; both sides, taker first

local decimal = require "moonwire.decimal"
local levels_module = require "moonwire.levels"

local ZERO = decimal("0")

---@class moonwire.sim.Order
---@field symbol string
---@field owner string
---@field side "buy"|"sell"
---@field type "limit"|"market"
---@field time_in_force? "gtc"|"ioc"|"fok"|"post_only"
---@field price? moonwire.Decimal       limit
---@field qty? moonwire.Decimal         or, for a market order, `amount` in the quote currency
---@field amount? moonwire.Decimal
---@field self_trade? "maker"|"taker"|"both"  who goes when two of one owner meet; nil: they trade
---@field number? integer               given by the engine, counted per market
---@field status? "open"|"filled"|"canceled"|"rejected"

---@class moonwire.sim.Engine
local Engine = { __name = "moonwire.sim.Engine" }
Engine.__index = Engine

---@param options? { first_trade: integer? }
function Engine.new(options)
  return setmetatable({ markets = {}, trades = (options and options.first_trade or 1) - 1 }, Engine)
end

--- A side of a book keeps its price levels in one array, worst first, so that the traffic near the
--- top moves little. Binary search finds a level; orders of a level are a linked list.
local function new_side(is_worse)
  return { levels = {}, is_worse = is_worse }
end

---@param options { qty_step: moonwire.Decimal, first_number: integer? }
function Engine:open_market(symbol, options)
  assert(not self.markets[symbol], "market exists: " .. symbol)
  local market = {
    symbol = symbol, qty_step = options.qty_step, number = (options.first_number or 1) - 1,
    changes = 0,                                   -- counts changes of the book
    buy = new_side(function(a, b) return a < b end),
    sell = new_side(function(a, b) return b < a end),
    by_owner = {},                                 -- owner -> set of open orders
  }
  self.markets[symbol] = market
  return market
end

-- The place of `price` in the levels, and whether it is taken.
local function locate(side, price)
  return levels_module.locate(side.levels, side.is_worse, price)
end

local function rest(market, order)
  local side = market[order.side]
  local i, found = locate(side, order.price)
  if not found then
    table.insert(side.levels, i, { price = order.price, qty = ZERO, count = 0 })
  end
  local level = side.levels[i]
  order._level, order._prev = level, level.last
  if level.last then level.last._next = order else level.first = order end
  level.last = order
  level.qty, level.count = level.qty + order.leaves_qty, level.count + 1
  local mine = market.by_owner[order.owner]
  if not mine then
    mine = {}
    market.by_owner[order.owner] = mine
  end
  mine[order] = true
  market.changes = market.changes + 1
end

local function remove(market, order)
  local level = order._level
  if order._prev then order._prev._next = order._next else level.first = order._next end
  if order._next then order._next._prev = order._prev else level.last = order._prev end
  level.qty, level.count = level.qty - order.leaves_qty, level.count - 1
  if level.count == 0 then
    local side = market[order.side]
    table.remove(side.levels, (locate(side, level.price)))
  end
  order._level, order._next, order._prev = nil, nil, nil
  local mine = market.by_owner[order.owner]
  mine[order] = nil
  if not next(mine) then market.by_owner[order.owner] = nil end
  market.changes = market.changes + 1
end

local function report(events, kind, order, now, reason)
  local event = { kind = kind, order = order, time = now, reason = reason,
                  cum_qty = order.cum_qty, leaves_qty = order.leaves_qty }
  events[#events + 1] = event
  return event
end

local function finish(events, order, status, now, reason)
  order.status, order.finished_at = status, now
  report(events, status == "filled" and "done" or status, order, now, reason)
end

local function accepts(order, price)
  if not order.price then return true end
  if order.side == "buy" then return price <= order.price end
  return price >= order.price
end

local opposite = { buy = "sell", sell = "buy" }

--- How much of `order` the book could fill now, without touching it: the quantity and its value. An
--- amount buys what it can pay for; the third result says whether all of the order would be filled.
function Engine:fillable(order)
  local market = self.markets[order.symbol]
  local levels = market[opposite[order.side]].levels
  local qty, value = ZERO, ZERO
  for i = #levels, 1, -1 do
    local level = levels[i]
    if not accepts(order, level.price) then break end
    local resting = level.first
    while resting do
      local own = order.self_trade and resting.owner == order.owner
      if own and order.self_trade ~= "maker" then return qty, value, false end
      if not own then
        local want
        if order.amount then
          want = (order.amount - value):div(level.price, 18, "down"):round(market.qty_step, "down")
        else
          want = order.qty - qty
        end
        local take = resting.leaves_qty < want and resting.leaves_qty or want
        qty, value = qty + take, value + take * level.price
        if take == want then return qty, value, qty > ZERO end
      end
      resting = resting._next
    end
  end
  return qty, value, false
end

-- One trade between `taker` and the resting `maker`.
local function trade(self, events, taker, maker, now)
  local qty = taker.leaves_qty < maker.leaves_qty and taker.leaves_qty or maker.leaves_qty
  self.trades = self.trades + 1
  maker._level.qty = maker._level.qty - qty
  for _, order in ipairs { taker, maker } do
    order.cum_qty, order.leaves_qty = order.cum_qty + qty, order.leaves_qty - qty
    order.cum_amount = order.cum_amount + qty * maker.price
  end
  for _, order in ipairs { taker, maker } do
    local event = report(events, "fill", order, now)
    event.qty, event.price, event.trade_id = qty, maker.price, self.trades
    event.liquidity = order == taker and "taker" or "maker"
    event.other = order == taker and maker or taker
  end
end

-- Two orders of one owner meet: says whether the incoming one goes on.
local function prevent(self, events, order, resting, now)
  if order.self_trade ~= "taker" then
    self:_end(events, resting, now, "self_trade")
  end
  if order.self_trade == "maker" then return true end
  finish(events, order, "canceled", now, "self_trade")
  return false
end

-- Takes what `order` may take. False when self-trade prevention ended it.
local function match(self, events, market, order, now)
  local levels = market[opposite[order.side]].levels
  while order.leaves_qty > ZERO do
    local best = levels[#levels]
    if not best or not accepts(order, best.price) then return true end
    local resting = best.first
    if order.self_trade and resting.owner == order.owner then
      if not prevent(self, events, order, resting, now) then return false end
    else
      trade(self, events, order, resting, now)
      market.changes = market.changes + 1
      if resting.leaves_qty == ZERO then
        remove(market, resting)
        finish(events, resting, "filled", now)
      end
    end
  end
  return true
end

-- Why `order` may not enter the book, nil when it may. Fixes the quantity of an order by amount.
local function refusal(self, market, order)
  if order.time_in_force == "post_only" then
    local levels = market[opposite[order.side]].levels
    local best = levels[#levels]
    if best and accepts(order, best.price) then return "would_take" end
  end
  if order.amount or order.time_in_force == "fok" then
    local qty, _, whole = self:fillable(order)
    if order.time_in_force == "fok" and not whole then return "no_depth" end
    if order.amount then order.qty, order.leaves_qty = qty, qty end
  end
end

--- Takes a new order. A market order never rests: what it does not get at once is canceled, or,
--- with time_in_force "fok", nothing of it happens.
---@param order moonwire.sim.Order
---@return table[] events  the first is "accepted" or the only "rejected"
function Engine:submit(order, now)
  local market = assert(self.markets[order.symbol], "no such market")
  local events = {}
  order.number = order.number or self:next_number(order.symbol)
  order.cum_qty, order.cum_amount, order.leaves_qty = ZERO, ZERO, order.qty or ZERO
  order.created_at = now
  local reason = refusal(self, market, order)
  if reason then
    finish(events, order, "rejected", now, reason)
    return events
  end
  order.status = "open"
  report(events, "accepted", order, now)
  if not match(self, events, market, order, now) then return events end
  if order.leaves_qty == ZERO and order.cum_qty > ZERO then
    finish(events, order, "filled", now)
  elseif order.type == "market" or order.time_in_force == "ioc" then
    finish(events, order, "canceled", now, "no_depth")
  else
    rest(market, order)
  end
  return events
end

--- The number that the next order of the market will have; each call gives another.
function Engine:next_number(symbol)
  local market = self.markets[symbol]
  market.number = market.number + 1
  return market.number
end

function Engine:_end(events, order, now, reason)
  remove(self.markets[order.symbol], order)
  finish(events, order, "canceled", now, reason)
end

--- Cancels an open order. nil and what is wrong when it is none.
function Engine:cancel(order, now, reason)
  if not order._level then return nil, "not open" end
  local events = {}
  self:_end(events, order, now, reason)
  return events
end

--- The open orders of `owner` in the order of their numbers.
function Engine:open_orders(symbol, owner)
  local orders = {}
  for order in pairs(self.markets[symbol].by_owner[owner] or {}) do orders[#orders + 1] = order end
  table.sort(orders, function(a, b) return a.number < b.number end)
  return orders
end

function Engine:cancel_all(symbol, owner, now, reason)
  local events = {}
  for _, order in ipairs(self:open_orders(symbol, owner)) do
    self:_end(events, order, now, reason)
  end
  return events
end

--- The best price of a side, nil when it is empty; and the quantity there.
function Engine:best(symbol, side)
  local levels = self.markets[symbol][side].levels
  local level = levels[#levels]
  if level then return level.price, level.qty end
end

--- Up to `limit` levels of a side, best first: { price =, qty = }.
function Engine:depth(symbol, side, limit)
  local levels, depth = self.markets[symbol][side].levels, {}
  for i = #levels, math.max(1, #levels - limit + 1), -1 do
    depth[#depth + 1] = { price = levels[i].price, qty = levels[i].qty }
  end
  return depth
end

local function check_side(market, name, count)
  local side, previous = market[name]
  for _, level in ipairs(side.levels) do
    local qty, n, order = ZERO, 0, level.first
    while order do
      if order.leaves_qty <= ZERO then return "an empty order rests: " .. order.number end
      if order.leaves_qty + order.cum_qty ~= order.qty then
        return "quantities of " .. order.number
      end
      qty, n, order = qty + order.leaves_qty, n + 1, order._next
    end
    if n == 0 or n ~= level.count or qty ~= level.qty then
      return "level " .. tostring(level.price) .. " does not add up"
    end
    if previous and not side.is_worse(previous, level.price) then return "levels out of order" end
    previous, count = level.price, count + n
  end
  return nil, count
end

--- The invariants, for tests: levels add up and stand in order, the book is not crossed, and the
--- owners' sets hold just what rests. nil and what is wrong when one is broken. O(orders).
function Engine:check(symbol)
  local market = self.markets[symbol]
  local problem, count = check_side(market, "buy", 0)
  if not problem then problem, count = check_side(market, "sell", count) end
  if problem then return nil, problem end
  local bid, ask = self:best(symbol, "buy"), self:best(symbol, "sell")
  if bid and ask and bid >= ask then
    return nil, "crossed: " .. tostring(bid) .. " " .. tostring(ask)
  end
  for _, orders in pairs(market.by_owner) do
    for order in pairs(orders) do
      if not order._level then
        return nil, "order " .. order.number .. " is listed and does not rest"
      end
      count = count - 1
    end
  end
  if count ~= 0 then return nil, "orders rest that no owner lists" end
  return true
end

return Engine
