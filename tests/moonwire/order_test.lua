-- One order: the table of its states, its life, and what comes late or in disorder.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local order_module = require "moonwire.order"
local order_view = require "moonwire.order_view"
local fixture = require "tests.moonwire.order_fixture"

local D = decimal
local order_in, ways = fixture.order_in, fixture.ways
local new_order, trade, status = fixture.new_order, fixture.trade, fixture.status
local is, NOW = fixture.is, fixture.NOW

-- The state table ---------------------------------------------------------------------------------

-- rows[status][what is reported] = new status; what is left out changes nothing.
local rows = {
  pending_new = { new = "new", partially_filled = "partially_filled", canceled = "canceled",
                  rejected = "rejected", expired = "expired", unanswered = "unknown",
                  cancel_sent = "pending_cancel", working = "new" },
  unknown = { new = "new", partially_filled = "partially_filled", canceled = "canceled",
              rejected = "rejected", expired = "expired", working = "new" },
  new = { partially_filled = "partially_filled", canceled = "canceled", rejected = "rejected",
          expired = "expired", cancel_sent = "pending_cancel" },
  partially_filled = { canceled = "canceled", rejected = "canceled", expired = "expired",
                       cancel_sent = "pending_cancel" },
  pending_cancel = { canceled = "canceled", rejected = "rejected", expired = "expired",
                     cancel_refused = "new" },
  filled = {}, canceled = {}, rejected = {}, expired = {},
}
local REPORTED = { "new", "partially_filled", "canceled", "rejected", "expired", "unanswered",
                   "cancel_sent", "cancel_refused", "working" }

for from in pairs(ways) do
  t.test("from " .. from .. " every report leads where the table says", function()
    for _, reported in ipairs(REPORTED) do
      local order = order_in(from)
      local to = rows[from][reported] or from
      local changed, fill, amended = order:apply(status(reported, { reason = "because" }))
      t.equal(order.status, to, from .. " + " .. reported)
      t.equal(changed, to ~= from, from .. " + " .. reported .. " changed")
      t.equal(fill or amended, nil, "no report without an execution is a fill")
      if changed then
        is(order, { previous_status = from, reason = "because" })
      end
    end
  end)
end

t.test("a status is terminal exactly when the order is no longer open", function()
  for name in pairs(ways) do
    local ended = name == "filled" or name == "canceled" or name == "rejected" or name == "expired"
    t.equal(order_in(name):is_open(), not ended, name)
    t.equal(order_module.terminal[name] or false, ended, name)
  end
end)

t.test("an unknown status is no statement", function()
  for name in pairs(ways) do
    local order = order_in(name)
    t.equal(order:apply(status "halted"), false)
    t.equal(order.status, name)
  end
end)

-- A life ------------------------------------------------------------------------------------------

t.test("a new order is pending_new with nothing executed", function()
  is(new_order(), { status = "pending_new", cum_qty = "0", leaves_qty = "3", avg_price = false,
                    created_at = NOW, updated_at = NOW })
end)

