--- watch() by hand and in scripts: what streams, and what ends it.

local e2e = require "tests.e2e.lib"
local json = require "moonwire.json"
local terminal = require "tests.e2e.terminal"
local test, equal = e2e.test, e2e.equal

local TRADER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.001", price = "1500000000" } end
function S:on_order(order) if order.status == "new" then print "resting" end end
return S
]]

local function start()
  local sim = e2e.sim "indodax"
  local run = sim:run(TRADER, { rest = 'console = { path = "s" },' })
  run:wait_for "resting"
  return run, run.config:gsub("moonwire.lua$", "s"), sim
end

local SIGINT, SIGCONT, SIGSTOP = 2, 18, 19

-- Another prompt buys.
local function buys(path)
  return ("'%s' repl --attach '%s' -e 'buy(\"BTC/IDR\", \"0.002\", 1400e6)'"):format(
    e2e.program, path)
end

local WATCHING = { "expect", "watching: any key ends it\r?\n" }
local NEW = { "expect", "new +buy +BTC/IDR +0.002 @ 1400000000" }

-- At a terminal -----------------------------------------------------------------------------------

if not terminal.is_there then print "skipped: this machine has no pseudo-terminal" end
local function at_terminal(sentence, body)
  if terminal.is_there then test(sentence, body) end
end
local play = terminal.play
local ESCAPE, UP, F5, PASTE, PASTED = "\27", "\27[A", "\27[15~", "\27[200~", "\27[201~"

at_terminal("any key ends watch() and does nothing else", function()
  local run, path = start()
  local keys = { "\r", "q", " ", "\t", "\3", "\4", "\26", "\28", "\127", ESCAPE, ESCAPE .. "x",
                 UP, F5, ESCAPE .. UP, "\27OA" }
  local steps = { { "expect", "> $" } }
  local function add(step) steps[#steps + 1] = step end
  for i, key in ipairs(keys) do
    add { "send", "watch()\r" }
    add(WATCHING)
    if i == 1 then
      add { "run", buys(path) }
      add(NEW)
    end
    add { "send", key }
    add { "expect", "> $" }
    add { "send", i .. " + 100\r" }
    add { "expect", ("%d [+] 100\r?\n%d\r?\n> $"):format(i, i + 100) }
  end
  add { "send", "\4" }
  add { "end" }
  equal(play({ "repl", "--attach", path }, steps), 0)
  equal(run:stop(), 0)
end)

at_terminal("a key that types something begins the next line", function()
  local run, path = start()
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "watch()\r" }, WATCHING,
    { "send", "#" }, { "expect", "> #$" }, { "send", "'abc'\r" }, { "expect", "\n3\r?\n> $" },
    -- Also when much of it comes at once, and when it means several bytes.
    { "send", "watch()\r" }, WATCHING, { "send", "#'" .. ("x"):rep(500) .. "'\r" },
    { "expect", "\n500\r?\n> $" },
    { "send", "watch()\r" }, WATCHING, { "send", "é = 1" }, { "expect", "> é = 1$" },
    { "send", "\3" }, { "expect", "C\r?\n> $" },
    -- What follows a key that only ends it.
    { "send", "watch()\r" }, WATCHING, { "send", UP .. "#'abcd'\r" },
    { "expect", "> #'abcd'\r?\n4\r?\n> $" },
    { "send", "watch()\r" }, WATCHING, { "send", PASTE .. "#'abcde'\r" .. PASTED },
    { "expect", "\n5\r?\n> " }, { "send", "\3" }, { "expect", "> $" },
    -- Typed before it began: it ends at once, and nothing is lost, nor kept for later.
    { "send", "watch()\r7 * 7\rwatch() return 8\r9 * 9\r" },
    { "expect", "watching[^\n]*\n> 7 . 7\r?\n49\r?\n> [^\n]*\nwatching[^\n]*\n8\r?\n" },
    { "expect", "9 . 9\r?\n81\r?\n> $" },
    { "send", "\4" }, { "end" },
  })
  equal(run:stop(), 0)
end)

at_terminal("watch() ends by SIGINT, goes on when it was stopped, and in another size", function()
  local run, path = start()
  play({ "repl", "--read-only", "--attach", path }, {
    { "expect", "> $" }, { "send", "watch()\r" }, WATCHING,
    { "signal", SIGSTOP }, { "cook" }, { "signal", SIGCONT }, { "size", 60, 12 },
    { "run", buys(path) }, NEW, { "send", UP }, { "expect", "> $" },
    { "send", "watch()\r" }, WATCHING, { "signal", SIGINT }, { "expect", "> $" },
    { "send", "6 * 7\r" }, { "expect", "\n42\r?\n> $" }, { "send", "\4" }, { "end" },
  })
  equal(run:stop(), 0)
end)

