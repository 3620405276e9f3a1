--- A copy of a strategy's state, for migrate to work on: tables are copied, each once, with their
--- keys and their metatables; what belongs to the runtime (orders, decimals, timers) is the same in
--- both, because there is one of each.

local M = {}

--- Whether a table is the runtime's: an order, a book, a logger, ...
---@param value table
---@return boolean
function M.is_ours(value)
  local meta = debug.getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  return type(name) == "string" and name:find("^moonwire%.") ~= nil
end

local function copy_of(value, copies)
  if type(value) ~= "table" then return value end
  if copies[value] then return copies[value] end
  if M.is_ours(value) then return value end
  local copied = {}
  copies[value] = copied
  for key, each in next, value do copied[copy_of(key, copies)] = copy_of(each, copies) end
  debug.setmetatable(copied, debug.getmetatable(value))
  return copied
end

--- @param value any
--- @return any copy
function M.copy(value) return copy_of(value, {}) end

return M
