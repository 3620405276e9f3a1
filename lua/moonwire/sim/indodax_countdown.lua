--- The simulated Indodax's dead-man switch: POST /tapi/countdownCancelAll (page section 6).

local wire = require "moonwire.sim.wire"

local TICK_MS = 10                                 -- the venue looks at its countdowns this often

---@class moonwire.sim.IndodaxCountdown
local Countdown = { __name = "moonwire.sim.IndodaxCountdown" }
Countdown.__index = Countdown

--- `options`: desk, auth, settings, schedule, on_expiry(now).
function Countdown.new(options)
  local countdown = setmetatable({ jobs = {}, beats = 0, expired = 0 }, Countdown)
  for name, value in pairs(options) do countdown[name] = value end
  countdown.take = wire.window(10, 10000)           -- one address: loopback
  return countdown
end

local function failure(problem, code)
  return wire.object("success", 0, "error", wire.text(problem), "error_code", wire.text(code))
end

-- The pairs that the call names, or what is wrong: one bad pair arms none (6).
local function named_pairs(self, list)
  if list == "" then return nil, "Pair is empty" end
  local pairs_ = {}
  for name in (list .. ","):gmatch("([^,]*),") do
    local pair = self.desk.by_ticker[name]
    if not pair then return nil, "Invalid pair" end
    if pair.state == "disabled" then return nil, "Pair `" .. name .. "` disabled" end
    pairs_[#pairs_ + 1] = pair
  end
  return pairs_
end

local function arm(self, member, pair, ms, now)
  local name = member.name .. " " .. pair.id
  if self.jobs[name] then self.jobs[name].off = true end
  self.jobs[name] = nil
  if ms == 0 then return end
  local at = math.ceil((now + ms) / TICK_MS) * TICK_MS
  self.jobs[name] = self.schedule:at(at, function(later)
    self.jobs[name] = nil
    self.expired = self.expired + 1
    self.on_expiry(member, pair, later)
  end)
end

--- Answers the call. `now`: the venue's clock in ms; `real_now`: the schedule's. Status and body.
function Countdown:answer(headers, query, body, now, real_now)
  if self.settings.rate_limits and not self.take(real_now) then
    return 429, failure("Too many requests", "too_many_requests")
  end
  local entry, fields, code = self.auth:check(headers, query, body, now)
  if not entry then return 200, failure(fields, code) end
  if not self.settings.whitelisted then
    return 200, failure("Your user ID is not on the whitelist.", "not_authorized")
  end
  local time = fields.countdownTime or "5000"
  local pairs_, problem = named_pairs(self, fields.pair or "")
  if pairs_ and (not time:find("^%d+$") or #time > 12) then
    pairs_, problem = nil, "Invalid countdown time"
  end
  if not pairs_ then return 200, failure(problem, "bad_request") end
  self.beats = self.beats + 1
  for _, pair in ipairs(pairs_) do arm(self, entry.member, pair, tonumber(time), real_now) end
  return 200, '{"success":1}'
end

--- The armed countdowns: "member pair" -> ms left.
function Countdown:armed(real_now)
  local left = {}
  for name, job in pairs(self.jobs) do left[name] = math.max(0, job.at - real_now) end
  return left
end

return Countdown
