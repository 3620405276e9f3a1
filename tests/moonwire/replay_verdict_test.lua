-- When the outcome of an event counts as the same.

local t = require "tests.tap"
local verdict = require "moonwire.replay.verdict"

local EVENT = { event = 7, kind = "timer", ns = 1790000000000000000LL }
local MASKED = "[secret" .. ("."):rep(57)

local function record(kind, fields)
  local r = { kind = kind, id = 3, num = 0, num2 = 0, flags = 0, data = "", text = "" }
  for name, value in pairs(fields or {}) do r[name] = value end
  return r
end
local function sent(data) return record("ws_send", { num = 1, data = data }) end

local function compare(recorded, again, is_other_code)
  return verdict.compare(EVENT, recorded, again, is_other_code or false)
end
local function same(recorded, again, is_other_code)
  return (compare({ recorded }, { again }, is_other_code)) ~= nil
end

t.test("commands are compared in their order, byte for byte", function()
  t.equal(compare({ sent "a", sent "b" }, { sent "a", sent "b" }), 2)
  local count, difference = compare({ sent "a", sent "b" }, { sent "b", sent "a" })
  t.equal(count, nil)
  t.equal(difference, "event 7 (timer, 2026-09-21T14:13:20.000000000Z) differs\n"
    .. "  recorded  ws_send 3 a\n  now       ws_send 3 b")
  t.ok(not same(sent "a", sent "a "))
  t.ok(not same(sent "a", record("ws_send", { data = "a", num = 2 })))
  t.ok(not same(sent "a", record("ws_send", { data = "a", num = 1, id = 4 })))
end)

t.test("what is missing differs, and what is there beside", function()
  t.ok(select(2, compare({ sent "a" }, {})):find "recorded  ws_send 3 a\n  now       nothing$")
  t.ok(select(2, compare({}, { sent "a" })):find "recorded  nothing\n  now       ws_send 3 a$")
  t.equal(compare({}, {}), 0)
end)

t.test("what the machine adds by itself is left out", function()
  local recorded = { record "log", sent "a", record "ws_handshake", record("ws_send", { num = 10 }),
                     record("ws_send", { num = 8 }), record "alarm", record "file", record "seed" }
  t.equal(compare(recorded, { sent "a", record "log" }), 1)
  t.ok(same(record("run", { num = 4711, num2 = 5 }), record("run", { num = 815, num2 = 5 })))
  t.ok(not same(record("run", { num2 = 5 }), record("run", { num2 = 6 })))
end)

t.test("a secret is as good as its mask, and nothing else is", function()
  t.ok(same(sent("sign=" .. MASKED .. "&x=1"), sent "sign=[secret]&x=1"))
  t.ok(same(sent("a&" .. MASKED .. "&x=1"), sent "a&sign=[secret]&x=1"))
  t.ok(same(sent '{"key":"short","n":1}', sent '{"key":"[secret]","n":1}'))
  t.ok(not same(sent("sign=" .. MASKED .. "&x=1"), sent "sign=[secret]&x=2"))
  t.ok(not same(sent '{"key":"short","n":1}', sent '{"key":"[secret]","n":2}'))
  t.ok(not same(sent "key=[secret]%1.", sent "key=[secret]%1x"))
end)

t.test("other code may stand in other lines, and the library in another directory", function()
  local function order(callback)
    return record("order", { text = "mw-1\0\0idx\0BTC/IDR\0buy\0limit\0gtc\0pending_new\0s\0"
                             .. callback .. "\0", data = ("\0"):rep(48) })
  end
  t.ok(not same(order "on_book (s.lua:8)", order "on_book (s.lua:9)"))
  t.ok(same(order "on_book (s.lua:8)", order "on_book (s.lua:9)", true))
  local function loaded(path)
    return record("reload", { text = "indodax\0start\0" .. path .. "\0loaded\0", data = path })
  end
  t.ok(same(loaded "/usr/moonwire/venues/indodax.lua", loaded "/x/moonwire/venues/indodax.lua"))
  t.ok(not same(loaded "/x/moonwire/venues/indodax.lua", loaded "/x/moonwire/venues/finery.lua"))
end)

t.done()
