--- What players of the simulated Instamrkt say and look at beside their bets (page section 7):
--- chat, leaderboards, friends. Nobody is a friend of anybody here. Shaped as instamrkt_ops.

local fields = require "moonwire.sim.instamrkt_fields"
local lineup = require "moonwire.sim.instamrkt_lineup"
local ranks  = require "moonwire.sim.instamrkt_ranks"
local wire   = require "moonwire.sim.wire"

local text = wire.text

local M = {}

-- Chat --------------------------------------------------------------------------------------------

-- The games that a message goes to: those named, or all that the connection is in.
local function channels_of(c, message)
  local named = {}
  for _, id in ipairs(lineup.list_of(fields.given(message.targets) or "")) do
    local game = c.hub.floor.games[id]
    if not game then return nil, "unknown game" end
    named[#named + 1] = game
  end
  if #named > 0 then return named end
  for _, game in ipairs(c.hub.floor.game_list) do
    if c.subscribed[game.id] then named[#named + 1] = game end
  end
  if #named == 0 then return nil, "join a game first" end
  return named
end

--- The first game's message is the answer.
function M.text_message(c, message, now)
  local words, err = fields.need(message, "text")
  local games
  if words then games, err = channels_of(c, message) end
  if not games then return nil, err end
  local function members_of(game)
    return { "sender", text(c.member.name), "text", text(words), "received_at", now, "channel",
             text(game.id) }
  end
  for i, game in ipairs(games) do
    c.hub:tell_game(game, "new_text_message", members_of(game), i == 1 and c or nil)
  end
  return members_of(games[1])
end

-- Leaderboards ------------------------------------------------------------------------------------

local scopes = {}
function scopes.all() return {}, function() return true end end
function scopes.game(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  return { "game_id", text(game.id) }, function(other) return other == game end
end
function scopes.source(c, message)
  local source, err = fields.source(c.hub.floor, message)
  if not source then return nil, err end
  return { "source_id", text(source.id) }, function(game) return game.source_id == source.id end
end

local function leaderboard(scope, is_of_friends, is_tailored)
  return function(c, message)
    local where = scope
    if is_tailored and fields.given(message.game_id) then where = "game" end
    local members, fits = scopes[where](c, message)
    if not members then return nil, fits end
    local currency = fields.text(message.currency) or c.hub.floor.default_asset
    local board = c.hub.floor:leaderboard(currency, where ~= "all" and fits or nil,
                                          is_of_friends and c.member or nil)
    local picked, breaks
    if is_tailored then picked, breaks = ranks.tailored(board, message, c.member.name)
    else picked = ranks.range(board, message, 1) end
    local more = { "currency", text(currency), "leaderboard", picked, "break_after_rank", breaks }
    if where == "all" then members = { "game_type", text "INSTAMRKT" } end
    for i = 1, 6 do members[#members + 1] = more[i] end
    return members, is_tailored and where == "game" and "leaderboard_for_game_tailored" or nil
  end
end

M.get_leaderboard = leaderboard "all"
M.get_friends_leaderboard = leaderboard("all", true)
M.get_leaderboard_for_game = leaderboard "game"
M.get_friends_leaderboard_for_game = leaderboard("game", true)
M.get_leaderboard_for_game_source = leaderboard "source"
M.get_friends_leaderboard_for_game_source = leaderboard("source", true)
M.get_user_tailored_leaderboard = leaderboard("all", false, true)
M.get_user_tailored_leaderboard_for_game_source = leaderboard("source", false, true)

-- Friends -----------------------------------------------------------------------------------------

function M.get_my_friends_predictions_for_pool(c, message)
  local pool, err = fields.pool(c.hub.floor, message)
  if not pool then return nil, err end
  return { "pool_id", text(pool.id), "predictions", "[]" }
end

function M.get_my_friends_predictions_for_game(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  return { "game_id", text(game.id), "predictions", '{"running":[],"resolved":[]}' }
end

return M
