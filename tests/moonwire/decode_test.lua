local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local ffi = require "moonwire.cdef"

local PATHS = { "id", "error.code", "error.message", "flag", "list[1]",
                { "kind", words = { "BUY", "SELL" } },
                "rows[].price", { "rows[].side", words = { "BUY", "SELL" } }, "rows[].inner.qty" }
local at = decode.slots(PATHS)

-- A decoder that has read the first text of `message`.
local function read(message)
  local d = decode.new(PATHS)
  d:start(message)
  local more, err = d:next()
  if not more then error(tostring(err or "nothing to read"), 2) end
  return d
end

t.test("fields are numbered in their order, head and rows apart", function()
  t.equal(at["id"], 0)
  t.equal(at["error.message"], 2)
  t.equal(at["kind"], 5)
  t.equal(at["rows[].price"], 0)
  t.equal(at["rows[].inner.qty"], 2)
end)

t.test("head fields are read by their path", function()
  local d = read('{"id":7,"error":{"code":103,"message":"permission denied"},"flag":true,'
                 .. '"list":[1,"two"],"kind":"SELL","other":[{"id":9}]}')
  t.equal(decode.integer(d.head[at["id"]]), 7)
  t.equal(decode.integer(d.head[at["error.code"]]), 103)
  t.equal(decode.text(d.head[at["error.message"]]), "permission denied")
  t.equal(decode.bool(d.head[at["flag"]]), true)
  t.equal(decode.text(d.head[at["list[1]"]]), "two")
  t.equal(d.head[at["kind"]].word, 2)
  t.equal(d.row_count, 0)
end)

t.test("rows are read one by one, each with its own fields", function()
  local d = read('{"rows":[{"price":"1.50","side":"BUY","inner":{"qty":2}},'
                 .. '{"side":"HOLD","price":"x"},{}]}')
  t.equal(d.row_count, 3)
  local first, second, third = d:row(0), d:row(1), d:row(2)
  t.equal(tostring(decode.decimal(first[0])), "1.5")
  t.equal(first[1].word, 1)
  t.equal(tostring(decode.decimal(first[2])), "2")
  t.equal(decode.decimal(second[0]), nil)
  t.equal(second[1].word, 0, "a word that is not listed")
  t.equal(decode.text(second[1]), "HOLD")
  t.equal(second[2].type, decode.types.absent)
  for slot = 0, 2 do t.equal(third[slot].type, decode.types.absent) end
end)

t.test("what is not there is absent, also after a message that had it", function()
  local d = decode.new(PATHS)
  d:start '{"id":1,"kind":"BUY","rows":[{"price":1}]}'
  t.equal(d:next(), true)
  d:start '{"flag":false}'
  t.equal(d:next(), true)
  t.equal(d.head[at["id"]].type, decode.types.absent)
  t.equal(d.head[at["kind"]].type, decode.types.absent)
  t.equal(d.head[at["kind"]].word, 0)
  t.equal(d.row_count, 0)
  t.equal(decode.bool(d.head[at["flag"]]), false)
end)

t.test("each kind of value is told, and read only as what it is", function()
  local kinds = { ['"s"'] = "string", ["5"] = "number", ["true"] = "true", ["false"] = "false",
                  ["null"] = "null", ["{}"] = "object", ["[1]"] = "array" }
  for text, kind in pairs(kinds) do
    local field = read('{"id":' .. text .. "}").head[at["id"]]
    t.equal(field.type, decode.types[kind], text)
    t.equal(decode.bool(field), kind == "true" and true or kind ~= "false" and nil, text)
  end
  local function field(text) return read('{"id":' .. text .. "}").head[at["id"]] end
  t.equal(decode.text(field "null"), nil)
  t.equal(decode.text(field "true"), nil)
  t.equal(decode.text(field "12.50"), "12.50")
  t.equal(decode.text(field '{"a": 1}'), '{"a": 1}')
  t.equal(decode.text(field "[1, 2]"), "[1, 2]")
  t.equal(decode.text(field '""'), "")
  t.equal(decode.decimal(field "null"), nil)
  t.equal(decode.decimal(field "{}"), nil)
  t.equal(decode.integer(field "null"), nil)
  t.equal(decode.integer(field "true"), nil)
end)

t.test("decimals come of numbers and texts, all digits, E notation too", function()
  for text, expected in pairs { ["2.22E-4"] = "0.000222", ['"2.22E-4"'] = "0.000222", ["0"] = "0",
                                ["72057594037968281"] = "72057594037968281", ["-1.50"] = "-1.5",
                                ['"0.00000001"'] = "0.00000001" } do
    t.equal(tostring(decode.decimal(read('{"id":' .. text .. "}").head[0])), expected, text)
  end
  for _, text in ipairs { '""', '"x"', '" 1"', '"1.2.3"', "[1]" } do
    t.equal(decode.decimal(read('{"id":' .. text .. "}").head[0]), nil, text)
  end
end)

