--- Peatio's daemon: trades with the receiver's order in them, which may have gone on meanwhile, and
--- REST. That an order was taken or canceled no message tells; it has no id of ours.

local peatio = require "moonwire.venues.peatio"
local truth_module = require "tests.properties.truth"
local venue = require "tests.properties.shapes.venue"

local M = { limits = { no_expiry = true } }
local MARKET = { symbol = "BTC/USD", id = "btcusd", base = "BTC", quote = "USD",
                 names = { "btcusd" } }
M.MARKET = MARKET
M.CONFIG = { protocol = "peatio", dialect = "daemon", rest_url = "https://rest.test",
             jwt = venue.secret }
local CREATED = "2026-09-21T14:13:20Z"                       -- venue.NOW
local protocol = peatio.for_config(M.CONFIG)
local decoder = venue.decoder(protocol)

M.World = venue.class()
local World = M.World

function M.new(truth)
  return venue.world(World, protocol, truth,
                     { market = MARKET, config = M.CONFIG, decoder = decoder })
end

local states = { open = "wait", filled = "done", canceled = "cancel" }

-- The members of an order (4.2) after so many steps.
local function order_members(self, upto)
  local truth, executed = self.truth, self:executed(upto)
  return ('"id":41,"side":"%s","ord_type":"limit","price":"%s","avg_price":"0.0","state":"%s",'
          .. '"market":"btcusd","created_at":"%s","%s":"%s","remaining_volume":"%s",'
          .. '"executed_volume":"%s"'):format(
            truth.side, truth.price, states[self:state(upto)], CREATED,
            self.volume_name or "volume", truth.qty, truth.qty - executed, executed)
end

--- The message on a trade, with the order as it stood at that moment or later.
function World:push(i)
  local truth = self.truth
  local step = truth.steps[i]
  if not step.trade_id then return end
  local side = truth.side == "sell" and "ask" or "bid"
  self:read(('{"trade":{"id":%s,"price":"%s","volume":"%s","market":"btcusd","created_at":"%s",'
             .. '"side":"%s","%s":{%s}}}'):format(
               step.trade_id, step.last_price, step.last_qty, CREATED, side, side,
               order_members(self, math.random(i, #truth.steps))))
end

-- A `wait` that the answer told, whatever was matched: the row was written, no more.
function World:accept() self:answered(201, "{" .. order_members(self, 1) .. "}") end
function World:refuse() self:answered(422, '{"error":{"code":2005,"message":"not enough"}}') end

function World.trade_row(_, trade)
  return ('{"id":%s,"price":"%s","volume":"%s","market":"btcusd","created_at":"%s"}'):format(
    trade.trade_id, trade.last_price, trade.last_qty, CREATED)
end

--- The order by its id, or the list of a state.
function World:answer(request, upto)
  local is_there = self:state(upto) ~= nil
  local wanted = request.url:match "state=(%a+)"
  if wanted then
    local is_in = is_there and states[self:state(upto)] == wanted
    return 200, is_in and "[{" .. order_members(self, upto) .. "}]" or "[]"
  end
  if not is_there then return 404, '{"error":{"code":2004,"message":"no such order"}}' end
  return 200, ('{%s,"trades":%s}'):format(order_members(self, upto),
                                          self:trade_rows(upto, self.trade_row))
end

--- Trades so far, for the shape of another dialect.
M.trades_upto = truth_module.trades_upto

return M
