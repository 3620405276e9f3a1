--- What every order has to pass before it is sent, by hand or by a strategy. Pure: the limits are
--- the configuration's `risk`, the context is what the desk knows at this moment.
---
--- The reference price is the middle of a fresh book. Without one:
---   - a limit order passes (its own price bounds what it can cost; the collar is not checked);
---   - a market order is refused where max_order_notional has a limit for its quote currency, and
---     one by `amount` where max_order_qty or max_position has one for its base currency: what
---     cannot be bounded is not sent.
--- An asset that a limit does not name is not limited by it.

local decimal = require "moonwire.decimal"
local rate = require "moonwire.rate"

local M = {}
local ONE, ZERO = decimal "1", decimal "0"
local NO_LIMITS = {}
local DECIMALS = 12                   -- of a quantity that is estimated from an amount; rounded up

---@class moonwire.RiskLimits
---@field max_order_notional table<string, moonwire.decimal>|nil  by quote currency
---@field max_order_qty table<string, moonwire.decimal>|nil       by base currency
---@field max_position table<string, moonwire.decimal>|nil        by base currency, long or short
---@field max_open_orders integer|nil
---@field max_orders_per_second integer|nil                       of one strategy, in any second
---@field price_collar moonwire.decimal|nil                       a fraction: 0.05 for "5%"

---@class moonwire.RiskContext
---@field now number                    seconds
---@field open_orders integer           open orders of the runtime; those in doubt count as open
---@field open_qty moonwire.decimal|nil left of own open orders of this symbol and side
---@field is_open_unknown boolean|nil  nobody knows what is left of them: nothing more is sent
---@field position moonwire.decimal|nil own position, signed
---@field reference_price moonwire.decimal|nil
---@field market { base: string, quote: string }|nil  default: by the symbol
---@field sent_times table|nil          the strategy's window for max_orders_per_second: empty at
---                                     first, the same table each time; check writes into it
---@field halted string|boolean|nil     trading is stopped, and why

local function is_market(order) return order.type == "market" or not order.price end

local function refusal(what, value, unit, limit_name, limit)
  return ("%s %s %s is above %s %s"):format(what, tostring(value), unit, limit_name,
                                            tostring(limit))
end

local function unbounded(order, limit_name)
  return ("market order: no reference price for %s, so %s cannot be checked"):format(
    tostring(order.symbol), limit_name)
end

-- The most that one unit of base may come to. A limit buy pays its price at most; a limit sale gets
-- its price or what the market pays, whichever is more; a market order up to the collar.
local function highest_price(limits, order, reference)
  if is_market(order) then
    return reference and reference * (ONE + (limits.price_collar or ZERO))
  end
  if order.side == "sell" and reference then return order.price:max(reference) end
  return order.price
end

--- The quantity of an order; of one by amount the most that the amount may come to. nil: cannot be
--- told.
---@param limits moonwire.RiskLimits
---@param order table  as of check
---@param reference moonwire.decimal|nil  price
---@return moonwire.decimal|nil
function M.highest_qty(limits, order, reference)
  if order.qty then return order.qty end
  if not reference then return nil end
  local lowest_price = reference * (ONE - (limits.price_collar or ZERO))
  return order.amount:div(lowest_price, DECIMALS, "up")
end

local function check_qty(limits, order, context, base)
  local limit = limits.max_order_qty and limits.max_order_qty[base]
  if not limit then return nil end
  local qty = M.highest_qty(limits, order, context.reference_price)
  if not qty then return unbounded(order, "max_order_qty") end
  return qty > limit and refusal("qty", qty, base, "max_order_qty", limit) or nil
end

local function check_notional(limits, order, context, _, quote)
  local limit = limits.max_order_notional and limits.max_order_notional[quote]
  if not limit then return nil end
  local notional = order.amount
  if not notional then
    local price = highest_price(limits, order, context.reference_price)
    if not price then return unbounded(order, "max_order_notional") end
    notional = order.qty * price
  end
  if notional <= limit then return nil end
  return refusal("notional", notional, quote, "max_order_notional", limit)
end

-- Only the side on which a wrong price costs money: a buy too high, a sale too low. An order far
-- away on the other side waits and cannot trade badly. A stop is measured from where it triggers.
local function check_collar(limits, order, context)
  local collar = limits.price_collar
  local reference = rawget(order, "stop_price") or context.reference_price
  if not collar or not reference or is_market(order) then return nil end
  local is_buy = order.side == "buy"
  local bound = reference * (is_buy and ONE + collar or ONE - collar)
  if is_buy and order.price <= bound or not is_buy and order.price >= bound then return nil end
  return ("price %s is %s %s, price_collar %s%% from %s"):format(tostring(order.price),
    is_buy and "above" or "below", tostring(bound), tostring(collar * 100), tostring(reference))
end

-- As if all open orders of this side and this one were filled, and none of the other side.
local function check_position(limits, order, context, base)
  local limit = limits.max_position and limits.max_position[base]
  if not limit then return nil end
  local qty = M.highest_qty(limits, order, context.reference_price)
  if not qty then return unbounded(order, "max_position") end
  if context.is_open_unknown then
    return ("an order by amount is open in %s, and there is no reference price: max_position "
            .. "cannot be checked"):format(tostring(order.symbol))
  end
  local held = context.position or ZERO
  local reached = (order.side == "buy" and held or -held) + (context.open_qty or ZERO) + qty
  if reached <= limit then return nil end
  return refusal(order.side == "buy" and "position" or "short position", reached, base,
                 "max_position", limit)
end

local function check_open_orders(limits, _, context)
  local limit = limits.max_open_orders
  if not limit or context.open_orders < limit then return nil end
  return ("%d orders are open, max_open_orders is %d"):format(context.open_orders, limit)
end

-- Last, because it takes a place: what another limit refuses was never sent.
local function check_rate(limits, _, context)
  local limit = limits.max_orders_per_second
  if not limit then return nil end
  local taken, wait = rate.take(context.sent_times, limit, 1, context.now)
  if taken then return nil end
  return ("max_orders_per_second is %d: try again in %.3f s"):format(limit, wait)
end

--- Whether this order may be sent; one that may takes its place in the strategy's rate.
---@param limits moonwire.RiskLimits|nil
---@param order table     { symbol=, side=, type=, price=, qty= or amount=, stop_price= }, decimals
---@param context moonwire.RiskContext
---@return boolean|nil ok
---@return string|nil reason  "notional 60000000 IDR is above max_order_notional 50000000"
function M.check(limits, order, context)
  if context.halted then
    local why = type(context.halted) == "string" and ": " .. context.halted or ""
    return nil, "trading is halted" .. why
  end
  local base, quote
  if context.market then base, quote = context.market.base, context.market.quote
  else base, quote = order.symbol:match("^([^/]+)/([^/]+)$") end
  limits = limits or NO_LIMITS
  local reason = check_open_orders(limits, order, context)
    or check_qty(limits, order, context, base)
    or check_notional(limits, order, context, base, quote)
    or check_collar(limits, order, context)
    or check_position(limits, order, context, base)
    or check_rate(limits, order, context)
  if reason then return nil, reason end
  return true
end

return M
