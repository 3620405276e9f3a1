--- A table on a screen that is too narrow for it: what is the same in every row is told once, what
--- can be spared is left out, and when that is not enough each record has lines of its own.

local M = {}

-- In this order. The rest is what the table is looked at for.
local TOLD_ONCE = { "venue", "strategy", "symbol" }
local SPARED = { "created_at", "venue", "strategy" }

local function same_in_all(records, name, count)
  local first = records[1][name]
  for i = 2, count do if records[i][name] ~= first then return nil end end
  return first
end

local function without(columns, name)
  local left = {}
  for _, column in ipairs(columns) do if column ~= name then left[#left + 1] = column end end
  return left, #left < #columns
end

-- Leaves columns out until the table fits, those that note(name) allows.
local function leave_out(columns, names, fits, note)
  for _, name in ipairs(names) do
    if fits(columns) then return columns end
    local left, was_there = without(columns, name)
    if was_there and note(name) then columns = left end
  end
  return columns
end

--- The columns that fit, and what is to be said of the others; nil: too narrow for any table.
---@param records table[]
---@param columns string[]
---@param count integer      of the records are shown
---@param fits fun(columns: string[]): boolean
---@return string[]|nil columns
---@return string[] notes    lines below the table
function M.columns(records, columns, count, fits)
  local told, spared = {}, {}
  local left = leave_out(columns, TOLD_ONCE, fits, function(name)
    local value = same_in_all(records, name, count)
    if type(value) == "string" then told[#told + 1] = name .. " " .. value end
    return type(value) == "string"
  end)
  left = leave_out(left, SPARED, fits, function(name)
    spared[#spared + 1] = name
    return true
  end)
  local notes = {}
  if told[1] then notes[1] = "in each row: " .. table.concat(told, ", ") end
  if spared[1] then
    notes[#notes + 1] = ("no room for %s: all(_) shows them"):format(table.concat(spared, ", "))
  end
  return fits(left) and left or nil, notes
end

return M
