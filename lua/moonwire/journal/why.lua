--- Why is there this order? The chain of records that made it and that it met: the event, the
--- callback, the command, the bytes, the answers, each change and fill, in order of time.

local lag = require "moonwire.journal.lag"
local replaced = require "moonwire.journal.replaced"
local records = require "moonwire.journal.records"
local text = require "moonwire.journal.text"

local M = {}
local MARGIN_NS = 2000000000LL        -- records before and after what the order's row tells
local NEVER_NS = 0x7fffffffffffffffLL
local SHOWN = 1000                    -- characters of a record's bytes

-- The order ------------------------------------------------------------------------------------

local function prefix_end(id) return id .. "\255" end

--- The row of the order with that id (either), or of the only one whose id begins so; nil and why
--- not.
---@param db table
---@param id string
---@return table|nil row
---@return string|nil err
function M.find(db, id)
  local rows, err = db:query("SELECT * FROM orders WHERE client_order_id = ?1 OR order_id = ?1 "
                             .. "OR client_order_id = ?2 LIMIT 6", id,
                             replaced.order_of(db, id) or id)
  if rows and #rows == 0 then
    rows, err = db:query("SELECT * FROM orders WHERE client_order_id >= ? AND client_order_id < ? "
      .. "OR order_id >= ? AND order_id < ? LIMIT 6", id, prefix_end(id), id, prefix_end(id))
  end
  if not rows then return nil, err end
  if #rows == 1 then return rows[1] end
  local undrawn = #rows == 0 and lag.find_order(db, id)
  if undrawn then return undrawn end
  if #rows == 0 then return nil, "no order " .. id .. "; `moonwire journal orders` lists them" end
  local ids = {}
  for i, row in ipairs(rows) do
    ids[i] = i > 5 and "..." or ("%s (%s)"):format(row.client_order_id or row.order_id, row.venue)
  end
  return nil, id .. " may be any of " .. table.concat(ids, ", ")
end

-- Its records ------------------------------------------------------------------------------------

-- Whether `id` stands in the bytes, and not inside a longer word.
local function mentions(bytes, id)
  local from = 1
  while true do
    local first, last = bytes:find(id, from, true)
    if not first then return false end
    local before, after = bytes:sub(first - 1, first - 1), bytes:sub(last + 1, last + 1)
    if (first == 1 or not before:find "[%w]") and not after:find "[%w]" then return true end
    from = first + 1
  end
end

local Chain = {}
Chain.__index = Chain

local function key(record, number) return record.run .. ":" .. number end

local own = { order = true, order_status = true, fill = true }

-- Records of the order itself: they have its number in the run. True when this is one.
local function is_own(self, record)
  if record.kind == "order" then
    local words = records.words(record.text)
    local is_it = words[3] == self.row.venue
      and (words[1] ~= "" and words[1] == self.row.client_order_id
           or words[2] ~= "" and words[2] == self.row.order_id)
    if is_it then self.numbers[key(record, record.id)] = true end
  end
  return own[record.kind] and self.numbers[key(record, record.id)] or false
end

-- First pass: what the order's own records say about events, and requests that speak of it.
local function note(self, record)
  if is_own(self, record) then
    if record.event then
      self.events[key(record, record.event)] = true
      if record.kind == "order" then self.made_by[key(record, record.event)] = true end
    end
  elseif record.kind == "http_request" and self:speaks_of_it(record) then
    self.requests[key(record, record.id)] = true
  end
end

function Chain:speaks_of_it(record)
  for id in pairs(self.ids) do
    if mentions(record.data, id) or mentions(record.text, id) then return true end
  end
  return false
end

-- What goes out, and what is told: their `event` is their cause, not themselves.
local no_events = {}
for _, kind in ipairs { "run", "ws_opening", "ws_send", "ws_closing", "http_request", "order",
                        "order_status", "fill", "session", "log", "dropped", "persist", "reload",
                        "console", "alarm", "stop", "told", "ws_handshake", "http_cancel" } do
  no_events[kind] = true
