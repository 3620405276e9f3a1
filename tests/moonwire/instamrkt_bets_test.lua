-- Markets and books of Instamrkt, and bets over its WebSocket and over REST.

local T = require "tests.moonwire.instamrkt_stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local host = require "moonwire.host"

local frames, play, SYMBOL = T.frames, T.play, T.SYMBOL
local D = decimal

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
  local backing = tostring(book.pool.backing)
  s:hear(frames.distribution)
  t.equal(tostring(book.pool.total), "10", "a book does not change")
  t.equal(tostring(book.pool.backing), backing)
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
  s:run(s.desk, "stop", 0, "asked to")                       -- nor is it waited for
  t.equal(s.stopped, 0)
  t.equal(#s:logged "stays at the venue, which cannot cancel", 1)
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

T.done()
