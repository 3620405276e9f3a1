--- Instamrkt end to end: bets, in order and in disorder, with a session key over the WebSocket
--- alone and with a login.

local e2e = require "tests.e2e.lib"
local im = require "tests.e2e.instamrkt"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local new, with_login, run, BET, OTHERS = im.new, im.with_login, im.run, im.BET, im.OTHERS
local other_bets, bets, check_books, count = im.other_bets, im.bets, venue.check_books, venue.count

-- Life cycles -------------------------------------------------------------------------------------

for _, way in ipairs { { "a session key", new }, { "a login", with_login } } do
  local start = way[2]
  test("with " .. way[1] .. ": a bet that wins brings its share", function()
    local sim = start(OTHERS)
    other_bets(sim, "none", "6")
    local r = run(sim)
    r:wait_for "order pending_new>new"
    equal(bets(sim)[1].amount, "4")
    sim:control("event", { action = "goal", target = "harbour:9" })
    r:wait_for "fill 4@2.5 pool realized=6 held=0"
    r:wait_for "order new>filled"
    equal(r:stop(), 0, "exit status")
    equal(#sim:requests "bet", 1, "bets sent")
    check_books(sim)
  end)
end

test("a bet over REST goes where its answer belongs to it", function()
  local sim = with_login()
  local r = run(sim)
  r:wait_for "order pending_new>new"
  equal(sim:requests("bet")[1].method, "POST")
  equal(r:stop(), 0)
end)

test("a bet that loses is filled at nothing", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("resolve", { winner = "none" })
  r:wait_for "fill 4@0 pool realized=%-4 held=0"
  r:wait_for "order new>filled"
  equal(r:stop(), 0)
  check_books(sim)
end)

test("stakes come back where they came too late, or nobody backed the winner", function()
  local sim = new(OTHERS)
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("event", { action = "goal", target = "hill:8", ago_ms = 60000 })
  r:wait_for "order new>canceled reason=invalidated"
  equal(r:stop(), 0)
  sim = new(OTHERS)
  other_bets(sim, "none", "6")
  r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("resolve", { winner = "hill" })
  r:wait_for "order new>canceled reason=money_return"
  equal(r:stop(), 0)
  check_books(sim)
end)

test("what the venue would refuse, and what it cannot do, is refused before it is sent", function()
  local sim = new()
  local r = run(sim, [[
    function S:on_start()
      local symbol = self:symbol "harbour"
      self:bet("harbour", "100.01")
      self:bet("harbour", "0.001")
      self:bet("nobody", "1")
      print(select(2, self:sell { symbol = symbol, qty = "1" }))
      local order = self:bet("harbour", "1")
      self:after(0.3, "drop", order)
    end
    function S:drop(order) print("cancel: " .. select(2, self:cancel(order))) end
  ]])
  r:wait_for "refused a stake of 100.01 DON is above what is available: 100"
  r:wait_for "refused qty 0.001 is not a multiple of 0.01"
  r:wait_for "refused no market .-#nobody/DON"
  r:wait_for "instamrkt takes stakes %(buy%) and never gives them back"
  r:wait_for "cancel: venue idx cannot cancel"
  equal(r:stop(), 0)
  equal(#sim:requests "bet", 1)
end)

test("what the venue refuses is told in its words", function()
  local sim = with_login()
  local r = run(sim, [[
    function S:on_start() self:after(0.2, "go") end
    function S:go() self:bet("harbour", "1") end
  ]])
  r:wait_for "session up"
  sim:control("fault", { fault = "lose:push" })
  sim:control("block", { state = "on" })
  r:wait_for "order pending_new>rejected reason=betting in this pool is blocked"
  equal(r:stop(), 0)
end)

test("a book is what a pool stands at, with each bet of anybody", function()
  local sim = new(OTHERS)
  local r = run(sim, [[
    function S:on_start() assert(self:subscribe("book", self:symbol "harbour")) end
  ]])
  r:wait_for "book 1 of 0"
  other_bets(sim, "none", "6")
  other_bets(sim, "harbour", "4")
  r:wait_for "book 2.5 of 10"
  equal(r:stop(), 0)
end)

test("a question that is asked anew is another market, at once", function()
  local sim = new()
  local r = run(sim, [[
    function S:on_start() self.state.first = self.params.pool; self:every(0.1, "look") end
    function S:look()
      for symbol in pairs(mw.venue("idx"):markets()) do
        if symbol:find "#hill/" and not symbol:find(self.state.first, 1, true)
          and symbol ~= self.state.corner then
          if not self.state.corner then self.state.corner = symbol
          else print "another" end
        end
      end
    end
  ]])
  r:wait_for "session up"
  e2e.await("two pools", function() return #sim:control("pools", { open = 1 }) == 2 end)
  sim:control("resolve", { winner = "none" })
  r:wait_for "another"
  equal(r:stop(), 0)
end)

-- Disorder ----------------------------------------------------------------------------------------

test("a decision that is told twice counts once", function()
  local sim = new { "--fault", "duplicate:push:1.0", "--fault", "duplicate:resolved:1.0",
                    "--fault", "duplicate:balance:1.0", unpack(OTHERS) }
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("resolve", { winner = "harbour" })
  r:wait_for "order new>filled"
  equal(count(r:out(), "\nfill "), 1, "fills")
  equal(r:stop(), 0)
end)

test("the distribution before the answer, and frames that overtake, change nothing", function()
  local sim = new { "--set", "distribution=before", "--fault", "reorder:balance:0.5",
                    unpack(OTHERS) }
  local r = run(sim, [[
    function S:on_start()
      for i = 1, 5 do self:bet("harbour", tostring(i)) end
    end
  ]])
  e2e.await("five bets", function() return count(r:out(), "pending_new>new") == 5 end)
  equal(#bets(sim), 5)
  equal(r:stop(), 0)
  check_books(sim)
end)

test("junk between the frames is told and passed over", function()
  local sim = new { "--fault", "junk:push", "--fault", "junk:reply:every=3", unpack(OTHERS) }
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for("order pending_new>new", 30)
  r:wait_for "message not understood"
  sim:control("push", { text = '{"res":999}' })
  sim:control("push", { text = '{"res":666,"text":"who, me?"}' })
  r:wait_for "answer error that nobody asked for: who, me%?"
  sim:control("resolve", { winner = "harbour" })
  r:wait_for "order new>filled"
  equal(r:stop(), 0)
end)

test("other numbers than the documents' are learned", function()
  local sim = new { "--set", "remap=on", unpack(OTHERS) }
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("resolve", { winner = "harbour" })
  r:wait_for "fill 4@2.5 pool"
  equal(r:stop(), 0)
end)

test("a decision that nobody tells is found by asking", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local r = run(sim, BET, { venue = "reconcile_every = 2," })
  r:wait_for "order pending_new>new"
  for _, subject in ipairs { "push", "resolved", "balance" } do
    sim:control("fault", { fault = "lose:" .. subject })
  end
  sim:control("resolve", { winner = "harbour" })
  r:wait_for("fill 4@2.5 pool realized=6.*order new>filled", 20)
  equal(r:out():find "session idx down", nil)
  equal(r:stop(), 0)
end)

-- Doubt -------------------------------------------------------------------------------------------

for _, way in ipairs { { "the WebSocket", new }, { "REST", with_login } } do
  local start = way[2]
  test("an answer over " .. way[1] .. " is swallowed: the bet is found, and sent once", function()
    local sim = start { "--fault", "swallow:bet:1" }
    local r = run(sim, BET, { venue = "request_timeout = 3," })
    r:wait_for("order pending_new>unknown", 20)
    r:wait_for("order unknown>new", 30)
    equal(#sim:requests "bet", 1, "bets sent")
    equal(#bets(sim), 1, "bets taken")
    equal(r:stop(), 0)
  end)
end

test("the line is cut between the bet and its answer: it is found", function()
  local sim = new { "--fault", "cut:bet:1" }
  local r = run(sim)
  r:wait_for "order pending_new>unknown"
  r:wait_for("order unknown>new", 30)
  equal(#bets(sim), 1)
  equal(r:stop(), 0)
end)

long_test("a late answer is not taken for the next bet's", function()
  local sim = new { "--fault", "delay:bet:6s:1" }
  local r = run(sim, [[
    function S:on_start() self:bet("harbour", "1"); self:bet("none", "2") end
  ]])
  r:wait_for("order pending_new>unknown", 20)
  r:wait_for("order pending_new>rejected reason=not sent", 20)
  r:wait_for("order unknown>new", 30)
  equal(#bets(sim), 1)
  equal(r:stop(), 0)
end)

long_test("a bet that never arrived ends as rejected, and only on evidence", function()
  local sim = new { "--fault", "swallow:bet:before:1" }
  local r = run(sim)
  r:wait_for("order pending_new>unknown", 20)
  r:wait_for("order unknown>rejected reason=not_found", 60)
  equal(#sim:requests "bet", 1)
  equal(#bets(sim), 0)
  equal(r:stop(), 0)
end)

test("a pool that is decided while we are away is looked up", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("fault", { fault = "http:503:upgrade:2" })
  sim:control("drop", { socket = "private" })
  r:wait_for "session idx down"
  sim:control("resolve", { winner = "harbour" })
  r:wait_for("fill 4@2.5 pool realized=6.*session idx up", 30)
  equal(count(r:out(), "\nfill "), 1)
  equal(r:stop(), 0)
end)

e2e.run_all()
