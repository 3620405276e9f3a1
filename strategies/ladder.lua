--- A two-sided ladder around the mid. It keeps `levels` bids and asks, `spacing` apart, the first
--- one `edge` from the mid; what it holds moves the whole ladder (`skew`), so that it sells down
--- what it bought and stops adding on one side at `max_position`; it never moves across the market.
--- Orders are maker-only, where the venue has that, and are replaced only when the price that they
--- should have has moved by more than `tolerance`.

local mw = require "moonwire"
local decimal = mw.decimal

local S = mw.strategy {
  venue = "idx", symbol = "BTC/IDR",
  qty = "0.0005",            -- of each order, base currency
  levels = 3,                -- orders a side
  edge = "0.0005",           -- of the mid: from the mid to the first level
  spacing = "0.0005",        -- of the mid: between levels
  skew = "0.0002",           -- of the mid: the ladder moves by this for each `qty` held
  max_position = "0.005",    -- no further bids (asks) beyond this much long (short)
  tolerance = "0.0003",      -- of the mid: leave an order alone that is this near to its place
  min_interval = 0.1,        -- seconds between two looks at the ladder
}

function S:on_start()
  local ok, err = self:subscribe "book"
  if not ok then
    self.log.error("no market data: %s", err)
    return self:stop "a ladder needs a book"
  end
  local venue = mw.venue(self.params.venue)
  self.market = venue:markets()[self.params.symbol]
  if not self.market then return self:stop("no market " .. self.params.symbol) end
  for _, name in ipairs { "qty", "edge", "spacing", "skew", "max_position", "tolerance" } do
    self[name] = decimal(self.params[name])
  end
  -- Where the venue cannot keep an order from taking, the edge has to.
  self.in_force = mw.venue(self.params.venue).capabilities.post_only and "post_only" or "gtc"
  self.looked_at = 0
end

--- Where the orders should stand: { side =, price =, level = }, nearest first.
function S:targets(book)
  local mid, held = book:mid(), self:position().qty
  local step = self.market.price_step
  local centre = mid - mid * self.skew * held:div(self.qty, 8, "half_even")
  -- However far the skew moves them: a bid at the best ask would take, or be refused for that.
  local bid = (centre - mid * self.edge):min(book:best_ask() - step)
  local ask = (centre + mid * self.edge):max(book:best_bid() + step)
  local list = {}
  for level = 1, self.params.levels do
    local further = mid * self.spacing * decimal(level - 1)
    if held < self.max_position then
      list[#list + 1] = { side = "buy", level = level,
                          price = (bid - further):round(step, "floor") }
    end
    if -held < self.max_position then
      list[#list + 1] = { side = "sell", level = level,
                          price = (ask + further):round(step, "ceiling") }
    end
  end
  return list
end

-- An order that stands near enough to a target serves it; the others, which are returned, go, and
-- what is missing comes.
function S:match(targets, mid)
  local slack, free, orders = mid * self.tolerance, {}, self.orders
  for _, order in ipairs(orders) do free[order] = true end
  for _, target in ipairs(targets) do
    local least = slack
    for _, order in ipairs(orders) do
      local gap = (order.price - target.price):abs()
      if free[order] and order.side == target.side and order.status ~= "pending_cancel"
        and gap <= least then
        target.order, least = order, gap
      end
    end
    if target.order then free[target.order] = nil end
  end
  local others = {}
  for _, order in ipairs(orders) do if free[order] then others[#others + 1] = order end end
  return others
end

function S:on_book(book)
  local mid = book:mid()
  local since = mw.now() - self.looked_at            -- below 0: the clock was set back
  if not mid or since >= 0 and since < self.params.min_interval then return end
  self.looked_at = mw.now()
  local targets = self:targets(book)
  for _, order in ipairs(self:match(targets, mid)) do
    if order.status ~= "pending_cancel" then self:cancel(order) end
  end
  for _, target in ipairs(targets) do
    if not target.order then
      local order, err = self:submit {
        side = target.side, price = target.price, qty = self.qty, time_in_force = self.in_force,
      }
      if not order then self.log.debug("%s level %d: %s", target.side, target.level, err) end
    end
  end
end

function S:on_order(order)
  if order.status == "rejected" then self.log.info("%s: %s", order, order.reason) end
end

--- Prices that are no longer watched must not stand in the market.
function S:on_session(_, state)
  if state ~= "up" then self:cancel_all() end
end

return S
