-- One order when not all is known: no trade ids, no price, no answer, no quantity.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local fixture = require "tests.moonwire.order_fixture"

local D = decimal
local order_in = fixture.order_in
local new_order, trade, status = fixture.new_order, fixture.trade, fixture.status
local is = fixture.is

-- Without trade ids -------------------------------------------------------------------------------

local function total(qty, price, more)
  local report = { status = "partially_filled", by_total = true, cum_qty = D(qty),
                   last_price = D(price or "100") }
  for name, value in pairs(more or {}) do report[name] = value end
  return report
end

t.test("without trade ids the difference of totals is a fill", function()
  local order = order_in "new"
  local _, fill = order:apply(total "1")
  is(fill, { qty = "1", price = "100", trade_id = false })
  _, fill = order:apply(total("3", "97"))
  is(fill, { qty = "2", price = "97" })
  is(order, { status = "filled", cum_qty = "3", avg_price = "98" })
end)

t.test("the same total again, or a smaller one, is no fill", function()
  local order = order_in "new"
  order:apply(total "2")
  for _, again in ipairs { "2", "1" } do
    local changed, fill = order:apply(total(again))
    t.equal(changed, false)
    t.equal(fill, nil)
  end
  is(order, { cum_qty = "2" })
end)

t.test("a total alone, not to be counted, counts nothing", function()
  local order = order_in "new"
  local _, fill = order:apply { status = "partially_filled", cum_qty = D "2" }
  t.equal(fill, nil)
  is(order, { cum_qty = "0" })
  t.equal(order:is_missing_fills(), true)
end)

t.test("an estimate is replaced by the trades it stood for, money and all", function()
  local order = order_in "new"
  local _, fill = order:apply(total("2", "100", { is_estimate = true }))
  t.equal(fill.is_estimate, true)
  local _, none, amended = order:apply(trade("a", "2", "90"))
  t.equal(none, nil, "the quantity was counted before")
  is(amended, { qty = "2", price = "90", old_price = "100", trade_id = "a", amends = true })
  is(order, { cum_qty = "2", avg_price = "90" })
end)

t.test("trades beyond an estimate are counted for what lies beyond", function()
  local order = order_in "new"
  order:apply(total("1", "100", { is_estimate = true }))
  local _, fill, amended = order:apply(trade("a", "3", "94"))
  is(amended, { qty = "1", price = "94", old_price = "100" })
  is(fill, { qty = "2", price = "94" })
  is(order, { status = "filled", cum_qty = "3", avg_price = "94" })
end)

t.test("an estimate is used up trade by trade, and no trade twice", function()
  local order = order_in "new"
  order:apply(total("2", "100", { is_estimate = true }))
  local _, _, amended = order:apply(trade("a", "1", "99"))
  is(amended, { qty = "1" })
  local changed, fill, again = order:apply(trade("a", "1", "99"))
  t.equal(changed, false)
  t.equal(fill or again, nil)
  _, fill, amended = order:apply(trade("b", "1", "101"))
  t.equal(fill, nil)
  is(amended, { qty = "1" })
  _, fill, amended = order:apply(trade("c", "1", "102"))
  t.equal(amended, nil)
  is(fill, { qty = "1" })
  is(order, { status = "filled", cum_qty = "3" })
  is(order, { avg_price = tostring((D "302"):div("3", 12, "half_even")) })
end)

-- Provisional prices ------------------------------------------------------------------------------

