--- TAPI of the simulated Indodax: POST /tapi (page section 5), with its odd shapes. Numbers and
--- strings are mixed as the venue mixes them.

local decimal = require "moonwire.decimal"
local Desk    = require "moonwire.sim.indodax_desk"
local wire    = require "moonwire.sim.wire"

local ZERO = decimal("0")
local text, object = wire.text, wire.object

---@class moonwire.sim.IndodaxTapi
local Tapi = { __name = "moonwire.sim.IndodaxTapi" }
Tapi.__index = Tapi

--- `options`: desk, auth, settings.
function Tapi.new(options)
  return setmetatable({ desk = options.desk, auth = options.auth, settings = options.settings,
                        limits = {}, blocked = {} }, Tapi)
end

local function failure(problem, code)
  return object("success", 0, "error", text(problem), "error_code", text(code or ""))
end

--- Whole rupiah are JSON numbers, all else text: `"remain_rp":23300`, `"remain_usdt":"1.00000000"`.
local function number_of(asset, d)
  local plain = Desk.amount(asset, d)
  return asset == "idr" and plain or text(plain)
end

-- The name of a quote currency inside member names: rupiah is `rp` in some answers (5.2).
local function short(asset) return asset == "idr" and "rp" or asset end

local function seconds(ms) return string.format("%.0f", math.floor(ms / 1000)) end

-- 5: plain decimals only. What PHP makes of other texts is a number that no check passes.
local function plain_decimal(value)
  if not value then return nil end
  if not value:find("^%d+%.?%d*$") and not value:find("^%.%d+$") then return ZERO end
  if #value > 30 then return ZERO end
  return decimal((value:gsub("^%.", "0."):gsub("%.$", "")))
end

-- Rate limits ------------------------------------------------------------------------------------

local function limit(self, name, count, per_ms)
  local take = self.limits[name]
  if not take then
    take = wire.window(count, per_ms)
    self.limits[name] = take
  end
  return take
end

-- 5.3: 20 a second per account and pair, then the pair is blocked for 5 s.
local function over_trade_limit(self, member, pair, now)
  if not self.settings.rate_limits then return nil end
  local name = member.name .. " " .. pair.id
  if now < (self.blocked[name] or 0) or not limit(self, name, 20, 1000)(now) then
    if now >= (self.blocked[name] or 0) then self.blocked[name] = now + 5000 end
    local problem = text("Your User ID sent too many trade request for pair " .. pair.symbol
                         .. ", please try again in 5 seconds")
    return object("success", 0, "error", problem, "message", problem,
                  "error_code", text "too_many_requests")
  end
end

-- 5.3: a limit that is not documented; there is one address, loopback.
local function over_address_limit(self, now)
  local count = self.settings.ip_limit
  return count > 0 and not limit(self, "address " .. count, count, 1000)(now)
end

local function over_cancel_limit(self, member, now)
  if self.settings.rate_limits and not limit(self, member.name .. " cancel", 30, 1000)(now) then
    return failure("Your User ID sent too many cancel order requests", "too_many_requests")
  end
end

-- trade ------------------------------------------------------------------------------------------

-- Each reader fills `request` from the fields and returns what is wrong, if anything.
local readers = {}

function readers.kind(fields, request)
  request.side = fields.type
  if fields.type ~= "buy" and fields.type ~= "sell" then return "Invalid type" end
  request.type = fields.order_type or "limit"
  if request.type ~= "limit" and request.type ~= "market" then return "Invalid order_type" end
end

function readers.client_order_id(fields, request)
  request.client_order_id = fields.client_order_id
  if fields.client_order_id and not fields.client_order_id:find("^[%w_-]+$")
     or #(fields.client_order_id or "") > 36 then
    return "Invalid client_order_id"
  end
end

local self_trade = { MAKER = "maker", TAKER = "taker", BOTH = "both" }

function readers.instructions(fields, request)
  request.self_trade = self_trade[fields.smp_cancel or "MAKER"]
  if not request.self_trade then return "Invalid smp_cancel" end
  local in_force = fields.time_in_force or "GTC"
  if in_force ~= "GTC" and in_force ~= "MOC" or request.type == "market" and in_force == "MOC" then
    return "Invalid time_in_force"
  end
  request.time_in_force = request.type == "market" and "fok"
                          or in_force == "MOC" and "post_only" or "gtc"
end

function readers.price(fields, request)
  if request.type == "market" then return nil end
  local pair = request.pair
  request.price = plain_decimal(fields.price) or ZERO
  if request.price < pair.min_price then
    return "Minimum price " .. tostring(pair.min_price) .. " " .. pair.quote:upper()
  end
  if not request.price:is_multiple(pair.price_step) then
    return "Invalid price. Price increment is " .. pair.price_step_text .. " " .. pair.quote:upper()
  end
