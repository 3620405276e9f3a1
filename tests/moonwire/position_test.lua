local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local position = require "moonwire.position"
local traces = require "tests.moonwire.traces"

local function flat(symbol)
  return position.new { strategy = "s", venue = "idx", symbol = symbol or "BTC/IDR" }
end

local function fill(side, qty, price, fees)
  return { side = side, qty = decimal(qty), price = decimal(price), fees = fees }
end

local function fee(asset, amount) return { asset = asset, amount = decimal(amount) } end

local function book(fills)
  local p = flat()
  for _, f in ipairs(fills) do p:apply(f) end
  return p
end

t.test("a new position is flat and has earned nothing", function()
  local p = flat()
  t.equal(p.qty, decimal "0")
  t.equal(p.avg_price, nil)
  t.equal(p.realized, decimal "0")
  t.equal(p:unrealized("100"), decimal "0")
  t.equal(p:fees_text(), "none")
end)

t.test("buys average, and a sale realizes against the average", function()
  local p = book { fill("buy", "1", "100"), fill("buy", "3", "120") }
  t.equal(p.avg_price, decimal "115")
  p:apply(fill("sell", "2", "130"))
  t.equal(p.qty, decimal "2")
  t.equal(p.avg_price, decimal "115")
  t.equal(p.realized, decimal "30")
  t.equal(p:unrealized("110"), decimal "-10")
end)

t.test("a stake that was decided leaves its profit or its loss and no position", function()
  local p = flat "p1#home/DON"
  local won = fill("buy", "4", "2.5")
  won.liquidity = "pool"
  p:apply(won)
  t.equal(p.qty, decimal "0")
  t.equal(p.realized, decimal "6")
  local lost = fill("buy", "10", "0", { fee("DON", "0.5") })
  lost.liquidity = "pool"
  p:apply(lost)
  t.equal(p.realized, decimal "-4.5")
  t.equal(p.avg_price, nil)
  t.equal(p:balances().DON, decimal "-4.5")
end)

t.test("a sale from flat goes short and earns when the price falls", function()
  local p = book { fill("sell", "2", "100") }
  t.equal(p.qty, decimal "-2")
  t.equal(p.avg_price, decimal "100")
  t.equal(p.realized, decimal "0")
  t.equal(p:unrealized("90"), decimal "20")
  p:apply(fill("buy", "1", "80"))
  t.equal(p.realized, decimal "20")
  t.equal(p.qty, decimal "-1")
  t.equal(p.avg_price, decimal "100")
end)

t.test("a fill that flips is split: one part closes, the rest opens at its price", function()
  local p = book { fill("buy", "1", "100"), fill("sell", "3", "110") }
  t.equal(p.qty, decimal "-2")
  t.equal(p.avg_price, decimal "110")
  t.equal(p.realized, decimal "10")
  p:apply(fill("buy", "5", "105"))
  t.equal(p.qty, decimal "3")
  t.equal(p.avg_price, decimal "105")
  t.equal(p.realized, decimal "20")
end)

t.test("a closed position has no average price and no rest", function()
  local p = book { fill("buy", "0.3", "100.07"), fill("sell", "0.1", "100"),
                   fill("sell", "0.1", "100"), fill("sell", "0.1", "100") }
  t.equal(p.qty, decimal "0")
  t.equal(p.avg_price, nil)
  t.equal(p.realized, decimal "-0.021")
  t.equal(p:unrealized("12345"), decimal "0")
end)

t.test("fees in quote currency reduce the profit, others are kept apart", function()
  local p = flat()
  p:apply(fill("buy", "1", "100", { fee("IDR", "0.3"), fee("BTC", "0.001") }))
  p:apply(fill("sell", "1", "110", { fee("IDR", "0.2"), fee("TOKEN", "5") }))
  t.equal(p.realized, decimal "9.5")
  t.equal(p.fees.IDR, decimal "0.5")
  t.equal(p.fees.BTC, decimal "0.001")
  t.equal(p.fees.TOKEN, decimal "5")
  t.equal(p:fees_text(), "0.001 BTC, 0.5 IDR, 5 TOKEN")
end)

