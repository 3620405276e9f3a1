--- Markets of the simulated Peatio. In this code base "ask" is the base side and "bid" the quote
--- side: ask_precision counts decimals of quantities, bid_precision those of prices.

local decimal = require "moonwire.decimal"
local wire    = require "moonwire.sim.wire"

local M = {}

-- base, quote, the grid of the made market's prices and where it starts
local rows = {
  { "btc", "usd", "0.01", "7000" },
  { "eth", "usd", "0.01", "400" },
  { "eth", "btc", "0.000001", "0.057" },
}
local FEE, DECIMALS = "0.0015", 8     -- of prices and quantities alike
local STEP = decimal "0.00000001"

local function new_pair(row)
  local base, quote = row[1], row[2]
  return {
    id = base .. quote, ticker_id = base .. quote, name = (base .. "/" .. quote):upper(),
    base = base, quote = quote, price_decimals = DECIMALS, qty_decimals = DECIMALS,
    finest_price = STEP, qty_step = STEP, price_step = decimal(row[3]),
    start_price = decimal(row[4]), is_whole = false, ask_fee = decimal(FEE),
    bid_fee = decimal(FEE), min_qty = decimal("0.0001"),
  }
end

--- All markets, each a table of its own.
function M.list() return wire.each(rows, new_pair) end

return M
