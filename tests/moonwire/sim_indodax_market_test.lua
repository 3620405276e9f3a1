-- The simulated Indodax's market-data WebSocket: its older protocol, and what the feed says (10).

local t       = require "tests.tap"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local json    = require "moonwire.json"

local fate = fixture.fate

-- Market data (10) --------------------------------------------------------------------------------

local PRODUCTION = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE5NDY2MTg0MTV9."
                   .. "UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo"
local DEMO = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l"
             .. "IiwiaWF0IjoxNTE2MjM5MDIyfQ.OqWmyrtOvp_DvIdBnOgU9gyXhURkEOtu8brZtvwjYAw"

local function market(sim, token)
  local id = sim:open("/market/ws/")
  sim:say(id, '{"params":{"token":"' .. (token or PRODUCTION) .. '"},"id":1}')
  return id, sim:heard(id)
end

-- Expects a reply; every frame of this socket ends in a line feed.
local function ask(sim, id, text)
  sim:say(id, text)
  local frame = sim:heard(id)
  t.equal(frame:sub(-1), "\n", text)
  return frame:sub(1, -2)
end

t.test("the static tokens connect; replies have the older shape", function()
  local sim = fixture.new()
  local _, reply = market(sim)
  t.ok(reply:find('^{"id":1,"result":{"client":"[%x-]+","version":"2.8.7","expires":true,'
    .. '"ttl":156618415}}\n$'),
       reply)
  local id
  id, reply = market(sim, DEMO)
  t.ok(not reply:find("expires"), reply)
  t.equal(ask(sim, id, '{"method":7,"id":9}'), '{"id":9}')
  local first = json.decode(ask(sim, id,
    '{"method":1,"params":{"channel":"market:order-book-btcidr"},"id":2}'))
  t.equal(first.result.recoverable, true)
  t.ok(first.result.offset > 1)
  t.equal(ask(sim, id, '{"method":2,"params":{"channel":"market:order-book-btcidr"},"id":10}'),
          '{"id":10,"result":{}}')
end)

t.test("closes carry JSON, and the codes mean other things", function()
  local sim = fixture.new()
  local function closed_by(text, connected)
    local id = connected and market(sim) or sim:open("/market/ws/")
    sim:say(id, text)
    return fate(sim, id)
  end
  local bad = '3003 {"reason":"bad request","reconnect":false}'
  t.equal(closed_by('{"method":1,"params":{"channel":"x"},"id":1}'), bad)
  t.equal(closed_by("hello"), bad)
  t.equal(closed_by("hello", true), bad)
  t.equal(closed_by('{"params":{},"id":1}'), bad)
  t.equal(closed_by('{"params":{"token":"' .. DEMO .. '"},"id":1}', true), bad, "a second connect")
  t.equal(closed_by('{"params":{"token":"x.y.z"},"id":1}'),
          '3002 {"reason":"invalid token","reconnect":false}')
  local id = sim:open("/market/ws/")
  sim:pass(25000)
  t.equal(fate(sim, id), '3007 {"reason":"stale","reconnect":false}')
  id = market(sim)
  sim:control("close?socket=market&code=3001")
  t.equal(fate(sim, id), '3001 {"reason":"shutdown","reconnect":true}')
end)

t.test("pings carry `ping` every 25 s; without a pong the line is dropped at 27.8 s", function()
  local sim = fixture.new()
  local id = market(sim)
  sim:pass(25000)
  t.equal(sim.pings[id][1], "ping")
  sim:pass(2800)
  t.equal(fate(sim, id), "drop")
end)

