--- What the console hears from the desk and shows by itself: orders, fills, the log; and the books
--- that a prompt waits for. Part of console.lua.

local chunk = require "moonwire.chunk"
local dispatch = require "moonwire.dispatch"
local format = require "moonwire.format"
local host = require "moonwire.host"
local task = require "moonwire.task"

local Events = {}
local FILLS_KEPT = 500

local labels = { pending_new = "sending", partially_filled = "partial", pending_cancel = "cancel?" }

local function event_line(label, order, rest)
  return ("%s  %-8s %-4s %-9s %s @ %s  %s"):format(format.time(dispatch.now()), label, order.side,
    order.symbol, tostring(order.qty or order.amount), tostring(order.price or "market"), rest)
end

local function id_of(order) return order.client_order_id or order.order_id or "?" end

-- For a machine.
local function record_of(event, fields, names)
  local record = { event = event, time = dispatch.now() }
  for _, name in ipairs(names) do record[name] = fields[name] end
  return record
end

local order_names = { "client_order_id", "order_id", "strategy", "venue", "symbol", "side", "type",
                      "time_in_force", "price", "qty", "amount" }
local fill_names = { "client_order_id", "order_id", "trade_id", "strategy", "venue", "symbol",
                     "side", "price", "qty", "liquidity", "fees" }

function Events:show(order, line, fields)
  for _, session in pairs(self.sessions) do
    if session:sees_all() or self.placed_by[order] == session then
      session:show_event(line, fields)
    end
  end
end

--- Whether anybody wants to see what becomes of this order.
function Events:is_seen(order)
  if self.placed_by[order] then return true end
  for _, session in pairs(self.sessions) do
    if session:sees_all() then return true end
  end
  return false
end

--- An order is in another status; shown when the event is done, not on its path.
function Events:on_order(order)
  if next(self.sessions) == nil or not self:is_seen(order) then return end
  dispatch.defer(self, "show_order", order, order.status, { order.cum_qty, order.reason })
end

function Events:show_order(order, status, now)
  local cum_qty, reason = now[1], now[2] and tostring(now[2])
  self:show(order, event_line(labels[status] or status, order,
                              id_of(order) .. (reason and "  " .. reason or "")), function()
    local record = record_of("order", order, order_names)
    record.status, record.cum_qty, record.reason = status, cum_qty, reason
    return record
  end)
end

function Events:on_fill(fill, order)
  local at = self.fills_at % FILLS_KEPT + 1
  self.fills[at], self.fills_at = fill, self.fills_at + 1
  if next(self.sessions) == nil or not self:is_seen(order) then return end
  dispatch.defer(self, "show_fill", order, fill)
end

function Events:show_fill(order, fill)
  self:show(order, event_line("fill", order, ("%s: %s @ %s"):format(id_of(order), fill.qty,
                                                                    fill.price)), function()
    return record_of("fill", fill, fill_names)
  end)
end

--- (A person reads it in the log.)
function Events:on_session_state(of, state)
  for _, session in pairs(self.sessions) do
    if self.desk.are_started and not session.is_interactive then session:welcome() end
    if session.is_json and session:sees_all() then
      session:say("out", format.json(record_of("session", { venue = of.name, state = state },
                                               { "venue", "state" })))
    end
  end
end

--- A person has to decide: whoever sits at a prompt is told. (Who watches sees it in the log.)
function Events:on_question(text)
  for _, session in pairs(self.sessions) do
    if session.is_welcome and not session:sees_all() then session:say("line", text) end
  end
end

--- A line of the log, for who watches.
function Events:on_log(level, text, fields)
  if level == "debug" then return end
  local line, own
  local function record()
    local made = record_of("log", fields or {}, { "venue", "strategy" })
    made.level, made.text = level, own
    return made
  end
  for _, session in pairs(self.sessions) do
    if session:sees_all() then
      if not line then
        local of = fields and (fields.strategy or fields.venue)
        own = host.masked(chunk.own_part(text))
        line = ("%s  %-5s %s%s"):format(format.time(dispatch.now()), level, of and of .. ": " or "",
                                        own)
      end
      session:show_event(line, record)
    end
  end
end

--- The fills of this run that are still kept, oldest first.
---@return moonwire.Fill[]
function Events:list_fills()
  local list = {}
  for i = math.max(1, self.fills_at - FILLS_KEPT + 1), self.fills_at do
    list[#list + 1] = self.fills[(i - 1) % FILLS_KEPT + 1]
  end
  return list
end

-- Books -------------------------------------------------------------------------------------------

function Events:on_book(book)
  local key = book.venue .. "\0" .. book.symbol
  local waiters = self.book_waiters[key]
  if not waiters then return end
  self.book_waiters[key] = nil
  self.runner.feeds.book[book.venue][book.symbol] = nil                 -- one was wanted
  for _, waiter in ipairs(waiters) do dispatch.defer(waiter, "wake", book) end
end

--- The next book of a symbol, in a task; nil, err.
function Events:await_book(venue, symbol, seconds)
  local ok, err = self.runner:subscribe("book", symbol, venue)
  if not ok then return nil, err end
  local key = venue .. "\0" .. symbol
  self.book_waiters[key] = self.book_waiters[key] or {}
  table.insert(self.book_waiters[key], task.current())
  local book = task.wait(seconds)
  if book then return book end
  return nil, ("no book of %s on %s within %g s"):format(symbol, venue, seconds)
end

return Events
