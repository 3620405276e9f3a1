--- Currencies and instruments of the simulated Finery Markets. Prices count in steps of the quote's
--- balance step, sizes in steps of the base's.

local decimal = require "moonwire.decimal"
local wire    = require "moonwire.sim.wire"

local M = {}
local UNIT = decimal "0.00000001"

-- name -> id, balance step in 1e-8, price in USD, type
local currencies = {
  USD  = { id = 1, step = 1000000, usd = "1", type = "fiat" },
  EUR  = { id = 2, step = 1000000, usd = "1.08", type = "fiat" },
  USDT = { id = 3, step = 100, usd = "1", type = "crypto" },
  BTC  = { id = 4, step = 1, usd = "65000", type = "crypto" },
  ETH  = { id = 5, step = 1, usd = "3500", type = "crypto" },
}
M.currency_names = { "USD", "EUR", "USDT", "BTC", "ETH" }
-- base, quote, id, where the made market starts
local rows = {
  { "BTC", "USD", 4955410050, "65000" }, { "ETH", "USD", 4955410051, "3500" },
  { "BTC", "EUR", 4955410052, "60000" }, { "BTC", "USDT", 4955410053, "65010" },
  { "ETH", "USDT", 4955410054, "3501" },
}

--- What a currency is: id, step (1e-8), usd (decimal text), type.
function M.currency(name) return currencies[name] end

local function new_instrument(row)
  local base, quote = row[1], row[2]
  return {
    id = base .. "-" .. quote, ticker_id = base .. "-" .. quote, number = row[3], base = base,
    quote = quote, start_price = decimal(row[4]),
    price_step = decimal(currencies[quote].step) * UNIT, is_whole = false,
    qty_step = decimal(currencies[base].step) * UNIT,
  }
end

--- All instruments, each a table of its own.
function M.list() return wire.each(rows, new_instrument) end

return M
