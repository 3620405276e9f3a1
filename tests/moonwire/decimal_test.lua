local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local random = require "moonwire.random"

local D = decimal

local function is(value, text, what)
  t.ok(decimal.is(value), (what or "") .. " is a decimal")
  t.equal(tostring(value), text, what)
end

-- Texts and numbers -------------------------------------------------------------------------------

t.test("a text keeps every digit and is written in plain notation", function()
  for text, plain in pairs {
    ["0"] = "0", ["-0"] = "0", ["0.000"] = "0", ["-0.00"] = "0", ["0e5"] = "0", ["7"] = "7",
    ["+7"] = "7", ["-7"] = "-7", ["007"] = "7", ["1.50"] = "1.5", ["100"] = "100",
    ["1550000000"] = "1550000000", ["0.00000001"] = "0.00000001", ["2.22E-4"] = "0.000222",
    ["2.22e-4"] = "0.000222", ["1E3"] = "1000", ["1e+3"] = "1000", ["-1.5e-8"] = "-0.000000015",
    ["72057594037968281"] = "72057594037968281", ["0.1"] = "0.1",
    ["1234567890123456789012345678901234"] = "1234567890123456789012345678901234",
    ["0.1234567890123456789012345678901234"] = "0.1234567890123456789012345678901234",
    ["9999999999999999999999999999999999"] = "9999999999999999999999999999999999",
  } do
    is(D(text), plain, text)
  end
end)

t.test("the widest exponents are written out", function()
  is(D "1e60", "1" .. ("0"):rep(60))
  is(D "-1e-60", "-0." .. ("0"):rep(59) .. "1")
end)

t.test("what is no decimal is refused: parse says so, the call raises", function()
  for _, text in ipairs { "", " ", " 1", "1 ", "1_0", ".5", "5.", ".", "-", "+", "e5", "1e", "1e+",
                          "--1", "1.2.3", "0x10", "nan", "inf", "Infinity", "1,5", "1\0", "\0",
                          "1e61", "1e-61", "1e999999999999", "1a",
                          "12345678901234567890123456789012345" } do
    local value, err = decimal.parse(text)
    t.equal(value, nil, text)
    t.ok(err:find("^bad decimal "), err)
    t.raises(D, "bad decimal", text)
  end
  for _, value in ipairs { {}, true, print } do
    t.equal((decimal.parse(value)), nil)
    t.raises(D, "bad decimal", value)
  end
  t.equal((decimal.parse(nil)), nil)
  t.raises(D, "bad decimal nil")
end)

t.test("the error names the value and stands at the caller", function()
  local ok, err = pcall(function() return D "12x" end)
  t.equal(ok, false)
  t.ok(err:find('decimal_test.lua:%d+: bad decimal "12x"'), err)
end)

t.test("a number is taken as its shortest round-trip form", function()
  for number, text in pairs { [0.1] = "0.1", [1e-8] = "0.00000001", [950e6] = "950000000",
                              [61000.5] = "61000.5", [-2.5] = "-2.5", [1e21] = "1" .. ("0"):rep(21),
                              [0.1 + 0.2] = "0.30000000000000004", [1 / 3] = "0.3333333333333333",
                              [2 ^ 53] = "9007199254740992", [5e-324 * 0] = "0" } do
    is(D(number), text)
  end
  for _, number in ipairs { 0 / 0, 1 / 0, -1 / 0, 1e300, 1e-300 } do
    t.equal((decimal.parse(number)), nil)
  end
end)

t.test("a decimal is taken as it is", function()
  local a = D "1.5"
  t.ok(rawequal(D(a), a))
  t.ok(rawequal(decimal.parse(a), a))
end)

-- Arithmetic --------------------------------------------------------------------------------------

t.test("0.1 + 0.2 is 0.3", function()
  t.ok(D "0.1" + "0.2" == D "0.3")
  is(D "0.1" + D "0.2", "0.3")
end)

t.test("operators take a decimal, a text or a number on either side", function()
  local two = D "2"
  for _, one in ipairs { D "1", "1", 1 } do
    is(two + one, "3")
    is(one + two, "3")
    is(two - one, "1")
    is(one - two, "-1")
    is(two * one, "2")
    is(one * two, "2")
  end
  is(-two, "-2")
  is(-D "0", "0")
end)

t.test("operators refuse what is no decimal and name it", function()
  for _, bad in ipairs { "x", {}, true, 0 / 0 } do
    t.raises(function() return D "1" + bad end, "bad decimal")
    t.raises(function() return bad + D "1" end, "bad decimal")
    t.raises(function() return D "1" - bad end, "bad decimal")
    t.raises(function() return D "1" * bad end, "bad decimal")
    t.raises(function() return D "1" < bad end, "bad decimal")
    t.raises(function() return D "1" <= bad end, "bad decimal")
  end
  t.raises(function() return D "1" + nil end, "bad decimal nil")
end)

