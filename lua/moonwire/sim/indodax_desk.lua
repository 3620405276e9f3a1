--- The Indodax simulator's trading floor: members, holds and charges, orders through the engine,
--- and what the private channel says about them. Section numbers are those of the venue page.

local decimal  = require "moonwire.decimal"
local Floor    = require "moonwire.sim.floor"
local wire     = require "moonwire.sim.wire"
local ffi      = require "ffi"

local ZERO = decimal("0")
local TRADES_KEPT = 1000                           -- public trades of a pair

---@class moonwire.sim.IndodaxDesk : moonwire.sim.Floor
local Desk = Floor.class "moonwire.sim.IndodaxDesk"

--- `options`: settings, pairs (indodax_pairs.list). Listeners hear public trades (on_trade(pair,
--- row)) and flushed order events (on_events(member, texts)).
function Desk.new(options)
  local desk = Floor.new(Desk, { settings = options.settings, pairs = options.pairs,
                                 by_symbol = {} })
  for _, pair in ipairs(options.pairs) do
    desk.by_symbol[pair.symbol] = pair
    pair.trades, pair.trade_sequence = {}, 44768500
    pair.high, pair.low, pair.volume, pair.value = pair.last, pair.last, ZERO, ZERO
  end
  return desk
end

--- Adds a member. `balances`: asset -> decimal text.
function Desk:add_member(name, user_id, channel_user, balances)
  local member = {
    name = name, user_id = user_id, channel_user = channel_user, outbox = {},
    by_client_id = {}, orders = {}, finished = {}, trades = {}, permission = "trade",
    state = "open",
  }
  for _, pair in ipairs(self.pairs) do
    member.orders[pair.id], member.finished[pair.id], member.trades[pair.id] = {}, {}, {}
  end
  return self:admit(member, balances)
end

-- 4.5: decimals without trailing zeros; 5.2: with eight places.
local function plain(d) return tostring(d) end

