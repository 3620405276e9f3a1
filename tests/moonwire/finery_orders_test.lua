-- Orders at Finery: what leaves, what the answers mean, doubts.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local finery = require "moonwire.venues.finery"
local fixture = require "tests.moonwire.finery_fixture"

local frames, play, sent, IOC = fixture.frames, fixture.play, fixture.sent, fixture.IOC
local REST, DEAL_ROW = fixture.REST, fixture.DEAL_ROW

-- Orders out --------------------------------------------------------------------------------------

t.test("an order is written in whole numbers, digit for digit", function()
  local s = play { add = false }
  local order = s:send(IOC)
  t.equal(order.status, "pending_new")
  local id = s:private().sent[#s:private().sent]:match '"reqId":(%d+)'
  t.equal(sent(s, "add"), ('{"event":"request","reqId":%s,"method":"add","content":'
    .. '{"instrument":"BTC-USD","clientOrderId":%s,"price":6512345000000,"size":25000000,'
    .. '"side":"bid","type":"limitIOC","cod":false,"qsEnabled":false,"firmBookEnabled":true}}')
    :format(id, order.client_order_id))
end)

t.test("each kind of order is the venue's type, and the others are refused unsent", function()
  local function type_of(role, request)
    local s = play({ add = false }, role)
    local order, err = s:send(request)
    if not order then return nil, err end
    return sent(s, "add"):match '"type":"(%w+)"', sent(s, "add")
  end
  t.equal(type_of("taker", IOC), "limitIOC")
  t.equal(type_of("taker", { side = "sell", qty = "1", price = "1", time_in_force = "fok" }),
          "limitFOK")
  local kind, text = type_of("taker", { side = "sell", qty = "1" })
  t.equal(kind, "marketIOC")
  t.ok(not text:find '"price"')
  kind, text = type_of("taker", { side = "buy", amount = "1000.5", time_in_force = "fok" })
  t.equal(kind, "marketFOK")
  t.ok(text:find('"volume":100050000000,', 1, true), text)
  t.equal(type_of("maker", REST), "limit")
  t.equal(type_of("maker", { side = "sell", qty = "1", price = "1", time_in_force = "post_only" }),
          "postOnly")
  for _, case in ipairs {
    { "taker", REST, "ioc or fok, not limit gtc" }, { "maker", IOC, "not limit ioc" },
    { "maker", { side = "buy", qty = "1" }, "not market gtc" },
    { "taker", { side = "buy", qty = "92233720369", price = "1", time_in_force = "ioc" },
      "qty 92233720369 is not above 0 or beyond what finery can count" },
  } do
    local none, err = type_of(case[1], case[2])
    t.equal(none, nil)
    t.ok(err:find(case[3], 1, true), err)
  end
end)

t.test("what may rest ends with the connection, unless dead_man is off", function()
  local s = play({ add = false }, "maker")
  s:send(REST)
  t.ok(sent(s, "add"):find('"cod":true', 1, true))
  s.session.config.dead_man = false
  s:send(REST)
  t.ok(sent(s, "add"):find('"cod":false', 1, true))
end)

-- Answers -----------------------------------------------------------------------------------------

local function answer_of(text) return (text:match '"reply":(.*)}$') end

t.test("a taker that is filled is so with its deals, in one answer", function()
  local s = play { add = answer_of(frames.reply_filled) }
  local order = s:send(IOC)
  t.equal(s.trader.said(), "0.25@65123 taker, pending_new>filled")
  t.equal(order.order_id, "48221600011")
  t.equal(tostring(order.cum_qty), "0.25")
end)

local TWO_DEALS = '{"id":48221600012,"clientOrderId":1,"remainingSize":5000000,"cancelReason":2,'
  .. '"deals":[{"id":1,"price":6512300000000,"size":15000000,"volume":1,"delta":0},'
  .. '{"id":2,"price":6512400000000,"size":5000000,"volume":1,"delta":0}]}'

t.test("a taker that is filled in part has the rest dropped", function()
  local s = play { add = TWO_DEALS }
  local order = s:send(IOC)
  t.equal(s.trader.said(), "0.15@65123 taker, pending_new>partially_filled, 0.05@65124 taker, "
          .. "partially_filled>canceled ioc_remainder")
  t.equal(tostring(order.cum_qty), "0.2")
end)

t.test("what is left of a taker's order is dropped, whether the venue says why or not", function()
  local s = play { add = '{"id":5,"remainingSize":25000000,"deals":[]}' }
  s:send(IOC)
  t.equal(s.trader.said(), "pending_new>canceled ioc_remainder")
end)

t.test("a maker's order rests, with or without deals of its own", function()
  local s = play({ add = '{"id":5,"remainingSize":10000000,"deals":[]}' }, "maker")
  s:send(REST)
  t.equal(s.trader.said(), "pending_new>new")
  s.methods.add = '{"id":6,"remainingSize":6000000,"deals":[{"id":9,"price":6500000000000,'
    .. '"size":4000000,"volume":1,"delta":0}]}'
  s:send(REST)
  t.equal(s.trader.said(), "0.04@65000 taker, pending_new>partially_filled")
end)

t.test("an order by volume is filled, or stays with what it could not spend", function()
  local deals = '"deals":[{"id":1,"price":6500000000000,"size":1500000,"volume":97500000000}]'
  local s = play { add = '{"id":5,"remainingVolume":0,' .. deals .. "}" }
  s:send { side = "buy", amount = "975" }
  t.equal(s.trader.said(), "0.015@65000 taker, pending_new>filled")
  s.methods.add = '{"id":6,"remainingVolume":2500000000,"cancelReason":2,'
    .. deals:gsub('"id":1', '"id":2') .. "}"
  s:send { side = "buy", amount = "1000" }
  t.equal(s.trader.said(), "0.015@65000 taker, pending_new>canceled ioc_remainder")
end)

t.test("self-trade prevention and disconnect are told as reasons", function()
  for why, reason in ipairs(finery.private.cancel_reasons) do
    local s = play({ add = ('{"id":5,"remainingSize":10000000,"cancelReason":%d,"deals":[]}')
      :format(why) }, "maker")
    s:send(REST)
    t.equal(s.trader.said(), "pending_new>canceled " .. reason)
  end
end)

t.test("each refusal of an order has a reason that a person understands", function()
  for code, words in pairs {
    [76] = "nothing to match at this price (error 76)", [79] = "limits of the counterparties",
    [77] = "not enough liquidity", [75] = "would take: post_only", [73] = "check `role`",
    [34] = "no such instrument", [71] = "bad price", [84] = "trading is not allowed",
    [999] = "refused (error 999)", [31] = "instrument error (error 31)", [85] = "no open position",
    [165] = "limits breached by settlement",
  } do
    local s = play { add = code }
    local order = s:send(IOC)
    t.equal(order.status, "rejected", code)
    t.ok(order.reason:find(words, 1, true), order.reason)
    t.equal(s.session.state, "up")
  end
end)

t.test("a refusal says which field it means", function()
  local s = play { add = false }
  local order = s:send(IOC)
  local id = sent(s, "add"):match '"reqId":(%d+)'
  s:frame((frames.reply_bad_price:gsub("41", id)))
  s:settle()
  t.equal(order.reason, "a parameter is missing or wrong (price) (error 9)")
end)

t.test("a key without the right stops the venue", function()
  local s = play { add = 3 }
  t.equal(s:send(IOC).status, "rejected")
  t.ok(s.session.private.is_stopped)
end)

-- Doubt -------------------------------------------------------------------------------------------

t.test("an answer that does not come, says nothing or blames the venue leaves a doubt", function()
  for _, answer in ipairs { false, 2, 10, "{}" } do
    local s = play { add = answer }
    local order = s:send(IOC)
    s:advance(11)
    t.equal(order.status, "unknown", tostring(answer))
    local _, count = sent(s, "add")
    t.equal(count, 1)
  end
end)

t.test("a doubt that has deals ends with them", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s.methods.dealHistory = function()
    return "[" .. DEAL_ROW:format(order.client_order_id, 0, 1900311, 25000000) .. "]"
  end
  s:advance(13)
  t.equal(s.trader.said(), "pending_new>unknown, 0.25@65123 taker, unknown>filled")
  local content = sent(s, "dealHistory")
  t.ok(content:find '"instrument":"BTC%-USD","from":%d+,"limit":250', content)
end)

-- A deal of the order that nobody has an answer to, with so much of it left.
local function deal_of(order, left, size)
  return "[" .. DEAL_ROW:format(order.client_order_id, left, 1900311, size) .. "]"
end

t.test("a clock that was set hides no deals of an order in doubt", function()
  local s, order
  s = play { add = false, dealHistory = function(content)
    local is_late = content.from and tonumber(content.from) > 1790000060000
    return order and not is_late and deal_of(order, 0, 25000000) or "[]"
  end }
  s:shift_clock(600)
  s:advance(0.1)
  order = s:send(IOC)
  s:advance(20)
  t.equal(order.status, "filled")
  t.equal(s.trader.said(), "pending_new>unknown, 0.25@65123 taker, unknown>filled")
end)

t.test("a maker's order that arrives behind the list rests, though it has deals", function()
  local order, has_arrived
  local s = play({ add = false, positions = function()
    if not has_arrived then return "[1,[],[],[]]" end
    return ('[1,[],[["BTC-USD",0,0,0,48221600011,%s,6500000000000,10000000,6000000,'
            .. '1763683200150,0]],[]]'):format(order.client_order_id)
  end, dealHistory = function()
    has_arrived = order ~= nil
    return order and deal_of(order, 6000000, 4000000) or "[]"
  end }, "maker")
  order = s:send(REST)
  s:advance(20)
  t.equal(order.status, "partially_filled")
  t.equal(tostring(order.cum_qty), "0.04")
  t.equal(order.order_id, "48221600011")
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("orders that have traded are told with the rest of what deals say of them", function()
  local row = DEAL_ROW:format("77", 5000000, 9, 20000000)
  local s = play { dealHistory = "[" .. row .. "," .. DEAL_ROW:format("77", 10000000, 8, 5000000)
    .. "," .. DEAL_ROW:format("null", 0, 7, 1):gsub("48221600011", "6") .. "]" }
  local reports
  s:run({ ask = function()
    s.session:in_task("asking", function()
      reports = s.session.protocol.fetch_finished_orders(s.session, "BTC/USD", 1763683200)
    end)
  end }, "ask")
  s:settle()
  t.equal(#reports, 1)
  local report = reports[1]
  t.equal(table.concat({ report.status, report.order_id, report.client_order_id, report.side,
                         tostring(report.qty), tostring(report.cum_qty), report.time_in_force,
                         report.symbol }, " "),
          "canceled 48221600011 77 buy 0.25 0.2 ioc BTC/USD")
  t.ok(sent(s, "dealHistory"):find('"from":1763683200000,', 1, true))
end)

t.test("deals are looked for page by page", function()
  local s = play { add = false }
  local order = s:send(IOC)
  local tills = {}
  s.methods.dealHistory = function(content)
    tills[#tills + 1] = content.till
    local rows = {}
    for i = 1, content.till and 2 or 250 do
      local is_own = content.till and i == 2
      rows[i] = DEAL_ROW:format(is_own and order.client_order_id or "5", 5000000,
                                (content.till or 9000) - i, 20000000)
      if not is_own then rows[i] = rows[i]:gsub("48221600011", "6") end
    end
    return "[" .. table.concat(rows, ",") .. "]"
  end
  s:advance(13)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.2")
  t.equal(tills[1], 8750)
end)

t.test("a maker's order in doubt that is listed works", function()
  local s = play({ add = false }, "maker")
  local order = s:send(REST)
  s.methods.positions = function()
    return ('[1,[],[["BTC-USD",0,0,0,77,%s,6500000000000,10000000,10000000,1763683100000,0]],[]]')
      :format(order.client_order_id)
  end
  s:advance(13)
  t.equal(s.trader.said(), "pending_new>unknown, unknown>new")
  t.equal(order.order_id, "77")
end)

t.test("a doubt without a trace ends as rejected for a taker, canceled for a maker", function()
  for role, status in pairs { taker = "rejected", maker = "canceled" } do
    local s = play({ add = false }, role)
    local order = s:send(role == "maker" and REST or IOC)
    s:advance(20)
    t.equal(order.status, "unknown")
    s:advance(40)
    t.equal(order.status, status)
    t.equal(order.reason, "not_found")
    local _, count = sent(s, "add")
    t.equal(count, 1, "sent")
  end
end)

t.test("an id that is in use is asked about before it is believed", function()
  local s = play({ add = 74 }, "maker")
  local order = s:send(REST)
  t.equal(order.status, "unknown")
end)

stage.done()
