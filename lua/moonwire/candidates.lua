--- At venues without client order ids: which of the venue's orders is the one whose answer was
--- lost. An order is a candidate when it is ours by content and time and no other order of ours has
--- its id. One is evidence, several are a doubt, and no doubt is guessed away.

local decimal = require "moonwire.decimal"

local M = {}
local SLACK = 3                       -- seconds: venues tell whole ones, and clocks differ

-- Ids of a venue that counts upwards, as text.
local function is_above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
M.is_above = is_above

local function same(a, b)
  if decimal.is(a) and decimal.is(b) then return a == b end
  return not decimal.is(a) and not decimal.is(b)
end

local function has_content_of(report, order)
  return report.symbol == order.symbol and report.side == order.side and report.type == order.type
    and same(report.price, order.price) and same(report.qty, order.qty)
end

--- Refuses an order while one of the same content is on its way or in doubt: the two could not be
--- told apart.
---@param session table
---@param fields table  of the order that is to be sent
---@return boolean|nil ok
---@return string|nil err
function M.refuse_twin(session, fields)
  for _, order in ipairs(session.orders.open) do
    if order.venue == session.name and not order.order_id and not order.external
      and has_content_of(order, fields) then
      return nil, ("an equal order is on its way or in doubt, and %s has no client order ids to "
                   .. "tell the two apart: wait for its answer"):format(session.protocol.name)
    end
  end
  return true
end

-- When an order was sent, by the venue's clock as far as it is known now; the earliest such time is
-- kept.
local function note(session, order)
  local memory, sent = session.memory, order._sent_at or order.created_at
  sent = sent + session.clock_offset_ms / 1000
  local earliest = memory.sent_at or setmetatable({}, { __mode = "k" })
  memory.sent_at = earliest
  earliest[order] = math.min(sent, earliest[order] or sent)
  return earliest[order]
end

--- The order is sent now; see sent_at.
M.note_sent = note

--- When an order was sent, by the venue's clock: the earliest that it may have been. How far ours
--- is off is measured from time to time, and it may be set in between, before an order is sent or
--- after. So it is measured now, and of this and what was known then the earlier time counts. In a
--- task.
---@param session table
---@param order moonwire.Order
---@return number seconds
function M.sent_at(session, order)
  session:measure_clock()
  return note(session, order)
end

--- The one of these reports that is the order.
---@param session table
---@param order moonwire.Order   without an order_id
---@param reports moonwire.Report[]  with order_id, symbol, side, type, price, qty, time
---@param above string|nil  the highest id that was known when it was sent
---@param sent_at number    when it was sent, by the venue's clock
---@return moonwire.Report|nil report
---@return string|nil err   "not_found", or what makes the choice impossible
function M.pick(session, order, reports, above, sent_at)
  local found, ids, is_listed = nil, {}, {}
  for _, report in ipairs(reports) do
    local known = session.orders:find(session.name, nil, report.order_id)
    if has_content_of(report, order) and (not known or known.external or known == order)
      and (not above or is_above(report.order_id, above))
      and (not report.time or report.time >= sent_at - SLACK) then
      if not is_listed[report.order_id] then ids[#ids + 1] = report.order_id end
      found, is_listed[report.order_id] = report, true       -- in two lists: the later one counts
    end
  end
  if #ids == 0 then return nil, "not_found" end
  if #ids == 1 then return found end
  return nil, ("%d orders of the venue may be this one (%s): look which is yours, and cancel it "
               .. "there"):format(#ids, table.concat(ids, ", "))
end

return M
