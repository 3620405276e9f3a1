-- Bets of Instamrkt without an answer, and what becomes of bets when their pool is decided.

local T = require "tests.moonwire.instamrkt_stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local json = require "moonwire.json"
local settle = require "moonwire.venues.instamrkt.settle"

local frames, play, row, SYMBOL = T.frames, T.play, T.row, T.SYMBOL
local D = decimal

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

t.test("what is told of another pool meanwhile is no answer about this one", function()
  local order, s = lost(function(s) s.ops[393] = false end)
  t.equal(#s:asked_for(393), 1)
  s:hear(('{"res":360,"pool_id":"other","distribution":%s}')
    :format(distribution { bet_row("x9", 2.5) }))
  t.equal(order.status, "unknown")
  s:hear(('{"res":360,"pool_id":"6b0e","distribution":%s}')
    :format(distribution { bet_row("x3", 2.5) }))
  t.equal(order.order_id, "x3")
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

t.test("what is at stake elsewhere is not learned while a bet is in doubt", function()
  local order, s = lost(function(s) s.exposure = "2.5" end)
  s.session.memory.elsewhere = nil                           -- as behind a restart
  s:close(s:private())
  s:advance(60)
  t.equal(order.status, "unknown")
  s.distribution = distribution { bet_row("x1", 2.5) }
  s:advance(30)
  t.equal(order.order_id, "x1")
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

T.done()
