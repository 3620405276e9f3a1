-- The prompt in the runtime: what is typed, what comes back, and what it may do.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local console = require "moonwire.console"
local decimal = require "moonwire.decimal"
local host = require "moonwire.host"
local json = require "moonwire.json"
local mw = require "moonwire"
local strategy = require "moonwire.strategy"

local real_send, real_close = host.console_send, host.console_close
local sent, closed = {}, {}

function host.console_send(id, line)
  table.insert(sent[id], json.decode(line))
  return true
end
function host.console_close(id) closed[id] = true end

local Prompt = {}
Prompt.__index = Prompt
local last_id = 0

local function attach(s, prompt, hello)
  last_id = last_id + 1
  sent[last_id] = {}
  local self = setmetatable({ s = s, id = last_id, console = prompt, at = 0 }, Prompt)
  s:run(prompt, "on_console_open", self.id, 4711)
  self:tell(hello or { hello = true, interactive = true })
  return self
end

-- A desk that trades, with a prompt. More are attached by p:another().
local function play(options)
  options = options or {}
  local s = stage.new(options)
  s.desk.config.console = options.console or {}
  s.desk.config.directory = "."
  local prompt = assert(console.new(s.desk, "0.0.0"))
  s:start()
  return attach(s, prompt, options.hello), s
end

function Prompt:tell(message)
  self.s:run(self.console, "on_console_line", self.id, json.encode(message))
end

function Prompt:another(hello) return attach(self.s, self.console, hello) end

