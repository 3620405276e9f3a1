--- Instamrkt: the WebSocket, over which everything comes but the login and, where there is one, the
--- bets. Answers name no request: one is on its way at a time. Sections 3 to 6 and 9 of the venue's
--- page.

local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local few = require "moonwire.few"
local json = require "moonwire.json"
local pools = require "moonwire.venues.instamrkt.pools"
local rest = require "moonwire.venues.instamrkt.rest"
local settle = require "moonwire.venues.instamrkt.settle"
local wire = require "moonwire.venues.instamrkt.wire"

local M = {
  paths = {
    "res", "text", "pool_id", "game_id", "source_id", "bet_id", "amount", "current_balance",
    "available_balance", "currency", "distribution[].target_id", "distribution[].backing_money",
  },
  silence = 45, heartbeat = 20, one_at_a_time = true, takes_questions = true,
  backoff = { first = 1, cap = 30 },
}

local at = decode.slots(M.paths)
local RES, TEXT, POOL, GAME, SOURCE = at.res, at.text, at.pool_id, at.game_id, at.source_id
local CURRENT, AVAILABLE, CURRENCY = at.current_balance, at.available_balance, at.currency
local TARGET, BACKING = at["distribution[].target_id"], at["distribution[].backing_money"]
M.slots = { res = RES, text = TEXT, pool_id = POOL, bet_id = at.bet_id, amount = at.amount }

local RENEW_EARLY = 3600                                     -- of the session key's day

-- The session -------------------------------------------------------------------------------------

-- 100 and 112 are both in; 110 and 666 are refusals.
local LOGON = { logon_success = true, logon_fail = true, logon_fail_already_logged_in = true }

local function log_on(link)
  local s = link.session
  local answer, err, class = wire.ask(s, "logon", LOGON)
  if not answer then
    if class == "refused" then return nil, rest.on_refused(s, err) end
    return nil, err, class
  end
  if answer.name == "logon_fail" then return nil, rest.on_refused(s, "logon refused (110)") end
  link.is_logged_on = true
  return true
end

-- The server's own numbers count over the page's.
local function load_codes(link)
  local s = link.session
  local answer, err, class = wire.ask(s, "get_opcodes", { opcodes = true })
  if not answer and class ~= "refused" then return nil, err, class end
  if not answer then
    s.log.warn("%s: the numbers of its documentation are used", err)
    return true
  end
  local untold
  link.codes, untold = wire.codes(answer)
  if #untold > 0 then
    s.log.debug("the venue does not name %s: the numbers of its documentation are used",
                table.concat(untold, ", "))
  end
  return true
end

function M.logon(link)
  local s = link.session
  local ok, err, class = rest.sign_in(s)
  if not ok then return nil, err, class end
  link.is_logged_on, link.codes = false, wire.codes()
  ok, err, class = link:open(rest.socket_url(s))
  if not ok then
    if class == "credentials" then return nil, rest.on_refused(s, err) end
    return nil, err, class
  end
  ok, err, class = log_on(link)
  if ok then ok, err, class = load_codes(link) end
  if ok then ok, err, class = s:load_markets() end
  if ok then ok, err, class = s.protocol.fetch_balances(s) end
  if not ok then return nil, err, class end
  if s.memory.key_ends_at then s:renew_before(s.memory.key_ends_at - RENEW_EARLY) end
  return true
end

--- A new session key, and a connection with it: the old one would let no other in.
function M.renew(link)
  local ok, err = rest.login(link.session)
  if not ok then return nil, err end
  link:restart "the session key was renewed"
  return true
end

local Quiet = {}
function Quiet.on_answer() end

--- Both kinds of ping; ours goes in turn, and whatever is on its way already is as good.
function M.beat(link)
  link:ping()
  if link.state ~= "live" or link.turns:request() then return end
  link.turns:send({ text = M.ping_text(link.session), answers = { pong = true } }, Quiet,
                  "on_answer")
end

function M.ping_text(s) return wire.text(s, "ping") end

