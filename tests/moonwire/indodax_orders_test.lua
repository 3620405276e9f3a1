-- Orders at Indodax by themselves: requests byte for byte, and answers as the venue prints them.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local host = require "moonwire.host"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"
local fixture = require "tests.moonwire.indodax_fixture"

local KEY, vector, rows, copy = fixture.KEY, fixture.vector, fixture.rows, fixture.copy
local with_markets, is_report = fixture.with_markets, fixture.is_report

-- Requests ----------------------------------------------------------------------------------------

t.test("the page's signatures come out of the page's messages", function()
  for _, row in ipairs(rows "signatures") do
    local secret = assert(host.secret_text(row.secret))
    t.equal(secret:hmac(row.digest, row.message, "hex"), row.signature, row.message)
  end
end)

local function header(request, name)
  local found
  for _, pair in ipairs(request.headers) do
    if pair[1] == name then
      t.equal(found, nil, name .. " is sent once")
      found = pair[2]
    end
  end
  return found
end

local function expected_request(name)
  for _, row in ipairs(rows "requests") do
    if row.name == name then return row end
  end
  error("no vector " .. name)
end

local function is_tapi(request, name)
  local expected = expected_request(name)
  t.equal(request.method .. " " .. request.url, "POST https://indodax.test/tapi")
  t.equal(request.body, expected.message)
  t.equal(header(request, "Key"), KEY)
  t.equal(header(request, "Sign"), expected.sha512)
  t.equal(header(request, "Content-Type"), "application/x-www-form-urlencoded")
end

local D = decimal
local LIMIT_BUY = { symbol = "BTC/IDR", side = "buy", type = "limit", time_in_force = "gtc",
                    price = D "1550000000", qty = D "0.000015",
                    client_order_id = "mw-7f3a-000001" }
local ALIEN = { symbol = "BTC/IDR", side = "buy", type = "stop_limit", external = true,
                client_order_id = "btcidr-stoplimit-310132", order_id = "btcidr-stoplimit-310132" }

t.test("a limit buy sends coin and order_type, byte for byte", function()
  is_tapi(indodax.submit(with_markets(), LIMIT_BUY), "limit buy")
end)

t.test("post_only is MOC", function()
  is_tapi(indodax.submit(with_markets(), {
    symbol = "BTC/IDR", side = "sell", type = "limit", time_in_force = "post_only",
    price = D "1560000000", qty = D "0.00020000", client_order_id = "mw-7f3a-000002",
  }), "post_only sell")
end)

t.test("a market buy sends the amount in quote, a market sell the coin, neither a force", function()
  local s = with_markets()
  is_tapi(indodax.submit(s, {
    symbol = "BTC/IDR", side = "buy", type = "market", time_in_force = "gtc",
    amount = D "50000", client_order_id = "mw-7f3a-000003",
  }), "market buy")
  is_tapi(indodax.submit(s, {
    symbol = "BTC/IDR", side = "sell", type = "market", time_in_force = "gtc",
    qty = D "0.0002", client_order_id = "mw-7f3a-000004",
  }), "market sell")
end)

t.test("small quantities leave in plain notation", function()
  local request = indodax.submit(with_markets(), {
    symbol = "BTC/USDT", side = "buy", type = "limit", time_in_force = "gtc",
    price = D(61000.5), qty = D(1e-8), client_order_id = "x" })
  t.ok(request.body:find("&price=61000.5&btc=0.00000001&", 1, true), request.body)
end)

t.test("our orders are canceled and asked for by client id, others by order id", function()
  local s = with_markets { getOrder = vector "get_order_filled",
                           getOrderByClientOrderId = vector "get_order_filled" }
  is_tapi(indodax.cancel(s, LIMIT_BUY), "cancel by client id")
  is_tapi(indodax.cancel(s, ALIEN), "cancel by order id")
  indodax.fetch_order(s, LIMIT_BUY)
  is_tapi(s.requests[1], "order by client id")
  indodax.fetch_order(s, ALIEN)
  is_tapi(s.requests[2], "order by order id")
end)

