--- Seeded random numbers (xorshift32): the same seed gives the same run on every machine.

local bit = require "bit"
local bxor, lshift, rshift = bit.bxor, bit.lshift, bit.rshift

---@class moonwire.Random
local Random = { __name = "moonwire.Random" }
Random.__index = Random

---@param seed integer
---@param name? string  an independent stream of the same seed
function Random.new(seed, name)
  local x = bit.tobit(seed)
  for i = 1, #(name or "") do x = bit.tobit(bxor(x * 31, name:byte(i))) end
  x = bxor(x, 0x6D2B79F5)
  local random = setmetatable({ x = x == 0 and 1 or x }, Random)
  for _ = 1, 8 do random:number() end           -- near seeds start with near numbers
  return random
end

--- In [0, 1).
function Random:number()
  local x = self.x
  x = bxor(x, lshift(x, 13))
  x = bxor(x, rshift(x, 17))
  x = bxor(x, lshift(x, 5))
  self.x = x
  return (x % 4294967296) / 4294967296
end

--- A whole number from `low` to `high`, both included.
function Random:integer(low, high)
  return low + math.floor(self:number() * (high - low + 1))
end

--- `n` lower-case hex digits.
function Random:hex(n)
  local digits = {}
  for i = 1, n do digits[i] = string.format("%x", self:integer(0, 15)) end
  return table.concat(digits)
end

--- A version 4 UUID.
function Random:uuid()
  return string.format("%s-%s-4%s-%x%s-%s", self:hex(8), self:hex(4), self:hex(3),
                       self:integer(8, 11), self:hex(3), self:hex(12))
end

return Random
