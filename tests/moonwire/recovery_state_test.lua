-- A run takes over positions, what strategies kept, and the epoch of ids.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local client_id = require "moonwire.client_id"
local indodax = require "moonwire.venues.indodax"
local mw = require "moonwire"
local persist = require "moonwire.persist"
local fixture = require "tests.moonwire.recovery_fixture"

local id_of, teller, told = fixture.id_of, fixture.teller, fixture.told
local listed, open_orders, trades = fixture.listed, fixture.open_orders, fixture.trades
local take_over, with_journal, sell = fixture.take_over, fixture.with_journal, fixture.sell

t.test("positions go on where they were", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of("one", 1), status = "filled" },
                  { { trade_id = "1" }, { trade_id = "2" } })
    sell(journal, { client_order_id = id_of("one", 2), status = "filled" }, { { trade_id = "3" } })
    journal:order({ client_order_id = id_of("gone", 1), status = "filled", strategy = "gone" },
                  { { trade_id = "4" } })
    local s = take_over(journal, {})
    local position = s.desk:position("one", "idx", "BTC/IDR")
    t.equal(tostring(position.qty), "0.001")
    t.equal(position:fees_text(), "33 IDR")
    t.equal(s.desk:position("gone", "idx", "BTC/IDR").qty:is_zero(), true)
  end)
end)

t.test("a stake that was decided leaves its profit or loss after a restart as well", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of "one", status = "filled", symbol = "TEAM/USD" },
                  { { trade_id = "1", qty = "10", price = "1.8", liquidity = "pool", fees = "" },
                    { trade_id = "2", qty = "5", price = "0", liquidity = "pool", fees = "" } })
    local s = take_over(journal, {})
    local position = s.desk:position("one", "idx", "TEAM/USD")
    t.equal(tostring(position.qty), "0")
    t.equal(tostring(position.realized), "3")
  end)
end)

-- What the position is after a start from this journal, and what that start kept of it.
local function position_after(journal)
  local s = take_over(journal, {})
  local position = s.desk:position("one", "idx", "BTC/IDR")
  local kept
  for _, record in ipairs(s:recorded "persist") do
    kept = record.text:match "^positions:all%z(.*)$" or kept
  end
  return ("%s @ %s, %s"):format(position.qty, position.avg_price, position:fees_text()), kept, s
end

t.test("what all fills came to is kept: the next start counts only those since", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of("one", 1), qty = "1", status = "canceled" },
                  { { trade_id = "1" }, { trade_id = "2", price = "960000000" } })
    journal:order({ client_order_id = id_of("gone", 1), status = "filled", strategy = "gone" },
                  { { trade_id = "3" } })
    local text, kept = position_after(journal)
    t.equal(text, "0.002 @ 955000000, 22 IDR")
    t.equal(persist.decode(kept).fill, 3)
    journal:insert("persist", { strategy = "positions:all", text = kept })
    journal:run "UPDATE fills SET qty = '7'"                -- is not looked at any more
    text, kept = position_after(journal)
    t.equal(text, "0.002 @ 955000000, 22 IDR")
    t.equal(kept, nil)
    journal:insert("fills", { order_key = 1, trade_id = "9", qty = "0.002", price = "965000000",
                              flags = 0, fees = "1 BTC" })
    text, kept = position_after(journal)
    t.equal(text, "0.004 @ 960000000, 1 BTC, 22 IDR")
    t.equal(persist.decode(kept).fill, 4)
    t.equal(#persist.decode(kept).positions, 2)
  end)
end)

t.test("a fill that may still change is counted anew by each start", function()
  for _, flags in ipairs { 2, 4 } do
    with_journal(function(journal)
      journal:order({ client_order_id = id_of "one", qty = "1" },
                    { { trade_id = "1" }, { trade_id = "2", flags = flags }, { trade_id = "3" } })
      local text, kept = position_after(journal)
      t.equal(text, "0.003 @ 950000000, 33 IDR")
      t.equal(persist.decode(kept).fill, 1)
      journal:insert("persist", { strategy = "positions:all", text = kept })
      journal:run "UPDATE fills SET price = '980000000', flags = 1 WHERE fill = 2"
      text, kept = position_after(journal)
      t.equal(text, "0.003 @ 960000000, 33 IDR")
      t.equal(persist.decode(kept).fill, 3)
    end)
  end
end)

