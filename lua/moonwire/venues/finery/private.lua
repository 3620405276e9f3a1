--- Finery Markets: the private WebSocket. Orders and questions go over it as requests, their life
--- comes on feed O, positions on K, limits on L, changes of currencies and instruments on I and C.
--- Source: the venue's Websocket API and its pages of the feeds.

local account = require "moonwire.venues.finery.account"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local json = require "moonwire.json"
local market_reader = require "moonwire.market_reader"
local wire = require "moonwire.venues.finery.wire"

local M = {
  paths = {
    { "event", words = { "request" } }, "reqId", "error", "param", "reply",
    "reply.id", "reply.error", "reply.remainingSize", "reply.remainingVolume",
    "reply.cancelReason", "reply.deals[].id", "reply.deals[].price", "reply.deals[].size",
    { "[0]", words = { "O", "X", "K", "L", "I", "C" } },
    { "[2]", words = { "+", "D", "-", "M", "S", "Z", "U" } }, "[3]",
    -- A row of feed O, and what it goes on with when it is a deal.
    "[3][0]", "[3][1]", "[3][2]", "[3][3]", "[3][4]", "[3][5]", "[3][6]", "[3][7]", "[3][8]",
    "[3][9]", "[3][10]", "[3][11]", "[3][12]", "[3][13]", "[3][14]", "[3][18]",
  },
  silence = 45, heartbeat = 20,                              -- the venue closes after 80 s
  backoff = { first = 1, cap = 30 },                         -- 100 connections per IP
}

local at = decode.slots(M.paths)
local EVENT, REQUEST_ID, ERROR, PARAM = at["event"], at["reqId"], at["error"], at["param"]
local REPLY, FEED, ACTION, PAYLOAD = at["reply"], at["[0]"], at["[2]"], at["[3]"]
M.slots = {
  error = ERROR, param = PARAM, reply = REPLY, id = at["reply.id"],
  reply_error = at["reply.error"], remaining_size = at["reply.remainingSize"],
  remaining_volume = at["reply.remainingVolume"], cancel_reason = at["reply.cancelReason"],
  deal_id = at["reply.deals[].id"], deal_price = at["reply.deals[].price"],
  deal_size = at["reply.deals[].size"],
}
local function element(i) return at["[3][" .. i .. "]"] end
local SYMBOL, TYPE, SIDE, CANCEL_REASON = element(0), element(1), element(2), element(3)
local ORDER_ID, CLIENT_ID, PRICE, SIZE = element(4), element(5), element(6), element(7)
local LEFT, CREATED, BY_VOLUME = element(8), element(9), element(10)
local MOMENT, DEAL_ID, AGGRESSOR = element(10), element(11), element(12)
local DEAL_PRICE, DEAL_SIZE, DEAL_BY_VOLUME = element(13), element(14), element(18)
local DECIMALS = wire.DECIMALS

local O, X, K, L = 1, 2, 3, 4                                -- words of [0]; I and C are the last
local ADDED, DEAL, REMOVED, CHANGED, SNAPSHOT, FAILED, UNBOUND = 1, 2, 3, 4, 5, 6, 7

-- The session -------------------------------------------------------------------------------------

local LINK_SECONDS = 10                                      -- until the backend must have linked

-- Binds a feed, or unbinds it; an answer is the snapshot, U or Z. In a task.
local function bind(link, event, feed)
  local ok, err = link:send('{"event":"' .. event .. '","feed":"' .. feed .. '"}')
  if not ok then return nil, err, "retry" end
  local reply
  reply, err = link:await(feed)
  if not reply then return nil, ("%s %s: %s"):format(event, feed, err), "retry" end
  if reply.code and reply.code ~= 100 and reply.code ~= 101 then
    return nil, ("%s %s: %s"):format(event, feed, wire.explain(reply.code)), "retry"
  end
  return true
end

local function open(link, url)
  local s = link.session
  link.is_linked = false
  local ok, err, class = link:open(url, wire.handshake(s))
  if not ok then
    if class == "nonce" then
      class = wire.on_bad_nonce(s) and "again" or "permanent"
    end
    return nil, err, class
  end
  wire.on_good_nonce(s)
  local reply
  if not link.is_linked then reply, err = link:await("X", LINK_SECONDS) end
  if link.is_linked or reply then return true end
  return nil, "the venue's backend is not connected: " .. err, "retry"
