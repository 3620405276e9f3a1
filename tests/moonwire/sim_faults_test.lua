-- Faults: their little language, when they strike, and what the gateway makes of them.

local t       = require "tests.tap"
local faults  = require "moonwire.sim.faults"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local Indodax = require "moonwire.sim.indodax"

local function parsed(spec) return faults.parse(spec, Indodax.subjects) end

local function refused(spec, pattern)
  local fault, err = parsed(spec)
  t.equal(fault, nil, spec)
  t.ok(err:find(pattern), spec .. ": " .. err)
end

t.test("the language: actions, subjects, options", function()
  local f = assert(parsed "swallow:trade:0.1")
  t.equal(f.action .. f.subject .. f.chance .. f.moment, "swallowtrade0.1after")
  f = assert(parsed "http:503:trade:3")
  t.equal(f.code .. "/" .. f.times .. "/" .. f.moment, "503/3/before")
  f = assert(parsed "delay:push:50ms")
  t.equal(f.ms, 50)
  f = assert(parsed "drop:ws:every=200:after=10:for=2s")
  t.equal(f.every .. "/" .. f.after .. "/" .. f.lasts_ms, "200/10/2000")
  f = assert(parsed "swallow:trade:before:25%")
  t.equal(f.moment .. f.chance, "before0.25")
  t.equal(assert(parsed "close:3001:private").code, 3001)
  t.equal(assert(parsed "junk:push:nested").junk, "nested")
end)

t.test("an error names what is wrong and lists what there is", function()
  refused("explode:trade", 'no action "explode": there is close cut delay drop')
  refused("swallow:push", 'swallow has no subject "push": there is cancel countdown')
  refused("lose:trade", 'lose has no subject "trade": there is feed market ping')
  refused("swallow:trade:often", 'option "often": there is 0.1')
  refused("swallow:trade:every=x", "every= wants a whole number")
  refused("swallow:trade:sometimes=3", "there is every= after= for=")
  refused("swallow:trade:1.5", "a chance is at most 1.0")
  refused("http:trade", "http wants a status")
  refused("delay:push", "delay wants a time")
  refused("swallow", 'swallow has no subject ""')
  refused("junk:push:mud", "text nested huge empty")
end)

t.test("a delay of a socket is one of its frames: a handshake cannot wait", function()
  t.equal(assert(parsed "delay:private:50ms").is_request, false)
  t.equal(assert(parsed "http:503:private").is_request, true)
  local _, err = parsed "delay:upgrade:50ms"
  t.ok(err:find('delay has no subject "upgrade": there is cancel', 1, true), err)
  t.equal(err:find("upgrade ", 1, true), nil)
  local sim = fixture.new { fault = "delay:private:50ms" }
  local id = sim:subscribed()
  t.equal(sim:heard(id), "")
  sim:pass(50)
  t.ok(sim:heard(id):find '"connect"')
end)

