--- Pairs and charges of the simulated Indodax (page sections 4.5, 9). `quote` is the venue's
--- base_currency, `base` its traded_currency.

local decimal = require "moonwire.decimal"
local wire    = require "moonwire.sim.wire"

local M = {}

-- Rates as texts: they go to the wire as they stand (Java's way, E notation below 0.001).
local charges = {
  idr  = { maker = "0.001", taker = "0.002", clearing = "0.000111", tax = "0.0021" },
  usdt = { maker = "0.0003", taker = "0.0006", clearing = "0.000222", tax = "0.0021" },
}

-- base, quote, price step, minimum quantity, where the made market starts, first order number,
-- symbol or internal name where it is not what one expects
local rows = {
  { "btc",  "idr",  "1000",       "0.00000645", "1550000000", 310130 },
  { "eth",  "idr",  "1000",       "0.00016",    "62000000",   310131 },  -- as in btc_idr
  { "aave", "idr",  "1",          "0.002",      "4300000",    3396, internal = "lend" },
  { "idrx", "idr",  "1",          "10",         "1000",       1, id = "idx" },
  { "pepe", "idr",  "0.000001",   "1000",       "0.175",      51 },
  { "btc",  "usdt", "1",          "0.00001",    "95000",      7001 },
}

-- 2.22E-4, 0.002, 0
local function rate_text(plain)
  local zeros, digits = plain:match("^0%.(000+)([1-9]%d*)$")
  if not zeros then return plain end
  local rest = digits:sub(2)
  return digits:sub(1, 1) .. "." .. (rest == "" and "0" or rest) .. "E-" .. (#zeros + 1)
end
M.rate_text = rate_text

local function new_rate(plain)
  return { value = decimal(plain), text = rate_text(plain) }
end

local function new_pair(row)
  local base, quote = row[1], row[2]
  local rates = {}
  for name, plain in pairs(charges[quote]) do rates[name] = new_rate(plain) end
  rates.none = new_rate("0")
  local whole = quote == "idr"
  local id = (row.id or base) .. quote
  return {
    base = base, quote = quote, id = id, ticker_id = base .. "_" .. quote,
    symbol = (base .. quote):upper(),
    description = base:upper() .. "/" .. quote:upper(),
    internal = (row.internal or row.id or base) .. quote,
    price_step = decimal(row[3]), price_step_text = row[3], qty_step = decimal("0.00000001"),
    quote_step = decimal(whole and "1" or "0.00000001"), is_whole = whole,
    min_quote = decimal(whole and "10000" or "1"),
    min_quote_text = whole and "10,000 IDR" or "1 USDT",
    min_base = decimal(row[4]), min_base_text = row[4],
    min_price = decimal(whole and (tonumber(row[3]) >= 1 and "1" or row[3]) or "0.00000001"),
    start_price = decimal(row[5]), first_number = row[6], rates = rates,
    reserve = decimal("1") + rates.taker.value + rates.clearing.value,    -- what a buy holds (5.1)
    state = "open",                                -- or "suspended", "maintenance", "disabled"
  }
end

--- All pairs, each a table of its own.
function M.list() return wire.each(rows, new_pair) end

return M
