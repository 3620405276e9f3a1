-- The stand-in for the host: what it records, and what it says no to, as the host does.

local t = require "tests.tap"
local host = require "moonwire.host"
local recording = require "moonwire.replay.recording"
local world_module = require "moonwire.replay.world"

local past = { stand_in = function() return {} end, begin = function() end,
               expect = function() end, add = function() end }
local seconds = 1790000000
local world = world_module.begin(assert(host.tape()), past, {})
local kinds = {}
for i, name in ipairs(host.event_kinds()) do kinds[name] = i - 1 end

local seq = 0
local function event(kind, id, outcome)
  seq = seq + 1
  world:set({ kind = kind, kind_number = kinds[kind], event = seq, id = id or 0, num = 0, num2 = 0,
              ns = (seconds + seq) * 1000000000LL, data = "", text = "" }, outcome or {})
end

-- "ws_send 1 x": what was recorded since the event began.
local function recorded()
  local list = {}
  for i, r in ipairs(recording.outcome_of(world:take())) do
    list[i] = ("%s %d %s"):format(r.kind, r.id, r.data .. r.text)
  end
  return table.concat(list, ", ")
end

t.test("nothing is sent on a connection that is not open yet, or no more", function()
  event "start"
  local id = host.ws_open { url = "wss://example.test/" }
  local function refuses(why)
    local ok, err = host.ws_send(id, "x")
    t.equal(ok, nil)
    t.equal(err, why)
    t.equal(select(2, host.ws_ping(id, "")), why)
  end
  refuses "websocket session is not open"
  t.equal(recorded(), ("ws_opening %d wss://example.test/"):format(id))
  event("ws_open", id)
  t.equal(host.ws_send(id, "x"), true)
  t.equal(host.ws_ping(id, ""), true)
  host.ws_close(id, 1000, "done")
  host.ws_close(id)
  refuses "websocket session is not open"
  t.equal(recorded(), ("ws_send %d x, ws_send %d , ws_closing %d done"):format(id, id, id))
  event("ws_close", id)
  refuses "websocket session is closed"
  host.ws_close(id)
  t.equal(recorded(), "")
end)

t.test("a line that broke takes nothing more from where it broke then", function()
  event "timer"
  local a, b = host.ws_open { url = "wss://a.test/" }, host.ws_open { url = "wss://b.test/" }
  event("ws_open", a)
  event("ws_open", b)
  recorded()
  local function sent(id, at) return { kind = "ws_send", id = id, event = at } end
  event("timer", 3, { sent(a, 1), sent(b, 1), sent(a, 1),
                      { kind = "ws_lost", id = a, event = 1, text = "Broken pipe" },
                      { kind = "ws_lost", id = b, text = "Connection reset" } })
  t.equal(host.ws_send(a, "1"), true)
  t.equal(host.ws_send(b, "1"), true)
  t.equal(select(2, host.ws_send(a, "2")), "Broken pipe")
  t.equal(select(2, host.ws_send(a, "3")), "websocket session is lost: Broken pipe")
  t.equal(host.ws_send(b, "2"), true)
  t.equal(recorded(), ("ws_send %d 1, ws_send %d 1, ws_send %d 2, ws_send %d 2"):format(a, b, a, b))
  event "timer"
  t.equal(select(2, host.ws_send(a, "4")), "websocket session is lost: Broken pipe")
  t.equal(select(2, host.ws_send(b, "4")), "websocket session is lost: Connection reset")
  t.equal(recorded(), "")
end)

t.test("ids are given in turn, and behind those that came from outside", function()
  event("console_open", 40)
  t.equal(host.timer_start(1), 41)
  t.equal(host.http_request { url = "https://example.test/a", body = "b" }, 42)
  t.equal(host.compile("return", "=x"), 43)
  t.equal(recorded(), "http_request 42 bGET https://example.test/a")
end)

t.test("a secret signs, is not to be had, and stands as a mask wherever it is sent", function()
  event "timer"
  local key = host.secret_env "ANYTHING"
  t.equal(key:hmac("sha512", "text", "hex"), "[secret]")
  t.equal(tostring(key), "secret of a recording")
  host.http_request { method = "POST", url = { "https://example.test/?k=", key },
                      body = { "a=", key, "&b=", { "c", key:quoted() } } }
  t.equal(recorded():match "%d (.*)$",
          "a=[secret]&b=c[secret]POST https://example.test/?k=[secret]")
  t.equal(host.digest("sha256", { "a", key }, "hex"), "[secret]")
  t.equal(#host.digest("sha256", { "a", "b" }, "hex"), 64)
end)

t.test("time is the event's, and chance what the recording has", function()
  event("timer", 3, { { kind = "seed", num = 12 }, { kind = "told" }, { kind = "seed", num = 5 } })
  t.equal(host.monotonic(), seconds + seq)
  t.equal(host.seed(), 12)
  t.equal(host.seed(), 5)
  t.ok(select(2, pcall(host.seed)):find "took no random number here")
end)

t.test("a text is compiled when its answer comes", function()
  event "timer"
  local good, bad = host.compile("return 7", "=good"), host.compile("return (", "=bad")
  t.equal(assert(load(world:compiled(good), "=good", "b"))(), 7)
  local none, err = world:compiled(bad)
  t.equal(none, nil)
  t.equal(err, "bad:1: unexpected symbol near '<eof>'")
end)

t.test("code is read as it was then, from event to event", function()
  local reading = require "moonwire.reading"
  local function file(text) return { kind = "file", text = "/none.lua", data = text, num = 1 } end
  event("timer", 3, { file "one", file "two" })
  t.equal(reading.text "/none.lua", "one")
  t.equal(reading.text "/none.lua", "two")
  event "timer"
  t.equal(reading.text "/none.lua", "two")
  event("timer", 3, { { kind = "file", text = "/none.lua", data = "gone", num = 0 } })
  local text, err = reading.text "/none.lua"
  t.equal(text, nil)
  t.equal(err, "gone")
  world:take()
end)

t.test("at the end nothing of the run can reach the world", function()
  event "timer"
  world:finish()
  host.http_request { url = "https://127.0.0.1:1/" }
  t.equal((recorded():gsub("%d+ ", "N ", 1)), "http_request N GET https://127.0.0.1:1/")
end)

t.done()
