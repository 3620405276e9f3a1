--- adopt(id) at the prompt: an order that another runtime sent belongs to the prompt from then on,
--- whatever happens to the process.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

local SENDS = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() self:buy { qty = "0.002", price = "1400000000" } end
function S:on_order(order) if order.status == "new" then print "resting" end end
return S
]]
local LOOKS = "return require('moonwire').strategy { venue = 'idx', symbol = 'BTC/IDR' }"

local function at_prompt(run, text)
  local process = e2e.tool { "repl", "--attach", (run.config:gsub("moonwire.lua$", "s")),
                             "-e", text }
  local status = process:wait_exit()
  return process:out(), status, process:err()
end

local function said(run, text)
  local out, status, err = at_prompt(run, text)
  equal(status, 0, text .. ": " .. err)
  return (out:gsub("\n$", ""))
end

local function has(text, part)
  if not text:find(part, 1, true) then error(("no %q in:\n%s"):format(part, text), 2) end
end

-- The guardian has taken it from the ring: it outlives both processes.
local function await_recorded(run)
  local path = run.config:gsub("[^/]+$", "moonwire.db")
  e2e.await("the adopted order in the journal", function()
    local process = e2e.moonwire { "journal", path, "orders", "--json" }
    return process:wait_exit() == 0 and process:out():find '"strategy":"console"'
  end)
end

-- An order of a runtime that is gone, and another runtime that sees it and has adopted it.
local function start(venue)
  local sim = e2e.sim "indodax"
  local other = sim:run(SENDS, { rest = 'name = "other", on_stop = "leave",' })
  other:wait_for "resting"
  equal(other:stop(), 0)
  local run = sim:run(LOOKS, { venue = venue,
                                rest = 'console = { path = "s" }, on_crash = "leave",' })
  run:wait_for "the prompt: "
  equal(said(run, "#orders()"), "1")
  local out, status, err = at_prompt(run, "cancel(orders()[1])")
  equal(status, 1, out)
  has(err, "the order is somebody else's: adopt(")
  said(run, "adopt(orders()[1].order_id)")
  equal(said(run, "orders()[1].strategy, orders()[1].external"), '"console"\nnil')
  await_recorded(run)
  return sim, run
end

-- The same runtime again, after both of its processes died at once.
local function restart(sim, run)
  run:kill_all()
  local again = e2e.moonwire({ "run", "--config", run.config }, sim:environment())
  again.config = run.config
  again:wait_for "the prompt: "
  again:wait_for "1 open order of earlier runs"
  return again
end

test("an adopted order is the prompt's after a death: its fills, its cancel, its end", function()
  local sim, run = start()
  local again = restart(sim, run)
  equal(said(again, "#orders(), orders()[1].strategy, orders()[1].status, orders()[1].external"),
    '1\n"console"\n"new"\nnil')
  sim:control("trade", { pair = "btc_idr", side = "sell", qty = "0.0005", price = "1400000000" })
  equal(said(again, 'orders()[1]:wait("partially_filled", 9), positions("console")[1].qty'),
    '"partially_filled"\n0.0005')
  equal(said(again, 'cancel(orders()[1]):wait("canceled", 9)'), '"canceled"')
  equal(#sim:orders(true), 0)
  equal(#sim:requests "trade", 1, "it was sent once, by the other one")
  equal(again:stop(), 0)
end)

test("what happened to an adopted order while nobody ran is asked for", function()
  local sim, run = start()
  run:kill_all()
  sim:control("trade", { pair = "btc_idr", side = "sell", qty = "0.0030", price = "1400000000" })
  equal(#sim:orders(true), 0)
  local again = e2e.moonwire({ "run", "--config", run.config }, sim:environment())
  again.config = run.config
  again:wait_for "the prompt: "
  equal(said(again, 'order(orders("all")[1].order_id).status, positions("console")[1].qty'),
    '"filled"\n0.002')
  equal(again:stop(), 0)
end)

test("an adopted order that is in doubt is asked about until there is evidence", function()
  local sim, run = start "request_timeout = 0.5,"
  sim:control("fault", { fault = "swallow:cancel:1:after" })
  sim:control("fault", { fault = "lose:push:for=3s" })
  equal(said(run, 'cancel(orders()[1]):wait("canceled", 30)'), '"canceled"')
  equal(#sim:orders(true), 0)
  equal(run:stop(), 0)
end)

test("at the end of the runtime an adopted order is canceled as its own", function()
  local sim, run = start()
  equal(run:stop(), 0)
  equal(#sim:orders(true), 0)
end)

e2e.run_all()
