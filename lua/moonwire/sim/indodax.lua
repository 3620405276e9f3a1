--- A simulated Indodax: one object that answers its REST calls and speaks on its two WebSockets. It
--- holds no socket and asks no clock; page section 12 says what it owes.

local Clock         = require "moonwire.sim.clock"
local random_module = require "moonwire.random"
local settings      = require "moonwire.sim.settings"
local wire          = require "moonwire.sim.wire"
local Auth          = require "moonwire.sim.indodax_auth"
local Control       = require "moonwire.sim.indodax_control"
local Countdown     = require "moonwire.sim.indodax_countdown"
local Desk          = require "moonwire.sim.indodax_desk"
local Feed          = require "moonwire.sim.indodax_market"
local MadeMarket    = require "moonwire.sim.market"
local Private       = require "moonwire.sim.indodax_private"
local Public        = require "moonwire.sim.indodax_public"
local Tapi          = require "moonwire.sim.indodax_tapi"
local V2            = require "moonwire.sim.indodax_v2"

local PRIVATE_PATH, MARKET_PATH = "/ws/", "/market/ws/"

---@class moonwire.sim.Indodax
local Indodax = { __name = "moonwire.sim.Indodax", venue = "indodax", config_name = "idx",
                  private_path = PRIVATE_PATH .. "?cf_ws_frame_ping_pong=true",
                  market_path = MARKET_PATH }
Indodax.__index = Indodax

--- What a fault can meet.
Indodax.subjects = {
  requests = { rest = true, tapi = true, trade = true, cancel = true, query = true, token = true,
               countdown = true, history = true, public = true, upgrade = true, private = true,
               market = true },
  handshakes = { upgrade = true, private = true, market = true },
  frames = { ws = true, private = true, market = true, push = true, feed = true, reply = true,
             ping = true },
}

--- Switches, most of them for what the venue's documents leave open.
function Indodax.new_settings()
  return settings.new {
    { "token_life", 86400, "seconds that a token lives" },
    { "rate_limits", true, "obey the venue's limits of requests" },
    { "ip_limit", 0, "calls of TAPI in a second from one address, then 429; 0: any number" },
    { "connection_limit", 0, "private connections of a user; one more gets 3504; 0: any number" },
    { "refresh", true, "the private socket's refresh command; off: error 108" },
    { "channel_history", false, "offset, epoch and recovery on the private channel" },
    { "batch", "data", "events of a turn: in one data, in one frame of lines, in frames",
      choices = { "data", "lines", "frames" } },
    { "client_order_ids", true, "clientOrderId in events" },
    { "fill_client_order_ids", true, "clientOrderId in FILL (missing before 2024-03)" },
    { "clearing", true, "the clearing triple in FILL (missing before 2024-10)" },
    { "old_fill_field", false, "fillQty for qty and filledQty (before 2024-12)" },
    { "extra_fields", false, "unknown fields in events" },
    { "extra_events", false, "events of an unknown type between the others" },
    { "new_for_taker", true, "NEW for an order that trades at once" },
    { "rebrand", true, "default client order ids keep the old name of a coin" },
    { "market_buy_qty", "base", "the unit of origQty in a market buy",
      choices = { "base", "quote" } },
    { "duplicate_ids", "ever", "how long a client order id is taken",
      choices = { "ever", "open" } },
    { "visible_after", 0, "ms until a new order is found by queries and cancels" },
    { "no_orders", "null", "openOrders without any", choices = { "null", "list", "object" } },
    { "loose_types", false, "success and order_id of trade as text" },
    { "legacy_histories", true, "orderHistory and tradeHistory of TAPI" },
    { "history_api", "jan", "generation of Trade API 2", choices = { "jan", "mid" } },
    { "history_kept", 20000, "finished orders and trades that a pair remembers of a member" },
    { "whitelisted", true, "the dead-man switch; off: not_authorized" },
    { "stale_server_time", 0, "seconds that /api/server_time may be old without a unique query" },
    Clock.setting,
  }
end

