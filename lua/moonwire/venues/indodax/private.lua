--- Indodax: the life of orders over a private WebSocket (Centrifugo 5).
--- Source: the venue's Private-websocket document; Centrifugo 5.2.0 for what it leaves out.

local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local json = require "moonwire.json"
local market_reader = require "moonwire.market_reader"
local rest = require "moonwire.venues.indodax.rest"

local M = {
  paths = {
    "id", "error.code", "error.message", "connect.ttl", "connect.pong", "refresh.ttl",
    "push.unsubscribe.code", "push.disconnect.code", "push.disconnect.reason",
    { "push.pub.data[].eventType", words = { "order_update" } },
    "push.pub.data[].event_type",
    "push.pub.data[].order.orderId", "push.pub.data[].order.tradeId",
    "push.pub.data[].order.symbol",
    { "push.pub.data[].order.side", words = { "BUY", "SELL" } },
    "push.pub.data[].order.origQty", "push.pub.data[].order.executedQty",
    "push.pub.data[].order.price",
    { "push.pub.data[].order.status",
      words = { "NEW", "FILL", "DONE", "CANCELLED", "REJECTED", "FILLED" } },
    "push.pub.data[].order.transactionTime", "push.pub.data[].order.clientOrderId",
    "push.pub.data[].order.cancelReason",
    { "push.pub.data[].order.fillInformation.participant", words = { "MAKER", "TAKER" } },
    "push.pub.data[].order.fillInformation.qty", "push.pub.data[].order.fillInformation.fillQty",
    "push.pub.data[].order.fillInformation.fee", "push.pub.data[].order.fillInformation.feeAsset",
    "push.pub.data[].order.fillInformation.tax", "push.pub.data[].order.fillInformation.taxAsset",
    "push.pub.data[].order.fillInformation.clearing",
    "push.pub.data[].order.fillInformation.clearingAsset",
  },
  silence = 35,                        -- a ping comes every 25 s
}

local reply_class = { [109] = "again", [110] = "again", [101] = "once", [103] = "once",
                      [102] = "permanent", [106] = "permanent", [104] = "permanent",
                      [107] = "permanent", [108] = "permanent" }

local function request(link, key, parameters)
  local id = link:request_id()
  local ok, err = link:send(json.encode { id = id, [key] = parameters })
  if not ok then return nil, err, "retry" end
  local reply
  reply, err = link:await(id)
  if not reply then return nil, key .. ": " .. err, "retry" end
  if reply.code and reply.code ~= 105 then                   -- 105: already subscribed
    return nil, ("%s: error %d %s"):format(key, reply.code, reply.message),
           reply_class[reply.code] or "retry"
  end
  return reply
end

local RENEW_EARLY, RENEW_BLIND = 600, 23 * 3600      -- seconds before the end; when no end is told

local function plan_renewal(link, reply)
  local ttl = reply.ttl
  link.session:renew_before(dispatch.now() + (ttl and math.max(ttl - RENEW_EARLY, ttl / 2)
                                              or RENEW_BLIND))
end

function M.logon(link)
  local s = link.session
  local ok, err, class = s:before_logon()
  if not ok then return nil, err, class end
  local token
  token, err, class = rest.fetch_token(s)                         -- a new one for every connection
  if not token then return nil, err, class end
  ok, err, class = link:open(s.config.private_url)
  if not ok then return nil, err, class end
  s:hold()                                                   -- a push may precede the reply
  local reply
  reply, err, class = request(link, "connect", { token = token.connToken })
  if not reply then return nil, err, class end
  link.answers_pings = reply.pong
  plan_renewal(link, reply)
  reply, err, class = request(link, "subscribe", { channel = token.channel })
  if not reply then return nil, err, class end
  return true
end

--- In place by `refresh`; where the venue refuses that, the session connects anew.
function M.renew(link)
  local token, err = rest.fetch_token(link.session)
  if not token then return nil, err end
  local reply
  reply, err = request(link, "refresh", { token = token.connToken })
  if not reply then return nil, err end
  plan_renewal(link, reply)
  link.session:schedule_renewal()
  return true
end

local at = decode.slots(M.paths)
local row = function(name) return at["push.pub.data[]." .. name] end
local AT_ID, AT_CODE, AT_MESSAGE = at["id"], at["error.code"], at["error.message"]
local AT_TTL, AT_PONG, AT_REFRESH = at["connect.ttl"], at["connect.pong"], at["refresh.ttl"]
local AT_UNSUBSCRIBE, AT_DISCONNECT = at["push.unsubscribe.code"], at["push.disconnect.code"]
local AT_WHY = at["push.disconnect.reason"]
local EVENT, OLD_EVENT = row "eventType", row "event_type"
local ORDER_ID, TRADE_ID, SYMBOL = row "order.orderId", row "order.tradeId", row "order.symbol"
local SIDE, QTY, CUM_QTY = row "order.side", row "order.origQty", row "order.executedQty"
local PRICE, STATUS, TIME = row "order.price", row "order.status", row "order.transactionTime"
local CLIENT_ID, WHY = row "order.clientOrderId", row "order.cancelReason"
local PARTICIPANT = row "order.fillInformation.participant"
local LAST_QTY, OLD_LAST_QTY = row "order.fillInformation.qty", row "order.fillInformation.fillQty"
local FEES = execution.fee_slots {
  { row "order.fillInformation.fee", row "order.fillInformation.feeAsset" },
  { row "order.fillInformation.tax", row "order.fillInformation.taxAsset" },
  { row "order.fillInformation.clearing", row "order.fillInformation.clearingAsset" },
}

