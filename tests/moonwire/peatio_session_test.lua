-- Sessions of Peatio's daemon: the log-on, pings, recovery, questions.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local host = require "moonwire.host"
local json = require "moonwire.json"

local function reject(status, code, message)
  return { status, json.encode { error = { code = code, message = message } } }
end

-- Signing in --------------------------------------------------------------------------------------

local function claims_of(pieces)
  local part = pieces:match "%.([^.]+)%."
  return json.decode(require("moonwire.sim.wire").from_base64url(part))
end

t.test("a session reads markets and fees, shows a token, reconciles, and then is up", function()
  local s = p.new():start()
  local asked = {}
  for i, request in ipairs(s.requests) do
    asked[i] = request.url:gsub("^https://rest.test/api/v2", "")
  end
  t.equal(table.concat(asked, " "), ("/timestamp "):rep(4) .. "/markets /fees/trading /timestamp "
    .. "/orders?market=btcusd&state=wait&limit=1000&page=1&order_by=asc "
    .. "/orders?market=ethusd&state=wait&limit=1000&page=1&order_by=asc")
  t.equal(s.session.state, "up")
  local login = s:private().sent[1]
  t.equal(login[1], '{"jwt":"Bearer ')
  t.equal(login[3], '"}')
  local claims = claims_of(login[2])
  t.equal(claims.exp - claims.iat, 600)
  t.equal(claims.sub, "session")
  t.equal(claims.iss, "barong")
  t.equal(claims.aud[1], "peatio")
  t.equal(claims.email, "maker@example.test")
  t.equal(claims.uid, "IDTEST0001")
  t.equal(claims.level, 3)
  t.equal(claims.state, "active")
  t.ok(claims.jti:find "^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$", claims.jti)
  t.equal(math.abs(claims.iat - 1790000000) <= 1, true, "iat")
end)

