-- The simulated Indodax's order events, letter by letter, and its books: the made market, money
-- under random orders.

local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local Desk    = require "moonwire.sim.indodax_desk"
local pairs_of = require "moonwire.sim.indodax_pairs"
local Random  = require "moonwire.random"
local wire    = require "moonwire.sim.wire"

local TRADE, BUY, SELL = fixture.TRADE, fixture.BUY, fixture.SELL
local quote = fixture.quote

-- Events (4.5) ------------------------------------------------------------------------------------

t.test("NEW, FILLs, DONE of a maker, letter by letter as the page shows them", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:ok(TRADE
         .. "type=sell&price=1560000000&btc=0.0002&order_type=limit&client_order_id=mw-7f3a-000002")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00005")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00015")
  local head = '{"push":{"channel":"pws:#9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4","pub":{"data":['
  local start = '{"eventType":"order_update","order":{"orderId":"btcidr-limit-310130",'
  local rest = '"price":"1560000000","description":"BTC/IDR","status":"'
  local last = '"clientOrderId":"mw-7f3a-000002"}}'
  t.equal(sim.frames[id][1], head .. start .. '"symbol":"btcidr","side":"SELL","origQty":"0.0002",'
    .. '"unfilledQty":"0.0002","executedQty":"0",' .. rest
      .. 'NEW","transactionTime":1790000000123,'
    .. last .. "]}}}")
  t.equal(sim.frames[id][2], head .. start .. '"tradeId":"72057594037927937","symbol":"btcidr",'
    .. '"side":"SELL","origQty":"0.0002","unfilledQty":"0.00015","executedQty":"0.00005",' .. rest
    .. 'FILL","transactionTime":1790000000123,"fillInformation":{"participant":"MAKER",'
    .. '"filledQty":"0.00005","qty":"0.00005","feeAsset":"idr","feeRate":0.001,"fee":"78",'
    .. '"taxAsset":"idr",'
    .. '"taxRate":0.0021,"tax":"163","clearingAsset":"idr","clearingRate":1.11E-4,"clearing":"8"},'
    .. last .. "]}}}")
  t.equal(sim.frames[id][3], head .. start .. '"tradeId":"72057594037927938","symbol":"btcidr",'
    .. '"side":"SELL","origQty":"0.0002","unfilledQty":"0","executedQty":"0.0002",' .. rest
    .. 'FILL","transactionTime":1790000000123,"fillInformation":{"participant":"MAKER",'
    .. '"filledQty":"0.0002","qty":"0.00015","feeAsset":"idr","feeRate":0.001,"fee":"234",'
    .. '"taxAsset":"idr",'
    .. '"taxRate":0.0021,"tax":"491","clearingAsset":"idr","clearingRate":1.11E-4,"clearing":"25"},'
    .. last .. "," .. start
      .. '"symbol":"btcidr","side":"SELL","origQty":"0.0002","unfilledQty":"0",'
    .. '"executedQty":"0.0002",' .. rest .. 'DONE","transactionTime":1790000000123,' .. last
      .. "]}}}")
end)

t.test("a taker fills at the better price and is told its own", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  quote(sim, "sell", 1500000000, 1)
  sim:ok(TRADE .. "type=buy&price=1550000000&btc=0.0002&order_type=limit")
  local events = sim:events(id)
  t.equal(sim.statuses(events), "NEW FILL DONE")
  local fill = events[2].order
  t.equal(fill.price .. fill.fillInformation.participant .. fill.fillInformation.fee,
          "1550000000TAKER600")
  t.equal(fill.fillInformation.tax, "0")
  t.equal(events[3].order.transactionTime, fill.transactionTime)
end)

