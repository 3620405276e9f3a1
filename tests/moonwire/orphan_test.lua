-- on_orphan = "ask": a person at a prompt is asked about orders of ours that no strategy claims.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local console = require "moonwire.console"
local fixture = require "tests.moonwire.recovery_fixture"
local host = require "moonwire.host"
local json = require "moonwire.json"

local real_send = host.console_send
local sent = {}

function host.console_send(id, line)
  table.insert(sent[id], json.decode(line))
  return true
end

-- A prompt attaches; its number.
local function attach(s)
  local id = #sent + 1
  sent[id] = {}
  s:run(s.prompt, "on_console_open", id, 4711)
  s:run(s.prompt, "on_console_line", id, '{"hello":true,"interactive":true}')
  return id
end

-- Types a line; its result.
local function type_line(s, id, text)
  s:run(s.prompt, "on_console_line", id, json.encode { run = text, width = 80 })
  s:settle()
  local done
  for _, message in ipairs(sent[id]) do
    if message.kind == "done" then done = message end
  end
  return done.text, done.ok
end

-- What this prompt was asked.
local function questions(id)
  local list = {}
  for _, message in ipairs(sent[id]) do
    if message.kind == "line" then list[#list + 1] = message.text end
  end
  return list
end

local ID = fixture.id_of "gone"
local LISTED = fixture.open_orders(fixture.listed(ID, "0.003"))

-- A run that finds such an order, with a prompt.
local function play(options)
  options = options or {}
  options.on_orphan = options.on_orphan or "ask"
  options.answers = options.answers or { openOrders = LISTED }
  function options.before(s)
    s.desk.config.console, s.desk.config.directory = {}, "."
    s.prompt = assert(console.new(s.desk, "0.0.0"))
    s.early = attach(s)
  end
  return fixture.take_over(nil, options):start()
end

local function is_asked(id)
  local list = questions(id)
  t.equal(#list, 1)
  t.ok(list[1]:find("order " .. ID .. " sell BTC/IDR", 1, true), list[1])
  local how = ('adopt(%q) at a prompt takes it over, cancel(%q) there cancels it'):format(ID, ID)
  t.ok(list[1]:find(how, 1, true), list[1])
end

t.test("each prompt is asked, also one that comes later; nothing happens meanwhile", function()
  local s = play()
  is_asked(s.early)
  is_asked(attach(s))
  s:advance(120)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  t.equal(#questions(s.early), 1)
end)

t.test("adopt takes it over: its fills and its end are the prompt's", function()
  local s = play()
  local _, ok = type_line(s, s.early, ("adopt(%q)"):format(ID))
  t.ok(ok)
  t.equal(#questions(attach(s)), 0, "it is decided")
  local order = s.desk.orders:list_open()[1]
  t.equal(order.strategy, "console")
  s:push(s:fill(order, "0.003", "0.003", { origQty = "0.003" }))
  t.equal(tostring(s.desk:position("console", "idx", "BTC/IDR").qty), "-0.003")
end)

t.test("what it executed before is the prompt's as well, after a restart too", function()
  fixture.with_journal(function(journal)
    fixture.sell(journal, { client_order_id = ID, strategy = "gone", status = "partially_filled" },
                 { { trade_id = "1" } })
    local function run(options)
      options.on_orphan = "ask"
      function options.before(s)
        s.desk.config.console, s.desk.config.directory = {}, "."
        s.prompt = assert(console.new(s.desk, "0.0.0"))
        s.early = attach(s)
      end
      return fixture.take_over(journal, options):start()
    end
    local s = run { answers = { openOrders = fixture.open_orders(fixture.listed(ID, "0.002")),
                                ["/api/v2/myTrades"] = fixture.trades(1) } }
    local _, ok = type_line(s, s.early, ("adopt(%q)"):format(ID))
    t.ok(ok)
    local position = s.desk:position("console", "idx", "BTC/IDR")
    t.equal(("%s, fees %s"):format(position.qty, position:fees_text()), "-0.001, fees 11 IDR")
    local kept
    for _, record in ipairs(s:recorded "persist") do
      kept = record.text:match "^positions:all%z(.*)$" or kept
    end
    t.equal(kept, "", "the next start counts anew")
    journal:insert("persist", { strategy = "positions:all", text = kept })
    journal:run "UPDATE orders SET strategy = 'console'"       -- as the journal does it
    s = run { answers = { openOrders = fixture.open_orders(fixture.listed(ID, "0.002")),
                          ["/api/v2/myTrades"] = fixture.trades(1) } }
    t.equal(tostring(s.desk:position("console", "idx", "BTC/IDR").qty), "-0.001")
    t.equal(#s:logged "warn the positions", 0)
  end)
end)

t.test("cancel cancels it", function()
  local s = play { answers = { openOrders = LISTED, cancelByClientOrderId = false } }
  local _, ok = type_line(s, s.early, ("cancel(%q)"):format(ID))
  t.ok(ok)
  t.equal(#questions(attach(s)), 0, "it is decided")
  s:answer(s:find "cancelByClientOrderId", 200, stage.vector "cancel")
  t.equal(#s.desk.orders:list_open(), 0)
  t.equal(#s:asked "cancelByClientOrderId", 1)
end)

t.test("one that shows up later is asked about then", function()
  local s = play { answers = {} }
  t.equal(#questions(s.early), 0)
  s:push(s:update({ client_order_id = ID, order_id = "btcidr-limit-7", side = "sell" }, {}))
  is_asked(s.early)
end)

t.test("nobody is asked where that is not wanted, or about orders of others", function()
  local s = play { on_orphan = "leave" }
  t.equal(#questions(s.early), 0)
  t.equal(#questions(attach(s)), 0)
  s = play { answers = { openOrders = fixture.open_orders(fixture.listed("web-1", "0.003")) } }
  t.equal(#questions(s.early), 0)
  t.equal(#questions(attach(s)), 0)
end)

host.console_send = real_send
stage.done()
