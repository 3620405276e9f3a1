--- What happened between two runs is booked before a strategy has started, and told after it. The
--- journal knows how far a strategy has heard of its fills (record.lua), so those behind that are
--- told by the next run, however this one ends. How orders ended is recorded beside what the
--- strategy keeps until it is told; what is about to be told is no longer recorded, so nothing is
--- told twice.

local fill_module = require "moonwire.fill"
local persist = require "moonwire.persist"
local record = require "moonwire.record"
local restore = require "moonwire.restore"

local M = {}

-- No strategy's name has a colon.
local function key_of(strategy, number) return ("untold:%s:%06d"):format(strategy, number) end

--- Records that on_order is to be called with order and event.
---@param strategy string
---@param number integer  its place among those that wait
---@param order moonwire.Order
---@param event moonwire.OrderEvent
function M.record(strategy, number, order, event)
  local text, err = persist.encode { venue = order.venue, client_order_id = order.client_order_id,
                                     order_id = order.order_id, previous = event.previous,
                                     reason = event.reason }
  if not text then return nil, err end
  record.persist(key_of(strategy, number), text)
  return true
end

--- It is told now.
function M.forget(strategy, number)
  record.persist(key_of(strategy, number), "")
end

--- Keeps how orders end at a desk without strategies (a sweep, a repair) for the next run, which
--- has them; of fills the journal knows it.
---@param desk moonwire.Desk
---@param archive table
function M.keep_all(desk, archive)
  local numbers, class = {}, getmetatable(desk)
  function desk:on_order_changed(order)
    class.on_order_changed(self, order)
    local strategy = order.strategy
    if order:is_open() or not strategy or order.external then return end
    if not numbers[strategy] then
      local waiting = archive:untold("untold:" .. strategy)
      numbers[strategy] = waiting[1] and waiting[#waiting].number or 0
    end
    numbers[strategy] = numbers[strategy] + 1
    local ok, err = M.record(strategy, numbers[strategy], order,
                             { previous = order.previous_status, reason = order.reason })
    if not ok then desk.log.error("not kept for strategy %s: %s", strategy, err) end
  end
end

-- What earlier runs did not come to tell ----------------------------------------------------------

local function fill_of(order, archived)
  local fill = fill_module.new(order._view, archived.trade_id, restore.execution(archived))
  fill_module.set_number(fill, archived.number)
  if archived.is_estimate then rawset(fill, "is_estimate", true) end
  return fill
end

local function restore_fills(strategy, archive, find, log)
  local list = {}
  for _, archived in ipairs(archive:untold_fills(strategy)) do
    local order = find(archived.venue, archived.client_order_id, archived.order_id)
    if order then
      list[#list + 1] = { name = "on_fill", a = fill_of(order, archived), b = order._view }
    else
      log.error("on_fill is not called for trade %s of order %s, %s at %s: its order is not known "
                .. "any more", archived.trade_id or "?",
                archived.client_order_id or archived.order_id, archived.qty, archived.price)
    end
  end
  return list
end

local function restore_ends(strategy, archive, find, log)
  local list = {}
  for _, row in ipairs(archive:untold("untold:" .. strategy)) do
    local entry, err = persist.decode(row.text)
    local order = entry and find(entry.venue, entry.client_order_id, entry.order_id)
    if order then
      list[#list + 1] = { name = "on_order", a = order._view, number = row.number,
                          b = { previous = entry.previous, reason = entry.reason } }
    else log.error("what the run before did not come to tell is lost: %s", err or row.text) end
  end
  return list
end

-- on_order follows on_fill: that an order was filled is not told either when its last fill is not.
local function add_filled(list, fills, ends)
  local last_of = {}
  for _, heard in ipairs(ends) do last_of[heard.a] = "told" end
  for i, heard in ipairs(fills) do last_of[heard.b] = last_of[heard.b] ~= "told" and i or "told" end
  for i, heard in ipairs(fills) do
    list[#list + 1] = heard
    local order = heard.b
    if last_of[order] == i and order.status == "filled" then
      local was_first = order.cum_qty == heard.a.qty
      list[#list + 1] = { name = "on_order", a = order, b = {
        previous = was_first and "new" or "partially_filled", reason = order.reason } }
    end
  end
end

--- What the strategy did not hear of, in its order: { name =, a =, b =, number = }, ...; its
--- `number` is the last one of those that M.record has.
---@param strategy string
---@param archive table
---@param find fun(venue: string, client_order_id: string|nil, order_id: string|nil): table|nil
---@param log table
---@return table list
---@return integer fill_count
function M.restore(strategy, archive, find, log)
  local fills = restore_fills(strategy, archive, find, log)
  local ends = restore_ends(strategy, archive, find, log)
  local list = { number = #ends > 0 and ends[#ends].number or 0 }
  add_filled(list, fills, ends)
  for _, heard in ipairs(ends) do list[#list + 1] = heard end
  return list, #fills
end

return M
