--- The desk: what strategies trade through. It owns the sessions, the orders, the positions and the
--- strategies of one runtime, checks every order before it is sent, and brings reports to owners.

local client_id = require "moonwire.client_id"
local desk_orders = require "moonwire.desk_orders"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local few = require "moonwire.few"
local holdings = require "moonwire.holdings"
local host = require "moonwire.host"
local log = require "moonwire.log"
local order_module = require "moonwire.order"
local orders = require "moonwire.orders"
local position = require "moonwire.position"
local random = require "moonwire.random"
local recovery = require "moonwire.recovery"
local shutdown = require "moonwire.shutdown"

local Position = position.Position
local Desk = { __name = "moonwire.Desk" }
Desk.__index = Desk
for name, method in pairs(desk_orders) do Desk[name] = method end

local M = {}

--- @param config table  as config.load gives it
function M.new(config)
  local self = setmetatable({
    config = config, name = config.name or "moonwire", log = log.new(),
    sessions = {}, session_list = {}, runners = {}, runner_list = {},
    positions = {}, last_position = false,   -- last_position: of the fill before
    books = {}, id_makers = {}, number_makers = {}, maker_in_use = false, epoch_ms = 0,
    fill_count = 0, order_count = 0, watch = false, console = false, stopping = false,
    unwritten = {}, unsettled = {},          -- see lookback.lua
    halted = false,                            -- why no new order is sent
    ending = {},                               -- orders to be canceled when the event is done
    risk_context = {},                       -- one for all checks: they keep nothing of it
    countdown_limiters = {},                 -- by address of the venue (countdown.lua)
  }, Desk)
  self.random = random.new(tonumber(host.seed()), "client order ids")
  self.orders = orders.new(self.name, self)
  self:set_epoch(dispatch.now_ms())
  return self
end

--- Client order ids made from now on carry an epoch of at least `ms`, above that of all before: an
--- id that the venue or the journal has seen is never made again, whatever the clock says.
function Desk:set_epoch(ms)
  self.epoch_ms = math.min(math.max(ms, self.epoch_ms + 1), client_id.LAST_EPOCH)
  self.epoch = client_id.epoch(self.epoch_ms, self.random)
  self.id_makers, self.number_makers = {}, {}
end

--- An id of ours that this run did not make.
function Desk:on_old_id(id)
  if id.started_ms and id.started_ms >= self.epoch_ms then self:set_epoch(id.started_ms + 1) end
end

function Desk:add_session(session)
  self.sessions[session.name] = session
  table.insert(self.session_list, session)
end

--- nil, err when its orders could not be told from another one's.
function Desk:add_runner(runner)
  local ok, err = self.orders:claim(runner.name)
  if not ok then return nil, err end
  self.runners[runner.name] = runner
  table.insert(self.runner_list, runner)
  return true
end

--- The session of that venue name, or nil, err.
function Desk:session(name)
  local session = self.sessions[name]
  if not session then return nil, "no venue " .. tostring(name) .. " in the configuration" end
  return session
end

-- Orders out --------------------------------------------------------------------------------------

function Desk:send(order)
  self.sessions[order.venue]:submit(order)
  if self.watch then self.watch:on_sent() end
end
function Desk:cancel(order) self.sessions[order.venue]:cancel(order) end

