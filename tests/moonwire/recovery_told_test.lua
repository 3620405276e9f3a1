-- What strategies did not hear before a run ended is told by the next one, once.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local archive_module = require "moonwire.archive"
local decimal = require "moonwire.decimal"
local mw = require "moonwire"
local persist = require "moonwire.persist"
local fixture = require "tests.moonwire.recovery_fixture"

local D = decimal
local id_of, teller, told = fixture.id_of, fixture.teller, fixture.told
local listed, open_orders, trades = fixture.listed, fixture.open_orders, fixture.trades
local take_over, with_journal, sell = fixture.take_over, fixture.with_journal, fixture.sell

-- Puts what the run recorded under names into the journal.
local function copy_persist(s, journal)
  local last = {}
  for _, record in ipairs(s:recorded "persist") do
    local name, text = record.text:match "^(%Z*)%z(.*)$"
    last[name] = text
  end
  for name, text in pairs(last) do journal:insert("persist", { strategy = name, text = text }) end
end

t.test("what was booked and not told before the process died again is told by the next run",
  function()
  with_journal(function(journal)
    sell(journal, { status = "partially_filled" }, { { trade_id = "1" } })
    local answers = { openOrders = open_orders(listed(id_of "one", "0.001")),
                      ["/api/v2/myTrades"] = trades(1, 2) }
    local dying = take_over(journal, { answers = answers })
    dying.desk.are_started = true                      -- it dies before it starts strategies
    dying:start()
    t.equal(told(dying, "one"), "")
    copy_persist(dying, journal)
    journal:run "UPDATE persist SET told = 1 WHERE strategy = 'one'"
    journal:insert("fills", { order_key = 1, trade_id = "2", qty = "0.001", price = "950000000",
                              flags = 0, liquidity = "maker", fees = "11 IDR" })
    local s = take_over(journal, { answers = answers })
    s:start()
    t.equal(told(s, "one"), "start 1|fill 2 0.001|order unknown partially_filled"
      .. "|order unknown partially_filled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    -- All of it is told now: a third run has nothing to tell.
    journal:run "DELETE FROM persist"
    copy_persist(s, journal)
    journal:run "UPDATE persist SET told = 2 WHERE strategy = 'one'"
    s = take_over(journal, { answers = answers })
    s:start()
    t.equal(told(s, "one"), "start 1|order unknown partially_filled")
  end)
end)

t.test("a fill that was not told has all that a fill has", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, { { trade_id = "7", liquidity = "taker", flags = 2,
                                               fees = "11 IDR" } })
    journal:insert("persist", { strategy = "one", told = 0 })
    journal:insert("persist", { strategy = "untold:one:000005", text = "{broken" })
    local fill
    local class = mw.strategy { venue = "idx" }
    function class:on_fill(heard) fill = heard end
    local s = take_over(journal, { strategies = { { name = "one", class = class } } })
    s:start()
    t.equal(fill.trade_id .. fill.liquidity .. fill.client_order_id, "7taker" .. id_of "one")
    t.ok(fill.qty == D "0.001" and fill.price == D "950000000")
    t.ok(fill.fees[1].asset == "IDR" and fill.fees[1].amount == D "11")
    t.equal(fill.time, 1789999990.5)
    t.equal(fill.is_estimate, true)
    t.equal(fill.order.status, "canceled")
    t.equal(#s:logged "what the run before did not come to tell is lost", 1)
  end)
end)

-- Two orders, the first with two fills, in the order in which they were counted: 1, 2, 1.
local function three_fills(journal, status)
  sell(journal, { status = status, client_order_id = id_of("one", 1) }, { { trade_id = "1" } })
  sell(journal, { status = "filled", client_order_id = id_of("one", 2), qty = "0.001",
                  order_id = "btcidr-limit-2" }, { { trade_id = "2" } })
  journal:insert("fills", { order_key = 1, trade_id = "3", qty = "0.002", price = "950000000",
                            flags = 0 })
end

t.test("what a strategy has not heard of is told in its order, and that an order is filled by it",
  function()
  local all = "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
  for from, heard in pairs { [0] = all .. "|order partially_filled filled",
                             [1] = "start 0|fill 2 0.001|order new filled|fill 3 0.002"
                               .. "|order partially_filled filled",
                             [2] = "start 0|fill 3 0.002|order partially_filled filled",
                             [3] = "start 0" } do
    with_journal(function(journal)
      three_fills(journal, "filled")
      journal:insert("persist", { strategy = "one", text = "{}", told = from })
      local s = take_over(journal, {})
      s:start()
      t.equal(told(s, "one"), heard)
    end)
  end
  with_journal(function(journal)                       -- how it ended is not told twice
    three_fills(journal, "canceled")
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), all)
  end)
end)

t.test("how an order ended is told after its fills, once", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    journal:insert("persist", { strategy = "one", told = 0 })
    journal:insert("persist", { strategy = "untold:one:000003", text = persist.encode {
      venue = "idx", client_order_id = id_of("one", 1), previous = "pending_cancel" } })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
      .. "|order pending_cancel filled")
    local records = s:recorded "persist"
    t.equal(records[#records].text, "untold:one:000003\0")
  end)
end)

t.test("a fill counted by total is told as it was counted, what names it is not", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, {
      { trade_id = false, qty = "0", new_qty = "0.002", flags = 2 },
      { trade_id = "5", qty = "0.0015", new_qty = "0", flags = 1 },
      { trade_id = "6", qty = "0.001", new_qty = "0.0005", flags = 1 },
    })
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.0025")
    s:start()
    t.equal(told(s, "one"), "start 0|fill  0.002|fill 6 0.0005")
  end)
end)

t.test("of whom nobody knows how far it has heard, it hears nothing old", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0")
  end)
end)

t.test("who never began with this journal has heard nothing, and hears all", function()
  with_journal(function(journal)
    three_fills(journal, "filled")
    local s = take_over(journal, { is_first = true })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 1 0.001|fill 2 0.001|order new filled|fill 3 0.002"
            .. "|order partially_filled filled")
  end)
end)

t.test("a fill on a venue that is not configured any more is not told, and said", function()
  with_journal(function(journal)
    sell(journal, { venue = "old", status = "filled" }, { { trade_id = "1" } })
    journal:insert("persist", { strategy = "one", told = 0 })
    local s = take_over(journal, {})
    s:start()
    t.equal(told(s, "one"), "start 0")
    t.equal(#s:logged "on_fill is not called for trade 1 of order", 1)
  end)
end)

t.test("a strategy that does not start leaves what it was to hear to the next run", function()
  with_journal(function(journal)
    sell(journal)
    local s = take_over(journal, {
      strategies = { { name = "one", class = teller(function() error "oops" end) } },
      answers = { openOrders = open_orders(listed(id_of "one", "0.002")),
                  ["/api/v2/myTrades"] = trades(1) } })
    s:start()
    t.equal(told(s, "one"), "start 1")
    journal:run "DELETE FROM persist"
    copy_persist(s, journal)
    local archive = archive_module.open(journal.path, s.desk.log)
    t.equal(#archive:untold "untold:one", 1)
    archive:close()
  end)
end)

stage.done()
