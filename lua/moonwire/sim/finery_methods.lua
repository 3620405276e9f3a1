--- The simulated Finery Markets' methods, the same over REST and WebSocket (page section 6).

local decimal     = require "moonwire.decimal"
local instruments = require "moonwire.sim.finery_instruments"
local json        = require "moonwire.json"
local wire        = require "moonwire.sim.wire"

local object, list = wire.object, wire.list
local UNIT, ZERO = decimal "0.00000001", decimal "0"
local CLIENT_ID_MAX = decimal "9223372036854775807"
local PAGE = 250

local WRONG, NO_CURRENCY, NO_INSTRUMENT, BAD_SIZE, BAD_PRICE, WRONG_TYPE = 9, 26, 34, 70, 71, 73
local ID_IN_USE, NOT_FOUND, ONE_OF_BOTH, NO_VOLUME, BAD_VOLUME, NO_TRADING = 74, 80, 81, 82, 83, 84
local NOTHING_LEFT, UNKNOWN_METHOD, BACKEND = 90, 1, 2

---@class moonwire.sim.FineryMethods
local Methods = { __name = "moonwire.sim.FineryMethods" }
Methods.__index = Methods

--- `options`: desk, settings, schedule, clock.
function Methods.new(options)
  local methods = setmetatable({ failing = {}, backend = 0 }, Methods)
  for name, value in pairs(options) do methods[name] = value end
  return methods
end

-- Parameters: each is nil and the error's number and field when it is wrong.

-- The digits of a whole number; one of more than 15 arrives as text.
local function digits(content, name)
  local value = content[name]
  if type(value) == "number" and value % 1 == 0 then value = string.format("%.0f", value) end
  if type(value) == "string" and value:find "^%-?%d+$" then return value end
  return nil, WRONG, name
end

local function amount(content, name, step, code)
  local text, err, param = digits(content, name)
  if not text then return nil, err, param end
  local value = decimal(text) * UNIT
  if value <= ZERO or not value:is_multiple(step) then return nil, code, name end
  return value
end

local function find_instrument(self, content)
  if type(content.instrument) ~= "string" then return nil, WRONG, "instrument" end
  local pair = self.desk.by_ticker[content.instrument]
  if pair then return pair end
  return nil, NO_INSTRUMENT
end

-- type -> number, engine's type, time in force, role
local types = {
  limit     = { 0, "limit", "gtc", "maker" },  postOnly  = { 1, "limit", "post_only", "maker" },
  limitIOC  = { 2, "limit", "ioc", "taker" },  limitFOK  = { 3, "limit", "fok", "taker" },
  marketIOC = { 4, "market", "ioc", "taker" }, marketFOK = { 5, "market", "fok", "taker" },
}
local sides = { bid = "buy", ask = "sell" }

local function read_client_id(content)
  if content.clientOrderId == nil then return nil end
  local text, code, param = digits(content, "clientOrderId")
  if not text then return false, code, param end
  local value = decimal(text)
  if value == ZERO then return nil end
  if value < ZERO or value > CLIENT_ID_MAX then return false, WRONG, "clientOrderId" end
  return text
end

local function read_quantity(member, content, order)
  if (content.size ~= nil) == (content.volume ~= nil) then return nil, ONE_OF_BOTH end
  local code, param
  if content.volume ~= nil then
    if member.role == "maker" then return nil, NO_VOLUME end
    order.amount, code, param = amount(content, "volume", order.pair.price_step, BAD_VOLUME)
    return order.amount, code, param
  end
  order.qty, code, param = amount(content, "size", order.pair.qty_step, BAD_SIZE)
  return order.qty, code, param
end

local function read_order(self, member, content)
  local kind = types[content.type]
  local pair, code, param = find_instrument(self, content)
  if not pair then return nil, code, param end
  local order = { pair = pair }
  order.side = sides[content.side]
  if not order.side then return nil, WRONG, "side" end
  if not kind then return nil, WRONG, "type" end
  if kind[4] ~= member.role then return nil, WRONG_TYPE end
  order.kind, order.type, order.time_in_force = kind[1], kind[2], kind[3]
  local ok
  ok, code, param = read_quantity(member, content, order)
  if not ok then return nil, code, param end
  if order.type == "limit" then
    order.price, code, param = amount(content, "price", order.pair.price_step, BAD_PRICE)
    if not order.price then return nil, code, param end
  end
  order.client_order_id, code, param = read_client_id(content)
  if order.client_order_id == false then return nil, code, param end
  if member.by_client_id[order.client_order_id or ""] then return nil, ID_IN_USE end
  return order
end

local methods = {}

local function reply_of(desk, order)
  local left = order.amount and order.amount - order.spent or order.leaves_qty
  return object(
    "id", order.id, "clientOrderId", order.client_order_id,
    order.amount and "remainingVolume" or "remainingSize", desk.units(left),
    "cancelReason", (order.cancel_reason or 0) > 0 and order.cancel_reason or nil,
    "deals", list(order.deals))