function Prompt:take(kind)
  local found = {}
  for i = self.at + 1, #sent[self.id] do
    local message = sent[self.id][i]
    if not kind or message.kind == kind then found[#found + 1] = message end
  end
  return found
end

-- Types a line; plays what follows. What was answered: text, ok.
function Prompt:type(text)
  self.at = #sent[self.id]
  self:tell { run = text, width = 80, height = self.height }
  self.s:settle()
  local done = self:take("done")[1]
  if not done then return nil end
  return done.text, done.ok
end

function Prompt:shows(text, expected)
  local got, ok = self:type(text)
  t.equal(got, expected, text)
  t.ok(ok, text)
end

function Prompt:fails(text, expected)
  local got, ok = self:type(text)
  t.equal(ok, false, text)
  t.ok(got and got:find(expected, 1, true), ("%s: expected %q, got %q"):format(text, expected,
                                                                             tostring(got)))
end

function Prompt:lines() -- what was shown above the line being typed
  local lines = {}
  for i, message in ipairs(self:take "line") do lines[i] = message.text end
  return table.concat(lines, "\n")
end

local BUY = 'buy("BTC/IDR", "0.001", 950e6)'

-- Lines -------------------------------------------------------------------------------------------

t.test("an expression shows its value, a statement nothing", function()
  local p = play()
  p:shows("1 + 1", "2")
  p:shows("x = 3", "")
  p:shows("x", "3")
  p:shows("1, nil, 'a'", '1\nnil\n"a"')
  p:shows("-- nothing", "")
end)

t.test("what is printed comes before the result", function()
  local p = play()
  p:shows("print(1, 'a') return 2", "2")
  t.equal(p:take("out")[1].text, "1\ta")
end)

t.test("errors show the line and the place", function()
  local p = play()
  p:fails("1 +* 2", "unexpected symbol near '*'\n  1 +* 2\n     ^")
  p:fails("nosuch()", "global 'nosuch' (a nil value)\n  nosuch()\n  ^")
  p:fails("local a = 1\nreturn a.b.c", "prompt:2:")
  p:fails("function f() error 'deep' end function g() f() return 1 end g()",
    "\n  prompt:1: in function")
  p:fails("io.open('x')", "io is not in the sandbox")
  p:fails("error({})", "table: ")
  p:fails("load('\\27LJ')()", "")
end)

t.test("a session has globals of its own", function()
  local p = play()
  local q = p:another()
  p:shows("x = 1", "")
  q:shows("x", "nil")
  q:shows("orders = 5", "")
  p:shows("orders()", "no open orders")
end)

t.test("what a venue says cannot move the cursor", function()
  local p = play()
  p:shows('"\\27[2J"', '"\\27[2J"')
  p:type 'print("\\27[2J")'
  t.equal(p:take("out")[1].text, "\\27[2J")
end)

t.test("what is too much is cut, and the prompt stays", function()
  local p = play()
  local text = p:type "('x'):rep(1e6)"
  t.ok(#text < 210000 and text:find("cut after 200000 of", 1, true))
  p:type "print(('x'):rep(1e6))"
  t.ok(#p:take("out")[1].text < 210000)
  p:type "t = {} for i = 1, 1e5 do t['k' .. i] = i end"
  t.ok(p:type("t"):find("... 99000 more", 1, true))
  local q = p:another { hello = true, json = true }
  q:fails("('x'):rep(1e6)", "bytes of JSON are too many")
  q:type "t = {} for i = 1, 1e5 do t[i] = i end"
  q:fails("t", "more than 50000 values")
end)

t.test("a screen gets as much as fits, all(_) shows the rest, a script gets it at once", function()
  local p = play()
  p:type "t = {} for i = 1, 60 do t[i] = { n = i } end"
  p.height = 20
  local text = p:type "t"
  t.ok(text:find("\n16\n... 44 more: all(_) shows them", 1, true), text)
  t.equal(select(2, text:gsub("\n", "")), 17)
  p:shows("all(_)", "")
  t.ok(p:take("out")[1].text:find "\n60$")
  p:shows("_[2].n", "2")
  p:shows("_, #t", "2\n60")
  p.height = nil
  t.ok(p:type("t"):find "\n60$")
  local q = p:another { hello = true, json = true }
  q:shows("all { 1 }", "[1]")
end)

t.test("lines and their results are recorded", function()
  local p, s = play()
  p:type "1 + 1"
  p:type "x +"
  local records = s:recorded "console"
  t.equal(records[1].text[1] .. "|" .. records[1].text[2], "pid 4711|1 + 1")
  t.equal(records[2].text[1] .. "|" .. records[2].text[2], "pid 4711: result|2")
  t.equal(records[4].text[1], "pid 4711: error")
end)

t.test("who does not speak the language is told, and then sent away", function()
  local p = play()
  for _ = 1, 9 do p.s:run(p.console, "on_console_line", p.id, "\255\0{{{") end
  t.ok(p:take("out")[1].text:find "not understood")
  t.equal(closed[p.id], nil)
  p.s:run(p.console, "on_console_line", p.id, "[]")
  t.equal(closed[p.id], true)
  t.ok(p:take("bye")[1])
  p.s:run(p.console, "on_console_line", p.id, "{}")      -- not heard any more
end)

-- Orders ------------------------------------------------------------------------------------------

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

t.test("a prompt sees its own orders, and those of others while it watches", function()
  local p, s = play()
  local q = p:another()
  p:type(BUY)
  t.equal(q:lines(), "")
  q:type "watch()"
  p:type(BUY)
  t.ok(q:lines():find "new ")
  q:tell { interrupt = true }
  t.ok(q:lines():find "watch is off")
  q.at = #sent[q.id]
  p:type(BUY)
  t.equal(q:lines(), "")
  t.equal(#s:asked "trade", 3)
end)

t.test("who watches sees the log, who does not sees none of it", function()
  local p = play()
  local q = p:another()
  q:type "watch()"
  p.console.log.warn "careful"
  t.ok(q:lines():find "warn  careful")
  t.equal(p:lines(), "")
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

t.test("read-only sends nothing, and stays so", function()
  local p, s = play { hello = { hello = true, interactive = true, read_only = true } }
  p:fails(BUY, "buy: this prompt is read-only")
  p:fails("cancel_all()", "read-only")
  p:fails("stop 'x'", "read-only")
  p:tell { hello = true, read_only = false }
  p:fails(BUY, "read-only")
  p:shows("orders()", "no open orders")
  t.equal(#s:asked "trade", 0)
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

-- Waiting -----------------------------------------------------------------------------------------

t.test("a wait blocks nobody; Ctrl-C abandons it and never the order", function()
  local p, s = play()
  t.equal(p:type(BUY .. ':wait("filled")'), nil)
  p:tell { run = "1" }
  t.ok(p:take("done")[1].text:find "still running")
  local q = p:another()
  q:shows("#orders()", "1")
  p.at = #sent[p.id]
  p:tell { interrupt = true }
  local done = p:take("done")[1]
  t.equal(done.ok, false)
  t.ok(done.text:find("abandoned\nthe order stays as it is: mw", 1, true), done.text)
  t.ok(done.text:find " new$", done.text)
  t.equal(#s:asked "cancelByClientOrderId", 0)
  local order = s.desk.orders:list_open()[1]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.equal(#p:take "done", 1, "the line that was abandoned says nothing more")
  p:shows("2", "2")
end)

t.test("balances wait for the venue", function()
  local p = play()
  local text, ok = p:type "balances()"
  t.ok(ok, text)
  t.ok(text:find "venue  asset", text)
end)

t.test("a book is waited for, and shown once", function()
  local p, s = play()
  local text, ok = p:type 'book "BTC/IDR"'
  t.ok(ok and text:find "1549999000  1550000000", text)
  t.equal(p:type 'book "BTC/IDR"', nil)
  s:book({ { "950000000", "2" } }, { { "951000000" } })
  text = p:take("done")[1].text
  t.equal(text, "bid_qty        bid        ask  ask_qty\n      2  950000000  951000000        1")
  s:book({ { "950000000", "2" } }, { { "951000000" } })
  t.equal(#s:logged "failed", 0)
  t.equal(p:type 'book "BTC/IDR"', nil)
  s:advance(6)
  t.ok(p:take("done")[1].text:find "no book of BTC/IDR on idx within 5 s")
end)

t.test("who goes leaves orders and nothing else", function()
  local p, s = play()
  p:type(BUY .. ':wait("filled", 3)')
  s:run(p.console, "on_console_close", p.id, "")
  t.equal(next(p.console.sessions), nil)
  t.equal(next(p.console.runner.lines), nil)
  t.equal(#s.desk.orders:list_open(), 1)
  s:advance(5)
  local order = s.desk.orders:list_open()[1]
  s:push(s:fill(order, "0.001", "0.001", { price = "950000000" }))
  t.equal(#s:logged "failed", 0)
end)

-- Strategies --------------------------------------------------------------------------------------

t.test("strategies are stopped and started, and the runtime goes on", function()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  local starts = 0
  function S.on_start() starts = starts + 1 end
  local p, s = play { strategies = { { name = "lad", class = S } } }
  p:shows("strategies()[1].state", '"running"')
  p:fails('start "lad"', "strategy lad is running")
  p:shows('stop "lad"', "")
  p:shows("strategies()[1].state", '"stopped"')
  t.equal(s.desk.stopping, false)
  p:fails('stop "lad"', "strategy lad is stopped")
  p:shows('start "lad"', "")
  p:shows("strategies()[1].state", '"running"')
  t.equal(starts, 2)
  p:fails('start "lat"', "no strategy lat: there is lad")
  p:fails('start "console"', "no strategy console")
end)

t.test("when all strategies have ended by themselves the prompt keeps nothing alive", function()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:on_start() self:stop "done" end
  local _, s = play { strategies = { { name = "lad", class = S } } }
  t.ok(s.desk.stopping)
end)

t.test("a strategy cannot be named console", function()
  local s = stage.new()
  local class = mw.strategy {}
  s.desk:add_runner(assert(strategy.new(s.desk, { name = "console", file = "c.lua" }, class)))
  local ok, err = console.new(s.desk, "0")
  t.equal(ok, nil)
  t.ok(err:find 'a strategy is named "console"')
end)

-- Help and completion -----------------------------------------------------------------------------

t.test("help knows every command", function()
  local p = play()
  p:type "help()"
  local text = {}
  for i, message in ipairs(p:take "out") do text[i] = message.text end
  text = table.concat(text, "\n")
  for _, name in pairs(p.console.sessions[p.id].names) do
    t.ok(text:find("%f[%w_]" .. name .. "%f[^%w_]"), name .. " is not in help()")
  end
  p:type "help(buy)"
  t.ok(p:take("out")[2].text:find "Sends an order to buy")
  p:fails("help(1)", "help() lists the commands")
end)

local function completes(p, text, expected, from)
  p.at = #sent[p.id]
  p:tell { complete = text }
  local message = p:take("completions")[1]
  t.equal(table.concat(message.list, " "), expected, text)
  if from then t.equal(message.from, from, text) end
end

t.test("completion knows names, members, symbols, strategies and orders", function()
  local p, s = play()
  completes(p, "ord", "order( orders(", 1)
  completes(p, "x = ord", "order( orders(", 5)
  completes(p, "mw.s", "sleep( strategy(", 4)
  completes(p, "string.up", "upper(", 8)
  completes(p, 'buy("BTC/', "BTC/IDR BTC/USDT", 6)
  completes(p, "nothing.", "")
  p:type("o = " .. BUY)
  completes(p, "o:wa", "wait( wake_waiters(", 3)
  local id = s.desk.orders:list_open()[1].client_order_id
  completes(p, 'cancel("mw-', id, 9)
  p:type "trap = setmetatable({}, { __index = function() error 'ran' end })"
  completes(p, "trap.x.y", "")
end)

stage.done()
host.console_send, host.console_close = real_send, real_close
