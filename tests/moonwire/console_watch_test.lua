-- watch() at the prompt: what streams, to whom, and until when.

local fixture = require "tests.moonwire.console_fixture"
local t = require "tests.tap"
local json = require "moonwire.json"

local play, BUY, sent = fixture.play, fixture.BUY, fixture.sent

-- Begins to watch; what was answered so far: nil, it goes on.
local function begin(p) t.equal(p:type "watch()", nil) end

-- What came since then: done, once it has ended.
local function done(p) return p:take("done")[1] end

t.test("watch() streams orders, fills and the log until a key, which ends the line", function()
  local p, s = play()
  local q = p:another()
  begin(q)
  t.equal(q:take("watch")[1].text, "watching: any key ends it")
  p:type(BUY)
  t.ok(q:lines():find "new +buy +BTC/IDR +0.001 @ 950000000")
  s:push(s:fill(s.desk.orders:list_open()[1], "0.001", "0.001", { price = "950000000" }))
  t.ok(q:lines():find "fill +buy .* 0.001 @ 950000000\n.* filled +buy")
  p.console.log.warn "careful"
  t.ok(q:lines():find "warn  careful")
  t.equal(done(q), nil)
  q:tell { key = true }
  t.equal(done(q).ok, true)
  t.equal(done(q).text, "")
  q.at = #sent[q.id]
  p:type(BUY)
  p.console.log.warn "again"
  t.equal(q:lines(), "")
  q:shows("1", "1")
end)

t.test("who does not watch sees the own orders alone", function()
  local p = play()
  local q = p:another()
  begin(q)
  p:type(BUY)
  t.ok(p:lines():find "new +buy")
  p.console.log.warn "careful"
  t.equal(p:lines():find "careful", nil)
end)

t.test("Ctrl-C ends it as a key does, another size does not", function()
  local p = play()
  begin(p)
  p:tell { size = true, width = 100, height = 30 }
  t.equal(done(p), nil)
  p:tell { interrupt = true }
  t.equal(done(p).ok, true)
  p:tell { key = true }
  t.equal(#p:take "done", 1, "a key too many is nothing")
end)

t.test("a line may go on when it has ended, and one that fails streams no more", function()
  local p, s = play()
  t.equal(p:type "watch() watch() return #orders()", nil)
  p:tell { key = true }
  t.equal(done(p), nil)
  p:tell { key = true }
  t.equal(done(p).text, "0")
  p:fails("coroutine.wrap(watch)()", "waiting is possible in a task only")
  p.at = #sent[p.id]
  p.console.log.warn "careful"
  t.equal(p:lines(), "")
  t.equal(#s:logged "internal", 0)
end)

t.test("watch(true) streams beside what is typed until watch(false), through watch()", function()
  local p = play()
  local q = p:another()
  q:shows("watch(true)", "")
  begin(q)
  q:tell { key = true }
  q.at = #sent[q.id]
  p:type(BUY)
  t.ok(q:lines():find "new +buy")
  q:shows("watch(false)", "")
  p:type(BUY)
  t.equal(q:lines(), "")
  q:fails("watch(10)", "watch(), watch(true) or watch(false)")
end)

t.test("who may only look may watch", function()
  local p = play()
  local q = p:another { hello = true, interactive = true, read_only = true }
  begin(q)
  p:type(BUY)
  t.ok(q:lines():find "new +buy")
end)

t.test("who goes while he watches leaves nothing behind", function()
  local p, s = play()
  local q = p:another()
  begin(q)
  s:run(q.console, "on_console_close", q.id, "")
  local count = #sent[q.id]
  p:type(BUY)
  t.equal(#sent[q.id], count)
  t.equal(next(q.console.runner.lines), nil)
end)

t.test("a script gets the lines as values, and as JSON an object each", function()
  local p, s = play()
  local q = p:another { hello = true }
  local r = p:another { hello = true, json = true }
  begin(q)
  begin(r)
  p:type(BUY)
  s:push(s:fill(s.desk.orders:list_open()[1], "0.0004", "0.0004", { price = "950000000" }))
  t.ok(q:take("out")[1].text:find "new +buy +BTC/IDR")
  t.equal(q:lines(), "")
  s.desk.console.log.warn "careful"
  local heard = {}
  for i, message in ipairs(r:take "out") do heard[i] = assert(json.decode(message.text)) end
  local new, fill, partial, log = unpack(heard)
  t.equal(new.event .. " " .. new.status .. " " .. new.cum_qty, "order new 0")
  t.equal(new.client_order_id, partial.client_order_id)
  t.equal(new.price .. " " .. new.qty .. " " .. new.strategy, "950000000 0.001 console")
  t.equal(fill.event .. " " .. fill.qty .. " " .. fill.price, "fill 0.0004 950000000")
  t.equal(partial.status .. " " .. partial.cum_qty, "partially_filled 0.0004")
  t.equal(log.event .. " " .. log.level .. " " .. log.text, "log warn careful")
  t.ok(tonumber(new.time) > 1e9 and tonumber(log.time) > 1e9)
end)

t.test("a script's own orders are no values, unless it watches", function()
  local p = play()
  local q = p:another { hello = true }
  q:type(BUY)
  t.equal(#q:take "out", 0)
  q:type("watch(true) " .. BUY)
  t.ok(q:take("out")[1].text:find "new +buy")
end)

t.test("a session that comes and goes is told", function()
  local p, s = play()
  local r = p:another { hello = true, json = true }
  begin(p)
  begin(r)
  s:close(s:private(), 1006, "gone")
  t.ok(p:lines():find "warn +idx: session down")
  local states = {}
  for _, message in ipairs(r:take "out") do
    local event = assert(json.decode(message.text))
    if event.event == "session" then states[#states + 1] = event.venue .. " " .. event.state end
  end
  t.equal(table.concat(states, ", "), "idx down")
end)

t.test("who watches sees the calls of own files, and not the library's", function()
  local p = play()
  begin(p)
  local trace = "look failed: lad.lua:10: no\nstack traceback:\n\t[C]: in function 'xpcall'\n"
    .. "\tlad.lua:4: in function 'f'\n%s\t...x/lua/moonwire/runner.lua:453: in function 'call'\n"
    .. "\t...x/lua/moonwire/dispatch.lua:183: in function <...x/lua/moonwire/dispatch.lua:178>"
  p.console.log.error("%s", trace:format "")
  t.equal(p:lines():match "error (.*)$", "look failed: lad.lua:10: no")
  p.at = #sent[p.id]
  p.console.log.error("%s", trace:format "\tlad.lua:9: in function <lad.lua:8>\n")
  t.equal(p:lines():match "error (.*)$", "look failed: lad.lua:10: no\n"
    .. "  lad.lua:4: in function 'f'\n  lad.lua:9: in function <lad.lua:8>")
end)

fixture.done()