t.test("a list is added whole or not at all", function()
  local f = faults.new(Indodax.subjects, 1)
  t.equal(f:add("swallow:trade, nonsense:push", 0), nil)
  t.equal(#f.list, 0)
  t.equal(#f:add("swallow:trade,lose:push", 0), 2)
  t.equal(f:clear(1), 1)
  t.equal(f.list[1].spec, "lose:push")
  t.equal(f:clear(), 1)
end)

-- Which of the first n meetings strike, as "0100".
local function strikes(spec, n, step_ms)
  local f = faults.new(Indodax.subjects, 1)
  assert(f:add(spec, 0))
  local marks = {}
  for i = 1, n do
    marks[i] = #f:strike(true, { "rest", "tapi", "trade" }, (i - 1) * (step_ms or 0)) > 0 and "1"
      or "0"
  end
  return table.concat(marks)
end

t.test("times, every, after and for say when a fault strikes", function()
  t.equal(strikes("swallow:trade", 4), "1111")
  t.equal(strikes("swallow:trade:2", 4), "1100")
  t.equal(strikes("swallow:trade:every=3", 7), "0010010")
  t.equal(strikes("swallow:trade:after=2", 4), "0011")
  t.equal(strikes("swallow:trade:after=1:every=2:1", 7), "0010000")
  t.equal(strikes("swallow:trade:for=1s", 4, 400), "1110")
  t.equal(strikes("swallow:cancel", 3), "000")
end)

t.test("chance comes from the seed alone, and its share is right", function()
  local one, again = strikes("swallow:trade:0.3", 2000), strikes("swallow:trade:0.3", 2000)
  t.equal(one, again)
  local _, hits = one:gsub("1", "")
  t.ok(hits > 500 and hits < 700, "hits: " .. hits)
end)

t.test("another fault does not change what a fault does", function()
  local alone = faults.new(Indodax.subjects, 1)
  alone:add("swallow:trade:0.5", 0)
  local pair = faults.new(Indodax.subjects, 1)
  pair:add("swallow:trade:0.5,lose:push:0.5", 0)
  for i = 1, 100 do
    pair:strike(false, { "push" }, 0)
    t.equal(#alone:strike(true, { "trade" }, 0), #pair:strike(true, { "trade" }, 0),
            "meeting " .. i)
  end
end)

-- Through the gateway -----------------------------------------------------------------------------

local BUY = "method=trade&pair=btc_idr&type=buy&price=1500000000&btc=0.0002&order_type=limit&"
  .. "client_order_id="

t.test("swallow after: the order is there, the answer is not", function()
  local sim = fixture.new { fault = "swallow:trade:1" }
  local id = sim:subscribed()
  t.equal(sim:tapi(BUY .. "a"), nil)
  t.equal(sim.statuses(sim:events(id)), "NEW")
  t.equal(sim:ok("method=getOrderByClientOrderId&client_order_id=a").order.status, "open")
  t.ok(sim:ok(BUY .. "b"))
  t.equal(sim:control("requests?subject=trade").requests[1].fault, "swallow:trade:1")
end)

t.test("swallow before: the order never was", function()
  local sim = fixture.new { fault = "swallow:trade:before" }
  local id = sim:subscribed()
  t.equal(sim:tapi(BUY .. "a"), nil)
  t.equal(sim:heard(id), "")
  t.ok(sim:tapi("method=getOrderByClientOrderId&client_order_id=a"):find("not found"))
end)

t.test("cut drops the connection of the request", function()
  local sim = fixture.new { fault = "cut:trade" }
  local _, _, id = sim:tapi(BUY .. "a")
  t.equal(sim.dropped[id], "drop")
end)

t.test("http before and after: the page of a proxy, and the order is not or is there", function()
  for moment, found in pairs { before = "not found", after = "open" } do
    local sim = fixture.new { fault = "http:502:trade:" .. moment }
    local body, status = sim:tapi(BUY .. "a")
    t.equal(status, 502)
    t.ok(body:find("^<!DOCTYPE html>"))
    t.ok(sim:tapi("method=getOrderByClientOrderId&client_order_id=a"):find(found), moment)
  end
end)

t.test("http 429 speaks the venue's JSON, html comes with 200", function()
  local sim = fixture.new { fault = "http:429:tapi:1" }
  local body, status = sim:tapi("method=getInfo")
  t.equal(status, 429)
  t.ok(body:find("too_many_requests_from_your_ip"))
  sim:control("fault?fault=html:tapi:1")
  body, status = sim:tapi("method=getInfo")
  t.equal(status, 200)
  t.ok(body:find("cloudflare"))
end)

t.test("a delayed answer comes later than the events, a delayed request later than its window",
       function()
  local sim = fixture.new { fault = "delay:trade:100ms:1" }
  local id = sim:subscribed()
  local _, _, request = sim:tapi(BUY .. "a")
  t.equal(sim.statuses(sim:events(id)), "NEW")
  t.equal(sim.answers[request], nil)
  sim:pass(100)
  t.ok(sim.answers[request].body:find('"success":1'))
  sim:control("fault?fault=delay:trade:before:6s:1")
  _, _, request = sim:tapi(BUY .. "b")
  t.equal(sim:heard(id), "")
  sim:pass(6000)
  t.ok(sim.answers[request].body:find("recvWindow"), "too late for the venue")
end)

t.test("lose, duplicate and delay of pushes", function()
  local sim = fixture.new { fault = "lose:push:1" }
  local id = sim:subscribed()
  sim:tapi(BUY .. "a")
  t.equal(sim:heard(id), "")
  sim:control("clear")
  sim:control("fault?fault=duplicate:push:1")
  sim:tapi(BUY .. "b")
  t.equal(sim.statuses(sim:events(id)), "NEW NEW")
  sim:control("fault?fault=delay:push:50ms:1")
  sim:tapi(BUY .. "c")
  sim:tapi(BUY .. "d")
  t.equal(sim:heard(id), "")
  sim:pass(50)
  local events = sim:events(id)
  t.equal(events[1].order.clientOrderId .. events[2].order.clientOrderId, "cd")
end)

t.test("reorder with batch=frames brings a FILL before its NEW", function()
  local sim = fixture.new { settings = { "batch=frames" } }
  local id = sim:subscribed()
  sim:control("quote?pair=btc_idr&side=sell&price=1500000000&qty=1")
  sim:control("fault?fault=reorder:push:1")
  sim:tapi(BUY .. "a")
  t.equal(sim.statuses(sim:events(id)), "FILL NEW DONE")
  sim:control("fault?fault=reorder:push:1")
  sim:control("cancel_orders")
  sim:tapi("method=trade&pair=btc_idr&type=buy&price=1400000000&btc=0.0002&order_type=limit&"
    .. "client_order_id=b")
  t.equal(sim:heard(id), "")
  sim:pass(200)
  t.equal(sim.statuses(sim:events(id)), "NEW", "nobody came to overtake it")
end)

t.test("junk comes before the frame, whole and in kinds", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  for kind, length in pairs { text = 41, nested = 200000, huge = 1048596, empty = 0 } do
    sim:control("fault?fault=junk:push:1:" .. kind)
    sim:tapi(BUY .. kind)
    t.equal(#sim.frames[id][1], length, kind)
    t.ok(sim.frames[id][2]:find('"status":"NEW"'))
    sim.frames[id] = {}
  end
end)

t.test("drop, half_open, mid_frame end the line without a close", function()
  for _, action in ipairs { "drop", "half_open", "mid_frame" } do
    local sim = fixture.new()
    local id = sim:subscribed()
    sim:control("fault?fault=" .. action .. ":push")
    sim:tapi(BUY .. "a")
    t.equal(#sim:control("connections"), 0)
    local bytes = sim:heard(id)
    t.equal(bytes:sub(1, 2), action == "mid_frame" and "\x81\x7e" or "")
    if action == "mid_frame" then
      t.equal(#bytes - 4, math.floor((bytes:byte(3) * 256 + bytes:byte(4)) / 2))
    end
    sim:pass(50)
    t.equal(sim.dropped[id], action == "half_open" and action or "drop")
    sim:tapi(BUY .. "b")
    t.equal(sim:heard(id), "")
  end
end)

t.test("close and expire speak the venue's codes", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:control("fault?fault=close:3001:push")
  sim:tapi(BUY .. "a")
  t.equal(sim.closed[id].code .. sim.closed[id].reason, "3001shutdown")
  sim:control("clear")
  id = sim:subscribed()
  sim:control("fault?fault=expire:push")
  sim:tapi(BUY .. "b")
  t.equal(sim.closed[id].code .. sim.closed[id].reason, "3005connection expired")
end)

t.test("silent: nothing more comes, no ping either, and the line stays open", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:control("fault?fault=silent:push")
  sim:tapi(BUY .. "a")
  sim:pass(60000)
  t.equal(sim:heard(id), "")
  t.equal(#sim.pings[id], 0)
  t.equal(sim.closed[id] or sim.dropped[id], nil)
end)

t.test("pings alone can be lost", function()
  local sim = fixture.new { fault = "lose:ping" }
  local id = sim:subscribed()
  sim:pass(26000)
  t.equal(#sim.pings[id], 0)
  sim:tapi(BUY .. "a")
  t.equal(sim.statuses(sim:events(id)), "NEW")
end)

t.test("the token's endpoint and the handshake can be down", function()
  local sim = fixture.new { fault = "http:503:token:1,http:503:upgrade:1" }
  local _, status = sim:signed("/api/private_ws/v1/generate_token",
                               "client=tapi&tapi_key=" .. fixture.KEY)
  t.equal(status, 503)
  local id = sim:open("/ws/")
  t.equal(sim.refused[id].status, 503)
  sim:control("fault?fault=swallow:upgrade:1,cut:upgrade:after=1:1")
  id = sim:open("/ws/")
  t.equal(sim.dropped[id], "half_open", "never answered")
  id = sim:open("/ws/")
  t.equal(sim.dropped[id], "drop")
  t.ok(sim:subscribed())
end)

t.done()
