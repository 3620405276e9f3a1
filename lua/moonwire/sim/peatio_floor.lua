--- The simulated Peatio's trading floor, in two stages as the original: the engine matches and
--- tells the book's changes at once, the executor writes the trades down a moment later and only
--- then tells the members. Section numbers are those of the venue page.

local decimal = require "moonwire.decimal"
local Base    = require "moonwire.sim.floor"
local wire    = require "moonwire.sim.wire"

local ZERO = decimal("0")
local TRADES_KEPT = 20000

---@class moonwire.sim.PeatioFloor : moonwire.sim.Floor
local Floor = Base.class "moonwire.sim.PeatioFloor"

--- `options`: settings, pairs, schedule, random. Listeners hear on_orderbook(text),
--- on_trade(member, trade, sell, buy), on_order(member, order), on_public_trade(trade).
function Floor.new(options)
  return Base.new(Floor, {
    settings = options.settings, schedule = options.schedule, random = options.random,
    pairs = options.pairs, orders = {}, order_count = 0, trades = {}, trade_count = 0,
    pending = {}, busy_until = 0 })
end

--- Adds a member. `balances`: asset -> decimal text.
function Floor:add_member(fields, balances)
  local member = fields
  member.orders, member.level, member.state = {}, member.level or 3, "active"
  return self:admit(member, balances)
end

-- Texts -------------------------------------------------------------------------------------------

--- Section 2: plain notation, always a point, "2.0".
function Floor.number(value)
  local plain = tostring(value)
  return plain:find(".", 1, true) and plain or plain .. ".0"
end
local number = Floor.number
local function quoted(value) return '"' .. number(value) .. '"' end
Floor.quoted = quoted

--- ISO 8601 in the server's zone, which is seldom UTC.
function Floor:iso(ms)
  local minutes = self.settings.zone_minutes
  local stamp = os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000) + 60 * minutes)
  if minutes == 0 then return stamp .. "Z" end
  return ("%s+%02d:%02d"):format(stamp, math.floor(minutes / 60), minutes % 60)
end

local words = { sell = "ask", buy = "bid" }

-- 4.1: everybody's orders, by the engine's own figures.
local function orderbook_text(self, action, order, left)
  return wire.object("orderbook", wire.object(
    "action", wire.text(action),
    "order", wire.object(
      "id", order.id, "timestamp", math.floor(order.created_ms / 1000),
      "type", wire.text(words[order.side]), "volume", quoted(left), "price", quoted(order.price),
      "market", wire.text(order.pair.id), "ord_type", wire.text "limit"),
    "locale", wire.text "en", "future", self.settings.extra_fields and '{"a":[1,null]}' or nil))
end

-- When the executor has written this down: one after the other, some ms each.
local function commit_at(self, now)
  local settings = self.settings
  local at = now + self.random:integer(settings.executor_min, settings.executor_max)
  self.busy_until = math.max(self.busy_until, at)
  return self.busy_until
end

local function drop(self, job)
  job.is_off = true
  for i, other in ipairs(self.pending) do
    if other == job then return table.remove(self.pending, i) end
  end
end

local function later(self, now, job)
  table.insert(self.pending, job)
  self.schedule:at(commit_at(self, now), function(at)
    if job.is_off then return end
    drop(self, job)
    job.run(at)
  end)
end

-- Orders ------------------------------------------------------------------------------------------

-- What an order locks (6): a market buy 1.1 x what the book would take now.
local function lock_of(self, request)
  local pair = request.pair
  if request.side == "sell" then return pair.base, request.volume end
  if request.ord_type == "limit" then return pair.quote, request.price * request.volume end
  local _, value = self.engine:fillable { symbol = pair.id, side = "buy", qty = request.volume }
  return pair.quote, (value * self.settings.market_lock):round(pair.finest_price, "up")
end

-- A market order needs a book that can fill it.
local function is_fillable(self, request)
  local _, _, whole = self.engine:fillable { symbol = request.pair.id, side = request.side,
                                             qty = request.volume }
  return whole
end

local function affordable(self, order)
  if order.ord_type == "limit" or order.side == "sell" then return order.volume end
  local qty = self.engine:fillable { symbol = order.pair.id, side = "buy", amount = order.locked }
  return qty < order.volume and qty or order.volume
end

-- A level of the book that may have changed, as it is now.
local function tell_level(self, order, price)
  local pair = order.pair
  local qty = ZERO
  for _, level in ipairs(pair.market[order.side].levels) do
    if level.price == price then qty = level.qty end
  end
  self:tell("on_level", pair, order.side, price, qty)
end

