-- The simulated Finery Markets, call by call: what the venue page's last section owes.

local fixture = require "tests.moonwire.sim_finery_fixture"
local json = require "moonwire.json"
local t = require "tests.tap"

local new = fixture.new

local function read_file(name)
  local file = assert(io.open("tests/vectors/finery/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end
local signatures = assert(json.decode(read_file "signatures.json"))

-- A market of two levels a side: 65000 x 1, 64900 x 2 | 65100 x 1, 65200 x 2.
local function with_book(options)
  local sim = new(options)
  for _, quote in ipairs { { "buy", 65000, 1 }, { "buy", 64900, 2 }, { "sell", 65100, 1 },
                           { "sell", 65200, 2 } } do
    sim:control(("quote?pair=BTC-USD&side=%s&price=%d&qty=%d"):format(unpack(quote)))
  end
  return sim
end

local function checked(sim)
  local result = sim:control "check"
  t.ok(result.ok, result.problem)
end

local BUY = '"instrument":"BTC-USD","side":"bid","type":"%s","price":%s,"size":%s'
local function limit(kind, price, size, more)
  return BUY:format(kind, price, size) .. (more and "," .. more or "")
end

-- Signing in --------------------------------------------------------------------------------------

t.test("the venue's test vectors are accepted, over REST and in a handshake", function()
  local sim = new()
  local h = signatures.handshake
  local id = sim:open { ["EFX-Key"] = signatures.key, ["EFX-Content"] = h.content,
                        ["EFX-Sign"] = h.signature }
  t.equal(sim.refused[id], nil)
  t.equal(sim:heard(id), '["X",0,"Z",0]')
  for _, vector in ipairs(signatures.rest) do
    local answer, request = sim:request("POST", "/api/" .. vector.method, {
      ["EFX-Key"] = signatures.key, ["EFX-Sign"] = vector.signature }, vector.body)
    sim:pass(100)
    answer = answer or sim.answers[request]
    local code = answer.body:match '^{"error":(%d+)'
    t.equal(code, ({ add = "76", ["pending/add"] = "1" })[vector.method], vector.method)
  end
end)

t.test("a handshake is refused with the number of what is wrong", function()
  local function code_of(headers)
    local sim = new()
    local id = sim:open(headers(sim))
    t.equal(sim.refused[id].status, 400)
    return sim.refused[id].body
  end
  t.equal(code_of(function(sim) return sim:headers(nil, "wrong") end), '{"error":14}')
  t.equal(code_of(function(sim)
    local headers = sim:headers()
    headers["EFX-Key"] = "nobody"
    return headers
  end), '{"error":3}')
  t.equal(code_of(function(sim)
    return sim:headers(('{"nonce":1,"timestamp":%d}'):format(sim.now - 61000))
  end), '{"error":7}')
  t.equal(code_of(function(sim)
    return sim:headers(('{"nonce":1.7636832001235e+15,"timestamp":%d}'):format(sim.now))
  end), '{"error":9,"param":"nonce"}')
end)

t.test("one nonce rises over REST and WebSocket, or differs within the window", function()
  local sim = new()
  sim:connected()
  sim.nonce = sim.nonce - 1
  t.equal(sim:rest "positions", '{"error":6}')
  sim.nonce = sim.nonce + 10
  t.equal(select(2, sim:rest "positions"), 200)
  sim = new { settings = { "nonce=window" } }
  sim:connected()
  sim.nonce = sim.nonce - 100
  t.equal(select(2, sim:rest "positions"), 200)
  sim.nonce = sim.nonce - 1
  t.equal(sim:rest "positions", '{"error":6}')
  sim:pass(121000)
  sim.nonce = sim.nonce - 1
  t.equal(select(2, sim:rest "positions"), 200)
end)

t.test("without headers a connection signs in by a message", function()
  local sim = new()
  local id = sim:open {}
  t.equal(sim:heard(id), '["X",0,"Z",0]')
  t.equal(sim:ask(id, '{"event":"bind","feed":"O"}'), '["O",0,"Z",3]')
  local headers = sim:headers()
  local auth = json.encode { event = "auth", key = headers["EFX-Key"],
                             signature = headers["EFX-Sign"], content = headers["EFX-Content"] }
  t.equal(sim:ask(id, auth), '{"event":"auth"}')
  t.equal(sim:ask(id, auth), '{"event":"auth","error":4}')
  t.equal(sim:ask(id, '{"event":"bind","feed":"O"}'), '["O",0,"S",[]]')
end)

-- Status, idle, ping ------------------------------------------------------------------------------

t.test("the backend's status is told to everybody, and requests fail without it", function()
  local sim = new()
  local id = sim:connected()
  sim:control "backend?code=2"
  t.equal(sim:heard(id), '["X",0,"Z",2]')
  t.equal(sim:call(id, "positions"), "error 2")
  t.equal(sim:ask(id, '{"event":"bind","feed":"K"}'), '["K",0,"Z",2]')
  sim:control "backend?code=0"
  t.equal(sim:heard(id), '["X",0,"Z",0]')
end)

t.test("80 s without a word close a connection; a text or a ping keeps it", function()
  local sim = new()
  local silent, talking, pinging = sim:connected(), sim:connected(), sim:connected()
  for _ = 1, 3 do
    sim:pass(60000)
    sim:say(talking, '{"event":"ping"}')
    sim.gateway:pinged(pinging, sim.now)
  end
  t.ok(sim.closed[silent])
  t.equal(sim.closed[talking] or sim.closed[pinging], nil)
  t.equal(sim:heard(talking):match "^[^|]*", '{"event":"ping"} ')
end)

t.test("a text ping may stay without an answer, and junk always does", function()
  local sim = new { settings = { "text_ping=silent" } }
  local id = sim:connected()
  for _, text in ipairs { '{"event":"ping"}', "junk", "[]", '{"event":"nothing"}', "" } do
    t.equal(sim:ask(id, text), "")
  end
end)

-- Feeds -------------------------------------------------------------------------------------------

t.test("a bind has a snapshot, and its id comes back as it was given", function()
  local sim = with_book()
  local id = sim:connected()
  local book = "[[[6500000000000,100000000],[6490000000000,200000000]],"
    .. "[[6510000000000,100000000],[6520000000000,200000000]]]"
  t.equal(sim:ask(id, '{"event":"bind","feed":"F","feedId":"BTC-USD"}'),
          '["F","BTC-USD","S",' .. book .. "]")
  t.equal(sim:ask(id, '{"event":"unbind","feed":"F","feedId":"BTC-USD"}'), '["F","BTC-USD","U",0]')
  t.equal(sim:ask(id, '{"event":"bind","feed":"F","feedId":4955410050}'),
          '["F",4955410050,"S",' .. book .. "]")
  t.equal(sim:ask(id, '{"event":"bind","feed":"MD","feedId":{"instrument":"BTC-USD"}}'),
          '["MD",{"instrument":"BTC-USD"},"S",' .. book .. "]")
  t.equal(sim:ask(id, '{"event":"bind","feed":"K"}'), '["K",0,"S",[]]')
  t.ok(sim:ask(id, '{"event":"bind","feed":"I"}'):find('["BTC-USD",4955410050,"BTC","USD"]', 1,
                                                       true))
  t.ok(sim:ask(id, '{"event":"bind","feed":"L"}'):find('"counterpartyId":42', 1, true))
  t.equal(sim:ask(id, '{"event":"bind","feed":"P"}'), '["P",0,"S",[8589936001,[],[],[]]]')
  for feed, snapshot in pairs { S = "[]", R = "[[],[]]", N = "[0,[],[]]", M = "[]" } do
    t.equal(sim:ask(id, '{"event":"bind","feed":"' .. feed .. '"}'),
            '["' .. feed .. '",0,"S",' .. snapshot .. "]")
  end
end)

t.test("what cannot be bound or unbound fails with a number, alone or in an array", function()
  for _, setting in ipairs { "off", "on" } do
    local sim = new { settings = { "codes_in_arrays=" .. setting } }
    local id = sim:connected()
    local function code_of(event, feed, more)
      return sim:ask(id, ('{"event":"%s","feed":"%s"%s}'):format(event, feed, more or ""))
        :match '"Z",(.*)%]$'
    end
    local function is(number) return setting == "on" and "[" .. number .. "]" or number end
    t.equal(code_of("bind", "Q"), is "102")
    t.equal(code_of("bind", "D"), is "102")
    t.equal(code_of("bind", "F"), is "103")
    t.equal(code_of("bind", "F", ',"feedId":[1]'), is "103")
    t.equal(code_of("bind", "F", ',"feedId":"X-Y"'), is "34")
    t.equal(code_of("bind", "B", ',"feedId":"BTC-USD"'), is "3")
    t.equal(code_of("bind", "G"), is "1")
    t.equal(code_of("unbind", "O"), is "101")
    sim:ask(id, '{"event":"bind","feed":"O"}')
    t.equal(code_of("bind", "O"), is "100")
  end
end)

t.test("a book's changes come as operations, a lost best as one that deletes what is better",
  function()
    local sim = with_book()
    local id = sim:connected()
    sim:ask(id, '{"event":"bind","feed":"F","feedId":"BTC-USD"}')
    sim:control "quote?pair=BTC-USD&side=buy&price=65050&qty=0.5"
    t.equal(sim:heard(id), '["F","BTC-USD","M",[[["+",6505000000000,50000000]],[]]]')
    sim:control "trade?pair=BTC-USD&side=sell&price=65000&qty=0.75"
    t.equal(sim:heard(id), '["F","BTC-USD","M",[[["~",6500000000000,75000000]],[]]]')
    sim:control "trade?pair=BTC-USD&side=buy&qty=0.25"
    t.equal(sim:heard(id), '["F","BTC-USD","M",[[],[["M",6510000000000,75000000]]]]')
    sim:control "trade?pair=BTC-USD&side=sell&price=1&qty=100"
    t.equal(sim:heard(id), '["F","BTC-USD","M",[[["~",0,0]],[]]]')
  end)

t.test("a maker's book comes whole at each change", function()
  local sim = with_book { role = "maker" }
  local id = sim:connected()
  t.equal(sim:ask(id, '{"event":"bind","feed":"F","feedId":"BTC-USD"}'), '["F","BTC-USD","Z",3]')
  sim:ask(id, '{"event":"bind","feed":"B","feedId":"BTC-USD"}')
  sim:control "trade?pair=BTC-USD&side=buy&qty=0.25"
  t.equal(sim:heard(id), '["B","BTC-USD","S",[[[6500000000000,100000000],'
    .. "[6490000000000,200000000]],[[6510000000000,75000000],[6520000000000,200000000]]]]")
end)

t.test("a connection whose first feed is a book is one of market data, for faults", function()
  local sim = with_book()
  local private, market = sim:connected(), sim:connected()
  sim:ask(private, '{"event":"bind","feed":"O"}')
  sim:ask(market, '{"event":"bind","feed":"F","feedId":"BTC-USD"}')
  local kinds = {}
  for i, row in ipairs(sim:control "connections") do kinds[i] = row.socket end
  t.equal(table.concat(kinds, " "), "private market")
end)

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

-- Faults ------------------------------------------------------------------------------------------

t.test("a request over the socket may be swallowed before or after it happens", function()
  for moment, deals in pairs { before = 0, after = 1 } do
    local sim = with_book { fault = "swallow:add:" .. moment .. ":1" }
    local id = sim:connected()
    t.equal(sim:call(id, "add", limit("limitIOC", "6510000000000", "1000")), nil)
    t.equal(#json.decode(sim:call(id, "dealHistory")), deals, moment)
  end
end)

t.test("a reply may be lost, delayed, cut off and fail after it happened", function()
  local good = limit("limitIOC", "6510000000000", "1000")
  local sim = with_book { fault = "delay:add:300ms,cut:del:1" }
  local id = sim:connected()
  t.equal(sim:call(id, "add", good), nil)
  sim:pass(300)
  t.ok(sim:heard(id):find '"reply"')
  sim:call(id, "del", '"orderId":1')
  t.equal(sim.dropped[id], "drop")
  sim = with_book()
  id = sim:connected()
  sim:control "fail?method=add&code=10&executed=1"
  t.equal(sim:call(id, "add", good), "error 10")
  t.equal(#json.decode(sim:call(id, "dealHistory")), 1)
  sim:control "fail?method=add&code=2"
  t.equal(sim:call(id, "add", good), "error 2")
  t.equal(#json.decode(sim:call(id, "dealHistory")), 1)
end)

t.test("an order's events may come before its reply", function()
  local sim = with_book { settings = { "events_first=on" } }
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  sim:call(id, "add", limit("limitIOC", "6510000000000", "1000"))
  t.ok(sim.last_heard:find '^%["O".*"reply"', sim.last_heard)
end)

t.test("REST answers after the hold, with the status that the venue gives", function()
  local sim = with_book()
  t.equal(sim:rest("add", limit("limitIOC", "6510000000000", "1000"), 40), nil)
  sim:pass(20)
  local body, status = sim:rest "positions"
  t.equal(status, 200)
  t.ok(body:find '%["BTC",1000,42')
  body, status = sim:rest("del", '"orderId":5')
  t.equal(body .. status, '{"error":80}400')
  t.equal(sim:request("GET", "/api/positions").status, 405)
  t.equal(sim:request("GET", "/").status, 404)
end)

t.test("a clock that stands gives the same bytes each time", function()
  local function run()
    local sim = new { settings = { "frozen=1763683200000" }, market = true }
    local id = sim:connected()
    sim:ask(id, '{"event":"bind","feed":"O"}')
    sim:ask(id, '{"event":"bind","feed":"F","feedId":"BTC-USD"}')
    sim:call(id, "add", limit("limitIOC", "6600000000000", "10000000"))
    sim:pass(5000)
    checked(sim)
    return sim.last_heard .. sim:heard(id)
  end
  t.equal(run(), run())
end)

t.test("the made market moves, trades with a resting order, and the books add up", function()
  local sim = new { role = "maker", market = true }
  local id = sim:connected()
  sim:ask(id, '{"event":"bind","feed":"O"}')
  sim:call(id, "add", limit("limit", "6498000000000", "10000000"), 0)
  sim:control "move?pair=BTC-USD&percent=-1"
  t.ok(sim:heard(id):find('"O",0,"D"', 1, true))
  sim:pass(60000)
  checked(sim)
end)

t.done()
