--- What the venue knows, asked for: after each log-on, for each order in doubt, and while orders
--- are open from time to time. Differences become ordinary reports. Only evidence ends a doubt: an
--- order that was never seen and is not found `NOT_FOUND_TIMES` over the protocol's `shown_within`,
--- after its request could still arrive, was never accepted; one that was seen alive stays unknown,
--- unless the venue says what it means (`not_found_means`) because it keeps no finished orders.

local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local order_fills = require "moonwire.order_fills"
local order_module = require "moonwire.order"
local task = require "moonwire.task"

local Reconciler = { __name = "moonwire.Reconciler" }
Reconciler.__index = Reconciler

local M = {}
local DELAYS = { 1, 2, 5, 10 }        -- seconds between questions about one order; then the last
local ENDING_DELAYS = { 0.1, 0.3, 1, 2, 5 }      -- about one whose end shows only when asked
local HURRIED_DELAY = 2               -- at most, while somebody waits for its end
local TOLD_ATTEMPT = 2                -- so many are left out where a stream should tell it
local SAY_ATTEMPT = 6                 -- that fills are still missing
local LATE_DELAYS = { 5, 10, 15, 30 } -- about one that was given up, where it would not show itself
local NOT_FOUND_TIMES, SHOWN_WITHIN = 3, 10
local GONE_SECONDS = 7                -- of one that was seen, where that says that it has ended
local LATE_TIMES = 5                  -- that trades do not show which the venue counts
local FILLS_DELAY = 0.5               -- a fill that is late by less is not asked for
local FILLS_TIMES = 60                -- then what is known of an order's fills has to do

function M.new(session)
  local self = setmetatable({ session = session, doubts = {}, fills_wanted = {} }, Reconciler)
  self.timer = dispatch.every(session.config.reconcile_every, self, "on_period")
  return self
end

function Reconciler:stop()
  self.is_stopped = true
  self.timer:stop()
end

function Reconciler:on_task_done(done, ok, err)
  if not ok then self.session.log.error("%s failed: %s", done.name, err) end
end

-- Runs body(self, order, ...), which waits for answers about the order; see Orders:hold.
local function holding(self, order, body, ...)
  local orders = self.session.orders
  order = orders:hold(order)
  local ok, result, err = pcall(body, self, order, ...)
  orders:let_go(order)
  if not ok then error(result, 0) end
  return result, err
end

-- One order ---------------------------------------------------------------------------------------

-- Whether something was counted at a price that is not the trade's own.
local function has_bounds(order)
  return order._estimated or order._provisional and next(order._provisional)
end

-- Fills first, so that a status never runs ahead of the money.
local function fetch_fills(self, order, known)
  local session = self.session
  local fills, err = known, nil
  if not fills then fills, err = order_fills.fetch(session, order) end
  for _, report in ipairs(fills or {}) do session:book(order, report) end
  return fills ~= nil, err
end

-- An order that was given up is looked for a while longer where no stream would show it: it is
-- canceled should it come after all.
local function look_later(self, order, n)
  if LATE_DELAYS[n] then dispatch.after(LATE_DELAYS[n], self, "look_for_late", order, n)
  else self.session.orders:let_go(order) end
end

local function on_not_found(self, order)
  local session, now = self.session, dispatch.now()
  local means = session.protocol.not_found_means
  if means and not order:is_open() and not order:is_missing_fills() then return true end
  if order._was_seen and not means then
    if order.status == "unknown" or not order:is_open() then return false end
    session.log.warn("%s was seen alive and the venue does not find it: kept", order)
    return false
  end
  -- What was sent later than now was sent before the clock was set back: it counts from now on.
  local sent = math.min(order._sent_at or order.created_at or now, now)
  if order._sent_at then order._sent_at = sent end
  local from = sent + session.protocol.late_arrival
  -- The answer to its own request is still due, which says more than a list.
  if not order._was_seen and order.status ~= "unknown" then
    from = from + session.config.request_timeout
  end
  if now < from and not order._was_seen then return false end
  order._not_found_since = math.min(order._not_found_since or now, now)
  order._not_found_times = (order._not_found_times or 0) + 1
  local seconds = order._was_seen and GONE_SECONDS or session.protocol.shown_within or SHOWN_WITHIN
  if order._not_found_times < NOT_FOUND_TIMES or now - order._not_found_since < seconds then
    return false
  end
  session.orders:apply(order, { status = means and means(session, order) or "rejected",
                                reason = "not_found", is_inferred = true })
  if not session.has_client_ids then look_later(self, session.orders:hold(order), 1) end
  return true
