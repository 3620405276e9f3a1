--- A session: one venue of the configuration, from the log-on to the last report. All that two
--- venues would both write is here and in link.lua, reconcile.lua, rate.lua; what differs is the
--- venue's file (moonwire.Venue in types_venue.lua).

local cancel = require "moonwire.session_cancel"
local cancel_all = require "moonwire.session_cancel_all"
local countdown = require "moonwire.countdown"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local http = require "moonwire.http"
local lane = require "moonwire.lane"
local link = require "moonwire.link"
local log = require "moonwire.log"
local markets = require "moonwire.session_markets"
local Orders = require("moonwire.orders").Orders
local poll = require "moonwire.poll"
local rate = require "moonwire.rate"
local reconcile = require "moonwire.reconcile"
local replace = require "moonwire.session_replace"
local state = require "moonwire.session_state"
local strays = require "moonwire.strays"
local task = require "moonwire.task"

local Session = { __name = "moonwire.Session" }
Session.__index = Session
for _, part in ipairs { cancel, cancel_all, markets, replace, state } do
  for name, method in pairs(part) do Session[name] = method end
end

local M = {}
-- HTTP connections that were idle for longer are used once: as many as one event has sent requests,
-- because the next may do so again, and a few at first.
local WARM_SECONDS, WARM_AT_FIRST, WARM_MOST = 20, 4, 16
local CLOCK_SECONDS = 300
local CLOCK_TRIES, CLOCK_GOOD_SECONDS = 3, 0.3

--- @param desk moonwire.Desk
--- @param name string       the venue's name in the configuration
--- @param config table      its section, urls filled in
--- @param protocol table    the venue's module
function M.new(desk, name, config, protocol)
  if protocol.for_config then protocol = protocol.for_config(config) end
  local self = setmetatable({
    desk = desk, orders = desk.orders, name = name, config = config, protocol = protocol,
    log = log.new { venue = name }, state = "down", state_since = dispatch.now(),
    limiter = rate.new(protocol.limits), clock_offset_ms = 0,
    order_share = rate.share(protocol.limits, "submit"),
    markets = nil, subscriptions = {}, held = false, suspended = false,
    paused_until = false, paused_for = false,
    ambiguous_order = false,          -- see Session:on_ambiguous
    lane = protocol.one_at_a_time and lane.new() or nil,
    warm_count = protocol.one_at_a_time and 1 or WARM_AT_FIRST,
    burst = 0, burst_at = 0,          -- requests of one event, and when that was
    memory = {},                      -- what the venue's file notes between calls
    probation = false,                -- of a new version of it (probation.lua)
    canceling_all = 0,                -- requests (session_cancel_all.lua)
  }, Session)
  self:note_capabilities()
  self.reconciler, self.strays = reconcile.new(self), strays.new(self)
  self.countdown = countdown.new(self) or false
  self.has_chains = false                        -- see session_replace.lua
  self.examines = self.countdown ~= false        -- reports, before they are applied
  self.private = link.new(self, "private", protocol.private)
  local market = protocol.market
  if market and market.ask and config.market_url ~= false then
    self.market = poll.new(self, "market", market)
  elseif market and config.market_url then
    self.market = link.new(self, "market", market)
  end
  return self
end

function Session:start()
  self.started_at = dispatch.now()
  self:keep_warm()
  self.private:connect()
  self.warm_timer = dispatch.every(WARM_SECONDS, self, "keep_warm")
  self.clock_timer = dispatch.every(CLOCK_SECONDS, self, "refresh_clock")
  if self.countdown then return self.countdown:start() end
  local may_cancel = self.protocol.countdown or self:capabilities().cancel_on_disconnect
  if may_cancel and self.config.dead_man then return end
  self.log.info("nothing at the venue cancels when this machine falls silent: %s",
                may_cancel and "dead_man is off" or "it has no such protection")
end

--- Closes everything for good.
function Session:stop()
  self.is_stopped = true
  for _, timer in ipairs { "warm_timer", "clock_timer", "renew_timer" } do
    if self[timer] then self[timer]:stop() end
  end
  self.reconciler:stop()
  self.strays:stop()
  if self.countdown then self.countdown:stop() end
  self.private:stop()
  if self.market then self.market:stop() end
end