end

-- 5.1: what a buy may name. A market buy is by amount and pays its charges out of it; a limit buy
-- by amount without order_type is the old form; the coin without order_type counts for nothing.
local function buy_quantity(fields, request)
  local pair = request.pair
  local amount = plain_decimal(fields[pair.quote])
  if request.type == "limit" and fields.order_type then
    if amount then return "Invalid parameter " .. pair.quote .. " for limit order" end
    request.qty = plain_decimal(fields[pair.base]) or ZERO
    return nil
  end
  amount = amount or ZERO
  if not amount:is_multiple(pair.quote_step) then return "amount can't be in decimal." end
  local net = amount:div(pair.reserve, 18, "down"):round(pair.quote_step, "down")
  request.held_amount = amount
  if request.type == "market" then
    request.amount = net
  else
    request.qty = amount:div(pair.reserve, 18, "down"):div(request.price, 18, "down")
                        :round(pair.qty_step, "down")
  end
end

function readers.quantity(fields, request)
  if request.side == "buy" then return buy_quantity(fields, request) end
  request.qty = plain_decimal(fields[request.pair.base]) or ZERO
end

function readers.size(_, request)
  local pair = request.pair
  local price = request.price or pair.last
  local value = request.held_amount or request.qty * price
  if value < pair.min_quote then return "Minimum order " .. pair.min_quote_text end
  if request.qty and request.qty < pair.min_base then
    return "Minimum order is " .. pair.min_base_text .. " " .. pair.base:upper()
  end
  if request.qty and not request.qty:is_multiple(pair.qty_step) then
    return "Invalid amount. Quantity increment is " .. tostring(pair.qty_step) .. " "
           .. pair.base:upper()
  end
end

local reading = { readers.kind, readers.client_order_id, readers.instructions, readers.price,
                  readers.quantity, readers.size }

local function read_trade(pair, fields)
  local request = { pair = pair }
  for _, read in ipairs(reading) do
    local problem = read(fields, request)
    if problem then return nil, problem end
  end
  return request
end

-- 5.2: the answer reports nothing executed, whatever happened.
local function trade_answer(settings, order)
  local pair, number = order.pair, string.format("%.0f", order.number)
  local id = settings.loose_types and text(number) or number
  local success = settings.loose_types and '"1"' or "1"
  local rp, held = short(pair.quote), number_of(pair.quote, order.hold)
  local qty = text(Desk.fixed(order.qty or ZERO))
  if order.side == "buy" then
    return object("success", success, "return", object(
      "receive_" .. pair.base, text "0.00000000", "spend_" .. rp, 0, "fee", 0,
      "remain_" .. rp, held,
      "order_id", id, "remain", held, "client_order_id", text(order.client_order_id)))
  end
  return object("success", success, "return", object(
    "sold_" .. pair.base, 0, "receive_" .. rp, 0, "fee", 0, "remain_" .. pair.base, qty,
    "order_id", id, "remain", qty, "client_order_id", text(order.client_order_id)))
end

local pair_states = { suspended = "Market suspended", maintenance = "Market under maintenance",
                      disabled = "Pair disabled" }

local function find_pair(self, fields)
  local pair = self.desk.by_ticker[fields.pair or ""]
  if not pair then return nil, failure("Invalid pair", "invalid_pair") end
  return pair
end

local methods = {}

function methods.trade(self, member, fields, now)
  local pair, wrong_pair = find_pair(self, fields)
  if not pair then return wrong_pair end
  local too_many = over_trade_limit(self, member, pair, now)
  if too_many then return too_many, 429 end
  if pair.state ~= "open" then return failure(pair_states[pair.state], "") end
  local request, problem = read_trade(pair, fields)
  if not request then return failure(problem) end
  local client_order_id = request.client_order_id
  if client_order_id and self.desk:is_taken(member, client_order_id) then
    return failure("client order id " .. client_order_id .. " already exists")
  end
  local order, refused = self.desk:place(member, request, now)
  if order then return trade_answer(self.settings, order) end
  if refused == "would_take" then return failure("Order cancelled because it’s not maker.") end
  return failure("Insufficient balance.")
end

-- cancel -----------------------------------------------------------------------------------------

local function cancel_answer(self, member, order)
  local pair, ledger = order.pair, self.desk.ledger
  local function shown(asset, held)
    return text(Desk.amount(asset, ledger[held and "held" or "free"](ledger, member.name, asset)))
  end
  return object("success", 1, "return", object(
    "order_id", order.number, "client_order_id", text(order.client_order_id),
    "type", text(order.side),
    "pair", text(pair.ticker_id), "balance", object(
      pair.quote, shown(pair.quote), pair.base, shown(pair.base),
      "frozen_" .. pair.quote, shown(pair.quote, true),
      "frozen_" .. pair.base, shown(pair.base, true))))
