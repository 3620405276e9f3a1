-- Replacing an order at Finery: what leaves, and what becomes of it whichever way it is told.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local fixture = require "tests.moonwire.finery_fixture"

local sent, resting = fixture.sent, fixture.resting

-- Rows of feed O: of the order as it was (5), and of what replaced it (6).
local OLD = '["O","BTC-USD","%s",["BTC-USD",0,0,%d,5,%s,6500000000000,10000000,%d,1763683100000,0]]'
local NEW = '["O","BTC-USD","%s",["BTC-USD",0,0,%d,6,%s,6400000000000,%d,%d,1763683100000,0]]'
local DEAL = '["O","BTC-USD","D",["BTC-USD",0,0,0,%d,%s,6500000000000,%d,%d,1763683100000,'
  .. '1763683100100,%d,1,6500000000000,%d,1,0,42,0,17,0,0,42,0]]'
local REPLY = '{"id":6,"initialSize":%d,"remainingSize":%d,"origId":5,"origRemainingSize":%d,'
  .. '"deals":[%s]}'
local NEW_DEAL = '{"id":77,"price":6400000000000,"size":%d,"volume":1,"delta":0,'
  .. '"counterpartyId":42}'
local CHANGE = { price = "64000", qty = "0.12" }

local function new_id(s) return sent(s, "mod"):match '"clientOrderId":(%d+)' end

local function push(s, form, ...)
  s:frame(form:format(...))
  s:settle()
end

-- Feed O tells of a deal: 0.04 of the order as it was, unless told.
local function deal(s, order_id, client_order_id, size, left, number, qty)
  push(s, DEAL, order_id, client_order_id, size, left, number, qty)
end

local function listed(form, ...)
  local row = form:format(...):match '^%["O","BTC%-USD","%S",(.*)%]$'
  return "[1,[],[" .. row .. "],[]]"
end

-- An order of 0.1 at 65000 of which another form was asked for, without an answer so far.
local function asked(methods, change)
  methods = methods or {}
  if methods.mod == nil then methods.mod = false end
  local s, order = resting(methods)
  t.equal(s:change(order, change or CHANGE), order)
  return s, order, new_id(s)
end

local function answer(s, text)
  local id = sent(s, "mod"):match '"reqId":(%d+)'
  s:frame(('{"event":"request","reqId":%s,%s}'):format(id, text))
  s:settle()
end

local function is(order, expected)
  t.equal(("%s %s@%s cum %s, %s"):format(order.status, tostring(order.qty), tostring(order.price),
                                        tostring(order.cum_qty), order.order_id), expected)
end

-- Answers -----------------------------------------------------------------------------------------

t.test("an order is replaced: it stays the same order, with another price, quantity and id",
  function()
    local s, order = resting { mod = REPLY:format(12000000, 12000000, 10000000, "") }
    local id = order.client_order_id
    t.equal(s:change(order, CHANGE), order)
    local text = sent(s, "mod")
    t.ok(text:find('"content":{"orderId":5,"price":6400000000000,"size":12000000,"clientOrderId":',
                   1, true), text)
    t.ok(new_id(s) ~= id)
    t.equal(s.trader.said(), "new>new replaced")
    is(order, "new 0.12@64000 cum 0, 6")
    t.equal(order.client_order_id, id)
    local _, count = sent(s, "mod")
    t.equal(count, 1)
  end)

t.test("what was executed before counts into the quantity, and goes over", function()
  local s, order = resting { mod = REPLY:format(8000000, 8000000, 6000000, "") }
  deal(s, 5, order.client_order_id, 10000000, 6000000, 70, 4000000)
  s:change(order, { qty = "0.12" })
  t.ok(sent(s, "mod"):find('"price":6500000000000,"size":12000000,', 1, true))
  t.equal(s.trader.said(), "0.04@65000 maker, new>partially_filled, "
          .. "partially_filled>partially_filled replaced")
  is(order, "partially_filled 0.12@65000 cum 0.04, 6")
  deal(s, 6, new_id(s), 8000000, 0, 71, 8000000)
  is(order, "filled 0.12@65000 cum 0.12, 6")
end)

t.test("of an order that was replaced before, its own part is asked for", function()
  local s, order = resting { mod = REPLY:format(8000000, 8000000, 6000000, "") }
  deal(s, 5, order.client_order_id, 10000000, 6000000, 70, 4000000)
  s:change(order, { qty = "0.12" })
  deal(s, 6, new_id(s), 8000000, 6000000, 71, 2000000)
  s.methods.mod = '{"id":7,"initialSize":9000000,"remainingSize":9000000,"origId":6,'
    .. '"origRemainingSize":6000000,"deals":[]}'
  s:change(order, { qty = "0.15" })
  t.ok(sent(s, "mod"):find('"orderId":6,"price":6500000000000,"size":11000000,', 1, true))
  is(order, "partially_filled 0.15@65000 cum 0.06, 7")
end)

