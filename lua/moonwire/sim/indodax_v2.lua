--- Trade API 2 of the simulated Indodax: the histories, in both generations (page section 7).

local Auth = require "moonwire.sim.indodax_auth"
local wire = require "moonwire.sim.wire"

local text, object = wire.text, wire.object
local DAY_MS = 86400000

-- What goes wrong: HTTP status, code and text of either generation.
local problems = {
  jan = {
    no_key = { 400, 1102, "API key not found in header." },
    no_sign = { 400, 1101, "Sign not found." },
    credentials = { 401, 1001, "Invalid credentials." },
    sign = { 401, 1001, "Invalid credentials." },
    version = { 401, 1001, "Invalid credentials." }, permission = { 403, 1106, "No permission." },
    locked = { 403, 1104, "Account is locked." }, disabled = { 403, 1105, "Account is disabled." },
    timestamp = { 400, 1002, "Invalid timestamp." }, nonce = { 400, 1003, "Invalid nonce." },
    missing = { 400, 1108, "Mandatory parameter is missing." },
    value = { 400, 1109, "Invalid parameter value." },
    symbol = { 400, 1110, "Invalid symbol." }, method = { 405, 1111, "Method not allowed." },
    no_order = { 404, 1112, "Order does not exist." },
    resource = { 404, 1113, "Resource not found." },
    rate = { 429, 1000, "Too many requests." },
  },
  mid = {
    no_key = { 400, -2014, "API key not found." }, no_sign = { 400, -1022, "Signature not found." },
    credentials = { 401, -1002, "Invalid credentials." },
    sign = { 400, -1022, "Invalid signature." },
    version = { 403, -2015, "Invalid TAPI version key" },
    permission = { 403, -2015, "No permission." },
    locked = { 403, -2015, "Account is locked." },
    disabled = { 403, -2015, "Account is disabled." },
    timestamp = { 400, -1021, "Timestamp outside of recvWindow." },
    nonce = { 400, -1022, "Invalid nonce." },
    missing = { 400, -1102, "Mandatory parameter was not sent." },
    value = { 400, -1130, "Invalid parameter value." },
    symbol = { 400, -1121, "Invalid symbol." }, method = { 405, -1000, "Method not allowed." },
    no_order = { 404, -2013, "Order does not exist." },
    resource = { 404, -1099, "Resource not found." },
    rate = { 429, -1003, "Too many requests." },
  },
}

---@class moonwire.sim.IndodaxV2
local V2 = { __name = "moonwire.sim.IndodaxV2" }
V2.__index = V2

--- `options`: desk, auth, settings.
function V2.new(options)
  return setmetatable({ desk = options.desk, auth = options.auth, settings = options.settings,
                        limits = {} }, V2)
end

local function refuse(self, name)
  local generation = self.settings.history_api
  local problem = problems[generation][name]
  return problem[1], object("code", problem[2], generation == "jan" and "error" or "msg",
                            text(problem[3]))
end

-- The member and the fields, or nil and what is wrong.
local function authorise(self, headers, query, body, now)
  local is_mid = self.settings.history_api == "mid"
  local message, fields = Auth.signed_text(query, headers, body)
  local key, sign = headers["x-apikey"] or "", headers.sign
  if is_mid and not sign and fields.signature then
    sign = fields.signature
    message = message:gsub("&?signature=[^&]*", "")
  end
  if key == "" then return nil, "no_key" end
  if (sign or "") == "" then return nil, "no_sign" end
  local entry = self.auth.keys[key]
  if not entry then return nil, "credentials" end
  if (entry.kind == "v2") ~= is_mid then return nil, "version" end
  if not self.auth:verify(entry, is_mid and "sha256" or "sha512", message, sign) then
    return nil, "sign"
  end
  local stale, code = Auth.stale(entry, fields, now)
  if stale then return nil, code == "invalid_nonce" and "nonce" or "timestamp" end
  local member = entry.member
  if member.state ~= "open" then return nil, member.state end
  if member.permission == "none" then return nil, "permission" end
  return member, fields
end

local function whole(value)
  return value and value:find("^%d+$") and tonumber(value) or nil
end

