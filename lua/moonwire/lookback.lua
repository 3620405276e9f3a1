--- When guardian and machine died together, the last moments before it are not in the journal: an
--- order that was sent and finished then is in no list of open orders either. Where a venue tells
--- finished orders, those since the last record are asked for, and what carries an id of ours and
--- is not known is taken over with its fills. A run that dies before it has asked leaves that to
--- the next one. A bound that an earlier run booked in place of a price is asked for here as well.

local dispatch = require "moonwire.dispatch"
local order_fills = require "moonwire.order_fills"
local record = require "moonwire.record"

local M = {}
local MARGIN_SECONDS = 60
local REACH_SECONDS = 6 * 86400       -- what venues still tell

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
    for _, value in pairs(runner.instance.params) do add(value) end
  end
  for _, symbol in ipairs(desk.orders.archive:recent_symbols(session.name)) do add(symbol) end
  return list
end

local function take_over(session, report)
  local orders = session.orders
  local client_order_id, order_id = report.client_order_id, report.order_id
  if not orders:is_ours(client_order_id) or orders:find(session.name, client_order_id, order_id)
    or orders:recall(session.name, client_order_id, order_id) then
    return true
  end
  local order = session:order_of(report)
  local fills, err = order_fills.fetch(session, order)
  if not fills then return nil, err end
  for _, fill in ipairs(fills) do orders:apply(order, fill) end
  session:apply(order, report)         -- asks for what it has executed beyond these fills
  return true
end

local function ask(session, since)
  for _, symbol in ipairs(symbols_of(session)) do
    local reports, err = session.protocol.fetch_finished_orders(session, symbol, since)
    if not reports then return nil, err end
    for _, report in ipairs(reports) do
      local ok
      ok, err = take_over(session, report)
      if not ok then return nil, err end
    end
  end
  return true
end

--- Has the fills asked for that an earlier run booked at a price that is not their own.
function M.settle(session)
  local orders, left = session.orders, {}
  for _, of in ipairs(session.desk.unsettled) do
    local is_here = of.venue == session.name
    local order = is_here and (orders:find(of.venue, of.client_order_id, of.order_id)
      or orders:recall(of.venue, of.client_order_id, of.order_id))
    if order then session.reconciler:ask_fills(order) end
    if not is_here then left[#left + 1] = of end
  end
  session.desk.unsettled = left
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

--- Asks, in a task; once, unless it fails, which is said.
---@param session table
function M.run(session)
  local unwritten = session.desk.unwritten
  local gap = unwritten[session.name]
  if not gap or not session.protocol.fetch_finished_orders then return end
  local from = math.max(gap.since - MARGIN_SECONDS, dispatch.now() - REACH_SECONDS)
  local ok, err = ask(session, from)
  if ok then
    unwritten[session.name] = nil
    record.persist(name_of(session.name), ("%.0f"):format(gap.last_run))
  else
    session.log.warn("orders that finished while nothing was written cannot be asked for: %s",
                     tostring(err))
  end
end

return M
