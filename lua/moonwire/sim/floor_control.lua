--- What the control path can do to the trading floor of any simulator: money, orders, the clock,
--- the made market, the book. A venue's own commands stand beside it. `sim` has clock, market, and
--- desk (a floor.lua); where nothing is quoted, desk has ledger, members, member_list,
--- default_asset and check.

local decimal = require "moonwire.decimal"
local wire    = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

local M = {}
local money, market = {}, {}

--- The pair that `pair` names; nil and what is wrong.
function M.find_pair(sim, fields)
  local pair = sim.desk.by_ticker[fields.pair or ""] or sim.desk.by_id[fields.pair or ""]
  if pair then return pair end
  return nil, string.format('pair "%s": there is none', fields.pair or "")
end

--- The member that `member` names, the first one without it.
function M.find_member(sim, fields)
  local member = sim.desk.members[fields.member or sim.desk.member_list[1].name]
  if member then return member end
  return nil, string.format('member "%s": there is none', fields.member)
end

--- A positive decimal of a field; nil and what is wrong.
function M.read_amount(fields, name)
  local value = decimal.parse(fields[name] or "")
  if value and value > decimal "0" then return value end
  return nil, string.format('%s="%s": expected an amount above 0', name, fields[name] or "")
end

--- A field that must be one of these.
function M.one_of(fields, name, choices)
  for _, choice in ipairs(choices) do
    if fields[name] == choice then return choice end
  end
  return nil, string.format('%s="%s": expected %s', name, fields[name] or "",
                            table.concat(choices, " or "))
end

--- The command that lists orders: those of all members or of `member`; `open=1`: the open ones.
---@param row_of fun(order: table): string            as JSON
---@param list_of fun(member: table, sim: table): table[]
---@param is_open fun(order: table): boolean
function M.orders(row_of, list_of, is_open)
  return function(sim, fields)
    local rows = {}
    for _, member in ipairs(sim.desk.member_list) do
      for _, order in ipairs((fields.member or member.name) == member.name
                             and list_of(member, sim) or {}) do
        if fields.open ~= "1" or is_open(order) then rows[#rows + 1] = row_of(order) end
      end
    end
    return wire.list(rows)
  end
end

local find_pair, find_member, read_amount, one_of = M.find_pair, M.find_member, M.read_amount,
                                                    M.one_of

-- Money -------------------------------------------------------------------------------------------

function money.ledger(sim)
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

function money.check(sim)
  local ok, problem = sim.desk:check()
  return object("ok", ok or false, "problem", problem and text(problem))
end

function money.deposit(sim, fields)
  local member, err = find_member(sim, fields)
  local amount
  if member then amount, err = read_amount(fields, "amount") end
  if not amount then return nil, err end
  local asset = fields.asset or sim.desk.default_asset or sim.desk.pairs[1].quote
  sim.desk.ledger:deposit(member.name, asset, amount)
  return object("ok", true)
end

--- How far the venue's clock is from the real one: `offset_ms`.
function money.clock(sim, fields)
  local offset = tonumber(fields.offset_ms)
  if not offset then return nil, "clock wants offset_ms=" end
  sim.clock.offset = math.floor(offset)
  return object("offset_ms", sim.clock.offset)
end

-- The market --------------------------------------------------------------------------------------

local function market_order(sim, fields, now, in_force)
  local pair, side, price, qty, err
  pair, err = find_pair(sim, fields)
  if pair then side, err = one_of(fields, "side", { "buy", "sell" }) end
  if side then
    if fields.price then price, err = read_amount(fields, "price")
    else
      price = sim.desk.engine:best(pair.id, side == "buy" and "sell" or "buy")
      if not price then err = "price: there is no best one to take" end
    end
  end
  if price then qty, err = read_amount(fields, "qty") end
  if not qty then return nil, err end
  local order = sim.desk:place_market({ pair = pair, side = side, type = "limit", price = price,
                                        qty = qty, time_in_force = in_force }, sim.clock:venue(now))
  return object("status", text(order.status), "cum_qty", text(tostring(order.cum_qty)))
end

--- The market takes: `pair`, `side`, `qty`, `price` (default: the best).
function market.trade(sim, fields, now) return market_order(sim, fields, now, "ioc") end

--- The market rests an order: `pair`, `side`, `price`, `qty`.
function market.quote(sim, fields, now) return market_order(sim, fields, now, "gtc") end

--- Moves the made market to `price` or by `percent`, and quotes there.
function market.move(sim, fields, now)
  local pair, err = find_pair(sim, fields)
  if not pair then return nil, err end
  local percent = tonumber(fields.percent)
  local price = tonumber(fields.price) or percent and sim.market.mids[pair.id] * (1 + percent / 100)
  if not price or price <= 0 then return nil, "move wants price= or percent=" end
  sim.market:move(pair, price, sim.clock:venue(now))
  return object("price", text(string.format("%.10g", price)))
end

--- `on=1` or `on=0`; `withdraw=1` also takes the quotes out.
function market.market(sim, fields, now)
  local state, err = one_of(fields, "on", { "1", "0" })
  if not state then return nil, err end
  if state == "1" then sim.market:start(now) else sim.market:stop(now, fields.withdraw == "1") end
  return object("on", sim.market.is_on)
end

function market.book(sim, fields)
  local pair, err = find_pair(sim, fields)
  if not pair then return nil, err end
  return sim.desk:book_text(pair, 50, tostring)
end

--- Cancels by the venue's hand: `member`, `pair`; all of them when missing.
function market.cancel_orders(sim, fields, now)
  local only, err
  if fields.pair then only, err = find_pair(sim, fields) end
  if err then return nil, err end
  local count = 0
  for _, member in ipairs(sim.desk.member_list) do
    for _, pair in ipairs((fields.member or member.name) == member.name and sim.desk.pairs or {}) do
      if pair == (only or pair) then
        count = count + sim.desk:cancel_all(member, pair, sim.clock:venue(now))
      end
    end
  end
  return object("canceled", count)
end

local function module_of(sets)
  local all, names = {}, {}
  for _, set in ipairs(sets) do
    for name, command in pairs(set) do all[name], names[name] = command, true end
  end
  return { names = names, run = function(sim, name, fields, now)
    return all[name](sim, fields, now)
  end }
end

--- Adds these commands, and those of the venue, to a module: run(sim, name, fields, now), which
--- gives JSON text, or nil and what is wrong; and names.
---@param own table<string, function>  name -> function(sim, fields, now)
function M.module(own) return module_of { money, market, own } end

--- The same for a venue where nothing is quoted.
function M.money_module(own) return module_of { money, own } end

return M
