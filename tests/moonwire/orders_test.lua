-- All orders that a runtime knows: who finds them, who hears of them, who owns them.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local order_module = require "moonwire.order"
local orders_module = require "moonwire.orders"
local task = require "moonwire.task"

local D = decimal

local function new()
  stage.new()
  local heard = {}
  local function say(...) heard[#heard + 1] = table.concat({ ... }, " ") end
  local orders = orders_module.new("moonwire", {
    on_order_changed = function(_, order) say("order", order.previous_status, order.status) end,
    on_order_filled = function(_, _, fill) say("fill", tostring(fill.qty)) end,
    on_old_id = function() end,
    on_fill_amended = function(_, _, fill) say("amended", tostring(fill.price)) end,
  })
  local function said()
    local text = table.concat(heard, "|")
    for i = #heard, 1, -1 do heard[i] = nil end
    return text
  end
  return orders, said
end

local count = 0

local function add(orders, fields)
  count = count + 1
  local all = { client_order_id = "mw-" .. count, venue = "idx", symbol = "BTC/IDR", side = "buy",
                type = "limit", price = D "100", qty = D "3", strategy = "s" }
  local now = 1790000000 + count
  for name, value in pairs(fields or {}) do
    if name == "at" then now = value else all[name] = value or nil end
  end
  return orders:add(order_module.new(all, now))
end

-- In an event of its own.
local function cancel(orders, order)
  orders:apply(order, { status = "canceled" })
  while dispatch.door() do end
end

local function trade(id, qty, more)
  local report = { status = "partially_filled", trade_id = id, last_qty = D(qty),
                   last_price = D "100" }
  for name, value in pairs(more or {}) do report[name] = value end
  return report
end

-- Finding -----------------------------------------------------------------------------------------

t.test("an order is found by its client id, and by the venue's id once that is known", function()
  local orders = new()
  local order = add(orders)
  t.equal(orders:find("idx", order.client_order_id, nil), order)
  t.equal(orders:find("idx", nil, "x-1"), nil)
  orders:apply(order, { status = "new", order_id = "x-1" })
  t.equal(orders:find("idx", nil, "x-1"), order)
  t.equal(orders:find("idx", "lendidr-limit-1", "x-1"), order)
end)

t.test("the client id goes before the venue's", function()
  local orders = new()
  local one, two = add(orders, { order_id = "x-1" }), add(orders, { order_id = "x-2" })
  t.equal(orders:find("idx", one.client_order_id, "x-2"), one)
  t.equal(orders:find("idx", "unknown", "x-2"), two)
end)

t.test("two venues may use the same ids", function()
  local orders = new()
  local one = add(orders, { order_id = "1" })
  local two = add(orders, { order_id = "1", venue = "other" })
  t.equal(orders:find("idx", nil, "1"), one)
  t.equal(orders:find("other", nil, "1"), two)
  t.equal(orders:find("third", nil, "1"), nil)
  t.equal(orders:find("other", one.client_order_id, nil), nil)
end)

t.test("ids are read of a message, and the order is the one that they find as texts", function()
  local orders = new()
  local fields = decode.new { "c", "o" }
  local one, two = add(orders, { order_id = "x-1" }), add(orders, { order_id = "2" })
  local new_one, other = add(orders), add(orders, { order_id = "x-1", venue = "other" })
  orders.by_client_id:set("link", one)                       -- an earlier id of it
  local ids = { false, "unknown", "", "link", "x-1", "2", one.client_order_id, two.client_order_id,
                new_one.client_order_id, other.client_order_id }
  local function quoted(id) return id and '"' .. id .. '"' or "null" end
  for _, client in ipairs(ids) do
    for _, theirs in ipairs(ids) do
      local text = ('{"c":%s,"o":%s}'):format(quoted(client), quoted(theirs))
      t.ok(fields:read(text))
      local report = { client_order_id = "of the last one", order_id = "of the last one" }
      local order = orders:read_ids("idx", report, fields.head[0], fields.head[1])
      t.equal(order, orders:find("idx", client or nil, theirs or nil), text)
      t.equal(report.client_order_id, client or nil, text)
      t.equal(report.order_id, theirs or nil, text)
    end
  end
  t.ok(fields:read '{"o":2}')
  local report = {}
  t.equal(orders:read_ids("idx", report, fields.head[0], fields.head[1]), two)
  t.equal(report.order_id, "2")
end)

t.test("what nobody knows is not found", function()
  local orders = new()
  t.equal(orders:find("idx", nil, nil), nil)
  t.equal(orders:find("idx", "mw-x", "x"), nil)
end)

t.test("an order that was never sent is forgotten", function()
  local orders = new()
  local order = add(orders)
  orders:remove(order)
  t.equal(orders:find("idx", order.client_order_id, nil), nil)
  t.equal(#orders:list_open(), 0)
end)

-- Hearing -----------------------------------------------------------------------------------------

t.test("the desk hears of a fill before the status that it causes", function()
  local orders, said = new()
  local order = add(orders)
  t.equal(orders:apply(order, { status = "new" }), true)
  t.equal(orders:apply(order, trade("a", "1")), true)
  t.equal(orders:apply(order, trade("b", "2")), true)
  t.equal(said(), "order pending_new new|fill 1|order new partially_filled|fill 2"
          .. "|order partially_filled filled")
end)

t.test("a report that changes nothing is heard by nobody", function()
  local orders, said = new()
  local order = add(orders)
  orders:apply(order, trade("a", "1"))
  said()
  t.equal(orders:apply(order, trade("a", "1")), false)
  t.equal(orders:apply(order, { status = "new" }), false)
  t.equal(said(), "")
end)

t.test("an amended price is told, without a fill and without a change of status", function()
  local orders, said = new()
  local order = add(orders)
  orders:apply(order, trade("a", "1", { is_provisional = true }))
  said()
  t.equal(orders:apply(order, trade("a", "1", { last_price = D "99" })), true)
  t.equal(said(), "amended 99")
end)

t.test("a late fill of a canceled order is heard", function()
  local orders, said = new()
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "canceled" })
  said()
  orders:apply(orders:find("idx", nil, "x-1"), trade("late", "1"))
  t.equal(said(), "fill 1")
  t.equal(order.status, "canceled")
end)

