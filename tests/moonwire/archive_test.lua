-- What an earlier run left in the journal, and orders made from it again.

local t = require "tests.tap"
local archive_module = require "moonwire.archive"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local archive_fixture = require "tests.moonwire.archive_fixture"
local position_module = require "moonwire.position"
local restore = require "moonwire.restore"

local D = decimal

-- Runs body(journal, open) with a journal; open() gives its archive and the lines of its log.
local function with_journal(body)
  local journal, archives = archive_fixture.new(), {}
  local ok, err = pcall(body, journal, function()
    local lines = {}
    local log = { error = function(message, ...) lines[#lines + 1] = message:format(...) end }
    archives[#archives + 1] = archive_module.open(journal.path, log)
    return archives[#archives], lines
  end)
  for _, archive in ipairs(archives) do archive:close() end
  journal:remove()
  if not ok then error(err, 0) end
end

local function order_of(archive, id) return restore.order(archive:order("idx", id, nil)) end

-- Reading -----------------------------------------------------------------------------------------

t.test("without a journal there is nothing, and nothing is wrong", function()
  for _, path in ipairs { "/nowhere/at/all.db", false } do
    local archive = archive_module.open(path or nil, { error = error })
    t.equal(archive:is_there(), false)
    t.equal(#archive:open_orders(), 0)
    t.equal(archive:order("idx", "a", "b"), nil)
    t.equal(archive:persist "one", nil)
    t.equal(archive:last_epoch_ms "moonwire", 0)
    t.equal(archive:each_fill(0, error), 0)
    archive:close()
  end
end)

t.test("what is no journal is said once, and counts as empty", function()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(("no journal "):rep(1000))
  file:close()
  local lines = {}
  local archive = archive_module.open(path, { error = function(message, ...)
    lines[#lines + 1] = message:format(...)
  end })
  t.equal(#archive:open_orders(), 0)
  t.equal(archive:persist "one", nil)
  t.equal(#lines, 1)
  t.ok(lines[1]:find "what earlier runs knew is lost to this one", lines[1])
  os.remove(path)
end)

t.test("a table that is damaged is said each time, and the rest is read", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a" }
    journal:run "DROP TABLE persist"
    local archive, lines = open()
    t.equal(archive:persist "one", nil)
    t.equal(#lines, 1)
    t.ok(lines[1]:find "no such table: persist", lines[1])
    t.equal(#archive:open_orders(), 1)
  end)
end)

t.test("an order comes with all that is known of it", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a", order_id = "x-1", price = "1.50", amount = "7",
                    is_estimate = 1, status = "partially_filled", reason = "why" },
                  { { trade_id = "7", fees = "0.5 IDR, -1 BTC" } })
    local archive = open()
    local order = archive:order("idx", "a", nil)
    t.equal(order.client_order_id .. order.order_id .. order.venue .. order.symbol,
            "ax-1idxBTC/IDR")
    t.equal(order.side .. order.type .. order.time_in_force, "buylimitgtc")
    t.ok(order.price == D "1.5" and order.qty == D "0.003" and order.amount == D "7")
    t.equal(order.is_qty_estimate, true)
    t.equal(order.external, false)
    t.equal(order.status .. order.reason .. order.strategy, "partially_filledwhyone")
    t.equal(order.created_at, 1789999990)
    t.equal(order.updated_at, 1789999991)
    t.equal(#order.fills, 1)
    local fill = order.fills[1]
    t.equal(fill.trade_id .. fill.liquidity, "7maker")
    t.ok(fill.qty == D "0.001" and fill.price == D "950000000")
    t.equal(#fill.fees, 2)
    t.ok(fill.fees[1].amount == D "0.5" and fill.fees[2].amount == D "-1")
    t.equal(fill.fees[1].asset .. fill.fees[2].asset, "IDRBTC")
    t.equal(fill.time, 1789999990.5)
  end)
end)

t.test("a quantity that was an estimate is what was executed at least", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a", is_estimate = 1, status = "partially_filled" },
                  { { trade_id = "7", qty = "0.0025" }, { trade_id = "8", qty = "0.001" } })
    local order = order_of(open(), "a")
    t.equal(tostring(order.qty), "0.0035")
    t.equal(tostring(order.leaves_qty), "0")
  end)
end)

t.test("an order is found by either id, on its venue alone, ours first", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", order_id = "x-1" }
    journal:order { client_order_id = "b", order_id = "x-2", status = "filled" }
    journal:order { client_order_id = false, order_id = "x-2", external = 1, strategy = false }
    local archive = open()
    t.equal(archive:order("idx", "a", "x-2").order_id, "x-1")
    t.equal(archive:order("idx", "unknown", "x-1").client_order_id, "a")
    t.equal(archive:order("idx", nil, "x-2").external, true)
    t.equal(archive:order("other", "a", "x-1"), nil)
    t.equal(archive:order("idx", nil, nil), nil)
  end)
end)

t.test("open orders are those of ours that had not finished, oldest first", function()
  with_journal(function(journal, open)
    for i, status in ipairs { "new", "filled", "pending_cancel", "rejected", "unknown", "expired",
                              "pending_new", "canceled", "partially_filled" } do
      journal:order { client_order_id = "c" .. i, status = status }
    end
    journal:order { client_order_id = "web-1", external = 1, strategy = false }
    local ids = {}
    for i, order in ipairs(open():open_orders()) do ids[i] = order.client_order_id end
    t.equal(table.concat(ids, " "), "c1 c3 c5 c7 c9")
  end)
end)

t.test("recent orders are those of ours that changed since then", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", updated_ns = "1790000000000000000" }
    journal:order { client_order_id = "b", updated_ns = "1790000001000000000", status = "filled" }
    journal:order { client_order_id = "c", updated_ns = "1790000002000000000", external = 1 }
    local list = open():recent_orders(1790000001)
    t.equal(#list, 1)
    t.equal(list[1].client_order_id, "b")
  end)
end)

t.test("a row that is not understood is said, and the others are there", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", price = "many" }
    journal:order { client_order_id = "b" }
    local archive, lines = open()
    local list = archive:open_orders()
    t.equal(#list, 1)
    t.equal(list[1].client_order_id, "b")
    t.ok(lines[1]:find "order a is not understood and left to the venue: .*bad decimal", lines[1])
  end)
end)

t.test("the last epoch is the highest that a run began with or an id carries", function()
  local function id(runtime, ms)
    return client_id.maker(runtime, "one", client_id.base36(ms, 8) .. "abc"):next()
  end
  with_journal(function(journal, open)
    journal:insert("runs", { run = 1, epoch = 1790000000123 })
    journal:insert("runs", { run = 2, epoch = 1780000000000 })
    t.equal(open():last_epoch_ms "moonwire", 1790000000123)
    journal:order { client_order_id = id("moonwire", 1790000000200) }
    journal:order { client_order_id = id("other", 1790000000300) }
    journal:order { client_order_id = "web-1" }
    t.equal(open():last_epoch_ms "moonwire", 1790000000200)
  end)
end)

-- Orders again ------------------------------------------------------------------------------------

t.test("an order is again what it was, and unknown as long as it was open", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a", order_id = "x-1", status = "partially_filled" },
                  { { trade_id = "7" }, { trade_id = "8", price = "940000000" } })
    local order = order_of(open(), "a")
    t.equal(order.status, "unknown")
    t.equal(order.previous_status, "partially_filled")
    t.equal(tostring(order.cum_qty), "0.002")
    t.equal(tostring(order.avg_price), "945000000")
    t.equal(order.strategy, "one")
    t.equal(order.external, nil)
    -- A trade that was counted is not counted again; a new one is.
    local report = { status = "partially_filled", trade_id = "8", last_qty = D "0.001",
                     last_price = D "940000000" }
    local _, fill = order:apply(report)
    t.equal(fill, nil)
    report.trade_id = "9"
    _, fill = order:apply(report)
    t.equal(fill.trade_id, "9")
    t.equal(order.status, "filled")
  end)
end)

t.test("a finished order stays finished and takes a late fill", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a", status = "canceled", reason = "user" },
                  { { trade_id = "7" } })
    local order = order_of(open(), "a")
    t.equal(order.status, "canceled")
    t.equal(order.reason, "user")
    local changed, fill = order:apply { trade_id = "8", last_qty = D "0.001",
                                        last_price = D "950000000" }
    t.equal(changed, false)
    t.equal(tostring(fill.qty), "0.001")
    t.equal(tostring(order.cum_qty), "0.002")
  end)
end)

t.test("what was only inferred may still be undone by the venue", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", status = "rejected", reason = "not_found" }
    journal:order { client_order_id = "b", status = "rejected", reason = "funds" }
    local archive = open()
    local order = order_of(archive, "a")
    order:apply { status = "working" }
    t.equal(order.status, "new")
    order = order_of(archive, "b")
    order:apply { status = "working" }
    t.equal(order.status, "rejected")
  end)
end)