--- What a refused digest looks like is nowhere written: a refusal, or a close before the log-on.
function M.close_class(code, _, http_status, _, link)
  if http_status == 401 or http_status == 403 then
    return "credentials", ("the venue refuses our digest (HTTP %d)"):format(http_status)
  end
  local is_told = code ~= 0 and code ~= 1006           -- by a close, not by a line that breaks
  if http_status ~= 0 or link.opening or link.is_logged_on or not is_told then return "retry" end
  local why, class = rest.on_refused(link.session,
                                     ("closed before the log-on (close code %d)"):format(code))
  return class, why
end

-- Pools -------------------------------------------------------------------------------------------

local function game_of(s, message)
  return s.memory.games[wire.id(message.game_id) or ""]
end

-- Nothing tells that a game goes on, from not yet to before the game to in it; but pools are opened
-- only where bets are possible.
local function read_new_pool(link, message)
  local s = link.session
  local game = game_of(s, message)
  if not game then return link:on_bad_message "a pool of a game that we are not in" end
  for _, market in ipairs(pools.add(s, message, game)) do s:add_market(market) end
  if not pools.takes_bets(game) then s:in_task("game", pools.refresh, game) end
end

local backing = decimal.sum(decimal.ZERO)                    -- one for all

local function read_target(_, i, pool, decoder)
  local fields = decoder:row(i - 1)
  local target = decode.text(fields[TARGET])
  if target and decode.decimal_into(backing, fields[BACKING]) then
    pools.update(pool, target, backing)
  end
end
local read_targets = few(read_target)

local function read_distribution(link, decoder)
  local s = link.session
  local pool = s.memory.pools[decode.text(decoder.head[POOL]) or ""]
  if not pool then return end
  read_targets(decoder.row_count, nil, pool, decoder)
  pools.tell_books(s, pool)
end

local function is_listed(list, user_id)
  for _, id in ipairs(type(list) == "table" and list or {}) do
    if wire.id(id) == user_id then return true end
  end
  return false
end

local function amount_of(map, user_id)
  return type(map) == "table" and wire.amount(map[user_id]) or nil
end