t.test("the REST token is the same one until half of its life is over", function()
  local s = p.up()
  local function token()
    s.session:in_task("ask", function(session) session.protocol.fetch_open_orders(session) end)
    s:settle()
    return s.requests[#s.requests].headers[1][2][2]
  end
  s.session.memory.token = nil
  local first = token()
  s:advance(290)
  t.equal(token(), first)
  s:advance(20)
  t.ok(token() ~= first, "a new token")
  t.equal(s.session.state, "up")
end)

t.test("a token that is refused is made anew once; then the session stops", function()
  local s = p.new()
  s.login = '{"error":{"message":"Authentication failed."}}'
  s:start()
  t.equal(#s:private().sent, 2)
  t.ok(s:private().sent[1][2] ~= s:private().sent[2][2], "another token")
  t.equal(#s:logged "credentials refused: Authentication failed.", 2)      -- and why it ends
  t.equal(s.stopped, 1)
end)

t.test("credentials that are refused later are tried again each minute", function()
  local s = p.up()
  s.login = '{"error":{"message":"Authentication failed."}}'
  s:close(s:private(), 1006, "")
  s:advance(5)
  t.equal(s.session.state, "down")
  local first = s:private()
  t.equal(#first.sent, 2)
  s:advance(50)
  t.equal(s:private(), first)
  s.login = nil
  s:advance(30)
  t.equal(s.session.state, "up")
  t.equal(s.stopped, nil)
end)

t.test("both documented failures that never come are failures all the same", function()
  for _, text in ipairs { "Token type is not provided or invalid.",
                          "Error while handling message." } do
    local s = p.new()
    s.login = json.encode { error = { message = text } }
    s:start()
    t.ok(#s:logged(text) > 0, text)
    t.equal(s.stopped, 1)
  end
end)

t.test("no answer to the token within 10 s connects anew", function()
  local s = p.new()
  s.login = "{}"
  s:start()
  local first = s:private()
  s:advance(13)
  t.ok(#s:logged "sign-in: no reply within 10 s" > 0)
  t.ok(s:private() ~= first, "another connection")
end)

t.test("an event before the success is kept until the session has healed", function()
  local s = p.new()
  s.lists.wait = { p.row { id = 7 } }
  s.reply = function(text)
    if type(text) ~= "table" then return end
    s:frame(p.trade({ volume = "0.5" }, nil, { id = 7, executed_volume = "0.5" }))
    return '{"success":{"message":"Authenticated."}}'
  end
  s:start()
  t.equal(s.session.state, "up")
  local order = s.desk.orders:find("idx", nil, "7")
  t.equal(order.external, true)
  t.equal(tostring(order.cum_qty), "0.5")
end)

t.test("a ready token is shown as it is, and a 401 ends a session that never was up", function()
  local s = p.new { config = { jwt = assert(host.secret_text "a.b.c") } }
  s.answers["/api/v2/orders"] = reject(401, 2001, "Authorization failed")
  s:start()
  t.equal(tostring(s:private().sent[1][2]), "secret from text")
  t.equal(s.stopped, 1)
  t.ok(#s:logged "the token was not taken" > 0)
end)

t.test("a level that is too low is said so", function()
  local s = p.new()
  s.answers["/api/v2/orders"] = reject(401, 2000,
    "Please, pass the corresponding verification steps to enable trading.")
  s:start()
  t.equal(s.stopped, 1)
  t.ok(#s:logged "verification level" > 0)
end)

-- Pings (4.5) -------------------------------------------------------------------------------------

t.test("we ping each 5 s, and four times a second while an order is open", function()
  local s = p.up()
  local socket = s:private()
  local before = #socket.pings
  s:advance(10)
  t.equal(#socket.pings - before, 2)
  before = #socket.pings
  p.open(s)
  t.equal(#socket.pings - before, 1)              -- at once
  before = #socket.pings
  s:advance(0.04)
  t.equal(#socket.pings - before, 1)              -- and 30 ms later
  before = #socket.pings
  s:advance(2)
  t.equal(#socket.pings - before, 8)
end)

t.test("pings end with their connection", function()
  local s = p.up()
  local socket = s:private()
  s:close(socket, 1006, "")
  local before = #socket.pings
  s:advance(20)
  t.equal(#socket.pings, before)
end)

-- Recovery ----------------------------------------------------------------------------------------

t.test("what was missed while the line was down is booked before the session is up", function()
  local s = p.up()
  local order = p.open(s)
  s:close(s:private(), 1006, "")
  s.orders_by_id["41"] = p.row { state = "done", executed_volume = "2.0", trades = {
    { id = 12, price = "6999.0", volume = "1.5", created_at = p.created_at },
    { id = 11, price = "7000.0", volume = "0.5", created_at = p.created_at } } }
  s:advance(5)
  t.equal(s.session.state, "up")
  t.equal(order.status, "filled")
  t.equal(s:said(), "down, 0.5@7000 ? -0.0005BTC, new>filled, 1.5@6999 ? -0.0015BTC, "
          .. "partially_filled>filled, up")
end)

t.test("only markets with open orders are compared from time to time", function()
  local s = p.up()
  p.open(s)
  s.lists.wait = { p.row() }
  local before = #s:asked "/api/v2/orders"
  s:advance(30.5)
  local asked = s:asked "/api/v2/orders"
  t.equal(#asked - before, 1)
  t.ok(asked[#asked].url:find "market=btcusd")
end)

t.test("fills that no event told are found by asking alone", function()
  local s = p.up()
  local order = p.open(s)
  s.lists.wait = { p.row { executed_volume = "0.5" } }
  s.orders_by_id["41"] = p.row { executed_volume = "0.5", trades = {
    { id = 11, price = "7000.0", volume = "0.5", created_at = p.created_at } } }
  s:advance(31)
  t.equal(order.status, "partially_filled")
  t.equal(tostring(order.cum_qty), "0.5")
end)

-- Questions ---------------------------------------------------------------------------------------

local function ask_balances(s)
  local balances
  s.session:in_task("ask", function(session)
    balances = session.protocol.fetch_balances(session)
  end)
  s:settle()
  return balances
end

t.test("balances are read by currency", function()
  local s = p.up { answers = { ["/api/v2/members/me"] = '{"sn":"SN0123456789","email":"a@b.c",'
    .. '"accounts":[{"currency":"btc","balance":"1.5","locked":"0.25"}]}' } }
  local balances = ask_balances(s)
  t.equal(tostring(balances.BTC.free), "1.5")
  t.equal(tostring(balances.BTC.held), "0.25")
end)

t.test("a token that REST refuses is replaced once", function()
  local s = p.up()
  local tokens = {}
  s.answers["/api/v2/members/me"] = function(request)
    tokens[#tokens + 1] = request.headers[1][2][2]
    if #tokens == 1 then return reject(401, 2001, "Authorization failed") end
    return '{"accounts":[]}'
  end
  local balances = ask_balances(s)
  t.equal(type(balances), "table")
  t.equal(#tokens, 2)
  t.ok(tokens[1] ~= tokens[2], "another token")
end)

t.test("a token that REST refuses has the clock measured, by which the next one is made", function()
  local s = p.up()
  local order = p.open(s)
  s.answers["/api/v2/order/delete"] = { 401, '{"error":{"code":2001,"message":"Authorization"}}' }
  s:shift_clock(-3600)
  s:advance(0.1)
  s:drop(order)
  t.ok(math.abs(s.session.clock_offset_ms - 3600000) < 1000, s.session.clock_offset_ms)
end)

t.test("a book is asked for, and soon after the socket shows a change", function()
  local s = p.up()
  local function level(price, left) return p.row { price = price, remaining_volume = left } end
  local asks = { level("7100.0", "2.0"), level("7100.0", "1.0"), level("7200.0", "1.0") }
  s.answers["/api/v2/order_book"] = function()
    return json.encode { asks = json.array(asks), bids = json.array { level("7000.0", "1.0") } }
  end
  s:follow "book"
  s:advance(0)
  t.equal(s:said(), "book BTC/USD 7000 / 7100")
  asks[1] = level("7050.0", "1.0")
  s:frame(p.orderbook("add", 500, "1.0", { type = "ask", price = "7050.0" }))
  s:advance(0.3)
  t.equal(s:said(), "book BTC/USD 7000 / 7050")
  s:advance(2.1)
  t.equal(s:said(), "book BTC/USD 7000 / 7050")
end)

t.test("a book is asked for soon, though the clock was set back", function()
  local s = p.up()
  s.answers["/api/v2/order_book"] = '{"asks":[],"bids":[]}'
  s:follow "book"
  s:advance(0)
  s:shift_clock(-3600)
  s:advance(0.1)
  s:frame(p.orderbook("add", 500, "1.0", { type = "ask", price = "7050.0" }))
  local asked = #s:asked "/api/v2/order_book"
  s:advance(2)
  t.ok(#s:asked "/api/v2/order_book" > asked)
end)

t.test("market data that fails degrades the session until it answers again", function()
  local s = p.up { answers = { ["/api/v2/order_book"] = { 502, "bad gateway" } } }
  s:follow "book"
  s:advance(5)
  t.equal(s.session.state, "degraded")
  s.answers["/api/v2/order_book"] = '{"asks":[],"bids":[]}'
  s:advance(3)
  t.equal(s.session.state, "up")
end)

t.test("public trades are told from now on, each once", function()
  local s = p.up()
  s.answers["/api/v2/trades"] = '[{"id":7,"price":"1.0","volume":"1.0","market":"btcusd"}]'
  s:follow "trades"
  s:advance(0)
  t.equal(s:said(), "")
  s.answers["/api/v2/trades"] = function(request)
    t.equal(stage.parameter(request, "from"), "7")
    return '[{"id":8,"price":"7000.0","volume":"0.5","maker_type":"sell","side":null}]'
  end
  s:advance(2)
  t.equal(s:said(), "trade buy 0.5@7000")
end)

stage.done()
