--- What the control path can do to the simulated Indodax and read from it (sim/control.lua).

local floor = require "moonwire.sim.floor_control"
local wire  = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

local find_pair, find_member, one_of = floor.find_pair, floor.find_member, floor.one_of
local commands = {}

-- Orders ------------------------------------------------------------------------------------------

local function order_row(order)
  return object(
    "order_id", text(order.full_id), "client_order_id", text(order.client_order_id),
    "member", text(order.owner), "pair", text(order.pair.ticker_id), "side", text(order.side),
    "type", text(order.type_name), "status", text(order.status),
    "price", order.price and text(tostring(order.price)),
    "qty", order.qty and text(tostring(order.qty)),
    "cum_qty", text(tostring(order.cum_qty)), "leaves_qty", text(tostring(order.leaves_qty)),
    "created_at", order.created_at, "fills", #order.trade_rows)
end

-- By pair, and there in the order of their numbers.
local function orders_of(member, sim)
  local all = {}
  for _, pair in ipairs(sim.desk.pairs) do
    local orders = {}
    for _, order in pairs(member.orders[pair.id]) do orders[#orders + 1] = order end
    table.sort(orders, function(a, b) return a.number < b.number end)
    for _, order in ipairs(orders) do all[#all + 1] = order end
  end
  return all
end
commands.orders = floor.orders(order_row, orders_of,
                               function(order) return order.status == "open" end)

--- What the members have traded, each side of it, by member and pair in the order of time.
function commands.fills(sim)
  local rows = {}
  for _, member in ipairs(sim.desk.member_list) do
    for _, pair in ipairs(sim.desk.pairs) do
      for _, trade in ipairs(member.trades[pair.id]) do
        rows[#rows + 1] = object(
          "order_id", text(trade.order.full_id),
          "client_order_id", text(trade.order.client_order_id), "trade_id", text(trade.id),
          "qty", text(tostring(trade.qty)), "price", text(tostring(trade.price)),
          "commission", text(tostring(trade.commission)), "liquidity", text(trade.liquidity),
          "time", trade.time)
      end
    end
  end
  return wire.list(rows)
end

-- Sessions ----------------------------------------------------------------------------------------

--- Ends all tokens. Live private connections close with 3005: 25 s later, as the venue does, or
--- with `now=1` at once.
function commands.expire(sim, fields, now)
  sim.auth:expire_tokens(sim.clock:venue(now))
  local count = 0
  for _, connection in ipairs { unpack(sim.private.connections) } do
    if connection.user then
      count = count + 1
      if fields.now == "1" then connection:close(3005) else connection:expire_at(now) end
    end
  end
  return object("connections", count)
end

--- Publishes `data` (JSON) to a member's private channel.
function commands.publish(sim, fields)
  local member, err = find_member(sim, fields)
  if not member then return nil, err end
  sim.private:publish(member.channel_user, fields.data or "[]")
  for _, connection in ipairs { unpack(sim.private.connections) } do connection:flush() end
  return object("ok", true)
end

function commands.unsubscribe(sim, fields)
  sim.private:unsubscribe_all(tonumber(fields.code) or 2500, fields.reason or "insufficient state")
  return object("ok", true)
end

--- `member`, `permission=trade|view|none`, `state=open|locked|disabled`.
function commands.member(sim, fields)
  local member, err = find_member(sim, fields)
  if not member then return nil, err end
  fields.permission = fields.permission or member.permission
  fields.state = fields.state or member.state
  local permission, state
  permission, err = one_of(fields, "permission", { "trade", "view", "none" })
  if permission then state, err = one_of(fields, "state", { "open", "locked", "disabled" }) end
  if not state then return nil, err end
  member.permission, member.state = permission, state
  return object("name", text(member.name), "permission", text(member.permission),
                "state", text(member.state), "channel", text("pws:#" .. member.channel_user))
end

--- `pair`, `state=open|suspended|maintenance|disabled`.
function commands.pair(sim, fields)
  local pair, err = find_pair(sim, fields)
  local state
  if pair then
    state, err = one_of(fields, "state", { "open", "suspended", "maintenance", "disabled" })
  end
  if not state then return nil, err end
  pair.state = state
  return object("pair", text(pair.ticker_id), "state", text(state))
end

--- The armed countdowns, ms left.
function commands.countdowns(sim, _, now)
  local rows = {}
  for name, left in pairs(sim.countdown:armed(now)) do rows[name] = string.format("%.0f", left) end
  return object("armed", wire.map(rows), "beats", sim.countdown.beats,
                "expired", sim.countdown.expired)
end

return floor.module(commands)
