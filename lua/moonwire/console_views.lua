--- What there is, at the prompt: fills, positions, balances, books, markets, venues.

local find = require "moonwire.console_find"
local format = require "moonwire.format"
local order_view = require "moonwire.order_view"
local sorted = require "moonwire.sorted"
local survey = require "moonwire.survey"

local BOOK_SECONDS, BOOK_LEVELS = 5, 8

-- name -> { usage =, about =, sends = it changes something, run = function(session, ...) }
local commands = {}
local fail = find.fail

local function fees_text(fill)
  local texts = {}
  for i, fee in ipairs(fill.fees) do texts[i] = ("%s %s"):format(fee.amount, fee.asset) end
  return table.concat(texts, ", ")
end

commands.fills = {
  usage = "fills([symbol or strategy])", about = "The last fills of this run, oldest first.",
  run = function(session, what)
    local list = {}
    for _, fill in ipairs(session.console:list_fills()) do
      local order = order_view.order(fill.order)
      local strategy = order and order._owner or fill.strategy
      if not what or what == fill.symbol or what == strategy then
        list[#list + 1] = {
          time = fill.time, strategy = strategy, venue = fill.venue, symbol = fill.symbol,
          side = fill.side, qty = fill.qty, price = fill.price, liquidity = fill.liquidity,
          fees = fees_text(fill), client_order_id = fill.client_order_id, trade_id = fill.trade_id,
        }
      end
    end
    return format.list(list, { "time", "strategy", "venue", "symbol", "side", "qty", "price",
                               "liquidity", "fees" }, "no fills in this run")
  end,
}

-- Money -------------------------------------------------------------------------------------------

commands.positions = {
  usage = "positions([strategy])",
  about = "What each strategy holds and earned, from its own fills.",
  run = function(session, strategy)
    return format.list(survey.positions(session.desk, strategy), { "strategy", "venue", "symbol",
      "qty", "avg_price", "realized", "unrealized", "fees" }, "no positions")
  end,
}

local function add_balances(session, list)
  local balances, err = session:query_balances()
  if not balances then fail("%s: %s", session.name, tostring(err)) end
  for _, asset in ipairs(sorted.keys(balances)) do
    local free, held = balances[asset].free, balances[asset].held
    if not (free and free:is_zero() and (not held or held:is_zero())) then
      list[#list + 1] = { venue = session.name, asset = asset, free = free, held = held }
    end
  end
end

commands.balances = {
  usage = "balances([venue])", about = "What the venue says there is. Waits for its answer.",
  run = function(session, venue)
    local list, desk = {}, session.desk
    if venue then add_balances(find.venue(desk, nil, venue), list)
    else for _, each in ipairs(desk.session_list) do add_balances(each, list) end end
    return format.list(list, { "venue", "asset", "free", "held" }, "no balances")
  end,
}

-- Markets -----------------------------------------------------------------------------------------

commands.book = {
  usage = 'book("BTC/IDR" [, venue])',
  about = "The best prices, as the next book shows them. Waits for it.",
  run = function(session, symbol, venue)
    if type(symbol) ~= "string" then fail 'book("BTC/IDR"): which symbol?' end
    local of = find.venue(session.desk, symbol, venue)
    local book, err = session.console:await_book(of.name, symbol, BOOK_SECONDS)
    if not book then fail("%s", err) end
    local list = {}
    for i = 1, math.min(BOOK_LEVELS, math.max(#book.bids, #book.asks)) do
      local bid, ask = book.bids[i] or {}, book.asks[i] or {}
      list[i] = { bid_qty = bid.qty, bid = bid.price, ask = ask.price, ask_qty = ask.qty }
    end
    return format.list(list, { "bid_qty", "bid", "ask", "ask_qty" }, "the book is empty")
  end,
}

commands.markets = {
  usage = "markets([venue])", about = "What can be traded, with steps and minimums.",
  run = function(session, venue)
    local list = {}
    for _, each in ipairs(session.desk.session_list) do
      if not venue or each.name == venue then
        for _, market in ipairs(each.markets or {}) do
          list[#list + 1] = { venue = each.name, symbol = market.symbol,
                              price_step = market.price_step, qty_step = market.qty_step,
                              min_qty = market.min_qty, min_notional = market.min_notional }
        end
      end
    end
    table.sort(list, function(a, b) return a.venue .. a.symbol < b.venue .. b.symbol end)
    return format.list(list, { "venue", "symbol", "price_step", "qty_step", "min_qty",
                               "min_notional" }, "no markets are known yet")
  end,
}

commands.venues = {
  usage = "venues()", about = "The venues and their sessions.",
  run = function(session)
    return format.list(survey.sessions(session.desk), { "venue", "protocol", "session",
      "since_at", "open_orders", "remark" }, "no venues are configured")
  end,
}

return commands
