--- The simulated Instamrkt's REST calls about people (page section 2): what a user played, won and
--- where that ranks. Each is a function of the REST side, the parts of the path and the query, and
--- gives the body, or nil and what is wrong.

local decimal = require "moonwire.decimal"
local ranks   = require "moonwire.sim.instamrkt_ranks"
local rows    = require "moonwire.sim.instamrkt_rows"
local wire    = require "moonwire.sim.wire"

local text, object, list = wire.text, wire.object, wire.list

local M = {}

-- The pools of a game that a member bet in.
local function pools_with(game, member)
  local pools = {}
  for _, pool in ipairs(game.pools) do
    local has_bet = false
    for _, bet in ipairs(pool.bets) do has_bet = has_bet or bet.member == member end
    if has_bet then pools[#pools + 1] = pool end
  end
  return pools
end

local function member_of(floor, id)
  local member = floor.by_id[id]
  if member then return member end
  return nil, "unknown user"
end

--- Games that are over and in which the user has bet.
function M.history(rest, path)
  local member, err = member_of(rest.floor, path[1])
  if not member then return nil, err end
  local listed = {}
  for _, game in ipairs(rest.floor.game_list) do
    if game.status == "game_closed" and #pools_with(game, member) > 0 then
      listed[#listed + 1] = object("id", text(game.id), "name", text(game.name), "type",
                                   text(game.type), "open_at", game.open_at, "close_at",
                                   game.close_at or "null")
    end
  end
  return object("game_history", list(listed))
end

-- Cut to two decimals; 0 for nothing.
local function share(sum, count)
  return rows.float(count > 0 and decimal(sum):div(decimal(count), 2, "down") or 0)
end

--- Bets that won and lost, and averages; nobody measures how fast a user reacts.
function M.statistics(rest, path)
  local member, err = member_of(rest.floor, path[1])
  if not member then return nil, err end
  local won, lost, bets, games, points = 0, 0, #member.bets, 0, decimal "0"
  for _, bet in ipairs(member.bets) do
    local is_counted = bet.pool.winner and not bet.is_invalid and not bet.pool.is_money_return
    if is_counted and bet.target == bet.pool.winner then won = won + 1
    elseif is_counted then lost = lost + 1 end
  end
  for _, game in ipairs(rest.floor.game_list) do
    local pools = pools_with(game, member)
    games = games + (#pools > 0 and 1 or 0)
    for _, pool in ipairs(pools) do points = points + (pool.net and pool.net[member] or 0) end
  end
  return object("statistics", object(
    "total_bets_won", won, "total_bets_lost", lost,
    "average_number_of_bets_per_game", share(bets, games),
    "average_points_won_per_game", share(points, games), "average_reaction_time", "0.0"))
end

--- Nobody is a friend of anybody here.
function M.friends(rest, path)
  local member, err = member_of(rest.floor, path[1])
  if not member then return nil, err end
  return '{"friends":{}}'
end

local scopes = {}
function scopes.game(floor, id)
  local game = floor.games[id]
  if not game then return nil, "unknown game" end
  return function(other) return other == game end
end
function scopes.source(floor, id)
  if not floor.sources[id] then return nil, "unknown source" end
  return function(game) return game.source_id == id end
end

-- The board of all, or of a game or source; the path has its id before the user's, which need not
-- be there.
local function board_of(floor, path, scope)
  local user, fits, err = path[scope and 2 or 1], nil, nil
  if scope then fits, err = scopes[scope](floor, path[1]) end
  if err then return nil, err end
  local member
  if user and user ~= "" then member, err = member_of(floor, user) end
  if err then return nil, err end
  return floor:leaderboard(floor.default_asset, fits), member
end

--- Top, bottom and the user's surroundings.
function M.global_ranks(scope)
  return function(rest, path, query)
    local board, member = board_of(rest.floor, path, scope)
    if not board then return nil, member end
    local picked, breaks = ranks.tailored(board, query, member and member.name)
    return object("leaderboard", picked, "break_after_rank", breaks)
  end
end

--- All ranks from `start` to `end`.
function M.personal_ranks(scope)
  return function(rest, path, query)
    local board, err = board_of(rest.floor, path, scope)
    if not board then return nil, err end
    return object("leaderboard", ranks.range(board, query, 0))
  end
end

return M