t.test("a market order without depth is REJECTED and books nothing", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  local before = sim:ok("method=getInfo").balance
  sim:ok(TRADE .. "type=sell&btc=0.0002&order_type=market")
  local order = sim:events(id)[1].order
  t.equal(order.status .. order.executedQty .. order.unfilledQty .. order.price, "REJECTED00.00020")
  t.equal(order.tradeId, nil)
  sim:ok(TRADE .. "type=buy&idr=100000&order_type=market")
  order = sim:events(id)[1].order
  t.equal(order.status .. order.executedQty, "REJECTED0")
  t.equal(order.origQty, order.unfilledQty)
  local after = sim:ok("method=getInfo").balance
  t.equal(after.idr .. after.btc, before.idr .. before.btc)
end)

t.test("CANCELLED keeps what was executed and shows what was taken away", function()
  local sim = fixture.new()
  local id = sim:subscribed()
  sim:ok(SELL .. "&client_order_id=a")
  sim:control("trade?pair=btc_idr&side=buy&qty=0.00005")
  sim:ok("method=cancelByClientOrderId&client_order_id=a")
  local events = sim:events(id)
  t.equal(sim.statuses(events), "NEW FILL CANCELLED")
  t.equal(events[3].order.unfilledQty .. events[3].order.executedQty, "0.000150.00005")
  t.equal(events[3].order.cancelReason, nil)
end)

t.test("own orders that meet: who goes by smp_cancel, silent in the answer, told in the event",
       function()
  local expected = { MAKER = "NEW CANCELLED", TAKER = "NEW CANCELLED",
                     BOTH = "NEW CANCELLED CANCELLED" }
  for mode, statuses in pairs(expected) do
    local sim = fixture.new()
    sim:ok(TRADE .. "type=sell&price=1500000000&btc=0.0002&order_type=limit&client_order_id=old")
    local id = sim:subscribed()
    sim:ok(BUY .. "&client_order_id=new&smp_cancel=" .. mode)
    local events = sim:events(id)
    t.equal(sim.statuses(events), statuses, mode)
    t.equal(events[2].order.clientOrderId, mode == "TAKER" and "new" or "old", mode)
    t.equal(events[2].order.cancelReason, "SELF_TRADE_PREVENTION")
    t.ok(sim.venue.desk:check())
  end
end)

t.test("the optional fields are switches", function()
  local sim = fixture.new { settings = { "client_order_ids=off", "clearing=off",
                                         "old_fill_field=on",
                                         "extra_events=on", "extra_fields=on",
                                           "new_for_taker=off" } }
  local id = sim:subscribed()
  quote(sim, "sell", 1500000000, 1)
  sim:ok(BUY)
  local events = sim:events(id)
  t.equal(sim.statuses(events), "balance_update FILL balance_update DONE")
  local order = events[2].order
  t.equal(order.clientOrderId, nil)
  t.equal(order.fillInformation.fillQty, "0.0002")
  t.equal(order.fillInformation.qty, nil)
  t.equal(order.fillInformation.clearing, nil)
  t.ok(order.futureField)
end)

t.test("older fills name no client order id; a market buy may count in its amount", function()
  local sim = fixture.new { settings = { "fill_client_order_ids=off", "market_buy_qty=quote" } }
  local id = sim:subscribed()
  quote(sim, "sell", 1500000000, 1)
  sim:ok(BUY .. "&client_order_id=mine")
  local ids = {}
  for i, event in ipairs(sim:events(id)) do ids[i] = event.order.clientOrderId or "-" end
  t.equal(table.concat(ids, " "), "mine - mine")
  sim:ok(TRADE .. "type=buy&order_type=market&idr=60000")
  local new = sim:events(id)[1].order
  t.equal(new.status .. " " .. new.origQty, "NEW 60000")
end)