at_terminal("the terminal or the runtime goes while somebody watches", function()
  local run, path = start()
  for _, line in ipairs { "watch()", "top()" } do
    local status = play({ "repl", "--attach", path }, {
      { "expect", "> $" }, { "send", line .. "\r" }, { "expect", "any key" }, { "close" },
    })
    equal(status, 0, line)
  end
  local status = play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "watch()\r" }, WATCHING,
    { "run", "kill " .. run.pid }, { "expect", "canceled +buy" },
    { "expect", "the runtime has gone" }, { "end" },
  })
  equal(status, 1)
  equal(run:wait_exit(), 0)
end)

at_terminal("plain lines: the next one ends watch(), and is run unless it is empty", function()
  local run, path = start()
  play({ "repl", "--attach", path }, {
    { "expect", "> $" }, { "send", "watch()\n" }, WATCHING, { "run", buys(path) }, NEW,
    { "send", "\n" }, { "expect", "> $" }, { "send", "watch()\n" }, WATCHING,
    { "send", "6 * 7\n" }, { "expect", "\n42\r?\n> $" }, { "send", "watch()\n" }, WATCHING,
    { "send", "\4" }, { "end" },
  }, { TERM = "dumb" })
  equal(run:stop(), 0)
end)

-- In a script -------------------------------------------------------------------------------------

test("a script's watch() streams until a signal: an object a line with --json", function()
  local run, path, sim = start()
  local watch = e2e.moonwire({ "repl", "--attach", path, "-e", "watch()", "--json" }, {})
  e2e.await("an event", function()
    os.execute(buys(path) .. " >/dev/null")
    return watch:out():find "\n"
  end)
  sim:control("trade", { pair = "btc_idr", side = "sell", qty = "0.0010", price = "1400000000" })
  local seen = watch:wait_for '([^\n]*"event":"fill"[^\n]*)\n'
  equal(json.decode(seen).symbol, "BTC/IDR")
  watch:signal(SIGINT)
  equal(watch:wait_exit(), 0, "that was all")
  for line in watch:out():gmatch "[^\n]+" do assert(json.decode(line), line) end

  local more = e2e.moonwire({ "repl", "--attach", path, "-e", "watch()", "-e", "print 'no'" }, {})
  e2e.await("an event", function()
    os.execute(buys(path) .. " >/dev/null")
    return more:out():find "new +buy"
  end)
  more:signal(SIGINT)
  equal(more:wait_exit(), 1, "it had more to do")
  equal(more:out():find "\nno\n", nil)
  equal(run:stop(), 0)
end)

test("a script's watch() ends when nobody reads it any more, and the script goes on", function()
  local run, path = start()
  local pipe = ("{ '%s' repl --attach '%s' -e 'watch()' -e 'error \"went on\"'; "
    .. "echo status $? >&2; } | head -n 1"):format(e2e.program, path)
  local watch = e2e.spawn({ "/bin/sh", "-c", pipe }, {})
  e2e.await("the end", function()
    os.execute(buys(path) .. " >/dev/null")
    return watch:err():find "went on.*status 1"
  end)
  equal(watch:wait_exit(), 0)
  equal(select(2, watch:out():gsub("\n", "")), 1)
  equal(run:stop(), 0)
end)

test("lines of a pipe wait until watch() is over; watch(true) streams beside them", function()
  local run, path = start()
  local lines = ("printf 'watch()\\nprint(7)\\n' | '%s' repl --attach '%s'"):format(
    e2e.program, path)
  local piped = e2e.spawn({ "/bin/sh", "-c", lines }, {})
  e2e.await("an event", function()
    os.execute(buys(path) .. " >/dev/null")
    return piped:out():find "new +buy"
  end)
  equal(piped:out():find "\n7\n", nil)
  equal(piped:poll(), false)
  e2e.kill(piped)
  local beside = io.popen(("'%s' repl --attach '%s' -e 'watch(true)' -e "
    .. "'buy(\"BTC/IDR\", \"0.002\", 1400e6):wait(\"new\", 5)' -e 'print(7)'"):format(
    e2e.program, path))
  local text = beside:read "*a"
  beside:close()
  assert(text:find "new +buy.*\n7\n", text)
  equal(run:stop(), 0)
end)

e2e.run_all()
