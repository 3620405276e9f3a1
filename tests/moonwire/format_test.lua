-- How the prompt shows values.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local format = require "moonwire.format"
local order_module = require "moonwire.order"

local function shows(value, expected, width) t.equal(format.show(value, width), expected) end

t.test("plain values read as they are written", function()
  shows(nil, "nil")
  shows(true, "true")
  shows(2, "2")
  shows(950000000, "950000000")
  shows(0.1, "0.1")
  shows("BTC/IDR", '"BTC/IDR"')
  shows('a "b"\n', '"a \\"b\\"\\n"')
end)

t.test("decimals are plain, with all their digits", function()
  shows(decimal "0.00000001", "0.00000001")
  shows(decimal "123456789012345678901234.5", "123456789012345678901234.5")
  shows({ price = decimal "1e3" }, "{ price = 1000 }")
end)

t.test("nothing moves the cursor", function()
  shows("\27[2J\7", '"\\27[2J\\7"')
  t.equal(format.plain "a\27]0;x\7\nb\tc", "a\\27]0;x\\7\nb\tc")
  shows({ x = "\r" }, '{ x = "\\13" }')
  shows(setmetatable({}, { __tostring = function() return "\27[1m" end }), "\\27[1m")
end)

t.test("a table stands on one line when it fits, and on several when not", function()
  shows({}, "{}")
  shows({ 1, 2, x = "y" }, '{ 1, 2, x = "y" }')
  shows({ ["a b"] = 1, [3.5] = 2 }, '{ [3.5] = 2, ["a b"] = 1 }')
  shows({ alpha = ("x"):rep(10), b = 1 }, '{\n  alpha = "xxxxxxxxxx"\n  b     = 1\n}', 20)
end)

t.test("circles and depth end", function()
  local circle = {}
  circle.me = circle
  shows(circle, "{ me = { the table above } }")
  shows({ { { { { { 1 } } } } } }, "{ { { { { ... } } } } }")
end)

t.test("what begins with _ is private", function() shows({ _a = 1, b = 2 }, "{ b = 2 }") end)

t.test("a list of records is a table, numbers to the right", function()
  shows({ { name = "a", qty = decimal "1" }, { name = "bcd", qty = decimal "10.5" } },
    "name   qty\na        1\nbcd   10.5")
end)

t.test("a list with columns shows those, times as times, gaps as -", function()
  local list = format.list({ { created_at = 1790000000.25, side = "buy" },
                             { created_at = 1790000001, side = nil } }, { "created_at", "side" })
  shows(list, "  created_at  side\n14:13:20.250  buy\n14:13:21.000  -")
  t.equal(list[1].side, "buy")
  shows(format.list({}, { "a" }, "no orders"), "no orders")
end)

t.test("columns are counted in characters", function()
  shows(format.list({ { a = "é", b = "x" }, { a = "ee", b = "y" } }, { "a", "b" }),
    "a   b\né   x\nee  y")
end)

t.test("for a screen a long list is cut, and it is said how to see the rest", function()
  local list = {}
  for i = 1, 100 do list[i] = { n = i } end
  local text = format.show(format.list(list, { "n" }), 80, 60)
  t.ok(text:find("\n60\n... 40 more: all(_) shows them", 1, true), text)
  t.ok(format.show(list, 80, 60):find("\n... 40 more", 1, true))
  local numbers, all = {}, {}
  for i = 1, 1000 do numbers[i], all[i] = i, ("  %-6s = %d"):format("[" .. i .. "]", i) end
  text = format.show(numbers, 80, 10)
  t.ok(text:find("\n  [10] = 10\n  ... 990 more: all(_) shows them\n}", 1, true), text)
  shows(numbers, "{\n" .. table.concat(all, "\n") .. "\n}")
  local _, lines = format.show(format.list(list, { "n" })):gsub("\n", "")
  t.equal(lines, 100, "a script gets all")
  list[61] = 5
  t.ok(format.show({ unpack(list) }, 80, 70):find("[61] = 5", 1, true), "a number is no record")
end)

