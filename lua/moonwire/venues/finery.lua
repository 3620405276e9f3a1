--- Finery Markets: an institutional network without prepaid balances: each deal changes a position
--- against a counterparty, which is settled later. Orders and questions go over one private
--- WebSocket (over REST while that is down), books over a second one. A taker's orders never rest,
--- a maker's may.
--- Source: the API reference at faq.finerymarkets.com: Websocket API, feeds, REST API, List of
--- Error Codes.

local account = require "moonwire.venues.finery.account"
local changes = require "moonwire.venues.finery.changes"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local json = require "moonwire.json"
local private = require "moonwire.venues.finery.private"
local understood = require "moonwire.understood"
local wire = require "moonwire.venues.finery.wire"

---@class moonwire.venue.Finery : moonwire.Venue
local M = {
  name = "finery",
  environments = {
    production = {
      rest_url = "https://trade.finerymarkets.com",
      private_url = "wss://trade.finerymarkets.com/ws",
      market_url = "wss://trade.finerymarkets.com/ws",
    },
    demo = {
      rest_url = "https://test.finerymarkets.com",
      private_url = "wss://test.finerymarkets.com/ws",
      market_url = "wss://test.finerymarkets.com/ws",
    },
  },
  options = {
    role = { type = "string", choices = { "taker", "maker" }, default = "taker",
             doc = "of the account: a taker's orders are ioc and fok, a maker's gtc and "
               .. "post_only" },
    exclusive = { type = "boolean", default = false,
                  doc = "nothing else trades on this account: what is open there is ours, and may "
                    .. "be canceled by one request" },
  },
  -- Nothing is published but the connections per IP.
  limits = {
    { name = "key", count = 10, per = 1, kinds = { "submit", "cancel", "query" }, reserve = 3 },
  },
  client_order_ids = "number",
  one_at_a_time = true,                        -- the nonce of a key only ever rises
  late_arrival = 10,
  private = private,
}

function M.capabilities(config)
  local is_maker = config.role == "maker"
  return {
    client_order_id = true, trade_ids = true, market_data = true, post_only = is_maker,
    market_orders = not is_maker, ioc = not is_maker, fok = not is_maker,
    cancel_on_disconnect = is_maker, replace = is_maker,
    cancel_all = is_maker and config.exclusive == true,
  }
end

function M.check_config(config)
  if not config.exclusive or config.role == "maker" then return {} end
  return { { "exclusive", 'for role = "maker": a taker has nothing open' } }
end

-- Markets -----------------------------------------------------------------------------------------

