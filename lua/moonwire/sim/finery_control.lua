--- What the control path can do to the simulated Finery Markets and read from it (sim/control.lua).

local floor   = require "moonwire.sim.floor_control"
local Methods = require "moonwire.sim.finery_methods"
local wire    = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

local find_member, one_of = floor.find_member, floor.one_of
local commands = {}

-- Orders and money --------------------------------------------------------------------------------

local kinds = { [0] = "limit", "postOnly", "limitIOC", "limitFOK", "marketIOC", "marketFOK" }

local function order_row(order)
  return object(
    "order_id", text(order.id), "client_order_id", text(order.client_order_id or ""),
    "member", text(order.owner), "pair", text(order.pair.id), "side", text(order.side),
    "type", text(kinds[order.kind]), "status", text(order.status),
    "price", order.price and text(tostring(order.price)),
    "qty", order.size and text(tostring(order.size)),
    "cum_qty", text(tostring(order.cum_qty)), "leaves_qty", text(tostring(order.leaves_qty)),
    "reason", order.cancel_reason or 0, "cod", order.cod ~= nil, "created_at", order.created_at,
    "fills", #order.deals)
end

commands.orders = floor.orders(order_row, function(member) return member.placed end,
                               function(order) return order.status == "open" end)

--- Raises a member's credit: what it may owe in a currency.
function commands.deposit(sim, fields)
  local member, err = find_member(sim, fields)
  local amount
  if member then amount, err = floor.read_amount(fields, "amount") end
  if not amount then return nil, err end
  sim.desk:add_credit(member, (fields.asset or "USD"):upper(), amount)
  return object("ok", true)
end

--- Positions of a member as rows of feed K.
function commands.positions(sim, fields)
  local member, err = find_member(sim, fields)
  if not member then return nil, err end
  return wire.list(sim.desk.position_rows(member))
end

-- Sessions ----------------------------------------------------------------------------------------

--- `code`: 0 links the venue's backend, anything else unlinks it.
function commands.backend(sim, fields)
  local code = tonumber(fields.code)
  if not code or code % 1 ~= 0 or code < 0 then return nil, "backend wants code=0 or an error" end
  sim.feeds:set_backend(code)
  return object("code", code)
end

--- Makes calls of a method fail: `method=add`, `code=10`, `times=1`; `executed=1`: they happen.
function commands.fail(sim, fields)
  local code, times = tonumber(fields.code), tonumber(fields.times or "1")
  if not Methods.has(fields.method) then
    return nil, string.format('method "%s": there is none', fields.method or "")
  end
  if not code or not times then return nil, "fail wants code= and times=" end
  sim.methods:fail(fields.method, code, times, fields.executed == "1")
  return object("ok", true)
end

--- `member`, `state=open|closed`: whether it may trade.
function commands.member(sim, fields)
  local member, err = find_member(sim, fields)
  local state
  if member then state, err = one_of(fields, "state", { "open", "closed" }) end
  if not state then return nil, err end
  member.state = state
  return object("name", text(member.name), "role", text(member.role), "state", text(state))
end

return floor.module(commands)