t.test("a rebate is a fee below zero", function()
  local p = book { fill("buy", "1", "100", { fee("IDR", "-0.25") }) }
  t.equal(p.realized, decimal "0.25")
end)

t.test("balances say what changed in the account, fees included", function()
  local p = flat()
  p:apply(fill("buy", "2", "100", { fee("BTC", "0.002") }))
  p:apply(fill("sell", "1", "150", { fee("IDR", "1") }))
  local changes = p:balances()
  t.equal(changes.BTC, decimal "0.998")
  t.equal(changes.IDR, decimal "-51")
  local q = flat("ETH/IDR")
  q:apply(fill("sell", "1", "51"))
  t.equal(position.balances({ p, q }).IDR, decimal "0")
  t.equal(position.balances({ p, q }).ETH, decimal "-1")
end)

t.test("the order's side is used when the fill has none", function()
  local p = flat()
  p:apply({ qty = decimal "1", price = decimal "10" }, { side = "sell" })
  t.equal(p.qty, decimal "-1")
  local sideless = { qty = decimal "1", price = decimal "10" }
  t.raises(function() p:apply(sideless, {}) end, "without a side")
end)

local function amended(side, qty, old_price, price, fees)
  local f = fill(side, qty, price, fees)
  f.old_price = decimal(old_price)
  return f
end

t.test("an amended price of what is held changes the average, not the profit", function()
  local p = book { fill("buy", "2", "100") }
  p:amend(amended("buy", "2", "100", "97", { fee("IDR", "1") }))
  t.equal(p.avg_price, decimal "97")
  t.equal(p.realized, decimal "-1")
  t.equal(p.qty, decimal "2")
end)

t.test("an amended price of what was closed changes the profit", function()
  local p = book { fill("buy", "2", "100"), fill("sell", "2", "110") }
  p:amend(amended("sell", "2", "110", "109"))
  t.equal(p.realized, decimal "18")
  p:amend(amended("buy", "2", "100", "98"))
  t.equal(p.realized, decimal "22")
end)

t.test("an amendment of a fill that is half closed is split, and the total is exact", function()
  local p = book { fill("buy", "2", "100"), fill("sell", "1", "110") }
  p:amend(amended("buy", "2", "100", "96"))
  t.equal(p.avg_price, decimal "96")
  t.equal(p.realized, decimal "14")
  t.equal(p.realized + p:unrealized("110"), decimal "28")
end)

t.test("an amendment of a fill behind which the position has turned changes the profit", function()
  local p = book { fill("buy", "2", "100"), fill("sell", "5", "110") }
  p:amend(amended("buy", "2", "100", "98"))
  t.equal(p.avg_price, decimal "110")
  t.equal(p.realized, decimal "24")
end)

t.test("a short position is amended the same way round", function()
  local p = book { fill("sell", "2", "100") }
  p:amend(amended("sell", "2", "100", "103"))
  t.equal(p.avg_price, decimal "103")
  t.equal(p.realized, decimal "0")
  t.equal(p:unrealized("103"), decimal "0")
end)

t.test("a position of many digits is reduced without an error", function()
  local p = book { fill("buy", "123456789012.12345678", "0.0046462123") }
  p:apply(fill("sell", "0.00000001", "0.0046462124"))
  p:apply(fill("sell", "23456789012.98765432", "0.0046462121"))
  local drift = (p.avg_price - "0.0046462123"):abs()
  t.ok(drift < decimal "0.00000000001", tostring(p.avg_price))
  local total = p.realized + p:unrealized("0.0046462123")
  t.equal(total, decimal "0.0000000000000000010" - decimal "23456789012.98765432" * "0.0000000002")
end)

