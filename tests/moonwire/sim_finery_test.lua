-- The simulated Finery Markets' doors: signing in, status, feeds; and what faults do to it.

local fixture = require "tests.moonwire.sim_finery_fixture"
local json = require "moonwire.json"
local files = require "tests.files"
local t = require "tests.tap"

local new, with_book = fixture.new, fixture.with_book
local checked, limit = fixture.checked, fixture.limit

local signatures = assert(json.decode(files.read "tests/vectors/finery/signatures.json"))

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

t.test("a nonce that is no whole number in digits is no nonce", function()
  local sim = new()
  for _, nonce in ipairs { "1.7e15", "1763683200123456.0", "-1", '"x"' } do
    local content = ('{"nonce":%s,"timestamp":%.0f}'):format(nonce, sim.now)
    local id = sim:open(sim:headers(content))
    t.ok(sim.refused[id].body:find('{"error":9', 1, true), nonce .. ": " .. sim.refused[id].body)
  end
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

t.test("frames may overtake, come twice or break off, and REST be down", function()
  local good = limit("limitIOC", "6510000000000", "1000")
  local function heard_with(fault)
    local sim = with_book { fault = fault }
    local id = sim:connected()
    sim:ask(id, '{"event":"bind","feed":"O"}')
    sim:call(id, "add", good)
    return sim, id, sim.last_heard
  end
  local _, _, text = heard_with "reorder:push:1"
  t.ok(text:find '"D".*%["O",0,"%+"', text)
  _, _, text = heard_with "duplicate:push:after=1"
  t.equal(select(2, text:gsub('"D"', "")), 2)
  local sim, id = heard_with "reorder:reply:after=1:1"
  sim:say(id, '{"event":"request","reqId":8,"method":"positions","content":{}}')
  sim:say(id, '{"event":"request","reqId":9,"method":"positions","content":{}}')
  sim:pass(300)
  t.ok(sim:heard(id):find '"reqId":9.*"reqId":8')
  sim, id = heard_with "mid_frame:reply:1"
  t.equal(sim.dropped[id], "drop")
  t.equal(#sim.member.deals, 1)
  sim = with_book { fault = "http:503:rest:1" }
  t.equal(select(2, sim:rest "positions"), 503)
  t.equal(select(2, sim:rest "positions"), 200)
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
