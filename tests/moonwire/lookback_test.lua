-- Orders of the last moments before an end that nobody could write down.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local json = require "moonwire.json"
local fixture = require "tests.moonwire.recovery_fixture"

local id_of, told = fixture.id_of, fixture.told
local trades = fixture.trades
local take_over, with_journal, sell = fixture.take_over, fixture.with_journal, fixture.sell

local function history(...)
  local rows = {}
  for i, of in ipairs { ... } do
    rows[i] = { orderId = "btcidr-limit-" .. of[2], clientOrderId = of[1], symbol = "btcidr",
                side = "SELL", type = "LIMIT", status = of[3], price = "950000000",
                oriQty = "0.003", executedQty = of[4], submitTime = 1789999999000,
                finishTime = 1789999999500 }
  end
  return json.encode { data = json.array(rows) }
end

-- A run before that knew order 1 and of whose end nothing is written.
local function died_at(journal, fields)
  local run = { run = 1, epoch = 1789999990000, ended_ns = "1789999998000000000",
                how = "cut off" }
  for name, value in pairs(fields or {}) do run[name] = value end
  journal:insert("runs", run)
  journal:insert("runs", { run = 2, started_ns = "1790000000000000000" })     -- this one
  sell(journal, { status = "filled", order_id = "btcidr-limit-1" }, { { trade_id = "7" } })
end

t.test("an order of the last moments, which nobody could write down, is found and told", function()
  with_journal(function(journal)
    died_at(journal)
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history({ id_of("one", 1), "1", "FILLED", "0.003" },
        { id_of("one", 2), "2", "CANCELLED", "0.001" }, { "web-1", "3", "FILLED", "0.003" }),
      ["/api/v2/myTrades"] = function(request)
        if not request.url:find("limit-2", 1, true) then return trades(8) end
        return (trades(9):gsub("limit%-310131", "limit-2"))
      end } })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 9 0.001|order new canceled"
      .. "|order partially_filled canceled")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    local asked = s:asked "/api/v2/order/histories"
    t.equal(#asked, 1)
    t.equal(stage.parameter(asked[1], "symbol"), "btcidr")
    local start = tonumber(stage.parameter(asked[1], "startTime"))
    t.ok(math.abs(start - 1789999938000) < 10, start)
    local kept
    for _, record in ipairs(s:recorded "persist") do
      kept = record.text:match "^looked back:idx%z(.*)$" or kept
    end
    t.equal(kept, "1")
    s:close(s:private())                         -- once: it is known from then on
    s:advance(5)
    t.equal(#s:asked "/api/v2/order/histories", 1)
  end)
end)

t.test("a history of more than a page is read to its end", function()
  with_journal(function(journal)
    died_at(journal)
    local page = {}
    for i = 1, 1000 do page[i] = { "web-" .. i, tostring(100 + i), "CANCELLED", "0" } end
    local answers = { history(unpack(page)), history { id_of("one", 2), "2", "CANCELLED", "0" } }
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = function() return table.remove(answers, 1) end } })
    s:start()
    t.equal(told(s, "one"), "start 0|order new canceled")
    local asked = s:asked "/api/v2/order/histories"
    t.equal(#asked, 2)
    t.equal(stage.parameter(asked[2], "startTime"), "1789999999500")
  end)
end)

t.test("fills that a venue does not show yet are asked for, though the order ended", function()
  with_journal(function(journal)
    died_at(journal)
    local late = '{"data":[]}'
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history { id_of("one", 2), "2", "CANCELLED", "0.001" },
      ["/api/v2/myTrades"] = function() return late end } })
    s:start()
    t.equal(told(s, "one"), "start 0|order new canceled")
    late = trades(9):gsub("limit%-310131", "limit-2")
    s:advance(2)
    t.equal(told(s, "one"), "start 0|order new canceled|fill 9 0.001")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
  end)
end)

t.test("a fill that an order lacks which is known to have ended is found and told", function()
  with_journal(function(journal)
    died_at(journal)
    sell(journal, { client_order_id = id_of("one", 2), order_id = "btcidr-limit-2",
                    status = "canceled" })
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history({ id_of("one", 1), "1", "FILLED", "0.001" },
                                            { id_of("one", 2), "2", "CANCELLED", "0.001" }),
      ["/api/v2/myTrades"] = (trades(9):gsub("limit%-310131", "limit-2")) } })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 9 0.001")
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").qty), "-0.002")
    t.equal(#s:asked "/api/v2/myTrades", 1)
  end)
end)

t.test("an order that was given up and shows up as ended is what the venue says", function()
  with_journal(function(journal)
    died_at(journal)
    sell(journal, { client_order_id = id_of("one", 2), order_id = false, status = "rejected",
                    reason = "not_found" })
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = history { id_of("one", 2), "2", "FILLED", "0.003" },
      ["/api/v2/myTrades"] = (trades(8, 9, 10):gsub("limit%-310131", "limit-2")) } })
    s:start()
    t.equal(told(s, "one"), "start 0|fill 8 0.001|fill 9 0.001|fill 10 0.001"
      .. "|order rejected filled")
  end)
