--- Orders on their way out: what is checked of one before it is sent, and of a change of one that
--- works; part of desk.lua.

local chain = require "moonwire.chain"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local order_module = require "moonwire.order"
local orders = require "moonwire.orders"
local rate = require "moonwire.rate"
local risk = require "moonwire.risk"

local Maker, Orders = client_id.Maker, orders.Orders
local Out = {}                        -- methods of moonwire.Desk

local function check_precision(market, order)
  if order.price and not order.price:is_multiple(market.price_step) then
    return nil, ("price %s is not a multiple of %s"):format(order.price, market.price_step)
  end
  if order.qty and not order.qty:is_multiple(market.qty_step) then
    return nil, ("qty %s is not a multiple of %s"):format(order.qty, market.qty_step)
  end
  if order.qty and market.min_qty and order.qty < market.min_qty then
    return nil, ("qty %s is below the venue's minimum %s"):format(order.qty, market.min_qty)
  end
  local least = market.min_notional
  if not least then return true end
  local notional = rawget(order, "amount")             -- an order looks for it in a function
    or order.price and order.qty and order.price * order.qty
  if notional and notional < least then
    return nil, ("notional %s is below the venue's minimum %s"):format(notional, least)
  end
  return true
end

-- What an order may still execute; of one by amount the most that is left of it may come to. nil:
-- nobody knows.
local function may_execute(self, order, reference)
  local leaves = chain.leaves_qty(order)
  if leaves or not (order.amount and reference) then return leaves end
  return decimal.max(decimal.ZERO, risk.highest_qty(self.config.risk, order, reference)
                     - order.cum_qty)
end

-- Left of own open orders of the draft's symbol and side; nil: nobody knows.
local function open_qty(self, draft, reference)
  local total = decimal.ZERO
  for _, order in ipairs(self.orders.open) do
    if order.strategy == draft.strategy and order.venue == draft.venue
      and order.symbol == draft.symbol and order.side == draft.side then
      local leaves = may_execute(self, order, reference)
      if not leaves then return nil end
      total = total + leaves
    end
  end
  return total
end

local function risk_context(self, draft, market, sent_times)
  local runner, books = self.runners[draft.strategy], self.books[draft.venue]
  local book = books and books[draft.symbol]
  local context = self.risk_context
  context.open_orders, context.market = self.orders.own_count, market
  context.now, context.sent_times = dispatch.now(), sent_times or runner.sent_times
  context.reference_price = market.unit_cost or book and book.mid
  if self.config.risk and self.config.risk.max_position then
    context.open_qty = open_qty(self, draft, context.reference_price)
    context.is_open_unknown = context.open_qty == nil
    context.position = self:position(draft.strategy, draft.venue, draft.symbol).qty
  end
  return context
end

local function id_maker(self, are_numbers, strategy)
  local makers = are_numbers and self.number_makers or self.id_makers
  local maker = makers[strategy]
  if not maker then
    maker = are_numbers and client_id.number_maker(self.name, strategy, self.epoch_ms)
      or client_id.maker(self.name, strategy, self.epoch)
    makers[strategy] = maker
  end
  return maker
end

-- A strategy that floods meets a limit of its own before the venue's, which it shares with others.
local function check_share(self, session, strategy)
  local share = session.order_share
  if not share or self.config.risk and self.config.risk.max_orders_per_second then return true end
  local windows = self.runners[strategy].sent_to
  local window = windows[session.name]
  if not window then
    window = {}
    windows[session.name] = window
  end
  local taken, wait = rate.take(window, share.count, share.per, dispatch.now())
  if taken then return true end
  return nil, ("one strategy may send %d orders in %g s to %s, two thirds of the venue's limit "
               .. "(risk.max_orders_per_second sets another): try again in %.3f s"):format(
               share.count, share.per, session.name, wait)
end

-- The order that is to be replaced is among those that are open, and its fills are in the position.
local function leave_out(context, draft, order)
  context.open_orders = context.open_orders - 1
  if context.open_qty and order.strategy == draft.strategy then
    context.open_qty = context.open_qty - order.qty
  end
end

