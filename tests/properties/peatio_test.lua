--- Property: the Peatio connector and the simulated venue, in one process without sockets, with
--- the venue's own messages. Orders are sent and canceled at random while frames come late, twice,
--- out of order or never, answers are lost before or after the venue has done its part, and lines
--- break. When all is quiet:
---   1. each order of ours is one order of the venue's, as the venue has it, or never was there;
---   2. each order of the venue's is one of ours: none was sent twice;
---   3. each trade was counted once for each of its orders, and nothing is taken for a stranger's.
---
--- MW_PROPERTY_RUNS (default 100000): one history for each 1000; MW_PROPERTY_SEED repeats a run
--- that failed.

local stage   = require "tests.moonwire.stage"
local fixture = require "tests.moonwire.sim_peatio_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host    = require "moonwire.host"
local mw      = require "moonwire"
local peatio  = require "moonwire.venues.peatio"
local Random  = require "moonwire.random"

local HISTORIES = math.ceil(tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000) / 1000)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local STEPS = 40

local TEXTS = { ["sim-secret-1"] = true, AKalice = true, SKalice = true }
local handles = {}                                 -- secrets as the venue gets them
for text in pairs(TEXTS) do handles[text] = assert(host.secret_text(text)) end

local Play = {}
Play.__index = Play

-- A text of ours with secrets in it as the venue gets it.
local function plain(value)
  if type(value) == "string" then return value end
  if type(value) ~= "table" then value = { value } end
  local words = {}
  for i, piece in ipairs(value) do
    words[i] = piece
    for text, handle in pairs(handles) do
      if piece == handle then words[i] = text end
    end
  end
  return table.concat(words)
end

local function header_map(list)
  local map = {}
  for _, pair in ipairs(list or {}) do map[pair[1]] = plain(pair[2]) end
  return map
end

local function chance(self, p) return self.is_rough and self.random:number() < p end

-- The line ----------------------------------------------------------------------------------------

-- The venue's side of our sockets, as soon as they are open.
local function open_sockets(self)
  for _, socket in pairs(self.stage.sockets) do
    if socket.is_open and not socket.connection then
      local path = plain(socket.url):match "^wss://[^/]+(.*)$"
      socket.connection = self.sim:open(path, header_map(socket.options.headers))
    end
  end
end

-- What the line makes of an event: how often it comes, and after how many others.
local function fate(self, frame)
  if not (frame:find '^{"trade"' or frame:find '^{"order') then return 1, 0 end
  if chance(self, 0.1) then return 0, 0 end
  return chance(self, 0.1) and 2 or 1, chance(self, 0.2) and self.random:integer(1, 4) or 0
end

local function deliver(self)
  for _, socket in pairs(self.stage.sockets) do
    local connection = socket.connection
    for _, frame in ipairs(connection and self.sim.frames[connection] or {}) do
      local times, after = fate(self, frame)
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