-- Puts `qty` of an order into the engine and tells what the book shows of it.
local function enter(self, order, qty, now)
  local piece = { symbol = order.pair.id, owner = order.owner, side = order.side,
                  type = order.ord_type, price = order.price, qty = qty, row = order,
                  time_in_force = order.in_force, self_trade = order.self_trade }
  order.piece, order.status = piece, "open"
  self:match(self.engine:submit(piece, now), now)
end

--- Writes an order down: nil, "funds" or "depth" when it cannot be. It is matched by `match_new`,
--- behind the answer.
---@param request table  pair, side, ord_type, price, volume
function Floor:place(member, request, now)
  if request.ord_type == "market" and not is_fillable(self, request) then return nil, "depth" end
  local asset, amount = lock_of(self, request)
  if not self.ledger:hold(member.name, asset, amount) then return nil, "funds" end
  self.order_count = self.order_count + 1
  local order = request
  order.id, order.member, order.owner = self.order_count, member, member.name
  order.locked, order.lock_asset, order.created_ms = amount, asset, now
  order.updated_ms, order.state, order.executed, order.funds = now, "wait", ZERO, ZERO
  order.trades = {}
  self.orders[order.id] = order
  table.insert(member.orders, order)
  return order
end

--- Takes back an order that was written and not matched: its transaction failed.
function Floor:withdraw(order)
  self.ledger:release(order.owner, order.lock_asset, order.locked)
  self.orders[order.id] = nil
  table.remove(order.member.orders)
end

--- A new order that is checked a moment later (2.1 and later): refused then, or matched.
function Floor:accept_later(order, now)
  later(self, now, { run = function(at)
    if self.settings.reject_orders then return self:_finish(order, "reject", at) end
    order.state, order.updated_ms = "wait", at
    self:tell("on_order", order.member, order)
    self:match_new(order, at)
  end })
end

--- Hands a new order to the engine.
function Floor:match_new(order, now)
  local qty = affordable(self, order)
  if qty > ZERO then return enter(self, order, qty, now) end
  self:_finish_later(order, "cancel", now)
end

--- Places an order of the made market, which pays no fee.
function Floor:place_market(request, now)
  local order = request
  self:fund(order)
  self.order_count = self.order_count + 1
  order.id, order.created_ms, order.ord_type = self.order_count, now, "limit"
  order.in_force, order.volume = order.time_in_force, order.qty
  order.locked, order.lock_asset, order.executed, order.funds = order.hold_left,
    order.hold_asset, ZERO, ZERO
  order.state, order.trades = "wait", {}
  enter(self, order, order.qty, now)
  order.cum_qty = order.piece.cum_qty
  return order
end

-- The engine --------------------------------------------------------------------------------------

--- What the engine did: the book's changes now, trades and ends by the executor.
function Floor:match(events, now)
  local taker
  for i, event in ipairs(events) do
    local order = event.order.row
    if event.kind == "accepted" then taker = order
    elseif event.kind == "fill" and event.liquidity == "taker" then
      self:_trade(event, events[i + 1], now)
    elseif event.kind == "fill" then
      self:tell("on_orderbook", orderbook_text(
        self, event.leaves_qty == ZERO and "remove" or "update", order, event.leaves_qty))
      tell_level(self, order, order.price)
    elseif event.kind == "canceled" then
      self:_ended(order, event, now)
    elseif event.kind == "done" then
      order.status = "filled"
    end
  end
  if taker and taker.piece._level then
    self:tell("on_orderbook", orderbook_text(self, "add", taker, taker.piece.leaves_qty))
    tell_level(self, taker, taker.price)
  end
end

-- An order left the book, or never was in it.
function Floor:_ended(order, event, now)
  if order.ord_type == "limit" and order.in_force ~= "ioc" then
    self:tell("on_orderbook", orderbook_text(self, "remove", order, event.leaves_qty))
    tell_level(self, order, order.price)
  end
  order.status = "canceled"
  self:_finish_later(order, "cancel", now)
end

function Floor:_finish_later(order, state, now)
  later(self, now, { run = function(at) self:_finish(order, state, at) end })
end

-- A market order that had not the money for all of its volume ends behind its last trade.
local function ends_short(order)
  return order.ord_type == "market" and order.piece.qty < order.volume
end

function Floor:_trade(taken, made, now)
  local job = { sell = taken.order.side == "sell" and taken or made,
                buy = taken.order.side == "buy" and taken or made, qty = taken.qty,
                price = taken.price, taker = taken.order.row }
  function job.run(at) self:_commit(job, at) end
  later(self, now, job)
end

-- The executor ------------------------------------------------------------------------------------

-- 6: fee = income x rate; the made market pays none.
local function take_fee(self, order, asset, income, rate)
  if not order.member then return ZERO end
  local fee = income * rate
  self.ledger:charge(order.owner, Base.VENUE, asset, fee)
  return fee
