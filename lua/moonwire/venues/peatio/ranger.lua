--- Peatio: the WebSocket of 1.9 to 3.x, `ranger` or `rango`: own orders and trades as they change,
--- and books and trades of everybody on public streams. The events have other members in each
--- version: all of them are read here.
--- Section 11 of the venue's page.

local book = require "moonwire.book"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local fees = require "moonwire.venues.peatio.fees"
local json = require "moonwire.json"
local levels = require "moonwire.levels"
local market_reader = require "moonwire.market_reader"
local rest = require "moonwire.venues.peatio.rest"
local sorted = require "moonwire.sorted"
local token = require "moonwire.venues.peatio.token"
local values = require "moonwire.values"

local SIDES = { "sell", "buy", "ask", "bid" }                -- 12: accept both words everywhere
local ORDER_FIELDS = { "id", "market", "price", "volume", "remaining_volume", "origin_volume",
                       "executed_volume", "at", "created_at" }
local TRADE_FIELDS = { "id", "market", "price", "volume", "amount", "ask_id", "bid_id", "order_id",
                       "at", "created_at" }
local SUBSCRIBE_SECONDS = 10

local paths = {
  "success.message", "success.streams", "error",
  { "order.kind", words = SIDES }, { "order.side", words = SIDES },
  { "order.ord_type", words = { "limit", "market" } },
  { "order.state", words = { "pending", "wait", "done", "cancel", "reject" } },
  { "trade.kind", words = SIDES }, { "trade.side", words = SIDES },
  { "trade.taker_type", words = SIDES },
}
for _, name in ipairs(ORDER_FIELDS) do paths[#paths + 1] = "order." .. name end
for _, name in ipairs(TRADE_FIELDS) do paths[#paths + 1] = "trade." .. name end

-- The log-on --------------------------------------------------------------------------------------

-- The API key's headers, or a fresh token.
local function headers_of(s)
  if s.config.key then return rest.key_headers(s) end
  local pieces, err = token.fresh(s)
  if not pieces then return nil, err end
  return { { "Authorization", pieces } }
end

local function with_streams(url)
  return url .. (url:find("?", 1, true) and "&" or "?") .. "stream=order&stream=trade"
end

-- What was refused and never worked is a mistake of ours. A token that is not taken may show as a
-- line that breaks, or in silence: the clock is measured, by which the next one is made. In the
-- log-on's task.
local function class_of(s, class)
  s:measure_clock()
  return class == "refused" and not s.is_settled and "permanent" or class
end

local function logon(link)
  local s = link.session
  local ok, err, class = s:before_logon()
  if not ok then return nil, err, class end
  local headers
  headers, err = headers_of(s)
  if not headers then return nil, err, class_of(s, "refused") end
  ok, err, class = link:open(with_streams(s.config.private_url), headers)
  if not ok then return nil, err, class_of(s, class) end
  s:hold()                                                   -- events may follow at once
  local reply
  reply, err = link:await("streams", SUBSCRIBE_SECONDS)
  if not reply then return nil, "streams: " .. err, class_of(s, "retry") end
  -- Who shows nothing that is taken goes on as nobody, without private streams.
  if not (reply.streams:find('"order"', 1, true) and reply.streams:find('"trade"', 1, true)) then
    return nil, "credentials refused: the venue gives public streams only",
           class_of(s, "refused")
  end
  return true
end

-- Orders ------------------------------------------------------------------------------------------

local at = decode.slots(paths)
local MESSAGE, STREAMS, ERROR = at["success.message"], at["success.streams"], at["error"]
local function slots_of(what, fields, ...)
  local slots = {}
  for _, list in ipairs { fields, { ... } } do
    for _, name in ipairs(list) do slots[name] = at[what .. "." .. name] end
  end
  return slots
end
local O = slots_of("order", ORDER_FIELDS, "kind", "side", "ord_type", "state")
local T = slots_of("trade", TRADE_FIELDS, "kind", "side", "taker_type")

local PENDING, WAIT, DONE, CANCEL, REJECT = 1, 2, 3, 4, 5
local sides, types = { "sell", "buy", "sell", "buy" }, { "limit", "market" }
local ZERO = decimal "0"

local market_of = market_reader()

-- Unix seconds, or ISO 8601.
local function time_of(first, second)
  local field = first.type ~= 0 and first or second
  local seconds = decode.integer(field)
  return seconds or field.type ~= 0 and values.iso_time(field.text, field.len) or dispatch.now()
end

-- One buffer for all reports, decimals included: session:on_report uses it up.
local none = nil
local report = {
  order_id = none, symbol = none, side = none, type = none, qty = none, cum_qty = none,
  price = none, time = none, trade_id = none, execution = none, status = none, reason = none,
  is_provisional = none,
}
local qty, cum_qty, price = decimal.sum(ZERO), decimal.sum(ZERO), decimal.sum(ZERO)

-- executed_volume, or what is left taken off.
local function read_executed(head)
  if decode.decimal_into(cum_qty, head[O.executed_volume]) then return cum_qty end
  local left = head[O.remaining_volume].type ~= 0 and O.remaining_volume or O.volume
  if not (report.qty and decode.decimal_into(cum_qty, head[left])) then return nil end
  decimal.set(cum_qty, report.qty - cum_qty)
  return cum_qty
end

local function read_status(r, state)
  -- Until 2.3 it comes before the trade: the status follows from what was counted.
  if state == WAIT then r.status = "working"
  elseif state == DONE then r.status = "filled"
  elseif state == CANCEL then
    r.status, r.reason = "canceled", r.type == "market" and "funds" or nil
  elseif state == REJECT then r.status, r.reason = "rejected", "refused after it was taken"
  end
  return r.status ~= nil or state == PENDING
end

local function read_order(link, head)
  local s, r = link.session, report
  local market, name = market_of(s, head[O.market])
  if not market then return link:on_bad_message("order in an unknown market: " .. name) end
  local side = head[O.side].word ~= 0 and head[O.side] or head[O.kind]
  r.order_id, r.symbol, r.side = decode.text(head[O.id]), market.symbol, sides[side.word]
  if not (r.order_id and r.side) then return link:on_bad_message "an order without id or side" end
  r.type = types[head[O.ord_type].word]
  r.qty = decode.decimal_into(qty, head[O.origin_volume]) and qty or nil
  r.cum_qty = read_executed(head)
  r.price = decode.decimal_into(price, head[O.price]) and price or nil
  r.time = time_of(head[O.at], head[O.created_at])
  r.trade_id, r.execution, r.is_provisional, r.reason, r.status = nil, nil, nil, nil, nil
  if not read_status(r, head[O.state].word) then
    return link:on_bad_message("order state " .. tostring(decode.text(head[O.state])))
  end
  s:on_report(r)
end

-- Trades ------------------------------------------------------------------------------------------

-- The own order of a trade and its side. 1.9 to 2.1 tell the other one's id as well: ours is the
-- one that is known here.
local function own_order(s, head)
  local side = head[T.side].word ~= 0 and head[T.side] or head[T.kind]
  if head[T.order_id].type ~= 0 then return decode.text(head[T.order_id]), sides[side.word] end
  local ask, bid = decode.text(head[T.ask_id]), decode.text(head[T.bid_id])
  if ask and s.orders:find(s.name, nil, ask) then return ask, "sell" end
  if bid and s.orders:find(s.name, nil, bid) then return bid, "buy" end
  if sides[side.word] == "sell" then return ask or bid, ask and "sell" or "buy" end
  return bid or ask, bid and "buy" or "sell"
end

local function read_trade(link, head)
  local s, r = link.session, report
  local market, name = market_of(s, head[T.market])
  if not market then return link:on_bad_message("trade in an unknown market: " .. name) end
  r.order_id, r.side = own_order(s, head)
  r.trade_id = decode.id(head[T.id])
  local x = execution.new()
  local amount = head[T.amount].type ~= 0 and T.amount or T.volume
  if not (r.order_id and r.trade_id and decode.decimal_into(x.qty, head[amount])
          and decode.decimal_into(x.price, head[T.price])) or x.qty:sign() <= 0
    or x.price:sign() <= 0 then
    return link:on_bad_message "a trade without id, order, price or volume"
  end
  local taker = sides[head[T.taker_type].word]
  x.liquidity = not taker and 0 or taker == r.side and execution.TAKER or execution.MAKER
  r.time = time_of(head[T.at], head[T.created_at])
  x.time = r.time
  r.symbol, r.status, r.execution = market.symbol, "partially_filled", x
  r.type, r.qty, r.cum_qty, r.price, r.reason = nil, nil, nil, nil, nil
  r.is_provisional = not fees.add(x, market, r.side)         -- or REST alone tells its fee
  s:on_report(r)
end

local function read(link, decoder)
  local head = decoder.head
  if head[T.id].type ~= 0 then return read_trade(link, head) end
  if head[O.id].type ~= 0 then return read_order(link, head) end
  if head[MESSAGE].type ~= 0 then
    return link:reply("streams", { streams = decode.text(head[STREAMS]) or "" })
  end
  local err = decode.text(head[ERROR])
  if err then link.log.warn("%s: the venue says: %s", link.name, err) end
end

local function close_class(_, _, http_status)
  return (http_status == 401 or http_status == 403) and "refused" or "retry"
end

-- Market data -------------------------------------------------------------------------------------

local M = { private = {
  paths = paths, logon = logon, read = read, close_class = close_class, silence = 25,
  backoff = { first = 1, cap = 30 }, pings = { idle = 5, busy = 0.25, again = 0.03 },
} }

local LEVELS = 50
local streams = { book = "ob-inc", trades = "trades" }

local function logon_market(link)
  link.books = {}
  return link:open(link.session.config.market_url)
end

local function say(link, event, stream)
  link:send(json.encode { event = event, streams = json.array { stream } })
end

--- Asks for a feed; a book begins with a snapshot.
local function subscribe(link, subscription, market)
  say(link, "subscribe", market.id .. "." .. streams[subscription.feed])
end

-- One level, { price, qty }, or a list of levels.
local function change(side, better, changes)
  if type(changes) ~= "table" or #changes == 0 then return end
  if type(changes[1]) ~= "table" then changes = { changes } end
  for _, level in ipairs(changes) do
    local amount = level[2] == "" and ZERO or decimal(level[2])        -- "": it is gone
    levels.set(side, better, values.above_0(level[1]), amount)
  end
end

local function publish(link, market, held)
  link.session.desk:on_book(book.new(link.session.name, market.symbol,
                                     levels.top(held.bids, LEVELS), levels.top(held.asks, LEVELS),
                                     dispatch.now()))
end

local read_event = {}

read_event["ob-snap"] = function(link, market, data)
  local held = { bids = {}, asks = {}, sequence = tonumber(data.sequence) }
  change(held.bids, levels.better.bids, data.bids)
  change(held.asks, levels.better.asks, data.asks)
  link.books[market.id] = held
  publish(link, market, held)
end

-- A gap in the numbers, where there are any, is healed by a new snapshot.
read_event["ob-inc"] = function(link, market, data)
  local held, sequence = link.books[market.id], tonumber(data.sequence)
  if not held then return end
  if sequence and held.sequence and sequence ~= held.sequence + 1 then
    link.log.warn("book of %s: %d after %d: asked for anew", market.symbol, sequence,
                  held.sequence)
    link.books[market.id] = nil
    say(link, "unsubscribe", market.id .. ".ob-inc")
    return say(link, "subscribe", market.id .. ".ob-inc")
  end
  held.sequence = sequence
  change(held.bids, levels.better.bids, data.bids)
  change(held.asks, levels.better.asks, data.asks)
  publish(link, market, held)
end

read_event["trades"] = function(link, market, data)
  for _, row in ipairs(data.trades) do
    link.session.desk:on_trade {
      venue = link.session.name, symbol = market.symbol, side = row.taker_type or row.type,
      trade_id = values.text_of(row.tid or row.id), price = values.above_0(row.price),
      qty = values.above_0(row.amount or row.volume),
      time = tonumber(row.date) or values.iso_seconds(row.created_at) or dispatch.now(),
    }
  end
end

local function read_market(link, decoder)
  local message, err = json.decode(decoder:text())
  if type(message) ~= "table" then return link:on_bad_message(err or "no object") end
  for _, stream in ipairs(sorted.keys(message)) do
    local data = message[stream]
    local id, event = tostring(stream):match "^(%w+)%.([%w-]+)$"
    local market = id and link.session.by_venue_symbol[id]
    if market and read_event[event] then
      local ok, why = pcall(read_event[event], link, market, data)
      if not ok then link:on_bad_message(stream .. ": " .. tostring(why)) end
    elseif stream == "error" then
      link.log.warn("%s: the venue says: %s", link.name, tostring(data))
    end
  end
end

M.market = {
  paths = { "success.message" }, logon = logon_market, read = read_market,
  close_class = close_class, subscribe = subscribe, silence = 25,
  backoff = { first = 1, cap = 30 }, pings = { idle = 5, busy = 5, again = 5 },
}

return M
