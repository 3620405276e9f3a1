--- An order as strategies and prompts have it: to be read and waited for (view.lua). A strategy has
--- one view of an order, always the same (order.lua); it may be a key of a table.

local view = require "moonwire.view"

local M = {}

local View = view.class {
  name = "moonwire.Order",
  fields = {
    "client_order_id", "order_id", "venue", "symbol", "side", "type", "time_in_force", "price",
    "qty", "amount", "cum_qty", "leaves_qty", "avg_price", "status", "previous_status", "reason",
    "created_at", "updated_at", "strategy", "external", "is_qty_estimate",
  },
  methods = { "is_open", "is_missing_fills", "wait" },
  advice = "an order is not changed by writing to it (%s): cancel it, and send another; what is "
    .. "noted of it goes into a table of one's own, with the order as key",
}

--- A view of an order.
---@param order moonwire.Order
---@return moonwire.Order view
function M.of(order) return view.of(View, order) end

--- The same list with views in place of orders.
---@param orders moonwire.Order[]
---@return moonwire.Order[]
function M.list(orders)
  local views = {}
  for i, order in ipairs(orders) do views[i] = M.of(order) end
  return views
end

--- The order of a view; nil when it is none.
---@param value any
---@return moonwire.Order|nil
function M.order(value) return view.own(View, value) end

return M
