-- What a strategy asks for wrongly is said, and its parameters are what the configuration gives.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local mw = require "moonwire"
local strategy = require "moonwire.strategy"
local fixture = require "tests.moonwire.strategy_fixture"

local class, play, doing, BUY = fixture.class, fixture.play, fixture.doing, fixture.BUY

-- What is asked for wrongly -----------------------------------------------------------------------

t.test("misuse of an order raises and names what is wrong", function()
  local asked = {
    { { qty = "0.001", price = "950000000", prize = 1 },
      "unknown order field prize; did you mean price?" },
    { { qty = "0.001", price = "950000000", [1] = "x" },
      "unknown order field 1: there is amount, price, qty, side, symbol, time_in_force" },
    { { qty = "0.001", price = "x" }, "price: bad decimal x" },
    { { qty = "abc", price = "1000" }, "qty: bad decimal abc" },
    { { qty = "0", price = "1000" }, "qty must be above 0, got 0" },
    { { qty = "1", price = "-1000" }, "price must be above 0, got %-1000" },
    { { amount = "-1" }, "amount must be above 0" },
    { { qty = {}, price = "1" }, "qty: bad decimal" },
    { { qty = "1", price = "1", symbol = 1 }, "symbol: a text expected, got 1" },
    { { qty = "1", price = "1", venue = {} }, "venue: a text expected, got table" },
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

-- What is written to what is the runtime's -------------------------------------------------------

-- A strategy whose two orders rest; then it does spoil(self), in a callback of its own.
local function spoiled(spoil)
  local S = doing(function(self)
    self.a, self.b = assert(self:buy(BUY)), assert(self:buy(BUY))
    self:after(1, "spoil")
  end)
  S.spoil = spoil
  local s, instance = play(S)
  s:advance(1)
  return s, instance
end

local FIELDS = {
  "client_order_id", "order_id", "venue", "symbol", "side", "type", "time_in_force", "price", "qty",
  "amount", "cum_qty", "leaves_qty", "avg_price", "status", "previous_status", "reason",
  "created_at", "updated_at", "strategy", "external", "is_open", "wait", "_cancel", "_totals",
  "_trades", "_provisional", "_position", "_owner", "_is_held", "_open_at", "_is_awaited",
  "_sent_at", "_mark", "_view", "note", 1,
}
local VALUES = { nil, 7, "filled", {} }

t.test("whatever a strategy writes to an order it is told, and its orders end at the venue",
       function()
  for _, field in ipairs(FIELDS) do
    for i = 1, 4 do
      local s, instance = spoiled(function(self) self.a[field] = VALUES[i] end)
      local what = ("%s = %s"):format(field, tostring(VALUES[i]))
      s:advance(1)
      t.equal(s.runners.one.errors, 1, what)                   -- it is the strategy's
      t.equal(#s:asked "cancelByClientOrderId", 2, what)
      t.equal(instance.a.status .. " " .. instance.b.status, "canceled canceled", what)
      local told = s:logged("an order is not changed by writing to it (" .. field .. ")")[1]
      t.ok(told, what .. " is not told")
      t.ok(told:find(instance.a.client_order_id, 1, true), told)
      t.equal(#s:logged "deferred", 0)
    end
  end
end)

t.test("an order goes on after a write that the strategy has caught", function()
  local s, instance = spoiled(function(self)
    for _, field in ipairs(FIELDS) do
      for i = 1, 4 do
        self.went = self.went or pcall(function() self.a[field] = VALUES[i] end)
      end
    end
  end)
  s:advance(1)
  t.equal(instance.went, false)
  s:push(s:fill(instance.a, "0.0004", "0.0004"))
  t.equal(tostring(instance.a) .. " " .. tostring(instance.a.leaves_qty),
          instance.a.client_order_id .. " buy BTC/IDR 0.001@950000000 partially_filled 0.0006")
  t.equal(tostring(instance:position().qty), "0.0004")
  s:run(s.desk, "stop", 0, "SIGTERM")
  s:advance(1)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(s.stopped, 0)
end)

t.test("what is taken out of an order by force is gone for the strategy alone", function()
  local s, instance = spoiled(function(self)
    for key in pairs(self.a) do self.a[key] = nil end
    self:cancel(self.b)
    self:cancel(self.a)
  end)
  s:advance(1)
  t.equal(#s:logged "cancel takes an order", 1)
  t.equal(#s:asked "cancelByClientOrderId", 2)
  t.equal(instance.b.status, "canceled")
  t.equal(s.stopped, 1)
end)

t.test("a position and a fill cannot be written to either", function()
  local tried = {}
  local S = doing(function(self) self.order = assert(self:buy(BUY)) end)
  local function try(f) tried[#tried + 1] = { pcall(f) } end
  function S:on_fill(fill)
    try(function() self:position().qty = 5 end)
    try(function() self:position().note = "x" end)
    try(function() fill.qty = "1" end)
    try(function() fill.strategy = "two" end)
  end
  local s, instance = play(S, { risk = { max_position = { BTC = decimal "0.003" } } })
  s:advance(1)
  s:push(s:fill(instance.order, "0.001", "0.001"))
  for i, text in ipairs { "a position is not changed by writing to it (qty)",
                          "a position is not changed by writing to it (note)",
                          "a fill is not changed by writing to it (qty)",
                          "a fill is not changed by writing to it (strategy)" } do
    t.equal(tried[i][1], false)
    t.ok(tried[i][2]:find(text, 1, true), tried[i][2])
  end
  t.equal(tostring(instance:position().qty), "0.001")
end)

t.test("a strategy has one and the same object of an order wherever it meets it", function()
  local S, seen = class(), {}
  function S:on_start() self.notes = { [assert(self:buy(BUY))] = "first" } end
  function S:on_order(order) seen[#seen + 1] = self.notes[order] end
  function S:on_fill(fill, order)
    seen[#seen + 1] = self.notes[fill.order] .. self.notes[order] .. self.notes[self.orders[1]]
  end
  local s, instance = play(S)
  s:push(s:fill(instance.orders[1], "0.0004", "0.0004"))
  t.equal(table.concat(seen, " "), "first firstfirstfirst first")
end)

t.test("a method of an order called with a point says how to call it", function()
  local S = doing(function(self) assert(self:buy(BUY)).is_open() end)
  local s = play(S)
  s:advance(1)
  t.equal(#s:logged "is_open is a method: call it as value:is_open()", 1)
end)

t.test("cancel_all knows a strategy's orders, whatever it keeps under their name", function()
  local S = doing(function(self)
    self.orders = {}
    self.count = self:cancel_all()
  end)
  function S:on_start()
    assert(self:buy(BUY))
    self:after(1, "act")
  end
  local s, instance = play(S)
  s:advance(1)
  t.equal(instance.count, 1)
  t.equal(#s:asked "cancelByClientOrderId", 1)
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
  refused({ level = 5 }, "one: unknown parameter level: did you mean levels?")
  refused({ step = 5 },
          "one: unknown parameter step: its file has is_fast, levels, list, qty, symbol, venue")
  refused({ 5 },
          "one: unknown parameter 1: its file has is_fast, levels, list, qty, symbol, venue")
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

-- Callbacks ---------------------------------------------------------------------------------------

t.test("a method that is nearly a callback is warned of, other methods are not", function()
  local S = class()
  for _, name in ipairs { "on_fills", "onbook", "on_strat", "on_timer", "on_tick", "on_reload",
                          "on_stop", "one", "buyer" } do
    S[name] = function() end
  end
  S.on_orders, S[1], S[S] = "text", function() end, function() end
  local s = play(S)
  local told = s:logged "is no callback"
  t.equal(#told, 3, table.concat(told, "\n"))
  for i, words in ipairs { "on_fills is no callback, nothing calls it by itself; did you mean "
                           .. "on_fill?", "on_strat is", "onbook is" } do
    t.ok(told[i]:find(words, 1, true), told[i])
  end
end)

t.test("a callback that cannot be called is refused when it is loaded", function()
  local S = class()
  S.on_stop = 4
  local runner, err = strategy.new(nil, { name = "one", file = "one.lua" }, S)
  t.equal(runner, nil)
  t.equal(err, "one.lua: on_stop is a callback: a function expected, got number")
end)

stage.done()
