--- Indodax: order_update events, TAPI's answers, myTrades. An event tells the order's price, not
--- the trade's: what a taker paid is only known when asked.

local decimal = require "moonwire.decimal"
local indodax = require "moonwire.venues.indodax"
local venue = require "tests.properties.shapes.venue"

local M = { limits = { no_expiry = true } }
local MARKET = { symbol = "BTC/IDR", id = "btcidr", pair = "btc_idr", base_name = "btc",
                 quote_name = "idr", names = { "btcidr", "btc_idr" } }
local CONFIG = { rest_url = "https://rest.test", key = "key", secret = venue.secret }
local FEE_RESERVE = decimal "1.003"    -- a buy counts in quote, this included

local World = venue.class()
local decoder = venue.decoder(indodax)

function M.new(truth)
  return venue.world(World, indodax, truth,
                     { market = MARKET, config = CONFIG, decoder = decoder })
end

local statuses = { new = "NEW", partially_filled = "FILL", filled = "DONE", canceled = "CANCELLED" }

function World:push(i, is_provisional)
  local truth = self.truth
  local step, fill = truth.steps[i], ""
  if step.trade_id then
    local is_taker = is_provisional or step.last_price ~= truth.price
    fill = (',"tradeId":"%s","fillInformation":{"participant":"%s","filledQty":"%s","qty":"%s",'
            .. '"feeAsset":"idr","fee":"0"}'):format(
              step.trade_id, is_taker and "TAKER" or "MAKER", step.cum_qty, step.last_qty)
  end
  self:read(('{"push":{"channel":"pws:#1","pub":{"data":[{"eventType":"order_update","order":{'
             .. '"orderId":"btcidr-limit-31","symbol":"btcidr","side":"%s","origQty":"%s",'
             .. '"unfilledQty":"%s","executedQty":"%s","price":"%s","status":"%s",'
             .. '"transactionTime":1790000000131,"clientOrderId":"7001"%s}}]}}}'):format(
               truth.side:upper(), truth.qty, truth.qty - step.cum_qty, step.cum_qty, truth.price,
               statuses[step.status], fill))
end

function World:accept()
  self:answered(200, '{"success":1,"return":{"order_id":31,"client_order_id":"7001"}}')
end

function World:refuse()
  self:answered(200, '{"success":0,"error":"Insufficient balance.","error_code":""}')
end

local function trade_row(_, trade)
  return ('{"tradeId":"%s","orderId":"btcidr-limit-31","price":"%s","qty":"%s","quoteQty":"%s",'
          .. '"commission":"0","commissionAsset":"idr","isMaker":true,"time":1790000000131}')
    :format(trade.trade_id, trade.last_price, trade.last_qty, trade.last_price * trade.last_qty)
end

local tapi_status = { open = "open", filled = "filled", canceled = "cancelled" }

local function order_row(self, upto)
  local truth, left = self.truth, self.truth.qty - self:executed(upto)
  local amounts = ('"order_btc":"%s","remain_btc":"%s"'):format(truth.qty, left)
  if truth.side == "buy" then
    local unit = truth.price * FEE_RESERVE
    amounts = ('"order_rp":"%s","remain_rp":"%s"'):format(truth.qty * unit, left * unit)
  end
  return ('{"success":1,"return":{"order":{"order_id":"31","client_order_id":"7001","price":"%s",'
          .. '"type":"%s","order_type":"limit","submit_time":"1790000000","status":"%s",%s}}}')
    :format(truth.price, truth.side, tapi_status[self:state(upto)], amounts)
end

function World:answer(request, upto)
  if request.url:find("myTrades", 1, true) then
    return 200, '{"data":' .. self:trade_rows(upto, trade_row) .. "}"
  end
  if not self:state(upto) then return 200, '{"success":0,"error":"Order not found"}' end
  return 200, order_row(self, upto)
end

return M
