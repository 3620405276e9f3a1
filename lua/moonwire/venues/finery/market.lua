--- Finery Markets: books, over a WebSocket of their own: feed F for a taker (the book that can be
--- traded on), feed B for a maker (the global one). There is no public tape of trades.
--- Source: the venue's pages of the feeds F and B.

local book = require "moonwire.book"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local levels = require "moonwire.levels"
local private = require "moonwire.venues.finery.private"
local wire = require "moonwire.venues.finery.wire"

local M = {
  paths = {
    { "[0]", words = { "X", "F", "B" } }, "[1]",
    { "[2]", words = { "S", "M", "Z", "U" } }, "[3]", "[3][0]",
  },
  silence = 45, heartbeat = 20, backoff = { first = 1, cap = 30 },
  feeds = { book = true },
  beat = private.beat, close_class = private.close_class,
}

local at = decode.slots(M.paths)
local FEED, ID, ACTION, PAYLOAD, CODE = at["[0]"], at["[1]"], at["[2]"], at["[3]"], at["[3][0]"]
local X, SNAPSHOT, CHANGED, FAILED, UNBOUND = 1, 1, 2, 3, 4
local LEVELS, REBIND_SECONDS = 25, 60

function M.logon(link)
  link.books = {}                                -- by the venue's name
  return private.open(link, link.session.config.market_url)
end

local function feed_of(s) return s.config.role == "maker" and "B" or "F" end

local function send(link, event, name)
  link:send(('{"event":"%s","feed":"%s","feedId":%s}'):format(event, feed_of(link.session),
                                                              json.encode(name)))
end

--- Asks for a book.
function M.subscribe(link, _, market) send(link, "bind", market.name) end

-- A side: levels, best first ----------------------------------------------------------------------

local is_better, set_level = levels.better, levels.set
local operations = {}
operations["+"] = set_level
operations["M"] = set_level
operations["-"] = levels.remove
-- All that is better goes: this is the new best, or with 0 there is none.
operations["~"] = function(side, better, price, qty)
  if price:sign() == 0 then
    for i = #side, 1, -1 do side[i] = nil end
    return
  end
  while side[1] and better(side[1].price, price) do table.remove(side, 1) end
  set_level(side, better, price, qty)
end

local function read_levels(rows, better)
  local side = {}
  for _, row in ipairs(rows) do
    set_level(side, better, wire.amount(row[1]), wire.amount(row[2]))
  end
  return side
end

local function change_levels(side, better, rows)
  for _, row in ipairs(rows) do
    local apply = operations[row[1]] or error("unknown operation " .. tostring(row[1]), 0)
    apply(side, better, wire.amount(row[2]), wire.amount(row[3]))
  end
end

-- Messages ----------------------------------------------------------------------------------------

-- A crossed book may be genuine, where two makers do not trade with each other, or lost updates: it
-- is asked for anew, but not again for a while.
local function rebind_if_crossed(link, name, held)
  local bid, ask = held.bids[1], held.asks[1]
  if not (bid and ask) or bid.price < ask.price then return false end
  local now = dispatch.now()
  if held.rebound_at and now - held.rebound_at < REBIND_SECONDS then return false end
  held.rebound_at = now
  link.log.warn("book of %s is crossed (%s, %s): asked for anew", name, bid.price, ask.price)
  send(link, "unbind", name)
  send(link, "bind", name)
  return true
end

local function read_book(link, market, is_snapshot, payload)
  local s, held = link.session, link.books[market.name] or {}
  if is_snapshot then
    held.bids = read_levels(payload[1], is_better.bids)
    held.asks = read_levels(payload[2], is_better.asks)
  else
    if not held.bids then error("an update before its snapshot", 0) end
    change_levels(held.bids, is_better.bids, payload[1])
    change_levels(held.asks, is_better.asks, payload[2])
  end
  link.books[market.name] = held
  if rebind_if_crossed(link, market.name, held) then return end
  s.desk:on_book(book.new(s.name, market.symbol, levels.top(held.bids, LEVELS),
                          levels.top(held.asks, LEVELS), dispatch.now()))
end

local function read_failure(link, name, code)
  if code == 100 or code == 101 then return end            -- bound already, or not any more
  link.log.error("book of %s: %s", name, wire.explain(code))
end

function M.read(link, decoder)
  local head = decoder.head
  local feed, action = head[FEED].word, head[ACTION].word
  if feed == 0 then return end                              -- an answer to our ping
  local code = decode.integer(head[PAYLOAD]) or decode.integer(head[CODE])
  if feed == X then
    if code ~= 0 and link.is_linked then
      return link:restart("the venue's backend is not connected")
    end
    link.is_linked = code == 0
    return link.is_linked and link:reply("X", true)
  end
  local name = decode.text(head[ID]) or ""
  local market = link.session.by_venue_symbol[name]
  if action == FAILED then return read_failure(link, name, code or -1) end
  if action == UNBOUND then
    local held = link.books[name]
    if held then held.bids, held.asks = nil, nil end
    return
  end
  if not market or action ~= SNAPSHOT and action ~= CHANGED then
    return link:on_bad_message("a book of " .. name .. " that nobody knows")
  end
  local payload = assert(json.decode(decode.text(head[PAYLOAD])))
  local ok, err = pcall(read_book, link, market, action == SNAPSHOT, payload)
  if ok then return end
  link:on_bad_message("book of " .. name .. ": " .. tostring(err))
  send(link, "unbind", market.name)                         -- it cannot be patched any more
  send(link, "bind", market.name)
end

return M
