-- Markets, the clock and market data of Indodax by themselves.

local t = require "tests.tap"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"
local fixture = require "tests.moonwire.indodax_fixture"

local vector, new_session, with_markets = fixture.vector, fixture.new_session, fixture.with_markets
local new_link, read = fixture.new_link, fixture.read

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
  indodax.market.subscribe(link, { feed = "book", symbol = "BTC/IDR" }, s.markets["BTC/IDR"])
  t.equal(link.sent[1], '{"id":1,"method":1,"params":{"channel":"market:order-book-btcidr"}}')
  t.equal(#s.books, 1)
  t.equal(tostring(s.books[1]:best_bid()) .. " " .. tostring(s.books[1].bids[1].qty),
          "1549999000 1.08567915")
  t.equal(tostring(s.books[1]:best_ask()), "1550000000")
  indodax.market.subscribe(link, { feed = "trades", symbol = "BTC/IDR" }, s.markets["BTC/IDR"])
  t.equal(link.sent[2], '{"id":2,"method":1,"params":{"channel":"market:trade-activity-btcidr"}}')
  t.equal(#s.requests, 1, "trades have no seed")
end)

t.test("a push that was faster than the seed stands", function()
  local s, link = market_link { ["/api/depth/btcidr"] = vector "depth" }
  read(link, vector "market_book")
  indodax.market.subscribe(link, { feed = "book", symbol = "BTC/IDR" }, s.markets["BTC/IDR"])
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
