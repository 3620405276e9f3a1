--- Strategies: what a user's file gets (the API of DESIGN section 6).

local callbacks = require "moonwire.callbacks"
local decimal = require "moonwire.decimal"
local log = require "moonwire.log"
local order_module = require "moonwire.order"
local order_view = require "moonwire.order_view"
local runners = require "moonwire.runner"
local sorted = require "moonwire.sorted"
local spelling = require "moonwire.spelling"

local M = {}
local Runner = runners.Runner

-- What belongs to the runtime is reached through here, never through the strategy's own table.
local runner_of = setmetatable({}, { __mode = "k" })

---@class moonwire.Strategy
---@field params table<string, any>       the parameters: defaults, overridden by the configuration
---@field state table                     survives a reload; state.persist survives a restart
---@field log table                       log.info("sent %s", id), .warn, .error, .debug
---@field orders moonwire.Order[]         open orders of this strategy, oldest first
---@field position table                  position(symbol): own fills, profit, fees
---@field name string
local Api = { __name = "moonwire.Strategy" }

--- A class for the user's file; see init.lua.
function M.define(params)
  if type(params or {}) ~= "table" then error("mw.strategy{...} takes a table of parameters", 2) end
  local class = { default_params = params or {} }
  class.__index = class
  return setmetatable(class, { __index = Api })
end

local order_fields = {
  venue = true, symbol = true, side = true, type = true, time_in_force = true,
  price = true, qty = true, amount = true,
}

local function name_after(request, name, level)
  name = next(request, name)
  if name == nil or order_fields[name] then return name end
  local meant = spelling.meant(tostring(name), order_fields)
  error(("unknown order field %s%s"):format(tostring(name), meant and "; did you mean " .. meant
    .. "?" or ": there is amount, price, qty, side, symbol, time_in_force, type, venue"), level + 1)
end

-- Written out, as many as there are fields: see link.lua on loops.
local function check_names(request, level)
  local name = name_after(request, nil, level + 1)
  name = name and name_after(request, name, level + 1)
  name = name and name_after(request, name, level + 1)
  name = name and name_after(request, name, level + 1)
  name = name and name_after(request, name, level + 1)
  name = name and name_after(request, name, level + 1)
  name = name and name_after(request, name, level + 1)
  return name and name_after(request, name, level + 1)
end

local function checked_amount(name, given, level)
  if not given then return nil end
  local value = decimal.parse(given)
  if not value then error(("%s: bad decimal %s"):format(name, tostring(given)), level + 1) end
  if value:sign() <= 0 then error(("%s must be above 0, got %s"):format(name, value), level + 1) end
  return value
end

local function checked_name(name, given, level)
  if given == nil or type(given) == "string" then return given end
  error(("%s: a text expected, got %s"):format(name, tostring(given)), level + 1)
end

local function checked_draft(self, request, side)
  if type(request) ~= "table" then error("an order is a table: self:buy{ qty =, price = }", 3) end
  check_names(request, 3)
  if side ~= "buy" and side ~= "sell" then error('side is "buy" or "sell"', 3) end
  local price = checked_amount("price", request.price, 3)
  return order_module.draft(side, checked_name("venue", request.venue or self.params.venue, 3),
                            checked_name("symbol", request.symbol or self.params.symbol, 3),
                            request.type or (price and "limit" or "market"),
                            request.time_in_force or "gtc", price,
                            checked_amount("qty", request.qty, 3),
                            checked_amount("amount", request.amount, 3))
end

local function runner(self)
  return runner_of[self] or error("this is not a running strategy", 3)
end

--- Sends an order: { side =, qty =, price =, symbol =, venue =, type =, time_in_force = }; symbol
--- and venue default to the parameters of those names; without a price it is a market order, for
--- which `amount` (quote currency) may stand in place of qty. Returned at once as pending_new.
---@return moonwire.Order|nil order
---@return string|nil err      why it was refused before it was sent
function Api:submit(request)
  local draft = checked_draft(self, request, type(request) == "table" and request.side)
  return runner(self):submit(draft)
