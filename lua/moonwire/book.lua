--- An order book as strategies see it: best prices first, exact decimals, never changed once made.

local decimal = require "moonwire.decimal"

---@class moonwire.Book
---@field venue string
---@field symbol string
---@field bids { price: moonwire.decimal, qty: moonwire.decimal }[]  highest price first
---@field asks { price: moonwire.decimal, qty: moonwire.decimal }[]  lowest price first
---@field time number  seconds since 1970
---@field pool table|nil  where stakes are pooled and nothing is quoted (moonwire.Pool)
local methods = {}                    -- apart from the class: book.__index leads nowhere
local Book = { __name = "moonwire.Book", __index = methods }

local M = {}
local HALF = decimal "0.5"

function M.new(venue, symbol, bids, asks, time)
  local book = { venue = venue, symbol = symbol, bids = bids, asks = asks, time = time }
  return setmetatable(book, Book)
end

--- The best bid price, or nil when that side is empty.
function methods:best_bid() return self.bids[1] and self.bids[1].price end
--- The best ask price, or nil when that side is empty.
function methods:best_ask() return self.asks[1] and self.asks[1].price end

--- Halfway between the best prices; nil unless both sides have one.
function methods:mid()
  local bid, ask = self:best_bid(), self:best_ask()
  return bid and ask and (bid + ask) * HALF or nil
end

--- Best ask minus best bid; nil unless both sides have one.
function methods:spread()
  local bid, ask = self:best_bid(), self:best_ask()
  return bid and ask and ask - bid or nil
end

local function copy_levels(levels)
  local copied = {}
  for i, level in ipairs(levels) do copied[i] = { price = level.price, qty = level.qty } end
  return copied
end

--- The same book in tables of its own.
function methods:copy()
  local copied = M.new(self.venue, self.symbol, copy_levels(self.bids), copy_levels(self.asks),
                       self.time)
  local pool = self.pool
  copied.pool = pool and { multiplier = pool.multiplier, backing = pool.backing,
                           total = pool.total, is_blocked = pool.is_blocked }
  return copied
end

function Book:__tostring()
  return ("%s %s / %s"):format(self.symbol, tostring(self:best_bid() or "-"),
                               tostring(self:best_ask() or "-"))
end

return M
