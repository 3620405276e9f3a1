--- The reload of the configuration: the parameters of strategies and what is looked up each time it
--- is needed change at once; all else is said to wait for the next start.

local M = {}

-- Sections that are looked up in desk.config each time.
local LIVE = { risk = true, on_error = true, on_stop = true, on_orphan = true,
               on_journal_failure = true, log = true }
local NOT_COMPARED = { text = true, path = true, directory = true, strategies = true }

---@param a any
---@param b any
---@return boolean
local function are_equal(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do if not are_equal(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- The paths at which two tables differ, as deep as they can be told: "venues.idx.rest_url".
local function differences(old, new, path, found)
  if are_equal(old, new) then return end
  if type(old) ~= "table" or type(new) ~= "table" then
    found[#found + 1] = path
    return
  end
  local keys = {}
  for key in pairs(old) do keys[key] = true end
  for key in pairs(new) do keys[key] = true end
  for key in pairs(keys) do
    differences(old[key], new[key], path .. "." .. tostring(key), found)
  end
end

local function by_name(list)
  local named = {}
  for _, spec in ipairs(list) do named[spec.name] = spec end
  return named
end

local function compare_strategies(old, new, change)
  local before, after = by_name(old), by_name(new)
  for _, spec in ipairs(new) do
    local was = before[spec.name]
    if not was then change.later[#change.later + 1] = "strategy " .. spec.name .. " is new"
    elseif was.file ~= spec.file or (was.trusted or false) ~= (spec.trusted or false) then
      change.later[#change.later + 1] = ("file or trusted of strategy %s"):format(spec.name)
    elseif not are_equal(was.params or {}, spec.params or {}) then
      change.params[spec.name] = spec.params or {}
    end
  end
  for _, spec in ipairs(old) do
    if not after[spec.name] then
      change.later[#change.later + 1] = "strategy " .. spec.name .. " is gone"
    end
  end
end

--- What is another one in the new configuration.
---@param old moonwire.Configuration
---@param new moonwire.Configuration
---@return { params: table<string, table>, live: table<string, any>, later: string[] } change
---        parameters by strategy; sections that can change at once; what waits for the next start
function M.compare(old, new)
  local change = { params = {}, live = {}, later = {} }
  local keys = {}
  for key in pairs(old) do keys[key] = true end
  for key in pairs(new) do keys[key] = true end
  for key in pairs(keys) do
    if NOT_COMPARED[key] or are_equal(old[key], new[key]) then keys[key] = nil
    elseif LIVE[key] then change.live[key] = new[key]
    else differences(old[key], new[key], key, change.later) end
  end
  compare_strategies(old.strategies, new.strategies, change)
  table.sort(change.later)
  return change
end

return M
