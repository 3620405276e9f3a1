--- The stage with a Peatio of the daemon's dialect on it: a trader to give orders to, the answers
--- of its REST, frames of its socket. Require it before any other module, as stage.lua.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local host = require "moonwire.host"
local json = require "moonwire.json"
local mw = require "moonwire"
local peatio = require "moonwire.venues.peatio"

local M = { stage = stage }
local SECRET = assert(host.secret_text "sim-secret-1")

--- A trader who does what the test says, through a strategy's own API, and notes what is told.
function M.trader()
  local S = mw.strategy { venue = "idx", symbol = "BTC/USD" }
  local note = stage.notebook(S, ", ")
  function S.on_order(_, order, event)
    note(event.previous .. ">" .. order.status .. (event.reason and ":" .. event.reason or ""))
  end
  function S.on_fill(_, fill)
    local fee = fill.fees[1]
    note(("%s@%s %s%s"):format(fill.qty, fill.price, fill.liquidity or "?",
                               fee and (" -%s%s"):format(fee.amount, fee.asset) or ""))
  end
  function S.on_session(_, _, state) note(state) end
  function S.on_book(_, book) note("book " .. tostring(book)) end
  function S.on_trade(_, trade)
    note(("trade %s %s@%s"):format(trade.side or "?", trade.qty, trade.price))
  end
  function S:follow(feed) assert(self:subscribe(feed)) end
  function S:send(request)
    local order, err = self:submit(request)
    self.order, self.refusal = order, err
  end
  function S:drop(order) assert(self:cancel(order)) end
  return S
end

--- An order's row as the venue writes it.
function M.row(fields)
  local row = { id = 41, side = "buy", ord_type = "limit", price = "7000.0", avg_price = "0.0",
                state = "wait", market = "btcusd", created_at = M.created_at, volume = "2.0",
                remaining_volume = "2.0", executed_volume = "0.0", trades_count = 0 }
  for name, value in pairs(fields or {}) do row[name] = value end
  return row
end
M.created_at = "2026-09-21T16:13:20+02:00"           -- the stage's first second

--- The answer to POST /orders: the order that was asked for, under the next id.
local function taken(s)
  return function(request)
    if request.method == "GET" then
      local state = stage.parameter(request, "state")
      return json.encode(json.array(s.lists[state] or {}))
    end
    s.next_id = s.next_id + 1
    local p = function(name) return stage.parameter(request, name) end
    return { 201, json.encode(M.row {
      id = s.next_id, side = p "side", ord_type = p "ord_type", price = p "price" or json.null,
      volume = p "volume", remaining_volume = p "volume" }) }
  end
end

--- options: as stage.new's; answers by path.
function M.new(options)
  options = options or {}
  local S = M.trader()
  options.protocol = options.protocol or peatio
  local config = { dialect = "daemon", private_key = SECRET, algorithm = "HS256",
                   email = "maker@example.test", uid = "IDTEST0001", level = 3, state = "active",
                   issuer = "barong", audience = "peatio", key = nil, precision = {},
                   reconcile_every = 30 }
  for name, value in pairs(options.config or {}) do config[name] = value end
  options.config = config
  options.strategies = { { name = "one", class = S } }
  local given = options.answers or {}
  options.answers = nil
  local s = stage.new(options)
  s.trader, s.next_id, s.lists, s.orders_by_id = S, 40, {}, {}
  s.answers = {
    ["/api/v2/timestamp"] = function() return ("%.0f"):format(1790000000 + s.elapsed) end,
    ["/api/v2/markets"] = '[{"id":"btcusd","name":"BTC/USD"},{"id":"ethusd","name":"ETH/USD"}]',
    ["/api/v2/fees/trading"] = '[{"market":"btcusd","ask_fee":{"type":"relative","value":"0.0015"},'
      .. '"bid_fee":{"type":"relative","value":"0.001"}}]',
    ["/api/v2/orders"] = taken(s),
    ["/api/v2/order"] = function(request)
      local row = s.orders_by_id[stage.parameter(request, "id")]
      if row then return json.encode(row) end
      return { 404, '{"error":{"code":2004,"message":"Order doesn\'t exist."}}' }
    end,
  }
  for name, answer in pairs(given) do s.answers[name] = answer end
  s.reply = function(text)
    if type(text) == "table" and text[1]:find '^{"jwt":"Bearer ' then
      return s.login or '{"success":{"message":"Authenticated."}}'
    end
  end
  s.instance = s.runners.one.instance
  --- Sends an order as the strategy; the order, or nil and why it was refused.
  function s:send(request)
    self:run(self.runners.one, "call_method", "send", 1, { request })
    return self.instance.order, self.instance.refusal
  end
  function s:drop(order)
    self:run(self.runners.one, "call_method", "drop", 1, { order })
    self:settle()
  end
  function s:follow(feed)
    self:run(self.runners.one, "call_method", "follow", 1, { feed })
    self:settle()
  end
  --- What was told since the last call.
  s.said = S.said
  return s
end

--- One that is up.
function M.up(options)
  local s = M.new(options):start()
  t.equal(s.session.state, "up", table.concat(s.lines, "\n"))
  s:said()
  return s
end

--- An order that the venue has taken.
function M.open(s, request)
  local order = assert(s:send(request or { side = "buy", qty = "2", price = "7000" }))
  s:settle()
  t.equal(order.status, "new", table.concat(s.lines, "\n"))
  s:said()
  return order
end

local trades = 9000

--- A trade frame: `fields` of the trade, `ask` and `bid` those of own orders.
function M.trade(fields, ask, bid)
  trades = trades + 1
  local trade = { id = trades, price = "7000.0", volume = "0.5", funds = "3500.0",
                  market = "btcusd", created_at = M.created_at,
                  side = ask and bid and "both" or ask and "ask" or "bid",
                  ask = ask and M.row(ask), bid = bid and M.row(bid) }
  for name, value in pairs(fields or {}) do trade[name] = value end
  return json.encode { trade = trade }
end

--- An orderbook frame.
function M.orderbook(action, id, volume, fields)
  local order = { id = tonumber(id), timestamp = 1790000000, type = "bid", volume = volume,
                  price = "7000.0", market = "btcusd", ord_type = "limit" }
  for name, value in pairs(fields or {}) do order[name] = value end
  return json.encode { orderbook = { action = action, order = order, locale = "en" } }
end

return M
