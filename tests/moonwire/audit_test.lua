-- moonwire audit: own orders, fills and balances against the venue's.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local archive_module = require "moonwire.archive"
local client_id = require "moonwire.client_id"
local compare = require "moonwire.compare"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local archive_fixture = require "tests.moonwire.archive_fixture"
local json = require "moonwire.json"
local persist = require "moonwire.persist"
local task = require "moonwire.task"

local SINCE = 1789999900
local EPOCH = client_id.base36(1789999990000, 8) .. "abc"
local function id_of(n) return client_id.maker("moonwire", "one", EPOCH, n - 1):next() end
local ID = id_of(1)

-- A sell of 0.003 BTC as the venue lists it.
local function row(id, left, status)
  return { order_id = id == ID and "310131" or "77", client_order_id = id, status = status,
           submit_time = "1789999990", price = "950000000", type = "sell",
           order_type = "limit", order_btc = "0.003", remain_btc = left }
end

local function open_orders(...)
  return json.encode { success = 1, ["return"] = { orders = { btc_idr = json.array { ... } } } }
end

local function one_order(status)
  return json.encode { success = 1, ["return"] = { order = row(ID, "0", status) } }
end

local function trades(...)
  local rows = {}
  for i, qty in ipairs { ... } do
    rows[i] = { tradeId = tostring(i), orderId = "btcidr-limit-310131", qty = qty,
                price = "950000000", isMaker = true, time = 1789999990000 + i,
                commissionAsset = "idr", commission = "11" }
  end
  return json.encode { data = json.array(rows) }
end

-- What a comparison finds: texts of the differences in one line, and the comparison.
local function compared(journal, answers, between)
  local s = stage.new { answers = answers }
  local archive = archive_module.open(journal.path, s.desk.log)
  local comparison = compare.new(s.session, archive, SINCE)
  local job = { result = "nothing" }
  function job:on_task_done(_, ok, result, err) self.result = ok and result or err or result end
  local function begin() task.start(job, "compare", function() return comparison:run() end) end
  s:run({ begin = begin }, "begin")
  s:settle()
  if between then between(s) end
  s:advance(5)
  archive:close()
  local texts = {}
  for i, difference in ipairs(comparison.differences) do texts[i] = difference.text end
  return table.concat(texts, "|"), comparison, job.result, s
end

local function with_journal(body)
  local journal = archive_fixture.new()
  local ok, err = pcall(body, journal)
  journal:remove()
  if not ok then error(err, 0) end
end

local function sell(journal, fields, fills)
  local all = { client_order_id = ID, order_id = "btcidr-limit-310131", side = "sell" }
  for name, value in pairs(fields or {}) do all[name] = value end
  return journal:order(all, fills)
end