end

function Api:buy(request)
  local draft = checked_draft(self, request, "buy")
  return Runner.submit(runner(self), draft)
end

function Api:sell(request)
  local draft = checked_draft(self, request, "sell")
  return Runner.submit(runner(self), draft)
end

--- Asks the venue to cancel. True when the request leaves (now or as soon as the venue's limit lets
--- it), or nil and why not. The outcome is an on_order.
function Api:cancel(order)
  return runner(self):cancel(order_view.order(order) or error("cancel takes an order", 2))
end

local replaceable = { price = true, qty = true }

--- Asks the venue for another price or quantity of an order: { price =, qty = }, at least one; qty
--- is the order's whole quantity, what is executed included. The order is returned as it is; what
--- becomes of it is an on_order with the reason "replaced" or "replace_rejected: ...".
---@return moonwire.Order|nil order
---@return string|nil err      why it was refused before it was sent
function Api:replace(order, change)
  local own = order_view.order(order) or error("replace takes an order", 2)
  if type(change) ~= "table" then error("replace takes { price =, qty = }", 2) end
  for name in pairs(change) do
    if not replaceable[name] then error("replace: unknown field " .. tostring(name), 2) end
  end
  local price, qty = checked_amount("price", change.price, 2), checked_amount("qty", change.qty, 2)
  if not (price or qty) then error("replace takes price or qty, or both", 2) end
  return runner(self):replace(own, price, qty)
end

--- Cancels all open orders of this strategy, or those in one symbol. Returns how many.
function Api:cancel_all(symbol)
  return runner(self):cancel_all(symbol)
end

local function check_method(self, method)
  if type(method) == "function" then return method end
  if type(self[method]) ~= "function" then
    error(("no method %s in this strategy"):format(tostring(method)), 3)
  end
  return method
end

--- Calls self[method](self, ...) every `seconds`. Returns a timer with :stop().
function Api:every(seconds, method, ...)
  return runner(self):start_timer(seconds, true, check_method(self, method), ...)
end

--- Calls self[method](self, ...) once, in `seconds`. Returns a timer with :stop().
function Api:after(seconds, method, ...)
  return runner(self):start_timer(seconds, false, check_method(self, method), ...)
end

--- Asks for "book" or "trades" of a symbol (default: the parameter); they come as on_book,
--- on_trade.
function Api:subscribe(feed, symbol, venue)
  if feed ~= "book" and feed ~= "trades" then error('feed is "book" or "trades"', 2) end
  return runner(self):subscribe(feed, symbol or self.params.symbol, venue or self.params.venue)
end

--- Runs self[method](self, ...) as a coroutine in which order:wait(), mw.sleep() and the calls of a
--- venue may wait. What it asks for leaves at each wait.
function Api:task(method, ...)
  return runner(self):start_task(check_method(self, method), ...)
end

--- Own position in a symbol (default: the parameter), from own fills; see position.lua.
function Api:position(symbol, venue)
  return runner(self):position(symbol or self.params.symbol, venue or self.params.venue)
end

--- Stops this strategy after the callback that is running: on_stop is called, open orders are
--- canceled. When all strategies have stopped themselves, the runtime stops too.
function Api:stop(reason)
  runner(self):ask_stop(tostring(reason or "asked to by itself"))
end

-- Instances ---------------------------------------------------------------------------------------

