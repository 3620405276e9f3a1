--- Messages of the simulated Instamrkt as JSON texts, with the inconsistencies that the venue's own
--- documentation shows: floats with ".0", seconds beside ms, times as texts in lists and "None".

local Games = require "moonwire.sim.instamrkt_games"
local wire  = require "moonwire.sim.wire"

local text, object, list = wire.text, wire.object, wire.list

local M = {}

--- An amount as the venue's JSON has it: 4.0
function M.float(amount)
  local digits = tostring(amount)
  return digits:find("%.") and digits or digits .. ".0"
end

-- ms in a push: a number or null; in a list a text or "None".
local function time_of(ms, in_list)
  if in_list then return text(ms and string.format("%.0f", ms) or "None") end
  return ms and string.format("%.0f", ms) or "null"
end

local function seconds(ms) return math.floor(ms / 1000) end

--- A bet among those of a pool.
function M.bet(bet)
  return object("bet_id", text(bet.id), "placed_at", seconds(bet.placed_at), "amount",
                M.float(bet.amount), "user_id", bet.member.id)
end

--- What backs each target; with all bets that count unless it is a push.
function M.distribution(pool, without_bets)
  local by_target, total, people = Games.distribution(pool)
  local rows = {}
  for i, id in ipairs(pool.targets) do
    local entry, bets = by_target[id], {}
    for _, bet in ipairs(pool.bets) do
      if bet.target == id and not bet.is_invalid then bets[#bets + 1] = M.bet(bet) end
    end
    local target = pool.game.targets[id]
    rows[i] = object("target_id", text(id), "display_name", text(target.name),
                     "backing_people", entry.people, "backing_money", M.float(entry.money),
                     "to_win_if_backed", M.float(Games.multiplier(entry, total)),
                     "bets", not without_bets and list(bets) or nil)
  end
  return list(rows), total, people
end

-- Target -> stake of a member, of the bets that count.
local function user_backed(pool, member)
  local sums, texts = {}, {}
  for _, bet in ipairs(pool.bets) do
    if bet.member == member and not bet.is_invalid then
      sums[bet.target] = sums[bet.target] and sums[bet.target] + bet.amount or bet.amount
    end
  end
  for target, sum in pairs(sums) do texts[target] = M.float(sum) end
  return wire.map(texts)
end

-- name, value, ... of a pool as a message or a list has it
local function pool_members(pool, in_list)
  local distribution, total, people = M.distribution(pool)
  return { "pool_id", text(pool.id), "game_id", text(pool.game.id), "description",
           text(pool.description), "type", pool.type, "action_id", text(pool.action_id),
           "target_level", pool.level, "participants", people, "amount_total", M.float(total),
           "is_blocked", pool.is_blocked, "is_hot", pool.is_hot,
           "start_at", time_of(pool.start_at, in_list),
           "finish_at", time_of(pool.finish_at, in_list),
           "stop_accepting_bets_at", time_of(pool.stop_accepting_bets_at, in_list),
           "distribution", distribution }
end

local function with(members, ...)
  local all = { unpack(members) }
  for i = 1, select("#", ...) do all[#members + i] = (select(i, ...)) end
  return object(unpack(all, 1, #members + select("#", ...)))
end

local upcoming_names = { amount_total = "money_at_stake", participants = "people_involved" }

--- A pool in a list.
function M.listed_pool(pool) return object(unpack(pool_members(pool, true))) end

--- A pool of an upcoming game in a list, with other names for the same.
function M.upcoming_pool(pool)
  local members = pool_members(pool, true)
  for i = 1, #members, 2 do members[i] = upcoming_names[members[i]] or members[i] end
  return object(unpack(members))
end

--- One that a member has bet in and that runs: its description is called name.
function M.running_pool(pool, member)
  local members = pool_members(pool, true)
  members[5] = "name"
  return with(members, "user_backed", user_backed(pool, member))
end

--- One that is decided.
function M.resolved_pool(pool, member)
  return with(pool_members(pool, true), "winning_target", text(pool.winner), "resolved_at",
              time_of(pool.resolved_at, true), "total_winnings",
              M.float(pool.net[member] or 0), "user_backed", user_backed(pool, member),
              "game_name", text(pool.game.name))
end

--- The members of a push of a new pool.
function M.pool_members(pool) return pool_members(pool, false) end

local function by_user(amounts)
  local texts = {}
  for member, amount in pairs(amounts) do texts[tostring(member.id)] = M.float(amount) end
  return wire.map(texts)
end

--- The members of a push of a decided pool.
function M.decided_members(pool)
  local invalidated, seen = {}, {}
  for _, bet in ipairs(pool.bets) do
    if bet.is_invalid and not seen[bet.member] then
      seen[bet.member] = true
      invalidated[#invalidated + 1] = tostring(bet.member.id)
    end
  end
  return { "pool_id", text(pool.id), "game_id", text(pool.game.id), "winning_target",
           text(pool.winner), "description", text(pool.description), "winners", by_user(pool.net),
           "losers", by_user(pool.lost), "invalidated_bettors", list(invalidated),
           "is_money_return", pool.is_money_return,
           pool.is_expired and "expired_at" or "resolved_at", pool.resolved_at }
end

-- Games -------------------------------------------------------------------------------------------

local function actions_of(game)
  local rows = {}
  for i, action in ipairs(game.actions) do
    rows[i] = object("action_id", text(action.id), "name", text(action.name))
  end
  return list(rows)
end

local function targets_of(tree)
  local rows = {}
  for i, target in ipairs(tree) do
    rows[i] = object("target_id", text(target.id), "symbol", text(target.symbol),
                     "display_name", text(target.name), "targets", targets_of(target.targets))
  end
  return list(rows)
end

--- A game in a list.
function M.listed_game(game)
  return object("game_id", text(game.id), "status", text(game.status), "name", text(game.name),
                "type", text(game.type), "open_at", time_of(game.open_at, true),
                "close_at", time_of(game.close_at, true), "targets", targets_of(game.tree),
                "actions", actions_of(game))
end

--- An upcoming game in a list, with other names for the same.
function M.upcoming_game(game)
  return object("id", text(game.id), "source_id", text(game.source_id), "game_name",
                text(game.name), "currency", text(game.currency), "game_type_id", text(game.type),
                "live_start_at", time_of(game.live_start_at, true), "hashtag", text(game.hashtag))
end

--- The members of an answer that tells of a new game; without its lineup while it is upcoming.
function M.created_members(game)
  local members = { "source_id", text(game.source_id), "game_id", text(game.id), "game_name",
                    text(game.name), "type", text(game.type), "open_at", time_of(game.open_at),
                    "live_start_at", time_of(game.live_start_at), "live_finish_at",
                    time_of(game.live_finish_at), "close_at", time_of(game.close_at), "hashtag",
                    text(game.hashtag) }
  if game.is_upcoming then return members end
  local more = { "actions", actions_of(game), "targets", targets_of(game.tree) }
  for _, item in ipairs(more) do members[#members + 1] = item end
  return members
end

-- How often an action has happened, by outermost target; numbers are texts.
local function counts_of(game, action_id)
  local counts, texts = {}, {}
  for _, event in ipairs(game.events) do
    local id = event.target_id:match "^[^:]+"
    if event.action_id == action_id then counts[id] = (counts[id] or 0) + 1 end
  end
  for id, count in pairs(counts) do texts[id] = text(count) end
  return texts
end

local function state_of(game)
  local rows = {}
  for _, action in ipairs(game.actions) do
    local counts = counts_of(game, action.id)
    if next(counts) then
      counts.action_id = text(action.id)
      rows[#rows + 1] = wire.map(counts)
    end
  end
  return list(rows)
end

--- The members of a game's details.
function M.details_members(game)
  local events = {}
  for i, event in ipairs(game.events) do
    events[i] = object("event_id", text(event.id), "happened_at", event.happened_at, "target_id",
                       text(event.target_id), "action_id", text(event.action_id))
  end
  return { "status", text(game.status), "game_id", text(game.id), "name", text(game.name), "type",
           text(game.type), "actions", actions_of(game), "targets", targets_of(game.tree),
           "game_state", state_of(game), "past_events", list(events), "open_at",
           time_of(game.open_at), "live_start_at", time_of(game.live_start_at), "live_finish_at",
           time_of(game.live_finish_at), "close_at", time_of(game.close_at), "currency",
           text(game.currency), "hashtag", text(game.hashtag), "image_url", text(game.image_url) }
end

--- The members of a push of what happened.
function M.event_members(event)
  return { "game_id", text(event.game.id), "action_id", text(event.action_id), "target_id",
           text(event.target_id), "target_display_name", text(event.name),
           "current_count", wire.map(counts_of(event.game, event.action_id)), "happened_at",
           event.happened_at }
end

return M
