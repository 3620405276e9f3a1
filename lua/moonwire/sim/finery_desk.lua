--- The trading floor of the simulated Finery Markets: members and their credit, positions against
--- counterparties, orders through the engine, and the rows that tell of them (page sections 5, 6).
---
--- Nobody prepays: what a member may owe in a currency is deposited for it as credit, so that the
--- one ledger holds here as well, and a position is what is there beyond the credit.

local decimal = require "moonwire.decimal"
local Floor   = require "moonwire.sim.floor"
local wire    = require "moonwire.sim.wire"

local ZERO, SCALE = decimal "0", decimal "100000000"
local counterparties = { [Floor.QUOTES] = 42, [Floor.TAKES] = 43 }
local FIRST_ID, BIG_ID = 48221600000LL, 9007199254740992LL     -- above 2^33; 2^53
local FIRST_DEAL = 8589936000LL
local RESTING_MAX = 30                               -- a side, of a maker
local KEPT, SHORT_ROW = 20000, 19                   -- orders and deals of a member; elements

---@class moonwire.sim.FineryDesk : moonwire.sim.Floor
local Desk = Floor.class "moonwire.sim.FineryDesk"

--- `options`: settings, instruments (finery_instruments.list). Listeners hear flushed events:
--- on_orders(member, list of { action =, pair =, text = }), on_positions(member, list of
--- { currency =, counterparty =, text = }).
function Desk.new(options)
  local desk = Floor.new(Desk, { settings = options.settings, pairs = options.instruments,
                                 orders = 0 })
  for _, pair in ipairs(desk.pairs) do desk.by_id[tostring(pair.number)] = pair end
  return desk
end

--- Adds a member. `credit`: currency -> decimal text, what it may owe.
function Desk:add_member(name, client_id, role, credit)
  local member = { name = name, client_id = client_id, role = role, credit = {}, orders = {},
                   by_client_id = {}, positions = {}, deals = {}, outbox = {}, moved = {},
                   placed = {}, state = "open" }
  for currency, amount in pairs(credit) do
    self:add_credit(member, currency:upper(), decimal(amount))
  end
  return self:admit(member, {})
end

--- Raises what a member may owe in a currency.
function Desk:add_credit(member, currency, amount)
  member.credit[currency] = (member.credit[currency] or ZERO) + amount
  self.ledger:deposit(member.name, currency, amount)
end

-- Numbers of the wire -----------------------------------------------------------------------------

--- An amount in units of 1e-8.
function Desk.units(amount) return tostring(amount * SCALE) end
local units = Desk.units

local function id_text(first, n) return (tostring(first + n):gsub("LL$", "")) end

function Desk:order_id(n) return id_text(self.settings.big_ids and BIG_ID or FIRST_ID, n) end
function Desk:deal_id(n) return id_text(self.settings.big_ids and BIG_ID or FIRST_DEAL, n) end

local function side_number(side) return side == "buy" and 0 or 1 end

-- Elements 0 to 9 of a row, as the order stood then.
local function row_head(order, reason, left)
  return string.format('"%s",%d,%d,%d,%s,%s,%s,%s,%s,%.0f', order.pair.id, order.kind,
                       side_number(order.side), reason, order.id, order.client_order_id or "0",
                       order.price and units(order.price) or "0", units(order.amount or order.size),
                       units(left), order.created_at)
end

-- What is left, in the unit that the order counts in.
local function left_of(order, leaves_qty)
  return order.amount and order.amount - order.spent or leaves_qty
end

--- An order's row (11 elements).
function Desk.order_row(order, reason, leaves_qty)
  return "[" .. row_head(order, reason or 0, left_of(order, leaves_qty or order.leaves_qty)) .. ","
    .. (order.amount and 1 or 0) .. "]"
end

-- A deal's row: 19 elements at first, 24 by now.
local function deal_row(desk, event, other, volume)
  local order = event.order
  local aggressor = event.liquidity == "taker" and order.side or other.side
  local row = string.format("%s,%.0f,%s,%d,%s,%s,%s,0,%d,%d",
    row_head(order, 0, left_of(order, event.leaves_qty)), event.time, desk:deal_id(event.trade_id),
    side_number(aggressor), units(event.price), units(event.qty), units(volume),
    desk:client_of(other), order.amount and 1 or 0)
  if desk.settings.row_length == SHORT_ROW then return "[" .. row .. "]" end
  return "[" .. row .. ",17,0,0," .. desk:client_of(other) .. ",0]"
end

--- The client id of whoever owns an order.
function Desk:client_of(order)
  local member = self.members[order.owner]
  return member and member.client_id or counterparties[order.owner]
end

-- Money -------------------------------------------------------------------------------------------

