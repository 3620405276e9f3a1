-- The Instamrkt connector on a stage: digests and frames as the venue prints them, and a venue that
-- answers as they say.

local T = require "tests.moonwire.instamrkt_stage"
local t = require "tests.tap"
local config = require "moonwire.config"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local instamrkt = require "moonwire.venues.instamrkt"
local json = require "moonwire.json"
local rest = require "moonwire.venues.instamrkt.rest"
local settle = require "moonwire.venues.instamrkt.settle"
local wire = require "moonwire.venues.instamrkt.wire"

local frames, play, row, SYMBOL = T.frames, T.play, T.row, T.SYMBOL
local D = decimal

-- Digests (3) -------------------------------------------------------------------------------------

local function url_of(vector, base)
  local now_ms = dispatch.now_ms
  dispatch.now_ms = function() return 0 end
  local url = rest.socket_url {
    config = { private_url = base },
    memory = { nonce = tonumber(vector.nonce) - 1, user_id = vector.user_id,
               key = assert(host.secret_text(vector.session_key)) },
  }
  dispatch.now_ms = now_ms
  return url
end

t.test("the address of the socket is signed as the venue's vector is", function()
  t.equal(url_of(T.digests.good[1], "wss://instamrkt.com:9999"), T.digests.url)
  t.ok(url_of(T.digests.good[1], "wss://127.0.0.1:1/ws"):find "^wss://127%.0%.0%.1:1/ws%?id=17&")
end)

t.test("a digest is of the bare texts, whose borders it does not show", function()
  for _, vector in ipairs(T.digests.good) do
    local key = assert(host.secret_text(vector.session_key))
    t.equal(host.digest("sha256", { vector.user_id, vector.nonce, key }, "hex"), vector.h)
  end
  local v = T.digests.good[1]
  local colons = host.digest("sha256", v.user_id .. ":" .. v.nonce .. ":" .. v.session_key, "hex")
  t.equal(colons:sub(1, 8), T.digests.wrong.joined_with_colons)
  local keyed = host.secret_text(v.session_key):hmac("sha256", v.user_id .. v.nonce, "hex")
  t.equal(keyed:sub(1, 8), T.digests.wrong.hmac_keyed_by_the_session_key)
end)

t.test("a nonce is of digits and never comes again", function()
  local s = play()
  local first = s:private().url
  t.ok(first:find "^wss://private%.test/%?id=17&n=%d+&h=%x+$", first)
  s:close(s:private())
  s:advance(5)
  local function nonce(url) return tonumber(url:match "n=(%d+)") end
  t.ok(nonce(s:private().url) > nonce(first))
end)

-- Log-on (2, 3, 9) --------------------------------------------------------------------------------

t.test("the log-on asks in order: logon, codes, games, join, details, pools, balances", function()
  local s = play()
  t.equal(s.session.state, "up")
  local asked = {}
  for i, text in ipairs(s:private().sent) do asked[i] = json.decode(text).op end
  t.equal(table.concat(asked, " "), "100 2 380 363 372 387 800 810 389 840")
end)

t.test("every request has a header with the time and the version", function()
  local s = play()
  for _, text in ipairs(s:private().sent) do
    t.ok(text:find '^{"header":{"t":%d%d%d%d%d%d%d%d%d%d%d%d%d,"api_version":1%.0},"op":%d+', text)
  end
end)

