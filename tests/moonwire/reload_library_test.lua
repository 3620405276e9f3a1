-- A module of the library changes while strategies trade. Its file stays as it is: what is read of
-- it is changed here.

local f = require "tests.moonwire.reload_fixture"
local t = require "tests.tap"
local host = require "moonwire.host"
local reading = require "moonwire.reading"
local risk = require "moonwire.risk"

local ask = f.ask

local TRADES = [[
function S:on_start() self:every(1, "again") end
function S:again()
  local order, err = self:buy { qty = "0.001", price = "950000000" }
  self.state.told = order and "sent" or err
end]]

local texts = {}                      -- path -> what is read in place of the file
local read_file = reading.from_disk
function reading.from_disk(path)
  if texts[path] then return texts[path] end
  return read_file(path)
end

-- Plays, and gives a function that changes the module's text and tells that it was saved.
local function play(name, options)
  f.file("a.lua", TRADES)
  local s, runner = f.play({ a = {} }, options)
  local path = package.searchpath("moonwire." .. name, package.path)
  return s, runner, function(pattern, replacement)
    local changed, count = read_file(path):gsub(pattern, replacement)
    t.equal(count, 1)
    texts[path] = changed
    s:run(s.reloader, "on_file_changed", path .. "\0")
    f.finish(s)
    texts[path] = nil
  end
end

local function has(text, part)
  t.ok(tostring(text):find(part, 1, true), ("expected %q in: %s"):format(part, tostring(text)))
end

