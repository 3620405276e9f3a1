--- Stakes a little on whichever target would bring most, one in each pool, and tells what came of
--- it. A pool's multiplier moves until betting stops: what is seen is not what is paid.

local mw = require "moonwire"

local S = mw.strategy { venue = "im", stake = "1", most = "20", every = 0.5 }

function S:on_start()
  self.state.seen, self.state.books = {}, {}
  self:every(self.params.every, "look")
end

-- "pool#target/CURRENCY" -> "pool"
local function pool_of(symbol) return symbol:match "^[^#]+" end

--- Listens to pools that are new here, and bets where none of our stakes is yet.
function S:look()
  local staked, best = {}, {}
  for symbol in pairs(mw.venue(self.params.venue):markets()) do
    if not self.state.seen[symbol] then
      self.state.seen[symbol] = true
      self:subscribe("book", symbol, self.params.venue)
    end
    local pool, book = pool_of(symbol), self.state.books[symbol]
    if book and book.total > 0 and not book.is_blocked and book.multiplier <= self.params.most
      and (not best[pool] or book.multiplier > self.state.books[best[pool]].multiplier) then
      best[pool] = symbol
    end
  end
  for _, order in ipairs(self.orders) do staked[pool_of(order.symbol)] = true end
  for pool, symbol in pairs(best) do
    if not staked[pool] then
      local order, err = self:buy { symbol = symbol, qty = self.params.stake }
      if not order then self.log.warn("%s: %s", symbol, err) end
    end
  end
end

function S:on_book(book) self.state.books[book.symbol] = book.pool end

function S:on_fill(fill)
  self.log.info("%s came back of %s on %s", fill.qty * fill.price, fill.qty, fill.symbol)
end

return S