end
M.open = open

function M.logon(link)
  local s = link.session
  local ok, err, class = open(link, s.config.private_url)
  if not ok then return nil, err, class end
  ok, err, class = s:before_logon()
  if not ok then return nil, err, class end
  s:hold()                                                   -- from the snapshot of O on
  for _, feed in ipairs { "I", "O", "K", "L" } do
    ok, err, class = bind(link, "bind", feed)
    if not ok then return nil, err, class end
  end
  return true
end

--- The backend is linked again: what came before is worth nothing, each feed begins anew.
function M.resume(link)
  for _, feed in ipairs { "O", "K", "L" } do
    local ok, err = bind(link, "unbind", feed)
    if ok then ok, err = bind(link, "bind", feed) end
    if not ok then return nil, err end
  end
  return true
end

--- Both: a proxy may swallow frames, and what the venue makes of the text is nowhere written.
function M.beat(link)
  link:ping()
  link:send '{"event":"ping"}'
end

function M.close_class(_, _, http_status, body)
  if http_status ~= 0 then return wire.refusal(http_status, body) end
  return "retry"
end

-- Feed O ------------------------------------------------------------------------------------------

local cancel_reasons = { "client", "ioc_remainder", "self_trade", "disconnect" }
M.cancel_reasons = cancel_reasons

-- type and time_in_force of the venue's number
local limit, ioc, fok = { "limit", "gtc" }, { "limit", "ioc" }, { "limit", "fok" }
local kinds = { [0] = limit, { "limit", "post_only" }, ioc, fok, { "market", "ioc" },
                { "market", "fok" }, limit, { "market", "ioc" }, [9] = ioc }
local unknown_kind = { "limit", "gtc" }
M.kinds = kinds

-- One buffer for all reports, decimals included: session:on_report uses it up.
local none = nil
local report = {
  client_order_id = none, order_id = none, symbol = none, side = none, type = none,
  time_in_force = none, qty = none, cum_qty = none, price = none, time = none, trade_id = none,
  execution = none, status = none, reason = none, needs_asking = none, is_inferred = none,
  by_total = none, is_provisional = none,
}
local qty, left, price = decimal.sum(decimal.ZERO), decimal.sum(decimal.ZERO),
                         decimal.sum(decimal.ZERO)
local market_of = market_reader()
local sides = { [0] = "buy", "sell" }

-- What a row says of the order, whatever happened to it; nil when it cannot be told.
local function read_row(link, head, by_volume)
  local session, r = link.session, report
  local market, name = market_of(session, head[SYMBOL])
  if not market then return link:on_bad_message("order of an unknown instrument: " .. name) end
  r.client_order_id, r.order_id = wire.field_id(head[CLIENT_ID]), wire.field_id(head[ORDER_ID])
  if not r.order_id then return link:on_bad_message("order without an id") end
  r.symbol, r.side = market.symbol, sides[decode.integer(head[SIDE])]
  if not r.side then return link:on_bad_message("order without a side") end
  local kind = kinds[decode.integer(head[TYPE])] or unknown_kind
  r.type, r.time_in_force = kind[1], kind[2]
  r.price = decode.units_into(price, head[PRICE], DECIMALS) and price:sign() > 0 and price or nil
  -- Of an order by volume these count the quote currency.
  local has_size = by_volume.type == 0 or decode.integer(by_volume) == 0
  local has_qty = decode.units_into(qty, head[SIZE], DECIMALS)
  local has_left = decode.units_into(left, head[LEFT], DECIMALS)
  r.qty, r.cum_qty = has_size and has_qty and qty or nil, nil
  if r.qty and has_left then
    decimal.set(left, qty - left)
    r.cum_qty = left
  end
  r.time = (decode.integer(head[CREATED]) or dispatch.now_ms()) / 1000
  r.trade_id, r.execution, r.reason, r.needs_asking = nil, nil, nil, nil
  return r, has_left
