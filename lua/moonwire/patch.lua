--- New functions for a library module that is in use. Its table and its classes stay the tables
--- that everybody holds, and get the new functions; its locals stay the ones that they were, so
--- that what is counted and bound goes on. Locals that are constants take the new value: names in
--- capital letters, and tables that hold plain values. What other modules have taken out of it,
--- into locals or tables of their own, is replaced there.

local holders = require "moonwire.holders"
local jit = require "jit"

jit.off(true, true)                   -- as in holders.lua

local M = {}
local MOST_DEPTH = 4                  -- of tables without values in tables

local function is_class(value)
  if type(value) ~= "table" then return false end
  for _, each in next, value do if type(each) == "function" then return true end end
  return false
end

-- Whether there is anything but tables in it: then it is one of constants, not of what is bound.
local function has_values(value, depth)
  for _, each in next, value do
    if type(each) ~= "table" or depth == 0 or has_values(each, depth - 1) then return true end
  end
  return false
end

-- What a module is made of ------------------------------------------------------------------------

local visit

local function visit_function(code, f)
  if code.seen[f] then return end
  code.seen[f] = true
  if debug.getinfo(f, "S").source ~= code.source then return end
  code.functions[#code.functions + 1] = f
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name then break end
    local id, known = debug.upvalueid(f, i), code.locals[name]
    if not known then code.locals[name] = { f = f, index = i, id = id, value = value }
    elseif known.id ~= id then code.twice[name] = true end
    visit(code, value)
  end
end

function visit(code, value)
  if type(value) == "function" then return visit_function(code, value) end
  if type(value) ~= "table" or code.seen[value] then return end
  code.seen[value] = true
  if not is_class(value) then return end
  for _, each in next, value do visit(code, each) end
end

-- The functions of one file that can be reached from its module, and the locals that they share;
-- what has been seen is passed over.
local function code_of(module, source, seen)
  local code = { source = source, functions = {}, locals = {}, twice = {}, seen = seen }
  seen[module] = true
  for _, each in next, module do visit(code, each) end
  return code
end

-- What becomes what -------------------------------------------------------------------------------

local pair

local function pair_tables(plan, old, new)
  plan.tables[new] = old
  for key, value in next, new do pair(plan, rawget(old, key), value) end
end

function pair(plan, old, new)
  if type(old) == "function" and type(new) == "function" then plan.replaced[old] = new
  elseif is_class(old) and is_class(new) and old ~= new and not plan.tables[new] then
    pair_tables(plan, old, new)
  end
end

-- Whether a local of the new code goes on with the old one's value.
local function goes_on(old, new, name)
  if type(new) == "function" and type(old) == "function" then return false end
  if type(new) == "table" and type(old) == "table" then
    return is_class(new) or not has_values(new, MOST_DEPTH)
  end
  return not name:find("^[%u%d_]+$")
end

--- What M.apply does, or nil and why it cannot be done.
---@param old any       the module as it is loaded
---@param new any       what the new text returned
---@param source string  "@" and the file
---@return table|nil plan
---@return string|nil err
function M.plan(old, new, source)
  if type(old) ~= "table" or type(new) ~= "table" then return nil, "it is no table of functions" end
  local plan = { module = new, replaced = {}, tables = {}, joins = {} }
  local before = code_of(old, source, {})
  local after = code_of(new, source, before.seen)
  if #before.functions == 0 then return nil, "no function of " .. source:sub(2) .. " runs" end
  pair_tables(plan, old, new)                   -- also when it has tables of functions alone
  for name, fresh in pairs(after.locals) do
    local known = before.locals[name]
    if known then
      if before.twice[name] or after.twice[name] then
        return nil, ("two locals are called %s: it cannot be told which is which"):format(name)
      end
      pair(plan, known.value, fresh.value)
      if goes_on(known.value, fresh.value, name) then plan.joins[name] = known end
    end
  end
  plan.functions = after.functions
  return plan
end

-- Doing it ----------------------------------------------------------------------------------------

local function join(plan)
  for _, f in ipairs(plan.functions) do
    for i = 1, math.huge do
      local name = debug.getupvalue(f, i)
      if not name then break end
      local known = plan.joins[name]
      if known then debug.upvaluejoin(f, i, known.f, known.index) end
    end
  end
end

local function merge(new, old)
  for key, value in next, new do
    if not is_class(value) or not is_class(rawget(old, key)) then rawset(old, key, value) end
  end
end

--- Puts new functions in the place of old ones, wherever holders.lua has found them.
function M.replace(plan)
  local replaced, found = plan.replaced, plan.holders
  for i = 1, #found, 2 do
    local holder, key = found[i], found[i + 1]
    if type(holder) == "function" then
      local _, value = debug.getupvalue(holder, key)
      if replaced[value] then debug.setupvalue(holder, key, replaced[value]) end
    else
      local value = rawget(holder, key)
      if replaced[value] then rawset(holder, key, replaced[value]) end
    end
  end
  if found[1] then jit.flush() end              -- compiled code takes such locals for constants
end

--- Does what was planned; cannot fail.
function M.apply(plan)
  if not plan.holders then                      -- nobody has looked for them in steps
    local search = holders.search { plan }
    repeat until search:step()
  end
  join(plan)
  for new, old in pairs(plan.tables) do merge(new, old) end
  M.replace(plan)
  jit.flush()
end

return M
