--- One order and what may happen to it. Reports come late, twice, out of order, before the answer
--- to the request, or only because we asked; an order takes them all and ends where the venue is.
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

local bit = require "bit"
local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"
local ffi = require "moonwire.cdef"
local fill_module = require "moonwire.fill"
local order_view = require "moonwire.order_view"
local order_wait = require "moonwire.order_wait"
local trades = require "moonwire.trades"
local C = ffi.C

local Order = { __name = "moonwire.Order" }

local ZERO = decimal "0"
local AVERAGE_DECIMALS = 12           -- of avg_price, which is for reading; money is kept as value

-- Each status is there, so that none is looked for in vain.
local terminal = { filled = true, canceled = true, rejected = true, expired = true,
                   pending_new = false, new = false, partially_filled = false,
                   pending_cancel = false, unknown = false }

-- transitions[status][what is reported] = new status. What is not listed changes nothing.
local ended = { filled = "filled", canceled = "canceled", expired = "expired" }
local transitions = {
  pending_new = { new = "new", partially_filled = "partially_filled", rejected = "rejected",
                  unanswered = "unknown", cancel_sent = "pending_cancel" },
  -- An unknown order stays unknown when a cancel is sent: only evidence ends the doubt.
  unknown = { new = "new", partially_filled = "partially_filled", rejected = "rejected" },
  new = { partially_filled = "partially_filled", cancel_sent = "pending_cancel",
          replace_lost = "unknown",
          rejected = "rejected" },               -- fill-or-kill may be accepted first, then killed
  partially_filled = { cancel_sent = "pending_cancel", replace_lost = "unknown",
                       rejected = "canceled" },  -- what was executed stands
  -- A cancel may cross a fill; a report that the order works says nothing about our cancel.
  pending_cancel = { rejected = "rejected", unanswered = "unknown" },
  filled = {}, canceled = {}, rejected = {}, expired = {},
}
for _, from in ipairs { "pending_new", "unknown", "new", "partially_filled", "pending_cancel" } do
  for reported, to in pairs(ended) do transitions[from][reported] = to end
end

local M = { terminal = terminal, Order = Order }

local Totals = ffi.typeof "struct mw_order_totals"
local BEGUN, MISSING, COMPLETE = 1, 2, 4            -- bits of mw_order_state
local IMPOSSIBLE = -2                               -- of mw_order_count

-- The venue told the quantity of an order for which we had an estimate. What was executed already
-- was not too much.
local function learn_qty(self, qty)
  local totals = self._totals
  self.qty, self.is_qty_estimate = decimal.copy(decimal.max(qty, totals.cum)), false
  decimal.set(totals.qty, self.qty)
  totals.has_qty = 1
end

-- Of a result of mw_order_state.
local function has(state, bit_of) return bit.band(state, bit_of) ~= 0 end

local NOT_CANCELED = {}               -- of orders that nobody has canceled; never written to
local none = nil                      -- LuaJIT drops keys whose value is the constant nil

-- Every order has these fields, in this order, from the start: then all orders are laid out alike,
-- which code that LuaJIT compiled for one of them relies on. They are 32 at most, with the two that
-- are set later (_is_inferred, external): with more, each order would be laid out anew as it grows.
local function blank()
  return {
    client_order_id = none, order_id = none, venue = none, symbol = none, side = none,
    type = none, time_in_force = none, price = none, qty = none, amount = none,
    status = "pending_new", previous_status = none, reason = none, created_at = none,
    updated_at = none, strategy = none, is_qty_estimate = false,
    _totals = false, _trades = false,
    _provisional = false,        -- trades whose price is a bound so far
    _estimated = false,          -- counted without a trade_id, on the venue's total alone
    _was_seen = false,           -- the venue has shown that it knows the order
    _final = false,              -- "filled" was told, and fills are missing
    _sent_at = false, _mark = false,     -- _mark: what the venue's file notes of it
    _position = false, _is_awaited = false,
    _cancel = NOT_CANCELED,      -- what became of canceling it; see M.cancel_of
    _owner = false,              -- a strategy's name: whose it is now (orders.lua)
    _is_held = false,            -- waits until the venue's countdown runs (held.lua)
    _open_at = false,            -- place in the list of open orders (orders.lua)
    _view = false,               -- what strategies have of it
  }
