-- The private WebSocket of Indodax: its frames as the venue prints them, its log-on and its end.

local t = require "tests.tap"
local indodax = require "moonwire.venues.indodax"
local fixture = require "tests.moonwire.indodax_fixture"

local KEY, vector, rows = fixture.KEY, fixture.vector, fixture.rows
local with_markets, new_link, read = fixture.with_markets, fixture.new_link, fixture.read
local reports_of, fees_text, is_report = fixture.reports_of, fixture.fees_text, fixture.is_report

-- order_update ------------------------------------------------------------------------------------

t.test("a NEW order is read field by field", function()
  local reports = reports_of(vector "seed_new")
  t.equal(#reports, 1)
  is_report(reports[1], {
    client_order_id = "lendidr-limit-3397", order_id = "aaveidr-limit-3397", symbol = "AAVE/IDR",
    side = "buy", qty = "0.00996909", cum_qty = "0", price = "2000000", time = 1705635775.203,
    status = "new",
  })
end)

t.test("a taker's FILL has a provisional price and three charges", function()
  local reports = reports_of(vector "seed_fill")
  t.equal(#reports, 1)
  is_report(reports[1], {
    client_order_id = "lendidr-limit-13525", order_id = "aaveidr-limit-13525", symbol = "AAVE/IDR",
    side = "buy", qty = "0.0046462", cum_qty = "0.0046462", price = "4289899",
    time = 1734490232.679, status = "partially_filled", trade_id = "72057594037968281",
    last_qty = "0.0046462", last_price = "4289899", liquidity = "taker", is_provisional = true,
    fees = "39 IDR, 23 IDR, 4 IDR",
  })
end)

t.test("a CANCELLED order ends without a reason when the venue gives none", function()
  local reports = reports_of(vector "seed_cancelled")
  t.equal(#reports, 1)
  is_report(reports[1], {
    client_order_id = "lendidr-limit-3399", order_id = "aaveidr-limit-3399", symbol = "AAVE/IDR",
    side = "sell", qty = "0.05015045", cum_qty = "0", price = "2000000", time = 1705636274.643,
    status = "canceled",
  })
end)

t.test("a DONE order is filled and brings no fill of its own", function()
  local reports = reports_of(vector "seed_done")
  t.equal(#reports, 1)
  is_report(reports[1], {
    client_order_id = "lendidr-limit-3397", order_id = "aaveidr-limit-3397", symbol = "AAVE/IDR",
    side = "buy", qty = "0.00996909", cum_qty = "0.00996909", price = "2000000",
    time = 1705635775.203, status = "filled",
  })
end)

t.test("a DONE with fill information repeats a FILL and is none", function()
  local report = reports_of((vector "seed_fill":gsub('"FILL"', '"DONE"')))[1]
  t.equal(report.status, "filled")
  t.equal(report.trade_id or report.last_qty, nil)
end)

t.test("a REJECTED order books nothing, whatever its executedQty says", function()
  local reports = reports_of(vector "seed_rejected")
  t.equal(#reports, 1)
  is_report(reports[1], {
    client_order_id = "lendidr-limit-3397", order_id = "aaveidr-limit-3397", symbol = "AAVE/IDR",
    side = "buy", qty = "0.00996909", price = "2000000", time = 1705635775.203,
    status = "rejected", reason = "not enough depth",
  })
end)

t.test("several events in one push are several reports, in the engine's order", function()
  local reports = reports_of(vector "sell_in_two_fills")
  t.equal(#reports, 4)
  local function expect(i, fields)
    fields.client_order_id, fields.order_id = "mw-7f3a-000002", "btcidr-limit-310131"
    fields.symbol, fields.side = "BTC/IDR", "sell"
    fields.qty, fields.price = "0.0002", "1560000000"
    is_report(reports[i], fields)
  end
  expect(1, { status = "new", cum_qty = "0", time = 1790000000.131 })
  expect(2, { status = "partially_filled", cum_qty = "0.00005", time = 1790000004.31,
              trade_id = "72057594061234567", last_qty = "0.00005", last_price = "1560000000",
              liquidity = "maker", fees = "78 IDR, 163 IDR, 8 IDR" })
  expect(3, { status = "partially_filled", cum_qty = "0.0002", time = 1790000004.322,
              trade_id = "72057594061234571", last_qty = "0.00015", last_price = "1560000000",
              liquidity = "maker", fees = "234 IDR, 491 IDR, 25 IDR" })
  expect(4, { status = "filled", cum_qty = "0.0002", time = 1790000004.322 })
end)

t.test("several objects in one frame are all read, an empty line is nothing", function()
  local frame = vector "seed_new" .. "\n" .. vector "seed_fill" .. "\n\n" .. vector "seed_done"
  local reports, link = reports_of(frame)
  t.equal(#reports, 3)
  t.equal(reports[1].status .. reports[2].status .. reports[3].status,
          "newpartially_filledfilled")
  t.equal(#link.bad, 0)
end)

t.test("a line that is no JSON costs itself and nothing behind it", function()
  local reports, link = reports_of('{"push":\n' .. vector "seed_done")
  t.equal(#reports, 1)
  t.equal(reports[1].status, "filled")
  t.equal(#link.bad, 1)
end)

t.test("self-trade prevention is the reason of the CANCELLED that it causes", function()
  is_report(reports_of(vector "cancelled_by_self_trade_prevention")[1], {
    client_order_id = "mw-7f3a-000009", order_id = "btcidr-limit-310140", symbol = "BTC/IDR",
    side = "sell", qty = "0.0002", cum_qty = "0.00005", price = "1560000000",
    time = 1790000009.001, status = "canceled", reason = "self_trade_prevention",
  })
end)

t.test("the REJECTED of 2023, a market order, is read the same way", function()
  is_report(reports_of(vector "market_rejected_2023")[1], {
    client_order_id = "btcidr-market-310150", order_id = "btcidr-market-310150",
    symbol = "BTC/IDR", side = "buy", qty = "0.5", price = "0", time = 1700000000,
    status = "rejected", reason = "not enough depth",
  })
end)

t.test("a market order's FILL tells the total alone: its price is for myTrades to say", function()
  is_report(reports_of(vector "market_fill")[1], {
    client_order_id = "mw-7f3a-000010", order_id = "btcidr-market-310151", symbol = "BTC/IDR",
    side = "sell", qty = "0.0002", cum_qty = "0.0002", price = "0", time = 1790000010,
    status = "partially_filled",
  })
end)

t.test("an event that cannot be read costs itself, not those beside it", function()
  local s = with_markets()
  local link = new_link(s, indodax.private)
  local on_report, count = s.on_report, 0
  function s:on_report(report)
    count = count + 1
    if count == 1 then error "the first one raises" end
    return on_report(self, report)
  end
  local frame = vector "seed_fill"
  local event = frame:match '"data":%s*%[(.*)%]'
  read(link, (frame:gsub('("data":%s*%[).*(%])', function(open, close)
    return open .. event .. "," .. event .. close
  end)))
  t.equal(count, 2)
  t.equal(#s.reports, 1)
  t.ok(link.bad[1]:find "the first one raises", link.bad[1])
end)

t.test("a FILL of 2024: event_type, fillQty, no client id, no clearing, tax 0", function()
  is_report(reports_of(vector "fill_of_2024")[1], {
    order_id = "btcusdt-limit-77", symbol = "BTC/USDT", side = "buy", qty = "0.3",
    cum_qty = "0.1", price = "61000.5", time = 1709000000.123, status = "partially_filled",
    trade_id = "144332127176055681", last_qty = "0.1", last_price = "61000.5",
    liquidity = "maker", fees = "1.830015 USDT",
  })
end)

t.test("a FILL without any charge has none", function()
  local report = reports_of(vector "fill_without_a_triple")[1]
  t.equal(tostring(report.last_qty), "0.1")
  t.equal(fees_text(report.fees), "")
end)

t.test("numbers may come as numbers, also in E notation, and lose no digit", function()
  is_report(reports_of(vector "numbers_as_numbers")[1], {
    client_order_id = "mw-7f3a-000012", order_id = "btcidr-limit-310161", symbol = "BTC/IDR",
    side = "buy", qty = "1", cum_qty = "0.1", price = "1550000000", time = 1790000012,
    status = "partially_filled", trade_id = "72057594061234581", last_qty = "0.1",
    last_price = "1550000000", liquidity = "maker", fees = "155000 IDR",
  })
end)

t.test("an amount in E notation with a capital E is exact", function()
  local frame = vector "seed_fill":gsub('"clearing":%s*"4"', '"clearing":2.22E-4')
  local reports = reports_of(frame)
  t.equal(fees_text(reports[1].fees), "39 IDR, 23 IDR, 0.000222 IDR")
end)

t.test("a DONE below its quantity is a cancel with what was executed", function()
  local report = reports_of(vector "done_below_its_quantity")[1]
  t.equal(report.status, "canceled")
  t.equal(tostring(report.cum_qty), "0.1")
end)

t.test("a DONE market order is filled, in whatever its quantity is counted", function()
  local frame = vector "done_below_its_quantity":gsub('"price":%s*"[^"]*"', '"price":"0"')
  t.equal(reports_of(frame)[1].status, "filled")
end)

t.test("FILLED, which a later table lists, is taken as DONE", function()
  local report = reports_of(vector "filled")[1]
  t.equal(report.status, "filled")
  t.equal(report.trade_id, nil)
end)

t.test("an unknown status keeps the state, is said, and is asked about", function()
  local reports, link = reports_of(vector "unknown_status")
  is_report(reports[1], {
    client_order_id = "mw-7f3a-000015", order_id = "btcidr-limit-310164", symbol = "BTC/IDR",
    side = "buy", qty = "1", cum_qty = "0.4", price = "1550000000", time = 1790000015,
    needs_asking = true,
  })
  t.equal(table.concat(link.bad, "|"), "order status HALTED")
end)

-- seed_cancelled with its cancelReason written in another way; `reason` is JSON.
local function canceled_because(reason)
  local frame = vector("seed_cancelled"):gsub('"status":', '"cancelReason":' .. reason .. ',%0', 1)
  local reports, link = reports_of(frame)
  t.equal(#reports, 1, reason)
  t.equal(#link.bad, 0, reason)
  t.equal(reports[1].status, "canceled", reason)
  return reports[1].reason
end

t.test("a CANCELLED whose cancelReason is null, or no text, is one without a reason", function()
  t.equal(canceled_because '"BY_USER"', "by_user")
  for _, none in ipairs { "null", "true", "false" } do
    t.equal(canceled_because(none), nil, none)
  end
end)

t.test("an order without a side that nobody knows is said and not taken as a sale", function()
  for _, side in ipairs { '"HOLD"', "null", '""', '"buy"', "7" } do
    local frame = vector("seed_new"):gsub('"side":%s*"BUY"', '"side":' .. side)
    local reports, link = reports_of(frame)
    t.equal(#reports, 0, side)
    t.equal(table.concat(link.bad, "|"), "order without a side", side)
  end
end)

t.test("a report without a side is taken for an order that is known: its side is", function()
  local s = with_markets()
  s.known_orders["lendidr-limit-3397"] = { side = "buy" }
  local link = new_link(s, indodax.private)
  read(link, (vector("seed_new"):gsub('"side":%s*"BUY"', '"side":"HOLD"')))
  t.equal(#s.reports, 1)
  t.equal(s.reports[1].side, nil)
  t.equal(s.reports[1].status, "new")
  t.equal(#link.bad, 0)
end)

t.test("a fee without its asset is said and asked about, and its FILL counts", function()
  for _, asset in ipairs { "", ',"feeAsset":null', ',"feeAsset":""' } do
    local frame = vector("seed_fill"):gsub(',%s*"feeAsset":%s*"[^"]*"', asset)
    local reports, link = reports_of(frame)
    t.equal(#reports, 1, asset)
    t.equal(tostring(reports[1].last_qty), "0.0046462", asset)
    t.equal(reports[1].trade_id, "72057594037968281", asset)
    t.equal(reports[1].needs_asking, true, asset)
    t.equal(#link.bad, 1, asset)
  end
  for _, name in ipairs { "tax", "clearing" } do
    local frame = vector("seed_fill"):gsub('"' .. name .. '":%s*"[^"]*"', '"' .. name .. '":"1"')
      :gsub('"' .. name .. 'Asset":%s*"[^"]*"', '"' .. name .. 'Asset":null')
    t.equal(reports_of(frame)[1].needs_asking, true, name)
  end
end)

t.test("an order of an unknown pair is said, and its neighbours are read", function()
  local reports, link = reports_of(vector "unknown_pair_between_known")
  t.equal(#reports, 2)
  t.equal(reports[1].symbol .. " " .. reports[2].symbol, "BTC/IDR AAVE/IDR")
  t.equal(table.concat(link.bad, "|"), "order of an unknown market: nopeidr")
end)

t.test("events of other types pass without effect", function()
  local reports, link = reports_of(vector "other_events_between")
  t.equal(#reports, 1)
  t.equal(reports[1].client_order_id, "mw-7f3a-000004")
  t.equal(#link.bad, 0)
end)

t.test("a report keeps nothing of the one before it", function()
  local s = with_markets()
  local link = new_link(s, indodax.private)
  read(link, vector "cancelled_by_self_trade_prevention" .. "\n" .. vector "unknown_status"
       .. "\n" .. vector "seed_fill" .. "\n" .. vector "seed_new")
  is_report(s.reports[4], {
    client_order_id = "lendidr-limit-3397", order_id = "aaveidr-limit-3397", symbol = "AAVE/IDR",
    side = "buy", qty = "0.00996909", cum_qty = "0", price = "2000000", time = 1705635775.203,
    status = "new",
  })
end)

t.test("pushes that are no order updates pass: empty data, joins, unknown keys", function()
  for _, frame in ipairs { '{"push":{"channel":"pws:#1","pub":{"data":[]}}}',
                           '{"push":{"channel":"pws:#1","join":{"info":{"client":"x"}}}}',
                           '{"push":{"channel":"pws:#1","message":{"data":{}}}}',
                           '{"something":"else"}' } do
    local reports, link = reports_of(frame)
    t.equal(#reports + #link.bad + #link.losses + #link.sent, 0, frame)
  end
end)

-- Pings, replies, the end -------------------------------------------------------------------------

t.test("{} is answered where the connect reply asked for it, and never elsewhere", function()
  local link = new_link(with_markets(), indodax.private)
  read(link, "{}")
  t.equal(#link.sent, 0, "frame-ping mode")
  link.answers_pings = true
  read(link, "{}\n{}")
  t.equal(table.concat(link.sent, "|"), "{}|{}", "application pings")
end)

t.test("replies go to whoever asked, errors with their code", function()
  local _, link = reports_of('{"id":1,"connect":{"client":"c","version":"5.2.0","expires":true,'
    .. '"ttl":86133,"ping":25,"pong":true}}\n{"id":2,"subscribe":{}}\n'
    .. '{"id":3,"refresh":{"expires":true,"ttl":86399}}\n'
    .. '{"id":4,"error":{"code":103,"message":"permission denied"}}\n'
    .. '{"id":5,"error":{"code":109,"message":"token expired"}}')
  t.equal(link.replies[1].ttl, 86133)
  t.equal(link.replies[1].pong, true)
  t.equal(link.replies[1].code, nil)
  t.equal(link.replies[2].code, nil)
  t.equal(link.replies[3].ttl, 86399)
  t.equal(link.replies[4].code, 103)
  t.equal(link.replies[4].message, "permission denied")
  t.equal(link.replies[5].code, 109)
end)

t.test("an unsubscribe push ends the connection: from 2500 on it comes back at once", function()
  local _, link = reports_of('{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"x"}}}')
  t.equal(link.losses[1], "unsubscribed by the venue (2500) (again)")
  _, link = reports_of('{"push":{"channel":"c","unsubscribe":{"code":2000,"reason":"x"}}}')
  t.equal(link.losses[1], "unsubscribed by the venue (2000) (once)")
end)

t.test("a disconnect push is the same as the close frame with its code", function()
  local _, link = reports_of('{"push":{"disconnect":{"code":3005,"reason":"expired"}}}')
  t.equal(link.losses[1], "expired (again)")
  _, link = reports_of('{"push":{"disconnect":{"code":3503,"reason":"force disconnect"}}}')
  t.equal(link.losses[1], "force disconnect (permanent)")
end)

t.test("a private close code says what to do, as Centrifugo 5 means it", function()
  local class = {
    [1000] = "retry", [1001] = "retry", [1006] = "retry", [1011] = "retry", [1012] = "retry",
    [1009] = "permanent", [0] = "retry",
    [3000] = "retry", [3001] = "retry", [3004] = "retry", [3008] = "retry", [3009] = "retry",
    [3010] = "retry", [3011] = "retry", [3012] = "retry", [3013] = "retry", [3014] = "retry",
    [3005] = "again", [3006] = "again", [3499] = "retry",
    [3500] = "once", [3501] = "permanent", [3502] = "once", [3503] = "permanent",
    [3504] = "permanent", [3505] = "permanent", [3507] = "permanent", [3508] = "permanent",
    [3509] = "permanent", [3999] = "permanent",
    [4000] = "retry", [4499] = "retry", [4500] = "permanent", [4999] = "permanent",
    [5000] = "retry", [65535] = "retry",
  }
  for code, expected in pairs(class) do
    t.equal(indodax.private.close_class(code, "", 0), expected, "code " .. code)
  end
  t.equal(indodax.private.close_class(0, "", 403), "once", "HTTP 403")
  t.equal(indodax.private.close_class(0, "", 429), "retry", "HTTP 429")
  t.equal(indodax.private.close_class(0, "", 502), "retry", "HTTP 502")
end)

t.test("a market close obeys its JSON, whatever the code", function()
  local class = indodax.market.close_class
  t.equal(class(3005, '{"reason":"expired","reconnect":true}'), "retry")
  t.equal(class(3001, '{"reason":"stale","reconnect":false}'), "permanent")
  t.equal(class(3500, "not JSON"), "retry")
  t.equal(class(1006, nil), "retry")
end)

-- The log-on --------------------------------------------------------------------------------------

local TOKEN_PATH = "/api/private_ws/v1/generate_token"

local function log_on(token_answer, awaited)
  local s = with_markets { [TOKEN_PATH] = token_answer }
  local link = new_link(s, indodax.private)
  link.awaited = awaited or { {}, {} }
  local ok, err, class = indodax.private.logon(link)
  return link, ok, err, class
end

t.test("the log-on takes a token, connects and subscribes its channel", function()
  local link, ok = log_on(vector "token", { { ttl = 86133 }, {} })
  t.equal(ok, true)
  t.equal(link.opened, "wss://private.test/ws/")
  t.equal(link.sent[1], '{"connect":{"token":"eyJ0eXAi.test.token"},"id":1}')
  t.equal(link.sent[2], '{"id":2,"subscribe":{"channel":'
          .. '"pws:#9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4"}}')
  t.ok(link.session.is_held, "reports are held from before the first command")
  t.ok(not link.answers_pings, "no {} in frame-ping mode")
end)

t.test("the token's request is the signed text, its key in the body and nowhere else", function()
  local link = log_on(vector "token")
  local request = link.session.requests[1]
  t.equal(request.method .. " " .. request.url, "POST https://indodax.test" .. TOKEN_PATH)
  t.equal(request.body[1], "client=tapi&tapi_key=")
  t.equal(request.body[2], KEY)
  t.equal(#request.headers, 2)
  t.equal(request.headers[2][1], "Sign")
  t.equal(request.headers[2][2], rows("signatures")[6].signature)
end)

t.test("application pings are answered when the connect reply wants that", function()
  local link = log_on(vector "token", { { ttl = 86133, pong = true }, {} })
  t.equal(link.answers_pings, true)
end)

t.test("a token is renewed ten minutes before its end, a short one at half of its life", function()
  local now = require("moonwire.dispatch").now()
  local function renewed_in(ttl)
    return log_on(vector "token", { { ttl = ttl }, {} }).session.renew_at - now
  end
  t.equal(renewed_in(86400), 85800)
  t.equal(renewed_in(100), 50)
  t.equal(renewed_in(nil), 23 * 3600)
end)

t.test("errors of the connect and subscribe commands have their classes", function()
  local function class_of(connect, subscribe)
    local _, ok, err, class = log_on(vector "token", { connect, subscribe })
    t.equal(ok, nil)
    return class .. ": " .. err
  end
  t.equal(class_of { code = 109, message = "token expired" },
          "again: connect: error 109 token expired")
  t.equal(class_of({}, { code = 103, message = "permission denied" }),
          "once: subscribe: error 103 permission denied")
  t.equal(class_of { code = 110, message = "m" }, "again: connect: error 110 m")
  t.equal(class_of { code = 101, message = "m" }, "once: connect: error 101 m")
  for _, code in ipairs { 102, 104, 106, 107, 108 } do
    t.equal(class_of({}, { code = code, message = "m" }),
            "permanent: subscribe: error " .. code .. " m")
  end
  for _, code in ipairs { 100, 111, 113 } do
    t.equal(class_of { code = code, message = "m" }, "retry: connect: error " .. code .. " m")
  end
end)

t.test("105, already subscribed, is success; silence is not", function()
  local _, ok = log_on(vector "token", { {}, { code = 105, message = "already subscribed" } })
  t.equal(ok, true)
  local _, none, err, class = log_on(vector "token", { {} })
  t.equal(none, nil)
  t.equal(class .. ": " .. err, "retry: subscribe: timeout")
end)

t.test("a refused token ends the session, a missing answer does not", function()
  local _, _, err, class = log_on('{"success":0,"error":"Invalid credentials. Bad sign.",'
    .. '"error_code":"bad_sign"}')
  t.equal(class, "permanent")
  t.ok(err:find("^token: bad signature"), err)
  for _, answer in ipairs { false, { 502, "<html>" }, '{"success":1,"return":{}}',
                            '{"success":1,"return":[]}' } do
    local link
    link, _, err, class = log_on(answer)
    t.equal(class, "retry")
    t.ok(err:find("^token: "), err)
    t.equal(link.opened, nil)
  end
end)

t.test("renewal sends refresh with a new token and plans the next one", function()
  local s = with_markets { [TOKEN_PATH] = vector "token" }
  local link = new_link(s, indodax.private)
  link.awaited = { { ttl = 86399 } }
  t.equal(indodax.private.renew(link), true)
  t.equal(link.sent[1], '{"id":1,"refresh":{"token":"eyJ0eXAi.test.token"}}')
  t.ok(s.is_renewal_planned)
  link.awaited = { { code = 108, message = "not available" } }
  local ok, err = indodax.private.renew(link)
  t.equal(ok, nil)
  t.equal(err, "refresh: error 108 not available")
end)

t.done()