-- symbol, range (default 24 h, at most 7 days), limit 10..1000, sort.
local function read_query(self, fields, default_limit, now)
  if not fields.symbol then return nil, "missing" end
  local pair = self.desk.by_id[fields.symbol:lower()] or self.desk.by_symbol[fields.symbol:upper()]
  if not pair then return nil, "symbol" end
  local limit = fields.limit and whole(fields.limit) or not fields.limit and default_limit
  local sort = (fields.sort or "desc"):lower()
  local stop = fields.endTime and whole(fields.endTime) or not fields.endTime and now
  local start = fields.startTime and whole(fields.startTime)
                or not fields.startTime and stop and stop - DAY_MS
  if not limit or limit < 10 or limit > 1000 or (sort ~= "asc" and sort ~= "desc")
     or not start or not stop or stop < start or stop - start > 7 * DAY_MS then
    return nil, "value"
  end
  return { pair = pair, limit = limit, is_ascending = sort == "asc", start = start, stop = stop }
end

-- Rows of a list in time order that lie in the range: newest first up to the limit.
local function page(list, query, time_of, render)
  local rows = {}
  local first, last, step = #list, 1, -1
  if query.is_ascending then first, last, step = 1, #list, 1 end
  for i = first, last, step do
    local time = time_of(list[i])
    if #rows >= query.limit or (not query.is_ascending and time < query.start) then break end
    if time >= query.start and time <= query.stop then rows[#rows + 1] = render(list[i]) end
  end
  return object("data", wire.list(rows))
end

local function order_row(order)
  return object(
    "orderId", text(order.full_id), "clientOrderId", text(order.client_order_id),
    "symbol", text(order.pair.id), "side", text(order.side:upper()),
    "type", text(order.type_name:upper()),
    "status", text(order.status == "canceled" and "CANCELLED" or order.status:upper()),
    "price", text(order.text_price), "oriQty", text(tostring(order.qty or order.guess_qty or "0")),
    "executedQty", text(tostring(order.cum_qty)), "submitTime", order.created_at,
    "finishTime", order.finished_at,
    "cancelReason", order.is_self_trade and text "SELF_TRADE_PREVENTION" or nil)
end

local function trade_row(row)
  local order = row.order
  return object(
    "tradeId", text(row.id), "orderId", text(order.full_id),
    "clientOrderId", text(order.client_order_id),
    "symbol", text(order.pair.id), "price", text(tostring(row.price)),
    "qty", text(tostring(row.qty)),
    "quoteQty", text(tostring(row.value)), "commission", text(tostring(row.commission)),
    "commissionAsset", text(order.pair.quote), "isBuyer", order.side == "buy",
    "isMaker", row.liquidity == "maker", "time", row.time)
end

local routes = {}

routes["/api/v2/order/histories"] = function(self, member, fields, now)
  local query, problem = read_query(self, fields, 100, now)
  if not query then return nil, problem end
  return page(member.finished[query.pair.id], query, function(o) return o.finished_at end,
              order_row)
end

routes["/api/v2/myTrades"] = function(self, member, fields, now)
  local query, problem = read_query(self, fields, 500, now)
  if not query then return nil, problem end
  local list = member.trades[query.pair.id]
  local name = fields.orderId or fields.clientOrderId
  if name then                                       -- a question for one order has no range
    local order
    if fields.orderId then
      order = self.desk:find(member, query.pair, fields.orderId:match("(%d+)$") or "", now)
    else
      order = self.desk:find_by_client_id(member, fields.clientOrderId, now)
    end
    list = order and order.symbol == query.pair.id and order.trade_rows or {}
    query.start, query.stop = 0, math.huge
  end
  return page(list, query, function(row) return row.time end, trade_row)
end

--- Answers /api/v2/...: status and body. `now`: the venue's ms; `real_now`: of the rate limit.
function V2:answer(method, path, query, headers, body, now, real_now)
  local route = routes[path]
  if not route then return refuse(self, "resource") end
  if method ~= "GET" then return refuse(self, "method") end
  self.limits[path] = self.limits[path] or wire.window(300, 60000)
  if self.settings.rate_limits and not self.limits[path](real_now) then
    return refuse(self, "rate")
  end
  local member, fields = authorise(self, headers, query, body, now)
  if not member then return refuse(self, fields) end
  local answer, problem = route(self, member, fields, now)
  if not answer then return refuse(self, problem) end
  return 200, answer
end

return V2
