-- What an order would pay: by the venue's rates and by own fills.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local fee_estimate = require "moonwire.fee_estimate"
local finery = require "moonwire.venues.finery"
local indodax = require "moonwire.venues.indodax"
local peatio = require "moonwire.venues.peatio"

local market = { base = "BTC", quote = "IDR", maker_fee = decimal "0.001",
                 taker_fee = decimal "0.002", buy_fee = decimal "0.0015",
                 sell_fee = decimal "0.0025" }

local function draft(fields)
  local of = { venue = "v", symbol = "BTC/IDR", side = "buy", type = "limit", time_in_force = "gtc",
               price = decimal "1000", qty = decimal "2" }
  for name, value in pairs(fields or {}) do of[name] = value or nil end
  return of
end

local function estimate(protocol, fields, options)
  options = options or {}
  return fee_estimate.of({ protocol = protocol, config = options.config or {} }, market,
    draft(fields), decimal(options.notional or "2000"), options.mid and decimal(options.mid),
    options.fills or {})
end

local function is(fee, from, expected, why)
  t.equal(fee, expected)
  t.ok(from:find(why, 1, true), from)
end

t.test("who is sure to rest pays as maker, who is not as taker", function()
  local function shows(fields, mid, expected, why)
    local fee, from = estimate(indodax, fields, { mid = mid })
    is(fee, from, expected, why)
  end
  shows({ time_in_force = "post_only" }, nil, "2 IDR", "0.1% as maker")
  shows({ type = "market", price = false }, "1000", "4 IDR", "0.2% as taker")
  shows({}, nil, "4 IDR", "0.2% as taker")
  shows({}, "1001", "2 IDR", "0.1% as maker")
  shows({}, "1000", "4 IDR", "0.2% as taker")
  shows({ side = "sell" }, "1001", "4 IDR", "0.2% as taker")
  shows({ side = "sell" }, "999", "2 IDR", "0.1% as maker")
  shows({ time_in_force = "ioc" }, "1001", "4 IDR", "clearing and tax come on top")
end)

t.test("peatio takes its fee from what comes in", function()
  local dialect = peatio.for_config { dialect = "ranger" }
  is(estimate(dialect, {}), "", "0.003 BTC", "")
  is(estimate(dialect, { side = "sell" }), "", "5 IDR", "")
  t.equal(estimate(dialect, { type = "market", price = false, qty = false }), "unknown",
    "how much comes in is not known")
end)

t.test("a taker on finery pays none, of a maker nobody tells", function()
  is(estimate(finery, {}, { config = { role = "taker" } }), "", "0 IDR", "")
  local fee, from = estimate(finery, {}, { config = { role = "maker" } })
  is(fee, from, "unknown", "the venue does not tell, and there is no own fill")
end)

t.test("what own fills were charged is told in proportion", function()
  local function fill(fields)
    local of = { venue = "v", symbol = "BTC/IDR", side = "buy", price = decimal "500",
                 qty = decimal "1", liquidity = "taker",
                 fees = { { asset = "IDR", amount = decimal "1.5" },
                          { asset = "PTS", amount = decimal "-0.25" } } }
    for name, value in pairs(fields or {}) do of[name] = value end
    return of
  end
  local silent = {}                                 -- a venue that tells nothing
  local fee, from, seen = estimate(silent, {}, { fills = { fill() } })
  is(fee, from, "6 IDR, -1 PTS", "the last fill as taker")
  t.equal(seen, nil)
  local others = { fill { side = "sell" }, fill { venue = "w" }, fill { symbol = "ETH/IDR" },
                   fill { fees = {} } }
  fee = estimate(silent, {}, { fills = others })
  t.equal(fee, "unknown")
  local old = fill { fees = { { asset = "IDR", amount = decimal "9" } } }
  fee, from, seen = estimate(indodax, {}, { fills = { old, fill(), unpack(others) } })
  is(fee, from, "4 IDR", "the venue's rate")
  t.equal(seen, "6 IDR, -1 PTS by the last fill as taker")
end)

t.test("without a price there is no fee", function()
  local fee, from = fee_estimate.of({ protocol = indodax }, market, draft(), nil, nil, {})
  is(fee, from, "unknown", "no price is known")
end)

t.done()
