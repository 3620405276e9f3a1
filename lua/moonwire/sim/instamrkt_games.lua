--- The simulated Instamrkt's games, pools and bets, and the money in them (page sections 6, 8, 11).
--- It knows no wire: what happens is told to `on`, by name, and errors are texts.

local decimal = require "moonwire.decimal"
local Ledger  = require "moonwire.sim.ledger"
local lineup  = require "moonwire.sim.instamrkt_lineup"

local ZERO, ONE = decimal "0", decimal "1"
local NONE = lineup.NONE

---@class moonwire.sim.InstamrktGames
local Games = { __name = "moonwire.sim.InstamrktGames" }
Games.__index = Games

--- `options`: on (hears "event"(name, ...)), random, schedule, clock.
function Games.new(options)
  local games = setmetatable({ ledger = Ledger.new(), members = {}, member_list = {}, by_id = {},
                               sources = {}, games = {}, game_list = {}, pools = {},
                               default_asset = "DON" }, Games)
  for name, value in pairs(options) do games[name] = value end
  return games
end

-- Members -----------------------------------------------------------------------------------------

--- Adds a member with money by currency.
function Games:add_member(name, money, is_admin)
  local member = { id = 16 + #self.member_list + 1, name = name, is_admin = is_admin or false,
                   bets = {} }
  self.members[name], self.by_id[tostring(member.id)] = member, member
  self.member_list[#self.member_list + 1] = member
  for currency, amount in pairs(money) do
    self.ledger:deposit(name, currency:upper(), decimal(amount))
  end
  return member
end

function Games:available(member, currency) return self.ledger:free(member.name, currency) end
function Games:exposure(member, currency) return self.ledger:held(member.name, currency) end

-- Sources -----------------------------------------------------------------------------------------

--- Opens a source of games. `id`: made up when missing.
function Games:open_source(name, description, id)
  local source = { id = id or self.random:uuid(), name = name, description = description or "" }
  self.sources[source.id] = source
  return source
end

--- Closes a source, and its games: none can be opened there any more.
function Games:close_source(source, now)
  self.sources[source.id] = nil
  for _, game in ipairs { unpack(self.game_list) } do
    if game.source_id == source.id and game.status ~= "game_closed" then
      self:close_game(game, now)
    end
  end
end

-- Games -------------------------------------------------------------------------------------------

--- Calls act(now) when the venue's clock will be there; at once when it is.
function Games:later(at, now, act)
  if at <= now then return act(now) end
  self.schedule:at(self.clock:real(at), function(real) act(self.clock:venue(real)) end)
end

local function status_at(game, now)
  if game.is_upcoming or now < game.open_at then return "betting_not_yet_active" end
  if now < game.live_start_at then return "pre_game_betting_active" end
  return "game_in_progress_betting_active"
end

-- A game goes on by its times, until it is closed.
local function follow(self, game, now)
  local function look(later)
    if not game.is_closing then game.status = status_at(game, later) end
  end
  look(now)
  self:later(game.open_at, now, look)
  self:later(game.live_start_at, now, look)
  if not game.close_at then return end
  self:later(game.close_at, now, function(later)
    if game.status ~= "game_closed" then self:close_game(game, later) end
  end)
end

--- Creates a game: source_id, name, type, actions and targets (lists), currency, times in ms.
--- `is_upcoming`: it is opened later, with its actions and targets.
function Games:create_game(fields, now)
  local game = {
    id = self.random:uuid(), source_id = fields.source_id, name = fields.name,
    type = fields.type or "football", currency = fields.currency or self.default_asset,
    actions = {}, targets = {}, tree = {}, pools = {}, events = {}, admins = {},
    is_upcoming = fields.is_upcoming or false, open_at = fields.open_at or now,
    close_at = fields.close_at, live_start_at = fields.live_start_at or fields.open_at or now,
    live_finish_at = fields.live_finish_at, image_url = fields.image_url or "", created_at = now,
    hashtag = fields.hashtag or "#" .. fields.name:gsub("[^%w]", ""),
  }
  game.status = status_at(game, now)
  if not game.is_upcoming then
    lineup.add_actions(game, fields.actions)
    lineup.add_targets(game, fields.targets)
    follow(self, game, now)
  end
  self.games[game.id] = game
  self.game_list[#self.game_list + 1] = game
  return game
end

--- Opens an upcoming game; nil when it is open already.
function Games:open_game(game, actions, targets, now)
  if not game.is_upcoming then return nil, "the game is open already" end
  lineup.add_actions(game, actions)
  lineup.add_targets(game, targets)
  game.is_upcoming = false
  follow(self, game, now)
  return game
end

-- Pools -------------------------------------------------------------------------------------------

--- Whether a pool is shared out (types 1 and 2); else it has two sides, and a person decides it.
function Games.is_parimutuel(pool) return pool.type <= 2 end

--- Opens a pool: description, type (1 to 4), action_id, targets, and times in ms. nil and what is
--- wrong.
function Games:open_pool(game, fields, now)
  if game.is_closing then return nil, "the game is closed" end
  if game.status == "betting_not_yet_active" then return nil, "the game is not open yet" end
  if not lineup.has_action(game, fields.action_id) then return nil, "unknown action" end
  if fields.finish_at and fields.finish_at <= now then return nil, "finish_at is over" end
  local level, targets = lineup.check_pool_targets(game, fields.targets)
  if not level then return nil, targets end
  targets[#targets + 1] = NONE
  local pool = {
    id = self.random:uuid(), game = game, description = fields.description, type = fields.type,
    action_id = fields.action_id, targets = targets, level = level, bets = {}, start_at = now,
    is_blocked = false, is_hot = false, finish_at = fields.finish_at,
    stop_accepting_bets_at = fields.stop_accepting_bets_at, fields = fields,
  }
  self.pools[pool.id] = pool
  game.pools[#game.pools + 1] = pool
  self.on:event("new_pool", pool)
  if pool.finish_at and Games.is_parimutuel(pool) then
    self:later(pool.finish_at, now, function(later)
      if not pool.winner then self:resolve(pool, NONE, later, nil, true) end
    end)
  end
  return pool
end

--- Target -> { money =, people = }, and the sum of all; of the bets that count.
function Games.distribution(pool)
  local by_target, total, people = {}, ZERO, {}
  for _, id in ipairs(pool.targets) do by_target[id] = { money = ZERO, people = 0, seen = {} } end
  for _, bet in ipairs(pool.bets) do
    local entry = by_target[bet.target]
    if not bet.is_invalid then
      entry.money, total = entry.money + bet.amount, total + bet.amount
      if not entry.seen[bet.member] then entry.people = entry.people + 1 end
      entry.seen[bet.member], people[bet.member] = true, true
    end
  end
  local count = 0
  for _ in pairs(people) do count = count + 1 end
  return by_target, total, count
end

--- What would come back for one unit.
function Games.multiplier(entry, total)
  if entry.money <= ZERO then return ONE end
  return total:div(entry.money, 10, "half_even")
end

-- Bets --------------------------------------------------------------------------------------------

--- Whether a pool is on a target.
function Games.has_target(pool, target)
  for _, id in ipairs(pool.targets) do
    if id == target then return true end
  end
  return false
end

local function check_bet(self, member, pool, target, amount, now)
  if not Games.has_target(pool, target) then return nil, "unknown target" end
  if not amount then return nil, "amount is not a number" end
  if amount <= ZERO then return nil, "amount must be above 0" end
  if pool.winner or pool.game.status == "game_closed" then return nil, "the pool is closed" end
  if pool.game.status:find "closed$" or pool.game.status:find "not_yet" then
    return nil, "the game takes no bets"
  end
  if pool.is_blocked then return nil, "betting in this pool is blocked" end
  if pool.stop_accepting_bets_at and now >= pool.stop_accepting_bets_at then
    return nil, "the pool accepts no bets any more"
  end
  if amount > self:available(member, pool.game.currency) then return nil, "insufficient funds" end
  return true
end

--- Places a bet; nil and why not.
function Games:bet(member, pool, target, amount, now)
  local ok, err = check_bet(self, member, pool, target, amount, now)
  if not ok then return nil, err end
  assert(self.ledger:hold(member.name, pool.game.currency, amount))
  local bet = { id = self.random:uuid(), member = member, pool = pool, target = target,
                amount = amount, placed_at = now }
  pool.bets[#pool.bets + 1], member.bets[#member.bets + 1] = bet, bet
  self.on:event("bet", bet)
  return bet
end

-- Resolution --------------------------------------------------------------------------------------

-- Stakes of the bets that count, by member: on the winner and beside it.
local function sums(pool)
  local won, lost, members = {}, {}, {}
  for _, bet in ipairs(pool.bets) do
    local side = bet.target == pool.winner and won or lost
    if not bet.is_invalid then
      if not (won[bet.member] or lost[bet.member]) then members[#members + 1] = bet.member end
      side[bet.member] = (side[bet.member] or ZERO) + bet.amount
    end
  end
  table.sort(members, function(a, b) return a.id < b.id end)
  return won, lost, members
end

-- Net wins by member: cut to two decimals, and what is over goes to whoever staked most.
local function net_wins(won, lost, members)
  local pot, backing, best = ZERO, ZERO, nil
  for _, member in ipairs(members) do
    pot, backing = pot + (lost[member] or ZERO), backing + (won[member] or ZERO)
    if won[member] and (not best or won[member] > won[best]) then best = member end
  end
  local net, left = {}, pot
  for _, member in ipairs(members) do
    if won[member] then
      net[member] = (won[member] * pot):div(backing, 2, "down")
      left = left - net[member]
    end
  end
  if best then net[best] = net[best] + left end
  return net, best ~= nil
end

-- The losers' stakes go to the winners, in their order.
local function pay(self, currency, net, lost, members)
  local at, owed = 1, nil
  for _, loser in ipairs(members) do
    local left = lost[loser] or ZERO
    while left > ZERO do
      local winner = members[at]
      owed = owed or net[winner] or ZERO
      local part = decimal.min(owed, left)
      self.ledger:pay(loser.name, winner.name, currency, part)
      left, owed = left - part, owed - part
      if owed <= ZERO then at, owed = at + 1, nil end
    end
  end
end

local function release_all(self, pool, which)
  for _, bet in ipairs(pool.bets) do
    if which(bet) then self.ledger:release(bet.member.name, pool.game.currency, bet.amount) end
  end
end

--- Decides a pool. Bets placed at or after `happened_at` do not count; `is_expired`: by its time.
function Games:resolve(pool, winner, now, happened_at, is_expired)
  pool.winner, pool.resolved_at, pool.is_expired = winner, now, is_expired or false
  for _, bet in ipairs(pool.bets) do
    bet.is_invalid = happened_at ~= nil and bet.placed_at >= happened_at
  end
  release_all(self, pool, function(bet) return bet.is_invalid end)
  local won, lost, members = sums(pool)
  local net, has_winner = net_wins(won, lost, members)
  pool.is_money_return = not has_winner and #members > 0
  if pool.is_money_return then
    release_all(self, pool, function(bet) return not bet.is_invalid end)
    net, lost = {}, {}
  else
    pay(self, pool.game.currency, net, lost, members)
    release_all(self, pool, function(bet)
      return not bet.is_invalid and bet.target == winner
    end)
  end
  pool.net, pool.lost = net, lost
  self.on:event("resolved", pool)
  if pool.fields.recreate_on_end and pool.game.status ~= "game_closed" then
    self:recreate(pool, now)
  end
end

--- Opens the same question anew, its times moved on.
function Games:recreate(pool, now)
  local fields = {}
  for name, value in pairs(pool.fields) do fields[name] = value end
  for _, name in ipairs { "finish_at", "stop_accepting_bets_at" } do
    fields[name] = pool[name] and now + (pool[name] - pool.start_at)
  end
  return self:open_pool(pool.game, fields, now)
end

local function decided_by(pool, event)
  if pool.winner or pool.action_id ~= event.action_id then return nil end
  local target = lineup.at_level(event.target_id, pool.level)
  if Games.has_target(pool, target) then return target end
  return Games.is_parimutuel(pool) and NONE or nil
end

--- Something happened in a game: it decides the pools on it. nil and what is wrong.
function Games:register_event(game, action_id, target_id, happened_at, now)
  local target = game.targets[target_id]
  if not lineup.has_action(game, action_id) then return nil, "unknown action" end
  if not target then return nil, "unknown target" end
  if not lineup.is_deepest(game, target) then return nil, "target must be of the deepest level" end
  local event = { id = self.random:uuid(), game = game, action_id = action_id,
                  target_id = target_id, happened_at = happened_at, name = target.name }
  table.insert(game.events, 1, event)
  self.on:event("happened", event)
  local pools = {}
  for i, pool in ipairs(game.pools) do pools[i] = pool end
  for _, pool in ipairs(pools) do
    local winner = decided_by(pool, event)
    if winner then self:resolve(pool, winner, now, happened_at) end
  end
  return event
end

-- Blocks and the end ------------------------------------------------------------------------------

--- Blocks a pool or allows it again.
function Games:block(pool, is_blocked, now, is_quiet)
  pool.is_blocked = is_blocked
  if not is_quiet then self.on:event("blocked", pool, now) end
end

--- The same for all pools of an action.
function Games:block_action(game, action_id, is_blocked, now)
  self.on:event("action_blocked", game, action_id, is_blocked, now)
  for _, pool in ipairs(game.pools) do
    if not pool.winner and pool.action_id == action_id then self:block(pool, is_blocked, now) end
  end
end

--- Closes a game: what is shared out is decided for none, what a person decides is blocked, and the
--- game ends once nothing is left of that. Returns whether it has ended.
function Games:close_game(game, now)
  game.is_closing, game.status = true, "game_in_progress_betting_closed"
  local left, pools = 0, {}
  for i, pool in ipairs(game.pools) do pools[i] = pool end
  for _, pool in ipairs(pools) do
    if not pool.winner then
      pool.fields.recreate_on_end = nil
      if Games.is_parimutuel(pool) then self:resolve(pool, NONE, now)
      else
        left = left + 1
        if not pool.is_blocked then self:block(pool, true, now) end
      end
    end
  end
  if left > 0 then return false end
  game.status = "game_closed"
  self.on:event("game_closed", game)
  return true
end

-- What a member won and lost in decided pools of games that `fits`.
local function won_by(self, member, currency, fits)
  local points = ZERO
  for _, game in ipairs(self.game_list) do
    for _, pool in ipairs(game.currency == currency and fits(game) and game.pools or {}) do
      if pool.winner then
        points = points + (pool.net[member] or ZERO) - (pool.lost[member] or ZERO)
      end
    end
  end
  return points
end

--- Members by their points, best first: name, points, rank. Points are what one has; or, in games
--- that `fits`, what one won. `only`: of this member.
function Games:leaderboard(currency, fits, only)
  local board = {}
  for _, member in ipairs(only and { only } or self.member_list) do
    board[#board + 1] = {
      name = member.name, id = member.id,
      points = fits and won_by(self, member, currency, fits)
               or self:available(member, currency) + self:exposure(member, currency) }
  end
  table.sort(board, function(a, b)
    if a.points ~= b.points then return a.points > b.points end
    return a.id < b.id
  end)
  for i, row in ipairs(board) do row.rank = i end
  return board
end

--- Whether the money adds up: that of the ledger, and exposure is what is at stake.
function Games:check()
  local ok, problem = self.ledger:check()
  if not ok then return nil, problem end
  for _, member in ipairs(self.member_list) do
    local stakes = {}
    for _, bet in ipairs(member.bets) do
      local currency = bet.pool.game.currency
      if not bet.pool.winner then stakes[currency] = (stakes[currency] or ZERO) + bet.amount end
    end
    for currency, account in pairs(self.ledger.accounts[member.name] or {}) do
      if account.held ~= (stakes[currency] or ZERO) then
        return nil, ("%s: %s at stake, exposure %s"):format(member.name,
          tostring(stakes[currency] or ZERO), tostring(account.held))
      end
    end
  end
  return true
end

return Games
