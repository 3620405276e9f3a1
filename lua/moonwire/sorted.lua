--- Tables in an order that is the same each time: pairs() has none.

local M = {}

--- The keys of a table, which are texts, in the alphabet's order.
---@param value table<string, any>
---@return string[]
function M.keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

return M