--- "0.00020000"
function Desk.fixed(d)
  local whole, fraction = tostring(d):match("^(-?%d+)%.?(%d*)$")
  return whole .. "." .. fraction .. string.rep("0", 8 - #fraction)
end

--- An amount of a currency as TAPI prints it: whole rupiah, eight places otherwise.
function Desk.amount(asset, d)
  return asset == "idr" and plain(d:round("1", "down")) or Desk.fixed(d)
end

--- 2^56 + n, as text (4.5).
function Desk.trade_id(n)
  return (tostring(ffi.cast("int64_t", 72057594037927936LL) + n):gsub("LL$", ""))
end

-- What an order holds, and in which asset (5.1): a buy by price and quantity adds taker fee and
-- clearing, rounded up.
local function hold_of(pair, order)
  if order.side == "sell" then return pair.base, order.qty end
  if order.held_amount then return pair.quote, order.held_amount end
  return pair.quote, (order.price * order.qty * pair.reserve):round(pair.quote_step, "up")
end

--- What is left of a buy's hold if its open quantity filled now: `remain_idr` of 5.2.
function Desk.remaining_hold(order)
  if order.status ~= "open" then return ZERO end
  local pair = order.pair
  if order.side == "sell" then return order.leaves_qty end
  if order.leaves_qty == order.qty then return order.hold end
  return (order.price * order.leaves_qty * pair.reserve):round(pair.quote_step, "up")
end

-- The parts of an order's events that never change (4.5).
local function prepare_texts(settings, order)
  local pair = order.pair
  order.type_name = order.type_name or order.type
  order.full_id = pair.id .. "-" .. order.type_name .. "-" .. order.number
  if not order.client_order_id then
    local name = settings.rebrand and pair.internal or pair.id
    order.client_order_id = name .. "-" .. order.type_name .. "-" .. order.number
  end
  order.text_price = plain(order.price or ZERO)
  order.text_client_id = ',"clientOrderId":' .. wire.text(order.client_order_id)
end

--- Takes an order of a member.
---@param request table  pair, side, type, price, qty | amount, held_amount, time_in_force,
---                      self_trade, client_order_id
---@return table|nil order  as it stands after matching
---@return string|nil error "funds", or the engine's reason for refusing a post-only order
function Desk:place(member, request, now)
  local pair, order = request.pair, request
  order.symbol, order.owner, order.member = pair.id, member.name, member
  local asset, amount = hold_of(pair, order)
  if not self.ledger:hold(member.name, asset, amount) then return nil, "funds" end
  order.hold, order.hold_left, order.hold_asset, order.refund = amount, amount, asset, ZERO
  order.spent, order.received, order.fee_paid = ZERO, ZERO, ZERO
  order.trade_rows = {}
  order.number = self.engine:next_number(pair.id)
  order.visible_at = now + self.settings.visible_after
  prepare_texts(self.settings, order)
  if order.amount and self.settings.market_buy_qty == "base" then
    order.guess_qty = order.amount:div(pair.last, 18, "down"):round(pair.qty_step, "down")
  end
  local events = self.engine:submit(order, now)
  if events[1].reason == "would_take" then
    self.ledger:release(member.name, asset, amount)
    return nil, "would_take"
  end
  member.orders[pair.id][tostring(order.number)] = order
  member.by_client_id[order.client_order_id] = order
  self:apply(events)
  return order
end

--- Places an order of the made market; its fills are free of charge.
function Desk:place_market(request, now)
  self:fund(request)
  local events = self.engine:submit(request, now)
  self:apply(events)
  return request, events
end

-- 4.5: three charges, each cut off to whole rupiah (eight places otherwise); the buyer pays no tax.
local function charges_of(event, value)
  local order, pair = event.order, event.order.pair
  local rates = pair.rates
  local fee = rates[event.liquidity]
  local tax = order.side == "sell" and rates.tax or rates.none
  local function cut(rate) return (value * rate.value):round(pair.quote_step, "down") end
  return { fee_rate = fee.text, fee = cut(fee), tax_rate = tax.text, tax = cut(tax),
           clearing_rate = rates.clearing.text, clearing = cut(rates.clearing) }
end

-- Money of one trade, seen from its taker's fill event.
local function settle(self, taken, made)
  local pair = taken.order.pair
  local buy = taken.order.side == "buy" and taken or made
  local sell = buy == taken and made or taken
  local exact = taken.qty * taken.price
  local value = exact:round(pair.quote_step, "down")
  local ledger, buyer, seller = self.ledger, buy.order, sell.order
  ledger:pay(buyer.owner, seller.owner, pair.quote, value)
  ledger:pay(seller.owner, buyer.owner, pair.base, taken.qty)
  buyer.hold_left, seller.hold_left = buyer.hold_left - value, seller.hold_left - taken.qty
  for _, event in ipairs { buy, sell } do
    local order = event.order
    event.value = value
    if order.member then
      local charges = charges_of(event, exact)
      local total = charges.fee + charges.tax + charges.clearing
      event.charges, event.commission = charges, total
      order.fee_paid = order.fee_paid + total
      if event == buy then
        ledger:pay(order.owner, Floor.VENUE, pair.quote, total)
        order.hold_left, order.spent = order.hold_left - total, order.spent + value + total
      else
        ledger:charge(order.owner, Floor.VENUE, pair.quote, total)
        order.received = order.received + value - total
      end
    end
  end
end

local function public_trade(self, event)
  local pair = event.order.pair
  pair.trade_sequence = pair.trade_sequence + 1
  local row = { time = event.time, sequence = pair.trade_sequence, side = event.order.side,
                price = event.price, qty = event.qty, value = event.value }
  pair.trades[#pair.trades + 1] = row
  Floor.trim(pair.trades, TRADES_KEPT)
  pair.last = event.price
  if event.price > pair.high then pair.high = event.price end
  if event.price < pair.low then pair.low = event.price end
  pair.volume, pair.value = pair.volume + event.qty, pair.value + event.value
  self:tell("on_trade", pair, row)
end

local function remember_trade(self, event)
  local order = event.order
  local row = { order = order, time = event.time, id = Desk.trade_id(event.trade_id),
                qty = event.qty, price = event.price, value = event.value,
                commission = event.commission, liquidity = event.liquidity }
  table.insert(order.trade_rows, row)
  local trades = order.member.trades[order.symbol]
  trades[#trades + 1] = row
  Floor.trim(trades, self.settings.history_kept)
end

-- A finished order stays known for a while: a run of days must not fill the memory.
local function remember_order(self, order)
  local member = order.member
  local finished = member.finished[order.symbol]
  finished[#finished + 1] = order
  Floor.trim(finished, self.settings.history_kept, function(old)
    member.orders[old.symbol][tostring(old.number)] = nil
    if member.by_client_id[old.client_order_id] == old then
      member.by_client_id[old.client_order_id] = nil
    end
  end)
end

local status_of = { accepted = "NEW", fill = "FILL", done = "DONE", canceled = "CANCELLED",
                    rejected = "REJECTED" }

local function fill_information(settings, event)
  local pair, charges = event.order.pair, event.charges
  local asset = '"' .. pair.quote .. '"'
  local parts = {
    '"participant":"', event.liquidity:upper(), '",',
    settings.old_fill_field
      and '"fillQty":"' .. plain(event.qty)
      or '"filledQty":"' .. plain(event.cum_qty) .. '","qty":"' .. plain(event.qty),
    '","feeAsset":', asset, ',"feeRate":', charges.fee_rate, ',"fee":"', plain(charges.fee),
    '","taxAsset":', asset, ',"taxRate":', charges.tax_rate, ',"tax":"', plain(charges.tax), '"',
  }
  if settings.clearing then
    parts[#parts + 1] = ',"clearingAsset":' .. asset .. ',"clearingRate":' .. charges.clearing_rate
                        .. ',"clearing":"' .. plain(charges.clearing) .. '"'
  end
  return ',"fillInformation":{' .. table.concat(parts) .. "}"
end

-- origQty, unfilledQty, executedQty. A market buy is by amount: its unit is not documented (13).
local function quantities(settings, event)
  local order = event.order
  local orig, left = order.qty, event.leaves_qty
  if order.amount and settings.market_buy_qty == "quote" then
    orig = order.held_amount
    left = event.leaves_qty == ZERO and event.kind ~= "rejected" and ZERO or orig
  elseif event.kind == "rejected" then              -- 4.5: as the market order of 2023
    orig = order.amount and order.guess_qty or order.qty
    left = orig
  end
  return plain(orig), plain(left), plain(event.cum_qty)
end

--- One event of the private channel as JSON text (4.5).
local function event_text(settings, event)
  local order, pair = event.order, event.order.pair
  local orig, left, executed = quantities(settings, event)
  local fill = event.kind == "fill"
  local has_client_id = settings.client_order_ids and (not fill or settings.fill_client_order_ids)
  return table.concat {
    '{"eventType":"order_update","order":{"orderId":"', order.full_id, '",',
    fill and '"tradeId":"' .. Desk.trade_id(event.trade_id) .. '",' or "",
    '"symbol":"', pair.id, '","side":"', order.side:upper(), '","origQty":"', orig,
    '","unfilledQty":"', left, '","executedQty":"', executed, '","price":"', order.text_price,
    '","description":"', pair.description, '","status":"', status_of[event.kind],
    '","transactionTime":', string.format("%.0f", event.time),
    fill and fill_information(settings, event) or "",
    has_client_id and order.text_client_id or "",
    event.reason == "self_trade" and ',"cancelReason":"SELF_TRADE_PREVENTION"' or "",
    settings.extra_fields and ',"futureField":{"a":[1,null]},"pairRebrand":null' or "",
    "}}",
  }
end

local function tell(self, event)
  local member, settings = event.order.member, self.settings
  if event.kind == "accepted" and not settings.new_for_taker and event.is_taker then return end
  if settings.extra_events then
    member.outbox[#member.outbox + 1] = '{"eventType":"balance_update","balance":{"idr":"1"}}'
  end
  member.outbox[#member.outbox + 1] = event_text(settings, event)
  self:touch(member)
end

--- Books what the engine says, and puts it into the members' outboxes.
function Desk:apply(events)
  for i, event in ipairs(events) do
    local order = event.order
    if event.kind == "fill" and event.liquidity == "taker" then
      settle(self, event, events[i + 1])
      public_trade(self, event)
    elseif event.kind == "accepted" then
      event.is_taker = events[i + 1] ~= nil
    elseif event.kind ~= "fill" then
      order.refund = self:release_rest(order)
      order.is_self_trade = event.reason == "self_trade"
      if order.member then remember_order(self, order) end
    end
    if order.member then
      if event.kind == "fill" then remember_trade(self, event) end
      tell(self, event)
    end
  end
end

--- Hands an outbox to the listeners: after the answer to the request that filled it.
function Desk:hand_over(member, now)
  local texts = member.outbox
  member.outbox = {}
  self:tell("on_events", member, texts, now)
end

--- An order of the member by pair and number, or by client order id; nil while it hides
--- (`visible_after`).
function Desk:find(member, pair, number, now)
  local order = member.orders[pair.id][number]
  if order and order.visible_at <= now then return order end
end

function Desk:find_by_client_id(member, client_order_id, now)
  local order = member.by_client_id[client_order_id]
  if order and order.visible_at <= now then return order end
end

--- True while an id may not be used again (5.1: for how long is not documented).
function Desk:is_taken(member, client_order_id)
  local order = member.by_client_id[client_order_id]
  if not order then return false end
  return self.settings.duplicate_ids == "ever" or order.status == "open"
end

--- The visible open orders of a member.
function Desk:open_orders(member, pair, now)
  local orders = {}
  for _, order in ipairs(self.engine:open_orders(pair.id, member.name)) do
    if order.visible_at <= now then orders[#orders + 1] = order end
  end
  return orders
end

return Desk
