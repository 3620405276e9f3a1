-- Several orders, venues, strategies: one that fails is told and keeps no other from its turn.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local each = require "moonwire.each"
local fixture = require "tests.moonwire.session_fixture"
local mw = require "moonwire"
local repair = require "moonwire.repair"

local BUY, up = fixture.BUY, fixture.up

-- Takes the place of object[name]; raises for this argument and is what it was for all others.
local function fail_for(object, name, argument)
  local real = object[name]
  object[name] = function(self, first, ...)
    if first == argument or self == argument then error "it broke" end
    return real(self, first, ...)
  end
end

local function two_orders(options)
  local s = up(options)
  local one, two = s:send(BUY, "one"), s:send(BUY, "two")
  s:settle()
  return s, one, two
end

t.test("each has its turn, and those that fail are told by name", function()
  local lines, seen = {}, {}
  local log = { error = function(text, ...) lines[#lines + 1] = text:format(...) end }
  local list = { { name = "a" }, { client_order_id = "b" }, { order_id = "c" }, 4 }
  each.in_turn(list, log, "do it to", function(item)
    seen[#seen + 1] = item
    error("no " .. #seen, 0)
  end)
  t.equal(#seen, 4)
  for i, text in ipairs { "do it to a: no 1", "do it to b: no 2", "do it to c: no 3",
                          "do it to 4: no 4" } do
    t.ok(lines[i]:find(text, 1, true) == 1, lines[i])
  end
end)

t.test("a strategy that stops has all its orders canceled, though one cannot be", function()
  local s, one, two = two_orders()
  fail_for(s.desk, "end_order", one)
  s:run(s.runners.one, "stop", "enough")
  s:settle()
  t.equal(two.status, "canceled")
  t.equal(#s:logged("error cancel " .. one.client_order_id), 1)
  t.equal(s.runners.one.state, "stopped")
end)

t.test("cancel_all reaches all orders, though one cannot be canceled", function()
  local s, one, two = two_orders()
  fail_for(s.session, "cancel", one)
  s:run(s.desk, "cancel_many", { one, two })
  s:settle()
  t.equal(two.status, "canceled")
  t.equal(#s:logged("error cancel " .. one.client_order_id), 1)
end)

t.test("on the way down every strategy stops, though one cannot, and the end comes", function()
  local function class()
    local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
    function S:on_start() self.order = assert(self:buy(BUY)) end
    return S
  end
  local s = stage.new { strategies = { { name = "one", class = class() },
                                       { name = "two", class = class() } } }:start()
  fail_for(s.runners.one, "stop", s.runners.one)
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:advance(10.1)
  t.equal(s.runners.two.instance.order.status, "canceled")
  t.equal(#s:logged "error stop one", 1)
  t.equal(s.stopped, 1, "the other one's order is left")
end)

t.test("what cannot be closed or summed up does not keep the process from ending", function()
  local s = two_orders()
  fail_for(s.session, "stop", s.session)
  s.desk.watch = { on_order = function() end, on_sent = function() end,
                   summary = function() error "it broke" end }
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:advance(1)
  t.equal(s.stopped, 0)
  t.equal(#s:logged "error stop idx" + #s:logged "error sum up", 2)
end)

t.test("a countdown that cannot be turned off does not keep the process from ending", function()
  local s = up { dead_man = 30 }
  s:send()
  s:settle()
  s.session.protocol = setmetatable({ countdown = setmetatable({
    request = function() error "it broke" end }, { __index = s.session.protocol.countdown }) },
    { __index = s.session.protocol })
  s.session.countdown.spec = s.session.protocol.countdown
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:advance(4)
  t.equal(s.stopped, 0)
  t.equal(#s:logged "error turn off the countdown of idx", 1)
end)

local function row(order, left)
  return ('{"order_id":"%s","client_order_id":"%s","price":"950000000","type":"buy",'
          .. '"submit_time":"1790000000","order_type":"limit","order_idr":"951000",'
          .. '"remain_idr":"%s"}'):format(order.order_id:match "%d+$", order.client_order_id, left)
end

t.test("a log-on heals all orders but the one that cannot be, which stays in doubt", function()
  local s, one, two = two_orders()
  s.answers.openOrders = '{"success":1,"return":{"orders":{"btc_idr":[' .. row(one, "951000") .. ","
    .. row(two, "951000") .. "]}}}"
  s.answers.getOrderByClientOrderId = '{"success":0,"error":"Order not found"}'
  fail_for(s.desk.orders, "apply", one)
  local healed = 0
  local apply = s.desk.orders.apply
  function s.desk.orders.apply(self, order, ...)
    if order == two then healed = healed + 1 end
    return apply(self, order, ...)
  end
  s:close(s:private())
  s:advance(1)
  t.equal(s.session.state, "up")
  t.equal(healed, 1)
  t.equal(s.session.reconciler.doubts[one] ~= nil, true)
  t.equal(#s:logged("error order " .. one.client_order_id), 1)
  t.equal(one:is_open() and two:is_open(), true)
end)

t.test("reports that waited for their order are all looked at, though one cannot be", function()
  local s, one, two = two_orders()
  s.session.strays:hold { client_order_id = "gone", order_id = one.order_id, status = "canceled" }
  s.session.strays:hold { client_order_id = two.client_order_id, status = "canceled" }
  fail_for(s.desk.orders, "apply", one)
  s:run(s.session.strays, "settle")
  t.equal(two.status, "canceled")
end)

t.test("requests without an answer are all given up, though one cannot be", function()
  local s = up()
  local told = {}
  local object = {}
  function object.on_answer(_, context)
    if context == "bad" then error "it broke" end
    told[#told + 1] = context
  end
  for i, context in ipairs { "a", "bad", "b" } do
    s.session.private:expect(i, 1, object, "on_answer", context)
  end
  s:advance(3)
  t.equal(table.concat(told, " "), "a b")
  t.equal(#s:logged "error no answer to request 2", 1)
end)

t.test("a repair books what it can, though one order cannot be looked at", function()
  local s, one, two = two_orders()
  s.session.reconciler.look = function(_, order)
    if order == one then error "it broke" end
    return true
  end
  local differences = { { client_order_id = one.client_order_id },
                        { client_order_id = two.client_order_id } }
  local function run() repair.run(s.session, nil, differences) end
  s:run({ begin = function() s.session:in_task("repair", run) end }, "begin")
  t.equal(#s:logged("error audit: repair " .. one.client_order_id), 1)
  t.equal(#s:logged "what the venue says is booked", 1)
end)

stage.done()
