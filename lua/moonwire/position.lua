--- What a strategy holds and earns in one symbol, from its own fills, by average cost.
---
--- Money is kept as two totals: `cash`, what all fills paid and brought in quote currency, is
--- exact; `cost` is what the held quantity stands for. Profit is cash + cost, so what rounding puts
--- into `cost` comes out again when the position is closed: the total is exact, only its split
--- between realized and unrealized is rounded (12 decimals, half_even, at each reduction).

local decimal = require "moonwire.decimal"
local execution = require "moonwire.execution"
local ffi = require "moonwire.cdef"
local fill_module = require "moonwire.fill"
local view = require "moonwire.view"
local C = ffi.C

local Position = { __name = "moonwire.Position" }

local M = { Position = Position }
local ZERO = decimal "0"
local Totals = ffi.typeof "struct mw_position_totals"
local FEE_ASSETS_MAX = 8
local DECIMALS, STEP = 12, decimal "0.000000000001"

---@class moonwire.Position
---@field strategy string
---@field venue string
---@field symbol string
---@field base string
---@field quote string
---@field qty moonwire.decimal            above 0 long, below 0 short; fees in base not taken off
---@field avg_price moonwire.decimal|nil  paid (or got, when short) for one of it; nil when flat
---@field realized moonwire.decimal       profit of what was closed, less the fees in quote currency
---@field fees table<string, moonwire.decimal>  by asset, all of them; a rebate is below 0

---@param of { strategy: string, venue: string, symbol: string }
---@return moonwire.Position
function M.new(of)
  local base, quote = tostring(of.symbol):match("^([^/]+)/([^/]+)$")
  if not base then error("position: symbol BASE/QUOTE expected, got " .. tostring(of.symbol), 2) end
  local totals = Totals()
  C.mw_position_totals_init(totals)
  return setmetatable({
    strategy = of.strategy, venue = of.venue, symbol = of.symbol, base = base, quote = quote,
    _totals = totals, _view = false,
  }, Position)
end
jit.off(M.new)                        -- as budget.place

local View = view.class {
  name = "moonwire.Position",
  fields = { "strategy", "venue", "symbol", "base", "quote", "qty", "avg_price", "realized",
             "fees" },
  methods = { "unrealized", "balances", "fees_text" },
  advice = "a position is not changed by writing to it (%s): it follows from fills",
}

--- The position as its strategy has it: to be read (view.lua).
function M.view(self)
  if not self._view then self._view = view.of(View, self) end
  return self._view
end

-- All that was paid, by asset.
local function all_fees(self)
  local fees = {}
  for i = 0, FEE_ASSETS_MAX - 1 do
    local amount = decimal.sum(ZERO)
    local asset = C.mw_position_fee(self._totals, i, amount)
    if asset == 0 then break end
    fees[ffi.string(C.mw_asset_name(asset))] = amount
  end
  return fees
end

-- What follows from the totals; each reading is a decimal (a table of decimals) of its own.
local derived = {
  qty = function(self) return decimal.copy(self._totals.qty) end,
  realized = function(self)
    local totals = self._totals
    return totals.cash + totals.cost - (all_fees(self)[self.quote] or ZERO)
  end,
  avg_price = function(self)
    local totals = self._totals
    if totals.qty:is_zero() then return nil end
    return totals.cost:div(totals.qty, DECIMALS, "half_even")
  end,
  fees = all_fees,
}

function Position:__index(key)
  local method = Position[key]
  if method then return method end
  local derive = derived[key]
  return derive and derive(self)
end

local function multiply_first(cost, part, whole)
  return (cost * part):div(whole, DECIMALS, "half_even")
end
local function divide_first(cost, part, whole, decimals)
  return (cost:div(whole, decimals, "half_even") * part):round(STEP, "half_even")
end

-- cost x part / whole. An exact product of more than 34 digits is refused, so amounts that are both
-- huge and fine are divided first, to as many decimals as fit.
local function share(cost, part, whole)
  local ok, result = pcall(multiply_first, cost, part, whole)
  local decimals = 24
  while not ok and decimals >= 0 do
    ok, result = pcall(divide_first, cost, part, whole, decimals)
    decimals = decimals - 2
  end
  return ok and result or error(result, 0)
end

local function execution_of(fill)
  return fill_module.execution(fill)
    or execution.of { last_qty = fill.qty, last_price = fill.price, fees = fill.fees,
                      liquidity = fill.liquidity }
end

-- 1 for a buy, -1 for a sell
local function sign_of(fill, order)
  local side = (order or fill).side
  if side == "buy" then return 1 end
  if side == "sell" then return -1 end
  error("fill without a side", 3)
end

