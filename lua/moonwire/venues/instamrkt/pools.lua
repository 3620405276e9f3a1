--- Instamrkt: games and their pools. A pool is a question; each of its targets is a market here, of
--- which a stake can be bought. Sections 6 and 11 of the venue's page.

local book = require "moonwire.book"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local few = require "moonwire.few"
local json = require "moonwire.json"
local sorted = require "moonwire.sorted"
local rest = require "moonwire.venues.instamrkt.rest"
local wire = require "moonwire.venues.instamrkt.wire"

local M = {}
local ZERO, ONE, CENT = decimal "0", decimal "1", decimal "0.01"
local MULTIPLIER_DECIMALS = 10
local ANSWERS = {
  games = { games_list_for_source = true }, joined = { game_joined = true },
  details = { game_details = true }, pools = { all_betting_pools_for_game = true },
}

--- A multiplier before the pool is decided: what comes back for one unit, the stake included.
function M.multiplier(total, backing)
  if backing:sign() <= 0 then return ONE end
  return total:div(backing, MULTIPLIER_DECIMALS, "half_even")
end

--- The symbol of a target; nil when its ids cannot stand in one.
function M.symbol(pool_id, target, currency)
  if pool_id:find "[#/%s]" or target:find "[/%s]" then return nil end
  return ("%s#%s/%s"):format(pool_id, target, currency)
end

--- Pool and target of a symbol.
function M.parts(symbol) return symbol:match "^([^#]+)#(.+)/[^/]+$" end

-- Pools -------------------------------------------------------------------------------------------

local function set_target(pool, target, backing)
  local held = pool.targets[target]
  if not held then return end
  decimal.add_to(pool.total, backing, 1)
  decimal.add_to(pool.total, held.backing, -1)
  decimal.set(held.backing, backing)
end

local function new_market(pool, target)
  local symbol = M.symbol(pool.id, target, pool.currency)
  if not symbol then return nil end
  local base = pool.id .. "#" .. target
  return {
    symbol = symbol, base = base, quote = pool.currency, price_step = decimal "0.0000000001",
    qty_step = CENT, unit_cost = ONE, names = { base }, pool_id = pool.id, game_id = pool.game_id,
    target = target, description = pool.description, book_key = "book\0" .. symbol,
    content = ('"pool_id":%s,"target":%s,"amount":"'):format(json.encode(pool.id),
                                                              json.encode(target)),
  }
end

