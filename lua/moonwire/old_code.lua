--- What a reload cannot change: functions of the code before that something still holds. Timers and
--- tasks that hold names run the new code; these are found and told, with their lines.

local state_copy = require "moonwire.state_copy"

local M = {}
local MOST_TOLD, MOST_SEEN = 6, 20000          -- pieces of old code; tables that are looked at
local MOST_LEVELS = 50                         -- of a task's stack
local STEP = 500                               -- values that are looked at before events go on

local function place_of(info) return ("%s:%d"):format(info.short_src, info.linedefined) end

-- A function whose globals are those of another version of this strategy's code.
local function is_old(f, search)
  local environment = getfenv(f)
  return environment ~= search.new and search.environments[environment] == true
end

local function tell(search, what)
  search.count = search.count + 1
  if search.count <= MOST_TOLD then search.found[#search.found + 1] = what end
end

local function tell_function(search, f, where)
  if search.told[f] or not is_old(f, search) then return end
  search.told[f] = true
  tell(search, ("function at %s in %s"):format(place_of(debug.getinfo(f, "S")), where))
end

local function name_of(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return "." .. key end
  return ("[%s]"):format(type(key) == "string" and ("%q"):format(key) or tostring(key))
end

-- A table that is looked into when its turn comes.
local function note_table(search, value, where)
  if search.seen[value] or search.left == 0 or state_copy.is_ours(value) then return end
  search.seen[value], search.left = true, search.left - 1
  local last = search.last + 1
  search.waiting[last], search.where[last], search.last = value, where, last
end

-- The name of a place is made only where something is to be said of it, or looked into.
local function visit(search, value, where, key)
  if type(value) == "function" then
    if is_old(value, search) then tell_function(search, value, where .. name_of(key)) end
  elseif type(value) == "table" and not search.seen[value] then
    note_table(search, value, where .. name_of(key))
  end
end

-- All of one table: a table that changes cannot be looked through in pieces.
local function visit_next(search)
  local at = search.first
  local value, where, count = search.waiting[at], search.where[at], 1
  search.waiting[at], search.where[at], search.first = nil, nil, at + 1
  for key, each in next, value do
    visit(search, each, where, key)
    count = count + 1
  end
  local meta = debug.getmetatable(value)
  if type(meta) == "table" then note_table(search, meta, where .. " (its metatable)") end
  return count
end

-- Where a task waits: the innermost function of the strategy's own on its stack.
local function visit_task(search, running)
  for level = 0, MOST_LEVELS do
    local info = debug.getinfo(running.thread, level, "Slf")
    if not info then return end
    if info.what ~= "C" and is_old(info.func, search) then
      return tell(search, ("task %s waits at %s:%d and goes on from there, the methods that it "
                           .. "calls are new"):format(running.name, info.short_src,
                                                      info.currentline))
    end
  end
end

local function visit_timers(search, timers)
  for timer in pairs(timers) do
    local where = ("a timer of %g s"):format(timer.seconds)
    if type(timer.method) == "function" then tell_function(search, timer.method, where) end
    for i = 1, timer.n do visit(search, timer[i], "arguments of " .. where, i) end
  end
end

---@class moonwire.OldCodeSearch
local Search = { __name = "moonwire.OldCodeSearch" }
Search.__index = Search

--- Looks for pieces of old code that are still held, now that new code runs. What the strategy
--- holds itself is looked through in steps.
---@param runner moonwire.Runner
---@return moonwire.OldCodeSearch
function M.search(runner)
  local instance = runner.instance
  local search = setmetatable({
    environments = runner.environments, new = runner.code.environment, found = {}, count = 0,
    told = {}, seen = {}, left = MOST_SEEN, waiting = {}, where = {}, first = 1, last = 0,
  }, Search)
  visit_timers(search, runner.timers)
  for running in pairs(runner.tasks) do visit_task(search, running) end
  visit(search, instance.state, "self", "state")
  for key, value in next, instance do
    if key ~= "state" and key ~= "log" then visit(search, value, "self", key) end
  end
  note_table(search, runner.kept, "what mw.keep has")
  return search
end

--- Looks at some more. True when there is nothing left.
---@return boolean
function Search:step()
  local left = STEP
  while left > 0 and self.first <= self.last do left = left - visit_next(self) end
  return self.first > self.last
end

--- What was found, as texts; at most six, the last one says how many more.
---@return string[]
function Search:result()
  if self.count > MOST_TOLD then
    self.found[MOST_TOLD + 1] = ("and %d more"):format(self.count - MOST_TOLD)
  end
  return self.found
end

return M
