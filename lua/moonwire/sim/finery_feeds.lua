--- The simulated Finery Markets' WebSocket (page sections 4, 5): status, bind and unbind, requests,
--- feeds.

local json    = require "moonwire.json"
local wire    = require "moonwire.sim.wire"
local Base    = require "moonwire.sim.connection"
local Methods = require "moonwire.sim.finery_methods"

local text_of, object, list = wire.text, wire.object, wire.list

local IDLE_MS, LEVELS = 80000, 25
local BACKEND, NOT_AUTHORISED, ALREADY = 2, 3, 4
local NO_INSTRUMENT, BOUND, NOT_BOUND, BAD_FEED, BAD_ID = 34, 100, 101, 102, 103
local NOT_IMPLEMENTED = 1

---@class moonwire.sim.FineryFeeds
local Feeds = { __name = "moonwire.sim.FineryFeeds" }
Feeds.__index = Feeds

local Connection = Base.class { __name = "moonwire.sim.FineryFeeds.Connection" }

--- `options`: auth, desk, methods, settings, schedule, clock.
function Feeds.new(options)
  local feeds = setmetatable({ connections = {} }, Feeds)
  for name, value in pairs(options) do feeds[name] = value end
  feeds.desk:listen(feeds)
  return feeds
end

--- A handshake: a connection, or nil, status, headers, body. Without headers, or with bad ones, as
--- the venue: no headers at all wait for the in-band log-in.
function Feeds:upgrade(headers, now)
  local connection = Connection:new { hub = self, bound = {} }
  if not (headers["efx-key"] or headers["efx-sign"]) then return connection end
  local content = headers["efx-content"] or ""
  local member, code, param = self.auth:check(headers, content, content, now)
  if not member then
    return nil, 400, { { "Content-Type", "application/json" } },
           object("error", code, "param", param and text_of(param))
  end
  connection:log_in(member)
  return connection
end

-- A connection ------------------------------------------------------------------------------------

function Connection:log_in(member) self.member, self.user = member, member.name end

--- It is not idle: a minute and more of silence ends it (4).
function Connection:heard(now) self.idle_at = now + IDLE_MS end

local function status_text(code) return string.format('["X",0,"Z",%d]', code) end

function Connection:on_open(now)
  self:enter()
  self:heard(now)
  self:watch("idle_at", function() self:close(1000, "idle") end)
  self.link:send(status_text(self.hub.methods.backend), "status")
end

function Connection:on_ping(now) self:heard(now) end
function Connection:on_pong(now) self:heard(now) end

--- Orders that this connection placed with `cod` end with it.
function Connection:on_end()
  local hub = self.hub
  if not self.member then return end
  hub.schedule:at(self.link.gateway.now, function(now)
    for _, pair in ipairs(hub.desk.pairs) do
      for _, order in ipairs(hub.desk.engine:open_orders(pair.id, self.member.name)) do
        if order.cod == self then hub.desk:cancel(order, hub.clock:venue(now), "disconnect") end
      end
    end
  end)
end

-- Actions that answer a bind or an unbind; a whole book that is a change counts among them.
local answers = { S = true, Z = true, U = true }

local function send_feed(self, feed, echo, action, payload)
  local text = string.format('["%s",%s,"%s",%s]', feed, echo, action, payload)
  if answers[action] then return self.link:send(text, "bind") end
  local is_book = feed == "F" or feed == "B" or feed == "MD"
  self.link:send(text, is_book and "feed" or "push")
end

-- Binding -----------------------------------------------------------------------------------------

-- What a feed is bound with, and who may. (5)
local feeds = {
  F = { id = "instrument", role = "taker" }, B = { id = "instrument", role = "maker" },
  MD = { id = "object" }, O = { id = "any instrument" }, K = { id = "any currency" },
  S = { id = "any currency" }, I = {}, L = {}, M = {}, R = {}, N = {}, P = {},
  G = { fails = NOT_IMPLEMENTED },
}

