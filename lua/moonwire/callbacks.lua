--- The callbacks of a strategy by name, and what in its file was probably meant as one: nobody
--- calls `on_fills`, and nobody would say so.

local sorted = require "moonwire.sorted"
local spelling = require "moonwire.spelling"

local M = {
  NAMES = { "on_start", "on_order", "on_fill", "on_book", "on_trade", "on_session", "on_stop" },
}

local known = { on_reload = true }
for _, name in ipairs(M.NAMES) do known[name] = true end

--- Whether the callbacks of a class can be called.
---@param class table  what the user's file returned
---@return true|nil ok
---@return string|nil err
function M.check(class)
  for _, name in ipairs(sorted.keys(known)) do
    local value = rawget(class, name)
    if value ~= nil and type(value) ~= "function" then
      return nil, ("%s is a callback: a function expected, got %s"):format(name, type(value))
    end
  end
  return true
end

--- Warns of methods whose names are nearly those of callbacks.
---@param class table
---@param log table  of the strategy
function M.warn_of_near_ones(class, log)
  local methods = {}
  for name, value in pairs(class) do
    if type(name) == "string" and type(value) == "function" then methods[name] = true end
  end
  for _, name in ipairs(sorted.keys(methods)) do
    local nearest = name:find "^on" and not known[name] and spelling.nearest(name, known)
    if nearest and spelling.distance(name, nearest) <= 2 then
      log.warn("%s is no callback, nothing calls it by itself; did you mean %s?", name, nearest)
    end
  end
end

return M