end

local spare = false                   -- a blank one with its totals and its view, or false

--- Makes what the next order takes, if it is not there: an order that answers an event does not
--- wait for memory then.
function M.get_ready()
  if spare then return end
  spare = blank()
  spare._totals, spare._view = Totals(), order_view.of(spare)
end

--- An order that is not recorded yet: what a strategy asks for. M.record makes it one.
function M.draft(side, venue, symbol, kind, time_in_force, price, qty, amount, strategy)
  local order = spare or blank()
  spare = false
  order.side, order.venue, order.symbol, order.type = side, venue, symbol, kind
  order.time_in_force, order.price, order.qty, order.amount = time_in_force, price, qty, amount
  order.strategy = strategy
  return setmetatable(order, Order)
end

--- What became of canceling an order, to be written to: { is_wanted = it is to be sent when that
--- can be done, must_end = it is to end whatever happens, is_due = a timer will send it,
--- is_under_way =, lost_at = when one had no answer, or one that says nothing of what was executed
--- before: then is_confirmed as well }. order._cancel is for reading.
---@param order moonwire.Order
function M.cancel_of(order)
  if order._cancel == NOT_CANCELED then order._cancel = {} end
  return order._cancel
end

--- Whether the venue has canceled the order, and it is only not known yet what it had executed.
function M.is_canceled(order)
  local status = order.status
  return (status == "pending_cancel" or status == "unknown") and order._cancel.is_confirmed == true
end

--- Makes a draft an order, in status pending_new: it has its id now.
function M.record(draft, client_order_id, now)
  draft.client_order_id, draft.created_at, draft.updated_at = client_order_id, now, now
  local totals = draft._totals or Totals()
  C.mw_order_totals_init(totals, draft.qty)
  draft._totals, draft._view = totals, draft._view or order_view.of(draft)
  return draft
end

--- The venue has replaced it (chain.lua): what it is from now on, and how much of it had been
--- executed before. Decimals.
function M.replaced(order, order_id, price, qty, executed)
  local totals = order._totals
  order.order_id = order_id or order.order_id
  order.price, order.qty = decimal.copy(price), decimal.copy(qty)
  decimal.set(totals.qty, qty)
  totals.has_qty, order._final = 1, false
  C.mw_order_told(totals, executed)
end

--- An order of which more is known: `fields` are those of DESIGN section 5; prices and quantities
--- are decimals; qty may be nil for a market order by `amount` (quote currency to spend). Status
--- pending_new unless it is given.
function M.new(fields, now)
  local self = M.draft(fields.side, fields.venue, fields.symbol, fields.type, fields.time_in_force,
                       fields.price, fields.qty, fields.amount, fields.strategy)
  M.record(self, fields.client_order_id, now)
  self.order_id, self.reason = fields.order_id, fields.reason
  self.status = fields.status or "pending_new"
  if fields.is_qty_estimate then
    self.is_qty_estimate = true
    C.mw_order_totals_init(self._totals, nil)
  end
  if fields.external ~= nil then self.external = fields.external end
  return self
end

-- Fields that follow from the sums; each reading is a decimal of its own.
local derived = {
  cum_qty = function(self) return decimal.copy(self._totals.cum) end,
  leaves_qty = function(self)
    if terminal[self.status] then return ZERO end
    return self.qty and self.qty - self._totals.cum
  end,
  avg_price = function(self)
    local totals = self._totals
    if totals.cum:is_zero() then return nil end
    return totals.value:div(totals.cum, AVERAGE_DECIMALS, "half_even")
  end,
}

function Order:__index(key)
  local method = Order[key]
  if method then return method end
  local derive = derived[key]
  return derive and derive(self)
end

function Order:__tostring()
  return ("%s %s %s %s@%s %s"):format(self.client_order_id or self.order_id, self.side, self.symbol,
    tostring(self.qty or self.amount), tostring(self.price or "market"), self.status)
end

--- Whether the order may still trade, as far as anyone knows.
function Order:is_open() return not terminal[self.status] end

--- Whether the venue has executed more than we have fills for: they must be asked for.
function Order:is_missing_fills() return has(C.mw_order_state(self._totals), MISSING) end