t.test("whole numbers go up to 2^53, and no further", function()
  for text, expected in pairs { ["1705635775203"] = 1705635775203, ['"1790000000"'] = 1790000000,
                                ["-5"] = -5, ["9007199254740992"] = 2 ^ 53, ["0"] = 0 } do
    t.equal(decode.integer(read('{"id":' .. text .. "}").head[0]), expected, text)
  end
  for _, text in ipairs { "9007199254740993", "1.5", '"1x"', '""', "1e300" } do
    t.equal(decode.integer(read('{"id":' .. text .. "}").head[0]), nil, text)
  end
end)

t.test("whole numbers count units, to 64 bits and beyond, and nothing else does", function()
  local sum = decimal.sum(decimal.ZERO)
  for text, expected in pairs { ["6512345000000"] = "65123.45", ['"25000000"'] = "0.25",
                                ["-1"] = "-0.00000001", ["0"] = "0",
                                ["18446744073709551615"] = "184467440737.09551615" } do
    t.ok(decode.units_into(sum, read('{"id":' .. text .. "}").head[0], 8), text)
    t.equal(tostring(sum), expected, text)
  end
  for _, text in ipairs { "1.5", "1e3", "null", "[1]", '"x"' } do
    t.ok(not decode.units_into(sum, read('{"id":' .. text .. "}").head[0], 8), text)
  end
end)

t.test("texts are unescaped", function()
  local d = read [[{"id":"a\"\\\/\n\u00e9\ud83d\ude00"}]]
  t.equal(decode.text(d.head[0]), 'a"\\/\né😀')
end)

t.test("of members with one name the last one counts", function()
  t.equal(decode.integer(read('{"id":1,"id":2}').head[0]), 2)
end)

t.test("a message of several lines is read line by line", function()
  local d = decode.new(PATHS)
  d:start '{"id":1}\n{"id":2}\n\n{"rows":[{"price":3}]}\n'
  local seen = {}
  while d:next() do
    seen[#seen + 1] = tostring(decode.integer(d.head[0])) .. "/" .. d.row_count
  end
  t.equal(table.concat(seen, " "), "1/0 2/0 nil/1")
end)

t.test("a bad line is an error that says where, and the next one is read", function()
  local d = decode.new(PATHS)
  d:start '{"id":1}\n{"id":\n{"id":3}'
  t.equal(d:next(), true)
  local more, err = d:next()
  t.equal(more, nil)
  t.ok(err:find "^offset %d+: ", err)
  t.equal(d:next(), true)
  t.equal(decode.integer(d.head[0]), 3)
  t.equal(d:next(), false)
end)

t.test("what is no JSON is refused", function()
  for _, text in ipairs { "{", "[1,", "{'a':1}", "nul", '{"a":01}', '{"a":1.}', '{"a":.5}',
                          '{"a":+1}', '{"a":"\1"}', '{"a":"\\x"}', '{"a":"\255"}', "{} {}", "x",
                          '{"a":"\\ud800"}', ("["):rep(100) .. ("]"):rep(100) } do
    local d = decode.new(PATHS)
    d:start(text)
    local more, err = d:next()
    t.equal(more, nil, text)
    t.ok(type(err) == "string", text)
  end
end)

t.test("nothing is nothing", function()
  for _, text in ipairs { "", "\n", " \n \r\n" } do
    local d = decode.new(PATHS)
    d:start(text)
    t.equal((d:next()), false, ("%q"):format(text))
  end
end)

t.test("the text that was read is at hand, {} is known", function()
  t.equal(read('{"id":1}\n{}'):text(), '{"id":1}')
  t.equal(read("{}"):is_empty_object(), true)
  for _, text in ipairs { "{ }", "[]", '{"a":1}', '""' } do
    t.equal(read(text):is_empty_object(), false, text)
  end
end)

t.test("a message may be bytes in memory; a text stays alive while it is read", function()
  local d = decode.new(PATHS)
  local bytes = ffi.new("char[?]", 20, '{"id":5}garbage')
  d:start(bytes, 8)
  t.equal(d:next(), true)
  t.equal(decode.integer(d.head[0]), 5)
  d:start(('{"id":"%s"}'):format(("x"):rep(1000)))
  collectgarbage()
  collectgarbage()
  t.equal(d:next(), true)
  t.equal(decode.text(d.head[0]), ("x"):rep(1000))
end)

t.test("many rows grow the decoder, and it is as good after them", function()
  local rows = {}
  for i = 1, 5000 do rows[i] = ('{"price":%d}'):format(i) end
  local d = decode.new(PATHS)
  d:start('{"rows":[' .. table.concat(rows, ",") .. "]}")
  t.equal(d:next(), true)
  t.equal(d.row_count, 5000)
  t.equal(decode.integer(d:row(4999)[0]), 5000)
  t.equal(decode.integer(d:row(0)[0]), 1)
  d:start '{"rows":[{"price":1}]}'
  t.equal(d:next(), true)
  t.equal(d.row_count, 1)
end)

t.test("a path that makes no sense is refused, with what is wrong", function()
  for _, paths in ipairs { { "" }, { "a..b" }, { "a[" }, { "a[x]" }, { "a[].b", "c[].d" } } do
    t.raises(decode.new, ".", paths)
  end
end)

t.done()
