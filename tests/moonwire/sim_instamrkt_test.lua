-- The simulated Instamrkt, call by call: what the venue page's last section owes.

local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local json = require "moonwire.json"
local t = require "tests.tap"

local new, KEY = fixture.new, fixture.KEY

local function read_file(name)
  local file = assert(io.open("tests/vectors/instamrkt/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end
local digests = assert(json.decode(read_file "digests.json"))

local function checked(sim)
  local result = sim:control "check"
  t.ok(result.ok, result.problem)
end

-- Signing in --------------------------------------------------------------------------------------

t.test("the venue's test vector connects, and its nonce is used up", function()
  local sim = new()
  local query = digests.url:match "%?(.*)$"
  local id = sim:open(query)
  t.equal(sim.refused[id], nil)
  t.equal(sim:ask(id, 100).res, 100)
  id = sim:open(query)
  t.equal(sim.refused[id].status, 403)
end)

t.test("a digest that is joined otherwise, of another key or of nobody is refused", function()
  local sim = new()
  for _, query in ipairs { "id=17&n=1&h=" .. fixture.sha256("17:1:" .. KEY),
                           sim:query("17", "other"), sim:query("99", KEY), "", "id=17&n=1" } do
    t.equal(sim.refused[sim:open(query)].status, 403)
  end
end)

t.test("a bad digest is refused in three ways", function()
  local sim = new { settings = { "refuse=110" } }
  local id = sim:open(sim:query("17", "wrong"))
  t.equal(sim:ask(id, 100).res, 110)
  t.equal(sim:ask(id, 380).res, 666)
  sim = new { settings = { "refuse=close" } }
  id = sim:open(sim:query("17", "wrong"))
  t.equal(sim.closed[id].code, 1008)
end)

t.test("before the log-on only ping, codes and logon are answered", function()
  local sim = new()
  local id = sim:open(sim:query("17", KEY))
  t.equal(sim:ask(id, 380, { source_id = sim.venue.source_id }).text, "not logged on")
  t.equal(sim:ask(id, 1).res, 1)
  t.equal(sim:ask(id, 2).res, 2)
  local answer = sim:ask(id, 100)
  t.equal(answer.res, 100)
  t.equal(answer.session_key, "4")
  t.equal(sim:ask(id, 100).res, 112)
end)

t.test("who comes back within a quarter of an hour is logged on already", function()
  local sim = new()
  local id = sim:joined()
  sim.gateway:closed(id, sim.now)
  sim:pass(14 * 60000)
  id = sim:open(sim:query("17", KEY))
  t.equal(sim:ask(id, 810).res, 810)
  t.equal(sim:ask(id, 100).res, 112)
  sim.gateway:closed(id, sim.now)
  sim:pass(16 * 60000)
  id = sim:open(sim:query("17", KEY))
  t.equal(sim:ask(id, 810).res, 666)
end)

t.test("a session key lives for a day, and a login ends the one before", function()
  local sim = new { settings = { "key_life=10" } }
  local id = sim:joined()
  sim:pass(11000)
  t.equal(sim:ask(id, 1).res, 1)
  t.equal(sim.refused[sim:open(sim:query("17", KEY))].status, 403)
  local _, answer = sim:login("mara", "pw")
  local key = json.decode(answer.body).user_session_key
  t.equal(sim.refused[sim:open(sim:query("17", key))], nil)
  sim:control "login?member=mara"
  t.equal(sim.refused[sim:open(sim:query("17", key))].status, 403)
  sim:control "expire_key?member=nick"
  t.equal(sim.refused[sim:open(sim:query("18", "nick-key"))].status, 403)
end)

-- REST --------------------------------------------------------------------------------------------

t.test("a call without the anti-forgery token is refused", function()
  local sim = new()
  local body = '{"username":"mara","password":"pw"}'
  t.equal(sim:request("POST", "/r/login/", {}, body).status, 403)
  local headers = sim:token_headers()
  headers["X-XSRFToken"] = "other"
  t.equal(sim:request("POST", "/r/login/", headers, body).status, 403)
  t.equal(sim:request("POST", "/r/login/", { Cookie = "_xsrf=made", ["X-XSRFToken"] = "made" },
                      body).status, 403)
end)

t.test("login tells id and key, and refuses with words", function()
  local sim = new()
  local headers, answer = sim:login("mara", "pw")
  local told = json.decode(answer.body)
  t.equal(told.username .. " " .. told.id, "mara 17")
  t.ok(headers.Cookie:find("user_session_key=" .. told.user_session_key, 1, true))
  answer = select(2, sim:login("mara", "wrong"))
  t.equal(answer.status, 401)
  t.ok(json.decode(answer.body).msg)
  t.equal(select(2, sim:login("nobody", "pw")).status, 401)
end)

t.test("signup makes a user of 100, logout ends the cookie", function()
  local sim = new()
  local headers = sim:token_headers()
  local body = '{"username":"zoe","email":"z@b.example","password":"q"}'
  local answer = sim:request("POST", "/r/signup/", headers, body)
  local told = json.decode(answer.body)
  t.equal(told.username, "zoe")
  t.equal(told.user_session_key, nil)
  t.equal(sim:request("POST", "/r/signup/", headers, body).status, 500)
  headers = sim:login("zoe", "q")
  local path = ("/i/r/sources/%s/games/active/%s/pools/open/%s/predictions/"):format(
    sim.venue.source_id, sim.game.id, sim.pool.id)
  local bet = '{"target_id":"harbour","amount":2.5}'
  t.equal(sim:request("POST", path, headers, bet).status, 200)
  sim:request("POST", "/r/logout/", headers)
  t.equal(sim:request("POST", path, headers, bet).status, 401)
end)

t.test("a bet over REST is told back, and refused with words", function()
  local sim = new()
  local headers = sim:login("mara", "pw")
  local path = ("/r/sources/%s/games/active/%s/pools/open/%s/predictions/"):format(
    sim.venue.source_id, sim.game.id, sim.pool.id)
  local answer = sim:request("PUT", path, headers, '{"target_id":"harbour","amount":4}')
  t.equal(answer.status, 200)
  local bet = json.decode(answer.body).bet_obj
  t.equal(bet.target_id .. " " .. bet.amount .. " " .. bet.user_id, "harbour 4 17")
  t.equal(bet.placed_at, math.floor(sim.now / 1000))
  t.ok(answer.body:find('"amount":4.0', 1, true), answer.body)
  answer = sim:request("POST", path, headers, '{"target_id":"harbour","amount":1000}')
  t.equal(answer.status, 500)
  t.equal(json.decode(answer.body).msg, "insufficient funds")
  t.equal(sim:request("POST", path, headers, "{").status, 500)
  checked(sim)
end)

t.test("lists show games and pools", function()
  local sim = new()
  local base = "/r/sources/" .. sim.venue.source_id .. "/games/"
  local function get(path) return json.decode(sim:request("GET", base .. path).body) end
  t.equal(get("active/").games_active[1].game_id, sim.game.id)
  t.equal(#get("upcoming/").upcoming_games, 0)
  local pools = "active/" .. sim.game.id .. "/pools/open/"
  t.equal(#get(pools .. "17").pools, 2)
  sim:bet(sim:joined(), "harbour", "1")
  t.equal(#get(pools .. "17").pools, 1)
  t.equal(#get(pools .. "18").pools, 2)
  t.equal(#get("upcoming/" .. sim.game.id .. "/pools/running/17").pools, 1)
  t.equal(sim:request("GET", "/r/nothing").status, 404)
end)

-- Codes -------------------------------------------------------------------------------------------

t.test("the numbers are those of the page, and the table tells them", function()
  local sim = new()
  local id = sim:joined()
  local told = sim:ask(id, 2)
  t.equal(told.opcodes.place_bet_in_betting_pool, 392)
  t.equal(told.opcodes.get_game_details, 372)
  t.equal(told.response_codes.bet_placed_in_betting_pool, 356)
  t.equal(told.response_codes.betting_pool_bets_distribution_update, 361)
  local operations = 0
  for _ in pairs(told.opcodes) do operations = operations + 1 end
  t.equal(operations, 47)
end)

t.test("remapped, the table leads to other numbers", function()
  local sim = new { settings = { "remap=on" } }
  local id = sim:open(sim:query("17", KEY))
  t.equal(sim:ask(id, 100).res, 100)
  local told = sim:ask(id, 2)
  local op = told.opcodes.join_game
  t.ok(op ~= 363)
  t.equal(sim:ask(id, op, { game_id = sim.game.id }).res, told.response_codes.game_joined)
  t.equal(sim:ask(id, 363, { game_id = sim.game.id }).text, "unknown op 363")
end)

t.test("what is wrong with a request is told as text", function()
  local sim = new()
  local id = sim:joined()
  local function text(op, fields) return sim:ask(id, op, fields).text end
  local pool = sim.pool.id
  t.equal(text(77), "unknown op 77")
  t.equal(text(363), "missing parameter game_id")
  t.equal(text(363, { game_id = "x" }), "unknown game")
  t.equal(text(393, { pool_id = "x" }), "unknown pool")
  t.equal(text(392, { pool_id = pool, target = "x", amount = "1" }), "unknown target")
  t.equal(text(392, { pool_id = pool, target = "none" }), "missing parameter amount")
  t.equal(text(392, { pool_id = pool, target = "none", amount = "0" }), "amount must be above 0")
  t.equal(text(392, { pool_id = pool, target = "none", amount = "x" }), "amount is not a number")
  t.equal(text(392, { pool_id = pool, target = "none", amount = "101" }), "insufficient funds")
  t.equal(text(375, { game_id = sim.game.id }), "admin rights are needed")
  sim:say(id, '{"op":1}')
  t.equal(sim:heard(id)[1].text, "missing header")
  sim:say(id, "[1")
  t.equal(sim:heard(id)[1].text, "malformed request")
  t.equal(#sim.venue.desk.members.mara.bets, 0)
end)

-- Bets and balances -------------------------------------------------------------------------------

t.test("a bet is answered as it was written, told to all and taken from what is free", function()
  local sim = new { settings = { "distribution=after" } }
  local mine, theirs = sim:joined(), sim:joined("18", "nick-key")
  sim:heard(mine)
  local answer, heard = sim:ask(mine, 392, { pool_id = sim.pool.id, target = "harbour",
                                             amount = "2.50" })
  t.equal(answer.res .. " " .. answer.amount, "356 2.50")
  t.equal(heard[2].res .. " " .. heard[3].res, "361 815")
  t.equal(heard[3].available_balance .. " " .. heard[3].current_balance, "97.5 100")
  t.equal(heard[2].new_bets[1].user_id, 17)
  t.ok(heard[2].new_bets[1].placed_at < 1e11, "placed_at is in seconds")
  t.equal(heard[2].distribution[1].bets, nil)
  t.equal(sim:codes(theirs), "361")
  t.equal(sim:ask(mine, 800).current_balance, 100)
  t.equal(sim:ask(mine, 810).available_balance, 97.5)
  t.equal(sim:ask(mine, 840).exposure, 2.5)
  checked(sim)
end)

t.test("the distribution comes before the answer or after it, as the seed will", function()
  local function order(settings, seed)
    local sim = new { settings = settings, seed = seed }
    local id = sim:joined()
    local seen = {}
    for i = 1, 8 do
      local _, heard = sim:ask(id, 392, { pool_id = sim.pool.id, target = "none", amount = "1" })
      seen[i] = heard[1].res
    end
    return table.concat(seen, " ")
  end
  t.equal(order { "distribution=before" }, ("361 "):rep(7) .. "361")
  t.equal(order { "distribution=after" }, ("356 "):rep(7) .. "356")
  local seeded = order(nil, 3)
  t.ok(seeded:find "356" and seeded:find "361", seeded)
  t.equal(order(nil, 3), seeded)
end)

t.test("lists have times as texts and None, and show whose bets are whose", function()
  local sim = new()
  local id = sim:joined()
  sim:bet(id, "harbour", "4")
  local game = { game_id = sim.game.id }
  local pool = sim:ask(id, 387, game).pools_list[1]
  t.equal(type(pool.start_at) .. " " .. pool.finish_at, "string None")
  t.equal(pool.distribution[1].bets[1].user_id, 17)
  t.equal(#sim:ask(id, 388, game).pools_list, 1)
  local running = sim:ask(id, 389, game).pools_list
  t.equal(#running, 1)
  t.equal(running[1].user_backed.harbour, 4)
  t.equal(running[1].name, "Who scores next?")
  t.equal(#sim:ask(id, 390, game).pools_list, 0)
  t.equal(sim:ask(id, 393, { pool_id = sim.pool.id }).distribution[1].bets[1].amount, 4)
  t.equal(sim:ask(id, 372, game).targets[1].targets[1].target_id, "harbour:7")
end)

t.test("every operation of the page is answered", function()
  local sim = new()
  local id, boss = sim:joined(), sim:joined("19", "boss-key")
  local game, source = sim.game.id, sim.venue.source_id
  for op, answer in pairs { [380] = 345, [3811] = 3461, [364] = 480, [450] = 450, [451] = 451,
                            [452] = 452, [453] = 453, [4516] = 4516, [454] = 454, [4505] = 4505,
                            [4517] = 4517, [460] = 460, [461] = 461, [610] = 620, [611] = 621 } do
    local heard = select(2, sim:ask(id, op, { source_id = source, game_id = game }))
    t.equal(heard[#heard].res == 334 and 480 or heard[#heard].res, answer)
  end
  sim:joined()
  t.equal(sim:ask(boss, 900, { text = "hi", targets = { game } }).res, 901)
  t.equal(sim:ask(boss, 370, { source_id = source, game_name = "New", actions = "goal",
                               targets = "a,b" }).res, 340)
  local pool = { game_id = game, description = "?", action_id = "card",
                 targets = { "harbour" }, pool_type = 3 }
  local heard = select(2, sim:ask(boss, 385, pool))
  t.equal(heard[1].res, 350)
  t.equal(heard[2].res, 352)
  t.equal(sim:ask(boss, 396, { pool_id = sim.pool.id }).res, 367)
  t.equal(sim:ask(boss, 397, { pool_id = sim.pool.id }).res, 368)
  t.equal(sim:ask(boss, 398, { pool_id = sim.pool.id }).res, 369)
  t.equal(sim:ask(boss, 3975, { game_id = game, action_id = "goal" }).res, 370)
  t.equal(sim:ask(boss, 3985, { game_id = game, action_id = "goal" }).res, 371)
  t.equal(sim:ask(boss, 395, { game_id = game, action_id = "goal",
                               target_id = "harbour:9" }).res, 366)
end)

-- Decisions ---------------------------------------------------------------------------------------

local function two(options)
  local sim = new(options)
  local mara, nick = sim:joined(), sim:joined("18", "nick-key")
  return sim, mara, nick
end

t.test("losers' stakes are shared among winners, as in the page's example", function()
  local sim, mara, nick = two()
  sim:bet(mara, "harbour", "4")
  sim:bet(nick, "none", "6")
  local row = sim:ask(mara, 393, { pool_id = sim.pool.id }).distribution
  t.equal(row[1].to_win_if_backed, 2.5)
  sim:heard(mara)
  sim:control "resolve?winner=none"
  local heard = sim:heard(mara)
  t.equal(heard[1].res .. " " .. heard[1].winning_target, "362 none")
  t.equal(heard[1].winners["18"] .. " " .. heard[1].losers["17"], "4 4")
  t.equal(heard[2].res .. " " .. heard[2].available_balance, "815 96")
  t.equal(sim:ask(nick, 810).available_balance, 104)
  local done = sim:ask(mara, 390, { game_id = sim.game.id }).pools_list[1]
  t.equal(done.winning_target .. " " .. done.total_winnings, "none 0")
  checked(sim)
end)

t.test("shares are cut to two decimals, and what is over goes to the largest winner", function()
  local sim, mara, nick = two()
  local boss = sim:joined("19", "boss-key")
  sim:bet(mara, "harbour", "1")
  sim:bet(nick, "harbour", "2")
  sim:bet(boss, "none", "1")
  sim:control "resolve?winner=harbour"
  local decided = sim:heard(nick)
  for _, message in ipairs(decided) do
    if message.res == 362 then
      t.equal(message.winners["17"], 0.33)
      t.equal(message.winners["18"], 0.67)
    end
  end
  checked(sim)
end)

t.test("where nobody backed the winner, and of a lone bettor, stakes come back", function()
  local sim, mara = two()
  sim:bet(mara, "harbour", "4")
  sim:heard(mara)
  sim:control "resolve?winner=hill"
  t.equal(sim:heard(mara)[1].is_money_return, true)
  t.equal(sim:ask(mara, 810).available_balance, 100)
  sim, mara = two()
  sim:bet(mara, "harbour", "4")
  sim:heard(mara)
  sim:control "resolve?winner=harbour"
  local told = sim:heard(mara)[1]
  t.equal(told.winners["17"], 0)
  t.equal(told.is_money_return, false)
  checked(sim)
end)

t.test("bets after the event do not count", function()
  local sim, mara, nick = two()
  sim:bet(mara, "harbour", "4")
  sim:bet(nick, "none", "6")
  sim:pass(5000)
  sim:bet(mara, "hill", "10")
  sim:heard(mara)
  sim:control "event?action=goal&target=hill:8&ago_ms=2000"
  local heard = sim:heard(mara)
  t.equal(heard[1].res, 366)
  t.equal(heard[1].current_count.hill, "1")
  t.equal(heard[2].invalidated_bettors[1], 17)
  t.equal(heard[2].is_money_return, true)
  t.equal(sim:ask(mara, 810).available_balance, 100)
  checked(sim)
end)

t.test("an event decides the pools of its action, on players and on their teams", function()
  local sim, mara = two()
  local first = sim.pool
  sim:heard(mara)
  sim:control "event?action=goal&target=harbour:9"
  t.equal(first.winner, "harbour")
  t.equal(sim:codes(mara), "366 362 352")
  local answer = sim:request("POST", "/sim/event?action=goal&target=harbour", {}, "")
  t.ok(answer.body:find("deepest level", 1, true), answer.body)
end)

t.test("a pool with an end expires, for none", function()
  local sim, mara = two()
  sim:control "open?type=2&action=card&targets=harbour,hill&seconds=30"
  sim:heard(mara)
  sim:pass(31000)
  local heard = sim:heard(mara)
  t.equal(heard[1].res .. " " .. heard[1].winning_target, "363 none")
  t.ok(heard[1].expired_at)
end)

t.test("a question that is asked again is another pool", function()
  local sim, mara = two()
  sim:heard(mara)
  sim:control "resolve?winner=none"
  t.equal(sim:codes(mara), "362 352")
  t.equal(#json.decode(sim:request("GET", "/sim/pools?open=1").body), 2)
end)

t.test("a blocked pool takes no bets until it is allowed again", function()
  local sim, mara = two()
  sim:heard(mara)
  sim:control "block?state=on"
  t.equal(sim:heard(mara)[1].res, 368)
  t.equal(sim:bet(mara, "harbour", "1").text, "betting in this pool is blocked")
  sim:control "block?state=off"
  t.ok(sim:bet(mara, "harbour", "1").res ~= 666)
end)

t.test("a game ends in two steps", function()
  local sim, mara = two()
  local boss = sim:joined("19", "boss-key")
  sim:ask(boss, 385, { game_id = sim.game.id, description = "?", action_id = "card",
                       targets = { "harbour" }, pool_type = 3 })
  sim:heard(mara)
  sim:ask(boss, 375, { game_id = sim.game.id })
  t.equal(sim:codes(mara), "362 362 368")
  sim:ask(boss, 395, { game_id = sim.game.id, action_id = "card", target_id = "harbour:7" })
  sim:heard(mara)
  sim:ask(boss, 375, { game_id = sim.game.id })
  t.equal(sim:codes(mara), "341")
end)

-- Others and the crowd ----------------------------------------------------------------------------

t.test("players see each other come and go", function()
  local sim, mara = two()
  local boss = sim:joined("19", "boss-key")
  local seen = sim:heard(mara)
  t.equal(seen[#seen].res .. " " .. seen[#seen].user_name, "470 boss")
  sim:ask(boss, 364, { game_id = sim.game.id })
  t.equal(sim:heard(mara)[1].res, 480)
end)

t.test("the crowd plays, the same for the same seed", function()
  local function play(seed)
    local sim = new { market = true, seed = seed }
    local id = sim:joined()
    sim:pass(20000)
    checked(sim)
    return table.concat(sim.frames[id], "\n")
  end
  local first = play(5)
  t.ok(first:find('"res":361', 1, true) and first:find('"res":362', 1, true), "nothing happened")
  t.ok(play(5) == first, "the same seed, and another run")
  t.ok(play(6) ~= first, "another seed, and the same run")
end)

t.test("with a clock that stands the same calls give the same bytes", function()
  local function run()
    local sim = new { settings = { "frozen=1763683200000" } }
    local id = sim:joined()
    sim:bet(id, "harbour", "4")
    sim.now = sim.now + 12345
    sim:control "resolve?winner=none"
    return table.concat(sim.frames[id], "\n")
  end
  t.equal(run(), run())
end)

-- Faults ------------------------------------------------------------------------------------------

t.test("an answer can be swallowed after the bet was taken, or the line be cut", function()
  local sim = new { fault = "swallow:bet:1" }
  local id = sim:joined()
  t.ok(sim:bet(id, "harbour", "1").res ~= 356)
  t.equal(#sim.venue.desk.members.mara.bets, 1)
  sim = new { fault = "cut:bet" }
  id = sim:joined()
  sim:bet(id, "harbour", "1")
  t.equal(sim.dropped[id], "drop")
  t.equal(#sim.venue.desk.members.mara.bets, 1)
end)

t.test("an answer can be late behind another's", function()
  local sim = new { fault = "delay:bet:300ms", settings = { "distribution=after" } }
  local id = sim:joined()
  sim:bet(id, "harbour", "1")
  t.equal(sim:ask(id, 1).res, 1)
  sim:pass(400)
  t.equal(sim:heard(id)[1].res, 356)
end)

t.test("a decision can be told twice, pings go unanswered, words come out of nowhere", function()
  local sim = new { fault = "duplicate:resolved,swallow:ping" }
  local id = sim:joined()
  t.equal(sim:ask(id, 1), nil)
  sim:control "resolve?winner=none"
  t.equal(sim:codes(id), "362 362 352")
  sim:control "push?text=%7B%22res%22%3A666%2C%22text%22%3A%22x%22%7D"
  t.equal(sim:heard(id)[1].text, "x")
end)

t.test("controls that are wrong say what they want", function()
  local sim = new()
  for _, command in ipairs { "bet?target=harbour", "bet?target=x&amount=1", "resolve?winner=x",
                             "resolve?pool=x", "event?action=x", "block", "close_game?game=x",
                             "clock", "market?on=2", "expire_key?member=x", "open?action=x",
                             "login?member=x", "deposit?amount=x" } do
    t.equal(sim:request("POST", "/sim/" .. command, {}, "").status, 400, command)
  end
  t.ok(sim:control "deposit?amount=5".ok)
  t.ok(sim:control "bet?member=nick&target=none&amount=1".bet_id)
  t.equal(#sim:control "orders?member=nick", 1)
  checked(sim)
end)

t.done()