Order.wait, Order.wake_waiters = order_wait.wait, order_wait.wake

--- Of an order whose quantity is an estimate: it is what was executed at least.
---@param order moonwire.Order
function M.raise_estimate(order)
  local cum = order._totals.cum
  if order.qty and order.qty < cum then order.qty = decimal.copy(cum) end
end

local function set_status(self, status, reason)
  if status == self.status then return end
  self.previous_status, self.status = self.status, status
  self.reason = reason
end

-- The status of a working order follows from what was counted.
local function working(state) return has(state, BEGUN) and "partially_filled" or "new" end

-- A trade that was counted before by total or at a provisional price: only the money changes.
local function amend(self, report, x, old_price)
  decimal.add_product(self._totals.value, x.price - old_price, x.qty, 1)
  local fill = fill_module.new(self._view, report.trade_id, x)
  rawset(fill, "amends", true)
  rawset(fill, "old_price", old_price)
  return fill
end

-- Counts an execution: a fill, and what mw_order_state says now; nil and why when that makes no
-- sense.
local function try_count(self, report, x)
  local result = C.mw_order_count(self._totals, x)
  if result >= 0 then return fill_module.new(self._view, report.trade_id, x), result end
  return nil, ("%s of %s at %s on %s"):format(result == IMPOSSIBLE and "impossible execution"
    or "a total beyond 34 digits: execution", tostring(x.qty), tostring(x.price), tostring(self))
end

local function count(self, report, x)
  local fill, why = try_count(self, report, x)
  return fill or error(why, 0)
end

-- Part of an execution; its fees stay with the other part.
local function part_of(x, qty)
  local part = execution.new()
  decimal.set(part.qty, qty)
  decimal.set(part.price, x.price)
  part.liquidity, part.time = x.liquidity, x.time
  return part
end

-- A trade of an order of which some was counted on the venue's total alone. Returns what is newly
-- counted, if anything, and what is amended.
local function book_estimated(self, report, x)
  local estimated, old_price = self._estimated, self._estimate_price
  local rest = x.qty - decimal.min(estimated, x.qty)
  estimated = estimated - (x.qty - rest)
  local fill
  if not rest:is_zero() then
    fill = count(self, report, part_of(x, rest))
    decimal.add_to(x.qty, rest, -1)
  end
  self._estimated = not estimated:is_zero() and estimated
  return fill, amend(self, report, x, old_price)
end

local function book_known_trade(self, report, x, key)
  local provisional = self._provisional and self._provisional[key]
  if not provisional or report.is_provisional then return nil end
  self._provisional[key] = nil
  if provisional.has_fees then x.fee_count = 0 end           -- told before, and counted then
  return nil, amend(self, report, x, provisional.price)
end

-- A trade that makes no sense was not counted.
local function refuse_trade(self, key, why)
  trades.take_back(self, key)
  if self._provisional then self._provisional[key] = nil end
  error(why, 0)
end

local function book_trade(self, report, x)
  local key = trades.key(report.trade_id)
  if not trades.add(self, key) then return book_known_trade(self, report, x, key) end
  if report.is_provisional then
    self._provisional = self._provisional or {}
    self._provisional[key] = { price = decimal.copy(x.price), has_fees = x.fee_count > 0 }
  end
  if self._estimated then
    local ok, fill, amended = pcall(book_estimated, self, report, x)
    if ok then return fill, amended end
    return refuse_trade(self, key, fill)
  end
  local fill, state = try_count(self, report, x)
  if fill then return fill, nil, state end
  return refuse_trade(self, key, state)                      -- why, then
end

-- A venue without trade ids, or one whose trades cannot be had: the difference of totals is one
-- fill.
local function book_total(self, report)
  local qty = report.cum_qty - self._totals.cum
  if qty:sign() <= 0 then return nil end
  local fill = count(self, report, execution.of { last_qty = qty, last_price = report.last_price,
                                                  liquidity = report.liquidity, fees = report.fees,
                                                  time = report.time })
  if report.is_estimate then
    self._estimated = self._estimated and self._estimated + qty or qty
    self._estimate_price = report.last_price
    rawset(fill, "is_estimate", true)
  end
  return fill
