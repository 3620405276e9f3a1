--- The simulated Indodax's public REST (page section 9): GET, no key, behind a cache.

local wire = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

---@class moonwire.sim.IndodaxPublic
local Public = { __name = "moonwire.sim.IndodaxPublic" }
Public.__index = Public

--- `options`: desk, settings.
function Public.new(options)
  return setmetatable({ desk = options.desk, settings = options.settings,
                        take = wire.window(180, 60000) }, Public)
end

local routes = {}

-- Everything passes a cache: without a unique query the answer may be `stale_server_time` s old.
function routes.server_time(self, _, query, now)
  local max_age = self.settings.stale_server_time * 1000
  local shown = now
  if max_age > 0 and query == "" then
    if not self.cached_at or now - self.cached_at >= max_age then self.cached_at = now end
    shown = self.cached_at
  end
  return object("timezone", text "UTC", "server_time", math.floor(shown))
end

local function pair_row(pair)
  return object(
    "id", text(pair.id), "symbol", text(pair.symbol), "base_currency", text(pair.quote),
    "traded_currency", text(pair.base), "traded_currency_unit", text(pair.base:upper()),
    "description", text(pair.description), "ticker_id", text(pair.ticker_id), "volume_precision", 0,
    "price_precision", pair.price_step_text:find("%.") and 8 or pair.price_step_text,
    "price_round", 8,
    "pricescale", pair.price_step_text, "quantity_increment", text "0.00000001",
    "trade_min_base_currency", tostring(pair.min_quote),
    "trade_min_traded_currency", pair.min_base_text,
    "trade_fee_percent", pair.is_whole and "0.2" or "0.06",
    "trade_fee_percent_taker", pair.is_whole and "0.2" or "0.06",
    "trade_fee_percent_maker", pair.is_whole and "0.1" or "0.03", "url_logo", text "",
    "is_maintenance", pair.state == "maintenance" and 1 or 0,
    "is_market_suspended", (pair.state == "suspended" or pair.state == "disabled") and 1 or 0)
end

function routes.pairs(self)
  local rows = {}
  for i, pair in ipairs(self.desk.pairs) do rows[i] = pair_row(pair) end
  return wire.list(rows)
end

function routes.price_increments(self)
  local steps = {}
  for _, pair in ipairs(self.desk.pairs) do steps[pair.ticker_id] = text(pair.price_step_text) end
  return object("increments", wire.map(steps))
end

function routes.depth(self, pair)
  return self.desk:book_text(pair, 150, self.desk.fixed)
end

local function ticker(self, pair, now)
  local engine = self.desk.engine
  local function top(side) return text(tostring(engine:best(pair.id, side) or pair.last)) end
  return object(
    "high", text(tostring(pair.high)), "low", text(tostring(pair.low)),
    "vol_" .. pair.base, text(self.desk.fixed(pair.volume)),
    "vol_" .. pair.quote, text(tostring(pair.value)), "last", text(tostring(pair.last)),
    "buy", top "buy", "sell", top "sell", "server_time", math.floor(now / 1000))
end

function routes.ticker(self, pair, _, now) return object("ticker", ticker(self, pair, now)) end

function routes.ticker_all(self, _, _, now)
  local rows = {}
  for _, pair in ipairs(self.desk.pairs) do rows[pair.ticker_id] = ticker(self, pair, now) end
  return object("tickers", wire.map(rows))
end

function routes.summaries(self, _, _, now)
  local rows, before = {}, {}
  for _, pair in ipairs(self.desk.pairs) do
    rows[pair.ticker_id] = ticker(self, pair, now)
    before[pair.id] = text(tostring(pair.start_price))
  end
  return object("tickers", wire.map(rows), "prices_24h", wire.map(before),
                "prices_7d", wire.map(before))
end

function routes.trades(self, pair)
  local rows, trades = {}, pair.trades
  for i = #trades, math.max(1, #trades - 149), -1 do
    local row = trades[i]
    rows[#rows + 1] = object(
      "date", text(string.format("%.0f", math.floor(row.time / 1000))),
      "price", text(tostring(row.price)),
      "amount", text(self.desk.fixed(row.qty)), "tid", text(string.format("%.0f", row.sequence)),
      "type", text(row.side))
  end
  return wire.list(rows)
end

-- Charts: seconds of a candle by its name; below a day at most 7 days a call.
local frames = { ["1"] = 60, ["15"] = 900, ["30"] = 1800, ["60"] = 3600, ["240"] = 14400,
                 ["1D"] = 86400, ["3D"] = 259200, ["1W"] = 604800 }

-- The candles of the trades that are remembered.
local function candles(pair, length, from, to)
  local list, last = {}, nil
  for _, row in ipairs(pair.trades) do
    local start = math.floor(row.time / 1000 / length) * length
    if start >= from and start <= to then
      if not last or last.start ~= start then
        last = { start = start, open = row.price, high = row.price, low = row.price,
                 volume = row.qty - row.qty }
        list[#list + 1] = last
      end
      last.high, last.low = last.high:max(row.price), last.low:min(row.price)
      last.close, last.volume = row.price, last.volume + row.qty
    end
  end
  return list
end

-- GET /tradingview/history_v2?symbol=BTCIDR&tf=15&from=&to=
local function history(self, query)
  local fields = wire.parse_form(query)
  local pair, length = self.desk.by_symbol[fields.symbol or ""], frames[fields.tf or ""]
  local from, to = tonumber(fields.from), tonumber(fields.to)
  if not pair or not length or not from or not to
     or length < 86400 and to - from > 7 * 86400 then
    return object("error", text "invalid_parameter")
  end
  local rows = candles(pair, length, from, to)
  for i, c in ipairs(rows) do
    rows[i] = object("Time", c.start, "Open", tostring(c.open), "High", tostring(c.high),
                     "Low", tostring(c.low), "Close", tostring(c.close),
                     "Volume", text(self.desk.fixed(c.volume)))
  end
  return wire.list(rows)
end

local of_pair = { depth = true, ticker = true, trades = true }

--- Answers GET /api/...; nil when the path is none of these. Status and body.
function Public:answer(method, path, query, now, real_now)
  if path == "/tradingview/history_v2" and method == "GET" then return 200, history(self, query) end
  local name, id = path:match("^/api/([%w_]+)/?([^/]*)$")
  local route = routes[name]
  if not route or (id ~= "" and not of_pair[name]) then return nil end
  if method ~= "GET" then return 405, object("error", text "method_not_allowed") end
  if self.settings.rate_limits and not self.take(real_now) then
    return 429, object("error", text "too_many_requests_from_your_ip")
  end
  local pair = of_pair[name] and self.desk.by_id[id]
  if of_pair[name] and not pair then
    return 200, object("error", text "invalid_pair", "error_description", text "Invalid Pair")
  end
  return 200, route(self, pair, query, now)
end

return Public
