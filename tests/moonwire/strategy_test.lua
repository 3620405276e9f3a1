-- Strategies as their authors meet them: a callback is a transaction, and callbacks never nest.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local mw = require "moonwire"
local fixture = require "tests.moonwire.strategy_fixture"

local class, play, doing, note = fixture.class, fixture.play, fixture.doing, fixture.note
local calls, BUY = fixture.calls, fixture.BUY

-- A callback is a transaction ---------------------------------------------------------------------

t.test("what a callback asks for leaves when it returns, not before", function()
  local sent_inside
  local s
  local S = doing(function(self)
    self.order = assert(self:buy(BUY))
    sent_inside = #s:asked "trade"
  end)
  local instance
  s, instance = play(S)
  s:advance(1)
  t.equal(sent_inside, 0)
  t.equal(#s:asked "trade", 1)
  t.equal(instance.order.status, "new")
end)

t.test("an order is pending_new and has its id at once", function()
  local status, id
  local S = doing(function(self)
    local order = self:buy(BUY)
    status, id = order.status, order.client_order_id
  end)
  play(S):advance(1)
  t.equal(status, "pending_new")
  t.ok(id:find "^mw%-", id)
end)

t.test("an error drops all that the callback asked for", function()
  local order
  local S = doing(function(self)
    order = assert(self:buy(BUY))
    self:after(1, "on_book")
    self:subscribe "book"
    error "oops"
  end)
  local s = play(S)
  s:advance(5)
  t.equal(#s:asked "trade", 0)
  t.equal(order.status, "rejected")
  t.equal(order.reason, "callback failed")
  t.equal(#s.desk.orders:list_open(), 0)
  t.equal(s.last_socket.market, nil)
end)

t.test("a cancel of a callback that fails does not leave", function()
  local S = doing(function(self)
    self:cancel(self.order)
    error "oops"
  end)
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:after(1, "act")
  end
  local s = play(S, { on_error = "continue" })
  s:advance(1)
  t.equal(#s:asked "cancelByClientOrderId", 0)
end)

t.test("an order that was dropped counts in no limit afterwards", function()
  local failed, err
  local S = doing(function(self)
    if not failed then
      failed = true
      self:buy(BUY)
      error "oops"
    end
    self.order, err = self:buy(BUY)
  end)
  function S:on_start() self:every(1, "act") end
  local s, instance = play(S, { on_error = "continue", risk = { max_open_orders = 1 } })
  s:advance(2)
  t.ok(instance.order, err)
end)

t.test("an error stops the strategy and cancels its orders, with the traceback logged", function()
  local S = doing(function() error "oops" end)
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:after(1, "act")
    self:every(1, "tick")
  end
  function S:tick() note(self, "tick") end
  function S:on_stop() note(self, "on_stop") end
  local s, instance, runner = play(S)
  s:advance(3)
  t.equal(calls(S), "on_stop")
  t.equal(runner.state, "stopped")
  t.equal(runner.errors, 1)
  t.equal(instance.order.status, "canceled")
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.ok(s:logged("oops")[1]:find "stack traceback", "the traceback")
end)

t.test("the traceback is the strategy's own calls, from the one that failed on", function()
  local function inner(self) return self.nothing.there end
  local s = play(doing(function(self)
    note(self, "act")
    local value = inner(self)
    return value
  end))
  s:advance(1)
  local line = s:logged("act failed")[1]
  local trace = line:match "stack traceback:\n(.*)$"
  local _, calls_shown = trace:gsub("strategy_test%.lua:%d+:", "")
  t.equal(calls_shown, 2, line)
  t.equal(trace:find("xpcall", 1, true), nil, line)
  s = play(doing(function() error "oops" end))
  s:advance(1)
  trace = s:logged("oops")[1]:match "stack traceback:\n(.*)$"
  t.ok(trace:find "^\t%[C%]: in function 'error'\n\t[^\n]*strategy_test%.lua:%d+: ", trace)
end)

t.test("on_error = continue keeps the strategy and its orders", function()
  local S = doing(function(self)
    note(self, "act")
    error "oops"
  end)
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:every(1, "act")
  end
  local s, instance, runner = play(S, { on_error = "continue" })
  s:advance(3)
  t.equal(calls(S), "act act act")
  t.equal(runner.state, "running")
  t.equal(runner.errors, 3)
  t.equal(instance.order.status, "new")
end)

t.test("one strategy's error leaves the other alone", function()
  local bad, good = class(), class()
  function bad:on_start() self:after(1, "act") end
  function bad.act() error "oops" end
  function good:on_start()
    self.order = assert(self:buy(BUY))
    self:every(1, "tick")
  end
  good.calls = {}
  function good:tick() note(self, "tick") end
  local s = stage.new { strategies = { { name = "bad", class = bad },
                                       { name = "good", class = good } } }:start()
  s:advance(3)
  t.equal(s.runners.bad.state .. s.runners.good.state, "stoppedrunning")
  t.equal(calls(good), "tick tick tick")
  t.equal(s.runners.good.instance.order.status, "new")
  t.equal(s.stopped, nil)
end)

t.test("an error in on_start, on_order, on_fill or on_stop is one of that strategy", function()
  for _, name in ipairs { "on_start", "on_order", "on_fill", "on_stop", "on_session" } do
    local S = class()
    function S:on_start() self.order = assert(self:buy(BUY)) end
    local act = S[name]
    S[name] = function(self, ...)
      if act then act(self, ...) end
      error("oops in " .. name)
    end
    local s, instance, runner = play(S)
    if instance.order and instance.order:is_open() then
      s:push(s:fill(instance.order, "0.001", "0.001"))
    end
    if name == "on_stop" then s:run(runner, "stop", "test") end
    if name == "on_session" then s:close(s:private()) end
    s:settle()
    t.equal(runner.state, "stopped", name)
    t.ok(#s:logged("oops in " .. name) >= 1, name)
  end
end)

-- One FILL calls on_fill and on_order in one event; the one that is named fails.
local function fill_with_failure(failing)
  local S = class()
  function S:on_start() self.order = assert(self:buy(BUY)) end
  local function ask(self, name, order)
    if order ~= self.order or order.status == "new" then return end
    self[name] = { assert(self:sell { qty = "0.0004", price = "960000000" }),
                   assert(self:sell { qty = "0.0005", price = "970000000" }) }
    if name == failing then error "oops" end
  end
  function S:on_fill(_, order) ask(self, "on_fill", order) end
  function S:on_order(order) ask(self, "on_order", order) end
  local s, instance, runner = play(S, { on_error = "continue" })
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  t.equal(runner.errors, 1)
  return s, instance
end

t.test("what a failed callback asked for is dropped, what others of its event asked for leaves",
       function()
  for failing, other in pairs { on_fill = "on_order", on_order = "on_fill" } do
    local s, instance = fill_with_failure(failing)
    for i = 1, 2 do
      local dropped, kept = instance[failing][i], instance[other][i]
      t.equal(dropped.status .. ": " .. dropped.reason, "rejected: callback failed")
      t.equal(kept.status, "new")
    end
    local sent = s:asked "trade"
    t.equal(#sent, 3)
    for i = 1, 2 do
      t.equal(stage.parameter(sent[i + 1], "client_order_id"), instance[other][i].client_order_id)
    end
    t.equal(#s:logged "dropped with the failed callback: send", 2)
  end
end)

t.test("what a failed callback asked for is dropped, what the one just before it did is not",
       function()
  local S = class()
  function S:on_start() self.order = assert(self:buy(BUY)) end
  -- Once both have asked for something, they are called one behind the other.
  local function ask(self, name, order)
    if order ~= self.order or order.status == "new" then return end
    self[name] = assert(self:sell { qty = "0.0001", price = "960000000" })
    if name == "on_order" and order.status == "filled" then error "oops" end
  end
  function S:on_fill(_, order) ask(self, "on_fill", order) end
  function S:on_order(order) ask(self, "on_order", order) end
  local s, instance = play(S, { on_error = "continue" })
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  s:push(s:fill(instance.order, "0.0006", "0.001"))
  t.equal(instance.on_order.status, "rejected")
  t.equal(instance.on_fill.status, "new")
  t.equal(#s:asked "trade", 4)
end)

t.test("a fill that comes while it is stopped is told when it is started again", function()
  local S = class()
  S.calls = {}
  function S:on_start() self.order = self.order or assert(self:buy(BUY)) end
  function S.on_fill(_, fill) note(S, tostring(fill.qty)) end
  local s, instance, runner = play(S, { on_stop = "leave" })
  runner.is_held = true                                      -- as at the prompt: the rest goes on
  s:run(runner, "stop", "test")
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  t.equal(calls(S), "")
  s:run(runner, "restart", "test")
  t.equal(calls(S), "0.0004")
  s:push(s:fill(instance.order, "0.0006", "0.001"))
  t.equal(calls(S), "0.0004 0.0006")
end)

t.test("several things asked for by several callbacks leave in their order", function()
  local S = class()
  function S:on_start() self.order = assert(self:buy(BUY)) end
  local price = 960000000
  function S:on_fill()
    for _ = 1, 2 do
      price = price + 1000
      assert(self:sell { qty = "0.0004", price = price })
    end
  end
  local s, instance = play(S)
  s:push(s:fill(instance.order, "0.0004", "0.0004"), s:fill(instance.order, "0.0006", "0.001"))
  local prices = {}
  for i, request in ipairs(s:asked "trade") do prices[i] = stage.parameter(request, "price") end
  t.equal(table.concat(prices, " "), "950000000 960001000 960002000 960003000 960004000")
end)

t.test("an error that is no text is one all the same", function()
  local S = doing(function() error({}) end)
  local s, _, runner = play(S)
  s:advance(1)
  t.equal(runner.state, "stopped")
  t.equal(runner.errors, 1)
end)

-- Callbacks never nest ----------------------------------------------------------------------------

t.test("callbacks that a callback causes wait for its end", function()
  local s
  local S = doing(function(self)
    note(self, "in")
    self.order = assert(self:buy(BUY))
    note(self, "out")
  end)
  function S:on_order(order) note(self, order.status) end
  s = play(S)
  s.refuse_requests = "no network"
  s:advance(1)
  t.equal(calls(S), "in out rejected")
end)

t.test("all that a callback asked for is done before any callback hears of it", function()
  local S = doing(function(self)
    self.a, self.b = assert(self:buy(BUY)), assert(self:buy(BUY))
  end)
  function S:on_order() note(self, self.a.status .. "+" .. self.b.status) end
  local s = play(S)
  s.refuse_requests = "no network"
  s:advance(1)
  t.equal(calls(S), "rejected+rejected rejected+rejected")
end)

t.test("an order that on_order sends is sent, and its own on_order comes after", function()
  local S = class()
  S.calls = {}
  function S:on_start() self:buy(BUY) end
  function S:on_order(order)
    note(self, "in:" .. order.status)
    if not self.second then
      self.second = assert(self:sell { qty = "0.001", price = "960000000" })
    end
    note(self, "out:" .. order.status)
  end
  local s = play(S)
  t.equal(#s:asked "trade", 2)
  t.equal(calls(S), "in:new out:new in:new out:new")
end)

t.test("two changes in one frame are two callbacks, each with its own event", function()
  local S = class()
  S.calls = {}
  function S:on_start() self.order = assert(self:buy(BUY)) end
  function S:on_order(order, event) note(self, event.previous .. ">" .. order.status) end
  function S:on_fill(fill) note(self, tostring(fill.qty)) end
  local s, instance = play(S)
  s:push(s:fill(instance.order, "0.0004", "0.0004"), s:fill(instance.order, "0.0006", "0.001"))
  t.equal(calls(S), "pending_new>new 0.0004 new>partially_filled 0.0006 partially_filled>filled")
end)

t.test("callbacks come in the order of a frame's reports, each with the order as it was", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self.a, self.b = assert(self:buy(BUY)), assert(self:buy(BUY))
  end
  local function shown(self, order)
    return (order == self.a and "a" or "b") .. ":" .. order.status .. ":" .. tostring(order.cum_qty)
  end
  function S:on_order(order) note(self, shown(self, order)) end
  function S:on_fill(fill, order) note(self, tostring(fill.qty) .. "=" .. shown(self, order)) end
  local s, instance = play(S)
  S.calls = {}
  local a, b = instance.a, instance.b
  s:push(s:fill(a, "0.0004", "0.0004"), s:fill(b, "0.001", "0.001"), s:fill(a, "0.0006", "0.001"))
  t.equal(calls(S), "0.0004=a:partially_filled:0.0004 a:partially_filled:0.0004 "
          .. "0.001=b:filled:0.001 b:filled:0.001 "
          .. "0.0006=a:filled:0.001 a:filled:0.001")
end)

t.test("what on_fill sends leaves before the next report of the same frame is looked at", function()
  local S = class()
  S.calls = {}
  local s
  function S:on_start() self.order = assert(self:buy(BUY)) end
  function S:on_fill(fill)
    note(self, tostring(fill.qty) .. "/" .. #s:asked "trade")
    assert(self:sell { qty = "0.0004", price = "960000000" })
  end
  local instance
  s, instance = play(S)
  s:push(s:fill(instance.order, "0.0004", "0.0004"), s:fill(instance.order, "0.0006", "0.001"))
  t.equal(calls(S), "0.0004/1 0.0006/2")
  t.equal(#s:asked "trade", 3)
end)

t.test("on_fill runs before the on_order of the same report, whichever of them trades", function()
  for _, trading in ipairs { "on_fill", "on_order" } do
    local S = class()
    S.calls = {}
    function S:on_start() self.order = assert(self:buy(BUY)) end
    local function hear(self, name, order)
      if order ~= self.order or order.status == "new" then return end
      note(self, name)
      if name == trading then assert(self:sell { qty = "0.0004", price = "960000000" }) end
    end
    function S:on_fill(_, order) hear(self, "on_fill", order) end
    function S:on_order(order) hear(self, "on_order", order) end
    local s, instance = play(S)
    s:push(s:fill(instance.order, "0.0004", "0.0004"))
    s:push(s:fill(instance.order, "0.0006", "0.001"))
    t.equal(calls(S), "on_fill on_order on_fill on_order")
  end
end)

t.test("an error in a callback keeps nothing back of the next report in the frame",
       function()
  local S = class()
  S.calls = {}
  function S:on_start() self.order = assert(self:buy(BUY)) end
  function S:on_fill(fill)
    note(self, tostring(fill.qty))
    error "oops"
  end
  local s, instance = play(S, { on_error = "continue" })
  s:push(s:fill(instance.order, "0.0004", "0.0004"), s:fill(instance.order, "0.0006", "0.001"))
  t.equal(calls(S), "0.0004 0.0006")
  t.equal(instance.order.status, "filled")
  t.equal(tostring(instance:position().qty), "0.001")
end)

t.test("an event tells the reason of the change", function()
  local reason
  local S = class()
  function S:on_start() self.order = assert(self:buy(BUY)) end
  function S:on_order(_, event) reason = event.reason end
  play(S, { answers = { trade = '{"success":0,"error":"Insufficient balance."}' } })
  t.equal(reason, "insufficient balance")
end)

t.test("a strategy that stops itself inside a callback ends after it", function()
  local S = doing(function(self)
    note(self, "in")
    self:stop "enough"
    note(self, "out")
  end)
  function S:on_stop() note(self, "on_stop") end
  local s, _, runner = play(S)
  s:advance(1)
  t.equal(calls(S), "in out on_stop")
  t.equal(runner.state, "stopped")
end)

t.test("when all strategies have stopped, so does the runtime: 0, or 1 after an error", function()
  local s = play(doing(function(self) self:stop() end))
  s:advance(2)
  t.equal(s.stopped, 0)
  s = play(doing(function() error "oops" end))
  s:advance(2)
  t.equal(s.stopped, 1)
end)

t.test("after the end nothing is open: no timer, no connection", function()
  local S = class()
  function S:on_start()
    self:subscribe "book"
    self:every(1, "tick")
    self:after(100, "tick")
    self:task "work"
    self:after(2, "quit")
  end
  function S.work() mw.sleep(100) end
  function S.tick() end
  function S:quit() self:stop() end
  local s = play(S)
  t.ok(next(s.timers) and next(s.sockets))
  s:advance(3)
  t.equal(next(s.timers), nil)
  t.equal(next(s.sockets), nil)
end)

stage.done()
