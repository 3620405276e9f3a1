--- What happened between two runs is booked before a strategy has started, and told after it. Until
--- then it is recorded beside what the strategy keeps, so that it is told by the next run when this
--- one dies in between; what is about to be told is no longer recorded, so nothing is told twice.

local execution = require "moonwire.execution"
local order_module = require "moonwire.order"
local persist = require "moonwire.persist"
local record = require "moonwire.record"

local M = {}

-- No strategy's name has a colon.
local function key_of(strategy, number) return ("untold:%s:%06d"):format(strategy, number) end

local function entry_of(name, a, b)
  local order = name == "on_fill" and b or a
  local entry = { name = name, venue = order.venue, client_order_id = order.client_order_id,
                  order_id = order.order_id }
  if name == "on_fill" then
    entry.trade_id, entry.qty, entry.price, entry.fees = a.trade_id, a.qty, a.price, a.fees
    entry.liquidity, entry.time, entry.is_estimate = a.liquidity, a.time, a.is_estimate
  else
    entry.previous, entry.reason = b.previous, b.reason
  end
  return entry
end

--- Records that callback `name` is to be called with a and b.
---@param strategy string
---@param number integer  its place among those that wait
---@param name "on_fill"|"on_order"
function M.record(strategy, number, name, a, b)
  local text, err = persist.encode(entry_of(name, a, b))
  if not text then return nil, err end
  record.persist(key_of(strategy, number), text)
  return true
end

--- It is told now.
function M.forget(strategy, number)
  record.persist(key_of(strategy, number), "")
end

local function fill_of(order, entry)
  local fill = order_module.fill(order, entry.trade_id, execution.of {
    last_qty = entry.qty, last_price = entry.price, fees = entry.fees, time = entry.time,
    liquidity = entry.liquidity,
  })
  fill.is_estimate = entry.is_estimate
  return fill
end

--- Keeps what happens at a desk without strategies (a sweep, a repair) for the next run, which has
--- them: fills, and how orders ended.
---@param desk moonwire.Desk
---@param archive table
function M.keep_all(desk, archive)
  local numbers, class = {}, getmetatable(desk)
  local function keep(order, name, a, b)
    local strategy = order.strategy
    if not strategy or order.external then return end
    if not numbers[strategy] then
      local waiting = archive:untold("untold:" .. strategy)
      numbers[strategy] = waiting[1] and waiting[#waiting].number or 0
    end
    numbers[strategy] = numbers[strategy] + 1
    local ok, err = M.record(strategy, numbers[strategy], name, a, b)
    if not ok then desk.log.error("not kept for strategy %s: %s", strategy, err) end
  end
  function desk:on_order_filled(order, fill)
    class.on_order_filled(self, order, fill)
    keep(order, "on_fill", fill, order)
  end
  function desk:on_order_changed(order)
    class.on_order_changed(self, order)
    if order:is_open() then return end
    keep(order, "on_order", order, { previous = order.previous_status, reason = order.reason })
  end
end

--- What the run before did not come to tell: { name =, a =, b =, number = }, ... in its order.
---@param strategy string
---@param archive table
---@param find fun(venue: string, client_order_id: string|nil, order_id: string|nil): table|nil
---@param log table
function M.restore(strategy, archive, find, log)
  local list = {}
  for _, row in ipairs(archive:untold("untold:" .. strategy)) do
    local entry, err = persist.decode(row.text)
    local order = entry and find(entry.venue, entry.client_order_id, entry.order_id)
    local heard = order and { name = entry.name, a = order, number = row.number,
                              b = { previous = entry.previous, reason = entry.reason } }
    if heard and entry.name == "on_fill" then heard.a, heard.b = fill_of(order, entry), order end
    if heard then list[#list + 1] = heard
    else log.error("what the run before did not come to tell is lost: %s", err or row.text) end
  end
  return list
end

return M
