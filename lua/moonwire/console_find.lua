--- Who is meant at the prompt: venues, strategies and orders by what was typed. What is not there
--- raises, and says what is.

local order_view = require "moonwire.order_view"

local M = {}

--- Raises, for the person at the prompt: no place in a file is named.
local function fail(text, ...) error(select("#", ...) > 0 and text:format(...) or text, 0) end
M.fail = fail

--- The session of a venue, or of the only one that has the symbol.
---@param desk moonwire.Desk
---@param symbol string|nil
---@param name string|nil
function M.venue(desk, symbol, name)
  if name then
    local session, err = desk:session(name)
    return session or fail(err)
  end
  local found, names = nil, {}
  for _, session in ipairs(desk.session_list) do
    if #desk.session_list == 1 or session.markets and session.markets[symbol] then
      found, names[#names + 1] = session, session.name
    end
  end
  if #names == 1 then return found end
  if #names == 0 then fail("no venue has a market %s", tostring(symbol)) end
  return fail("%s is traded on %s: say which, { venue = %q }", symbol, table.concat(names, " and "),
              names[1])
end

--- A strategy by its name; the prompt itself is none.
---@param session moonwire.ConsoleSession
---@param name string
function M.runner(session, name)
  if type(name) ~= "string" then fail "which strategy? its name, as strategies() shows it" end
  local runner = session.desk.runners[name]
  if not runner or runner.is_console then
    local names = {}
    for _, other in ipairs(session.desk.runner_list) do
      if not other.is_console then names[#names + 1] = other.name end
    end
    fail("no strategy %s: there is %s", name, #names > 0 and table.concat(names, ", ") or "none")
  end
  return runner
end

local function ends_with(text, tail)
  return type(text) == "string" and #tail <= #text and text:sub(-#tail) == tail
end

--- The order of an id, or of the end of an id when that is enough to tell.
---@param session moonwire.ConsoleSession
---@param id string|number|table  or a view of it
function M.order(session, id)
  local viewed = order_view.order(id)
  if viewed then return viewed end
  if type(id) == "number" then id = ("%.0f"):format(id) end
  if type(id) ~= "string" or id == "" then fail "which order? its id, or the end of it" end
  local orders, found = session.desk.orders, {}
  for _, venue in ipairs(session.desk.session_list) do
    local order = orders:find(venue.name, id, id) or orders:recall(venue.name, id, id)
    if order then return order end
  end
  for _, order in ipairs(orders:list_open()) do
    if ends_with(order.client_order_id, id) or ends_with(order.order_id, id) then
      found[#found + 1] = order
    end
  end
  if #found == 1 then return found[1] end
  if #found == 0 then fail("no order %s is known here", id) end
  return fail("%d open orders end with %s: give more of the id", #found, id)
end

local FILTERS = { strategy = true, venue = true, symbol = true, side = true, status = true }

-- Whether there is such a strategy, venue or symbol; one that is not configured any more may still
-- have orders.
local is_known = {
  strategy = function(desk, name) return desk.runners[name] ~= nil end,
  venue = function(desk, name) return desk.sessions[name] ~= nil end,
  symbol = function(desk, name)
    for _, session in ipairs(desk.session_list) do
      if session.markets and session.markets[name] then return true end
    end
    return false
  end,
}

local function is_there(desk, field, name)
  return is_known[field](desk, name) or #desk.orders:list_open { [field] = name } > 0
end

--- Which orders are meant: a symbol, a strategy, a venue by name, or a table of fields. A name that
--- nothing has raises: an order that was to be canceled would stay.
---@param desk moonwire.Desk
---@param what string|table|nil
---@return table|nil filter  of Orders:list_open
function M.filter(desk, what)
  if what == nil then return nil end
  if type(what) == "string" then
    for _, field in ipairs { "strategy", "venue", "symbol" } do
      if is_there(desk, field, what) then return { [field] = what } end
    end
    fail("nothing here is called %s: a symbol, a strategy or a venue is wanted", what)
  end
  if type(what) ~= "table" or getmetatable(what) then
    fail "a symbol, strategy or venue, or { strategy =, venue =, symbol =, side =, status = }"
  end
  for field, name in pairs(what) do
    if not FILTERS[field] then
      fail("unknown field %s: there are strategy, venue, symbol, side and status", tostring(field))
    elseif is_known[field] and not is_there(desk, field, name) then
      fail("no %s is called %s", field, tostring(name))
    end
  end
  return what
end

return M