end

function Reconciler:look_for_late(order, n)
  local session = self.session
  if self.is_stopped or order.status ~= "rejected" then return session.orders:let_go(order) end
  task.start(self, "looking for " .. tostring(order.client_order_id), function()
    local has_run, report = pcall(session.protocol.fetch_order, session, order)
    if not has_run then session.log.error("looking for %s: %s", order, report) end
    if not (has_run and report) then return look_later(self, order, n + 1) end
    session.log.warn("%s arrived late: canceled", order)
    session:apply(order, report)
    self:ask(order)
    session.desk:end_order(order)
    session.orders:let_go(order)
  end)
end

-- Whether nothing has to be asked any more. An order that is about to end is asked about until it
-- has ended or, unless a cancel is on its way, a while has passed.
local function is_settled(self, order, doubt)
  if order.status == "unknown" or order:is_missing_fills() then return false end
  if order:is_open() and self.session:is_replace_lost(order) then return false end
  if not (doubt and doubt.is_ending and order:is_open()) then return true end
  return order.status ~= "pending_cancel" and doubt.attempt >= #ENDING_DELAYS
end

-- Books what the venue said when it was asked, after the fills.
local function apply_answer(self, order, report)
  local canceling = order._cancel
  if report.status == "working" and canceling.is_confirmed then canceling.is_confirmed = nil end
  self.session.orders:apply(order, report)
end

-- Books the fills behind an answer, where there may be any, or what stands in for them when they
-- cannot be had; false when nothing can.
local function book_fills(self, order, report)
  local log = self.session.log
  if not (report.may_have_fills or report.cum_qty and report.cum_qty > order.cum_qty
          or report.status == "filled") then
    return true
  end
  local ok, why = fetch_fills(self, order, report.fills)
  if ok then return true end
  if report.least_qty and not report.cum_qty then            -- canceled, and not all of it
    log.warn("fills of %s cannot be had (%s): asked for again", order, why)
    return false
  end
  log.warn("fills of %s cannot be had (%s): booked at the order's price", order, why)
  report.cum_qty = report.cum_qty or report.status == "filled" and order.qty or nil
  report.last_price = report.last_price or order.price
  local is_exact = report.cum_qty and report.last_price and not report.least_qty
  report.by_total = is_exact and true                        -- else: asked again
  report.is_estimate = report.by_total
  return true
end

-- Of an order that was canceled the venue may tell in money alone that it has executed something,
-- and show the trades later. They are waited for, for a while.
local function are_trades_late(self, order, report, doubt)
  local least = report.least_qty
  if report.cum_qty or not least or order.cum_qty >= least then return false end
  local times = (doubt and doubt.late_times or 0) + 1
  if doubt then doubt.late_times = times end
  if times <= LATE_TIMES then return true end
  self.session.log.error("%s is canceled, and the venue shows trades of %s of it where it counts "
                         .. "%s at least: look there", order, order.cum_qty, least)
  return false
end

-- Asks once; true when the doubt is over.
local function ask_once(self, order, doubt)
  local session, asked_at = self.session, dispatch.now()
  local report, err, class = session.protocol.fetch_order(session, order)
  if not report then
    if err == "not_found" then return on_not_found(self, order) end
    if class == "ambiguous" then
      session:on_ambiguous(order, err)
      return false
    end
    session.log.warn("asking about %s: %s", order.client_order_id or order.order_id, err)
    return false
  end
  order._not_found_since, order._not_found_times = nil, nil
  session:examine(order, report, asked_at)
  if report.order_id and not order.order_id then
    session:apply(order, { order_id = report.order_id })     -- by which the fills are asked for
  end
  if not book_fills(self, order, report) then return false end
  if are_trades_late(self, order, report, doubt) then return false end
  apply_answer(self, order, report)
  if has_bounds(order) then self:ask_fills(order) end
  if order._cancel.is_wanted then dispatch.defer(session, "cancel", order) end
  return is_settled(self, order, doubt)
end

-- The same where others wait for their turn: true when the doubt is over, false when it is not.
local function ask_on_its_own(self, order, doubt)
  local ok, is_over = pcall(holding, self, order, ask_once, doubt)
  if not ok then self.session.log.error("asking about %s: %s", order, is_over) end
  return ok and is_over
end