-- Reload (reload_venue.lua) -----------------------------------------------------------------------

--- What Session:swap_protocol takes to come back to what runs now.
function Session:protocol_now()
  return { protocol = self.protocol,
           decoders = { private = self.private.decoder, market = self.market
                        and self.market.decoder } }
end

--- Goes on with another version of the venue's file, between two events. The connections stay,
--- unless the file has `reconnect_on_reload`, or the one before had.
function Session:swap_protocol(protocol, decoders)
  local is_anew = protocol.reconnect_on_reload or self.protocol.reconnect_on_reload
  self.protocol = protocol
  self.order_share = rate.share(protocol.limits, "submit")
  self.limiter = rate.new(protocol.limits):go_on_from(self.limiter)
  self:note_capabilities()
  if protocol.one_at_a_time and not self.lane then self.lane, self.warm_count = lane.new(), 1 end
  if self.countdown then self.countdown.spec = protocol.countdown end
  self.private.spec, self.private.decoder = protocol.private, decoders.private
  if self.market then self.market.spec, self.market.decoder = protocol.market, decoders.market end
  if not is_anew then return end
  self.markets = nil                        -- fetched anew at the log-on
  for _, line in ipairs { self.private, self.market } do
    if line.id or line.logon_task then line:restart("the venue's file was reloaded") end
  end
end

-- HTTP --------------------------------------------------------------------------------------------

local function note_burst(self)
  local now = dispatch.now()
  if now ~= self.burst_at then self.burst_at, self.burst = now, 0 end
  self.burst = self.burst + 1
  if self.burst < self.warm_count then return end
  self.all_used_at = now
  if not self.lane then self.warm_count = math.min(self.burst, WARM_MOST) end
end

local function complete(self, request)
  request.ca_file = self.config.ca_file
  request.timeout = request.timeout or self.config.request_timeout
  note_burst(self)
  return request
end

--- Waits, in a task, until the venue's limits have a place for a request of this kind.
function Session:await_turn(kind, key)
  while true do
    local ok, wait = self.limiter:try(kind, key, dispatch.now())
    if ok then return end
    task.sleep(wait)
  end
end

--- Sends a request and waits for its answer (http.call), within the venue's limits.
function Session:call(request)
  if request.limit then self:await_turn(request.limit, request.limit_key) end
  if self.lane then return self.lane:call(complete(self, request)) end
  return http.call(complete(self, request))
end

-- As http.send, one after the other where the venue wants it so.
local function send_http(self, request, object, method, context)
  if self.lane then return self.lane:send(complete(self, request), object, method, context) end
  return http.send(complete(self, request), object, method, context)
end

--- Opens connections, or uses those that are open, at the same time: one request would always take
--- the same one, and the venue close the others.
function Session:keep_warm()
  if self.all_used_at and dispatch.now() - self.all_used_at < WARM_SECONDS / 2 then return end
  for _ = 1, self.warm_count do
    local request = self.protocol.warm and self.protocol.warm(self)
    if not request then return end
    send_http(self, request, self, "on_warm_answer")
  end
end
function Session:on_warm_answer() end

-- Clock -------------------------------------------------------------------------------------------

function Session:refresh_clock() self:in_task("clock", self.measure_clock) end

--- Runs body(session, argument) as a task whose failure is logged.
function Session:in_task(name, body, argument) task.start(self, name, body, argument) end

function Session:on_task_done(done, ok, err)
  if not ok then self.log.error("%s failed: %s", done.name, err) end
end

--- Asks for the venue's time; half of the round trip is taken off. What took long says little (the
--- first call opens the connection), so the quickest of up to three counts.
function Session:measure_clock()
  if not self.protocol.fetch_time then return end
  local quickest, coarse
  for _ = 1, CLOCK_TRIES do
    local asked = dispatch.now()
    local time_ms, err, coarse_ms = self.protocol.fetch_time(self)
    if not time_ms then return self.log.warn("clock: %s", err) end
    coarse = coarse_ms or 0
    local now = dispatch.now()
    if not quickest or now - asked < quickest then
      quickest = now - asked
      self.clock_offset_ms = math.floor(time_ms - (asked + now) / 2 * 1000)
    end
    if quickest < CLOCK_GOOD_SECONDS then break end
  end
  if math.abs(self.clock_offset_ms) > 500 + coarse then
    self.log.warn("this machine's clock is %d ms off the venue's", -self.clock_offset_ms)
  end
