--- The simulated Instamrkt's games, pools and bets, and the money in them (page sections 6, 8, 11).
--- It knows no wire: what happens is told to `on`, by name, and errors are texts.

local decimal = require "moonwire.decimal"
local Ledger  = require "moonwire.sim.ledger"

local ZERO, ONE = decimal "0", decimal "1"
local NONE = "none"

---@class moonwire.sim.InstamrktGames
local Games = { __name = "moonwire.sim.InstamrktGames" }
Games.__index = Games

--- `options`: on (hears "event"(name, ...)), random, schedule, clock.
function Games.new(options)
  local games = setmetatable({ ledger = Ledger.new(), members = {}, member_list = {}, by_id = {},
                               games = {}, game_list = {}, pools = {}, default_asset = "DON" },
                             Games)
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

-- Games -------------------------------------------------------------------------------------------

-- Adds a tree of targets: "harbour", { id =, name =, targets = {...} }, ...
local function add_targets(game, list, parent, level, into)
  for _, entry in ipairs(list) do
    if type(entry) == "string" then entry = { id = entry } end
    local id = parent and not entry.id:find(":", 1, true) and parent .. ":" .. entry.id or entry.id
    local target = { id = id, name = entry.name or id:gsub("^%l", string.upper), level = level,
                     targets = {} }
    game.targets[id] = target
    into[#into + 1] = target
    add_targets(game, entry.targets or {}, id, level + 1, target.targets)
  end
end

--- Creates a game: source_id, name, type, actions and targets (lists), currency, times in ms.
function Games:create_game(fields, now)
  local game = {
    id = self.random:uuid(), source_id = fields.source_id, name = fields.name,
    type = fields.type or "football", currency = fields.currency or "DON", actions = {},
    targets = {}, tree = {}, pools = {}, events = {}, status = "game_in_progress_betting_active",
    open_at = fields.open_at or now, close_at = fields.close_at, live_start_at = now,
    hashtag = fields.hashtag or "", image_url = fields.image_url or "", created_at = now,
  }
  for i, action in ipairs(fields.actions) do game.actions[i] = action end
  add_targets(game, fields.targets, nil, 1, game.tree)
  self.games[game.id] = game
  self.game_list[#self.game_list + 1] = game
  return game
end

local depth_of
function depth_of(tree)
  local deepest = 0
  for _, target in ipairs(tree) do deepest = math.max(deepest, depth_of(target.targets)) end
  return #tree > 0 and deepest + 1 or 0
end

local function has_action(game, action_id)
  for _, action in ipairs(game.actions) do
    if action == action_id then return true end
  end
  return false
end

-- Pools -------------------------------------------------------------------------------------------

--- Whether a pool is shared out (types 1 and 2); else it has two sides, and a person decides it.
function Games.is_parimutuel(pool) return pool.type <= 2 end

local function check_pool_targets(game, targets)
  local level
  for _, id in ipairs(targets) do
    local target = game.targets[id]
    if not target and id ~= NONE then return nil, "unknown target " .. id end
    if target and level and target.level ~= level then
      return nil, "targets must be of one level"
    end
    level = target and target.level or level
  end
  return level or 1
end

--- Opens a pool: description, type (1 to 4), action_id, targets, and times in ms. nil and what is
--- wrong.
function Games:open_pool(game, fields, now)
  if game.status == "game_closed" then return nil, "the game is closed" end
  if not has_action(game, fields.action_id) then return nil, "unknown action" end
  local targets = {}
  for _, id in ipairs(fields.targets) do
    if id ~= NONE then targets[#targets + 1] = id end
  end
  local level, err = check_pool_targets(game, targets)
  if not level then return nil, err end
  if #targets == 0 then return nil, "a pool needs targets" end
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
    self.schedule:at(self.clock:real(pool.finish_at), function(later)
      if not pool.winner then self:resolve(pool, NONE, self.clock:venue(later), nil, true) end
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

local function has_target(pool, target)
  for _, id in ipairs(pool.targets) do
    if id == target then return true end
  end
  return false
end

local function check_bet(self, member, pool, target, amount, now)
  if not has_target(pool, target) then return nil, "unknown target" end
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

-- The target that an event names at a pool's level: harbour:9 is harbour one level up.
local function at_level(target, level)
  local parts = {}
  for part in target:gmatch "[^:]+" do parts[#parts + 1] = part end
  return table.concat(parts, ":", 1, math.min(level, #parts))
end

local function decided_by(pool, event)
  if pool.winner or pool.action_id ~= event.action_id then return nil end
  local target = at_level(event.target_id, pool.level)
  if has_target(pool, target) then return target end
  return Games.is_parimutuel(pool) and NONE or nil
end

--- Something happened in a game: it decides the pools on it. nil and what is wrong.
function Games:register_event(game, action_id, target_id, happened_at, now)
  local target = game.targets[target_id]
  if not has_action(game, action_id) then return nil, "unknown action" end
  if not target and target_id ~= NONE then return nil, "unknown target" end
  if target and target.level < depth_of(game.tree) and #target.targets > 0 then
    return nil, "target must be of the deepest level"
  end
  local event = { id = self.random:uuid(), game = game, action_id = action_id,
                  target_id = target_id, happened_at = happened_at, name = target and target.name }
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
  game.status = "game_in_progress_betting_closed"
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

Games.NONE = NONE

return Games
