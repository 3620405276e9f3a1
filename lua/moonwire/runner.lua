--- The runner of one strategy: it calls the strategy's callbacks, one at a time, and does what they
--- asked for. A callback is a transaction: what it asks for is done when it returns, and dropped
--- when it raises.

local budget = require "moonwire.budget"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local fill_module = require "moonwire.fill"
local log = require "moonwire.log"
local persist = require "moonwire.persist"
local record = require "moonwire.record"
local sandbox = require "moonwire.sandbox"
local strategy_timer = require "moonwire.strategy_timer"
local task = require "moonwire.task"
local trading = require "moonwire.runner_trading"
local untold = require "moonwire.untold"

local Runner = { __name = "moonwire.Runner" }
Runner.__index = Runner
for name, method in pairs(trading) do Runner[name] = method end

local M = { Runner = Runner }
-- Of a traceback, how the runtime came to the callback: that is of no use to whoever wrote it.
local BELOW = "\n\t%[C%]: in function 'xpcall'\n\t[^\n]*/moonwire/runner%.lua:%d+:.*$"
local current                          -- the runner whose callback is running, or nil
local is_committing = false            -- what a callback asked for is being done

--- A runner without its strategy's instance, which is runner.instance (strategy.lua).
---@param desk moonwire.Desk           orders, sessions, risk: what a strategy trades through
---@param spec table                   { name=, file= } of the configuration
---@param class table                  what the user's file returned
function M.new(desk, spec, class)
  return setmetatable({
    desk = desk, name = spec.name, file = spec.file, class = class, state = "loaded",
    errors = 0, ops = {}, op_count = 0, kept_count = 0, sent_times = {}, sent_to = {},
    timers = {}, tasks = {}, feeds = {},
    early = { number = 0 },                    -- what is heard before on_start; false after it
    missed = {},                               -- what would have been told when it had stopped
    persisted = false,                         -- what was recorded of state.persist, as a text
    asks = {},                                 -- callbacks that ever asked for anything
    places = {},                               -- name of a callback -> its place in budget.lua
    code = false, kept = {},                   -- see code.lua: the version that runs, mw.keep's
    environments = setmetatable({}, { __mode = "k" }),     -- the globals of all its versions
    probation = false,                         -- of a new version (probation.lua)
    log = log.new { strategy = spec.name },
  }, Runner)
end

--- The runner whose callback is running; nil between callbacks.
function M.current() return current end

-- Transactions ------------------------------------------------------------------------------------

-- One thing asked for: object[method](object, a, b), or `undo` in its place when it is dropped.
function Runner:ask(object, method, undo, a, b)
  if current ~= self then return object[method](object, a, b) end
  local n = self.op_count + 1
  self.op_count = n
  local op = self.ops[n]
  if not op then
    op = {}
    self.ops[n] = op
  end
  op.object, op.method, op.undo, op.a, op.b = object, method, undo, a, b
end

local function say_unkept(self, why)
  if why == self.unkept then return end
  self.unkept = why
  self.log.error("not kept for a restart, what was kept before stays: %s", why)
end

-- What the strategy keeps is recorded before what it asked for leaves. What it keeps since it heard
-- of a fill, and that it heard of it, is one record: no death comes in between.
local function save_persist(self, kept, told)
  local text, err = persist.encode(kept or {})
  if text then self.unkept = nil end
  if text and text ~= self.persisted then
    self.persisted = text
    return record.persist(self.name, text, told)
  end
  if told ~= 0 then record.told(self.name, told) end
  if not text then say_unkept(self, err) end
end

-- What it takes is full of loops, which must not become part of the compiled path of an event:
-- gsub and all that it calls stay outside of it.
local saving, saving_kept, saving_told
local function save_outside()
  save_persist(saving, saving_kept, saving_told)
  saving, saving_kept = nil, nil
end

-- told: number of the fill that it has heard of now; 0: none.
local function keep_persist(self, told)
  local state = rawget(self.instance, "state")
  local kept = type(state) == "table" and rawget(state, "persist") or nil
  if type(kept) == "table" and next(kept) ~= nil or self.persisted then
    saving, saving_kept, saving_told = self, kept, told
    string.gsub(".", ".", save_outside)
  elseif told ~= 0 then
    record.told(self.name, told)
  end
