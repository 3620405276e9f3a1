-- Strategies as their authors meet them: a callback is a transaction, callbacks never nest, and
-- what is asked for wrongly is said.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local mw = require "moonwire"
local strategy = require "moonwire.strategy"

local BUY = { qty = "0.001", price = "950000000" }

local function class(params)
  local defaults = { venue = "idx", symbol = "BTC/IDR" }
  for name, value in pairs(params or {}) do defaults[name] = value end
  return mw.strategy(defaults)
end

-- A stage with one strategy whose session is up.
local function play(S, options)
  options = options or {}
  options.strategies = { { name = "one", class = S, params = options.params } }
  local s = stage.new(options):start()
  return s, s.runners.one.instance, s.runners.one
end

-- A strategy that does `act(self)` once, a second after its start, and notes its calls.
local function doing(act, more)
  local S = class()
  S.calls = {}
  function S:on_start() self:after(1, "act") end
  S.act = act
  for name, method in pairs(more or {}) do S[name] = method end
  return S
end

local function note(S, text) S.calls[#S.calls + 1] = text end
local function calls(S) return table.concat(S.calls, " ") end

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

-- What is asked for wrongly -----------------------------------------------------------------------

t.test("misuse of an order raises and names what is wrong", function()
  local asked = {
    { { qty = "0.001", price = "950000000", prize = 1 }, "unknown order field prize" },
    { { qty = "0.001", price = "x" }, "price: bad decimal x" },
    { { qty = "abc", price = "1000" }, "qty: bad decimal abc" },
    { { qty = "0", price = "1000" }, "qty must be above 0, got 0" },
    { { qty = "1", price = "-1000" }, "price must be above 0, got %-1000" },
    { { amount = "-1" }, "amount must be above 0" },
    { { qty = {}, price = "1" }, "qty: bad decimal" },
    { "0.001", "an order is a table" },
    { nil, "an order is a table" },
  }
  local results = {}
  local S = doing(function(self)
    for i, case in ipairs(asked) do results[i] = { pcall(self.buy, self, case[1]) } end
    results[#results + 1] = { pcall(self.submit, self, { side = "long", qty = "1", price = "1" }) }
    results[#results + 1] = { pcall(self.submit, self, { qty = "1", price = "1" }) }
    results[#results + 1] = { pcall(self.submit, {}, { side = "buy" }) }
    results[#results + 1] = { pcall(self.submit, self, nil) }
    results[#results + 1] = { pcall(self.submit, self, "buy") }
    results[#results + 1] = { pcall(self.sell, self) }
  end)
  local s = play(S)
  s:advance(1)
  asked[#asked + 1] = { nil, 'side is "buy" or "sell"' }
  asked[#asked + 1] = { nil, 'side is "buy" or "sell"' }
  asked[#asked + 1] = { nil, "" }
  for _ = 1, 3 do asked[#asked + 1] = { nil, "an order is a table" } end
  for i, case in ipairs(asked) do
    t.equal(results[i][1], false, case[2])
    t.ok(tostring(results[i][2]):find(case[2]), case[2] .. " in " .. tostring(results[i][2]))
  end
  t.equal(#s:asked "trade", 0)
end)

t.test("what can happen on a good day is nil and a reason, and nothing is recorded", function()
  local results = {}
  local function try(self, fields)
    local order, err = self:submit(fields)
    results[#results + 1] = tostring(order) .. ": " .. tostring(err)
  end
  local S = doing(function(self)
    try(self, { side = "buy", qty = "0.001", price = "950000500" })
    try(self, { side = "buy", qty = "0.000000001", price = "950000000" })
    try(self, { side = "buy", qty = "0.000001", price = "950000000" })
    try(self, { side = "buy", qty = "0.00001", price = "950000000" })
    try(self, { side = "buy", qty = "1", price = "1000", symbol = "X/Y" })
    try(self, { side = "buy", qty = "1", price = "1000", venue = "other" })
    try(self, { side = "buy", qty = "1", price = "950000000", time_in_force = "ioc" })
    try(self, { side = "buy", qty = "1", price = "950000000" })
  end)
  local s = play(S, { risk = { max_order_qty = { BTC = decimal "0.5" } } })
  s:advance(1)
  local expected = {
    "nil: price 950000500 is not a multiple of 1000",
    "nil: qty 0.000000001 is not a multiple of 0.00000001",
    "nil: qty 0.000001 is below the venue's minimum 0.00000645",
    "nil: notional 9500 is below the venue's minimum 10000",
    "nil: no market X/Y on idx", "nil: no venue other in the configuration",
    "nil: indodax knows gtc and post_only, not ioc",
    "nil: qty 1 BTC is above max_order_qty 0.5",
  }
  for i, text in ipairs(expected) do t.equal(results[i], text) end
  t.equal(#results, #expected)
  t.equal(#s:asked "trade", 0)
  t.equal(#s.desk.orders:list_open(), 0)
end)

t.test("buy and sell set the side, price and symbol have their defaults", function()
  local S = doing(function(self)
    self.a = assert(self:buy(BUY))
    self.b = assert(self:sell { qty = 0.001, price = 950e6, symbol = "BTC/IDR", venue = "idx" })
    self.c = assert(self:buy { amount = "50000" })
    self.d = assert(self:sell { qty = "0.001" })
    self.e = assert(self:buy { qty = "0.001", price = "940000000", time_in_force = "post_only" })
  end)
  local s, instance = play(S)
  s:advance(1)
  local function shown(order)
    return ("%s %s %s %s %s"):format(order.side, order.type, order.time_in_force,
      tostring(order.qty or order.amount), tostring(order.price))
  end
  t.equal(shown(instance.a), "buy limit gtc 0.001 950000000")
  t.equal(shown(instance.b), "sell limit gtc 0.001 950000000")
  t.equal(shown(instance.c), "buy market gtc 50000 nil")
  t.equal(shown(instance.d), "sell market gtc 0.001 nil")
  t.equal(shown(instance.e), "buy limit post_only 0.001 940000000")
  t.equal(instance.a.strategy, "one")
  t.equal(#s:asked "trade", 5)
end)

t.test("while the session is down an order is refused before it is sent", function()
  local err
  local S = doing(function(self) self.order, err = self:buy(BUY) end)
  local s, instance = play(S, {})
  s.keep_closed = true
  s:close(s:private())
  s:advance(1)
  t.equal(instance.order, nil)
  t.equal(err, "session idx is down")
  t.equal(#s:asked "trade", 0)
end)

t.test("a cancel asks for an open order of one's own, anything else is nil or raises", function()
  local other = class()
  function other:on_start() self.order = assert(self:buy(BUY)) end
  local results = {}
  local foreign
  local S = doing(function(self)
    results[1] = { self:cancel(self.order) }
    results[2] = { self:cancel(foreign()) }
    results[3] = { pcall(self.cancel, self, "mw-1") }
    results[4] = { pcall(self.cancel, self, nil) }
  end)
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:every(1, "act")
  end
  local s = stage.new { strategies = { { name = "one", class = S },
                                       { name = "two", class = other } } }
  foreign = function() return s.runners.two.instance.order end
  s:start()
  s:advance(1)
  t.equal(results[1][1], true)
  t.equal(results[2][1], nil)
  t.equal(results[2][2], "the order is not this strategy's")
  t.ok(results[3][2]:find "cancel takes an order")
  t.ok(results[4][2]:find "cancel takes an order")
  t.equal(#s:asked "cancelByClientOrderId", 1)
  t.equal(s.runners.one.instance.order.status, "canceled")
  t.equal(foreign().status, "new")
  s:advance(1)
  t.equal(results[1][2], "the order is canceled already")
end)

t.test("cancel_all takes all of one's own, or those in one symbol, and counts them", function()
  local counts = {}
  local S = doing(function(self)
    counts[#counts + 1] = self:cancel_all "AAVE/IDR"
    counts[#counts + 1] = self:cancel_all "DOGE/IDR"
    self:after(1, "rest")
  end)
  function S:rest() counts[#counts + 1] = self:cancel_all() end
  function S:on_start()
    assert(self:buy(BUY))
    assert(self:buy(BUY))
    assert(self:buy { symbol = "AAVE/IDR", qty = "1", price = "2000000" })
    self:after(1, "act")
  end
  local s, instance = play(S)
  s:advance(1)
  t.equal(#instance.orders, 2)
  s:advance(1)
  t.equal(table.concat(counts, " "), "1 0 2")
  t.equal(#instance.orders, 0)
end)

t.test("self.orders are the open orders of this strategy alone, oldest first", function()
  local one, two = class(), class()
  function one:on_start()
    self.first = assert(self:buy(BUY))
    self:after(1, "more")
  end
  function one:more() self.second = assert(self:buy(BUY)) end
  function two:on_start() assert(self:buy(BUY)) end
  local s = stage.new { strategies = { { name = "one", class = one },
                                       { name = "two", class = two } } }:start()
  s:advance(1)
  local instance = s.runners.one.instance
  t.equal(#instance.orders, 2)
  t.equal(instance.orders[1], instance.first)
  t.equal(instance.orders[2], instance.second)
  s:push(s:update(instance.first, { status = "CANCELLED" }))
  t.equal(#instance.orders, 1)
end)

-- Parameters --------------------------------------------------------------------------------------

t.test("parameters are the defaults, overridden by the configuration", function()
  local S = class { qty = "0.001", levels = 3, is_fast = false, list = { 1 } }
  local _, instance = play(S, { params = { levels = 5, is_fast = true, qty = "0.002",
                                           list = { 2 } } })
  t.equal(instance.params.levels, 5)
  t.equal(instance.params.is_fast, true)
  t.equal(instance.params.qty, "0.002")
  t.equal(instance.params.list[1], 2)
  t.equal(instance.params.symbol, "BTC/IDR")
  t.equal(S.default_params.levels, 3, "the defaults stay")
end)

t.test("parameters that are unknown or of another kind are refused by name", function()
  local S = class { qty = "0.001", levels = 3, is_fast = false, list = {} }
  local function refused(params, text)
    local runner, err = strategy.new(nil, { name = "one", file = "one.lua", params = params }, S)
    t.equal(runner, nil)
    t.equal(err, text)
  end
  refused({ level = 5 }, "one: unknown parameter level")
  refused({ levels = "5" }, "one: parameter levels: number expected, got string")
  refused({ is_fast = 1 }, "one: parameter is_fast: boolean expected, got number")
  refused({ list = "x" }, "one: parameter list: table expected, got string")
end)

t.test("a file that returns no strategy is refused by its name", function()
  for _, returned in ipairs { 1, true, {}, "x" } do
    local runner, err = strategy.new(nil, { name = "one", file = "dir/one.lua" }, returned)
    t.equal(runner, nil)
    t.equal(err, "dir/one.lua: a strategy file returns the table that mw.strategy{...} made")
  end
  t.raises(mw.strategy, "takes a table of parameters", "x")
end)

t.test("two runs of one class have states of their own", function()
  local S = class()
  function S:on_start() self.state.persist.x, self.y = self.name, self.name end
  local s = stage.new { strategies = { { name = "a", class = S }, { name = "b", class = S } } }
  s:start()
  t.equal(s.runners.a.instance.state.persist.x, "a")
  t.equal(s.runners.b.instance.state.persist.x, "b")
  t.equal(s.runners.a.instance.y, "a")
  t.equal(rawget(S, "y"), nil)
end)

-- Timers ------------------------------------------------------------------------------------------

t.test("every comes again and again, after comes once, with their arguments", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self:every(2, "tick", "e", nil, 3)
    self:after(3, "tick", "a")
    self:after(0, function(me, word) note(me, word) end, "now")
  end
  function S:tick(word, none, three)
    note(self, word .. (three and tostring(none) .. three or "") .. "@" .. mw.now() % 1000)
  end
  local s = play(S)
  s:advance(6)
  t.equal(calls(S):gsub("@(%d+)%.%d+", "@%1"), "now enil3@2 a@3 enil3@4 enil3@6")
end)

t.test("a timer that is stopped does not fire, in its own call too", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self.one = self:every(1, "tick")
    self.two = self:after(1.5, "tock")
    self.three = self:after(1, "tock")
    self.three:stop()
  end
  function S:tick()
    note(self, "tick")
    self.one:stop()
    self.two:stop()
  end
  function S:tock() note(self, "tock") end
  local s = play(S)
  s:advance(5)
  t.equal(calls(S), "tick")
end)

t.test("timers and tasks of a strategy end with it", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self:every(1, "tick")
    self:after(1, "tick")
    self:task "work"
    self:after(0.5, "quit")
  end
  function S:quit() self:stop() end
  function S:tick() note(self, "tick") end
  function S:work()
    mw.sleep(1)
    note(self, "work")
  end
  play(S):advance(5)
  t.equal(calls(S), "")
end)

t.test("timers of nonsense are refused", function()
  local results = {}
  local S = doing(function(self)
    for _, case in ipairs { { "every", 0, "act" }, { "every", -1, "act" }, { "after", -1, "act" },
                            { "after", "1", "act" }, { "every", 1 / 0, "act" },
                            { "after", 1, "nothing" },
                            { "every", 1, nil }, { "task", "nothing" },
                            { "every", 0 / 0, "act" }, { "after", 0 / 0, "act" },
                            { "after", -1 / 0, "act" }, { "after", 1e8 + 1, "act" } } do
      results[#results + 1] = { case[1], pcall(self[case[1]], self, case[2], case[3]) }
    end
  end)
  play(S):advance(1)
  t.equal(#results, 12)
  for i, result in ipairs(results) do t.equal(result[2], false, result[1] .. " " .. i) end
  t.ok(results[1][3]:find "seconds: a number above 0 expected", results[1][3])
  t.ok(results[6][3]:find "no method nothing in this strategy", results[6][3])
end)

-- Tasks -------------------------------------------------------------------------------------------

t.test("a task waits without blocking, and what it asks for leaves at each wait", function()
  local s
  local sent = {}
  local S = class()
  S.calls = {}
  function S:on_start() self:task("work", "x") end
  function S:work(word)
    note(self, word)
    local order = assert(self:buy(BUY))
    sent[1] = #s:asked "trade"
    mw.sleep(1)
    sent[2] = #s:asked "trade"
    note(self, order.status)
    self:cancel(order)
    note(self, order:wait("canceled", 5))
  end
  s = stage.new { strategies = { { name = "one", class = S } } }
  s:start()
  s:advance(1)
  t.equal(calls(S), "x new canceled")
  t.equal(sent[1] .. sent[2], "01")
end)

t.test("order:wait ends with the status, with the order, or with its time", function()
  local S = class()
  S.calls = {}
  function S:on_start() self:task "work" end
  function S:work()
    self.order = assert(self:buy(BUY))
    note(self, self.order:wait("filled", 5))
    note(self, self.order:wait("filled", 5))
    note(self, self.order:wait "filled")
  end
  local s, instance = play(S)
  s:advance(5)
  t.equal(calls(S), "new")
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  t.equal(calls(S), "new")
  s:advance(4.9)
  t.equal(calls(S), "new")
  s:advance(0.1)
  t.equal(calls(S), "new partially_filled")
  s:push(s:update(instance.order, { status = "CANCELLED", executedQty = "0.0004" }))
  t.equal(calls(S), "new partially_filled canceled")
end)

t.test("a task that two changes of one event wake sleeps on where it waits next", function()
  local S = class()
  S.calls = {}
  function S:on_start() self:task "work" end
  function S:work()
    self.order = assert(self:buy(BUY))
    note(self, self.order:wait "filled")
    mw.sleep(100)
    note(self, "slept")
  end
  local s, instance = play(S)
  local function execution(id, qty)
    return { status = "partially_filled", trade_id = id, last_qty = decimal(qty),
             last_price = decimal "950000000" }
  end
  -- As when executions that were missed are fetched: one answer, two changes.
  s:run({ fetched = function()
    s.desk.orders:apply(instance.order, execution("1", "0.0004"))
    s.desk.orders:apply(instance.order, execution("2", "0.0006"))
  end }, "fetched")
  s:advance(99)
  t.equal(calls(S), "filled")
  s:advance(1)
  t.equal(calls(S), "filled slept")
end)

t.test("two tasks may wait for one order, each for its own status", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:task("work", "partially_filled")
    self:task("work", "filled")
  end
  function S:work(status) note(self, status .. ":" .. self.order:wait(status)) end
  local s, instance = play(S)
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  t.equal(calls(S), "partially_filled:partially_filled")
  s:push(s:fill(instance.order, "0.0006", "0.001"))
  t.equal(calls(S), "partially_filled:partially_filled filled:filled")
end)

t.test("balances, open orders and an order are asked of the venue in a task", function()
  local S = class()
  function S:on_start() self:task "work" end
  function S:work()
    local venue = mw.venue "idx"
    self.balances = assert(venue:balances())
    self.open = assert(venue:open_orders())
    self.none, self.err = venue:order "mw-nothing"
  end
  local _, instance = play(S, { answers = { openOrders = stage.vector "open_orders" } })
  t.equal(tostring(instance.balances.BTC.free), "1.5")
  t.equal(#instance.open, 4)
  t.equal(instance.none, nil)
  t.equal(instance.err, "no order mw-nothing is known here")
end)

t.test("what waits cannot be called in a callback: that raises, and nothing hangs", function()
  local results = {}
  local S = doing(function(self)
    results[1] = { pcall(mw.sleep, 1) }
    results[2] = { pcall(function() return mw.venue("idx"):balances() end) }
    results[3] = { pcall(self.order.wait, self.order, "filled") }
    results[4] = { pcall(mw.venue, "other") }
  end)
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:after(1, "act")
  end
  local s, _, runner = play(S)
  s:advance(1)
  for i = 1, 4 do t.equal(results[i][1], false, tostring(i)) end
  t.ok(results[4][2]:find "no venue other", results[4][2])
  t.equal(runner.state, "running")
  t.raises(mw.venue, "for callbacks and tasks", "idx")
end)

t.test("an error in a task drops its last step and stops the strategy", function()
  local S = class()
  function S:on_start() self:task "work" end
  function S:work()
    assert(self:buy(BUY))
    mw.sleep(1)
    assert(self:buy(BUY))
    error "oops"
  end
  local s, _, runner = play(S)
  s:advance(1)
  t.equal(#s:asked "trade", 1)
  t.equal(runner.state, "stopped")
  t.ok(#s:logged "oops" >= 1)
end)

t.test("a handle shows markets, session and capabilities at once", function()
  local seen = {}
  local S = doing(function()
    local venue = mw.venue "idx"
    seen.step = tostring(venue:markets()["BTC/IDR"].price_step)
    seen.state = venue:session().state
    seen.ids = venue.capabilities.client_order_id
    venue:markets()["BTC/IDR"].price_step = nil
    venue.capabilities.client_order_id = nil
    seen.again = tostring(venue:markets()["BTC/IDR"].price_step)
    seen.ids_again = mw.venue("idx").capabilities.client_order_id
  end)
  local s = play(S)
  s:advance(1)
  t.equal(seen.step .. seen.state .. tostring(seen.ids), "1000uptrue")
  t.equal(seen.again .. tostring(seen.ids_again), "1000true")
end)

-- Market data, sessions, positions ----------------------------------------------------------------

t.test("books and trades come to those who asked for them, and to nobody else", function()
  local one, two = class(), class()
  one.calls, two.calls = {}, {}
  for _, S in ipairs { one, two } do
    function S:on_book(book) note(self, "book:" .. tostring(book:mid())) end
    function S:on_trade(trade) note(self, "trade:" .. tostring(trade.price)) end
  end
  function one:on_start() assert(self:subscribe "book") end
  function two:on_start() assert(self:subscribe("trades", "BTC/IDR")) end
  local s = stage.new { strategies = { { name = "one", class = one },
                                       { name = "two", class = two } } }:start()
  s:book({ { "949000000" } }, { { "951000000" } })
  s:frame(stage.vector "market_trades", s:market())
  t.equal(calls(one), "book:1549999500 book:950000000")
  t.equal(calls(two), "trade:1550000000 trade:0.00000123")
end)

t.test("two strategies get books of their own: what one changes, no other and no limit sees",
       function()
  local one, two = class(), class()
  local books = {}
  for name, S in pairs { one = one, two = two } do
    function S:on_start() assert(self:subscribe "book") end
    function S:on_book(book)
      books[name] = books[name] or {}
      table.insert(books[name], book)
      if name == "two" then
        self.seen = tostring(book:mid()) .. " " .. #book.bids
        return
      end
      book.bids[1].price, book.asks[1] = decimal "1", nil
      book.bids, book.symbol, book.venue, book.time = {}, "X/Y", "other", 0
    end
  end
  local s = stage.new { strategies = { { name = "one", class = one },
                                       { name = "two", class = two } } }:start()
  s:book({ { "949000000" }, { "948000000" } }, { { "951000000" } })
  t.equal(s.runners.two.instance.seen, "950000000 2")
  local mine, theirs = books.one[#books.one], books.two[#books.two]
  t.ok(mine ~= theirs and mine.bids ~= theirs.bids and mine.asks ~= theirs.asks)
  t.equal(tostring(theirs:best_bid()) .. theirs.symbol, "949000000BTC/IDR")
  t.equal(tostring(s.desk:book("idx", "BTC/IDR").mid), "950000000", "the price that risk uses")
end)

t.test("two strategies get trades of their own", function()
  local one, two = class(), class()
  for _, S in ipairs { one, two } do
    S.calls = {}
    function S:on_start() assert(self:subscribe "trades") end
    function S:on_trade(trade)
      note(self, tostring(trade.price) .. trade.symbol)
      trade.price, trade.symbol, trade.venue = decimal "1", "X/Y", nil
      self.trade = trade
    end
  end
  local s = stage.new { strategies = { { name = "one", class = one },
                                       { name = "two", class = two } } }:start()
  s:frame(stage.vector "market_trades", s:market())
  t.equal(calls(one), calls(two))
  t.equal(calls(one), "1550000000BTC/IDR 0.00000123BTC/IDR")
  t.ok(s.runners.one.instance.trade ~= s.runners.two.instance.trade)
end)

t.test("a feed that nobody has is refused", function()
  local results = {}
  local S = doing(function(self)
    results[1] = { pcall(self.subscribe, self, "candles") }
    results[2] = { self:subscribe("book", "X/Y") }
    results[3] = { self:subscribe("book", "BTC/IDR", "other") }
  end)
  play(S):advance(1)
  t.ok(results[1][2]:find 'feed is "book" or "trades"')
  t.equal(results[2][2], "no market X/Y on idx")
  t.equal(results[3][2], "no venue other in the configuration")
  S = doing(function(self) results[4] = { self:subscribe "book" } end)
  play(S, { market = false }):advance(1)
  t.equal(results[4][2], "venue idx has no market data configured")
end)

t.test("on_session tells when a session goes down and comes up again", function()
  local S = class()
  S.calls = {}
  function S:on_session(venue, state) note(self, venue .. ":" .. state) end
  local s = play(S)
  s:close(s:private(), 3001, "shutdown")
  t.equal(calls(S):match("idx:down$"), "idx:down")
  s:advance(30)
  t.equal(calls(S):match("idx:down idx:up$"), "idx:down idx:up")
end)

t.test("a position is the sum of one's own fills", function()
  local S = class()
  function S:on_start() self.order = assert(self:buy(BUY)) end
  local s, instance = play(S)
  t.equal(tostring(instance:position().qty), "0")
  s:push(s:fill(instance.order, "0.0004", "0.0004"), s:fill(instance.order, "0.0006", "0.001"))
  local position = instance:position()
  t.equal(tostring(position.qty), "0.001")
  t.equal(tostring(position.avg_price), "950000000")
  t.equal(tostring(position.fees.IDR), "22")
  t.equal(tostring(instance:position("AAVE/IDR").qty), "0")
end)

-- The end -----------------------------------------------------------------------------------------

t.test("a strategy that is stopping may cancel and cannot order", function()
  local refused
  local S = class()
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:after(1, "quit")
  end
  function S:quit() self:stop() end
  function S:on_stop()
    refused = { self:buy(BUY) }
    self:cancel(self.order)
  end
  local s, instance = play(S, { on_stop = "leave" })
  s:advance(1)
  t.equal(refused[2], "the strategy is stopping")
  t.equal(instance.order.status, "canceled")
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("open orders are canceled at the end, unless they are to be left", function()
  for on_stop, status in pairs { cancel = "canceled", leave = "new" } do
    local S = class()
    function S:on_start()
      self.order = assert(self:buy(BUY))
      self:after(1, "quit")
    end
    function S:quit() self:stop() end
    local s, instance = play(S, { on_stop = on_stop })
    s:advance(2)
    t.equal(instance.order.status, status, on_stop)
    t.equal(s.stopped, 0, on_stop)
  end
end)

t.test("nothing is called after the end, a late fill is booked all the same", function()
  local S = class()
  S.calls = {}
  function S:on_start()
    self.order = assert(self:buy(BUY))
    self:after(1, "quit")
  end
  function S:quit() self:stop() end
  function S:on_fill() note(self, "on_fill") end
  function S:on_order() note(self, "on_order") end
  local two = class()
  local s = stage.new { strategies = { { name = "one", class = S },
                                       { name = "two", class = two } } }:start()
  s:advance(1)
  local before = calls(S)
  local instance = s.runners.one.instance
  s:push(s:fill(instance.order, "0.0004", "0.0004"))
  t.equal(calls(S), before)
  t.equal(tostring(instance:position().qty), "0.0004")
end)

t.test("the log takes any value for %s", function()
  local S = doing(function(self)
    self.log.warn("%s %s %d %s", decimal "1.5", nil, 7, true)
    self.log.info("100% plain")
  end)
  local s = play(S)
  s:advance(1)
  t.equal(s:logged("1.5")[1], "warn 1.5 nil 7 true")
  t.equal(#s:logged "100% plain", 1)
end)

stage.done()
