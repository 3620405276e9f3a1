--- The smallest strategy: buy a little below the market, and say what becomes of it.
local mw = require "moonwire"

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001", price = "1500000000" }

function S:on_start()
  local order, err = self:buy { qty = self.params.qty, price = self.params.price }
  print(order and "sent " .. order.client_order_id or "refused: " .. err)
end

function S:on_order(order, event)
  print(event.previous .. " -> " .. order.status)
end

return S
