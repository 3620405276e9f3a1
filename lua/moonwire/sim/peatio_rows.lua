--- Orders and trades as the simulated Peatio writes them (section 4.2), in the words of each
--- generation (11, 12).

local decimal = require "moonwire.decimal"
local Floor   = require "moonwire.sim.peatio_floor"
local wire    = require "moonwire.sim.wire"

local text, object, quoted = wire.text, wire.object, Floor.quoted
local ZERO = decimal("0")

local M = {}

M.kinds = { sell = "ask", buy = "bid" }

--- Quote spent or received / base moved, cut to the price's decimals.
function M.average(order)
  if order.executed == ZERO then return ZERO end
  return order.funds:div(order.executed, order.pair.price_decimals, "down")
end

--- The trades in GET /order: `side` is the order's.
local function order_trades(floor, order)
  local rows = {}
  for i, trade in ipairs(order.trades) do
    rows[i] = object(
      "id", trade.id, "price", quoted(trade.price), "volume", quoted(trade.volume),
      "funds", quoted(trade.funds), "market", text(trade.pair.id),
      "created_at", text(floor:iso(trade.created_ms)), "side", text(order.side))
  end
  return wire.list(rows)
end

--- An order of 0.1 to 1.8, also inside of a trade.
function M.order(floor, order, with_trades)
  return object(
    "id", order.id, "side", text(order.side), "ord_type", text(order.ord_type),
    "price", order.price and quoted(order.price) or "null", "avg_price", quoted(M.average(order)),
    "state", text(order.state), "market", text(order.pair.id),
    "created_at", text(floor:iso(order.created_ms)), "volume", quoted(order.volume),
    "remaining_volume", quoted(order.volume - order.executed),
    "executed_volume", quoted(order.executed), "trades_count", #order.trades,
    "trades", with_trades and order_trades(floor, order) or nil)
end

-- Both words are the maker's side; only later servers have them.
local function maker_fields(floor, trade)
  if not floor.settings.maker_type then return "" end
  local side = text(trade.maker.side)
  return ',"maker_type":' .. side .. ',"type":' .. side
end

local function trade_head(floor, trade)
  return object(
    "id", trade.id, "price", quoted(trade.price), "volume", quoted(trade.volume),
    "funds", quoted(trade.funds), "market", text(trade.pair.id),
    "created_at", text(floor:iso(trade.created_ms))):sub(1, -2) .. maker_fields(floor, trade)
end

--- A trade of GET /trades: nobody's.
function M.public_trade(floor, trade)
  if floor.settings.maker_type then return trade_head(floor, trade) .. "}" end
  return trade_head(floor, trade) .. ',"side":null}'
end

--- A trade of GET /trades/my. One with oneself is one row, on the ask's side (9).
function M.my_trade(floor, trade, member)
  local is_ask = trade.sell.member == member
  return trade_head(floor, trade) .. ',"side":' .. text(is_ask and "ask" or "bid")
         .. ',"order_id":' .. (is_ask and trade.sell or trade.buy).id .. "}"
end

--- The `trade` message to a member, its orders as they are now.
function M.trade_message(floor, trade, member)
  local is_ask, is_bid = trade.sell.member == member, trade.buy.member == member
  local parts = { trade_head(floor, trade), ',"side":',
                  text(is_ask and is_bid and "both" or is_ask and "ask" or "bid") }
  if is_ask then parts[#parts + 1] = ',"ask":' .. M.order(floor, trade.sell) end
  if is_bid then parts[#parts + 1] = ',"bid":' .. M.order(floor, trade.buy) end
  if floor.settings.extra_fields then parts[#parts + 1] = ',"future":{"a":[1,null]}' end
  return object("trade", table.concat(parts) .. "}")
end

return M
