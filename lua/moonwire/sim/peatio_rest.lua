--- The simulated Peatio's REST of 0.1 to 1.8 (section 6), bodies and errors as the original's.

local decimal = require "moonwire.decimal"
local Floor   = require "moonwire.sim.peatio_floor"
local json    = require "moonwire.json"
local rows    = require "moonwire.sim.peatio_rows"
local sorted  = require "moonwire.sorted"
local wire    = require "moonwire.sim.wire"

local text, object, quoted = wire.text, wire.object, Floor.quoted
local ZERO = decimal("0")
local DEPTH_MS = 3000                              -- how long the depth is cached

---@class moonwire.sim.PeatioRest
local Rest = { __name = "moonwire.sim.PeatioRest" }
Rest.__index = Rest

--- `options`: floor, settings.
function Rest.new(options)
  return setmetatable({ floor = options.floor, settings = options.settings, depths = {} }, Rest)
end

--- An error of the venue, raised by a route: status, code, message.
local function fail(status, code, message)
  error({ status = status, body = object("error", object("code", code, "message", text(message))) },
        0)
end
Rest.fail = fail

-- Parameters --------------------------------------------------------------------------------------

local function present(value) return value ~= nil and value ~= json.null and value ~= "" end

-- Each check adds what is wrong; all of it is told at once.
local function checker(fields)
  local wrong = {}
  local check = {}
  function check.required(name)
    if fields[name] == nil then wrong[#wrong + 1] = name .. " is missing" end
  end
  function check.one_of(name, set)
    if present(fields[name]) and not set[tostring(fields[name])] then
      wrong[#wrong + 1] = name .. " does not have a valid value"
    end
  end
  function check.integer(name)
    if present(fields[name]) and not tostring(fields[name]):find("^%-?%d+$") then
      wrong[#wrong + 1] = name .. " is invalid"
    end
  end
  function check.range(name, low, high)
    local value = present(fields[name]) and tonumber(fields[name])
    if value and (value < low or value > high) then
      wrong[#wrong + 1] = ("%s must be in range: %d..%d."):format(name, low, high)
    end
  end
  function check.done()
    if #wrong > 0 then fail(422, 1001, table.concat(wrong, ", ")) end
  end
  return check
end

local SIDES = { sell = true, buy = true }
local TYPES = { limit = true, market = true }
local STATES = { wait = true, done = true, cancel = true }
local DIRECTIONS = { asc = true, desc = true }

local function market_of(self, fields, check)
  check.required "market"
  check.one_of("market", self.floor.by_id)
  check.done()
  return self.floor.by_id[fields.market]
end

-- A number as the model takes it: cut to the decimals of its market, without a word; nil for none.
local function amount_of(value, step)
  if not present(value) then return nil end
  local amount = decimal.parse(type(value) == "number" and tostring(decimal(value)) or value)
  return amount and amount:round(step, "down")
end

-- Placing and canceling ---------------------------------------------------------------------------

local function refuse_order(self, why)
  if why == "funds" and self.settings.funds_code then
    fail(422, 2005, "Not enough funds to create order.")
  end
  fail(self.settings.dialect == "hmac" and 400 or 422, 2002, "Failed to create order."
       .. (self.settings.reasons and " Reason: " .. tostring(why) or ""))
end

-- What the model refuses (2002), and the order that it would write.
local function read_order(self, fields, market)
  local pair = self.floor.by_id[market or ""]
  if not pair then refuse_order(self, "market") end
  local ord_type = present(fields.ord_type) and fields.ord_type or "limit"
  local volume = amount_of(fields.volume, pair.qty_step)
  local price = amount_of(fields.price, pair.finest_price)
  if not volume or volume <= ZERO then refuse_order(self, "volume") end
  if ord_type == "limit" and (not price or price <= ZERO) then refuse_order(self, "price") end
  if ord_type == "market" and present(fields.price) then refuse_order(self, "price") end
  return { pair = pair, side = fields.side, ord_type = ord_type, price = price, volume = volume }
end

local function check_order_fields(check)
  check.required "side"
  check.required "volume"
  check.one_of("side", SIDES)
  check.one_of("ord_type", TYPES)
end

local routes = {}

--- Places an order; it is matched when its row is written. The row is that before any match.
function Rest:place(member, fields, market, now)
  local order, why = self.floor:place(member, read_order(self, fields, market), now)
  if not order then refuse_order(self, why) end
  return order
end

routes["POST /orders"] = function(self, member, fields, now)
  local check = checker(fields)
  check.required "market"
  check_order_fields(check)
  check.done()
  local order = self:place(member, fields, fields.market, now)
  local body = rows.order(self.floor, order)
  self.floor:match_new(order, now)
  return body
end

-- All of them or none: nothing is matched before all are written.
routes["POST /orders/multi"] = function(self, member, fields, now)
  local check = checker(fields)
  check.required "market"
  check.required "orders"
  check.done()
  local placed, bodies = {}, {}
  for i, one in ipairs(type(fields.orders) == "table" and fields.orders or {}) do
    local each = checker(one)
    check_order_fields(each)
    each.done()
    local ok, order = pcall(self.place, self, member, one, fields.market, now)
    if not ok then
      for _, other in ipairs(placed) do self.floor:withdraw(other) end
      error(order, 0)
    end
    placed[i], bodies[i] = order, rows.order(self.floor, order)
  end
  for _, order in ipairs(placed) do self.floor:match_new(order, now) end
  return wire.list(bodies)
end

-- The order of the member that `id` names; nil for none.
local function own_order(self, member, fields)
  local check = checker(fields)
  check.required "id"
  check.integer "id"
  check.done()
  local order = self.floor.orders[tonumber(fields.id)]
  return order and order.member == member and order or nil
end

routes["POST /order/delete"] = function(self, member, fields, now)
  local order = own_order(self, member, fields)
  if not order then
    fail(self.settings.dialect == "hmac" and 400 or 422, 2003, "Failed to cancel order.")
  end
  local body = rows.order(self.floor, order)       -- as it was before
  if order.state == "wait" then self.floor:cancel(order, now) end
  return body
end

routes["POST /orders/clear"] = function(self, member, fields, now)
  local check = checker(fields)
  check.one_of("side", SIDES)
  check.done()
  local open, bodies = {}, {}
  for _, order in ipairs(member.orders) do
    if order.state == "wait" and (not present(fields.side) or order.side == fields.side) then
      open[#open + 1], bodies[#bodies + 1] = order, rows.order(self.floor, order)
    end
  end
  for _, order in ipairs(open) do self.floor:cancel(order, now) end
  return wire.list(bodies)
end

-- Asking ------------------------------------------------------------------------------------------

routes["GET /order"] = function(self, member, fields)
  local order = own_order(self, member, fields)
  if not order then fail(404, 2004, ("Order#%s doesn't exist."):format(fields.id)) end
  return rows.order(self.floor, order, true)
end

-- A page of a list, `from` and `to` (ids) excluded.
local function page_of(list, fields, limit, descending)
  local result, from, to = {}, tonumber(fields.from) or 0, tonumber(fields.to) or math.huge
  local page = tonumber(fields.page) or 1
  local first, last, step = 1, #list, 1
  if descending then first, last, step = #list, 1, -1 end
  local skip = (page - 1) * limit
  for i = first, last, step do
    local id = list[i].id
    if id > from and id < to then
      if skip > 0 then skip = skip - 1 else result[#result + 1] = list[i] end
      if #result == limit then break end
    end
  end
  return result
end

local function check_page(check)
  check.range("limit", 1, 1000)
  check.one_of("order_by", DIRECTIONS)
end

routes["GET /orders"] = function(self, member, fields)
  local check = checker(fields)
  check.one_of("state", STATES)
  check_page(check)
  local pair = market_of(self, fields, check)
  local list, state = {}, present(fields.state) and fields.state or "wait"
  for _, order in ipairs(member.orders) do
    if order.pair == pair and order.state == state then list[#list + 1] = order end
  end
  local page = page_of(list, { page = fields.page }, tonumber(fields.limit) or 100,
                       fields.order_by == "desc")
  return wire.list(wire.each(page, function(order) return rows.order(self.floor, order) end))
end

-- The trades of a market, of a member or of all.
local function trades_of(self, fields, member)
  local check = checker(fields)
  check_page(check)
  local pair = market_of(self, fields, check)
  local before = tonumber(fields.timestamp)
  local list = {}
  for _, trade in ipairs(self.floor.trades) do
    local is_own = not member or trade.sell.member == member or trade.buy.member == member
    if trade.pair == pair and is_own
      and (not before or math.floor(trade.created_ms / 1000) <= before) then
      list[#list + 1] = trade
    end
  end
  return page_of(list, fields, tonumber(fields.limit) or 50, fields.order_by ~= "asc")
end

routes["GET /trades/my"] = function(self, member, fields)
  return wire.list(wire.each(trades_of(self, fields, member), function(trade)
    return rows.my_trade(self.floor, trade, member)
  end))
end

routes["GET /trades"] = function(self, _, fields)
  return wire.list(wire.each(trades_of(self, fields), function(trade)
    return rows.public_trade(self.floor, trade)
  end))
end

local function accounts(self, member)
  local assets = {}
  for _, pair in ipairs(self.floor.pairs) do assets[pair.base], assets[pair.quote] = true, true end
  for asset in pairs(self.floor.ledger.accounts[member.name] or {}) do assets[asset] = true end
  return wire.list(wire.each(sorted.keys(assets), function(asset)
    return object("currency", text(asset),
                  "balance", quoted(self.floor.ledger:free(member.name, asset)),
                  "locked", quoted(self.floor.ledger:held(member.name, asset)))
  end))
end
Rest.accounts = accounts

routes["GET /members/me"] = function(self, member)
  return object("sn", text(member.sn or "SN0123456789"), "email", text(member.email),
                "accounts", accounts(self, member))
end

routes["GET /accounts"] = accounts

-- Public ------------------------------------------------------------------------------------------

routes["GET /markets"] = function(self)
  return wire.list(wire.each(self.floor.pairs, function(pair)
    return object("id", text(pair.id), "name", text(pair.name))
  end))
end

routes["GET /fees/trading"] = function(self)
  local function fee(rate)
    return object("type", text "relative", "value", text(tostring(rate)))
  end
  return wire.list(wire.each(self.floor.pairs, function(pair)
    return object("market", text(pair.id), "ask_fee", fee(pair.ask_fee),
                  "bid_fee", fee(pair.bid_fee))
  end))
end

-- Resting orders of a side, best first, by their written rows.
local function resting(pair, side, limit)
  local orders, levels = {}, pair.market[side].levels
  for i = #levels, 1, -1 do
    local piece = levels[i].first
    while piece and #orders < limit do
      if piece.row.state == "wait" then orders[#orders + 1] = piece.row end
      piece = piece._next
    end
  end
  return orders
end

routes["GET /order_book"] = function(self, _, fields)
  local check = checker(fields)
  check.range("asks_limit", 1, 200)
  check.range("bids_limit", 1, 200)
  local pair = market_of(self, fields, check)
  local function side(name, limit)
    return wire.list(wire.each(resting(pair, name, tonumber(limit) or 20), function(order)
      return rows.order(self.floor, order)
    end))
  end
  return object("asks", side("sell", fields.asks_limit), "bids", side("buy", fields.bids_limit))
end

routes["GET /depth"] = function(self, _, fields, now)
  local check = checker(fields)
  check.range("limit", 1, 1000)
  local pair = market_of(self, fields, check)
  local limit = tonumber(fields.limit) or 300
  local key = pair.id .. limit
  local cached = self.depths[key]
  if cached and now - cached.at < DEPTH_MS then return cached.body end
  local function levels(name)
    return wire.each(self.floor.engine:depth(pair.id, name, limit), function(level)
      return "[" .. quoted(level.price) .. "," .. quoted(level.qty) .. "]"
    end)
  end
  local asks, highest_first = levels "sell", {}
  for i = #asks, 1, -1 do highest_first[#highest_first + 1] = asks[i] end
  local body = object("timestamp", math.floor(now / 1000), "asks", wire.list(highest_first),
                      "bids", wire.list(levels "buy"))
  self.depths[key] = { at = now, body = body }
  return body
end

local function ticker(self, pair, now)
  local low, high, last, vol = ZERO, ZERO, ZERO, ZERO
  for _, trade in ipairs(self.floor.trades) do
    if trade.pair == pair then
      low = low == ZERO and trade.price or low:min(trade.price)
      high, last, vol = high:max(trade.price), trade.price, vol + trade.volume
    end
  end
  local function top(side) return quoted(self.floor.engine:best(pair.id, side) or ZERO) end
  return object("at", math.floor(now / 1000), "ticker", object(
    "buy", top "buy", "sell", top "sell", "low", quoted(low), "high", quoted(high),
    "last", quoted(last), "vol", quoted(vol)))
end

routes["GET /tickers"] = function(self, _, _, now)
  local all = {}
  for _, pair in ipairs(self.floor.pairs) do all[pair.id] = ticker(self, pair, now) end
  return wire.map(all)
end

routes["GET /timestamp"] = function(_, _, _, now) return ("%.0f"):format(math.floor(now / 1000)) end

--- Which calls need nobody; and which need the level for trading.
Rest.public = { ["GET /markets"] = true, ["GET /fees/trading"] = true, ["GET /order_book"] = true,
                ["GET /depth"] = true, ["GET /tickers"] = true, ["GET /timestamp"] = true,
                ["GET /trades"] = true, ["GET /ticker"] = true }

function Rest.needs_level(path) return path:find("^/order") or path == "/trades/my" end

routes["GET /ticker"] = function(self, _, fields, now)
  return ticker(self, market_of(self, fields, checker(fields)), now)
end

--- The route of a call, and the fields that its path holds; nil and whether another method has it.
function Rest.find(method, path)
  local market = path:match("^/tickers/(%w+)$")
  if market and method == "GET" then return "GET /ticker", { market = market } end
  local name = method .. " " .. path
  if routes[name] and name ~= "GET /ticker" then return name, {} end
  return nil, routes["GET " .. path] ~= nil or routes["POST " .. path] ~= nil
end

--- Runs a route; JSON text. Raises what `fail` does.
function Rest:run(name, member, fields, now) return routes[name](self, member, fields, now) end

return Rest
