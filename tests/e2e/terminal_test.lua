--- The prompt at a terminal: typing, history, completion, Ctrl-C, and what the runtime says above
--- the line that is being typed.

local e2e = require "tests.e2e.lib"
local terminal = require "tests.e2e.terminal"
local test, equal = e2e.test, e2e.equal

local TRADER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.001", price = "1500000000" } end
function S:on_order(order) if order.status == "new" then print "resting" end end
return S
]]

local function start(rest)
  local sim = e2e.sim "indodax"
  local run = sim:run(TRADER, { rest = 'console = { path = "s" }, ' .. (rest or "") })
  run:wait_for "resting"
  return run, run.config:gsub("moonwire.lua$", "s"), sim
end

if not terminal.is_there then
  print "skipped: this machine has no pseudo-terminal (is /dev/pts mounted?)"
  print "0 passed, 0 failed"
  return
end

local play = terminal.play
local CTRL_A, CTRL_C, CTRL_D, CTRL_E, CTRL_R = "\1", "\3", "\4", "\5", "\18"
local TAB, ESCAPE, UP, RIGHT = "\t", "\27", "\27[A", "\27[C"

test("typed lines are run, a chunk that goes on is asked for, Ctrl-D leaves", function()
  local run, path = start()
  local status = play({ "repl", "--attach", path }, {
    { "expect", "Ctrl-D leaves" }, { "expect", "> $" },
    { "send", "1 + 1\r" }, { "expect", "\n2\r?\n" },
    { "send", "for i = 1, 2 do\r" }, { "expect", ">> $" },
    { "send", "print(i * 7) end\r" }, { "expect", "\n7\r?\n14\r?\n" },
    { "send", "nosuch()\r" }, { "expect", "global 'nosuch' \\(a nil value\\)" },
    { "expect", "> $" }, { "send", CTRL_D }, { "end" },
  })
  equal(status, 0)
  equal(run:poll(), false, "the runtime goes on")
  equal(run:stop(), 0)
end)

test("a runtime that goes leaves what was being typed, and says where to look", function()
  local run, path = start()
  local status = play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "half a li" }, { "expect", "half a li$" },
    { "run", ("kill -TERM %d"):format(run.pid) },
    { "expect", "the runtime has gone: its log, and `moonwire journal runs`, say why[^\n]*\r?\n" },
    { "expect", "> half a li\r?\n$" }, { "end" },
  })
  equal(status, 1)
  equal(run:wait_exit(10), 0)
end)

test("history comes back, also in the next session, and is its user's alone", function()
  local run, path = start()
  local _, directory = play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "6 * 7\r" }, { "expect", "\n42\r?\n> $" },
    { "send", "'other'\r" }, { "expect", '"other"\r?\n> $' },
    { "send", UP .. UP }, { "expect", "6 \\* 7$" }, { "send", "0\r" }, { "expect", "\n420\r?\n" },
    { "expect", "> $" }, { "send", CTRL_D }, { "end" },
  })
  local file = directory .. "/moonwire/history"
  equal(io.open(file):read "*a", "6 * 7\n'other'\n6 * 70\n")
  equal(io.popen("stat -c %a " .. file):read "*l", "600")
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", CTRL_R .. "oth" }, { "expect", "'other'" },
    { "send", "\r" }, { "expect", '"other"\r?\n> $' }, { "send", CTRL_D }, { "end" },
  }, { XDG_STATE_HOME = directory })
  equal(run:stop(), 0)
end)