t.test("a limit's text and check are new for the next order", function()
  local s, runner, change = play("risk", { risk = { max_open_orders = 2 } })
  s:advance(3)
  has(runner.instance.state.told, "max_open_orders")
  change("return M\n$", "local check = M.check\nfunction M.check(...)\n  local ok, err = "
         .. "check(...)\n  return ok, err and 'new: ' .. err\nend\nreturn M\n")
  s:advance(1)
  has(runner.instance.state.told, "new: ")
  t.equal(#s:asked "trade", 2)
end)

t.test("a session that stands has the new methods and all that it knew", function()
  local s, runner, change = play "session"
  s:advance(1)
  local limiter, socket = s.session.limiter, s:private()
  change("function Session:send_order%(order%)\n", "%0  self.memory.seen = order\n")
  s:advance(1)
  t.equal(s.session.memory.seen.status, "new")
  t.equal(s.session.limiter, limiter)
  t.equal(s:private(), socket)
  t.equal(runner.state, "running")
  t.equal(#s:asked "trade", 2)
end)

t.test("what runs strategies changes under them", function()
  local s, runner, change = play "runner_trading"
  s:advance(1)
  change('"the strategy is " %.%. self.state end\n',
         '"the strategy is no more than " .. self.state end\n')
  s:advance(1)
  t.equal(#s:asked "trade", 2)
  s:run(runner, "stop", "enough")
  has(select(2, runner:submit {}), "no more than stopped")
end)

t.test("every module that can be changed trades on after it", function()
  for _, name in ipairs { "order", "orders", "desk", "link", "rate", "task", "reconcile", "record",
                          "position", "budget", "log", "countdown", "random", "client_id",
                          "session_state", "session_markets", "strategy", "strategy_timer",
                          "runner" } do
    local s, runner, change = play(name)
    s:advance(1)
    change("^", "-- changed\n")
    s:advance(1)
    t.equal(#s:logged "error ", 0, name .. " " .. table.concat(s:logged "error "))
    t.equal(#s:asked "trade", 2, name)
    s:push(s:fill(s.desk.orders.open[1], "0.001", "0.001"))
    t.equal(tostring(runner.instance:position().qty), "0.001", name)
  end
end)

t.test("SIGHUP takes a library module that has changed", function()
  f.file("a.lua", TRADES)
  local s = f.play { a = {} }
  local path = package.searchpath("moonwire.risk", package.path)
  t.equal(ask(s, "reload_all", "SIGHUP"), "nothing changed")
  texts[path] = "-- changed\n" .. read_file(path)
  t.equal(ask(s, "reload_all", "SIGHUP"), "moonwire.risk: version 2")
  t.equal(ask(s, "reload_all", "SIGHUP"), "nothing changed")
  texts[path] = nil
  t.equal(ask(s, "reload_all", "SIGHUP"), "moonwire.risk: version 1")
end)

t.test("what cannot change under way says so", function()
  f.file("a.lua", TRADES)
  local s = f.play { a = {} }
  for _, name in ipairs { "moonwire.dispatch", "moonwire.decimal" } do
    local told, err = ask(s, "reload", name)
    t.equal(told, nil)
    has(err, name .. " waits for the next start")
  end
end)

t.test("a library module that does not load changes nothing", function()
  local s, runner, change = play "risk"
  change("^", "local x = = 1\n")
  has(table.concat(s:logged "error not reloaded (saved)"), "moonwire/risk.lua:1: unexpected symbol")
  s:advance(1)
  t.equal(runner.instance.state.told, "sent")
end)

t.test("a library that was replaced under the runtime waits as a whole, all else goes in",
       function()
  f.file("a.lua", TRADES)
  local s = f.play { a = {} }
  local function path_of(name) return package.searchpath("moonwire." .. name, package.path) end
  local function running(name)
    local list = ask(s, "versions", name)
    return list[#list].is_running and list[#list].number
  end
  for _, name in ipairs { "risk", "dispatch" } do
    texts[path_of(name)] = "-- changed\n" .. read_file(path_of(name))
  end
  f.file("a.lua", TRADES .. "\n-- changed")
  t.equal(ask(s, "reload_all", "SIGHUP"), "a: version 2, the library waits for the next start")
  t.equal(#s:logged "warn not reloaded (SIGHUP): ", 2)
  t.equal(running "moonwire.risk", 1)
  t.equal(ask(s, "reload_all", "SIGHUP"), "the library waits for the next start")
  -- As one change: nothing of it goes in, and the next one does not bring half of it.
  s:run(s.reloader, "on_file_changed", path_of "risk" .. "\0" .. path_of "dispatch" .. "\0")
  f.finish(s)
  f.file("a.lua", TRADES .. "\n-- changed again")
  f.saved(s, "a.lua")
  t.equal(running "a", 3)
  t.equal(running "moonwire.risk", 1)
  texts = {}
end)

-- Saves another text of the risk module; `act` is called before the change's pause number `at`.
-- Whether it came to that.
local function save_risk(s, text, at, act)
  local path = package.searchpath("moonwire.risk", package.path)
  local age, pauses = host.event_age, 0
  function host.event_age()
    pauses = pauses + 1
    if pauses == at then act() end
    return age()
  end
  texts[path] = text
  s:run(s.reloader, "on_file_changed", path .. "\0")
  f.finish(s)
  host.event_age, texts[path] = age, nil
  return pauses >= at
end

t.test("what takes a function while it is looked for has the new one in the end", function()
  f.file("a.lua", TRADES)
  local s = f.play { a = {} }
  local path = package.searchpath("moonwire.risk", package.path)
  local at, in_time = 0, 0
  repeat
    at = at + 1
    local before, late = tostring(risk.check), nil      -- (the function would be replaced here)
    local came = save_risk(s, ("-- change %d\n"):format(at) .. read_file(path), at, function()
      in_time = in_time + (tostring(risk.check) == before and 1 or 0)
      late = { check = risk.check }
      package.loaded["moonwire.late"] = late
    end)
    t.ok(tostring(risk.check) ~= before)
    if late then t.equal(late.check, risk.check, "at pause " .. at) end
    package.loaded["moonwire.late"] = nil
  until not came
  t.ok(in_time > 5 and in_time < at - 1, ("%d of %d pauses before it is there"):format(in_time, at))
end)

-- Probation ---------------------------------------------------------------------------------------

-- What a stage's strategies do with orders, broken in a place that no strategy's code is in.
local BREAKS_RISK = { "function M%.check%([^)]*%)\n", "%0  error 'broken'\n" }

t.test("a library module that fails in callbacks is taken back, and nobody is stopped", function()
  local s, runner, change = play "risk"
  s:advance(1)
  t.equal(runner.instance.state.told, "sent")
  change(unpack(BREAKS_RISK))
  s:advance(2)
  t.equal(#s:logged "on probation: ", 2)
  t.equal(#s:asked "trade", 1)
  s:advance(2)
  has(table.concat(s:logged "error rolled back to version 1"),
      "3 errors, the last one in again of a; mend the file")
  t.equal(runner.state, "running")
  t.equal(#s:asked "trade", 2)
  t.equal(ask(s, "versions", "moonwire.risk")[1].is_running, true)
end)

t.test("a change comes in although the one before is taken back meanwhile", function()
  local third = read_file(package.searchpath("moonwire.risk", package.path)):gsub(
    "function M%.check%([^)]*%)\n", "%0  if true then return nil, 'the third' end\n")
  for at = 1, 4 do
    local s, runner, change = play "risk"
    s:advance(1)
    change(unpack(BREAKS_RISK))
    package.loaded["moonwire.holder"] = { check = risk.check }
    t.ok(save_risk(s, third, at, function() s.reloader.probation.trials[1]:fail "enough" end))
    t.equal(#s:logged "error rolled back to version 1: enough", 1)
    s:advance(1)
    t.equal(runner.instance.state.told, "the third", "at pause " .. at)
    t.equal(package.loaded["moonwire.holder"].check, risk.check)
    package.loaded["moonwire.holder"] = nil
    t.equal(ask(s, "rollback", "moonwire.risk", 1), "moonwire.risk: version 1")
    s:advance(1)
    t.equal(runner.instance.state.told, "sent")
  end
end)

t.test("errors outside of strategies count as well", function()
  local s, runner, change = play "orders"
  s:advance(1)
  local order = s.desk.orders.open[1]
  change("function Orders:apply%([^)]*%)\n", "%0  error 'broken'\n")
  for _ = 1, 3 do pcall(s.push, s, s:fill(order, "0.001", "0.001")) end
  s:settle()
  has(table.concat(s:logged "error rolled back to version 1"), "3 errors, the last one in")
  s:push(s:fill(order, "0.001", "0.001"))
  t.equal(order.status, "filled")
  t.equal(tostring(runner.instance:position().qty), "0.001")
end)

t.test("what a commit does fails by the library's fault: it is taken back", function()
  local s, runner, change = play "session"
  change("function Session:send_order%(order%)\n", "%0  error 'broken'\n")
  s:advance(3)
  has(table.concat(s:logged "error rolled back to version 1"),
      "3 errors, the last one in send of a")
  s:advance(1)
  t.equal(runner.instance.state.told, "sent")
  t.equal(#s:asked "trade", 1)
end)

t.test("a module and a strategy of one change go back together", function()
  local s, runner = play("risk", { probation = { errors = 2, seconds = 30 } })
  local path = package.searchpath("moonwire.risk", package.path)
  texts[path] = read_file(path):gsub("return M\n$", "M.is_new = true\n%0")
  f.file("a.lua", TRADES .. "\nfunction S:on_order() error 'no' end")
  s:run(s.reloader, "on_file_changed", path .. "\0" .. f.path "a.lua" .. "\0")
  f.finish(s)
  has(table.concat(s:logged "reloaded (saved)"), "moonwire.risk: version 2")
  s:advance(2)
  t.equal(#s:logged "error rolled back to version 1: 2 errors, the last one in on_order of a", 2)
  t.equal(ask(s, "versions", "moonwire.risk")[1].is_running, true)
  t.equal(runner.state, "running")
  texts[path] = nil
end)

t.test("a library module that proves itself stays", function()
  local s, _, change = play "risk"
  change("^", "-- changed\n")
  s:advance(31)
  t.equal(#s:logged "info version 2 has passed its probation", 1)
  t.equal(s.runners.a.probation, false)
  t.equal(s.session.probation, false)
end)

t.test("rollback takes a library module back to what stood there at the start", function()
  local s, runner, change = play("risk", { risk = { max_open_orders = 1 } })
  change("return M\n$", "local check = M.check\nfunction M.check(...)\n  local ok, err = "
         .. "check(...)\n  return ok, err and 'new: ' .. err\nend\nreturn M\n")
  s:advance(2)
  has(runner.instance.state.told, "new: ")
  t.equal(ask(s, "rollback", "moonwire.risk"), "moonwire.risk: version 1")
  s:advance(1)
  t.ok(not runner.instance.state.told:find "new: ", runner.instance.state.told)
  has(ask(s, "diff", "moonwire.risk", 1, 2), "risk.lua")
end)

f.done()