end

--- Gives back what an earlier run kept: a text of persist.encode.
function Runner:restore_persist(text)
  local kept, err = persist.decode(text)
  if not kept then
    return self.log.error("state.persist of the run before cannot be read and begins empty: %s",
                          err)
  end
  self.instance.state.persist, self.persisted = kept, text
end

-- What a callback asked for is kept when it returned; it is done when the event is.
function Runner:keep()
  if self.op_count == self.kept_count then return end
  if self.kept_count == 0 then dispatch.defer(self, "commit") end
  self.kept_count = self.op_count
end

-- ... and dropped when it raised.
function Runner:drop(callback, why)
  for i = self.op_count, self.kept_count + 1, -1 do
    local op = self.ops[i]
    self.log.warn("dropped with the failed callback: %s %s", op.method, op.a)
    record.dropped(self.name, callback, op.method .. " " .. tostring(op.a), why)
    if op.undo then op.object[op.undo](op.object, op.a, why) end
    op.object, op.a, op.b = nil, nil, nil
  end
  self.op_count = self.kept_count
end

local function commit_one(self, op)
  local object, a, b = op.object, op.a, op.b
  op.object, op.a, op.b = nil, nil, nil
  local ok, err = xpcall(object[op.method], debug.traceback, object, a, b)
  if ok then return end
  self.log.error("internal error in %s: %s", op.method, err)
  if self.probation then self.probation:on_error(op.method) end
end

local function commit_rest(self, count)
  for i = 2, count do commit_one(self, self.ops[i]) end
end

-- What is done may report at once (an order refused on the way): those callbacks wait, so that the
-- list does not change under way.
function Runner:commit()
  local count = self.kept_count
  is_committing = true
  commit_one(self, self.ops[1])                 -- one as a rule: see link.lua on loops
  if count > 1 then commit_rest(self, count) end
  self.op_count, self.kept_count, is_committing = 0, 0, false
end

local function is_busy() return current ~= nil or is_committing end

-- A strategy's code is entered here and nowhere else: the guardian sees which it is.
local function begin_callback(self, name, code)
  local place = self.places[name]
  if not place then
    place = budget.place(self.name, name, code)
    self.places[name] = place
  end
  current = self
  budget.enter(place)
end

-- What was raised, as a text; it is made while the callback counts as running, because an object
-- that was raised may run code of its own for that.
local function explain(err)
  return debug.traceback(type(err) == "string" and err or tostring(err), 1)
end

-- A fill that a callback failed on was told as well: with it goes what the strategy keeps, unless
-- that may be half done, or takes memory that is not there.
local function note_told(self, told, is_whole)
  if told == 0 then return end
  if is_whole then keep_persist(self, told) else record.told(self.name, told) end
end

local function finish_callback(self, name, told, ok, err)
  current = nil
  if budget.leave() then
    note_told(self, told, false)
    self:ended(name)
    return false
  end
  if ok then
    keep_persist(self, told)
    if self.op_count ~= self.kept_count then
      self.asks[name] = true
      Runner.keep(self)
    end
    return true
  end
  note_told(self, told, not budget.is_out_of_memory(err))
  self:drop(name, "callback failed")
  self:failed(name, err)
  return false
end

