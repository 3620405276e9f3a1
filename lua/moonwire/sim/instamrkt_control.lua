--- What the control path can do to the simulated Instamrkt and read from it (sim/control.lua).

local Auth    = require "moonwire.sim.instamrkt_auth"
local decimal = require "moonwire.decimal"
local floor   = require "moonwire.sim.floor_control"
local Games   = require "moonwire.sim.instamrkt_games"
local rows    = require "moonwire.sim.instamrkt_rows"
local wire    = require "moonwire.sim.wire"

local text, object = wire.text, wire.object
local find_member, one_of = floor.find_member, floor.one_of
local commands = {}

-- The pool of `pool`, or the first one that runs.
local function find_pool(sim, fields)
  for _, game in ipairs(sim.desk.game_list) do
    for _, pool in ipairs(game.pools) do
      if pool.id == fields.pool or not fields.pool and not pool.winner then return pool end
    end
  end
  return nil, string.format('pool "%s": there is none', fields.pool or "")
end

local function find_game(sim, fields)
  local game = fields.game and sim.desk.games[fields.game] or not fields.game and sim.crowd.game
  if game then return game end
  return nil, string.format('game "%s": there is none', fields.game)
end

local function bet_row(bet)
  local pool = bet.pool
  return object("bet_id", text(bet.id), "member", text(bet.member.name), "pool", text(pool.id),
                "target", text(bet.target), "amount", text(tostring(bet.amount)), "placed_at",
                bet.placed_at, "is_invalid", bet.is_invalid or false, "winner",
                pool.winner and text(pool.winner))
end

commands.orders = floor.orders(bet_row, function(member) return member.bets end,
                               function(bet) return not bet.pool.winner end)

--- All pools; `open=1`: those that run.
function commands.pools(sim, fields)
  local list = {}
  for _, game in ipairs(sim.desk.game_list) do
    for _, pool in ipairs(game.pools) do
      if fields.open ~= "1" or not pool.winner then
        local by_target, total = Games.distribution(pool)
        local backing = {}
        for target, entry in pairs(by_target) do backing[target] = text(tostring(entry.money)) end
        list[#list + 1] = object("pool", text(pool.id), "game", text(game.id), "description",
          text(pool.description), "type", pool.type, "total", text(tostring(total)),
          "backing", wire.map(backing), "winner", pool.winner and text(pool.winner))
      end
    end
  end
  return wire.list(list)
end

--- A member bets: `member`, `pool` (default: the first that runs), `target`, `amount`.
function commands.bet(sim, fields, now)
  local member, err = find_member(sim, fields)
  local pool, bet
  if member then pool, err = find_pool(sim, fields) end
  if pool then
    bet, err = sim.desk:bet(member, pool, fields.target, decimal.parse(fields.amount or ""),
                            sim.clock:venue(now))
  end
  if not bet then return nil, err end
  return bet_row(bet)
end

--- Something happens: `action`, `target`; `ago_ms`: it did so long ago. It decides pools.
function commands.event(sim, fields, now)
  local game, err = find_game(sim, fields)
  local event
  if game then
    now = sim.clock:venue(now)
    event, err = sim.desk:register_event(game, fields.action, fields.target or "",
                                         now - (tonumber(fields.ago_ms) or 0), now)
  end
  if not event then return nil, err end
  return object("event_id", text(event.id))
end

--- Decides one pool: `pool`, `winner`.
function commands.resolve(sim, fields, now)
  local pool, err = find_pool(sim, fields)
  if not pool then return nil, err end
  if pool.winner then return nil, "the pool is decided" end
  for _, target in ipairs(pool.targets) do
    if target == fields.winner then
      sim.desk:resolve(pool, target, sim.clock:venue(now))
      return object("pool", text(pool.id), "total", rows.float((select(2,
        Games.distribution(pool)))))
    end
  end
  return nil, string.format('winner="%s": not a target', fields.winner or "")
end

--- Opens a pool: `type`, `action`, `targets`, `description`, `seconds` (types 2 and 4 end then).
function commands.open(sim, fields, now)
  local game, err = find_game(sim, fields)
  if not game then return nil, err end
  now = sim.clock:venue(now)
  local targets = {}
  for target in (fields.targets or ""):gmatch "[^,]+" do targets[#targets + 1] = target end
  local pool
  pool, err = sim.desk:open_pool(game, {
    description = fields.description or "", type = tonumber(fields.type or 1),
    action_id = fields.action, targets = targets,
    finish_at = fields.seconds and now + tonumber(fields.seconds) * 1000 }, now)
  if not pool then return nil, err end
  return object("pool", text(pool.id))
end

--- `state=on|off`: whether a pool takes bets; `pool` (default: the first that runs).
function commands.block(sim, fields, now)
  local pool, err = find_pool(sim, fields)
  local state
  if pool then state, err = one_of(fields, "state", { "on", "off" }) end
  if not state then return nil, err end
  sim.desk:block(pool, state == "on", sim.clock:venue(now))
  return object("is_blocked", pool.is_blocked)
end

--- Closes a game, in the venue's two steps.
function commands.close_game(sim, fields, now)
  local game, err = find_game(sim, fields)
  if not game then return nil, err end
  return object("has_ended", sim.desk:close_game(game, sim.clock:venue(now)))
end

--- Ends a member's session key, as a login elsewhere does.
function commands.expire_key(sim, fields, now)
  local member, err = find_member(sim, fields)
  if not member then return nil, err end
  Auth.expire(sim.auth.users[member.name], sim.clock:venue(now))
  return object("ok", true)
end

--- Logs in as a member, from somewhere else: the key that was good before is not any more.
function commands.login(sim, fields, now)
  local member, err = find_member(sim, fields)
  if not member then return nil, err end
  local user = sim.auth.users[member.name]
  sim.auth:login(user.name, user.password, sim.clock:venue(now))
  return object("ok", true)
end

--- `on=1` or `on=0`: whether the crowd plays.
function commands.market(sim, fields, now)
  local state, err = one_of(fields, "on", { "1", "0" })
  if not state then return nil, err end
  if state == "1" then sim.crowd:start(now) else sim.crowd:stop() end
  return object("on", sim.crowd.is_on)
end

return floor.money_module(commands)
