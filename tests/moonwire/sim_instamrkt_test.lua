-- The simulated Instamrkt's doors: digests, session keys, REST; and what faults do to it.

local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local json = require "moonwire.json"
local files = require "tests.files"
local t = require "tests.tap"

local new, KEY, checked = fixture.new, fixture.KEY, fixture.checked

local digests = assert(json.decode(files.read "tests/vectors/instamrkt/digests.json"))


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

t.test("what a user won, and where that ranks", function()
  local sim = new()
  local mara = sim:joined()
  sim:bet(mara, "harbour", "4")
  sim:bet(mara, "none", "1")
  sim:control "bet?member=nick&target=none&amount=6"
  sim:control "resolve?winner=none"
  local function get(path)
    local answer = sim:request("GET", "/i/r/" .. path)
    return json.decode(answer.body), answer.status
  end
  local statistics = get("statistics/17").statistics
  t.equal(statistics.total_bets_won .. " " .. statistics.total_bets_lost, "1 1")
  t.equal(statistics.average_number_of_bets_per_game, 2)
  t.equal(next(get("friends/17").friends), nil)
  local function shown(path)
    local names = {}
    local told = get("leaderboard/" .. path)
    for i, row in ipairs(told.leaderboard) do names[i] = row.rank .. row.username end
    return table.concat(names, " ") .. (told.break_after_rank and #told.break_after_rank or "")
  end
  local game, source = sim.game.id, sim.venue.source_id
  t.equal(shown "global/", "1nick 2boss 3mara0")
  t.equal(shown "global/17?top_count=1&bottom_count=0&surrounding_count=0", "1nick 3mara1")
  t.equal(shown("global/game/" .. game .. "/"), "1nick 2boss 3mara0")
  t.equal(shown("global/source/" .. source .. "/18?top_count=0"), "1nick 2boss 3mara0")
  t.equal(shown "personal/17?start=2&end=2", "2boss")
  t.equal(shown("personal/game/" .. game .. "/17"), "1nick 2boss 3mara")
  t.equal(shown("personal/source/" .. source .. "/17?start=3"), "3mara")
  for _, path in ipairs { "statistics/99", "friends/99", "games/history/99",
                          "leaderboard/global/99", "leaderboard/global/game/x/17",
                          "leaderboard/personal/source/x/17" } do
    t.equal(select(2, get(path)), 500, path)
  end
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

t.test("a game that is over is in the history of who bet there, and not in the lists", function()
  local sim = new()
  local mara = sim:joined()
  local source = { source_id = sim.venue.source_id }
  local function history(id)
    return #json.decode(sim:request("GET", "/r/games/history/" .. id).body).game_history
  end
  sim:bet(mara, "harbour", "1")
  t.equal(history(17), 0)
  sim:control "close_game"
  t.equal(history(17) .. " " .. history(18), "1 0")
  t.equal(#sim:ask(mara, 380, source).games, 0)
  sim:control "set?set=closed_games%3Dlisted"
  t.equal(sim:ask(mara, 380, source).games[1].status, "game_closed")
end)

t.test("the venue can stall, and says all of it afterwards, in its order", function()
  local sim = new { fault = "delay:ws:3s:1", settings = { "distribution=after" } }
  local id = sim:open(sim:query("17", KEY))
  t.equal(sim:ask(id, 100), nil)
  t.equal(sim:ask(id, 1), nil)
  sim:pass(3000)
  t.equal(sim:codes(id), "100 1")
  t.equal(sim:ask(id, 1).res, 1)
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
