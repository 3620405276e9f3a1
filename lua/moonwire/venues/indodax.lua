--- Indodax: orders over signed REST (TAPI), their life over a private WebSocket (Centrifugo 5), books
--- and trades over a second one (Centrifugo 2).
--- Source: the venue's Private-websocket, Private-RestAPI, INDODAX-TradeAPI-2, Public-RestAPI and
--- Marketdata-websocket documents; Centrifugo 5.2.0 and 2.8 for what they leave out.

local book = require "moonwire.book"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local host = require "moonwire.host"
local json = require "moonwire.json"

---@class moonwire.venue.Indodax : moonwire.Venue
local M = {
  name = "indodax",
  environments = {
    production = {
      rest_url = "https://indodax.com",
      private_url = "wss://pws.indodax.com/ws/?cf_ws_frame_ping_pong=true",
      market_url = "wss://ws3.indodax.com/ws/",
      history_url = "https://tapi.indodax.com",
    },
    demo = {
      rest_url = "https://demo-indodax.com",
      private_url = "wss://pws.demo-indodax.com/ws/?cf_ws_frame_ping_pong=true",
      market_url = "wss://ws.demo-indodax.com/ws/",
    },
  },
  options = {
    history_url = { type = "url", doc = "Trade API 2 (fills); default: rest_url" },
    history_sign = { type = "string", choices = { "sha512", "sha256" }, default = "sha512",
                     doc = "digest of the Trade API 2 key" },
    history_key = { type = "secret", doc = "Trade API 2 key; default: key" },
    history_secret = { type = "secret", doc = "Trade API 2 secret; default: secret" },
    market_token = { type = "string", doc = "market-data token; default: the venue's public one" },
  },
  capabilities = {
    client_order_id = true, trade_ids = true, market_data = true, post_only = true,
    market_orders = true, countdown = true,
  },
  -- The venue takes 20 orders/s a pair and 30 cancels/s, and blocks the pair for 5 s beyond that;
  -- its limit per IP is not documented, 30/s were seen to break it.
  limits = {
    { name = "submit", count = 15, per = 1, key = "symbol" },
    { name = "cancel", count = 25, per = 1 },
    { name = "ip", count = 20, per = 1, kinds = { "submit", "cancel", "query" }, reserve = 5 },
    { name = "public", count = 150, per = 60 },
  },
}

local RECV_WINDOW_MS = 5000
-- A request that left may still be taken for this long (seconds).
M.late_arrival = RECV_WINDOW_MS / 1000 + 1

-- The same for everybody, printed in the venue's document: no secret.
local MARKET_TOKENS = {
  production = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE5NDY2MTg0MTV9"
    .. ".UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo",
  demo = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
    .. "aWF0IjoxNTE2MjM5MDIyfQ.OqWmyrtOvp_DvIdBnOgU9gyXhURkEOtu8brZtvwjYAw",
}

-- Numbers come as JSON numbers or strings at random; ids are text everywhere.
local function text_of(value)
  if type(value) == "number" then return ("%.0f"):format(value) end
  return type(value) == "string" and value ~= "" and value or nil
end

local function decimal_of(value)
  if value == nil or value == json.null then return nil end
  return (decimal.parse(type(value) == "number" and tostring(decimal(value)) or tostring(value)))
end

-- Errors ------------------------------------------------------------------------------------------

-- Texts are the key: matched in lower case and by part. { part, reason, class }
local errors = {
  { "invalid tapi key", "the API key is malformed: check `key`", "permanent" },
  { "api not found or session has expired", "the API key is unknown, deleted or expired", "permanent" },
  { "bad sign", "bad signature: `secret` does not belong to `key`", "permanent" },
  { "key not found", "no API key arrived", "permanent" },
  { "sign not found", "no signature arrived", "permanent" },
  { "no permission", "the API key has no permission for this: enable trade for it", "permanent" },
  { "account is locked", "the account is locked", "permanent" },
  { "account locked", "the account is locked", "permanent" },
  { "account is disabled", "the account is disabled", "permanent" },
  { "nonce", "the nonce was not accepted", "retry" },
  { "timestamp", "the timestamp was not accepted: is this machine's clock right?", "clock" },
  { "recvwindow", "the timestamp was not accepted: is this machine's clock right?", "clock" },
  { "insufficient balance", "insufficient balance", "reject" },
  { "minimum order", nil, "reject" },
  { "minimum price", nil, "reject" },
  { "in decimal", "the amount must be whole", "reject" },
  { "invalid_pair", "no such market", "reject" },
  { "invalid pair", "no such market", "reject" },
  { "suspend", "the market is suspended", "reject" },
  { "maintenance", "the market is in maintenance", "reject" },
  { "disabled", "the market is disabled", "reject" },
  { "already exists", nil, "exists" },
  { "not maker", "would take: post_only", "reject" },
  { "too_many_requests_from_your_ip", "the venue's limit per IP", "limit_ip" },
  { "too many", "the venue's rate limit", "limit" },
  { "invalid order", nil, "not_found" },
  { "not found", nil, "not_found" },
  { "not exist", nil, "not_found" },
}