--- What a position came to, for M.restore: strategy, venue, symbol; qty, cost, cash; fees by asset.
---@param self moonwire.Position
---@return table
function M.totals(self)
  local totals = self._totals
  return {
    strategy = self.strategy, venue = self.venue, symbol = self.symbol, fees = all_fees(self),
    qty = decimal.copy(totals.qty), cost = decimal.copy(totals.cost),
    cash = decimal.copy(totals.cash),
  }
end

--- A position that came to this; raises when it is not what M.totals gives.
---@param of table
---@return moonwire.Position
function M.restore(of)
  local self = M.new(of)
  local totals = self._totals
  for _, name in ipairs { "qty", "cost", "cash" } do
    if not decimal.is(of[name]) then error("position: " .. name .. " is no decimal", 0) end
    decimal.set(totals[name], of[name])
  end
  for asset, amount in pairs(of.fees) do
    local x = execution.of { last_qty = ZERO, last_price = ZERO,
                             fees = { { asset = asset, amount = amount } } }
    if C.mw_position_add_fees(totals, x) ~= 0 then error("position: its fees", 0) end
  end
  return self
end

-- What is still held of a position that a fill closes in part, or opens anew on the other side.
local function cost_after_close(totals, sign, x)
  local held = totals.qty
  local left = sign > 0 and held + x.qty or held - x.qty
  if left:is_zero() then return ZERO end
  if left:sign() ~= held:sign() then return left * x.price end
  return share(totals.cost, left, held)
end

local function close(totals, sign, x)
  decimal.set(totals.cost, cost_after_close(totals, sign, x))
  decimal.add_product(totals.cash, x.price, x.qty, -sign)
  decimal.add_to(totals.qty, x.qty, sign)
end

local function refuse()
  error("a position's total beyond 34 digits, or fees in more than 8 assets", 0)
end

--- Books a fill. Prices and quantities are decimals. A stake in a pool ("pool") is over when it is
--- told: it leaves its profit or its loss and no position.
---@param fill table   { price=, qty=, fees={{asset=, amount=}, ...}, side=, liquidity= }
---@param order table|nil  for its side when the fill has none
function Position:apply(fill, order)
  local sign, x, totals = sign_of(fill, order), execution_of(fill), self._totals
  local result = C.mw_position_count(totals, x, sign)
  if result > 0 then close(totals, sign, x) end
  if result < 0 then refuse() end
end

--- Corrects a fill that was booked at fill.old_price before its real price and fees were known; the
--- fees that it carries are those that were not booked yet. The total is exact. What of the fill is
--- still held changes avg_price, the rest realized; of a position that was reduced since, the fill
--- counts as held as far as the position reaches.
function Position:amend(fill, order)
  local sign, x, totals = sign_of(fill, order), execution_of(fill), self._totals
  local rise = x.price - fill.old_price
  decimal.add_product(totals.cash, rise, x.qty, -sign)
  if totals.qty:sign() == sign then
    decimal.add_product(totals.cost, rise, totals.qty:abs():min(x.qty), sign)
  end
  if C.mw_position_add_fees(totals, x) ~= 0 then refuse() end
end

--- Profit, in quote currency, that closing at `mark` would add; before its fees.
---@param mark moonwire.decimal|string|number
---@return moonwire.decimal
function Position:unrealized(mark)
  local totals = self._totals
  return totals.qty * mark - totals.cost
end

--- What own fills and fees changed in the account, by asset.
---@return table<string, moonwire.decimal>
function Position:balances()
  local changes = { [self.base] = self.qty }
  changes[self.quote] = (changes[self.quote] or ZERO) + self._totals.cash
  for asset, amount in pairs(self.fees) do changes[asset] = (changes[asset] or ZERO) - amount end
  return changes
end

--- "12.5 IDR, 0.00001 BTC", by asset; "none" when there were none.
function Position:fees_text()
  local texts = {}
  for asset, amount in pairs(self.fees) do
    if not amount:is_zero() then texts[#texts + 1] = ("%s %s"):format(tostring(amount), asset) end
  end
  table.sort(texts, function(a, b) return a:match("%S+$") < b:match("%S+$") end)
  return #texts > 0 and table.concat(texts, ", ") or "none"
end

function Position:__tostring()
  return ("%s %s @ %s, realized %s %s"):format(tostring(self.qty), self.symbol,
    tostring(self.avg_price or "-"), tostring(self.realized), self.quote)
end

--- Adds up what several positions changed, by asset (e.g. all of one strategy).
---@param positions moonwire.Position[]
---@return table<string, moonwire.decimal>
function M.balances(positions)
  local total = {}
  for _, position in ipairs(positions) do
    for asset, change in pairs(position:balances()) do
      total[asset] = (total[asset] or ZERO) + change
    end
  end
  return total
end

return M
