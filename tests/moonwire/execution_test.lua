-- One execution, filled in place as the event path does it, or from a report.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local execution = require "moonwire.execution"
local ffi = require "moonwire.cdef"

local D = decimal

local function fee(asset, amount) return { asset = asset, amount = D(amount) } end

local function of(more)
  local report = { last_qty = D "2", last_price = D "100" }
  for name, value in pairs(more or {}) do report[name] = value end
  return execution.of(report)
end

-- "5 IDR, 1 BTC"
local function fees_of(x)
  local words = {}
  for i, each in ipairs(execution.fees(x)) do
    t.ok(decimal.is(each.amount), "a fee is a decimal")
    words[i] = tostring(each.amount) .. " " .. each.asset
  end
  return table.concat(words, ", ")
end

-- Reads the members "amount" and "asset" of a message as a fee.
local function read(x, json)
  local decoder = decode.new { "amount", "asset" }
  t.ok(decoder:read(json))
  return execution.read_fees(x, decoder.head, execution.fee_slots { { 0, 1 } })
end

t.test("a new execution has nothing: no fees, no liquidity, no time", function()
  local x = execution.new()
  t.equal(fees_of(x), "")
  t.equal(execution.liquidity(x), nil)
  t.equal(x.time, 0)
end)

t.test("an execution of a report has its quantity, price, liquidity, time and fees", function()
  local x = of { liquidity = "taker", time = 1790000000.25,
                 fees = { fee("IDR", "5"), fee("BTC", "-0.00001") } }
  t.equal(tostring(x.qty), "2")
  t.equal(tostring(x.price), "100")
  t.equal(execution.liquidity(x), "taker")
  t.equal(x.time, 1790000000.25)
  t.equal(fees_of(x), "5 IDR, -0.00001 BTC")
  t.equal(execution.liquidity(of { liquidity = "maker" }), "maker")
end)

