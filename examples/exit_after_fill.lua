--- Buys once at the best ask and offers whatever was bought `step` higher: fills drive orders.
local mw = require "moonwire"

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001", step = "100000" }

function S:on_start() assert(self:subscribe "book") end

function S:on_book(book)
  if self.state.has_bought or not book:best_ask() then return end
  local order, err = self:buy { qty = self.params.qty, price = book:best_ask() }
  if not order then return self.log.error("not bought: %s", err) end   -- refused before it was sent
  self.state.has_bought = true
end

function S:on_fill(fill, order)
  print(("%s %s at %s"):format(order.side == "buy" and "bought" or "sold", fill.qty, fill.price))
  if order.side == "sell" then return end
  local exit, err = self:sell { qty = fill.qty, price = fill.price + self.params.step }
  if not exit then self.log.error("%s bought and not offered: %s", fill.qty, err) end
end

return S
