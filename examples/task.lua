--- A task reads like a script and blocks nobody: look at the balance, buy, wait, give up.
local mw = require "moonwire"

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001", patience = 5 }

function S:on_start()
  self:subscribe "book"
  self:task "shop"
end

function S:on_book(book) self.book = book end

function S:shop()
  local venue = mw.venue(self.params.venue)
  local balances, err = venue:balances()
  if not balances then return self:stop("no balances: " .. err) end
  print("free IDR before: " .. tostring(balances.IDR.free))
  while not self.book do mw.sleep(0.1) end
  local order
  order, err = self:buy { qty = self.params.qty, price = self.book:best_bid() }
  if not order then return self:stop("refused: " .. err) end
  if order:wait("filled", self.params.patience) ~= "filled" then
    self:cancel(order)
    order:wait("canceled", 5)
  end
  print("ended as " .. order.status .. ", bought " .. tostring(order.cum_qty))
  self:stop "done"
end

return S