end

local function place(self, member, order, now, answer)
  -- It was held back: another one may have taken the id meanwhile.
  if order.client_order_id and member.by_client_id[order.client_order_id] then
    return answer(nil, ID_IN_USE)
  end
  local placed, code = self.desk:place(member, order, self.clock:venue(now))
  if not placed then return answer(nil, code) end
  answer(reply_of(self.desk, placed))
end

--- A taker's order is held back before it is matched, a maker's is not.
function methods.add(self, member, content, now, answer, connection)
  if member.state ~= "open" then return answer(nil, NO_TRADING) end
  local order, code, param = read_order(self, member, content)
  if not order then return answer(nil, code, param) end
  order.cod = content.cod == true and connection or nil
  if member.role == "maker" then return place(self, member, order, now, answer) end
  self.schedule:at(now + self.settings.hold_ms, function(later)
    place(self, member, order, later, answer)
  end)
end

local function find_order(member, content, by_client_id)
  local has_client_id = by_client_id and content.clientOrderId ~= nil
  if has_client_id == (content.orderId ~= nil) then return nil, WRONG, "orderId" end
  local text, code, param = digits(content, has_client_id and "clientOrderId" or "orderId")
  if not text then return nil, code, param end
  local order = (has_client_id and member.by_client_id or member.orders)[text]
  if order then return order end
  return nil, NOT_FOUND
end

function methods.del(self, member, content, now, answer)
  local order, code, param = find_order(member, content, true)
  if not order then return answer(nil, code, param) end
  local left = order.leaves_qty
  if not self.desk:cancel(order, self.clock:venue(now)) then return answer(nil, NOT_FOUND) end
  answer(object("id", order.id, "remainingSize", self.desk.units(left)))
end

function methods.delAll(self, member, content, now, answer)
  local only, code, param
  if content.instrument ~= nil then
    only, code, param = find_instrument(self, content)
    if not only then return answer(nil, code, param) end
  end
  local count = 0
  for _, pair in ipairs(self.desk.pairs) do
    if pair == (only or pair) then
      count = count + self.desk:cancel_all(member, pair, self.clock:venue(now))
    end
  end
  answer(object("removed", count))
end

-- The replacement of a maker's order: an `add` of what is left. Once the old one is gone its
-- failure is told inside the reply.
local function replace(self, member, old, new, now, answer)
  local venue_now, left = self.clock:venue(now), old.leaves_qty
  self.desk:cancel(old, venue_now)
  local placed, code
  if new.client_order_id and member.by_client_id[new.client_order_id] then code = ID_IN_USE
  else placed, code = self.desk:place(member, new, venue_now) end
  local units = self.desk.units
  if not placed then
    return answer(object("error", code, "origId", old.id, "origRemainingSize", units(left)))
  end
  answer(object(
    "id", placed.id, "initialSize", units(placed.size), "remainingSize", units(placed.leaves_qty),
    "cancelReason", (placed.cancel_reason or 0) > 0 and placed.cancel_reason or nil,
    "origId", old.id, "origRemainingSize", units(left), "deals", list(placed.deals)))
end

function methods.mod(self, member, content, now, answer)
  if member.state ~= "open" then return answer(nil, NO_TRADING) end
  local old, code, param = find_order(member, content)
  if not old then return answer(nil, code, param) end
  local price, size, id
  price, code, param = amount(content, "price", old.pair.price_step, BAD_PRICE)
  if not price then return answer(nil, code, param) end
  size, code, param = amount(content, "size", old.pair.qty_step, BAD_SIZE)
  if not size then return answer(nil, code, param) end
  if size <= old.cum_qty then return answer(nil, NOTHING_LEFT) end
  id, code, param = read_client_id(content)
  if id == false then return answer(nil, code, param) end
  replace(self, member, old, {
    pair = old.pair, side = old.side, kind = old.kind, type = "limit", price = price,
    time_in_force = old.time_in_force, qty = size - old.cum_qty, client_order_id = id,
  }, now, answer)
end

-- Reads -------------------------------------------------------------------------------------------

--- Rows of feed I as well: [currencies], [instruments].
function Methods:currency_rows(with_networks)
  local rows = {}
  for i, name in ipairs(instruments.currency_names) do
    local c = instruments.currency(name)
    rows[i] = string.format('["%s",%d,%d,%s,"%s"%s]', name, c.id, c.step,
                            self.desk.units(decimal(c.usd)), c.type,
                            with_networks and ',["' .. name .. '"]' or "")
  end
  return list(rows)
end

function Methods:instrument_rows()
  local rows = {}
  for i, pair in ipairs(self.desk.pairs) do
    rows[i] = string.format('["%s",%.0f,"%s","%s"]', pair.id, pair.number, pair.base, pair.quote)
  end
  return list(rows)
end

function methods.instruments(self, _, _, _, answer)
  answer(list { self:currency_rows(true), self:instrument_rows(), '[["BTC","Bitcoin",1]]' })
