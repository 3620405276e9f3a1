-- The simulated Indodax's two WebSockets: handshake, pings and deadlines, each error and each close
-- of the page (4.1 to 4.4, 10), recovery, and what the feed says.

local t       = require "tests.tap"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local json    = require "moonwire.json"

local FRAME_PING, APP_PING = "/ws/?cf_ws_frame_ping_pong=true", "/ws/"
local CHANNEL = "pws:#9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4"
local BUY = "method=trade&pair=btc_idr&type=buy&price=1500000000&btc=0.0002&order_type=limit"

local function connect(sim, target)
  local id = sim:open(target or FRAME_PING)
  sim:say(id, '{"id":1,"connect":{"token":"' .. sim:token() .. '"}}')
  return id, sim:heard(id)
end

-- "3501 bad request" when a connection was closed, "drop" when it was dropped, else "open".
local function fate(sim, id)
  local close = sim.closed[id]
  return close and close.code .. " " .. close.reason or sim.dropped[id] or "open"
end

-- Passes time in seconds while each ping frame is answered.
local function stay_alive(sim, id, seconds)
  local answered = #sim.pings[id]
  for _ = 1, seconds do
    sim:pass(1000)
    if #sim.pings[id] > answered then
      answered = #sim.pings[id]
      sim:pong(id)
    end
  end
end

-- Handshake and pings (4.1) -----------------------------------------------------------------------

t.test("an Origin is forbidden; other paths are not found", function()
  local sim = fixture.new()
  t.equal(sim.refused[sim:open(FRAME_PING, { Origin = "https://indodax.com" })].status, 403)
  t.equal(sim.refused[sim:open("/ws")].status, 404)
  t.equal(sim.refused[sim:open("/")].status, 404)
  t.equal(sim.refused[sim:open(FRAME_PING)], nil)
end)

