--- A simulated Instamrkt: one object that answers its REST calls and speaks on its WebSocket. It
--- holds no socket and asks no clock; section 13 of the venue page says what it owes.

local Clock    = require "moonwire.sim.clock"
local random_module = require "moonwire.random"
local settings = require "moonwire.sim.settings"
local wire     = require "moonwire.sim.wire"
local Auth     = require "moonwire.sim.instamrkt_auth"
local Codes    = require "moonwire.sim.instamrkt_codes"
local Control  = require "moonwire.sim.instamrkt_control"
local Crowd    = require "moonwire.sim.instamrkt_crowd"
local Games    = require "moonwire.sim.instamrkt_games"
local Rest     = require "moonwire.sim.instamrkt_rest"
local Socket   = require "moonwire.sim.instamrkt_socket"

local SOURCE = "c295ecdc-9194-428a-8353-20513856cda1"      -- the venue's, for developers

---@class moonwire.sim.Instamrkt
local Instamrkt = { __name = "moonwire.sim.Instamrkt", venue = "instamrkt", config_name = "im",
                    private_path = "/", source_id = SOURCE, socket_port = "tls" }
Instamrkt.__index = Instamrkt

--- What a fault can meet.
Instamrkt.subjects = {
  requests = { rest = true, request = true, page = true, login = true, bet = true, query = true,
               ping = true, logon = true, opcodes = true, join = true, upgrade = true,
               other = true },
  handshakes = { upgrade = true },
  frames = { ws = true, private = true, reply = true, push = true, bet = true, query = true,
             ping = true, logon = true, opcodes = true, join = true, other = true,
             resolved = true, distribution = true, balance = true },
}

--- Switches, most of them for what the venue's documents leave open.
function Instamrkt.new_settings()
  return settings.new {
    { "key_life", 86400, "seconds that a session key lives" },
    { "refuse", "upgrade", "how a bad digest is refused: HTTP 403, 110 to the logon, or a close",
      choices = { "upgrade", "110", "close" } },
    { "sign_in", "key", "what the printed configuration has: user_id and session_key, or a login",
      choices = { "key", "login" } },
    { "closed_games", "hidden", "games that are over, in the list of a source's (380)",
      choices = { "hidden", "listed" } },
    { "remap", false, "operations and answers have other numbers than the documents say" },
    { "distribution", "seeded", "361 before the answer to a bet, after it, or as it comes",
      choices = { "seeded", "before", "after" } },
    Clock.setting,
  }
end

--- `options`: settings, schedule, seed, now (ms), sha256(text) -> hex.
function Instamrkt.new(options)
  local clock = Clock.new(options.settings)
  local sim = setmetatable({ settings = options.settings, schedule = options.schedule,
                             clock = clock }, Instamrkt)
  local function stream(name) return random_module.new(options.seed, name) end
  sim.auth = Auth.new { settings = sim.settings, random = stream "keys", sha256 = options.sha256 }
  sim.desk = Games.new { random = stream "ids", schedule = sim.schedule, clock = clock }
  sim.rest = Rest.new { floor = sim.desk, auth = sim.auth }
  sim.socket = Socket.new {
    floor = sim.desk, auth = sim.auth, codes = Codes.new(sim.settings.remap), clock = clock,
    settings = sim.settings, random = stream "socket" }
  sim.desk.on = sim.socket
  sim.crowd = Crowd.new { floor = sim.desk, schedule = sim.schedule, random = stream "crowd",
                          clock = clock, flush = function() sim:flush() end }
  sim.desk:open_source("instamrkt", "Default source.", SOURCE)
  sim.crowd:open(SOURCE, clock:venue(options.now))
  return sim
end

--- Adds a member who can sign in; `key`: a session key that is good at once.
function Instamrkt:add_member(name, money, password, key, is_admin)
  local member = self.desk:add_member(name, money, is_admin)
  return self.auth:add_user(member, password, key, self.clock:now())
end

--- Begins what runs by itself: unless told not to, the crowd.
function Instamrkt:start(now, with_market)
  if with_market then self.crowd:start(now) end
end

-- Requests ----------------------------------------------------------------------------------------

--- The subjects that a request belongs to (Instamrkt.subjects).
function Instamrkt.names(_, method, path) return Rest.subjects_of(method, path) end

--- The subjects of a WebSocket handshake.
function Instamrkt.upgrade_names() return { "upgrade" } end

--- Answers a request: status, headers, body.
function Instamrkt:handle_request(method, target, headers, body, now)
  return self.rest:handle(method, target, headers, body, self.clock:venue(now))
end

--- A WebSocket handshake: a connection, or nil, status, headers, body.
function Instamrkt:handle_upgrade(target, _, now)
  local path, query = wire.split_target(target)
  if path ~= "/" then return nil, 404, { { "Content-Type", "text/plain" } }, "not found" end
  return self.socket:upgrade(query, now)
end

--- Ends a turn: what was said leaves.
function Instamrkt:flush() self.socket:flush() end

--- A command of the control path; nil, err when it fails or there is none.
function Instamrkt:control(name, fields, now) return Control.run(self, name, fields, now) end

Instamrkt.control_names = Control.names

return Instamrkt