t.test("a provisional price is amended once, the quantity never", function()
  local order = order_in "new"
  local _, fill = order:apply(trade("a", "2", "100", { is_provisional = true }))
  is(fill, { qty = "2", price = "100" })
  local changed, none, amended = order:apply(trade("a", "2", "95", { status = false }))
  t.equal(changed, false)
  t.equal(none, nil)
  is(amended, { qty = "2", price = "95", old_price = "100", amends = true })
  t.equal(#amended.fees, 0, "its fees were told with the provisional price")
  is(order, { status = "partially_filled", cum_qty = "2", avg_price = "95" })
  local _, fill_again, again = order:apply(trade("a", "2", "95"))
  t.equal(fill_again or again, nil)
end)

t.test("a refused execution leaves no provisional price behind", function()
  local order = order_in "new"
  t.ok(not pcall(order.apply, order, trade("a", "1000", "100", { is_provisional = true })))
  local _, fill = order:apply(trade("a", "2", "95"))
  is(fill, { qty = "2", price = "95" })
  local _, again, amended = order:apply(trade("a", "2", "95"))
  t.equal(again or amended, nil, "counted once, and nothing left to correct")
  is(order, { cum_qty = "2", avg_price = "95" })
end)

t.test("fees that were not told with the provisional price come with the amendment", function()
  local order = order_in "new"
  local bare = trade("a", "1", "100", { is_provisional = true })
  bare.fees = nil
  local _, fill = order:apply(bare)
  t.equal(#fill.fees, 0)
  local _, _, amended = order:apply(trade("a", "1", "99"))
  t.equal(#amended.fees, 1)
end)

t.test("a provisional price is not amended by the same provisional report", function()
  local order = order_in "new"
  order:apply(trade("a", "1", "100", { is_provisional = true }))
  local _, fill, amended = order:apply(trade("a", "1", "100", { is_provisional = true }))
  t.equal(fill or amended, nil)
  local _, _, at_last = order:apply(trade("a", "1", "98"))
  is(at_last, { price = "98" })
end)

t.test("a price that was final is not made provisional again", function()
  local order = order_in "new"
  order:apply(trade("a", "1", "98"))
  local _, fill, amended = order:apply(trade("a", "1", "100", { is_provisional = true }))
  t.equal(fill or amended, nil)
  is(order, { avg_price = "98" })
end)

t.test("an amendment after the end changes money only", function()
  local order = order_in "new"
  order:apply(trade("a", "3", "100", { is_provisional = true }))
  is(order, { status = "filled" })
  local changed, _, amended = order:apply(trade("a", "3", "99"))
  t.equal(changed, false)
  is(amended, { price = "99" })
  is(order, { status = "filled", cum_qty = "3", avg_price = "99" })
end)

-- Doubt -------------------------------------------------------------------------------------------

t.test("a missing answer is no doubt once the venue has shown the order", function()
  for _, seen in ipairs { status "new", trade("a", "1"), status "working" } do
    local order = new_order()
    order:apply(seen)
    local before = order.status
    order:apply(status "unanswered")
    is(order, { status = before })
  end
end)

t.test("a missing answer to a cancel is no doubt about an order that was seen", function()
  for _, seen in ipairs { status "new", trade("a", "1", "100", { status = false }),
                          status "working" } do
    local order = new_order()
    order:apply(seen)
    order:apply(status "cancel_sent")
    order:apply(status "unanswered")
    is(order, { status = "pending_cancel" })
  end
  local order = order_in "pending_new"
  order:apply(status "cancel_sent")
  order:apply(trade("a", "1", "100", { status = false }))
  order:apply(status "unanswered")
  is(order, { status = "pending_cancel" })
end)

t.test("an order in doubt stays so when its cancel is sent, until there is evidence", function()
  local order = order_in "unknown"
  order:apply(status "cancel_sent")
  order:apply(status "cancel_refused")
  is(order, { status = "unknown" })
  order:apply(trade("a", "1"))
  is(order, { status = "partially_filled", cum_qty = "1" })
end)

t.test("a cancel before any answer, and no answer: in doubt", function()
  local order = new_order()
  order:apply(status "cancel_sent")
  is(order, { status = "pending_cancel" })
  order:apply(status "unanswered")
  is(order, { status = "unknown" })
end)

t.test("an order that was given up and shows up again is taken back", function()
  for reported, expected in pairs { new = "new", working = "new", canceled = "canceled" } do
    local order = order_in "unknown"
    order:apply { status = "rejected", reason = "not_found", is_inferred = true }
    is(order, { status = "rejected", reason = "not_found" })
    t.equal(order:apply(status(reported)), true)
    is(order, { status = expected, leaves_qty = expected == "new" and "3" or "0" })
  end
end)

t.test("an order that was given up and trades is open again with its fill", function()
  local order = order_in "unknown"
  order:apply { status = "rejected", reason = "not_found", is_inferred = true }
  local changed, fill = order:apply(trade("a", "1"))
  t.equal(changed, true)
  t.equal(tostring(fill.qty), "1")
  is(order, { status = "partially_filled", cum_qty = "1", leaves_qty = "2" })
  order:apply(status "canceled")
  order:apply(status "new")
  is(order, { status = "canceled" })
end)

t.test("an order that the venue rejected itself stays rejected, a late fill is booked", function()
  local order = order_in "rejected"
  order:apply(status "new")
  is(order, { status = "rejected" })
  local _, fill = order:apply(trade("a", "1"))
  t.equal(tostring(fill.qty), "1")
  is(order, { status = "rejected", cum_qty = "1" })
end)

t.test("an order that was given up and is filled at once is filled", function()
  for _, more in ipairs { {}, { status = false }, { status = "filled", cum_qty = D "3" } } do
    local order = order_in "unknown"
    order:apply { status = "rejected", reason = "not_found", is_inferred = true }
    local changed, fill = order:apply(trade("a", "3", "100", more))
    t.equal(changed, true)
    t.equal(tostring(fill.qty), "3")
    is(order, { status = "filled", previous_status = "rejected", cum_qty = "3", leaves_qty = "0" })
  end
end)

t.test("an order that was given up wakes on evidence alone", function()
  for _, reported in ipairs { "unanswered", "cancel_sent", "cancel_refused", "halted" } do
    local order = order_in "unknown"
    order:apply { status = "rejected", reason = "not_found", is_inferred = true }
    t.equal(order:apply(status(reported, { reason = "later" })), false, reported)
    is(order, { status = "rejected", reason = "not_found" })
    t.equal(order:is_open(), false)
    order:apply(status "new")
    is(order, { status = "new" })
  end
end)

t.test("rejected again after it was given up is no news", function()
  local order = order_in "unknown"
  order:apply { status = "rejected", reason = "not_found", is_inferred = true }
  t.equal(order:apply(status("rejected", { reason = "later" })), false)
  is(order, { status = "rejected", reason = "not_found" })
end)

-- By amount ---------------------------------------------------------------------------------------

t.test("an order by amount has no quantity to be full by: the venue says when it is", function()
  local order = new_order { qty = false, price = false, amount = D "300", type = "market" }
  is(order, { leaves_qty = false })
  order:apply(status "new")
  order:apply(trade("a", "1", "100"))
  is(order, { status = "partially_filled", cum_qty = "1" })
  order:apply(trade("b", "2", "100"))
  is(order, { status = "partially_filled" })
  order:apply(status("filled", { cum_qty = D "3" }))
  is(order, { status = "filled", cum_qty = "3", leaves_qty = "0" })
end)

t.test("an order by amount that was said to be filled is so with its last fill", function()
  local order = new_order { qty = false, price = false, amount = D "300", type = "market" }
  order:apply(status("filled", { cum_qty = D "3" }))
  is(order, { status = "new" })
  order:apply(trade("a", "1", "100", { status = false }))
  is(order, { status = "partially_filled" })
  order:apply(trade("b", "2", "100", { status = false }))
  is(order, { status = "filled", cum_qty = "3" })
end)

-- An upper bound ---------------------------------------------------------------------------------

-- Adopted from a list that counts in quote currency, a fee reserve included: 3 is too much.
local function bounded() return new_order { is_qty_estimate = true } end

t.test("an order of which an upper bound is known ends as filled when the venue says so", function()
  local order = bounded()
  order:apply(status "working")
  order:apply(trade("a", "2.9"))
  is(order, { status = "partially_filled", cum_qty = "2.9" })
  t.equal(order:apply(status "filled"), true)
  is(order, { status = "filled", leaves_qty = "0" })
  t.equal(order:is_missing_fills(), false, "2.9 may be all of it")
  order = bounded()
  order:apply(trade("a", "1"))
  order:apply(status("filled", { cum_qty = D "2.9" }))
  is(order, { status = "partially_filled" })
  t.equal(order:is_missing_fills(), true)
  order:apply(trade("b", "1.9", "100", { status = false }))
  is(order, { status = "filled", cum_qty = "2.9" })
end)

t.test("an order of which a bound is known ends as canceled when the venue says so", function()
  local order = bounded()
  order:apply(trade("a", "1"))
  order:apply(status "canceled")
  is(order, { status = "canceled", cum_qty = "1", leaves_qty = "0" })
end)

t.test("executions up to the bound alone are no evidence that it is filled", function()
  local order = bounded()
  order:apply(trade("a", "3"))
  is(order, { status = "partially_filled", cum_qty = "3" })
end)

t.test("the quantity that the venue tells takes the place of the bound", function()
  local order, qty = bounded(), decimal.sum(D "2.9")
  order:apply(status("new", { qty = qty }))
  decimal.add_to(qty, D "1", 1)                      -- the venue module uses its buffer again
  is(order, { qty = "2.9", leaves_qty = "2.9" })
  order:apply(trade("a", "2.9", "100", { qty = D "5" }))
  is(order, { status = "filled", qty = "2.9", cum_qty = "2.9" })
end)

t.test("a bound below what was executed was none: what is left is never below nothing", function()
  local order = bounded()
  order:apply(trade("a", "2"))
  order:apply(trade("b", "6.5"))
  is(order, { status = "partially_filled", qty = "8.5", cum_qty = "8.5", leaves_qty = "0" })
  order:apply(trade("c", "0.5"))
  is(order, { qty = "9", leaves_qty = "0" })
  order:apply(status("working", { qty = D "4" }))
  is(order, { qty = "9", cum_qty = "9", leaves_qty = "0" })
end)

t.test("another bound is no quantity, and a quantity that is known is never replaced", function()
  local order = bounded()
  order:apply(status("working", { qty = D "2", is_qty_estimate = true }))
  is(order, { qty = "3" })
  order:apply(trade("a", "3"))
  is(order, { status = "partially_filled" })
  order = new_order()
  order:apply(status("new", { qty = D "2" }))
  is(order, { qty = "3", leaves_qty = "3" })
end)

t.test("in a log an order shows what it is and how it stands", function()
  t.equal(tostring(new_order()), "mw-1 buy BTC/IDR 3@100 pending_new")
  t.equal(tostring(new_order { client_order_id = false, order_id = "x-1", qty = false,
                               price = false, amount = D "50" }),
          "x-1 buy BTC/IDR 50@market pending_new")
end)

t.done()
