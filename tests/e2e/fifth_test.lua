--- A venue that does not come along: one Lua file, named by its path in the configuration, trades
--- as the others do.

local e2e = require "tests.e2e.lib"
local Acme = require "tests.e2e.fifth.sim"
local test, equal = e2e.test, e2e.equal

local FILE = os.getenv "PWD" .. "/tests/e2e/fifth/acme.lua"
local KEY, SECRET = "acme-key-4711", "acme-secret-0815"

local TRADER = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "tin", symbol = "TIN/CREDIT" }
function S:on_start()
  print("position " .. tostring(self:position().qty) .. " open " .. #self.orders)
  if self.state.persist.begun then return end
  self.state.persist.begun = true
  self:buy { qty = "10", price = "12.5" }
  self:task "ask"
end
function S:ask() print("free " .. tostring(mw.venue "tin":balances().CREDIT.free)) end
function S:on_fill(fill, order)
  print(("fill %s %s@%s fee %s"):format(order.side, fill.qty, fill.price, fill.fees[1].amount))
end
function S:on_order(order, event) print(event.previous .. ">" .. order.status) end
function S:on_session(venue, state) print(venue .. " " .. state) end
return S
]]

local ENVIRONMENT = { ACME_KEY = KEY, ACME_SECRET = SECRET }

-- The path of a configuration, with `more` in the venue's section.
local function configure(sim, more)
  local directory = e2e.directory()
  e2e.write(directory .. "/trader.lua", TRADER)
  return e2e.write(directory .. "/moonwire.lua", ([[
return {
  venues = { tin = { protocol = %q, private_url = %q, ca_file = %q,
                     key = env "ACME_KEY", secret = env "ACME_SECRET", dead_man = false,
                     %s } },
  strategies = { { file = "trader.lua" } },
  on_crash = "leave", %s
}]]):format(FILE, sim.url, sim.ca_file, more or "", e2e.limits()))
end

local function moonwire(command, config, environment)
  return e2e.moonwire({ command, "--config", config }, environment or ENVIRONMENT)
end

local function new_sim() return Acme.start(e2e.directory(), KEY, SECRET) end

test("a venue named by its path trades, over a lost line and a restart", function()
  local sim = new_sim()
  local config = configure(sim)
  local run = moonwire("run", config)
  run:wait_for "pending_new>new"
  run:wait_for "free 5000"
  sim:execute(1, "4")
  run:wait_for "fill buy 4@12.5 fee 0.01\nnew>partially_filled"
  sim:drop()
  sim:execute(1, "3")
  run:wait_for "tin down\n.*fill buy 3@12.5"
  equal(moonwire("audit", config):wait_exit(20), 0, "audit")
  run:kill_all()
  sim:execute(1, "1")
  run = moonwire("run", config)
  run:wait_for "position 8 open 1"
  run:wait_for "fill buy 1@12.5"
  equal(run:stop(), 0)
  equal(sim.orders[1].status, "canceled")
  equal(#sim.orders, 1)
end)

test("credentials that it does not take end the run, and why is said", function()
  local sim = new_sim()
  local run = moonwire("run", configure(sim), { ACME_KEY = KEY, ACME_SECRET = "another" })
  equal(run:wait_exit(), 1)
  run:wait_for "acme does not take this key"
end)

test("check loads it, and takes no keys that mean nothing to it", function()
  local sim = new_sim()
  equal(moonwire("check", configure(sim)):wait_exit(), 0)
  local check = moonwire("check", configure(sim, 'rest_url = "https://127.0.0.1:1",'))
  equal(check:wait_exit(), 2)
  check:wait_for "venues.tin.rest_url: unknown key"
end)

e2e.run_all()