t.test("questions are signed the same way", function()
  local s = with_markets { openOrders = vector "open_orders", getInfo = vector "get_info" }
  indodax.fetch_open_orders(s)
  is_tapi(s.requests[1], "open orders")
  indodax.fetch_balances(s)
  is_tapi(s.requests[2], "balances")
  t.equal(s.requests[1].limit, "query")
end)

t.test("an order that the venue cannot do is refused before it is sent", function()
  local function check(fields)
    local order = { symbol = "BTC/IDR", side = "buy", type = "limit", time_in_force = "gtc" }
    for name, value in pairs(fields) do order[name] = value or nil end
    local ok, err = indodax.check_order(nil, order)
    return err or ok
  end
  t.equal(check { price = D "1", qty = D "1" }, true)
  t.equal(check { price = D "1", qty = D "1", time_in_force = "post_only" }, true)
  t.equal(check { type = "market", side = "sell", qty = D "1" }, true)
  t.equal(check { type = "market", amount = D "1" }, true)
  for _, tif in ipairs { "ioc", "fok" } do
    t.equal(check { price = D "1", qty = D "1", time_in_force = tif },
            "indodax knows gtc and post_only, not " .. tif)
  end
  t.equal(check { type = "stop_limit", price = D "1", qty = D "1" },
          "indodax takes limit and market orders, not stop_limit")
  t.equal(check { qty = D "1" }, "a limit order needs price and qty")
  t.equal(check { price = D "1", amount = D "1" }, "a limit order needs price and qty")
  t.equal(check { type = "market", side = "sell", amount = D "1" }, "a market sell needs qty")
  t.equal(check { type = "market", side = "sell", qty = D "1", price = D "1" },
          "a market order has no price")
  t.equal(check { type = "market", amount = D "1", time_in_force = "post_only" },
          "a market order cannot be post_only")
  local want = "a market buy on indodax needs `amount` (quote currency to spend) instead of qty"
  t.equal(check { type = "market", qty = D "1" }, want)
  t.equal(check { type = "market", qty = D "1", amount = D "1" }, want)
end)

-- Answers -----------------------------------------------------------------------------------------

t.test("the answer to trade is an acknowledgement with the order's full id", function()
  local s = with_markets()
  local report = indodax.submit_answer(s, LIMIT_BUY, 200, vector "trade_buy")
  t.equal(report.status, "new")
  t.equal(report.order_id, "btcidr-limit-310130")
  t.equal(report.cum_qty, nil, "it says 0 executed even when all was")
  local sell = { symbol = "BTC/IDR", side = "sell", type = "market" }
  t.equal(indodax.submit_answer(s, sell, 200, vector "trade_sell").order_id,
          "btcidr-market-310131")
end)

t.test("success may be text, and an order_id text", function()
  local report = indodax.submit_answer(with_markets(), LIMIT_BUY, 200,
    '{"success":"1","return":{"order_id":"310130"}}')
  t.equal(report.order_id, "btcidr-limit-310130")
end)

local function error_body(row)
  return json.encode { success = 0, error = row.error, error_code = row.error_code }
end

t.test("every error text of the venue has its reason and its consequence on a submit", function()
  for _, row in ipairs(rows "errors") do
    local s = with_markets()
    local report = indodax.submit_answer(s, LIMIT_BUY, row.status, error_body(row))
    local means = row.means
    t.equal(report.reason, row.reason, row.error)
    t.equal(report.status, means == "exists" and "unanswered" or "rejected", row.error)
    t.equal(report.needs_asking, means == "exists" or nil, row.error)
    t.equal(s.private_losses[1],
            means == "permanent" and row.reason .. " (permanent)" or nil, row.error)
    t.equal(s.clock_checks, means == "clock" and 1 or 0, row.error)
    t.equal(s.blocks[1], means == "limit" and "submit BTC/IDR 5" or nil, row.error)
    t.equal(s.paused, means == "limit_ip" and 5 or nil, row.error)
  end
end)

