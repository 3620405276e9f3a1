--- A made market: a seeded random walk of the price, quotes on both sides of it, and a trade now
--- and then, so that resting orders of clients are filled. It trades through the venue's floor:
--- `floor` has place_market(request, now), cancel(order, now) and engine.

local decimal = require "moonwire.decimal"

local LEVELS, STEP_MS = 25, 500
local SPACING = 0.0004                             -- between two levels, of the price
local WALK = 0.0006                                -- how far the price goes in a step, at most
local TRADE_CHANCE = 0.35

---@class moonwire.sim.Market
local Market = { __name = "moonwire.sim.Market" }
Market.__index = Market

--- `options`: floor, pairs, schedule, random, clock.
function Market.new(options)
  local market = setmetatable({ is_on = false, quotes = {}, mids = {} }, Market)
  for name, value in pairs(options) do market[name] = value end
  for _, pair in ipairs(market.pairs) do
    market.mids[pair.id] = tonumber(tostring(pair.start_price))
    market.quotes[pair.id] = { buy = {}, sell = {} }
  end
  return market
end

-- A Lua number as a price on the pair's grid. Prices of the market need not be exact.
local function price_of(pair, number)
  local price = decimal(string.format("%.10f", number)):round(pair.price_step, "half_up")
  return price < pair.price_step and pair.price_step or price
end

local function qty_of(self, pair, mid)
  local value = (pair.is_whole and 2e6 or 150) * (0.2 + 5 * self.random:number() ^ 3)
  return decimal(string.format("%.8f", value / mid)):round(pair.qty_step, "down")
end

-- Level `i` of a side is quoted anew: with a new price when the market went away from it, with a
-- new size when it was eaten.
local function quote(self, pair, side, i, now)
  local mid, quotes = self.mids[pair.id], self.quotes[pair.id][side]
  local away = mid * SPACING * (i - 0.5) * (side == "buy" and -1 or 1)
  local price, old = price_of(pair, mid + away), quotes[i]
  if old and old.status == "open" and old.price == price then return end
  if old and old.status == "open" then self.floor:cancel(old, now) end
  local qty = qty_of(self, pair, mid)
  if qty <= decimal("0") then return end
  quotes[i] = self.floor:place_market({ pair = pair, side = side, type = "limit", price = price,
                                        qty = qty, time_in_force = "gtc" }, now)
end

--- Quotes a pair around its price. What crosses is cancelled first, so own quotes never meet.
function Market:requote(pair, now)
  local mid = price_of(pair, self.mids[pair.id])
  for _, side in ipairs { "buy", "sell" } do
    local quotes = self.quotes[pair.id][side]
    for i = 1, LEVELS do
      local old = quotes[i]
      if old and old.status == "open" and ((side == "buy") == (old.price > mid)) then
        self.floor:cancel(old, now)
      end
    end
  end
  for i = 1, LEVELS do
    quote(self, pair, "buy", i, now)
    quote(self, pair, "sell", i, now)
  end
end

--- Moves the price of a pair there and quotes anew: resting orders on the way are filled.
function Market:move(pair, price, now)
  self.mids[pair.id] = price
  self:requote(pair, now)
end

--- The market takes: a limit order that does not rest.
function Market:take(pair, side, price, qty, now)
  return self.floor:place_market({ pair = pair, side = side, type = "limit", price = price,
                                   qty = qty, time_in_force = "ioc" }, now)
end

-- Someone takes what stands best on a side, be it a quote or a client's order.
local function trade_at_random(self, pair, now)
  local side = self.random:number() < 0.5 and "buy" or "sell"
  local best, qty = self.floor.engine:best(pair.id, side == "buy" and "sell" or "buy")
  if not best then return end
  local part = decimal(string.format("%.4f", 0.05 + 0.9 * self.random:number()))
  qty = (qty * part):round(pair.qty_step, "up")
  self:take(pair, side, best, qty, now)
end

local function step(self, pair, now)
  local mid, start = self.mids[pair.id], tonumber(tostring(pair.start_price))
  local pull = (start - mid) / start * 0.01          -- home, weakly: a day's walk stays plausible
  self.mids[pair.id] = mid * (1 + WALK * (2 * self.random:number() - 1) + pull)
  self:requote(pair, now)
  if self.random:number() < TRADE_CHANCE then trade_at_random(self, pair, now) end
end

local function run(self, pair, generation, now)
  self.schedule:at(now + self.random:integer(STEP_MS / 2, 3 * STEP_MS / 2), function(later)
    if self.generation ~= generation then return end
    step(self, pair, self.clock:venue(later))
    self.floor:flush(later)
    run(self, pair, generation, later)
  end)
end

--- Starts the walk. `now`: the schedule's ms.
function Market:start(now)
  self.is_on, self.generation = true, (self.generation or 0) + 1
  for _, pair in ipairs(self.pairs) do
    self:requote(pair, self.clock:venue(now))
    run(self, pair, self.generation, now)
  end
end

--- Stops the walk; the quotes stay unless `withdraw`.
function Market:stop(now, withdraw)
  self.is_on, self.generation = false, (self.generation or 0) + 1
  for _, pair in ipairs(withdraw and self.pairs or {}) do
    for _, side in pairs(self.quotes[pair.id]) do
      for i, order in pairs(side) do
        if order.status == "open" then self.floor:cancel(order, self.clock:venue(now)) end
        side[i] = nil
      end
    end
  end
end

return Market