-- Two orders as orders() has them, on a screen of so many columns.
local function orders_on(width, change)
  local rows = {}
  for i = 1, 2 do
    rows[i] = { created_at = 1790000000.25, client_order_id = "mw-6llrp-tgene-mwqjtnbnnir-" .. i,
                strategy = "lad", venue = "idx", symbol = "BTC/IDR", side = "sell",
                qty = decimal "0.0005", price = decimal "1547329000", cum_qty = decimal "0",
                status = "new" }
    for name, value in pairs(change and change[i] or {}) do rows[i][name] = value end
  end
  return format.show(format.list(rows, { "created_at", "client_order_id", "strategy", "venue",
    "symbol", "side", "qty", "price", "cum_qty", "status" }), width, 20)
end

local function check_width(text, width)
  for line in text:gmatch "[^\n]+" do t.ok(#line <= width, line) end
end

t.test("on a screen that is too narrow a table tells once what is the same in every row", function()
  local text = orders_on(80)
  check_width(text, 80)
  t.ok(text:find "^  created_at  client_order_id +side +qty +price +cum_qty  status\n", text)
  t.ok(text:find "\nin each row: venue idx, strategy lad, symbol BTC/IDR$", text)
  t.ok(not orders_on(120):find "in each row", "where there is room nothing is left out")
end)

t.test("... then leaves out what can be spared, and says so", function()
  local text = orders_on(72, { {}, { symbol = "ETH/IDR", strategy = "other", venue = "fin" } })
  check_width(text, 72)
  t.ok(text:find("\nno room for created_at, venue, strategy: all(_) shows them", 1, true), text)
  t.ok(text:find "^client_order_id +symbol   side ", text)
end)

t.test("... and gives each record lines of its own where no table fits", function()
  local text = orders_on(24)
  t.ok(text:find("\nside             sell\nqty              0.0005\n", 1, true), text)
  t.ok(text:find("\n... 1 more: all(_) shows them", 1, true), text)
end)

t.test("for a screen long ids and texts become shorter, and numbers never", function()
  local list = format.list({
    { client_order_id = "mw-6llrp-tgene-mwqjtnbnnir-1", remark = "it is far too long",
      qty = 12345678 },
    { client_order_id = "x", remark = "é", qty = 1 } }, { "client_order_id", "remark", "qty" })
  shows(list, "client_order_id               remark                   qty\n"
    .. "mw-6llrp-tgene-mwqjtnbnnir-1  it is far too long  12345678\n"
    .. "x                             é                          1", 45)
  t.equal(format.show(list, 45, 10), "client_order_id  remark                   qty\n"
    .. "..mwqjtnbnnir-1  it is far too long  12345678\n"
    .. "x                é                          1")
end)

t.test("an object that cannot say what it is does no harm", function()
  shows(setmetatable({}, { __tostring = function() error "no" end }),
    "(an object that cannot be shown)")
end)

local function an_order()
  return order_module.new({
    client_order_id = "mw-a-b-c-1", venue = "idx", symbol = "BTC/IDR", side = "buy", type = "limit",
    time_in_force = "gtc", price = decimal "950000000", qty = decimal "0.001", strategy = "s",
  }, 1790000000)
end

t.test("an order shows its fields, in a list it is a line", function()
  local text = format.show(an_order())
  t.ok(text:find("client_order_id  mw-a-b-c-1\n", 1, true), text)
  t.ok(text:find("\nprice            950000000\n", 1, true), text)
  t.ok(text:find("\nleaves_qty       0.001\n", 1, true), text)
  shows({ an_order() }, "{ mw-a-b-c-1 buy BTC/IDR 0.001@950000000 pending_new }")
end)

t.test("JSON has the digits of decimals and fields of orders", function()
  t.equal(format.json(nil), "null")
  t.equal(format.json { price = decimal "0.15", n = 1 }, '{"n":1,"price":"0.15"}')
  t.equal(format.json { 0 / 0, 1 / 0 }, ('["%s","inf"]'):format(tostring(0 / 0)))
  t.equal(format.json(format.list({}, { "a" })), "[]")
  local text = format.json { an_order() }
  t.ok(text:find('"qty":"0.001"', 1, true), text)
  t.equal(format.json(print):match "^\"function", '"function')
end)

t.done()