t.test("default client ids may carry a coin's old name; ids count per pair", function()
  local sim = fixture.new { balances = { idr = "1000000000" } }
  local A = "method=trade&pair=aave_idr&type=buy&price=2000000&aave=0.02&order_type=limit"
  local id = sim:subscribed()
  sim:ok(A)
  local order = sim:events(id)[1].order
  t.equal(order.orderId .. " " .. order.clientOrderId, "aaveidr-limit-3396 lendidr-limit-3396")
  sim:control("set?set=rebrand%3Doff")
  sim:ok(A)
  t.equal(sim:events(id)[1].order.clientOrderId, "aaveidr-limit-3397")
  sim:ok(BUY)
  sim:ok(BUY)
  t.equal(sim:ok("method=trade&pair=eth_idr&type=buy&price=60000000&eth=0.001&"
    .. "order_type=limit").order_id, 310131)
  t.equal(sim.member.orders.btcidr["310131"].symbol, "btcidr")
end)

t.test("rates are written Java's way", function()
  t.equal(pairs_of.rate_text("0.002"), "0.002")
  t.equal(pairs_of.rate_text("0.000222"), "2.22E-4")
  t.equal(pairs_of.rate_text("0.0003"), "3.0E-4")
  t.equal(pairs_of.rate_text("0"), "0")
  t.equal(Desk.trade_id(30367), "72057594037958303")
end)

-- Control, the made market, money -----------------------------------------------------------------

t.test("the control path says what there is and what is wrong", function()
  local sim = fixture.new()
  t.equal(sim:request("POST", "/sim/nothing").status, 404)
  t.raises(function() sim:control("fault?fault=explode:trade") end, "no action")
  t.raises(function() sim:control("set?set=nothing%3D1") end,
           "no such setting; there is token_life")
  t.raises(function() sim:control("set?set=batch%3Dx") end, "expected data or lines or frames")
  t.raises(function() sim:control("trade?pair=nope") end, "there is none")
  t.raises(function() sim:control("trade?pair=btc_idr&side=buy&qty=1") end, "no best one")
  t.raises(function() sim:control("close?socket=private") end, "wants code")
  sim:ok(BUY .. "&client_order_id=a")
  t.equal(sim:control("orders?open=1")[1].client_order_id, "a")
  t.equal(sim:control("ledger").alice.idr.held, "300634")
  t.equal(sim:control("check").ok, true)
  t.equal(sim:control("requests").requests[1].method, "POST")
  t.equal(sim:control("settings").batch, "data")
  sim:control("deposit?asset=btc&amount=1")
  t.equal(sim:ok("method=getInfo").balance.btc, "2.50000000")
end)