-- A position that is not right for long is for a person to know of.
local function say_missing(self, order)
  if not order:is_missing_fills() or order.external then return end
  self.session.log.error("%s has executed %s at least, and the venue shows trades of %s so far: "
    .. "asked for until it shows the rest; the position lacks it", order, order._totals.told,
    order.cum_qty)
end

local function ask_later(self, order, doubt)
  doubt.attempt = doubt.attempt + 1
  if doubt.attempt == SAY_ATTEMPT then say_missing(self, order) end
  local delays = doubt.is_ending and ENDING_DELAYS or DELAYS
  local seconds = delays[math.min(doubt.attempt, #delays)]
  if order._cancel.must_end then seconds = math.min(seconds, HURRIED_DELAY) end
  doubt.timer = dispatch.after(seconds, self, "ask_now", order)
end

--- Books the order's fills and what the venue says of it, once; in a task. True when nothing is in
--- doubt after it, false when it is, nil and err when the fills cannot be had.
function Reconciler:look(order)
  return holding(self, order, function(_, known)
    local ok, err = fetch_fills(self, known)
    if not ok then return nil, "fills: " .. tostring(err) end
    if known:is_open() then return ask_once(self, known) end
    return not known:is_missing_fills()
  end)
end

--- Books what the venue says of an order that has ended, its fills first; in a task. nil and err
--- when the fills cannot be had.
function Reconciler:book_end(order, report)
  return holding(self, order, function(_, known)
    local ok, err = fetch_fills(self, known)
    if not ok then return nil, err end
    self.session:apply(known, report)            -- asks for what it has executed beyond these
    return true
  end)
end

-- Whether it has ended meanwhile, and nothing else was asked about.
local function has_ended(order, doubt)
  return doubt.is_ending and not order:is_open() and not order:is_missing_fills()
end

local function end_doubt(self, order)
  self.doubts[order] = nil
  self.session.orders:let_go(order)
end

function Reconciler:ask_now(order)
  local doubt = self.doubts[order]
  if not doubt or self.is_stopped then return end
  doubt.timer = nil
  if has_ended(order, doubt) then return end_doubt(self, order) end
  local private = self.session.private
  if private.state ~= "live" and not private.is_stopped then
    doubt.timer = dispatch.after(DELAYS[1], self, "ask_now", order)
    return
  end
  task.start(self, "asking about " .. tostring(order.client_order_id), function()
    if ask_on_its_own(self, order, doubt) then end_doubt(self, order)
    else ask_later(self, order, doubt) end
  end)
end

--- The venue is asked about this order until it gives evidence; soon, and until it has ended, when
--- `is_ending`; not that soon when its stream should tell the end (`is_told`).
function Reconciler:ask(order, is_ending, is_told)
  local orders = self.session.orders
  order = orders:hold(order)
  local doubt = self.doubts[order]
  if not doubt then
    doubt = { attempt = is_told and TOLD_ATTEMPT or 0, is_ending = is_ending }
    self.doubts[order] = doubt
    return ask_later(self, order, doubt)
  end
  orders:let_go(order)
  if not is_ending then return end
  doubt.is_ending, doubt.attempt = true, is_told and TOLD_ATTEMPT or 0
  if not doubt.timer then return end           -- it is being asked about just now
  doubt.timer:stop()
  ask_later(self, order, doubt)
end

-- What was found out in another way needs no question any more.
local function drop_doubt(self, order)
  local doubt = self.doubts[order]
  if not doubt or not doubt.timer then return end      -- or it is being asked about just now
  doubt.timer:stop()
  end_doubt(self, order)
end

--- Orders of ours of which the venue has executed more than we have fills for, or may have; they
--- may have ended.
---@return moonwire.Order[]
function Reconciler:missing_fills()
  local list, is_listed = {}, {}
  for _, set in ipairs { self.doubts, self.fills_wanted } do
    for order in pairs(set) do
      local is_missing = order:is_missing_fills() or order_module.is_canceled(order)
      if is_missing and not order.external and not is_listed[order] then
        list[#list + 1], is_listed[order] = order, true
      end
    end
  end
  table.sort(list, function(a, b) return tostring(a) < tostring(b) end)
  return list
end

--- Whether anything of ours is in doubt.
function Reconciler:has_doubts()
  for order, doubt in pairs(self.doubts) do
    if has_ended(order, doubt) then drop_doubt(self, order) end
  end
  for order in pairs(self.doubts) do
    if not order.external then return true end
  end
  return #self:missing_fills() > 0
end

--- The order's fills are asked for soon: some are missing, or their price is only a bound.
function Reconciler:ask_fills(order)
  if self.fills_wanted[order] then return end
  local orders = self.session.orders
  order = orders:hold(order)
  if self.fills_wanted[order] then return orders:let_go(order) end
  self.fills_wanted[order] = 0
  dispatch.after(FILLS_DELAY, self, "ask_fills_now", order)
end

local function end_fills(self, order)
  self.fills_wanted[order] = nil
  self.session.orders:let_go(order)
end

local function ask_fills_later(self, order)
  local attempt = self.fills_wanted[order] + 1
  if attempt < FILLS_TIMES or order:is_missing_fills() then    -- however long it takes
    self.fills_wanted[order] = attempt
    dispatch.after(DELAYS[math.min(attempt, #DELAYS)], self, "ask_fills_now", order)
  else
    end_fills(self, order)
    self.session.log.warn("the price of what %s has executed cannot be had: its own price counts",
                          order)
  end
end

function Reconciler:ask_fills_now(order)
  if self.is_stopped then return end
  -- A log-on asks about open orders alone.
  if self.session.private.state ~= "live" then return ask_fills_later(self, order) end
  task.start(self, "fills of " .. tostring(order.client_order_id), function()
    local has_run, ok, err = pcall(fetch_fills, self, order)
    if not has_run then ok, err = nil, ok end
    if not ok then self.session.log.warn("fills of %s: %s", order, err) end
    if order:is_missing_fills() then self:ask(order) end
    if not ok or has_bounds(order) then ask_fills_later(self, order)
    else end_fills(self, order) end
  end)
end

-- All orders --------------------------------------------------------------------------------------

local function apply_one(self, order, report, asked_at)
  local session = self.session
  session:examine(order, report, asked_at)
  if report.may_have_fills or report.cum_qty and report.cum_qty > order.cum_qty then
    fetch_fills(self, order)
  end
  apply_answer(self, order, report)
end

-- Ours that the venue may know: one that is sent while its list is on its way, or that waits for
-- the countdown, proves nothing by its absence.
local function sent_orders(session)
  local sent = {}
  for _, order in ipairs(session.orders:list_open { venue = session.name }) do
    if not order._is_held then sent[#sent + 1] = order end
  end
  return sent
end

-- Returns those of which the venue's list says what it knows.
local function apply_listed(self, reports, asked_at)
  local session, listed = self.session, {}
  each.in_turn(reports, session.log, "order", function(report)
    local order = session:order_of(report)
    if not order then return end
    holding(self, order, apply_one, report, asked_at)
    listed[order] = true
    if order:is_missing_fills() and not order.external then self:ask_fills(order) end
  end)
  return listed
end

local function compare_one(self, order, is_listed)
  local doubt = self.doubts[order]
  local is_asked = doubt and not doubt.timer
  -- A sweep looks several times while it asks, and the venue's limits are needed for its cancels.
  if is_asked and self.session.private.is_stopped then return end
  if not is_listed then
    if ask_on_its_own(self, order, self.doubts[order]) then drop_doubt(self, order)
    else self:ask(order) end
  elseif self.session:is_replace_lost(order) then
    self:ask(order)
  end
end

--- Compares our open orders with the venue's and books the differences; in a task. With `symbols`
--- (a set) it may look at these alone. Returns true, or nil, err, class.
function Reconciler:run(symbols)
  local session = self.session
  session:look_for_chains()
  local sent, asked_at = sent_orders(session), dispatch.now()
  local reports, err, class = session.protocol.fetch_open_orders(session, symbols)
  if not reports then return nil, err, class end
  local listed = apply_listed(self, reports, asked_at)
  for _, order in ipairs(sent) do
    if order:is_open() then compare_one(self, order, listed[order]) end
  end
  for _, order in ipairs(session.orders:list_open { venue = session.name }) do
    if order._cancel.is_wanted then dispatch.defer(session, "cancel", order) end
  end
  return true
end

function Reconciler:on_period()
  local session = self.session
  if session.private.state ~= "live" or self.is_running then return end
  local symbols = {}
  for _, order in ipairs(session.orders:list_open { venue = session.name }) do
    symbols[order.symbol or ""] = true
  end
  if not next(symbols) then return end
  self.is_running = true
  task.start(self, "periodic reconcile", function()
    local has_run, ok, err = pcall(self.run, self, symbols)
    self.is_running = nil
    if not has_run then ok, err = nil, ok end
    if not ok then session.log.warn("periodic reconcile: %s", err) end
  end)
end

return M
