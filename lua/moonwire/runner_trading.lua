--- What a strategy asks of the desk in its callbacks: orders, feeds, positions; part of runner.lua.

local position = require "moonwire.position"

local Trading = {}                    -- methods of moonwire.Runner

function Trading:submit(draft)
  if self.state ~= "running" then return nil, "the strategy is " .. self.state end
  rawset(draft, "strategy", self.name)                     -- whatever the instance says it is
  local order, err = self.desk:prepare(draft)
  if not order then return nil, err end
  self:ask(self.desk, "send", "discard", order)
  return order._view
end

--- Its open orders as it has them, oldest first.
function Trading:orders()
  local list = self.desk.orders:list_open { strategy = self.name }
  for i, order in ipairs(list) do list[i] = order._view end
  return list
end

function Trading:cancel(order)
  if not order:is_open() then return nil, "the order is " .. order.status .. " already" end
  if order._owner ~= self.name then
    return nil, "the order is not this strategy's"
  end
  if not self.desk.sessions[order.venue].can_cancel then
    return nil, ("venue %s cannot cancel"):format(order.venue)
  end
  self:ask(self.desk, "cancel", nil, order)
  return true
end

local Several = { __tostring = function(orders)
  local names = {}
  for i, order in ipairs(orders) do names[i] = tostring(order) end
  return table.concat(names, ", ")
end }

--- Cancels its open orders, all or those in one symbol. Returns how many.
function Trading:cancel_all(symbol)
  local orders = setmetatable({}, Several)
  for _, order in ipairs(self.desk.orders:list_open { strategy = self.name, symbol = symbol }) do
    if self.desk.sessions[order.venue].can_cancel then orders[#orders + 1] = order end
  end
  if #orders > 0 then self:ask(self.desk, "cancel_many", nil, orders) end
  return #orders
end

function Trading:replace(order, price, qty)
  if self.state ~= "running" then return nil, "not running: " .. self.state end
  if order._owner ~= self.name then
    return nil, "the order is not this strategy's"
  end
  local link, err = self.desk:prepare_replace(order, self.name, price, qty)
  if not link then return nil, err end
  self:ask(self.desk, "send_replace", "drop_replace", order, link)
  return order._view
end

function Trading:subscribe(feed, symbol, venue)
  local session, err = self.desk:session(venue)
  if not session then return nil, err end
  local ok
  ok, err = session:can_subscribe(feed, symbol)
  if not ok then return nil, err end
  self:ask(self, "begin_feed", nil, feed, { venue = venue, symbol = symbol })
  return true
end

function Trading:begin_feed(feed, what)
  local of_feed = self.feeds[feed] or {}
  local symbols = of_feed[what.venue] or {}
  self.feeds[feed], of_feed[what.venue], symbols[what.symbol] = of_feed, symbols, true
  self.desk:session(what.venue):subscribe(feed, what.symbol)
end

--- Whether this strategy asked for that feed.
function Trading:hears(venue, feed, symbol)
  local of_feed = self.feeds[feed]
  local symbols = of_feed and of_feed[venue]
  return symbols and symbols[symbol]
end

function Trading:position(symbol, venue)
  return position.view(self.desk:position(self.name, venue, symbol))
end

return Trading
