-- Timers and tasks of a strategy, what it hears beside its orders, and its end.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local mw = require "moonwire"
local fixture = require "tests.moonwire.strategy_fixture"

local class, play, doing, note = fixture.class, fixture.play, fixture.doing, fixture.note
local calls, BUY = fixture.calls, fixture.BUY

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

t.test("order:wait ends with its time, though the clock was set back", function()
  local S = class()
  S.calls = {}
  function S:on_start() self:task "work" end
  function S:work()
    self.order = assert(self:buy(BUY))
    note(self, self.order:wait("filled", 5))
  end
  local s = play(S)
  s:shift_clock(-3600)
  s:advance(5)
  t.equal(calls(S), "new")
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
    s.desk.orders:apply(stage.own(instance.order), execution("1", "0.0004"))
    s.desk.orders:apply(stage.own(instance.order), execution("2", "0.0006"))
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
    self.results = select("#", venue:open_orders())
    self.none, self.err = venue:order "mw-nothing"
  end
  local _, instance = play(S, { answers = { openOrders = stage.vector "open_orders" } })
  t.equal(tostring(instance.balances.BTC.free), "1.5")
  t.equal(#instance.open, 4)
  t.equal(instance.results, 1)
  local statuses = {}
  for i, report in ipairs(instance.open) do
    statuses[i] = report.status
    t.equal(report.may_have_fills, nil)
    t.equal(report.least_qty, nil)
  end
  t.equal(table.concat(statuses, " "), "partially_filled new new partially_filled")
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
  t.equal(instance.order.status, "pending_cancel")
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
