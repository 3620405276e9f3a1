--- The property of the order model: what a venue did with an order (the truth), how it is told
--- (late, twice, out of order, not at all, by old answers to questions), and whether the order ends
--- as the truth has it. On the way the invariants of order.lua hold after every single report.
---
--- How a thing is told is a shape's: reports as they are (reports.lua), or a venue's own messages,
--- read by the venue's own code (shapes/). A shape is
---   limits        of what the venue can do: see new_truth
---   new(truth)    a world: its order, and functions that make the venue's messages, have them read
---                 and hand what comes of it to M.apply(world, report):
---     push(step number, is_provisional)   the stream's message about that step, if it has one
---     accept(upto)  the answer to the order, when the venue had done so many steps
---     refuse()      the answer that it was refused
---     ask(upto)     what the questions of a doubt bring when the venue has done so many steps
---     give_up()     what it means that the order is not found, however often it is asked about
---                 and `also`: another status that is right, where the venue shows no more

local decimal = require "moonwire.decimal"
local order_module = require "moonwire.order"

local M = {}
local ZERO = decimal "0"
local random = math.random

-- So many different histories are more code than a program that trades ever has.
require "moonwire.door"
require("jit").opt.start("maxmcode=131072", "sizemcode=1024")

local function chance(p) return random() < p end

-- The truth ---------------------------------------------------------------------------------------

