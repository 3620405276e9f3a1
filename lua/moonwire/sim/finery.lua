--- A simulated Finery Markets: one object that answers its REST calls and speaks on its WebSocket.
--- It holds no socket and asks no clock; the venue page's section 15 says what it owes.

local Clock         = require "moonwire.sim.clock"
local MadeMarket    = require "moonwire.sim.market"
local random_module = require "moonwire.random"
local settings      = require "moonwire.sim.settings"
local wire          = require "moonwire.sim.wire"
local Auth          = require "moonwire.sim.finery_auth"
local Control       = require "moonwire.sim.finery_control"
local Desk          = require "moonwire.sim.finery_desk"
local Feeds         = require "moonwire.sim.finery_feeds"
local Methods       = require "moonwire.sim.finery_methods"

local WS_PATH, REST_PATH = "/ws", "^/api/(.+)$"

---@class moonwire.sim.Finery
local Finery = { __name = "moonwire.sim.Finery", venue = "finery", config_name = "fin",
                 private_path = WS_PATH, market_path = WS_PATH }
Finery.__index = Finery

--- What a fault can meet.
Finery.subjects = {
  requests = { rest = true, request = true, add = true, mod = true, del = true, delAll = true,
               query = true, upgrade = true },
  handshakes = { upgrade = true },
  frames = { ws = true, private = true, market = true, push = true, feed = true, bind = true,
             reply = true, add = true, mod = true, del = true, delAll = true, query = true,
             status = true, ping = true },
}

--- Switches, most of them for what the venue's documents leave open.
function Finery.new_settings()
  return settings.new {
    { "role", "taker", "of the first member", choices = { "taker", "maker" } },
    { "hold_ms", 50, "ms that a taker's order is held back (newer pages: 100)" },
    { "nonce", "strict", "a nonce must rise, or differ for two minutes",
      choices = { "strict", "window" } },
    { "text_ping", "ping", "the answer to a text ping", choices = { "ping", "silent" } },
    { "row_length", 24, "elements of a deal's row: 24, or 19 as years ago" },
    { "codes_in_arrays", false, "the code of a Z in an array" },
    { "events_first", false, "an order's events come before the reply that placed it" },
    { "removed_when_filled", true, "- on feed O behind the last deal of an order" },
    { "big_ids", false, "order and deal ids begin above 2^53" },
    Clock.setting,
  }
end

--- `options`: instruments (finery_instruments.list), settings, schedule, seed, hmac(secret,
--- message) -> base64.
function Finery.new(options)
  local clock = Clock.new(options.settings)
  local sim = setmetatable({ settings = options.settings, schedule = options.schedule,
                             clock = clock }, Finery)
  sim.auth = Auth.new { settings = sim.settings, hmac = options.hmac }
  sim.desk = Desk.new { settings = sim.settings, instruments = options.instruments }
  sim.methods = Methods.new { settings = sim.settings, schedule = sim.schedule, clock = clock,
                              desk = sim.desk }
  sim.feeds = Feeds.new { settings = sim.settings, schedule = sim.schedule, clock = clock,
                          desk = sim.desk, methods = sim.methods, auth = sim.auth }
  sim.market = MadeMarket.new {
    floor = sim.desk, pairs = options.instruments, schedule = sim.schedule, clock = clock,
    random = random_module.new(options.seed, "market"),
  }
  return sim
end

--- Adds a member with a key.
function Finery:add_member(name, key, secret, credit, role)
  local member = self.desk:add_member(name, 100 + #self.desk.member_list, role, credit)
  self.auth:add_key(key, secret, member)
  return member
end

--- Begins what runs by itself: unless told not to, the made market.
function Finery:start(now, with_market)
  if with_market then self.market:start(now) end
end

-- Requests ----------------------------------------------------------------------------------------

--- The subjects that a request belongs to (Finery.subjects).
function Finery.names(_, _, path)
  local method = path:match(REST_PATH) or ""
  local names = Feeds.subjects_of(method)
  names[#names + 1] = "rest"
  return names
end

--- The subjects of a WebSocket handshake.
function Finery.upgrade_names() return { "upgrade" } end

local JSON = { { "Content-Type", "application/json" } }
local UNKNOWN_METHOD, WRONG = 1, 9

local function error_text(code, param)
  return wire.object("error", code, "param", param and wire.text(param))
end

--- Answers a request; done(status, headers, body) answers it later, when this returns nothing.
function Finery:handle_request(method, target, headers, body, now, done)
  local name = wire.split_target(target):match(REST_PATH)
  if not name then return 404, { { "Content-Type", "text/plain" } }, "not found" end
  if method ~= "POST" then return 405, JSON, error_text(UNKNOWN_METHOD) end
  local member, code, param = self.auth:check(headers, name .. body, body, self.clock:venue(now))
  if not member then return 400, JSON, error_text(code, param) end
  local content = Methods.parse(body)
  if not content then return 400, JSON, error_text(WRONG) end
  self.methods:run(name, member, content, now, function(text, failure, field)
    if failure then return done(400, JSON, error_text(failure, field)) end
    done(text:find '^{"error":' and 400 or 200, JSON, text)
  end)
end

--- A WebSocket handshake: a connection, or nil, status, headers, body.
function Finery:handle_upgrade(target, headers, now)
  if wire.split_target(target) ~= WS_PATH then
    return nil, 404, { { "Content-Type", "text/plain" } }, "not found"
  end
  return self.feeds:upgrade(headers, self.clock:venue(now))
end

--- Ends a turn: order events go out, then what books have changed.
function Finery:flush(now)
  self.desk:flush(now)
  self.feeds:flush()
end

--- A command of the control path; nil, err when it fails or there is none.
function Finery:control(name, fields, now) return Control.run(self, name, fields, now) end

Finery.control_names = Control.names

return Finery
