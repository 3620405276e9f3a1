--- Property: the Finery connector and the simulated venue, in one process without sockets, with the
--- venue's own messages. Orders are sent and canceled at random while frames come late, twice, out
--- of order or never, answers are lost and lines break; when all is quiet each order is what the
--- venue says, every deal was counted once, and no order was sent twice.
---
--- MW_PROPERTY_RUNS (default 100000): one history for each 500; MW_PROPERTY_SEED repeats a run that
--- failed.

local stage   = require "tests.moonwire.stage"
local fixture = require "tests.moonwire.sim_finery_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local finery  = require "moonwire.venues.finery"
local host    = require "moonwire.host"
local mw      = require "moonwire"
local Random  = require "moonwire.random"

local HISTORIES = math.ceil(tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000) / 500)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local STEPS = 40

local KEY = assert(host.secret_text(fixture.KEY))
local SECRET = assert(host.secret_text(fixture.SECRET))

local Play = {}
Play.__index = Play

-- A name, text or secret of a request as the venue gets it.
local function header_map(list)
  local map = {}
  for _, pair in ipairs(list or {}) do
    map[pair[1]] = pair[2] == KEY and fixture.KEY or pair[2]
  end
  return map
end

-- The venue's clock is ours, and what was due there happens.
local function keep_time(self)
  self.sim:pass(math.max(0, dispatch.now_ms() - self.sim.now))
end

-- The venue's side of one of our sockets, opened when the first text comes.
local function connection_of(self, socket)
  if not socket.connection then
    socket.connection = self.sim:open(header_map(socket.options.headers))
    assert(not self.sim.refused[socket.connection], "the handshake was refused")
    self.sim.frames[socket.connection] = {}
  end
  return socket.connection
end

local function chance(self, p) return self.is_rough and self.random:number() < p end

-- What the line makes of a frame: times that it comes, and after how many others.
local function fate(self, frame)
  if frame:find '^%["O",0,"[SZU]"' or not frame:find '"O"' and not frame:find '"add"' then
    return 1, 0                                      -- questions and their answers: of other tests
  end
  if chance(self, 0.1) then return 0, 0 end
  return chance(self, 0.1) and 2 or 1, chance(self, 0.2) and self.random:integer(1, 4) or 0
end

local function is_reply_to_add(self, frame)
  local id = frame:match '^{"event":"request","reqId":(%d+)'
  return id and self.adds[id]
end

