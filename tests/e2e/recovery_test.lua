--- A restart: what the next run knows of the one before, with its journal and without.

local e2e = require "tests.e2e.lib"
local decimal = require "moonwire.decimal"
local random = require "moonwire.random"
local test, equal = e2e.test, e2e.equal
local until_written = require("tests.e2e.venue").wait_written

-- Rests two orders where there is none yet, keeps how often it has started, and tells all it hears.
local KEEPER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  local keep = self.state.persist
  keep.starts = (keep.starts or 0) + 1
  print(("start %d: %d open, position %s, spent %s"):format(keep.starts, #self.orders,
    self:position().qty, keep.spent or "0"))
  for _, order in ipairs(self.orders) do
    print(("open %s %s cum %s"):format(order.client_order_id, order.status, order.cum_qty))
  end
  for i = 1, 2 - #self.orders do
    self:buy { qty = "0.001", price = tostring(1500000000 - i * 1000000) }
  end
end
function S:on_order(order) print("order " .. order.client_order_id .. " " .. order.status) end
function S:on_fill(fill)
  local keep = self.state.persist
  keep.spent = mw.decimal(keep.spent or "0") + fill.qty * fill.price
  print("fill " .. fill.trade_id .. " " .. tostring(fill.qty) .. " of " .. fill.client_order_id)
end
return S
]]

-- Buys twice, one after the other.
local TWICE = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  print("start: position " .. tostring(self:position().qty))
  self.state.persist.begun = (self.state.persist.begun or 0) + 1
  if self.state.persist.begun == 1 then self:buy { qty = "0.001", price = "1499000000" } end
end
function S:on_fill(fill, order)
  print("fill " .. tostring(fill.qty) .. " at " .. tostring(fill.price))
  if order.price == mw.decimal "1499000000" and self.state.persist.begun == 1 then
    self:buy { qty = "0.001", price = "1498000000" }
  end
end
return S
]]

-- Trades all the time, counts what it has, and takes its time for that.
local TRADER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  local keep = self.state.persist
  keep.fills, keep.net = keep.fills or 0, keep.net or mw.decimal "0"
  self:after(0, "say")
  self:every(0.1, "trade")
end
function S:say()
  local keep = self.state.persist
  print(("start: position %s, counted %s in %d fills"):format(self:position().qty, keep.net,
                                                               keep.fills))
end
function S:on_fill(fill, order)
  local keep, n = self.state.persist, 0
  print "a fill"
  for i = 1, 4e6 do n = n + i % 3 end
  keep.fills = keep.fills + 1
  keep.net = order.side == "buy" and keep.net + fill.qty or keep.net - fill.qty
  for i = 1, 4e6 do n = n + i % 3 end
end
function S:trade()
  self.n = (self.n or 0) + 1
  if #self.orders > 3 then self:cancel(self.orders[1]) end
  if self.n % 3 == 0 then self:sell { qty = "0.0001", price = "1500001000" }
  else self:buy { qty = "0.0001", price = self.n % 2 == 0 and "1500000000" or "1499000000" } end
end
return S
]]

-- MW_DEATHS: more of them for who looks for a rare one.
local ROUNDS = tonumber(os.getenv "MW_DEATHS" or 5)

-- Nobody cancels behind a process that is killed.
local LEAVE = { venue = "dead_man = false,", rest = 'on_crash = "leave",' }

-- A run of KEEPER in a directory of its own; run:again() starts it once more there.
local function keeper(sim, more, on_crash, text)
  local directory = e2e.directory()
  e2e.write(directory .. "/keeper.lua", text or KEEPER)
  local config = e2e.write(directory .. "/moonwire.lua", sim:config(LEAVE.venue,
    'strategies = { { file = "keeper.lua" } }, on_orphan = "leave", ' .. (on_crash or LEAVE.rest)
    .. (more or "")))
  local function start()
    local run = e2e.moonwire({ "run", "--config", config },
                             { MW_KEY = sim.info.key, MW_SECRET = sim.info.secret })
    run.directory, run.again, run.config = directory, start, config
    return run
  end
  return start()
