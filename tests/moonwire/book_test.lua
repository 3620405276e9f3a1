local t = require "tests.tap"
local book = require "moonwire.book"
local decimal = require "moonwire.decimal"

local function levels(...)
  local list = {}
  for i, price in ipairs { ... } do list[i] = { price = decimal(price), qty = decimal "1" } end
  return list
end

local function new(bids, asks) return book.new("idx", "BTC/IDR", bids, asks, 1790000000) end

t.test("best prices, mid and spread of a book with two sides", function()
  local b = new(levels("1549999000", "1549998000"), levels("1550000000", "1550001000"))
  t.equal(tostring(b:best_bid()), "1549999000")
  t.equal(tostring(b:best_ask()), "1550000000")
  t.equal(tostring(b:mid()), "1549999500")
  t.equal(tostring(b:spread()), "1000")
  t.equal(b.venue .. b.symbol .. b.time, "idxBTC/IDR1790000000")
end)

t.test("what a pool stands at is copied with its book", function()
  local b = new({}, {})
  b.pool = { multiplier = decimal "2.5", backing = decimal "4", total = decimal "10" }
  local copied = b:copy()
  t.ok(copied.pool ~= b.pool)
  t.equal(tostring(copied.pool.multiplier), "2.5")
  t.equal(copied:mid(), nil)
end)

t.test("a mid between prices of one step is exact", function()
  t.equal(tostring(new(levels "0.00000001", levels "0.00000002"):mid()), "0.000000015")
end)

t.test("a side that is empty has no best price, and no mid or spread comes of it", function()
  local b = new(levels "100", {})
  t.equal(tostring(b:best_bid()), "100")
  t.equal(b:best_ask(), nil)
  t.equal(b:mid(), nil)
  t.equal(b:spread(), nil)
  b = new({}, levels "100")
  t.equal(b:best_bid(), nil)
  t.equal(tostring(b:best_ask()), "100")
  t.equal(b:mid(), nil)
  t.equal(b:spread(), nil)
  t.equal(new({}, {}):mid(), nil)
end)

t.test("a crossed book is shown as it is", function()
  local b = new(levels "101", levels "100")
  t.equal(tostring(b:spread()), "-1")
  t.equal(tostring(b:mid()), "100.5")
end)

t.test("a copy is the same book in tables of its own", function()
  local b = new(levels("100", "99"), levels("102"))
  local copy = b:copy()
  t.equal(tostring(copy:mid()), "101")
  t.equal(copy.bids[2].price .. "x" .. copy.asks[1].qty, "99x1")
  t.equal(copy.venue .. copy.symbol .. copy.time, "idxBTC/IDR1790000000")
  copy.bids[1].price, copy.bids[2], copy.asks[1] = decimal "1", nil, nil
  copy.symbol = "X/Y"
  t.equal(tostring(b:best_bid()) .. tostring(b:best_ask()) .. #b.bids .. b.symbol, "1001022BTC/IDR")
  b.asks[1].qty = decimal "7"
  t.equal(#copy.asks, 0)
end)


t.test("in a log a book is its best prices", function()
  t.equal(tostring(new(levels "1", levels "2")), "BTC/IDR 1 / 2")
  t.equal(tostring(new({}, levels "2")), "BTC/IDR - / 2")
  t.equal(tostring(new(levels "1", {})), "BTC/IDR 1 / -")
end)

t.done()
