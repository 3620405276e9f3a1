--- The simulated Indodax's private WebSocket: the server side of Centrifugo 5.2.0, JSON protocol 2
--- (page section 4).

local json = require "moonwire.json"
local wire = require "moonwire.sim.wire"
local Base = require "moonwire.sim.connection"

local PING_MS, PONG_WAIT_MS = 25000, 27778          -- 4.1: only a pong moves the read deadline
local APP_PONG_MS, STALE_MS, DEAD_MS = 8000, 10000, 5000
local EXPIRY_MS = 25000                            -- 4.4: from `exp` to close 3005
local MESSAGE_MAX, CHANNELS_MAX, KEPT = 65536, 128, 1000

local errors = {
  [100] = "internal server error", [101] = "unauthorized", [102] = "unknown channel",
  [103] = "permission denied", [104] = "method not found", [105] = "already subscribed",
  [106] = "limit exceeded", [107] = "bad request", [108] = "not available", [109] = "token expired",
  [110] = "expired", [111] = "too many requests", [112] = "unrecoverable position",
}

--- 4.3: close codes and their reasons, as text.
local reasons = {
  [1009] = "", [3000] = "connection closed", [3001] = "shutdown", [3004] = "internal server error",
  [3005] = "connection expired", [3006] = "subscription expired", [3008] = "slow",
  [3009] = "write error", [3010] = "insufficient state", [3011] = "force reconnect",
  [3012] = "no pong", [3013] = "too many requests", [3014] = "state invalidated",
  [3500] = "invalid token", [3501] = "bad request", [3502] = "stale", [3503] = "force disconnect",
  [3504] = "connection limit", [3505] = "channel limit", [3507] = "permission denied",
  [3508] = "not available", [3509] = "too many errors",
}

---@class moonwire.sim.IndodaxPrivate
local Private = { __name = "moonwire.sim.IndodaxPrivate", reasons = reasons, errors = errors }
Private.__index = Private

-- 4.2: JSON texts, several to a frame, joined by a line feed. Pushes and replies are kept apart so
-- that faults can tell them apart.
local Connection = Base.class { __name = "moonwire.sim.IndodaxPrivate.Connection",
                                lines_max = 16 }

--- `options`: auth, settings, schedule, random, clock (ms of the venue from ms of the schedule).
function Private.new(options)
  local private = setmetatable({ connections = {}, history = {} }, Private)
  for name, value in pairs(options) do private[name] = value end
  private.epoch = private.random:hex(4)
  return private
end

--- 4.1: an Origin gets 403. Returns a connection, or nil, status, headers, body.
function Private:upgrade(query, headers)
  if headers.origin then
    return nil, 403, { { "Content-Type", "text/plain; charset=utf-8" } }, "Forbidden\n"
  end
  return Connection:new {
    hub = self, frame_ping = wire.parse_form(query).cf_ws_frame_ping_pong == "true", channels = 0 }
end

-- Connection: life --------------------------------------------------------------------------------

function Connection:on_open(now)
  self:enter()
  self.stale_at = now + STALE_MS
  self:watch("stale_at", function() self:close(3502) end)
  if self.frame_ping then
    self.read_until = now + PONG_WAIT_MS
    self:watch("read_until", function() self:drop() end)
    self:every(PING_MS, now, function() self.link:ping("") end)
  end
end

function Connection:on_pong(now)
  if self.read_until then self.read_until = now + PONG_WAIT_MS end
end

function Connection.reason_of(code) return reasons[code] or "" end

-- With `batch=frames` every push has a frame.
local function push(self, text) self:write("push", text, self.hub.settings.batch == "frames") end

local function reply(self, id, name, result)
  self:write("reply", wire.object("id", id, name, result))
end

local function reply_error(self, id, code)
  self:write("reply", wire.object("id", id, "error", wire.object(
    "code", code, "message", wire.text(errors[code]),
    "temporary", (code == 100 or code == 111) and true or nil)))
end

-- Commands ----------------------------------------------------------------------------------------

local commands = {}

