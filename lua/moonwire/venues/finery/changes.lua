--- Finery Markets: changing orders that rest (mod, delAll), and orders that a change does not find.
--- Source: the venue's REST API, mod, delAll, and its List of Error Codes.

local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local private = require "moonwire.venues.finery.private"
local wire = require "moonwire.venues.finery.wire"

local M = {}
local slots = private.slots
local DEL_ALL_SECONDS = 2             -- then what is open is asked for

--- The venue does not find an order that it has shown.
function M.note_gone(s, order)
  s.memory.gone = s.memory.gone or setmetatable({}, { __mode = "k" })
  s.memory.gone[order] = order.order_id
end

--- Whether a cancel or a change of the order as it is now did not find it.
function M.is_gone(s, order)
  return order._was_seen and s.memory.gone ~= nil and s.memory.gone[order] == order.order_id
end

--- Replaces an order that rests (mod): the venue makes a new one of it, and counts what the old one
--- executed into `size`. The request has no `cod`: the new one outlives the connection.
function M.replace(s, order, change)
  local id = s.private:request_id()
  local content = ('{"orderId":%s,"price":%s,"size":%s,"clientOrderId":%s}'):format(order.order_id,
    wire.units(change.price), wire.units(change.qty), change.client_order_id)
  return { id = id, text = wire.text(id, "mod", content),
           timeout = math.max(2, s.config.request_timeout) }
end

-- Plain errors of mod: the old order is as it was, or had ended before.
local function read_replace_refusal(s, order, code, param)
  local reason, class = wire.explain(code, param)
  if class == "unknown" or class == "exists" then return nil, reason end
  if class == "gone" then M.note_gone(s, order) end
  if class == "permanent" then dispatch.defer(s.private, "lost", reason, "permanent") end
  return { status = "replace_refused", reason = reason, needs_asking = true }
end

-- An error inside of the reply: the old order was removed, and there is no new one.
local function read_replace_failure(order, answer, code, param)
  local reason, class = wire.explain(code, param)
  if class == "unknown" then return nil, reason end
  local left_of_old = answer.origRemainingSize and wire.amount(answer.origRemainingSize)
  return { status = "replace_failed", reason = reason,
           cum_qty = left_of_old and order.qty - left_of_old or nil }
end

local function answered_status(remaining, deal_count, why)
  if remaining:sign() == 0 then return "filled" end
  if why ~= 0 then return "canceled", private.cancel_reasons[why] end
  return deal_count > 0 and "partially_filled" or "new"
end

local function answered_deal(order_id, deal)
  return { order_id = order_id, trade_id = wire.id(deal.id), last_qty = wire.amount(deal.size),
           last_price = wire.amount(deal.price), liquidity = "taker", fees = {},
           time = dispatch.now() }
end

function M.replace_answer(s, order, _, body)
  local head = body.head
  local code = decode.integer(head[slots.error]) or 0
  if code ~= 0 then return read_replace_refusal(s, order, code, decode.text(head[slots.param])) end
  local answer = json.decode(decode.text(head[slots.reply]) or "")
  if type(answer) ~= "table" then return nil, "an answer without a reply" end
  local failed, param = wire.error_in(answer)
  if failed then return read_replace_failure(order, answer, failed, param) end
  local size, remaining = wire.amount(answer.initialSize), wire.amount(answer.remainingSize)
  local deals, fills = answer.deals or {}, {}
  for i, deal in ipairs(deals) do fills[i] = answered_deal(wire.id(answer.id), deal) end
  local status, reason = answered_status(remaining, #deals, tonumber(answer.cancelReason) or 0)
  return { order_id = wire.id(answer.id) or error("a reply without id", 0), qty = size,
           cum_qty = size - remaining, status = status, reason = reason, fills = fills }
end

--- Ends all that the account has open (delAll), in one instrument or in all; over REST while the
--- private connection is down. The answer only counts them.
---@param symbol string|nil
function M.cancel_all(s, symbol)
  local content = symbol and ('{"instrument":%s}'):format(json.encode(s.markets[symbol].name))
    or "{}"
  if s.private.state ~= "live" then
    local request = wire.rest(s, "delAll", content)
    request.timeout = DEL_ALL_SECONDS
    return request
  end
  local id = s.private:request_id()
  return { id = id, text = wire.text(id, "delAll", content), timeout = DEL_ALL_SECONDS }
end

-- false: nothing was canceled; nil: that cannot be told.
local function refusal_of_all(class)
  if class == "unknown" then return nil end
  return false
end

function M.cancel_all_answer(s, _, status, body)
  if type(body) == "string" then
    local answer, reason, class = wire.read_rest(s, status, body)
    return answer and true or refusal_of_all(class), reason
  end
  local code = private.error_of(body.head)
  if not code then return true end
  local reason, class = wire.explain(code, decode.text(body.head[slots.param]))
  return refusal_of_all(class), reason
end

return M
