--- How the journal is shown: times, tables, one line of whatever bytes.

local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}
local NS = 1000000000LL

-- Times -------------------------------------------------------------------------------------------

--- Nanoseconds since 1970 as the journal's queries give them (digits), as int64.
function M.ns(digits)
  local text = tostring(digits)
  return tonumber(text:sub(1, -10)) * NS + tonumber(text:sub(-9))
end

--- int64 (or uint64) as digits.
function M.digits(ns) return (tostring(ns):gsub("U?LL$", "")) end

--- Digits of ns as "2026-11-21T13:05:01.123456789Z".
function M.iso(digits)
  local text = ("%019s"):format(tostring(digits)):gsub(" ", "0")
  return os.date("!%Y-%m-%dT%H:%M:%S", tonumber(text:sub(1, -10))) .. "." .. text:sub(-9) .. "Z"
end

--- The same for people, to the ms: "2026-11-21 13:05:01.123", UTC.
function M.time(digits)
  if not digits then return "-" end
  local iso = M.iso(digits)
  return iso:sub(1, 10) .. " " .. iso:sub(12, 23)
end

-- Days since 1970 of a date of the Gregorian calendar, or nil when there is no such day.
local function days_of(year, month, day)
  local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  if is_leap then lengths[2] = 29 end
  if year < 1970 or year > 2200 or not lengths[month] or day < 1 or day > lengths[month] then
    return nil
  end
  local before = year - 1
  local days = 365 * (year - 1970) + math.floor(before / 4) - math.floor(before / 100)
    + math.floor(before / 400) - 477                -- leap days before 1970
  for i = 1, month - 1 do days = days + lengths[i] end
  return days + day - 1
end

local units = { s = 1, m = 60, h = 3600, d = 86400 }

--- A time that a person typed, as digits of ns, or nil: "10m", "2h", "3d" and "45s" are so long
--- before `now` (seconds since 1970); else "2026-11-21", with "T13:05", ":01", ".25", "Z" behind.
---@param text string
---@param now number
---@return string|nil
function M.parse_time(text, now)
  local count, unit = text:match "^(%d+)([smhd])$"
  if count then return ("%.0f000000"):format(math.max(0, now - count * units[unit]) * 1000) end
  local year, month, day, rest = text:match "^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$"
  local days = year and days_of(tonumber(year), tonumber(month), tonumber(day))
  if not days then return nil end
  if rest == "" then return ("%.0f000000000"):format(days * 86400) end
  local hour, minute, tail = rest:match "^[T ](%d%d):(%d%d)(.*)$"
  if not hour then return nil end
  tail = tail:gsub("Z$", "")
  local second, part = tail:match "^:(%d%d)%.?(%d*)$"
  if tail ~= "" and not second then return nil end
  second, part = tonumber(second or 0), part or ""
  if tonumber(hour) > 23 or tonumber(minute) > 59 or second > 59 or #part > 9 then return nil end
  return ("%.0f%s"):format(days * 86400 + hour * 3600 + minute * 60 + second,
                           part .. ("0"):rep(9 - #part))
end

-- Lines -------------------------------------------------------------------------------------------

--- Any bytes as one line of at most `limit` characters: lists with " | " between their texts, no
--- control characters.
function M.line(bytes, limit)
  local line = bytes:sub(1, 4 * limit):gsub("%z+$", ""):gsub("%z", " | "):gsub("[\r\n\t]+", " ")
    :gsub("[%c\127]", ".")
  local is_cut = #line > limit or #bytes > 4 * limit
  if is_cut then line = line:sub(1, limit):gsub("[\192-\255][\128-\191]*$", "") end
  if not C.mw_utf8_valid(line, #line) then line = line:gsub("[\128-\255]", ".") end
  return is_cut and line .. " ..." or line
end

local Table = { __name = "moonwire.JournalTable" }
Table.__index = Table

--- A table of columns { title =, is_number = }; widths are those of the first rows.
function M.table(columns, print_line)
  return setmetatable({ columns = columns, print_line = print_line, widths = false }, Table)
end

local function pad(text, width, is_number)
  local blanks = (" "):rep(width - #text)
  return is_number and blanks .. text or text .. blanks
end

local function print_row(self, cells)
  local parts = {}
  for i, column in ipairs(self.columns) do
    parts[i] = pad(cells[i], self.widths[i], column.is_number)
  end
  self.print_line((table.concat(parts, "  "):gsub(" +$", "")))
end

local function titles_of(self)
  local titles = {}
  for i, column in ipairs(self.columns) do titles[i] = column.title end
  return titles
end

local function measure(self, rows)
  self.widths = {}
  for i, title in ipairs(titles_of(self)) do
    self.widths[i] = #title
    for _, row in ipairs(rows) do self.widths[i] = math.max(self.widths[i], #row[i]) end
  end
end

--- Prints rows (lists of texts); the titles come before the first.
function Table:print(rows)
  if not self.widths then
    measure(self, rows)
    print_row(self, titles_of(self))
  end
  for _, row in ipairs(rows) do print_row(self, row) end
end

return M