local NEW, FILL, DONE, CANCELLED, REJECTED, FILLED = 1, 2, 3, 4, 5, 6
local ZERO = decimal "0"
-- A taker may have done better than the order's price, which is all that is sent; a market order
-- has none at all, so its fills are left to be asked for.
local function read_fill(report, fields)
  local x = execution.new()
  if not (decode.decimal_into(x.qty, fields[LAST_QTY])
          or decode.decimal_into(x.qty, fields[OLD_LAST_QTY])) then return end
  if not report.price or decimal.sign(report.price) <= 0 or decimal.sign(x.qty) <= 0 then return end
  decimal.set(x.price, report.price)
  local is_taker = fields[PARTICIPANT].word == 2
  x.liquidity, x.time = is_taker and execution.TAKER or execution.MAKER, report.time
  if not execution.read_fees(x, fields, FEES) then
    report.needs_asking = true                               -- a fee without its asset
  end
  report.trade_id, report.execution = decode.id(fields[TRADE_ID]), x
  report.is_provisional = is_taker or nil
end

-- status in a report, for each of the venue's
local function read_status(report, status, fields)
  if status == NEW then report.status = "new"
  elseif status == FILL then report.status = "partially_filled"
  elseif status == DONE or status == FILLED then
    -- (A market order, without a price, is filled or killed; in what a buy is counted is not told.)
    report.status = report.cum_qty and report.qty and report.cum_qty < report.qty and report.price
      and report.price:sign() > 0 and "canceled" or "filled"
  elseif status == CANCELLED then
    report.status = "canceled"
    local why = decode.text(fields[WHY])
    report.reason = why and why:lower()
  elseif status == REJECTED then
    report.status, report.cum_qty = "rejected", nil          -- never books a fill
    report.reason = "not enough depth"
  else
    report.status, report.needs_asking = nil, true           -- unknown: keep the state, ask
  end
end

-- One buffer for all reports, decimals included: session:on_report uses it up.
local none = nil
local report = {
  client_order_id = none, order_id = none, symbol = none, side = none, qty = none, cum_qty = none,
  price = none, time = none, trade_id = none, execution = none, is_provisional = none,
  status = none, reason = none, needs_asking = none, is_inferred = none, by_total = none,
}
local market_of = market_reader()
local qty, cum_qty, price = decimal.sum(ZERO), decimal.sum(ZERO), decimal.sum(ZERO)

local sides = { "buy", "sell" }

local function read_order(link, fields)
  local session = link.session
  local market, name = market_of(session, fields[SYMBOL])
  if not market then return link:on_bad_message("order of an unknown market: " .. name) end
  local r = report
  local order = session.orders:read_ids(session.name, r, fields[CLIENT_ID], fields[ORDER_ID])
  if not (r.client_order_id or r.order_id) then
    return link:on_bad_message("order without an id")
  end
  r.symbol, r.side = market.symbol, sides[fields[SIDE].word]
  if not r.side and not order then
    return link:on_bad_message("order without a side")
  end
  r.qty = decode.decimal_into(qty, fields[QTY]) and qty or nil
  r.cum_qty = decode.decimal_into(cum_qty, fields[CUM_QTY]) and cum_qty or nil
  r.price = decode.decimal_into(price, fields[PRICE]) and price or nil
  r.time = (decode.integer(fields[TIME]) or dispatch.now_ms()) / 1000
  r.trade_id, r.execution = nil, nil
  r.is_provisional, r.reason, r.needs_asking = nil, nil, nil
  local status = fields[STATUS].word
  read_status(r, status, fields)
  if status == FILL then read_fill(r, fields) end
  if r.needs_asking then
    link:on_bad_message("order status " .. tostring(decode.text(fields[STATUS])))
  end
  session:on_report(r, order)
end

local function read_reply(link, head, id)
  local ttl = head[AT_TTL].type ~= 0 and head[AT_TTL] or head[AT_REFRESH]
  link:reply(id, {
    code = decode.integer(head[AT_CODE]), message = decode.text(head[AT_MESSAGE]),
    ttl = decode.integer(ttl), pong = decode.bool(head[AT_PONG]),
  })
end

local function read_update(link, fields)
  if fields[EVENT].word == 1 or fields[OLD_EVENT].type ~= 0 then read_order(link, fields) end
end

-- What one of several raises is not the others' loss.
local function read_updates(link, decoder)
  for r = 0, decoder.row_count - 1 do
    local ok, why = pcall(read_update, link, decoder:row(r))
    if not ok then link:on_bad_message(why) end
  end
end

function M.read(link, decoder)
  local head, rows = decoder.head, decoder.row_count
  if rows > 0 then
    if rows == 1 then return read_update(link, decode.first_row(decoder)) end
    return read_updates(link, decoder)
  end
  local id = decode.integer(head[AT_ID])
  if id then return read_reply(link, head, id) end
  local unsubscribed = decode.integer(head[AT_UNSUBSCRIBE])
  if unsubscribed then
    return link:lost("unsubscribed by the venue (" .. unsubscribed .. ")",
                     unsubscribed >= 2500 and "again" or "once")
  end
  local code = decode.integer(head[AT_DISCONNECT])
  if code then
    return link:lost(decode.text(head[AT_WHY]) or "disconnect", M.close_class(code))
  end
  if link.answers_pings and decoder:is_empty_object() then link:send("{}") end
end

local close_classes = { [3005] = "again", [3006] = "again", [3500] = "once", [3502] = "once",
                        [1009] = "permanent" }

--- Centrifugo 5: 3500-3999 and 4500-4999 mean: do not come back.
function M.close_class(code, _, http_status)
  if http_status == 403 or http_status == 401 then return "once" end
  if close_classes[code] then return close_classes[code] end
  if code >= 3500 and code <= 3999 or code >= 4500 and code <= 4999 then return "permanent" end
  return "retry"
end

return M
