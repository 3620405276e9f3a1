--- A trader's session, at a real terminal: joins a runtime that trades, buys, cancels, edits the
--- strategy in another window, breaks it twice, sees it rolled back, leaves; the runtime goes on.

local e2e = require "tests.e2e.lib"
local terminal = require "tests.e2e.terminal"
local test, equal = e2e.test, e2e.equal

if not terminal.is_there then
  print "skipped: this machine has no pseudo-terminal (is /dev/pts mounted?)"
  print "0 passed, 0 failed"
  return
end

local LAD = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", price = "1500000000" }

function S:on_start()
  self:buy { qty = "0.001", price = self.params.price }
  self:every(0.2, "look")
end

function S:look()
  self.state.looks = (self.state.looks or 0) + 1
end

return S
]]

-- What another window does: a new file, renamed over the old one, as editors do it.
local function save(directory, text)
  local file = e2e.write(e2e.directory() .. "/lad.lua", text)
  return { "run", ("cd '%s' && cp '%s' .lad.new && mv .lad.new lad.lua"):format(directory, file) }
end

local function changed(from, to)
  local at, last = LAD:find(from, 1, true)
  return LAD:sub(1, at - 1) .. to .. LAD:sub(last + 1)
end

test("attach, look, buy, cancel, edit, break, roll back, leave", function()
  local sim = e2e.sim "indodax"
  local directory = e2e.directory()
  e2e.write(directory .. "/lad.lua", LAD)
  e2e.write(directory .. "/moonwire.lua", sim:config("", [[
    console = {}, strategies = { { file = "lad.lua" } },]]))
  local run = e2e.moonwire({ "run", "--config", directory .. "/moonwire.lua" }, sim:environment())
  run:wait_for "session up"
  local better = save(directory, changed("+ 1", "+ 2"))
  local unreadable = save(directory, LAD .. ")")
  local wrong = save(directory, changed("(self.state.looks or 0)", "self.state.lookz"))
  local mended = save(directory, changed("+ 1", "+ 3"))
  local status = terminal.play({ "repl", "--attach", directory .. "/moonwire.sock" }, {
    { "expect", "moonwire 0.1.0, moonwire: help" }, { "expect", "> $" },
    { "send", "strategies()\r" }, { "expect", "lad +running +1 +0 +[^\n]*lad.lua\r?\n> $" },
    { "send", "orders()\r" }, { "expect", "lad +idx +BTC/IDR +buy +0.001 +1500000000 +0 +new" },
    { "expect", "> $" },
    { "send", 'preview(buy, "BTC/IDR", "0.001", 1400e6)\r' },
    { "expect", 'fee += "2800 IDR"' }, { "expect", "> $" },
    { "send", 'buy("BTC/IDR", "0.001", 1400e6)\r' },
    { "expect", "mw-[^ ]+ buy BTC/IDR 0.001@1400000000 pending_new" },
    { "expect", "new +buy +BTC/IDR +0.001 @ 1400000000" }, { "expect", "> $" },
    { "send", "cancel(orders()[2])\r" }, { "expect", "cancel. +buy" },
    { "expect", "canceled buy +BTC/IDR +0.001 @ 1400000000" }, { "expect", "> $" },
    { "send", "watch()\r" }, { "expect", "any key ends it" },
    better, { "expect", "lad: reloaded .saved.: lad: version 2" },
    unreadable, { "expect", "lad: not reloaded .saved., version 2 goes on: [^\n]*lad.lua:1[0-9]" },
    wrong, { "expect", "lad: reloaded .saved.: lad: version 3" },
    { "expect", "look failed: [^\n]*lad.lua:10: attempt to perform arithmetic on field 'lookz'" },
    { "expect", "on probation: 1 of 3 errors" },
    { "expect", "rolled back to version 2: 3 errors, the last one in look" },
    { "send", 'versions("lad")\r' }, { "expect", "2 +[0-9:.]+ +saved +true" },
    { "expect", "> $" },
    { "send", "strategies()[1].state\r" }, { "expect", '"running"\r?\n> $' },
    { "send", "watch()\r" }, { "expect", "any key ends it" },
    mended, { "expect", "lad: reloaded .saved.: lad: version 4" },
    { "send", 'rollback("lad")\r' }, { "expect", "lad: version 2" }, { "expect", "> $" },
    { "send", "\4" }, { "end" },
  })
  equal(status, 0)
  run:wait_for "a prompt has gone"
  equal(run:poll(), false, "the runtime goes on")
  equal(#sim:orders(true), 1, "and so does the strategy's order")
  equal(#sim:requests "trade", 2, "each was sent once")
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

e2e.run_all()
