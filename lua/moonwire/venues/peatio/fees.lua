--- Peatio: the fee of an execution, where the venue does not tell it: income x the market's rate; a
--- seller pays in quote, a buyer in base currency.
--- Section 6 of the venue's page.

local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"

local M = {}
local ZERO = decimal "0"
local income, fee = decimal.sum(ZERO), decimal.sum(ZERO)

--- Adds the fee to an execution of that side; false when the market's rate is not known.
function M.add(x, market, side)
  local is_sale = side == "sell"
  local rate = market.buy_fee
  if is_sale then rate = market.sell_fee end
  if not rate then return false end
  decimal.set(income, is_sale and ZERO or x.qty)
  if is_sale then decimal.add_product(income, x.price, x.qty, 1) end
  decimal.set(fee, ZERO)
  decimal.add_product(fee, income, rate, 1)
  return execution.add_fee(x, fee, is_sale and market.quote_number or market.base_number)
end

return M
