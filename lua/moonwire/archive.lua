--- What earlier runs left in the journal: orders with their fills, what strategies kept, the epochs
--- of ids. Read only; the tables are those of runtime/journal_schema.h. A journal that is not there
--- is an empty archive; one that cannot be read is said once, and counts as empty.

local chain = require "moonwire.chain"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local host = require "moonwire.host"
local lag = require "moonwire.journal.lag"
local versions = require "moonwire.versions"

local Archive = { __name = "moonwire.Archive" }
Archive.__index = Archive

local M = {}
local PAGE = 5000                     -- rows that are in memory at once
local CUT_OFF = "cut off"               -- how a run ended whose end was not written (journal.c)
local RECENT_ORDERS = 1000            -- whose ids are looked at for their epoch
local ESTIMATE, PROVISIONAL = 2, 4     -- MW_FILL_FLAG_ of runtime/record.h

---@class moonwire.ArchivedFill
---@field trade_id string|nil
---@field qty moonwire.decimal
---@field price moonwire.decimal
---@field fees moonwire.Fee[]
---@field liquidity string|nil
---@field time number|nil              seconds since 1970, at the venue
---@field is_estimate boolean          counted on the venue's total alone, and not named since
---@field is_provisional boolean       the price is a bound
---@field number integer               its key

---@class moonwire.ArchivedOrder      fields of DESIGN section 5, amounts as decimals, and
---@field is_qty_estimate boolean
---@field external boolean
---@field chain table|nil             what it was at the venue, of one that was replaced (chain.lua)
---@field fills moonwire.ArchivedFill[]  in the order in which they were counted

--- @param path string|nil  of the journal; nil: there is none
--- @param log table        moonwire.log
function M.open(path, log)
  local self = setmetatable({ path = path, log = log, db = false }, Archive)
  local file = path and io.open(path, "r")
  if not file then return self end
  file:close()
  local db, err = host.journal_open(path)
  if db then self.db = db
  else
    log.error("%s: what earlier runs knew is lost to this one; orders are told by their ids and "
              .. "the venue alone, positions begin flat", err)
  end
  return self
end

--- Whether what this run recorded is not all in the tables yet: under load they lag behind.
function Archive:lags()
  if not self.db then return false end
  if self.tells_lag == nil then self.tells_lag = lag.is_told(self.db) end
  local lags, err = false, nil
  if self.tells_lag then lags, err = lag.lags(self.db) end
  if err then self.log.error("%s: %s", self.path, err) end
  if lags then host.record("lag", "") end
  return lags or false
end

--- Whether there is a journal that can be asked.
function Archive:is_there() return self.db ~= false end

function Archive:close()
  if self.db then self.db:close() end
  self.db = false
end

-- The rows of a query; none when it fails, which is said.
local function rows_of(self, sql, ...)
  if not self.db then return {} end
  local rows, err = self.db:query(sql, ...)
  if rows then return rows end
  self.log.error("%s: %s", self.path, err)
  return {}
end

-- Rows into values --------------------------------------------------------------------------------

local function seconds(ns) return ns and tonumber(ns) / 1e9 end
local function amount(text) return text and decimal(text) end

