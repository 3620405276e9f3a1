--- How values are shown at the prompt: aligned tables, decimals plain, nothing that a terminal
--- would take for a command. For a screen what is long or wide is cut, and it is said how to see
--- the rest; a script gets all of it.

local decimal = require "moonwire.decimal"
local fill_module = require "moonwire.fill"
local fitting = require "moonwire.fitting"
local json = require "moonwire.json"
local order_module = require "moonwire.order"
local order_view = require "moonwire.order_view"

local M = {}
local DEPTH, ENTRIES, WIDTH = 4, 100, 80
local KEYS, VALUES = 1000, 50000       -- of a table that are looked at; of JSON in all
local NARROWEST = 8                    -- that a column becomes
local REST = "... %d more: all(_) shows them"
local RIGHT = { decimal = true, number = true }

-- What a list is shown as; the list itself stays what it is.
local columns_of = setmetatable({}, { __mode = "k" })

--- A list of records that is shown as a table of these columns.
---@param rows table[]
---@param columns string[]  fields of the records; "created_at" and other "_at" are times
---@param nothing string|nil  what stands there when it is empty
function M.list(rows, columns, nothing)
  columns_of[rows] = { columns = columns, nothing = nothing or "none" }
  return rows
end

-- Texts -------------------------------------------------------------------------------------------

--- The same without control characters: what a venue or a file says must not move the cursor.
---@param text string
---@return string
function M.plain(text)
  return (text:gsub("[%z\1-\8\11-\31\127]", function(c) return ("\\%d"):format(c:byte()) end))
end

--- Seconds since 1970 as "13:05:01.123", UTC.
---@param seconds number
---@return string
function M.time(seconds)
  local ms = math.floor(seconds * 1000 + 0.5)
  return ("%s.%03d"):format(os.date("!%H:%M:%S", math.floor(ms / 1000)), ms % 1000)
end

-- Columns as a terminal counts them; a character of several bytes is one.
local function width_of(text) return #text - select(2, text:gsub("[\128-\191]", "")) end

local function number_text(value)
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  return ("%.14g"):format(value)
end

local function quoted(text)
  return '"' .. M.plain(text):gsub('"', '\\"'):gsub("\n", "\\n") .. '"'
end

-- Of an object of the library or of the user: what it says of itself.
local function own_text(value)
  local meta = getmetatable(value)
  if type(meta) ~= "table" and not decimal.is(value) and type(value) == "table" then return nil end
  if type(meta) == "table" and not rawget(meta, "__tostring") then return nil end
  local ok, text = pcall(tostring, value)
  return ok and M.plain(text) or "(an object that cannot be shown)"
end

local function is_name(key) return type(key) == "string" and key:find "^[%a_][%w_]*$" end

-- Inline ------------------------------------------------------------------------------------------

local inline

