--- What can be called at the prompt beside Lua's own. Mistakes and refusals raise.

local dispatch = require "moonwire.dispatch"
local format = require "moonwire.format"
local order_module = require "moonwire.order"
local preview = require "moonwire.preview"
local record = require "moonwire.record"

local M = {}
local BOOK_SECONDS, BOOK_LEVELS, PREVIEW_SECONDS = 5, 8, 2

-- name -> { usage =, about =, sends = it changes something, run = function(session, ...) }
local commands = {}

local function fail(text, ...) error(select("#", ...) > 0 and text:format(...) or text, 0) end

-- Who is meant ------------------------------------------------------------------------------------

-- The session of a venue, or of the only one that has the symbol.
local function venue_for(desk, symbol, name)
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

local function runner_of(session, name)
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

-- The order of an id, or of the end of an id when that is enough to tell.
local function order_of(session, id)
  if getmetatable(id) == order_module.Order then return id end
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

-- The prompt that has to do with an order sees what becomes of it.
local function touch(session, order)
  session.console.placed_by[order] = session
  if session.line then table.insert(session.line.orders, order) end
  return order
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
  request.venue = venue_for(session.desk, symbol, request.venue).name
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
  return touch(session, order)
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

local function cancel_one(session, order)
  if order.external then
    fail("the order is somebody else's: adopt(%q) claims it", order.order_id or "")
  end
  if not order:is_open() then fail("the order is %s already", order.status) end
  if not session.desk.sessions[order.venue].can_cancel then
    fail("venue %s cannot cancel", order.venue)
  end
  session.runner:ask(session.desk, "cancel", nil, order)
  return touch(session, order)
end

commands.cancel = {
  usage = "cancel(order or id)", sends = true,
  about = "Asks the venue to cancel an order of ours, whichever strategy's. The end of an id is "
    .. "enough when only one open order has it.",
  run = function(session, id) return cancel_one(session, order_of(session, id)) end,
}

local order_columns = { "created_at", "client_order_id", "strategy", "venue", "symbol", "side",
                        "qty", "price", "cum_qty", "status" }

local function filter_of(filter)
  if type(filter) == "string" then return { symbol = filter } end
  if filter ~= nil and type(filter) ~= "table" then
    fail 'a symbol, or { strategy =, venue =, symbol =, side = }'
  end
  return filter
end