-- Our bets in a pool that the venue has and that are open here; and whether there are some of which
-- it is not known.
local function open_bets(s, pool_id)
  local bets, orders, has_lost = {}, {}, false
  for _, order in ipairs(s.orders:list_open { venue = s.name }) do
    local pool, target = pools.parts(order.symbol or "")
    has_lost = has_lost or pool == pool_id and not order.order_id
    if pool == pool_id and order.order_id then
      bets[#bets + 1] = { bet_id = order.order_id, target = target, stake = order.qty }
      orders[#orders + 1] = order
    end
  end
  return bets, orders, has_lost
end

--- What the venue says of a pool that was decided, as settle.lua wants it.
function M.outcome_of(s, message)
  local user_id = s.memory.user_id
  return {
    winner = wire.id(message.winning_target), won = amount_of(message.winners, user_id),
    has_lost = amount_of(message.losers, user_id) ~= nil,
    is_invalidated = is_listed(message.invalidated_bettors, user_id),
    is_money_return = message.is_money_return == true,
    time = wire.seconds(message.resolved_at) or wire.seconds(message.expired_at)
      or s:venue_ms() / 1000,
  }
end

local function multiplier_of(pool, winner)
  local held = pool and pool.targets[winner]
  return held and held.backing:sign() > 0 and pools.multiplier(pool.total, held.backing) or nil
end

local function read_decided(link, message, name)
  local s = link.session
  local pool_id, outcome = wire.id(message.pool_id), M.outcome_of(link.session, message)
  if not (pool_id and outcome.winner) then
    return link:on_bad_message "a decided pool without its id or its winner"
  end
  if name == "bet_pool_expired" and outcome.winner ~= "none" then
    s.log.warn("pool %s expired for %s", pool_id, outcome.winner)
  end
  local bets, orders
  bets, orders, outcome.is_partial = open_bets(s, pool_id)
  local reports = settle.reports(bets, outcome, multiplier_of(s.memory.pools[pool_id],
                                                              outcome.winner))
  for i, order in ipairs(orders) do
    if not reports[i] then s.log.info("%s: what it came to is asked for", order) end
    s:apply(order, reports[i] or { needs_asking = true })
  end
  pools.drop(s, pool_id)
end

local function enter_games(s)
  local markets, err = pools.enter_games(s)
  if not markets then return s.log.warn("games: %s", err) end
  for _, market in ipairs(markets) do s:add_market(market) end
end

-- A game was opened somewhere: perhaps one of our source.
local function read_new_game(link)
  if link.state == "live" then link.session:in_task("games", enter_games) end
end

local function read_details(link, message)
  local game = game_of(link.session, message)
  if game then pools.read_details(game, message) end
end

local function read_game_closed(link, message)
  pools.drop_game(link.session, wire.id(message.game_id) or "")
end

local function block(is_blocked)
  return function(link, message) pools.block(link.session, message, is_blocked) end
end

-- name -> function(link, message, name); false: nothing to us.
local pushes = {
  new_betting_pool = read_new_pool, bet_pool_resolved = read_decided,
  bet_pool_expired = read_decided, game_details = read_details,
  game_details_updated = read_details, game_closed = read_game_closed,
  betting_in_pool_blocked = block(true), betting_in_pool_allowed = block(false),
  betting_for_game_and_action_blocked = block(true),
  betting_for_game_and_action_allowed = block(false),
  game_created_and_opened = read_new_game, game_opened = read_new_game,
  game_source_opened = read_new_game, game_source_closed = false, game_created = false,
  user_joined_game = false, user_left_game = false, game_left = false,
  hot_betting_pool_suggested = false,
  new_game_event = false, new_text_message = false, become_an_admin_for_game_success = false,
  betting_pool_created = false,
}

-- Messages ----------------------------------------------------------------------------------------

--- Keeps a balance that the venue told.
function M.keep_balance(s, currency, available, current)
  local balances = s.memory.balances or {}
  s.memory.balances = balances
  balances[currency] = { available = available, current = current }
end

local function read_balance(link, head)
  local available, current = decode.decimal(head[AVAILABLE]), decode.decimal(head[CURRENT])
  if not (available and current) then return link:on_bad_message "a balance without amounts" end
  M.keep_balance(link.session, decode.text(head[CURRENCY]) or wire.DEFAULT_CURRENCY, available,
                 current)
end

-- Whether a field agrees with what was asked: it need not be there.
local function agrees(field, wanted)
  local text = wanted and decode.text(field)
  return not text or text == wanted
end

local function is_answer(request, name, head)
  if name == "error" then return true end
  if not request.answers[name] then return false end
  local fields = request.fields
  return not fields or agrees(head[GAME], fields.game_id) and agrees(head[POOL], fields.pool_id)
    and agrees(head[SOURCE], fields.source_id)
end

-- A bet's answer is read in place, anything else as a value.
local function give_answer(link, decoder, request, name)
  if request.is_bet then return link.turns:answer(decoder) end
  local message = assert(json.decode(decoder:text()))
  message.name = name
  return link.turns:answer(message)
end

local function read_push(link, decoder, name)
  local handler = pushes[name]
  if handler then return handler(link, assert(json.decode(decoder:text())), name) end
  if handler == nil then
    link:on_bad_message(("answer %s that nobody asked for: %s"):format(
      tostring(name), decode.text(decoder.head[TEXT]) or ""))
  end
end

function M.read(link, decoder)
  local head = decoder.head
  local res = decode.integer(head[RES])
  local name = link.codes.names[res or -1]
  if not name then
    return link:on_bad_message(res and "unknown answer " .. res or "a message without res")
  end
  local request = link.turns:request()
  if request and is_answer(request, name, head) then
    return give_answer(link, decoder, request, name)
  end
  if name == "betting_pool_bets_distribution_update" then
    return read_distribution(link, decoder)
  end
  if name == "balance_update" then return read_balance(link, head) end
  return read_push(link, decoder, name)
end

return M
