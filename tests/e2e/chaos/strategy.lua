--- Trades one symbol as fast as it is told, near the market and sometimes into it, and keeps what
--- its fills have told it.

local mw = require "moonwire"

local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001", pause = 0.02,
                        is_quiet = false }
local KEPT_OPEN = 5

function S:on_start()
  local keep = self.state.persist
  keep.bought = keep.bought or mw.decimal "0"
  print(("%s holds %s was told %s"):format(self.params.symbol, self:position().qty, keep.bought))
  if self.params.is_quiet then return self:cancel_all() end
  assert(self:subscribe "book")
  self.qty, self.turn = mw.decimal(self.params.qty), 0
  self:every(self.params.pause, "trade")
end

function S:on_book(book) self.bid, self.ask = book:best_bid(), book:best_ask() end

function S:trade()
  if not self.bid or not self.ask then return end
  local turn = self.turn + 1
  self.turn = turn
  local is_buy = turn % 2 == 0
  local is_taker = turn % 8 < 2
  self:submit { side = is_buy and "buy" or "sell", qty = self.qty,
                price = is_buy == is_taker and self.ask or self.bid }
  local orders = self.orders
  if #orders > KEPT_OPEN then self:cancel(orders[1]) end
end

function S:on_fill(fill, order)
  local keep = self.state.persist
  keep.bought = order.side == "buy" and keep.bought + fill.qty or keep.bought - fill.qty
end

return S
