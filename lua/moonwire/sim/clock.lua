--- A simulated venue's clock: the real one and an offset, in ms; or one that stands, so that two
--- runs give the same bytes.

---@class moonwire.sim.Clock
---@field offset integer   ms, what the control path sets
---@field real_ms integer  the real time of the last question
local Clock = { __name = "moonwire.sim.Clock" }
Clock.__index = Clock

--- The switch that every venue has (settings.lua).
Clock.setting = { "frozen", 0, "the venue's clock stands at these ms since 1970; 0: it goes" }

function Clock.new(settings)
  return setmetatable({ offset = 0, real_ms = 0, venue_ms = 0, settings = settings }, Clock)
end

--- The venue's time when the real one is `real`.
function Clock:venue(real)
  local frozen = self.settings.frozen
  self.real_ms = real
  self.venue_ms = frozen > 0 and frozen or real + self.offset
  return self.venue_ms
end

--- The venue's time when it was asked for last.
function Clock:now() return self.venue_ms end

--- When a moment of the venue's will be, for the schedule.
function Clock:real(venue_ms) return self.real_ms + venue_ms - self.venue_ms end

return Clock
