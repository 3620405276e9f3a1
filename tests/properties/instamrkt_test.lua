--- Property: the Instamrkt connector and the simulated venue, in one process without sockets, with
--- the venue's own messages. Stakes are placed at random while others play and things happen;
--- pushes come late, twice, out of order or never, answers are lost before or after the venue has
--- done its part, lines break, and somebody logs in elsewhere. When all is quiet:
---   1. each order of ours is one bet of the venue's and ended as that did, or never was there;
---   2. each bet of the venue's is one of ours: none was sent twice;
---   3. what all of them won and lost is what the account has more or less.
---
--- MW_PROPERTY_RUNS (default 100000): one history for each 1000; MW_PROPERTY_SEED repeats a run
--- that failed.

local stage   = require "tests.moonwire.stage"
local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host    = require "moonwire.host"
local instamrkt = require "moonwire.venues.instamrkt"
local mw      = require "moonwire"
local Random  = require "moonwire.random"

local HISTORIES = math.ceil(tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000) / 1000)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local STEPS = 40

-- What the secrets of this process are, for the venue's side of it. The keys that it makes are the
-- same in each play.
local texts, handles = {}, {}
local secret_text = host.secret_text
function host.secret_text(text)
  local handle = handles[text] or assert(secret_text(text))
  texts[handle], handles[text] = text, handle
  return handle
end

local function plain(value)
  if type(value) ~= "table" then return texts[value] or value end
  local words = {}
  for i, piece in ipairs(value) do words[i] = texts[piece] or piece end
  return table.concat(words)
end

local function header_map(list)
  local map = {}
  for _, pair in ipairs(list or {}) do map[pair[1]] = plain(pair[2]) end
  return map
end

local Play = {}
Play.__index = Play

local function chance(self, p) return self.is_rough and self.random:number() < p end

-- The line ----------------------------------------------------------------------------------------

