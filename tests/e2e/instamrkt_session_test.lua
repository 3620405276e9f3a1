--- Instamrkt end to end: sessions, stops and deaths, and programs of others.

local e2e = require "tests.e2e.lib"
local common = require "tests.e2e.common"
local files = require "tests.files"
local http = require "moonwire.http"
local im = require "tests.e2e.instamrkt"
local venue = require "tests.e2e.venue"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal
local new, with_login, run, BET, OTHERS = im.new, im.with_login, im.run, im.BET, im.OTHERS
local other_bets, bets, strategy = im.other_bets, im.bets, im.strategy
local until_written, check_books = im.until_written, venue.check_books

test("requests and WebSockets have a port each, and find nothing at the other's", function()
  local sim = new()
  local rest, socket = sim.info.rest_url, sim.info.private_url:gsub("^wss", "https")
  local function status_of(url, headers)
    return (http.call { method = "GET", url = url, ca_file = sim.info.ca_file, headers = headers,
                        timeout = e2e.patience })
  end
  equal(status_of(rest .. "/i/"), 200)
  equal(status_of(socket .. "i/"), 404)
  local upgrade = { { "Connection", "Upgrade" }, { "Upgrade", "websocket" },
                    { "Sec-WebSocket-Version", "13" },
                    { "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" } }
  equal(status_of(rest .. "/?id=17&n=1&h=x", upgrade), 404)
  equal(status_of(socket .. "?id=17&n=1&h=x", upgrade), 403)
end)

-- Sessions ----------------------------------------------------------------------------------------

test("a session key that is refused ends the venue with a clear message", function()
  for _, how in ipairs { "upgrade", "110", "close" } do
    local sim = new { "--set", "refuse=" .. how }
    sim:control("login", { member = "mara" })
    local r = run(sim)
    r:wait_for "lives for 24 hours and ends with each login"
    equal(r:wait_exit(), 1, "exit status")
  end
end)

test("a wrong password ends the venue with a clear message", function()
  local sim = with_login()
  local r = run(sim, BET, { environment = { MW_PASSWORD = "wrong-wrong-wrong" } })
  r:wait_for "Wrong username or password: check `login` and `password`"
  equal(r:wait_exit(), 1, "exit status")
end)

