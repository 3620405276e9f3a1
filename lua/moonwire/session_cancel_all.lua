--- Many orders canceled by one request, where the venue takes one for all that is open and the
--- configuration says that this is ours (capability cancel_all); part of session.lua. It is sent
--- when nothing else would go with those that are meant, of all markets or of one. What it came to
--- is read from the venue's list: whatever the answer was, what is still open is canceled one by
--- one, and what is not has ended. It is sent once: late, it would take orders that came after.

local chain = require "moonwire.chain"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local order_fills = require "moonwire.order_fills"
local order_module = require "moonwire.order"
local sorted = require "moonwire.sorted"

local CancelAll = {}                  -- methods of moonwire.Session
local cancel_of = order_module.cancel_of
local WORTH_IT = 2                    -- orders

-- Which orders ------------------------------------------------------------------------------------

-- Whether an order that is not meant is at the venue, or may be. What waits to be sent leaves
-- behind the request.
local function is_in_the_way(self, order)
  if order.venue ~= self.name or order.status == "pending_new" and not order._sent_at then
    return false
  end
  return not (order._cancel.must_end or order.status == "pending_cancel")
end

-- The symbols in which one is, or nil when there is none at all; and whether one of these is
-- somebody else's.
local function symbols_in_the_way(self, is_meant)
  local symbols, is_shared = {}, false
  for _, order in ipairs(self.orders.open) do
    if not is_meant[order] and is_in_the_way(self, order) then
      symbols[order.symbol] = true
      is_shared = is_shared or order.external
    end
  end
  return symbols, is_shared
end

local function cancel_each(self, orders)
  each.in_turn(orders, self.log, "cancel", function(order) self:cancel(order) end)
end

local function can_wait(order) return order:is_open() and not order._cancel.is_under_way end