t.test("what is executed at once is told behind the replacement", function()
  local s, order = resting {
    mod = REPLY:format(12000000, 0, 10000000, NEW_DEAL:format(12000000)) }
  s:change(order, CHANGE)
  t.equal(s.trader.said(), "new>new replaced, 0.12@64000 taker, new>filled")
  is(order, "filled 0.12@64000 cum 0.12, 6")
end)

t.test("what is executed in part at once works on, or ends as the venue says", function()
  local deals = NEW_DEAL:format(2000000)
  local s, order = resting { mod = REPLY:format(12000000, 10000000, 10000000, deals) }
  s:change(order, CHANGE)
  t.equal(s.trader.said(), "new>new replaced, 0.02@64000 taker, new>partially_filled")
  s, order = resting { mod = (REPLY:format(12000000, 10000000, 10000000, deals)
    :gsub('"origId"', '"cancelReason":3,"origId"')) }
  s:change(order, CHANGE)
  t.equal(s.trader.said(), "new>new replaced, 0.02@64000 taker, new>partially_filled, "
          .. "partially_filled>canceled self_trade")
  is(order, "canceled 0.12@64000 cum 0.02, 6")
end)

t.test("an error inside the reply is the end of the order", function()
  local s, order = resting { mod = '{"error":74,"origId":5,"origRemainingSize":10000000}' }
  s:change(order, CHANGE)
  t.equal(s.trader.said(), "new>canceled replace_failed: the client order id is in use (error 74)")
  is(order, "canceled 0.1@65000 cum 0, 5")
end)

t.test("a plain error leaves the order as it was, and the venue is asked", function()
  for code, words in pairs { [80] = "the venue does not find the order (error 80)",
                             [90] = "nothing is left of the order (error 90)",
                             [71] = "bad price (error 71)", [999] = "refused (error 999)" } do
    local s, order = resting { mod = code }
    s.methods.positions = listed(OLD, "+", 0, order.client_order_id, 10000000)
    s:change(order, CHANGE)
    t.equal(s.trader.said(), "new>new replace_rejected: " .. words)
    s:advance(15)
    is(order, "new 0.1@65000 cum 0, 5")
    t.equal(s.trader.said(), "")
    t.ok(s:change(order, CHANGE), "asked for again")
  end
end)

t.test("a plain error about an order that has ended meanwhile ends it", function()
  local s, order = resting { mod = 80 }
  s:change(order, CHANGE)
  s:advance(15)
  t.equal(order.status, "canceled")
end)

