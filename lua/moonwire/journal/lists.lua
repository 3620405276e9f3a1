--- Orders, fills, sessions, log and runs of a journal, page by page. The tables are those of
--- runtime/journal_schema.h.

local decimal = require "moonwire.decimal"
local text = require "moonwire.journal.text"

local M = {}
local PAGE = 500

local function average(row)
  local qty = row.cum_qty and decimal(row.cum_qty)
  if not qty or qty:sign() <= 0 or not row.value then return "" end
  return tostring(decimal(row.value):div(qty, 8, "half_even"))
end

-- What a person sees: title, and a column's name or a function of the row.
local lists = {
  orders = {
    from = "orders o", cursor = "o.key", since = "o.updated_ns", till = "o.created_ns",
    columns = "o.*", filters = { venue = "o.venue = ?", symbol = "o.symbol = ?",
      strategy = "o.strategy = ?", order = "(o.client_order_id = ? OR o.order_id = ?)" },
    shown = {
      { title = "time (UTC)", function(row) return text.time(row.created_ns) end },
      { title = "venue", "venue" }, { title = "symbol", "symbol" }, { title = "side", "side" },
      { title = "type", "type" }, { title = "price", "price", is_number = true },
      { title = "qty", function(row) return row.qty or row.amount end, is_number = true },
      { title = "cum_qty", "cum_qty", is_number = true },
      { title = "avg_price", average, is_number = true }, { title = "status", "status" },
      { title = "strategy", function(row)
          return row.strategy or row.external == 1 and "(external)" or ""
        end },
      { title = "client_order_id", "client_order_id" }, { title = "order_id", "order_id" },
      { title = "reason", "reason" },
    },
  },
  fills = {
    from = "(SELECT * FROM fills WHERE qty <> '0') f LEFT JOIN orders o ON o.key = f.order_key",
    cursor = "f.fill",
    since = "f.booked_ns", till = "f.booked_ns",
    columns = "f.*, o.venue, o.symbol, o.side, o.strategy, o.client_order_id, o.order_id",
    filters = { venue = "o.venue = ?", symbol = "o.symbol = ?", strategy = "o.strategy = ?",
                order = "(o.client_order_id = ? OR o.order_id = ?)" },
    shown = {
      { title = "time (UTC)", function(row) return text.time(row.booked_ns) end },
      { title = "venue", "venue" }, { title = "symbol", "symbol" }, { title = "side", "side" },
      { title = "qty", "qty", is_number = true }, { title = "price", "price", is_number = true },
      { title = "fees", "fees", is_number = true }, { title = "liquidity", "liquidity" },
      { title = "strategy", "strategy" }, { title = "trade_id", "trade_id" },
      { title = "order", function(row) return row.client_order_id or row.order_id end },
    },
  },
  sessions = {
    from = "sessions", cursor = "rowid", since = "time_ns", till = "time_ns",
    columns = "rowid, *", filters = { venue = "venue = ?" },
    shown = {
      { title = "time (UTC)", function(row) return text.time(row.time_ns) end },
      { title = "run", "run", is_number = true }, { title = "venue", "venue" },
      { title = "state", "state" }, { title = "why", "why" },
    },
  },
  log = {
    from = "log", cursor = "rowid", since = "time_ns", till = "time_ns", columns = "rowid, *",
    filters = {},
    shown = {
      { title = "time (UTC)", function(row) return text.time(row.time_ns) end },
      { title = "run", "run", is_number = true }, { title = "level", "level" },
      { title = "text", function(row) return text.line(row.text or "", 400) end },
    },
  },
  runs = {
    from = "runs", cursor = "run", since = "coalesce(ended_ns, started_ns)", till = "started_ns",
    columns = "*", filters = {},
    shown = {
      { title = "run", "run", is_number = true },
      { title = "started (UTC)", function(row) return text.time(row.started_ns) end },
      { title = "ended (UTC)", function(row) return text.time(row.ended_ns) end },
      { title = "name", function(row) return row.name or "(no strategies)" end },
      { title = "pid", "pid", is_number = true },
      { title = "version", "version" },
      { title = "how", function(row) return row.how or "not ended, as far as is known" end },
      { title = "configuration", "config" },
    },
  },
}

