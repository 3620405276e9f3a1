--- Instamrkt end to end: moonwire run against the simulated venue, with a session key over the
--- WebSocket alone, and with a login.

local e2e = require "tests.e2e.lib"
local http = require "moonwire.http"
local test, long_test, equal = e2e.test, e2e.long_test, e2e.equal

-- A strategy that bets what it is told at the start and prints all that it hears. TARGET is of the
-- first pool that the venue opened.
local TELL = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", pool = "POOL" }
function S:on_order(order, event)
  print("order " .. event.previous .. ">" .. order.status
    .. (event.reason and " reason=" .. event.reason or ""))
end
function S:on_fill(fill)
  local position = self:position(fill.symbol)
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " " .. fill.liquidity
    .. " realized=" .. tostring(position.realized) .. " held=" .. tostring(position.qty))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:on_book(book)
  print("book " .. tostring(book.pool.multiplier) .. " of " .. tostring(book.pool.total))
end
function S:symbol(target) return self.params.pool .. "#" .. target .. "/DON" end
function S:bet(target, stake)
  local order, err = self:buy { symbol = self:symbol(target), qty = stake }
  print(order and "sent " .. order.client_order_id or "refused " .. err)
  return order
end
BODY
return S
]]

local function first_pool(sim) return sim:control("pools", { open = 1 })[1].pool end

local function strategy(sim, body)
  return (TELL:gsub("POOL", first_pool(sim)):gsub("BODY", function() return body end))
end

local BET = 'function S:on_start() self.state.order = self:bet("harbour", "4") end'

-- Starts a strategy on a venue.
local function run(sim, body, options) return sim:run(strategy(sim, body or BET), options) end

local function new(arguments) return e2e.sim("instamrkt", arguments) end

local function with_login(arguments)
  local words = { "--set", "sign_in=login" }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  return new(words)
end

local OTHERS = { "--member", "name=nick,don=1000" }

local function other_bets(sim, target, amount)
  sim:control("bet", { member = "nick", target = target, amount = amount })
end

local function check_books(sim)
  local result = sim:control "check"
  if not result.ok then
    error("the venue's books do not add up: " .. tostring(result.problem), 2)
  end
end

local function bets(sim) return sim:control("orders", { member = "mara" }) end
local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

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
  local text = r:out() .. r:err()
  local file = assert(io.open(r.config:match "^(.*/)" .. "moonwire.db", "rb"))
  text = text .. file:read "*a"
  file:close()
  for _, secret in ipairs { sim.info.password, login.headers["x-xsrftoken"] } do
    equal(text:find(secret, 1, true), nil, "a secret")
  end
  equal(text:find("&h=%x%x%x%x"), nil, "a digest")
end)

long_test("the example bets in each pool, and what is decided makes room for the next", function()
  local sim = with_login()
  sim:control("market", { on = 1 })
  local file = assert(io.open "examples/bets.lua")
  local text = file:read("*a"):gsub('venue = "im"', 'venue = "idx"')
  file:close()
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

-- What guardian and runtime hold in common dies with both: waits until it is in the journal.
local function until_written(r, text)
  local path = r.config:match "^(.*/)" .. "moonwire.db"
  e2e.await(text .. " in the journal", function()
    local process = e2e.moonwire { "journal", path, "orders", "--json" }
    return process:wait_exit() == 0 and process:out():find(text, 1, true)
  end)
end

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
