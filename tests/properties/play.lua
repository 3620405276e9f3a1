--- A connector and its simulated venue, in one process without sockets, with the venue's own
--- messages: a play. Orders are sent and canceled at random, others trade, and lines break,
--- while frames come late, twice, out of order or never, and answers are lost before or after the
--- venue has done its part, or come late. When all is quiet the two are compared.
---
--- What a venue has of its own is a table:
---   name, protocol, steps_each (histories: one for so many of MW_PROPERTY_RUNS)
---   kinds     { { title, ... }, ... }: ways to play
---   new(play, kind)       -> the simulator, and options of stage.new
---   open(play, socket)    -> the simulator's connection of a socket that has been opened
---   is_event(play, frame) -> whether the line may treat a frame badly; "lose": lose it at most
---   is_order(request)     -> whether a request places an order, so that its answer may suffer
---   loss                  how many events are lost; 0.1 unless told
---   clock_seconds         by how much our clock may be wrong; 30 unless told
---   lag(play, request, got)  -> what the venue answers while some of it lags behind; optional
---   actions, names        name -> function(play); the names to choose from, the likely ones often
---   compare(play)         raises what is not as it should be
---
--- MW_PROPERTY_RUNS (default 100000); MW_PROPERTY_SEED repeats a run that failed.

local stage   = require "tests.moonwire.stage"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host    = require "moonwire.host"
local mw      = require "moonwire"
local Random  = require "moonwire.random"

local M = {}
local RUNS = tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local STEPS, CALM_SECONDS, QUIET_SECONDS, TICK = 40, 60, 120, 0.05
local CLOCK_SECONDS = 30

-- Secrets, which the venue's side sees as text ----------------------------------------------------

local texts, handles = {}, {}          -- handle -> text, text -> handle
local secret_text = host.secret_text

--- A secret of this process; the same handle for the same text.
function M.secret(text)
  local handle = handles[text] or assert(secret_text(text))
  texts[handle], handles[text] = text, handle
  return handle
end
host.secret_text = M.secret            -- those that a venue's file keeps are known there too

--- A text of ours, with secrets in it or not, as the venue gets it.
function M.plain(value)
  if type(value) ~= "table" then return texts[value] or value end
  local words = {}
  for i, piece in ipairs(value) do words[i] = texts[piece] or piece end
  return table.concat(words)
end

--- Headers of ours as the venue gets them.
function M.headers(list)
  local map = {}
  for _, pair in ipairs(list or {}) do map[pair[1]] = M.plain(pair[2]) end
  return map
end

local Play = {}
Play.__index = Play

--- A play with a venue and its simulator, which are connected by M.connect.
function M.new(venue, sim, random)
  return setmetatable({ venue = venue, sim = sim, random = random, late = {}, lost = {},
                        answered = {}, fills = {} }, Play)
end

