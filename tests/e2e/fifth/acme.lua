--- Acme Exchange, which nobody will find: a whole venue in one file, as `protocol = "acme.lua"` in
--- a configuration names it. Everything goes over one WebSocket; tests/e2e/fifth/sim.lua is its
--- other side. Sections are those of the documentation that Acme would have.

local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local json = require "moonwire.json"

local M = {
  name = "acme",
  environments = {},                                   -- 1. no public address: private_url is given
  options = { rest_url = false, market_url = false },  -- 1. no REST, no market data
  capabilities = { client_order_id = true, trade_ids = true, post_only = false },
  limits = { { name = "orders", count = 50, per = 1, kinds = { "submit", "cancel" } } },    -- 7
  late_arrival = 2,                                    -- 3.4: an older request is refused
}

-- 2. Requests: {"id":1,"op":"open"}; answers: {"id":1,"result":...} or {"id":1,"error":"..."} -----

local function request(s, op, fields)
  local id = s.private:request_id()
  fields.id, fields.op = id, op
  return { id = id, text = json.encode(fields) }
end

-- A question, in a task: the result; or nil, err, class.
local function ask(s, op, fields)
  local sent = request(s, op, fields or {})
  local ok, err = s.private:send(sent.text)
  if not ok then return nil, err, "retry" end
  local reply
  reply, err = s.private:await(sent.id)
  if not reply then return nil, ("%s: %s"):format(op, err), "retry" end
  if reply.error then return nil, reply.error end
  return reply.result
end

-- 3. Orders ---------------------------------------------------------------------------------------

local statuses = { open = "new", filled = "filled", canceled = "canceled", refused = "rejected" }

-- 3.1. An order: {"cid","oid","symbol","side","price","qty","cum","status"}; with one execution
-- also {"trade","last_qty","last_price","fee","time"}.
local function report_of(row)
  local status = statuses[row.status]
  if not status then return nil, "unknown order status " .. tostring(row.status) end
  local report = {
    client_order_id = row.cid, order_id = row.oid, symbol = row.symbol, side = row.side,
    type = "limit", time_in_force = "gtc", price = decimal(row.price), qty = decimal(row.qty),
    cum_qty = decimal(row.cum), status = status, reason = row.why,
  }
  if row.trade then
    report.trade_id, report.time = row.trade, tonumber(row.time)
    report.last_qty, report.last_price = decimal(row.last_qty), decimal(row.last_price)
    report.liquidity, report.fees = "maker", { { asset = "CREDIT", amount = decimal(row.fee) } }
  end
  return report
end

local function reports_of(rows)
  local reports = {}
  for i, row in ipairs(rows) do reports[i] = assert(report_of(row)) end
  return reports
end

function M.check_order(_, order)
  if order.type == "limit" and order.time_in_force == "gtc" then return true end
  return nil, "acme takes limit orders that are gtc"
end

function M.submit(s, order)
  return request(s, "place", {
    cid = order.client_order_id, symbol = order.symbol, side = order.side,
    price = tostring(order.price), qty = tostring(order.qty),
  })
end

--- 3.2. The answer says that the order was taken; its life comes as events.
function M.submit_answer(_, _, _, answer)
  if answer.error then return { status = "rejected", reason = answer.error } end
  return { status = "new", order_id = answer.result.oid }
end

function M.cancel(s, order)
  if s.private.state ~= "live" then return nil, "not connected" end
  return request(s, "cancel", { cid = order.client_order_id, oid = order.order_id })
end

function M.cancel_answer(_, _, _, answer)
  if answer.error then return nil, answer.error end     -- over already: it is asked about
  return report_of(answer.result)
end

-- 4. The connection -------------------------------------------------------------------------------

local at

M.private = {
  paths = { "id", "error", "result", "order" },
  silence = 30, heartbeat = 10, takes_questions = true,
}

--- 4.1. The handshake is signed: HMAC-SHA-256 of the time, in hex.
function M.private.logon(link)
  local config = link.session.config
  local time = tostring(link.session:venue_ms())
  local ok, err, class = link:open(config.private_url, {
    { "Acme-Key", config.key }, { "Acme-Time", time },
    { "Acme-Sign", config.secret:hmac("sha256", time, "hex") },
  })
  if not ok then return nil, err, class end
  return link.session:before_logon()
end

function M.private.close_class(_, _, http_status)
  if http_status == 401 then return "permanent", "acme does not take this key" end
  return "retry"
end

function M.private.beat(link) link:ping() end

function M.private.read(link, decoder)
  local head = decoder.head
  local order = decode.text(head[at.order])
  if order then
    local report, err = report_of(assert(json.decode(order)))
    if report then return link.session:on_report(report) end
    return link:on_bad_message(err)
  end
  local id, result = decode.integer(head[at.id]), decode.text(head[at.result])
  local answer = { error = decode.text(head[at.error]), result = result and json.decode(result) }
  if not link:answer(id, answer) then link:reply(id, answer) end
end

at = decode.slots(M.private.paths)

-- 5. Questions ------------------------------------------------------------------------------------

function M.fetch_markets(s)
  local rows, err, class = ask(s, "markets")
  if not rows then return nil, err, class end
  local markets = {}
  for i, row in ipairs(rows) do
    local base, quote = row.symbol:match "^(%w+)/(%w+)$"
    markets[i] = { symbol = row.symbol, base = base, quote = quote, names = { row.symbol },
                   price_step = decimal(row.price_step), qty_step = decimal(row.qty_step) }
    markets[row.symbol] = markets[i]
  end
  return markets
end

local function fetch_reports(s, op, fields)
  local rows, err, class = ask(s, op, fields)
  if not rows then return nil, err, class end
  return reports_of(rows)
end

local function id_of(order) return { cid = order.client_order_id } end

function M.fetch_open_orders(s) return fetch_reports(s, "open") end
function M.fetch_fills(s, order) return fetch_reports(s, "fills", id_of(order)) end

function M.fetch_order(s, order)
  local reports, err, class = fetch_reports(s, "order", id_of(order))
  if not reports then return nil, err, class end
  if not reports[1] then return nil, "not_found" end
  return reports[1]
end

function M.fetch_balances(s)
  local rows, err = ask(s, "balances")
  if not rows then return nil, err end
  local balances = {}
  for asset, amount in pairs(rows) do
    balances[asset] = { free = decimal(amount), held = decimal "0" }
  end
  return balances
end

return M
