--- Indodax: orders over signed REST (TAPI), their life over a private WebSocket (Centrifugo 5),
--- books and trades over a second one (Centrifugo 2). Each connection has a file in indodax/.
--- Source: the venue's Private-RestAPI, INDODAX-TradeAPI-2 and Public-RestAPI documents.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local rest = require "moonwire.venues.indodax.rest"
local sorted = require "moonwire.sorted"
local understood = require "moonwire.understood"
local values = require "moonwire.values"
local tapi, query, public, history = rest.tapi, rest.query, rest.public, rest.history
local read_answer = rest.read_answer
local text_of, decimal_of, above_0 = values.text_of, values.decimal_of, values.above_0

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
    history_url = { type = "url", is_origin = true,
                    doc = "Trade API 2 (fills); default: rest_url" },
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
    { name = "ip", count = 20, per = 1, kinds = { "submit", "cancel", "query", "history" },
      reserve = 5 },
    { name = "history", count = 250, per = 60 },      -- of 300 by address and call
    { name = "public", count = 150, per = 60 },
  },
}

-- A request that left may still be taken for this long (seconds).
M.late_arrival = rest.RECV_WINDOW_MS / 1000 + 1

--- The cheapest call that keeps a connection open.
function M.warm(s) return { method = "GET", url = s.config.rest_url .. rest.time_path() } end

--- The venue's clock in ms.
function M.fetch_time(s)
  local answer, err = public(s, rest.time_path())
  if not answer then return nil, err end
  return tonumber(answer.server_time) or nil, "server_time: no number in the answer"
end

