--- An order of 0.001 BTC at 950000000 IDR on a stage with Indodax, and what the venue says of it.

local stage = require "tests.moonwire.stage"
local mw = require "moonwire"

local M = {}

--- A stage with one order that was sent; its session is up.
function M.play(options)
  options = options or {}
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  S.fills = {}
  function S:on_start() self.order = assert(self:buy { qty = "0.001", price = "950000000" }) end
  function S:on_fill(fill) table.insert(self.fills, tostring(fill.qty)) end
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options):start()
  return s, stage.own(s.runners.one.instance.order), S
end

function M.one_trade(id, qty, price)
  return ('{"tradeId":"%s","orderId":"btcidr-limit-310130","price":"%s","qty":"%s",'
          .. '"commission":"1","commissionAsset":"idr","isMaker":true,"time":1790000000200}')
    :format(id, price, qty)
end

function M.trades(...) return '{"data":[' .. table.concat({ ... }, ",") .. "]}" end

--- A row of openOrders or getOrder for a buy of 0.001 at 950000000.
function M.row(order, left, more)
  return ('{"order_id":"310130","client_order_id":"%s","price":"950000000","type":"buy",'
          .. '"submit_time":"1790000000","order_type":"limit","order_idr":"951000",'
          .. '"remain_idr":"%s"%s}'):format(order.client_order_id, left, more or "")
end

function M.listed(...)
  return '{"success":1,"return":{"orders":{"btc_idr":[' .. table.concat({ ... }, ",") .. "]}}}"
end

function M.single(order, left, status)
  return '{"success":1,"return":{"order":' .. M.row(order, left, ',"status":"' .. status .. '"')
    .. "}}"
end

return M
