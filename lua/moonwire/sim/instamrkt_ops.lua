--- What the simulated Instamrkt does with each operation (page sections 5 to 8): a function of the
--- connection and the message, which returns the members of the answer, or nil and a text.

local decimal = require "moonwire.decimal"
local Games   = require "moonwire.sim.instamrkt_games"
local json    = require "moonwire.json"
local rows    = require "moonwire.sim.instamrkt_rows"
local wire    = require "moonwire.sim.wire"

local text, list = wire.text, wire.list

local M = {}
local ops = {}

-- Fields ------------------------------------------------------------------------------------------

-- A field that is a text or a number; nil and what is wrong.
local function need(message, name)
  local value = message[name]
  if type(value) == "number" then value = string.format("%.0f", value) end
  if type(value) == "string" and value ~= "" then return value end
  return nil, "missing parameter " .. name
end

local function game_of(floor, message)
  local id, err = need(message, "game_id")
  if not id then return nil, err end
  local game = floor.games[id]
  if game then return game end
  return nil, "unknown game"
end

local function pool_of(floor, message)
  local id, err = need(message, "pool_id")
  if not id then return nil, err end
  local pool = floor.pools[id]
  if pool then return pool end
  return nil, "unknown pool"
end

-- A list, or texts between commas.
local function list_of(value)
  if type(value) == "table" then return value end
  local items = {}
  for item in tostring(value or ""):gmatch "[^,%s]+" do items[#items + 1] = item end
  return items
end

local function number_of(value) return value ~= json.null and tonumber(value) or nil end

-- The session -------------------------------------------------------------------------------------

function ops.ping() return {} end

function ops.get_opcodes(c)
  local operations, answers = c.hub.codes:tables()
  return { "opcodes", operations, "response_codes", answers }
end

-- Games -------------------------------------------------------------------------------------------

function ops.join_game(c, message)
  local game, err = game_of(c.hub.floor, message)
  if not game then return nil, err end
  c.subscribed[game.id] = true
  c.hub:tell_game(game, "user_joined_game", { "game_id", text(game.id), "user_id",
                     c.member.id, "user_name", text(c.member.name) })
  return { "game_id", text(game.id) }
end

function ops.leave_game(c, message)
  local game, err = game_of(c.hub.floor, message)
  if not game then return nil, err end
  c.hub:tell_game(game, "user_left_game", { "game_id", text(game.id), "user_id", c.member.id,
                     "user_name", text(c.member.name) })
  c.subscribed[game.id] = nil
  return { "game_id", text(game.id) }
end

function ops.get_game_details(c, message)
  local game, err = game_of(c.hub.floor, message)
  if not game then return nil, err end
  return rows.details_members(game)
end

function ops.list_games_for_source(c, message)
  local id, err = need(message, "source_id")
  if not id then return nil, err end
  if not c.hub.sources[id] then return nil, "unknown source" end
  local listed = {}
  for _, game in ipairs(c.hub.floor.game_list) do
    if game.source_id == id then listed[#listed + 1] = rows.listed_game(game) end
  end
  return { "source_id", text(id), "games", list(listed) }
end

function ops.list_upcoming_games_for_source(_, message)
  local id, err = need(message, "source_id")
  if not id then return nil, err end
  return { "source_id", text(id), "games", "[]" }
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
  local game, err = game_of(c.hub.floor, message)
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
  local pool, err = pool_of(c.hub.floor, message)
  if not pool then return nil, err end
  if pool.winner then return nil, "the pool is closed" end
  return { "pool_id", text(pool.id), "target_level", pool.level,
           "distribution", (rows.distribution(pool)) }
end

--- The stake is answered as it was written.
function ops.place_bet_in_betting_pool(c, message, now)
  local pool, err = pool_of(c.hub.floor, message)
  local target, amount
  if pool then target, err = need(message, "target") end
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

-- Words and lists ---------------------------------------------------------------------------------

function ops.text_message(c, message)
  local words, err = need(message, "text")
  if not words then return nil, err end
  local targets = list_of(message.targets)
  for _, id in ipairs(targets) do
    local game = c.hub.floor.games[id]
    if game then
      c.hub:tell_game(game, "new_text_message", {
        "sender", text(c.member.name), "text", text(words), "channel", text(id) }, c)
    end
  end
  return { "sender", text(c.member.name), "text", text(words) }
end

local function leaderboard(c)
  local listed = {}
  for i, member in ipairs(c.hub.floor.member_list) do
    listed[i] = wire.object("username", text(member.name), "points",
                            rows.float(c.hub.floor:available(member, "DON")), "rank", i)
  end
  return { "leaderboard", list(listed), "currency", text "DON" }
end
for _, name in ipairs { "get_leaderboard", "get_friends_leaderboard", "get_leaderboard_for_game",
                        "get_friends_leaderboard_for_game", "get_leaderboard_for_game_source",
                        "get_friends_leaderboard_for_game_source", "get_user_tailored_leaderboard",
                        "get_user_tailored_leaderboard_for_game_source" } do
  ops[name] = leaderboard
end

function ops.get_my_friends_predictions_for_pool() return { "predictions", "[]" } end
function ops.get_my_friends_predictions_for_game()
  return { "running", "[]", "resolved", "[]" }
end

local function administered(c, name)
  return { name, c.member.is_admin and list { text(c.hub.source_id) } or "[]" }
end
function ops.list_game_sources_i_am_admin_of(c) return administered(c, "sources") end
function ops.list_games_i_am_admin_of(c)
  local ids = {}
  for _, game in ipairs(c.member.is_admin and c.hub.floor.game_list or {}) do
    ids[#ids + 1] = text(game.id)
  end
  return { "games", list(ids) }
end

-- What only an admin may --------------------------------------------------------------------------

local admin = {}

function admin.create_and_open_game(c, message, now)
  local source_id, err = need(message, "source_id")
  local name
  if source_id then name, err = need(message, "game_name") end
  if not name then return nil, err end
  if not c.hub.sources[source_id] then return nil, "unknown source" end
  local game = c.hub.floor:create_game({
    source_id = source_id, name = name, type = message.type, currency = message.currency,
    actions = list_of(message.actions), targets = list_of(message.targets),
    hashtag = message.hashtag, image_url = message.image_url,
    close_at = number_of(message.close_at) }, now)
  c.hub:tell_all("game_created_and_opened", { "game_id", text(game.id), "source_id",
                                                 text(source_id) }, c)
  return { "game_id", text(game.id) }
end

function admin.close_game(c, message, now)
  local game, err = game_of(c.hub.floor, message)
  if not game then return nil, err end
  c.hub.floor:close_game(game, now)
  return { "game_id", text(game.id) }
end

function admin.create_and_open_betting_pool(c, message, now)
  local game, err = game_of(c.hub.floor, message)
  if not game then return nil, err end
  local kind = number_of(message.pool_type or message.type)
  if not kind or kind % 1 ~= 0 or kind < 1 or kind > 4 then return nil, "unknown pool type" end
  local pool
  pool, err = c.hub.floor:open_pool(game, {
    description = tostring(message.description or ""), type = kind,
    action_id = message.action_id, targets = list_of(message.targets),
    finish_at = number_of(message.finish_at),
    stop_accepting_bets_at = number_of(message.stop_accepting_bets_at),
    recreate_on_end = message.recreate_on_end == true or nil }, now)
  if not pool then return nil, err end
  return { "pool_id", text(pool.id) }
end

function admin.register_game_event(c, message, now)
  local game, err = game_of(c.hub.floor, message)
  local action_id, target_id
  if game then action_id, err = need(message, "action_id") end
  if action_id then target_id, err = need(message, "target_id") end
  if not target_id then return nil, err end
  local event
  event, err = c.hub.floor:register_event(game, action_id, target_id,
                                             number_of(message.happened_at) or now, now)
  if not event then return nil, err end
  return rows.event_members(event)
end

local function block(is_blocked, name)
  return function(c, message, now)
    local pool, err = pool_of(c.hub.floor, message)
    if not pool then return nil, err end
    c.hub.floor:block(pool, is_blocked, now)
    return { "pool_id", text(pool.id), name, now }
  end
end
admin.block_betting_in_betting_pool = block(true, "blocked_at")
admin.allow_betting_in_betting_pool = block(false, "allowed_at")

local function block_action(is_blocked)
  return function(c, message, now)
    local game, err = game_of(c.hub.floor, message)
    local action_id
    if game then action_id, err = need(message, "action_id") end
    if not action_id then return nil, err end
    c.hub.floor:block_action(game, action_id, is_blocked, now)
    return { "game_id", text(game.id), "action_id", text(action_id) }
  end
end
admin.block_betting_for_game_and_action = block_action(true)
admin.allow_betting_for_game_and_action = block_action(false)

function admin.suggest_hot_betting_pool(c, message, now)
  local pool, err = pool_of(c.hub.floor, message)
  if not pool then return nil, err end
  pool.is_hot = true
  local members = { "pool_id", text(pool.id), "hot_since", now }
  c.hub:tell_game(pool.game, "hot", members, c)
  return members
end

--- Runs an operation; the members of its answer, or nil and what is wrong.
function M.run(c, operation, message, now)
  local handler = ops[operation]
  if handler then return handler(c, message, now) end
  handler = admin[operation]
  if not c.member.is_admin then return nil, "admin rights are needed" end
  if not handler then return nil, "not offered here" end
  return handler(c, message, now)
end

return M
