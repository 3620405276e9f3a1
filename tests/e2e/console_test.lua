--- The prompt's socket, between real processes: what clients may do, and what they may not do to
--- the strategies.

local dispatch = require "moonwire.dispatch"
local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local json = require "moonwire.json"
local test, equal = e2e.test, e2e.equal

-- Places an order and counts the events of a second: whoever is held up sees fewer.
local TICKING = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1500000000" }
  self.state.last = mw.now()
  self.state.longest = 0
  self:every(0.02, "tick")
end
function S:on_order(order) if order.status == "new" then print "resting" end end
function S:tick()
  local now = mw.now()
  self.state.longest = math.max(self.state.longest, now - self.state.last)
  self.state.last = now
end
function S:on_stop() print(("longest gap %.3f"):format(self.state.longest)) end
return S
]]

local function start(options)
  local sim = e2e.sim "indodax"
  options = options or {}
  options.rest = 'console = { path = "s" }, ' .. (options.rest or "")
  local run = sim:run(TICKING, options)
  run:wait_for "resting"
  return run, run.config:gsub("moonwire.lua$", "s"), sim
end

-- A client that speaks the language.
local Client = {}
Client.__index = Client

local function attach(path, hello)
  local id = assert(host.console_connect(path))
  local self = setmetatable({ id = id, heard = {}, taken = 0 }, Client)
  dispatch.bind(id, self)
  self:tell(hello or { hello = true, interactive = true })
  return self
end

function Client:on_console_line(_, line) table.insert(self.heard, (assert(json.decode(line)))) end
function Client:on_console_close() self.is_closed = true end
function Client:tell(message) assert(host.console_send(self.id, json.encode(message))) end
function Client:leave()
  host.console_close(self.id)
  dispatch.unbind(self.id)
end

--- The next message of that kind, as soon as it is there.
function Client:await(kind)
  return e2e.await(kind, function()
    while self.taken < #self.heard do
      self.taken = self.taken + 1
      if self.heard[self.taken].kind == kind then return self.heard[self.taken] end
    end
  end)
end

function Client:run(text)
  self:tell { run = text }
  local done = self:await "done"
  return done.text, done.ok
end

local function has(text, part)
  if not text:find(part, 1, true) then error(("no %q in:\n%s"):format(part, text), 2) end
end

-- Nobody was held up for longer than a callback may take; a slow machine is slow for all.
local LONGEST = 2 * e2e.slower

local function stop(run)
  equal(run:stop(), 0, "exit status")
  local gap = tonumber(run:wait_for "longest gap ([%d.]+)")
  if gap > LONGEST then error("the strategy was held up for " .. gap .. " s", 2) end
end