local function percent_of(value)
  local percent = decimal_of(value)
  return percent and percent * decimal "0.01"
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
        maker_fee = percent_of(row.trade_fee_percent_maker or row.trade_fee_percent),
        taker_fee = percent_of(row.trade_fee_percent_taker or row.trade_fee_percent),
        names = { row.id, row.ticker_id, row.symbol },
      }
      markets[#markets + 1] = market
      markets[market.symbol] = market
    end
  end
  return markets
end

--- What an execution costs (9): a buyer pays in quote as well. What is charged beyond that only a
--- fill tells.
function M.fee_rates(_, market)
  return { asset = market.quote, maker = market.maker_fee, taker = market.taker_fee,
           beside = "clearing and tax" }
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
  if class == "exists" then
    return { status = "unanswered", needs_asking = true, reason = reason }
  end
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

local SOME, NEARLY = decimal "0.00000001", decimal "0.99"

-- At least so much of a buy is executed when so much of its money is left: what it executed paid
-- its price at most, and amounts are rounded.
local function least_executed(qty, total, left)
  if not qty then return SOME end
  return decimal.max(SOME, (qty * (total - left) * NEARLY):div(total, 8, "down"))
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
  local known = s.orders:find(s.name, report.client_order_id, report.order_id)
  if known and total and left and left < total then
    report.least_qty = least_executed(known.qty, total, left)
  elseif not known and report.price and total then
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
  for _, pair in ipairs(sorted.keys(answer.orders)) do
    local market, rows = s.by_venue_symbol[pair], answer.orders[pair]
    for _, row in ipairs(market and type(rows) == "table" and rows or {}) do
      local report = listed_report(s, market, row)
      report.cum_qty = report.cum_qty or report.least_qty
      reports[#reports + 1] = report
    end
  end
  return reports
end

-- What is told in money is a bound of what was executed.
local function tell_total(report, order, status)
  if status == "filled" and order.qty and not order.is_qty_estimate then
    report.cum_qty, report.least_qty = order.qty, nil
  elseif status == "canceled" then
    report.may_have_fills = report.may_have_fills or report.cum_qty == nil
  elseif report.cum_qty == nil then
    report.least_qty = report.least_qty or status == "filled" and SOME or nil
    report.cum_qty = report.least_qty
  end
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
  tell_total(report, order, status)
  return report
end

-- Fills: Trade API 2 ------------------------------------------------------------------------------

-- What was really paid stands in quoteQty; `price` is exact where it agrees with that.
local function trade_price(row)
  local price, qty, paid = decimal_of(row.price), decimal_of(row.qty), decimal_of(row.quoteQty)
  if not paid or price and price > decimal "0" and (price * qty - paid):abs() < decimal "1" then
    return price
  end
  return paid:div(qty, 8, "half_even")
end

local HOUR_MS = 3600000
local DEFAULT_MS, WINDOW_MS, REACH_MS = 23 * HOUR_MS, 144 * HOUR_MS, 30 * 24 * HOUR_MS
local PAGE = 1000

-- Adds the trades of an order since then (the venue's ms), which are asked for by their time: at
-- most 7 days at once. What came in the last ms of a full page comes twice.
local function add_by_time(s, market, order, start, rows)
  local now = s:venue_ms()
  while start < now do
    local stop = math.min(start + WINDOW_MS, now)
    local page, err = history(s, "/api/v2/myTrades",
      ("symbol=%s&startTime=%.0f&endTime=%.0f&limit=%d&sort=asc"):format(market.id, start, stop,
                                                                         PAGE))
    if not page then return nil, err end
    local last = start
    for _, row in ipairs(page) do
      if row.orderId == order.order_id then rows[#rows + 1] = row end
      last = math.max(last, tonumber(row.time) or last)
    end
    start = #page == PAGE and last > start and last or stop
  end
  return rows
end

-- A question without a time is one for the last 24 hours, perhaps one that names an order as well:
-- what is missing of an older order is looked for by its time.
local function add_older(s, market, order, rows)
  local sent = order._sent_at or order.created_at
  if not (sent and order.order_id and order:is_missing_fills()) then return rows end
  local start, now = math.floor(sent * 1000 + s.clock_offset_ms), s:venue_ms()
  if now - start < DEFAULT_MS then return rows end
  return add_by_time(s, market, order, math.max(start - HOUR_MS, now - REACH_MS), rows)
end

--- The executions of one order as reports.
function M.fetch_fills(s, order)
  local market = s.markets[order.symbol]
  local which = order.order_id and "orderId=" .. order.order_id
    or "clientOrderId=" .. tostring(order.client_order_id)
  local parameters = ("symbol=%s&%s&limit=1000"):format(market.id, which)
  local rows, err = history(s, "/api/v2/myTrades", parameters)
  if rows then rows, err = add_older(s, market, order, rows) end
  if not rows then return nil, err end
  local reports = {}
  for _, row in ipairs(rows) do
    reports[#reports + 1] = {
      trade_id = text_of(row.tradeId), order_id = text_of(row.orderId),
      last_qty = above_0(row.qty), last_price = above_0(trade_price(row)),
      liquidity = row.isMaker and "maker" or "taker", time = tonumber(row.time) / 1000,
      fees = { { asset = row.commissionAsset:upper(), amount = decimal(row.commission) } },
    }
  end
  table.sort(reports, function(a, b) return a.time < b.time end)
  return reports
end

local finished_status = { FILLED = "filled", CANCELLED = "canceled", REJECTED = "rejected" }

--- The orders in one symbol that finished since then (seconds since 1970), as reports.
function M.fetch_finished_orders(s, symbol, since)
  local market, reports = s.markets[symbol], {}
  local start = math.floor(since * 1000 + s.clock_offset_ms)
  while true do
    local rows, err = history(s, "/api/v2/order/histories",
      ("symbol=%s&startTime=%.0f&endTime=%.0f&limit=1000&sort=asc"):format(market.id, start,
                                                                           s:venue_ms()))
    if not rows then return nil, err end
    local last = start
    for _, row in ipairs(rows) do
      reports[#reports + 1] = {
        status = finished_status[row.status], client_order_id = text_of(row.clientOrderId),
        order_id = text_of(row.orderId), symbol = symbol, side = row.side:lower(),
        type = row.type:lower(), price = row.type ~= "MARKET" and decimal_of(row.price) or nil,
        qty = decimal_of(row.oriQty), is_qty_estimate = row.type == "MARKET" and row.side == "BUY",
        cum_qty = decimal_of(row.executedQty), time = tonumber(row.submitTime) / 1000,
      }
      last = math.max(last, tonumber(row.finishTime) or last)
    end
    if #rows < 1000 or last == start then return reports end
    start = last                       -- what ended in that very ms comes twice
  end
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

understood(M)

M.countdown = require "moonwire.venues.indodax.countdown"
M.private = require "moonwire.venues.indodax.private"
M.market = require "moonwire.venues.indodax.market"

return M
