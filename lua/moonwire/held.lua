--- Orders of one pair that wait until the venue's countdown for it runs (countdown.lua). They leave
--- in the order in which they came, within the venue's rate; what cannot leave soon is refused: a
--- price from a while ago is not what the strategy wants any more.

local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"

local Held = { __name = "moonwire.Held" }
Held.__index = Held

local M = {}
local HOLD_SECONDS = 5
local MAX_HELD = 15

function M.new(countdown, symbol)
  return setmetatable({ countdown = countdown, session = countdown.session, symbol = symbol },
                      Held)
end

--- Whether one more may wait; nil and why not. Those of a callback that has not returned yet count.
function Held:has_room()
  local count = 0
  for _, order in ipairs(self.session.orders.open) do
    if order.venue == self.session.name and order.symbol == self.symbol
      and order.status == "pending_new" then count = count + 1 end
  end
  if count < MAX_HELD then return true end
  return nil, ("%d orders wait until the venue's countdown for %s runs: try again then")
    :format(count, self.symbol)
end

function Held:add(order)
  order._is_held = true
  self[#self + 1] = order
  if #self == 1 then self.timer = dispatch.after(HOLD_SECONDS, self, "give_up") end
end

local function take(self, at)
  local order = table.remove(self, at)
  order._is_held = false
  if #self == 0 then
    self.timer:stop()
    if self.rate_timer then self.rate_timer:stop() end
    self.timer, self.rate_timer = nil, nil
  end
  return order
end

--- Takes back one that is not to be sent any more; false when it does not wait here.
function Held:drop(order)
  for i = 1, #self do
    if self[i] == order then
      take(self, i)
      return true
    end
  end
  return false
end

local function reject(self, order, why)
  self.session:apply(order, { status = "rejected", reason = "not sent: " .. why })
end

--- Rejects all of them.
function Held:refuse(why)
  local orders = {}
  while self[1] do orders[#orders + 1] = take(self, 1) end
  each.in_turn(orders, self.session.log, "refuse", function(order) reject(self, order, why) end)
end

function Held:give_up()
  self:refuse(("the venue's countdown for %s did not run within %d s%s"):format(self.symbol,
    HOLD_SECONDS, self.countdown.why and ": " .. self.countdown.why or ""))
end

--- Sends them, as fast as the venue's rate lets it. True when none is left.
function Held:release()
  if self.rate_timer then return false end
  while self[1] do
    local ok, why, wait = self.session:take_place(self.symbol, dispatch.now())
    if wait then
      self.rate_timer = dispatch.after(wait, self, "release_more")
      return false
    end
    each.in_turn({ take(self, 1) }, self.session.log, "send", function(order)
      if ok then self.session:send_order(order) else reject(self, order, why) end
    end)
  end
  return true
end

function Held:release_more()
  self.rate_timer = nil
  if self:release() then self.countdown:on_released(self.symbol) end
end

return M