local function move_position(self, member, currency, counterparty, amount)
  local of_currency = member.positions[currency] or {}
  member.positions[currency] = of_currency
  of_currency[counterparty] = (of_currency[counterparty] or ZERO) + amount
  local key = currency .. " " .. counterparty
  if not member.moved[key] then
    member.moved[key] = true
    table.insert(member.moved, { currency = currency, counterparty = counterparty })
  end
  self:touch(member)
end

--- A position's row (5 elements).
function Desk.position_row(currency, counterparty, amount)
  return string.format('["%s",%s,%d,%s,%s]', currency, units(amount), counterparty, units(amount),
                       units(amount))
end

--- All positions of a member as rows, by currency and counterparty.
function Desk.position_rows(member)
  local rows, keys = {}, {}
  for currency, of_currency in pairs(member.positions) do
    for counterparty, amount in pairs(of_currency) do
      keys[#keys + 1] = { currency, counterparty, amount }
    end
  end
  table.sort(keys, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, key in ipairs(keys) do rows[i] = Desk.position_row(key[1], key[2], key[3]) end
  return rows
end

-- More than is held: rounding of single deals may add up to a step each.
local function pay(self, from, to, currency, amount)
  local owner = from.owner
  local missing = amount - (from.hold_asset == currency and from.hold_left or ZERO)
  if missing > ZERO and not self.ledger:hold(owner, currency, missing) then
    local member = self.members[owner]
    if member then self:add_credit(member, currency, missing)
    else self.ledger:deposit(owner, currency, missing) end
    assert(self.ledger:hold(owner, currency, missing))
  end
  if missing > ZERO then from.hold_left = from.hold_left + missing end
  self.ledger:pay(owner, to.owner, currency, amount)
  from.hold_left = from.hold_left - amount
end

-- Money of one deal, seen from its taker's fill event.
local function settle(self, event)
  local order, other = event.order, event.other
  local pair = order.pair
  local buyer = order.side == "buy" and order or other
  local seller = buyer == order and other or order
  local volume = (event.qty * event.price):round(pair.price_step, "half_up")
  pay(self, buyer, seller, pair.quote, volume)
  pay(self, seller, buyer, pair.base, event.qty)
  for _, pair_of in ipairs { { buyer, seller, 1 }, { seller, buyer, -1 } } do
    local member, counterparty = self.members[pair_of[1].owner], self:client_of(pair_of[2])
    local sign = pair_of[3]
    if member then
      move_position(self, member, pair.base, counterparty, sign > 0 and event.qty or -event.qty)
      move_position(self, member, pair.quote, counterparty, sign > 0 and -volume or volume)
    end
  end
  order.spent, other.spent = order.spent + volume, other.spent + volume
  return volume
end

-- Events ------------------------------------------------------------------------------------------

local function tell(self, order, action, text)
  local member = self.members[order.owner]
  if not member then return end
  table.insert(member.outbox, { action = action, pair = order.pair, text = text })
  self:touch(member)
end

local function remember(entries, entry)
  entries[#entries + 1] = entry
  Floor.trim(entries, KEPT)
end

local function remember_deal(self, event, text)
  local member = self.members[event.order.owner]
  if not member then return end
  remember(member.deals, { number = event.trade_id, pair = event.order.pair, time = event.time,
                           text = text, counterparty = self:client_of(event.other) })
end

local CLIENT = 1
local reasons = { no_depth = 2, self_trade = 3, disconnect = 4 }

local function forget(self, order)
  local member = self.members[order.owner]
  if not member then return end
  member.orders[order.id] = nil
  if order.client_order_id and member.by_client_id[order.client_order_id] == order then
    member.by_client_id[order.client_order_id] = nil
  end
end

local function on_end(self, event)
  local order = event.order
  local reason = event.kind == "canceled" and (reasons[event.reason] or CLIENT) or 0
  if order.amount and order.spent < order.amount and reason == 0 then reason = 2 end
  order.cancel_reason = reason
  self:release_rest(order)
  forget(self, order)
  if reason > 0 or self.settings.removed_when_filled then
    tell(self, order, "-", Desk.order_row(order, reason, event.leaves_qty))
  end
end

--- Books what the engine says, and puts it into the members' outboxes.
function Desk:apply(events)
  for _, event in ipairs(events) do
    local order = event.order
    if event.kind == "accepted" then
      tell(self, order, "+", Desk.order_row(order, 0, event.leaves_qty))
    elseif event.kind == "fill" then
      if event.liquidity == "taker" then order.volume = settle(self, event) end
      local volume = event.liquidity == "taker" and order.volume or event.other.volume
      local text = deal_row(self, event, event.other, volume)
      if event.liquidity == "taker" then
        table.insert(order.deals, wire.object("id", self:deal_id(event.trade_id), "price",
          units(event.price), "size", units(event.qty), "volume", units(volume), "delta", 0,
          "counterpartyId", self:client_of(event.other)))
      end
      remember_deal(self, event, text)
      tell(self, order, "D", text)
    elseif event.kind ~= "rejected" then
      on_end(self, event)
    end
  end
end

-- Orders ------------------------------------------------------------------------------------------

-- What an order holds, and in which currency.
local function hold_of(self, order)
  if order.side == "sell" then return order.pair.base, order.qty or self.engine:fillable(order) end
  if order.amount then return order.pair.quote, order.amount end
  local value = order.price and order.price * order.qty
  if not value then
    local _, cost = self.engine:fillable(order)
    value = cost
  end
  return order.pair.quote, value:round(order.pair.price_step, "up")
end

local function count_resting(self, member, pair, side)
  local count = 0
  for _, order in ipairs(self.engine:open_orders(pair.id, member.name)) do
    if order.side == side then count = count + 1 end
  end
  return count
end

local LIMITS, WOULD_TRADE, NOTHING, NOT_ENOUGH, SELF_TRADE = 79, 75, 76, 77, 78

-- Why nothing came of an order that does not rest; nil when something did.
local function refusal(events)
  local first, last = events[1], events[#events]
  if first.reason == "would_take" then return WOULD_TRADE end
  if first.kind == "rejected" then return NOT_ENOUGH end
  if last.kind == "canceled" and last.cum_qty == ZERO then
    return last.reason == "self_trade" and SELF_TRADE or NOTHING
  end
end

--- Takes an order of a member.
---@param request table  pair, side, type, kind (the venue's number), price, qty | amount,
---                      time_in_force, client_order_id, cod (a connection, or nil)
---@return table|nil order  as it stands after matching
---@return integer|nil code  the venue's error
function Desk:place(member, request, now)
  local order = request
  order.symbol, order.owner, order.self_trade = order.pair.id, member.name, "taker"
  order.deals, order.spent, order.hold_left, order.size = {}, ZERO, ZERO, order.qty
  if member.role == "maker" and count_resting(self, member, order.pair, order.side) >= RESTING_MAX
  then
    return nil, LIMITS
  end
  local currency, amount = hold_of(self, order)
  if not self.ledger:hold(member.name, currency, amount) then return nil, LIMITS end
  order.hold_asset, order.hold_left = currency, amount
  self.orders = self.orders + 1
  order.number, order.id, order.created_at = self.orders, self:order_id(self.orders), now
  local events = self.engine:submit(order, now)
  local code = refusal(events)
  if code then
    self:release_rest(order)
    return nil, code
  end
  order.size = order.size or order.qty
  member.orders[order.id] = order
  remember(member.placed, order)
  if order.client_order_id then member.by_client_id[order.client_order_id] = order end
  self:apply(events)
  return order
end

--- Places an order of the made market.
function Desk:place_market(request, now)
  local order = request
  self:fund(order, (order.price * order.qty):round(order.pair.price_step, "up"))
  order.spent, order.size, order.deals = ZERO, order.qty, {}
  self.orders = self.orders + 1
  order.number, order.id, order.kind = self.orders, self:order_id(self.orders), 0
  local events = self.engine:submit(order, now)
  self:apply(events)
  return order, events
end

--- Hands an outbox to the listeners.
function Desk:hand_over(member, now)
  local orders, moved, rows = member.outbox, member.moved, {}
  member.outbox, member.moved = {}, {}
  for i, move in ipairs(moved) do
    local amount = member.positions[move.currency][move.counterparty]
    rows[i] = { currency = move.currency,
                text = Desk.position_row(move.currency, move.counterparty, amount) }
  end
  self:tell("on_orders", member, orders, now)
  self:tell("on_positions", member, rows, now)
end

-- Positions are what the ledger holds beyond the credit.
local function check_positions(self, member)
  local currencies = {}
  for currency in pairs(member.credit) do currencies[currency] = true end
  for currency in pairs(member.positions) do currencies[currency] = true end
  for currency in pairs(currencies) do
    local sum = member.credit[currency] or ZERO
    for _, amount in pairs(member.positions[currency] or {}) do sum = sum + amount end
    local held = self.ledger:free(member.name, currency) + self.ledger:held(member.name, currency)
    if held ~= sum then
      return nil, string.format("%s: %s is %s in the ledger, %s by positions", member.name,
                                currency, tostring(held), tostring(sum))
    end
  end
  return true
end

--- All invariants of money and books, and of positions. true, or nil and what is broken.
function Desk:check()
  local ok, problem = Floor.check(self)
  for _, member in ipairs(self.member_list) do
    if not ok then break end
    ok, problem = check_positions(self, member)
  end
  return ok, problem
end

return Desk