--- Takes a pool as the venue tells it whole (6); its markets. Raises for what is no pool.
function M.add(s, row, game)
  local pool = {
    id = wire.id(row.pool_id) or error("a pool without an id", 0), game_id = game.id,
    currency = game.currency, action_id = wire.id(row.action_id),
    is_blocked = row.is_blocked == true,
    stop_at = wire.seconds(row.stop_accepting_bets_at), total = decimal.sum(ZERO),
    targets = {}, markets = {},
    description = wire.given(row.description) or wire.given(row.name),
  }
  for _, entry in ipairs(row.distribution) do
    local target = wire.id(entry.target_id)
    local market = target and new_market(pool, target)
    if market then
      pool.targets[target] = { backing = decimal.sum(ZERO) }
      set_target(pool, target, wire.amount(entry.backing_money) or ZERO)
      pool.markets[#pool.markets + 1] = market
    else
      s.log.warn("pool %s: target %s cannot be traded here", pool.id, tostring(target))
    end
  end
  s.memory.pools[pool.id] = pool
  return pool.markets
end

--- A pool is over.
function M.drop(s, pool_id)
  local pool = s.memory.pools[pool_id]
  if not pool then return end
  s.memory.pools[pool_id] = nil
  for _, market in ipairs(pool.markets) do s:drop_market(market.symbol) end
end

--- Tells who asked for it what a target stands at; there are no bids and no asks.
function M.tell_book(s, pool, market)
  local held = pool.targets[market.target]
  local now = book.new(s.name, market.symbol, {}, {}, dispatch.now())
  now.pool = { multiplier = M.multiplier(pool.total, held.backing),
               backing = decimal.copy(held.backing), total = decimal.copy(pool.total),
               is_blocked = pool.is_blocked }
  s.desk:on_book(now)
end

local function tell_if_asked(_, i, s, pool)
  local market = pool.markets[i]
  if s.subscriptions[market.book_key] then M.tell_book(s, pool, market) end
end
local tell_all = few(tell_if_asked)

--- Tells it of each target that somebody asked for.
function M.tell_books(s, pool) tell_all(#pool.markets, nil, s, pool) end

--- What backs a target now, a decimal or a sum.
function M.update(pool, target, backing) set_target(pool, target, backing) end

-- Games -------------------------------------------------------------------------------------------

local function is_wanted(s, game)
  if game.status == "game_closed" then return false end
  local wanted = s.config.games
  for _, id in ipairs(wanted or {}) do
    if id == game.id then return true end
  end
  return wanted == nil
end

local betting = { pre_game_betting_active = true, game_in_progress_betting_active = true }

--- Whether bets are possible in a game at all.
function M.takes_bets(game) return game ~= nil and betting[game.status] == true end

--- What the details of a game say that changes.
function M.read_details(game, row)
  game.status = wire.given(row.status) or game.status
  game.currency = wire.given(row.currency) or game.currency
end

--- Asks what the venue says of a game now; waits.
function M.refresh(s, game)
  local answer, err = wire.ask(s, "get_game_details", ANSWERS.details, { game_id = game.id })
  if not answer then return s.log.warn("game %s: %s", game.id, err) end
  M.read_details(game, answer)
end

-- Joins a game, without which nothing is heard of its pools; its markets.
local function enter(s, game)
  local fields = { game_id = game.id }
  local answer, err, class = wire.ask(s, "join_game", ANSWERS.joined, fields)
  if answer then answer, err, class = wire.ask(s, "get_game_details", ANSWERS.details, fields) end
  if not answer then return nil, err, class end
  M.read_details(game, answer)
  answer, err, class = wire.ask(s, "list_all_betting_pools_for_game", ANSWERS.pools, fields)
  if not answer then return nil, err, class end
  local markets = {}
  s.memory.games[game.id] = game
  for _, row in ipairs(answer.pools_list or {}) do
    for _, market in ipairs(M.add(s, row, game)) do markets[#markets + 1] = market end
  end
  return markets
end

--- Joins the games of the source that we are not in yet; their markets. One game that the venue
--- keeps from us is not the others' loss. Waits.
function M.enter_games(s)
  local answer, err, class = wire.ask(s, "list_games_for_source", ANSWERS.games,
                                      { source_id = s.config.source_id })
  if not answer then return nil, err, class end
  local all = {}
  for _, row in ipairs(answer.games or {}) do
    local game = { id = wire.id(row.game_id), status = row.status,
                   currency = wire.DEFAULT_CURRENCY, name = wire.given(row.name) }
    if game.id and game.status == "game_closed" then s.memory.ended[game.id] = true end
    if game.id and is_wanted(s, game) and not s.memory.games[game.id] then
      local markets
      markets, err, class = enter(s, game)
      if not markets and class ~= "refused" then return nil, err, class end
      if not markets then s.log.warn("game %s: %s", game.id, err) end
      for _, market in ipairs(markets or {}) do all[#all + 1] = market end
    end
  end
  return all
end

--- A game is over.
function M.drop_game(s, game_id)
  s.memory.games[game_id], s.memory.ended[game_id] = nil, true
  for _, id in ipairs(sorted.keys(s.memory.pools)) do
    if s.memory.pools[id].game_id == game_id then M.drop(s, id) end
  end
end

--- Blocks betting or allows it, in a pool or in all pools of an action.
function M.block(s, message, is_blocked)
  local pool_id, action_id = wire.id(message.pool_id), wire.id(message.action_id)
  local game_id = wire.id(message.game_id)
  for _, id in ipairs(sorted.keys(s.memory.pools)) do
    local pool = s.memory.pools[id]
    if id == pool_id
      or not pool_id and pool.game_id == game_id and pool.action_id == action_id then
      pool.is_blocked = is_blocked
      M.tell_books(s, pool)
    end
  end
end

-- Our pools ---------------------------------------------------------------------------------------

--- The games that we are in.
function M.game_ids(s) return sorted.keys(s.memory.games or {}) end

local LISTS = {
  list_my_running_pools_for_game = { your_running_pools_for_game = true },
  list_my_resolved_pools_for_game = { your_resolved_pools_for_game = true },
}

--- Our pools of a game, by the name of the list; waits.
function M.fetch(s, list, game_id)
  local answer, err, class = wire.ask(s, list, LISTS[list], { game_id = game_id })
  if not answer then return nil, err, class end
  return answer.pools_list or {}
end

-- The pool of that id among our decided ones in these games, but for those that were asked;
-- false when it is not there.
local function find_decided_in(s, pool_id, games, asked)
  for _, game_id in ipairs(sorted.keys(games)) do
    local rows, err, class
    if not asked[game_id] then
      rows, err, class = M.fetch(s, "list_my_resolved_pools_for_game", game_id)
      if not rows and class ~= "refused" then return nil, err, class end
    end
    asked[game_id] = true
    for _, row in ipairs(rows or {}) do
      if wire.id(row.pool_id) == pool_id then return row end
    end
  end
  return false
end

--- The pool of that id among our decided ones, also of games that are over; false for none.
--- The source's list may leave such games out: what is not found in a game that we know is looked
--- for in the history of ours. Waits.
function M.find_decided(s, pool_id)
  local asked, memory = {}, s.memory
  for _, games in ipairs { memory.games or {}, memory.ended or {} } do
    local row, err, class = find_decided_in(s, pool_id, games, asked)
    if row ~= false then return row, err, class end
  end
  local games, err = rest.game_history(s)
  if games then return find_decided_in(s, pool_id, games, asked) end
  s.log.warn("games that are over: %s", err)
  return false
end

return M
