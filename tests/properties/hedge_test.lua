--- Property: strategies/hedge.lua between a simulated Indodax and a simulated Finery. Others trade
--- with its quotes, while lines break, frames come late, twice, out of order or never, answers are
--- lost, trades show late and the clock is set. When all is quiet:
---   1. what the two venues have executed for us comes to nothing, and so do our positions;
---   2. nothing was hedged twice: the hedges come to no more than what was to be hedged.
---
--- MW_PROPERTY_RUNS (default 100000) / 2000 histories; MW_PROPERTY_SEED repeats a run that failed.

local play    = require "tests.properties.play"
local finery_fixture  = require "tests.moonwire.sim_finery_fixture"
local indodax_fixture = require "tests.moonwire.sim_indodax_fixture"
local stage   = require "tests.moonwire.stage"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local finery  = require "moonwire.venues.finery"
local indodax = require "moonwire.venues.indodax"
local Random  = require "moonwire.random"

local HISTORIES = math.ceil(tonumber(os.getenv "MW_PROPERTY_RUNS" or 100000) / 2000)
local SEED = tonumber(os.getenv "MW_PROPERTY_SEED" or 20261121)
local STEPS, QUIET_SECONDS, TICK = 60, 150, 0.05
local HERE, THERE = 1500000000, 65000              -- middles of both markets
local PARAMS = {
  symbol = "BTC/IDR", hedge_symbol = "BTC/USD", rate = "23077", qty = "0.002", edge = "0.0005",
  tolerance = "0.0002", slippage = "0.003", max_position = "0.02", max_unhedged = "0.006",
}

-- Both venues -------------------------------------------------------------------------------------

local function is_there(url) return url:find("//fin", 1, true) ~= nil end

local here = {
  is_event = function(_, frame) return frame:find '^{"push"' and not frame:find '"id":' end,
  is_order = function(request)
    return type(request.body) == "string" and request.body:find "^method=trade&" ~= nil
  end,
  owns = function(url) return not is_there(url) end,
}

local there = {
  private = "finprivate", owns = is_there,
  is_event = function(self, frame)
    local id = frame:match '^{"event":"request","reqId":(%d+)'
    if id then return self.asked[id] end
    return frame:find '^%["O"' and not frame:find '^%["O",0,"[SZU]"'
  end,
  is_order = function() return false end, clock_seconds = 300, loss = 0.5,
  on_text = function(self, text)
    local id = text:match '"reqId":(%d+),"method":"add"'
    if id then self.asked[id] = true end
  end,
}

local function new_stage()
  return stage.new {
    protocol = indodax, market = false, risk = { max_orders_per_second = 1000000 },
    config = { key = play.secret(indodax_fixture.KEY), reconcile_every = 5, request_timeout = 3,
               secret = play.secret(indodax_fixture.SECRET) },
    venues = { fin = { protocol = finery, config = {
      protocol = "finery", role = "taker", reconcile_every = 5, request_timeout = 3,
      rest_url = "https://fin.test", private_url = "wss://finprivate.test/ws",
      market_url = "wss://finmarket.test/ws", key = play.secret(finery_fixture.KEY),
      secret = play.secret(finery_fixture.SECRET), dead_man = false } } },
    strategies = { { name = "hedge", class = dofile "strategies/hedge.lua", params = PARAMS } },
  }
end

local function new_play(seed)
  local random = Random.new(seed, "play")
  local one = play.new(here, indodax_fixture.new {
    settings = { "rate_limits=off" },
    balances = { idr = "9000000000000", btc = "1000", eth = "0" } }, random)
  function here.open() return one.sim:open "/ws/?cf_ws_frame_ping_pong=true" end
  local two = play.new(there, finery_fixture.new {
    role = "taker", market = false, credit = { usd = "100000000", btc = "1000" } }, random)
  two.asked = {}
  function there.open(_, socket) return two.sim:open(play.headers(socket.options.headers)) end
  local s = new_stage()
  play.connect(s, { two, one })
  return one, two, s
