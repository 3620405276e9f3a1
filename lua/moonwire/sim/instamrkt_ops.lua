--- What the simulated Instamrkt does with a player's operations (page sections 5 and 6): a function
--- of the connection and the message, which returns the members of the answer, or nil and a text.

local admin   = require "moonwire.sim.instamrkt_admin"
local decimal = require "moonwire.decimal"
local fields  = require "moonwire.sim.instamrkt_fields"
local Games   = require "moonwire.sim.instamrkt_games"
local json    = require "moonwire.json"
local rows    = require "moonwire.sim.instamrkt_rows"
local talk    = require "moonwire.sim.instamrkt_talk"
local wire    = require "moonwire.sim.wire"

local text, list = wire.text, wire.list

local M = {}
local ops = {}

-- The session -------------------------------------------------------------------------------------

function ops.ping() return {} end

function ops.get_opcodes(c)
  local operations, answers = c.hub.codes:tables()
  return { "opcodes", operations, "response_codes", answers }
end

-- Games -------------------------------------------------------------------------------------------

function ops.join_game(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  if game.status == "game_closed" then return nil, "the game is closed" end
  c.subscribed[game.id] = true
  c.hub:tell_game(game, "user_joined_game", { "game_id", text(game.id), "user_id",
                     c.member.id, "user_name", text(c.member.name) })
  return { "game_id", text(game.id) }
end

function ops.leave_game(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  c.hub:tell_game(game, "user_left_game", { "game_id", text(game.id), "user_id", c.member.id,
                     "user_name", text(c.member.name) })
  c.subscribed[game.id] = nil
  return { "game_id", text(game.id) }
end

function ops.get_game_details(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  return rows.details_members(game)
end

-- The answer with the games of a source that `fit`, each made by `row`.
local function game_list(c, message, row, fit)
  local source, err = fields.source(c.hub.floor, message)
  if not source then return nil, err end
  local listed = {}
  for _, game in ipairs(c.hub.floor.game_list) do
    if game.source_id == source.id and fit(game) then listed[#listed + 1] = row(game) end
  end
  return { "source_id", text(source.id), "games", list(listed) }
end

--- A game that is over disappears from the lists, say the documents, which have a status for it.
function ops.list_games_for_source(c, message)
  local has_closed = c.hub.settings.closed_games == "listed"
  return game_list(c, message, rows.listed_game, function(game)
    return not game.is_upcoming and (has_closed or game.status ~= "game_closed")
  end)
end

function ops.list_upcoming_games_for_source(c, message)
  return game_list(c, message, rows.upcoming_game, function(game)
    return game.is_upcoming and game.status ~= "game_closed"
  end)
end

-- Pools -------------------------------------------------------------------------------------------

local function has_bet_in(pool, member)
  for _, bet in ipairs(pool.bets) do
    if bet.member == member then return true end
  end
  return false
end

-- The answer with the pools of a game that `fits`, each made by `row`.
local function pool_list(c, message, row, fits)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  local listed = {}
  for _, pool in ipairs(game.pools) do
    if fits(pool) then listed[#listed + 1] = row(pool, c.member) end
  end
  return { "game_id", text(game.id), "pools_list", list(listed) }
end

function ops.list_all_betting_pools_for_game(c, message)
  return pool_list(c, message, rows.listed_pool, function(pool) return not pool.winner end)
end

function ops.list_my_open_betting_pools_for_game(c, message)
  return pool_list(c, message, rows.listed_pool, function(pool)
    return not pool.winner and not has_bet_in(pool, c.member)
  end)
end

function ops.list_my_running_pools_for_game(c, message)
  return pool_list(c, message, rows.running_pool, function(pool)
    return not pool.winner and has_bet_in(pool, c.member)
  end)
end

function ops.list_my_resolved_pools_for_game(c, message)
  return pool_list(c, message, rows.resolved_pool, function(pool)
    return pool.winner and has_bet_in(pool, c.member)
  end)
end

function ops.get_betting_pool_bets_distribution(c, message)
  local pool, err = fields.pool(c.hub.floor, message)
  if not pool then return nil, err end
  if pool.winner then return nil, "the pool is closed" end
  return { "pool_id", text(pool.id), "target_level", pool.level,
           "distribution", (rows.distribution(pool)) }
end

--- The stake is answered as it was written.
function ops.place_bet_in_betting_pool(c, message, now)
  local pool, err = fields.pool(c.hub.floor, message)
  local target, amount
  if pool then target, err = fields.need(message, "target") end
  if target and message.amount == nil then target, err = nil, "missing parameter amount" end
  if not target then return nil, err end
  amount = decimal.parse(message.amount)
  local bet
  bet, err = c.hub.floor:bet(c.member, pool, target, amount, now)
  if not bet then return nil, err end
  return { "pool_id", text(pool.id), "bet_id", text(bet.id), "amount",
           text(tostring(message.amount)) }
end

-- Accounting --------------------------------------------------------------------------------------

local function account(name, read)
  return function(c, message)
    local currency = message.currency ~= json.null and message.currency or "DON"
    local amount = read(c.hub.floor, c.member, currency)
    return { "currency", text(currency), name, rows.float(amount) }
  end
end

ops.get_my_current_balance = account("current_balance", function(floor, member, currency)
  return floor:available(member, currency) + floor:exposure(member, currency)
end)
ops.get_my_available_balance = account("available_balance", Games.available)
ops.get_my_exposure = account("exposure", Games.exposure)

--- Runs an operation; the members of its answer and, where it is not the operation's usual one, the
--- answer's name; or nil and what is wrong.
function M.run(c, operation, message, now)
  return (ops[operation] or talk[operation] or admin[operation])(c, message, now)
end

return M
