-- The dead-man switch: when the venue's countdown is armed, renewed, turned off and missed.

local host = require "moonwire.host"
local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local client_id = require "moonwire.client_id"
local countdown = require "moonwire.countdown"
local dispatch = require "moonwire.dispatch"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"
local mw = require "moonwire"

local PATH = "/tapi/countdownCancelAll"
local PRICES = { ["BTC/IDR"] = "950000000", ["AAVE/IDR"] = "2000000", ["BTC/USDT"] = "60000",
                 ["IDRX/IDR"] = "20000" }

-- A stage whose strategy does what the test says. dead_man: 42.5 s, so a beat comes each 10 s.
local function play(options)
  options = options or {}
  local S = mw.strategy { venue = "idx" }
  function S:send(symbols)
    for i, symbol in ipairs(symbols) do
      self[i], self.err = self:buy { symbol = symbol, qty = "1", price = PRICES[symbol] }
    end
  end
  function S:drop() self:cancel_all() end
  if options.dead_man == nil then options.dead_man = 42.5 end
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options):start()
  local runner = s.runners.one
  s.one = runner.instance
  function s:send(...)
    self:run(runner, "call_method", "send", 1, { { ... } })
    self:settle()
    return self.one[1]
  end
  function s:drop()
    self:run(runner, "call_method", "drop", 0, {})
    self:settle()
  end
  function s:answer_beats(answer) self.answers[PATH] = answer end
  return s
end

-- What the countdown was asked for, as "btc_idr,aave_idr=42.5".
local function beats(s)
  local list = {}
  for i, request in ipairs(s:asked(PATH)) do
    list[i] = ("%s=%g"):format(stage.parameter(request, "pair"),
                               stage.parameter(request, "countdownTime") / 1000)
  end
  return list
end
local function said(s) return table.concat(beats(s), " ") end

