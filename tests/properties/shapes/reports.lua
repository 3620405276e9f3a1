--- The order model alone: reports as they are, those that some venues make included (an execution
--- known by its total, one whose price is a bound). And the journal, from which a dead process's
--- order is made again.

local decimal = require "moonwire.decimal"
local restore = require "moonwire.restore"
local truth_module = require "tests.properties.truth"

local M = { limits = {} }
local random, apply = math.random, truth_module.apply

local World = {}
World.__index = World

function M.new(truth)
  return setmetatable({
    truth = truth, rows = {}, by_total = random() < 0.3,
    order = truth_module.new_order(truth, { client_order_id = "c1", symbol = "A/B" }),
  }, World)
end

-- Some messages tell what was executed as a total alone.
local function maybe_by_total(self, report)
  if self.by_total and not report.trade_id and random() < 0.3 then
    report.by_total, report.is_estimate, report.last_price = true, true, self.truth.price
  end
  return report
end

function World:push(i, is_provisional)
  local step = self.truth.steps[i]
  local report = { order_id = "v1", status = step.status, cum_qty = step.cum_qty,
                   trade_id = step.trade_id, last_qty = step.last_qty,
                   last_price = step.last_price }
  if report.trade_id and is_provisional then
    report.is_provisional, report.last_price = true, self.truth.price
  end
  apply(self, maybe_by_total(self, report))
end

function World:accept() apply(self, { status = "new", order_id = "v1" }) end
function World:refuse() apply(self, { status = "rejected", reason = "funds" }) end

function World:give_up()
  apply(self, { status = "rejected", reason = "not_found", is_inferred = true })
end

-- First the trades, then the state.
function World:ask(upto)
  local last = self.truth.steps[upto]
  if not last then return end
  for i = 1, truth_module.trades_upto(self.truth, upto) do
    local trade = self.truth.trades[i]
    apply(self, { trade_id = trade.trade_id, last_qty = trade.last_qty,
                  last_price = trade.last_price })
  end
  local is_open = last.status == "new" or last.status == "partially_filled"
  apply(self, maybe_by_total(self, { order_id = "v1", cum_qty = last.cum_qty,
                                     status = is_open and "working" or last.status }))
end

-- The journal (runtime/journal_rows.c) ------------------------------------------------------------

local function write_fill(rows, fill, is_provisional)
  rows[#rows + 1] = {
    trade_id = fill.trade_id, qty = fill.qty, price = fill.price, fees = {},
    is_estimate = fill.is_estimate or false, is_provisional = is_provisional or false,
  }
end

local function take_from_estimates(rows, qty)
  for i = #rows, 1, -1 do
    local row = rows[i]
    if row.is_estimate then
      local taken = decimal.min(row.qty, qty)
      row.qty, qty = row.qty - taken, qty - taken
      if row.qty:is_zero() then table.remove(rows, i) end
    end
  end
end

-- A trade whose price was a bound has its true one; any other names some of what was counted by
-- total, perhaps in addition to what was new of it.
local function write_amended(rows, fill, is_provisional)
  local found
  for _, row in ipairs(rows) do
    if row.trade_id == fill.trade_id then found = row end
  end
  if found and found.is_provisional then
    found.price, found.is_provisional = fill.price, is_provisional or false
    return
  end
  take_from_estimates(rows, fill.qty)
  if found then found.qty = found.qty + fill.qty
  else write_fill(rows, fill, is_provisional) end
end

function World:write(report, fill, amended)
  if fill then write_fill(self.rows, fill, report.is_provisional) end
  if amended then write_amended(self.rows, amended, report.is_provisional) end
end

--- The process dies: the order is what the next run makes of the journal.
function World:die()
  local before = self.order
  self.order = restore.order {
    client_order_id = before.client_order_id, order_id = before.order_id, venue = before.venue,
    symbol = before.symbol, side = before.side, type = before.type, qty = before.qty,
    price = before.price, status = before.status, reason = before.reason, created_at = 0,
    fills = self.rows,
  }
  local order = self.order
  if self.story then table.insert(self.story, "restart  ->  " .. tostring(order)) end
  if order.cum_qty ~= before.cum_qty then error("cum_qty changed with the restart", 0) end
  if order._totals.value ~= before._totals.value then
    error("the value changed with the restart", 0)
  end
  if not before:is_open() and order.status ~= before.status then
    error("was " .. before.status .. " before the restart", 0)
  end
end

return M