-- The conditions of a question, and the values in them.
local function conditions(list, question)
  local parts, values = {}, {}
  for name, value in pairs(question.filters) do
    parts[#parts + 1] = list.filters[name]
    for _ in list.filters[name]:gmatch "%?" do values[#values + 1] = value end
  end
  if question.since then
    parts[#parts + 1] = list.since .. " >= CAST(? AS INTEGER)"
    values[#values + 1] = question.since
  end
  if question.until_ then
    parts[#parts + 1] = list.till .. " <= CAST(? AS INTEGER)"
    values[#values + 1] = question.until_
  end
  return parts, values
end

local Reader = { __name = "moonwire.JournalList" }
Reader.__index = Reader

--- A reader of what the question asks for; its columns are for text.table.
function M.new(db, question)
  local list = lists[question.what]
  local self = setmetatable({ db = db, list = list, last = false, question = question,
                              columns = list.shown, changed = "0" }, Reader)
  self.conditions, self.values = conditions(list, question)
  return self
end

-- Of an order in the hundredth run it has 15 digits, of which tostring would leave out some.
local function digits(value)
  return type(value) == "number" and ("%.0f"):format(value) or value
end

local function query(self, more, tail, ...)
  local where = { unpack(self.conditions) }
  where[#where + 1] = more
  local values = { unpack(self.values) }
  for i = 1, select("#", ...) do values[#values + 1] = (select(i, ...)) end
  return self.db:query(("SELECT %s, %s AS cursor FROM %s %s %s"):format(
    self.list.columns, self.list.cursor, self.list.from,
    #where > 0 and "WHERE " .. table.concat(where, " AND ") or "", tail), unpack(values))
end

-- The first row of the last N, as a cursor.
local function find_start(self)
  local limit = self.question.limit
  if not limit then return "0" end
  local rows, err = query(self, nil, ("ORDER BY %s DESC LIMIT 1 OFFSET %d"):format(
    self.list.cursor, limit - 1))
  if not rows then return nil, err end
  return rows[1] and digits(rows[1].cursor) or "0"
end

-- An order is shown again whenever it changes, so its page begins with the time of the last change.
local function next_changes(self)
  local rows, err = query(self, "o.updated_ns > CAST(? AS INTEGER)",
                          "ORDER BY o.updated_ns LIMIT " .. PAGE, self.changed)
  if rows and rows[1] then self.changed = digits(rows[#rows].updated_ns) end
  return rows, err
end

local function note_changes(self, rows)
  for _, row in ipairs(rows) do
    local ns = digits(row.updated_ns)
    if #ns > #self.changed or #ns == #self.changed and ns > self.changed then self.changed = ns end
  end
end

--- The next page of rows, {} at the end (there may be more later); nil and what failed.
function Reader:next()
  if not self.last then
    local start, err = find_start(self)
    if not start then return nil, err end
    self.last = false
    self.from = start
  elseif self.is_through and self.question.what == "orders" then
    return next_changes(self)
  end
  local compare = self.last and " > CAST(? AS INTEGER)" or " >= CAST(? AS INTEGER)"
  local rows, err = query(self, self.list.cursor .. compare,
                          ("ORDER BY %s LIMIT %d"):format(self.list.cursor, PAGE),
                          self.last or self.from)
  if not rows then return nil, err end
  self.last = rows[1] and digits(rows[#rows].cursor) or self.last or "-1"
  self.is_through = #rows < PAGE
  if self.question.what == "orders" then note_changes(self, rows) end
  return rows
end

--- A row for people: texts, one for each column.
function Reader:cells(row)
  local cells = {}
  for i, column in ipairs(self.columns) do
    local from = column[1]
    local value = type(from) == "function" and from(row) or row[from]
    cells[i] = value == nil and "" or tostring(value)
  end
  return cells
end

local is_boolean = { is_estimate = true, external = true }
local left_out = { key = true, order_key = true, fill = true, rowid = true, cursor = true,
                   new_qty = true }

--- A row for machines. Amounts are texts, times ISO (UTC) to the ns.
function Reader:fields(row) -- luacheck: no self
  local fields = {}
  for name, value in pairs(row) do
    if is_boolean[name] then fields[name] = value == 1
    elseif name:find "_ns$" then fields[name:gsub("_ns$", "")] = text.iso(value)
    elseif not left_out[name] then fields[name] = value end
  end
  return fields
end

return M
