--- One order and what may happen to it. Reports come late, twice, out of order, before the answer to
--- the request, or only because we asked; an order takes them all and ends where the venue is.
---
---   pending_new -> new -> partially_filled -> filled
---        |           \-> pending_cancel -> canceled
---        \-> rejected, expired        unknown: asked the venue, not yet answered
---
--- Invariants (tests/properties/order_test.lua holds them against random histories):
---   1. cum_qty is the sum of the fills that were counted, and each trade_id is counted once.
---   2. status is "filled" only when everything that the venue says was executed is counted.
---   3. a terminal status is never left, but for one that we only inferred from silence.
---   4. cum_qty never exceeds qty, and never shrinks.

local decimal = require "moonwire.decimal"

local Order = { __name = "moonwire.Order" }
Order.__index = Order

local ZERO = decimal "0"
local AVERAGE_DECIMALS = 12           -- of avg_price, which is for reading; money is kept as value

local terminal = { filled = true, canceled = true, rejected = true, expired = true }

-- transitions[status][what is reported] = new status. What is not listed changes nothing.
local ended = { filled = "filled", canceled = "canceled", expired = "expired" }
local transitions = {
  pending_new = { new = "new", partially_filled = "partially_filled", rejected = "rejected",
                  unanswered = "unknown", cancel_sent = "pending_cancel" },
  -- An unknown order stays unknown when a cancel is sent: only evidence ends the doubt.
  unknown = { new = "new", partially_filled = "partially_filled", rejected = "rejected" },
  new = { partially_filled = "partially_filled", cancel_sent = "pending_cancel",
          rejected = "rejected" },               -- fill-or-kill may be accepted first, then killed
  partially_filled = { cancel_sent = "pending_cancel",
                       rejected = "canceled" },  -- what was executed stands
  -- A cancel may cross a fill; a report that the order works says nothing about our cancel.
  pending_cancel = { rejected = "rejected", unanswered = "unknown" },
  filled = {}, canceled = {}, rejected = {}, expired = {},
}
for _, from in ipairs { "pending_new", "unknown", "new", "partially_filled", "pending_cancel" } do
  for reported, to in pairs(ended) do transitions[from][reported] = to end
end

local M = { terminal = terminal, Order = Order }

--- A new order in status pending_new. `fields` are those of DESIGN section 5; prices and quantities
--- are decimals; qty may be nil for a market order by `amount` (quote currency to spend).
function M.new(fields, now)
  local self = setmetatable(fields, Order)
  self.cum_qty = ZERO
  self.leaves_qty = self.qty
  self.status = self.status or "pending_new"
  self.created_at, self.updated_at = now, now
  self._value = ZERO            -- sum of price x qty of the counted fills
  self._trades = {}             -- trade_id -> true, or what is provisional about it
  self._estimated = ZERO        -- counted without a trade_id, on the venue's total alone
  self._venue_cum = ZERO        -- the largest total that the venue has told
  self._was_seen = false        -- the venue has shown that it knows the order
  return self
end

function Order:__tostring()
  return ("%s %s %s %s@%s %s"):format(self.client_order_id or self.order_id, self.side, self.symbol,
    tostring(self.qty or self.amount), tostring(self.price or "market"), self.status)
end

--- Whether the order may still trade, as far as anyone knows.
function Order:is_open() return not terminal[self.status] end

--- Whether the venue has executed more than we have fills for: they must be asked for.
function Order:is_missing_fills() return self._venue_cum > self.cum_qty end

local function set_status(self, status, reason)
  if status == self.status then return end
  self.previous_status, self.status = self.status, status
  self.reason = reason
end

-- The status of a working order follows from what was counted.
local function working(self)
  return self.cum_qty > ZERO and "partially_filled" or "new"
end

local function new_fill(self, report, qty)
  return {
    order = self, client_order_id = self.client_order_id, order_id = self.order_id,
    venue = self.venue, symbol = self.symbol, side = self.side, strategy = self.strategy,
    trade_id = report.trade_id, price = report.last_price, qty = qty,
    liquidity = report.liquidity, fees = report.fees or {}, time = report.time,
    is_estimate = report.is_estimate,
  }
end

-- A trade that was counted before by total or at a provisional price: only the money changes. Fees
-- that were told with it before are not told again.
local function amend(self, report, qty, old_price, has_fees)
  self._value = self._value + (report.last_price - old_price) * qty
  local fill = new_fill(self, report, qty)
  fill.amends, fill.old_price = true, old_price
  if has_fees then fill.fees = {} end
  return fill