t.test("a market that is blocked is a refusal, an account that is locked is the end", function()
  for _, text in ipairs { "Pair blocked for 5 seconds", "Order blocked", "Market locked",
                          "Your balance is locked in orders", "Pair btc_idr is locked" } do
    local s = with_markets()
    local report = indodax.submit_answer(s, LIMIT_BUY, 200, error_body { error = text })
    t.equal(report.status, "rejected", text)
    t.equal(report.reason, text)
    t.equal(#s.private_losses, 0, text)
  end
  for _, text in ipairs { "Account locked", "Your account is locked", "account is locked." } do
    local s = with_markets()
    indodax.submit_answer(s, LIMIT_BUY, 200, error_body { error = text })
    t.equal(s.private_losses[1], "the account is locked (permanent)", text)
  end
end)

t.test("error texts are matched in any case", function()
  local report = indodax.submit_answer(with_markets(), LIMIT_BUY, 200,
    '{"success":0,"error":"INSUFFICIENT BALANCE"}')
  t.equal(report.reason, "insufficient balance")
end)

t.test("answers that say nothing about the order leave it in doubt", function()
  for _, answer in ipairs {
    { 200, "<html>cloudflare</html>" }, { 502, "" },
    { 500, '{"success":0,"error":"Minimum order"}' },
    { 503, '{"success":0,"error":"maintenance"}' }, { 200, '"text"' }, { 200, '{"success":0}' },
    { 200, '{"success":0,"error":null}' }, { 200, '{"success":0,"error":null,"error_code":""}' },
    { 200, '{"success":0,"error":"Oops","error_code":"internal_server_error"}' },
    { 200, '{"success":0,"error":"Failed to process request"}' },
    { 200, "null" }, { 200, "[]" },
    { 429, "Too Many Requests" }, { 200, '{"success":1' },
  } do
    local report, err = indodax.submit_answer(with_markets(), LIMIT_BUY, answer[1], answer[2])
    t.equal(report, nil, answer[2])
    t.ok(type(err) == "string" and err ~= "", answer[2])
  end
end)

t.test("a cancel's answer: done, refused for now, or no statement", function()
  local s = with_markets()
  t.equal(indodax.cancel_answer(s, LIMIT_BUY, 200, vector "cancel").status, "canceled")
  local report = indodax.cancel_answer(s, LIMIT_BUY, 429,
    '{"success":0,"error":"Your User ID sent too many cancel order requests",'
    .. '"error_code":"too_many_requests"}')
  t.equal(report.status, "cancel_refused")
  t.equal(report.needs_asking, true)
  t.equal(s.blocks[1], "cancel nil 1")
  report = indodax.cancel_answer(s, LIMIT_BUY, 200, '{"success":0,"error":"Invalid timestamp"}')
  t.equal(report.status, "cancel_refused")
  t.equal(s.clock_checks, 1)
  for _, text in ipairs { "invalid order.", "Order not found", "order does not exist" } do
    local none, err = indodax.cancel_answer(s, LIMIT_BUY, 200,
      json.encode { success = 0, error = text })
    t.equal(none, nil, text)
    t.equal(err, text)
  end
  t.equal(indodax.cancel_answer(s, LIMIT_BUY, 502, "<html>"), nil)
end)

-- Open orders, orders, balances -------------------------------------------------------------------

local function by_order_id(reports)
  local map = {}
  for _, report in ipairs(reports) do map[report.order_id] = report end
  return map
end

t.test("open orders: a sell counts in coin, a buy in quote, stop orders are there too", function()
  local s = with_markets { openOrders = vector "open_orders" }
  local reports = assert(indodax.fetch_open_orders(s))
  t.equal(#reports, 4, "the pair that nobody knows is left out")
  local map = by_order_id(reports)
  is_report(map["btcidr-limit-310131"], {
    client_order_id = "mw-7f3a-000002", order_id = "btcidr-limit-310131", symbol = "BTC/IDR",
    side = "sell", type = "limit", status = "working", price = "1560000000", qty = "0.0002",
    cum_qty = "0.00005", time = 1790000000,
  })
  is_report(map["btcidr-limit-310130"], {
    client_order_id = "mw-7f3a-000001", order_id = "btcidr-limit-310130", symbol = "BTC/IDR",
    side = "buy", type = "limit", status = "working", price = "1550000000", qty = "0.00001503",
    time = 1790000000, may_have_fills = false,
  })
  is_report(map["btcidr-stoplimit-310132"], {
    client_order_id = "btcidr-stoplimit-310132", order_id = "btcidr-stoplimit-310132",
    symbol = "BTC/IDR", side = "buy", type = "stop_limit", status = "working",
    price = "1500000000", qty = "0.00001002", time = 1790000001, may_have_fills = false,
  })
  is_report(map["btcusdt-limit-9"], {
    client_order_id = "web-1", order_id = "btcusdt-limit-9", symbol = "BTC/USDT", side = "buy",
    type = "limit", status = "working", price = "61000.5", qty = "0.1", time = 1790000002,
    may_have_fills = true,
  })
end)

t.test("the quantity of a buy that we know is ours, no estimate with a fee reserve", function()
  local s = with_markets { openOrders = vector "open_orders" }
  s.known_orders["mw-7f3a-000001"] = LIMIT_BUY
  local report = by_order_id(assert(indodax.fetch_open_orders(s)))["btcidr-limit-310130"]
  t.equal(report.qty, nil)
end)

t.test("no open orders comes as null, [] or {}, and all are none", function()
  for _, nothing in ipairs { "null", "[]", "{}", '{"btc_idr":[]}', '{"btc_idr":null}' } do
    local s = with_markets { openOrders = '{"success":1,"return":{"orders":' .. nothing .. "}}" }
    local reports, err = indodax.fetch_open_orders(s)
    t.ok(reports, err)
    t.equal(#reports, 0, nothing)
  end
  local s = with_markets { openOrders = '{"success":1,"return":[]}' }
  t.equal(#assert(indodax.fetch_open_orders(s)), 0)
end)

t.test("a list that cannot be had is an error, not an empty list", function()
  for _, answer in ipairs { false, { 502, "<html>" }, { 200, "" },
                            '{"success":0,"error":"Invalid credentials. Bad sign."}' } do
    local s = with_markets { openOrders = answer }
    local reports, err = indodax.fetch_open_orders(s)
    t.equal(reports, nil)
    t.ok(type(err) == "string")
  end
end)

t.test("a filled order has all of its quantity, though the answer counts rupiah", function()
  local s = with_markets { getOrderByClientOrderId = vector "get_order_filled" }
  local order = copy(LIMIT_BUY)
  s.known_orders["mw-7f3a-000001"] = order
  is_report(assert(indodax.fetch_order(s, order)), {
    client_order_id = "mw-7f3a-000001", order_id = "btcidr-limit-310130", symbol = "BTC/IDR",
    side = "buy", type = "limit", status = "filled", price = "1550000000",
    cum_qty = "0.000015", time = 1790000000, may_have_fills = true,
  })
end)

t.test("open is working, cancelled is canceled, anything else is an error", function()
  local function fetch(status)
    local body = vector "get_order_filled":gsub('"filled"', '"' .. status .. '"')
      :gsub('"remain_rp":"0"', '"remain_rp":"23300"')
    local s = with_markets { getOrderByClientOrderId = body }
    return indodax.fetch_order(s, LIMIT_BUY)
  end
  t.equal(fetch("open").status, "working")
  local canceled = fetch "cancelled"
  t.equal(canceled.status, "canceled")
  t.equal(canceled.may_have_fills, true, "a buy's executed quantity is for the fills to say")
  local report, err = fetch "expired"
  t.equal(report, nil)
  t.equal(err, "unknown order status expired")
end)

t.test("an order that is not found is told apart from a question without answer", function()
  for _, text in ipairs { "Order not found", "invalid order." } do
    local s = with_markets { getOrderByClientOrderId = json.encode { success = 0, error = text } }
    local report, err = indodax.fetch_order(s, LIMIT_BUY)
    t.equal(report, nil)
    t.equal(err, "not_found")
  end
  local s = with_markets { getOrderByClientOrderId = { 502, "not found" } }
  local report, err = indodax.fetch_order(s, LIMIT_BUY)
  t.equal(report, nil)
  t.ok(err ~= "not_found", err)
  s = with_markets { getOrderByClientOrderId = { 500, '{"success":0,"error":"Order not found"}' } }
  t.equal(select(3, indodax.fetch_order(s, LIMIT_BUY)), "unknown")
end)

t.test("a timestamp that is refused has the clock looked at", function()
  local s = with_markets { getInfo = '{"success":0,"error":"Invalid timestamp"}' }
  t.equal(indodax.fetch_balances(s), nil)
  t.equal(s.clock_checks, 1)
end)

t.test("balances: free and held, numbers and texts, by asset in capitals", function()
  local balances = assert(indodax.fetch_balances(with_markets { getInfo = vector "get_info" }))
  t.equal(tostring(balances.IDR.free), "90000000")
  t.equal(tostring(balances.IDR.held), "23300")
  t.equal(tostring(balances.BTC.free), "1.5")
  t.equal(tostring(balances.BTC.held), "0.0002")
  balances = assert(indodax.fetch_balances(with_markets {
    getInfo = '{"success":1,"return":{"balance":{"eth":"1"},"balance_hold":[]}}' }))
  t.equal(tostring(balances.ETH.held), "0")
end)

-- Fills -------------------------------------------------------------------------------------------

local function history_session(config)
  local s = with_markets { ["/api/v2/myTrades"] = vector "my_trades" }
  for name, value in pairs(config or {}) do s.config[name] = value end
  return s
end

local SOLD = { symbol = "BTC/IDR", side = "sell", order_id = "btcidr-limit-310131",
               client_order_id = "mw-7f3a-000002" }

t.test("fills come from myTrades, oldest first, ids and money exact", function()
  local fills = assert(indodax.fetch_fills(history_session(), SOLD))
  t.equal(#fills, 2)
  is_report(fills[1], {
    trade_id = "72057594061234567", order_id = "btcidr-limit-310131", last_qty = "0.00005",
    last_price = "1570000000", liquidity = "taker", fees = "249 IDR", time = 1790000004.31,
  })
  is_report(fills[2], {
    trade_id = "72057594061234571", order_id = "btcidr-limit-310131", last_qty = "0.00015",
    last_price = "1560000000", liquidity = "maker", fees = "750 IDR", time = 1790000004.322,
  })
end)

t.test("a fill's price is what was paid for it; whole-rupiah cutting does not change it", function()
  local function price_of(row)
    local s = with_markets { ["/api/v2/myTrades"] = '{"data":[{"tradeId":"1","orderId":"o",'
      .. '"commission":"0","commissionAsset":"idr","isMaker":true,"time":1,' .. row .. "}]}" }
    return tostring(assert(indodax.fetch_fills(s, SOLD))[1].last_price)
  end
  t.equal(price_of '"price":"1560000000","qty":"0.00000033","quoteQty":"514"', "1560000000")
  t.equal(price_of '"price":"1560000000","qty":"0.0001","quoteQty":"155000"', "1550000000")
  t.equal(price_of '"price":"0","qty":"0.0001","quoteQty":"155000"', "1550000000")
  t.equal(price_of '"price":"61000.5","qty":"0.1"', "61000.5")
end)

t.test("the history's request: by order id, else by client id, signed in the query", function()
  local s = history_session()
  indodax.fetch_fills(s, SOLD)
  indodax.fetch_fills(s, { symbol = "BTC/IDR", client_order_id = "mw-7f3a-000002" })
  for i, name in ipairs { "fills by order id", "fills by client id" } do
    local expected, request = expected_request(name), s.requests[i]
    t.equal(request.method .. " " .. request.url,
            "GET https://indodax.test/api/v2/myTrades?" .. expected.message)
    t.equal(request.body, nil)
    t.equal(header(request, "X-APIKEY"), KEY)
    t.equal(header(request, "Sign"), expected.sha512)
    t.equal(header(request, "Accept"), "application/json")
    t.equal(request.limit, "history")
  end
end)

t.test("the history's host, digest, key and secret can be others than TAPI's", function()
  local other_key = assert(host.secret_text "other-key")
  local s = history_session { history_url = "https://api.test", history_sign = "sha256",
                              history_key = other_key }
  indodax.fetch_fills(s, SOLD)
  t.ok(s.requests[1].url:find("^https://api%.test/api/v2/myTrades%?"), s.requests[1].url)
  t.equal(header(s.requests[1], "X-APIKEY"), other_key)
  t.equal(header(s.requests[1], "Sign"), expected_request("fills by order id").sha256)
  local secret = assert(host.secret_text "another secret")
  s = history_session { history_secret = secret }
  indodax.fetch_fills(s, SOLD)
  t.equal(header(s.requests[1], "Sign"),
          secret:hmac("sha512", expected_request("fills by order id").message, "hex"))
end)

t.test("both generations of the history's errors are errors", function()
  local function failure(answer)
    local fills, err = indodax.fetch_fills(with_markets { ["/api/v2/myTrades"] = answer }, SOLD)
    t.equal(fills, nil)
    return err
  end
  t.equal(failure { 400, '{"code":1110,"error":"Invalid symbol."}' }, "Invalid symbol. (1110)")
  t.equal(failure { 403, '{"code":-2015,"msg":"Invalid TAPI version key"}' },
          "Invalid TAPI version key (-2015)")
  t.equal(failure { 502, "<html>" }, "HTTP 502 with a body that is no JSON")
  t.equal(failure(false), "connection reset")
end)

t.test("what an old order lacks is asked for by time, a week at once", function()
  local DAY_MS, NOW_MS = 86400000, 1790000000123
  local row = '{"tradeId":"%d","orderId":"%s","price":"1560000000","qty":"0.0001",'
    .. '"quoteQty":"156000","commission":"0","commissionAsset":"idr","isMaker":true,"time":%.0f}'
  local s, asked = with_markets(), {}
  s.answers = setmetatable({}, { __index = function()
    local url = s.requests[#s.requests].url
    local from, till = url:match "startTime=(%d+)&endTime=(%d+)"
    asked[#asked + 1] = from and ("%d to %d"):format((NOW_MS - from) / DAY_MS,
                                                     (NOW_MS - till) / DAY_MS) or "by id"
    local time, id = NOW_MS - 8 * DAY_MS, SOLD.order_id
    if not from or time < tonumber(from) or time > tonumber(till) then return '{"data":[]}' end
    return '{"data":[' .. row:format(7, id, time) .. "," .. row:format(8, id .. "1", time) .. "]}"
  end })
  s.clock_offset_ms = 0
  local order = { symbol = "BTC/IDR", order_id = SOLD.order_id, created_at = NOW_MS / 1000 - 864000,
                  is_missing_fills = function() return true end }
  local fills = assert(indodax.fetch_fills(s, order))
  t.equal(#fills, 1)
  t.equal(fills[1].trade_id, "7")
  t.equal(table.concat(asked, ", "), "by id, 10 to 4, 4 to 0")
  for _, change in ipairs { { created_at = NOW_MS / 1000 - 80000 },
                            { is_missing_fills = function() return false end } } do
    asked = {}
    indodax.fetch_fills(s, setmetatable(change, { __index = order }))
    t.equal(table.concat(asked, ", "), "by id")
  end
end)

t.test("no fills is an empty list", function()
  local s = with_markets { ["/api/v2/myTrades"] = '{"data":[]}' }
  t.equal(#assert(indodax.fetch_fills(s, SOLD)), 0)
end)

t.done()
