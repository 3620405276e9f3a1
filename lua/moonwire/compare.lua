--- Own orders, fills and balances against the venue's: one venue, in a task. Nothing is changed;
--- what differs is named. It may run while a runtime trades: an order that differs is looked at
--- again a little later, so that what was under way is no difference.

local balances_module = require "moonwire.balances"
local decimal = require "moonwire.decimal"
local order_fills = require "moonwire.order_fills"
local order_module = require "moonwire.order"
local restore = require "moonwire.restore"
local task = require "moonwire.task"

local Comparison = { __name = "moonwire.Comparison" }
Comparison.__index = Comparison

local M = {}
local LOOK_AGAIN_SECONDS = 2
local MANY_ORDERS = 100                -- whose comparison takes some time
-- Seconds between questions about an order that had no answer: venues count their limits by the
-- minute, and a run or an audit before may have used this one up.
local PAUSES = { 1, 4, 15, 30, 30 }

---@class moonwire.Difference
---@field venue string
---@field kind string             open_here, open_there, unknown_here, fill_missing_here,
---                              fill_unknown_there, fill_differs, fill_estimated, cum_qty,
---                              unreadable
---@field client_order_id string|nil
---@field order_id string|nil
---@field strategy string|nil
---@field symbol string|nil
---@field report moonwire.Report|nil  of unknown_here
---@field text string             for people: "open here (new), filled there"

--- @param session table   of the venue; it need not be connected
--- @param archive table   of the journal
--- @param since number    seconds since 1970: orders that changed since then are compared
function M.new(session, archive, since)
  return setmetatable({
    session = session, archive = archive, since = since, orders = 0, fills = 0, external = 0,
    differences = {}, balances = {}, listed = {}, reports = {},
  }, Comparison)
end

local function key_of(order) return order.client_order_id or "#" .. tostring(order.order_id) end

-- One order ---------------------------------------------------------------------------------------

local function differ(list, self, order, kind, text, ...)
  list[#list + 1] = {
    venue = self.session.name, kind = kind, client_order_id = order.client_order_id,
    order_id = order.order_id, strategy = order.strategy, symbol = order.symbol,
    text = text:format(...),
  }
end

-- The status that the venue has: of its list of open orders, else it is asked.
local function compare_status(self, found, archived, order)
  local listed = self.listed[key_of(order)] or self.listed["#" .. tostring(order.order_id)]
  local is_open_here = not order_module.terminal[archived.status]
  if listed and not is_open_here then
    differ(found, self, order, "open_there", "%s here, open there", archived.status)
  end
  if listed or not is_open_here then return true end
  local report, err = self.session.protocol.fetch_order(self.session, order)
  if not report and err ~= "not_found" then return nil, err end
  local status = report and report.status or "not found"
  differ(found, self, order, "open_here", "open here (%s), %s there", archived.status,
         status == "working" and "open" or status)
  return true
end

local function by_trade_id(fills)
  local all = {}
  for _, fill in ipairs(fills) do
    if fill.trade_id then all[tostring(fill.trade_id)] = fill end
  end
  return all
end

local function trade_text(id, qty, price) return ("trade %s: %s at %s"):format(id, qty, price) end

local function compare_fills(self, found, archived, order)
  local reports, err = order_fills.fetch(self.session, order)
  if not reports then return nil, "fills: " .. tostring(err) end
  local here, there, total = by_trade_id(archived.fills), {}, decimal.ZERO
  for _, report in ipairs(reports) do
    local id = tostring(report.trade_id)
    local own = here[id]
    there[id], total = true, total + report.last_qty
    if not own then
      differ(found, self, order, "fill_missing_here", "missing here: %s",
             trade_text(id, report.last_qty, report.last_price))
    elseif own.qty ~= report.last_qty or own.price ~= report.last_price then
      differ(found, self, order, "fill_differs", "%s here, %s at %s there",
             trade_text(id, own.qty, own.price), report.last_qty, report.last_price)
    end
  end
  for _, fill in ipairs(archived.fills) do
    if not fill.trade_id then
      differ(found, self, order, "fill_estimated", "%s at %s was booked here on a total alone",
             fill.qty, fill.price)
    elseif not there[tostring(fill.trade_id)] then
      differ(found, self, order, "fill_unknown_there", "not known there: %s",
             trade_text(fill.trade_id, fill.qty, fill.price))
    end
  end
  if order.cum_qty ~= total then
    differ(found, self, order, "cum_qty", "cum_qty %s here, %s there", order.cum_qty, total)
  end
  return true
end

-- What differs of one order; nil, err when the venue could not be asked.
local function compare_order(self, archived)
  local found, ok, order = {}, pcall(restore.order, archived)
  if not ok then
    differ(found, self, archived, "unreadable", "its fills here make no sense: %s", order)
    return found
  end
  local err
  ok, err = compare_status(self, found, archived, order)
  if ok then ok, err = compare_fills(self, found, archived, order) end
  if not ok then return nil, ("order %s: %s"):format(key_of(archived), err) end
  return found
end

-- The same; a question that had no answer is asked again, and what was compared before is not lost.
local function compare_patiently(self, archived)
  local found, err = compare_order(self, archived)
  for _, seconds in ipairs(PAUSES) do
    if found then return found end
    self.session.log.info("%s; asking again in %d s", err, seconds)
    task.sleep(seconds)
    found, err = compare_order(self, archived)
  end
  return found, err
end

-- All orders --------------------------------------------------------------------------------------

local function read_list(self)
  local session = self.session
  local reports, err = session.protocol.fetch_open_orders(session)
  if not reports then return nil, "open orders: " .. tostring(err) end
  self.listed, self.reports = {}, reports
  for _, report in ipairs(reports) do
    self.listed[key_of(report)] = report
    if report.order_id then self.listed["#" .. report.order_id] = report end
  end
  return true
