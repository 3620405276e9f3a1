--- The dead-man switch of a venue that cancels when we fall silent. Its countdown runs for every
--- pair in which an order of ours is open, pending or unknown, and for no other; one request renews
--- it for all of them, four times within its length: after three that failed the fourth is in time.
---
--- Beats are decided in timer events alone: a loop that a script holds up sends none, and the venue
--- cancels. The first order in a pair waits here until the venue has said that the countdown runs
--- (held.lua): nothing of ours is open unprotected, and each later order costs one look at `ready`.
---
--- One request is under way at a time. So a beat and the one that turns the countdown off cannot
--- overtake each other, and one that got no answer keeps its opposite back as long as it may still
--- arrive. What differs from venue to venue is moonwire.CountdownSpec in types_venue.lua.

local countdown_pairs = require "moonwire.countdown_pairs"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local log = require "moonwire.log"
local rate = require "moonwire.rate"
local record = require "moonwire.record"

local Countdown = { __name = "moonwire.Countdown" }
Countdown.__index = Countdown

local M = {}
local names, may_run = countdown_pairs.names, countdown_pairs.may_run
local PERIODS = 4.25                  -- in one countdown: a fourth beat still has time to arrive
local RETRY_SECONDS = 1               -- a failed beat is repeated once before the next is due
local FINISH_SECONDS = 3              -- at most so long for turning it off at the end
local SUSPECT_SECONDS = 60            -- a pair that the venue refuses is asked for again after that
local REFUSED_SECONDS = 10            -- orders are refused at once so long after such an answer
local EXPLAIN_SECONDS = 120           -- cancels so long after that was noticed are its work
local DEGRADED_AFTER = 3              -- failures in a row

-- Two sessions of one machine share the venue's limit per address.
local function shared_limiter(session)
  local shared = session.desk.countdown_limiters
  local address = session.config.rest_url or session.protocol.name
  shared[address] = shared[address] or rate.new(session.protocol.countdown.limits)
  return shared[address]
end

--- The countdown of a session; false where the venue has none or `dead_man` is off.
---@param session moonwire.Session
---@return moonwire.Countdown|false
function M.new(session)
  local spec, seconds = session.protocol.countdown, session.config.dead_man
  if not spec or not seconds then return false end
  local period = seconds / PERIODS
  local self = setmetatable({
    session = session, spec = spec, log = session.log, seconds = seconds, period = period,
    -- An answer that is not there when the next beat is due counts as missing.
    timeout = math.min(session.config.request_timeout, period * 0.9),
    limiter = shared_limiter(session),
    ready = {},                       -- symbol -> until when the venue surely counts down
    queue = {},                       -- parts of a list of which the venue refused a pair
    is_due = false,                   -- "beat" or "arm", as soon as no request is under way
    may_turn_off = false,             -- once a beat
    under_way = false, misses = 0, is_failing = false,
    may_arrive_until = 0,             -- a beat without an answer may still arrive so long
    refused_until = 0,
  }, Countdown)
  self.pairs = countdown_pairs.new(self)
  self.seen_at = self.pairs.seen_at
  return self
end

function Countdown:start() self.timer = dispatch.every(self.period, self, "beat") end

-- Seconds that never go back: a clock that is set back makes no countdown longer.
local function time_of(self) return rate.steady(self, dispatch.now()) end

--- Whether an order in this symbol may leave at once; it is taken as being on its way.
function Countdown:is_ready(symbol)
  local ready_until = self.ready[symbol]
  if not ready_until then return false end
  local now = time_of(self)
  self.seen_at[symbol] = now
  return now < ready_until
end

-- What a person should see: in the log and in the journal.
local function alarm(self, message, ...)
  local text = log.format(message, ...)
  record.alarm(("%s: dead man: %s"):format(self.session.name, text))
  self.log.error("dead man: %s", text)
end

-- Requests ----------------------------------------------------------------------------------------

-- Sends one request for all pairs of the list; false when the venue's limit has no room for it now.
local function send(self, kind, list, seconds, now)
  local ok, wait = self.limiter:try(kind, nil, now)
  if not ok then
    if self.turn_timer then self.turn_timer:stop() end
    self.turn_timer = dispatch.after(wait, self, "take_turn")
    return false
  end
  local markets = {}
  for i, pair in ipairs(list) do
    markets[i] = pair.market
    if seconds == 0 then self.ready[pair.symbol] = nil end
  end
  local request = self.spec.request(self.session, markets, seconds)
  request.timeout = self.timeout
  local under_way = { list = list, seconds = seconds, sent_at = now }
  self.under_way = under_way
  for _, pair in ipairs(list) do pair.armed_by = seconds > 0 and under_way end
  local err
  ok, err = self.session:send_request(request, self, "on_answer", under_way)
  if not ok then dispatch.defer(self, "on_unsent", under_way, err) end
  return true
