--- The simulated Indodax's market-data WebSocket: the server side of Centrifugo 2.8, JSON protocol
--- 1 (page section 10).

local json = require "moonwire.json"
local wire = require "moonwire.sim.wire"
local Base = require "moonwire.sim.connection"

local PING_MS, PONG_WAIT_MS, STALE_MS = 25000, 27778, 25000
local MESSAGE_MAX, CHANNELS_MAX, KEPT, LEVELS = 65536, 128, 100, 50
local TRADES_OFFSET, BOOK_OFFSET = 14413171, 60536840    -- offsets are large and do not start at 1

-- The static tokens that the venue prints: production expires in 2031, demo never.
local HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
local tokens = {
  [HEADER .. ".eyJleHAiOjE5NDY2MTg0MTV9.UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo"] =
    { exp = 1946618415 },
  [HEADER .. ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
   .. ".OqWmyrtOvp_DvIdBnOgU9gyXhURkEOtu8brZtvwjYAw"] = {},
}

-- code -> reason, reconnect. The codes mean other things than on the private socket.
local closes = {
  [3000] = { "normal", true }, [3001] = { "shutdown", true }, [3002] = { "invalid token", false },
  [3003] = { "bad request", false }, [3004] = { "internal server error", true },
  [3005] = { "expired", true }, [3006] = { "subscription expired", true },
  [3007] = { "stale", false }, [3008] = { "slow", true }, [3009] = { "write error", true },
  [3010] = { "insufficient state", true },
  [3011] = { "force reconnect", true }, [3012] = { "force disconnect", false },
  [3013] = { "connection limit", false },
}
local errors = { [102] = "unknown channel", [103] = "permission denied", [104] = "method not found",
                 [105] = "already subscribed", [106] = "limit exceeded", [107] = "bad request",
                 [108] = "not available", [109] = "token expired" }

---@class moonwire.sim.IndodaxMarket
local Market = { __name = "moonwire.sim.IndodaxMarket" }
Market.__index = Market

--- The reason text of a close code: JSON on this socket.
function Market.close_reason(code)
  local close = closes[code] or { "connection closed", true }
  return wire.object("reason", wire.text(close[1]), "reconnect", close[2])
end

-- Every frame ends in a line feed.
local Connection = Base.class { __name = "moonwire.sim.IndodaxMarket.Connection", kind = "market",
                                lines_max = 16, frame_end = "\n", reason_of = Market.close_reason }

--- `options`: desk, schedule, random, clock.
function Market.new(options)
  local market = setmetatable({ connections = {}, channels = {}, epoch = "1653886930" }, Market)
  for name, value in pairs(options) do market[name] = value end
  for _, pair in ipairs(market.desk.pairs) do
    market:_add_channel("market:order-book-" .. pair.id, BOOK_OFFSET)
    market:_add_channel("market:trade-activity-" .. pair.id, TRADES_OFFSET)
    market:_add_channel("chart:tick-" .. pair.id, TRADES_OFFSET)
  end
  market:_add_channel("market:summary-24h", TRADES_OFFSET)
  market.desk:listen(market)
  return market
end

function Market:_add_channel(name, offset)
  self.channels[name] = { offset = offset, history = {}, subscribers = 0 }
end

function Market:upgrade()
  return Connection:new { hub = self, count = 0 }
end

-- Connection --------------------------------------------------------------------------------------

function Connection:on_open(now)
  self:enter()
  self.stale_at, self.read_until = now + STALE_MS, now + PONG_WAIT_MS
  self:watch("stale_at", function() self:close(3007) end)
  self:watch("read_until", function() self:drop() end)
  self:every(PING_MS, now, function() self.link:ping("ping") end)
end

function Connection:on_pong(now) self.read_until = now + PONG_WAIT_MS end

function Connection:on_end()
  for name in pairs(self.subscribed) do
    local channel = self.hub.channels[name]
    if channel then channel.subscribers = channel.subscribers - 1 end
  end
end

local function reply(self, id, result)
  self:write("reply", wire.object("id", id, "result", result))
end

local function reply_error(self, id, code)
  self:write("reply", wire.object("id", id, "error",
                                  wire.object("code", code, "message", wire.text(errors[code]))))
end

local methods = {}

local function connect(self, id, params, now)
  if self.is_connected or type(params.token) ~= "string" then return self:close(3003) end
  local token = tokens[params.token]
  if not token then return self:close(3002) end
  local second = math.floor(self.hub.clock:venue(now) / 1000)
  if token.exp and token.exp < second then return reply_error(self, id, 109) end
  self.is_connected, self.stale_at = true, nil
  reply(self, id, wire.object(
    "client", wire.text(self.hub.random:uuid()), "version", wire.text "2.8.7",
    "expires", token.exp and true, "ttl", token.exp and token.exp - second))
end