end

-- Own orders that are open here or there, or changed since.
local function own_orders(self)
  local list, seen = {}, {}
  local function add(order)
    if not order or order.external or order.venue ~= self.session.name or seen[key_of(order)] then
      return
    end
    seen[key_of(order)], list[#list + 1] = true, order
  end
  for _, order in ipairs(self.archive:open_orders()) do add(order) end
  for _, order in ipairs(self.archive:recent_orders(self.since)) do add(order) end
  for _, report in ipairs(self.reports) do
    add(self.archive:order(self.session.name, report.client_order_id, report.order_id))
  end
  return list
end

-- What differs of these orders, and which do; nil, err when the venue could not be asked.
local function compare_each(self, orders)
  local found, suspects = {}, {}
  for _, archived in ipairs(orders) do
    local differences, err = compare_patiently(self, archived)
    if not differences then return nil, err end
    if #differences > 0 then suspects[#suspects + 1] = archived end
    for _, difference in ipairs(differences) do found[#found + 1] = difference end
  end
  return found, suspects
end

-- Open orders there that the journal does not know: ours, and how many of somebody else.
local function compare_listed(self, found)
  self.external = 0
  for _, report in ipairs(self.reports) do
    local is_ours = self.session.orders:is_ours(report.client_order_id)
    local archived = self.archive:order(self.session.name, report.client_order_id, report.order_id)
    if is_ours and not archived then
      differ(found, self, report, "unknown_here", "open there, not known here")
      found[#found].report = report
    elseif not is_ours and (not archived or archived.external) then
      self.external = self.external + 1
    end
  end
end

local function read_again(self, orders)
  local list = {}
  for _, order in ipairs(orders) do
    list[#list + 1] = self.archive:order(order.venue, order.client_order_id, order.order_id)
  end
  return list
end

local function compare_orders(self)
  local ok, err = read_list(self)
  if not ok then return nil, err end
  local orders = own_orders(self)
  self.orders = #orders
  if #orders >= MANY_ORDERS then
    self.session.log.info("%d orders to compare, each by a question of its own, as fast as the "
                          .. "venue allows", #orders)
  end
  for _, order in ipairs(orders) do self.fills = self.fills + #order.fills end
  local found, suspects = compare_each(self, orders)
  if not found then return nil, suspects end
  compare_listed(self, found)
  if #found > 0 then
    task.sleep(LOOK_AGAIN_SECONDS)
    ok, err = read_list(self)
    if not ok then return nil, err end
    found, err = compare_each(self, read_again(self, suspects))
    if not found then return nil, err end
    compare_listed(self, found)
  end
  self.differences = found
  return true
end

-- Balances ----------------------------------------------------------------------------------------

-- What is executed of an order that the venue lists: its list may not say it, or the journal not
-- have it yet.
local function executed_of(report, archived)
  local total = decimal.ZERO
  for _, fill in ipairs(archived and archived.fills or {}) do total = total + fill.qty end
  return total:max(report.cum_qty or decimal.ZERO)
end

-- What this order holds: the rest of a sale in base currency, of a buy in quote currency at its
-- price (a venue may hold a fee on top), or at what a unit costs whatever the price is.
local function add_hold(self, holds, report, archived)
  local market = self.session.markets[report.symbol]
  local qty = archived and archived.qty or report.qty
  local left = qty and (qty - executed_of(report, archived)):max(decimal.ZERO)
  if not market or not left then return end
  local asset = report.side == "sell" and market.base or market.quote
  local amount = left
  if report.side == "buy" then
    local price = report.price or market.unit_cost
    amount = price and left * price or decimal.ZERO
  end
  holds[asset] = (holds[asset] or decimal.ZERO) + amount
end

-- What open orders hold by asset, ours and those of others. Where a venue has no client order ids,
-- the journal knows whose one is.
local function read_holds(self)
  local session, own, others = self.session, {}, {}
  for _, report in ipairs(self.reports) do
    local archived = self.archive:order(session.name, report.client_order_id, report.order_id)
    local is_own = session.orders:is_ours(report.client_order_id)
      or archived ~= nil and not archived.external
    add_hold(self, is_own and own or others, report, archived)
  end
  return own, others
end

-- Each asset that is there, beside what open orders of ours and of others hold of it.
local function read_balances(self)
  local session = self.session
  local balances, err = session.protocol.fetch_balances(session)
  if not balances then return nil, "balances: " .. tostring(err) end
  local own, others = read_holds(self)
  local from = balances_module.noted(self.archive, session.name)
  local noted = from and from.assets or {}
  for asset in pairs(noted) do balances[asset] = balances[asset] or { free = decimal.ZERO } end
  for asset, balance in pairs(balances) do
    local held = balance.held or decimal.ZERO
    if not (balance.free:is_zero() and held:is_zero()) or own[asset] or noted[asset] then
      table.insert(self.balances, {
        venue = session.name, asset = asset, free = balance.free, held = held,
        own = own[asset] or decimal.ZERO, others = others[asset] or decimal.ZERO,
      })
    end
  end
  table.sort(self.balances, function(a, b) return a.asset < b.asset end)
  balances_module.explain(session, self.archive, self.balances)
  return true
end

--- Compares; afterwards `differences`, `balances`, and how many `orders`, `fills` of ours and
--- `external` open orders there were. In a task.
---@return boolean|nil ok
---@return string|nil err  the venue could not be asked
function Comparison:run()
  local ok, err = self.session:before_questions()
  if ok then ok, err = compare_orders(self) end
  if ok then ok, err = read_balances(self) end
  return ok, err
end

return M
