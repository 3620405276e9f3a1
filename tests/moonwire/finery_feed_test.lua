-- The life of orders at Finery: feed O, and cancels.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local fixture = require "tests.moonwire.finery_fixture"

local frames, refuse, play, sent = fixture.frames, fixture.refuse, fixture.play, fixture.sent
local IOC, REST, DEAL_ROW = fixture.IOC, fixture.REST, fixture.DEAL_ROW
local resting = fixture.resting

-- Feed O ------------------------------------------------------------------------------------------

-- The frame with this order's ids in it.
local function frame_of(name, order, id)
  return (frames[name]:gsub("4822160001%d,700%d", (id or "5") .. "," .. order.client_order_id))
end

t.test("the life of an order comes on its feed, whichever comes first", function()
  for _, sequence in ipairs { { "order_added", "order_deal" }, { "order_deal", "order_added" },
                              { "order_deal", "order_deal", "order_added", "order_added" } } do
    local s = play { add = false }
    local order = s:send(IOC)
    for _, name in ipairs(sequence) do s:frame(frame_of(name, order)) end
    s:settle()
    t.equal(order.status, "filled")
    t.equal(tostring(order.cum_qty), "0.25")
    t.equal(select(2, s.trader.said():gsub("@", "")), 1)
    t.equal(order.order_id, "5")
  end
end)

t.test("a deal is counted once, in the answer and on the feed, in either order", function()
  for first = 1, 2 do
    local s = play { add = false }
    local order = s:send(IOC)
    local answer = (frames.reply_filled:gsub("41", sent(s, "add"):match '"reqId":(%d+)'))
    local both = { answer, frame_of("order_deal", order, "48221600011") }
    s:frame(both[first])
    s:frame(both[3 - first])
    s:settle()
    t.equal(order.status, "filled")
    t.equal(select(2, s.trader.said():gsub("@", "")), 1)
  end
end)

