--- What could come next at the prompt: names of the environment, fields, methods; between
--- quotation marks symbols, venues, strategies and ids of open orders. Looks only: no code of the
--- user's runs.

local view = require "moonwire.view"

local M = {}
local MOST, LOOKED_AT = 200, 5000

-- Members of a value and of what its class gives it.
local function members(value, add, depth)
  if depth > 8 then return end
  if view.members(value, add) then return end
  if type(value) == "table" then
    local left = LOOKED_AT
    for key, member in next, value do
      add(key, member)
      left = left - 1
      if left == 0 then break end
    end
  end
  local meta = debug.getmetatable(value)
  local inherited = type(meta) == "table" and rawget(meta, "__index")
  if type(inherited) == "table" then members(inherited, add, depth + 1) end
end

local function member_of(value, name)
  local found
  members(value, function(key, member)
    if found == nil and key == name then found = member end
  end, 0)
  return found
end

local function names_in(base, prefix, methods_only)
  local list, seen = {}, {}
  members(base, function(key, member)
    if type(key) ~= "string" or seen[key] or not key:find "^[%a_][%w_]*$" then return end
    if key:sub(1, #prefix) ~= prefix or key:sub(1, 1) == "_" and prefix == "" then return end
    if methods_only and type(member) ~= "function" then return end
    seen[key], list[#list + 1] = true, type(member) == "function" and key .. "(" or key
  end, 0)
  return list
end

-- What stands in a text: everything that has a name at this desk.
local function texts_of(desk, prefix)
  local list, seen = {}, {}
  local function add(text)
    if type(text) == "string" and text:sub(1, #prefix) == prefix and not seen[text] then
      seen[text], list[#list + 1] = true, text
    end
  end
  for _, runner in ipairs(desk.runner_list) do add(runner.name) end
  for _, session in ipairs(desk.session_list) do
    add(session.name)
    for _, market in ipairs(session.markets or {}) do add(market.symbol) end
  end
  for _, order in ipairs(desk.orders:list_open()) do
    add(order.client_order_id)
    add(order.order_id)
  end
  return list
end

-- The text after the quotation mark that is still open, or nil.
local function open_text(line)
  local quote, from
  local i = 1
  while i <= #line do
    local c = line:sub(i, i)
    if quote and c == "\\" then i = i + 1
    elseif quote == c then quote = nil
    elseif not quote and (c == '"' or c == "'") then quote, from = c, i + 1 end
    i = i + 1
  end
  return quote and line:sub(from), from
end

local function finish(from, list)
  table.sort(list)
  for i = #list, MOST + 1, -1 do list[i] = nil end
  return from, list
end

--- What could stand at the end of this line.
---@param session moonwire.ConsoleSession
---@param line string          up to the cursor
---@return integer from        the byte of the line from which on each of them replaces it
---@return string[] list       sorted
function M.complete(session, line)
  local text, from = open_text(line)
  if text then return finish(from, texts_of(session.desk, text)) end
  local path = line:match "[%a_][%w_%.:]*$" or ""
  local before, mark, prefix = path:match "^(.*)([%.:])([%w_]*)$"
  if not before then return finish(#line - #path + 1, names_in(session.environment, path)) end
  local base = session.environment
  for name in before:gmatch "[^%.:]+" do base = member_of(base, name) end
  if base == nil then return #line + 1, {} end
  return finish(#line - #prefix + 1, names_in(base, prefix, mark == ":"))
end

return M
