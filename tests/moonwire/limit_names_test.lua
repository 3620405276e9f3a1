-- Limits that name an asset which no market has: they guard nothing, and that is said.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local limit_names = require "moonwire.limit_names"
local indodax = require "moonwire.venues.indodax"

local FIVE = decimal "5"

local function warned(s)
  local lines = {}
  for i, line in ipairs(s:logged "limits nothing") do lines[i] = line:match "warn (.*)$" end
  return table.concat(lines, "\n")
end

t.test("a limit of an asset that no market has is told, with the name that was meant", function()
  local s = stage.new { risk = {
    max_order_notional = { IDR = FIVE, IRD = FIVE, BTC = FIVE }, max_order_qty = { btc = FIVE },
    max_position = { BTC = FIVE, XLM = FIVE },
  } }
  s.desk.config.console = { confirm_notional = { idr = FIVE } }
  s:start()
  t.equal(warned(s), table.concat({
    "risk.max_order_notional.BTC limits nothing: no market is quoted in BTC; "
      .. "mend its name in the configuration",
    "risk.max_order_notional.IRD limits nothing: no market is quoted in IRD; did you mean IDR?",
    "risk.max_order_qty.btc limits nothing: no market trades btc; did you mean BTC?",
    "risk.max_position.XLM limits nothing: no market trades XLM; "
      .. "mend its name in the configuration",
    "console.confirm_notional.idr limits nothing: no market is quoted in idr; did you mean IDR?",
  }, "\n"))
end)

t.test("each is told once, and one that comes with a change of the configuration as well",
function()
  local s = stage.new { risk = { max_position = { BCT = FIVE } } }
  s:start()
  limit_names.look(s.desk)
  t.equal(#s:logged "limits nothing", 1)
  s.desk.config.risk = { max_position = { BCT = FIVE, TBC = FIVE } }
  limit_names.look(s.desk)
  t.equal(#s:logged "limits nothing", 2)
end)

t.test("nothing is said before each venue has told its markets", function()
  local s = stage.new { risk = { max_position = { BCT = FIVE } },
                        venues = { two = { protocol = indodax } } }
  local two = s.desk.sessions.two
  s:start()
  t.equal(#s:logged "limits nothing", 1)
  local markets = two.markets
  two.markets, s.desk.idle_limits = nil, nil
  limit_names.look(s.desk)
  t.equal(#s:logged "limits nothing", 1)
  two.markets = markets
  limit_names.look(s.desk)
  t.equal(#s:logged "limits nothing", 2)
end)

stage.done()
