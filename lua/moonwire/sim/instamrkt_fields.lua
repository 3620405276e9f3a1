--- Reading the requests of the simulated Instamrkt: each gives a value, or nil and what is wrong.

local json = require "moonwire.json"

local M = {}

--- A field that is a text or a number, as text.
function M.need(message, name)
  local value = message[name]
  if type(value) == "number" then value = string.format("%.0f", value) end
  if type(value) == "string" and value ~= "" then return value end
  return nil, "missing parameter " .. name
end

-- What a field names in a set.
local function named(set, message, name, what)
  local id, err = M.need(message, name)
  if not id then return nil, err end
  if set[id] then return set[id] end
  return nil, "unknown " .. what
end

function M.game(floor, message) return named(floor.games, message, "game_id", "game") end
function M.pool(floor, message) return named(floor.pools, message, "pool_id", "pool") end
function M.source(floor, message) return named(floor.sources, message, "source_id", "source") end

--- A value; nil for null.
function M.given(value) if value ~= json.null then return value end end

--- A number; nil for null.
function M.number(value) return tonumber(M.given(value)) end

--- A text; nil for null.
function M.text(value) return type(value) == "string" and value or nil end

return M
