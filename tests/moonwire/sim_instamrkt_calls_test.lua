-- The simulated Instamrkt's calls, each with the answer that its document shows.

local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local t = require "tests.tap"

local new, KEY = fixture.new, fixture.KEY

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

t.test("the requests that the general page prints get the answers that it prints", function()
  local sim = new()
  local id = sim:open(sim:query("17", KEY))
  local function answer_to(text)
    sim:say(id, text)
    local message = sim:heard(id)[1]
    t.equal(message.response_header.t, sim.now)
    return message
  end
  t.equal(answer_to '{"header":{},"op":1}'.res, 1)
  local codes = answer_to '{"header":{},"op":2}'
  t.equal(codes.res .. " " .. codes.opcodes.logon .. " " .. codes.response_codes.logon_success,
          "2 100 100")
  t.equal(codes.opcodes.get_opcodes .. " " .. codes.response_codes.opcodes, "2 2")
  local first = answer_to '{"header":{},"op":100}'
  t.equal(first.res .. first.session_key, "1004")
  local header = '{"session_key":"","t":1422006034742,"api_version":1.0}'
  t.equal(answer_to('{"header":' .. header .. ',"op":100}').res, 112)
  sim = new { settings = { "refuse=110" } }
  id = sim:open(sim:query("17", "wrong"))
  t.equal(answer_to '{"header":{},"op":100}'.res, 110)
  t.equal(answer_to '{"op":1}'.text, "missing header")
end)

-- Every call --------------------------------------------------------------------------------------

-- op, who asks, what with, the answer's number, its members besides res and response_header.
-- Who: mara, or boss, who is an admin of the source and of the game.
local calls = {
  { 1, "mara", {}, 1, "" },
  { 2, "mara", {}, 2, "opcodes response_codes" },
  { 100, "mara", {}, 112, "" },
  { 363, "mara", { "game_id" }, 333, "game_id" },
  { 372, "mara", { "game_id" }, 342, "actions close_at currency game_id game_state hashtag"
    .. " image_url live_finish_at live_start_at name open_at past_events status targets type" },
  { 380, "mara", { "source_id" }, 345, "games source_id" },
  { 3811, "mara", { "source_id" }, 3461, "games source_id" },
  { 387, "mara", { "game_id" }, 3535, "game_id pools_list" },
  { 388, "mara", { "game_id" }, 353, "game_id pools_list" },
  { 389, "mara", { "game_id" }, 354, "game_id pools_list" },
  { 390, "mara", { "game_id" }, 355, "game_id pools_list" },
  { 392, "mara", { "pool_id", target = "harbour", amount = "2" }, 356, "amount bet_id pool_id" },
  { 393, "mara", { "pool_id" }, 360, "distribution pool_id target_level" },
  { 450, "mara", {}, 450, "currency game_type leaderboard" },
  { 451, "mara", { "game_id" }, 451, "currency game_id leaderboard" },
  { 452, "mara", {}, 452, "currency game_type leaderboard" },
  { 453, "mara", { "game_id" }, 453, "currency game_id leaderboard" },
  { 454, "mara", { "source_id" }, 454, "currency leaderboard source_id" },
  { 4516, "mara", { "source_id" }, 4516, "currency leaderboard source_id" },
  { 4505, "mara", {}, 4505, "break_after_rank currency game_type leaderboard" },
  { 4505, "mara", { "game_id" }, 4515, "break_after_rank currency game_id leaderboard" },
  { 4517, "mara", { "source_id" }, 4517, "break_after_rank currency leaderboard source_id" },
  { 460, "mara", { "pool_id" }, 460, "pool_id predictions" },
  { 461, "mara", { "game_id" }, 461, "game_id predictions" },
  { 610, "boss", {}, 620, "games" },
  { 611, "boss", {}, 621, "sources" },
  { 616, "boss", { "game_id" }, 640, "game_id" },
  { 616, "mara", { "game_id" }, 645, "game_id reason" },
  { 617, "boss", { "game_id", username = "nick" }, 617, "game_id username" },
  { 800, "mara", {}, 800, "currency current_balance" },
  { 810, "mara", {}, 810, "available_balance currency" },
  { 840, "mara", {}, 840, "currency exposure" },
  { 900, "mara", { text = "hi" }, 901, "channel received_at sender text" },
  { 365, "boss", { source_name = "mine", description = "?" }, 335, "source_id" },
  { 370, "boss", { "source_id", game_name = "A v. B", actions = "Goal", targets = "A,B,A:1" }, 340,
    "actions close_at game_id game_name hashtag live_finish_at live_start_at open_at source_id"
    .. " targets type" },
  { 3701, "boss", { "source_id", game_name = "A v. B" }, 3401, "close_at game_id game_name hashtag"
    .. " live_finish_at live_start_at open_at source_id type" },
  { 3702, "boss", { "upcoming", actions = { "Goal" }, targets = { "A", "B" } }, 3402,
    "actions close_at game_id game_name hashtag live_finish_at live_start_at open_at source_id"
    .. " targets type" },
  { 373, "boss", { "game_id", targets = "harbour:10" }, 343, "game_id" },
  { 385, "boss", { "game_id", description = "?", action_id = "card", targets = { "harbour" },
                   pool_type = 3 }, 350, "pool_id" },
  { 396, "boss", { "pool_id" }, 367, "hot_since pool_id" },
  { 3961, "boss", { "game_id", action_id = "goal", target_id = "hill" }, 367, "hot_since pool_id" },
  { 397, "boss", { "pool_id" }, 368, "blocked_at pool_id" },
  { 398, "boss", { "pool_id" }, 369, "allowed_at pool_id" },
  { 3975, "boss", { "game_id", action_id = "goal" }, 370, "action_id blocked_at game_id" },
  { 3985, "boss", { "game_id", action_id = "goal" }, 371, "action_id allowed_at game_id" },
  { 395, "boss", { "game_id", action_id = "goal", target_id = "harbour:9" }, 366,
    "action_id current_count game_id happened_at target_display_name target_id" },
  { 364, "mara", { "game_id" }, 334, "game_id" },
  { 375, "boss", { "game_id" }, 341, "game_id" },
  { 366, "boss", { "source_id" }, 336, "source_id" },
}