-- Application pings: only where the URL does not ask for frames (4.1). The first comes after a
-- random part of the period.
local function app_pings(self, now)
  local first = now + self.hub.random:integer(1, PING_MS)
  self:every(PING_MS, first - PING_MS, function(later)
    self:write("ping", "{}")
    self:flush()
    self.pong_until = later + APP_PONG_MS
    self:watch("pong_until", function() self:close(3012) end)
  end)
end

local function expire_later(self, exp, now)
  self.exp = exp
  if not exp then return end
  self.expires_at = now + (exp * 1000 - self.hub.clock:venue(now)) + EXPIRY_MS
  self:watch( "expires_at", function() self:close(3005) end)
end

--- The token's end comes now; the close follows 25 s later (4.4).
function Connection:expire_at(now)
  self.exp = math.floor(self.hub.clock:venue(now) / 1000)
  self.expires_at = now + EXPIRY_MS
  self:watch("expires_at", function() self:close(3005) end)
end

local function is_over_limit(hub, user)
  local limit, count = hub.settings.connection_limit, 0
  if limit == 0 then return false end
  for _, other in ipairs(hub.connections) do
    if other.user == user then count = count + 1 end
  end
  return count >= limit
end

local function ttl_of(self, claims, now)
  if not claims.exp then return nil, nil end
  return true, claims.exp - math.floor(self.hub.clock:venue(now) / 1000)
end

function commands.connect(self, id, params, now)
  if self.user or type(params.token) ~= "string" or params.token == "" then
    return self:close(3501)
  end
  local hub = self.hub
  local claims = hub.auth:read_token(params.token)
  if not claims then return self:close(3500) end
  local code = hub.auth:token_error(claims, hub.clock:venue(now))
  if code then
    reply_error(self, id, code)
    self.is_dead, self.stale_at = true, nil          -- 4.3: nothing is read any more
    hub.schedule:at(now + DEAD_MS, function() self:drop() end)
    return
  end
  if is_over_limit(hub, claims.sub) then return self:close(3504) end
  self.user, self.stale_at = claims.sub, nil
  local expires, ttl = ttl_of(self, claims, now)
  expire_later(self, claims.exp, now)
  local app = not self.frame_ping
  reply(self, id, "connect", wire.object(
    "client", wire.text(hub.random:uuid()), "version", wire.text "5.2.0", "expires", expires,
    "ttl", ttl, "ping", app and 25 or nil, "pong", app or nil))
  if app then app_pings(self, now) end
end

-- Which error a channel earns, nil when the user may have it: `pws:#user` (4.3).
local function channel_error(self, channel)
  local namespace, users = channel:match("^([^:]+):.-#(.*)$")
  if #channel > 255 then return 107 end
  if channel:find(":", 1, true) and not channel:find("^pws:") then return 102 end
  if not namespace then return 103 end
  for user in (users .. ","):gmatch("([^,]*),") do
    if user == self.user then return nil end
  end
  return 103
end

