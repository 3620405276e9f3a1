--- The way down: strategies stop, their open orders are canceled, and only when the venues have
--- confirmed that (or the time for it is over: CONFIRM_SECONDS for all venues together, and
--- DOUBT_SECONDS more for orders of which only a venue's silence can tell that they never arrived)
--- countdowns are turned off, which takes countdown.lua's FINISH_SECONDS at most, sessions close
--- and the process ends.

local countdown = require "moonwire.countdown"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local host = require "moonwire.host"
local order_module = require "moonwire.order"

local M = {}
local CONFIRM_SECONDS = 10
local DOUBT_SECONDS = 20
local LOOK_SECONDS = 0.25

local Shutdown = { __name = "moonwire.Shutdown" }
Shutdown.__index = Shutdown

--- Begins to stop; called again it does nothing.
---@param desk moonwire.Desk
---@param status integer   exit status when all ends well
---@param reason string
function M.begin(desk, status, reason)
  if desk.stopping then return end
  local self = setmetatable({ desk = desk, status = status }, Shutdown)
  desk.stopping = self
  desk.log.info("stopping: %s", reason)
  each.in_turn(desk.runner_list, desk.log, "stop", function(runner)
    if runner.state == "running" or runner.state == "loaded" then runner:stop(reason) end
  end)
  self.looking = dispatch.every(LOOK_SECONDS, self, "check")
  self.timer = dispatch.after(CONFIRM_SECONDS, self, "on_time_over")
  self:check()
  if not self.is_over then self:say_what_is_waited_for() end
end

--- An order is in another status now.
function Shutdown:on_order_changed() dispatch.defer(self, "check") end

--- An order showed up. Strategies have canceled what they knew; this one may be theirs as well.
function Shutdown:on_order_met()
  if self.desk.config.on_stop ~= "leave" then dispatch.defer(self, "cancel_met") end
end

-- What is still to end, and what of ours no cancel can end.
local function left_open(desk)
  local open, bound = {}, {}
  for _, order in ipairs(desk.orders:list_open()) do
    local is_ours = order._owner or order._cancel.must_end
    if is_ours and not order_module.is_canceled(order) then
      local session = desk.sessions[order.venue]
      local list = session and session:is_bound(order) and bound or open
      list[#list + 1] = order
    end
  end
  return open, bound
end

local function log_of(desk, venue)
  local session = desk.sessions[venue]               -- none where the venue is not configured now
  return session and session.log or desk.log
end

-- Whoever waits for the end sees what it hangs on.
function Shutdown:say_what_is_waited_for()
  local counts = {}
  for _, order in ipairs(left_open(self.desk)) do
    counts[order.venue] = (counts[order.venue] or 0) + 1
  end
  for venue, count in pairs(counts) do
    log_of(self.desk, venue).info("%d %s to end: the venue has %d s to confirm it", count,
                                  count == 1 and "order" or "orders", CONFIRM_SECONDS)
  end
  for _, session in ipairs(self.desk.session_list) do
    if not counts[session.name] and session.reconciler:has_doubts() then
      session.log.info("an order is in doubt: the venue is asked about it for %d s at most",
                       CONFIRM_SECONDS)
    end
  end
  self.is_waited_for = true
end

function Shutdown:cancel_met()
  each.in_turn(left_open(self.desk), self.desk.log, "cancel", function(order)
    local is_ending = order._cancel.must_end or order.status == "pending_cancel"
    if not is_ending then self.desk:end_order(order) end
  end)
end

--- Ends as soon as nothing of ours is open or in doubt.
function Shutdown:check()
  if self.is_over then return end
  local desk = self.desk
  if desk.config.on_stop ~= "leave" then
    if #left_open(desk) > 0 then return end
    for _, session in ipairs(desk.session_list) do
      if session.reconciler:has_doubts() then return end
    end
    if self.is_waited_for then desk.log.info("what was to end has ended") end
  end
  self:finish()
end

-- Whether the venue, which answers, may yet show by its silence that the order never arrived.
local function may_be_settled(desk, order)
  local session = desk.sessions[order.venue]
  return not order._was_seen and session ~= nil and session.private.state == "live"
end

function Shutdown:on_time_over()
  local open = left_open(self.desk)
  for _, order in ipairs(open) do
    if not may_be_settled(self.desk, order) then return self:give_up() end
  end
  if #open == 0 then return self:give_up() end
  for _, order in ipairs(open) do
    log_of(self.desk, order.venue).warn("%s had no answer and is not found so far: the venue is "
                                        .. "asked for %d s more", order, DOUBT_SECONDS)
  end
  self.timer = dispatch.after(DOUBT_SECONDS, self, "give_up")
end

local function say_left(desk, order)
  local log = log_of(desk, order.venue)
  if order._was_seen then
    log.error("left behind, the venue did not confirm its cancel: %s; cancel it by hand at the "
              .. "venue", order)
  else
    log.error("left behind in doubt, it had no answer and the venue has not shown it: %s; look at "
              .. "the venue, and cancel it by hand if it is there", order)
  end
end

function Shutdown:give_up()
  for _, order in ipairs(left_open(self.desk)) do
    say_left(self.desk, order)
    self.status = 1
  end
  for _, session in ipairs(self.desk.session_list) do
    for _, order in ipairs(session.reconciler:missing_fills()) do
      if not order:is_open() or order_module.is_canceled(order) then
        session.log.warn("%s: not all that it executed could be had: the next run asks again",
                         order)
      end
    end
  end
  self:finish()
end

function Shutdown:finish()
  if self.is_over then return end
  self.is_over = true
  self.timer:stop()
  self.looking:stop()
  local desk = self.desk
  local left, bound = left_open(desk)
  if desk.config.on_stop == "leave" then
    for _, order in ipairs(left) do
      log_of(desk, order.venue).warn('stays open (on_stop = "leave"): %s', order)
    end
    left = {}
  end
  for _, order in ipairs(bound) do
    desk.log.info("stays at the venue, which cannot cancel: %s", order)
  end
  countdown.finish_all(desk.session_list, left, self)
end

function Shutdown:on_countdowns_over()
  local desk = self.desk
  each.in_turn(desk.session_list, desk.log, "stop", function(session) session:stop() end)
  each.in_turn({ desk.watch or nil }, desk.log, "sum up", function(watch) watch:summary() end)
  host.stop(self.status)
end

return M
