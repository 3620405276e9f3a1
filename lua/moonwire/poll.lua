--- Market data by asking, for venues that have no feed: a line with the face of link.lua's. What a
--- venue says about it stands in its file as a table:
---   ask(line, subscription)  a task: asks and tells the desk; true, or nil and err
---   every        seconds between two questions about one subscription
---   soonest      seconds that must lie between two, when something is known to have changed

local dispatch = require "moonwire.dispatch"
local task = require "moonwire.task"

local Poll = { __name = "moonwire.Poll" }
Poll.__index = Poll

local M = {}
local FAILURES_MAX = 3                -- questions in a row without an answer: the data is lost

function M.new(session, name, spec)
  return setmetatable({ session = session, name = name, spec = spec, log = session.log,
                        state = "down", asked = {}, by_symbol = {}, failures = 0 }, Poll)
end

--- There is nothing to connect: what is subscribed to is asked for from now on.
function Poll:connect()
  if self.is_stopped or self.state == "live" then return end
  self.state = "live"
  self.session:on_link_live(self)
end

local function ask_in(self, job, seconds)
  if job.timer then job.timer:stop() end
  job.timer = dispatch.after(seconds, self, "ask_now", job)
end

--- Asks for a subscription from now on: what a venue's file has as its `subscribe`.
function M.subscribe(line, subscription)
  if line.asked[subscription] then return end
  local job = { subscription = subscription }
  line.asked[subscription] = job
  local symbol = subscription.symbol
  line.by_symbol[symbol] = line.by_symbol[symbol] or {}
  table.insert(line.by_symbol[symbol], job)
  ask_in(line, job, 0)
end

--- Something has changed in this symbol: its turn comes soon.
function Poll:nudge(symbol)
  for _, job in ipairs(self.by_symbol[symbol] or {}) do
    if not job.is_nudged then
      job.is_nudged = true
      if job.timer then
        local soonest = self.spec.soonest        -- and no later, when the clock was set back
        local left = (job.asked_at or 0) + soonest - dispatch.now()
        ask_in(self, job, math.max(0, math.min(left, soonest)))
      end
    end
  end
end

local function on_failure(self, err)
  self.failures = self.failures + 1
  if self.failures ~= FAILURES_MAX or self.state ~= "live" then return end
  self.state = "down"
  self.session:on_link_lost(self, err, self.spec.every)
end

local function on_answer(self)
  self.failures = 0
  if self.state == "live" then return end
  self.state = "live"
  self.session:on_link_live(self)
end

function Poll:ask_now(job)
  job.timer, job.is_nudged, job.asked_at = nil, false, dispatch.now()
  if self.is_stopped then return end
  task.start(self, "asking for " .. job.subscription.feed, function()
    local ok, result, err = pcall(self.spec.ask, self, job.subscription)
    if not ok then result, err = nil, result end
    if self.is_stopped then return end
    if result then on_answer(self) else on_failure(self, err) end
    ask_in(self, job, job.is_nudged and self.spec.soonest or self.spec.every)
  end)
end

function Poll:on_task_done(done, ok, err)
  if not ok then self.log.error("%s failed: %s", done.name, err) end
end

--- For good.
function Poll:stop()
  self.is_stopped, self.state = true, "down"
  for _, job in pairs(self.asked) do
    if job.timer then job.timer:stop() end
  end
end

return M