local function names(s)
  local list = {}
  for _, request in ipairs(s.requests) do list[#list + 1] = stage.name_of(request) end
  return table.concat(list, " ")
end

local REFUSED = '{"success":0,"error":"Your user ID is not on the whitelist.",'
  .. '"error_code":"not_authorized"}'

-- The venue's text --------------------------------------------------------------------------------

t.test("the request is the venue's own text, signed as its examples are", function()
  local file = assert(io.open "tests/vectors/indodax/signatures.json")
  local vectors, count = json.decode(file:read "*a"), 0
  file:close()
  for _, vector in ipairs(vectors) do
    local ms, time = vector.message:match
      "^pair=btc_idr,eth_idr&countdownTime=(%d+)&timestamp=(%d+)&recvWindow=5000$"
    if ms then
      count = count + 1
      local session = {
        config = { rest_url = "https://rest.test", key = assert(host.secret_text "KEY"),
                   secret = assert(host.secret_text(vector.secret)) },
        venue_ms = function() return tonumber(time) end,
      }
      local request = indodax.countdown.request(session, { { pair = "btc_idr" },
                                                           { pair = "eth_idr" } }, ms / 1000)
      t.equal(request.body, vector.message)
      t.equal(request.url, "https://rest.test" .. PATH)
      t.equal(request.headers[1][2], "text/plain")
      t.equal(request.headers[3][2], vector.signature)
    end
  end
  t.equal(count, 1)
end)

t.test("what the venue answers is told apart", function()
  local refreshed = 0
  local session = { refresh_clock = function() refreshed = refreshed + 1 end }
  local function class(status, body)
    local ok, why, name = indodax.countdown.answer(session, status, body)
    return ok and "ok" or why and name
  end
  local function refusal(code, text)
    return ('{"success":0,"error":"%s","error_code":"%s"}'):format(text, code)
  end
  t.equal(class(200, '{"success":1}'), "ok")
  t.equal(class(200, refusal("bad_request", "Invalid pair")), "pair")
  t.equal(class(200, refusal("bad_request", "Pair `btc_idr` disabled")), "pair")
  t.equal(class(200, refusal("bad_request", "Pair is empty")), "pair")
  t.equal(class(200, refusal("bad_request", "Invalid countdown time")), "retry")
  t.equal(class(200, refusal("bad_sign", "Invalid credentials. Bad sign.")), "refused")
  t.equal(class(200, refusal("key_not_found", "API key not found in header")), "refused")
  t.equal(class(200, REFUSED), "refused")
  t.equal(class(200, refusal("internal_server_error", "Failed to process request")), "retry")
  t.equal(class(429, refusal("too_many_requests", "Too many requests")), "limit")
  t.equal(class(502, "<html>"), "retry")
  t.equal(class(200, refusal("invalid_timestamp", "Invalid timestamp")), "retry")
  t.equal(refreshed, 1)
end)

-- Before the first order --------------------------------------------------------------------------

t.test("the first order in a pair leaves when the countdown runs, the next ones at once", function()
  local s = play()
  s:answer_beats(false)
  local order = s:send "BTC/IDR"
  t.equal(said(s), "btc_idr=42.5")
  t.equal(#s:asked "trade", 0, "it waits")
  t.equal(order.status, "pending_new")
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(#s:asked "trade", 1)
  t.equal(order.status, "new")
  s:send "BTC/IDR"
  t.equal(#s:asked "trade", 2)
  t.equal(said(s), "btc_idr=42.5", "no second request")
end)

t.test("pairs that begin together are armed by one request, before any order", function()
  local s = play()
  local from = #names(s)
  s:send("BTC/IDR", "AAVE/IDR", "IDRX/IDR", "BTC/IDR")
  t.equal(names(s):sub(from + 2), PATH .. " trade trade trade trade")
  t.equal(said(s), "aave_idr,btc_idr,idrx_idr=42.5")
end)

t.test("an order that comes while its pair is being armed needs no request of its own", function()
  local s = play()
  s:answer_beats(false)
  s:send "BTC/IDR"
  s:send "BTC/IDR"
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(#s:asked "trade", 2)
  t.equal(said(s), "btc_idr=42.5")
end)

t.test("without orders nothing is asked, and an order that is there is not asked twice", function()
  local s = play()
  s:advance(100)
  t.equal(said(s), "")
  s:send "BTC/IDR"
  s:answer_beats(false)
  s:send "AAVE/IDR"
  s:send "AAVE/IDR"
  t.equal(said(s), "btc_idr=42.5 aave_idr,btc_idr=42.5", "one is under way")
end)

t.test("an order that waits is not sent when the venue refuses its countdown", function()
  local s = play { answers = { [PATH] = REFUSED } }
  local order = s:send "BTC/IDR"
  t.equal(order.status, "rejected")
  t.ok(order.reason:find "^not sent: the venue gives this account no countdown", order.reason)
  t.ok(order.reason:find("dead_man = false", 1, true), order.reason)
  t.equal(#s:asked "trade", 0)
  s:send "BTC/IDR"
  t.equal(s.one[1], nil, "refused at once")
  t.ok(s.one.err:find "the venue refuses its countdown", s.one.err)
  s:answer_beats '{"success":1}'
  s:advance(10.5)
  t.equal(s:send("BTC/IDR").status, "new", "later it is asked again")
end)

t.test("an order that waits is not sent late: after 5 s it is refused", function()
  local s = play { answers = { [PATH] = false } }
  local order = s:send "BTC/IDR"
  s:advance(4.9)
  t.equal(order.status, "pending_new")
  s:advance(0.2)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: the venue's countdown for BTC/IDR did not run within 5 s")
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(#s:asked "trade", 0)
end)

t.test("an order that waits and is canceled is never sent", function()
  local s = play { answers = { [PATH] = false } }
  local order = s:send "BTC/IDR"
  s:drop()
  t.equal(order.status .. " " .. order.reason, "canceled never sent")
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(#s:asked "trade" + #s:asked "cancelByClientOrderId", 0)
  s:advance(60)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("a canceled order that somebody marked as waiting is still canceled at the venue", function()
  local s = play()
  local order = s:send "BTC/IDR"
  order._is_held = true
  s:drop()
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(order.status, "canceled")
end)

t.test("an order that waits is no doubt for the comparison with the venue", function()
  local s = play { answers = { [PATH] = false } }
  s:send "BTC/IDR"
  s:run(s.session.reconciler, "on_period")
  s:settle()
  s:advance(4)
  t.equal(#s:asked "openOrders", 2)
  t.equal(#s:asked "getOrderByClientOrderId", 0)
end)

t.test("not more than 15 orders wait in a pair, and they leave within the venue's rate", function()
  local s = play { answers = { [PATH] = false }, risk = { max_orders_per_second = 1000 } }
  s:advance(1)
  local many = {}
  for i = 1, 16 do many[i] = "BTC/IDR" end
  s:send(unpack(many))
  t.equal(s.one[16], nil)
  t.ok(s.one.err:find "15 orders wait until the venue's countdown for BTC/IDR runs", s.one.err)
  for _ = 1, 5 do s.session.limiter:try("submit", "BTC/IDR", dispatch.now()) end
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(#s:asked "trade", 10)
  t.equal(s:send("BTC/IDR").status, "pending_new", "behind those that wait")
  s:advance(1.1)
  t.equal(#s:asked "trade", 16)
end)

t.test("an order that waits while the line is lost is refused", function()
  local s = play { answers = { [PATH] = false } }
  local order = s:send "BTC/IDR"
  s.keep_closed = true
  s:close(s:private(), 1006)
  s:answer(s:find(PATH), 200, '{"success":1}')
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: session idx is down")
end)

t.test("dead_man = false arms nothing and says so", function()
  local s = play { dead_man = false }
  t.equal(s.session.countdown, false)
  s:send "BTC/IDR"
  s:advance(100)
  t.equal(said(s), "")
  t.equal(#s:logged "nothing at the venue cancels when this machine falls silent", 1)
end)

-- Beats -------------------------------------------------------------------------------------------

t.test("four beats in the length of the countdown, each for all pairs", function()
  local s = play()
  s:send("BTC/IDR", "AAVE/IDR")
  s:advance(40.1)
  t.equal(said(s), ("aave_idr,btc_idr=42.5 "):rep(5):sub(1, -2))
  s:advance(400)
  t.equal(#beats(s), 45)
end)

t.test("an order in doubt is protected like an open one", function()
  local s = play { answers = { trade = false, getOrderByClientOrderId = false } }
  local order = s:send "BTC/IDR"
  s:lose(s:find "trade", true)
  t.equal(order.status, "unknown")
  s:advance(100)
  t.equal(#beats(s), 11)
end)

t.test("orders that the venue shows at the log-on are armed at once, if they are ours", function()
  local s = play { answers = { openOrders = false } }
  local ours = client_id.maker("moonwire", "one", 1790000000000):next()
  s:answer(s:find "openOrders", 200, ('{"success":1,"return":{"orders":{"btc_idr":[{"order_id":"7",'
    .. '"client_order_id":"%s","price":"950000000","type":"buy","order_type":"limit",'
    .. '"order_btc":"1","remain_btc":"1"}],"aave_idr":[{"order_id":"8","price":"2000000",'
    .. '"type":"sell","order_type":"limit","order_aave":"1","remain_aave":"1"}]}}}'):format(ours))
  s:settle()
  t.equal(s.session.state, "up")
  t.equal(said(s), "btc_idr=42.5")
end)

t.test("it is said once when the countdown would take the orders of others", function()
  local s = play()
  s:send "BTC/IDR"
  s:push(s:update({ order_id = "btcidr-limit-99", client_order_id = "web-1", side = "sell" }, {}))
  s:push(s:update({ order_id = "btcidr-limit-98", client_order_id = "web-2", side = "sell" }, {}))
  s:advance(50)
  t.equal(#s:logged "the venue cancels the orders of others in this account too", 1)
end)

-- Off ---------------------------------------------------------------------------------------------

t.test("a pair without orders is turned off by the second beat that finds none", function()
  local s = play()
  s:send("BTC/IDR", "AAVE/IDR")
  s:advance(10.1)
  s:push(s:update(s.one[2], { status = "CANCELLED", symbol = "aaveidr" }))
  s:advance(10)
  t.equal(beats(s)[3], "aave_idr,btc_idr=42.5", "not at once: a new one may come")
  s:advance(10)
  t.equal(beats(s)[4], "btc_idr=42.5")
  t.equal(beats(s)[5], "aave_idr=0")
  s:advance(10)
  t.equal(beats(s)[6], "btc_idr=42.5")
  t.equal(#beats(s), 6)
end)

t.test("a strategy that replaces its order turns nothing off", function()
  local s = play()
  s:send "BTC/IDR"
  for _ = 1, 8 do
    s:advance(9)
    s:drop()
    s:advance(1)
    s:send "BTC/IDR"
  end
  t.ok(not said(s):find "=0", said(s))
end)

-- With a pair that is being turned off: the request is under way.
local function turning_off()
  local s = play()
  s:send "BTC/IDR"
  s:drop()
  s:answer_beats(function(request)
    return stage.parameter(request, "countdownTime") ~= "0" and '{"success":1}'
  end)
  s:advance(20.1)
  t.equal(beats(s)[#beats(s)], "btc_idr=0")
  return s
end

t.test("an order that comes while its pair is turned off waits until it is armed anew", function()
  local s = turning_off()
  local order = s:send "BTC/IDR"
  t.equal(order.status, "pending_new")
  local before = #beats(s)
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  t.equal(beats(s)[before + 1], "btc_idr=42.5")
  t.equal(order.status, "new")
end)

t.test("a request to turn it off may arrive late, without an answer: orders wait", function()
  local s = turning_off()
  s:lose(s:find(PATH), true)
  s:settle()
  s:send "BTC/IDR"
  t.equal(#s:asked "trade", 1, "armed too early to be sure")
  s:advance(5)
  t.equal(s.one[1].status, "rejected")
  s:advance(5)
  t.equal(s:send("BTC/IDR").status, "new")
end)

t.test("a beat that got no answer may arrive late: it is turned off after that", function()
  local s = play { dead_man = 8.5 }
  s:send "BTC/IDR"
  s:drop()
  s:answer_beats(false)
  s:advance(2.1)
  s:lose(s:find(PATH), true)
  s:answer_beats '{"success":1}'
  s:advance(5.8)
  t.equal(said(s), "btc_idr=8.5 btc_idr=8.5", "7.9 s: it may come until 8")
  s:advance(2.2)
  t.equal(said(s), "btc_idr=8.5 btc_idr=8.5 btc_idr=0")
end)

t.test("turning it off is tried until the venue agrees", function()
  local s = play()
  s:send "BTC/IDR"
  s:drop()
  s:answer_beats(function(request)
    return stage.parameter(request, "countdownTime") == "0" and { 503, "<html>" }
      or '{"success":1}'
  end)
  s:advance(21)
  t.equal(#s:logged "could not be turned off in BTC/IDR", 1)
  s:answer_beats '{"success":1}'
  s:advance(10)
  t.ok(said(s):find "=0 btc_idr=0$", said(s))
  s:advance(100)
  t.ok(said(s):find "=0 btc_idr=0$", said(s))
end)

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

local function is_empty(s)
  t.equal(next(s.timers), nil, "timers")
  t.equal(next(s.sockets), nil, "sockets")
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
  is_empty(s)
end)

t.test("a stop without anything armed asks nothing and is at once", function()
  local s = play()
  stop(s)
  t.equal(said(s), "")
  t.equal(s.stopped, 0)
  is_empty(s)
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
  is_empty(s)
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
  is_empty(s)
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
  is_empty(s)
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
  is_empty(s)
end)

stage.done()
