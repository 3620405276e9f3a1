--- Peatio: the WebSocket daemon of 0.1 to 1.8. It tells everybody's limit orders, without saying
--- whose, and one's own executions.
--- Sections 3 to 5 and 10 of the venue's page.

local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local fees = require "moonwire.venues.peatio.fees"
local market_reader = require "moonwire.market_reader"
local token = require "moonwire.venues.peatio.token"
local values = require "moonwire.values"

local ORDER_FIELDS = {
  id = "id", type = { "limit", "market" }, price = "price", volume = "volume",
  executed = "executed_volume", state = { "wait", "done", "cancel" },
}
local names = { type = "ord_type", executed = "executed_volume" }

local paths = {
  "challenge", "success.message", "error.message",
  { "orderbook.action", words = { "add", "update", "remove", "new" } },
  "orderbook.market", "orderbook.order.id", "orderbook.order.volume", "orderbook.order.market",
  "trade.id", "trade.price", "trade.volume", "trade.market", "trade.created_at",
  { "trade.maker_type", words = { "sell", "buy" } },
}
for _, side in ipairs { "ask", "bid" } do
  for name, what in pairs(ORDER_FIELDS) do
    local path = ("trade.%s.%s"):format(side, names[name] or name)
    paths[#paths + 1] = type(what) == "table" and { path, words = what } or path
  end
end

local REPLY_SECONDS = 10

-- Signing in --------------------------------------------------------------------------------------

-- The jwt of a daemon; it may be sent before the challenge, which has no use there.
local function token_message(link)
  local pieces, err = token.fresh(link.session)
  if not pieces then return nil, err end
  return { '{"jwt":"' .. pieces[1], pieces[2], '"}' }
end

-- The original's answer to the challenge.
local function answer_message(link)
  local challenge = link.challenge
  if not challenge then
    local reply, err = link:await("challenge", REPLY_SECONDS)
    if not reply then return nil, "challenge: " .. err end
    challenge = reply.challenge
  end
  local c = link.session.config
  local answer = c.secret:hmac("sha256", { c.key, challenge }, "hex")
  return { '{"auth":{"access_key":"', c.key, '","answer":"' .. answer .. '"}}' }
end

-- Shows what message() makes; what was refused is made anew once.
local function sign_in(link, message)
  local reply, err
  for _ = 1, 2 do
    local text
    text, err = message(link)
    if not text then return nil, err, "refused" end
    local ok
    ok, err = link:send(text)
    if not ok then return nil, err end
    reply, err = link:await("auth", REPLY_SECONDS)
    if not reply then return nil, "sign-in: " .. err end
    if reply.ok then return true end
    link.session:measure_clock()                             -- by which tokens are made
  end
  return nil, "credentials refused: " .. reply.message, "refused"
end

local function logon_with(message)
  return function(link)
    local s = link.session
    local ok, err, class = s:before_logon()
    if not ok then return nil, err, class end
    link.challenge, s.memory.adds = nil, nil
    ok, err, class = link:open(s.config.private_url)
    if not ok then return nil, err, class end
    s:hold()                                                 -- events may precede the success
    ok, err, class = sign_in(link, message)
    if ok then return true end
    -- What never worked is a mistake of ours; what did work may be mended over there.
    if class == "refused" and not s.is_settled then class = "permanent" end
    return nil, err, class or "retry"
  end
end

-- Reading -----------------------------------------------------------------------------------------

local at = decode.slots(paths)
local CHALLENGE, SUCCESS, ERROR = at["challenge"], at["success.message"], at["error.message"]
local ACTION, SIDE_MARKET = at["orderbook.action"], at["orderbook.market"]
local BOOK_ID, BOOK_VOLUME = at["orderbook.order.id"], at["orderbook.order.volume"]
local BOOK_MARKET = at["orderbook.order.market"]
local TRADE_ID, PRICE, VOLUME = at["trade.id"], at["trade.price"], at["trade.volume"]
local MARKET, TIME, MAKER = at["trade.market"], at["trade.created_at"], at["trade.maker_type"]
local function slots_of(side)
  local slots = { side = side == "ask" and "sell" or "buy", number = side == "ask" and 1 or 2 }
  for name in pairs(ORDER_FIELDS) do
    slots[name] = at[("trade.%s.%s"):format(side, names[name] or name)]
  end
  return slots
end
local ASK, BID = slots_of "ask", slots_of "bid"
local ADD, REMOVE, NEW = 1, 3, 4
local MARKET_ORDER = 2
local types, states = { "limit", "market" }, { "partially_filled", "filled", "canceled" }
local CANCELED = 3

local market_of = market_reader()

-- 9: who made and who took. The daemon says it from 1.8.68 on. Before, an order whose whole
-- quantity was seen entering the book makes; one that was not seen there, though nothing was
-- missed, takes.
local function liquidity_of(link, head, slots, order)
  local maker = head[MAKER].word
  if maker ~= 0 then
    return maker == slots.number and execution.MAKER or execution.TAKER
  end
  if head[slots.type].word == MARKET_ORDER then return execution.TAKER end
  local mark = order and order._mark
  if mark == "rests" then return execution.MAKER end
  if mark == "taken" and order._sent_at and link.up_at and order._sent_at >= link.up_at then
    return execution.TAKER
  end
  return 0
end

local ZERO = decimal "0"

-- One buffer for all reports, decimals included: session:on_report uses it up.
local none = nil
local report = {
  order_id = none, symbol = none, side = none, type = none, qty = none, cum_qty = none,
  price = none, time = none, trade_id = none, execution = none, status = none, reason = none,
}
local qty, cum_qty, price = decimal.sum(ZERO), decimal.sum(ZERO), decimal.sum(ZERO)

-- The receiver's order on one side of a trade. What the order says of itself may run ahead.
local function read_side(link, head, market, slots)
  local s, r = link.session, report
  r.order_id, r.trade_id = decode.text(head[slots.id]), decode.id(head[TRADE_ID])
  if not r.trade_id then return link:on_bad_message("a trade without an id") end
  local x = execution.new()
  if not (decode.decimal_into(x.qty, head[VOLUME]) and decode.decimal_into(x.price, head[PRICE]))
    or x.qty:sign() <= 0 or x.price:sign() <= 0 then
    return link:on_bad_message("a trade without price or volume")
  end
  r.time = values.iso_time(head[TIME].text, head[TIME].len) or dispatch.now()
  local order = s.orders:find(s.name, nil, r.order_id)
  x.time, x.liquidity = r.time, liquidity_of(link, head, slots, order)
  fees.add(x, market, slots.side)
  r.symbol, r.side, r.type = market.symbol, slots.side, types[head[slots.type].word]
  r.qty = decode.decimal_into(qty, head[slots.volume]) and qty or nil
  r.cum_qty = decode.decimal_into(cum_qty, head[slots.executed]) and cum_qty or nil
  r.price = decode.decimal_into(price, head[slots.price]) and price or nil
  local state = head[slots.state].word
  r.status, r.execution = states[state] or "partially_filled", x
  r.reason = state == CANCELED and head[slots.type].word == MARKET_ORDER and "funds" or nil
  s:on_report(r)
end

local function read_trade(link, head)
  local market, name = market_of(link.session, head[MARKET])
  if not market then return link:on_bad_message("trade in an unknown market: " .. name) end
  local has_ask, has_bid = head[ASK.id].type ~= 0, head[BID.id].type ~= 0
  if not (has_ask or has_bid) then return link:on_bad_message "a trade without an order" end
  if has_ask then read_side(link, head, market, ASK) end
  if has_bid then read_side(link, head, market, BID) end     -- both: a trade with ourselves
end

-- The end of an own order is only hinted at (13.5): REST says what became of it.
local HINT = { needs_asking = "to_the_end" }

-- An own order enters the book: whole, or what its taking left of it.
local function on_add(order, field)
  if order._mark ~= "taken" then return end
  order._mark = decode.decimal_into(qty, field) and qty == order.qty and "rests" or "unsure"
end

-- Somebody's order enters the book while the id of one of ours is on its way.
local function note_add(s, head)
  local awaited = false
  for i = 1, s.orders.open_count do
    local order = s.orders.open[i]
    awaited = awaited or order.venue == s.name and not order.order_id
  end
  if not awaited then
    s.memory.adds = nil
    return
  end
  s.memory.adds = s.memory.adds or {}
  s.memory.adds[decode.text(head[BOOK_ID]) or ""] = decode.decimal(head[BOOK_VOLUME])
end

-- 4.1: everybody's orders. Only the id tells which are ours.
local function read_orderbook(link, head)
  local s, action = link.session, head[ACTION].word
  local market = market_of(s, head[action == NEW and SIDE_MARKET or BOOK_MARKET])
  if market and s.market then s.market:nudge(market.symbol) end
  if action == NEW or action == 0 or s.orders.open_count == 0 then return end
  local order = s.orders:find(s.name, nil, decode.text(head[BOOK_ID]))
  if action == ADD then
    if order then return on_add(order, head[BOOK_VOLUME]) end
    return note_add(s, head)
  end
  if order and action == REMOVE and not s.held then s:apply(order, HINT) end
end

local function read_reply(link, head)
  if head[CHALLENGE].type ~= 0 then
    link.challenge = decode.text(head[CHALLENGE])
    return link:reply("challenge", { challenge = link.challenge })
  end
  local success, err = decode.text(head[SUCCESS]), decode.text(head[ERROR])
  if success then return link:reply("auth", { ok = true }) end
  if err and not link:reply("auth", { message = err }) then
    link.log.warn("%s: the venue says: %s", link.name, err)
  end
end

local function read(link, decoder)
  local head = decoder.head
  if head[TRADE_ID].type ~= 0 then return read_trade(link, head) end
  if head[ACTION].type ~= 0 then return read_orderbook(link, head) end
  return read_reply(link, head)
end

--- The answer to a submit tells the id. What entered the book meanwhile may have been it.
local function on_answered(s, order, answered)
  local seen = s.memory.adds and s.memory.adds[answered.order_id]
  order._mark = not seen and "taken" or seen == order.qty and "rests" or "unsure"
end

local function spec_with(message)
  return {
    paths = paths, logon = logon_with(message), read = read,
    silence = 25,                      -- the venue pings every 10 s
    backoff = { first = 1, cap = 30 },
    pings = { idle = 5, busy = 0.25, again = 0.03 },         -- 4.5: it sends when it hears us
    close_class = function() return "retry" end,
  }
end

return { daemon = spec_with(token_message), hmac = spec_with(answer_message),
         on_answered = on_answered }