t.test("already logged in is in; a refusal is final where nobody can log in anew", function()
  t.equal(play { ops = { [100] = frames.logon_again } }.session.state, "up")
  for _, answer in ipairs { frames.logon_fail, '{"res":666,"text":"bad digest"}' } do
    local s = play { ops = { [100] = answer } }
    t.ok(s.session.private.is_stopped)
    t.equal(#s:logged "connection stopped: ", 1)
    t.equal(#s:logged "lives for 24 hours and ends with each login", 2)
  end
end)

t.test("the time of an answer sets the clock", function()
  local s = play { ops = { [100] = function()
    return ('{"response_header":{"t":%.0f},"res":100}'):format(dispatch.now_ms() + 90000)
  end } }
  t.equal(s.session.clock_offset_ms, 90000)
  t.equal(s:asked_for(2)[1].header.t, dispatch.now_ms() + 90000)
end)

t.test("with a login the session key comes from REST, behind the anti-forgery token", function()
  local s = play { is_logged_in = true }
  t.equal(s.session.state, "up")
  local page, login = s.requests[1], s.requests[2]
  t.equal(page.method .. " " .. page.url, "GET https://rest.test/i/")
  t.equal(login.method .. " " .. login.url, "POST https://rest.test/i/r/login/")
  t.ok(page.has_secret_answer and login.has_secret_answer, "what they bring is not recorded")
  local names = {}
  for i, header in ipairs(login.headers) do names[i] = header[1] end
  t.equal(table.concat(names, " "), "Content-Type Cookie X-XSRFToken")
  t.equal(host.digest("sha256", login.body, "hex"),
          host.digest("sha256", '{"username":"mara","password":"p\\"w"}', "hex"))
  t.equal(host.digest("sha256", login.headers[2][2], "hex"),
          host.digest("sha256", "_xsrf=token1", "hex"))
  t.ok(s:private().url:find "id=17&", s:private().url)
end)

t.test("a login that is refused at the start is final, and says what to look at", function()
  local s = play { is_logged_in = true,
                   answers = { ["/i/r/login/"] = { 401, '{"msg":"no such user"}' } } }
  t.ok(s.session.private.is_stopped)
  t.equal(#s:logged "login: no such user: check `login` and `password`", 2)
end)

t.test("a page without the token, and an answer without a key, are tried again", function()
  local s = play { is_logged_in = true, answers = { ["/i/"] = "<html>" } }
  t.ok(#s:logged "sets no cookie _xsrf: check rest_url" > 0)
  s.answers["/i/"] = { 200, "", "Set-Cookie: _xsrf=t; Path=/" }
  s.answers["/i/r/login/"] = '{"username":"mara"}'
  s:advance(3)
  t.ok(#s:logged "no id or no user_session_key" > 0)
  s.answers["/i/r/login/"] = frames.login
  s:advance(10)
  t.equal(s.session.state, "up")
end)

t.test("a digest that is refused logs in again once, and then gives up", function()
  local s = play { is_logged_in = true }
  s.keep_closed = true
  s:close(s:private())
  s:advance(3)
  t.equal(#s:asked "/i/r/login/", 1)
  s:close(s:private(), 1006, "", 403, "bad digest")
  s:advance(0.1)
  t.equal(#s:asked "/i/r/login/", 2)
  s:close(s:private(), 1006, "", 403, "bad digest")
  t.ok(s.session.private.is_stopped)
end)

t.test("a refusal behind a connection that was made anew at once is the first", function()
  local s = play { is_logged_in = true }
  s.keep_closed = true
  s:run(s.session.private, "restart", "no answer within 5 s")
  s:advance(0.1)
  s:close(s:private(), 1006, "", 403, "bad digest")
  t.ok(not s.session.private.is_stopped)
  s.keep_closed = false
  s:advance(3)
  t.equal(s.session.state, "up")
  t.equal(#s:asked "/i/r/login/", 2)
end)

t.test("a close before the log-on is a refusal, a line that breaks is none", function()
  local s = play { is_logged_in = true, ops = { [100] = false } }
  s:close(s:private(), 1006, "")
  s:advance(2)
  t.equal(#s:asked "/i/r/login/", 1)
  s.ops[100] = frames.logon_success
  local heard = s.reply
  s.reply = function() end
  s:close(s:private(), 1008, "no")
  s.reply = heard
  s:settle()
  t.equal(#s:asked "/i/r/login/", 1)
  s:advance(6)
  t.equal(#s:asked "/i/r/login/", 2)
  t.equal(s.session.state, "up")
end)

t.test("the session key is renewed an hour before its day is over", function()
  local s = play { is_logged_in = true }
  local socket = s:private()
  s:advance(23 * 3600 - 60)
  t.equal(#s:asked "/i/r/login/", 1)
  s:advance(120)
  t.equal(#s:asked "/i/r/login/", 2)
  t.ok(s:private() ~= socket)
  t.equal(s.session.state, "up")
end)

t.test("a venue that is not there is asked again and again", function()
  local s = play()
  s.keep_closed = true
  s:close(s:private())
  for _ = 1, 5 do
    s:advance(40)
    s:close(s:private(), 0, "", 502, "Bad Gateway")
  end
  t.ok(not s.session.private.is_stopped)
end)

-- Codes (4, 5) ------------------------------------------------------------------------------------

t.test("the server's numbers count, and what it does not name keeps the page's", function()
  local told = '{"res":2,"opcodes":{"place_bet_in_betting_pool":4711,"new_thing":9},'
    .. '"response_codes":{"bet_placed_in_betting_pool":362,"bet_pool_resolved":356}}'
  local s = play { ops = { [2] = told, [4711] = '{"res":362,"pool_id":"6b0e","bet_id":"b1"}' } }
  t.equal(s.session.state, "up")
  local order = s:send "2.5"
  t.equal(#s:asked_for(4711), 1)
  t.equal(order.status, "new")
  s:hear(frames.resolved:gsub('"res":362', '"res":356'))
  t.equal(order.status, "filled")
end)

t.test("without codes of the server those of the page are used", function()
  local s = play { ops = { [2] = '{"res":666,"text":"unknown op"}' } }
  t.equal(s.session.state, "up")
  t.equal(#s:logged "numbers of its documentation are used", 1)
end)

t.test("where the server gives a number of ours to another name, its word counts", function()
  local codes = wire.codes { response_codes = { error = 356 } }
  t.equal(codes.names[356], "error")
  t.equal(codes.operations.logon, 100)
end)

t.test("an answer without res, of no known number or unasked, is told and has no effect", function()
  local s = play()
  for _, text in ipairs { "{}", '{"res":12345}', '{"res":"x"}', frames.games, "[1", '{"res":356}',
                          '{"res":352,"pool_id":"x","game_id":"G"}', '{"res":362}',
                          '{"res":815}', '{"res":666,"text":"your fault"}' } do
    s:hear(text)
  end
  t.equal(s.session.private.bad_frames, 10)
  t.equal(s.session.state, "up")
  t.equal(#s:logged "your fault", 1)
end)

t.test("what is nothing to us is passed over", function()
  local s = play()
  for _, text in ipairs { frames.user_joined, '{"res":901,"text":"hi"}', '{"res":366}',
                          '{"res":367,"pool_id":"6b0e"}', '{"res":480,"game_id":"G"}',
                          '{"res":361,"pool_id":"elsewhere","distribution":[]}',
                          '{"res":363,"pool_id":"elsewhere","winning_target":"none"}' } do
    s:hear(text)
  end
  t.equal(s.session.private.bad_frames, 0)
end)

t.test("no answer of the venue that we did not ask for harms the session or a bet", function()
  local s = play()
  local order = s:send "2.5"
  for name, res in pairs(wire.answers) do
    s:hear(('{"response_header":{},"res":%d,"game_id":"other","source_id":"other","reason":"%s"}')
      :format(res, name))
  end
  t.equal(s.session.state, "up")
  t.equal(order.status, "new")
end)

t.test("an expired pool is known by the name that the documents misspell, too", function()
  local told = '{"res":2,"opcodes":{},"response_codes":{"bet_pool_expored":20363}}'
  local s = play { ops = { [2] = told } }
  local order = s:send "2.5"
  s:hear(frames.resolved:gsub('"res":362', '"res":20363'):gsub("resolved_at", "expired_at"))
  t.equal(order.status, "filled")
end)

-- Keep-alive --------------------------------------------------------------------------------------

t.test("an idle line is pinged in both ways; one without an answer is made anew", function()
  local s = play()
  local socket = s:private()
  s:advance(21)
  t.equal(#s:asked_for(1), 1)
  t.equal(#socket.pings, 1)
  s.ops[1] = false
  s:advance(26)
  t.ok(s:private() ~= socket)
end)

-- Markets (6) -------------------------------------------------------------------------------------

t.test("each target of a pool is a market", function()
  local s = play()
  local market = s.session.markets[SYMBOL]
  t.equal(market.base, "6b0e#harbour")
  t.equal(market.quote, "DON")
  t.equal(tostring(market.qty_step), "0.01")
  t.equal(#s.session.markets, 2)
  t.ok(s.session.markets["6b0e#none/DON"])
end)

t.test("a pool that is opened later is traded, one that is decided is gone", function()
  local s = play()
  s:hear((frames.pool:gsub('"6b0e"', '"7c1f"'):gsub("^{", '{"res":352,')))
  t.equal(#s.session.markets, 4)
  t.ok(s:send { qty = "1", symbol = "7c1f#harbour/DON" })
  s:hear(frames.resolved)
  t.equal(#s.session.markets, 2)
  local order, err = s:send "1"
  t.equal(order, nil)
  t.equal(err, "no market 6b0e#harbour/DON on idx")
end)

t.test("targets that nest are traded, ids that a symbol cannot hold are not", function()
  local pool = frames.pool:gsub("harbour", "harbour:9"):gsub('"none"', '"a/b"')
  local s = play { pools = { pool } }
  t.ok(s.session.markets["6b0e#harbour:9/DON"])
  t.equal(#s.session.markets, 1)
  t.equal(#s:logged "target a/b cannot be traded here", 1)
end)

t.test("games have currencies of their own", function()
  local s = play { ops = { [372] = (frames.details:gsub('"DON"', '"GEM"')),
    [800] = function(m)
      return ('{"res":800,"currency":"%s","current_balance":5}'):format(m.currency)
    end,
    [810] = function(m)
      return ('{"res":810,"currency":"%s","available_balance":%d}'):format(m.currency,
        m.currency == "GEM" and 3 or 5)
    end } }
  t.ok(s.session.markets["6b0e#harbour/GEM"])
  local order, err = s:send { qty = "4", symbol = "6b0e#harbour/GEM" }
  t.equal(order, nil)
  t.equal(err, "a stake of 4 GEM is above what is available: 3")
end)

t.test("only the games that are configured are joined", function()
  local s = play { config = { games = { "other" } } }
  t.equal(s.session.state, "up")
  t.equal(#s:asked_for(363), 0)
  t.equal(#s.session.markets, 0)
end)

t.test("a game that the venue keeps from us is not the others' loss", function()
  local s = play { ops = { [363] = '{"res":666,"text":"not invited"}' } }
  t.equal(s.session.state, "up")
  t.equal(#s:logged "game G: join_game: the venue refuses: not invited", 1)
end)

t.test("a game that is opened later is joined", function()
  local s = play { ops = { [380] = '{"res":345,"games":[]}' } }
  t.equal(#s.session.markets, 0)
  s.ops[380] = frames.games
  s:hear '{"res":340,"game_id":"G"}'
  t.equal(#s.session.markets, 2)
  s:hear '{"res":341,"game_id":"G"}'
  t.equal(#s.session.markets, 0)
end)

t.test("a game that was not open yet takes bets once a pool is opened in it", function()
  local early = frames.details:gsub("game_in_progress_betting_active", "betting_not_yet_active")
  local s = play { ops = { [372] = early }, pools = {} }
  s.ops[372] = frames.details
  s:hear((frames.pool:gsub("^{", '{"res":352,')))
  t.equal(#s:asked_for(372), 2)
  t.equal(s:send("2.5").status, "new")
end)

-- Books -------------------------------------------------------------------------------------------

t.test("a book is what a target stands at, told at once and with each bet of anybody", function()
  local s = play()
  s:run(s.runners.one, "call_method", "watch", 0, {})
  s:advance(0.1)
  local book = s.trader.book
  t.equal(#book.bids + #book.asks, 0)
  t.equal(tostring(book.pool.multiplier), "2.5")
  t.equal(tostring(book.pool.total), "10")
  s:hear(frames.distribution)
  t.equal(tostring(s.trader.book.pool.multiplier), "1.9230769231")
  t.equal(tostring(s.trader.book.pool.backing), "6.5")
  s:hear '{"res":368,"pool_id":"6b0e","blocked_at":1}'
  t.equal(s.trader.book.pool.is_blocked, true)
  t.equal(tostring(s.trader.book:copy().pool.total), "12.5")
end)

-- Bets --------------------------------------------------------------------------------------------

t.test("a bet leaves as the venue prints it, and its answer makes it new", function()
  local s = play()
  local order = s:send "2.5"
  local text = s:private().sent[#s:private().sent]
  t.equal((text:gsub('"t":%d+', '"t":1763683201000')), frames.bet)
  t.equal(order.status, "new")
  t.equal(order.order_id, "bet1")
  t.equal(s.trader.said(), "pending_new>new")
end)

t.test("what the venue refuses is a rejection in its words", function()
  local s = play { ops = { [392] = '{"res":666,"text":"insufficient funds"}' } }
  local order = s:send "2.5"
  t.equal(order.status, "rejected")
  t.equal(order.reason, "insufficient funds")
end)

t.test("pushes between a bet and its answer are no answers", function()
  local s = play { ops = { [392] = false } }
  local order = s:send "2.5"
  s:hear(frames.distribution)
  s:hear(frames.balance)
  s:hear '{"res":342,"game_id":"G","status":"game_in_progress_betting_active"}'
  t.equal(order.status, "pending_new")
  s:hear(frames.bet_placed)
  t.equal(order.order_id, "5f0c")
end)

t.test("one bet is on its way at a time", function()
  local s = play { ops = { [392] = false } }
  local first = s:send "1"
  local second = s:send "2"
  t.equal(#s:asked_for(392), 1)
  s:hear '{"res":666,"text":"no"}'
  t.equal(first.status, "rejected")
  t.equal(#s:asked_for(392), 2)
  s:hear(frames.bet_placed)
  t.equal(second.status, "new")
  t.equal(#s:logged "the venue took a stake of 2.5", 1)
end)

t.test("an answer that names another pool is still the one bet's", function()
  local s = play { ops = { [392] = (frames.bet_placed:gsub("6b0e", "7c1f")) } }
  t.equal(s:send("2.5").status, "new")
  t.equal(#s:logged "the answer names pool 7c1f", 1)
end)

t.test("an answer that comes behind the pool's end is still the bet's", function()
  local s = play { ops = { [392] = false } }
  local order = s:send "4"
  s:hear(frames.resolved)
  s:hear((frames.bet_placed:gsub('"2.5"', '"4"')))
  t.equal(order.order_id, "5f0c")
  t.equal(order.status, "new")
  s:advance(1)
  t.equal(#s:asked_for(389), 2, "it is asked for, as at the log-on")
end)

t.test("what the venue cannot do is refused before it is sent", function()
  local s = play()
  local function refused(request)
    local order, err = s:send(request)
    t.equal(order, nil)
    return err
  end
  t.ok(refused { side = "sell", qty = "1" }:find "never gives them back")
  t.ok(refused { qty = "1", price = "2" }:find "has no price")
  t.ok(refused { qty = "1", time_in_force = "ioc" }:find "not ioc")
  t.ok(refused { amount = "1" }:find "wants `qty`")
  t.ok(refused { qty = "0.001" }:find "not a multiple of 0.01")
  t.ok(refused { qty = "100.01" }:find "above what is available: 100")
  t.equal(#s:asked_for(392), 0)
  t.ok(s:send { qty = "1", time_in_force = "fok" })
end)

t.test("a pool that takes no bets is not asked for one", function()
  local s = play()
  local function err() return select(2, s:send "1") end
  s:hear '{"res":368,"pool_id":"6b0e"}'
  t.equal(err(), "betting in this pool is blocked")
  s:hear '{"res":369,"pool_id":"6b0e"}'
  s:hear '{"res":370,"game_id":"G","action_id":"goal"}'
  t.equal(err(), "betting in this pool is blocked")
  s:hear '{"res":371,"game_id":"G","action_id":"other"}'
  t.equal(err(), "betting in this pool is blocked")
  s:hear '{"res":371,"game_id":"G","action_id":"goal"}'
  s:hear((frames.details:gsub("betting_active", "betting_closed")))
  t.equal(err(), "the game takes no bets: game_in_progress_betting_closed")
  s:hear(frames.details)
  t.ok(s:send "1")
  local pool = frames.pool:gsub('bets_at":null', 'bets_at":"1790000060000"')
  s = play { pools = { pool } }
  t.ok(s:send "1")
  s:advance(60)
  t.equal(select(2, s:send "2"), "the time for bets in this pool is over")
end)

t.test("stakes without an answer count against what is available", function()
  local s = play { ops = { [392] = false } }
  t.ok(s:send "60")
  local order, err = s:send "50"
  t.equal(order, nil)
  t.equal(err, "a stake of 50 DON is above what is available: 40")
  s:hear(frames.bet_placed)
  s:hear '{"res":815,"current_balance":100,"available_balance":55.5,"currency":"DON"}'
  t.ok(s:send "50")
end)

t.test("an equal bet waits until the one before it is known", function()
  local s = play { ops = { [392] = false } }
  t.ok(s:send "1")
  local order, err = s:send "1"
  t.equal(order, nil)
  t.ok(err:find "on its way or in doubt", err)
  s:hear(frames.bet_placed)
  t.ok(s:send "1")
end)

t.test("a limit of notional is a limit of the stake", function()
  local s = play { risk = { max_order_notional = { DON = D "5" } } }
  t.ok(s:send "5")
  local _, err = s:send "5.01"
  t.equal(err, "notional 5.01 DON is above max_order_notional 5")
end)

t.test("nothing can be canceled", function()
  local s = play()
  local order = s:send "1"
  s:run(s.runners.one, "call_method", "drop", 1, { order })
  t.equal(s.instance.err, "venue idx cannot cancel")
  t.equal(order.status, "new")
end)

-- Bets over REST ----------------------------------------------------------------------------------

local BET = "/i/r/sources/S/games/active/G/pools/open/6b0e/predictions/"

t.test("with a login bets go over REST", function()
  local s = play { is_logged_in = true, answers = { [BET] = frames.rest_bet } }
  local order = s:send "2.5"
  t.equal(order.status, "new")
  t.equal(order.order_id, "5f0c")
  local request = s:asked(BET)[1]
  t.equal(request.method, "POST")
  t.equal(request.body, '{"target_id":"harbour","amount":2.5}')
  t.equal(host.digest("sha256", request.headers[2][2], "hex"),
          host.digest("sha256", "_xsrf=token1; im_user=secret17; user_session_key=9f1c", "hex"))
  t.equal(request.headers[3][1], "X-XSRFToken")
  t.equal(#s:asked_for(392), 0)
end)

t.test("a refusal over REST is one where the venue says so, else a doubt", function()
  local function answered(...)
    local s = play { is_logged_in = true, answers = { [BET] = { ... } } }
    return s:send "2.5", s
  end
  local order = answered(500, '{"msg":["pool is blocked","sorry"]}')
  t.equal(order.status .. " " .. order.reason, "rejected pool is blocked; sorry")
  t.equal(answered(500, "<html>").status, "unknown")
  t.equal(answered(502, '{"error":1}').status, "unknown")
  t.equal(answered(200, "{}").status, "unknown")
  local s
  order, s = answered(401, '{"msg":"who are you?"}')
  t.equal(order.status, "rejected")
  s:advance(0.1)
  t.equal(#s:asked "/i/r/login/", 2)
  t.equal(s.session.state, "up")
end)

-- Doubts (10) -------------------------------------------------------------------------------------

local function bet_row(id, amount, user, seconds) return { id, amount, user, seconds } end

-- A bet whose answer never comes; then `prepare(s)`, and time passes.
local function lost(prepare, seconds, options)
  options = options or {}
  options.ops = options.ops or {}
  options.ops[392] = false
  local s = play(options)
  local order = s:send "2.5"
  prepare(s)
  s:advance(seconds or 8)
  return order, s
end

local function distribution(bets) return json.encode(json.decode(row(bets)).distribution) end

t.test("a bet without an answer is looked for, and never sent again", function()
  local order, s = lost(function(s)
    s.distribution = distribution { bet_row("x1", 2.5, 22), bet_row("x2", 3), bet_row("x3", 2.5),
                                    bet_row("x4", 2.5, 17, 1789999000) }
  end)
  t.equal(order.status, "new")
  t.equal(order.order_id, "x3")
  t.equal(s.trader.said(), "pending_new>unknown, unknown>new")
  t.equal(#s:logged "connection lost: no answer within 5 s", 1)
end)

t.test("a bet that nobody has was not taken; nothing is at stake beyond what shows", function()
  local order, s = lost(function() end, 45)
  t.equal(order.status .. " " .. order.reason, "rejected not_found")
  t.ok(#s:asked_for(840) > 0)
end)

t.test("more at stake than what shows keeps the doubt", function()
  local order, s = lost(function(s) s.exposure = "2.5" end, 60)
  t.equal(order.status, "unknown")
  t.ok(#s:logged "2.5 DON are at stake beyond the bets that are listed" > 0)
end)

t.test("what was at stake elsewhere before is no sign of it", function()
  local order = lost(function() end, 45, { exposure = "40.5" })
  t.equal(order.status, "rejected")
end)

t.test("two that may be it are a doubt that is shown", function()
  local order, s = lost(function(s)
    s.distribution = distribution { bet_row("x1", 2.5), bet_row("x2", 2.5) }
  end, 20)
  t.equal(order.status, "unknown")
  t.equal(s.session.state, "degraded")
  t.ok(#s:logged "x1, x2" > 0)
end)

t.test("a lost bet whose pool was decided meanwhile is found among those", function()
  local order, s = lost(function(s)
    s.ops[393] = '{"res":666,"text":"no such pool"}'
    s.resolved = { row({ bet_row("x1", 2.5) }, ',"winning_target":"harbour","total_winnings":6,'
                       .. '"resolved_at":"1790000009000"') }
  end)
  t.equal(order.status, "filled")
  t.equal(s.trader.said(), "pending_new>unknown, 2.5@3.4 pool, unknown>filled")
end)

t.test("a line that breaks before the answer leaves a doubt, and heals", function()
  local s = play { ops = { [392] = false } }
  local order = s:send "2.5"
  s.distribution = distribution { bet_row("x1", 2.5) }
  s:close(s:private())
  t.equal(order.status, "unknown")
  s:advance(3)
  t.equal(order.status, "new")
  t.equal(order.order_id, "x1")
end)

-- Resolution (6, 11) ------------------------------------------------------------------------------

local function placed(s, qty, target)
  return s:send { qty = qty, symbol = ("6b0e#%s/DON"):format(target or "harbour") }
end

t.test("a lost bet is filled at 0, and its stake is the loss", function()
  local s = play()
  local order = placed(s, "4")
  s:hear(frames.resolved)
  t.equal(order.status, "filled")
  t.equal(s.trader.said(), "pending_new>new, 4@0 pool, new>filled")
  local position = s.desk:position("one", "idx", SYMBOL)
  t.equal(tostring(position.realized), "-4")
  t.equal(tostring(position.qty), "0")
end)

t.test("a won bet is filled at its multiplier, and the profit is what was won", function()
  local s = play()
  local order = placed(s, "4")
  s:hear '{"res":362,"pool_id":"6b0e","winning_target":"harbour","winners":{"17":6},"losers":{}}'
  t.equal(order.status, "filled")
  t.equal(s.trader.said(), "pending_new>new, 4@2.5 pool, new>filled")
  t.equal(tostring(s.desk:position("one", "idx", SYMBOL).realized), "6")
end)

t.test("the same resolution twice counts once", function()
  local s = play()
  placed(s, "4")
  s:hear(frames.resolved)
  s:hear(frames.resolved)
  t.equal(s.trader.said(), "pending_new>new, 4@0 pool, new>filled")
  t.equal(s.desk.fill_count, 1)
end)

t.test("stakes come back where the question was decided too early or by nobody", function()
  local function returned(more)
    local s = play()
    local order = placed(s, "4")
    s:hear(('{"res":362,"pool_id":"6b0e","winning_target":"harbour",%s}'):format(more))
    return order.status .. " " .. tostring(order.reason)
  end
  t.equal(returned '"winners":{},"losers":{},"invalidated_bettors":[17]', "canceled invalidated")
  t.equal(returned '"winners":{},"losers":{},"invalidated_bettors":["17"]', "canceled invalidated")
  t.equal(returned '"winners":{"17":0},"is_money_return":true', "canceled money_return")
end)

t.test("a pool that expires is decided; another winner than none is remarkable", function()
  local s = play()
  local order = placed(s, "4", "none")
  s:hear '{"res":363,"pool_id":"6b0e","winning_target":"none","winners":{"17":2.66},"expired_at":1}'
  t.equal(order.status, "filled")
  t.equal(tostring(order.avg_price), "1.665")
  t.equal(#s:logged "expired for", 0)
  s = play()
  placed(s, "4")
  s:hear '{"res":363,"pool_id":"6b0e","winning_target":"harbour","winners":{"17":6}}'
  t.equal(#s:logged "pool 6b0e expired for harbour", 1)
end)

t.test("a bet without an answer may have won, too: the venue's list says what each did", function()
  local s = play()
  local order = placed(s, "4")
  s.ops[392] = false
  placed(s, "1")
  s:hear '{"res":362,"pool_id":"6b0e","winning_target":"harbour","winners":{"17":6},"losers":{}}'
  t.equal(order.status, "new")
end)

t.test("what won for several bets is shared by their stakes", function()
  local s = play()
  local a, b = placed(s, "1"), placed(s, "2")
  local c = placed(s, "5", "none")
  s:hear('{"res":362,"pool_id":"6b0e","winning_target":"harbour","winners":{"17":4.5},'
    .. '"losers":{"17":5}}')
  t.equal(tostring(a.avg_price), "2.5")
  t.equal(tostring(b.avg_price), "2.5")
  t.equal(tostring(c.avg_price), "0")
end)

t.test("a sum that does not fit our bets is asked about", function()
  local s = play()
  local order = placed(s, "4")
  s.resolved = { row({ bet_row("bet1", 4), bet_row("web", 2) },
                     ',"winning_target":"harbour","total_winnings":6') }
  s:hear '{"res":362,"pool_id":"6b0e","winning_target":"harbour","winners":{"17":60}}'
  t.equal(order.status, "new")
  s:advance(2)
  t.equal(order.status, "filled")
  t.equal(s.trader.said(), "pending_new>new, 4@2 pool, new>filled")
end)

t.test("some of our bets too late and some not: the venue's list says which", function()
  local s = play()
  local early, late = placed(s, "1"), placed(s, "3")
  s.resolved = { row({ bet_row("bet1", 1) }, ',"winning_target":"none","total_winnings":0') }
  s:hear('{"res":362,"pool_id":"6b0e","winning_target":"none","losers":{"17":1},'
    .. '"invalidated_bettors":[17]}')
  t.equal(early.status, "new")
  s:advance(2)
  t.equal(early.status, "filled")
  t.equal(late.status .. " " .. late.reason, "canceled invalidated")
end)

t.test("a pool that was decided while we were away is looked up", function()
  local s = play()
  local order = placed(s, "4")
  s.resolved = { row({ bet_row("bet1", 4) }, ',"winning_target":"harbour","total_winnings":6') }
  s:close(s:private())
  s:advance(3)
  t.equal(order.status, "filled")
  t.equal(tostring(order.avg_price), "2.5")
end)

t.test("a decided pool that nobody won gives the stakes back, also when looked up", function()
  local s = play()
  local order = placed(s, "4")
  s.resolved = { row({ bet_row("bet1", 4) }, ',"winning_target":"nobody"') }
  s:close(s:private())
  s:advance(3)
  t.equal(order.status .. " " .. order.reason, "canceled money_return")
end)

t.test("a bet in a game that is over is looked up there", function()
  local s = play { ops = { [390] = function(m, s)
    return ('{"res":355,"pools_list":[%s]}'):format(m.game_id == "old" and s.old or "")
  end } }
  local order = placed(s, "4")
  s.old = row({ bet_row("bet1", 4) }, ',"winning_target":"none","total_winnings":0')
  s:close(s:private())
  s:advance(3)
  t.equal(order.status, "filled")
  t.equal(tostring(order.avg_price), "0")
end)

-- A bet whose pool is decided in a game that the source's list leaves out by now.
local function decided_elsewhere(game_id, history)
  local s = play { ops = { [390] = function(m, s)
    return ('{"res":355,"pools_list":[%s]}'):format(m.game_id == game_id and s.old or "")
  end }, answers = { ["/i/r/games/history/17"] = history } }
  local order = placed(s, "4")
  s.old = row({ bet_row("bet1", 4) }, ',"winning_target":"none","total_winnings":0')
  s.ops[380] = '{"res":345,"games":[]}'
  s:close(s:private())
  s:advance(3)
  return s, order
end

t.test("a game that ended while we were away and is listed no more is asked for its pools",
       function()
  local s, order = decided_elsewhere "G"
  t.equal(order.status, "filled")
  t.equal(#s:asked "/i/r/games/history/17", 0)
end)

t.test("what is in no game that we know is looked for in the history of our games", function()
  local _, order = decided_elsewhere("gone", '{"game_history":[{"id":"gone","name":"Over"}]}')
  t.equal(order.status, "filled")
end)

t.test("without a history a bet that is nowhere stays as it is, and that is told", function()
  for _, history in ipairs { { 500, '{"msg":"no"}' }, { 404, "" }, "{}" } do
    local s, order = decided_elsewhere("gone", history)
    t.equal(order.status, "new")
    t.ok(#s:logged "was seen alive and the venue does not find it" > 0)
    t.equal(#s:logged "games that are over: history: " > 0, history ~= "{}")
  end
end)

t.test("bets that were placed elsewhere show as external, and end like ours", function()
  local running = row { bet_row("web", 4) }
  local s = play { ops = { [389] = ('{"res":354,"pools_list":[%s]}'):format(running) } }
  local order = s.desk.orders:find("idx", nil, "web")
  t.ok(order.external)
  t.equal(order.status .. " " .. order.symbol, "new " .. SYMBOL)
  s:hear(frames.resolved)
  t.equal(order.status, "filled")
end)

t.test("a bet that runs is working, whatever is asked", function()
  local s = play()
  local order = placed(s, "4")
  s.running = { row { bet_row("bet1", 4) } }
  s:advance(61)
  t.equal(order.status, "new")
  t.equal(#s:asked_for(390), 0)
end)

t.test("balances are free and at stake", function()
  local s = play { available = "97.5" }
  local got
  s:run(s.session, "in_task", "b", function(session) got = session:query_balances() end)
  s:settle()
  t.equal(tostring(got.DON.free), "97.5")
  t.equal(tostring(got.DON.held), "2.5")
end)

-- Settling, alone ---------------------------------------------------------------------------------

local function bet(id, target, stake) return { bet_id = id, target = target, stake = D(stake) } end

t.test("shares are of two decimals, and together what was won", function()
  local bets = { bet("a", "x", "1"), bet("b", "x", "1"), bet("c", "x", "1") }
  local reports = settle.reports(bets, { winner = "x", won = D "1" }, D "1.3333")
  local back = D "0"
  for i, expected in ipairs { "1.33", "1.33", "1.34" } do
    t.equal(tostring(reports[i].last_price), expected)
    back = back + reports[i].last_price * reports[i].last_qty
  end
  t.equal(tostring(back), "4")
end)

t.test("a player of a team wins for the team, and a team not for its player", function()
  t.ok(settle.wins("harbour", "harbour:9"))
  t.ok(not settle.wins("harbour:9", "harbour"))
  t.ok(not settle.wins("harbour", "harbours"))
  t.ok(not settle.wins("none", "harbour"))
end)

t.test("a winner whose sum is not told, or is another's, is left open", function()
  local bets = { bet("a", "x", "1"), bet("b", "y", "1") }
  local reports = settle.reports(bets, { winner = "x" })
  t.equal(reports[1], false)
  t.equal(tostring(reports[2].last_price), "0")
  for _, multiplier in ipairs { D "2", false } do
    reports = settle.reports(bets, { winner = "x", won = D "5" }, multiplier or nil)
    t.equal(reports[1], false)
  end
end)

-- Configuration -----------------------------------------------------------------------------------

local function load(text)
  local handle = newproxy()
  local function secret() return handle end
  return config.load("moonwire.lua", { env = secret, file = secret }, function()
    return instamrkt
  end, "return { venues = { im = { protocol = 'instamrkt', environment = 'production', " .. text
    .. " } } }")
end

t.test("a configuration has a login or a key, and a source", function()
  local c = assert(load "source_id = 'S', login = 'mara', password = env 'P'")
  t.equal(c.venues.im.rest_url, "https://instamrkt.com/i")
  t.equal(c.venues.im.private_url, "wss://instamrkt.com:9999")
  t.ok(load "source_id = 'S', user_id = '17', session_key = env 'K'")
  local function wrong(text) return select(2, load(text)) or "" end
  t.ok(wrong("source_id = 'S', user_id = '17', session_key = env 'K', environment = 'demo'")
         :find "private_url: missing: environment \"demo\" has no address")
  t.ok(wrong("login = 'm', password = env 'P'"):find "source_id: missing")
  t.ok(wrong("source_id = 'S', login = 'm'"):find "password: missing: login goes with it")
  t.ok(wrong("source_id = 'S', user_id = '17'"):find "session_key: missing")
  t.ok(wrong("source_id = 'S', user_id = 17, session_key = env 'K'")
         :find "user_id: expected a text")
  t.ok(wrong("source_id = 'S', login = 'm', password = env 'P', session_key = env 'K'")
         :find "give one or the other")
  t.ok(wrong("source_id = 'S', login = 'm', password = env 'P', key = env 'K'")
         :find "key: unknown key")
end)

t.test("the example is a configuration", function()
  local handle = newproxy()
  local function secret() return handle end
  local loaded, err = config.load("examples/instamrkt.lua", { env = secret, file = secret },
                                  function() return instamrkt end)
  t.ok(loaded, err)
  t.equal(loaded.venues.im.login, "mara")
end)

T.done()