t.test("what an earlier run booked at a bound is asked for, of finished orders too", function()
  with_journal(function(journal)
    sell(journal, { status = "filled", qty = "0.001", cum_qty = "0.001" },
         { { trade_id = "1", qty = "0.001", price = "940000000", flags = 4 } })
    local s = take_over(journal, { answers = { ["/api/v2/myTrades"] = trades(1) } })
    s:start()
    s:advance(2)
    t.equal(#s:asked "/api/v2/myTrades", 1)
    t.equal(tostring(s.desk:position("one", "idx", "BTC/IDR").avg_price), "950000000")
    t.equal(told(s, "one"), "start 0")
  end)
end)

t.test("what was booked at a bound on another venue is asked for there", function()
  with_journal(function(journal)
    for i, venue in ipairs { "idx", "two" } do
      sell(journal, { status = "filled", qty = "0.001", cum_qty = "0.001", venue = venue,
                      client_order_id = id_of("one", i) },
           { { trade_id = "1", qty = "0.001", price = "940000000", flags = 4 } })
    end
    local s = take_over(journal, { venues = { two = { protocol = indodax } },
                                   answers = { ["/api/v2/myTrades"] = trades(1) } })
    s:start()
    s:advance(2)
    for _, venue in ipairs { "idx", "two" } do
      t.equal(tostring(s.desk:position("one", venue, "BTC/IDR").avg_price), "950000000", venue)
    end
  end)
end)

t.test("one that nobody will tell more about does not hold the others up", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of "one", qty = "1" },
                  { { trade_id = "1", flags = 4, booked_ns = "1780000000000000000" } })
    local _, kept = position_after(journal)
    t.equal(persist.decode(kept).fill, 1)
  end)
end)