t.test("the control path tells what was traded, and the frames that came", function()
  local sim = fixture.new()
  sim:subscribed()
  sim:ok(BUY .. "&client_order_id=a")
  sim:control("trade?pair=btc_idr&side=sell&qty=0.0001&price=1500000000")
  local fills = sim:control "fills"
  t.equal(#fills, 1)
  t.equal(fills[1].client_order_id .. " " .. fills[1].qty .. " " .. fills[1].liquidity,
          "a 0.0001 maker")
  t.equal(fills[1].commission, "166")
  local frames = sim:control "frames"
  t.equal(frames.count, #frames.frames)
  t.ok(frames.frames[1].text:find('"connect"', 1, true))
  t.equal(#sim:control("frames?since=1").frames, frames.count - 1)
end)

t.test("the made market fills clients now and then, moves, and leaves when told", function()
  local sim = fixture.new { market = true, pairs = "btc_idr" }
  local id = sim:subscribed()
  local best = decimal(sim:control("book?pair=btc_idr").buy[1][1]) + "1000"
  sim:ok(TRADE .. "type=buy&order_type=limit&btc=0.001&price=" .. tostring(best))
  for _ = 1, 60 do
    sim:pass(1000)
    sim:pong(id)
  end
  t.ok(sim.statuses(sim:events(id)):find("FILL"))
  sim:ok(TRADE .. "type=sell&order_type=limit&btc=0.001&price=1600000000")
  sim:control("move?pair=btc_idr&price=1610000000")
  t.ok(sim.statuses(sim:events(id)):find("DONE"))
  sim:control("market?on=0&withdraw=1")
  t.equal(#sim:control("book?pair=btc_idr").sell, 0)
  t.ok(sim.venue.desk:check())
end)

t.test("the same seed makes the same market", function()
  local function books()
    local sim = fixture.new { market = true }
    sim:pass(30000)
    return sim:request("GET", "/api/depth/btcidr").body
           .. sim:request("GET", "/api/trades/ethidr").body
  end
  t.equal(books(), books())
end)

-- Invariants: money is conserved, held money is what open orders hold, books are whole, and an
-- order's events tell one story: fills add up, and nothing follows the end.
local function story(stories, event)
  local o = event.order
  local s = stories[o.orderId] or { cum = decimal "0" }
  stories[o.orderId] = s
  t.ok(not s.ended, o.orderId .. " goes on after its end")
  if o.status == "FILL" then
    s.cum = s.cum + o.fillInformation.qty
    t.equal(tostring(s.cum), o.fillInformation.filledQty)
  end
  t.equal(tostring(s.cum), o.executedQty, o.orderId)
  s.ended = o.status == "DONE" or o.status == "CANCELLED" or o.status == "REJECTED"
  if o.status == "DONE" then t.equal(o.executedQty, o.origQty) end
end

local function held_by_orders(sim, asset)
  local sum = decimal "0"
  for _, pair in ipairs(sim.venue.desk.pairs) do
    for _, order in pairs(sim.member.orders[pair.id]) do
      if order.hold_asset == asset then sum = sum + order.hold_left end
    end
  end
  return sum
end

local function random_run(seed)
  local random = Random.new(seed)
  local sim = fixture.new { settings = { "rate_limits=off" }, market = true,
                            pairs = "btc_idr,eth_idr" }
  local id, stories = sim:subscribed(), {}
  local names = { "btc", "eth" }
  for step = 1, 150 do
    local name = names[random:integer(1, 2)]
    local price = random:integer(985, 1015) * (name == "btc" and 1550000 or 62000)
    local side, kind = random:number() < 0.5 and "buy" or "sell", random:integer(1, 6)
    local qty = string.format("%.8f", random:integer(1, 400) / (name == "btc" and 100000 or 10000))
    if kind == 1 then
      sim:control("cancel_orders?pair=" .. name .. "_idr")
    elseif kind == 2 then
      sim:tapi(string.format("method=trade&pair=%s_idr&type=%s&order_type=market&%s", name, side,
        side == "buy" and "idr=" .. random:integer(10000, 5000000) or name .. "=" .. qty))
    else
      sim:tapi(string.format("method=trade&pair=%s_idr&type=%s&order_type=limit&price=%d&%s=%s&"
        .. "smp_cancel=%s%s",
        name, side, price, name, qty, ({ "MAKER", "TAKER", "BOTH" })[random:integer(1, 3)],
        kind == 3 and "&time_in_force=MOC" or ""))
    end
    if step % 10 == 0 then sim:pass(500); sim:pong(id) end
    local ok, err = sim.venue.desk:check()
    t.ok(ok, string.format("seed %d step %d: %s", seed, step, tostring(err)))
    for _, event in ipairs(sim:events(id)) do story(stories, event) end
    for _, asset in ipairs { "idr", "btc", "eth" } do
      t.equal(tostring(sim.venue.desk.ledger:held("alice", asset)),
              tostring(held_by_orders(sim, asset)),
              string.format("seed %d step %d %s", seed, step, asset))
    end
  end
  t.ok(next(stories), "nothing happened")
end

t.test("random orders conserve money, keep books whole and tell straight stories", function()
  for seed = 1, 6 do random_run(seed) end
end)

t.test("forms and base64url go round", function()
  t.equal(wire.unescape("a%2Cb+c%zz"), "a,b c%zz")
  t.equal(wire.escape("a,b c-_.~"), "a%2Cb+c-_.%7E")
  for _, text in ipairs { "", "a", "ab", "abc", "\0\255~" } do
    t.equal(wire.from_base64url(wire.base64url(text)), text)
  end
  t.equal(wire.from_base64url("a*"), nil)
end)

t.done()
