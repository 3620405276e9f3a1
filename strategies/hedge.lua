--- Quotes on one venue and hedges each fill on another. A bid and an ask stand on `venue`, an
--- `edge` outside of what `hedge_venue` pays and asks; what is executed there is sold (bought) at
--- `hedge_venue` at once, at most `slippage` worse than its middle was when the fill was told.
---
--- What is to be hedged is never noted down: it is what both positions come to, which are counted
--- from fills, over disconnects and restarts. There is one hedging order at a time, and none while
--- the last one is in doubt or lacks fills. So nothing is hedged twice, and nothing is forgotten.

local mw = require "moonwire"
local decimal = mw.decimal
local ZERO = decimal.ZERO

local S = mw.strategy {
  venue = "idx", symbol = "BTC/USDT",               -- where it quotes
  hedge_venue = "fin", hedge_symbol = "BTC/USDT",   -- where it hedges
  rate = "1",                -- the price of the hedge's quote currency in that of `symbol`
  qty = "0.001",             -- of each quote, base currency
  edge = "0.002",            -- of the price: from the hedge's best bid (ask) to our bid (ask)
  tolerance = "0.0005",      -- of the price: leave a quote alone that is this near to its place
  slippage = "0.002",        -- of the price: how much worse a hedge may be
  max_position = "0.005",    -- no further bids (asks) beyond this much long (short) on `venue`
  max_unhedged = "0.002",    -- no quotes at all while more than this waits for its hedge
  min_interval = 0.1,        -- seconds between two looks at the quotes, when the book changes
  retry = 1,                 -- seconds until the next try, when a hedge got nothing
}

local AMOUNTS = { "rate", "qty", "edge", "tolerance", "slippage", "max_position", "max_unhedged" }

-- Whether that was less than so many seconds ago; what seems yet to come was before the clock was
-- set back.
local function is_within(seconds, moment)
  local since = mw.now() - moment
  return since >= 0 and since < seconds
end

function S:read_params()
  for _, name in ipairs(AMOUNTS) do self[name] = decimal(self.params[name]) end
end

function S:on_start()
  local p = self.params
  local here, there = mw.venue(p.venue), mw.venue(p.hedge_venue)
  self.market, self.hedge_market = here:markets()[p.symbol], there:markets()[p.hedge_symbol]
  if not self.market then return self:stop(("no market %s on %s"):format(p.symbol, p.venue)) end
  if not self.hedge_market then
    return self:stop(("no market %s on %s"):format(p.hedge_symbol, p.hedge_venue))
  end
  if self.market.base ~= self.hedge_market.base then
    return self:stop(("%s does not hedge %s: another base"):format(p.hedge_symbol, p.symbol))
  end
  local ok, err = self:subscribe("book", p.hedge_symbol, p.hedge_venue)
  if not ok then return self:stop("no market data of the hedge: " .. err) end
  self:read_params()
  self.quote_in_force = here.capabilities.post_only and "post_only" or "gtc"
  self.hedge_in_force = there.capabilities.ioc and "ioc" or "gtc"
  self.looked_at, self.failed_at, self.told_at = 0, 0, 0
  self:every(1, "look")
  self:look()
end

function S:on_reload() self:read_params() end

-- What is to be hedged ----------------------------------------------------------------------------

-- What own fills and fees changed in the account.
local function held(self, symbol, venue)
  local position = self:position(symbol, venue)
  return position:balances()[position.base]
end

--- What waits for its hedge: above 0 is to be sold, below 0 to be bought.
function S:unhedged()
  local p = self.params
  return held(self, p.symbol, p.venue) + held(self, p.hedge_symbol, p.hedge_venue)
end

-- The price from which slippage counts is the middle when the fill was told, of several fills their
-- average. It is kept, so that a restart does not move the bound.
local function note_price(self, net)
  local kept = self.state.persist
  local before, mid = kept.net or ZERO, self.mid
  if net:sign() ~= before:sign() or not kept.price then
    kept.price = mid
  elseif mid and net:abs() > before:abs() then
    local worth = kept.price * before:abs() + mid * (net:abs() - before:abs())
    kept.price = worth:div(net:abs(), 8, "half_even")
  end
  kept.net = net
  return kept.price
end

-- The worst price that a hedge may have.
local function bound(self, side, price)
  local slip = price * self.slippage
  if side == "buy" then return (price + slip):round(self.hedge_market.price_step, "floor") end
  return (price - slip):round(self.hedge_market.price_step, "ceiling")
end

-- Too little for the venue waits until more has come.
local function is_too_small(market, qty, price)
  return qty:is_zero() or market.min_qty and qty < market.min_qty
    or market.min_notional and qty * price < market.min_notional
end

-- Hedges ------------------------------------------------------------------------------------------

