-- The prompt in the runtime: what is typed, what comes back, what it may do. (Orders by hand are
-- in console_orders_test.lua.)

local fixture = require "tests.moonwire.console_fixture"
local t = require "tests.tap"
local console = require "moonwire.console"
local mw = require "moonwire"
local stage = require "tests.moonwire.stage"
local strategy = require "moonwire.strategy"

local play, BUY, sent = fixture.play, fixture.BUY, fixture.sent

-- Lines -------------------------------------------------------------------------------------------

t.test("an expression shows its value, a statement nothing", function()
  local p = play()
  p:shows("1 + 1", "2")
  p:shows("x = 3", "")
  p:shows("x", "3")
  p:shows("1, nil, 'a'", '1\nnil\n"a"')
  p:shows("-- nothing", "")
end)

t.test("what is printed comes before the result", function()
  local p = play()
  p:shows("print(1, 'a') return 2", "2")
  t.equal(p:take("out")[1].text, "1\ta")
end)

t.test("errors show the line and the place", function()
  local p = play()
  p:fails("1 +* 2", "unexpected symbol near '*'\n  1 +* 2\n     ^")
  p:fails("nosuch()", "global 'nosuch' (a nil value)\n  nosuch()\n  ^")
  p:fails("local a = 1\nreturn a.b.c", "prompt:2:")
  p:fails("function f() error 'deep' end function g() f() return 1 end g()",
    "\n  prompt:1: in function")
  p:fails("io.open('x')", "io is not in the sandbox")
  p:fails("error({})", "table: ")
  p:fails("load('\\27LJ')()", "")
end)

t.test("a session has globals of its own", function()
  local p = play()
  local q = p:another()
  p:shows("x = 1", "")
  q:shows("x", "nil")
  q:shows("orders = 5", "")
  p:shows("orders()", "no open orders")
end)

t.test("what a venue says cannot move the cursor", function()
  local p = play()
  p:shows('"\\27[2J"', '"\\27[2J"')
  p:type 'print("\\27[2J")'
  t.equal(p:take("out")[1].text, "\\27[2J")
end)