end

function Countdown:take_turn()
  self.turn_timer = nil
  self:pump()
end

local function send_due(self, now)
  local part = self.queue[1]
  if part then
    if send(self, "beat", part, self.seconds, now) then table.remove(self.queue, 1) end
    return true
  end
  local list = self.is_due and self.pairs:to_arm(now) or {}
  if #list > 0 then
    if send(self, self.is_due, list, self.seconds, now) then self.is_due = false end
    return true
  end
  self.is_due = false
  local suspect = self.pairs:suspect_due(now)
  if suspect then send(self, "arm", { suspect }, self.seconds, now) end
  return suspect ~= nil
end

--- Sends what is due, the most urgent first, unless a request is under way.
function Countdown:pump()
  if self.under_way or self.is_over then return end
  local now = time_of(self)
  if self.finishing then return self:finish_next(now) end
  self.pairs:look(now)
  if send_due(self, now) then return end
  if self.misses > 0 and #self.pairs:running() == 0
    and #self.pairs:to_arm(now) == 0 then
    self:recovered "no order of ours is left to protect"
  end
  if not self.may_turn_off or now < self.may_arrive_until then return end
  local list = self.pairs:to_turn_off(now)
  if #list > 0 and send(self, "off", list, 0, now) then self.may_turn_off = false end
end

-- Beats -------------------------------------------------------------------------------------------

-- The venue cancels, which our stream or, if it is down, the next comparison tells.
local function note_run_out(self, now)
  local lost = self.pairs:take_run_out(now, self.seconds)
  if #lost == 0 then return end
  self.has_run_out = true
  alarm(self, "the countdown ran out, the venue cancels all orders in %s", names(lost))
end

-- Nobody follows the orders of a session that has stopped for good: the venue shall cancel them.
local function is_given_up(self)
  if not self.session.private.is_stopped then return false end
  local list = self.pairs:running()
  if #list > 0 and not self.has_given_up then
    self.has_given_up = true
    alarm(self, "the session has stopped, so the countdown is not renewed: the venue cancels all "
          .. "orders in %s within %.0f s", names(list), self.seconds)
  end
  return true
end

--- The timer: one beat for all pairs with an order of ours.
function Countdown:beat()
  note_run_out(self, time_of(self))
  if is_given_up(self) then return end
  self.is_due, self.has_retried, self.may_turn_off = "beat", false, true
  self:pump()
end

--- At once: the session has just compared its orders with the venue's.
function Countdown:on_live() dispatch.defer(self, "beat") end

function Countdown:retry()
  self.retry_timer = nil
  self.is_due = self.is_due or "beat"
  self:pump()
end

-- Answers -----------------------------------------------------------------------------------------

function Countdown:on_unsent(under_way, err) self:on_answer(under_way, 0, nil, err, false) end

function Countdown:on_answer(under_way, status, body, text, maybe_sent)
  self.under_way = false
  if self.is_over then return end
  local ok, why, class
  if status == 0 then ok, why, class = nil, text, maybe_sent and "lost" or "unsent"
  else ok, why, class = self.spec.answer(self.session, status, body) end
  if under_way.seconds == 0 then
    if ok then self:turned_off(under_way) else self:not_turned_off(under_way, why, class) end
  elseif ok then self:accepted(under_way)
  elseif class == "pair" then self:refused_pair(under_way.list, why)
  else self:failed(under_way, why, class) end
  self:pump()
end

-- The venue may have taken what it gave no clear answer to, or take it yet: so long.
local function late_until(self, under_way, class)
  if class ~= "lost" and class ~= "retry" then return 0 end
  return under_way.sent_at + self.session.protocol.late_arrival
end

function Countdown:recovered(how)
  self.log.info("dead man: %s after %d failures", how, self.misses)
  self.misses, self.is_failing = 0, false
  self.session:on_countdown()
end