end

local function read_added(link, head)
  local r = read_row(link, head, head[BY_VOLUME])
  if not r then return end
  r.status = "new"
  link.session:on_report(r)
end

local function read_deal(link, head)
  local is_done = decode.integer(head[LEFT]) == 0
  local r = read_row(link, head, head[DEAL_BY_VOLUME])
  if not r then return end
  local x = execution.new()
  if not (decode.units_into(x.price, head[DEAL_PRICE], DECIMALS)
          and decode.units_into(x.qty, head[DEAL_SIZE], DECIMALS)
          and x.qty:sign() > 0 and x.price:sign() > 0) then
    return link:on_bad_message("deal without price or size")
  end
  r.trade_id = decode.id(head[DEAL_ID])
  if not r.trade_id then return link:on_bad_message("deal without an id") end
  x.liquidity = decode.integer(head[AGGRESSOR]) == decode.integer(head[SIDE]) and execution.TAKER
    or execution.MAKER
  x.time = (decode.integer(head[MOMENT]) or dispatch.now_ms()) / 1000
  r.time, r.execution, r.status = x.time, x, is_done and "filled" or "partially_filled"
  link.session:on_report(r)
end

local function read_removed(link, head)
  local is_done = decode.integer(head[LEFT]) == 0
  local r = read_row(link, head, head[BY_VOLUME])
  if not r then return end
  local why = decode.integer(head[CANCEL_REASON])
  local is_filled = is_done and why == 0
  r.status, r.reason = is_filled and "filled" or "canceled", cancel_reasons[why]
  r.time = dispatch.now()                                    -- the row has none of its end
  link.session:on_report(r)
end

-- Messages ----------------------------------------------------------------------------------------

-- The code of a Z: a number, or one in an array (seen so).
local function code_of(head)
  return decode.integer(head[PAYLOAD]) or decode.integer(head[SYMBOL])
end

-- Whether orders can be taken (X).
local function read_status(link, code)
  link.is_linked = code == 0
  if code == 0 then
    if not link:reply("X", true) then link.session:resume() end
  elseif link.state == "live" then
    link.session:suspend("the venue's backend is not connected (" .. tostring(code) .. ")")
  end
end

local function read_answer(link, decoder)
  local head = decoder.head
  local id = decode.integer(head[REQUEST_ID])
  if not id then return link:on_bad_message "answer without a number" end
  if link:answer(id, decoder) then return end
  link:reply(id, { code = M.error_of(head), param = decode.text(head[PARAM]),
                   text = decode.text(head[REPLY]) })
end

--- The error of an answer; nil for none. A failed mod tells it inside the reply.
function M.error_of(head)
  local code = decode.integer(head[ERROR]) or decode.integer(head[M.slots.reply_error])
  return code ~= 0 and code or nil
end

local names = { "O", "X", "K", "L", "I", "C" }

-- All but orders: seldom, and read as values.
local function read_feed(link, feed, action, head)
  if action == FAILED then
    link:reply(names[feed], { code = code_of(head) or -1 })
  elseif action == UNBOUND then
    link:reply(names[feed], {})
  elseif feed == K or feed == L then
    local payload = assert(json.decode(decode.text(head[PAYLOAD]) or ""))
    account.read(link.session, names[feed], action == SNAPSHOT, action == REMOVED, payload)
    if action == SNAPSHOT then link:reply(names[feed], {}) end
  elseif action == SNAPSHOT then
    link:reply(names[feed], {})
  elseif feed ~= O then
    link.session:in_task("markets", link.session.load_markets)
  end
end

function M.read(link, decoder)
  local head = decoder.head
  local feed, action = head[FEED].word, head[ACTION].word
  if feed == O then
    if action == ADDED or action == CHANGED then return read_added(link, head) end
    if action == DEAL then return read_deal(link, head) end
    if action == REMOVED then return read_removed(link, head) end
  end
  if head[EVENT].word == 1 then return read_answer(link, decoder) end
  if feed == X then return read_status(link, code_of(head)) end
  if feed ~= 0 then return read_feed(link, feed, action, head) end
end

return M
