--- Instamrkt: a play-money prediction market. A stake on one target of a pool is an order here: it
--- is new when the venue has taken it, and filled when the pool is decided, at what came back for
--- each unit. There are no prices to post, nothing is matched, and nothing can be canceled.
--- Source: the venue's REST and WebSocket documentation (API 1.0); sections are the page's.

local candidates = require "moonwire.candidates"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local poll = require "moonwire.poll"
local pools = require "moonwire.venues.instamrkt.pools"
local private = require "moonwire.venues.instamrkt.private"
local questions = require "moonwire.venues.instamrkt.questions"
local rest = require "moonwire.venues.instamrkt.rest"
local understood = require "moonwire.understood"
local wire = require "moonwire.venues.instamrkt.wire"

---@class moonwire.venue.Instamrkt : moonwire.Venue
local M = {
  name = "instamrkt",
  environments = {
    production = { rest_url = "https://instamrkt.com/i",
                   private_url = "wss://instamrkt.com:9999" },
    demo = { rest_url = "https://dev.instamrkt.com/i" },     -- its WebSocket is not published
  },
  options = {
    key = false, secret = false, market_url = false,
    rest_url = { type = "url", schemes = { "https", "http" },
                 doc = "scheme, host and the prefix of REST; default: the environment's" },
    source_id = { type = "string", pattern = "^[%w-]+$", required = true,
                  doc = "the source whose games are played; there is no call that lists sources" },
    games = { type = "list", doc = "ids of the games to join, where our name is shown to the other "
                .. "players; default: all that are open",
              each = { type = "string", pattern = "^[%w-]+$", doc = "id of a game" } },
    login = { type = "string", doc = "user name, to log in with" },
    password = { type = "secret", doc = "its password" },
    user_id = { type = "string", pattern = "^[%w-]+$", doc = "in place of login: the user's id" },
    session_key = { type = "secret", doc = "and a session key, which lives for 24 hours and ends "
                      .. "with the next login" },
  },
  capabilities = {
    client_order_id = false, trade_ids = true, market_data = true, post_only = false,
    market_orders = true, limit_orders = false, sell = false, cancel = false, countdown = false,
  },
  limits = {                                     -- none is published
    { name = "user", count = 50, per = 1, kinds = { "submit", "query" }, reserve = 10 },
  },
  late_arrival = 6,
  private = private,
}

