--- The simulated Instamrkt's WebSocket: who is connected, requests and answers, and who hears what
--- (page sections 3 to 6). Pushes wait until the turn is over: an answer goes before them, but for
--- the distribution after a bet, which may come first.

local Base = require "moonwire.sim.connection"
local Auth = require "moonwire.sim.instamrkt_auth"
local json = require "moonwire.json"
local Ops  = require "moonwire.sim.instamrkt_ops"
local rows = require "moonwire.sim.instamrkt_rows"
local wire = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

---@class moonwire.sim.InstamrktSocket
local Socket = { __name = "moonwire.sim.InstamrktSocket" }
Socket.__index = Socket

--- `options`: floor, auth, codes, settings, random, clock.
function Socket.new(options)
  local socket = setmetatable({ connections = {}, pushes = {} }, Socket)
  for name, value in pairs(options) do socket[name] = value end
  return socket
end

local Connection = Base.class { __name = "moonwire.sim.InstamrktSocket.Connection" }

-- What faults can meet, by operation.
local subjects = {
  place_bet_in_betting_pool = "bet", ping = "ping", logon = "logon", get_opcodes = "opcodes",
  join_game = "join",
}
function Socket.subjects_of(operation)
  return { subjects[operation] or operation and operation:find "^[gl][ei][ts]t?_" and "query"
           or "other", "request" }
end

-- Connecting --------------------------------------------------------------------------------------

--- A WebSocket handshake: a connection, or nil, status, headers, body. How a digest is refused is a
--- switch.
function Socket:upgrade(query, real_now)
  local now = self.clock:venue(real_now)
  local fields = wire.parse_form(query)
  local user = self.auth:check_digest(fields.id, fields.n, fields.h, now)
  if not user and self.settings.refuse == "upgrade" then
    return nil, 403, { { "Content-Type", "text/plain" } }, "Forbidden"
  end
  return Connection:new {
    hub = self, user = user and user.name, account = user, member = user and user.member,
    is_in = user ~= nil and Auth.returns_soon(user, now) }
end

function Connection:on_open()
  self:enter()
  if self.member or self.hub.settings.refuse ~= "close" then return end
  self:close(1008, "bad digest")
end

function Connection:on_end()
  if self.account then self.account.closed_at = self.hub.clock:now() end
end

-- Sending -----------------------------------------------------------------------------------------

local function message_of(self, number, members)
  return object("response_header", object("t", self.clock:now()), "res", number, unpack(members))
end

local function tell(self, connection, number, members, subject)
  self.pushes[#self.pushes + 1] = { connection = connection, subject = subject or "push",
                                    text = message_of(self, number, members) }
end

local push_subjects = { bet_pool_resolved = "resolved", bet_pool_expored = "resolved",
                        betting_pool_bets_distribution_update = "distribution",
                        balance_update = "balance" }

--- Tells everybody in a game, but for one connection.
function Socket:tell_game(game, name, members, except)
  local number = self.codes:push(name)
  for _, connection in ipairs(self.connections) do
    if connection.subscribed[game.id] and connection ~= except then
      tell(self, connection, number, members, push_subjects[name])
    end
  end
end

--- Tells everybody who is logged on.
function Socket:tell_all(name, members, except)
  for _, connection in ipairs(self.connections) do
    if connection.is_in and connection ~= except then
      tell(self, connection, self.codes:push(name), members)
    end
  end
end

--- Tells a member, on all its connections.
function Socket:tell_member(member, name, members)
  for _, connection in ipairs(self.connections) do
    if connection.member == member and connection.is_in then
      tell(self, connection, self.codes:push(name), members, push_subjects[name])
    end
  end
end

--- Tells a member what it has.
function Socket:tell_balance(member, currency)
  local floor = self.floor
  local available = floor:available(member, currency)
  self:tell_member(member, "balance_update", {
    "current_balance", rows.float(available + floor:exposure(member, currency)),
    "available_balance", rows.float(available), "currency", text(currency) })
end