-- Open orders -------------------------------------------------------------------------------------

t.test("open orders are those that may still trade, oldest first", function()
  local orders = new()
  local a = add(orders, { at = 300 })
  local b = add(orders, { at = 100 })
  local c = add(orders, { at = 200 })
  orders:apply(c, { status = "unanswered" })
  local list = orders:list_open()
  t.equal(#list, 3)
  t.ok(list[1] == b and list[2] == c and list[3] == a)
  orders:apply(b, { status = "canceled" })
  orders:apply(a, { status = "rejected" })
  list = orders:list_open()
  t.equal(#list, 1)
  t.equal(list[1], c)
end)

t.test("many open orders come in the order of their age", function()
  local orders = new()
  for i = 1, 50 do add(orders, { at = 1000 + i * 37 % 50 }) end
  local list = orders:list_open()
  t.equal(#list, 50)
  for i = 2, 50 do t.ok(list[i - 1].created_at < list[i].created_at, "place " .. i) end
end)

t.test("open orders of one moment are in the order of their ids", function()
  local orders = new()
  local b = add(orders, { at = 100, client_order_id = "mw-b" })
  local a = add(orders, { at = 100, client_order_id = "mw-a" })
  local list = orders:list_open()
  t.ok(list[1] == a and list[2] == b)
end)

t.test("a filter wants every field that it names", function()
  local orders = new()
  local a = add(orders, { strategy = "a" })
  local b = add(orders, { strategy = "b" })
  local c = add(orders, { strategy = "b", symbol = "ETH/IDR" })
  t.equal(#orders:list_open { strategy = "b" }, 2)
  t.equal(orders:list_open({ strategy = "b", symbol = "ETH/IDR" })[1], c)
  t.equal(orders:list_open({ strategy = "b", symbol = "BTC/IDR" })[1], b)
  t.equal(orders:list_open({ strategy = "a" })[1], a)
  t.equal(#orders:list_open { venue = "other" }, 0)
  t.equal(#orders:list_open {}, 3)
end)

t.test("an order that was given up and shows up again is open again", function()
  local orders, said = new()
  local order = add(orders)
  orders:apply(order, { status = "unanswered" })
  orders:apply(order, { status = "rejected", reason = "not_found", is_inferred = true })
  t.equal(#orders:list_open(), 0)
  said()
  orders:apply(order, { status = "new", order_id = "x-9" })
  t.equal(said(), "order rejected new")
  t.equal(orders:list_open()[1], order)
  t.equal(orders:find("idx", nil, "x-9"), order)
  orders:apply(order, trade("a", "3"))
  t.equal(#orders:list_open(), 0)
end)

-- Whose they are ----------------------------------------------------------------------------------

local function ours() return client_id.maker("moonwire", "ladder", "10"):next() end

t.test("ids of this runtime are ours, others are not", function()
  local orders = new()
  t.equal(orders:is_ours(ours()), true)
  t.equal(orders:is_ours(client_id.maker("other", "ladder", "10"):next()), false)
  t.equal(orders:is_ours "lendidr-limit-3397", false)
  t.equal(orders:is_ours(nil), false)
end)

t.test("an order that the venue shows is adopted: external, or ours of an earlier run", function()
  local orders, said = new()
  local report = { order_id = "x-1", client_order_id = "web-1", symbol = "BTC/IDR", side = "sell",
                   price = D "5", qty = D "2", time = 1790000000 }
  local order = orders:adopt("idx", report)
  t.equal(order.external, true)
  t.equal(order.status, "new")
  t.equal(order.type .. order.time_in_force .. order.side, "limitgtcsell")
  t.equal(tostring(order.qty) .. tostring(order.price), "25")
  t.equal(order.strategy, nil)
  t.equal(orders:find("idx", "web-1", nil), order)
  t.equal(orders:find("idx", nil, "x-1"), order)
  t.equal(orders:list_open()[1], order)
  t.equal(said(), "")
  local own = orders:adopt("idx", { order_id = "x-2", client_order_id = ours(),
                                    symbol = "BTC/IDR", side = "buy", type = "stop_limit",
                                    price = D "5", qty = D "2", time = 1790000000 })
  t.equal(own.external, false)
  t.equal(own.type, "stop_limit")
  local bare = orders:adopt("idx", { order_id = "x-3", symbol = "BTC/IDR", side = "buy" })
  t.equal(bare.external, true)
end)

t.test("an adopted order takes reports as any other", function()
  local orders, said = new()
  local order = orders:adopt("idx", { order_id = "x-1", symbol = "BTC/IDR", side = "sell",
                                      price = D "100", qty = D "3" })
  orders:apply(order, trade("a", "3"))
  t.equal(said(), "fill 3|order new filled")
  t.equal(#orders:list_open(), 0)
end)

-- Memory ------------------------------------------------------------------------------------------

t.test("an order that came back from its end stays known, however many finish after it", function()
  local orders = new()
  local back = add(orders)
  orders:apply(back, { status = "rejected", reason = "not_found", is_inferred = true })
  orders:apply(back, { status = "new", order_id = "x-1" })
  t.equal(back.status, "new")
  for _ = 1, 1300 do cancel(orders, add(orders)) end
  t.equal(orders:find("idx", back.client_order_id), back)
  t.equal(orders:find("idx", nil, "x-1"), back)
  t.equal(back._owner, "s")
  t.equal(orders:list_open()[1], back)
end)

t.test("an order whose fills are asked for stays known as well", function()
  local orders = new()
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "canceled", cum_qty = D "1" })
  t.ok(order:is_missing_fills())
  for _ = 1, 1300 do cancel(orders, add(orders)) end
  t.equal(orders:find("idx", nil, "x-1"), order)
end)

-- So many others finish that the oldest finished ones are forgotten.
local function finish_others(orders)
  for _ = 1, 1300 do cancel(orders, add(orders)) end
end

t.test("an order that is held stays known until it is let go, and a while after", function()
  local orders = new()
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "canceled" })
  t.equal(orders:hold(order), order)
  t.equal(orders:hold(order), order)
  finish_others(orders)
  orders:let_go(order)
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), order)
  orders:let_go(order)
  t.equal(orders:find("idx", nil, "x-1"), order)
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), nil)
  t.equal(orders:find("idx", order.client_order_id, nil), nil)
end)

t.test("an order that is held and comes back is forgotten no earlier than others", function()
  local orders = new()
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "rejected", is_inferred = true })
  orders:hold(order)
  finish_others(orders)
  orders:apply(order, { status = "new" })
  orders:let_go(order)
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), order)
  t.ok(orders:list_open()[1] == order)