--- `options`: pairs (indodax_pairs.list), settings, schedule, seed, hmac(secret, algorithm,
--- message) -> hex, jwt_secret.
function Indodax.new(options)
  local sim = setmetatable({ settings = options.settings, schedule = options.schedule,
                             clock = Clock.new(options.settings) }, Indodax)
  local function stream(name) return random_module.new(options.seed, name) end
  local shared = { settings = sim.settings, schedule = sim.schedule, clock = sim.clock }
  local function with(more)
    for name, value in pairs(shared) do more[name] = value end
    return more
  end
  sim.auth = Auth.new(with { hmac = options.hmac, jwt_secret = options.jwt_secret })
  sim.desk = Desk.new(with { pairs = options.pairs })
  shared.auth, shared.desk = sim.auth, sim.desk
  sim.tapi, sim.v2, sim.public = Tapi.new(shared), V2.new(shared), Public.new(shared)
  sim.private = Private.new(with { random = stream "private" })
  sim.feed = Feed.new(with { random = stream "feed" })
  sim.market = MadeMarket.new(with { floor = sim.desk, pairs = options.pairs,
                                     random = stream "market" })
  sim.countdown = Countdown.new(with { on_expiry = function(member, pair, now)
    sim.desk:cancel_all(member, pair, sim.clock:venue(now))
    sim.desk:flush(now)
  end })
  sim.desk:listen(sim.private)
  sim.streams = stream
  return sim
end

--- Adds a member with a key. `channel_user`: the 40 hex digits of the channel; made up when
--- missing.
function Indodax:add_member(name, key, secret, balances, channel_user)
  local member = self.desk:add_member(
    name, tostring(#self.desk.member_list + 7),
    channel_user or self.streams("member " .. name):hex(40), balances)
  self.auth:add_key(key, secret, member)
  return member
end

--- Begins what runs by itself: pushes of market data and, unless told not to, the made market.
function Indodax:start(now, with_market)
  if with_market then self.market:start(now) end
  self.feed:start(now)
end

-- Requests ----------------------------------------------------------------------------------------

local tapi_names = { trade = "trade", cancelOrder = "cancel", cancelByClientOrderId = "cancel" }

--- The subjects that a request belongs to (Indodax.subjects).
function Indodax.names(_, _, path, query, body)
  if path == "/tapi" then
    local method = (query .. "&" .. body):match("method=(%a+)") or ""
    return { "rest", "tapi", tapi_names[method] or "query" }
  elseif path == "/tapi/countdownCancelAll" then return { "rest", "countdown" }
  elseif path == "/api/private_ws/v1/generate_token" then return { "rest", "token" }
  elseif path:find("^/api/v2/") then return { "rest", "history" } end
  return { "rest", "public" }
end

--- The subjects of a WebSocket handshake.
function Indodax.upgrade_names(_, path)
  return { "upgrade", path == PRIVATE_PATH and "private" or "market" }
end

local JSON = { { "Content-Type", "application/json" } }

local function route(self, method, path, query, headers, body, now, real)
  local is_post_only = path == "/tapi" or path == "/tapi/countdownCancelAll"
                       or path == "/api/private_ws/v1/generate_token"
  if is_post_only and method ~= "POST" then return 405, Tapi.failure("Method not allowed") end
  if path == "/tapi" then return self.tapi:answer(headers, query, body, now) end
  if path == "/tapi/countdownCancelAll" then
    return self.countdown:answer(headers, query, body, now, real)
  end
  if path == "/api/private_ws/v1/generate_token" then
    return 200, self.auth:answer_token(headers, query, body, now)
  end
  if path:find("^/api/v2/") then
    return self.v2:answer(method, path, query, headers, body, now, real)
  end
  local status, text = self.public:answer(method, path, query, now, real)
  if status then return status, text end
  return 404, Tapi.failure("Not found")
end

--- Answers a request. `now`: real ms. Order events wait for `flush`.
---@return integer status, table headers, string body
function Indodax:handle_request(method, target, headers, body, now)
  local path, query = wire.split_target(target)
  local status, text = route(self, method, path, query, headers, body, self.clock:venue(now), now)
  return status, JSON, text
end

--- What the venue says with a status that a fault made up: a 429 is its own JSON, all else is a
--- page of the proxy before it.
function Indodax.fault_page(_, status)
  if status == 429 then
    return JSON, Tapi.too_many_from_address()
  end
  return { { "Content-Type", "text/html; charset=UTF-8" } },
         "<!DOCTYPE html>\n<html><head><title>indodax.com | " .. status
         .. ": Bad gateway</title></head><body>cloudflare</body></html>\n"
end

--- A WebSocket handshake: a connection, or nil, status, headers, body.
function Indodax:handle_upgrade(target, headers)
  local path, query = wire.split_target(target)
  if path == PRIVATE_PATH then return self.private:upgrade(query, headers) end
  if path == MARKET_PATH then return self.feed:upgrade() end
  return nil, 404, { { "Content-Type", "text/plain; charset=utf-8" } }, "404 page not found\n"
end

--- Ends a turn: order events go out, frames are sent.
function Indodax:flush(now)
  self.desk:flush(now)
  self.feed:flush()
end

--- A command of the control path; nil, err when it fails or there is none.
function Indodax:control(name, fields, now) return Control.run(self, name, fields, now) end

Indodax.control_names = Control.names

return Indodax