-- 10: no first book; an unknown name of a known namespace is acknowledged and stays silent.
local function subscribe_result(hub, channel, params)
  if not channel then return wire.object("recoverable", true, "epoch", wire.text(hub.epoch)) end
  local recovered, missed = nil, {}
  if params.recover then
    local from, oldest = tonumber(params.offset) or 0, channel.offset - #channel.history
    recovered = params.epoch == hub.epoch and from >= oldest and from <= channel.offset or nil
    for i = from - oldest + 1, recovered and #channel.history or 0 do
      missed[#missed + 1] = channel.history[i]
    end
  end
  return wire.object(
    "recoverable", true, "epoch", wire.text(hub.epoch),
    "publications", #missed > 0 and wire.list(missed) or nil, "recovered", recovered,
    "offset", channel.offset)
end

methods[1] = function(self, id, params)
  local name = params.channel
  if type(name) ~= "string" or name == "" then return self:close(3003) end
  local code
  local namespace = name:match("^([^:]*):")
  if not namespace then code = 103
  elseif namespace ~= "market" and namespace ~= "chart" then code = 102
  elseif self.subscribed[name] then code = 105
  elseif self.count >= CHANNELS_MAX then code = 106 end
  if code then return reply_error(self, id, code) end
  local channel = self.hub.channels[name]
  self.subscribed[name], self.count = true, self.count + 1
  if channel then channel.subscribers = channel.subscribers + 1 end
  reply(self, id, subscribe_result(self.hub, channel, params))
end

methods[2] = function(self, id, params)
  local name = params.channel
  if type(name) ~= "string" or name == "" then return self:close(3003) end
  if self.subscribed[name] then
    self.subscribed[name], self.count = nil, self.count - 1
    local channel = self.hub.channels[name]
    if channel then channel.subscribers = channel.subscribers - 1 end
  end
  reply(self, id, "{}")
end

methods[7] = function(self, id) self:write("reply", wire.object("id", id)) end

local function run_command(self, line, now)
  local command = json.decode(line)
  if type(command) ~= "table" or not line:find("^%s*{") then return self:close(3003) end
  local id, method = tonumber(command.id), tonumber(command.method) or command.method
  local params = type(command.params) == "table" and command.params or {}
  if not id or id < 1 or id % 1 ~= 0 then return self:close(3003) end
  if method == nil or method == 0 then return connect(self, id, params, now) end
  if not self.is_connected then return self:close(3003) end
  if methods[method] then return methods[method](self, id, params) end
  if method == 3 then return reply_error(self, id, 103) end
  reply_error(self, id, type(method) == "number" and method <= 11 and 108 or 104)
end

function Connection:on_text(text, now)
  if self.closed then return end
  if #text > MESSAGE_MAX then return self:close(1009, "") end
  text = text:gsub("\n$", "")
  for line in (text .. "\n"):gmatch("(.-)\n") do
    run_command(self, line, now)
    if self.closed then return end
  end
  self:flush()
end

-- Publishing --------------------------------------------------------------------------------------

--- Publishes JSON text to a channel. With nobody there it only counts on.
function Market:publish(name, data)
  local channel = self.channels[name]
  channel.offset = channel.offset + 1
  local publication = wire.object("data", data, "offset", channel.offset)
  table.insert(channel.history, publication)
  if #channel.history > KEPT then table.remove(channel.history, 1) end
  if channel.subscribers == 0 then return end
  local line = wire.object("result", wire.object("channel", wire.text(name), "data", publication))
  for _, connection in ipairs(self.connections) do
    if connection.subscribed[name] then connection:write("feed", line) end
  end
end

-- A whole book, up to 50 levels a side, fields named after the coins.
local function book_text(desk, pair)
  local function side(name)
    local rows = desk.engine:depth(pair.id, name, LEVELS)
    for i, level in ipairs(rows) do
      rows[i] = wire.object(
        "price", wire.text(tostring(level.price)),
        pair.base .. "_volume", wire.text(desk.fixed(level.qty)),
        pair.quote .. "_volume",
        wire.text(tostring((level.qty * level.price):round(pair.quote_step, "down"))))
    end
    return wire.list(rows)
  end
  return wire.object("pair", wire.text(pair.id), "ask", side("sell"), "bid", side("buy"))
end

--- Writes the books of pairs that changed: 0.3 to 1 s after the last time (10: 0.3 to 3 s).
function Market:_publish_book(pair, now)
  if #self.connections > 0 and pair.market.changes ~= (pair.published_changes or 0) then
    pair.published_changes = pair.market.changes
    self:publish("market:order-book-" .. pair.id, book_text(self.desk, pair))
  end
  self.schedule:at(now + self.random:integer(300, 1000), function(later)
    self:_publish_book(pair, later)
    self:flush()
  end)
end

local function summary_row(pair, now)
  return string.format('["%s",%.0f,%s,%s,%s,%s,"%s","%s"]', pair.id, math.floor(now / 1000),
                       tostring(pair.last), tostring(pair.low), tostring(pair.high),
                       tostring(pair.start_price), tostring(pair.value), tostring(pair.volume))
end

function Market:_publish_summary(now)
  local rows = {}
  for _, pair in ipairs(self.desk.pairs) do
    if pair.summary_sequence ~= pair.trade_sequence then
      pair.summary_sequence = pair.trade_sequence
      rows[#rows + 1] = summary_row(pair, self.clock:venue(now))
    end
  end
  if #rows > 0 then self:publish("market:summary-24h", wire.list(rows)) end
  self.schedule:at(now + 1000, function(later)
    self:_publish_summary(later)
    self:flush()
  end)
end

--- Begins the periodic pushes.
function Market:start(now)
  for _, pair in ipairs(self.desk.pairs) do self:_publish_book(pair, now) end
  self:_publish_summary(now)
end

--- A public trade (desk): rows of trade-activity and of the chart's ticks.
function Market:on_trade(pair, row)
  local second, price = math.floor(row.time / 1000), tostring(row.price)
  self:publish("market:trade-activity-" .. pair.id, string.format(
    '[["%s",%.0f,%.0f,"%s",%s,"%s","%s"]]', pair.id, second, row.sequence, row.side, price,
    self.desk.fixed(row.value), self.desk.fixed(row.qty)))
  self:publish("chart:tick-" .. pair.id, string.format(
    '[[%.0f,%.0f,%s,"%s"]]', second, row.sequence, price, self.desk.fixed(row.qty)))
end

--- Sends what the turn has written.
function Market:flush() Base.flush_all(self) end

return Market
