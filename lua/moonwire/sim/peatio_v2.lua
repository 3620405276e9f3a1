--- The simulated Peatio's REST of 2.x and 3.x, behind its gateway (section 12).

local decimal = require "moonwire.decimal"
local Floor   = require "moonwire.sim.peatio_floor"
local rows    = require "moonwire.sim.peatio_rows"
local wire    = require "moonwire.sim.wire"

local text, object, quoted = wire.text, wire.object, Floor.quoted
local ZERO = decimal("0")

---@class moonwire.sim.PeatioV2
local V2 = { __name = "moonwire.sim.PeatioV2" }
V2.__index = V2

--- `options`: floor, settings, accounts(rest, member) of the older REST.
function V2.new(options)
  return setmetatable({ floor = options.floor, settings = options.settings,
                        accounts = options.accounts }, V2)
end

--- An error of the venue, raised by a route: its status and its key.
local function fail(status, key)
  error({ status = status, body = object("errors", wire.list { text(key) }) }, 0)
end
V2.fail = fail

-- Rows --------------------------------------------------------------------------------------------

local function trade_row(self, trade, order)
  local floor, is_late = self.floor, tonumber(self.settings.version) >= 2.3
  local taker = trade.maker == trade.sell and trade.buy or trade.sell
  local side = order.side
  local currency = side == "sell" and trade.pair.quote or trade.pair.base
  return object(
    "id", trade.id, "price", quoted(trade.price),
    is_late and "amount" or "volume", quoted(trade.volume),
    is_late and "total" or "funds", quoted(trade.funds),
    "market", text(trade.pair.id), "created_at", text(floor:iso(trade.created_ms)),
    "taker_type", text(taker.side), "side", text(side), "order_id", order.id,
    "fee_currency", is_late and text(currency) or nil,
    "fee_amount", is_late and quoted(side == "sell" and trade.sell_fee or trade.buy_fee) or nil)
end

local function order_row(self, order, with_trades)
  local floor, trades = self.floor, nil
  if with_trades then
    trades = {}
    for i, trade in ipairs(order.trades) do trades[i] = trade_row(self, trade, order) end
  end
  return object(
    "id", order.id, "side", text(order.side), "ord_type", text(order.ord_type),
    "price", order.price and quoted(order.price) or "null",
    "avg_price", quoted(rows.average(order)), "state", text(order.state),
    "market", text(order.pair.id), "created_at", text(floor:iso(order.created_ms)),
    "updated_at", text(floor:iso(order.updated_ms)), "origin_volume", quoted(order.volume),
    "remaining_volume", quoted(order.volume - order.executed),
    "executed_volume", quoted(order.executed), "trades_count", #order.trades,
    "trades", trades and wire.list(trades) or nil)
end

-- Calls -------------------------------------------------------------------------------------------

local function amount_of(value)
  return value and decimal.parse(tostring(value)) or nil
end

local function is_finer(amount, step) return amount and not amount:is_multiple(step) end

local refusals = { funds = "market.account.insufficient_balance",
                   depth = "market.order.insufficient_market_liquidity" }

local calls = {}

function calls.place(self, member, fields, now)
  local pair = self.floor.by_id[fields.market or ""]
  if not pair then fail(422, "market.market.doesnt_exist") end
  local ord_type, volume, price = fields.ord_type or "limit", amount_of(fields.volume),
                                  amount_of(fields.price)
  if ord_type == "market" and price then fail(422, "market.order.market_order_price") end
  if not volume or volume <= ZERO or is_finer(volume, pair.qty_step)
    or ord_type == "limit" and (not price or price <= ZERO or is_finer(price, pair.finest_price))
    or fields.side ~= "buy" and fields.side ~= "sell" then
    fail(422, "market.order.invalid_volume_or_price")
  end
  local order, why = self.floor:place(member, { pair = pair, side = fields.side, price = price,
                                                ord_type = ord_type, volume = volume }, now)
  if not order then fail(422, refusals[why]) end
  if tonumber(self.settings.version) >= 2.1 then
    order.state = "pending"                          -- checked and matched a moment later
    self.floor:accept_later(order, now)
    return order_row(self, order)
  end
  local body = order_row(self, order)
  self.floor:match_new(order, now)
  return body
end

local function own_order(self, member, id)
  local order = self.floor.orders[tonumber(id)]
  if order and order.member == member then return order end
  fail(404, "record.not_found")
end

function calls.cancel(self, member, fields, now)
  local order = own_order(self, member, fields.id)
  local body = order_row(self, order)
  if order.state == "wait" then self.floor:cancel(order, now) end
  return body
end