-- Brings what the venue has sent to us, as far as the line lets it.
local function deliver(self)
  for _, socket in pairs(self.stage.sockets) do
    local connection = socket.connection
    for _, frame in ipairs(connection and self.sim.frames[connection] or {}) do
      local times, after = fate(self, is_reply_to_add(self, frame) and '"add"' or frame)
      for _ = 1, times do
        table.insert(self.late, { frame = frame, socket = socket, after = after })
      end
    end
    if connection then self.sim.frames[connection] = {} end
  end
  local waiting = {}
  for _, entry in ipairs(self.late) do
    entry.after = entry.after - 1
    if entry.after >= 0 and self.is_rough then waiting[#waiting + 1] = entry
    elseif self.stage.sockets[entry.socket.id] then
      self.stage:frame(entry.frame, entry.socket)
    end
  end
  self.late = waiting
end

-- Lets time pass in small steps on both sides.
function Play:pass(seconds)
  for _ = 1, math.ceil(seconds / 0.05) do
    self.stage:advance(0.05)
    keep_time(self)
    deliver(self)
    self.stage:settle()
  end
end

local function new_play(seed, role)
  local self = setmetatable({ random = Random.new(seed, "play"), late = {}, adds = {},
                              sent = {} }, Play)
  local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
  S.fills = {}
  function S.on_fill(_, fill)
    local key = fill.trade_id
    t.equal(S.fills[key], nil, "fill " .. key)
    S.fills[key] = fill
  end
  function S.send(instance, request) return (instance:submit(request)) end
  self.strategy = S
  self.sim = fixture.new { role = role, credit = { usd = "100000000", btc = "1000" } }
  self.stage = stage.new {
    protocol = finery, greeting = '["X",0,"Z",0]', market = false,
    config = { protocol = "finery", role = role, key = KEY, secret = SECRET,
               dead_man = seed % 2 == 0 and 30 or false, reconcile_every = 5,
               request_timeout = 3 },
    risk = { max_orders_per_second = 1000000 },
    strategies = { { name = "one", class = S } },
    reply = function(text, socket)
      local id = text:match '"reqId":(%d+),"method":"add"'
      if id then
        self.adds[id] = true
        local client_order_id = text:match '"clientOrderId":(%d+)'
        t.equal(self.sent[client_order_id], nil, "sent twice: " .. client_order_id)
        self.sent[client_order_id] = true
      end
      self.sim:say(connection_of(self, socket), text)
    end,
  }
  self.sim.now = dispatch.now_ms()
  setmetatable(self.stage.answers, { __index = function(_, name)
    return function(request)
      local answer = self.sim:request("POST", name, header_map(request.headers), request.body)
      return { answer.status, answer.body }
    end
  end })
  self.stage:start()
  self:pass(1)
  t.equal(self.stage.session.state, "up")
  return self
end

local function quote(self, side, price, qty)
  self.sim:control(("quote?pair=BTC-USD&side=%s&price=%d&qty=%s"):format(side, price, qty))
end

local function random_price(self) return self.random:integer(64990, 65010) end
local function random_qty(self) return ("0.%03d"):format(self.random:integer(1, 50)) end

local actions = {}

function actions.send(self)
  local is_maker = self.stage.session.config.role == "maker"
  local request = { side = self.random:integer(0, 1) == 0 and "buy" or "sell",
                    qty = random_qty(self), price = tostring(random_price(self)),
                    time_in_force = is_maker and "gtc" or "ioc" }
  local runner = self.stage.runners.one
  self.stage:run(runner, "call_method", "send", 1, { request })
end

function actions.cancel(self)
  local open = self.stage.desk.orders:list_open { venue = "idx" }
  if #open == 0 then return end
  local order = open[self.random:integer(1, #open)]
  self.stage:run(self.stage.desk, "cancel", order)
end

function actions.trade(self)
  local side = self.random:integer(0, 1) == 0 and "buy" or "sell"
  self.sim:control(("trade?pair=BTC-USD&side=%s&price=%d&qty=%s"):format(
    side, random_price(self), random_qty(self)))
end

function actions.quote(self)
  quote(self, "buy", self.random:integer(64990, 64999), random_qty(self))
  quote(self, "sell", self.random:integer(65001, 65010), random_qty(self))
end

function actions.fail(self)
  if not self.is_rough then return end
  self.sim:control(("fail?method=add&code=%d&executed=%d"):format(
    self.random:integer(0, 1) == 0 and 10 or 2, self.random:integer(0, 1)))
end

-- The line breaks; what was on its way to us is lost.
function actions.drop(self)
  local socket = self.stage.last_socket.private
  if not chance(self, 0.3) or not self.stage.sockets[socket.id] then return end
  if socket.connection then self.sim.gateway:closed(socket.connection, self.sim.now) end
  self.stage:close(socket)
end

local names = { "send", "send", "send", "cancel", "trade", "trade", "quote", "quote", "fail",
                "drop" }

-- What the venue says of our orders, by client order id.
local function truth_of(self)
  local truth = {}
  for _, order in ipairs(self.sim.member.placed) do
    t.equal(truth[order.client_order_id], nil, "twice at the venue: " .. order.client_order_id)
    truth[order.client_order_id] = order
  end
  return truth
end

local function compare(self)
  local truth, total = truth_of(self), decimal "0"
  for client_order_id in pairs(self.sent) do
    local order = self.stage.desk.orders:find("idx", client_order_id)
    local real = truth[client_order_id]
    local what = tostring(order)
    t.equal(order:is_open(), real ~= nil and real.status == "open", "open: " .. what)
    t.equal(order.cum_qty, real and real.cum_qty or decimal "0", what)
    if real and real.status == "filled" then t.equal(order.status, "filled", what) end
    if not real then t.equal(order.status, order.reason == "not_found" and order.status
                             or "rejected", what) end
    total = total + order.cum_qty
  end
  local filled = decimal "0"
  for _, fill in pairs(self.strategy.fills) do filled = filled + fill.qty end
  t.equal(filled, total, "sum of the fills")
  t.ok(self.sim:control("check").ok)
end

local function play(seed, role)
  local self = new_play(seed, role)
  for _ = 1, 5 do actions.quote(self) end
  self.is_rough = true
  for _ = 1, STEPS do
    actions[names[self.random:integer(1, #names)]](self)
    self.stage:settle()
    self:pass(self.random:integer(1, 20) * 0.05)
  end
  self.is_rough = false
  self.sim.venue.methods.failing = {}
  self:pass(60)
  compare(self)
end

for _, role in ipairs { "taker", "maker" } do
  t.test("as a " .. role .. ", every order ends where the venue is, every deal counted once",
    function()
      for i = 1, HISTORIES / 2 do
        local seed = SEED + i
        local ok, err = xpcall(play, debug.traceback, seed, role)
        if not ok then error(("MW_PROPERTY_SEED=%d: %s"):format(seed - 1, err), 0) end
      end
    end)
end

stage.done()
