--- The same done with several orders, venues or strategies, with each on its own: one that fails is
--- told with its name and keeps none of the others from its turn.

local M = {}

local function name_of(item)
  if type(item) ~= "table" then return item end
  return item.name or item.client_order_id or item.order_id or item.context or item.symbol
    or item
end

--- Calls f(item) for each item of a list; it may wait.
---@param list any[]     orders, sessions, strategies, reports, ids of requests
---@param log table      of the desk, say
---@param what string    what is done: "cancel"
---@param f fun(item: any)
function M.in_turn(list, log, what, f)
  for _, item in ipairs(list) do
    local ok, err = xpcall(f, debug.traceback, item)
    if not ok then log.error("%s %s: %s", what, name_of(item), err) end
  end
end

return M