end

-- Second pass: whether a record belongs to the chain.
local function belongs(self, record)
  if own[record.kind] then return self.numbers[key(record, record.id)] or false end
  if record.event and not no_events[record.kind]
    and self.events[key(record, record.event)] then return true end
  if record.kind == "http_done" or record.kind == "http_cancel" then
    return self.requests[key(record, record.id)] or self:speaks_of_it(record)
  end
  if record.kind == "dropped" then
    return record.event and self.made_by[key(record, record.event)] or false
  end
  return self:speaks_of_it(record)
end

local function each_record(self, visit)
  local last = 0
  repeat
    local found, err = self.db:query("SELECT chunk, run, bytes FROM chunks WHERE chunk > ? AND "
      .. "to_ns >= CAST(? AS INTEGER) AND from_ns <= CAST(? AS INTEGER) ORDER BY chunk LIMIT 1",
      last, self.from, self.till)
    if not found then return nil, err end
    local chunk = found[1]
    if not chunk then return true end
    last = chunk.chunk
    local ok
    ok, err = records.each(chunk.bytes, chunk.run, visit)
    if not ok then return nil, err end
  until false
end

--- The records of the order's chain, in the order of writing, or nil and what failed.
---@param db table
---@param row table  of M.find
---@return moonwire.Record[]|nil
---@return string|nil err
function M.chain(db, row)
  local behind, problem = lag.count(db)
  if not behind then return nil, problem end
  local self = setmetatable({
    db = db, row = row, ids = {}, numbers = {}, events = {}, made_by = {}, requests = {},
    from = text.digits(text.ns(row.created_ns) - MARGIN_NS),
    -- What came last may not be in the row yet.
    till = behind > 0 and text.digits(NEVER_NS) or text.digits(text.ns(row.updated_ns) + MARGIN_NS),
  }, Chain)
  replaced.add_ids(db, row, self.ids)
  local chain = {}
  local ok, err = each_record(self, function(record) note(self, record) end)
  if ok then
    ok, err = each_record(self, function(record)
      if belongs(self, record) then chain[#chain + 1] = record end
    end)
  end
  if not ok then return nil, err end
  return chain
end

-- In words ---------------------------------------------------------------------------------------

local labels = {
  ws_send = "sent", http_request = "sent", ws_message = "came", http_done = "came",
  order = "order", order_status = "status", fill = "fill", dropped = "dropped", log = "log",
}

local function label_of(record)
  local label = labels[record.kind] or "event"
  local place = (record.kind:find "^ws_" and " on connection %.0f"
    or record.kind:find "^http_" and " as request %.0f" or ""):format(record.id)
  return label == "event" and record.kind .. place or label .. place
end

--- The lines of an answer for people.
---@param row table
---@param chain moonwire.Record[]
---@return string[]
function M.lines(row, chain)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  add("order     %s%s", row.client_order_id or row.order_id,
      row.client_order_id and row.order_id and " (" .. row.order_id .. " at the venue)" or "")
  add("what      %s %s %s at %s on %s, %s, cum_qty %s%s", row.side or "?",
      row.qty or row.amount or "?", row.symbol or "?", row.price or "market", row.venue or "?",
      row.status or "?", row.cum_qty or "0", row.reason and ": " .. row.reason or "")
  add("who       %s%s", row.callback or row.strategy or "nobody here",
      row.external == 1 and " (external: not sent by this runtime)" or "")
  if not chain[1] then
    add("its records are no longer in the journal: they were deleted by its limits")
    return lines
  end
  local start = chain[1].ns
  add("start     %s UTC, run %d; times below are ms since then",
      (text.iso(text.digits(start)):sub(1, -2):gsub("T", " ")), chain[1].run)
  for _, record in ipairs(chain) do
    local event = record.event and (" [event %.0f]"):format(record.event) or ""
    add("%+12.3f  %s%s  %s", tonumber(record.ns - start) / 1e6, label_of(record), event,
        records.describe(record, SHOWN))
  end
  return lines
end

return M