-- 4.2: what a subscriber missed, when history is on.
local function recover(self, channel, params)
  local hub = self.hub
  local history = hub:history_of(channel)
  local recovered, missed
  if params.recover then
    local from = tonumber(params.offset) or 0
    local oldest = history.offset - #history.list
    recovered = params.epoch == hub.epoch and from >= oldest and from <= history.offset or nil
    if recovered then
      missed = {}
      for i = from - oldest + 1, #history.list do
        missed[#missed + 1] = wire.object("data", history.list[i], "offset", oldest + i)
      end
    end
  end
  return wire.object(
    "recoverable", true, "epoch", wire.text(hub.epoch),
    "publications", missed and #missed > 0 and wire.list(missed) or nil, "recovered", recovered,
    "offset", history.offset > 0 and history.offset or nil, "positioned", true,
    "was_recovering", params.recover and true or nil)
end

function commands.subscribe(self, id, params)
  local channel = params.channel
  if type(channel) ~= "string" or channel == "" then return self:close(3501) end
  local code = channel_error(self, channel)
  if not code and self.subscribed[channel] then code = 105 end
  if not code and self.channels >= CHANNELS_MAX then code = 106 end
  if code then return reply_error(self, id, code) end
  self.subscribed[channel], self.channels = true, self.channels + 1
  local with_history = self.hub.settings.channel_history
  reply(self, id, "subscribe", with_history and recover(self, channel, params) or "{}")
end

function commands.unsubscribe(self, id, params)
  local channel = params.channel
  if type(channel) ~= "string" or channel == "" then return self:close(3501) end
  if self.subscribed[channel] then
    self.subscribed[channel], self.channels = nil, self.channels - 1
  end
  reply(self, id, "unsubscribe", "{}")
end

function commands.refresh(self, id, params, now)
  if not self.hub.settings.refresh then return reply_error(self, id, 108) end
  if type(params.token) ~= "string" or params.token == "" then return self:close(3501) end
  local claims = self.hub.auth:read_token(params.token)
  if not claims or claims.sub ~= self.user then return self:close(3500) end
  if self.hub.auth:token_error(claims, self.hub.clock:venue(now)) then return self:close(3005) end
  local expires, ttl = ttl_of(self, claims, now)
  expire_later(self, claims.exp, now)
  reply(self, id, "refresh", wire.object("expires", expires, "ttl", ttl))
end

local function refuse_with(code)
  return function(self, id) reply_error(self, id, code) end
end

commands.publish, commands.rpc = refuse_with(103), refuse_with(104)
for _, name in ipairs { "history", "presence", "presence_stats", "sub_refresh" } do
  commands[name] = refuse_with(108)
end

local function is_object(value) return type(value) == "table" and value ~= json.null end

-- 4.3 lists what earns 3501.
local function run_command(self, line, now)
  local command = json.decode(line)
  if not is_object(command) or not line:find("^%s*{") then return self:close(3501) end
  if next(command) == nil then
    if not self.pong_until then return self:close(3501) end
    self.pong_until = nil
    return
  end
  if is_object(command.send) and self.user then return end       -- asynchronous: no id, no reply
  local id = tonumber(command.id)
  if type(command.id) == "string" or not id or id < 1 or id % 1 ~= 0 then
    return self:close(3501)
  end
  for name, handler in pairs(commands) do
    if is_object(command[name]) then
      if not self.user and name ~= "connect" then return self:close(3501) end
      return handler(self, id, command[name], now)
    end
  end
  self:close(3501)
end

--- A frame of the client: commands, one a line.
function Connection:on_text(text, now)
  if self.is_dead or self.closed then return end
  if #text > MESSAGE_MAX then return self:close(1009) end
  text = text:gsub("\n$", "")
  for line in (text .. "\n"):gmatch("(.-)\n") do
    if line == "" then self:close(3501) else run_command(self, line, now) end
    if self.is_dead or self.closed then break end
  end
  self:flush()
end

-- Publishing --------------------------------------------------------------------------------------

function Private:history_of(channel)
  local history = self.history[channel]
  if not history then
    history = { list = {}, offset = 0 }
    self.history[channel] = history
  end
  return history
end

--- Publishes JSON text to a user's channel.
function Private:publish(user, data)
  local channel, offset = "pws:#" .. user, nil
  if self.settings.channel_history then
    local history = self:history_of(channel)
    history.offset = history.offset + 1
    offset = history.offset
    table.insert(history.list, data)
    if #history.list > KEPT then table.remove(history.list, 1) end
  end
  local line = wire.object("push", wire.object(
    "channel", wire.text(channel), "pub", wire.object("data", data, "offset", offset)))
  for _, connection in ipairs(self.connections) do
    if connection.subscribed[channel] then push(connection, line) end
  end
end

--- Publishes a member's order events: all in one `data`, or one a line or frame (`batch`).
function Private:on_events(member, texts)
  if self.settings.batch == "data" then
    self:publish(member.channel_user, wire.list(texts))
  else
    for _, text in ipairs(texts) do self:publish(member.channel_user, "[" .. text .. "]") end
  end
  Base.flush_all(self)
end

--- Ends the subscriptions of all connections with an unsubscribe push (4.2).
function Private:unsubscribe_all(code, reason)
  for _, connection in ipairs { unpack(self.connections) } do
    for channel in pairs(connection.subscribed) do
      push(connection, wire.object("push", wire.object(
        "channel", wire.text(channel), "unsubscribe",
        wire.object("code", code, "reason", wire.text(reason)))))
    end
    connection.subscribed, connection.channels = {}, 0
    connection:flush()
  end
end

return Private
