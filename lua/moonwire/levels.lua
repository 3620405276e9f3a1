--- One side of a book that is kept up to date by changes: a list of { price =, qty = }, best first,
--- where `better(a, b)` says which price stands before which.

local M = {}

M.better = {
  bids = function(a, b) return a > b end,
  asks = function(a, b) return a < b end,
}

--- The place of a price, and whether a level stands there; the engine of the simulators has its
--- levels the other way round, worst first.
function M.locate(side, better, price)
  local low, high = 1, #side + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if better(side[middle].price, price) then low = middle + 1 else high = middle end
  end
  return low, side[low] ~= nil and side[low].price == price
end

--- Takes a price out, if it is there.
function M.remove(side, better, price)
  local i, found = M.locate(side, better, price)
  if found then table.remove(side, i) end
end

--- What stands at a price now; nothing stands where the quantity is not above 0.
function M.set(side, better, price, qty)
  if qty:sign() <= 0 then return M.remove(side, better, price) end
  local i, found = M.locate(side, better, price)
  local level = { price = price, qty = qty }
  if found then side[i] = level else table.insert(side, i, level) end
end

--- The best levels as a list for somebody else, who may keep it.
function M.top(side, count)
  local levels = {}
  for i = 1, math.min(#side, count) do levels[i] = { price = side[i].price, qty = side[i].qty } end
  return levels
end

return M