function Countdown:accepted(under_way)
  self.refused_until = 0
  if self.misses > 0 then self:recovered "the countdown is renewed again" end
  for _, pair in ipairs(under_way.list) do
    pair.suspect_until, pair.why = false, false
    if under_way.sent_at >= pair.off_until then
      pair.runs_until, pair.off_until = under_way.sent_at + self.seconds, 0
      pair.may_run_until = 0
      if pair.held:release() then self.ready[pair.symbol] = pair.runs_until end
    end
  end
  if self.has_run_out then
    self.has_run_out = false
    self.session.reconciler:on_period()
  end
end

function Countdown:turned_off(under_way)
  for _, pair in ipairs(under_way.list) do
    pair.runs_until, pair.may_run_until, pair.off_until = false, 0, 0
  end
  self.log.info("dead man: the countdown is off in %s", names(under_way.list))
end

function Countdown:not_turned_off(under_way, why, class)
  local late = late_until(self, under_way, class)
  for _, pair in ipairs(under_way.list) do pair.off_until = math.max(pair.off_until, late) end
  self.log.warn("dead man: the countdown could not be turned off in %s: %s",
                names(under_way.list), why)
end

-- One pair of the list is bad, and none of it is armed. By halves it takes the fewest requests to
-- find which.
function Countdown:refused_pair(list, why)
  if #list > 1 then
    local half = math.ceil(#list / 2)
    table.insert(self.queue, { unpack(list, 1, half) })
    table.insert(self.queue, { unpack(list, half + 1) })
    return
  end
  local pair = list[1]
  pair.suspect_until, pair.why = time_of(self) + SUSPECT_SECONDS, why
  alarm(self, "the venue has no countdown for %s (%s): what is open there is not protected, and "
        .. "new orders there are refused", pair.symbol, why)
  pair.held:refuse(why)
end

-- What happens, and when, unless a beat gets through.
local function threat(self)
  local list, soonest, now = self.pairs:running(), math.huge, time_of(self)
  if #list == 0 then return "orders that wait for it are not sent" end
  for _, pair in ipairs(list) do soonest = math.min(soonest, pair.runs_until - now) end
  return ("the venue cancels all orders in %s in %d s unless it is renewed before")
    :format(names(list), math.max(0, math.floor(soonest)))
end

function Countdown:failed(under_way, why, class)
  self.misses, self.queue, self.why = self.misses + 1, {}, why
  local late = late_until(self, under_way, class)
  self.may_arrive_until = math.max(self.may_arrive_until, late)
  if late > 0 then
    for _, pair in ipairs(under_way.list) do pair.may_run_until = late + self.seconds end
  end
  if self.misses == 1 then
    alarm(self, "the countdown was not renewed (%s): %s", why, threat(self))
  end
  if class == "refused" then
    self.refused_until = time_of(self) + REFUSED_SECONDS
    for _, pair in ipairs(under_way.list) do pair.held:refuse(self:hint(why)) end
  end
  if self.misses >= DEGRADED_AFTER and not self.is_failing then
    self.is_failing = true
    self.session:on_countdown(("the countdown was not renewed %d times (%s): %s")
                              :format(self.misses, why, threat(self)))
  end
  if class ~= "limit" and not self.has_retried then
    self.has_retried = true
    self.retry_timer = dispatch.after(RETRY_SECONDS, self, "retry")
  end
end

-- Orders ------------------------------------------------------------------------------------------

function Countdown:hint(why)
  return ("%s; `dead_man = false` for this venue trades without its protection"):format(why)
end

--- Whether an order in a symbol without a running countdown may be taken. nil and why not.
function Countdown:may_hold(symbol)
  local pair = self.pairs:of(symbol)
  if pair.suspect_until and time_of(self) < pair.suspect_until then
    return nil, ("the venue has no countdown for %s: %s"):format(symbol, self:hint(pair.why))
  end
  if time_of(self) < self.refused_until then
    return nil, "the venue refuses its countdown: " .. self:hint(self.why)
  end
  return pair.held:has_room()
end

--- Takes an order that must wait until the countdown of its pair runs.
function Countdown:hold(order)
  local pair = self.pairs:of(order.symbol)
  pair.held:add(order)
  if self.under_way and pair.armed_by == self.under_way then return end      -- that will do
  self.is_due = self.is_due or "arm"
  dispatch.defer(self, "pump")
end

--- Takes back an order that waits here; false when it does not.
function Countdown:drop(order)
  local pair = self.pairs.by_symbol[order.symbol]
  return pair ~= nil and pair.held:drop(order)
end

--- The orders that waited have all left: later ones need not.
function Countdown:on_released(symbol)
  self.ready[symbol] = self.pairs.by_symbol[symbol].runs_until
end

--- Gives a report of a cancel its reason when nobody asked for it and our countdown had run out.
function Countdown:explain(order, report)
  local pair = self.pairs.by_symbol[order.symbol]
  if not pair or report.reason or order.status == "pending_cancel" then return end
  local now, at = time_of(self), nil
  if pair.runs_until and now >= pair.runs_until then at = pair.runs_until
  elseif pair.ran_out_at and now - pair.noticed_at < EXPLAIN_SECONDS then at = pair.ran_out_at end
  if at and (order.created_at or 0) <= at then report.reason = "dead_man" end
end

-- The end -----------------------------------------------------------------------------------------

--- A process before this one may have armed the symbol: it is turned off at the end.
function Countdown:note_armed(symbol)
  local pair = self.pairs:of(symbol)
  if pair then pair.may_run_until = time_of(self) + self.seconds end
end

local function to_finish(self, now)
  return self.pairs:pick(function(pair) return not pair.is_left and may_run(pair, now) end)
end

-- Whether there is nothing to turn off, nor will be when the request under way has its answer.
local function is_nothing_to_finish(self, now)
  for _, pair in ipairs(self.under_way and self.under_way.list or {}) do
    if not pair.is_left then return false end
  end
  return #to_finish(self, now) == 0
end

--- Turns the countdown off everywhere but in the symbols of `left` (orders whose cancel the venue
--- did not confirm: it shall cancel them), then stops and calls object:on_countdown_over(): within
--- FINISH_SECONDS.
---@param left moonwire.Order[]
---@param object table
function Countdown:finish(left, object)
  self.finishing = object
  self.finish_timer = dispatch.after(FINISH_SECONDS, self, "finish_now")
  if self.timer then self.timer:stop() end
  local is_left = {}
  for _, order in ipairs(left) do
    if order.venue == self.session.name then is_left[order.symbol] = true end
  end
  local now = time_of(self)
  for _, pair in ipairs(self.pairs:pick(function(pair) return is_left[pair.symbol] end)) do
    pair.is_left = true
  end
  local list = self.pairs:pick(function(pair) return pair.is_left and may_run(pair, now) end)
  if #list > 0 then
    self.log.warn("dead man: the countdown goes on: the venue cancels all orders in %s within "
                  .. "%.0f s", names(list), self.seconds)
  end
  if is_nothing_to_finish(self, now) then return self:finish_now() end
  self:pump()
end

function Countdown:finish_next(now)
  local list = to_finish(self, now)
  if #list == 0 or self.finish_tries == 2 then return self:finish_now() end
  if send(self, "beat", list, 0, now) then self.finish_tries = (self.finish_tries or 0) + 1 end
end

function Countdown:finish_now()
  if self.is_over then return end
  local list = to_finish(self, time_of(self))
  if #list > 0 then
    self.log.warn("dead man: the countdown could not be turned off: the venue cancels all orders "
                  .. "in %s within %.0f s, those of others too", names(list), self.seconds)
  end
  self:stop()
  self.finishing:on_countdown_over()
end

local Waiter = { __name = "moonwire.CountdownWaiter" }
Waiter.__index = Waiter

function Waiter:on_countdown_over()
  self.count = self.count - 1
  if self.count == 0 then self.object:on_countdowns_over() end
end

--- Turns the countdowns of all sessions off (Countdown:finish), then calls
--- object:on_countdowns_over().
---@param sessions moonwire.Session[]
---@param left moonwire.Order[]
---@param object table
function M.finish_all(sessions, left, object)
  local waiter = setmetatable({ object = object, count = 1 }, Waiter)
  each.in_turn(sessions, log.new(), "turn off the countdown of", function(session)
    if not session.countdown then return end
    waiter.count = waiter.count + 1
    session.countdown:finish(left, waiter)
  end)
  waiter:on_countdown_over()
end

--- Stops without a word to the venue: what runs there runs out.
function Countdown:stop()
  self.is_over = true
  for _, name in ipairs { "timer", "turn_timer", "retry_timer", "finish_timer" } do
    if self[name] then self[name]:stop() end
  end
  for _, pair in ipairs(self.pairs:pick(function() return true end)) do
    pair.held:refuse "the session was stopped"
  end
end

return M
