--- One execution as a venue told it: quantity, price, fees, in one object that is filled in place, so
--- that a fill costs the event path one allocation. Whoever reads a value gets a decimal of its own.

local decimal = require "moonwire.decimal"
local ffi = require "moonwire.cdef"

local M = {}
local FEES_MAX = 4

local Execution = ffi.typeof [[struct {
  struct mw_decimal qty, price, fees[4];
  double time;
  uint16_t assets[4];
  uint8_t fee_count, liquidity;
}]]

local asset_names, asset_numbers = {}, {}           -- of each asset that was ever a fee's
local liquidities = { "maker", "taker" }
local liquidity_numbers = { maker = 1, taker = 2 }
M.MAKER, M.TAKER = 1, 2

local function asset_number(name)
  local number = asset_numbers[name]
  if not number then
    number = #asset_names + 1
    asset_names[number], asset_numbers[name] = name, number
  end
  return number
end

--- An empty one: fill qty and price by decimal.set or decode.decimal_into; fee_count says how many
--- of fees are there; time is in seconds since 1970; liquidity MAKER, TAKER or 0.
function M.new() return Execution() end

--- Adds a fee: an amount (a decimal) in an asset ("IDR"). Below 0 is a rebate, 0 is none.
function M.add_fee(execution, asset, amount)
  local count = execution.fee_count
  if amount:is_zero() then return end
  if count == FEES_MAX then error("an execution has at most " .. FEES_MAX .. " fees", 2) end
  decimal.set(execution.fees[count], amount)
  execution.assets[count] = asset_number(asset)
  execution.fee_count = count + 1
end

--- Of a report's last_qty, last_price, fees ({asset=, amount=}, ...), liquidity and time.
function M.of(report)
  local self = Execution()
  decimal.set(self.qty, report.last_qty)
  decimal.set(self.price, report.last_price)
  self.liquidity = liquidity_numbers[report.liquidity] or 0
  self.time = report.time or 0
  for _, fee in ipairs(report.fees or {}) do M.add_fee(self, fee.asset, fee.amount) end
  return self
end

--- "maker", "taker" or nil.
function M.liquidity(execution) return liquidities[execution.liquidity] end

--- The name of fee number i (from 0).
function M.asset(execution, i) return asset_names[execution.assets[i]] end

--- { { asset =, amount = }, ... }
function M.fees(execution)
  local list = {}
  for i = 0, execution.fee_count - 1 do
    list[i + 1] = { asset = M.asset(execution, i), amount = decimal.copy(execution.fees[i]) }
  end
  return list
end

return M