commands.cancel_all = {
  usage = "cancel_all([symbol or { strategy =, venue =, symbol = }])", sends = true,
  about = "Cancels all open orders of ours, or those; returns them.",
  run = function(session, filter)
    local list = {}
    for _, order in ipairs(session.desk.orders:list_open(filter_of(filter))) do
      if not order.external and session.desk.sessions[order.venue].can_cancel then
        list[#list + 1] = cancel_one(session, order)
      end
    end
    return format.list(list, order_columns, "no open orders of ours")
  end,
}

commands.adopt = {
  usage = "adopt(id)", sends = true,
  about = "Claims an open order that is somebody else's or of no strategy: from now on it belongs "
    .. "to the prompt.",
  run = function(session, id)
    local order, orders = order_of(session, id), session.desk.orders
    if not order:is_open() then fail("the order is %s already", order.status) end
    local owner = orders.owners[order]
    if owner and session.desk.runners[owner] and not order.external then
      fail("the order belongs to strategy %s already", owner)
    end
    orders:claim_order(order, session.runner.name)
    record.alarm(("adopted at the prompt: %s"):format(tostring(order)))
    return touch(session, order)
  end,
}

-- Orders and fills --------------------------------------------------------------------------------

commands.orders = {
  usage = 'orders([symbol or { strategy =, venue =, symbol =, side = }])',
  about = 'Open orders, oldest first; orders "all" has those that are finished as well.',
  run = function(session, filter)
    local orders, list = session.desk.orders, {}
    if filter == "all" then
      local count = #orders.finished
      for i = 1, count do
        list[i] = orders.finished[(orders.finished_at + i - 1) % count + 1]
      end
      filter = nil
    end
    for _, order in ipairs(orders:list_open(filter_of(filter))) do list[#list + 1] = order end
    return format.list(list, order_columns, "no open orders")
  end,
}

commands.order = {
  usage = "order(id)",
  about = "One order, by its id or the end of it. order(id):wait(\"filled\", seconds) waits.",
  run = function(session, id) return order_of(session, id) end,
}

local function fees_text(fill)
  local texts = {}
  for i, fee in ipairs(fill.fees) do texts[i] = ("%s %s"):format(fee.amount, fee.asset) end
  return table.concat(texts, ", ")
end

commands.fills = {
  usage = "fills([symbol or strategy])", about = "The last fills of this run, oldest first.",
  run = function(session, what)
    local list = {}
    for _, fill in ipairs(session.console:list_fills()) do
      local strategy = session.desk.orders.owners[fill.order] or fill.strategy
      if not what or what == fill.symbol or what == strategy then
        list[#list + 1] = {
          time = fill.time, strategy = strategy, venue = fill.venue, symbol = fill.symbol,
          side = fill.side, qty = fill.qty, price = fill.price, liquidity = fill.liquidity,
          fees = fees_text(fill), client_order_id = fill.client_order_id, trade_id = fill.trade_id,
        }
      end
    end
    return format.list(list, { "time", "strategy", "venue", "symbol", "side", "qty", "price",
                               "liquidity", "fees" }, "no fills in this run")
  end,
}

-- Money -------------------------------------------------------------------------------------------

commands.positions = {
  usage = "positions([strategy])",
  about = "What each strategy holds and earned, from its own fills.",
  run = function(session, strategy)
    local list = {}
    for _, position in pairs(session.desk.positions) do
      if not strategy or position.strategy == strategy then
        local book = session.desk:book(position.venue, position.symbol)
        list[#list + 1] = {
          strategy = position.strategy, venue = position.venue, symbol = position.symbol,
          qty = position.qty, avg_price = position.avg_price, realized = position.realized,
          unrealized = book and book.mid and position:unrealized(book.mid),
          fees = position:fees_text(),
        }
      end
    end
    table.sort(list, function(a, b)
      return a.strategy .. a.venue .. a.symbol < b.strategy .. b.venue .. b.symbol
    end)
    return format.list(list, { "strategy", "venue", "symbol", "qty", "avg_price", "realized",
                               "unrealized", "fees" }, "no positions")
  end,
}

local function add_balances(session, list)
  local balances, err = session:query_balances()
  if not balances then fail("%s: %s", session.name, tostring(err)) end
  local assets = {}
  for asset in pairs(balances) do assets[#assets + 1] = asset end
  table.sort(assets)
  for _, asset in ipairs(assets) do
    local free, held = balances[asset].free, balances[asset].held
    if not (free and free:is_zero() and (not held or held:is_zero())) then
      list[#list + 1] = { venue = session.name, asset = asset, free = free, held = held }
    end
  end
end

commands.balances = {
  usage = "balances([venue])", about = "What the venue says there is. Waits for its answer.",
  run = function(session, venue)
    local list, desk = {}, session.desk
    if venue then add_balances(venue_for(desk, nil, venue), list)
    else for _, each in ipairs(desk.session_list) do add_balances(each, list) end end
    return format.list(list, { "venue", "asset", "free", "held" }, "no balances")
  end,
}

-- Markets -----------------------------------------------------------------------------------------

commands.book = {
  usage = 'book("BTC/IDR" [, venue])',
  about = "The best prices, as the next book shows them. Waits for it.",
  run = function(session, symbol, venue)
    if type(symbol) ~= "string" then fail 'book("BTC/IDR"): which symbol?' end
    local of = venue_for(session.desk, symbol, venue)
    local book, err = session.console:await_book(of.name, symbol, BOOK_SECONDS)
    if not book then fail("%s", err) end
    local list = {}
    for i = 1, math.min(BOOK_LEVELS, math.max(#book.bids, #book.asks)) do
      local bid, ask = book.bids[i] or {}, book.asks[i] or {}
      list[i] = { bid_qty = bid.qty, bid = bid.price, ask = ask.price, ask_qty = ask.qty }
    end
    return format.list(list, { "bid_qty", "bid", "ask", "ask_qty" }, "the book is empty")
  end,
}

commands.markets = {
  usage = "markets([venue])", about = "What can be traded, with steps and minimums.",
  run = function(session, venue)
    local list = {}
    for _, each in ipairs(session.desk.session_list) do
      if not venue or each.name == venue then
        for _, market in ipairs(each.markets or {}) do
          list[#list + 1] = { venue = each.name, symbol = market.symbol,
                              price_step = market.price_step, qty_step = market.qty_step,
                              min_qty = market.min_qty, min_notional = market.min_notional }
        end
      end
    end
    table.sort(list, function(a, b) return a.venue .. a.symbol < b.venue .. b.symbol end)
    return format.list(list, { "venue", "symbol", "price_step", "qty_step", "min_qty",
                               "min_notional" }, "no markets are known yet")
  end,
}

commands.venues = {
  usage = "venues()", about = "The venues and their sessions.",
  run = function(session)
    local list, desk = {}, session.desk
    for _, each in ipairs(desk.session_list) do
      list[#list + 1] = {
        venue = each.name, protocol = each.protocol.name, session = each.state,
        since_at = each.state_since, open_orders = #desk.orders:list_open { venue = each.name },
        remark = each.stopped_why or each.suspended or each.ambiguity or nil,
      }
    end
    return format.list(list, { "venue", "protocol", "session", "since_at", "open_orders",
                               "remark" }, "no venues are configured")
  end,
}

-- Strategies --------------------------------------------------------------------------------------

commands.strategies = {
  usage = "strategies()", about = "The strategies, their states and their open orders.",
  run = function(session)
    local list = {}
    for _, runner in ipairs(session.desk.runner_list) do
      if not runner.is_console then
        list[#list + 1] = {
          name = runner.name, state = runner.state, errors = runner.errors, file = runner.file,
          open_orders = #session.desk.orders:list_open { strategy = runner.name },
        }
      end
    end
    return format.list(list, { "name", "state", "open_orders", "errors", "file" },
                       "no strategies: moonwire run FILE.lua, or `strategies` in the configuration")
  end,
}

commands.start = {
  usage = 'start("ladder-btc")', sends = true, about = "Starts a strategy that was stopped.",
  run = function(session, name)
    local runner = runner_of(session, name)
    if runner.state ~= "stopped" then fail("strategy %s is %s", name, runner.state) end
    if next(runner.class) == nil then
      fail("strategy %s was stopped for its memory: reload(%q) first", name, name)
    end
    session.runner:ask(runner, "restart", nil, session.who)
  end,
}

commands.stop = {
  usage = 'stop("ladder-btc")', sends = true,
  about = "Stops a strategy: on_stop is called, its open orders are canceled. The runtime goes on.",
  run = function(session, name)
    local runner = runner_of(session, name)
    if runner.state ~= "running" then fail("strategy %s is %s", name, runner.state) end
    runner.is_held = true
    session.runner:ask(runner, "stop", nil, "stopped at the prompt")
  end,
}

-- What hot reload gives to the desk.
local function of_code(method, sends, usage, about, takes_who, columns)
  return {
    usage = usage, about = about, sends = sends,
    run = function(session, name, a, b)
      if takes_who and a == nil then a = "reload()" end
      local result, err = session.desk[method](session.desk, name, a, b)
      if not result then fail("%s", tostring(err)) end
      if type(result) == "string" then return session.environment.print(result) end
      return columns and format.list(result, columns) or result
    end,
  }
end

commands.reload = of_code("reload", true, 'reload([name])',
  "Loads the code of a strategy, a venue or all of it anew; when that fails, the old code goes on.",
  true)
commands.rollback = of_code("rollback", true, 'rollback(name [, version])',
  "Goes back to the version before this one, or to that one.")
commands.versions = of_code("versions", false, 'versions(name)', "The last versions of its code.",
  false, { "number", "time", "by", "is_running", "files" })
commands.diff = of_code("diff", false, 'diff(name, a, b)', "What differs between two versions.")

-- The prompt itself -------------------------------------------------------------------------------

commands.watch = {
  usage = "watch([false])",
  about = "Shows every order event, fill and line of the log from now on; Ctrl-C or watch(false) "
    .. "ends it.",
  run = function(session, on) session.is_watching = on ~= false end,
}

commands.now = {
  usage = "now()", about = "The time of the event that is being handled, seconds since 1970.",
  run = function() return dispatch.now() end,
}

local ORDER = { "buy", "sell", "submit", "preview", "cancel", "cancel_all", "adopt", "orders",
                "order", "fills", "positions", "balances", "book", "markets", "venues",
                "strategies", "start", "stop", "reload", "rollback", "versions", "diff", "watch",
                "now", "help" }

-- Long texts in lines of this many columns.
local function wrapped(text, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > width and line ~= "" then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

commands.help = {
  usage = "help([command])", about = "This list, or more about one: help(buy).",
  run = function(session, what)
    local print = session.environment.print
    if what ~= nil then
      local name = session.names[what] or what
      local command = commands[name]
      if not command then fail "help() lists the commands; help(buy) tells more about one" end
      print(command.usage)
      return print(wrapped(command.about, session.width))
    end
    for _, name in ipairs(ORDER) do print(commands[name].usage) end
    print(wrapped("Any Lua works; values are shown. Amounts are exact: write them as texts, "
      .. '"0.001", or as numbers. help(buy) tells more about one. Ctrl-C abandons a wait, '
      .. "never an order; Ctrl-D leaves.", session.width))
  end,
}

--- Puts the commands into the environment of a session.
---@param session moonwire.ConsoleSession
---@param environment table
---@return table<function, string> names  of each of them
function M.install(session, environment)
  local names = {}
  for name, command in pairs(commands) do
    local function call(...)
      if command.sends and session.is_read_only then
        fail("%s: this prompt is read-only", name)
      end
      return command.run(session, ...)
    end
    environment[name], names[call] = call, name
  end
  environment.decimal = environment.mw.decimal
  return names
end

return M