local function by_key(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return type(a) < type(b) or type(a) == type(b) and tostring(a) < tostring(b)
end

-- The keys of a table beside those of its list, whose length comes second: as many as are worth
-- sorting, and how many more there are.
local function keys_of(value)
  local keys, count, more = {}, #value, 0
  for key in next, value do
    local is_index = type(key) == "number" and key >= 1 and key <= count and key % 1 == 0
    local is_private = type(key) == "string" and key:sub(1, 1) == "_"
    if not is_index and not is_private then
      if #keys < KEYS then keys[#keys + 1] = key else more = more + 1 end
    end
  end
  table.sort(keys, by_key)
  return keys, count, more
end

local function parts_of(value, depth, seen)
  local parts, keys, count, more = {}, keys_of(value)
  for i = 1, math.min(count, ENTRIES) do parts[i] = inline(rawget(value, i), depth, seen) end
  for _, key in ipairs(keys) do
    if #parts >= ENTRIES then break end
    local name = is_name(key) and key or "[" .. inline(key, depth, seen) .. "]"
    parts[#parts + 1] = name .. " = " .. inline(rawget(value, key), depth, seen)
  end
  local left = count + #keys + more - #parts
  if left > 0 then parts[#parts + 1] = ("... %d more"):format(left) end
  return parts
end

function inline(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" then return number_text(value) end
  if decimal.is(value) then return tostring(value) end
  if kind ~= "table" then return M.plain(tostring(value)) end
  local text = own_text(value)
  if text then return text end
  if seen[value] then return "{ the table above }" end
  if depth <= 0 then return "{ ... }" end
  seen[value] = true
  local parts = parts_of(value, depth - 1, seen)
  seen[value] = nil
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

-- Tables ------------------------------------------------------------------------------------------

local function cell(column, value)
  if value == nil then return "-" end
  if type(value) == "number" and column:find "_at$" or column == "time" and type(value) == "number"
  then return M.time(value) end
  if type(value) == "string" then return (M.plain(value):gsub("\n", " ")) end
  return inline(value, 2, {})
end

local function pad(text, width, to_right)
  local blanks = (" "):rep(width - width_of(text))
  return to_right and blanks .. text or text .. blanks
end

local function line_of(cells, widths, to_right)
  local padded = {}
  for i, text in ipairs(cells) do padded[i] = pad(text, widths[i], to_right[i]) end
  return (table.concat(padded, "  "):gsub(" +$", ""))
end

local function is_right(value) return RIGHT[type(value)] or decimal.is(value) end

-- The same in so many columns: the end of an id or of a path tells more than its beginning.
local function shortened(text, width, keeps_end)
  if width_of(text) <= width then return text end
  local at = keeps_end and -1 or 1
  while width_of(text) > width - 2 do
    text = at == 1 and text:gsub("[^\128-\191][\128-\191]*$", "")
      or text:gsub("^[^\128-\191][\128-\191]*", "")
  end
  return at == 1 and text .. ".." or ".." .. text
end

local function keeps_end(column) return column:find "_id$" or column == "file" end

-- Makes columns of text narrower until a line fits: ids first, then the widest.
local function narrow(columns, rows, widths, to_right, width)
  local over = 2 * (#columns - 1) - width
  for i = 1, #columns do over = over + widths[i] end
  local order = {}
  for i in ipairs(columns) do if not to_right[i] then order[#order + 1] = i end end
  table.sort(order, function(a, b)
    local first, second = columns[a]:find "_id$" ~= nil, columns[b]:find "_id$" ~= nil
    if first ~= second then return first end
    return widths[a] > widths[b] or widths[a] == widths[b] and a < b
  end)
  for _, i in ipairs(order) do
    if over <= 0 then return end
    local least = math.max(NARROWEST, width_of(columns[i]))
    local less = math.min(over, math.max(0, widths[i] - least))
    widths[i], over = widths[i] - less, over - less
    for _, cells in ipairs(rows) do
      cells[i] = shortened(cells[i], widths[i], keeps_end(columns[i]))
    end
  end
end

--- Lines of records, under the names of their columns.
---@param records table[]
---@param columns string[]
---@param most integer|nil   so many records at most; nil: all
---@param width integer|nil  what a line should fit into; nil: as wide as they are
---@return string[] lines
function M.table_lines(records, columns, most, width)
  local rows, widths, to_right = {}, {}, {}
  for i, column in ipairs(columns) do widths[i], to_right[i] = width_of(column), true end
  for r = 1, math.min(#records, most or #records) do
    rows[r] = {}
    for i, column in ipairs(columns) do
      local value = records[r][column]
      rows[r][i] = cell(column, value)
      widths[i] = math.max(widths[i], width_of(rows[r][i]))
      if value ~= nil and not is_right(value) then to_right[i] = false end
    end
  end
  if width then narrow(columns, rows, widths, to_right, width) end
  local lines = { line_of(columns, widths, to_right) }
  for _, cells in ipairs(rows) do lines[#lines + 1] = line_of(cells, widths, to_right) end
  return lines
end

-- Each record on its own, a field a line, as many as there is room for.
local function stacked_lines(records, columns, most)
  local lines, name_width = {}, 0
  for _, column in ipairs(columns) do name_width = math.max(name_width, width_of(column)) end
  local count = math.min(#records, math.max(1, math.floor(most / (#columns + 1))))
  for i = 1, count do
    if i > 1 then lines[#lines + 1] = "" end
    for _, column in ipairs(columns) do
      lines[#lines + 1] = pad(column, name_width) .. "  " .. cell(column, records[i][column])
    end
  end
  return lines, count
end

-- The same for a value: on a screen it fits, and what is left out is said.
local function shown_lines(records, columns, width, most)
  if not most then return M.table_lines(records, columns) end
  local count = math.min(#records, most)
  local left, notes = fitting.columns(records, columns, count, function(some)
    for _, line in ipairs(M.table_lines(records, some, most, width)) do
      if width_of(line) > width then return false end
    end
    return true
  end)
  local lines
  if left then lines = M.table_lines(records, left, most, width)
  else lines, count, notes = stacked_lines(records, columns, most) end
  for _, note in ipairs(notes or {}) do lines[#lines + 1] = note end
  if #records > count then lines[#lines + 1] = REST:format(#records - count) end
  return lines
end

-- The columns that a list of plain records has in common, or nil when it is no such list.
local function common_columns(value, most)
  local count = #value
  if count < 2 then return nil end
  local columns, known = {}, {}
  for i = 1, math.min(count, most or count) do
    local record = rawget(value, i)
    if type(record) ~= "table" or getmetatable(record) or record[1] ~= nil then return nil end
    for key in next, record do
      if type(key) ~= "string" then return nil end
      if not known[key] and key:sub(1, 1) ~= "_" then
        known[key], columns[#columns + 1] = true, key
      end
    end
  end
  table.sort(columns)
  return #columns > 0 and #columns <= 12 and columns or nil
end

-- One entry a line, names aligned.
local function entry_lines(value, most)
  local keys, count, more = keys_of(value)
  local names, texts, width = {}, {}, 0
  local function add(name, entry)
    names[#names + 1], texts[#texts + 1] = name, inline(entry, DEPTH - 1, {})
    width = math.max(width, width_of(name))
  end
  most = most or VALUES
  for i = 1, math.min(count, most) do add("[" .. i .. "]", rawget(value, i)) end
  for _, key in ipairs(keys) do
    if #names >= most then break end
    add(is_name(key) and key or "[" .. inline(key, 1, {}) .. "]", rawget(value, key))
  end
  local lines = {}
  for i, name in ipairs(names) do lines[i] = "  " .. pad(name, width) .. " = " .. texts[i] end
  local left = count + #keys + more - #names
  if left > 0 then
    lines[#lines + 1] = "  " .. (most < VALUES and REST or "... %d more"):format(left)
  end
  return lines
end

-- Orders and fills ----------------------------------------------------------------------------

local order_fields = {
  "client_order_id", "order_id", "strategy", "venue", "symbol", "side", "type", "time_in_force",
  "price", "qty", "amount", "cum_qty", "leaves_qty", "avg_price", "status", "reason", "created_at",
  "updated_at", "external",
}
local fill_fields = { "client_order_id", "order_id", "trade_id", "strategy", "venue", "symbol",
                      "side", "price", "qty", "liquidity", "fees", "time" }

local function fields_of(value)
  local meta = getmetatable(value)
  if order_view.order(value) then return order_fields end
  return meta == order_module.Order and order_fields or meta == fill_module.Fill and fill_fields
end

local function field_lines(value, names)
  local lines = {}
  for _, name in ipairs(names) do
    local field = value[name]
    if field ~= nil then
      lines[#lines + 1] = ("%-16s %s"):format(name, cell(name, field))
    end
  end
  return lines
end

-- Values ------------------------------------------------------------------------------------------

local function block(value, width, most)
  local shape = columns_of[value]
  if shape then
    if #value == 0 then return shape.nothing end
    return table.concat(shown_lines(value, shape.columns, width, most), "\n")
  end
  local names = fields_of(value)
  if names then return table.concat(field_lines(value, names), "\n") end
  local columns = not own_text(value) and common_columns(value, most)
  if columns then return table.concat(shown_lines(value, columns, width, most), "\n") end
  local line = inline(value, DEPTH, {})
  if width_of(line) <= width or own_text(value) then return line end
  return "{\n" .. table.concat(entry_lines(value, most), "\n") .. "\n}"
end

--- Any value as text, which may have several lines.
---@param value any
---@param width integer|nil  of the terminal; default 80
---@param most integer|nil   records or entries that a screen has room for; nil: all of them
---@return string
function M.show(value, width, most)
  if type(value) ~= "table" or decimal.is(value) then return inline(value, DEPTH, {}) end
  return block(value, width or WIDTH, most)
end

-- JSON --------------------------------------------------------------------------------------------

local function plain_value(value, depth, seen)
  local kind = type(value)
  seen.count = seen.count + 1
  if seen.count > VALUES then error(("more than %d values: ask for less"):format(VALUES), 0) end
  if kind == "number" and (value ~= value or value == 1 / 0 or value == -1 / 0) then
    return tostring(value)                              -- JSON has none of these
  end
  if kind == "string" or kind == "boolean" or kind == "number" then return value end
  if value == nil then return json.null end
  if kind ~= "table" or decimal.is(value) then return tostring(value) end
  if depth <= 0 then return "..." end
  local out, names = {}, fields_of(value)
  if names then
    for _, name in ipairs(names) do
      local field = value[name]
      if field ~= nil then out[name] = plain_value(field, depth - 1, seen) end
    end
    return out
  end
  if columns_of[value] or #value > 0 then
    for i = 1, #value do out[i] = plain_value(rawget(value, i), depth - 1, seen) end
    return json.array(out)
  end
  local text = own_text(value)
  if text then return text end
  for _, key in ipairs((keys_of(value))) do
    out[tostring(key)] = plain_value(rawget(value, key), depth - 1, seen)
  end
  return out
end

--- Any value as one line of JSON; decimals are strings of all their digits.
---@param value any
---@return string
function M.json(value) return json.encode(plain_value(value, 8, { count = 0 })) end

return M
