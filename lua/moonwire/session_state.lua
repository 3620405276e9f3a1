--- What a session is in: up, down or degraded, and what its connections' coming and going make of
--- that; part of session.lua.

local balances = require "moonwire.balances"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local lookback = require "moonwire.lookback"
local record = require "moonwire.record"
local sorted = require "moonwire.sorted"
local task = require "moonwire.task"

local State = {}                      -- methods of moonwire.Session

local function set_state(self, state, why)
  if state == self.state then return end
  self.state, self.state_since = state, dispatch.now()
  record.session(self.name, state, why)
  self.log[state == "up" and "info" or "warn"]("session %s%s", state, why and ": " .. why or "")
  self.desk:on_session_state(self, state)
end

--- Up: logged on and reconciled. Degraded: the venue takes no orders on a connection that stands,
--- or orders work and the market data that was asked for does not (which is not said while it
--- connects for the first time) or the countdown is not renewed.
function State:settle_state(why)
  if self.private.state ~= "live" then return set_state(self, "down", why) end
  local is_blind = self.market and next(self.subscriptions) and self.is_market_lost
  local is_degraded = self.suspended or self.ambiguity or is_blind
    or self.countdown and self.countdown.is_failing
  set_state(self, is_degraded and "degraded" or "up", why or self.ambiguity)
end

--- What the venue shows of this order can be read in several ways: a person has to look.
function State:on_ambiguous(order, why)
  if self.ambiguity == why then return end
  self.ambiguity, self.ambiguous_order = why, order
  self.log.error("%s: %s", order, why)
  self:settle_state(why)
end

--- What was ambiguous is known now.
function State:end_ambiguity()
  self.ambiguity, self.ambiguous_order = nil, false
  self:settle_state()
end

--- The countdown is failing now, or no longer.
function State:on_countdown(why) self:settle_state(why) end

function State:public_state() return { state = self.state, since = self.state_since } end

function State:on_link_live(which)
  which.log.info("%s connection live", which.name)
  if which == self.market then
    self.is_market_lost = nil
    for _, key in ipairs(sorted.keys(self.subscriptions)) do
      self:ask_for(self.subscriptions[key])
    end
  else
    if self.market and self.market.state == "down" and next(self.subscriptions)
      and not self.market.retry_timer then
      self.market:connect()
    end
    self:schedule_renewal()
    if self.countdown then self.countdown:on_live() end
    balances.note(self)
  end
  self:settle_state()
end

function State:on_link_lost(which, why, seconds)
  which.log.warn("%s connection lost: %s; connecting again in %.1f s", which.name, why, seconds)
  if which == self.private then
    if self.renew_timer then self.renew_timer:stop() end
    self.held, self.suspended = false, false
  else
    self.is_market_lost = true
    self.desk:on_market_lost(self)
  end
  self:settle_state(why)
end

function State:on_link_stopped(which, why)
  which.log.error("%s connection stopped: %s", which.name, why)
  if which == self.market then
    self.is_market_lost = true
    self.desk:on_market_lost(self)
    return self:settle_state("no market data: " .. why)     -- orders still work
  end
  self:settle_state(why)
  self.desk:on_session_stopped(self, why)
end

--- The credential of this connection ends at `at` (seconds): it is renewed before.
function State:renew_before(at) self.renew_at = at end

function State:schedule_renewal()
  if self.renew_timer then self.renew_timer:stop() end
  if not self.renew_at then return end
  self.renew_timer = dispatch.after(math.max(1, self.renew_at - dispatch.now()), self, "renew")
end

function State:renew()
  self.log.info("renewing the session's credentials")
  task.start(self, "renew", function()
    local ok, err = self.protocol.private.renew(self.private)
    if not ok then self.private:restart("renewal failed: " .. tostring(err)) end
  end)
end

-- Log-on ------------------------------------------------------------------------------------------

--- A step of the private log-on: what must be known before orders can be.
function State:before_logon()
  if not self.markets then
    local ok, err, class = self:load_markets()
    if not ok then return nil, err, class end
  end
  if self.clock_offset_ms == 0 then self:measure_clock() end
  return true
end

--- What the venue has to be asked at all without a session that is up, in a task: its markets, or a
--- connection that is logged on where answers come over that alone.
function State:before_questions()
  local private = self.private
  if private.spec.takes_questions and not private.id then return private.spec.logon(private) end
  return self:before_logon()
end

--- After the private log-on, still in its task: nothing is announced before it is healed.
function State:after_logon(which)
  if which ~= self.private then return true end
  local ok, err, class = self.reconciler:run()
  if ok then
    lookback.run(self)
    lookback.settle(self)
  end
  local held = self.held
  self.held = false
  if not ok then return nil, "reconcile: " .. err, class end
  each.in_turn(held or {}, self.log, "report of", function(report) self:on_report(report) end)
  return true
end

--- What lookback.lua failed to find out at a log-on is asked for again.
function State:look_back()
  local gap = self.desk.unwritten[self.name]
  if gap then gap.is_due = nil end
  if self.is_stopped or self.private.state ~= "live" then return end      -- the log-on asks
  self:in_task("looking back", lookback.run)
end

--- From now until after_logon ends reports are held back.
function State:hold() self.held = self.held or {} end

--- The venue says on the private connection that it takes no orders for now.
function State:suspend(why)
  if self.private.state ~= "live" then return self.private:lost(why, "retry") end
  self.suspended = why
  self:settle_state(why)
end

local function resume(self)
  local private, id = self.private, self.private.id
  local ok, err = self.protocol.private.resume(private)
  if ok then ok, err = self:after_logon(private) end
  if private.id ~= id then return end                  -- lost meanwhile: the log-on heals
  if not ok then return private:restart("resume: " .. tostring(err)) end
  self.suspended = false
  self:settle_state()
end

--- It takes them again: announced when what was missed is known, as after a log-on.
function State:resume()
  if not self.suspended then return end
  self:hold()
  self:in_task("resume", resume)
end

return State