end

function methods.cancelOrder(self, member, fields, now)
  local too_many = over_cancel_limit(self, member, now)
  if too_many then return too_many, 429 end
  local pair, wrong_pair = find_pair(self, fields)
  if not pair then return wrong_pair end
  local order = self.desk:find(member, pair, fields.order_id or "", now)
  if not order or fields.type ~= order.side or (fields.order_type or "limit") ~= order.type_name
     or not self.desk:cancel(order, now) then
    return failure("invalid order.")
  end
  return cancel_answer(self, member, order)
end

function methods.cancelByClientOrderId(self, member, fields, now)
  local too_many = over_cancel_limit(self, member, now)
  if too_many then return too_many, 429 end
  local order = self.desk:find_by_client_id(member, fields.client_order_id or "", now)
  if not order then return failure("Order not found", "order_not_found") end
  if not self.desk:cancel(order, now) then return failure("invalid order.") end
  return cancel_answer(self, member, order)
end

-- queries ----------------------------------------------------------------------------------------

-- A sell counts in coin, a buy in the quote currency with its reserve (5.2).
local function open_row(order)
  local pair = order.pair
  local asset = order.side == "buy" and pair.quote or pair.base
  return object(
    "order_id", text(order.number), "client_order_id", text(order.client_order_id),
    "submit_time", text(seconds(order.created_at)), "price", text(tostring(order.price)),
    "type", text(order.side), "order_type", text(order.type_name),
    "order_" .. asset, text(Desk.amount(asset, order.hold)),
    "remain_" .. asset, text(Desk.amount(asset, Desk.remaining_hold(order))))
end

local nothing = { null = "null", list = "[]", object = "{}" }

function methods.openOrders(self, member, fields, now)
  local function rows_of(pair)
    local rows = {}
    for i, order in ipairs(self.desk:open_orders(member, pair, now)) do
      rows[i] = open_row(order)
    end
    return #rows > 0 and wire.list(rows) or nil
  end
  local orders
  if fields.pair then
    local pair, wrong_pair = find_pair(self, fields)
    if not pair then return wrong_pair end
    orders = rows_of(pair)
  else
    local by_pair = {}
    for _, pair in ipairs(self.desk.pairs) do by_pair[pair.ticker_id] = rows_of(pair) end
    orders = next(by_pair) and wire.map(by_pair)
  end
  orders = orders or nothing[self.settings.no_orders]
  return object("success", 1, "return", object("orders", orders))
end

local shown_status = { open = "open", filled = "filled", canceled = "cancelled",
                       rejected = "cancelled" }