t.test("a cancel that was under way is wanted still", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", status = "pending_cancel" }
    journal:order { client_order_id = "b" }
    local archive = open()
    t.equal(order_of(archive, "a")._cancel.is_wanted, true)
    t.equal(order_of(archive, "b")._cancel.is_wanted, nil)
  end)
end)

t.test("only what the venue showed counts as seen", function()
  with_journal(function(journal, open)
    journal:order { client_order_id = "a", status = "pending_new" }
    journal:order { client_order_id = "b", status = "unknown" }
    journal:order { client_order_id = "c", status = "pending_new", order_id = "x-1" }
    journal:order { client_order_id = "d", status = "new" }
    journal:order({ client_order_id = "e", status = "unknown" }, { { trade_id = "1" } })
    local archive, seen = open(), {}
    for _, id in ipairs { "a", "b", "c", "d", "e" } do
      seen[#seen + 1] = tostring(order_of(archive, id)._was_seen)
    end
    t.equal(table.concat(seen, " "), "false false true true true")
  end)
end)

t.test("a provisional price is still to be amended, an amended one is not", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a" },
                  { { trade_id = "7", flags = 4, fees = false }, { trade_id = "8", flags = 1 } })
    local order = order_of(open(), "a")
    local function told(id)
      return order:apply { trade_id = id, last_qty = D "0.001", last_price = D "940000000" }
    end
    local _, fill, amended = told "7"
    t.equal(fill, nil)
    t.equal(tostring(amended.old_price), "950000000")
    _, fill, amended = told "8"
    t.equal(fill, nil)
    t.equal(amended, nil)
    t.equal(tostring(order.avg_price), "945000000")
  end)
