--- Reports of orders that nobody knows and that name no client order id, because the venue has none
--- or leaves it out. Such a report may speak of an order of ours whose answer is still on its way:
--- as long as there is one that it may be, it waits here. Then it finds its order, or the order is
--- somebody else's.

local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"

local Strays = { __name = "moonwire.Strays" }
Strays.__index = Strays

local M = {}
local LOOK_SECONDS = 0.25

function M.new(session) return setmetatable({ session = session, held = {} }, Strays) end

--- Whether an order of ours has no id yet that a report of this symbol and side may speak of.
function Strays:may_be_ours(report)
  local session = self.session
  if session.has_client_ids and report.client_order_id then return false end
  for _, order in ipairs(session.orders.open) do
    if order.venue == session.name and not order.external
      and (not order.order_id or session:is_replacing(order))
      and order.symbol == report.symbol and order.side == report.side then
      return true
    end
  end
  return false
end

--- Keeps a report, which is the caller's no more.
function Strays:hold(report)
  self.held[#self.held + 1] = report
  if not self.timer then self.timer = dispatch.after(LOOK_SECONDS, self, "look") end
end

function Strays:is_empty() return #self.held == 0 end

--- Hands on whatever need not wait any longer, in the order in which it came.
function Strays:settle()
  local session, held = self.session, self.held
  self.held = {}
  each.in_turn(held, session.log, "report of", function(report)
    local is_known = session.orders:find(session.name, nil, report.order_id)
    if not is_known and self:may_be_ours(report) then self.held[#self.held + 1] = report
    else session:on_report(report) end
  end)
end

function Strays:look()
  self.timer = nil
  self:settle()
  if not self:is_empty() and not self.timer then
    self.timer = dispatch.after(LOOK_SECONDS, self, "look")
  end
end

function Strays:stop()
  if self.timer then self.timer:stop() end
end

return M
