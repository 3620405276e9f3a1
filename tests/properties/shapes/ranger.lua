--- Peatio's ranger of 2.3: orders and trades on streams of their own, and REST. It has no id of
--- ours, and fees are told by REST alone.

local peatio = require "moonwire.venues.peatio"
local daemon = require "tests.properties.shapes.peatio"
local venue = require "tests.properties.shapes.venue"

local M = { limits = daemon.limits }
local CONFIG = { protocol = "peatio", dialect = "ranger", rest_url = "https://rest.test",
                 jwt = venue.secret }
local protocol = peatio.for_config(CONFIG)
local decoder = venue.decoder(protocol)

local World = setmetatable({}, daemon.World)
World.__index = World
World.volume_name = "origin_volume"

function M.new(truth)
  return venue.world(World, protocol, truth,
                     { market = daemon.MARKET, config = CONFIG, decoder = decoder })
end

local states = { new = "wait", partially_filled = "wait", filled = "done", canceled = "cancel" }

local function push_order(self, step)
  local truth = self.truth
  self:read(('{"order":{"id":41,"market":"btcusd","side":"%s","ord_type":"limit","price":"%s",'
             .. '"state":"%s","origin_volume":"%s","remaining_volume":"%s","executed_volume":"%s",'
             .. '"at":1790000000}}'):format(
               truth.side, truth.price, states[step.status], truth.qty, truth.qty - step.cum_qty,
               step.cum_qty))
end

local function push_trade(self, step)
  self:read(('{"trade":{"id":%s,"market":"btcusd","price":"%s","amount":"%s","side":"%s",'
             .. '"order_id":41,"taker_type":"buy","created_at":1790000000}}'):format(
               step.trade_id, step.last_price, step.last_qty, self.truth.side))
end

-- A match is told twice: by its trade, and by what it left of the order.
function World:push(i)
  local step = self.truth.steps[i]
  if step.trade_id and math.random() < 0.5 then return push_trade(self, step) end
  push_order(self, step)
end

function World:refuse()
  self:answered(422, '{"errors":["market.account.insufficient_balance"]}')
end

function World.trade_row(_, trade)
  return ('{"id":%s,"price":"%s","amount":"%s","market":"btcusd","created_at":1790000000,'
          .. '"fee_currency":"usd","fee_amount":"0.0"}'):format(
            trade.trade_id, trade.last_price, trade.last_qty)
end

return M
