--- What Instamrkt is asked about our bets and balances, in tasks: which bets stand, what became of
--- one, where one without an answer is, and what is left.

local candidates = require "moonwire.candidates"
local decimal = require "moonwire.decimal"
local pools = require "moonwire.venues.instamrkt.pools"
local private = require "moonwire.venues.instamrkt.private"
local settle = require "moonwire.venues.instamrkt.settle"
local wire = require "moonwire.venues.instamrkt.wire"

local M = {}

-- Our bets in a pool's row, as reports; `symbol_of` a target.
local function bets_in(s, row, currency)
  local user_id, reports = s.memory.user_id, {}
  for _, entry in ipairs(row.distribution or {}) do
    local target = wire.id(entry.target_id)
    for _, bet in ipairs(entry.bets or {}) do
      if wire.id(bet.user_id) == user_id then
        reports[#reports + 1] = {
          status = "working", order_id = wire.id(bet.bet_id), side = "buy", type = "market",
          time_in_force = "fok", qty = wire.amount(bet.amount), target = target,
          symbol = pools.symbol(wire.id(row.pool_id), target, currency),
          time = wire.seconds(bet.placed_at),
        }
      end
    end
  end
  return reports
end

local function has_lost_orders(s)
  for _, order in ipairs(s.orders.open) do
    if order.venue == s.name and not order.order_id then return true end
  end
  return false
end

local function fetch_exposure(s, currency)
  local answer, err, class = wire.ask(s, "get_my_exposure", { your_exposure = true },
                                      { currency = currency })
  if not answer then return nil, err, class end
  local exposure = wire.amount(answer.exposure)
  if not exposure then return nil, "get_my_exposure: no amount in the answer", "retry" end
  return exposure
end

