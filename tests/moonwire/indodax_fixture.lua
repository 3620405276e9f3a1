--- A session and a link that only write down what the Indodax module tells them, and frames and
--- answers as the venue prints them (tests/vectors/indodax).

local t = require "tests.tap"
local files = require "tests.files"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local execution = require "moonwire.execution"
local host = require "moonwire.host"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"

local VECTORS = "tests/vectors/indodax/"
local NOW_MS = 1790000000123
local KEY = assert(host.secret_text "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4")
local SECRET = assert(host.secret_text("5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddee"
                                       .. "ff00112233445566778899aabbccddee"))

local function vector(name) return files.line(VECTORS .. name .. ".json") end

local function rows(name) return assert(json.decode(vector(name))) end

-- The module uses its report and the decimals in it again.
local function copy(from)
  local to = {}
  for name, value in pairs(from) do
    to[name] = decimal.is(value) and decimal.copy(value) or value
  end
  local x = from.execution
  if not x then return to end
  to.execution = nil
  to.last_qty, to.last_price = decimal.copy(x.qty), decimal.copy(x.price)
  to.liquidity, to.fees = execution.liquidity(x), execution.fees(x)
  to.trade_id = type(to.trade_id) == "number" and ("%.0f"):format(to.trade_id) or to.trade_id
  t.equal(x.time, from.time)
  return to
end

local function written_log(lines)
  local log = {}
  for _, level in ipairs { "error", "warn", "info", "debug" } do
    log[level] = function(text, ...) lines[#lines + 1] = level .. ": " .. text:format(...) end
  end
  return log
end

-- `answers`: { path or TAPI method = body text, or { status, body }, or false for none }
local function new_session(answers)
  local s = {
    name = "idx", reports = {}, requests = {}, lines = {}, blocks = {}, books = {}, trades = {},
    known_orders = {}, clock_checks = 0, answers = answers or {}, private_losses = {},
    config = { rest_url = "https://indodax.test", key = KEY, secret = SECRET,
               environment = "production", private_url = "wss://private.test/ws/",
               market_url = "wss://market.test/ws/" },
  }
  s.log = written_log(s.lines)
  s.limiter = { block = function(_, kind, key, seconds)
    s.blocks[#s.blocks + 1] = ("%s %s %g"):format(kind, tostring(key), seconds)
  end }
  s.orders = { find = function(_, _, client_order_id, order_id)
    return s.known_orders[client_order_id or ""] or s.known_orders[order_id or ""]
  end }
  function s.orders:read_ids(venue, report, client_order_id, order_id)
    report.client_order_id, report.order_id = decode.text(client_order_id), decode.text(order_id)
    return self:find(venue, report.client_order_id, report.order_id)
  end
  s.private = { lost = function(_, why, class)
    s.private_losses[#s.private_losses + 1] = why .. " (" .. class .. ")"
  end }
  s.desk = { book = function() return s.books[1] end,
             on_book = function(_, book) s.books[#s.books + 1] = book end,
             on_trade = function(_, trade) s.trades[#s.trades + 1] = trade end }
  function s:venue_ms() return NOW_MS end
  function s:on_report(report) self.reports[#self.reports + 1] = copy(report) end
  function s:refresh_clock() self.clock_checks = self.clock_checks + 1 end
  function s:pause(seconds) self.paused = seconds end
  function s:in_task(_, body, argument) return body(self, argument) end
  function s:before_logon() return true end
  function s:hold() self.is_held = true end
  function s:renew_before(at) self.renew_at = at end
  function s:schedule_renewal() self.is_renewal_planned = true end
  function s:await_turn(kind) self.turn = kind end
  function s:call(request)
    request.limit, self.turn = request.limit or self.turn, nil
    self.requests[#self.requests + 1] = request
    local body = type(request.body) == "string" and request.body or ""
    local name = body:match("method=(%w+)") or request.url:match("^https://[^/]+([^?]*)")
    local answer = self.answers[name]
    if answer == false then return nil, "connection reset", true end
    if answer == nil then error("no answer for " .. name) end
    if type(answer) == "table" then return answer[1], answer[2], "" end
    return 200, answer, ""
  end
  return s
end

local function with_markets(answers)
  local s = new_session { ["/api/pairs"] = vector "pairs",
                          ["/api/price_increments"] = vector "price_increments" }
  s.markets = assert(indodax.fetch_markets(s))
  s.by_venue_symbol = {}
  for _, market in ipairs(s.markets) do
    for _, name in ipairs(market.names) do s.by_venue_symbol[name] = market end
  end
  s.answers, s.requests = answers or {}, {}
  return s
end

local function new_link(s, spec)
  local link = { session = s, spec = spec, sent = {}, replies = {}, bad = {}, losses = {},
                 next_id = 0, decoder = decode.new(spec.paths) }
  function link:send(text) self.sent[#self.sent + 1] = text return true end
  function link:reply(id, reply)
    if self.unexpected then return false end
    self.replies[id] = reply
    return true
  end
  function link:request_id() self.next_id = self.next_id + 1 return self.next_id end
  function link:on_bad_message(err) self.bad[#self.bad + 1] = err end
  function link:lost(why, class) self.losses[#self.losses + 1] = why .. " (" .. class .. ")" end
  function link:open(url) self.opened = url return true end
  function link:await(id) return table.remove(self.awaited, 1), "timeout", id end
  return link
end

-- As link.lua does it.
local function read(link, text)
  link.decoder:start(text)
  while true do
    local more, err = link.decoder:next()
    if more then link.spec.read(link, link.decoder)
    elseif more == false then return
    else link:on_bad_message(err) end
  end
end

local function reports_of(text)
  local s = with_markets()
  local link = new_link(s, indodax.private)
  read(link, text)
  return s.reports, link
end

local FIELDS = { "client_order_id", "order_id", "symbol", "side", "qty", "cum_qty", "price", "time",
                 "status", "reason", "trade_id", "last_qty", "last_price", "liquidity",
                 "is_provisional", "needs_asking", "type", "may_have_fills" }
local DECIMALS = { qty = true, cum_qty = true, price = true, last_qty = true, last_price = true }

local function fees_text(fees)
  if not fees then return nil end
  local words = {}
  for i, fee in ipairs(fees) do
    t.ok(decimal.is(fee.amount), "a fee is a decimal")
    words[i] = tostring(fee.amount) .. " " .. fee.asset
  end
  return table.concat(words, ", ")
end

-- Every field of a report: what `expected` does not name must not be there.
local function is_report(report, expected)
  t.ok(report, "there is no such report")
  for _, name in ipairs(FIELDS) do
    local value = report[name]
    if DECIMALS[name] and value ~= nil then
      t.ok(decimal.is(value), name .. " is a decimal")
      value = tostring(value)
    end
    t.equal(value, expected[name], name)
  end
  t.equal(fees_text(report.fees), expected.fees, "fees")
end

return {
  KEY = KEY, vector = vector, rows = rows, copy = copy, new_session = new_session,
  with_markets = with_markets, new_link = new_link, read = read, reports_of = reports_of,
  fees_text = fees_text, is_report = is_report
}