local snapshots = {}
function snapshots.O(self, bound) return self.hub.methods:order_rows(self.member, bound.pair) end
function snapshots.K(self, bound)
  local rows = {}
  for currency, of_currency in pairs(self.member.positions) do
    for counterparty, amount in pairs(of_currency) do
      if currency == (bound.currency or currency) then
        rows[#rows + 1] = self.hub.desk.position_row(currency, counterparty, amount)
      end
    end
  end
  table.sort(rows)
  return list(rows)
end
function snapshots.I(self)
  return list { self.hub.methods:currency_rows(), self.hub.methods:instrument_rows() }
end
function snapshots.L(self) return self.hub.methods:limit_rows(self.member) end
function snapshots.P(self) return self.hub.methods:position_text(self.member) end
function snapshots.R() return "[[],[]]" end
function snapshots.N() return "[0,[],[]]" end
function snapshots.S() return "[]" end
snapshots.M = snapshots.S

local function find_pair(hub, id)
  if type(id) == "string" then return hub.desk.by_ticker[id] end
  return hub.desk.by_id[string.format("%.0f", id)]
end

-- The instrument or currency that a feed is to be bound with, in `bound`; else the error.
local function read_id(self, feed, id, bound)
  local kind = feeds[feed].id
  if kind == "object" then id = type(id) == "table" and id.instrument or nil end
  if id == nil then return kind and not kind:find "^any" and BAD_ID or nil end
  if not kind or type(id) ~= "string" and type(id) ~= "number" then return BAD_ID end
  if kind == "any currency" then
    bound.currency = Methods.find_currency(id)
    return not bound.currency and BAD_ID or nil
  end
  bound.pair = find_pair(self.hub, id)
  return not bound.pair and NO_INSTRUMENT or nil
end

local function echo_of(id) return id == nil and "0" or json.encode(id) end

local function fail(self, feed, id, code)
  local payload = self.hub.settings.codes_in_arrays and "[" .. code .. "]" or tostring(code)
  send_feed(self, feed, echo_of(id), "Z", payload)
end

local function levels_of(desk, pair)
  return { bids = desk.engine:depth(pair.id, "buy", LEVELS),
           asks = desk.engine:depth(pair.id, "sell", LEVELS) }
end

local function why_not(self, feed, id, bound)
  if self.hub.methods.backend ~= 0 then return BACKEND end
  local known = feeds[feed]
  if not known then return BAD_FEED end
  if not self.member or known.role and known.role ~= self.member.role then
    return NOT_AUTHORISED
  end
  return known.fails or read_id(self, feed, id, bound)
end

local function key_of(feed, bound)
  return feed .. " " .. (bound.pair and bound.pair.id or bound.currency or "")
end

local events = {}

function events.bind(self, message)
  local feed, id = tostring(message.feed), message.feedId
  local bound = { feed = feed, echo = echo_of(id) }
  local code = why_not(self, feed, id, bound)
  local key = key_of(feed, bound)
  if not code and self.bound[key] then code = BOUND end
  if code then return fail(self, feed, id, code) end
  self.bound[key], self.subscribed[key] = bound, true
  if snapshots[feed] then
    return send_feed(self, feed, bound.echo, "S", snapshots[feed](self, bound))
  end
  if self.kind == "private" and not next(self.bound, next(self.bound)) then
    self.link:set_kind "market"                    -- its first feed is a book
  end
  bound.levels, bound.changes = levels_of(self.hub.desk, bound.pair), bound.pair.market.changes
  send_feed(self, feed, bound.echo, "S", self.hub.methods:book_text(bound.pair))
end

function events.unbind(self, message)
  local feed, id, bound = tostring(message.feed), message.feedId, {}
  local code = not feeds[feed] and BAD_FEED or read_id(self, feed, id, bound)
  local key = key_of(feed, bound)
  if not code and not self.bound[key] then code = NOT_BOUND end
  if code then return fail(self, feed, id, code) end
  self.bound[key], self.subscribed[key] = nil, nil
  send_feed(self, feed, echo_of(id), "U", "0")
end

-- Requests and the rest ---------------------------------------------------------------------------

local subjects = { add = "add", mod = "mod", del = "del", delAll = "delAll" }

--- The subjects that a method's request and reply belong to.
function Feeds.subjects_of(method) return { subjects[method] or "query", "request" } end

local function reply_text(id, text, code, param)
  if code then
    return object("event", '"request"', "reqId", id, "error", code, "param",
                  param and text_of(param))
  end
  return object("event", '"request"', "reqId", id, "reply", text)
end

local function run_request(self, message, now, give)
  local id = tonumber(message.reqId)
  local function answer(text, code, param)
    if self.closed then return end
    -- In the turn that filled the order its events come behind the reply, unless told otherwise.
    if self.hub.settings.events_first then self.hub.desk:flush(now) end
    give(reply_text(id, text, code, param))
  end
  if not self.member then return answer(nil, NOT_AUTHORISED) end
  if type(message.content) ~= "table" then return answer(nil, 9, "content") end
  self.hub.methods:run(tostring(message.method), self.member, message.content, now, answer, self)
end

function events.request(self, message, now, text)
  local method = tostring(message.method)
  self.link:request(Feeds.subjects_of(method), text, function(later, give)
    run_request(self, message, later, give)
  end, now)
end

function events.ping(self)
  if self.hub.settings.text_ping == "ping" then self.link:send('{"event":"ping"}', "ping") end
end

--- In-band log-in, for those who could not send headers (seen in clients).
function events.auth(self, message, now)
  local code = self.member and ALREADY
  if not code then
    local content = tostring(message.content)
    local headers = { ["efx-key"] = message.key, ["efx-sign"] = message.signature }
    local member
    member, code = self.hub.auth:check(headers, content, content, self.hub.clock:venue(now))
    if member then self:log_in(member) end
  end
  self.link:send(object("event", '"auth"', "error", code or nil), "status")
end

function Connection:on_text(text, now)
  if self.closed then return end
  self:heard(now)
  local message = Methods.parse(text)
  local handler = message and events[message.event]
  if handler then handler(self, message, now, text) end     -- the venue does not answer junk
end

-- What happens ------------------------------------------------------------------------------------

--- Order events of a member (desk), to all its connections that bound O for them.
function Feeds:on_orders(member, rows)
  for _, connection in ipairs { unpack(self.connections) } do
    for _, row in ipairs(connection.member == member and rows or {}) do
      local bound = connection.bound["O " .. row.pair.id] or connection.bound["O "]
        or connection.bound["P "]
      if bound then
        local is_obsolete = bound.feed == "P"
        send_feed(connection, "O", is_obsolete and "0" or bound.echo, row.action, row.text)
      end
    end
  end
end

function Feeds:on_positions(member, rows)
  for _, connection in ipairs { unpack(self.connections) } do
    for _, row in ipairs(connection.member == member and rows or {}) do
      local bound = connection.bound["K " .. row.currency] or connection.bound["K "]
      if bound then send_feed(connection, "K", bound.echo, "M", row.text) end
    end
    if connection.member == member and #rows > 0 and connection.bound["L "] then
      local limit = self.methods:limit_rows(member):sub(2, -2)
      send_feed(connection, "L", "0", "M", limit)
    end
  end
end

-- A side's change as operations: `~` when the best goes away from the market (5.1).
local function side_change(units, old, new, better)
  local operations, had = {}, {}
  local function add(op, level)
    operations[#operations + 1] = string.format('["%s",%s,%s]', op, units(level.price),
                                                units(level.qty))
  end
  if not new[1] then return old[1] and '["~",0,0]' or "" end
  local best = new[1]
  local is_worse = old[1] and better(old[1].price, best.price)
  if is_worse then add("~", best) end
  for _, level in ipairs(old) do
    if not (is_worse and better(level.price, best.price)) then
      had[tostring(level.price)] = level
    end
  end
  for i, level in ipairs(new) do
    local key = tostring(level.price)
    local before = had[key]
    had[key] = nil
    if not (is_worse and i == 1) then
      if not before then add("+", level)
      elseif before.qty ~= level.qty then add("M", level) end
    end
  end
  for _, level in ipairs(old) do
    if had[tostring(level.price)] then add("-", level) end
  end
  return table.concat(operations, ",")
end

local function higher(a, b) return a > b end
local function lower(a, b) return a < b end

local function send_change(self, bound, levels)
  local units = self.hub.desk.units
  local bids = side_change(units, bound.levels.bids, levels.bids, higher)
  local asks = side_change(units, bound.levels.asks, levels.asks, lower)
  if bids == "" and asks == "" then return end
  send_feed(self, bound.feed, bound.echo, "M", "[[" .. bids .. "],[" .. asks .. "]]")
end

--- Sends what books have changed: F by operations, B and MD whole.
function Feeds:flush()
  for _, connection in ipairs { unpack(self.connections) } do
    for _, bound in pairs(connection.bound) do
      local market = bound.levels and bound.pair.market
      if market and market.changes ~= bound.changes then
        local levels = levels_of(self.desk, bound.pair)
        if bound.feed == "F" then send_change(connection, bound, levels)
        else
          send_feed(connection, bound.feed, bound.echo, "S", self.methods:book_text(bound.pair))
        end
        bound.levels, bound.changes = levels, market.changes
      end
    end
  end
end

--- The venue's backend is linked (0) or not: told to everybody.
function Feeds:set_backend(code)
  self.methods.backend = code
  for _, connection in ipairs { unpack(self.connections) } do
    connection.link:send(status_text(code), "status")
  end
end

--- An instrument's or a currency's change, to everybody who bound I.
function Feeds:tell_change(letter, row)
  for _, connection in ipairs { unpack(self.connections) } do
    if connection.bound["I "] then send_feed(connection, letter, "0", "M", row) end
  end
end

return Feeds
