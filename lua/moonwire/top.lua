--- What the prompt's live screen shows: how sessions, strategies, orders and positions stand, how
--- much happens a second, and how long it takes. Counting begins with the first who looks and ends
--- with the last: a runtime at which nobody looks counts nothing for it.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local format = require "moonwire.format"
local host = require "moonwire.host"
local order_view = require "moonwire.order_view"
local survey = require "moonwire.survey"

local M = {}
local SAMPLES = 1000                    -- the last so many are looked at
local SHORTEST = 0.5                    -- seconds over which something is counted
local STEPS = {}                        -- number of decimals -> what is rounded to
for n = 2, 9 do STEPS[n] = decimal("0." .. ("0"):rep(n - 1) .. "1") end

-- Samples -----------------------------------------------------------------------------------------

local function add(samples, seconds)
  samples.at = samples.at % SAMPLES + 1
  samples[samples.at] = seconds
end

-- { count, p50, p99, max } of the last ones, in seconds; nil: there are none.
local function summary(samples)
  if #samples == 0 then return nil end
  local sorted = {}
  for i, seconds in ipairs(samples) do sorted[i] = seconds end
  table.sort(sorted)
  local function percentile(p) return sorted[math.max(1, math.ceil(#sorted * p))] end
  return { count = #sorted, p50 = percentile(0.5), p99 = percentile(0.99), max = sorted[#sorted] }
end

-- The probe ---------------------------------------------------------------------------------------

-- Stands where `run --events` has its watch, which goes on hearing all of it.
local Probe = { __name = "moonwire.Probe" }
Probe.__index = Probe

function Probe:on_sent()
  add(self.to_order, host.event_age())
  if self.inner then self.inner:on_sent() end
end

function Probe:on_order(order)
  if order.previous_status == "pending_new" and order.created_at >= self.since then
    add(self.to_answer, dispatch.now() - order.created_at)
  end
  if self.inner then self.inner:on_order(order) end
end

function Probe:on_fill(fill, order)
  if self.inner then self.inner:on_fill(fill, order) end
end

function Probe:summary()
  if self.inner then self.inner:summary() end
end

local function attach(desk)
  local probe = desk.watch
  if getmetatable(probe) ~= Probe then
    probe = setmetatable({ inner = desk.watch, lookers = 0, since = dispatch.now(),
                           to_order = { at = 0 }, to_answer = { at = 0 } }, Probe)
    desk.watch = probe
  end
  probe.lookers = probe.lookers + 1
  return probe
end

-- What is listed, from top to bottom.
local parts = { "sessions", "strategies", "positions", "orders" }
local columns = {
  sessions = { "venue", "session", "since_at", "open_orders", "remark" },
  strategies = { "name", "state", "open_orders", "errors" },
  positions = { "strategy", "venue", "symbol", "qty", "avg_price", "realized", "unrealized" },
  -- What matters most comes first: a narrow screen cuts the rest.
  orders = { "created_at", "client_order_id", "status", "side", "symbol", "qty", "price", "cum_qty",
             "strategy", "venue" },
}

-- A look ------------------------------------------------------------------------------------------

---@class moonwire.Look
---@field desk moonwire.Desk
---@field last { time: number, events: number, orders: integer, fills: integer }  counts
---@field rates { events: number, orders: number, fills: number }  a second
local Look = { __name = "moonwire.Look" }
Look.__index = Look

local function counts(desk)
  return { time = dispatch.now(), events = dispatch.seq(), orders = desk.order_count,
           fills = desk.fill_count }
end

--- Begins to count; Look:stop() ends it.
---@param desk moonwire.Desk
---@return moonwire.Look
function M.begin(desk)
  return setmetatable({ desk = desk, probe = attach(desk), last = counts(desk),
                        rates = { events = 0, orders = 0, fills = 0 } }, Look)
end

--- Nobody looks any more, unless somebody else does.
function Look:stop()
  local probe = self.probe
  if not probe then return end
  self.probe = nil
  probe.lookers = probe.lookers - 1
  if probe.lookers == 0 then self.desk.watch = probe.inner end
end

local function rates(now, last)
  local seconds, per_second = now.time - last.time, {}
  for _, name in ipairs { "events", "orders", "fills" } do
    per_second[name] = math.floor((now[name] - last[name]) / seconds * 10 + 0.5) / 10
  end
  return per_second
end

--- How all of it stands; rates are those since the last call, if that was not just now.
---@return table  { name, time, sessions, strategies, orders, positions: lists of records,
---               rates = { events, orders, fills }: a second, event_to_order, order_to_answer:
---               { count, p50, p99, max }, in seconds, or nil; memory_mb }
function Look:take()
  local desk, now = self.desk, counts(self.desk)
  if now.time - self.last.time >= SHORTEST then
    self.rates, self.last = rates(now, self.last), now
  end
  local seen = {
    name = desk.name, time = now.time, rates = self.rates,
    sessions = format.list(survey.sessions(desk), columns.sessions),
    strategies = format.list(survey.strategies(desk), columns.strategies),
    orders = format.list(order_view.list(desk.orders:list_open()), columns.orders),
    positions = format.list(survey.positions(desk), columns.positions),
    event_to_order = summary(self.probe.to_order),
    order_to_answer = summary(self.probe.to_answer),
    memory_mb = math.floor(collectgarbage "count" / 102.4 + 0.5) / 10,
  }
  return seen
end

-- The screen --------------------------------------------------------------------------------------

local function time_text(seconds)
  if seconds < 0.001 then return ("%.0f us"):format(seconds * 1e6) end
  if seconds < 1 then return ("%.1f ms"):format(seconds * 1e3) end
  return ("%.2f s"):format(seconds)
end

local function latency_text(name, of)
  if not of then return name .. ": none" end
  return ("%s: p50 %s, p99 %s, max %s (%d)"):format(name, time_text(of.p50), time_text(of.p99),
                                                     time_text(of.max), of.count)
end

local function reversed(list)
  local other = {}
  for i = 1, #list do other[i] = list[#list + 1 - i] end
  return other
end

-- How many records of each part are shown: all, or as many as the height has lines for, shared. A
-- part takes a blank, its heading, and its records or a line for those that are left out; one for
-- which that is too much is left out (most[name] = nil). What is wanted most has its place first.
local function shares(seen, height)
  local most, wanted, left = {}, {}, height
  for _, name in ipairs { "orders", "sessions", "positions", "strategies" } do
    if #seen[name] > 0 and left >= 3 * (#wanted + 1) then wanted[#wanted + 1] = name end
  end
  left = left - 2 * #wanted
  table.sort(wanted, function(one, other) return #seen[one] < #seen[other] end)
  for i, name in ipairs(wanted) do              -- the shortest first: what it leaves, others get
    local count, share = #seen[name], math.floor(left / (#wanted - i + 1))
    most[name] = count <= share and count or share - 1
    left = left - math.min(share, count)
  end
  return most
end

-- Ten digits of an amount, two decimals at least: an average has a dozen decimals more.
local function short(amount)
  local whole = tostring(amount:abs():round("1", "down"))
  return amount:round(STEPS[math.max(2, 10 - #whole)], "half_even")
end

-- The records as they are shown: of the orders the newest first, positions without the decimals
-- that only a sum needs.
local function shown_of(name, records)
  if name == "orders" then return reversed(records) end
  if name ~= "positions" then return records end
  local list = {}
  for i, record in ipairs(records) do
    local shown = {}
    for field, value in pairs(record) do
      shown[field] = decimal.is(value) and field ~= "qty" and short(value) or value
    end
    list[i] = shown
  end
  return list
end

local function add_part(lines, name, records, most, width)
  local shown = shown_of(name, records)
  lines[#lines + 1] = ""
  for _, line in ipairs(format.table_lines(shown, columns[name], most, width)) do
    lines[#lines + 1] = line
  end
  if most < #records then
    lines[#lines + 1] = ("... %d more %s"):format(#records - most, name)
  end
end

local function cut(line, width)
  if #line <= width then return line end
  local count, at = 0, 0
  for c in line:gmatch "[^\128-\191][\128-\191]*" do
    if count == width then return line:sub(1, at) end
    count, at = count + 1, at + #c
  end
  return line
end

--- What was taken, as lines.
---@param seen table     of Look:take()
---@param width integer
---@param height integer|nil  of the screen, which it fits; nil: all of it
---@return string
function M.text(seen, width, height)
  local most, missing = height and shares(seen, height - 4), {}
  for _, name in ipairs(parts) do
    if most and #seen[name] > 0 and not most[name] then missing[#missing + 1] = name end
  end
  local lines = {
    ("%s  %s  open orders %d%s"):format(seen.name, format.time(seen.time), #seen.orders,
      missing[1] and "  no room: " .. table.concat(missing, ", ")
        or height and "  any key leaves" or ""),
    ("a second: %g events, %g orders, %g fills; memory %g MB"):format(seen.rates.events,
      seen.rates.orders, seen.rates.fills, seen.memory_mb),
    latency_text("event to order", seen.event_to_order),
    latency_text("order to answer", seen.order_to_answer),
  }
  for _, name in ipairs(parts) do
    local count = #seen[name]
    local share = most and most[name] or not most and count
    if count > 0 and share then add_part(lines, name, seen[name], share, height and width) end
  end
  if not height then return table.concat(lines, "\n") end
  for i = 1, #lines do lines[i] = cut(lines[i], width) end
  return table.concat(lines, "\n", 1, math.min(#lines, height))
end

return M