-- What may be asked of a draft at any time: it takes no place in a rate but that of `sent_times`.
-- `replaced`: the order in whose place it is to be.
local function check_draft(self, session, draft, sent_times, replaced)
  local market, err = session:market_of(draft.symbol)
  if not market then return nil, err end
  local ok
  ok, err = check_precision(market, draft)
  if not ok then return nil, err end
  ok, err = session.protocol.check_order(session, draft, market)
  if not ok then return nil, err end
  local context = risk_context(self, draft, market, sent_times)
  if replaced then leave_out(context, draft, replaced) end
  return risk.check(self.config.risk, draft, context)
end

--- Whether a draft would pass: nil and why not. What only shows when it is sent (the venue's rate,
--- a session that is down) is not looked at.
function Out:check(draft)
  if self.halted then return nil, self.halted end
  local session, err = self:session(draft.venue)
  if not session then return nil, err end
  return check_draft(self, session, draft, {})
end

--- Checks a draft (order.draft) and makes it an order in status pending_new; it is sent by
--- Desk:send. nil and why it is refused.
function Out:prepare(draft)
  if self.halted then return nil, self.halted end
  local session, err = self:session(draft.venue)
  if not session then return nil, err end
  local ok
  ok, err = check_draft(self, session, draft)
  if not ok then return nil, err end
  ok, err = check_share(self, session, draft.strategy)
  if not ok then return nil, err end
  ok, err = session:may_submit(draft.symbol)
  if not ok then return nil, err end
  local maker = id_maker(self, session.protocol.client_order_ids == "number", draft.strategy)
  self.order_count = self.order_count + 1
  if not self.maker_in_use then dispatch.afterwards(self, "get_ready") end
  self.maker_in_use = maker
  return Orders.add(self.orders, order_module.record(draft, Maker.next(maker), dispatch.now()))
end

--- What the next order takes is made when this one has left.
function Out:get_ready()
  self.maker_in_use:get_ready()
  order_module.get_ready()
  self.maker_in_use = false
end

-- What an order would be with another price or quantity; nil and why it cannot be.
local function replaced_draft(self, order, strategy, price, qty)
  if not (order.price and order.qty) then return nil, "the order has no price or no qty" end
  local owner = order._owner
  local draft = order_module.draft(order.side, order.venue, order.symbol, order.type,
                                   order.time_in_force, price or order.price, qty or order.qty, nil,
                                   self.runners[owner] and owner or strategy)
  if draft.price == order.price and draft.qty == order.qty then
    return nil, "price and qty are these already"
  end
  if draft.qty <= order.cum_qty then
    return nil, ("qty %s: of the order %s are executed already"):format(draft.qty, order.cum_qty)
  end
  return draft
end

--- Whether an order could have another price or quantity (nil: as it is), as Desk:check.
---@return boolean|nil ok
---@return string|nil err
---@return table|nil draft  what the order would be
function Out:check_replace(order, strategy, price, qty, sent_times)
  if self.halted then return nil, self.halted end
  local session, err = self:session(order.venue)
  if not session then return nil, err end
  local ok, draft
  ok, err = session:may_replace(order)
  if not ok then return nil, err end
  draft, err = replaced_draft(self, order, strategy, price, qty)
  if not draft then return nil, err end
  ok, err = check_draft(self, session, draft, sent_times, order)
  return ok, err, draft
end

--- Checks it, and gives what Desk:send_replace sends; nil and why it is refused.
---@param strategy string  that asks for it
---@return table|nil link  of chain.lua
---@return string|nil err
function Out:prepare_replace(order, strategy, price, qty)
  local ok, err, draft = self:check_replace(order, strategy, price, qty)
  if not ok then return nil, err end
  local session = self.sessions[order.venue]
  ok, err = check_share(self, session, draft.strategy)
  if not ok then return nil, err end
  ok, err = session:take_place(order.symbol, dispatch.now())
  if not ok then return nil, err end
  local maker = id_maker(self, session.protocol.client_order_ids == "number", draft.strategy)
  return chain.ask(order, maker:next(), draft.price, draft.qty)
end

function Out:send_replace(order, link)
  self.sessions[order.venue]:send_replace(order, link)
  if self.watch then self.watch:on_sent() end
end
function Out:drop_replace(order) self.sessions[order.venue]:drop_replace(order) end

return Out
