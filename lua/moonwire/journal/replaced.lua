--- Orders that were replaced (chain.lua), for who reads a journal: by which ids the venue knew one.

local chain = require "moonwire.chain"

local M = {}

-- A journal as chain.lua reads it.
local function archive(db)
  return { persist = function(_, key)
    local rows = db:query("SELECT text FROM persist WHERE strategy = ?", key)
    return rows and rows[1] and rows[1].text
  end }
end

--- The client_order_id of the order that was replaced by one of this id; nil when there is none.
---@param db table
---@param id string
---@return string|nil
function M.order_of(db, id)
  for _, row in ipairs(db:query "SELECT DISTINCT venue FROM orders" or {}) do
    local found = chain.archived_order(archive(db), row.venue, id)
    if found then return found end
  end
end

--- Adds all ids that the venue knew an order by to a set.
---@param db table
---@param row table  of `orders`
---@param ids table<string, true>
function M.add_ids(db, row, ids)
  if row.client_order_id then ids[row.client_order_id] = true end
  if row.order_id then ids[row.order_id] = true end
  local archived = row.client_order_id
    and chain.archived(archive(db), row.venue, row.client_order_id)
  for _, link in ipairs(archived and archived.links or {}) do
    ids[link.client_order_id] = true
    if link.order_id then ids[link.order_id] = true end
  end
end

return M
