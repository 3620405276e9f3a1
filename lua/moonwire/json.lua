--- JSON for REST answers, configuration and user scripts, over lua-cjson, losing nothing: a number
--- with more than 15 significant digits arrives as a string of all its digits, and whole numbers
--- leave with all of theirs. (The event path has its own decoder: decode.lua.)

local cjson = require "cjson.safe".new()
local decimal = require "moonwire.decimal"
local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}
local DEPTH_MAX, SIZE_MAX = 64, 16 * 1024 * 1024
cjson.decode_max_depth(DEPTH_MAX)
cjson.decode_invalid_numbers(false)

--- What a JSON null arrives as.
M.null = cjson.null

-- Numbers that a double cannot hold exactly become strings before cjson sees them.
local function quote_long_numbers(text)
  if not text:find("%d%d%d%d%d%d%d%d", 1, false) and not text:find("%.%d%d%d%d%d%d") then
    return text
  end
  local cap = 2 * #text + 2
  local out = ffi.new("char[?]", cap)
  local len = C.mw_json_quote_long_numbers(text, #text, out, cap)
  if len == #text then return text end
  return ffi.string(out, len)
end

--- A Lua value of a JSON text, or nil and what is wrong with it.
---@param text string
---@return any value
---@return string|nil err
function M.decode(text)
  if type(text) ~= "string" then return nil, "no text" end
  if #text > SIZE_MAX then return nil, "JSON text of more than 16 MiB" end
  local ok, quoted = pcall(quote_long_numbers, text)
  if not ok then return nil, quoted end
  local value, err = cjson.decode(quoted)
  if value == nil then return nil, "bad JSON: " .. tostring(err) end
  return value
end

local Raw = {}
local Array = {}

--- Text that stands in the output as it is, for example the digits of a number.
function M.raw(text) return setmetatable({ text = text }, Raw) end

--- Marks a table as an array, so that an empty one is written as [].
function M.array(list) return setmetatable(list or {}, Array) end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
                  ["\b"] = "\\b", ["\f"] = "\\f" }
local function escape(c) return escapes[c] or ("\\u%04x"):format(c:byte()) end
local function quote(text) return '"' .. text:gsub('[%c"\\\127]', escape) .. '"' end

local function encode_number(value)
  if value ~= value or value == 1 / 0 or value == -1 / 0 then error("JSON has no " .. value, 0) end
  if value % 1 == 0 and value > -2^53 and value < 2^53 then return ("%.0f"):format(value) end
  for precision = 15, 17 do
    local text = ("%." .. precision .. "g"):format(value)
    if tonumber(text) == value then return text end
  end
end

local encode

local function encode_table(value, depth)
  if depth > DEPTH_MAX then error("JSON nested more than 64 deep", 0) end
  local mark = getmetatable(value)
  if mark == Raw then return value.text end
  local parts = {}
  if mark == Array or #value > 0 then
    for i = 1, #value do parts[i] = encode(value[i], depth + 1) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) ~= "string" then error("a JSON object has text keys, not " .. tostring(key), 0) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do parts[i] = quote(key) .. ":" .. encode(value[key], depth + 1) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value, depth)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind == "number" then return encode_number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "table" then return encode_table(value, depth) end
  if decimal.is(value) then return '"' .. tostring(value) .. '"' end
  if kind == "cdata" and (ffi.istype("int64_t", value) or ffi.istype("uint64_t", value)) then
    return (tostring(value):gsub("U?LL$", ""))
  end
  if value == M.null then return "null" end
  error("a " .. kind .. " has no JSON form", 0)
end

--- JSON of a value: members sorted by name, decimals as strings, `/` as it is. Raises for what has
--- no JSON form.
function M.encode(value)
  local ok, text = pcall(encode, value, 0)
  if not ok then error(text, 2) end
  return text
end

return M
