--- Whatever Indodax says, nothing raises, and nothing is booked that it did not say.
---
--- An input is one byte that says where it comes from, one that chooses among the questions and
--- HTTP statuses, and what was said. `\0` in an answer divides it: the second question gets the
--- second part.

require("jit").off()                  -- lines are counted, and compiled code has none

local cjson = require "cjson.safe".new()
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local ffi = require "ffi"
local http = require "moonwire.http"

ffi.cdef "void fuzz_count_lines(int is_on);"
cjson.decode_max_depth(100)

-- Time stands still: what is asked for later is written down, and never called.
local promised = {}
local function promise(_, object, method, argument)
  local timer = { object = object, method = method, argument = argument }
  function timer:stop() promised[self] = nil end
  promised[timer] = true
  return timer
end
dispatch.after = promise
function dispatch.every(seconds, object, method) return promise(seconds, object, method) end

-- The answers of the venue, in order; the last one is given again and again.
local answers, status
http.call = function()
  local body = table.remove(answers, 1)
  if #answers == 0 then answers[1] = body end
  return status, body, ""
end
http.send = function() return 1 end

local indodax = require "moonwire.venues.indodax"
local order_module = require "moonwire.order"
local orders_module = require "moonwire.orders"
local session_module = require "moonwire.session"
local task = require "moonwire.task"

local ZERO = decimal "0"
local BTC = { symbol = "BTC/IDR", id = "btcidr", pair = "btc_idr", base = "BTC", quote = "IDR",
              base_name = "btc", quote_name = "idr", price_step = decimal "1000",
              qty_step = decimal "0.00000001", names = { "btcidr", "btc_idr", "BTCIDR" } }

local function silent() end
local LOG = { error = silent, warn = silent, info = silent, debug = silent }

-- A desk that holds the books and looks at what it is told ----------------------------------------

local Desk = {}
Desk.__index = Desk

-- Noted, and raised at the end: whoever calls the desk may have a pcall around it.
local problem
local function check_amount(value, what)
  if decimal.is(value) and value > ZERO then return end
  problem = ("%s is %s"):format(what, tostring(value))
end

function Desk:book(venue, symbol) return self.books[venue .. symbol] end

function Desk:on_book(book)
  for _, side in ipairs { "bids", "asks" } do
    for _, level in ipairs(book[side]) do
      check_amount(level.price, "a price of the book")
      check_amount(level.qty, "a quantity of the book")
    end
  end
  self.books[book.venue .. book.symbol] = book
end

function Desk:on_trade(trade)                               -- luacheck: ignore 212
  check_amount(trade.price, "a trade's price")
  check_amount(trade.qty, "a trade's quantity")
  if trade.side ~= "buy" and trade.side ~= "sell" then problem = "a trade without a side" end
end