function calls.cancel_all(self, member, fields, now)
  local bodies = {}
  for _, order in ipairs(member.orders) do
    if order.state == "wait" and (not fields.market or order.pair.id == fields.market)
      and (not fields.side or order.side == fields.side) then
      bodies[#bodies + 1] = order_row(self, order)
      self.floor:cancel(order, now)
    end
  end
  return wire.list(bodies)
end

function calls.order(self, member, fields)
  return order_row(self, own_order(self, member, fields.id), true)
end

-- One page of a list and the headers that say so.
local function page_of(list, fields)
  local limit, page = tonumber(fields.limit) or 100, tonumber(fields.page) or 1
  if limit < 1 or limit > 1000 then fail(422, "market.order.invalid_limit") end
  local result = {}
  for i = (page - 1) * limit + 1, math.min(#list, page * limit) do
    result[#result + 1] = list[i]
  end
  return result, { { "Page", tostring(page) }, { "Per-Page", tostring(limit) },
                   { "Total", tostring(#list) } }
end

-- 12: sorted by updated_at, the latest first unless asked otherwise.
function calls.orders(self, member, fields)
  local list = {}
  for _, order in ipairs(member.orders) do
    if (not fields.market or order.pair.id == fields.market)
      and (not fields.state or order.state == fields.state) then
      list[#list + 1] = order
    end
  end
  local sign = fields.order_by == "asc" and 1 or -1
  table.sort(list, function(a, b)
    if a.updated_ms ~= b.updated_ms then return sign * a.updated_ms < sign * b.updated_ms end
    return sign * a.id < sign * b.id
  end)
  local page, headers = page_of(list, fields)
  for i, order in ipairs(page) do page[i] = order_row(self, order) end
  return wire.list(page), headers
end

function calls.trades(self, member, fields)
  local list, sign = {}, fields.order_by == "asc" and 1 or -1
  local from, to = tonumber(fields.time_from) or 0, tonumber(fields.time_to) or math.huge
  for _, trade in ipairs(self.floor.trades) do
    local second = trade.created_ms / 1000
    if (not fields.market or trade.pair.id == fields.market) and second >= from and second < to
      and (trade.sell.member == member or trade.buy.member == member) then
      list[#list + 1] = trade
    end
  end
  table.sort(list, function(a, b) return sign * a.id < sign * b.id end)
  local page, headers = page_of(list, fields)
  for i, trade in ipairs(page) do
    page[i] = trade_row(self, trade, trade.sell.member == member and trade.sell or trade.buy)
  end
  return wire.list(page), headers
end

function calls.balances(self, member) return self.accounts(self, member) end

-- An ISO 8601 text, whatever its documentation says.
function calls.timestamp(self, _, _, now) return text(self.floor:iso(now)) end

function calls.markets(self)
  local list, is_late = {}, tonumber(self.settings.version) >= 2.2
  for i, pair in ipairs(self.floor.pairs) do
    if is_late then
      list[i] = object(
        "id", text(pair.id), "name", text(pair.name), "base_unit", text(pair.base),
        "quote_unit", text(pair.quote), "min_price", quoted(pair.finest_price),
        "max_price", quoted(ZERO), "min_amount", quoted(pair.min_qty),
        "amount_precision", pair.qty_decimals, "price_precision", pair.price_decimals,
        "state", text "enabled")
    else
      list[i] = object(
        "id", text(pair.id), "name", text(pair.name), "ask_unit", text(pair.base),
        "bid_unit", text(pair.quote), "ask_fee", quoted(pair.ask_fee),
        "bid_fee", quoted(pair.bid_fee), "ask_precision", pair.qty_decimals,
        "bid_precision", pair.price_decimals)
    end
  end
  return wire.list(list)
end

--- The calls that need no member.
V2.public = { markets = true, timestamp = true }

--- Which call a path is, and the fields that it holds; nil when it is none.
function V2.find(method, path)
  if path == "/public/markets" and method == "GET" then return "markets", {} end
  if path == "/public/timestamp" and method == "GET" then return "timestamp", {} end
  if path == "/account/balances" and method == "GET" then return "balances", {} end
  if path == "/market/trades" and method == "GET" then return "trades", {} end
  if path == "/market/orders" then return method == "POST" and "place" or "orders", {} end
  if path == "/market/orders/cancel" and method == "POST" then return "cancel_all", {} end
  local id = path:match "^/market/orders/(%d+)$"
  if id and method == "GET" then return "order", { id = id } end
  id = path:match "^/market/orders/(%d+)/cancel$"
  if id and method == "POST" then return "cancel", { id = id } end
end

--- Runs a call; JSON text and further headers. Raises what `fail` does.
function V2:run(name, member, fields, now) return calls[name](self, member, fields, now) end

return V2
