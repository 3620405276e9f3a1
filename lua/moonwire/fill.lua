--- A fill: an execution that was counted, and of its order what belongs to it. One is made for each
--- execution, so it is an array, which LuaJIT makes in one piece; what it shows it looks for there.

local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"

local M = {}

local Fill = { __name = "moonwire.Fill" }
M.Fill = Fill

local ORDER, TRADE_ID, EXECUTION, NUMBER = 1, 2, 3, 4

--- A fill of an order.
---@param view moonwire.Order       the order as strategies have it
---@param trade_id string|number|nil  text, or the number of decode.id
---@param x ffi.cdata*              struct mw_execution, the fill's own from now on
---@return moonwire.Fill
function M.new(view, trade_id, x)
  return setmetatable({ view, trade_id or false, x, 0 }, Fill)
end

--- Its trade's id as M.new had it; false: it has none.
function M.trade_id(fill) return fill[TRADE_ID] end

--- Its execution; nil of what only looks like a fill.
function M.execution(fill) return fill[EXECUTION] end

--- Its number in the journal; 0 while it has none.
function M.number(fill) return fill[NUMBER] end
function M.set_number(fill, number) fill[NUMBER] = number end

local of_execution = {
  qty = function(x) return decimal.copy(x.qty) end,
  price = function(x) return decimal.copy(x.price) end,
  fees = execution.fees,
  liquidity = execution.liquidity,
  time = function(x) return x.time > 0 and x.time or nil end,
}
local of_order = { client_order_id = true, order_id = true, venue = true, symbol = true,
                   side = true, strategy = true }

local function id_text(fill)
  local id = rawget(fill, TRADE_ID)
  return type(id) == "number" and ("%.0f"):format(id) or id or nil
end

function Fill:__index(key)
  local derive = of_execution[key]
  if derive then
    return derive(rawget(self, EXECUTION) or error("a fill without its execution", 2))
  end
  if key == "order" then return rawget(self, ORDER) end
  if of_order[key] then return rawget(self, ORDER)[key] end
  if key == "trade_id" then return id_text(self) end
end

function Fill:__newindex(key)
  error(("a fill is not changed by writing to it (%s): it is what was executed, %s at %s"):format(
    tostring(key), tostring(self.qty), tostring(self.price)), 2)
end

return M