t.test("a symbol that is no pair is refused", function()
  t.raises(function() flat("BTCIDR") end, "BASE/QUOTE")
end)

-- A strategy can write into the totals of its position: that spoils its figures and nothing else.
t.test("a count of fees that a strategy wrote is no index: nothing beyond is read", function()
  for _, count in ipairs { 9, 200, 4294967295 } do
    local p = book { fill("buy", "1", "100", { fee("IDR", "5") }) }
    p._totals.fee_count = count
    local seen = 0
    for asset, amount in pairs(p.fees) do
      seen = seen + 1
      t.ok(asset == "IDR" and tostring(amount) == "5", asset .. " " .. tostring(amount))
    end
    t.equal(seen, 1)
    t.equal(tostring(p.realized), "-5")
    t.equal(p:fees_text(), "5 IDR")
    t.equal(tostring(p:balances().IDR), "-105")
    p:apply(fill("buy", "1", "100", { fee("IDR", "1") }))
    t.equal(tostring(p.fees.IDR), "6")
  end
end)

t.test("fees in a ninth asset are refused, also when the count was written down", function()
  local function nine(p)
    for i = 1, 9 do p:apply(fill("buy", "1", "100", { fee("POSITION" .. i, "1") })) end
  end
  t.raises(nine, "more than 8 assets", flat())
  local p = flat()
  for i = 1, 8 do p:apply(fill("buy", "1", "100", { fee("POSITION" .. i, "1") })) end
  p._totals.fee_count = 200
  t.raises(p.apply, "more than 8 assets", p, fill("buy", "1", "100", { fee("POSITION9", "1") }))
  t.equal(tostring(p.qty), "8", "nothing of what is refused is counted")
  local seen = 0
  for _ in pairs(p.fees) do seen = seen + 1 end
  t.equal(seen, 8)
end)

-- Invariants, against random histories:
--   1. realized + unrealized(mark) is exactly what the fills brought, what is held sold at mark;
--   2. when it is flat nothing is unrealized, whatever the mark;
--   3. avg_price lies between the lowest and the highest price since the position was last flat or
--      flipped.
local function run_history(seed)
  math.randomseed(seed)
  local p, cash, qty = flat(), decimal "0", decimal "0"
  local low, high
  for _ = 1, 60 do
    local side = math.random() < 0.5 and "buy" or "sell"
    local f = fill(side, decimal(math.random(1, 40)) * "0.00700001",
                   decimal(math.random(90000, 110000)) * "0.01")
    if math.random() < 0.2 and not p.qty:is_zero() then        -- closes exactly
      f.side, f.qty = p.qty:sign() > 0 and "sell" or "buy", p.qty:abs()
    end
    local before = p.qty:sign()
    local delta = f.side == "buy" and f.qty or -f.qty
    cash, qty = cash - delta * f.price, qty + delta
    p:apply(f)
    if p.qty ~= qty then return "qty" end
    local mark = decimal(math.random(50, 150))
    if p.realized + p:unrealized(mark) ~= cash + qty * mark then return "total" end
    if qty:is_zero() then
      if p:unrealized(mark) ~= decimal "0" or p.avg_price then return "flat" end
    else
      if before ~= qty:sign() then low, high = f.price, f.price
      elseif before == delta:sign() then low, high = low:min(f.price), high:max(f.price) end
      if p.avg_price < low - "0.000001" or p.avg_price > high + "0.000001" then return "average" end
    end
  end
end

t.test("profit is exact over 300 random histories", function()
  for seed = 1, 300 do
    local problem = run_history(seed)
    t.ok(not problem, ("seed %d: %s"):format(seed, tostring(problem)))
  end
end)

-- As of a callback's place (budget_test.lua).
t.test("what is compiled of a fill has not the making of its position in it", function()
  local ends = traces.ends_of(function(i) return flat("B" .. i .. "/IDR")._totals end)
  t.equal(ends.stitch, nil)
end)

t.done()
