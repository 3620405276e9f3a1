--- Orders and positions of an earlier run, made again from what the archive has of them.

local chain = require "moonwire.chain"
local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"
local ffi = require "moonwire.cdef"
local order_module = require "moonwire.order"
local trades = require "moonwire.trades"
local C = ffi.C

local M = {}

--- The execution that was counted.
---@param fill moonwire.ArchivedFill
---@return moonwire.execution
function M.execution(fill)
  return execution.of { last_qty = fill.qty, last_price = fill.price, fees = fill.fees,
                        liquidity = fill.liquidity, time = fill.time }
end

-- Counts again what was counted; see order.lua for estimates and provisional prices. Returns what
-- is wrong with a fill that cannot be counted; its trade is known all the same, and not new when
-- the venue tells of it.
local function count(order, fill)
  if fill.trade_id then trades.add(order, trades.key(fill.trade_id)) end
  if C.mw_order_count(order._totals, M.execution(fill)) < 0 then
    return ("impossible execution of %s at %s"):format(fill.qty, fill.price)
  end
  if fill.is_estimate then
    order._estimated = (order._estimated or decimal.ZERO) + fill.qty
    order._estimate_price = fill.price
  elseif fill.is_provisional and fill.trade_id then
    order._provisional = order._provisional or {}
    order._provisional[trades.key(fill.trade_id)] = { price = fill.price,
                                                      has_fees = #fill.fees > 0 }
  end
end

local seen = { new = true, partially_filled = true }

--- The order as it was when the journal ended, with the trades that were counted; one that was not
--- finished is unknown, so that the venue is asked.
---@param archived moonwire.ArchivedOrder
---@return moonwire.Order
---@return string|nil problem  a fill that cannot be
function M.order(archived)
  local status = archived.status
  local links = archived.chain and archived.chain.links
  local now = links and links[archived.chain.current] or archived
  local order = order_module.new({
    client_order_id = archived.client_order_id, order_id = now.order_id,
    venue = archived.venue, symbol = archived.symbol, side = archived.side, type = archived.type,
    time_in_force = archived.time_in_force, price = now.price, qty = now.qty,
    amount = archived.amount, is_qty_estimate = archived.is_qty_estimate, status = status,
    reason = archived.reason, strategy = archived.strategy,
    external = archived.external or nil,
  }, archived.created_at)
  order.updated_at = archived.updated_at
  if links then chain.restore(order, archived.chain) end
  local problem
  for _, fill in ipairs(archived.fills) do problem = count(order, fill) or problem end
  if order.is_qty_estimate then order_module.raise_estimate(order) end
  if links then C.mw_order_told(order._totals, now.base) end
  order._was_seen = archived.order_id ~= nil or #archived.fills > 0 or seen[status] or false
  order._sent_at = archived.created_at or false
  if order_module.terminal[status] then
    order._is_inferred = archived.reason == "not_found" or nil
  else
    if status == "pending_cancel" then order_module.cancel_of(order).is_wanted = true end
    order.status, order.previous_status = "unknown", status
  end
  return order, problem
end

--- Books a fill of the archive into a position; `order` has its side.
function M.book(fill, order, position)
  position:apply { price = fill.price, qty = fill.qty, fees = fill.fees, side = order.side,
                   liquidity = fill.liquidity }
end

return M
