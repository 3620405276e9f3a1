--- What an order would come to and what the limits leave, before it is sent. Takes no place in any
--- rate, and asks nobody.

local decimal = require "moonwire.decimal"
local fee_estimate = require "moonwire.fee_estimate"
local order_module = require "moonwire.order"

local M = {}
local HUNDRED = decimal "100"

local function amount(name, value)
  if value == nil then return nil end
  local parsed = decimal.parse(value)
  if not parsed then error(("%s: bad decimal %s"):format(name, tostring(value)), 0) end
  return parsed
end

-- How far a price is from the middle of the book: above 0 is higher.
local function distance(price, reference)
  if not (price and reference) or reference:is_zero() then return nil end
  return tostring((price - reference):div(reference, 6, "half_even") * HUNDRED) .. "%"
end

-- What the risk limits would still let through, by their names.
local function room(desk, draft, market, notional)
  local limits, left = desk.config.risk or {}, {}
  local by_notional = limits.max_order_notional and limits.max_order_notional[market.quote]
  if by_notional and notional then left.max_order_notional = by_notional - notional end
  local by_qty = limits.max_order_qty and limits.max_order_qty[market.base]
  if by_qty and draft.qty then left.max_order_qty = by_qty - draft.qty end
  if limits.max_open_orders then
    left.max_open_orders = limits.max_open_orders - desk.orders.own_count - 1
  end
  local by_position = limits.max_position and limits.max_position[market.base]
  if by_position and draft.qty then
    local held = desk:position(draft.strategy, draft.venue, draft.symbol).qty
    local after = draft.side == "buy" and held + draft.qty or held - draft.qty
    left.max_position = by_position - after:abs()
  end
  return next(left) and left or nil
end

--- An order of the prompt, looked at.
---@param session moonwire.ConsoleSession
---@param request table  as Strategy:submit takes it, with venue and symbol
---@return { venue: string, symbol: string, side: string, qty: any, price: any, notional: any,
---          quote: string, fee: string|nil, fee_from: string|nil, fee_seen: string|nil, mid: any,
---          from_mid: string|nil, left: table|nil, problem: string|nil }
---        fee: see fee_estimate.lua; problem: why it would be refused
function M.of(session, request)
  local desk, price = session.desk, amount("price", request.price)
  local draft = order_module.draft(request.side, request.venue, request.symbol,
    request.type or (price and "limit" or "market"), request.time_in_force or "gtc", price,
    amount("qty", request.qty), amount("amount", request.amount), session.runner.name)
  local venue = desk:session(draft.venue)
  local market = venue:market_of(draft.symbol)
  local book = desk:book(draft.venue, draft.symbol)
  local mid = book and book.mid
  local at = price or market and market.unit_cost or mid
  local notional = draft.amount or draft.qty and at and draft.qty * at
  local ok, problem = desk:check(draft)
  local fee, fee_from, fee_seen
  if market then
    fee, fee_from, fee_seen = fee_estimate.of(venue, market, draft, notional, mid,
                                              session.console:list_fills())
  end
  return {
    venue = draft.venue, symbol = draft.symbol, side = draft.side, type = draft.type,
    qty = draft.qty, price = price, amount = draft.amount, notional = notional,
    fee = fee, fee_from = fee_from, fee_seen = fee_seen,
    quote = market and market.quote or draft.symbol:match "/(.+)$" or "", mid = mid,
    from_mid = distance(price, mid), left = market and room(desk, draft, market, notional),
    problem = not ok and problem or nil,
  }
end

return M