end

--- The venue's time now, in whole ms.
function Session:venue_ms() return dispatch.now_ms() + self.clock_offset_ms end

-- Orders out --------------------------------------------------------------------------------------

--- The venue asked everybody at our address to be quiet: nothing new is sent for so many seconds.
function Session:pause(seconds)
  self.paused_until, self.paused_for = dispatch.now() + seconds, seconds
end

local function check_open(self, now)
  if self.private.state ~= "live" then
    return nil, "session " .. self.name .. " is " .. self.state
  end
  if self.suspended then
    return nil, ("session %s takes no orders: %s"):format(self.name, self.suspended)
  end
  -- (More is left than was asked for when the clock was set back: it may be over.)
  if self.paused_until and now < self.paused_until
    and self.paused_until - now <= self.paused_for then
    return nil, "the venue asked for a pause"
  end
  return true
end

--- Whether an order may be sent now; takes its place in the venue's rate. nil, why, and in how many
--- seconds it may when only the rate is against it.
function Session:take_place(symbol, now)
  local ok, wait = check_open(self, now)
  if not ok then return nil, wait end
  ok, wait = self.limiter:try("submit", symbol, now)
  if not ok then
    return nil, ("rate limit of the venue for %s: try again in %.3f s"):format(symbol, wait), wait
  end
  return true
end

--- Whether an order may be submitted now. The first in a pair waits for the venue's countdown and
--- takes its place in the rate after that.
function Session:may_submit(symbol)
  local now, guard = dispatch.now(), self.countdown
  if not guard or guard:is_ready(symbol) then
    local ok, err = Session.take_place(self, symbol, now)
    return ok, err
  end
  local ok, err = check_open(self, now)
  if not ok then return nil, err end
  return guard:may_hold(symbol)
end

-- A request of the protocol; what it raises is a defect of the venue's file, and nothing was sent.
local function build(self, what, order, change)
  local ok, request, err = xpcall(self.protocol[what], debug.traceback, self, order, change)
  if ok then return request, err end
  self.log.error("%s %s: %s", what, tostring(order), request)
  if self.probation then self.probation:on_error(what) end
  return nil, "internal error in " .. what
end

-- What an answer says of the order; where reading it raises, it says nothing.
local function read_answer(self, what, order, status, body, text)
  local ok, report, err = xpcall(self.protocol[what], debug.traceback, self, order, status, body,
                                 text)
  if ok then return report, err end
  self.log.error("%s %s: %s", what, tostring(order), report)
  if self.probation then self.probation:on_error(what) end
  return nil, "internal error in " .. what
end

Session.build, Session.read_answer = build, read_answer

--- Sends a request of the protocol; its answer is object[method](object, context, ...) as of
--- http.send. nil, err when it did not leave.
function Session:send_request(request, object, method, context)
  if not request.text then return send_http(self, request, object, method, context) end
  local turns = self.private.turns
  if turns then return turns:send(request, object, method, context) end
  local ok, err = self.private:send(request.text)
  if ok and request.id then
    self.private:expect(request.id, request.timeout or self.config.request_timeout, object, method,
                        context)
  end
  return ok, err
end

--- Sends an order that was recorded, as soon as the venue's countdown for its pair runs.
function Session:submit(order)
  local guard = self.countdown
  if guard and not guard:is_ready(order.symbol) then return guard:hold(order) end
  return Session.send_order(self, order)
end

--- Sends an order now. It is sent once: whatever is doubtful is asked about.
function Session:send_order(order)
  order._sent_at = dispatch.now()
  local ok
  local request, err = build(self, "submit", order)
  if request then
    ok, err = Session.send_request(self, request, self, "on_submit_answer", order)
  end
  if not (request and ok) then
    return self:apply(order, { status = "rejected", reason = "not sent: " .. err })
  end
  self.private:stir()
end

function Session:on_submit_answer(order, status, body, text, maybe_sent)
  if status == 0 then
    if not maybe_sent then
      return self:apply(order, { status = "rejected", reason = "not sent: " .. text })
    end
    self.log.warn("no answer to submit %s: %s", order.client_order_id, text)
    return self:doubt(order)
  end
  local report, err = read_answer(self, "submit_answer", order, status, body, text)
  if report then return self:apply(order, report) end
  self.log.warn("submit %s: %s", order.client_order_id, err)
  self:doubt(order)
