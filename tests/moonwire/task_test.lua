-- Tasks wait for events, belong to an owner, and end once.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local dispatch = require "moonwire.dispatch"
local http = require "moonwire.http"
local task = require "moonwire.task"

local function new_owner()
  local owner = { ended = {} }
  function owner:on_task_done(done, ok, ...)
    local words = { done.name, tostring(ok) }
    for i = 1, select("#", ...) do words[#words + 1] = tostring((select(i, ...))) end
    while words[#words] == "nil" do words[#words] = nil end
    table.insert(self.ended, table.concat(words, " "))
  end
  function owner:said() return table.concat(self.ended, "|") end
  return owner
end

local function timers(s)
  local count = 0
  for _ in pairs(s.timers) do count = count + 1 end
  return count
end

t.test("a task runs to its first wait before start returns", function()
  stage.new()
  local owner, calls = new_owner(), {}
  local running = task.start(owner, "work", function(me, a, b)
    t.equal(me, owner)
    calls[#calls + 1] = a .. b
    task.wait()
    calls[#calls + 1] = "woken"
  end, "x", "y")
  t.equal(table.concat(calls, " "), "xy")
  t.equal(owner:said(), "")
  running:wake()
  t.equal(table.concat(calls, " "), "xy woken")
  t.equal(owner:said(), "work true")
end)

t.test("a task that never waits has ended when start returns", function()
  stage.new()
  local owner = new_owner()
  task.start(owner, "quick", function() return 1, nil, "three" end)
  t.equal(owner:said(), "quick true 1 nil three")
end)

t.test("an error ends the task with its traceback, told to the owner", function()
  stage.new()
  local owner = new_owner()
  task.start(owner, "bad", function() error "oops" end)
  t.ok(owner.ended[1]:find "^bad false .*oops", owner.ended[1])
  t.ok(owner.ended[1]:find "stack traceback", owner.ended[1])
  local running = task.start(owner, "late", function()
    task.wait()
    local nothing = nil
    return nothing.x
  end)
  running:wake()
  t.ok(owner.ended[2]:find "^late false .*task_test.lua", owner.ended[2])
end)

t.test("wake hands over up to four values", function()
  stage.new()
  local owner = new_owner()
  local running = task.start(owner, "work", function() return task.wait() end)
  running:wake(1, nil, 3, 4)
  t.equal(owner:said(), "work true 1 nil 3 4")
end)

t.test("a wait with a time ends by it, with nil and timeout", function()
  local s = stage.new()
  local owner = new_owner()
  task.start(owner, "work", function() return task.wait(2) end)
  s:advance(1.999)
  t.equal(owner:said(), "")
  s:advance(0.001)
  t.equal(owner:said(), "work true nil timeout")
end)

t.test("what is woken in time is not timed out afterwards", function()
  local s = stage.new()
  local owner, before = new_owner(), timers(s)
  local running = task.start(owner, "work", function()
    local first = task.wait(2)
    local second = task.wait(10)
    return first, second
  end)
  s:advance(1)
  running:wake "first"
  s:advance(5)
  t.equal(owner:said(), "")
  running:wake "second"
  t.equal(owner:said(), "work true first second")
  t.equal(timers(s), before)
end)

t.test("sleep sleeps, 0 too, and refuses nonsense", function()
  local s = stage.new()
  local owner = new_owner()
  task.start(owner, "work", function()
    task.sleep(1)
    task.sleep(0)
    return "awake"
  end)
  t.equal(owner:said(), "")
  s:advance(1)
  t.equal(owner:said(), "work true awake")
  for _, seconds in ipairs { -1, "1", {} } do
    t.raises(task.sleep, "sleep takes seconds", seconds)
  end
  t.raises(task.sleep, "sleep takes seconds")
end)

t.test("waiting outside of a task raises", function()
  stage.new()
  t.raises(task.wait, "waiting is possible in a task only")
  t.raises(task.sleep, "waiting is possible in a task only", 1)
  t.raises(http.call, "it is for tasks", {})
  t.equal(task.current(), nil)
  coroutine.wrap(function() t.raises(task.wait, "in a task only") end)()
end)

t.test("the running task is known inside it, also by way of another one", function()
  stage.new()
  local owner = new_owner()
  local inner_task, outer_task, seen, outer_seen
  outer_task = task.start(owner, "outer", function()
    inner_task = task.start(owner, "inner", function()
      seen = task.current()
      task.wait()
    end)
    outer_seen = task.current()
    task.wait()
  end)
  t.equal(seen, inner_task)
  t.equal(outer_seen, outer_task)
  t.equal(task.current(), nil)
end)

t.test("a canceled task never runs again, and its owner hears nothing", function()
  local s = stage.new()
  local owner, before = new_owner(), timers(s)
  local calls = 0
  local running = task.start(owner, "work", function()
    task.wait(1)
    calls = calls + 1
  end)
  running:cancel()
  t.equal(timers(s), before)
  s:advance(5)
  running:wake()
  running:cancel()
  t.equal(calls, 0)
  t.equal(owner:said(), "")
end)

t.test("a task that cancels itself ends at its next wait without a word", function()
  stage.new()
  local owner = new_owner()
  local running, after
  running = task.start(owner, "work", function()
    task.wait()
    running:cancel()
    task.wait()
    after = true
  end)
  running:wake()
  running:wake()
  t.equal(after, nil)
  t.equal(owner:said(), "")
end)

t.test("to wake a task that has ended is nothing", function()
  stage.new()
  local owner = new_owner()
  local running = task.start(owner, "work", function() task.wait() end)
  running:wake()
  running:wake()
  t.equal(owner:said(), "work true")
end)

t.test("a busy owner has the step wait for the end of the event, values and all", function()
  local s = stage.new()
  local owner = new_owner()
  local steps, is_busy = {}, false
  function owner.before_step() return not is_busy end
  function owner:after_step(_, ok) steps[#steps + 1] = tostring(ok) end
  local running = task.start(owner, "work", function() return task.wait() end)
  t.equal(#steps, 1)
  dispatch.after(1, { act = function()
    is_busy = true
    running:wake(1, nil, 3)
    t.equal(owner:said(), "")
    is_busy = false
  end }, "act")
  s:advance(1)
  t.equal(owner:said(), "work true 1 nil 3")
  t.equal(table.concat(steps, " "), "true true")
end)

t.test("each step tells its owner whether it went well", function()
  stage.new()
  local owner = new_owner()
  local steps = {}
  function owner.before_step() return true end
  function owner:after_step(_, ok) steps[#steps + 1] = tostring(ok) .. #self.ended end
  local running = task.start(owner, "work", function()
    task.wait()
    error "oops"
  end)
  running:wake()
  t.equal(table.concat(steps, " "), "true0 false0", "told before the end is")
  t.ok(owner.ended[1]:find "oops")
end)

t.test("a request that is waited for gives its answer, or why there is none", function()
  local s = stage.new()
  local owner = new_owner()
  local function ask()
    task.start(owner, "ask", function() return http.call { url = "https://x.test/" } end)
  end
  ask()
  s:answer(s.pending[1], 200, "body", "headers")
  ask()
  s:lose(s.pending[1], true)
  ask()
  s:lose(s.pending[1], false)
  s.refuse_requests = "no network"
  ask()
  t.equal(owner:said(), "ask true 200 body headers|ask true nil timed out true"
          .. "|ask true nil timed out false|ask true nil no network false")
end)

t.test("a request's answer comes to the method that was named, with its context", function()
  local s = stage.new()
  local seen
  local object = { on_answer = function(_, ...) seen = { ... } end }
  t.ok(http.send({ url = "https://x.test/" }, object, "on_answer", "context"))
  s:answer(s.pending[1], 404, "body", "headers")
  t.equal(seen[1] .. seen[2] .. seen[3] .. seen[4], "context404bodyheaders")
  t.equal(seen[5], false)
  s.refuse_requests = "no network"
  local id, err = http.send({ url = "https://x.test/" }, object, "on_answer")
  t.equal(id, nil)
  t.equal(err, "no network")
end)

stage.done()
