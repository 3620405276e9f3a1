--- What is typed, pasted or piped into the prompt: chunks of several lines, too much, and junk.

local e2e = require "tests.e2e.lib"
local terminal = require "tests.e2e.terminal"
local test, equal = e2e.test, e2e.equal

local function start()
  local sim = e2e.sim "indodax"
  local run = sim:run("local mw = require 'moonwire' return mw.strategy {}",
                      { rest = 'console = { path = "s" },' })
  run:wait_for "the prompt"
  return run, run.config:gsub("moonwire.lua$", "s"), sim
end

-- Runs these lines as a script; its exit status, and all that it printed.
local function pipe(path, text)
  local file = e2e.write(e2e.directory() .. "/script", text)
  local command = ("'%s' repl --attach '%s' < '%s'"):format(e2e.program, path, file)
  local script = e2e.spawn({ "/bin/sh", "-c", command }, {})
  return script:wait_exit(), script:out() .. script:err()
end

test("an empty line in a chunk ends nothing, in a script as at a terminal", function()
  local run, path = start()
  local status, said = pipe(path, "function f()\n\n\n  return 7\nend\nprint(f())\n")
  equal(said, "7\n")
  equal(status, 0)
  status, said = pipe(path, "print(8)\nfunction f()\n\n")
  equal(status, 1)
  assert(said:find("8\nthe input ends in the middle of: function f()", 1, true), said)
  if terminal.is_there then
    terminal.play({ "repl", "--attach", path }, {
      { "expect", "> $" }, { "send", "function f()\r\r" }, { "expect", ">> \r?\n>> $" },
      { "send", "\r" }, { "expect", "'end' expected .to close 'function' at line 1.; Ctrl-C" },
      { "expect", ">> $" }, { "send", "return 7 end\r" }, { "expect", "\n> $" },
      { "send", "f()\r" }, { "expect", "\n7\r?\n> $" },
      { "send", "if f then\r" }, { "expect", ">> $" }, { "send", "\3" }, { "expect", "\n> $" },
      { "send", "f() + 1\r" }, { "expect", "\n8\r?\n> $" }, { "send", "\4" }, { "end" },
    })
  end
  equal(run:stop(), 0)
end)

local function long(n) return "x = '" .. ("y"):rep(n) .. "' return #x\n" end
local LINE = ("z"):rep(4000)

test("what is too long is not sent, and nobody is sent away for it", function()
  local run, path = start()
  equal(select(2, pipe(path, long(65000))), "65000\n")
  local status, said = pipe(path, long(65536) .. "print 'no'\n")
  equal(status, 1)
  equal(said, "not run: it is longer than 64 KB; put it into a file and require that\n")
  local lines = { "x = { 1," }
  for i = 2, 30 do lines[i] = ("'%s',"):format(LINE) end
  status, said = pipe(path, table.concat(lines, "\n") .. "}\nprint 'no'\n")
  equal(status, 1)
  equal(said, "not run: it is longer than 64 KB; put it into a file and require that\n")
  equal(run:err():find "64 KiB", nil)
  equal(run:stop(), 0)
end)

test("the rest of a chunk that is too long is not run line by line", function()
  if not terminal.is_there then return end
  local run, path, sim = start()
  local steps = { { "expect", "> $" }, { "send", "x = { 1,\n" }, { "expect", ">> $" } }
  for i = 1, 18 do
    steps[#steps + 1] = { "send", ("'%s',\n"):format(LINE) }
    steps[#steps + 1] = { "expect", i == 17 and "64 KB[^\n]*Ctrl-C[^\n]*\n>> $" or ">> $" }
  end
  for _, step in ipairs { { "send", "buy('BTC/IDR', '0.001', 1400e6)\n" }, { "expect", ">> $" },
                          { "send", "\3" }, { "expect", "\\^C> $" }, { "send", "#orders()\n" },
                          { "expect", "\n0\r?\n> $" }, { "send", "\4" }, { "end" } } do
    steps[#steps + 1] = step
  end
  equal(terminal.play({ "repl", "--attach", path }, steps, { TERM = "dumb" }), 0)
  equal(#sim:requests "trade", 0)
  equal(run:stop(), 0)
end)

test("junk is an error, and the runtime goes on", function()
  local run, path = start()
  local junk = {}
  math.randomseed(5)
  for i = 1, 20000 do junk[i] = string.char(math.random(0, 255)) end
  local status, said = pipe(path, table.concat(junk))
  equal(status, 1)
  assert(said:find "^prompt:1: ", said)
  equal(pipe(path, "print(1)\n"), 0)
  equal(run:stop(), 0)
end)

e2e.run_all()