t.test("what a report does not tell is not there", function()
  local x = of()
  t.equal(execution.liquidity(x), nil)
  t.equal(x.time, 0)
  t.equal(#execution.fees(x), 0)
  t.equal(execution.liquidity(of { liquidity = "auction" }), nil)
end)

t.test("an execution keeps what it was given when the report's decimals change", function()
  local qty, price, amount = decimal.sum(D "2"), decimal.sum(D "100"), decimal.sum(D "5")
  local x = execution.of { last_qty = qty, last_price = price,
                           fees = { { asset = "IDR", amount = amount } } }
  for _, sum in ipairs { qty, price, amount } do decimal.add_to(sum, D "1", 1) end
  t.equal(tostring(x.qty) .. "@" .. tostring(x.price) .. " " .. fees_of(x), "2@100 5 IDR")
end)

t.test("fees that are read are decimals of their own", function()
  local x = of { fees = { fee("IDR", "5") } }
  local fees = execution.fees(x)
  decimal.add_to(fees[1].amount, D "1", 1)
  fees[1].asset, fees[2] = "X", fees[1]
  t.equal(fees_of(x), "5 IDR")
end)

t.test("four fees fit, a fifth is refused and changes nothing", function()
  local four = { fee("IDR", "1"), fee("BTC", "2"), fee("USDT", "3"), fee("IDR", "4") }
  t.equal(fees_of(of { fees = four }), "1 IDR, 2 BTC, 3 USDT, 4 IDR")
  four[5] = fee("ETH", "5")
  t.raises(of, "more than 4 fees", { fees = four })
  local x = execution.new()
  for i = 1, 4 do t.equal(read(x, ('{"amount":"%d","asset":"idr"}'):format(i)), true) end
  t.equal(read(x, '{"amount":"5","asset":"idr"}'), false)
  t.equal(fees_of(x), "1 IDR, 2 IDR, 3 IDR, 4 IDR")
end)

t.test("a fee of 0 is none, and takes no place", function()
  local x = of { fees = { fee("IDR", "0"), fee("IDR", "0.00"), fee("IDR", "0"), fee("BTC", "0"),
                          fee("USDT", "0"), fee("IDR", "7") } }
  t.equal(fees_of(x), "7 IDR")
end)

t.test("a fee of a message may be a number or a text, its asset in any case", function()
  local x = execution.new()
  t.equal(read(x, '{"amount":"10.5","asset":"idr"}'), true)
  t.equal(read(x, '{"amount":0.25,"asset":"BTC"}'), true)
  t.equal(fees_of(x), "10.5 IDR, 0.25 BTC")
end)

t.test("of several fees of a message the good ones are counted, whatever the others are", function()
  local decoder = decode.new { "rows[].a", "rows[].a_asset", "rows[].b", "rows[].b_asset" }
  local slots = execution.fee_slots { { 0, 1 }, { 2, 3 } }
  local function both(json)
    local x = execution.new()
    t.ok(decoder:read(('{"rows":[%s]}'):format(json)))
    return tostring(execution.read_fees(x, decoder:row(0), slots)) .. " " .. fees_of(x)
  end
  t.equal(both '{"a":"1","a_asset":"idr","b":"2","b_asset":"btc"}', "true 1 IDR, 2 BTC")
  t.equal(both '{"a":"1","b":"2","b_asset":"btc"}', "false 2 BTC")
  t.equal(both '{"a":"1","a_asset":"idr","b":"x","b_asset":"btc"}', "false 1 IDR")
  t.equal(both '{"b":"2","b_asset":"btc"}', "true 2 BTC")
end)

t.test("a message of more fees than an execution holds is refused as it is described", function()
  local five = { { 0, 1 }, { 2, 3 }, { 4, 5 }, { 6, 7 } }
  t.equal(execution.fee_slots(five).count, 4)
  five[5] = { 8, 9 }
  t.raises(execution.fee_slots, "5 fees of a message: 4 is the most", five)
end)

t.test("a fee that a message does not have, or has as null or 0, is none", function()
  local x = execution.new()
  for _, json in ipairs { "{}", '{"amount":null}', '{"amount":"0","asset":"idr"}', '{"amount":0}',
                          '{"amount":"","asset":"idr"}' } do
    t.equal(read(x, json), true, json)
  end
  t.equal(fees_of(x), "")
end)

t.test("an amount that is no number is told: it may have been a fee", function()
  local x = execution.new()
  t.equal(read(x, '{"amount":"none","asset":"idr"}'), false)
  t.equal(fees_of(x), "")
end)

t.test("an amount without an asset is told: it is no fee of nothing", function()
  local x = execution.new()
  for _, json in ipairs { '{"amount":"5"}', '{"amount":"5","asset":null}',
                          '{"amount":5,"asset":""}', '{"amount":5,"asset":7}',
                          '{"amount":5,"asset":"' .. ("A"):rep(32) .. '"}' } do
    t.equal(read(x, json), false, json)
  end
  t.equal(fees_of(x), "")
  t.raises(of, "without an asset", { fees = { fee("", "1") } })
end)

-- A strategy can write into the execution of its fill: nothing that it writes is an index.
t.test("a count of fees that somebody wrote reads nothing beyond the fees", function()
  local two = of { fees = { fee("IDR", "1"), fee("BTC", "2") } }
  local four = of { fees = { fee("IDR", "1"), fee("BTC", "2"), fee("IDR", "3"), fee("BTC", "4") } }
  for _, count in ipairs { 5, 200, 255 } do
    two.fee_count, four.fee_count = count, count
    t.equal(fees_of(two), "1 IDR, 2 BTC", tostring(count))
    t.equal(fees_of(four), "1 IDR, 2 BTC, 3 IDR, 4 BTC", tostring(count))
    t.equal(read(two, '{"amount":"9","asset":"idr"}'), false)
    t.equal(read(four, '{"amount":"9","asset":"idr"}'), false)
    t.equal(fees_of(four), "1 IDR, 2 BTC, 3 IDR, 4 BTC", "written beyond")
    t.equal(two.fee_count .. two.liquidity, count .. "0")
    for i = 4, 10 do t.equal(ffi.C.mw_execution_fee(four, i, decimal.sum(D "0")), 0) end
  end
  two.fee_count = 0
  t.equal(fees_of(two), "")
end)

t.test("the number of an asset or of a liquidity that nobody knows is no name", function()
  local x = of { fees = { fee("IDR", "1") } }
  x.asset_1, x.liquidity = 65535, 200
  t.equal(fees_of(x), "1 ")
  t.equal(execution.liquidity(x), nil)
end)

t.test("what a strategy can reach of an execution has no array", function()
  local x = of { fees = { fee("IDR", "1") } }
  for _, name in ipairs { "fees", "assets" } do
    t.raises(function() return x[name] end, "has no member")
  end
  t.raises(function() x[0] = 1 end, "")
  t.raises(function() return x.qty[5] end, "")
end)

t.done()
