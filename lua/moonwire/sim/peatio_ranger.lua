--- The simulated Peatio's WebSocket of 1.9 to 3.x: `ranger`, or with the switch `rango` the later
--- server of that name (section 11).

local json  = require "moonwire.json"
local Floor = require "moonwire.sim.peatio_floor"
local rows  = require "moonwire.sim.peatio_rows"
local wire  = require "moonwire.sim.wire"
local Base  = require "moonwire.sim.connection"

local text, object, quoted = wire.text, wire.object, Floor.quoted
local PING_MS, PONG_WAIT_MS, MESSAGE_MAX = 54000, 60000, 512        -- of rango

---@class moonwire.sim.PeatioRanger
local Ranger = { __name = "moonwire.sim.PeatioRanger" }
Ranger.__index = Ranger

local Connection = Base.class { __name = "moonwire.sim.PeatioRanger.Connection" }

--- `options`: floor, auth, settings, schedule, clock.
function Ranger.new(options)
  local ranger = setmetatable({ connections = {}, sequences = {} }, Ranger)
  for name, value in pairs(options) do ranger[name] = value end
  ranger.floor:listen(ranger)
  return ranger
end

local function is_private_stream(stream) return not stream:find(".", 1, true) end

-- rango leaves out what an anonymous client may not hear; ranger lists it and never sends.
local function add_stream(self, stream)
  if self.subscribed[stream] then return end
  if self.hub.settings.rango and is_private_stream(stream) and not self.member then return end
  self.subscribed[stream] = true
  self.streams[#self.streams + 1] = stream
  local market = stream:match "^(%w+)%.ob%-inc$"
  if market and self.hub.floor.by_id[market] then self.wants_snapshot[market] = true end
end

--- The member of a handshake; nil and whether it is refused.
local function member_of(self, headers, now)
  if headers["x-auth-apikey"] then
    local member = self.auth:by_headers(headers, now)
    return member, member == nil
  end
  local bearer = headers.authorization
  local member = bearer and self.auth:by_bearer(bearer, now)
  return member, bearer ~= nil and member == nil
end

--- A handshake: a connection; or nil and a status, "drop" for none.
function Ranger:upgrade(path, query, headers, now)
  local member, is_refused = member_of(self, headers, self.clock:venue(now))
  local is_private = path:find("private", 1, true) ~= nil
  if is_refused and not self.settings.rango then return nil, "drop" end
  if is_refused and is_private then return nil, 401, {}, "" end
  local connection = Connection:new {
    hub = self, member = member, user = member and member.name, streams = {}, wants_snapshot = {},
    kind = is_private and "private" or "market" }
  for pair in query:gmatch("[^&]+") do
    local stream = pair:match "^stream=(.+)$"
    if stream then add_stream(connection, wire.unescape(stream)) end
  end
  return connection
end

-- Connection --------------------------------------------------------------------------------------

local function tell_streams(self, message)
  local names = {}
  for i, stream in ipairs(self.streams) do names[i] = text(stream) end
  self:write("reply", object("success", object("message", text(message),
                                                "streams", wire.list(names))))
end

local function levels(hub, market, side)
  local list = hub.floor.engine:depth(market, side, 300)
  for i, level in ipairs(list) do
    list[i] = "[" .. quoted(level.price) .. "," .. quoted(level.qty) .. "]"
  end
  return wire.list(list)
end

local function send_snapshots(self)
  for _, pair in ipairs(self.hub.floor.pairs) do
    if self.wants_snapshot[pair.id] then
      self.wants_snapshot[pair.id] = nil
      self:write("orderbook", object(pair.id .. ".ob-snap", object(
        "asks", levels(self.hub, pair.id, "sell"), "bids", levels(self.hub, pair.id, "buy"),
        "sequence", self.hub.sequences[pair.id] or 0)))
    end
  end
end

function Connection:on_open(now)
  self:enter()
  if self.hub.settings.rango then
    self.read_until = now + PONG_WAIT_MS
    self:every(PING_MS, now, function() self.link:ping("") end)
    self:watch("read_until", function() self:close(1006) end)
  end
  tell_streams(self, "subscribed")
  send_snapshots(self)
  self:flush()
end

function Connection:on_pong(now) self.read_until = now + PONG_WAIT_MS end

local function complain(self, what)
  if self.hub.settings.rango then self:write("reply", object("error", text(what))) end
end

local function remove_stream(self, stream)
  self.subscribed[stream] = nil
  for i = #self.streams, 1, -1 do
    if self.streams[i] == stream then table.remove(self.streams, i) end
  end
end

local events = { subscribe = add_stream, unsubscribe = remove_stream }

local function run(self, frame)
  if frame == "ping" then return self:write("reply", "pong") end
  local message = json.decode(frame)
  if type(message) ~= "table" then
    return complain(self, "Could not parse message: invalid character")
  end
  local apply = events[message.event]
  if not apply then return complain(self, "Could not parse Type: Invalid event") end
  if type(message.streams) ~= "table" or #message.streams == 0 and next(message.streams) then
    if self.hub.settings.rango then return complain(self, "No streams provided") end
    return self:close(3000, "Application error")
  end
  for _, stream in ipairs(message.streams) do apply(self, tostring(stream)) end
  tell_streams(self, message.event .. "d")
  send_snapshots(self)
end

function Connection:on_text(frame, _, is_binary)
  if self.closed or is_binary then return end
  if self.hub.settings.rango and #frame > MESSAGE_MAX then return self:close(1009, "") end
  run(self, frame)
  self:flush()
end

-- From 2.4 on the trade comes before the order of the same match.
local function sorted(queue, version)
  if version < 2.4 then return queue end
  local first, last = {}, {}
  for _, frame in ipairs(queue) do
    table.insert(frame.subject == "order" and last or first, frame)
  end
  for _, frame in ipairs(last) do first[#first + 1] = frame end
  return first
end

function Connection:flush()
  self.queue = sorted(self.queue, tonumber(self.hub.settings.version))
  Base.flush(self)
end

-- Events ------------------------------------------------------------------------------------------

local function second(ms) return math.floor(ms / 1000) end

-- The table of section 11.
local function order_text(order, version)
  local left = order.volume - order.executed
  local late = version >= 2.2
  return object("order", object(
    "id", order.id, "market", text(order.pair.id), "kind", text(rows.kinds[order.side]),
    "side", late and text(order.side) or nil, "ord_type", late and text(order.ord_type) or nil,
    "price", order.price and quoted(order.price) or "null",
    "avg_price", late and quoted(rows.average(order)) or nil, "state", text(order.state),
    "origin_volume", quoted(order.volume),
    version < 2 and "volume" or "remaining_volume", quoted(left),
    "executed_volume", late and quoted(order.executed) or nil,
    "at", second(order.created_ms), "created_at", late and second(order.created_ms) or nil,
    "updated_at", late and second(order.updated_ms) or nil,
    "trades_count", late and #order.trades or nil))
end

local function trade_text(trade, order, version)
  if version < 2.2 then
    return object("trade", object(
      "id", trade.id, "kind", text(rows.kinds[order.side]), "at", second(trade.created_ms),
      "price", quoted(trade.price), "volume", quoted(trade.volume), "ask_id", trade.sell.id,
      "bid_id", trade.buy.id, "market", text(trade.pair.id)))
  elseif version < 2.3 then
    local kind = rows.kinds[order.side]
    return object("trade", object(
      "id", trade.id, "side", text(kind), "kind", text(kind), "price", quoted(trade.price),
      "volume", quoted(trade.volume), "market", text(trade.pair.id),
      "at", second(trade.created_ms), "created_at", second(trade.created_ms),
      kind .. "_id", order.id))
  end
  local taker = trade.maker == trade.sell and trade.buy or trade.sell
  return object("trade", object(
    "id", trade.id, "price", quoted(trade.price), "amount", quoted(trade.volume),
    "total", quoted(trade.funds), "market", text(trade.pair.id), "side", text(order.side),
    "taker_type", text(taker.side), "created_at", second(trade.created_ms),
    "order_id", order.id))
end

local function to_member(self, member, stream, frame)
  if self.settings.never_deliver then return end
  for _, connection in ipairs(self.connections) do
    if connection.member == member and connection.subscribed[stream] then
      connection:write(stream, frame)
    end
  end
end

--- An order of a member has changed. A market order is told of when it is done, and only then.
function Ranger:on_order(member, order)
  if not member or order.ord_type == "market" and order.state ~= "done" then return end
  to_member(self, member, "order", order_text(order, tonumber(self.settings.version)))
end

--- A trade of a member. From 2.3 on one with oneself is told twice in the same words.
function Ranger:on_trade(member, trade)
  local version = tonumber(self.settings.version)
  local own = {}
  if trade.sell.member == member then own[#own + 1] = trade.sell end
  if trade.buy.member == member then own[#own + 1] = trade.buy end
  if #own == 2 and version >= 2.3 then own = { trade.maker, trade.maker } end
  for _, order in ipairs(own) do
    to_member(self, member, "trade", trade_text(trade, order, version))
  end
end

local function to_all(self, stream, subject, frame)
  for _, connection in ipairs(self.connections) do
    if connection.subscribed[stream] then connection:write(subject, frame) end
  end
end

function Ranger:on_public_trade(trade)
  local stream = trade.pair.id .. ".trades"
  local taker = trade.maker == trade.sell and trade.buy or trade.sell
  to_all(self, stream, "trade", object(stream, object("trades", wire.list { object(
    "tid", trade.id, "taker_type", text(taker.side), "date", second(trade.created_ms),
    "price", quoted(trade.price), "amount", quoted(trade.volume)) })))
end

--- A price level has another quantity now; zero takes it out.
function Ranger:on_level(pair, side, price, qty)
  local sequence = (self.sequences[pair.id] or 0) + 1
  self.sequences[pair.id] = sequence
  local stream = pair.id .. ".ob-inc"
  to_all(self, stream, "orderbook", object(stream, object(
    side == "sell" and "asks" or "bids", wire.list { quoted(price), quoted(qty) },
    "sequence", sequence)))
end

function Ranger:flush() Base.flush_all(self) end

return Ranger
