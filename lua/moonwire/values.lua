--- Values of JSON answers, as venues write them: numbers come as numbers or as texts, ids are text
--- everywhere.

local decimal = require "moonwire.decimal"
local ffi = require "moonwire.cdef"
local json = require "moonwire.json"

local M = {}

--- The text of an id: a whole number's digits, or a text; nil for anything else and for "".
function M.text_of(value)
  if type(value) == "number" then return ("%.0f"):format(value) end
  return type(value) == "string" and value ~= "" and value or nil
end

--- A decimal of a number or a text; nil for null and for what is none.
function M.decimal_of(value)
  if value == nil or value == json.null then return nil end
  return (decimal.parse(type(value) == "number" and tostring(decimal(value)) or tostring(value)))
end

--- A decimal that must be above 0; raises when it is none.
function M.above_0(value)
  local amount = decimal(value)
  if amount:sign() <= 0 then error(("%s is not above 0"):format(tostring(value)), 0) end
  return amount
end

local ZERO, COLON, MINUS, PLUS = 48, 58, 45, 43

-- The number of two digits at `at`; nil when they are none. (Without a loop: an event's time is
-- read on its path, which LuaJIT compiles as one piece only as long as there is none.)
local function two(text, at)
  local tens, ones = text[at] - ZERO, text[at + 1] - ZERO
  if tens < 0 or tens > 9 or ones < 0 or ones > 9 then return nil end
  return tens * 10 + ones
end

-- Days since 1970 of a date of the Gregorian calendar.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local century = math.floor(year / 100)
  return 365 * year + math.floor(year / 4) - century + math.floor(century / 4)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

-- Seconds to take off for the zone behind the time: Z, +02:00, -0530.
local function zone_of(text, at, len)
  local sign = at < len and text[at] or 0
  if sign ~= PLUS and sign ~= MINUS then return 0 end
  local minutes_at = at + (at + 3 < len and text[at + 3] == COLON and 4 or 3)
  if minutes_at + 2 > len then return 0 end
  local seconds = 3600 * (two(text, at + 1) or 0) + 60 * (two(text, minutes_at) or 0)
  return sign == PLUS and seconds or -seconds
end

--- Whole seconds since 1970 of an ISO 8601 time with its zone, "2018-07-01T10:11:12+02:00": bytes
--- (FFI) and their number. nil when it is none. Fractions of a second are passed over.
function M.iso_time(text, len)
  if len < 19 then return nil end
  local century, year = two(text, 0), two(text, 2)
  local month, day = two(text, 5), two(text, 8)
  local hour, minute, second = two(text, 11), two(text, 14), two(text, 17)
  if not (century and year and month and day and hour and minute and second) then return nil end
  local at = 19
  if at < len and text[at] == 46 then
    at = at + 1
    while at < len and text[at] >= ZERO and text[at] <= ZERO + 9 do at = at + 1 end
  end
  return days_of(century * 100 + year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    - zone_of(text, at, len)
end

--- The same of a Lua value, which is nil when it is no such text.
function M.iso_seconds(value)
  if type(value) ~= "string" then return nil end
  return M.iso_time(ffi.cast("const uint8_t *", value), #value)
end

return M