end

-- Reports in --------------------------------------------------------------------------------------

--- Applies a report to an order and asks the venue for what the report leaves open.
function Session:apply(order, report)
  if self.examines then Session.examine(self, order, report) end
  local had_id = rawget(order, "order_id")
  local _, is_missing = Orders.apply(self.orders, order, report)
  if is_missing or report.is_provisional then self.reconciler:ask_fills(order) end
  if report.needs_asking then self.reconciler:ask(order, report.needs_asking == "to_the_end") end
  if not had_id and rawget(order, "order_id") then Session.on_identified(self, order) end
end

--- Applies a report that the venue was asked for.
function Session:book(order, report)
  self:examine(order, report)
  return self.orders:apply(order, report)
end

--- The venue's id of an order is known now: what waited for that goes on.
function Session:on_identified(order)
  if self.ambiguous_order == order then self:end_ambiguity() end
  if not self.strays:is_empty() then dispatch.defer(self.strays, "settle") end
  if order._cancel.is_wanted then dispatch.defer(self, "cancel", order) end
end

--- Marks an order as unknown until the venue gives evidence.
function Session:doubt(order)
  self:apply(order, { status = "unanswered" })
  self.reconciler:ask(order)
end

local function copy(report)
  local copied = {}
  for key, value in pairs(report) do
    copied[key] = decimal.is(value) and decimal.copy(value) or value
  end
  return copied
end

-- Without an id of ours and without a journal nobody knows.
local function whose(self, order)
  if not order.external then return "of ours from an earlier run" end
  local archive = self.orders.archive
  local is_sure = order.client_order_id or archive and archive:is_there()
  return is_sure and "of somebody else" or "of somebody else, or of ours (a journal would tell)"
end

--- The order that a report speaks of: one of this run or of the archive, or else a new one; nil as
--- long as it may be one of ours whose id is not known yet.
---@return moonwire.Order|nil
function Session:order_of(report)
  local client_order_id, order_id = report.client_order_id, report.order_id
  local order = self.orders:find(self.name, client_order_id, order_id)
  if order then return order end
  order = self.orders:recall(self.name, client_order_id, order_id)
  if order then
    self.log.info("order of an earlier time shows up: %s", order)
    self:look_for_chains()
  elseif self.strays:may_be_ours(report) then
    return nil
  else
    order = self.orders:adopt(self.name, copy(report))
    self.log.info("order %s shows up: %s", whose(self, order), order)
  end
  self.desk:on_order_met()
  return order
end

--- A report from the venue's own stream; `report` is the venue module's buffer and is used up here.
---@param order moonwire.Order|nil  that it speaks of, where that is known (Orders:read_ids)
function Session:on_report(report, order)
  -- Callbacks of the report before this one; not in a task, where they could wait.
  if dispatch.has_more() and not task.is_inside() then
    dispatch.catch_up()
    order = nil                                          -- it may have been forgotten
  end
  local held = self.held
  if held then
    held[#held + 1] = copy(report)
    return
  end
  -- Called as functions: methods are looked for in the object first, each time.
  order = order or Orders.find(self.orders, self.name, report.client_order_id, report.order_id)
  if not order and not self.orders:may_be_undrawn() then order = self:order_of(report) end
  if not order then return self.strays:hold(copy(report)) end
  return Session.apply(self, order, report)
end

-- Questions (in tasks) ----------------------------------------------------------------------------

function Session:query_open_orders() return self.protocol.fetch_open_orders(self) end
function Session:query_balances() return self.protocol.fetch_balances(self) end

function Session:query_order_by_id(id)
  local order = self.orders:find(self.name, id, id) or self.orders:recall(self.name, id, id)
  if not order then return nil, "no order " .. tostring(id) .. " is known here" end
  return self.protocol.fetch_order(self, order)
end

function Session:market_table()
  local list = {}
  for _, market in ipairs(self.markets or {}) do
    local shown = copy(market)
    list[market.symbol], shown.names = shown, nil
  end
  return list
end

return M
