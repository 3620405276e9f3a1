-- Orders by hand: sent, previewed, confirmed, refused, canceled, adopted.

local fixture = require "tests.moonwire.console_fixture"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local indodax = require "moonwire.venues.indodax"
local mw = require "moonwire"

local play, BUY, sent = fixture.play, fixture.BUY, fixture.sent

t.test("an order by hand goes out like a strategy's, and its life is shown", function()
  local p, s = play()
  local text, ok = p:type(BUY)
  t.ok(ok, text)
  t.ok(text:find "^mw%-%S+ buy BTC/IDR 0.001@950000000 pending_new$", text)
  local order = s.desk.orders:list_open()[1]
  t.equal(order.strategy, "console")
  t.equal(#s:asked "trade", 1)
  t.ok(p:lines():find "new      buy  BTC/IDR   0.001 @ 950000000", p:lines())
  p:shows("#orders()", "1")
  p:shows("orders()[1].client_order_id", '"' .. order.client_order_id .. '"')
  p.at = #sent[p.id]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.ok(p:lines():find "fill     buy", p:lines())
  t.ok(p:lines():find "filled   buy", p:lines())
  p:shows("#fills()", "1")
  p:shows("fills()[1].qty", "0.001")
  p:shows("positions()[1].strategy, positions()[1].qty", '"console"\n0.001')
end)

t.test("an order is found by the end of its id, and canceled", function()
  local p, s = play()
  p:type(BUY)
  local order = s.desk.orders:list_open()[1]
  p:shows(('order "%s" == orders()[1]'):format(order.client_order_id:sub(-8)), "true")
  local _, ok = p:type(('cancel "%s"'):format(order.client_order_id))
  t.ok(ok)
  t.equal(#s:asked "cancelByClientOrderId", 1)
  p:fails('order "nosuch"', "no order nosuch is known here")
  p:type(BUY)
  p:type(BUY)
  p:fails('cancel "-"', "no order - is known here")
  p:fails("cancel(nil)", "which order?")
  p:type "cancel_all()"
  t.equal(#s:asked "cancelByClientOrderId", 3)
end)

t.test("a filter that means nothing is an error, and cancels nothing", function()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:on_start() self:buy { qty = "0.001", price = "940000000" } end
  local p, s = play { strategies = { { name = "lad", class = S } } }
  p:type(BUY)
  p:fails('cancel_all "BTC/IRD"', "nothing here is called BTC/IRD")
  p:fails('cancel_all { simbol = "BTC/IDR" }', "unknown field simbol")
  p:fails('cancel_all { "BTC/IDR" }', "unknown field 1")
  p:fails('cancel_all { strategy = "lat" }', "no strategy is called lat")
  p:fails('cancel_all { venue = "idy" }', "no venue is called idy")
  p:fails("cancel_all(orders()[1])", "a symbol, strategy or venue")
  p:fails("cancel_all(5)", "a symbol, strategy or venue")
  t.equal(#s:asked "cancelByClientOrderId", 0)
  p:shows('#orders "lad", #orders "idx", #orders "BTC/IDR"', "1\n2\n2")
  p:shows('#orders { side = "sell" }', "0")
  p:shows('#orders "BTC/USDT"', "0")
  p:type 'cancel_all "lad"'
  t.equal(#s:asked "cancelByClientOrderId", 1)
  p:shows("#orders(), orders()[1].strategy", '1\n"console"')
  p:type 'cancel_all { symbol = "BTC/IDR", side = "buy" }'
  t.equal(#s:asked "cancelByClientOrderId", 2)
end)

t.test("a prompt sees its own orders, and those of others while it watches", function()
  local p, s = play()
  local q = p:another()
  p:type(BUY)
  t.equal(q:lines(), "")
  q:type "watch(true)"
  p:type(BUY)
  t.ok(q:lines():find "new ")
  q:tell { interrupt = true }
  t.ok(q:lines():find "watch is off")
  q.at = #sent[q.id]
  p:type(BUY)
  t.equal(q:lines(), "")
  t.equal(#s:asked "trade", 3)
end)

t.test("limits refuse by name, and mistakes say what is wanted", function()
  local p, s = play { risk = { max_order_notional = { IDR = decimal "500000" } } }
  p:fails(BUY, "refused: notional 950000 IDR is above max_order_notional 500000")
  p:fails('buy("BTC/IDR", "0.0001", "1")', "not a multiple")
  p:fails('buy("BTC/IDR", "abc", 950e6)', "qty: bad decimal abc")
  p:fails('buy("BTC/IDR", "-1", 950e6)', "qty must be above 0")
  p:fails('buy()', "which symbol?")
  p:fails('buy("NO/IDR", "1", "1")', "no market NO/IDR")
  p:fails('buy("BTC/IDR", "1", "1", { venue = "x" })', "no venue x")
  p:fails('buy("BTC/IDR", "0.0001", 950e6, { prize = 1 })', "unknown order field prize")
  t.equal(#s:asked "trade", 0)
end)

t.test("a line that fails sends nothing", function()
  local p, s = play()
  p:fails(BUY .. " error 'oops'", "oops")
  t.equal(#s:asked "trade", 0)
  t.equal(#s.desk.orders:list_open(), 0)
end)

t.test("preview sends nothing and tells what is left", function()
  local p, s = play { risk = { max_order_notional = { IDR = decimal "1000000" },
                               max_open_orders = 5 } }
  p:shows('preview(buy, "BTC/IDR", "0.001", 950e6).notional', "950000")
  p:shows('preview(buy, "BTC/IDR", "0.001", 950e6).left', "{ max_open_orders = 4, "
    .. "max_order_notional = 50000 }")
  p:shows('preview(buy, "BTC/IDR", "0.01", 950e6).problem',
    '"notional 9500000 IDR is above max_order_notional 1000000"')
  p:fails("preview(print)", "preview(buy, ...)")
  t.equal(#s:asked "trade", 0)
end)

t.test("preview tells the fee by the venue's rates, and by own fills", function()
  local p, s = play()
  p:shows('preview(buy, "BTC/IDR", "0.001", 950e6).fee', '"1900 IDR"')
  p:shows('preview(buy, "BTC/IDR", "0.001", 950e6).fee_from',
    '"the venue\'s rate, 0.2% as maker; clearing and tax come on top"')
  p:shows('preview(buy, "BTC/IDR", "0.001", 950e6).fee_seen', "nil")
  p:type(BUY)
  local order = s.desk.orders:list_open()[1]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  local fill = p.console:list_fills()[1]
  t.ok(#fill.fees >= 1)
  local total = ("%s %s"):format(fill.fees[1].amount * 2, fill.fees[1].asset)
  local text = p:type 'preview(buy, "BTC/IDR", "0.002", 950e6).fee_seen'
  t.ok(text:find(total, 1, true), text .. " has no " .. total)
  t.ok(text:find "by the last fill", text)
  p:shows('preview(sell, "BTC/IDR", "0.002", 950e6).fee_seen', "nil")
end)

t.test("beyond the size that is configured it asks", function()
  local console_config = { confirm_notional = { IDR = decimal "900000" } }
  local p, s = play { console = console_config }
  t.equal(p:type(BUY), nil, "it waits")
  t.equal(p:take("ask")[1].text,
    "idx: buy 0.001 BTC/IDR at 950000000, notional 950000 IDR: send it? (yes/no) ")
  t.equal(#s:asked "trade", 0)
  p:tell { answer = "no" }
  t.ok(p:take("done")[1].text:find "not confirmed")
  p:type(BUY)
  p:tell { answer = "yes" }
  s:settle()
  t.equal(#s:asked "trade", 1)
  local piped = p:another { hello = true }
  piped:fails(BUY, "above console.confirm_notional 900000")
  local _, ok = piped:type('buy("BTC/IDR", "0.001", 950e6, { confirmed = true })')
  t.ok(ok)
  p:shows('buy("BTC/IDR", "0.0001", 950e6) ~= nil', "true")
  p:type(BUY)
  s:advance(61)
  t.ok(p:take("done")[1].text:find "not confirmed", "no answer is no")
  t.equal(#s:asked "trade", 3)
end)

-- Indodax, if it could replace orders: by a call whose answer is `report`.
local function replacing(report)
  local protocol = setmetatable({ capabilities = { replace = true } }, { __index = indodax })
  for name, can in pairs(indodax.capabilities) do protocol.capabilities[name] = can end
  function protocol.replace(_, order, change)
    return { method = "POST", url = "https://rest.test/replace?qty=" .. tostring(change.qty)
             .. "&price=" .. tostring(change.price) .. "&of=" .. order.order_id }
  end
  function protocol.replace_answer() return report end
  return protocol
end

t.test("an order is replaced by hand, within the limits and with a question when it is big",
  function()
    local p, s = play {
      protocol = replacing { status = "new", order_id = "x2", qty = decimal "0.002",
                             cum_qty = decimal "0" },
      answers = { ["/replace"] = "{}" },
      console = { confirm_notional = { IDR = decimal "1000000" } },
    }
    p:type(BUY)
    local order = s.desk.orders:list_open()[1]
    local id = order.client_order_id:sub(-8)
    p:fails(('replace("%s", {})'):format(id), "replace takes price or qty, or both")
    p:fails(('replace("%s", 5)'):format(id), "{ price =, qty = }")
    p:fails(('replace("%s", { side = "buy" })'):format(id), "unknown field side")
    p:fails(('replace("%s", { qty = -1 })'):format(id), "qty: an amount above 0 expected")
    p:fails(('replace("%s", { price = "950000000.5" })'):format(id), "refused: price 950000000.5")
    p:fails('replace("nosuch", { qty = 1 })', "no order nosuch is known here")
    t.equal(p:type(('replace("%s", { qty = "0.002" })'):format(id)), nil, "it waits")
    t.ok(p:take("ask")[1].text:find "buy 0.002 BTC/IDR at 950000000, notional 1900000 IDR")
    t.equal(#s:asked "/replace", 0)
    p:tell { answer = "yes" }
    s:settle()
    t.equal(#s:asked "/replace", 1)
    t.ok(s:asked("/replace")[1].url:find("qty=0.002&price=950000000&of=", 1, true))
    t.equal(order.order_id .. " " .. tostring(order.qty), "x2 0.002")
    t.ok(p:lines():find "replaced", p:lines())
    local piped = p:another { hello = true }
    piped:fails(('replace("%s", { qty = "0.003" })'):format(id), "console.confirm_notional")
    local _, ok = piped:type(('replace("%s", { qty = "0.003", confirmed = true })'):format(id))
    t.ok(ok)
  end)

t.test("where the venue cannot, an order is not replaced", function()
  local p = play()
  p:type(BUY)
  p:fails('replace(orders()[1], { qty = "0.002" })', "refused: venue idx cannot replace orders")
end)

t.test("read-only sends nothing, and stays so", function()
  local p, s = play { hello = { hello = true, interactive = true, read_only = true } }
  p:fails(BUY, "buy: this prompt is read-only")
  p:fails("cancel_all()", "read-only")
  p:fails("replace(1, {})", "read-only")
  p:fails("stop 'x'", "read-only")
  p:fails('mw.file.write("read_only.txt", "x")', "mw.file.write: this prompt is read-only")
  p:fails('mw.file.append("read_only.txt", "x")', "mw.file.append: this prompt is read-only")
  p:fails('assert(mw.file.read "read_only.txt")', "No such file")
  p:tell { hello = true, read_only = false }
  p:fails(BUY, "read-only")
  p:shows("orders()", "no open orders")
  t.equal(#s:asked "trade", 0)
end)

t.test("an order can be read and waited for, and nothing that is done to it changes it", function()
  local p, s = play()
  p:type("o = " .. BUY)
  local order = s.desk.orders:list_open()[1]
  local q = p:another { hello = true, interactive = true, read_only = true }
  for _, prompt in ipairs { p, q } do
    prompt:type "o = orders()[1]"
    prompt:fails('o.status = "filled"', "an order is not changed by writing to it (status)")
    prompt:fails("o.price = 5", "cancel it, and send another")
    prompt:fails('o:apply { status = "filled" }', "method 'apply'")
    prompt:fails("o:wake_waiters()", "method 'wake_waiters'")
    prompt:shows("o._totals, o._position", "nil\nnil")
    prompt:type 'rawset(o, "status", "filled")'
    prompt:shows("getmetatable(o)", '"protected"')
    prompt:shows("orders()[1] == order(o.client_order_id), o == o.price", "true\nfalse")
    prompt:shows("o:is_open(), o:is_missing_fills()", "true\nfalse")
    prompt:shows("tostring(o) == tostring(orders()[1])", "true")
  end
  t.equal(order.status, "new")
  p:shows('orders()[1]:wait("new")', '"new"')
  t.ok(p:type("orders()[1]"):find "leaves_qty       0.001\n")
  t.equal(p:type 'orders()[1]:wait("filled")', nil)
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.equal(p:take("done")[1].text, '"filled"')
end)

t.test("an order of somebody else is claimed by adopt", function()
  local p, s = play()
  s:push(s:update({ order_id = "btcidr-limit-77", client_order_id = nil }, {
    clientOrderId = "" }))
  p:shows("#orders()", "1")
  p:fails('cancel "btcidr-limit-77"', 'adopt("btcidr-limit-77") claims it')
  local _, ok = p:type 'adopt "btcidr-limit-77"'
  t.ok(ok)
  p:shows("orders()[1].strategy", '"console"')
  local text
  text, ok = p:type 'cancel "btcidr-limit-77"'
  t.ok(ok, text)
  t.equal(#s:asked "cancelByClientOrderId" + #s:asked "cancelOrder", 1)
end)

fixture.done()
