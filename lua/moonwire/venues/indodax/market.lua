--- Indodax: books and trades over the market-data WebSocket (Centrifugo 2).
--- Source: the venue's Marketdata-websocket document; Centrifugo 2.8 for what it leaves out.

local book = require "moonwire.book"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local rest = require "moonwire.venues.indodax.rest"
local values = require "moonwire.values"

-- The same for everybody, printed in the venue's document: no secret.
local MARKET_TOKENS = {
  production = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE5NDY2MTg0MTV9"
    .. ".UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo",
  demo = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
    .. "aWF0IjoxNTE2MjM5MDIyfQ.OqWmyrtOvp_DvIdBnOgU9gyXhURkEOtu8brZtvwjYAw",
}

local M = {
  paths = { "id", "error.code", "error.message", "result.channel", "result.data.data" },
  silence = 35,
}

local SUBSCRIBE = 1
local channels = { book = "market:order-book-", trades = "market:trade-activity-" }
local market_at = decode.slots(M.paths)
local MARKET_ID, MARKET_CODE = market_at["id"], market_at["error.code"]
local MARKET_MESSAGE, CHANNEL = market_at["error.message"], market_at["result.channel"]
local DATA = market_at["result.data.data"]

function M.logon(link)
  local s = link.session
  local ok, err, class = link:open(s.config.market_url)
  if not ok then return nil, err, class end
  local id = link:request_id()
  local token = s.config.market_token or MARKET_TOKENS[s.config.environment]
    or MARKET_TOKENS.production
  link:send(json.encode { id = id, params = { token = token } })
  local reply
  reply, err = link:await(id)
  if not reply then return nil, err, "retry" end
  if reply.code then
    return nil, ("connect: error %d %s"):format(reply.code, reply.message), "retry"
  end
  return true
end

local function levels(rows, qty_of)
  local list = {}
  for i, level in ipairs(rows or {}) do
    local price, qty = qty_of(level)
    list[i] = { price = values.above_0(price), qty = values.above_0(qty) }
  end
  return list
end

local function seed_book(s, market)
  local answer, err = rest.public(s, "/api/depth/" .. market.id)
  if not answer then return s.log.warn("first book of %s: %s", market.symbol, err) end
  if s.desk:book(s.name, market.symbol) then return end      -- a push was faster
  local function pair_of(level) return level[1], level[2] end
  s.desk:on_book(book.new(s.name, market.symbol, levels(answer.buy, pair_of),
                          levels(answer.sell, pair_of), dispatch.now()))
end

--- Asks for a feed; a book is seeded from REST, because no push comes on subscribing.
function M.subscribe(link, subscription, market)
  link:send(json.encode { id = link:request_id(), method = SUBSCRIBE,
                          params = { channel = channels[subscription.feed] .. market.id } })
  if subscription.feed == "book" then link.session:in_task("first book", seed_book, market) end
end

local function read_book(s, market, data)
  if type(data) ~= "table" or not (data.bid and data.ask) then error("no book", 0) end
  local field = market.base_name .. "_volume"
  local function qty_of(level) return level.price, level[field] end
  s.desk:on_book(book.new(s.name, market.symbol, levels(data.bid, qty_of), levels(data.ask, qty_of),
                          dispatch.now()))
end

-- [pair, seconds, sequence, taker side, price, quote amount, base quantity]
local function read_trades(s, market, rows)
  for _, trade in ipairs(rows) do
    if trade[4] ~= "buy" and trade[4] ~= "sell" then error("a trade without a side", 0) end
    s.desk:on_trade { venue = s.name, symbol = market.symbol, time = trade[2], side = trade[4],
                      trade_id = values.text_of(trade[3]), price = values.above_0(trade[5]),
                      qty = values.above_0(trade[7]) }
  end
end

function M.read(link, decoder)
  local head, s = decoder.head, link.session
  local id = decode.integer(head[MARKET_ID])
  if id then
    local code, message = decode.integer(head[MARKET_CODE]), decode.text(head[MARKET_MESSAGE])
    if not link:reply(id, { code = code, message = message }) and code then
      s.log.error("market data: error %d %s", code, message)
    end
    return
  end
  local channel = decode.text(head[CHANNEL])
  local kind, name = (channel or ""):match("^market:(.-%-.-)%-(%w+)$")
  local market = name and s.by_venue_symbol[name]
  if not market then return end
  local data, err = json.decode(decode.text(head[DATA]))
  if not data then return link:on_bad_message(err) end
  local ok
  ok, err = pcall(kind == "order-book" and read_book or read_trades, s, market, data)
  if not ok then link:on_bad_message(channel .. ": " .. tostring(err)) end
end

--- Centrifugo 2: the reason is JSON and says itself whether to come back.
function M.close_class(_, reason)
  local told = json.decode(reason or "")
  if type(told) == "table" and told.reconnect == false then return "permanent" end
  return "retry"
end

return M
