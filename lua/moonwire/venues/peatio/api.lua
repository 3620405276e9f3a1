--- Peatio: the paths of the two generations of REST, markets, balances and the clock.
--- Sections 6 (0.1 to 1.8) and 12 (2.x, 3.x) of the venue's page.

local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"
local rest = require "moonwire.venues.peatio.rest"
local values = require "moonwire.values"
local text_of, decimal_of = values.text_of, values.decimal_of

local M = {}
local DECIMALS = 8                    -- of prices and quantities where the venue tells none

-- 10^-decimals
local function step_of(decimals)
  return decimal(decimals > 0 and "0." .. ("0"):rep(decimals - 1) .. "1" or "1")
end

-- Adds a market with what the configuration says about it, or what the venue does.
local function add_market(s, markets, market, price_decimals, qty_decimals)
  local wanted = s.config.symbols
  local is_wanted = not wanted
  for _, symbol in ipairs(wanted or {}) do is_wanted = is_wanted or symbol == market.symbol end
  if not is_wanted then return end
  local precision = (s.config.precision or {})[market.symbol] or {}
  market.price_step = step_of(precision.price or tonumber(price_decimals) or DECIMALS)
  market.qty_step = step_of(precision.qty or tonumber(qty_decimals) or DECIMALS)
  market.names = { market.id }
  market.base_number = execution.asset_number(market.base)
  market.quote_number = execution.asset_number(market.quote)
  markets[#markets + 1], markets[market.symbol] = market, market
end

-- What is configured and not there is a mistake that would else show as silence.
local function check_symbols(s, markets)
  for _, symbol in ipairs(s.config.symbols or {}) do
    if not markets[symbol] then return nil, "the venue has no market " .. symbol, "permanent" end
  end
  for symbol in pairs(s.config.precision or {}) do
    if not markets[symbol] then s.log.warn("precision: no market %s", symbol) end
  end
  return markets
end

local function relative_rate(fee)
  if type(fee) ~= "table" or fee.type ~= "relative" then return nil end
  return decimal_of(fee.value)
end

-- 0.1 to 1.8 --------------------------------------------------------------------------------------

M.v1 = {
  base_path = "/api/v2", time_path = "/timestamp", place_path = "/orders", list_path = "/orders",
  states = { "wait", "done", "cancel" },
}

function M.v1.cancel(order_id) return "/order/delete", { "id", order_id } end
function M.v1.one(order_id) return "/order", { "id", order_id } end

--- Markets by symbol, and as a list. Neither steps nor minimums are told.
function M.v1.fetch_markets(s)
  local rows, err, class = rest.public(s, "/markets")
  if not rows then return nil, err, class end
  local fees, rates = rest.public(s, "/fees/trading"), {}
  for _, row in ipairs(fees or {}) do rates[row.market] = row end
  if not fees then s.log.warn("the venue does not tell its fees: none are counted") end
  local markets = {}
  for _, row in ipairs(rows) do
    local base, quote = row.name:match("^(%w+)/(%w+)$")      -- the id cannot be split
    local rate = rates[row.id] or {}
    if base then
      add_market(s, markets, {
        id = row.id, symbol = base:upper() .. "/" .. quote:upper(), base = base:upper(),
        quote = quote:upper(), sell_fee = relative_rate(rate.ask_fee),
        buy_fee = relative_rate(rate.bid_fee),
      })
    end
  end
  return check_symbols(s, markets)
end

local function read_balances(rows)
  local balances = {}
  for _, row in ipairs(rows) do
    balances[row.currency:upper()] = { free = decimal_of(row.balance),
                                       held = decimal_of(row.locked) }
  end
  return balances
end

function M.v1.fetch_balances(s)
  local answer, err, class = rest.query(s, "/members/me", {})
  if not answer then return nil, err, class end
  return read_balances(answer.accounts)
end

-- The clock at that path in ms: whole seconds, as a number or as an ISO 8601 text.
local function fetch_time(s, path)
  local answer, err = rest.public(s, path)
  if answer == nil then return nil, err end
  local seconds = tonumber(answer) or values.iso_seconds(answer)
  if not seconds then return nil, path .. ": no time" end
  return (seconds + 0.5) * 1000, nil, 500
end

--- The venue's clock in ms: it tells whole seconds.
function M.v1.fetch_time(s) return fetch_time(s, M.v1.time_path) end

-- 2.x and 3.x -------------------------------------------------------------------------------------

M.v2 = {
  base_path = "/api/v2/peatio", time_path = "/public/timestamp",
  place_path = "/market/orders", list_path = "/market/orders",
  states = { "wait", "pending", "done", "cancel", "reject" },
}

--- The venue's clock in ms.
function M.v2.fetch_time(s) return fetch_time(s, M.v2.time_path) end

function M.v2.cancel(order_id) return ("/market/orders/%s/cancel"):format(order_id), {} end
function M.v2.one(order_id) return "/market/orders/" .. order_id, {} end

--- Markets by symbol, and as a list: names and precisions under the words of each version.
function M.v2.fetch_markets(s)
  local rows, err, class = rest.public(s, "/public/markets")
  if not rows then return nil, err, class end
  local markets = {}
  for _, row in ipairs(rows) do
    local base, quote = row.base_unit or row.ask_unit, row.quote_unit or row.bid_unit
    if text_of(base) and text_of(quote) and (row.state == nil or row.state == "enabled") then
      add_market(s, markets, {
        id = row.id, symbol = base:upper() .. "/" .. quote:upper(), base = base:upper(),
        quote = quote:upper(), sell_fee = decimal_of(row.ask_fee),
        buy_fee = decimal_of(row.bid_fee),
        min_qty = decimal_of(row.min_amount),
      }, row.price_precision or row.bid_precision, row.amount_precision or row.ask_precision)
    end
  end
  return check_symbols(s, markets)
end

function M.v2.fetch_balances(s)
  local rows, err, class = rest.query(s, "/account/balances", {})
  if not rows then return nil, err, class end
  return read_balances(rows)
end

return M
