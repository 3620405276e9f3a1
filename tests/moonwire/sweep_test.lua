-- What cancels behind a runtime that died, at one venue.

local fixture = require "tests.moonwire.reconcile_fixture"
local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local sweep = require "moonwire.sweep"

-- A broom at work where one order was sent; `done` is how often it told that it has ended.
local function sweeping(options, may_arrive)
  local s, order = fixture.play(options)
  local done = { count = 0 }
  function done:check() self.count = self.count + 1 end
  local broom
  s:run({ begin = function()
    broom = sweep.broom(done, s.session, may_arrive)
    broom:start()
  end }, "begin")
  s:settle()
  return s, order, broom, done
end

local EMPTY = fixture.listed()

t.test("what is open is canceled, and nothing is waited for that cannot arrive", function()
  local s, order, broom, done = sweeping({ answers = {} }, false)
  s.answers.openOrders = EMPTY
  s.answers.getOrderByClientOrderId = fixture.single(order, "951000", "cancelled")
  s:advance(5)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "canceled")
  t.equal(broom.is_done, true)
  t.equal(done.count, 1)
end)

t.test("as long as something may arrive it looks on, by no clock that is set", function()
  for _, shift in ipairs { 0, -3600, 3600 } do
    local s, order, broom, done = sweeping({ answers = { openOrders = EMPTY } }, true)
    s.answers.getOrderByClientOrderId = fixture.single(order, "951000", "cancelled")
    s:shift_clock(shift)
    s:advance(s.session.protocol.late_arrival - 1)
    t.equal(order.status, "canceled")
    t.equal(broom.is_done, nil, shift)
    s:advance(4)
    t.equal(broom.is_done, true, shift)
    t.equal(done.count, 1, shift)
  end
end)

stage.done()
