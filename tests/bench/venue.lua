--- The bench's venue: Indodax's private frames, with orders over the same connection.

local decimal = require "moonwire.decimal"
local indodax = require "moonwire.venues.indodax"

local M = {
  name = "bench", environments = {}, options = {}, late_arrival = 1,
  capabilities = { client_order_id = true, trade_ids = true },
  limits = {},
}

local market = {
  symbol = "BTC/IDR", id = "btcidr", base = "BTC", quote = "IDR",
  price_step = decimal "1000", qty_step = decimal "0.00000001", names = { "btcidr" },
}

function M.fetch_markets() return { market, [market.symbol] = market } end
function M.fetch_open_orders() return {} end
function M.fetch_fills() return {} end
function M.fetch_balances() return {} end

-- The server keeps orders as long as their connection and answers no question: what is not there
-- any more has ended.
function M.fetch_order() return nil, "not_found" end
function M.not_found_means() return "canceled" end
function M.check_order() return true end

function M.submit(s, order)
  return { text = '{"id":' .. s.private:request_id() .. ',"method":"order.new","params":{'
    .. '"client_order_id":"' .. order.client_order_id .. '","symbol":"' .. market.id
    .. '","side":"' .. order.side .. '","type":"' .. order.type
    .. '","price":"' .. decimal.text(order.price) .. '","qty":"' .. decimal.text(order.qty)
    .. '"}}' }
end

M.private = {
  paths = indodax.private.paths, read = indodax.private.read, silence = 60,
  close_class = function() return "retry" end,
}

function M.private.logon(link)
  local ok, err, class = link.session:before_logon()
  if not ok then return nil, err, class end
  return link:open(link.session.config.private_url)
end

return M
