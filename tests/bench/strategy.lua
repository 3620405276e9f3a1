--- The bench's strategy. `flood`: it has 100 orders that never end and counts what it is told.
--- `trip`: on each fill it sends the next order; `churn`: the same with 100 on their way, and ten
--- times it says how many there were and how many kB are in use. `idle`: nothing.

local host = require "moonwire.host"
local mw = require "moonwire"

local ORDERS = 100
local S = mw.strategy { venue = "bench", symbol = "BTC/IDR", mode = "flood", events = 1,
                        counts = "fills" }

local function send(self, qty)
  self.sent = self.sent + 1
  assert(self:buy { price = self.price, qty = qty })
end

function S:on_start()
  local mode = self.params.mode
  self.price, self.qty = mw.decimal "1500000000", mw.decimal "0.001"
  self.count, self.sent, self.is_trip, self.is_churn = 0, 0, mode == "trip", mode == "churn"
  print "ready"
  if mode == "idle" then return end
  if self.params.counts == "books" then self:subscribe("book", self.params.symbol) end
  local qty = mode == "flood" and mw.decimal "1000000" or self.qty
  for _ = 1, self.is_trip and 1 or ORDERS do send(self, qty) end
end

-- Not compiled: a trace of an event would end here if LuaJIT happened to record the first one.
local function begin(self) self.began, self.began_cpu = host.monotonic(), host.cpu() end
jit.off(begin)

local function count(self)
  if self.count == 0 then begin(self) end
  self.count = self.count + 1
  if not self.is_trip and self.count == self.params.events then self:stop "all events are in" end
end

local function go_on(self)
  local events = self.params.events
  if self.count % (events / 10) == 0 then
    collectgarbage()
    collectgarbage()                       -- what had a finalizer goes with the second one
    print(("mark %d %.0f"):format(self.count, collectgarbage "count"))
  end
  if self.sent < events then send(self, self.qty) end
end

function S:on_fill()
  count(self)
  if self.is_trip then send(self, self.qty)                -- the venue ends it
  elseif self.is_churn then go_on(self) end
end

function S:on_book() count(self) end

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
