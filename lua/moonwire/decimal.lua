--- Exact decimals: `decimal "0.1" + "0.2" == decimal "0.3"`. A value is immutable. Operators take a
--- decimal, a text or a number (its shortest round-trip form) on either side; what has no exact
--- result raises, and division wants a rounding by name: a:div(b, decimals, "half_even").

local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}
local new = ffi.typeof "struct mw_decimal"
local TEXT_MAX = 128
local buffer = ffi.new("char[?]", TEXT_MAX)
local whole = ffi.new "int64_t[1]"

local roundings = { down = 0, up = 1, floor = 2, ceiling = 3, half_even = 4, half_up = 5 }

---@class moonwire.decimal
---@operator add(moonwire.decimal|string|number): moonwire.decimal
---@operator sub(moonwire.decimal|string|number): moonwire.decimal
---@operator mul(moonwire.decimal|string|number): moonwire.decimal
---@operator unm: moonwire.decimal
local Decimal = {}

local function is_decimal(value) return type(value) == "cdata" and ffi.istype(new, value) end
M.is = is_decimal

local function convert(value)
  local kind, out = type(value), new()
  if kind == "string" then
    if C.mw_decimal_parse(out, value, #value) == 0 then return out end
  elseif kind == "number" then
    if C.mw_decimal_from_double(out, value) == 0 then return out end
  end
  return nil
end

local function bad(value, level)
  local shown = type(value) == "string" and ("%q"):format(value) or tostring(value)
  error("bad decimal " .. shown, level + 1)
end

-- A decimal of whatever stands beside an operator or in an argument.
local function check(value, level)
  if is_decimal(value) then return value end
  return convert(value) or bad(value, level + 1)
end

--- A decimal of outside data: nil and an error instead of raising.
---@return moonwire.decimal|nil value
---@return string|nil err
function M.parse(value)
  if is_decimal(value) then return value end
  local out = convert(value)
  if out then return out end
  local shown = type(value) == "string" and ("%q"):format(value) or tostring(value)
  return nil, "bad decimal " .. shown
end

--- A decimal of `len` bytes at `text` (FFI), or nil when they are none.
function M.load(text, len)
  local out = new()
  if C.mw_decimal_parse(out, text, len) == 0 then return out end
  return nil
end

local function inexact(operation, a, b)
  error(("%s %s %s has more than 34 digits"):format(tostring(a), operation, tostring(b)), 3)
end

-- Sums --------------------------------------------------------------------------------------------
-- Totals that change with every fill are kept in place, without an allocation each time. A sum
-- belongs to the object that made it; whoever asks for its value gets a copy.

--- A sum that begins at `value`, a decimal.
function M.sum(value) return new(value) end

--- What a sum is now, as a decimal that will not change.
function M.copy(sum) return new(sum) end

function M.set(sum, value) C.mw_decimal_copy(sum, value) end

--- sum = sum + value (sign 1) or sum - value (sign -1); decimals only.
function M.add_to(sum, value, sign)
  if C.mw_decimal_add_to(sum, value, sign) ~= 0 then
    inexact(sign > 0 and "+" or "-", sum, value)
  end
end

--- sum = sum + a * b (sign 1) or sum - a * b (sign -1); decimals only.
function M.add_product(sum, a, b, sign)
  if C.mw_decimal_add_product(sum, a, b, sign) ~= 0 then
    error(("%s + %s * %s has more than 34 digits"):format(tostring(sum), tostring(a),
                                                          tostring(b)), 2)
  end
end

--- -1, 0 or 1 as a is below, equal to or above b; decimals only.
function M.compare(a, b) return C.mw_decimal_cmp(a, b) end
function M.sign(a) return C.mw_decimal_sign(a) end

function Decimal.__add(a, b)
  a, b = check(a, 2), check(b, 2)
  local out = new()
  if C.mw_decimal_add(out, a, b) ~= 0 then inexact("+", a, b) end
  return out
end

function Decimal.__sub(a, b)
  a, b = check(a, 2), check(b, 2)
  local out = new()
  if C.mw_decimal_sub(out, a, b) ~= 0 then inexact("-", a, b) end
  return out
end

function Decimal.__mul(a, b)
  a, b = check(a, 2), check(b, 2)
  local out = new()
  if C.mw_decimal_mul(out, a, b) ~= 0 then inexact("*", a, b) end
  return out
end

function Decimal.__div()
  error('division needs a rounding: use a:div(b, decimals, "half_even")', 2)
end

function Decimal.__unm(a)
  local out = new()
  C.mw_decimal_neg(out, a)
  return out
end

-- LuaJIT asks here for every comparison with a decimal, with nil too: hence no == in this function.
function Decimal.__eq(a, b)
  if not is_decimal(a) then a = convert(a) end
  if not is_decimal(b) then b = convert(b) end
  return a and b and C.mw_decimal_cmp(a, b) == 0 or false
end

function Decimal.__lt(a, b) return C.mw_decimal_cmp(check(a, 2), check(b, 2)) < 0 end
function Decimal.__le(a, b) return C.mw_decimal_cmp(check(a, 2), check(b, 2)) <= 0 end

--- Plain notation, without trailing zeros: "0.000015", "1550000000". As tostring(), which LuaJIT
--- does not compile for it.
function M.text(a) return ffi.string(buffer, C.mw_decimal_format(a, buffer, TEXT_MAX)) end
Decimal.__tostring = M.text

function Decimal.__concat(a, b) return tostring(a) .. tostring(b) end

local methods = {}
Decimal.__index = methods

-- FFI would hand NULL to C for nil: d.abs() in place of d:abs().
local function own(self, name)
  if is_decimal(self) then return self end
  error(("%s is a method: call it as value:%s()"):format(name, name), 3)
end

local function rounding_of(name)
  return roundings[name] or error('rounding is "down", "up", "floor", "ceiling", "half_even" or '
                                  .. '"half_up", got ' .. tostring(name), 3)
end

--- a / b to so many decimals (0 to 30), rounded as named. Raises when b is zero.
function methods:div(b, decimals, rounding)
  own(self, "div")
  b = check(b, 2)
  local mode, out = rounding_of(rounding), new()
  if C.mw_decimal_div(out, self, b, decimals, mode) ~= 0 then
    error(("%s / %s to %s decimals: %s"):format(tostring(self), tostring(b), tostring(decimals),
      C.mw_decimal_sign(b) == 0 and "division by zero" or "more than 34 digits"), 2)
  end
  return out
end

--- The multiple of `step` that the rounding picks.
function methods:round(step, rounding)
  own(self, "round")
  step = check(step, 2)
  local mode, out = rounding_of(rounding), new()
  if C.mw_decimal_round(out, self, step, mode) ~= 0 then
    error(("%s in steps of %s: the step must be above 0 and the result within 34 digits"):format(
      tostring(self), tostring(step)), 2)
  end
  return out
end

--- Whether it is a whole number of steps.
function methods:is_multiple(step)
  return C.mw_decimal_is_multiple(own(self, "is_multiple"), check(step, 2)) == 1
end

--- -1, 0 or 1.
function methods:sign() return C.mw_decimal_sign(own(self, "sign")) end
function methods:is_zero() return C.mw_decimal_sign(own(self, "is_zero")) == 0 end
function methods:abs() return C.mw_decimal_sign(own(self, "abs")) < 0 and -self or self end

--- The nearest Lua number: for display and statistics, never for money.
function methods:to_number() return C.mw_decimal_to_double(own(self, "to_number")) end

--- The value as an int64 (cdata), or nil when it is no whole number of 64 bits.
function methods:to_int64()
  own(self, "to_int64")
  if C.mw_decimal_to_int64(whole, self) ~= 0 then return nil end
  return whole[0]
end

function methods:min(b)
  own(self, "min")
  b = check(b, 2)
  return C.mw_decimal_cmp(self, b) <= 0 and self or b
end

function methods:max(b)
  own(self, "max")
  b = check(b, 2)
  return C.mw_decimal_cmp(self, b) >= 0 and self or b
end

ffi.metatype(new, Decimal)

function M.min(a, b) return check(a, 2):min(b) end
function M.max(a, b) return check(a, 2):max(b) end

M.ZERO = convert "0"

--- decimal(value): of a text, a number or a decimal; raises `bad decimal ...` for anything else.
return setmetatable(M, { __call = function(_, value) return check(value, 2) end })
