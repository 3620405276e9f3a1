--- A venue's trading floor as far as venues with a book do not differ: markets, members and their
--- money, the made market's orders, who hears what happens, and the invariants. A venue's class has
--- apply(events), which books what the engine says.

local decimal = require "moonwire.decimal"
local Engine  = require "moonwire.sim.engine"
local Ledger  = require "moonwire.sim.ledger"
local wire    = require "moonwire.sim.wire"

local ZERO = decimal "0"

---@class moonwire.sim.Floor
local Floor = { __name = "moonwire.sim.Floor" }
Floor.__index = Floor

--- The made market: who rests and who takes. And the venue, which earns what it charges.
Floor.QUOTES, Floor.TAKES, Floor.VENUE = "@quotes", "@takes", "@venue"

--- A venue's class of floors.
function Floor.class(name)
  local class = setmetatable({ __name = name }, Floor)
  class.__index = class
  return class
end

--- A floor of a class, its markets open. `fields`: pairs (id, ticker_id, qty_step, start_price,
--- first_number), settings, and what the class needs.
function Floor.new(class, fields)
  local floor = setmetatable(fields, class)
  floor.engine, floor.ledger = Engine.new(), Ledger.new()
  floor.by_ticker, floor.by_id, floor.members, floor.member_list = {}, {}, {}, {}
  floor.listeners, floor.touched = {}, {}
  for _, pair in ipairs(floor.pairs) do
    floor.by_ticker[pair.ticker_id], floor.by_id[pair.id] = pair, pair
    pair.last = pair.start_price
    pair.market = floor.engine:open_market(pair.id, { qty_step = pair.qty_step,
                                                      first_number = pair.first_number })
  end
  return floor
end

-- Members -----------------------------------------------------------------------------------------

--- Lets a member (with a name) trade with this money: asset -> decimal text.
function Floor:admit(member, balances)
  for asset, amount in pairs(balances) do
    self.ledger:deposit(member.name, asset, decimal(amount))
  end
  self.members[member.name] = member
  table.insert(self.member_list, member)
  return member
end

--- Has the member's events handed over at the next flush.
function Floor:touch(member)
  if self.touched[member] then return end
  self.touched[member] = true
  table.insert(self.touched, member)
end

--- Calls hand_over(member, now) of the venue for each member that was touched.
function Floor:flush(now)
  while self.touched[1] do
    local member = table.remove(self.touched, 1)
    self.touched[member] = nil
    self:hand_over(member, now)
  end
end

function Floor:listen(object) table.insert(self.listeners, object) end

--- Calls a method of the listeners that have it.
function Floor:tell(method, ...)
  for _, listener in ipairs(self.listeners) do
    if listener[method] then listener[method](listener, ...) end
  end
end

-- Orders ------------------------------------------------------------------------------------------

--- Makes an order one of the made market's, which has all the money that it needs. `value`: what a
--- buy holds; price times quantity when missing.
function Floor:fund(order, value)
  local pair, is_buy = order.pair, order.side == "buy"
  order.symbol, order.self_trade = pair.id, "maker"
  order.owner = order.time_in_force == "ioc" and Floor.TAKES or Floor.QUOTES
  local asset = is_buy and pair.quote or pair.base
  local amount = is_buy and (value or order.price * order.qty) or order.qty
  local missing = amount - self.ledger:free(order.owner, asset)
  if missing > ZERO then self.ledger:deposit(order.owner, asset, missing) end
  assert(self.ledger:hold(order.owner, asset, amount))
  order.hold_asset, order.hold_left = asset, amount
end

--- Gives back what an order still holds; says how much that was.
function Floor:release_rest(order)
  local left = order.hold_left
  if left > ZERO then self.ledger:release(order.owner, order.hold_asset, left) end
  order.hold_left = ZERO
  return left
end

--- Cancels an order that may be open. nil when it is not.
function Floor:cancel(order, now, reason)
  local events = self.engine:cancel(order, now, reason)
  if not events then return nil, "not open" end
  self:apply(events)
  return true
end

--- Cancels all of a member's open orders of a pair; says how many.
function Floor:cancel_all(member, pair, now, reason)
  local events = self.engine:cancel_all(pair.id, member.name, now, reason)
  self:apply(events)
  return #events
end

--- Both sides of a pair's book, best first, as JSON: lists of price and quantity as texts.
---@param qty_text fun(qty: moonwire.Decimal): string
function Floor:book_text(pair, limit, qty_text)
  local function side(name)
    return wire.list(wire.each(self.engine:depth(pair.id, name, limit), function(level)
      return wire.list { wire.text(tostring(level.price)), wire.text(qty_text(level.qty)) }
    end))
  end
  return wire.object("buy", side "buy", "sell", side "sell")
end

--- Drops the older half of a list that has grown to twice `kept`: a run of days must not fill the
--- memory, and to drop one an entry would cost too much.
---@param on_drop? fun(entry: any)
function Floor.trim(list, kept, on_drop)
  if #list < 2 * kept then return end
  for i = 1, kept do
    if on_drop then on_drop(list[i]) end
    list[i] = list[i + kept]
  end
  for i = #list, kept + 1, -1 do list[i] = nil end
end

--- All invariants of money and books. true, or nil and what is broken. O(orders).
function Floor:check()
  local ok, problem = self.ledger:check()
  for _, pair in ipairs(self.pairs) do
    if not ok then return nil, problem end
    ok, problem = self.engine:check(pair.id)
    if not ok then problem = pair.id .. ": " .. problem end
  end
  return ok, problem
end

return Floor