test("orders by hand: sent, seen, filled, canceled; the strategy's are cancelled too", function()
  local run, path, sim = start()
  local client = attach(path)
  equal(client:await("hello").name, "moonwire")
  has((client:run "orders()"), "1500000000")
  local text, ok = client:run 'buy("BTC/IDR", "0.002", 1400e6)'
  equal(ok, true, text)
  has(client:await("line").text, "new      buy  BTC/IDR   0.002 @ 1400000000")
  equal(#sim:orders(true), 2)
  client:run "mine = orders()[2]"
  client:tell { run = 'mine:wait("filled", 9)' }
  sim:control("trade", { pair = "btc_idr", side = "sell", qty = "0.0030", price = "1400000000" })
  equal(client:await("done").text, '"filled"')
  has((client:run 'positions "console"'), "0.002")
  client:run "cancel_all()"
  e2e.await("no open orders", function() return #sim:orders(true) == 0 end)
  client:leave()
  stop(run)
end)

test("several prompts: each has its own world, what one does the other may watch", function()
  local run, path = start()
  local one, two = attach(path), attach(path)
  one:run "x = 1"
  equal((two:run "x"), "nil")
  two:run "watch(true)"
  one:run 'buy("BTC/IDR", "0.002", 1400e6)'
  has(two:await("line").text, "0.002 @ 1400000000")
  one:leave()
  equal((two:run "1"), "1")
  stop(run)
end)

test("an expression that never ends is ended, and a wait holds nobody up", function()
  local run, path = start { rest = "max_callback = 0.2," }
  local one, two = attach(path), attach(path)
  local text, ok = one:run "while true do end"
  equal(ok, false)
  has(text, "it ran longer than 0.2 s (max_callback)")
  equal((one:run "1"), "1", "the session goes on")
  one:tell { run = 'mw.sleep(60)' }
  equal((two:run "2"), "2")
  one:tell { interrupt = true }
  has(one:await("done").text, "abandoned")
  stop(run)
end)

test("read-only may look and not touch", function()
  local run, path, sim = start()
  local client = attach(path, { hello = true, read_only = true })
  local text, ok = client:run 'buy("BTC/IDR", "0.002", 1400e6)'
  equal(ok, false)
  has(text, "read-only")
  client:run "cancel_all()"
  equal(#sim:orders(true), 1)
  stop(run)
end)

test("a prompt that vanishes leaves its orders", function()
  local run, path, sim = start()
  local client = attach(path)
  client:tell { run = 'buy("BTC/IDR", "0.002", 1400e6):wait("filled")' }
  e2e.await("the order", function() return #sim:orders(true) == 2 end)
  client:leave()
  run:wait_for "a prompt has gone"
  equal(#sim:orders(true), 2)
  stop(run)
  equal(#sim:orders(true), 0, "and at the end they are canceled")
end)

test("garbage, floods and who does not read harm nothing", function()
  -- (What is printed to the deaf one may take its time: it is not to be ended for that.)
  local run, path = start { rest = "max_callback = 60," }
  local garbage = attach(path)
  for _ = 1, 20 do host.console_send(garbage.id, "\255\254{]") end
  garbage:await "bye"
  e2e.await("the end", function() return garbage.is_closed end)

  local endless = assert(host.console_connect(path))
  for _ = 1, 9 do host.console_send(endless, "x" .. ("y"):rep(80000)) end
  run:wait_for "a line of more than 64 KiB"

  local flood = attach(path)
  for _ = 1, 5000 do flood:tell { run = "1" } end
  e2e.await("answers", function() return #flood.heard > 5000 end, 60)
  flood:leave()

  -- One that asks for much and is stopped: nothing reads what it is sent.
  local python = [[
import socket, time, sys
s = socket.socket(socket.AF_UNIX)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(sys.argv[1])
s.sendall(b'{"run":"for i = 1, 200 do print((\\"x\\"):rep(20000)) end"}\n')
time.sleep(60)
]]
  local deaf = e2e.spawn { "/usr/bin/python3", "-c", python, path }
  run:wait_for("a prompt has gone %(pid " .. deaf.pid .. "%): it does not read")
  local client = attach(path)
  equal((client:run "1 + 1"), "2")
  deaf:signal(9)
  stop(run)
end)

test("the socket is its user's alone, and one runtime's", function()
  local run, path, sim = start()
  local mode = io.popen("stat -c %a " .. path):read "*l"
  equal(mode, "600")
  -- Another runtime, with another account, that wants the same socket.
  local other = sim:run("return require('moonwire').strategy {}", {
    rest = ('name = "other", console = { path = %q },'):format(path) })
  equal(other:wait_exit(), 2, "exit status")
  equal((attach(path):run "1"), "1")
  stop(run)
  equal(io.open(path), nil, "the file goes with it")
end)

test("a killed runtime's socket is replaced by the next one", function()
  local run, path = start { rest = "restart = true, on_crash = 'leave'," }
  run:signal_runtime(9)
  run:wait_for("the prompt: .*the prompt: ", 20)
  equal((attach(path):run "1"), "1")
  run:stop()
end)

-- The command ------------------------------------------------------------------------------------

local function repl(arguments, environment)
  local words = { "repl" }
  for _, word in ipairs(arguments) do words[#words + 1] = word end
  local process = e2e.moonwire(words, environment)
  return process:wait_exit(), process:out(), process:err()
end

test("moonwire repl -e runs expressions and says by its status how it went", function()
  local run, path = start()
  local status, out, err, _ = repl { "--attach", path, "-e", "1 + 1", "-e", "#orders()" }
  equal(out, "2\n1\n")
  equal(status, 0, err)
  status, out, err = repl { "--attach", path, "-e", "nosuch()", "-e", "2" }
  equal(out, "", "a script ends with its first error")
  has(err, "attempt to call global 'nosuch' (a nil value)\n  nosuch()\n  ^")
  equal(status, 1)
  status, out = repl { "--attach", path, "--json", "-e", "orders()" }
  equal(status, 0)
  equal(json.decode(out)[1].price, "1500000000")
  status, out = repl { "--attach", path, "-e", "top()", "-e", "t = {} for i = 1, 300 do t[i] = "
    .. "{ n = i } end return t" }
  equal(status, 0)
  has(out, "\nevent to order: none\n")
  has(out, "\nstrategy1  running            1       0\n")
  has(out, "\n300\n")
  equal(out:find("more", 1, true), nil, "a script gets all of it")
  status, out = repl { "--attach", path, "--json", "-e", "top()" }
  equal(status, 0)
  equal(json.decode(out).orders[1].price, "1500000000")
  equal(#json.decode(out).positions, 0)
  status, out = repl { "--attach", path, "-e", "top()" }
  equal(status, 0)
  has(out, "1500000000")
  equal(out:find "\nnil", nil)
  status, _, err = repl { "--attach", path, "--read-only", "-e", "cancel_all()" }
  equal(status, 1)
  has(err, "cancel_all: this prompt is read-only")
  stop(run)
  status, _, err = repl { "--attach", path, "-e", "1" }
  equal(status, 2)
  has(err, "No such file or directory; a runtime listens where console.path of its configuration")
end)

test("a runtime without a venue has a prompt as well", function()
  local config = e2e.write(e2e.directory() .. "/moonwire.lua", "return { venues = {} }")
  local status, out = repl { "--config", config, "-e", "6 * 7" }
  equal(status, 0)
  equal(out, "42\n")
end)

test("moonwire repl --config starts a runtime of its own, which ends with it", function()
  local sim = e2e.sim "indodax"
  local config = e2e.write(e2e.directory() .. "/moonwire.lua", sim:config())
  local status, out, err = repl({ "--config", config, "-e", "balances()[1].venue", "-e",
    'buy("BTC/IDR", "0.002", 1400e6):wait("new", 5)' }, sim:environment())
  equal(out, '"idx"\n"new"\n')
  equal(status, 0, err)
  has(err, "stopping: SIGTERM")
  equal(#sim:orders(true), 0, "its orders are canceled")
  e2e.write(config, "return { x = 1 }")
  status, out, err = repl({ "--config", config, "-e", "1" }, sim:environment())
  equal(out, "")
  equal(status, 2)
  has(err, "moonwire.lua:1: x: unknown key")
end)

test("a runtime of the prompt's own takes strategies and log options, as run does", function()
  local sim = e2e.sim "indodax"
  local directory = e2e.directory()
  local config = e2e.write(directory .. "/moonwire.lua", sim:config())
  local file = e2e.write(directory .. "/ticking.lua", TICKING)
  local status, out, err = repl({ "--config", config, "--log-level", "warn", file, "--no-watch",
    "-e", "strategies()[1].name", "-e", "1" }, sim:environment())
  equal(out, '"ticking"\n1\n')
  equal(status, 0, err)
  has(err, "longest gap")
  equal(err:find "level=info", nil, err)
  equal(#sim:orders(true), 0, "its orders are canceled")
  status, out, err = repl({ "--config", config, "--log-level=error", "-e", "1" },
    sim:environment())
  equal(out, "1\n")
  equal(status, 0)
  equal(err, "")
  status, out, err = repl({ "--config", config, "--log-level", "loud", "-e", "1" },
    sim:environment())
  equal(status, 2, out)
  has(err, "loud")
  status, out, err = repl { "--attach", "nowhere", file }
  equal(status, 2, out)
  has(err, file .. " is for a runtime that the prompt starts")
end)

test("an order that no strategy claims any more is asked about at the prompt, and decided there",
  function()
  local run, _, sim = start { venue = "dead_man = false,", rest = 'on_stop = "leave",' }
  equal(run:stop(), 0)
  equal(#sim:orders(true), 1, "open orders that were left")
  local directory = run.config:gsub("moonwire.lua$", "")
  local config = e2e.write(directory .. "other.lua", sim:config("dead_man = false,",
    'console = { path = "s" }, on_orphan = "ask",'))
  local idle = e2e.moonwire({ "run", "--config", config }, sim:environment())
  idle:wait_for "belongs to strategy strategy1, which is not configured: left as it is"
  local client = attach(directory .. "s")
  local id = client:await("line").text:match 'cancel%("([^"]+)"%)'
  local text, ok = client:run(("cancel(%q)"):format(id))
  if not ok then error(text) end
  e2e.await("no open order", function() return #sim:orders(true) == 0 end)
  client:leave()
  equal(idle:stop(), 0)
end)

e2e.run_all()