local function classify(text, code)
  local both = (tostring(text) .. " " .. tostring(code or "")):lower()
  for _, row in ipairs(errors) do
    if both:find(row[1], 1, true) then return row[2] or text, row[3] end
  end
  return text, "reject"
end

--- Reads an answer of TAPI. A table, or nil, reason, class; class "unknown": it says nothing about
--- what the venue did.
local function read_answer(status, body)
  if status == nil then return nil, body, "unknown" end
  local answer = json.decode(body)
  if type(answer) ~= "table" then
    return nil, ("HTTP %d with a body that is no JSON"):format(status), "unknown"
  end
  if tostring(answer.success) == "1" then
    return type(answer["return"]) == "table" and answer["return"] or {}
  end
  if answer.error == nil or answer.error == json.null then
    return nil, ("HTTP %d without an error"):format(status), "unknown"
  end
  local reason, class = classify(answer.error, answer.error_code)
  if status >= 500 then class = "unknown" end
  return nil, reason, class
end

-- Requests ----------------------------------------------------------------------------------------

local FORM = { "Content-Type", "application/x-www-form-urlencoded" }

-- The text is built once, signed, and sent: the very same bytes. All values are of A-Z a-z 0-9 _ - .
local function tapi(s, method, parameters)
  local parts = { "method=" .. method }
  for i = 1, #parameters, 2 do parts[#parts + 1] = parameters[i] .. "=" .. parameters[i + 1] end
  parts[#parts + 1] = ("timestamp=%.0f&recvWindow=%d"):format(s:venue_ms(), RECV_WINDOW_MS)
  local body = table.concat(parts, "&")
  return {
    method = "POST", url = s.config.rest_url .. "/tapi", body = body,
    headers = { FORM, { "Key", s.config.key },
                { "Sign", s.config.secret:hmac("sha512", body, "hex") } },
  }
end

local function query(s, method, parameters)
  local request = tapi(s, method, parameters)
  request.limit = "query"
  local answer, err, class = read_answer(s:call(request))
  if class == "clock" then s:refresh_clock() end
  return answer, err, class
end

local function public(s, path)
  local status, body = s:call { method = "GET", url = s.config.rest_url .. path, limit = "public" }
  if not status then return nil, body end
  local answer, err = json.decode(body)
  if type(answer) ~= "table" then return nil, ("%s: HTTP %d: %s"):format(path, status, err or "no table") end
  if answer.error then return nil, path .. ": " .. tostring(answer.error_description or answer.error) end
  return answer
end

-- The cache in front keeps plain calls for 30 s: a unique query goes past it.
local function time_path() return ("/api/server_time?n=%.0f%d"):format(dispatch.now_ms(), math.random(1e6)) end

--- The cheapest call that keeps a connection open.
function M.warm(s) return { method = "GET", url = s.config.rest_url .. time_path() } end

--- The venue's clock in ms.
function M.fetch_time(s)
  local answer, err = public(s, time_path())
  if not answer then return nil, err end
  return tonumber(answer.server_time) or nil, "server_time: no number in the answer"
end

--- Markets by symbol, and as a list; `names` are the venue's own names of one.
function M.fetch_markets(s)
  local pairs_answer, err = public(s, "/api/pairs")
  if not pairs_answer then return nil, err end
  local increments
  increments, err = public(s, "/api/price_increments")
  if not increments then return nil, err end
  local markets = {}
  for _, row in ipairs(pairs_answer) do
    -- base_currency is the quote, traded_currency the base.
    local base, quote = row.traded_currency:upper(), row.base_currency:upper()
    local step = decimal_of((increments.increments or {})[row.ticker_id])
    if step and row.is_market_suspended ~= 1 then
      local market = {
        symbol = row.description, id = row.id, pair = row.ticker_id, base = base, quote = quote,
        base_name = row.traded_currency, quote_name = row.base_currency,
        price_step = step, qty_step = decimal_of(row.quantity_increment) or decimal "0.00000001",
        min_notional = decimal_of(row.trade_min_base_currency),
        min_qty = decimal_of(row.trade_min_traded_currency),
        names = { row.id, row.ticker_id, row.symbol },
      }
      markets[#markets + 1] = market
      markets[market.symbol] = market
    end
  end
  return markets
end

-- Orders: TAPI ------------------------------------------------------------------------------------

--- What this venue cannot do is refused here, before anything is recorded.
function M.check_order(_, order)
  local tif = order.time_in_force
  if order.type ~= "limit" and order.type ~= "market" then
    return nil, "indodax takes limit and market orders, not " .. tostring(order.type)
  end
  if tif ~= "gtc" and tif ~= "post_only" then
    return nil, "indodax knows gtc and post_only, not " .. tostring(tif)
  end
  if order.type == "limit" then
    if not order.price or not order.qty then return nil, "a limit order needs price and qty" end
    return true
  end
  if tif == "post_only" then return nil, "a market order cannot be post_only" end
  if order.price then return nil, "a market order has no price" end
  if order.side == "sell" then
    if not order.qty then return nil, "a market sell needs qty" end
  elseif not order.amount or order.qty then
    return nil, "a market buy on indodax needs `amount` (quote currency to spend) instead of qty"
  end
  return true
end

-- order_id as the WebSocket prints it; REST shows the number alone, unique only within the pair.
local function full_order_id(market, order_type, number)
  return ("%s-%s-%s"):format(market.id, order_type, number)
end

local function short_order_id(order_id) return order_id:match("%-([^-]+)$") end

function M.submit(s, order)
  local market = s.markets[order.symbol]
  local parameters = { "pair", market.pair, "type", order.side }
  local function add(name, value)
    parameters[#parameters + 1], parameters[#parameters + 2] = name, tostring(value)
  end
  if order.price then add("price", order.price) end
  if order.qty then add(market.base_name, order.qty) else add(market.quote_name, order.amount) end
  add("order_type", order.type)
  if order.type == "limit" then
    add("time_in_force", order.time_in_force == "post_only" and "MOC" or "GTC")
  end
  add("client_order_id", order.client_order_id)
  return tapi(s, "trade", parameters)
end

-- The answer is an acknowledgement and no more: it says 0 executed even when all was.
function M.submit_answer(s, order, status, body)
  local answer, reason, class = read_answer(status, body)
  if answer then
    local number = text_of(answer.order_id)
    local market = s.markets[order.symbol]
    return { status = "new", order_id = number and full_order_id(market, order.type, number) }
  end
  if class == "unknown" then return nil, reason end
  -- Our id is taken: an earlier request of ours arrived, or the venue is confused. Ask.
  if class == "exists" then return { status = "unanswered", needs_asking = true, reason = reason } end
  if class == "limit" then s.limiter:block("submit", order.symbol, 5, dispatch.now()) end
  if class == "limit_ip" then s:pause(5) end
  if class == "clock" then s:refresh_clock() end
  if class == "permanent" then s.private:lost(reason, "permanent") end
  return { status = "rejected", reason = reason }
end

function M.cancel(s, order)
  if order.client_order_id and not order.external then
    return tapi(s, "cancelByClientOrderId", { "client_order_id", order.client_order_id })
  end
  return tapi(s, "cancelOrder", {
    "pair", s.markets[order.symbol].pair, "order_id", short_order_id(order.order_id),
    "type", order.side, "order_type", order.order_id:match("%-(%w+)%-") or "limit",
  })
end

function M.cancel_answer(s, _, status, body)
  local answer, reason, class = read_answer(status, body)
  if answer then return { status = "canceled" } end
  if class == "limit" then s.limiter:block("cancel", nil, 1, dispatch.now()) end
  if class == "limit" or class == "clock" then
    if class == "clock" then s:refresh_clock() end
    return { status = "cancel_refused", reason = reason, needs_asking = true }
  end
  return nil, reason               -- no statement about the order: it is asked about
end

local function listed_report(s, market, row)
  local number, kind = text_of(row.order_id), row.order_type or "limit"
  local report = {
    status = "working", client_order_id = text_of(row.client_order_id),
    order_id = full_order_id(market, kind, number), symbol = market.symbol, side = row.type,
    type = kind == "stoplimit" and "stop_limit" or kind,
    price = kind ~= "market" and decimal_of(row.price) or nil,
    time = tonumber(row.submit_time),
  }
  local total, left = row["order_" .. market.base_name], row["remain_" .. market.base_name]
  if total ~= nil and left ~= nil then                       -- counted in coin: exact
    report.qty = decimal_of(total)
    report.cum_qty = report.qty - decimal_of(left)
    return report
  end
  -- A buy counts in quote, the fee reserve included: how much was executed is for the fills to say.
  local suffix = row["order_" .. market.quote_name] ~= nil and market.quote_name or "rp"
  total, left = decimal_of(row["order_" .. suffix]), decimal_of(row["remain_" .. suffix])
  report.may_have_fills = total == nil or left == nil or left < total
  if report.price and total and not s.orders:find(s.name, report.client_order_id, report.order_id) then
    report.qty = total:div(report.price, 8, "down")         -- the fee reserve included: too much
    report.is_qty_estimate = true
  end
  return report
end

--- The venue's open orders as reports: one call for all pairs. None comes as null, [] or {}.
function M.fetch_open_orders(s)
  local answer, err, class = query(s, "openOrders", {})
  if not answer then return nil, err, class end
  local reports = {}
  if type(answer.orders) ~= "table" then return reports end
  for pair, rows in pairs(answer.orders) do
    local market = s.by_venue_symbol[pair]
    for _, row in ipairs(market and type(rows) == "table" and rows or {}) do
      reports[#reports + 1] = listed_report(s, market, row)
    end
  end
  return reports
end

local order_status = { open = "working", filled = "filled", cancelled = "canceled" }

--- One order as a report; nil, "not_found" when the venue does not find it (which proves nothing).
function M.fetch_order(s, order)
  local market = s.markets[order.symbol]
  local answer, err, class
  if order.client_order_id and not order.external then
    answer, err, class = query(s, "getOrderByClientOrderId",
                               { "client_order_id", order.client_order_id })
  else
    answer, err, class = query(s, "getOrder", { "pair", market.pair,
                                                "order_id", short_order_id(order.order_id) })
  end
  if not answer then return nil, class == "not_found" and "not_found" or err, class end
  local row = answer.order
  if type(row) ~= "table" then return nil, "getOrder: no order in the answer" end
  row.order_type = row.order_type or order.type
  local status = order_status[row.status]
  if not status then return nil, "unknown order status " .. tostring(row.status) end
  local report = listed_report(s, market, row)
  report.status = status
  if status == "filled" then
    report.cum_qty = not order.is_qty_estimate and order.qty or report.cum_qty
  end
  if status == "canceled" and report.cum_qty == nil then report.may_have_fills = true end
  return report
end

-- Fills: Trade API 2 ------------------------------------------------------------------------------

local function history(s, path, parameters)
  local c = s.config
  local text = ("%s&timestamp=%.0f&recvWindow=%d"):format(parameters, s:venue_ms(), RECV_WINDOW_MS)
  local secret = c.history_secret or c.secret
  local status, body = s:call {
    method = "GET", url = (c.history_url or c.rest_url) .. path .. "?" .. text, limit = "query",
    headers = { { "Accept", "application/json" }, { "Content-Type", "application/json" },
                { "X-APIKEY", c.history_key or c.key },
                { "Sign", secret:hmac(c.history_sign or "sha512", text, "hex") } },
  }
  if not status then return nil, body end
  local answer = json.decode(body)
  if type(answer) ~= "table" then return nil, ("HTTP %d, no JSON"):format(status) end
  if answer.code then
    return nil, ("%s (%s)"):format(tostring(answer.error or answer.msg), tostring(answer.code))
  end
  return answer.data
end

-- What was really paid stands in quoteQty; `price` is exact where it agrees with that.
local function trade_price(row)
  local price, qty, paid = decimal_of(row.price), decimal_of(row.qty), decimal_of(row.quoteQty)
  if not paid or price and price > decimal "0" and (price * qty - paid):abs() < decimal "1" then
    return price
  end
  return paid:div(qty, 8, "half_even")
end

--- The executions of one order as reports.
function M.fetch_fills(s, order)
  local market = s.markets[order.symbol]
  local which = order.order_id and "orderId=" .. order.order_id
    or "clientOrderId=" .. tostring(order.client_order_id)
  local rows, err = history(s, "/api/v2/myTrades", ("symbol=%s&%s&limit=1000"):format(market.id, which))
  if not rows then return nil, err end
  local reports = {}
  for _, row in ipairs(rows) do
    reports[#reports + 1] = {
      trade_id = text_of(row.tradeId), order_id = text_of(row.orderId),
      last_qty = decimal_of(row.qty), last_price = trade_price(row),
      liquidity = row.isMaker and "maker" or "taker", time = tonumber(row.time) / 1000,
      fees = { { asset = tostring(row.commissionAsset):upper(), amount = decimal_of(row.commission) } },
    }
  end
  table.sort(reports, function(a, b) return a.time < b.time end)
  return reports
end

--- Balances by asset.
function M.fetch_balances(s)
  local answer, err, class = query(s, "getInfo", {})
  if not answer then return nil, err, class end
  local balances = {}
  for asset, free in pairs(answer.balance or {}) do
    local held = (answer.balance_hold or {})[asset]
    balances[asset:upper()] = { free = decimal_of(free), held = decimal_of(held or 0) }
  end
  return balances
end

-- Private WebSocket -------------------------------------------------------------------------------

-- Whoever sees the request can repeat it: nothing of it is logged.
local function fetch_token(s)
  local body = { "client=tapi&tapi_key=", s.config.key }
  local status, answer_body = s:call {
    method = "POST", url = s.config.rest_url .. "/api/private_ws/v1/generate_token", body = body,
    headers = { FORM, { "Sign", s.config.secret:hmac("sha512", body, "hex") } },
  }
  local answer, err, class = read_answer(status, answer_body)
  if not answer then return nil, "token: " .. err, class == "permanent" and class or "retry" end
  if type(answer.connToken) ~= "string" or type(answer.channel) ~= "string" then
    return nil, "token: the answer has no connToken or no channel", "retry"
  end
  host.redact(answer.connToken)
  return answer
end

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

M.private = {
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

function M.private.logon(link)
  local s = link.session
  local ok, err, class = s:before_logon()
  if not ok then return nil, err, class end
  local token
  token, err, class = fetch_token(s)                         -- a new one for every connection
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
function M.private.renew(link)
  local token, err = fetch_token(link.session)
  if not token then return nil, err end
  local reply
  reply, err = request(link, "refresh", { token = token.connToken })
  if not reply then return nil, err end
  plan_renewal(link, reply)
  link.session:schedule_renewal()
  return true
end

local at = decode.slots(M.private.paths)
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
local FEE, FEE_ASSET = row "order.fillInformation.fee", row "order.fillInformation.feeAsset"
local TAX, TAX_ASSET = row "order.fillInformation.tax", row "order.fillInformation.taxAsset"
local CLEARING = row "order.fillInformation.clearing"
local CLEARING_ASSET = row "order.fillInformation.clearingAsset"

local NEW, FILL, DONE, CANCELLED, REJECTED, FILLED = 1, 2, 3, 4, 5, 6
local ZERO = decimal "0"
-- A taker may have done better than the order's price, which is all that is sent; a market order has
-- none at all, so its fills are left to be asked for.
local function read_fill(report, fields)
  local x = execution.new()
  if not (decode.decimal_into(x.qty, fields[LAST_QTY])
          or decode.decimal_into(x.qty, fields[OLD_LAST_QTY])) then return end
  if not report.price or report.price:is_zero() then return end
  decimal.set(x.price, report.price)
  local is_taker = fields[PARTICIPANT].word == 2
  x.liquidity, x.time = is_taker and execution.TAKER or execution.MAKER, report.time
  if not (execution.read_fee(x, fields[FEE], fields[FEE_ASSET])
          and execution.read_fee(x, fields[TAX], fields[TAX_ASSET])
          and execution.read_fee(x, fields[CLEARING], fields[CLEARING_ASSET])) then
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
    report.status = report.cum_qty and report.qty and report.cum_qty < report.qty and "canceled"
      or "filled"
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
local none
local report = {
  client_order_id = none, order_id = none, symbol = none, side = none, qty = none, cum_qty = none,
  price = none, time = none, trade_id = none, execution = none, is_provisional = none,
  status = none, reason = none, needs_asking = none, is_inferred = none, by_total = none,
}
local last_symbol = ""
local qty, cum_qty, price = decimal.sum(ZERO), decimal.sum(ZERO), decimal.sum(ZERO)

local sides = { "buy", "sell" }

local function read_order(link, fields)
  local session = link.session
  local symbol = decode.text_like(fields[SYMBOL], last_symbol) or ""
  local market = session.by_venue_symbol[symbol]
  if not market then return link:on_bad_message("order of an unknown market: " .. symbol) end
  last_symbol = symbol
  local r = report
  r.client_order_id, r.order_id = decode.text(fields[CLIENT_ID]), decode.text(fields[ORDER_ID])
  r.symbol, r.side = market.symbol, sides[fields[SIDE].word]
  if not r.side and not session.orders:find(session.name, r.client_order_id, r.order_id) then
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
  session:on_report(r)
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

local function read_updates(link, decoder, first)
  for r = first, decoder.row_count - 1 do read_update(link, decoder:row(r)) end
end

function M.private.read(link, decoder)
  local head, rows = decoder.head, decoder.row_count
  if rows > 0 then
    read_update(link, decoder:row(0))
    if rows > 1 then read_updates(link, decoder, 1) end
    return
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
    return link:lost(decode.text(head[AT_WHY]) or "disconnect", M.private.close_class(code))
  end
  if link.answers_pings and decoder:is_empty_object() then link:send("{}") end
end

local close_classes = { [3005] = "again", [3006] = "again", [3500] = "once", [3502] = "once",
                        [1009] = "permanent" }

--- Centrifugo 5: 3500-3999 and 4500-4999 mean: do not come back.
function M.private.close_class(code, _, http_status)
  if http_status == 403 or http_status == 401 then return "once" end
  if close_classes[code] then return close_classes[code] end
  if code >= 3500 and code <= 3999 or code >= 4500 and code <= 4999 then return "permanent" end
  return "retry"
end

-- Market data -------------------------------------------------------------------------------------

M.market = {
  paths = { "id", "error.code", "error.message", "result.channel", "result.data.data" },
  silence = 35,
}

local SUBSCRIBE = 1
local channels = { book = "market:order-book-", trades = "market:trade-activity-" }
local market_at = decode.slots(M.market.paths)
local MARKET_ID, MARKET_CODE = market_at["id"], market_at["error.code"]
local MARKET_MESSAGE, CHANNEL = market_at["error.message"], market_at["result.channel"]
local DATA = market_at["result.data.data"]

function M.market.logon(link)
  local s = link.session
  local ok, err, class = link:open(s.config.market_url)
  if not ok then return nil, err, class end
  local id = link:request_id()
  local token = s.config.market_token or MARKET_TOKENS[s.config.environment] or MARKET_TOKENS.production
  link:send(json.encode { id = id, params = { token = token } })
  local reply
  reply, err = link:await(id)
  if not reply then return nil, err, "retry" end
  if reply.code then return nil, ("connect: error %d %s"):format(reply.code, reply.message), "retry" end
  return true
end

--- Asks for a feed; a book is seeded from REST, because no push comes on subscribing.
function M.market.subscribe(link, subscription)
  local s = link.session
  local market = s.markets[subscription.symbol]
  if not market then return s.log.error("no market %s to subscribe", subscription.symbol) end
  link:send(json.encode { id = link:request_id(), method = SUBSCRIBE,
                          params = { channel = channels[subscription.feed] .. market.id } })
  if subscription.feed == "book" then s:in_task("first book", M.seed_book, market) end
end

local function levels(rows, qty_of)
  local list = {}
  for i, level in ipairs(rows or {}) do
    local price, qty = qty_of(level)
    list[i] = { price = decimal(price), qty = decimal(qty) }
  end
  return list
end

function M.seed_book(s, market)
  local answer, err = public(s, "/api/depth/" .. market.id)
  if not answer then return s.log.warn("first book of %s: %s", market.symbol, err) end
  if s.desk:book(s.name, market.symbol) then return end      -- a push was faster
  local function pair_of(level) return level[1], level[2] end
  s.desk:on_book(book.new(s.name, market.symbol, levels(answer.buy, pair_of),
                          levels(answer.sell, pair_of), dispatch.now()))
end

local function read_book(s, market, data)
  local field = market.base_name .. "_volume"
  local function qty_of(level) return level.price, level[field] end
  s.desk:on_book(book.new(s.name, market.symbol, levels(data.bid, qty_of), levels(data.ask, qty_of),
                          dispatch.now()))
end

-- [pair, seconds, sequence, taker side, price, quote amount, base quantity]
local function read_trades(s, market, rows)
  for _, trade in ipairs(rows) do
    s.desk:on_trade { venue = s.name, symbol = market.symbol, time = trade[2], side = trade[4],
                      trade_id = text_of(trade[3]), price = decimal_of(trade[5]),
                      qty = decimal_of(trade[7]) }
  end
end

function M.market.read(link, decoder)
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
function M.market.close_class(_, reason)
  local told = json.decode(reason or "")
  if type(told) == "table" and told.reconnect == false then return "permanent" end
  return "retry"
end

return M
