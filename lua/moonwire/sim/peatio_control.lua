--- What the control path can do to the simulated Peatio and read from it (sim/control.lua), beside
--- what it can do to any floor.

local floor = require "moonwire.sim.floor_control"
local wire  = require "moonwire.sim.wire"

local text, object = wire.text, wire.object
local commands = {}
local statuses = { wait = "open", done = "filled", cancel = "canceled" }

local function order_row(order)
  return object(
    "order_id", text(tostring(order.id)), "member", text(order.owner),
    "pair", text(order.pair.ticker_id), "side", text(order.side), "type", text(order.ord_type),
    "status", text(statuses[order.state] or order.state),
    "price", order.price and text(tostring(order.price)), "qty", text(tostring(order.volume)),
    "cum_qty", text(tostring(order.executed)),
    "leaves_qty", text(tostring(order.volume - order.executed)),
    "created_at", order.created_ms, "fills", #order.trades)
end

commands.orders = floor.orders(order_row, function(member) return member.orders end,
                               function(order) return order.state == "wait" end)

--- The matching engine starts anew and tells its books again.
function commands.restart_engine(sim)
  sim.desk:restart_engine()
  return object("ok", true)
end

--- `member`, `level=N`, `state=TEXT`.
function commands.member(sim, fields)
  local member, err = floor.find_member(sim, fields)
  if not member then return nil, err end
  if fields.level and not tonumber(fields.level) then return nil, "level wants a number" end
  member.level, member.state = tonumber(fields.level) or member.level, fields.state or member.state
  return object("name", text(member.name), "level", member.level, "state", text(member.state))
end

return floor.module(commands)