t.test("rows of 19 elements are read as those of 24, shorter ones are not", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame((frame_of("order_deal", order):gsub(",17,0,0,42,0%]%]$", "]]")))
  s:settle()
  t.equal(order.status, "filled")
  s = play { add = false }
  order = s:send(IOC)
  s:frame((frame_of("order_deal", order):gsub(",0,6512300000000,.*$", "]]")))
  t.equal(order.status, "pending_new")
  t.equal(#s:logged "deal without price or size", 1)
end)

t.test("a removed order is canceled, and with nothing left it is filled", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame(frame_of("order_removed", order))
  s:settle()
  t.equal(order.status, "canceled")
  t.equal(order.reason, "ioc_remainder")
  t.ok(order:is_missing_fills(), "it traded 0.2 that are not told yet")
end)

t.test("a removed order of which nothing is left is filled, unless it was canceled", function()
  for why = 0, 1 do
    local s = play { add = false }
    local order = s:send(IOC)
    s:frame((frame_of("order_removed", order):gsub(",2,5,", "," .. why .. ",5,")
      :gsub(",5000000,", ",0,")))
    s:settle()
    t.equal(order.status == "canceled", why == 1, order.status)
    t.ok(order:is_missing_fills())
  end
end)

t.test("a row that counts the quote currency tells no quantity", function()
  local s = play(nil, "maker")
  s:frame((frames.order_added:gsub("0%]%]$", "1]]")))
  s:settle()
  t.equal(s.desk.orders:find("idx", "7001").qty, nil)
end)

t.test("a deal without an id is said, and changes nothing", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame((frame_of("order_deal", order):gsub("1900311", "null")))
  s:settle()
  t.equal(order.status, "pending_new")
  t.equal(#s:logged "deal without an id", 1)
end)

t.test("ids and volumes beyond 2^53 keep every digit", function()
  local s = play { add = false }
  local order = s:send(IOC)
  s:frame((frame_of("order_deal", order, "9007199254740993")
    :gsub("1900311", "9223372036854775807")))
  s:settle()
  t.equal(order.order_id, "9007199254740993")
  t.ok(#order.client_order_id >= 18, order.client_order_id)
end)

t.test("an order of somebody else is shown as such, with all that its row says", function()
  local s = play(nil, "maker")
  s:frame(frames.order_added)
  s:settle()
  local order = s.desk.orders:find("idx", "7001")
  t.equal(order.external, true)
  t.equal(order.time_in_force, "ioc")
  t.equal(tostring(order.price), "65123.45")
  t.equal(tostring(order.qty), "0.25")
  t.equal(order.created_at, 1763683200.15)
end)

t.test("frames that make no sense change nothing", function()
  local s = play { add = false }
  local order = s:send(IOC)
  for _, frame in ipairs { "[]", "{}", "17", '"x"', '["O"]', '["O",0,"+",[]]', '["O",0,"D",{}]',
      '["O","X-Y","+",["X-Y",2,0,0,1,1,1,1,1,1,0]]', '["O",0,"D",["BTC-USD",2,0,0,0,0,1,1,1,1,1]]',
      '["O",0,"+",["BTC-USD",2,7,0,5,7,1,1,1,1,0]]', '["Q",0,"S",[]]', '["K",0,"+",17]',
      '["L",0,"+",{"x":1}]', '{"event":"pong"}', '{"event":"request","reqId":9999,"reply":{}}',
      '{"event":"request","reply":{}}', '["X",0,"Z",0]' } do
    s:frame(frame)
    s:settle()
  end
  t.equal(order.status, "pending_new")
  t.equal(s.session.state, "up")
end)

-- Cancels -----------------------------------------------------------------------------------------

t.test("a cancel names the venue's id, and its answer ends the order", function()
  local s, order = resting { del = '{"id":5,"remainingSize":10000000}' }
  s:drop(order)
  t.equal(s.trader.said(), "new>pending_cancel, pending_cancel>canceled client")
  t.ok(sent(s, "del"):find('"content":{"orderId":5}}', 1, true), sent(s, "del"))
end)

t.test("a cancel that tells of a trade has its deals fetched", function()
  local s, order = resting { del = '{"id":5,"remainingSize":4000000}' }
  s.methods.dealHistory = "[" .. DEAL_ROW:format(order.client_order_id, 4000000, 3, 6000000)
    :gsub("48221600011", "5") .. "]"
  s:drop(order)
  s:advance(1)
  t.equal(order.status, "canceled")
  t.equal(tostring(order.cum_qty), "0.06")
end)

t.test("a cancel of an order that the venue does not find is no end: it is asked about", function()
  local s, order = resting { del = 80 }
  s.methods.dealHistory = "[" .. DEAL_ROW:format(order.client_order_id, 0, 3, 10000000)
    :gsub("48221600011", "5") .. "]"
  s:drop(order)
  t.equal(order.status, "pending_cancel")
  s:advance(2)
  t.equal(order.status, "filled")
end)

t.test("a cancel that finds nothing, and no open order: what was seen has ended", function()
  local s, order = resting { del = 80 }
  s:drop(order)
  s:advance(2)
  t.equal(order.status, "canceled")
  t.equal(order.reason, "not_found")
end)

t.test("it was filled after all: a late deal says so", function()
  local s, order = resting { del = 80 }
  s:drop(order)
  s:advance(2)
  t.equal(order.status, "canceled")
  s:run(s.session, "on_report", { order_id = "5", trade_id = "9", last_qty = decimal "0.1",
                                  last_price = decimal "65000" })
  t.equal(order.status, "filled")
end)

t.test("a cancel that found nothing because it overtook its order says nothing of it", function()
  local s = play({ add = false, del = 80 }, "maker")
  local order = s:send(REST)
  s:drop(order)
  s.methods.del = false
  s:frame(('{"event":"request","reqId":%s,"reply":{"id":5,"remainingSize":10000000,"deals":[]}}')
    :format(sent(s, "add"):match '"reqId":(%d+)'))
  s:settle()
  s:advance(4)                                         -- its deals do not show yet
  t.equal(order.status, "pending_cancel")
end)

t.test("a cancel that was answered with nothing is repeated once a second at most", function()
  local s = play { add = false, del = 80 }
  local order = s:send(IOC)
  for _ = 1, 20 do
    s:drop(order)
    s:advance(0.1)
  end
  local _, count = sent(s, "del")
  t.ok(count >= 2 and count <= 3, count)
end)

t.test("an order that ended while it was asked about is asked about no more", function()
  local s = play { add = false, del = 80 }
  local order = s:send(IOC)
  s:drop(order)
  s:frame(refuse(tonumber((sent(s, "add"):match '"reqId":(%d+)')), 76))
  s:settle()
  t.equal(order.status, "rejected")
  s:advance(2)
  t.equal(s.session.reconciler:has_doubts(), false)
end)

t.test("while the line is down a cancel goes over REST, signed", function()
  local s, order = resting(nil, { ["/api/del"] = '{"id":5,"remainingSize":10000000}' })
  s.keep_closed = true
  s:close(s:private())
  s:drop(order)
  t.equal(order.status, "canceled")
  t.equal(s.session.reconciler:has_doubts(), false)
  local request = s:asked("/api/del")[1]
  t.ok(request.body:find '^{"orderId":5,"nonce":%d+,"timestamp":%d+}$', request.body)
end)

t.test("a REST cancel whose nonce was refused had no effect, and one without words says nothing",
  function()
    for _, case in ipairs { { '{"error":6}', "new" }, { "<html>", "pending_cancel" },
                            { '{"error":80}', "pending_cancel" } } do
      local s, order = resting(nil, { ["/api/del"] = { 400, case[1] },
                                      ["/api/positions"] = "[1,[],[],[]]",
                                      ["/api/dealHistory"] = "[]" })
      s.keep_closed = true
      s:close(s:private())
      s:drop(order)
      t.equal(order.status, case[2], case[1])
    end
  end)

stage.done()