test("a search holds nothing up, and Ctrl-C ends it", function()
  local run, path = start()
  local buy = ("'%s' repl --attach '%s' -e 'buy(\"BTC/IDR\", \"0.002\", 1400e6)'"):format(
    e2e.program, path)
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "'other'\r" }, { "expect", '"other"\r?\n> $' },
    { "send", "watch(true)\r" }, { "expect", "> $" },
    { "send", CTRL_R .. "oth" }, { "expect", "'other'" }, { "expect", "h" },
    { "run", buy }, { "expect", "new +buy +BTC/IDR +0.002 @ 1400000000" }, { "expect", "oth" },
    { "send", CTRL_C }, { "expect", "C\r?\n> $" },
    { "send", "6 * 7\r" }, { "expect", "\n42\r?\n> $" },
    -- A key that means several bytes ends it as well, and is not torn.
    { "send", CTRL_R .. "oth" }, { "expect", "'other'" }, { "send", CTRL_E .. "\r" },
    { "expect", '"other"\r?\n> $' },
    { "send", CTRL_R .. "oth" }, { "expect", "'other'" }, { "send", RIGHT .. "\r" },
    { "expect", '\n"other"\r?\n> $' },
    -- Escape alone waits for a key, and nobody else does.
    { "send", ESCAPE }, { "run", buy }, { "expect", "new +buy" }, { "expect", "> $" },
    { "send", CTRL_C }, { "expect", "C\r?\n> $" }, { "send", CTRL_C },
    { "expect", "watch is off\r?\n> $" }, { "send", "6 * 7\r" }, { "expect", "\n42\r?\n> $" },
    { "send", CTRL_R .. "oth" }, { "expect", "'other'" },
    { "run", "kill " .. run.pid }, { "expect", "the runtime has gone" }, { "end" },
  })
  equal(run:wait_exit(), 0)
end)

test("lines with a secret in them are not kept", function()
  local run, path, sim = start()
  local _, directory = play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "'" .. sim.info.secret .. "'\r" }, { "expect", "> $" },
    { "send", "1\r" }, { "expect", "\n1\r?\n> $" }, { "send", CTRL_D }, { "end" },
  })
  equal(io.open(directory .. "/moonwire/history"):read "*a", "1\n")
  equal(run:stop(), 0)
end)

test("Tab completes names, symbols and orders", function()
  local run, path = start()
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "posi" .. TAB }, { "expect", "positions\\($" },
    { "send", ")\r" }, { "expect", "no positions\r?\n> $" },
    { "send", "ord" .. TAB }, { "expect", "er$" },
    { "send", TAB }, { "expect", "order\\( +orders\\(" }, { "expect", "> order$" },
    { "send", CTRL_C }, { "expect", "> $" },
    { "send", "#'BTC/I" .. TAB }, { "expect", "BTC/IDR$" },
    { "send", "'\r" }, { "expect", "\n7\r?\n> $" },
    { "send", "order('mw" .. TAB }, { "expect", "-1$" },
    { "send", "').status\r" }, { "expect", '"new"\r?\n> $' },
    -- Who types on does not find the answer in the middle of it.
    { "send", "#'BTC/I" .. TAB .. "'\r" }, { "expect", "\n[57]\r?\n> $" },
    { "send", CTRL_D }, { "end" },
  })
  equal(run:stop(), 0)
end)

test("an order's life shows above the line that is being typed, which stays", function()
  local run, path, sim = start()
  local command = ("'%s' repl --attach '%s' -e 'buy(\"BTC/IDR\", \"0.002\", 1400e6)'"):format(
    e2e.program, path)
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "watch(true)\r" }, { "expect", "> $" },
    { "send", "1 + 41" .. CTRL_A }, { "expect", "1 \\+ 41" },
    { "run", command },
    { "expect", "new +buy +BTC/IDR +0.002 @ 1400000000[^\n]*\n> 1 \\+ 41" },
    { "send", "\r" }, { "expect", "\n42\r?\n" },
    { "size", 40, 20 }, { "send", "2 + 2\r" }, { "expect", "\n4\r?\n> $" },
    { "send", CTRL_D }, { "end" },
  })
  equal(#sim:orders(true), 2)
  equal(run:stop(), 0)
end)