-- The handshakes of our sockets.
local function open_sockets(self)
  local list = {}
  for _, socket in pairs(self.stage.sockets) do
    if not socket.connection then list[#list + 1] = socket end
  end
  for _, socket in ipairs(list) do
    socket.connection = self.sim:open(socket.url:match "%?(.*)$")
    local refused = self.sim.refused[socket.connection]
    if refused then self.stage:close(socket, 1006, "", refused.status, refused.body) end
  end
  self.stage.keep_closed = false
  self.stage:settle()
  self.stage.keep_closed = true
end

local pushes = {}
for _, res in ipairs { 341, 352, 361, 362, 363, 366, 368, 369, 470, 480, 815 } do
  pushes[res] = true
end

-- What the line makes of a frame: how often it comes, and after how many others. An answer is lost
-- or comes in its place.
local function fate(self, frame)
  local res = tonumber(frame:match '"res":(%d+)')
  if not pushes[res] then return chance(self, 0.05) and 0 or 1, 0 end
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
  local waiting, due = {}, {}
  for _, entry in ipairs(self.late) do
    entry.after = entry.after - 1
    local list = entry.after >= 0 and self.is_rough and waiting or due
    list[#list + 1] = entry
  end
  self.late = waiting
  for _, entry in ipairs(due) do
    if self.stage.sockets[entry.socket.id] then self.stage:frame(entry.frame, entry.socket) end
  end
end

-- An answer to a stake may be lost, with the stake or behind it.
local function answer(self, request)
  if request.is_lost then return false end
  local is_lost = request.url:find "predictions" and chance(self, 0.2)
  if is_lost then self.lost[#self.lost + 1], request.is_lost = request, true end
  if is_lost and self.random:number() < 0.5 then return false end
  local got = self.sim:request(request.method, (request.url:gsub("^https://[^/]+", "")),
                               header_map(request.headers), request.body and plain(request.body))
  if is_lost then return false end
  local lines = {}
  for i, header in ipairs(got.headers) do lines[i] = header[1] .. ": " .. header[2] end
  return { got.status, got.body, table.concat(lines, "\r\n") }
end

local function lose_answers(self)
  local lost = self.lost
  self.lost = {}
  for _, request in ipairs(lost) do self.stage:lose(request, true) end
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

local function config_of(with_login)
  local config = { protocol = "instamrkt", key = false, secret = false, source_id =
                   "c295ecdc-9194-428a-8353-20513856cda1", reconcile_every = 5,
                   request_timeout = 3, private_url = "wss://private.test" }
  if with_login then
    local quoted = host.secret_text '"pw"'
    config.login, config.password = "mara", { quoted = function() return quoted end }
  else
    config.user_id, config.session_key = "17", host.secret_text(fixture.KEY)
  end
  return config
end

local function new_play(seed, with_login, settings)
  local self = setmetatable({ random = Random.new(seed, "play"), late = {}, lost = {},
                              with_login = with_login }, Play)
  local S = mw.strategy { venue = "idx", symbol = "x#y/DON" }
  function S.send(instance, request) return (instance:submit(request)) end
  self.sim = fixture.new { settings = { "key_life=1000000000", unpack(settings) } }
  self.stage = stage.new { protocol = instamrkt, market = false, config = config_of(with_login),
                           strategies = { { name = "one", class = S } } }
  self.stage.reply = function(text, socket) self.sim:say(socket.connection, text) end
  self.stage.keep_closed = true
  self.stage.answers = setmetatable({}, { __index = function()
    return function(request) return answer(self, request) end
  end })
  self.sim.now = dispatch.now_ms()
  self.stage:start()
  self:pass(1)
  t.equal(self.stage.session.state, "up", table.concat(self.stage.lines, "\n"))
  return self
end

local function open_pools(self)
  local list = {}
  for _, pool in ipairs(self.sim.game.pools) do
    if not pool.winner then list[#list + 1] = pool end
  end
  return list
end

local function pick(self, list) return list[self.random:integer(1, #list)] end

-- Few different ones: stakes that look the same are what this venue makes hard.
local function random_amount(self) return tostring(self.random:integer(1, 3)) end

local actions = {}

function actions.bet(self)
  local pool = pick(self, open_pools(self))
  self.stage:run(self.stage.runners.one, "call_method", "send", 1, { {
    side = "buy", qty = random_amount(self),
    symbol = ("%s#%s/DON"):format(pool.id, pick(self, pool.targets)) } })
end

function actions.other(self)
  local pool = pick(self, open_pools(self))
  self.sim:request("POST", ("/sim/bet?member=nick&pool=%s&target=%s&amount=%s"):format(
    pool.id, pick(self, pool.targets), random_amount(self)), {}, "")
end

function actions.happen(self)
  self.sim:control(("event?action=%s&target=%s&ago_ms=%d"):format(
    pick(self, { "goal", "corner" }), pick(self, { "harbour:7", "hill:8" }),
    pick(self, { 0, 0, 1500 })))
end

function actions.block(self)
  self.sim:control(("block?pool=%s&state=%s"):format(pick(self, open_pools(self)).id,
                                                     pick(self, { "on", "off", "off" })))
end

-- The line breaks; what was on its way to us is lost.
function actions.drop(self)
  local socket = self.stage.last_socket.private
  if not chance(self, 0.3) or not self.stage.sockets[socket.id] then return end
  if socket.connection then self.sim.gateway:closed(socket.connection, self.sim.now) end
  self.stage:close(socket)
end

-- Somebody logs in elsewhere, which ends our key.
function actions.login(self)
  local is_up = self.stage.session.state == "up"       -- a second refusal in a row would be final
  if self.with_login and is_up and chance(self, 0.3) then self.sim:control "login?member=mara" end
end

local names = { "bet", "bet", "bet", "bet", "other", "other", "happen", "block", "drop", "login" }

-- What is true ------------------------------------------------------------------------------------

local function expected(bet)
  local pool = bet.pool
  if not pool.winner then return "new" end
  return (bet.is_invalid or pool.is_money_return) and "canceled" or "filled"
end

local function compare(self)
  local claimed, by_id = {}, {}
  local mara = self.sim.venue.desk.members.mara
  for _, bet in ipairs(mara.bets) do by_id[bet.id] = bet end
  for order in pairs(self.stage.desk.orders.owners) do
    local what = tostring(order)
    local bet = order.order_id and by_id[order.order_id]
    if bet then
      t.equal(claimed[bet], nil, "two orders of ours are one bet: " .. what)
      claimed[bet] = order
      t.equal(order.status, expected(bet), what)
      t.equal(order.qty, bet.amount, what)
      if order.status == "filled" and bet.target ~= bet.pool.winner then
        t.equal(tostring(order.avg_price), "0", what)
      end
    else
      t.equal(order.status, "rejected", what)
    end
  end
  for _, bet in ipairs(mara.bets) do
    -- One whose answer was lost and that came too late is shown nowhere, and cost nothing.
    t.ok(claimed[bet] or bet.is_invalid, ("bet %s is none of ours"):format(bet.id))
  end
  t.equal(#self.stage:logged "somebody else", 0, "strangers")
  local won, floor = decimal "0", self.sim.venue.desk
  for _, position in pairs(self.stage.desk.positions) do won = won + position.realized end
  t.equal(tostring(won:round("0.0000001", "half_even")),
          tostring(floor:available(mara, "DON") + floor:exposure(mara, "DON") - 100), "money")
  t.ok(self.sim:control("check").ok)
end

local function play(seed, with_login, settings)
  local self = new_play(seed, with_login, settings)
  self.is_rough = true
  for _ = 1, STEPS do
    actions[pick(self, names)](self)
    self.stage:settle()
    self:pass(self.random:integer(1, 20) * 0.05)
  end
  self.is_rough = false
  self:pass(120)
  compare(self)
end

local kinds = {
  { "a session key", false, {} }, { "a login", true, {} },
  { "a session key, 361 first", false, { "distribution=before" } },
}

for k, kind in ipairs(kinds) do
  t.test("each stake ends as the venue has it, and the money is right: " .. kind[1], function()
    for i = 1, math.ceil(HISTORIES / #kinds) do
      local seed = SEED + 1000 * k + i
      local ok, err = xpcall(play, debug.traceback, seed, kind[2], kind[3])
      if not ok then error(("MW_PROPERTY_SEED=%d: %s"):format(seed, err), 0) end
    end
  end)
end

host.secret_text = secret_text
stage.done()