local function new_step(truth, status, fields)
  fields = fields or {}
  fields.status, fields.cum_qty = status, truth.cum
  truth.steps[#truth.steps + 1] = fields
  truth.status = status
end

local function new_trade(truth, limits)
  local qty = truth.qty - truth.cum
  if not limits.whole then qty = decimal.min(truth.unit * random(1, 4), qty) end
  local price = limits.new_price and limits.new_price(truth)
    or truth.price - decimal(tostring(random(0, 2)))
  local trade = { trade_id = tostring(9000 + #truth.trades + 1), last_qty = qty,
                  last_price = price }
  truth.cum, truth.value = truth.cum + qty, truth.value + price * qty
  truth.trades[#truth.trades + 1] = trade
  new_step(truth, "partially_filled", { trade_id = trade.trade_id, last_qty = qty,
                                        last_price = price })
end

-- What the venue did, as a list of steps. limits: no_expiry, unit (of quantities), whole (all is
-- executed at once), new_price(truth), only_buys.
local function new_truth(limits)
  local unit = limits.unit or decimal "0.001"
  local truth = { unit = unit, qty = unit * random(1, 6),
                  price = decimal(tostring(random(90, 110))), steps = {}, cum = ZERO, value = ZERO,
                  trades = {}, status = "absent",
                  side = (limits.only_buys or chance(0.5)) and "buy" or "sell" }
  if chance(0.1) then
    truth.is_refused = chance(0.5)     -- with an answer, or it never arrived
    return truth
  end
  new_step(truth, "new")
  while truth.cum < truth.qty and chance(0.7) do new_trade(truth, limits) end
  if truth.cum == truth.qty then
    new_step(truth, "filled")
  elseif chance(0.6) then
    new_step(truth, not limits.no_expiry and chance(0.1) and "expired" or "canceled")
  end
  return truth
end

--- How many trades of the truth are among its first steps.
function M.trades_upto(truth, upto)
  local count = 0
  for i = 1, upto do count = count + (truth.steps[i].trade_id and 1 or 0) end
  return count
end

-- How it is told ----------------------------------------------------------------------------------

local function shuffle(list)
  for i = #list, 2, -1 do
    local j = random(i)
    list[i], list[j] = list[j], list[i]
  end
end

local function insert(history, what, argument)
  table.insert(history, random(1, #history + 1), { what, argument })
end

-- Everything that reaches us, in some order: lost, doubled, mixed up.
local function new_history(truth)
  local history = {}
  for i in ipairs(truth.steps) do
    local copies = chance(0.15) and 0 or chance(0.2) and 2 or 1
    local is_provisional = chance(0.3)
    for _ = 1, copies do history[#history + 1] = { "push", i, is_provisional } end
  end
  if chance(0.3) then shuffle(history) end
  if chance(0.7) and #truth.steps > 0 then insert(history, "accept", random(1, #truth.steps))
  elseif truth.is_refused and chance(0.7) then insert(history, "refuse")
  else insert(history, "report", { status = "unanswered" }) end
  if chance(0.3) then insert(history, "report", { status = "cancel_sent" }) end
  if chance(0.15) then insert(history, "report", { status = "cancel_refused" }) end
  for _ = 1, random(0, 2) do insert(history, "ask", random(0, #truth.steps)) end
  return history
end

-- Whether it comes out ----------------------------------------------------------------------------

local function broken_invariant(order, status, cum_qty, is_inferred, counted)
  if counted ~= order.cum_qty then return "cum_qty is not the sum of the fills" end
  if order.cum_qty > order.qty then return "cum_qty is above qty" end
  if order.cum_qty < cum_qty then return "cum_qty shrank" end
  if order.status == "filled" and order.cum_qty ~= order.qty then
    return "filled before everything was counted"
  end
  if order_module.terminal[status] and order.status ~= status and not is_inferred then
    return "left " .. status .. " for " .. order.status
  end
end

local function words_of(report)
  local words = {}
  for key, value in pairs(report) do words[#words + 1] = key .. "=" .. tostring(value) end
  table.sort(words)
  return table.concat(words, " ")
end

--- Gives a report to a world's order; raises what is broken by it.
function M.apply(world, report)
  local order = world.order
  local status, cum_qty, is_inferred = order.status, order.cum_qty, order._is_inferred
  local told = world.story and words_of(report)
  local _, fill, amended = order:apply(report)
  if world.write then world:write(report, fill, amended) end
  if fill then world.counted = world.counted + fill.qty end
  if told then table.insert(world.story, "    " .. told .. "  ->  " .. tostring(order)) end
  local broken = broken_invariant(order, status, cum_qty, is_inferred, world.counted)
  if broken then error(broken, 0) end
end

local function tell(world, message)
  if world.story then
    table.insert(world.story, ("%s %s"):format(message[1], tostring(message[2])))
  end
  if message[1] == "report" then return M.apply(world, message[2]) end
  return world[message[1]](world, message[2], message[3])
end

-- The doubt is resolved by asking, until the venue's word counts (reconcile.lua).
local function ask_to_the_end(world, truth)
  if #truth.steps > 0 then
    order_module.cancel_of(world.order).lost_at = 0
    tell(world, { "ask", #truth.steps })
  elseif not order_module.terminal[world.order.status] then
    world:give_up()
  end
end

local function compare(world, truth)
  local order = world.order
  local expected = truth.status == "absent" and "rejected" or truth.status
  if order.status ~= expected and order.status ~= world.also then
    error("the venue says " .. truth.status, 0)
  end
  if order.cum_qty ~= truth.cum then
    error("the venue executed " .. tostring(truth.cum), 0)
  end
  if order:is_missing_fills() then error("fills are missed that there never were", 0) end
  if order._totals.value ~= truth.value then
    error("the fills are worth " .. tostring(truth.value), 0)
  end
end

local function play(world, truth, before_message)
  for _, message in ipairs(new_history(truth)) do
    if not (before_message and before_message(world)) then tell(world, message) end
  end
  ask_to_the_end(world, truth)
  compare(world, truth)
end

local function run(seed, shape, options, is_told)
  math.randomseed(seed)
  local truth = new_truth(shape.limits)
  local world = shape.new(truth)
  world.story, world.counted = is_told and {} or nil, ZERO
  local ok, err = pcall(play, world, truth, options.before_message)
  if ok then return nil end
  return ("MW_PROPERTY_SEED=%d: %s: %s\n  %s"):format(
    seed - 1, tostring(err), tostring(world.order), table.concat(world.story or {}, "\n  "))
end

--- Plays so many histories and raises the story of the first one that does not come out. It is told
--- only then: that costs most of the time.
---@param options table|nil  { before_message = function(world): true when the message is lost }
function M.hold(shape, count, seed, options)
  options = options or {}
  for i = seed + 1, seed + count do
    if run(i, shape, options) then error(run(i, shape, options, true) or "once only", 0) end
  end
end

--- An order as a shape begins with.
function M.new_order(truth, fields)
  local request = { venue = "v", side = truth.side, qty = truth.qty, price = truth.price,
                    type = "limit", time_in_force = "gtc" }
  for name, value in pairs(fields) do request[name] = value end
  return order_module.new(request, 0)
end

return M
