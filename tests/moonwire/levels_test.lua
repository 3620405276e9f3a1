-- One side of a book: changes in any order leave the levels that stand, best first.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local levels = require "moonwire.levels"
local Random = require "moonwire.random"

local function text(side)
  local words = {}
  for i, level in ipairs(side) do words[i] = level.qty .. "@" .. level.price end
  return table.concat(words, " ")
end

t.test("levels are set, changed and removed where they belong", function()
  local bids = {}
  for _, change in ipairs { { "100", "1" }, { "102", "2" }, { "101", "3" }, { "102", "5" },
                            { "100", "0" }, { "99", "0" } } do
    levels.set(bids, levels.better.bids, decimal(change[1]), decimal(change[2]))
  end
  t.equal(text(bids), "5@102 3@101")
  levels.remove(bids, levels.better.bids, decimal "102.0")
  levels.remove(bids, levels.better.bids, decimal "7")
  t.equal(text(bids), "3@101")
end)

t.test("what was taken out for somebody stays as it was", function()
  local asks = {}
  for i = 1, 5 do levels.set(asks, levels.better.asks, decimal(i), decimal "1") end
  local top = levels.top(asks, 3)
  levels.set(asks, levels.better.asks, decimal "1", decimal "9")
  t.equal(text(top), "1@1 1@2 1@3")
  t.equal(#levels.top(asks, 99), 5)
end)

t.test("random changes agree with a table of prices", function()
  local random = Random.new(3)
  for name, better in pairs(levels.better) do
    local side, model = {}, {}
    for _ = 1, 2000 do
      local price, qty = random:integer(1, 60), random:integer(0, 3)
      levels.set(side, better, decimal(price), decimal(qty))
      model[price] = qty > 0 and qty or nil
    end
    local prices = {}
    for price in pairs(model) do prices[#prices + 1] = price end
    table.sort(prices, name == "asks" and function(a, b) return a < b end
                       or function(a, b) return a > b end)
    local words = {}
    for i, price in ipairs(prices) do words[i] = model[price] .. "@" .. price end
    t.equal(text(side), table.concat(words, " "), name)
  end
end)

t.done()