--- True with this probability, while the play is rough.
function Play:chance(p) return self.is_rough and self.random:number() < p end
function Play:pick(list) return list[self.random:integer(1, #list)] end
function Play:side() return self.random:integer(0, 1) == 0 and "buy" or "sell" end

-- The line ----------------------------------------------------------------------------------------

-- Whether a socket or a request is for this venue, where several are played with.
local function owns(self, url)
  return not self.venue.owns or self.venue.owns(M.plain(url))
end

local function open_sockets(self)
  local list = {}
  for _, socket in pairs(self.stage.sockets) do
    if not socket.connection and owns(self, socket.url)
      and (socket.is_open or self.stage.keep_closed) then
      list[#list + 1] = socket
    end
  end
  for _, socket in ipairs(list) do
    socket.connection = self.venue.open(self, socket)
    local refused = self.sim.refused[socket.connection]
    if refused then self.stage:close(socket, 1006, "", refused.status, refused.body) end
  end
  if not self.stage.keep_closed then return end
  self.stage.keep_closed = false       -- those that were not refused are open now
  self.stage:settle()
  self.stage.keep_closed = true
end

-- What the line makes of a frame: how often it comes, and after how many others.
local function fate(self, frame)
  local kind = self.venue.is_event(self, frame)
  if not kind then return 1, 0 end
  if kind == "lose" then return self:chance(0.05) and 0 or 1, 0 end
  if self:chance(self.venue.loss or 0.1) then return 0, 0 end
  return self:chance(0.1) and 2 or 1, self:chance(0.2) and self.random:integer(1, 4) or 0
end

local function deliver(self)
  for _, socket in pairs(self.stage.sockets) do
    local connection = owns(self, socket.url) and socket.connection
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

local function answer_of(got)
  local lines = {}
  for i, header in ipairs(got.headers or {}) do lines[i] = header[1] .. ": " .. header[2] end
  return got.status, got.body, table.concat(lines, "\r\n")
end

-- An answer to an order may be lost, with the order or behind it, or be later than its events.
local function answer(self, request)
  if request.is_lost or request.late then return false end
  local is_order = self.venue.is_order(request)
  local is_lost = is_order and self:chance(0.15)
  if is_lost then self.lost[#self.lost + 1], request.is_lost = request, true end
  if is_lost and self.random:number() < 0.5 then return false end
  local got = self.sim:request(request.method, (M.plain(request.url):gsub("^https://[^/]+", "")),
                               M.headers(request.headers), request.body and M.plain(request.body))
  if is_lost then return false end
  if self.venue.lag then got = self.venue.lag(self, request, got) end
  if is_order and self:chance(0.5) then
    request.late, request.after = got, self.random:integer(1, 8)
    self.answered[#self.answered + 1] = request
    return false
  end
  return { answer_of(got) }
end

local function lose_answers(self)
  local lost, answered = self.lost, self.answered
  self.lost, self.answered = {}, {}
  for _, request in ipairs(lost) do self.stage:lose(request, true) end
  for _, request in ipairs(answered) do
    request.after = request.after - 1
    if request.after > 0 then table.insert(self.answered, request)
    else self.stage:answer(request, answer_of(request.late)) end
  end
end

-- The venue's side, as far as our time has come.
local function catch_up(self)
  open_sockets(self)
  self.sim:pass(math.max(0, self.began_ms + self.stage.elapsed * 1000 - self.sim.now))
  deliver(self)
  self.stage:settle()
  lose_answers(self)
  self.stage:settle()
end

--- Lets time pass in small steps on both sides; `others`: plays with other venues on this stage.
function Play:pass(seconds, others)
  for _ = 1, math.ceil(seconds / TICK) do
    self.stage:advance(TICK)
    catch_up(self)
    for _, other in ipairs(others or {}) do catch_up(other) end
  end
end

-- What is done ------------------------------------------------------------------------------------

--- Sends an order of the strategy's.
function Play:send(request)
  self.stage:run(self.stage.runners.one, "call_method", "send", 1, { request })
end

--- Cancels one of the open ones.
function Play:cancel()
  local open = self.stage.desk.orders:list_open { venue = "idx" }
  if #open > 0 then self.stage:run(self.stage.desk, "cancel", self:pick(open)) end
end

--- The line breaks; what was on its way to us is lost.
function Play:drop()
  local socket = self.stage.last_socket[self.venue.private or "private"]
  if not self:chance(0.3) or not self.stage.sockets[socket.id] then return end
  if socket.connection then self.sim.gateway:closed(socket.connection, self.sim.now) end
  self.stage:close(socket)
end

--- Our clock is set, once, and wrong by up to so many seconds then; the venue's goes on as before.
--- (Set twice while an order is under way it would tell nothing of when that was sent.)
function Play:set_clock()
  if self.stage.clock_shift ~= 0 or not self:chance(0.3) then return end
  local most = self.venue.clock_seconds or CLOCK_SECONDS
  self.stage:shift_clock(self.random:integer(-most, most) - self.stage.clock_shift)
end

M.drop, M.set_clock = Play.drop, Play.set_clock

--- Actions of a venue with a book, around a middle price.
---@param pair string      the simulator's name
---@param middle integer
---@param step integer     between two prices
---@param qty fun(play): string
function M.market(pair, middle, step, qty)
  local function price(self, low, high) return middle + self.random:integer(low, high) * step end
  local function quote(self, side, at)
    self.sim:control(("quote?pair=%s&side=%s&price=%d&qty=%s"):format(pair, side, at, qty(self)))
  end
  return {
    trade = function(self)
      self.sim:control(("trade?pair=%s&side=%s&price=%d&qty=%s"):format(
        pair, self:side(), price(self, -10, 10), qty(self)))
    end,
    quote = function(self)
      quote(self, "buy", price(self, -10, -1))
      quote(self, "sell", price(self, 1, 10))
    end,
    cancel = Play.cancel, drop = Play.drop, set_clock = Play.set_clock,
  }
end

-- What is true ------------------------------------------------------------------------------------

--- The set of all orders that are known.
function Play:known_orders()
  local known = {}
  for _, order in ipairs(self.stage.desk.orders.by_client_id.values) do
    if order then known[order] = true end
  end
  return known
end

--- Compares our orders with the venue's: each of ours is one there, as `real_of(order)` has it
--- ({ key =, status =, cum_qty = }) or never was; the venue's (a list of keys) are all ours; each
--- trade was counted once.
function Play:compare_orders(real_of, keys)
  local claimed, total = {}, decimal "0"
  for order in pairs(self:known_orders()) do
    local what, real = tostring(order), real_of(order)
    if real then
      t.equal(claimed[real.key], nil, "two orders of ours are one of the venue's: " .. what)
      claimed[real.key] = true
      t.equal(order.status, real.status, what)
      t.equal(order.cum_qty, real.cum_qty, what)
    else
      t.ok(order.status == "rejected" or order.reason == "not_found", what)
      t.equal(order.cum_qty, decimal "0", what)
    end
    total = total + order.cum_qty
  end
  for _, key in ipairs(keys) do
    t.ok(claimed[key], ("order %s of the venue is none of ours"):format(tostring(key)))
  end
  t.equal(#self.stage:logged "somebody else", 0, "strangers")
  local filled = decimal "0"
  for _, fill in pairs(self.fills) do filled = filled + fill.qty end
  t.equal(filled, total, "sum of the fills")
  t.ok(self.sim:control("check").ok)
end

--- The status of an order of ours that the venue has as open.
function M.open_status(cum_qty) return cum_qty:sign() > 0 and "partially_filled" or "new" end

-- A play ------------------------------------------------------------------------------------------

local function new_strategy(self)
  local S = mw.strategy { venue = "idx", symbol = self.venue.symbol }
  function S.on_fill(_, fill, order)
    local key = fill.trade_id .. " of " .. order.order_id
    t.equal(self.fills[key], nil, "fill " .. key)
    self.fills[key] = fill
  end
  function S.send(instance, request) return (instance:submit(request)) end
  return S
end

--- Puts plays on a stage that has not started: what is sent goes to the venue that it is for.
---@param s table       of stage.new
---@param plays table   the first one counts where it is not told whose something is
function M.connect(s, plays)
  local function of(url)
    for _, one in ipairs(plays) do
      if owns(one, url) then return one end
    end
  end
  s.is_end_untold = true
  s.reply = function(text, socket)
    local self = of(socket.url)
    if not socket.connection then open_sockets(self) end
    if self.venue.on_text then self.venue.on_text(self, text) end
    self.sim:say(socket.connection, M.plain(text))
  end
  s.answers = setmetatable({}, { __index = function()
    return function(request) return answer(of(request.url), request) end
  end })
  for _, one in ipairs(plays) do
    one.stage, one.sim.now, one.began_ms = s, dispatch.now_ms(), dispatch.now_ms()
  end
end

local function new_play(venue, seed, kind)
  local self = M.new(venue, nil, Random.new(seed, "play"))
  local options
  self.sim, options = venue.new(self, kind, seed)
  options.protocol, options.market = venue.protocol, false
  options.strategies = { { name = "one", class = new_strategy(self) } }
  options.risk = options.risk or { max_orders_per_second = 1000000 }
  options.config.reconcile_every, options.config.request_timeout = 5, 3
  local s = stage.new(options)
  s.keep_closed = options.keep_closed
  M.connect(s, { self })
  s:start()
  self:pass(1)
  t.equal(self.stage.session.state, "up", table.concat(self.stage.lines, "\n"))
  return self
end

local function play(venue, seed, kind)
  local self = new_play(venue, seed, kind)
  for _ = 1, venue.actions.quote and 5 or 0 do venue.actions.quote(self) end
  self.is_rough = true
  for _ = 1, STEPS do
    venue.actions[self:pick(venue.names)](self)
    self.stage:settle()
    self:pass(self.random:integer(1, 20) * TICK)
  end
  self.is_rough = false
  if venue.calm then venue.calm(self) end
  if self.stage.clock_shift ~= 0 then
    self:pass(CALM_SECONDS)
    self.stage:shift_clock(-self.stage.clock_shift)
  end
  self:pass(QUIET_SECONDS)
  venue.compare(self)
end

--- Plays each kind of a venue as often as it is its turn.
function M.test(venue)
  local histories = math.ceil(RUNS / venue.steps_each / #venue.kinds)
  for k, kind in ipairs(venue.kinds) do
    t.test(("%s ends as the venue has it, each execution counts once: %s"):format(
           venue.what or "each order", kind[1]), function()
      for i = 1, histories do
        local seed = SEED + 1000 * (k - 1) + i
        local ok, err = xpcall(play, debug.traceback, venue, seed, kind)
        if not ok then error(("MW_PROPERTY_SEED=%d: %s"):format(SEED + i - 1, err), 0) end
      end
    end)
  end
  stage.done()
end

return M