t.test("a key without the right stops the venue", function()
  local s, order = resting({ mod = 3 }, { ["/api/del"] = false, ["/api/positions"] = false })
  s:change(order, CHANGE)
  t.equal(#s:logged("replace " .. order.client_order_id .. ": not authorised"), 1)
  t.ok(s.session.private.is_stopped)
end)

-- Refused unsent ----------------------------------------------------------------------------------

t.test("what cannot be replaced is refused before anything is sent", function()
  local function refused(words, change, methods, before)
    local s, order = resting(methods)
    if before then before(s, order) end
    local _, count = sent(s, "mod")
    local none, err = s:change(order, change or CHANGE)
    t.equal(none, nil)
    t.ok(err:find(words, 1, true), err)
    local _, after = sent(s, "mod")
    t.equal(after, count)
  end
  refused("price 64000.001 is not a multiple of 0.01", { price = "64000.001" })
  refused("qty 0.000000001 is not a multiple of 0.00000001", { qty = "0.000000001" })
  refused("price and qty are these already", { price = "65000", qty = "0.1" })
  refused("a replacement of the order is under way", nil, { mod = false }, function(s, order)
    t.ok(s:change(order, CHANGE))
  end)
  refused("the order is canceled already", nil, { del = '{"id":5,"remainingSize":10000000}' },
          function(s, order) s:drop(order) end)
  refused("a cancel of the order is under way", nil, { del = false }, function(s, order)
    s:drop(order)
  end)
  refused("the venue has not confirmed the order yet", nil,
          { add = function() return false end })
  refused("qty 0.04: of the order 0.04 are executed already", { qty = "0.04" }, nil,
          function(s, order)
            deal(s, 5, order.client_order_id, 10000000, 6000000, 70, 4000000)
          end)
  refused("session idx is down", nil, nil, function(s) s:close(s:private()) end)
  refused("notional 7680 USD is above max_order_notional 7000", nil, nil, function(s)
    s.desk.config.risk = { max_order_notional = { USD = decimal "7000" } }
  end)
end)

t.test("misuse raises", function()
  for _, case in ipairs {
    { {}, "replace takes price or qty, or both" }, { { price = "x" }, "price: bad decimal x" },
    { { qty = "-1" }, "qty must be above 0" }, { { side = "buy" }, "unknown field side" },
    { "64000", "replace takes { price =, qty = }" },
  } do
    local s, order = resting()
    s:change(order, case[1])
    t.ok(s:logged(case[2])[1], case[2])
  end
end)

t.test("limits count the order once, and what it has executed not twice", function()
  local function allowed(risk, change)
    local s, order = resting { mod = false }
    deal(s, 5, order.client_order_id, 10000000, 6000000, 70, 4000000)
    s.desk.config.risk = risk
    local changed, err = s:change(order, change)
    return changed ~= nil and "yes" or err
  end
  t.equal(allowed({ max_open_orders = 1 }, CHANGE), "yes")
  t.equal(allowed({ max_position = { BTC = decimal "0.12" } }, CHANGE), "yes")
  t.equal(allowed({ max_position = { BTC = decimal "0.11" } }, CHANGE),
          "position 0.12 BTC is above max_position 0.11")
  t.equal(allowed({ max_orders_per_second = 1 }, CHANGE), "yes")
end)

t.test("while it is under way the larger of both counts as open", function()
  local s = asked(nil, { qty = "0.3" })
  s.desk.config.risk = { max_position = { BTC = decimal "0.35" } }
  local order, err = s:send(fixture.REST)
  t.ok(err, tostring(order))
  t.equal(err, "position 0.4 BTC is above max_position 0.35")
end)

-- The stream --------------------------------------------------------------------------------------

t.test("rows before the reply: the end of the old one is not the order's, the new one is it",
  function()
    local s, order, id = asked()
    push(s, OLD, "-", 1, order.client_order_id, 10000000)
    t.equal(s.trader.said(), "")
    push(s, NEW, "+", 0, id, 12000000, 12000000)
    t.equal(s.trader.said(), "new>new replaced")
    is(order, "new 0.12@64000 cum 0, 6")
    answer(s, '"reply":' .. REPLY:format(12000000, 12000000, 10000000, ""))
    t.equal(s.trader.said(), "")
    push(s, OLD, "-", 1, order.client_order_id, 10000000)
    push(s, NEW, "+", 0, id, 12000000, 12000000)
    is(order, "new 0.12@64000 cum 0, 6")
    t.equal(s.trader.said(), "")
  end)

t.test("a deal of the new one may be the first that is heard of it", function()
  local s, order, id = asked()
  deal(s, 6, id, 12000000, 10000000, 70, 2000000)
  t.equal(s.trader.said(), "new>new replaced, 0.02@65000 maker, new>partially_filled")
  is(order, "partially_filled 0.12@64000 cum 0.02, 6")
end)

t.test("deals of the old and of the new one count once, in whatever order they come", function()
  local s, order, id = asked()
  local old = order.client_order_id
  answer(s, '"reply":' .. REPLY:format(8000000, 8000000, 6000000, ""))   -- 0.04 were executed
  t.ok(order:is_missing_fills())
  deal(s, 6, id, 8000000, 5000000, 71, 3000000)
  deal(s, 5, old, 10000000, 6000000, 70, 4000000)
  deal(s, 5, old, 10000000, 6000000, 70, 4000000)
  deal(s, 6, id, 8000000, 5000000, 71, 3000000)
  is(order, "partially_filled 0.12@64000 cum 0.07, 6")
  t.ok(not order:is_missing_fills())
  deal(s, 6, id, 8000000, 0, 72, 5000000)
  is(order, "filled 0.12@64000 cum 0.12, 6")
end)

t.test("deals that the stream lost are asked for, of all that the order was", function()
  local s, order, id = asked()
  local old, row = order.client_order_id, fixture.DEAL_ROW
  s.methods.dealHistory = function()
    local text = row:format(old, 6000000, 70, 4000000):gsub("48221600011", "5")
    return "[" .. text:gsub("25000000", "10000000") .. "]"
  end
  s.methods.positions = listed(NEW, "+", 0, id, 8000000, 8000000)
  answer(s, '"reply":' .. REPLY:format(8000000, 8000000, 6000000, ""))
  s:advance(2)
  is(order, "partially_filled 0.12@64000 cum 0.04, 6")
end)

t.test("an order that ended before the venue saw the request has the reason of its end", function()
  local s, order = asked()
  push(s, OLD, "-", 3, order.client_order_id, 10000000)
  t.equal(order.status, "new")
  answer(s, '"error":80')
  t.equal(s.trader.said(), "new>canceled self_trade")
end)

t.test("an order that is filled meanwhile is filled, and nothing else is said", function()
  local s, order = asked()
  deal(s, 5, order.client_order_id, 10000000, 0, 70, 10000000)
  answer(s, '"error":80')
  s:advance(10)
  t.equal(s.trader.said(), "0.1@65000 maker, new>filled")
  is(order, "filled 0.1@65000 cum 0.1, 5")
end)

t.test("a row that names no client order id waits for the reply", function()
  local s, order = asked()
  push(s, NEW, "+", 0, "0", 12000000, 12000000)
  answer(s, '"reply":' .. REPLY:format(12000000, 12000000, 10000000, ""))
  s:advance(1)
  is(order, "new 0.12@64000 cum 0, 6")
  t.equal(#s.desk.orders:list_open(), 1)
end)

-- Doubt -------------------------------------------------------------------------------------------

t.test("without an answer the order is unknown, the venue is asked, and nothing is sent twice",
  function()
    for _, case in ipairs { false, 2, 10, "{}" } do
      local s, order = asked { mod = case }
      s.methods.positions = listed(NEW, "+", 0, new_id(s), 12000000, 12000000)
      s:advance(13)
      is(order, "new 0.12@64000 cum 0, 6")
      t.ok(s.trader.said():find "^new>unknown replace: .*, unknown>new replaced$")
      local _, count = sent(s, "mod")
      t.equal(count, 1)
    end
  end)

t.test("where the old one lives, the doubt ends when the request cannot arrive any more", function()
  local s, order = asked { mod = 10 }
  s.methods.positions = listed(OLD, "+", 0, order.client_order_id, 10000000)
  t.equal(order.status, "unknown")
  t.equal(select(2, s:change(order, CHANGE)), "a replacement of the order is under way")
  s:advance(9)
  t.equal(order.status, "unknown")
  s:advance(10)
  t.ok(s.trader.said():find(", unknown>new replace_rejected: the venue did not take it", 1, true))
  is(order, "new 0.1@65000 cum 0, 5")
end)

t.test("... which a clock that was set back does not put off", function()
  local s, order = asked { mod = 10 }
  s.methods.positions = listed(OLD, "+", 0, order.client_order_id, 10000000)
  s:advance(5)
  s:shift_clock(-3600)
  s:advance(9)
  t.equal(order.status, "unknown", "it begins anew")
  s:advance(30)
  is(order, "new 0.1@65000 cum 0, 5")
end)

t.test("one that was given up and comes after all is the order", function()
  local s, order, id = asked { mod = 10 }
  s.methods.positions = listed(OLD, "+", 0, order.client_order_id, 10000000)
  s:advance(20)
  s.trader.said()
  push(s, OLD, "-", 1, order.client_order_id, 10000000)
  push(s, NEW, "+", 0, id, 12000000, 12000000)
  t.equal(s.trader.said(), "new>canceled client, canceled>new replaced")
  is(order, "new 0.12@64000 cum 0, 6")
  t.equal(#s.desk.orders:list_open(), 1)
end)

t.test("an answer that comes late settles the doubt", function()
  local s, order = asked()
  s:drop(order)
  s:advance(1.1)                                   -- a cancel waits no longer than that
  t.equal(order.status, "unknown")
  answer(s, '"error":71')
  t.ok(s.trader.said():find "replace_rejected: bad price")
end)

t.test("neither the one nor the other: the order has ended", function()
  local s, order = asked { mod = 10 }
  s:advance(40)
  t.equal(order.status, "canceled")
  t.equal(order.reason, "not_found")
end)

t.test("the new one was filled before anybody asked", function()
  local s, order, id = asked { mod = 10 }
  s.methods.dealHistory = function()
    local text = fixture.DEAL_ROW:format(id, 0, 71, 12000000):gsub("48221600011", "6")
    return "[" .. text:gsub("25000000", "12000000") .. "]"
  end
  s:advance(3)
  is(order, "filled 0.12@64000 cum 0.12, 6")
end)

-- Cancels -----------------------------------------------------------------------------------------

t.test("a cancel waits for the answer, and is of whatever the order is then", function()
  local s, order = asked()
  s:drop(order)
  t.equal(sent(s, "del"), nil)
  s.methods.del = '{"id":6,"remainingSize":12000000}'
  answer(s, '"reply":' .. REPLY:format(12000000, 12000000, 10000000, ""))
  t.ok(sent(s, "del"):find('"orderId":6', 1, true))
  t.equal(s.trader.said(), "new>new replaced, new>pending_cancel, pending_cancel>canceled client")
  s, order = asked()
  s:drop(order)
  s.methods.del = '{"id":5,"remainingSize":10000000}'
  answer(s, '"error":71')
  t.ok(sent(s, "del"):find('"orderId":5', 1, true))
  t.equal(order.status, "canceled")
end)

t.test("without an answer a cancel goes to the old one, and then to the one that lives", function()
  local s, order, id = asked { del = function(content)
    if tostring(content.orderId) == "5" then return 80 end
    return '{"id":6,"remainingSize":12000000}'
  end }
  s.methods.positions = function()
    local _, cancels = sent(s, "del")
    return cancels < 2 and listed(NEW, "+", 0, id, 12000000, 12000000) or "[1,[],[],[]]"
  end
  s:drop(order)
  s:advance(3)
  is(order, "canceled 0.12@64000 cum 0, 6")
  local _, count = sent(s, "del")
  t.equal(count, 2)
end)

t.test("what is to end is canceled, whatever it became", function()
  local s, order, id = asked { del = '{"id":6,"remainingSize":12000000}' }
  s:run(s.runners.one, "stop", "test")
  push(s, NEW, "+", 0, id, 12000000, 12000000)
  t.ok(sent(s, "del"):find('"orderId":6', 1, true))
  t.equal(order.status, "canceled")
end)

t.test("a replacement and a cancel of one callback leave one behind the other", function()
  local s, order = resting { mod = REPLY:format(12000000, 12000000, 10000000, ""),
                             del = '{"id":6,"remainingSize":12000000}' }
  function s.runners.one.class.both(self, o)
    assert(self:replace(o, CHANGE))
    assert(self:cancel(o))
  end
  s:run(s.runners.one, "call_method", "both", 1, { order._view })
  s:settle()
  t.equal(s.trader.said(), "new>new replaced, new>pending_cancel, pending_cancel>canceled client")
  s, order = resting { del = '{"id":5,"remainingSize":10000000}' }
  function s.runners.one.class.both(self, o)
    assert(self:cancel(o))
    assert(self:replace(o, CHANGE))
  end
  s:run(s.runners.one, "call_method", "both", 1, { order._view })
  s:settle()
  t.equal(sent(s, "mod"), nil)
  t.equal(s.trader.said(), "new>new replace_rejected: not sent: a cancel of the order is under "
          .. "way, new>pending_cancel, pending_cancel>canceled client")
end)

t.test("a callback that fails sends none of it, and the order can be replaced again", function()
  local s, order = resting { mod = REPLY:format(12000000, 12000000, 10000000, "") }
  s.desk.config.on_error = "continue"
  function s.runners.one.class.fails(self, o)
    assert(self:replace(o, CHANGE))
    error "on purpose"
  end
  s:run(s.runners.one, "call_method", "fails", 1, { order._view })
  s:settle()
  t.equal(sent(s, "mod"), nil)
  s:change(order, CHANGE)
  is(order, "new 0.12@64000 cum 0, 6")
end)

-- The line ----------------------------------------------------------------------------------------

t.test("the line breaks before the answer: the order is unknown until the list shows what it is",
  function()
    local s, order, id = asked()
    s.methods.positions = listed(NEW, "+", 0, id, 12000000, 12000000)
    s:close(s:private())
    t.equal(order.status, "unknown")
    s:advance(3)
    is(order, "new 0.12@64000 cum 0, 6")
    t.equal(s.session.state, "up")
    t.equal(#s.desk.orders:list_open(), 1)
    local _, count = sent(s, "mod")
    t.equal(count, 0, "sent on the new line")
  end)

t.test("a chain is as long as it must be, and what leads to its end is kept", function()
  local number = 5
  local s, order = resting { mod = function(content)
    number = number + 1
    return ('{"id":%d,"initialSize":%s,"remainingSize":%s,"origId":%d,"origRemainingSize":1,'
            .. '"deals":[]}'):format(number, content.size, content.size, number - 1)
  end }
  for i = 1, 100 do
    t.ok(s:change(order, { price = tostring(64000 + i) }))
    s:advance(0.5)
  end
  is(order, "new 0.1@64100 cum 0, 105")
  local count = 0
  for _, other in ipairs(s.desk.orders.by_client_id.values) do
    count = count + (other == order and 1 or 0)
  end
  t.ok(count <= 17, count)
  t.equal(s.desk.orders:find("idx", order.client_order_id), order)
  t.equal(s.desk.orders:find("idx", new_id(s)), order)
end)

stage.done()
