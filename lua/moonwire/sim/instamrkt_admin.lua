--- What the simulated Instamrkt does with an admin's operations (page section 8): of sources, games
--- and pools. The same shape as instamrkt_ops. A source's admin opens and closes; games and their
--- pools are for the game's admins, and a source's admin becomes one by asking.

local fields = require "moonwire.sim.instamrkt_fields"
local lineup = require "moonwire.sim.instamrkt_lineup"
local rows   = require "moonwire.sim.instamrkt_rows"
local wire   = require "moonwire.sim.wire"

local text, list = wire.text, wire.list

local M = {}

local NO_RIGHTS = "admin rights are needed"
local DESCRIPTION_MAX = 512

local of_source, of_game = {}, {}

-- The game that a request is about, if the player may: `by_source` lets a source's admin as well.
local function game_for(c, game, by_source)
  if game.admins[c.member] or by_source and c.member.is_admin then return game end
  return nil, NO_RIGHTS
end

local function own_game(c, message, by_source)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  return game_for(c, game, by_source)
end

local function own_pool(c, message)
  local pool, err = fields.pool(c.hub.floor, message)
  if not pool then return nil, err end
  local ok
  ok, err = game_for(c, pool.game)
  if not ok then return nil, err end
  return pool
end

-- A game, an action and a target of it; nil and what is wrong.
local function own_target(c, message)
  local game, err = own_game(c, message)
  local action_id, target_id
  if game then action_id, err = fields.need(message, "action_id") end
  if action_id then target_id, err = fields.need(message, "target_id") end
  if not target_id then return nil, err end
  return game, action_id, target_id
end

-- When it is to be: a time that is over or missing is now.
local function time_of(message, name, now)
  return math.max(fields.number(message[name]) or 0, now)
end

-- Sources -----------------------------------------------------------------------------------------

function of_source.open_game_source(c, message)
  local name, err = fields.need(message, "source_name")
  if not name then return nil, err end
  local description = fields.text(message.description) or ""
  if #description > DESCRIPTION_MAX then return nil, "description is too long" end
  return { "source_id", text(c.hub.floor:open_source(name, description).id) }
end

function of_source.close_game_source(c, message, now)
  local source, err = fields.source(c.hub.floor, message)
  if not source then return nil, err end
  c.hub.floor:close_source(source, now)
  return { "source_id", text(source.id) }
end

-- Games -------------------------------------------------------------------------------------------

local function create_game(c, message, now, is_upcoming)
  local source, err = fields.source(c.hub.floor, message)
  local name
  if source then name, err = fields.need(message, "game_name") end
  if not name then return nil, err end
  return c.hub.floor:create_game({
    source_id = source.id, name = name, type = fields.text(message.type),
    currency = fields.text(message.currency), is_upcoming = is_upcoming,
    actions = lineup.list_of(message.actions), targets = lineup.list_of(message.targets),
    open_at = fields.number(message.open_at), close_at = fields.number(message.close_at),
    live_start_at = fields.number(message.live_start_at),
    live_finish_at = fields.number(message.live_finish_at), hashtag = fields.text(message.hashtag),
    image_url = fields.text(message.image_url) }, now)
end

local function open_game(c, message, now)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  return c.hub.floor:open_game(game, lineup.list_of(message.actions),
                               lineup.list_of(message.targets), now)
end

-- The answer is about the new game, and everybody else hears it as well.
local function announced(name, make, is_upcoming)
  return function(c, message, now)
    local game, err = make(c, message, now, is_upcoming)
    if not game then return nil, err end
    local members = rows.created_members(game)
    c.hub:tell_all(name, members, c)
    return members
  end
end
of_source.create_and_open_game = announced("game_created_and_opened", create_game, false)
of_source.create_game = announced("game_created", create_game, true)
of_source.open_game = announced("game_opened", open_game)

--- The new details go to everybody in the game, the admin too.
function of_game.update_game_details(c, message)
  local game, err = own_game(c, message, true)
  if not game then return nil, err end
  lineup.add_actions(game, lineup.list_of(fields.given(message.actions)))
  lineup.add_targets(game, lineup.list_of(fields.given(message.targets)))
  game.image_url = fields.text(message.image_url) or game.image_url
  c.hub:tell_game(game, "game_details", rows.details_members(game))
  return { "game_id", text(game.id) }
end

--- No answer while a person has pools to decide: the game has not ended, and closing it is to be
--- asked for again.
function of_game.close_game(c, message, now)
  local game, err = own_game(c, message, true)
  if not game then return nil, err end
  return c.hub.floor:close_game(game, now) and { "game_id", text(game.id) }
end

-- Admins ------------------------------------------------------------------------------------------

function M.become_an_admin_for_game(c, message)
  local game, err = fields.game(c.hub.floor, message)
  if not game then return nil, err end
  if c.member.is_admin then
    game.admins[c.member] = true
    return { "game_id", text(game.id) }
  end
  return { "game_id", text(game.id), "reason", text "You have no privileges." },
         "become_an_admin_for_game_fail"
end

