--- Peatio: books and trades by asking, for the dialects without public streams. Whenever the socket
--- shows that a book has changed it is asked for soon.
--- Section 6 of the venue's page.

local book = require "moonwire.book"
local dispatch = require "moonwire.dispatch"
local poll = require "moonwire.poll"
local rest = require "moonwire.venues.peatio.rest"
local values = require "moonwire.values"
local candidates = require "moonwire.candidates"

local M = { every = 2, soonest = 0.25, subscribe = poll.subscribe }
local ORDERS, TRADES = 200, 200

-- Orders, best first, as levels.
local function levels_of(rows)
  local levels = {}
  for _, row in ipairs(rows) do
    local price, qty = values.above_0(row.price), values.above_0(row.remaining_volume)
    local last = levels[#levels]
    if last and last.price == price then last.qty = last.qty + qty
    else levels[#levels + 1] = { price = price, qty = qty } end
  end
  return levels
end

local function ask_book(s, market)
  local answer, err = rest.public(s, ("/order_book?market=%s&asks_limit=%d&bids_limit=%d"):format(
    market.id, ORDERS, ORDERS))
  if not answer then return nil, err end
  s.desk:on_book(book.new(s.name, market.symbol, levels_of(answer.bids), levels_of(answer.asks),
                          dispatch.now()))
  return true
end

local opposite = { buy = "sell", sell = "buy" }

-- What was traded before the first look is nobody's news.
local function ask_trades(s, subscription, market)
  local seen = subscription.last_id
  local rows, err = rest.public(s, ("/trades?market=%s&%s"):format(market.id, seen
    and ("from=%s&order_by=asc&limit=%d"):format(seen, TRADES) or "limit=1"))
  if not rows then return nil, err end
  subscription.last_id = seen or "0"
  for _, row in ipairs(rows) do
    local id = values.text_of(row.id)
    if candidates.is_above(id, subscription.last_id) then subscription.last_id = id end
    if seen then
      s.desk:on_trade { venue = s.name, symbol = market.symbol, trade_id = id,
                        side = opposite[row.maker_type], price = values.above_0(row.price),
                        qty = values.above_0(row.volume),
                        time = values.iso_seconds(row.created_at) or dispatch.now() }
    end
  end
  return true
end

--- Asks for one subscription; in a task.
function M.ask(line, subscription)
  local s = line.session
  local market = s.markets[subscription.symbol]
  if not market then return nil, "no market " .. subscription.symbol end
  if subscription.feed == "book" then return ask_book(s, market) end
  return ask_trades(s, subscription, market)
end

return M
