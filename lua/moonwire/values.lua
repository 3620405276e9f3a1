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

-- The number of `count` digits at `at`; nil when they are none.
local function digits(text, at, count)
  local value = 0
  for i = at, at + count - 1 do
    local digit = text[i] - ZERO
    if digit < 0 or digit > 9 then return nil end
    value = value * 10 + digit
  end
  return value
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
  local seconds = 3600 * (digits(text, at + 1, 2) or 0) + 60 * (digits(text, minutes_at, 2) or 0)
  return sign == PLUS and seconds or -seconds
end

--- Whole seconds since 1970 of an ISO 8601 time with its zone, "2018-07-01T10:11:12+02:00": bytes
--- (FFI) and their number. nil when it is none. Fractions of a second are passed over.
function M.iso_time(text, len)
  if len < 19 then return nil end
  local year, month, day = digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)
  local hour, minute, second = digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)
  if not (year and month and day and hour and minute and second) then return nil end
  local at = 19
  if at < len and text[at] == 46 then
    at = at + 1
    while at < len and text[at] >= ZERO and text[at] <= ZERO + 9 do at = at + 1 end
  end
  return days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    - zone_of(text, at, len)
end

--- The same of a Lua value, which is nil when it is no such text.
function M.iso_seconds(value)
  if type(value) ~= "string" then return nil end
  return M.iso_time(ffi.cast("const uint8_t *", value), #value)
end

return M
