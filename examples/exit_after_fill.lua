--- Buys once and offers whatever was bought one `step` higher: fills drive orders.
local mw = require "moonwire"

local S = mw.strategy {
  venue = "idx", symbol = "BTC/IDR", qty = "0.001", price = "950000000", step = "1000000",
}

function S:on_start()
  local order, err = self:buy { qty = self.params.qty, price = self.params.price }
  if not order then self.log.error("not bought: %s", err) end       -- refused before it was sent
end

function S:on_fill(fill, order)
  if order.side ~= "buy" then return print("sold " .. tostring(fill.qty) .. " at " .. tostring(fill.price)) end
  local exit, err = self:sell { qty = fill.qty, price = fill.price + self.params.step }
  if not exit then self.log.error("%s bought and not offered: %s", fill.qty, err) end
end

return S