-- All of it but what differs from order to order.
local function shown(order)
  local words = {}
  for key, value in pairs(order) do
    local is_own = key == "_totals" or key == "_view"
    words[#words + 1] = key .. "=" .. (is_own and type(value) or tostring(value))
  end
  table.sort(words)
  return table.concat(words, " ")
end

t.test("an order that was made ahead of time is like any other, and nobody else's", function()
  local plain = new_order()
  order_module.get_ready()
  order_module.get_ready()
  local first, second = new_order(), new_order()
  t.equal(shown(first), shown(plain))
  t.equal(shown(second), shown(plain))
  t.equal(order_view.order(first._view), first)
  t.equal(order_view.order(second._view), second)
  first:apply(trade(1, "2"))
  t.equal(tostring(first._view.cum_qty), "2")
  t.equal(tostring(second._view.cum_qty), "0")
  t.raises(first.apply, "impossible execution of 2", first, trade(2, "2"))
  first:apply(trade(3, "1"))
  is(first, { status = "filled", leaves_qty = "0" })
  order_module.get_ready()
  local bought = order_module.draft("buy", "idx", "BTC/IDR", "limit", "gtc", D "1", D "2")
  local by_amount = new_order { price = false, qty = false, amount = D "50" }
  t.equal(tostring(bought.qty), "2")          -- one that is never recorded keeps what it has
  t.equal(by_amount._totals.has_qty, 0)
  t.equal(by_amount.leaves_qty, nil)
end)

t.test("from acknowledged to filled in two executions", function()
  local order = new_order()
  order:apply { status = "new", order_id = "btcidr-limit-1", time = NOW + 1 }
  is(order, { status = "new", order_id = "btcidr-limit-1", updated_at = NOW + 1 })
  local changed, fill = order:apply(trade("a", "1", "100", { time = NOW + 2, cum_qty = D "1" }))
  t.equal(changed, true)
  is(order, { status = "partially_filled", cum_qty = "1", leaves_qty = "2", avg_price = "100",
              updated_at = NOW + 2 })
  is(fill, { trade_id = "a", price = "100", qty = "1", liquidity = "maker", time = NOW + 2,
             client_order_id = "mw-1", order_id = "btcidr-limit-1", symbol = "BTC/IDR",
             side = "buy", venue = "idx", strategy = "s", order = order._view })
  t.equal(tostring(fill.fees[1].amount) .. fill.fees[1].asset, "1IDR")
  changed, fill = order:apply(trade("b", "2", "97", { cum_qty = D "3" }))
  t.equal(changed, true)
  t.equal(tostring(fill.qty), "2")
  is(order, { status = "filled", cum_qty = "3", leaves_qty = "0", avg_price = "98" })
end)

t.test("what the venue did not tell of a fill it does not have", function()
  local report = trade(nil, "1", "100", { by_total = true, cum_qty = D "1" })
  report.time, report.liquidity, report.fees = nil, nil, nil
  local _, fill = new_order():apply(report)
  is(fill, { qty = "1", price = "100" })
  for _, name in ipairs { "trade_id", "time", "liquidity", "amends", "none of its" } do
    t.equal(fill[name], nil, name)
  end
  t.equal(#fill.fees, 0)
end)

t.test("an average price that does not end is rounded at its twelfth decimal", function()
  local order = new_order()
  order:apply(trade("a", "1", "100"))
  order:apply(trade("b", "2", "101"))
  is(order, { avg_price = "100.666666666667" })
end)

t.test("a second execution that does not change the status is a fill all the same", function()
  local order = new_order()
  order:apply(trade("a", "1"))
  local changed, fill = order:apply(trade("b", "1"))
  t.equal(changed, false)
  t.equal(tostring(fill.qty), "1")
  is(order, { status = "partially_filled", cum_qty = "2" })
end)

t.test("what a canceled order has executed stays, and nothing is left of it", function()
  local order = new_order()
  order:apply(trade("a", "1"))
  order:apply(status "cancel_sent")
  order:apply(status("canceled", { cum_qty = D "1", reason = "self_trade_prevention" }))
  is(order, { status = "canceled", cum_qty = "1", leaves_qty = "0", avg_price = "100",
              reason = "self_trade_prevention" })
end)

t.test("an execution while a cancel is under way is counted and the cancel stays so", function()
  local order = order_in "pending_cancel"
  local changed, fill = order:apply(trade("a", "1"))
  t.equal(changed, false)
  t.equal(tostring(fill.qty), "1")
  is(order, { status = "pending_cancel", cum_qty = "1" })
  order:apply(status "cancel_refused")
  is(order, { status = "partially_filled" })
end)

t.test("an order that has executed is never rejected: it ends as canceled", function()
  for _, begun in ipairs { { trade("a", "1") }, { status "new", trade("a", "1") },
                           { trade("a", "1"), status "cancel_sent" },
                           { status "cancel_sent", trade("a", "1") },
                           { status "unanswered", trade("a", "1", "100", { status = false }) } } do
    local order = new_order()
    for _, report in ipairs(begun) do order:apply(report) end
    order:apply(status("rejected", { reason = "late" }))
    is(order, { status = "canceled", reason = "late", cum_qty = "1", leaves_qty = "0" })
  end
end)

t.test("a cancel that crosses the last execution ends as filled", function()
  local order = order_in "pending_cancel"
  order:apply(trade("a", "3"))
  is(order, { status = "filled", cum_qty = "3" })
  order:apply(status "cancel_refused")
  is(order, { status = "filled" })
end)

-- Late, repeated, out of order --------------------------------------------------------------------

t.test("a trade id is counted once, however often it is reported", function()
  local order = new_order()
  order:apply(trade("a", "1"))
  for _ = 1, 3 do
    local changed, fill, amended = order:apply(trade("a", "1"))
    t.equal(changed, false)
    t.equal(fill or amended, nil)
  end
  is(order, { cum_qty = "1", avg_price = "100" })
end)

t.test("a repeated trade is not counted again after the end either", function()
  local order = order_in "filled"
  local changed, fill = order:apply(trade("first", "3"))
  t.equal(changed, false)
  t.equal(fill, nil)
  is(order, { cum_qty = "3" })
end)

t.test("an execution before its acknowledgement is no step back", function()
  local order = new_order()
  order:apply(trade("a", "1"))
  is(order, { status = "partially_filled" })
  t.equal(order:apply(status "new"), false)
  is(order, { status = "partially_filled", cum_qty = "1" })
end)

t.test("an acknowledgement after the fill brings its order id and no more", function()
  local order = new_order()
  order:apply(trade("a", "3"))
  t.equal(order:apply(status("new", { order_id = "late" })), false)
  is(order, { status = "filled", order_id = "late" })
  order:apply(status("new", { order_id = "another" }))
  is(order, { order_id = "late" })
end)

t.test("a late report never moves a finished order", function()
  for _, name in ipairs { "filled", "canceled", "rejected", "expired" } do
    for _, reported in ipairs(REPORTED) do
      local order = order_in(name)
      order:apply(status(reported, { reason = "late" }))
      is(order, { status = name, leaves_qty = "0", reason = false })
    end
  end
end)

t.test("an execution long after the cancel is booked, and the order stays canceled", function()
  local order = order_in "canceled"
  local changed, fill = order:apply(trade("late", "1", "99"))
  t.equal(changed, false)
  is(fill, { qty = "1", price = "99", trade_id = "late" })
  is(order, { status = "canceled", cum_qty = "1", avg_price = "99", leaves_qty = "0" })
end)

t.test("even all of a canceled order's quantity, come late, leaves it canceled", function()
  local order = order_in "canceled"
  local _, fill = order:apply(trade("late", "3"))
  t.equal(tostring(fill.qty), "3")
  is(order, { status = "canceled", cum_qty = "3" })
end)

t.test("a trade that could not be counted is new when it comes again", function()
  for _, id in ipairs { 5, "x" } do
    local order = order_in "new"
    t.raises(order.apply, "impossible execution", order, trade(id, "4"))
    local _, fill = order:apply(trade(id, "3"))
    t.ok(fill, "the first trade")
    order = order_in "new"
    order:apply(trade(4, "1"))
    t.raises(order.apply, "impossible execution", order, trade(id, "4"))
    _, fill = order:apply(trade(id, "2"))
    t.ok(fill, "the second one")
    is(order, { cum_qty = "3", status = "filled" })
    t.equal(select(2, order:apply(trade(4, "1"))), nil, "the one before is known")
  end
end)

t.test("a report says whether fills are missing behind it", function()
  local function missing(order, report) return (select(4, order:apply(report))) end
  local order = order_in "new"
  t.equal(missing(order, status "new"), false)
  t.equal(missing(order, status("new", { cum_qty = D "1" })), true)
  t.equal(missing(order, trade("a", "1")), false)
  t.equal(missing(order, status "filled"), true, "all of it, though no total came along")
  t.equal(missing(order, trade("b", "2")), false)
  order = order_in "canceled"
  t.equal(missing(order, status("canceled", { cum_qty = D "1" })), true)
  order = order_in "canceled"
  t.equal(missing(order, status "filled"), true, "of an order that has ended, too")
end)

t.test("filled is believed only when all of it is counted", function()
  local order = order_in "new"
  t.equal(order:apply(status("filled", { cum_qty = D "3" })), false)
  is(order, { status = "new", cum_qty = "0" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("a", "1"))
  is(order, { status = "partially_filled" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("b", "2"))
  is(order, { status = "filled" })
  t.equal(order:is_missing_fills(), false)
end)

t.test("filled without a total means that all of it was executed: its fills are missing", function()
  local order = order_in "new"
  t.equal(order:apply(status "filled"), false)
  is(order, { status = "new", cum_qty = "0" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("a", "1", "100", { status = false }))
  is(order, { status = "partially_filled" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("b", "2", "100", { status = false }))
  is(order, { status = "filled", cum_qty = "3" })
  t.equal(order:is_missing_fills(), false)
end)

t.test("filled without a total is no news of an order that is counted in full", function()
  local order = order_in "filled"
  t.equal(order:apply(status "filled"), false)
  t.equal(order:is_missing_fills(), false)
end)

t.test("the venue's total above what is counted means that fills are missing", function()
  local order = order_in "new"
  t.equal(order:is_missing_fills(), false)
  order:apply(trade("b", "1", "100", { cum_qty = D "2" }))
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("a", "1", "100", { cum_qty = D "1" }))
  t.equal(order:is_missing_fills(), false)
  is(order, { cum_qty = "2" })
end)

t.test("a total that is smaller than one told before is old", function()
  local order = order_in "new"
  order:apply(trade("b", "2", "100", { cum_qty = D "2" }))
  order:apply(status("partially_filled", { cum_qty = D "1" }))
  is(order, { cum_qty = "2" })
  t.equal(order:is_missing_fills(), false)
  order:apply(status("partially_filled", { cum_qty = D "3" }))
  order:apply(status("partially_filled", { cum_qty = D "2" }))
  t.equal(order:is_missing_fills(), true, "3 were told")
end)

t.test("a canceled order with an unknown execution is canceled and misses a fill", function()
  local order = order_in "new"
  order:apply(status("canceled", { cum_qty = D "1" }))
  is(order, { status = "canceled", cum_qty = "0" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("a", "1", "100", { status = false }))
  is(order, { status = "canceled", cum_qty = "1" })
  t.equal(order:is_missing_fills(), false)
end)

t.test("an execution and the end in one report are both taken", function()
  local order = order_in "new"
  local changed, fill = order:apply(trade("a", "1", "100", { status = "canceled" }))
  t.equal(changed, true)
  t.equal(tostring(fill.qty), "1")
  is(order, { status = "canceled", cum_qty = "1" })
end)

t.done()