--- Markets by symbol, and as a list. A price is a multiple of the quote's balance step, a size of
--- the base's.
function M.fetch_markets(s)
  local answer, err, class = wire.ask(s, "instruments", "{}")
  if not answer then return nil, err, class end
  local steps, markets = {}, {}
  for _, currency in ipairs(answer[1]) do steps[currency[1]] = wire.amount(currency[3]) end
  for _, row in ipairs(answer[2]) do
    local name, base, quote = row[1], row[3], row[4]
    -- A synthetic one (ETH-USD:USDT-USD) trades by other calls.
    if steps[base] and steps[quote] and not name:find(":", 1, true) then
      local market = {
        symbol = base .. "/" .. quote, base = base, quote = quote, price_step = steps[quote],
        qty_step = steps[base], name = name, names = { name, wire.digits(row[2]) },
        head = '{"instrument":' .. json.encode(name) .. ',"clientOrderId":',
      }
      markets[#markets + 1] = market
      markets[market.symbol] = market
    end
  end
  return markets
end

--- A taker pays no trading fee; what a maker pays is not published.
function M.fee_rates(s, market)
  if s.config.role == "maker" then return nil end
  return { asset = market.quote, taker = decimal "0" }
end

-- Orders ------------------------------------------------------------------------------------------

-- [role][type][time_in_force] = the venue's type (add). A market order never rests.
local types = {
  taker = { limit = { ioc = "limitIOC", fok = "limitFOK" },
            market = { ioc = "marketIOC", fok = "marketFOK", gtc = "marketIOC" } },
  maker = { limit = { gtc = "limit", post_only = "postOnly" } },
}
local takes = {
  taker = "a taker on finery sends limit and market orders that are ioc or fok",
  maker = "a maker on finery sends limit orders that are gtc or post_only",
}

local function too_much(name, amount)
  return nil, ("%s %s is not above 0 or beyond what finery can count"):format(name,
                                                                              tostring(amount))
end

-- Without a loop: an order on its way is compiled as one piece.
local function check_amounts(order)
  local price, qty, amount = order.price, order.qty, order.amount
  if price and not wire.fits(price) then return too_much("price", price) end
  if qty and not wire.fits(qty) then return too_much("qty", qty) end
  if amount and not wire.fits(amount) then return too_much("amount", amount) end
  return true
end

--- What this venue cannot do is refused here, before anything is recorded.
function M.check_order(s, order)
  local role = s.config.role
  local of_type = types[role][order.type]
  if not (of_type and of_type[order.time_in_force]) then
    return nil, ("%s, not %s %s"):format(takes[role], order.type, order.time_in_force)
  end
  if order.type == "limit" and not (order.price and order.qty) then
    return nil, "a limit order needs price and qty"
  end
  if order.type == "market" then
    if order.price then return nil, "a market order has no price" end
    if (order.qty ~= nil) == (order.amount ~= nil) then
      return nil, "a market order needs qty or amount, and not both"
    end
  end
  return check_amounts(order)
end

local sides = { buy = "bid", sell = "ask" }

-- The content of `add`. What rests ends with the connection, unless dead_man is off.
local function content_of(s, order)
  local config = s.config
  local role = config.role
  local text = s.markets[order.symbol].head .. order.client_order_id
  if order.price then text = text .. ',"price":' .. wire.units(order.price) end
  if order.qty then text = text .. ',"size":' .. wire.units(order.qty)
  else text = text .. ',"volume":' .. wire.units(order.amount) end
  text = text .. ',"side":"' .. sides[order.side] .. '","type":"'
    .. types[role][order.type][order.time_in_force]
  if role == "maker" then
    return text .. (config.dead_man and '","cod":true}' or '","cod":false}')
  end
  return text .. '","cod":false,"qsEnabled":false,"firmBookEnabled":true}'
end
M.content_of = content_of

function M.submit(s, order)
  local link = s.private
  local id = link:request_id()
  -- The venue holds a taker's order before it answers: never give up at once.
  return { id = id, text = wire.text(id, "add", content_of(s, order)),
           timeout = math.max(2, s.config.request_timeout) }
end

local slots = private.slots
local cancel_reasons = private.cancel_reasons
local left = decimal.sum(decimal.ZERO)

-- One of the deals that a reply tells. It has no time of its own: feed O brings that.
local function read_deal(order_id, fields)
  local x = execution.new()
  if not (decode.units_into(x.price, fields[slots.deal_price], wire.DECIMALS)
          and decode.units_into(x.qty, fields[slots.deal_size], wire.DECIMALS)) then
    error("a deal without price or size", 0)
  end
  x.liquidity, x.time = execution.TAKER, dispatch.now()
  return { order_id = order_id, trade_id = decode.id(fields[slots.deal_id]), execution = x,
           time = x.time }
end

-- How an order stands by a reply that names no error. (add: "reply".)
local function status_of(s, head, deal_count)
  local remaining = head[slots.remaining_size]
  if remaining.type == 0 then remaining = head[slots.remaining_volume] end
  if not decode.units_into(left, remaining, wire.DECIMALS) then return nil end
  if left:sign() == 0 then return "filled" end
  local why = decode.integer(head[slots.cancel_reason]) or 0
  if why == 0 and s.config.role == "maker" then
    return deal_count > 0 and "partially_filled" or "new"
  end
  return "canceled", cancel_reasons[why == 0 and 2 or why]
end

local function read_refusal(s, code, param)
  local reason, class = wire.explain(code, param)
  if class == "unknown" then return nil, reason end
  -- Our id is taken: an earlier request of ours arrived, or the venue is confused. Ask.
  if class == "exists" then
    return { status = "unanswered", needs_asking = true, reason = reason }
  end
  if class == "permanent" then dispatch.defer(s.private, "lost", reason, "permanent") end
  return { status = "rejected", reason = reason }
end

function M.submit_answer(s, order, _, decoder)
  local head, count = decoder.head, decoder.row_count
  local code = private.error_of(head)
  if code then return read_refusal(s, code, decode.text(head[slots.param])) end
  local status, reason = status_of(s, head, count)
  local order_id = wire.field_id(head[slots.id])
  if not (status and order_id) then return nil, "a reply without id or remaining size" end
  for r = 0, count - 2 do s:apply(order, read_deal(order_id, decoder:row(r))) end
  if count == 0 then return { status = status, order_id = order_id, reason = reason } end
  local report = read_deal(order_id, decoder:row(count - 1))
  report.status, report.reason = status, reason
  return report
end

--- Over REST while the private connection is down: the order may live on.
function M.cancel(s, order)
  local content = order.order_id and '{"orderId":' .. order.order_id .. "}"
    or '{"clientOrderId":' .. order.client_order_id .. "}"
  local link = s.private
  if link.state ~= "live" then return wire.rest(s, "del", content) end
  local id = link:request_id()
  return { id = id, text = wire.text(id, "del", content),
           timeout = math.max(2, s.config.request_timeout) }
end

local function canceled(order, remaining)
  return { status = "canceled", reason = "client",
           cum_qty = order.qty and remaining and order.qty - remaining or nil }
end

-- What a refused cancel means: the order may have ended, or the request had no effect.
local function read_cancel_refusal(s, order, reason, class)
  if class == "nonce" or class == "clock" then
    return { status = "cancel_refused", reason = reason, needs_asking = true }
  end
  -- (One that the venue had not shown when the cancel left may come after it.)
  if class == "gone" and order._was_seen and order.previous_status ~= "pending_new" then
    changes.note_gone(s, order)
  end
  return nil, reason               -- no statement about the order: it is asked about
end

function M.cancel_answer(s, order, status, body)
  if type(body) == "string" then
    local answer, reason, class = wire.read_rest(s, status, body)
    if not answer then return read_cancel_refusal(s, order, reason, class) end
    return canceled(order, answer.remainingSize and wire.amount(answer.remainingSize))
  end
  local head = body.head
  local code = private.error_of(head)
  if code then
    return read_cancel_refusal(s, order, wire.explain(code, decode.text(head[slots.param])))
  end
  if head[slots.id].type == 0 then return nil, "an answer that names no order" end
  local has_size = decode.units_into(left, head[slots.remaining_size], wire.DECIMALS)
  return canceled(order, has_size and left)
end

M.replace, M.replace_answer = changes.replace, changes.replace_answer
M.cancel_all, M.cancel_all_answer = changes.cancel_all, changes.cancel_all_answer

-- Questions ---------------------------------------------------------------------------------------

-- An order row (feed O) as a report.
local function listed_report(s, row)
  local market = s.by_venue_symbol[row[1]]
  local kind = private.kinds[tonumber(row[2])] or private.kinds[0]
  local price = wire.amount(row[7])
  local report = {
    status = "working", order_id = wire.id(row[5]), client_order_id = wire.id(row[6]),
    symbol = market.symbol, side = wire.digits(row[3]) == "0" and "buy" or "sell", type = kind[1],
    time_in_force = kind[2], price = price:sign() > 0 and price or nil,
    time = tonumber(row[10]) / 1000,
  }
  if (wire.digits(row[11]) or "0") == "0" then
    report.qty = wire.amount(row[8])
    report.cum_qty = report.qty - wire.amount(row[9])
  else
    report.may_have_fills = true
  end
  return report
end

--- The venue's open orders: those that rest, which are makers' alone.
function M.fetch_open_orders(s)
  local answer, err, class = wire.ask(s, "positions", "{}")
  if not answer then return nil, err, class end
  local reports = {}
  for _, row in ipairs(answer[3] or {}) do
    if s.by_venue_symbol[row[1]] then reports[#reports + 1] = listed_report(s, row) end
  end
  return reports
end

local PAGE, EARLIER_SECONDS = 250, 60        -- of dealHistory; before the order was sent

-- One page of deal rows (feed O) of one instrument, newest first; since then (ms since 1970) and
-- before that deal, where these are given.
local function fetch_page(s, symbol, from, till)
  return wire.ask(s, "dealHistory", ('{"instrument":%s%s%s,"limit":%d}'):format(
    json.encode(s.markets[symbol].name), from and ',"from":' .. from or "",
    till and ',"till":' .. till or "", PAGE))
end

local function add_wanted(found, rows, is_wanted)
  for _, row in ipairs(rows) do
    if is_wanted(row) then found[#found + 1] = row end
  end
  return found
end

-- All of them since then (seconds since 1970) that is_wanted(row).
local function fetch_rows(s, symbol, since, is_wanted)
  local found, till, from = {}, nil, ("%.0f"):format(since * 1000)
  while true do
    local rows, err, class = fetch_page(s, symbol, from, till)
    if not rows then return nil, err, class end
    add_wanted(found, rows, is_wanted)
    if #rows < PAGE then return found end
    local last = wire.digits(rows[#rows][12])
    if last == till then return nil, "dealHistory repeats itself" end
    till = last
  end
end

local function fetch_deals(s, order)
  local sent = order._sent_at or order.created_at or dispatch.now()
  local function is_own(row) return s:is_of(order, wire.id(row[6]), wire.id(row[5])) end
  local deals, err, class = fetch_rows(s, order.symbol, sent - EARLIER_SECONDS, is_own)
  if not deals or deals[1] then return deals, err, class end
  -- Our clock may be another one than the venue's, or was: then nothing is found by time.
  local rows
  rows, err, class = fetch_page(s, order.symbol)
  if not rows then return nil, err, class end
  return add_wanted(deals, rows, is_own)
end

-- The deals of what an order is now, and not of what it was before it was replaced.
local function of_now(s, order, deals)
  local first, rows = nil, {}
  for _, row in ipairs(deals) do
    local order_id = wire.id(row[5])
    if not s:is_past(order, wire.id(row[6]), order_id) and order_id == (first or order_id) then
      first, rows[#rows + 1] = order_id, row
    end
  end
  return rows
end

-- The order's row among those that are open, as a report; false: it is not there.
local function fetch_listed(s, order)
  local open, err, class = M.fetch_open_orders(s)
  if not open then return nil, err, class end
  for _, report in ipairs(open) do
    if s:is_of(order, report.client_order_id, report.order_id) then return report end
  end
  return false
end

-- How an order that is not listed ended, by its deals, newest first.
local function ended_by(order, deals)
  local total, newest = decimal "0", deals[1]
  for _, row in ipairs(deals) do total = total + wire.amount(row[15]) end
  local qty = order.qty and wire.amount(newest[8]) or nil
  local is_filled = qty and total >= qty or wire.digits(newest[9]) == "0"
  return { status = is_filled and "filled" or "canceled", order_id = wire.id(newest[5]),
           client_order_id = wire.id(newest[6]), qty = qty, cum_qty = total,
           reason = not is_filled and "remainder dropped" or nil }
end

--- One order as a report; nil, "not_found" when it is neither open nor has deals. The venue has no
--- question for one order: an open one is listed, and what has deals and is not listed has ended.
function M.fetch_order(s, order)
  local listed, err, class = fetch_listed(s, order)
  if listed or listed == nil then return listed, err, class end
  local deals
  deals, err, class = fetch_deals(s, order)
  if not deals then return nil, err, class end
  deals = of_now(s, order, deals)
  if #deals == 0 then
    -- It was seen, is not listed, and a cancel did not find it either: it has ended.
    if changes.is_gone(s, order) then
      return { status = "canceled", reason = "not_found", is_inferred = true }
    end
    return nil, "not_found"
  end
  local report = ended_by(order, deals)
  if report.status == "filled" or s.config.role ~= "maker" then return report end
  -- It may have arrived behind the list, and rest.
  listed, err, class = fetch_listed(s, order)
  if listed == false then return report end
  return listed, err, class
end

--- A taker's order that is nowhere matched nothing; a maker's may have rested, and have ended with
--- the connection.
function M.not_found_means(s, order)
  return (s.config.role == "maker" or order._was_seen) and "canceled" or "rejected"
end

--- The executions of one order as reports, oldest first.
function M.fetch_fills(s, order)
  local deals, err, class = fetch_deals(s, order)
  if not deals then return nil, err, class end
  local reports = {}
  for i = #deals, 1, -1 do
    local row = deals[i]
    reports[#reports + 1] = {
      trade_id = wire.id(row[12]), order_id = wire.id(row[5]),
      client_order_id = wire.id(row[6]), qty = order.qty and wire.amount(row[8]),
      last_price = wire.amount(row[14]),
      last_qty = wire.amount(row[15]), fees = {}, time = tonumber(row[11]) / 1000,
      liquidity = wire.digits(row[13]) == wire.digits(row[3]) and "taker" or "maker",
    }
  end
  return reports
end

-- The newest deal row of an order as a report of its end.
local function ended_report(row, symbol)
  local kind = private.kinds[tonumber(row[2])] or private.kinds[0]
  local price, has_size = wire.amount(row[7]), (wire.digits(row[19]) or "0") == "0"
  return {
    status = wire.digits(row[9]) == "0" and "filled" or "canceled", order_id = wire.id(row[5]),
    client_order_id = wire.id(row[6]), symbol = symbol,
    side = wire.digits(row[3]) == "0" and "buy" or "sell", type = kind[1],
    time_in_force = kind[2], price = price:sign() > 0 and price or nil,
    qty = has_size and wire.amount(row[8]) or nil, time = tonumber(row[10]) / 1000,
    cum_qty = has_size and wire.amount(row[8]) - wire.amount(row[9]) or nil,
  }
end

--- The orders that traded since then: of others that have ended the venue keeps nothing.
function M.fetch_finished_orders(s, symbol, since)
  local rows, err = fetch_rows(s, symbol, since + s.clock_offset_ms / 1000, function(row)
    return wire.id(row[6]) ~= nil
  end)
  if not rows then return nil, err end
  local reports, is_known = {}, {}
  for _, row in ipairs(rows) do
    local order_id = wire.id(row[5])
    if not is_known[order_id] then reports[#reports + 1] = ended_report(row, symbol) end
    is_known[order_id] = true
  end
  return reports
end

--- Positions, summed over the counterparties: what feed K has told, or an answer.
function M.fetch_balances(s)
  if s.private.state == "live" and s.memory.positions then
    return account.balances(s.memory.positions)
  end
  local answer, err, class = wire.ask(s, "positions", "{}")
  if not answer then return nil, err, class end
  return account.balances(account.positions(answer[2] or {}))
end

understood(M)

M.market = require "moonwire.venues.finery.market"

return M