test("Ctrl-C abandons a wait and never the order; a large order is confirmed", function()
  local run, path, sim = start "console = { path = 's', confirm_notional = { IDR = '2000000' } },"
  play({ "repl", "--attach", path }, {
    { "expect", "> $" },
    { "send", "buy('BTC/IDR', '0.002', 1400e6)\r" },
    { "expect", "idx: buy 0.002 BTC/IDR at 1400000000, notional 2800000 IDR: send it. .yes/no. $" },
    { "send", "no\r" }, { "expect", "not confirmed" }, { "expect", "> $" },
    { "send", "buy('BTC/IDR', '0.002', 1400e6):wait('filled')\r" }, { "expect", "yes/no. $" },
    { "send", "yes\r" }, { "expect", "new +buy" }, { "send", CTRL_C },
    { "expect", "abandoned\r?\nthe order stays as it is: mw-[^\n]* new" }, { "expect", "> $" },
    { "send", "half a line" .. CTRL_C }, { "expect", "> $" },
    { "send", "#orders()\r" }, { "expect", "\n2\r?\n> $" }, { "send", CTRL_D }, { "end" },
  })
  equal(#sim:orders(true), 2)
  equal(run:stop(), 0)
end)

test("top() is a live screen until a key, fits, and gives the lines back", function()
  local run, path = start()
  local buy = ("'%s' repl --attach '%s' -e 'buy(\"BTC/IDR\", \"0.002\", 1400e6)'"):format(
    e2e.program, path)
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "top()\r" }, { "expect", "moonwire +[0-9:.]+ +open orders 1" },
    { "expect", "venue +session" }, { "expect", "idx +up" }, { "expect", "strategy1 +running" },
    { "expect", "new +buy +BTC/IDR +0.001 +1500000000 +0" },
    { "run", buy }, { "expect", "open orders 2" }, { "expect", "order to answer: p50 [0-9]" },
    { "expect", "new +buy +BTC/IDR +0.002 +1400000000 +0" },
    { "size", 60, 12 }, { "expect", "no room: strategies" }, { "expect", "created_at +client" },
    { "send", "q" }, { "expect", "> $" }, { "send", "#'x'\r" }, { "expect", "\n1\r?\n> $" },
    -- One that types something is not lost.
    { "size", 100, 30 }, { "send", "top()\r" }, { "expect", "any key leaves" },
    { "send", "#'xy'\r" }, { "expect", "> #'xy'\r?\n2\r?\n> $" },
    -- Ctrl-C is a key as well; what is shown above the line waits until then.
    { "send", "watch(true) top()\r" }, { "expect", "any key leaves" },
    { "run", buy },
    { "expect", "open orders 3" }, { "send", CTRL_C }, { "expect", "new +buy" },
    { "expect", "> $" }, { "send", "2 + 2\r" }, { "expect", "\n4\r?\n> $" },
    { "send", "top()\r" }, { "expect", "any key leaves" },
    { "run", "kill " .. run.pid }, { "expect", "the runtime has gone" }, { "end" },
  })
  equal(run:wait_exit(), 0)
end)

test("what is long is cut to the screen, and all(_) shows it", function()
  local run, path = start()
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "size", 100, 12 },
    { "send", "t = {} for i = 1, 30 do t[i] = { n = i } end return t\r" },
    { "expect", "\n8\r?\n... 22 more: all._. shows them\r?\n> $" },
    { "send", "all(_)\r" }, { "expect", "\n30\r?\n> $" },
    { "send", CTRL_D }, { "end" },
  })
  equal(run:stop(), 0)
end)

test("the runtime goes: the prompt says so and gives the terminal back", function()
  local run, path = start()
  local status = play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "run", "kill " .. run.pid }, { "expect", "the runtime has gone" },
    { "end" },
  })
  equal(status, 1)
  equal(run:wait_exit(), 0)
end)

test("the terminal goes, whatever is being typed: the prompt ends, the runtime goes on", function()
  local run, path = start()
  for _, keys in ipairs { "", "buy", CTRL_R .. "ab", ESCAPE } do
    local status = play({ "repl", "--attach", path }, {
      { "expect", "> $" }, { "send", keys }, { "run", "sleep 0.2" }, { "close" },
    })
    equal(status, 0, ("%q"):format(keys))
  end
  equal(run:stop(), 0)
end)

test("a runtime of its own: logs above the line, and orders are canceled at the end", function()
  local sim = e2e.sim "indodax"
  local config = e2e.write(e2e.directory() .. "/moonwire.lua", sim:config())
  local status = play({ "repl", "--config", config }, {
    { "expect", "session up" },
    { "send", "buy('BTC/IDR', '0.002', 1400e6)\r" }, { "expect", "new +buy" },
    { "send", CTRL_C }, { "expect", "C\r?\n> $" },
    { "send", "#orders()\r" }, { "expect", "\n1\r?\n> $" },
    { "send", CTRL_D }, { "expect", "stopping: SIGTERM" }, { "end" },
  }, sim:environment())
  equal(status, 0)
  equal(#sim:orders(true), 0)
end)

test("a terminal that cannot move its cursor gets plain lines", function()
  local run, path = start()
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "1 + 1\n" }, { "expect", "\n2\r?\n> $" },
    { "send", CTRL_D }, { "end" },
  }, { TERM = "dumb" })
  equal(run:stop(), 0)
end)

e2e.run_all()
