--- What happens to orders and sessions, told to the journal before it is acted on: one record each
--- (runtime/record.h says what is in it). By FFI, because most of it lies on the path of an event.
--- Without a journal every function here does nothing, and LuaJIT compiles nothing for it.

local budget = require "moonwire.budget"
local ffi = require "moonwire.cdef"
local fill_module = require "moonwire.fill"
local host = require "moonwire.host"
local terminal = require("moonwire.order").terminal
local C = ffi.C

local M = {}

local EXTERNAL, ESTIMATE, KNOWN = 8, 16, 32         -- MW_ORDER_FLAG_
local AMENDS, IS_ESTIMATE, PROVISIONAL = 1, 2, 4    -- MW_FILL_FLAG_

local pointer = host.recorder()
local recorder = pointer and ffi.cast("struct mw_recorder *", pointer)
local words = ffi.new "struct mw_order_words"
local executed = ffi.new "struct mw_execution_words"
local last_number, last_fill = 0, 0   -- of an order, of a fill, in this run

-- What runs: "strategy ladder, on_fill (ladder.lua:34)", as C has it; nil between callbacks.
local function running()
  local shared = budget.shared
  return shared.callbacks % 2 == 1 and shared.names[shared.callback] or nil
end

-- What a venue gives may be a number; FFI takes texts.
local function text(value) return type(value) == "string" and value or nil end

local function write_order(order, number, flags)
  flags = flags + (order.external and EXTERNAL or 0) + (order.is_qty_estimate and ESTIMATE or 0)
  words.client_order_id, words.order_id = order.client_order_id, order.order_id
  words.venue, words.symbol, words.side = order.venue, order.symbol, order.side
  words.type, words.time_in_force = order.type, order.time_in_force
  words.status, words.strategy, words.callback = order.status, order.strategy, running()
  C.mw_record_order(recorder, number, flags, order.price, order.qty, order.amount, words)
end

--- A new order, of ours or one that the venue showed. It has a number from now on.
---@param order moonwire.Order
---@param is_known boolean|nil  it is of an earlier run
function M.order(order, is_known)
  if not recorder then return end
  last_number = last_number + 1
  order._totals.number = last_number
  write_order(order, last_number, is_known and KNOWN or 0)
end

-- An order that has ended and lacks fills is open in the journal: the next run asks for them.
local function kept_status(order)
  if terminal[order.status] and order:is_missing_fills() then return "unknown" end
  return order.status
end

--- An order of which more than its status is another now; it keeps its number.
function M.changed(order)
  if recorder then write_order(order, order._totals.number, KNOWN) end
end

--- The order's status or its id at the venue is another one.
function M.status(order)
  if not recorder then return end
  local totals = order._totals
  C.mw_record_order_status(recorder, totals.number, totals, kept_status(order),
                           text(rawget(order, "order_id")), text(rawget(order, "reason")))
end

-- A fill's flags and its number, which it has from now on. Raw: what a fill may lack, it looks for
-- in a function.
local function numbered(fill, is_provisional)
  last_fill = last_fill + 1
  fill_module.set_number(fill, last_fill)
  return (rawget(fill, "amends") and AMENDS or 0) + (rawget(fill, "is_estimate") and IS_ESTIMATE
    or 0) + (is_provisional and PROVISIONAL or 0), last_fill
end

--- An execution that was counted, or one counted before whose price or fees are known now.
function M.fill(order, fill, is_provisional)
  if not recorder then return end
  local id = fill_module.trade_id(fill)
  local flags, number = numbered(fill, is_provisional)
  C.mw_record_fill(recorder, order._totals.number, flags, fill_module.execution(fill), text(id),
                   type(id) == "number" and id or 0, number)
end

--- M.fill and M.status at once.
function M.executed(order, fill, is_provisional)
  if not recorder then return end
  local id, w = fill_module.trade_id(fill), executed
  local trade_id, status, order_id, reason = text(id), kept_status(order),
    text(rawget(order, "order_id")), text(rawget(order, "reason"))
  w.trade_id, w.trade_id_len = trade_id, trade_id and #trade_id or 0
  w.status, w.status_len = status, #status
  w.order_id, w.order_id_len = order_id, order_id and #order_id or 0
  w.reason, w.reason_len = reason, reason and #reason or 0
  local flags, number = numbered(fill, is_provisional)
  C.mw_record_executed(recorder, flags, fill_module.execution(fill),
                       type(id) == "number" and id or 0, number, order._totals, w)
end

--- A strategy has heard of its fills up to that one; see M.persist, which can say it as well.
---@param strategy string
---@param fill integer  its number
function M.told(strategy, fill)
  if recorder then C.mw_record_told(recorder, strategy, #strategy, fill) end
end

-- The rest is rare.

--- A runtime starts; epoch_ms is that of its client order ids.
function M.run(name, version, config, epoch_ms)
  host.record("run", { name, version, config }, C.getpid(), epoch_ms)
end

local digests = {}                    -- path -> of what was read there last; false: it could not be

--- A file of code, or the configuration, was read: what it holds, or nil and why not. What is
--- as it was the last time is not recorded again.
---@param path string
---@param content string|nil
---@param err string|nil
function M.file(path, content, err)
  if not recorder then return end
  local digest = content and host.digest("sha256", { content }, "hex") or false
  if digests[path] == digest then return end
  digests[path] = digest
  host.record("file", path, content and 1 or 0, 0, content or err or "")
end

--- A session's state is another one; why may be nil.
function M.session(venue, state, why) host.record("session", { venue, state, why or "" }) end

--- A command of a callback that failed.
function M.dropped(strategy, callback, command, why)
  host.record("dropped", { strategy, callback, command, why })
end

--- A strategy wants to hear of no fill so far.
function M.told_all(strategy) M.told(strategy, last_fill) end

--- What a strategy keeps for the next run: its self.state.persist as text.
---@param strategy string
---@param kept string
---@param fill integer|nil  as in M.told: it keeps this since it heard of that fill
function M.persist(strategy, kept, fill)
  host.record("persist", strategy .. "\0" .. kept, fill or 0)
end

--- Something that a person should see.
function M.alarm(what) host.record("alarm", what) end

return M
