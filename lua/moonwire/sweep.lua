--- Behind a runtime that died: what it left open is canceled, with the sessions alone, until the
--- venues confirm it. It begins with the plain calls of each venue, which need no log-on; where
--- they do not work it logs on. Its exit status says whether anything is left: 0 nothing, 1 some.

local archive = require "moonwire.archive"
local cli = require "moonwire.cli"
local countdown = require "moonwire.countdown"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local host = require "moonwire.host"
local loader = require "moonwire.loader"
local log = require "moonwire.log"
local order_module = require "moonwire.order"
local recovery = require "moonwire.recovery"
local run = require "moonwire.run"
local task = require "moonwire.task"
local untold = require "moonwire.untold"

local M = { inner_options = { open = { value = "N" } } }      -- orders that were known as open

local LIMIT_SECONDS = 60
local LOOK_SECONDS = 0.25             -- between two looks while orders of ours are open
local QUIET_SECONDS = 1               -- the same while none is, and one may still arrive
local MOST_SECONDS = 5                -- the same while the venue does not answer
local SIGUSR1 = 10

-- One venue ---------------------------------------------------------------------------------------

local Broom = { __name = "moonwire.Broom" }
Broom.__index = Broom

-- Ours that are open and can be canceled, and those that cannot.
local function ours_of(self)
  local list, bound = {}, {}
  for _, order in ipairs(self.session.orders:list_open { venue = self.session.name }) do
    local into = self.session:is_bound(order) and bound or list
    if not order.external then into[#into + 1] = order end
  end
  return list, bound
end

--- What cancels at one venue; sweep:check() is told of its end. Without its connection orders are
--- asked about by plain calls (reconcile.lua).
---@param may_arrive boolean  what the dead runtime sent may arrive yet
function M.broom(sweep, session, may_arrive)
  session.private:stop()
  local self = setmetatable({
    sweep = sweep, session = session, log = log.new { venue = session.name }, found = {},
    is_quiet = not may_arrive,
  }, Broom)
  if may_arrive then dispatch.after(session.protocol.late_arrival, self, "on_quiet") end
  return self
end

--- Whatever was sent has arrived.
function Broom:on_quiet() self.is_quiet = true end

local function log_on(self)
  if self.is_logging_on then return end
  self.is_logging_on = true
  self.session.private.is_stopped = false
  self.session:start()
end

local function look(self)
  local session = self.session
  local ok, err = session:before_logon()
  if ok then ok, err = session.reconciler:run() end
  return ok, err
end

local function cancel(self, orders)
  local guard = self.session.countdown
  for _, order in ipairs(orders) do
    if guard then guard:note_armed(order.symbol) end
    self.found[order] = true
  end
  self.session:cancel_many(orders)                           -- not those whose cancel is under way
  for _, order in ipairs(orders) do
    local state = order._cancel
    -- Neither under way nor due: it waits for the connection.
    if state.is_wanted and not (state.is_under_way or state.is_due) then log_on(self) end
  end
end

-- One look, and a cancel for each order that it shows or that the journal has as open.
local function sweep_once(self)
  local session, was_quiet = self.session, self.is_quiet     -- before the look
  if session:is_canceling_all() then return false end        -- that looks as well
  local ok, err = look(self)
  self.problem, self.open_count = not ok and tostring(err) or nil, 0
  if not ok then
    self.log.warn("open orders: %s", err)
    log_on(self)
    return false
  end
  local ours = ours_of(self)
  self.open_count = #ours
  cancel(self, ours)
  return #ours == 0 and not session.reconciler:has_doubts() and was_quiet
end

--- Looks and cancels until a look shows nothing of ours and nothing can arrive any more.
function Broom:work()
  local wait = LOOK_SECONDS
  while not sweep_once(self) do
    if self.problem then wait = math.min(wait * 2, MOST_SECONDS)
    else wait = self.open_count > 0 and LOOK_SECONDS or QUIET_SECONDS end
    task.sleep(wait)
  end
end

function Broom:on_task_done(_, ok, err)
  if ok then
    self.is_done = true
    self:report()
    return self.sweep:check()
  end
  self.problem = tostring(err)
  self.log.error("sweep failed: %s", err)
  log_on(self)
  dispatch.after(MOST_SECONDS, self, "start")
end

function Broom:start() task.start(self, "sweep", self.work) end

--- Says what was canceled and what is left; false when anything is.
function Broom:report()
  local left, bound = ours_of(self)
  local ended = {}
  for order in pairs(self.found) do
    if not order:is_open() then
      ended[#ended + 1] = ("%s %s"):format(order.client_order_id or order.order_id, order.status)
    end
  end
  table.sort(ended)
  if #ended > 0 then
    self.log.warn("ended what the dead runtime had left open: %s", table.concat(ended, ", "))
  elseif self.is_done and #bound == 0 then self.log.info("nothing of ours is open") end
  for _, order in ipairs(bound) do
    self.log.warn("stays at the venue, which cannot cancel: %s", order)
  end
  for _, order in ipairs(left) do
    if order_module.is_canceled(order) then
      self.log.warn("canceled: %s; what it had executed could not be had: the next run asks again",
                    order)
    else
      self.log.error("left open, the venue did not confirm its cancel: %s; cancel it by hand at "
                     .. "the venue", order)
    end
  end
  if self.problem and not self.is_done then
    self.log.error("its open orders cannot be had (%s): look there and cancel ours by hand",
                   self.problem)
  end
  return self.is_done and #left == 0
end

-- All venues --------------------------------------------------------------------------------------

local Sweep = { __name = "moonwire.Sweep" }
Sweep.__index = Sweep

function Sweep:check()
  for _, broom in ipairs(self.brooms) do
    if not broom.is_done then return end
  end
  self:finish(0)
end

--- The time is over, or somebody does not want to wait for it.
function Sweep:give_up()
  for _, broom in ipairs(self.brooms) do
    if not broom.is_done then broom:report() end
  end
  self:finish(1)
end

-- What is not left open needs no countdown at the venue, which would take the orders of others.
function Sweep:finish(status)
  if self.status then return end
  self.status = status
  local sessions, left = {}, {}
  for i, broom in ipairs(self.brooms) do
    sessions[i] = broom.session
    for _, order in ipairs(ours_of(broom)) do left[#left + 1] = order end
  end
  countdown.finish_all(sessions, left, self)
end

function Sweep:on_countdowns_over()
  each.in_turn(self.brooms, log.new(), "stop", function(broom) broom.session:stop() end)
  host.stop(self.status)
end

function Sweep:on_signal(number)
  -- A dead guardian changes nothing: what is open must go.
  if number ~= SIGUSR1 then self:give_up() end
end

-- A venue that refuses the log-on may still answer plain calls.
local function go_on_without(_, session, why) session.stopped_why = why end

function M.run(options, files)
  local settings, err = run.read(options, files)
  if not settings then return cli.usage_error(err) end
  for _, venue in pairs(settings.venues) do venue.market_url = false end
  local desk, problems = loader.load_sessions(settings)
  if not desk then return cli.usage_error(table.concat(problems, "\n")) end
  desk.on_session_stopped = go_on_without
  local own = archive.open(settings.journal and settings.journal.path, desk.log)
  recovery.restore_orders(desk, own)
  untold.keep_all(desk, own)
  local self = setmetatable({ brooms = {} }, Sweep)
  for _, session in ipairs(desk.session_list) do
    table.insert(self.brooms, M.broom(self, session, tonumber(options.open) > 0))
  end
  dispatch.listen("signal", self)
  dispatch.after(LIMIT_SECONDS, self, "give_up")
  for _, broom in ipairs(self.brooms) do broom:start() end
  self:check()
end

return M
