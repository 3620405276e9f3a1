--- The positions of all strategies, from the fills in the journal. What the fills up to some number
--- came to is kept there as well, so that a start counts only those since the one before.

local decimal = require "moonwire.decimal"
local persist = require "moonwire.persist"
local position_module = require "moonwire.position"
local record = require "moonwire.record"
local restore = require "moonwire.restore"
local sorted = require "moonwire.sorted"

local M = {}

local NAME = "positions:all"          -- no strategy's name has a colon
-- A fill whose price is still a bound, or that was booked on a total, may change; after this long
-- no venue has anything more to tell about it.
local SETTLED_SECONDS = 8 * 86400

local function key_of(strategy, venue, symbol)
  return table.concat({ strategy, venue, symbol }, "\0")
end

-- The positions that were kept, and the number of the last fill in them.
local function read_kept(archive, log)
  local text = archive:persist(NAME)
  if not text or text == "" then return {}, 0 end
  local kept, err = persist.decode(text)
  local positions = {}
  for _, of in ipairs(kept and kept.positions or {}) do
    local ok, position = pcall(position_module.restore, of)
    if not ok then kept, err = nil, position break end
    positions[key_of(of.strategy, of.venue, of.symbol)] = position
  end
  if kept then return positions, kept.fill end
  log.warn("the positions that were kept are not understood (%s): all fills are counted again", err)
  return {}, 0
end

local function encode(positions, fill)
  local list = {}
  for i, key in ipairs(sorted.keys(positions)) do
    list[i] = position_module.totals(positions[key])
  end
  return persist.encode { fill = fill, positions = list }
end

--- All positions, by key: { [any] = moonwire.Position, ... }; what they came to is recorded. Also a
--- list of the orders with a fill that may change: the venue has to be asked for it.
---@param archive table
---@param now number
---@param log table
---@return table<string, moonwire.Position>
---@return { venue: string, client_order_id: string|nil, order_id: string|nil }[] unsettled
function M.restore(archive, now, log)
  local positions, from = read_kept(archive, log)
  local text
  local unsettled = {}
  local last = archive:each_fill(from, function(fill, order, number)
    if (fill.is_estimate or fill.is_provisional)
      and (fill.booked_at or now) > now - SETTLED_SECONDS then
      text = text or encode(positions, number - 1)
      unsettled[#unsettled + 1] = { venue = order.venue, client_order_id = order.client_order_id,
                                    order_id = order.order_id }
    end
    local key = key_of(order.strategy, order.venue, order.symbol)
    local position = positions[key]
    if not position then
      position = position_module.new(order)
      positions[key] = position
    end
    restore.book(fill, order, position)
  end)
  text = text or encode(positions, last)
  if text and next(positions) and last > from then record.persist(NAME, text) end
  return positions, unsettled
end

-- What an order has executed, as fills: those of the journal with their fees, when it has them all.
local function executed(archive, order)
  local archived = archive and archive:order(order.venue, order.client_order_id, order.order_id)
  local total = decimal.ZERO
  for _, fill in ipairs(archived and archived.fills or {}) do total = total + fill.qty end
  if total == order.cum_qty then return archived and archived.fills or {} end
  return { { price = order.avg_price, qty = order.cum_qty, fees = {} } }
end

--- An order has another owner, and so has all that it executed: books it into the position, and has
--- the next start count all positions anew.
---@param archive table|false
---@param order moonwire.Order
---@param position moonwire.Position  the new owner's
function M.claim(archive, order, position)
  for _, fill in ipairs(executed(archive, order)) do restore.book(fill, order, position) end
  record.persist(NAME, "")
end

return M