end

local function count(self, report, qty)
  self.cum_qty = self.cum_qty + qty
  self._value = self._value + report.last_price * qty
  self._avg_price = nil
  return new_fill(self, report, qty)
end

local function book_trade(self, report)
  local id, known = report.trade_id, self._trades[report.trade_id]
  if known then
    if known == true or report.is_provisional then return nil end
    self._trades[id], self._avg_price = true, nil
    return amend(self, report, report.last_qty, known.price, known.has_fees)
  end
  self._trades[id] = not report.is_provisional
    or { price = report.last_price, has_fees = report.fees ~= nil }
  if self._estimated == ZERO then return count(self, report, report.last_qty) end
  local covered = decimal.min(self._estimated, report.last_qty)
  self._estimated, self._avg_price = self._estimated - covered, nil
  local amended = amend(self, report, covered, self._estimate_price)
  local rest = report.last_qty - covered
  if rest == ZERO then return amended end
  return count(self, report, rest), amended
end

-- A venue without trade ids, or one whose trades cannot be had: the difference of totals is one fill.
local function book_total(self, report)
  local qty = report.cum_qty - self.cum_qty
  if not (qty > ZERO) then return nil end
  if report.is_estimate then
    self._estimated, self._estimate_price = self._estimated + qty, report.last_price
  end
  return count(self, report, qty)
end

local function book(self, report)
  if report.cum_qty and report.cum_qty > self._venue_cum then self._venue_cum = report.cum_qty end
  local fill, amended
  if report.trade_id then fill, amended = book_trade(self, report)
  elseif report.by_total then fill = book_total(self, report) end
  if self.cum_qty > self._venue_cum then self._venue_cum = self.cum_qty end
  return fill, amended
end

local function next_status(self, reported)
  local status = self.status
  if terminal[status] then
    -- We had inferred from silence that the venue never took it, and it shows it all the same.
    if self._is_inferred and status == "rejected" and reported ~= "rejected" then
      status, self._is_inferred = "unknown", nil
    else
      return status
    end
  end
  if reported == "cancel_refused" then return status == "pending_cancel" and working(self) or status end
  -- A submit whose answer is missing is no doubt once the venue has shown the order.
  if reported == "unanswered" and self._was_seen then return status end
  -- Asked, and it works: a cancel that had no answer did not arrive.
  if reported == "working" then
    return (status ~= "pending_cancel" or self._cancel_lost) and working(self) or status
  end
  return transitions[status][reported] or status
end

local evidence = { new = true, partially_filled = true, filled = true, canceled = true,
                   expired = true, working = true }

--- Takes one report. What a report may carry: status (as in the table above, or "working" for an
--- answer to a question, "unanswered", "cancel_sent", "cancel_refused"), order_id, cum_qty (the
--- venue's total), trade_id + last_qty + last_price + liquidity + fees of one execution,
--- is_provisional (the price is a bound), by_total (count the difference of totals), is_estimate,
--- is_inferred, reason, time.
---@return boolean changed  the status is another one now; the old one is in previous_status
---@return table|nil fill   newly counted
---@return table|nil amended  a fill counted before whose price or fees are known now
function Order:apply(report)
  local before = self.status
  self.order_id = self.order_id or report.order_id
  self.updated_at = report.time or self.updated_at
  local fill, amended = book(self, report)
  if fill and fill.amends then fill, amended = nil, fill end
  local reported = report.status
  if fill or evidence[reported] then self._was_seen = true end
  if fill and not terminal[self.status] and reported ~= "canceled" and reported ~= "expired" then
    reported = self._final or reported == "filled" and "filled" or "partially_filled"
  end
  if self.qty and self.cum_qty >= self.qty and not terminal[self.status] then reported = "filled" end
  if reported then
    if reported == "filled" and (self:is_missing_fills() or self.qty and self.cum_qty < self.qty) then
      self._final, reported = "filled", working(self)         -- filled once its fills are counted
    end
    local status = next_status(self, reported)
    if report.is_inferred and status == "rejected" then self._is_inferred = true end
    set_status(self, status, report.reason)
  end
  self:_settle()
  return self.status ~= before, fill, amended
end

function Order:_settle()
  if terminal[self.status] then self.leaves_qty = ZERO
  elseif self.qty then self.leaves_qty = self.qty - self.cum_qty end
  self.avg_price = self.cum_qty > ZERO
    and (self._avg_price or self._value:div(self.cum_qty, AVERAGE_DECIMALS, "half_even")) or nil
  self._avg_price = self.avg_price
end

return M