local function members_of(message)
  local names = {}
  for name in pairs(message) do
    if name ~= "res" and name ~= "response_header" then names[#names + 1] = name end
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- Asks as a call of the table says; its answer among what is heard.
local function call(sim, ids, row)
  local fields = {}
  for name, value in pairs(row[3]) do fields[name] = value end
  for _, name in ipairs(row[3]) do
    fields[name] = ({ game_id = sim.game.id, pool_id = sim.pool.id,
                      source_id = sim.venue.source_id })[name]
    if name == "upcoming" then
      fields.game_id = sim:ask(ids.boss, 3701, { source_id = sim.venue.source_id,
                                                 game_name = "A v. B" }).game_id
    end
  end
  for i = 1, #row[3] do fields[i] = nil end
  local _, heard = sim:ask(ids[row[2]], row[1], fields)
  for _, message in ipairs(heard) do
    if message.res == row[4] then return message end
  end
  return heard[1] or {}
end

t.test("every operation is answered as its document shows", function()
  for _, row in ipairs(calls) do
    local sim = new()
    local answer = call(sim, { mara = sim:joined(), boss = sim:boss() }, row)
    local what = "op " .. row[1] .. ": "
    t.equal(what .. tostring(answer.res) .. " " .. tostring(answer.text or ""),
            what .. row[4] .. " " .. (row[1] == 900 and "hi" or ""))
    t.equal(what .. members_of(answer), what .. row[5])
    t.equal(answer.response_header.t, sim.now)
  end
end)

t.test("no operation that the venue tells of is left out", function()
  local sim = new()
  local covered = {}
  for _, row in ipairs(calls) do covered[row[1]] = true end
  for name, op in pairs(sim:ask(sim:joined(), 2).opcodes) do
    t.ok(covered[op], name .. " has no row")
  end
end)

-- Sources, games and their admins -----------------------------------------------------------------

local function codes_of(heard)
  local codes = {}
  for i, message in ipairs(heard) do codes[i] = message.res end
  return table.concat(codes, " ")
end

t.test("a source is opened, listed and closed with its games", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local source = sim:ask(boss, 365, { source_name = "mine", description = "Ours." }).source_id
  local game = sim:ask(boss, 370, { source_id = source, game_name = "A v. B", actions = "goal",
                                    targets = "a,b" }).game_id
  t.equal(#sim:ask(boss, 611).sources, 2)
  t.equal(#sim:ask(mara, 611).sources, 0)
  t.equal(sim:ask(mara, 380, { source_id = source }).games[1].game_id, game)
  sim:ask(mara, 363, { game_id = game })
  t.equal(sim:ask(mara, 366, { source_id = source }).text, "admin rights are needed")
  sim:heard(mara)
  t.equal(sim:ask(boss, 366, { source_id = source }).res, 336)
  t.equal(sim:codes(mara), "341")
  t.equal(sim:ask(mara, 380, { source_id = source }).text, "unknown source")
  t.equal(sim:ask(boss, 370, { source_id = source, game_name = "C" }).text, "unknown source")
  t.equal(sim:ask(mara, 363, { game_id = game }).text, "the game is closed")
  t.equal(sim:ask(boss, 365, {}).text, "missing parameter source_name")
  t.equal(sim:ask(boss, 365, { source_name = "x", description = ("x"):rep(513) }).text,
          "description is too long")
end)

t.test("an upcoming game is listed as such until it is opened", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local source = { source_id = sim.venue.source_id }
  sim:heard(mara)
  local made = sim:ask(boss, 3701, { source_id = source.source_id, game_name = "A v. B",
                                     currency = "EUR" })
  t.equal(sim:codes(mara), "3401")
  t.equal(#sim:ask(mara, 380, source).games, 1)
  local row = sim:ask(mara, 3811, source).games[1]
  t.equal(row.id .. row.game_name .. row.currency .. row.hashtag, made.game_id .. "A v. BEUR#AvB")
  local rest = sim:request("GET", ("/r/sources/%s/games/upcoming/"):format(source.source_id))
  t.ok(rest.body:find(made.game_id, 1, true), rest.body)
  t.equal(sim:ask(mara, 372, { game_id = made.game_id }).status, "betting_not_yet_active")
  local pool = { game_id = made.game_id, action_id = "goal", targets = { "a" }, pool_type = 1 }
  sim:ask(boss, 616, { game_id = made.game_id })
  t.equal(sim:ask(boss, 385, pool).text, "the game is not open yet")
  sim:heard(mara)
  local opened = sim:ask(boss, 3702, { game_id = made.game_id, actions = { "Goal" },
                                       targets = { "A:1", "B" } })
  t.equal(opened.res, 3402)
  t.equal(sim:codes(mara), "3402")
  t.equal(opened.targets[1].display_name .. opened.targets[1].targets[1].target_id, "Aa:1")
  t.equal(opened.targets[3].target_id, "none")
  t.equal(#sim:ask(mara, 380, source).games, 2)
  t.equal(#sim:ask(mara, 3811, source).games, 0)
  t.equal(sim:ask(boss, 385, pool).res, 350)
  t.equal(sim:ask(boss, 3702, { game_id = made.game_id }).text, "the game is open already")
end)

t.test("a game goes by its times: not yet, before the game, in it, over", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local game = sim:ask(boss, 370, {
    source_id = sim.venue.source_id, game_name = "A v. B", actions = "goal", targets = "a,b",
    open_at = sim.now + 10000, live_start_at = sim.now + 20000, close_at = sim.now + 30000,
  }).game_id
  sim:ask(boss, 616, { game_id = game })
  local function status() return sim:ask(mara, 372, { game_id = game }).status end
  t.equal(status(), "betting_not_yet_active")
  sim:pass(10000)
  t.equal(status(), "pre_game_betting_active")
  local pool = sim:ask(boss, 385, { game_id = game, action_id = "goal", targets = "a",
                                    pool_type = 1 }).pool_id
  t.equal(sim:ask(mara, 388, { game_id = game }).pools_list[1].pool_id, pool)
  sim:pass(10000)
  t.equal(status(), "game_in_progress_betting_active")
  sim:ask(mara, 363, { game_id = game })
  sim:heard(mara)
  sim:pass(10000)
  t.equal(sim:codes(mara), "362 341")
  t.equal(status(), "game_closed")
end)

t.test("new targets and actions of a game are told to all who are in it", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  sim:heard(mara)
  local _, heard = sim:ask(boss, 373, { game_id = sim.game.id, actions = { "Throw-in" },
                                        targets = { "Hill:11", "harbour" },
                                        image_url = "http://x" })
  t.equal(codes_of(heard), "343 342")
  local details = sim:heard(mara)[1]
  t.equal(details.res .. details.image_url, "342http://x")
  t.equal(details.targets[2].targets[2].target_id, "hill:11")
  t.equal(details.actions[#details.actions].action_id, "throw-in")
  t.equal(#details.targets, 3)
  t.equal(sim:ask(mara, 373, { game_id = sim.game.id }).text, "admin rights are needed")
end)

t.test("a game's admins are those who asked for it or were appointed", function()
  local sim = new()
  local mara, nick = sim:joined(), sim:joined("18", "nick-key")
  local boss = sim:joined("19", "boss-key")
  local event = { game_id = sim.game.id, action_id = "goal", target_id = "hill:8" }
  t.equal(sim:ask(boss, 395, event).text, "admin rights are needed")
  t.equal(sim:ask(mara, 616, { game_id = sim.game.id }).reason, "You have no privileges.")
  t.equal(sim:ask(boss, 616, { game_id = sim.game.id }).res, 640)
  t.equal(sim:ask(boss, 610).games[1].name, "Harbour v. Hill")
  t.equal(sim:ask(boss, 395, event).res, 366)
  sim:heard(nick)
  t.equal(sim:ask(mara, 617, { game_id = sim.game.id, username = "nick" }).text,
          "admin rights are needed")
  t.equal(sim:ask(boss, 617, { game_id = sim.game.id, username = "zoe" }).text, "unknown user")
  sim:ask(boss, 617, { game_id = sim.game.id, username = "nick" })
  local heard = sim:heard(nick)
  t.equal(heard[#heard].res .. heard[#heard].game_id, "640" .. sim.game.id)
  t.equal(sim:ask(nick, 395, event).res, 366)
  t.equal(sim:ask(nick, 370, { source_id = sim.venue.source_id, game_name = "x" }).text,
          "admin rights are needed")
end)

-- Pools -------------------------------------------------------------------------------------------

t.test("pools of an action and a target are hot, one message each", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local second = sim:ask(boss, 385, { game_id = sim.game.id, action_id = "goal", pool_type = 1,
                                      targets = { "hill" }, description = "?" }).pool_id
  sim:heard(mara)
  local hill = { game_id = sim.game.id, action_id = "goal", target_id = "hill" }
  local _, heard = sim:ask(boss, 3961, hill)
  t.equal(heard[1].res .. heard[1].pool_id, "367" .. sim.pool.id)
  t.equal(heard[2].res .. heard[2].pool_id, "367" .. second)
  t.equal(#heard, 2)
  t.equal(sim:codes(mara), "367 367")
  t.equal(sim:ask(mara, 387, { game_id = sim.game.id }).pools_list[1].is_hot, true)
  hill.target_id = "harbour:9"
  t.equal(sim:ask(boss, 3961, hill).text, "no pool of that action and target")
end)

t.test("what is to be blocked, allowed or hot later is so at its time", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local pool = sim.pool.id
  local at = sim.now + 5000
  sim:heard(mara)
  t.equal(sim:ask(boss, 397, { pool_id = pool, block_at = at }).blocked_at, at)
  t.equal(sim:ask(boss, 398, { pool_id = pool, allow_at = at + 1000 }).allowed_at, at + 1000)
  t.equal(sim:ask(boss, 396, { pool_id = pool, likely_to_happen_at = at }).hot_since, at)
  t.equal(sim:codes(mara), "")
  t.equal(sim:bet(mara, "harbour", "1").res == 666, false)
  sim:heard(mara)
  sim:pass(5000)
  t.equal(sim:codes(mara), "368 367")
  t.equal(sim:bet(mara, "harbour", "1").text, "betting in this pool is blocked")
  sim:pass(1000)
  t.equal(sim:codes(mara), "369")
end)

t.test("a pool that was decided meanwhile is neither blocked nor hot", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  local at = sim.now + 5000
  sim:ask(boss, 397, { pool_id = sim.pool.id, block_at = at })
  sim:ask(boss, 396, { pool_id = sim.pool.id, likely_to_happen_at = at })
  sim:control "resolve?winner=none"
  sim:heard(mara)
  sim:pass(5000)
  t.equal(sim:codes(mara), "")
end)

t.test("a game with pools for a person to decide is not closed, and no answer says so", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  sim:ask(boss, 385, { game_id = sim.game.id, description = "?", action_id = "card",
                       targets = { "harbour" }, pool_type = 3 })
  sim:heard(mara)
  local _, heard = sim:ask(boss, 375, { game_id = sim.game.id })
  t.equal(codes_of(heard), "362 362 368")
  t.equal(sim:codes(mara), "362 362 368")
end)

t.test("a pool that would be over at once is not opened", function()
  local sim = new()
  local pool = { game_id = sim.game.id, description = "?", action_id = "card", pool_type = 2,
                 targets = { "harbour" }, finish_at = sim.now, recreate_on_end = true }
  t.equal(sim:ask(sim:boss(), 385, pool).text, "finish_at is over")
end)

-- Words and ranks ---------------------------------------------------------------------------------

t.test("a message reaches those who are in its games", function()
  local sim = new()
  local mara, nick = sim:joined(), sim:open(sim:query("18", "nick-key"))
  sim:ask(nick, 100)
  local boss = sim:boss()
  sim:heard(boss)
  local told = sim:ask(mara, 900, { text = "hi", targets = sim.game.id })
  t.equal(told.sender .. told.channel .. told.received_at, "mara" .. sim.game.id .. sim.now)
  local heard = sim:heard(boss)[1]
  t.equal(heard.text .. heard.sender, "himara")
  t.equal(sim:codes(nick), "")
  t.equal(sim:ask(nick, 900, { text = "hi" }).text, "join a game first")
  t.equal(sim:ask(mara, 900, { text = "hi", targets = { "x" } }).text, "unknown game")
end)

t.test("leaderboards are in the order of points, in all or of what was won in a game", function()
  local sim = new()
  local mara = sim:joined()
  sim:bet(mara, "harbour", "4")
  sim:control "bet?member=nick&target=none&amount=6"
  sim:control "resolve?winner=none"
  local function shown(board)
    local rows = {}
    for i, row in ipairs(board) do rows[i] = row.rank .. row.username .. row.points end
    return table.concat(rows, " ")
  end
  t.equal(shown(sim:ask(mara, 450).leaderboard), "1nick104 2boss100 3mara96")
  t.equal(shown(sim:ask(mara, 450, { start = 1, ["end"] = 2 }).leaderboard), "2boss100")
  t.equal(shown(sim:ask(mara, 451, { game_id = sim.game.id }).leaderboard),
          "1nick4 2boss0 3mara-4")
  t.equal(shown(sim:ask(mara, 452).leaderboard), "1mara96")
  local tailored = sim:ask(mara, 4505, { top_count = 1, bottom_count = 0, surrounding_count = 0 })
  t.equal(shown(tailored.leaderboard), "1nick104 3mara96")
  t.equal(tailored.break_after_rank[1], 1)
end)

t.done()