function Desk:on_order_changed(order) self.changed[order] = true end
function Desk:on_order_filled(order, fill)
  self.fills[#self.fills + 1] = fill
  self.filled[order] = (self.filled[order] or ZERO) + fill.qty
  check_amount(fill.qty, "a fill's quantity")
  check_amount(fill.price, "a fill's price")
end
function Desk:on_fill_amended(_, fill)
  self.fills[#self.fills + 1] = fill
  check_amount(fill.price, "an amended price")
end
Desk.on_session_state, Desk.on_session_stopped, Desk.on_market_lost = silent, silent, silent
Desk.on_order_met, Desk.on_old_id, Desk.end_order = silent, silent, silent

-- One runtime an input ----------------------------------------------------------------------------

local IDS = { limit = "mw-aaaaa-bbbbb-0-1", market = "mw-aaaaa-bbbbb-0-2",
              canceling = "mw-aaaaa-bbbbb-0-3" }

local function add_orders(orders)
  local list = {}
  local function add(fields)
    fields.venue, fields.symbol, fields.strategy = "idx", "BTC/IDR", "s"
    fields.type, fields.time_in_force = fields.type or "limit", "gtc"
    list[#list + 1] = orders:add(order_module.new(fields, 0))
    list[#list]._sent_at = 0
    return list[#list]
  end
  add { client_order_id = IDS.limit, side = "buy", qty = decimal "1", price = decimal "1000" }
  add { client_order_id = IDS.market, side = "buy", amount = decimal "50000", type = "market" }
  local order = add { client_order_id = IDS.canceling, order_id = "btcidr-limit-3", side = "sell",
                      qty = decimal "0.5", price = decimal "2000", status = "new" }
  orders:apply(order, { status = "new" })
  orders:apply(order, { status = "cancel_sent" })
  add { order_id = "btcidr-limit-4", side = "sell", qty = decimal "2", price = decimal "3000",
        status = "new", external = true }
  return list
end

local function new_session()
  local desk = setmetatable({ books = {}, fills = {}, filled = {}, changed = {} }, Desk)
  desk.orders = orders_module.new("fuzz", desk)
  local secret = { hmac = function() return "0" end }
  local session = session_module.new(desk, "idx", {
    rest_url = "https://r.test", private_url = "wss://p.test", market_url = "wss://m.test",
    key = "k", secret = secret, reconcile_every = 60, request_timeout = 10,
  }, indodax)
  session.log = LOG
  session.markets, session.by_venue_symbol = { BTC, ["BTC/IDR"] = BTC }, {}
  for _, name in ipairs(BTC.names) do session.by_venue_symbol[name] = BTC end
  for _, link in ipairs { session.private, session.market } do
    link.log, link.state = LOG, "live"
  end
  desk.list = add_orders(desk.orders)
  return session, desk
end

-- What must hold afterwards -----------------------------------------------------------------------

local function check_orders(session, desk, before)
  if problem then error(problem) end
  local all = {}
  for _, order in ipairs(desk.orders:list_open { venue = "idx" }) do all[order] = true end
  for _, order in ipairs(desk.list) do all[order] = true end
  for order in pairs(desk.changed) do all[order] = true end
  for order in pairs(all) do
    local told = (before[order] or ZERO) + (desk.filled[order] or ZERO)
    if order.cum_qty ~= told then
      error(("%s: cum_qty %s, its fills make %s"):format(order, order.cum_qty, told))
    end
    if order.qty and order.cum_qty > order.qty then
      error(("%s: %s were executed"):format(order, order.cum_qty))
    end
    if order.status == "filled" and order.qty and order.cum_qty < order.qty then
      error(("%s and has %s only"):format(order, order.cum_qty))
    end
    if session.reconciler.doubts[order] then
      local is_asked = false
      for timer in pairs(promised) do
        is_asked = is_asked or timer.method == "ask_now" and timer.argument == order
      end
      if not is_asked then error(tostring(order) .. " is in doubt and nobody will ask") end
    end
  end
end

-- Of members that stand twice not only the last counts: such a text is not compared.
local function is_plain(text)
  if text:find("\\", 1, true) then return false end
  for line in text:gmatch "[^\n]+" do
    for _, name in ipairs { '"push"', '"pub"', '"data"' } do
      local _, times = line:gsub(name, "")
      if times > 1 then return false end
    end
  end
  return true
end

-- Each fill from the stream stands in the message: the same trade, the same quantity.
local function check_said(desk, text)
  if not is_plain(text) then return end
  local said, count, are_texts = {}, 0, true
  for line in (text .. "\n"):gmatch "(.-)\n" do
    -- A text may have several lines; then every fill of it is taken as said.
    local value = cjson.decode(line)
    if value == nil and line:find "%S" then return end
    local push = type(value) == "table" and value.push
    local pub = type(push) == "table" and push.pub
    for _, row in ipairs(type(pub) == "table" and type(pub.data) == "table" and pub.data or {}) do
      local order = type(row) == "table" and row.order
      if type(order) == "table" and order.status == "FILL" then
        count = count + 1
        -- A number, or an id that stands twice, is not compared by its digits.
        if type(order.tradeId) ~= "string" or said[order.tradeId] ~= nil then
          said[tostring(order.tradeId)], are_texts = false, false
        elseif type(order.fillInformation) == "table" then said[order.tradeId] = order end
      end
    end
  end
  if #desk.fills > count then error(("%d fills booked, %d said"):format(#desk.fills, count)) end
  local seen = {}
  for _, fill in ipairs(desk.fills) do
    local id = tostring(fill.trade_id)
    local key = id .. " of " .. tostring(fill.order.client_order_id or fill.order.order_id)
    -- One that amends has another price or other fees for what was counted.
    if fill.trade_id and not fill.amends then
      if seen[key] then error("trade " .. key .. " counts twice") end
      seen[key] = true
    end
    if said[id] then
      local info = said[id].fillInformation
      local qty = decimal.parse(info.qty) or decimal.parse(info.fillQty)
      if qty ~= fill.qty then error(("trade %s: %s booked, %s said"):format(key, fill.qty, qty)) end
    elseif are_texts then error("trade " .. key .. " was not said") end
  end
end

-- A book stands in the message: lists of levels, not something that happens to have none.
local function check_book_said(desk, text)
  if not next(desk.books) then return end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local value = cjson.decode(line)
    if value == nil and line:find "%S" then return end
    for _, name in ipairs { "result", "data", "data" } do
      value = type(value) == "table" and value[name]
      if name == "data" and type(value) == "string" then value = cjson.decode(value) end
    end
    local data = type(value) == "table" and value or {}
    if type(data.bid) == "table" or type(data.ask) == "table" then return end
  end
  error "a book was made of something else"
end

-- Only the venue's own word makes a rejected order of one that was sent.
local function check_refusal(order, body)
  if order.status ~= "rejected" then return end
  local value = cjson.decode(body)
  if type(value) ~= "table" or type(value.error) ~= "string" then
    error(("%s, and the answer does not say so"):format(order))
  end
end

-- Where the input may come from -------------------------------------------------------------------

local function on_line(which)
  return function(session, desk, text)
    local link = session[which]
    link.id = 2
    dispatch.bind(2, link)
    link.answers_pings = true
    local waiter = { wake = silent }
    link.waiting = setmetatable({}, { __index = function(_, id)
      return id == 1 and waiter or nil
    end })
    link:on_ws_message()
    if which == "private" then check_said(desk, text) else check_book_said(desk, text) end
  end
end

-- Protocol functions that wait run in a task, as they do in the reconciler and the session.
local function in_task(body)
  return function(session, desk)
    local outcome
    local owner = { on_task_done = function(_, _, ok, ...) outcome = { ok, ... } end }
    task.start(owner, "question", function() return body(session, desk) end)
    if outcome and not outcome[1] then error(outcome[2], 0) end
  end
end

local function doubtful(session, desk, which)
  session:doubt(desk.list[which])
  promised = {}
  session.reconciler:ask_now(desk.list[which])
end

local function submitted(which)
  return function(session, desk)
    session:on_submit_answer(desk.list[which], status, answers[1], "", true)
    check_refusal(desk.list[which], answers[1])
  end
end

local QUESTIONS = {
  submitted(1),
  submitted(2),
  function(s, desk) s:on_cancel_answer(desk.list[3], status, answers[1], "", true) end,
  function(s, desk) doubtful(s, desk, 1) end,
  function(s, desk) doubtful(s, desk, 2) end,
  function(s, desk) doubtful(s, desk, 3) end,
  in_task(function(s, desk) return indodax.fetch_order(s, desk.list[4]) end),
  in_task(function(s) return s.reconciler:run() end),
  in_task(function(s) return indodax.fetch_balances(s) end),
  in_task(function(s) return indodax.fetch_time(s) end),
  in_task(function(s) return indodax.fetch_markets(s) end),
  in_task(function(s) return indodax.private.renew(s.private) end),
  function(s) s.reconciler:on_period() end,
}
local STATUSES = { 200, 200, 200, 400, 403, 429, 500, 502 }

local function on_answer(session, desk, text, choice)
  answers = {}
  for part in (text .. "\0"):gmatch "(.-)%z" do answers[#answers + 1] = part end
  status = STATUSES[math.floor(choice / #QUESTIONS) % #STATUSES + 1]
  QUESTIONS[choice % #QUESTIONS + 1](session, desk, text)
  if session.reconciler.is_running then error "reconciling never ends" end
end

local SOURCES = { on_line "private", on_line "market", on_answer }

-- The message of a WebSocket is read where it stands: dispatch gives all but the two bytes.
local message = dispatch.message
local skip = 0
function dispatch.message()
  local data, len = message()
  return data + skip, len - skip
end

local target = {}

function target:on_ws_message()
  local text = dispatch.message_text()
  if #text < 2 then return end
  promised, answers, status, problem = {}, { "" }, 200, nil
  local session, desk = new_session()
  local before = {}
  for _, order in ipairs(desk.list) do before[order] = order.cum_qty end
  desk.fills, desk.filled = {}, {}
  skip = 2
  ffi.C.fuzz_count_lines(1)
  SOURCES[text:byte(1) % #SOURCES + 1](session, desk, text:sub(3), text:byte(2))
  ffi.C.fuzz_count_lines(0)
  skip = 0
  check_orders(session, desk, before)
  session:stop()
  dispatch.unbind(2)
end

dispatch.bind(1, target)
