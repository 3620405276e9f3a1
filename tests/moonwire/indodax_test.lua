-- The Indodax module by itself: frames and answers as the venue prints them, from
-- tests/vectors/indodax, read with a session and a link that only write down what they are told.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local execution = require "moonwire.execution"
local host = require "moonwire.host"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"

local VECTORS = "tests/vectors/indodax/"
local NOW_MS = 1790000000123
local KEY = assert(host.secret_text "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4")
local SECRET = assert(host.secret_text("5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddee"
                                       .. "ff00112233445566778899aabbccddee"))

-- On the wire a message is one line.
local function vector(name)
  local file = assert(io.open(VECTORS .. name .. ".json"))
  local text = file:read("*a")
  file:close()
  return (text:gsub("%s*\n%s*", ""))
end

local function rows(name) return assert(json.decode(vector(name))) end

-- A session that writes down ----------------------------------------------------------------------

-- The module uses its report and the decimals in it again.
local function copy(from)
  local to = {}
  for name, value in pairs(from) do
    to[name] = decimal.is(value) and decimal.copy(value) or value
  end
  local x = from.execution
  if not x then return to end
  to.execution = nil
  to.last_qty, to.last_price = decimal.copy(x.qty), decimal.copy(x.price)
  to.liquidity, to.fees = execution.liquidity(x), execution.fees(x)
  to.trade_id = type(to.trade_id) == "number" and ("%.0f"):format(to.trade_id) or to.trade_id
  t.equal(x.time, from.time)
  return to
end