t.test("sums and products are exact up to 34 digits", function()
  is(D "9999999999999999999999999999999998" + 1, "9999999999999999999999999999999999")
  is(D "9999999999999999999999999999999999" + 1, "10000000000000000000000000000000000")
  is(D "12345678901234567" * "10000000000000001", "123456789012345682345678901234567")
  is(D "1e30" + "0.001", "1" .. ("0"):rep(30) .. ".001")
  is(D "0.00000001" * "0.00000001", "0.0000000000000001")
  is(D "1550000000" * "0.00001500", "23250")
  is(D "-3" * "0", "0")
end)

-- Whole numbers of up to 2^53 are exact in Lua numbers as well: they are the judge.
t.test("a sum, a difference or a product beyond 34 digits is refused, not rounded", function()
  local widest = D "9999999999999999999999999999999999"
  for _, sum in ipairs {
    function() return widest + "0.1" end,
    function() return widest + "2" end,
    function() return -widest - "0.1" end,
    function() return D "12345678901234567890" * "1.00000000000000000001" end,
  } do t.raises(sum, "more than 34 digits") end
  is(widest + "1", "10000000000000000000000000000000000")
end)

t.test("random sums and products agree with whole numbers", function()
  local source = random.new(20260923)
  for i = 1, 2000 do
    local a, b = source:integer(-2 ^ 26, 2 ^ 26), source:integer(-2 ^ 26, 2 ^ 26)
    local places = source:integer(0, 12)
    local unit = D("1e-" .. places)
    local x, y = D(a) * unit, D(b) * unit
    local what = ("seed 20260923, case %d: %s and %s"):format(i, tostring(x), tostring(y))
    t.ok(x + y == D(a + b) * unit, what .. ": sum")
    t.ok(x - y == D(a - b) * unit, what .. ": difference")
    t.ok(x * y == D(a * b) * unit * unit, what .. ": product")
    t.equal(x < y, a < b, what .. ": less")
    t.equal(x <= y, a <= b, what .. ": less or equal")
    t.equal(x == y, a == b, what .. ": equal")
    t.ok(D(tostring(x)) == x, what .. ": text and back")
  end
end)

t.test("/ does not exist: a division says how it rounds", function()
  t.raises(function() return D "1" / 2 end, "division needs a rounding")
  t.raises(function() return 1 / D "2" end, "division needs a rounding")
end)

t.test("a division is rounded to so many decimals by the rule that is named", function()
  -- quotient of 7/8, -7/8, 5/2, 3/2, to 0, 2 and 0 decimals
  local expected = {
    down      = { "0", "-0.87", "2", "1" },
    up        = { "1", "-0.88", "3", "2" },
    floor     = { "0", "-0.88", "2", "1" },
    ceiling   = { "1", "-0.87", "3", "2" },
    half_even = { "1", "-0.88", "2", "2" },
    half_up   = { "1", "-0.88", "3", "2" },
  }
  for rule, row in pairs(expected) do
    is(D "7":div("8", 0, rule), row[1], rule)
    is(D "-7":div("8", 2, rule), row[2], rule)
    is(D "5":div(2, 0, rule), row[3], rule)
    is(D "3":div(D "2", 0, rule), row[4], rule)
  end
  is(D "-5":div("2", 0, "half_even"), "-2")
  is(D "-5":div("2", 0, "half_up"), "-3")
  is(D "1":div("3", 30, "down"), "0." .. ("3"):rep(30))
  is(D "2":div("-3", 4, "half_even"), "-0.6667")
  is(D "0":div("3", 4, "up"), "0")
  is(D "6":div("3", 4, "up"), "2")
end)

t.test("a division by zero or by no rule raises", function()
  t.raises(function() return D "1":div("0", 2, "down") end, "1 / 0 to 2 decimals: division by zero")
  t.raises(function() return D "1":div("3", 2, "sideways") end, "rounding is")
  t.raises(function() return D "1":div("3", 2) end, "rounding is")
  t.raises(function() return D "1":div("x", 2, "down") end, "bad decimal")
  t.raises(function() return D "1":div("3", 31, "down") end, "31 decimals")
  t.raises(function() return D "1":div("3", -1, "down") end, "decimals")
  t.raises(function() return D "1e34":div("3", 30, "down") end, "more than 34 digits")
end)

t.test("a rounding goes to a multiple of the step, as the rule says", function()
  for rule, row in pairs {
    down = { "1549000", "-1549000" }, up = { "1550000", "-1550000" },
    floor = { "1549000", "-1550000" }, ceiling = { "1550000", "-1549000" },
    half_even = { "1550000", "-1550000" }, half_up = { "1550000", "-1550000" },
  } do
    is(D "1549500.001":round("1000", rule), row[1], rule)
    is(D "-1549500.001":round("1000", rule), row[2], rule)
    is(D "1549000":round("1000", rule), "1549000", rule)
  end
  is(D "12.5":round("5", "half_even"), "10")
  is(D "17.5":round("5", "half_even"), "20")
  is(D "12.5":round("5", "half_up"), "15")
  is(D "0.0046462":round("0.0001", "down"), "0.0046")
  is(D "0.9":round("0.25", "floor"), "0.75")
  t.raises(function() return D "1":round("0", "down") end, "the step must be above 0")
  t.raises(function() return D "1":round("-1", "down") end, "the step must be above 0")
  t.raises(function() return D "1":round("1", "round") end, "rounding is")
end)