end

--- Active orders of a member as rows, of one instrument or all.
function Methods:order_rows(member, only)
  local rows = {}
  for _, pair in ipairs(self.desk.pairs) do
    if pair == (only or pair) then
      for _, order in ipairs(self.desk.engine:open_orders(pair.id, member.name)) do
        rows[#rows + 1] = self.desk.order_row(order)
      end
    end
  end
  return list(rows)
end

--- The answer of `positions`, and the snapshot of feed P.
function Methods:position_text(member)
  return list { self.desk:deal_id(self.desk.engine.trades + 1),
                list(self.desk.position_rows(member)), self:order_rows(member), "[]" }
end

function methods.positions(self, member, _, _, answer) answer(self:position_text(member)) end

local function levels_text(desk, pair, side, count)
  local rows = {}
  for i, level in ipairs(desk.engine:depth(pair.id, side, count)) do
    rows[i] = "[" .. desk.units(level.price) .. "," .. desk.units(level.qty) .. "]"
  end
  return list(rows)
end

--- [bids, asks] of an instrument, 25 levels a side.
function Methods:book_text(pair)
  return list { levels_text(self.desk, pair, "buy", 25), levels_text(self.desk, pair, "sell", 25) }
end

function methods.book(self, _, content, _, answer)
  local pair, code, param = find_instrument(self, content)
  if not pair then return answer(nil, code, param) end
  answer(self:book_text(pair))
end

local function wanted_instruments(content)
  local given = content.instrument
  if given == nil then return nil end
  local wanted = {}
  for _, name in ipairs(type(given) == "table" and given or { given }) do wanted[name] = true end
  return wanted
end

--- Newest first.
function methods.dealHistory(self, member, content, _, answer)
  local wanted = wanted_instruments(content)
  local from, to = tonumber(content.from), tonumber(content.to)
  local limit = math.min(PAGE, tonumber(content.limit) or PAGE)
  local till = content.till ~= nil and digits(content, "till")
  local rows, deals = {}, member.deals
  for i = #deals, 1, -1 do
    local deal = deals[i]
    if #rows >= limit then break end
    if not (from and deal.time < from) and not (to and deal.time >= to)
      and not (wanted and not wanted[deal.pair.id])
      and not (till and decimal(self.desk:deal_id(deal.number)) >= decimal(till)) then
      rows[#rows + 1] = deal.text
    end
  end
  answer(list(rows))
end

--- Limits against the one counterparty that makes markets here: the credit, in USD.
function Methods:limit_rows(member)
  local credit, used = ZERO, ZERO
  for _, name in ipairs(instruments.currency_names) do
    local usd = decimal(instruments.currency(name).usd)
    credit = credit + (member.credit[name] or ZERO) * usd
    for _, position in pairs(member.positions[name] or {}) do
      if position < ZERO then used = used - position * usd end
    end
  end
  local step = decimal "0.01"
  return list { object(
    "counterpartyId", 42,
    "tradingPermissions", object("ownTradingEnabled", member.state == "open",
                                 "mutualTradingEnabled", true),
    "ownLimit", object("grossLimit", self.desk.units(credit:round(step, "down")), "asset", '"USD"',
                       "limitUtilization", self.desk.units(used:round(step, "down")),
                       "equity", 0)) }
end

function methods.climits(self, member, _, _, answer) answer(self:limit_rows(member)) end
function methods.limits(_, _, _, _, answer) answer "[]" end

-- Running -----------------------------------------------------------------------------------------

--- Whether `name` is a trading method or a read.
function Methods.has(name) return methods[name] ~= nil end

--- Makes the next `times` calls of a method fail with `code`; `executed`: they are carried out.
function Methods:fail(name, code, times, executed)
  self.failing[name] = { code = code, left = times, executed = executed }
end

--- Runs a method of a member: answer(text), or answer(nil, code, param).
---@param content table
---@param connection table|nil  the WebSocket that it came on
function Methods:run(name, member, content, now, answer, connection)
  if self.backend ~= 0 then return answer(nil, BACKEND) end
  local method = methods[name]
  if not method then return answer(nil, UNKNOWN_METHOD) end
  local failing = self.failing[name]
  if failing and failing.left > 0 then
    failing.left = failing.left - 1
    if not failing.executed then return answer(nil, failing.code) end
    local code = failing.code
    return method(self, member, content, now, function() answer(nil, code) end, connection)
  end
  method(self, member, content, now, answer, connection)
end

--- A method's parameters, of a text; nil when it is no JSON object.
function Methods.parse(text)
  local content = json.decode(text)
  if type(content) ~= "table" or not text:find "^%s*{" then return nil end
  return content
end

--- The id of a currency that a feed was bound with: a name or a number; nil and the error.
function Methods.find_currency(id)
  for _, name in ipairs(instruments.currency_names) do
    if id == name or tonumber(id) == instruments.currency(name).id then return name end
  end
  return nil, NO_CURRENCY
end

return Methods
