--- Peatio: orders over REST, the same in all dialects but for the paths (api.lua).
--- Sections 4.2, 6 to 9 and 12 of the venue's page.

local candidates = require "moonwire.candidates"
local json = require "moonwire.json"
local rest = require "moonwire.venues.peatio.rest"
local values = require "moonwire.values"
local text_of, decimal_of, above_0 = values.text_of, values.decimal_of, values.above_0

local M = {}
local PAGE, LOOK_BACK = 1000, 100
local FLOAT_DIGITS = 15               -- 1.8.57 and later read numbers as 64-bit floats

M.sides = { sell = "sell", buy = "buy", ask = "sell", bid = "buy" }
-- What a state says when it was asked for; `pending`: taken, and not checked yet.
M.states = { wait = "working", done = "filled", cancel = "canceled", reject = "rejected" }

-- Reading -----------------------------------------------------------------------------------------

local function time_of(value) return values.iso_seconds(value) or tonumber(value) end

--- The report of an order's row; raises for what is no order.
function M.read_order(s, row)
  local market = type(row) == "table" and s.by_venue_symbol[row.market or ""]
  if not market then error("an order without a market that is known", 0) end
  local status = M.states[row.state]
  if not status and row.state ~= "pending" then
    error("unknown order state " .. tostring(row.state), 0)
  end
  local report = {
    status = status, order_id = text_of(row.id), symbol = market.symbol,
    side = M.sides[row.side or row.kind or ""], type = row.ord_type or "limit",
    price = decimal_of(row.price), qty = decimal_of(row.origin_volume or row.volume),
    cum_qty = decimal_of(row.executed_volume), time = time_of(row.created_at),
  }
  if not (report.order_id and report.side and report.qty) then
    error("an order without id, side or volume", 0)
  end
  local left = decimal_of(row.remaining_volume)
  report.cum_qty = report.cum_qty or left and report.qty - left
  -- 4.3: a market order that ran out of the money it had locked.
  if status == "canceled" and report.type == "market" then report.reason = "funds" end
  return report
end

--- Before there is an execution: the same for maker and taker, taken from what comes in (6).
function M.fee_rates(_, market, side)
  local rate = market.buy_fee
  if side == "sell" then rate = market.sell_fee end
  return { asset = side == "sell" and market.quote or market.base, maker = rate, taker = rate }
end

--- The fee of an execution, which 1.8 does not tell: income x rate of the market (6).
local function fee_of(market, side, price, qty)
  if side == "sell" then
    return market.sell_fee and { asset = market.quote, amount = price * qty * market.sell_fee }
  end
  return market.buy_fee and { asset = market.base, amount = qty * market.buy_fee }
end

local function liquidity_of(row, side)
  local maker, taker = M.sides[row.maker_type], M.sides[row.taker_type]
  if maker then return maker == side and "maker" or "taker" end
  if taker then return taker == side and "taker" or "maker" end
end

-- One trade of an order; its `side` is the order's here, or says nothing.
local function read_fill(market, side, row)
  local price, qty = above_0(row.price), above_0(row.amount or row.volume)
  local fee
  if text_of(row.fee_currency) and decimal_of(row.fee_amount) then
    fee = { asset = row.fee_currency:upper(), amount = decimal_of(row.fee_amount) }
  else
    fee = fee_of(market, side, price, qty)
  end
  return { trade_id = text_of(row.id), last_price = price, last_qty = qty,
           liquidity = liquidity_of(row, side), time = time_of(row.created_at), fees = { fee } }
end

-- The executions in an order's row, by id: times have whole seconds.
local function read_fills(s, row, report)
  local market, fills = s.markets[report.symbol], {}
  for i, trade in ipairs(row.trades or {}) do fills[i] = read_fill(market, report.side, trade) end
  table.sort(fills, function(a, b) return candidates.is_above(b.trade_id, a.trade_id) end)
  return fills
end

-- Own ids -----------------------------------------------------------------------------------------

-- The highest id of an own order in each market: a lost order has a higher one (8).
local function note_id(s, report)
  local highest = s.memory.highest or {}
  s.memory.highest = highest
  local known = highest[report.symbol]
  if not known or candidates.is_above(report.order_id, known) then
    highest[report.symbol] = report.order_id
  end
end

-- An order's _mark: the highest id when it was sent, as text; later what the stream has shown of
-- it (stream.lua).
local function mark(s, order) order._mark = (s.memory.highest or {})[order.symbol] or "0" end

-- Sending -----------------------------------------------------------------------------------------

local function significant_digits(value)
  return #tostring(value):gsub("[-.]", ""):gsub("^0+", "")
end

local function check_amounts(order)
  for _, name in ipairs { "price", "qty" } do
    if order[name] and significant_digits(order[name]) > FLOAT_DIGITS then
      return nil, ("%s %s has more than %d digits: peatio would not keep them all"):format(
        name, order[name], FLOAT_DIGITS)
    end
  end
  return true
end

--- What this venue cannot do is refused here, before anything is recorded.
function M.check_order(s, order)
  if order.type ~= "limit" and order.type ~= "market" then
    return nil, "peatio takes limit and market orders, not " .. tostring(order.type)
  end
  if order.time_in_force ~= "gtc" then
    return nil, "peatio knows gtc alone, not " .. tostring(order.time_in_force)
  end
  if not order.qty or order.amount then
    return nil, "peatio wants `qty` in base currency, for market orders too"
  end
  if order.type == "limit" and not order.price then return nil, "a limit order needs a price" end
  if order.type == "market" and order.price then return nil, "a market order has no price" end
  local ok, err = candidates.refuse_twin(s, order)
  if not ok then return nil, err end
  return check_amounts(order)
