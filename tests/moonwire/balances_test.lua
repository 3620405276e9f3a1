-- What balances are at the start of a run is noted once, so that audit can explain later ones.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local fixture = require "tests.moonwire.recovery_fixture"
local persist = require "moonwire.persist"

local INFO = '{"success":1,"return":{"balance":{"btc":"1.5","idr":"1000","eth":"0"},'
  .. '"balance_hold":{"btc":"0.25","idr":"0","eth":"0"}}}'

-- What the run has noted: a list.
local function noted(s)
  local list = {}
  for _, record in ipairs(s:recorded "persist") do
    local text = record.text:match "^balances:idx%z(.*)$"
    if text then list[#list + 1] = persist.decode(text) end
  end
  return list
end

-- A run with an order of ours; its balances are answered by answer().
local function play(journal, info)
  fixture.sell(journal)
  return fixture.take_over(journal, { answers = {
    openOrders = fixture.open_orders(fixture.listed(fixture.id_of "one", "0.003")),
    getInfo = info or INFO } }):start()
end

t.test("a run notes the balances once, beside what goes on", function()
  fixture.with_journal(function(journal)
    local s = play(journal)
    t.equal(fixture.told(s, "one"):sub(1, 7), "start 1", "nobody waits for it")
    t.equal(#noted(s), 0)
    s:advance(1)
    local list = noted(s)
    t.equal(#list, 1)
    t.equal(tostring(list[1].assets.BTC) .. " " .. tostring(list[1].assets.IDR), "1.75 1000")
    t.equal(list[1].assets.ETH, nil)
    t.ok(math.abs(list[1].time - 1790000000) < 1)
    s:close(s:private())
    s:advance(200)
    t.equal(#noted(s), 1)
    t.equal(#s:asked "getInfo", 1)
  end)
end)

t.test("balances that a fill may be in or not are noted a minute later", function()
  fixture.with_journal(function(journal)
    local s = play(journal)
    s:push(s:fill(s.desk.orders:list_open()[1], "0.001", "0.001", { origQty = "0.003" }))
    s:advance(30)
    t.equal(#noted(s), 0)
    s:advance(40)
    t.equal(#noted(s), 1)
    t.equal(#s:asked "getInfo", 2)
  end)
end)

t.test("balances that cannot be had are asked for again, and nothing waits", function()
  fixture.with_journal(function(journal)
    local s = play(journal, { 503, "busy" })
    t.equal(s.session.state, "up")
    s:advance(30)
    s.answers.getInfo = INFO
    s:advance(40)
    t.equal(#noted(s), 1)
    t.equal(#s:logged "warn ", 0)
  end)
end)

t.test("without a journal nobody asks", function()
  local s = fixture.take_over(nil, {}):start()
  s:advance(200)
  t.equal(#s:asked "getInfo", 0)
end)

stage.done()