end)

t.test("what was booked on a total is still to be told by its trades", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a" },
                  { { flags = 2, fees = false },
                    { trade_id = "7", flags = 1, price = "940000000" } })
    local order = order_of(open(), "a")
    t.equal(tostring(order.cum_qty), "0.002")
    t.equal(tostring(order.avg_price), "945000000")
    local _, fill, amended = order:apply { trade_id = "7", last_qty = D "0.001",
                                           last_price = D "940000000" }
    t.equal(fill or amended, nil)
    _, fill, amended = order:apply { trade_id = "8", last_qty = D "0.001",
                                     last_price = D "940000000" }
    t.equal(fill, nil)
    t.equal(tostring(amended.old_price), "950000000")
    t.equal(tostring(order.avg_price), "940000000")
    _, fill = order:apply { trade_id = "9", last_qty = D "0.001", last_price = D "940000000" }
    t.equal(tostring(fill.qty), "0.001")
    t.equal(order.status, "filled")
  end)
end)

t.test("a fill that cannot be is left out, told, and not new when it comes again", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a" }, { { trade_id = "1", qty = "0.004" },
                                               { trade_id = "2", qty = "0.001" } })
    local order, problem = order_of(open(), "a")
    t.equal(problem, "impossible execution of 0.004 at 950000000")
    t.equal(tostring(order.cum_qty), "0.001")
    local _, fill = order:apply { trade_id = "1", last_qty = decimal "0.001",
                                  last_price = decimal "950000000" }
    t.equal(fill, nil)
  end)
end)

-- Positions ---------------------------------------------------------------------------------------

t.test("each fill is visited once, in its order, in pages, from where one stands", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a" }, { { trade_id = "0" } })
    journal:order({ client_order_id = "b", strategy = false, external = 1 }, { { trade_id = "2" } })
    journal:run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000) "
                .. "INSERT INTO fills (order_key, trade_id, qty, price, flags) "
                .. "SELECT 1, i, '0.001', '5', 0 FROM n")
    local archive, count, last_seen = open(), 0, 0
    local last = archive:each_fill(0, function(fill, order)
      count = count + 1
      t.equal(order.strategy .. order.venue .. order.symbol .. order.side, "oneidxBTC/IDRbuy")
      if count > 1 then
        t.equal(tonumber(fill.trade_id), last_seen + 1)
        last_seen = last_seen + 1
      end
    end)
    t.equal(count, 11001)
    t.equal(last, 11002)
    t.equal(archive:each_fill(last - 1, function() count = count + 1 end), last)
    t.equal(count, 11002)
  end)
end)

t.test("a position booked from the journal is the one that was", function()
  with_journal(function(journal, open)
    journal:order({ client_order_id = "a", qty = "0.01" },
                  { { trade_id = "1" }, { flags = 2, qty = "0.002", fees = false } })
    journal:order({ client_order_id = "b", side = "sell" },
                  { { trade_id = "3", price = "960000000" } })
    local position = position_module.new { strategy = "one", venue = "idx", symbol = "BTC/IDR" }
    open():each_fill(0, function(fill, order) restore.book(fill, order, position) end)
    t.equal(tostring(position.qty), "0.002")
    t.equal(position:fees_text(), "22 IDR")
    -- Paid 3 x 950,000, got 960,000, and twice 11 of fees.
    local balances = position:balances()
    t.equal(tostring(balances.IDR), "-1890022")
  end)
end)

t.done()
