--- Live order events on standard output, and a summary at the end (`moonwire run --events`).

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local sorted = require "moonwire.sorted"

local Watch = { __name = "moonwire.Watch" }
Watch.__index = Watch

local M = {}

--- Prints from now on what happens at this desk.
function M.attach(desk)
  local self = setmetatable({ desk = desk, by_status = {}, latencies = {}, sent = {} }, Watch)
  desk.watch = self
  return self
end

local function clock()
  local now = dispatch.now()
  return ("%s.%03d"):format(os.date("!%H:%M:%S", math.floor(now)), math.floor(now * 1000) % 1000)
end

local function line(kind, order, rest)
  host.print_line(("%s  %-8s %-4s %-9s %14s @ %-12s %s"):format(
    clock(), kind, order.side, order.symbol, tostring(order.qty or order.amount),
    tostring(order.price or "market"), rest))
end

local labels = { pending_new = "sending", partially_filled = "partial", pending_cancel = "cancel?" }

function Watch:on_order(order)
  self.by_status[order.status] = (self.by_status[order.status] or 0) + 1
  line(labels[order.status] or order.status, order,
       order.reason and order.client_order_id .. "  " .. order.reason or order.client_order_id)
end

function Watch:on_fill(fill, order)
  line("fill", order, ("%s @ %s  %s"):format(fill.qty, fill.price, fill.liquidity or ""))
end

--- An order has just been handed to its connection: how long after the event that caused it? (0 in
--- a replay, where that is not known.)
function Watch:on_sent()
  local age = host.event_age()
  if age > 0 then self.latencies[#self.latencies + 1] = age end
end

local function percentile(ranked, p)
  return ranked[math.max(1, math.ceil(#ranked * p))]
end

-- In columns as wide as they have to be.
local function print_positions(desk)
  local keys, widths = sorted.keys(desk.positions), { 12, 9 }
  for _, key in ipairs(keys) do
    local position = desk.positions[key]
    widths[1] = math.max(widths[1], #position.strategy)
    widths[2] = math.max(widths[2], #position.symbol)
  end
  local form = ("%%-%ds %%-%ds position %%s, realized %%s, fees %%s%%s"):format(unpack(widths))
  for _, key in ipairs(keys) do
    local position = desk.positions[key]
    local book = desk:book(position.venue, position.symbol)
    local mark = book and book.mid
    host.print_line(form:format(
      position.strategy, position.symbol, position.qty,
      position.realized:round("0.01", "half_even"), position:fees_text(),
      mark and (", profit at the mid %s"):format(
        (position.realized + position:unrealized(mark)):round("0.01", "half_even")) or ""))
  end
end

-- What became of the orders; those that are left open add up with the others.
local function outcomes(self)
  local counts, open, words = self.by_status, self.desk.orders.own_count, {}
  for _, status in ipairs { "filled", "canceled", "rejected", "expired" } do
    local count = counts[status] or 0
    if count > 0 or status ~= "expired" then words[#words + 1] = count .. " " .. status end
  end
  if open > 0 then words[#words + 1] = open .. " open" end
  return table.concat(words, ", ")
end

--- The summary: orders, fills, profit, and the time from an event to the order that it caused.
function Watch:summary()
  local desk = self.desk
  host.print_line(("\n%d %s: %s; %d %s"):format(
    desk.order_count, desk.order_count == 1 and "order" or "orders", outcomes(self),
    desk.fill_count, desk.fill_count == 1 and "fill" or "fills"))
  print_positions(desk)
  local ranked = self.latencies
  if #ranked == 0 then return end
  table.sort(ranked)
  host.print_line(("event to order: p50 %.0f us, p99 %.0f us (%d measured)"):format(
    percentile(ranked, 0.5) * 1e6, percentile(ranked, 0.99) * 1e6, #ranked))
end

return M
