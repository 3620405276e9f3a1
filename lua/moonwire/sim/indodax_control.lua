--- What the control path can do to the simulated Indodax and read from it (sim/control.lua).

local decimal = require "moonwire.decimal"
local wire    = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

local M = {}
local commands = {}
M.names = {}

--- Runs a command with its fields (texts); JSON text, or nil and what is wrong.
function M.run(sim, name, fields, now)
  return commands[name](sim, fields, now)
end

local function find_pair(sim, fields)
  local pair = sim.desk.by_ticker[fields.pair or ""] or sim.desk.by_id[fields.pair or ""]
  if pair then return pair end
  return nil, string.format('pair "%s": there is none', fields.pair or "")
end

local function find_member(sim, fields)
  local member = sim.desk.members[fields.member or sim.desk.member_list[1].name]
  if member then return member end
  return nil, string.format('member "%s": there is none', fields.member)
end

-- A positive decimal of a field, nil and what is wrong.
local function read_amount(fields, name)
  local value = decimal.parse(fields[name] or "")
  if value and value > decimal "0" then return value end
  return nil, string.format('%s="%s": expected an amount above 0', name, fields[name] or "")
end

local function one_of(fields, name, choices)
  for _, choice in ipairs(choices) do
    if fields[name] == choice then return choice end
  end
  return nil, string.format('%s="%s": expected %s', name, fields[name] or "",
                            table.concat(choices, " or "))
end

-- Money and orders --------------------------------------------------------------------------------

function commands.ledger(sim)
  local accounts = {}
  for owner, account in pairs(sim.desk.ledger.accounts) do
    local assets = {}
    for asset, b in pairs(account) do
      assets[asset] = object("free", text(tostring(b.free)), "held", text(tostring(b.held)))
    end
    accounts[owner] = wire.map(assets)
  end
  return wire.map(accounts)
end

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

--- All orders of the members, or of one; `open=1`: the open ones.
function commands.orders(sim, fields)
  local rows = {}
  for _, member in ipairs(sim.desk.member_list) do
    for _, pair in ipairs(not fields.member and sim.desk.pairs
                          or fields.member == member.name and sim.desk.pairs or {}) do
      local orders = {}
      for _, order in pairs(member.orders[pair.id]) do
        if fields.open ~= "1" or order.status == "open" then orders[#orders + 1] = order end
      end
      table.sort(orders, function(a, b) return a.number < b.number end)
      for _, order in ipairs(orders) do rows[#rows + 1] = order_row(order) end
    end
  end
  return wire.list(rows)
end

function commands.check(sim)
  local ok, problem = sim.desk:check()
  return object("ok", ok or false, "problem", problem and text(problem))
end

function commands.deposit(sim, fields)
  local member, err = find_member(sim, fields)
  local amount
  if member then amount, err = read_amount(fields, "amount") end
  if not amount then return nil, err end
  sim.desk.ledger:deposit(member.name, fields.asset or "idr", amount)
  return object("ok", true)
end

--- Cancels by the venue's hand: `member`, `pair`; all of them when missing.
function commands.cancel_orders(sim, fields, now)
  local count = 0
  for _, member in ipairs(sim.desk.member_list) do
    for _, pair in ipairs(sim.desk.pairs) do
      if (fields.member or member.name) == member.name
         and (fields.pair or pair.ticker_id) == pair.ticker_id then
        count = count + sim.desk:cancel_all(member, pair, sim.clock:venue(now))
      end
    end
  end
  return object("canceled", count)
end

-- The market --------------------------------------------------------------------------------------

local function market_order(sim, fields, now, in_force)
  local pair, side, price, qty, err
  pair, err = find_pair(sim, fields)
  if pair then side, err = one_of(fields, "side", { "buy", "sell" }) end
  if side then
    price = fields.price and decimal.parse(fields.price)
            or sim.desk.engine:best(pair.id, side == "buy" and "sell" or "buy")
    if not price then err = "price: there is no best one to take" end
  end
  if price then qty, err = read_amount(fields, "qty") end
  if not qty then return nil, err end
  local order = sim.desk:place_market({ pair = pair, side = side, type = "limit", price = price,
                                        qty = qty, time_in_force = in_force }, sim.clock:venue(now))
  return object("status", text(order.status), "cum_qty", text(tostring(order.cum_qty)))
end

--- The market takes: `pair`, `side`, `qty`, `price` (default: the best).
function commands.trade(sim, fields, now) return market_order(sim, fields, now, "ioc") end

--- The market rests an order: `pair`, `side`, `price`, `qty`.
function commands.quote(sim, fields, now) return market_order(sim, fields, now, "gtc") end

--- Moves the made market to `price` or by `percent`, and quotes there.
function commands.move(sim, fields, now)
  local pair, err = find_pair(sim, fields)
  if not pair then return nil, err end
  local percent = tonumber(fields.percent)
  local price = tonumber(fields.price) or percent and sim.market.mids[pair.id] * (1 + percent / 100)
  if not price or price <= 0 then return nil, "move wants price= or percent=" end
  sim.market:move(pair, price, sim.clock:venue(now))
  return object("price", text(string.format("%.10g", price)))
end

--- `on=1` or `on=0`; `withdraw=1` also takes the quotes out.
function commands.market(sim, fields, now)
  local state, err = one_of(fields, "on", { "1", "0" })
  if not state then return nil, err end
  if state == "1" then sim.market:start(now) else sim.market:stop(now, fields.withdraw == "1") end
  return object("on", sim.market.is_on)
end

function commands.book(sim, fields)
  local pair, err = find_pair(sim, fields)
  if not pair then return nil, err end
  local function side(name)
    local rows = sim.desk.engine:depth(pair.id, name, 50)
    for i, level in ipairs(rows) do
      rows[i] = wire.list { text(tostring(level.price)), text(tostring(level.qty)) }
    end
    return wire.list(rows)
  end
  return object("buy", side "buy", "sell", side "sell")
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

--- Sends `text` as it is to all private (or `socket=market`) connections.
function commands.push(sim, fields)
  fields.socket = fields.socket or "private"
  local socket, err = one_of(fields, "socket", { "private", "market" })
  if not socket then return nil, err end
  local is_market = socket == "market"
  local list = { unpack((is_market and sim.feed or sim.private).connections) }
  for _, connection in ipairs(list) do
    connection.link:send(fields.text or "", is_market and "feed" or "push")
  end
  return object("connections", #list)
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

function commands.clock(sim, fields)
  local offset = tonumber(fields.offset_ms)
  if not offset then return nil, "clock wants offset_ms=" end
  sim.clock.offset = math.floor(offset)
  return object("offset_ms", sim.clock.offset)
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

for name in pairs(commands) do M.names[name] = true end

return M
