--- What `moonwire audit --repair` does about a difference: the venue is asked about the order, and
--- what it says is booked as in a run, with a record of each step. Nothing is sent but questions,
--- and nothing that was booked is taken back.

local each = require "moonwire.each"
local log = require "moonwire.log"
local record = require "moonwire.record"
local task = require "moonwire.task"

local M = {}
-- Until silence about an order that was never seen is evidence (reconcile.lua).
local TIMES, WAIT_SECONDS = 4, 5

local function order_of(session, archive, difference)
  local client_order_id, order_id = difference.client_order_id, difference.order_id
  local order = session.orders:find(session.name, client_order_id, order_id)
  if order then return order end
  local archived = archive:order(session.name, client_order_id, order_id)
  if archived then return session.orders:restore(archived) end
  return difference.report and session:order_of(difference.report)
end

local function settle(session, order)
  for i = 1, TIMES do
    local is_over, err = session.reconciler:look(order)
    if is_over or is_over == nil then return is_over, err end
    if order._was_seen or i == TIMES then return nil, "the venue does not find it" end
    task.sleep(WAIT_SECONDS)
  end
end

--- Books what the venue says about the orders of these differences; in a task.
---@param session table
---@param archive table
---@param differences moonwire.Difference[]
function M.run(session, archive, differences)
  local seen, own_log = {}, log.new { venue = session.name }
  each.in_turn(differences, own_log, "audit: repair", function(difference)
    local order = order_of(session, archive, difference)
    if not order or seen[order] then return end
    seen[order] = true
    local ok, err = settle(session, order)
    local text = ("audit: %s: %s: %s"):format(session.name, order, ok
      and "what the venue says is booked" or "not repaired: " .. tostring(err))
    record.alarm(text)
    own_log.warn("%s", text)
  end)
end

return M
