--- Buys, and sells all of it when the bid falls `loss` below what was paid: a stop that lives here,
--- since few venues take one by API. It ends when nothing is held any more.
local mw = require "moonwire"
local decimal = mw.decimal

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001", loss = "0.002" }

function S:on_start()
  assert(self:subscribe "book")
  self.keep = decimal "1" - self.params.loss
  self.market = mw.venue(self.params.venue):markets()[self.params.symbol]
end

function S:on_book(book)
  local bid, ask = book:best_bid(), book:best_ask()
  if not bid or not ask or #self.orders > 0 then return end    -- one order at a time
  local position = self:position()
  if not self.state.has_bought then
    self.state.has_bought = self:buy { qty = self.params.qty, price = ask } ~= nil
  elseif position.qty:sign() > 0 and bid < position.avg_price * self.keep then
    local price = (bid * decimal "0.99"):round(self.market.price_step, "floor")
    local order, err = self:sell { qty = position.qty, price = price }
    if not order then self.log.error("stop not sent: %s", err) end
  end
end

function S:on_order(order)
  if order.side == "sell" and order.status == "filled" then self:after(2, "finish") end
end

--- A while after the sale: until the venue's history tells what a taker got, the order's own price
--- stands for it.
function S:finish()
  print("stopped out: " .. tostring(self:position()))
  self:stop "nothing is held"
end

return S
