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

--- All orders of the members, or of one; `open=1`: the open ones.
function commands.orders(sim, fields)
  local rows = {}
  for _, member in ipairs(sim.desk.member_list) do
    if (fields.member or member.name) == member.name then
      for _, order in ipairs(member.orders) do
        if fields.open ~= "1" or order.state == "wait" then rows[#rows + 1] = order_row(order) end
      end
    end
  end
  return wire.list(rows)
end

--- Cancels by the venue's hand: `member`, `pair`; all of them when missing.
function commands.cancel_orders(sim, fields, now)
  local count = 0
  for _, member in ipairs(sim.desk.member_list) do
    for _, pair in ipairs(sim.desk.pairs) do
      if (fields.member or member.name) == member.name
         and (fields.pair or pair.id) == pair.id then
        count = count + sim.desk:cancel_all(member, pair, sim.clock:venue(now))
      end
    end
  end
  return object("canceled", count)
end

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

--- Sends `text` as it is to all connections.
function commands.push(sim, fields)
  local list = { unpack(sim.socket.connections) }
  for _, connection in ipairs(list) do connection.link:send(fields.text or "", "trade") end
  return object("connections", #list)
end

function commands.clock(sim, fields)
  local offset = tonumber(fields.offset_ms)
  if not offset then return nil, "clock wants offset_ms=" end
  sim.clock.offset = math.floor(offset)
  return object("offset_ms", sim.clock.offset)
end

return floor.module(commands)
