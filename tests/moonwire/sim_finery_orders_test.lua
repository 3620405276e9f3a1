-- The simulated Finery Markets' orders of takers and makers, and what is read of them.

local fixture = require "tests.moonwire.sim_finery_fixture"
local json = require "moonwire.json"
local t = require "tests.tap"

local with_book = fixture.with_book
local checked, limit = fixture.checked, fixture.limit

-- A taker's orders --------------------------------------------------------------------------------

t.test("a taker is held back, then answered with its deals; volumes are rounded half up", function()
  local sim = with_book()
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  sim:ask(id, '{"event":"bind","feed":"K"}')
  local request = '{"event":"request","reqId":41,"method":"add","content":{'
    .. limit("limitIOC", "6520000000000", "150000001", '"clientOrderId":9007199254740993') .. "}}"
  t.equal(sim:ask(id, request, 49), "")
  sim:pass(2)
  local reply, added, first, second = sim:heard(id):match "^(.-) | (.-) | (.-) | (.-) |"
  t.equal(reply, '{"event":"request","reqId":41,"reply":{"id":48221600005,'
    .. '"clientOrderId":9007199254740993,"remainingSize":0,"deals":['
    .. '{"id":8589936001,"price":6510000000000,"size":100000000,"volume":6510000000000,"delta":0,'
    .. '"counterpartyId":42},{"id":8589936002,"price":6520000000000,"size":50000001,'
    .. '"volume":3260000000000,"delta":0,"counterpartyId":42}]}}')
  t.equal(added, '["O",0,"+",["BTC-USD",2,0,0,48221600005,9007199254740993,6520000000000,'
    .. '150000001,150000001,1763683200173,0]]')
  t.equal(first, '["O",0,"D",["BTC-USD",2,0,0,48221600005,9007199254740993,6520000000000,150000001,'
    .. '50000001,1763683200173,1763683200173,8589936001,0,6510000000000,100000000,6510000000000,0,'
    .. '42,0,17,0,0,42,0]]')
  t.equal(#json.decode(second)[4], 24)
  checked(sim)
end)

t.test("what does not trade at once is dropped, and what does not trade at all is an error",
  function()
    local sim = with_book()
    local id = sim:connected()
    sim:ask(id, '{"event":"bind","feed":"O"}')
    local reply = json.decode(sim:call(id, "add", limit("limitIOC", "6510000000000", "150000000")))
    t.equal(reply.remainingSize .. " " .. reply.cancelReason, "50000000 2")
    t.ok(sim.last_heard:find('"-",["BTC-USD",2,0,2,48221600005,0,6510000000000,150000000,'
                             .. "50000000,", 1, true), sim.last_heard)
    t.equal(sim:call(id, "add", limit("limitIOC", "6000000000000", "1000")), "error 76")
    t.equal(sim:call(id, "add", limit("limitFOK", "6520000000000", "900000000")), "error 77")
    t.equal(sim.last_heard:find '"O"', nil)
    t.equal(sim:call(id, "positions"):match "%[%],%[%]%]$", "[],[]]")
    checked(sim)
  end)

t.test("orders by volume buy and sell for so much", function()
  local sim = with_book()
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  local bought = json.decode(sim:call(id, "add", '"instrument":"BTC-USD","side":"bid",'
    .. '"type":"marketIOC","volume":325500000000'))
  t.equal(bought.remainingVolume, 0)
  t.equal(bought.deals[1].size, 5000000)
  t.ok(sim.last_heard:find(',1]]', 1, true), "byVolume in the order's row")
  local sold = json.decode(sim:call(id, "add", '"instrument":"BTC-USD","side":"ask",'
    .. '"type":"marketFOK","volume":650000000000'))
  t.equal(sold.deals[1].size, 10000000)
  checked(sim)
end)

t.test("what is wrong with an order has its number, and its field", function()
  local sim = with_book { credit = { usd = "1000", btc = "1" } }
  local id = sim:connected()
  local good = limit("limitIOC", "6510000000000", "1000000")
  local function code_of(pattern, with)
    return sim:call(id, "add", (good:gsub(pattern, with)))
  end
  t.equal(code_of('"BTC%-USD"', '"X-Y"'), "error 34")
  t.equal(code_of('"BTC%-USD"', "5"), "error 9 instrument")
  t.equal(code_of('"bid"', '"buy"'), "error 9 side")
  t.equal(code_of("limitIOC", "stop"), "error 9 type")
  t.equal(code_of("limitIOC", "limit"), "error 73")
  t.equal(code_of('"size":1000000', '"size":1.5'), "error 9 size")
  t.equal(code_of('"size":1000000', '"size":0'), "error 70 size")
  t.equal(code_of(',"size":1000000', ""), "error 81")
  t.equal(code_of('"size":1000000', '"size":1,"volume":1'), "error 81")
  t.equal(code_of('"size":1000000', '"volume":1'), "error 83 volume")
  t.equal(code_of("6510000000000", "6510000000001"), "error 71 price")
  t.equal(code_of('"price":6510000000000,', ""), "error 9 price")
  t.equal(code_of("$", ',"clientOrderId":-1'), "error 9 clientOrderId")
  t.equal(code_of("$", ',"clientOrderId":9223372036854775808'), "error 9 clientOrderId")
  t.equal(code_of('"size":1000000', '"size":100000000'), "error 79")
  t.equal(sim:call(id, "nothing"), "error 1")
  sim:control "member?state=closed"
  t.equal(sim:call(id, "add", good), "error 84")
end)

t.test("how long a taker is held, and what the end of a filled order says, are switches", function()
  local sim = with_book { settings = { "hold_ms=100", "removed_when_filled=off" } }
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  local good = limit("limitIOC", "6510000000000", "1000")
  t.equal(sim:call(id, "add", good, 99), nil)
  sim:pass(1)
  local text = sim:heard(id)
  t.ok(text:find '"reply"' and text:find '"O",0,"D"' and not text:find '"O",0,"%-"', text)
  sim = with_book()
  id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  sim:call(id, "add", good)
  t.ok(sim.last_heard:find '"O",0,"D".*"O",0,"%-"', sim.last_heard)
end)

-- A maker's orders --------------------------------------------------------------------------------

local function maker()
  local sim = with_book { role = "maker" }
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  return sim, id
end

t.test("a maker rests at once, is filled by others and told on its feed", function()
  local sim, id = maker()
  local reply = sim:call(id, "add", limit("limit", "6505000000000", "10000000",
                                          '"clientOrderId":7'), 0)
  t.equal(reply, '{"id":48221600005,"clientOrderId":7,"remainingSize":10000000,"deals":[]}')
  t.equal(sim:call(id, "add", limit("limit", "6505000000000", "1", '"clientOrderId":7')),
          "error 74")
  sim:control "trade?pair=BTC-USD&side=sell&price=65050&qty=0.04"
  local deal = json.decode(sim:heard(id):match '%["O",0,"D",(%b[])%]')
  t.equal(deal[9], 6000000)
  t.equal(deal[13], 1, "the aggressor sold")
  t.equal(deal[18], 43)
  t.equal(sim:call(id, "del", '"clientOrderId":7'), '{"id":48221600005,"remainingSize":6000000}')
  t.equal(sim:call(id, "del", '"clientOrderId":7'), "error 80")
  t.equal(sim:call(id, "del", '"clientOrderId":7,"orderId":1'), "error 9 orderId")
  t.equal(sim:call(id, "del", '"orderId":1'), "error 80")
  t.equal(sim:call(id, "add", '"instrument":"BTC-USD","side":"bid","type":"limit","price":'
    .. '6500000000000,"volume":65000000000'), "error 82")
  t.equal(sim:call(id, "add", limit("postOnly", "6510000000000", "1")), "error 75")
  checked(sim)
end)

t.test("30 orders rest a side, and delAll takes them", function()
  local sim, id = maker()
  for i = 1, 30 do
    sim:call(id, "add", limit("limit", ("%d"):format(6400000000000 + i * 1000000), "100000"), 0)
  end
  t.equal(sim:call(id, "add", limit("limit", "6300000000000", "100000")), "error 79")
  t.equal(sim:call(id, "delAll", '"instrument":"BTC-USD"'), '{"removed":30}')
  t.equal(sim:call(id, "delAll"), '{"removed":0}')
  checked(sim)
end)

t.test("mod replaces an order: its size counts what was filled", function()
  local sim, id = maker()
  sim:call(id, "add", limit("limit", "6505000000000", "10000000"), 0)
  sim:control "trade?pair=BTC-USD&side=sell&price=65050&qty=0.04"
  sim:heard(id)
  local reply = sim:call(id, "mod", '"orderId":48221600005,"price":6501000000000,"size":12000000')
  t.equal(reply, '{"id":48221600007,"initialSize":8000000,"remainingSize":8000000,'
    .. '"origId":48221600005,"origRemainingSize":6000000,"deals":[]}')
  t.ok(sim.last_heard:find '"%-".*"%+"', "removed, then added")
  t.equal(sim:call(id, "mod", '"orderId":48221600005,"price":1000000,"size":1'), "error 80")
  checked(sim)
end)

t.test("a mod fails in two ways: with the old order alive, or gone", function()
  local sim, id = maker()
  sim:call(id, "add", limit("limit", "6400000000000", "10000000", '"clientOrderId":1'), 0)
  sim:call(id, "add", limit("postOnly", "6400000000000", "10000000", '"clientOrderId":2'), 0)
  local target = '"orderId":48221600006,'
  t.equal(sim:call(id, "mod", target .. '"price":1,"size":1000'), "error 71 price")
  t.equal(sim:call(id, "mod", target .. '"price":6400000000000,"size":10000000,'
                   .. '"clientOrderId":9223372036854775808'), "error 9 clientOrderId")
  sim.member.state = "suspended"
  t.equal(sim:call(id, "mod", target .. '"price":6400000000000,"size":10000000'), "error 84")
  sim.member.state = "open"
  sim:control "trade?pair=BTC-USD&side=sell&price=64000&qty=3.15"
  t.equal(sim:call(id, "mod", target .. '"price":6400000000000,"size":5000000'), "error 90")
  t.equal(#json.decode(sim:call(id, "positions"))[3], 1)
  t.equal(sim:call(id, "mod", target .. '"price":6510000000000,"size":10000000'),
          '{"error":75,"origId":48221600006,"origRemainingSize":5000000}')
  t.equal(#json.decode(sim:call(id, "positions"))[3], 0)
  checked(sim)
end)

t.test("orders with cod end with the connection that placed them, and no others", function()
  local sim, id = maker()
  local other = sim:connected()
  sim:ask(other, '{"event":"bind","feed":"O"}')
  sim:call(id, "add", limit("limit", "6400000000000", "1000", '"cod":true'), 0)
  sim:call(id, "add", limit("limit", "6400000000000", "2000", '"cod":false'), 0)
  sim:call(other, "add", limit("limit", "6400000000000", "3000", '"cod":true'), 0)
  sim:rest("add", limit("limit", "6400000000000", "4000", '"cod":true'))
  sim:heard(other)
  sim.gateway:closed(id, sim.now)
  sim:pass(1)
  local told = sim:heard(other)
  t.ok(told:find '"%-",%["BTC%-USD",0,0,4,', told)
  t.equal(select(2, told:gsub('"%-"', "")), 1)
  local sizes = {}
  for i, row in ipairs(json.decode(sim:call(other, "positions"))[3]) do sizes[i] = row[8] end
  t.equal(table.concat(sizes, " "), "2000 3000 4000")
  checked(sim)
end)

t.test("two orders of one member do not trade with each other", function()
  local sim, id = maker()
  sim:call(id, "add", limit("limit", "6505000000000", "10000000"), 0)
  local sell = '"instrument":"BTC-USD","side":"ask","type":"limit","price":6505000000000,"size":5'
  t.equal(sim:call(id, "add", sell), "error 78")
  t.equal(#json.decode(sim:call(id, "positions"))[3], 1)
  checked(sim)
end)

-- Reads -------------------------------------------------------------------------------------------

t.test("positions follow deals, per currency and counterparty", function()
  local sim = with_book()
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"K"}')
  sim:call(id, "add", limit("limitIOC", "6510000000000", "1000000"))
  t.ok(sim.last_heard:find('["K",0,"M",["BTC",1000000,42,', 1, true), sim.last_heard)
  t.ok(sim.last_heard:find('["K",0,"M",["USD",-65100000000,42,', 1, true))
  local positions = json.decode(sim:call(id, "positions"))[2]
  t.equal(#positions, 2)
  t.ok(sim:call(id, "climits"):find('"limitUtilization":65100000000', 1, true))
  t.ok(sim:call(id, "book", '"instrument":"BTC-USD"'):find "^%[%[%[6500000000000,100000000%]")
end)

t.test("the history of deals is newest first, filtered and paged", function()
  local sim = with_book()
  local id = sim:connected()
  local first
  for i = 1, 5 do
    sim:call(id, "add", limit("limitIOC", "6510000000000", ("%d"):format(i * 1000)))
    if i == 1 then first = sim.now end
  end
  local function sizes(content)
    local list = {}
    for i, row in ipairs(json.decode(sim:call(id, "dealHistory", content))) do list[i] = row[15] end
    return table.concat(list, " ")
  end
  t.equal(sizes "", "5000 4000 3000 2000 1000")
  t.equal(sizes '"limit":2', "5000 4000")
  t.equal(sizes '"limit":2,"till":8589936004', "3000 2000")
  t.equal(sizes(('"from":%d'):format(first)), "5000 4000 3000 2000")
  t.equal(sizes(('"to":%d'):format(first)), "1000")
  t.equal(sizes '"instrument":"BTC-USD","limit":1', "5000")
  t.equal(sizes '"instrument":["ETH-USD"]', "")
end)

t.test("ids may begin above 2^53, and rows may be as short as years ago", function()
  local sim = with_book { settings = { "big_ids=on", "row_length=19" } }
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  local reply = sim:call(id, "add", limit("limitIOC", "6510000000000", "1000"))
  t.ok(reply:find('{"id":9007199254740997,', 1, true), reply)
  t.equal(#json.decode(sim.last_heard:match '%["O",0,"D",(%b[])%]'), 19)
end)

t.done()
