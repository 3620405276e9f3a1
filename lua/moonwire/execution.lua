--- One execution as a venue told it: quantity, price, fees, in one object that is filled in place,
--- so that a fill costs the event path one allocation (runtime/tally.h). Whoever reads a value gets
--- a decimal of its own.

local decimal = require "moonwire.decimal"
local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}

local Execution, FeeSlots = ffi.typeof "struct mw_execution", ffi.typeof "struct mw_fee_slots"
local liquidities = { "maker", "taker", "pool" }       -- tally.h: enum mw_liquidity
local liquidity_numbers = { maker = 1, taker = 2, pool = 3 }
M.MAKER, M.TAKER, M.POOL = 1, 2, 3
local FEES_MAX = 4

--- An empty one: fill qty and price by decimal.set or decode.decimal_into; time is in seconds since
--- 1970; liquidity MAKER, TAKER, POOL or 0.
function M.new() return Execution() end

--- Where a venue's messages have fees: for each the fields of its amount and of its asset.
--- Raises when there are more than an execution holds.
---@param pairs_of_slots integer[][]  up to four of { amount, asset }, of decode.slots
function M.fee_slots(pairs_of_slots)
  if #pairs_of_slots > FEES_MAX then                           -- FFI would write behind them
    error(("%d fees of a message: %d is the most"):format(#pairs_of_slots, FEES_MAX), 2)
  end
  local slots = FeeSlots(#pairs_of_slots)
  for i, slot in ipairs(pairs_of_slots) do
    slots.of[i - 1].amount, slots.of[i - 1].asset = slot[1], slot[2]
  end
  return slots
end

--- Adds the fees of a message with these fields; none and 0 are none. False when one is left out,
--- as an amount without an asset is.
function M.read_fees(execution, fields, slots)
  return C.mw_execution_read_fees(execution, fields, slots) == 0
end

--- Adds a fee of so much, a decimal, in the asset of that number (asset_number); 0 is none. False
--- when there are too many.
function M.add_fee(execution, amount, asset)
  return C.mw_execution_add_fee(execution, amount, asset) == 0
end

--- The number that stands for an asset, by its name; 0 for a name that is none.
function M.asset_number(name) return C.mw_asset_number(name, #name) end

--- Of a report's last_qty, last_price, fees ({asset=, amount=}, ...), liquidity and time.
function M.of(report)
  if not (decimal.is(report.last_qty) and decimal.is(report.last_price)) then
    error("an execution without quantity or price", 2)       -- FFI would hand NULL to C
  end
  local self = Execution()
  decimal.set(self.qty, report.last_qty)
  decimal.set(self.price, report.last_price)
  self.liquidity = liquidity_numbers[report.liquidity] or 0
  self.time = report.time or 0
  for _, fee in ipairs(report.fees or {}) do
    if not (decimal.is(fee.amount) and type(fee.asset) == "string") then
      error("a fee without amount or asset", 2)
    end
    if C.mw_execution_add_fee(self, fee.amount, C.mw_asset_number(fee.asset, #fee.asset)) ~= 0 then
      error("more than 4 fees, or a fee without an asset", 2)
    end
  end
  return self
end

--- "maker", "taker", "pool" or nil.
function M.liquidity(execution) return liquidities[execution.liquidity] end

--- { { asset =, amount = }, ... }
function M.fees(execution)
  local list = {}
  for i = 0, FEES_MAX - 1 do
    local amount = decimal.sum(decimal.ZERO)
    local asset = C.mw_execution_fee(execution, i, amount)
    if asset == 0 then break end
    list[i + 1] = { asset = ffi.string(C.mw_asset_name(asset)), amount = amount }
  end
  return list
end

return M
