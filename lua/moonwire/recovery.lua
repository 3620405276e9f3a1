--- What a run takes over from those before it: open orders with their owners, positions, what
--- strategies kept, and epochs of ids that are used up. All of it stands before sessions connect;
--- the venue is asked about each order before strategies start.

local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local holdings = require "moonwire.holdings"
local host = require "moonwire.host"
local lookback = require "moonwire.lookback"
local record = require "moonwire.record"
local untold = require "moonwire.untold"

local M = {}
local SLOW_SECONDS = 1

local function restore_persist(desk, archive)
  for _, runner in ipairs(desk.runner_list) do
    local text = archive:persist(runner.name)
    if text then runner:restore_persist(text) end
  end
end

local function restore_positions(desk, archive)
  local began = host.monotonic()
  local positions
  positions, desk.unsettled = holdings.restore(archive, dispatch.now(), desk.log)
  for _, position in pairs(positions) do
    if desk.runners[position.strategy] then desk:take_position(position) end
  end
  local seconds = host.monotonic() - began
  if seconds > SLOW_SECONDS then desk.log.info("positions were counted in %.1f s", seconds) end
end

--- Makes the open orders of the archive orders of this run; it is asked about others from now on.
---@return integer count
function M.restore_orders(desk, archive)
  desk.orders.archive = archive
  local count = 0
  for _, archived in ipairs(archive:open_orders()) do
    if not desk.sessions[archived.venue] then
      desk.log.warn("order %s is open on venue %s, which the configuration does not have any more:"
        .. " look there, and cancel it if it is not wanted", archived.client_order_id
        or archived.order_id, archived.venue)
    elseif desk.orders:restore(archived) then
      count = count + 1
    end
  end
  return count
end

-- What earlier runs booked and did not come to tell. Who has nothing to hear of them, or does not
-- want to, begins with this run.
local function restore_untold(desk, archive)
  local function find(venue, client_order_id, order_id)
    if not desk.sessions[venue] then return nil end
    return desk.orders:find(venue, client_order_id, order_id)
      or desk.orders:recall(venue, client_order_id, order_id)
  end
  for _, runner in ipairs(desk.runner_list) do
    -- (A prompt is told what happens to its orders by nobody but the journal.)
    if not runner.is_console then
      local early, fill_count = untold.restore(runner.name, archive, find, runner.log)
      runner.early = early
      if fill_count == 0 or not runner.class.on_fill then record.told_all(runner.name) end
    end
  end
end

--- Begins a run in the journal: with it the numbers of orders, and the epoch of ids.
function M.begin_run(desk, archive, version)
  desk:set_epoch(archive:last_epoch_ms(desk.name) + 1)
  record.run(desk.name, version, desk.config.path or "", desk.epoch_ms)
end

--- Takes over what the archive has. Before sessions start.
---@param desk moonwire.Desk
---@param archive table
---@param version string  of the program, for the record
function M.begin(desk, archive, version)
  desk.notes_balances = archive:is_there()
  lookback.plan(desk, archive)
  M.begin_run(desk, archive, version)
  restore_persist(desk, archive)
  restore_positions(desk, archive)
  local count = M.restore_orders(desk, archive)
  lookback.find_unsettled(desk)
  restore_untold(desk, archive)
  if count > 0 then
    desk.log.info("%d open %s of earlier runs: the venue is asked", count,
                  count == 1 and "order" or "orders")
  end
end

-- Orphans -----------------------------------------------------------------------------------------

local advice = {
  leave = 'left as it is (on_orphan = "leave"): cancel it at the venue, or configure the strategy',
  cancel = 'is canceled (on_orphan = "cancel")',
  ask = 'left as it is (on_orphan = "ask"): adopt(%q) at a prompt takes it over, cancel(%q) there '
    .. 'cancels it',
}

local function describe(order, policy)
  local id = tostring(order.client_order_id or order.order_id)
  return ("order %s is ours and belongs to %s: %s"):format(tostring(order),
    order.strategy and "strategy " .. order.strategy .. ", which is not configured"
    or "no strategy of the configuration", advice[policy]:format(id, id))
end

--- Does what on_orphan says about open orders that are ours and that no strategy claims; each is
--- told once.
function M.settle_orphans(desk)
  local policy = desk.config.on_orphan or "leave"
  each.in_turn(desk.orders:take_orphans(), desk.log, "settle orphan", function(order)
    local text = describe(order, policy)
    desk.log.warn("%s", text)
    if policy == "cancel" then desk:end_order(order)
    elseif policy == "ask" and desk.console then desk.console:on_question(text) end
  end)
end

--- What a person has yet to decide, as text; for a prompt that comes later than the order.
---@return string[]
function M.questions(desk)
  local list = {}
  if desk.config.on_orphan ~= "ask" or not desk.are_started then return list end
  for _, order in ipairs(desk.orders:list_open()) do
    local is_orphan = not order.external and not order._owner
    if is_orphan and order.status ~= "pending_cancel" then
      list[#list + 1] = describe(order, "ask")
    end
  end
  return list
end

return M
