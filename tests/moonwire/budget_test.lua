-- What runs now, and what happens when it was ended or when memory is short.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local host = require "moonwire.host"
local budget = require "moonwire.budget"
local ffi = require "moonwire.cdef"
local mw = require "moonwire"
local sandbox = require "moonwire.sandbox"
local traces = require "tests.moonwire.traces"

local shared = budget.shared

local function name_now() return ffi.string(shared.names[shared.callback]) end

local function play(class, options)
  options = options or {}
  options.strategies = { { name = "one", class = class, file = "one.lua" } }
  local s = stage.new(options):start()
  return s, s.runners.one
end

local function new_class() return mw.strategy { venue = "idx", symbol = "BTC/IDR" } end

t.test("each callback says what it is, where it stands, and when it is over", function()
  local S, seen = new_class(), {}
  function S:on_start()
    seen.start, seen.is_odd = name_now(), shared.callbacks % 2 == 1
    self:after(1, "later")
    self:after(2, function() seen.closure = name_now() end)
    self:task "works"
  end
  function S:later() seen.later = name_now() end
  function S:works()
    seen.first = name_now()
    mw.sleep(3)
    seen.second = name_now()
  end
  local s = play(S)
  s:advance(5)
  local here = "%(@?tests/moonwire/budget_test.lua:%d+%)$"
  t.ok(seen.start:find("^strategy one, on_start " .. here), seen.start)
  t.ok(seen.later:find("^strategy one, later " .. here), seen.later)
  t.ok(seen.closure:find("^strategy one, function at line %d+ " .. here), seen.closure)
  t.ok(seen.first:find("^strategy one, works " .. here), seen.first)
  t.equal(seen.second, seen.first)
  t.ok(seen.is_odd)
  t.equal(tonumber(shared.callbacks % 2), 0)
end)

