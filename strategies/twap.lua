--- A parent order worked over time: `qty` is bought or sold in `slices` equal parts, one each
--- `duration / slices` seconds, never beyond `limit`. A slice rests at the near side of the book
--- for most of its time, is then canceled, and what it did not get is added to the next one; the
--- last slice crosses the spread when `finish` says so.
---
--- What is done and when it began is in state.persist: after a restart it goes on by the same
--- clock, and what was not traded meanwhile is part of the next slice. So a parent order is worked
--- once; another one wants another name for the strategy, or a new journal.

local mw = require "moonwire"
local decimal = mw.decimal

local S = mw.strategy {
  venue = "idx", symbol = "BTC/IDR", side = "buy",
  qty = "0.01",              -- of the parent order, base currency
  duration = 600,            -- seconds
  slices = 20,
  limit = "",                -- worst price; "" = none
  finish = true,             -- cross the spread with what is left at the end
}

function S:on_start()
  local p = self.params
  if p.side ~= "buy" and p.side ~= "sell" then return self:stop 'side is "buy" or "sell"' end
  if p.slices < 1 or p.duration <= 0 then return self:stop "slices and duration must be above 0" end
  local ok, err = self:subscribe "book"
  if not ok then return self:stop("no market data: " .. err) end
  self.market = mw.venue(p.venue):markets()[p.symbol]
  if not self.market then return self:stop("no market " .. p.symbol) end
  self.total, self.limit = decimal(p.qty), p.limit ~= "" and decimal(p.limit) or nil
  local state = self.state.persist
  state.slice, state.done = state.slice or 0, state.done or "0"
  state.began = state.began or mw.now()
  self.period = p.duration / p.slices
  local passed = math.floor((mw.now() - state.began) / self.period)
  self:wait_for_slice(math.max(state.slice, math.min(passed, p.slices - 1)) + 1)
end

-- A slice is due by the clock of the first start; one that is late (or somebody set the clock), in
-- a slice's time.
function S:wait_for_slice(number)
  local wait = self.state.persist.began + number * self.period - mw.now()
  self:after(wait > 0 and math.min(wait, self.period) or self.period, "next_slice", number)
end

function S:on_book(book) self.book = book end

function S:on_fill(fill)
  local state = self.state.persist
  state.done = tostring(decimal(state.done) + fill.qty)
  self.log.info("%s of %s done at %s", state.done, self.total, fill.price)
end

--- How much should have been traded by the end of slice `n`, in whole steps.
function S:due(n)
  local share = (self.total * decimal(n)):div(decimal(self.params.slices), 16, "down")
  return n >= self.params.slices and self.total or share:round(self.market.qty_step, "down")
end

function S:next_slice(number)
  local state = self.state.persist
  self:wait_for_slice(number + 1)
  if state.slice >= self.params.slices then return self:check_end() end
  if not self.book or not self.book:mid() then return self.log.warn("no book yet: slice waits") end
  state.slice = math.min(number, self.params.slices)
  self:task("work", state.slice)
end

--- One slice, as a task: replace what rests, wait for it.
function S:work(slice)
  self:cancel_all()
  for _, order in ipairs(self.orders) do order:wait("canceled", 5) end
  local qty = self:due(slice) - decimal(self.state.persist.done)
  for _, order in ipairs(self.orders) do qty = qty - order.leaves_qty end    -- may still trade
  if qty:sign() <= 0 then return end
  local is_last = slice == self.params.slices
  local price = self:slice_price(is_last and self.params.finish)
  if not price then return self.log.warn("slice %d: no price within the limit", slice) end
  local order, err = self:submit { side = self.params.side, qty = qty, price = price }
  if not order then
    return self.log.warn("slice %d of %s: %s; its part goes to the next one", slice, qty, err)
  end
  order:wait("filled", self.period * 0.9)
end

--- The near side of the book, or the far side when the slice must be done; nil beyond the limit.
function S:slice_price(crosses)
  local buys = self.params.side == "buy"
  local near, far = self.book:best_bid(), self.book:best_ask()
  if not buys then near, far = far, near end
  local price = crosses and far or near
  if self.limit and buys and price > self.limit then price = self.limit end
  if self.limit and not buys and price < self.limit then price = self.limit end
  return price
end

function S:check_end()
  if #self.orders > 0 then self:cancel_all() return end
  self.log.info("done: %s of %s", self.state.persist.done, self.total)
  self:stop "the parent order has ended"
end

return S