t.test("what agrees is no difference, and nothing was sent but questions", function()
  with_journal(function(journal)
    sell(journal, { status = "partially_filled" }, { { trade_id = "1" } })
    sell(journal, { client_order_id = id_of(2), order_id = "btcidr-limit-9", status = "canceled" })
    local text, comparison, result, s = compared(journal, {
      openOrders = open_orders(row(ID, "0.002"), row("web-1", "0.003")),
      ["/api/v2/myTrades"] = function(request)
        return request.url:find("310131", 1, true) and trades "0.001" or trades()
      end })
    t.equal(result, true)
    t.equal(text, "")
    t.equal(comparison.orders, 2)
    t.equal(comparison.fills, 1)
    t.equal(comparison.external, 1)
    t.equal(#s:asked "trade" + #s:asked "cancelByClientOrderId", 0)
    t.equal(next(s.sockets), nil)
  end)
end)

-- The venue answers 300 such questions a minute and refuses the others.
t.test("more orders than the venue answers for in a minute are asked for in more", function()
  with_journal(function(journal)
    for n = 1, 260 do
      sell(journal, { client_order_id = id_of(n), order_id = "btcidr-limit-" .. n,
                      status = "canceled" })
    end
    local counts = {}
    local _, comparison, result, s = compared(journal, { ["/api/v2/myTrades"] = trades() },
                                              function(s)
      for _ = 1, 2 do
        s:advance(40)
        counts[#counts + 1] = #s:asked "/api/v2/myTrades"
      end
    end)
    t.equal(table.concat(counts, " "), "250 260")
    local asked = s:asked "/api/v2/myTrades"
    local function signed_at(n) return tonumber(stage.parameter(asked[n], "timestamp")) end
    t.ok(signed_at(251) - signed_at(1) >= 60000, "what has waited is signed when it leaves")
    t.equal(result, true)
    t.equal(comparison.orders, 260)
    t.equal(#s:logged "260 orders to compare, each by a question of its own", 1)
  end)
end)

t.test("an order that is open here and over there is named with both", function()
  with_journal(function(journal)
    sell(journal)
    t.equal(compared(journal, { getOrderByClientOrderId = one_order "cancelled" }),
            "open here (new), canceled there")
    t.equal(compared(journal, {}), "open here (new), not found there")
  end)
end)

t.test("an order that is over here and open there is named, however old", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled", updated_ns = "1700000000000000000" })
    t.equal(compared(journal, { openOrders = open_orders(row(ID, "0.003")) }),
            "canceled here, open there")
  end)
end)

t.test("an order of ours that the journal does not have is named", function()
  with_journal(function(journal)
    t.equal(compared(journal, { openOrders = open_orders(row(ID, "0.003")) }),
            "open there, not known here")
  end)
end)

t.test("each fill that one side does not have is named, and the totals", function()
  with_journal(function(journal)
    sell(journal, { status = "filled" }, { { trade_id = "1" }, { trade_id = "7" } })
    t.equal(compared(journal, { ["/api/v2/myTrades"] = trades("0.001", "0.002") }),
            "missing here: trade 2: 0.002 at 950000000|not known there: trade 7: 0.001 at 950000000"
            .. "|cum_qty 0.002 here, 0.003 there")
  end)
end)

t.test("a fill with other figures is named with both", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, { { trade_id = "1", price = "949000000" } })
    t.equal(compared(journal, { ["/api/v2/myTrades"] = trades "0.001" }),
            "trade 1: 0.001 at 949000000 here, 0.001 at 950000000 there")
  end)
end)

t.test("a fill that was booked on a total is named", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" }, { { flags = 2 } })
    t.equal(compared(journal, { ["/api/v2/myTrades"] = trades "0.001" }),
            "missing here: trade 1: 0.001 at 950000000"
            .. "|0.001 at 950000000 was booked here on a total alone")
  end)
end)

