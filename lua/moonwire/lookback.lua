--- When guardian and machine died together, the last moments before it are not in the journal: an
--- order that was sent and finished then is in no list of open orders either. Where a venue tells
--- finished orders, those since the last record are asked for, and what carries an id of ours and
--- is not known is taken over with its fills; so are fills that one lacks which is known to have
--- ended. A run that dies before it has asked leaves that to the next one. A bound that an earlier
--- run booked in place of a price is asked for here as well.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local record = require "moonwire.record"
local task = require "moonwire.task"

local M = {}
local MARGIN_SECONDS = 60
local REACH_SECONDS = 6 * 86400       -- what venues still tell
local LAG_SECONDS, LAG_LOOK_SECONDS = 30, 0.1
local AGAIN_SECONDS = 10

-- Symbols that were traded, or are about to be: those that a parameter of a strategy names.
local function symbols_of(session)
  local desk, set, list = session.desk, {}, {}
  local function add(symbol)
    local is_symbol = type(symbol) == "string" and session.markets[symbol]  -- [1] is a market, too
    if is_symbol and not set[symbol] then
      set[symbol], list[#list + 1] = true, symbol
    end
  end
  for _, runner in ipairs(desk.runner_list) do
    -- Whatever a strategy calls its parameter: `hedge_symbol` is one as well.
    local params = runner.instance.params              -- a strategy may have put anything there
    for _, value in pairs(type(params) == "table" and params or {}) do add(value) end
  end
  for _, symbol in ipairs(desk.orders.archive:recent_symbols(session.name)) do add(symbol) end
  return list
end

-- Waits until the archive knows what this run has forgotten (Orders:may_be_undrawn).
local function await_drawn(session)
  for _ = 0, LAG_SECONDS, LAG_LOOK_SECONDS do
    if not session.orders:may_be_undrawn() then return true end
    task.sleep(LAG_LOOK_SECONDS)
  end
  return nil, "the journal's tables lag behind"
end

-- How much an order has executed as far as is known; nil: the order is not known.
local function executed(session, client_order_id, order_id)
  local orders, name = session.orders, session.name
  local order = orders:find(name, client_order_id, order_id)
  if order then return order.cum_qty, order:is_open() end
  local archived = orders.archive:order(name, client_order_id, order_id)
  if not archived then return nil end
  local total = decimal.ZERO
  for _, fill in ipairs(archived.fills) do total = total + fill.qty end
  return total, false
end

-- An order that is open is asked about in any case (reconcile.lua).
local function take_over(session, report)
  local known, is_open = executed(session, report.client_order_id, report.order_id)
  if is_open or known and known >= (report.cum_qty or known) then return true end
  return session.reconciler:book_end(session:order_of(report), report)
end

-- One that cannot be taken over keeps none of the others back, and is asked for again.
local function ask(session, since)
  local problem
  for _, symbol in ipairs(symbols_of(session)) do
    local reports, err = session.protocol.fetch_finished_orders(session, symbol, since)
    local ok = reports and true
    if ok then ok, err = await_drawn(session) end
    if not ok then return nil, err end
    for _, report in ipairs(reports) do
      local has_run
      if session.orders:is_ours(report.client_order_id) then
        has_run, ok, err = pcall(take_over, session, report)
        if has_run and not ok then return nil, err end
        if not has_run then problem = ("%s: %s"):format(report.client_order_id, ok) end
      end
    end
  end
  return not problem, problem
end

--- The orders with a fill that an earlier run booked at a price that is not its own: desk.unsettled
--- says which they are, and has the orders themselves behind this. They are held, from before the
--- sessions start: then the archive has all that is known of them.
function M.find_unsettled(desk)
  local orders, found, is_found = desk.orders, {}, {}
  for _, of in ipairs(desk.unsettled) do
    local venue, client_order_id, order_id = of.venue, of.client_order_id, of.order_id
    local order = desk.sessions[venue] and (orders:find(venue, client_order_id, order_id)
                                            or orders:recall(venue, client_order_id, order_id))
    if order and not is_found[order] then
      found[#found + 1], is_found[order] = orders:hold(order), true
    end
  end
  desk.unsettled = found
end

--- Has these fills asked for.
function M.settle(session)
  local desk, left = session.desk, {}
  for _, order in ipairs(desk.unsettled) do
    if order.venue == session.name then
      session.reconciler:ask_fills(order)
      desk.orders:let_go(order)
    else left[#left + 1] = order end
  end
  desk.unsettled = left
end

-- The last run up to which the venue was asked is kept as the text of this name.
local function name_of(venue) return "looked back:" .. venue end

--- Finds out for each venue since when nothing was written that it was not asked for.
function M.plan(desk, archive)
  for name in pairs(desk.sessions) do
    local asked = tonumber(archive:persist(name_of(name)) or 0)
    local since, last_run = archive:unwritten_since(asked)
    desk.unwritten[name] = since and { since = since, last_run = last_run }
  end
end

--- Asks, in a task; once, unless it fails, which is said: then again, at the next log-on at the
--- latest.
---@param session table
function M.run(session)
  local unwritten = session.desk.unwritten
  local gap = unwritten[session.name]
  if not gap or not session.protocol.fetch_finished_orders then return end
  local from = math.max(gap.since - MARGIN_SECONDS, dispatch.now() - REACH_SECONDS)
  local has_run, ok, err = pcall(ask, session, from)
  if not has_run then ok, err = nil, ok end
  if ok then
    unwritten[session.name] = nil
    record.persist(name_of(session.name), ("%.0f"):format(gap.last_run))
  else
    session.log.warn("orders that finished while nothing was written cannot be asked for: %s; "
                     .. "again in %d s", tostring(err), AGAIN_SECONDS)
    if not gap.is_due then dispatch.after(AGAIN_SECONDS, session, "look_back") end
    gap.is_due = true
  end
end

return M
