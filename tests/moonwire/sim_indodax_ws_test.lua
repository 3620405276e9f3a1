-- The simulated Indodax's private WebSocket: handshake, pings and deadlines, each error and each
-- close of the page (4.1 to 4.4), recovery.

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

local fate, stay_alive = fixture.fate, fixture.stay_alive

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

t.done()
