-- The dead-man switch: when the venue's countdown is armed, renewed and turned off.

local host = require "moonwire.host"
local stage = require "tests.moonwire.stage"
local files = require "tests.files"
local t = require "tests.tap"
local client_id = require "moonwire.client_id"
local dispatch = require "moonwire.dispatch"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"
local fixture = require "tests.moonwire.countdown_fixture"

local play, beats, said, names = fixture.play, fixture.beats, fixture.said, fixture.names
local PATH, REFUSED = fixture.PATH, fixture.REFUSED

-- The venue's text --------------------------------------------------------------------------------

t.test("the request is the venue's own text, signed as its examples are", function()
  local vectors, count = json.decode(files.read "tests/vectors/indodax/signatures.json"), 0
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
  stage.own(order)._is_held = true
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

t.test("the venue counts from when it was asked, however late its answer comes", function()
  local s = play()
  s:answer_beats(false)
  s:send("BTC/IDR")
  local asked_at = s.elapsed
  s:advance(3)
  s:answer(s:find(PATH), 200, '{"success":1}')
  s:settle()
  local left = s.session.countdown.ready["BTC/IDR"] - dispatch.now()
  t.ok(math.abs(left - (42.5 - (s.elapsed - asked_at))) < 0.01, left .. " s are left")
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

t.test("a beat that a server on the way failed on may arrive late as well", function()
  local s = play { dead_man = 8.5 }
  s:send "BTC/IDR"
  s:drop()
  s:answer_beats(false)
  s:advance(2.1)
  s:answer(s:find(PATH), 502, "<html>bad gateway</html>")
  s:answer_beats '{"success":1}'
  s:advance(5.8)
  t.equal(said(s), "btc_idr=8.5 btc_idr=8.5", "7.9 s: it may come until 8")
  s:advance(2.2)
  t.equal(said(s), "btc_idr=8.5 btc_idr=8.5 btc_idr=0")
end)

t.test("what a process before this one may have armed is turned off at the end", function()
  local s, is_over = play(), false
  s:answer_beats '{"success":1}'
  s.session.countdown:note_armed "BTC/IDR"
  s.session.countdown:finish({}, { on_countdown_over = function() is_over = true end })
  s:settle()
  t.equal(said(s), "btc_idr=0")
  t.equal(is_over, true)
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

stage.done()
