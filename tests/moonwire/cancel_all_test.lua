-- Many orders canceled by one request, at Finery, where nothing else trades on the account.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local fixture = require "tests.moonwire.finery_fixture"

local sent = fixture.sent
local ROW = '["%s",0,0,%d,%d,%s,6500000000000,10000000,%d,1763683100000,0]'

-- A maker's session with these orders open, a symbol each; whatever is at the venue is listed.
local function open(symbols, methods, options)
  options = options or {}
  local number, rows = 0, {}
  local all = {
    add = function(content)
      number = number + 1
      rows[number] = ROW:format(content.instrument, 0, number, content.clientOrderId, 10000000)
      return ('{"id":%d,"remainingSize":10000000,"deals":[]}'):format(number)
    end,
    positions = function()
      local list = {}
      for _, row in pairs(rows) do list[#list + 1] = row end
      return "[1,[],[" .. table.concat(list, ",") .. "],[]]"
    end,
    del = function(content)
      if not rows[tonumber(content.orderId)] then return 80 end
      rows[tonumber(content.orderId)] = nil
      return ('{"id":%s,"remainingSize":10000000}'):format(content.orderId)
    end,
    delAll = function(content)
      for id, row in pairs(rows) do
        if not content.instrument or row:find('"' .. content.instrument .. '"', 1, true) then
          rows[id] = nil
        end
      end
      return '{"removed":9}'
    end,
  }
  for name, method in pairs(methods or {}) do all[name] = method end
  local s = fixture.play(all, "maker", options.answers)
  s.session.config.exclusive = options.exclusive ~= false
  s.session.config.request_timeout = 2
  s.session:note_capabilities()
  s.rows, s.own = rows, {}
  for i, symbol in ipairs(symbols) do
    s.own[i] = s:send { side = "buy", qty = "0.1", price = "65000", symbol = symbol }
    t.equal(s.own[i].status, "new")
  end
  s.trader.said()
  function s.runners.one.class.drop_all(self, of) self.count = self:cancel_all(of) end
  function s:drop_all(symbol)
    self:run(self.runners.one, "call_method", "drop_all", 1, { symbol })
    self:settle()
    return self.instance.count
  end
  return s
end

local function count(s, method) return select(2, sent(s, method)) end

-- The questions behind it take their places in the venue's rate.
local function statuses(s)
  s:advance(2)
  local list = {}
  for i, order in ipairs(s.own) do list[i] = order.status end
  return table.concat(list, " ")
end

local THREE = { "BTC/USD", "BTC/USD", "ETH/USDT" }

t.test("all that is open goes by one request, and the list confirms it", function()
  local s = open(THREE)
  t.equal(s:drop_all(), 3)
  t.equal(count(s, "delAll"), 1)
  t.equal(count(s, "del"), 0)
  t.ok(sent(s, "delAll"):find('"content":{}', 1, true))
  t.equal(statuses(s), "canceled canceled canceled")
  t.equal(s.own[1].reason, "client")
end)

t.test("all of one symbol goes by one request for it", function()
  local s = open(THREE)
  t.equal(s:drop_all "BTC/USD", 2)
  t.ok(sent(s, "delAll"):find('"content":{"instrument":"BTC-USD"}', 1, true))
  t.equal(statuses(s), "canceled canceled new")
  t.equal(count(s, "del"), 0)
end)

t.test("without the option, or for one order, each is canceled by itself", function()
  local s = open(THREE, nil, { exclusive = false })
  t.equal(s:drop_all(), 3)
  t.equal(count(s, "delAll"), 0)
  t.equal(count(s, "del"), 3)
  s = open { "BTC/USD" }
  s:drop_all()
  t.equal(count(s, "delAll"), 0)
  t.equal(statuses(s), "canceled")
end)

t.test("what would take an order that is not meant is not sent", function()
  local s = open(THREE)
  s.own[1]._owner = "another"
  t.equal(s:drop_all(), 2)
  t.equal(count(s, "delAll"), 0)
  t.equal(statuses(s), "new canceled canceled")
  s = open { "BTC/USD", "ETH/USDT", "ETH/USDT" }
  s.own[1]._owner = "another"
  s:drop_all()
  t.ok(sent(s, "delAll"):find('{"instrument":"ETH-USDT"}', 1, true))
  t.equal(statuses(s), "new canceled canceled")
end)

t.test("an order of somebody else shows that the option is wrong", function()
  local s = open(THREE)
  s:frame('["O","ETH-USDT","+",' .. ROW:format("ETH-USDT", 0, 99, "5", 10000000) .. "]")
  s:settle()
  s:drop_all()
  t.equal(count(s, "delAll"), 0)
  t.equal(statuses(s), "canceled canceled canceled")
  t.equal(#s:logged "somebody else's", 1)
end)

t.test("an order of the same callback leaves behind it, and lives", function()
  local s = open(THREE)
  function s.runners.one.class.again(self)
    self:cancel_all()
    self.order = assert(self:buy { qty = "0.1", price = "64000", symbol = "BTC/USD" })
  end
  s:run(s.runners.one, "call_method", "again", 0, {})
  s:settle()
  local all, add
  for i, text in ipairs(s:private().sent) do
    if text:find '"delAll"' then all = i elseif text:find '"add"' then add = i end
  end
  t.ok(all < add)
  t.equal(statuses(s), "canceled canceled canceled")
  t.equal(s.instance.order.status, "new")
  s:advance(90)
  t.equal(s.instance.order.status, "new")
end)

t.test("no answer, whatever came of it: the list tells, and the rest goes one by one", function()
  for _, is_done in ipairs { true, false } do
    local s
    s = open(THREE, { delAll = function()
      for id in pairs(is_done and s.rows or {}) do s.rows[id] = nil end
      return false
    end })
    s:drop_all()
    t.equal(s.own[3].status, "pending_cancel")
    local late = s:send { side = "buy", qty = "0.1", price = "64000", symbol = "BTC/USD" }
    t.equal(late.status, "new")
    s:advance(5)
    t.equal(statuses(s), "canceled canceled canceled")
    t.equal(count(s, "delAll"), 1)
    t.equal(count(s, "del"), is_done and 0 or 3)
    t.equal(late.status, "new", "one that came after it")
  end
end)

t.test("a refusal, and a request that cannot leave: one by one, at once", function()
  for _, code in ipairs { 1, 3, 9 } do
    local s = open(THREE, { delAll = code })
    s:drop_all()
    t.equal(statuses(s), "canceled canceled canceled")
    t.equal(count(s, "del"), 3)
  end
  local s = open(THREE)
  for _ = 1, 20 do s.session.limiter:try("cancel", "BTC/USD", require "moonwire.dispatch".now()) end
  s:drop_all()
  t.equal(count(s, "delAll"), 0)
  s:advance(5)
  t.equal(statuses(s), "canceled canceled canceled")
end)

t.test("an error that says nothing of what was done has the list read", function()
  local s = open(THREE, { delAll = 10 })
  s:drop_all()
  s:advance(1)
  t.equal(statuses(s), "canceled canceled canceled")
  t.equal(count(s, "del"), 3)
end)

t.test("what was executed before it went is counted", function()
  local s
  s = open(THREE, { dealHistory = function(content)
    if content.instrument ~= "BTC-USD" then return "[]" end
    local row = fixture.DEAL_ROW:format(s.own[1].client_order_id, 6000000, 70, 4000000)
    row = row:gsub("48221600011", s.own[1].order_id):gsub("25000000", "10000000")
    return "[" .. row .. "]"
  end })
  s:drop_all()
  t.equal(statuses(s), "canceled canceled canceled")
  t.equal(tostring(s.own[1].cum_qty), "0.04")
  t.ok(not s.own[1]:is_missing_fills())
end)

t.test("a strategy that stops ends its orders by one request", function()
  local s = open(THREE)
  s:run(s.runners.one, "stop", "test")
  s:settle()
  t.equal(count(s, "delAll"), 1)
  t.equal(count(s, "del"), 0)
  t.equal(statuses(s), "canceled canceled canceled")
end)

t.test("while the line is down it goes over REST", function()
  local s
  s = open(THREE, nil, { answers = {
    ["/api/delAll"] = function()
      for id in pairs(s.rows) do s.rows[id] = nil end
      return '{"removed":3}'
    end,
    ["/api/positions"] = "[1,[],[],[]]", ["/api/dealHistory"] = "[]",
  } })
  s:close(s:private())
  s:drop_all()
  t.equal(#s:asked "/api/delAll", 1)
  t.equal(#s:asked "/api/del", 0)
  t.equal(statuses(s), "canceled canceled canceled")
end)

t.test("an order that is being replaced goes with it, whatever it became", function()
  local s = open({ "BTC/USD", "BTC/USD" }, { mod = false })
  s:change(s.own[1], { price = "64000" })
  s:drop_all()
  t.equal(count(s, "delAll"), 1)
  s:advance(5)
  t.equal(statuses(s), "canceled canceled")
end)

t.test("the option is a maker's", function()
  local finery = require "moonwire.venues.finery"
  t.equal(#finery.check_config { role = "maker", exclusive = true }, 0)
  t.equal(#finery.check_config { role = "taker", exclusive = false }, 0)
  t.equal(finery.check_config { role = "taker", exclusive = true }[1][1], "exclusive")
end)

stage.done()