end

function Floor:_commit(job, at)
  local sell, buy = job.sell.order.row, job.buy.order.row
  local pair, funds, ledger = sell.pair, job.price * job.qty, self.ledger
  ledger:pay(buy.owner, sell.owner, pair.quote, funds)
  ledger:pay(sell.owner, buy.owner, pair.base, job.qty)
  buy.locked, sell.locked = buy.locked - funds, sell.locked - job.qty
  self.trade_count = self.trade_count + 1
  local trade = {
    id = self.trade_count, pair = pair, price = job.price, volume = job.qty, funds = funds,
    created_ms = at, sell = sell, buy = buy, maker = sell.id < buy.id and sell or buy,
    sell_fee = take_fee(self, sell, pair.quote, funds, pair.ask_fee),
    buy_fee = take_fee(self, buy, pair.base, job.qty, pair.bid_fee),
  }
  self.trades[#self.trades + 1] = trade
  Base.trim(self.trades, TRADES_KEPT)              -- orders keep their own
  pair.last = job.price
  for _, order in ipairs { sell, buy } do
    order.executed, order.funds = order.executed + job.qty, order.funds + funds
    order.updated_ms = at
    if order.member then table.insert(order.trades, trade) end
  end
  for _, order in ipairs { sell, buy } do
    if order.executed == order.volume then self:_finish(order, "done", at)
    elseif ends_short(order) and order.executed == order.piece.qty then
      self:_finish(order, "cancel", at)
    else self:tell("on_order", order.member, order) end
  end
  self:_publish(trade, at)
end

-- Told behind the commit; the orders are read when the message is built, so they may have gone on.
function Floor:_publish(trade, at)
  local function send()
    self:tell("on_public_trade", trade)
    local members = { trade.sell.member, trade.buy.member }
    if trade.sell.member == trade.buy.member then members = { trade.sell.member } end
    for _, member in pairs(members) do self:tell("on_trade", member, trade) end
  end
  local delay = self.settings.trade_delay
  if delay == 0 then return send() end
  self.schedule:at(at + delay, send)
end

function Floor:_finish(order, state, at)
  if order.state ~= "wait" and order.state ~= "pending" then return end
  order.state, order.updated_ms = state, at
  if order.locked > ZERO then
    self.ledger:release(order.owner, order.lock_asset, order.locked)
    order.locked = ZERO
  end
  self:tell("on_order", order.member, order)
end

-- Canceling ---------------------------------------------------------------------------------------

-- 13.5: the matches of this order that are not written down yet are undone; who met it is back.
local function undo(self, order, now)
  local undone = false
  for _, job in ipairs { unpack(self.pending) } do
    local own = job.qty and (job.sell.order.row == order and job.sell
                             or job.buy.order.row == order and job.buy)
    if own then
      drop(self, job)
      undone = true
      local other = (own == job.sell and job.buy or job.sell).order.row
      local left = job.qty
      if other.piece._level then
        left = left + other.piece.leaves_qty
        self.engine:cancel(other.piece, now)
      end
      enter(self, other, left, now)
    end
  end
  return undone
end

--- Cancels, a moment after it was asked for: the engine now, the order's state by the executor.
function Floor:cancel(order, now)
  if order.piece and order.piece._level then
    local events = self.engine:cancel(order.piece, now)
    if self.settings.undo_matches then undo(self, order, now) end
    return self:match(events, now)
  end
  if self.settings.undo_matches and order.state == "wait" and undo(self, order, now) then
    self:_finish_later(order, "cancel", now)
  end
end

--- Cancels all of a member's open orders in a pair; says how many.
function Floor:cancel_all(member, pair, now)
  local count = 0
  for _, order in ipairs(member.orders) do
    if order.pair == pair and order.state == "wait" then
      self:cancel(order, now)
      count = count + 1
    end
  end
  return count
end

--- The engine starts anew: each side is empty, then each resting order enters again (4.1).
function Floor:restart_engine()
  for _, pair in ipairs(self.pairs) do
    for _, side in ipairs { "ask", "bid" } do
      self:tell("on_orderbook", wire.object("orderbook", wire.object(
        "action", wire.text "new", "market", wire.text(pair.id), "side", wire.text(side),
        "locale", wire.text "en")))
    end
    local resting = {}
    for _, set in pairs(pair.market.by_owner) do
      for piece in pairs(set) do resting[#resting + 1] = piece.row end
    end
    table.sort(resting, function(a, b) return a.id < b.id end)
    for _, order in ipairs(resting) do
      self:tell("on_orderbook", orderbook_text(self, "add", order, order.piece.leaves_qty))
    end
  end
end

--- What the bus carries now goes out with the turn.
function Floor:flush() self:tell("flush") end

return Floor
