--- What a balance should be: each run notes what the venue says at its start, and from there on the
--- journal knows what fills and fees changed. What is beyond that was paid in or out, traded by
--- somebody else, or booked wrongly; nobody but a person can tell which.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local persist = require "moonwire.persist"
local position = require "moonwire.position"
local record = require "moonwire.record"
local task = require "moonwire.task"

local M = {}
local SETTLE_SECONDS = 1              -- within which the stream tells of what the answer contains
local AGAIN_SECONDS, TIMES = 60, 10
local FEES_PART = decimal "0.02"

local function name_of(venue) return "balances:" .. venue end

-- Noting ------------------------------------------------------------------------------------------

-- An answer in which a fill may be, and may not be, says nothing.
local function note_once(session)
  local desk = session.desk
  local fills, time, asked_at = desk.fill_count, session:venue_ms() / 1000, dispatch.now()
  local balances, err = session.protocol.fetch_balances(session)
  if not balances then return nil, err end
  task.sleep(SETTLE_SECONDS)
  if desk.fill_count ~= fills then return nil, "there were fills meanwhile" end
  local assets = {}
  for asset, balance in pairs(balances) do
    local total = balance.free + (balance.held or decimal.ZERO)
    if not total:is_zero() then assets[asset] = total end
  end
  local text
  text, err = persist.encode { time = time, asked_at = asked_at, assets = assets }
  if not text then return nil, err end
  record.persist(name_of(session.name), text)
  return true
end

local function note(session)
  for _ = 1, TIMES do
    local ok, err = note_once(session)
    if ok or session.is_stopped then return end
    session.log.debug("balances are not noted: %s", err)
    task.sleep(AGAIN_SECONDS)
  end
end

--- Notes the balances once in a run that takes over from a journal (recovery.lua), beside whatever
--- else goes on.
---@param session table  it is live
function M.note(session)
  if not session.desk.notes_balances or session.are_balances_noted then return end
  session.are_balances_noted = true
  session:in_task("noting balances", note)
end

-- Explaining --------------------------------------------------------------------------------------

local function add(sums, asset, amount)
  if amount:is_zero() then return end
  sums[asset] = (sums[asset] or decimal.ZERO) + amount
end

-- What fills since `from` changed, by asset: of ours, of others, and fees of both.
local function changes_since(session, archive, from)
  local positions = { own = {}, others = {} }
  archive:each_fill(0, function(fill, order)
    if order.venue ~= session.name then return end
    local is_before = from and (fill.time and fill.time <= from.time
                                or not fill.time and (fill.booked_at or 0) <= from.asked_at)
    if is_before then return end
    local of = positions[order.strategy and "own" or "others"]
    if not of[order.symbol] then
      of[order.symbol] = position.new { strategy = "", venue = order.venue, symbol = order.symbol }
    end
    of[order.symbol]:apply(fill, order)
  end, true)
  local sums = { own = {}, others = {}, fees = {} }
  for whose, of in pairs(positions) do
    for _, each in pairs(of) do
      local totals = position.totals(each)
      add(sums[whose], each.base, totals.qty)
      add(sums[whose], each.quote, totals.cash)
      for asset, amount in pairs(totals.fees) do add(sums.fees, asset, -amount) end
    end
  end
  return sums
end

--- The balances that the last run noted: { time = of the venue, asked_at =, assets = total by
--- asset }; nil when none did.
---@param archive table
---@param venue string
function M.noted(archive, venue)
  local text = archive:persist(name_of(venue))
  local from = text and persist.decode(text)
  return from and type(from.assets) == "table" and tonumber(from.time) and from or nil
end

-- A venue may hold some more than an order costs, for its fees.
local function unexplained_hold(held, by_orders)
  local rest = held - by_orders
  return rest:abs() > by_orders * FEES_PART and rest or decimal.ZERO
end

--- Adds to each row of balances (compare.lua) what the journal knows of it: `fills` and `fees` of
--- ours, `other_fills` of orders of others that were seen, all as changes since `since` (seconds
--- since 1970) or, where nothing was noted, in all of the journal; with `since` also `noted`, and
--- `unexplained`: what is there beyond that. `held_unexplained` is what no open order holds, fees
--- left out.
---@param session table
---@param archive table
---@param rows table[]  { asset =, free =, held =, own =, others = }
function M.explain(session, archive, rows)
  local from = M.noted(archive, session.name)
  local sums = changes_since(session, archive, from)
  for _, row in ipairs(rows) do
    local asset = row.asset
    row.fills, row.fees = sums.own[asset] or decimal.ZERO, sums.fees[asset] or decimal.ZERO
    row.other_fills = sums.others[asset] or decimal.ZERO
    row.held_unexplained = unexplained_hold(row.held, row.own + row.others)
    if from then
      row.since, row.noted = from.time, from.assets[asset] or decimal.ZERO
      row.unexplained = row.free + row.held - row.noted - row.fills - row.fees - row.other_fills
    end
  end
end

return M