--- Cancels these, which may be of several venues, by as few requests as it takes.
---@param list moonwire.Order[]
function Desk:cancel_many(list)
  local by_venue = {}
  for _, order in ipairs(list) do
    local of_venue = by_venue[order.venue] or {}
    by_venue[order.venue], of_venue[#of_venue + 1] = of_venue, order
  end
  each.in_turn(self.session_list, self.log, "cancel orders of", function(session)
    if by_venue[session.name] then session:cancel_many(by_venue[session.name]) end
  end)
end

--- Cancels, and again as often as the venue shows that it works; what is to end at once, by as few
--- requests as it takes.
function Desk:end_order(order)
  order_module.cancel_of(order).must_end = true
  if not self.sessions[order.venue].can_cancel_all then return self:cancel(order) end
  if #self.ending == 0 then dispatch.defer(self, "end_orders") end
  table.insert(self.ending, order)
end

function Desk:end_orders()
  local ending = self.ending
  self.ending = {}
  self:cancel_many(ending)
end

--- An order of a callback that failed: it was never sent.
function Desk:discard(order, why)
  order.status, order.reason = "rejected", why
  self.orders:remove(order)
end

-- Reports in --------------------------------------------------------------------------------------

function Desk:on_order_changed(order)
  local runner = self.runners[order._owner]
  if order._is_awaited then order:wake_waiters() end
  if self.stopping then self.stopping:on_order_changed() end
  if order._cancel.must_end then self.sessions[order.venue]:insist(order) end
  if self.watch then self.watch:on_order(order) end
  if self.console then self.console:on_order(order) end
  if runner and runner.class.on_order then               -- no table for one that does not listen
    runner:hear("on_order", order._view, { previous = rawget(order, "previous_status"),
                                       reason = rawget(order, "reason") })
  end
end

-- As a rule it is the one that the last fill was of: no key has to be made to find it then.
local function position_of(self, order)
  local last = self.last_position
  if last and last.strategy == order._owner and last.venue == order.venue
    and last.symbol == order.symbol then
    return last
  end
  last = self:position(order._owner, order.venue, order.symbol)
  self.last_position = last
  return last
end

function Desk:on_order_filled(order, fill)
  self.fill_count = self.fill_count + 1
  local runner = self.runners[order._owner]
  if self.watch then self.watch:on_fill(fill, order) end
  if self.console then self.console:on_fill(fill, order) end
  if not runner then return end
  local held = order._position
  if not held then
    held = position_of(self, order)
    order._position = held
  end
  Position.apply(held, fill, order)
  runner:hear("on_fill", fill, order._view)
end

function Desk:on_fill_amended(order, fill)
  if self.runners[order._owner] then
    self:position(order._owner, order.venue, order.symbol):amend(fill, order)
  end
end

--- An order has another owner now: what it executed before is in that one's position, too.
function Desk:on_order_claimed(order)
  local held = self:position(order._owner, order.venue, order.symbol)
  holdings.claim(self.orders.archive, order, held)
end

--- An order that was not known here showed up.
function Desk:on_order_met()
  if self.are_started then recovery.settle_orphans(self) end
  if self.stopping then self.stopping:on_order_met() end
end

local function position_key(strategy, venue, symbol)
  return strategy .. "\0" .. tostring(venue) .. "\0" .. tostring(symbol)
end

--- A position of an earlier run goes on.
function Desk:take_position(held)
  self.positions[position_key(held.strategy, held.venue, held.symbol)] = held
  self.last_position = false
end

--- The position of a strategy in a symbol (position.lua); created flat.
function Desk:position(strategy, venue, symbol)
  local key = position_key(strategy, venue, symbol)
  local found = self.positions[key]
  if not found then
    found = position.new { strategy = strategy, venue = venue, symbol = symbol }
    self.positions[key] = found
  end
  return found
end

-- Market data -------------------------------------------------------------------------------------

--- What is kept of the last book of a symbol, { mid = decimal|nil, time = seconds }; nil when there
--- is none that is fresh. The book itself belongs to the strategy that got it.
function Desk:book(venue, symbol)
  local of_venue = self.books[venue]
  return of_venue and of_venue[symbol]
end

-- Each strategy has a book of its own; `last` gets this one, when nobody else wants it.
local function offer_book(last, i, self, book)
  local runner = self.runner_list[i]
  if not runner:hears(book.venue, "book", book.symbol) then return last end
  if last then last:hear("on_book", book:copy()) end
  return runner
end
local offer_books = few(offer_book)

function Desk:on_book(book)
  local of_venue = self.books[book.venue]
  if not of_venue then
    of_venue = {}
    self.books[book.venue] = of_venue
  end
  local kept = of_venue[book.symbol]
  if not kept then
    kept = {}
    of_venue[book.symbol] = kept
  end
  kept.mid, kept.time = book:mid(), book.time
  local last = offer_books(#self.runner_list, nil, self, book)
  if last then last:hear("on_book", book) end
end

function Desk:on_trade(trade)
  for _, runner in ipairs(self.runner_list) do
    if runner:hears(trade.venue, "trades", trade.symbol) then
      local own = {}
      for key, value in pairs(trade) do own[key] = value end
      runner:hear("on_trade", own)
    end
  end
end

--- A price that is not fresh is no price.
function Desk:on_market_lost(session) self.books[session.name] = nil end

-- Life --------------------------------------------------------------------------------------------

local function all_settled(self)
  for _, session in ipairs(self.session_list) do
    if not session.is_settled then return false end
  end
  return true
end

--- Strategies start when each session was up once (or was stopped), so that on_start may trade.
local function start_runners(self)
  if self.are_started or not all_settled(self) then return end
  self.are_started = true
  recovery.settle_orphans(self)
  for _, runner in ipairs(self.runner_list) do
    if runner.state == "loaded" then runner:start() end
  end
end

function Desk:start()
  for _, session in ipairs(self.session_list) do session:start() end
  start_runners(self)                        -- where there is no venue, nothing else begins them
end

function Desk:on_session_state(session, state)
  if state ~= "down" then session.is_settled = true end
  start_runners(self)
  if self.console then self.console:on_session_state(session, state) end
  for _, runner in ipairs(self.runner_list) do
    if runner.state == "running" then runner:hear("on_session", session.name, state) end
  end
end

-- Strategies go on at other venues, and what trades there is told to nobody.
local function end_orders_of(self, session)
  local list = {}
  for _, order in ipairs(self.orders:list_open { venue = session.name }) do
    if order._owner then list[#list + 1] = order end
  end
  if #list == 0 then return end
  local stays = self.config.on_stop == "leave" or not session.can_cancel
  session.log.error("%d of our orders open there, which nobody follows any more: %s", #list, stays
    and "look after them at the venue" or "canceling; look at the venue that they have gone")
  if stays then return end
  each.in_turn(list, session.log, "cancel", function(order) self:end_order(order) end)
end

function Desk:on_session_stopped(session, why)
  session.is_settled = true
  session.stopped_why = why
  for _, other in ipairs(self.session_list) do
    if not other.stopped_why then
      end_orders_of(self, session)
      return start_runners(self)
    end
  end
  self:stop(1, "no venue is left: " .. why)
end

--- When all have stopped themselves there is nothing left to do; one that was stopped at the prompt
--- may be started there again.
function Desk:on_runner_stopped()
  for _, runner in ipairs(self.runner_list) do
    if runner.is_held or runner.state ~= "stopped" and not runner.is_console then return end
  end
  local failed = false
  for _, runner in ipairs(self.runner_list) do failed = failed or runner.errors > 0 end
  self:stop(failed and 1 or 0, "all strategies have stopped")
end

-- Reload (reload.lua says what the arguments are) -------------------------------------------------

--- Loads code again: a strategy or a venue's file by name, or all that changed. What became of it
--- as text; or nil, err.
function Desk:reload(name, by) return self.reloader:reload(name, by) end
function Desk:rollback(name, number) return self.reloader:rollback(name, number) end
function Desk:versions(name) return self.reloader:versions(name) end
function Desk:diff(name, a, b) return self.reloader:diff(name, a, b) end

--- Stops everything, cleanly; see shutdown.lua.
function Desk:stop(status, reason) shutdown.begin(self, status, reason) end

return M
