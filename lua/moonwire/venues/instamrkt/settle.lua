--- Instamrkt: what becomes of bets when a pool is decided. Sections 6, 10 and 11 of the venue's
--- page. Pure.
---
--- The venue tells sums per user. Bets on the winner share what the user won by their stakes, to
--- two decimals, and the last one has the rest; what does not add up is left to be asked for.

local decimal = require "moonwire.decimal"

local M = {}
local ZERO, CENT = decimal "0", decimal "0.01"
local PRICE_DECIMALS = 15

---@class moonwire.instamrkt.Bet
---@field bet_id string
---@field target string
---@field stake moonwire.decimal

---@class moonwire.instamrkt.Outcome
---@field winner string                  the target that won
---@field won moonwire.decimal|nil       by us, stakes not included
---@field has_lost boolean|nil          whether we are among the losers
---@field is_partial boolean|nil        it may be the sum of bets that are not known here, too
---@field is_invalidated boolean|nil     bets of ours came too late
---@field is_money_return boolean|nil    all stakes are returned
---@field time number|nil                seconds

--- Whether a bet on `target` wins where `winner` does: a player of a team wins for the team too.
function M.wins(target, winner)
  return target == winner or winner:sub(1, #target + 1) == target .. ":"
end

--- A bet that was decided, as a report.
---@param back moonwire.decimal  what came back, the stake included
function M.decided(bet, back, time)
  return { status = "filled", order_id = bet.bet_id, trade_id = bet.bet_id, last_qty = bet.stake,
           last_price = back:div(bet.stake, PRICE_DECIMALS, "half_even"), cum_qty = bet.stake,
           liquidity = "pool", fees = {}, time = time }
end

--- A stake that was given back, as a report.
function M.returned(bet, reason, time)
  return { status = "canceled", order_id = bet.bet_id, reason = reason, time = time }
end

local function sum(bets)
  local total = ZERO
  for _, bet in ipairs(bets) do total = total + bet.stake end
  return total
end

-- Shares of what these bets won together, in their order.
local function shares(bets, won)
  local total, left, list = sum(bets), won, {}
  for i, bet in ipairs(bets) do
    local share = i < #bets and (won * bet.stake):div(total, 2, "down") or left
    list[i], left = share, left - share
  end
  return list
end

--- Whether a sum that was won is what these stakes win at a multiplier, to a cent each.
local function is_plausible(bets, won, multiplier)
  local expected = sum(bets) * multiplier - sum(bets)
  return (won - expected):abs() <= CENT * (#bets + 1)
end

--- What becomes of our bets in a pool: a report each, in their order; false where what the venue
--- told does not say it, or may be the sum of bets that are not known here.
---@param bets moonwire.instamrkt.Bet[]      ours that are known
---@param outcome moonwire.instamrkt.Outcome
---@param multiplier moonwire.decimal|nil    the winner's when betting stopped, where it is known
---@return (moonwire.Report|false)[]
function M.reports(bets, outcome, multiplier)
  local reports, winners = {}, {}
  for i, bet in ipairs(bets) do
    reports[i] = false
    if outcome.is_money_return then
      reports[i] = M.returned(bet, "money_return", outcome.time)
    elseif outcome.is_invalidated then
      if not (outcome.won or outcome.has_lost) then
        reports[i] = M.returned(bet, "invalidated", outcome.time)
      end
    elseif M.wins(bet.target, outcome.winner) then
      winners[#winners + 1] = bet
    else
      reports[i] = M.decided(bet, ZERO, outcome.time)
    end
  end
  local won = outcome.won
  if #winners == 0 or not won or outcome.is_partial then return reports end
  if not (multiplier and is_plausible(winners, won, multiplier)) then return reports end
  local list, n = shares(winners, won), 0
  for i, bet in ipairs(bets) do
    if bet == winners[n + 1] then
      n = n + 1
      reports[i] = M.decided(bet, bet.stake + list[n], outcome.time)
    end
  end
  return reports
end

return M