local function unknown_parameter(defaults, key, name)
  local known = {}
  for other in pairs(defaults) do known[tostring(other)] = true end
  local names, meant = sorted.keys(known), spelling.meant(tostring(key), known)
  return ("%s: unknown parameter %s: %s"):format(name, tostring(key),
    meant and ("did you mean %s?"):format(meant)
    or #names > 0 and "its file has " .. table.concat(names, ", ") or "its file has none")
end

local function merged_params(defaults, given, name)
  local params = {}
  for key, value in pairs(defaults) do params[key] = value end
  for key, value in pairs(given or {}) do
    if defaults[key] == nil then
      return nil, unknown_parameter(defaults, key, name)
    end
    if type(defaults[key]) == "number" and type(value) ~= "number"
      or type(defaults[key]) == "boolean" and type(value) ~= "boolean"
      or type(defaults[key]) == "table" and type(value) ~= "table" then
      return nil, ("%s: parameter %s: %s expected, got %s"):format(name, key, type(defaults[key]),
                                                                   type(value))
    end
    params[key] = value
  end
  return params
end

M.merge_params = merged_params

--- One running strategy.
---@param desk moonwire.Desk           orders, sessions, risk: what a strategy trades through
---@param spec table                   { name=, file=, params= } of the configuration
---@param class table                  what the user's file returned
function M.new(desk, spec, class)
  if type(class) ~= "table" or type(class.default_params) ~= "table" then
    return nil, spec.file .. ": a strategy file returns the table that mw.strategy{...} made"
  end
  local ok, err = callbacks.check(class)
  if not ok then return nil, spec.file .. ": " .. err end
  local params
  params, err = merged_params(class.default_params, spec.params, spec.name)
  if not params then return nil, err end
  local self = runners.new(desk, spec, class)
  callbacks.warn_of_near_ones(class, self.log)
  local instance = {
    params = params, state = { persist = {} }, name = spec.name,
    log = log.new { strategy = spec.name },                 -- its own: what it does to it stays
  }
  runner_of[instance] = self
  self.instance = setmetatable(instance, {
    __name = "moonwire.Strategy",
    __index = function(_, key)
      if key == "orders" then return self:orders() end
      return self.class[key]
    end,
  })
  return self
end

-- The venue, as strategies see it -----------------------------------------------------------------

---@class moonwire.VenueHandle
local venue_methods = {}              -- apart from the class, as those of timers
local Handle = { __name = "moonwire.Venue", __index = venue_methods }
local session_of = setmetatable({}, { __mode = "k" })

--- mw.venue(name): balances(), open_orders(), order(id) wait for the venue (in a task only);
--- markets(), session(), capabilities are known at once.
function M.venue_handle(name)
  local runner_now = runners.current() or error("mw.venue() is for callbacks and tasks", 2)
  local session, err = runner_now.desk:session(name)
  if not session then error(err, 2) end
  local handle = setmetatable({ name = name, capabilities = session:capabilities() }, Handle)
  session_of[handle] = session
  return handle
end

--- { BTC = { free = decimal, held = decimal }, ... } or nil, err. Waits.
function venue_methods:balances() return session_of[self]:query_balances() end

-- What a report tells the session alone.
local INNER = { least_qty = true, is_provisional = true, by_total = true, may_have_fills = true,
                needs_asking = true, is_inferred = true }

-- A report in the words that orders have.
local function in_public(report)
  local shown = {}
  for name, value in pairs(report) do if not INNER[name] then shown[name] = value end end
  if report.status == "working" then
    local has_begun = report.least_qty or report.cum_qty and not report.cum_qty:is_zero()
    shown.status = has_begun and "partially_filled" or "new"
  end
  return shown
end

--- The venue's open orders, whoever sent them: a list of reports, or nil, err. Waits.
function venue_methods:open_orders()
  local reports, err = session_of[self]:query_open_orders()
  if not reports then return nil, err end
  local list = {}
  for i, report in ipairs(reports) do list[i] = in_public(report) end
  return list
end

--- One order by client_order_id or order_id, as the venue shows it: a report, or nil, err. Waits.
function venue_methods:order(id)
  local report, err = session_of[self]:query_order_by_id(id)
  if not report then return nil, err end
  return in_public(report)
end

--- [symbol] = { price_step=, qty_step=, min_qty=, min_notional=, base=, quote= }
function venue_methods:markets() return session_of[self]:market_table() end
--- "up" | "down" | "degraded", and since when
function venue_methods:session() return session_of[self]:public_state() end

return M
