--- Everything that was recorded, record by record, out of the chunks.

local replaced = require "moonwire.journal.replaced"
local records = require "moonwire.journal.records"
local text = require "moonwire.journal.text"

local M = {}
local SHOWN = 200                     -- characters of a record's bytes

M.columns = {
  { title = "time (UTC)" }, { title = "event", is_number = true }, { title = "kind" },
  { title = "id", is_number = true }, { title = "what" },
}

local Reader = { __name = "moonwire.JournalEvents" }
Reader.__index = Reader

--- A reader of what the question asks for, like lists.new.
function M.new(db, question)
  local self = setmetatable({ db = db, question = question, columns = M.columns, last = false,
                              since = question.since and text.ns(question.since),
                              till = question.until_ and text.ns(question.until_),
                              order = question.filters.order, numbers = {} }, Reader)
  return self
end

-- All ids of an order that was asked for by one of them.
local function ids_of(self)
  local id = replaced.order_of(self.db, self.order) or self.order
  local rows, err = self.db:query("SELECT venue, client_order_id, order_id FROM orders "
                                  .. "WHERE client_order_id = ? OR order_id = ?", id, id)
  if not rows then return nil, err end
  local ids = { [id] = true }
  for _, row in ipairs(rows) do replaced.add_ids(self.db, row, ids) end
  return ids
end

-- Records of an order carry its number in the run, which its `order` record tells.
local function is_of_order(self, record)
  if record.kind == "order" then
    local words = records.words(record.text)
    if not self.ids[words[1]] and not self.ids[words[2]] then return false end
    self.numbers[record.run .. ":" .. record.id] = true
    return true
  elseif record.kind == "order_status" or record.kind == "fill" then
    return self.numbers[record.run .. ":" .. record.id] or false
  end
  for id in pairs(self.ids) do
    if record.data:find(id, 1, true) or record.text:find(id, 1, true) then return true end
  end
  return false
end

local function matches(self, record)
  if self.since and record.ns < self.since or self.till and record.ns > self.till then
    return false
  end
  return not self.order or is_of_order(self, record)
end

local function rows_of(self, chunk)
  local rows = {}
  local ok, err = records.each(chunk.bytes, chunk.run, function(record)
    if matches(self, record) then rows[#rows + 1] = record end
  end)
  if not ok then return nil, err end
  return rows
end

local RANGE = " to_ns >= CAST(? AS INTEGER) AND from_ns <= CAST(? AS INTEGER) "

local function chunks(self, where, tail, ...)
  return self.db:query("SELECT chunk, run, bytes FROM chunks WHERE" .. RANGE .. where .. tail,
                       self.question.since or "0", self.question.until_ or "9223372036854775807",
                       ...)
end

-- The chunk in which the last N records begin.
local function find_start(self)
  local limit, count, start = self.question.limit, 0, 2^53
  if not limit or self.order then return 0 end         -- numbers of orders are told from the start
  while count < limit do
    local found, err = chunks(self, "AND chunk < ?", " ORDER BY chunk DESC LIMIT 1", start)
    if not found then return nil, err end
    if not found[1] then break end
    local rows
    rows, err = rows_of(self, found[1])
    if not rows then return nil, err end
    count, start = count + #rows, found[1].chunk
  end
  self.skip = math.max(0, count - limit)
  return start
end

local function without_first(rows, count)
  local rest = {}
  for i = count + 1, #rows do rest[#rest + 1] = rows[i] end
  return rest
end

local function next_rows(self)
  repeat
    local found, err = chunks(self, "AND chunk > ?", " ORDER BY chunk LIMIT 1", self.last)
    if not found then return nil, err end
    if not found[1] then return {} end
    self.last = found[1].chunk
    local rows
    rows, err = rows_of(self, found[1])
    if not rows then return nil, err end
    local skipped = math.min(self.skip or 0, #rows)
    self.skip = (self.skip or 0) - skipped
    rows = without_first(rows, skipped)
    if #rows > 0 then return rows end
  until false
end

-- All records of one order, of which the last are shown.
local function gather(self)
  local all = {}
  repeat
    local rows, err = next_rows(self)
    if not rows then return nil, err end
    for _, row in ipairs(rows) do all[#all + 1] = row end
  until #rows == 0
  return without_first(all, math.max(0, #all - (self.question.limit or #all)))
end

--- As that of lists: the next records, {} at the end; nil and what failed.
function Reader:next()
  if self.last then return next_rows(self) end
  local start, err = find_start(self)
  if start and self.order then self.ids, err = ids_of(self) end
  if not start or self.order and not self.ids then return nil, err end
  self.last = start - 1
  if self.order then return gather(self) end
  return next_rows(self)
end

function Reader:cells(record) -- luacheck: no self
  return { (text.iso(text.digits(record.ns)):gsub("[TZ]", { T = " ", Z = "" })),
           record.event and ("%.0f"):format(record.event) or "", record.kind,
           record.id > 0 and ("%.0f"):format(record.id) or "", records.describe(record, SHOWN) }
end

function Reader:fields(record) return records.json_fields(record) end -- luacheck: no self

return M
