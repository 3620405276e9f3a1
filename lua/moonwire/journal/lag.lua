--- Under load the tables of a journal lag behind its chunks (`drawn` of runtime/journal_schema.h).

local records = require "moonwire.journal.records"
local text = require "moonwire.journal.text"

local M = {}
local EXTERNAL = 8                    -- MW_ORDER_FLAG_ of runtime/record.h
local LEFT = "FROM chunks c, drawn d "
  .. "WHERE (c.chunk > d.chunk OR c.chunk = d.chunk AND c.last > d.number) "

--- Whether this journal tells how far its tables are; one of version 1 does not, they never lagged.
---@return boolean|nil
---@return string|nil err
function M.is_told(db)
  local rows, err = db:query "SELECT name FROM sqlite_schema WHERE name = 'drawn'"
  if not rows then return nil, err end
  return rows[1] ~= nil
end

--- Whether the tables lag; only for a journal that tells it.
---@return boolean|nil
---@return string|nil err
function M.lags(db)
  local rows, err = db:query("SELECT 1 " .. LEFT .. "LIMIT 1")
  if not rows then return nil, err end
  return rows[1] ~= nil
end

--- How many records are not in the tables yet.
---@return integer|nil
---@return string|nil err
function M.count(db)
  local is_told, err = M.is_told(db)
  if not is_told then return is_told == false and 0 or nil, err end
  local rows
  rows, err = db:query("SELECT coalesce(sum(c.last - max(c.first - 1, CASE c.chunk WHEN d.chunk "
                       .. "THEN d.number ELSE 0 END)), 0) AS count " .. LEFT)
  return rows and rows[1].count, err
end

-- Calls visit(record) for each record of the chunks that are not drawn to their end.
local function each_record(db, visit)
  local last = 0
  while true do
    local rows, err = db:query("SELECT c.chunk, c.run, c.bytes " .. LEFT
                               .. "AND c.chunk > ? ORDER BY c.chunk LIMIT 1", last)
    if not rows then return nil, err end
    local chunk = rows[1]
    if not chunk then return true end
    last = chunk.chunk
    local ok
    ok, err = records.each(chunk.bytes, chunk.run, visit)
    if not ok then return nil, err end
  end
end

--- The order with that id (either) from what is not drawn yet, with the columns of `orders` that
--- its records tell; nil when there is none, and what failed.
---@param db table
---@param id string
---@return table|nil row
---@return string|nil err
function M.find_order(db, id)
  local is_told, failure = M.is_told(db)
  if not is_told then return nil, failure end
  local orders, found = {}, nil
  local ok, err = each_record(db, function(record)
    local key = record.run .. ":" .. record.id
    if record.kind == "order" then
      local row = records.fields(record)
      row.created_ns = text.digits(record.ns)
      row.external = bit.band(record.flags, EXTERNAL) ~= 0 and 1 or 0
      orders[key] = row
    elseif record.kind ~= "order_status" or not orders[key] then
      return
    end
    local row = orders[key]
    if record.kind == "order_status" then
      for name, value in pairs(records.fields(record)) do row[name] = value end
    end
    row.updated_ns = text.digits(record.ns)
    if row.client_order_id == id or row.order_id == id then found = row end
  end)
  if not ok then return nil, err end
  return found
end

return M
