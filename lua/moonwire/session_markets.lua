--- What the venue of a session can, its markets and the data that is asked for about them; part of
--- session.lua.

local limit_names = require "moonwire.limit_names"

local Markets = {}                    -- methods of moonwire.Session

--- What the venue can: a table of the asker's own.
function Markets:capabilities()
  local given, own = self.protocol.capabilities, {}
  for name, can in pairs(type(given) == "function" and given(self.config) or given) do
    own[name] = can
  end
  return own
end

--- What the session itself does depends on these.
function Markets:note_capabilities()
  local can = self:capabilities()
  self.has_client_ids, self.can_cancel = can.client_order_id ~= false, can.cancel ~= false
  self.can_replace, self.can_cancel_all = can.replace == true, can.cancel_all == true
end

--- Asks for the markets, in a task: at the first log-on, and when the venue says that they changed.
function Markets:load_markets()
  local markets, err, class = self.protocol.fetch_markets(self)
  if not markets then return nil, "markets: " .. err, class end
  self.markets, self.by_venue_symbol = {}, {}
  for _, market in ipairs(markets) do self:add_market(market) end
  self.log.info("%d markets", #markets)
  limit_names.look(self.desk)
  return true
end

--- A market that the venue has opened. While all of them are being asked for it is among those.
function Markets:add_market(market)
  if not self.markets then return end
  if self.markets[market.symbol] then self:drop_market(market.symbol) end
  self.markets[#self.markets + 1], self.markets[market.symbol] = market, market
  for _, name in ipairs(market.names) do self.by_venue_symbol[name] = market end
end

--- A market that the venue has closed for good.
function Markets:drop_market(symbol)
  local market = self.markets and self.markets[symbol]
  if not market then return end
  for i, other in ipairs(self.markets) do
    if other == market then table.remove(self.markets, i) break end
  end
  self.markets[symbol] = nil
  for _, name in ipairs(market.names) do self.by_venue_symbol[name] = nil end
end

local function bare(symbol) return (tostring(symbol):upper():gsub("[^%w]", "")) end

-- Symbols are written in several ways: btc_idr, btcidr, BTC-IDR.
local function hint(markets, symbol)
  local wanted = bare(symbol)
  for _, market in ipairs(markets) do
    if bare(market.symbol) == wanted then return "; did you mean " .. market.symbol .. "?" end
  end
  return ""
end

function Markets:market_of(symbol)
  local market = self.markets and self.markets[symbol]
  if not market then
    return nil, self.markets and ("no market %s on %s%s"):format(tostring(symbol), self.name,
                                                                hint(self.markets, symbol))
      or "markets of " .. self.name .. " are not known yet"
  end
  return market
end

-- Market data -------------------------------------------------------------------------------------

function Markets:can_subscribe(feed, symbol)
  if not self.market then return nil, "venue " .. self.name .. " has no market data configured" end
  local feeds = self.protocol.market.feeds
  if feeds and not feeds[feed] then
    return nil, ("%s has no feed of %s"):format(self.protocol.name, feed)
  end
  if self.markets and not self.markets[symbol] then return self:market_of(symbol) end
  return true
end

--- Asks the venue for a feed, on the market connection that stands.
function Markets:ask_for(subscription)
  local market = self.markets[subscription.symbol]
  if not market then return self.log.error("no market %s to subscribe", subscription.symbol) end
  return self.protocol.market.subscribe(self.market, subscription, market)
end

function Markets:subscribe(feed, symbol)
  local key = feed .. "\0" .. symbol
  if self.subscriptions[key] then return end
  local subscription = { feed = feed, symbol = symbol }
  self.subscriptions[key] = subscription
  if self.market.state == "live" then return self:ask_for(subscription) end
  if self.market.state == "down" and not self.market.retry_timer
    and self.private.state == "live" then
    self.market:connect()
  end
  self:settle_state()
end

return Markets