-- 5.2: receive_<coin> and fee of a buy stay 0 even when it filled. Market orders show an absurd
-- price.
local function order_answer(order)
  local pair = order.pair
  local shared = {
    "order_id", text(order.number), "client_order_id", text(order.client_order_id),
    "price", text(order.price and tostring(order.price) or "1000000000"), "type", text(order.side),
    "submit_time", text(seconds(order.created_at)),
    "finish_time", text(order.finished_at and seconds(order.finished_at) or "0"),
    "status", text(shown_status[order.status]),
  }
  local function add(name, value)
    shared[#shared + 1], shared[#shared + 2] = name, value
  end
  if order.side == "buy" then
    add("fee", 0)
    add("order_" .. short(pair.quote), text(Desk.amount(pair.quote, order.hold)))
    local filled = order.status == "filled"
    local left = order.status == "open" and Desk.remaining_hold(order)
                 or filled and ZERO or order.hold - order.spent
    add("remain_" .. short(pair.quote), text(Desk.amount(pair.quote, left)))
    add("receive_" .. pair.base, 0)
    if order.refund > ZERO then
      add("refund_" .. pair.quote, text(Desk.amount(pair.quote, order.refund)))
    end
  else
    add("fee", number_of(pair.quote, order.fee_paid))
    add("order_" .. pair.base, text(Desk.fixed(order.qty)))
    add("remain_" .. pair.base, text(Desk.fixed(order.leaves_qty)))
    add("receive_" .. short(pair.quote), text(Desk.amount(pair.quote, order.received)))
  end
  return object("success", 1, "return", object("order", object(unpack(shared))))
end

function methods.getOrder(self, member, fields, now)
  local pair, wrong_pair = find_pair(self, fields)
  if not pair then return wrong_pair end
  local order = self.desk:find(member, pair, fields.order_id or "", now)
  if not order then return failure("invalid order.") end
  return order_answer(order)
end

function methods.getOrderByClientOrderId(self, member, fields, now)
  local order = self.desk:find_by_client_id(member, fields.client_order_id or "", now)
  if not order then return failure("Order not found", "order_not_found") end
  return order_answer(order)
end

function methods.getInfo(self, member, _, now)
  local free, held = {}, {}
  for _, pair in ipairs(self.desk.pairs) do
    for _, asset in ipairs { pair.quote, pair.base } do
      free[asset] = number_of(asset, self.desk.ledger:free(member.name, asset))
      held[asset] = number_of(asset, self.desk.ledger:held(member.name, asset))
    end
  end
  return object("success", 1, "return", object(
    "server_time", seconds(now), "balance", wire.map(free), "balance_hold", wire.map(held),
    "address", "[]", "network", "[]", "memo_is_required", "[]", "user_id", text(member.user_id),
    "name", text(member.name), "email", text(member.name .. "@example.invalid"),
    "verification_status", text "verified", "gauth_enable", true, "withdraw_status", 1))
end

-- Legacy histories, announced off from 2026-04-07 -------------------------------------------------

local function newest(list, count, pick)
  local rows = {}
  for i = #list, 1, -1 do
    if #rows >= count then break end
    rows[#rows + 1] = pick(list[i])
  end
  return wire.list(rows)
end

local function count_of(fields)
  return math.min(tonumber((fields.count or ""):match("^%d+$")) or 1000, 1000)
end

function methods.orderHistory(self, member, fields)
  local pair, wrong_pair = find_pair(self, fields)
  if not pair then return wrong_pair end
  local rows = newest(member.finished[pair.id], count_of(fields), function(order)
    local row = order_answer(order)
    return row:match('"order":(.*)}}$')
  end)
  return object("success", 1, "return", object("orders", rows))
end

function methods.tradeHistory(self, member, fields)
  local pair, wrong_pair = find_pair(self, fields)
  if not pair then return wrong_pair end
  local number = fields.order_id
  local since, stop = tonumber(fields.since) or 0, tonumber(fields["end"]) or math.huge
  local rows = newest(member.trades[pair.id], count_of(fields), function(row)
    local order = row.order
    if number and tostring(order.number) ~= number then return nil end
    if row.time / 1000 < since or row.time / 1000 > stop then return nil end
    return object(
      "trade_id", text(row.id), "order_id", text(order.number), "client_order_id",
      text(order.client_order_id), "type", text(order.side), pair.base, text(Desk.fixed(row.qty)),
      "price", text(tostring(row.price)), "fee", text(Desk.amount(pair.quote, row.commission)),
      "trade_time", text(seconds(row.time)))
  end)
  return object("success", 1, "return", object("trades", rows))
end

local function day(value)
  local year, month, date = (value or ""):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  if not year or tonumber(month) > 12 or tonumber(date) > 31 then return nil end
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y, m = y - 1, m + 12 end           -- days since an origin, by the civil calendar
  return 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
         + math.floor((153 * (m - 3) + 2) / 5) + tonumber(date)
end

function methods.transHistory(_, _, fields)
  local first, last = day(fields.start), day(fields["end"])
  if not first or not last or last < first or last - first > 7 then
    return failure("Invalid date range, at most 7 days", "invalid_date")
  end
  return object("success", 1, "return", object("withdraw", "[]", "deposit", "[]"))
end

local needs_trade = { trade = true, cancelOrder = true, cancelByClientOrderId = true }
local legacy = { orderHistory = true, tradeHistory = true }
local states = { locked = "Your account is locked.", disabled = "Your account is disabled." }

--- Answers POST /tapi. `now`: the venue's clock in ms. Returns status and body.
function Tapi:answer(headers, query, body, now)
  if over_address_limit(self, now) then return 429, Tapi.too_many_from_address() end
  local entry, fields, code = self.auth:check(headers, query, body, now)
  if not entry then return 200, failure(fields, code) end
  local member, name = entry.member, fields.method or ""
  local method = methods[name]
  if not method or legacy[name] and not self.settings.legacy_histories then
    return 200, failure("Invalid method", "invalid_method")
  end
  if states[member.state] then return 200, failure(states[member.state], "") end
  if member.permission == "none" or needs_trade[name] and member.permission ~= "trade" then
    return 200, failure("No permission", "no_permission")
  end
  local answer, status = method(self, member, fields, now)
  return status or 200, answer
end

Tapi.failure = failure

--- What the proxy before the venue says with a 429.
function Tapi.too_many_from_address()
  return failure("Too many requests from your IP", "too_many_requests_from_your_ip")
end

return Tapi