t.test("a name that is too long keeps the end of its path", function()
  local place = budget.place("s", "on_fill", assert(loadstring("return 1", "@" .. ("d/"):rep(80)
    .. "end.lua")))
  local text = ffi.string(shared.names[place])
  t.equal(#text, 95)
  t.ok(text:find "^strategy s, on_fill %(%.%.%./?d/.*/end%.lua:0%)$", text)
end)

t.test("places of names that are forgotten are used again", function()
  local first = budget.place("again", "on_fill")
  for i = 1, 3000 do
    local place = budget.place("again", "callback " .. i)
    t.ok(place ~= 0, "no place is left")
    t.equal(ffi.string(shared.names[place]), "strategy again, callback " .. i)
    budget.forget { callback = place }
  end
  t.equal(ffi.string(shared.names[first]), "strategy again, on_fill")
  t.equal(budget.place("again", "on_fill"), first)
end)

t.test("open orders of ours are counted for the guardian, and no others", function()
  local S, order = new_class(), nil
  function S:on_start() order = self:buy { qty = "0.001", price = "950000000" } end
  local s = play(S)
  t.equal(shared.open_orders, 1)
  s:push(s:update({ order_id = "btcidr-limit-9" }, { clientOrderId = "by-hand" }))
  t.equal(shared.open_orders, 1)
  s:push(s:update(order, { status = "CANCELLED" }))
  t.equal(shared.open_orders, 0)
  local other = s.desk.orders:find("idx", nil, "btcidr-limit-9")
  s:run(s.desk.orders, "claim_order", other, "one")
  t.equal(shared.open_orders, 1, "it is ours now")
  s:push(s:update(other, { status = "CANCELLED", clientOrderId = "by-hand" }))
  t.equal(shared.open_orders, 0)
end)

t.test("a callback that was ended stops its strategy, whatever on_error says", function()
  local S = new_class()
  function S:on_start()
    self:buy { qty = "0.001", price = "950000000" }
    shared.ended = 1                                        -- as the hook does before it raises
    error "it ran too long"
  end
  local s, runner = play(S, { on_error = "continue" })
  t.equal(runner.state, "stopped")
  t.equal(runner.errors, 1)
  t.equal(shared.ended, 0)
  t.equal(#s:asked "trade", 0)
  t.equal(#s:logged "on_start was ended", 1)
  t.equal(#s:logged "dropped with the failed callback: send", 1)
end)

t.test("a callback whose pcall caught its end is ended all the same", function()
  local S = new_class()
  function S:on_start()
    self:buy { qty = "0.001", price = "950000000" }
    shared.ended = 1
  end
  local s, runner = play(S, { on_error = "continue" })
  t.equal(runner.state, "stopped")
  t.equal(#s:asked "trade", 0)
end)

t.test("want of memory stops the strategy and lets its state go, but for what persists", function()
  local S = new_class()
  function S:on_start()
    self.state.big, self.state.persist.small = {}, 7
    error("not enough memory", 0)
  end
  local s, runner = play(S, { on_error = "continue" })
  t.equal(runner.state, "stopped")
  t.equal(runner.instance.state.big, nil)
  t.equal(runner.instance.state.persist.small, 7)
  t.equal(#s:logged "on_start failed: not enough memory", 1)
end)

t.test("an error object that fails to show itself is a failure like any other", function()
  local S = new_class()
  function S:on_start()
    error(setmetatable({}, { __tostring = function() error "no text" end }))
  end
  local _, runner = play(S)
  t.equal(runner.state, "stopped")
  t.equal(runner.errors, 1)
end)

for _, trusted in ipairs { false, true } do
  t.test("a handler of errors is passed over while its callback is ended"
         .. (trusted and ", trusted too" or ""), function()
    local environment = sandbox.environment { trusted = trusted, print = print, clock = os.time,
                                              root = ".", seed = 1 }
    local calls = 0
    local function handler(err)
      calls = calls + 1
      return "handled " .. err
    end
    local function fail(what) error(what, 0) end
    local ok, err = environment.xpcall(fail, handler, "first")
    t.equal(ok, false)
    t.equal(err, "handled first")
    shared.ended = 1
    ok, err = environment.xpcall(fail, handler, "second")
    shared.ended = 0
    t.equal(ok, false)
    t.equal(err, "second")
    t.equal(calls, 1)
    local function count(...) return select("#", ...) end
    t.equal(select(2, environment.xpcall(count, handler, 1, nil)), 2)
  end)
end

-- Memory ------------------------------------------------------------------------------------------

local MB = 1024 * 1024

local function with_memory(used, was_refused, body)
  local real = host.memory
  host.memory = function() return used, was_refused end
  local ok, err = pcall(body)
  host.memory = real
  if not ok then error(err, 0) end
end

local function resting()
  local S = new_class()
  function S:on_start() self:buy { qty = "0.001", price = "950000000" } end
  local s = play(S)
  s.desk.config.memory_limit_mb = 64
  return s
end

t.test("memory that collecting frees is told once a minute, and nothing stops", function()
  local s = resting()
  with_memory(50 * MB, false, function()
    budget.on_memory(s.desk)
    budget.on_memory(s.desk)
  end)
  t.equal(#s:logged "memory_limit_mb = 64 was reached; 50 MB are left in use", 1)
  t.equal(s.desk.stopping, false)
end)

t.test("memory that stays in use stops the runtime, says what to do and cancels", function()
  local s = resting()
  with_memory(65 * MB, false, function() budget.on_memory(s.desk) end)
  s:settle()
  t.equal(#s:logged "memory: 65 MB are in use, memory_limit_mb is 64", 1)
  t.equal(#s:logged "raise the limit", 1)
  t.ok(s.desk.stopping)
  t.equal(s.desk.stopping.status, 1)
  t.ok(#s:asked "cancelByClientOrderId" > 0, "no cancel")
end)

t.test("memory that was refused to the library stops the runtime as well", function()
  local s = resting()
  with_memory(10 * MB, true, function() budget.on_memory(s.desk) end)
  t.equal(s.desk.stopping.status, 1)
end)

-- LuaJIT may record the first call of a callback. A trace with the place in it would end there, and
-- each later one of an event would lead into it: then an event takes half as long again.
t.test("what is compiled of a callback has not the search for its place in it", function()
  local ends = traces.ends_of(function(i)
    budget.enter(budget.place("jit", "on_" .. i, t.test))
    return budget.leave()
  end)
  t.equal(ends.stitch, nil)
end)

stage.done()