t.test("the feed's errors; a wrong pair is acknowledged and silent", function()
  local sim = fixture.new()
  local id = market(sim)
  local function subscribe(channel)
    return ask(sim, id, '{"method":1,"params":{"channel":"' .. channel .. '"},"id":8}')
  end
  t.equal(subscribe("nope:x"), '{"id":8,"error":{"code":102,"message":"unknown channel"}}')
  t.equal(subscribe("plain"), '{"id":8,"error":{"code":103,"message":"permission denied"}}')
  for _, pair in ipairs { "nopeidr", "BTCIDR", "btc_idr" } do
    t.equal(subscribe("market:order-book-" .. pair),
            '{"id":8,"result":{"recoverable":true,"epoch":"1653886930"}}')
  end
  t.equal(subscribe("market:order-book-nopeidr"),
          '{"id":8,"error":{"code":105,"message":"already subscribed"}}')
  t.equal(ask(sim, id, '{"method":99,"id":3}'),
          '{"id":3,"error":{"code":104,"message":"method not found"}}')
  for i = 4, 128 do subscribe("market:x-" .. i) end
  t.equal(subscribe("market:x-129"), '{"id":8,"error":{"code":106,"message":"limit exceeded"}}')
end)

t.test("books: none on subscribe, whole ones after a change, offsets grow by one", function()
  local sim = fixture.new()
  local id = market(sim)
  ask(sim, id, '{"method":1,"params":{"channel":"market:order-book-btcidr"},"id":2}')
  sim:pass(5000)
  t.equal(sim:heard(id), "")
  sim:control("quote?pair=btc_idr&side=sell&price=1550000000&qty=0.87")
  sim:pass(3000)
  local push = json.decode(sim:heard(id)).result
  t.equal(push.channel, "market:order-book-btcidr")
  t.equal(push.data.data.ask[1].price .. push.data.data.ask[1].btc_volume
          .. push.data.data.ask[1].idr_volume,
          "15500000000.870000001348500000")
  sim:control("quote?pair=btc_idr&side=buy&price=1549000000&qty=1")
  sim:pass(3000)
  local next_push = json.decode(sim:heard(id)).result
  t.equal(next_push.data.offset, push.data.offset + 1)
  t.equal(#next_push.data.data.bid, 1)
  sim:pass(3000)
  t.equal(sim:heard(id), "", "quiet when nothing changed")
end)

t.test("trades: rows in the venue's order, recovered by offset", function()
  local sim = fixture.new()
  local id = market(sim)
  local reply = ask(sim, id,
                    '{"method":1,"params":{"channel":"market:trade-activity-btcidr"},"id":2}')
  local offset = json.decode(reply).result.offset
  sim:control("quote?pair=btc_idr&side=sell&price=1550000000&qty=1")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00009637")
  t.equal(sim:heard(id),
          '{"result":{"channel":"market:trade-activity-btcidr","data":{"data":[["btcidr",'
            .. '1790000000,'
    .. '44768501,"buy",1550000000,"149373.00000000","0.00009637"]],"offset":' .. offset + 1
      .. "}}}\n")
  local late = market(sim)
  reply = ask(sim, late,
              '{"method":1,"params":{"channel":"market:trade-activity-btcidr","recover":true,'
                         .. '"epoch":"1653886930","offset":' .. offset .. '},"id":2}')
  local result = json.decode(reply).result
  t.equal(result.recovered, true)
  t.equal(result.publications[1].data[1][3], 44768501)
end)

t.test("ticks and summaries", function()
  local sim = fixture.new()
  local id = market(sim)
  ask(sim, id, '{"method":1,"params":{"channel":"chart:tick-btcidr"},"id":2}')
  ask(sim, id, '{"method":1,"params":{"channel":"market:summary-24h"},"id":3}')
  sim:pass(2000)
  sim:heard(id)
  sim:control("quote?pair=btc_idr&side=sell&price=1550000000&qty=1")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.5")
  t.ok(sim:heard(id):find('[[1790000002,44768501,1550000000,"0.50000000"]]', 1, true))
  sim:pass(1000)
  t.ok(sim:heard(id):find('[["btcidr",1790000003,1550000000,1550000000,1550000000,1550000000,'
    .. '"775000000","0.5"]]',
                          1, true))
end)

t.done()