end

-- A fill that is new, one that is amended, and what mw_order_state says now.
local function book(self, report)
  if report.cum_qty then C.mw_order_told(self._totals, report.cum_qty) end
  local fill, amended, state
  if report.trade_id then
    fill, amended, state = book_trade(self, report, report.execution or execution.of(report))
  elseif report.by_total then
    fill = book_total(self, report)
  end
  return fill, amended, state or C.mw_order_state(self._totals)
end

local evidence = { new = true, partially_filled = true, filled = true, canceled = true,
                   expired = true, working = true }

local function next_status(self, reported, state)
  local status = self.status
  if terminal[status] then
    -- We had inferred from silence that the venue never took it, and it shows it all the same.
    if self._is_inferred and evidence[reported] then
      status, self._is_inferred = "unknown", nil
    else
      return status
    end
  end
  if reported == "cancel_refused" then
    if status ~= "pending_cancel" then return status end
    return self._was_seen and working(state) or "pending_new"   -- its own answer is still due
  end
  -- A submit whose answer is missing is no doubt once the venue has shown the order.
  if reported == "unanswered" and self._was_seen then return status end
  -- Asked, and it works: a cancel that had no answer did not arrive.
  if reported == "working" then
    return (status ~= "pending_cancel" or self._cancel.lost_at) and working(state) or status
  end
  local to = transitions[status][reported] or status
  return to == "rejected" and has(state, BEGUN) and "canceled" or to
end

-- The status that follows from what was reported; "filled" only once all of it is counted. Returns
-- what mw_order_state says now.
local function conclude(self, reported, report, state)
  local totals = self._totals
  -- All of it, though no total came along: what is not counted yet is missing.
  if reported == "filled" and not report.cum_qty and totals.has_qty == 1 then
    C.mw_order_told(totals, totals.qty)
    state = C.mw_order_state(totals)
  end
  if reported == "filled" and (has(state, MISSING) or totals.has_qty == 1
                               and not has(state, COMPLETE)) then
    self._final, reported = "filled", working(state)
  end
  local status = next_status(self, reported, state)
  if report.is_inferred and terminal[status] then self._is_inferred = true end
  set_status(self, status, report.reason)
  return state
end

--- Takes one report. What a report may carry: status (as in the table above, or "working" for an
--- answer to a question, "unanswered", "cancel_sent", "cancel_refused", "replace_lost": to replace
--- it had no answer), order_id, cum_qty (the venue's total), trade_id (text, or the number of
--- decode.id) + last_qty + last_price + liquidity + fees of one execution (or, packed, `execution`,
--- which then belongs to the order), is_provisional (the price is a bound), by_total (count the
--- difference of totals), is_estimate, is_inferred, reason, time.
---@return boolean changed  the status is another one now; the old one is in previous_status
---@return table|nil fill   newly counted
---@return table|nil amended  a fill counted before whose price or fees are known now
---@return boolean is_missing  see is_missing_fills
function Order:apply(report)
  local before = self.status
  if not rawget(self, "order_id") then rawset(self, "order_id", report.order_id) end
  self.updated_at = report.time or self.updated_at
  if self.is_qty_estimate and report.qty and not report.is_qty_estimate then
    learn_qty(self, report.qty)
  end
  local fill, amended, state = book(self, report)
  if fill and self.is_qty_estimate then M.raise_estimate(self) end
  local reported = report.status
  if fill or evidence[reported] then self._was_seen = true end
  -- (Compared with first: what most fills are of, and what they leave as it is.)
  if before ~= "partially_filled" and terminal[before] then
    if fill and self._is_inferred and has(state, COMPLETE) then reported = "filled" end
    if reported then state = conclude(self, reported, report, state) end
    return self.status ~= before, fill, amended, has(state, MISSING)
  end
  if fill and reported ~= "canceled" and reported ~= "expired" then
    reported = self._final or reported == "filled" and "filled" or "partially_filled"
  end
  if has(state, COMPLETE) then reported = "filled" end
  if reported and reported ~= before then state = conclude(self, reported, report, state) end
  return self.status ~= before, fill, amended, has(state, MISSING)
end

return M
