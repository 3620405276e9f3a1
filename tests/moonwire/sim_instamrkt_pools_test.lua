-- The simulated Instamrkt's pools: bets, what they come to, other players.

local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local json = require "moonwire.json"
local t = require "tests.tap"

local new = fixture.new
local checked, two = fixture.checked, fixture.two

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

-- Decisions ---------------------------------------------------------------------------------------

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
  local boss = sim:boss()
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

t.test("a pool that is decided, or takes no bets any more, refuses them in words", function()
  local sim = new()
  local mara, boss = sim:joined(), sim:boss()
  sim:control "resolve?winner=none"
  t.equal(sim:bet(mara, "harbour", "1").text, "the pool is closed")
  t.equal(sim:ask(mara, 393, { pool_id = sim.pool.id }).text, "the pool is closed")
  local pool = sim:ask(boss, 385, { game_id = sim.game.id, action_id = "goal", pool_type = 1,
                                    targets = "hill", stop_accepting_bets_at = sim.now + 1000 })
  sim:pass(1000)
  t.equal(sim:bet(mara, "hill", "1", { id = pool.pool_id }).text,
          "the pool accepts no bets any more")
  t.equal(sim:ask(mara, 810).available_balance, 100)
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
  local boss = sim:boss()
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
  local boss = sim:boss()
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

t.done()