local function written_log(lines)
  local log = {}
  for _, level in ipairs { "error", "warn", "info", "debug" } do
    log[level] = function(text, ...) lines[#lines + 1] = level .. ": " .. text:format(...) end
  end
  return log
end

-- `answers`: { path or TAPI method = body text, or { status, body }, or false for none }
local function new_session(answers)
  local s = {
    name = "idx", reports = {}, requests = {}, lines = {}, blocks = {}, books = {}, trades = {},
    known_orders = {}, clock_checks = 0, answers = answers or {}, private_losses = {},
    config = { rest_url = "https://indodax.test", key = KEY, secret = SECRET,
               environment = "production", private_url = "wss://private.test/ws/",
               market_url = "wss://market.test/ws/" },
  }
  s.log = written_log(s.lines)
  s.limiter = { block = function(_, kind, key, seconds)
    s.blocks[#s.blocks + 1] = ("%s %s %g"):format(kind, tostring(key), seconds)
  end }
  s.orders = { find = function(_, _, client_order_id, order_id)
    return s.known_orders[client_order_id or ""] or s.known_orders[order_id or ""]
  end }
  s.private = { lost = function(_, why, class)
    s.private_losses[#s.private_losses + 1] = why .. " (" .. class .. ")"
  end }
  s.desk = { book = function() return s.books[1] end,
             on_book = function(_, book) s.books[#s.books + 1] = book end,
             on_trade = function(_, trade) s.trades[#s.trades + 1] = trade end }
  function s:venue_ms() return NOW_MS end
  function s:on_report(report) self.reports[#self.reports + 1] = copy(report) end
  function s:refresh_clock() self.clock_checks = self.clock_checks + 1 end
  function s:pause(seconds) self.paused = seconds end
  function s:in_task(_, body, argument) return body(self, argument) end
  function s:before_logon() return true end
  function s:hold() self.is_held = true end
  function s:renew_before(at) self.renew_at = at end
  function s:schedule_renewal() self.is_renewal_planned = true end
  function s:call(request)
    self.requests[#self.requests + 1] = request
    local body = type(request.body) == "string" and request.body or ""
    local name = body:match("method=(%w+)") or request.url:match("^https://[^/]+([^?]*)")
    local answer = self.answers[name]
    if answer == false then return nil, "connection reset", true end
    if answer == nil then error("no answer for " .. name) end
    if type(answer) == "table" then return answer[1], answer[2], "" end
    return 200, answer, ""
  end
  return s
end

local function with_markets(answers)
  local s = new_session { ["/api/pairs"] = vector "pairs",
                          ["/api/price_increments"] = vector "price_increments" }
  s.markets = assert(indodax.fetch_markets(s))
  s.by_venue_symbol = {}
  for _, market in ipairs(s.markets) do
    for _, name in ipairs(market.names) do s.by_venue_symbol[name] = market end
  end
  s.answers, s.requests = answers or {}, {}
  return s
end

local function new_link(s, spec)
  local link = { session = s, spec = spec, sent = {}, replies = {}, bad = {}, losses = {},
                 next_id = 0, decoder = decode.new(spec.paths) }
  function link:send(text) self.sent[#self.sent + 1] = text return true end
  function link:reply(id, reply)
    if self.unexpected then return false end
    self.replies[id] = reply
    return true
  end
  function link:request_id() self.next_id = self.next_id + 1 return self.next_id end
  function link:on_bad_message(err) self.bad[#self.bad + 1] = err end
  function link:lost(why, class) self.losses[#self.losses + 1] = why .. " (" .. class .. ")" end
  function link:open(url) self.opened = url return true end
  function link:await(id) return table.remove(self.awaited, 1), "timeout", id end
  return link
end

-- As link.lua does it.
local function read(link, text)
  link.decoder:start(text)
  while true do
    local more, err = link.decoder:next()
    if more then link.spec.read(link, link.decoder)
    elseif more == false then return
    else link:on_bad_message(err) end
  end
end

local function reports_of(text)
  local s = with_markets()
  local link = new_link(s, indodax.private)
  read(link, text)
  return s.reports, link
end

local FIELDS = { "client_order_id", "order_id", "symbol", "side", "qty", "cum_qty", "price", "time",
                 "status", "reason", "trade_id", "last_qty", "last_price", "liquidity",
                 "is_provisional", "needs_asking", "type", "may_have_fills" }
local DECIMALS = { qty = true, cum_qty = true, price = true, last_qty = true, last_price = true }

local function fees_text(fees)
  if not fees then return nil end
  local words = {}
  for i, fee in ipairs(fees) do
    t.ok(decimal.is(fee.amount), "a fee is a decimal")
    words[i] = tostring(fee.amount) .. " " .. fee.asset
  end
  return table.concat(words, ", ")
end

-- Every field of a report: what `expected` does not name must not be there.
local function is_report(report, expected)
  t.ok(report, "there is no such report")
  for _, name in ipairs(FIELDS) do
    local value = report[name]
    if DECIMALS[name] and value ~= nil then
      t.ok(decimal.is(value), name .. " is a decimal")
      value = tostring(value)
    end
    t.equal(value, expected[name], name)
  end
  t.equal(fees_text(report.fees), expected.fees, "fees")
end

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
    t.equal(request.limit, "query")
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
  t.equal(failure { 502, "<html>" }, "HTTP 502, no JSON")
  t.equal(failure(false), "connection reset")
end)

t.test("no fills is an empty list", function()
  local s = with_markets { ["/api/v2/myTrades"] = '{"data":[]}' }
  t.equal(#assert(indodax.fetch_fills(s, SOLD)), 0)
end)

-- Markets and the clock ---------------------------------------------------------------------------

t.test("markets: base_currency is the quote, steps are the price increments", function()
  local s = with_markets()
  local market = s.markets["BTC/IDR"]
  t.equal(market.base .. market.quote .. market.base_name .. market.quote_name, "BTCIDRbtcidr")
  t.equal(market.id .. " " .. market.pair, "btcidr btc_idr")
  t.equal(tostring(market.price_step), "1000")
  t.equal(tostring(market.qty_step), "0.00000001")
  t.equal(tostring(market.min_notional), "10000")
  t.equal(tostring(market.min_qty), "0.00000645")
  t.equal(tostring(s.markets["AAVE/IDR"].qty_step), "0.00000001", "a number with an exponent")
  t.equal(tostring(s.markets["AAVE/IDR"].min_notional), "10000", "a text")
  t.equal(tostring(s.markets["IDRX/IDR"].qty_step), "0.01", "a text")
  t.equal(tostring(s.markets["BTC/USDT"].qty_step), "0.00000001", "none given: 8 decimals")
  t.equal(tostring(s.markets["BTC/USDT"].price_step), "0.01", "not pricescale")
end)

t.test("a market is found by each of its names", function()
  local s = with_markets()
  for _, name in ipairs { "idxidr", "IDRXIDR", "idrx_idr" } do
    t.equal(s.by_venue_symbol[name].symbol, "IDRX/IDR", name)
  end
end)

t.test("suspended markets and those without an increment are left out", function()
  local s = with_markets()
  t.equal(#s.markets, 4)
  t.equal(s.markets["STOP/IDR"], nil)
  t.equal(s.markets["NOSTEP/IDR"], nil)
end)

t.test("markets that cannot be had are an error, with HTTP 200 too", function()
  for _, bad in ipairs { '{"error":"invalid_pair","error_description":"Invalid Pair"}', "<html>",
                         false } do
    local s = new_session { ["/api/pairs"] = bad, ["/api/price_increments"] = bad }
    local markets, err = indodax.fetch_markets(s)
    t.equal(markets, nil)
    t.ok(type(err) == "string" and err ~= "")
    s.answers["/api/pairs"] = vector "pairs"
    t.equal(indodax.fetch_markets(s), nil, "increments")
  end
end)

t.test("the venue's time is in ms, past the cache by a query that never repeats", function()
  local s = new_session { ["/api/server_time"] =
    '{"timezone":"UTC","server_time":1790000000000}' }
  t.equal(indodax.fetch_time(s), 1790000000000)
  indodax.fetch_time(s)
  t.ok(s.requests[1].url:find("?n=", 1, true))
  t.ok(s.requests[1].url ~= s.requests[2].url, "two urls are two questions")
  s.answers["/api/server_time"] = "{}"
  local time, err = indodax.fetch_time(s)
  t.equal(time, nil)
  t.ok(err:find "no number", err)
end)

-- Market data -------------------------------------------------------------------------------------

local function market_link(answers)
  local s = with_markets(answers)
  return s, new_link(s, indodax.market)
end

t.test("a book is the whole book, whatever the order of a level's fields", function()
  local s, link = market_link()
  read(link, vector "market_book")
  t.equal(#s.books, 1)
  local book = s.books[1]
  t.equal(book.venue .. " " .. book.symbol, "idx BTC/IDR")
  t.equal(#book.bids .. " " .. #book.asks, "1 2")
  t.equal(tostring(book:best_bid()), "1549999000")
  t.equal(tostring(book:best_ask()), "1550000000")
  t.equal(tostring(book.asks[2].price) .. " " .. tostring(book.asks[2].qty), "1551000000 0.5")
  t.equal(tostring(book.bids[1].qty), "1")
end)

t.test("trades: taker side, exact prices, ids beyond 2^53", function()
  local s, link = market_link()
  read(link, vector "market_trades")
  t.equal(#s.trades, 2)
  local first, second = s.trades[1], s.trades[2]
  t.equal(first.symbol .. first.side .. first.venue, "BTC/IDRbuyidx")
  t.equal(first.trade_id, "44768500")
  t.equal(tostring(first.price) .. " " .. tostring(first.qty), "1550000000 0.00009637")
  t.equal(first.time, 1790000000)
  t.equal(second.trade_id, "144332127176055681")
  t.equal(second.side, "sell")
  t.equal(tostring(second.price), "0.00000123")
end)

t.test("several market messages in one frame are all read", function()
  local s, link = market_link()
  read(link, vector "market_book" .. "\n" .. vector "market_trades" .. "\n"
       .. vector "market_book" .. "\n")
  t.equal(#s.books, 2)
  t.equal(#s.trades, 2)
end)

t.test("market messages that cannot be read are said and cost nothing else", function()
  local s, link = market_link()
  local no_volume = vector "market_book":gsub("btc_volume", "eth_volume")
  read(link, no_volume .. "\n" .. vector "market_book":gsub('"data":{"pair.-},"offset"',
                                                            '"data":7,"offset"'))
  read(link, '{"result":{"channel":"market:order-book-nopeidr","data":{"data":{}}}}')
  read(link, '{"result":{"channel":"chart:tick-btcidr","data":{"data":[]}}}')
  t.equal(#s.books, 0)
  t.equal(#link.bad, 2)
  read(link, vector "market_book")
  t.equal(#s.books, 1)
end)

t.test("the market log-on sends the venue's public token, or the one configured", function()
  local s, link = market_link()
  link.awaited = { {} }
  t.equal(indodax.market.logon(link), true)
  t.equal(link.opened, "wss://market.test/ws/")
  local sent = json.decode(link.sent[1])
  t.equal(sent.id, 1)
  t.equal(sent.method, nil, "no method is connect")
  t.equal(sent.params.token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE5NDY2MTg0MTV9"
          .. ".UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo")
  s.config.environment, link.awaited = "demo", { {} }
  indodax.market.logon(link)
  t.ok(json.decode(link.sent[2]).params.token:find("OqWmyrtOvp_DvIdBnOgU9gyXhURkEOtu8brZtvwjYAw",
                                                   1, true))
  s.config.market_token, link.awaited = "mine", { {} }
  indodax.market.logon(link)
  t.equal(json.decode(link.sent[3]).params.token, "mine")
  link.awaited = { { code = 3002, message = "invalid token" } }
  local ok, err, class = indodax.market.logon(link)
  t.equal(ok, nil)
  t.equal(class .. ": " .. err, "retry: connect: error 3002 invalid token")
end)

t.test("a subscription names its channel, and a book is seeded from REST", function()
  local s, link = market_link { ["/api/depth/btcidr"] = vector "depth" }
  indodax.market.subscribe(link, { feed = "book", symbol = "BTC/IDR" })
  t.equal(link.sent[1], '{"id":1,"method":1,"params":{"channel":"market:order-book-btcidr"}}')
  t.equal(#s.books, 1)
  t.equal(tostring(s.books[1]:best_bid()) .. " " .. tostring(s.books[1].bids[1].qty),
          "1549999000 1.08567915")
  t.equal(tostring(s.books[1]:best_ask()), "1550000000")
  indodax.market.subscribe(link, { feed = "trades", symbol = "BTC/IDR" })
  t.equal(link.sent[2], '{"id":2,"method":1,"params":{"channel":"market:trade-activity-btcidr"}}')
  t.equal(#s.requests, 1, "trades have no seed")
end)

t.test("a push that was faster than the seed stands", function()
  local s, link = market_link { ["/api/depth/btcidr"] = vector "depth" }
  read(link, vector "market_book")
  indodax.market.subscribe(link, { feed = "book", symbol = "BTC/IDR" })
  t.equal(#s.requests, 1)
  t.equal(#s.books, 1)
end)

t.test("an error to a market command is told to its asker, else to the log", function()
  local s, link = market_link()
  read(link, '{"id":8,"error":{"code":102,"message":"unknown channel"}}')
  t.equal(link.replies[8].code, 102)
  link.unexpected = true
  read(link, '{"id":9,"error":{"code":102,"message":"unknown channel"}}')
  t.equal(s.lines[1], "error: market data: error 102 unknown channel")
end)

t.done()