local function fees_of(text)
  local fees = {}
  for value, asset in (text or ""):gmatch("([^%s,]+) ([^%s,]+)") do
    fees[#fees + 1] = { amount = decimal(value), asset = asset }
  end
  return fees
end

local function has(flags, flag) return math.floor((flags or 0) / flag) % 2 == 1 end

local function fill_of(row)
  return {
    trade_id = row.trade_id, qty = decimal(row.qty), price = decimal(row.price),
    fees = fees_of(row.fees), liquidity = row.liquidity, time = seconds(row.time_ns),
    is_estimate = has(row.flags, ESTIMATE), is_provisional = has(row.flags, PROVISIONAL),
    number = row.fill,
  }
end

local function visit_fill(visit, row)
  local fill = fill_of(row)
  fill.booked_at = seconds(row.booked_ns)
  visit(fill, row, row.fill)
end

local function fills_of(self, key)
  local fills = {}
  for i, row in ipairs(rows_of(self, "SELECT * FROM fills WHERE order_key = ? AND qty <> '0' "
                               .. "ORDER BY fill", key)) do
    fills[i] = fill_of(row)
  end
  return fills
end

local function order_of(self, row)
  return {
    client_order_id = row.client_order_id, order_id = row.order_id, venue = row.venue,
    symbol = row.symbol, side = row.side, type = row.type, time_in_force = row.time_in_force,
    price = amount(row.price), qty = amount(row.qty), amount = amount(row.amount),
    is_qty_estimate = row.is_estimate == 1, status = row.status, reason = row.reason,
    strategy = row.strategy, external = row.external == 1, created_at = seconds(row.created_ns),
    updated_at = seconds(row.updated_ns), fills = fills_of(self, row.key),
    chain = row.client_order_id and chain.archived(self, row.venue, row.client_order_id),
  }
end

-- A row that cannot be understood is said, and left out.
local function understood(self, row)
  local ok, result = pcall(order_of, self, row)
  if ok then return result end
  self.log.error("%s: order %s is not understood and left to the venue: %s", self.path,
                 row.client_order_id or row.order_id, result)
end

-- Questions ---------------------------------------------------------------------------------------

--- The orders of ours that were open, pending or unknown when the journal ends, oldest first.
---@return moonwire.ArchivedOrder[]
function Archive:open_orders()
  local orders = {}
  -- The words of the index orders_open.
  for _, row in ipairs(rows_of(self, "SELECT * FROM orders INDEXED BY orders_open "
      .. "WHERE status NOT IN ('filled', 'canceled', 'rejected', 'expired') "
      .. "AND external IS NOT 1 ORDER BY key")) do
    orders[#orders + 1] = understood(self, row)
  end
  return orders
end

--- Orders of ours that changed at `since` (seconds since 1970) or later, oldest first.
---@return moonwire.ArchivedOrder[]
function Archive:recent_orders(since)
  local orders = {}
  for _, row in ipairs(rows_of(self, "SELECT * FROM orders WHERE updated_ns >= ? "
      .. "AND external IS NOT 1 ORDER BY key", ("%.0f"):format(since * 1e9))) do
    orders[#orders + 1] = understood(self, row)
  end
  return orders
end

local function row_of(self, venue, client_order_id)
  return rows_of(self, "SELECT * FROM orders WHERE venue = ? AND client_order_id = ?", venue,
                 client_order_id)[1]
end

--- The order that either id speaks of, as itself or as one that replaced it; or nil. As
--- Orders:find, ours goes first.
---@param venue string
---@param client_order_id string|nil
---@param order_id string|nil
---@return moonwire.ArchivedOrder|nil
function Archive:order(venue, client_order_id, order_id)
  local row
  if client_order_id then
    row = row_of(self, venue, client_order_id)
    local replaced = not row and chain.archived_order(self, venue, client_order_id)
    if replaced then row = row_of(self, venue, replaced) end
  end
  if not row and order_id then
    row = rows_of(self, "SELECT * FROM orders WHERE venue = ? AND order_id = ? "
      .. "ORDER BY key DESC LIMIT 1", venue, order_id)[1]
  end
  return row and understood(self, row)
end

--- Calls visit(fill, order, number) for each fill of a strategy's order, in the order in which they
--- were counted, behind number `after`; `order` has strategy, venue, symbol, side and both ids,
--- `fill` has booked_at (seconds since 1970) as well. `of_all`: those of orders of others, too.
---@return integer last  number of the last fill
function Archive:each_fill(after, visit, of_all)
  local last, problem = after, nil
  repeat
    local rows = rows_of(self, "SELECT f.fill, f.trade_id, f.qty, f.price, f.fees, f.flags, "
      .. "f.liquidity, f.time_ns, "
      .. "f.booked_ns, o.strategy, o.venue, o.symbol, o.side, o.client_order_id, o.order_id "
      .. "FROM fills f CROSS JOIN orders o ON o.key = f.order_key WHERE f.fill > ? "
      .. "AND f.qty <> '0' ORDER BY f.fill LIMIT " .. PAGE, last)
    for _, row in ipairs(rows) do
      last = row.fill
      local ok, err = true, nil
      if row.strategy or of_all then ok, err = pcall(visit_fill, visit, row) end
      if not ok and err ~= problem then
        problem = err                            -- one cause may have a thousand consequences
        self.log.error("%s: a fill of %s is not understood and left out of the position: %s",
                       self.path, row.strategy or "others", err)
      end
    end
  until #rows < PAGE
  return last
end

--- The runs behind number `after` that died together with their guardian: since when nothing was
--- written by the first of them, in seconds since 1970, and the number of the last; nil when there
--- is none.
---@param after integer
---@return number|nil since
---@return integer last_run
function Archive:unwritten_since(after)
  local found = rows_of(self, "SELECT min(ended_ns) AS since, max(run) AS last FROM runs "
    .. "WHERE how = ? AND run > ?", CUT_OFF, after)[1]
  return found and seconds(found.since), found and found.last
end

--- The symbols of the last orders on a venue.
---@return string[]
function Archive:recent_symbols(venue)
  local list = {}
  for i, row in ipairs(rows_of(self, "SELECT DISTINCT symbol FROM (SELECT symbol, venue "
      .. "FROM orders ORDER BY key DESC LIMIT " .. RECENT_ORDERS .. ") WHERE venue = ?", venue)) do
    list[i] = row.symbol
  end
  return list
end

--- What that strategy kept, as a text of persist.encode, or nil.
function Archive:persist(strategy)
  local row = rows_of(self, "SELECT text FROM persist WHERE strategy = ?", strategy)[1]
  return row and row.text
end

local UNTOLD_FILLS = [[
  SELECT f.fill, f.trade_id, coalesce(f.new_qty, f.qty) AS qty, f.price, f.fees, f.liquidity,
         f.flags, f.time_ns, o.venue, o.client_order_id, o.order_id
  FROM fills f CROSS JOIN orders o ON o.key = f.order_key
  WHERE f.fill > coalesce((SELECT coalesce(told, 9223372036854775807) FROM persist
                           WHERE strategy = ?1), 0)
    AND o.strategy = ?1 AND coalesce(f.new_qty, f.qty) <> '0'
  ORDER BY f.fill]]

--- The fills of a strategy's orders that it has not heard of, in the order in which they were
--- counted: all when it has never begun with this journal (each start leaves a mark), none when the
--- mark does not say how far it has heard (a journal of version 1). Each has venue, client_order_id
--- and order_id of its order; qty is what was new at that time.
---@return moonwire.ArchivedFill[]
function Archive:untold_fills(strategy)
  local fills = {}
  for _, row in ipairs(rows_of(self, UNTOLD_FILLS, strategy)) do
    local ok, fill = pcall(fill_of, row)
    if ok then
      fill.venue, fill.client_order_id, fill.order_id = row.venue, row.client_order_id, row.order_id
      fills[#fills + 1] = fill
    else
      self.log.error("%s: fill %s of %s is not understood and not told: %s", self.path,
                     row.trade_id or row.fill, row.client_order_id or row.order_id, fill)
    end
  end
  return fills
end

--- Texts that were kept under numbered names, `prefix`:000001 and so on: { number =, text = }, ...
function Archive:untold(prefix)
  local list = {}
  for _, row in ipairs(rows_of(self, "SELECT strategy, text FROM persist WHERE strategy > ? "
      .. "AND strategy < ? AND text <> '' ORDER BY strategy", prefix .. ":", prefix .. ";")) do
    list[#list + 1] = { number = tonumber(row.strategy:match "%d+$"), text = row.text }
  end
  return list
end

--- The versions of code that were loaded, oldest first, by the name of what they are of.
---@return table<string, moonwire.Version[]>
function Archive:versions()
  local by_name = {}
  local rows = rows_of(self, "SELECT * FROM versions ORDER BY name, number, file")
  for _, kept in ipairs(versions.of_rows(rows)) do
    local list = by_name[kept.name] or {}
    by_name[kept.name] = list
    list[#list + 1] = { number = kept.number, time = seconds(kept.time_ns), by = kept.by,
                        files = kept.files }
  end
  return by_name
end

--- The highest epoch (ms since 1970) that ids of this runtime carry; 0 when there are none.
function Archive:last_epoch_ms(runtime)
  local last = tonumber((rows_of(self, "SELECT max(epoch) AS epoch FROM runs")[1] or {}).epoch) or 0
  local tag, short = client_id.tag(runtime), client_id.number_tag(runtime)
  for _, row in ipairs(rows_of(self, "SELECT client_order_id FROM orders WHERE client_order_id "
      .. "IS NOT NULL ORDER BY key DESC LIMIT " .. RECENT_ORDERS)) do
    local id = client_id.parse(row.client_order_id)
    local is_own = id and (id.runtime == tag or id.runtime == short)
    if is_own and id.started_ms and id.started_ms > last then last = id.started_ms end
  end
  return last
end

return M
