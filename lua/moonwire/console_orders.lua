--- Orders at the prompt: sent, previewed, canceled, adopted, listed.

local decimal = require "moonwire.decimal"
local find = require "moonwire.console_find"
local format = require "moonwire.format"
local order_view = require "moonwire.order_view"
local preview = require "moonwire.preview"
local record = require "moonwire.record"

local PREVIEW_SECONDS = 2

-- name -> { usage =, about =, sends = it changes something, run = function(session, ...) }
local commands = {}
local fail = find.fail

-- The prompt that has to do with an order sees what becomes of it.
local function touch(session, order)
  session.console.placed_by[order] = session
  if session.line then table.insert(session.line.orders, order) end
  return order_view.of(order)
end

-- Orders out --------------------------------------------------------------------------------------

local function request_of(session, side, symbol, qty, price, options)
  local request = {}
  if type(symbol) == "table" then options, symbol = symbol, symbol.symbol end
  if options ~= nil and type(options) ~= "table" then
    fail('%s("BTC/IDR", qty, price, { options }): options are a table', side or "submit")
  end
  for name, value in pairs(options or {}) do request[name] = value end
  request.confirmed = nil
  request.symbol, request.side = symbol, side or request.side
  request.qty, request.price = qty or request.qty, price or request.price
  if type(symbol) ~= "string" then
    fail('%s("BTC/IDR", qty, price): which symbol?', side or "submit")
  end
  request.venue = find.venue(session.desk, symbol, request.venue).name
  return request, options and options.confirmed == true
end

-- Beyond the size that the configuration names a person has to say yes.
local function confirm(session, view, is_confirmed)
  local limits = (session.desk.config.console or {}).confirm_notional
  local limit = limits and limits[view.quote]
  if not limit or view.notional and view.notional <= limit then return end
  local what = ("%s: %s %s %s at %s, notional %s %s"):format(view.venue, view.side,
    tostring(view.qty or "?"), view.symbol, tostring(view.price or "the market"),
    tostring(view.notional or "unknown"), view.quote)
  if is_confirmed then return end
  if not session.is_interactive then
    fail("not sent: %s is above console.confirm_notional %s: a person at a prompt may confirm it, "
         .. "or { confirmed = true }", what, tostring(limit))
  end
  if not session:ask(what .. ": send it? (yes/no) ") then fail "not sent: it was not confirmed" end
end

-- The API raises with the place in its own file.
local function plain_error(err) return (tostring(err):gsub("^[^\n:]+%.lua:%d+: ", "")) end

local function send(session, request, is_confirmed)
  local ok, view = pcall(preview.of, session, request)
  if not ok then fail("%s", plain_error(view)) end
  if not view.problem then confirm(session, view, is_confirmed) end
  local instance = session.runner.instance
  local order, err
  ok, order, err = pcall(instance.submit, instance, request)
  if not ok then fail("%s", plain_error(order)) end
  if not order then fail("refused: %s", err) end
  return touch(session, order_view.order(order))
end

local SIDE_USAGE = '("BTC/IDR", qty [, price] [, { venue =, type =, time_in_force =, amount = }])'

commands.buy = {
  usage = "buy" .. SIDE_USAGE, sends = true,
  about = "Sends an order to buy and returns it. Without a price it is a market order, for which "
    .. "amount (quote currency) may stand in place of qty.",
  run = function(session, symbol, qty, price, options)
    return send(session, request_of(session, "buy", symbol, qty, price, options))
  end,
}

commands.sell = {
  usage = "sell" .. SIDE_USAGE, sends = true, about = "Sends an order to sell and returns it.",
  run = function(session, symbol, qty, price, options)
    return send(session, request_of(session, "sell", symbol, qty, price, options))
  end,
}

commands.submit = {
  usage = "submit{ side =, symbol =, qty =, price =, ... }", sends = true,
  about = "Sends an order; all fields by name, as in a strategy.",
  run = function(session, request)
    if type(request) ~= "table" then fail 'submit{ side = "buy", symbol = "BTC/IDR", ... }' end
    return send(session, request_of(session, nil, request))
  end,
}

commands.preview = {
  usage = "preview(buy, ...)",
  about = "What an order would come to, with the same arguments; nothing is sent.",
  run = function(session, how, ...)
    local side = session.names[how] or how
    if side ~= "buy" and side ~= "sell" then fail "preview(buy, ...) or preview(sell, ...)" end
    local request = request_of(session, side, ...)
    if not session.desk:book(request.venue, request.symbol) then
      session.console:await_book(request.venue, request.symbol, PREVIEW_SECONDS)
    end
    local ok, view = pcall(preview.of, session, request)
    if not ok then fail("%s", plain_error(view)) end
    return view
  end,
}

local function check_owner(order)
  if order.external then
    fail("the order is somebody else's: adopt(%q) claims it", order.order_id or "")
  end
end