end)

t.test("to hold one that was forgotten makes it known again, with its owner", function()
  local orders = new()
  assert(orders:claim "s")
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "canceled" })
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), nil)
  t.equal(orders:hold(order), order)
  t.equal(orders:find("idx", nil, "x-1"), order)
  t.equal(orders:find("idx", order.client_order_id, nil), order)
  t.equal(order._owner, "s")
  orders:let_go(order)
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), nil)
end)

t.test("to hold one that was forgotten, and that another one stands for, holds that one", function()
  local orders = new()
  local old = add(orders, { order_id = "x-1" })
  orders:apply(old, { status = "canceled" })
  finish_others(orders)
  local order = add(orders, { order_id = "x-1", client_order_id = old.client_order_id })
  t.equal(orders:hold(old), order)
end)

t.test("who ended twice is not forgotten in place of the one that stands for it", function()
  local orders = new()
  local old = add(orders, { order_id = "x-1" })
  orders:apply(old, { status = "rejected", is_inferred = true })
  for _ = 1, 600 do cancel(orders, add(orders)) end
  orders:apply(old, { status = "canceled" })                  -- it had arrived after all
  for _ = 1, 700 do cancel(orders, add(orders)) end
  t.equal(orders:find("idx", nil, "x-1"), nil)
  local order = add(orders, { order_id = "x-1", client_order_id = old.client_order_id })
  for _ = 1, 1000 do cancel(orders, add(orders)) end
  t.equal(orders:find("idx", nil, "x-1"), order)
  t.equal(orders:find("idx", old.client_order_id, nil), order)
end)