-- What one request may take together: lists with a symbol, or without one for all markets; and what
-- has to be canceled one by one.
local function groups_of(self, orders)
  local is_meant, by_symbol, groups, rest = {}, {}, {}, {}
  for _, order in ipairs(orders) do is_meant[order] = true end
  local symbols, is_shared = symbols_in_the_way(self, is_meant)
  if is_shared then
    self.log.warn("orders are canceled one by one: the configuration says `exclusive`, and some "
                  .. "that are open are somebody else's")
    return groups, orders
  end
  for _, order in ipairs(orders) do
    local key = next(symbols) and order.symbol or false
    local list = rest
    if can_wait(order) and not symbols[order.symbol] then
      by_symbol[key] = by_symbol[key] or { symbol = key or nil }
      list = by_symbol[key]
      if not list[1] then groups[#groups + 1] = list end
    end
    list[#list + 1] = order
  end
  return groups, rest
end

-- What became of them -----------------------------------------------------------------------------

-- What the venue tells of orders that are no longer open and have traded: { cum_qty = } by order.
local function read_ends(self, symbol, orders, asked_at)
  local since, ends = asked_at, {}
  local is_asked_for = {}
  for _, order in ipairs(orders) do
    since = math.min(since, order._sent_at or order.created_at or since)
    is_asked_for[order] = true
  end
  local reports, err = self.protocol.fetch_finished_orders(self, symbol, since)
  for _, report in ipairs(reports or {}) do
    local order = self.orders:find(self.name, report.client_order_id, report.order_id)
    if order and is_asked_for[order] then
      self:examine(order, report, asked_at)
      local known = ends[order]
      if report.cum_qty and (not known or report.cum_qty > known) then
        ends[order] = report.cum_qty
      end
    end
  end
  return reports and ends, err
end

local function settle_one(self, order, cum_qty)
  if cum_qty and cum_qty > order.cum_qty then
    local fills, err = order_fills.fetch(self, order)
    if not fills then self.log.warn("fills of %s: %s", order, err) end
    for _, fill in ipairs(fills or {}) do self:book(order, fill) end
  end
  if order:is_open() then
    self:apply(order, { status = "canceled", reason = "client", cum_qty = cum_qty,
                        is_inferred = true })
  end
end

-- Orders of one symbol that the list does not have any more.
local function settle_gone(self, symbol, orders, asked_at)
  local ends, err
  if self.protocol.fetch_finished_orders then
    ends, err = read_ends(self, symbol, orders, asked_at)
  end
  if err then self.log.warn("what canceled orders of %s executed: %s", symbol, err) end
  for _, order in ipairs(orders) do
    if ends then settle_one(self, order, ends[order]) else self.reconciler:ask(order, true) end
  end
end

-- Reads what is open. An order that the venue had never shown may still be on its way.
local function confirm(self, orders)
  local asked_at, listed, gone = dispatch.now(), {}, {}
  local reports, err = self.protocol.fetch_open_orders(self)
  if not reports then self.log.warn("what is open behind a cancel of all: %s", err) end
  for _, report in ipairs(reports or {}) do
    local order = self.orders:find(self.name, report.client_order_id, report.order_id)
    if order then
      listed[order] = true
      self:examine(order, report, asked_at)
    end
  end
  for _, order in ipairs(orders) do
    if order:is_open() and reports and order._was_seen and not listed[order] then
      gone[order.symbol] = gone[order.symbol] or {}
      table.insert(gone[order.symbol], order)
    elseif order:is_open() then
      self:cancel(order)
    end
  end
  for _, symbol in ipairs(sorted.keys(gone)) do
    settle_gone(self, symbol, gone[symbol], asked_at)
  end
end

local function confirm_all(self, orders)
  local ok, err = pcall(confirm, self, orders)
  self.canceling_all = self.canceling_all - 1
  if ok then return end
  self.log.error("behind a cancel of all: %s", err)
  cancel_each(self, orders)
end

--- Whether what a cancel of all came to is not known yet.
function CancelAll:is_canceling_all() return self.canceling_all > 0 end

function CancelAll:on_cancel_all_answer(orders, status, body, text, maybe_sent)
  for _, order in ipairs(orders) do cancel_of(order).is_under_way = nil end
  local ok, err = nil, text
  if status ~= 0 then
    ok, err = self:read_answer("cancel_all_answer", nil, status, body, text)
  end
  if not ok then self.log.warn("cancel of all: %s", err) end
  local is_refused = ok == false or status == 0 and not maybe_sent
  if not is_refused then return self:in_task("confirming a cancel of all", confirm_all, orders) end
  self.canceling_all = self.canceling_all - 1
  cancel_each(self, orders)
end

-- Asking for it -----------------------------------------------------------------------------------

-- Sends one for these; false when it cannot be sent now.
local function send(self, orders)
  local request, err = self:build("cancel_all", orders.symbol)
  if not request then
    self.log.warn("cancel of all: %s", err)
    return false
  end
  if request.text and self.private.state ~= "live"
    or not self.limiter:try("cancel", orders.symbol, dispatch.now()) then
    return false
  end
  each.in_turn(orders, self.log, "cancel", function(order)
    local canceling, of = cancel_of(order), chain.of(order)
    canceling.is_wanted, canceling.is_confirmed = nil, nil
    canceling.lost_at, canceling.is_under_way = nil, true
    if of and of.asked then of.asked.is_to_end = true end
    self:apply(order, { status = "cancel_sent" })
  end)
  self.canceling_all = self.canceling_all + 1
  local ok
  ok, err = self:send_request(request, self, "on_cancel_all_answer", orders)
  if not ok then self:on_cancel_all_answer(orders, 0, nil, err, false) end
  self.private:stir()
  return true
end

--- Cancels these orders, by as few requests as it takes.
---@param orders moonwire.Order[]
function CancelAll:cancel_many(orders)
  local groups, rest = {}, orders
  if self.can_cancel_all then groups, rest = groups_of(self, orders) end
  each.in_turn(groups, self.log, "cancel all of", function(group)
    if #group < WORTH_IT or not send(self, group) then cancel_each(self, group) end
  end)
  cancel_each(self, rest)
end

return CancelAll
