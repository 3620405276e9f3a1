-- The way down: strategies stop, their orders are canceled, and the process ends when the venue has
-- confirmed that, or when the time for it is over.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local mw = require "moonwire"

local BUY = { qty = "0.001", price = "950000000" }

-- A stage with strategies that each send one order and note their end.
local function play(options, names)
  options = options or {}
  options.strategies = {}
  local calls = {}
  for i, name in ipairs(names or { "one" }) do
    local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
    function S:on_start() self.order = assert(self:buy(BUY)) end
    function S:on_stop() table.insert(calls, self.name) end
    options.strategies[i] = { name = name, class = S }
  end
  local s = stage.new(options):start()
  s.calls = calls
  function s:order(name) return self.runners[name or "one"].instance.order end
  return s
end

local function stop(s, status, reason)
  s:run(s.desk, "stop", status or 0, reason or "SIGTERM")
  s:settle()
end

t.test("on the way down orders are canceled, and the end comes when that is confirmed", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  stop(s)
  t.equal(table.concat(s.calls, " "), "one")
  t.equal(s:order().status, "pending_cancel")
  t.equal(s.stopped, nil)
  t.ok(next(s.sockets), "the venue's word is waited for")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(s:order().status, "canceled")
  t.equal(s.stopped, 0)
  t.equal(#s:logged "what was to end has ended", 1)
  s:check_over()
end)

t.test("the status and the reason are those that were given", function()
  local s = play()
  stop(s, 1, "no venue is left")
  t.equal(s.stopped, 1)
  t.equal(s:logged("stopping: ")[1], "info stopping: no venue is left")
end)

t.test("with nothing open the end comes at once", function()
  local s = play()
  s:push(s:update(s:order(), { status = "CANCELLED" }))
  s:run(s.desk, "stop", 0, "SIGTERM")
  t.equal(s.stopped, 0)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  s:check_over()
end)

t.test("with on_stop = leave open orders stay, and the end does not wait for them", function()
  local s = play { on_stop = "leave" }
  s:run(s.desk, "stop", 0, "SIGTERM")
  t.equal(s.stopped, 0)
  t.equal(s:order().status, "new")
  t.equal(#s:asked "cancelByClientOrderId", 0)
  t.equal(table.concat(s.calls, " "), "one", "its strategy has stopped all the same")
  t.equal(#s:logged('stays open (on_stop = "leave"): ' .. tostring(s:order())), 1)
  s:check_over()
end)

t.test("all strategies stop, and the end waits for the last of their orders", function()
  local s = play({ answers = { cancelByClientOrderId = false } }, { "one", "two", "three" })
  stop(s)
  t.equal(table.concat(s.calls, " "), "one two three")
  for left = 2, 0, -1 do
    t.equal(s.stopped, nil, left + 1 .. " are open")
    s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  end
  t.equal(s.stopped, 0)
  s:check_over()
end)

t.test("an order that is filled on the way down has ended as well", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  stop(s)
  s:push(s:fill(s:order(), "0.001", "0.001"))
  t.equal(s:order().status, "filled")
  s:advance(0.5)
  t.equal(s.stopped, 0)
  t.equal(tostring(s.runners.one.instance:position().qty), "0.001")
end)

t.test("a venue that does not confirm is waited for 10 s; what is left behind is said", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  stop(s)
  s:advance(9.9)
  t.equal(s.stopped, nil)
  t.equal(#s:logged "1 order to end: the venue has 10 s to confirm it", 1)
  s:advance(0.2)
  t.equal(s.stopped, 1, "not as asked")
  local said = s:logged "left behind, the venue did not confirm its cancel"
  t.equal(#said, 1)
  t.ok(said[1]:find(s:order().client_order_id, 1, true), said[1])
  t.ok(said[1]:find "^error ", said[1])
  t.equal(#s:logged "what was to end has ended", 0)
  s:check_over()
end)

t.test("a cancel that is refused on the way down is sent again, until it is done", function()
  local s = play { answers = { getOrderByClientOrderId = false, cancelByClientOrderId = {
    429, '{"success":0,"error":"too many","error_code":"too_many_requests"}' } } }
  stop(s)
  s:advance(1.5)
  t.equal(s.stopped, nil)
  s.answers.cancelByClientOrderId = stage.vector "cancel"
  s:advance(3)
  t.equal(s:order().status, "canceled")
  t.equal(s.session.reconciler:has_doubts(), true, "the refusal is still asked about")
end)

t.test("an order in doubt is not left before there is evidence", function()
  local s = play { answers = { trade = false, getOrderByClientOrderId = false } }
  s.is_end_untold = true
  s:lose(s:find "trade", true)
  t.equal(s:order().status, "unknown")
  stop(s)
  s:advance(2)
  t.equal(s.stopped, nil)
  s:push(s:update(s:order(), { status = "CANCELLED" }))
  s.answers.getOrderByClientOrderId = '{"success":1,"return":{"order":{"order_id":"310130",'
    .. '"client_order_id":"' .. s:order().client_order_id .. '","price":"950000000",'
    .. '"type":"buy","status":"cancelled","order_rp":"951000","remain_rp":"951000"}}}'
  s:settle()
  s:advance(1)
  t.equal(s:order().status, "canceled")
  t.equal(s.stopped, 0)
end)

-- An order whose answer was lost and that the venue does not know.
local function never_arrived(answers)
  answers.trade = false
  answers.cancelByClientOrderId = '{"success":0,"error":"Order not found"}'
  local s = play { answers = answers }
  s:lose(s:find "trade", true)
  stop(s)
  return s
end

t.test("an order that never arrived is no order left behind, though it takes a while to know",
       function()
  local s = never_arrived {}
  s:advance(10.1)
  t.equal(s.stopped, nil)
  t.equal(#s:logged "had no answer and is not found so far: the venue is asked for 20 s more", 1)
  s:advance(8)
  t.equal(s:order().status .. " " .. s:order().reason, "rejected not_found")
  t.equal(s.stopped, 0)
  t.equal(#s:logged "left behind", 0)
end)

t.test("one that stays in doubt is named, with what to do about it", function()
  local s = never_arrived { getOrderByClientOrderId = { 503, "" } }
  s:advance(29.9)
  t.equal(s.stopped, nil)
  s:advance(0.2)
  t.equal(s.stopped, 1)
  local said = s:logged "left behind in doubt, it had no answer and the venue has not shown it"
  t.equal(#said, 1)
  t.ok(said[1]:find(s:order().client_order_id, 1, true), said[1])
  t.ok(said[1]:find("look at the venue, and cancel it by hand if it is there", 1, true), said[1])
end)

t.test("a venue that is not there is not asked for longer", function()
  local s = never_arrived { getOrderByClientOrderId = false }
  s.keep_closed = true
  s:close(s:private())
  s:advance(10.1)
  t.equal(s.stopped, 1)
end)

t.test("executions that are missing are waited for: money is counted before the end", function()
  local s = play { answers = { ["/api/v2/myTrades"] = '{"data":[]}' } }
  s.answers.getOrderByClientOrderId = '{"success":1,"return":{"order":{"order_id":"310130",'
    .. '"client_order_id":"' .. s:order().client_order_id .. '","price":"950000000",'
    .. '"type":"buy","status":"cancelled","order_rp":"951000","remain_rp":"571000"}}}'
  s:push(s:update(s:order(), { status = "CANCELLED", executedQty = "0.0004" }))
  s:advance(1)
  t.equal(s:order():is_missing_fills(), true)
  stop(s)
  t.equal(s.stopped, nil)
  t.equal(#s:logged "an order is in doubt: the venue is asked about it for 10 s at most", 1)
  s.answers["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"' .. s:order().order_id
    .. '","price":"950000000","qty":"0.0004","commission":"1","commissionAsset":"idr",'
    .. '"isMaker":true,"time":1790000000200}]}'
  s:advance(5)
  t.equal(tostring(s.runners.one.instance:position().qty), "0.0004")
  t.equal(s.stopped, 0)
end)

t.test("executions that cannot be had before the end are said, and the end comes", function()
  local s = play { answers = { ["/api/v2/myTrades"] = '{"data":[]}' } }
  s.answers.getOrderByClientOrderId = '{"success":1,"return":{"order":{"order_id":"310130",'
    .. '"client_order_id":"' .. s:order().client_order_id .. '","price":"950000000",'
    .. '"type":"buy","status":"cancelled","order_rp":"951000","remain_rp":"500000"}}}'
  s:push(s:update(s:order(), { status = "CANCELLED", executedQty = "0.0004" }))
  stop(s)
  s:advance(10.1)
  t.equal(s.stopped, 0)
  local said = s:logged "not all that it executed could be had: the next run asks again"
  t.equal(#said, 1)
  t.ok(said[1]:find(s:order().client_order_id, 1, true), said[1])
end)

t.test("orders that nobody here sent are nobody's to wait for or to cancel", function()
  local s = play { answers = { openOrders = stage.vector "open_orders" } }
  local open = #s.desk.orders:list_open()
  stop(s)
  t.equal(s.stopped, 0)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(#s:asked "cancelOrder", 0)
  t.equal(#s.desk.orders:list_open(), open - 1)
end)

t.test("while the line is down the cancels leave over HTTP", function()
  local s = play()
  s.keep_closed = true
  s:close(s:private(), 1006)
  stop(s)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(s:order().status, "pending_cancel", "what it executed is not known")
  s:advance(11)
  t.equal(s.stopped, 0)
  t.equal(#s:logged "not all that it executed could be had: the next run asks again", 1)
  t.equal(#s:logged "left behind", 0)
  s:check_over()
end)

t.test("to stop twice is to stop once, with the first status", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  stop(s, 0, "SIGTERM")
  local timers = 0
  for _ in pairs(s.timers) do timers = timers + 1 end
  stop(s, 1, "SIGINT")
  for _ in pairs(s.timers) do timers = timers - 1 end
  t.equal(timers, 0)
  t.equal(#s:logged "stopping: SIGINT", 0)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(s.stopped, 0)
end)

t.test("a strategy whose on_stop fails ends, and so do the others", function()
  local s = play(nil, { "one", "two" })
  s.runners.one.class.on_stop = function() error "oops" end
  stop(s)
  t.equal(s.runners.one.state .. s.runners.two.state, "stoppedstopped")
  t.equal(table.concat(s.calls, " "), "two")
  t.equal(s:order("one").status .. s:order("two").status, "canceledcanceled")
  t.ok(s.stopped, "it ends")
end)

t.test("what comes after the end changes nothing", function()
  local s = play()
  stop(s)
  t.equal(s.stopped, 0)
  s.stopped = nil
  s:advance(60)
  s:run(s.desk, "stop", 1, "again")
  t.equal(s.stopped, nil, "the host is told once")
  s:check_over()
end)

stage.done()
