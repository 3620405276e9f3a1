--- The strategies that come along, and what only shows in a whole process: a spinning loop, files,
--- the sandbox.

local e2e = require "tests.e2e.lib"
local files = require "tests.files"
local test, equal = e2e.test, e2e.equal

local read = files.read
local function strategies_config(sim, entry, rest)
  local directory = e2e.directory()
  local path = e2e.write(directory .. "/moonwire.lua",
                         sim:config("", "strategies = { " .. entry .. " }, " .. (rest or "")))
  return e2e.moonwire({ "run", "--config", path, "--events" },
                      { MW_KEY = sim.info.key, MW_SECRET = sim.info.secret }), directory
end

-- A made market that stands still: a bid and an ask, deep enough.
local function quote(sim)
  sim:control("quote", { pair = "btc_idr", side = "buy", price = "1540000000", qty = "1" })
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1550000000", qty = "1" })
end

local function open_orders(sim) return sim:orders(true) end

test("the ladder quotes both sides, and a clean stop takes all of it away", function()
  local sim = e2e.sim "indodax"
  local run = strategies_config(sim, ('{ file = %q, params = { levels = 2 } }')
    :format(os.getenv("PWD") .. "/strategies/ladder.lua"))
  quote(sim)
  e2e.await("two orders a side", function() return #open_orders(sim) == 4 end)
  local sides = {}
  for _, order in ipairs(open_orders(sim)) do sides[order.side] = (sides[order.side] or 0) + 1 end
  equal(sides.buy, 2)
  equal(sides.sell, 2)
  equal(run:stop(), 0)
  equal(#open_orders(sim), 0)
end)

test("twap trades its parent in slices, all of it and no more", function()
  local sim = e2e.sim "indodax"
  quote(sim)
  local run = strategies_config(sim, ('{ file = %q, params = { qty = "0.004", slices = 4, '
    .. 'duration = 2, finish = true } }'):format(os.getenv("PWD") .. "/strategies/twap.lua"))
  equal(run:wait_exit(), 0)
  local done = 0
  for _, order in ipairs(sim:orders()) do done = done + tonumber(order.cum_qty) end
  equal(("%.8f"):format(done), "0.00400000")
end)

test("a spinning loop trades, and stops as it should", function()
  local sim = e2e.sim "indodax"
  local run = sim:run([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.001", price = "1500000000" } end
function S:on_order(order) print("order " .. order.status) end
function S:on_fill(fill) print("fill " .. tostring(fill.qty)) end
return S]], { rest = "spin = true," })
  run:wait_for "order new"
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1500000000", qty = "0.001" })
  run:wait_for "fill 0.001"
  run:wait_for "order filled"
  equal(run:stop(), 0)
end)

test("a strategy writes files under its directory alone, and has no other way out", function()
  local sim = e2e.sim "indodax"
  local path = e2e.directory() .. "/outside"
  local run = sim:run(([[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx" }
function S:on_start()
  print("outside: " .. tostring(select(2, mw.file.write(%q, "x"))))
  print("up: " .. tostring(select(2, mw.file.write("../outside", "x"))))
  print("io: " .. tostring(io) .. " debug: " .. tostring(debug) .. " execute: "
        .. tostring(os.execute))
  print("ffi: " .. tostring(pcall(require, "ffi")))
  self:stop "done"
end
return S]]):format(path))
  run:wait_for "outside: file .-: must be relative"
  run:wait_for "up: file .-: outside of the working directory"
  run:wait_for "io: nil debug: nil execute: nil"
  run:wait_for "ffi: false"
  equal(run:wait_exit(), 0)
  equal(pcall(read, path), false)
end)

e2e.run_all()
