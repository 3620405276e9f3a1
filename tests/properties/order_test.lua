--- Property: whatever happens to the messages about an order (late, twice, out of order, lost, a
--- missing answer, an old answer to a question), once the venue has been asked the order is what
--- the venue says. On the way the invariants of order.lua hold after every single report. So it is
--- when the process dies in between, once or more, and the order is made again from the journal.
---
--- MW_PROPERTY_RUNS (default 100000) histories; MW_PROPERTY_SEED repeats a run that failed.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local order_module = require "moonwire.order"
local restore = require "moonwire.restore"

local RUNS = tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local ZERO, UNIT = decimal "0", decimal "0.001"

local random = math.random

local function chance(p) return random() < p end

-- What the venue did with the order, as a list of steps: the truth that messages speak of.
local function new_truth()
  local truth = { qty = UNIT * random(1, 6), price = decimal(tostring(random(90, 110))), steps = {},
                  cum = ZERO, value = ZERO, trades = {}, status = "absent" }
  if chance(0.1) then
    truth.refused = chance(0.5)        -- refused with an answer, or it never arrived
    return truth
  end
  local function step(status, fields)
    fields = fields or {}
    fields.status, fields.cum_qty = status, truth.cum
    truth.steps[#truth.steps + 1] = fields
    truth.status = status
  end
  step("new")
  while truth.cum < truth.qty and chance(0.7) do
    local qty = decimal.min(UNIT * random(1, 4), truth.qty - truth.cum)
    local price = truth.price - decimal(tostring(random(0, 2)))
    local trade = { trade_id = "t" .. #truth.trades + 1, last_qty = qty, last_price = price }
    truth.cum, truth.value = truth.cum + qty, truth.value + price * qty
    truth.trades[#truth.trades + 1] = trade
    step("partially_filled", { trade_id = trade.trade_id, last_qty = qty, last_price = price,
                               bound = truth.price })
  end
  if truth.cum == truth.qty then
    step("filled")
  elseif chance(0.6) then
    step(chance(0.1) and "expired" or "canceled")
  end
  return truth
end

-- One message of the venue's stream about a step; some venues tell only a bound of the price.
local function push(step, is_provisional)
  local report = { order_id = "v1", status = step.status, cum_qty = step.cum_qty,
                   trade_id = step.trade_id, last_qty = step.last_qty,
                   last_price = step.last_price }
  if report.trade_id and is_provisional then
    report.is_provisional, report.last_price = true, step.bound
  end
  return report
end

-- What asking brings when the venue has done `upto` steps: first the trades, then the state.
local function ask(truth, upto)
  local reports, last = {}, truth.steps[upto]
  if not last then return reports end
  for i = 1, upto do
    local step = truth.steps[i]
    if step.trade_id then
      reports[#reports + 1] = { trade_id = step.trade_id, last_qty = step.last_qty,
                                last_price = step.last_price }
    end
  end
  local is_open = last.status == "new" or last.status == "partially_filled"
  reports[#reports + 1] = { order_id = "v1", status = is_open and "working" or last.status,
                            cum_qty = last.cum_qty }
  return reports
end

local function shuffled(list)
  for i = #list, 2, -1 do
    local j = random(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

-- Everything that reaches us, in some order: lost, doubled, mixed up.
local function new_history(truth, by_total)
  local messages = {}
  for _, step in ipairs(truth.steps) do
    local copies = chance(0.15) and 0 or chance(0.2) and 2 or 1
    local is_provisional = chance(0.3)
    for _ = 1, copies do messages[#messages + 1] = push(step, is_provisional) end
  end
  if chance(0.3) then messages = shuffled(messages) end
  local function insert(message) table.insert(messages, random(1, #messages + 1), message) end
  if chance(0.7) and #truth.steps > 0 then insert { status = "new", order_id = "v1" }
  elseif truth.refused and chance(0.7) then insert { status = "rejected", reason = "funds" }
  else insert { status = "unanswered" } end
  if chance(0.3) then insert { status = "cancel_sent" } end
  if chance(0.15) then insert { status = "cancel_refused" } end
  for _ = 1, random(0, 2) do                 -- old answers: of any earlier moment, at any time
    local reports, at = ask(truth, random(0, #truth.steps)), random(1, #messages + 1)
    for i = #reports, 1, -1 do table.insert(messages, at, reports[i]) end
  end
  if by_total then
    for _, message in ipairs(messages) do
      if message.cum_qty and not message.trade_id and chance(0.3) then
        message.by_total, message.is_estimate, message.last_price = true, true, truth.price
      end
    end
  end
  return messages
end

local function check_invariants(order, before, describe)
  local counted = ZERO
  for _, fill in ipairs(order.fills) do counted = counted + fill.qty end
  if counted ~= order.cum_qty then return describe "cum_qty is not the sum of the fills" end
  if order.cum_qty > order.qty then return describe "cum_qty is above qty" end
  if order.cum_qty < before.cum_qty then return describe "cum_qty shrank" end
  if order.status == "filled" and order.cum_qty ~= order.qty then
    return describe "filled before everything was counted"
  end
  if order_module.terminal[before.status] and order.status ~= before.status
    and not before.is_inferred then
    return describe("left " .. before.status .. " for " .. order.status)
  end
end

local function expected_status(truth)
  if truth.status == "absent" then return "rejected" end
  return truth.status
end

local function trace(message)
  local words = {}
  for key, value in pairs(message) do words[#words + 1] = key .. "=" .. tostring(value) end
  table.sort(words)
  return table.concat(words, " ")
end

-- What the journal has of an order (runtime/journal_rows.c): each fill that was counted.
local function write_fill(rows, fill, is_provisional)
  rows[#rows + 1] = {
    trade_id = fill.trade_id, qty = fill.qty, price = fill.price, fees = {},
    is_estimate = fill.is_estimate or false, is_provisional = is_provisional or false,
  }
end

local function take_from_estimates(rows, qty)
  for i = #rows, 1, -1 do
    local row = rows[i]
    if row.is_estimate then
      local taken = decimal.min(row.qty, qty)
      row.qty, qty = row.qty - taken, qty - taken
      if row.qty:is_zero() then table.remove(rows, i) end
    end
  end
end

-- A trade whose price was a bound has its true one; any other names some of what was counted by
-- total, perhaps in addition to what was new of it.
local function write_amended(rows, fill, is_provisional)
  local found
  for _, row in ipairs(rows) do
    if row.trade_id == fill.trade_id then found = row end
  end
  if found and found.is_provisional then
    found.price, found.is_provisional = fill.price, is_provisional or false
    return
  end
  take_from_estimates(rows, fill.qty)
  if found then found.qty = found.qty + fill.qty
  else write_fill(rows, fill, is_provisional) end
end

local function write(rows, message, fill, amended)
  if fill then write_fill(rows, fill, message.is_provisional) end
  if amended then write_amended(rows, amended, message.is_provisional) end
end

-- The order as the next run has it.
local function after_restart(order, rows)
  local again = restore.order {
    client_order_id = order.client_order_id, order_id = order.order_id, venue = order.venue,
    symbol = order.symbol, side = order.side, type = order.type, qty = order.qty,
    price = order.price, status = order.status, reason = order.reason, created_at = 0, fills = rows,
  }
  again.fills = order.fills
  return again
end

-- One history; what is wrong with it, or nil. The story is told only when it is asked for: it costs
-- most of the time.
local function run(seed, deaths, is_told)
  math.randomseed(seed)
  local truth = new_truth()
  local order = order_module.new({ client_order_id = "c1", venue = "v", symbol = "A/B",
                                   side = "buy", qty = truth.qty, price = truth.price }, 0)
  order.fills = {}
  local story, rows = {}, {}
  local function describe(what)
    return ("seed %d: %s: %s\n  %s"):format(seed, what, tostring(order),
                                            table.concat(story, "\n  "))
  end
  local function apply(message)
    local before = { status = order.status, cum_qty = order.cum_qty,
                     is_inferred = order._is_inferred }
    local _, fill, amended = order:apply(message)
    write(rows, message, fill, amended)
    if fill then order.fills[#order.fills + 1] = fill end
    if is_told then story[#story + 1] = trace(message) .. "  ->  " .. tostring(order) end
    return check_invariants(order, before, describe)
  end
  local function die()
    local before = order
    order = after_restart(order, rows)
    if is_told then story[#story + 1] = "restart  ->  " .. tostring(order) end
    if order.cum_qty ~= before.cum_qty then return describe "cum_qty changed with the restart" end
    if order._totals.value ~= before._totals.value then
      return describe "the value changed with the restart"
    end
    if not before:is_open() and order.status ~= before.status then
      return describe("was " .. before.status .. " before the restart")
    end
  end
  for _, message in ipairs(new_history(truth, chance(0.3))) do
    local broken = deaths > 0 and chance(deaths) and die() or apply(message)
    if broken then return broken end
  end
  -- The doubt is resolved by asking, as reconcile.lua does: it repeats until the venue's word
  -- counts.
  if #truth.steps == 0 then
    if not order_module.terminal[order.status] then
      local broken = apply { status = "rejected", reason = "not_found", is_inferred = true }
      if broken then return broken end
    end
  else
    order_module.cancel_of(order).lost_at = 0
    for _, message in ipairs(ask(truth, #truth.steps)) do
      local broken = apply(message)
      if broken then return broken end
    end
  end
  if order.status ~= expected_status(truth) then
    return describe("the venue says " .. truth.status)
  end
  if order.cum_qty ~= truth.cum then
    return describe("the venue executed " .. tostring(truth.cum))
  end
  if order._totals.value ~= truth.value then
    return describe("the fills are worth " .. tostring(truth.value))
  end
end

local function hold(deaths)
  for i = 1, RUNS do
    if run(SEED + i, deaths) then error(run(SEED + i, deaths, true), 0) end
  end
end

t.test("an order ends as the venue has it, whatever happened to the messages", function()
  hold(0)
end)

t.test("an order ends as the venue has it, however often the process died", function()
  hold(0.2)
end)

t.done()