end

local function count(text, pattern)
  local n = 0
  for _ in text:gmatch(pattern) do n = n + 1 end
  return n
end

local function two_open(sim)
  e2e.await("two open orders", function() return #sim:orders(true) == 2 end)
end

local function sell_into(sim, qty)
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1499000000", qty = qty })
end

local function audit(run, sim, ...)
  return e2e.moonwire({ "audit", "--config", run.config, ... }, sim:environment())
end

test("after a kill of everything orders, fills, positions and what was kept are known again",
  function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  sell_into(sim, "0.0004")
  run:wait_for "fill %d+ 0.0004"
  until_written(run, sim)
  run:kill_all()
  sell_into(sim, "0.0006")                             -- fills the first order meanwhile
  local second = run.again()
  second:wait_for "start 2: 1 open, position 0.001, spent 599600"
  second:wait_for "fill %d+ 0.0006"
  second:wait_for "order %S+ filled"
  two_open(sim)                                        -- it has replaced what was filled
  equal(count(second:out(), "fill "), 1, "fills told")
  equal(second:stop(), 0)
  equal(#sim:orders(true), 0, "open orders at the end")
  local third = run.again()
  third:wait_for "start 3: 0 open, position 0.001, spent 1499000"
  equal(third:stop(), 0)
  local ids = {}
  for _, order in ipairs(sim:orders()) do
    equal(ids[order.client_order_id], nil, "an id that was used before")
    ids[order.client_order_id] = true
  end
end)

test("with the journal lost the ids tell whose the orders are", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  sell_into(sim, "0.0004")
  run:wait_for "fill %d+ 0.0004"
  run:kill_all()
  os.execute("rm -f '" .. run.directory .. "'/moonwire.db*")
  local second = run.again()
  second:wait_for "start 1: 2 open, position 0.0004, spent 0"
  second:wait_for "fill %d+ 0.0004"
  equal(count(second:out(), "open mw%-"), 2, "open orders known")
  equal(#sim:orders(), 2, "orders sent in all")
  equal(second:stop(), 0)
  equal(#sim:orders(true), 0, "open orders at the end")
end)

test("orders whose strategy is gone are left and said, or canceled where that is wanted", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  until_written(run, sim)
  run:kill_all()
  local path = e2e.write(run.directory .. "/other.lua", sim:config(LEAVE.venue, LEAVE.rest))
  local environment = { MW_KEY = sim.info.key, MW_SECRET = sim.info.secret }
  local idle = e2e.moonwire({ "run", "--config", path }, environment)
  idle:wait_for "belongs to strategy keeper, which is not configured: left as it is"
  equal(idle:stop(), 0)
  equal(#sim:orders(true), 2, "orders that were left")
  e2e.write(path, sim:config(LEAVE.venue, LEAVE.rest .. 'on_orphan = "cancel",'))
  idle = e2e.moonwire({ "run", "--config", path }, environment)
  e2e.await("no open order", function() return #sim:orders(true) == 0 end)
  equal(idle:stop(), 0)
end)

test("audit names what differs, and nothing after the next run", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  until_written(run, sim)
  run:kill_all()
  sell_into(sim, "0.0004")
  local check = audit(run, sim)
  equal(check:wait_exit(), 1)
  check:wait_for "missing here: trade %d+: 0.0004 at 1499000000"
  check:wait_for "cum_qty 0 here, 0.0004 there"
  local second = run.again()
  second:wait_for "fill %d+ 0.0004"
  until_written(run, sim)
  equal(second:stop(), 0)
end)

test("audit explains each balance by what was there and by fills", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  local function explained(asset)
    local process = audit(run, sim)
    equal(process:wait_exit(), 0)
    return process:out():match("balance +" .. asset .. ": .-\n([^\n]+)")
  end
  e2e.await("balances that were noted", function() return explained("BTC"):find "since then" end)
  sell_into(sim, "0.0004")
  run:wait_for "fill %d+ 0.0004"
  until_written(run, sim)
  for asset, fills in pairs { BTC = "%+0.0004, fees %+0", IDR = "%-599600, fees %-[%d.]+" } do
    local text = explained(asset)
    if not text:find("own fills " .. fills .. ": all is explained$") then error(text) end
  end
  equal(run:stop(), 0)
end)

test("what a sweep books behind a dead runtime is told by the next one", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim, "restart = true, ", 'on_crash = "cancel",')
  two_open(sim)
  until_written(run, sim)
  run:suspend()                                        -- so that nobody hears of the execution
  sell_into(sim, "0.0004")
  run:signal_runtime(9)
  run:resume()
  run:wait_for("start 2: 0 open, position 0.0004, spent 0", 20)
  run:wait_for "fill %d+ 0.0004"
  equal(count(run:out(), "fill "), 1, "fills told")
  equal(run:stop(), 0)
end)

test("an order that ended and lacks fills is asked about by the next run", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  until_written(run, sim)
  sim:control("fault", { fault = "http:503:history" })
  sim:control("fault", { fault = "lose:push:1" })
  sell_into(sim, "0.0004")
  sim:control("cancel_orders", {})
  run:wait_for "order %S+ canceled"
  e2e.await("a doubt in the journal", function()
    local journal = e2e.moonwire { "journal", run.directory .. "/moonwire.db" }
    return journal:wait_exit() == 0 and journal:out():find " unknown "
  end)
  run:kill_all()
  sim:control("clear", {})
  local second = run.again()
  second:wait_for "position 0.0004"
  second:wait_for "fill %d+ 0.0004"
  until_written(run, sim)
  equal(second:stop(), 0)
end)

test("what nobody could write down before everything died is found at the venue", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim, nil, nil, TWICE)
  e2e.await("an order", function() return #sim:orders(true) == 1 end)
  until_written(run, sim)
  run:signal(19)                                       -- the guardian writes nothing any more
  sell_into(sim, "0.001")
  run:wait_for "fill 0.001 at 1499000000"
  e2e.await("the second order", function() return #sim:orders(true) == 1 end)
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1498000000", qty = "0.001" })
  run:wait_for "fill 0.001 at 1498000000"
  run:kill_all()
  local second = run.again()
  second:wait_for "start: position 0.002"
  second:wait_for "fill 0.001 at 1499000000"
  second:wait_for "fill 0.001 at 1498000000"
  equal(count(second:out(), "fill "), 2, "fills told")
  until_written(run, sim)
  equal(second:stop(), 0)
end)

test("audit --repair books what the venue says, where no runtime does", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim)
  two_open(sim)
  until_written(run, sim)
  local refused = audit(run, sim, "--repair")
  equal(refused:wait_exit(), 2)
  refused:wait_for "a runtime books by itself what the venue says; .* already by .*pid"
  run:kill_all()
  sell_into(sim, "0.001")
  local repaired = audit(run, sim, "--repair")
  equal(repaired:wait_exit(20), 0)
  repaired:wait_for "%d+ differences repaired\nno difference"
  repaired:wait_for "what the venue says is booked"
  local asked = audit(run, sim)
  equal(asked:wait_exit(), 0, asked:out() .. asked:err())
  equal(#sim:orders(true), 1, "orders that are open still")
  local second = run.again()
  second:wait_for "start 2: 1 open, position 0.001, spent 0"
  second:wait_for "fill %d+ 0.001"
  second:wait_for "order %S+ filled"
  equal(second:stop(), 0)
end)

test("an order that a sweep finds is its strategy's, though nobody had written it down", function()
  local sim = e2e.sim "indodax"
  local first = keeper(sim, nil, 'on_crash = "cancel",')
  two_open(sim)
  first:kill_all()
  os.execute("rm -f '" .. first.directory .. "'/moonwire.db*")
  sell_into(sim, "0.0004")
  sim:control("fault", { fault = "swallow:public" })   -- the next one knows nothing of them
  local second = first.again()
  second:runtime_pid()
  e2e.await("its first question", function() return #sim:requests "public" > 0 end)
  sim:control("clear", {})
  second:signal_runtime(9)
  equal(second:wait_exit(30), 1)
  equal(#sim:orders(true), 0, "open orders")
  local third = first.again()
  third:wait_for "start 1: 0 open, position 0.0004"
  third:wait_for "fill %d+ 0.0004"
  equal(third:stop(), 0)
end)

-- What the venue has executed for us, bought less sold.
local function net_of(sim)
  local net = decimal "0"
  for _, order in ipairs(sim:orders()) do
    local qty = decimal(order.cum_qty)
    if not order.client_order_id:find "^mw%-" then qty = decimal "0" end
    net = order.side == "buy" and net + qty or net - qty
  end
  return tostring(net)
end

-- In how many executions that was.
local function fills_of(sim)
  local fills = 0
  for _, fill in ipairs(sim:control "fills") do
    if fill.client_order_id:find "^mw%-" then fills = fills + 1 end
  end
  return fills
end

test("however often it dies, in an on_fill or not, strategy, position and venue agree", function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim, nil, nil, TRADER)
  for round = 1, ROUNDS do
    run:wait_for "start: position"
    local before = #sim:orders()
    local function trade()
      sell_into(sim, "0.00015")
      sim:control("trade", { pair = "btc_idr", side = "buy", price = "1500001000",
                             qty = "0.00015" })
    end
    e2e.await("orders", function()
      trade()
      return #sim:orders() >= before + 12
    end)
    if round > 2 then                              -- in the middle of an on_fill, as a rule
      local said = count(run:out(), "a fill\n")
      e2e.await("a fill", function()
        trade()
        return count(run:out(), "a fill\n") > said
      end)
    end
    if round % 2 == 0 then run:kill_all()
    else
      run:signal_runtime(9)
      run:wait_exit()
    end
    sell_into(sim, "0.0001")
    run = run.again()
  end
  run:wait_for "start: position"
  equal(run:stop(), 0)
  local asked = audit(run, sim)
  equal(asked:wait_exit(), 0, asked:out() .. asked:err())
  local last = run.again()
  local net = net_of(sim)
  last:wait_for "start: position.-\n"
  equal(last:out():match "start: (position[^\n]+)",
        ("position %s, counted %s in %d fills"):format(net, net, fills_of(sim)))
  equal(last:stop(), 0)
end)

-- Only says what it has.
local TELLER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() print("start: position " .. tostring(self:position().qty)) end
return S
]]

local function bytes_of(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read "*a" or ""
  if file then file:close() end
  return bytes
end

test("wherever a loss of power cuts the journal, it opens, and what is missing is found or said",
  function()
  local sim = e2e.sim "indodax"
  local run = keeper(sim, nil, nil, TRADER)
  e2e.await("fills", function()
    sell_into(sim, "0.00015")
    sim:control("trade", { pair = "btc_idr", side = "buy", price = "1500001000", qty = "0.00015" })
    return #sim:orders() >= 20
  end)
  until_written(run, sim)
  run:kill_all()
  e2e.write(run.directory .. "/keeper.lua", TELLER)
  local path, net, chance = run.directory .. "/moonwire.db", net_of(sim), random.new(7, "cuts")
  local file, wal = bytes_of(path), bytes_of(path .. "-wal")
  local damaged, whole = 0, 0
  for cut = 1, 8 do
    os.execute(("rm -f '%s'*"):format(path))
    local is_file_cut = cut % 4 == 0
    e2e.write(path, file:sub(1, is_file_cut and chance:integer(0, #file) or #file))
    e2e.write(path .. "-wal", wal:sub(1, chance:integer(0, #wal)))
    local next_run = run.again()
    local held = next_run:wait_for "start: position (%S+)"
    if next_run:err():find "is damaged .-%.damaged%-" then damaged = damaged + 1
    elseif held == net then whole = whole + 1
    else error(("cut %d: holds %s of %s\n%s"):format(cut, held, net, next_run:err())) end
    equal(next_run:stop(), 0)
    equal(#sim:orders(true), 0, "open orders")
  end
  equal(damaged + whole, 8)
  equal(whole >= 4, true, "found again: " .. whole)
end)

e2e.run_all()