t.test("finished orders stay known for late fills, the oldest are forgotten in the end", function()
  local orders = new()
  local first = add(orders, { order_id = "first" })
  orders:apply(first, { status = "canceled" })
  local open = add(orders, { order_id = "open" })
  for i = 1, 1000 do
    cancel(orders, add(orders, { order_id = "x" .. i }))
  end
  t.equal(orders:find("idx", nil, "first"), first)
  t.equal(orders:find("idx", first.client_order_id, nil), first)
  for i = 1001, 3000 do
    cancel(orders, add(orders, { order_id = "x" .. i }))
  end
  t.equal(orders:find("idx", nil, "first"), nil)
  t.equal(orders:find("idx", first.client_order_id, nil), nil)
  t.ok(orders:find("idx", nil, "x3000"))
  t.equal(orders:find("idx", nil, "open"), open)
end)

t.test("the oldest is forgotten when all that the event has left to do is done", function()
  local orders = new()
  local oldest = add(orders, { order_id = "x-1" })
  cancel(orders, oldest)
  for _ = 1, 1199 do cancel(orders, add(orders)) end
  local known = {}
  local probe = {}
  function probe:look(again)
    known[#known + 1] = orders:find("idx", nil, "x-1") ~= nil
    if again then dispatch.defer(self, "look") end
  end
  orders:apply(add(orders), { status = "canceled" })
  dispatch.defer(probe, "look", true)                         -- a callback, and what it sends
  while dispatch.door() do end
  probe:look()
  t.equal(table.concat({ tostring(known[1]), tostring(known[2]), tostring(known[3]) }, " "),
          "true true false")
end)

t.test("one that is to be forgotten and comes back within the event stays known", function()
  local orders = new()
  local order = add(orders, { order_id = "x-1" })
  orders:apply(order, { status = "rejected", is_inferred = true })
  for _ = 1, 1199 do cancel(orders, add(orders)) end
  orders:apply(add(orders), { status = "canceled" })          -- takes its place
  orders:apply(order, { status = "new" })
  orders:apply(order, { status = "canceled" })
  while dispatch.door() do end
  t.equal(orders:find("idx", nil, "x-1"), order)
  finish_others(orders)
  t.equal(orders:find("idx", nil, "x-1"), nil)
end)

t.test("an order is restored where there is no archive to recall from", function()
  local orders = new()
  local order = orders:restore { client_order_id = "mw-old", order_id = "x-1", venue = "idx",
    symbol = "BTC/IDR", side = "buy", type = "limit", price = D "100", qty = D "3",
    status = "canceled", created_at = 1790000000,
    fills = { { trade_id = "1", qty = D "4", price = D "100", fees = {} } } }
  t.equal(orders:find("idx", "mw-old", nil), order)
  t.equal(order.status, "canceled")
end)

-- Waiting -----------------------------------------------------------------------------------------

t.test("waiting for an order is for tasks", function()
  local orders = new()
  t.raises(add(orders).wait, "order:wait%(%) is for tasks", add(orders), "filled")
end)

t.test("to wait for what has happened, or for an order that has ended, does not wait", function()
  local orders = new()
  local order = add(orders)
  orders:apply(order, { status = "new" })
  local results = {}
  local owner = {
    on_task_done = function(_, _, ok, status) results[#results + 1] = ok and status end,
  }
  task.start(owner, "wait", function() return order:wait "new" end)
  orders:apply(order, { status = "canceled" })
  task.start(owner, "wait", function() return order:wait("filled", 10) end)
  t.equal(table.concat(results, " "), "new canceled")
end)

t.test("to wait no time is to look", function()
  local orders = new()
  local order = add(orders)
  local result
  local owner = { on_task_done = function(_, _, _, status) result = status end }
  task.start(owner, "wait", function() return order:wait("filled", 0) end)
  t.equal(result, "pending_new")
end)

stage.done()