end)

-- Known finished orders 100, 101, ... of the run before, as the venue tells them.
local function many_finished(journal, count)
  local rows = {}
  for i = 1, count do
    local row = { id_of("one", 100 + i), tostring(99 + i), "CANCELLED", "0" }
    rows[i] = row
    sell(journal, { client_order_id = row[1], order_id = "btcidr-limit-" .. row[2],
                    status = "canceled" })
  end
  return rows
end

t.test("an order whose price is asked for is not met anew behind many others", function()
  with_journal(function(journal)
    died_at(journal)
    sell(journal, { client_order_id = id_of("one", 2), order_id = "btcidr-limit-2",
                    status = "partially_filled" },
         { { trade_id = "9", price = "940000000", flags = 4 } })
    local rows = many_finished(journal, 1300)
    table.insert(rows, 1, { id_of("one", 2), "2", "CANCELLED", "0.001" })
    local s = take_over(journal, { answers = {
      ["/api/v2/order/histories"] = function()
        local page = {}
        for i = 1, math.min(1000, #rows) do page[i] = table.remove(rows, 1) end
        return history(unpack(page))
      end,
      getOrderByClientOrderId = json.encode { success = 1, ["return"] = { order = {
        order_id = "2", client_order_id = id_of("one", 2), price = "940000000", type = "sell",
        status = "cancelled", order_btc = "0.003", remain_btc = "0.002" } } },
      ["/api/v2/myTrades"] = (trades(9):gsub("limit%-310131", "limit-2")) } })
    s:start()
    s:advance(3)
    t.equal(#s:asked "/api/v2/myTrades", 1)
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").avg_price), "950000000")
  end)
end)

-- Markets have numbers as well, and so may a strategy's `levels` be.
t.test("a parameter that is a number names no market", function()
  with_journal(function(journal)
    died_at(journal)
    local class = fixture.teller()
    class.default_params.levels = 1
    local row = { id_of("one", 2), "2", "CANCELLED", "0" }
    local s = take_over(journal, { strategies = { { name = "one", class = class } },
                                   answers = { ["/api/v2/order/histories"] = history(row) } })
    s:start()
    t.equal(s.session.state, "up")
    t.equal(#s:asked "/api/v2/order/histories", 1)
    t.equal(told(s, "one"), "start 0|order new canceled")
  end)
end)

t.test("one that died before it had looked leaves that to the next run", function()
  with_journal(function(journal)
    died_at(journal)
    journal:run "UPDATE runs SET how = 'signal 9', ended_ns = 1790000000000000001 WHERE run = 2"
    journal:insert("runs", { run = 3, started_ns = "1790000001000000000" })
    local function asked()
      local s = take_over(journal, { answers = { ["/api/v2/order/histories"] = history() } })
      s:start()
      return #s:asked "/api/v2/order/histories"
    end
    t.equal(asked(), 1)
    journal:insert("persist", { strategy = "looked back:idx", text = "1" })
    t.equal(asked(), 0)
  end)
end)

t.test("after an end that was written nothing is looked for", function()
  with_journal(function(journal)
    died_at(journal, { how = "exit status 0" })
    local s = take_over(journal, {})
    s:start()
    t.equal(#s:asked "/api/v2/order/histories", 0)
  end)
end)

t.test("a history that cannot be had is said, and asked for at the next log-on", function()
  with_journal(function(journal)
    died_at(journal)
    local s = take_over(journal, { answers = { ["/api/v2/order/histories"] = { 503, "busy" } } })
    s:start()
    t.equal(told(s, "one"), "start 0")
    t.equal(#s:logged "orders that finished while nothing was written cannot be asked for", 1)
    s.answers["/api/v2/order/histories"] = history()
    s:close(s:private())
    s:advance(5)
    t.equal(#s:asked "/api/v2/order/histories", 2)
  end)
end)

t.test("a history that cannot be had is asked for again while the session is up", function()
  with_journal(function(journal)
    died_at(journal)
    local s = take_over(journal, { answers = { ["/api/v2/order/histories"] = { 503, "busy" } } })
    s:start()
    s:advance(15)
    t.equal(#s:asked "/api/v2/order/histories", 2)
    s.answers["/api/v2/order/histories"] = history({ id_of("one", 2), "2", "CANCELLED", "0.001" })
    s.answers["/api/v2/myTrades"] = (trades(9):gsub("limit%-310131", "limit-2"))
    s:advance(10)
    t.equal(told(s, "one"), "start 0|fill 9 0.001|order new canceled"
      .. "|order partially_filled canceled")
    s:close(s:private())
    s:advance(60)
    t.equal(#s:asked "/api/v2/order/histories", 3)
  end)
end)

stage.done()