t.test("positions that were kept and are not understood are counted again", function()
  with_journal(function(journal)
    journal:order({ client_order_id = id_of "one", qty = "1" }, { { trade_id = "1" } })
    for _, text in ipairs { "{broken", '{["fill"]=1,["positions"]={[1]={["symbol"]="BTC"}}}' } do
      journal:run "DELETE FROM persist"
      journal:insert("persist", { strategy = "positions:all", text = text })
      local found, _, s = position_after(journal)
      t.equal(found, "0.001 @ 950000000, 11 IDR")
      t.equal(#s:logged "all fills are counted again", 1)
    end
  end)
end)

t.test("what a strategy kept is there before on_start", function()
  with_journal(function(journal)
    journal:insert("persist", { strategy = "one", text = '{["price"]=dec"1.50",["n"]=7}' })
    journal:insert("persist", { strategy = "two", text = "{broken" })
    local found = {}
    local function note(self) found[self.name] = self.state.persist end
    local s = take_over(journal, { strategies = { { name = "one", class = teller(note) },
                                                  { name = "two", class = teller(note) },
                                                  { name = "three", class = teller(note) } } })
    s:start()
    t.equal(tostring(found.one.price), "1.5")
    t.equal(found.one.n, 7)
    t.equal(next(found.two), nil)
    t.equal(next(found.three), nil)
    t.equal(#s:logged "state.persist of the run before cannot be read and begins empty", 1)
  end)
end)

-- What was recorded of state.persist, and how many requests had left before.
local function kept(s, name)
  local texts = {}
  for _, record in ipairs(s:recorded "persist") do
    local of, text = record.text:match "^(%Z*)%z(.*)$"
    if of == name then texts[#texts + 1] = text end
  end
  return table.concat(texts, "|")
end

-- A strategy that does f(self) each second.
local function ticker(f)
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function class:on_start() self:every(1, "tick") end
  class.tick = f
  return class
end

local function play(class, more)
  local options = more or {}
  options.strategies = { { name = "one", class = class } }
  return take_over(nil, options):start()
end

t.test("what a strategy keeps is recorded when it changes, before commands leave", function()
  local s = play(ticker(function(self)
    local keep = self.state.persist
    keep.n = math.min((keep.n or 0) + 1, 2)
    self:buy { qty = "0.001", price = "950000000" }
  end))
  s:advance(5)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=2}')
  t.equal(stage.name_of(s.requests[s:recorded "persist"[1].requests + 1]), "trade")
end)

t.test("a strategy that keeps nothing records nothing", function()
  local s = play(ticker(function(self) self.state.n = 1 end))
  s:advance(5)
  t.equal(#s:recorded "persist", 0)
end)

t.test("what is taken back is recorded too, what a failed callback did with the next", function()
  local n = 0
  local s = play(ticker(function(self)
    n = n + 1
    self.state.persist.n = n
    if n == 2 then error "oops" end
    if n == 4 then self.state.persist.n = nil end
    if n == 5 then self.state = nil end
  end), { on_error = "continue" })
  s:advance(6)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=3}|{}')
end)

t.test("what cannot be kept is said once, and what was kept before stays", function()
  local n = 0
  local s = play(ticker(function(self)
    n = n + 1
    local keep = self.state.persist
    keep.n = n
    keep.f = n > 1 and n < 5 and print or nil
  end))
  s:advance(5)
  t.equal(#s:logged "what was kept before stays: state.persist.f: a function", 1)
  t.equal(kept(s, "one"), '{["n"]=1}|{["n"]=5}')
  t.equal(s.runners.one.state, "running")
end)

t.test("a task keeps what stands at each of its waits", function()
  local class = mw.strategy { venue = "idx" }
  function class:on_start() self:task "work" end
  function class:work()
    for i = 1, 3 do
      self.state.persist.i = i
      mw.sleep(1)
    end
  end
  local s = play(class)
  s:advance(10)
  t.equal(kept(s, "one"), '{["i"]=1}|{["i"]=2}|{["i"]=3}')
end)

t.test("a task keeps nothing of a step that failed", function()
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function class:on_start() self:task "work" end
  function class:work()
    self.state.persist.n = 1
    mw.sleep(1)
    self.state.persist.n = 2
    error "oops"
  end
  local s = play(class, { on_error = "continue" })
  s:advance(3)
  t.equal(kept(s, "one"), '{["n"]=1}')
end)

t.test("what came back is not recorded again", function()
  with_journal(function(journal)
    journal:insert("persist", { strategy = "one", text = '{["n"]=1}' })
    local s = take_over(journal, {})
    s:start()
    t.equal(kept(s, "one"), "")
  end)
end)

local function epoch_of(s)
  local maker = client_id.maker("moonwire", "one", s.desk.epoch)
  return client_id.parse(maker:next()).started_ms
end

t.test("a run is recorded with the epoch of its ids", function()
  with_journal(function(journal)
    journal:insert("runs", { run = 1, epoch = 1890000000000 })
    local s = take_over(journal, {})
    local ran = s:recorded "run"[1]
    t.equal(table.concat(ran.text, " "), "moonwire 0.1.0 ")
    t.ok(ran.num > 0)
    t.equal(ran.num2, 1890000000001)
  end)
end)

t.test("ids go on above the journal's, though the clock was set back", function()
  with_journal(function(journal)
    t.equal(epoch_of(take_over(journal, {})), 1790000000124)
    journal:insert("runs", { run = 1, epoch = 1890000000000 })
    t.equal(epoch_of(take_over(journal, {})), 1890000000001)
  end)
end)

t.test("ids go on above those that the venue shows, before anything is sent", function()
  local later = client_id.maker("moonwire", "one", client_id.base36(1890000000000, 8) .. "zzz")
  local sent
  local class = teller(function(self) sent = self:buy { qty = "0.001", price = "950000000" } end)
  local s = take_over(nil, { strategies = { { name = "one", class = class } },
                             answers = { openOrders = open_orders(listed(later:next(),
                                                                         "0.003")) } })
  s:start()
  t.equal(client_id.parse(sent.client_order_id).started_ms, 1890000000001)
end)

t.test("ids go on above one of the very same moment", function()
  local s = take_over(nil, {})
  local epoch = s.desk.epoch_ms
  local same = client_id.maker("moonwire", "one", client_id.base36(epoch, 8) .. "zzz")
  s.answers.openOrders = open_orders(listed(same:next(), "0.003"))
  s:start()
  t.equal(s.desk.epoch_ms, epoch + 1)
end)

t.test("an id from the end of time does not make ours too long", function()
  local last = client_id.maker("moonwire", "one", ("z"):rep(11))
  local s = take_over(nil, { answers = { openOrders = open_orders(listed(last:next(), "0.003")) } })
  s:start()
  local id = client_id.maker("moonwire", "one", s.desk.epoch, 36 ^ 8):next()
  t.ok(#id <= 36, id)
end)

t.test("two strategies whose orders could not be told apart are refused", function()
  local s = stage.new {}
  t.equal(s.desk.orders:claim "a", true)
  local ok, err = s.desk.orders:claim "a"
  t.equal(ok, nil)
  t.ok(err:find "would have the same code in order ids", err)
end)

stage.done()
