--- Finery Markets, as a maker: replies with deals, rows of feed O, positions and dealHistory. The
--- venue keeps no orders that have ended: of one without deals nothing is left.

local finery = require "moonwire.venues.finery"
local truth_module = require "tests.properties.truth"
local venue = require "tests.properties.shapes.venue"
local wire = require "moonwire.venues.finery.wire"

local M = { limits = { no_expiry = true } }
local MARKET = { symbol = "BTC/USD", name = "BTC-USD", names = { "BTC-USD" } }
local CONFIG = { rest_url = "https://rest.test", key = "key", secret = venue.secret,
                 role = "maker", request_timeout = 10 }
local ID = "48221600011"
local sides = { buy = 0, sell = 1 }
local units = wire.units

local World = venue.class()
local decoder = venue.decoder(finery)

function M.new(truth)
  local world = venue.world(World, finery, truth,
                            { market = MARKET, config = CONFIG, decoder = decoder })
  -- What is not found may have rested, and have ended with the connection.
  if not truth.trades[1] and truth.status ~= "new" then world.also = "canceled" end
  return world
end

-- Elements 0 to 9 of an order's or a deal's row.
local function head_of(self, why, left)
  local truth = self.truth
  return ('"BTC-USD",0,%d,%d,%s,7001,%s,%s,%s,1790000000000'):format(
    sides[truth.side], why, ID, units(truth.price), units(truth.qty), units(left))
end

local function deal_row(self, trade, i)
  local left = self.truth.qty
  for n = 1, i do left = left - self.truth.trades[n].last_qty end
  return ('[%s,1790000000131,%s,%d,%s,%s,%s,0,42,0]'):format(
    head_of(self, 0, left), trade.trade_id, 1 - sides[self.truth.side], units(trade.last_price),
    units(trade.last_qty), units((trade.last_price * trade.last_qty):round("0.00000001", "down")))
end

function World:push(i)
  local truth = self.truth
  local step = truth.steps[i]
  if step.trade_id then
    local number = truth_module.trades_upto(truth, i)
    return self:read('["O",0,"D",' .. deal_row(self, truth.trades[number], number) .. "]")
  end
  local action, why = "-", step.status == "canceled" and 1 or 0
  if step.status == "new" then action = "+" end
  self:read(('["O",0,"%s",[%s,0]]'):format(action, head_of(self, why, truth.qty - step.cum_qty)))
end

local function reply_deal(_, trade)
  return ('{"id":%s,"price":%s,"size":%s,"volume":1,"delta":0,"counterpartyId":42}'):format(
    trade.trade_id, units(trade.last_price), units(trade.last_qty))
end

-- The reply tells what it traded with at once; what became of it later is told on feed O.
function World:accept(upto)
  while not (self.truth.steps[upto].trade_id or upto == 1) do upto = upto - 1 end
  assert(self.decoder:read(('{"event":"request","reqId":41,"reply":{"id":%s,"clientOrderId":7001,'
    .. '"remainingSize":%s,"deals":%s}}'):format(ID, units(self.truth.qty - self:executed(upto)),
                                                 self:trade_rows(upto, reply_deal))))
  self:answered(200, self.decoder)
end

function World:refuse()
  assert(self.decoder:read '{"event":"request","reqId":41,"error":75}')
  self:answered(200, self.decoder)
end

local function newest_deal_row(self, trade)
  return deal_row(self, trade, tonumber(trade.trade_id) - 9000)
end

function World:answer(request, upto)
  if request.url:find("/positions", 1, true) then
    local is_open = self:state(upto) == "open"
    return 200, ("[1,[],[%s],[]]"):format(is_open and ("[%s,0]"):format(
      head_of(self, 0, self.truth.qty - self:executed(upto))) or "")
  end
  return 200, self:trade_rows(upto, newest_deal_row, true)
end

return M