-- An answer to an order may be lost, with the order or behind it, or be later than its events.
local function answer(self, request)
  if request.is_lost or request.late_answer then return false end
  local url = plain(request.url)
  local is_order = request.method == "POST" and url:find "orders$" ~= nil
  local is_lost = is_order and chance(self, 0.15)
  if is_lost then self.lost[#self.lost + 1], request.is_lost = request, true end
  if is_lost and self.random:number() < 0.5 then return false end
  local got = self.sim:request(request.method, (url:gsub("^https://[^/]+", "")),
                               header_map(request.headers), request.body and plain(request.body))
  if is_lost then return false end
  if is_order and chance(self, 0.5) then
    request.late_answer, request.after = got, self.random:integer(1, 8)
    self.answered[#self.answered + 1] = request
    return false
  end
  return { got.status, got.body }
end

local function lose_answers(self)
  local lost = self.lost
  self.lost = {}
  for _, request in ipairs(lost) do self.stage:lose(request, true) end
  local waiting, answered = {}, self.answered
  self.answered = waiting
  for _, request in ipairs(answered) do
    request.after = request.after - 1
    if request.after > 0 then waiting[#waiting + 1] = request
    else self.stage:answer(request, request.late_answer.status, request.late_answer.body, "") end
  end
end

--- Lets time pass in small steps on both sides.
function Play:pass(seconds)
  for _ = 1, math.ceil(seconds / 0.05) do
    self.stage:advance(0.05)
    open_sockets(self)
    self.sim:pass(math.max(0, dispatch.now_ms() - self.sim.now))
    deliver(self)
    self.stage:settle()
    lose_answers(self)
    self.stage:settle()
  end
end

-- A play ------------------------------------------------------------------------------------------

local CONFIGS = {
  daemon = { private_key = handles["sim-secret-1"], algorithm = "HS256", key = false },
  ranger = { private_key = handles["sim-secret-1"], algorithm = "HS256", key = false },
  hmac = { key = handles.AKalice, secret = handles.SKalice },
}

local function config_of(dialect)
  local config = { protocol = "peatio", dialect = dialect, email = "alice@example.test",
                   uid = "ID1", level = 3, state = "active", issuer = "barong",
                   audience = "peatio", precision = {}, reconcile_every = 5,
                   request_timeout = 3, symbols = { "BTC/USD" } }
  for name, value in pairs(CONFIGS[dialect]) do config[name] = value end
  return config
end

local function new_play(seed, dialect, settings)
  local self = setmetatable({ random = Random.new(seed, "play"), late = {}, lost = {},
                              answered = {} }, Play)
  local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
  S.fills = {}
  function S.on_fill(_, fill, order)
    local key = fill.trade_id .. " of " .. order.order_id
    t.equal(S.fills[key], nil, "fill " .. key)
    S.fills[key] = fill
  end
  function S.send(instance, request) return (instance:submit(request)) end
  self.strategy = S
  table.insert(settings, 1, "dialect=" .. dialect)
  self.sim = fixture.new { settings = settings }
  self.stage = stage.new { protocol = peatio, market = false, config = config_of(dialect),
                           strategies = { { name = "one", class = S } } }
  self.stage.reply = function(text, socket)
    open_sockets(self)
    self.sim:say(socket.connection, plain(text))
  end
  self.stage.answers = setmetatable({}, { __index = function()
    return function(request) return answer(self, request) end
  end })
  self.sim.now = dispatch.now_ms()
  self.stage:start()
  self:pass(1)
  t.equal(self.stage.session.state, "up", table.concat(self.stage.lines, "\n"))
  return self
end

-- Few different ones: orders that look the same are what this venue makes hard.
local function random_price(self) return self.random:integer(6998, 7002) end
local function random_qty(self) return ("0.0%d"):format(self.random:integer(1, 3)) end
local function random_side(self) return self.random:integer(0, 1) == 0 and "buy" or "sell" end

local actions = {}

function actions.send(self)
  local is_market = self.random:number() < 0.1
  self.stage:run(self.stage.runners.one, "call_method", "send", 1, { {
    side = random_side(self), qty = random_qty(self),
    price = not is_market and tostring(random_price(self)) or nil } })
end

function actions.cancel(self)
  local open = self.stage.desk.orders:list_open { venue = "idx" }
  if #open == 0 then return end
  self.stage:run(self.stage.desk, "cancel", open[self.random:integer(1, #open)])
end

function actions.trade(self)
  self.sim:control(("trade?pair=btcusd&side=%s&price=%d&qty=%s"):format(
    random_side(self), random_price(self), random_qty(self)))
end

function actions.quote(self)
  self.sim:control(("quote?pair=btcusd&side=buy&price=%d&qty=%s"):format(
    self.random:integer(6990, 6999), random_qty(self)))
  self.sim:control(("quote?pair=btcusd&side=sell&price=%d&qty=%s"):format(
    self.random:integer(7001, 7010), random_qty(self)))
end

-- The line breaks; what was on its way to us is lost.
function actions.drop(self)
  local socket = self.stage.last_socket.private
  if not chance(self, 0.3) or not self.stage.sockets[socket.id] then return end
  if socket.connection then self.sim.gateway:closed(socket.connection, self.sim.now) end
  self.stage:close(socket)
end

local names = { "send", "send", "send", "cancel", "cancel", "trade", "trade", "quote", "drop" }

-- What is true ------------------------------------------------------------------------------------

local ENDED = { done = "filled", cancel = "canceled", reject = "rejected" }

local function compare(self)
  local claimed, total = {}, decimal "0"
  local alice = self.sim.venue.desk.members.alice
  for order in pairs(self.stage.desk.orders.owners) do
    local what = tostring(order)
    local real = order.order_id and self.sim.venue.desk.orders[tonumber(order.order_id)]
    if order.order_id then
      t.equal(claimed[real], nil, "two orders of ours are one of the venue's: " .. what)
      claimed[real] = order
      t.equal(order.status, ENDED[real.state] or order.cum_qty:sign() > 0 and "partially_filled"
              or "new", what)
      t.equal(order.cum_qty, real.executed, what)
    else
      t.equal(order.status, "rejected", what)
    end
    total = total + order.cum_qty
  end
  for _, real in ipairs(alice.orders) do
    t.ok(claimed[real], ("order %d of the venue is none of ours"):format(real.id))
  end
  t.equal(#self.stage:logged "somebody else", 0, "strangers")
  local filled = decimal "0"
  for _, fill in pairs(self.strategy.fills) do filled = filled + fill.qty end
  t.equal(filled, total, "sum of the fills")
  t.ok(self.sim:control("check").ok)
end

local function play(seed, dialect, settings)
  local self = new_play(seed, dialect, settings)
  for _ = 1, 5 do actions.quote(self) end
  self.is_rough = true
  for _ = 1, STEPS do
    actions[names[self.random:integer(1, #names)]](self)
    self.stage:settle()
    self:pass(self.random:integer(1, 20) * 0.05)
  end
  self.is_rough = false
  self:pass(120)
  compare(self)
end

local kinds = {
  { "daemon" }, { "daemon", "lazy_flush=on", "undo_matches=on" }, { "daemon", "maker_type=on" },
  { "hmac" }, { "ranger", "version=2.0" }, { "ranger", "version=2.3" }, { "ranger", "version=3.0" },
}

for k, kind in ipairs(kinds) do
  t.test(("each order ends as the venue has it, each trade counts once (%s)"):format(
         table.concat(kind, ", ")), function()
    for i = 1, math.ceil(HISTORIES / #kinds) do
      local seed = SEED + 1000 * k + i
      local ok, err = xpcall(play, debug.traceback, seed, kind[1], { unpack(kind, 2) })
      if not ok then error(("MW_PROPERTY_SEED=%d: %s"):format(seed, err), 0) end
    end
  end)
end

stage.done()
