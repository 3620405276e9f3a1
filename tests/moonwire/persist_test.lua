-- self.state.persist as a text and back.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local persist = require "moonwire.persist"

local function back(value) return assert(persist.decode(assert(persist.encode(value)))) end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    if a ~= a then return b ~= b end
    return type(a) == type(b) and a == b
  end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

t.test("what may be kept comes back as it was", function()
  local value = {
    text = "a \"quoted\" \\ line\n\0\255 = }, {", [""] = "empty", [1] = "one", [2.5] = true,
    [-3] = false, [true] = "yes", [false] = "no", nested = { { {} }, list = { 1, 2, 3 } },
    price = decimal "1500000.50", tiny = decimal "0.000000000000000001",
  }
  t.ok(same(back(value), value))
  t.ok(decimal.is(back(value).price))
  t.ok(same(back {}, {}))
end)

t.test("a number comes back to the last bit", function()
  for _, n in ipairs { 0.1, 1 / 3, 2 ^ 53, 2 ^ -1074, 1.7976931348623157e308, 1790000000.123456,
                       -2.5, 1e300, math.pi, math.huge, -math.huge, 123456789012345680 } do
    t.equal(back({ n })[1], n)
  end
  t.ok(back({ 0 / 0 })[1] ~= back({ 0 / 0 })[1])
  t.equal(1 / back({ -0.0 })[1], -math.huge)
  math.randomseed(7)
  for _ = 1, 10000 do
    local n = (math.random() - 0.5) * 2 ^ math.random(-1000, 1000)
    t.equal(back({ n })[1], n)
  end
end)

t.test("every byte of a text comes back", function()
  local bytes = {}
  for i = 0, 255 do bytes[#bytes + 1] = string.char(i) .. "7" end
  local text = table.concat(bytes)
  t.equal(back({ text })[1], text)
  t.ok(not persist.encode({ text }):find "[%c\127-\255]")
end)

t.test("the same content gives the same text", function()
  local one, two = { a = 1, b = 2, [1] = 3, [2] = 4 }, {}
  two[2], two.b, two[1], two.a = 4, 2, 3, 1
  t.equal(persist.encode(one), persist.encode(two))
  t.equal(persist.encode(one), '{[1]=3,[2]=4,["a"]=1,["b"]=2}')
end)

t.test("what cannot be kept is named", function()
  local function refused(value, why) t.equal(select(2, persist.encode(value)), why) end
  refused(5, "state.persist: a number")
  refused({ f = print }, "state.persist.f: a function")
  refused({ a = { ["b-c"] = { coroutine.create(print) } } },
          'state.persist.a["b-c"][1]: a thread')
  refused({ m = setmetatable({}, {}) }, "state.persist.m: a table with a metatable")
  refused({ [{}] = 1 }, "state.persist: a table is no key for it")
  refused({ [decimal "1"] = 1 }, "state.persist: a decimal is no key for it")
  refused({ n = 5LL }, "state.persist.n: a cdata")
  local circle = {}
  circle.inner = { circle }
  refused(circle, "state.persist.inner[1]: a table that is inside itself")
  local deep = {}
  local at = deep
  for _ = 1, 200 do
    at[1] = {}
    at = at[1]
  end
  t.ok(select(2, persist.encode(deep)):find "more than 100 tables deep$")
  refused({ ("x"):rep(2 ^ 20) }, "more than 1 MiB of text")
end)

t.test("a table that stands in two places is kept in both", function()
  local shared = { 1 }
  t.ok(same(back { a = shared, b = shared }, { a = { 1 }, b = { 1 } }))
end)

t.test("a text that is damaged is refused, wherever it is cut or changed", function()
  local text = persist.encode { a = "x", b = { decimal "1.5", -2, true }, c = {} }
  for i = 1, #text - 1 do
    local value, err = persist.decode(text:sub(1, i))
    t.equal(value, nil, text:sub(1, i))
    t.ok(err:find "not understood at byte")
  end
  for _, bad in ipairs { "", "1", '"x"', "{}x", "{[nan]=1}", "{[1]}", "{[1]=}", "{[1]=nil}",
                         '{[1]=dec"x"}', "{[1]=os}", ("{[1]="):rep(200), "{,}", "{[1]=2,}" } do
    t.equal(persist.decode(bad), nil, bad)
  end
end)

t.done()