local function currencies(s)
  local seen, list = { [wire.DEFAULT_CURRENCY] = true }, { wire.DEFAULT_CURRENCY }
  for _, id in ipairs(pools.game_ids(s)) do
    local currency = s.memory.games[id].currency
    if not seen[currency] then seen[currency], list[#list + 1] = true, currency end
  end
  return list
end

-- All our bets in pools that run, as reports; and their stakes by currency.
local function fetch_running(s)
  local reports, stakes = {}, {}
  for _, game_id in ipairs(pools.game_ids(s)) do
    local currency = s.memory.games[game_id].currency
    local rows, err, class = pools.fetch(s, "list_my_running_pools_for_game", game_id)
    if not rows then return nil, err, class end
    for _, row in ipairs(rows) do
      for _, report in ipairs(bets_in(s, row, currency)) do
        reports[#reports + 1] = report
        stakes[currency] = (stakes[currency] or decimal.ZERO) + report.qty
      end
    end
  end
  return reports, stakes
end

-- Stakes in games that we are not in; learned once, while nothing of ours is in doubt.
local function learn_elsewhere(s, stakes)
  if s.memory.elsewhere or has_lost_orders(s) then return true end
  local elsewhere = {}
  for _, currency in ipairs(currencies(s)) do
    local exposure, err, class = fetch_exposure(s, currency)
    if not exposure then return nil, err, class end
    elsewhere[currency] = exposure - (stakes[currency] or decimal.ZERO)
  end
  s.memory.elsewhere = elsewhere
  return true
end

--- Our bets in pools that are not decided.
function M.fetch_open_orders(s)
  local reports, stakes, class = fetch_running(s)
  if not reports then return nil, stakes, class end
  local ok, err
  ok, err, class = learn_elsewhere(s, stakes)
  if not ok then return nil, err, class end
  return reports
end

local function as_bet(report)
  return { bet_id = report.order_id, target = report.target, stake = report.qty }
end

-- What a pool that was decided (390) says of one bet. Bets that came too late are not in it.
local function decided_report(s, row, order_id)
  local bets, mine = {}, nil
  local outcome = private.outcome_of(s, row)
  if not outcome.winner then return nil, "a decided pool without its winner" end
  for _, report in ipairs(bets_in(s, row, "")) do
    local bet = as_bet(report)
    bets[#bets + 1] = bet
    if bet.bet_id == order_id then mine = bet end
  end
  if not mine then return settle.returned({ bet_id = order_id }, "invalidated", outcome.time) end
  local total, backing = wire.amount(row.amount_total), nil
  for _, entry in ipairs(row.distribution) do
    if settle.wins(wire.id(entry.target_id), outcome.winner) then
      backing = wire.amount(entry.backing_money)
    end
  end
  if not backing or backing:sign() <= 0 then outcome.is_money_return = true end
  outcome.won, outcome.is_invalidated = wire.amount(row.total_winnings), false
  local reports = settle.reports(bets, outcome, backing and total
                                 and pools.multiplier(total, backing))
  for i, bet in ipairs(bets) do
    if bet == mine and reports[i] then return reports[i] end
  end
  return nil, ("pool %s: what was won there (%s) does not fit the stakes: look what came back")
    :format(tostring(row.pool_id), tostring(outcome.won)), "ambiguous"
end

local function with_fills(report)
  if report and report.trade_id then
    report.fills = { {
      order_id = report.order_id, trade_id = report.trade_id, last_qty = report.last_qty,
      last_price = report.last_price, liquidity = report.liquidity, fees = report.fees,
      time = report.time,
    } }
  end
  return report
end

local function fetch_known(s, order, pool_id)
  local running, err, class = fetch_running(s)
  if not running then return nil, err, class end
  for _, report in ipairs(running) do
    if report.order_id == order.order_id then return report end
  end
  local row
  row, err, class = pools.find_decided(s, pool_id)
  if row == nil then return nil, err, class end
  if not row then return nil, "not_found" end
  local report
  report, err, class = decided_report(s, row, order.order_id)
  return with_fills(report), err, class
end

local DISTRIBUTION = { new_betting_pool_bets_distribution = true }

-- The rows in which a lost bet may stand: the pool's as it is, or as it was decided.
local function fetch_pool(s, pool_id)
  local row, err, class = wire.ask(s, "get_betting_pool_bets_distribution", DISTRIBUTION,
                                   { pool_id = pool_id })
  if row then
    row.pool_id = pool_id
    return row
  end
  if class ~= "refused" then return nil, err, class end
  return pools.find_decided(s, pool_id)
end

-- Whether more is at stake than what is shown: then a bet may stand and not be listed yet.
local function check_exposure(s, order)
  local currency = order.symbol:match "/([^/]+)$"
  local running, stakes, class = fetch_running(s)
  if not running then return nil, stakes, class end
  local exposure, err
  exposure, err, class = fetch_exposure(s, currency)
  if not exposure then return nil, err, class end
  local hidden = exposure - (stakes[currency] or decimal.ZERO)
    - ((s.memory.elsewhere or {})[currency] or decimal.ZERO)
  if hidden < order.qty then return true end
  return nil, ("%s %s are at stake beyond the bets that are listed"):format(hidden, currency)
end

-- A bet without an answer, by its content and time (10).
local function find_lost(s, order, pool_id)
  local row, err, class = fetch_pool(s, pool_id)
  if row == nil then return nil, err, class end
  local found = row and bets_in(s, row, order.symbol:match "/([^/]+)$") or {}
  local report
  report, err = candidates.pick(s, order, found, nil, candidates.sent_at(s, order))
  if not report and err ~= "not_found" then return nil, err, "ambiguous" end
  if report and row.winning_target then
    local id = report.order_id
    report, err, class = decided_report(s, row, id)
    return with_fills(report), err, class
  end
  if report then return report end
  local ok
  ok, err, class = check_exposure(s, order)
  if not ok then return nil, err, class end
  return nil, "not_found"
end

--- One bet as a report, with what it came to.
function M.fetch_order(s, order)
  local pool_id = pools.parts(order.symbol)
  if not pool_id then return nil, "not_found" end
  if order.order_id then return fetch_known(s, order, pool_id) end
  return find_lost(s, order, pool_id)
end

--- What a bet came to: one execution, once its pool is decided.
function M.fetch_fills(s, order)
  if not order.order_id then return {} end
  local report, err, class = M.fetch_order(s, order)
  if not report and err ~= "not_found" then return nil, err, class end
  return report and report.fills or {}
end

--- Balances by currency; held is what is at stake.
function M.fetch_balances(s)
  local balances = {}
  for _, currency in ipairs(currencies(s)) do
    local fields = { currency = currency }
    local current, err, class = wire.ask(s, "get_my_current_balance",
                                         { your_current_balance = true }, fields)
    if not current then return nil, err, class end
    local available
    available, err, class = wire.ask(s, "get_my_available_balance",
                                     { your_available_balance = true }, fields)
    if not available then return nil, err, class end
    local free, total = wire.amount(available.available_balance),
                        wire.amount(current.current_balance)
    if not (free and total) then return nil, "a balance without an amount", "retry" end
    private.keep_balance(s, currency, free, total)
    balances[currency] = { free = free, held = total - free }
  end
  return balances
end

return M
