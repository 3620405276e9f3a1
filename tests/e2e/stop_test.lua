--- A stop while one of the venues is gone: what can be ended is ended, what cannot is said, and the
--- end comes in its time.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local test, equal = e2e.test, e2e.equal

local SIGSTOP, SIGTERM = 19, 15
local CONFIRM_SECONDS = 10             -- shutdown.lua

local REST = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "VENUE", symbol = "SYMBOL" }
function S:on_start() assert(self:buy { qty = "0.01", price = "PRICE" }) end
function S:on_order(order) print("VENUE " .. order.status .. " " .. order.client_order_id) end
return S
]]

local function write_strategy(directory, venue, symbol, price)
  local words = { VENUE = venue, SYMBOL = symbol, PRICE = price }
  return e2e.write(("%s/%s.lua"):format(directory, venue), (REST:gsub("%u%u+", words)))
end

test("a venue that stands still holds a stop up for 10 s, and what it left is named", function()
  local sims = { idx = e2e.sim "indodax", pea = e2e.sim "peatio" }
  local text, environment = e2e.several { { name = "idx", sim = sims.idx },
                                          { name = "pea", sim = sims.pea } }
  local directory = e2e.directory()
  local run = e2e.moonwire({ "run", "--config", e2e.write(directory .. "/moonwire.lua", text),
                             write_strategy(directory, "idx", "BTC/IDR", "1500000000"),
                             write_strategy(directory, "pea", "BTC/USD", "6000") }, environment)
  local id = run:wait_for "idx new (%S+)"
  run:wait_for "pea new"
  sims.idx.process:signal(SIGSTOP)
  local began = host.monotonic()
  run:signal(SIGTERM)
  run:wait_for "venue=idx msg=\"1 order to end: the venue has 10 s to confirm it\""
  equal(run:wait_exit(CONFIRM_SECONDS + 10), 1, "exit status")
  local seconds = host.monotonic() - began
  if seconds > CONFIRM_SECONDS + e2e.slower then
    error(("the stop took %.1f s:\n%s"):format(seconds, run:err()))
  end
  run:wait_for("venue=idx msg=\"left behind, the venue did not confirm its cancel: "
               .. id:gsub("%-", "%%-") .. ".-; cancel it by hand at the venue")
  run:wait_for "the countdown goes on: the venue cancels all orders in BTC/IDR within 30 s"
  equal(#sims.pea:orders(true), 0, "open orders at the other venue")
end)

e2e.run_all()
