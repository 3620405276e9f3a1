--- Values of JSON answers, as venues write them: numbers come as numbers or as texts, ids are text
--- everywhere.

local decimal = require "moonwire.decimal"
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

return M