t.test("what was only under way is no difference", function()
  with_journal(function(journal)
    sell(journal)
    local text, _, _, s = compared(journal, { getOrderByClientOrderId = one_order "cancelled" },
      function() journal:run "UPDATE orders SET status = 'canceled'" end)
    t.equal(text, "")
    t.equal(#s:asked "openOrders", 2)
  end)
end)

t.test("a venue that cannot be asked is no venue without differences", function()
  with_journal(function(journal)
    sell(journal)
    local function fails(answers, why)
      local _, _, result = compared(journal, answers, function(s) s:advance(90) end)
      t.ok(tostring(result):find(why, 1, true), tostring(result))
    end
    fails({ ["/api/pairs"] = { 503, "busy" } }, "markets: ")
    fails({ openOrders = { 503, "busy" } }, "open orders: ")
    fails({ getOrderByClientOrderId = { 503, "busy" } }, "order " .. ID .. ": ")
    fails({ openOrders = open_orders(row(ID, "0.003")), ["/api/v2/myTrades"] = { 503, "busy" } },
          "fills: ")
    fails({ openOrders = open_orders(row(ID, "0.003")), getInfo = { 503, "busy" } }, "balances: ")
  end)
end)

t.test("a question that the venue does not answer for a while is asked again", function()
  with_journal(function(journal)
    sell(journal, { status = "canceled" })
    local answers = { ["/api/v2/myTrades"] = { 429, '{"error":"Too many requests","code":1000}' } }
    local counts = {}
    local text, _, result, s = compared(journal, answers, function(s)
      s:advance(30)
      counts[1] = #s:asked "/api/v2/myTrades"
      s.answers["/api/v2/myTrades"] = trades()
      s:advance(30)
      counts[2] = #s:asked "/api/v2/myTrades"
    end)
    t.equal(table.concat(counts, " "), "4 5")
    t.equal(result, true)
    t.equal(text, "")
    t.equal(#s:logged("; asking again in 1 s"), 1)
  end)
end)

t.test("balances stand beside what open orders hold", function()
  with_journal(function(journal)
    sell(journal)
    local _, comparison = compared(journal, {
      openOrders = open_orders(row(ID, "0.002"), row("web-1", "0.003")),
      ["/api/v2/myTrades"] = trades "0.001",
      getInfo = '{"success":1,"return":{"balance":{"btc":"1.5","idr":"1000","eth":"0"},'
        .. '"balance_hold":{"btc":"0.005","idr":0,"eth":"0"}}}',
    })
    local lines = {}
    for i, b in ipairs(comparison.balances) do
      lines[i] = ("%s %s %s %s %s"):format(b.asset, b.free, b.held, b.own, b.others)
    end
    t.equal(table.concat(lines, "|"), "BTC 1.5 0.005 0.002 0.003|IDR 1000 0 0 0")
  end)
end)

-- What the last run noted at its start.
local function noted(journal, assets)
  for asset, total in pairs(assets) do assets[asset] = decimal(total) end
  journal:insert("persist", { strategy = "balances:idx", text = persist.encode {
    time = 1789999990.2, asked_at = 1789999990.2, assets = assets } })
end

-- A balance of BTC and IDR, as the comparison explains it.
local function explained(journal, btc, idr)
  local _, comparison = compared(journal, {
    getOrderByClientOrderId = one_order "filled", ["/api/v2/myTrades"] = trades("0.001", "0.001"),
    getInfo = ('{"success":1,"return":{"balance":{"btc":"%s","idr":"%s"},'
      .. '"balance_hold":{"btc":"0.002","idr":"0"}}}'):format(btc, idr),
  })
  local by_asset = {}
  for _, b in ipairs(comparison.balances) do by_asset[b.asset] = b end
  return by_asset
end

-- Two sales of 0.001 at 950000000 with 11 IDR of fees each: one before the balances were noted (at
-- .2), one after (.5).
local function two_sales(journal)
  sell(journal, { status = "partially_filled" },
       { { trade_id = "1", time_ns = "1789999990100000000" }, { trade_id = "2" } })
end

t.test("a balance is what the last run noted and what fills changed since", function()
  with_journal(function(journal)
    two_sales(journal)
    noted(journal, { BTC = "1", IDR = "500" })
    local b = explained(journal, "0.997", "950489")
    t.equal(tostring(b.BTC.noted) .. " " .. tostring(b.BTC.fills), "1 -0.001")
    t.equal(tostring(b.BTC.unexplained), "0")
    t.equal(tostring(b.BTC.held_unexplained), "0.002", "no order that is open holds it")
    t.equal(tostring(b.IDR.fills) .. " " .. tostring(b.IDR.fees), "950000 -11")
    t.equal(tostring(b.IDR.unexplained), "0")
    t.equal(b.IDR.since, 1789999990.2)
  end)
end)

t.test("what is beyond that is not explained", function()
  with_journal(function(journal)
    two_sales(journal)
    noted(journal, { BTC = "1", IDR = "500", ETH = "3" })
    local b = explained(journal, "1.097", "950389")
    t.equal(tostring(b.BTC.unexplained), "0.1")
    t.equal(tostring(b.IDR.unexplained), "-100")
    t.equal(tostring(b.ETH.unexplained), "-3", "it is not there any more")
  end)
end)

t.test("a trade of somebody else that was seen is told apart", function()
  with_journal(function(journal)
    journal:order({ client_order_id = "web-1", order_id = "btcidr-limit-9", external = 1,
                    strategy = false, status = "filled" }, { { trade_id = "9" } })
    noted(journal, { BTC = "1", IDR = "1000000" })
    local b = explained(journal, "0.999", "49989")
    t.equal(tostring(b.BTC.other_fills), "0.001")
    t.equal(tostring(b.BTC.fills), "0")
    t.equal(tostring(b.IDR.unexplained), "0")
  end)
end)

t.test("without a note the journal says what it knows, and no more", function()
  with_journal(function(journal)
    two_sales(journal)
    local b = explained(journal, "1", "0")
    t.equal(tostring(b.BTC.fills), "-0.002")
    t.equal(b.BTC.unexplained, nil)
  end)
end)

-- The command -------------------------------------------------------------------------------------

local START = 0
for i, name in ipairs(require("moonwire.host").event_kinds()) do
  if name == "start" then START = i - 1 end
end
require "moonwire.cli"

-- Types `moonwire audit ...` beside this journal: what is printed, and the exit status.
local function typed(journal, answers, ...)
  local s = stage.new { answers = answers }
  local key = journal.directory .. "/key"
  local file = assert(io.open(key, "w"))
  file:write "5f2d9c0e7b1a4483a6c1f0e2d3b4a596"
  file:close()
  os.execute("chmod 600 " .. key)
  local path = journal.directory .. "/moonwire.lua"
  file = assert(io.open(path, "w"))
  file:write [[return { journal = { path = "moonwire.db" }, venues = { idx = {
    protocol = "indodax", environment = "production", key = file "key", secret = file "key",
    dead_man = false } } }]]
  file:close()
  local words = { "audit", "--config", path, ... }
  for i, word in ipairs(words) do words[i] = word .. "\0" end
  local more = dispatch.door(START, 0, 0, table.concat(words))
  while more do more = dispatch.door() end
  s:settle()
  s:advance(5)
  os.remove(key)
  os.remove(path)
  return table.concat(s.printed, "\n"), s.stopped, s
end

t.test("audit says what differs and ends with 1, or that nothing does and 0", function()
  with_journal(function(journal)
    sell(journal)
    local printed, status = typed(journal, { getOrderByClientOrderId = one_order "filled",
                                             ["/api/v2/myTrades"] = trades "0.003" })
    t.equal(status, 1)
    t.ok(printed:find("idx      " .. ID .. " BTC/IDR: open here (new), filled there", 1, true),
         printed)
    t.ok(printed:find("idx      compared 1 order and 0 fills of ours; 0 open orders of somebody "
                      .. "else\n3 differences", 1, true), printed)
    t.ok(printed:find("BTC: the journal has own fills +0, fees +0, and does not know what was "
                      .. "there before", 1, true), printed)
    noted(journal, { IDR = "1000" })
    printed, status = typed(journal, { openOrders = open_orders(row(ID, "0.003")) })
    t.equal(status, 0)
    t.ok(printed:find("IDR: 1000 at 2026-09-21 14:13:10 UTC, since then own fills +0, fees +0: ",
                      1, true), printed)
    t.ok(printed:find("is not explained (rounded, paid in or out, or traded elsewhere)", 1, true),
         printed)
    t.ok(printed:find "\nno difference$", printed)
  end)
end)

t.test("audit --json prints an object a line", function()
  with_journal(function(journal)
    sell(journal)
    local printed = typed(journal, {}, "--json")
    local by_type = {}
    for line in printed:gmatch "[^\n]+" do
      local object = assert(json.decode(line))
      by_type[object.type] = object
    end
    t.equal(by_type.difference.client_order_id, ID)
    t.equal(by_type.difference.kind, "open_here")
    t.equal(by_type.difference.text, "open here (new), not found there")
    t.equal(by_type.compared.orders, 1)
    t.equal(type(by_type.balance.free), "string")
  end)
end)

t.test("a venue that cannot be asked ends audit with 1", function()
  with_journal(function(journal)
    local printed, status, s = typed(journal, { openOrders = { 503, "busy" } })
    t.equal(status, 1)
    t.equal(printed, "")
    t.equal(#s:logged "audit: the venue could not be asked: open orders: ", 1)
  end)
end)

t.test("without a journal there is nothing to compare with", function()
  with_journal(function(journal)
    os.rename(journal.path, journal.path .. ".away")
    local _, status, s = typed(journal, {})
    os.rename(journal.path .. ".away", journal.path)
    t.equal(status, 1)
    t.equal(#s:logged "there is nothing to compare with: no journal ", 1)
    t.equal(#s.requests, 0)
  end)
end)

stage.done()
