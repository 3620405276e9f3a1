--- What of a strategy outlives the process: `self.state.persist` as a text and back, exactly. It
--- may hold texts, numbers, booleans, decimals and tables of these; the text reads like Lua:
---
---   {[1]="a\nb",["limit"]=dec"1500000.5",["ratio"]=0.1,["seen"]={["x"]=true}}
---
--- The same content gives the same text, whatever order the table has inside.

local decimal = require "moonwire.decimal"

local M = {}

local MAX_DEPTH, MAX_BYTES = 100, 1024 * 1024

-- Texts and numbers -------------------------------------------------------------------------------

local function escape(c) return ("\\%03d"):format(c:byte()) end

-- As Lua's %q, but on one line and without bytes that a reader of the journal may stumble over.
local function quoted(text)
  return '"' .. text:gsub('[%c"\\\127-\255]', escape) .. '"'
end

local function number_text(n)
  if n ~= n then return "nan" end
  if n == math.huge then return "inf" end
  if n == -math.huge then return "-inf" end
  if n == 0 then return 1 / n < 0 and "-0" or "0" end
  local short = ("%.14g"):format(n)
  return tonumber(short) == n and short or ("%.17g"):format(n)
end

-- Writing -----------------------------------------------------------------------------------------

local function put(out, text)
  out.bytes = out.bytes + #text
  if out.bytes > MAX_BYTES then error("more than 1 MiB of text", 0) end
  out[#out + 1] = text
end

local put_value

local ranks = { boolean = 1, number = 2, string = 3 }

local function key_before(a, b)
  local left, right = ranks[type(a)], ranks[type(b)]
  if left ~= right then return left < right end
  if left == 1 then return not a and b end
  return a < b
end

local function path_of(path, key)
  return type(key) == "string" and key:find("^[%a_][%w_]*$") and path .. "." .. key
    or ("%s[%s]"):format(path, type(key) == "string" and quoted(key) or tostring(key))
end

local function sorted_keys(value, path)
  local keys = {}
  for key in next, value do
    if not ranks[type(key)] then
      error(("%s: a %s is no key for it"):format(path, decimal.is(key) and "decimal" or type(key)),
            0)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, key_before)
  return keys
end

local function put_table(out, value, path, depth)
  if getmetatable(value) ~= nil then error(path .. ": a table with a metatable", 0) end
  if out.inside[value] then error(path .. ": a table that is inside itself", 0) end
  if depth > MAX_DEPTH then error(path .. ": more than 100 tables deep", 0) end
  out.inside[value] = true
  local separator = "{"
  for _, key in ipairs(sorted_keys(value, path)) do
    local name = type(key) == "string" and quoted(key)
      or type(key) == "number" and number_text(key) or tostring(key)
    put(out, separator .. "[" .. name .. "]=")
    put_value(out, value[key], path_of(path, key), depth + 1)
    separator = ","
  end
  put(out, separator == "{" and "{}" or "}")
  out.inside[value] = nil
end

function put_value(out, value, path, depth)
  local kind = type(value)
  if kind == "string" then put(out, quoted(value))
  elseif kind == "number" then put(out, number_text(value))
  elseif kind == "boolean" then put(out, tostring(value))
  elseif decimal.is(value) then put(out, 'dec"' .. tostring(value) .. '"')
  elseif kind == "table" then put_table(out, value, path, depth)
  else error(("%s: a %s"):format(path, kind), 0) end
end

--- The text of a table, or nil and what in it cannot be kept: "state.persist.order: a table with a
--- metatable".
---@param value table
---@return string|nil text
---@return string|nil err
function M.encode(value)
  if type(value) ~= "table" then return nil, "state.persist: a " .. type(value) end
  local out = { bytes = 0, inside = {} }
  local ok, err = pcall(put_value, out, value, "state.persist", 1)
  if not ok then return nil, tostring(err) end
  return table.concat(out)
end

-- Reading -----------------------------------------------------------------------------------------

local words = { ["true"] = true, ["false"] = false, nan = 0 / 0, inf = math.huge,
                ["-inf"] = -math.huge, ["-0"] = -0.0 }

local function fail(reader) error("not understood at byte " .. reader.at, 0) end

local function take(reader, pattern)
  local from, to, found = reader.text:find("^" .. pattern, reader.at)
  if not from then return nil end
  reader.at = to + 1
  return found or reader.text:sub(from, to)
end

local function take_text(reader)
  local raw = take(reader, '"([^"]*)"') or fail(reader)
  return (raw:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits)) end))
end

local function take_plain(reader)
  local word = take(reader, "[%w.+-]+") or fail(reader)
  if word == "dec" then return decimal.parse(take_text(reader)) or fail(reader) end
  if words[word] ~= nil then return words[word] end
  return tonumber(word) or fail(reader)
end

local function take_value(reader, depth)
  if reader.text:sub(reader.at, reader.at) == '"' then return take_text(reader) end
  if not take(reader, "{") then return take_plain(reader) end
  if depth > MAX_DEPTH then fail(reader) end
  local value = {}
  if take(reader, "}") then return value end
  repeat
    if not take(reader, "%[") then fail(reader) end
    local key = take_value(reader, depth + 1)
    if key ~= key or not take(reader, "%]=") then fail(reader) end
    value[key] = take_value(reader, depth + 1)
  until not take(reader, ",")
  if not take(reader, "}") then fail(reader) end
  return value
end

--- The table of a text that M.encode made, or nil, err.
---@param text string
---@return table|nil value
---@return string|nil err
function M.decode(text)
  local reader = { text = text, at = 1 }
  local ok, value = pcall(take_value, reader, 1)
  if not ok then return nil, tostring(value) end
  if type(value) ~= "table" or reader.at <= #text then
    return nil, "not understood at byte " .. math.min(reader.at, #text)
  end
  return value
end

return M