--- Who plays: a user name and a password, or an id and a key, each whole.
function M.check_config(config)
  local problems = {}
  local function want(name, why)
    if config[name] == nil then problems[#problems + 1] = { name, "missing: " .. why } end
  end
  if config.login or config.password then
    want("login", "password goes with it")
    want("password", "login goes with it")
    if config.session_key then
      problems[#problems + 1] = { "session_key", "a login makes its own: give one or the other" }
    end
  else
    want("user_id", "expected login and password, or user_id and session_key")
    want("session_key", "expected login and password, or user_id and session_key")
  end
  return problems
end

--- The cheapest call, where bets go over REST.
function M.warm(s)
  return s.memory.cookies and { method = "GET", url = s.config.rest_url .. "/",
                                has_secret_answer = true } or nil
end

-- Markets -----------------------------------------------------------------------------------------

--- Joins the games; a market for each target of each pool, by symbol and as a list.
function M.fetch_markets(s)
  local memory = s.memory
  memory.ended = memory.ended or {}
  for id in pairs(memory.games or {}) do memory.ended[id] = true end     -- which some are by now
  memory.games, memory.pools = {}, {}
  local ok, err, class = pools.enter_games(s)
  if not ok then return nil, err, class end
  local markets = {}
  for _, pool in pairs(memory.pools) do          -- also those that were opened meanwhile
    for _, market in ipairs(pool.markets) do
      markets[#markets + 1], markets[market.symbol] = market, market
    end
  end
  table.sort(markets, function(a, b) return a.symbol < b.symbol end)
  return markets
end

local function tell_book(line, subscription)
  local s = line.session
  local market = s.markets and s.markets[subscription.symbol]
  local pool = market and s.memory.pools[market.pool_id]
  if pool then pools.tell_book(s, pool, market) end
  return true                                    -- one that is over has no book any more
end

--- What a target stands at comes over the private connection; whoever begins to listen is told.
M.market = { ask = tell_book, every = 60, soonest = 1, subscribe = poll.subscribe,
             feeds = { book = true } }

-- Orders ------------------------------------------------------------------------------------------

local function check_kind(order)
  if order.side ~= "buy" then
    return nil, "instamrkt takes stakes (buy) and never gives them back"
  end
  if order.type ~= "market" or order.price then
    return nil, "a stake on instamrkt has no price: what it brings shows when the pool is decided"
  end
  if order.time_in_force ~= "fok" and order.time_in_force ~= "gtc" then
    return nil, "instamrkt takes a stake whole or not at all (fok), not " .. order.time_in_force
  end
  if not order.qty or order.amount then return nil, "instamrkt wants `qty`: the stake" end
  if order.qty:sign() <= 0 then return nil, "a stake is above 0" end
  return true
end

-- What is left, less the stakes that the venue has not answered yet.
local function check_funds(s, order, currency)
  local held = (s.memory.balances or {})[currency]
  if not held then return true end
  local left = held.available
  for _, other in ipairs(s.orders.open) do
    if other.venue == s.name and not other.order_id and other.qty
      and other.symbol:sub(-#currency - 1) == "/" .. currency then
      left = left - other.qty
    end
  end
  if order.qty <= left then return true end
  return nil, ("a stake of %s %s is above what is available: %s"):format(order.qty, currency, left)
end

--- What this venue cannot do, or would refuse as things stand, is refused before it is recorded.
function M.check_order(s, order, market)
  local ok, err = check_kind(order)
  if not ok then return nil, err end
  local pool = s.memory.pools[market.pool_id]
  local game = s.memory.games[market.game_id]
  if not pool then return nil, "the pool is over" end
  if not pools.takes_bets(game) then
    return nil, ("the game takes no bets: %s"):format(tostring(game and game.status))
  end
  if pool.is_blocked then return nil, "betting in this pool is blocked" end
  if pool.stop_at and s:venue_ms() / 1000 >= pool.stop_at then
    return nil, "the time for bets in this pool is over"
  end
  ok, err = candidates.refuse_twin(s, order)
  if not ok then return nil, err end
  return check_funds(s, order, market.quote)
end

local BET = { bet_placed_in_betting_pool = true }

--- Over REST, where the answer names the request, when we have logged in there.
function M.submit(s, order)
  local market = s.markets[order.symbol]
  candidates.note_sent(s, order)
  if s.memory.cookies then return rest.bet(s, market, order.qty) end
  return {
    text = wire.text(s, "place_bet_in_betting_pool", market.content .. decimal.text(order.qty)
                     .. '"'),
    answers = BET, is_bet = true, urgent = true,
  }
end

local function check_amount(s, order, amount)
  if amount and amount ~= order.qty then
    s.log.error("%s: the venue took a stake of %s: look there", order, amount)
  end
end

-- A pool that was decided before the answer came will not be told of again.
local function taken(s, order, bet_id)
  local is_running = s.memory.pools[pools.parts(order.symbol)]
  return { status = "new", order_id = bet_id, needs_asking = not is_running or nil }
end

local slots = private.slots

local function read_frame(s, order, decoder)
  local head = decoder.head
  if s.private.codes.names[decode.integer(head[slots.res])] == "error" then
    return { status = "rejected", reason = decode.text(head[slots.text]) or "no reason was told" }
  end
  local bet_id = decode.text(head[slots.bet_id])
  if not bet_id then return nil, "an answer without bet_id" end
  local pool_id = decode.text(head[slots.pool_id])
  if pool_id ~= pools.parts(order.symbol) then           -- which may be over: it is no market then
    s.log.warn("%s: the answer names pool %s; no other bet was on its way", order, pool_id)
  end
  check_amount(s, order, decode.decimal(head[slots.amount]))
  return taken(s, order, bet_id)
end

-- Who we are was not taken: a new login, and a new connection with it.
local function sign_in_again(s, why)
  s.memory.key, s.memory.cookies = nil, nil
  dispatch.defer(s.private, "restart", why)
end

local function read_http(s, order, status, body)
  local answer, reason, class = rest.read_answer(status, body)
  if not answer then
    if class == "unknown" then return nil, reason end
    if class == "login" then sign_in_again(s, "a bet was refused: " .. reason) end
    return { status = "rejected", reason = reason }
  end
  local bet = answer.bet_obj
  local bet_id = type(bet) == "table" and wire.id(bet.bet_id)
  if not bet_id then return nil, "an answer without bet_id" end
  check_amount(s, order, wire.amount(bet.amount))
  return taken(s, order, bet_id)
end

function M.submit_answer(s, order, status, answer)
  if type(answer) == "string" then return read_http(s, order, status, answer) end
  return read_frame(s, order, answer)
end

-- Questions ---------------------------------------------------------------------------------------

M.fetch_open_orders, M.fetch_order = questions.fetch_open_orders, questions.fetch_order
M.fetch_fills, M.fetch_balances = questions.fetch_fills, questions.fetch_balances

understood(M)

return M