t.test("what is too much is cut, and the prompt stays", function()
  local p = play()
  local text = p:type "('x'):rep(1e6)"
  t.ok(#text < 210000 and text:find("cut after 200000 of", 1, true))
  p:type "print(('x'):rep(1e6))"
  t.ok(#p:take("out")[1].text < 210000)
  p:type "t = {} for i = 1, 1e5 do t['k' .. i] = i end"
  t.ok(p:type("t"):find("... 99000 more", 1, true))
  local q = p:another { hello = true, json = true }
  q:fails("('x'):rep(1e6)", "bytes of JSON are too many")
  q:type "t = {} for i = 1, 1e5 do t[i] = i end"
  q:fails("t", "more than 50000 values")
end)

t.test("a screen gets as much as fits, all(_) shows the rest, a script gets it at once", function()
  local p = play()
  p:type "t = {} for i = 1, 60 do t[i] = { n = i } end"
  p.height = 20
  local text = p:type "t"
  t.ok(text:find("\n16\n... 44 more: all(_) shows them", 1, true), text)
  t.equal(select(2, text:gsub("\n", "")), 17)
  p:shows("all(_)", "")
  t.ok(p:take("out")[1].text:find "\n60$")
  p:shows("_[2].n", "2")
  p:shows("_, #t", "2\n60")
  p.height = nil
  t.ok(p:type("t"):find "\n60$")
  local q = p:another { hello = true, json = true }
  q:shows("all { 1 }", "[1]")
end)

t.test("lines and their results are recorded", function()
  local p, s = play()
  p:type "1 + 1"
  p:type "x +"
  local records = s:recorded "console"
  t.equal(records[1].text[1] .. "|" .. records[1].text[2], "pid 4711|1 + 1")
  t.equal(records[2].text[1] .. "|" .. records[2].text[2], "pid 4711: result|2")
  t.equal(records[4].text[1], "pid 4711: error")
end)

t.test("who does not speak the language is told, and then sent away", function()
  local p = play()
  for _ = 1, 9 do p.s:run(p.console, "on_console_line", p.id, "\255\0{{{") end
  t.ok(p:take("out")[1].text:find "not understood")
  t.equal(fixture.closed[p.id], nil)
  p.s:run(p.console, "on_console_line", p.id, "[]")
  t.equal(fixture.closed[p.id], true)
  t.ok(p:take("bye")[1])
  p.s:run(p.console, "on_console_line", p.id, "{}")      -- not heard any more
end)

-- Waiting -----------------------------------------------------------------------------------------

t.test("a wait blocks nobody; Ctrl-C abandons it and never the order", function()
  local p, s = play()
  t.equal(p:type(BUY .. ':wait("filled")'), nil)
  p:tell { run = "1" }
  t.ok(p:take("done")[1].text:find "still running")
  local q = p:another()
  q:shows("#orders()", "1")
  p.at = #sent[p.id]
  p:tell { interrupt = true }
  local done = p:take("done")[1]
  t.equal(done.ok, false)
  t.ok(done.text:find("abandoned\nthe order stays as it is: mw", 1, true), done.text)
  t.ok(done.text:find " new$", done.text)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  local order = s.desk.orders:list_open()[1]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.equal(#p:take "done", 1, "the line that was abandoned says nothing more")
  p:shows("2", "2")
end)

t.test("a command that is named and not called says how to", function()
  local p = play()
  p:shows("orders", "orders(...) calls it; help(orders) tells more")
  p:shows("help", "help(...) calls it; help(help) tells more")
  t.ok(p:type("print"):find "^function")
end)

t.test("a wait for an order of before says how it stands as well, when it is abandoned", function()
  local p = play()
  p:type("o = " .. BUY)
  for _, line in ipairs { 'o:wait("filled", 60)', BUY .. ':wait("filled")' } do
    t.equal(p:type(line), nil)
    p.at = #sent[p.id]
    p:tell { interrupt = true }
    local told = p:take("done")[1].text
    t.ok(told:find("^abandoned\nthe order stays as it is: mw[^\n]* new$"), told)
  end
end)

t.test("the prompt requires what lies beside the configuration, and nothing of the library",
function()
  local p = play()
  p:fails('require "moonwire.desk"', "module 'moonwire.desk' not found")
end)

t.test("balances wait for the venue", function()
  local p = play()
  local text, ok = p:type "balances()"
  t.ok(ok, text)
  t.ok(text:find "venue  asset", text)
end)

t.test("a book is waited for, and shown once", function()
  local p, s = play()
  local text, ok = p:type 'book "BTC/IDR"'
  t.ok(ok and text:find "1549999000  1550000000", text)
  t.equal(p:type 'book "BTC/IDR"', nil)
  local runner = s.desk.runners[console.NAME]
  t.ok(runner:hears("idx", "book", "BTC/IDR"))
  s:book({ { "950000000", "2" } }, { { "951000000" } })
  t.ok(not runner:hears("idx", "book", "BTC/IDR"), "one was wanted")
  text = p:take("done")[1].text
  t.equal(text, "bid_qty        bid        ask  ask_qty\n      2  950000000  951000000        1")
  s:book({ { "950000000", "2" } }, { { "951000000" } })
  t.equal(#s:logged "failed", 0)
  t.equal(p:type 'book "BTC/IDR"', nil)
  s:advance(6)
  t.ok(p:take("done")[1].text:find "no book of BTC/IDR on idx within 5 s")
end)

t.test("who goes leaves orders and nothing else", function()
  local p, s = play()
  p:type(BUY .. ':wait("filled", 3)')
  s:run(p.console, "on_console_close", p.id, "")
  t.equal(next(p.console.sessions), nil)
  t.equal(next(p.console.runner.lines), nil)
  t.equal(#s.desk.orders:list_open(), 1)
  s:advance(5)
  local order = s.desk.orders:list_open()[1]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.equal(#s:logged "failed", 0)
end)

t.test("who goes leaves no memory behind, whatever it kept", function()
  local p, s = play()
  local seen = setmetatable({}, { __mode = "k" })
  for _ = 1, 20 do
    local q = p:another()
    q:type("mine = " .. BUY)
    q:type "cancel(mine) top()"
    seen[q.console.sessions[q.id].environment] = true
    s:run(q.console, "on_console_close", q.id, "")
    s:advance(2)
  end
  collectgarbage()
  collectgarbage()
  local left = 0
  for _ in pairs(seen) do left = left + 1 end
  -- (A stack or compiled code may hold on to the last ones.)
  t.ok(left <= 4, left .. " of 20 are still there")
  t.equal(s.desk.watch, false, "and nobody looks")
end)

-- Strategies --------------------------------------------------------------------------------------

t.test("strategies are stopped and started, and the runtime goes on", function()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  local starts = 0
  function S.on_start() starts = starts + 1 end
  local p, s = play { strategies = { { name = "lad", class = S } } }
  p:shows("strategies()[1].state", '"running"')
  p:fails('start "lad"', "strategy lad is running")
  p:shows('stop "lad"', "")
  p:shows("strategies()[1].state", '"stopped"')
  t.equal(s.desk.stopping, false)
  p:fails('stop "lad"', "strategy lad is stopped")
  p:shows('start "lad"', "")
  p:shows("strategies()[1].state", '"running"')
  t.equal(starts, 2)
  p:fails('start "lat"', "no strategy lat: there is lad")
  p:fails('start "console"', "no strategy console")
end)

t.test("when all strategies have ended by themselves the prompt keeps nothing alive", function()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:on_start() self:stop "done" end
  local _, s = play { strategies = { { name = "lad", class = S } } }
  t.ok(s.desk.stopping)
end)

t.test("a strategy cannot be named console", function()
  local s = stage.new()
  local class = mw.strategy {}
  s.desk:add_runner(assert(strategy.new(s.desk, { name = "console", file = "c.lua" }, class)))
  local ok, err = console.new(s.desk, "0")
  t.equal(ok, nil)
  t.ok(err:find 'a strategy is named "console"')
end)

-- Help and completion -----------------------------------------------------------------------------

t.test("help knows every command", function()
  local p = play()
  p:type "help()"
  local text = {}
  for i, message in ipairs(p:take "out") do text[i] = message.text end
  text = table.concat(text, "\n")
  for _, name in pairs(p.console.sessions[p.id].names) do
    t.ok(text:find("%f[%w_]" .. name .. "%f[^%w_]"), name .. " is not in help()")
  end
  p:type "help(buy)"
  t.ok(p:take("out")[2].text:find "Sends an order to buy")
  p:fails("help(1)", "help() lists the commands")
end)

local function completes(p, text, expected, from)
  p.at = #sent[p.id]
  p:tell { complete = text }
  local message = p:take("completions")[1]
  t.equal(table.concat(message.list, " "), expected, text)
  if from then t.equal(message.from, from, text) end
end

t.test("completion knows names, members, symbols, strategies and orders", function()
  local p, s = play()
  completes(p, "ord", "order( orders(", 1)
  completes(p, "x = ord", "order( orders(", 5)
  completes(p, "mw.s", "sleep( strategy(", 4)
  completes(p, "string.up", "upper(", 8)
  completes(p, 'buy("BTC/', "BTC/IDR BTC/USDT", 6)
  completes(p, "nothing.", "")
  p:type("o = " .. BUY)
  completes(p, "o:wa", "wait(", 3)
  completes(p, "o.cli", "client_order_id", 3)
  local id = s.desk.orders:list_open()[1].client_order_id
  completes(p, 'cancel("mw-', id, 9)
  p:type "trap = setmetatable({}, { __index = function() error 'ran' end })"
  completes(p, "trap.x.y", "")
end)

fixture.done()
