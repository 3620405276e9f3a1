--- The executions of one order, asked for. A venue that overlooks the filter in the question, or
--- has several orders under one client order id, answers with those of others as well: what names
--- another order is never booked on this one.

local M = {}

-- Whether a report is of this order, as far as ids tell. An order whose id is not known yet may be
-- the one that is named, unless that one is known.
local function is_of(session, order, report)
  local order_id = report.order_id
  if not order_id or session:is_of(order, report.client_order_id, order_id) then return true end
  if order.order_id then return false end
  return session.orders:find(session.name, nil, order_id) == nil
end

-- Without the order's own id nothing tells which of several it is.
local function several_ids(order, reports)
  if order.order_id then return nil end
  local first
  for _, report in ipairs(reports) do
    first = first or report.order_id
    if report.order_id and report.order_id ~= first then return first, report.order_id end
  end
end

--- Asks the venue, in a task; oldest first. What is another order's is left out, and said.
---@param session table
---@param order moonwire.Order
---@return moonwire.Report[]|nil reports
---@return string|nil err
function M.fetch(session, order)
  local reports, err = session.protocol.fetch_fills(session, order)
  if not reports then return nil, err end
  local own = {}
  for _, report in ipairs(reports) do
    if is_of(session, order, report) then own[#own + 1] = report
    else
      session.log.error("the venue tells of trade %s of order %s when it is asked for those of %s: "
        .. "not booked on this one", report.trade_id, report.order_id, order)
    end
  end
  local one, other = several_ids(order, own)
  if one then
    return nil, ("the venue tells of orders %s and %s for one id of ours"):format(one, other)
  end
  return own
end

return M