function of_source.appoint_admin_for_game_by_username(c, message)
  local game, err = fields.game(c.hub.floor, message)
  local name
  if game then name, err = fields.need(message, "username") end
  if not name then return nil, err end
  local member = c.hub.floor.members[name]
  if not member then return nil, "unknown user" end
  game.admins[member] = true
  c.hub:tell_member(member, "become_an_admin_for_game_success", { "game_id", text(game.id) })
  return { "game_id", text(game.id), "username", text(name) }
end

function M.list_games_i_am_admin_of(c)
  local games = {}
  for _, game in ipairs(c.hub.floor.game_list) do
    if game.admins[c.member] then
      games[#games + 1] = wire.object("id", text(game.id), "name", text(game.name))
    end
  end
  return { "games", list(games) }
end

function M.list_game_sources_i_am_admin_of(c)
  local sources = {}
  for _, source in pairs(c.member.is_admin and c.hub.floor.sources or {}) do
    sources[#sources + 1] = wire.object("id", text(source.id), "name", text(source.name),
                                        "description", text(source.description))
  end
  table.sort(sources)
  return { "sources", list(sources) }
end

-- Pools -------------------------------------------------------------------------------------------

function of_game.create_and_open_betting_pool(c, message, now)
  local game, err = own_game(c, message)
  if not game then return nil, err end
  local kind = fields.number(message.pool_type or message.type)
  if not kind or kind % 1 ~= 0 or kind < 1 or kind > 4 then return nil, "unknown pool type" end
  local pool
  pool, err = c.hub.floor:open_pool(game, {
    description = fields.text(message.description) or "", type = kind,
    action_id = message.action_id, targets = lineup.list_of(message.targets),
    finish_at = fields.number(message.finish_at),
    stop_accepting_bets_at = fields.number(message.stop_accepting_bets_at),
    recreate_on_end = message.recreate_on_end == true or nil }, now)
  if not pool then return nil, err end
  return { "pool_id", text(pool.id) }
end

function of_game.register_game_event(c, message, now)
  local game, action_id, target_id = own_target(c, message)
  if not game then return nil, action_id end
  local event, err = c.hub.floor:register_event(game, action_id, target_id,
                                                fields.number(message.happened_at) or now, now)
  if not event then return nil, err end
  return rows.event_members(event)
end

local function block(is_blocked, asked, told)
  return function(c, message, now)
    local pool, err = own_pool(c, message)
    if not pool then return nil, err end
    local at = time_of(message, asked, now)
    c.hub.floor:later(at, now, function(later)
      if not pool.winner then c.hub.floor:block(pool, is_blocked, later) end
    end)
    return { "pool_id", text(pool.id), told, at }
  end
end
of_game.block_betting_in_betting_pool = block(true, "block_at", "blocked_at")
of_game.allow_betting_in_betting_pool = block(false, "allow_at", "allowed_at")

local function block_action(is_blocked, asked, told)
  return function(c, message, now)
    local game, err = own_game(c, message)
    local action_id
    if game then action_id, err = fields.need(message, "action_id") end
    if not action_id then return nil, err end
    local at = time_of(message, asked, now)
    c.hub.floor:later(at, now, function(later)
      c.hub.floor:block_action(game, action_id, is_blocked, later)
    end)
    return { "game_id", text(game.id), "action_id", text(action_id), told, at }
  end
end
of_game.block_betting_for_game_and_action = block_action(true, "block_at", "blocked_at")
of_game.allow_betting_for_game_and_action = block_action(false, "allow_at", "allowed_at")

local function hot_members(pool, at) return { "pool_id", text(pool.id), "hot_since", at } end

-- Marks a pool at its time, and tells everybody in the game but `except`.
local function heat(c, pool, at, now, except)
  c.hub.floor:later(at, now, function()
    if pool.winner then return end
    pool.is_hot = true
    c.hub:tell_game(pool.game, "hot_betting_pool_suggested", hot_members(pool, at), except)
  end)
end

function of_game.suggest_hot_betting_pool(c, message, now)
  local pool, err = own_pool(c, message)
  if not pool then return nil, err end
  local at = time_of(message, "likely_to_happen_at", now)
  heat(c, pool, at, now, c)
  return hot_members(pool, at)
end

--- All pools that run on an action and a target: the first one's message is the answer.
function of_game.suggest_hot_betting_pool_for_action_and_target(c, message, now)
  local game, action_id, target_id = own_target(c, message)
  if not game then return nil, action_id end
  local at, first = time_of(message, "likely_to_happen_at", now), nil
  for _, pool in ipairs(game.pools) do
    if not pool.winner and pool.action_id == action_id
       and c.hub.floor.has_target(pool, target_id) then
      heat(c, pool, at, now, not first and c or nil)
      first = first or pool
    end
  end
  if not first then return nil, "no pool of that action and target" end
  return hot_members(first, at)
end

for name, handler in pairs(of_game) do M[name] = handler end
for name, handler in pairs(of_source) do
  M[name] = function(c, message, now)
    if not c.member.is_admin then return nil, NO_RIGHTS end
    return handler(c, message, now)
  end
end

return M