test("a login elsewhere ends our key: the next connection logs in again", function()
  local sim = with_login()
  local r = run(sim)
  r:wait_for "order pending_new>new"
  sim:control("login", { member = "mara" })
  sim:control("drop", { socket = "private" })
  r:wait_for("session idx down.*session idx up", 30)
  equal(#sim:requests "login", 2, "logins")
  equal(r:stop(), 0)
end)

test("a digest that is refused once is made anew", function()
  local sim = with_login { "--fault", "http:403:upgrade:1" }
  local r = run(sim)
  r:wait_for("order pending_new>new", 20)
  equal(r:stop(), 0)
end)

test("nothing secret is in the log or in the journal", function()
  local sim = with_login()
  local r = run(sim)
  r:wait_for "order pending_new>new"
  local login = sim:requests("login")[1]
  equal(r:stop(), 0)
  local text = r:out() .. r:err() .. files.read(r.config:match "^(.*/)" .. "moonwire.db")
  for _, secret in ipairs { sim.info.password, login.headers["x-xsrftoken"] } do
    equal(text:find(secret, 1, true), nil, "a secret")
  end
  equal(text:find("&h=%x%x%x%x"), nil, "a digest")
end)

long_test("the example bets in each pool, and what is decided makes room for the next", function()
  local sim = with_login()
  sim:control("market", { on = 1 })
  local text = files.read("examples/bets.lua"):gsub('venue = "im"', 'venue = "idx"')
  local r = sim:run(text)
  r:wait_for("came back of 1 on", 60)
  e2e.await("a third bet", function() return #bets(sim) >= 3 end, 60)
  equal(r:stop(), 0)
  check_books(sim)
end)

test("an audit finds no difference while bets run and after they were decided", function()
  local sim = with_login(OTHERS)
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  local function audit()
    local process = e2e.moonwire({ "audit", "--config", r.config }, sim:environment())
    equal(process:wait_exit(30), 0, process:out() .. process:err())
    return process
  end
  audit():wait_for "balance DON: 96 free, 4 held; open orders hold 4 of ours, 0 of others"
  sim:control("resolve", { winner = "harbour" })
  r:wait_for "order new>filled"
  audit():wait_for "balance DON: 106 free, 0 held"
  equal(r:stop(), 0)
end)

test("an unverified certificate is refused", function()
  local sim, other = new(), new()
  local own, text = sim.info.ca_file, strategy(sim, BET)
  sim.info.ca_file = other.info.ca_file
  local r = sim:run(text)
  sim.info.ca_file = own
  r:wait_for "certificate"
  equal(r:stop(), 0)
  equal(r:out():find "session idx up", nil)
  equal(#bets(sim), 0)
end)

test("a silent venue is noticed", function()
  local sim = new()
  local r = run(sim, BET, { venue = "silence = 1," })
  r:wait_for "order pending_new>new"
  sim:control("drop", { socket = "private", how = "half_open" })
  r:wait_for "nothing arrived for 1 s"
  r:wait_for("session idx down.*session idx up", 20)
  equal(r:stop(), 0)
  equal(#bets(sim), 1)
end)

test("two strategies on one account hear of their own bets only", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local function named(name, target, stake)
    return (strategy(sim, ([[
      function S:on_start() self:bet(%q, %q) end
      function S:on_fill(fill) print(%q .. tostring(fill.qty) .. "@" .. tostring(fill.price)) end]])
      :format(target, stake, name)))
  end
  local r = sim:run { named("ONE ", "harbour", "4"), named("TWO ", "none", "2") }
  e2e.await("two bets", function() return venue.count(r:out(), "pending_new>new") == 2 end)
  sim:control("resolve", { winner = "harbour" })
  r:wait_for "ONE 4@3"
  r:wait_for "TWO 2@0"
  equal(r:stop(), 0)
  equal(venue.count(r:out(), "ONE ") + venue.count(r:out(), "TWO "), 2, "fills")
  venue.check_books(sim)
end)

common.add_printed { protocol = "instamrkt", ready = { "im", "session_key" } }

-- Stops -------------------------------------------------------------------------------------------

test("a clean stop leaves bets to the venue, and the next run goes on with them", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local text = strategy(sim, [[
    function S:on_start()
      if #self.orders == 0 then self:bet("harbour", "4") else print("found " .. #self.orders) end
    end
  ]])
  local r = sim:run(text)
  r:wait_for "order pending_new>new"
  equal(r:stop(), 0, "exit status")
  r:wait_for "stays at the venue, which cannot cancel"
  local again = e2e.moonwire({ "run", "--config", r.config,
                               (r.config:gsub("moonwire.lua$", "strategy1.lua")) },
                             sim:environment())
  again:wait_for "found 1"
  sim:control("resolve", { winner = "harbour" })
  again:wait_for "fill 4@2.5 pool realized=6"
  equal(again:stop(), 0)
  equal(#sim:requests "bet", 1)
end)

long_test("a runtime that is killed leaves bets to the venue, and the guardian says so", function()
  local sim = new()
  local r = run(sim)
  r:wait_for "order pending_new>new"
  r:signal_runtime(9)
  r:wait_exit(30)
  equal(#bets(sim), 1)
  r:wait_for "stays at the venue, which cannot cancel"
end)

test("both are killed, the pool is decided, and the next run books what it came to", function()
  local sim = new(OTHERS)
  other_bets(sim, "none", "6")
  local r = run(sim)
  r:wait_for "order pending_new>new"
  until_written(r, bets(sim)[1].bet_id)
  r:kill_all()
  sim:control("resolve", { winner = "none" })
  local again = e2e.moonwire({ "run", "--config", r.config,
                               (r.config:gsub("moonwire.lua$", "strategy1.lua")) },
                             sim:environment())
  again:wait_for("fill 4@0 pool realized=%-4", 30)
  again:wait_for "refused no market"
  equal(again:stop(), 0)
  equal(#sim:requests "bet", 1)
end)

for _, way in ipairs { { "a session key", new }, { "a login", with_login } } do
  test("with " .. way[1] .. ": a game that ended while nobody was here is found in the history",
       function()
    local sim = way[2](OTHERS)
    other_bets(sim, "none", "6")
    local r = run(sim)
    r:wait_for "order pending_new>new"
    until_written(r, bets(sim)[1].bet_id)
    r:kill_all()
    sim:control("resolve", { winner = "none" })
    sim:control "close_game"
    local again = e2e.moonwire({ "run", "--config", r.config,
                                 (r.config:gsub("moonwire.lua$", "strategy1.lua")) },
                               sim:environment())
    again:wait_for("fill 4@0 pool realized=%-4", 30)
    equal(again:stop(), 0)
    equal(#sim:requests "bet", 1)
    check_books(sim)
  end)
end

-- Others' programs --------------------------------------------------------------------------------

for _, client in ipairs { { "/usr/bin/python3", "instamrkt.py" }, { "node", "instamrkt.js" } } do
  test("a client in " .. client[1]:match "%a+" .. " bets: " .. client[2], function()
    local sim = new()
    local out = sim:run_client(client[1], client[2], {}, {
      USER_ID = sim.info.user_id, SESSION_KEY = sim.info.session_key,
      SOURCE_ID = sim.info.source_id })
    for _, part in ipairs { "logon: 100", "bet: 356 2.5", "balance: 97.5" } do
      equal(out:find(part, 1, true) ~= nil, true, part .. " in " .. out)
    end
    equal(bets(sim)[1].amount, "2.5")
  end)
end

e2e.run_all()