end

-- What is done ------------------------------------------------------------------------------------

local function quote_there(two, middle)
  for _, side in ipairs { "buy", "sell" } do
    two.sim:control(("quote?pair=BTC-USD&side=%s&price=%d&qty=0.00%d"):format(side,
      middle + (side == "buy" and -5 or 5), two.random:integer(1, 9)))
  end
end

local actions = {}
function actions.trade(one)
  one.sim:control(("trade?pair=btc_idr&side=%s&price=%d&qty=0.00%d"):format(one:side(),
    HERE + 1000000 * one.random:integer(-6, 6), one.random:integer(1, 5)))
end
function actions.quote(_, two) quote_there(two, THERE + two.random:integer(-20, 20)) end
function actions.drop(one) one:drop() end
function actions.drop_there(_, two) two:drop() end
-- An error that says nothing: the next hedge was executed, or it was not.
function actions.fail(_, two)
  two.sim:control("fail?method=add&code=10&executed=" .. two.random:integer(0, 1))
end
function actions.set_clock(one, two) one:pick({ one, two }):set_clock() end
local NAMES = { "trade", "trade", "trade", "trade", "trade", "trade", "trade", "trade", "quote",
                "quote", "fail", "drop", "drop_there", "set_clock" }

-- What is true ------------------------------------------------------------------------------------

local signs = { buy = decimal "1", sell = decimal "-1" }

-- What the venues executed for us: to be hedged, and as hedges; each net, and all together.
local function executed(one, two)
  local net, all = { decimal "0", decimal "0" }, { decimal "0", decimal "0" }
  local function add(i, order)
    net[i], all[i] = net[i] + signs[order.side] * order.cum_qty, all[i] + order.cum_qty
  end
  for _, orders in pairs(one.sim.member.orders) do
    for _, order in pairs(orders) do add(1, order) end
  end
  for _, placed in ipairs(two.sim.member.placed) do add(2, placed) end
  return net, all
end

local function check(one, two, s)
  local instance, net, all = s.runners.hedge.instance, executed(one, two)
  t.equal(instance:position("BTC/IDR", "idx").qty, net[1], "our position is the venue's")
  t.equal(instance:position("BTC/USD", "fin").qty, net[2], "our hedges are the venue's")
  t.equal(net[1] + net[2], decimal "0", "not hedged")
  t.ok(all[2] <= all[1], ("%s hedged, %s were executed"):format(all[2], all[1]))
  t.ok(one.sim:control("check").ok and two.sim:control("check").ok)
  return all[1]
end

local function run(seed)
  local one, two, s = new_play(seed)
  quote_there(two, THERE)
  s:start()
  one:pass(1, { two })
  t.equal(s.runners.hedge.state, "running", table.concat(s.lines, "\n"))
  one.is_rough, two.is_rough = true, true
  for _ = 1, STEPS do
    actions[one:pick(NAMES)](one, two)
    s:settle()
    one:pass(one.random:integer(1, 20) * TICK, { two })
  end
  one.is_rough, two.is_rough = false, false
  s:shift_clock(-s.clock_shift)
  two.sim.venue.methods.failing = {}
  for _ = 1, QUIET_SECONDS / 10 do
    for _ = 1, 3 do quote_there(two, THERE) end
    one:pass(10, { two })
  end
  return check(one, two, s)
end

t.test("what one venue executes is hedged on the other, once, whatever happens", function()
  local total = decimal "0"
  for i = 1, HISTORIES do
    local ok, result = xpcall(run, debug.traceback, SEED + i)
    if not ok then error(("MW_PROPERTY_SEED=%d: %s"):format(SEED + i - 1, result), 0) end
    total = total + result
  end
  t.ok(not total:is_zero(), "nothing was executed at all")
end)

stage.done()
