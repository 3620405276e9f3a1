local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local json = require "moonwire.json"

local function bad(text)
  local value, err = json.decode(text)
  t.equal(value, nil, tostring(text):sub(1, 40))
  t.ok(type(err) == "string" and err ~= "", "an error")
  return err
end

-- Reading -----------------------------------------------------------------------------------------

t.test("the values of JSON come as Lua's", function()
  local v = json.decode '{"a":[1,2.5,-3e2],"b":{"c":"d"},"t":true,"f":false,"n":null,"e":[]}'
  t.equal(v.a[1] .. " " .. v.a[2] .. " " .. v.a[3], "1 2.5 -300")
  t.equal(v.b.c, "d")
  t.equal(v.t, true)
  t.equal(v.f, false)
  t.equal(v.n, json.null)
  t.equal(next(v.e), nil)
  t.equal(json.decode '"x"', "x")
  t.equal(json.decode "7", 7)
  t.equal(json.decode "null", json.null)
  t.equal(json.decode "false", false)
  t.equal(json.decode ' \t\r\n [ 1 ] ' [1], 1)
end)

t.test("texts: escapes, pairs of surrogates, bytes of UTF-8", function()
  t.equal(json.decode [["\"\\\/\b\f\n\r\t"]], '"\\/\b\f\n\r\t')
  t.equal(json.decode [["\u00e9 \u2019 \ud83d\ude00"]], "é ’ 😀")
  t.equal(json.decode '"é’"', "é’")
  t.equal(json.decode [["\u0000"]], "\0")
end)

t.test("a number of more than 15 digits comes as a text with all of them", function()
  local v = json.decode('{"id":72057594037968281,"us":1705635775203123,"ms":1705635775203,'
    .. '"price":0.12345678901234567,"neg":-12345678901234567890,"list":[1,1234567890123456]}')
  t.equal(v.id, "72057594037968281")
  t.equal(v.us, "1705635775203123")
  t.equal(v.ms, 1705635775203)
  t.equal(v.price, "0.12345678901234567")
  t.equal(v.neg, "-12345678901234567890")
  t.equal(v.list[1], 1)
  t.equal(v.list[2], "1234567890123456")
  t.equal(json.decode "72057594037968281", "72057594037968281")
end)

t.test("digits inside texts and keys are left alone", function()
  local v = json.decode '{"72057594037968281":"72057594037968281 and \\"12345678901234567\\" \\\\"}'
  t.equal(v["72057594037968281"], '72057594037968281 and "12345678901234567" \\')
end)

t.test("up to 15 digits a number is a number, whatever its exponent", function()
  t.equal(json.decode "2.22E-4", 0.000222)
  t.equal(json.decode "100000000000000", 1e14)
  t.equal(json.decode "1e15", 1e15)
  t.equal(json.decode "0.000000000000000001", 1e-18)
end)

t.test("what is no JSON is nil and an error", function()
  for _, text in ipairs { "", " ", "{", "}", "[1,", '{"a"}', '{"a":}', "{a:1}", "nul", "'x'",
                          "[1 2]", '"x', '"\\x"', '"\\u12"', "01x", "1 2", "{}{}", "NaN", "-",
                          "Infinity", "<html>", "[1,]", '{"a":1,}' } do
    bad(text)
  end
  t.ok(bad "<html>":find "^bad JSON: ")
  t.equal(bad(nil), "no text")
  t.equal(bad(5), "no text")
  t.equal(bad {}, "no text")
end)

t.test("nesting and size have their limits", function()
  t.ok(json.decode(("["):rep(60) .. ("]"):rep(60)))
  bad(("["):rep(100) .. ("]"):rep(100))
  bad(("["):rep(100000))
  t.equal(bad(("x"):rep(16 * 1024 * 1024 + 1)), "JSON text of more than 16 MiB")
end)

-- Writing -----------------------------------------------------------------------------------------

t.test("members are sorted by name, so that the same value is the same text", function()
  t.equal(json.encode { b = 1, a = { d = "x", c = true }, c = false },
          '{"a":{"c":true,"d":"x"},"b":1,"c":false}')
end)

t.test("a list is an array, an empty table an object unless it is marked", function()
  t.equal(json.encode { 1, "two", { 3 } }, '[1,"two",[3]]')
  t.equal(json.encode {}, "{}")
  t.equal(json.encode(json.array()), "[]")
  t.equal(json.encode(json.array { 1 }), "[1]")
  t.equal(json.encode { list = json.array {} }, '{"list":[]}')
end)

t.test("whole numbers leave with all of their digits", function()
  t.equal(json.encode(1705635775203123), "1705635775203123")
  t.equal(json.encode(100000000000000), "100000000000000")
  t.equal(json.encode(2 ^ 53 - 1), "9007199254740991")
  t.equal(json.encode(-5), "-5")
  t.equal(json.encode(0), "0")
  t.equal(json.encode(72057594037968281LL), "72057594037968281")
  t.equal(json.encode(18446744073709551615ULL), "18446744073709551615")
end)

t.test("other numbers are the shortest text that reads back the same", function()
  for number, text in pairs { [0.1] = "0.1", [1.5] = "1.5", [1e-8] = "1e-08",
                              [1 / 3] = "0.3333333333333333" } do
    t.equal(json.encode(number), text)
    t.equal(tonumber(json.encode(number)), number)
  end
  t.equal(tonumber(json.encode(0.1 + 0.2)), 0.1 + 0.2)
  t.equal(tonumber(json.encode(2 ^ 80)), 2 ^ 80)
end)

t.test("decimals are texts, raw text stands as it is, null is null", function()
  t.equal(json.encode { price = decimal "0.00001500" }, '{"price":"0.000015"}')
  t.equal(json.encode { n = json.raw "12345678901234567890" }, '{"n":12345678901234567890}')
  t.equal(json.encode { n = json.null }, '{"n":null}')
end)

t.test("texts are escaped where JSON wants it, and / is not", function()
  t.equal(json.encode 'a"\\/\n\r\t\b\f\1\127é', '"a\\"\\\\/\\n\\r\\t\\b\\f\\u0001\\u007fé"')
  t.equal(json.decode(json.encode "\0\31"), "\0\31")
  t.equal(json.encode { ['k"'] = 1 }, '{"k\\"":1}')
end)

t.test("what has no JSON form raises, at the caller", function()
  for _, value in ipairs { 0 / 0, 1 / 0, -1 / 0, print, coroutine.create(print), { print },
                           { [1.5] = 1 }, { [{}] = 1 }, { [true] = 1 } } do
    t.raises(json.encode, "", value)
  end
  t.raises(json.encode, "nil has no JSON form")
  local round = {}
  round.round = round
  t.raises(json.encode, "more than 64 deep", round)
  local ok, err = pcall(function()
    local text = json.encode { f = print }
    return text
  end)
  t.equal(ok, false)
  t.ok(err:find "json_test.lua", err)
end)

t.test("what is written reads back as it was", function()
  local value = { text = "é’😀\n", list = { 1, 2, { deep = "x" } }, yes = true, number = 0.1,
                  ms = 1705635775203 }
  local back = json.decode(json.encode(value))
  t.equal(json.encode(back), json.encode(value))
end)

t.done()
