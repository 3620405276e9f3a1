--- Only looks: the spread once a second, each public trade, and whether the venue is there.
local mw = require "moonwire"

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", seconds = 1 }

function S:on_start()
  assert(self:subscribe "book")
  assert(self:subscribe "trades")
  self:every(self.params.seconds, "show")
end

function S:on_book(book) self.book = book end

function S:on_trade(trade)
  print(("%-4s %s at %s"):format(trade.side, trade.qty, trade.price))
end

function S:on_session(venue, state) print(venue .. " is " .. state) end

function S:show()
  local spread = self.book and self.book:spread()
  if spread then print(("mid %s, spread %s"):format(self.book:mid(), spread)) end
end

return S
