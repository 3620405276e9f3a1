-- What a strategy in the sandbox can reach through the objects that it is given: its own orders,
-- fills, books and timers, and nothing of the runtime or of another strategy behind them.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local order_module = require "moonwire.order"
local sandbox = require "moonwire.sandbox"
local task = require "moonwire.task"

local function environment()
  return sandbox.environment { print = function() end, clock = dispatch.now, seed = 1,
                               root = "/nonexistent" }
end

-- A strategy's class from its text, run as the loader runs a file. BUY is an order that rests.
local function boxed(text, env)
  local chunk = assert(loadstring([[local mw = require "moonwire"
    local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
    local BUY = { qty = "0.001", price = "950000000" }
    ]] .. text .. "\nreturn S", "=strategy"))
  return setfenv(chunk, env or environment())()
end

local function play(text)
  local s = stage.new { strategies = { { name = "one", class = boxed(text) } } }:start()
  return s, s.runners.one.instance, s.runners.one
end

-- A strategy that buys at its start.
local function with_order(text)
  return play("function S:on_start() self.order = assert(self:buy(BUY)) end " .. text)
end

local function filled(s, instance) s:push(s:fill(instance.order, "0.001", "0.001")) end

-- Behind what is given ----------------------------------------------------------------------------

t.test("a timer can be stopped and leads nowhere", function()
  local s, instance = play [[
    function S:on_start()
      local timer = self:every(1, "tick")
      self.fields = {}
      for key in pairs(timer) do self.fields[#self.fields + 1] = tostring(key) end
      self.runner, self.object = timer.runner, timer.object
      self.meta = getmetatable(timer)
      self:after(2.5, "quiet")
      self.timer, self.count = timer, 0
    end
    function S:tick() self.count = self.count + 1 end
    function S:quiet() self.timer:stop() end]]
  s:advance(5)
  t.equal(table.concat(instance.fields, " "), "")
  t.equal(instance.runner or instance.object, nil)
  t.equal(instance.meta, "protected")
  t.equal(instance.count, 2)
end)

t.test("a task that waits for an order does not hang on the order", function()
  local s, instance = play [[
    function S:on_start()
      self:task "work"
      self:after(1, "look")
    end
    function S:work()
      self.order = assert(self:buy(BUY))
      self.order:wait "filled"
      self.woke = true
    end
    function S:look()
      self.seen = {}
      for key, value in pairs(self.order) do
        if type(value) == "table" then
          for inner in pairs(value) do
            if type(inner) == "table" then self.seen[#self.seen + 1] = key end
          end
        end
      end
    end]]
  s:advance(1)
  t.equal(table.concat(instance.seen, " "), "")
  filled(s, instance)
  t.equal(instance.woke, true, "it does wait, and wakes")
end)

-- Everything that can be had from `object` as a script looks for it: fields, keys, metatables.
local function walk(object, env)
  local places, queue = { [object] = "self" }, { object }
  while #queue > 0 do
    local value = table.remove(queue)
    local place = places[value]
    local function add(found, name)
      if type(found) ~= "table" and type(found) ~= "userdata" or places[found] then return end
      places[found] = place .. "." .. tostring(name)
      queue[#queue + 1] = found
    end
    if type(value) == "table" then
      for key, item in next, value do
        add(key, "key")
        add(item, key)
      end
      for _, name in ipairs { "orders", "order", "runner", "desk", "session", "fees", "timer",
                              "owner", "object" } do
        local ok, item = pcall(function() return value[name] end)
        if ok then add(item, name) end
      end
    end
    add(env.getmetatable(value), "metatable")
  end
  return places
end

t.test("a walk from all that a strategy is given meets nothing of the runtime", function()
  local env = environment()
  local class = boxed([[
    S.given = {}
    function S:on_start()
      S.given.order = assert(self:buy(BUY))
      S.given.timer = self:every(5, "tick")
      S.given.venue, S.given.position = mw.venue "idx", self:position()
      S.given.markets = S.given.venue:markets()
      self:subscribe "book"
      self:subscribe "trades"
      self:task "work"
    end
    function S.tick() end
    function S:work()
      S.given.waits_for = assert(self:buy(BUY))
      S.given.waits_for:wait "filled"
    end
    function S:on_fill(fill) S.given.fill = fill end
    function S:on_book(book) S.given.book = book end
    function S:on_trade(trade) S.given.trade = trade end
    function S:on_order(_, event) S.given.event = event end]], env)
  local s = stage.new { strategies = { { name = "one", class = class } } }:start()
  s:push(s:fill(class.given.order, "0.0004", "0.0004"))
  s:frame(stage.vector "market_trades", s:market())
  for _, name in ipairs { "order", "timer", "venue", "position", "markets", "waits_for", "fill",
                          "book", "trade", "event" } do
    t.ok(class.given[name], "nothing was given: " .. name)
  end
  local forbidden = {
    [s.desk] = "the desk", [s.session] = "a session", [s.session.private] = "a connection",
    [s.session.config] = "a venue's configuration", [s.session.reconciler] = "the reconciler",
    [s.session.config.key] = "a key", [s.session.config.secret] = "a secret",
    [s.runners.one] = "a runner", [s.desk.orders] = "all orders", [host] = "the host",
    [dispatch] = "the door", [order_module] = "a module", [order_module.Order] = "a class",
    [task] = "tasks", [_G] = "all of Lua",
  }
  local count = 0
  for value, place in pairs(walk({ s.runners.one.instance, class }, env)) do
    count = count + 1
    t.ok(not forbidden[value], place .. " is " .. tostring(forbidden[value]))
  end
  t.ok(count > 20, "the walk went nowhere: " .. count)
end)

-- Classes -----------------------------------------------------------------------------------------

t.test("an order's class cannot be had or changed through an order", function()
  local s, instance = with_order [[
    function S:poison()
      self.meta = getmetatable(self.order)
      local class = self.order.__index
      self.kind = type(class)
      if type(class) == "table" then class.poison = 1 end
      self.can_set = pcall(setmetatable, self.order, {})
      self.can_clear = pcall(setmetatable, self.order, nil)
    end]]
  s:run(s.runners.one, "call_method", "poison", 0, {})
  t.equal(instance.meta, "protected")
  t.equal(instance.kind, "nil")
  t.equal(instance.can_set or instance.can_clear, false)
  t.equal(stage.own(instance.order).status, "new")
  local poison = order_module.Order.poison
  order_module.Order.poison = nil
  t.equal(poison, nil)
end)

t.test("the metatable of a fill, a position, a book or a venue cannot be had or set", function()
  local s, instance = with_order [[
    function S:look(what, object)
      local can_set = pcall(setmetatable, object, {})
      self[what] = tostring(getmetatable(object)) .. tostring(can_set)
    end
    function S:on_session() self:subscribe "book" end
    function S:on_fill(fill)
      self:look("fill", fill)
      self:look("position", self:position())
      self:look("venue", mw.venue "idx")
      self:look("strategy", self)
    end
    function S:on_book(book) self:look("book", book) end]]
  s:run(s.runners.one, "call", "on_session")
  s:settle()
  filled(s, instance)
  s:book({ { "1000" } }, { { "2000" } })
  for _, what in ipairs { "fill", "position", "venue", "strategy", "book" } do
    t.equal(instance[what], "protectedfalse", what)
  end
end)

t.test("setmetatable and getmetatable cannot change the class of a book", function()
  local s = play [[
    function S:on_start() self:subscribe "book" end
    function S:on_book(book)
      pcall(setmetatable, book, { __index = { mid = function() return nil end } })
      local meta = getmetatable(book)
      if type(meta) == "table" then meta.__index = {} end
      book.bids, book.mid = {}, false
    end]]
  for _ = 1, 2 do
    s:book({ { "1000" } }, { { "3000" } })
    t.equal(tostring(s.desk:book("idx", "BTC/IDR").mid), "2000")
  end
  t.equal(s.runners.one.errors, 0)
end)

-- Memory ------------------------------------------------------------------------------------------

t.test("a decimal has no words behind its own that could be read or written", function()
  local _, instance = play [[
    function S:on_start()
      local d = mw.decimal "1.5"
      self.results = {
        pcall(function() return d.w[100] end), pcall(function() return d[0] end),
        pcall(function() return d[1000] end), pcall(function() d[0] = 1 end),
        pcall(function() d.low = 1 end), pcall(function() d.high = 1 end),
        pcall(function() d.w = 1 end) }
      self.text = tostring(d)
    end]]
  for i = 1, 7 do t.equal(instance.results[i], false, "way " .. i) end
  t.equal(instance.text, "1.5")
end)

t.test("a fill's execution has no array to write beyond", function()
  local s, instance = with_order [[
    function S:on_fill(fill)
      local x = fill[3]
      self.ok = {
        pcall(function() x.assets[4] = 0x0101 end), pcall(function() x.fees[4] = x.qty end),
        pcall(function() x[1] = x end), pcall(function() x.qty.low = 1 end) }
    end]]
  filled(s, instance)
  for i = 1, 4 do t.equal(instance.ok[i], false, "way " .. i) end
end)

t.test("a count that a strategy writes is no index: only its own figures are spoiled", function()
  local s, instance = with_order [[
    function S:on_fill(fill)
      fill[3].fee_count, fill[3].liquidity = 200, 200
      self.count, self.liquidity, self.fees = #fill.fees, fill.liquidity, self:position().fees
      self.second = self.second or assert(self:buy(BUY))
    end]]
  filled(s, instance)
  t.equal(instance.count, 2, "fee and clearing")
  t.equal(instance.liquidity, nil)
  t.equal(tostring(instance.fees.IDR), "11")
  s:push(s:fill(instance.second, "0.001", "0.001"))
  local position = instance:position()
  t.equal(tostring(position.qty), "0.002")
  t.equal(tostring(position.fees.IDR), "22")
  t.equal(s.runners.one.errors, 0)
end)

t.test("what an order or a position is counted from is not among what can be read of it", function()
  local s, instance = with_order [[
    function S:on_fill(_, order)
      self.found = {}
      for _, name in ipairs { "_totals", "_trades", "_view", "apply", "wake_waiters", "amend" } do
        self.found[#self.found + 1] = order[name] and name
        self.found[#self.found + 1] = self:position()[name] and name
      end
    end]]
  filled(s, instance)
  t.equal(table.concat(instance.found, " "), "")
end)

t.test("decimals of an order, a fill or a book are copies or cannot change", function()
  local s, instance = with_order [[
    function S:on_fill(fill, order)
      for _, d in ipairs { order.price, order.qty, order.cum_qty, fill.qty, fill.price } do
        for _, word in ipairs { "low", "high" } do
          self.changed = self.changed or pcall(function() d[word] = 1 end)
        end
      end
    end]]
  filled(s, instance)
  t.equal(instance.changed, false)
  t.equal(tostring(instance.order.price), "950000000")
  t.equal(decimal.ZERO, decimal "0")
end)

t.test("d.abs() in place of d:abs() is an error of the strategy, not the end of the process",
     function()
  local _, instance = play [[
    function S:on_start()
      local d = mw.decimal "1"
      self.results = {}
      for _, name in ipairs { "abs", "sign", "is_zero", "to_number", "to_int64" } do
        self.results[#self.results + 1] = { pcall(d[name]) }
      end
      for _, name in ipairs { "min", "max", "round", "is_multiple" } do
        self.results[#self.results + 1] = { pcall(d[name], nil, "1", "down") }
      end
      self.results[#self.results + 1] = { pcall(d.div, nil, "1", 2, "down") }
    end]]
  t.equal(#instance.results, 10)
  for i, result in ipairs(instance.results) do
    t.equal(result[1], false, "way " .. i)
    t.ok(result[2]:find "is a method: call it as value:", result[2])
  end
end)

t.test("mw.decimal has what is documented, and nothing that writes or that takes pointers",
     function()
  local _, instance = play [[
    function S:on_start()
      self.found = {}
      for _, name in ipairs { "sum", "copy", "set", "add_to", "add_product", "compare", "sign",
                              "text", "load" } do
        if mw.decimal[name] then self.found[#self.found + 1] = name end
      end
      pcall(function() mw.decimal.set(mw.decimal.ZERO, mw.decimal "1") end)
      self.ok = mw.decimal.is(mw.decimal.ZERO) and mw.decimal.min("1", "2") == mw.decimal "1"
        and mw.decimal.max("1", "2") == mw.decimal "2" and mw.decimal.parse "x" == nil
    end]]
  t.equal(tostring(decimal.ZERO), "0")
  t.equal(table.concat(instance.found, " "), "")
  t.equal(instance.ok, true)
end)

t.test("a book, a timer or a venue does not lead to its class by __index", function()
  local s, instance = play [[
    function S:on_start()
      self.timer, self.venue = self:after(1, "tick").__index, mw.venue("idx").__index
      self:subscribe "book"
    end
    function S.tick() end
    function S:on_book(book)
      self.book = book.__index
      if book.__index then book.__index.mid = function() return nil end end
    end]]
  for _ = 1, 2 do s:book({ { "1000" } }, { { "3000" } }) end
  t.equal(tostring(s.desk:book("idx", "BTC/IDR").mid), "2000", "the price that risk uses")
  t.equal(instance.timer or instance.venue or instance.book, nil)
end)

t.test("what a strategy does to its log keeps nobody from stopping", function()
  local s, _, runner = with_order [[
    function S:on_order() self.log.info, self.log.error, self.log.warn = nil, nil, nil end]]
  local ok = pcall(s.run, s, s.desk, "stop", 0, "SIGTERM")
  s:advance(15)
  t.ok(ok, "the way down was left")
  t.equal(runner.state, "stopped")
  t.equal(s.stopped, 0)
end)

t.test("a fill without its execution is an error, not the end", function()
  local s, instance = with_order [[
    function S:on_fill(fill)
      fill[3] = nil
      self.ok = pcall(function() return fill.fees end)
    end]]
  s:push(s:fill(instance.order, "0.001", "0.001"))
  t.equal(instance.ok, false)
end)

t.test("the charges of a FILL beside a fee without an asset are counted", function()
  local s, instance = with_order ""
  s:push(s:fill(instance.order, "0.0004", "0.0004", { fillInformation = {
    participant = "MAKER", qty = "0.0004", fee = "5", tax = "3", taxAsset = "idr",
    clearing = "2", clearingAsset = "idr" } }))
  t.equal(instance:position():fees_text(), "5 IDR")
end)

stage.done()
