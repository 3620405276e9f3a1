-- Which trades of an order were counted: each id once, however it is written and whenever it comes.

local t = require "tests.tap"
local decode = require "moonwire.decode"
local ffi = require "moonwire.cdef"
local random = require "moonwire.random"
local trades = require "moonwire.trades"

-- What of an order counts here.
local function new_order()
  return { _totals = ffi.new "struct mw_order_totals", _trades = false }
end

-- The ids that count, of those that come one after the other: "1 2" for 1, 2, 1.
local function counted(ids)
  local order, words = new_order(), {}
  for _, id in ipairs(ids) do
    if trades.add(order, trades.key(id)) then
      words[#words + 1] = type(id) == "number" and ("%.0f"):format(id) or id
    end
  end
  return table.concat(words, " ")
end

t.test("ids that ascend are all counted", function()
  t.equal(counted { "1", "2", "5", "72057594037968281" }, "1 2 5 72057594037968281")
  local ids = {}
  for i = 1, 1000 do ids[i] = ("7205759%08d"):format(i) end
  t.equal(counted(ids), table.concat(ids, " "))
end)

t.test("an id that is repeated is counted once, at once or long after", function()
  t.equal(counted { "7", "7", "7" }, "7")
  t.equal(counted { "1", "2", "3", "4", "5", "3", "1", "5", "2", "4" }, "1 2 3 4 5")
  t.equal(counted { "abc", "abc" }, "abc")
  t.equal(counted { "72057594037968281", "72057594037968281" }, "72057594037968281")
end)

t.test("ids out of order are counted once each", function()
  t.equal(counted { "5", "3", "4", "3", "5", "4", "6", "1", "6", "1" }, "5 3 4 6 1")
  t.equal(counted { "10", "9", "8", "7", "10", "9", "8", "7" }, "10 9 8 7")
end)

t.test("a text is an id as well, beside numbers", function()
  t.equal(counted { "x-2", "x-1", "5", "x-2", "x-1", "", "", "5", "é" }, "x-2 x-1 5  é")
  t.equal(counted { "x", "1", "x", "2", "x" }, "x 1 2")
end)

t.test("a number with leading zeros, a sign or a point is another id than the plain one", function()
  local ids = { "7", "07", "007", "+7", "-7", "7.0", "7e0", " 7", "7 ", "0x7" }
  t.equal(counted(ids), table.concat(ids, " "))
  for i = 1, 10 do ids[10 + i] = ids[i] end
  t.equal(counted(ids), table.concat(ids, " ", 1, 10), "each of them once")
  t.equal(counted { "0", "00", "0" }, "0 00")
end)

t.test("ids beyond 15 digits are told apart in their last digit", function()
  local ids = { "999999999999999", "1000000000000000", "9007199254740992", "9007199254740993",
                "9007199254740994", "72057594037968281", "72057594037968282",
                "12345678901234567890", "12345678901234567891" }
  t.equal(counted(ids), table.concat(ids, " "))
  for i = #ids, 1, -1 do ids[#ids + 1] = ids[i] end
  t.equal(counted(ids), table.concat(ids, " ", 1, 9))
end)

-- The key of an id in a message, as a venue's module reads it.
local function read_key(json)
  local decoder = decode.new { "id" }
  t.ok(decoder:read('{"id":' .. json .. "}"))
  return trades.key(decode.id(decoder.head[0]))
end

t.test("an id is the same whether it comes as a number, as a text or by the decoder", function()
  t.equal(trades.key "7205759403", 7205759403)
  t.equal(trades.key(7205759403), 7205759403)
  t.equal(read_key "7205759403", 7205759403)
  t.equal(read_key '"7205759403"', 7205759403)
  t.equal(trades.key "72057594037968281", "72057594037968281")
  t.equal(read_key "72057594037968281", "72057594037968281")
  t.equal(read_key '"72057594037968281"', "72057594037968281")
  t.equal(trades.key "07", "07")
  t.equal(read_key '"07"', "07")
  t.equal(trades.key "999999999999999", 999999999999999)
  t.equal(trades.key "1000000000000000", "1000000000000000")
end)

t.test("two orders have two sets", function()
  local one, two = new_order(), new_order()
  trades.add(one, 1)
  trades.add(one, "x")
  t.equal(trades.add(two, 1), true)
  t.equal(trades.add(two, "x"), true)
  t.equal(trades.add(one, 1), false)
end)

t.test("the id that was added last can be taken back, and is new again", function()
  local many = {}
  for i = 1, 40 do many[i] = 10 * i end
  local histories = { { 5 }, { "x" }, { 5, 6 }, { 5, 3 }, { 5, "x" }, { "x", 5 }, { 5, 6, 7 } }
  for count = 7, 40 do                 -- as many as fit with the totals, and more
    histories[#histories + 1] = { unpack(many, 1, count) }
    for _, last in ipairs { 5, 75, 10 * count - 5, "x" } do
      local history = { unpack(many, 1, count) }
      history[count + 1] = last
      histories[#histories + 1] = history
    end
  end
  for _, ids in ipairs(histories) do
    local order, last = new_order(), ids[#ids]
    for _, id in ipairs(ids) do t.equal(trades.add(order, id), true) end
    trades.take_back(order, last)
    for i = 1, #ids - 1 do t.equal(trades.add(order, ids[i]), false) end
    t.equal(trades.add(order, last), true)
    for _, id in ipairs(ids) do t.equal(trades.add(order, id), false) end
  end
end)

t.test("a count that a strategy writes is no index", function()
  local order = new_order()
  for i = 1, 20 do trades.add(order, i) end
  order._totals.trade_count = 4000000000
  t.equal(trades.add(order, 21), true)
  t.equal(trades.add(order, 22), true)
  t.equal(trades.add(order, 22), false)
end)

-- Ids from a small range, so that many are repeated; mostly ascending, as venues number them, with
-- texts, leading zeros and long numbers among them.
local function random_id(source, at)
  local kind = source:integer(1, 10)
  if kind <= 5 then return ("%d"):format(at + source:integer(0, 3)) end
  if kind <= 7 then return ("%d"):format(source:integer(0, 60)) end
  if kind == 8 then return ("0%d"):format(source:integer(0, 20)) end
  if kind == 9 then return ("90071992547409%02d"):format(source:integer(80, 99)) end
  return "t" .. source:integer(1, 20)
end

t.test("random ids are counted as a plain set of texts counts them", function()
  for seed = 1, 200 do
    local source, order, plain = random.new(seed), new_order(), {}
    for step = 1, 160 do
      local id = random_id(source, step)
      local is_new = not plain[id]
      plain[id] = true
      t.equal(trades.add(order, trades.key(id)), is_new,
              ("seed %d, step %d, id %s"):format(seed, step, id))
    end
  end
end)

t.done()