t.test("frame pings: empty, every 25 s; pongs keep the line, data does not", function()
  local sim = fixture.new()
  local id = connect(sim)
  stay_alive(sim, id, 100)
  t.equal(table.concat(sim.pings[id], ",") .. #sim.pings[id], ",,,4")
  t.equal(fate(sim, id), "open")
  local deaf = connect(sim)
  for _ = 1, 27 do
    sim:pass(1000)
    sim:say(deaf, '{"id":9,"unsubscribe":{"channel":"x"}}')
  end
  t.equal(fate(sim, deaf), "open")
  sim:pass(1000)
  t.equal(fate(sim, deaf), "drop", "27.8 s after the upgrade, without a close frame")
end)

t.test("a pong moves the deadline to 27.8 s from then", function()
  local sim = fixture.new()
  local id = connect(sim)
  sim:pass(27000)
  sim:pong(id)
  sim:pass(27700)
  t.equal(fate(sim, id), "open")
  sim:pass(100)
  t.equal(fate(sim, id), "drop")
end)

t.test("application pings: announced, answered with {} or closed with 3012", function()
  local sim = fixture.new()
  local id, reply = connect(sim, APP_PING)
  t.ok(reply:find('"ping":25,"pong":true'), reply)
  sim:pass(25000)
  t.equal(sim:heard(id), "{}", "the first comes within a period")
  sim:say(id, "{}")
  sim:pass(25000)
  t.equal(sim:heard(id), "{}")
  t.equal(#sim.pings[id], 0)
  sim:pass(8000)
  t.equal(fate(sim, id), "3012 no pong")
end)

t.test("a frame-ping connect reply names neither ping nor pong", function()
  local sim = fixture.new()
  local _, reply = connect(sim)
  t.ok(reply:find('^{"id":1,"connect":{"client":"[%x-]+","version":"5.2.0","expires":true,'
    .. '"ttl":86400}}$'),
       reply)
end)

-- Commands (4.2) ----------------------------------------------------------------------------------

t.test("several commands in one frame, several replies in one", function()
  local sim = fixture.new()
  local id = sim:open(FRAME_PING)
  sim:say(id, '{"id":1,"connect":{"token":"' .. sim:token()
          .. '"}}\n{"id":2,"subscribe":{"channel":"'
              .. CHANNEL .. '"}}\n')
  t.equal(#sim.frames[id], 1)
  t.ok(sim:heard(id):find('}}\n{"id":2,"subscribe":{}}$'))
  local lines = {}
  for i = 1, 20 do lines[i] = '{"id":' .. i + 2 .. ',"unsubscribe":{"channel":"x"}}' end
  sim:say(id, table.concat(lines, "\n"))
  t.equal(#sim.frames[id], 2, "16 lines a frame at most")
end)

t.test("a failed connect ends the session: the rest is unread, the line dropped within 5 s",
       function()
  local sim = fixture.new { settings = { "token_life=10" } }
  local id = sim:open(FRAME_PING)
  local token = sim:token()
  sim:pass(9900)
  sim:pong(id)
  local late = sim:open(FRAME_PING)
  sim:pass(1000)
  sim:say(late, '{"id":1,"connect":{"token":"' .. token
          .. '"}}\n{"id":2,"subscribe":{"channel":"x"}}')
  t.equal(sim:heard(late), '{"id":1,"error":{"code":109,"message":"token expired"}}')
  sim:say(late, '{"id":3,"connect":{"token":"' .. sim:token() .. '"}}')
  t.equal(sim:heard(late), "")
  sim:pass(4900)
  t.equal(fate(sim, late), "open")
  sim:pass(100)
  t.equal(fate(sim, late), "drop")
end)

t.test("in the very second of its end a token is 110 expired", function()
  local sim = fixture.new { settings = { "token_life=1" } }
  local token = sim:token()
  sim:pass(1000)
  local id = sim:open(FRAME_PING)
  sim:say(id, '{"id":1,"connect":{"token":"' .. token .. '"}}')
  t.equal(sim:heard(id), '{"id":1,"error":{"code":110,"message":"expired"}}')
end)

t.test("what earns 3501", function()
  local bad = {
    '{"id":1,"subscribe":{"channel":"' .. CHANNEL .. '"}}',     -- before connect
    '{"id":1,"connect":{}}', '{"id":1,"connect":{"token":""}}', -- without a token
    "", "\n", '\n{"id":1,"connect":{}}', "hello", "[1]", "7", '"text"', "null",
    '{\n"id":1,\n"connect":{}}',                                -- spans lines
    '{"connect":{"token":"x"}}', '{"id":0,"connect":{"token":"x"}}',
    '{"id":"1","connect":{"token":"x"}}',
    '{"id":1.5,"connect":{"token":"x"}}', "{}",
  }
  local sim = fixture.new()
  for _, text in ipairs(bad) do
    local id = sim:open(FRAME_PING)
    sim:say(id, text)
    t.equal(fate(sim, id), "3501 bad request", text)
  end
  local token = sim:token()
  local after = { '{"id":2,"connect":{"token":"' .. token .. '"}}',
                  "{}", '{"id":5,"ping":{}}', '{"id":5}',
                  '{"id":5,"subscribe":{}}', '{"id":2,"unsubscribe":{"channel":"x"}}\n\n' }
  for _, text in ipairs(after) do
    local id = connect(sim)
    sim:say(id, text)
    t.equal(fate(sim, id), "3501 bad request", text)
  end
  local id = connect(sim, APP_PING)
  sim:say(id, "{}")
  t.equal(fate(sim, id), "3501 bad request", "{} with no ping open")
end)

t.test("the errors of commands", function()
  local sim = fixture.new()
  local id = connect(sim)
  local function error_of(command)
    sim:say(id, command)
    local answer = json.decode(sim:heard(id))
    return answer.error and answer.error.code .. " " .. answer.error.message or "none"
  end
  local function subscribe(channel)
    return error_of('{"id":2,"subscribe":{"channel":"' .. channel .. '"}}')
  end
  t.equal(subscribe("pws:#" .. string.rep("0", 40)), "103 permission denied")
  t.equal(subscribe("pws:"), "103 permission denied")
  t.equal(subscribe("plain"), "103 permission denied")
  t.equal(subscribe("market:trades"), "102 unknown channel")
  t.equal(subscribe(string.rep("x", 256)), "107 bad request")
  t.equal(subscribe(CHANNEL), "none")
  t.equal(subscribe(CHANNEL), "105 already subscribed")
  t.equal(error_of('{"id":3,"unsubscribe":{"channel":"' .. CHANNEL .. '"}}'), "none")
  t.equal(subscribe(CHANNEL), "none")
  t.equal(error_of('{"id":4,"publish":{"channel":"x","data":{}}}'), "103 permission denied")
  t.equal(error_of('{"id":4,"rpc":{}}'), "104 method not found")
  t.equal(error_of('{"id":4,"history":{"channel":"x"}}'), "108 not available")
  for i = 2, 128 do t.equal(subscribe("pws:" .. i .. CHANNEL:sub(5)), "none") end
  t.equal(subscribe("pws:129" .. CHANNEL:sub(5)), "106 limit exceeded")
  t.equal(fate(sim, id), "open")
end)

t.test("a bad signature and a malformed token are 3500", function()
  local sim = fixture.new()
  local token = sim:token()
  for _, bad in ipairs { token:sub(1, -3) .. "xx", "abc", "a.b.c" } do
    local id = sim:open(FRAME_PING)
    sim:say(id, '{"id":1,"connect":{"token":"' .. bad .. '"}}')
    t.equal(fate(sim, id), "3500 invalid token", bad)
  end
end)

t.test("no connect within 10 s is 3502", function()
  local sim = fixture.new()
  local id, good = sim:open(FRAME_PING), connect(sim)
  sim:pass(9999)
  t.equal(fate(sim, id), "open")
  sim:pass(1)
  t.equal(fate(sim, id), "3502 stale")
  t.equal(fate(sim, good), "open")
end)

t.test("3005 comes 25 s after the token's end, unless it was refreshed", function()
  local sim = fixture.new { settings = { "token_life=60" } }
  local id, kept = connect(sim), connect(sim)
  sim:pass(20000); sim:pong(id); sim:pong(kept)
  sim:say(kept, '{"id":3,"refresh":{"token":"' .. sim:token() .. '"}}')
  t.equal(sim:heard(kept), '{"id":3,"refresh":{"expires":true,"ttl":60}}')
  stay_alive(sim, id, 64)
  t.equal(fate(sim, id), "open")
  sim:pass(1000)
  t.equal(fate(sim, id), "3005 connection expired")
end)

t.test("refresh: 108 when off, 3500 for another's token, 3005 for an old one", function()
  local sim = fixture.new { settings = { "token_life=5" } }
  sim.venue:add_member("bob", "BOBKEY", "bobsecret", {})
  local id, old = connect(sim), sim:token()
  sim:say(id, '{"id":3,"refresh":{"token":"' .. sim:token("BOBKEY", "bobsecret") .. '"}}')
  t.equal(fate(sim, id), "3500 invalid token")
  id = connect(sim)
  sim:pass(6000)
  sim:say(id, '{"id":3,"refresh":{"token":"' .. old .. '"}}')
  t.equal(fate(sim, id), "3005 connection expired")
  sim:control("set?set=refresh%3Doff")
  id = connect(sim)
  sim:say(id, '{"id":3,"refresh":{"token":"' .. sim:token() .. '"}}')
  t.ok(sim:heard(id):find('"code":108'))
end)

t.test("a message above 65,536 bytes is 1009", function()
  local sim = fixture.new()
  local id = connect(sim)
  sim:say(id, string.rep(" ", 65537))
  t.equal(fate(sim, id), "1009 ")
end)

t.test("the limit of parallel connections is 3504, by option", function()
  local sim = fixture.new { settings = { "connection_limit=1" } }
  local first = connect(sim)
  local second = connect(sim)
  t.equal(fate(sim, first) .. ", " .. fate(sim, second), "open, 3504 connection limit")
end)

t.test("any close can be forced, and carries the venue's reason", function()
  local sim = fixture.new()
  local reasons = { [3001] = "shutdown", [3004] = "internal server error", [3008] = "slow",
    [3009] = "write error", [3010] = "insufficient state", [3011] = "force reconnect",
    [3013] = "too many requests", [3014] = "state invalidated", [3503] = "force disconnect",
    [3505] = "channel limit", [3507] = "permission denied", [3508] = "not available",
    [3509] = "too many errors", [3006] = "subscription expired" }
  for code, reason in pairs(reasons) do
    local id = connect(sim)
    sim:control("close?socket=private&code=" .. code)
    t.equal(fate(sim, id), code .. " " .. reason)
  end
end)

-- Channel -----------------------------------------------------------------------------------------

t.test("events reach all of a user's subscribed connections and nobody else's", function()
  local sim = fixture.new()
  sim.venue:add_member("bob", "BOBKEY", "bobsecret", {})
  local one, two, bob = sim:subscribed(), sim:subscribed(), sim:subscribed("BOBKEY", "bobsecret")
  local mute = connect(sim)
  sim:ok(BUY)
  t.equal(sim.statuses(sim:events(one)) .. sim.statuses(sim:events(two)), "NEWNEW")
  t.equal(sim:heard(bob) .. sim:heard(mute), "")
  sim:say(one, '{"id":3,"unsubscribe":{"channel":"' .. CHANNEL .. '"}}')
  sim:heard(one)
  sim:ok(BUY)
  t.equal(sim:heard(one), "")
  t.equal(sim.statuses(sim:events(two)), "NEW")
end)

t.test("events of a turn share a data, a frame, or have frames of their own", function()
  for batch, frames in pairs { data = 1, lines = 1, frames = 3 } do
    local sim = fixture.new { settings = { "batch=" .. batch } }
    local id = sim:subscribed()
    sim:control("quote?pair=btc_idr&side=sell&price=1500000000&qty=1")
    sim:ok(BUY)
    t.equal(#sim.frames[id], frames, batch)
    t.equal(sim.statuses(sim:events(id)), "NEW FILL DONE", batch)
  end
end)

t.test("with history: offsets, and what was missed comes with the subscribe", function()
  local sim = fixture.new { settings = { "channel_history=on" } }
  local id = connect(sim)
  sim:say(id, '{"id":2,"subscribe":{"channel":"' .. CHANNEL .. '"}}')
  local result = json.decode(sim:heard(id)).subscribe
  t.equal(tostring(result.recoverable) .. tostring(result.positioned) .. tostring(result.offset),
          "truetruenil")
  local epoch = result.epoch
  for _ = 1, 3 do sim:ok(BUY) end
  t.ok(sim:heard(id):find('"offset":3'))
  local again = connect(sim)
  local function recover(offset, name)
    sim:say(again, '{"id":2,"subscribe":{"channel":"' .. CHANNEL .. '","recover":true,"epoch":"'
            .. name
                   .. '","offset":' .. offset .. "}}")
    local r = json.decode(sim:heard(again)).subscribe
    sim:say(again, '{"id":3,"unsubscribe":{"channel":"' .. CHANNEL .. '"}}')
    sim:heard(again)
    return r
  end
  result = recover(1, epoch)
  t.equal(#result.publications .. tostring(result.recovered) .. result.publications[1].offset,
          "2true2")
  t.equal(recover(3, epoch).publications, nil)
  t.equal(recover(1, "other").recovered, nil)
  t.equal(recover(9, epoch).recovered, nil)
end)

t.test("an unsubscribe push ends the subscription", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:control("unsubscribe")
  t.equal(sim:heard(id), '{"push":{"channel":"' .. CHANNEL
                         .. '","unsubscribe":{"code":2500,"reason":"insufficient state"}}}')
  sim:ok(BUY)
  t.equal(sim:heard(id), "")
end)

t.test("expire ends tokens and sessions; a new token works at once", function()
  local sim = fixture.new()
  local id, old = sim:subscribed(), sim:token()
  t.equal(sim:control("expire?now=1").connections, 1)
  t.equal(fate(sim, id), "3005 connection expired")
  id = sim:open(FRAME_PING)
  sim:say(id, '{"id":1,"connect":{"token":"' .. old .. '"}}')
  t.ok(sim:heard(id):find('"code":109'))
  id = sim:subscribed()
  t.equal(fate(sim, id), "open")
  sim:control("expire")
  stay_alive(sim, id, 24)
  t.equal(fate(sim, id), "open")
  stay_alive(sim, id, 1)
  t.equal(fate(sim, id), "3005 connection expired")
end)

t.test("drop and push by hand", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:control("push?text=%7B%22hello%22%3A1%7D")
  t.equal(sim:heard(id), '{"hello":1}')
  sim:control('publish?data=%5B%7B%22eventType%22%3A%22new_type%22%7D%5D')
  t.ok(sim:heard(id):find('"pub":{"data":[{"eventType":"new_type"}]}', 1, true))
  t.equal(#sim:control("connections"), 1)
  t.equal(sim:control("drop?socket=private&how=half_open").dropped, 1)
  t.equal(fate(sim, id), "half_open")
end)

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
