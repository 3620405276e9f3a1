--- Who in the library holds functions that are about to be replaced: in locals, in the tables of
--- modules and classes. It is a long look through all of it, which can be made in steps.

local jit = require "jit"

jit.off(true, true)                   -- what asks for locals cannot be compiled: no attempts at it

local M = {}
local STEP = 500                      -- values that are looked at before events go on

---@class moonwire.Holders
---@field plan_of table<function, table>  what is looked for -> the plan that replaces it
local Search = { __name = "moonwire.Holders" }
Search.__index = Search

-- (What stands in a table of a change's own comes into the one that stays.)
local function add(search, plan, holder, key)
  local holders = plan.holders
  holders[#holders + 1], holders[#holders + 2] = holder, key
  for _, change in ipairs(search.plans) do
    local old = change.tables[holder]
    if old then holders[#holders + 1], holders[#holders + 2] = old, key end
  end
end

local function note(search, value, holder, key)
  if type(value) ~= "function" and type(value) ~= "table" then return end
  local plan = search.plan_of[value]
  if plan then add(search, plan, holder, key) end
  if search.seen[value] then return end
  search.seen[value], search.last = true, search.last + 1
  search.waiting[search.last] = value
end

local function visit_function(search, f)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name or name == "" then return i end           -- (those of C have no names)
    note(search, value, f, i)
  end
end

-- A table without functions that is no module is no class: what it has is what is counted and kept.
local function visit_table(search, holder)
  local count, has_code = 0, search.is_module[holder]
  for _, value in next, holder do
    has_code = has_code or type(value) == "function"
    if has_code then break end
    count = count + 1
  end
  if not has_code then return count end
  for key, value in next, holder do
    count = count + 1
    note(search, value, holder, key)
  end
  return count
end

--- Looks for all that these plans replace. Each has then `holders`: a list of a function and the
--- number of an upvalue, or of a table and a key, and so on.
---@param plans table[]  of patch.plan
---@return moonwire.Holders
function M.search(plans)
  local search = setmetatable({ plans = plans, plan_of = {}, is_module = {}, seen = {},
                                waiting = {}, last = 0 }, Search)
  for _, plan in ipairs(plans) do
    plan.holders = {}
    for old in pairs(plan.replaced) do search.plan_of[old] = plan end
  end
  local function begin_at(module)
    search.is_module[module] = true
    note(search, module, package.loaded)
  end
  for _, plan in ipairs(plans) do begin_at(plan.module) end
  for name, module in pairs(package.loaded) do
    if name:find "^moonwire" then begin_at(module) end
  end
  return search
end

--- Looks at some more. True when there is nothing left.
---@return boolean
function Search:step()
  local left, waiting = STEP, self.waiting
  while left > 0 and self.last > 0 do
    local value = waiting[self.last]
    waiting[self.last], self.last = nil, self.last - 1
    local visit = type(value) == "function" and visit_function or visit_table
    left = left - visit(self, value)
  end
  return self.last == 0
end

return M
