-- The dead-man switch when beats fail, pairs are refused, or the limit is near; and at the end.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local countdown = require "moonwire.countdown"
local dispatch = require "moonwire.dispatch"
local fixture = require "tests.moonwire.countdown_fixture"

local play, beats, said, PATH = fixture.play, fixture.beats, fixture.said, fixture.PATH

-- Failures ----------------------------------------------------------------------------------------

t.test("a beat that fails is an alarm with what follows, once, and repeated in 1 s", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats { 503, "<html>" }
  s:advance(10.1)
  local lines = s:logged "dead man"
  t.equal(#lines, 1)
  t.ok(lines[1]:find "^error ", lines[1])
  t.ok(lines[1]:find("HTTP 503 with a body that is no JSON", 1, true), lines[1])
  t.ok(lines[1]:find("cancels all orders in BTC/IDR in 32 s", 1, true), lines[1])
  t.equal(#beats(s), 2)
  s:advance(1)
  t.equal(#beats(s), 3)
  s:advance(5)
  t.equal(#beats(s), 3, "repeated once")
  t.equal(s.session.state, "up")
  s:answer_beats '{"success":1}'
  s:advance(5)
  t.equal(#s:logged "the countdown is renewed again after 2 failures", 1)
end)

t.test("a beat without an answer counts as missing when the next is due", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats(false)
  s:advance(10.1)
  local request = s:find(PATH)
  t.ok(request.timeout <= 10 and request.timeout > 5, "timeout " .. request.timeout)
  s:advance(9)
  s:lose(request, true)
  t.equal(#s:logged "the countdown was not renewed (timed out)", 1)
end)

t.test("after three failures the session is degraded, until a beat gets through", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats { 503, "<html>" }
  s:advance(20.1)
  t.equal(s.session.state, "degraded")
  t.equal(#s:logged "session degraded: the countdown was not renewed 3 times", 1)
  s:answer_beats '{"success":1}'
  s:advance(10)
  t.equal(s.session.state, "up")
end)

t.test("three beats fail, the fourth is in time", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats(false)
  for _ = 1, 3 do
    s:advance(10)
    s:lose(s:find(PATH), true)
  end
  s:answer_beats '{"success":1}'
  s:advance(10)
  t.equal(#s:logged "ran out", 0)
  s:advance(40)
  t.equal(#s:logged "ran out", 0)
end)

t.test("a failure is over when no order is left to protect", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats { 503, "<html>" }
  s:advance(20.1)
  t.equal(s.session.state, "degraded")
  s:drop()
  s:advance(100)
  t.equal(s.session.state, "up")
  local count = #beats(s)
  s:advance(100)
  t.equal(#beats(s), count)
end)

t.test("a beat that is over the venue's limit is not repeated before the next is due", function()
  local s = play()
  s:send "BTC/IDR"
  s:answer_beats { 429, '{"success":0,"error":"Too many requests","error_code":"x"}' }
  s:advance(19)
  t.equal(#beats(s), 2)
  t.equal(#s:logged "the countdown was not renewed (the venue's rate limit)", 1)
end)

-- With BTC/IDR open and a countdown that has run out.
local function run_out()
  local s = play()
  local order = s:send "BTC/IDR"
  s:answer_beats { 503, "<html>" }
  s:advance(50.1)
  t.equal(#s:logged "the countdown ran out, the venue cancels all orders in BTC/IDR", 1)
  return s, order
end

t.test("what the venue cancels when the countdown ran out says so", function()
  local s, order = run_out()
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.status .. " " .. order.reason, "canceled dead_man")
end)

t.test("a loop that was held up learns from the reports before its next beat", function()
  local s = play()
  local order = s:send "BTC/IDR"
  for _, timer in pairs(s.timers) do timer.at = timer.at + 300 end
  s:advance(200)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.reason, "dead_man")
end)

t.test("a cancel before the countdown ran out, or of a later order, has no such reason", function()
  local s = play()
  local order = s:send "BTC/IDR"
  s:advance(15)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.status, "canceled")
  t.equal(order.reason, nil)
  s, order = run_out()
  s:answer_beats '{"success":1}'
  s:advance(10)
  local later = s:send "BTC/IDR"
  t.equal(later.status, "new")
  s:push(s:update(later, { status = "CANCELLED" }))
  t.equal(later.reason, nil)
  s:drop()
  t.equal(order.status, "canceled")
  t.equal(order.reason, nil, "we asked for it")
end)

t.test("a cancel that is found by asking has its reason too", function()
  local s, order = run_out()
  s.answers.getOrderByClientOrderId = ('{"success":1,"return":{"order":{"order_id":"310130",'
    .. '"client_order_id":"%s","price":"950000000","type":"buy","status":"cancelled",'
    .. '"order_btc":"1","remain_btc":"1"}}}'):format(order.client_order_id)
  s:answer_beats '{"success":1}'
  local asked = #s:asked "openOrders"
  s:advance(10)
  t.equal(#s:asked "openOrders", asked + 1, "compared as soon as the venue answers")
  t.equal(order.status, "canceled")
  t.equal(order.reason, "dead_man")
end)

t.test("after the countdown ran out new orders wait until it is armed again", function()
  local s = run_out()
  local order = s:send "BTC/IDR"
  t.equal(order.status, "pending_new")
  t.equal(#s:asked "trade", 1)
  s:answer_beats '{"success":1}'
  s:advance(2)
  t.equal(order.status, "new")
end)

t.test("a clock that is set back neither stops the beats nor makes a countdown longer", function()
  local s = play()
  local order = s:send "BTC/IDR"
  local before = dispatch.now()
  s:advance(10.1)
  s:shift_clock(-3600)
  s:advance(10)
  t.ok(dispatch.now() < before)
  t.equal(said(s), "btc_idr=42.5 btc_idr=42.5 btc_idr=42.5")
  t.equal(#s:logged "ran out", 0)
  s:answer_beats { 503, "<html>" }
  s:advance(51)
  t.equal(#s:logged "ran out", 1)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(order.reason, "dead_man")
end)

t.test("a session that has stopped for good lets the countdown run out", function()
  local s = play()
  s.desk:add_session { name = "other", is_settled = true }       -- so that the runtime goes on
  s:send "BTC/IDR"
  s:run(s.session.private, "lost", "the key is gone", "permanent")
  s:advance(60)
  t.equal(said(s), "btc_idr=42.5")
  t.equal(#s:logged "the session has stopped, so the countdown is not renewed", 1)
end)

-- A pair that the venue refuses -------------------------------------------------------------------

local function without(bad)
  return function(request)
    return stage.parameter(request, "pair"):find(bad, 1, true)
      and '{"success":0,"error":"Pair `' .. bad .. '` disabled","error_code":"bad_request"}'
      or '{"success":1}'
  end
end

t.test("a bad pair is found by halves: the others are armed, its orders are not sent", function()
  local s = play()
  s:answer_beats(without "btc_usdt")
  s:send("BTC/IDR", "AAVE/IDR", "IDRX/IDR", "BTC/USDT")
  t.equal(said(s), "aave_idr,btc_idr,btc_usdt,idrx_idr=42.5 aave_idr,btc_idr=42.5 "
          .. "btc_usdt,idrx_idr=42.5 btc_usdt=42.5 idrx_idr=42.5")
  t.equal(s.one[1].status .. s.one[2].status .. s.one[3].status, "newnewnew")
  t.equal(s.one[4].status, "rejected")
  t.equal(s.one[4].reason, "not sent: the market is disabled")
  t.equal(#s:logged "the venue has no countdown for BTC/USDT (the market is disabled)", 1)
  t.equal(s.session.state, "up")
  s:send "BTC/USDT"
  t.ok(s.one.err:find "the venue has no countdown for BTC/USDT: the market is disabled", s.one.err)
  local before = #beats(s)
  s:advance(20)
  t.equal(beats(s)[before + 1], "aave_idr,btc_idr,idrx_idr=42.5", "without the bad one")
end)

t.test("a bad pair without orders may be tried again by an order after a minute", function()
  local s = play()
  s:answer_beats(without "btc_usdt")
  s:send "BTC/USDT"
  t.equal(s.one[1].status, "rejected")
  s:advance(61)
  s:answer_beats '{"success":1}'
  t.equal(s:send("BTC/USDT").status, "new")
end)

t.test("a pair that was bad with an order in it is asked for again after a minute", function()
  local s = play()
  local order = s:send "BTC/USDT"
  s:send "BTC/IDR"
  s:answer_beats(without "btc_usdt")
  s:advance(10.1)
  t.equal(#s:logged "the venue has no countdown for BTC/USDT", 1)
  local before = #beats(s)
  s:answer_beats '{"success":1}'
  s:advance(70)
  local alone = 0
  for i = before + 1, #beats(s) do if beats(s)[i] == "btc_usdt=42.5" then alone = alone + 1 end end
  t.equal(alone, 1)
  s:advance(10)
  t.equal(beats(s)[#beats(s)], "btc_idr,btc_usdt=42.5")
  t.ok(order:is_open())
end)

-- The venue's limit -------------------------------------------------------------------------------

-- The most requests in any 10 s.
local function densest(times)
  local most = 0
  for i = 1, #times do
    local count = 0
    for k = i, #times do if times[k] - times[i] < 10 then count = count + 1 end end
    most = math.max(most, count)
  end
  return most
end

t.test("hurrying through pairs stays inside the venue's limit, and beats go on", function()
  local s = play { dead_man = 8.5 }
  local times, longest, last = {}, 0, nil
  s:answer_beats(function(request)
    times[#times + 1] = s.elapsed
    if stage.parameter(request, "countdownTime") ~= "0" then
      longest, last = math.max(longest, last and s.elapsed - last or 0), s.elapsed
    end
    return '{"success":1}'
  end)
  local symbols = { "BTC/IDR", "AAVE/IDR", "BTC/USDT", "IDRX/IDR" }
  s:send "BTC/IDR"
  for i = 1, 200 do
    s:send(symbols[i % 4 + 1])
    s:advance(0.3)
    if i % 5 == 0 then s:drop() end
    if i % 40 == 0 then s:advance(6) end
  end
  t.ok(#times > 40, #times .. " requests")
  t.ok(densest(times) <= 9, densest(times) .. " in 10 s")
  t.ok(longest <= 6.1, longest .. " s without a beat")
  t.equal(#s:logged "ran out", 0)
end)

t.test("two accounts on one address share the limit", function()
  local s = play()
  local other = countdown.new(setmetatable({ config = { rest_url = "https://rest.test",
    dead_man = 20, request_timeout = 10 } }, { __index = s.session }))
  t.equal(other.limiter, s.session.countdown.limiter)
  local elsewhere = countdown.new(setmetatable({ config = { rest_url = "https://demo.test",
    dead_man = 20, request_timeout = 10 } }, { __index = s.session }))
  t.ok(elsewhere.limiter ~= other.limiter)
end)

-- The end -----------------------------------------------------------------------------------------

local function stop(s)
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:settle()
end

t.test("a clean stop turns the countdown off when the cancels are confirmed", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  s:send "BTC/IDR"
  stop(s)
  t.equal(said(s), "btc_idr=42.5")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  s:settle()
  t.equal(said(s), "btc_idr=42.5 btc_idr=0")
  t.equal(s.stopped, 0)
  s:check_over()
end)

t.test("a stop without anything armed asks nothing and is at once", function()
  local s = play()
  stop(s)
  t.equal(said(s), "")
  t.equal(s.stopped, 0)
  s:check_over()
end)

t.test("what an earlier process may have armed is turned off at the end", function()
  local s = play()
  s.session.countdown:note_armed "AAVE/IDR"
  stop(s)
  t.equal(said(s), "aave_idr=0")
  t.equal(s.stopped, 0)
end)

t.test("orders that are to stay open stay: the countdown is turned off", function()
  local s = play { on_stop = "leave" }
  s:send "BTC/IDR"
  stop(s)
  t.equal(said(s), "btc_idr=42.5 btc_idr=0")
  t.equal(s.stopped, 0)
end)

t.test("where a cancel was not confirmed the countdown goes on, and that is said", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  s:send "BTC/IDR"
  s:send "AAVE/IDR"
  local other = s.one[1]
  stop(s)
  s:push(s:update(other, { status = "CANCELLED", symbol = "aaveidr" }))
  s:advance(11)
  t.ok(said(s):find " aave_idr=0$", said(s))
  t.equal(#s:logged "the countdown goes on: the venue cancels all orders in BTC/IDR", 1)
  t.equal(s.stopped, 1)
  s:check_over()
end)

t.test("a venue that does not answer to turning it off holds the end up for 3 s at most", function()
  local s = play { on_stop = "leave" }
  s:send "BTC/IDR"
  s:answer_beats(false)
  stop(s)
  t.equal(s.stopped, nil)
  s:advance(3.1)
  t.equal(s.stopped, 0)
  t.equal(#s:logged "the countdown could not be turned off", 1)
  s:check_over()
end)

t.test("a beat for nothing but what is left behind is not waited for at the end", function()
  local s = play { answers = { cancelByClientOrderId = false } }
  s:send "BTC/IDR"
  stop(s)
  s:answer_beats(false)
  s:advance(9.9)
  s.session.countdown:beat()
  t.equal(said(s), "btc_idr=42.5 btc_idr=42.5")
  s:advance(0.2)
  t.equal(s.stopped, 1)
  t.equal(#s:logged "the countdown goes on: the venue cancels all orders in BTC/IDR", 1)
  s:check_over()
end)

t.test("a beat that is under way at the end is waited for, then turned off", function()
  local s = play { on_stop = "leave", answers = { [PATH] = false } }
  s:send "BTC/IDR"
  stop(s)
  t.equal(s.stopped, nil)
  s:answer(s:find(PATH), 200, '{"success":1}')
  t.equal(said(s), "btc_idr=42.5 btc_idr=0")
  s:answer(s:find(PATH), 200, '{"success":1}')
  t.equal(s.stopped, 0)
  s:check_over()
end)

stage.done()