-- Waits aloud, once a minute.
function S:wait_for_hedge(net, why)
  if is_within(60, self.told_at) then return end
  self.told_at = mw.now()
  self.log.warn("%s %s not hedged: %s", net, self.market.base, why)
end

-- The order that hedges, if there is one. What rests (a venue without ioc) goes when it is not what
-- is needed any more.
function S:tend_hedge(side, qty)
  local p = self.params
  for _, order in ipairs(self.orders) do
    if order.venue == p.hedge_venue and order.symbol == p.hedge_symbol then
      local is_right = order.side == side and order.leaves_qty == qty
      if order.time_in_force == "gtc" and not is_right and order.status ~= "pending_cancel" then
        self:cancel(order)
      end
      return order
    end
  end
  local last = self.state.last_hedge
  return last and last:is_missing_fills() and last
end

-- Whether the market is where a hedge may trade; true when it cannot be seen.
function S:can_trade(side, price)
  local book = self.book
  if not book then return true end
  if side == "buy" then return book:best_ask() and book:best_ask() <= price end
  return book:best_bid() and book:best_bid() >= price
end

function S:send_hedge(net, side, qty, price)
  local p = self.params
  if is_within(self.params.retry, self.failed_at) then return end
  if not self:can_trade(side, price) then
    return self:wait_for_hedge(net, ("nothing to %s at %s or better"):format(side, price))
  end
  local order, err = self:submit {
    venue = p.hedge_venue, symbol = p.hedge_symbol, side = side, qty = qty, price = price,
    time_in_force = self.hedge_in_force,
  }
  if order then
    self.state.last_hedge = order
    return
  end
  self.failed_at = mw.now()
  self:wait_for_hedge(net, err)
end

--- Hedges what is not, if it can be now.
function S:hedge()
  local net = self:unhedged()
  local price = note_price(self, net)
  if not price then return net end                     -- no market was seen yet
  local side = net:sign() > 0 and "sell" or "buy"
  local qty, worst = net:abs():round(self.hedge_market.qty_step, "down"), bound(self, side, price)
  if self:tend_hedge(side, qty) or is_too_small(self.hedge_market, qty, worst) then return net end
  self:send_hedge(net, side, qty, worst)
  return net
end

-- Quotes ------------------------------------------------------------------------------------------

-- Where a quote should stand; nil when there should be none.
function S:target(side, net)
  local book = self.book
  if not book or net:abs() > self.max_unhedged then return nil end
  local position = self:position().qty
  if side == "buy" then
    local bid = book:best_bid()
    if not bid or position >= self.max_position then return nil end
    return (bid * self.rate * (decimal(1) - self.edge)):round(self.market.price_step, "floor")
  end
  local ask = book:best_ask()
  if not ask or -position >= self.max_position then return nil end
  return (ask * self.rate * (decimal(1) + self.edge)):round(self.market.price_step, "ceiling")
end

-- One quote a side: a new one when the old one has ended.
function S:quote(side, price)
  local p, is_there = self.params, false
  for _, order in ipairs(self.orders) do
    if order.venue == p.venue and order.symbol == p.symbol and order.side == side then
      local is_right = price and (order.price - price):abs() <= price * self.tolerance
      if not is_right and order.status ~= "pending_cancel" then self:cancel(order) end
      is_there = true
    end
  end
  if is_there or not price then return end
  local order, err = self:submit {
    side = side, qty = self.qty, price = price, time_in_force = self.quote_in_force,
  }
  if not order then self.log.debug("no %s: %s", side, err) end
end

--- Hedges first, then quotes.
function S:look()
  local net = self:hedge()
  self:quote("buy", self:target("buy", net))
  self:quote("sell", self:target("sell", net))
end

-- What happens ------------------------------------------------------------------------------------

function S:on_book(book)
  self.book, self.mid = book, book:mid() or self.mid
  if is_within(self.params.min_interval, self.looked_at) then return self:hedge() end
  self.looked_at = mw.now()
  self:look()
end

function S:on_fill() self:hedge() end

function S:on_order(order)
  if order:is_open() then return end
  if order.venue ~= self.params.hedge_venue then
    if order.status == "rejected" then self.log.info("%s: %s", order, order.reason) end
    return
  end
  if order.cum_qty:is_zero() then self.failed_at = mw.now() end
  if order.status == "rejected" then
    self:wait_for_hedge(self:unhedged(), ("%s: %s"):format(tostring(order), tostring(order.reason)))
  end
  self:hedge()
end

--- A market that is not seen is not quoted on; what is to be hedged goes on as far as it can.
function S:on_session(venue, state)
  if venue == self.params.hedge_venue and state ~= "up" then self.book = nil end
  self:look()
end

function S:on_stop()
  local net = self.market and self:unhedged()
  if not net or net:is_zero() then return end
  self.log.warn("%s %s not hedged at the stop: the next run hedges it", net, self.market.base)
end

return S