end

function M.submit(s, order)
  local market = s.markets[order.symbol]
  mark(s, order)
  candidates.note_sent(s, order)
  local parameters = { "market", market.id, "side", order.side, "volume", order.qty,
                       "ord_type", order.type }
  if order.price then
    parameters[#parameters + 1], parameters[#parameters + 2] = "price", order.price
  end
  return rest.request(s, "POST", s.protocol.api.place_path, parameters)
end

-- The venue cuts what is finer than its market, without a word: what is there now is the order.
local function check_kept(s, order, report)
  if report.qty == order.qty and (not order.price or report.price == order.price) then return end
  s.log.error("%s: the venue made it %s at %s: put the decimals of %s into `precision` of the "
              .. "configuration", order, report.qty, report.price, order.symbol)
  order.is_qty_estimate = true                               -- the report's quantity counts
  if order.price then order.price = report.price end
end

-- Of an order that is open by the answer: which says nothing of matching, only that it was written.
local function open_status(report)
  if report.status ~= "working" then return report.status end
  return report.cum_qty and not report.cum_qty:is_zero() and "partially_filled" or "new"
end

local function read_answered_order(s, body)
  local ok, report = pcall(M.read_order, s, json.decode(body))
  if ok then return report end
  return nil, "answer not understood: " .. tostring(report)
end

function M.submit_answer(s, order, status, body, headers)
  local row, reason, class = rest.read_answer(status, body)
  if row == nil then
    if class == "unknown" then return nil, reason end
    rest.on_refusal(s, class, headers)
    return { status = "rejected", reason = reason }
  end
  local report
  report, reason = read_answered_order(s, body)
  if not report then return nil, reason end
  note_id(s, report)
  check_kept(s, order, report)
  if s.protocol.on_answered then s.protocol.on_answered(s, order, report) end
  -- The end of a market order without funds is told by nobody; neither is a `pending` one's.
  local must_ask = order.type == "market" or row.state == "pending"
  return { status = open_status(report), order_id = report.order_id, qty = report.qty,
           cum_qty = report.cum_qty, reason = report.reason,
           needs_asking = must_ask and "to_the_end" or nil }
end

function M.cancel(s, order)
  local path, parameters = s.protocol.api.cancel(order.order_id)
  return rest.request(s, "POST", path, parameters)
end

--- The venue answers with the order as it was and cancels later: until then it is asked about.
function M.cancel_answer(s, _, status, body, headers)
  local row, reason, class = rest.read_answer(status, body)
  if row == nil then
    rest.on_refusal(s, class, headers)
    if class == "limit" or class == "token" then
      return { status = "cancel_refused", reason = reason, needs_asking = true }
    end
    return nil, reason
  end
  local report
  report, reason = read_answered_order(s, body)
  if not report then return nil, reason end
  if report.status == "working" then report.status, report.needs_asking = nil, "to_the_end" end
  return report
end

-- Asking ------------------------------------------------------------------------------------------

-- The rows of a list as reports; nil, err, class.
local function fetch_list(s, market, state, page, limit, order_by)
  local api = s.protocol.api
  local rows, err, class = rest.query(s, api.list_path, {
    "market", market.id, "state", state, "limit", limit, "page", page, "order_by", order_by })
  if rows == nil then return nil, err, class end
  local reports = {}
  for i, row in ipairs(rows) do
    reports[i] = M.read_order(s, row)
    note_id(s, reports[i])
  end
  return reports
end

--- The venue's open orders as reports: a call for each market.
function M.fetch_open_orders(s, symbols)
  local all = {}
  for _, market in ipairs(s.markets) do
    local page = (not symbols or symbols[market.symbol]) and 1
    while page do
      local reports, err, class = fetch_list(s, market, "wait", page, PAGE, "asc")
      if not reports then return nil, err, class end
      for _, report in ipairs(reports) do all[#all + 1] = report end
      page = #reports == PAGE and page + 1 or nil
    end
  end
  return all
end

-- An order without an answer, by its content and time (8).
local function find_lost(s, order)
  local market, found = s.markets[order.symbol], {}
  for _, state in ipairs(s.protocol.api.states) do
    local reports, err, class = fetch_list(s, market, state, 1, LOOK_BACK, "desc")
    if not reports then return nil, err, class end
    for _, report in ipairs(reports) do found[#found + 1] = report end
  end
  local above = type(order._mark) == "string" and order._mark or nil
  local report, err = candidates.pick(s, order, found, above, candidates.sent_at(s, order))
  if not report and err ~= "not_found" then return nil, err, "ambiguous" end
  if report then order._mark = "unsure" end
  return report, err
end

-- An order's own row; nil, "not_found" where there is none.
local function fetch_row(s, order_id)
  local path, parameters = s.protocol.api.one(order_id)
  local row, err, class = rest.query(s, path, parameters)
  if row == nil then return nil, class == "not_found" and "not_found" or err, class end
  return row
end

--- One order as a report, with its fills.
function M.fetch_order(s, order)
  if not order.order_id then return find_lost(s, order) end
  local row, err, class = fetch_row(s, order.order_id)
  if not row then return nil, err, class end
  local report = M.read_order(s, row)
  report.fills = read_fills(s, row, report)
  return report
end

--- The executions of one order as reports.
function M.fetch_fills(s, order)
  if not order.order_id then return {} end
  local row, err = fetch_row(s, order.order_id)
  if not row then return nil, err end
  return read_fills(s, row, M.read_order(s, row))
end

return M
