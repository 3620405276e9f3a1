--- An order as the prompt shows it: to be read and waited for. What is written to an order, or
--- reported to it, changes what the runtime believes of it, also from a prompt that may only look.

local order_module = require "moonwire.order"

local M = {}
local order_of = setmetatable({}, { __mode = "k" })       -- no order leads to a view of it
local METHODS = { is_open = true, is_missing_fills = true, wait = true }

local View = { __name = "moonwire.OrderView" }

function View:__index(key)
  local order = order_of[self]
  if METHODS[key] then
    local method = order_module.Order[key]
    return function(_, ...) return method(order, ...) end
  end
  if type(key) ~= "string" or key:sub(1, 1) == "_" then return nil end
  local value = order[key]
  if type(value) ~= "function" then return value end
end

function View:__newindex(key)
  error(("%s: an order is not changed by writing to it (%s): cancel it, and send another"):format(
    tostring(self), tostring(key)), 2)
end

function View:__tostring() return tostring(order_of[self]) end
function View:__eq(other) return order_of[self] == order_of[other] end

--- A view of an order.
---@param order moonwire.Order
---@return moonwire.Order view
function M.of(order)
  local view = setmetatable({}, View)
  order_of[view] = order
  return view
end

--- The same list with views in place of orders.
---@param orders moonwire.Order[]
---@return moonwire.Order[]
function M.list(orders)
  local views = {}
  for i, order in ipairs(orders) do views[i] = M.of(order) end
  return views
end

--- Calls add(name, member) for all that a view has.
---@param view table
---@param add fun(name: string, member: any)
function M.members(view, add)
  for name, member in next, order_of[view] do
    if type(name) == "string" and name:sub(1, 1) ~= "_" then add(name, member) end
  end
  for name in pairs(METHODS) do add(name, order_module.Order[name]) end
end

--- The order of a view; nil when it is none.
---@param value any
---@return moonwire.Order|nil
function M.order(value) return type(value) == "table" and order_of[value] or nil end

return M