t.test("multiples of a step are told exactly", function()
  for _, case in ipairs { { "0.9", "0.3", true }, { "1", "0.3", false }, { "-0.9", "0.3", true },
                          { "0", "0.3", true }, { "950000500", "1000", false },
                          { "950000000", "1000", true }, { "0.00000001", "0.00000001", true },
                          { "0.000000011", "0.00000001", false }, { "1", "0", false } } do
    t.equal(D(case[1]):is_multiple(case[2]), case[3], case[1] .. " of " .. case[2])
  end
end)

-- Comparison --------------------------------------------------------------------------------------

t.test("values are compared, not their digits, with texts and numbers too", function()
  t.ok(D "1.0" == D "1")
  t.ok(D "1.0" == "1")
  t.ok(D "1" == 1)
  t.ok(D "0.1" == 0.1)
  t.ok(D "-0" == D "0")
  t.ok(D "1e3" == D "1000")
  t.ok(not (D "1" == D "2"))
  t.ok(D "1" ~= D "1.0000000000000000000000000001")
  t.ok(D "2" < D "10")
  t.ok("2" < D "10")
  t.ok(D "2" < "10")
  t.ok(D "-10" < -2)
  t.equal(D "2" < "2.0", false)
  t.equal(D "2" > 2, false)
  t.ok(D "2" <= 2 and D "2" >= "2" and D "3" > 2)
end)

t.test("a decimal equals nothing that is none, and asking is no error", function()
  local one = D "1"
  t.equal(one == nil, false)
  t.equal(one == "x", false)
  t.equal(one == {}, false)
  t.equal(one == true, false)
  t.equal(nil == one, false)
  t.equal(one ~= nil, true)
end)

t.test("sign, zero, absolute value, least and greatest", function()
  t.equal(D "-0.1":sign(), -1)
  t.equal(D "0.0":sign(), 0)
  t.equal(D "3":sign(), 1)
  t.equal(D "0":is_zero(), true)
  t.equal(D "-1e-60":is_zero(), false)
  is(D "-5":abs(), "5")
  is(D "5":abs(), "5")
  is(D "3":min("2"), "2")
  is(D "2":min("3"), "2")
  is(D "3":max("2"), "3")
  is(D "2":max("3"), "3")
  is(decimal.min("3", 2), "2")
  is(decimal.max(3, "2"), "3")
  is(decimal.ZERO, "0")
end)

-- Elsewhere ---------------------------------------------------------------------------------------

t.test("a value cannot be changed", function()
  local a = D "1"
  t.raises(function() a.x = 1 end, "")
  t.raises(function() a.sign = 1 end, "")
  for _, name in ipairs { "w", "lo", "hi" } do
    t.raises(function() a[name] = 1 end, "")
  end
  is(a, "1")
end)

t.test("a method that does not exist is an error, not nil", function()
  t.raises(function() return D "1":plus(1) end, "plus")
end)

t.test("a decimal joins texts", function()
  t.equal(D "1.50" .. " IDR", "1.5 IDR")
  t.equal("qty " .. D "2", "qty 2")
  t.equal(("%s"):format(tostring(D "0.1")), "0.1")
end)

t.test("whole numbers of 64 bits come as such, all else as nil", function()
  t.ok(D "9223372036854775807":to_int64() == 9223372036854775807LL)
  t.ok(D "-9223372036854775808":to_int64() == -9223372036854775807LL - 1)
  t.ok(D "1e3":to_int64() == 1000LL)
  t.equal(D "9223372036854775808":to_int64(), nil)
  t.equal(D "-9223372036854775809":to_int64(), nil)
  t.equal(D "1.5":to_int64(), nil)
  t.equal(D "1e60":to_int64(), nil)
end)

t.test("a number for display is the nearest one", function()
  t.equal(D "0.1":to_number(), 0.1)
  t.equal(D "-1550000000":to_number(), -1550000000)
  t.equal(D "0.30000000000000004":to_number(), 0.1 + 0.2)
end)

t.test("a decimal of bytes in memory reads its length and no further", function()
  is(decimal.load("1234", 2), "12")
  t.equal(decimal.load("12x4", 3), nil)
  t.equal(decimal.load("", 0), nil)
end)

t.test("is tells a decimal from all else", function()
  t.equal(decimal.is(D "1"), true)
  for _, value in ipairs { 1, "1", {}, 1LL, true } do t.equal(decimal.is(value), false) end
  t.equal(decimal.is(nil), false)
end)

t.done()
