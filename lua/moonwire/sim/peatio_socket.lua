--- The simulated Peatio's WebSocket daemon: sections 3, 4 and 10 of the venue page. It only talks;
--- every JSON object that it hears is an attempt to sign in. The venue never closes by itself.

local json = require "moonwire.json"
local rows = require "moonwire.sim.peatio_rows"
local wire = require "moonwire.sim.wire"
local Base = require "moonwire.sim.connection"

local PING_MS = 10000

---@class moonwire.sim.PeatioSocket
local Socket = { __name = "moonwire.sim.PeatioSocket" }
Socket.__index = Socket

local Connection = Base.class { __name = "moonwire.sim.PeatioSocket.Connection" }

--- `options`: floor, auth, settings, schedule, random, clock.
function Socket.new(options)
  local socket = setmetatable({ connections = {} }, Socket)
  for name, value in pairs(options) do socket[name] = value end
  socket.floor:listen(socket)
  return socket
end

--- Any path and query is accepted, and Origin is not looked at.
function Socket:upgrade()
  return Connection:new { hub = self, members = {} }
end

-- Connection --------------------------------------------------------------------------------------

-- 3: 40 random bytes, URL-safe base64 without padding: 54 characters.
local function new_challenge(random)
  local bytes = {}
  for i = 1, 40 do bytes[i] = string.char(random:integer(0, 255)) end
  return wire.base64url(table.concat(bytes))
end

function Connection:on_open(now)
  self:enter()
  self.challenge = new_challenge(self.hub.random)
  self.link:send(wire.object("challenge", wire.text(self.challenge)), "reply")
  self:every(PING_MS, now, function()
    self.hub:wake()
    self.link:ping(("127.0.0.1:%d"):format(40000 + self.link.id % 20000))
  end)
end

function Connection:on_ping() self.hub:wake() end
function Connection:on_pong() self.hub:wake() end

-- The member of a message; nil, and whether the venue answers at all.
local function member_of(self, message, first_key, now)
  local hub = self.hub
  if hub.settings.dialect == "daemon" then
    if type(message.jwt) ~= "string" then return nil, true end
    return hub.auth:by_bearer(message.jwt, now), true
  end
  local auth = message[first_key]
  if first_key:lower() ~= "auth" or type(auth) ~= "table" then return nil, false end
  return hub.auth:by_answer(tostring(auth.access_key), tostring(auth.answer), self.challenge)
end

local function answer(self, name, text)
  self.link:send(wire.object(name, wire.object("message", wire.text(text))), "reply")
end

-- An order of nobody's, for what may come before the success.
local STRANGER = '{"orderbook":{"action":"add","order":{"id":999999,"timestamp":1530434001,'
  .. '"type":"ask","volume":"2.0","price":"999999.0","market":"btcusd","ord_type":"limit"},'
  .. '"locale":"en"}}'

local function sign_in(self, text, now)
  local message = json.decode(text)
  local first_key = text:match('^%s*{%s*"([^"]*)"%s*:')
  -- 3: no answer to what is no object, and none to an empty one.
  if type(message) ~= "table" or not first_key then return end
  local member, is_said = member_of(self, message, first_key, self.hub.clock:venue(now))
  if not member then
    if is_said ~= false then answer(self, "error", "Authentication failed.") end
    return
  end
  -- Each one adds another pair of subscriptions.
  table.insert(self.members, member)
  self.subscribed["orderbook"], self.subscribed["trade:" .. member.name] = true, true
  self.user = member.name
  if self.hub.settings.early_events then self.link:send(STRANGER, "orderbook") end
  answer(self, "success", "Authenticated.")
end

--- A message of the client. Binary ones are ignored.
function Connection:on_text(text, now, is_binary)
  if self.closed then return end
  self.hub:wake()
  if not is_binary then sign_in(self, text, now) end
end

-- Events ------------------------------------------------------------------------------------------

--- The book has changed: everybody hears it, once for each time that they signed in.
function Socket:on_orderbook(text)
  if self.settings.never_deliver then return end
  for _, connection in ipairs(self.connections) do
    for _ = 1, #connection.members do connection:write("orderbook", text) end
  end
end

--- A trade of a member.
function Socket:on_trade(member, trade)
  if self.settings.never_deliver then return end
  for _, connection in ipairs(self.connections) do
    for _, other in ipairs(connection.members) do
      if other == member then
        connection:write("trade", rows.trade_message(self.floor, trade, member))
      end
    end
  end
end

--- 4.5: what another thread has written leaves when the server's loop wakes up.
function Socket:wake() Base.flush_all(self) end

function Socket:flush()
  if not self.settings.lazy_flush then self:wake() end
end

return Socket