--- Sends what is waiting.
function Socket:flush()
  local pushes = self.pushes
  self.pushes = {}
  for _, push in ipairs(pushes) do push.connection.link:send(push.text, push.subject) end
end

-- Requests ----------------------------------------------------------------------------------------

local function log_on(connection)
  if not connection.member then return "logon_fail", {} end
  if connection.is_in then return "logon_fail_already_logged_in", {} end
  connection.is_in = true
  return "logon_success", { "session_key", text "4" }
end

-- The number and the members of the answer to a message; nil where there is none.
local function answer_to(self, connection, message, operation, now)
  local function failed(words) return self.codes:push "error", { "text", text(words) } end
  if type(message) ~= "table" then return failed "malformed request" end
  if type(message.header) ~= "table" then return failed "missing header" end
  if not operation then return failed("unknown op " .. tostring(message.op)) end
  if operation == "logon" then
    local name, members = log_on(connection)
    return self.codes:push(name), members
  end
  if not connection.is_in and operation ~= "ping" and operation ~= "get_opcodes" then
    return failed "not logged on"
  end
  local members, other = Ops.run(connection, operation, message, now)
  if members == false then return nil end
  if not members then return failed(other) end
  return other and self.codes:push(other) or self.codes:answer(operation), members
end

local function process(self, connection, message, operation, real_now, give)
  local now = self.clock:venue(real_now)
  local number, members = answer_to(self, connection, message, operation, now)
  local answer = number and message_of(self, number, members)
  if self.is_early then
    self.is_early = false
    self:flush()
  end
  if answer then give(answer) end
  self:flush()
end

function Connection:on_text(raw)
  local socket = self.hub
  local message = json.decode(raw)
  local op = type(message) == "table" and tonumber(message.op)
  local operation = op and socket.codes:operation(op)
  self.link:request(Socket.subjects_of(operation), raw, function(now, give)
    process(socket, self, message, operation, now, give)
  end)
end

-- What happens on the floor -----------------------------------------------------------------------

local on = {}

function on.new_pool(self, pool)
  self:tell_game(pool.game, "new_betting_pool", rows.pool_members(pool))
end

-- Whether the distribution comes before the answer to the bet.
local function is_early(self)
  local when = self.settings.distribution
  return when == "before" or when == "seeded" and self.random:number() < 0.5
end

function on.bet(self, bet)
  local pool = bet.pool
  self.is_early = is_early(self)
  self:tell_game(pool.game, "betting_pool_bets_distribution_update", {
    "pool_id", text(pool.id), "target_level", pool.level,
    "distribution", (rows.distribution(pool, true)), "new_bets", wire.list { rows.bet(bet) } })
  self:tell_balance(bet.member, pool.game.currency)
end

function on.resolved(self, pool)
  self:tell_game(pool.game, pool.is_expired and "bet_pool_expored" or "bet_pool_resolved",
                 rows.decided_members(pool))
  local seen = {}
  for _, bet in ipairs(pool.bets) do
    if not seen[bet.member] then self:tell_balance(bet.member, pool.game.currency) end
    seen[bet.member] = true
  end
end

function on.happened(self, event)
  self:tell_game(event.game, "new_game_event", rows.event_members(event))
end

function on.blocked(self, pool, now)
  self:tell_game(pool.game, pool.is_blocked and "betting_in_pool_blocked"
                 or "betting_in_pool_allowed",
                 { "pool_id", text(pool.id),
                   pool.is_blocked and "blocked_at" or "allowed_at", now })
end

function on.action_blocked(self, game, action_id, is_blocked, now)
  self:tell_game(game, is_blocked and "betting_for_game_and_action_blocked"
                 or "betting_for_game_and_action_allowed",
                 { "game_id", text(game.id), "action_id", text(action_id),
                   is_blocked and "blocked_at" or "allowed_at", now })
end

function on.game_closed(self, game)
  self:tell_game(game, "game_closed", { "game_id", text(game.id) })
end

--- Hears what happens on the floor.
function Socket:event(name, ...) on[name](self, ...) end

return Socket