local function check_cancel(session, order)
  check_owner(order)
  if not order:is_open() then fail("the order is %s already", order.status) end
  if not session.desk.sessions[order.venue].can_cancel then
    fail("venue %s cannot cancel", order.venue)
  end
end

commands.cancel = {
  usage = "cancel(order or id)", sends = true,
  about = "Asks the venue to cancel an order of ours, whichever strategy's. The end of an id is "
    .. "enough when only one open order has it.",
  run = function(session, id)
    local order = find.order(session, id)
    check_cancel(session, order)
    session.runner:ask(session.desk, "cancel", nil, order)
    return touch(session, order)
  end,
}

local order_columns = { "created_at", "client_order_id", "strategy", "venue", "symbol", "side",
                        "qty", "price", "cum_qty", "status" }

local function changed_amount(change, name)
  local value = change[name] ~= nil and decimal.parse(change[name])
  if change[name] == nil then return nil end
  if not value or value:sign() <= 0 then
    fail("replace: %s: an amount above 0 expected, got %s", name, tostring(change[name]))
  end
  return value
end

local CHANGES = { price = true, qty = true, confirmed = true }

-- What is to be changed: price and qty, each of them may be nil.
local function read_change(change)
  if type(change) ~= "table" then fail "replace(order or id, { price =, qty = })" end
  for name in pairs(change) do
    if not CHANGES[name] then fail("replace: unknown field %s", tostring(name)) end
  end
  local price, qty = changed_amount(change, "price"), changed_amount(change, "qty")
  if not (price or qty) then fail "replace takes price or qty, or both" end
  return price, qty
end

commands.replace = {
  usage = "replace(order or id, { price =, qty = })", sends = true,
  about = "Asks the venue for another price or quantity of an order of ours, whichever strategy's; "
    .. "qty is the whole order's, what is executed included. Where the venue can; what came of it "
    .. "is told as the order's reason.",
  run = function(session, id, change)
    local order, desk, name = find.order(session, id), session.desk, session.runner.name
    local price, qty = read_change(change)
    check_owner(order)
    local ok, err, draft = desk:check_replace(order, name, price, qty, {})
    if not ok then fail("refused: %s", err) end
    local market = desk.sessions[order.venue]:market_of(order.symbol)
    confirm(session, { venue = order.venue, side = order.side, symbol = order.symbol,
                       qty = draft.qty, price = draft.price, quote = market.quote,
                       notional = draft.price * draft.qty }, change.confirmed == true)
    local link
    link, err = desk:prepare_replace(order, name, price, qty)
    if not link then fail("refused: %s", err) end
    session.runner:ask(desk, "send_replace", "drop_replace", order, link)
    return touch(session, order)
  end,
}

commands.cancel_all = {
  usage = "cancel_all([name or { strategy =, venue =, symbol =, side = }])", sends = true,
  about = "Cancels all open orders of ours, or those of a symbol, strategy or venue; returns "
    .. "them.",
  run = function(session, filter)
    local list, orders = {}, {}
    local chosen = session.desk.orders:list_open(find.filter(session.desk, filter))
    for _, order in ipairs(chosen) do
      if not order.external and session.desk.sessions[order.venue].can_cancel then
        orders[#orders + 1], list[#list + 1] = order, touch(session, order)
      end
    end
    session.runner:ask(session.desk, "cancel_many", nil, orders)
    return format.list(list, order_columns, "no open orders of ours")
  end,
}

commands.adopt = {
  usage = "adopt(id)", sends = true,
  about = "Claims an open order that is somebody else's or of no strategy: from now on it belongs "
    .. "to the prompt.",
  run = function(session, id)
    local order, orders = find.order(session, id), session.desk.orders
    if not order:is_open() then fail("the order is %s already", order.status) end
    local owner = order._owner
    if owner and session.desk.runners[owner] and not order.external then
      fail("the order belongs to strategy %s already", owner)
    end
    orders:claim_order(order, session.runner.name)
    record.alarm(("adopted at the prompt: %s"):format(tostring(order)))
    return touch(session, order)
  end,
}

-- Orders that are known -------------------------------------------------------------------------

commands.orders = {
  usage = 'orders([name or { strategy =, venue =, symbol =, side = }])',
  about = 'Open orders, oldest first, all or those of a symbol, strategy or venue; orders "all" '
    .. 'has those that are finished as well.',
  run = function(session, filter)
    local orders, list = session.desk.orders, {}
    if filter == "all" then
      local count = #orders.finished
      for i = 1, count do
        list[i] = orders.finished[(orders.finished_at + i - 1) % count + 1]
      end
      filter = nil
    end
    local open = orders:list_open(find.filter(session.desk, filter))
    for _, order in ipairs(open) do list[#list + 1] = order end
    return format.list(order_view.list(list), order_columns, "no open orders")
  end,
}

commands.order = {
  usage = "order(id)",
  about = "One order, by its id or the end of it. order(id):wait(\"filled\", seconds) waits.",
  run = function(session, id) return order_view.of(find.order(session, id)) end,
}

return commands