-- Reports of what happened between two runs wait until the strategy has started.
local function keep_early(self, name, a, b)
  local early = self.early
  local heard = { name = name, a = a, b = b }
  early[#early + 1] = heard
  if name ~= "on_order" then return end                -- of a fill the journal knows it
  early.number = early.number + 1
  heard.number = early.number
  local ok, err = untold.record(self.name, heard.number, a, b)
  if not ok then self.log.error("not kept until it is told: %s", err) end
end

--- It is told when the strategy is started again, or by the next run.
function Runner:miss(heard) self.missed[#self.missed + 1] = heard end

--- Tells what was heard before the start.
function Runner:tell(heard)
  if self.state ~= "running" then return self:miss(heard) end
  if is_busy() then return dispatch.defer(self, "tell", heard) end
  if heard.number then untold.forget(self.name, heard.number) end
  self:call(heard.name, heard.a, heard.b)
end

--- Calls a callback of the strategy, if it has one, as soon as what caused it is booked. One that
--- never asked for anything so far is called on the spot, which is quicker: LuaJIT compiles it with
--- the event. With orders in it the whole would be more than LuaJIT can handle.
function Runner:hear(name, a, b)
  if not self.class[name] then return end
  if self.early then return keep_early(self, name, a, b) end
  if self.asks[name] or dispatch.has_more() or task.is_inside() then
    return dispatch.defer(self, "call", name, a, b)
  end
  return Runner.call(self, name, a, b)
end

--- Calls a callback of the strategy now, if it has one. Callbacks never nest: while one runs,
--- others wait for the end of the event.
function Runner:call(name, a, b)
  if self.state == "stopped" then
    if name == "on_fill" then self:miss { name = name, a = a, b = b } end
    return
  end
  if is_busy() then return dispatch.defer(self, "call", name, a, b) end
  local method = self.class[name]
  if not method then return end
  -- Before the strategy has it in hand.
  local told = name == "on_fill" and fill_module.number(a) or 0
  begin_callback(self, name, method)
  return finish_callback(self, name, told, xpcall(method, explain, self.instance, a, b))
end

-- A function that stands in for a method is called by where it stands.
local function name_of(method)
  if type(method) == "string" then return method end
  local info = debug.getinfo(method, "S")
  return ("function at line %d"):format(info.linedefined)
end

local function call_later(self, method, n, args)
  if self.state ~= "running" then return end
  if is_busy() then return dispatch.defer(self, "call_method", method, n, args) end
  local f = type(method) == "function" and method or self.class[method]
  if not f then return self.log.error("no method %s any more", method) end
  local name = name_of(method)
  begin_callback(self, name, f)
  finish_callback(self, name, 0, xpcall(f, explain, self.instance, unpack(args, 1, n)))
end
Runner.call_method = call_later

-- Its state and its code are let go: that is where the memory may be.
local function release(self)
  local state = self.instance.state
  self.instance.state = { persist = type(state) == "table" and state.persist or {} }
  self.class = {}
end

local function stop_for_memory(self, name)
  self:stop("memory limit reached in " .. name)
  release(self)
end

--- A callback or a step of a task ran too long or took too much memory, and was ended: the strategy
--- stops, whatever on_error says.
function Runner:ended(name)
  local is_memory, report = budget.take()
  self.errors = self.errors + 1
  self:drop(name, "callback was ended")
  self.log.error("%s was ended: %s", name, (report:gsub(BELOW, "")))
  if is_memory then return stop_for_memory(self, name) end
  if self.probation then return self.probation:fail(name .. " ran too long") end
  self:stop(name .. " ran too long")
end

function Runner:failed(name, err)
  self.errors = self.errors + 1
  self.log.error("%s failed: %s", name, (tostring(err):gsub(BELOW, "")))
  local hint = sandbox.hint(tostring(err))
  if hint then self.log.error("%s", hint) end
  if budget.is_out_of_memory(err) then return stop_for_memory(self, name) end
  if self.probation then return self.probation:on_error(name) end
  if self.desk.config.on_error ~= "continue" then self:stop("error in " .. name) end
end

-- Life --------------------------------------------------------------------------------------------

--- Starts: on_start, then what was heard before it.
function Runner:start()
  local early = self.early
  self.state, self.early = "running", false
  self:call("on_start")
  for _, heard in ipairs(early) do dispatch.defer(self, "tell", heard) end
end

--- Starts again after it was stopped, with the state that it had.
function Runner:restart(who)
  if self.state ~= "stopped" then return end
  if is_busy() then return dispatch.defer(self, "restart", who) end
  self.log.info("started again (%s)", who)
  self.early, self.missed, self.is_held = self.missed, {}, false
  self:start()
end

function Runner:ask_stop(reason) self:ask(self, "stop", nil, reason) end

--- Stops: on_stop, then timers and tasks end and open orders are canceled.
function Runner:stop(reason)
  if self.state ~= "running" and self.state ~= "loaded" then return end
  if is_busy() then return dispatch.defer(self, "stop", reason) end
  local has_started = self.state == "running"
  if has_started then self.log.info("stopping: %s", reason) end
  self.state = "stopping"                                     -- no new orders; on_stop may cancel
  if has_started then self:call("on_stop") end
  self.state = "stopped"
  for timer in pairs(self.timers) do timer:stop() end
  for running in pairs(self.tasks) do running:cancel() end
  self.timers, self.tasks = {}, {}
  if self.desk.config.on_stop ~= "leave" then
    local open = self.desk.orders:list_open { strategy = self.name }
    each.in_turn(open, self.log, "cancel", function(order) self.desk:end_order(order) end)
  end
  self.desk:on_runner_stopped(self)
end

-- Reload ------------------------------------------------------------------------------------------

--- Runs f(...) as this strategy's code, between two events, where nothing can be asked for.
---@return boolean|nil ok
---@return any result  what f returned; or what went wrong
function Runner:evaluate(name, f, ...)
  begin_callback(self, name, f)
  local ok, result = xpcall(f, explain, ...)
  current = nil
  local was_ended = budget.leave()
  self:drop(name, "nothing can be asked for there")
  if was_ended then ok, result = false, select(2, budget.take()) end
  return ok or nil, result
end

-- Timers hold names; those whose method is gone, as was said, end.
local function stop_orphaned_timers(self)
  for timer in pairs(self.timers) do
    if type(timer.method) == "string" and type(self.class[timer.method]) ~= "function" then
      self.log.warn("the timer of %g s for %s ends: there is no such method any more",
                    timer.seconds, timer.method)
      timer:stop()
    end
  end
end

--- Another version of the code goes on from here; between two events (reload.lua).
---@param version { class: table, code: moonwire.Code, params: table, state: table|nil }
---        state nil: it stays
function Runner:swap(version)
  local old_params = self.instance.params
  budget.forget(self.places)
  if not self.class.on_fill then record.told_all(self.name) end
  self.class, self.code, self.asks, self.places = version.class, version.code, {}, {}
  self.environments[version.code.environment] = true
  self.instance.params = version.params
  if version.state then self.instance.state = version.state end
  stop_orphaned_timers(self)
  if self.state ~= "running" then return end
  keep_persist(self, 0)
  self:call("on_reload", old_params)
end

-- Timers ------------------------------------------------------------------------------------------

function Runner:start_timer(seconds, is_repeating, method, ...)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e8)
    or is_repeating and seconds <= 0 then
    error("seconds: a number above 0 expected", 3)
  end
  local timer, handle = strategy_timer.new(self, seconds, is_repeating, method, ...)
  self.timers[timer] = true
  self:ask(timer, "begin", "stop")
  return handle
end

-- Tasks -------------------------------------------------------------------------------------------

function Runner:start_task(method, ...)
  local args, n = { ... }, select("#", ...)
  self:ask(self, "begin_task", nil, method, { n = n, args = args })
end

function Runner:begin_task(method, packed)
  local f = type(method) == "function" and method or self.class[method]
  local name = name_of(method)
  self.places[name] = self.places[name] or budget.place(self.name, name, f)
  local started = task.start(self, name, function()
    return f(self.instance, unpack(packed.args, 1, packed.n))
  end)
  if not started.is_done then self.tasks[started] = true end
end

-- A task's step from one wait to the next is a transaction as well (task.lua calls these two).
function Runner:before_step(running)
  if is_busy() then return false end
  begin_callback(self, running.name)
  return true
end

function Runner:after_step(running, ok)
  current = nil
  if budget.leave() then
    running:cancel()
    return self:ended(running.name, running)
  end
  if not ok then return self:drop(running.name, "task failed") end
  keep_persist(self, 0)
  self:keep()
end

function Runner:on_task_done(done, ok, err)
  self.tasks[done] = nil
  if not ok then self:failed(done.name, err) end
end

return M
