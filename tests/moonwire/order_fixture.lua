-- One order, and reports to it.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local order_module = require "moonwire.order"

local M = {}
local D = decimal

M.NOW = 1790000000

--- A buy of 3 at 100.
function M.new_order(fields)
  local order = {
    client_order_id = "mw-1", venue = "idx", symbol = "BTC/IDR", side = "buy", type = "limit",
    time_in_force = "gtc", price = D "100", qty = D "3", strategy = "s",
  }
  for name, value in pairs(fields or {}) do order[name] = value or nil end
  return order_module.new(order, M.NOW)
end

--- A report of one execution.
function M.trade(id, qty, price, more)
  local report = { status = "partially_filled", trade_id = id, last_qty = D(qty),
                   last_price = D(price or "100"), liquidity = "maker", time = M.NOW + 1,
                   fees = { { asset = "IDR", amount = D "1" } } }
  for name, value in pairs(more or {}) do report[name] = value end
  return report
end

--- A report of a status.
function M.status(name, more)
  local report = { status = name }
  for key, value in pairs(more or {}) do report[key] = value end
  return report
end

--- Compares these fields.
function M.is(order, expected)
  for name, value in pairs(expected) do
    local actual = order[name]
    t.equal(decimal.is(actual) and tostring(actual) or actual, value or nil, name)
  end
end

--- How an order comes into a status, by reports alone.
M.ways = {
  pending_new = {},
  unknown = { M.status "unanswered" },
  new = { M.status "new" },
  partially_filled = { M.status "new", M.trade("first", "1") },
  pending_cancel = { M.status "new", M.status "cancel_sent" },
  filled = { M.status "new", M.trade("first", "3") },
  canceled = { M.status "new", M.status "canceled" },
  rejected = { M.status "rejected" },
  expired = { M.status "new", M.status "expired" },
}

--- An order in that status.
function M.order_in(name)
  local order = M.new_order()
  for _, report in ipairs(M.ways[name]) do order:apply(report) end
  t.equal(order.status, name, "on the way")
  return order
end

return M
