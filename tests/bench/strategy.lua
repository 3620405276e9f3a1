--- The bench's strategy: on each fill it counts, and in the round trip sends the next order.

local host = require "moonwire.host"
local mw = require "moonwire"

local ORDERS = 100
local S = mw.strategy { venue = "bench", symbol = "BTC/IDR", mode = "flood", events = 1 }

local function send(self, qty)
  assert(self:buy { price = self.price, qty = qty })
end

function S:on_start()
  self.price, self.qty = mw.decimal "1500000000", mw.decimal "0.001"
  self.count, self.is_trip = 0, self.params.mode == "trip"
  print "ready"
  if self.params.mode == "idle" then return end
  local big = mw.decimal "1000000"
  for _ = 1, self.is_trip and 1 or ORDERS do send(self, self.is_trip and self.qty or big) end
end

function S:on_fill()
  if self.count == 0 then self.began, self.began_cpu = host.monotonic(), host.cpu() end
  self.count = self.count + 1
  if self.is_trip then
    send(self, self.qty)                   -- the venue ends it
  elseif self.count == self.params.events then
    self:stop "all events are in"
  end
end

-- In the round trip the venue ends the session when it has measured enough.
function S:on_session(_, state)
  if state == "down" and self.is_trip then self:stop "the venue is done" end
end

function S:on_stop()
  if not self.began then return end
  print(('{"events":%d,"seconds":%.6f,"cpu":%.6f}'):format(self.count,
    host.monotonic() - self.began, host.cpu() - self.began_cpu))
end

return S
