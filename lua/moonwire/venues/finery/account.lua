--- Finery Markets: what the account owes and may owe. There are no prepaid balances: each deal
--- changes a position against a counterparty, within the limits that counterparties set.
--- Source: the venue's pages of the feeds K and L.

local decimal = require "moonwire.decimal"
local wire = require "moonwire.venues.finery.wire"

local M = {}
local TIGHT = decimal "0.9"                -- of a limit: used so far, orders may soon be refused

-- Feed K: [currency, value, counterparty, ...]; removed ones are gone.
local function read_position(positions, row, is_removed)
  local key = tostring(row[1]) .. " " .. wire.digits(row[3])
  positions[key] = not is_removed and { asset = row[1], qty = wire.amount(row[2]),
                                        counterparty = wire.digits(row[3]) } or nil
end

-- Feed L has had three forms: an object, an array of 12, an array of 8.
local function limit_of(row)
  if row.counterpartyId then
    local own, allowed = row.ownLimit, row.tradingPermissions or {}
    return {
      counterparty = wire.digits(row.counterpartyId), asset = own and own.asset,
      limit = own and own.grossLimit and wire.amount(own.grossLimit),
      used = own and own.limitUtilization and wire.amount(own.limitUtilization),
      is_off = allowed.ownTradingEnabled == false or allowed.mutualTradingEnabled == false,
    }
  elseif #row >= 12 then
    return { counterparty = wire.digits(row[1]), asset = row[2], limit = wire.amount(row[3]),
             used = wire.amount(row[6]), is_off = wire.digits(row[12]) ~= "0" }
  end
  return { counterparty = wire.digits(row[7]), asset = row[1], limit = wire.amount(row[3]),
           used = wire.amount(row[5]), is_off = false }
end

local function is_tight(limit)
  return limit.limit and limit.used and limit.used >= limit.limit * TIGHT
end

local function read_limit(s, limits, row, is_removed)
  local limit = limit_of(row)
  local before = limits[limit.counterparty] or {}
  if is_removed then
    limits[limit.counterparty] = nil
    return s.log.warn("counterparty %s has no limit for us any more", limit.counterparty)
  end
  limits[limit.counterparty] = limit
  if limit.is_off and not before.is_off then
    s.log.warn("counterparty %s does not trade with us", limit.counterparty)
  end
  if is_tight(limit) and not is_tight(before) then
    s.log.warn("counterparty %s: %s of the limit of %s %s is used", limit.counterparty,
               limit.used, limit.limit, limit.asset)
  end
end

-- An older page of K shows [nextDealId, [positions]].
local function rows_of(payload)
  if wire.digits(payload[1]) then return payload[2] or {} end
  return payload
end

--- Takes a message of K or L. A snapshot is a list of rows, a change is one row.
---@param feed "K"|"L"
function M.read(s, feed, is_snapshot, is_removed, payload)
  local name = feed == "K" and "positions" or "limits"
  local held = not is_snapshot and s.memory[name] or {}
  for _, row in ipairs(is_snapshot and rows_of(payload) or { payload }) do
    if feed == "K" then read_position(held, row, is_removed)
    else read_limit(s, held, row, is_removed) end
  end
  s.memory[name] = held
end

--- Balances by asset of positions: their sum over the counterparties, below zero for what we owe.
---@param positions table<any, { asset: string, qty: moonwire.decimal }>
function M.balances(positions)
  local balances = {}
  for _, position in pairs(positions) do
    local balance = balances[position.asset]
    if balance then balance.free = balance.free + position.qty
    else balances[position.asset] = { free = position.qty } end
  end
  return balances
end

--- Positions of an answer to `positions`.
function M.positions(rows)
  local positions = {}
  for _, row in ipairs(rows) do read_position(positions, row) end
  return positions
end

return M
